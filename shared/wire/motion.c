/* motion.c - longer than most, as the model is one: what is known of an entity is gathered and used in one
 * pass, in the order of PROTOCOL.md, "Motion". Its arithmetic is motion_math.h, what wakes motion_stir.c. */
#include "shared/wire/motion_math.h"
#include "shared/wire/motion_table.h"

#include <assert.h>

#define WEIGHT_BITS   9
#define NEAR          8192 /* farther from the carrier nothing is carried */
#define REACH         500  /* farther than this, nothing is a neighbour */
#define REACH_SQUARED (REACH * REACH)
#define FAR_AWAY      90000 /* squared distance that counts as no neighbour */
#define LEAD_MAX      65535
#define DRIFT_COUNT   16
#define FALL          (8 << FINE_BITS) /* lower by this than it went is falling */
#define THIN          60               /* neighbours that weigh less say less */
#define LINE_REACH    (1 << 17)        /* a line is not looked for in what went farther */

/* The tool that fits the tables looks in here. */
#ifndef MOTION_OBSERVE
#define MOTION_OBSERVE(kind, class, features, clues, value, mean)
#define MOTION_OBSERVE_TURN(motion, subject, now, features)
#define MOTION_OBSERVE_LARGEST(place, gap, hit)
#endif

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

/* What is known about one entity before it is coded. */
typedef struct Subject {
    const EntityState *base, *past[MOTION_PAST];
    int32_t at[3];
    Quaternion rotation, rotations[MOTION_PAST];
    Vector went[MOTION_PAST];   /* from the past ones to the baseline */
    Vector turned[MOTION_PAST]; /* the same, as quarter angles; of those that turns_known covers */
    unsigned turns_known;
    bool near, carried;
    Vector arm, swung;            /* from the carrier; where that takes it, as a displacement */
    Vector slid[3], slid_turn[2]; /* beside the carrier's motion, from recent, old, older to the baseline */
    Vector neighbours, neighbours_turn;
    Vector near_by; /* neighbours, less where they are few or far */
    Vector drift;
    Vector line, line_turn; /* displacements along the line fitted */
    unsigned line_points, line_turn_points;
    uint32_t rigidity, turn_rigidity;
    uint32_t unsteadiness;
    uint32_t distance; /* squared, to the nearest neighbour */
    uint32_t position_error, rotation_error;
    unsigned class, turn_class;
    int down;
    int32_t clearance;
} Subject;

/* ---- history ---- */

/* The turn from the past one at `j` to the baseline. */
static Vector turned_since(const Motion *motion, Subject *subject, unsigned j)
{
    if (subject->past[j]->rotation == subject->base->rotation) {
        subject->rotations[j] = subject->rotation;
        return (Vector){ { 0 } };
    }
    subject->rotations[j] = unpack(motion, subject->past[j]->rotation);
    Quaternion turn = turn_between(&subject->rotation, &subject->rotations[j]);
    return angle_of(&turn);
}

static void look_back(const Motion *motion, uint32_t index, Subject *subject)
{
    for (unsigned j = 0; j < MOTION_PAST; j++) {
        subject->past[j] = motion_find(motion->past[j], index, subject->base->handle);
        if (subject->past[j]) {
            subject->went[j] = displacement(subject->base, subject->past[j]);
            if (j <= MOTION_OLD) {
                subject->turned[j] = turned_since(motion, subject, j);
            }
        }
    }
    for (int k = 0; k < 3; k++) {
        int64_t quick = over_lead(motion, subject->turned[MOTION_RECENT].v[k], MOTION_RECENT);
        int64_t slow = over_lead(motion, subject->turned[MOTION_OLD].v[k], MOTION_OLD);
        subject->unsteadiness += (uint32_t)clamp(magnitude(quick - slow), ONE);
    }
}

/* ---- lines ---- */

/* Sums over the baseline (at time and place 0) and past ones, for a straight line in each coordinate. */
typedef struct Line {
    int64_t n, t, tt;
    int64_t y[3], ty[3], yy;
} Line;

/* `sign`: 1 adds the point, -1 takes it away again. */
static inline void add_point(Line *line, int64_t sign, int64_t age, const Vector *went)
{
    line->n += sign;
    line->t -= sign * age;
    line->tt += sign * age * age;
    for (int k = 0; k < 3; k++) {
        int64_t y = -sign * went->v[k];
        line->y[k] += y;
        line->ty[k] -= age * y;
        line->yy -= y * went->v[k];
    }
}

/* Whether the points keep to their line as points of steps of `step` would. */
static inline bool is_straight(const Line *line, int64_t step)
{
    int64_t divisor = line->n * line->tt - line->t * line->t, sum = 0;
    for (int k = 0; k < 3; k++) {
        sum += line->tt * line->y[k] * line->y[k] - 2 * line->t * line->y[k] * line->ty[k] +
               line->n * line->ty[k] * line->ty[k];
    }
    int64_t least = line->yy - (line->n - 2) * step * step; /* of sum / divisor; neither is negative */
    return least <= 0 || sum >= least * divisor;
}

