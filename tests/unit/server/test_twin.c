#include "server/twin/twin.h"
#include "tests/unit/server/trace_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define START SECONDS(77)

/* A feed that says what the test tells it to. */
typedef struct ScriptFeed {
    TraceSample samples[64];
    size_t count, next;
    FeedStatus status;
    Status result;
    bool full_once; /* the next poll fills the buffer with values of thing 1, the one after begins again */
    unsigned polls, destroyed;
} ScriptFeed;

static Status script_poll(void *context, TimeNs now, TraceSample *out_samples, size_t capacity,
                          size_t *out_count, FeedStatus *out_status)
{
    (void)now;
    ScriptFeed *feed = context;
    feed->polls++;
    if (feed->result != STATUS_OK) {
        return feed->result;
    }
    size_t count = 0;
    for (; feed->full_once && count < capacity; count++) {
        out_samples[count] = (TraceSample){ .source_time = SECONDS(200) + (TimeNs)count,
                                            .thing = 1,
                                            .quality = QUALITY_GOOD,
                                            .code = (int64_t)count };
    }
    if (feed->full_once) {
        feed->full_once = false;
        *out_count = count;
        *out_status = (FeedStatus){ .source_clock = SECONDS(200) };
        feed->status.restarted = true;
        return STATUS_OK;
    }
    while (count < capacity && feed->next < feed->count) {
        out_samples[count++] = feed->samples[feed->next++];
    }
    *out_count = count;
    *out_status = feed->status;
    feed->status.restarted = feed->status.set_back = false;
    return STATUS_OK;
}

static void script_destroy(void *context)
{
    ((ScriptFeed *)context)->destroyed++;
}

static const FeedOps script_ops = { .poll = script_poll, .destroy = script_destroy };

typedef struct Fixture {
    SmallWorld small;
    ScriptFeed feeds[2];
    TwinSystem *twin;
    SyncBatch batch;
} Fixture;

static void begin(Fixture *fixture, size_t feeds, size_t capacity)
{
    memset(fixture, 0, sizeof *fixture);
    assert_true(small_world_init(&fixture->small, 3));
    assert_int_equal(twin_create(&fixture->small.world, capacity, &fixture->twin), STATUS_OK);
    for (size_t i = 0; i < feeds; i++) {
        fixture->feeds[i].status.source_clock = TIME_NONE;
        Feed feed = { .ops = &script_ops, .context = &fixture->feeds[i] };
        assert_int_equal(twin_add_feed(fixture->twin, feed), STATUS_OK);
    }
}

static void finish(Fixture *fixture)
{
    twin_destroy(fixture->twin);
    small_world_finish(&fixture->small);
}

static void say(Fixture *fixture, size_t feed, double at, uint32_t thing, uint8_t property, int64_t code)
{
    ScriptFeed *script = &fixture->feeds[feed];
    if (script->next == script->count) {
        script->next = script->count = 0;
    }
    script->samples[script->count++] = (TraceSample){ .source_time = SECONDS(at),
                                                      .thing = thing,
                                                      .property = property,
                                                      .quality = QUALITY_GOOD,
                                                      .code = code };
}

static void tick(Fixture *fixture, double clock)
{
    fixture->feeds[0].status.source_clock = SECONDS(clock);
    assert_int_equal(twin_tick(fixture->twin, START, &fixture->batch), STATUS_OK);
}

static void samples_become_reported_values(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, 1, 0);
    assert_int_equal(twin_source_clock(fixture.twin), TIME_NONE);
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_STATE)->quality, QUALITY_NONE);
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_STATE)->source_time, TIME_NONE);
    say(&fixture, 0, 10, 0, SMALL_TEMPERATURE, 215);
    say(&fixture, 0, 10, 2, SMALL_STATE, 1);
    say(&fixture, 0, 11, 0, SMALL_TEMPERATURE, 216);
    tick(&fixture, 12);
    assert_int_equal(fixture.batch.count, 3);
    assert_int_equal(fixture.batch.source_clock, SECONDS(12));
    assert_int_equal(fixture.batch.samples[0].sequence, 1);
    assert_int_equal(fixture.batch.samples[1].sequence, 1); /* counted per thing */
    assert_int_equal(fixture.batch.samples[2].sequence, 2);
    const Reported *reported = twin_reported(fixture.twin, 0, SMALL_TEMPERATURE);
    assert_int_equal(reported->code, 216);
    assert_int_equal(reported->source_time, SECONDS(11));
    assert_int_equal(reported->quality, QUALITY_GOOD);
    assert_null(twin_reported(fixture.twin, 3, 0));
    assert_null(twin_reported(fixture.twin, 0, SMALL_PROPERTIES));
    tick(&fixture, 13);
    assert_int_equal(fixture.batch.count, 0);
    finish(&fixture);
}

