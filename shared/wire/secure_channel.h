/* secure_channel.h - one peer's end of the secure channel: the handshake, then sealed packets.
 * Pure: time, randomness and bytes are passed in. Layouts and the reasons: shared/PROTOCOL.md, "Secure
 * channel".
 *
 *   responder                                     initiator
 *     CHALLENGE  version, cookie ───────────────▶              nothing is remembered for it
 *     ◀─────────────── INITIATE  cookie, e                     the cookie is checked before any public key
 *     RESPONSE  e, ee, s, es ───────────────────▶              the initiator decides whether it trusts s
 *     ◀─────────────── FINISH  s, se                           the responder decides about s
 *     first reliable packet of channel 0, empty ▶              the initiator knows that it is let in
 */
#ifndef SHARED_WIRE_SECURE_CHANNEL_H
#define SHARED_WIRE_SECURE_CHANNEL_H
#include "shared/wire/sealed_stream.h"

#define SECURE_VERSION        1u
#define SECURE_COOKIE_SIZE    16u
#define SECURE_CHALLENGE_SIZE (2u + SECURE_COOKIE_SIZE)
#define SECURE_INITIATE_SIZE  (1u + SECURE_COOKIE_SIZE + NOISE_KEY_SIZE)
#define SECURE_RESPONSE_SIZE  (1u + 2 * NOISE_KEY_SIZE + 2 * NOISE_TAG_SIZE)
#define SECURE_FINISH_SIZE    (1u + NOISE_KEY_SIZE + 2 * NOISE_TAG_SIZE)
#define SECURE_HANDSHAKE_MAX  128u /* a buffer of this size takes any handshake message */

typedef enum SecureMessage { /* the first byte */
                             SECURE_CHALLENGE = 0x81,
                             SECURE_INITIATE = 0x82,
                             SECURE_RESPONSE = 0x83,
                             SECURE_FINISH = 0x84
} SecureMessage;

typedef enum SecureState {
    SECURE_AWAIT_RESPONSE, /* initiator: INITIATE is written */
    SECURE_DECIDE,         /* initiator: RESPONSE is read, FINISH not yet written */
    SECURE_AWAIT_FINISH,   /* responder: RESPONSE is written */
    SECURE_OPEN            /* both: packets may be sealed and opened */
} SecureState;

typedef struct SecureChannel {
    SecureState state;
    bool initiator;
    bool confirmed; /* initiator: a packet of the responder was opened */
    RekeyRules rules;
    NoiseHandshake handshake;
    SealStream seal[TRANSPORT_CHANNELS][2]; /* by channel and Delivery */
    OpenStream open[TRANSPORT_CHANNELS][2];
} SecureChannel;

/* What both sides know and the handshake binds. */
typedef struct SecureSetup {
    const uint8_t *secret;    /* own static key */
    const uint8_t *own;       /* its public key; NULL: it is computed */
    const uint8_t *ephemeral; /* 32 bytes, random and used once */
    uint32_t connect_data;    /* what the initiator gave transport_connect */
    RekeyRules rules;
} SecureSetup;

/* Writes a CHALLENGE with `cookie`. */
void secure_challenge_write(const uint8_t cookie[SECURE_COOKIE_SIZE], ByteBuffer *out);

/* The cookie of an INITIATE (untrusted), or NULL when it is none. */
const uint8_t *secure_initiate_cookie(Bytes initiate);

/* Initiator: reads a CHALLENGE and writes INITIATE. STATUS_MALFORMED, STATUS_VERSION_MISMATCH. On success
 * `channel` is to be finished. All the `out` of this header take at least SECURE_HANDSHAKE_MAX bytes. */
NODISCARD Status secure_channel_initiate(SecureChannel *channel, const SecureSetup *setup, Bytes challenge,
                                         ByteBuffer *out);

/* Responder: reads an INITIATE whose cookie is right and writes RESPONSE. STATUS_MALFORMED. On success
 * `channel` is to be finished. */
NODISCARD Status secure_channel_respond(SecureChannel *channel, const SecureSetup *setup, Bytes initiate,
                                        ByteBuffer *out);

/* Initiator: reads RESPONSE; then secure_channel_peer_key says whom it comes from, proven. STATUS_MALFORMED,
 * STATUS_NOT_ALLOWED. */
NODISCARD Status secure_channel_read_response(SecureChannel *channel, Bytes response);

/* Initiator, once it trusts the key: writes FINISH and opens. STATUS_NOT_ALLOWED, STATUS_MALFORMED. */
NODISCARD Status secure_channel_write_finish(SecureChannel *channel, ByteBuffer *out);

/* Responder: reads FINISH and opens; then secure_channel_peer_key. STATUS_MALFORMED, STATUS_NOT_ALLOWED. */
NODISCARD Status secure_channel_read_finish(SecureChannel *channel, Bytes finish);

/* The peer's static public key: proven once RESPONSE or FINISH was read. */
const uint8_t *secure_channel_peer_key(const SecureChannel *channel);

/* Seals one packet; then secure_channel_sent when the layer below has taken it (see seal_stream_write).
 * STATUS_NOT_ALLOWED unless open, STATUS_CAPACITY. */
NODISCARD Status secure_channel_seal(const SecureChannel *channel, uint8_t wire_channel, Delivery delivery,
                                     Bytes plain, ByteBuffer *out);
bool secure_channel_sent(SecureChannel *channel, uint8_t wire_channel, Delivery delivery, TimeNs now);

/* Opens one packet (untrusted) that came on `wire_channel`. STATUS_NOT_ALLOWED unless open; STATUS_EMPTY: it
 * was the confirmation and is not for the layer above; else as open_stream_read. *out_delivery (also on
 * failure) is what the packet says it is: when a reliable one cannot be opened, those after it cannot either.
 */
NODISCARD Status secure_channel_open(SecureChannel *channel, TimeNs now, uint8_t wire_channel, Bytes sealed,
                                     ByteBuffer *out, Delivery *out_delivery);

/* Wipes all keys. Safe on a zeroed channel, and twice. */
void secure_channel_finish(SecureChannel *channel);

#endif
