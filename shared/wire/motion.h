/* motion.h - predicts where entities move and codes what the prediction missed.
 * Knows a baseline and up to five snapshots before it that both ends hold, the entities coded so far, and a
 * carrier: an entity that others may be moving along with. Everything is a function of those; nothing is
 * remembered from packet to packet, so that a lost one costs nothing. Integers only. The model is written
 * out in shared/PROTOCOL.md, "Motion". Pure. */
#ifndef SHARED_WIRE_MOTION_H
#define SHARED_WIRE_MOTION_H
#include "shared/wire/four.h"
#include "shared/wire/residual.h"
#include "shared/wire/snapshot.h"

#define MOTION_CLASSES    21
#define MOTION_FEATURES   14                   /* what a mean is made of */
#define MOTION_CLUES      23                   /* and a spread */
#define MOTION_BENDS      24                   /* whole logarithms that a clue may have */
#define MOTION_PAST       (2 + SNAPSHOT_OLDER) /* recent, old, older ones */
#define MOTION_RECENT     0
#define MOTION_OLD        1
#define MOTION_OLDER      2
#define MOTION_NEIGHBOURS 64 /* entities coded last that the next one is compared with */
#define MOTION_NO_CARRIER UINT32_MAX
#define MOTION_MOVERS     256  /* that may wake others, of those that move the first */
#define MOTION_SLABS      64   /* of each coordinate: which movers may be near */
#define MOTION_GLANCED    4096 /* entities of the baseline that are looked at but once how they moved */
#define MOTION_STIRS      8    /* how near the nearest mover is, from nearest to out of reach */

typedef struct Quaternion {
    int64_t v[4]; /* x, y, z, w in 1/65536 */
} Quaternion;

typedef struct Vector {
    int64_t v[3];
} Vector;

typedef struct Matrix {
    int64_t m[3][3];
} Matrix;

/* An entity that was coded: where it was in the baseline and what was missed. Positions in 1/64, rotations
 * as a quarter of the angle, in 1/65536, along the axis. */
typedef struct MotionTrace {
    int32_t at[3];
    bool carried;
    int32_t missed[3], turn_missed[3]; /* by the prediction; where carried, by the carrier's motion alone */
    Vector residual;
    int32_t position_error, rotation_error; /* sums of magnitudes of residuals, in 1/64 */
} MotionTrace;

/* What of clues is not straight, in 1/64 of a power of two. */
typedef struct MotionBends {
    int8_t of[MOTION_CLUES][MOTION_BENDS];
} MotionBends;

/* Where four of them were, side by side, for a quick look which are near. */
typedef uint32_t MotionLanes __attribute__((vector_size(16)));
typedef struct MotionPlaces {
    MotionLanes at[3], carried; /* 0, 1, or MOTION_NO_TRACE */
} MotionPlaces;

#define MOTION_NO_TRACE 2

/* The mean of what the carrier's motion alone missed of those that it carries. */
typedef struct MotionDrift {
    uint32_t count;
    Vector missed, turn_missed, arm;
} MotionDrift;

typedef struct Motion {
    const Snapshot *baseline, *past[MOTION_PAST]; /* recent, old, older ones; NULL where there is none */
    int32_t ages[MOTION_PAST];                    /* from those to the baseline; 1 where there is none */
    int64_t ratios[MOTION_PAST];                  /* lead / age, in 1/65536 */
    int64_t lead;                                 /* sequences from the baseline to what is coded */
    uint32_t steps;                               /* of a rotation's component */
    int64_t step_size;                            /* 1/65536 of half a step, in 1/65536 */
    uint32_t carrier;                             /* index in the baseline's entities, or MOTION_NO_CARRIER */
    bool carrying;                                /* the carrier has been coded: */
    Vector carrier_at[1 + MOTION_PAST];           /* in the baseline and in the past ones */
    bool carrier_known[1 + MOTION_PAST];
    Vector carrier_step;     /* from the baseline to now */
    Quaternion carrier_turn; /* the same, and from the past ones to the baseline */
    Quaternion carrier_turned[1 + MOTION_PAST];
    Quaternion carrier_through[1 + MOTION_PAST]; /* from the past ones to now */
    Matrix carrier_swing; /* carrier_turn and carrier_turned, of which [0] is not used */
    Matrix carrier_swung[1 + MOTION_PAST];
    Vector carrier_angle;    /* carrier_turn as a quarter angle */
    int32_t carrier_pace[2]; /* sizes of step and angle */
    MotionDrift drift;
    uint32_t mover_count;
    int32_t carrier_place[3]; /* where it is expected, if it moves */
    bool carrier_moves;
    Four reached_from[2], reached[2];                    /* boxes of what movers, and the carrier, reach */
    uint32_t glanced;                                    /* entities that `lately` says something of */
    uint64_t slabs[3][MOTION_SLABS][MOTION_MOVERS / 64]; /* a bit for each mover that reaches into it */
    int32_t lowest[3];                                   /* of the baseline's entities, each coordinate */
    int32_t surprise[2][2]; /* how spreads went wrong lately: of positions and rotations, alone and carried */
    uint32_t trace_count;   /* of all, the last MOTION_NEIGHBOURS are kept */
    MotionTrace traces[MOTION_NEIGHBOURS];
    MotionPlaces places[MOTION_NEIGHBOURS / 4];
    RangeBit largest[3][16];
    RangeBit moved[4][2], turned[4][2][2]; /* by motion_recent, lively; turned also by moved */
    int32_t movers[MOTION_MOVERS][3];      /* where those are expected that move, without the carrier */
    uint8_t lately[MOTION_GLANCED];        /* as motion_recent says it */
} Motion;

