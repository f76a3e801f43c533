/* secure_state.h - what the parts of the sealed transport share: its peers and their lists (secure_peers.c),
 * the handshake (secure_handshake.c), packets and operations (transport_secure.c). For these three only. */
#ifndef SHARED_WIRE_SECURE_STATE_H
#define SHARED_WIRE_SECURE_STATE_H
#include "shared/wire/messages.h"
#include "shared/wire/transport_secure.h"

#define NAME_MAX_SIZE 300u /* of "host:port" */

typedef enum PeerPhase {
    PEER_DIALLING,   /* we connect; the layer below has not yet */
    PEER_SHAKING,    /* handshake; for one that came: challenged or answered */
    PEER_WAITING,    /* came with the right cookie and waits for its turn */
    PEER_CONFIRMING, /* ours: FINISH is sent */
    PEER_OPEN
} PeerPhase;

typedef struct SecurePeer SecurePeer;

typedef struct PeerLink {
    SecurePeer *previous, *next;
} PeerLink;

struct SecurePeer {
    /* First what every packet needs. */
    PeerId id;
    PeerPhase phase;
    SecureChannel *channel;               /* NULL before public-key work */
    uint8_t failures[TRANSPORT_CHANNELS]; /* reliable packets in a row */
    bool incoming;
    uint32_t connect_data, bucket;
    TimeNs deadline;
    PeerLink half_open, waiting;
    char *name;                             /* what we connect to; NULL for one that came */
    uint8_t initiate[SECURE_INITIATE_SIZE]; /* of one that waits */
};

/* Peers by age; the links are of one kind. */
typedef struct PeerList {
    SecurePeer *first, *last;
} PeerList;

typedef struct SecureTransport {
    Transport inner;
    SecureConfig config;
    uint8_t secret[NOISE_KEY_SIZE], own[NOISE_KEY_SIZE];
    Admission *admission; /* NULL until someone comes */
    SecurePeer **peers;   /* by the lower 16 bits of the id */
    size_t peer_slots;
    PeerList half_open, waiting;
    TimeNs now;
    ByteBuffer seal, open; /* grown on demand */
    TransportEvent held;   /* RECEIVED to be given after CONNECTED; peer 0: none */
    SecureCounters counters;
} SecureTransport;

/* ---- peers ---- */

void secure_list_append(SecureTransport *transport, PeerList *list, SecurePeer *peer);
/* Nothing happens when `peer` is not in `list`. */
void secure_list_remove(SecureTransport *transport, PeerList *list, SecurePeer *peer);

/* NULL when there is none. */
SecurePeer *secure_peer_find(const SecureTransport *transport, PeerId id);
/* A new record; NULL when there is no memory. */
SecurePeer *secure_peer_remember(SecureTransport *transport, PeerId id);
void secure_peer_forget(SecureTransport *transport, SecurePeer *peer);
/* Ends the connection. Fills the event and returns true when the layer above knows the peer. */
bool secure_peer_give_up(SecureTransport *transport, SecurePeer *peer, RejectCode reason,
                         TransportEvent *out_event);

/* ---- handshake ---- */

/* The layer below has connected: the time limit runs. */
void secure_begin_handshake(SecureTransport *transport, SecurePeer *peer);
/* Someone has come: it is sent a cookie, or away. */
void secure_challenge(SecureTransport *transport, const TransportEvent *event);
/* Serves the first one that waits and whose address has not used up its share. */
void secure_serve_waiting(SecureTransport *transport);
/* A message on channel 0 before the connection is open. True when there is an event for the layer above. */
bool secure_take_handshake(SecureTransport *transport, SecurePeer *peer, Bytes bytes,
                           TransportEvent *out_event);
/* The handshake is over; the event says CONNECTED. */
void secure_become_open(SecureTransport *transport, SecurePeer *peer, TransportEvent *out_event);

/* ---- packets ---- */

/* Statuses of secure_channel_seal and transport_send. */
Status secure_send_sealed(SecureTransport *transport, SecurePeer *peer, uint8_t channel, Delivery delivery,
                          Bytes bytes);

#endif
