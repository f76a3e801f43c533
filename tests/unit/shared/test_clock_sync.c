/* Clock estimate under simulated delay, jitter, asymmetry and drift. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "shared/base/random.h"
#include "shared/wire/clock_sync.h"

typedef struct Scene {
    TimeNs offset; /* server − client at client time 0 */
    double drift;
    TimeNs up, down; /* shortest delays */
    TimeNs jitter;   /* mean of the exponential part */
    double loss;
    TimeNs burst; /* added on the way down for 3 s of every 20: a queue that one direction has */
} Scene;

static TimeNs server_clock(const Scene *scene, TimeNs local)
{
    return local + scene->offset + (TimeNs)(scene->drift * (double)local);
}

static TimeNs delay(Random *random, TimeNs shortest, TimeNs jitter)
{
    return shortest + (TimeNs)(-log(1 - random_unit(random)) * (double)jitter);
}

typedef struct Result {
    TimeNs worst;      /* largest error in the last third */
    double drift;      /* estimated at the end */
    double worst_rate; /* fastest or slowest passing of given-out time after 5 s, as a deviation from 1 */
    bool backward;
} Result;

/* A client that reads the clock every 16 ms for `seconds`, starting at client time `start`. */
static Result run(const Scene *scene, uint64_t seed, int seconds, TimeNs start)
{
    Random random = random_seeded(seed);
    ClockSync sync;
    clock_sync_init(&sync);
    Result result = { 0 };
    struct {
        TimeNs t0, t1, t2, t3;
        bool open;
    } exchanges[64] = { 0 };
    TimeNs before = TIME_NONE, step = 16 * TIME_MS;
    TimeNs end = start + seconds * TIME_SECOND;
    uint32_t next = 0;
    for (TimeNs now = start; now < end; now += step) {
        if (clock_sync_due(&sync, now) && random_unit(&random) >= scene->loss) {
            TimeNs arrives = now + delay(&random, scene->up, scene->jitter);
            TimeNs replies = arrives + (TimeNs)random_below(&random, 16 * TIME_MS);
            exchanges[next].t0 = now;
            exchanges[next].t1 = server_clock(scene, arrives);
            exchanges[next].t2 = server_clock(scene, replies);
            TimeNs queued = replies / TIME_SECOND % 20 < 3 ? scene->burst : 0;
            exchanges[next].t3 = replies + queued + delay(&random, scene->down, scene->jitter);
            exchanges[next].open = true;
            next = (next + 1) % 64;
        }
        for (uint32_t i = 0; i < 64; i++) {
            if (exchanges[i].open && exchanges[i].t3 <= now) {
                exchanges[i].open = false;
                assert_int_equal(clock_sync_sample(&sync, exchanges[i].t0, exchanges[i].t1, exchanges[i].t2,
                                                   exchanges[i].t3),
                                 STATUS_OK);
            }
        }
        if (!clock_sync_ready(&sync)) {
            continue;
        }
        TimeNs shown = clock_sync_server_time(&sync, now);
        result.backward |= before != TIME_NONE && shown < before;
        if (now - start > 5 * TIME_SECOND) {
            double rate = fabs((double)(shown - before) / (double)step - 1);
            result.worst_rate = rate > result.worst_rate ? rate : result.worst_rate;
        }
        if (now - start > (end - start) * 2 / 3 || (scene->burst > 0 && now - start > 30 * TIME_SECOND)) {
            TimeNs error = shown - server_clock(scene, now);
            error = error < 0 ? -error : error;
            result.worst = error > result.worst ? error : result.worst;
        }
        before = shown;
    }
    result.drift = sync.drift;
    return result;
}

static void test_settles_on_a_good_network(void **state)
{
    (void)state;
    Scene scene = {
        .offset = -123456789 * TIME_MS, .up = 5 * TIME_MS, .down = 5 * TIME_MS, .jitter = TIME_MS
    };
    for (uint64_t seed = 1; seed <= 10; seed++) {
        Result result = run(&scene, seed, 20, 7777 * TIME_SECOND);
        assert_true(result.worst < TIME_MS);
        assert_true(result.worst_rate < 0.051);
        assert_false(result.backward);
    }
}

