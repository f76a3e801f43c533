/* The server as a whole: a recorded trace, through twin and metaverse, to a client's snapshot. */
#include "server/embedded.h"
#include "server/enabler/store_memory.h"
#include "shared/systems/bus_local.h"
#include "tests/unit/server/script_client.h"
#include "tests/unit/server/trace_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS 400

typedef struct Run {
    TraceFixture trace;
    SimNetwork *network;
    Server *server;
    ScriptClient client;
    TimeNs now;
} Run;

static Run run;
static char csv[ROWS * 48];

/* Values of three things that change at different rates; the code of a value tells its row. */
static void write_trace(void)
{
    size_t size = 0;
    for (int row = 0; row < ROWS; row++) {
        size += (size_t)snprintf(csv + size, sizeof csv - size, "%d,machine-%d,temperature,%d.%d\n",
                                 100 + row / 2, row % 3, row / 10, row % 10);
    }
}

static int set_up(void **state)
{
    (void)state;
    memset(&run, 0, sizeof run);
    write_trace();
    return 0;
}

static void begin_with(EmbeddedConfig config, const ReplayConfig *replay, SimLink link)
{
    Transport transport;
    TwinSystem *twin;
    Diag diag = { 0 };
    config.metaverse.sessions = 4;
    assert_int_equal(trace_fixture_init(&run.trace, csv, replay, &diag), STATUS_OK);
    assert_int_equal(sim_network_create(9, link, &run.network), STATUS_OK);
    assert_int_equal(transport_sim_create(run.network, SERVER_PORT, &transport), STATUS_OK);
    assert_int_equal(twin_create(&run.trace.small.world, 0, &twin), STATUS_OK);
    assert_int_equal(twin_add_feed(twin, run.trace.feed), STATUS_OK);
    run.trace.feed = (Feed){ 0 };
    assert_int_equal(server_create_embedded(&config, &run.trace.small.world, &run.trace.small.texts,
                                            run.trace.small.assets, twin, transport, &run.server, &diag),
                     STATUS_OK);
    run.now = SECONDS_START;
    assert_true(client_start(&run.client, run.network, GOAL_LIVE, "Ada"));
    assert_true(client_connect(&run.client));
}

static void begin(const ReplayConfig *replay, SimLink link)
{
    begin_with((EmbeddedConfig){ 0 }, replay, link);
}

static void tick(void)
{
    run.now += TICK;
    server_receive(run.server, run.now - TICK / 2);
    server_tick(run.server, run.now);
    server_note_tick(run.server, 100 * TIME_US);
    client_tick(&run.client, run.now);
}

static int tear_down(void **state)
{
    (void)state;
    if (run.server != NULL) {
        client_finish(&run.client);
        server_destroy(run.server);
        sim_network_destroy(run.network);
        trace_fixture_finish(&run.trace);
    }
    return 0;
}

/* The code of `thing` after every row up to `clock`, read from the rows themselves; -1 when it has none. */
static int64_t expected_code(uint32_t thing, TimeNs clock)
{
    int64_t code = -1;
    for (int row = 0; row < ROWS; row++) {
        if (row % 3 == (int)thing && (TimeNs)(100 + row / 2) * TIME_SECOND <= clock) {
            code = row;
        }
    }
    return code;
}

/* The promise of the whole system: what a client sees at a source time is the trace at that time, exactly. */
static void check_newest(void)
{
    const Snapshot *snapshot = run.client.newest;
    for (uint32_t thing = 0; thing < 3; thing++) {
        const ChannelState *channel = &snapshot->channels[snapshot->entities[thing].first_channel];
        int64_t code = expected_code(thing, snapshot->source_time);
        assert_int_equal(channel->quality == QUALITY_NONE ? -1 : channel->code, code);
        if (code >= 0) {
            assert_int_equal(channel->source_time, (100 + code / 2) * TIME_SECOND);
        }
    }
}

static void plays_exactly(double speed, bool loop, SimLink link)
{
    begin(&(ReplayConfig){ .speed = speed, .loop = loop }, link);
    TimeNs seen = TIME_NONE;
    unsigned checks = 0, backward = 0;
    for (int i = 0; i < 1200; i++) {
        tick();
        if (run.client.newest == NULL) {
            continue;
        }
        check_newest();
        checks += run.client.newest->source_time != seen;
        backward += run.client.newest->source_time < seen;
        seen = run.client.newest->source_time;
    }
    assert_true(checks > 50);
    assert_true(loop ? backward > 0 : backward == 0);
    assert_int_equal(run.client.rejected, 0);
}

