/* motion.h - predicts where entities move and codes what the prediction missed.
 * Knows up to three snapshots that both ends hold (a baseline, one shortly before it, an older one), the
 * entities coded so far, and a carrier: an entity that others may be moving along with. Everything is a
 * function of those; nothing is remembered from packet to packet, so that a lost one costs nothing. Integers
 * only. The model is written out in shared/PROTOCOL.md, "Motion". Pure. */
#ifndef SHARED_WIRE_MOTION_H
#define SHARED_WIRE_MOTION_H
#include "shared/wire/range_coder.h"
#include "shared/wire/snapshot.h"

#define MOTION_CLASSES    13
#define MOTION_CELLS      18 /* contexts of one residual: by expected size */
#define MOTION_STEPS      12 /* and by length beyond the expected */
#define MOTION_NEIGHBOURS 64 /* entities coded last that the next one is compared with */
#define MOTION_NO_CARRIER UINT32_MAX

typedef struct Quaternion {
    int32_t v[4]; /* x, y, z, w in 1/16384 */
} Quaternion;

/* Adaptive contexts of a residual. */
typedef struct ResidualModel {
    RangeBit longer[MOTION_CELLS][MOTION_STEPS];
    RangeBit second[MOTION_CELLS][MOTION_STEPS];
} ResidualModel;

/* An entity that was coded: where it was in the baseline and what was missed. */
typedef struct MotionTrace {
    int32_t position[3];
    int32_t missed[3];
    int32_t position_error, rotation_error; /* sums of magnitudes */
} MotionTrace;

typedef struct Motion {
    const Snapshot *baseline, *recent, *old; /* recent and old may be NULL */
    int64_t lead;                            /* sequences from the baseline to what is coded */
    int64_t recent_age, old_age;             /* from recent and old to the baseline; 1 where there is none */
    bool coarse;                             /* the lowest bit of every rotation component is 0 */
    uint32_t carrier;                        /* index in the baseline's entities, or MOTION_NO_CARRIER */
    bool carrying;                           /* the carrier has been coded: */
    int32_t carrier_at[3], carrier_was[3];   /* in the baseline and in old */
    int32_t carrier_step[3];                 /* from the baseline to now */
    Quaternion carrier_turn, carrier_turned; /* from the baseline to now, from old to the baseline */
    uint32_t trace_count;                    /* of all, the last MOTION_NEIGHBOURS are kept */
    MotionTrace traces[MOTION_NEIGHBOURS];
    ResidualModel position, rotation;
    RangeBit largest[3][16];
    RangeBit moved[4], turned[4][2]; /* by motion_recent; turned also by moved */
} Motion;

/* `sequence` is that of the snapshot coded. */
void motion_init(Motion *motion, uint32_t sequence, const Snapshot *baseline, const Snapshot *recent,
                 const Snapshot *old);

/* Writing: the index in the baseline of the entity that most others move along with, or
 * MOTION_NO_CARRIER. */
uint32_t motion_find_carrier(const Motion *motion);

/* Codes the transform of an entity that is in the baseline at `index`. */
void motion_code(Motion *motion, RangeCoder *coder, uint32_t index, EntityState *entity);

/* How the baseline's entity at `index` has moved lately: 0 unknown, 1 not at all, 2 no more, 3 still. */
unsigned motion_recent(const Motion *motion, uint32_t index);

/* The entity with `handle`, looked for at `guess` first; NULL when `snapshot` is NULL or has none. */
const EntityState *motion_find(const Snapshot *snapshot, uint32_t guess, EntityHandle handle);

#endif
