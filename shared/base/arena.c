#include "shared/base/arena.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE_MIN ((size_t)64 * 1024)

struct ArenaBlock {
    ArenaBlock *older;
    size_t capacity; /* bytes in data */
    size_t used;
    _Alignas(64) uint8_t data[];
};

void arena_init(Arena *arena, size_t limit)
{
    *arena = (Arena){ .limit = limit ? limit : (size_t)1 << 30 };
}

static void free_blocks(ArenaBlock *block)
{
    while (block) {
        ArenaBlock *older = block->older;
        free(block);
        block = older;
    }
}

void arena_finish(Arena *arena)
{
    free_blocks(arena->current);
    *arena = (Arena){ .limit = arena->limit };
}

void arena_reset(Arena *arena)
{
    ArenaBlock *kept = arena->current;
    for (ArenaBlock *block = arena->current; block; block = block->older) {
        if (block->capacity > kept->capacity) {
            kept = block;
        }
    }
    ArenaBlock *block = arena->current;
    while (block) {
        ArenaBlock *older = block->older;
        if (block != kept) {
            free(block);
        }
        block = older;
    }
    arena->used = 0;
    arena->reserved = 0;
    arena->current = kept;
    if (kept) {
        kept->older = NULL;
        kept->used = 0;
        arena->reserved = kept->capacity;
    }
}

static ArenaBlock *grow(Arena *arena, size_t needed)
{
    size_t doubled = arena->current ? arena->current->capacity * 2 : BLOCK_SIZE_MIN;
    size_t capacity = needed > doubled ? needed : doubled;
    size_t room = arena->limit - arena->reserved;
    if (capacity > room) {
        capacity = room;
    }
    if (needed > capacity) {
        return NULL;
    }
    /* aligned_alloc wants a multiple of the alignment. */
    size_t total = (sizeof(ArenaBlock) + capacity + 63) & ~(size_t)63;
    ArenaBlock *block = aligned_alloc(64, total);
    if (!block) {
        return NULL;
    }
    *block = (ArenaBlock){ .older = arena->current, .capacity = capacity };
    arena->current = block;
    arena->reserved += capacity;
    return block;
}

void *arena_alloc(Arena *arena, size_t size, size_t align)
{
    if (size == 0) {
        size = 1;
    }
    if (size > SIZE_MAX / 4) {
        return NULL;
    }
    ArenaBlock *block = arena->current;
    size_t start = block ? (block->used + align - 1) & ~(align - 1) : 0;
    if (!block || start > block->capacity || size > block->capacity - start) {
        block = grow(arena, size);
        if (!block) {
            return NULL;
        }
        start = 0;
    }
    arena->used += start + size - block->used;
    block->used = start + size;
    memset(block->data + start, 0, size);
    return block->data + start;
}

void *arena_array(Arena *arena, size_t count, size_t size, size_t align)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    return arena_alloc(arena, count * size, align);
}

char *arena_copy_text(Arena *arena, const char *text, size_t size)
{
    char *copy = size < SIZE_MAX ? arena_alloc(arena, size + 1, 1) : NULL;
    if (copy && size > 0) {
        memcpy(copy, text, size);
    }
    return copy;
}
