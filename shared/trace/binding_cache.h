/* binding_cache.h - remembers what the rules of a mapping said about a row's key fields, so that a long file
 * is read at full speed. Holds a bounded number of keys; when it is full it forgets all of them and goes on,
 * so a file in which every key is new costs memory no more than any other. Pure. */
#ifndef SHARED_TRACE_BINDING_CACHE_H
#define SHARED_TRACE_BINDING_CACHE_H
#include "shared/trace/mapping_rules.h"

#define BINDING_CACHE_SLOTS    4096 /* a power of two */
#define BINDING_CACHE_KEYS_MAX 3072
#define BINDING_CACHE_BYTES    ((size_t)256 * 1024) /* of keys */

typedef struct BindingSlot {
    uint64_t hash; /* 0: free */
    uint32_t offset;
    uint32_t size; /* of the key */
    Binding binding;
} BindingSlot;

typedef struct BindingCache {
    BindingSlot *slots;
    char *keys;
    size_t key_bytes;
    uint32_t count;
} BindingCache;

/* STATUS_OUT_OF_MEMORY. */
NODISCARD Status binding_cache_init(BindingCache *cache, Arena *arena);

/* What was stored for key[0..size), or NULL. `hash` is binding_cache_hash of the key. */
const Binding *binding_cache_find(const BindingCache *cache, uint64_t hash, const char *key, size_t size);

/* Stores `binding` for a key that is not there. May forget every other key. A key larger than all the space
 * is not stored. */
void binding_cache_store(BindingCache *cache, uint64_t hash, const char *key, size_t size,
                         const Binding *binding);

/* Never 0. Keys are compared whole, so a file made to collide costs time, bounded by the slots, and nothing
 * else. */
uint64_t binding_cache_hash(const char *key, size_t size);

#endif
