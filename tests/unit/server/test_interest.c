/* What a client is told when it does not see everything, or cannot be sent everything: the near, with
 * hysteresis, nobody lost between cells; under a small rate everything in its turn. */
#include "server/metaverse/state.h"
#include "tests/unit/server/script_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define VIEW 30.0 /* metres */

static Stage stage;

/* Things stand in a row, two metres apart, from x = 0 at z = -10. */
static void begin(uint32_t things, MetaverseConfig config, SimLink link)
{
    assert_true(stage_init_sized(&stage, things, &config, link, 1000));
    stage.small.world.bounds_min[0] = stage.small.world.bounds_min[1] = -100000;
    stage.small.world.bounds_max[0] = stage.small.world.bounds_max[1] = 100000;
}

static Session *session_of(const ScriptClient *client)
{
    for (uint16_t i = 0; i < stage.metaverse->live_count; i++) {
        Session *session = &stage.metaverse->sessions[stage.metaverse->live[i]];
        if (session->number == client->welcome.session) {
            return session;
        }
    }
    fail_msg("nobody is live with number %u", (unsigned)client->welcome.session);
    return NULL;
}

static void put(const ScriptClient *client, double x, double z)
{
    float *position = session_of(client)->body.position;
    position[0] = (float)x;
    position[2] = (float)z;
}

static bool sees_thing(const ScriptClient *client, uint32_t thing)
{
    return snapshot_entity(client->newest, stage.metaverse->replication.twins[thing].handle) != NULL;
}

static void the_near_is_told_and_the_far_is_not(void **state)
{
    (void)state;
    begin(2000, (MetaverseConfig){ .sessions = 2, .view_distance_m = (uint16_t)VIEW }, (SimLink){ 0 });
    ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
    stage_run(&stage, 1);
    static const double places[] = { 0, 700, 703, 3000, 3998, 1500.5, 10 };
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        put(client, places[i], -10);
        stage_run(&stage, 1);
        assert_true(client->complete);
        uint32_t seen = 0;
        for (uint32_t thing = 0; thing < 2000; thing++) {
            double distance = fabs(thing * 2.0 - places[i]);
            seen += sees_thing(client, thing);
            assert_true(distance > VIEW || sees_thing(client, thing));
            assert_false(distance > VIEW * 1.15 + VIEW / 2 &&
                         sees_thing(client, thing)); /* a square is half of it */
        }
        assert_in_range(seen, VIEW / 2, VIEW * 3);
    }
    stage_finish(&stage);
}

/* Who walks to and fro on an edge is not told and untold of the same things. */
static void an_edge_does_not_flicker(void **state)
{
    (void)state;
    begin(200, (MetaverseConfig){ .sessions = 2, .view_distance_m = (uint16_t)VIEW }, (SimLink){ 0 });
    ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
    stage_run(&stage, 1);
    for (uint32_t start = 100; start < 130; start += 5) {
        put(client, start + 1.5, -10);
        stage_run(&stage, 0.5);
        put(client, start, -10);
        stage_run(&stage, 0.5);
        uint32_t cells = replica_counters(client->replica).cells;
        uint64_t records = replica_counters(client->replica).records;
        for (int i = 0; i < 20; i++) {
            put(client, start + i % 2 * 1.5, -10);
            stage_run(&stage, 0.3);
            assert_int_equal(replica_counters(client->replica).cells, cells);
        }
        assert_in_range(replica_counters(client->replica).records - records, 19, 25); /* of the own cell */
    }
    stage_finish(&stage);
}

/* Walking through many squares, in sight of somebody all the way, on a lossy network. */
static void nobody_vanishes_between_cells(void **state)
{
    (void)state;
    SimLink link = { .latency = 40 * TIME_MS, .jitter = 30 * TIME_MS, .loss = 0.05, .reorder = 0.05 };
    begin(10, (MetaverseConfig){ .sessions = 4, .view_distance_m = 12 }, link); /* squares of 6 m */
    ScriptClient *ada = stage_add(&stage, GOAL_LIVE, "Ada"), *bob = stage_add(&stage, GOAL_LIVE, "Bob");
    stage_run(&stage, 4);
    assert_int_equal(stage.metaverse->live_count, 2);
    put(ada, 0, 0);
    put(bob, 4, 1);
    stage_run(&stage, 2);
    uint32_t looks = 0;
    for (int tick = 0; tick < 60 * 60; tick++) {
        double x = tick / 60.0 * 1.5; /* a walk of 90 m */
        put(ada, x, 0);
        put(bob, x + 4, 1);
        stage_tick(&stage);
        if (ada->newest != NULL) {
            assert_non_null(client_avatar(ada, ada->welcome.session));
            assert_non_null(client_avatar(ada, bob->welcome.session));
            looks++;
        }
    }
    assert_true(looks > 3000);
    assert_int_equal(stage.metaverse->replication.cells.overflow, 0);
    assert_int_equal(metaverse_counters(stage.metaverse)->unseen, 0);
    stage_finish(&stage);
}

