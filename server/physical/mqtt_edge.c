#include "server/physical/mqtt_edge.h"

#include "shared/base/log.h"
#include "shared/model/thing.h"
#include "shared/mqtt/json_scan.h"
#include "shared/mqtt/thing_index.h"

#include <stdio.h>
#include <stdlib.h>

#define CHUNK        256 /* samples taken from the field at once */
#define COMMANDS_MAX 256 /* a tick */

typedef struct Slot {
    FieldSample newest;
    bool known;
    bool waiting; /* not published yet */
} Slot;

enum { FIELD_COMMAND, FIELD_VALUE, FIELD_ISSUED, FIELD_SEEN, FIELDS };

struct MqttEdge {
    Arena arena;
    MqttLink link;
    const World *world;
    const TextTable *texts;
    Field field;
    char base[MQTT_TOPIC_SIZE_MAX + 1]; /* "dtmv/plant/" */
    size_t base_size;
    char status_topic[MQTT_TOPIC_SIZE_MAX + 1];
    ThingIndex index;
    Slot *slots;
    uint32_t waiting; /* slots that wait to be published */
    uint32_t connections;
    bool connected;
    ScanPath paths[FIELDS];
    MqttEdgeCounters counters;
};

/* ---- measurements ---- */

/* {"value": 21.5, "time": 1700000000000000000, "quality": "good"}; 0 when it does not fit. */
static size_t write_sample(const MqttEdge *edge, const Property *property, const FieldSample *sample,
                           char *out, size_t size)
{
    char value[2 * TEXT_SIZE_MAX + 8] = "null";
    Value decoded = property_decode(property, sample->code, edge->texts);
    if (sample->quality == QUALITY_GOOD && decoded.type == VALUE_NUMBER) {
        json_put_number(decoded.number, value);
    } else if (sample->quality == QUALITY_GOOD && decoded.type == VALUE_BOOLEAN) {
        snprintf(value, sizeof value, "%s", decoded.boolean ? "true" : "false");
    } else if (sample->quality == QUALITY_GOOD) {
        size_t used = json_escape(decoded.text, strlen(decoded.text), value + 1, sizeof value - 2);
        if (used == SIZE_MAX) {
            return 0;
        }
        value[0] = '"';
        memcpy(value + used + 1, "\"", 2);
    }
    int used = snprintf(out, size, "{\"value\": %s, \"time\": %lld, \"quality\": \"%s\"}", value,
                        (long long)sample->source_time, quality_name((Quality)sample->quality));
    return used > 0 && (size_t)used < size ? (size_t)used : 0;
}

static Status publish_sample(MqttEdge *edge, const FieldSample *sample)
{
    char topic[2 * MQTT_TOPIC_SIZE_MAX], payload[1024];
    const Thing *thing = &edge->world->things[sample->thing];
    const Property *property = &thing->model->properties[sample->property];
    size_t size = write_sample(edge, property, sample, payload, sizeof payload);
    snprintf(topic, sizeof topic, "%s%s/%s", edge->base, thing->id, property->name);
    MqttPublish message = { .topic = topic, .payload = bytes_of(payload, size), .retain = true };
    return size == 0 ? STATUS_OUT_OF_RANGE : edge->link.ops->publish(edge->link.context, &message);
}

static void set_waiting(MqttEdge *edge, Slot *slot, bool waiting)
{
    edge->waiting += waiting && !slot->waiting;
    edge->waiting -= !waiting && slot->waiting;
    slot->waiting = waiting;
}

/* Publishes at once what it can; else the newest value waits. */
static void take_sample(MqttEdge *edge, const FieldSample *sample)
{
    if (sample->thing >= edge->world->thing_count ||
        sample->property >= edge->world->things[sample->thing].model->property_count) {
        return;
    }
    Slot *slot = &edge->slots[edge->index.first_slot[sample->thing] + sample->property];
    edge->counters.samples++;
    edge->counters.merged += slot->waiting;
    slot->newest = *sample;
    slot->known = true;
    Status status = edge->connected ? publish_sample(edge, sample) : STATUS_DISCONNECTED;
    edge->counters.published += status == STATUS_OK;
    set_waiting(edge, slot, status == STATUS_DISCONNECTED || status == STATUS_CAPACITY);
}

