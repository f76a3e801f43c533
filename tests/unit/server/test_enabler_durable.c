/* What the enabler keeps over a restart, over both stores; a store that fails; what a tick costs in heap and
 * in transactions; the whole way with the consumer that systems use (R13, R20, R38). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/enabler/store_sqlite.h"
#include "shared/systems/consumer.h"
#include "tests/unit/server/enabler_rig.h"

#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_IS_TAKEN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(HEAP_IS_TAKEN) || !defined(__GLIBC__)
#define COUNTS_HEAP 0
static const unsigned heap_calls = 0;
#else
#define COUNTS_HEAP 1
static unsigned heap_calls;
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    heap_calls++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    heap_calls++;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    heap_calls++;
    return __libc_realloc(memory, size);
}
#endif

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccc"

static char database[64];

static int set_up_sqlite(void **state)
{
    (void)state;
    Diag diag = { 0 };
    now = 300 * TIME_MINUTE;
    wall = WALL;
    next_random = 0;
    snprintf(database, sizeof database, "/tmp/dtmv-enabler-XXXXXX");
    int file = mkstemp(database);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(store_sqlite_open(&(StoreSqliteConfig){ .path = database }, &kept_store, &diag),
                     STATUS_OK);
    start_enabler();
    register_all();
    forget_all();
    return 0;
}

static int tear_down_sqlite(void **state)
{
    tear_down(state);
    static const char *const endings[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < ARRAY_COUNT(endings); i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", database, endings[i]);
        (void)remove(name);
    }
    return 0;
}

/* The enabler goes and comes back; so do the connections, nobody has registered yet. */
static void restart(void)
{
    stop_enabler();
    forget_all();
    now += TIME_SECOND;
    wall += TIME_SECOND;
    start_enabler();
    attach(&plant, SYSTEM_TWIN, "plant");
    attach(&world, SYSTEM_METAVERSE, "world");
    attach(&other, SYSTEM_METAVERSE, "other");
    attach(&monitor, SYSTEM_SERVICE, "monitor");
    tick();
}

static void invoke(const char *id, const char *grant, const char *value)
{
    say(&world, MII_INVOKE, 500,
        "{'schema':'mii.invoke/1','command':'%s','grant':'%s','system':'plant','thing':'v0','action':'set',"
        "'value':%s,'user':'ada','issued':%lld}",
        id, grant, value, (long long)wall);
    tick();
}

static void report(const char *id, const char *command_state)
{
    say(&plant, DII_COMMAND_STATE, 0,
        "{'schema':'dii.command_state/"
        "1','command':'%s','state':'%s','system':'plant','thing':'v0','action':'set',"
        "'user':'ada','time':1}",
        id, command_state);
    tick();
}

static void test_systems_come_back_as_down(void **state)
{
    (void)state;
    assert_non_null(get_grant(&world, "ada", "viewer", "['read']", "['read']", ""));
    tick();
    restart();
    say_register(&world);
    say(&world, MII_DISCOVER, 2, "{'schema':'mii.discover/1'}");
    say(&world, MII_DESCRIBE, 3,
        "{'schema':'mii.describe/1','system':'plant','first_model':0,'first_thing':0}");
    tick();
    const json_t *systems = json_object_get(last(&world, MII_SYSTEMS)->body, "systems");
    assert_int_equal(json_array_size(systems), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *system = json_array_get(systems, i);
        assert_string_equal(json_string_value(json_object_get(system, "state")), "down");
        assert_string_equal(json_string_value(json_object_get(system, "domain")), "energy/heat");
    }
    json_t *model = json_loads(plant_model, 0, NULL);
    const Received *answer = last(&world, MII_MODELS);
    assert_true(json_equal(json_array_get(json_object_get(answer->body, "models"), 0), model));
    assert_int_equal(json_array_size(json_object_get(answer->body, "things")), 3);
    json_decref(model);
    forget_all();
    say_register(&plant);
    tick();
    assert_int_equal(integer_of(last(&plant, DII_REGISTERED), "things"), 3);
    assert_null(last(&world, MII_SYSTEM_STATE));
    publish(&plant);
    tick();
    assert_string_equal(text_of(last(&world, MII_SYSTEM_STATE), "state"), "up");
}

