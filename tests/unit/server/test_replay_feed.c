#include "shared/base/random.h"
#include "tests/unit/server/trace_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define START SECONDS(500) /* monotonic; any value will do */

static const char simple[] = "1000,machine-0,temperature,20\n"
                             "1010,machine-0,temperature,21\n"
                             "1010,machine-1,temperature,22\n"
                             "1010,machine-0,temperature,23\n"
                             "1020,machine-0,temperature,24\n"
                             "1040,machine-1,temperature,25\n";

static TraceSample samples[256];

static void begin(TraceFixture *fixture, const char *csv, ReplayConfig config)
{
    Diag diag = { 0 };
    assert_int_equal(trace_fixture_init(fixture, csv, &config, &diag), STATUS_OK);
}

/* One poll that must succeed; the samples are in `samples`. */
static size_t poll_at(TraceFixture *fixture, TimeNs now, size_t capacity, FeedStatus *out_status)
{
    size_t count = 0;
    assert_int_equal(
        fixture->feed.ops->poll(fixture->feed.context, now, samples, capacity, &count, out_status),
        STATUS_OK);
    return count;
}

static void plays_at_the_speed_of_time(void **state)
{
    (void)state;
    TraceFixture fixture;
    FeedStatus status;
    begin(&fixture, simple, (ReplayConfig){ 0 });
    assert_int_equal(poll_at(&fixture, START, 256, &status), 1);
    assert_int_equal(status.source_clock, SECONDS(1000));
    assert_int_equal(samples[0].code, 200);
    assert_int_equal(poll_at(&fixture, START + SECONDS(9.5), 256, &status), 0);
    assert_int_equal(status.source_clock, SECONDS(1009.5));
    assert_int_equal(poll_at(&fixture, START + SECONDS(10), 256, &status),
                     3); /* equal stamps together, in order */
    assert_int_equal(samples[0].code, 210);
    assert_int_equal(samples[1].thing, 1);
    assert_int_equal(samples[2].code, 230);
    assert_int_equal(poll_at(&fixture, START + SECONDS(100), 256, &status), 2);
    assert_int_equal(status.source_clock, SECONDS(1040)); /* the recording ends there */
    assert_true(status.ended);
    assert_int_equal(status.behind, 0);
    trace_fixture_finish(&fixture);
}

static void speed_changes_without_a_jump(void **state)
{
    (void)state;
    TraceFixture fixture;
    FeedStatus status;
    begin(&fixture, simple, (ReplayConfig){ .speed = 0.5 });
    poll_at(&fixture, START, 256, &status);
    poll_at(&fixture, START + SECONDS(4), 256, &status);
    assert_int_equal(status.source_clock, SECONDS(1002));
    fixture.feed.ops->set_speed(fixture.feed.context, START + SECONDS(4), 5);
    poll_at(&fixture, START + SECONDS(5), 256, &status);
    assert_int_equal(status.source_clock, SECONDS(1007));
    fixture.feed.ops->set_speed(fixture.feed.context, START + SECONDS(5), 1e9); /* clamped to 1000 */
    poll_at(&fixture, START + SECONDS(5.001), 256, &status);
    assert_int_equal(status.source_clock, SECONDS(1008));
    fixture.feed.ops->set_speed(fixture.feed.context, START + SECONDS(5.001), NAN); /* clamped to 0.1 */
    poll_at(&fixture, START + SECONDS(6.001), 256, &status);
    assert_int_equal(status.source_clock, SECONDS(1008.1));
    trace_fixture_finish(&fixture);
}

static void pause_stands_and_goes_on(void **state)
{
    (void)state;
    TraceFixture fixture;
    FeedStatus status;
    begin(&fixture, simple, (ReplayConfig){ .paused = true });
    assert_int_equal(poll_at(&fixture, START, 256, &status), 1); /* the first values can be seen */
    poll_at(&fixture, START + SECONDS(50), 256, &status);
    assert_int_equal(status.source_clock, SECONDS(1000));
    fixture.feed.ops->set_paused(fixture.feed.context, START + SECONDS(50), false);
    assert_int_equal(poll_at(&fixture, START + SECONDS(61), 256, &status), 3);
    assert_int_equal(status.source_clock, SECONDS(1011));
    fixture.feed.ops->set_paused(fixture.feed.context, START + SECONDS(62), true);
    assert_int_equal(poll_at(&fixture, START + SECONDS(99), 256, &status), 0);
    assert_int_equal(status.source_clock, SECONDS(1012));
    trace_fixture_finish(&fixture);
}

