#include "shared/mqtt/thing_index.h"

#include "shared/trace/target_cache.h"

uint64_t text_hash(const char *text, size_t size)
{
    return target_cache_hash(text, size);
}

Status thing_index_init(ThingIndex *index, const World *world, Arena *arena)
{
    uint32_t size = 16;
    while (size < world->thing_count * 2) {
        size *= 2;
    }
    *index = (ThingIndex){ .world = world,
                           .slots = arena_new_array(arena, uint32_t, size),
                           .mask = size - 1,
                           .first_slot = arena_new_array(arena, uint32_t, (size_t)world->thing_count + 1) };
    if (index->slots == NULL || index->first_slot == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < world->thing_count; i++) {
        const char *id = world->things[i].id;
        uint32_t slot = (uint32_t)text_hash(id, strlen(id));
        while (index->slots[slot & index->mask] != 0) {
            slot++;
        }
        index->slots[slot & index->mask] = i + 1;
        index->first_slot[i + 1] = index->first_slot[i] + world->things[i].model->property_count;
    }
    return STATUS_OK;
}

int thing_index_find(const ThingIndex *index, const char *id, size_t size)
{
    for (uint32_t slot = (uint32_t)text_hash(id, size);; slot++) {
        uint32_t entry = index->slots[slot & index->mask];
        if (entry == 0) {
            return -1;
        }
        const char *found = index->world->things[entry - 1].id;
        if (strncmp(found, id, size) == 0 && found[size] == '\0') {
            return (int)(entry - 1);
        }
    }
}

uint32_t thing_index_slots(const ThingIndex *index)
{
    return index->first_slot[index->world->thing_count];
}
