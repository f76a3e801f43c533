#include "server/twin/mqtt_command.h"

#include <math.h>
#include <stdio.h>

/* What a placeholder of a template stands for. */
typedef struct Word {
    const char *name; /* "{thing}" */
    const char *text;
} Word;

/* Copies `template` with the words filled in. False when it does not fit. */
static bool fill_in(const char *template, const Word *words, size_t count, char *out, size_t size)
{
    size_t used = 0;
    for (const char *at = template; *at != '\0';) {
        const Word *found = NULL;
        for (size_t i = 0; i < count && *at == '{' && found == NULL; i++) {
            found = strncmp(at, words[i].name, strlen(words[i].name)) == 0 ? &words[i] : NULL;
        }
        size_t length = found == NULL ? 1 : strlen(found->text);
        if (used + length >= size) {
            return false;
        }
        memcpy(out + used, found == NULL ? at : found->text, length);
        used += length;
        at += found == NULL ? 1 : strlen(found->name);
    }
    out[used] = '\0';
    return true;
}

/* The command's value as JSON: null when there is none. */
static bool put_value(const FieldCommand *command, char *out, size_t size)
{
    const Value *value = &command->value;
    if (!command->has_value) {
        return snprintf(out, size, "null") < (int)size;
    }
    switch (value->type) {
    case VALUE_NUMBER: {
        char number[32];
        if (!isfinite(value->number)) {
            return false;
        }
        json_put_number(value->number, number);
        return snprintf(out, size, "%s", number) < (int)size;
    }
    case VALUE_BOOLEAN:
        return snprintf(out, size, "%s", value->boolean ? "true" : "false") < (int)size;
    default: {
        size_t used = json_escape(value->text, strlen(value->text), out + 1, size - 2);
        if (used == SIZE_MAX) {
            return false;
        }
        out[0] = '"';
        memcpy(out + 1 + used, "\"", 2);
        return true;
    }
    }
}

static void put_time(TimeNs time, char *out, size_t size)
{
    if (time == TIME_NONE) {
        snprintf(out, size, "null");
    } else {
        snprintf(out, size, "%lld", (long long)time);
    }
}

Status mqtt_command_write(const MqttMapping *mapping, const World *world, const FieldCommand *command,
                          TimeNs issued, MqttCommandText *out_text)
{
    if (mapping->commands.topic == NULL) {
        return STATUS_UNSUPPORTED;
    }
    const Thing *thing = &world->things[command->thing];
    const char *action = thing->model->actions[command->action].name;
    char value[1024], when[24], seen[24], thing_json[256], action_json[256];
    const Word names[] = { { "{thing}", thing->id },
                           { "{action}", action },
                           { "{command}", command->command } };
    put_time(issued, when, sizeof when);
    put_time(command->source_time, seen, sizeof seen);
    if (strpbrk(thing->id, "/+#") != NULL || strpbrk(action, "/+#") != NULL ||
        !fill_in(mapping->commands.topic, names, ARRAY_COUNT(names), out_text->topic,
                 sizeof out_text->topic) ||
        json_escape(thing->id, strlen(thing->id), thing_json, sizeof thing_json) == SIZE_MAX ||
        json_escape(action, strlen(action), action_json, sizeof action_json) == SIZE_MAX ||
        !put_value(command, value, sizeof value)) {
        return STATUS_OUT_OF_RANGE;
    }
    const Word words[] = {
        { "{thing}", thing_json }, { "{action}", action_json }, { "{command}", command->command },
        { "{value}", value },      { "{issued}", when },        { "{seen}", seen }
    };
    if (!fill_in(mapping->commands.payload, words, ARRAY_COUNT(words), out_text->payload,
                 sizeof out_text->payload)) {
        return STATUS_OUT_OF_RANGE;
    }
    out_text->payload_size = strlen(out_text->payload);
    return STATUS_OK;
}

Status mqtt_answer_read(const MqttMapping *mapping, Bytes payload, FieldAnswer *out_answer)
{
    enum { COMMAND, ACCEPTED, REASON, COUNT };
    const MqttCommands *commands = &mapping->commands;
    const ScanPath paths[COUNT] = { commands->answer_command, commands->answer_accepted,
                                    commands->answer_reason };
    ScanField fields[COUNT];
    FieldAnswer answer = { 0 };
    size_t size = 0;
    if (json_scan(payload, paths, COUNT, fields) != STATUS_OK || fields[COMMAND].kind != SCAN_TEXT ||
        fields[ACCEPTED].kind != SCAN_BOOLEAN ||
        !scan_text(&fields[COMMAND], answer.command, sizeof answer.command, &size) ||
        size != COMMAND_ID_SIZE - 1 || strspn(answer.command, "0123456789abcdef") != size) {
        return STATUS_MALFORMED;
    }
    answer.accepted = fields[ACCEPTED].boolean;
    if (fields[REASON].kind == SCAN_TEXT) {
        char reason[1024];
        bool readable = scan_text(&fields[REASON], reason, sizeof reason, NULL);
        size_t kept = readable ? strlen(reason) : 0;
        while (kept >= sizeof answer.reason || (kept > 0 && !scan_is_clean(reason, kept))) {
            kept--; /* not in the middle of a character */
        }
        memcpy(answer.reason, reason, kept);
    }
    *out_answer = answer;
    return STATUS_OK;
}
