/* The bit stream: layout, sticky status, measure equals write, Golomb codes, texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "shared/base/random.h"
#include "shared/wire/bits.h"

static void test_layout_is_little_endian(void **state)
{
    (void)state;
    uint8_t bytes[8] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
    BitStream stream = bits_writer(bytes, sizeof bytes);
    uint8_t small = 5;
    uint16_t word = 0x1234;
    bool flag = true;
    bits_u8(&stream, &small, 3);
    bits_bool(&stream, &flag);
    bits_align(&stream);
    bits_u16(&stream, &word, 16);
    assert_int_equal(bits_finish(&stream), STATUS_OK);
    assert_int_equal(bits_size(&stream), 3);
    const uint8_t expected[3] = { 0x0D, 0x34, 0x12 };
    assert_memory_equal(bytes, expected, 3);
}

/* A codec over every kind of field, used in all three modes. */
typedef struct Sample {
    uint64_t wide;
    unsigned wide_bits;
    int64_t number;
    int16_t shorter;
    int8_t tiny;
    bool flag;
    uint64_t coded;
    unsigned k;
    char text[20];
    uint8_t block[5];
} Sample;

static void codec_sample(BitStream *stream, Sample *sample)
{
    bits_u64(stream, &sample->wide, sample->wide_bits);
    bits_bool(stream, &sample->flag);
    bits_i64(stream, &sample->number);
    bits_golomb(stream, &sample->coded, sample->k);
    bits_i8(stream, &sample->tiny);
    bits_i16(stream, &sample->shorter);
    bits_align(stream);
    bits_text(stream, sample->text, sizeof sample->text);
    bits_block(stream, sample->block, sizeof sample->block);
}

static Sample random_sample(Random *random)
{
    Sample sample = { 0 };
    sample.wide_bits = (unsigned)random_below(random, 65);
    sample.wide = sample.wide_bits ? random_u64(random) >> (64 - sample.wide_bits) : 0;
    sample.number = (int64_t)random_u64(random);
    sample.shorter = (int16_t)random_u64(random);
    sample.tiny = (int8_t)random_u64(random);
    sample.flag = random_below(random, 2) != 0;
    sample.k = (unsigned)random_below(random, 17);
    sample.coded = random_u64(random) >> random_below(random, 64);
    size_t length = (size_t)random_below(random, sizeof sample.text);
    for (size_t i = 0; i < length; i++) {
        sample.text[i] = (char)('a' + random_below(random, 26));
    }
    for (size_t i = 0; i < sizeof sample.block; i++) {
        sample.block[i] = (uint8_t)random_u64(random);
    }
    return sample;
}

static void test_one_codec_reads_writes_measures(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        Random random = random_seeded(seed);
        Sample sample = random_sample(&random);
        uint8_t bytes[128];
        BitStream measure = bits_measurer();
        codec_sample(&measure, &sample);
        BitStream writer = bits_writer(bytes, sizeof bytes);
        codec_sample(&writer, &sample);
        assert_int_equal(bits_finish(&writer), STATUS_OK);
        assert_int_equal(measure.position, writer.position);
        size_t size = bits_size(&writer);

        Sample copy = { .wide_bits = sample.wide_bits, .k = sample.k };
        BitStream reader = bits_reader(bytes_of(bytes, size));
        codec_sample(&reader, &copy);
        assert_int_equal(bits_finish(&reader), STATUS_OK);
        assert_true(copy.wide == sample.wide && copy.number == sample.number && copy.coded == sample.coded);
        assert_true(copy.shorter == sample.shorter && copy.tiny == sample.tiny && copy.flag == sample.flag);
        assert_string_equal(copy.text, sample.text);
        assert_memory_equal(copy.block, sample.block, sizeof sample.block);

        /* Every shorter input is truncated, every longer one has bytes left over. */
        size_t cut = (size_t)random_below(&random, size);
        reader = bits_reader(bytes_of(bytes, cut));
        codec_sample(&reader, &copy);
        assert_int_equal(bits_finish(&reader), STATUS_TRUNCATED);
        writer = bits_writer(bytes, cut);
        codec_sample(&writer, &sample);
        assert_int_equal(bits_finish(&writer), STATUS_CAPACITY);
        reader = bits_reader(bytes_of(bytes, size + 1));
        codec_sample(&reader, &copy);
        assert_int_not_equal(bits_finish(&reader), STATUS_OK);
    }
}

