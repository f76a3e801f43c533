#include "client/act.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_SIZE 300 /* of what there is, in a refusal; the reason of a JSON line holds it */

static bool copy_part(const char *from, size_t size, char *out, size_t room)
{
    if (size == 0 || size >= room) {
        return false;
    }
    memcpy(out, from, size);
    out[size] = '\0';
    return true;
}

Status act_parse(const char *text, Act *out_act, Diag *diag)
{
    Act act = { 0 };
    const char *equals = strchr(text, '=');
    const char *end = equals != NULL ? equals : text + strlen(text), *dot = end;
    while (dot > text && *dot != '.') {
        dot--;
    }
    act.has_value = equals != NULL;
    bool whole = *dot == '.' && copy_part(text, (size_t)(dot - text), act.thing, sizeof act.thing) &&
                 copy_part(dot + 1, (size_t)(end - dot - 1), act.action, sizeof act.action) &&
                 (!act.has_value || strlen(equals + 1) < sizeof act.value);
    if (!whole) {
        return diag_set(diag, STATUS_MALFORMED, "", 0,
                        "--act: \"%s\" is not THING.ACTION or THING.ACTION=VALUE", text);
    }
    if (act.has_value) {
        snprintf(act.value, sizeof act.value, "%s", equals + 1);
    }
    *out_act = act;
    return STATUS_OK;
}

static Status number_value(const char *text, bool whole, InvokeMessage *invoke)
{
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number) ||
        (whole && (number < floor(number) || number > floor(number)))) {
        return STATUS_INVALID_ARGUMENT;
    }
    invoke->kind = WIRE_VALUE_NUMBER;
    invoke->number = number;
    return STATUS_OK;
}

Status act_value(const Action *action, const char *text, InvokeMessage *invoke)
{
    bool is_true = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    bool is_false = strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
    switch (action->input_type) {
    case PROPERTY_NUMBER:
    case PROPERTY_INTEGER:
        return number_value(text, action->input_type == PROPERTY_INTEGER, invoke);
    case PROPERTY_BOOLEAN:
        if (!is_true && !is_false) {
            return STATUS_INVALID_ARGUMENT;
        }
        invoke->kind = WIRE_VALUE_BOOLEAN;
        invoke->boolean = is_true;
        return STATUS_OK;
    case PROPERTY_TEXT:
        break;
    }
    invoke->kind = WIRE_VALUE_TEXT;
    message_clean_text(text, invoke->text, sizeof invoke->text);
    return STATUS_OK;
}

/* ---- what there is instead, for whoever mistyped ---- */

/* False when it does not fit: "..." stands for the rest. */
static bool add_name(char out[NAMES_SIZE], const char *name)
{
    size_t used = strlen(out), more = strlen(name) + (used > 0 ? 2 : 0);
    if (used + more + sizeof ", ..." > NAMES_SIZE) {
        snprintf(out + used, NAMES_SIZE - used, ", ...");
        return false;
    }
    snprintf(out + used, NAMES_SIZE - used, "%s%s", used > 0 ? ", " : "", name);
    return true;
}

static const char *thing_names(const World *world, char out[NAMES_SIZE])
{
    out[0] = '\0';
    for (uint32_t i = 0; i < world->thing_count; i++) {
        const Thing *thing = &world->things[i];
        if (thing->model->action_count > 0 && !add_name(out, thing->id)) {
            break;
        }
    }
    return out[0] == '\0' ? "none with actions" : out;
}

static const char *action_names(const ThingModel *model, char out[NAMES_SIZE])
{
    out[0] = '\0';
    for (uint32_t i = 0; i < model->action_count && add_name(out, model->actions[i].name); i++) {
    }
    return out[0] == '\0' ? "none" : out;
}

