#include "shared/wire/noise.h"

#include <sodium.h>

#define HMAC_BLOCK    128u /* of BLAKE2b */
#define MESSAGES_MAX  3u
#define TOKENS_MAX    4u
#define REKEY_NONCE   UINT64_MAX
#define NONCE_PADDING 4u /* ChaCha20-Poly1305 (RFC 8439) has 96 bits: Noise leaves the first 32 zero */

typedef enum Token { TOKEN_END, TOKEN_E, TOKEN_S, TOKEN_EE, TOKEN_ES, TOKEN_SE, TOKEN_SS } Token;

/* Section 7.5. The initiator sends the first message. */
static const struct {
    const char *protocol;
    bool responder_known; /* "<- s" before the first message */
    uint8_t messages[MESSAGES_MAX][TOKENS_MAX];
} patterns[NOISE_PATTERN_COUNT] = {
    [NOISE_NK] = { "Noise_NK_25519_ChaChaPoly_BLAKE2b",
                   true,
                   { { TOKEN_E, TOKEN_ES }, { TOKEN_E, TOKEN_EE } } },
    [NOISE_IK] = { "Noise_IK_25519_ChaChaPoly_BLAKE2b",
                   true,
                   { { TOKEN_E, TOKEN_ES, TOKEN_S, TOKEN_SS }, { TOKEN_E, TOKEN_EE, TOKEN_SE } } },
    [NOISE_XX] = { "Noise_XX_25519_ChaChaPoly_BLAKE2b",
                   false,
                   { { TOKEN_E }, { TOKEN_E, TOKEN_EE, TOKEN_S, TOKEN_ES }, { TOKEN_S, TOKEN_SE } } },
};

/* ---- hashing ---- */

static void hash_two(Bytes first, Bytes second, uint8_t out[NOISE_HASH_SIZE])
{
    crypto_generichash_blake2b_state state;
    crypto_generichash_blake2b_init(&state, NULL, 0, NOISE_HASH_SIZE);
    crypto_generichash_blake2b_update(&state, first.data, first.size);
    crypto_generichash_blake2b_update(&state, second.data, second.size);
    crypto_generichash_blake2b_final(&state, out, NOISE_HASH_SIZE);
    sodium_memzero(&state, sizeof state);
}

/* HMAC (RFC 2104) over BLAKE2b-512; libsodium's keyed BLAKE2b is something else. The key is a hash. */
static void hmac(const uint8_t key[NOISE_HASH_SIZE], Bytes first, Bytes second, uint8_t out[NOISE_HASH_SIZE])
{
    uint8_t pad[HMAC_BLOCK], inner[NOISE_HASH_SIZE];
    crypto_generichash_blake2b_state state;
    for (size_t i = 0; i < HMAC_BLOCK; i++) {
        pad[i] = (uint8_t)((i < NOISE_HASH_SIZE ? key[i] : 0) ^ 0x36);
    }
    crypto_generichash_blake2b_init(&state, NULL, 0, NOISE_HASH_SIZE);
    crypto_generichash_blake2b_update(&state, pad, sizeof pad);
    crypto_generichash_blake2b_update(&state, first.data, first.size);
    crypto_generichash_blake2b_update(&state, second.data, second.size);
    crypto_generichash_blake2b_final(&state, inner, sizeof inner);
    for (size_t i = 0; i < HMAC_BLOCK; i++) {
        pad[i] ^= 0x36 ^ 0x5C;
    }
    hash_two(bytes_of(pad, sizeof pad), bytes_of(inner, sizeof inner), out);
    sodium_memzero(pad, sizeof pad);
    sodium_memzero(inner, sizeof inner);
    sodium_memzero(&state, sizeof state);
}

/* Section 4.3, with two outputs. `out_first` may be `chain`. */
static void hkdf(const uint8_t chain[NOISE_HASH_SIZE], Bytes input, uint8_t out_first[NOISE_HASH_SIZE],
                 uint8_t out_second[NOISE_HASH_SIZE])
{
    static const uint8_t one = 1, two = 2;
    uint8_t key[NOISE_HASH_SIZE];
    hmac(chain, input, (Bytes){ 0 }, key);
    hmac(key, bytes_of(&one, 1), (Bytes){ 0 }, out_first);
    hmac(key, bytes_of(out_first, NOISE_HASH_SIZE), bytes_of(&two, 1), out_second);
    sodium_memzero(key, sizeof key);
}

