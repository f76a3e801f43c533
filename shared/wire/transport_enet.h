/* transport_enet.h - real UDP through ENet 1.3.
 * A peer that is gone is reported DISCONNECTED within `patience`. Datagrams that belong to no connection are
 * dropped and counted in TransportStats.strays. Bound to the loopback interface, any number of connections
 * may come from one address; bound to others, half of `peers`. Destroying a transport waits up to 250 ms for
 * peers that are being disconnected to get what is queued for them, and tells all others that it is gone. */
#ifndef SHARED_WIRE_TRANSPORT_ENET_H
#define SHARED_WIRE_TRANSPORT_ENET_H
#include "shared/wire/transport.h"

typedef struct EnetConfig {
    const char *bind_address; /* server: NULL is 127.0.0.1; "0.0.0.0" for all. Client: NULL */
    uint16_t port;            /* server: 0 takes any free one */
    uint32_t peers;           /* most connections, ≤ 4095; 0: 64 for a server, 1 for a client */
    bool server;
    /* How long a connected peer may leave packets unanswered; 0: 4.5 s. A server whose sessions have
     * time-outs of their own gives more, for clients that are slow to load or draw. */
    TimeNs patience;
} EnetConfig;

/* STATUS_ADDRESS_IN_USE, STATUS_NOT_FOUND (bind address), STATUS_CAPACITY (too many peers), STATUS_IO_ERROR
 * or STATUS_OUT_OF_MEMORY with `diag`; on success the caller owns *out_transport and destroys it. *out_port
 * (may be NULL) is the port bound. */
NODISCARD Status transport_enet_create(const EnetConfig *config, Transport *out_transport, uint16_t *out_port,
                                       Diag *diag);

#endif
