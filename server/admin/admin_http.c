#include "server/admin/admin_http.h"

#include "shared/base/log.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define PATH_SIZE    512
#define QUERY_SIZE   1024
#define BEARER_SIZE  320
#define HEADERS_SIZE 1024
#define CHUNK_SIZE   ((size_t)16 << 10)
#define QUEUE_MAX    ((size_t)1 << 20) /* bytes that wait for a socket that does not read */
#define DISCARD_MAX \
    ((size_t)1 << 20)   /* of a body too large: read and thrown away, so that the answer arrives */
#define HEADERS_S    10 /* seconds for the headers of a request */
#define BODY_TIME    (20 * TIME_SECOND) /* for all of a body, however it trickles */
#define ANSWER_S     15
#define KEEP_ALIVE_S 30
#define PASSES_MAX   8  /* of a tick: accepted, read, answered */
#define PING_S       20 /* a socket that is silent for so long is asked, and closed after HANGUP_S */
#define HANGUP_S     40

/* One connection. */
typedef struct Peer {
    struct lws *wsi; /* NULL: free */
    uint64_t id;     /* of the request under way, or of the socket */
    char address[48];
    bool websocket, established, told; /* told: the handler knows of it, and is to hear of its end */
    /* the request */
    char method[8], path[PATH_SIZE], query[QUERY_SIZE], bearer[BEARER_SIZE];
    uint8_t *body; /* owned; also a message that comes in pieces */
    size_t body_size, body_expected;
    bool too_large;
    TimeNs since;
    /* the reply: `reply` has LWS_PRE bytes before it */
    bool waiting, head; /* for the handler's reply; a reply without body */
    uint8_t *reply;     /* owned */
    size_t reply_size, reply_sent;
    int reply_status;
    char reply_type[64];
    bool headers_sent, close_after;
    /* the socket's queue: lengths and texts, from queue_first on */
    uint8_t *queue; /* owned */
    size_t queue_first, queue_size, queue_capacity;
    bool closing;
    char close_reason[64];
} Peer;

typedef struct HttpContext {
    struct lws_context *lws;
    const HttpHandler *handler; /* while polling */
    bool busy;                  /* something happened in this pass: the next one may go on with it */
    TimeNs now;
    uint64_t ids;
    Peer peers[ADMIN_HTTP_PEERS_MAX];
    uint8_t chunk[LWS_PRE + CHUNK_SIZE];
} HttpContext;

static HttpContext *context_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

/* ---- connections ---- */

static Peer *find_peer(HttpContext *http, uint64_t id)
{
    for (size_t i = 0; i < ADMIN_HTTP_PEERS_MAX && id != 0; i++) {
        if (http->peers[i].wsi && http->peers[i].id == id) {
            return &http->peers[i];
        }
    }
    return NULL;
}

static int new_connection(HttpContext *http, struct lws *wsi)
{
    for (size_t i = 0; i < ADMIN_HTTP_PEERS_MAX; i++) {
        Peer *peer = &http->peers[i];
        if (!peer->wsi) {
            *peer = (Peer){ .wsi = wsi, .since = http->now };
            lws_get_peer_simple(wsi, peer->address, sizeof peer->address);
            lws_set_opaque_user_data(wsi, peer);
            return 0;
        }
    }
    return -1;
}

static void end_request(Peer *peer)
{
    free(peer->body);
    free(peer->reply);
    peer->body = peer->reply = NULL;
    peer->body_size = peer->body_expected = peer->reply_size = peer->reply_sent = 0;
    peer->too_large = peer->waiting = peer->head = peer->headers_sent = peer->close_after = false;
}

static void tell_end(HttpContext *http, Peer *peer)
{
    if (peer->told && http->handler) {
        if (peer->websocket) {
            http->handler->closed(http->handler->context, peer->id);
        } else {
            http->handler->gone(http->handler->context, peer->id);
        }
    }
    peer->told = false;
}

static void end_connection(HttpContext *http, Peer *peer)
{
    tell_end(http, peer);
    end_request(peer);
    free(peer->queue);
    *peer = (Peer){ 0 };
}

/* ---- requests ---- */

/* A header, or "" when it is absent; false when it is too long. */
static bool copy_header(struct lws *wsi, enum lws_token_indexes token, char *out, size_t size)
{
    out[0] = '\0';
    int length = lws_hdr_total_length(wsi, token);
    if (length <= 0) {
        return true;
    }
    if ((size_t)length >= size || lws_hdr_copy(wsi, out, (int)size, token) < 0) {
        out[0] = '\0';
        return false;
    }
    return true;
}

