/* mqtt_feed.h - a feed of live devices behind an MQTT broker, by a mapping of topics (server/twin/MQTT.md).
 * Pure over its link. */
#ifndef SERVER_TWIN_MQTT_FEED_H
#define SERVER_TWIN_MQTT_FEED_H
#include "server/twin/feed.h"
#include "server/twin/mqtt_mapping.h"
#include "shared/model/text.h"

typedef struct MqttFeedConfig {
    MqttLink link;
    const MqttMapping *mapping; /* borrowed, as the next two */
    const World *world;
    TextTable *texts;
} MqttFeedConfig;

/* Subscribes to what the mapping needs. The feed's clock is learned from the stamps of what arrives
 * (live_clock.h). What the broker had retained is delivered with the time it carries, and as stale when it
 * carries none; it does not move the clock. `lost` while the broker is away or the status topic says offline.
 * The first refused message is logged, all are counted. STATUS_OUT_OF_MEMORY, STATUS_CAPACITY (more filters
 * than a link takes), with `diag`. On success the feed owns the link, on failure the caller still does. */
NODISCARD Status mqtt_feed_create(const MqttFeedConfig *config, Feed *out_feed, Diag *diag);

/* The first refused message ("topic: why"), or NULL. `feed` is one of mqtt_feed_create. */
const Diag *mqtt_feed_first_error(const Feed *feed);

#endif
