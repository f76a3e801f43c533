/* When the server does what, in virtual time. */
#include "server/schedule.h"

#include "shared/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define START (86400 * TIME_SECOND)
#define TICK  (TIME_SECOND / 60)

typedef struct Tally {
    uint32_t calls, receives, senses, steps, snapshots;
    TimeNs told;                    /* last snapshot */
    TimeNs gap_most, gap_least;     /* between snapshots */
    TimeNs change_waits, step_late; /* longest: change to snapshot, step due to step */
    TimeNs sense_waits;             /* longest: sample to being taken */
    uint64_t missed;
} Tally;

/* What happens around the schedule. */
typedef struct World {
    Schedule schedule;
    TimeNs now;
    TimeNs sample_interval, next_sample; /* 0: no feed */
    TimeNs round_trip;                   /* of the only client; it acknowledges everything */
    bool moving, deaf;                   /* deaf: acknowledges nothing */
    TimeNs changed;                      /* first change that was not told; TIME_NONE: none */
    TimeNs told[64];                     /* newest snapshots, a ring */
    uint32_t told_count;
    Tally tally;
} World;

static World make_world(ScheduleConfig config)
{
    World world = { .now = START, .changed = TIME_NONE };
    schedule_init(&world.schedule, &config, START);
    world.tally.gap_least = TIME_FOREVER;
    return world;
}

static TimeNs feed_due(const World *world)
{
    return world->sample_interval > 0 ? world->next_sample : TIME_FOREVER;
}

static uint32_t snapshots_under_way(const World *world)
{
    uint32_t lag = 0;
    while (
        lag < 64 && lag < world->told_count &&
        (world->deaf || world->now - world->told[(world->told_count - 1 - lag) % 64] < world->round_trip)) {
        lag++;
    }
    return lag;
}

static void note_snapshot(World *world)
{
    Tally *tally = &world->tally;
    if (tally->snapshots++ > 0) {
        TimeNs gap = world->now - tally->told;
        tally->gap_most = gap > tally->gap_most ? gap : tally->gap_most;
        tally->gap_least = gap < tally->gap_least ? gap : tally->gap_least;
    }
    if (world->changed != TIME_NONE && world->now - world->changed > tally->change_waits) {
        tally->change_waits = world->now - world->changed;
    }
    tally->told = world->now;
    world->told[world->told_count++ % 64] = world->now;
    world->changed = TIME_NONE;
}

static void act(World *world)
{
    Tally *tally = &world->tally;
    ScheduleNews news = { 0 };
    ScheduleDue due = schedule_due(&world->schedule, world->now, feed_due(world));
    tally->calls++;
    tally->receives += due.receive;
    tally->senses += due.sense;
    tally->steps += due.step;
    tally->missed += due.missed;
    assert_true(due.at <= world->now);
    while (due.sense && world->sample_interval > 0 && world->next_sample <= world->now) {
        TimeNs waited = world->now - world->next_sample;
        tally->sense_waits = waited > tally->sense_waits ? waited : tally->sense_waits;
        world->changed = world->changed == TIME_NONE ? world->next_sample : world->changed;
        world->next_sample += world->sample_interval;
        news.values = true;
    }
    news.motion = due.step && world->moving;
    news.lag = snapshots_under_way(world);
    news.waiting = news.lag > 0;
    if (schedule_snapshot(&world->schedule, world->now, &news)) {
        note_snapshot(world);
    }
}

/* An owner that is called exactly when it asks to be. */
static void run(World *world, double seconds)
{
    TimeNs end = world->now + time_from_seconds(seconds);
    for (;;) {
        TimeNs wake = schedule_wake(&world->schedule, feed_due(world));
        world->now = wake > world->now ? wake : world->now;
        if (world->now >= end) {
            world->now = end;
            return;
        }
        uint32_t before = world->tally.calls;
        act(world);
        assert_true(world->tally.calls < 200000 &&
                    before < world->tally.calls); /* it never turns on the spot */
    }
}

static void test_ticks(void **state)
{
    (void)state;
    World world = make_world((ScheduleConfig){ 0 });
    run(&world, 10);
    assert_in_range(world.tally.steps, 600, 601);
    assert_in_range(world.tally.senses, 600, 601);
    assert_in_range(world.tally.snapshots, 300, 301);
    assert_true(world.tally.gap_most == 2 * TICK && world.tally.gap_least == 2 * TICK);
    assert_true(world.tally.calls < 1300); /* no more often than ticks and idle looks at the network need */

    world = make_world((ScheduleConfig){ .tick_rate_hz = 60, .snapshot_rate_hz = 45 });
    run(&world, 10);
    assert_in_range(world.tally.snapshots, 449, 451);
}

