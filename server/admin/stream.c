/* stream.c - WebSockets of services from outside: samples, states of commands and systems as JSON texts. */
#include "server/admin/state.h"

#include "shared/systems/body.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define SAMPLES_A_MESSAGE 200
#define MESSAGE_RATE      20.0 /* messages a second that a service may send */
#define MESSAGE_BURST     100.0

/* The session whose socket it is; NULL: none. */
static Session *session_of(Admin *admin, uint64_t socket)
{
    for (size_t i = 0; i < ADMIN_SESSIONS_MAX; i++) {
        for (size_t j = 0; j < SESSION_SOCKETS_MAX && socket != 0; j++) {
            if (admin->sessions[i].consumer && admin->sessions[i].sockets[j] == socket) {
                return &admin->sessions[i];
            }
        }
    }
    return NULL;
}

/* ---- sending ---- */

/* What is in the writer to one socket. One that does not read is closed: a gap would be worse than an end. */
static void send_to(Admin *admin, Session *session, size_t index)
{
    uint64_t socket = session->sockets[index];
    if (socket == 0 || admin->writer.failed) {
        return;
    }
    Status status = admin->http.ops->send(admin->http.context, socket, text_writer_bytes(&admin->writer));
    if (status == STATUS_OK) {
        admin->counters.messages_out++;
        return;
    }
    session->sockets[index] = 0;
    if (status == STATUS_CAPACITY) {
        admin->counters.slow++;
        admin->http.ops->close(admin->http.context, socket, "too slow");
    }
}

static void send_all(Admin *admin, Session *session)
{
    for (size_t i = 0; i < SESSION_SOCKETS_MAX; i++) {
        send_to(admin, session, i);
    }
}

static void begin(Admin *admin, const char *type)
{
    text_writer_reset(&admin->writer);
    text_writer_put(&admin->writer, "{\"type\":\"%s\"", type);
}

static void put_text(Admin *admin, const char *key, const char *text)
{
    text_writer_put(&admin->writer, ",\"%s\":", key);
    text_writer_json(&admin->writer, text ? text : "");
}

static void put_value(TextWriter *writer, Value value)
{
    if (value.type == VALUE_TEXT) {
        text_writer_json(writer, value.text);
    } else if (value.type == VALUE_BOOLEAN) {
        text_writer_put(writer, value.boolean ? "true" : "false");
    } else if (isfinite(value.number)) {
        text_writer_put(writer, "%.15g", value.number);
    } else {
        text_writer_put(writer, "null");
    }
}

static void send_error(Admin *admin, Session *session, const char *system, const char *reason)
{
    begin(admin, "error");
    put_text(admin, "system", system);
    put_text(admin, "error", reason);
    text_writer_put(&admin->writer, "}");
    send_all(admin, session);
}

/* ---- what comes in ---- */

/* The value of session= in a query, up to the next '&'. */
static void query_key(const char *query, char *out, size_t size)
{
    const char *at = strncmp(query, "session=", 8) == 0 ? query : strstr(query, "&session=");
    size_t length = 0;
    if (at) {
        at = strchr(at, '=') + 1;
        length = strcspn(at, "&");
        length = length < size ? length : 0;
        memcpy(out, at, length);
    }
    out[length] = '\0';
}

int stream_open(Admin *admin, const HttpRequest *request)
{
    char key[2 * SESSION_KEY_BYTES + 1];
    if (strcmp(request->path, "/api/stream") != 0) {
        return 404;
    }
    query_key(request->query, key, sizeof key);
    Session *session = outside_find(admin, key[0] ? key : request->bearer);
    if (!session) {
        return 401;
    }
    for (size_t i = 0; i < SESSION_SOCKETS_MAX; i++) {
        if (session->sockets[i] == 0) {
            session->sockets[i] = request->exchange;
            session->used_at = admin->now;
            begin(admin, "open");
            put_text(admin, "system", session->name);
            text_writer_put(&admin->writer, "}");
            send_to(admin, session, i);
            return 0;
        }
    }
    return 503;
}

void stream_closed(Admin *admin, uint64_t socket)
{
    Session *session = session_of(admin, socket);
    for (size_t i = 0; i < SESSION_SOCKETS_MAX && session; i++) {
        if (session->sockets[i] == socket) {
            session->sockets[i] = 0;
        }
    }
}

static SessionSystem *find_system(Session *session, const char *name)
{
    for (uint32_t i = 0; i < session->system_count; i++) {
        if (strcmp(session->systems[i].name, name) == 0) {
            return &session->systems[i];
        }
    }
    return NULL;
}

