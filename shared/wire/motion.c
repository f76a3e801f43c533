/* motion.c - one entity after the other: whether it moved, the carrier, what others learn from it. What is
 * known of one is motion_look.c, how it is told motion_transform.c, what wakes motion_stir.c. */
#include "shared/wire/motion_subject.h"
#include "shared/wire/motion_table.h"

#include <assert.h>

#define LEAD_MAX    65535
#define DRIFT_COUNT 16

/* ---- the carrier ---- */

/* The carrier is now known to be at `entity`. */
static void begin_carrying(Motion *motion, const EntityState *entity)
{
    const EntityState *base = &motion->baseline->entities[motion->carrier];
    Quaternion now = unpack(motion, entity->rotation), was = unpack(motion, base->rotation);
    motion->carrier_turn = turn_between(&now, &was);
    motion->carrier_angle = angle_of(&motion->carrier_turn);
    motion->carrier_step = displacement(entity, base);
    motion->carrier_swing = matrix_of(&motion->carrier_turn);
    motion->carrier_pace[0] = size_for_log(size_of(&motion->carrier_step));
    motion->carrier_pace[1] = size_for_log(size_of(&motion->carrier_angle));
    motion->carrier_at[0] = place_of(base);
    for (unsigned j = 0; j <= MOTION_OLDER; j++) {
        const EntityState *past = motion_find(motion->past[j], motion->carrier, entity->handle);
        motion->carrier_known[1 + j] = past != NULL;
        if (past) {
            Quaternion before = unpack(motion, past->rotation);
            motion->carrier_turned[1 + j] = turn_between(&was, &before);
            motion->carrier_swung[1 + j] = matrix_of(&motion->carrier_turned[1 + j]);
            motion->carrier_through[1 + j] = multiply(&motion->carrier_turn, &motion->carrier_turned[1 + j]);
            motion->carrier_at[1 + j] = place_of(past);
        }
    }
    motion->carrying = motion->carrier_known[1 + MOTION_OLD];
}

/* ---- what others learn ---- */

/* 65536 / n, rounded down. */
static const int64_t parts[1 + DRIFT_COUNT] = { 0,    65536, 32768, 21845, 16384, 13107, 10922, 9362, 8192,
                                                7281, 6553,  5957,  5461,  5041,  4681,  4369,  4096 };

static void add_drift(Motion *motion, const Subject *subject, const MotionTrace *trace)
{
    MotionDrift *drift = &motion->drift;
    drift->count += drift->count < DRIFT_COUNT;
    int64_t part = parts[drift->count];
    for (int k = 0; k < 3; k++) {
        drift->missed.v[k] += ((trace->missed[k] - drift->missed.v[k]) * part) >> 16;
        drift->turn_missed.v[k] += ((trace->turn_missed[k] - drift->turn_missed.v[k]) * part) >> 16;
        drift->arm.v[k] += ((subject->arm.v[k] - drift->arm.v[k]) * part) >> 16;
    }
}

static void keep_trace(Motion *motion, const MotionTrace *trace)
{
    uint32_t place = motion->trace_count++ % MOTION_NEIGHBOURS;
    motion->traces[place] = *trace;
    for (int k = 0; k < 3; k++) {
        motion->places[place / 4].at[k][place % 4] = (uint32_t)trace->at[k];
    }
    motion->places[place / 4].carried[place % 4] = trace->carried;
}

/* ---- one entity ---- */

void motion_code(Motion *motion, RangeCoder *coder, uint32_t index, EntityState *entity)
{
    const EntityState *base = &motion->baseline->entities[index];
    unsigned recent = motion_recent(motion, index);
    int32_t position[3] = { entity->x_mm, entity->y_mm, entity->z_mm };
    const int32_t was[3] = { base->x_mm, base->y_mm, base->z_mm };
    bool moved = memcmp(position, was, sizeof was) != 0;
    bool lively = motion_lively(motion, base);
    moved = range_bit(coder, &motion->moved[recent][lively], moved);
    bool turned =
        range_bit(coder, &motion->turned[recent][lively][moved], entity->rotation != base->rotation);
    memcpy(position, moved ? position : was, sizeof was);
    entity->rotation = turned ? entity->rotation : base->rotation;
    if (moved || turned) {
        Subject subject;
        motion_look(motion, index, &subject);
        MotionTrace trace = { .at = { was[0], was[1], was[2] }, .carried = subject.carried };
        if (moved) {
            motion_code_position(motion, coder, &subject, position, &trace);
        }
        if (turned) {
            motion_code_rotation(motion, coder, &subject, position, &entity->rotation, &trace);
        }
        if (subject.carried && moved && turned) {
            add_drift(motion, &subject, &trace);
        }
        keep_trace(motion, &trace);
    }
    entity->x_mm = position[0];
    entity->y_mm = position[1];
    entity->z_mm = position[2];
    if (index == motion->carrier) {
        begin_carrying(motion, entity);
    }
}