static void a_client_sees_the_trace_exactly(void **state)
{
    (void)state;
    plays_exactly(7, false, (SimLink){ .latency = 10 * TIME_MS });
}

static void exactly_under_loss_and_loop(void **state)
{
    (void)state;
    SimLink link = {
        .latency = 75 * TIME_MS, .jitter = 20 * TIME_MS, .loss = 0.05, .duplication = 0.02, .reorder = 0.05
    };
    plays_exactly(100, true, link);
}

static void exactly_at_the_highest_speed(void **state)
{
    (void)state;
    plays_exactly(1000, true, (SimLink){ 0 });
}

/* As a main does it, but in virtual time, looked at every 100 µs. The client hears and acknowledges every ms.
 */
static void run_scheduled(double seconds, void (*each)(void))
{
    TimeNs end = run.now + time_from_seconds(seconds);
    for (; run.now < end; run.now += 100 * TIME_US) {
        if (run.now >= server_wake(run.server)) {
            server_run(run.server, run.now);
            assert_true(server_wake(run.server) > run.now);
        }
        if (run.now % TIME_MS == 0) {
            client_tick(&run.client, run.now);
            if (each != NULL && run.client.newest != NULL) {
                each();
            }
        }
    }
}

static uint32_t late, sights;

/* A row is with the client a few ms after it was due. The trace began when the server was first run. */
static void check_promptly(void)
{
    check_newest();
    const TimeNs began = SECONDS_START;
    TimeNs due = SECONDS(100) + (run.now - 4 * TIME_MS - began) * 7;
    for (uint32_t thing = 0; thing < 3; thing++) {
        const ChannelState *channel =
            &run.client.newest->channels[run.client.newest->entities[thing].first_channel];
        late += channel->code < expected_code(thing, due);
        sights++;
    }
}

static void tickless_tells_a_row_when_it_is_due(void **state)
{
    (void)state;
    begin_with((EmbeddedConfig){ .server = { .tickless = true } }, &(ReplayConfig){ .speed = 7 },
               (SimLink){ 0 });
    run_scheduled(1, NULL);
    late = sights = 0;
    uint64_t before = run.client.snapshots;
    run_scheduled(20, check_promptly);
    assert_true(sights > 50000);
    assert_int_equal(late, 0);
    uint64_t told = run.client.snapshots - before;
    assert_in_range(told, 139, 142); /* the times at which rows came, each told once */

    run_scheduled(15, NULL); /* to the end of the trace, and on */
    before = run.client.snapshots;
    run_scheduled(10, NULL);
    assert_in_range(run.client.snapshots - before, 19, 21); /* the clock only */
}

/* ---- samples of the moment ---- */

typedef struct PromptFeed {
    TimeNs next, interval;
    TimeNs waited; /* longest: a sample until it was taken */
    uint32_t samples;
} PromptFeed;

static Status prompt_poll(void *context, TimeNs now, TraceSample *out_samples, size_t capacity,
                          size_t *out_count, FeedStatus *out_status)
{
    PromptFeed *feed = context;
    size_t count = 0;
    for (; feed->next <= now && count < capacity; feed->next += feed->interval) {
        feed->waited = now - feed->next > feed->waited ? now - feed->next : feed->waited;
        out_samples[count++] = (TraceSample){ .source_time = feed->next,
                                              .quality = QUALITY_GOOD,
                                              .code = ++feed->samples % 100 };
    }
    *out_count = count;
    *out_status = (FeedStatus){ .source_clock = now };
    return STATUS_OK;
}

static TimeNs prompt_due(const void *context)
{
    return ((const PromptFeed *)context)->next;
}

static void prompt_destroy(void *context)
{
    (void)context;
}

static const FeedOps prompt_ops = { .poll = prompt_poll, .next_due = prompt_due, .destroy = prompt_destroy };

/* Runs a server of `feed` and an enabler, with the metaverse system or without, for some seconds; the longest
 * that a sample waited. A stall at the beginning puts the twin system's heartbeats between the steps. */
