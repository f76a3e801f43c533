#include "shared/wire/residual.h"

#include <assert.h>
#include <string.h>

static_assert((RESIDUAL_SPREAD - 1) / 8 - 6 <= 16, "few bits are below a bin's width");

#define BINS       128 /* on either side; what is beyond escapes */
#define MASS       65278
#define NEAR_KNOTS 64 /* knots a quarter of a spread apart, 8 of the units of at() */

/* 2^(16 - i/8) */
static const uint32_t parts[8] = { 65536, 60097, 55109, 50535, 46341, 42495, 38968, 35734 };

/* 2^32 over those, rounded. */
static const uint32_t reciprocals[8] = { 65536, 71467, 77936, 84990, 92682, 101070, 110218, 120193 };

/* The bins of one residual. */
typedef struct Bins {
    const ResidualShape *shape;
    int64_t offset; /* of the mean above its floor, and half: in 1/64 */
    uint32_t part, reciprocal;
    unsigned drop;  /* shift from 1/64 × part to 1/32 of a spread */
    unsigned shift; /* a bin is 2^shift wide */
} Bins;

/* 65536 × the probability of lying below the lower edge of bin `k`, -128 to 128. */
static inline uint32_t below(const Bins *bins, int32_t k)
{
    int64_t edge = k * ((int64_t)RESIDUAL_FINE << bins->shift) - bins->offset;
    int64_t sign = -(int64_t)(edge < 0); /* by arithmetic: it is as likely one as the other */
    uint64_t size = (uint64_t)((edge ^ sign) - sign) * bins->part >> bins->drop;
    const uint16_t *knots = bins->shape->above;
    uint32_t mass;
    if (size < 8 * NEAR_KNOTS) {
        uint32_t at = (uint32_t)size >> 3, rest = (uint32_t)size & 7;
        mass = knots[at] + ((uint32_t)(knots[at + 1] - knots[at]) * rest >> 3);
    } else {
        size = size < 131071 ? size : 131071;
        unsigned octave = 31 - (unsigned)__builtin_clz((uint32_t)size); /* 9..16 */
        const uint16_t *knot = &knots[NEAR_KNOTS + octave - 9];
        uint32_t rest = (uint32_t)size - (1u << octave);
        mass = knot[0] + ((uint32_t)(knot[1] - knot[0]) * rest >> octave);
    }
    return MASS / 2 + ((mass ^ (uint32_t)sign) - (uint32_t)sign) + (uint32_t)(k + BINS) + 1;
}

typedef int16_t Lanes __attribute__((vector_size(16)));

/* How many knots are not above `mass`, without the last one; at least 1. */
static inline unsigned knots_below(const ResidualShape *shape, uint32_t mass)
{
    int16_t most = (int16_t)mass;
    const Lanes limit = { most, most, most, most, most, most, most, most };
    Lanes sum = { 0 };
    for (unsigned i = 0; i + 1 < RESIDUAL_KNOTS; i += 8) {
        Lanes knots;
        memcpy(&knots, &shape->above[i], sizeof knots);
        sum -= knots <= limit; /* what is true is -1 */
    }
    uint64_t halves[2]; /* of four lanes each, none of which runs over */
    memcpy(halves, &sum, sizeof halves);
    uint64_t count = halves[0] + halves[1];
    count += count >> 32;
    count += count >> 16;
    return (unsigned)(count & 0xFFFF);
}

/* About where the bin is that holds `target`. */
static inline int32_t guess_bin(const Bins *bins, uint32_t target)
{
    int32_t mass = (int32_t)target - (BINS + 1) - MASS / 2;
    uint32_t size = (uint32_t)(mass < 0 ? -mass : mass);
    size = size < MASS / 2 ? size : (uint32_t)MASS / 2;
    unsigned knot = knots_below(bins->shape, size) - 1;
    const uint16_t *knots = &bins->shape->above[knot];
    uint32_t start = knot < NEAR_KNOTS ? knot * 8 : 8u * NEAR_KNOTS << (knot - NEAR_KNOTS);
    uint32_t width = knot < NEAR_KNOTS ? 8 : start, rise = (uint32_t)(knots[1] - knots[0]);
    size = start + (rise ? (size - knots[0]) * width / rise : 0);
    uint64_t wide = (uint64_t)size * bins->reciprocal;
    int64_t edge = (int64_t)(bins->drop < 32 ? wide >> (32 - bins->drop) : wide << (bins->drop - 32));
    int64_t sign = -(int64_t)(mass < 0); /* by arithmetic: it is as likely one as the other */
    int64_t bin = ((edge ^ sign) - sign + bins->offset) >> (6 + bins->shift);
    return bin < -BINS ? -BINS : bin >= BINS ? BINS - 1 : (int32_t)bin;
}