/* Where the line is after `lead`. */
static inline Vector at_lead(const Line *line, int64_t lead, int64_t scale)
{
    int64_t divisor = line->n * line->tt - line->t * line->t;
    Vector to;
    for (int k = 0; k < 3; k++) {
        to.v[k] = (line->tt * line->y[k] - line->t * line->ty[k] +
                   lead * (line->n * line->ty[k] - line->t * line->y[k])) *
                  scale / divisor;
    }
    return to;
}

/* The longest line that ends in the baseline: how many past ones are on it. Each must be older than the one
 * before. The caller gives what was gone since each; *out_to is left as it is where there are less than two.
 */
static inline unsigned fit_line(const Motion *motion, Subject *subject, const bool turns, Vector *out_to)
{
    Line line = { .n = 1 };
    unsigned points = 0;
    int64_t step = turns ? motion->step_size >> ONE_BITS : 1;
    for (unsigned j = 0; j < MOTION_PAST; j++) {
        if (!subject->past[j] || (j > 0 && motion->ages[j] <= motion->ages[j - 1])) {
            break;
        }
        Vector went = subject->went[j];
        if (turns) {
            subject->turned[j] = j <= MOTION_OLD ? subject->turned[j] : turned_since(motion, subject, j);
            went = subject->turned[j];
        }
        for (int k = 0; k < 3 && !turns; k++) {
            went.v[k] >>= FINE_BITS;
        }
        if (size_of(&went) > LINE_REACH) {
            break;
        }
        add_point(&line, 1, motion->ages[j], &went);
        if (j > 0 && !is_straight(&line, step)) {
            if (j == 1) {
                return 0;
            }
            add_point(&line, -1, motion->ages[j], &went);
            break;
        }
        points++;
    }
    if (points >= 2) {
        *out_to = at_lead(&line, motion->lead, turns ? 1 : 1 << FINE_BITS);
    }
    return points >= 2 ? points : 0;
}

/* ---- the carrier ---- */

static inline bool is_near(const Vector *arm)
{
    return magnitude(arm->v[0]) < NEAR << FINE_BITS && magnitude(arm->v[1]) < NEAR << FINE_BITS &&
           magnitude(arm->v[2]) < NEAR << FINE_BITS;
}

/* What it moved beside the carrier's motion since the past one at `j`. */
static inline Vector slid_since(const Motion *motion, unsigned j, const Vector *at, const Vector *went,
                                const Vector *arm)
{
    Vector before;
    for (int k = 0; k < 3; k++) {
        before.v[k] = clamp(at->v[k] - went->v[k] - motion->carrier_at[1 + j].v[k], 1 << 22);
    }
    Vector then = swing(&motion->carrier_turned[1 + j], &before);
    return difference(arm, &then);
}

/* In 1/16 of the square of a unit. */
static inline uint32_t rigidity_of(const Vector *slid)
{
    int64_t square = 0;
    for (int k = 0; k < 3; k++) {
        int64_t error = clamp(slid->v[k], 1 << 18);
        square += error * error;
    }
    square >>= 2 * FINE_BITS - 4;
    return square < UINT32_MAX ? (uint32_t)square : UINT32_MAX - 1;
}

/* Where the carrier takes it, and how it kept its place on it so far. */
static void look_at_carrier(const Motion *motion, Subject *subject)
{
    if (!motion->carrying || !subject->past[MOTION_OLD]) {
        return;
    }
    const Vector at = { { (int64_t)subject->at[0] * (1 << FINE_BITS),
                          (int64_t)subject->at[1] * (1 << FINE_BITS),
                          (int64_t)subject->at[2] * (1 << FINE_BITS) } };
    Vector arm = difference(&at, &motion->carrier_at[0]);
    if (!is_near(&arm)) {
        return;
    }
    subject->near = true;
    subject->arm = arm;
    Vector swung = swing(&motion->carrier_turn, &subject->arm);
    for (int k = 0; k < 3; k++) {
        subject->swung.v[k] = swung.v[k] - subject->arm.v[k] + motion->carrier_step.v[k];
    }
    for (unsigned j = 0; j <= MOTION_OLDER; j++) {
        if (!subject->past[j] || !motion->carrier_known[1 + j]) {
            continue;
        }
        subject->slid[j] = slid_since(motion, j, &at, &subject->went[j], &subject->arm);
        if (j <= MOTION_OLD) {
            Quaternion expected = multiply(&motion->carrier_turned[1 + j], &subject->rotations[j]);
            Quaternion beside = turn_between(&subject->rotation, &expected);
            subject->slid_turn[j] = angle_of(&beside);
        }
    }
    int64_t turn_square = 0;
    for (int k = 0; k < 3; k++) {
        int64_t turn = clamp(subject->slid_turn[MOTION_OLD].v[k], ONE);
        turn_square += turn * turn;
    }
    subject->rigidity = rigidity_of(&subject->slid[MOTION_OLD]);
    turn_square >>= 4;
    subject->turn_rigidity = turn_square < UINT32_MAX ? (uint32_t)turn_square : UINT32_MAX - 1;
}

