/* mqtt_edge.h - the physical world on the other side of a broker: publishes what a Field measures and takes
 * commands for it, by the project's own topics (server/twin/MQTT.md). Pure over link and field; one owner. */
#ifndef SERVER_PHYSICAL_MQTT_EDGE_H
#define SERVER_PHYSICAL_MQTT_EDGE_H
#include "shared/base/diag.h"
#include "shared/model/text.h"
#include "shared/model/world.h"
#include "shared/mqtt/mqtt_link.h"
#include "shared/systems/field.h"

#define MQTT_EDGE_COMMAND_AGE   (30 * TIME_SECOND) /* older commands are refused: they were meant for then */
#define MQTT_EDGE_COMMAND_AHEAD (5 * TIME_SECOND)

typedef struct MqttEdge MqttEdge; /* opaque */

typedef struct MqttEdgeConfig {
    MqttLink link;      /* its last will is mqtt_edge_status_topic, "offline", retained */
    const World *world; /* borrowed, as the next two */
    const TextTable *texts;
    Field field;
    const char *prefix; /* of topics; NULL or "": "dtmv" */
} MqttEdgeConfig;

typedef struct MqttEdgeCounters {
    uint64_t samples;   /* measured */
    uint64_t published; /* given to the link, with what is repeated after a reconnect */
    uint64_t merged;    /* replaced by a newer one of the same property while the broker was away or busy */
    uint64_t commands, accepted, refused; /* refused: by the field, too old, or retained */
    uint64_t malformed;                   /* messages that are no command of this world: no answer */
} MqttEdgeCounters;

/* "dtmv/plant/status", terminated. False when it does not fit. */
bool mqtt_edge_status_topic(const World *world, const char *prefix, char *out, size_t size);

/* Subscribes to commands. STATUS_OUT_OF_MEMORY; STATUS_INVALID_ARGUMENT (a name that no topic can hold), with
 * `diag`. On success the edge owns the link, on failure the caller still does. */
NODISCARD Status mqtt_edge_create(const MqttEdgeConfig *config, MqttEdge **out_edge, Diag *diag);

/* Says "offline" and goes. Safe on NULL. */
void mqtt_edge_destroy(MqttEdge *edge);

/* Takes commands, publishes what was measured by monotonic `now`, and tells the field that the link is alive
 * while it is. After each connection it says "online" and repeats the newest value of every property. Returns
 * the field's failure. */
NODISCARD Status mqtt_edge_tick(MqttEdge *edge, TimeNs now);

int mqtt_edge_wake_fd(const MqttEdge *edge); /* readable when a command came; -1 none */
bool mqtt_edge_connected(const MqttEdge *edge);
const MqttEdgeCounters *mqtt_edge_counters(const MqttEdge *edge);

#endif
