/* motion_subject.h - what motion_look.c finds out about an entity before it is coded, for motion*.c only.
 * PROTOCOL.md, "Motion", has it all in words. */
#ifndef SHARED_WIRE_MOTION_SUBJECT_H
#define SHARED_WIRE_MOTION_SUBJECT_H
#include "shared/wire/motion_math.h"

#define LEVEL (6 << FINE_BITS) /* what falls goes lower by about as much, times the lead */

enum {
    CLASS_CARRIER,
    CLASS_UNKNOWN,
    CLASS_RESTED,
    CLASS_CARRIED,
    CLASS_LOOSE = 7,
    CLASS_SLOW,
    CLASS_LINE = 13,
    CLASS_FALLING = 17
};

/* Places, ways and arms in 1/64; turns as quarter angles. What is not known is 0. */
typedef struct Subject {
    const EntityState *base, *past[MOTION_PAST];
    int32_t at[3];
    Quaternion rotation, taken; /* the latter, of what is carried: by the carrier */
    Quaternion turns[2];        /* from recent and old to the baseline; not of what is carried */
    Vector went[MOTION_PAST];   /* from the past ones to the baseline */
    Vector turned[MOTION_PAST]; /* the same, as angles; not of what is carried */
    bool near, carried;
    Vector arm, swung;            /* from the carrier; where that takes it, as a displacement */
    Vector slid[3], slid_turn[2]; /* beside the carrier's motion, from recent, old, older to the baseline */
    Vector neighbours, neighbours_turn;
    Vector near_by; /* neighbours, less where they are few or far */
    Vector drift;
    Vector line, line_turn; /* displacements along the line fitted */
    unsigned line_points, line_turn_points;
    int32_t rigidity; /* of size_for_log */
    uint32_t unsteadiness;
    uint32_t distance; /* squared, to the nearest neighbour */
    int32_t position_error, rotation_error;
    unsigned class, turn_class;
    int down;
    uint32_t clearance; /* above the lowest there is */
    int32_t sunk; /* in 1/64: how far a cube would sink into the floor, or hang above it if less than 0 */
} Subject;

/* Looks at the baseline's entity at `index`. */
void motion_look(const Motion *motion, uint32_t index, Subject *subject);

/* How firmly the baseline's entity at `index` is carried, as rigidity; LOG_MOST where that is not known
 * or it keeps to a line of its own. */
int32_t motion_rigidity(const Motion *motion, uint32_t index);

/* Tell what `subject` did since, and leave in `trace` what was missed. */
void motion_code_position(Motion *motion, RangeCoder *coder, const Subject *subject, int32_t *position,
                          MotionTrace *trace);
void motion_code_rotation(Motion *motion, RangeCoder *coder, const Subject *subject, const int32_t *position,
                          uint64_t *rotation, MotionTrace *trace);

static inline bool is_carried(unsigned class)
{
    return class >= CLASS_CARRIED && class <= CLASS_LOOSE;
}

#endif
