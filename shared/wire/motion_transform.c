/* motion_transform.c - codes where an entity is and how it is turned, by what is known of it. */
#include "shared/wire/motion_subject.h"
#include "shared/wire/motion_table.h"

#define WEIGHT_BITS   9
#define CARRIED_PARTS 10 /* of a mean of what is carried */
#define TURN_PARTS    11 /* of a turn of what is not */

/* The tool that fits the tables looks in here. */
#ifndef MOTION_OBSERVE
#define MOTION_OBSERVE(kind, class, features, clues, value, mean, spread)
#define MOTION_OBSERVE_TURN(motion, subject, now, parts)
#define MOTION_OBSERVE_LARGEST(place, gap, hit)
#endif

/* Which shape residuals have. */
static inline unsigned group_of(unsigned class)
{
    return is_carried(class)                              ? 1
           : class >= CLASS_LINE && class < CLASS_FALLING ? 2
           : class == CLASS_RESTED || class == CLASS_SLOW ? 3
                                                          : 0;
}

/* ---- what both have in common ---- */

/* Clues: [0] is 16; up to CLUES_SHARED an entity's; CLUES_OWN of each coordinate; then how much of the others
 * was missed, and how spreads went wrong lately. */
enum { CLUES_SHARED = 16, CLUES_OWN = 4, CLUE_MISSED = 20, CLUE_SURPRISE = 21, CLUE_DOWN = 22 };

typedef struct Clues {
    Four shared[CLUES_SHARED / 4]; /* sizes at first */
    Four own[CLUES_OWN];           /* by coordinate in each; of either sign, from -LOG_MOST to LOG_MOST */
} Clues;

/* What clues say of a spread: a weight times each, and what of it is not straight, in 1/64. */
typedef struct Weighed {
    int32_t of[4]; /* each coordinate */
} Weighed;

/* Turns the sizes into logarithms; [0] begins as 0. */
static inline Weighed weigh_clues(Clues *clues, const int16_t *weights, const MotionBends *bends)
{
    int32_t whole[CLUES_SHARED], whole_own[CLUES_OWN][4], bent = 0;
    Four sum = { 0 }, own = { 0 };
    for (unsigned i = 0; i < CLUES_SHARED / 4; i++) {
        Four logs = logarithms(clues->shared[i]);
        if (i == 0) {
            logs[0] = 16;
        }
        clues->shared[i] = logs;
        sum += times(logs, four_of(&weights[i * 4]));
        logs >>= 4;
        memcpy(&whole[i * 4], &logs, sizeof logs);
    }
    for (unsigned i = 0; i < CLUES_OWN; i++) {
        const Four sign = clues->own[i] < (Four){ 0 }; /* all ones where it is negative */
        Four logs = logarithms((clues->own[i] ^ sign) - sign);
        clues->own[i] = logs;
        const int16_t w = weights[CLUES_SHARED + i];
        own += times(logs, (Four){ w, w, w, w });
        logs >>= 4;
        memcpy(whole_own[i], &logs, sizeof logs);
    }
    for (unsigned i = 1; i < CLUES_SHARED; i++) {
        bent += bends->of[i][whole[i]];
    }
    int32_t all = 64 + sum[0] + sum[1] + sum[2] + sum[3] + bent * 16;
    Weighed weighed;
    own += (Four){ all, all, all, all };
    memcpy(weighed.of, &own, sizeof own);
    for (unsigned k = 0; k < 4; k++) {
        bent = 0;
        for (unsigned i = 0; i < CLUES_OWN; i++) {
            bent += bends->of[CLUES_SHARED + i][whole_own[i][k]];
        }
        weighed.of[k] += bent * 16;
    }
    return weighed;
}

static inline unsigned spread_of(int32_t weighed, const int16_t *weights, const MotionBends *bends,
                                 const int32_t rest[3])
{
    int32_t sum = weighed + bends->of[CLUE_MISSED][rest[0] >> 4] * 16;
    for (unsigned i = 0; i < 3; i++) {
        sum += weights[CLUE_MISSED + i] * rest[i];
    }
    sum >>= 7;
    return sum < 0 ? 0 : sum >= RESIDUAL_SPREAD ? RESIDUAL_SPREAD - 1 : (unsigned)sum;
}