/* ---- the whole ---- */

/* By how the entity moved lately, whether it is lively; and by whether it moves now. */
static const uint16_t first_moved[4][2] = {
    { 20000, 20000 }, { 63000, 11000 }, { 50000, 50000 }, { 65200, 65200 }
};
static const uint16_t first_turned[4][2][2] = { { { 4000, 32768 }, { 4000, 32768 } },
                                                { { 20000, 46000 }, { 2000, 46000 } },
                                                { { 60000, 46000 }, { 60000, 46000 } },
                                                { { 62000, 64600 }, { 62000, 64600 } } };

/* All but the traces and what is learnt: in a small cell that would be most of the work. */
static void clear(Motion *motion)
{
    memset(motion, 0, offsetof(Motion, traces));
}

static inline Four lower_of(Four a, Four b)
{
    Four less = a < b;
    return (a & less) | (b & ~less);
}

unsigned motion_look_lately(const Motion *motion, uint32_t index)
{
    const EntityState *base = &motion->baseline->entities[index];
    const EntityState *recent = motion_find(motion->past[MOTION_RECENT], index, base->handle);
    if (!recent) {
        return 0;
    }
    if (!motion_same_place(base, recent)) {
        return MOTION_GOES_ON;
    }
    const EntityState *old = motion_find(motion->past[MOTION_OLD], index, base->handle);
    return old && !motion_same_place(base, old) ? 2 : 1;
}

/* What moves will be looked at as it was long ago, too, which is out of the cache by now. */
static inline void fetch_older(const Motion *motion, uint32_t index)
{
    for (unsigned j = MOTION_OLDER; j < MOTION_PAST; j++) {
        if (motion->past[j] && index < motion->past[j]->entity_count) {
            __builtin_prefetch(&motion->past[j]->entities[index]);
        }
    }
}

/* Looks once at all; most of them rest, which is soon seen. Looks for the lowest places, too. */
static void glance(Motion *motion)
{
    const Snapshot *baseline = motion->baseline, *recent = motion->past[MOTION_RECENT],
                   *old = motion->past[MOTION_OLD];
    const uint32_t count = baseline->entity_count;
    const uint32_t glanced = count < MOTION_GLANCED ? count : MOTION_GLANCED;
    uint32_t both = recent && old ? recent->entity_count : 0;
    both = both > 0 && old->entity_count < both ? old->entity_count : both;
    both = both < glanced ? both : glanced;
    Four lowest = { INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX };
    const EntityState *b = baseline->entities, *r = both ? recent->entities : b,
                      *o = both ? old->entities : b;
    uint8_t *lately = motion->lately;
    for (uint32_t i = 0; i < both; i++) {
        lowest = lower_of(lowest, entity_words(&b[i], ENTITY_PLACE_WORDS));
        lately[i] = 1;
        if (!are_zero(entity_difference(&b[i], &r[i]) | entity_difference(&b[i], &o[i]))) {
            lately[i] = (uint8_t)motion_look_lately(motion, i);
            if (lately[i] == MOTION_GOES_ON) {
                fetch_older(motion, i);
            }
        }
    }
    for (uint32_t i = both; i < count; i++) {
        lowest = lower_of(lowest, entity_words(&b[i], ENTITY_PLACE_WORDS));
        if (i < glanced) {
            lately[i] = (uint8_t)motion_look_lately(motion, i);
        }
    }
    memset(&lately[glanced], 0, -(size_t)glanced % 8); /* motion_next looks at eight */
    motion->glanced = glanced;
    for (int k = 0; k < 3; k++) {
        motion->lowest[k] = lowest[k];
    }
}

