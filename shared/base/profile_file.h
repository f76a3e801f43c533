/* profile_file.h - a profile from start to file: trace-event JSON, which Perfetto (ui.perfetto.dev) and
 * chrome://tracing open. Used by the mains. */
#ifndef SHARED_BASE_PROFILE_FILE_H
#define SHARED_BASE_PROFILE_FILE_H
#include "shared/base/diag.h"
#include "shared/base/profile.h"

#define PROFILE_FILE_EVENTS ((size_t)1 << 20) /* scopes remembered: 24 MiB */

/* Checks that `path` can be written and starts a profile with the monotonic clock; does nothing when `path`
 * is NULL. STATUS_IO_ERROR, STATUS_OUT_OF_MEMORY with `diag`. */
NODISCARD Status profile_file_start(const char *path, Diag *diag);

/* Stops it and writes what was recorded to `path` as that of `program`; does nothing when `path` is NULL.
 * STATUS_IO_ERROR with `diag`. */
NODISCARD Status profile_file_finish(const char *path, const char *program, Diag *diag);

/* What profile_file_finish writes: the recorded scopes as complete events ("ph": "X") in the order in which
 * they began, outer before inner; times in microseconds from the first. STATUS_IO_ERROR with `diag`. */
NODISCARD Status profile_file_write(const char *path, const char *program, Diag *diag);

#endif
