#include "shared/wire/transport_secure.h"

#include "shared/wire/messages.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define PACKET_MAX        ((size_t)1 << 20)
#define HANDSHAKE_TIMEOUT (5 * TIME_SECOND)
#define SWALLOWED_MAX     1024 /* events of others that one poll takes before it lets its caller go on */
#define WAITING_TRIED     16   /* of those waiting for their turn, looked at in one poll */
#define BROKEN_AFTER      8u   /* reliable packets of one channel that fail in a row */
#define NAME_MAX_SIZE     300u

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
    PeerId id;
    PeerPhase phase;
    bool incoming;
    uint32_t connect_data, bucket;
    TimeNs deadline;
    PeerLink half_open, waiting;
    char *name;                             /* what we connect to; NULL for one that came */
    uint8_t initiate[SECURE_INITIATE_SIZE]; /* of one that waits */
    uint8_t failures[TRANSPORT_CHANNELS];   /* reliable packets in a row */
    SecureChannel *channel;                 /* NULL before public-key work */
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

/* ---- lists ---- */

static PeerLink *link_of(SecureTransport *transport, const PeerList *list, SecurePeer *peer)
{
    return list == &transport->half_open ? &peer->half_open : &peer->waiting;
}

static void list_append(SecureTransport *transport, PeerList *list, SecurePeer *peer)
{
    *link_of(transport, list, peer) = (PeerLink){ .previous = list->last };
    *(list->last ? &link_of(transport, list, list->last)->next : &list->first) = peer;
    list->last = peer;
}

static void list_remove(SecureTransport *transport, PeerList *list, SecurePeer *peer)
{
    PeerLink *link = link_of(transport, list, peer);
    if (!link->previous && list->first != peer) {
        return; /* not in it */
    }
    *(link->previous ? &link_of(transport, list, link->previous)->next : &list->first) = link->next;
    *(link->next ? &link_of(transport, list, link->next)->previous : &list->last) = link->previous;
    *link = (PeerLink){ 0 };
}

/* ---- peers ---- */

static SecurePeer *find_peer(const SecureTransport *transport, PeerId id)
{
    size_t slot = id & 0xFFFF;
    SecurePeer *peer = slot < transport->peer_slots ? transport->peers[slot] : NULL;
    return peer && peer->id == id ? peer : NULL;
}

static void forget(SecureTransport *transport, SecurePeer *peer)
{
    list_remove(transport, &transport->half_open, peer);
    list_remove(transport, &transport->waiting, peer);
    if (peer->phase == PEER_WAITING) {
        transport->counters.waiting--;
    }
    if (peer->incoming) {
        admission_leave(transport->admission, peer->bucket, peer->phase != PEER_OPEN);
    }
    if (peer->channel) {
        secure_channel_finish(peer->channel);
        free(peer->channel);
    }
    if (transport->held.peer == peer->id) {
        transport->held.peer = 0;
    }
    transport->peers[peer->id & 0xFFFF] = NULL;
    free(peer->name);
    free(peer);
}

static SecurePeer *remember(SecureTransport *transport, PeerId id)
{
    size_t slot = id & 0xFFFF;
    if (slot >= transport->peer_slots) {
        size_t count = transport->peer_slots ? transport->peer_slots : 4;
        while (count <= slot) {
            count *= 2;
        }
        SecurePeer **peers = realloc(transport->peers, count * sizeof *peers);
        if (!peers) {
            return NULL;
        }
        memset(peers + transport->peer_slots, 0, (count - transport->peer_slots) * sizeof *peers);
        transport->peers = peers;
        transport->peer_slots = count;
    }
    if (transport->peers[slot]) {
        forget(transport, transport->peers[slot]); /* its end was not reported */
    }
    SecurePeer *peer = calloc(1, sizeof *peer);
    if (peer) {
        peer->id = id;
        transport->peers[slot] = peer;
    }
    return peer;
}

/* Ends the connection. Fills the event and returns true when the layer above knows the peer. */
static bool give_up(SecureTransport *transport, SecurePeer *peer, RejectCode reason,
                    TransportEvent *out_event)
{
    bool known = !peer->incoming || peer->phase == PEER_OPEN;
    PeerId id = peer->id;
    forget(transport, peer);
    transport_disconnect(transport->inner, id, (uint32_t)reason);
    if (known) {
        *out_event = (TransportEvent){
            .type = TRANSPORT_DISCONNECTED, .peer = id, .data = (uint32_t)reason, .received = transport->now
        };
    }
    return known;
}