static void test_network_is_looked_at(void **state)
{
    (void)state;
    World world = make_world((ScheduleConfig){ .tick_rate_hz = 1, .snapshot_rate_hz = 1 });
    run(&world, 10);
    assert_in_range(world.tally.receives, 900, 1100); /* every 10 ms where nothing comes */
    TimeNs from = schedule_receive_from(&world.schedule);
    assert_true(from <= world.now + SCHEDULE_RECEIVE_MIN);
    (void)schedule_due(&world.schedule, world.now, TIME_FOREVER);
    assert_true(schedule_due(&world.schedule, world.now + SCHEDULE_RECEIVE_MIN, TIME_FOREVER).receive);
    assert_false(schedule_due(&world.schedule, world.now + SCHEDULE_RECEIVE_MIN + 1, TIME_FOREVER).receive);
}

/* A stall of a second: five ticks are made up for in a row, the others are let go, and it goes on in time. */
static void test_stall(void **state)
{
    (void)state;
    for (int tickless = 0; tickless < 2; tickless++) {
        World world = make_world((ScheduleConfig){ .tickless = tickless != 0 });
        run(&world, 1);
        world.now += TIME_SECOND;
        uint32_t before = world.tally.steps;
        TimeNs back = world.now;
        while (world.schedule.next_step <= back) {
            act(&world);
        }
        assert_in_range(world.tally.steps - before, SCHEDULE_CATCH_UP_MAX + 1, SCHEDULE_CATCH_UP_MAX + 2);
        assert_in_range(world.tally.missed, 53, 55);
        before = world.tally.steps;
        run(&world, 1);
        assert_in_range(world.tally.steps - before, 59, 61);
    }
}

static void test_tickless_batches_by_the_deadline(void **state)
{
    (void)state;
    World world = make_world((ScheduleConfig){ .tickless = true, .deadline = 4 * TIME_MS });
    world.sample_interval = TIME_MS;
    world.next_sample = START + 300 * TIME_US;
    world.round_trip = TIME_MS;
    run(&world, 10);
    assert_true(world.tally.change_waits <= 4 * TIME_MS);
    assert_in_range(world.tally.snapshots, 2400, 2510);
    assert_in_range(world.tally.steps, 600, 601);

    /* A sample now and then goes out as it comes. */
    world = make_world((ScheduleConfig){ .tickless = true, .deadline = 4 * TIME_MS });
    world.sample_interval = 37 * TIME_MS;
    world.next_sample = START + 300 * TIME_US;
    world.round_trip = TIME_MS;
    run(&world, 10);
    assert_true(world.tally.change_waits <= 300 * TIME_US + 4 * TIME_MS);
    assert_true(world.tally.change_waits == 0 || world.tally.snapshots > 270);
    world.tally.change_waits = 0;
    run(&world, 10);
    assert_true(world.tally.change_waits == 0);
}

static void test_tickless_rests(void **state)
{
    (void)state;
    World world = make_world((ScheduleConfig){ .tickless = true });
    run(&world, 1);
    world.tally = (Tally){ .gap_least = TIME_FOREVER };
    run(&world, 10);
    assert_in_range(world.tally.snapshots, 19, 21); /* the clock, twice a second */
    assert_true(world.tally.gap_most <= TIME_SECOND);
}

static void test_tickless_motion(void **state)
{
    (void)state;
    World world = make_world((ScheduleConfig){ .tickless = true });
    world.moving = true;
    world.round_trip = 5 * TIME_MS;
    run(&world, 1);
    world.tally = (Tally){ .gap_least = TIME_FOREVER };
    run(&world, 10);
    assert_in_range(world.tally.snapshots, 299, 301); /* the snapshot rate, evenly */
    assert_true(world.tally.gap_most == 2 * TICK && world.tally.gap_least == 2 * TICK);

    world.sample_interval = 7 * TIME_MS; /* values between do not make motion come less often */
    world.next_sample = world.now;
    run(&world, 10);
    assert_true(world.tally.gap_most <= 2 * TICK);
}

/* What was told may be lost: it is told again, at the snapshot rate, until the client is known to have it. */
static void test_tickless_repeats(void **state)
{
    (void)state;
    World world = make_world((ScheduleConfig){ .tickless = true });
    run(&world, 1);
    world.deaf = true;
    world.tally = (Tally){ .gap_least = TIME_FOREVER };
    run(&world, 10);
    assert_in_range(world.tally.snapshots, 298, 302);
}