static void test_drift_is_followed(void **state)
{
    (void)state;
    TimeNs worst = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        Scene scene = { .offset = 55 * TIME_MINUTE,
                        .drift = seed % 2 ? 200e-6 : -200e-6,
                        .up = 75 * TIME_MS,
                        .down = 75 * TIME_MS,
                        .jitter = 10 * TIME_MS,
                        .loss = 0.05 };
        Result result = run(&scene, seed, 180, 0);
        worst = result.worst > worst ? result.worst : worst;
        assert_true(fabs(result.drift - scene.drift) < 200e-6);
        assert_true(result.worst_rate < 0.051);
        assert_false(result.backward);
    }
    print_message("150 ms round trip, 10 ms jitter, 200 ppm: worst error %.2f ms\n", (double)worst / 1e6);
    assert_true(worst < 8 * TIME_MS);

    Scene quiet = { .drift = 200e-6, .up = 20 * TIME_MS, .down = 20 * TIME_MS, .jitter = TIME_MS };
    Result result = run(&quiet, 3, 180, 0);
    print_message("40 ms round trip, 1 ms jitter, 200 ppm: drift %.0f ppm, worst error %.2f ms\n",
                  result.drift * 1e6, (double)result.worst / 1e6);
    assert_true(fabs(result.drift - 200e-6) < 30e-6);
    assert_true(result.worst < 2 * TIME_MS);
}

/* Ten minutes on a bad network: jitter, loss, and queues that only one direction has. */
static void test_drift_with_one_sided_bursts(void **state)
{
    (void)state;
    TimeNs worst = 0, worst_jittery = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        Scene scene = { .offset = 55 * TIME_MINUTE,
                        .drift = seed % 2 ? 200e-6 : -200e-6,
                        .up = 25 * TIME_MS,
                        .down = 25 * TIME_MS,
                        .jitter = 3 * TIME_MS,
                        .loss = 0.05,
                        .burst = 80 * TIME_MS };
        Result result = run(&scene, seed, 600, 0);
        worst = result.worst > worst ? result.worst : worst;
        assert_true(result.worst_rate < 0.051);
        assert_false(result.backward);
        scene.up = scene.down = 75 * TIME_MS;
        scene.jitter = 10 * TIME_MS;
        result = run(&scene, seed, 600, 0);
        worst_jittery = result.worst > worst_jittery ? result.worst : worst_jittery;
        assert_true(result.worst_rate < 0.051);
        assert_false(result.backward);
    }
    print_message(
        "200 ppm, 5 %% loss, 80 ms more one way for 3 s of 20: worst error in 10 minutes %.2f ms at 50 "
        "ms with 3 ms jitter, %.2f ms at 150 ms with 10 ms jitter\n",
        (double)worst / 1e6, (double)worst_jittery / 1e6);
    assert_true(worst < 3 * TIME_MS);
    assert_true(worst_jittery < 13 * TIME_MS);
}

/* No exchange can tell which way took longer: half the difference remains, and no more. */
static void test_asymmetry_costs_half_of_it(void **state)
{
    (void)state;
    Scene scene = { .offset = TIME_SECOND, .up = 10 * TIME_MS, .down = 50 * TIME_MS, .jitter = 2 * TIME_MS };
    Result result = run(&scene, 4, 60, 0);
    assert_in_range(result.worst, 18 * TIME_MS, 23 * TIME_MS);
    assert_false(result.backward);
}

static void test_a_step_of_the_server_is_slewed(void **state)
{
    (void)state;
    ClockSync sync;
    clock_sync_init(&sync);
    TimeNs shown = 0, before = 0;
    for (TimeNs now = 0; now < 100 * TIME_SECOND; now += 10 * TIME_MS) {
        TimeNs server = now < 40 * TIME_SECOND ? now + TIME_SECOND : now;
        if (clock_sync_due(&sync, now)) {
            assert_int_equal(clock_sync_sample(&sync, now - 2, server - 1, server - 1, now), STATUS_OK);
        }
        before = shown;
        shown = clock_sync_server_time(&sync, now);
        assert_true(shown >= before);
        assert_true(now < TIME_SECOND || (shown - before > 4 * TIME_MS && shown - before < 16 * TIME_MS));
    }
    assert_true(shown - 100 * TIME_SECOND < 20 * TIME_MS);
}