/* What the others that are carried show of the carrier's motion, here. */
static void look_at_drift(const Motion *motion, Subject *subject)
{
    const MotionDrift *drift = &motion->drift;
    if (subject->near && drift->count > 0) {
        Vector arm = difference(&subject->arm, &drift->arm);
        Vector turn = cross(drift->turn_missed.v, arm.v);
        for (int k = 0; k < 3; k++) {
            subject->drift.v[k] = drift->missed.v[k] + (turn.v[k] >> (ONE_BITS - 2));
        }
    }
}

static void add_drift(Motion *motion, const Subject *subject, const MotionTrace *trace)
{
    MotionDrift *drift = &motion->drift;
    drift->count += drift->count < DRIFT_COUNT;
    int64_t count = drift->count;
    for (int k = 0; k < 3; k++) {
        drift->missed.v[k] += (trace->missed[k] - drift->missed.v[k]) / count;
        drift->turn_missed.v[k] += (trace->turn_missed[k] - drift->turn_missed.v[k]) / count;
        drift->arm.v[k] += (subject->arm.v[k] - drift->arm.v[k]) / count;
    }
}

/* ---- neighbours ---- */

/* 65535 × (4000 / (d + 4000))^3 at the squared distance d = 4096 i + 2048. */
static const uint16_t nearness[3 * REACH_SQUARED / 4096 + 1] = {
    18959, 4018, 1453, 680, 372, 225, 146, 100, 72, 53, 40, 31, 25, 20, 16, 14, 11, 10, 8, 7, 6,
    5,     5,    4,    4,   3,   3,   3,   2,   2,  2,  2,  2,  1,  1,  1,  1,  1,  1,  1, 1, 1,
    1,     1,    1,    1,   1,   1,   1,   0,   0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, 0
};

typedef int32_t SignedLanes __attribute__((vector_size(16)));

static inline MotionLanes lanes_of(uint32_t value)
{
    return (MotionLanes){ value, value, value, value };
}

static inline SignedLanes signed_lanes_of(int32_t value)
{
    return (SignedLanes){ value, value, value, value };
}

/* The traces within REACH in each coordinate of those that are carried as this one is. Trace n is bit
 * n % 4 × 16 + 15 - n / 4. */
static uint64_t find_near(const Motion *motion, const Subject *subject)
{
    const uint32_t bias = REACH - (UINT32_C(1) << 31); /* -REACH is the lowest number there is */
    const SignedLanes most = signed_lanes_of(INT32_MIN + 2 * REACH);
    const MotionLanes carried = lanes_of(subject->carried);
    uint32_t lowest[3];
    for (int k = 0; k < 3; k++) {
        lowest[k] = (uint32_t)subject->at[k] - bias;
    }
    const MotionLanes x = lanes_of(lowest[0]), y = lanes_of(lowest[1]), z = lanes_of(lowest[2]);
    SignedLanes found = { 0 };
    for (unsigned i = 0; i < MOTION_NEIGHBOURS / 4; i++) {
        const MotionPlaces *places = &motion->places[i];
        SignedLanes near =
            ((SignedLanes)(places->at[0] - x) <= most) & ((SignedLanes)(places->at[1] - y) <= most) &
            ((SignedLanes)(places->at[2] - z) <= most) & (SignedLanes)(places->carried == carried);
        found = found + found - near; /* what is true is -1 */
    }
    return (uint64_t)found[0] | (uint64_t)found[1] << 16 | (uint64_t)found[2] << 32 |
           (uint64_t)found[3] << 48;
}

/* Means of what was missed nearby, the nearest counting most; those count that are carried as this one is. */
static void look_around(const Motion *motion, Subject *subject)
{
    int64_t weights = 0, position_error = 0, rotation_error = 0;
    Vector sum = { { 0 } }, turns = { { 0 } };
    subject->distance = FAR_AWAY;
    for (uint64_t found = find_near(motion, subject); found; found &= found - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(found);
        const MotionTrace *trace = &motion->traces[(15 - bit % 16) * 4 + bit / 16];
        uint32_t dx = (uint32_t)trace->at[0] - (uint32_t)subject->at[0];
        uint32_t dy = (uint32_t)trace->at[1] - (uint32_t)subject->at[1];
        uint32_t dz = (uint32_t)trace->at[2] - (uint32_t)subject->at[2];
        uint32_t square = dx * dx + dy * dy + dz * dz;
        int64_t weight = nearness[square >> 12]; /* 0 beyond REACH, which is beyond FAR_AWAY too */
        weights += weight;
        for (int k = 0; k < 3; k++) {
            sum.v[k] += weight * trace->missed[k];
            turns.v[k] += weight * trace->turn_missed[k];
        }
        position_error += weight * trace->position_error;
        rotation_error += weight * trace->rotation_error;
        subject->distance = square < subject->distance ? square : subject->distance;
    }
    if (weights > 0) {
        for (int k = 0; k < 3; k++) {
            subject->neighbours.v[k] = sum.v[k] / weights;
            subject->neighbours_turn.v[k] = turns.v[k] / weights;
            subject->near_by.v[k] = sum.v[k] / (weights + THIN);
        }
        subject->position_error = (uint32_t)(position_error / weights);
        subject->rotation_error = (uint32_t)(rotation_error / weights);
    }
}

