/* mqtt_url.h - where a broker is: mqtt://user:password@host:port/prefix, mqtts:// for TLS. Pure. */
#ifndef SHARED_MQTT_MQTT_URL_H
#define SHARED_MQTT_MQTT_URL_H
#include "shared/base/diag.h"

#include <stdbool.h>
#include <stdint.h>

#define MQTT_PORT     1883
#define MQTT_TLS_PORT 8883

typedef struct MqttUrl {
    bool tls;
    char host[256]; /* a name, an IPv4 address, or an IPv6 address without its brackets */
    uint16_t port;
    char user[128], password[128]; /* "" when not given; percent escapes decoded */
    char prefix[128];              /* path without slashes around it; "" when not given */
} MqttUrl;

/* Reads `text` (RFC 3986: scheme "mqtt" or "mqtts", percent escapes in user, password and prefix). Query and
 * fragment are not known. STATUS_MALFORMED, STATUS_UNSUPPORTED (scheme), STATUS_OUT_OF_RANGE (port, length)
 * with `diag`, which never holds the password; *out_url is then unchanged. */
NODISCARD Status mqtt_url_parse(const char *text, MqttUrl *out_url, Diag *diag);

/* "mqtts://host:port/prefix", for people: without user and password. Returns `out`. */
const char *mqtt_url_format(const MqttUrl *url, char *out, size_t size);

#endif