/* What was known but never comes back is forgotten as any other. */
static void test_what_does_not_come_back_is_forgotten(void **state)
{
    (void)state;
    restart();
    uint32_t cursor = 0;
    EnablerSystem system;
    tick_after(59 * TIME_MINUTE);
    assert_true(enabler_next_system(enabler, &cursor, &system));
    tick_after(2 * TIME_MINUTE);
    cursor = 0;
    assert_false(enabler_next_system(enabler, &cursor, &system));
    restart();
    cursor = 0;
    assert_false(enabler_next_system(enabler, &cursor, &system));
}

static void test_grants_stay_good(void **state)
{
    (void)state;
    const char *good = get_grant(&world, "ada", "operator", "['read']", BOTH, ",'things':['v1']");
    const char *revoked = get_grant(&world, "ada", "operator", "['read']", BOTH, "");
    const char *brief = get_grant(&world, "ada", "operator", "['read']", BOTH, ",'seconds':1");
    assert_int_equal(enabler_revoke(enabler, revoked, "admin", "test"), STATUS_OK);
    tick();
    restart();
    for (size_t i = 0; i < ARRAY_COUNT(peers); i++) {
        say_register(peers[i]);
    }
    publish(&plant);
    tick();
    subscribe(&world, revoked);
    assert_refused(&world, MII_REFUSED, 88, "no such grant");
    subscribe(&world, brief);
    assert_refused(&world, MII_REFUSED, 88, "has expired");
    forget_all();
    subscribe(&world, good);
    assert_null(last(&world, MII_REFUSED));
    sync_values(&plant, 0, 3, POSITION, 10, true);
    assert_int_equal(last(&world, MII_SYNC)->samples, 1); /* for v1 only, as before */
    uint32_t cursor = 0;
    EnablerGrant grant;
    assert_true(enabler_next_grant(enabler, &cursor, &grant));
    assert_string_equal(grant.id, good);
    assert_string_equal(grant.user, "ada");
    assert_string_equal(grant.key, "K");
    assert_true(grant.restricted);
    assert_int_equal(grant.rights, RIGHT_READ);
    assert_false(enabler_next_grant(enabler, &cursor, &grant));
}

/* Who may actuate by a stored grant finds interlocks that are judged: values are asked for when the twin
 * system has published again, though nobody has subscribed yet. */
static void test_stored_grants_want_values(void **state)
{
    (void)state;
    assert_non_null(get_grant(&world, "ada", "operator", "['actuate']", BOTH, ""));
    sync_values(&plant, 0, 3, POSITION, 10, true);
    tick();
    restart();
    forget_all();
    say_register(&plant);
    tick();
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 0); /* not before it has published */
    publish(&plant);
    tick();
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 1);
    sync_values(&plant, 0, 3, POSITION, 10, true);
    tick_after(2100 * TIME_MS);
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 1);
}

static void test_commands_are_not_done_twice(void **state)
{
    (void)state;
    const char *grant = get_grant(&world, "ada", "operator", BOTH, BOTH, "");
    forget_all();
    invoke(ID_A, grant, "10");
    report(ID_A, "confirmed");
    invoke(ID_B, grant, "20");
    invoke(ID_C, grant, "7000");
    assert_int_equal(count_of(&plant, DII_COMMAND), 2);
    restart();
    assert_int_equal(enabler_commands_under_way(enabler), 1);
    for (size_t i = 0; i < ARRAY_COUNT(peers); i++) {
        say_register(peers[i]);
    }
    publish(&plant);
    tick();
    assert_int_equal(enabler_commands_under_way(enabler), 1); /* the same session: it goes on */
    forget_all();
    invoke(ID_A, grant, "10");
    assert_string_equal(text_of(last(&world, MII_COMMAND_STATE), "state"), "confirmed");
    invoke(ID_C, grant, "10");
    assert_string_equal(text_of(last(&world, MII_COMMAND_STATE), "state"), "refused");
    invoke(ID_B, grant, "20");
    assert_string_equal(text_of(last(&world, MII_COMMAND_STATE), "state"), "authorised");
    assert_true(json_number_value(json_object_get(last(&world, MII_COMMAND_STATE)->body, "desired")) == 20);
    assert_null(last(&plant, DII_COMMAND));
    report(ID_B, "confirmed"); /* what became of it in the meantime */
    assert_string_equal(text_of(last(&world, MII_COMMAND_STATE), "state"), "confirmed");
    assert_int_equal(last(&world, MII_COMMAND_STATE)->correlation, 500);
}

