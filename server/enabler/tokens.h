/* tokens.h - which services from outside may speak under which name: a secret token each, of which only the
 * BLAKE2b-256 hash is kept. One service a line of a tokens file: "NAME HASH [EXPIRES]", where HASH is 64
 * hex digits (printf %s TOKEN | b2sum -l 256) and EXPIRES is in seconds since 1970 (none: never). Lines that
 * are empty or begin with # do not count. Pure; tokens_file.h reads the file. */
#ifndef SERVER_ENABLER_TOKENS_H
#define SERVER_ENABLER_TOKENS_H
#include "shared/base/arena.h"
#include "shared/base/bytes.h"
#include "shared/base/diag.h"
#include "shared/base/time.h"
#include "shared/systems/families.h"

#define TOKEN_HASH_SIZE 32
#define TOKEN_SIZE      256 /* of the secret itself, with the terminator */
#define TOKENS_MAX      4096u

typedef struct ServiceToken {
    char name[SYSTEM_NAME_SIZE];
    uint8_t hash[TOKEN_HASH_SIZE];
    TimeNs expires; /* Unix ns; TIME_FOREVER: never */
} ServiceToken;

/* Zeroed: none. */
typedef struct ServiceTokens {
    const ServiceToken *tokens;
    uint32_t count;
} ServiceTokens;

/* STATUS_MALFORMED, STATUS_CAPACITY, STATUS_OUT_OF_MEMORY, with `diag` naming `path` and the line. The tokens
 * live in `arena`. A name may stand there more than once: an old and a new token are good side by side. */
NODISCARD Status tokens_parse(Bytes text, const char *path, Arena *arena, ServiceTokens *out_tokens,
                              Diag *diag);

/* True when some line is about `name`: then it needs a token. */
bool tokens_name_listed(const ServiceTokens *tokens, const char *name);

/* Whether `token` is good for `name` at `wall`: STATUS_OK, STATUS_NOT_FOUND (another or none of that name),
 * STATUS_TIMED_OUT (it was, until it expired). Takes as long for any token. */
NODISCARD Status tokens_check(const ServiceTokens *tokens, const char *name, const char *token, TimeNs wall);

#endif
