#include "server/twin/sparkplug_mapping.h"

#include "shared/trace/unit.h"

#include <math.h>
#include <stdio.h>

static const char default_mapping[] =
    "{ \"dtmv_sparkplug\": 1, \"metrics\": [\n"
    "  { \"device\": \"{t}\", \"metric\": \"{p}\", \"thing\": \"{t}\", \"property\": \"{p}\" },\n"
    "  { \"edge\": \"{t}\", \"device\": \"\", \"metric\": \"{p}\", \"thing\": \"{t}\", \"property\": \"{p}\" "
    "} ] }\n";

typedef struct Loader {
    JsonDocument document;
    SparkplugMapping *mapping;
    const World *world;
    Arena *arena;
} Loader;

static void report(const JsonNode *node, Status status, const char *text, const char *reason)
{
    if (status == STATUS_OUT_OF_MEMORY) {
        json_fail(node, status, "out of memory");
    } else if (status != STATUS_OK) {
        json_fail(node, status, "'%s' %s", text, reason);
    }
}

static void read_pattern(Loader *loader, const JsonNode *rule, const char *key, PatternNames *names,
                         Pattern *out_pattern)
{
    JsonNode node = json_member(rule, key);
    const char *text = json_read_text(&node, 0, PATTERN_SIZE_MAX, "*"), *reason = "";
    report(&node, pattern_compile(text, names, loader->arena, out_pattern, &reason), text, reason);
}

static void read_template(Loader *loader, const JsonNode *rule, const char *key, const PatternNames *names,
                          Pattern *out_template)
{
    JsonNode node = json_required(rule, key);
    const char *text = json_read_text(&node, 1, PATTERN_SIZE_MAX, "-"), *reason = "";
    report(&node, pattern_compile_template(text, names, loader->arena, out_template, &reason), text, reason);
}

static void check_rule(Loader *loader, const JsonNode *node, const SparkplugRule *rule)
{
    bool thing_found = false, property_found = false, converted = rule->conversion.unit == NULL;
    for (uint32_t t = 0; t < loader->world->thing_count; t++) {
        const Thing *thing = &loader->world->things[t];
        if (!pattern_match(&rule->thing, thing->id, strlen(thing->id), NULL)) {
            continue;
        }
        thing_found = true;
        for (uint32_t p = 0; p < thing->model->property_count; p++) {
            const Property *property = &thing->model->properties[p];
            UnitConversion conversion;
            if (pattern_match(&rule->property, property->name, strlen(property->name), NULL)) {
                property_found = true;
                converted = converted || unit_conversion(rule->conversion.unit, property->unit, &conversion);
            }
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

static void read_rule(Loader *loader, const JsonNode *node, SparkplugRule *out_rule)
{
    static const char *const keys[] = { "group", "edge",  "device", "metric", "thing",   "property",
                                        "unit",  "scale", "offset", "values", "comment", NULL };
    PatternNames names = { 0 };
    json_known_keys(node, keys);
    read_pattern(loader, node, "group", &names, &out_rule->group);
    read_pattern(loader, node, "edge", &names, &out_rule->edge);
    read_pattern(loader, node, "device", &names, &out_rule->device);
    read_pattern(loader, node, "metric", &names, &out_rule->metric);
    read_template(loader, node, "thing", &names, &out_rule->thing);
    read_template(loader, node, "property", &names, &out_rule->property);
    mqtt_conversion_read(node, &out_rule->conversion);
    if (loader->document.status == STATUS_OK) {
        check_rule(loader, node, out_rule);
    }
}

static void read_names(Loader *loader, const JsonNode *root)
{
    char fallback[128];
    JsonNode host = json_member(root, "host"), group = json_member(root, "group"),
             primary = json_member(root, "primary");
    snprintf(fallback, sizeof fallback, "dtmv-%s", loader->world->name);
    loader->mapping->host =
        json_read_text(&host, 1, 127, arena_copy_text(loader->arena, fallback, strlen(fallback)));
    loader->mapping->group = json_read_text(&group, 1, SPARKPLUG_NAME_MAX, NULL);
    loader->mapping->primary = json_read_boolean(&primary, true);
    if (loader->mapping->host == NULL) {
        json_fail(root, STATUS_OUT_OF_MEMORY, "out of memory");
    } else if (strpbrk(loader->mapping->host, "/+#") != NULL) {
        json_fail(&host, STATUS_MALFORMED, "cannot be a level of a topic");
    } else if (loader->mapping->group != NULL && strpbrk(loader->mapping->group, "/+#") != NULL) {
        json_fail(&group, STATUS_MALFORMED, "cannot be a level of a topic");
    }
}

static void read_mapping(Loader *loader)
{
    static const char *const keys[] = { "dtmv_sparkplug", "host",       "group",   "primary",
                                        "metrics",        "connection", "comment", NULL };
    JsonNode root = json_document_root(&loader->document);
    JsonNode version = json_required(&root, "dtmv_sparkplug");
    if (json_read_number(&version, -INFINITY, INFINITY, 1) != 1) {
        json_fail(&version, STATUS_UNSUPPORTED, "only version 1 of this format is known");
    }
    json_known_keys(&root, keys);
    read_names(loader, &root);
    JsonNode list = json_required(&root, "metrics");
    size_t count = json_array_size_in(&list, 1, SPARKPLUG_RULES_MAX);
    loader->mapping->rules = arena_new_array(loader->arena, SparkplugRule, count);
    if (loader->mapping->rules == NULL) {
        json_fail(&list, STATUS_OUT_OF_MEMORY, "out of memory");
        return;
    }
    for (size_t i = 0; i < count && loader->document.status == STATUS_OK; i++) {
        JsonNode rule = json_element(&list, i);
        read_rule(loader, &rule, &loader->mapping->rules[i]);
    }
    loader->mapping->rule_count = (uint32_t)count;
    mqtt_connection_read(&root, &loader->mapping->connection);
}

Status sparkplug_mapping_load(Bytes json, const char *path, const World *world, Arena *arena,
                              SparkplugMapping **out_mapping, Diag *diag)
{
    SparkplugMapping *mapping = arena_new(arena, SparkplugMapping);
    const char *name = json.size == 0 ? "the built-in mapping" : path;
    name = arena_copy_text(arena, name, strlen(name));
    if (mapping == NULL || name == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "out of memory");
    }
    mapping->path = name;
    if (json.size == 0) {
        json = bytes_of(default_mapping, sizeof default_mapping - 1);
    }
    Loader loader = { .mapping = mapping, .world = world, .arena = arena };
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

bool sparkplug_state_topic(const SparkplugMapping *mapping, char *out, size_t size)
{
    int used = snprintf(out, size, "spBv1.0/STATE/%s", mapping->host);
    return used > 0 && (size_t)used < size;
}
