/* mqtt_mapping.h - how topics and payloads of a broker become samples of a world's things, and commands
 * become messages. Format: server/twin/MQTT.md. Pure. */
#ifndef SERVER_TWIN_MQTT_MAPPING_H
#define SERVER_TWIN_MQTT_MAPPING_H
#include "shared/model/json.h"
#include "shared/model/world.h"
#include "shared/mqtt/json_scan.h"
#include "shared/mqtt/mqtt_link.h"
#include "shared/trace/pattern.h"
#include "shared/trace/time_format.h"

#define MQTT_LEVELS_MAX 16
#define MQTT_RULES_MAX  256
#define MQTT_VALUES_MAX 256

typedef enum MqttPayload { MQTT_PAYLOAD_JSON, MQTT_PAYLOAD_NUMBER, MQTT_PAYLOAD_TEXT } MqttPayload;

/* A topic with captures, level by level. */
typedef struct MqttTopic {
    const char *filter; /* what to subscribe to */
    Pattern levels[MQTT_LEVELS_MAX];
    uint32_t level_count;
    bool rest; /* ends with "#": any further levels */
    PatternNames names;
} MqttTopic;

/* A name from the topic, or from the payload. */
typedef struct MqttName {
    bool from_json;
    Pattern template; /* by what the topic captured */
} MqttName;

/* What a rule looks at in a JSON payload. */
typedef enum MqttField {
    MQTT_FIELD_VALUE,
    MQTT_FIELD_TIME,
    MQTT_FIELD_QUALITY,
    MQTT_FIELD_THING,
    MQTT_FIELD_PROPERTY,
    MQTT_FIELDS
} MqttField;

typedef struct MqttValue {
    const char *text; /* in the payload */
    size_t size;
    Value value;
} MqttValue;

/* From a device's terms to those of the Thing Description. */
typedef struct MqttConversion {
    const char *unit; /* NULL: the property's own, or scale and offset */
    double scale, offset;
    MqttValue *values;
    uint32_t value_count;
} MqttConversion;

typedef struct MqttRule {
    MqttTopic topic;
    int qos;
    MqttPayload payload;
    MqttName thing, property;
    ScanPath paths[MQTT_FIELDS]; /* those of the fields that it does look at, in any order */
    uint8_t fields[MQTT_FIELDS]; /* MqttField of each */
    uint32_t path_count;
    bool has_time, has_quality; /* else: time of arrival, always good */
    TimeFormat time;
    MqttConversion conversion;
} MqttRule;

typedef struct MqttCommands {
    const char *topic, *payload; /* templates; topic NULL: this feed only listens */
    int qos;
    MqttTopic answer; /* filter NULL: no answers */
    ScanPath answer_command, answer_accepted, answer_reason;
} MqttCommands;

typedef struct MqttStatusTopic {
    const char *topic; /* NULL: nobody says so */
    const char *online, *offline;
    int qos;
} MqttStatusTopic;

/* How to connect, where the mapping says so; zeros and NULLs otherwise. */
typedef struct MqttConnection {
    int protocol;
    const char *client_id, *ca, *cert, *key;
    uint16_t keep_alive_s;
    bool keep_session;
    uint32_t session_expiry_s;
} MqttConnection;

typedef struct MqttMapping {
    const char *path;
    bool strict; /* a topic that leads nowhere is refused, not just counted */
    MqttRule *rules;
    uint32_t rule_count;
    MqttCommands commands;
    MqttStatusTopic status;
    MqttConnection connection;
} MqttMapping;

/* Reads a mapping (JSON, untrusted) against `world`; everything lives in `arena`. `prefix` stands for
 * {prefix} in topics ("" or NULL: "dtmv"), the world's name for {world}. `json` empty: the project's own
 * mapping. On failure *out_mapping is unchanged and `diag` names path, line and field: STATUS_MALFORMED,
 * STATUS_OUT_OF_RANGE, STATUS_NOT_FOUND (a rule that can lead nowhere), STATUS_INVALID_ARGUMENT (units),
 * STATUS_OUT_OF_MEMORY. */
NODISCARD Status mqtt_mapping_load(Bytes json, const char *path, const World *world, const char *prefix,
                                   Arena *arena, MqttMapping **out_mapping, Diag *diag);

/* Parts that other mappings share; errors are kept in the node's document. */
void mqtt_conversion_read(const JsonNode *rule, MqttConversion *out_conversion);
void mqtt_connection_read(const JsonNode *root, MqttConnection *out_connection);

/* Whether `topic` is one of these; fills `captures`, borrowed from `topic`. */
bool mqtt_topic_match(const MqttTopic *pattern, const char *topic, size_t size, PatternCaptures *captures);

#endif
