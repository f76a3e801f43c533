#include "server/enabler/tokens_file.h"

#include "shared/base/disk_file.h"

#define FILE_MAX ((size_t)1 << 20)

Status tokens_file_load(const char *path, Arena *arena, ServiceTokens *out_tokens, Diag *diag)
{
    Bytes text;
    Status status = disk_read(path, FILE_MAX, arena, &text, diag);
    return status == STATUS_OK ? tokens_parse(text, path, arena, out_tokens, diag) : status;
}
