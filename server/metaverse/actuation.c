/* actuation.c - what people ask of things. INVOKE becomes a command; the enabler decides about it, on the
 * strength of a grant that this system asks for on behalf of the user and keeps until it ends. Whoever may
 * not operate is refused there, with an entry in the audit, and told so here. What becomes of a command is
 * told to who asked, and from its authorisation on to everybody. */
#include "server/metaverse/state.h"

#include "shared/base/log.h"
#include "shared/wire/key_text.h"

#include <sodium.h>
#include <stdio.h>

#define GRANT_PATIENCE (15 * TIME_SECOND) /* for the right to ask */
#define EXPIRY_MARGIN  (2 * TIME_SECOND)  /* a grant about to end is not used any more */
#define ACTION_UNKNOWN (ACTION_INDEX_MAX + 1)

#define SAME_STATE(value, name, text) \
    _Static_assert((value) == (int)COMMAND_##name, "the wire numbers states as the interfaces do");
WIRE_COMMAND_TABLE(SAME_STATE)
#undef SAME_STATE
_Static_assert(WIRE_COMMAND_COUNT == (int)COMMAND_STATE_COUNT, "the wire has all states of the interfaces");

Status actuation_create(Metaverse *metaverse)
{
    Integration *integration = &metaverse->integration;
    integration->commands = arena_new_array(&metaverse->arena, Command, COMMANDS_MAX);
    return integration->commands == NULL ? STATUS_OUT_OF_MEMORY : services_create(metaverse);
}

static Session *find_session(Metaverse *metaverse, uint16_t number)
{
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        Session *session = &metaverse->sessions[metaverse->live[i]];
        if (session->number == number) {
            return session;
        }
    }
    return NULL;
}

