#include "shared/base/random.h"
#include "tests/unit/shared/sync_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SAMPLES 3000
#define CLOCK   (INT64_C(1700000000) * TIME_SECOND)

static SyncFixture fixture;
static SyncSample samples[SAMPLES], decoded[SAMPLES];
static uint8_t frame[1 << 16];

static int begin(void **state)
{
    (void)state;
    return sync_fixture_init(&fixture, 1000) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    sync_fixture_finish(&fixture);
    return 0;
}

static int64_t code_of(Random *random, uint8_t property)
{
    double real = random_between(random, -1e6, 1e6);
    int64_t code;
    uint32_t id = 0;
    char text[8] = "text  ";
    switch (property) {
    case SYNC_STEPS:
        return (int64_t)random_below(random, 1100) - 100;
    case SYNC_EXACT:
        memcpy(&code, &real, sizeof code);
        return code;
    case SYNC_BOOLEAN:
        return (int64_t)random_below(random, 2);
    case SYNC_ENUM:
        return (int64_t)random_below(random, 3);
    default:
        text[5] = (char)('a' + random_below(random, 26));
        assert_int_equal(text_intern(&fixture.texts, text, &id), STATUS_OK);
        return id;
    }
}

static void random_samples(uint64_t seed, size_t count)
{
    Random random = random_seeded(seed);
    for (size_t i = 0; i < count; i++) {
        SyncSample *sample = &samples[i];
        sample->thing = (uint32_t)random_below(&random, 3);
        sample->property = (uint8_t)random_below(&random, sample->thing == 1 ? 2 : SYNC_PROPERTIES);
        sample->quality = (uint8_t)random_below(&random, QUALITY_COUNT);
        sample->sequence = random_below(&random, 5) == 0 ? (uint32_t)random_u64(&random) : (uint32_t)i;
        sample->source_time =
            random_below(&random, 20) == 0 ? (TimeNs)random_u64(&random) : CLOCK + (TimeNs)i * TIME_MS;
        sample->code = code_of(&random, sample->property);
        if (sample->quality == QUALITY_NONE) {
            sample->code = 0;
            sample->source_time = TIME_NONE;
        }
    }
}

/* What the other side has of a code: texts have ids of their own there. */
static void same_value(const SyncSample *a, const SyncSample *b)
{
    if (a->property == SYNC_TEXT && a->quality != QUALITY_NONE) {
        assert_string_equal(text_get(&fixture.texts, (uint32_t)a->code),
                            text_get(&fixture.other_texts, (uint32_t)b->code));
    } else {
        assert_true(a->code == b->code);
    }
}

/* Through as many frames as it takes; their number. */
static unsigned transfer(const SyncBatch *batch, size_t capacity, SyncFrame *out_last)
{
    size_t first = 0, count = 0;
    unsigned frames = 0;
    do {
        size_t size = 0;
        assert_int_equal(sync_encode(&fixture.schema, batch, &first, frame, capacity, &size), STATUS_OK);
        assert_true(size <= capacity);
        assert_int_equal(
            sync_decode(&fixture.other, bytes_of(frame, size), decoded, SAMPLES, &count, out_last),
            STATUS_OK);
        assert_int_equal(out_last->continued, frames > 0);
        assert_int_equal(out_last->more, first < batch->count);
        assert_int_equal(count, first);
        frames++;
    } while (first < batch->count);
    return frames;
}

static void batches_arrive_as_they_were(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        SyncFrame last;
        random_samples(seed, SAMPLES);
        SyncBatch batch = { .samples = samples,
                            .count = SAMPLES,
                            .restarted = seed % 2,
                            .snapshot = seed % 3 == 0,
                            .source_clock = seed % 5 == 0 ? TIME_NONE : CLOCK };
        unsigned frames = transfer(&batch, seed % 4 == 0 ? SYNC_FRAME_SIZE_MIN : sizeof frame, &last);
        assert_true(seed % 4 == 0 ? frames > 20 : frames == 1);
        assert_int_equal(last.restarted, batch.restarted);
        assert_int_equal(last.snapshot, batch.snapshot);
        assert_true(last.source_clock == batch.source_clock);
        for (size_t i = 0; i < SAMPLES; i++) {
            assert_int_equal(decoded[i].thing, samples[i].thing);
            assert_int_equal(decoded[i].property, samples[i].property);
            assert_int_equal(decoded[i].quality, samples[i].quality);
            assert_int_equal(decoded[i].sequence, samples[i].sequence);
            assert_true(decoded[i].source_time == samples[i].source_time);
            same_value(&samples[i], &decoded[i]);
        }
    }
}

