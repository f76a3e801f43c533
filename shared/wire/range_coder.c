#include "shared/wire/range_coder.h"

#include <assert.h>

#define WORD_BYTES 4 /* that move in or out together */
#define END_BYTES  8 /* most bytes that the end may be short of the last one a reader moves in */

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
    RangeCoder coder = { .mode = RANGE_READ, .in = bytes.data, .limit = bytes.size, .range = UINT64_MAX };
    for (unsigned i = 0; i < END_BYTES; i++) {
        coder.low = coder.low << 8 | next_byte(&coder);
    }
    return coder;
}

RangeCoder range_writer(uint8_t *out, size_t capacity)
{
    return (RangeCoder){ .mode = RANGE_WRITE, .out = out, .limit = capacity, .range = UINT64_MAX };
}

RangeCoder range_measurer(void)
{
    return (RangeCoder){ .mode = RANGE_MEASURE, .limit = SIZE_MAX, .range = UINT64_MAX };
}

static void move_out(RangeCoder *coder, unsigned count)
{
    if (coder->mode == RANGE_WRITE) {
        if (coder->limit - coder->position < count) {
            range_require(coder, false, STATUS_CAPACITY);
            return;
        }
        for (unsigned i = 0; i < count; i++) {
            coder->out[coder->position + i] = (uint8_t)(coder->low >> (56 - 8 * i));
        }
    }
    coder->position += count;
}

void range_carry(RangeCoder *coder)
{
    if (coder->mode == RANGE_WRITE) {
        size_t at = coder->position;
        while (at > 0 && ++coder->out[--at] == 0) {
        }
    }
}

void range_refill(RangeCoder *coder)
{
    if (coder->mode != RANGE_READ) {
        move_out(coder, WORD_BYTES);
        coder->low <<= 32;
    } else if (coder->limit - coder->position >= WORD_BYTES && coder->position <= coder->limit) {
        const uint8_t *in = coder->in + coder->position;
        uint32_t word = (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
        coder->low = coder->low << 32 | word;
        coder->position += WORD_BYTES;
    } else {
        for (unsigned i = 0; i < WORD_BYTES; i++) {
            coder->low = coder->low << 8 | next_byte(coder);
        }
    }
    coder->range <<= 32;
}

uint64_t range_bits(RangeCoder *coder, uint64_t value, unsigned count)
{
    assert(count <= 64);
    uint64_t result = 0;
    while (count > 0 && coder->status == STATUS_OK) {
        unsigned take = count < 16 ? count : 16;
        count -= take;
        result =
            result << take | range_few_bits(coder, (uint32_t)(value >> count) & ((1u << take) - 1), take);
    }
    return coder->status == STATUS_OK ? result : 0;
}

unsigned range_symbol(RangeCoder *coder, const uint16_t *starts, unsigned count, unsigned symbol)
{
    if (coder->status != STATUS_OK) {
        return 0;
    }
    uint64_t unit = coder->range >> RANGE_SYMBOL_BITS;
    if (coder->mode == RANGE_READ) {
        uint64_t value = coder->low / unit;
        while (symbol + 1 < count && value >= starts[symbol + 1]) {
            symbol++;
        }
        while (value < starts[symbol]) {
            symbol--;
        }
    }
    uint64_t start = starts[symbol] * unit;
    if (coder->mode == RANGE_READ) {
        coder->low -= start;
    } else {
        range_raise(coder, start);
    }
    coder->range = symbol + 1 < count ? starts[symbol + 1] * unit - start : coder->range - start;
    range_normalise(coder);
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
    uint64_t kept = 0;
    for (; count < END_BYTES; count++) {
        kept = (0 - coder->low) & UINT64_MAX >> (8 * count); /* up to the next number that ends so */
        if (kept < coder->range) {
            break;
        }
    }
    range_raise(coder, count == END_BYTES ? 0 : kept);
    move_out(coder, count);
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
    unsigned length = bit_length(coder->range); /* 33..64 */
    uint64_t fraction = coder->range >> ((length - 9) & 63) & 0xFF;
    return (uint64_t)coder->position * 8 * 256 + (64 - length) * 256 + (256 - fraction);
}
