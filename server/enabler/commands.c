/* Commands (step 7): who may, what is possible, what is safe, who wins, once only (R15 to R18, R20). Each
 * ends in exactly one final state, which its invoker is told, and everyone in the world who sees the thing
 * (R24). */
#include "server/enabler/state.h"

#include <math.h>
#include <stdio.h>

#define ISSUED_BACK  (30 * TIME_SECOND)
#define ISSUED_AHEAD (5 * TIME_SECOND)
/* Younger than that an id may come again with an `issued` that is good; kept in memory so long, in the store
 * for a day. */
#define REMEMBERED    (ISSUED_BACK + ISSUED_AHEAD + 5 * TIME_SECOND)
#define STALE_PERIODS 3

/* ---- the table ---- */

static uint32_t bucket_of(const Enabler *enabler, const char *id)
{
    uint32_t hash = UINT32_C(2166136261);
    for (; *id != '\0'; id++) {
        hash = (hash ^ (uint8_t)*id) * UINT32_C(16777619);
    }
    return hash & enabler->bucket_mask;
}

static Command *find_in_memory(Enabler *enabler, const char *id)
{
    uint32_t at = enabler->buckets[bucket_of(enabler, id)];
    while (at != NO_INDEX && strcmp(enabler->commands[at].stored.id, id) != 0) {
        at = enabler->commands[at].next;
    }
    return at == NO_INDEX ? NULL : &enabler->commands[at];
}

static void release(Enabler *enabler, Command *command)
{
    uint32_t index = (uint32_t)(command - enabler->commands);
    uint32_t *link = &enabler->buckets[bucket_of(enabler, command->stored.id)];
    while (*link != index) {
        link = &enabler->commands[*link].next;
    }
    *link = command->next;
    *command = (Command){ 0 };
    enabler->command_count--;
}

/* A place for a command: free, or of one that has ended and cannot be repeated any more. NULL: none. */
static Command *take_place(Enabler *enabler, const char *id)
{
    Command *place = NULL;
    for (uint32_t i = 0; i < enabler->config.commands_max && !place; i++) {
        Command *command = &enabler->commands[i];
        if (!command->used) {
            place = command;
        } else if (command_state_final(command->stored.state) &&
                   enabler->wall - command->stored.taken > REMEMBERED) {
            release(enabler, command);
            place = command;
        }
    }
    if (place) {
        uint32_t *bucket = &enabler->buckets[bucket_of(enabler, id)];
        *place = (Command){ .used = true, .next = *bucket };
        *bucket = (uint32_t)(place - enabler->commands);
        enabler->command_count++;
    }
    return place;
}

/* ---- telling ---- */

static void fill_state(const Enabler *enabler, BodyWriter *body, const StoredCommand *command)
{
    body_text(body, "command", command->id);
    body_text(body, "state", command_state_name(command->state));
    body_text(body, "system", command->system);
    body_text(body, "thing", command->thing);
    body_text(body, "action", command->action);
    body_text(body, "user", command->user);
    if (command->property[0]) {
        body_text(body, "property", command->property);
    }
    if (command->state == COMMAND_AUTHORISED || command->state == COMMAND_ACCEPTED) {
        set_wished(body, "desired", &command->desired);
    }
    if (command->reason[0]) {
        body_text(body, "reason", command->reason);
    }
    body_integer(body, "time", enabler->wall);
}

static void tell(Enabler *enabler, const System *to, uint64_t correlation, const StoredCommand *command)
{
    BodyWriter body = body_begin(consumer_message(to->stored.kind, MII_COMMAND_STATE));
    fill_state(enabler, &body, command);
    (void)send_body(enabler, to, correlation, command->system, &body);
}

/* The metaverse systems that see the thing, but for the invoker. */
static void tell_others(Enabler *enabler, const StoredCommand *command)
{
    const System *twin = system_find(enabler, command->system);
    for (uint32_t i = 0; twin && i < twin->subscription_count; i++) {
        const Subscription *route = &twin->subscriptions[i];
        const System *other = &enabler->systems[route->consumer];
        if (other->stored.kind == SYSTEM_METAVERSE && strcmp(other->stored.name, command->consumer) != 0 &&
            grant_covers(&enabler->grants[route->grant], command->thing)) {
            tell(enabler, other, 0, command);
        }
    }
}

