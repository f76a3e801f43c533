/* noise.h - the Noise protocol framework, revision 34 (noiseprotocol.org/noise.html), with 25519, ChaChaPoly
 * and BLAKE2b: handshakes and the cipher they end in. Pure: randomness is passed in. Caller storage. The
 * program uses XX only; NK and IK are here because the published vectors cover all three. */
#ifndef SHARED_WIRE_NOISE_H
#define SHARED_WIRE_NOISE_H
#include "shared/base/bytes.h"
#include "shared/base/status.h"

#define NOISE_KEY_SIZE    32u
#define NOISE_HASH_SIZE   64u
#define NOISE_TAG_SIZE    16u
#define NOISE_MESSAGE_MAX 65535u
#define NOISE_OVERHEAD_MAX \
    (2 * NOISE_KEY_SIZE + 2 * NOISE_TAG_SIZE) /* of a handshake message over its payload */

typedef enum NoisePattern { NOISE_NK, NOISE_IK, NOISE_XX, NOISE_PATTERN_COUNT } NoisePattern;

/* A key with the nonce of the next message. */
typedef struct NoiseCipher {
    uint8_t key[NOISE_KEY_SIZE];
    uint64_t nonce;
    bool keyed;
} NoiseCipher;

typedef struct NoiseConfig {
    NoisePattern pattern;
    bool initiator;
    Bytes prologue;           /* both sides must have the same; copied into the hash */
    const uint8_t *secret;    /* own static key; NULL where the pattern needs none */
    const uint8_t *own;       /* its public key, when it is known already; NULL: it is computed */
    const uint8_t *remote;    /* the responder's public key, for an initiator whose pattern needs it */
    const uint8_t *ephemeral; /* secret: 32 bytes, random and never used before. Fixed only to test vectors */
} NoiseConfig;

/* Keys are wiped by noise_split and noise_finish. */
typedef struct NoiseHandshake {
    NoisePattern pattern;
    bool initiator, failed;
    uint8_t step; /* messages written and read so far */
    uint8_t hash[NOISE_HASH_SIZE], chain[NOISE_HASH_SIZE];
    NoiseCipher cipher;
    uint8_t secret[NOISE_KEY_SIZE], ephemeral[NOISE_KEY_SIZE];
    uint8_t own[NOISE_KEY_SIZE]; /* public key of `secret` */
    uint8_t remote[NOISE_KEY_SIZE], remote_ephemeral[NOISE_KEY_SIZE];
} NoiseHandshake;

/* The public key of `secret`. */
void noise_public_key(const uint8_t secret[NOISE_KEY_SIZE], uint8_t out_public[NOISE_KEY_SIZE]);

/* STATUS_INVALID_ARGUMENT when a key that the pattern needs is missing. */
NODISCARD Status noise_init(NoiseHandshake *handshake, const NoiseConfig *config);

/* Forgets everything. Safe on a zeroed handshake, and twice. */
void noise_finish(NoiseHandshake *handshake);

/* The next message from this side, carrying `payload`. STATUS_NOT_ALLOWED when it is not this side's turn or
 * the handshake has failed, STATUS_CAPACITY when `out` is too small (nothing has changed then),
 * STATUS_MALFORMED when the peer's key is a weak one. */
NODISCARD Status noise_write(NoiseHandshake *handshake, Bytes payload, ByteBuffer *out);

/* Reads the peer's next message (untrusted). STATUS_NOT_ALLOWED as above, STATUS_TRUNCATED,
 * STATUS_CAPACITY, STATUS_MALFORMED (it cannot be authentic). After TRUNCATED or MALFORMED the handshake has
 * failed for good. */
NODISCARD Status noise_read(NoiseHandshake *handshake, Bytes message, ByteBuffer *out_payload);

/* True when all messages have passed; then noise_split. */
bool noise_is_done(const NoiseHandshake *handshake);

/* The ciphers for the traffic after the handshake, which is wiped but for its hash (a name of this session,
 * the same on both sides) and the peer's public key. STATUS_NOT_ALLOWED when it is not done. */
NODISCARD Status noise_split(NoiseHandshake *handshake, NoiseCipher *out_send, NoiseCipher *out_receive);

/* AEAD with an explicit nonce (below 2^64 - 1, which is for noise_rekey). `out` has room for plain.size +
 * NOISE_TAG_SIZE and may not overlap. */
void noise_seal(const uint8_t key[NOISE_KEY_SIZE], uint64_t nonce, Bytes associated, Bytes plain,
                uint8_t *out);

/* STATUS_TRUNCATED, STATUS_MALFORMED: not authentic. `out` has room for sealed.size - NOISE_TAG_SIZE; its
 * content is undefined on failure. */
NODISCARD Status noise_open(const uint8_t key[NOISE_KEY_SIZE], uint64_t nonce, Bytes associated, Bytes sealed,
                            uint8_t *out);

/* Replaces a key by the next one (section 4.2, REKEY): the old one cannot be computed from it. */
void noise_rekey(uint8_t key[NOISE_KEY_SIZE]);

#endif