static void subscribe(Admin *admin, Session *session, SessionSystem *system)
{
    const SessionGrant *grant = outside_grant(admin, session, system->name, RIGHT_READ);
    Status status = grant
                        ? consumer_subscribe(session->consumer, system->name, grant->grant, &system->request)
                        : STATUS_NOT_ALLOWED;
    system->stage = status == STATUS_OK ? FOLLOW_ON : FOLLOW_NONE;
    if (status != STATUS_OK) {
        send_error(admin, session, system->name,
                   grant ? status_text(status) : "there is no grant to read it: ask for access first");
    }
}

/* The models first: samples refer to them by number. */
static void follow(Admin *admin, Session *session, const char *name)
{
    SessionSystem *system = find_system(session, name);
    if (!system) {
        if (session->system_count == SESSION_SYSTEMS_MAX) {
            send_error(admin, session, name, "too many systems are followed");
            return;
        }
        system = &session->systems[session->system_count++];
        *system = (SessionSystem){ 0 };
        snprintf(system->name, sizeof system->name, "%s", name);
    }
    if (system->stage == FOLLOW_DESCRIBING) {
        return;
    }
    if (system->models || !outside_grant(admin, session, name, RIGHT_READ)) {
        subscribe(admin, session, system); /* or says what is missing: without a grant there are no models */
        return;
    }
    Status status = consumer_describe(session->consumer, name, &system->request);
    system->stage = status == STATUS_OK ? FOLLOW_DESCRIBING : FOLLOW_NONE;
    if (status != STATUS_OK) {
        send_error(admin, session, name, status_text(status));
    }
}

void stream_message(Admin *admin, uint64_t socket, Bytes text)
{
    static const char *const keys[] = { "type", "system", NULL };
    JsonDocument document;
    Diag diag = { 0 };
    Session *session = session_of(admin, socket);
    if (!session) {
        return;
    }
    admin->counters.messages_in++;
    session->used_at = admin->now;
    if (!bucket_take(&session->requests, admin->now, MESSAGE_RATE, MESSAGE_BURST)) {
        admin->counters.limited++;
        stream_closed(admin, socket);
        admin->http.ops->close(admin->http.context, socket, "too many messages");
        return;
    }
    if (json_document_parse(&document, text, "message", &admin->arena, &diag) != STATUS_OK) {
        send_error(admin, session, "", diag.text);
        return;
    }
    JsonNode root = json_document_root(&document);
    json_known_keys(&root, keys);
    JsonNode type_node = json_required(&root, "type"), system_node = json_required(&root, "system");
    const char *type = json_read_text(&type_node, 1, 32, "");
    const char *system = body_read_name(&system_node);
    if (document.status == STATUS_OK && strcmp(type, "subscribe") != 0) {
        json_fail(&type_node, STATUS_UNSUPPORTED, "\"subscribe\" is what can be asked");
    }
    bool good = document.status == STATUS_OK;
    json_document_finish(&document);
    if (good) {
        follow(admin, session, system);
    } else {
        send_error(admin, session, "", diag.text);
    }
}

/* ---- what is told ---- */

static void put_sample(Admin *admin, const SystemModels *models, const SyncSample *sample, bool first)
{
    TextWriter *writer = &admin->writer;
    const Thing *thing = &models->things[sample->thing];
    const Property *property = &thing->model->properties[sample->property];
    text_writer_put(writer, "%s{\"thing\":", first ? "" : ",");
    text_writer_json(writer, thing->id);
    put_text(admin, "property", property->name);
    text_writer_put(writer, ",\"value\":");
    if (sample->quality == QUALITY_NONE) {
        text_writer_put(writer, "null");
    } else {
        put_value(writer, property_decode(property, sample->code, admin->config.texts));
    }
    put_text(admin, "quality", quality_name((Quality)sample->quality));
    if (sample->source_time != TIME_NONE) {
        text_writer_put(writer, ",\"time\":%" PRId64, sample->source_time);
    }
    text_writer_put(writer, ",\"sequence\":%" PRIu32 "}", sample->sequence);
}

