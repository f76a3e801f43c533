#include "server/twin/mqtt_mapping.h"

#include "shared/trace/unit.h"

#include <math.h>
#include <stdio.h>

/* The project's own topics: what server/physical publishes and takes. */
static const char default_mapping[] =
    "{ \"dtmv_mqtt\": 1, \"strict\": true,\n"
    "  \"topics\": [ { \"topic\": \"{prefix}/{world}/{thing}/{property}\", \"thing\": \"{thing}\",\n"
    "    \"property\": \"{property}\", \"value\": \"value\", \"quality\": \"quality\",\n"
    "    \"time\": { \"json\": \"time\", \"format\": \"epoch_ns\" } } ],\n"
    "  \"status\": { \"topic\": \"{prefix}/{world}/status\" },\n"
    "  \"commands\": { \"topic\": \"{prefix}/{world}/{thing}/!/{action}\",\n"
    "    \"payload\": \"{\\\"command\\\": \\\"{command}\\\", \\\"value\\\": {value}, \\\"issued\\\": "
    "{issued}, "
    "\\\"seen\\\": {seen}}\",\n"
    "    \"answer\": { \"topic\": \"{prefix}/{world}/+/!/+/answer\" } } }\n";

typedef struct Loader {
    JsonDocument document;
    MqttMapping *mapping;
    const World *world;
    const char *prefix;
    Arena *arena;
} Loader;

static void fail_memory(const JsonNode *node)
{
    json_fail(node, STATUS_OUT_OF_MEMORY, "out of memory");
}

static int read_whole(const JsonNode *node, int minimum, int maximum, int fallback)
{
    double number = json_read_number(node, minimum, maximum, fallback);
    if (number != floor(number)) {
        json_fail(node, STATUS_MALFORMED, "must be a whole number");
    }
    return (int)number;
}

static int read_qos(const JsonNode *object)
{
    JsonNode qos = json_member(object, "qos");
    return read_whole(&qos, 0, 2, 0);
}

/* A copy of `text` with {prefix} and {world} filled in; NULL after an error. */
static const char *fill_in(Loader *loader, const JsonNode *node, const char *text)
{
    const char *names[] = { "{prefix}", "{world}" };
    const char *means[] = { loader->prefix, loader->world->name };
    char out[2 * MQTT_TOPIC_SIZE_MAX];
    size_t used = 0;
    while (*text != '\0') {
        size_t which = 0;
        while (which < ARRAY_COUNT(names) && strncmp(text, names[which], strlen(names[which])) != 0) {
            which++;
        }
        bool found = which < ARRAY_COUNT(names);
        size_t size = found ? strlen(means[which]) : 1;
        if (used + size >= sizeof out) {
            json_fail(node, STATUS_OUT_OF_RANGE, "is too long with prefix and world filled in");
            return NULL;
        }
        memcpy(out + used, found ? means[which] : text, size);
        used += size;
        text += found ? strlen(names[which]) : 1;
    }
    const char *copy = arena_copy_text(loader->arena, out, used);
    if (copy == NULL) {
        fail_memory(node);
    }
    return copy;
}

/* ---- topics with captures ---- */

static void compile_level(Loader *loader, const JsonNode *node, const char *text, MqttTopic *topic)
{
    const char *reason = "";
    Pattern *level = &topic->levels[topic->level_count++];
    Status status =
        pattern_compile(strcmp(text, "+") == 0 ? "*" : text, &topic->names, loader->arena, level, &reason);
    if (status == STATUS_OUT_OF_MEMORY) {
        fail_memory(node);
    } else if (status != STATUS_OK) {
        json_fail(node, status, "level '%s' of the topic %s", text, reason);
    }
}

