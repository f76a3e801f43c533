#include "client/listing.h"

#include <math.h>
#include <string.h>

/* Jansson refuses what JSON cannot carry: text that is not UTF-8, numbers that are not finite. */
static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    return json != NULL ? json : json_string("?");
}

static json_t *number_json(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

json_t *listing_value(const Property *property, int64_t code, const TextTable *texts)
{
    Value value = property_decode(property, code, texts);
    switch (value.type) {
    case VALUE_BOOLEAN:
        return json_boolean(value.boolean);
    case VALUE_TEXT:
        return text_json(value.text);
    case VALUE_NUMBER:
        break;
    }
    bool whole = property->type == PROPERTY_INTEGER && fabs(value.number) < 0x1p53;
    return whole ? json_integer((json_int_t)value.number) : number_json(value.number);
}

static json_t *property_json(const ListingSource *source, uint32_t thing, uint32_t index)
{
    const Property *property = &source->world->things[thing].model->properties[index];
    const Reported *reported = world_value(source->values, thing, index);
    const SessionCommand *pending = operations_pending(source->operations, thing, (uint8_t)index);
    bool none = reported->quality == QUALITY_NONE;
    bool dated = !none && reported->source_time != TIME_NONE && source->source_time != TIME_NONE;
    double age = dated ? ((double)source->source_time - (double)reported->source_time) / 1e9 : 0;
    return json_pack(
        "{s:o, s:o, s:o, s:s, s:o}", "value",
        none ? json_null() : listing_value(property, reported->code, source->texts), "unit",
        text_json(property->unit), "age_s", dated ? json_real(round(fmax(age, 0) * 1e3) / 1e3) : json_null(),
        "quality", quality_name((Quality)reported->quality), "desired",
        pending != NULL ? listing_value(property, pending->desired, source->texts) : json_null());
}

static json_t *input_json(const Action *action)
{
    static const char *const types[] = { [PROPERTY_NUMBER] = "number",
                                         [PROPERTY_INTEGER] = "integer",
                                         [PROPERTY_BOOLEAN] = "boolean",
                                         [PROPERTY_TEXT] = "string" };
    if (!action->has_input) {
        return json_null();
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "type", types[action->input_type], "unit",
                     text_json(action->input_unit), "minimum", number_json(action->input_minimum), "maximum",
                     number_json(action->input_maximum));
}

/* The worst of a thing's qualities. */
static Quality thing_quality(const ListingSource *source, uint32_t thing)
{
    static const int badness[] = {
        [QUALITY_NONE] = 0, [QUALITY_GOOD] = 1, [QUALITY_STALE] = 2, [QUALITY_BAD] = 3
    };
    Quality worst = QUALITY_NONE;
    for (uint32_t p = 0; p < source->world->things[thing].model->property_count; p++) {
        uint8_t quality = world_value(source->values, thing, p)->quality;
        if (quality < QUALITY_COUNT && badness[quality] > badness[worst]) {
            worst = (Quality)quality;
        }
    }
    return worst;
}

json_t *listing_thing(const ListingSource *source, uint32_t thing)
{
    const Thing *about = &source->world->things[thing];
    const char *reason = operations_unbound_reason(source->operations, thing);
    json_t *properties = json_object(), *actions = json_object();
    for (uint32_t i = 0; i < about->model->property_count; i++) {
        json_object_set_new(properties, about->model->properties[i].name, property_json(source, thing, i));
    }
    for (uint32_t i = 0; i < about->model->action_count; i++) {
        const Action *action = &about->model->actions[i];
        json_object_set_new(
            actions, action->name,
            json_pack("{s:o, s:o}", "title", text_json(action->title), "input", input_json(action)));
    }
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "id", text_json(about->id), "title", text_json(about->title),
        "bound", source->operations->answers == 0 ? json_null() : json_boolean(reason == NULL), "reason",
        text_json(reason != NULL ? reason : ""), "quality", quality_name(thing_quality(source, thing)),
        "properties", properties, "actions", actions);
}

json_t *listing_system(const SystemMessage *system)
{
    json_t *rights = json_array();
    if (system->rights & WIRE_RIGHT_READ) {
        json_array_append_new(rights, json_string("read"));
    }
    if (system->rights & WIRE_RIGHT_ACTUATE) {
        json_array_append_new(rights, json_string("actuate"));
    }
    return json_pack("{s:o, s:s, s:o, s:o, s:b, s:I, s:I, s:o, s:I, s:o}", "name", text_json(system->name),
                     "kind", wire_system_text(system->kind), "title", text_json(system->title), "domain",
                     text_json(system->domain), "up", (int)system->up, "things", (json_int_t)system->things,
                     "bound", (json_int_t)system->bound, "rights", rights, "syncs_per_s",
                     (json_int_t)system->syncs, "reason", text_json(system->reason));
}

json_t *listing_command(const ListingSource *source, const SessionCommand *command)
{
    const Thing *thing = &source->world->things[command->asked.thing];
    const ThingModel *model = thing->model;
    char id[2 * COMMAND_SIZE + 1] = "";
    for (int i = 0; i < COMMAND_SIZE; i++) {
        id[2 * i] = "0123456789abcdef"[command->asked.command[i] >> 4];
        id[2 * i + 1] = "0123456789abcdef"[command->asked.command[i] & 15];
    }
    bool drives = command->property < model->property_count;
    bool dated = command->since != TIME_NONE && source->server_time != TIME_NONE;
    double seconds = dated ? ((double)source->server_time - (double)command->since) / 1e9 : 0;
    return json_pack(
        "{s:s, s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:i, s:b, s:o, s:o}", "command", id, "thing",
        text_json(thing->id), "action",
        text_json(command->asked.action < model->action_count ? model->actions[command->asked.action].name
                                                              : "?"),
        "state", wire_command_text(command->state), "final", (int)wire_command_final(command->state),
        "property", drives ? text_json(model->properties[command->property].name) : json_null(), "desired",
        drives ? listing_value(&model->properties[command->property], command->desired, source->texts)
               : json_null(),
        "who", text_json(command->name), "session", (int)command->who, "own", (int)command->own, "reason",
        text_json(command->reason), "seconds", dated ? json_real(fmax(seconds, 0)) : json_null());
}

json_t *listing_alarm(const ListingSource *source, const AlarmMessage *alarm)
{
    const Thing *thing = &source->world->things[alarm->thing];
    bool has_property = alarm->property < thing->model->property_count;
    return json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "thing", text_json(thing->id), "property",
                     has_property ? text_json(thing->model->properties[alarm->property].name) : json_null(),
                     "service", text_json(alarm->service), "name", text_json(alarm->rule), "severity",
                     alarm->severity == WIRE_CRITICAL ? "critical" : "warning", "score",
                     number_json(alarm->score), "text", text_json(alarm->text));
}

char *listing_line(json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(json);
    return text;
}