static bool read_headers(struct lws *wsi, Peer *peer, const char *path)
{
    char authorization[BEARER_SIZE + 8];
    bool good = copy_header(wsi, WSI_TOKEN_HTTP_URI_ARGS, peer->query, sizeof peer->query) &&
                copy_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, authorization, sizeof authorization);
    size_t length = strlen(path);
    if (!good || length >= sizeof peer->path) {
        return false;
    }
    memcpy(peer->path, path, length + 1);
    bool bearer = strncasecmp(authorization, "bearer ", 7) == 0;
    const char *token = bearer ? authorization + 7 : "";
    good = strlen(token) < sizeof peer->bearer;
    memcpy(peer->bearer, good ? token : "", good ? strlen(token) + 1 : 1);
    lws_explicit_bzero(authorization, sizeof authorization);
    return good;
}

static HttpRequest request_of(const Peer *peer)
{
    return (HttpRequest){ .exchange = peer->id,
                          .method = peer->method,
                          .path = peer->path,
                          .query = peer->query,
                          .bearer = peer->bearer,
                          .peer = peer->address,
                          .body = bytes_of(peer->body, peer->body_size) };
}

static void set_reply(Peer *peer, int status, const char *type, Bytes body)
{
    uint8_t *copy = malloc(LWS_PRE + body.size + 1);
    if (copy && body.size > 0) {
        memcpy(copy + LWS_PRE, body.data, body.size);
    }
    free(peer->reply);
    peer->reply = copy;
    peer->reply_size = copy ? body.size : 0;
    peer->reply_sent = 0;
    peer->reply_status = copy ? status : 500;
    peer->waiting = false;
    snprintf(peer->reply_type, sizeof peer->reply_type, "%s", type);
    lws_callback_on_writable(peer->wsi);
}

static void reply_early(Peer *peer, int status, const char *text)
{
    peer->close_after = true;
    set_reply(peer, status, "application/json", bytes_of(text, strlen(text)));
}

static void dispatch(HttpContext *http, Peer *peer)
{
    HttpRequest request = request_of(peer);
    peer->waiting = peer->told = true;
    lws_set_timeout(peer->wsi, PENDING_TIMEOUT_HTTP_CONTENT, ANSWER_S);
    http->handler->request(http->handler->context, &request);
    lws_explicit_bzero(peer->bearer, sizeof peer->bearer);
}

static const char *method_of(struct lws *wsi)
{
    static const struct {
        enum lws_token_indexes token;
        const char *name;
    } methods[] = { { WSI_TOKEN_GET_URI, "GET" },     { WSI_TOKEN_POST_URI, "POST" },
                    { WSI_TOKEN_PUT_URI, "PUT" },     { WSI_TOKEN_DELETE_URI, "DELETE" },
                    { WSI_TOKEN_PATCH_URI, "PATCH" }, { WSI_TOKEN_OPTIONS_URI, "OPTIONS" },
                    { WSI_TOKEN_HEAD_URI, "HEAD" } };
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        if (lws_hdr_total_length(wsi, methods[i].token) > 0) {
            return methods[i].name;
        }
    }
    return "?";
}

static int on_http(HttpContext *http, Peer *peer, const char *path)
{
    struct lws *wsi = peer->wsi;
    char length[24];
    end_request(peer);
    peer->id = ++http->ids;
    peer->since = http->now;
    snprintf(peer->method, sizeof peer->method, "%s", method_of(wsi));
    peer->head = strcmp(peer->method, "HEAD") == 0;
    if (!read_headers(wsi, peer, path)) {
        reply_early(peer, 431, "{\"error\":\"a header is too long\"}");
        return 0;
    }
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
        !copy_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, length, sizeof length)) {
        reply_early(peer, 411, "{\"error\":\"a body needs its Content-Length\"}");
        return 0;
    }
    char *end = length;
    unsigned long long expected = length[0] ? strtoull(length, &end, 10) : 0;
    if (*end != '\0' || length[0] == '-' || expected > DISCARD_MAX) {
        reply_early(peer, 413, "{\"error\":\"the body is too large\"}");
        return 0;
    }
    if (expected == 0) {
        dispatch(http, peer);
        return 0;
    }
    peer->body_expected = (size_t)expected;
    peer->too_large = expected > HTTP_BODY_MAX;
    peer->body = peer->too_large ? NULL : malloc((size_t)expected);
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, (int)(BODY_TIME / TIME_SECOND));
    return peer->body || peer->too_large ? 0 : -1;
}

