#include "server/metaverse/name_set.h"

Status name_set_create(NameSet *set, uint32_t capacity, Arena *arena)
{
    uint32_t slots = 4;
    while (slots < 2 * capacity) {
        slots *= 2;
    }
    set->slots = arena_new_array(arena, NameSlot, slots);
    set->mask = slots - 1;
    return set->slots == NULL ? STATUS_OUT_OF_MEMORY : STATUS_OK;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_name(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

/* FNV-1a, 32 bits. Who makes up names that collide makes his own joining slower: a set is small. */
static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name != '\0'; name++) {
        hash = (hash ^ (uint8_t)lower(*name)) * 16777619u;
    }
    return hash;
}

/* The slot that holds `name`, or the free one where it would go. */
static uint32_t probe(const NameSet *set, const char *name, uint32_t hash)
{
    uint32_t slot = hash & set->mask;
    while (set->slots[slot].name != NULL &&
           (set->slots[slot].hash != hash || !same_name(set->slots[slot].name, name))) {
        slot = (slot + 1) & set->mask;
    }
    return slot;
}

void name_set_add(NameSet *set, const char *name)
{
    uint32_t hash = hash_of(name);
    set->slots[probe(set, name, hash)] = (NameSlot){ .name = name, .hash = hash };
}

/* Closes the gap: moves back every later entry of the run that may stand at or before it. */
void name_set_remove(NameSet *set, const char *name)
{
    uint32_t gap = probe(set, name, hash_of(name));
    if (set->slots[gap].name == NULL) {
        return;
    }
    for (uint32_t slot = (gap + 1) & set->mask; set->slots[slot].name != NULL;
         slot = (slot + 1) & set->mask) {
        uint32_t home = set->slots[slot].hash & set->mask;
        if (((slot - home) & set->mask) >= ((slot - gap) & set->mask)) {
            set->slots[gap] = set->slots[slot];
            gap = slot;
        }
    }
    set->slots[gap] = (NameSlot){ 0 };
}

bool name_set_has(const NameSet *set, const char *name)
{
    return set->slots[probe(set, name, hash_of(name))].name != NULL;
}