/* The filter: levels with a wildcard become "+". */
static const char *make_filter(Loader *loader, const JsonNode *node, const MqttTopic *topic)
{
    char filter[2 * MQTT_TOPIC_SIZE_MAX];
    size_t used = 0;
    for (uint32_t i = 0; i < topic->level_count; i++) {
        const Pattern *level = &topic->levels[i];
        const char *text = level->has_wildcard ? "+" : level->part_count == 0 ? "" : level->parts[0].literal;
        size_t size = level->has_wildcard ? 1 : level->part_count == 0 ? 0 : level->parts[0].size;
        if (used + size + 3 >= sizeof filter) {
            json_fail(node, STATUS_OUT_OF_RANGE, "is too long");
            return NULL;
        }
        if (i > 0) {
            filter[used++] = '/';
        }
        memcpy(filter + used, text, size);
        used += size;
    }
    if (topic->rest) {
        used += (size_t)snprintf(filter + used, 3, "%s#", topic->level_count > 0 ? "/" : "");
    }
    filter[used] = '\0';
    const char *copy = arena_copy_text(loader->arena, filter, used);
    if (copy == NULL) {
        fail_memory(node);
    } else if (!mqtt_filter_valid(copy)) {
        json_fail(node, STATUS_MALFORMED,
                  "'%s' is no filter of topics: + and # stand alone in their level, # last", copy);
    }
    return copy;
}

static void read_topic(Loader *loader, const JsonNode *object, MqttTopic *out_topic)
{
    JsonNode node = json_required(object, "topic");
    const char *text = json_read_text(&node, 1, MQTT_TOPIC_SIZE_MAX, NULL);
    const char *filled = text == NULL ? NULL : fill_in(loader, &node, text);
    if (filled == NULL) {
        return;
    }
    for (const char *at = filled; loader->document.status == STATUS_OK;) {
        size_t size = strcspn(at, "/");
        char level[2 * MQTT_TOPIC_SIZE_MAX];
        memcpy(level, at, size);
        level[size] = '\0';
        if (strcmp(level, "#") == 0 && at[size] == '\0') {
            out_topic->rest = true;
            break;
        }
        if (out_topic->level_count == MQTT_LEVELS_MAX) {
            json_fail(&node, STATUS_OUT_OF_RANGE, "has more than %d levels", MQTT_LEVELS_MAX);
            return;
        }
        compile_level(loader, &node, level, out_topic);
        if (at[size] == '\0') {
            break;
        }
        at += size + 1;
    }
    if (loader->document.status == STATUS_OK) {
        out_topic->filter = make_filter(loader, &node, out_topic);
    }
}

bool mqtt_topic_match(const MqttTopic *pattern, const char *topic, size_t size, PatternCaptures *captures)
{
    const char *end = topic + size;
    for (uint32_t i = 0; i < pattern->level_count; i++) {
        const char *slash = memchr(topic, '/', (size_t)(end - topic));
        bool last = i + 1 == pattern->level_count;
        if ((slash == NULL && !last) || (slash != NULL && last && !pattern->rest)) {
            return false;
        }
        size_t level = slash == NULL ? (size_t)(end - topic) : (size_t)(slash - topic);
        if (!pattern_match(&pattern->levels[i], topic, level, captures)) {
            return false;
        }
        topic += level + (slash != NULL);
    }
    return true;
}

/* ---- rules ---- */

static void read_path(Loader *loader, const JsonNode *node, const char *fallback, ScanPath *out_path)
{
    const char *text = json_read_text(node, 0, 255, fallback);
    const char *reason = "";
    Status status = text == NULL ? STATUS_OK : scan_path_compile(text, loader->arena, out_path, &reason);
    if (status == STATUS_OUT_OF_MEMORY) {
        fail_memory(node);
    } else if (status != STATUS_OK) {
        json_fail(node, status, "path '%s' %s", text, reason);
    }
}

/* Adds the path of a field to those that the rule looks at. */
static void read_field(Loader *loader, const JsonNode *node, const char *fallback, MqttField field,
                       MqttRule *rule)
{
    rule->fields[rule->path_count] = (uint8_t)field;
    read_path(loader, node, fallback, &rule->paths[rule->path_count++]);
}

