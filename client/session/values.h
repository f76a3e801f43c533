/* values.h - what every property of every thing reports in one snapshot, in the order of the world. Pure. */
#ifndef CLIENT_SESSION_VALUES_H
#define CLIENT_SESSION_VALUES_H
#include "shared/model/world.h"
#include "shared/wire/snapshot.h"

typedef struct WorldValues {
    Reported *reported; /* property p of thing t is reported[first[t] + p] */
    uint32_t *first;    /* thing_count + 1 entries: the last is the number of properties */
    uint32_t thing_count;
} WorldValues;

/* Room for the values of `world`, all QUALITY_NONE. `arena` owns it. STATUS_OUT_OF_MEMORY. */
NODISCARD Status world_values_create(const World *world, Arena *arena, WorldValues *out_values);

/* Takes the values of `snapshot` (NULL: none). A thing that is not in it, or has another number of channels
 * than properties, has reported nothing. */
void world_values_fill(WorldValues *values, const Snapshot *snapshot);

static inline const Reported *world_value(const WorldValues *values, uint32_t thing, uint32_t property)
{
    return &values->reported[values->first[thing] + property];
}

#endif
