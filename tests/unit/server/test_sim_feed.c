/* The feed over a field: samples, clock, commands and their answers, against a field that a test holds in its
 * hands; then the simulated plant through it into a digital twin system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "server/twin/sim_feed.h"
#include "server/twin/twin.h"
#include "tests/unit/server/plant_rig.h"

/* A field that gives numbered samples. */
typedef struct Bench {
    size_t waiting, given; /* samples due, and delivered so far */
    Status failure;
    TimeNs heard, due;
    uint32_t commands;
    char last[COMMAND_ID_SIZE];
} Bench;

static Status bench_poll(void *context, TimeNs now, FieldSample *out_samples, size_t capacity,
                         size_t *out_count)
{
    Bench *bench = context;
    assert_true(bench->heard == now); /* a link that is polled lives */
    if (bench->failure != STATUS_OK) {
        return bench->failure;
    }
    size_t count = 0;
    for (; count < capacity && bench->waiting > 0; count++, bench->waiting--) {
        size_t number = bench->given++;
        out_samples[count] = (FieldSample){ .thing = (uint32_t)number % 7,
                                            .property = (uint8_t)(number % 3),
                                            .quality = number % 5 == 0 ? QUALITY_BAD : QUALITY_GOOD,
                                            .code = (int64_t)number,
                                            .source_time = (TimeNs)number * 10 };
    }
    *out_count = count;
    return STATUS_OK;
}

static TimeNs bench_due(const void *context)
{
    const Bench *bench = context;
    return bench->due;
}

static TimeNs bench_clock(const void *context)
{
    const Bench *bench = context;
    return bench->given == 0 ? TIME_NONE : (TimeNs)bench->given * 10 - 1;
}

static void bench_command(void *context, TimeNs now, const FieldCommand *command, FieldAnswer *out_answer)
{
    Bench *bench = context;
    (void)now;
    bench->commands++;
    *out_answer = (FieldAnswer){ .accepted = command->action == 0 };
    memcpy(out_answer->command, command->command, sizeof out_answer->command);
    snprintf(out_answer->reason, sizeof out_answer->reason, "%s", command->action == 0 ? "" : "not this one");
}

static void bench_heard(void *context, TimeNs now)
{
    Bench *bench = context;
    bench->heard = now;
}

static const FieldOps bench_ops = { .poll = bench_poll,
                                    .next_due = bench_due,
                                    .clock = bench_clock,
                                    .command = bench_command,
                                    .heard = bench_heard };

static Bench bench;
static Feed feed;
static TraceSample samples[2000];

static int set_up(void **state)
{
    (void)state;
    bench = (Bench){ .due = TIME_FOREVER };
    assert_int_equal(sim_feed_create((Field){ &bench_ops, &bench }, &feed), STATUS_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    feed.ops->destroy(feed.context);
    return 0;
}

static void check_samples(size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t number = first + i;
        assert_int_equal(samples[i].code, number);
        assert_int_equal(samples[i].thing, number % 7);
        assert_int_equal(samples[i].property, number % 3);
        assert_int_equal(samples[i].quality, number % 5 == 0 ? QUALITY_BAD : QUALITY_GOOD);
        assert_int_equal(samples[i].source_time, number * 10);
    }
}

/* Whatever fits comes in one poll, the rest in the next, in order and without loss. */
static void delivers_all_in_order(void **state)
{
    (void)state;
    const size_t capacities[] = { 1, 255, 256, 257, 600, 1024 };
    size_t next = 0;
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        size_t left = bench.waiting = 1024;
        while (left > 0) {
            size_t count;
            FeedStatus status;
            assert_int_equal(feed.ops->poll(feed.context, (TimeNs)i, samples, capacities[i], &count, &status),
                             STATUS_OK);
            assert_int_equal(count, left < capacities[i] ? left : capacities[i]);
            check_samples(next, count);
            next += count;
            left -= count;
            assert_true(status.source_clock == (TimeNs)next * 10 - 1);
            assert_false(status.restarted || status.set_back || status.ended || status.lost);
        }
    }
}

