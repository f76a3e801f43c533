/* admin_http.h - the gateway's HTTP and WebSocket server, over libwebsockets: HTTP/1.1 without TLS, for
 * loopback or behind a proxy. What it takes is bounded: connections, bytes of headers, bodies and messages,
 * and the time that each may take. */
#ifndef SERVER_ADMIN_ADMIN_HTTP_H
#define SERVER_ADMIN_ADMIN_HTTP_H
#include "server/admin/http.h"
#include "shared/base/diag.h"

#define ADMIN_HTTP_PEERS_MAX 96 /* connections at a time; further ones are closed */

/* Listens on `address` (an IPv4 address; NULL: 127.0.0.1) and `port` (0: any free one). On success the caller
 * owns *out_http (ops->destroy) and *out_port is the port. STATUS_ADDRESS_IN_USE, STATUS_OUT_OF_MEMORY, with
 * `diag`. */
NODISCARD Status admin_http_open(const char *address, uint16_t port, HttpServer *out_http, uint16_t *out_port,
                                 Diag *diag);

#endif
