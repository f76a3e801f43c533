/* The channel codec: exact for any codes, times and histories; near the entropy of what is random, next to
 * nothing for what is not, whichever kind of values an entity has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/random.h"
#include "shared/wire/channel_codec.h"
#include "tests/unit/shared/random_world.h"

#include <math.h>

#define ENTITIES 1000
#define SAMPLES  4 /* three that are known, newest first, after the one that is coded */
#define PERIOD   (100 * TIME_MS)
#define NOW      (1000 * TIME_SECOND)
#define TAU      6.283185307179586

static uint8_t bytes[1 << 18];

/* One channel of many entities: [0] is coded, the others are known. */
typedef struct Population {
    ChannelState at[SAMPLES][ENTITIES];
    uint32_t known;  /* of the others */
    uint32_t length; /* entities */
} Population;

static Population population;

static double normal(Random *random)
{
    return sqrt(-2 * log(1 - random_unit(random))) * cos(TAU * random_unit(random));
}

static void put(uint32_t sample, uint32_t entity, int64_t code)
{
    population.at[sample][entity] =
        (ChannelState){ .code = code, .source_time = NOW - (TimeNs)sample * PERIOD, .quality = 1 };
}

static void code_population(RangeCoder *coder, ChannelState *channels)
{
    static ChannelCodec codec;
    channel_codec_init(&codec, NOW + PERIOD / 3);
    for (uint32_t i = 0; i < population.length; i++) {
        ChannelHistory history = { .at = { NULL } };
        for (uint32_t h = 0; h < population.known; h++) {
            history.at[h] = &population.at[1 + h][i];
        }
        channel_codec_code(&codec, coder, 1, &history, &channels[i]);
    }
}

/* Bits an entity, of the `length` in the population with `known` older samples; and it comes out again. */
static double bits_each(uint32_t length, uint32_t known)
{
    static ChannelState decoded[ENTITIES];
    population.length = length;
    population.known = known;
    RangeCoder writer = range_writer(bytes, sizeof bytes);
    code_population(&writer, population.at[0]);
    assert_int_equal(range_finish(&writer), STATUS_OK);
    RangeCoder reader = range_reader(bytes_of(bytes, writer.position));
    memset(decoded, 0xA5, sizeof decoded);
    code_population(&reader, decoded);
    assert_int_equal(range_finish(&reader), STATUS_OK);
    for (uint32_t i = 0; i < length; i++) {
        assert_int_equal(decoded[i].code, population.at[0][i].code);
        assert_int_equal(decoded[i].source_time, population.at[0][i].source_time);
        assert_int_equal(decoded[i].quality, population.at[0][i].quality);
    }
    return (double)writer.position * 8 / length;
}

/* ---- anything ---- */

static ChannelState any_channel(Random *random, const ChannelState *like)
{
    ChannelState channel = like ? *like : (ChannelState){ .source_time = TIME_NONE };
    if (random_below(random, 3)) {
        channel.code = random_code(random, channel.code);
    }
    if (random_below(random, 3)) {
        channel.source_time = random_source_time(random, NOW - (TimeNs)random_below(random, 9) * PERIOD);
    }
    if (random_below(random, 6) == 0) {
        channel.quality = (uint8_t)random_below(random, 4);
    }
    return channel;
}

#define ANY_ENTITIES 60

static void code_any(RangeCoder *coder, uint64_t seed)
{
    static ChannelCodec codec;
    Random random = random_seeded(seed);
    channel_codec_init(&codec, random_below(&random, 8) ? NOW : random_source_time(&random, NOW));
    for (uint32_t i = 0; i < ANY_ENTITIES; i++) {
        ChannelState at[CHANNEL_HISTORY][ENTITY_CHANNELS_MAX], now[ENTITY_CHANNELS_MAX],
            expected[ENTITY_CHANNELS_MAX];
        unsigned count = (unsigned)random_below(&random, ENTITY_CHANNELS_MAX + 1);
        unsigned known = (unsigned)random_below(&random, CHANNEL_HISTORY + 1);
        ChannelHistory history = { .at = { NULL } };
        bool together = random_below(&random, 2), rest = random_below(&random, 5) == 0;
        for (unsigned k = 0; k < count; k++) {
            const ChannelState *like = NULL;
            for (unsigned h = known; h-- > 0; like = &at[h][k]) {
                at[h][k] = any_channel(&random, like);
            }
            expected[k] = rest && like ? *like : any_channel(&random, like);
            if (together && like) {
                expected[k] = *like;
                expected[k].code = random_code(&random, like->code);
                expected[k].source_time = NOW;
                expected[k] = like->quality ? expected[k] : *like;
            }
        }
        for (unsigned h = 0; h < known; h++) {
            history.at[h] = at[h];
        }
        memcpy(now, expected, sizeof now);
        if (coder->mode == RANGE_READ) {
            memset(now, 0x5A, sizeof now);
        }
        channel_codec_code(&codec, coder, count, &history, now);
        for (unsigned k = 0; k < count; k++) {
            assert_int_equal(now[k].code, expected[k].code);
            assert_int_equal(now[k].source_time, expected[k].source_time);
            assert_int_equal(now[k].quality, expected[k].quality);
        }
    }
}

