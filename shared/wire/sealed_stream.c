#include "shared/wire/sealed_stream.h"

#include <sodium.h>

#define RELIABLE_BIT    0x80u
#define PHASE_BIT       0x40u
#define COUNTER_BITS    14u
#define COUNTER_MASK    ((1u << COUNTER_BITS) - 1)
#define HEADER_MAX      2u
#define DEFAULT_PACKETS (UINT64_C(1) << 20)
#define DEFAULT_AGE     (2 * TIME_MINUTE)
#define DEFAULT_GRACE   (5 * TIME_SECOND)

/* A key that has sealed fewer packets is not replaced for its age: should all of a key's packets be lost, the
 * receiver would meet the one after the next and not know it. */
#define AGE_PACKETS_MIN 256u

static RekeyRules complete(const RekeyRules *rules)
{
    RekeyRules result = rules ? *rules : (RekeyRules){ 0 };
    result.packets = result.packets ? result.packets : DEFAULT_PACKETS;
    result.age = result.age ? result.age : DEFAULT_AGE;
    result.grace = result.grace ? result.grace : DEFAULT_GRACE;
    return result;
}

void seal_stream_init(SealStream *stream, const uint8_t key[NOISE_KEY_SIZE], uint8_t channel,
                      Delivery delivery, const RekeyRules *rules)
{
    *stream = (SealStream){
        .channel = channel, .delivery = delivery, .rules = complete(rules), .key_since = TIME_NONE
    };
    memcpy(stream->key, key, NOISE_KEY_SIZE);
}

void open_stream_init(OpenStream *stream, const uint8_t key[NOISE_KEY_SIZE], uint8_t channel,
                      Delivery delivery, const RekeyRules *rules)
{
    *stream = (OpenStream){
        .channel = channel, .delivery = delivery, .rules = complete(rules), .previous_until = TIME_NONE
    };
    memcpy(stream->current, key, NOISE_KEY_SIZE);
    memcpy(stream->next, key, NOISE_KEY_SIZE);
    noise_rekey(stream->next);
}

/* ---- sealing ---- */

/* What is authenticated beside the packet: the channel, then the header as it is on the wire. */
static Bytes associated_of(uint8_t channel, const uint8_t *header, size_t size, uint8_t out[1 + HEADER_MAX])
{
    out[0] = channel;
    memcpy(out + 1, header, size);
    return bytes_of(out, 1 + size);
}

Status seal_stream_write(const SealStream *stream, Bytes plain, ByteBuffer *out)
{
    size_t overhead = sealed_overhead(stream->delivery), header = overhead - NOISE_TAG_SIZE;
    uint8_t associated[1 + HEADER_MAX];
    if (out->capacity < overhead || plain.size > out->capacity - overhead) {
        return STATUS_CAPACITY;
    }
    uint32_t low = (uint32_t)(stream->counter & COUNTER_MASK);
    uint8_t phase = stream->phase ? PHASE_BIT : 0;
    if (stream->delivery == DELIVERY_RELIABLE) {
        out->data[0] = (uint8_t)(RELIABLE_BIT | phase);
    } else {
        out->data[0] = (uint8_t)(phase | low >> 8);
        out->data[1] = (uint8_t)low;
    }
    noise_seal(stream->key, stream->counter, associated_of(stream->channel, out->data, header, associated),
               plain, out->data + header);
    out->size = overhead + plain.size;
    return STATUS_OK;
}

bool seal_stream_sent(SealStream *stream, TimeNs now)
{
    const RekeyRules *rules = &stream->rules;
    if (stream->key_since == TIME_NONE) {
        stream->key_since = now;
    }
    stream->counter++;
    uint64_t packets = stream->counter - stream->key_first;
    TimeNs age = now - stream->key_since;
    /* Two keys with the same phase bit must never be on the way together; reliable packets are in order. */
    bool settled = stream->delivery == DELIVERY_RELIABLE || age >= 2 * rules->grace;
    if (!settled || (packets < rules->packets && (age < rules->age || packets < AGE_PACKETS_MIN))) {
        return false;
    }
    noise_rekey(stream->key);
    stream->phase = !stream->phase;
    stream->key_first = stream->counter;
    stream->key_since = TIME_NONE;
    return true;
}

/* ---- opening ---- */

