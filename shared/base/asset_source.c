#include "shared/base/asset_source.h"

bool asset_name_valid(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size >= ASSET_NAME_SIZE || name[0] == '/' || strchr(name, '\\') || strchr(name, ':')) {
        return false;
    }
    for (const char *part = name; part;) {
        const char *slash = strchr(part, '/');
        size_t length = slash ? (size_t)(slash - part) : strlen(part);
        if (length == 0 || (length == 1 && part[0] == '.') ||
            (length == 2 && part[0] == '.' && part[1] == '.')) {
            return false;
        }
        part = slash ? slash + 1 : NULL;
    }
    return true;
}

Status asset_read(AssetSource source, const char *name, size_t max_size, Arena *arena, Bytes *out_bytes,
                  Diag *diag)
{
    if (!asset_name_valid(name)) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, name, 0,
                        "not a valid asset name: use a relative path without '..'");
    }
    return source.ops->read(source.context, name, max_size, arena, out_bytes, diag);
}

static Status memory_read(void *context, const char *name, size_t max_size, Arena *arena, Bytes *out_bytes,
                          Diag *diag)
{
    (void)arena; /* the table's memory outlives the source, so nothing is copied */
    const AssetTable *table = context;
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->entries[i].name, name) != 0) {
            continue;
        }
        if (table->entries[i].bytes.size > max_size) {
            return diag_set(diag, STATUS_OUT_OF_RANGE, name, 0, "%zu bytes, the limit is %zu",
                            table->entries[i].bytes.size, max_size);
        }
        *out_bytes = table->entries[i].bytes;
        return STATUS_OK;
    }
    return diag_set(diag, STATUS_NOT_FOUND, name, 0, "no such file in the package");
}

AssetSource asset_source_memory(const AssetTable *table)
{
    static const AssetSourceOps ops = { .read = memory_read };
    return (AssetSource){ .ops = &ops, .context = (void *)(uintptr_t)table };
}