static TimeNs next_due(const TraceFixture *fixture)
{
    return fixture->feed.ops->next_due(fixture->feed.context);
}

/* Nothing a nanosecond before it is due, something then: at any speed, from one sample to the next. */
static void says_when_the_next_is_due(void **state)
{
    (void)state;
    const double speeds[] = { 0.1, 0.7, 1, 3, 10, 333, 1000 };
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        TraceFixture fixture;
        FeedStatus status;
        begin(&fixture, simple, (ReplayConfig){ .speed = speeds[i] });
        assert_true(next_due(&fixture) == TIME_NONE); /* at the first poll, whenever that is */
        assert_int_equal(poll_at(&fixture, START, 256, &status), 1);
        const size_t counts[] = { 3, 1, 1 };
        for (size_t k = 0; k < 3; k++) {
            TimeNs due = next_due(&fixture);
            assert_true(due > START && due < TIME_FOREVER);
            assert_int_equal(poll_at(&fixture, due - 1, 256, &status), 0);
            assert_int_equal(poll_at(&fixture, due, 256, &status), counts[k]);
        }
        assert_true(next_due(&fixture) == TIME_FOREVER); /* the end */
        trace_fixture_finish(&fixture);
    }
}

static void says_when_it_goes_on(void **state)
{
    (void)state;
    TraceFixture fixture;
    FeedStatus status;
    begin(&fixture, simple, (ReplayConfig){ .loop = true });
    poll_at(&fixture, START, 2, &status);
    assert_true(next_due(&fixture) == START + SECONDS(10));
    fixture.feed.ops->set_paused(fixture.feed.context, START + SECONDS(4), true);
    assert_true(next_due(&fixture) == TIME_FOREVER);
    fixture.feed.ops->set_paused(fixture.feed.context, START + SECONDS(50), false);
    assert_true(next_due(&fixture) == START + SECONDS(56));
    fixture.feed.ops->set_speed(fixture.feed.context, START + SECONDS(50), 6);
    assert_true(next_due(&fixture) == START + SECONDS(51));
    assert_int_equal(poll_at(&fixture, START + SECONDS(51), 1, &status), 1); /* there are two more */
    assert_true(next_due(&fixture) <= START + SECONDS(51));
    poll_at(&fixture, START + SECONDS(60), 256, &status);
    TimeNs again = next_due(&fixture);
    assert_true(again > START + SECONDS(60) && again < START + SECONDS(60.001));
    assert_int_equal(poll_at(&fixture, again, 256, &status), 1);
    assert_true(status.restarted);
    trace_fixture_finish(&fixture);
}

static void start_offset_applies_what_came_before(void **state)
{
    (void)state;
    TraceFixture fixture;
    FeedStatus status;
    begin(&fixture, simple, (ReplayConfig){ .start_offset = SECONDS(15) });
    assert_int_equal(poll_at(&fixture, START, 256, &status), 4);
    assert_int_equal(status.source_clock, SECONDS(1015));
    trace_fixture_finish(&fixture);

    begin(&fixture, simple, (ReplayConfig){ .start_offset = INT64_MAX });
    assert_int_equal(poll_at(&fixture, START, 256, &status), 6);
    assert_int_equal(status.source_clock, SECONDS(1040));
    assert_true(status.ended);
    trace_fixture_finish(&fixture);
}

/* "Everything up to the clock has been delivered" must hold however small the buffer is. */
static void a_full_buffer_holds_the_clock_back(void **state)
{
    (void)state;
    TraceFixture fixture;
    FeedStatus status;
    begin(&fixture, simple, (ReplayConfig){ 0 });
    poll_at(&fixture, START, 256, &status);
    TimeNs now = START + SECONDS(25);
    assert_int_equal(poll_at(&fixture, now, 2, &status), 2);
    assert_int_equal(status.source_clock, SECONDS(1010) - 1); /* the third row of 1010 s is still to come */
    assert_int_equal(status.behind, SECONDS(15) + 1);
    assert_int_equal(poll_at(&fixture, now, 1, &status), 1);
    assert_int_equal(status.source_clock, SECONDS(1020) - 1);
    assert_int_equal(poll_at(&fixture, now, 1, &status), 1);
    assert_int_equal(status.source_clock, SECONDS(1025)); /* nothing more is due */
    assert_int_equal(status.behind, 0);
    assert_int_equal(poll_at(&fixture, now, 0, &status), 0);
    assert_int_equal(status.source_clock, SECONDS(1025));
    trace_fixture_finish(&fixture);
}