static void publish_waiting(MqttEdge *edge)
{
    uint32_t count = thing_index_slots(&edge->index);
    for (uint32_t i = 0; i < count && edge->waiting > 0; i++) {
        Slot *slot = &edge->slots[i];
        if (!slot->waiting) {
            continue;
        }
        Status status = publish_sample(edge, &slot->newest);
        if (status == STATUS_CAPACITY || status == STATUS_DISCONNECTED) {
            return;
        }
        edge->counters.published += status == STATUS_OK;
        set_waiting(edge, slot, false);
    }
}

/* ---- commands ---- */

/* The value a command carries; false when it is none. `text` takes a text. */
static bool read_value(const ScanField *field, char *text, size_t size, FieldCommand *out_command)
{
    switch (field->kind) {
    case SCAN_ABSENT:
    case SCAN_NULL:
        return true;
    case SCAN_BOOLEAN:
        out_command->value = (Value){ .type = VALUE_BOOLEAN, .boolean = field->boolean };
        break;
    case SCAN_NUMBER:
        out_command->value.type = VALUE_NUMBER;
        if (scan_number(field, &out_command->value.number) != STATUS_OK) {
            return false;
        }
        break;
    case SCAN_TEXT:
        out_command->value = (Value){ .type = VALUE_TEXT, .text = text };
        if (!scan_text(field, text, size, NULL)) {
            return false;
        }
        break;
    case SCAN_COMPOUND:
        return false;
    }
    out_command->has_value = true;
    return true;
}

/* Whole nanoseconds; TIME_NONE when absent or null. */
static bool read_time(const ScanField *field, TimeNs *out_time)
{
    *out_time = TIME_NONE;
    if (field->kind == SCAN_ABSENT || field->kind == SCAN_NULL) {
        return true;
    }
    TimeNs time = 0;
    for (size_t i = 0; i < field->size; i++) {
        int digit = field->text[i] - '0';
        if (field->kind != SCAN_NUMBER || digit < 0 || digit > 9 || __builtin_mul_overflow(time, 10, &time) ||
            __builtin_add_overflow(time, digit, &time)) {
            return false;
        }
    }
    *out_time = time;
    return field->kind == SCAN_NUMBER;
}

/* Thing and action of "dtmv/plant/valve-1/!/set". */
static bool read_topic(const MqttEdge *edge, const MqttMessage *message, FieldCommand *out_command)
{
    const char *thing = message->topic + edge->base_size;
    if (message->topic_size < edge->base_size || memcmp(message->topic, edge->base, edge->base_size) != 0) {
        return false;
    }
    const char *mark = strstr(thing, "/!/");
    int found = mark == NULL ? -1 : thing_index_find(&edge->index, thing, (size_t)(mark - thing));
    int action = found < 0 ? -1 : thing_action_index(edge->world->things[found].model, mark + 3);
    if (action < 0) {
        return false;
    }
    out_command->thing = (uint32_t)found;
    out_command->action = (uint8_t)action;
    return true;
}

static bool read_command(const MqttEdge *edge, const MqttMessage *message, char *text, size_t size,
                         FieldCommand *out_command, TimeNs *out_issued)
{
    ScanField fields[FIELDS];
    size_t id = 0;
    return read_topic(edge, message, out_command) &&
           json_scan(message->payload, edge->paths, FIELDS, fields) == STATUS_OK &&
           fields[FIELD_COMMAND].kind == SCAN_TEXT &&
           scan_text(&fields[FIELD_COMMAND], out_command->command, sizeof out_command->command, &id) &&
           id == COMMAND_ID_SIZE - 1 && strspn(out_command->command, "0123456789abcdef") == id &&
           read_value(&fields[FIELD_VALUE], text, size, out_command) &&
           read_time(&fields[FIELD_ISSUED], out_issued) &&
           read_time(&fields[FIELD_SEEN], &out_command->source_time);
}

