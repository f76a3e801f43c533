/* Commands at the digital twin system (step 7): each id acts once (R20), is checked once more against the
 * limits and interlocks of the thing (R17), goes to the feed that has the device, and ends in one final
 * state: confirmed by a reported value, refused, timed out, superseded or failed (R16). */
#include "server/twin/state.h"

#include <stdio.h>

/* So long after its deadline the enabler may still want to know of a command. */
#define RECALLED TIME_MINUTE

static const Action *action_of(const TwinSystem *twin, const Command *command)
{
    return &twin->world->things[command->thing].model->actions[command->action];
}

static bool is_under_way(const Command *command)
{
    return command->id[0] != '\0' && !command_state_final(command->state);
}

/* ---- telling ---- */

static void put_value(BodyWriter *body, const char *key, const Property *property, int64_t code,
                      const TextTable *texts)
{
    body_value(body, key, property_decode(property, code, texts));
}

/* Tells the enabler the state a command has. False when the bus does not take it. */
static bool tell(TwinSystem *twin, const Command *command, const char *thing, const char *action_name)
{
    TwinLink *link = twin->link;
    BodyWriter body = body_begin(DII_COMMAND_STATE);
    body_text(&body, "command", command->id);
    body_text(&body, "state", command_state_name(command->state));
    body_text(&body, "system", link->config.name);
    body_text(&body, "thing", thing);
    body_text(&body, "action", action_name);
    body_text(&body, "user", command->user);
    if (command->has_desired) {
        const Action *action = action_of(twin, command);
        const Property *property = &twin->world->things[command->thing].model->properties[action->target];
        body_text(&body, "property", property->name);
        if (command->state == COMMAND_ACCEPTED) {
            put_value(&body, "desired", property, command->desired, link->config.texts);
        }
    }
    if (command->reason[0] != '\0') {
        body_text(&body, "reason", command->reason);
    }
    body_integer(&body, "time", twin_link_wall(link));
    return body_send(&body, link->bus, NULL, link->config.name, command->correlation) == STATUS_OK;
}

/* The same of one that is remembered: what the bus does not take now is told later. */
static void tell_known(TwinSystem *twin, Command *command)
{
    bool told = tell(twin, command, twin->world->things[command->thing].id, action_of(twin, command)->name);
    twin->link->untold += (told ? 0u : 1u) - (command->untold ? 1u : 0u);
    command->untold = !told;
}

static void move_on(TwinSystem *twin, Command *command, CommandState state, const char *reason)
{
    twin->link->under_way -= command_state_final(state) && is_under_way(command);
    command->state = state;
    snprintf(command->reason, sizeof command->reason, "%s", reason);
    twin->link->counters.states[state]++;
    tell_known(twin, command);
}

/* ---- what is remembered ---- */

static Command *find(TwinLink *link, const char *id)
{
    for (uint32_t i = 0; i < COMMANDS_KEPT; i++) {
        if (strcmp(link->commands[i].id, id) == 0) {
            return &link->commands[i];
        }
    }
    return NULL;
}

/* A place for one more: a free one, or that of the oldest that has ended. */
static Command *take_place(TwinLink *link)
{
    Command *place = NULL;
    for (uint32_t i = 0; i < COMMANDS_KEPT; i++) {
        Command *command = &link->commands[i];
        if (command->id[0] == '\0') {
            return command;
        }
        if (!is_under_way(command) && (place == NULL || command->number < place->number)) {
            place = command;
        }
    }
    return place;
}

/* ---- taking one ---- */

typedef struct Wanted {
    const char *id, *thing, *action, *user;
    bool has_value;
    Value value;
    TimeNs issued, expires;
} Wanted;

static void read_wanted(const JsonNode *root, Wanted *out)
{
    static const char *const keys[] = { "schema", "command", "thing",  "action",  "value",
                                        "user",   "grant",   "issued", "expires", NULL };
    json_known_keys(root, keys);
    JsonNode id = json_required(root, "command"), thing = json_required(root, "thing");
    JsonNode action = json_required(root, "action"), user = json_required(root, "user");
    JsonNode grant = json_required(root, "grant"), value = json_member(root, "value");
    JsonNode issued = json_required(root, "issued"), expires = json_required(root, "expires");
    (void)body_read_id(&grant);
    out->id = body_read_id(&id);
    out->thing = json_read_text(&thing, 1, 63, "");
    out->action = json_read_text(&action, 1, 63, "");
    out->user = json_read_text(&user, 0, USER_NAME_SIZE - 1, "");
    out->has_value = body_read_value(&value, &out->value);
    out->issued = body_read_integer(&issued, 0, INT64_MAX, 0);
    out->expires = body_read_integer(&expires, 0, INT64_MAX, 0);
}

static void reported_of(const TwinSystem *twin, uint32_t thing, Reported out[THING_PROPERTIES_MAX])
{
    uint32_t first = twin->first_slot[thing];
    for (uint32_t i = first; i < twin->first_slot[thing + 1]; i++) {
        out[i - first] = twin->slots[i].reported;
    }
}