static inline int64_t mean_of(const int16_t *weights, const int64_t *features, const unsigned count)
{
    int64_t sum = 1 << (WEIGHT_BITS - 1);
    for (unsigned i = 0; i < count; i++) {
        sum += weights[i] * features[i];
    }
    return sum >> WEIGHT_BITS;
}

/* How much farther off than the spread says, in 1/16 of a power of two, followed slowly. */
static inline void learn_surprise(int32_t *surprise, int32_t size, unsigned spread)
{
    int32_t off = logarithm((uint64_t)size) - (int32_t)spread * 2;
    *surprise += ((off + 24) * 16 - *surprise) >> 4;
}

/* ---- positions ---- */

/* How far below the floor it would go. */
static inline int64_t below_floor(const Motion *motion, const Subject *subject, int64_t gone)
{
    int k = subject->down;
    int64_t below = between(motion->lowest[k], subject->at[k]) * (1 << FINE_BITS) - gone;
    return below < 0 ? 0 : below < 1 << 18 ? below : 1 << 18;
}

/* Means of what is carried, and what says how sure they are. */
static void expect_carried(const Motion *motion, const Subject *subject, int64_t features[3][MOTION_FEATURES],
                           Clues *clues)
{
    for (int k = 0; k < 3; k++) {
        int64_t *f = features[k];
        f[0] = subject->swung.v[k];
        f[1] = subject->neighbours.v[k];
        f[2] = subject->near_by.v[k];
        f[3] = subject->drift.v[k];
        f[4] = subject->slid[MOTION_RECENT].v[k];
        f[5] = over_lead(motion, subject->slid[MOTION_OLD].v[k], MOTION_OLD);
        f[6] = subject->slid[MOTION_OLDER].v[k];
        f[7] = k == subject->down ? motion->lead * LEVEL : 0;
        f[8] = k == subject->down ? below_floor(motion, subject, subject->swung.v[k]) : 0;
        f[9] = k == subject->down && subject->sunk > 0 ? subject->sunk : 0;
        clues->own[0][k] = size_for_log(subject->slid[MOTION_RECENT].v[k]);
        clues->own[1][k] = (int32_t)subject->slid[MOTION_OLD].v[k]; /* small, as it is rigid, */
        clues->own[2][k] = (int32_t)subject->arm.v[k];              /* and near, */
        clues->own[3][k] = (int32_t)subject->neighbours.v[k];       /* and a mean of what is limited */
    }
}

static void expect_free(const Motion *motion, const Subject *subject, int64_t features[3][MOTION_FEATURES],
                        Clues *clues)
{
    for (int k = 0; k < 3; k++) {
        int64_t quick = over_lead(motion, subject->went[MOTION_RECENT].v[k], MOTION_RECENT);
        int64_t slow = over_lead(motion, subject->went[MOTION_OLD].v[k], MOTION_OLD);
        int64_t *f = features[k];
        f[0] = quick;
        f[1] = slow;
        f[2] = over_lead(motion, subject->went[MOTION_OLDER].v[k], MOTION_OLDER);
        f[3] = subject->line.v[k];
        f[4] = subject->neighbours.v[k];
        f[5] = subject->swung.v[k];
        f[6] = subject->drift.v[k];
        f[7] = subject->slid[MOTION_RECENT].v[k];
        f[8] = over_lead(motion, subject->slid[MOTION_OLD].v[k], MOTION_OLD);
        f[9] = subject->slid[MOTION_OLDER].v[k];
        f[10] = subject->near_by.v[k];
        f[11] = k == subject->down ? motion->lead * LEVEL : 0;
        f[12] = k == subject->down ? below_floor(motion, subject, quick) : 0;
        f[13] = k == subject->down && subject->sunk > 0 ? subject->sunk : 0;
        clues->own[0][k] = size_for_log(quick - slow);
        clues->own[1][k] = size_for_log(slow);
        clues->own[2][k] = size_for_log(subject->swung.v[k] - quick);
        clues->own[3][k] = size_for_log(subject->slid[MOTION_OLD].v[k]);
    }
}

