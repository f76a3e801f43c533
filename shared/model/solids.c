#include "shared/model/solids.h"

#include <math.h>

#define SIDE         4.0f /* metres of a square */
#define SQUARES_MAX  1024 /* that one box is entered in; larger ones are always looked at */
#define BUCKETS_MIN  64u
#define BUCKETS_MAX  (1u << 20)
#define SQUARE_LIMIT (1 << 24)

struct SolidIndex {
    const SolidBox *boxes;   /* by place in `objects` */
    const uint32_t *objects; /* solid ones, ascending */
    uint32_t *starts;        /* by bucket, plus one past the end: where its list begins in `entries` */
    uint32_t *entries;       /* places in `objects`, ascending in each list */
    uint32_t *large;         /* places, ascending: of boxes that are in no list */
    uint32_t large_count, mask;
};

typedef struct Squares {
    int32_t from[2], to[2]; /* inclusive */
} Squares;

bool solid_object(const Object *object)
{
    return object->solid_half[0] > 0 && object->solid_half[1] > 0;
}

SolidBox solid_box(const Object *object)
{
    const float *q = object->rotation;
    float x = 1 - 2 * (q[1] * q[1] + q[2] * q[2]);
    float z = 2 * (q[0] * q[2] - q[1] * q[3]);
    float length = sqrtf(x * x + z * z);
    if (!(length > 1e-6f)) {
        x = 1;
        z = 0;
        length = 1;
    }
    x /= length;
    z /= length;
    const float *offset = object->solid_center;
    return (SolidBox){ .center = { object->position[0] + offset[0] * x - offset[1] * z,
                                   object->position[2] + offset[0] * z + offset[1] * x },
                       .along_x = { x, z },
                       .along_z = { -z, x },
                       .half = { object->solid_half[0], object->solid_half[1] } };
}

static int32_t square_of(float metres)
{
    float square = floorf(metres / SIDE);
    return (int32_t)fmaxf(-SQUARE_LIMIT, fminf(SQUARE_LIMIT, square));
}

static uint32_t bucket_of(const struct SolidIndex *index, int32_t x, int32_t z)
{
    uint64_t hash = ((uint64_t)(uint32_t)x << 32 | (uint32_t)z) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(hash >> 40) & index->mask;
}

static Squares squares_of(const SolidBox *box, float reach)
{
    Squares squares;
    for (int i = 0; i < 2; i++) {
        /* A millimetre more than exact: rounding must not leave a box out. */
        float extent =
            fabsf(box->along_x[i]) * box->half[0] + fabsf(box->along_z[i]) * box->half[1] + reach + 1e-3f;
        squares.from[i] = square_of(box->center[i] - extent);
        squares.to[i] = square_of(box->center[i] + extent);
    }
    return squares;
}

static bool is_large(const Squares *squares)
{
    int64_t columns = (int64_t)squares->to[0] - squares->from[0] + 1;
    int64_t rows = (int64_t)squares->to[1] - squares->from[1] + 1;
    return columns * rows > SQUARES_MAX;
}

/* Counts the entries of a box, or makes them where `made` says how many each list has so far. */
static void enter(struct SolidIndex *index, uint32_t place, const Squares *squares, uint32_t *made)
{
    for (int32_t z = squares->from[1]; z <= squares->to[1]; z++) {
        for (int32_t x = squares->from[0]; x <= squares->to[0]; x++) {
            uint32_t bucket = bucket_of(index, x, z);
            if (made == NULL) {
                index->starts[bucket + 1]++;
            } else {
                index->entries[index->starts[bucket] + made[bucket]++] = place;
            }
        }
    }
}

static bool fill_lists(struct SolidIndex *index, uint32_t count, float reach, Arena *arena)
{
    for (uint32_t place = 0; place < count; place++) {
        Squares squares = squares_of(&index->boxes[place], reach);
        if (is_large(&squares)) {
            index->large[index->large_count++] = place;
        } else {
            enter(index, place, &squares, NULL);
        }
    }
    for (uint32_t bucket = 0; bucket <= index->mask; bucket++) {
        index->starts[bucket + 1] += index->starts[bucket];
    }
    index->entries = arena_new_array(arena, uint32_t, index->starts[index->mask + 1]);
    uint32_t *made = arena_new_array(arena, uint32_t, (size_t)index->mask + 1);
    if (index->entries == NULL || made == NULL) {
        return false;
    }
    for (uint32_t place = 0; place < count; place++) {
        Squares squares = squares_of(&index->boxes[place], reach);
        if (!is_large(&squares)) {
            enter(index, place, &squares, made);
        }
    }
    return true;
}

const SolidIndex *solids_build(const World *world, float reach, Arena *arena)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->object_count; i++) {
        count += solid_object(&world->objects[i]);
    }
    struct SolidIndex *index = arena_new(arena, struct SolidIndex);
    SolidBox *boxes = arena_new_array(arena, SolidBox, count);
    uint32_t *objects = arena_new_array(arena, uint32_t, count);
    uint32_t buckets = BUCKETS_MIN;
    while (buckets < BUCKETS_MAX && buckets < count * 4) {
        buckets *= 2;
    }
    if (index == NULL || boxes == NULL || objects == NULL) {
        return NULL;
    }
    index->mask = buckets - 1;
    index->starts = arena_new_array(arena, uint32_t, (size_t)buckets + 1);
    index->large = arena_new_array(arena, uint32_t, count);
    if (index->starts == NULL || index->large == NULL) {
        return NULL;
    }
    for (uint32_t i = 0, place = 0; i < world->object_count; i++) {
        if (solid_object(&world->objects[i])) {
            objects[place] = i;
            boxes[place++] = solid_box(&world->objects[i]);
        }
    }
    index->boxes = boxes;
    index->objects = objects;
    return fill_lists(index, count, reach, arena) ? index : NULL;
}

/* The first place in an ascending list whose object is `next` or later. */
static const uint32_t *first_from(const struct SolidIndex *index, const uint32_t *list, uint32_t count,
                                  uint32_t next)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (index->objects[list[middle]] < next) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count ? &list[low] : NULL;
}

const SolidBox *solids_next(SolidWalk *walk, const float position[2], SolidBox *storage)
{
    const struct SolidIndex *index = walk->world->solids;
    if (index == NULL) {
        while (walk->next < walk->world->object_count) {
            const Object *object = &walk->world->objects[walk->next++];
            if (solid_object(object)) {
                *storage = solid_box(object);
                return storage;
            }
        }
        return NULL;
    }
    uint32_t bucket = bucket_of(index, square_of(position[0]), square_of(position[1]));
    const uint32_t *near = first_from(index, index->entries + index->starts[bucket],
                                      index->starts[bucket + 1] - index->starts[bucket], walk->next);
    const uint32_t *large = first_from(index, index->large, index->large_count, walk->next);
    if (near == NULL && large == NULL) {
        return NULL;
    }
    uint32_t place = near == NULL ? *large : large == NULL ? *near : *near < *large ? *near : *large;
    walk->next = index->objects[place] + 1;
    return &index->boxes[place];
}
