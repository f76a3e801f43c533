/* Both stores of the enabler: the same suite over memory and SQLite, then what only a file can suffer: locks,
 * damage, a full disk, a kill in the middle. */
#include "server/enabler/store_memory.h"
#include "server/enabler/store_sqlite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], path[96];
static Store store;

static void open_file(void)
{
    Diag diag = { 0 };
    Status status = store_sqlite_open(&(StoreSqliteConfig){ .path = path }, &store, &diag);
    if (status != STATUS_OK) {
        fail_msg("%s", diag.text);
    }
}

static int set_up_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/dtmv-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state.db", folder);
    return 0;
}

static int set_up_sqlite(void **state)
{
    set_up_folder(state);
    open_file();
    return 0;
}

static int set_up_memory(void **state)
{
    (void)state;
    return store_memory_create(&store) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    store_destroy(&store);
    static const char *const endings[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < ARRAY_COUNT(endings) && folder[0] != '\0'; i++) {
        char name[112];
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        (void)remove(name);
    }
    if (folder[0] != '\0') {
        (void)remove(folder);
        folder[0] = '\0';
    }
    return 0;
}

#define CALL(operation, ...) store.ops->operation(store.context, __VA_ARGS__)

static void begin(void)
{
    assert_int_equal(store.ops->begin(store.context), STATUS_OK);
}

static void commit(void)
{
    assert_int_equal(store.ops->commit(store.context), STATUS_OK);
}

static StoredSystem sample_system(const char *name)
{
    StoredSystem system = { .title = "A plant",
                            .version = "1.2",
                            .domain = "energy/heat",
                            .kind = SYSTEM_TWIN,
                            .provides = "[{\"name\":\"a\",\"title\":\"b\"}]" };
    snprintf(system.name, sizeof system.name, "%s", name);
    return system;
}

static StoredGrant sample_grant(char digit, TimeNs expires)
{
    StoredGrant grant = { .consumer = "world",
                          .system = "plant",
                          .user = "ada",
                          .key = "key",
                          .role = "operator",
                          .rights = RIGHT_READ | RIGHT_ACTUATE,
                          .issued = 5,
                          .expires = expires };
    memset(grant.id, digit, GRANT_ID_SIZE - 1);
    return grant;
}

static StoredCommand sample_command(char digit, CommandState state, TimeNs taken)
{
    StoredCommand command = { .consumer = "world",
                              .system = "plant",
                              .thing = "valve-1",
                              .action = "open",
                              .property = "position",
                              .user = "ada",
                              .grant = "g",
                              .state = state,
                              .taken = taken,
                              .expires = taken + 10,
                              .reason = "why \"not\"",
                              .desired = { .given = true, .type = VALUE_NUMBER, .number = 0.1 } };
    memset(command.id, digit, COMMAND_ID_SIZE - 1);
    return command;
}

/* ---- what is read ---- */

static char seen[1024];

static Status show_system(void *context, const StoredSystem *system, Bytes publication)
{
    (void)context;
    size_t used = strlen(seen);
    snprintf(seen + used, sizeof seen - used, "%s|%s|%s|%s|%s|%s|%.*s;", system->name,
             system_kind_name(system->kind), system->title, system->version, system->domain, system->provides,
             (int)publication.size, publication.size ? (const char *)publication.data : "");
    return STATUS_OK;
}

static Status show_grant(void *context, const StoredGrant *grant)
{
    (void)context;
    size_t used = strlen(seen);
    snprintf(seen + used, sizeof seen - used, "%c|%s|%s|%s|%s|%s|%u|%s|%lld|%lld;", grant->id[0],
             grant->consumer, grant->system, grant->user, grant->key, grant->role, grant->rights,
             grant->things ? grant->things : "all", (long long)grant->issued, (long long)grant->expires);
    return STATUS_OK;
}

