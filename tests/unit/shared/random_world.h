/* random_world.h - worlds that change at random, for the tests and the fuzzer of the snapshot codec. */
#ifndef TESTS_UNIT_SHARED_RANDOM_WORLD_H
#define TESTS_UNIT_SHARED_RANDOM_WORLD_H
#include "shared/base/random.h"
#include "shared/wire/quantise.h"
#include "shared/wire/snapshot.h"

/* Any int64 may turn up, mostly those that real worlds hold. */
static inline int64_t random_code(Random *random, int64_t old)
{
    switch (random_below(random, 8)) {
    case 0:
        return (int64_t)random_u64(random);
    case 1: {
        double real = random_between(random, -1000, 1000);
        int64_t bits;
        memcpy(&bits, &real, sizeof bits);
        return bits;
    }
    case 2:
        return random_below(random, 2) ? INT64_MIN : INT64_MAX;
    default:
        return (int64_t)((uint64_t)old + random_below(random, 21) - 10);
    }
}

static inline TimeNs random_source_time(Random *random, TimeNs clock)
{
    switch (random_below(random, 8)) {
    case 0:
        return (TimeNs)random_u64(random);
    case 1:
        return TIME_NONE;
    case 2:
        return (TimeNs)((uint64_t)clock - random_below(random, 10) * (uint64_t)TIME_SECOND);
    case 3:
        return (TimeNs)((uint64_t)clock - random_below(random, 5000) * (uint64_t)TIME_MS);
    default:
        return clock;
    }
}

static inline void random_move(Random *random, EntityState *entity)
{
    bool far = random_below(random, 20) == 0;
    entity->x_mm =
        far ? (int32_t)random_u64(random) : (int32_t)((uint32_t)entity->x_mm + random_below(random, 99));
    entity->z_mm = (int32_t)((uint32_t)entity->z_mm - random_below(random, 99));
    entity->rotation = quat_join(random_u64(random) & 3, random_below(random, QUAT_STEPS + 1),
                                 random_below(random, QUAT_STEPS + 1), random_below(random, QUAT_STEPS + 1));
}

static inline void random_entity(Random *random, uint32_t index, EntityState *entity)
{
    *entity = (EntityState){ 0 };
    entity->handle.value = (1 + (uint32_t)random_below(random, 4095)) << ENTITY_INDEX_BITS | index;
    entity->kind = (uint8_t)random_below(random, ENTITY_KIND_COUNT);
    entity->subject = (uint16_t)random_u64(random);
    entity->channel_count = (uint8_t)random_below(random, ENTITY_CHANNELS_MAX + 1);
    random_move(random, entity);
}

/* Fills `next` (begun in a ring; its capacities are `limits`) with what `old` becomes after one step in which
 * about `change` of everything changes. */
static inline void random_step(Random *random, const Snapshot *old, Snapshot *next, SnapshotLimits limits,
                               double change)
{
    next->server_time = old ? old->server_time + 33333333 : (TimeNs)random_u64(random) >> 8;
    next->source_time = random_below(random, 50) ? (old ? old->source_time : 0) + 333 * TIME_MS : TIME_NONE;
    next->text_count = (old ? old->text_count : 0) + (random_unit(random) < change);
    uint32_t index = 0, from = 0;
    while (next->entity_count < limits.entities && index <= ENTITY_INDEX_MAX) {
        const EntityState *base = old && from < old->entity_count ? &old->entities[from] : NULL;
        EntityState entity;
        bool fresh = random_unit(random) < (old ? change / 5 : 0.97);
        if (base && (!fresh || entity_index(base->handle) <= index)) {
            from++;
            index = entity_index(base->handle);
            if (random_unit(random) < change / 5) {
                continue; /* removed; a fresh one may take the index at once */
            }
            entity = *base;
        } else if (fresh) {
            base = NULL;
            random_entity(random, index, &entity);
        } else {
            break;
        }
        if (entity.channel_count > limits.channels - next->channel_count) {
            break;
        }
        entity.first_channel = next->channel_count;
        if (base && random_unit(random) < change) {
            random_move(random, &entity);
        }
        for (uint32_t i = 0; i < entity.channel_count; i++) {
            ChannelState channel =
                base ? old->channels[base->first_channel + i] : (ChannelState){ .source_time = TIME_NONE };
            if (random_unit(random) < change) {
                channel.code = random_code(random, channel.code);
                channel.source_time = random_source_time(random, next->source_time);
                channel.quality = (uint8_t)random_below(random, 4);
            }
            next->channels[next->channel_count++] = channel;
        }
        next->entities[next->entity_count++] = entity;
        index = entity_index(entity.handle) + 1 +
                (random_below(random, 10) == 0 ? (uint32_t)random_below(random, 300) : 0);
    }
}