/* "SYSTEM/THING/ACTION", and what it is to bring about: " PROPERTY=VALUE". Commands are forgotten after a
 * day, the audit is not. */
static void write_subject(const StoredCommand *command, char *out, size_t size)
{
    const WishedValue *wished = &command->desired;
    int used = snprintf(out, size, "%s/%s/%s", command->system, command->thing, command->action);
    if (!wished->given || used < 0 || (size_t)used >= size) {
        return;
    }
    out += used;
    size -= (size_t)used;
    used = snprintf(out, size, " %s", command->property);
    if (used < 0 || (size_t)used >= size) {
        return;
    }
    out += used;
    size -= (size_t)used;
    switch (wished->type) {
    case VALUE_NUMBER:
        snprintf(out, size, "=%.9g", wished->number);
        break;
    case VALUE_BOOLEAN:
        snprintf(out, size, "=%s", wished->boolean ? "true" : "false");
        break;
    case VALUE_TEXT:
        snprintf(out, size, "=%s", wished->text);
        break;
    }
}

static void audit_command(Enabler *enabler, const StoredCommand *command, const char *key)
{
    char subject[sizeof command->system + sizeof command->thing + sizeof command->action +
                 sizeof command->property + sizeof command->desired.text + 4];
    write_subject(command, subject, sizeof subject);
    AuditLine line = { .system = command->consumer,
                       .user = command->user,
                       .key = key,
                       .what = "invoke",
                       .subject = subject,
                       .grant = command->grant,
                       .result = command_state_name(command->state),
                       .reason = command->reason };
    System *from = system_find(enabler, command->consumer);
    if (command->state == COMMAND_REFUSED) {
        audit_refused(enabler, from, &line);
    } else {
        audit_write(enabler, &line);
    }
}

/* The user's key, as the grant has it. */
static const char *key_of(const Enabler *enabler, const char *grant)
{
    for (uint32_t i = 0; i < enabler->config.grants_max; i++) {
        if (enabler->grants[i].used && strcmp(enabler->grants[i].stored.id, grant) == 0) {
            return enabler->grants[i].stored.key;
        }
    }
    return "";
}

/* A command that was let through goes into another state, which all who see it are told. */
static void move_on(Enabler *enabler, Command *command, CommandState state, const char *reason)
{
    command->stored.state = state;
    command->dirty = enabler->commands_changed = true;
    snprintf(command->stored.reason, sizeof command->stored.reason, "%s", reason);
    trim_text(command->stored.reason);
    enabler->counters.commands[state]++;
    enabler->under_way -= command_state_final(state);
    const System *invoker = system_find(enabler, command->stored.consumer);
    if (invoker) {
        tell(enabler, invoker, command->request, &command->stored);
    }
    tell_others(enabler, &command->stored);
    audit_command(enabler, &command->stored, key_of(enabler, command->stored.grant));
}

/* One that was not let through: only its invoker is told. */
static void refuse_command(Enabler *enabler, const Request *request, Command *command, const char *reason)
{
    command->stored.state = COMMAND_REFUSED;
    command->dirty = enabler->commands_changed = true;
    snprintf(command->stored.reason, sizeof command->stored.reason, "%s", reason);
    trim_text(command->stored.reason);
    enabler->counters.commands[COMMAND_REFUSED]++;
    enabler->counters.refused++;
    tell(enabler, request->from, command->request, &command->stored);
    audit_command(enabler, &command->stored, key_of(enabler, command->stored.grant));
}

/* ---- checks ---- */