/* ---- all that is known ---- */

/* In which coordinate it is nearest to the lowest that there is, which is most likely the floor; how near. */
static int look_down(const Motion *motion, Subject *subject)
{
    uint32_t least = UINT32_MAX;
    int down = 0;
    for (int k = 0; k < 3; k++) {
        uint32_t above = (uint32_t)subject->at[k] - (uint32_t)motion->lowest[k];
        if (above < least) {
            least = above;
            down = k;
        }
    }
    subject->clearance = logarithm(least);
    return down;
}

/* Whether it went down faster lately than before. */
static bool is_falling(const Motion *motion, const Subject *subject)
{
    int64_t quick = over_lead(motion, subject->went[MOTION_RECENT].v[subject->down], MOTION_RECENT);
    int64_t slow = over_lead(motion, subject->went[MOTION_OLD].v[subject->down], MOTION_OLD);
    return quick - slow < -FALL;
}

static unsigned classify(const Motion *motion, const Subject *subject)
{
    if (subject->near && subject->rigidity < 1024 * 16) {
        uint32_t rigidity = subject->rigidity >> 4;
        return CLASS_CARRIED + (unsigned)((rigidity >= 16) + (rigidity >= 64) + (rigidity >= 256));
    }
    int64_t path = over_lead(motion, size_of(&subject->went[MOTION_OLD]), MOTION_OLD);
    if (subject->near && subject->rigidity < 4096 * 16 && path >= 60 << FINE_BITS) {
        return CLASS_LOOSE;
    }
    if (path < 30 << FINE_BITS) {
        return CLASS_SLOW;
    }
    uint32_t unsteadiness = subject->unsteadiness >> 2;
    unsigned first = is_falling(motion, subject) ? CLASS_FALLING : CLASS_SLOW + 1;
    return first + (unsigned)((unsteadiness >= 573) + (unsteadiness >= 1966) + (unsteadiness >= 6554));
}

static bool is_carried(unsigned class)
{
    return class >= CLASS_CARRIED && class <= CLASS_LOOSE;
}

/* Which shape residuals have. */
static unsigned group_of(unsigned class)
{
    return is_carried(class)                              ? 1
           : class >= CLASS_LINE && class < CLASS_FALLING ? 2
           : class == CLASS_RESTED || class == CLASS_SLOW ? 3
                                                          : 0;
}

/* Piece by piece: the rotations, most of it, need no clearing. */
static inline void subject_init(Subject *subject, const EntityState *base)
{
    subject->base = base;
    memset(subject->went, 0, sizeof subject->went);
    memset(subject->turned, 0, sizeof subject->turned);
    memset(subject->slid, 0, sizeof subject->slid);
    memset(subject->slid_turn, 0, sizeof subject->slid_turn);
    subject->arm = subject->swung = subject->drift = (Vector){ { 0 } };
    subject->neighbours = subject->neighbours_turn = subject->near_by = (Vector){ { 0 } };
    subject->line = subject->line_turn = (Vector){ { 0 } };
    subject->near = subject->carried = false;
    subject->rigidity = subject->turn_rigidity = UINT32_MAX;
    subject->unsteadiness = subject->position_error = subject->rotation_error = 0;
}

static void look(const Motion *motion, uint32_t index, Subject *subject)
{
    subject_init(subject, &motion->baseline->entities[index]);
    subject->at[0] = subject->base->x_mm;
    subject->at[1] = subject->base->y_mm;
    subject->at[2] = subject->base->z_mm;
    subject->rotation = unpack(motion, subject->base->rotation);
    look_back(motion, index, subject);
    subject->down = look_down(motion, subject);
    subject->line_points = fit_line(motion, subject, false, &subject->line);
    subject->line_turn_points = fit_line(motion, subject, true, &subject->line_turn);
    if (index == motion->carrier) {
        subject->class = CLASS_CARRIER;
    } else if (!subject->past[MOTION_RECENT] || !subject->past[MOTION_OLD]) {
        subject->class = CLASS_UNKNOWN;
    } else if (motion_same_place(subject->base, subject->past[MOTION_OLD])) {
        subject->class = CLASS_RESTED;
    } else {
        if (subject->line_points < 3 || subject->line_turn_points < 3) {
            look_at_carrier(motion, subject);
            look_at_drift(motion, subject);
        }
        subject->class = classify(motion, subject);
    }
    subject->carried = is_carried(subject->class);
    subject->turn_class = subject->class;
    if (!subject->carried && subject->class >= CLASS_SLOW) {
        if (subject->line_points >= 2) {
            subject->class = CLASS_LINE + subject->line_points - 2;
        }
        if (subject->line_turn_points >= 2) {
            subject->turn_class = CLASS_LINE + subject->line_turn_points - 2;
        }
    }
    look_around(motion, subject);
}

/* ---- positions ---- */

/* A spread is a sum over clues, most of which the three coordinates share. */
static inline int32_t shared_spread(const int16_t *weights, const int32_t *clues)
{
    int32_t sum = 64;
    for (unsigned i = 0; i < MOTION_CLUES; i++) {
        sum += weights[i] * clues[i];
    }
    return sum;
}

