#include "server/enabler/store_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define APPLICATION_ID  0x64746D76 /* "dtmv" */
#define BUSY_MS_DEFAULT 20

/* Step i brings a file of version i to i + 1. Steps are never changed once released, only added. */
static const char *const migrations[] = {
    "CREATE TABLE system(name TEXT PRIMARY KEY, kind TEXT NOT NULL, title TEXT NOT NULL, version TEXT NOT "
    "NULL,"
    " domain TEXT NOT NULL, provides TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE publication(system TEXT PRIMARY KEY, json BLOB NOT NULL);"
    "CREATE TABLE grants(id TEXT PRIMARY KEY, consumer TEXT NOT NULL, system TEXT NOT NULL, user TEXT NOT "
    "NULL,"
    " key TEXT NOT NULL, role TEXT NOT NULL, rights INTEGER NOT NULL, things TEXT, issued INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, ended INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX grants_expires ON grants(expires);"
    "CREATE TABLE command(id TEXT PRIMARY KEY, consumer TEXT NOT NULL, system TEXT NOT NULL,"
    " thing TEXT NOT NULL, action TEXT NOT NULL, property TEXT NOT NULL, user TEXT NOT NULL,"
    " grant_id TEXT NOT NULL, state TEXT NOT NULL, final INTEGER NOT NULL, taken INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, reason TEXT NOT NULL, desired) WITHOUT ROWID;"
    "CREATE INDEX command_taken ON command(taken);"
    "CREATE INDEX command_open ON command(final) WHERE final = 0;"
    "CREATE TABLE audit(id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, system TEXT NOT NULL,"
    " user TEXT NOT NULL, key TEXT NOT NULL, what TEXT NOT NULL, subject TEXT NOT NULL, grant_id TEXT NOT "
    "NULL,"
    " result TEXT NOT NULL, reason TEXT NOT NULL);"
    /* REPLACE deletes without firing a trigger for it. */
    "CREATE TRIGGER audit_insert BEFORE INSERT ON audit WHEN NEW.id > 0 AND NEW.id <= (SELECT max(id) FROM "
    "audit)"
    " BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;"
    "CREATE TRIGGER audit_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); "
    "END;"
    "CREATE TRIGGER audit_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); "
    "END;",
};

/* X(NAME, SQL): prepared once. */
#define STATEMENT_TABLE(X)                                                                                 \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                            \
    X(COMMIT, "COMMIT")                                                                                    \
    X(ROLLBACK, "ROLLBACK")                                                                                \
    X(PUT_SYSTEM, "INSERT OR REPLACE INTO system VALUES(?1, ?2, ?3, ?4, ?5, ?6)")                          \
    X(PUT_PUBLICATION, "INSERT OR REPLACE INTO publication VALUES(?1, ?2)")                                \
    X(REMOVE_SYSTEM, "DELETE FROM system WHERE name = ?1")                                                 \
    X(REMOVE_PUBLICATION, "DELETE FROM publication WHERE system = ?1")                                     \
    X(PUT_GRANT, "INSERT OR REPLACE INTO grants VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")     \
    X(PUT_COMMAND, "INSERT OR REPLACE INTO command VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "  \
                   "?12, ?13, ?14)")                                                                       \
    X(APPEND_AUDIT, "INSERT INTO audit(time, system, user, key, what, subject, grant_id, result, reason) " \
                    "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")                                          \
    X(PRUNE_GRANTS, "DELETE FROM grants WHERE expires < ?1")                                               \
    X(PRUNE_COMMANDS, "DELETE FROM command WHERE taken < ?1")                                              \
    X(EACH_SYSTEM, "SELECT name, kind, title, version, domain, provides, json FROM system LEFT JOIN "      \
                   "publication ON system.name = publication.system ORDER BY name")                        \
    X(EACH_GRANT, "SELECT id, consumer, system, user, key, role, rights, things, issued, expires, ended "  \
                  "FROM grants WHERE NOT ended ORDER BY expires DESC, id")                                 \
    X(OPEN_COMMANDS, "SELECT * FROM command WHERE final = 0 ORDER BY taken, id")                           \
    X(FIND_COMMAND, "SELECT * FROM command WHERE id = ?1")                                                 \
    X(AUDIT_TAIL, "SELECT * FROM (SELECT * FROM audit ORDER BY id DESC LIMIT ?1) ORDER BY id")

