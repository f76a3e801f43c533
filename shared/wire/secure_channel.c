#include "shared/wire/secure_channel.h"

#include <assert.h>
#include <sodium.h>

#define PROLOGUE_NAME "dtmv secure channel"
#define STREAM_NAME   "dtmv stream"

typedef enum Direction { TO_RESPONDER, TO_INITIATOR } Direction;

/* ---- handshake ---- */

void secure_challenge_write(const uint8_t cookie[SECURE_COOKIE_SIZE], ByteBuffer *out)
{
    assert(out->capacity >= SECURE_CHALLENGE_SIZE);
    out->data[0] = SECURE_CHALLENGE;
    out->data[1] = SECURE_VERSION;
    memcpy(out->data + 2, cookie, SECURE_COOKIE_SIZE);
    out->size = SECURE_CHALLENGE_SIZE;
}

static bool is_message(Bytes bytes, SecureMessage message, size_t size)
{
    return bytes.size == size && bytes.data[0] == message;
}

const uint8_t *secure_initiate_cookie(Bytes initiate)
{
    return is_message(initiate, SECURE_INITIATE, SECURE_INITIATE_SIZE) ? initiate.data + 1 : NULL;
}

/* What both must agree on before a word is said: the name, the version, the protocol above, the cookie. */
static Status begin(SecureChannel *channel, const SecureSetup *setup, bool initiator, const uint8_t *cookie)
{
    uint8_t prologue[sizeof PROLOGUE_NAME + 4 + SECURE_COOKIE_SIZE];
    memcpy(prologue, PROLOGUE_NAME, sizeof PROLOGUE_NAME);
    prologue[sizeof PROLOGUE_NAME - 1] = SECURE_VERSION;
    bytes_store_u32(prologue + sizeof PROLOGUE_NAME, setup->connect_data);
    memcpy(prologue + sizeof PROLOGUE_NAME + 4, cookie, SECURE_COOKIE_SIZE);
    memset(channel, 0, sizeof *channel);
    channel->rules = setup->rules;
    channel->initiator = initiator;
    NoiseConfig config = { .pattern = NOISE_XX,
                           .initiator = initiator,
                           .prologue = bytes_of(prologue, sizeof prologue),
                           .secret = setup->secret,
                           .own = setup->own,
                           .ephemeral = setup->ephemeral };
    return noise_init(&channel->handshake, &config);
}

static Status write_message(SecureChannel *channel, SecureMessage message, size_t prefix, ByteBuffer *out)
{
    ByteBuffer noise = { .data = out->data + prefix, .capacity = out->capacity - prefix };
    assert(out->capacity >= SECURE_HANDSHAKE_MAX);
    Status status = noise_write(&channel->handshake, (Bytes){ 0 }, &noise);
    if (status == STATUS_OK) {
        out->data[0] = (uint8_t)message;
        out->size = prefix + noise.size;
    }
    return status;
}

static Status read_message(SecureChannel *channel, Bytes bytes, size_t prefix)
{
    uint8_t nothing[1];
    ByteBuffer payload = { .data = nothing };
    return noise_read(&channel->handshake, bytes_of(bytes.data + prefix, bytes.size - prefix), &payload);
}

Status secure_channel_initiate(SecureChannel *channel, const SecureSetup *setup, Bytes challenge,
                               ByteBuffer *out)
{
    if (challenge.size < 2 || challenge.data[0] != SECURE_CHALLENGE) {
        return STATUS_MALFORMED;
    }
    if (challenge.data[1] != SECURE_VERSION) {
        return STATUS_VERSION_MISMATCH;
    }
    if (challenge.size != SECURE_CHALLENGE_SIZE) {
        return STATUS_MALFORMED;
    }
    const uint8_t *cookie = challenge.data + 2;
    Status status = begin(channel, setup, true, cookie);
    if (status == STATUS_OK) {
        memcpy(out->data + 1, cookie, SECURE_COOKIE_SIZE);
        status = write_message(channel, SECURE_INITIATE, 1 + SECURE_COOKIE_SIZE, out);
    }
    if (status != STATUS_OK) {
        secure_channel_finish(channel);
    }
    return status;
}

Status secure_channel_respond(SecureChannel *channel, const SecureSetup *setup, Bytes initiate,
                              ByteBuffer *out)
{
    const uint8_t *cookie = secure_initiate_cookie(initiate);
    if (!cookie) {
        return STATUS_MALFORMED;
    }
    Status status = begin(channel, setup, false, cookie);
    if (status == STATUS_OK) {
        status = read_message(channel, initiate, 1 + SECURE_COOKIE_SIZE);
    }
    if (status == STATUS_OK) {
        status = write_message(channel, SECURE_RESPONSE, 1, out);
    }
    if (status != STATUS_OK) {
        secure_channel_finish(channel);
        return status;
    }
    channel->state = SECURE_AWAIT_FINISH;
    return STATUS_OK;
}