static bool reserve(ByteBuffer *buffer, size_t size)
{
    if (size <= buffer->capacity) {
        return true;
    }
    size_t capacity = buffer->capacity ? buffer->capacity : 2048;
    while (capacity < size) {
        capacity *= 2;
    }
    uint8_t *data = realloc(buffer->data, capacity);
    if (!data) {
        return false;
    }
    *buffer = (ByteBuffer){ .data = data, .capacity = capacity };
    return true;
}

/* ---- handshake ---- */

static Status send_handshake(SecureTransport *transport, const SecurePeer *peer, const ByteBuffer *message)
{
    return transport_send(transport->inner, peer->id, 0, DELIVERY_RELIABLE,
                          bytes_of(message->data, message->size));
}

static void address_of(const SecureTransport *transport, PeerId peer, char *out, size_t size)
{
    if (transport_address(transport->inner, peer, out, size) != STATUS_OK) {
        snprintf(out, size, "?");
    }
}

static bool trusts(const SecureTransport *transport, const SecurePeer *peer)
{
    const SecureTrust *trust = &transport->config.trust;
    char address[NAME_MAX_SIZE];
    if (peer->incoming) {
        address_of(transport, peer->id, address, sizeof address);
    }
    return !trust->decide ||
           trust->decide(trust->context, peer->incoming, peer->incoming ? address : peer->name,
                         secure_channel_peer_key(peer->channel)) == STATUS_OK;
}

static void begin_handshake(SecureTransport *transport, SecurePeer *peer)
{
    peer->phase = PEER_SHAKING;
    peer->deadline = transport->now + transport->config.handshake_timeout;
    list_append(transport, &transport->half_open, peer);
}

static void fill_random(const SecureTransport *transport, uint8_t *out, size_t size)
{
    transport->config.entropy.fill(transport->config.entropy.context, out, size);
}

/* A new key pair and all else a handshake begins with; `ephemeral` is to be wiped. */
static SecureSetup setup_of(SecureTransport *transport, const SecurePeer *peer,
                            uint8_t ephemeral[NOISE_KEY_SIZE])
{
    fill_random(transport, ephemeral, NOISE_KEY_SIZE);
    transport->counters.handshakes++;
    return (SecureSetup){ .secret = transport->secret,
                          .own = transport->own,
                          .ephemeral = ephemeral,
                          .connect_data = peer->connect_data,
                          .rules = transport->config.rekey };
}

static bool ensure_admission(SecureTransport *transport)
{
    uint8_t seed[ADMISSION_SEED_SIZE];
    if (!transport->admission) {
        fill_random(transport, seed, sizeof seed);
        Status status = admission_create(&transport->config.limits, seed, &transport->admission);
        sodium_memzero(seed, sizeof seed);
        return status == STATUS_OK;
    }
    return true;
}

/* Someone has come. It gets a cookie, and only a small record is kept of it. */
static void challenge(SecureTransport *transport, const TransportEvent *event)
{
    char address[NAME_MAX_SIZE];
    uint8_t cookie[SECURE_COOKIE_SIZE], bytes[SECURE_HANDSHAKE_MAX];
    ByteBuffer message = { .data = bytes, .capacity = sizeof bytes };
    SecurePeer *peer = NULL;
    address_of(transport, event->peer, address, sizeof address);
    uint32_t bucket = ensure_admission(transport) ? admission_bucket(transport->admission, address) : 0;
    if (!transport->admission || admission_enter(transport->admission, bucket) != STATUS_OK) {
        transport->counters.limited++;
        transport_disconnect(transport->inner, event->peer, REJECT_FULL);
        return;
    }
    peer = remember(transport, event->peer);
    if (!peer) {
        admission_leave(transport->admission, bucket, true);
        transport_disconnect(transport->inner, event->peer, REJECT_FULL);
        return;
    }
    peer->incoming = true;
    peer->bucket = bucket;
    peer->connect_data = event->data;
    begin_handshake(transport, peer);
    admission_cookie(transport->admission, address, peer->id, transport->now, cookie);
    secure_challenge_write(cookie, &message);
    transport->counters.challenged++;
    /* Should it fail, the handshake times out. */
    (void)!send_handshake(transport, peer, &message);
}

