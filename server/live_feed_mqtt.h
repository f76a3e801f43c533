/* live_feed_mqtt.h - opens what speaks to a real broker: a feed of live devices for a twin system, and the
 * edge by which a physical world is such a device. Each has a link of its own. */
#ifndef SERVER_LIVE_FEED_MQTT_H
#define SERVER_LIVE_FEED_MQTT_H
#include "server/physical/mqtt_edge.h"
#include "server/twin/feed.h"
#include "shared/model/text.h"
#include "shared/mqtt/mqtt_link_mqtt.h"

typedef struct LiveFeedConfig {
    const char *type;         /* "mqtt" or "sparkplug" */
    const char *url;          /* of the broker; mqtt_url.h */
    Bytes mapping;            /* JSON (server/twin/MQTT.md, SPARKPLUG.md); empty: the default of the type */
    const char *mapping_path; /* names it in messages; may be NULL when empty */
    size_t ring_bytes;        /* 0: default */
    const World *world;       /* borrowed, as the next two, for as long as the feed lives */
    TextTable *texts;
    Arena *arena; /* of the mapping */
} LiveFeedConfig;

bool live_feed_type_known(const char *type);

/* Starts connecting; a broker that is not there is no failure, the feed is lost until it is. Statuses of
 * mqtt_url_parse, mqtt_mapping_load, sparkplug_mapping_load, mqtt_link_open and the feeds; STATUS_UNSUPPORTED
 * for another type; with `diag`. The caller owns *out_feed. */
NODISCARD Status live_feed_open(const LiveFeedConfig *config, Feed *out_feed, Diag *diag);

/* Puts `field` behind the broker at `url`, with a last will that says "offline". `world`, `texts` and the
 * field's context are borrowed for as long as the edge lives. Statuses of mqtt_url_parse, mqtt_link_open and
 * mqtt_edge_create, with `diag`. The caller owns *out_edge. */
NODISCARD Status live_edge_open(const char *url, const World *world, const TextTable *texts, Field field,
                                MqttEdge **out_edge, Diag *diag);

#endif
