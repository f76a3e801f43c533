/* sparkplug_feed.h - a feed of live devices that speak Sparkplug B, as a host application (server/twin/
 * SPARKPLUG.md). Pure over its link. */
#ifndef SERVER_TWIN_SPARKPLUG_FEED_H
#define SERVER_TWIN_SPARKPLUG_FEED_H
#include "server/twin/feed.h"
#include "server/twin/sparkplug_mapping.h"
#include "shared/model/text.h"

#define SPARKPLUG_REBIRTH_INTERVAL (5 * TIME_SECOND) /* a node is asked again after so long */
#define SPARKPLUG_STATE_SIZE       80

typedef struct SparkplugFeedConfig {
    MqttLink link; /* with mapping->primary its last will is sparkplug_state(false) at the same `since` */
    const SparkplugMapping *mapping; /* borrowed, as the next two */
    const World *world;
    TextTable *texts;
    TimeNs since; /* Unix ns: when this host came up, in its STATE */
} SparkplugFeedConfig;

/* {"online": true, "timestamp": 1700000000000}; `out` holds SPARKPLUG_STATE_SIZE bytes. The number of bytes.
 */
size_t sparkplug_state(bool online, TimeNs since, char *out);

/* Counters: `rows` messages, `refused` what is malformed, unknown or out of step, `unmapped` metrics that are
 * no property. STATUS_OUT_OF_MEMORY, STATUS_CAPACITY, with `diag`. On success the feed owns the link, on
 * failure the caller still does. */
NODISCARD Status sparkplug_feed_create(const SparkplugFeedConfig *config, Feed *out_feed, Diag *diag);

/* The first refused message ("topic: why"), or NULL. `feed` is one of sparkplug_feed_create. */
const Diag *sparkplug_feed_first_error(const Feed *feed);

#endif
