#include "shared/base/disk_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

Status disk_read(const char *path, size_t max_size, Arena *arena, Bytes *out_bytes, Diag *diag)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        return diag_set(diag, errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_IO_ERROR, path,
                        0, "cannot open: %s", strerror(errno));
    }
    struct stat info;
    Status status = STATUS_OK;
    if (fstat(fileno(file), &info) != 0 || !S_ISREG(info.st_mode)) {
        status = diag_set(diag, STATUS_IO_ERROR, path, 0, "not a regular file");
        goto close_file;
    }
    size_t size = (size_t)info.st_size;
    if (size > max_size) {
        status = diag_set(diag, STATUS_OUT_OF_RANGE, path, 0, "%zu bytes, the limit is %zu", size, max_size);
        goto close_file;
    }
    uint8_t *data = arena_alloc(arena, size + 1, 16);
    if (!data) {
        status = diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "no memory for %zu bytes", size);
        goto close_file;
    }
    if (fread(data, 1, size, file) != size) {
        status = diag_set(diag, STATUS_IO_ERROR, path, 0, "cannot read: %s",
                          ferror(file) ? strerror(errno) : "it became shorter meanwhile");
        goto close_file;
    }
    *out_bytes = bytes_of(data, size);
close_file:
    fclose(file);
    return status;
}

/* A device or pipe (/dev/null, /dev/stdout) is written to, never replaced by a file. */
static bool is_replaceable(const char *path)
{
    struct stat info;
    return stat(path, &info) != 0 || S_ISREG(info.st_mode);
}

Status disk_write(const char *path, Bytes bytes, Diag *diag)
{
    char temporary[4096];
    bool replace = is_replaceable(path);
    int length = replace ? snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid())
                         : snprintf(temporary, sizeof temporary, "%s", path);
    if (length < 0 || (size_t)length >= sizeof temporary) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, path, 0, "path too long");
    }
    FILE *file = fopen(temporary, "wb");
    if (!file) {
        return diag_set(diag, STATUS_IO_ERROR, path, 0, "cannot create: %s", strerror(errno));
    }
    bool written = bytes.size == 0 || fwrite(bytes.data, 1, bytes.size, file) == bytes.size;
    bool closed = fclose(file) == 0;
    if (!written || !closed || (replace && rename(temporary, path) != 0)) {
        Status status = diag_set(diag, STATUS_IO_ERROR, path, 0, "cannot write: %s", strerror(errno));
        if (replace) {
            unlink(temporary);
        }
        return status;
    }
    return STATUS_OK;
}

Status disk_make_folder(const char *path, Diag *diag)
{
    char partial[4096];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof partial) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, path, 0, "path empty or too long");
    }
    memcpy(partial, path, size + 1);
    for (char *at = partial + 1;; at++) {
        if (*at != '/' && *at != '\0') {
            continue;
        }
        char kept = *at;
        *at = '\0';
        if (mkdir(partial, 0777) != 0 && errno != EEXIST) {
            return diag_set(diag, STATUS_IO_ERROR, partial, 0, "cannot create folder: %s", strerror(errno));
        }
        *at = kept;
        if (kept == '\0') {
            return STATUS_OK;
        }
    }
}

static Status folders_read(void *context, const char *name, size_t max_size, Arena *arena, Bytes *out_bytes,
                           Diag *diag)
{
    const DiskFolders *folders = context;
    for (size_t i = 0; i < ARRAY_COUNT(folders->folders); i++) {
        if (!folders->folders[i]) {
            continue;
        }
        char path[4096];
        int length = snprintf(path, sizeof path, "%s/%s", folders->folders[i], name);
        if (length < 0 || (size_t)length >= sizeof path) {
            return diag_set(diag, STATUS_INVALID_ARGUMENT, name, 0, "path too long");
        }
        Status status = disk_read(path, max_size, arena, out_bytes, diag);
        if (status != STATUS_NOT_FOUND) {
            return status;
        }
    }
    return diag_set(diag, STATUS_NOT_FOUND, name, 0, "file not found in the world's folder%s",
                    folders->folders[1] ? " or the data folder" : "");
}

AssetSource asset_source_folders(const DiskFolders *folders)
{
    static const AssetSourceOps ops = { .read = folders_read };
    return (AssetSource){ .ops = &ops, .context = (void *)(uintptr_t)folders };
}
