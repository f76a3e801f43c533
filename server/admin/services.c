/* services.c - what services from outside ask over HTTP once they have a session, and what comes of it. */
#include "server/admin/state.h"

#include "shared/base/log.h"
#include "shared/systems/body.h"

#include <sodium.h>
#include <stdio.h>

#define THINGS_MAX 100000u           /* in one answer */
#define MODELS_MAX ((size_t)8 << 20) /* bytes of Thing Descriptions in one answer */

/* ---- questions that wait for an answer ---- */

/* Notes that `request` is to be answered by the answer to `number`, or answers it when it was not asked. */
static void await(Admin *admin, Session *session, const HttpRequest *request, ExchangeKind kind,
                  Status status, uint64_t number)
{
    for (size_t i = 0; i < EXCHANGES_MAX && status == STATUS_OK; i++) {
        if (admin->exchanges[i].kind == EXCHANGE_FREE) {
            admin->exchanges[i] = (Exchange){ .kind = kind,
                                              .exchange = request->exchange,
                                              .request = number,
                                              .session = session,
                                              .deadline = admin->now + EXCHANGE_TIMEOUT };
            return;
        }
    }
    if (status == STATUS_INVALID_ARGUMENT) {
        admin_reply_error(admin, request->exchange, 400, "that is no name of a system");
    } else {
        admin_reply_error(admin, request->exchange, 503, "too many requests are under way");
    }
}

static Exchange take_exchange(Admin *admin, const Session *session, uint64_t number)
{
    for (size_t i = 0; i < EXCHANGES_MAX && number != 0; i++) {
        Exchange exchange = admin->exchanges[i];
        if (exchange.kind != EXCHANGE_FREE && exchange.session == session && exchange.request == number) {
            admin->exchanges[i] = (Exchange){ 0 };
            return exchange;
        }
    }
    return (Exchange){ 0 };
}

void outside_systems(Admin *admin, Session *session, const HttpRequest *request, const char *name)
{
    uint64_t number = 0;
    (void)name;
    Status status = consumer_discover(session->consumer, "", SYSTEM_NONE, &number);
    await(admin, session, request, EXCHANGE_SYSTEMS, status, number);
}

void outside_models(Admin *admin, Session *session, const HttpRequest *request, const char *name)
{
    uint64_t number = 0;
    if (system_name_valid(name) && !outside_grant(admin, session, name, RIGHT_READ)) {
        admin_reply_error(admin, request->exchange, 403,
                          "there is no grant to read %s: ask for access first (POST /api/access)", name);
        return;
    }
    Status status = consumer_describe(session->consumer, name, &number);
    await(admin, session, request, EXCHANGE_MODELS, status, number);
}

static void answer_systems(Admin *admin, uint64_t exchange, const ConsumerEvent *event)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < event->system_count; i++) {
        const SystemEntry *entry = &event->systems[i];
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s,s:I}", "name", entry->name, "title",
                                              entry->title, "kind", system_kind_name(entry->kind), "domain",
                                              entry->domain, "state", entry->up ? "up" : "down", "things",
                                              (json_int_t)entry->things));
    }
    admin_reply_json(admin, exchange, 200, json_pack("{s:o}", "systems", list));
}

/* Where a model stands among those told: an open hash table of pointers. */
#define MODEL_SLOTS 16384u /* at least twice the models that a consumer takes */
typedef struct ModelSlot {
    const ThingModel *model;
    size_t index;
} ModelSlot;

static ModelSlot *model_slot(ModelSlot *slots, const ThingModel *model)
{
    size_t at = (size_t)(((uint64_t)(uintptr_t)model * UINT64_C(0x9E3779B97F4A7C15)) >> 50);
    while (slots[at].model && slots[at].model != model) {
        at = (at + 1) % MODEL_SLOTS;
    }
    return &slots[at];
}