static void read_name(Loader *loader, const JsonNode *rule, const char *key, MqttField field, MqttRule *read,
                      MqttName *out_name)
{
    static const char *const keys[] = { "json", NULL };
    JsonNode node = json_required(rule, key);
    if (node.value != NULL && json_is_object(node.value)) {
        JsonNode path = json_required(&node, "json");
        json_known_keys(&node, keys);
        out_name->from_json = true;
        read_field(loader, &path, NULL, field, read);
        if (read->payload != MQTT_PAYLOAD_JSON) {
            json_fail(&node, STATUS_MALFORMED, "a payload that is no JSON names nothing");
        }
        return;
    }
    const char *text = json_read_text(&node, 1, PATTERN_SIZE_MAX, NULL);
    const char *reason = "";
    Status status = text == NULL ? STATUS_OK
                                 : pattern_compile_template(text, &read->topic.names, loader->arena,
                                                            &out_name->template, &reason);
    if (status == STATUS_OUT_OF_MEMORY) {
        fail_memory(&node);
    } else if (status != STATUS_OK) {
        json_fail(&node, status, "template '%s' %s", text, reason);
    }
}

static void read_time(Loader *loader, const JsonNode *rule, MqttRule *out_rule)
{
    static const char *const keys[] = { "json", "format", "zone_minutes", NULL };
    JsonNode node = json_member(rule, "time");
    if (node.value == NULL) {
        return;
    }
    json_known_keys(&node, keys);
    JsonNode path = json_required(&node, "json");
    JsonNode format = json_required(&node, "format");
    JsonNode zone = json_member(&node, "zone_minutes");
    const char *text = json_read_text(&format, 1, 63, NULL);
    int minutes = read_whole(&zone, -TIME_FORMAT_ZONE_MINUTES, TIME_FORMAT_ZONE_MINUTES, 0);
    const char *reason = "";
    read_field(loader, &path, NULL, MQTT_FIELD_TIME, out_rule);
    out_rule->has_time = true;
    if (text != NULL && loader->document.status == STATUS_OK) {
        Status status = time_format_compile(text, minutes, &out_rule->time, &reason);
        if (status != STATUS_OK) {
            json_fail(&format, status, "time format '%s' %s", text, reason);
        }
    }
    if (out_rule->payload != MQTT_PAYLOAD_JSON) {
        json_fail(&node, STATUS_MALFORMED, "a payload that is no JSON carries no time");
    }
}

static void read_value(const JsonNode *node, Value *out_value)
{
    if (json_is_boolean(node->value)) {
        *out_value = (Value){ .type = VALUE_BOOLEAN, .boolean = json_read_boolean(node, false) };
    } else if (json_is_number(node->value)) {
        *out_value =
            (Value){ .type = VALUE_NUMBER, .number = json_read_number(node, -INFINITY, INFINITY, 0) };
    } else {
        *out_value = (Value){ .type = VALUE_TEXT, .text = json_read_text(node, 0, TEXT_SIZE_MAX, "") };
    }
}

static void read_values(const JsonNode *rule, MqttConversion *out_conversion)
{
    JsonNode values = json_member(rule, "values"), member;
    Arena *arena = rule->document->arena;
    if (values.value == NULL) {
        return;
    }
    size_t count = json_is_object(values.value) ? json_object_size(values.value) : 0;
    if (count == 0 || count > MQTT_VALUES_MAX) {
        json_fail(&values, STATUS_MALFORMED, "must be an object of 1 to %d texts and values",
                  MQTT_VALUES_MAX);
        return;
    }
    out_conversion->values = arena_new_array(arena, MqttValue, count);
    if (out_conversion->values == NULL) {
        fail_memory(&values);
        return;
    }
    for (void *i = json_members(&values); json_next(&values, &i, &member);) {
        MqttValue *value = &out_conversion->values[out_conversion->value_count++];
        value->size = strlen(member.key);
        value->text = arena_copy_text(arena, member.key, value->size);
        if (value->text == NULL) {
            fail_memory(&member);
            return;
        }
        read_value(&member, &value->value);
    }
}

