/* Decimals: what the host's own arithmetic says, to the bit, in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/random.h"
#include "shared/wire/decimal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double powers[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9 };

static int64_t bits_of(double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Both are exact in a double, and IEEE division rounds to the nearest. */
static int64_t divided(int64_t count, unsigned digits)
{
    return bits_of((double)count / powers[digits]);
}

static void test_doubles_are_the_nearest(void **state)
{
    (void)state;
    Random random = random_seeded(1);
    const int64_t most = (INT64_C(1) << DECIMAL_BITS) - 1;
    for (unsigned digits = 0; digits <= DECIMAL_DIGITS_MAX; digits++) {
        const int64_t edges[] = { 0, 1, -1, 5, 10, 999999999, 1000000000, 1000000001, most, -most, most - 1 };
        for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
            assert_int_equal(decimal_double(edges[i], digits), divided(edges[i], digits));
        }
        for (int i = 0; i < 200000; i++) {
            int64_t count = (int64_t)(random_u64(&random) >> (13 + random_below(&random, 50)));
            count = random_below(&random, 2) ? count : -count;
            int64_t bits = decimal_double(count, digits), back = 0;
            assert_int_equal(bits, divided(count, digits));
            assert_true(decimal_count(bits, digits, &back));
            assert_int_equal(back, count);
        }
    }
}

/* The one count it could be is the nearest one; whether it is depends on the way back. */
static bool expected_count(double value, unsigned digits, int64_t *out_count)
{
    long double scaled = (long double)value * powers[digits];
    if (!(fabsl(scaled) < 2251799813685248.0L)) {
        return false;
    }
    *out_count = (int64_t)llroundl(scaled);
    return divided(*out_count, digits) == bits_of(value);
}

static void test_any_double_is_one_or_not(void **state)
{
    (void)state;
    Random random = random_seeded(2);
    unsigned found = 0;
    for (int i = 0; i < 400000; i++) {
        int64_t bits = (int64_t)random_u64(&random);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (i % 2) {
            unsigned digits = (unsigned)random_below(&random, 11);
            value = floor(random_between(&random, -1e6, 1e6)) / pow(10, digits);
            value = i % 4 == 1 ? value : (double)(float)value;
            value = i % 16 == 5 ? nextafter(value, 0) : value;
        }
        for (unsigned digits = 0; digits <= DECIMAL_DIGITS_MAX; digits++) {
            int64_t expected = 0, count = 0;
            bool is = expected_count(value, digits, &expected) && bits_of(value) != bits_of(-0.0);
            assert_true(decimal_count(bits_of(value), digits, &count) == is);
            assert_int_equal(count, is ? expected : 0);
            found += is;
        }
    }
    assert_true(found > 100000);
}

static void test_what_is_none(void **state)
{
    (void)state;
    const double none[] = {
        -0.0, INFINITY, -INFINITY, NAN, 1.0 / 3, 1e-10, 5e-324, 2251799813685248.0, 1e300
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(decimal_digits(bits_of(none[i])), DECIMAL_DIGITS_MAX + 1);
    }
    const char *const texts[] = {
        "0", "17", "21.5", "-21.53", "0.125", "0.0001", "12345.67891", "0.000000001"
    };
    const unsigned digits[] = { 0, 0, 1, 2, 3, 4, 5, 9 };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(decimal_digits(bits_of(strtod(texts[i], NULL))), digits[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_are_the_nearest),
        cmocka_unit_test(test_any_double_is_one_or_not),
        cmocka_unit_test(test_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
