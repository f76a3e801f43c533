/* The real parts together: a twin system, the enabler and a consumer over a bus of one process, and over one
 * between processes (sealed, simulated). Steps 1 and 3 to 7 of the integration procedure, and what survives a
 * restart. */
#include "server/enabler/enabler.h"
#include "server/enabler/store_memory.h"
#include "server/twin/twin.h"
#include "shared/systems/bus_local.h"
#include "shared/systems/bus_net.h"
#include "shared/systems/consumer.h"
#include "shared/systems/interface_trace.h"
#include "tests/unit/shared/secure_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define WALL    (INT64_C(1700000000) * TIME_SECOND)
#define STEP    (10 * TIME_MS)
#define COMMAND "00112233445566778899aabbccddeeff"

static const char valve[] =
    "{\"@context\":\"https://www.w3.org/2022/wot/td/v1.1\",\"title\":\"Valve\",\"security\":\"s\","
    "\"securityDefinitions\":{\"s\":{\"scheme\":\"nosec\"}},\"properties\":{"
    "\"position\":{\"type\":\"number\",\"minimum\":0,\"maximum\":100,\"multipleOf\":0.1,\"forms\":[{\"href\":"
    "\"p\"}]},"
    "\"note\":{\"type\":\"string\",\"forms\":[{\"href\":\"n\"}]}},\"actions\":{\"set\":{\"title\":\"Set\","
    "\"input\":{"
    "\"type\":\"number\",\"minimum\":0,\"maximum\":100},\"dtmv:target\":\"position\",\"dtmv:timeout\":3,"
    "\"forms\":[{\"href\":\"s\"}]}}}";

/* A valve that does what it is told, after a while. */
typedef struct Valve {
    TimeNs now;
    int64_t position, wished;
    TimeNs told; /* when; TIME_NONE: never */
    int64_t reported;
    uint32_t note;
    bool note_reported, stuck, answered;
    char command[COMMAND_ID_SIZE];
} Valve;

static Status valve_poll(void *context, TimeNs now, TraceSample *out, size_t capacity, size_t *out_count,
                         FeedStatus *out_status)
{
    Valve *v = context;
    v->now = now;
    if (v->told != TIME_NONE && now - v->told > TIME_SECOND / 2 && !v->stuck) {
        v->position = v->wished;
    }
    *out_count = 0;
    if (capacity > 1 && v->reported != v->position) {
        v->reported = v->position;
        out[(*out_count)++] =
            (TraceSample){ .quality = QUALITY_GOOD, .code = v->position, .source_time = WALL + now };
    }
    if (capacity > 1 && !v->note_reported) {
        v->note_reported = true;
        out[(*out_count)++] = (TraceSample){
            .property = 1, .quality = QUALITY_GOOD, .code = v->note, .source_time = WALL + now
        };
    }
    *out_status = (FeedStatus){ .source_clock = WALL + now };
    return STATUS_OK;
}

static Status valve_command(void *context, TimeNs now, const FieldCommand *command)
{
    Valve *v = context;
    v->told = now;
    v->wished = (int64_t)(command->value.number * 10);
    v->answered = false;
    memcpy(v->command, command->command, sizeof v->command);
    return STATUS_OK;
}

static Status valve_answer(void *context, FieldAnswer *out_answer)
{
    Valve *v = context;
    if (v->told == TIME_NONE || v->answered) {
        return STATUS_EMPTY;
    }
    *out_answer = (FieldAnswer){ .accepted = true };
    memcpy(out_answer->command, v->command, sizeof v->command);
    v->answered = true;
    return STATUS_OK;
}

static void valve_destroy(void *context)
{
    (void)context;
}

static const FeedOps valve_ops = {
    .poll = valve_poll, .command = valve_command, .answer = valve_answer, .destroy = valve_destroy
};

typedef struct Fixture {
    bool net;
    Rig rig;
    Arena arena;
    ThingModel model;
    Thing thing;
    World world;
    TextTable twin_texts, enabler_texts, world_texts;
    Valve valve;
    TwinSystem *twin;
    Bus local;
    Enabler *enabler;
    Store store;
    Consumer *consumer;
    InterfaceTrace *trace;
    TimeNs now;

    /* What the consumer was told. */
    uint64_t request;
    unsigned registered, lost, refusals, snapshots, systems;
    bool has_models;
    char grant[GRANT_ID_SIZE], reason[REASON_TEXT_SIZE];
    uint32_t rights;
    int64_t position;
    char note[32];
    CommandState states[16];
    unsigned state_count;
} Fixture;