static void test_golomb_is_exact_and_short(void **state)
{
    (void)state;
    assert_int_equal(bits_golomb_size(0, 0), 1);
    assert_int_equal(bits_golomb_size(1, 0), 3);
    assert_int_equal(bits_golomb_size(7, 3), 4);
    assert_int_equal(bits_golomb_size(8, 3), 6);
    assert_int_equal(bits_golomb_size(UINT64_MAX, 0), 64);
    for (unsigned k = 0; k <= 32; k++) {
        for (unsigned bit = 0; bit <= 64; bit++) {
            uint64_t edge = bit == 64 ? 0 : UINT64_C(1) << bit;
            for (uint64_t nudge = 0; nudge < 5; nudge++) {
                uint64_t value = edge - 2 + nudge, copy = 0;
                uint8_t bytes[20];
                BitStream writer = bits_writer(bytes, sizeof bytes);
                bits_golomb(&writer, &value, k);
                assert_int_equal(writer.status, STATUS_OK);
                assert_int_equal(writer.position, bits_golomb_size(value, k));
                BitStream reader = bits_reader(bytes_of(bytes, bits_size(&writer)));
                bits_golomb(&reader, &copy, k);
                assert_true(copy == value);
                assert_int_equal(reader.position, writer.position);
            }
        }
    }
    assert_true(bits_unzigzag(bits_zigzag(INT64_MIN)) == INT64_MIN);
    assert_true(bits_unzigzag(bits_zigzag(INT64_MAX)) == INT64_MAX);
    assert_true(bits_zigzag(-1) == 1 && bits_zigzag(1) == 2);
}

static void test_status_is_sticky(void **state)
{
    (void)state;
    const uint8_t bytes[2] = { 0xFF, 0xFF };
    BitStream reader = bits_reader(bytes_of(bytes, 2));
    uint32_t wide = 1;
    bits_u32(&reader, &wide, 32);
    assert_int_equal(wide, 0);
    uint8_t small = 9;
    bits_u8(&reader, &small, 8); /* would still fit */
    assert_int_equal(small, 0);
    assert_int_equal(bits_finish(&reader), STATUS_TRUNCATED);
    bits_check(&reader, false, STATUS_OUT_OF_RANGE);
    assert_int_equal(bits_finish(&reader), STATUS_TRUNCATED);

    reader = bits_reader(bytes_of(bytes, 1));
    bits_u8(&reader, &small, 3);
    bits_align(&reader);
    assert_int_equal(bits_finish(&reader), STATUS_MALFORMED); /* padding must be zero */
}

static void test_texts(void **state)
{
    (void)state;
    const char *const valid[] = { "",         "Grüße",           "압력", "\xF0\x9F\x8F\xAD", " ~",
                                  "\xC2\xA0", "\xF4\x8F\xBF\xBF" };
    for (size_t i = 0; i < ARRAY_COUNT(valid); i++) {
        assert_true(bits_text_valid(valid[i], strlen(valid[i])));
    }
    const char *const invalid[] = { "a\n",
                                    "\x7F",
                                    "\xC2\x85",
                                    "\x80",
                                    "\xC0\x80",
                                    "\xE0\x80\x80",
                                    "\xED\xA0\x80",
                                    "\xF4\x90\x80\x80",
                                    "\xFF",
                                    "\xC3",
                                    "\xF0\x9F\x8F",
                                    "\x1B[0m",
                                    "\xF0\x80\x80\x80",
                                    "\xF8\x88\x80\x80\x80" };
    for (size_t i = 0; i < ARRAY_COUNT(invalid); i++) {
        assert_false(bits_text_valid(invalid[i], strlen(invalid[i])));
    }
    assert_false(bits_text_valid("a\0b", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout_is_little_endian),
        cmocka_unit_test(test_one_codec_reads_writes_measures),
        cmocka_unit_test(test_golomb_is_exact_and_short),
        cmocka_unit_test(test_status_is_sticky),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