static void test_anything_comes_out_again(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        RangeCoder writer = range_writer(bytes, sizeof bytes), measurer = range_measurer();
        code_any(&writer, seed);
        code_any(&measurer, seed);
        assert_int_equal(range_finish(&writer), STATUS_OK);
        assert_int_equal(range_finish(&measurer), STATUS_OK);
        assert_int_equal(writer.position, measurer.position);
        RangeCoder reader = range_reader(bytes_of(bytes, writer.position));
        code_any(&reader, seed);
        assert_int_equal(range_finish(&reader), STATUS_OK);
    }
}

static void test_steps_of_every_size(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits < 64; bits++) {
        Random random = random_seeded(bits);
        for (uint32_t i = 0; i < 200; i++) {
            int64_t last = (int64_t)(random_u64(&random) >> (64 - bits));
            for (uint32_t sample = SAMPLES; sample-- > 0;) {
                put(sample, i, random_below(&random, 2) ? last : (int64_t)(0 - (uint64_t)last));
                last = (int64_t)((uint64_t)last + (random_u64(&random) >> (64 - bits)));
            }
        }
        assert_true(bits_each(200, 3) < bits + 20);
    }
}

static void test_only_garbage_comes_of_garbage(void **state)
{
    (void)state;
    static ChannelState channels[ENTITIES];
    Random random = random_seeded(5);
    for (int round = 0; round < 300; round++) {
        size_t size = random_below(&random, 400);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)random_u64(&random);
        }
        population.length = ENTITIES;
        population.known = (uint32_t)random_below(&random, 4);
        RangeCoder reader = range_reader(bytes_of(bytes, size));
        code_population(&reader, channels);
        assert_true(range_finish(&reader) != STATUS_OK || reader.position >= size);
        assert_true(reader.position <= size + 12);
    }
}

/* ---- what it costs ---- */

static void test_what_goes_straight_is_free(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ENTITIES; i++) {
        for (uint32_t sample = 0; sample < SAMPLES; sample++) {
            put(sample, i, 5000 + (int64_t)i * 7 - (int64_t)sample * ((int64_t)(i % 61) - 30));
        }
    }
    assert_true(bits_each(ENTITIES, 3) < 0.35);
    assert_true(bits_each(ENTITIES, 2) < 0.35);
    assert_true(bits_each(ENTITIES, 1) > 5);  /* so it is the history that tells */
    for (uint32_t i = 0; i < ENTITIES; i++) { /* two more samples have been missed: three steps at once */
        put(0, i, population.at[1][i].code + 3 * ((int64_t)(i % 61) - 30));
        population.at[0][i].source_time += 2 * PERIOD;
    }
    assert_true(bits_each(ENTITIES, 3) < 0.6);
}

/* Half the time a slope of n + 1/2 steps ends between two steps: which side it was on before tells. */
static void test_parts_of_steps_count(void **state)
{
    (void)state;
    Random random = random_seeded(8);
    for (uint32_t i = 0; i < ENTITIES; i++) {
        double at = random_between(&random, 0, 900), slope = random_between(&random, -0.5, 0.5);
        for (uint32_t sample = 0; sample < SAMPLES; sample++) {
            put(sample, i, lround(at - slope * sample));
        }
    }
    assert_true(bits_each(ENTITIES, 3) < 1.04);
}

static void noise(double sigma)
{
    Random random = random_seeded(11);
    for (uint32_t i = 0; i < ENTITIES; i++) {
        double mean = random_between(&random, 0, 1000);
        for (uint32_t sample = 0; sample < SAMPLES; sample++) {
            put(sample, i, lround(mean + sigma * normal(&random)));
        }
    }
}

/* White noise costs log2 sigma + 2.05 bits where its mean is known; the mean of three samples is as good as
 * sigma × √(4 / 3). Holding the last one would be as bad as sigma × √2. */
