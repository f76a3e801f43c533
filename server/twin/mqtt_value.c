#include "server/twin/mqtt_value.h"

#include "shared/trace/number.h"

Status mqtt_payload_scan(const MqttRule *rule, Bytes payload, ScanField out_fields[MQTT_FIELDS])
{
    ScanField found[MQTT_FIELDS];
    memset(out_fields, 0, MQTT_FIELDS * sizeof *out_fields);
    if (rule->payload != MQTT_PAYLOAD_JSON) {
        return STATUS_OK;
    }
    Status status = json_scan(payload, rule->paths, rule->path_count, found);
    for (uint32_t i = 0; i < rule->path_count && status == STATUS_OK; i++) {
        out_fields[rule->fields[i]] = found[i];
    }
    return status;
}

/* A payload that is no JSON, as the field it would be: a number or a text, without space around it. */
static ScanField plain_field(const MqttBinding *binding, Bytes payload)
{
    const char *text = payload.size == 0 ? "" : (const char *)payload.data;
    size_t size = payload.size;
    while (size > 0 && (text[0] == ' ' || text[0] == '\t' || text[0] == '\r' || text[0] == '\n')) {
        text++;
        size--;
    }
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t' || text[size - 1] == '\r' ||
                        text[size - 1] == '\n')) {
        size--;
    }
    bool number = binding->rule->payload == MQTT_PAYLOAD_NUMBER;
    ScanField field = { .kind = number ? SCAN_NUMBER : SCAN_TEXT, .text = text, .size = size };
    if (!number && binding->declared->encoding == CHANNEL_BOOLEAN) {
        field.boolean = size == 4 && memcmp(text, "true", 4) == 0;
        bool word = field.boolean || (size == 5 && memcmp(text, "false", 5) == 0);
        field.kind = word ? SCAN_BOOLEAN : SCAN_TEXT;
    }
    return field;
}

static const Value *listed_value(const MqttRule *rule, const char *text, size_t size)
{
    for (uint32_t i = 0; i < rule->conversion.value_count; i++) {
        if (rule->conversion.values[i].size == size &&
            memcmp(rule->conversion.values[i].text, text, size) == 0) {
            return &rule->conversion.values[i].value;
        }
    }
    return NULL;
}

/* Why `field` is no value of the property; NULL: it is, and *out_code is it. */
static const char *encode(const MqttBinding *binding, const ScanField *field, TextTable *texts,
                          int64_t *out_code)
{
    char text[1024];
    size_t size = field->size;
    const Value *listed = NULL;
    Value value = { .type = VALUE_BOOLEAN, .boolean = field->boolean };
    if (field->kind == SCAN_COMPOUND) {
        return "is an object or array";
    }
    if (field->kind == SCAN_TEXT) {
        value = (Value){ .type = VALUE_TEXT, .text = text };
        if (!scan_is_clean(field->text, field->size)) {
            return "is no UTF-8 text without control characters";
        }
        /* A plain text may hold a backslash that means itself. */
        if (field->escaped ? !scan_text(field, text, sizeof text, &size) : size >= sizeof text) {
            return "is too long or has control characters";
        }
        if (!field->escaped) {
            memcpy(text, field->text, size);
            text[size] = '\0';
        }
        listed = listed_value(binding->rule, text, size);
    } else if (binding->rule->conversion.value_count > 0) {
        listed = listed_value(binding->rule, field->text, size);
    }
    if (listed == NULL && field->kind == SCAN_NUMBER) {
        double number;
        Status status = number_parse(field->text, size, '.', &number);
        if (status != STATUS_OK) {
            return status == STATUS_OUT_OF_RANGE ? "is too large for a number" : "is no number";
        }
        value = (Value){ .type = VALUE_NUMBER,
                         .number = binding->converts ? number * binding->scale + binding->offset : number };
    }
    Status status = property_encode(binding->declared, listed == NULL ? value : *listed, texts, out_code);
    if (status == STATUS_CAPACITY || status == STATUS_OUT_OF_MEMORY) {
        return "is one text more than the table of texts holds";
    }
    return status == STATUS_OK             ? NULL
           : status == STATUS_OUT_OF_RANGE ? "is outside what the Thing Description allows"
                                           : "is of another type than the Thing Description declares";
}

static Status read_time(const MqttRule *rule, const ScanField *field, TimeNs *out_time,
                        const char **out_reason)
{
    *out_time = TIME_NONE;
    if (!rule->has_time) {
        return STATUS_OK;
    }
    Status status = STATUS_MALFORMED;
    if (field->kind == SCAN_NUMBER || (field->kind == SCAN_TEXT && !field->escaped)) {
        status = time_format_parse(&rule->time, field->text, field->size, out_time);
    }
    if (status != STATUS_OK) {
        *out_reason = field->kind == SCAN_ABSENT ? "has no time" : "has a time that does not look as mapped";
    }
    return status;
}

/* Whether the device says that its value is good; anything it says in another way is not. */
static bool is_good(const MqttRule *rule, const ScanField *quality)
{
    switch (rule->has_quality ? quality->kind : SCAN_ABSENT) {
    case SCAN_ABSENT:
        return true;
    case SCAN_BOOLEAN:
        return quality->boolean;
    case SCAN_TEXT:
        return quality->size == 4 && memcmp(quality->text, "good", 4) == 0;
    default:
        return false;
    }
}

Status mqtt_value_read(const MqttBinding *binding, Bytes payload, const ScanField *fields, TextTable *texts,
                       MqttReading *out_reading, const char **out_reason)
{
    const MqttRule *rule = binding->rule;
    ScanField plain;
    const ScanField *value = &fields[MQTT_FIELD_VALUE];
    MqttReading reading = { .quality = QUALITY_BAD };
    *out_reason = NULL;
    if (rule->payload != MQTT_PAYLOAD_JSON) {
        plain = plain_field(binding, payload);
        value = &plain;
    }
    if (value->kind == SCAN_ABSENT) {
        return STATUS_EMPTY;
    }
    Status status = read_time(rule, &fields[MQTT_FIELD_TIME], &reading.time, out_reason);
    if (status != STATUS_OK) {
        return status;
    }
    if (value->kind != SCAN_NULL && is_good(rule, &fields[MQTT_FIELD_QUALITY])) {
        *out_reason = encode(binding, value, texts, &reading.code);
        reading.quality = *out_reason == NULL ? QUALITY_GOOD : QUALITY_BAD;
    }
    *out_reading = reading;
    return STATUS_OK;
}
