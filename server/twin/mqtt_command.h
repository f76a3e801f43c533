/* mqtt_command.h - commands as messages of a broker, and the answers to them, as a mapping says. Pure. */
#ifndef SERVER_TWIN_MQTT_COMMAND_H
#define SERVER_TWIN_MQTT_COMMAND_H
#include "server/twin/mqtt_mapping.h"
#include "shared/systems/field.h"

#define MQTT_COMMAND_PAYLOAD_SIZE 2048

typedef struct MqttCommandText {
    char topic[MQTT_TOPIC_SIZE_MAX + 1];
    char payload[MQTT_COMMAND_PAYLOAD_SIZE];
    size_t payload_size;
} MqttCommandText;

/* Fills the templates of `mapping` with `command`, issued at Unix time `issued`. The thing and action exist.
 * STATUS_UNSUPPORTED: the mapping sends no commands; STATUS_OUT_OF_RANGE: too long, or a name that no topic
 * can hold. */
NODISCARD Status mqtt_command_write(const MqttMapping *mapping, const World *world,
                                    const FieldCommand *command, TimeNs issued, MqttCommandText *out_text);

/* Reads an answer (untrusted). STATUS_MALFORMED. */
NODISCARD Status mqtt_answer_read(const MqttMapping *mapping, Bytes payload, FieldAnswer *out_answer);

#endif