void motion_code_position(Motion *motion, RangeCoder *coder, const Subject *subject, int32_t *position,
                          MotionTrace *trace)
{
    int64_t features[3][MOTION_FEATURES];
    Clues clues = {
        .shared = { { 0, subject->position_error, (int32_t)subject->distance, subject->rigidity },
                    { size_for_log(size_of(&subject->slid[MOTION_RECENT])),
                      subject->carried ? (int32_t)motion->drift.count : (int32_t)subject->unsteadiness >> 2,
                      size_for_log(size_of(&subject->neighbours)), size_for_log(subject->clearance) },
                    { size_for_log(size_of(&subject->arm) >> 4),
                      size_for_log(size_of(&subject->slid[MOTION_OLDER])), motion->carrier_pace[0],
                      motion->carrier_pace[1] },
                    { subject->sunk > 0 ? subject->sunk : 0, subject->sunk < 0 ? -subject->sunk : 0,
                      size_for_log(size_of(&subject->neighbours_turn)),
                      size_for_log(size_of(&subject->drift)) } },
        .own = { { 0 } },
    };
    if (subject->carried) {
        expect_carried(motion, subject, features, &clues);
    } else {
        expect_free(motion, subject, features, &clues);
    }
    const int16_t *spreads = motion_position_spread[subject->class],
                  *means = motion_position_mean[subject->class];
    const ResidualShape *shape = &motion_position_shape[group_of(subject->class)];
    const MotionBends *bends = &motion_position_bend[subject->carried];
    const Weighed weighed = weigh_clues(&clues, spreads, bends);
    int32_t *surprise = &motion->surprise[0][subject->carried], missed = 0;
    for (int k = 0; k < 3; k++) {
        int64_t mean = subject->carried ? mean_of(means, features[k], CARRIED_PARTS)
                                        : mean_of(means, features[k], MOTION_FEATURES);
        const int32_t rest[3] = { logarithm((uint32_t)missed), *surprise >> 4, k == subject->down ? 16 : 0 };
        unsigned spread = spread_of(weighed.of[k], spreads, bends, rest);
        int32_t gone = (int32_t)((uint32_t)position[k] - (uint32_t)subject->at[k]);
        MOTION_OBSERVE(0, subject->class, features[k], &clues, gone, mean, spread);
        gone = residual_code(coder, shape, mean, spread, gone);
        position[k] = (int32_t)((uint32_t)subject->at[k] + (uint32_t)gone);
        int64_t residual = (int64_t)gone * (1 << FINE_BITS) - mean;
        trace->residual.v[k] = clamp(residual, 1 << 20);
        int32_t size = (int32_t)clamp(magnitude(residual), 1 << 22);
        missed += size;
        int64_t shown = subject->carried ? (int64_t)gone * (1 << FINE_BITS) - subject->swung.v[k] : residual;
        trace->missed[k] = (int32_t)clamp(shown, 1 << 20);
        learn_surprise(surprise, size, spread);
    }
    trace->position_error = missed;
}

/* ---- rotations ---- */

/* `rotation` and what a small turn, a quarter angle, adds to it. */
static inline Quaternion turn_a_little(const Quaternion *rotation, const Vector *turn)
{
    const int64_t *q = rotation->v, *t = turn->v;
    const int b = ONE_BITS - 1;
    return (Quaternion){
        { (t[0] * q[3] + t[1] * q[2] - t[2] * q[1]) >> b, (t[1] * q[3] + t[2] * q[0] - t[0] * q[2]) >> b,
          (t[2] * q[3] + t[0] * q[1] - t[1] * q[0]) >> b, -((t[0] * q[0] + t[1] * q[1] + t[2] * q[2]) >> b) }
    };
}

/* Makes of two quaternions that are the same rotation the one that lies nearer. */
static inline void turn_signs(Quaternion *of, const Quaternion *as)
{
    int64_t dot = of->v[0] * as->v[0] + of->v[1] * as->v[1] + of->v[2] * as->v[2] + of->v[3] * as->v[3];
    int64_t sign = -(int64_t)(dot < 0);
    for (int k = 0; k < 4; k++) {
        of->v[k] = (of->v[k] ^ sign) - sign;
    }
}

/* A rotation that is expected, and what it is made of. */
typedef struct Expectation {
    Quaternion rotation;
    Quaternion taken,
        off[2];      /* of what is carried: by the carrier; how far off the past ones are, so taken */
    Vector turns[4]; /* and small turns on top: as neighbours, on the floor, on the carrier twice */
    int64_t features[3][TURN_PARTS]; /* of others */
} Expectation;

