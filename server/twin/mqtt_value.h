/* mqtt_value.h - what a payload says, as the code of the property it is bound to. Pure. */
#ifndef SERVER_TWIN_MQTT_VALUE_H
#define SERVER_TWIN_MQTT_VALUE_H
#include "server/twin/mqtt_topics.h"

/* `quality` is GOOD, or BAD with code 0. `time` TIME_NONE: that of arrival. */
typedef struct MqttReading {
    int64_t code;
    TimeNs time;
    uint8_t quality;
} MqttReading;

/* The fields that `rule` looks at in a payload (untrusted); all absent where it is no JSON. STATUS_MALFORMED.
 */
NODISCARD Status mqtt_payload_scan(const MqttRule *rule, Bytes payload, ScanField out_fields[MQTT_FIELDS]);

/* Reads `payload`, of which `fields` are known, by `binding` (complete: mqtt_bind_payload). *out_reason
 * (static storage) is NULL, or says what was wrong with it.
 * STATUS_OK: a reading. With a reason the property cannot have that value, and the reading is BAD; it is BAD
 * too, without a reason, where the device said null or that it is not good.
 * STATUS_EMPTY: there is no such value in it. STATUS_MALFORMED, STATUS_OUT_OF_RANGE: its time makes no sense.
 * *out_reading is then unchanged. */
NODISCARD Status mqtt_value_read(const MqttBinding *binding, Bytes payload, const ScanField *fields,
                                 TextTable *texts, MqttReading *out_reading, const char **out_reason);

#endif