/* The bin that holds `target`, and its bounds. -129 and 128 are what lies beyond. */
static int32_t find_bin(const Bins *bins, uint32_t target, uint32_t *out_start, uint32_t *out_end)
{
    int32_t guess = guess_bin(bins, target);
    uint32_t lower = below(bins, guess), upper = below(bins, guess + 1);
    if (lower <= target && target < upper) {
        *out_start = lower;
        *out_end = upper;
        return guess;
    }
    int32_t from = -BINS - 1,
            to = BINS + 1; /* below(from) <= target < below(to), at the ends by definition */
    uint32_t start = 0, end = RANGE_TOTAL;
    int32_t step = 1, at = target < lower ? guess - 1 : guess + 1;
    while (to - from > 1) {
        if (at <= from || at >= to) {
            at = from + (to - from) / 2;
        }
        uint32_t bound = below(bins, at);
        if (bound <= target) {
            from = at;
            start = bound;
            at += step;
        } else {
            to = at;
            end = bound;
            at -= step;
        }
        step *= 2;
        if (to - from <= step) {
            at = from + (to - from) / 2;
        }
    }
    *out_start = start;
    *out_end = end;
    return from;
}

/* How far beyond the last bin: six bits say how long the number is that follows. */
static uint32_t code_beyond(RangeCoder *coder, uint32_t beyond)
{
    uint64_t number = (uint64_t)beyond + 1;
    unsigned length = 63 - (unsigned)__builtin_clzll(number);
    length = (unsigned)range_bits(coder, length, 5);
    return (uint32_t)((UINT64_C(1) << length | range_bits(coder, number, length)) - 1);
}

int32_t residual_code(RangeCoder *coder, const ResidualShape *shape, int64_t mean, unsigned spread,
                      int32_t value)
{
    unsigned octave = spread >> 3;
    int64_t floor = mean >> 6;
    Bins bins = { .shape = shape,
                  .offset = RESIDUAL_FINE / 2 + (mean & (RESIDUAL_FINE - 1)),
                  .part = parts[spread & 7],
                  .reciprocal = reciprocals[spread & 7],
                  .drop = 13 + octave,
                  .shift = octave > 6 ? octave - 6 : 0 };
    int32_t residual = (int32_t)((uint32_t)value - (uint32_t)floor), bin = 0;
    uint32_t start = 0, end = 0;
    if (coder->mode == RANGE_READ) {
        if (coder->status != STATUS_OK) {
            return (int32_t)(uint32_t)floor;
        }
        bin = find_bin(&bins, range_target(coder), &start, &end);
    } else {
        bin = residual >> bins.shift;
        bin = bin < -BINS ? -BINS - 1 : bin > BINS ? BINS : bin;
        start = bin < -BINS ? 0 : below(&bins, bin);
        end = bin >= BINS ? RANGE_TOTAL : below(&bins, bin + 1);
    }
    range_span(coder, start, end - start);
    uint32_t whole = (uint32_t)bin;
    if (bin < -BINS) {
        whole = (uint32_t)(-BINS - 1) - code_beyond(coder, (uint32_t)(-BINS - 1 - (residual >> bins.shift)));
    } else if (bin >= BINS) {
        whole = (uint32_t)BINS + code_beyond(coder, (uint32_t)((residual >> bins.shift) - BINS));
    }
    whole <<= bins.shift;
    if (bins.shift > 0 && coder->status == STATUS_OK) {
        whole |= range_few_bits(coder, (uint32_t)residual & ((1u << bins.shift) - 1), bins.shift);
    }
    return (int32_t)((uint32_t)floor + whole);
}
