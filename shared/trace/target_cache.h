/* target_cache.h - remembers what the rules of a mapping said about a row's key fields, so that a long file
 * is read at full speed. Holds a bounded number of keys; when it is full it forgets all of them and goes on,
 * so a file in which every key is new costs memory no more than any other. Pure. */
#ifndef SHARED_TRACE_TARGET_CACHE_H
#define SHARED_TRACE_TARGET_CACHE_H
#include "shared/trace/mapping_rules.h"

#define TARGET_CACHE_SLOTS    4096 /* a power of two */
#define TARGET_CACHE_KEYS_MAX 3072
#define TARGET_CACHE_BYTES    ((size_t)256 * 1024) /* of keys */

typedef struct TargetSlot {
    uint64_t hash; /* 0: free */
    uint32_t offset;
    uint32_t size; /* of the key */
    MappingTarget target;
} TargetSlot;

typedef struct TargetCache {
    TargetSlot *slots;
    char *keys;
    size_t key_bytes;
    uint32_t count;
} TargetCache;

/* STATUS_OUT_OF_MEMORY. */
NODISCARD Status target_cache_init(TargetCache *cache, Arena *arena);

/* What was stored for key[0..size), or NULL. `hash` is target_cache_hash of the key. */
const MappingTarget *target_cache_find(const TargetCache *cache, uint64_t hash, const char *key, size_t size);

/* Stores `target` for a key that is not there. May forget every other key. A key larger than all the space
 * is not stored. */
void target_cache_store(TargetCache *cache, uint64_t hash, const char *key, size_t size,
                        const MappingTarget *target);

/* Never 0. Keys are compared whole, so a file made to collide costs time, bounded by the slots, and nothing
 * else. */
uint64_t target_cache_hash(const char *key, size_t size);

#endif
