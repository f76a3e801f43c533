/* key_file.h - this user's identity: a static key in a file that nobody else can read. */
#ifndef SHARED_WIRE_KEY_FILE_H
#define SHARED_WIRE_KEY_FILE_H
#include "shared/base/diag.h"
#include "shared/wire/noise.h"

/* The path of `name` in the user's folder for this program: $XDG_CONFIG_HOME/dtmv, else ~/.config/dtmv.
 * Creates nothing. STATUS_NOT_FOUND when neither variable names an absolute path, STATUS_CAPACITY. */
NODISCARD Status key_file_user_path(const char *name, char *out, size_t size, Diag *diag);

/* Reads the key at `path`, or makes one: a new file, complete or not there, mode 0600, its folder 0700.
 * STATUS_NOT_ALLOWED: others may read or write it; STATUS_MALFORMED; STATUS_IO_ERROR; with `diag`.
 * *out_created says that the key is new. */
NODISCARD Status key_file_open(const char *path, uint8_t out_secret[NOISE_KEY_SIZE], bool *out_created,
                               Diag *diag);

/* The key in the text of such a file (untrusted); `path` is for `diag`. STATUS_MALFORMED; *out_secret is then
 * of no use. */
NODISCARD Status key_file_parse(Bytes text, const char *path, uint8_t out_secret[NOISE_KEY_SIZE], Diag *diag);

/* What both programs do: with a path key_file_open; with NULL the user's own "identity.key", and where no
 * such file can be had (no home, read-only) a key for this run alone, with a warning in the log. A file that
 * is there and cannot be used is an error in both cases. */
NODISCARD Status key_file_identity(const char *path, uint8_t out_secret[NOISE_KEY_SIZE], Diag *diag);

#endif