typedef struct Invocation {
    char id[COMMAND_ID_SIZE], grant[GRANT_ID_SIZE];
    char system[SYSTEM_NAME_SIZE], thing[THING_ID_SIZE], action[ACTION_NAME_SIZE], user[USER_NAME_SIZE];
    TimeNs issued;
    bool has_value;
    Value value;

    /* Found on the way. */
    System *twin;
    uint32_t thing_index;
    const ThingModel *model;
    const Action *does;
    char range[REASON_TEXT_SIZE]; /* why the value is refused, when it is out of range */
} Invocation;

static void read_invocation(const JsonNode *root, Invocation *out)
{
    static const char *const keys[] = { "schema", "command", "grant", "system", "thing",
                                        "action", "value",   "user",  "issued", NULL };
    json_known_keys(root, keys);
    read_required(root, "command", COMMAND_ID_SIZE - 1, out->id, sizeof out->id);
    read_required(root, "grant", GRANT_ID_SIZE - 1, out->grant, sizeof out->grant);
    JsonNode id = json_member(root, "command"), grant = json_member(root, "grant");
    (void)body_read_id(&id);
    (void)body_read_id(&grant);
    read_required(root, "system", 1, out->system, sizeof out->system);
    read_required(root, "thing", 1, out->thing, sizeof out->thing);
    read_required(root, "action", 1, out->action, sizeof out->action);
    read_required(root, "user", 1, out->user, sizeof out->user);
    JsonNode issued = json_required(root, "issued"), value = json_member(root, "value");
    out->issued = body_read_integer(&issued, 0, INT64_MAX, 0);
    out->has_value = body_read_value(&value, &out->value);
}

/* NULL, or why this user may not. */
static const char *right_refused(Enabler *enabler, const Request *request, const Invocation *invocation)
{
    const char *why = "";
    if (invocation->issued < enabler->wall - ISSUED_BACK) {
        return "it was issued too long ago";
    }
    if (invocation->issued > enabler->wall + ISSUED_AHEAD) {
        return "it is issued in the future: check the clocks";
    }
    const Grant *grant =
        grant_find(enabler, invocation->grant, request->from, invocation->system, RIGHT_ACTUATE, &why);
    if (!grant) {
        return why;
    }
    if (strcmp(grant->stored.user, invocation->user) != 0) {
        return "the grant is another user's";
    }
    return grant_covers(grant, invocation->thing) ? NULL : "the grant does not cover that thing";
}

/* "140 % is outside 0..100 %", or "-3 is below 0" where there is one limit only. */
static const char *say_range(Invocation *invocation)
{
    const Action *action = invocation->does;
    const char *unit = action->input_unit ? action->input_unit : "";
    const char *space = unit[0] ? " " : "";
    double value = invocation->value.number, low = action->input_minimum, high = action->input_maximum;
    if (value >= low && value <= high) {
        snprintf(invocation->range, sizeof invocation->range, "%.10g%s%s is no whole number", value, space,
                 unit);
    } else if (isfinite(low) && isfinite(high)) {
        snprintf(invocation->range, sizeof invocation->range, "%.10g%s%s is outside %.10g..%.10g%s%s", value,
                 space, unit, low, high, space, unit);
    } else {
        snprintf(invocation->range, sizeof invocation->range, "%.10g%s%s is %s %.10g%s%s", value, space, unit,
                 value < low ? "below" : "above", value < low ? low : high, space, unit);
    }
    trim_text(invocation->range);
    return invocation->range;
}

/* NULL, or why there is no such deed; finds what it is about. */
static const char *deed_refused(Enabler *enabler, Invocation *invocation)
{
    System *twin = system_find(enabler, invocation->system);
    if (!twin || !twin->up) {
        return "the digital twin system is down";
    }
    int64_t thing = publication_thing(&twin->live, invocation->thing);
    if (thing < 0) {
        return "there is no such thing";
    }
    invocation->twin = twin;
    invocation->thing_index = (uint32_t)thing;
    invocation->model = twin->live.schema[thing].model;
    int action = thing_action_index(invocation->model, invocation->action);
    if (action < 0) {
        return "the thing has no such action";
    }
    invocation->does = &invocation->model->actions[action];
    switch (action_check_input(invocation->does, invocation->has_value ? &invocation->value : NULL)) {
    case STATUS_OK:
        return NULL;
    case STATUS_OUT_OF_RANGE:
        return say_range(invocation);
    default:
        return invocation->does->has_input ? "the action needs a value of its type"
                                           : "the action takes no value";
    }
}

