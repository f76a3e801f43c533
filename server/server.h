/* server.h - the systems of one process and the tick that runs them. Pure; one owner. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H
#include "server/metaverse/metaverse.h"
#include "server/twin/twin.h"

typedef struct Server Server; /* opaque */

typedef struct ServerConfig {
    MetaverseConfig metaverse;
} ServerConfig;

/* On success owns `twin` and `transport`; on failure the caller still does. Everything else is borrowed. */
NODISCARD Status server_create(const ServerConfig *config, const World *world, TextTable *texts,
                               AssetSource assets, TwinSystem *twin, Transport transport, Server **out_server,
                               Diag *diag);
void server_destroy(Server *server);

/* One fixed step, due at `now`. Reads as a list: receive, sense, integrate, step, replicate. */
void server_tick(Server *server, TimeNs now);

/* The line for `info` once a second: sessions, things, samples, bytes, tick times. Returns `out`. */
const char *server_status_line(const Server *server, TimeNs now, char *out, size_t size);

void server_shutdown(Server *server, TimeNs now);
const Metaverse *server_metaverse(const Server *server);
const TwinSystem *server_twin(const Server *server);

#endif
