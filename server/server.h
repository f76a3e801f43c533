/* server.h - the systems of one process and the tick that runs them. Pure; one owner. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H
#include "server/metaverse/metaverse.h"
#include "server/schedule.h"
#include "server/twin/twin.h"

typedef struct Server Server; /* opaque */

typedef struct ServerConfig {
    MetaverseConfig metaverse;
    bool tickless;   /* schedule.h */
    TimeNs deadline; /* tickless; 0: 2 ms */
} ServerConfig;

/* On success owns `twin` and `transport`; on failure the caller still does. Everything else is borrowed.
 * Statuses of metaverse_create. */
NODISCARD Status server_create(const ServerConfig *config, const World *world, TextTable *texts,
                               AssetSource assets, TwinSystem *twin, Transport transport, Server **out_server,
                               Diag *diag);
void server_destroy(Server *server);

/* Does what is due at `now`: ticks, or, tickless, what each part of them waits for. How many ticks were let
 * go after a stall is said in the log. True when it stepped or told the clients something. */
bool server_run(Server *server, TimeNs now);

/* When server_run is to be called at the latest; before, when one of the descriptors of server_wake_fds is
 * readable. Waiting until `server_receive_from` first keeps a flood from being looked at packet by packet. */
TimeNs server_wake(const Server *server);
TimeNs server_receive_from(const Server *server);
#define SERVER_WAKE_FDS_MAX 16
size_t server_wake_fds(const Server *server, int out_fds[SERVER_WAKE_FDS_MAX]);

/* One fixed step, due at `now`, for owners with a clock of their own, instead of server_run. Reads as a list:
 * receive, sense, integrate, step, replicate, account. */
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

const Metaverse *server_metaverse(const Server *server);
const TwinSystem *server_twin(const Server *server);

#endif
