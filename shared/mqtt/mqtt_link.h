/* mqtt_link.h - a connection to an MQTT broker as its users see it: topics out, messages in, and whether the
 * broker is there. Behind the same table stand mqtt_link_mqtt.c (libmosquitto in a thread of its own) and
 * mqtt_link_memory.c (tests). A link is made once and connects by itself, again and again; subscriptions are
 * kept over that. No call blocks. One owner; not thread-safe (the thread of libmosquitto is hidden inside).
 */
#ifndef SHARED_MQTT_MQTT_LINK_H
#define SHARED_MQTT_MQTT_LINK_H
#include "shared/base/bytes.h"
#include "shared/base/status.h"
#include "shared/base/time.h"

#define MQTT_TOPIC_SIZE_MAX   512             /* bytes, without terminator; longer topics are not taken */
#define MQTT_PAYLOAD_SIZE_MAX ((size_t)65536) /* bytes; larger messages are dropped and counted */
#define MQTT_LINK_FILTERS_MAX 64

/* Everything is borrowed and valid until the message is popped. */
typedef struct MqttMessage {
    const char *topic; /* terminated */
    size_t topic_size;
    Bytes payload;
    bool retained;   /* the broker had kept it: it says what was, not what just happened */
    TimeNs received; /* Unix ns */
} MqttMessage;

typedef struct MqttPublish {
    const char *topic;
    Bytes payload;
    int qos; /* 0..2 */
    bool retain;
} MqttPublish;

typedef struct MqttLinkStatus {
    bool connected;
    uint32_t connections; /* times it was established so far */
    uint64_t received;    /* messages handed over or waiting to be */
    uint64_t dropped;     /* messages lost because nobody took those before */
    uint64_t too_large;   /* messages or topics beyond the limits above: not handed over */
    uint64_t published;   /* given to the broker */
    uint64_t discarded;   /* accepted by publish, and then the broker was gone */
    char reason[128];     /* why it is not connected, for people; "" when it is */
} MqttLinkStatus;

typedef struct MqttLinkOps {
    /* Asks for topics that match `filter` (MQTT's, with + and #; copied), now and after every reconnect.
     * STATUS_INVALID_ARGUMENT (no filter), STATUS_CAPACITY beyond MQTT_LINK_FILTERS_MAX. */
    Status (*subscribe)(void *context, const char *filter, int qos);
    /* Sends a message; it is copied. STATUS_DISCONNECTED: no broker, and nothing is kept for later;
     * STATUS_CAPACITY: too many are on their way; STATUS_OUT_OF_RANGE: larger than the limits. */
    Status (*publish)(void *context, const MqttPublish *message);
    /* The oldest message that has come, false when there is none. It stays the oldest until popped. */
    bool (*peek)(void *context, MqttMessage *out_message);
    void (*pop)(void *context);
    void (*status)(void *context, MqttLinkStatus *out_status);
    TimeNs (*clock)(void *context);      /* Unix ns, now */
    int (*wake_fd)(const void *context); /* readable when there are messages or news of the broker; -1 none */
    void (*destroy)(void *context);
} MqttLinkOps;

typedef struct MqttLink {
    const MqttLinkOps *ops;
    void *context; /* owned by whoever holds the link */
} MqttLink;

/* What is said for us when we are gone (a last will). */
typedef struct MqttWill {
    const char *topic; /* NULL: no will */
    Bytes payload;
    int qos;
    bool retain;
} MqttWill;

/* Whether `filter` may be subscribed to: + and # alone in their level, # last, valid size. */
bool mqtt_filter_valid(const char *filter);

/* Whether `topic` may be published to: 1 to MQTT_TOPIC_SIZE_MAX bytes, no wildcard, no control character. */
bool mqtt_topic_valid(const char *topic);

/* Whether messages of `topic` come to who subscribed to `filter`: MQTT 5.0, 4.7; topics that begin with '$'
 * match no leading wildcard. */
bool mqtt_filter_matches(const char *filter, const char *topic);

#endif
