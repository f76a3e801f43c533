/* direct_enet.h - the short way for single unreliable packets, past ENet's queues.
 * ENet takes memory for every packet and walks lists for it, twice. A packet that fits one datagram needs
 * none of that: out, it is written as the datagram that ENet itself would send (one SEND_UNSEQUENCED command
 * with the peer's next group number; ENet 1.3, protocol.h), and many datagrams share a system call where
 * there is one for that; in, such datagrams are taken out of ENet's intercept callback and kept in the order
 * they came. All else - connections, reliable packets, fragments, pings, time-outs - stays ENet's. Either
 * side of a connection may be without this: the bytes on the wire are the same. One owner. */
#ifndef SHARED_WIRE_DIRECT_ENET_H
#define SHARED_WIRE_DIRECT_ENET_H
#include "shared/base/bytes.h"
#include "shared/base/status.h"
#include "shared/wire/transport.h"

#include <enet/enet.h>

typedef struct DirectEnet DirectEnet; /* opaque */

/* A packet that came the short way. */
typedef struct DirectPacket {
    PeerId peer; /* as given to direct_enet_take */
    uint8_t channel;
    Bytes bytes; /* untrusted; valid until the next direct_enet_take after direct_enet_next said false */
} DirectPacket;

/* `host` is borrowed and must outlive the result; it uses neither checksums nor compression. Room for what
 * comes in grows with the host's peers. STATUS_OUT_OF_MEMORY. */
NODISCARD Status direct_enet_create(ENetHost *host, DirectEnet **out_direct);
void direct_enet_destroy(DirectEnet *direct); /* NULL is safe; what was not flushed is lost */

/* How many small datagrams the host's socket holds until they are read, at least: systems grant less than is
 * asked for. */
uint32_t direct_enet_room(const ENetHost *host);

/* Copies `bytes` for a connected peer into the next batch, which goes out when it is full or flushed. False
 * when it does not fit one datagram: give it to ENet. `channel` is one that the peer has. */
bool direct_enet_send(DirectEnet *direct, ENetPeer *peer, uint8_t channel, Bytes bytes);

/* Puts the batch on the wire and counts it in the host's totals. What the system does not take is lost, as
 * any datagram may be. */
void direct_enet_flush(DirectEnet *direct);

/* Within the host's intercept: takes the datagram just received from `peer` (connected, its address checked)
 * if it is a single unsequenced packet; repeated ones are taken and dropped. False: it is ENet's, also when
 * there is no room left. */
bool direct_enet_take(DirectEnet *direct, ENetPeer *peer, PeerId id);

/* The oldest packet taken and not yet read; false when there is none. */
bool direct_enet_next(DirectEnet *direct, DirectPacket *out_packet);

#endif
