/* admission.h - who may begin a handshake, and when: cookies, rates and limits by address. Pure; one owner.
 * Addresses are kept as buckets of a keyed hash, so memory is bounded and nobody can aim at somebody else's
 * bucket; two addresses that share one share its limits. */
#ifndef SHARED_WIRE_ADMISSION_H
#define SHARED_WIRE_ADMISSION_H
#include "shared/wire/secure_channel.h"

/* A zero means the default, ADMISSION_UNLIMITED none. */
#define ADMISSION_UNLIMITED UINT32_MAX
typedef struct AdmissionLimits {
    uint32_t handshakes_per_second;             /* of all; default 500, about a tenth of a core */
    uint32_t handshakes_per_second_per_address; /* default 50 */
    uint32_t half_open; /* handshakes begun and not finished; default 1024. For one more, another gives way */
    uint32_t half_open_per_address;   /* default 256 */
    uint32_t connections_per_address; /* finished ones too; default unlimited */
} AdmissionLimits;

typedef struct Admission Admission; /* opaque */

/* `seed` is 64 random bytes. STATUS_OUT_OF_MEMORY. */
#define ADMISSION_SEED_SIZE 64u
NODISCARD Status admission_create(const AdmissionLimits *limits, const uint8_t seed[ADMISSION_SEED_SIZE],
                                  Admission **out_admission);
void admission_destroy(Admission *admission);

/* The bucket of `address` ("host:port"; the port does not count). */
uint32_t admission_bucket(const Admission *admission, const char *address);

/* Someone from `bucket` connects. STATUS_CAPACITY when there are too many; else to be ended by
 * admission_leave, and no longer half-open after admission_opened. */
NODISCARD Status admission_enter(Admission *admission, uint32_t bucket);
void admission_opened(Admission *admission, uint32_t bucket);
void admission_leave(Admission *admission, uint32_t bucket, bool half_open);

/* Whether there are as many half-open handshakes as there may be: one must leave before one more enters. */
bool admission_is_full(const Admission *admission);

/* Handshakes begun and not finished. */
uint32_t admission_half_open(const Admission *admission);

/* Takes the right to one handshake's public-key work now. STATUS_EMPTY: none left for anyone at the moment;
 * STATUS_CAPACITY: none for this bucket. */
NODISCARD Status admission_take_handshake(Admission *admission, uint32_t bucket, TimeNs now);

/* The cookie for a connection: a keyed hash of who it is, valid for 30 to 60 s. Nothing is stored. */
void admission_cookie(const Admission *admission, const char *address, PeerId peer, TimeNs now,
                      uint8_t out_cookie[SECURE_COOKIE_SIZE]);
bool admission_cookie_is_right(const Admission *admission, const char *address, PeerId peer, TimeNs now,
                               const uint8_t cookie[SECURE_COOKIE_SIZE]);

#endif
