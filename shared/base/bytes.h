/* bytes.h - borrowed views of memory, and little-endian access to untrusted bytes.
 * Pure. A view owns nothing and must not outlive what it points to. */
#ifndef SHARED_BASE_BYTES_H
#define SHARED_BASE_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Bytes {
    const uint8_t *data; /* NULL only when size is 0 */
    size_t size;
} Bytes;

typedef struct ByteBuffer {
    uint8_t *data;
    size_t size;     /* bytes used */
    size_t capacity; /* bytes available at data */
} ByteBuffer;

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline Bytes bytes_of(const void *data, size_t size)
{
    return (Bytes){ .data = data, .size = size };
}

/* The view of `count` bytes at `offset`, or an empty view when that range is not inside `bytes`. */
static inline Bytes bytes_slice(Bytes bytes, size_t offset, size_t count)
{
    if (offset > bytes.size || count > bytes.size - offset) {
        return (Bytes){ 0 };
    }
    return (Bytes){ .data = bytes.data + offset, .size = count };
}

static inline bool bytes_equal(Bytes a, Bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline uint16_t bytes_load_u16(const uint8_t *data)
{
    return (uint16_t)(data[0] | data[1] << 8);
}

static inline uint32_t bytes_load_u32(const uint8_t *data)
{
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

static inline uint64_t bytes_load_u64(const uint8_t *data)
{
    return (uint64_t)bytes_load_u32(data) | (uint64_t)bytes_load_u32(data + 4) << 32;
}

/* Written out, a compiler makes one store of it. */
static inline void bytes_store_u32(uint8_t *data, uint32_t value)
{
    data[0] = (uint8_t)value;
    data[1] = (uint8_t)(value >> 8);
    data[2] = (uint8_t)(value >> 16);
    data[3] = (uint8_t)(value >> 24);
}

static inline void bytes_store_u64(uint8_t *data, uint64_t value)
{
    data[0] = (uint8_t)value;
    data[1] = (uint8_t)(value >> 8);
    data[2] = (uint8_t)(value >> 16);
    data[3] = (uint8_t)(value >> 24);
    data[4] = (uint8_t)(value >> 32);
    data[5] = (uint8_t)(value >> 40);
    data[6] = (uint8_t)(value >> 48);
    data[7] = (uint8_t)(value >> 56);
}

/* What a hexadecimal digit of either case stands for; -1 when `c` is none. */
static inline int bytes_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