static void an_empty_batch_is_a_frame(void **state)
{
    (void)state;
    SyncFrame last;
    assert_int_equal(transfer(&(SyncBatch){ .source_clock = 7, .snapshot = true }, sizeof frame, &last), 1);
    assert_true(last.source_clock == 7 && last.snapshot && !last.restarted);
}

/* All things once a tick, as sensors do it: few bytes a sample. */
static void steady_sensors_are_short(void **state)
{
    (void)state;
    size_t first = 0, size = 0;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        samples[i] = (SyncSample){ .thing = i % 3,
                                   .quality = QUALITY_GOOD,
                                   .sequence = 100 + i / 3,
                                   .code = 500 + i % 7,
                                   .source_time = CLOCK - TIME_MS };
    }
    SyncBatch batch = { .samples = samples, .count = SAMPLES, .source_clock = CLOCK };
    assert_int_equal(sync_encode(&fixture.schema, &batch, &first, frame, sizeof frame, &size), STATUS_OK);
    assert_in_range(size, SAMPLES * 5, SAMPLES * 7);
}

static void values_that_cannot_be_go_out_as_bad(void **state)
{
    (void)state;
    double nothing = NAN;
    int64_t nan_code;
    memcpy(&nan_code, &nothing, sizeof nan_code);
    const struct {
        uint8_t property;
        int64_t code;
        uint8_t wanted;
    } cases[] = {
        { SYNC_STEPS, 1001, QUALITY_GOOD }, /* 100.1: one step past the limit, by rounding */
        { SYNC_STEPS, 1002, QUALITY_BAD },      { SYNC_STEPS, -102, QUALITY_BAD },
        { SYNC_STEPS, INT64_MIN, QUALITY_BAD }, { SYNC_EXACT, nan_code, QUALITY_BAD },
        { SYNC_BOOLEAN, 2, QUALITY_BAD },       { SYNC_ENUM, 3, QUALITY_BAD },
        { SYNC_ENUM, -1, QUALITY_BAD },         { SYNC_TEXT, 12345, QUALITY_GOOD }, /* "?" */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        SyncFrame last;
        samples[0] =
            (SyncSample){ .property = cases[i].property, .quality = QUALITY_GOOD, .code = cases[i].code };
        transfer(&(SyncBatch){ .samples = samples, .count = 1 }, sizeof frame, &last);
        assert_int_equal(decoded[0].quality, cases[i].wanted);
    }
}

static void samples_of_no_schema_do_not_go_out(void **state)
{
    (void)state;
    const SyncSample wrong[] = {
        { .thing = 3, .quality = QUALITY_GOOD },
        { .thing = 1, .property = 2, .quality = QUALITY_GOOD },
        { .quality = QUALITY_COUNT },
        { .quality = QUALITY_GOOD, .source_time = TIME_NONE },
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        size_t first = 0, size = 99;
        samples[0] = (SyncSample){ .quality = QUALITY_GOOD };
        samples[1] = wrong[i];
        SyncBatch batch = { .samples = samples, .count = 2 };
        assert_int_equal(sync_encode(&fixture.schema, &batch, &first, frame, sizeof frame, &size),
                         STATUS_OUT_OF_RANGE);
        assert_true(first == 0 && size == 99);
    }
}

