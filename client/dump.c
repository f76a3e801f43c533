#include "client/dump.h"

#include "client/listing.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
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

static json_t *time_json(TimeNs time)
{
    return time == TIME_NONE ? json_null() : json_integer(time);
}

static json_t *property_json(const DumpFrame *frame, uint32_t thing, uint32_t index)
{
    const Property *property = &frame->world->things[thing].model->properties[index];
    const Reported *reported = world_value(frame->values, thing, index);
    const SessionCommand *pending = operations_pending(frame->operations, thing, (uint8_t)index);
    bool none = reported->quality == QUALITY_NONE;
    return json_pack("{s:o, s:o, s:o, s:s, s:o}", "value",
                     none ? json_null() : listing_value(property, reported->code, frame->texts), "unit",
                     text_json(property->unit), "source_time_ns",
                     none ? json_null() : time_json(reported->source_time), "quality",
                     quality_name((Quality)reported->quality), "desired",
                     pending != NULL ? listing_value(property, pending->desired, frame->texts) : json_null());
}

static json_t *things_json(const DumpFrame *frame)
{
    json_t *things = json_array();
    for (uint32_t i = 0; i < frame->world->thing_count; i++) {
        const Thing *thing = &frame->world->things[i];
        json_t *properties = json_object();
        for (uint32_t p = 0; p < thing->model->property_count; p++) {
            json_object_set_new(properties, thing->model->properties[p].name, property_json(frame, i, p));
        }
        const char *unbound = operations_unbound_reason(frame->operations, i);
        json_array_append_new(things, json_pack("{s:o, s:o, s:o}", "id", text_json(thing->id), "properties",
                                                properties, "unbound",
                                                unbound != NULL ? text_json(unbound) : json_null()));
    }
    return things;
}

static json_t *avatar_json(const char *name, const float position[3], float yaw, bool self)
{
    json_t *place = json_array();
    for (int i = 0; i < 3; i++) {
        json_array_append_new(place, number_json((double)position[i]));
    }
    return json_pack("{s:o, s:o, s:o, s:b}", "name", text_json(name), "position", place, "yaw",
                     number_json((double)yaw), "self", self);
}

static json_t *avatars_json(const DumpFrame *frame)
{
    json_t *avatars = json_array();
    if (frame->own != NULL) {
        json_array_append_new(avatars, avatar_json(frame->own_name, frame->own->position,
                                                   avatar_yaw_radians(frame->own->yaw), true));
    }
    for (uint32_t i = 0; i < frame->avatar_count; i++) {
        const SessionAvatar *avatar = &frame->avatars[i];
        json_array_append_new(avatars, avatar_json(avatar->name, avatar->position, avatar->yaw, false));
    }
    return avatars;
}

static json_t *world_json(const World *world)
{
    char hash[2 * WORLD_HASH_SIZE + 1] = "";
    for (int i = 0; i < WORLD_HASH_SIZE; i++) {
        hash[2 * i] = "0123456789abcdef"[world->hash[i] >> 4];
        hash[2 * i + 1] = "0123456789abcdef"[world->hash[i] & 15];
    }
    return json_pack("{s:o, s:s}", "name", text_json(world->name), "hash", hash);
}

static json_t *operations_json(const DumpFrame *frame, const char *kind)
{
    const Operations *operations = frame->operations;
    const ListingSource source = { .world = frame->world,
                                   .values = frame->values,
                                   .texts = frame->texts,
                                   .operations = operations,
                                   .server_time = frame->server_time,
                                   .source_time = frame->source_time };
    json_t *list = json_array();
    for (uint32_t i = 0; kind[0] == 'c' && i < operations->command_count; i++) {
        json_array_append_new(list, listing_command(&source, &operations->commands[i]));
    }
    for (uint32_t i = 0; kind[0] == 'a' && i < operations->alarm_count; i++) {
        json_array_append_new(list, listing_alarm(&source, &operations->alarms[i]));
    }
    for (uint32_t i = 0; kind[0] == 's' && i < operations->systems.system_count; i++) {
        json_array_append_new(list, listing_system(&operations->systems.systems[i]));
    }
    return list;
}

static json_t *frame_json(const DumpFrame *frame)
{
    json_t *net =
        json_pack("{s:o, s:o, s:I, s:I, s:I, s:I}", "rtt_ms", number_json(frame->net.round_trip_ms),
                  "bytes_per_s", number_json(frame->net.bytes_per_s), "snapshots",
                  (json_int_t)frame->net.snapshots, "lost", (json_int_t)frame->net.lost, "reconnects",
                  (json_int_t)frame->net.reconnects, "rejoins", (json_int_t)frame->net.rejoins);
    json_t *timing = json_pack("{s:I, s:o, s:o}", "count", (json_int_t)frame->frame_count, "cpu_ms_p50",
                               number_json(frame->cpu_ms_p50), "cpu_ms_p99", number_json(frame->cpu_ms_p99));
    return json_pack("{s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "server_time_ns",
                     time_json(frame->server_time), "source_time_ns", time_json(frame->source_time),
                     "session", (int)frame->session, "things", things_json(frame), "avatars",
                     avatars_json(frame), "commands", operations_json(frame, "commands"), "alarms",
                     operations_json(frame, "alarms"), "systems", operations_json(frame, "systems"), "net",
                     net, "frame", timing, "world", world_json(frame->world));
}

Status dump_format(const DumpFrame *frame, char **out_text, size_t *out_size)
{
    json_t *json = frame_json(frame);
    char *text = json != NULL ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(json);
    if (text == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    size_t size = strlen(text);
    char *whole = realloc(text, size + 2);
    if (whole == NULL) {
        free(text);
        return STATUS_OUT_OF_MEMORY;
    }
    whole[size] = '\n';
    whole[size + 1] = '\0';
    *out_text = whole;
    *out_size = size + 1;
    return STATUS_OK;
}