static inline unsigned spread_of(int32_t sum)
{
    sum >>= 7;
    return sum < 0 ? 0 : sum >= RESIDUAL_SPREAD ? RESIDUAL_SPREAD - 1 : (unsigned)sum;
}

static int64_t mean_of(const int16_t *weights, const int64_t *features)
{
    int64_t sum = 1 << (WEIGHT_BITS - 1);
    uint64_t large = 0;
    for (unsigned i = 0; i < MOTION_FEATURES; i++) {
        large |= (uint64_t)features[i] + (1 << 30);
    }
    for (unsigned i = 0; i < MOTION_FEATURES; i++) { /* nearly never is anything that large */
        sum += weights[i] * (large >> 31 ? clamp(features[i], 1 << 30) : features[i]);
    }
    return sum >> WEIGHT_BITS;
}

/* How much farther off than the spread says, in 1/16 of a power of two, followed slowly. */
static void learn_surprise(int32_t *surprise, int64_t residual, unsigned spread)
{
    int32_t off = logarithm((uint64_t)magnitude(residual)) - (int32_t)spread * 2;
    *surprise += ((off + 24) * 16 - *surprise) >> 4;
}

/* How far below the floor it would go. */
static int64_t below_floor(const Motion *motion, const Subject *subject, int64_t down)
{
    int k = subject->down;
    int64_t below = between(motion->lowest[k], subject->at[k]) * (1 << FINE_BITS) - down;
    return below < 0 ? 0 : below < 1 << 18 ? below : 1 << 18;
}

static void code_position(Motion *motion, RangeCoder *coder, const Subject *subject, int32_t *position,
                          MotionTrace *trace)
{
    uint64_t missed = 0;
    int32_t clues[MOTION_CLUES] = {
        [0] = 16, /* 1, 2, 3, 12, 14, 15 and 18 are each coordinate's own */
        [4] = logarithm(subject->position_error),
        [5] = logarithm(subject->distance),
        [6] = subject->near ? logarithm(subject->rigidity) : 0,
        [7] = subject->near ? logarithm((uint64_t)size_of(&subject->slid[MOTION_RECENT])) : 0,
        [8] = subject->carried ? logarithm(motion->drift.count) : 0,
        [9] = logarithm((uint64_t)size_of(&subject->neighbours)),
        [10] = subject->clearance,
        [11] = subject->near ? logarithm((uint64_t)size_of(&subject->arm) >> 4) : 0,
        [13] = subject->near ? logarithm((uint64_t)size_of(&subject->slid[MOTION_OLDER])) : 0,
        [16] = logarithm((uint64_t)size_of(&motion->carrier_step)),
        [17] = logarithm((uint64_t)size_of(&motion->carrier_angle)),
    };
    const int16_t *spreads = motion_position_spread[subject->class];
    const int32_t shared = shared_spread(spreads, clues);
    for (int k = 0; k < 3; k++) {
        int64_t quick = over_lead(motion, subject->went[MOTION_RECENT].v[k], MOTION_RECENT);
        int64_t slow = over_lead(motion, subject->went[MOTION_OLD].v[k], MOTION_OLD);
        const int64_t features[MOTION_FEATURES] = {
            quick,
            slow,
            over_lead(motion, subject->went[MOTION_OLDER].v[k], MOTION_OLDER),
            subject->line.v[k],
            subject->neighbours.v[k],
            subject->swung.v[k],
            subject->drift.v[k],
            subject->slid[MOTION_RECENT].v[k],
            over_lead(motion, subject->slid[MOTION_OLD].v[k], MOTION_OLD),
            subject->slid[MOTION_OLDER].v[k],
            subject->near_by.v[k],
            k == subject->down ? motion->lead * (6 << FINE_BITS) : 0,
            k == subject->down ? below_floor(motion, subject, quick) : 0
        };
        clues[1] = logarithm((uint64_t)magnitude(quick - slow));
        clues[2] = logarithm((uint64_t)magnitude(slow));
        clues[3] = logarithm(missed);
        clues[12] = motion->surprise[0][subject->carried] >> 4;
        clues[14] = logarithm((uint64_t)magnitude(subject->swung.v[k] - quick));
        clues[15] = k == subject->down ? 16 : 0;
        clues[18] = logarithm((uint64_t)magnitude(subject->slid[MOTION_OLD].v[k]));
        int64_t mean = mean_of(motion_position_mean[subject->class], features);
        unsigned spread =
            spread_of(shared + spreads[1] * clues[1] + spreads[2] * clues[2] + spreads[3] * clues[3] +
                      spreads[12] * clues[12] + spreads[14] * clues[14] + spreads[15] * clues[15] +
                      spreads[18] * clues[18]);
        int32_t gone = (int32_t)((uint32_t)position[k] - (uint32_t)subject->at[k]);
        MOTION_OBSERVE(0, subject->class, features, clues, gone, mean);
        gone = residual_code(coder, &motion_position_shape[group_of(subject->class)], mean, spread, gone);

        position[k] = (int32_t)((uint32_t)subject->at[k] + (uint32_t)gone);
        int64_t residual = (int64_t)gone * (1 << FINE_BITS) - mean;
        trace->residual.v[k] = clamp(residual, 1 << 20);
        missed += (uint64_t)clamp(magnitude(residual), 1 << 22);
        int64_t shown = subject->carried ? (int64_t)gone * (1 << FINE_BITS) - subject->swung.v[k] : residual;
        trace->missed[k] = (int32_t)clamp(shown, 1 << 20);
        learn_surprise(&motion->surprise[0][subject->carried], residual, spread);
    }
    trace->position_error = (int32_t)missed;
}

