#include "shared/model/thing.h"

#include <math.h>
#include <string.h>

#include "shared/model/json.h"
#include "shared/model/thing_action.h"

#define NAME_SIZE_MAX  63
#define TITLE_SIZE_MAX 255
#define ENUM_NAMES_MAX 256
#define PERIOD_MAX     1e9 /* seconds */
#define RESOLUTION_MIN 1e-12
#define RESOLUTION_MAX 1e12

/* What the W3C schema requires of every Thing Description; the rest of it is checked by tests/conformance. */
static void check_frame(const JsonNode *root)
{
    JsonNode context = json_required(root, "@context");
    JsonNode security = json_required(root, "security");
    JsonNode definitions = json_required(root, "securityDefinitions");
    if (context.value && !json_is_string(context.value) && !json_is_array(context.value)) {
        json_fail(&context, STATUS_MALFORMED, "must be a text or an array");
    }
    if (security.value && !json_is_string(security.value) && !json_is_array(security.value)) {
        json_fail(&security, STATUS_MALFORMED, "must be a text or an array");
    }
    if (definitions.value && !json_is_object(definitions.value)) {
        json_fail(&definitions, STATUS_MALFORMED, "must be an object");
    }
}

/* A Thing Description may hold terms of any vocabulary, but a misspelt one of ours should not be silent. */
static void check_own_terms(const JsonNode *node)
{
    JsonNode member;
    for (void *i = json_members(node); json_next(node, &i, &member);) {
        if (strncmp(member.key, "dtmv:", 5) == 0 && strcmp(member.key, "dtmv:period") != 0 &&
            strcmp(member.key, "dtmv:label") != 0) {
            json_fail(&member, STATUS_MALFORMED, "unknown term \"%s\"", member.key);
        }
    }
}

static const char *read_name(const JsonNode *affordance)
{
    size_t size = strlen(affordance->key);
    if (size == 0 || size > NAME_SIZE_MAX) {
        json_fail(affordance, STATUS_OUT_OF_RANGE, "the name has %zu bytes, must have 1 to %d", size,
                  NAME_SIZE_MAX);
    }
    for (const char *c = affordance->key; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            json_fail(affordance, STATUS_MALFORMED, "the name has a control character");
        }
    }
    const char *name = arena_copy_text(affordance->document->arena, affordance->key, size);
    if (!name) {
        json_fail(affordance, STATUS_OUT_OF_MEMORY, "out of memory");
        return "";
    }
    return name;
}

static const char *read_title(const JsonNode *node, const char *fallback)
{
    JsonNode title = json_member(node, "title");
    return json_read_text(&title, 1, TITLE_SIZE_MAX, fallback);
}

static PropertyType read_type(const JsonNode *schema)
{
    static const char *const names[] = { [PROPERTY_NUMBER] = "number",
                                         [PROPERTY_INTEGER] = "integer",
                                         [PROPERTY_BOOLEAN] = "boolean",
                                         [PROPERTY_TEXT] = "string" };
    JsonNode type = json_required(schema, "type");
    const char *text = json_read_text(&type, 1, NAME_SIZE_MAX, "number");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(names[i], text) == 0) {
            return (PropertyType)i;
        }
    }
    if (strcmp(text, "object") == 0 || strcmp(text, "array") == 0) {
        json_fail(&type, STATUS_UNSUPPORTED,
                  "values of type %s are not supported; give each part a property of its own", text);
    } else {
        json_fail(&type, STATUS_MALFORMED, "\"%s\" is not number, integer, boolean or string", text);
    }
    return PROPERTY_NUMBER;
}

