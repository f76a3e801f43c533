/* known_hosts.h - the servers met so far and the key each showed: "HOST:PORT KEY" a line, # begins a comment.
 * Pure.
 */
#ifndef SHARED_WIRE_KNOWN_HOSTS_H
#define SHARED_WIRE_KNOWN_HOSTS_H
#include "shared/base/diag.h"
#include "shared/wire/noise.h"

#define KNOWN_HOST_SIZE 300u /* of "HOST:PORT" with the terminator */

/* The key of `host` in the text of a file; the first line that names it counts. STATUS_NOT_FOUND; or
 * STATUS_MALFORMED with `diag` for a line that cannot be understood: it might be the one that matters. */
NODISCARD Status known_hosts_find(Bytes text, const char *path, const char *host,
                                  uint8_t out_key[NOISE_KEY_SIZE], unsigned *out_line, Diag *diag);

#endif