/* ---- rotations ---- */

static Quaternion expected_rotation(const Motion *motion, const Subject *subject, const int32_t *position,
                                    const MotionTrace *trace, int64_t features[3][MOTION_FEATURES])
{
    Vector roll = { { 0 } }, own_roll = { { 0 } }, missed_roll = { { 0 } }, sum;
    if (subject->near) {
        int64_t square = 1;
        Vector slip, away;
        for (int k = 0; k < 3; k++) {
            slip.v[k] = between(position[k], subject->at[k]) * (1 << FINE_BITS) - subject->swung.v[k];
            slip.v[k] = clamp(slip.v[k], 4096 << FINE_BITS);
            away.v[k] = -subject->arm.v[k] >> FINE_BITS;
            square += away.v[k] * away.v[k];
        }
        roll = cross(away.v, slip.v);
        missed_roll = cross(away.v, trace->residual.v);
        int64_t length = square_root((uint64_t)square);
        for (int k = 0; k < 3; k++) {
            roll.v[k] = roll.v[k] * 3 / length;
            missed_roll.v[k] = missed_roll.v[k] * 3 / length;
        }
    }
    int64_t floor[3] = { 0 };
    floor[subject->down] = 1;
    own_roll = cross(floor, trace->residual.v);
    for (int k = 0; k < 3; k++) {
        int64_t quick = over_lead(motion, subject->turned[MOTION_RECENT].v[k], MOTION_RECENT);
        int64_t slow = over_lead(motion, subject->turned[MOTION_OLD].v[k], MOTION_OLD);
        const int64_t all[MOTION_FEATURES] = {
            quick,
            slow,
            over_lead(motion, subject->turned[MOTION_OLDER].v[k], MOTION_OLDER),
            subject->line_turn.v[k],
            subject->neighbours_turn.v[k],
            motion->carrier_angle.v[k],
            subject->slid_turn[MOTION_RECENT].v[k],
            over_lead(motion, subject->slid_turn[MOTION_OLD].v[k], MOTION_OLD),
            roll.v[k],
            own_roll.v[k],
            missed_roll.v[k]
        };
        memcpy(features[k], all, sizeof all);
        sum.v[k] = clamp(mean_of(motion_rotation_mean[subject->turn_class], features[k]), ONE);
    }
    Quaternion step = turn_by(&sum);
    return multiply(&step, &subject->rotation);
}

static inline void put_larger_first(uint64_t *a, uint64_t *b)
{
    uint64_t larger = *a > *b ? *a : *b, smaller = *a > *b ? *b : *a;
    *a = larger;
    *b = smaller;
}

/* Which component is largest: the candidates in the order of their expected magnitude. */
static unsigned code_largest(Motion *motion, RangeCoder *coder, const Quaternion *expected, unsigned largest)
{
    uint64_t order[4]; /* magnitudes, and 3 less the index: what is as large comes in the order x, y, z, w */
    for (unsigned i = 0; i < 4; i++) {
        order[i] = (uint64_t)magnitude(expected->v[i]) << 2 | (3 - i);
    }
    put_larger_first(&order[0], &order[1]);
    put_larger_first(&order[2], &order[3]);
    put_larger_first(&order[0], &order[2]);
    put_larger_first(&order[1], &order[3]);
    put_larger_first(&order[1], &order[2]);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t lead = (order[i] >> 2) - (order[i + 1] >> 2);
        unsigned gap = (unsigned)(lead * 5 >> 13), index = 3 - (unsigned)(order[i] & 3);
        MOTION_OBSERVE_LARGEST(i, gap, largest == index);
        if (range_bit(coder, &motion->largest[i][gap < 15 ? gap : 15], largest == index)) {
            return index;
        }
    }
    return 3 - (unsigned)(order[3] & 3);
}