void mqtt_conversion_read(const JsonNode *rule, MqttConversion *out_conversion)
{
    JsonNode unit = json_member(rule, "unit");
    JsonNode scale = json_member(rule, "scale"), offset = json_member(rule, "offset");
    out_conversion->unit = json_read_text(&unit, 1, 63, NULL);
    out_conversion->scale = json_read_number(&scale, -1e300, 1e300, 1);
    out_conversion->offset = json_read_number(&offset, -1e300, 1e300, 0);
    if (unit.value != NULL && (scale.value != NULL || offset.value != NULL)) {
        json_fail(&unit, STATUS_MALFORMED, "\"unit\" converts already: no \"scale\" or \"offset\" with it");
    }
    read_values(rule, out_conversion);
}

/* Some thing and property must be where the rule can lead, with a unit that converts. */
static void check_rule(Loader *loader, const JsonNode *node, const MqttRule *rule)
{
    bool thing_found = false, property_found = false, converted = rule->conversion.unit == NULL;
    for (uint32_t t = 0; t < loader->world->thing_count; t++) {
        const Thing *thing = &loader->world->things[t];
        if (!rule->thing.from_json &&
            !pattern_match(&rule->thing.template, thing->id, strlen(thing->id), NULL)) {
            continue;
        }
        thing_found = true;
        for (uint32_t p = 0; p < thing->model->property_count; p++) {
            const Property *property = &thing->model->properties[p];
            UnitConversion conversion;
            if (!rule->property.from_json &&
                !pattern_match(&rule->property.template, property->name, strlen(property->name), NULL)) {
                continue;
            }
            property_found = true;
            converted = converted || unit_conversion(rule->conversion.unit, property->unit, &conversion);
        }
    }
    JsonNode thing = json_member(node, "thing"), property = json_member(node, "property"),
             unit = json_member(node, "unit");
    if (!thing_found) {
        json_fail(&thing, STATUS_NOT_FOUND, "the world has no such thing");
    } else if (!property_found) {
        json_fail(&property, STATUS_NOT_FOUND, "no thing that this leads to has such a property");
    } else if (!converted) {
        json_fail(&unit, STATUS_INVALID_ARGUMENT, "'%s' converts to no unit of what this leads to",
                  rule->conversion.unit);
    }
}

static void read_payload(const JsonNode *rule, MqttRule *out_rule)
{
    JsonNode node = json_member(rule, "payload");
    const char *text = json_read_text(&node, 1, 16, "json");
    if (strcmp(text, "json") == 0) {
        out_rule->payload = MQTT_PAYLOAD_JSON;
    } else if (strcmp(text, "number") == 0) {
        out_rule->payload = MQTT_PAYLOAD_NUMBER;
    } else if (strcmp(text, "text") == 0) {
        out_rule->payload = MQTT_PAYLOAD_TEXT;
    } else {
        json_fail(&node, STATUS_MALFORMED, "must be \"json\", \"number\" or \"text\"");
    }
}

