/* bits.h - a stream of bits that reads, writes or measures with the same code.
 * A codec is one function over a BitStream: in BIT_WRITE it takes the values, in BIT_READ it fills them, in
 * BIT_MEASURE it only counts. Bits fill each byte from its least significant bit, values go least significant
 * bit first; byte-aligned fields are therefore little-endian.
 * The status is sticky: after the first failure nothing more is read or written, reads yield 0, and the
 * caller tests bits_finish() before it uses any value. Pure. */
#ifndef SHARED_WIRE_BITS_H
#define SHARED_WIRE_BITS_H
#include "shared/base/bytes.h"
#include "shared/base/status.h"

typedef enum BitMode { BIT_READ, BIT_WRITE, BIT_MEASURE } BitMode;

typedef struct BitStream {
    BitMode mode;
    Status status;     /* first failure; see bits_check for what a codec may set */
    bool length_first; /* BIT_READ: what bits_check and the content of texts complain of waits for the end */
    Status complaint;  /* the first such; told by bits_finish when the length is right */
    const uint8_t *in; /* BIT_READ, borrowed */
    uint8_t *out;      /* BIT_WRITE, borrowed */
    size_t position;   /* bits */
    size_t limit;      /* bits */
} BitStream;

BitStream bits_reader(Bytes bytes);
BitStream bits_writer(uint8_t *out, size_t capacity);
BitStream bits_measurer(void);

/* ---- fields ---- */

/* The low `count` (0..64) bits of *value. Read: STATUS_TRUNCATED past the end. Write: STATUS_CAPACITY. */
void bits_u64(BitStream *stream, uint64_t *value, unsigned count);

/* The same for narrower members; i32 and i64 are two's complement, all bits. */
void bits_u32(BitStream *stream, uint32_t *value, unsigned count);
void bits_u16(BitStream *stream, uint16_t *value, unsigned count);
void bits_u8(BitStream *stream, uint8_t *value, unsigned count);
void bits_bool(BitStream *stream, bool *value);
void bits_i8(BitStream *stream, int8_t *value);
void bits_i16(BitStream *stream, int16_t *value);
void bits_i64(BitStream *stream, int64_t *value);

/* Exponential Golomb code of order `k` (0..32), small values short, any uint64 exact: p one bits (p ≤ 64 - k)
 * and a zero (left out when p is 64 - k), then p + k bits (k bits when p is 64 - k) that are added to
 * (2^p - 1) × 2^k. Every value has exactly one code. */
void bits_golomb(BitStream *stream, uint64_t *value, unsigned k);

/* Bits that bits_golomb takes for `value`. */
unsigned bits_golomb_size(uint64_t value, unsigned k);

/* Signed numbers as unsigned ones that are small when the magnitude is: 0, -1, 1, -2 … to 0, 1, 2, 3 … */
static inline uint64_t bits_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t bits_unzigzag(uint64_t code)
{
    return (int64_t)(code >> 1 ^ (code & 1 ? UINT64_MAX : 0));
}

/* ---- byte-aligned fields: the position must be a multiple of 8 (asserted while nothing has failed) ---- */

/* `size` bytes into or from `data`. */
void bits_block(BitStream *stream, uint8_t *data, size_t size);

/* Everything up to the end. Read: *bytes becomes a view of the input; STATUS_OUT_OF_RANGE when there are more
 * than `most` bytes. */
void bits_rest(BitStream *stream, Bytes *bytes, size_t most);

/* Zero-terminated text in an array of `size` (2..256) bytes: one length byte, then the bytes without
 * terminator. Read: STATUS_OUT_OF_RANGE when it does not fit, STATUS_MALFORMED when it fails
 * bits_text_valid. */
void bits_text(BitStream *stream, char *text, size_t size);

/* True when the `size` bytes are UTF-8 (RFC 3629) without control characters (U+0000 to U+001F, U+007F to
 * U+009F). */
bool bits_text_valid(const char *text, size_t size);

/* ---- rules and ends ---- */

/* Fails the stream with `status` unless `condition` holds, when reading and when writing alike. */
void bits_check(BitStream *stream, bool condition, Status status);

/* As bits_check, but at once also with length_first: for counts that the codec loops over or indexes with. */
void bits_require(BitStream *stream, bool condition, Status status);

/* Zero bits up to the next byte. Read: STATUS_MALFORMED when they are not zero. */
void bits_align(BitStream *stream);

/* The status of everything so far. Read: STATUS_MALFORMED when less than all was consumed. */
NODISCARD Status bits_finish(const BitStream *stream);

/* Bytes begun so far. */
static inline size_t bits_size(const BitStream *stream)
{
    return (stream->position + 7) / 8;
}

#endif