/* An INITIATE waits until there is time for it. */
static bool take_initiate(SecureTransport *transport, SecurePeer *peer, Bytes bytes,
                          TransportEvent *out_event)
{
    char address[NAME_MAX_SIZE];
    const uint8_t *cookie = secure_initiate_cookie(bytes);
    if (!cookie) {
        transport->counters.malformed++;
        return give_up(transport, peer, REJECT_HANDSHAKE, out_event);
    }
    address_of(transport, peer->id, address, sizeof address);
    if (!admission_cookie_is_right(transport->admission, address, peer->id, transport->now, cookie)) {
        transport->counters.bad_cookies++;
        return give_up(transport, peer, REJECT_HANDSHAKE, out_event);
    }
    memcpy(peer->initiate, bytes.data, sizeof peer->initiate);
    peer->phase = PEER_WAITING;
    list_append(transport, &transport->waiting, peer);
    transport->counters.waiting++;
    return false;
}

/* Does the public-key work of one that waits. */
static void respond(SecureTransport *transport, SecurePeer *peer)
{
    uint8_t ephemeral[NOISE_KEY_SIZE], bytes[SECURE_HANDSHAKE_MAX];
    ByteBuffer message = { .data = bytes, .capacity = sizeof bytes };
    TransportEvent unused;
    list_remove(transport, &transport->waiting, peer);
    transport->counters.waiting--;
    peer->phase = PEER_SHAKING;
    peer->channel = calloc(1, sizeof *peer->channel);
    Status status = peer->channel ? STATUS_OK : STATUS_OUT_OF_MEMORY;
    if (status == STATUS_OK) {
        SecureSetup setup = setup_of(transport, peer, ephemeral);
        status = secure_channel_respond(peer->channel, &setup,
                                        bytes_of(peer->initiate, sizeof peer->initiate), &message);
        sodium_memzero(ephemeral, sizeof ephemeral);
    }
    if (status == STATUS_OK) {
        status = send_handshake(transport, peer, &message);
    }
    if (status != STATUS_OK) {
        transport->counters.malformed++;
        (void)give_up(transport, peer, REJECT_HANDSHAKE, &unused);
    }
}

/* Serves the first one that waits and whose address has not used up its share. */
static void serve_waiting(SecureTransport *transport)
{
    for (int i = 0; i < WAITING_TRIED && transport->waiting.first; i++) {
        SecurePeer *peer = transport->waiting.first;
        Status status = admission_take_handshake(transport->admission, peer->bucket, transport->now);
        if (status == STATUS_EMPTY) {
            return;
        }
        if (status == STATUS_OK) {
            respond(transport, peer);
            return;
        }
        list_remove(transport, &transport->waiting, peer); /* behind those of other addresses */
        list_append(transport, &transport->waiting, peer);
    }
}

static void become_open(SecureTransport *transport, SecurePeer *peer, TransportEvent *out_event)
{
    list_remove(transport, &transport->half_open, peer);
    peer->phase = PEER_OPEN;
    transport->counters.opened++;
    if (peer->incoming) {
        admission_opened(transport->admission, peer->bucket);
    }
    *out_event = (TransportEvent){ .type = TRANSPORT_CONNECTED,
                                   .peer = peer->id,
                                   .data = peer->incoming ? peer->connect_data : 0,
                                   .received = transport->now };
}

static Status send_sealed(SecureTransport *transport, SecurePeer *peer, uint8_t channel, Delivery delivery,
                          Bytes bytes)
{
    if (!reserve(&transport->seal, bytes.size + sealed_overhead(delivery))) {
        return STATUS_OUT_OF_MEMORY;
    }
    Status status = secure_channel_seal(peer->channel, channel, delivery, bytes, &transport->seal);
    if (status == STATUS_OK) {
        status = transport_send(transport->inner, peer->id, channel, delivery,
                                bytes_of(transport->seal.data, transport->seal.size));
    }
    if (status == STATUS_OK) {
        transport->counters.rekeys += secure_channel_sent(peer->channel, channel, delivery, transport->now);
        transport->counters.sealed++;
    }
    return status;
}

