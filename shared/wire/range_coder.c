#include "shared/wire/range_coder.h"

#include <assert.h>

#define RANGE_LEAST (1u << 24)
#define END_BYTES   4 /* most bytes that the end may be short of the last one a reader moves in */
#define QUICK_SHIFT 4
#define SLOW_SHIFT  7

static uint8_t next_byte(RangeCoder *coder)
{
    size_t at = coder->position++;
    if (at < coder->limit) {
        return coder->in[at];
    }
    range_require(coder, at < coder->limit + END_BYTES, STATUS_TRUNCATED);
    return 0;
}

RangeCoder range_reader(Bytes bytes)
{
    RangeCoder coder = { .mode = RANGE_READ, .in = bytes.data, .limit = bytes.size, .range = UINT32_MAX };
    for (int i = 0; i < 4; i++) {
        coder.low = coder.low << 8 | next_byte(&coder);
    }
    return coder;
}

RangeCoder range_writer(uint8_t *out, size_t capacity)
{
    return (RangeCoder){ .mode = RANGE_WRITE, .out = out, .limit = capacity, .range = UINT32_MAX };
}

RangeCoder range_measurer(void)
{
    return (RangeCoder){ .mode = RANGE_MEASURE, .limit = SIZE_MAX, .range = UINT32_MAX };
}

static void move_out(RangeCoder *coder)
{
    if (coder->mode == RANGE_WRITE) {
        if (coder->position == coder->limit) {
            range_require(coder, false, STATUS_CAPACITY);
            return;
        }
        coder->out[coder->position] = (uint8_t)(coder->low >> 24);
    }
    coder->position++;
    coder->low <<= 8;
}

/* Moves the lower end up; a carry runs back through the bytes that are out already. */
static void raise_low(RangeCoder *coder, uint32_t by)
{
    uint32_t before = coder->low;
    coder->low += by;
    if (coder->low < before && coder->mode == RANGE_WRITE) {
        size_t at = coder->position;
        while (at > 0 && ++coder->out[--at] == 0) {
        }
    }
}

static inline void normalise(RangeCoder *coder)
{
    while (coder->range < RANGE_LEAST) {
        coder->range <<= 8;
        if (coder->mode == RANGE_READ) {
            coder->low = coder->low << 8 | next_byte(coder);
        } else {
            move_out(coder);
        }
        if (coder->status != STATUS_OK) {
            return;
        }
    }
}

static inline void learn(RangeBit *model, bool bit)
{
    int32_t target = -(int32_t)bit & 65535;
    model->quick = (uint16_t)(model->quick + ((target - model->quick) >> QUICK_SHIFT));
    model->slow = (uint16_t)(model->slow + ((target - model->slow) >> SLOW_SHIFT));
}

/* The part of the interval that a 1 takes: neither nothing nor all. */
static inline uint32_t share_of(uint32_t range, const RangeBit *model)
{
    uint32_t probability = ((uint32_t)model->quick + model->slow) >> 1;
    probability = probability < 16 ? 16 : probability > 65520 ? 65520 : probability;
    return (uint32_t)((uint64_t)range * probability >> 16);
}

bool range_bit(RangeCoder *coder, RangeBit *model, bool bit)
{
    if (coder->status != STATUS_OK) {
        return false;
    }
    uint32_t share = share_of(coder->range, model);
    if (coder->mode == RANGE_READ) {
        bit = coder->low < share;
        coder->low -= bit ? 0 : share;
    } else if (!bit) {
        raise_low(coder, share);
    }
    coder->range = bit ? share : coder->range - share;
    learn(model, bit);
    normalise(coder);
    return bit;
}

static uint32_t code_few(RangeCoder *coder, uint32_t value, unsigned count)
{
    coder->range >>= count;
    if (coder->mode == RANGE_READ) {
        value = coder->low / coder->range;
        value = value >> count ? (1u << count) - 1 : value; /* no writer leaves the code up there */
        coder->low -= value * coder->range;
    } else {
        raise_low(coder, value * coder->range);
    }
    normalise(coder);
    return value;
}

