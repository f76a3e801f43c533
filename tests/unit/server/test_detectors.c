#include "server/service/detectors.h"
#include "shared/base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define PERIOD (TIME_MINUTE * 5)
#define START  (TimeNs)(INT64_C(1400000000) * TIME_SECOND)

static double noise(Random *random) /* mean 0, deviation about 1 */
{
    double sum = 0;
    for (int i = 0; i < 12; i++) {
        sum += random_unit(random);
    }
    return sum - 6;
}

static void the_clock_knows_gaps_duplicates_and_resets(void **state)
{
    (void)state;
    SampleClock clock;
    double step;
    sample_clock_init(&clock, PERIOD);
    assert_int_equal(sample_clock_step(&clock, START, &step), SAMPLE_FIRST);
    assert_int_equal(sample_clock_step(&clock, START + PERIOD, &step), SAMPLE_NEXT);
    assert_true(step == (double)PERIOD);
    assert_int_equal(sample_clock_step(&clock, START + PERIOD, &step), SAMPLE_DROPPED);
    assert_int_equal(sample_clock_step(&clock, START, &step), SAMPLE_DROPPED);
    assert_int_equal(sample_clock_step(&clock, START + 12 * PERIOD, &step), SAMPLE_GAP);
    for (int i = 1; i < SAMPLE_BACK_MAX; i++) {
        assert_int_equal(sample_clock_step(&clock, START + i, &step), SAMPLE_DROPPED);
    }
    assert_int_equal(sample_clock_step(&clock, START + SAMPLE_BACK_MAX, &step), SAMPLE_FIRST);
    assert_int_equal(sample_clock_step(&clock, START + PERIOD, &step), SAMPLE_NEXT);
    sample_clock_restart(&clock);
    assert_int_equal(sample_clock_step(&clock, START, &step), SAMPLE_FIRST);
    assert_int_equal(sample_clock_step(&clock, INT64_MAX, &step), SAMPLE_GAP); /* no overflow */
    sample_clock_restart(&clock);
    assert_int_equal(sample_clock_step(&clock, INT64_MIN + 1, &step), SAMPLE_FIRST);
    assert_int_equal(sample_clock_step(&clock, INT64_MAX, &step), SAMPLE_GAP);
    assert_true(step > 1.8e19);
}

static void the_clock_learns_a_jittery_period(void **state)
{
    (void)state;
    SampleClock clock;
    Random random = random_seeded(1);
    double step;
    sample_clock_init(&clock, 0);
    TimeNs time = START;
    for (int i = 0; i < 2000; i++) {
        time += (TimeNs)random_between(&random, 0.8 * (double)PERIOD, 1.2 * (double)PERIOD);
        time += i % 50 == 7 ? 5 * PERIOD : 0;
        (void)sample_clock_step(&clock, time, &step);
    }
    assert_in_range((TimeNs)clock.period_ns, PERIOD * 95 / 100, PERIOD * 105 / 100);
}

static void a_rate_needs_three_slopes_and_ignores_one_wild_sample(void **state)
{
    (void)state;
    RateDetector rate = { 0 };
    const double second = 1e9;
    assert_true(rate_detector_score(&rate, SAMPLE_FIRST, 0, 10, 2) == 0);
    assert_true(rate_detector_score(&rate, SAMPLE_NEXT, second, 11, 2) == 0);
    assert_true(rate_detector_score(&rate, SAMPLE_NEXT, second, 12, 2) == 0);
    assert_true(rate_detector_score(&rate, SAMPLE_NEXT, second, 13, 2) == 0.5);
    assert_true(rate_detector_score(&rate, SAMPLE_NEXT, second, 1000, 2) == 0.5); /* wild */
    assert_true(rate_detector_score(&rate, SAMPLE_NEXT, second, 15, 2) <= 0.5);
    assert_true(rate_detector_score(&rate, SAMPLE_NEXT, second, 16, 2) == 0.5);
    double score = 0;
    for (int i = 1; i <= 3; i++) {
        score = rate_detector_score(&rate, SAMPLE_NEXT, second, 16 - 6 * i, 2); /* falls for good */
    }
    assert_true(score == 3);
    assert_true(rate_detector_score(&rate, SAMPLE_GAP, 100 * second, 500, 2) == 0);
    assert_true(rate_detector_score(&rate, SAMPLE_NEXT, second, NAN, 2) == 0);
}