static void read_limits(const JsonNode *schema, double *out_minimum, double *out_maximum)
{
    JsonNode minimum = json_member(schema, "minimum");
    JsonNode maximum = json_member(schema, "maximum");
    *out_minimum = json_read_number(&minimum, -INFINITY, INFINITY, -INFINITY);
    *out_maximum = json_read_number(&maximum, -INFINITY, INFINITY, INFINITY);
    if (*out_minimum > *out_maximum) {
        json_fail(&minimum, STATUS_OUT_OF_RANGE, "%g is above the maximum, %g", *out_minimum, *out_maximum);
    }
    static const char *const exclusive[] = { "exclusiveMinimum", "exclusiveMaximum" };
    for (size_t i = 0; i < ARRAY_COUNT(exclusive); i++) {
        JsonNode limit = json_member(schema, exclusive[i]);
        if (limit.value) {
            json_fail(&limit, STATUS_UNSUPPORTED, "is not supported; use %s", i == 0 ? "minimum" : "maximum");
        }
    }
}

/* multipleOf fixes the encoding of a number: steps of it, or the exact bits when there is none. */
static void read_resolution(const JsonNode *schema, Property *property)
{
    JsonNode multiple = json_member(schema, "multipleOf");
    bool integer = property->type == PROPERTY_INTEGER;
    property->resolution = json_read_number(&multiple, RESOLUTION_MIN, RESOLUTION_MAX, integer ? 1 : 0);
    property->encoding = integer || multiple.value ? CHANNEL_STEPS : CHANNEL_EXACT;
    if (integer && property->resolution != floor(property->resolution)) {
        json_fail(&multiple, STATUS_OUT_OF_RANGE, "must be a whole number for an integer");
    }
}

