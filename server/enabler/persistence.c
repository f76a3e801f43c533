/* What is to be kept goes to the store: at most one transaction a tick, and only when something has changed.
 * A store that fails is tried again every second; until then everything that has changed stays marked, audit
 * entries wait in their ring, and the enabler goes on. */
#include "server/enabler/state.h"

#include "shared/base/log.h"

#define RETRY       TIME_SECOND
#define KEPT        (24 * 60 * TIME_MINUTE) /* commands and grants that are over */
#define PRUNE_EVERY (60 * TIME_MINUTE)

static Status write_publication(Enabler *enabler, const System *system)
{
    Bytes json;
    bool last;
    arena_reset(&enabler->request);
    Status status =
        publication_write_page(&system->live, 0, 0, SIZE_MAX, "{", &enabler->request, &json, &last);
    return status == STATUS_OK
               ? enabler->store.ops->put_publication(enabler->store.context, system->stored.name, json)
               : status;
}

static Status write_systems(Enabler *enabler)
{
    const StoreOps *ops = enabler->store.ops;
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < enabler->removed_count && status == STATUS_OK; i++) {
        status = ops->remove_system(enabler->store.context, enabler->removed[i]);
    }
    for (uint32_t i = 0; i < enabler->config.systems_max && status == STATUS_OK; i++) {
        System *system = &enabler->systems[i];
        if (system->used && system->dirty) {
            StoredSystem stored = system->stored;
            stored.provides = system->provides;
            status = ops->put_system(enabler->store.context, &stored);
        }
        if (system->used && system->publication_dirty && status == STATUS_OK) {
            status = write_publication(enabler, system);
        }
    }
    return status;
}

static Status write_grants(Enabler *enabler)
{
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < enabler->config.grants_max && enabler->grants_changed && status == STATUS_OK;
         i++) {
        const Grant *grant = &enabler->grants[i];
        if (grant->used && grant->dirty) {
            StoredGrant stored = grant->stored;
            stored.things = grant->things;
            status = enabler->store.ops->put_grant(enabler->store.context, &stored);
        }
    }
    return status;
}

static Status write_commands(Enabler *enabler)
{
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < enabler->config.commands_max && enabler->commands_changed && status == STATUS_OK;
         i++) {
        const Command *command = &enabler->commands[i];
        if (command->used && command->dirty) {
            status = enabler->store.ops->put_command(enabler->store.context, &command->stored);
        }
    }
    return status;
}

static Status write_audit(Enabler *enabler)
{
    Status status = STATUS_OK;
    for (uint64_t i = enabler->audit_stored; i < enabler->audit_count && status == STATUS_OK; i++) {
        status = enabler->store.ops->append_audit(enabler->store.context,
                                                  &enabler->audit[i % enabler->config.audit_kept]);
    }
    return status;
}

static bool prune_due(const Enabler *enabler)
{
    return enabler->wall - enabler->pruned > PRUNE_EVERY;
}

static Status write_all(Enabler *enabler)
{
    const StoreOps *ops = enabler->store.ops;
    void *context = enabler->store.context;
    Status status = ops->begin(context);
    if (status != STATUS_OK) {
        return status;
    }
    status = write_systems(enabler);
    status = status == STATUS_OK ? write_grants(enabler) : status;
    status = status == STATUS_OK ? write_commands(enabler) : status;
    status = status == STATUS_OK ? write_audit(enabler) : status;
    if (status == STATUS_OK && prune_due(enabler)) {
        status = ops->prune(context, enabler->wall - KEPT);
    }
    status = status == STATUS_OK ? ops->commit(context) : status;
    if (status != STATUS_OK) {
        ops->rollback(context);
    }
    return status;
}

static void mark_written(Enabler *enabler)
{
    for (uint32_t i = 0; i < enabler->config.systems_max; i++) {
        enabler->systems[i].dirty = enabler->systems[i].publication_dirty = false;
    }
    for (uint32_t i = 0; i < enabler->config.grants_max && enabler->grants_changed; i++) {
        enabler->grants[i].dirty = false;
    }
    for (uint32_t i = 0; i < enabler->config.commands_max && enabler->commands_changed; i++) {
        enabler->commands[i].dirty = false;
    }
    enabler->changed = enabler->grants_changed = enabler->commands_changed = false;
    enabler->removed_count = 0;
    enabler->audit_stored = enabler->audit_count;
    if (prune_due(enabler)) {
        enabler->pruned = enabler->wall;
    }
}

/* In words of whoever has to help it. */
static const char *store_trouble(Status status)
{
    switch (status) {
    case STATUS_TIMED_OUT:
        return "another program holds the database";
    case STATUS_CAPACITY:
        return "the disk is full";
    case STATUS_MALFORMED:
        return "the database is damaged";
    default:
        return status_text(status);
    }
}

void persist(Enabler *enabler)
{
    if ((enabler->store_failed && enabler->now < enabler->store_retry) || !enabler->changed) {
        return;
    }
    Status status = write_all(enabler);
    if (status == STATUS_OK) {
        if (enabler->store_failed) {
            log_info("enabler", "the store takes what is to be kept again");
        }
        enabler->store_failed = false;
        enabler->counters.store_commits++;
        mark_written(enabler);
        return;
    }
    if (!enabler->store_failed) {
        log_error("enabler",
                  "grants, commands and audit cannot be stored (%s): going on in memory, tried again",
                  store_trouble(status));
    }
    enabler->store_failed = true;
    enabler->store_retry = enabler->now + RETRY;
    enabler->counters.store_failures++;
}

bool enabler_store_works(const Enabler *enabler)
{
    return !enabler->store_failed;
}

static Status load_audit(void *context, const AuditEntry *entry)
{
    Enabler *enabler = context;
    enabler->audit[enabler->audit_count++ % enabler->config.audit_kept] = *entry;
    enabler->audit_stored = enabler->audit_count;
    return STATUS_OK;
}

Status persistence_load(Enabler *enabler)
{
    Status status = registry_load(enabler);
    status = status == STATUS_OK ? grants_load(enabler) : status;
    status = status == STATUS_OK ? commands_load(enabler) : status;
    return status == STATUS_OK ? enabler->store.ops->audit_tail(
                                     enabler->store.context, enabler->config.audit_kept, load_audit, enabler)
                               : status;
}
