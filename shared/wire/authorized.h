/* authorized.h - who may do what: roles by public key, from the text of an authorised-keys file.
 * One key a line: "ROLE KEY NAME", where ROLE is viewer, operator, admin or none (to be refused), KEY is as
 * key_text.h has it and NAME, for the log, is the rest of the line and may be missing. Lines that are empty
 * or begin with # do not count. Pure. */
#ifndef SHARED_WIRE_AUTHORIZED_H
#define SHARED_WIRE_AUTHORIZED_H
#include "shared/base/arena.h"
#include "shared/base/diag.h"
#include "shared/wire/messages.h"
#include "shared/wire/noise.h"

#define AUTHORIZED_MAX 65536u

typedef struct AuthorizedKey {
    uint8_t key[NOISE_KEY_SIZE];
    Role role;
    char name[NAME_SIZE];
} AuthorizedKey;

/* Zeroed: no keys. */
typedef struct AuthorizedKeys {
    AuthorizedKey *keys; /* ascending by key */
    uint32_t count;
} AuthorizedKeys;

/* "viewer"; never NULL. */
const char *role_name(Role role);
/* STATUS_NOT_FOUND: there is no role of that name. */
NODISCARD Status role_parse(const char *name, Role *out_role);

/* STATUS_MALFORMED, STATUS_NOT_FOUND (role), STATUS_DUPLICATE (key), STATUS_CAPACITY, STATUS_OUT_OF_MEMORY,
 * with `diag` naming `path` and the line. The keys live in `arena`. */
NODISCARD Status authorized_parse(Bytes text, const char *path, Arena *arena, AuthorizedKeys *out_keys,
                                  Diag *diag);

/* NULL when `key` is not listed. */
const AuthorizedKey *authorized_find(const AuthorizedKeys *keys, const uint8_t key[NOISE_KEY_SIZE]);

#endif
