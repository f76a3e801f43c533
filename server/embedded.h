/* embedded.h - the embedded default: twin system, enabler and metaverse system of one process around a local
 * bus, with the enabler's state in memory. What benches and tests of whole servers run. Pure. */
#ifndef SERVER_EMBEDDED_H
#define SERVER_EMBEDDED_H
#include "server/server.h"

typedef struct EmbeddedConfig {
    ServerConfig server;
    MetaverseConfig metaverse; /* endpoint and rates are filled in */
} EmbeddedConfig;

/* Takes over `twin` and `transport` whatever comes of it. Everything else is borrowed. Statuses of
 * metaverse_create, enabler_create, bus_local_create and twin_attach. */
NODISCARD Status server_create_embedded(const EmbeddedConfig *config, const World *world, TextTable *texts,
                                        AssetSource assets, TwinSystem *twin, Transport transport,
                                        Server **out_server, Diag *diag);

#endif
