/* Clients that break the rules: each is counted, told why and closed; nobody else notices. */
#include "shared/base/random.h"
#include "tests/unit/server/script_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static Stage stage;
static ScriptClient *good, *evil;

static int set_up(void **state)
{
    (void)state;
    static const MetaverseConfig config = { .sessions = 8 };
    if (!stage_init(&stage, 3, &config, (SimLink){ 0 })) {
        return -1;
    }
    good = stage_add(&stage, GOAL_LIVE, "Good");
    stage_run(&stage, 1);
    evil = NULL;
    return good->snapshots > 0 ? 0 : -1;
}

/* Whatever happened, the good one has lived on. */
static int tear_down(void **state)
{
    (void)state;
    uint64_t snapshots = good->snapshots;
    stage_run(&stage, 0.5);
    bool unharmed =
        !good->rejected && !good->disconnected && good->snapshots > snapshots && good->undecoded == 0;
    stage_finish(&stage);
    return unharmed ? 0 : -1;
}

static void add_evil(ClientGoal goal)
{
    evil = stage_add(&stage, goal, "Evil");
    assert_non_null(evil);
    stage_run(&stage, 1);
    evil->mute = true;
}

static void expect_rejected(RejectCode code)
{
    stage_run(&stage, 0.2);
    assert_true(evil->rejected);
    assert_int_equal(evil->reject.code, code);
    assert_true(strlen(evil->reject.text) > 10);
    assert_true(evil->disconnected);
    assert_int_equal(evil->reason, code);
}

static void malformed_messages_close_the_session(void **state)
{
    (void)state;
    static const struct {
        ClientGoal goal;
        uint8_t channel;
        uint8_t bytes[12];
        size_t size;
    } cases[] = {
        { GOAL_CONNECT, 0, { 0 }, 0 },                                                 /* empty */
        { GOAL_CONNECT, 0, { 200 }, 1 },                                               /* no such message */
        { GOAL_CONNECT, 0, { MESSAGE_HELLO }, 3 },                                     /* too short */
        { GOAL_HELLO, 0, { MESSAGE_FILE_REQUEST, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9 }, 11 }, /* too long */
        { GOAL_HELLO, 0, { MESSAGE_FILE_REQUEST, 0, 0, 0, 0, 0, 0, 0, 0, 65 }, 10 },   /* too many chunks */
        { GOAL_LIVE, 1, { MESSAGE_INPUT, 0, 0, 0, 0, 1, 0, 0, 0, 200 }, 10 },          /* too many inputs */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        add_evil(cases[i].goal);
        assert_int_equal(client_send_bytes(evil, cases[i].channel, cases[i].bytes, cases[i].size), STATUS_OK);
        expect_rejected(REJECT_MALFORMED);
        assert_int_equal(metaverse_counters(stage.metaverse)->malformed, i + 1);
    }
}

