#include "shared/trace/target_cache.h"

Status target_cache_init(TargetCache *cache, Arena *arena)
{
    *cache = (TargetCache){
        .slots = arena_new_array(arena, TargetSlot, TARGET_CACHE_SLOTS),
        .keys = arena_alloc(arena, TARGET_CACHE_BYTES, 1),
    };
    return cache->slots && cache->keys ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ (hash >> 29);
}

uint64_t target_cache_hash(const char *key, size_t size)
{
    uint64_t hash = size;
    uint64_t word = 0;
    for (; size >= sizeof word; size -= sizeof word, key += sizeof word) {
        memcpy(&word, key, sizeof word);
        hash = mix(hash, word);
    }
    word = 0;
    memcpy(&word, key, size);
    hash = mix(hash, word);
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

const MappingTarget *target_cache_find(const TargetCache *cache, uint64_t hash, const char *key, size_t size)
{
    for (uint64_t i = hash;; i++) {
        const TargetSlot *slot = &cache->slots[i % TARGET_CACHE_SLOTS];
        if (slot->hash == 0) {
            return NULL;
        }
        if (slot->hash == hash && slot->size == size && memcmp(cache->keys + slot->offset, key, size) == 0) {
            return &slot->target;
        }
    }
}

void target_cache_store(TargetCache *cache, uint64_t hash, const char *key, size_t size,
                        const MappingTarget *target)
{
    if (size > TARGET_CACHE_BYTES) {
        return;
    }
    if (cache->count == TARGET_CACHE_KEYS_MAX || size > TARGET_CACHE_BYTES - cache->key_bytes) {
        memset(cache->slots, 0, TARGET_CACHE_SLOTS * sizeof *cache->slots);
        cache->count = 0;
        cache->key_bytes = 0;
    }
    uint64_t i = hash;
    while (cache->slots[i % TARGET_CACHE_SLOTS].hash != 0) {
        i++;
    }
    memcpy(cache->keys + cache->key_bytes, key, size);
    cache->slots[i % TARGET_CACHE_SLOTS] = (TargetSlot){
        .hash = hash, .offset = (uint32_t)cache->key_bytes, .size = (uint32_t)size, .target = *target
    };
    cache->key_bytes += size;
    cache->count++;
}
