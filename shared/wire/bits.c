#include "shared/wire/bits.h"

#include <assert.h>

BitStream bits_reader(Bytes bytes)
{
    size_t size = bytes.size <= SIZE_MAX / 8 ? bytes.size : SIZE_MAX / 8;
    return (BitStream){ .mode = BIT_READ, .in = bytes.data, .limit = size * 8 };
}

BitStream bits_writer(uint8_t *out, size_t capacity)
{
    size_t size = capacity <= SIZE_MAX / 8 ? capacity : SIZE_MAX / 8;
    return (BitStream){ .mode = BIT_WRITE, .out = out, .limit = size * 8 };
}

BitStream bits_measurer(void)
{
    return (BitStream){ .mode = BIT_MEASURE, .limit = SIZE_MAX };
}

/* Makes room for `count` bits or fails the stream. */
static bool claim(BitStream *stream, size_t count)
{
    if (stream->status != STATUS_OK) {
        return false;
    }
    if (count > stream->limit - stream->position) {
        stream->status = stream->mode == BIT_READ ? STATUS_TRUNCATED : STATUS_CAPACITY;
        return false;
    }
    return true;
}

static void put(BitStream *stream, uint64_t value, unsigned count)
{
    size_t first = stream->position >> 3;
    unsigned from = stream->position & 7;
    if (from + count <= 64 && count > 0 && (stream->limit >> 3) - first >= sizeof(uint64_t)) {
        /* Far from the end: all at once, over bytes that are still to be written. */
        uint64_t kept = stream->out[first] & ((1u << from) - 1);
        uint64_t low = count < 64 ? value & ((UINT64_C(1) << count) - 1) : value;
        bytes_store_u64(stream->out + first, kept | low << from);
        stream->position += count;
        return;
    }
    while (count > 0) {
        uint8_t *byte = &stream->out[stream->position >> 3];
        unsigned shift = stream->position & 7;
        unsigned take = 8 - shift < count ? 8 - shift : count;
        unsigned kept = shift ? *byte : 0;
        *byte = (uint8_t)(kept | (((unsigned)value & ((1u << take) - 1)) << shift));
        stream->position += take;
        value >>= take;
        count -= take;
    }
}

static uint64_t get(BitStream *stream, unsigned count)
{
    size_t first = stream->position >> 3;
    unsigned from = stream->position & 7;
    if (from + count <= 64 && count < 64 && (stream->limit >> 3) - first >= sizeof(uint64_t)) {
        uint64_t word = bytes_load_u64(stream->in + first); /* far from the end: all at once */
        stream->position += count;
        return word >> from & ((UINT64_C(1) << count) - 1);
    }
    uint64_t value = 0;
    for (unsigned filled = 0; filled < count;) {
        unsigned shift = stream->position & 7;
        unsigned take = 8 - shift < count - filled ? 8 - shift : count - filled;
        uint64_t part = (unsigned)stream->in[stream->position >> 3] >> shift & ((1u << take) - 1);
        value |= part << filled;
        stream->position += take;
        filled += take;
    }
    return value;
}

void bits_u64(BitStream *stream, uint64_t *value, unsigned count)
{
    assert(count <= 64);
    if (!claim(stream, count)) {
        if (stream->mode == BIT_READ) {
            *value = 0;
        }
        return;
    }
    switch (stream->mode) {
    case BIT_READ:
        *value = get(stream, count);
        break;
    case BIT_WRITE:
        assert(count == 64 || *value >> count == 0);
        put(stream, *value, count);
        break;
    case BIT_MEASURE:
        stream->position += count;
        break;
    }
}

void bits_u32(BitStream *stream, uint32_t *value, unsigned count)
{
    assert(count <= 32);
    uint64_t wide = *value;
    bits_u64(stream, &wide, count);
    *value = (uint32_t)wide;
}

