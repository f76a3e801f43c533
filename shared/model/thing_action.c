/* What actions do: the dtmv: terms of an action, and what they say about a wished and a reported value. */
#include "shared/model/thing_action.h"

#include <math.h>
#include <string.h>

#define TEXT_SIZE_MAX   255
#define NOT_MAX         16
#define TIMEOUT_DEFAULT 10.0 /* seconds */
#define TIMEOUT_MAX     86400.0

static void check_own_terms(const JsonNode *node)
{
    static const char *const known[] = { "dtmv:target",  "dtmv:value",     "dtmv:tolerance",
                                         "dtmv:timeout", "dtmv:emergency", "dtmv:interlocks" };
    JsonNode member;
    for (void *i = json_members(node); json_next(node, &i, &member);) {
        bool found = strncmp(member.key, "dtmv:", 5) != 0;
        for (size_t k = 0; k < ARRAY_COUNT(known) && !found; k++) {
            found = strcmp(member.key, known[k]) == 0;
        }
        if (!found) {
            json_fail(&member, STATUS_MALFORMED, "unknown term \"%s\"", member.key);
        }
    }
}

/* The index of the property that `node` names; NO_PROPERTY, and an error, when there is none. */
static uint8_t read_property_name(const ThingModel *model, const JsonNode *node)
{
    const char *name = json_read_text(node, 1, TEXT_SIZE_MAX, "");
    int index = thing_property_index(model, name);
    if (index < 0) {
        json_fail(node, STATUS_NOT_FOUND, "there is no property \"%s\"", name);
        return NO_PROPERTY;
    }
    return (uint8_t)index;
}

static bool read_code(const JsonNode *node, const Property *property, int64_t *out_code)
{
    Value value = { 0 };
    if (json_is_number(node->value)) {
        value = (Value){ .type = VALUE_NUMBER, .number = json_number_value(node->value) };
    } else if (json_is_boolean(node->value)) {
        value = (Value){ .type = VALUE_BOOLEAN, .boolean = json_is_true(node->value) };
    } else if (json_is_string(node->value)) {
        value = (Value){ .type = VALUE_TEXT, .text = json_string_value(node->value) };
    } else {
        json_fail(node, STATUS_MALFORMED, "must be a number, a boolean or a text");
        return false;
    }
    if (property->encoding == CHANNEL_TEXT || property_encode(property, value, NULL, out_code) != STATUS_OK) {
        json_fail(node, STATUS_OUT_OF_RANGE, "is no value that \"%s\" can have", property->name);
        return false;
    }
    return true;
}