static void mix_hash(NoiseHandshake *handshake, Bytes bytes)
{
    hash_two(bytes_of(handshake->hash, NOISE_HASH_SIZE), bytes, handshake->hash);
}

static void mix_key(NoiseHandshake *handshake, Bytes input)
{
    uint8_t key[NOISE_HASH_SIZE];
    hkdf(handshake->chain, input, handshake->chain, key);
    memcpy(handshake->cipher.key, key, NOISE_KEY_SIZE);
    handshake->cipher.nonce = 0;
    handshake->cipher.keyed = true;
    sodium_memzero(key, sizeof key);
}

/* ---- the cipher ---- */

static void store_nonce(uint64_t nonce, uint8_t out[crypto_aead_chacha20poly1305_ietf_NPUBBYTES])
{
    memset(out, 0, NONCE_PADDING);
    bytes_store_u64(out + NONCE_PADDING, nonce);
}

void noise_seal(const uint8_t key[NOISE_KEY_SIZE], uint64_t nonce, Bytes associated, Bytes plain,
                uint8_t *out)
{
    uint8_t npub[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
    store_nonce(nonce, npub);
    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain.data, plain.size, associated.data,
                                              associated.size, NULL, npub, key);
}

Status noise_open(const uint8_t key[NOISE_KEY_SIZE], uint64_t nonce, Bytes associated, Bytes sealed,
                  uint8_t *out)
{
    uint8_t npub[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
    if (sealed.size < NOISE_TAG_SIZE) {
        return STATUS_TRUNCATED;
    }
    store_nonce(nonce, npub);
    int result = crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.data, sealed.size,
                                                           associated.data, associated.size, npub, key);
    return result == 0 ? STATUS_OK : STATUS_MALFORMED;
}

void noise_rekey(uint8_t key[NOISE_KEY_SIZE])
{
    static const uint8_t zeros[NOISE_KEY_SIZE];
    uint8_t sealed[NOISE_KEY_SIZE + NOISE_TAG_SIZE];
    noise_seal(key, REKEY_NONCE, (Bytes){ 0 }, bytes_of(zeros, sizeof zeros), sealed);
    memcpy(key, sealed, NOISE_KEY_SIZE);
    sodium_memzero(sealed, sizeof sealed);
}

/* EncryptAndHash and DecryptAndHash, section 5.2. Returns the bytes written. */
static size_t seal_and_hash(NoiseHandshake *handshake, Bytes plain, uint8_t *out)
{
    NoiseCipher *cipher = &handshake->cipher;
    size_t size = plain.size;
    if (cipher->keyed) {
        noise_seal(cipher->key, cipher->nonce++, bytes_of(handshake->hash, NOISE_HASH_SIZE), plain, out);
        size += NOISE_TAG_SIZE;
    } else if (plain.size > 0) {
        memcpy(out, plain.data, plain.size);
    }
    mix_hash(handshake, bytes_of(out, size));
    return size;
}

static Status open_and_hash(NoiseHandshake *handshake, Bytes sealed, uint8_t *out)
{
    NoiseCipher *cipher = &handshake->cipher;
    Status status = STATUS_OK;
    if (cipher->keyed) {
        status =
            noise_open(cipher->key, cipher->nonce++, bytes_of(handshake->hash, NOISE_HASH_SIZE), sealed, out);
    } else if (sealed.size > 0) {
        memcpy(out, sealed.data, sealed.size);
    }
    mix_hash(handshake, sealed);
    return status;
}

/* ---- handshake ---- */

void noise_public_key(const uint8_t secret[NOISE_KEY_SIZE], uint8_t out_public[NOISE_KEY_SIZE])
{
    crypto_scalarmult_base(out_public, secret);
}