static int on_body(HttpContext *http, Peer *peer, const void *data, size_t size)
{
    if (peer->reply) {
        return http->now - peer->since > BODY_TIME ? -1 : 0; /* answered already, what follows is dropped */
    }
    if (size > peer->body_expected - peer->body_size || http->now - peer->since > BODY_TIME) {
        return -1;
    }
    if (peer->body) {
        memcpy(peer->body + peer->body_size, data, size);
    }
    peer->body_size += size;
    return 0;
}

static void on_body_complete(HttpContext *http, Peer *peer)
{
    if (peer->body_expected == 0) {
        return; /* answered already */
    }
    if (peer->too_large) {
        reply_early(peer, 413, "{\"error\":\"the body is too large\"}");
    } else {
        dispatch(http, peer);
    }
}

static int write_headers(HttpContext *http, Peer *peer)
{
    struct lws *wsi = peer->wsi;
    unsigned char *at = http->chunk + LWS_PRE, *end = at + HEADERS_SIZE;
    static const unsigned char no_store[] = "no-store", nosniff[] = "nosniff", bearer[] = "Bearer",
                               one[] = "1";
    if (lws_add_http_common_headers(wsi, (unsigned)peer->reply_status, peer->reply_type, peer->reply_size,
                                    &at, end) ||
        lws_add_http_header_by_name(wsi, (const unsigned char *)"cache-control:", no_store, 8, &at, end) ||
        lws_add_http_header_by_name(wsi, (const unsigned char *)"x-content-type-options:", nosniff, 7, &at,
                                    end) ||
        (peer->reply_status == 401 &&
         lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_WWW_AUTHENTICATE, bearer, 6, &at, end)) ||
        (peer->reply_status == 429 &&
         lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_RETRY_AFTER, one, 1, &at, end)) ||
        lws_finalize_write_http_header(wsi, http->chunk + LWS_PRE, &at, end)) {
        return -1;
    }
    peer->headers_sent = true;
    return 0;
}

static int complete(Peer *peer)
{
    bool close = peer->close_after;
    peer->told = false;
    end_request(peer);
    return close || lws_http_transaction_completed(peer->wsi) ? -1 : 0;
}

