#include "shared/mqtt/message_ring.h"

#include <stdlib.h>

/* In front of every record; `size` is the whole record's, a multiple of ALIGN. */
typedef struct Header {
    uint32_t size;
    uint32_t topic_size;
    uint32_t payload_size;
    uint32_t flags;
    int64_t time;
} Header;

#define ALIGN 8
#define SKIP  UINT32_MAX /* in Header.topic_size: nothing here, go on at the ring's begin */

static size_t record_size(size_t content)
{
    return (sizeof(Header) + content + 1 + ALIGN - 1) / ALIGN * ALIGN; /* 1: the topic's terminator */
}

Status message_ring_init(MessageRing *ring, size_t capacity)
{
    size_t size = 4096;
    while (size < capacity) {
        size *= 2;
    }
    ring->data = malloc(size);
    ring->capacity = size;
    ring->tail_seen = ring->head_seen = 0;
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
    return ring->data == NULL ? STATUS_OUT_OF_MEMORY : STATUS_OK;
}

void message_ring_finish(MessageRing *ring)
{
    free(ring->data);
    ring->data = NULL;
}

/* The bytes that a record of `size` takes from `head` on, with what is left over at the ring's end. */
static size_t bytes_needed(const MessageRing *ring, uint64_t head, size_t size)
{
    size_t to_end = ring->capacity - (size_t)(head & (ring->capacity - 1));
    return size <= to_end ? size : to_end + size;
}

static bool room_for(MessageRing *ring, uint64_t head, size_t needed)
{
    if (needed > ring->capacity) {
        return false;
    }
    if (head + needed - ring->tail_seen > ring->capacity) {
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    }
    return head + needed - ring->tail_seen <= ring->capacity;
}

bool message_ring_has_room(MessageRing *ring, size_t size)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    return room_for(ring, head, bytes_needed(ring, head, record_size(size)));
}

bool message_ring_push(MessageRing *ring, const MessageRecord *record)
{
    if (record->payload.size >= UINT32_MAX / 4 || record->topic_size >= UINT32_MAX / 4) {
        return false;
    }
    size_t size = record_size(record->topic_size + record->payload.size);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t needed = bytes_needed(ring, head, size);
    if (!room_for(ring, head, needed)) {
        return false;
    }
    uint8_t *at = ring->data + (head & (ring->capacity - 1));
    if (needed != size) { /* the end is too short: a gap the consumer skips. It holds 8 bytes at least */
        uint32_t gap[2] = { (uint32_t)(needed - size), SKIP };
        memcpy(at, gap, sizeof gap);
        at = ring->data;
    }
    Header header = { .size = (uint32_t)size,
                      .topic_size = (uint32_t)record->topic_size,
                      .payload_size = (uint32_t)record->payload.size,
                      .flags = record->flags,
                      .time = record->time };
    memcpy(at, &header, sizeof header);
    at += sizeof header;
    memcpy(at, record->topic, record->topic_size);
    at[record->topic_size] = 0;
    if (record->payload.size > 0) {
        memcpy(at + record->topic_size + 1, record->payload.data, record->payload.size);
    }
    atomic_store_explicit(&ring->head, head + needed, memory_order_release);
    return true;
}

/* Skips the gap at the ring's end. False when the ring is empty. */
static bool find_record(MessageRing *ring, uint64_t *out_tail, Header *out_header)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail == ring->head_seen) {
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail == ring->head_seen) {
            return false;
        }
    }
    uint32_t begin[2];
    memcpy(begin, ring->data + (tail & (ring->capacity - 1)), sizeof begin);
    if (begin[1] == SKIP) { /* a record always follows: both were published at once */
        tail += begin[0];
    }
    memcpy(out_header, ring->data + (tail & (ring->capacity - 1)), sizeof *out_header);
    *out_tail = tail;
    return true;
}

bool message_ring_peek(MessageRing *ring, MessageRecord *out_record)
{
    uint64_t tail;
    Header header;
    if (!find_record(ring, &tail, &header)) {
        return false;
    }
    const uint8_t *content = ring->data + (tail & (ring->capacity - 1)) + sizeof header;
    *out_record = (MessageRecord){ .topic = (const char *)content,
                                   .topic_size = header.topic_size,
                                   .payload = bytes_of(content + header.topic_size + 1, header.payload_size),
                                   .flags = header.flags,
                                   .time = header.time };
    return true;
}

void message_ring_pop(MessageRing *ring)
{
    uint64_t tail;
    Header header;
    if (find_record(ring, &tail, &header)) {
        atomic_store_explicit(&ring->tail, tail + header.size, memory_order_release);
    }
}

size_t message_ring_used(const MessageRing *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    return (size_t)(atomic_load_explicit(&ring->head, memory_order_acquire) - tail);
}