/* The last handshake message of one that came. */
static bool take_finish(SecureTransport *transport, SecurePeer *peer, Bytes bytes, TransportEvent *out_event)
{
    if (secure_channel_read_finish(peer->channel, bytes) != STATUS_OK) {
        transport->counters.malformed++;
        return give_up(transport, peer, REJECT_HANDSHAKE, out_event);
    }
    if (!trusts(transport, peer)) {
        transport->counters.untrusted++;
        return give_up(transport, peer, REJECT_IDENTITY, out_event);
    }
    if (send_sealed(transport, peer, 0, DELIVERY_RELIABLE, (Bytes){ 0 }) != STATUS_OK) {
        return give_up(transport, peer, REJECT_HANDSHAKE, out_event);
    }
    become_open(transport, peer, out_event);
    return true;
}

/* Our side: CHALLENGE, and then RESPONSE. */
static Status take_challenge(SecureTransport *transport, SecurePeer *peer, Bytes bytes, ByteBuffer *message)
{
    uint8_t ephemeral[NOISE_KEY_SIZE];
    peer->channel = calloc(1, sizeof *peer->channel);
    if (!peer->channel) {
        return STATUS_OUT_OF_MEMORY;
    }
    SecureSetup setup = setup_of(transport, peer, ephemeral);
    Status status = secure_channel_initiate(peer->channel, &setup, bytes, message);
    sodium_memzero(ephemeral, sizeof ephemeral);
    return status;
}

static Status take_response(SecureTransport *transport, SecurePeer *peer, Bytes bytes, ByteBuffer *message)
{
    Status status = secure_channel_read_response(peer->channel, bytes);
    if (status == STATUS_OK && !trusts(transport, peer)) {
        return STATUS_NOT_FOUND; /* nothing else here says so */
    }
    if (status == STATUS_OK) {
        status = secure_channel_write_finish(peer->channel, message);
        peer->phase = PEER_CONFIRMING;
    }
    return status;
}

static bool take_answer(SecureTransport *transport, SecurePeer *peer, Bytes bytes, TransportEvent *out_event)
{
    uint8_t buffer[SECURE_HANDSHAKE_MAX];
    ByteBuffer message = { .data = buffer, .capacity = sizeof buffer };
    Status status = peer->channel ? take_response(transport, peer, bytes, &message)
                                  : take_challenge(transport, peer, bytes, &message);
    if (status == STATUS_OK) {
        status = send_handshake(transport, peer, &message);
    }
    switch (status) {
    case STATUS_OK:
        return false;
    case STATUS_NOT_FOUND:
        transport->counters.untrusted++;
        return give_up(transport, peer, REJECT_IDENTITY, out_event);
    case STATUS_VERSION_MISMATCH:
        transport->counters.malformed++;
        return give_up(transport, peer, REJECT_VERSION, out_event);
    default:
        transport->counters.malformed++;
        return give_up(transport, peer, REJECT_HANDSHAKE, out_event);
    }
}

/* ---- packets ---- */

static void count_refused(SecureCounters *counters, Status status)
{
    switch (status) {
    case STATUS_DUPLICATE:
        counters->replayed++;
        break;
    case STATUS_OUT_OF_RANGE:
        counters->late++;
        break;
    default:
        counters->forged++;
        break;
    }
}