static void test_noise_is_near_its_entropy(void **state)
{
    (void)state;
    const double sigmas[] = { 1, 2, 5, 20, 100 };
    for (size_t i = 0; i < ARRAY_COUNT(sigmas); i++) {
        noise(sigmas[i]);
        double entropy = log2(sigmas[i]) + 2.05, best = entropy + 0.5 * log2(4.0 / 3);
        double three = bits_each(ENTITIES, 3), one = bits_each(ENTITIES, 1);
        assert_true(three < 1.15 * entropy + 0.2);
        assert_true(three > best - 0.1); /* or the bound is wrong */
        assert_true(three < one);
    }
}

static void test_what_rests_is_free(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ENTITIES; i++) {
        for (uint32_t sample = 0; sample < SAMPLES; sample++) {
            put(sample, i, (int64_t)i * 31 % 900);
        }
    }
    assert_true(bits_each(ENTITIES, 3) < 0.12);
    assert_true(bits_each(ENTITIES, 1) < 0.2);
    memcpy(population.at[0], population.at[1], sizeof population.at[0]); /* and not even sampled again */
    assert_true(bits_each(ENTITIES, 3) < 0.05);
}

/* Every 40th steps by something else: about log2 40 bits to say that it does, and what to. */
static void test_a_state_costs_when_it_changes(void **state)
{
    (void)state;
    Random random = random_seeded(3);
    for (uint32_t i = 0; i < ENTITIES; i++) {
        int64_t old = (int64_t)random_below(&random, 4);
        for (uint32_t sample = 1; sample < SAMPLES; sample++) {
            put(sample, i, old);
        }
        put(0, i, random_below(&random, 40) == 0 ? (old + 1 + (int64_t)random_below(&random, 3)) % 4 : old);
    }
    assert_true(bits_each(ENTITIES, 3) < 0.4);
}

static void test_a_jump_does_not_spoil_the_others(void **state)
{
    (void)state;
    Random random = random_seeded(4);
    for (uint32_t i = 0; i < ENTITIES; i++) { /* angles in degrees, half of them going on at three a sample */
        int64_t angle = (int64_t)random_below(&random, 360);
        for (uint32_t sample = SAMPLES; sample-- > 0;) {
            angle += i % 2 ? 3 : 0;
            put(sample, i, angle % 360);
        }
    }
    assert_true(bits_each(ENTITIES, 3) < 0.9); /* about one in 80 turns over: some 25 bits each, 0.6 */
}

/* Neighbours in one slot of which one half is noisy and the other rests: each is told at its own price. */
static void test_histories_tell_the_quiet_from_the_loud(void **state)
{
    (void)state;
    noise(20);
    for (uint32_t i = 0; i < ENTITIES; i += 2) {
        for (uint32_t sample = 0; sample < SAMPLES; sample++) {
            put(sample, i, 100);
        }
    }
    assert_true(bits_each(ENTITIES, 3) < 0.5 * (log2(20) + 2.05) + 0.7);
}

static int64_t bits_of(double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* A double with two digits after the point costs what its count of hundredths does; also where its last digit
 * happens to be 0. */
static void test_short_decimals_are_counts(void **state)
{
    (void)state;
    noise(5);
    double counts = bits_each(ENTITIES, 3);
    for (uint32_t i = 0; i < ENTITIES; i++) {
        for (uint32_t sample = 0; sample < SAMPLES; sample++) {
            population.at[sample][i].code = bits_of((double)population.at[sample][i].code / 100);
        }
    }
    assert_true(bits_each(ENTITIES, 3) < counts + 0.5);
}

/* Doubles with all their bits: as for noise, in units of their last bit. */
static void test_doubles_are_near_their_entropy(void **state)
{
    (void)state;
    Random random = random_seeded(6);
    for (uint32_t i = 0; i < ENTITIES; i++) {
        double value = random_between(&random, 260, 500);
        for (uint32_t sample = SAMPLES; sample-- > 0;) {
            put(sample, i, bits_of(value += 0.01 * normal(&random)));
        }
    }
    assert_true(bits_each(ENTITIES, 3) < log2(0.01 * 17592186044416.0) + 2.05 + 1); /* 2^44 to the unit */
    for (uint32_t i = 0; i < ENTITIES; i++) { /* floats have 29 bits less */
        for (uint32_t sample = 0; sample < SAMPLES; sample++) {
            double value;
            memcpy(&value, &population.at[sample][i].code, sizeof value);
            population.at[sample][i].code = bits_of((double)(float)value);
        }
    }
    assert_true(bits_each(ENTITIES, 3) < log2(0.01 * 32768) + 2.05 + 1.2);
    for (uint32_t i = 0; i < ENTITIES; i++) {
        population.at[0][i].code = population.at[1][i].code;
    }
    assert_true(bits_each(ENTITIES, 3) < 0.3);
}

/* A cell with few entities has little to learn from. */
static void test_few_entities_are_cheap_too(void **state)
{
    (void)state;
    noise(1);
    assert_true(bits_each(30, 3) < 4.2);
    for (uint32_t i = 0; i < 30; i++) {
        for (uint32_t sample = 0; sample < SAMPLES; sample++) {
            put(sample, i, 5000 - (int64_t)sample * ((int64_t)(i % 21) - 10));
        }
    }
    assert_true(bits_each(30, 3) < 2.2);
    assert_true(bits_each(1, 3) < 24);
}

/* Source times that come at regular intervals of their own cost little. */
static void test_own_rhythms_are_expected(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ENTITIES; i++) {
        TimeNs period = (TimeNs)(50 + i % 50) * TIME_MS + (TimeNs)i * 1009;
        for (uint32_t sample = 0; sample < SAMPLES; sample++) {
            put(sample, i, 7);
            population.at[sample][i].source_time = NOW - (TimeNs)i * 77777 - (TimeNs)sample * period;
        }
    }
    assert_true(bits_each(ENTITIES, 3) < 0.3);
}

