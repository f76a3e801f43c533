#include "server/enabler/store_memory.h"

#include <stdlib.h>

#define COMMANDS_KEPT 4096
#define AUDIT_KEPT    4096

typedef enum RecordType {
    RECORD_SYSTEM,
    RECORD_PUBLICATION,
    RECORD_REMOVAL,
    RECORD_GRANT,
    RECORD_COMMAND,
    RECORD_AUDIT,
    RECORD_PRUNE
} RecordType;

/* What was put, with a copy of the text that it borrows. */
typedef struct Record {
    RecordType type;
    union {
        StoredSystem system; /* also of a PUBLICATION and a REMOVAL: the name */
        StoredGrant grant;
        StoredCommand command;
        AuditEntry audit;
        TimeNs before;
    } as;
    char *text; /* provides, JSON or things; NULL when none */
    size_t text_size;
} Record;

typedef struct RecordList {
    Record *records;
    size_t count, capacity;
} RecordList;

typedef struct MemoryStore {
    RecordList pending; /* of the transaction */
    RecordList systems, publications, grants, commands, audit;
    Status failure;
} MemoryStore;

static void record_finish(Record *record)
{
    free(record->text);
    record->text = NULL;
}

static void list_clear(RecordList *list)
{
    for (size_t i = 0; i < list->count; i++) {
        record_finish(&list->records[i]);
    }
    list->count = 0;
}

static void list_finish(RecordList *list)
{
    list_clear(list);
    free(list->records);
    *list = (RecordList){ 0 };
}

static void list_remove(RecordList *list, size_t index)
{
    record_finish(&list->records[index]);
    list->count--;
    memmove(&list->records[index], &list->records[index + 1], (list->count - index) * sizeof *list->records);
}

static Status list_reserve(RecordList *list, size_t more)
{
    if (list->capacity - list->count >= more) {
        return STATUS_OK;
    }
    size_t capacity = (list->count + more) * 2;
    Record *records = realloc(list->records, capacity * sizeof *records);
    if (!records) {
        return STATUS_OUT_OF_MEMORY;
    }
    list->records = records;
    list->capacity = capacity;
    return STATUS_OK;
}

/* Adds `record` to the transaction with a copy of `text`. */
static Status add_pending(MemoryStore *store, Record record, const char *text, size_t size)
{
    if (list_reserve(&store->pending, 1) != STATUS_OK) {
        return STATUS_OUT_OF_MEMORY;
    }
    if (text) {
        record.text = malloc(size + 1);
        if (!record.text) {
            return STATUS_OUT_OF_MEMORY;
        }
        memcpy(record.text, text, size);
        record.text[size] = '\0';
        record.text_size = size;
    }
    store->pending.records[store->pending.count++] = record;
    return STATUS_OK;
}

static Status memory_begin(void *context)
{
    return ((MemoryStore *)context)->failure;
}

static void memory_rollback(void *context)
{
    list_clear(&((MemoryStore *)context)->pending);
}

/* Where `key` is kept; list->count when it is not. Every record begins with its key. */
static size_t find_key(const RecordList *list, const char *key)
{
    size_t i = 0;
    while (i < list->count && strcmp(list->records[i].as.system.name, key) != 0) {
        i++;
    }
    return i;
}

_Static_assert(offsetof(StoredSystem, name) == 0 && offsetof(StoredGrant, id) == 0 &&
                   offsetof(StoredCommand, id) == 0,
               "find_key reads the key at the beginning");

static void put(RecordList *list, Record record, size_t kept)
{
    size_t at = find_key(list, record.as.system.name);
    if (at < list->count) {
        record_finish(&list->records[at]);
        list->records[at] = record;
        return;
    }
    if (kept > 0 && list->count >= kept) {
        list_remove(list, 0);
    }
    list->records[list->count++] = record;
}

static void remove_key(RecordList *list, const char *key)
{
    size_t at = find_key(list, key);
    if (at < list->count) {
        list_remove(list, at);
    }
}

static void prune_lists(MemoryStore *store, TimeNs before)
{
    for (size_t i = store->grants.count; i-- > 0;) {
        if (store->grants.records[i].as.grant.expires < before) {
            list_remove(&store->grants, i);
        }
    }
    for (size_t i = store->commands.count; i-- > 0;) {
        if (store->commands.records[i].as.command.taken < before) {
            list_remove(&store->commands, i);
        }
    }
}

static void append(RecordList *list, Record record, size_t kept)
{
    if (list->count >= kept) {
        list_remove(list, 0);
    }
    list->records[list->count++] = record;
}

static void apply(MemoryStore *store, Record record)
{
    switch (record.type) {
    case RECORD_SYSTEM:
        put(&store->systems, record, 0);
        break;
    case RECORD_PUBLICATION:
        put(&store->publications, record, 0);
        break;
    case RECORD_REMOVAL:
        remove_key(&store->systems, record.as.system.name);
        remove_key(&store->publications, record.as.system.name);
        break;
    case RECORD_GRANT:
        put(&store->grants, record, 0);
        break;
    case RECORD_COMMAND:
        put(&store->commands, record, COMMANDS_KEPT);
        break;
    case RECORD_AUDIT:
        append(&store->audit, record, AUDIT_KEPT);
        break;
    case RECORD_PRUNE:
        prune_lists(store, record.as.before);
        break;
    }
}

/* Room for everything first: nothing fails half-way. */
static Status memory_commit(void *context)
{
    MemoryStore *store = context;
    RecordList *lists[] = { &store->systems, &store->publications, &store->grants, &store->commands,
                            &store->audit };
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        if (list_reserve(lists[i], store->pending.count) != STATUS_OK) {
            return STATUS_OUT_OF_MEMORY;
        }
    }
    for (size_t i = 0; i < store->pending.count; i++) {
        apply(store, store->pending.records[i]);
    }
    store->pending.count = 0; /* their texts have gone over */
    return STATUS_OK;
}

