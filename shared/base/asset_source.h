/* asset_source.h - where a loader gets named files from: a folder, a package received over the network, a
 * test's memory. Names are relative paths with '/' ("models/pump.glb"); absolute names, "..", empty parts,
 * '\' and NUL are refused by every implementation through asset_name_valid. */
#ifndef SHARED_BASE_ASSET_SOURCE_H
#define SHARED_BASE_ASSET_SOURCE_H
#include "shared/base/arena.h"
#include "shared/base/bytes.h"
#include "shared/base/diag.h"

#define ASSET_NAME_SIZE 256 /* with the terminator */

typedef struct AssetSourceOps {
    /* Reads all of `name` into memory of `arena`. STATUS_NOT_FOUND when there is none, STATUS_OUT_OF_RANGE
     * when larger than `max_size` bytes, STATUS_INVALID_ARGUMENT for an invalid name, STATUS_IO_ERROR,
     * STATUS_OUT_OF_MEMORY; `diag` (may be NULL) then says which file. On failure *out_bytes is unchanged. */
    Status (*read)(void *context, const char *name, size_t max_size, Arena *arena, Bytes *out_bytes,
                   Diag *diag);
} AssetSourceOps;

typedef struct AssetSource {
    const AssetSourceOps *ops;
    void *context; /* borrowed; outlives the source */
} AssetSource;

bool asset_name_valid(const char *name);

NODISCARD Status asset_read(AssetSource source, const char *name, size_t max_size, Arena *arena,
                            Bytes *out_bytes, Diag *diag);

/* Files held in memory, for packages and tests. The table and its contents are borrowed. */
typedef struct AssetEntry {
    const char *name;
    Bytes bytes;
} AssetEntry;

typedef struct AssetTable {
    const AssetEntry *entries;
    size_t count;
} AssetTable;

AssetSource asset_source_memory(const AssetTable *table);

#endif