static void duplicates_and_old_samples_are_dropped_and_counted(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, 1, 0);
    say(&fixture, 0, 10, 0, SMALL_TEMPERATURE, 1);
    say(&fixture, 0, 10, 0, SMALL_TEMPERATURE, 1);  /* duplicate */
    say(&fixture, 0, 10, 0, SMALL_TEMPERATURE, 2);  /* equal time, later row: wins */
    say(&fixture, 0, 9.9, 0, SMALL_TEMPERATURE, 3); /* old */
    say(&fixture, 0, 9.9, 1, SMALL_TEMPERATURE, 4); /* another thing: its first */
    say(&fixture, 0, 20, 7, SMALL_TEMPERATURE, 5);  /* no such thing */
    say(&fixture, 0, 20, 0, 9, 5);                  /* no such property */
    tick(&fixture, 20);
    assert_int_equal(fixture.batch.count, 3);
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->code, 2);
    assert_int_equal(twin_reported(fixture.twin, 1, SMALL_TEMPERATURE)->code, 4);
    const TwinCounters *counters = twin_counters(fixture.twin);
    assert_int_equal(counters->samples, 3);
    assert_int_equal(counters->duplicates, 1);
    assert_int_equal(counters->old, 1);
    assert_int_equal(counters->unknown, 2);
    finish(&fixture);
}

static void bad_samples_say_so(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, 1, 0);
    say(&fixture, 0, 10, 0, SMALL_TEMPERATURE, 1);
    say(&fixture, 0, 10, 0, SMALL_TEMPERATURE, 0);
    fixture.feeds[0].samples[1].quality = QUALITY_BAD;
    say(&fixture, 0, 10, 0, SMALL_TEMPERATURE, 0);
    fixture.feeds[0].samples[2].quality = QUALITY_BAD; /* duplicate */
    say(&fixture, 0, 10, 0, SMALL_TEMPERATURE, 0);
    fixture.feeds[0].samples[3].quality = QUALITY_NONE; /* no feed may say that */
    tick(&fixture, 10);
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->quality, QUALITY_BAD);
    assert_int_equal(twin_counters(fixture.twin)->bad, 1);
    assert_int_equal(twin_counters(fixture.twin)->duplicates, 1);
    assert_int_equal(twin_counters(fixture.twin)->unknown, 1);
    tick(&fixture, 1000);
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->quality, QUALITY_BAD);
    finish(&fixture);
}

/* Of a device that is known to be gone, or of a history that is sent later. */
static void what_is_not_current_comes_as_stale(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, 1, 0);
    say(&fixture, 0, 10, 0, SMALL_TEMPERATURE, 1);
    tick(&fixture, 10);
    for (int i = 0; i < 2; i++) { /* the second is no news */
        say(&fixture, 0, 10, 0, SMALL_TEMPERATURE, 1);
        fixture.feeds[0].samples[0].quality = QUALITY_STALE;
        tick(&fixture, 10);
        assert_int_equal(fixture.batch.count, i == 0);
        assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->quality, QUALITY_STALE);
        assert_int_equal(twin_counters(fixture.twin)->stale_now, 1);
    }
    assert_int_equal(twin_counters(fixture.twin)->duplicates, 1);
    say(&fixture, 0, 9, 0, SMALL_TEMPERATURE, 2);
    fixture.feeds[0].samples[0].quality = QUALITY_STALE;
    tick(&fixture, 10);
    assert_int_equal(twin_counters(fixture.twin)->old, 1);
    say(&fixture, 0, 11, 0, SMALL_TEMPERATURE, 1);
    tick(&fixture, 11);
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->quality, QUALITY_GOOD);
    assert_int_equal(twin_counters(fixture.twin)->stale_now, 0);
    finish(&fixture);
}

