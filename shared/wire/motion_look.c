/* motion_look.c - what is known of an entity before it is coded: where it was, what line it keeps to, what
 * carries it, what its neighbours missed. */
#include "shared/wire/motion_subject.h"

#define NEAR          8192 /* farther from the carrier nothing is carried */
#define REACH         500  /* farther than this, nothing is a neighbour */
#define REACH_SQUARED (REACH * REACH)
#define FAR_AWAY      90000            /* squared distance that counts as no neighbour */
#define FALL          (8 << FINE_BITS) /* lower by this than it went is falling */
#define THIN          60               /* neighbours that weigh less say less */
#define LINE_REACH    (1 << 17)        /* a line is not looked for in what went farther */
#define MEAN_BITS     36               /* of a reciprocal of weights */
#define HALF_EDGE     102              /* of a cube that may stand on a corner */
#define SUNK_MOST     (1 << 18)

/* ---- history ---- */

/* The turn from the past one at `j` to the baseline. */
static Vector turned_since(const Motion *motion, Subject *subject, unsigned j)
{
    Quaternion turn = { { 0, 0, 0, ONE } };
    Vector angle = { { 0 } };
    if (subject->past[j]->rotation != subject->base->rotation) {
        Quaternion before = unpack(motion, subject->past[j]->rotation);
        turn = turn_between(&subject->rotation, &before);
        angle = angle_of(&turn);
    }
    if (j <= MOTION_OLD) {
        subject->turns[j] = turn;
    }
    return angle;
}

static void look_back(const Motion *motion, uint32_t index, Subject *subject, unsigned from, unsigned to)
{
    for (unsigned j = from; j < to; j++) {
        subject->past[j] = motion_find(motion->past[j], index, subject->base->handle);
        if (subject->past[j]) {
            subject->went[j] = displacement(subject->base, subject->past[j]);
        }
    }
}