static void a_threshold_has_hysteresis(void **state)
{
    (void)state;
    const ThresholdLimits limits = { .low = -INFINITY, .high = 80, .hysteresis = 2 };
    assert_true(threshold_score(&limits, 80) == 1);
    assert_true(threshold_score(&limits, 90) == 6);
    assert_true(threshold_score(&limits, 79) == 0.5);
    assert_true(threshold_score(&limits, 78) == 0);
    assert_true(threshold_score(&limits, -1e9) == 0);
    assert_true(threshold_score(&limits, NAN) == 0);
    const ThresholdLimits low = { .low = 5, .high = INFINITY };
    assert_true(threshold_score(&low, 5) == 1);
    assert_true(threshold_score(&low, 5.001) == 0);
}

static void a_latch_holds_and_does_not_chatter(void **state)
{
    (void)state;
    const LatchRule rule = { .raise_ns = 10e9, .clear_below = 0.5, .clear_ns = 20e9 };
    Latch latch = { 0 };
    TimeNs time = START;
    assert_int_equal(latch_update(&latch, &rule, time, 1), LATCH_SAME);
    assert_int_equal(latch_update(&latch, &rule, time += 9 * TIME_SECOND, 1), LATCH_SAME);
    assert_int_equal(latch_update(&latch, &rule, time += TIME_SECOND / 2, 0.9), LATCH_SAME); /* begins anew */
    assert_int_equal(latch_update(&latch, &rule, time += TIME_SECOND, 1), LATCH_SAME);
    assert_int_equal(latch_update(&latch, &rule, time += 10 * TIME_SECOND, 2), LATCH_RAISED);
    for (int i = 0; i < 100; i++) { /* around the limit: one alarm */
        time += TIME_SECOND;
        assert_int_equal(latch_update(&latch, &rule, time, i % 2 ? 0.6 : 1.1), LATCH_SAME);
    }
    assert_int_equal(latch_update(&latch, &rule, time += TIME_SECOND, 0.1), LATCH_SAME);
    assert_int_equal(latch_update(&latch, &rule, time += 20 * TIME_SECOND, 0.1), LATCH_CLEARED);
    assert_int_equal(latch_update(&latch, &rule, INT64_MIN + 1, 1), LATCH_SAME);
    assert_int_equal(latch_update(&latch, &rule, INT64_MAX, 1), LATCH_RAISED);
}

/* A signal with a daily course, noise, and whatever a feed does to it. */
typedef struct Signal {
    Random random;
    SampleClock clock;
    AnomalyDetector detector;
    TimeNs time;
    double highest; /* score since it was last reset */
} Signal;

static void signal_begin(Signal *signal, uint64_t seed)
{
    *signal = (Signal){ .random = random_seeded(seed), .time = START };
    sample_clock_init(&signal->clock, PERIOD);
    anomaly_detector_init(&signal->detector);
}

static void offer(Signal *signal, TimeNs time, double value)
{
    const AnomalyParams params = { .false_alarm_ns = 30.0 * 86400e9 };
    double step;
    SampleStep kind = sample_clock_step(&signal->clock, time, &step);
    double score =
        anomaly_detector_score(&signal->detector, &params, kind, signal->clock.period_ns, time, value);
    assert_true(isfinite(score) && score >= 0);
    signal->highest = fmax(signal->highest, score);
}

static void play(Signal *signal, int samples, double offset)
{
    for (int i = 0; i < samples; i++) {
        signal->time += PERIOD + (TimeNs)random_between(&signal->random, -1e9, 1e9);
        double day = (double)(signal->time % (1440 * TIME_MINUTE)) / (1440.0 * (double)TIME_MINUTE);
        offer(signal, signal->time, 50 + 10 * sin(6.283185307 * day) + noise(&signal->random) + offset);
    }
}

