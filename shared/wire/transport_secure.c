#include "shared/wire/secure_state.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define PACKET_MAX        ((size_t)1 << 20)
#define HANDSHAKE_TIMEOUT (5 * TIME_SECOND)
#define SWALLOWED_MAX     1024 /* events of others that one poll takes before it lets its caller go on */
#define BROKEN_AFTER      8u   /* reliable packets of one channel that fail in a row */

/* ---- packets ---- */

/* Makes room for `size` bytes; false when there is no memory. */
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

Status secure_send_sealed(SecureTransport *transport, SecurePeer *peer, uint8_t channel, Delivery delivery,
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
        return secure_peer_give_up(transport, peer, REJECT_HANDSHAKE, out_event);
    }
    *failures = delivery == DELIVERY_RELIABLE ? 0 : *failures;
    transport->counters.unsealed++;
    TransportEvent received = *event;
    received.bytes = bytes_of(transport->open.data, transport->open.size);
    if (peer->phase == PEER_CONFIRMING) {
        if (status == STATUS_OK) {
            transport->held = received;
        }
        secure_become_open(transport, peer, out_event);
        return true;
    }
    *out_event = received;
    return status == STATUS_OK;
}

static bool take_received(SecureTransport *transport, const TransportEvent *event, TransportEvent *out_event)
{
    SecurePeer *peer = secure_peer_find(transport, event->peer);
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
    return secure_take_handshake(transport, peer, event->bytes, out_event);
}

/* Turns an event of the layer below into one of ours; false when the layer above need not know. */
static bool translate(SecureTransport *transport, const TransportEvent *event, TransportEvent *out_event)
{
    SecurePeer *peer = secure_peer_find(transport, event->peer);
    switch (event->type) {
    case TRANSPORT_CONNECTED:
        if (peer && peer->phase == PEER_DIALLING) {
            secure_begin_handshake(transport, peer);
        } else {
            secure_challenge(transport, event);
        }
        return false;
    case TRANSPORT_DISCONNECTED:
        if (!peer) {
            return false;
        }
        bool known = !peer->incoming || peer->phase == PEER_OPEN;
        secure_peer_forget(transport, peer);
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
        if (secure_peer_give_up(transport, transport->half_open.first, REJECT_TIMEOUT, out_event)) {
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
    SecurePeer *peer = secure_peer_remember(transport, id);
    char *name = malloc(NAME_MAX_SIZE);
    if (!peer || !name) {
        free(name);
        if (peer) {
            secure_peer_forget(transport, peer);
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
    SecurePeer *peer = secure_peer_find(transport, id);
    if (!peer || peer->phase != PEER_OPEN) {
        return STATUS_DISCONNECTED;
    }
    if (channel >= TRANSPORT_CHANNELS || bytes.size > PACKET_MAX - SEALED_UNRELIABLE_OVERHEAD) {
        return STATUS_CAPACITY;
    }
    return secure_send_sealed(transport, peer, channel, delivery, bytes);
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
    secure_serve_waiting(transport);
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

static int secure_wake_fd(const void *context)
{
    const SecureTransport *transport = context;
    return transport_wake_fd(transport->inner);
}

static void secure_disconnect(void *context, PeerId id, uint32_t reason)
{
    SecureTransport *transport = context;
    SecurePeer *peer = secure_peer_find(transport, id);
    if (peer) {
        secure_peer_forget(transport, peer);
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
            secure_peer_forget(transport, transport->peers[i]);
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
                                         .wake_fd = secure_wake_fd,
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
    const SecurePeer *peer = secure_peer_find(transport.context, id);
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