static void answer_models(Admin *admin, uint64_t exchange, const ConsumerEvent *event)
{
    const SystemModels *system = event->models;
    ModelSlot *slots = arena_new_array(&admin->arena, ModelSlot, MODEL_SLOTS);
    json_t *things = json_array(), *texts = json_array();
    size_t size = 0, count = 0;
    bool good = slots && system->thing_count <= THINGS_MAX;
    for (uint32_t i = 0; good && i < system->thing_count; i++) {
        const Thing *thing = &system->things[i];
        ModelSlot *slot = model_slot(slots, thing->model);
        if (!slot->model) {
            *slot = (ModelSlot){ .model = thing->model, .index = count++ };
            size += thing->model->json.size;
            good = size <= MODELS_MAX && count < MODEL_SLOTS / 2 &&
                   json_array_append_new(texts, json_loadb((const char *)thing->model->json.data,
                                                           thing->model->json.size, 0, NULL)) == 0;
        }
        json_array_append_new(things, json_pack("{s:s,s:s,s:I}", "id", thing->id, "title", thing->title,
                                                "model", (json_int_t)slot->index));
    }
    if (!good) {
        json_decref(things);
        json_decref(texts);
        admin_reply_error(admin, exchange, 500, "there is too much of it to tell");
        return;
    }
    admin_reply_json(admin, exchange, 200,
                     json_pack("{s:s,s:o,s:o}", "system", system->system, "models", texts, "things", things));
}

/* ---- access ---- */

const SessionGrant *outside_grant(const Admin *admin, const Session *session, const char *system,
                                  uint32_t rights)
{
    for (uint32_t i = 0; i < session->grant_count; i++) {
        const SessionGrant *grant = &session->grants[i];
        if (strcmp(grant->system, system) == 0 && (grant->rights & rights) == rights &&
            grant->expires > admin->wall) {
            return grant;
        }
    }
    return NULL;
}

void outside_access(Admin *admin, Session *session, const HttpRequest *request, const char *name)
{
    static const char *const keys[] = { "system", "rights", NULL };
    JsonDocument document;
    Diag diag;
    uint64_t number = 0;
    (void)name;
    if (!admin_body(admin, request, keys, &document, &diag)) {
        return;
    }
    JsonNode root = json_document_root(&document);
    JsonNode system_node = json_required(&root, "system"), rights_node = json_required(&root, "rights");
    const char *system = body_read_name(&system_node);
    uint32_t rights = body_read_rights(&rights_node);
    if (document.status == STATUS_OK && rights == 0) {
        json_fail(&rights_node, STATUS_MALFORMED, "ask for \"read\" or \"actuate\", or both");
    }
    if (!admin_body_finish(admin, request, &document, &diag)) {
        return;
    }
    /* A service acts for itself; who commands is an operator, and the twin system may refuse that. */
    const SystemUser user = { .name = session->name,
                              .key = "",
                              .role = rights & RIGHT_ACTUATE ? "operator" : "viewer" };
    Status status = consumer_access(session->consumer, system, rights, &user, &number);
    await(admin, session, request, EXCHANGE_ACCESS, status, number);
}

static void keep_grant(Session *session, const ConsumerEvent *event)
{
    SessionGrant *slot = NULL;
    for (uint32_t i = 0; i < session->grant_count; i++) { /* the last one of a system and its rights counts */
        SessionGrant *grant = &session->grants[i];
        if (strcmp(grant->system, event->system) == 0 && grant->rights == event->grant.rights) {
            slot = grant;
        }
    }
    if (!slot && session->grant_count < SESSION_GRANTS_MAX) {
        slot = &session->grants[session->grant_count++];
    } else if (!slot) { /* the oldest goes */
        memmove(session->grants, session->grants + 1, sizeof session->grants - sizeof session->grants[0]);
        slot = &session->grants[SESSION_GRANTS_MAX - 1];
    }
    *slot = (SessionGrant){ .rights = event->grant.rights, .expires = event->grant.expires };
    snprintf(slot->system, sizeof slot->system, "%s", event->system);
    snprintf(slot->grant, sizeof slot->grant, "%s", event->grant.grant);
}

