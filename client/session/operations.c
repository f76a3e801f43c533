#include "client/session/operations.h"

#include <string.h>

static bool under_way(const SessionCommand *command)
{
    return !wire_command_final(command->state);
}

static SessionCommand *find(Operations *operations, const uint8_t id[COMMAND_SIZE])
{
    for (uint32_t i = 0; i < operations->command_count; i++) {
        if (memcmp(operations->commands[i].asked.command, id, COMMAND_SIZE) == 0) {
            return &operations->commands[i];
        }
    }
    return NULL;
}

const SessionCommand *operations_find(const Operations *operations, const uint8_t id[COMMAND_SIZE])
{
    for (uint32_t i = 0; i < operations->command_count; i++) {
        if (memcmp(operations->commands[i].asked.command, id, COMMAND_SIZE) == 0) {
            return &operations->commands[i];
        }
    }
    return NULL;
}

static void drop(Operations *operations, uint32_t at)
{
    operations->command_count--;
    memmove(&operations->commands[at], &operations->commands[at + 1],
            (operations->command_count - at) * sizeof operations->commands[0]);
}

/* A place at the end. NULL when all are one's own under way. */
static SessionCommand *append(Operations *operations, TimeNs now)
{
    if (operations->command_count == OPERATIONS_COMMANDS_MAX) {
        uint32_t ended = OPERATIONS_COMMANDS_MAX, others = OPERATIONS_COMMANDS_MAX;
        for (uint32_t i = OPERATIONS_COMMANDS_MAX; i-- > 0;) {
            ended = under_way(&operations->commands[i]) ? ended : i;
            others = operations->commands[i].own ? others : i;
        }
        uint32_t victim = ended < OPERATIONS_COMMANDS_MAX ? ended : others;
        if (victim == OPERATIONS_COMMANDS_MAX) {
            return NULL;
        }
        drop(operations, victim);
    }
    SessionCommand *command = &operations->commands[operations->command_count++];
    *command =
        (SessionCommand){ .property = NO_WIRE_PROPERTY, .since = TIME_NONE, .began = now, .changed = now };
    return command;
}

Status operations_ask(Operations *operations, const InvokeMessage *invoke, TimeNs now)
{
    if (find(operations, invoke->command) != NULL) {
        return STATUS_DUPLICATE;
    }
    SessionCommand *command = append(operations, now);
    if (command == NULL) {
        return STATUS_CAPACITY;
    }
    command->asked = *invoke;
    command->own = true;
    return STATUS_OK;
}

static bool exists(const World *world, uint32_t thing, uint8_t property)
{
    return thing < world->thing_count &&
           (property == NO_WIRE_PROPERTY || property < world->things[thing].model->property_count);
}

bool operations_command(Operations *operations, const World *world, const CommandMessage *message, TimeNs now)
{
    if (!exists(world, message->thing, message->property) ||
        (message->action <= ACTION_INDEX_MAX &&
         message->action >= world->things[message->thing].model->action_count)) {
        return false;
    }
    SessionCommand *command = find(operations, message->command);
    if (command == NULL) {
        command = append(operations, now);
        if (command == NULL) {
            return true; /* all that is shown is one's own: there is no place for more */
        }
        command->asked.thing = message->thing;
        command->asked.action = message->action;
        memcpy(command->asked.command, message->command, COMMAND_SIZE);
    } else if (!under_way(command)) {
        return true; /* it has ended once */
    }
    command->changed = command->state == message->state ? command->changed : now;
    command->state = message->state;
    command->property = message->property;
    command->desired = message->desired;
    command->who = message->who;
    command->since = message->since;
    memcpy(command->name, message->name, sizeof command->name);
    memcpy(command->reason, message->reason, sizeof command->reason);
    return true;
}

static bool same_alarm(const AlarmMessage *a, const AlarmMessage *b)
{
    return a->thing == b->thing && a->property == b->property && strcmp(a->service, b->service) == 0 &&
           strcmp(a->rule, b->rule) == 0;
}

bool operations_alarm(Operations *operations, const World *world, const AlarmMessage *message)
{
    if (!exists(world, message->thing, message->property)) {
        return false;
    }
    uint32_t at = 0;
    while (at < operations->alarm_count && !same_alarm(&operations->alarms[at], message)) {
        at++;
    }
    bool known = at < operations->alarm_count;
    if (message->active && at < OPERATIONS_ALARMS_MAX) {
        operations->alarms[at] = *message;
        operations->alarm_count += !known;
    } else if (!message->active && known) {
        operations->alarms[at] = operations->alarms[--operations->alarm_count];
    }
    return true;
}

bool operations_system(Operations *operations, const SystemMessage *message)
{
    SessionSystems *incoming = &operations->incoming;
    if (message->index == 0) {
        incoming->system_count = incoming->unbound_count = 0;
    }
    if (message->index != incoming->system_count) {
        return false; /* they come in order */
    }
    incoming->systems[incoming->system_count++] = *message;
    return true;
}

bool operations_unbound(Operations *operations, const World *world, const UnboundMessage *message)
{
    SessionSystems *incoming = &operations->incoming;
    Bytes entries = message->entries;
    UnboundEntry entry;
    while (unbound_entry_read(&entries, &entry)) {
        if (entry.thing >= world->thing_count) {
            return false;
        }
        if (incoming->unbound_count < OPERATIONS_UNBOUND_MAX) {
            incoming->unbound[incoming->unbound_count++] = entry;
        }
    }
    if (message->last) {
        operations->systems = *incoming;
        operations->answers++;
        incoming->system_count = incoming->unbound_count = 0;
    }
    return true;
}

void operations_renew(Operations *operations)
{
    for (uint32_t i = operations->command_count; i-- > 0;) {
        if (!operations->commands[i].own && under_way(&operations->commands[i])) {
            drop(operations, i);
        }
    }
    operations->alarm_count = 0;
    operations->incoming.system_count = operations->incoming.unbound_count = 0;
}

void operations_update(Operations *operations, TimeNs now)
{
    for (uint32_t i = operations->command_count; i-- > 0;) {
        const SessionCommand *command = &operations->commands[i];
        if (!under_way(command) && now - command->changed >= OPERATIONS_KEPT) {
            drop(operations, i);
        }
    }
}

const char *operations_unbound_reason(const Operations *operations, uint32_t thing)
{
    for (uint32_t i = 0; i < operations->systems.unbound_count; i++) {
        if (operations->systems.unbound[i].thing == thing) {
            return operations->systems.unbound[i].reason;
        }
    }
    return NULL;
}

const SessionCommand *operations_pending(const Operations *operations, uint32_t thing, uint8_t property)
{
    for (uint32_t i = operations->command_count; i-- > 0;) {
        const SessionCommand *command = &operations->commands[i];
        if (under_way(command) && command->asked.thing == thing &&
            (property == NO_WIRE_PROPERTY || command->property == property)) {
            return command;
        }
    }
    return NULL;
}
