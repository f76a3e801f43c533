/* transport.h - datagram sessions between peers, behind a table of functions.
 * Two implementations: transport_enet.c (real sockets) and transport_sim.c (seeded latency, jitter, loss,
 * duplication, reorder in virtual time). Not thread-safe; one owner per Transport.
 * Nothing here is encrypted or authenticated. A secure channel is one more implementation of this table that
 * wraps another Transport and seals what passes: it slots in between here and messages.h. */
#ifndef SHARED_WIRE_TRANSPORT_H
#define SHARED_WIRE_TRANSPORT_H
#include "shared/base/bytes.h"
#include "shared/base/diag.h"
#include "shared/base/time.h"

/* A peer of one transport. Never reused while the transport lives in less than 2^16 connections per slot. 0
 * is none. */
typedef uint32_t PeerId;

typedef enum Delivery {
    DELIVERY_RELIABLE,  /* arrives once, in order within its channel, or the peer disconnects */
    DELIVERY_UNRELIABLE /* may be lost, duplicated, reordered or late */
} Delivery;

#define TRANSPORT_CHANNELS 3 /* 0 control and world transfer, 1 state (snapshots, input), 2 time */

typedef enum TransportEventType {
    TRANSPORT_CONNECTED,
    TRANSPORT_DISCONNECTED, /* by the peer, by timeout or by reset */
    TRANSPORT_RECEIVED
} TransportEventType;

typedef struct TransportEvent {
    TransportEventType type;
    PeerId peer;
    uint8_t channel;
    uint32_t data;   /* CONNECTED: what the peer gave connect (protocol version); DISCONNECTED: reason or 0 */
    Bytes bytes;     /* RECEIVED: untrusted; valid until the next call on this transport */
    TimeNs received; /* when it came in, as far as the transport knows */
} TransportEvent;

typedef struct TransportStats {
    uint64_t bytes_sent, bytes_received; /* on the wire, headers included where known */
    uint64_t packets_sent, packets_received;
    double round_trip_ms; /* smoothed, as the transport measures it; 0 when it does not */
    double loss;          /* 0..1, as the transport estimates it */
    uint32_t queued;      /* reliable packets not yet acknowledged */
    uint64_t strays;      /* datagrams dropped because they belong to no connection; only with peer 0 */
    uint64_t displaced;   /* half-open or ending connections that gave way to newer ones; only with peer 0 */
} TransportStats;

typedef struct TransportOps {
    Status (*connect)(void *context, const char *host, uint16_t port, uint32_t data, PeerId *out_peer,
                      Diag *diag);
    Status (*send)(void *context, PeerId peer, uint8_t channel, Delivery delivery, Bytes bytes);
    Status (*poll)(void *context, TimeNs now, TransportEvent *out_event);
    void (*flush)(void *context, TimeNs now);
    int (*wake_fd)(const void *context); /* NULL: in virtual time nobody waits */
    void (*disconnect)(void *context, PeerId peer, uint32_t reason);
    Status (*stats)(const void *context, PeerId peer, TransportStats *out_stats);
    Status (*address)(const void *context, PeerId peer, char *out, size_t size);
    void (*destroy)(void *context);
} TransportOps;

typedef struct Transport {
    const TransportOps *ops;
    void *context; /* owned; transport_destroy gives it back */
} Transport;

/* Starts a connection; CONNECTED or DISCONNECTED follows by poll. `data` reaches the other side in its
 * CONNECTED. STATUS_NOT_FOUND when the host name does not resolve, STATUS_CAPACITY. */
NODISCARD Status transport_connect(Transport transport, const char *host, uint16_t port, uint32_t data,
                                   PeerId *out_peer, Diag *diag);

/* Queues a copy of `bytes` (at most 1 MiB). STATUS_DISCONNECTED for a peer that is unknown or not yet
 * connected, STATUS_CAPACITY when its queue is full, STATUS_OUT_OF_MEMORY. Sent at the latest by
 * transport_flush. */
NODISCARD Status transport_send(Transport transport, PeerId peer, uint8_t channel, Delivery delivery,
                                Bytes bytes);

/* The next event, never waiting: STATUS_EMPTY when there is none, STATUS_IO_ERROR when the socket failed. */
NODISCARD Status transport_poll(Transport transport, TimeNs now, TransportEvent *out_event);

/* Puts everything queued on the wire. */
void transport_flush(Transport transport, TimeNs now);

/* A file descriptor that is readable when something may have come in; -1: there is none. */
int transport_wake_fd(Transport transport);

/* Ends a connection after what is queued has been delivered; the other side sees DISCONNECTED with `reason`.
 * No event follows here. Unknown peers are ignored. */
void transport_disconnect(Transport transport, PeerId peer, uint32_t reason);

/* Of one peer, or of the whole transport with peer 0. STATUS_DISCONNECTED for an unknown peer. */
NODISCARD Status transport_stats(Transport transport, PeerId peer, TransportStats *out_stats);

/* "127.0.0.1:40000", for logs. STATUS_DISCONNECTED for an unknown peer. */
NODISCARD Status transport_address(Transport transport, PeerId peer, char *out, size_t size);

/* Safe on a zeroed Transport. */
void transport_destroy(Transport transport);

#endif