static void a_backward_row_comes_at_once_and_the_clock_stays(void **state)
{
    (void)state;
    TraceFixture fixture;
    FeedStatus status;
    begin(&fixture,
          "1000,machine-0,temperature,20\n"
          "1010,machine-0,temperature,21\n"
          "900,machine-0,temperature,22\n"
          "1005,machine-0,temperature,23\n"
          "1020,machine-0,temperature,24\n",
          (ReplayConfig){ 0 });
    poll_at(&fixture, START, 256, &status);
    assert_int_equal(poll_at(&fixture, START + SECONDS(10), 1, &status), 1);
    TimeNs before = status.source_clock;
    assert_int_equal(before, SECONDS(1000)); /* 900 s is due: no further than was said */
    assert_int_equal(poll_at(&fixture, START + SECONDS(10), 256, &status), 2);
    assert_int_equal(status.source_clock, SECONDS(1010));
    trace_fixture_finish(&fixture);
}

static void gaps_are_waited_out(void **state)
{
    (void)state;
    TraceFixture fixture;
    FeedStatus status;
    begin(&fixture, "0,machine-0,temperature,1\n604800,machine-0,temperature,2\n",
          (ReplayConfig){ .speed = 1000 });
    poll_at(&fixture, START, 256, &status);
    assert_int_equal(poll_at(&fixture, START + SECONDS(604.7), 256, &status), 0);
    assert_int_equal(status.source_clock, SECONDS(604700));
    assert_int_equal(poll_at(&fixture, START + SECONDS(604.8), 256, &status), 1);
    trace_fixture_finish(&fixture);
}

/* The first day stamped two years late, as a real recording has it: the replay follows the clock back. */
static void a_clock_set_back_is_followed(void **state)
{
    (void)state;
    TraceFixture fixture;
    FeedStatus status;
    begin(&fixture,
          "63000000,machine-0,temperature,1\n"
          "63000000,machine-0,note,n1\n"
          "63000010,machine-0,temperature,2\n"
          "63000010,machine-0,note,n2\n"
          "1000,machine-0,temperature,3\n"
          "1000,machine-0,note,n3\n"
          "1010,machine-0,temperature,4\n"
          "1010,machine-0,note,n4\n"
          "1020,machine-0,temperature,5\n"
          "1020,machine-0,note,n5\n"
          "1030,machine-0,temperature,6\n"
          "1030,machine-0,note,n6\n",
          (ReplayConfig){ 0 });
    poll_at(&fixture, START, 256, &status);
    assert_int_equal(poll_at(&fixture, START + SECONDS(10), 256, &status), 6); /* two rows may be stray */
    assert_false(status.set_back);
    assert_int_equal(status.source_clock, SECONDS(63000010));
    assert_int_equal(poll_at(&fixture, START + SECONDS(11), 256, &status), 2);
    assert_true(status.set_back);
    assert_int_equal(status.source_time_set, SECONDS(1020));
    assert_int_equal(status.source_clock, SECONDS(1020));
    assert_int_equal(poll_at(&fixture, START + SECONDS(20.5), 256, &status), 0); /* at its pace again */
    assert_false(status.set_back);
    assert_int_equal(poll_at(&fixture, START + SECONDS(21), 256, &status), 2);
    assert_false(status.set_back); /* both properties found it, but the clock goes back once */
    assert_int_equal(status.source_clock, SECONDS(1030));
    assert_int_equal(csv_reader_counters(fixture.reader)->clock_resets, 2);
    trace_fixture_finish(&fixture);
}

/* One stamp in the far future must not silence the trace: not by waiting for it, not by dropping the rest. */
static void a_stamp_far_ahead_holds_nothing_up(void **state)
{
    (void)state;
    TraceFixture fixture;
    FeedStatus status;
    begin(&fixture,
          "1000,machine-0,temperature,1\n"
          "4000000000,machine-0,temperature,2\n"
          "1010,machine-0,temperature,3\n"
          "1020,machine-0,temperature,4\n"
          "1030,machine-0,temperature,5\n"
          "1040,machine-0,temperature,6\n",
          (ReplayConfig){ 0 });
    poll_at(&fixture, START, 256, &status);
    poll_at(&fixture, START + SECONDS(1), 256, &status);
    assert_int_equal(poll_at(&fixture, START + SECONDS(2), 256, &status), 1);
    assert_true(status.set_back);
    assert_int_equal(status.source_clock, SECONDS(1030));
    assert_int_equal(poll_at(&fixture, START + SECONDS(12), 256, &status), 1);
    assert_int_equal(status.source_clock, SECONDS(1040));
    trace_fixture_finish(&fixture);
}

