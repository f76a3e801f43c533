#include "shared/wire/admission.h"

#include <sodium.h>
#include <stdlib.h>

#define BUCKETS       4096u
#define COOKIE_KEY    32u
#define COOKIE_PERIOD (30 * TIME_SECOND)
#define BURST_ALL     16
#define ADDRESS_MAX   128u

typedef struct Bucket {
    TimeNs next; /* when its allowance is full again */
    uint32_t connections, half_open;
} Bucket;

struct Admission {
    AdmissionLimits limits;
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
    uint8_t cookie_key[COOKIE_KEY];
    TimeNs next; /* of all buckets together */
    uint32_t half_open;
    Bucket buckets[BUCKETS];
};

static uint32_t limit_or(uint32_t limit, uint32_t fallback)
{
    return limit != 0 ? limit : fallback;
}

Status admission_create(const AdmissionLimits *limits, const uint8_t seed[ADMISSION_SEED_SIZE],
                        Admission **out_admission)
{
    Admission *admission = calloc(1, sizeof *admission);
    if (!admission) {
        return STATUS_OUT_OF_MEMORY;
    }
    admission->limits = (AdmissionLimits){
        .handshakes_per_second = limit_or(limits->handshakes_per_second, 500),
        .handshakes_per_second_per_address = limit_or(limits->handshakes_per_second_per_address, 50),
        .half_open = limit_or(limits->half_open, 1024),
        .half_open_per_address = limit_or(limits->half_open_per_address, 256),
        .connections_per_address = limit_or(limits->connections_per_address, ADMISSION_UNLIMITED),
    };
    memcpy(admission->cookie_key, seed, sizeof admission->cookie_key);
    memcpy(admission->hash_key, seed + sizeof admission->cookie_key, sizeof admission->hash_key);
    admission->next = INT64_MIN;
    for (size_t i = 0; i < BUCKETS; i++) {
        admission->buckets[i].next = INT64_MIN;
    }
    *out_admission = admission;
    return STATUS_OK;
}

void admission_destroy(Admission *admission)
{
    if (admission) {
        sodium_memzero(admission, sizeof *admission);
        free(admission);
    }
}

uint32_t admission_bucket(const Admission *admission, const char *address)
{
    const char *colon = strrchr(address, ':');
    size_t length = colon ? (size_t)(colon - address) : strlen(address);
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, (const uint8_t *)address, length, admission->hash_key);
    return bytes_load_u32(hash) % BUCKETS;
}

Status admission_enter(Admission *admission, uint32_t bucket)
{
    Bucket *place = &admission->buckets[bucket];
    const AdmissionLimits *limits = &admission->limits;
    if (admission->half_open >= limits->half_open || place->half_open >= limits->half_open_per_address ||
        place->connections >= limits->connections_per_address) {
        return STATUS_CAPACITY;
    }
    admission->half_open++;
    place->half_open++;
    place->connections++;
    return STATUS_OK;
}

void admission_opened(Admission *admission, uint32_t bucket)
{
    admission->half_open--;
    admission->buckets[bucket].half_open--;
}

void admission_leave(Admission *admission, uint32_t bucket, bool half_open)
{
    if (half_open) {
        admission_opened(admission, bucket);
    }
    admission->buckets[bucket].connections--;
}

bool admission_is_full(const Admission *admission)
{
    return admission->half_open >= admission->limits.half_open;
}

uint32_t admission_half_open(const Admission *admission)
{
    return admission->half_open;
}

/* A token bucket kept as one time: when it will be full. `burst` tokens at most. */
static bool may_take(TimeNs next, TimeNs interval, TimeNs burst, TimeNs now)
{
    return next <= now || next - now <= (burst - 1) * interval;
}

static void take(TimeNs *next, TimeNs interval, TimeNs now)
{
    *next = (*next > now ? *next : now) + interval;
}

Status admission_take_handshake(Admission *admission, uint32_t bucket, TimeNs now)
{
    Bucket *place = &admission->buckets[bucket];
    TimeNs all = TIME_SECOND / admission->limits.handshakes_per_second;
    TimeNs own = TIME_SECOND / admission->limits.handshakes_per_second_per_address;
    if (!may_take(admission->next, all, BURST_ALL, now)) {
        return STATUS_EMPTY;
    }
    if (!may_take(place->next, own, admission->limits.handshakes_per_second_per_address, now)) {
        return STATUS_CAPACITY;
    }
    take(&admission->next, all, now);
    take(&place->next, own, now);
    return STATUS_OK;
}

/* ---- cookies ---- */

static void cookie_of(const Admission *admission, const char *address, PeerId peer, int64_t period,
                      uint8_t out_cookie[SECURE_COOKIE_SIZE])
{
    uint8_t input[12 + ADDRESS_MAX];
    size_t length = strlen(address);
    length = length < ADDRESS_MAX ? length : ADDRESS_MAX;
    bytes_store_u64(input, (uint64_t)period);
    bytes_store_u32(input + 8, peer);
    memcpy(input + 12, address, length);
    crypto_generichash_blake2b(out_cookie, SECURE_COOKIE_SIZE, input, 12 + length, admission->cookie_key,
                               sizeof admission->cookie_key);
}

void admission_cookie(const Admission *admission, const char *address, PeerId peer, TimeNs now,
                      uint8_t out_cookie[SECURE_COOKIE_SIZE])
{
    cookie_of(admission, address, peer, now / COOKIE_PERIOD, out_cookie);
}

bool admission_cookie_is_right(const Admission *admission, const char *address, PeerId peer, TimeNs now,
                               const uint8_t cookie[SECURE_COOKIE_SIZE])
{
    for (int64_t age = 0; age < 2; age++) {
        uint8_t wanted[SECURE_COOKIE_SIZE];
        cookie_of(admission, address, peer, now / COOKIE_PERIOD - age, wanted);
        if (sodium_memcmp(wanted, cookie, sizeof wanted) == 0) {
            return true;
        }
    }
    return false;
}