static int on_http_writable(HttpContext *http, Peer *peer)
{
    if (!peer->reply) {
        return 0;
    }
    if (!peer->headers_sent) {
        if (write_headers(http, peer) != 0) {
            return -1;
        }
        if (peer->head || peer->reply_size == 0) {
            return complete(peer);
        }
        lws_callback_on_writable(peer->wsi);
        return 0;
    }
    size_t left = peer->reply_size - peer->reply_sent;
    size_t size = left < CHUNK_SIZE ? left : CHUNK_SIZE;
    memcpy(http->chunk + LWS_PRE, peer->reply + LWS_PRE + peer->reply_sent, size);
    if (lws_write(peer->wsi, http->chunk + LWS_PRE, size,
                  size == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0) {
        return -1;
    }
    peer->reply_sent += size;
    if (size == left) {
        return complete(peer);
    }
    lws_set_timeout(peer->wsi, PENDING_TIMEOUT_HTTP_CONTENT, ANSWER_S);
    lws_callback_on_writable(peer->wsi);
    return 0;
}

/* ---- WebSockets ---- */

static int on_upgrade(HttpContext *http, Peer *peer)
{
    struct lws *wsi = peer->wsi;
    char path[PATH_SIZE];
    int status = 400;
    end_request(peer);
    peer->id = ++http->ids;
    snprintf(peer->method, sizeof peer->method, "GET");
    if (copy_header(wsi, WSI_TOKEN_GET_URI, path, sizeof path) && read_headers(wsi, peer, path)) {
        HttpRequest request = request_of(peer);
        peer->websocket = peer->told = true; /* so that what is sent from within `open` is queued */
        status = http->handler->open(http->handler->context, &request);
    }
    lws_explicit_bzero(peer->bearer, sizeof peer->bearer);
    lws_explicit_bzero(peer->query, sizeof peer->query);
    if (status != 0) {
        peer->told = false;
        (void)lws_return_http_status(wsi, (unsigned)status, NULL);
        return -1;
    }
    return 0;
}

static int on_receive(HttpContext *http, Peer *peer, const void *data, size_t size)
{
    if (lws_is_first_fragment(peer->wsi)) {
        peer->body_size = 0;
    }
    if (lws_frame_is_binary(peer->wsi) || size > HTTP_MESSAGE_MAX - peer->body_size) {
        lws_close_reason(peer->wsi,
                         lws_frame_is_binary(peer->wsi) ? LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE
                                                        : LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE,
                         NULL, 0);
        return -1;
    }
    if (!peer->body) {
        peer->body = malloc(HTTP_MESSAGE_MAX);
        if (!peer->body) {
            return -1;
        }
    }
    memcpy(peer->body + peer->body_size, data, size);
    peer->body_size += size;
    if (lws_is_final_fragment(peer->wsi) && lws_remaining_packet_payload(peer->wsi) == 0 && !peer->closing) {
        http->handler->message(http->handler->context, peer->id, bytes_of(peer->body, peer->body_size));
        peer->body_size = 0;
    }
    return 0;
}

static int on_socket_writable(HttpContext *http, Peer *peer)
{
    if (peer->queue_size == 0) {
        if (peer->closing) {
            lws_close_reason(peer->wsi, LWS_CLOSE_STATUS_POLICY_VIOLATION,
                             (unsigned char *)peer->close_reason, strlen(peer->close_reason));
            return -1;
        }
        return 0;
    }
    uint8_t *at = peer->queue + peer->queue_first;
    size_t size = bytes_load_u32(at), sent = 0;
    while (sent < size) { /* in pieces of one message; what the kernel does not take libwebsockets keeps */
        size_t piece = size - sent < CHUNK_SIZE ? size - sent : CHUNK_SIZE;
        int flags = lws_write_ws_flags(LWS_WRITE_TEXT, sent == 0, sent + piece == size);
        memcpy(http->chunk + LWS_PRE, at + 4 + sent, piece);
        if (lws_write(peer->wsi, http->chunk + LWS_PRE, piece, (enum lws_write_protocol)flags) < 0) {
            return -1;
        }
        sent += piece;
    }
    peer->queue_first += 4 + size;
    peer->queue_size -= 4 + size;
    if (peer->queue_size == 0) {
        peer->queue_first = 0;
    }
    if (peer->queue_size > 0 || peer->closing) {
        lws_callback_on_writable(peer->wsi);
    }
    return 0;
}

/* Room for `more` bytes at the end of the queue. */
static Status reserve(Peer *peer, size_t more)
{
    if (peer->queue_first + peer->queue_size + more <= peer->queue_capacity) {
        return STATUS_OK;
    }
    if (peer->queue_size > 0 && peer->queue_first > 0) {
        memmove(peer->queue, peer->queue + peer->queue_first, peer->queue_size);
    }
    peer->queue_first = 0;
    size_t capacity = peer->queue_capacity > 0 ? peer->queue_capacity : CHUNK_SIZE;
    while (capacity < peer->queue_size + more) {
        capacity *= 2;
    }
    if (capacity > peer->queue_capacity) {
        uint8_t *queue = realloc(peer->queue, capacity);
        if (!queue) {
            return STATUS_OUT_OF_MEMORY;
        }
        peer->queue = queue;
        peer->queue_capacity = capacity;
    }
    return STATUS_OK;
}

/* ---- what libwebsockets calls ---- */

static int on_connection(HttpContext *http, Peer *peer, enum lws_callback_reasons reason, void *in,
                         size_t size)
{
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return on_http(http, peer, in);
    case LWS_CALLBACK_HTTP_BODY:
        return on_body(http, peer, in, size);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        on_body_complete(http, peer);
        return 0;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_http_writable(http, peer);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return strcmp(in, "websocket") == 0 ? 0 : -1;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return on_upgrade(http, peer);
    case LWS_CALLBACK_ESTABLISHED:
        peer->established = true;
        lws_callback_on_writable(peer->wsi);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return on_receive(http, peer, in, size);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_socket_writable(http, peer);
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLOSED_HTTP:
        tell_end(http, peer);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(peer->wsi, NULL);
        end_connection(http, peer);
        return 0;
    default:
        return 0;
    }
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size)
{
    (void)user;
    if (!wsi || !lws_get_context(wsi) || !context_of(wsi)) {
        return 0;
    }
    HttpContext *http = context_of(wsi);
    Peer *peer = lws_get_opaque_user_data(wsi);
    http->busy = true;
    if (reason == LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED) {
        return new_connection(http, wsi);
    }
    if (peer) {
        return http->handler || reason == LWS_CALLBACK_WSI_DESTROY
                   ? on_connection(http, peer, reason, in, size)
                   : 0;
    }
    /* Nothing is asked but over a connection that was counted. */
    return reason == LWS_CALLBACK_HTTP || reason == LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION ||
                   reason == LWS_CALLBACK_HTTP_CONFIRM_UPGRADE
               ? -1
               : 0;
}

/* ---- the table ---- */

static void http_poll(void *context, TimeNs now, const HttpHandler *handler)
{
    HttpContext *http = context;
    http->now = now;
    http->handler = handler;
    for (int i = 0; i < PASSES_MAX && (i == 0 || http->busy); i++) {
        http->busy = false;
        /* In 4.1 a negative time means that it does not wait; 0 would wait for the next event. */
        lws_service(http->lws, -1);
    }
    http->handler = NULL;
}

