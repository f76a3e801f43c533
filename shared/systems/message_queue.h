/* message_queue.h - a bounded queue of bus messages with their bodies, in order. The ring of bodies grows to
 * what was once needed and no further than its limit, so a steady flow takes nothing from the heap.
 * Pure; one owner. */
#ifndef SHARED_SYSTEMS_MESSAGE_QUEUE_H
#define SHARED_SYSTEMS_MESSAGE_QUEUE_H
#include "shared/systems/bus.h"

typedef struct QueuedMessage {
    BusMessage message;  /* its body is in the ring */
    const char *reason;  /* NULL, or why it is refused; static */
    size_t offset, size; /* of what is in the ring: its body, or its batch and samples */
    bool owns_sync;
} QueuedMessage;

typedef struct MessageQueue {
    QueuedMessage *entries;
    uint32_t capacity, first, count;
    uint8_t *bytes;
    size_t byte_capacity, byte_limit;
    size_t held;       /* bytes of bodies waiting */
    size_t start, end; /* bodies lie from start to end, around the end of the ring when end < start */
    bool taken;        /* the first entry is being looked at */
    uint64_t refused;  /* pushes that found no room */
} MessageQueue;

/* `capacity` messages and `byte_limit` bytes of bodies at most. STATUS_OUT_OF_MEMORY: nothing to finish. */
NODISCARD Status message_queue_init(MessageQueue *queue, uint32_t capacity, size_t byte_limit);
void message_queue_finish(MessageQueue *queue);

/* Copies message and body; with `copy_sync` the SyncBatch too, else it goes as a pointer. STATUS_CAPACITY,
 * counted. */
NODISCARD Status message_queue_push(MessageQueue *queue, const BusMessage *message, const char *reason,
                                    bool copy_sync);

/* The oldest message, valid until the next call of this function or of message_queue_clear; NULL: none. The
 * one looked at before is gone. */
const QueuedMessage *message_queue_take(MessageQueue *queue);

void message_queue_clear(MessageQueue *queue);

#endif