static void read_rule(Loader *loader, const JsonNode *node, MqttRule *out_rule)
{
    static const char *const keys[] = { "topic",   "qos",  "payload", "thing",  "property", "value",   "time",
                                        "quality", "unit", "scale",   "offset", "values",   "comment", NULL };
    json_known_keys(node, keys);
    out_rule->qos = read_qos(node);
    read_payload(node, out_rule);
    read_topic(loader, node, &out_rule->topic);
    read_name(loader, node, "thing", MQTT_FIELD_THING, out_rule, &out_rule->thing);
    read_name(loader, node, "property", MQTT_FIELD_PROPERTY, out_rule, &out_rule->property);
    read_time(loader, node, out_rule);
    JsonNode value = json_member(node, "value"), quality = json_member(node, "quality");
    if (out_rule->payload == MQTT_PAYLOAD_JSON) {
        read_field(loader, &value, "value", MQTT_FIELD_VALUE, out_rule);
        out_rule->has_quality = quality.value != NULL;
        if (out_rule->has_quality) {
            read_field(loader, &quality, NULL, MQTT_FIELD_QUALITY, out_rule);
        }
    } else if (value.value != NULL || quality.value != NULL) {
        json_fail(value.value != NULL ? &value : &quality, STATUS_MALFORMED,
                  "only a JSON payload has members");
    }
    mqtt_conversion_read(node, &out_rule->conversion);
    if (loader->document.status == STATUS_OK) {
        check_rule(loader, node, out_rule);
    }
}

static void read_rules(Loader *loader, const JsonNode *root)
{
    JsonNode list = json_required(root, "topics");
    size_t count = json_array_size_in(&list, 1, MQTT_RULES_MAX);
    MqttMapping *mapping = loader->mapping;
    mapping->rules = arena_new_array(loader->arena, MqttRule, count);
    if (mapping->rules == NULL) {
        fail_memory(&list);
        return;
    }
    for (size_t i = 0; i < count && loader->document.status == STATUS_OK; i++) {
        JsonNode rule = json_element(&list, i);
        read_rule(loader, &rule, &mapping->rules[i]);
    }
    mapping->rule_count = (uint32_t)count;
}

/* ---- the rest ---- */

static const char *read_template(Loader *loader, const JsonNode *node)
{
    const char *text = json_read_text(node, 1, MQTT_TOPIC_SIZE_MAX, NULL);
    return text == NULL ? NULL : fill_in(loader, node, text);
}

static void read_answer(Loader *loader, const JsonNode *commands)
{
    static const char *const keys[] = { "topic", "command", "accepted", "reason", NULL };
    JsonNode answer = json_member(commands, "answer");
    MqttCommands *out = &loader->mapping->commands;
    if (answer.value == NULL) {
        return;
    }
    json_known_keys(&answer, keys);
    read_topic(loader, &answer, &out->answer);
    JsonNode command = json_member(&answer, "command"), accepted = json_member(&answer, "accepted"),
             reason = json_member(&answer, "reason");
    read_path(loader, &command, "command", &out->answer_command);
    read_path(loader, &accepted, "accepted", &out->answer_accepted);
    read_path(loader, &reason, "reason", &out->answer_reason);
}

static void read_commands(Loader *loader, const JsonNode *root)
{
    static const char *const keys[] = { "topic", "payload", "qos", "answer", NULL };
    JsonNode commands = json_member(root, "commands");
    if (commands.value == NULL) {
        return;
    }
    json_known_keys(&commands, keys);
    JsonNode topic = json_required(&commands, "topic"), payload = json_required(&commands, "payload");
    loader->mapping->commands.topic = read_template(loader, &topic);
    loader->mapping->commands.payload = json_read_text(&payload, 1, 1024, NULL);
    loader->mapping->commands.qos = read_qos(&commands);
    read_answer(loader, &commands);
}

static void read_status(Loader *loader, const JsonNode *root)
{
    static const char *const keys[] = { "topic", "online", "offline", "qos", NULL };
    JsonNode status = json_member(root, "status");
    if (status.value == NULL) {
        return;
    }
    json_known_keys(&status, keys);
    JsonNode topic = json_required(&status, "topic"), online = json_member(&status, "online"),
             offline = json_member(&status, "offline");
    MqttStatusTopic *out = &loader->mapping->status;
    out->topic = read_template(loader, &topic);
    out->online = json_read_text(&online, 1, 255, "online");
    out->offline = json_read_text(&offline, 1, 255, "offline");
    out->qos = read_qos(&status);
    if (out->topic != NULL && !mqtt_topic_valid(out->topic)) {
        json_fail(&topic, STATUS_MALFORMED, "is no topic: wildcards have no place here");
    }
}