/* How what is not carried turned. */
static void look_at_turns(const Motion *motion, Subject *subject)
{
    for (unsigned j = 0; j <= MOTION_OLD; j++) {
        if (subject->past[j]) {
            /* The loop that asks ends before MOTION_PAST. */
            /* cppcheck-suppress arrayIndexOutOfBoundsCond */
            subject->turned[j] = turned_since(motion, subject, j);
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

/* The same of the baseline and the first two past ones, `first` and `second` ago. */
static inline bool are_straight(int64_t first, const Vector *since_first, int64_t second,
                                const Vector *since_second, int64_t step)
{
    int64_t sum = 0;
    for (int k = 0; k < 3; k++) {
        int64_t off = first * since_second->v[k] - second * since_first->v[k];
        sum += off * off;
    }
    int64_t apart = second - first;
    return sum <= (first * first + second * second + apart * apart) * step * step;
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

/* What was gone since the past one at `j`: places in units, turns as angles. False: too far for a line. */
static inline bool gone_since(const Motion *motion, Subject *subject, unsigned j, const bool turns,
                              Vector *out_gone)
{
    if (turns) {
        if (j > MOTION_OLD) {
            /* The loop that asks ends before MOTION_PAST. */
            /* cppcheck-suppress arrayIndexOutOfBoundsCond */
            subject->turned[j] = turned_since(motion, subject, j);
        }
        *out_gone = subject->turned[j];
        return true;
    }
    for (int k = 0; k < 3; k++) {
        out_gone->v[k] = subject->went[j].v[k] >> FINE_BITS;
    }
    return size_of(out_gone) <= LINE_REACH;
}

/* Whether recent and old are on a line with the baseline. */
static bool keeps_straight(const Motion *motion, Subject *subject)
{
    Vector gone[2];
    return subject->past[0] && subject->past[1] && motion->ages[1] > motion->ages[0] &&
           gone_since(motion, subject, 0, false, &gone[0]) &&
           gone_since(motion, subject, 1, false, &gone[1]) &&
           are_straight(motion->ages[0], &gone[0], motion->ages[1], &gone[1], 1);
}

/* The longest line that ends in the baseline: how many past ones are on it. Each must be older than the one
 * before. *out_to is left as it is where there are less than two. */
static inline unsigned fit_line(const Motion *motion, Subject *subject, const bool turns, Vector *out_to)
{
    const int64_t step = turns ? motion->step_size >> ONE_BITS : 1;
    const int32_t *ages = motion->ages;
    Vector gone[2];
    if (!subject->past[0] || !subject->past[1] || ages[1] <= ages[0] ||
        !gone_since(motion, subject, 0, turns, &gone[0]) ||
        !gone_since(motion, subject, 1, turns, &gone[1]) ||
        !are_straight(ages[0], &gone[0], ages[1], &gone[1], step)) {
        return 0;
    }
    Line line = { .n = 1 };
    add_point(&line, 1, ages[0], &gone[0]);
    add_point(&line, 1, ages[1], &gone[1]);
    unsigned points = 2;
    for (unsigned j = 2; j < MOTION_PAST && subject->past[j] && ages[j] > ages[j - 1]; j++) {
        Vector further;
        if (!gone_since(motion, subject, j, turns, &further)) {
            break;
        }
        add_point(&line, 1, ages[j], &further);
        if (!is_straight(&line, step)) {
            add_point(&line, -1, ages[j], &further);
            break;
        }
        points++;
    }
    *out_to = at_lead(&line, motion->lead, turns ? 1 : 1 << FINE_BITS);
    for (int k = 0; k < 3; k++) {
        out_to->v[k] = clamp(out_to->v[k], 1 << 30);
    }
    return points;
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
        before.v[k] = at->v[k] - went->v[k] - motion->carrier_at[1 + j].v[k];
    }
    limit_vector(&before, 1 << 22);
    Vector then = transform(&motion->carrier_swung[1 + j], &before);
    return difference(arm, &then);
}

/* In 1/16 of the square of a unit. */
static inline int32_t rigidity_of(const Vector *slid)
{
    Vector error = *slid;
    limit_vector(&error, 1 << 18);
    int64_t square = error.v[0] * error.v[0] + error.v[1] * error.v[1] + error.v[2] * error.v[2];
    return size_for_log(square >> (2 * FINE_BITS - 4));
}

int32_t motion_rigidity(const Motion *motion, uint32_t index)
{
    Subject subject = { .base = &motion->baseline->entities[index] };
    const Vector at = place_of(subject.base), arm = difference(&at, &motion->carrier_at[0]);
    look_back(motion, index, &subject, 0, MOTION_OLD + 1);
    if (!motion->carrying || !subject.past[MOTION_OLD] || !is_near(&arm) ||
        keeps_straight(motion, &subject)) {
        return LOG_MOST;
    }
    const Vector slid = slid_since(motion, MOTION_OLD, &at, &subject.went[MOTION_OLD], &arm);
    return rigidity_of(&slid);
}

/* Where the carrier takes it, and how it kept its place on it so far. */
static void look_at_carrier(const Motion *motion, Subject *subject)
{
    const Vector at = place_of(subject->base);
    Vector arm = difference(&at, &motion->carrier_at[0]);
    if (!motion->carrying || !is_near(&arm)) {
        return;
    }
    subject->near = true;
    subject->arm = arm;
    Vector swung = transform(&motion->carrier_swing, &arm);
    for (int k = 0; k < 3; k++) {
        subject->swung.v[k] = swung.v[k] - arm.v[k] + motion->carrier_step.v[k];
    }
    for (unsigned j = 0; j <= MOTION_OLDER; j++) {
        if (subject->past[j] && motion->carrier_known[1 + j]) {
            subject->slid[j] = slid_since(motion, j, &at, &subject->went[j], &arm);
        }
    }
    subject->rigidity = rigidity_of(&subject->slid[MOTION_OLD]);
}

/* How what the carrier does not carry turned beside it. */
static void look_at_carrier_turn(const Motion *motion, Subject *subject)
{
    for (unsigned j = 0; j <= MOTION_OLD; j++) {
        if (subject->past[j] && motion->carrier_known[1 + j]) {
            Quaternion beside = turn_between(&subject->turns[j], &motion->carrier_turned[1 + j]);
            subject->slid_turn[j] = angle_of(&beside);
        }
    }
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
 * n % 4 × 16 + n / 4. */
static inline uint64_t find_near(const Motion *motion, const Subject *subject)
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
    uint32_t count = motion->trace_count < MOTION_NEIGHBOURS ? motion->trace_count : MOTION_NEIGHBOURS;
    for (unsigned i = (count + 3) / 4; i-- > 0;) {
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
        const MotionTrace *trace = &motion->traces[bit % 16 * 4 + bit / 16];
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
    if (weights > 0) { /* at most 2^21, and what is meant at most 2^22 */
        int64_t part = (INT64_C(1) << MEAN_BITS) / weights,
                thin = (INT64_C(1) << MEAN_BITS) / (weights + THIN);
        for (int k = 0; k < 3; k++) {
            subject->neighbours.v[k] = (sum.v[k] >> 4) * part >> (MEAN_BITS - 4);
            subject->neighbours_turn.v[k] = (turns.v[k] >> 4) * part >> (MEAN_BITS - 4);
            subject->near_by.v[k] = (sum.v[k] >> 4) * thin >> (MEAN_BITS - 4);
        }
        subject->position_error = (int32_t)((position_error >> 4) * part >> (MEAN_BITS - 4));
        subject->rotation_error = (int32_t)((rotation_error >> 4) * part >> (MEAN_BITS - 4));
    }
}

/* ---- all that is known ---- */

/* In which coordinate it is nearest to the lowest that there is, which is most likely the floor; how near. */
static int look_down(const Motion *motion, Subject *subject)
{
    int down = 0;
    subject->clearance = UINT32_MAX;
    for (int k = 0; k < 3; k++) {
        uint32_t above = (uint32_t)subject->at[k] - (uint32_t)motion->lowest[k];
        if (above < subject->clearance) {
            subject->clearance = above;
            down = k;
        }
    }
    return down;
}

/* Whether it went down faster lately than before. */
static bool is_falling(const Motion *motion, const Subject *subject)
{
    int64_t quick = over_lead(motion, subject->went[MOTION_RECENT].v[subject->down], MOTION_RECENT);
    int64_t slow = over_lead(motion, subject->went[MOTION_OLD].v[subject->down], MOTION_OLD);
    return quick - slow < -FALL;
}

/* Of what moves: whether and how firmly it is carried; CLASS_SLOW: it is not. */
static unsigned classify_carried(const Subject *subject, int64_t path)
{
    int32_t rigidity = subject->rigidity >> 4;
    if (!subject->near || rigidity >= 4096 || (rigidity >= 1024 && path < 60 << FINE_BITS)) {
        return CLASS_SLOW;
    }
    return CLASS_CARRIED +
           (unsigned)((rigidity >= 16) + (rigidity >= 64) + (rigidity >= 256) + (rigidity >= 1024));
}

static unsigned classify_free(const Motion *motion, const Subject *subject, int64_t path)
{
    if (path < 30 << FINE_BITS) {
        return CLASS_SLOW;
    }
    uint32_t unsteadiness = subject->unsteadiness >> 2;
    unsigned first = is_falling(motion, subject) ? CLASS_FALLING : CLASS_SLOW + 1;
    return first + (unsigned)((unsteadiness >= 573) + (unsteadiness >= 1966) + (unsteadiness >= 6554));
}

/* The floor is where it would be if the lowest entity were a cube that lies on it, and this one another that
 * stands on an edge or a corner. */
static int32_t look_how_sunk(const Motion *motion, const Subject *subject)
{
    const unsigned d = (unsigned)subject->down;
    const Quaternion *q = subject->carried ? &subject->taken : &subject->rotation;
    int64_t gone = subject->swung.v[d];
    if (!subject->carried) {
        gone = over_lead(motion, subject->went[MOTION_RECENT].v[d], MOTION_RECENT);
        gone -= subject->class >= CLASS_FALLING || subject->turn_class >= CLASS_FALLING ? motion->lead * LEVEL
                                                                                        : 0;
    }
    const Matrix matrix = matrix_of(q);
    int64_t stands = magnitude(matrix.m[d][0]) + magnitude(matrix.m[d][1]) + magnitude(matrix.m[d][2]) - ONE;
    int64_t height =
        (int64_t)(subject->clearance < 1 << 24 ? subject->clearance : 1 << 24) * (1 << FINE_BITS) + gone;
    return (int32_t)clamp((stands * HALF_EDGE >> (ONE_BITS - FINE_BITS)) - height, SUNK_MOST);
}

/* Piece by piece: most of it is only looked at where it was filled. */
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
    subject->rigidity = subject->position_error = subject->rotation_error = 0;
    subject->unsteadiness = 0;
}

/* Of what is not carried: how it turned, and whether it keeps to a line. */
static void look_at_free(const Motion *motion, uint32_t index, Subject *subject, int64_t path)
{
    look_back(motion, index, subject, MOTION_OLDER + 1, MOTION_PAST);
    look_at_turns(motion, subject);
    if (subject->near) {
        look_at_carrier_turn(motion, subject);
    }
    subject->line_points = fit_line(motion, subject, false, &subject->line);
    subject->line_turn_points = fit_line(motion, subject, true, &subject->line_turn);
    if (subject->class == CLASS_SLOW) {
        subject->class = subject->turn_class = classify_free(motion, subject, path);
        if (subject->line_points >= 2) {
            subject->class = CLASS_LINE + subject->line_points - 2;
        }
        if (subject->line_turn_points >= 2) {
            subject->turn_class = CLASS_LINE + subject->line_turn_points - 2;
        }
    }
}

void motion_look(const Motion *motion, uint32_t index, Subject *subject)
{
    subject_init(subject, &motion->baseline->entities[index]);
    subject->at[0] = subject->base->x_mm;
    subject->at[1] = subject->base->y_mm;
    subject->at[2] = subject->base->z_mm;
    subject->rotation = unpack(motion, subject->base->rotation);
    look_back(motion, index, subject, 0, MOTION_OLDER + 1);
    subject->down = look_down(motion, subject);
    int64_t path = 0;
    if (index == motion->carrier) {
        subject->class = CLASS_CARRIER;
    } else if (!subject->past[MOTION_RECENT] || !subject->past[MOTION_OLD]) {
        subject->class = CLASS_UNKNOWN;
    } else if (motion_same_place(subject->base, subject->past[MOTION_OLD])) {
        subject->class = CLASS_RESTED;
    } else {
        look_at_carrier(motion, subject);
        look_at_drift(motion, subject);
        path = over_lead(motion, size_of(&subject->went[MOTION_OLD]), MOTION_OLD);
        subject->class = classify_carried(subject, path);
    }
    subject->turn_class = subject->class;
    subject->carried = is_carried(subject->class);
    if (subject->carried) {
        subject->taken = multiply(&motion->carrier_turn, &subject->rotation);
    } else {
        look_at_free(motion, index, subject, path);
    }
    subject->sunk = look_how_sunk(motion, subject);
    look_around(motion, subject);
}