/* ---- among entities ---- */

#define BEAT 20 /* snapshots from one sample of a twin to its next */

static void fill_twins(Snapshot *snapshot, bool one_by_one)
{
    snapshot->source_time = NOW + (TimeNs)snapshot->sequence * 50 * TIME_MS;
    for (uint32_t i = 0; i < ENTITIES; i++) {
        uint32_t since = (snapshot->sequence + (one_by_one ? i * 7 % BEAT : 0)) % BEAT;
        snapshot->entities[i] = (EntityState){ .handle = { 1u << ENTITY_INDEX_BITS | i },
                                               .channel_count = 1,
                                               .first_channel = i };
        snapshot->channels[i] =
            (ChannelState){ .code = i,
                            .source_time = snapshot->source_time - (TimeNs)since * 50 * TIME_MS -
                                           (TimeNs)(i % 50) * TIME_MS,
                            .quality = 1 };
    }
    snapshot->entity_count = snapshot->channel_count = ENTITIES;
}

/* Bytes a snapshot, told against the one before, over a whole beat; without any older ones. */
static double bytes_each(bool one_by_one)
{
    Arena arena;
    arena_init(&arena, 0);
    SnapshotRing *ring = NULL;
    const SnapshotLimits limits = { .entities = ENTITIES, .channels = ENTITIES };
    assert_int_equal(snapshot_ring_create(limits, &arena, &ring), STATUS_OK);
    size_t total = 0;
    for (uint32_t n = 1; n <= 2 * BEAT; n++) {
        Snapshot *next = snapshot_ring_begin(ring, n);
        fill_twins(next, one_by_one);
        snapshot_ring_commit(ring, next);
        const SnapshotBase base = { .baseline = snapshot_ring_find(ring, n - 1),
                                    .source_time = next->source_time };
        ByteBuffer out = { .data = bytes, .capacity = sizeof bytes };
        assert_int_equal(snapshot_encode_with(next, &base, &out), STATUS_OK);
        total += n > BEAT ? out.size : 0;
    }
    arena_finish(&arena);
    return (double)total / BEAT;
}

/* In each snapshot another twentieth of the twins has a new sample, all at the same intervals: the age of the
 * last one says which, where saying it would take 290 bits and the new times as many again. */
static void test_who_is_due_is_known(void **state)
{
    (void)state;
    assert_true(bytes_each(true) < 36);
    assert_true(bytes_each(false) < 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_anything_comes_out_again),
        cmocka_unit_test(test_steps_of_every_size),
        cmocka_unit_test(test_only_garbage_comes_of_garbage),
        cmocka_unit_test(test_what_goes_straight_is_free),
        cmocka_unit_test(test_parts_of_steps_count),
        cmocka_unit_test(test_noise_is_near_its_entropy),
        cmocka_unit_test(test_what_rests_is_free),
        cmocka_unit_test(test_a_state_costs_when_it_changes),
        cmocka_unit_test(test_a_jump_does_not_spoil_the_others),
        cmocka_unit_test(test_histories_tell_the_quiet_from_the_loud),
        cmocka_unit_test(test_short_decimals_are_counts),
        cmocka_unit_test(test_doubles_are_near_their_entropy),
        cmocka_unit_test(test_few_entities_are_cheap_too),
        cmocka_unit_test(test_own_rhythms_are_expected),
        cmocka_unit_test(test_who_is_due_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