static void a_lost_way_makes_its_values_stale_at_once(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, 2, 0);
    say(&fixture, 0, 10, 0, SMALL_TEMPERATURE, 1);
    say(&fixture, 0, 10, 1, SMALL_STATE, 1);
    say(&fixture, 1, 10, 2, SMALL_TEMPERATURE, 2);
    tick(&fixture, 10);
    fixture.feeds[0].status.lost = true;
    say(&fixture, 0, 11, 0, SMALL_TEMPERATURE, 3); /* it had come before */
    tick(&fixture, 11);
    assert_int_equal(fixture.batch.count, 3);
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->quality, QUALITY_STALE);
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->code, 3);
    assert_int_equal(twin_reported(fixture.twin, 1, SMALL_STATE)->quality, QUALITY_STALE);
    assert_int_equal(twin_reported(fixture.twin, 2, SMALL_TEMPERATURE)->quality, QUALITY_GOOD);
    assert_int_equal(twin_counters(fixture.twin)->stale_now, 2);
    fixture.feeds[0].status.lost = false; /* found again, but nothing was sampled yet */
    tick(&fixture, 12);
    assert_int_equal(fixture.batch.count, 0);
    say(&fixture, 0, 13, 0, SMALL_TEMPERATURE, 4);
    tick(&fixture, 13);
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->quality, QUALITY_GOOD);
    say(&fixture, 0, 10, 1, SMALL_STATE, 1); /* told again: it is still so, and it never ages */
    tick(&fixture, 1000);
    assert_int_equal(twin_reported(fixture.twin, 1, SMALL_STATE)->quality, QUALITY_GOOD);
    say(&fixture, 0, 13, 0, SMALL_TEMPERATURE, 4); /* this one does, and is dropped */
    tick(&fixture, 1000);
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->quality, QUALITY_STALE);
    assert_int_equal(twin_counters(fixture.twin)->duplicates, 1);
    fixture.feeds[0].status.lost = true; /* what was retained comes although its device is gone */
    tick(&fixture, 1001);
    say(&fixture, 0, 1001, 1, SMALL_STATE, 2);
    tick(&fixture, 1001);
    assert_int_equal(twin_reported(fixture.twin, 1, SMALL_STATE)->code, 2);
    assert_int_equal(twin_reported(fixture.twin, 1, SMALL_STATE)->quality, QUALITY_STALE);
    finish(&fixture);
}

/* temperature has a period of 10 s: stale after more than 30 s; state has none: never. */
static void silence_makes_a_property_stale(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, 1, 0);
    say(&fixture, 0, 100, 0, SMALL_TEMPERATURE, 1);
    say(&fixture, 0, 110, 1, SMALL_TEMPERATURE, 1);
    say(&fixture, 0, 100, 0, SMALL_STATE, 1);
    tick(&fixture, 110);
    tick(&fixture, 130);
    assert_int_equal(fixture.batch.count, 0);
    tick(&fixture, 130.001);
    assert_int_equal(fixture.batch.count, 1);
    assert_int_equal(fixture.batch.samples[0].quality, QUALITY_STALE);
    assert_int_equal(fixture.batch.samples[0].source_time, SECONDS(100));
    assert_int_equal(fixture.batch.samples[0].code, 1);
    assert_int_equal(twin_counters(fixture.twin)->stale, 1);
    assert_int_equal(twin_counters(fixture.twin)->stale_now, 1);
    tick(&fixture, 139);
    assert_int_equal(fixture.batch.count, 0);
    tick(&fixture, 5000);
    assert_int_equal(fixture.batch.count, 1); /* the second one; the state never */
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_STATE)->quality, QUALITY_GOOD);
    say(&fixture, 0, 100, 0, SMALL_TEMPERATURE, 1); /* the very same again is no news */
    say(&fixture, 0, 5001, 1, SMALL_TEMPERATURE, 7);
    tick(&fixture, 5001);
    assert_int_equal(fixture.batch.count, 1);
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->quality, QUALITY_STALE);
    assert_int_equal(twin_reported(fixture.twin, 1, SMALL_TEMPERATURE)->quality, QUALITY_GOOD);
    assert_int_equal(twin_counters(fixture.twin)->stale_now, 1);
    finish(&fixture);
}

/* Exactly three periods are not yet too long. */
static void three_periods_are_still_good(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, 1, 0);
    say(&fixture, 0, 100, 0, SMALL_TEMPERATURE, 1);
    say(&fixture, 0, 100.5, 1, SMALL_TEMPERATURE, 1);
    tick(&fixture, 101);
    tick(&fixture, 130.5);
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->quality, QUALITY_STALE);
    assert_int_equal(twin_reported(fixture.twin, 1, SMALL_TEMPERATURE)->quality, QUALITY_GOOD);
    tick(&fixture, 130.6);
    assert_int_equal(twin_reported(fixture.twin, 1, SMALL_TEMPERATURE)->quality, QUALITY_STALE);
    finish(&fixture);
}

