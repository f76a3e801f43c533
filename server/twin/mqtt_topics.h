/* mqtt_topics.h - where a topic leads: found once by the mapping's rules, then remembered, so that a message
 * costs one hash. Holds a bounded number of topics; when it is full it forgets all of them and goes on. Pure.
 */
#ifndef SERVER_TWIN_MQTT_TOPICS_H
#define SERVER_TWIN_MQTT_TOPICS_H
#include "server/twin/mqtt_mapping.h"
#include "shared/mqtt/thing_index.h"

/* One rule that takes the messages of a topic. */
typedef struct MqttBinding {
    const MqttRule *rule;
    const Property *declared;
    uint32_t thing;
    uint8_t property;
    bool named_by_payload; /* thing or property: the three above are not set yet, mqtt_bind_payload does */
    bool converts;         /* scale and offset are not 1 and 0 */
    double scale, offset;
} MqttBinding;

typedef enum MqttTopicKind {
    MQTT_TOPIC_NOWHERE, /* no rule, or one that leads to no thing or property of the world */
    MQTT_TOPIC_SAMPLES,
    MQTT_TOPIC_STATUS,
    MQTT_TOPIC_ANSWER
} MqttTopicKind;

typedef struct MqttTarget {
    MqttTopicKind kind;
    uint32_t count;              /* of `bindings` */
    const MqttBinding *bindings; /* valid until the next lookup */
} MqttTarget;

typedef struct MqttTopics MqttTopics; /* opaque; lives in its arena */

/* `mapping` and `index` are borrowed. STATUS_OUT_OF_MEMORY. */
NODISCARD Status mqtt_topics_create(const MqttMapping *mapping, const ThingIndex *index, Arena *arena,
                                    MqttTopics **out_topics);

/* Where topic[0..size) leads. */
MqttTarget mqtt_topics_find(MqttTopics *topics, const char *topic, size_t size);

/* Completes a binding whose names come from the payload: `thing` and `property` are the fields at the rule's
 * paths (not looked at where the topic names it). False when that leads to no property, or a unit does not
 * convert. */
bool mqtt_bind_payload(const MqttTopics *topics, const MqttBinding *binding, const char *topic, size_t size,
                       const ScanField *thing, const ScanField *property, MqttBinding *out_binding);

#endif
