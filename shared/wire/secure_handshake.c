#include "shared/wire/secure_state.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define WAITING_TRIED 16 /* of those waiting for their turn, looked at in one poll */

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

void secure_begin_handshake(SecureTransport *transport, SecurePeer *peer)
{
    peer->phase = PEER_SHAKING;
    peer->deadline = transport->now + transport->config.handshake_timeout;
    secure_list_append(transport, &transport->half_open, peer);
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

/* Who gives way when there are too many: whoever has been sent a cookie and not answered for the longest
 * time. An honest client answers within a round trip; only if all have answered is it the oldest. */
static void displace(SecureTransport *transport)
{
    TransportEvent unused;
    SecurePeer *peer = transport->half_open.first;
    while (peer && (!peer->incoming || peer->channel || peer->phase != PEER_SHAKING)) {
        peer = peer->half_open.next;
    }
    if (!peer) {
        for (peer = transport->half_open.first; peer && !peer->incoming;) {
            peer = peer->half_open.next;
        }
    }
    if (peer) {
        transport->counters.displaced++;
        (void)secure_peer_give_up(transport, peer, REJECT_FULL, &unused); /* not yet known above */
    }
}

/* Someone has come. It gets a cookie, and only a small record is kept of it. */
void secure_challenge(SecureTransport *transport, const TransportEvent *event)
{
    char address[NAME_MAX_SIZE];
    uint8_t cookie[SECURE_COOKIE_SIZE], bytes[SECURE_HANDSHAKE_MAX];
    ByteBuffer message = { .data = bytes, .capacity = sizeof bytes };
    SecurePeer *peer = NULL;
    address_of(transport, event->peer, address, sizeof address);
    uint32_t bucket = ensure_admission(transport) ? admission_bucket(transport->admission, address) : 0;
    if (transport->admission && admission_is_full(transport->admission)) {
        displace(transport);
    }
    if (!transport->admission || admission_enter(transport->admission, bucket) != STATUS_OK) {
        transport->counters.limited++;
        transport_disconnect(transport->inner, event->peer, REJECT_FULL);
        return;
    }
    peer = secure_peer_remember(transport, event->peer);
    if (!peer) {
        admission_leave(transport->admission, bucket, true);
        transport_disconnect(transport->inner, event->peer, REJECT_FULL);
        return;
    }
    peer->incoming = true;
    peer->bucket = bucket;
    peer->connect_data = event->data;
    secure_begin_handshake(transport, peer);
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
        return secure_peer_give_up(transport, peer, REJECT_HANDSHAKE, out_event);
    }
    address_of(transport, peer->id, address, sizeof address);
    if (!admission_cookie_is_right(transport->admission, address, peer->id, transport->now, cookie)) {
        transport->counters.bad_cookies++;
        return secure_peer_give_up(transport, peer, REJECT_HANDSHAKE, out_event);
    }
    memcpy(peer->initiate, bytes.data, sizeof peer->initiate);
    peer->phase = PEER_WAITING;
    secure_list_append(transport, &transport->waiting, peer);
    transport->counters.waiting++;
    return false;
}

/* Does the public-key work of one that waits. */
static void respond(SecureTransport *transport, SecurePeer *peer)
{
    uint8_t ephemeral[NOISE_KEY_SIZE], bytes[SECURE_HANDSHAKE_MAX];
    ByteBuffer message = { .data = bytes, .capacity = sizeof bytes };
    TransportEvent unused;
    secure_list_remove(transport, &transport->waiting, peer);
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
        (void)secure_peer_give_up(transport, peer, REJECT_HANDSHAKE, &unused);
    }
}

/* Serves the first one that waits and whose address has not used up its share. */
void secure_serve_waiting(SecureTransport *transport)
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
        secure_list_remove(transport, &transport->waiting, peer); /* behind those of other addresses */
        secure_list_append(transport, &transport->waiting, peer);
    }
}

void secure_become_open(SecureTransport *transport, SecurePeer *peer, TransportEvent *out_event)
{
    secure_list_remove(transport, &transport->half_open, peer);
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

/* The last handshake message of one that came. */
static bool take_finish(SecureTransport *transport, SecurePeer *peer, Bytes bytes, TransportEvent *out_event)
{
    if (secure_channel_read_finish(peer->channel, bytes) != STATUS_OK) {
        transport->counters.malformed++;
        return secure_peer_give_up(transport, peer, REJECT_HANDSHAKE, out_event);
    }
    if (!trusts(transport, peer)) {
        transport->counters.untrusted++;
        return secure_peer_give_up(transport, peer, REJECT_IDENTITY, out_event);
    }
    if (secure_send_sealed(transport, peer, 0, DELIVERY_RELIABLE, (Bytes){ 0 }) != STATUS_OK) {
        return secure_peer_give_up(transport, peer, REJECT_HANDSHAKE, out_event);
    }
    secure_become_open(transport, peer, out_event);
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
        return secure_peer_give_up(transport, peer, REJECT_IDENTITY, out_event);
    case STATUS_VERSION_MISMATCH:
        transport->counters.malformed++;
        return secure_peer_give_up(transport, peer, REJECT_VERSION, out_event);
    default:
        transport->counters.malformed++;
        return secure_peer_give_up(transport, peer, REJECT_HANDSHAKE, out_event);
    }
}

bool secure_take_handshake(SecureTransport *transport, SecurePeer *peer, Bytes bytes,
                           TransportEvent *out_event)
{
    if (!peer->incoming) {
        return take_answer(transport, peer, bytes, out_event);
    }
    return peer->channel ? take_finish(transport, peer, bytes, out_event)
                         : take_initiate(transport, peer, bytes, out_event);
}