static void drop_grant(Session *session, const char *grant)
{
    for (uint32_t i = 0; i < session->grant_count; i++) {
        if (strcmp(session->grants[i].grant, grant) == 0) {
            session->grants[i] = session->grants[--session->grant_count];
            return;
        }
    }
}

static void answer_access(Admin *admin, uint64_t exchange, const ConsumerEvent *event)
{
    json_t *rights = json_array();
    if (event->grant.rights & RIGHT_READ) {
        json_array_append_new(rights, json_string("read"));
    }
    if (event->grant.rights & RIGHT_ACTUATE) {
        json_array_append_new(rights, json_string("actuate"));
    }
    admin_reply_json(admin, exchange, 200,
                     json_pack("{s:s,s:s,s:o,s:I}", "grant", event->grant.grant, "system", event->system,
                               "rights", rights, "expires", (json_int_t)event->grant.expires));
}

/* ---- commands ---- */

static SessionCommand *find_command(Session *session, const char *command)
{
    for (size_t i = 0; i < SESSION_COMMANDS_MAX; i++) {
        if (command[0] && strcmp(session->commands[i].command, command) == 0) {
            return &session->commands[i];
        }
    }
    return NULL;
}

static void reply_command(Admin *admin, uint64_t exchange, int status, const SessionCommand *command)
{
    admin_reply_json(admin, exchange, status,
                     json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:s}", "command", command->command, "system",
                               command->system, "thing", command->thing, "action", command->action, "state",
                               command->state == COMMAND_NONE ? "sent" : command_state_name(command->state),
                               "final", command_state_final(command->state), "reason", command->reason));
}

typedef struct InvokeText {
    const char *system, *thing, *action, *command;
    bool has_value;
    Value value;
} InvokeText;

static bool read_invoke(Admin *admin, const HttpRequest *request, InvokeText *out)
{
    static const char *const keys[] = { "system", "thing", "action", "value", "command", NULL };
    JsonDocument document;
    Diag diag;
    if (!admin_body(admin, request, keys, &document, &diag)) {
        return false;
    }
    JsonNode root = json_document_root(&document);
    JsonNode system = json_required(&root, "system"), thing = json_required(&root, "thing");
    JsonNode action = json_required(&root, "action"), value = json_member(&root, "value");
    JsonNode command = json_member(&root, "command");
    out->system = body_read_name(&system);
    out->thing = json_read_text(&thing, 1, 63, "");
    out->action = json_read_text(&action, 1, 63, "");
    out->command = command.value ? body_read_id(&command) : "";
    out->has_value = value.value && body_read_value(&value, &out->value);
    return admin_body_finish(admin, request, &document, &diag);
}

static SessionCommand *new_command(Admin *admin, Session *session, const InvokeText *wanted)
{
    SessionCommand *command = &session->commands[session->command_next];
    session->command_next = (session->command_next + 1) % SESSION_COMMANDS_MAX;
    *command = (SessionCommand){ 0 };
    if (wanted->command[0]) {
        snprintf(command->command, sizeof command->command, "%s", wanted->command);
    } else {
        uint8_t id[(COMMAND_ID_SIZE - 1) / 2];
        admin_random(admin, id, sizeof id);
        sodium_bin2hex(command->command, sizeof command->command, id, sizeof id);
    }
    snprintf(command->system, sizeof command->system, "%s", wanted->system);
    snprintf(command->thing, sizeof command->thing, "%s", wanted->thing);
    snprintf(command->action, sizeof command->action, "%s", wanted->action);
    return command;
}