void mqtt_connection_read(const JsonNode *root, MqttConnection *out_connection)
{
    static const char *const keys[] = { "protocol", "client_id",    "ca",           "cert",
                                        "key",      "keep_alive_s", "keep_session", "session_expiry_s",
                                        NULL };
    JsonNode node = json_member(root, "connection");
    if (node.value == NULL) {
        return;
    }
    json_known_keys(&node, keys);
    JsonNode protocol = json_member(&node, "protocol"), client_id = json_member(&node, "client_id"),
             ca = json_member(&node, "ca"), cert = json_member(&node, "cert"),
             key = json_member(&node, "key"), keep_alive = json_member(&node, "keep_alive_s"),
             session = json_member(&node, "keep_session"), expiry = json_member(&node, "session_expiry_s");
    MqttConnection *out = out_connection;
    out->protocol = read_whole(&protocol, 4, 5, 4);
    out->client_id = json_read_text(&client_id, 1, 65, NULL);
    out->ca = json_read_text(&ca, 1, 1023, NULL);
    out->cert = json_read_text(&cert, 1, 1023, NULL);
    out->key = json_read_text(&key, 1, 1023, NULL);
    out->keep_alive_s = (uint16_t)read_whole(&keep_alive, 5, 3600, 10);
    out->keep_session = json_read_boolean(&session, false);
    out->session_expiry_s = (uint32_t)read_whole(&expiry, 0, 31536000, 0);
    if (out->keep_session && out->client_id == NULL) {
        json_fail(&session, STATUS_MALFORMED, "a session that is kept needs a \"client_id\"");
    }
}

static void read_mapping(Loader *loader)
{
    static const char *const keys[] = { "dtmv_mqtt", "strict",     "topics",  "commands",
                                        "status",    "connection", "comment", NULL };
    JsonNode root = json_document_root(&loader->document);
    JsonNode version = json_required(&root, "dtmv_mqtt");
    if (json_read_number(&version, -INFINITY, INFINITY, 1) != 1) {
        json_fail(&version, STATUS_UNSUPPORTED, "only version 1 of this format is known");
    }
    json_known_keys(&root, keys);
    JsonNode strict = json_member(&root, "strict");
    loader->mapping->strict = json_read_boolean(&strict, false);
    read_rules(loader, &root);
    read_commands(loader, &root);
    read_status(loader, &root);
    mqtt_connection_read(&root, &loader->mapping->connection);
}

Status mqtt_mapping_load(Bytes json, const char *path, const World *world, const char *prefix, Arena *arena,
                         MqttMapping **out_mapping, Diag *diag)
{
    MqttMapping *mapping = arena_new(arena, MqttMapping);
    const char *name = json.size == 0 ? "the built-in mapping" : path;
    name = arena_copy_text(arena, name, strlen(name));
    if (mapping == NULL || name == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "out of memory");
    }
    if (prefix != NULL && strpbrk(prefix, "+#{}*\\") != NULL) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, path, 0,
                        "the prefix of topics has a wildcard or brace");
    }
    if (world->name == NULL || world->name[0] == '\0' || strpbrk(world->name, "/+#{}*\\") != NULL) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, path, 0,
                        "the world's name cannot be a level of a topic");
    }
    mapping->path = name;
    Loader loader = { .mapping = mapping,
                      .world = world,
                      .prefix = prefix == NULL || prefix[0] == '\0' ? "dtmv" : prefix,
                      .arena = arena };
    if (json.size == 0) {
        json = bytes_of(default_mapping, sizeof default_mapping - 1);
    }
    Status status = json_document_parse(&loader.document, json, name, arena, diag);
    if (status != STATUS_OK) {
        return status;
    }
    read_mapping(&loader);
    json_document_finish(&loader.document);
    if (loader.document.status == STATUS_OK) {
        *out_mapping = mapping;
    }
    return loader.document.status;
}
