/* http.h - what the gateway needs of an HTTP and WebSocket server: one table of functions, admin_http.c
 * behind it, and a double in the tests. */
#ifndef SERVER_ADMIN_HTTP_H
#define SERVER_ADMIN_HTTP_H
#include "shared/base/bytes.h"
#include "shared/base/status.h"
#include "shared/base/time.h"

#define HTTP_BODY_MAX    ((size_t)64 << 10) /* bytes of a request's body; more is answered 413 by the server */
#define HTTP_MESSAGE_MAX ((size_t)16 << 10) /* bytes of a WebSocket message; more closes the socket */

/* Texts are never NULL, and borrowed for the call. */
typedef struct HttpRequest {
    uint64_t exchange;         /* names it; of an upgrade: names the socket */
    const char *method, *path; /* "GET", "/api/systems": percent-decoded, without query */
    const char *query;         /* "session=…&…", not decoded */
    const char *bearer;        /* of the Authorization header; "" when there is none */
    const char *peer;          /* address, for the log */
    Bytes body;
} HttpRequest;

/* What the server tells, from within poll. */
typedef struct HttpHandler {
    /* To be answered by `reply` once, at once or later. */
    void (*request)(void *context, const HttpRequest *request);
    /* The other side of an exchange that waits for its reply has gone: no reply is needed any more. */
    void (*gone)(void *context, uint64_t exchange);
    /* A WebSocket wants to be opened at path and query. Returns 0, or the HTTP status to refuse with. */
    int (*open)(void *context, const HttpRequest *request);
    void (*message)(void *context, uint64_t socket, Bytes text); /* one whole message */
    void (*closed)(void *context, uint64_t socket);              /* of every opened one, once */
    void *context;
} HttpHandler;

typedef struct HttpOps {
    void (*poll)(void *context, TimeNs now, const HttpHandler *handler); /* never waits */
    /* Bodies are copied. STATUS_NOT_FOUND: the other side has gone; STATUS_OUT_OF_MEMORY. */
    Status (*reply)(void *context, uint64_t exchange, int status, const char *type, Bytes body);
    /* Queues a text message (copied). STATUS_NOT_FOUND, STATUS_OUT_OF_MEMORY; STATUS_CAPACITY: the other side
     * does not read as fast as this sends, nothing was queued. */
    Status (*send)(void *context, uint64_t socket, Bytes text);
    /* Closes a socket once what is queued has been sent; `closed` follows with a later poll. */
    void (*close)(void *context, uint64_t socket, const char *reason);
    void (*destroy)(void *context);
} HttpOps;

typedef struct HttpServer {
    const HttpOps *ops;
    void *context; /* owned */
} HttpServer;

#endif