/* One exchange that is far better than all before moves the target at once; what is given out follows slowly.
 */
static void test_a_sudden_better_sample_is_slewed(void **state)
{
    (void)state;
    ClockSync sync;
    clock_sync_init(&sync);
    TimeNs now = 0, error = 80 * TIME_MS; /* the slow exchanges are this wrong */
    for (int i = 0; i < 20; i++, now += TIME_SECOND) {
        assert_int_equal(clock_sync_sample(&sync, now - 400 * TIME_MS, now - 200 * TIME_MS + error,
                                           now - 200 * TIME_MS + error, now),
                         STATUS_OK);
        (void)clock_sync_server_time(&sync, now);
    }
    (void)clock_sync_server_time(&sync, now);
    assert_int_equal(clock_sync_sample(&sync, now - TIME_MS, now, now, now + TIME_MS), STATUS_OK);
    TimeNs before = clock_sync_server_time(&sync, now);
    assert_in_range(before - now, 70 * TIME_MS, 81 * TIME_MS);
    for (int i = 0; i < 400; i++) {
        now += 10 * TIME_MS;
        TimeNs shown = clock_sync_server_time(&sync, now);
        assert_in_range(shown - before, 9490 * TIME_US, 10510 * TIME_US);
        before = shown;
    }
    assert_true(before - now < 2 * TIME_MS && now - before < 2 * TIME_MS);
}

static void test_requests(void **state)
{
    (void)state;
    ClockSync sync;
    clock_sync_init(&sync);
    uint32_t early = 0, late = 0;
    for (TimeNs now = -500 * TIME_SECOND; now < -480 * TIME_SECOND; now += TIME_MS) {
        bool due = clock_sync_due(&sync, now);
        early += due && now < -499 * TIME_SECOND;
        late += due && now >= -499 * TIME_SECOND;
    }
    assert_int_equal(early, 10);
    assert_int_equal(late, 19);
}

static void test_nonsense_is_dropped(void **state)
{
    (void)state;
    ClockSync sync;
    clock_sync_init(&sync);
    const TimeNs s = TIME_SECOND;
    const TimeNs bad[][4] = {
        { 2 * s, 0, 0, s },     /* back before it left */
        { 0, 5, 4, s },         /* replied before it was received */
        { 0, 0, 2 * s, s },     /* held longer than it took */
        { 0, 0, 0, 6 * s },     /* too slow */
        { TIME_NONE, 0, 0, s }, /* overflow */
        { 0, TIME_NONE, TIME_FOREVER, s },
        { 0, TIME_FOREVER, TIME_FOREVER, s },
        { 0, TIME_NONE, TIME_NONE, s },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(clock_sync_sample(&sync, bad[i][0], bad[i][1], bad[i][2], bad[i][3]),
                         STATUS_OUT_OF_RANGE);
        assert_false(clock_sync_ready(&sync));
    }
    assert_true(clock_sync_server_time(&sync, 5) == 5);
    /* Extreme but allowed numbers one after the other: no overflow, still monotonic. */
    Random random = random_seeded(1);
    TimeNs shown = TIME_NONE;
    for (TimeNs now = s; now < 500 * s; now += s / 3) {
        TimeNs far = (TimeNs)random_u64(&random) >> random_below(&random, 60);
        (void)!clock_sync_sample(&sync, now - TIME_MS, far, far, now);
        TimeNs next = clock_sync_server_time(&sync, now);
        assert_true(next >= shown || !clock_sync_ready(&sync));
        shown = clock_sync_ready(&sync) ? next : shown;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settles_on_a_good_network),
        cmocka_unit_test(test_drift_is_followed),
        cmocka_unit_test(test_drift_with_one_sided_bursts),
        cmocka_unit_test(test_asymmetry_costs_half_of_it),
        cmocka_unit_test(test_a_step_of_the_server_is_slewed),
        cmocka_unit_test(test_a_sudden_better_sample_is_slewed),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_nonsense_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