/* A packet of an open connection, or the first of one that we wait to be let into. */
static bool take_packet(SecureTransport *transport, SecurePeer *peer, const TransportEvent *event,
                        TransportEvent *out_event)
{
    Delivery delivery = DELIVERY_UNRELIABLE;
    if (event->channel >= TRANSPORT_CHANNELS || !reserve(&transport->open, event->bytes.size + 1)) {
        transport->counters.forged++;
        return false;
    }
    Status status = secure_channel_open(peer->channel, transport->now, event->channel, event->bytes,
                                        &transport->open, &delivery);
    uint8_t *failures = &peer->failures[event->channel];
    if (status != STATUS_OK && status != STATUS_EMPTY) {
        count_refused(&transport->counters, status);
        if (delivery != DELIVERY_RELIABLE || ++*failures < BROKEN_AFTER) {
            return false;
        }
        transport->counters.broken++;
        return give_up(transport, peer, REJECT_HANDSHAKE, out_event);
    }
    *failures = delivery == DELIVERY_RELIABLE ? 0 : *failures;
    transport->counters.unsealed++;
    TransportEvent received = *event;
    received.bytes = bytes_of(transport->open.data, transport->open.size);
    if (peer->phase == PEER_CONFIRMING) {
        if (status == STATUS_OK) {
            transport->held = received;
        }
        become_open(transport, peer, out_event);
        return true;
    }
    *out_event = received;
    return status == STATUS_OK;
}

static bool take_received(SecureTransport *transport, const TransportEvent *event, TransportEvent *out_event)
{
    SecurePeer *peer = find_peer(transport, event->peer);
    if (!peer) {
        return false; /* given up; the layer below has not noticed yet */
    }
    if (peer->phase == PEER_OPEN || peer->phase == PEER_CONFIRMING) {
        return take_packet(transport, peer, event, out_event);
    }
    if (peer->phase != PEER_SHAKING || event->channel != 0) {
        transport->counters.forged++;
        return false;
    }
    if (!peer->incoming) {
        return take_answer(transport, peer, event->bytes, out_event);
    }
    return peer->channel ? take_finish(transport, peer, event->bytes, out_event)
                         : take_initiate(transport, peer, event->bytes, out_event);
}

/* Turns an event of the layer below into one of ours; false when the layer above need not know. */
static bool translate(SecureTransport *transport, const TransportEvent *event, TransportEvent *out_event)
{
    SecurePeer *peer = find_peer(transport, event->peer);
    switch (event->type) {
    case TRANSPORT_CONNECTED:
        if (peer && peer->phase == PEER_DIALLING) {
            begin_handshake(transport, peer);
        } else {
            challenge(transport, event);
        }
        return false;
    case TRANSPORT_DISCONNECTED:
        if (!peer) {
            return false;
        }
        bool known = !peer->incoming || peer->phase == PEER_OPEN;
        forget(transport, peer);
        *out_event = *event;
        return known;
    case TRANSPORT_RECEIVED:
        return take_received(transport, event, out_event);
    }
    return false;
}

/* The oldest handshake that takes too long. True when the layer above has to know. */
static bool expire(SecureTransport *transport, TransportEvent *out_event)
{
    while (transport->half_open.first && transport->half_open.first->deadline <= transport->now) {
        transport->counters.timed_out++;
        if (give_up(transport, transport->half_open.first, REJECT_TIMEOUT, out_event)) {
            return true;
        }
    }
    return false;
}

/* ---- operations ---- */

static Status secure_connect(void *context, const char *host, uint16_t port, uint32_t data, PeerId *out_peer,
                             Diag *diag)
{
    SecureTransport *transport = context;
    PeerId id = 0;
    Status status = transport_connect(transport->inner, host, port, data, &id, diag);
    if (status != STATUS_OK) {
        return status;
    }
    SecurePeer *peer = remember(transport, id);
    char *name = malloc(NAME_MAX_SIZE);
    if (!peer || !name) {
        free(name);
        if (peer) {
            forget(transport, peer);
        }
        transport_disconnect(transport->inner, id, 0);
        return diag_set(diag, STATUS_OUT_OF_MEMORY, host, 0, "no memory for a connection");
    }
    snprintf(name, NAME_MAX_SIZE, "%s:%u", host, (unsigned)port);
    peer->name = name;
    peer->connect_data = data;
    *out_peer = id;
    return STATUS_OK;
}

static Status secure_send(void *context, PeerId id, uint8_t channel, Delivery delivery, Bytes bytes)
{
    SecureTransport *transport = context;
    SecurePeer *peer = find_peer(transport, id);
    if (!peer || peer->phase != PEER_OPEN) {
        return STATUS_DISCONNECTED;
    }
    if (channel >= TRANSPORT_CHANNELS || bytes.size > PACKET_MAX - SEALED_UNRELIABLE_OVERHEAD) {
        return STATUS_CAPACITY;
    }
    return send_sealed(transport, peer, channel, delivery, bytes);
}