static void a_failing_field_ends_the_feed(void **state)
{
    (void)state;
    size_t count = 77;
    FeedStatus status;
    bench.failure = STATUS_IO_ERROR;
    assert_int_equal(feed.ops->poll(feed.context, 5, samples, 10, &count, &status), STATUS_IO_ERROR);
    assert_int_equal(count, 77);
}

static void says_when_it_is_due(void **state)
{
    (void)state;
    bench.due = 1234;
    assert_true(feed.ops->next_due(feed.context) == 1234);
    assert_null(feed.ops->set_speed); /* it is live */
}

static void passes_commands_and_answers(void **state)
{
    (void)state;
    FieldAnswer answer;
    assert_int_equal(feed.ops->answer(feed.context, &answer), STATUS_EMPTY);
    for (uint32_t round = 0; round < 3; round++) { /* the ring goes round */
        for (uint32_t i = 0; i < SIM_FEED_ANSWERS - 56; i++) {
            FieldCommand command = { .action = (uint8_t)(i % 2) };
            snprintf(command.command, sizeof command.command, "%032x", i);
            assert_int_equal(feed.ops->command(feed.context, 1, &command), STATUS_OK);
        }
        for (uint32_t i = 0; i < SIM_FEED_ANSWERS - 56; i++) {
            char id[COMMAND_ID_SIZE];
            snprintf(id, sizeof id, "%032x", i);
            assert_int_equal(feed.ops->answer(feed.context, &answer), STATUS_OK);
            assert_string_equal(answer.command, id);
            assert_true(answer.accepted == (i % 2 == 0));
            assert_string_equal(answer.reason, i % 2 == 0 ? "" : "not this one");
        }
    }
    assert_int_equal(feed.ops->answer(feed.context, &answer), STATUS_EMPTY);
}

/* A command whose answer could not be kept is not done. */
static void takes_no_more_than_it_can_answer(void **state)
{
    (void)state;
    const FieldCommand command = { .command = "1" };
    for (uint32_t i = 0; i < SIM_FEED_ANSWERS; i++) {
        assert_int_equal(feed.ops->command(feed.context, 1, &command), STATUS_OK);
    }
    assert_int_equal(feed.ops->command(feed.context, 1, &command), STATUS_CAPACITY);
    assert_int_equal(bench.commands, SIM_FEED_ANSWERS);
}

/* The plant through the feed into things: every property comes, nothing is dropped or goes stale. */
static void the_plant_reaches_the_twin(void **state)
{
    (void)state;
    static PlantRig rig;
    TwinSystem *twin;
    Feed plant;
    SyncBatch batch;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    assert_int_equal(sim_feed_create(rig.field, &plant), STATUS_OK);
    assert_int_equal(twin_create(&rig.world, 0, &twin), STATUS_OK);
    assert_int_equal(twin_add_feed(twin, plant), STATUS_OK);
    size_t synced = 0;
    for (int i = 0; i < 60 * 60; i++) {
        assert_int_equal(twin_tick(twin, rig.now, &batch), STATUS_OK);
        synced += batch.count;
        rig.now += TIME_SECOND / 60;
    }
    const TwinCounters *counters = twin_counters(twin);
    assert_true(counters->samples == synced && synced > 900);
    assert_true(counters->duplicates + counters->old + counters->unknown + counters->bad + counters->stale ==
                0);
    for (uint32_t thing = 0; thing < rig.world.thing_count; thing++) {
        for (uint32_t i = 0; i < rig.world.things[thing].model->property_count; i++) {
            assert_int_equal(twin_reported(twin, thing, (uint8_t)i)->quality, QUALITY_GOOD);
        }
    }
    assert_true(twin_source_clock(twin) >= RIG_START + 59 * TIME_SECOND);
    assert_true(twin_next_due(twin) > rig.now - TIME_SECOND && twin_next_due(twin) < rig.now + TIME_SECOND);
    assert_false(twin_ended(twin));
    assert_false(physical_link_lost(rig.physical));
    twin_destroy(twin);
    plant_rig_finish(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(delivers_all_in_order),
        TEST(a_failing_field_ends_the_feed),
        TEST(says_when_it_is_due),
        TEST(passes_commands_and_answers),
        TEST(takes_no_more_than_it_can_answer),
        TEST(the_plant_reaches_the_twin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
