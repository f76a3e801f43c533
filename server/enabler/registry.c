/* Systems: registration, publication, leases (steps 1 and 2). */
#include "server/enabler/state.h"

#include "shared/base/log.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

System *system_find(Enabler *enabler, const char *name)
{
    for (uint32_t i = 0; i < enabler->config.systems_max; i++) {
        System *system = &enabler->systems[i];
        if (system->used && strcmp(system->stored.name, name) == 0) {
            return system;
        }
    }
    return NULL;
}

uint32_t system_index(const Enabler *enabler, const System *system)
{
    return (uint32_t)(system - enabler->systems);
}

void system_finish(System *system)
{
    routes_drop_twin(system);
    free(system->subscriptions);
    publication_finish(&system->live);
    publication_finish(&system->pending);
    free(system->values);
    free(system->provides);
    *system = (System){ 0 };
}

static System *add_system(Enabler *enabler, const char *name, SystemKind kind)
{
    for (uint32_t i = 0; i < enabler->config.systems_max; i++) {
        System *system = &enabler->systems[i];
        if (!system->used) {
            *system = (System){ .used = true,
                                .stored.kind = kind,
                                .heard = TIME_NONE,
                                .down_since = enabler->now,
                                .source_clock = TIME_NONE,
                                .snapshot_asked = TIME_NONE };
            snprintf(system->stored.name, sizeof system->stored.name, "%s", name);
            return system;
        }
    }
    return NULL;
}

/* Tells everyone but itself whether it is there; once per change. */
static void tell_state(Enabler *enabler, System *system, bool up, const char *reason)
{
    if (system->up == up) {
        return;
    }
    system->up = up;
    for (uint32_t i = 0; i < enabler->config.systems_max; i++) {
        const System *other = &enabler->systems[i];
        if (!other->used || other == system || other->stored.kind == SYSTEM_TWIN) {
            continue;
        }
        FamilyId id = consumer_message(other->stored.kind, MII_SYSTEM_STATE);
        BodyWriter body = body_begin(id);
        body_text(&body, "system", system->stored.name);
        body_text(&body, "state", up ? "up" : "down");
        body_text(&body, "reason", reason);
        send_body(enabler, other, 0, system->stored.name, &body);
    }
    audit_write(enabler, &(AuditLine){ .system = system->stored.name,
                                       .key = system->who,
                                       .what = up ? "up" : "down",
                                       .subject = system->stored.name,
                                       .result = "told",
                                       .reason = reason });
}

/* ---- registration ---- */

typedef struct Registration {
    char name[SYSTEM_NAME_SIZE], title[SYSTEM_TEXT_SIZE], version[SYSTEM_TEXT_SIZE], domain[SYSTEM_NAME_SIZE];
    char session[SYSTEM_TEXT_SIZE], token[TOKEN_SIZE];
    bool has_token;
    char *provides; /* JSON array, on the heap */
} Registration;

static void read_provides(const JsonNode *root, Registration *out)
{
    static const char *const keys[] = { "name", "title", NULL };
    JsonNode array = json_member(root, "provides");
    size_t count = json_array_size_in(&array, 0, 64);
    for (size_t i = 0; i < count; i++) {
        JsonNode node = json_element(&array, i);
        JsonNode name = json_required(&node, "name"), title = json_required(&node, "title");
        json_known_keys(&node, keys);
        (void)json_read_text(&name, 1, SYSTEM_TEXT_SIZE, "");
        (void)json_read_text(&title, 0, SYSTEM_TEXT_SIZE, "");
    }
    bool given = array.value && root->document->status == STATUS_OK;
    out->provides = given ? json_dumps(array.value, JSON_COMPACT) : copy_text("[]");
}

static void read_registration(const JsonNode *root, Registration *out)
{
    static const char *const keys[] = { "schema", "name",     "title",   "version", "domain",
                                        "token",  "provides", "session", NULL };
    json_known_keys(root, keys);
    read_required(root, "name", 1, out->name, sizeof out->name);
    read_required(root, "title", 0, out->title, sizeof out->title);
    read_required(root, "version", 0, out->version, sizeof out->version);
    read_optional(root, "domain", out->domain, sizeof out->domain);
    read_optional(root, "session", out->session, sizeof out->session);
    read_optional(root, "token", out->token, sizeof out->token);
    out->has_token = json_object_get(root->value, "token") != NULL;
    read_provides(root, out);
}