static Status secure_poll(void *context, TimeNs now, TransportEvent *out_event)
{
    SecureTransport *transport = context;
    transport->now = now;
    if (transport->held.peer != 0) {
        *out_event = transport->held;
        transport->held.peer = 0;
        return STATUS_OK;
    }
    if (expire(transport, out_event)) {
        return STATUS_OK;
    }
    serve_waiting(transport);
    for (int i = 0; i < SWALLOWED_MAX; i++) {
        TransportEvent event;
        Status status = transport_poll(transport->inner, now, &event);
        if (status != STATUS_OK) {
            return status;
        }
        if (translate(transport, &event, out_event)) {
            return STATUS_OK;
        }
    }
    return STATUS_EMPTY;
}

static void secure_flush(void *context, TimeNs now)
{
    SecureTransport *transport = context;
    transport->now = now;
    transport_flush(transport->inner, now);
}

static void secure_disconnect(void *context, PeerId id, uint32_t reason)
{
    SecureTransport *transport = context;
    SecurePeer *peer = find_peer(transport, id);
    if (peer) {
        forget(transport, peer);
    }
    transport_disconnect(transport->inner, id, reason);
}

static Status secure_stats(const void *context, PeerId peer, TransportStats *out_stats)
{
    const SecureTransport *transport = context;
    return transport_stats(transport->inner, peer, out_stats);
}

static Status secure_address(const void *context, PeerId peer, char *out, size_t size)
{
    const SecureTransport *transport = context;
    return transport_address(transport->inner, peer, out, size);
}

static void secure_destroy(void *context)
{
    SecureTransport *transport = context;
    for (size_t i = 0; i < transport->peer_slots; i++) {
        if (transport->peers[i]) {
            forget(transport, transport->peers[i]);
        }
    }
    transport_destroy(transport->inner);
    admission_destroy(transport->admission);
    free(transport->peers);
    free(transport->seal.data);
    free(transport->open.data);
    sodium_memzero(transport, sizeof *transport);
    free(transport);
}

static const TransportOps secure_ops = { .connect = secure_connect,
                                         .send = secure_send,
                                         .poll = secure_poll,
                                         .flush = secure_flush,
                                         .disconnect = secure_disconnect,
                                         .stats = secure_stats,
                                         .address = secure_address,
                                         .destroy = secure_destroy };

static void sodium_fill(void *context, uint8_t *out, size_t size)
{
    (void)context;
    randombytes_buf(out, size);
}

Status transport_secure_create(Transport inner, const SecureConfig *config, Transport *out_transport)
{
    if (sodium_init() < 0) {
        return STATUS_IO_ERROR;
    }
    SecureTransport *transport = calloc(1, sizeof *transport);
    if (!transport) {
        return STATUS_OUT_OF_MEMORY;
    }
    transport->inner = inner;
    transport->config = *config;
    memcpy(transport->secret, config->secret, sizeof transport->secret);
    transport->config.secret = transport->secret;
    noise_public_key(transport->secret, transport->own);
    if (!config->entropy.fill) {
        transport->config.entropy.fill = sodium_fill;
    }
    if (config->handshake_timeout == 0) {
        transport->config.handshake_timeout = HANDSHAKE_TIMEOUT;
    }
    *out_transport = (Transport){ .ops = &secure_ops, .context = transport };
    return STATUS_OK;
}

Status transport_secure_peer_key(Transport transport, PeerId id, uint8_t out_key[NOISE_KEY_SIZE])
{
    assert(transport.ops == &secure_ops);
    const SecurePeer *peer = find_peer(transport.context, id);
    if (!peer || peer->phase != PEER_OPEN) {
        return STATUS_DISCONNECTED;
    }
    memcpy(out_key, secure_channel_peer_key(peer->channel), NOISE_KEY_SIZE);
    return STATUS_OK;
}

SecureCounters transport_secure_counters(Transport transport)
{
    assert(transport.ops == &secure_ops);
    const SecureTransport *secure = transport.context;
    SecureCounters counters = secure->counters;
    counters.half_open = secure->admission ? admission_half_open(secure->admission) : 0;
    return counters;
}
