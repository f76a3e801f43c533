/* four.h - four numbers of 32 bits at a time: vectors of gcc and clang, which any host has in some way, and
 * single instructions of x86-64 where those say it better. Same results with and without. Pure. */
#ifndef SHARED_WIRE_FOUR_H
#define SHARED_WIRE_FOUR_H
#include "shared/wire/entity.h"

#include <assert.h>
#include <string.h>

typedef int32_t Four __attribute__((vector_size(16)));

/* Four of the eight words of an entity, from the byte `from` on. */
static inline Four entity_words(const EntityState *entity, size_t from)
{
    Four words;
    memcpy(&words, (const uint8_t *)entity + from, sizeof words);
    return words;
}

#define ENTITY_PLACE_WORDS 12 /* x, y, z, and a word of the rotation */
static_assert(sizeof(EntityState) == 32 && offsetof(EntityState, x_mm) == ENTITY_PLACE_WORDS,
              "an entity is eight words, of which three in a row say where it is");

/* Whether all bits of all of them are 0. */
static inline bool are_zero(Four four)
{
#ifdef __SSE2__
    typedef char Bytes16 __attribute__((vector_size(16)));
    return __builtin_ia32_pmovmskb128((Bytes16)(four == 0)) == 0xFFFF;
#else
    uint64_t halves[2];
    memcpy(halves, &four, sizeof halves);
    return (halves[0] | halves[1]) == 0;
#endif
}

/* In which bits two entities differ, but for where their channels are. */
static inline Four entity_difference(const EntityState *a, const EntityState *b)
{
    static_assert(offsetof(EntityState, first_channel) == 8,
                  "all of an entity but the third word of its eight tells whether it is the same");
    const Four head = { -1, -1, 0, -1 };
    return ((entity_words(a, 0) ^ entity_words(b, 0)) & head) | (entity_words(a, 16) ^ entity_words(b, 16));
}

#endif