/* NULL, or why this registration is not taken. */
static const char *registration_refused(Enabler *enabler, const Request *request, const Registration *wanted,
                                        const System *known)
{
    if (strcmp(wanted->name, request->message->from) != 0) {
        return "the name is not the one that the connection has proven";
    }
    if (known && known->stored.kind != request->rule->sender) {
        return "there is a system of another kind with that name";
    }
    if (known && known->registered && known->hub != request->hub) {
        return "a system of that name is registered by another way";
    }
    bool listed = tokens_name_listed(&enabler->config.tokens, wanted->name);
    if (request->rule->sender != SYSTEM_SERVICE || (!listed && !wanted->has_token)) {
        return NULL;
    }
    switch (tokens_check(&enabler->config.tokens, wanted->name, wanted->token, enabler->wall)) {
    case STATUS_OK:
        return NULL;
    case STATUS_TIMED_OUT:
        return "the token has expired";
    default:
        return wanted->has_token ? "the token is not good for that name" : "a token is needed for that name";
    }
}

static void answer_registered(Enabler *enabler, const Request *request, const System *system)
{
    FamilyId id = system->stored.kind == SYSTEM_TWIN ? DII_REGISTERED
                                                     : consumer_message(system->stored.kind, MII_REGISTERED);
    BodyWriter body = body_begin(id);
    body_number(&body, "lease_s", time_to_seconds(enabler->config.lease));
    body_number(&body, "heartbeat_s", time_to_seconds(enabler->config.heartbeat));
    if (system->stored.kind == SYSTEM_TWIN) {
        body_integer(&body, "things", system->live.thing_count);
    }
    answer(enabler, request, &body);
}

/* What a system had asked for in a life before is over: it asks again. */
static void begin_anew(Enabler *enabler, System *system, bool same_session)
{
    if (system->stored.kind != SYSTEM_TWIN) {
        routes_drop_consumer(enabler, system_index(enabler, system));
        return;
    }
    publication_finish(&system->pending);
    grants_forget_questions(enabler, system_index(enabler, system));
    if (!same_session) {
        commands_fail(enabler, system->stored.name, "the digital twin system has started anew");
        system->published = false;
    }
    routes_wait(enabler, system);
}

static void take_registration(Enabler *enabler, const Request *request, Registration *wanted, System *system)
{
    StoredSystem *stored = &system->stored;
    bool first = system->session[0] == '\0' && !system->registered;
    bool same = strcmp(system->session, wanted->session) == 0;
    begin_anew(enabler, system, same || first);
    system->dirty = system->dirty || !system->provides || strcmp(stored->title, wanted->title) != 0 ||
                    strcmp(stored->version, wanted->version) != 0 ||
                    strcmp(stored->domain, wanted->domain) != 0 ||
                    strcmp(system->provides, wanted->provides) != 0;
    memcpy(stored->title, wanted->title, sizeof stored->title);
    memcpy(stored->version, wanted->version, sizeof stored->version);
    memcpy(stored->domain, wanted->domain, sizeof stored->domain);
    memcpy(system->session, wanted->session, sizeof system->session);
    snprintf(system->who, sizeof system->who, "%s", request->who);
    free(system->provides);
    system->provides = wanted->provides;
    wanted->provides = NULL;
    system->hub = request->hub;
    system->registered = true;
    system->heard = enabler->now;
    audit_write(enabler, &(AuditLine){ .system = stored->name,
                                       .key = request->who,
                                       .what = "register",
                                       .subject = stored->name,
                                       .result = "allowed",
                                       .reason = system_kind_name(stored->kind) });
    answer_registered(enabler, request, system);
    if (stored->kind != SYSTEM_TWIN || system->published) {
        tell_state(enabler, system, true, "registered");
    } else {
        tell_state(enabler, system, false, "it starts anew");
    }
}

