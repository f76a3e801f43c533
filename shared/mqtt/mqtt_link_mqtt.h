/* mqtt_link_mqtt.h - the link to a real broker, by libmosquitto: MQTT 3.1.1 and 5, TLS, password, last will,
 * reconnect with backoff and jitter. A thread of its own talks to the broker; messages cross over in a
 * bounded ring each way. When the ring towards the owner is full the thread stops reading, so that TCP holds
 * the broker back and nothing is lost here (unless `drop_when_full`). */
#ifndef SHARED_MQTT_MQTT_LINK_MQTT_H
#define SHARED_MQTT_MQTT_LINK_MQTT_H
#include "shared/base/diag.h"
#include "shared/mqtt/mqtt_link.h"
#include "shared/mqtt/mqtt_url.h"

#define MQTT_KEEP_ALIVE_S    10
#define MQTT_BACKOFF_MIN     (250 * TIME_MS)
#define MQTT_BACKOFF_MAX     (30 * TIME_SECOND)
#define MQTT_RING_BYTES      ((size_t)4 << 20)
#define MQTT_RING_BYTES_MIN  ((size_t)256 << 10) /* holds the largest message twice, wherever it begins */
#define MQTT_CONNECT_TIMEOUT (10 * TIME_SECOND)

/* Zero means default. Texts are copied. */
typedef struct MqttLinkConfig {
    const MqttUrl *url;
    int protocol;          /* 4: MQTT 3.1.1 (default); 5 */
    const char *client_id; /* NULL: one by chance; required with `keep_session` */
    const char *ca_file;   /* PEM; NULL: the system's certificates. Used with mqtts only, as the next two */
    const char *cert_file, *key_file;
    uint16_t keep_alive_s; /* MQTT_KEEP_ALIVE_S */
    bool keep_session;     /* the broker keeps subscriptions and messages of QoS 1 and 2 while we are away */
    uint32_t session_expiry_s; /* MQTT 5 with keep_session: for how long. The connection is then made in a way
                                  that destroy may have to wait for (as long as TCP tries) */
    MqttWill will;
    TimeNs backoff_min,
        backoff_max;     /* between attempts: doubles each time, and up to half is left to chance */
    size_t ring_bytes;   /* towards the owner */
    bool drop_when_full; /* drop and count instead of holding the broker back */
    uint64_t seed;       /* of the jitter and of a client id by chance; 0: by the clock */
} MqttLinkConfig;

/* Starts connecting; whether the broker is there is told by the link's status. STATUS_INVALID_ARGUMENT
 * (config), STATUS_NOT_FOUND (a TLS file that cannot be read), STATUS_OUT_OF_MEMORY, STATUS_IO_ERROR (no
 * thread), with `diag`. The caller owns *out_link (ops->destroy, which sends what is on its way, for 200 ms
 * at most, and says goodbye; the will is not published then. A name that is being looked up is waited for).
 */
NODISCARD Status mqtt_link_open(const MqttLinkConfig *config, MqttLink *out_link, Diag *diag);

#endif