/* Cells of squares that people have left are used again. */
static void long_walks_take_no_more_cells(void **state)
{
    (void)state;
    begin(10, (MetaverseConfig){ .sessions = 4, .view_distance_m = 10 }, (SimLink){ 0 });
    ScriptClient *clients[3];
    for (size_t i = 0; i < ARRAY_COUNT(clients); i++) {
        clients[i] = stage_add(&stage, GOAL_LIVE, "Ada");
    }
    stage_run(&stage, 1);
    uint32_t most = 0;
    for (int place = 0; place < 2000; place++) {
        for (size_t i = 0; i < ARRAY_COUNT(clients); i++) {
            put(clients[i], place * 7.0, (double)i * 1000);
        }
        stage_run(&stage, 0.05);
        most =
            stage.metaverse->replication.cells.used > most ? stage.metaverse->replication.cells.used : most;
    }
    assert_true(most < stage.metaverse->replication.cells.capacity);
    assert_int_equal(stage.metaverse->replication.cells.overflow, 0);
    stage_run(&stage, 1);
    assert_non_null(client_avatar(clients[2], clients[2]->welcome.session));
    assert_null(client_avatar(clients[2], clients[0]->welcome.session)); /* a kilometre away */
    stage_finish(&stage);
}

/* ---- rates ---- */

/* Every value changes at every tick and far more is due than may go: each cell has its turn all the same.
 * All waiting cells weigh the same but for that of the own avatar, so none waits longer than it takes to
 * send all the others once, and what is sent between. */
static void nothing_starves(uint32_t kbps)
{
    enum { THINGS = 2560, TICKS = 1800 };
    static SyncSample samples[THINGS];
    begin(THINGS, (MetaverseConfig){ .sessions = 2, .client_kbps = kbps },
          (SimLink){ .latency = 5 * TIME_MS });
    ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
    for (int i = 0; i < 60 * 60 && (client->newest == NULL || !client->complete); i++) {
        stage_tick(&stage);
    }
    assert_true(client->complete);
    client->input = (InputSample){ .forward = 127, .yaw = 1000 };
    MetaverseCounters before = *metaverse_counters(stage.metaverse);
    uint32_t worst = 0;
    for (uint32_t tick = 1; tick <= TICKS; tick++) {
        Random random = random_seeded(tick);
        stage.batch = (SyncBatch){ .samples = samples, .count = THINGS, .source_clock = tick * TICK };
        for (uint32_t i = 0; i < THINGS; i++) {
            samples[i] = (SyncSample){ .thing = (uint16_t)i,
                                       .quality = QUALITY_GOOD,
                                       .code = (int64_t)random_below(&random, 4000),
                                       .source_time = tick * TICK };
        }
        stage_tick(&stage);
        for (uint32_t i = 0; tick > TICKS / 3 && i < THINGS; i++) {
            const EntityState *entity = &client->newest->entities[i];
            uint32_t shown = (uint32_t)(client->newest->channels[entity->first_channel].source_time / TICK);
            worst = tick - shown > worst ? tick - shown : worst;
        }
    }
    const MetaverseCounters *after = metaverse_counters(stage.metaverse);
    double seconds = TICKS / 60.0, rate = kbps * 1000.0 / 8;
    double sent = (double)(after->sent_bytes - before.sent_bytes) / seconds;
    double largest = (double)(after->encoded_bytes - before.encoded_bytes) /
                     (double)(after->encodings - before.encodings) * 2;
    double cells = THINGS / (double)TWINS_PER_CELL;
    double bound = (cells + 1) * largest / rate * 60 + 12; /* ticks; 12 for the burst saved up and the way */
    print_message("%u kbit/s: %.0f B/s sent, oldest value %u ticks, bound %.0f\n", kbps, sent, worst, bound);
    assert_true(after->deferred + after->held_back > 0); /* it was too much */
    assert_true(sent <= rate * 1.05);
    assert_true(worst <= bound);
    stage_finish(&stage);
}

static void nothing_starves_at_any_rate(void **state)
{
    (void)state;
    nothing_starves(64);
    nothing_starves(256);
    nothing_starves(1000);
}