/* Why a command is not even shown to the field; NULL: it is. */
static const char *too_late(const MqttEdge *edge, const MqttMessage *message, TimeNs issued)
{
    TimeNs now = edge->link.ops->clock(edge->link.context);
    if (message->retained) {
        return "a command that was kept by the broker is of the past";
    }
    if (issued == TIME_NONE || issued < now - MQTT_EDGE_COMMAND_AGE) {
        return "the command is too old, or does not say when it was issued";
    }
    return issued > now + MQTT_EDGE_COMMAND_AHEAD ? "the command comes from the future" : NULL;
}

static void publish_answer(MqttEdge *edge, const MqttMessage *message, const FieldAnswer *answer)
{
    char topic[MQTT_TOPIC_SIZE_MAX + 16], reason[6 * sizeof answer->reason], payload[1024];
    snprintf(topic, sizeof topic, "%s/answer", message->topic);
    if (json_escape(answer->reason, strlen(answer->reason), reason, sizeof reason) == SIZE_MAX) {
        reason[0] = '\0';
    }
    int size =
        snprintf(payload, sizeof payload, "{\"command\": \"%s\", \"accepted\": %s, \"reason\": \"%s\"}",
                 answer->command, answer->accepted ? "true" : "false", reason);
    MqttPublish told = { .topic = topic, .payload = bytes_of(payload, (size_t)size) };
    Status status = edge->link.ops->publish(edge->link.context, &told);
    if (status != STATUS_OK) { /* whoever asked sees what is reported, or a timeout */
        log_warning("physical", "%s: the answer is lost: %s", topic, status_text(status));
    }
}

static void take_command(MqttEdge *edge, TimeNs now, const MqttMessage *message)
{
    FieldCommand command = { 0 };
    FieldAnswer answer = { 0 };
    char text[TEXT_SIZE_MAX + 1];
    TimeNs issued;
    if (!read_command(edge, message, text, sizeof text, &command, &issued)) {
        edge->counters.malformed++;
        return;
    }
    edge->counters.commands++;
    const char *why = too_late(edge, message, issued);
    if (why == NULL) {
        edge->field.ops->command(edge->field.context, now, &command, &answer);
    } else {
        snprintf(answer.reason, sizeof answer.reason, "%s", why);
    }
    memcpy(answer.command, command.command, sizeof answer.command);
    edge->counters.accepted += answer.accepted;
    edge->counters.refused += !answer.accepted;
    publish_answer(edge, message, &answer);
}

/* ---- ticks ---- */

/* After each connection: we are here, and this is how things stand. */
static void greet(MqttEdge *edge)
{
    MqttPublish online = {
        .topic = edge->status_topic, .payload = bytes_of("online", 6), .qos = 1, .retain = true
    };
    if (edge->link.ops->publish(edge->link.context, &online) != STATUS_OK) {
        edge->connections--; /* again next tick */
        return;
    }
    for (uint32_t i = 0; i < thing_index_slots(&edge->index); i++) {
        if (edge->slots[i].known && !edge->slots[i].waiting) {
            set_waiting(edge, &edge->slots[i], true);
        }
    }
}

Status mqtt_edge_tick(MqttEdge *edge, TimeNs now)
{
    MqttLinkStatus status;
    MqttMessage message;
    edge->link.ops->status(edge->link.context, &status);
    edge->connected = status.connected;
    if (status.connected && status.connections != edge->connections) {
        edge->connections = status.connections;
        greet(edge);
    }
    for (int i = 0; i < COMMANDS_MAX && edge->link.ops->peek(edge->link.context, &message); i++) {
        take_command(edge, now, &message);
        edge->link.ops->pop(edge->link.context);
    }
    if (status.connected && edge->field.ops->heard != NULL) {
        edge->field.ops->heard(edge->field.context, now);
    }
    if (status.connected) {
        publish_waiting(edge);
    }
    FieldSample samples[CHUNK];
    size_t count;
    do {
        Status result = edge->field.ops->poll(edge->field.context, now, samples, CHUNK, &count);
        if (result != STATUS_OK) {
            return result;
        }
        for (size_t i = 0; i < count; i++) {
            take_sample(edge, &samples[i]);
        }
    } while (count == CHUNK);
    return STATUS_OK;
}