/* NULL when the action may be taken now; else why not. Fills `command` as far as the world knows it. */
static const char *why_not(TwinSystem *twin, const Wanted *wanted, Command *command)
{
    TwinLink *link = twin->link;
    int thing = world_thing_index(twin->world, wanted->thing);
    if (thing < 0) {
        return "there is no such thing";
    }
    const ThingModel *model = twin->world->things[thing].model;
    int index = thing_action_index(model, wanted->action);
    if (index < 0) {
        return "the thing has no such action";
    }
    const Action *action = &model->actions[index];
    const Value *value = wanted->has_value ? &wanted->value : NULL;
    Reported reported[THING_PROPERTIES_MAX];
    command->thing = (uint32_t)thing;
    command->action = (uint8_t)index;
    if (!link->has_wall || twin_link_wall(link) > wanted->expires) {
        return "the command has expired";
    }
    if (action_check_input(action, value) != STATUS_OK) {
        return "the value is none that the action takes";
    }
    reported_of(twin, command->thing, reported);
    const Interlock *blocked = action_blocked(model, action, reported);
    if (blocked != NULL) {
        return blocked->text;
    }
    if (action->target != NO_PROPERTY) {
        bool text = model->properties[action->target].encoding == CHANNEL_TEXT;
        if ((text && link->config.texts == NULL) ||
            action_desired(model, action, value, link->config.texts, &command->desired) != STATUS_OK) {
            return "the value is none that the property can have";
        }
        command->has_desired = true;
        command->seen = reported[action->target].source_time;
    }
    return NULL;
}

/* Ends what the new command takes the place of, or says who keeps it from being done. */
static const char *make_way(TwinSystem *twin, const Command *command)
{
    TwinLink *link = twin->link;
    const Action *action = action_of(twin, command);
    for (uint32_t i = 0; i < COMMANDS_KEPT && link->under_way > 0; i++) {
        Command *other = &link->commands[i];
        if (!is_under_way(other) || other->thing != command->thing) {
            continue;
        }
        bool same =
            command->has_desired && other->has_desired && action_of(twin, other)->target == action->target;
        if (action->emergency) {
            move_on(twin, other, COMMAND_SUPERSEDED, "an emergency action");
        } else if (same && strcmp(other->user, command->user) == 0) {
            move_on(twin, other, COMMAND_SUPERSEDED, "a later command of the same user");
        } else if (same) {
            return "another user's command on this property is under way";
        }
    }
    return NULL;
}

/* The newest value of the thing that anybody here can have seen. */
static TimeNs newest(const TwinSystem *twin, uint32_t thing)
{
    TimeNs time = TIME_NONE;
    for (uint32_t i = twin->first_slot[thing]; i < twin->first_slot[thing + 1]; i++) {
        TimeNs one = twin->slots[i].reported.source_time;
        time = one > time ? one : time;
    }
    return time;
}

/* Asks the feeds in turn. NULL: one has sent it; else why not. */
static const char *pass_on(TwinSystem *twin, Command *command, const Wanted *wanted)
{
    const char *reason = "there is no way to the device";
    FieldCommand field = { .thing = command->thing,
                           .action = command->action,
                           .has_value = wanted->has_value,
                           .value = wanted->value,
                           .source_time = newest(twin, command->thing) };
    memcpy(field.command, command->id, sizeof field.command);
    for (uint8_t i = 0; i < twin->feed_count; i++) {
        const Feed *feed = &twin->feeds[i].feed;
        if (twin->feeds[i].ended || feed->ops->command == NULL) {
            continue;
        }
        Status status = feed->ops->command(feed->context, twin->link->now, &field);
        if (status == STATUS_OK) {
            command->feed = i;
            return NULL;
        }
        if (status == STATUS_UNSUPPORTED) {
            reason = "the action has no way to the device";
        } else if (status != STATUS_NOT_FOUND) {
            return status == STATUS_CAPACITY ? "the way to the device is full"
                                             : "the way to the device is cut";
        }
    }
    return reason;
}

static void carry_out(TwinSystem *twin, Command *command, const Wanted *wanted)
{
    TwinLink *link = twin->link;
    const char *reason =
        link->under_way >= COMMANDS_MAX ? "too many commands are under way" : make_way(twin, command);
    if (reason != NULL) {
        move_on(twin, command, COMMAND_REFUSED, reason);
        return;
    }
    command->state = COMMAND_AUTHORISED;
    link->under_way++;
    TimeNs timeout = action_of(twin, command)->timeout;
    TimeNs left = wanted->expires - twin_link_wall(link);
    command->deadline = link->now + (left < timeout ? left : timeout);
    reason = pass_on(twin, command, wanted);
    if (reason != NULL) {
        move_on(twin, command, COMMAND_FAILED, reason);
    }
}