void bits_u16(BitStream *stream, uint16_t *value, unsigned count)
{
    assert(count <= 16);
    uint64_t wide = *value;
    bits_u64(stream, &wide, count);
    *value = (uint16_t)wide;
}

void bits_u8(BitStream *stream, uint8_t *value, unsigned count)
{
    assert(count <= 8);
    uint64_t wide = *value;
    bits_u64(stream, &wide, count);
    *value = (uint8_t)wide;
}

void bits_bool(BitStream *stream, bool *value)
{
    uint64_t wide = *value;
    bits_u64(stream, &wide, 1);
    *value = wide != 0;
}

void bits_i8(BitStream *stream, int8_t *value)
{
    uint64_t wide = (uint8_t)*value;
    bits_u64(stream, &wide, 8);
    *value = (int8_t)wide;
}

void bits_i16(BitStream *stream, int16_t *value)
{
    uint64_t wide = (uint16_t)*value;
    bits_u64(stream, &wide, 16);
    *value = (int16_t)wide;
}

void bits_i64(BitStream *stream, int64_t *value)
{
    uint64_t wide = (uint64_t)*value;
    bits_u64(stream, &wide, 64);
    *value = (int64_t)wide;
}

/* The number p of one bits that the Golomb code of `value` begins with. */
static unsigned golomb_prefix(uint64_t value, unsigned k)
{
    uint64_t buckets = value >> k; /* value lies in bucket p when 2^p - 1 <= buckets < 2^(p+1) - 1 */
    if (buckets == UINT64_MAX) {
        return 64; /* k is 0: the sum below would wrap */
    }
    unsigned prefix = 0;
    for (uint64_t rest = (buckets + 1) >> 1; rest; rest >>= 1) {
        prefix++;
    }
    return prefix;
}

unsigned bits_golomb_size(uint64_t value, unsigned k)
{
    unsigned prefix = golomb_prefix(value, k);
    return prefix == 64 - k ? prefix + k : 2 * prefix + 1 + k;
}

/* First value of bucket `prefix`. */
static uint64_t golomb_base(unsigned prefix, unsigned k)
{
    return prefix == 64 ? UINT64_MAX : ((UINT64_C(1) << prefix) - 1) << k;
}

/* Reads one bits up to the first zero, which is read too, or up to `most` of them. */
static unsigned read_ones(BitStream *stream, unsigned most)
{
    unsigned count = 0;
    while (count < most && claim(stream, 1)) {
        bool one = stream->in[stream->position >> 3] >> (stream->position & 7) & 1;
        stream->position++;
        if (!one) {
            break;
        }
        count++;
    }
    return count;
}

void bits_golomb(BitStream *stream, uint64_t *value, unsigned k)
{
    assert(k <= 32);
    const unsigned longest = 64 - k;
    if (stream->mode != BIT_READ) {
        unsigned prefix = golomb_prefix(*value, k);
        uint64_t ones = prefix == 64 ? UINT64_MAX : (UINT64_C(1) << prefix) - 1;
        bits_u64(stream, &ones, prefix < longest && prefix < 64 ? prefix + 1 : prefix);
        uint64_t rest = *value - golomb_base(prefix, k);
        bits_u64(stream, &rest, prefix == longest ? k : prefix + k);
        return;
    }
    unsigned prefix = read_ones(stream, longest);
    uint64_t rest = 0;
    bits_u64(stream, &rest, prefix == longest ? k : prefix + k);
    *value = stream->status == STATUS_OK ? golomb_base(prefix, k) + rest : 0;
}

void bits_block(BitStream *stream, uint8_t *data, size_t size)
{
    assert(stream->status != STATUS_OK || stream->position % 8 == 0);
    if (size > SIZE_MAX / 8 || !claim(stream, size * 8)) {
        if (stream->mode == BIT_READ) {
            memset(data, 0, size);
        }
        return;
    }
    if (size > 0 && stream->mode == BIT_READ) {
        memcpy(data, stream->in + stream->position / 8, size);
    } else if (size > 0 && stream->mode == BIT_WRITE) {
        memcpy(stream->out + stream->position / 8, data, size);
    }
    stream->position += size * 8;
}