int mqtt_edge_wake_fd(const MqttEdge *edge)
{
    return edge->link.ops->wake_fd(edge->link.context);
}

bool mqtt_edge_connected(const MqttEdge *edge)
{
    return edge->connected;
}

const MqttEdgeCounters *mqtt_edge_counters(const MqttEdge *edge)
{
    return &edge->counters;
}

/* ---- creation ---- */

bool mqtt_edge_status_topic(const World *world, const char *prefix, char *out, size_t size)
{
    int used = snprintf(out, size, "%s/%s/status", prefix == NULL || prefix[0] == '\0' ? "dtmv" : prefix,
                        world->name);
    return used > 0 && (size_t)used < size && mqtt_topic_valid(out);
}

/* Names become levels of topics. */
static bool names_fit(const MqttEdge *edge)
{
    for (uint32_t i = 0; i < edge->world->thing_count; i++) {
        const Thing *thing = &edge->world->things[i];
        if (strpbrk(thing->id, "/+#") != NULL ||
            edge->base_size + strlen(thing->id) + 160 > MQTT_TOPIC_SIZE_MAX) {
            return false;
        }
        for (uint32_t p = 0; p < thing->model->property_count; p++) {
            if (strpbrk(thing->model->properties[p].name, "/+#") != NULL) {
                return false;
            }
        }
    }
    return true;
}

static Status set_up(MqttEdge *edge, const MqttEdgeConfig *config, Diag *diag)
{
    static const char *const names[FIELDS] = { "command", "value", "issued", "seen" };
    const char *reason = NULL;
    if (!mqtt_edge_status_topic(edge->world, config->prefix, edge->status_topic, sizeof edge->status_topic)) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0,
                        "the world's name or the prefix fits into no topic");
    }
    edge->base_size = strlen(edge->status_topic) - strlen("status");
    memcpy(edge->base, edge->status_topic, edge->base_size);
    edge->base[edge->base_size] = '\0';
    Status status = thing_index_init(&edge->index, edge->world, &edge->arena);
    for (int i = 0; i < FIELDS && status == STATUS_OK; i++) {
        status = scan_path_compile(names[i], &edge->arena, &edge->paths[i], &reason);
    }
    if (status == STATUS_OK) {
        edge->slots = arena_new_array(&edge->arena, Slot, (size_t)thing_index_slots(&edge->index) + 1);
        status = edge->slots == NULL ? STATUS_OUT_OF_MEMORY : STATUS_OK;
    }
    if (status != STATUS_OK) {
        return diag_set(diag, status, "", 0, "no memory for the physical world's broker");
    }
    char filter[MQTT_TOPIC_SIZE_MAX + 16];
    snprintf(filter, sizeof filter, "%s+/!/+", edge->base);
    if (!names_fit(edge) || edge->link.ops->subscribe(edge->link.context, filter, 0) != STATUS_OK) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0,
                        "a thing or property has a name that fits into no topic");
    }
    return STATUS_OK;
}

Status mqtt_edge_create(const MqttEdgeConfig *config, MqttEdge **out_edge, Diag *diag)
{
    MqttEdge *edge = calloc(1, sizeof *edge);
    if (edge == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the physical world's broker");
    }
    arena_init(&edge->arena, 0);
    edge->link = config->link;
    edge->world = config->world;
    edge->texts = config->texts;
    edge->field = config->field;
    Status status = set_up(edge, config, diag);
    if (status != STATUS_OK) {
        arena_finish(&edge->arena);
        free(edge);
        return status;
    }
    *out_edge = edge;
    return STATUS_OK;
}

void mqtt_edge_destroy(MqttEdge *edge)
{
    if (edge == NULL) {
        return;
    }
    MqttPublish offline = {
        .topic = edge->status_topic, .payload = bytes_of("offline", 7), .qos = 1, .retain = true
    };
    if (edge->link.ops->publish(edge->link.context, &offline) != STATUS_OK) {
        log_debug("physical", "the broker is away: its last will says that we are too");
    }
    edge->link.ops->destroy(edge->link.context);
    arena_finish(&edge->arena);
    free(edge);
}
