/* decimal.h - IEEE doubles that are short decimal numbers, as most that people and sensors write are: 21.53
 * is 2153 at two digits. Exact in both directions and in integers only, so that no rounding mode, precision
 * or compiler matters. Pure. */
#ifndef SHARED_WIRE_DECIMAL_H
#define SHARED_WIRE_DECIMAL_H
#include <stdbool.h>
#include <stdint.h>

#define DECIMAL_DIGITS_MAX 9
#define DECIMAL_BITS       51 /* magnitudes are below 2^51 */

/* The bits of the double that is nearest to count / 10^digits (of two as near, the even one). */
int64_t decimal_double(int64_t count, unsigned digits);

/* Whether the double with these bits is the one that is nearest to some count / 10^digits; *out_count is then
 * that count, there being only one. Not for -0, infinities and NaNs. */
bool decimal_count(int64_t bits, unsigned digits, int64_t *out_count);

/* The fewest digits with which it is one, or DECIMAL_DIGITS_MAX + 1. */
unsigned decimal_digits(int64_t bits);

#endif