/* NULL, or what of the thing does not allow it now, by the last values seen here (R17). */
static const char *state_refused(const Invocation *invocation)
{
    const System *twin = invocation->twin;
    const Reported *values = &twin->values[twin->live.things[invocation->thing_index].values];
    Reported now[THING_PROPERTIES_MAX];
    for (uint32_t i = 0; i < invocation->model->property_count; i++) {
        TimeNs period = invocation->model->properties[i].period;
        now[i] = values[i];
        bool timed = period > 0 && period < TIME_FOREVER / (STALE_PERIODS + 1) &&
                     now[i].source_time != TIME_NONE && twin->source_clock != TIME_NONE;
        if (timed && twin->source_clock > now[i].source_time &&
            (uint64_t)twin->source_clock - (uint64_t)now[i].source_time >
                (uint64_t)(STALE_PERIODS * period)) {
            now[i].quality = QUALITY_STALE;
        }
    }
    const Interlock *blocked = action_blocked(invocation->model, invocation->does, now);
    if (blocked && !twin->values_known && now[blocked->property].quality == QUALITY_NONE) {
        return "the values of the digital twin system are not known yet: try again in a moment";
    }
    return blocked ? blocked->text : NULL;
}

/* What the target is to become; NULL, or why it cannot. */
static const char *wish_refused(const Invocation *invocation, StoredCommand *command)
{
    const Action *action = invocation->does;
    if (action->target == NO_PROPERTY) {
        return NULL;
    }
    const Property *property = &invocation->model->properties[action->target];
    Value value = invocation->value;
    if (property->encoding != CHANNEL_TEXT || action->has_target_code) {
        int64_t code;
        if (action_desired(invocation->model, action, invocation->has_value ? &value : NULL, NULL, &code) !=
            STATUS_OK) {
            return "the value is none that the property it drives can have";
        }
        value = property_decode(property, code, NULL);
    }
    command->desired =
        (WishedValue){ .given = true, .type = value.type, .number = value.number, .boolean = value.boolean };
    if (value.type == VALUE_TEXT) {
        snprintf(command->desired.text, sizeof command->desired.text, "%s", value.text);
    }
    snprintf(command->property, sizeof command->property, "%s", property->name);
    return NULL;
}

/* ---- who wins ---- */

static bool under_way_on(const Command *command, const StoredCommand *wanted)
{
    return command->used && !command_state_final(command->stored.state) &&
           strcmp(command->stored.system, wanted->system) == 0 &&
           strcmp(command->stored.thing, wanted->thing) == 0;
}

/* True when another user's command holds the property; *out_reason says whose. */
static bool held(const Enabler *enabler, const StoredCommand *wanted, bool emergency, char *out_reason,
                 size_t size)
{
    for (uint32_t i = 0; i < enabler->config.commands_max && enabler->under_way > 0; i++) {
        const Command *other = &enabler->commands[i];
        if (emergency || !under_way_on(other, wanted) || wanted->property[0] == '\0' ||
            strcmp(other->stored.property, wanted->property) != 0) {
            continue;
        }
        bool own = strcmp(other->stored.user, wanted->user) == 0 &&
                   strcmp(other->stored.consumer, wanted->consumer) == 0;
        if (!own) {
            snprintf(out_reason, size, "\"%s\" is being operated by %s", wanted->property,
                     other->stored.user);
            trim_text(out_reason);
            return true;
        }
    }
    return false;
}

