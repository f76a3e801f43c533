/* server.h - the systems of one process and the tick that runs them. Pure; one owner. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H
#include "server/admin/admin.h"
#include "server/enabler/enabler.h"
#include "server/metaverse/metaverse.h"
#include "server/physical/mqtt_edge.h"
#include "server/schedule.h"
#include "server/service/service.h"
#include "server/twin/twin.h"

#define SERVER_WAKE_FDS_MAX 32

typedef struct Server Server; /* opaque */

typedef struct ServerConfig {
    uint16_t tick_rate_hz;     /* 0: 60 */
    uint16_t snapshot_rate_hz; /* 0: 30 */
    bool tickless;             /* schedule.h */
    TimeNs deadline;           /* tickless; 0: 2 ms */
    TimeNs wall_offset;        /* Unix time is monotonic time plus this */
} ServerConfig;

/* What runs in this process; what is zero runs elsewhere, or nowhere. Each system has its endpoint already.
 */
typedef struct ServerParts {
    Enabler *enabler; /* with the hubs */
    TwinSystem *twin;
    Metaverse *metaverse;
    Service *service;
    Admin *admin;
    MqttEdge *edge;                    /* the physical world, where it is reached over MQTT */
    int wake_fds[SERVER_WAKE_FDS_MAX]; /* readable when there is something for any of them; the server adds
                                          those of the twin system's feeds */
    size_t wake_fd_count;
} ServerParts;

/* Ends them in the right order: endpoints before the hub. */
void server_parts_destroy(ServerParts *parts);

/* Adds a descriptor to those that wake the process; -1 and what there is no room for are left out. */
void server_parts_wake(ServerParts *parts, int fd);

/* On success owns the parts; on failure the caller still does. STATUS_OUT_OF_MEMORY. */
NODISCARD Status server_create(const ServerConfig *config, const ServerParts *parts, Server **out_server);
void server_destroy(Server *server);

/* Does what is due at `now`: ticks, or, tickless, what each part of them waits for. Without a metaverse
 * system there is nobody to be told at ticks, and what wakes the process is done at once. How many ticks were
 * let go after a stall is said in the log. True when it stepped or told the clients something. */
bool server_run(Server *server, TimeNs now);

/* When server_run is to be called at the latest; before, when one of the descriptors of server_wake_fds is
 * readable. Waiting until `server_receive_from` first keeps a flood from being looked at packet by packet. */
TimeNs server_wake(const Server *server);
TimeNs server_receive_from(const Server *server);
size_t server_wake_fds(const Server *server, int out_fds[SERVER_WAKE_FDS_MAX]);

/* The wall clock has been set: Unix time is monotonic time plus `offset` from now on. */
void server_set_wall(Server *server, TimeNs offset);

/* One fixed step, due at `now`, for owners with a clock of their own, instead of server_run. Reads as a list:
 * receive, sense, exchange, step, replicate, account. */
void server_tick(Server *server, TimeNs now);

/* Between ticks, as often as the owner likes: takes in what has arrived and answers it. */
void server_receive(Server *server, TimeNs now);

/* How long a tick took, measured by the owner: pure code reads no clock. */
void server_note_tick(Server *server, TimeNs duration);

/* The same of a server_run that only looked at the network: with thousands of clients it is looked at less
 * often, so that looking does not become all that is done. */
void server_note_look(Server *server, TimeNs duration);

/* The line for `info` once a second: people, things, samples, bytes, tick times; rates are those of the last
 * full second. Returns `out`. */
const char *server_status_line(const Server *server, TimeNs now, char *out, size_t size);

/* Tells every client that the server stops. Then server_receive until server_drained, for a moment at most.
 */
void server_shutdown(Server *server, TimeNs now);
bool server_drained(const Server *server);

/* Of this process; members may be NULL. */
const ServerParts *server_parts(const Server *server);

#endif
