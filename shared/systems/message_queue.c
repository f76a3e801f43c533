#include "shared/systems/message_queue.h"

#include <stdlib.h>

#define BYTES_FIRST ((size_t)16 << 10)
#define ALIGNMENT   ((size_t)16) /* of everything in the ring: batches are structs */
#define BATCH_SIZE  ((sizeof(SyncBatch) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

static size_t rounded(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

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

/* Says where in the ring the body or batch of an entry is. */
static void place(QueuedMessage *entry, uint8_t *bytes, size_t offset)
{
    entry->offset = offset;
    if (entry->owns_sync) {
        SyncBatch *batch = (SyncBatch *)(void *)(bytes + offset);
        batch->samples = (SyncSample *)(void *)(bytes + offset + BATCH_SIZE);
        entry->message.sync = batch;
    } else if (entry->message.body.size > 0) {
        entry->message.body.data = bytes + offset;
    }
}

static void copy_in(const QueuedMessage *entry, const BusMessage *message, uint8_t *out)
{
    if (entry->owns_sync) {
        memcpy(out, message->sync, sizeof *message->sync);
        if (message->sync->count > 0) {
            memcpy(out + BATCH_SIZE, message->sync->samples, message->sync->count * sizeof(SyncSample));
        }
    } else {
        memcpy(out, message->body.data, message->body.size);
    }
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
        if (entry->size > 0) {
            memcpy(bytes + used, queue->bytes + entry->offset, entry->size);
        }
        place(entry, bytes, used);
        used += entry->size;
    }
    free(queue->bytes);
    queue->bytes = bytes;
    queue->byte_capacity = capacity;
    queue->start = 0;
    queue->end = used;
    return STATUS_OK;
}

Status message_queue_push(MessageQueue *queue, const BusMessage *message, const char *reason, bool copy_sync)
{
    bool owns = copy_sync && message->sync != NULL;
    size_t size = rounded(owns ? BATCH_SIZE + message->sync->count * sizeof(SyncSample) : message->body.size);
    size_t offset = queue->end;
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
    *entry = (QueuedMessage){
        .message = *message, .reason = reason, .offset = offset, .size = size, .owns_sync = owns
    };
    if (size > 0) {
        copy_in(entry, message, queue->bytes + offset);
        place(entry, queue->bytes, offset);
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
        queue->held -= entry_at(queue, 0)->size;
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