static Status http_reply(void *context, uint64_t exchange, int status, const char *type, Bytes body)
{
    Peer *peer = find_peer(context, exchange);
    if (!peer || peer->websocket || !peer->waiting) {
        return STATUS_NOT_FOUND;
    }
    set_reply(peer, status, type, body);
    return peer->reply ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

static Status http_send(void *context, uint64_t socket, Bytes text)
{
    Peer *peer = find_peer(context, socket);
    uint8_t length[4];
    if (!peer || !peer->websocket || peer->closing) {
        return STATUS_NOT_FOUND;
    }
    if (peer->queue_size + text.size + sizeof length > QUEUE_MAX) {
        return STATUS_CAPACITY;
    }
    Status status = reserve(peer, text.size + sizeof length);
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t *at = peer->queue + peer->queue_first + peer->queue_size;
    bytes_store_u32(at, (uint32_t)text.size);
    memcpy(at + 4, text.data, text.size);
    peer->queue_size += 4 + text.size;
    if (peer->established) {
        lws_callback_on_writable(peer->wsi);
    }
    return STATUS_OK;
}

static void http_close(void *context, uint64_t socket, const char *reason)
{
    Peer *peer = find_peer(context, socket);
    if (peer && peer->websocket && !peer->closing) {
        peer->closing = true;
        snprintf(peer->close_reason, sizeof peer->close_reason, "%s", reason);
        /* One that does not read is not waited for. */
        lws_set_timeout(peer->wsi, PENDING_TIMEOUT_CLOSE_SEND, ANSWER_S);
        if (peer->established) {
            lws_callback_on_writable(peer->wsi);
        }
    }
}

static void http_destroy(void *context)
{
    HttpContext *http = context;
    if (http) {
        http->handler = NULL;
        lws_context_destroy(http->lws);
        for (size_t i = 0; i < ADMIN_HTTP_PEERS_MAX; i++) {
            end_connection(http, &http->peers[i]);
        }
        free(http);
    }
}

static void log_line(int level, const char *text)
{
    log_write(level & LLL_ERR ? LOG_WARNING : LOG_DEBUG, "http", "%.*s", (int)strcspn(text, "\n"), text);
}

Status admin_http_open(const char *address, uint16_t port, HttpServer *out_http, uint16_t *out_port,
                       Diag *diag)
{
    static const HttpOps ops = { .poll = http_poll,
                                 .reply = http_reply,
                                 .send = http_send,
                                 .close = http_close,
                                 .destroy = http_destroy };
    static const struct lws_protocols protocols[] = {
        { .name = "dtmv", .callback = callback, .rx_buffer_size = 4096 }, { 0 }
    };
    static const lws_retry_bo_t idle = { .secs_since_valid_ping = PING_S,
                                         .secs_since_valid_hangup = HANGUP_S };
    const char *where = address ? address : "127.0.0.1";
    HttpContext *http = calloc(1, sizeof *http);
    if (!http) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, NULL, 0, "no memory for the HTTP server");
    }
    const struct lws_context_creation_info info = {
        .port = port,
        .iface = where,
        .protocols = protocols,
        .gid = -1,
        .uid = -1,
        .user = http,
        .options = LWS_SERVER_OPTION_DISABLE_IPV6 | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND,
        .server_string = "dtmv",
        .timeout_secs = HEADERS_S,
        .timeout_secs_ah_idle = HEADERS_S,
        .keepalive_timeout = KEEP_ALIVE_S,
        .max_http_header_data = 4096,
        .max_http_header_pool = ADMIN_HTTP_PEERS_MAX,
        .fd_limit_per_thread = ADMIN_HTTP_PEERS_MAX + 16,
        .pt_serv_buf_size = 16384,
        .retry_and_idle_policy = &idle,
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, log_line);
    http->lws = lws_create_context(&info);
    struct lws_vhost *vhost = http->lws ? lws_get_vhost_by_name(http->lws, "default") : NULL;
    int bound = vhost ? lws_get_vhost_listen_port(vhost) : 0;
    if (bound <= 0) {
        if (http->lws) {
            lws_context_destroy(http->lws);
        }
        free(http);
        return diag_set(diag, STATUS_ADDRESS_IN_USE, NULL, 0, "cannot listen on %s, TCP port %u", where,
                        port);
    }
    *out_port = (uint16_t)bound;
    *out_http = (HttpServer){ .ops = &ops, .context = http };
    return STATUS_OK;
}
