#include "shared/trace/number.h"

#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 19 /* every number of so many digits fits in 64 bits */

/* Powers of ten that binary64 holds exactly. */
static const double EXACT_POWERS[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
#define EXACT_POWER_MAX 22

typedef struct Decimal {
    uint64_t digits; /* significant digits, while there are at most DIGITS_MAX of them */
    int digit_count; /* leading zeros not counted; DIGITS_MAX + 1: more than fit */
    int64_t exponent;
    bool negative;
} Decimal;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void add_digit(Decimal *decimal, char c)
{
    if (decimal->digits == 0 && c == '0') {
        return;
    }
    if (decimal->digit_count >= DIGITS_MAX) {
        decimal->digit_count = DIGITS_MAX + 1;
        return;
    }
    decimal->digits = decimal->digits * 10 + (uint64_t)(c - '0');
    decimal->digit_count++;
}

/* Reads the exponent's digits at `at`; values beyond any binary64 exponent saturate. */
static const char *read_exponent(const char *at, const char *end, int64_t *out_exponent)
{
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    if (at == end || !is_digit(*at)) {
        return NULL;
    }
    int64_t exponent = 0;
    for (; at < end && is_digit(*at); at++) {
        exponent = exponent < 1000000 ? exponent * 10 + (*at - '0') : exponent;
    }
    *out_exponent = negative ? -exponent : exponent;
    return at;
}

static bool read_grammar(const char *text, size_t size, char mark, Decimal *out_decimal)
{
    const char *at = text, *end = text + size;
    Decimal decimal = { 0 };
    if (at < end && (*at == '-' || *at == '+')) {
        decimal.negative = *at == '-';
        at++;
    }
    const char *first = at;
    for (; at < end && is_digit(*at); at++) {
        add_digit(&decimal, *at);
    }
    int64_t digit_count = at - first;
    if (at < end && *at == mark) {
        const char *fraction = ++at;
        for (; at < end && is_digit(*at); at++) {
            add_digit(&decimal, *at);
        }
        decimal.exponent = -(at - fraction);
        digit_count += at - fraction;
    }
    if (digit_count == 0) {
        return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        int64_t exponent = 0;
        at = read_exponent(at + 1, end, &exponent);
        if (!at) {
            return false;
        }
        decimal.exponent += exponent;
    }
    *out_decimal = decimal;
    return at == end;
}

/* strtod in the C locale, which is correctly rounded. */
static double convert_slowly(const char *text, size_t size, char mark)
{
    char copy[NUMBER_SIZE_MAX + 1];
    memcpy(copy, text, size);
    copy[size] = 0;
    char *at = memchr(copy, mark, size);
    if (at) {
        *at = '.';
    }
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* no allocation: the C locale is built in */
    locale_t before = plain ? uselocale(plain) : (locale_t)0;
    double value = strtod(copy, NULL);
    if (plain) {
        uselocale(before);
        freelocale(plain);
    }
    return value;
}

Status number_parse(const char *text, size_t size, char mark, double *out_value)
{
    Decimal decimal;
    if (size > NUMBER_SIZE_MAX || !read_grammar(text, size, mark, &decimal)) {
        return STATUS_MALFORMED;
    }
    double value = 0;
    int64_t power = decimal.exponent < 0 ? -decimal.exponent : decimal.exponent;
    if (decimal.digit_count <= DIGITS_MAX && decimal.digits <= (UINT64_C(1) << 53) &&
        power <= EXACT_POWER_MAX) {
        /* Both operands are exact, so the one rounding of IEEE 754 division or product is the right one. */
        value = (double)decimal.digits;
        value = decimal.exponent < 0 ? value / EXACT_POWERS[power] : value * EXACT_POWERS[power];
        value = decimal.negative ? -value : value;
    } else {
        value = convert_slowly(text, size, mark);
    }
    if (!isfinite(value)) {
        return STATUS_OUT_OF_RANGE;
    }
    *out_value = value;
    return STATUS_OK;
}