uint64_t range_bits(RangeCoder *coder, uint64_t value, unsigned count)
{
    assert(count <= 64);
    uint64_t result = 0;
    while (count > 0 && coder->status == STATUS_OK) {
        unsigned take = count < 16 ? count : 16;
        count -= take;
        result = result << take | code_few(coder, (uint32_t)(value >> count) & ((1u << take) - 1), take);
    }
    return coder->status == STATUS_OK ? result : 0;
}

unsigned range_symbol(RangeCoder *coder, const uint16_t *starts, unsigned count, unsigned symbol)
{
    if (coder->status != STATUS_OK) {
        return 0;
    }
    uint32_t unit = coder->range >> RANGE_SYMBOL_BITS;
    if (coder->mode == RANGE_READ) {
        uint32_t value = coder->low / unit;
        while (symbol + 1 < count && value >= starts[symbol + 1]) {
            symbol++;
        }
        while (value < starts[symbol]) {
            symbol--;
        }
    }
    uint32_t start = starts[symbol] * unit;
    if (coder->mode == RANGE_READ) {
        coder->low -= start;
    } else {
        raise_low(coder, start);
    }
    coder->range = symbol + 1 < count ? starts[symbol + 1] * unit - start : coder->range - start;
    normalise(coder);
    return symbol;
}

void range_number_init(RangeNumber *number, uint16_t probability)
{
    for (unsigned i = 0; i < RANGE_NUMBER_CLASSES - 1; i++) {
        number->longer[i] = range_bit_init(probability);
    }
    for (unsigned i = 0; i < RANGE_NUMBER_CLASSES; i++) {
        number->second[i] = range_bit_init(1u << 15);
    }
}

static unsigned bit_length(uint64_t value)
{
    return value ? 64 - (unsigned)__builtin_clzll(value) : 0;
}

uint64_t range_number(RangeCoder *coder, RangeNumber *model, uint64_t value)
{
    unsigned length = 0, wanted = bit_length(value);
    while (length < RANGE_NUMBER_CLASSES - 1 && range_bit(coder, &model->longer[length], wanted > length)) {
        length++;
    }
    if (length < 2) {
        return coder->status == STATUS_OK ? length : 0;
    }
    uint64_t result = UINT64_C(2) | range_bit(coder, &model->second[length], value >> (length - 2) & 1);
    result = result << (length - 2) | range_bits(coder, value, length - 2);
    return coder->status == STATUS_OK ? result : 0;
}

/* The shortest end: as many low bytes zero as some number of the interval allows. */
static void write_end(RangeCoder *coder)
{
    unsigned count = 0;
    uint32_t kept = 0;
    for (; count < END_BYTES; count++) {
        uint32_t mask = count ? UINT32_MAX << (32 - 8 * count) : 0;
        uint64_t up = ((uint64_t)coder->low + ~mask) & ~(uint64_t)(uint32_t)~mask;
        kept = (uint32_t)(up - coder->low);
        if (up - coder->low < coder->range) {
            break;
        }
    }
    raise_low(coder, count == END_BYTES ? 0 : kept);
    while (count-- > 0 && coder->status == STATUS_OK) {
        move_out(coder);
    }
}

Status range_finish(RangeCoder *coder)
{
    if (coder->status != STATUS_OK) {
        return coder->status;
    }
    if (coder->mode == RANGE_READ) {
        range_require(coder, coder->position >= coder->limit, STATUS_MALFORMED);
    } else {
        write_end(coder);
    }
    return coder->status;
}

uint64_t range_cost_256(const RangeCoder *coder)
{
    unsigned length = bit_length(coder->range); /* 25..32 */
    uint64_t fraction = coder->range >> ((length - 9) & 31) & 0xFF;
    return (uint64_t)coder->position * 8 * 256 + (32 - length) * 256 + (256 - fraction);
}