/* `v` turned by the unit quaternion `q`. */
static inline void flock_rotate(const float q[4], float v[3])
{
    float u[3] = { q[1] * v[2] - q[2] * v[1], q[2] * v[0] - q[0] * v[2], q[0] * v[1] - q[1] * v[0] };
    float w[3] = { q[1] * u[2] - q[2] * u[1], q[2] * u[0] - q[0] * u[2], q[0] * u[1] - q[1] * u[0] };
    for (int k = 0; k < 3; k++) {
        v[k] += 2 * (q[3] * u[k] + w[k]);
    }
}

/* Bodies in motion at `step` (any number of entities, no channels): the first one flies and turns, most of
 * the others keep their place on it, some fly on their own, some rest, and all of it shakes a little.
 * `coarse`: rotations have no lowest bits. */
static inline void flock_step(Random *random, uint32_t step, uint32_t count, bool coarse, Snapshot *next)
{
    float turn = (float)step * 0.05f, tilt[4];
    next->server_time = (TimeNs)step * 16666667;
    next->source_time = TIME_NONE;
    quat_from_yaw_pitch(turn, turn * 0.4f, tilt);
    for (uint32_t i = 0; i < count; i++) {
        EntityState *entity = &next->entities[next->entity_count++];
        *entity = (EntityState){ .handle = { 1u << ENTITY_INDEX_BITS | i }, .kind = ENTITY_PROP };
        float place[3] = { (float)(i % 7) * 120 - 300, (float)(i % 5) * 110 - 200,
                           (float)(i % 4) * 130 - 200 };
        float rotation[4] = { tilt[0], tilt[1], tilt[2], tilt[3] };
        if (i % 6 == 5) { /* alone, and falling */
            quat_from_yaw_pitch((float)i + turn * 2, (float)i, rotation);
            place[0] += (float)step * (float)i;
            place[1] += (float)(step * 30) - (float)(step * step) * 1.5f;
        } else if (i % 6 == 4) {
            quat_from_yaw_pitch((float)(i + step / 9), 0, rotation);
        } else if (i > 0) {
            flock_rotate(tilt, place);
            place[0] += (float)step * 25;
        } else {
            place[0] = (float)step * 25;
            place[1] = place[2] = 0;
        }
        bool shaken = i % 6 != 4 && random_below(random, 3) == 0;
        entity->x_mm = (int32_t)place[0] + (shaken ? (int32_t)random_below(random, 9) - 4 : 0);
        entity->y_mm = (int32_t)place[1];
        entity->z_mm = (int32_t)place[2] - (shaken && i % 3 == 0 ? 2 : 0);
        uint64_t packed = quat_pack(rotation), lowest = quat_join(0, 1, 1, 1);
        entity->rotation = coarse ? packed & ~lowest : packed;
    }
}

/* The same entities at the same tick. */
static inline bool same_snapshot(const Snapshot *a, const Snapshot *b)
{
    if (a->sequence != b->sequence || a->entity_count != b->entity_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->entity_count; i++) {
        const EntityState *x = &a->entities[i], *y = &b->entities[i];
        if (x->handle.value != y->handle.value || x->kind != y->kind || x->subject != y->subject ||
            x->x_mm != y->x_mm || x->y_mm != y->y_mm || x->z_mm != y->z_mm || x->rotation != y->rotation ||
            x->channel_count != y->channel_count) {
            return false;
        }
        for (uint32_t c = 0; c < x->channel_count; c++) {
            const ChannelState *p = &a->channels[x->first_channel + c],
                               *q = &b->channels[y->first_channel + c];
            if (p->code != q->code || p->source_time != q->source_time || p->quality != q->quality) {
                return false;
            }
        }
    }
    return true;
}

#endif
