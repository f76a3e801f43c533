#include "shared/systems/message_queue.h"

#include <stdlib.h>

#define BYTES_FIRST ((size_t)16 << 10)

Status message_queue_init(MessageQueue *queue, uint32_t capacity, size_t byte_limit)
{
    *queue = (MessageQueue){ .capacity = capacity, .byte_limit = byte_limit };
    queue->entries = calloc(capacity, sizeof *queue->entries);
    return queue->entries == NULL ? STATUS_OUT_OF_MEMORY : STATUS_OK;
}

void message_queue_finish(MessageQueue *queue)
{
    free(queue->entries);
    free(queue->bytes);
    *queue = (MessageQueue){ 0 };
}

static QueuedMessage *entry_at(MessageQueue *queue, uint32_t index)
{
    return &queue->entries[(queue->first + index) % queue->capacity];
}

/* Whether `size` bytes fit in one piece; where. The last byte of a gap before `start` stays free, so that
 * start == end always means that nothing is between them. */
static bool find_room(const MessageQueue *queue, size_t size, size_t *out_offset)
{
    if (queue->end < queue->start) {
        *out_offset = queue->end;
        return size < queue->start - queue->end;
    }
    if (size <= queue->byte_capacity - queue->end) {
        *out_offset = queue->end;
        return true;
    }
    *out_offset = 0;
    return size < queue->start;
}

static Status grow(MessageQueue *queue, size_t size)
{
    size_t capacity = queue->byte_capacity < BYTES_FIRST ? BYTES_FIRST : queue->byte_capacity;
    while (capacity < queue->held + size || capacity == queue->byte_capacity) {
        capacity *= 2;
    }
    uint8_t *bytes = malloc(capacity);
    if (bytes == NULL) {
        return STATUS_CAPACITY;
    }
    size_t used = 0;
    for (uint32_t i = 0; i < queue->count; i++) {
        QueuedMessage *entry = entry_at(queue, i);
        if (entry->message.body.size > 0) {
            memcpy(bytes + used, entry->message.body.data, entry->message.body.size);
        }
        entry->offset = used;
        entry->message.body.data = bytes + used;
        used += entry->message.body.size;
    }
    free(queue->bytes);
    queue->bytes = bytes;
    queue->byte_capacity = capacity;
    queue->start = 0;
    queue->end = used;
    return STATUS_OK;
}

Status message_queue_push(MessageQueue *queue, const BusMessage *message, const char *reason)
{
    size_t size = message->body.size, offset = 0;
    if (queue->count == queue->capacity || size > queue->byte_limit - queue->held) {
        queue->refused++;
        return STATUS_CAPACITY;
    }
    if (size > 0 && !find_room(queue, size, &offset)) {
        if (grow(queue, size) != STATUS_OK) {
            queue->refused++;
            return STATUS_CAPACITY;
        }
        offset = queue->end;
    }
    QueuedMessage *entry = entry_at(queue, queue->count);
    *entry = (QueuedMessage){ .message = *message, .reason = reason, .offset = queue->end };
    entry->message.body = (Bytes){ 0 };
    if (size > 0) {
        memcpy(queue->bytes + offset, message->body.data, size);
        entry->message.body = bytes_of(queue->bytes + offset, size);
        entry->offset = offset;
        queue->end = offset + size;
    }
    queue->held += size;
    queue->count++;
    return STATUS_OK;
}

const QueuedMessage *message_queue_take(MessageQueue *queue)
{
    if (queue->taken) {
        queue->taken = false;
        queue->held -= entry_at(queue, 0)->message.body.size;
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
        queue->start = queue->count > 0 ? entry_at(queue, 0)->offset : 0;
        queue->end = queue->count > 0 ? queue->end : 0;
    }
    if (queue->count == 0) {
        return NULL;
    }
    queue->taken = true;
    return entry_at(queue, 0);
}

void message_queue_clear(MessageQueue *queue)
{
    queue->count = 0;
    queue->taken = false;
    queue->start = queue->end = queue->held = 0;
}