Status act_resolve(const Act *act, const World *world, InvokeMessage *invoke, Diag *diag)
{
    int thing = world_thing_index(world, act->thing);
    if (thing < 0) {
        char known[NAMES_SIZE];
        return diag_set(diag, STATUS_NOT_FOUND, "", 0, "the world has no thing '%s'; there is %s", act->thing,
                        thing_names(world, known));
    }
    const ThingModel *model = world->things[thing].model;
    int index = thing_action_index(model, act->action);
    if (index < 0) {
        char known[NAMES_SIZE];
        return diag_set(diag, STATUS_NOT_FOUND, "", 0, "thing '%s' has no action '%s'; there is %s",
                        act->thing, act->action, action_names(model, known));
    }
    const Action *action = &model->actions[index];
    if (action->has_input != act->has_value) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0, "action '%s' takes %s value", act->action,
                        action->has_input ? "a" : "no");
    }
    invoke->thing = (uint32_t)thing;
    invoke->action = (uint8_t)index;
    invoke->kind = WIRE_VALUE_NONE;
    if (act->has_value && act_value(action, act->value, invoke) != STATUS_OK) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0, "action '%s' does not take the value \"%s\"",
                        act->action, act->value);
    }
    return STATUS_OK;
}

/* ---- one after the other ---- */

static json_t *value_json(const ActRunner *runner)
{
    const Act *act = &runner->acts[runner->at];
    if (!act->has_value) {
        return json_null();
    }
    switch (runner->invoke.kind) {
    case WIRE_VALUE_NUMBER:
        return json_real(runner->invoke.number);
    case WIRE_VALUE_BOOLEAN:
        return json_boolean(runner->invoke.boolean);
    default:
        break;
    }
    json_t *text = json_string(act->value);
    return text != NULL ? text : json_string("?");
}

static json_t *clean_json(const char *text)
{
    char clean[REASON_SIZE];
    message_clean_text(text, clean, sizeof clean);
    return json_string(clean);
}

/* The line of the act at hand, which has ended; the next one's turn. */
static const char *ended(ActRunner *runner, uint8_t state, const char *reason, TimeNs now)
{
    const Act *act = &runner->acts[runner->at];
    char id[2 * COMMAND_SIZE + 1] = "";
    for (int i = 0; i < COMMAND_SIZE; i++) {
        id[2 * i] = "0123456789abcdef"[runner->invoke.command[i] >> 4];
        id[2 * i + 1] = "0123456789abcdef"[runner->invoke.command[i] & 15];
    }
    double seconds = runner->asked ? time_to_seconds(now - runner->asked_at) : 0.0;
    json_t *json = json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:f}", "thing", clean_json(act->thing), "action",
                             clean_json(act->action), "value", value_json(runner), "command",
                             runner->asked ? json_string(id) : json_null(), "state", wire_command_text(state),
                             "reason", clean_json(reason), "seconds", round(seconds * 1e3) / 1e3);
    size_t size = json_dumpb(json, runner->line, sizeof runner->line - 1,
                             JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
    json_decref(json);
    runner->line[size < sizeof runner->line ? size : 0] = '\0';
    runner->confirmed += state == WIRE_COMMAND_CONFIRMED;
    runner->at++;
    runner->asked = false;
    return runner->line;
}

static const char *ask(ActRunner *runner, Session *session, const World *world, TimeNs now)
{
    Diag diag = { 0 };
    runner->invoke = (InvokeMessage){ 0 };
    if (act_resolve(&runner->acts[runner->at], world, &runner->invoke, &diag) != STATUS_OK) {
        return ended(runner, WIRE_COMMAND_REFUSED, diag.text, now);
    }
    runner->fill(runner->context, runner->invoke.command, sizeof runner->invoke.command);
    Status status = session_invoke(session, &runner->invoke, now);
    if (status != STATUS_OK) {
        return ended(runner, WIRE_COMMAND_FAILED, status_text(status), now);
    }
    runner->asked = true;
    runner->asked_at = now;
    return NULL;
}

const char *act_runner_update(ActRunner *runner, Session *session, const World *world, TimeNs now)
{
    if (act_runner_done(runner)) {
        return NULL;
    }
    if (!runner->asked) {
        return ask(runner, session, world, now);
    }
    const SessionCommand *command = operations_find(session_operations(session), runner->invoke.command);
    if (command != NULL && wire_command_final(command->state)) {
        return ended(runner, command->state, command->reason, now);
    }
    if (now - runner->asked_at >= runner->timeout) {
        return ended(runner, WIRE_COMMAND_TIMED_OUT, "no final state was told in time", now);
    }
    return NULL;
}

const char *act_runner_give_up(ActRunner *runner, const char *reason, TimeNs now)
{
    if (act_runner_done(runner)) {
        return NULL;
    }
    if (!runner->asked) {
        runner->invoke = (InvokeMessage){ 0 };
    }
    return ended(runner, WIRE_COMMAND_FAILED, reason, now);
}
