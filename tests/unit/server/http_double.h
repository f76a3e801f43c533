/* http_double.h - an HttpServer without sockets: requests and messages are put in by hand, answers kept. */
#ifndef TESTS_UNIT_SERVER_HTTP_DOUBLE_H
#define TESTS_UNIT_SERVER_HTTP_DOUBLE_H
#include "server/admin/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTP_DOUBLE_INPUTS 64
#define HTTP_DOUBLE_SENT   ((size_t)64 << 10)

typedef enum HttpInputKind {
    HTTP_INPUT_REQUEST,
    HTTP_INPUT_GONE,
    HTTP_INPUT_OPEN,
    HTTP_INPUT_MESSAGE
} HttpInputKind;

typedef struct HttpInput {
    HttpInputKind kind;
    HttpRequest request; /* texts are borrowed until the next poll */
} HttpInput;

typedef struct HttpDouble {
    HttpInput inputs[HTTP_DOUBLE_INPUTS];
    size_t input_count;
    /* the last answer */
    uint64_t answered;
    unsigned answers;
    int status, open_status;
    char type[64], body[HTTP_DOUBLE_SENT];
    /* sockets: all texts, one a line */
    char sent[HTTP_DOUBLE_SENT];
    size_t sent_size;
    Status send_status;
    uint64_t closed;
    char close_reason[64];
} HttpDouble;

static void http_double_poll(void *context, TimeNs now, const HttpHandler *handler)
{
    HttpDouble *http = context;
    (void)now;
    for (size_t i = 0; i < http->input_count; i++) {
        const HttpRequest *request = &http->inputs[i].request;
        switch (http->inputs[i].kind) {
        case HTTP_INPUT_REQUEST:
            handler->request(handler->context, request);
            break;
        case HTTP_INPUT_GONE:
            handler->gone(handler->context, request->exchange);
            break;
        case HTTP_INPUT_OPEN:
            http->open_status = handler->open(handler->context, request);
            break;
        case HTTP_INPUT_MESSAGE:
            handler->message(handler->context, request->exchange, request->body);
            break;
        }
    }
    http->input_count = 0;
}

static Status http_double_reply(void *context, uint64_t exchange, int status, const char *type, Bytes body)
{
    HttpDouble *http = context;
    http->answered = exchange;
    http->answers++;
    http->status = status;
    snprintf(http->type, sizeof http->type, "%s", type);
    snprintf(http->body, sizeof http->body, "%.*s", (int)body.size, body.size ? (const char *)body.data : "");
    return STATUS_OK;
}

static Status http_double_send(void *context, uint64_t socket, Bytes text)
{
    HttpDouble *http = context;
    (void)socket;
    if (http->send_status == STATUS_OK && http->sent_size + text.size + 2 < sizeof http->sent) {
        memcpy(http->sent + http->sent_size, text.data, text.size);
        http->sent_size += text.size;
        http->sent[http->sent_size++] = '\n';
        http->sent[http->sent_size] = '\0';
    }
    return http->send_status;
}

static void http_double_close(void *context, uint64_t socket, const char *reason)
{
    HttpDouble *http = context;
    http->closed = socket;
    snprintf(http->close_reason, sizeof http->close_reason, "%s", reason);
}

static void http_double_destroy(void *context)
{
    (void)context; /* the caller's */
}

static HttpServer http_double_server(HttpDouble *http)
{
    static const HttpOps ops = { .poll = http_double_poll,
                                 .reply = http_double_reply,
                                 .send = http_double_send,
                                 .close = http_double_close,
                                 .destroy = http_double_destroy };
    return (HttpServer){ .ops = &ops, .context = http };
}

static void http_double_put(HttpDouble *http, HttpInputKind kind, uint64_t id, const char *method,
                            const char *path, const char *query, const char *bearer, Bytes body)
{
    if (http->input_count < HTTP_DOUBLE_INPUTS) {
        http->inputs[http->input_count++] = (HttpInput){ .kind = kind,
                                                         .request = { .exchange = id,
                                                                      .method = method,
                                                                      .path = path,
                                                                      .query = query,
                                                                      .bearer = bearer,
                                                                      .peer = "test",
                                                                      .body = body } };
    }
}

#endif