static TimeNs clock_of_test;

static TimeNs test_clock(void)
{
    return clock_of_test;
}

static Bus endpoint(Fixture *f, SystemKind kind, const char *name, uint8_t secret)
{
    Bus bus;
    if (!f->net) {
        assert_int_equal(bus_local_attach(f->local, kind, name, &bus), STATUS_OK);
        return bus;
    }
    uint8_t key[NOISE_KEY_SIZE] = { secret };
    SecureConfig sealed = f->rig.client_config;
    sealed.secret = key;
    BusNetEndpointConfig config = { .kind = kind, .name = name, .host = "sim", .port = RIG_PORT };
    assert_int_equal(bus_net_endpoint_create(&config, rig_sealed(&f->rig, 0, &sealed), &bus), STATUS_OK);
    return bus;
}

static void make_enabler(Fixture *f)
{
    Bus hub;
    if (f->net) {
        BusNetHubConfig config = { .peer_key = transport_secure_peer_key };
        assert_int_equal(
            bus_net_hub_create(&config, rig_sealed(&f->rig, RIG_PORT, &f->rig.server_config), &hub),
            STATUS_OK);
    } else {
        assert_int_equal(bus_local_create(&(BusLocalConfig){ 0 }, &hub), STATUS_OK);
        f->local = hub;
    }
    bus_set_tap(hub, interface_trace_tap(f->trace));
    assert_int_equal(store_memory_create(&f->store), STATUS_OK);
    EnablerConfig config = { .texts = &f->enabler_texts };
    assert_int_equal(enabler_create(&config, &hub, 1, f->store, &f->enabler), STATUS_OK);
}

static void make_twin(Fixture *f)
{
    f->valve.reported = -1;
    f->valve.note_reported = false;
    assert_int_equal(twin_create(&f->world, 0, &f->twin), STATUS_OK);
    assert_int_equal(twin_add_feed(f->twin, (Feed){ .ops = &valve_ops, .context = &f->valve }), STATUS_OK);
    TwinLinkConfig config = { .name = "plant", .domain = "energy", .texts = &f->twin_texts };
    assert_int_equal(twin_attach(f->twin, &config, endpoint(f, SYSTEM_TWIN, "plant", 1)), STATUS_OK);
}

static void make_consumer(Fixture *f)
{
    ConsumerConfig config = { .kind = SYSTEM_METAVERSE, .name = "world" };
    assert_int_equal(
        consumer_create(&config, endpoint(f, SYSTEM_METAVERSE, "world", 2), &f->world_texts, &f->consumer),
        STATUS_OK);
}

static void begin(Fixture *f, bool net)
{
    *f = (Fixture){ .net = net, .now = RIG_START, .valve.told = TIME_NONE, .valve.position = 300 };
    rig_init(&f->rig, 3, rig_clean);
    arena_init(&f->arena, 0);
    assert_int_equal(thing_model_load(bytes_of(valve, sizeof valve - 1), "v", &f->arena, &f->model, NULL),
                     STATUS_OK);
    f->thing = (Thing){ .id = "v-1", .title = "Valve", .model = &f->model };
    f->world = (World){ .things = &f->thing, .thing_count = 1 };
    uint32_t filler;
    assert_int_equal(text_table_init(&f->twin_texts, 8, &f->arena), STATUS_OK);
    assert_int_equal(text_table_init(&f->enabler_texts, 8, &f->arena), STATUS_OK);
    assert_int_equal(text_table_init(&f->world_texts, 8, &f->arena), STATUS_OK);
    assert_int_equal(text_intern(&f->twin_texts, "filler", &filler), STATUS_OK);
    assert_int_equal(text_intern(&f->twin_texts, "opened by hand", &f->valve.note), STATUS_OK);
    InterfaceTraceConfig config = { .recent = 8192, .monotonic = test_clock, .wall = test_clock };
    assert_int_equal(interface_trace_create(&config, &f->trace), STATUS_OK);
    make_enabler(f);
    make_twin(f);
    make_consumer(f);
}

static void end(Fixture *f)
{
    twin_destroy(f->twin);
    consumer_destroy(f->consumer);
    enabler_destroy(f->enabler);
    interface_trace_destroy(f->trace);
    sim_network_destroy(f->rig.network);
    arena_finish(&f->arena);
}