static void tell_sync(Admin *admin, Session *session, const ConsumerEvent *event)
{
    SessionSystem *system = find_system(session, event->system);
    const SyncBatch *batch = event->sync;
    if (!system || system->stage != FOLLOW_ON || !system->models ||
        (session->sockets[0] == 0 && session->sockets[1] == 0) ||
        (batch->count == 0 && !batch->snapshot && !batch->restarted)) {
        return;
    }
    size_t at = 0;
    do { /* a long batch in pieces; only the first one says how it begins */
        size_t count = batch->count - at < SAMPLES_A_MESSAGE ? batch->count - at : SAMPLES_A_MESSAGE;
        begin(admin, "sync");
        put_text(admin, "system", event->system);
        text_writer_put(&admin->writer, ",\"snapshot\":%s,\"restarted\":%s,\"samples\":[",
                        batch->snapshot && at == 0 ? "true" : "false",
                        batch->restarted && at == 0 ? "true" : "false");
        bool first = true;
        for (size_t i = 0; i < count; i++) {
            const SyncSample *sample = &batch->samples[at + i];
            if (sample->thing < system->models->thing_count &&
                sample->property < system->models->things[sample->thing].model->property_count &&
                sample->quality < QUALITY_COUNT) {
                put_sample(admin, system->models, sample, first);
                first = false;
            }
        }
        text_writer_put(&admin->writer, "]}");
        send_all(admin, session);
        at += count;
    } while (at < batch->count);
}

static void tell_command(Admin *admin, Session *session, const ConsumerEvent *event)
{
    begin(admin, "command");
    put_text(admin, "command", event->command.command);
    put_text(admin, "system", event->system);
    put_text(admin, "thing", event->command.thing);
    put_text(admin, "action", event->command.action);
    put_text(admin, "state", command_state_name(event->command.state));
    text_writer_put(&admin->writer, ",\"final\":%s",
                    command_state_final(event->command.state) ? "true" : "false");
    if (event->command.has_desired) {
        text_writer_put(&admin->writer, ",\"desired\":");
        put_value(&admin->writer, event->command.desired);
    }
    put_text(admin, "reason", event->reason);
    text_writer_put(&admin->writer, "}");
    send_all(admin, session);
}

static void tell_models(Admin *admin, Session *session, const ConsumerEvent *event)
{
    SessionSystem *system = find_system(session, event->system);
    if (!system) {
        return;
    }
    system->models = event->models;
    if (system->stage == FOLLOW_DESCRIBING) {
        subscribe(admin, session, system);
    }
}

/* While the enabler is away all that was asked is refused; it is asked again when it is back. */
static void tell_refusal(Admin *admin, Session *session, const ConsumerEvent *event)
{
    if (!consumer_registered(session->consumer)) {
        return;
    }
    for (uint32_t i = 0; i < session->system_count; i++) {
        SessionSystem *system = &session->systems[i];
        if (system->request == event->request && system->stage != FOLLOW_NONE) {
            system->stage = FOLLOW_NONE;
        }
    }
    send_error(admin, session, event->system, event->reason); /* of a subscription, or an alarm */
}

/* Of a system that comes back, the models may be others: they are asked for again. */
static void tell_system(Admin *admin, Session *session, const ConsumerEvent *event)
{
    SessionSystem *system = find_system(session, event->system);
    begin(admin, "system");
    put_text(admin, "system", event->system);
    put_text(admin, "state", event->up ? "up" : "down");
    put_text(admin, "reason", event->reason);
    text_writer_put(&admin->writer, "}");
    send_all(admin, session);
    if (event->up && system && system->stage == FOLLOW_ON) {
        system->models = NULL;
        follow(admin, session, system->name);
    }
}

void stream_event(Admin *admin, Session *session, const ConsumerEvent *event)
{
    switch (event->type) {
    case CONSUMER_SYNC:
        tell_sync(admin, session, event);
        break;
    case CONSUMER_COMMAND_STATE:
        tell_command(admin, session, event);
        break;
    case CONSUMER_MODELS:
        tell_models(admin, session, event);
        break;
    case CONSUMER_REFUSED:
        tell_refusal(admin, session, event);
        break;
    case CONSUMER_SYSTEM_STATE:
        tell_system(admin, session, event);
        break;
    case CONSUMER_REVOKED:
        begin(admin, "revoked");
        put_text(admin, "grant", event->grant.grant);
        put_text(admin, "reason", event->reason);
        text_writer_put(&admin->writer, "}");
        send_all(admin, session);
        break;
    case CONSUMER_LOST:
        begin(admin, "lost");
        put_text(admin, "reason", event->reason);
        text_writer_put(&admin->writer, "}");
        send_all(admin, session);
        break;
    default:
        break;
    }
}

void stream_resume(Admin *admin, Session *session)
{
    begin(admin, "registered");
    text_writer_put(&admin->writer, "}");
    send_all(admin, session);
    for (uint32_t i = 0; i < session->system_count; i++) {
        if (session->systems[i].stage != FOLLOW_NONE) {
            session->systems[i].stage = FOLLOW_ON;
            session->systems[i].models = NULL;
            follow(admin, session, session->systems[i].name);
        }
    }
}
