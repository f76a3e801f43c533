/* sealed_stream.h - packets of one channel, direction and delivery, sealed under a key chain of their own.
 * Pure; time is passed in; caller storage. Both ends begin with the same key. Every packet has a 64-bit
 * counter, which is the nonce and never repeats; after a number of packets or a time the key is replaced by
 * its successor (noise_rekey) while the counter goes on. What is on the wire beside the ciphertext:
 *
 *   reliable    ┌─1─┬─phase─┬─000000─┐            the counter is implied: packets arrive once and in order
 *   unreliable  ┌─0─┬─phase─┬─counter, low 14 bits, upper 6 first─┐   the rest is guessed from the newest
 *
 * and the 16-byte tag. `phase` is the lowest bit of the key's number. The channel and these bytes are
 * authenticated with the packet. */
#ifndef SHARED_WIRE_SEALED_STREAM_H
#define SHARED_WIRE_SEALED_STREAM_H
#include "shared/base/bytes.h"
#include "shared/base/time.h"
#include "shared/wire/noise.h"
#include "shared/wire/transport.h"

#define SEALED_RELIABLE_OVERHEAD   (1u + NOISE_TAG_SIZE)
#define SEALED_UNRELIABLE_OVERHEAD (2u + NOISE_TAG_SIZE)
#define SEALED_REPLAY_WINDOW       2048u /* packets; older ones are dropped unread */
#define SEALED_GUESS_RANGE         8192u /* more packets lost in a row than this lose the stream */

/* When a key is replaced. A zero means the default. */
typedef struct RekeyRules {
    uint64_t packets; /* after so many packets; default 2^20 */
    TimeNs age;       /* or after this time, once 256 packets have gone; default 2 minutes */
    TimeNs grace;     /* how long the receiver keeps the old key for what is on the way; default 5 s */
} RekeyRules;

typedef struct SealStream {
    uint8_t key[NOISE_KEY_SIZE];
    uint8_t channel;
    Delivery delivery;
    bool phase;
    RekeyRules rules;
    uint64_t counter;   /* of the next packet */
    uint64_t key_first; /* counter of the key's first packet */
    TimeNs key_since;   /* when that was sent */
} SealStream;

typedef struct OpenStream {
    uint8_t previous[NOISE_KEY_SIZE], current[NOISE_KEY_SIZE], next[NOISE_KEY_SIZE];
    uint8_t channel;
    Delivery delivery;
    bool phase;            /* of `current` */
    TimeNs previous_until; /* TIME_NONE: there is no previous key */
    RekeyRules rules;
    uint64_t expected; /* the counter after the newest one opened */
    uint64_t seen[SEALED_REPLAY_WINDOW / 64];
} OpenStream;

void seal_stream_init(SealStream *stream, const uint8_t key[NOISE_KEY_SIZE], uint8_t channel,
                      Delivery delivery, const RekeyRules *rules);
void open_stream_init(OpenStream *stream, const uint8_t key[NOISE_KEY_SIZE], uint8_t channel,
                      Delivery delivery, const RekeyRules *rules);

/* Bytes that sealing adds. */
static inline size_t sealed_overhead(Delivery delivery)
{
    return delivery == DELIVERY_RELIABLE ? SEALED_RELIABLE_OVERHEAD : SEALED_UNRELIABLE_OVERHEAD;
}

/* Seals the stream's next packet; `out` may not overlap `plain`. STATUS_CAPACITY when it does not fit. The
 * packet counts only once seal_stream_sent was called; without it the same counter is used again, so bytes
 * that were not counted must never leave this machine. */
NODISCARD Status seal_stream_write(const SealStream *stream, Bytes plain, ByteBuffer *out);
/* True when the next packet has a new key. */
bool seal_stream_sent(SealStream *stream, TimeNs now);

/* Opens a packet (untrusted) of the stream. STATUS_TRUNCATED; STATUS_MALFORMED (not authentic);
 * STATUS_DUPLICATE (opened before); STATUS_OUT_OF_RANGE (older than the window); STATUS_CAPACITY. On failure
 * the stream is unchanged and the content of `out` undefined. */
NODISCARD Status open_stream_read(OpenStream *stream, TimeNs now, Bytes sealed, ByteBuffer *out);

/* Whether a packet's first byte says that it belongs to a stream of reliable packets. */
static inline Delivery sealed_delivery(uint8_t first)
{
    return (first & 0x80) != 0 ? DELIVERY_RELIABLE : DELIVERY_UNRELIABLE;
}

#endif
