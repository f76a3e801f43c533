#include "shared/systems/body.h"

#include "shared/model/text.h"

#include <stdio.h>
#include <stdlib.h>

Status body_parse(JsonDocument *document, FamilyId id, Bytes bytes, Arena *arena, Diag *diag)
{
    const FamilyRule *rule = family_rule((uint8_t)id);
    if (rule == NULL) {
        return STATUS_MALFORMED;
    }
    Status status = json_document_parse(document, bytes, rule->schema, arena, diag);
    if (status != STATUS_OK) {
        return status;
    }
    JsonNode root = json_document_root(document);
    JsonNode schema = json_required(&root, "schema");
    if (document->status == STATUS_OK &&
        (!json_is_string(schema.value) || strcmp(json_string_value(schema.value), rule->schema) != 0)) {
        json_fail(&schema, STATUS_VERSION_MISMATCH, "must be \"%s\"", rule->schema);
    }
    if (document->status != STATUS_OK) {
        status = document->status;
        json_document_finish(document);
    }
    return status;
}

static bool readable(const JsonNode *node)
{
    return node->value != NULL && node->document->status == STATUS_OK;
}

int64_t body_read_integer(const JsonNode *node, int64_t minimum, int64_t maximum, int64_t fallback)
{
    if (!readable(node)) {
        return fallback;
    }
    if (!json_is_integer(node->value)) {
        json_fail(node, STATUS_MALFORMED, "must be an integer");
        return fallback;
    }
    int64_t value = json_integer_value(node->value);
    if (value < minimum || value > maximum) {
        json_fail(node, STATUS_OUT_OF_RANGE, "%lld is outside %lld to %lld", (long long)value,
                  (long long)minimum, (long long)maximum);
        return fallback;
    }
    return value;
}

const char *body_read_name(const JsonNode *node)
{
    const char *name = json_read_text(node, 1, SYSTEM_NAME_SIZE - 1, "");
    if (readable(node) && !system_name_valid(name)) {
        json_fail(node, STATUS_MALFORMED, "is no name of a system");
        return "";
    }
    return name;
}

bool body_id_valid(const char *text)
{
    return strnlen(text, INTERFACE_ID_SIZE) == INTERFACE_ID_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == INTERFACE_ID_SIZE - 1;
}

const char *body_read_id(const JsonNode *node)
{
    const char *id = json_read_text(node, INTERFACE_ID_SIZE - 1, INTERFACE_ID_SIZE - 1, "");
    if (readable(node) && !body_id_valid(id)) {
        json_fail(node, STATUS_MALFORMED, "is no id: 32 lower-case hex digits");
        return "";
    }
    return id;
}

uint32_t body_read_rights(const JsonNode *node)
{
    uint32_t rights = 0;
    size_t count = json_array_size_in(node, 0, 2);
    for (size_t i = 0; i < count; i++) {
        JsonNode element = json_element(node, i);
        const char *name = json_read_text(&element, 1, 16, "");
        uint32_t right = strcmp(name, "read") == 0      ? RIGHT_READ
                         : strcmp(name, "actuate") == 0 ? RIGHT_ACTUATE
                                                        : 0;
        if (right == 0 || (rights & right) != 0) {
            json_fail(&element, STATUS_MALFORMED, "must be \"read\" or \"actuate\", each once");
            return 0;
        }
        rights |= right;
    }
    return rights;
}

bool body_read_value(const JsonNode *node, Value *out)
{
    if (!readable(node)) {
        return false;
    }
    if (json_is_number(node->value)) {
        *out = (Value){ .type = VALUE_NUMBER, .number = json_number_value(node->value) };
    } else if (json_is_boolean(node->value)) {
        *out = (Value){ .type = VALUE_BOOLEAN, .boolean = json_is_true(node->value) };
    } else {
        const char *text = json_read_text(node, 0, TEXT_SIZE_MAX, NULL);
        if (text == NULL) {
            return false;
        }
        *out = (Value){ .type = VALUE_TEXT, .text = text };
    }
    return true;
}

/* ---- writing ---- */

BodyWriter body_begin(FamilyId id)
{
    BodyWriter writer = { .id = id, .root = json_object() };
    body_text(&writer, "schema", family_rule((uint8_t)id)->schema);
    return writer;
}

void body_set(BodyWriter *writer, const char *key, json_t *value)
{
    if (writer->root == NULL) {
        json_decref(value);
    } else if (json_object_set_new(writer->root, key, value) != 0) {
        json_decref(writer->root);
        writer->root = NULL;
    }
}

void body_text(BodyWriter *writer, const char *key, const char *text)
{
    body_set(writer, key, json_string(text));
}

void body_integer(BodyWriter *writer, const char *key, int64_t value)
{
    body_set(writer, key, json_integer(value));
}

void body_number(BodyWriter *writer, const char *key, double value)
{
    body_set(writer, key, json_real(value));
}

void body_boolean(BodyWriter *writer, const char *key, bool value)
{
    body_set(writer, key, json_boolean(value));
}

void body_value(BodyWriter *writer, const char *key, Value value)
{
    switch (value.type) {
    case VALUE_NUMBER:
        body_number(writer, key, value.number);
        break;
    case VALUE_BOOLEAN:
        body_boolean(writer, key, value.boolean);
        break;
    case VALUE_TEXT:
        body_text(writer, key, value.text);
        break;
    }
}

void body_rights(BodyWriter *writer, const char *key, uint32_t rights)
{
    json_t *array = json_array();
    int failed = array == NULL;
    if (!failed && (rights & RIGHT_READ) != 0) {
        failed |= json_array_append_new(array, json_string("read"));
    }
    if (!failed && (rights & RIGHT_ACTUATE) != 0) {
        failed |= json_array_append_new(array, json_string("actuate"));
    }
    if (failed) {
        json_decref(array);
        array = NULL;
    }
    body_set(writer, key, array);
}

char *body_finish(BodyWriter *writer, size_t *out_size)
{
    char *text = writer->root == NULL ? NULL : json_dumps(writer->root, JSON_COMPACT);
    json_decref(writer->root);
    writer->root = NULL;
    *out_size = text == NULL ? 0 : strlen(text);
    return text;
}

Status body_send(BodyWriter *writer, Bus bus, const char *to, const char *subject, uint64_t correlation)
{
    size_t size;
    char *text = body_finish(writer, &size);
    if (text == NULL) {
        return STATUS_INVALID_ARGUMENT;
    }
    BusMessage message = { .id = writer->id, .correlation = correlation, .body = bytes_of(text, size) };
    snprintf(message.to, sizeof message.to, "%s", to == NULL ? "" : to);
    snprintf(message.subject, sizeof message.subject, "%s", subject == NULL ? "" : subject);
    Status status = bus_send(bus, &message);
    free(text);
    return status;
}