/* What is no clock reset: steps of an hour, one stray old row, falling times, another property's past. */
static void ordinary_disorder_resets_no_clock(void **state)
{
    (void)state;
    static const char *const traces[] = {
        "7200,machine-0,temperature,1\n3600,machine-0,temperature,2\n3610,machine-0,temperature,3\n"
        "3620,machine-0,temperature,4\n3630,machine-0,temperature,5\n",
        "900000,machine-0,temperature,1\n5,machine-0,temperature,2\n6,machine-0,temperature,3\n"
        "900010,machine-0,temperature,4\n7,machine-0,temperature,5\n",
        "900000,machine-0,temperature,1\n9,machine-0,temperature,2\n8,machine-0,temperature,3\n"
        "7,machine-0,temperature,4\n7,machine-0,temperature,5\n",
        "900000,machine-0,temperature,1\n900010,machine-0,temperature,2\n5,machine-1,temperature,3\n"
        "6,machine-1,temperature,4\n7,machine-1,temperature,5\n8,machine-1,temperature,6\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(traces); i++) {
        TraceFixture fixture;
        FeedStatus status = { 0 };
        begin(&fixture, traces[i], (ReplayConfig){ .speed = 1000 });
        for (int step = 0; step < 10; step++) {
            poll_at(&fixture, START + SECONDS(step), 256, &status);
            assert_false(status.set_back);
        }
        assert_true(status.ended);
        assert_int_equal(csv_reader_counters(fixture.reader)->clock_resets, 0);
        trace_fixture_finish(&fixture);
    }
}

/* Times at both ends of what 64 bits hold, more of them than one poll takes. */
static void times_at_the_limits_do_not_overflow(void **state)
{
    (void)state;
    static char csv[4096];
    size_t size = (size_t)snprintf(csv, sizeof csv, "9223372030,machine-0,temperature,1\n");
    for (int i = 0; i < 40; i++) {
        size += (size_t)snprintf(csv + size, sizeof csv - size, "-9223372030,machine-0,temperature,%d\n", i);
    }
    TraceFixture fixture;
    FeedStatus status;
    begin(&fixture, csv, (ReplayConfig){ .speed = 1000, .start_offset = INT64_MAX });
    assert_int_equal(poll_at(&fixture, START, 0, &status), 0);
    assert_int_equal(poll_at(&fixture, START, 2, &status), 2);
    assert_true(status.behind > 0);
    assert_int_equal(poll_at(&fixture, START + SECONDS(1), 256, &status), 39);
    trace_fixture_finish(&fixture);
    begin(&fixture, "-9223372030,machine-0,temperature,1\n9223372030,machine-0,temperature,2\n",
          (ReplayConfig){ .loop = true });
    for (int i = 0; i < 9; i++) {
        poll_at(&fixture, START + SECONDS(i), 256, &status);
    }
    assert_true(status.loops > 0);
    trace_fixture_finish(&fixture);
}

static void a_loop_begins_again_in_a_poll_of_its_own(void **state)
{
    (void)state;
    TraceFixture fixture;
    FeedStatus status;
    begin(&fixture, simple, (ReplayConfig){ .loop = true, .start_offset = SECONDS(35) });
    assert_int_equal(poll_at(&fixture, START, 256, &status), 5);
    assert_int_equal(poll_at(&fixture, START + SECONDS(6), 256, &status), 1);
    assert_false(status.restarted);
    assert_false(status.ended);
    assert_int_equal(status.source_clock, SECONDS(1040));
    assert_int_equal(poll_at(&fixture, START + SECONDS(6), 256, &status),
                     0); /* the last values stay for a tick */
    assert_int_equal(poll_at(&fixture, START + SECONDS(6.1), 256, &status), 1);
    assert_true(status.restarted);
    assert_int_equal(status.loops, 1);
    assert_int_equal(status.source_clock, SECONDS(1000)); /* the offset counts once */
    assert_int_equal(samples[0].code, 200);
    poll_at(&fixture, START + SECONDS(7.1), 256, &status);
    assert_false(status.restarted);
    assert_int_equal(status.source_clock, SECONDS(1001));
    trace_fixture_finish(&fixture);
}

