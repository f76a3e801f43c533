/* mqtt_link_memory.h - a link without a broker, for tests and fuzzing: what is delivered by hand is what
 * comes, and what is published is kept to be looked at. Pure. */
#ifndef SHARED_MQTT_MQTT_LINK_MEMORY_H
#define SHARED_MQTT_MQTT_LINK_MEMORY_H
#include "shared/mqtt/mqtt_link.h"

#define MQTT_MEMORY_SENT_MAX 64

typedef struct MqttMemory MqttMemory; /* opaque */

typedef struct MqttSent {
    char topic[MQTT_TOPIC_SIZE_MAX + 1];
    char payload[1024]; /* terminated; cut when longer */
    size_t payload_size;
    int qos;
    bool retain;
} MqttSent;

/* Not connected yet. STATUS_OUT_OF_MEMORY. The caller owns *out_link; `*out_memory` is its other side and
 * goes with it. */
NODISCARD Status mqtt_memory_create(MqttLink *out_link, MqttMemory **out_memory);

void mqtt_memory_connect(MqttMemory *memory, bool connected);
void mqtt_memory_set_clock(MqttMemory *memory, TimeNs unix_now);

/* A message comes, unless no filter asked for it: then false. STATUS_CAPACITY counts as dropped, false too.
 */
bool mqtt_memory_deliver(MqttMemory *memory, const char *topic, Bytes payload, bool retained);

/* Published messages since the last mqtt_memory_clear_sent, oldest first; those beyond
 * MQTT_MEMORY_SENT_MAX are counted only. */
uint32_t mqtt_memory_sent_count(const MqttMemory *memory);
const MqttSent *mqtt_memory_sent(const MqttMemory *memory, uint32_t index);
void mqtt_memory_clear_sent(MqttMemory *memory);

#endif
