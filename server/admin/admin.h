/* admin.h - the gateway: third-party services written in any language reach the integration enabler over HTTP
 * and WebSocket, each as a system of its own on SII ("http/NAME"), plus what an operator asks of the server:
 * health, metrics, the interface trace. GATEWAY.md has the requests and answers. The token of a registration
 * is judged by the enabler, which audits it; the session key given in return names the service from then on.
 * Pure: the server behind it is an HttpServer. One owner. */
#ifndef SERVER_ADMIN_ADMIN_H
#define SERVER_ADMIN_ADMIN_H
#include "server/admin/http.h"
#include "server/admin/text_writer.h"
#include "shared/systems/consumer.h"

#define ADMIN_SESSIONS_MAX 32
#define ADMIN_NAME_PREFIX  "http/"

typedef struct AdminHealth {
    const char *name, *kind; /* of the system: "plant", "twin" */
    bool up;
    const char *detail; /* for people; "" */
} AdminHealth;

/* What the gateway asks of the server it is part of. Any function may be NULL. */
typedef struct AdminHost {
    /* A new endpoint of kind service called `name` on the enabler's bus. Statuses of bus_local_attach.
     * Without it nobody can register. */
    Status (*attach)(void *context, const char *name, Bus *out_bus);
    /* Adds metrics (metric_begin …) after the gateway's own. */
    void (*metrics)(void *context, TextWriter *writer);
    /* Fills up to `capacity` entries and returns how many. All up: healthy. */
    size_t (*health)(void *context, AdminHealth *out, size_t capacity);
    /* The last `count` interface messages, oldest first, as JSON values separated by commas. */
    void (*trace)(void *context, uint32_t count, TextWriter *writer);
    void *context;
} AdminHost;

typedef struct AdminConfig {
    AdminHost host;
    TextTable *texts;    /* of texts that come with SYNC; borrowed */
    TimeNs session_idle; /* a session without request or socket ends after it; 0: 10 min */
    /* Random bytes of keys and ids; NULL: the system's. */
    void (*random)(void *context, uint8_t *out, size_t size);
    void *random_context;
} AdminConfig;

typedef struct AdminCounters {
    uint64_t requests, client_errors, server_errors; /* answered; 4xx; 5xx */
    uint64_t registered, refused;                    /* services; of these refused */
    uint64_t limited;                                /* 429, and messages beyond the limit */
    uint64_t messages_in, messages_out, slow;        /* WebSocket; sockets closed because they did not read */
    uint32_t sessions, sockets;                      /* now */
} AdminCounters;

typedef struct Admin Admin; /* opaque */

/* On success owns `http`. STATUS_OUT_OF_MEMORY. */
NODISCARD Status admin_create(const AdminConfig *config, HttpServer http, Admin **out_admin);
void admin_destroy(Admin *admin); /* safe on NULL */

/* Polls the HTTP server and the bus endpoints of all services. Never waits. `wall`: Unix ns. */
void admin_tick(Admin *admin, TimeNs now, TimeNs wall);

AdminCounters admin_counters(const Admin *admin);

#endif
