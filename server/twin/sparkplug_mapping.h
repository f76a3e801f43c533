/* sparkplug_mapping.h - which Sparkplug metric is which property. Format: server/twin/SPARKPLUG.md. Pure. */
#ifndef SERVER_TWIN_SPARKPLUG_MAPPING_H
#define SERVER_TWIN_SPARKPLUG_MAPPING_H
#include "server/twin/mqtt_mapping.h"

#define SPARKPLUG_RULES_MAX 256
#define SPARKPLUG_NAME_MAX  255 /* bytes of a group, edge node, device or metric name */

/* All four must match. */
typedef struct SparkplugRule {
    Pattern group, edge, device, metric;
    Pattern thing, property; /* templates */
    MqttConversion conversion;
} SparkplugRule;

typedef struct SparkplugMapping {
    const char *path;
    const char *host;  /* id of this host application, for STATE */
    const char *group; /* the only one listened to; NULL: all */
    bool primary;      /* says by STATE whether it is there */
    SparkplugRule *rules;
    uint32_t rule_count;
    MqttConnection connection;
} SparkplugMapping;

/* Where a metric leads. `rule` NULL: nowhere. */
typedef struct SparkplugTarget {
    const SparkplugRule *rule;
    const Property *declared;
    uint32_t thing;
    uint8_t property;
    bool converts;
    double scale, offset;
} SparkplugTarget;

/* Reads a mapping (JSON, untrusted) against `world`, into `arena`. `json` empty: metric and property, device
 * (or edge node, for its own metrics) and thing have the same name. Statuses as mqtt_mapping_load. */
NODISCARD Status sparkplug_mapping_load(Bytes json, const char *path, const World *world, Arena *arena,
                                        SparkplugMapping **out_mapping, Diag *diag);

/* "spBv1.0/STATE/{host}", terminated; false when it does not fit. */
bool sparkplug_state_topic(const SparkplugMapping *mapping, char *out, size_t size);

#endif