uint32_t motion_next(const Motion *motion, uint32_t index)
{
    const uint32_t count = motion->baseline->entity_count;
    static_assert(MOTION_GOES_ON == 3 && MOTION_GLANCED % 8 == 0, "eight are looked at at a time");
    while (index < motion->glanced) {
        uint64_t eight = bytes_load_u64(&motion->lately[index / 8 * 8]);
        uint64_t moving = eight & eight >> 1 & (UINT64_C(0x0101010101010101) << index % 8 * 8);
        if (moving) {
            return index / 8 * 8 + (uint32_t)__builtin_ctzll(moving) / 8;
        }
        index = (index / 8 + 1) * 8;
    }
    while (index < count && motion_look_lately(motion, index) != MOTION_GOES_ON) {
        index++;
    }
    return index < count ? index : count;
}

void motion_init(Motion *motion, uint32_t sequence, uint32_t rotation_steps, const SnapshotBase *base)
{
    uint32_t since = base->baseline ? base->baseline->sequence : 0;
    uint32_t lead = sequence - since;
    clear(motion);
    motion->baseline = base->baseline;
    motion->past[MOTION_RECENT] = base->recent;
    motion->past[MOTION_OLD] = base->old;
    motion->lead = lead < LEAD_MAX ? lead : LEAD_MAX;
    motion->steps = rotation_steps;
    motion->step_size = (INT64_C(3037000500) + rotation_steps / 2) / rotation_steps;
    motion->carrier = MOTION_NO_CARRIER;
    memcpy(&motion->past[MOTION_OLDER], base->older, sizeof base->older);
    for (unsigned j = 0; j < MOTION_PAST; j++) {
        motion->ages[j] = motion->past[j] ? (int32_t)(since - motion->past[j]->sequence) : 1;
        motion->ratios[j] = (motion->lead << 16) / motion->ages[j];
    }
    glance(motion);
    for (unsigned i = 0; i < MOTION_NEIGHBOURS / 4; i++) {
        motion->places[i].carried =
            (MotionLanes){ MOTION_NO_TRACE, MOTION_NO_TRACE, MOTION_NO_TRACE, MOTION_NO_TRACE };
    }
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned gap = 0; gap < 16; gap++) {
            motion->largest[i][gap] = range_bit_init((uint16_t)(motion_largest[i][gap] << 8 | 128));
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        unsigned way = i / 2, lively = i % 2;
        motion->moved[way][lively] = range_bit_init(first_moved[way][lively]);
        motion->turned[way][lively][0] = range_bit_init(first_turned[way][lively][0]);
        motion->turned[way][lively][1] = range_bit_init(first_turned[way][lively][1]);
    }
}

uint32_t motion_find_carrier(const Motion *motion)
{
    enum { CANDIDATES = 4, FOLLOWERS = 16, RIGID_ENOUGH = 10 * 16 };
    uint32_t moving[FOLLOWERS * 4], count = 0, best = MOTION_NO_CARRIER, most = RIGID_ENOUGH / 2;
    if (!motion->past[MOTION_RECENT] || !motion->past[MOTION_OLD]) {
        return MOTION_NO_CARRIER;
    }
    const uint32_t entities = motion->baseline->entity_count;
    for (uint32_t i = motion_next(motion, 0); i < entities && count < ARRAY_COUNT(moving);
         i = motion_next(motion, i + 1)) {
        moving[count++] = i;
    }
    for (uint32_t c = 0; c < count && c < CANDIDATES; c++) {
        Motion trial;
        memset(&trial, 0, offsetof(Motion, slabs));
        trial.baseline = motion->baseline;
        trial.past[MOTION_RECENT] = motion->past[MOTION_RECENT];
        trial.past[MOTION_OLD] = motion->past[MOTION_OLD];
        memcpy(trial.ages, motion->ages, sizeof trial.ages);
        trial.steps = motion->steps;
        trial.step_size = motion->step_size;
        trial.carrier = moving[c];
        const EntityState *entity = &motion->baseline->entities[moving[c]];
        begin_carrying(&trial, entity);
        uint32_t score = 0;
        uint32_t step = count / FOLLOWERS + 1;
        for (uint32_t f = c + 1; f < count; f += step) {
            int32_t gain = RIGID_ENOUGH - logarithm((uint32_t)motion_rigidity(&trial, moving[f]) >> 4);
            score += gain > 0 ? (uint32_t)gain : 0;
        }
        if (score > most) {
            most = score;
            best = moving[c];
        }
    }
    return best;
}