static void code_rotation(Motion *motion, RangeCoder *coder, const Subject *subject, const int32_t *position,
                          uint64_t *rotation, MotionTrace *trace)
{
    int64_t features[3][MOTION_FEATURES];
    Quaternion expected = expected_rotation(motion, subject, position, trace, features);
    uint64_t actual = *rotation;
    unsigned largest = code_largest(motion, coder, &expected, quat_largest(actual));
    int64_t sign = expected.v[largest] < 0 ? -1 : 1, base_sign = subject->rotation.v[largest] < 0 ? -1 : 1;
    uint64_t codes[3], missed = 0;
    int32_t clues[MOTION_CLUES] = {
        [0] = 16, /* 2, 3 and 11 are each component's own */
        [1] = logarithm(subject->unsteadiness >> 2),
        [4] = logarithm((uint32_t)trace->position_error),
        [5] = logarithm(subject->rotation_error),
        [6] = logarithm(subject->distance),
        [7] = subject->near ? logarithm(subject->turn_rigidity) : 0,
        [8] = subject->near ? logarithm(subject->rigidity) : 0,
        [9] = subject->carried ? logarithm(motion->drift.count)
                               : logarithm((uint64_t)size_of(&subject->neighbours_turn)),
        [10] = subject->clearance,
        [12] = subject->near ? logarithm((uint64_t)size_of(&subject->slid_turn[MOTION_RECENT])) : 0,
        [13] = subject->near ? logarithm((uint64_t)size_of(&subject->arm) >> 4) : 0,
        [14] = logarithm((uint64_t)size_of(&motion->carrier_step)),
        [15] = logarithm((uint64_t)size_of(&motion->carrier_angle)),
        [16] = logarithm((uint64_t)size_of(&trace->residual)),
        [17] = logarithm((uint64_t)size_of(&subject->neighbours_turn)),
        [18] = logarithm((uint64_t)size_of(&subject->turned[MOTION_RECENT])),
    };
    const int16_t *spreads = motion_rotation_spread[subject->turn_class];
    const int32_t shared = shared_spread(spreads, clues);
    for (unsigned k = 0, place = 0; k < 4; k++) {
        if (k == largest) {
            continue;
        }
        int64_t mean = ((sign * expected.v[k] * motion->steps * HALF_SQRT) >> (32 - FINE_BITS)) +
                       (int64_t)motion->steps * (1 << (FINE_BITS - 1));
        int64_t change = sign * expected.v[k] - base_sign * subject->rotation.v[k];
        clues[2] = logarithm((uint64_t)magnitude(change));
        clues[3] = logarithm(missed);
        clues[11] = motion->surprise[1][subject->carried] >> 4;
        unsigned spread =
            spread_of(shared + spreads[2] * clues[2] + spreads[3] * clues[3] + spreads[11] * clues[11]);
        int32_t code = quat_component(actual, place);
        MOTION_OBSERVE(1, subject->turn_class, features[0], clues, code, mean);
        code =
            residual_code(coder, &motion_rotation_shape[group_of(subject->turn_class)], mean, spread, code);
        range_require(coder, code >= 0 && code <= (int32_t)motion->steps, STATUS_OUT_OF_RANGE);
        code = code < 0 ? 0 : code <= (int32_t)motion->steps ? code : (int32_t)motion->steps;
        codes[place++] = (uint32_t)code;
        int64_t residual = (int64_t)code * (1 << FINE_BITS) - mean;
        missed += (uint64_t)clamp(magnitude(residual), 1 << 22);
        learn_surprise(&motion->surprise[1][subject->carried], residual, spread);
    }
    *rotation = quat_join(largest, codes[0], codes[1], codes[2]);
    trace->rotation_error = (int32_t)missed;
    Quaternion now = unpack(motion, *rotation);
    MOTION_OBSERVE_TURN(motion, subject, &now, features);
    if (subject->carried) {
        expected = multiply(&motion->carrier_turn, &subject->rotation);
    }
    Quaternion off = turn_between(&now, &expected);
    Vector angle = angle_of(&off);
    for (int k = 0; k < 3; k++) {
        trace->turn_missed[k] = (int32_t)clamp(angle.v[k], ONE);
    }
}

/* ---- entities ---- */

static Vector place_of(const EntityState *entity)
{
    return (Vector){ { (int64_t)entity->x_mm * (1 << FINE_BITS), (int64_t)entity->y_mm * (1 << FINE_BITS),
                       (int64_t)entity->z_mm * (1 << FINE_BITS) } };
}