typedef enum StatementId {
#define STATEMENT_ENUM(name, sql) STATEMENT_##name,
    STATEMENT_TABLE(STATEMENT_ENUM)
#undef STATEMENT_ENUM
        STATEMENT_COUNT
} StatementId;

static const char *const statement_texts[] = {
#define STATEMENT_TEXT(name, sql) sql,
    STATEMENT_TABLE(STATEMENT_TEXT)
#undef STATEMENT_TEXT
};

typedef struct SqliteStore {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENT_COUNT];
} SqliteStore;

static Status status_of(int code)
{
    switch (code & 0xFF) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return STATUS_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return STATUS_TIMED_OUT;
    case SQLITE_FULL:
        return STATUS_CAPACITY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return STATUS_MALFORMED;
    case SQLITE_NOMEM:
        return STATUS_OUT_OF_MEMORY;
    default:
        return STATUS_IO_ERROR;
    }
}

/* ---- opening ---- */

static const char *words_of(Status status)
{
    switch (status) {
    case STATUS_TIMED_OUT:
        return "is held by another program";
    case STATUS_CAPACITY:
        return "cannot grow: the disk is full";
    case STATUS_MALFORMED:
        return "is damaged, or no database; move it away to begin with an empty one";
    default:
        return "cannot be opened or written";
    }
}

static Status fail_open(const SqliteStore *store, int code, const char *path, Diag *diag)
{
    Status status = status_of(code);
    const char *detail = store->database ? sqlite3_errmsg(store->database) : sqlite3_errstr(code);
    return diag_set(diag, status, path, 0, "%s (SQLite: %s)", words_of(status), detail);
}

/* The integer that a PRAGMA without argument gives. */
static int read_pragma(SqliteStore *store, const char *sql, int *out_value)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        *out_value = code == SQLITE_ROW ? sqlite3_column_int(statement, 0) : 0;
    }
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? SQLITE_OK : code;
}

static int run_sql(SqliteStore *store, const char *sql)
{
    return sqlite3_exec(store->database, sql, NULL, NULL, NULL);
}

static int migrate_from(SqliteStore *store, int version)
{
    int code = SQLITE_OK;
    for (size_t step = (size_t)version; step < ARRAY_COUNT(migrations) && code == SQLITE_OK; step++) {
        char stamp[96];
        snprintf(stamp, sizeof stamp, "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID,
                 (int)step + 1);
        code = run_sql(store, "BEGIN IMMEDIATE");
        code = code == SQLITE_OK ? run_sql(store, migrations[step]) : code;
        code = code == SQLITE_OK ? run_sql(store, stamp) : code;
        code = code == SQLITE_OK ? run_sql(store, "COMMIT") : code;
        if (code != SQLITE_OK && !sqlite3_get_autocommit(store->database)) {
            (void)run_sql(store, "ROLLBACK");
        }
    }
    return code;
}

/* Whose file it is and of which version, before anything is written to it. */
static Status check_owner(SqliteStore *store, const char *path, int *out_version, Diag *diag)
{
    int version = 0, application = 0, tables = 0;
    int code = read_pragma(store, "PRAGMA user_version", &version);
    code = code == SQLITE_OK ? read_pragma(store, "PRAGMA application_id", &application) : code;
    code = code == SQLITE_OK ? read_pragma(store, "SELECT count(*) FROM sqlite_schema", &tables) : code;
    if (code != SQLITE_OK) {
        return fail_open(store, code, path, diag);
    }
    if (application != APPLICATION_ID && (tables > 0 || version != 0)) {
        return diag_set(diag, STATUS_MALFORMED, path, 0, "is the database of another program");
    }
    if (version < 0 || (size_t)version > ARRAY_COUNT(migrations)) {
        return diag_set(diag, STATUS_VERSION_MISMATCH, path, 0,
                        "is of version %d, made by a later dtmv; this one knows %zu", version,
                        ARRAY_COUNT(migrations));
    }
    *out_version = version;
    return STATUS_OK;
}

