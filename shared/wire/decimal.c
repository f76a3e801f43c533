#include "shared/wire/decimal.h"

#include <assert.h>

#define MANTISSA_BITS 52
#define EXPONENT_MAX  0x7FF
#define BIAS          1075 /* of an exponent to which the mantissa is a whole number */
#define GUARD_BITS    55   /* of a quotient, at least: the mantissa, its rounding, and one to spare */
#define SHIFT_MAX     84   /* beyond, 2^53 × 10^9 comes to nothing */

static const uint32_t powers[DECIMAL_DIGITS_MAX + 1] = { 1,      10,      100,      1000,      10000,
                                                         100000, 1000000, 10000000, 100000000, 1000000000 };

static unsigned bit_length(uint64_t value)
{
    return value ? 64 - (unsigned)__builtin_clzll(value) : 0;
}

/* `size` × 2^shift / by, rounded down, of at most 64 bits; *out_rest: it does not come out even. */
static uint64_t divide_shifted(uint64_t size, unsigned shift, uint32_t by, bool *out_rest)
{
    uint64_t high = shift == 0 ? 0 : shift < 64 ? size >> (64 - shift) : size << (shift - 64);
    uint64_t low = shift < 64 ? size << shift : 0;
    uint64_t rest = high % by;
    uint64_t middle = rest << 32 | low >> 32;
    uint64_t bottom = middle % by << 32 | (low & UINT32_MAX);
    *out_rest = bottom % by != 0;
    return middle / by << 32 | bottom / by;
}

int64_t decimal_double(int64_t count, unsigned digits)
{
    assert(digits <= DECIMAL_DIGITS_MAX);
    uint64_t size = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
    assert(size < UINT64_C(1) << DECIMAL_BITS);
    if (size == 0) {
        return 0;
    }
    unsigned shift = GUARD_BITS + bit_length(powers[digits]) - bit_length(size);
    bool rest;
    uint64_t quotient = divide_shifted(size, shift, powers[digits], &rest);
    unsigned surplus = bit_length(quotient) - (MANTISSA_BITS + 1);
    uint64_t mantissa = quotient >> surplus, below = quotient & ((UINT64_C(1) << surplus) - 1);
    uint64_t half = UINT64_C(1) << (surplus - 1);
    mantissa += below > half || (below == half && (rest || (mantissa & 1)));
    /* Rounded up to the next power of two, the mantissa's carry moves the exponent on by itself. */
    uint64_t exponent = (uint64_t)(BIAS + surplus - shift);
    uint64_t bits = (exponent << MANTISSA_BITS) + (mantissa - (UINT64_C(1) << MANTISSA_BITS));
    return (int64_t)(bits | (count < 0 ? UINT64_C(1) << 63 : 0));
}

/* mantissa × power / 2^shift, to the nearest; UINT64_MAX where it is 2^64 or more; shift 1 to SHIFT_MAX. */
static uint64_t scale(uint64_t mantissa, uint32_t power, unsigned shift)
{
    uint64_t first = (mantissa & UINT32_MAX) * power, second = (mantissa >> 32) * power + (first >> 32);
    uint64_t low = second << 32 | (first & UINT32_MAX), high = second >> 32;
    if (shift > 64) {
        return (high >> (shift - 64)) + (high >> (shift - 65) & 1);
    }
    if (shift == 64) {
        return high + (low >> 63);
    }
    uint64_t whole = high << (64 - shift) | low >> shift;
    return high >> shift ? UINT64_MAX : whole + (low >> (shift - 1) & 1);
}

bool decimal_count(int64_t bits, unsigned digits, int64_t *out_count)
{
    assert(digits <= DECIMAL_DIGITS_MAX);
    if (bits == 0) {
        *out_count = 0;
        return true;
    }
    unsigned exponent = (unsigned)((uint64_t)bits >> MANTISSA_BITS) & EXPONENT_MAX;
    if (exponent + SHIFT_MAX <= BIAS || exponent >= BIAS) {
        return false; /* next to nothing, or too large a whole number */
    }
    uint64_t mantissa = ((uint64_t)bits & ((UINT64_C(1) << MANTISSA_BITS) - 1)) | UINT64_C(1)
                                                                                      << MANTISSA_BITS;
    uint64_t size = scale(mantissa, powers[digits], BIAS - exponent);
    if (size == 0 || size >= UINT64_C(1) << DECIMAL_BITS) {
        return false;
    }
    int64_t count = bits < 0 ? -(int64_t)size : (int64_t)size;
    if (decimal_double(count, digits) != bits) {
        return false;
    }
    *out_count = count;
    return true;
}

unsigned decimal_digits(int64_t bits)
{
    int64_t count;
    unsigned digits = 0;
    while (digits <= DECIMAL_DIGITS_MAX && !decimal_count(bits, digits, &count)) {
        digits++;
    }
    return digits;
}