static void read_not(const JsonNode *node, const Property *property, Interlock *interlock)
{
    size_t count = json_array_size_in(node, 1, NOT_MAX);
    int64_t *codes = arena_new_array(node->document->arena, int64_t, count);
    if (codes == NULL) {
        json_fail(node, STATUS_OUT_OF_MEMORY, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        JsonNode element = json_element(node, i);
        read_code(&element, property, &codes[i]);
    }
    interlock->not_codes = codes;
    interlock->not_count = (uint32_t)count;
}

static void read_interlock(const JsonNode *node, const ThingModel *model, Interlock *out)
{
    static const char *const keys[] = { "property", "minimum", "maximum", "not", "text", NULL };
    json_known_keys(node, keys);
    JsonNode name = json_required(node, "property");
    JsonNode text = json_required(node, "text");
    JsonNode minimum = json_member(node, "minimum");
    JsonNode maximum = json_member(node, "maximum");
    JsonNode not = json_member(node, "not");
    *out = (Interlock){ .property = name.value ? read_property_name(model, &name) : NO_PROPERTY,
                        .minimum = json_read_number(&minimum, -INFINITY, INFINITY, -INFINITY),
                        .maximum = json_read_number(&maximum, -INFINITY, INFINITY, INFINITY),
                        .text = json_read_text(&text, 1, TEXT_SIZE_MAX, "") };
    if (out->property == NO_PROPERTY) {
        return;
    }
    const Property *property = &model->properties[out->property];
    bool number = property->encoding == CHANNEL_STEPS || property->encoding == CHANNEL_EXACT;
    if (!number && (minimum.value || maximum.value)) {
        json_fail(node, STATUS_MALFORMED, "\"%s\" is no number and has no limits", property->name);
    }
    if (not .value && (number || property->encoding == CHANNEL_TEXT)) {
        json_fail(&not, STATUS_MALFORMED, "is for properties with an enum, and booleans");
    } else if (not .value) {
        read_not(&not, property, out);
    }
}

static void read_interlocks(const JsonNode *node, const ThingModel *model, Action *action)
{
    if (!node->value) {
        return;
    }
    size_t count = json_array_size_in(node, 1, ACTION_INTERLOCKS_MAX);
    Interlock *interlocks = arena_new_array(node->document->arena, Interlock, count);
    if (interlocks == NULL) {
        json_fail(node, STATUS_OUT_OF_MEMORY, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        JsonNode element = json_element(node, i);
        read_interlock(&element, model, &interlocks[i]);
    }
    action->interlocks = interlocks;
    action->interlock_count = (uint32_t)count;
}

void thing_action_read_effect(const JsonNode *node, const ThingModel *model, Action *action)
{
    JsonNode target = json_member(node, "dtmv:target");
    JsonNode value = json_member(node, "dtmv:value");
    JsonNode tolerance = json_member(node, "dtmv:tolerance");
    JsonNode timeout = json_member(node, "dtmv:timeout");
    JsonNode emergency = json_member(node, "dtmv:emergency");
    JsonNode interlocks = json_member(node, "dtmv:interlocks");
    check_own_terms(node);
    action->target = target.value ? read_property_name(model, &target) : NO_PROPERTY;
    action->timeout = time_from_seconds(json_read_number(&timeout, 0.1, TIMEOUT_MAX, TIMEOUT_DEFAULT));
    action->emergency = json_read_boolean(&emergency, false);
    read_interlocks(&interlocks, model, action);
    if (action->target == NO_PROPERTY) {
        if (value.value || tolerance.value) {
            json_fail(value.value ? &value : &tolerance, STATUS_MALFORMED, "needs a dtmv:target");
        }
        return;
    }
    const Property *property = &model->properties[action->target];
    action->tolerance = json_read_number(&tolerance, 0, INFINITY, property->resolution);
    if (value.value && action->has_input) {
        json_fail(&value, STATUS_MALFORMED, "is for an action without input");
    } else if (value.value) {
        action->has_target_code = read_code(&value, property, &action->target_code);
    } else if (!action->has_input) {
        json_fail(&target, STATUS_MALFORMED, "an action without input needs a dtmv:value beside it");
    }
}

int thing_action_index(const ThingModel *model, const char *name)
{
    for (uint32_t i = 0; i < model->action_count; i++) {
        if (strcmp(model->actions[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

Status action_check_input(const Action *action, const Value *value)
{
    if (!action->has_input || value == NULL) {
        return action->has_input == (value != NULL) ? STATUS_OK : STATUS_INVALID_ARGUMENT;
    }
    switch (action->input_type) {
    case PROPERTY_BOOLEAN:
        return value->type == VALUE_BOOLEAN ? STATUS_OK : STATUS_INVALID_ARGUMENT;
    case PROPERTY_TEXT:
        return value->type == VALUE_TEXT && value->text != NULL ? STATUS_OK : STATUS_INVALID_ARGUMENT;
    case PROPERTY_NUMBER:
    case PROPERTY_INTEGER:
        break;
    }
    if (value->type != VALUE_NUMBER) {
        return STATUS_INVALID_ARGUMENT;
    }
    bool whole = action->input_type == PROPERTY_NUMBER || value->number == floor(value->number);
    bool within = value->number >= action->input_minimum && value->number <= action->input_maximum;
    return whole && within && isfinite(value->number) ? STATUS_OK : STATUS_OUT_OF_RANGE;
}

Status action_desired(const ThingModel *model, const Action *action, const Value *value, TextTable *texts,
                      int64_t *out_code)
{
    if (action->target == NO_PROPERTY) {
        return STATUS_UNSUPPORTED;
    }
    if (action->has_target_code) {
        *out_code = action->target_code;
        return STATUS_OK;
    }
    if (value == NULL) {
        return STATUS_UNSUPPORTED;
    }
    return property_encode(&model->properties[action->target], *value, texts, out_code);
}

bool action_confirmed(const ThingModel *model, const Action *action, int64_t desired,
                      const Reported *reported)
{
    if (action->target == NO_PROPERTY || reported->quality != QUALITY_GOOD) {
        return false;
    }
    const Property *property = &model->properties[action->target];
    if (property->encoding != CHANNEL_STEPS && property->encoding != CHANNEL_EXACT) {
        return reported->code == desired;
    }
    double wished = property_decode(property, desired, NULL).number;
    double is = property_decode(property, reported->code, NULL).number;
    return fabs(is - wished) <= action->tolerance * (1 + 1e-9); /* not for NaN */
}

static bool interlock_holds(const Property *property, const Interlock *interlock, const Reported *reported)
{
    if (reported->quality != QUALITY_GOOD) {
        return false;
    }
    for (uint32_t i = 0; i < interlock->not_count; i++) {
        if (reported->code == interlock->not_codes[i]) {
            return false;
        }
    }
    if (property->encoding != CHANNEL_STEPS && property->encoding != CHANNEL_EXACT) {
        return true;
    }
    double number = property_decode(property, reported->code, NULL).number;
    return number >= interlock->minimum && number <= interlock->maximum;
}

const Interlock *action_blocked(const ThingModel *model, const Action *action, const Reported *reported)
{
    for (uint32_t i = 0; i < action->interlock_count; i++) {
        const Interlock *interlock = &action->interlocks[i];
        if (!interlock_holds(&model->properties[interlock->property], interlock,
                             &reported[interlock->property])) {
            return interlock;
        }
    }
    return NULL;
}
