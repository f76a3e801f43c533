#include "shared/trace/binding_cache.h"

Status binding_cache_init(BindingCache *cache, Arena *arena)
{
    *cache = (BindingCache){
        .slots = arena_new_array(arena, BindingSlot, BINDING_CACHE_SLOTS),
        .keys = arena_alloc(arena, BINDING_CACHE_BYTES, 1),
    };
    return cache->slots && cache->keys ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ (hash >> 29);
}

uint64_t binding_cache_hash(const char *key, size_t size)
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

const Binding *binding_cache_find(const BindingCache *cache, uint64_t hash, const char *key, size_t size)
{
    for (uint64_t i = hash;; i++) {
        const BindingSlot *slot = &cache->slots[i % BINDING_CACHE_SLOTS];
        if (slot->hash == 0) {
            return NULL;
        }
        if (slot->hash == hash && slot->size == size && memcmp(cache->keys + slot->offset, key, size) == 0) {
            return &slot->binding;
        }
    }
}

void binding_cache_store(BindingCache *cache, uint64_t hash, const char *key, size_t size,
                         const Binding *binding)
{
    if (size > BINDING_CACHE_BYTES) {
        return;
    }
    if (cache->count == BINDING_CACHE_KEYS_MAX || size > BINDING_CACHE_BYTES - cache->key_bytes) {
        memset(cache->slots, 0, BINDING_CACHE_SLOTS * sizeof *cache->slots);
        cache->count = 0;
        cache->key_bytes = 0;
    }
    uint64_t i = hash;
    while (cache->slots[i % BINDING_CACHE_SLOTS].hash != 0) {
        i++;
    }
    memcpy(cache->keys + cache->key_bytes, key, size);
    cache->slots[i % BINDING_CACHE_SLOTS] = (BindingSlot){
        .hash = hash, .offset = (uint32_t)cache->key_bytes, .size = (uint32_t)size, .binding = *binding
    };
    cache->key_bytes += size;
    cache->count++;
}