static Command *find_command(Metaverse *metaverse, const uint8_t id[COMMAND_SIZE])
{
    Command *commands = metaverse->integration.commands;
    for (uint32_t i = 0; i < COMMANDS_MAX; i++) {
        if (commands[i].stage != STAGE_FREE && memcmp(commands[i].id, id, COMMAND_SIZE) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* A free place, or that of the command that ended first; NULL: all are under way. */
static Command *new_command(Metaverse *metaverse)
{
    Integration *integration = &metaverse->integration;
    Command *chosen = NULL;
    for (uint32_t i = 0; i < COMMANDS_MAX; i++) {
        Command *command = &integration->commands[i];
        if (command->stage == STAGE_FREE) {
            chosen = command;
            break;
        }
        if (command->stage == STAGE_ENDED && (chosen == NULL || command->order < chosen->order)) {
            chosen = command;
        }
    }
    if (chosen != NULL) {
        integration->under_way++;
        *chosen = (Command){ .order = ++integration->command_order,
                             .link = NO_LINK,
                             .property = NO_WIRE_PROPERTY,
                             .since = metaverse->now };
    }
    return chosen;
}

/* ---- telling ---- */

static Message message_of(const Command *command)
{
    Message message = { .id = MESSAGE_COMMAND,
                        .command = { .thing = command->thing,
                                     .action = command->action,
                                     .state = command->state,
                                     .property = command->property,
                                     .desired = command->desired,
                                     .who = command->who,
                                     .since = command->since } };
    memcpy(message.command.command, command->id, COMMAND_SIZE);
    memcpy(message.command.name, command->name, NAME_SIZE);
    memcpy(message.command.reason, command->reason, REASON_SIZE);
    return message;
}

static void tell_one(Metaverse *metaverse, Session *session, const Command *command)
{
    Message message = message_of(command);
    session_send(metaverse, session, &message);
}

static void tell_everybody(Metaverse *metaverse, const Command *command)
{
    Message message = message_of(command);
    if (message_encode(&message, &metaverse->scratch) != STATUS_OK) {
        return; /* cannot be: everything in it was checked or cleaned */
    }
    Bytes bytes = bytes_of(metaverse->scratch.data, metaverse->scratch.size);
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        session_send_bytes(metaverse, &metaverse->sessions[metaverse->live[i]], MESSAGE_COMMAND, bytes);
    }
}

static void tell(Metaverse *metaverse, Command *command)
{
    bool final = wire_command_final(command->state);
    command->everybody |=
        command->state == WIRE_COMMAND_AUTHORISED || command->state == WIRE_COMMAND_ACCEPTED;
    Session *asker = command->who != 0 ? find_session(metaverse, command->who) : NULL;
    if (command->everybody) {
        tell_everybody(metaverse, command);
    } else if (asker != NULL) {
        tell_one(metaverse, asker, command);
    }
    if (final && asker != NULL && asker->commands > 0) {
        asker->commands--;
    }
}

static void set_reason(Command *command, const char *reason)
{
    message_clean_text(reason, command->reason, sizeof command->reason);
}

static void count_end(MetaverseCounters *counters, uint8_t state)
{
    counters->commands_confirmed += state == WIRE_COMMAND_CONFIRMED;
    counters->commands_refused += state == WIRE_COMMAND_REFUSED;
    counters->commands_failed += state > WIRE_COMMAND_REFUSED;
}

static void end(Metaverse *metaverse, Command *command, uint8_t state, const char *reason)
{
    const World *world = metaverse->world;
    command->stage = STAGE_ENDED;
    command->state = state;
    metaverse->integration.under_way--;
    command->request = 0;
    set_reason(command, reason);
    count_end(&metaverse->counters, state);
    const ThingModel *model = world->things[command->thing].model;
    log_info(LOG_MODULE, "command of %s: %s %s: %s%s%s", command->name, world->things[command->thing].id,
             command->action < model->action_count ? model->actions[command->action].name : "?",
             wire_command_text(state), command->reason[0] != '\0' ? ": " : "", command->reason);
    tell(metaverse, command);
}

void actuation_welcome(Metaverse *metaverse, Session *session)
{
    for (uint32_t i = 0; i < COMMANDS_MAX && metaverse->integration.commands != NULL; i++) {
        const Command *command = &metaverse->integration.commands[i];
        bool under_way = command->stage == STAGE_WAITING || command->stage == STAGE_INVOKED;
        if (under_way && command->everybody) {
            tell_one(metaverse, session, command);
        }
    }
}

/* ---- asking ---- */

static void invoke_now(Metaverse *metaverse, Command *command, const Access *access)
{
    const Thing *thing = &metaverse->world->things[command->thing];
    const Action *action = &thing->model->actions[command->action];
    char id[COMMAND_ID_SIZE];
    sodium_bin2hex(id, sizeof id, command->id, COMMAND_SIZE);
    const ConsumerInvoke invoke = { .command = id,
                                    .grant = access->grant,
                                    .system = metaverse->integration.links[command->link].entry.name,
                                    .thing = thing->id,
                                    .action = action->name,
                                    .user = command->name,
                                    .has_value = command->value_kind != WIRE_VALUE_NONE,
                                    .value = { .type =
                                                   command->value_kind == WIRE_VALUE_BOOLEAN ? VALUE_BOOLEAN
                                                   : command->value_kind == WIRE_VALUE_TEXT  ? VALUE_TEXT
                                                                                             : VALUE_NUMBER,
                                               .number = command->number,
                                               .boolean = command->boolean != 0,
                                               .text = command->text } };
    Status status = consumer_invoke(metaverse->integration.consumer, &invoke, &command->request);
    if (status != STATUS_OK) {
        end(metaverse, command, WIRE_COMMAND_FAILED, status_text(status));
        return;
    }
    command->stage = STAGE_INVOKED;
    command->deadline = metaverse->now + action->timeout + COMMAND_PATIENCE;
}

/* The enabler, and through it the twin system, decides whether this user may operate. */
static Status ask_access(Metaverse *metaverse, const Session *session, uint8_t link, Access *access)
{
    static const char *const roles[] = {
        [ROLE_NONE] = "viewer", [ROLE_VIEWER] = "viewer", [ROLE_OPERATOR] = "operator", [ROLE_ADMIN] = "admin"
    };
    char key[KEY_TEXT_SIZE] = "";
    if (session->resume.has_key) {
        key_text_format(session->resume.key, key);
    }
    const SystemUser user = { .name = session->name,
                              .key = key,
                              .role = (unsigned)session->role < ARRAY_COUNT(roles) ? roles[session->role]
                                                                                   : "viewer" };
    *access = (Access){ 0 };
    return consumer_access(metaverse->integration.consumer, metaverse->integration.links[link].entry.name,
                           RIGHT_ACTUATE, &user, &access->request);
}

static void begin(Metaverse *metaverse, Session *session, Command *command)
{
    Access *access = &session->access[command->link];
    if (access->granted && access->expires - EXPIRY_MARGIN > metaverse->integration.wall) {
        invoke_now(metaverse, command, access);
        return;
    }
    command->stage = STAGE_WAITING;
    command->deadline = metaverse->now + GRANT_PATIENCE;
    if (access->request == 0) {
        Status status = ask_access(metaverse, session, command->link, access);
        if (status != STATUS_OK) {
            end(metaverse, command, WIRE_COMMAND_FAILED, status_text(status));
        }
    }
}

static void refuse(Metaverse *metaverse, Session *session, const InvokeMessage *invoke, const char *reason)
{
    Command command = { .thing = invoke->thing,
                        .action = invoke->action,
                        .state = WIRE_COMMAND_REFUSED,
                        .property = NO_WIRE_PROPERTY,
                        .who = session->number,
                        .since = metaverse->now };
    memcpy(command.id, invoke->command, COMMAND_SIZE);
    memcpy(command.name, session->name, NAME_SIZE);
    set_reason(&command, reason);
    metaverse->counters.commands_refused++;
    tell_one(metaverse, session, &command);
}

/* Why it need not even be asked for; NULL: it may. */
static const char *obstacle(const Metaverse *metaverse, const Session *session, const InvokeMessage *invoke,
                            char *out, size_t size)
{
    const Integration *integration = &metaverse->integration;
    if (integration->consumer == NULL) {
        return "this server has no integration enabler";
    }
    uint8_t link = integration->link_of[invoke->thing];
    if (link == NO_LINK) {
        snprintf(out, size, "'%s' is not bound: %s", metaverse->world->things[invoke->thing].id,
                 integration->unbound[invoke->thing]);
        return out;
    }
    if (!integration->registered) {
        return "the integration enabler cannot be reached";
    }
    if (!integration->links[link].entry.up) {
        snprintf(out, size, "the twin system '%s' is down", integration->links[link].entry.name);
        return out;
    }
    return session->commands >= SESSION_COMMANDS ? "too many commands of yours are under way" : NULL;
}

static void take_up(Metaverse *metaverse, Session *session, const InvokeMessage *invoke)
{
    Command *command = new_command(metaverse);
    if (command == NULL) {
        refuse(metaverse, session, invoke, "too many commands are under way");
        return;
    }
    memcpy(command->id, invoke->command, COMMAND_SIZE);
    memcpy(command->name, session->name, NAME_SIZE);
    memcpy(command->text, invoke->text, sizeof command->text);
    command->thing = invoke->thing;
    command->action = invoke->action;
    command->link = metaverse->integration.link_of[invoke->thing];
    command->who = session->number;
    command->has_key = session->resume.has_key;
    memcpy(command->key, session->resume.key, sizeof command->key);
    command->value_kind = invoke->kind;
    command->number = invoke->number;
    command->boolean = invoke->boolean;
    session->commands++;
    metaverse->counters.commands++;
    begin(metaverse, session, command);
}

static bool is_own(const Session *session, const Command *command)
{
    return command->who == session->number ||
           (command->has_key && session->resume.has_key &&
            sodium_memcmp(command->key, session->resume.key, sizeof command->key) == 0);
}

static void ask_again(Metaverse *metaverse, Session *session, const InvokeMessage *invoke, Command *command)
{
    if (!is_own(session, command)) {
        refuse(metaverse, session, invoke, "this command is somebody else's");
        return;
    }
    if (command->who != session->number && command->stage != STAGE_ENDED) {
        session->commands++; /* it is this session's from now on */
    }
    command->who = session->number;
    if (command->state != WIRE_COMMAND_NONE) {
        tell_one(metaverse, session, command);
    }
}

void actuation_invoke(Metaverse *metaverse, Session *session, const InvokeMessage *invoke)
{
    const World *world = metaverse->world;
    uint32_t actions =
        invoke->thing < world->thing_count ? world->things[invoke->thing].model->action_count : 0;
    if (invoke->action >= actions) {
        session_close(metaverse, session, REJECT_NOT_ALLOWED, "INVOKE of action %u of thing %u, which has %u",
                      (unsigned)invoke->action, (unsigned)invoke->thing, (unsigned)actions);
        return;
    }
    Command *known =
        metaverse->integration.commands != NULL ? find_command(metaverse, invoke->command) : NULL;
    if (known != NULL) {
        ask_again(metaverse, session, invoke, known);
        return;
    }
    char text[REASON_SIZE];
    const char *reason = obstacle(metaverse, session, invoke, text, sizeof text);
    if (reason != NULL) {
        refuse(metaverse, session, invoke, reason);
    } else {
        take_up(metaverse, session, invoke);
    }
}

void actuation_forget(Session *session)
{
    memset(session->access, 0, sizeof session->access);
}

/* ---- what the enabler says ---- */

static Session *find_access(Metaverse *metaverse, uint64_t request, uint8_t *out_link)
{
    for (uint16_t i = 0; i < metaverse->live_count && request != 0; i++) {
        Session *session = &metaverse->sessions[metaverse->live[i]];
        for (uint8_t link = 0; link < LINKS_MAX; link++) {
            if (session->access[link].request == request) {
                *out_link = link;
                return session;
            }
        }
    }
    return NULL;
}

/* Goes on with, or ends, what has waited for the right. */
static void settle(Metaverse *metaverse, Session *session, uint8_t link, const char *reason)
{
    Access *access = &session->access[link];
    access->request = 0;
    for (uint32_t i = 0; i < COMMANDS_MAX; i++) {
        Command *command = &metaverse->integration.commands[i];
        if (command->stage != STAGE_WAITING || command->who != session->number || command->link != link) {
            continue;
        }
        if (access->granted) {
            invoke_now(metaverse, command, access);
        } else {
            end(metaverse, command, WIRE_COMMAND_REFUSED, reason);
        }
    }
}

void actuation_granted(Metaverse *metaverse, const ConsumerEvent *event)
{
    uint8_t link;
    Session *session = find_access(metaverse, event->request, &link);
    if (session == NULL) {
        return; /* it has left */
    }
    Access *access = &session->access[link];
    access->granted = (event->grant.rights & RIGHT_ACTUATE) != 0;
    access->expires = event->grant.expires == TIME_NONE ? TIME_FOREVER : event->grant.expires;
    snprintf(access->grant, sizeof access->grant, "%s", event->grant.grant);
    settle(metaverse, session, link,
           event->reason[0] != '\0' ? event->reason : "you may look, but not operate");
}

void actuation_refused(Metaverse *metaverse, uint64_t request, const char *reason)
{
    uint8_t link;
    Session *session = find_access(metaverse, request, &link);
    if (session != NULL) {
        session->access[link] = (Access){ 0 };
        settle(metaverse, session, link, reason);
        return;
    }
    for (uint32_t i = 0; i < COMMANDS_MAX && request != 0 && metaverse->integration.commands != NULL; i++) {
        Command *command = &metaverse->integration.commands[i];
        if (command->stage != STAGE_INVOKED || command->request != request) {
            continue;
        }
        session = find_session(metaverse, command->who);
        if (session != NULL) { /* the grant may be what is wrong: the next time it is asked for anew */
            session->access[command->link] = (Access){ 0 };
        }
        end(metaverse, command, WIRE_COMMAND_REFUSED, reason);
        return;
    }
}

void actuation_revoked(Metaverse *metaverse, const char *grant)
{
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        Session *session = &metaverse->sessions[metaverse->live[i]];
        for (uint32_t link = 0; link < LINKS_MAX; link++) {
            if (session->access[link].granted && strcmp(session->access[link].grant, grant) == 0) {
                session->access[link] = (Access){ 0 };
            }
        }
    }
}

/* Somebody of another platform, or a service, operates a thing of this world. */
static Command *take_foreign(Metaverse *metaverse, const ConsumerEvent *event, const uint8_t id[COMMAND_SIZE])
{
    const World *world = metaverse->world;
    const SystemLink *link = integration_link(metaverse, event->system);
    int thing = world_thing_index(world, event->command.thing);
    if (link == NULL || thing < 0 || command_state_final(event->command.state) ||
        metaverse->integration.link_of[thing] != (uint8_t)(link - metaverse->integration.links)) {
        return NULL;
    }
    Command *command = new_command(metaverse);
    if (command == NULL) {
        return NULL;
    }
    int action = thing_action_index(world->things[thing].model, event->command.action);
    memcpy(command->id, id, COMMAND_SIZE);
    command->stage = STAGE_INVOKED;
    command->thing = (uint32_t)thing;
    command->action = action < 0 ? ACTION_UNKNOWN : (uint8_t)action;
    command->link = metaverse->integration.link_of[thing];
    message_clean_text(event->command.user, command->name, sizeof command->name);
    TimeNs patience = action < 0 ? TIME_MINUTE : world->things[thing].model->actions[action].timeout;
    command->deadline = metaverse->now + patience + COMMAND_PATIENCE;
    return command;
}

/* The wish, as a code of the world's property. */
static void take_desired(Metaverse *metaverse, Command *command, const ConsumerEvent *event)
{
    const ThingModel *model = metaverse->world->things[command->thing].model;
    int property = thing_property_index(model, event->command.property);
    int64_t code = 0;
    if (!event->command.has_desired || property < 0 ||
        property_encode(&model->properties[property], event->command.desired, metaverse->integration.texts,
                        &code) != STATUS_OK) {
        return;
    }
    command->property = (uint8_t)property;
    command->desired = code;
}

void actuation_state(Metaverse *metaverse, const ConsumerEvent *event)
{
    uint8_t id[COMMAND_SIZE];
    size_t size = 0;
    const char *stop = NULL;
    if (metaverse->integration.commands == NULL || event->command.state <= COMMAND_NONE ||
        event->command.state >= COMMAND_STATE_COUNT ||
        sodium_hex2bin(id, sizeof id, event->command.command, strlen(event->command.command), NULL, &size,
                       &stop) != 0 ||
        size != sizeof id) {
        return;
    }
    Command *command = find_command(metaverse, id);
    if (command == NULL) {
        command = take_foreign(metaverse, event, id);
    }
    if (command == NULL || command->stage == STAGE_ENDED || command->state == (uint8_t)event->command.state) {
        return;
    }
    take_desired(metaverse, command, event);
    if (command_state_final(event->command.state)) {
        end(metaverse, command, (uint8_t)event->command.state, event->reason);
    } else {
        command->state = (uint8_t)event->command.state;
        set_reason(command, event->reason);
        tell(metaverse, command);
    }
}

void actuation_sweep(Metaverse *metaverse)
{
    for (uint32_t i = 0; i < COMMANDS_MAX && metaverse->integration.under_way > 0; i++) {
        Command *command = &metaverse->integration.commands[i];
        if (command->stage == STAGE_WAITING && metaverse->now >= command->deadline) {
            Session *session = find_session(metaverse, command->who);
            if (session != NULL) {
                session->access[command->link] = (Access){ 0 };
            }
            end(metaverse, command, WIRE_COMMAND_FAILED, "the integration enabler did not answer");
        } else if (command->stage == STAGE_INVOKED && metaverse->now >= command->deadline) {
            end(metaverse, command, WIRE_COMMAND_TIMED_OUT, "nothing more was heard of it");
        }
    }
}