static Status memory_put_system(void *context, const StoredSystem *system)
{
    return add_pending(context, (Record){ .type = RECORD_SYSTEM, .as.system = *system }, system->provides,
                       strlen(system->provides));
}

static Record named_record(RecordType type, const char *name)
{
    Record record = { .type = type };
    size_t size = strnlen(name, SYSTEM_NAME_SIZE - 1);
    memcpy(record.as.system.name, name, size);
    return record;
}

static Status memory_put_publication(void *context, const char *system, Bytes json)
{
    return add_pending(context, named_record(RECORD_PUBLICATION, system),
                       json.size > 0 ? (const char *)json.data : "", json.size);
}

static Status memory_remove_system(void *context, const char *name)
{
    return add_pending(context, named_record(RECORD_REMOVAL, name), NULL, 0);
}

static Status memory_put_grant(void *context, const StoredGrant *grant)
{
    return add_pending(context, (Record){ .type = RECORD_GRANT, .as.grant = *grant }, grant->things,
                       grant->things ? strlen(grant->things) : 0);
}

static Status memory_put_command(void *context, const StoredCommand *command)
{
    return add_pending(context, (Record){ .type = RECORD_COMMAND, .as.command = *command }, NULL, 0);
}

static Status memory_append_audit(void *context, const AuditEntry *entry)
{
    return add_pending(context, (Record){ .type = RECORD_AUDIT, .as.audit = *entry }, NULL, 0);
}

static Status memory_prune(void *context, TimeNs before)
{
    return add_pending(context, (Record){ .type = RECORD_PRUNE, .as.before = before }, NULL, 0);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const Record *)a)->as.system.name, ((const Record *)b)->as.system.name);
}

static Status memory_each_system(void *context, StoreShowSystem show, void *show_context)
{
    MemoryStore *store = context;
    if (store->systems.count > 0) {
        qsort(store->systems.records, store->systems.count, sizeof(Record), compare_names);
    }
    for (size_t i = 0; i < store->systems.count; i++) {
        StoredSystem system = store->systems.records[i].as.system;
        system.provides = store->systems.records[i].text;
        size_t at = find_key(&store->publications, system.name);
        Bytes json = at < store->publications.count ? bytes_of(store->publications.records[at].text,
                                                               store->publications.records[at].text_size)
                                                    : (Bytes){ 0 };
        Status status = show(show_context, &system, json);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static int compare_lives(const void *a, const void *b)
{
    const StoredGrant *first = &((const Record *)a)->as.grant, *second = &((const Record *)b)->as.grant;
    if (first->expires != second->expires) {
        return first->expires > second->expires ? -1 : 1;
    }
    return strcmp(first->id, second->id);
}

static Status memory_each_grant(void *context, StoreShowGrant show, void *show_context)
{
    MemoryStore *store = context;
    if (store->grants.count > 0) {
        qsort(store->grants.records, store->grants.count, sizeof(Record), compare_lives);
    }
    for (size_t i = 0; i < store->grants.count; i++) {
        StoredGrant grant = store->grants.records[i].as.grant;
        grant.things = store->grants.records[i].text;
        Status status = grant.ended ? STATUS_OK : show(show_context, &grant);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static Status memory_each_open_command(void *context, StoreShowCommand show, void *show_context)
{
    const MemoryStore *store = context;
    for (size_t i = 0; i < store->commands.count; i++) {
        const StoredCommand *command = &store->commands.records[i].as.command;
        Status status = command_state_final(command->state) ? STATUS_OK : show(show_context, command);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static Status memory_find_command(void *context, const char *id, StoredCommand *out_command)
{
    const MemoryStore *store = context;
    size_t at = find_key(&store->commands, id);
    if (at >= store->commands.count) {
        return STATUS_NOT_FOUND;
    }
    *out_command = store->commands.records[at].as.command;
    return STATUS_OK;
}

static Status memory_audit_tail(void *context, size_t count, StoreShowAudit show, void *show_context)
{
    const MemoryStore *store = context;
    size_t first = store->audit.count > count ? store->audit.count - count : 0;
    for (size_t i = first; i < store->audit.count; i++) {
        Status status = show(show_context, &store->audit.records[i].as.audit);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static void memory_destroy(void *context)
{
    MemoryStore *store = context;
    list_finish(&store->pending);
    list_finish(&store->systems);
    list_finish(&store->publications);
    list_finish(&store->grants);
    list_finish(&store->commands);
    list_finish(&store->audit);
    free(store);
}

static const StoreOps memory_ops = {
    .begin = memory_begin,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .put_system = memory_put_system,
    .put_publication = memory_put_publication,
    .remove_system = memory_remove_system,
    .put_grant = memory_put_grant,
    .put_command = memory_put_command,
    .append_audit = memory_append_audit,
    .prune = memory_prune,
    .each_system = memory_each_system,
    .each_grant = memory_each_grant,
    .each_open_command = memory_each_open_command,
    .find_command = memory_find_command,
    .audit_tail = memory_audit_tail,
    .destroy = memory_destroy,
};

Status store_memory_create(Store *out_store)
{
    MemoryStore *store = calloc(1, sizeof *store);
    if (!store) {
        return STATUS_OUT_OF_MEMORY;
    }
    *out_store = (Store){ .ops = &memory_ops, .context = store };
    return STATUS_OK;
}

void store_memory_set_failure(Store store, Status status)
{
    ((MemoryStore *)store.context)->failure = status;
}
