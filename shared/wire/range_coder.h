/* range_coder.h - an adaptive range coder that reads, writes or measures with the same code.
 * A codec is one function over a RangeCoder: it hands in the value (ignored when reading) and goes on with
 * the one that is returned. Integers only: the bytes are the same with any compiler on any host.
 *
 * The state is an interval of 64 bits. A bit with probability p (of being 1, in 1/65536) takes the lower
 * range × p / 65536 of it when it is 1 and the rest when it is 0; when the interval is below 2^32 four bytes
 * move out, carries running back into the bytes before. The end is the shortest string of 0 to 8 bytes that,
 * followed by zeros, lies inside the interval. G. N. N. Martin, "Range encoding", 1979.
 *
 * A probability is the mean of two estimates, one that follows the last 16 or so bits and one that follows
 * the last 128: quick to learn, and still sharp once it knows.
 *
 * The status is sticky: after the first failure reads yield 0 and nothing is written; a reader tests
 * range_finish() before it uses any value. Bounded: a read past the end fails after eight bytes. Pure. */
#ifndef SHARED_WIRE_RANGE_CODER_H
#define SHARED_WIRE_RANGE_CODER_H
#include "shared/base/bytes.h"
#include "shared/base/status.h"

#include <stdbool.h>

typedef enum RangeMode { RANGE_READ, RANGE_WRITE, RANGE_MEASURE } RangeMode;

typedef struct RangeCoder {
    RangeMode mode;
    Status status;     /* first failure */
    const uint8_t *in; /* RANGE_READ, borrowed */
    uint8_t *out;      /* RANGE_WRITE, borrowed */
    size_t position;   /* bytes moved in (reading: eight ahead) or out */
    size_t limit;      /* bytes there are, or room for */
    uint64_t low;      /* writing: lower end of the interval; reading: how far the code lies above it */
    uint64_t range;    /* size of the interval, at least 2^32 between calls */
} RangeCoder;

/* The probability that a bit is 1, twice. */
typedef struct RangeBit {
    uint16_t quick, slow;
} RangeBit;

#define RANGE_TOTAL          65536
#define RANGE_NUMBER_CLASSES 65

/* Numbers by their length in bits (0..64), the bit after the leading one, and the rest as it is. */
typedef struct RangeNumber {
    RangeBit longer[RANGE_NUMBER_CLASSES - 1];
    RangeBit second[RANGE_NUMBER_CLASSES];
} RangeNumber;

RangeCoder range_reader(Bytes bytes);
RangeCoder range_writer(uint8_t *out, size_t capacity);
RangeCoder range_measurer(void);

/* `probability` of a 1, in 1/65536. */
static inline RangeBit range_bit_init(uint16_t probability)
{
    return (RangeBit){ probability, probability };
}

/* Every length is expected to be followed by a longer one with `probability`. */
void range_number_init(RangeNumber *number, uint16_t probability);

/* The low `count` (0..64) bits of `value`, each as likely 0 as 1. */
uint64_t range_bits(RangeCoder *coder, uint64_t value, unsigned count);

#define RANGE_SYMBOL_BITS 15

/* One of `count` symbols: symbol i takes the share from starts[i] (starts[0] is 0) to starts[i + 1] of
 * 2^RANGE_SYMBOL_BITS, the last one what is left. Reading, `symbol` is where to look first. */
unsigned range_symbol(RangeCoder *coder, const uint16_t *starts, unsigned count, unsigned symbol);

/* Any uint64; small ones are short at first, and what comes often becomes short. */
uint64_t range_number(RangeCoder *coder, RangeNumber *model, uint64_t value);

/* Fails the coder with `status` unless `condition` holds. */
static inline void range_require(RangeCoder *coder, bool condition, Status status)
{
    if (!condition && coder->status == STATUS_OK) {
        coder->status = status;
    }
}

/* Ends the stream; the status of everything. Write: the bytes in `out` are coder->position. Read:
 * STATUS_MALFORMED when bytes are left over. */
NODISCARD Status range_finish(RangeCoder *coder);

/* Bits taken so far, rounded down to 1/256; for measuring models. Not when reading. */
uint64_t range_cost_256(const RangeCoder *coder);

/* The inside of the functions below, which are here because a snapshot calls them thousands of times. */
void range_refill(RangeCoder *coder);
void range_carry(RangeCoder *coder);

static inline void range_normalise(RangeCoder *coder)
{
    if (coder->range >> 32 == 0) {
        range_refill(coder);
    }
}

/* Moves the lower end up; a carry runs back through the bytes that are out already. */
static inline void range_raise(RangeCoder *coder, uint64_t by)
{
    coder->low += by;
    if (coder->low < by) {
        range_carry(coder);
    }
}

/* What of `range` a 1 takes. */
static inline uint64_t range_share(uint64_t range, const RangeBit *model)
{
    uint32_t probability = ((uint32_t)model->quick + model->slow) >> 1;
    probability = probability < 16 ? 16 : probability > 65520 ? 65520 : probability;
    return (range >> 16) * probability;
}

static inline void range_learn(RangeBit *model, bool bit)
{
    int32_t target = -(int32_t)bit & 65535;
    model->quick = (uint16_t)(model->quick + ((target - model->quick) >> 4));
    model->slow = (uint16_t)(model->slow + ((target - model->slow) >> 7));
}

/* Codes `bit` and lets the model learn from it. STATUS_CAPACITY, STATUS_TRUNCATED. */
static inline bool range_bit(RangeCoder *coder, RangeBit *model, bool bit)
{
    if (coder->status != STATUS_OK) {
        return false;
    }
    uint64_t share = range_share(coder->range, model);
    if (coder->mode == RANGE_READ) {
        bit = coder->low < share;
        coder->low -= bit ? 0 : share;
    } else if (!bit) {
        range_raise(coder, share);
    }
    coder->range = bit ? share : coder->range - share;
    range_learn(model, bit);
    range_normalise(coder);
    return bit;
}

/* One of several symbols that share out 0..65535 among them; `start` and `size` (1..65536) are what the one
 * has that is coded. Reading, range_target says in whose part the code lies, and range_span follows. */
static inline uint32_t range_target(const RangeCoder *coder)
{
    uint64_t target = coder->low / (coder->range >> 16);
    return target < RANGE_TOTAL ? (uint32_t)target : RANGE_TOTAL - 1; /* no writer leaves it up there */
}

static inline void range_span(RangeCoder *coder, uint32_t start, uint32_t size)
{
    if (coder->status != STATUS_OK) {
        return;
    }
    uint64_t unit = coder->range >> 16;
    if (coder->mode == RANGE_READ) {
        coder->low -= unit * start;
    } else {
        range_raise(coder, unit * start);
    }
    coder->range = unit * size;
    range_normalise(coder);
}

/* `count` (1..16) bits of `value`, which has no others; the status is not asked. */
static inline uint32_t range_few_bits(RangeCoder *coder, uint32_t value, unsigned count)
{
    uint64_t unit = coder->range >> count;
    if (coder->mode == RANGE_READ) {
        uint64_t reached = coder->low / unit;
        value = reached >> count ? (1u << count) - 1 : (uint32_t)reached; /* no writer leaves it up there */
        coder->low -= value * unit;
    } else {
        range_raise(coder, value * unit);
    }
    coder->range = unit;
    range_normalise(coder);
    return value;
}

#endif