static void test_a_command_whose_twin_system_never_comes_back(void **state)
{
    (void)state;
    const char *grant = get_grant(&world, "ada", "operator", BOTH, BOTH, "");
    invoke(ID_A, grant, "10");
    restart();
    say_register(&world);
    tick();
    tick_after(9 * TIME_SECOND);
    assert_string_equal(text_of(last(&world, MII_COMMAND_STATE), "state"), "timed out");
    assert_int_equal(enabler_commands_under_way(enabler), 0);
}

static void test_the_audit_log_goes_on(void **state)
{
    (void)state;
    AuditEntry before[64], after[64];
    size_t count = enabler_audit_tail(enabler, before, ARRAY_COUNT(before));
    assert_true(count >= 5);
    restart();
    assert_true(enabler_audit_tail(enabler, after, ARRAY_COUNT(after)) >= count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(after[i].what, before[i].what);
        assert_string_equal(after[i].system, before[i].system);
        assert_int_equal(after[i].time, before[i].time);
    }
}

/* ---- the store ---- */

static Status count_entry(void *context, const AuditEntry *entry)
{
    (void)entry;
    ++*(uint64_t *)context;
    return STATUS_OK;
}

static uint64_t stored_entries(void)
{
    uint64_t count = 0;
    assert_int_equal(kept_store.ops->audit_tail(kept_store.context, SIZE_MAX, count_entry, &count),
                     STATUS_OK);
    return count;
}

static void test_written_before_it_goes_out(void **state)
{
    (void)state;
    const char *grant = get_grant(&world, "ada", "operator", BOTH, BOTH, "");
    say(&world, MII_INVOKE, 500,
        "{'schema':'mii.invoke/1','command':'" ID_A
        "','grant':'%s','system':'plant','thing':'v0','action':'set',"
        "'value':1,'user':'ada','issued':%lld}",
        grant, (long long)wall);
    enabler_tick(enabler, now, wall); /* nobody has polled */
    StoredCommand command;
    assert_int_equal(kept_store.ops->find_command(kept_store.context, ID_A, &command), STATUS_OK);
    assert_int_equal(command.state, COMMAND_AUTHORISED);
    assert_string_equal(command.user, "ada");
}

static void test_one_transaction_a_tick_and_none_without_need(void **state)
{
    (void)state;
    const EnablerCounters *counters = enabler_counters(enabler);
    uint64_t before = counters->store_commits;
    for (int i = 0; i < 100; i++) {
        say(&plant, DII_HEARTBEAT, 0, "{'schema':'dii.heartbeat/1'}");
        say(&world, MII_HEARTBEAT, 0, "{'schema':'mii.heartbeat/1'}");
        sync_values(&plant, 0, 3, POSITION, i, false);
    }
    assert_int_equal(counters->store_commits, before);
    for (uint64_t i = 0; i < 20; i++) {
        say_register(&world);
        say_register(&other);
    }
    tick();
    assert_int_equal(counters->store_commits, before + 1);
}

