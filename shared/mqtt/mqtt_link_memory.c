#include "shared/mqtt/mqtt_link_memory.h"

#include "shared/mqtt/message_ring.h"

#include <stdlib.h>

#define RING_BYTES ((size_t)1 << 20)

struct MqttMemory {
    MessageRing ring;
    MqttLinkStatus status;
    TimeNs now;
    char filters[MQTT_LINK_FILTERS_MAX][MQTT_TOPIC_SIZE_MAX + 1];
    uint32_t filter_count, sent_count;
    MqttSent sent[MQTT_MEMORY_SENT_MAX];
};

static Status subscribe(void *context, const char *filter, int qos)
{
    MqttMemory *memory = context;
    if (!mqtt_filter_valid(filter) || qos < 0 || qos > 2) {
        return STATUS_INVALID_ARGUMENT;
    }
    if (memory->filter_count == MQTT_LINK_FILTERS_MAX) {
        return STATUS_CAPACITY;
    }
    memcpy(memory->filters[memory->filter_count++], filter, strlen(filter) + 1);
    return STATUS_OK;
}

static Status publish(void *context, const MqttPublish *message)
{
    MqttMemory *memory = context;
    if (!mqtt_topic_valid(message->topic) || message->payload.size > MQTT_PAYLOAD_SIZE_MAX) {
        return STATUS_OUT_OF_RANGE;
    }
    if (!memory->status.connected) {
        return STATUS_DISCONNECTED;
    }
    if (memory->sent_count < MQTT_MEMORY_SENT_MAX) {
        MqttSent *sent = &memory->sent[memory->sent_count];
        size_t kept = message->payload.size < sizeof sent->payload - 1 ? message->payload.size
                                                                       : sizeof sent->payload - 1;
        memcpy(sent->topic, message->topic, strlen(message->topic) + 1);
        if (kept > 0) {
            memcpy(sent->payload, message->payload.data, kept);
        }
        sent->payload[kept] = '\0';
        sent->payload_size = message->payload.size;
        sent->qos = message->qos;
        sent->retain = message->retain;
    }
    memory->sent_count++;
    memory->status.published++;
    return STATUS_OK;
}

static bool peek(void *context, MqttMessage *out_message)
{
    MqttMemory *memory = context;
    MessageRecord record;
    if (!message_ring_peek(&memory->ring, &record)) {
        return false;
    }
    *out_message = (MqttMessage){ .topic = record.topic,
                                  .topic_size = record.topic_size,
                                  .payload = record.payload,
                                  .retained = record.flags != 0,
                                  .received = record.time };
    return true;
}

static void pop(void *context)
{
    MqttMemory *memory = context;
    message_ring_pop(&memory->ring);
}

static void status(void *context, MqttLinkStatus *out_status)
{
    const MqttMemory *memory = context;
    *out_status = memory->status;
}

static TimeNs clock_unix(void *context)
{
    const MqttMemory *memory = context;
    return memory->now;
}

static int wake_fd(const void *context)
{
    (void)context;
    return -1;
}

static void destroy(void *context)
{
    MqttMemory *memory = context;
    if (memory != NULL) {
        message_ring_finish(&memory->ring);
        free(memory);
    }
}

static const MqttLinkOps memory_ops = {
    .subscribe = subscribe,
    .publish = publish,
    .peek = peek,
    .pop = pop,
    .status = status,
    .clock = clock_unix,
    .wake_fd = wake_fd,
    .destroy = destroy,
};

Status mqtt_memory_create(MqttLink *out_link, MqttMemory **out_memory)
{
    /* The ring's ends lie on cache lines of their own. */
    MqttMemory *memory = aligned_alloc(_Alignof(MqttMemory), sizeof *memory);
    if (memory == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    memset(memory, 0, sizeof *memory);
    if (message_ring_init(&memory->ring, RING_BYTES) != STATUS_OK) {
        free(memory);
        return STATUS_OUT_OF_MEMORY;
    }
    *out_link = (MqttLink){ .ops = &memory_ops, .context = memory };
    *out_memory = memory;
    return STATUS_OK;
}

void mqtt_memory_connect(MqttMemory *memory, bool connected)
{
    memory->status.connections += connected && !memory->status.connected;
    memory->status.connected = connected;
}

void mqtt_memory_set_clock(MqttMemory *memory, TimeNs unix_now)
{
    memory->now = unix_now;
}

bool mqtt_memory_deliver(MqttMemory *memory, const char *topic, Bytes payload, bool retained)
{
    bool wanted = false;
    for (uint32_t i = 0; i < memory->filter_count && !wanted; i++) {
        wanted = mqtt_filter_matches(memory->filters[i], topic);
    }
    MessageRecord record = { .topic = topic,
                             .topic_size = strlen(topic),
                             .payload = payload,
                             .flags = retained,
                             .time = memory->now };
    if (!wanted) {
        return false;
    }
    if (record.topic_size > MQTT_TOPIC_SIZE_MAX || payload.size > MQTT_PAYLOAD_SIZE_MAX) {
        memory->status.too_large++;
        return false;
    }
    if (!message_ring_push(&memory->ring, &record)) {
        memory->status.dropped++;
        return false;
    }
    memory->status.received++;
    return true;
}

uint32_t mqtt_memory_sent_count(const MqttMemory *memory)
{
    return memory->sent_count;
}

const MqttSent *mqtt_memory_sent(const MqttMemory *memory, uint32_t index)
{
    return index < memory->sent_count && index < MQTT_MEMORY_SENT_MAX ? &memory->sent[index] : NULL;
}

void mqtt_memory_clear_sent(MqttMemory *memory)
{
    memory->sent_count = 0;
}