/* However far away a client is, what is under way to it stays far below the 64 that both sides remember. */
static void test_tickless_history(void **state)
{
    (void)state;
    const int round_trips_ms[] = { 1, 20, 50, 150, 300, 700 };
    for (size_t i = 0; i < 6; i++) {
        World world = make_world((ScheduleConfig){ .tickless = true, .deadline = 2 * TIME_MS });
        world.sample_interval = 500 * TIME_US;
        world.next_sample = START;
        world.moving = true;
        world.round_trip = round_trips_ms[i] * TIME_MS;
        run(&world, 2);
        uint32_t most = 0;
        world.tally = (Tally){ .gap_least = TIME_FOREVER };
        for (int k = 0; k < 1000; k++) {
            run(&world, 0.01);
            uint32_t lag = snapshots_under_way(&world);
            most = lag > most ? lag : most;
        }
        print_message("round trip %d ms: a snapshot every %.1f ms, %u under way at most\n", round_trips_ms[i],
                      1e4 / world.tally.snapshots, most);
        assert_true(most <= 34);
        assert_true(round_trips_ms[i] > 20 || world.tally.snapshots >= 4900);
    }
}

/* Called at any times, in any state: steps are never lost but by a stall, and it always makes progress. */
static void test_any_times(void **state)
{
    (void)state;
    Random random = random_seeded(3);
    World world = make_world((ScheduleConfig){ .tickless = true });
    world.sample_interval = 3 * TIME_MS;
    world.next_sample = START;
    for (int i = 0; i < 20000; i++) {
        world.now += (TimeNs)random_below(&random, 5 * TIME_MS);
        world.deaf = random_below(&random, 10) == 0;
        act(&world);
    }
    double seconds = time_to_seconds(world.now - START);
    assert_true(world.tally.steps > seconds * 59.9 && world.tally.steps < seconds * 60.1 + 2);
    assert_int_equal(world.tally.missed, 0);
    assert_true(world.tally.change_waits < 45 * TIME_MS);
}

/* Without clients a sample does not wait for a tick, nor does what comes by the network. */
static void test_relays_act_when_woken(void **state)
{
    (void)state;
    World world = make_world((ScheduleConfig){ .relays = true });
    world.sample_interval = 37 * TIME_MS;
    world.next_sample = START + 300 * TIME_US;
    run(&world, 10);
    assert_true(world.tally.sense_waits <= SCHEDULE_SENSE_PAUSE);
    assert_in_range(world.tally.steps, 600, 601);

    world = make_world((ScheduleConfig){ .relays = true });
    run(&world, 1);
    world.now += SCHEDULE_RELAY_PAUSE; /* woken */
    assert_true(schedule_receive_from(&world.schedule) <= world.now);
    ScheduleDue due = schedule_due(&world.schedule, world.now, TIME_FOREVER);
    assert_true(due.receive && due.sense && due.at == world.now);
    schedule_note_receive(&world.schedule, TIME_MS);
    /* It cannot become all that is done. */
    assert_true(schedule_receive_from(&world.schedule) > world.now + TIME_MS);
    assert_true(schedule_wake(&world.schedule, TIME_NONE) > world.now + TIME_MS);
}

/* A feed that always has something is taken from in heaps. */
static void test_flood(void **state)
{
    (void)state;
    for (int relays = 0; relays < 2; relays++) {
        World world = make_world((ScheduleConfig){ .relays = relays == 1, .tickless = relays == 0 });
        world.sample_interval = 10 * TIME_US;
        world.next_sample = START;
        world.round_trip = TIME_MS;
        run(&world, 2);
        assert_true(world.tally.sense_waits <= SCHEDULE_SENSE_PAUSE + 10 * TIME_US);
        assert_in_range(world.tally.senses, 7900, 9300);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_network_is_looked_at),
        cmocka_unit_test(test_stall),
        cmocka_unit_test(test_tickless_batches_by_the_deadline),
        cmocka_unit_test(test_tickless_rests),
        cmocka_unit_test(test_tickless_motion),
        cmocka_unit_test(test_tickless_repeats),
        cmocka_unit_test(test_tickless_history),
        cmocka_unit_test(test_any_times),
        cmocka_unit_test(test_relays_act_when_woken),
        cmocka_unit_test(test_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