void handle_register(Enabler *enabler, Request *request)
{
    Registration wanted = { 0 };
    read_registration(&request->root, &wanted);
    if (refused_document(enabler, request)) {
        free(wanted.provides);
        return;
    }
    System *system = system_find(enabler, request->message->from);
    const char *why = registration_refused(enabler, request, &wanted, system);
    if (why) {
        refuse(enabler, request, STATUS_NOT_ALLOWED, wanted.name, "%s", why);
    } else if (!wanted.provides) {
        refuse(enabler, request, STATUS_OUT_OF_MEMORY, wanted.name, "out of memory");
    } else if (!system && !(system = add_system(enabler, wanted.name, request->rule->sender))) {
        refuse(enabler, request, STATUS_CAPACITY, wanted.name, "there is room for %u systems only",
               enabler->config.systems_max);
    } else {
        take_registration(enabler, request, &wanted, system);
    }
    free(wanted.provides);
    sodium_memzero(wanted.token, sizeof wanted.token);
}

/* ---- publication ---- */

/* Hubs between processes need to know what SYNC refers to; before the models go, they have to forget them. */
static void set_schema(Enabler *enabler, const System *system, bool given)
{
    SyncSchema schema = { .things = system->live.schema,
                          .thing_count = system->live.thing_count,
                          .texts = enabler->config.texts };
    for (uint32_t i = 0; i < enabler->hub_count; i++) {
        if (bus_set_schema(enabler->hubs[i], system->stored.name, given ? &schema : NULL) != STATUS_OK) {
            log_warning("enabler", "a bus takes no more models: synchronisation of \"%s\" will not pass it",
                        system->stored.name);
        }
    }
}

/* Puts the pending publication in place of the live one. */
static Status go_live(Enabler *enabler, System *system)
{
    bool changed = system->pending.fingerprint != system->live.fingerprint ||
                   system->pending.thing_count != system->live.thing_count || !system->live.slots;
    Reported *values = calloc((size_t)system->pending.value_count + 1, sizeof *values);
    if (!values) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < system->pending.value_count; i++) {
        values[i].source_time = TIME_NONE;
    }
    free(system->values);
    system->values = values;
    system->source_clock = TIME_NONE;
    set_schema(enabler, system, false);
    publication_finish(&system->live);
    system->live = system->pending;
    system->pending = (Publication){ 0 };
    if (changed) {
        /* Numbers of things mean something else now: those who are interested describe and subscribe again.
         */
        routes_drop_twin(system);
        system->publication_dirty = true;
        commands_fail(enabler, system->stored.name, "the digital twin system has published other models");
    }
    routes_wait(enabler, system);
    system->published = true;
    set_schema(enabler, system, true);
    if (system->up && changed) {
        tell_state(enabler, system, false, "it has published other models");
    }
    return STATUS_OK;
}

static void answer_published(Enabler *enabler, const Request *request, const System *system)
{
    BodyWriter body = body_begin(DII_PUBLISHED);
    body_integer(&body, "things", system->live.thing_count);
    body_integer(&body, "models", system->live.model_count);
    answer(enabler, request, &body);
}

void handle_publish(Enabler *enabler, Request *request)
{
    static const char *const keys[] = { "schema", "first_model", "models", "first_thing",
                                        "things", "last",        NULL };
    System *system = request->from;
    json_known_keys(&request->root, keys);
    JsonNode last = json_required(&request->root, "last");
    bool is_last = json_read_boolean(&last, false);
    publication_add_page(&system->pending, &request->root, system->stored.name, enabler->config.things_max);
    if (refused_document(enabler, request)) {
        publication_finish(&system->pending);
        return;
    }
    if (!is_last) {
        return;
    }
    const char *id = "";
    Status status = publication_seal(&system->pending, &id);
    status = status == STATUS_OK ? go_live(enabler, system) : status;
    if (status != STATUS_OK) {
        refuse(enabler, request, status, system->stored.name,
               status == STATUS_DUPLICATE ? "two things are called \"%s\"" : "out of memory%s", id);
        publication_finish(&system->pending);
        return;
    }
    char what[64];
    snprintf(what, sizeof what, "%u things, %u models", system->live.thing_count, system->live.model_count);
    audit_write(enabler, &(AuditLine){ .system = system->stored.name,
                                       .key = request->who,
                                       .what = "publish",
                                       .subject = system->stored.name,
                                       .result = "allowed",
                                       .reason = what });
    answer_published(enabler, request, system);
    tell_state(enabler, system, true, "published");
}

/* ---- leases ---- */