static void listen(Fixture *f, const ConsumerEvent *event)
{
    switch (event->type) {
    case CONSUMER_REGISTERED:
        f->registered++;
        break;
    case CONSUMER_LOST:
        f->lost++;
        break;
    case CONSUMER_SYSTEMS:
        f->systems = event->system_count;
        break;
    case CONSUMER_MODELS:
        f->has_models = event->models->thing_count == 1 && strcmp(event->models->things[0].id, "v-1") == 0;
        break;
    case CONSUMER_GRANT:
        f->rights = event->grant.rights;
        snprintf(f->grant, sizeof f->grant, "%s", event->grant.grant);
        break;
    case CONSUMER_REFUSED:
        f->refusals++;
        snprintf(f->reason, sizeof f->reason, "%s", event->reason);
        break;
    case CONSUMER_SYNC:
        f->snapshots += event->sync->snapshot;
        for (size_t i = 0; i < event->sync->count; i++) {
            const SyncSample *sample = &event->sync->samples[i];
            if (sample->property == 0) {
                f->position = sample->code;
            } else { /* in one process all systems have one table */
                TextTable *texts = f->net ? &f->world_texts : &f->twin_texts;
                snprintf(f->note, sizeof f->note, "%.31s", text_get(texts, (uint32_t)sample->code));
            }
        }
        break;
    case CONSUMER_COMMAND_STATE:
        assert_true(f->state_count < ARRAY_COUNT(f->states));
        f->states[f->state_count++] = event->command.state;
        snprintf(f->reason, sizeof f->reason, "%s", event->reason);
        break;
    default:
        break;
    }
}

static void run(Fixture *f, TimeNs span)
{
    for (TimeNs until = f->now + span; f->now < until; f->now += STEP) {
        SyncBatch batch;
        ConsumerEvent event;
        clock_of_test = f->now;
        if (f->twin != NULL) {
            twin_set_wall(f->twin, f->now, WALL + f->now);
            assert_int_equal(twin_tick(f->twin, f->now, &batch), STATUS_OK);
        }
        if (f->enabler != NULL) {
            enabler_tick(f->enabler, f->now, WALL + f->now);
        }
        while (consumer_poll(f->consumer, f->now, WALL + f->now, &event) == STATUS_OK) {
            listen(f, &event);
        }
        consumer_flush(f->consumer, f->now);
        if (f->enabler != NULL) {
            enabler_tick(f->enabler, f->now, WALL + f->now);
        }
    }
}

static void bind(Fixture *f)
{
    SystemUser ann = { "ann", "", "operator" };
    f->has_models = false;
    f->systems = 0;
    assert_int_equal(consumer_discover(f->consumer, "energy", SYSTEM_TWIN, &f->request), STATUS_OK);
    run(f, TIME_SECOND);
    assert_int_equal(f->systems, 1);
    assert_int_equal(consumer_access(f->consumer, "plant", RIGHT_READ | RIGHT_ACTUATE, &ann, &f->request),
                     STATUS_OK);
    run(f, TIME_SECOND);
    assert_int_equal(f->rights, RIGHT_READ | RIGHT_ACTUATE);
    assert_int_equal(consumer_describe(f->consumer, "plant", &f->request), STATUS_OK);
    run(f, TIME_SECOND);
    assert_true(f->has_models);
    assert_int_equal(consumer_subscribe(f->consumer, "plant", f->grant, &f->request), STATUS_OK);
    run(f, TIME_SECOND);
}

static void invoke(Fixture *f, const char *command, double value)
{
    ConsumerInvoke asked = { .command = command,
                             .grant = f->grant,
                             .system = "plant",
                             .thing = "v-1",
                             .action = "set",
                             .user = "ann",
                             .has_value = true,
                             .value = { .type = VALUE_NUMBER, .number = value } };
    assert_int_equal(consumer_invoke(f->consumer, &asked, &f->request), STATUS_OK);
}

/* The steps of the integration procedure follow each other; 2 is for services. (A twin system synchronises
 * with the enabler as soon as its models are there.) */
static void steps_in_order(const Fixture *f)
{
    static InterfaceRecord records[8192];
    static const uint8_t wanted[] = { 1, 3, 4, 5, 6, 7 };
    size_t count = interface_trace_recent(f->trace, 0, records, ARRAY_COUNT(records)), next = 0;
    for (size_t i = 0; i < count && next < ARRAY_COUNT(wanted); i++) {
        next += records[i].step == wanted[next];
    }
    assert_int_equal(next, ARRAY_COUNT(wanted));
    const InterfaceCounters *grants = interface_trace_counters(f->trace, MII_GRANT);
    assert_true(grants->messages == 1 && grants->answers == 1);
}