void bits_rest(BitStream *stream, Bytes *bytes, size_t most)
{
    assert(stream->status != STATUS_OK || stream->position % 8 == 0);
    if (stream->mode == BIT_READ) {
        size_t size = (stream->limit - stream->position) / 8;
        bits_require(stream, size <= most, STATUS_OUT_OF_RANGE);
        bool ok = stream->status == STATUS_OK;
        *bytes = ok && size ? bytes_of(stream->in + stream->position / 8, size) : (Bytes){ 0 };
        stream->position = ok ? stream->limit : stream->position;
        return;
    }
    bits_require(stream, bytes->size <= most, STATUS_OUT_OF_RANGE);
    if (bytes->size <= SIZE_MAX / 8 && claim(stream, bytes->size * 8)) {
        if (bytes->size > 0 && stream->mode == BIT_WRITE) {
            memcpy(stream->out + stream->position / 8, bytes->data, bytes->size);
        }
        stream->position += bytes->size * 8;
    }
}

void bits_text(BitStream *stream, char *text, size_t size)
{
    assert(size >= 2 && size <= 256);
    size_t used = 0;
    while (stream->mode != BIT_READ && used < size && text[used]) {
        used++;
    }
    bits_require(stream, used < size, STATUS_OUT_OF_RANGE);
    uint8_t length = (uint8_t)used;
    bits_u8(stream, &length, 8);
    bits_require(stream, length < size, STATUS_OUT_OF_RANGE);
    if (stream->status != STATUS_OK) {
        return;
    }
    bits_block(stream, (uint8_t *)text, length);
    if (stream->mode == BIT_READ) {
        memset(text + length, 0, size - length);
    }
    if (stream->status == STATUS_OK) {
        bits_check(stream, bits_text_valid(text, length), STATUS_MALFORMED);
    }
}

/* Length of the UTF-8 sequence that begins at `at` with at most `left` bytes, 0 when there is none; *out_code
 * is its character. */
static size_t utf8_decode(const uint8_t *at, size_t left, uint32_t *out_code)
{
    static const uint32_t smallest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xC0 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    if (length == 0 || length > left || at[0] >= 0xF8) {
        return 0;
    }
    uint32_t code = length == 1 ? at[0] : at[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
        code = code << 6 | (at[i] & 0x3F);
    }
    if (code < smallest[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        return 0;
    }
    *out_code = code;
    return length;
}

bool bits_text_valid(const char *text, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)text;
    for (size_t at = 0; at < size;) {
        uint32_t code = 0;
        size_t length = utf8_decode(bytes + at, size - at, &code);
        if (length == 0 || code < 0x20 || (code >= 0x7F && code < 0xA0)) {
            return false;
        }
        at += length;
    }
    return true;
}

void bits_check(BitStream *stream, bool condition, Status status)
{
    if (!stream->length_first) {
        bits_require(stream, condition, status);
    } else if (!condition && stream->status == STATUS_OK && stream->complaint == STATUS_OK) {
        stream->complaint = status;
    }
}

void bits_require(BitStream *stream, bool condition, Status status)
{
    if (!condition && stream->status == STATUS_OK) {
        stream->status = status;
    }
}

void bits_align(BitStream *stream)
{
    unsigned count = (unsigned)(-stream->position & 7);
    uint64_t zero = 0;
    bits_u64(stream, &zero, count);
    bits_require(stream, zero == 0, STATUS_MALFORMED);
}

Status bits_finish(const BitStream *stream)
{
    if (stream->status == STATUS_OK && stream->mode == BIT_READ && stream->position != stream->limit) {
        return STATUS_MALFORMED;
    }
    return stream->status == STATUS_OK ? stream->complaint : stream->status;
}