static void test_a_store_that_fails(void **state)
{
    (void)state;
    const EnablerCounters *counters = enabler_counters(enabler);
    uint64_t before = stored_entries();
    store_memory_set_failure(kept_store, STATUS_CAPACITY);
    const char *grant = get_grant(&world, "ada", "operator", BOTH, BOTH, "");
    assert_non_null(grant); /* it goes on in memory */
    forget_all();
    invoke(ID_A, grant, "10");
    assert_non_null(last(&plant, DII_COMMAND));
    assert_false(enabler_store_works(enabler));
    assert_int_equal(counters->store_failures, 1); /* not tried every tick */
    tick_after(TIME_SECOND);
    assert_int_equal(counters->store_failures, 2);
    assert_int_equal(stored_entries(), before);
    store_memory_set_failure(kept_store, STATUS_OK);
    tick_after(TIME_SECOND);
    assert_true(enabler_store_works(enabler));
    assert_true(stored_entries() >= before + 2); /* nothing of it was lost */
    assert_int_equal(counters->audit_lost, 0);
    StoredCommand command;
    assert_int_equal(kept_store.ops->find_command(kept_store.context, ID_A, &command), STATUS_OK);
    restart();
    uint32_t cursor = 0;
    EnablerGrant found;
    assert_true(enabler_next_grant(enabler, &cursor, &found));
    assert_string_equal(found.id, grant);
}

/* What may come again is remembered even if nothing can be stored, and new commands wait for room. */
static void test_ids_are_remembered_without_a_store(void **state)
{
    (void)state;
    stop_enabler();
    start_enabler_as((EnablerConfig){ .commands_max = 2 });
    forget_all();
    register_all();
    const char *grant = get_grant(&world, "ada", "operator", BOTH, BOTH, "");
    store_memory_set_failure(kept_store, STATUS_IO_ERROR);
    forget_all();
    invoke(ID_A, grant, "10");
    report(ID_A, "confirmed");
    invoke(ID_B, grant, "10");
    report(ID_B, "confirmed");
    invoke(ID_C, grant, "10");
    assert_refused(&world, MII_REFUSED, 500, "too many commands");
    invoke(ID_A, grant, "10");
    assert_string_equal(text_of(last(&world, MII_COMMAND_STATE), "state"), "confirmed");
    assert_int_equal(count_of(&plant, DII_COMMAND), 2);
    for (int i = 0; i < 11; i++) {
        say(&plant, DII_HEARTBEAT, 0, "{'schema':'dii.heartbeat/1'}");
        say(&world, MII_HEARTBEAT, 0, "{'schema':'mii.heartbeat/1'}");
        tick_after(4 * TIME_SECOND);
    }
    invoke(ID_C, grant, "10"); /* by now no message with the first ids can be young enough */
    assert_int_equal(count_of(&plant, DII_COMMAND), 3);
}

static int appends_left;

static Status append_some(void *context, const AuditEntry *entry)
{
    return appends_left-- > 0 ? kept_store.ops->append_audit(context, entry) : STATUS_CAPACITY;
}

/* A transaction that fails half-way leaves nothing behind; the next one has it all. */
static void test_a_transaction_that_fails_in_the_middle(void **state)
{
    (void)state;
    uint64_t before = stored_entries();
    kept_ops.append_audit = append_some;
    appends_left = 1;
    say_register(&world);
    say_register(&other);
    tick();
    assert_false(enabler_store_works(enabler));
    assert_int_equal(stored_entries(), before);
    appends_left = 100;
    tick_after(TIME_SECOND);
    assert_true(enabler_store_works(enabler));
    assert_int_equal(stored_entries(), before + 2);
}

/* A grant that was revoked while the store was away does not come back with it. */
static void test_a_revocation_while_the_store_is_away(void **state)
{
    (void)state;
    const char *grant = get_grant(&world, "ada", "operator", BOTH, BOTH, "");
    store_memory_set_failure(kept_store, STATUS_IO_ERROR);
    assert_int_equal(enabler_revoke(enabler, grant, "admin", "test"), STATUS_OK);
    tick();
    store_memory_set_failure(kept_store, STATUS_OK);
    tick_after(TIME_SECOND);
    restart();
    uint32_t cursor = 0;
    EnablerGrant found;
    assert_false(enabler_next_grant(enabler, &cursor, &found));
}