Status noise_init(NoiseHandshake *handshake, const NoiseConfig *config)
{
    bool known = patterns[config->pattern].responder_known;
    bool needs_secret = !config->initiator || config->pattern != NOISE_NK;
    if (!config->ephemeral || (needs_secret && !config->secret) ||
        (known && config->initiator && !config->remote)) {
        return STATUS_INVALID_ARGUMENT;
    }
    *handshake = (NoiseHandshake){ .pattern = config->pattern, .initiator = config->initiator };
    const char *protocol = patterns[config->pattern].protocol;
    memcpy(handshake->hash, protocol, strlen(protocol)); /* shorter than a hash: padded with zeros */
    memcpy(handshake->chain, handshake->hash, NOISE_HASH_SIZE);
    memcpy(handshake->ephemeral, config->ephemeral, NOISE_KEY_SIZE);
    if (config->secret) {
        memcpy(handshake->secret, config->secret, NOISE_KEY_SIZE);
    }
    if (config->secret && config->own) {
        memcpy(handshake->own, config->own, NOISE_KEY_SIZE);
    } else if (config->secret) {
        noise_public_key(handshake->secret, handshake->own);
    }
    mix_hash(handshake, config->prologue);
    if (known && config->initiator) {
        memcpy(handshake->remote, config->remote, NOISE_KEY_SIZE);
        mix_hash(handshake, bytes_of(handshake->remote, NOISE_KEY_SIZE));
    } else if (known) {
        mix_hash(handshake, bytes_of(handshake->own, NOISE_KEY_SIZE));
    }
    return STATUS_OK;
}

void noise_finish(NoiseHandshake *handshake)
{
    sodium_memzero(handshake, sizeof *handshake);
    handshake->failed = true;
}

bool noise_is_done(const NoiseHandshake *handshake)
{
    return !handshake->failed && (handshake->step == MESSAGES_MAX ||
                                  patterns[handshake->pattern].messages[handshake->step][0] == TOKEN_END);
}

/* The tokens of the next message when `writing` is what this side does next, else NULL. */
static const uint8_t *next_tokens(const NoiseHandshake *handshake, bool writing)
{
    bool own_turn = handshake->initiator == (handshake->step % 2 == 0);
    if (handshake->failed || noise_is_done(handshake) || own_turn != writing) {
        return NULL;
    }
    return patterns[handshake->pattern].messages[handshake->step];
}

/* Bytes of the next message beside its payload. */
static size_t overhead_of(const NoiseHandshake *handshake, const uint8_t *tokens)
{
    bool keyed = handshake->cipher.keyed;
    size_t size = 0;
    for (size_t i = 0; i < TOKENS_MAX && tokens[i] != TOKEN_END; i++) {
        if (tokens[i] == TOKEN_E) {
            size += NOISE_KEY_SIZE;
        } else if (tokens[i] == TOKEN_S) {
            size += NOISE_KEY_SIZE + (keyed ? NOISE_TAG_SIZE : 0);
        } else {
            keyed = true;
        }
    }
    return size + (keyed ? NOISE_TAG_SIZE : 0);
}

/* EE, ES, SE or SS: the first letter is the initiator's key, the second the responder's. */
static Status mix_secret(NoiseHandshake *handshake, Token token)
{
    bool initiator_static = token == TOKEN_SE || token == TOKEN_SS;
    bool responder_static = token == TOKEN_ES || token == TOKEN_SS;
    bool own_static = handshake->initiator ? initiator_static : responder_static;
    bool remote_static = handshake->initiator ? responder_static : initiator_static;
    uint8_t shared[NOISE_KEY_SIZE];
    if (crypto_scalarmult(shared, own_static ? handshake->secret : handshake->ephemeral,
                          remote_static ? handshake->remote : handshake->remote_ephemeral) != 0) {
        return STATUS_MALFORMED; /* a point of small order: the secret would be no secret */
    }
    mix_key(handshake, bytes_of(shared, sizeof shared));
    sodium_memzero(shared, sizeof shared);
    return STATUS_OK;
}

