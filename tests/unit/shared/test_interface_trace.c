#include "shared/systems/bus_local.h"
#include "shared/systems/interface_trace_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#define GRANT   "0123456789abcdef0123456789abcdef"
#define COMMAND "fedcba9876543210fedcba9876543210"

static TimeNs now;

static TimeNs monotonic(void)
{
    return now;
}

static TimeNs wall(void)
{
    return INT64_C(1700000000) * TIME_SECOND + now;
}

typedef struct Fixture {
    Bus hub, plant, world;
    InterfaceTrace *trace;
    InterfaceRecord last;
    unsigned told;
} Fixture;

static void record(void *context, const InterfaceRecord *one)
{
    Fixture *f = context;
    f->last = *one;
    f->told++;
}

static void begin(Fixture *f, uint32_t recent)
{
    *f = (Fixture){ 0 };
    now = TIME_SECOND;
    InterfaceTraceConfig config = {
        .recent = recent, .monotonic = monotonic, .wall = wall, .record = record, .context = f
    };
    assert_int_equal(interface_trace_create(&config, &f->trace), STATUS_OK);
    assert_int_equal(bus_local_create(&(BusLocalConfig){ 0 }, &f->hub), STATUS_OK);
    assert_int_equal(bus_local_attach(f->hub, SYSTEM_TWIN, "plant", &f->plant), STATUS_OK);
    assert_int_equal(bus_local_attach(f->hub, SYSTEM_METAVERSE, "world", &f->world), STATUS_OK);
    bus_set_tap(f->hub, interface_trace_tap(f->trace));
}

static void end(Fixture *f)
{
    bus_destroy(f->plant);
    bus_destroy(f->world);
    bus_destroy(f->hub);
    interface_trace_destroy(f->trace);
}

static void say(Bus bus, FamilyId id, const char *to, uint64_t correlation, const char *body)
{
    BusMessage message = {
        .id = id, .correlation = correlation, .subject = "plant", .body = bytes_of(body, strlen(body))
    };
    snprintf(message.to, sizeof message.to, "%s", to);
    assert_int_equal(bus_send(bus, &message), STATUS_OK);
}

static void messages_are_counted_by_kind(void **state)
{
    (void)state;
    Fixture f;
    begin(&f, 0);
    say(f.plant, DII_REGISTER, "", 1, "{...}");
    say(f.plant, DII_HEARTBEAT, "", 0, "{}");
    say(f.plant, DII_HEARTBEAT, "", 0, "{}");
    SyncSample sample = { 0 };
    SyncBatch batch = { .samples = &sample, .count = 1 };
    BusMessage message = { .id = DII_SYNC, .sync = &batch };
    assert_int_equal(bus_send(f.plant, &message), STATUS_OK);
    assert_int_equal(f.last.samples, 1);
    assert_int_equal(interface_trace_counters(f.trace, DII_REGISTER)->messages, 1);
    assert_int_equal(interface_trace_counters(f.trace, DII_REGISTER)->bytes, 5);
    assert_int_equal(interface_trace_counters(f.trace, DII_HEARTBEAT)->messages, 2);
    assert_int_equal(interface_trace_counters(f.trace, DII_SYNC)->messages, 1);
    assert_int_equal(interface_trace_counters(f.trace, MII_SYNC)->messages, 0);
    assert_int_equal(interface_trace_counters(f.trace, (FamilyId)250)->messages, 0);
    assert_int_equal(f.told, 4);
    end(&f);
}