static Status show_command(void *context, const StoredCommand *command)
{
    (void)context;
    size_t used = strlen(seen);
    snprintf(seen + used, sizeof seen - used, "%c|%s;", command->id[0], command_state_name(command->state));
    return STATUS_OK;
}

static Status show_audit(void *context, const AuditEntry *entry)
{
    (void)context;
    size_t used = strlen(seen);
    snprintf(seen + used, sizeof seen - used, "%lld|%s|%s|%s|%s|%s|%s|%s|%s;", (long long)entry->time,
             entry->system, entry->user, entry->key, entry->what, entry->subject, entry->grant, entry->result,
             entry->reason);
    return STATUS_OK;
}

static Status show_no_more(void *context, const AuditEntry *entry)
{
    (void)entry;
    ++*(int *)context;
    return STATUS_CAPACITY;
}

static const char *systems(void)
{
    seen[0] = '\0';
    assert_int_equal(CALL(each_system, show_system, NULL), STATUS_OK);
    return seen;
}

static const char *grants(void)
{
    seen[0] = '\0';
    assert_int_equal(CALL(each_grant, show_grant, NULL), STATUS_OK);
    return seen;
}

static const char *open_commands(void)
{
    seen[0] = '\0';
    assert_int_equal(CALL(each_open_command, show_command, NULL), STATUS_OK);
    return seen;
}

static const char *audit(size_t count)
{
    seen[0] = '\0';
    assert_int_equal(CALL(audit_tail, count, show_audit, NULL), STATUS_OK);
    return seen;
}

/* ---- the shared suite ---- */

static void test_systems(void **state)
{
    (void)state;
    StoredSystem b = sample_system("b"), a = sample_system("a");
    static const char json[] = "{\"models\":[]}";
    begin();
    assert_int_equal(CALL(put_system, &b), STATUS_OK);
    assert_int_equal(CALL(put_system, &a), STATUS_OK);
    assert_int_equal(CALL(put_publication, "a", bytes_of(json, strlen(json))), STATUS_OK);
    commit();
    assert_string_equal(systems(),
                        "a|twin|A plant|1.2|energy/heat|[{\"name\":\"a\",\"title\":\"b\"}]|{\"models\":[]};"
                        "b|twin|A plant|1.2|energy/heat|[{\"name\":\"a\",\"title\":\"b\"}]|;");
    begin();
    snprintf(b.title, sizeof b.title, "Other");
    b.kind = SYSTEM_SERVICE;
    b.provides = "[]";
    assert_int_equal(CALL(put_system, &b), STATUS_OK);
    assert_int_equal(CALL(remove_system, "a"), STATUS_OK);
    assert_int_equal(CALL(remove_system, "never there"), STATUS_OK);
    commit();
    assert_string_equal(systems(), "b|service|Other|1.2|energy/heat|[]|;");
    begin(); /* its publication went with it */
    assert_int_equal(CALL(put_system, &a), STATUS_OK);
    commit();
    assert_non_null(strstr(systems(), "\"b\"}]|;b|"));
}

static void test_grants(void **state)
{
    (void)state;
    StoredGrant one = sample_grant('1', 100), two = sample_grant('2', 200), three = sample_grant('3', 300);
    two.things = "valve-1\npump-1\n";
    two.rights = RIGHT_READ;
    three.ended = true;
    begin();
    assert_int_equal(CALL(put_grant, &one), STATUS_OK);
    assert_int_equal(CALL(put_grant, &two), STATUS_OK);
    assert_int_equal(CALL(put_grant, &three), STATUS_OK);
    commit();
    assert_string_equal(grants(), "2|world|plant|ada|key|operator|1|valve-1\npump-1\n|5|200;"
                                  "1|world|plant|ada|key|operator|3|all|5|100;");
    begin();
    two.ended = true;
    assert_int_equal(CALL(put_grant, &two), STATUS_OK);
    commit();
    assert_string_equal(grants(), "1|world|plant|ada|key|operator|3|all|5|100;");
    begin();
    assert_int_equal(CALL(prune, 101), STATUS_OK);
    commit();
    assert_string_equal(grants(), "");
}

