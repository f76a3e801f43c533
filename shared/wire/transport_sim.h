/* transport_sim.h - a network in memory and virtual time: the second implementation of the transport.
 * Unreliable packets suffer the link as configured. Reliable packets arrive once and in order, late by one
 * retransmission time-out for every simulated loss. The same seed gives the same run. */
#ifndef SHARED_WIRE_TRANSPORT_SIM_H
#define SHARED_WIRE_TRANSPORT_SIM_H
#include "shared/base/random.h"
#include "shared/wire/transport.h"

/* One direction of every link. */
typedef struct SimLink {
    TimeNs latency;     /* one way */
    TimeNs jitter;      /* uniform, added: 0..jitter; alone enough to reorder */
    double loss;        /* 0..1 */
    double duplication; /* 0..1: also sent a second time, with its own delay */
    double reorder;     /* 0..1: held back by one more latency */
} SimLink;

typedef struct SimNetwork SimNetwork;

/* STATUS_OUT_OF_MEMORY. The caller owns *out_network and destroys it after all its transports. */
NODISCARD Status sim_network_create(uint64_t seed, SimLink link, SimNetwork **out_network);
void sim_network_destroy(SimNetwork *network);

/* Changes the link for packets sent from now on. */
void sim_network_set_link(SimNetwork *network, SimLink link);

/* Pulls the cable between everyone. Unreliable packets sent while it is out are lost, reliable ones wait for
 * it; what is already on the way arrives. A transport that has heard nothing from a peer for 5 s (because of
 * the cut, because the other side is gone or is no longer polled) reports it DISCONNECTED. */
void sim_network_cut(SimNetwork *network, bool cut);

/* How long a transport hears nothing from a peer before it gives it up; 5 s unless told. */
void sim_network_set_patience(SimNetwork *network, TimeNs patience);
/* What an attacker can do who sees the datagrams of a network without authentication: `transport` (itself,
 * not one that wraps it) takes it that `peer` has disconnected with `reason`; the other side knows nothing.
 */
void sim_transport_forge_disconnect(Transport transport, PeerId peer, uint32_t reason);

/* `transport` gets another address, or its mapping is gone: nothing passes any more over its connections,
 * though both sides still have them. New ones can be made. */
void sim_transport_sever(Transport transport);

/* A transport listening as host "sim", `port`; or, with port 0, one that can only connect. The caller
 * destroys it. STATUS_ADDRESS_IN_USE, STATUS_OUT_OF_MEMORY. */
NODISCARD Status transport_sim_create(SimNetwork *network, uint16_t port, Transport *out_transport);

#endif