Status secure_channel_read_response(SecureChannel *channel, Bytes response)
{
    if (channel->state != SECURE_AWAIT_RESPONSE) {
        return STATUS_NOT_ALLOWED;
    }
    if (!is_message(response, SECURE_RESPONSE, SECURE_RESPONSE_SIZE)) {
        return STATUS_MALFORMED;
    }
    Status status = read_message(channel, response, 1);
    if (status == STATUS_OK) {
        channel->state = SECURE_DECIDE;
    }
    return status;
}

/* ---- the keys of the streams ---- */

/* BLAKE2b-256, keyed with the direction's key of the handshake, of the stream's name, channel and delivery.
 */
static void stream_key(const NoiseCipher *cipher, uint8_t wire_channel, Delivery delivery, uint8_t *out)
{
    uint8_t name[sizeof STREAM_NAME - 1 + 2];
    memcpy(name, STREAM_NAME, sizeof STREAM_NAME - 1);
    name[sizeof name - 2] = wire_channel;
    name[sizeof name - 1] = delivery == DELIVERY_RELIABLE;
    crypto_generichash_blake2b(out, NOISE_KEY_SIZE, name, sizeof name, cipher->key, sizeof cipher->key);
}

static Status open_up(SecureChannel *channel)
{
    NoiseCipher send, receive;
    uint8_t key[NOISE_KEY_SIZE];
    Status status = noise_split(&channel->handshake, &send, &receive);
    if (status != STATUS_OK) {
        return status;
    }
    for (uint8_t i = 0; i < TRANSPORT_CHANNELS; i++) {
        for (int j = 0; j < 2; j++) {
            Delivery delivery = (Delivery)j;
            stream_key(&send, i, delivery, key);
            seal_stream_init(&channel->seal[i][j], key, i, delivery, &channel->rules);
            stream_key(&receive, i, delivery, key);
            open_stream_init(&channel->open[i][j], key, i, delivery, &channel->rules);
        }
    }
    sodium_memzero(key, sizeof key);
    sodium_memzero(&send, sizeof send);
    sodium_memzero(&receive, sizeof receive);
    channel->state = SECURE_OPEN;
    return STATUS_OK;
}

Status secure_channel_write_finish(SecureChannel *channel, ByteBuffer *out)
{
    if (channel->state != SECURE_DECIDE) {
        return STATUS_NOT_ALLOWED;
    }
    Status status = write_message(channel, SECURE_FINISH, 1, out);
    return status == STATUS_OK ? open_up(channel) : status;
}

Status secure_channel_read_finish(SecureChannel *channel, Bytes finish)
{
    if (channel->state != SECURE_AWAIT_FINISH) {
        return STATUS_NOT_ALLOWED;
    }
    if (!is_message(finish, SECURE_FINISH, SECURE_FINISH_SIZE)) {
        return STATUS_MALFORMED;
    }
    Status status = read_message(channel, finish, 1);
    if (status != STATUS_OK) {
        return status;
    }
    channel->confirmed = true; /* FINISH could only be written by someone who has read RESPONSE */
    return open_up(channel);
}

const uint8_t *secure_channel_peer_key(const SecureChannel *channel)
{
    return channel->handshake.remote;
}

/* ---- packets ---- */

Status secure_channel_seal(const SecureChannel *channel, uint8_t wire_channel, Delivery delivery, Bytes plain,
                           ByteBuffer *out)
{
    assert(wire_channel < TRANSPORT_CHANNELS);
    if (channel->state != SECURE_OPEN) {
        return STATUS_NOT_ALLOWED;
    }
    return seal_stream_write(&channel->seal[wire_channel][delivery], plain, out);
}

bool secure_channel_sent(SecureChannel *channel, uint8_t wire_channel, Delivery delivery, TimeNs now)
{
    return seal_stream_sent(&channel->seal[wire_channel][delivery], now);
}

Status secure_channel_open(SecureChannel *channel, TimeNs now, uint8_t wire_channel, Bytes sealed,
                           ByteBuffer *out, Delivery *out_delivery)
{
    *out_delivery = sealed.size > 0 ? sealed_delivery(sealed.data[0]) : DELIVERY_UNRELIABLE;
    if (channel->state != SECURE_OPEN) {
        return STATUS_NOT_ALLOWED;
    }
    if (wire_channel >= TRANSPORT_CHANNELS) {
        return STATUS_MALFORMED;
    }
    OpenStream *stream = &channel->open[wire_channel][*out_delivery];
    bool first = stream->expected == 0;
    Status status = open_stream_read(stream, now, sealed, out);
    if (status != STATUS_OK) {
        return status;
    }
    channel->confirmed = true;
    bool confirmation =
        channel->initiator && first && wire_channel == 0 && *out_delivery == DELIVERY_RELIABLE;
    return confirmation ? (out->size == 0 ? STATUS_EMPTY : STATUS_MALFORMED) : STATUS_OK;
}

void secure_channel_finish(SecureChannel *channel)
{
    sodium_memzero(channel, sizeof *channel);
}
