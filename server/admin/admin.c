#include "server/admin/admin.h"

#include "server/admin/state.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define JSON_TYPE     "application/json"
#define METRICS_TYPE  "text/plain; version=0.0.4; charset=utf-8"
#define ARENA_LIMIT   ((size_t)8 << 20)
#define HEALTH_MAX    64
#define TRACE_DEFAULT 100
#define TRACE_MAX     1000
#define OPEN_RATE     50.0 /* requests a second without a session, of everybody together */
#define OPEN_BURST    100.0
#define SESSION_RATE  50.0 /* of one session */
#define SESSION_BURST 200.0
#define SESSION_IDLE  (10 * TIME_MINUTE)

Status admin_create(const AdminConfig *config, HttpServer http, Admin **out_admin)
{
    Admin *admin = calloc(1, sizeof *admin);
    if (!admin) {
        return STATUS_OUT_OF_MEMORY;
    }
    admin->config = *config;
    admin->config.session_idle = config->session_idle > 0 ? config->session_idle : SESSION_IDLE;
    admin->http = http;
    admin->registrations.at = admin->open_requests.at = TIME_NONE;
    arena_init(&admin->arena, ARENA_LIMIT);
    text_writer_init(&admin->writer, 0);
    *out_admin = admin;
    return STATUS_OK;
}

void admin_destroy(Admin *admin)
{
    if (admin) {
        for (size_t i = 0; i < ADMIN_SESSIONS_MAX; i++) {
            if (admin->sessions[i].consumer) {
                outside_end(admin, &admin->sessions[i], "the server stops");
            }
        }
        admin->http.ops->destroy(admin->http.context);
        text_writer_finish(&admin->writer);
        arena_finish(&admin->arena);
        free(admin);
    }
}

bool bucket_take(Bucket *bucket, TimeNs now, double rate, double burst)
{
    if (bucket->at == TIME_NONE) {
        bucket->tokens = burst;
    } else if (now > bucket->at) {
        bucket->tokens = fmin(burst, bucket->tokens + time_to_seconds(now - bucket->at) * rate);
    }
    bucket->at = now;
    if (bucket->tokens < 1) {
        return false;
    }
    bucket->tokens -= 1;
    return true;
}

/* ---- replies ---- */

void admin_reply(Admin *admin, uint64_t exchange, int status, const char *type, Bytes body)
{
    admin->counters.requests++;
    admin->counters.client_errors += status >= 400 && status < 500;
    admin->counters.server_errors += status >= 500;
    admin->counters.limited += status == 429;
    /* Whoever asked may have gone: nothing to be done then. */
    Status sent = admin->http.ops->reply(admin->http.context, exchange, status, type, body);
    (void)sent;
}

void admin_reply_json(Admin *admin, uint64_t exchange, int status, json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(body);
    if (text) {
        admin_reply(admin, exchange, status, JSON_TYPE, bytes_of(text, strlen(text)));
        free(text);
    } else {
        static const char failed[] = "{\"error\":\"out of memory\"}";
        admin_reply(admin, exchange, 500, JSON_TYPE, bytes_of(failed, sizeof failed - 1));
    }
}

