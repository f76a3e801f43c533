#include "shared/trace/mapping.h"

#include "shared/model/json.h"
#include "shared/trace/mapping_rules.h"

#include <math.h>
#include <stdio.h>

/* What is being read; JSON errors are kept in the document. */
typedef struct Loader {
    JsonDocument document;
    TraceMapping *mapping;
    const World *world;
    Arena *arena;
} Loader;

static void fail_memory(const JsonNode *node)
{
    json_fail(node, STATUS_OUT_OF_MEMORY, "out of memory");
}

/* A whole number, 0 when absent. */
static int read_whole(const JsonNode *node, int minimum, int maximum)
{
    double number = json_read_number(node, minimum, maximum, 0);
    if (number != floor(number)) {
        json_fail(node, STATUS_MALFORMED, "must be a whole number");
    }
    return (int)number;
}

static char read_delimiter(const JsonNode *root)
{
    JsonNode node = json_member(root, "delimiter");
    const char *text = json_read_text(&node, 1, 3, ",");
    if (strcmp(text, "tab") == 0) {
        return '\t';
    }
    if (text[1] != 0 || (unsigned char)text[0] >= 0x7f || text[0] == '"') {
        json_fail(&node, STATUS_MALFORMED, "must be one printable ASCII character but '\"', or \"tab\"");
    }
    return text[0];
}

static char read_decimal_mark(const JsonNode *root, char delimiter)
{
    JsonNode node = json_member(root, "decimal_mark");
    const char *text = json_read_text(&node, 1, 1, ".");
    if (text[0] != '.' && text[0] != ',') {
        json_fail(&node, STATUS_MALFORMED, "must be \".\" or \",\"");
    } else if (text[0] == delimiter) {
        json_fail(&node, STATUS_MALFORMED, "must differ from the delimiter");
    }
    return text[0];
}

static void read_missing(Loader *loader, const JsonNode *root)
{
    TraceMapping *mapping = loader->mapping;
    JsonNode node = json_member(root, "missing");
    if (!node.value) {
        mapping->missing[0] = (CsvField){ .text = "" };
        mapping->missing_count = 1;
        return;
    }
    size_t count = json_array_size_in(&node, 0, MAPPING_MISSING_MAX);
    for (size_t i = 0; i < count; i++) {
        JsonNode element = json_element(&node, i);
        const char *text = json_read_text(&element, 0, MAPPING_NAME_MAX, "");
        char *copy = arena_copy_text(loader->arena, text, strlen(text));
        if (!copy) {
            fail_memory(&element);
            return;
        }
        mapping->missing[i] = (CsvField){ .text = copy, .size = strlen(copy) };
        if (mapping->missing[i].size > mapping->missing_longest) {
            mapping->missing_longest = mapping->missing[i].size;
        }
    }
    mapping->missing_count = (uint32_t)count;
}