/* The whole trace shorter than a tick: once a poll, never more, and nothing is skipped. */
static void a_short_loop_at_high_speed_is_bounded(void **state)
{
    (void)state;
    TraceFixture fixture;
    FeedStatus status;
    begin(&fixture, "1,machine-0,temperature,1\n1.5,machine-0,temperature,2\n",
          (ReplayConfig){ .loop = true, .speed = 1000 });
    uint64_t total = 0;
    for (int i = 0; i < 100; i++) {
        total += poll_at(&fixture, START + i * TIME_SECOND / 60, 256, &status);
    }
    assert_in_range(status.loops, 45, 50);
    assert_in_range(total, 95, 100);
    trace_fixture_finish(&fixture);
}

static void bad_settings_and_traces_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *csv;
        ReplayConfig config;
        Status status;
    } cases[] = {
        { simple, { .speed = 0.05 }, STATUS_OUT_OF_RANGE },
        { simple, { .speed = 1001 }, STATUS_OUT_OF_RANGE },
        { simple, { .speed = NAN }, STATUS_OUT_OF_RANGE },
        { simple, { .start_offset = -1 }, STATUS_OUT_OF_RANGE },
        { "", { .speed = 1 }, STATUS_END },
        { "soon,machine-0,temperature,1\n", { .speed = 1 }, STATUS_END },
        { "\xFF\xFE"
          "1",
          { .speed = 1 },
          STATUS_MALFORMED },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        TraceFixture fixture;
        Diag diag = { 0 };
        assert_int_equal(trace_fixture_init(&fixture, cases[i].csv, &cases[i].config, &diag),
                         cases[i].status);
        assert_true(strlen(diag.text) > 0);
        assert_null(fixture.feed.ops);
        trace_fixture_finish(&fixture);
    }
}

/* The invariant over random files, speeds and buffers: a row is delivered by the time the clock passes it,
 * never more than once, in order. */
static void the_clock_never_promises_too_much(void **state)
{
    (void)state;
    Random random = random_seeded(11);
    for (int round = 0; round < 50; round++) {
        static char csv[64 * 64];
        TimeNs times[64];
        size_t size = 0, rows = 1 + (size_t)random_below(&random, 60);
        uint64_t at = 5000;
        for (size_t i = 0; i < rows; i++) {
            at += random_below(&random, 3);
            times[i] = (TimeNs)at * TIME_SECOND;
            size += (size_t)snprintf(csv + size, sizeof csv - size, "%llu,machine-0,temperature,%zu\n",
                                     (unsigned long long)at, i);
        }
        TraceFixture fixture;
        FeedStatus status = { .source_clock = TIME_NONE };
        begin(&fixture, csv, (ReplayConfig){ .speed = random_between(&random, 0.1, 400) });
        size_t delivered = 0;
        TimeNs clock = TIME_NONE;
        for (TimeNs now = START; !status.ended; now += TIME_SECOND / 60) {
            size_t count = poll_at(&fixture, now, (size_t)random_below(&random, 4), &status);
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(samples[i].source_time, times[delivered++]);
            }
            assert_true(status.source_clock >= clock);
            clock = status.source_clock;
            assert_true(delivered == rows || times[delivered] > clock);
        }
        assert_int_equal(delivered, rows);
        trace_fixture_finish(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plays_at_the_speed_of_time),
        cmocka_unit_test(speed_changes_without_a_jump),
        cmocka_unit_test(pause_stands_and_goes_on),
        cmocka_unit_test(says_when_the_next_is_due),
        cmocka_unit_test(says_when_it_goes_on),
        cmocka_unit_test(start_offset_applies_what_came_before),
        cmocka_unit_test(a_full_buffer_holds_the_clock_back),
        cmocka_unit_test(a_backward_row_comes_at_once_and_the_clock_stays),
        cmocka_unit_test(gaps_are_waited_out),
        cmocka_unit_test(a_clock_set_back_is_followed),
        cmocka_unit_test(a_stamp_far_ahead_holds_nothing_up),
        cmocka_unit_test(ordinary_disorder_resets_no_clock),
        cmocka_unit_test(times_at_the_limits_do_not_overflow),
        cmocka_unit_test(a_loop_begins_again_in_a_poll_of_its_own),
        cmocka_unit_test(a_short_loop_at_high_speed_is_bounded),
        cmocka_unit_test(bad_settings_and_traces_are_refused),
        cmocka_unit_test(the_clock_never_promises_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