static Status prepare(SqliteStore *store, const StoreSqliteConfig *config, Diag *diag)
{
    int code = sqlite3_open_v2(config->path, &store->database,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        return fail_open(store, code, config->path, diag);
    }
    sqlite3_busy_timeout(store->database, config->busy_ms ? (int)config->busy_ms : BUSY_MS_DEFAULT);
    int version = 0;
    Status status = check_owner(store, config->path, &version, diag);
    if (status != STATUS_OK) {
        return status;
    }
    if (sqlite3_db_readonly(store->database, "main") == 1) {
        return diag_set(diag, STATUS_IO_ERROR, config->path, 0, "cannot be written: it is read-only");
    }
    char limit[64];
    snprintf(limit, sizeof limit, "PRAGMA max_page_count=%u", config->max_page_count);
    code = config->max_page_count ? run_sql(store, limit) : SQLITE_OK;
    code = code == SQLITE_OK ? run_sql(store, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL") : code;
    code = code == SQLITE_OK ? migrate_from(store, version) : code;
    /* Whether it can be written is found out now, not in the middle of the night. */
    code = code == SQLITE_OK ? run_sql(store, "BEGIN IMMEDIATE; COMMIT") : code;
    for (int i = 0; i < STATEMENT_COUNT && code == SQLITE_OK; i++) {
        code = sqlite3_prepare_v3(store->database, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                  &store->statements[i], NULL);
    }
    return code == SQLITE_OK ? STATUS_OK : fail_open(store, code, config->path, diag);
}

static void sqlite_destroy(void *context)
{
    SqliteStore *store = context;
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(store->statements[i]);
    }
    sqlite3_close(store->database);
    free(store);
}

/* ---- writing ---- */

static sqlite3_stmt *statement_of(SqliteStore *store, StatementId id)
{
    return store->statements[id];
}

/* Texts live until the step below, so nothing is copied. */
static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    (void)sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static void bind_int(sqlite3_stmt *statement, int index, int64_t value)
{
    (void)sqlite3_bind_int64(statement, index, value);
}

static Status step_done(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return code == SQLITE_DONE ? STATUS_OK : status_of(code);
}

static Status sqlite_begin(void *context)
{
    return step_done(statement_of(context, STATEMENT_BEGIN));
}

static Status sqlite_commit(void *context)
{
    return step_done(statement_of(context, STATEMENT_COMMIT));
}

static void sqlite_rollback(void *context)
{
    SqliteStore *store = context;
    if (!sqlite3_get_autocommit(store->database)) {
        (void)step_done(statement_of(store, STATEMENT_ROLLBACK));
    }
}

static Status sqlite_put_system(void *context, const StoredSystem *system)
{
    sqlite3_stmt *statement = statement_of(context, STATEMENT_PUT_SYSTEM);
    bind_text(statement, 1, system->name);
    bind_text(statement, 2, system_kind_name(system->kind));
    bind_text(statement, 3, system->title);
    bind_text(statement, 4, system->version);
    bind_text(statement, 5, system->domain);
    bind_text(statement, 6, system->provides);
    return step_done(statement);
}

static Status sqlite_put_publication(void *context, const char *system, Bytes json)
{
    sqlite3_stmt *statement = statement_of(context, STATEMENT_PUT_PUBLICATION);
    bind_text(statement, 1, system);
    (void)sqlite3_bind_blob64(statement, 2, json.data, json.size, SQLITE_STATIC);
    return step_done(statement);
}

static Status sqlite_remove_system(void *context, const char *name)
{
    sqlite3_stmt *statement = statement_of(context, STATEMENT_REMOVE_PUBLICATION);
    bind_text(statement, 1, name);
    Status status = step_done(statement);
    statement = statement_of(context, STATEMENT_REMOVE_SYSTEM);
    bind_text(statement, 1, name);
    return status == STATUS_OK ? step_done(statement) : status;
}

static Status sqlite_put_grant(void *context, const StoredGrant *grant)
{
    sqlite3_stmt *statement = statement_of(context, STATEMENT_PUT_GRANT);
    bind_text(statement, 1, grant->id);
    bind_text(statement, 2, grant->consumer);
    bind_text(statement, 3, grant->system);
    bind_text(statement, 4, grant->user);
    bind_text(statement, 5, grant->key);
    bind_text(statement, 6, grant->role);
    bind_int(statement, 7, grant->rights);
    bind_text(statement, 8, grant->things);
    bind_int(statement, 9, grant->issued);
    bind_int(statement, 10, grant->expires);
    bind_int(statement, 11, grant->ended);
    return step_done(statement);
}

/* NULL, an integer (a boolean), a real or a text: the column has no type of its own. */
static void bind_wished(sqlite3_stmt *statement, int index, const WishedValue *value)
{
    if (!value->given) {
        (void)sqlite3_bind_null(statement, index);
    } else if (value->type == VALUE_NUMBER) {
        (void)sqlite3_bind_double(statement, index, value->number);
    } else if (value->type == VALUE_BOOLEAN) {
        bind_int(statement, index, value->boolean);
    } else {
        bind_text(statement, index, value->text);
    }
}