static bool column_known(const TraceMapping *mapping, const char *name, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(mapping->column_names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void read_column_names(Loader *loader, const JsonNode *root)
{
    TraceMapping *mapping = loader->mapping;
    JsonNode node = json_member(root, "column_names");
    if (!node.value) {
        if (!mapping->header) {
            json_fail(root, STATUS_MALFORMED, "needs \"column_names\" because \"header\" is false");
        }
        return;
    }
    size_t count = json_array_size_in(&node, 1, CSV_COLUMNS_MAX);
    mapping->column_names = arena_new_array(loader->arena, const char *, count);
    if (!mapping->column_names) {
        fail_memory(&node);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        JsonNode element = json_element(&node, i);
        mapping->column_names[i] = json_read_text(&element, 1, MAPPING_NAME_MAX, "");
        if (column_known(mapping, mapping->column_names[i], (uint32_t)i)) {
            json_fail(&element, STATUS_DUPLICATE, "column '%s' is named twice", mapping->column_names[i]);
        }
    }
    mapping->column_count = (uint32_t)count;
}

/* The name of a column, which must be among the column_names where those are given. */
static const char *read_column(Loader *loader, const JsonNode *object)
{
    JsonNode node = json_required(object, "column");
    const char *name = json_read_text(&node, 1, MAPPING_NAME_MAX, NULL);
    const TraceMapping *mapping = loader->mapping;
    if (name && mapping->column_names && !column_known(mapping, name, mapping->column_count)) {
        json_fail(&node, STATUS_NOT_FOUND, "column_names has no '%s'", name);
    }
    return name;
}

static void read_time(Loader *loader, const JsonNode *root)
{
    static const char *const keys[] = { "column", "format", "zone_minutes", NULL };
    JsonNode time = json_required(root, "time");
    json_known_keys(&time, keys);
    loader->mapping->time_column = read_column(loader, &time);
    JsonNode format = json_required(&time, "format");
    JsonNode zone = json_member(&time, "zone_minutes");
    const char *text = json_read_text(&format, 1, 63, NULL);
    int minutes = read_whole(&zone, -TIME_FORMAT_ZONE_MINUTES, TIME_FORMAT_ZONE_MINUTES);
    const char *reason = "";
    if (text && loader->document.status == STATUS_OK) {
        Status status = time_format_compile(text, minutes, &loader->mapping->time, &reason);
        if (status) {
            json_fail(&format, status, "time format '%s' %s", text, reason);
        }
    }
}

static void read_head(Loader *loader, const JsonNode *root)
{
    static const char *const long_keys[] = { "dtmv_mapping", "form",       "header",
                                             "column_names", "delimiter",  "decimal_mark",
                                             "index_column", "skip_lines", "missing",
                                             "strict",       "time",       "value",
                                             "rows",         "comment",    NULL };
    static const char *const wide_keys[] = {
        "dtmv_mapping", "form",    "header", "column_names", "delimiter", "decimal_mark", "index_column",
        "skip_lines",   "missing", "strict", "time",         "columns",   "comment",      NULL
    };
    TraceMapping *mapping = loader->mapping;
    JsonNode version = json_required(root, "dtmv_mapping");
    if (json_read_number(&version, -INFINITY, INFINITY, 1) != 1) {
        json_fail(&version, STATUS_UNSUPPORTED, "only version 1 of this format is known");
    }
    JsonNode form = json_required(root, "form");
    const char *name = json_read_text(&form, 1, 63, "long");
    mapping->wide = strcmp(name, "wide") == 0;
    if (!mapping->wide && strcmp(name, "long") != 0) {
        json_fail(&form, STATUS_MALFORMED, "must be \"long\" or \"wide\"");
    }
    json_known_keys(root, mapping->wide ? wide_keys : long_keys);
    JsonNode header = json_required(root, "header");
    mapping->header = json_read_boolean(&header, false);
    JsonNode index_column = json_member(root, "index_column");
    mapping->index_column = json_read_boolean(&index_column, false);
    JsonNode strict = json_member(root, "strict");
    mapping->strict = json_read_boolean(&strict, false);
    JsonNode skip_lines = json_member(root, "skip_lines");
    mapping->skip_lines = (uint32_t)read_whole(&skip_lines, 0, MAPPING_SKIP_LINES_MAX);
    mapping->delimiter = read_delimiter(root);
    mapping->decimal_mark = read_decimal_mark(root, mapping->delimiter);
    read_missing(loader, root);
    read_column_names(loader, root);
    read_time(loader, root);
}

static void read_pattern(Loader *loader, const JsonNode *node, PatternNames *names, Pattern *out_pattern)
{
    const char *text = json_read_text(node, 0, PATTERN_SIZE_MAX, NULL);
    const char *reason = "";
    if (text) {
        Status status = pattern_compile(text, names, loader->arena, out_pattern, &reason);
        if (status == STATUS_OUT_OF_MEMORY) {
            fail_memory(node);
        } else if (status) {
            json_fail(node, status, "pattern '%s' %s", text, reason);
        }
    }
}

static void read_template(Loader *loader, const JsonNode *rule, const char *key, const PatternNames *names,
                          Pattern *out_template)
{
    JsonNode node = json_required(rule, key);
    const char *text = json_read_text(&node, 1, PATTERN_SIZE_MAX, NULL);
    const char *reason = "";
    if (text) {
        Status status = pattern_compile_template(text, names, loader->arena, out_template, &reason);
        if (status == STATUS_OUT_OF_MEMORY) {
            fail_memory(&node);
        } else if (status) {
            json_fail(&node, status, "template '%s' %s", text, reason);
        }
    }
}

/* The place of column `name` among the mapping's keys, added when new. */
static uint32_t key_index(Loader *loader, const JsonNode *node, const char *name)
{
    TraceMapping *mapping = loader->mapping;
    for (uint32_t i = 0; i < mapping->key_count; i++) {
        if (strcmp(mapping->keys[i], name) == 0) {
            return i;
        }
    }
    if (mapping->key_count == MAPPING_KEYS_MAX) {
        json_fail(node, STATUS_CAPACITY, "the rules look at more than %d columns", MAPPING_KEYS_MAX);
        return 0;
    }
    if (mapping->column_names && !column_known(mapping, name, mapping->column_count)) {
        json_fail(node, STATUS_NOT_FOUND, "column_names has no '%s'", name);
    }
    const char *copy = arena_copy_text(loader->arena, name, strlen(name));
    if (!copy) {
        fail_memory(node);
        return 0;
    }
    mapping->keys[mapping->key_count] = copy;
    return mapping->key_count++;
}

static void read_where(Loader *loader, const JsonNode *rule, PatternNames *names, MappingRule *out_rule)
{
    JsonNode where = json_required(rule, "where");
    if (where.value && (!json_is_object(where.value) || json_object_size(where.value) == 0 ||
                        json_object_size(where.value) > MAPPING_KEYS_MAX)) {
        json_fail(&where, STATUS_MALFORMED, "must be an object of 1 to %d columns and patterns",
                  MAPPING_KEYS_MAX);
        return;
    }
    out_rule->conditions = arena_new_array(loader->arena, MappingCondition, MAPPING_KEYS_MAX);
    if (!out_rule->conditions) {
        fail_memory(&where);
        return;
    }
    JsonNode member;
    for (void *i = json_members(&where); json_next(&where, &i, &member);) {
        MappingCondition *condition = &out_rule->conditions[out_rule->condition_count++];
        condition->key = key_index(loader, &member, member.key);
        read_pattern(loader, &member, names, &condition->pattern);
    }
}

static void read_value(const JsonNode *node, Value *out_value)
{
    if (json_is_boolean(node->value)) {
        *out_value = (Value){ .type = VALUE_BOOLEAN, .boolean = json_read_boolean(node, false) };
    } else if (json_is_number(node->value)) {
        double number = json_read_number(node, -INFINITY, INFINITY, 0);
        *out_value = (Value){ .type = VALUE_NUMBER, .number = number };
    } else {
        const char *text = json_read_text(node, 0, TEXT_SIZE_MAX, "");
        *out_value = (Value){ .type = VALUE_TEXT, .text = text };
    }
}

static void read_values(Loader *loader, const JsonNode *rule, MappingRule *out_rule)
{
    JsonNode values = json_member(rule, "values");
    if (!values.value) {
        return;
    }
    if (!json_is_object(values.value) || json_object_size(values.value) == 0 ||
        json_object_size(values.value) > MAPPING_VALUES_MAX) {
        json_fail(&values, STATUS_MALFORMED, "must be an object of 1 to %d texts and values",
                  MAPPING_VALUES_MAX);
        return;
    }
    out_rule->values = arena_new_array(loader->arena, MappingValue, json_object_size(values.value));
    if (!out_rule->values) {
        fail_memory(&values);
        return;
    }
    JsonNode member;
    for (void *i = json_members(&values); json_next(&values, &i, &member);) {
        MappingValue *value = &out_rule->values[out_rule->value_count++];
        value->size = strlen(member.key);
        value->text = arena_copy_text(loader->arena, member.key, value->size);
        if (!value->text) {
            fail_memory(&member);
            return;
        }
        read_value(&member, &value->value);
    }
}

/* ---- against the world ---- */

/* Reports what a rule says that does not fit a property it leads to. */
static void check_property(const JsonNode *rule, const MappingRule *read, const Thing *thing,
                           const Property *property)
{
    bool number = property->encoding == CHANNEL_STEPS || property->encoding == CHANNEL_EXACT;
    if (!number && (read->scale != 1 || read->offset != 0)) {
        json_fail(rule, STATUS_MALFORMED, "property '%s' of thing '%s' is no number to scale", property->name,
                  thing->id);
    }
    JsonNode values = json_member(rule, "values");
    for (uint32_t i = 0; i < read->value_count; i++) {
        const Value *value = &read->values[i].value;
        int64_t code = 0;
        bool fits = property->encoding == CHANNEL_TEXT
                        ? value->type == VALUE_TEXT
                        : property_encode(property, *value, NULL, &code) == STATUS_OK;
        if (!fits) {
            JsonNode member = json_member(&values, read->values[i].text);
            json_fail(&member, STATUS_OUT_OF_RANGE, "is no value of property '%s' of thing '%s'",
                      property->name, thing->id);
        }
    }
}

typedef struct Reach {
    uint32_t things, properties, converted; /* that the rule's templates can lead to */
    const Property *unconverted;
} Reach;

static void reach_thing(const JsonNode *node, const MappingRule *rule, const World *world, uint32_t thing,
                        Reach *reach)
{
    reach->things++;
    const ThingModel *model = world->things[thing].model;
    for (uint32_t i = 0; i < model->property_count; i++) {
        const Property *property = &model->properties[i];
        if (!pattern_match(&rule->property, property->name, strlen(property->name), NULL)) {
            continue;
        }
        reach->properties++;
        MappingTarget target;
        if (!mapping_bind_property(rule, world, thing, (uint8_t)i, &target)) {
            reach->unconverted = property;
            continue;
        }
        reach->converted++;
        if (!rule->property.has_wildcard) {
            check_property(node, rule, &world->things[thing], property);
        }
    }
}

static void check_rule(Loader *loader, const JsonNode *node, const MappingRule *rule)
{
    Reach reach = { 0 };
    for (uint32_t i = 0; i < loader->world->thing_count && loader->document.status == STATUS_OK; i++) {
        const char *id = loader->world->things[i].id;
        if (pattern_match(&rule->thing, id, strlen(id), NULL)) {
            reach_thing(node, rule, loader->world, i, &reach);
        }
    }
    JsonNode thing = json_member(node, "thing"), property = json_member(node, "property");
    if (reach.things == 0) {
        json_fail(&thing, STATUS_NOT_FOUND, "the world has no thing '%s'",
                  json_read_text(&thing, 1, PATTERN_SIZE_MAX, ""));
    } else if (reach.properties == 0) {
        json_fail(&property, STATUS_NOT_FOUND, "thing '%s' has no property '%s'",
                  json_read_text(&thing, 1, PATTERN_SIZE_MAX, ""),
                  json_read_text(&property, 1, PATTERN_SIZE_MAX, ""));
    } else if (reach.converted == 0 || (reach.unconverted && !rule->property.has_wildcard)) {
        JsonNode unit = json_member(node, "unit");
        json_fail(&unit, STATUS_INVALID_ARGUMENT, "no conversion from '%s' to '%s', the unit of '%s'",
                  rule->unit, reach.unconverted->unit, reach.unconverted->name);
    }
}

static void read_rule(Loader *loader, const JsonNode *node, MappingRule *out_rule)
{
    static const char *const long_keys[] = { "where",  "thing",  "property", "unit", "scale",
                                             "offset", "values", "comment",  NULL };
    static const char *const wide_keys[] = { "column", "thing",  "property", "unit", "scale",
                                             "offset", "values", "comment",  NULL };
    json_known_keys(node, loader->mapping->wide ? wide_keys : long_keys);
    PatternNames names = { 0 };
    if (loader->mapping->wide) {
        JsonNode column = json_required(node, "column");
        read_pattern(loader, &column, &names, &out_rule->column);
    } else {
        read_where(loader, node, &names, out_rule);
    }
    read_template(loader, node, "thing", &names, &out_rule->thing);
    read_template(loader, node, "property", &names, &out_rule->property);
    JsonNode unit = json_member(node, "unit");
    JsonNode scale = json_member(node, "scale"), offset = json_member(node, "offset");
    out_rule->unit = json_read_text(&unit, 1, 63, NULL);
    out_rule->scale = json_read_number(&scale, -1e300, 1e300, 1);
    out_rule->offset = json_read_number(&offset, -1e300, 1e300, 0);
    if (unit.value && (scale.value || offset.value)) {
        json_fail(&unit, STATUS_MALFORMED, "\"unit\" converts already: no \"scale\" or \"offset\" with it");
    }
    read_values(loader, node, out_rule);
    if (loader->document.status == STATUS_OK) {
        check_rule(loader, node, out_rule);
    }
}

static void read_rules(Loader *loader, const JsonNode *root)
{
    TraceMapping *mapping = loader->mapping;
    JsonNode rules = json_required(root, mapping->wide ? "columns" : "rows");
    size_t count = json_array_size_in(&rules, 1, MAPPING_RULES_MAX);
    mapping->rules = arena_new_array(loader->arena, MappingRule, count);
    if (!mapping->rules) {
        fail_memory(&rules);
        return;
    }
    for (size_t i = 0; i < count && loader->document.status == STATUS_OK; i++) {
        JsonNode rule = json_element(&rules, i);
        read_rule(loader, &rule, &mapping->rules[i]);
    }
    mapping->rule_count = (uint32_t)count;
}

static void read_mapping(Loader *loader)
{
    JsonNode root = json_document_root(&loader->document);
    read_head(loader, &root);
    if (!loader->mapping->wide) {
        static const char *const keys[] = { "column", NULL };
        JsonNode value = json_required(&root, "value");
        json_known_keys(&value, keys);
        loader->mapping->value_column = read_column(loader, &value);
    }
    read_rules(loader, &root);
    if (loader->document.status == STATUS_OK && mapping_index_things(loader->mapping, loader->arena)) {
        fail_memory(&root);
    }
}

Status trace_mapping_load(Bytes json, const char *path, const World *world, Arena *arena,
                          TraceMapping **out_mapping, Diag *diag)
{
    TraceMapping *mapping = arena_new(arena, TraceMapping);
    const char *name = arena_copy_text(arena, path, strlen(path));
    if (!mapping || !name) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "out of memory");
    }
    mapping->path = name;
    mapping->world = world;
    Loader loader = { .mapping = mapping, .world = world, .arena = arena };
    Status status = json_document_parse(&loader.document, json, path, arena, diag);
    if (status) {
        return status;
    }
    read_mapping(&loader);
    json_document_finish(&loader.document);
    if (loader.document.status == STATUS_OK) {
        *out_mapping = mapping;
    }
    return loader.document.status;
}
