/* Time stamps of a CSV file: equal, backward, gapped and jittered ones; rewinding; and the cache of keys that
 * long files lean on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/trace/steps.h"
#include "shared/trace/target_cache.h"
#include "tests/unit/shared/trace_fixture.h"

static void test_times(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading, LONG,
                 "100,P1,speed,1\n110,P1,speed,1\n110,P2,speed,1\n105,P1,speed,1\n105,P1,speed,1\n"
                 "120,P1,speed,1\n90,x,y,z\n");
    TraceSample sample;
    const TimeNs expected[] = { 100, 110, 110, 105, 105, 120 };
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) { /* delivered as they stand */
        sample = reading_next(&reading);
        assert_true(sample.source_time == expected[i] * TIME_SECOND);
    }
    reading_expect_end(&reading);
    const TraceCounters *counters = reading_counters(&reading);
    assert_int_equal(counters->equal_times, 2);
    assert_int_equal(counters->backward_times, 2);
    assert_true(counters->first_time == 100 * TIME_SECOND);
    assert_true(counters->last_time == 90 * TIME_SECOND);
    assert_true(counters->latest_time == 120 * TIME_SECOND);
    const TraceSeries *series = csv_reader_series(reading.reader, THING_PUMP_1, PUMP_SPEED);
    assert_int_equal(series->samples, 5);
    assert_int_equal(series->steps, 2); /* 100 to 110 and 105 to 120 */
    assert_true(series->shortest_step == 10 * TIME_SECOND && series->longest_step == 15 * TIME_SECOND);
    reading_close(&reading);
}

/* The tank's temperature declares 10 s. Its gaps and jitter are judged against that, one property at a time,
 * even when a gateway writes rows in bursts. */
static void test_declared_period(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading, WIDE, "time,T,P\n0,1,\n10,1,\n20.1,1,\n30.3,1,\n50.3,1,\n70.4,1,\n3600,1,\n");
    Status status;
    assert_int_equal(reading_drain(&reading, &status), 7);
    const TraceCounters *counters = reading_counters(&reading);
    assert_int_equal(counters->gaps, 2);     /* 20.1 s and the long one; 20 s is twice the period, no more */
    assert_int_equal(counters->jittered, 2); /* 10.2 s and 20 s; 10.1 s is within 1 % */
    assert_true(counters->largest_gap == 3529600 * TIME_MS);
    const TraceSeries *series = csv_reader_series(reading.reader, THING_TANK, 0);
    assert_true(series->period == 10 * TIME_SECOND);
    assert_true(series->first_time == 0 && series->last_time == 3600 * TIME_SECOND);
    reading_close(&reading);
}

/* The pump's speed declares no period: the median of its last steps is taken. */
static void test_learned_period(void **state)
{
    (void)state;
    char table[4096];
    size_t used = 0;
    int time = 0;
    for (int i = 0; i < 60; i++) {
        time += i == 5 || i == 20 || i == 40 ? 30 : 10; /* the first comes before the median is known */
        used +=
            (size_t)snprintf(table + used, sizeof table - used, "%d,P1,speed,1\n%d,P2,speed,1\n", time, time);
    }
    Reading reading;
    reading_open(&reading, LONG, table);
    Status status;
    assert_int_equal(reading_drain(&reading, &status), 120);
    assert_int_equal(reading_counters(&reading)->gaps, 4);
    assert_true(reading_counters(&reading)->largest_gap == 30 * TIME_SECOND);
    assert_int_equal(csv_reader_series(reading.reader, THING_PUMP_2, PUMP_SPEED)->gaps, 2);
    assert_true(csv_reader_series(reading.reader, THING_PUMP_2, PUMP_SPEED)->period == 10 * TIME_SECOND);
    reading_close(&reading);
}

static int compare_times(const void *left, const void *right)
{
    TimeNs a = *(const TimeNs *)left, b = *(const TimeNs *)right;
    return (a > b) - (a < b);
}

static void test_median_window(void **state)
{
    (void)state;
    StepWindow window = { 0 };
    TimeNs history[500];
    uint64_t seed = 1;
    for (size_t i = 0; i < ARRAY_COUNT(history); i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        history[i] = (TimeNs)(seed >> 60) + 1; /* few values, so many are equal */
        step_window_add(&window, history[i]);
        size_t count = i + 1 < STEPS_WINDOW ? i + 1 : STEPS_WINDOW;
        TimeNs last[STEPS_WINDOW];
        memcpy(last, &history[i + 1 - count], count * sizeof last[0]);
        qsort(last, count, sizeof last[0], compare_times);
        TimeNs expected = count < STEPS_WARMUP ? 0 : last[(count - 1) / 2];
        assert_true(step_window_median(&window) == expected);
    }
    assert_true(step_between(-9000000000 * TIME_SECOND, 9000000000 * TIME_SECOND) == INT64_MAX);
    assert_true(step_between(-5, 7) == 12);
}

static void test_extreme_times(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading, LONG, "-9223372035,P1,speed,1\n9223372035,P1,speed,1\n9223372036,P1,speed,1\n");
    Status status;
    assert_int_equal(reading_drain(&reading, &status), 2);
    assert_int_equal(reading_counters(&reading)->refused, 1);
    assert_true(csv_reader_series(reading.reader, THING_PUMP_1, PUMP_SPEED)->longest_step == INT64_MAX);
    reading_close(&reading);
}