void outside_invoke(Admin *admin, Session *session, const HttpRequest *request, const char *name)
{
    InvokeText wanted = { 0 };
    uint64_t number;
    (void)name;
    if (!read_invoke(admin, request, &wanted)) {
        return;
    }
    SessionCommand *command = find_command(session, wanted.command);
    if (command) { /* asked again: what has become of it, and no second deed */
        reply_command(admin, request->exchange, 200, command);
        return;
    }
    const SessionGrant *grant = outside_grant(admin, session, wanted.system, RIGHT_ACTUATE);
    if (!grant) {
        admin_reply_error(admin, request->exchange, 403,
                          "there is no grant to actuate %s: ask for access first (POST /api/access)",
                          wanted.system);
        return;
    }
    command = new_command(admin, session, &wanted);
    const ConsumerInvoke invoke = { .command = command->command,
                                    .grant = grant->grant,
                                    .system = command->system,
                                    .thing = command->thing,
                                    .action = command->action,
                                    .user = session->name,
                                    .has_value = wanted.has_value,
                                    .value = wanted.value };
    Status status = consumer_invoke(session->consumer, &invoke, &number);
    if (status != STATUS_OK) {
        *command = (SessionCommand){ 0 };
        admin_reply_error(admin, request->exchange, status == STATUS_INVALID_ARGUMENT ? 400 : 503, "%s",
                          status_text(status));
        return;
    }
    reply_command(admin, request->exchange, 202, command);
}

void outside_command(Admin *admin, Session *session, const HttpRequest *request, const char *name)
{
    const SessionCommand *command = find_command(session, name);
    if (command) {
        reply_command(admin, request->exchange, 200, command);
    } else {
        admin_reply_error(admin, request->exchange, 404, "no such command of this service");
    }
}

static void command_state(Session *session, const ConsumerEvent *event)
{
    SessionCommand *command = find_command(session, event->command.command);
    if (command) {
        command->state = event->command.state;
        snprintf(command->reason, sizeof command->reason, "%s", event->reason ? event->reason : "");
    }
}

/* ---- alarms ---- */

void outside_alarm(Admin *admin, Session *session, const HttpRequest *request, const char *name)
{
    static const char *const keys[] = { "system", "thing", "property", "name",        "severity",
                                        "active", "score", "text",     "source_time", NULL };
    JsonDocument document;
    Diag diag;
    (void)name;
    if (!admin_body(admin, request, keys, &document, &diag)) {
        return;
    }
    JsonNode root = json_document_root(&document);
    JsonNode system = json_required(&root, "system"), thing = json_required(&root, "thing");
    JsonNode property = json_member(&root, "property"), rule = json_required(&root, "name");
    JsonNode severity = json_member(&root, "severity"), active = json_required(&root, "active");
    JsonNode score = json_member(&root, "score"), text = json_member(&root, "text");
    JsonNode time = json_member(&root, "source_time");
    const char *word = json_read_text(&severity, 1, 16, "warning");
    const ConsumerAlarm alarm = { .system = body_read_name(&system),
                                  .thing = json_read_text(&thing, 1, 63, ""),
                                  .property = json_read_text(&property, 0, 63, ""),
                                  .name = json_read_text(&rule, 1, 63, ""),
                                  .text = json_read_text(&text, 0, 255, ""),
                                  .critical = strcmp(word, "critical") == 0,
                                  .active = json_read_boolean(&active, false),
                                  .score = json_read_number(&score, -1e300, 1e300, 0),
                                  .source_time = body_read_integer(&time, 0, INT64_MAX - 1, admin->wall) };
    if (document.status == STATUS_OK && !alarm.critical && strcmp(word, "warning") != 0) {
        json_fail(&severity, STATUS_MALFORMED, "must be \"warning\" or \"critical\"");
    }
    if (!admin_body_finish(admin, request, &document, &diag)) {
        return;
    }
    Status status = consumer_alarm(session->consumer, &alarm);
    if (status == STATUS_OK) {
        admin_reply_json(admin, request->exchange, 202, json_object());
    } else {
        admin_reply_error(admin, request->exchange, 503, "%s", status_text(status));
    }
}

