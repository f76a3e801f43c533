/* thing_index.h - the things of a world by id, in constant time. Pure. */
#ifndef SHARED_MQTT_THING_INDEX_H
#define SHARED_MQTT_THING_INDEX_H
#include "shared/model/world.h"

typedef struct ThingIndex {
    const World *world; /* borrowed */
    uint32_t *slots;    /* index + 1; 0 free */
    uint32_t mask;
    uint32_t *first_slot; /* per thing, and one more: where its properties begin in an array of all */
} ThingIndex;

/* STATUS_OUT_OF_MEMORY. */
NODISCARD Status thing_index_init(ThingIndex *index, const World *world, Arena *arena);

/* The index of the thing called id[0..size), or -1. */
int thing_index_find(const ThingIndex *index, const char *id, size_t size);

/* The properties of all things together. */
uint32_t thing_index_slots(const ThingIndex *index);

/* A hash of bytes, never 0; not for hostile keys without a bound on probing. */
uint64_t text_hash(const char *text, size_t size);

#endif