/* Ends what the new command takes the place of. */
static void supersede(Enabler *enabler, const Command *winner)
{
    const StoredCommand *wanted = &winner->stored;
    for (uint32_t i = 0; i < enabler->config.commands_max && enabler->under_way > 0; i++) {
        Command *other = &enabler->commands[i];
        if (other == winner || !under_way_on(other, wanted)) {
            continue;
        }
        if (winner->emergency) {
            move_on(enabler, other, COMMAND_SUPERSEDED, "an emergency stop");
        } else if (wanted->property[0] && strcmp(other->stored.property, wanted->property) == 0) {
            move_on(enabler, other, COMMAND_SUPERSEDED, "a later command of the same user");
        }
    }
}

/* ---- the way of a command ---- */

static bool pass_on(Enabler *enabler, const Command *command, const Invocation *invocation)
{
    const StoredCommand *stored = &command->stored;
    BodyWriter body = body_begin(DII_COMMAND);
    body_text(&body, "command", stored->id);
    body_text(&body, "thing", stored->thing);
    body_text(&body, "action", stored->action);
    if (invocation->has_value) {
        body_value(&body, "value", invocation->value);
    }
    body_text(&body, "user", stored->user);
    body_text(&body, "grant", stored->grant);
    body_integer(&body, "issued", invocation->issued);
    body_integer(&body, "expires", stored->expires);
    return send_body(enabler, invocation->twin, 0, stored->system, &body);
}

static void authorise(Enabler *enabler, Command *command, const Invocation *invocation)
{
    command->emergency = invocation->does->emergency;
    command->stored.expires = enabler->wall + invocation->does->timeout;
    command->stored.state = COMMAND_AUTHORISED;
    enabler->under_way++;
    supersede(enabler, command);
    move_on(enabler, command, COMMAND_AUTHORISED, "");
    if (!pass_on(enabler, command, invocation)) {
        move_on(enabler, command, COMMAND_FAILED, "the way to the digital twin system is gone or full");
    }
}

/* A command that was seen before: its state once more, to the one whose it is. */
static void repeat(Enabler *enabler, const Request *request, const StoredCommand *known)
{
    if (strcmp(known->consumer, request->from->stored.name) != 0) {
        refuse(enabler, request, STATUS_DUPLICATE, known->system, "the id of the command has been used");
        return;
    }
    enabler->counters.commands_repeated++;
    tell(enabler, request->from, request->message->correlation, known);
}

static void take_command(Enabler *enabler, const Request *request, Invocation *invocation, Command *command)
{
    StoredCommand *stored = &command->stored;
    command->request = request->message->correlation;
    memcpy(stored->id, invocation->id, sizeof stored->id);
    memcpy(stored->grant, invocation->grant, sizeof stored->grant);
    memcpy(stored->system, invocation->system, sizeof stored->system);
    memcpy(stored->thing, invocation->thing, sizeof stored->thing);
    memcpy(stored->action, invocation->action, sizeof stored->action);
    memcpy(stored->user, invocation->user, sizeof stored->user);
    memcpy(stored->consumer, request->from->stored.name, sizeof stored->consumer);
    stored->taken = stored->expires = enabler->wall;
    char reason[REASON_TEXT_SIZE];
    const char *why = right_refused(enabler, request, invocation);
    why = why ? why : deed_refused(enabler, invocation);
    why = why ? why : state_refused(invocation);
    why = why ? why : wish_refused(invocation, stored);
    if (!why && held(enabler, stored, invocation->does->emergency, reason, sizeof reason)) {
        why = reason;
    }
    if (why) {
        refuse_command(enabler, request, command, why);
    } else {
        authorise(enabler, command, invocation);
    }
}

void handle_invoke(Enabler *enabler, Request *request)
{
    Invocation invocation = { .has_value = false };
    read_invocation(&request->root, &invocation);
    if (refused_document(enabler, request)) {
        return;
    }
    Command *known = find_in_memory(enabler, invocation.id);
    if (known) {
        if (strcmp(known->stored.consumer, request->from->stored.name) == 0) {
            known->request = request->message->correlation;
        }
        repeat(enabler, request, &known->stored);
        return;
    }
    if (!allowance_take(&request->from->commands, enabler->config.commands_per_second, enabler->now)) {
        refuse(enabler, request, STATUS_CAPACITY, invocation.system, "more than %u commands a second",
               enabler->config.commands_per_second);
        return;
    }
    StoredCommand stored;
    Status status = enabler->store.ops->find_command(enabler->store.context, invocation.id, &stored);
    if (status == STATUS_OK) {
        repeat(enabler, request, &stored);
        return;
    }
    Command *command = take_place(enabler, invocation.id);
    if (!command) {
        refuse(enabler, request, STATUS_CAPACITY, invocation.system, "too many commands are under way");
        return;
    }
    take_command(enabler, request, &invocation, command);
}