void system_heard(Enabler *enabler, System *system)
{
    system->heard = enabler->now;
    bool ready = system->stored.kind != SYSTEM_TWIN || system->published;
    if (!system->up && ready) {
        tell_state(enabler, system, true, "heard again");
    }
}

/* Its lease has lapsed, or its connection is gone. */
static void go_down(Enabler *enabler, System *system, const char *reason)
{
    system->down_since = enabler->now;
    if (system->stored.kind == SYSTEM_TWIN) {
        commands_fail(enabler, system->stored.name, reason);
        grants_forget_questions(enabler, system_index(enabler, system));
        routes_wait(enabler, system);
    }
    tell_state(enabler, system, false, reason);
}

void system_lost(Enabler *enabler, System *system, const char *reason)
{
    if (!system->registered) {
        return;
    }
    system->registered = false;
    if (system->stored.kind != SYSTEM_TWIN) {
        routes_drop_consumer(enabler, system_index(enabler, system));
    }
    go_down(enabler, system, reason);
}

/* For good: nothing of it is kept. The store learns the name before the slot is used again. */
static void forget(Enabler *enabler, System *system)
{
    log_info("enabler", "system \"%s\" has been away for too long and is forgotten", system->stored.name);
    grants_end_of(enabler, system->stored.name, "the system is gone for good");
    alarms_forget(enabler, system->stored.name);
    grants_forget_questions(enabler, system_index(enabler, system));
    routes_drop_consumer(enabler, system_index(enabler, system));
    audit_write(enabler, &(AuditLine){ .system = system->stored.name,
                                       .key = system->who,
                                       .what = "forget",
                                       .subject = system->stored.name,
                                       .result = "done",
                                       .reason = "away for too long" });
    set_schema(enabler, system, false);
    memcpy(enabler->removed[enabler->removed_count++], system->stored.name, SYSTEM_NAME_SIZE);
    system_finish(system);
}

void registry_tick(Enabler *enabler)
{
    for (uint32_t i = 0; i < enabler->config.systems_max; i++) {
        System *system = &enabler->systems[i];
        if (!system->used) {
            continue;
        }
        bool silent = system->registered && enabler->now - system->heard > enabler->config.lease;
        if (silent && system->up) {
            enabler->counters.leases_lapsed++;
            go_down(enabler, system, "nothing was heard of it for longer than its lease");
        }
        bool away = !system->up && (silent || !system->registered);
        if (away && enabler->now - system->down_since > enabler->config.gone_after &&
            enabler->removed_count < enabler->config.systems_max) {
            forget(enabler, system);
        }
    }
}

/* ---- after a restart ---- */

void registry_start(Enabler *enabler, TimeNs now)
{
    for (uint32_t i = 0; i < enabler->config.systems_max; i++) {
        enabler->systems[i].down_since = now;
    }
}

/* What was published is read as it came; when that fails, the twin system publishes anew anyway. */
static void load_publication(Enabler *enabler, System *system, Bytes json)
{
    Diag diag = { 0 };
    JsonDocument document;
    const char *id = NULL;
    arena_reset(&enabler->request);
    if (json_document_parse(&document, json, system->stored.name, &enabler->request, &diag) == STATUS_OK) {
        JsonNode root = json_document_root(&document);
        publication_add_page(&system->pending, &root, system->stored.name, enabler->config.things_max);
        if (document.status != STATUS_OK || publication_seal(&system->pending, &id) != STATUS_OK ||
            go_live(enabler, system) != STATUS_OK) {
            publication_finish(&system->pending);
        }
        system->publication_dirty = false;
        system->published = false;
    }
    json_document_finish(&document);
}

static Status load_system(void *context, const StoredSystem *stored, Bytes publication)
{
    Enabler *enabler = context;
    if (!system_name_valid(stored->name) || stored->kind == SYSTEM_NONE) {
        return STATUS_OK;
    }
    System *system = add_system(enabler, stored->name, stored->kind);
    if (!system) {
        return STATUS_OK; /* more than there is room for now: they register again */
    }
    system->stored = *stored;
    system->stored.provides = NULL;
    system->provides = copy_text(stored->provides);
    if (publication.size > 0) {
        load_publication(enabler, system, publication);
    }
    return system->provides ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

Status registry_load(Enabler *enabler)
{
    return enabler->store.ops->each_system(enabler->store.context, load_system, enabler);
}