static void the_whole_loop(bool net)
{
    Fixture f;
    begin(&f, net);
    run(&f, 3 * TIME_SECOND);
    assert_int_equal(f.registered, 1);
    assert_true(twin_published(f.twin));
    bind(&f);
    assert_true(f.snapshots >= 1);
    assert_int_equal(f.position, 300); /* R8 */
    assert_string_equal(f.note, "opened by hand");

    invoke(&f, COMMAND, 55);
    run(&f, 2 * TIME_SECOND);
    assert_int_equal(f.state_count, 3); /* R15 */
    assert_int_equal(f.states[0], COMMAND_AUTHORISED);
    assert_int_equal(f.states[1], COMMAND_ACCEPTED);
    assert_int_equal(f.states[2], COMMAND_CONFIRMED);
    assert_int_equal(f.position, 550);
    steps_in_order(&f);

    f.valve.stuck = true;
    f.state_count = 0;
    invoke(&f, "00000000000000000000000000000001", 10);
    run(&f, 5 * TIME_SECOND);
    assert_int_equal(f.state_count, 3); /* R16 */
    assert_int_equal(f.states[2], COMMAND_TIMED_OUT);
    int64_t desired;
    assert_false(twin_desired(f.twin, 0, 0, &desired));
    assert_int_equal(f.position, 550);

    SystemUser viewer = { "eve", "", "viewer" };
    assert_int_equal(consumer_access(f.consumer, "plant", RIGHT_ACTUATE, &viewer, &f.request), STATUS_OK);
    run(&f, TIME_SECOND);
    assert_int_equal(f.refusals, 1); /* R35 */
    end(&f);
}

static void the_whole_loop_in_one_process(void **state)
{
    (void)state;
    the_whole_loop(false);
}

static void the_whole_loop_between_processes(void **state)
{
    (void)state;
    the_whole_loop(true);
}

/* A twin system that dies, and comes back with other values: nobody else is restarted (R13). */
static void a_twin_system_is_restarted(bool net)
{
    Fixture f;
    begin(&f, net);
    run(&f, 3 * TIME_SECOND);
    bind(&f);
    unsigned snapshots = f.snapshots;
    invoke(&f, COMMAND, 55);
    run(&f, TIME_SECOND / 5); /* under way */
    assert_int_equal(f.states[f.state_count - 1], COMMAND_ACCEPTED);
    twin_destroy(f.twin);
    f.twin = NULL;
    run(&f, 8 * TIME_SECOND);
    assert_int_equal(f.states[f.state_count - 1], COMMAND_FAILED);
    f.valve = (Valve){ .position = 700, .told = TIME_NONE, .note = f.valve.note };
    make_twin(&f);
    run(&f, 8 * TIME_SECOND);
    assert_true(f.snapshots > snapshots);
    assert_int_equal(f.position, 700);
    assert_int_equal(f.registered, 1);
    end(&f);
}

static void a_twin_system_is_restarted_in_one_process(void **state)
{
    (void)state;
    a_twin_system_is_restarted(false);
}

static void a_twin_system_is_restarted_as_a_process(void **state)
{
    (void)state;
    a_twin_system_is_restarted(true);
}

/* An enabler that dies with all it knew (R13). */
static void the_enabler_is_restarted(void **state)
{
    (void)state;
    Fixture f;
    begin(&f, true);
    run(&f, 3 * TIME_SECOND);
    bind(&f);
    enabler_destroy(f.enabler);
    f.enabler = NULL;
    f.valve.position = 800; /* changes meanwhile */
    run(&f, 8 * TIME_SECOND);
    assert_int_equal(f.lost, 1);
    make_enabler(&f);
    run(&f, 12 * TIME_SECOND);
    assert_int_equal(f.registered, 2);
    assert_true(twin_published(f.twin));
    bind(&f);
    assert_int_equal(f.position, 800);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_loop_in_one_process),
        cmocka_unit_test(the_whole_loop_between_processes),
        cmocka_unit_test(a_twin_system_is_restarted_in_one_process),
        cmocka_unit_test(a_twin_system_is_restarted_as_a_process),
        cmocka_unit_test(the_enabler_is_restarted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