static void messages_out_of_place_close_the_session(void **state)
{
    (void)state;
    static const struct {
        ClientGoal goal;
        uint8_t channel;
        uint8_t bytes[12];
        size_t size;
    } cases[] = {
        { GOAL_CONNECT, 0, { MESSAGE_READY }, 12 },                                    /* before HELLO */
        { GOAL_CONNECT, 2, { MESSAGE_TIME_REQUEST }, 9 },                              /* before HELLO */
        { GOAL_HELLO, 0, { MESSAGE_WELCOME }, 12 },                                    /* the server's */
        { GOAL_HELLO, 1, { MESSAGE_FILE_REQUEST, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 10 },    /* wrong channel */
        { GOAL_HELLO, 0, { MESSAGE_FILE_REQUEST, 9, 0, 0, 0, 0, 0, 0, 0, 1 }, 10 },    /* no such file */
        { GOAL_HELLO, 0, { MESSAGE_FILE_REQUEST, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 10 },    /* an empty file */
        { GOAL_HELLO, 0, { MESSAGE_FILE_REQUEST, 1, 0, 0, 0, 190, 0, 0, 0, 64 }, 10 }, /* past its end */
        { GOAL_LIVE, 0, { MESSAGE_FILE_REQUEST, 1, 0, 0, 0, 0, 0, 0, 0, 1 }, 10 },     /* too late */
        { GOAL_LIVE, 1, { MESSAGE_SNAPSHOT, 0, 0, 0, 0, 0, 0 }, 7 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        add_evil(cases[i].goal);
        assert_int_equal(client_send_bytes(evil, cases[i].channel, cases[i].bytes, cases[i].size), STATUS_OK);
        expect_rejected(REJECT_NOT_ALLOWED);
        assert_int_equal(metaverse_counters(stage.metaverse)->not_allowed, i + 1);
    }
}

static uint32_t newest_packet(void)
{
    uint32_t number, mask;
    replica_acknowledgement(evil->replica, &number, &mask);
    return number;
}

static void acknowledge(uint32_t number)
{
    Message message = { .id = MESSAGE_INPUT, .input = { .acknowledged = number, .first_sequence = 1 } };
    assert_int_equal(client_send(evil, &message), STATUS_OK);
}

static void acknowledging_the_future_closes_the_session(void **state)
{
    (void)state;
    add_evil(GOAL_LIVE);
    acknowledge(newest_packet() + 1000);
    expect_rejected(REJECT_NOT_ALLOWED);
    assert_non_null(strstr(evil->reject.text, "never sent"));
}

static void acknowledging_after_having_nothing_closes_the_session(void **state)
{
    (void)state;
    add_evil(GOAL_LIVE);
    Message message = { .id = MESSAGE_INPUT, .input = { .mask = 1, .first_sequence = 1 } };
    assert_int_equal(client_send(evil, &message), STATUS_OK);
    expect_rejected(REJECT_NOT_ALLOWED);
}

static void acknowledging_nothing_or_the_old_is_allowed(void **state)
{
    (void)state;
    add_evil(GOAL_LIVE);
    uint32_t first = newest_packet();
    stage_run(&stage, 1);
    acknowledge(newest_packet());
    acknowledge(first);
    acknowledge(0);
    stage_run(&stage, 0.2);
    assert_false(evil->rejected || evil->disconnected);
    acknowledge(newest_packet());
    stage_run(&stage, 3);
    acknowledge(first); /* long overwritten */
    uint64_t snapshots = evil->snapshots;
    stage_run(&stage, 0.5);
    assert_false(evil->rejected || evil->disconnected);
    assert_true(evil->snapshots > snapshots);
    assert_int_equal(evil->snapshots_refused, 0);
}

static void a_flood_closes_the_session(void **state)
{
    (void)state;
    add_evil(GOAL_LIVE);
    for (int i = 0; i < 1200; i++) {
        Message ask = { .id = MESSAGE_TIME_REQUEST, .time_request = { .t0 = i } };
        assert_int_equal(client_send(evil, &ask), STATUS_OK);
    }
    expect_rejected(REJECT_FLOOD);
    assert_int_equal(metaverse_counters(stage.metaverse)->flooded, 1);
}

static void asking_for_the_world_again_and_again_closes_the_session(void **state)
{
    (void)state;
    add_evil(GOAL_HELLO);
    Message ask = { .id = MESSAGE_FILE_REQUEST, .file_request = { .index = 1, .chunk_count = 64 } };
    for (int i = 0; i < 20; i++) {
        assert_int_equal(client_send(evil, &ask), STATUS_OK);
    }
    expect_rejected(REJECT_FLOOD);
}

/* However often it asks, one client has few packets on the way at once. */
static void outstanding_chunks_are_bounded(void **state)
{
    (void)state;
    add_evil(GOAL_HELLO);
    client_finish(evil); /* it asks and takes nothing in */
    assert_true(client_start(evil, stage.network, GOAL_HELLO, "Evil"));
    assert_true(client_connect(evil));
    stage_run(&stage, 0.5);
    Message ask = { .id = MESSAGE_FILE_REQUEST, .file_request = { .index = 1, .chunk_count = 64 } };
    for (int i = 0; i < 6; i++) {
        assert_int_equal(client_send(evil, &ask), STATUS_OK);
    }
    transport_flush(evil->transport, stage.now);
    uint64_t before = metaverse_transport_stats(stage.metaverse).packets_sent;
    metaverse_receive(stage.metaverse, stage.now + TICK);
    uint64_t sent = metaverse_transport_stats(stage.metaverse).packets_sent - before;
    assert_in_range(sent, 100, 300);
}

static void speed_is_not_for_sale(void **state)
{
    (void)state;
    add_evil(GOAL_LIVE);
    const EntityState *start = client_avatar(good, evil->welcome.session);
    assert_non_null(start);
    int32_t x = start->x_mm, z = start->z_mm;
    uint32_t sequence = 1000;
    for (int i = 0; i < 120; i++) { /* 2 s, eight steps a tick: eight times as fast as allowed */
        Message message = { .id = MESSAGE_INPUT,
                            .input = { .first_sequence = sequence, .count = INPUTS_MAX } };
        for (int k = 0; k < INPUTS_MAX; k++) {
            message.input.inputs[k] = (InputSample){ .forward = 127, .flags = 1 };
        }
        sequence += INPUTS_MAX;
        assert_int_equal(client_send(evil, &message), STATUS_OK);
        stage_tick(&stage);
    }
    const EntityState *end = client_avatar(good, evil->welcome.session);
    assert_non_null(end);
    double metres = sqrt(pow(end->x_mm - x, 2) + pow(end->z_mm - z, 2)) / 1000;
    assert_true(metres > 4);                                 /* it does run */
    assert_true(metres < 4.0 * (2 + 8.0 / 60) * 1.02 + 0.1); /* at 4 m/s and a small burst */
}

static void random_bytes_harm_nobody(void **state)
{
    (void)state;
    Random random = random_seeded(5);
    for (int round = 0; round < 60; round++) {
        stage.client_count = 1;
        evil = stage_add(&stage, (ClientGoal)(round % 4), "Evil");
        assert_non_null(evil);
        stage_run(&stage, 0.3);
        evil->mute = true;
        for (int i = 0; i < 30; i++) {
            uint8_t bytes[64];
            size_t size = (size_t)random_below(&random, sizeof bytes);
            for (size_t k = 0; k < size; k++) {
                bytes[k] = (uint8_t)random_u64(&random);
            }
            if (size > 0) {
                bytes[0] = (uint8_t)random_below(&random, MESSAGE_ID_COUNT);
            }
            Status status = client_send_bytes(evil, (uint8_t)random_below(&random, 3), bytes, size);
            assert_true(status == STATUS_OK || status == STATUS_DISCONNECTED);
        }
        stage_run(&stage, 0.1);
        assert_true(evil->disconnected);
        client_finish(evil);
    }
    assert_int_equal(metaverse_counters(stage.metaverse)->sessions, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(malformed_messages_close_the_session),
        TEST(messages_out_of_place_close_the_session),
        TEST(acknowledging_the_future_closes_the_session),
        TEST(acknowledging_after_having_nothing_closes_the_session),
        TEST(acknowledging_nothing_or_the_old_is_allowed),
        TEST(a_flood_closes_the_session),
        TEST(asking_for_the_world_again_and_again_closes_the_session),
        TEST(outstanding_chunks_are_bounded),
        TEST(speed_is_not_for_sale),
        TEST(random_bytes_harm_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