static Status sqlite_put_command(void *context, const StoredCommand *command)
{
    sqlite3_stmt *statement = statement_of(context, STATEMENT_PUT_COMMAND);
    bind_text(statement, 1, command->id);
    bind_text(statement, 2, command->consumer);
    bind_text(statement, 3, command->system);
    bind_text(statement, 4, command->thing);
    bind_text(statement, 5, command->action);
    bind_text(statement, 6, command->property);
    bind_text(statement, 7, command->user);
    bind_text(statement, 8, command->grant);
    bind_text(statement, 9, command_state_name(command->state));
    bind_int(statement, 10, command_state_final(command->state));
    bind_int(statement, 11, command->taken);
    bind_int(statement, 12, command->expires);
    bind_text(statement, 13, command->reason);
    bind_wished(statement, 14, &command->desired);
    return step_done(statement);
}

static Status sqlite_append_audit(void *context, const AuditEntry *entry)
{
    sqlite3_stmt *statement = statement_of(context, STATEMENT_APPEND_AUDIT);
    bind_int(statement, 1, entry->time);
    const char *const texts[] = { entry->system,  entry->user,  entry->key,    entry->what,
                                  entry->subject, entry->grant, entry->result, entry->reason };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        bind_text(statement, (int)i + 2, texts[i]);
    }
    return step_done(statement);
}

static Status sqlite_prune(void *context, TimeNs before)
{
    sqlite3_stmt *statement = statement_of(context, STATEMENT_PRUNE_GRANTS);
    bind_int(statement, 1, before);
    Status status = step_done(statement);
    statement = statement_of(context, STATEMENT_PRUNE_COMMANDS);
    bind_int(statement, 1, before);
    return status == STATUS_OK ? step_done(statement) : status;
}

/* ---- reading: what is in a file may have been written by others, so it is cut to what fits ---- */

static void read_text(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    snprintf(out, size, "%s", text ? (const char *)text : "");
}

#define READ_TEXT(statement, column, field) read_text((statement), (column), (field), sizeof(field))

/* Ends a reading: the status of the last step, or of the one who was shown a row. */
static Status end_reading(sqlite3_stmt *statement, int code, Status shown)
{
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return shown != STATUS_OK ? shown : code == SQLITE_DONE ? STATUS_OK : status_of(code);
}

static Status sqlite_each_system(void *context, StoreShowSystem show, void *show_context)
{
    sqlite3_stmt *statement = statement_of(context, STATEMENT_EACH_SYSTEM);
    Status shown = STATUS_OK;
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW && shown == STATUS_OK; code = sqlite3_step(statement)) {
        StoredSystem system = { .kind = SYSTEM_NONE };
        READ_TEXT(statement, 0, system.name);
        const unsigned char *kind = sqlite3_column_text(statement, 1);
        system.kind = kind ? system_kind_parse((const char *)kind) : SYSTEM_NONE;
        READ_TEXT(statement, 2, system.title);
        READ_TEXT(statement, 3, system.version);
        READ_TEXT(statement, 4, system.domain);
        const unsigned char *provides = sqlite3_column_text(statement, 5);
        system.provides = provides ? (const char *)provides : "[]";
        const void *json = sqlite3_column_blob(statement, 6);
        shown = show(show_context, &system,
                     bytes_of(json, json ? (size_t)sqlite3_column_bytes(statement, 6) : 0));
    }
    return end_reading(statement, code, shown);
}

static Status sqlite_each_grant(void *context, StoreShowGrant show, void *show_context)
{
    sqlite3_stmt *statement = statement_of(context, STATEMENT_EACH_GRANT);
    Status shown = STATUS_OK;
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW && shown == STATUS_OK; code = sqlite3_step(statement)) {
        StoredGrant grant = { .rights = (uint32_t)sqlite3_column_int64(statement, 6),
                              .things = (const char *)sqlite3_column_text(statement, 7),
                              .issued = sqlite3_column_int64(statement, 8),
                              .expires = sqlite3_column_int64(statement, 9),
                              .ended = sqlite3_column_int(statement, 10) != 0 };
        READ_TEXT(statement, 0, grant.id);
        READ_TEXT(statement, 1, grant.consumer);
        READ_TEXT(statement, 2, grant.system);
        READ_TEXT(statement, 3, grant.user);
        READ_TEXT(statement, 4, grant.key);
        READ_TEXT(statement, 5, grant.role);
        shown = show(show_context, &grant);
    }
    return end_reading(statement, code, shown);
}

