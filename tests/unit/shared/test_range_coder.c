/* The range coder: exact for every sequence, close to the entropy, the same bytes everywhere, total on any
 * input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/random.h"
#include "shared/wire/range_coder.h"

#define MODELS 8

static uint8_t storage[1 << 17];

/* One sequence of everything the coder does, as its seed says; reading, each value must come out again. */
static void code_sequence(RangeCoder *coder, uint64_t seed, unsigned steps)
{
    Random random = random_seeded(seed);
    RangeBit bits[MODELS];
    RangeNumber number;
    for (unsigned i = 0; i < MODELS; i++) {
        bits[i] = range_bit_init((uint16_t)random_below(&random, 65536));
    }
    range_number_init(&number, 40000);
    uint64_t skew = 1 + random_below(&random, 4000);
    for (unsigned step = 0; step < steps; step++) {
        unsigned model = (unsigned)random_below(&random, MODELS);
        bool bit = random_below(&random, 4001) < skew;
        assert_true(range_bit(coder, &bits[model], coder->mode == RANGE_READ ? false : bit) == bit);
        unsigned count = (unsigned)random_below(&random, 65);
        uint64_t value = random_u64(&random) >> (63 - (count ? count - 1 : 0));
        value = count ? value : 0;
        if (step % 5 == 0) {
            assert_int_equal(range_bits(coder, coder->mode == RANGE_READ ? 0 : value, count), value);
        } else if (step % 5 == 1) {
            assert_int_equal(range_number(coder, &number, coder->mode == RANGE_READ ? 0 : value), value);
        }
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        unsigned steps = (unsigned)(seed % 70);
        RangeCoder writer = range_writer(storage, sizeof storage), measurer = range_measurer();
        code_sequence(&writer, seed, steps);
        code_sequence(&measurer, seed, steps);
        assert_int_equal(range_finish(&writer), STATUS_OK);
        assert_int_equal(range_finish(&measurer), STATUS_OK);
        assert_int_equal(writer.position, measurer.position);
        RangeCoder reader = range_reader(bytes_of(storage, writer.position));
        code_sequence(&reader, seed, steps);
        assert_int_equal(range_finish(&reader), STATUS_OK);
        if (writer.position > 0 && steps > 0) {
            memset(storage + writer.position, 0, 9);
            RangeCoder longer = range_reader(bytes_of(storage, writer.position + 9));
            code_sequence(&longer, seed, steps);
            assert_int_equal(range_finish(&longer), STATUS_MALFORMED);
        }
    }
}

/* Ones of probability 1/n cost what they should, within a few percent. */
static void test_close_to_the_entropy(void **state)
{
    (void)state;
    const uint64_t one_in[] = { 2, 4, 16, 100 };
    const double entropy[] = { 1.0, 0.8113, 0.3373, 0.0808 };
    for (size_t i = 0; i < ARRAY_COUNT(one_in); i++) {
        Random random = random_seeded(i);
        RangeBit model = range_bit_init(1u << 15);
        RangeCoder coder = range_measurer();
        const unsigned count = 200000;
        for (unsigned n = 0; n < count; n++) {
            (void)range_bit(&coder, &model, random_below(&random, one_in[i]) == 0);
        }
        assert_in_range(range_cost_256(&coder) / 2048, coder.position, coder.position + 4);
        assert_int_equal(range_finish(&coder), STATUS_OK);
        double bits = (double)coder.position * 8 / count;
        print_message("1 in %d: %.4f bits, entropy %.4f\n", (int)one_in[i], bits, entropy[i]);
        assert_true(bits > entropy[i] * 0.99 && bits < entropy[i] * 1.06 + 0.006);
    }
}

/* Models that are sure, and surprised: carries run far back. */
static void test_carries(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        for (int pass = 0; pass < 2; pass++) {
            static RangeCoder writer;
            Random random = random_seeded(seed);
            RangeCoder coder = pass ? range_reader(bytes_of(storage, writer.position))
                                    : range_writer(storage, sizeof storage);
            for (unsigned n = 0; n < 400; n++) {
                RangeBit model = range_bit_init(n % 3 ? 65535 : 0);
                bool bit = random_below(&random, 100) == 0;
                assert_true(range_bit(&coder, &model, pass ? false : bit) == bit);
            }
            assert_int_equal(range_finish(&coder), STATUS_OK);
            writer = pass ? writer : coder;
        }
    }
}

/* What any compiler on any host must write. */
static void test_pinned_bytes(void **state)
{
    (void)state;
    RangeCoder writer = range_writer(storage, sizeof storage);
    code_sequence(&writer, 42, 2000);
    assert_int_equal(range_finish(&writer), STATUS_OK);
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < writer.position; i++) {
        hash = (hash ^ storage[i]) * UINT64_C(1099511628211);
    }
    print_message("%zu bytes, %016llx\n", writer.position, (unsigned long long)hash);
    assert_int_equal(writer.position, 3899);
    assert_int_equal(hash, UINT64_C(0x8988d7955ed8fa34));
}

static void drain(RangeCoder *coder)
{
    RangeBit model = range_bit_init(1u << 15);
    RangeNumber number;
    range_number_init(&number, 60000);
    for (unsigned n = 0; n < 20000; n++) {
        (void)range_bit(coder, &model, false);
        (void)range_number(coder, &number, 0);
        (void)range_bits(coder, 0, 33);
    }
}

static void test_hostile_and_short_input(void **state)
{
    (void)state;
    Random random = random_seeded(5);
    for (unsigned round = 0; round < 200; round++) {
        size_t size = (size_t)random_below(&random, 40);
        for (size_t i = 0; i < size; i++) {
            storage[i] = round % 4 == 0 ? 0xFF : (uint8_t)random_u64(&random);
        }
        RangeCoder coder = range_reader(bytes_of(storage, size));
        drain(&coder);
        assert_int_equal(coder.status, STATUS_TRUNCATED);
        assert_true(coder.position <= size + 12);
        assert_int_equal(range_bits(&coder, 1, 8), 0);
        assert_int_equal(range_finish(&coder), STATUS_TRUNCATED);
    }
    for (size_t room = 0; room < 60; room++) {
        memset(storage, 0xAA, 100);
        RangeCoder coder = range_writer(storage, room);
        Random same = random_seeded(9);
        for (unsigned n = 0; n < 100; n++) {
            (void)range_bits(&coder, random_u64(&same), 64);
        }
        assert_int_equal(range_finish(&coder), STATUS_CAPACITY);
        assert_int_equal(storage[room], 0xAA);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_close_to_the_entropy),
        cmocka_unit_test(test_carries),
        cmocka_unit_test(test_pinned_bytes),
        cmocka_unit_test(test_hostile_and_short_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