/* The counter with these low bits that is closest to the expected one. */
static uint64_t guess_counter(uint64_t expected, uint32_t low)
{
    uint64_t guess = (expected & ~(uint64_t)COUNTER_MASK) | low;
    if (guess + SEALED_GUESS_RANGE < expected) {
        return guess + COUNTER_MASK + 1;
    }
    return guess >= expected + SEALED_GUESS_RANGE && guess > COUNTER_MASK ? guess - COUNTER_MASK - 1 : guess;
}

static uint64_t *seen_word(OpenStream *stream, uint64_t counter)
{
    return &stream->seen[counter % SEALED_REPLAY_WINDOW / 64];
}

static Status check_replay(OpenStream *stream, uint64_t counter)
{
    if (counter >= stream->expected) {
        return STATUS_OK;
    }
    if (stream->expected - counter > SEALED_REPLAY_WINDOW) {
        return STATUS_OUT_OF_RANGE;
    }
    return (*seen_word(stream, counter) >> counter % 64 & 1) != 0 ? STATUS_DUPLICATE : STATUS_OK;
}

static void mark_seen(OpenStream *stream, uint64_t counter)
{
    if (counter >= stream->expected + SEALED_REPLAY_WINDOW) {
        memset(stream->seen, 0, sizeof stream->seen);
        stream->expected = counter + 1;
    }
    for (; stream->expected <= counter; stream->expected++) {
        *seen_word(stream, stream->expected) &= ~(UINT64_C(1) << stream->expected % 64);
    }
    *seen_word(stream, counter) |= UINT64_C(1) << counter % 64;
}

/* The sender uses the next key from now on. */
static void advance_key(OpenStream *stream, TimeNs now)
{
    if (stream->delivery == DELIVERY_UNRELIABLE) {
        memcpy(stream->previous, stream->current, NOISE_KEY_SIZE);
        stream->previous_until = now + stream->rules.grace;
    }
    memcpy(stream->current, stream->next, NOISE_KEY_SIZE);
    noise_rekey(stream->next);
    stream->phase = !stream->phase;
}

static void drop_previous(OpenStream *stream, TimeNs now)
{
    if (stream->previous_until != TIME_NONE && now > stream->previous_until) {
        sodium_memzero(stream->previous, sizeof stream->previous);
        stream->previous_until = TIME_NONE;
    }
}

static Status open_with_keys(OpenStream *stream, TimeNs now, bool phase, uint64_t counter, Bytes associated,
                             Bytes body, uint8_t *out)
{
    if (phase == stream->phase) {
        return noise_open(stream->current, counter, associated, body, out);
    }
    drop_previous(stream, now);
    if (stream->previous_until != TIME_NONE &&
        noise_open(stream->previous, counter, associated, body, out) == STATUS_OK) {
        return STATUS_OK;
    }
    Status status = noise_open(stream->next, counter, associated, body, out);
    if (status == STATUS_OK) {
        advance_key(stream, now);
    }
    return status;
}

Status open_stream_read(OpenStream *stream, TimeNs now, Bytes sealed, ByteBuffer *out)
{
    bool reliable = stream->delivery == DELIVERY_RELIABLE;
    size_t overhead = sealed_overhead(stream->delivery), header = overhead - NOISE_TAG_SIZE;
    uint8_t associated[1 + HEADER_MAX];
    if (sealed.size < overhead) {
        return STATUS_TRUNCATED;
    }
    if (sealed.size - overhead > out->capacity) {
        return STATUS_CAPACITY;
    }
    uint8_t first = sealed.data[0];
    if (sealed_delivery(first) != stream->delivery ||
        (reliable && (first & ~(RELIABLE_BIT | PHASE_BIT)) != 0)) {
        return STATUS_MALFORMED;
    }
    uint64_t counter = stream->expected;
    if (!reliable) {
        counter = guess_counter(stream->expected, (uint32_t)((first & 0x3Fu) << 8 | sealed.data[1]));
        Status status = check_replay(stream, counter);
        if (status != STATUS_OK) {
            return status;
        }
    }
    Status status = open_with_keys(stream, now, (first & PHASE_BIT) != 0, counter,
                                   associated_of(stream->channel, sealed.data, header, associated),
                                   bytes_of(sealed.data + header, sealed.size - header), out->data);
    if (status != STATUS_OK) {
        return status;
    }
    if (reliable) {
        stream->expected++;
    } else {
        mark_seen(stream, counter);
    }
    out->size = sealed.size - overhead;
    return STATUS_OK;
}