/* ---- word of the twin system ---- */

typedef struct StateWord {
    char id[COMMAND_ID_SIZE], state[16], system[SYSTEM_NAME_SIZE], reason[REASON_TEXT_SIZE];
} StateWord;

static void read_state(const JsonNode *root, StateWord *out)
{
    static const char *const keys[] = { "schema", "command",  "state",   "system", "thing", "action",
                                        "user",   "property", "desired", "reason", "time",  NULL };
    json_known_keys(root, keys);
    JsonNode id = json_required(root, "command");
    snprintf(out->id, sizeof out->id, "%s", body_read_id(&id));
    read_required(root, "state", 1, out->state, sizeof out->state);
    read_required(root, "system", 1, out->system, sizeof out->system);
    read_optional(root, "reason", out->reason, sizeof out->reason);
}

void handle_command_state(Enabler *enabler, Request *request)
{
    StateWord word;
    read_state(&request->root, &word);
    if (refused_document(enabler, request)) {
        return;
    }
    CommandState state = command_state_parse(word.state);
    if (strcmp(word.system, request->from->stored.name) != 0) {
        refuse(enabler, request, STATUS_NOT_ALLOWED, word.system, "a system speaks of its own commands only");
        return;
    }
    if (state == COMMAND_NONE || state == COMMAND_AUTHORISED) {
        refuse(enabler, request, STATUS_NOT_ALLOWED, word.system, "\"%s\" is no state that a device can tell",
               word.state);
        return;
    }
    Command *command = find_in_memory(enabler, word.id);
    if (command && strcmp(command->stored.system, word.system) != 0) {
        refuse(enabler, request, STATUS_NOT_ALLOWED, word.system, "the command is of another system");
        return;
    }
    bool again = command && command->stored.state == state;
    if (!command || command_state_final(command->stored.state) || again) {
        enabler->counters.late_states++;
        return;
    }
    move_on(enabler, command, state, word.reason);
}

void commands_fail(Enabler *enabler, const char *system, const char *reason)
{
    for (uint32_t i = 0; i < enabler->config.commands_max && enabler->under_way > 0; i++) {
        Command *command = &enabler->commands[i];
        if (command->used && !command_state_final(command->stored.state) &&
            strcmp(command->stored.system, system) == 0) {
            move_on(enabler, command, COMMAND_FAILED, reason);
        }
    }
}

void commands_tick(Enabler *enabler)
{
    for (uint32_t i = 0; i < enabler->config.commands_max && enabler->under_way > 0; i++) {
        Command *command = &enabler->commands[i];
        if (command->used && !command_state_final(command->stored.state) &&
            enabler->wall > command->stored.expires + enabler->config.command_grace) {
            move_on(enabler, command, COMMAND_TIMED_OUT, "no word from the digital twin system");
        }
    }
}

uint32_t enabler_commands_under_way(const Enabler *enabler)
{
    return enabler->under_way;
}

static Status load_command(void *context, const StoredCommand *stored)
{
    Enabler *enabler = context;
    if (!body_id_valid(stored->id) || stored->state == COMMAND_NONE || find_in_memory(enabler, stored->id)) {
        return STATUS_OK;
    }
    Command *command = take_place(enabler, stored->id);
    if (command) {
        command->stored = *stored;
        enabler->under_way++;
    }
    return STATUS_OK;
}

Status commands_load(Enabler *enabler)
{
    return enabler->store.ops->each_open_command(enabler->store.context, load_command, enabler);
}