static void answers_have_a_latency(void **state)
{
    (void)state;
    Fixture f;
    begin(&f, 0);
    say(f.plant, DII_REGISTER, "", 7, "{}");
    assert_true(f.last.latency == TIME_NONE);
    now += TIME_MS;
    say(f.world, MII_ACCESS, "", 7, "{}"); /* the same number, of somebody else */
    now += 2 * TIME_MS;
    say(f.hub, DII_REGISTERED, "plant", 7, "{}");
    assert_true(f.last.latency == 3 * TIME_MS);
    say(f.hub, MII_GRANT, "world", 7, "{}");
    assert_true(f.last.latency == 2 * TIME_MS);
    say(f.hub, MII_GRANT, "world", 7, "{}"); /* a second answer */
    assert_true(f.last.latency == TIME_NONE);
    say(f.hub, DII_AUTHENTICATE, "plant", 9, "{}"); /* the enabler asks too */
    now += 5 * TIME_MS;
    say(f.plant, DII_AUTHENTICATED, "", 9, "{}");
    assert_true(f.last.latency == 5 * TIME_MS);
    say(f.world, MII_INVOKE, "", 10, "{}");
    now += TIME_MS;
    say(f.world, MII_INVOKE, "", 10, "{}"); /* sent again: the first time counts */
    now += TIME_MS;
    say(f.hub, MII_COMMAND_STATE, "world", 10, "{}");
    assert_true(f.last.latency == 2 * TIME_MS);
    const InterfaceCounters *counters = interface_trace_counters(f.trace, MII_GRANT);
    assert_int_equal(counters->answers, 1);
    assert_true(counters->latency_sum == 2 * TIME_MS && counters->latency_max == 2 * TIME_MS);
    /* Requests that nobody answers do not fill it up. */
    for (uint64_t i = 100; i < 20000; i++) {
        now++;
        say(f.world, MII_ACCESS, "", i, "{}");
        BusEvent event;
        while (bus_poll(f.hub, now, &event) == STATUS_OK) {
        }
    }
    now += TIME_MS;
    say(f.hub, MII_GRANT, "world", 19999, "{}");
    assert_true(f.last.latency == TIME_MS);
    end(&f);
}

static void grants_and_commands_are_named(void **state)
{
    (void)state;
    Fixture f;
    begin(&f, 0);
    say(f.world, MII_INVOKE, "", 1,
        "{\"user\":\"\\\"grant\\\":\\\"x\",\"grant\":\"" GRANT "\",\"command\":\"" COMMAND "\"}");
    assert_string_equal(f.last.grant, GRANT);
    assert_string_equal(f.last.command, COMMAND);
    assert_int_equal(f.last.step, 7);
    say(f.world, MII_SUBSCRIBE, "", 1, "{\"grant\":\"0123\"}");
    assert_string_equal(f.last.grant, "");
    say(f.world, MII_SUBSCRIBE, "", 1, "{\"grant\":\"0123456789abcdef0123456789abcdefff\"}");
    assert_string_equal(f.last.grant, "");
    say(f.world, MII_SUBSCRIBE, "", 1, "\"grant\":\"" GRANT); /* it ends there */
    assert_string_equal(f.last.grant, "");
    end(&f);
}