static void roll_on_carrier(const Subject *subject, const int32_t *position, const MotionTrace *trace,
                            Vector *out_roll, Vector *out_missed)
{
    int64_t square = 1;
    Vector slip, away;
    for (int k = 0; k < 3; k++) {
        slip.v[k] = between(position[k], subject->at[k]) * (1 << FINE_BITS) - subject->swung.v[k];
        away.v[k] = -subject->arm.v[k] >> FINE_BITS;
        square += away.v[k] * away.v[k];
    }
    limit_vector(&slip, 4096 << FINE_BITS);
    Vector roll = cross(away.v, slip.v), missed = cross(away.v, trace->residual.v);
    int64_t part = 3 * ONE / square_root((uint64_t)square);
    for (int k = 0; k < 3; k++) {
        out_roll->v[k] = (roll.v[k] * part) >> ONE_BITS;
        out_missed->v[k] = (missed.v[k] * part) >> ONE_BITS;
    }
}

static inline Vector roll_on_floor(const Subject *subject, const MotionTrace *trace)
{
    int64_t floor[3] = { 0 };
    floor[subject->down] = 1;
    return cross(floor, trace->residual.v);
}

/* Where the carrier takes it, somewhat as the past ones would have it, and a little turned. */
static void expect_carried_rotation(const Motion *motion, const Subject *subject, const int32_t *position,
                                    const MotionTrace *trace, Expectation *expected, Clues *clues)
{
    const int16_t *weights = motion_rotation_mean[subject->turn_class];
    int64_t sizes[2] = { 0 };
    expected->taken = subject->taken;
    for (unsigned j = 0; j <= MOTION_OLD; j++) {
        Quaternion *off = &expected->off[j];
        *off = (Quaternion){ { 0 } };
        if (motion->carrier_known[1 + j]) {
            const Quaternion before = unpack(motion, subject->past[j]->rotation);
            *off = multiply(&motion->carrier_through[1 + j], &before);
            turn_signs(off, &expected->taken);
            for (int k = 0; k < 4; k++) {
                off->v[k] -= expected->taken.v[k];
                sizes[j] += magnitude(off->v[k]);
                clues->own[1 + j][k] = (int32_t)off->v[k]; /* no component of either is above 4 */
            }
        }
    }
    clues->shared[1][3] = size_for_log(sizes[0]);
    clues->shared[2][0] = size_for_log(sizes[1]);
    expected->turns[0] = subject->neighbours_turn;
    expected->turns[1] = roll_on_floor(subject, trace);
    roll_on_carrier(subject, position, trace, &expected->turns[2], &expected->turns[3]);
    Vector turn;
    for (int k = 0; k < 3; k++) {
        int64_t sum = 0;
        for (unsigned i = 0; i < 4; i++) {
            sum += weights[2 + i] * expected->turns[i].v[k];
        }
        turn.v[k] = clamp(sum >> WEIGHT_BITS, ONE);
    }
    const Quaternion more = turn_a_little(&expected->taken, &turn);
    for (int k = 0; k < 4; k++) {
        int64_t off = weights[0] * expected->off[0].v[k] + weights[1] * expected->off[1].v[k];
        expected->rotation.v[k] = expected->taken.v[k] + more.v[k] + (off >> WEIGHT_BITS);
        clues->own[3][k] = (int32_t)more.v[k];
    }
}