static void an_unusual_value_scores_and_usual_ones_do_not(void **state)
{
    (void)state;
    int chance = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        Signal signal;
        signal_begin(&signal, seed);
        play(&signal, ANOMALY_WARM_UP - 1, 0);
        assert_true(signal.highest == 0); /* warming up */
        play(&signal, 288 * 15, 0);
        chance += signal.highest >= 1;
        signal.highest = 0;
        play(&signal, 3, 14);
        assert_true(signal.highest >= 1);
        play(&signal, 288, 0);
        signal.highest = 0;
        play(&signal, 20, -14);
        assert_true(signal.highest >= 1);
    }
    assert_true(chance <= 10); /* 20 runs of 15 days at one in 30 days */
}

/* What is usual at noon comes at midnight, and comes slowly, so that no step tells of it. */
static void the_hour_of_the_day_counts(void **state)
{
    (void)state;
    Signal signal;
    signal_begin(&signal, 6);
    while (signal.time % (1440 * TIME_MINUTE) > 10 * TIME_MINUTE) {
        play(&signal, 1, 0);
    }
    play(&signal, 288 * 20 + 288 / 2, 0); /* to noon */
    signal.highest = 0;
    play(&signal, 288 / 4, 0); /* to where the course is lowest */
    assert_true(signal.highest < 1);
    for (int i = 0; i < 24; i++) {
        play(&signal, 2, (double)i * 0.8);
    }
    assert_true(signal.highest >= 1);
}

static void outliers_do_not_hide_what_follows(void **state)
{
    (void)state;
    Signal signal;
    signal_begin(&signal, 7);
    play(&signal, 288 * 5, 0);
    for (int i = 0; i < 20; i++) {
        play(&signal, 1, 1e6);
        play(&signal, 15, 0);
    }
    play(&signal, 288, 0);
    signal.highest = 0;
    play(&signal, 3, 60);
    assert_true(signal.highest >= 1);
}

static void gaps_duplicates_and_wild_stamps_do_no_harm(void **state)
{
    (void)state;
    Signal signal;
    signal_begin(&signal, 3);
    play(&signal, 288 * 3, 0);
    signal.highest = 0;
    for (int i = 0; i < 5; i++) {
        signal.time += 40 * PERIOD; /* nothing for hours, then on */
        play(&signal, 20, 0);
        offer(&signal, signal.time, 500);          /* the same stamp again */
        offer(&signal, signal.time - PERIOD, 500); /* late */
        offer(&signal, signal.time + 1, NAN);
        offer(&signal, signal.time + 2, INFINITY);
    }
    assert_true(signal.highest < 1);
    offer(&signal, INT64_MAX, 1e308);
    offer(&signal, INT64_MIN + 1, -1e308);
    sample_clock_restart(&signal.clock);
    offer(&signal, INT64_MIN + 1, 50);
    offer(&signal, INT64_MAX, 1e99);
}

static void a_constant_learns_nothing_strange(void **state)
{
    (void)state;
    Signal signal;
    signal_begin(&signal, 4);
    for (int i = 0; i < 1000; i++) {
        offer(&signal, signal.time += PERIOD, 20);
    }
    assert_true(signal.highest == 0);
    offer(&signal, signal.time += PERIOD, 25);
    assert_true(signal.highest >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_knows_gaps_duplicates_and_resets),
        cmocka_unit_test(the_clock_learns_a_jittery_period),
        cmocka_unit_test(a_rate_needs_three_slopes_and_ignores_one_wild_sample),
        cmocka_unit_test(a_threshold_has_hysteresis),
        cmocka_unit_test(a_latch_holds_and_does_not_chatter),
        cmocka_unit_test(an_unusual_value_scores_and_usual_ones_do_not),
        cmocka_unit_test(the_hour_of_the_day_counts),
        cmocka_unit_test(outliers_do_not_hide_what_follows),
        cmocka_unit_test(gaps_duplicates_and_wild_stamps_do_no_harm),
        cmocka_unit_test(a_constant_learns_nothing_strange),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
