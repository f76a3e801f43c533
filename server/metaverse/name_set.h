/* name_set.h - the names in use, compared without regard to the case of ASCII letters: open addressing,
 * storage from an arena, no memory taken after creation. Pure. */
#ifndef SERVER_METAVERSE_NAME_SET_H
#define SERVER_METAVERSE_NAME_SET_H
#include "shared/base/arena.h"
#include "shared/base/status.h"

#include <stdbool.h>

typedef struct NameSlot {
    const char *name; /* borrowed; NULL: free */
    uint32_t hash;
} NameSlot;

typedef struct NameSet {
    NameSlot *slots;
    uint32_t mask; /* slots - 1, a power of two less one */
} NameSet;

/* Room for `capacity` names at a load of at most a half. STATUS_OUT_OF_MEMORY. */
NODISCARD Status name_set_create(NameSet *set, uint32_t capacity, Arena *arena);

/* `name` is not in the set, there is room, and it stays where and as it is until it is removed. */
void name_set_add(NameSet *set, const char *name);

/* Removes the name that is the same as `name`, if there is one. */
void name_set_remove(NameSet *set, const char *name);

bool name_set_has(const NameSet *set, const char *name);

#endif