static void test_commands(void **state)
{
    (void)state;
    StoredCommand one = sample_command('1', COMMAND_AUTHORISED, 10),
                  two = sample_command('2', COMMAND_REFUSED, 20);
    StoredCommand found;
    two.desired = (WishedValue){ .given = true, .type = VALUE_TEXT, .text = "AUTO" };
    begin();
    assert_int_equal(CALL(put_command, &one), STATUS_OK);
    assert_int_equal(CALL(put_command, &two), STATUS_OK);
    commit();
    assert_string_equal(open_commands(), "1|authorised;");
    assert_int_equal(CALL(find_command, one.id, &found), STATUS_OK);
    assert_memory_equal(&found, &one, sizeof one);
    assert_int_equal(CALL(find_command, two.id, &found), STATUS_OK);
    assert_memory_equal(&found, &two, sizeof two);
    assert_int_equal(CALL(find_command, "none", &found), STATUS_NOT_FOUND);
    begin();
    one.state = COMMAND_CONFIRMED;
    one.desired = (WishedValue){ .given = true, .type = VALUE_BOOLEAN, .boolean = true };
    assert_int_equal(CALL(put_command, &one), STATUS_OK);
    commit();
    assert_string_equal(open_commands(), "");
    assert_int_equal(CALL(find_command, one.id, &found), STATUS_OK);
    assert_memory_equal(&found, &one, sizeof one);
    begin();
    assert_int_equal(CALL(prune, 11), STATUS_OK);
    commit();
    assert_int_equal(CALL(find_command, one.id, &found), STATUS_NOT_FOUND);
    assert_int_equal(CALL(find_command, two.id, &found), STATUS_OK);
}

static void append_entry(TimeNs time)
{
    AuditEntry entry = { .time = time,
                         .system = "world",
                         .user = "o'hara",
                         .key = "k",
                         .what = "invoke",
                         .subject = "plant/valve-1/open",
                         .grant = "g",
                         .result = "refused",
                         .reason = "r" };
    assert_int_equal(CALL(append_audit, &entry), STATUS_OK);
}

static void test_audit(void **state)
{
    (void)state;
    int shown = 0;
    begin();
    append_entry(1);
    append_entry(2);
    append_entry(3);
    commit();
    assert_string_equal(audit(2), "2|world|o'hara|k|invoke|plant/valve-1/open|g|refused|r;"
                                  "3|world|o'hara|k|invoke|plant/valve-1/open|g|refused|r;");
    begin();
    assert_int_equal(CALL(prune, TIME_FOREVER), STATUS_OK);
    commit();
    assert_non_null(strstr(audit(SIZE_MAX), "1|world"));
    assert_int_equal(CALL(audit_tail, 3, show_no_more, &shown), STATUS_CAPACITY);
    assert_int_equal(shown, 1);
    assert_non_null(strstr(audit(1), "3|world")); /* and reading works again */
}

static void test_rollback_leaves_nothing(void **state)
{
    (void)state;
    StoredSystem a = sample_system("a");
    StoredGrant grant = sample_grant('1', 100);
    StoredCommand command = sample_command('1', COMMAND_AUTHORISED, 10), found;
    begin();
    assert_int_equal(CALL(put_system, &a), STATUS_OK);
    assert_int_equal(CALL(put_grant, &grant), STATUS_OK);
    assert_int_equal(CALL(put_command, &command), STATUS_OK);
    append_entry(1);
    store.ops->rollback(store.context);
    assert_string_equal(systems(), "");
    assert_string_equal(grants(), "");
    assert_string_equal(audit(9), "");
    assert_int_equal(CALL(find_command, command.id, &found), STATUS_NOT_FOUND);
    begin(); /* and the next one is its own */
    append_entry(2);
    commit();
    assert_string_equal(systems(), "");
    assert_non_null(strstr(audit(9), "2|world"));
}