void admin_reply_error(Admin *admin, uint64_t exchange, int status, const char *format, ...)
{
    char text[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    text_writer_reset(&admin->writer);
    text_writer_put(&admin->writer, "{\"error\":");
    text_writer_json(&admin->writer, text);
    text_writer_put(&admin->writer, "}");
    admin_reply(admin, exchange, status, JSON_TYPE, text_writer_bytes(&admin->writer));
}

bool admin_body(Admin *admin, const HttpRequest *request, const char *const *keys, JsonDocument *document,
                Diag *diag)
{
    *diag = (Diag){ 0 };
    if (request->body.size > HTTP_BODY_MAX) {
        admin_reply_error(admin, request->exchange, 413, "a body has at most %zu bytes", HTTP_BODY_MAX);
        return false;
    }
    if (json_document_parse(document, request->body, "body", &admin->arena, diag) != STATUS_OK) {
        admin_reply_error(admin, request->exchange, 400, "line %u: %s", diag->line, diag->text);
        return false;
    }
    JsonNode root = json_document_root(document);
    json_known_keys(&root, keys);
    return true;
}

bool admin_body_finish(Admin *admin, const HttpRequest *request, JsonDocument *document, const Diag *diag)
{
    bool good = document->status == STATUS_OK;
    if (!good) {
        admin_reply_error(admin, request->exchange, 400, "line %u: %s", diag->line, diag->text);
    }
    json_document_finish(document);
    return good;
}

/* ---- what needs no session ---- */

static void get_health(Admin *admin, Session *session, const HttpRequest *request, const char *name)
{
    (void)session;
    (void)name;
    AdminHealth systems[HEALTH_MAX];
    const AdminHost *host = &admin->config.host;
    size_t count = host->health ? host->health(host->context, systems, HEALTH_MAX) : 0;
    bool healthy = true;
    TextWriter *writer = &admin->writer;
    text_writer_reset(writer);
    for (size_t i = 0; i < count; i++) {
        healthy = healthy && systems[i].up;
    }
    text_writer_put(writer, "{\"status\":\"%s\",\"systems\":[", healthy ? "up" : "down");
    for (size_t i = 0; i < count; i++) {
        text_writer_put(writer, "%s{\"name\":", i > 0 ? "," : "");
        text_writer_json(writer, systems[i].name);
        text_writer_put(writer, ",\"kind\":");
        text_writer_json(writer, systems[i].kind);
        text_writer_put(writer, ",\"state\":\"%s\",\"detail\":", systems[i].up ? "up" : "down");
        text_writer_json(writer, systems[i].detail);
        text_writer_put(writer, "}");
    }
    text_writer_put(writer, "]}");
    admin_reply(admin, request->exchange, healthy ? 200 : 503, JSON_TYPE, text_writer_bytes(writer));
}

static void own_metrics(const Admin *admin, TextWriter *writer)
{
    const AdminCounters now = admin_counters(admin), *counters = &now;
    metric_begin(writer, "dtmv_gateway_requests_total", "counter", "Requests over HTTP, by outcome.");
    metric_value(writer, "dtmv_gateway_requests_total", "outcome", "ok", NULL, NULL,
                 (double)(counters->requests - counters->client_errors - counters->server_errors));
    metric_value(writer, "dtmv_gateway_requests_total", "outcome", "client_error", NULL, NULL,
                 (double)counters->client_errors);
    metric_value(writer, "dtmv_gateway_requests_total", "outcome", "server_error", NULL, NULL,
                 (double)counters->server_errors);
    metric_single(writer, "dtmv_gateway_limited_total", "counter",
                  "Requests and messages beyond a rate limit.", (double)counters->limited);
    metric_begin(writer, "dtmv_gateway_registrations_total", "counter", "Services that asked to register.");
    metric_value(writer, "dtmv_gateway_registrations_total", "outcome", "registered", NULL, NULL,
                 (double)counters->registered);
    metric_value(writer, "dtmv_gateway_registrations_total", "outcome", "refused", NULL, NULL,
                 (double)counters->refused);
    metric_begin(writer, "dtmv_gateway_messages_total", "counter", "WebSocket messages.");
    metric_value(writer, "dtmv_gateway_messages_total", "direction", "in", NULL, NULL,
                 (double)counters->messages_in);
    metric_value(writer, "dtmv_gateway_messages_total", "direction", "out", NULL, NULL,
                 (double)counters->messages_out);
    metric_single(writer, "dtmv_gateway_slow_sockets_total", "counter",
                  "Sockets closed because they did not read.", (double)counters->slow);
    metric_single(writer, "dtmv_gateway_sessions", "gauge", "Services registered now.", counters->sessions);
    metric_single(writer, "dtmv_gateway_sockets", "gauge", "WebSockets open now.", counters->sockets);
}

static void get_metrics(Admin *admin, Session *session, const HttpRequest *request, const char *name)
{
    (void)session;
    (void)name;
    text_writer_reset(&admin->writer);
    own_metrics(admin, &admin->writer);
    if (admin->config.host.metrics) {
        admin->config.host.metrics(admin->config.host.context, &admin->writer);
    }
    admin_reply(admin, request->exchange, admin->writer.failed ? 500 : 200, METRICS_TYPE,
                text_writer_bytes(&admin->writer));
}

static void post_register(Admin *admin, Session *session, const HttpRequest *request, const char *name)
{
    (void)session;
    (void)name;
    outside_register(admin, request);
}

/* ---- with a session ---- */

/* The decimal after "count=" in the query, within 1..TRACE_MAX. */
static uint32_t query_count(const char *query)
{
    const char *at = strncmp(query, "count=", 6) == 0 ? query : strstr(query, "&count=");
    if (!at) {
        return TRACE_DEFAULT;
    }
    unsigned long count = strtoul(strchr(at, '=') + 1, NULL, 10);
    return count < 1 ? 1 : count > TRACE_MAX ? TRACE_MAX : (uint32_t)count;
}

static void get_trace(Admin *admin, Session *session, const HttpRequest *request, const char *name)
{
    (void)session;
    (void)name;
    if (!admin->config.host.trace) {
        admin_reply_error(admin, request->exchange, 404, "this server keeps no trace of its interfaces");
        return;
    }
    text_writer_reset(&admin->writer);
    text_writer_put(&admin->writer, "{\"messages\":[");
    admin->config.host.trace(admin->config.host.context, query_count(request->query), &admin->writer);
    text_writer_put(&admin->writer, "]}");
    if (admin->writer.failed) {
        admin_reply_error(admin, request->exchange, 500, "the trace is too large, ask for less");
        return;
    }
    admin_reply(admin, request->exchange, 200, JSON_TYPE, text_writer_bytes(&admin->writer));
}

/* ---- routes ---- */

typedef void (*RouteHandler)(Admin *admin, Session *session, const HttpRequest *request, const char *name);

/* A '*' in `path` stands for a name of one or more characters, '/' included. */
static const struct Route {
    const char *method, *path;
    bool open; /* needs no session */
    RouteHandler handler;
} routes[] = {
    { "GET", "/healthz", true, get_health },
    { "GET", "/metrics", true, get_metrics },
    { "POST", "/api/register", true, post_register },
    { "GET", "/api/trace", false, get_trace },
    { "GET", "/api/systems", false, outside_systems },
    { "GET", "/api/systems/*/models", false, outside_models },
    { "POST", "/api/access", false, outside_access },
    { "POST", "/api/invoke", false, outside_invoke },
    { "GET", "/api/commands/*", false, outside_command },
    { "POST", "/api/alarm", false, outside_alarm },
    { "POST", "/api/leave", false, outside_leave },
};

#define NAME_SIZE 128

static bool path_matches(const char *pattern, const char *path, char *out_name)
{
    const char *star = strchr(pattern, '*');
    out_name[0] = '\0';
    if (!star) {
        return strcmp(pattern, path) == 0;
    }
    size_t before = (size_t)(star - pattern), after = strlen(star + 1), length = strlen(path);
    if (length <= before + after || strncmp(pattern, path, before) != 0 ||
        strcmp(path + length - after, star + 1) != 0 || length - before - after >= NAME_SIZE) {
        return false;
    }
    memcpy(out_name, path + before, length - before - after);
    out_name[length - before - after] = '\0';
    return true;
}

static void dispatch(Admin *admin, const struct Route *route, const HttpRequest *request, const char *name)
{
    Session *session = NULL;
    bool within = bucket_take(&admin->open_requests, admin->now, OPEN_RATE, OPEN_BURST);
    if (!route->open) {
        session = outside_find(admin, request->bearer);
        if (session) { /* whoever has a key has a bucket of its own */
            admin->open_requests.tokens += within ? 1 : 0;
            within = bucket_take(&session->requests, admin->now, SESSION_RATE, SESSION_BURST);
            session->used_at = admin->now;
        }
    }
    if (!within) {
        admin_reply_error(admin, request->exchange, 429, "too many requests");
    } else if (!route->open && !session) {
        admin_reply_error(admin, request->exchange, 401,
                          "no session has this key: register first, then send it as bearer token");
    } else {
        route->handler(admin, session, request, name);
    }
}

static void on_request(void *context, const HttpRequest *request)
{
    Admin *admin = context;
    char name[NAME_SIZE];
    bool known = false;
    arena_reset(&admin->arena);
    for (size_t i = 0; i < ARRAY_COUNT(routes); i++) {
        if (path_matches(routes[i].path, request->path, name)) {
            if (strcmp(routes[i].method, request->method) == 0) {
                dispatch(admin, &routes[i], request, name);
                return;
            }
            known = true;
        }
    }
    admin_reply_error(admin, request->exchange, known ? 405 : 404,
                      known ? "not by this method" : "not found");
}

static void on_gone(void *context, uint64_t exchange)
{
    Admin *admin = context;
    for (size_t i = 0; i < EXCHANGES_MAX; i++) {
        if (admin->exchanges[i].kind != EXCHANGE_FREE && admin->exchanges[i].exchange == exchange) {
            admin->exchanges[i] = (Exchange){ 0 };
        }
    }
    for (size_t i = 0; i < ADMIN_SESSIONS_MAX; i++) {
        Session *session = &admin->sessions[i];
        if (session->consumer && !session->registered && session->exchange == exchange) {
            outside_end(admin, session, "nobody waits for its registration");
        }
    }
}

static int on_open(void *context, const HttpRequest *request)
{
    Admin *admin = context;
    arena_reset(&admin->arena);
    return stream_open(admin, request);
}

static void on_message(void *context, uint64_t socket, Bytes text)
{
    Admin *admin = context;
    arena_reset(&admin->arena);
    stream_message(admin, socket, text);
}

static void on_closed(void *context, uint64_t socket)
{
    stream_closed(context, socket);
}

void admin_tick(Admin *admin, TimeNs now, TimeNs wall)
{
    const HttpHandler handler = { .request = on_request,
                                  .gone = on_gone,
                                  .open = on_open,
                                  .message = on_message,
                                  .closed = on_closed,
                                  .context = admin };
    admin->now = now;
    admin->wall = wall;
    admin->http.ops->poll(admin->http.context, now, &handler);
    sessions_tick(admin);
}

AdminCounters admin_counters(const Admin *admin)
{
    AdminCounters counters = admin->counters;
    counters.sessions = counters.sockets = 0;
    for (size_t i = 0; i < ADMIN_SESSIONS_MAX; i++) {
        const Session *session = &admin->sessions[i];
        counters.sessions += session->consumer && session->registered;
        for (size_t j = 0; j < SESSION_SOCKETS_MAX; j++) {
            counters.sockets += session->consumer && session->sockets[j] != 0;
        }
    }
    return counters;
}