static void a_restart_forgets_in_the_same_tick(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, 1, 0);
    say(&fixture, 0, 100, 0, SMALL_TEMPERATURE, 1);
    say(&fixture, 0, 100, 1, SMALL_TEMPERATURE, 1);
    tick(&fixture, 100);
    say(&fixture, 0, 50, 0, SMALL_TEMPERATURE, 9);
    fixture.feeds[0].status.restarted = true;
    tick(&fixture, 50);
    assert_true(fixture.batch.restarted);
    assert_int_equal(fixture.batch.count, 1);
    assert_int_equal(fixture.batch.source_clock, SECONDS(50));
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->code, 9);
    assert_int_equal(twin_reported(fixture.twin, 1, SMALL_TEMPERATURE)->quality, QUALITY_NONE);
    assert_int_equal(twin_reported(fixture.twin, 1, SMALL_TEMPERATURE)->source_time, TIME_NONE);
    tick(&fixture, 60);
    assert_false(fixture.batch.restarted);
    assert_int_equal(twin_counters(fixture.twin)->restarts, 1);
    tick(&fixture, 80.1); /* staleness counts from the new values */
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->quality, QUALITY_STALE);
    fixture.feeds[0].status.restarted = true;
    tick(&fixture, 50);
    assert_int_equal(twin_counters(fixture.twin)->stale_now, 0);
    finish(&fixture);
}

/* Samples of a tick from before the restart are forgotten with the rest. */
static void a_restart_in_the_middle_of_a_tick_starts_the_batch_again(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, 1, 0);
    fixture.feeds[0].full_once = true;
    say(&fixture, 0, 50, 0, SMALL_TEMPERATURE, 9);
    tick(&fixture, 50);
    assert_int_equal(fixture.feeds[0].polls, 2);
    assert_true(twin_counters(fixture.twin)->samples > 1);
    assert_true(fixture.batch.restarted);
    assert_int_equal(fixture.batch.count, 1);
    assert_int_equal(fixture.batch.samples[0].code, 9);
    assert_int_equal(twin_reported(fixture.twin, 1, SMALL_TEMPERATURE)->quality, QUALITY_NONE);
    finish(&fixture);
}

static void with_two_feeds_only_the_one_that_restarts_is_forgotten(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, 2, 0);
    say(&fixture, 0, 100, 0, SMALL_TEMPERATURE, 1);
    say(&fixture, 1, 200, 1, SMALL_TEMPERATURE, 2);
    fixture.feeds[1].status.source_clock = SECONDS(200);
    tick(&fixture, 100);
    assert_int_equal(fixture.batch.source_clock, SECONDS(100)); /* the earlier of the two */
    fixture.feeds[1].status = (FeedStatus){ .source_clock = SECONDS(10), .restarted = true };
    tick(&fixture, 110);
    assert_false(fixture.batch.restarted);
    assert_int_equal(fixture.batch.count, 1);
    assert_int_equal(fixture.batch.samples[0].thing, 1);
    assert_int_equal(fixture.batch.samples[0].quality, QUALITY_NONE);
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->code, 1);
    fixture.feeds[0].status.ended = true;
    tick(&fixture, 115);
    assert_false(twin_ended(fixture.twin));
    assert_int_equal(fixture.batch.source_clock, SECONDS(10)); /* only running feeds hold the clock */
    fixture.feeds[1].status.ended = true;
    tick(&fixture, 115);
    tick(&fixture, 115);
    assert_true(twin_ended(fixture.twin));
    assert_int_equal(fixture.batch.source_clock, SECONDS(115));
    finish(&fixture);
}

static void a_clock_set_back_voids_what_was_stamped_later(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, 2, 0);
    fixture.feeds[1].status.source_clock = SECONDS(900);
    say(&fixture, 0, 900, 0, SMALL_TEMPERATURE, 1);
    say(&fixture, 0, 40, 1, SMALL_TEMPERATURE, 2);
    say(&fixture, 1, 900, 2, SMALL_TEMPERATURE, 3);
    tick(&fixture, 900);
    fixture.feeds[0].status.set_back = true;
    fixture.feeds[0].status.source_time_set = SECONDS(50);
    say(&fixture, 0, 50, 0, SMALL_TEMPERATURE, 4);
    tick(&fixture, 50);
    assert_false(fixture.batch.restarted);
    assert_int_equal(fixture.batch.count, 2);
    assert_int_equal(fixture.batch.samples[0].quality, QUALITY_NONE);
    assert_int_equal(fixture.batch.samples[1].code, 4);
    assert_int_equal(fixture.batch.source_clock, SECONDS(50));
    assert_int_equal(twin_reported(fixture.twin, 0, SMALL_TEMPERATURE)->code, 4);
    assert_int_equal(twin_reported(fixture.twin, 1, SMALL_TEMPERATURE)->code, 2); /* not stamped later */
    assert_int_equal(twin_reported(fixture.twin, 2, SMALL_TEMPERATURE)->code, 3); /* another feed's */
    assert_int_equal(twin_counters(fixture.twin)->clock_resets, 1);
    assert_int_equal(twin_counters(fixture.twin)->restarts, 0);
    assert_int_equal(twin_counters(fixture.twin)->old, 0);
    finish(&fixture);
}