/* ---- memory only ---- */

static void test_memory_failure(void **state)
{
    (void)state;
    store_memory_set_failure(store, STATUS_IO_ERROR);
    assert_int_equal(store.ops->begin(store.context), STATUS_IO_ERROR);
    store_memory_set_failure(store, STATUS_OK);
    begin();
    commit();
}

/* ---- files only ---- */

static void execute(const char *sql, int wanted)
{
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), wanted);
    sqlite3_close(database);
}

static Status try_open(Diag *diag)
{
    Store other = { 0 };
    *diag = (Diag){ 0 };
    Status status = store_sqlite_open(&(StoreSqliteConfig){ .path = path }, &other, diag);
    if (status != STATUS_OK) {
        assert_string_equal(diag->path, path); /* the file is named */
        assert_true(diag->text[0] != '\0');
    }
    store_destroy(&other);
    return status;
}

static void test_reopening_keeps(void **state)
{
    (void)state;
    StoredSystem a = sample_system("a");
    begin();
    assert_int_equal(CALL(put_system, &a), STATUS_OK);
    append_entry(7);
    commit();
    begin();
    append_entry(8); /* never committed */
    store_destroy(&store);
    open_file();
    assert_non_null(strstr(systems(), "a|twin"));
    assert_non_null(strstr(audit(9), "7|world"));
    assert_null(strstr(audit(9), "8|world"));
}

static Status count_one(void *context, const AuditEntry *entry)
{
    (void)entry;
    ++*(size_t *)context;
    return STATUS_OK;
}

/* What lasts as long as the process must not grow for ever. */
static void test_memory_is_bounded(void **state)
{
    (void)state;
    size_t count = 0;
    begin();
    for (TimeNs time = 1; time <= 5000; time++) {
        append_entry(time);
    }
    commit();
    assert_int_equal(CALL(audit_tail, SIZE_MAX, count_one, &count), STATUS_OK);
    assert_int_equal(count, 4096);
    assert_non_null(strstr(audit(1), "5000|world"));
}

static void test_journal_is_a_write_ahead_log(void **state)
{
    (void)state;
    sqlite3 *database;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, "PRAGMA journal_mode", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "wal");
    sqlite3_finalize(statement);
    sqlite3_close(database);
}

static void test_audit_is_append_only(void **state)
{
    (void)state;
    begin();
    append_entry(7);
    commit();
    execute("UPDATE audit SET user = 'nobody'", SQLITE_CONSTRAINT);
    execute("DELETE FROM audit", SQLITE_CONSTRAINT);
    execute("INSERT OR REPLACE INTO audit SELECT id, 0, '', '', '', '', '', '', '', '' FROM audit",
            SQLITE_CONSTRAINT);
    assert_string_equal(audit(9), "7|world|o'hara|k|invoke|plant/valve-1/open|g|refused|r;");
}

static void test_locked_file(void **state)
{
    (void)state;
    Diag diag;
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(try_open(&diag), STATUS_TIMED_OUT);
    assert_non_null(strstr(diag.text, "held by another program"));
    assert_int_equal(store.ops->begin(store.context), STATUS_TIMED_OUT);
    store.ops->rollback(store.context); /* harmless */
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    begin();
    append_entry(1);
    commit();
    assert_int_equal(try_open(&diag), STATUS_OK);
}