void outside_leave(Admin *admin, Session *session, const HttpRequest *request, const char *name)
{
    (void)name;
    outside_end(admin, session, "it has left");
    admin_reply_json(admin, request->exchange, 200, json_object());
}

/* ---- events ---- */

/* Whether a request over HTTP has waited for it. */
static bool answer(Admin *admin, Session *session, const ConsumerEvent *event)
{
    Exchange exchange = take_exchange(admin, session, event->request);
    if (exchange.kind == EXCHANGE_FREE) {
        return false;
    }
    arena_reset(&admin->arena);
    if (event->type == CONSUMER_SYSTEMS) {
        answer_systems(admin, exchange.exchange, event);
    } else if (event->type == CONSUMER_MODELS) {
        answer_models(admin, exchange.exchange, event);
    } else if (event->type == CONSUMER_GRANT) {
        answer_access(admin, exchange.exchange, event);
    } else {
        bool away = !consumer_registered(session->consumer);
        admin_reply_error(admin, exchange.exchange,
                          away                               ? 503
                          : exchange.kind == EXCHANGE_MODELS ? 404
                                                             : 403,
                          "%s", event->reason);
    }
    return true;
}

/* False when the session has ended. */
static bool on_event(Admin *admin, Session *session, const ConsumerEvent *event)
{
    switch (event->type) {
    case CONSUMER_REGISTERED:
        outside_registered(admin, session);
        break;
    case CONSUMER_REFUSED:
        if (event->request == 0) { /* the registration, maybe one after the enabler was away */
            if (!session->registered) {
                outside_refuse(admin, session->exchange, 401, session->name, event->reason);
            }
            outside_end(admin, session, event->reason);
            return false;
        }
        break;
    case CONSUMER_GRANT:
        keep_grant(session, event);
        break;
    case CONSUMER_REVOKED:
        drop_grant(session, event->grant.grant);
        break;
    case CONSUMER_COMMAND_STATE:
        command_state(session, event);
        break;
    default:
        break;
    }
    bool answered = answer(admin, session, event);
    if (!answered || event->type != CONSUMER_REFUSED) {
        stream_event(admin, session, event);
    }
    return session->consumer != NULL;
}

static void outside_tick(Admin *admin, Session *session)
{
    ConsumerEvent event;
    while (consumer_poll(session->consumer, admin->now, admin->wall, &event) == STATUS_OK) {
        if (!on_event(admin, session, &event)) {
            return;
        }
    }
    consumer_flush(session->consumer, admin->now);
    if (!session->registered && admin->now >= session->deadline) {
        uint64_t exchange = session->exchange;
        outside_end(admin, session, "the enabler does not answer");
        admin_reply_error(admin, exchange, 503, "the enabler does not answer");
        return;
    }
    bool open = false;
    for (size_t i = 0; i < SESSION_SOCKETS_MAX; i++) {
        open = open || session->sockets[i] != 0;
    }
    if (open) {
        session->used_at = admin->now;
    } else if (session->registered && admin->now - session->used_at >= admin->config.session_idle) {
        outside_end(admin, session, "it has not been heard of for long");
    }
}

void sessions_tick(Admin *admin)
{
    for (size_t i = 0; i < ADMIN_SESSIONS_MAX; i++) {
        if (admin->sessions[i].consumer) {
            outside_tick(admin, &admin->sessions[i]);
        }
    }
    for (size_t i = 0; i < EXCHANGES_MAX; i++) {
        Exchange exchange = admin->exchanges[i];
        if (exchange.kind != EXCHANGE_FREE && admin->now >= exchange.deadline) {
            admin->exchanges[i] = (Exchange){ 0 };
            admin_reply_error(admin, exchange.exchange, 504, "no answer");
        }
    }
}