static WishedValue read_wished(sqlite3_stmt *statement, int column)
{
    WishedValue value = { .given = true };
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_FLOAT:
        value.type = VALUE_NUMBER;
        value.number = sqlite3_column_double(statement, column);
        break;
    case SQLITE_INTEGER:
        value.type = VALUE_BOOLEAN;
        value.boolean = sqlite3_column_int(statement, column) != 0;
        break;
    case SQLITE_TEXT:
        value.type = VALUE_TEXT;
        READ_TEXT(statement, column, value.text);
        break;
    default:
        value.given = false;
        break;
    }
    return value;
}

static void read_command(sqlite3_stmt *statement, StoredCommand *out)
{
    char state[16];
    *out = (StoredCommand){ .taken = sqlite3_column_int64(statement, 10),
                            .expires = sqlite3_column_int64(statement, 11) };
    READ_TEXT(statement, 0, out->id);
    READ_TEXT(statement, 1, out->consumer);
    READ_TEXT(statement, 2, out->system);
    READ_TEXT(statement, 3, out->thing);
    READ_TEXT(statement, 4, out->action);
    READ_TEXT(statement, 5, out->property);
    READ_TEXT(statement, 6, out->user);
    READ_TEXT(statement, 7, out->grant);
    READ_TEXT(statement, 8, state);
    READ_TEXT(statement, 12, out->reason);
    out->state = command_state_parse(state);
    out->desired = read_wished(statement, 13);
}

static Status sqlite_each_open_command(void *context, StoreShowCommand show, void *show_context)
{
    sqlite3_stmt *statement = statement_of(context, STATEMENT_OPEN_COMMANDS);
    Status shown = STATUS_OK;
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW && shown == STATUS_OK; code = sqlite3_step(statement)) {
        StoredCommand command;
        read_command(statement, &command);
        shown = show(show_context, &command);
    }
    return end_reading(statement, code, shown);
}

static Status sqlite_find_command(void *context, const char *id, StoredCommand *out_command)
{
    sqlite3_stmt *statement = statement_of(context, STATEMENT_FIND_COMMAND);
    bind_text(statement, 1, id);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        read_command(statement, out_command);
    }
    Status status = code == SQLITE_DONE ? STATUS_NOT_FOUND : status_of(code);
    return end_reading(statement, SQLITE_DONE, status);
}

static Status sqlite_audit_tail(void *context, size_t count, StoreShowAudit show, void *show_context)
{
    sqlite3_stmt *statement = statement_of(context, STATEMENT_AUDIT_TAIL);
    bind_int(statement, 1, count < INT32_MAX ? (int64_t)count : INT32_MAX);
    Status shown = STATUS_OK;
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW && shown == STATUS_OK; code = sqlite3_step(statement)) {
        AuditEntry entry = { .time = sqlite3_column_int64(statement, 1) };
        READ_TEXT(statement, 2, entry.system);
        READ_TEXT(statement, 3, entry.user);
        READ_TEXT(statement, 4, entry.key);
        READ_TEXT(statement, 5, entry.what);
        READ_TEXT(statement, 6, entry.subject);
        READ_TEXT(statement, 7, entry.grant);
        READ_TEXT(statement, 8, entry.result);
        READ_TEXT(statement, 9, entry.reason);
        shown = show(show_context, &entry);
    }
    return end_reading(statement, code, shown);
}

static const StoreOps sqlite_ops = {
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .put_system = sqlite_put_system,
    .put_publication = sqlite_put_publication,
    .remove_system = sqlite_remove_system,
    .put_grant = sqlite_put_grant,
    .put_command = sqlite_put_command,
    .append_audit = sqlite_append_audit,
    .prune = sqlite_prune,
    .each_system = sqlite_each_system,
    .each_grant = sqlite_each_grant,
    .each_open_command = sqlite_each_open_command,
    .find_command = sqlite_find_command,
    .audit_tail = sqlite_audit_tail,
    .destroy = sqlite_destroy,
};

Status store_sqlite_open(const StoreSqliteConfig *config, Store *out_store, Diag *diag)
{
    SqliteStore *store = calloc(1, sizeof *store);
    if (!store) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, config->path, 0, "out of memory");
    }
    Status status = prepare(store, config, diag);
    if (status != STATUS_OK) {
        sqlite_destroy(store);
        return status;
    }
    *out_store = (Store){ .ops = &sqlite_ops, .context = store };
    return STATUS_OK;
}