static void read_enum(const JsonNode *schema, Property *property)
{
    JsonNode list = json_member(schema, "enum");
    if (!list.value) {
        property->encoding = CHANNEL_TEXT;
        return;
    }
    size_t count = json_array_size_in(&list, 1, ENUM_NAMES_MAX);
    const char **names = arena_new_array(schema->document->arena, const char *, count);
    if (!names) {
        json_fail(&list, STATUS_OUT_OF_MEMORY, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        JsonNode name = json_element(&list, i);
        names[i] = json_read_text(&name, 1, NAME_SIZE_MAX, "");
        for (size_t j = 0; j < i; j++) {
            if (strcmp(names[i], names[j]) == 0) {
                json_fail(&name, STATUS_DUPLICATE, "\"%s\" is listed twice", names[i]);
            }
        }
    }
    property->encoding = CHANNEL_ENUM;
    property->enum_names = names;
    property->enum_count = (uint32_t)count;
}

static void read_property(const JsonNode *node, Property *property)
{
    json_required(node, "type"); /* reports what is no object as well */
    check_own_terms(node);
    JsonNode label = json_member(node, "dtmv:label");
    JsonNode unit = json_member(node, "unit");
    JsonNode period = json_member(node, "dtmv:period");
    JsonNode read_only = json_member(node, "readOnly");
    JsonNode observable = json_member(node, "observable");
    property->name = read_name(node);
    property->title = read_title(node, property->name);
    property->title = json_read_text(&label, 1, TITLE_SIZE_MAX, property->title);
    property->unit = json_read_text(&unit, 0, NAME_SIZE_MAX, "");
    property->type = read_type(node);
    property->period = time_from_seconds(json_read_number(&period, 0, PERIOD_MAX, 0));
    property->read_only = json_read_boolean(&read_only, false);
    property->observable = json_read_boolean(&observable, false);
    property->minimum = -INFINITY;
    property->maximum = INFINITY;
    if (property->type == PROPERTY_TEXT) {
        read_enum(node, property);
        return;
    }
    JsonNode list = json_member(node, "enum");
    if (list.value) {
        json_fail(&list, STATUS_UNSUPPORTED, "an enum is supported for type string only");
    }
    if (property->type == PROPERTY_BOOLEAN) {
        property->encoding = CHANNEL_BOOLEAN;
        return;
    }
    read_limits(node, &property->minimum, &property->maximum);
    read_resolution(node, property);
}

static void read_action(const JsonNode *node, const ThingModel *model, Action *action)
{
    action->name = read_name(node);
    action->title = read_title(node, action->name);
    action->input_minimum = -INFINITY;
    action->input_maximum = INFINITY;
    action->input_unit = "";
    JsonNode input = json_member(node, "input");
    if (input.value) {
        JsonNode unit = json_member(&input, "unit");
        action->has_input = true;
        action->input_type = read_type(&input);
        action->input_unit = json_read_text(&unit, 0, NAME_SIZE_MAX, "");
        read_limits(&input, &action->input_minimum, &action->input_maximum);
    }
    thing_action_read_effect(node, model, action);
}

/* The affordances under `key`: an object of at most `capacity` objects. Gives their number. */
static uint32_t count_affordances(const JsonNode *affordances, uint32_t capacity)
{
    if (!affordances->value) {
        return 0;
    }
    uint32_t count = 0;
    JsonNode member;
    for (void *i = json_members(affordances); json_next(affordances, &i, &member);) {
        if (!json_is_object(member.value)) {
            json_fail(&member, STATUS_MALFORMED, "must be an object");
        } else if (++count > capacity) {
            json_fail(&member, STATUS_OUT_OF_RANGE, "is one more than the %u that a thing may have",
                      capacity);
        }
    }
    if (!json_is_object(affordances->value)) {
        json_fail(affordances, STATUS_MALFORMED, "must be an object");
    }
    return affordances->document->status == STATUS_OK ? count : 0;
}

#define AFFORDANCES_MAX 64 /* actions, events */

static void read_affordances(const JsonNode *root, ThingModel *model)
{
    Arena *arena = root->document->arena;
    JsonNode properties = json_member(root, "properties");
    JsonNode actions = json_member(root, "actions");
    JsonNode events = json_member(root, "events");
    uint32_t property_count = count_affordances(&properties, THING_PROPERTIES_MAX);
    uint32_t action_count = count_affordances(&actions, AFFORDANCES_MAX);
    uint32_t event_count = count_affordances(&events, AFFORDANCES_MAX);
    model->properties = arena_new_array(arena, Property, property_count);
    model->actions = arena_new_array(arena, Action, action_count);
    model->events = arena_new_array(arena, Event, event_count);
    if (!model->properties || !model->actions || !model->events) {
        json_fail(root, STATUS_OUT_OF_MEMORY, "out of memory");
        return;
    }
    JsonNode node;
    for (void *i = json_members(&properties); json_next(&properties, &i, &node);) {
        read_property(&node, &model->properties[model->property_count++]);
    }
    for (void *i = json_members(&actions); json_next(&actions, &i, &node);) {
        read_action(&node, model, &model->actions[model->action_count++]);
    }
    for (void *i = json_members(&events); json_next(&events, &i, &node);) {
        Event *event = &model->events[model->event_count++];
        event->name = read_name(&node);
        event->title = read_title(&node, event->name);
    }
}

Status thing_model_load(Bytes json, const char *path, Arena *arena, ThingModel *out_model, Diag *diag)
{
    JsonDocument document;
    Status status = json_document_parse(&document, json, path, arena, diag);
    if (status != STATUS_OK) {
        return status;
    }
    JsonNode root = json_document_root(&document);
    ThingModel model = { 0 };
    JsonNode title = json_required(&root, "title");
    check_frame(&root);
    model.path = arena_copy_text(arena, path, strlen(path));
    model.title = json_read_text(&title, 1, TITLE_SIZE_MAX, "");
    model.json = bytes_of(arena_copy_text(arena, (const char *)json.data, json.size), json.size);
    read_affordances(&root, &model);
    if (!model.path || !model.json.data) {
        json_fail(&root, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    status = document.status;
    json_document_finish(&document);
    if (status == STATUS_OK) {
        *out_model = model;
    }
    return status;
}

int thing_property_index(const ThingModel *model, const char *name)
{
    for (uint32_t i = 0; i < model->property_count; i++) {
        if (strcmp(model->properties[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}
