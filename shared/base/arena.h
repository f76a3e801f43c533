/* arena.h - memory whose lifetime is a parameter.
 * An Arena hands out zeroed, aligned memory and takes it all back at once. Growth is by blocks up to a limit
 * fixed at init; running out is a NULL, never an abort. Not thread-safe; one owner. */
#ifndef SHARED_BASE_ARENA_H
#define SHARED_BASE_ARENA_H
#include <stddef.h>
#include <stdint.h>

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena {
    ArenaBlock *current; /* newest block, links to older ones */
    size_t used;         /* bytes handed out, padding included */
    size_t reserved;     /* bytes held from the heap */
    size_t limit;        /* most bytes it may hold */
} Arena;

/* Prepares `arena`; takes no memory yet. `limit` in bytes, 0 means 1 GiB. */
void arena_init(Arena *arena, size_t limit);

/* Gives everything back to the heap. Safe on a zeroed Arena and twice. */
void arena_finish(Arena *arena);

/* Forgets all allocations but keeps the largest block: no heap traffic in a steady loop. */
void arena_reset(Arena *arena);

/* `size` zeroed bytes aligned to `align` (a power of two ≤ 64), or NULL when the limit or the heap is
 * exhausted. Size 0 gives a valid unique pointer. The arena owns the memory. */
void *arena_alloc(Arena *arena, size_t size, size_t align);

/* `count` zeroed elements, or NULL on overflow of count × size or exhaustion. */
void *arena_array(Arena *arena, size_t count, size_t size, size_t align);

#define arena_new(arena, Type) ((Type *)arena_alloc((arena), sizeof(Type), _Alignof(Type)))
#define arena_new_array(arena, Type, count) \
    ((Type *)arena_array((arena), (count), sizeof(Type), _Alignof(Type)))

/* A zero-terminated copy of the `size` characters at `text`, or NULL on exhaustion. */
char *arena_copy_text(Arena *arena, const char *text, size_t size);

#endif
