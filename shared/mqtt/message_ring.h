/* message_ring.h - messages from one thread to another: a bounded ring of bytes with one producer and one
 * consumer, without locks (C11 atomics, release and acquire). A record is a small header and up to three
 * parts laid out without a break, so that the consumer reads it in place. */
#ifndef SHARED_MQTT_MESSAGE_RING_H
#define SHARED_MQTT_MESSAGE_RING_H
#include "shared/base/bytes.h"
#include "shared/base/status.h"

#include <stdatomic.h>

typedef struct MessageRing {
    uint8_t *data;   /* capacity bytes, owned */
    size_t capacity; /* a power of two */
    /* Both only grow; the place in `data` is the remainder by capacity. On lines of their own, so that the
     * two threads do not fight for one. */
    _Alignas(64) _Atomic uint64_t head; /* written by the producer */
    uint64_t tail_seen;                 /* the producer's last look at tail */
    _Alignas(64) _Atomic uint64_t tail; /* written by the consumer */
    uint64_t head_seen;                 /* the consumer's last look at head */
} MessageRing;

/* The two texts and three numbers of a record. */
typedef struct MessageRecord {
    const char *topic; /* terminated in the ring */
    size_t topic_size;
    Bytes payload;
    uint32_t flags;
    int64_t time;
} MessageRecord;

/* `capacity` is rounded up to a power of two, at least 4,096 bytes. STATUS_OUT_OF_MEMORY. The other thread
 * may use the ring after that. */
NODISCARD Status message_ring_init(MessageRing *ring, size_t capacity);
void message_ring_finish(MessageRing *ring);

/* Producer: copies `record` in. False, and nothing changed, when there is not room for it. */
bool message_ring_push(MessageRing *ring, const MessageRecord *record);

/* Producer: whether a record with a topic and payload of together `size` bytes would fit now. */
bool message_ring_has_room(MessageRing *ring, size_t size);

/* Consumer: the oldest record, borrowed until message_ring_pop; false when the ring is empty. */
bool message_ring_peek(MessageRing *ring, MessageRecord *out_record);
void message_ring_pop(MessageRing *ring);

/* Consumer: bytes that wait. */
size_t message_ring_used(const MessageRing *ring);

#endif