Status noise_write(NoiseHandshake *handshake, Bytes payload, ByteBuffer *out)
{
    const uint8_t *tokens = next_tokens(handshake, true);
    if (!tokens) {
        return STATUS_NOT_ALLOWED;
    }
    size_t needed = overhead_of(handshake, tokens);
    if (payload.size > NOISE_MESSAGE_MAX - needed || out->capacity < needed + payload.size) {
        return STATUS_CAPACITY;
    }
    uint8_t *at = out->data;
    for (size_t i = 0; i < TOKENS_MAX && tokens[i] != TOKEN_END; i++) {
        if (tokens[i] == TOKEN_E) {
            noise_public_key(handshake->ephemeral, at);
            mix_hash(handshake, bytes_of(at, NOISE_KEY_SIZE));
            at += NOISE_KEY_SIZE;
        } else if (tokens[i] == TOKEN_S) {
            at += seal_and_hash(handshake, bytes_of(handshake->own, NOISE_KEY_SIZE), at);
        } else if (mix_secret(handshake, tokens[i]) != STATUS_OK) {
            handshake->failed = true;
            return STATUS_MALFORMED;
        }
    }
    at += seal_and_hash(handshake, payload, at);
    out->size = (size_t)(at - out->data);
    handshake->step++;
    return STATUS_OK;
}

static Status read_tokens(NoiseHandshake *handshake, const uint8_t *tokens, Bytes message, ByteBuffer *out)
{
    size_t at = 0;
    Status status = STATUS_OK;
    for (size_t i = 0; i < TOKENS_MAX && tokens[i] != TOKEN_END && status == STATUS_OK; i++) {
        if (tokens[i] == TOKEN_E) {
            memcpy(handshake->remote_ephemeral, message.data + at, NOISE_KEY_SIZE);
            mix_hash(handshake, bytes_of(handshake->remote_ephemeral, NOISE_KEY_SIZE));
            at += NOISE_KEY_SIZE;
        } else if (tokens[i] == TOKEN_S) {
            size_t size = NOISE_KEY_SIZE + (handshake->cipher.keyed ? NOISE_TAG_SIZE : 0);
            status = open_and_hash(handshake, bytes_of(message.data + at, size), handshake->remote);
            at += size;
        } else {
            status = mix_secret(handshake, tokens[i]);
        }
    }
    if (status == STATUS_OK) {
        size_t tag = handshake->cipher.keyed ? NOISE_TAG_SIZE : 0;
        status = open_and_hash(handshake, bytes_of(message.data + at, message.size - at), out->data);
        out->size = message.size - at - tag;
    }
    return status;
}

Status noise_read(NoiseHandshake *handshake, Bytes message, ByteBuffer *out_payload)
{
    const uint8_t *tokens = next_tokens(handshake, false);
    if (!tokens) {
        return STATUS_NOT_ALLOWED;
    }
    size_t needed = overhead_of(handshake, tokens);
    if (message.size < needed) {
        handshake->failed = true;
        return STATUS_TRUNCATED;
    }
    if (out_payload->capacity < message.size - needed) {
        return STATUS_CAPACITY;
    }
    ByteBuffer out = *out_payload;
    Status status = read_tokens(handshake, tokens, message, &out);
    if (status != STATUS_OK) {
        handshake->failed = true;
        return STATUS_MALFORMED;
    }
    *out_payload = out;
    handshake->step++;
    return STATUS_OK;
}

Status noise_split(NoiseHandshake *handshake, NoiseCipher *out_send, NoiseCipher *out_receive)
{
    if (!noise_is_done(handshake)) {
        return STATUS_NOT_ALLOWED;
    }
    uint8_t keys[2][NOISE_HASH_SIZE];
    hkdf(handshake->chain, (Bytes){ 0 }, keys[0], keys[1]);
    *out_send = *out_receive = (NoiseCipher){ .keyed = true };
    memcpy(handshake->initiator ? out_send->key : out_receive->key, keys[0], NOISE_KEY_SIZE);
    memcpy(handshake->initiator ? out_receive->key : out_send->key, keys[1], NOISE_KEY_SIZE);
    sodium_memzero(keys, sizeof keys);
    NoiseHandshake kept = { .failed = true };
    memcpy(kept.hash, handshake->hash, NOISE_HASH_SIZE);
    memcpy(kept.remote, handshake->remote, NOISE_KEY_SIZE);
    noise_finish(handshake);
    *handshake = kept;
    return STATUS_OK;
}