static void malformed_frames_are_refused(void **state)
{
    (void)state;
    static const struct {
        Status status;
        uint8_t size, bytes[24];
    } cases[] = {
        { STATUS_TRUNCATED, 0, { 0 } },
        { STATUS_TRUNCATED, 1, { 1 } },
        { STATUS_UNSUPPORTED, 2, { 2, 0 } },
        { STATUS_MALFORMED, 2, { 1, 32 } },
        { STATUS_TRUNCATED, 2, { 1, 4 } },          /* no clock */
        { STATUS_MALFORMED, 4, { 1, 4, 0x80, 0 } }, /* longer than need be */
        { STATUS_MALFORMED, 12, { 1, 4, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1 } }, /* TIME_NONE */
        { STATUS_MALFORMED, 12, { 1, 4, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2 } }, /* 65 bits */
        { STATUS_TRUNCATED, 3, { 1, 0, 0 } },
        { STATUS_TRUNCATED, 4, { 1, 0, 0, 0x10 } },
        { STATUS_TRUNCATED, 5, { 1, 0, 0, 0x10, 0 } },
        { STATUS_TRUNCATED, 6, { 1, 0, 0, 0x10, 0, 0 } },
        { STATUS_OUT_OF_RANGE, 7, { 1, 0, 6, 0x10, 0, 0, 0 } }, /* thing 3 */
        { STATUS_OUT_OF_RANGE, 7, { 1, 0, 1, 0x10, 0, 0, 0 } }, /* thing -1 */
        { STATUS_OUT_OF_RANGE, 7, { 1, 0, 2, 0x12, 0, 0, 0 } }, /* property 2 of thing 1 */
        { STATUS_OUT_OF_RANGE, 7, { 1, 0, 0, 0x40, 0, 0, 0 } }, /* quality 4 */
        { STATUS_OUT_OF_RANGE,
          11,
          { 1, 0, 0, 0x10, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0 } },              /* sequence + 2^31 */
        { STATUS_OUT_OF_RANGE, 8, { 1, 0, 0, 0x10, 0, 0, 0xD4, 0x0F } },        /* 100.2 */
        { STATUS_OUT_OF_RANGE, 7, { 1, 0, 0, 0x12, 0, 0, 2 } },                 /* boolean */
        { STATUS_OUT_OF_RANGE, 7, { 1, 0, 0, 0x32, 0, 0, 2 } },                 /* boolean, bad */
        { STATUS_OUT_OF_RANGE, 7, { 1, 0, 0, 0x13, 0, 0, 3 } },                 /* enum */
        { STATUS_TRUNCATED, 13, { 1, 0, 0, 0x11, 0, 0, 1, 2, 3, 4, 5, 6, 7 } }, /* exact */
        { STATUS_TRUNCATED, 8, { 1, 0, 0, 0x14, 0, 0, 2, 'a' } },               /* text */
        { STATUS_MALFORMED, 8, { 1, 0, 0, 0x14, 0, 0, 1, 7 } },                 /* a control character */
        { STATUS_MALFORMED, 8, { 1, 0, 0, 0x14, 0, 0, 1, 0xFF } },              /* no UTF-8 */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        size_t count = 5;
        SyncFrame untouched = { .source_clock = 77 };
        Status status = sync_decode(&fixture.other, bytes_of(cases[i].bytes, cases[i].size), decoded, SAMPLES,
                                    &count, &untouched);
        if (status != cases[i].status || count != 5 || untouched.source_clock != 77) {
            fail_msg("case %zu: %s, %zu samples", i, status_name(status), count);
        }
    }
    size_t count = 0;
    SyncFrame out;
    static const uint8_t two[] = { 1, 0, 0, 0, 0, 0, 0, 0 };
    assert_int_equal(sync_decode(&fixture.other, bytes_of(two, sizeof two), decoded, 1, &count, &out),
                     STATUS_CAPACITY);
    assert_int_equal(sync_decode(&fixture.other, bytes_of(two, sizeof two), decoded, 2, &count, &out),
                     STATUS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(decoded[1].sequence, 2); /* the same thing: one more */
}

static void a_full_text_table_does_not_stop_the_rest(void **state)
{
    (void)state;
    SyncFixture small;
    assert_true(sync_fixture_init(&small, 1));
    uint8_t bytes[] = { 1, 0, 0, 0x14, 0, 0, 1, 'a', 0, 0x14, 0, 0, 1, 'b', 0, 0x10, 0, 0, 4 };
    size_t count = 0;
    SyncFrame out;
    assert_int_equal(sync_decode(&small.other, bytes_of(bytes, sizeof bytes), decoded, SAMPLES, &count, &out),
                     STATUS_OK);
    assert_int_equal(count, 3);
    assert_string_equal(text_get(&small.other_texts, (uint32_t)decoded[0].code), "a");
    assert_string_equal(text_get(&small.other_texts, (uint32_t)decoded[1].code), "?");
    assert_int_equal(decoded[2].code, 2);
    sync_fixture_finish(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batches_arrive_as_they_were, begin, end),
        cmocka_unit_test_setup_teardown(an_empty_batch_is_a_frame, begin, end),
        cmocka_unit_test_setup_teardown(steady_sensors_are_short, begin, end),
        cmocka_unit_test_setup_teardown(values_that_cannot_be_go_out_as_bad, begin, end),
        cmocka_unit_test_setup_teardown(samples_of_no_schema_do_not_go_out, begin, end),
        cmocka_unit_test_setup_teardown(malformed_frames_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_full_text_table_does_not_stop_the_rest, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
