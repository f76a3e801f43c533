/* bus_net_state.h - what both sides of a bus between processes have. Included by bus_net*.c only. */
#ifndef SHARED_SYSTEMS_BUS_NET_STATE_H
#define SHARED_SYSTEMS_BUS_NET_STATE_H
#include "shared/base/random.h"
#include "shared/systems/bus_net.h"
#include "shared/systems/bus_sync.h"

typedef struct BusNet {
    Transport transport;
    SchemaTable schemas;
    BusNetCounters counters;
    uint8_t *body; /* the one that was polled last: it outlives the next call on the transport */
    size_t body_capacity;
    uint8_t *packet; /* being written */
    size_t packet_capacity;
} BusNet;

/* False without memory; the transport is the caller's then. */
bool bus_net_init(BusNet *net, Transport transport);
void bus_net_finish(BusNet *net);

/* Copies a body to where it stays until the next one. False without memory. */
bool bus_net_keep(BusNet *net, Bytes body, Bytes *out_body);

/* Sends a message, SYNC or not; *out_size: the bytes of its body. */
NODISCARD Status bus_net_send(BusNet *net, PeerId peer, const BusMessage *message, size_t *out_size);

const BusNetCounters *bus_net_endpoint_counters(Bus endpoint);

#endif
