/* solids.h - the boxes of a world that people cannot walk through, found by place.
 * The index only leaves out boxes that cannot matter; which are met, and in which order, is as if all were
 * looked at. Pure. */
#ifndef SHARED_MODEL_SOLIDS_H
#define SHARED_MODEL_SOLIDS_H
#include "shared/base/arena.h"
#include "shared/model/world.h"

/* A solid box on the ground (x, z in metres): centre, the directions of its sides, half their lengths. */
typedef struct SolidBox {
    float center[2], along_x[2], along_z[2], half[2];
} SolidBox;

bool solid_object(const Object *object);

/* The box of a solid object: its heading is where its x axis points on the ground; tilted objects keep an
 * upright box. */
SolidBox solid_box(const Object *object);

/* Boxes of world->objects, by squares of the ground. `reach` is the largest distance, in metres, from a box
 * at which it may be asked for. NULL when memory is out. The arena owns it; objects must not change. */
const SolidIndex *solids_build(const World *world, float reach, Arena *arena);

/* Walks over the boxes that may be within reach of a place, ascending by object. */
typedef struct SolidWalk {
    const World *world;
    uint32_t next; /* object index that comes next at the earliest */
} SolidWalk;

/* The next box for somebody at `position`, which may have changed since the last call; NULL: no more.
 * `storage` is used where the world has no index. */
const SolidBox *solids_next(SolidWalk *walk, const float position[2], SolidBox *storage);

#endif