static TimeNs longest_wait(PromptFeed *feed, bool metaverse, bool tickless)
{
    const ServerConfig config = { .tickless = tickless };
    const Feed ours = { .ops = &prompt_ops, .context = feed };
    begin_with((EmbeddedConfig){ .server = config }, &(ReplayConfig){ .paused = true }, (SimLink){ 0 });
    Server *server = run.server;
    if (metaverse) {
        assert_int_equal(twin_add_feed(server_parts(server)->twin, ours), STATUS_OK);
    } else {
        ServerParts parts = { 0 };
        Bus hub, endpoint;
        Store store;
        const TwinLinkConfig link = { .name = "small", .texts = &run.trace.small.texts };
        assert_int_equal(bus_local_create(&(BusLocalConfig){ 0 }, &hub), STATUS_OK);
        assert_int_equal(store_memory_create(&store), STATUS_OK);
        assert_int_equal(enabler_create(&(EnablerConfig){ 0 }, &hub, 1, store, &parts.enabler), STATUS_OK);
        assert_int_equal(bus_local_attach(hub, SYSTEM_TWIN, "small", &endpoint), STATUS_OK);
        assert_int_equal(twin_create(&run.trace.small.world, 0, &parts.twin), STATUS_OK);
        assert_int_equal(twin_attach(parts.twin, &link, endpoint), STATUS_OK);
        assert_int_equal(twin_add_feed(parts.twin, ours), STATUS_OK);
        assert_int_equal(server_create(&config, &parts, &server), STATUS_OK);
    }
    const TimeNs stall = run.now + 995 * TIME_MS, end = run.now + 10 * TIME_SECOND;
    feed->next = run.now;
    for (; run.now < end; run.now += 100 * TIME_US) {
        if (run.now >= server_wake(server)) {
            server_run(server, run.now);
        }
        run.now += run.now == stall ? 12300 * TIME_US : 0;
        feed->waited = run.now < stall + TIME_SECOND / 2 ? 0 : feed->waited;
    }
    if (!metaverse) {
        server_destroy(server);
    }
    assert_true(feed->samples > 1000);
    return feed->waited;
}

/* Nor does the next sample wait because there was something else to do, such as a heartbeat. */
static void tickless_takes_a_sample_when_it_is_there(void **state)
{
    (void)state;
    assert_true(longest_wait(&(PromptFeed){ .interval = 3100 * TIME_US }, true, true) <= 400 * TIME_US);
}

static void without_clients_a_sample_waits_for_no_tick(void **state)
{
    (void)state;
    assert_true(longest_wait(&(PromptFeed){ .interval = 3100 * TIME_US }, false, false) <= 400 * TIME_US);
}

static void ticks_by_schedule_are_ticks(void **state)
{
    (void)state;
    begin(&(ReplayConfig){ .speed = 7 }, (SimLink){ 0 });
    run_scheduled(1, NULL);
    uint64_t before = run.client.snapshots;
    run_scheduled(10, check_newest);
    assert_in_range(run.client.snapshots - before, 299, 301);
}

static void the_status_line_says_what_goes_on(void **state)
{
    (void)state;
    begin(&(ReplayConfig){ .speed = 10 }, (SimLink){ 0 });
    char line[512];
    assert_string_equal(
        server_status_line(run.server, run.now, line, sizeof line),
        "0 people, 0 things, 0 samples (0 dropped, 0 bad), 0 stale, 0 closed for bad messages"); /* not met
                                                                                                    yet */
    for (int i = 0; i < 181; i++) {
        tick();
    }
    server_status_line(run.server, run.now, line, sizeof line);
    assert_non_null(strstr(line, "1 people, 3 things, 6"));
    assert_non_null(strstr(line, " samples/s, "));
    assert_non_null(strstr(line, " kB/s out, "));
    assert_null(strstr(line, ", 0.0 kB/s out"));
    assert_non_null(strstr(line, "tick p50 0.100 ms p99 0.100 ms"));
    assert_null(strstr(line, "behind"));
    char small[8];
    server_status_line(run.server, run.now, small, sizeof small);
    assert_string_equal(small, "1 peopl");
}

static void shutdown_reaches_the_client(void **state)
{
    (void)state;
    begin(&(ReplayConfig){ 0 }, (SimLink){ 0 });
    for (int i = 0; i < 60; i++) {
        tick();
    }
    assert_false(run.client.rejected);
    server_shutdown(run.server, run.now);
    for (int i = 0; i < 5; i++) {
        tick();
    }
    assert_int_equal(run.client.reject.code, REJECT_SHUTDOWN);
    assert_true(server_drained(run.server));
    assert_int_equal(metaverse_counters(server_parts(run.server)->metaverse)->sessions, 0);
    assert_non_null(server_parts(run.server)->twin);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_sees_the_trace_exactly),
        TEST(exactly_under_loss_and_loop),
        TEST(exactly_at_the_highest_speed),
        TEST(tickless_tells_a_row_when_it_is_due),
        TEST(tickless_takes_a_sample_when_it_is_there),
        TEST(without_clients_a_sample_waits_for_no_tick),
        TEST(ticks_by_schedule_are_ticks),
        TEST(the_status_line_says_what_goes_on),
        TEST(shutdown_reaches_the_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