static void steps_of_the_procedure(void **state)
{
    (void)state;
    static const struct {
        FamilyId id;
        uint8_t step;
    } cases[] = {
        { DII_REGISTER, 1 }, { DII_PUBLISH, 1 },      { SII_REGISTER, 2 }, { MII_DISCOVER, 3 },
        { MII_SYSTEMS, 3 },  { SII_DISCOVER, 3 },     { MII_ACCESS, 4 },   { DII_AUTHENTICATE, 4 },
        { MII_GRANT, 4 },    { MII_DESCRIBE, 5 },     { SII_DESCRIBE, 5 }, { MII_MODELS, 5 },
        { SII_MODELS, 5 },   { MII_SUBSCRIBE, 6 },    { DII_SNAPSHOT, 6 }, { DII_SYNC, 6 },
        { SII_SYNC, 6 },     { MII_INVOKE, 7 },       { DII_COMMAND, 7 },  { SII_COMMAND_STATE, 7 },
        { MII_REGISTER, 0 }, { MII_SYSTEM_STATE, 0 }, { SII_ALARM, 0 },    { (FamilyId)99, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(interface_trace_step(cases[i].id), cases[i].step);
    }
}

static void the_newest_are_listed(void **state)
{
    (void)state;
    Fixture f;
    InterfaceRecord records[8];
    begin(&f, 4);
    assert_int_equal(interface_trace_recent(f.trace, 0, records, 8), 0);
    for (uint64_t i = 1; i <= 6; i++) {
        say(f.plant, DII_PUBLISH, "", i, "{}");
    }
    assert_int_equal(interface_trace_recent(f.trace, 0, records, 8), 4);
    assert_int_equal(records[0].number, 3);
    assert_int_equal(records[3].correlation, 6);
    assert_int_equal(interface_trace_recent(f.trace, 0, records, 2), 2);
    assert_int_equal(records[1].number, 4);
    assert_int_equal(interface_trace_recent(f.trace, 5, records, 8), 1);
    assert_int_equal(records[0].number, 6);
    assert_int_equal(interface_trace_recent(f.trace, 6, records, 8), 0);
    end(&f);
}

static void lines_are_json(void **state)
{
    (void)state;
    InterfaceRecord one = { .time = INT64_C(1700000001234567890),
                            .id = DII_COMMAND,
                            .step = 7,
                            .correlation = UINT64_MAX,
                            .size = 99,
                            .samples = 3,
                            .latency = 1500,
                            .grant = GRANT,
                            .command = COMMAND };
    char line[INTERFACE_LINE_SIZE];
    memset(one.from, 'a', SYSTEM_NAME_SIZE - 1); /* as long as can be */
    memset(one.to, 'b', SYSTEM_NAME_SIZE - 1);
    memset(one.subject, 'c', SYSTEM_NAME_SIZE - 1);
    json_t *root = json_loads(interface_trace_format(&one, line), JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "interface")), "DII");
    assert_string_equal(json_string_value(json_object_get(root, "message")), "DII_COMMAND");
    assert_string_equal(json_string_value(json_object_get(root, "grant")), GRANT);
    assert_string_equal(json_string_value(json_object_get(root, "command")), COMMAND);
    assert_int_equal(strlen(json_string_value(json_object_get(root, "subject"))), SYSTEM_NAME_SIZE - 1);
    assert_true(json_number_value(json_object_get(root, "latency_us")) == 1);
    assert_int_equal(json_object_size(root), 13);
    json_decref(root);
    one = (InterfaceRecord){ .id = MII_SYNC, .latency = TIME_NONE };
    root = json_loads(interface_trace_format(&one, line), 0, NULL);
    assert_int_equal(json_object_size(root), 9);
    json_decref(root);
}

static void a_file_has_a_line_a_message(void **state)
{
    (void)state;
    Fixture f;
    char path[] = "/tmp/dtmv-trace-XXXXXX", line[INTERFACE_LINE_SIZE];
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    begin(&f, 0);
    InterfaceTraceFile *file;
    assert_int_equal(interface_trace_file_open(path, &file, NULL), STATUS_OK);
    bus_set_tap(f.hub, interface_trace_tap(interface_trace_file_trace(file)));
    say(f.plant, DII_REGISTER, "", 1, "{}");
    say(f.hub, DII_REGISTERED, "plant", 1, "{}");
    interface_trace_file_flush(file);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_non_null(fgets(line, sizeof line, in));
    assert_non_null(strstr(line, "\"message\":\"DII_REGISTER\""));
    assert_non_null(fgets(line, sizeof line, in));
    assert_non_null(strstr(line, "\"latency_us\":"));
    assert_null(fgets(line, sizeof line, in));
    fclose(in);
    bus_set_tap(f.hub, (BusTap){ 0 });
    assert_int_equal(interface_trace_file_close(file), STATUS_OK);
    Diag diag = { 0 };
    assert_int_equal(interface_trace_file_open("/nonexistent/x", &file, &diag), STATUS_IO_ERROR);
    assert_true(strlen(diag.text) > 0);
    assert_int_equal(interface_trace_file_open(NULL, &file, &diag), STATUS_OK);
    interface_trace_file_flush(file);
    assert_int_equal(interface_trace_file_close(file), STATUS_OK);
    unlink(path);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_counted_by_kind),  cmocka_unit_test(answers_have_a_latency),
        cmocka_unit_test(grants_and_commands_are_named), cmocka_unit_test(steps_of_the_procedure),
        cmocka_unit_test(the_newest_are_listed),         cmocka_unit_test(lines_are_json),
        cmocka_unit_test(a_file_has_a_line_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