/* What is near has its turn more often than what is far, and the own avatar always. */
static void the_own_avatar_comes_first(void **state)
{
    (void)state;
    begin(2560, (MetaverseConfig){ .sessions = 2, .client_kbps = 64 }, (SimLink){ 0 });
    ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
    stage_run(&stage, 30);
    assert_true(client->complete);
    client->input = (InputSample){ .forward = 127 };
    uint32_t late = 0;
    for (uint32_t tick = 1; tick <= 600; tick++) {
        for (uint32_t i = 0; i < 250; i++) {
            stage_sample(&stage, (uint16_t)((tick * 250 + i) % 2560), SMALL_TEMPERATURE,
                         (int64_t)tick * 7 % 1001, tick * TICK);
        }
        stage_tick(&stage);
        const EntityState *own = client_avatar(client, client->welcome.session);
        double behind = fabs(own->z_mm / 1e3 - (double)session_of(client)->body.position[2]);
        late += behind > 0.4; /* a quarter of a second of walking */
    }
    assert_true(metaverse_counters(stage.metaverse)->deferred > 0);
    assert_in_range(late, 0, 30);
    stage_finish(&stage);
}

/* ---- stalls, and worlds of all sizes ---- */

static void a_client_that_stalls_for_ten_seconds_comes_back(void **state)
{
    (void)state;
    begin(600, (MetaverseConfig){ .sessions = 2, .session_timeout = 20 * TIME_SECOND },
          (SimLink){ .latency = 20 * TIME_MS });
    sim_network_set_patience(stage.network, TIME_MINUTE);
    ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
    stage_run(&stage, 1);
    uint32_t count = stage.client_count;
    stage.client_count = 0; /* stands still: takes nothing in and says nothing */
    MetaverseCounters before = *metaverse_counters(stage.metaverse);
    for (int tick = 0; tick < 600; tick++) {
        for (uint32_t i = 0; i < 100; i++) {
            stage_sample(&stage, (uint16_t)((tick * 100 + (int)i) % 600), SMALL_TEMPERATURE, tick,
                         (10000 + tick) * TIME_MS);
        }
        stage_tick(&stage);
    }
    const MetaverseCounters *after = metaverse_counters(stage.metaverse);
    print_message("sent to it meanwhile: %.1f kB/s\n", (double)(after->sent_bytes - before.sent_bytes) / 1e4);
    stage.client_count = count;
    stage_run(&stage, 0.5);
    assert_false(client->rejected || client->disconnected);
    for (uint32_t thing = 0; thing < 600; thing++) {
        const EntityState *entity = &client->newest->entities[thing];
        const ChannelState *channel = &client->newest->channels[entity->first_channel];
        assert_true(channel->source_time >= (10000 + 600 - 7) * TIME_MS);
    }
    stage_finish(&stage);
}

static void worlds_from_one_to_a_hundred_thousand_things(void **state)
{
    (void)state;
    static const uint32_t sizes[] = { 1, 255, 256, 257, 5000, 100000 };
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        begin(sizes[i], (MetaverseConfig){ .sessions = 2, .client_kbps = 80000 }, (SimLink){ 0 });
        ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
        stage_run(&stage, 1);
        for (uint32_t k = 0; k < 200; k++) {
            stage_sample(&stage, (uint32_t)((uint64_t)k * 7919 % sizes[i]), SMALL_TEMPERATURE, k,
                         (5000 + k) * TIME_MS);
        }
        stage_run(&stage, 0.3);
        assert_true(client->complete);
        assert_int_equal(client->newest->entity_count, sizes[i] + 1);
        assert_int_equal(entity_thing(&client->newest->entities[199u * 7919 % sizes[i]]),
                         199u * 7919 % sizes[i]);
        const EntityState *last = &client->newest->entities[199u * 7919 % sizes[i]];
        assert_int_equal(client->newest->channels[last->first_channel].code, 199);
        stage_finish(&stage);
    }
}

/* However much may go, no more is on its way than acknowledgements can tell of: a large world arrives over a
 * long way, too. */
static void a_large_world_arrives_over_a_long_way(void **state)
{
    (void)state;
    SimLink link = { .latency = 150 * TIME_MS, .jitter = 20 * TIME_MS, .loss = 0.02 };
    begin(40000, (MetaverseConfig){ .sessions = 2, .client_kbps = 1000000 }, link);
    ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
    for (int i = 0; i < 60 * 20 && (client->newest == NULL || !client->complete); i++) {
        stage_tick(&stage);
    }
    assert_true(client->complete);
    assert_int_equal(client->newest->entity_count, 40001);
    stage_finish(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_near_is_told_and_the_far_is_not),
        cmocka_unit_test(an_edge_does_not_flicker),
        cmocka_unit_test(nobody_vanishes_between_cells),
        cmocka_unit_test(long_walks_take_no_more_cells),
        cmocka_unit_test(nothing_starves_at_any_rate),
        cmocka_unit_test(the_own_avatar_comes_first),
        cmocka_unit_test(a_client_that_stalls_for_ten_seconds_comes_back),
        cmocka_unit_test(a_large_world_arrives_over_a_long_way),
        cmocka_unit_test(worlds_from_one_to_a_hundred_thousand_things),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
