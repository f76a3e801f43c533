/* assembly_file.h - puts the systems of a process together as the options ask: transports, keys, buses, the
 * enabler's store, the gateway. An edge: opens sockets and files. */
#ifndef SERVER_ASSEMBLY_FILE_H
#define SERVER_ASSEMBLY_FILE_H
#include "server/hosted_world_file.h"
#include "server/metrics.h"
#include "server/options_file.h"
#include "server/roles.h"
#include "server/security_file.h"
#include "server/server.h"
#include "server/system_keys.h"
#include "shared/systems/interface_trace_file.h"

/* Caller's storage, zeroed before assembly_create and not moved after it. */
/* What the gateway asks of its server. */
typedef struct GatewayHost {
    Bus local; /* hub of this process */
    MetricsSource metrics;
} GatewayHost;

typedef struct Assembly {
    ServerRoles roles;
    Security security; /* of the clients */
    uint8_t bus_key[NOISE_KEY_SIZE];
    KnownServers bus_servers;
    SystemKeys system_keys;
    Bus local;                      /* hub of this process; the enabler's */
    InterfaceTraceFile *interfaces; /* NULL: the enabler is elsewhere */
    GatewayHost gateway;
    int store_lock;                     /* of the database; -1: none */
    uint16_t port, bus_port, http_port; /* listened on; 0: not */
    Server *server;
} Assembly;

/* Takes hosted->twin over when it succeeds and has the role. On failure `diag` says what is wrong,
 * *out_exit_code how the program is to end, and there is nothing to destroy. */
NODISCARD Status assembly_create(const Options *options, HostedWorld *hosted, Arena *arena,
                                 Assembly *assembly, int *out_exit_code, Diag *diag);
void assembly_destroy(Assembly *assembly);

#endif
