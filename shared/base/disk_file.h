/* disk_file.h - whole files and folders on disk. */
#ifndef SHARED_BASE_DISK_FILE_H
#define SHARED_BASE_DISK_FILE_H
#include "shared/base/asset_source.h"

/* Reads all of `path` (a regular file) into `arena`, plus a terminating 0 that is not counted in the size.
 * STATUS_NOT_FOUND, STATUS_OUT_OF_RANGE (larger than max_size), STATUS_IO_ERROR or STATUS_OUT_OF_MEMORY, with
 * `diag` (may be NULL) naming the path; *out_bytes is then unchanged. */
NODISCARD Status disk_read(const char *path, size_t max_size, Arena *arena, Bytes *out_bytes, Diag *diag);

/* Writes `bytes` to `path` through a temporary file and rename: readers see the old or the new content, never
 * half. */
NODISCARD Status disk_write(const char *path, Bytes bytes, Diag *diag);

/* Creates `path` and its missing parents, mode 0777 less umask. STATUS_IO_ERROR with `diag`. */
NODISCARD Status disk_make_folder(const char *path, Diag *diag);

/* A folder tree as asset source: a name is looked for in each of `folders` in order. Strings are borrowed. */
typedef struct DiskFolders {
    const char *folders[4]; /* NULL entries are skipped */
} DiskFolders;

AssetSource asset_source_folders(const DiskFolders *folders);

#endif