/* The carrier is now known to be at `entity`. */
static void begin_carrying(Motion *motion, const EntityState *entity)
{
    const EntityState *base = &motion->baseline->entities[motion->carrier];
    Quaternion now = unpack(motion, entity->rotation), was = unpack(motion, base->rotation);
    motion->carrier_turn = turn_between(&now, &was);
    motion->carrier_angle = angle_of(&motion->carrier_turn);
    motion->carrier_step = displacement(entity, base);
    motion->carrier_at[0] = place_of(base);
    for (unsigned j = 0; j <= MOTION_OLDER; j++) {
        const EntityState *past = motion_find(motion->past[j], motion->carrier, entity->handle);
        motion->carrier_known[1 + j] = past != NULL;
        if (past) {
            Quaternion before = unpack(motion, past->rotation);
            motion->carrier_turned[1 + j] = turn_between(&was, &before);
            motion->carrier_at[1 + j] = place_of(past);
        }
    }
    motion->carrying = motion->carrier_known[1 + MOTION_OLD];
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
    for (unsigned j = MOTION_OLDER; j < MOTION_PAST; j++) {
        if (motion->past[j] && index < motion->past[j]->entity_count) {
            __builtin_prefetch(&motion->past[j]->entities[index]); /* long out of the cache */
        }
    }
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
        look(motion, index, &subject);
        MotionTrace trace = { .at = { was[0], was[1], was[2] }, .carried = subject.carried };
        if (moved) {
            code_position(motion, coder, &subject, position, &trace);
        }
        if (turned) {
            code_rotation(motion, coder, &subject, position, &entity->rotation, &trace);
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

/* Whether two hold the same at the same place; the number of the channels may differ in where they are. */
static inline uint64_t unlike(const EntityState *a, const EntityState *b)
{
    static_assert(sizeof *a == 32 && offsetof(EntityState, first_channel) == 8 &&
                      offsetof(EntityState, x_mm) == 12,
                  "all of an entity but the second word and a half of its four");
    uint64_t p[4], q[4];
    memcpy(p, a, sizeof p);
    memcpy(q, b, sizeof q);
    return (p[0] ^ q[0]) | (p[2] ^ q[2]) | (p[3] ^ q[3]) | (uint32_t)(a->x_mm ^ b->x_mm);
}

unsigned motion_look_lately(const Motion *motion, uint32_t index)
{
    const EntityState *base = &motion->baseline->entities[index];
    const EntityState *recent = motion_find(motion->past[MOTION_RECENT], index, base->handle);
    if (!recent) {
        return 0;
    }
    if (!motion_same_place(base, recent)) {
        return 3;
    }
    const EntityState *old = motion_find(motion->past[MOTION_OLD], index, base->handle);
    return old && !motion_same_place(base, old) ? 2 : 1;
}

/* Looks once at all; most of them rest, which is soon seen. Looks for the lowest places, too. */
static void glance(Motion *motion)
{
    const Snapshot *baseline = motion->baseline, *recent = motion->past[MOTION_RECENT],
                   *old = motion->past[MOTION_OLD];
    uint32_t both = recent && old ? recent->entity_count : 0;
    both = both > 0 && old->entity_count < both ? old->entity_count : both;
    int32_t x = INT32_MAX, y = INT32_MAX, z = INT32_MAX;
    for (uint32_t i = 0; i < baseline->entity_count; i++) {
        const EntityState *base = &baseline->entities[i];
        x = base->x_mm < x ? base->x_mm : x;
        y = base->y_mm < y ? base->y_mm : y;
        z = base->z_mm < z ? base->z_mm : z;
        if (i < MOTION_GLANCED) {
            bool rests = i < both && (unlike(base, &recent->entities[i]) | unlike(base, &old->entities[i])) == 0;
            motion->lately[i] = rests ? 1 : (uint8_t)motion_look_lately(motion, i);
        }
    }
    motion->glanced = baseline->entity_count < MOTION_GLANCED ? baseline->entity_count : MOTION_GLANCED;
    motion->lowest[0] = x;
    motion->lowest[1] = y;
    motion->lowest[2] = z;
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
        motion->places[i].carried = lanes_of(MOTION_NO_TRACE);
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

/* As look_at_carrier would say it of the baseline's entity at `index`. */
static uint32_t rigidity_beside(const Motion *motion, uint32_t index)
{
    const EntityState *base = &motion->baseline->entities[index];
    const EntityState *old = motion_find(motion->past[MOTION_OLD], index, base->handle);
    const Vector at = place_of(base);
    const Vector arm = difference(&at, &motion->carrier_at[0]);
    if (!motion->carrying || !old || !is_near(&arm)) {
        return UINT32_MAX;
    }
    const Vector went = displacement(base, old);
    const Vector slid = slid_since(motion, MOTION_OLD, &at, &went, &arm);
    return rigidity_of(&slid);
}

uint32_t motion_find_carrier(const Motion *motion)
{
    enum { CANDIDATES = 4, FOLLOWERS = 16, RIGID_ENOUGH = 10 * 16 };
    uint32_t moving[FOLLOWERS * 4], count = 0, best = MOTION_NO_CARRIER, most = RIGID_ENOUGH / 2;
    if (!motion->past[MOTION_RECENT] || !motion->past[MOTION_OLD]) {
        return MOTION_NO_CARRIER;
    }
    for (uint32_t i = 0; i < motion->baseline->entity_count && count < ARRAY_COUNT(moving); i++) {
        if (motion_recent(motion, i) == 3) {
            moving[count++] = i;
        }
    }
    for (uint32_t c = 0; c < count && c < CANDIDATES; c++) {
        Motion trial;
        memset(&trial, 0, offsetof(Motion, slabs));
        trial.baseline = motion->baseline;
        trial.past[MOTION_OLD] = motion->past[MOTION_OLD];
        trial.steps = motion->steps;
        trial.step_size = motion->step_size;
        trial.carrier = moving[c];
        const EntityState *entity = &motion->baseline->entities[moving[c]];
        begin_carrying(&trial, entity);
        uint32_t score = 0;
        uint32_t step = count / FOLLOWERS + 1;
        for (uint32_t f = c + 1; f < count; f += step) {
            int32_t gain = RIGID_ENOUGH - logarithm(rigidity_beside(&trial, moving[f]) >> 4);
            score += gain > 0 ? (uint32_t)gain : 0;
        }
        if (score > most) {
            most = score;
            best = moving[c];
        }
    }
    return best;
}