static void expect_free_rotation(const Motion *motion, const Subject *subject, const int32_t *position,
                                 const MotionTrace *trace, Expectation *expected, Clues *clues)
{
    Vector roll = { { 0 } }, missed_roll = { { 0 } }, own_roll = roll_on_floor(subject, trace), sum;
    if (subject->near) {
        roll_on_carrier(subject, position, trace, &roll, &missed_roll);
    }
    for (int k = 0; k < 3; k++) {
        const int64_t all[TURN_PARTS] = { over_lead(motion, subject->turned[MOTION_RECENT].v[k],
                                                    MOTION_RECENT),
                                          over_lead(motion, subject->turned[MOTION_OLD].v[k], MOTION_OLD),
                                          over_lead(motion, subject->turned[MOTION_OLDER].v[k], MOTION_OLDER),
                                          subject->line_turn.v[k],
                                          subject->neighbours_turn.v[k],
                                          motion->carrier_angle.v[k],
                                          subject->slid_turn[MOTION_RECENT].v[k],
                                          over_lead(motion, subject->slid_turn[MOTION_OLD].v[k], MOTION_OLD),
                                          roll.v[k],
                                          own_roll.v[k],
                                          missed_roll.v[k] };
        memcpy(expected->features[k], all, sizeof all);
        sum.v[k] = clamp(mean_of(motion_rotation_mean[subject->turn_class], all, TURN_PARTS), ONE);
    }
    clues->shared[1][3] = size_for_log(size_of(&subject->turned[MOTION_RECENT]));
    clues->shared[2][0] = size_for_log(size_of(&subject->slid_turn[MOTION_RECENT]));
    Quaternion step = turn_by(&sum);
    expected->rotation = multiply(&step, &subject->rotation);
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

void motion_code_rotation(Motion *motion, RangeCoder *coder, const Subject *subject, const int32_t *position,
                          uint64_t *rotation, MotionTrace *trace)
{
    Clues clues = {
        .shared = { { 0, trace->position_error, subject->rotation_error, (int32_t)subject->distance },
                    { subject->rigidity,
                      subject->carried ? (int32_t)motion->drift.count : (int32_t)subject->unsteadiness >> 2,
                      size_for_log(subject->clearance), 0 },
                    { 0, size_for_log(size_of(&subject->arm) >> 4),
                      size_for_log(size_of(&subject->neighbours_turn)), motion->carrier_pace[1] },
                    { subject->sunk > 0 ? subject->sunk : 0, subject->sunk < 0 ? -subject->sunk : 0,
                      motion->carrier_pace[0], size_for_log(size_of(&subject->drift)) } },
        .own = { { 0 } },
    };
    Expectation expectation;
    if (subject->carried) {
        expect_carried_rotation(motion, subject, position, trace, &expectation, &clues);
    } else {
        expect_free_rotation(motion, subject, position, trace, &expectation, &clues);
    }
    const Quaternion *expected = &expectation.rotation;
    uint64_t actual = *rotation;
    unsigned largest = code_largest(motion, coder, expected, quat_largest(actual));
    int64_t sign = expected->v[largest] < 0 ? -1 : 1, base_sign = subject->rotation.v[largest] < 0 ? -1 : 1;
    for (int k = 0; k < 4; k++) {
        clues.own[0][k] = size_for_log(sign * expected->v[k] - base_sign * subject->rotation.v[k]);
    }
    const int16_t *spreads = motion_rotation_spread[subject->turn_class];
    const ResidualShape *shape = &motion_rotation_shape[group_of(subject->turn_class)];
    const MotionBends *bends = &motion_rotation_bend[subject->carried];
    const Weighed weighed = weigh_clues(&clues, spreads, bends);
    const int64_t scale = sign * (int64_t)motion->steps * HALF_SQRT;
    int32_t *surprise = &motion->surprise[1][subject->carried], missed = 0;
    uint64_t codes[3];
    for (unsigned k = 0, place = 0; k < 4; k++) {
        if (k == largest) {
            continue;
        }
        int64_t mean =
            ((expected->v[k] * scale) >> (32 - FINE_BITS)) + (int64_t)motion->steps * (1 << (FINE_BITS - 1));
        const int32_t rest[3] = { logarithm((uint32_t)missed), *surprise >> 4, 0 };
        unsigned spread = spread_of(weighed.of[k], spreads, bends, rest);
        int32_t code = quat_component(actual, place);
        MOTION_OBSERVE(1, subject->turn_class, NULL, &clues, code, mean, spread);
        code = residual_code(coder, shape, mean, spread, code);
        range_require(coder, code >= 0 && code <= (int32_t)motion->steps, STATUS_OUT_OF_RANGE);
        code = code < 0 ? 0 : code <= (int32_t)motion->steps ? code : (int32_t)motion->steps;
        codes[place++] = (uint32_t)code;
        int32_t size = (int32_t)clamp(magnitude((int64_t)code * (1 << FINE_BITS) - mean), 1 << 22);
        missed += size;
        learn_surprise(surprise, size, spread);
    }
    *rotation = quat_join(largest, codes[0], codes[1], codes[2]);
    trace->rotation_error = missed;
    const Quaternion now = unpack(motion, *rotation);
    MOTION_OBSERVE_TURN(motion, subject, &now, &expectation);
    const Quaternion off = turn_between(&now, subject->carried ? &expectation.taken : expected);
    for (int k = 0; k < 3; k++) {
        trace->turn_missed[k] = (int32_t)(clamp(off.v[k], ONE) >> 1);
    }
}