static void a_failing_feed_is_left_out(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, 2, 0);
    fixture.feeds[0].result = STATUS_IO_ERROR;
    fixture.feeds[1].status.source_clock = SECONDS(5);
    say(&fixture, 1, 5, 0, SMALL_TEMPERATURE, 1);
    assert_int_equal(twin_tick(fixture.twin, START, &fixture.batch), STATUS_IO_ERROR);
    assert_int_equal(fixture.batch.count, 1);
    assert_int_equal(fixture.batch.source_clock, SECONDS(5));
    assert_int_equal(twin_tick(fixture.twin, START, &fixture.batch), STATUS_OK);
    assert_int_equal(fixture.feeds[0].polls, 1);
    finish(&fixture);
    assert_int_equal(fixture.feeds[0].destroyed, 1);
    assert_int_equal(fixture.feeds[1].destroyed, 1);
}

static void feeds_have_a_limit_and_none_is_fine(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, 0, 0);
    assert_int_equal(twin_tick(fixture.twin, START, &fixture.batch), STATUS_OK);
    assert_int_equal(fixture.batch.count, 0);
    assert_int_equal(fixture.batch.source_clock, TIME_NONE);
    assert_true(twin_ended(fixture.twin));
    Feed feed = { .ops = &script_ops, .context = &fixture.feeds[0] };
    for (int i = 0; i < TWIN_FEEDS_MAX; i++) {
        assert_int_equal(twin_add_feed(fixture.twin, feed), STATUS_OK);
    }
    assert_int_equal(twin_add_feed(fixture.twin, feed), STATUS_CAPACITY);
    finish(&fixture);
    assert_int_equal(fixture.feeds[0].destroyed, TWIN_FEEDS_MAX);
}

/* More due than fits: the rest comes next tick, the clock waits for it, the delay is counted. */
static void a_full_tick_goes_on_in_the_next(void **state)
{
    (void)state;
    TraceFixture trace;
    char csv[100 * 40];
    size_t size = 0;
    for (int i = 0; i < 100; i++) {
        size += (size_t)snprintf(csv + size, sizeof csv - size, "%d,machine-0,temperature,%d\n", i, i);
    }
    Diag diag = { 0 };
    assert_int_equal(trace_fixture_init(&trace, csv, &(ReplayConfig){ .start_offset = SECONDS(99) }, &diag),
                     STATUS_OK);
    TwinSystem *twin;
    SyncBatch batch;
    assert_int_equal(twin_create(&trace.small.world, 30, &twin), STATUS_OK);
    assert_int_equal(twin_add_feed(twin, trace.feed), STATUS_OK);
    trace.feed = (Feed){ 0 };
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(twin_tick(twin, START, &batch), STATUS_OK);
        assert_int_equal(batch.count, 30);
        assert_int_equal(batch.source_clock, SECONDS(30 * i) - 1);
        assert_int_equal(twin_counters(twin)->late_ticks, i);
        assert_int_equal(twin_counters(twin)->behind, SECONDS(99 - 30 * i) + 1);
    }
    assert_int_equal(twin_tick(twin, START, &batch), STATUS_OK);
    assert_int_equal(batch.count, 10);
    assert_int_equal(batch.source_clock, SECONDS(99));
    assert_int_equal(twin_counters(twin)->behind, 0);
    twin_destroy(twin);
    trace_fixture_finish(&trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_become_reported_values),
        cmocka_unit_test(duplicates_and_old_samples_are_dropped_and_counted),
        cmocka_unit_test(bad_samples_say_so),
        cmocka_unit_test(what_is_not_current_comes_as_stale),
        cmocka_unit_test(a_lost_way_makes_its_values_stale_at_once),
        cmocka_unit_test(silence_makes_a_property_stale),
        cmocka_unit_test(three_periods_are_still_good),
        cmocka_unit_test(a_restart_forgets_in_the_same_tick),
        cmocka_unit_test(a_restart_in_the_middle_of_a_tick_starts_the_batch_again),
        cmocka_unit_test(with_two_feeds_only_the_one_that_restarts_is_forgotten),
        cmocka_unit_test(a_clock_set_back_voids_what_was_stamped_later),
        cmocka_unit_test(a_failing_feed_is_left_out),
        cmocka_unit_test(feeds_have_a_limit_and_none_is_fine),
        cmocka_unit_test(a_full_tick_goes_on_in_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