static void write_file(const char *text, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void test_garbage_file(void **state)
{
    (void)state;
    Diag diag;
    char garbage[5000];
    memset(garbage, 'x', sizeof garbage);
    write_file(garbage, sizeof garbage);
    assert_int_equal(try_open(&diag), STATUS_MALFORMED);
    assert_non_null(strstr(diag.text, "no database"));
    FILE *file = fopen(path, "rb"); /* and it was left as it was */
    assert_non_null(file);
    char again[6000];
    assert_int_equal(fread(again, 1, sizeof again, file), sizeof garbage);
    fclose(file);
    assert_memory_equal(again, garbage, sizeof garbage);
}

static void test_damaged_file(void **state)
{
    (void)state;
    Diag diag;
    open_file();
    store_destroy(&store);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    char garbage[4096];
    memset(garbage, 0x5A, sizeof garbage);
    assert_int_equal(fseek(file, 100, SEEK_SET), 0); /* behind the header */
    assert_int_equal(fwrite(garbage, 1, 3900, file), 3900);
    fclose(file);
    assert_int_equal(try_open(&diag), STATUS_MALFORMED);
}

static void test_foreign_file(void **state)
{
    (void)state;
    Diag diag;
    execute("CREATE TABLE bookmarks(a)", SQLITE_OK);
    assert_int_equal(try_open(&diag), STATUS_MALFORMED);
    assert_non_null(strstr(diag.text, "another program"));
}

static void test_later_version(void **state)
{
    (void)state;
    Diag diag;
    open_file();
    store_destroy(&store);
    execute("PRAGMA user_version = 99", SQLITE_OK);
    assert_int_equal(try_open(&diag), STATUS_VERSION_MISMATCH);
    assert_non_null(strstr(diag.text, "99"));
}

static void test_no_folder_and_folder(void **state)
{
    (void)state;
    Diag diag;
    snprintf(path, sizeof path, "%s/none/state.db", folder);
    assert_int_equal(try_open(&diag), STATUS_IO_ERROR);
    snprintf(path, sizeof path, "%s", folder);
    assert_int_equal(try_open(&diag), STATUS_IO_ERROR);
    snprintf(path, sizeof path, "%s/state.db", folder);
}

static void test_read_only_file(void **state)
{
    (void)state;
    Diag diag;
    if (geteuid() == 0) {
        print_message("skipped: root may write any file\n");
        skip();
    }
    open_file();
    store_destroy(&store);
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(try_open(&diag), STATUS_IO_ERROR);
    assert_non_null(strstr(diag.text, "read-only"));
    assert_int_equal(chmod(path, 0600), 0);
}

static void test_full_disk(void **state)
{
    (void)state;
    Diag diag = { 0 };
    StoreSqliteConfig config = { .path = path, .max_page_count = 40 };
    assert_int_equal(store_sqlite_open(&config, &store, &diag), STATUS_OK);
    StoredSystem a = sample_system("a");
    static char big[64 << 10];
    memset(big, ' ', sizeof big);
    begin();
    assert_int_equal(CALL(put_system, &a), STATUS_OK);
    commit();
    Status status = STATUS_OK;
    for (int i = 0; i < 20 && status == STATUS_OK; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        begin();
        status = CALL(put_publication, name, bytes_of(big, sizeof big));
        status = status == STATUS_OK ? store.ops->commit(store.context) : status;
    }
    assert_int_equal(status, STATUS_CAPACITY);
    store.ops->rollback(store.context);
    assert_non_null(strstr(systems(), "a|twin")); /* what was there is there */
    begin();
    assert_int_equal(CALL(remove_system, "p0"), STATUS_OK); /* and room can be made */
    commit();
    begin();
    append_entry(3);
    commit();
    /* Too small for the tables: said at open. */
    store_destroy(&store);
    assert_int_equal(remove(path), 0);
    config.max_page_count = 4;
    assert_int_equal(store_sqlite_open(&config, &store, &diag), STATUS_CAPACITY);
    assert_non_null(strstr(diag.text, "full"));
}

/* Writes transactions of ten entries, one command and some pages, and a byte after each, until it is killed.
 */
static void write_for_ever(int told)
{
    static char pages[100 << 10];
    for (TimeNs round = 1;; round++) {
        StoredCommand command = sample_command('1', COMMAND_ACCEPTED, round);
        begin();
        for (int i = 0; i < 10; i++) {
            append_entry(round);
        }
        memset(pages, 'a' + (int)(round % 26), sizeof pages);
        assert_int_equal(CALL(put_publication, "plant", bytes_of(pages, sizeof pages)), STATUS_OK);
        assert_int_equal(CALL(put_command, &command), STATUS_OK);
        (void)!write(told, "x", 1);
        commit();
    }
}

typedef struct Tally {
    int64_t newest;
    uint64_t of_newest, total;
} Tally;

static Status count_entry(void *context, const AuditEntry *entry)
{
    Tally *tally = context;
    tally->of_newest = entry->time == tally->newest ? tally->of_newest + 1 : 1;
    tally->newest = entry->time;
    tally->total++;
    return STATUS_OK;
}

static void test_kill_in_the_middle(void **state)
{
    (void)state;
    uint64_t before = 0;
    for (int round = 0; round < 20; round++) {
        int ready[2];
        assert_int_equal(pipe(ready), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ready[0]);
            open_file();
            write_for_ever(ready[1]);
        }
        close(ready[1]); /* so that a child that fails is an end, not a wait */
        for (int written = 0; written <= round; written++) { /* it is in the middle of its commit */
            char byte;
            assert_int_equal(read(ready[0], &byte, 1), 1);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        close(ready[0]);
        open_file();
        Tally tally = { 0 };
        assert_int_equal(CALL(audit_tail, SIZE_MAX, count_entry, &tally), STATUS_OK);
        assert_int_equal(tally.total % 10, 0); /* whole transactions */
        assert_true(tally.total >= before + 10 * (uint64_t)round);
        StoredCommand command;
        Status found = CALL(find_command, "11111111111111111111111111111111", &command);
        assert_int_equal(found, tally.total > 0 ? STATUS_OK : STATUS_NOT_FOUND);
        if (found == STATUS_OK) {
            assert_int_equal(command.taken, tally.newest);
        }
        assert_int_equal(tally.of_newest % 10, 0);
        before = tally.total;
        store_destroy(&store);
    }
}

#define SHARED_TESTS(set_up)                                               \
    cmocka_unit_test_setup_teardown(test_systems, set_up, tear_down),      \
        cmocka_unit_test_setup_teardown(test_grants, set_up, tear_down),   \
        cmocka_unit_test_setup_teardown(test_commands, set_up, tear_down), \
        cmocka_unit_test_setup_teardown(test_audit, set_up, tear_down),    \
        cmocka_unit_test_setup_teardown(test_rollback_leaves_nothing, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARED_TESTS(set_up_memory),
        SHARED_TESTS(set_up_sqlite),
        cmocka_unit_test_setup_teardown(test_memory_failure, set_up_memory, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_is_bounded, set_up_memory, tear_down),
        cmocka_unit_test_setup_teardown(test_journal_is_a_write_ahead_log, set_up_sqlite, tear_down),
        cmocka_unit_test_setup_teardown(test_reopening_keeps, set_up_sqlite, tear_down),
        cmocka_unit_test_setup_teardown(test_audit_is_append_only, set_up_sqlite, tear_down),
        cmocka_unit_test_setup_teardown(test_locked_file, set_up_sqlite, tear_down),
        cmocka_unit_test_setup_teardown(test_garbage_file, set_up_folder, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_file, set_up_folder, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_file, set_up_folder, tear_down),
        cmocka_unit_test_setup_teardown(test_later_version, set_up_folder, tear_down),
        cmocka_unit_test_setup_teardown(test_no_folder_and_folder, set_up_folder, tear_down),
        cmocka_unit_test_setup_teardown(test_read_only_file, set_up_folder, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk, set_up_folder, tear_down),
        cmocka_unit_test_setup_teardown(test_kill_in_the_middle, set_up_folder, tear_down),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