/* `sequence` is that of the snapshot coded; `base` has a baseline. */
void motion_init(Motion *motion, uint32_t sequence, uint32_t rotation_steps, const SnapshotBase *base);

/* Writing: the index in the baseline of the entity that most others move along with, or
 * MOTION_NO_CARRIER. */
uint32_t motion_find_carrier(const Motion *motion);

/* The first entity of the baseline from `index` on that has moved lately and still does, or how many there
 * are. */
uint32_t motion_next(const Motion *motion, uint32_t index);

/* The carrier is known: looks where things move that may wake others. */
void motion_survey(Motion *motion);

/* How near to an entity that rests in the baseline something is expected to move, 0 (touching) to
 * MOTION_STIRS - 1; where motion_reached says that anything may. */
unsigned motion_stir_near(const Motion *motion, const EntityState *base);

/* Codes the transform of an entity that is in the baseline at `index`. */
void motion_code(Motion *motion, RangeCoder *coder, uint32_t index, EntityState *entity);

/* The entity with `handle`, looked for at `guess` first; NULL when `snapshot` is NULL or has none. */
static inline const EntityState *motion_find(const Snapshot *snapshot, uint32_t guess, EntityHandle handle)
{
    if (!snapshot) {
        return NULL;
    }
    if (guess < snapshot->entity_count && snapshot->entities[guess].handle.value == handle.value) {
        return &snapshot->entities[guess];
    }
    return snapshot_entity(snapshot, handle);
}

static inline bool motion_same_place(const EntityState *a, const EntityState *b)
{
    uint32_t place =
        (uint32_t)(a->x_mm ^ b->x_mm) | (uint32_t)(a->y_mm ^ b->y_mm) | (uint32_t)(a->z_mm ^ b->z_mm);
    return (place | (a->rotation ^ b->rotation)) == 0;
}

#define MOTION_GOES_ON 3

/* How the baseline's entity at `index` has moved lately: 0 unknown, 1 not at all, 2 no more, 3 still. */
unsigned motion_look_lately(const Motion *motion, uint32_t index);

static inline unsigned motion_recent(const Motion *motion, uint32_t index)
{
    return index < motion->glanced ? motion->lately[index] : motion_look_lately(motion, index);
}

/* Whether `base` is in the box of what movers reach (0), or of what the carrier does (1). */
static inline bool motion_reached(const Motion *motion, const EntityState *base, unsigned box)
{
    typedef uint32_t Words __attribute__((vector_size(16)));
    Words up = (Words)entity_words(base, ENTITY_PLACE_WORDS) - (Words)motion->reached_from[box];
    return are_zero((Four)up > motion->reached[box]);
}

/* Inline, as most of what rests is far from all that moves. */
static inline unsigned motion_stir(const Motion *motion, const EntityState *base)
{
    bool far = !motion_reached(motion, base, 0) && !motion_reached(motion, base, 1);
    return far ? MOTION_STIRS - 1 : motion_stir_near(motion, base);
}

/* An entity is lively if its first channel is not 0. */
static inline bool motion_lively(const Motion *motion, const EntityState *base)
{
    return base->channel_count > 0 && motion->baseline->channels[base->first_channel].code != 0;
}

#endif