static void test_a_store_that_is_away_for_too_long(void **state)
{
    (void)state;
    stop_enabler();
    start_enabler_as((EnablerConfig){ .audit_kept = 16 });
    forget_all();
    register_all();
    uint64_t before = stored_entries();
    store_memory_set_failure(kept_store, STATUS_IO_ERROR);
    for (int i = 0; i < 40; i++) {
        say_register(&world);
        tick();
    }
    assert_int_equal(enabler_counters(enabler)->audit_lost, 40 - 16); /* bounded, and counted */
    store_memory_set_failure(kept_store, STATUS_OK);
    tick_after(TIME_SECOND);
    say_register(&world);
    tick();
    assert_int_equal(stored_entries(), before + 16 + 2);
    AuditEntry entries[32];
    size_t count = enabler_audit_tail(enabler, entries, ARRAY_COUNT(entries));
    bool said = false;
    for (size_t i = 0; i < count; i++) {
        said |= strstr(entries[i].reason, "24 entries were lost") != NULL;
    }
    assert_true(said);
}

static void test_no_heap_on_the_sync_path(void **state)
{
    (void)state;
    if (!COUNTS_HEAP) {
        skip();
    }
    subscribe(&world, get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    subscribe(&monitor, get_grant(&monitor, "m", "operator", "['read']", BOTH, ",'things':['v1']"));
    sync_values(&plant, 0, 3, POSITION, 1, true);
    for (int i = 0; i < 100; i++) {
        sync_values(&plant, 0, 3, POSITION, i, false);
    }
    forget_all();
    unsigned before = heap_calls;
    for (int i = 0; i < 1000; i++) {
        sync_values(&plant, 0, 3, POSITION, i, false);
    }
    assert_int_equal(heap_calls, before);
    assert_int_equal(count_of(&world, MII_SYNC), 1000);
    assert_int_equal(count_of(&monitor, SII_SYNC), 1000);
}

/* ---- with the consumer that systems use ---- */

static Consumer *consumer;
static ConsumerEvent event;

/* The next event of that type; what comes before it is dropped. */
static bool consumer_sees(ConsumerEventType type)
{
    for (int i = 0; i < 50; i++) {
        tick();
        while (consumer_poll(consumer, now, wall, &event) == STATUS_OK) {
            if (event.type == type) {
                return true;
            }
        }
    }
    return false;
}

static void test_with_a_consumer(void **state)
{
    (void)state;
    Arena arena;
    TextTable texts;
    arena_init(&arena, 0);
    assert_int_equal(text_table_init(&texts, 64, &arena), STATUS_OK);
    Bus bus;
    assert_int_equal(bus_local_attach(hub, SYSTEM_METAVERSE, "shown", &bus), STATUS_OK);
    ConsumerConfig config = { .kind = SYSTEM_METAVERSE, .name = "shown", .title = "Shown", .version = "1" };
    assert_int_equal(consumer_create(&config, bus, &texts, &consumer), STATUS_OK);
    assert_true(consumer_sees(CONSUMER_REGISTERED));
    uint64_t request;
    assert_int_equal(consumer_discover(consumer, "energy", SYSTEM_TWIN, &request), STATUS_OK);
    assert_true(consumer_sees(CONSUMER_SYSTEMS));
    assert_int_equal(event.request, request);
    assert_int_equal(event.system_count, 1);
    assert_string_equal(event.systems[0].name, "plant");
    assert_int_equal(event.systems[0].models, 0);
    assert_int_equal(consumer_inspect(consumer, "plant", &request), STATUS_OK);
    assert_true(consumer_sees(CONSUMER_SYSTEMS));
    assert_int_equal(event.request, request);
    assert_int_equal(event.system_count, 1);
    assert_int_equal(event.systems[0].models, 1);
    assert_int_equal(consumer_describe(consumer, "plant", &request), STATUS_OK);
    assert_true(consumer_sees(CONSUMER_REFUSED));
    assert_int_equal(event.request, request);
    SystemUser user = { .name = "ada", .key = "", .role = "operator" };
    forget_all();
    assert_int_equal(consumer_access(consumer, "plant", RIGHT_READ | RIGHT_ACTUATE, &user, &request),
                     STATUS_OK);
    tick();
    say(&plant, DII_AUTHENTICATED, last(&plant, DII_AUTHENTICATE)->correlation,
        "{'schema':'dii.authenticated/1','rights':" BOTH ",'reason':''}");
    assert_true(consumer_sees(CONSUMER_GRANT));
    assert_int_equal(event.grant.rights, RIGHT_READ | RIGHT_ACTUATE);
    char grant[GRANT_ID_SIZE];
    snprintf(grant, sizeof grant, "%s", event.grant.grant);
    assert_int_equal(consumer_describe(consumer, "plant", &request), STATUS_OK);
    assert_true(consumer_sees(CONSUMER_MODELS));
    assert_int_equal(event.models->thing_count, 3);
    assert_int_equal(event.models->things[0].model->property_count, 4);
    assert_int_equal(consumer_subscribe(consumer, "plant", grant, &request), STATUS_OK);
    tick();
    sync_values(&plant, 0, 3, POSITION, 10, true);
    assert_true(consumer_sees(CONSUMER_SYNC));
    assert_true(event.sync->snapshot);
    assert_int_equal(event.sync->count, 3);
    ConsumerInvoke wish = { .command = ID_A,
                            .grant = grant,
                            .system = "plant",
                            .thing = "v0",
                            .action = "set",
                            .user = "ada",
                            .has_value = true,
                            .value = { .type = VALUE_NUMBER, .number = 12 } };
    assert_int_equal(consumer_invoke(consumer, &wish, &request), STATUS_OK);
    assert_true(consumer_sees(CONSUMER_COMMAND_STATE));
    assert_int_equal(event.command.state, COMMAND_AUTHORISED);
    assert_int_equal(event.request, request);
    assert_true(event.command.has_desired && event.command.desired.number == 12);
    report(ID_A, "confirmed");
    assert_true(consumer_sees(CONSUMER_COMMAND_STATE));
    assert_int_equal(event.command.state, COMMAND_CONFIRMED);
    assert_int_equal(enabler_revoke(enabler, grant, "admin", "test"), STATUS_OK);
    assert_true(consumer_sees(CONSUMER_REVOKED));
    detach(&plant);
    assert_true(consumer_sees(CONSUMER_SYSTEM_STATE));
    assert_false(event.up);
    consumer_destroy(consumer);
    arena_finish(&arena);
}

int main(void)
{
#define ON_BOTH(test)                                             \
    cmocka_unit_test_setup_teardown(test, set_up_all, tear_down), \
        cmocka_unit_test_setup_teardown(test, set_up_sqlite, tear_down_sqlite)
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up_all, tear_down)
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_systems_come_back_as_down),
        ON_BOTH(test_what_does_not_come_back_is_forgotten),
        ON_BOTH(test_grants_stay_good),
        ON_BOTH(test_stored_grants_want_values),
        ON_BOTH(test_commands_are_not_done_twice),
        ON_BOTH(test_a_command_whose_twin_system_never_comes_back),
        ON_BOTH(test_the_audit_log_goes_on),
        ON_BOTH(test_written_before_it_goes_out),
        ON_BOTH(test_one_transaction_a_tick_and_none_without_need),
        CASE(test_a_store_that_fails),
        CASE(test_ids_are_remembered_without_a_store),
        CASE(test_a_transaction_that_fails_in_the_middle),
        CASE(test_a_revocation_while_the_store_is_away),
        CASE(test_a_store_that_is_away_for_too_long),
        CASE(test_no_heap_on_the_sync_path),
        CASE(test_with_a_consumer),
    };
    return cmocka_run_group_tests_name("enabler durable", tests, NULL, NULL);
}