void twin_command_take(TwinSystem *twin, const BusMessage *message, const JsonNode *root)
{
    TwinLink *link = twin->link;
    Wanted wanted;
    read_wanted(root, &wanted);
    if (root->document->status != STATUS_OK) {
        return;
    }
    Command *command = find(link, wanted.id);
    link->counters.commands++;
    if (command != NULL) {
        link->counters.repeated++;
        command->correlation = message->correlation;
        if (command->state != COMMAND_AUTHORISED) { /* of that the device has said nothing yet */
            tell_known(twin, command);
        }
        return;
    }
    Command fresh = { .state = COMMAND_REFUSED,
                      .feed = NO_FEED,
                      .seen = TIME_NONE,
                      .correlation = message->correlation,
                      .deadline = link->now,
                      .number = ++link->command_count };
    snprintf(fresh.id, sizeof fresh.id, "%s", wanted.id);
    snprintf(fresh.user, sizeof fresh.user, "%s", wanted.user);
    int thing = world_thing_index(twin->world, wanted.thing);
    const char *reason = why_not(twin, &wanted, &fresh);
    if (thing < 0 || thing_action_index(twin->world->things[thing].model, wanted.action) < 0) {
        snprintf(fresh.reason, sizeof fresh.reason, "%s", reason);
        link->counters.states[COMMAND_REFUSED]++;
        (void)tell(twin, &fresh, wanted.thing, wanted.action); /* could never be done: not worth a place */
        return;
    }
    command = take_place(link); /* COMMANDS_MAX < COMMANDS_KEPT: there is one */
    link->untold -= command->untold;
    *command = fresh;
    if (reason != NULL) {
        move_on(twin, command, COMMAND_REFUSED, reason);
    } else {
        carry_out(twin, command, &wanted);
    }
}

/* ---- what becomes of it ---- */

static void take_answers(TwinSystem *twin)
{
    for (uint8_t i = 0; i < twin->feed_count; i++) {
        const Feed *feed = &twin->feeds[i].feed;
        FieldAnswer answer;
        while (feed->ops->answer != NULL && feed->ops->answer(feed->context, &answer) == STATUS_OK) {
            Command *command = find(twin->link, answer.command);
            if (answer.command[0] == '\0' || command == NULL || !is_under_way(command) ||
                command->feed != i) {
                continue;
            }
            if (!answer.accepted) {
                move_on(twin, command, COMMAND_REFUSED,
                        answer.reason[0] == '\0' ? "by the device" : answer.reason);
            } else if (!command->has_desired) {
                move_on(twin, command, COMMAND_CONFIRMED, ""); /* acceptance is all there is to it */
            } else if (command->state == COMMAND_AUTHORISED) {
                command->accepted = true;
                move_on(twin, command, COMMAND_ACCEPTED, "");
            }
        }
    }
}

/* A reported value counts that is newer than the command, or that the device, by accepting, stands by. */
static bool is_confirmed(const TwinSystem *twin, const Command *command)
{
    if (!command->has_desired) {
        return false;
    }
    const Action *action = action_of(twin, command);
    const Reported *reported = &twin_slot(twin, command->thing, action->target)->reported;
    bool counts = command->accepted || reported->source_time > command->seen;
    return counts &&
           action_confirmed(twin->world->things[command->thing].model, action, command->desired, reported);
}

void twin_commands_tick(TwinSystem *twin)
{
    TwinLink *link = twin->link;
    take_answers(twin);
    for (uint32_t i = 0; i < COMMANDS_KEPT && link->untold > 0 && link->registered; i++) {
        if (link->commands[i].untold) {
            tell_known(twin, &link->commands[i]);
        }
    }
    for (uint32_t i = 0; i < COMMANDS_KEPT && link->under_way > 0; i++) {
        Command *command = &link->commands[i];
        if (!is_under_way(command)) {
            continue;
        }
        const TwinFeed *feed = &twin->feeds[command->feed];
        if (is_confirmed(twin, command)) {
            move_on(twin, command, COMMAND_CONFIRMED, "");
        } else if (feed->lost || feed->ended) {
            move_on(twin, command, COMMAND_FAILED, "the way to the device is cut");
        } else if (link->now >= command->deadline) {
            move_on(twin, command, COMMAND_TIMED_OUT, "no reported value has confirmed it in time");
        }
    }
}

void twin_commands_recall(TwinLink *link)
{
    for (uint32_t i = 0; i < COMMANDS_KEPT; i++) {
        Command *command = &link->commands[i];
        if (command->id[0] != '\0' && command->state != COMMAND_AUTHORISED && !command->untold &&
            link->now - command->deadline < RECALLED) {
            command->untold = true;
            link->untold++;
        }
    }
}

/* ---- queries ---- */

bool twin_desired(const TwinSystem *twin, uint32_t thing, uint8_t property, int64_t *out_code)
{
    const TwinLink *link = twin->link;
    for (uint32_t i = 0; link != NULL && i < COMMANDS_KEPT && link->under_way > 0; i++) {
        const Command *command = &link->commands[i];
        if (is_under_way(command) && command->has_desired && command->thing == thing &&
            action_of(twin, command)->target == property) {
            *out_code = command->desired;
            return true;
        }
    }
    return false;
}

CommandState twin_command_state(const TwinSystem *twin, const char *command)
{
    const Command *found = twin->link == NULL || command[0] == '\0' ? NULL : find(twin->link, command);
    return found == NULL ? COMMAND_NONE : found->state;
}