static void test_rewind(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading, WIDE, "time,T,P,Q\n10,1,\n\n20,2,,\n30,3,,\n");
    for (unsigned pass = 1; pass <= 3; pass++) {
        expect_number(&reading, 20, THING_TANK, 0, 2);
        if (pass != 2) { /* also from the middle of a pass */
            expect_number(&reading, 30, THING_TANK, 0, 3);
            reading_expect_end(&reading);
        }
        assert_int_equal(csv_reader_rewind(reading.reader), STATUS_OK);
        const TraceCounters *counters = reading_counters(&reading);
        assert_int_equal(counters->backward_times, 0); /* the way back is no step */
        assert_int_equal(counters->unmapped, 1);
        assert_int_equal(counters->refused, pass);
        expect_first_error(&reading, 2, "fields");
    }
    assert_int_equal(reading_counters(&reading)->rows, 8);
    reading_close(&reading);
}

/* More keys than the cache holds: it forgets and goes on, and nothing is mistaken for anything else. */
static void test_many_keys(void **state)
{
    (void)state;
    const unsigned keys = 10000;
    size_t size = (size_t)keys * 2 * 64;
    char *table = malloc(size);
    assert_non_null(table);
    size_t used = 0;
    for (unsigned i = 0; i < keys * 2; i++) {
        const char *entity = i % 4 == 0 ? "P1" : i % 4 == 1 ? "P2" : i % 4 == 2 ? "T" : "X";
        used += (size_t)snprintf(table + used, size - used, "%u,%s,%s,%u\n", i, entity,
                                 entity[0] == 'T' ? "temp" : "speed", i % 1000);
        if (i % 4 >= 2) { /* a new key: T17, X18 */
            used -= 1;
            char *row = table + used;
            while (row[-1] != '\n' && row > table) {
                row--;
            }
            used = (size_t)(row - table);
            used += (size_t)snprintf(table + used, size - used, "%u,%s%u,temp,%u\n", i, entity, i, i % 1000);
        }
    }
    Reading reading;
    assert_int_equal(reading_open_bytes(&reading, LONG, bytes_of(table, used), 0), STATUS_OK);
    for (unsigned i = 0; i < keys * 2; i++) {
        if (i % 4 == 3) {
            continue;
        }
        TraceSample sample = reading_next(&reading);
        assert_true(sample.source_time == (TimeNs)i * TIME_SECOND);
        assert_int_equal(sample.thing, i % 4 == 0 ? THING_PUMP_1 : i % 4 == 1 ? THING_PUMP_2 : THING_TANK);
        assert_int_equal(sample.quality, QUALITY_GOOD);
    }
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->unmapped, keys * 2 / 4);
    reading_close(&reading);
    free(table);
}

static void test_cache_collisions(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    TargetCache cache;
    assert_int_equal(target_cache_init(&cache, &arena), STATUS_OK);
    const MappingTarget one = { .thing = 1 }, two = { .thing = 2 };
    target_cache_store(&cache, 5, "ab", 2, &one);
    assert_null(target_cache_find(&cache, 5, "cd", 2));
    target_cache_store(&cache, 5, "cd", 2, &two);
    target_cache_store(&cache, 5 + TARGET_CACHE_SLOTS, "ab", 2, &two); /* another hash, the same slot */
    assert_int_equal(target_cache_find(&cache, 5, "ab", 2)->thing, 1);
    assert_int_equal(target_cache_find(&cache, 5, "cd", 2)->thing, 2);
    assert_null(target_cache_find(&cache, 5, "abc", 3));
    arena_finish(&arena);
}

/* Two key fields that are the same bytes when written one after the other are two keys. */
static void test_keys_are_parted(void **state)
{
    (void)state;
    Reading reading;
    reading_open(&reading, LONG, "1,P1,speed,1\n2,P1s,peed,2\n3,P,1speed,3\n4,P1,speed,4\n");
    expect_number(&reading, 1, THING_PUMP_1, PUMP_SPEED, 1);
    expect_number(&reading, 4, THING_PUMP_1, PUMP_SPEED, 4);
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->unmapped, 2);
    reading_close(&reading);
}

/* Time stamps are remembered by their text, but not the very long ones. */
static void test_repeated_time_texts(void **state)
{
    (void)state;
    char table[512];
    snprintf(table, sizeof table,
             "5,P1,speed,1\n%080d,P1,speed,2\n5,P1,speed,3\nx,P1,speed,4\n5,P1,speed,5\n%080d,P1,speed,6\n",
             7, 8);
    Reading reading;
    reading_open(&reading, LONG, table);
    expect_number(&reading, 5, THING_PUMP_1, PUMP_SPEED, 1);
    expect_number(&reading, 7, THING_PUMP_1, PUMP_SPEED, 2);
    expect_number(&reading, 5, THING_PUMP_1, PUMP_SPEED, 3);
    expect_number(&reading, 5, THING_PUMP_1, PUMP_SPEED, 5);
    expect_number(&reading, 8, THING_PUMP_1, PUMP_SPEED, 6);
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->refused, 1);
    reading_close(&reading);
}

static void test_long_key_fields(void **state)
{
    (void)state;
    char *table = malloc(20000);
    assert_non_null(table);
    memset(table, 'T', 20000);
    memcpy(table, "1,", 2);
    strcpy(table + 9000, ",temp,32\n2,P1,speed,4\n");
    Reading reading;
    reading_open(&reading, LONG, table); /* "T*" has a wildcard, which no field past 255 bytes matches */
    expect_number(&reading, 2, THING_PUMP_1, PUMP_SPEED, 4);
    reading_expect_end(&reading);
    assert_int_equal(reading_counters(&reading)->unmapped, 1);
    reading_close(&reading);
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),           cmocka_unit_test(test_declared_period),
        cmocka_unit_test(test_learned_period),  cmocka_unit_test(test_median_window),
        cmocka_unit_test(test_extreme_times),   cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_many_keys),       cmocka_unit_test(test_cache_collisions),
        cmocka_unit_test(test_keys_are_parted), cmocka_unit_test(test_repeated_time_texts),
        cmocka_unit_test(test_long_key_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
