/* system_keys.h - which public keys may speak on the bus between processes, as which system: the text of a
 * file with one line a system: "KIND KEY NAME", where KIND is twin, metaverse or service, KEY is as
 * key_text.h has it and NAME a system's name or "*". Lines that are empty or begin with # do not count. Pure.
 */
#ifndef SERVER_SYSTEM_KEYS_H
#define SERVER_SYSTEM_KEYS_H
#include "shared/base/arena.h"
#include "shared/base/diag.h"
#include "shared/systems/families.h"
#include "shared/wire/noise.h"

#define SYSTEM_KEYS_MAX 4096u

typedef struct SystemKey {
    SystemKind kind;
    uint8_t key[NOISE_KEY_SIZE];
    char name[SYSTEM_NAME_SIZE]; /* "*": any */
} SystemKey;

/* Zeroed: none is listed. */
typedef struct SystemKeys {
    SystemKey *keys;
    uint32_t count;
} SystemKeys;

/* STATUS_MALFORMED, STATUS_CAPACITY, STATUS_OUT_OF_MEMORY, with `diag` naming `path` and the line. The keys
 * live in `arena`. */
NODISCARD Status system_keys_parse(Bytes text, const char *path, Arena *arena, SystemKeys *out_keys,
                                   Diag *diag);

/* Whether the owner of `key` may be the system `name`. A name that is listed belongs to the keys it is listed
 * with. Any other name is open to the owner of `own`: systems that one user starts know each other without a
 * file. Gives NULL, or why not. */
const char *system_keys_refuse(const SystemKeys *keys, const uint8_t own[NOISE_KEY_SIZE], SystemKind kind,
                               const char *name, const uint8_t key[NOISE_KEY_SIZE]);

#endif
