/* transport_secure.h - a transport that seals what passes through another one.
 * Above it nothing changes: CONNECTED comes once the handshake is done, RECEIVED is plaintext that is proven
 * to come from the peer, once. What fails on the way in is dropped and counted, and a connection is given up
 * only when its reliable packets can no longer be opened. Pure; one owner. shared/PROTOCOL.md, "Secure
 * channel". A packet may have at most 1 MiB less SEALED_UNRELIABLE_OVERHEAD bytes. */
#ifndef SHARED_WIRE_TRANSPORT_SECURE_H
#define SHARED_WIRE_TRANSPORT_SECURE_H
#include "shared/wire/admission.h"
#include "shared/wire/secure_channel.h"
#include "shared/wire/transport.h"

/* Whether the owner of a key is let in, asked once the key is proven. */
typedef struct SecureTrust {
    /* `incoming`: the peer came to us, `name` is its address; else `name` is the "host:port" we asked for.
     * Anything but STATUS_OK refuses. NULL: everyone is let in, so nobody is known. */
    Status (*decide)(void *context, bool incoming, const char *name, const uint8_t key[NOISE_KEY_SIZE]);
    void *context;
} SecureTrust;

/* Random bytes that nobody can guess. A NULL function means libsodium's; tests pass a seeded one. */
typedef struct SecureEntropy {
    void (*fill)(void *context, uint8_t *out, size_t size);
    void *context;
} SecureEntropy;

/* Zeros mean defaults, but for the secret. */
typedef struct SecureConfig {
    const uint8_t *secret; /* own static key, NOISE_KEY_SIZE bytes; copied */
    SecureTrust trust;
    SecureEntropy entropy;
    AdmissionLimits limits;   /* for those who come */
    RekeyRules rekey;         /* both sides must have the same grace; the rest is each sender's own affair */
    TimeNs handshake_timeout; /* default 5 s */
} SecureConfig;

typedef struct SecureCounters {
    uint64_t challenged;             /* connections that came and were sent a cookie */
    uint64_t limited;                /* … and were turned away: too many from one address */
    uint64_t displaced;              /* half-open ones that gave way to others */
    uint64_t bad_cookies, malformed; /* handshakes ended for what was sent */
    uint64_t untrusted, timed_out;   /* handshakes ended for the key, or for taking too long */
    uint64_t handshakes;             /* for which public-key work was done */
    uint64_t opened;                 /* handshakes that succeeded */
    uint64_t sealed, unsealed;       /* packets */
    uint64_t rekeys;                 /* keys replaced for what we send */
    uint64_t forged, replayed, late; /* packets dropped: not authentic; seen before; older than the window */
    uint64_t broken;                 /* connections given up for their reliable packets */
    uint32_t half_open, waiting;     /* right now: handshakes begun; of them waiting for their turn */
} SecureCounters;

/* On success `inner` is owned and *out_transport is the caller's to destroy; on failure the caller still owns
 * `inner`. STATUS_OUT_OF_MEMORY, STATUS_IO_ERROR (no randomness). */
NODISCARD Status transport_secure_create(Transport inner, const SecureConfig *config,
                                         Transport *out_transport);

/* The proven static public key of a connected peer. STATUS_DISCONNECTED for others. `transport` must come
 * from transport_secure_create. */
NODISCARD Status transport_secure_peer_key(Transport transport, PeerId peer, uint8_t out_key[NOISE_KEY_SIZE]);

/* As above. */
SecureCounters transport_secure_counters(Transport transport);

#endif
