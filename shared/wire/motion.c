#include "shared/wire/motion.h"
#include "shared/wire/motion_table.h"

#define ONE_BITS       14
#define ONE            (1 << ONE_BITS)
#define COMPONENT_STEP 1485813 /* one step of a packed component in 1/2^30: 2^30 / (511 √2) */
#define STEP_COMPONENT 2891    /* 65536 × 511 √2 / 2^14 */
#define COMPONENT_ZERO 511
#define COMPONENT_MAX  1023
#define NEAR           8192 /* farther from the carrier nothing is carried */
#define REACH          500  /* farther than this, nothing is a neighbour */
#define REACH_SQUARED  (REACH * REACH)
#define CALM           14    /* cells below have one context each */
#define FAR_AWAY       90000 /* squared distance that counts as no neighbour */
#define LEAD_MAX       65535

typedef struct Vector {
    int64_t v[3];
} Vector;

/* What is known about one entity before it is coded. */
typedef struct Subject {
    const EntityState *base;
    int32_t at[3];
    Vector velocity, slow;  /* positions over `lead`, from recent and from old */
    Vector carried;         /* displacement along with the carrier */
    Vector away;            /* the carrier as seen from here */
    Vector neighbours;      /* mean of what was missed around here */
    Quaternion rotation;    /* in the baseline */
    Vector spin, slow_spin; /* rotation over `lead`, as quarter tangents */
    uint32_t rigidity;      /* squared distance from where the carrier would have carried it */
    uint32_t unsteadiness;
    uint32_t distance; /* squared, to the nearest neighbour */
    uint32_t position_error, rotation_error;
    unsigned class;
} Subject;

/* ---- arithmetic ---- */

static int64_t clamp(int64_t value, int64_t most)
{
    return value > most ? most : value < -most ? -most : value;
}

static int64_t magnitude(int64_t value)
{
    return value < 0 ? -value : value;
}

static int64_t between(int32_t to, int32_t from)
{
    return (int32_t)((uint32_t)to - (uint32_t)from);
}

/* log2(value + 1) in 1/16, straight between the powers of two. */
static int32_t logarithm(uint64_t value)
{
    uint64_t x = (value < UINT32_MAX ? value : UINT32_MAX) + 1;
    int32_t whole = 63 - __builtin_clzll(x);
    return whole * 16 + (int32_t)((x << 4 >> whole) & 15);
}

/* Largest integer whose square is not above `value`. */
static int32_t square_root(uint32_t value)
{
    if (value >= 1u << 26 && value <= 1u << 28) { /* nearly always: the largest component of a rotation */
        uint32_t near = 5800 + (value >> 15) + (value >> 17);
        near = (near + value / near) >> 1;
        near = (near + value / near) >> 1;
        near -= near * near > value;
        return (int32_t)(near + ((near + 1) * (near + 1) <= value));
    }
    uint32_t root = 0;
    for (uint32_t bit = 1u << 30; bit; bit >>= 2) {
        if (value >= root + bit) {
            value -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return (int32_t)root;
}

static int32_t component(uint32_t packed, unsigned place)
{
    return (int32_t)(packed >> (2 + 10 * place) & COMPONENT_MAX);
}

static Quaternion unpack(uint32_t packed)
{
    Quaternion q = { { 0 } };
    unsigned largest = packed & 3, place = 0;
    int32_t square = 0;
    for (unsigned k = 0; k < 4; k++) {
        if (k != largest) {
            int64_t step = component(packed, place++) - COMPONENT_ZERO;
            q.v[k] = (int32_t)((step * COMPONENT_STEP + 32768) >> 16);
            square += q.v[k] * q.v[k];
        }
    }
    int32_t rest = (1 << (2 * ONE_BITS)) - square;
    q.v[largest] = rest > 0 ? square_root((uint32_t)rest) : 0;
    return q;
}

static Quaternion multiply(const Quaternion *p, const Quaternion *q)
{
    const int32_t *a = p->v, *b = q->v;
    const int32_t half = 1 << (ONE_BITS - 1);
    return (Quaternion){ {
        (a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + half) >> ONE_BITS,
        (a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0] + half) >> ONE_BITS,
        (a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3] + half) >> ONE_BITS,
        (a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2] + half) >> ONE_BITS,
    } };
}

/* The rotation that leads from `from` to `to`, the short way. */
static Quaternion turn_between(const Quaternion *to, const Quaternion *from)
{
    Quaternion inverse = { { -from->v[0], -from->v[1], -from->v[2], from->v[3] } };
    Quaternion turn = multiply(to, &inverse);
    if (turn.v[3] < 0) {
        for (int k = 0; k < 4; k++) {
            turn.v[k] = -turn.v[k];
        }
    }
    return turn;
}

/* Axis × tan(angle / 4): adds up and scales nearly as angles do. */
static Vector quarter_tangent(const Quaternion *turn)
{
    Vector vector;
    for (int k = 0; k < 3; k++) {
        vector.v[k] = turn->v[k] * ONE / (ONE + turn->v[3]);
    }
    return vector;
}

static Quaternion from_quarter_tangent(const Vector *vector)
{
    int64_t square = 0;
    for (int k = 0; k < 3; k++) {
        square += vector->v[k] * vector->v[k];
    }
    square >>= ONE_BITS;
    Quaternion turn;
    for (int k = 0; k < 3; k++) {
        turn.v[k] = (int32_t)(2 * vector->v[k] * ONE / (ONE + square));
    }
    turn.v[3] = (int32_t)((ONE - square) * ONE / (ONE + square));
    return turn;
}

static Vector cross(const int64_t *a, const int64_t *b)
{
    return (Vector){ { a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0] } };
}

/* What the rotation adds to `arm`. */
static Vector swing(const Quaternion *turn, const Vector *arm)
{
    const int64_t axis[3] = { turn->v[0], turn->v[1], turn->v[2] };
    Vector twice = cross(axis, arm->v);
    for (int k = 0; k < 3; k++) {
        twice.v[k] = (2 * twice.v[k]) >> ONE_BITS;
    }
    Vector again = cross(axis, twice.v);
    for (int k = 0; k < 3; k++) {
        again.v[k] = ((turn->v[3] * twice.v[k]) >> ONE_BITS) + (again.v[k] >> ONE_BITS);
    }
    return again;
}

static Vector scaled(Vector vector, int64_t by, int64_t over)
{
    for (int k = 0; k < 3; k++) {
        vector.v[k] = vector.v[k] * by / over;
    }
    return vector;
}

static void position_of(const EntityState *entity, int32_t *out_position)
{
    out_position[0] = entity->x_mm;
    out_position[1] = entity->y_mm;
    out_position[2] = entity->z_mm;
}

static Vector displacement(const EntityState *to, const EntityState *from)
{
    return (Vector){ { between(to->x_mm, from->x_mm), between(to->y_mm, from->y_mm),
                       between(to->z_mm, from->z_mm) } };
}

/* ---- history ---- */

const EntityState *motion_find(const Snapshot *snapshot, uint32_t guess, EntityHandle handle)
{
    if (!snapshot) {
        return NULL;
    }
    if (guess < snapshot->entity_count && snapshot->entities[guess].handle.value == handle.value) {
        return &snapshot->entities[guess];
    }
    return snapshot_entity(snapshot, handle);
}

static bool same_place(const EntityState *a, const EntityState *b)
{
    return a->x_mm == b->x_mm && a->y_mm == b->y_mm && a->z_mm == b->z_mm && a->rotation == b->rotation;
}

unsigned motion_recent(const Motion *motion, uint32_t index)
{
    const EntityState *base = &motion->baseline->entities[index];
    const EntityState *recent = motion_find(motion->recent, index, base->handle);
    if (!recent) {
        return 0;
    }
    if (!same_place(base, recent)) {
        return 3;
    }
    const EntityState *old = motion_find(motion->old, index, base->handle);
    return old && !same_place(base, old) ? 2 : 1;
}

static void look_back(const Motion *motion, uint32_t index, Subject *subject)
{
    const EntityState *base = subject->base;
    const EntityState *recent = motion_find(motion->recent, index, base->handle);
    const EntityState *old = motion_find(motion->old, index, base->handle);
    subject->class = !recent || !old ? 1 : same_place(base, old) ? 2 : MOTION_CLASSES;
    if (recent) {
        Quaternion before = unpack(recent->rotation);
        Quaternion turn = turn_between(&subject->rotation, &before);
        subject->velocity = scaled(displacement(base, recent), motion->lead, motion->recent_age);
        subject->spin = scaled(quarter_tangent(&turn), motion->lead, motion->recent_age);
    }
    if (old) {
        Quaternion before = unpack(old->rotation);
        Quaternion turn = turn_between(&subject->rotation, &before);
        subject->slow = scaled(displacement(base, old), motion->lead, motion->old_age);
        subject->slow_spin = scaled(quarter_tangent(&turn), motion->lead, motion->old_age);
    }
    for (int k = 0; k < 3; k++) {
        subject->unsteadiness +=
            (uint32_t)clamp(magnitude(subject->spin.v[k] - subject->slow_spin.v[k]), ONE);
    }
}

/* Where the carrier takes it, and how well that went from old to the baseline. */
static void look_at_carrier(const Motion *motion, uint32_t index, Subject *subject)
{
    const EntityState *old = motion_find(motion->old, index, subject->base->handle);
    bool near = motion->carrying && old;
    Vector arm, arm_before;
    for (int k = 0; near && k < 3; k++) {
        arm.v[k] = between(subject->at[k], motion->carrier_at[k]);
        near = magnitude(arm.v[k]) < NEAR;
    }
    if (!near) {
        return;
    }
    int32_t before[3];
    position_of(old, before);
    for (int k = 0; k < 3; k++) {
        arm_before.v[k] = between(before[k], motion->carrier_was[k]);
        subject->away.v[k] = -arm.v[k];
    }
    Vector now = swing(&motion->carrier_turn, &arm), then = swing(&motion->carrier_turned, &arm_before);
    int64_t square = 0;
    for (int k = 0; k < 3; k++) {
        subject->carried.v[k] = now.v[k] + motion->carrier_step[k];
        int64_t error = clamp(arm_before.v[k] + then.v[k] - arm.v[k], 1 << 12);
        square += error * error;
    }
    subject->rigidity = (uint32_t)square;
}

static unsigned classify(const Subject *subject)
{
    int64_t path = 0;
    for (int k = 0; k < 3; k++) {
        path += magnitude(subject->slow.v[k]);
    }
    uint32_t rigidity = subject->rigidity;
    if (rigidity < 1024) {
        return rigidity < 16 ? 3 : rigidity < 64 ? 4 : rigidity < 256 ? 5 : 6;
    }
    if (rigidity < 4096 && path >= 60) {
        return 7;
    }
    if (path < 30) {
        return 8;
    }
    uint32_t unsteadiness = subject->unsteadiness;
    return unsteadiness < 573 ? 9 : unsteadiness < 1966 ? 10 : unsteadiness < 6554 ? 11 : 12;
}

/* 65535 × (4000 / (d + 4000))^3 at the squared distance d = 4096 i + 2048. */
static const uint16_t nearness[REACH_SQUARED / 4096 + 1] = {
    18959, 4018, 1453, 680, 372, 225, 146, 100, 72, 53, 40, 31, 25, 20, 16, 14, 11, 10, 8, 7, 6,
    5,     5,    4,    4,   3,   3,   3,   2,   2,  2,  2,  2,  1,  1,  1,  1,  1,  1,  1, 1, 1,
    1,     1,    1,    1,   1,   1,   1,   0,   0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, 0
};

/* Means of what was missed nearby, the nearest counting most. */
static void look_around(const Motion *motion, Subject *subject)
{
    int64_t weights = 0, position_error = 0, rotation_error = 0;
    Vector sum = { { 0 } };
    uint32_t count = motion->trace_count < MOTION_NEIGHBOURS ? motion->trace_count : MOTION_NEIGHBOURS;
    subject->distance = FAR_AWAY;
    for (uint32_t i = 0; i < count; i++) {
        const MotionTrace *trace = &motion->traces[i];
        uint32_t dx = (uint32_t)trace->position[0] - (uint32_t)subject->at[0];
        uint32_t dy = (uint32_t)trace->position[1] - (uint32_t)subject->at[1];
        uint32_t dz = (uint32_t)trace->position[2] - (uint32_t)subject->at[2];
        if (dx + REACH > 2 * REACH || dy + REACH > 2 * REACH || dz + REACH > 2 * REACH) {
            continue;
        }
        uint32_t square = dx * dx + dy * dy + dz * dz;
        if (square >= REACH_SQUARED) {
            continue;
        }
        int64_t weight = nearness[square >> 12];
        weights += weight;
        for (int k = 0; k < 3; k++) {
            sum.v[k] += weight * trace->missed[k];
        }
        position_error += weight * trace->position_error;
        rotation_error += weight * trace->rotation_error;
        subject->distance = square < subject->distance ? square : subject->distance;
    }
    if (weights > 0) {
        subject->neighbours = scaled(sum, 1, weights);
        subject->position_error = (uint32_t)(position_error / weights);
        subject->rotation_error = (uint32_t)(rotation_error / weights);
    }
}

static Subject look(const Motion *motion, uint32_t index)
{
    Subject subject = { .base = &motion->baseline->entities[index], .rigidity = UINT32_MAX };
    position_of(subject.base, subject.at);
    subject.rotation = unpack(subject.base->rotation);
    look_back(motion, index, &subject);
    look_around(motion, &subject);
    if (index == motion->carrier) {
        subject.class = 0;
    } else if (subject.class == MOTION_CLASSES) {
        look_at_carrier(motion, index, &subject);
        subject.class = classify(&subject);
    }
    return subject;
}

/* ---- residuals ---- */

static unsigned cell_of(const int16_t *weights, const int32_t *logarithms, unsigned count,
                        unsigned *out_floor)
{
    int32_t sum = 128;
    for (unsigned i = 0; i < count; i++) {
        sum += weights[i] * logarithms[i];
    }
    sum >>= 8;
    unsigned size = sum < 0 ? 0 : sum > 60 ? 60 : (unsigned)sum;
    *out_floor = size < CALM ? 0 : (size - CALM) / 4;
    return size < CALM ? size : CALM + (size - CALM) % 4;
}

/* A residual whose magnitude is expected to have somewhat more than `floor` bits. */
static int32_t code_residual(RangeCoder *coder, ResidualModel *model, unsigned cell, unsigned floor,
                             int32_t residual)
{
    uint32_t size = residual < 0 ? 0 - (uint32_t)residual : (uint32_t)residual;
    unsigned length = size ? 32 - (unsigned)__builtin_clz(size) : 0, at = floor, step = 0;
    while (at < 32) {
        step = at - floor < MOTION_STEPS ? at - floor : MOTION_STEPS - 1;
        if (!range_bit(coder, &model->longer[cell][step], length > at)) {
            break;
        }
        at++;
    }
    uint32_t result = 0;
    if (at == floor) {
        result = (uint32_t)range_bits(coder, size, floor);
    } else if (at == 1) {
        result = 1;
    } else {
        result = 2u | range_bit(coder, &model->second[cell][step], size >> (at - 2) & 1);
        result = result << (at - 2) | (uint32_t)range_bits(coder, size, at - 2);
    }
    bool negative = result != 0 && range_bits(coder, residual < 0, 1) != 0;
    return (int32_t)(negative ? 0 - result : result);
}

static uint32_t sum_with(uint32_t sum, int32_t residual)
{
    int64_t size = magnitude(residual);
    return sum + (uint32_t)(size < 65536 ? size : 65536);
}

static void code_position(Motion *motion, RangeCoder *coder, const Subject *subject, int32_t *position,
                          MotionTrace *trace)
{
    const MotionWeights *weights = &motion_weights[subject->class];
    uint32_t missed = 0;
    for (int k = 0; k < 3; k++) {
        int64_t guess = weights->velocity * clamp(subject->velocity.v[k], 1 << 24) +
                        weights->neighbours * subject->neighbours.v[k] +
                        weights->carried * clamp(subject->carried.v[k], 1 << 24);
        int32_t expected = (int32_t)((uint32_t)subject->at[k] + (uint32_t)((guess + 128) >> 8));
        int32_t logarithms[7] = { 16,
                                  logarithm((uint64_t)magnitude(subject->velocity.v[k] - subject->slow.v[k])),
                                  logarithm((uint64_t)magnitude(subject->velocity.v[k])),
                                  logarithm(missed),
                                  logarithm(subject->position_error),
                                  logarithm(subject->distance),
                                  subject->rigidity < UINT32_MAX ? logarithm(subject->rigidity) : 0 };
        unsigned floor, cell = cell_of(motion_position_scale[subject->class], logarithms, 7, &floor);
        int32_t residual = code_residual(coder, &motion->position, cell, floor,
                                         (int32_t)((uint32_t)position[k] - (uint32_t)expected));

        position[k] = (int32_t)((uint32_t)expected + (uint32_t)residual);
        missed = sum_with(missed, residual);
        trace->missed[k] = (int32_t)clamp(residual, 32767);
    }
    trace->position_error = (int32_t)missed;
}

/* ---- rotations ---- */

static Quaternion expected_rotation(const Motion *motion, const Subject *subject, const int32_t *position)
{
    const MotionWeights *weights = &motion_weights[subject->class];
    bool carried = subject->class >= 3 && subject->class <= 7;
    Vector turn = { { 0 } }, roll = { { 0 } };
    if (carried) {
        int64_t square = 1;
        Vector slip;
        for (int k = 0; k < 3; k++) {
            slip.v[k] = clamp(between(position[k], subject->at[k]) - subject->carried.v[k], 4096);
            square += subject->away.v[k] * subject->away.v[k];
        }
        roll = scaled(cross(subject->away.v, slip.v), 41, square_root((uint32_t)square));
        turn = quarter_tangent(&motion->carrier_turn);
    }
    Vector sum;

    for (int k = 0; k < 3; k++) {
        int64_t guess = weights->spin * clamp(subject->spin.v[k], 1 << 20) + weights->turn * turn.v[k] +
                        weights->roll * roll.v[k];
        sum.v[k] = clamp((guess + 128) >> 8, ONE);
    }
    Quaternion step = from_quarter_tangent(&sum);
    return multiply(&step, &subject->rotation);
}

/* Which component is largest: the candidates in the order of their expected magnitude. */
static unsigned code_largest(Motion *motion, RangeCoder *coder, const Quaternion *expected, unsigned largest)
{
    unsigned order[4] = { 0, 1, 2, 3 };
    for (unsigned i = 1; i < 4; i++) {
        for (unsigned j = i; j > 0 && magnitude(expected->v[order[j]]) > magnitude(expected->v[order[j - 1]]);
             j--) {
            unsigned swap = order[j];
            order[j] = order[j - 1];
            order[j - 1] = swap;
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        int64_t lead = magnitude(expected->v[order[i]]) - magnitude(expected->v[order[i + 1]]);
        unsigned gap = (unsigned)(lead * 5 >> 11);
        if (range_bit(coder, &motion->largest[i][gap < 15 ? gap : 15], largest == order[i])) {
            return order[i];
        }
    }
    return order[3];
}

static int32_t to_steps(int64_t value)
{
    int64_t step = ((value * STEP_COMPONENT + 32768) >> 16) + COMPONENT_ZERO;
    return (int32_t)(step < 0 ? 0 : step > COMPONENT_MAX ? COMPONENT_MAX : step);
}

static void code_rotation(Motion *motion, RangeCoder *coder, const Subject *subject, const int32_t *position,
                          uint32_t *rotation, MotionTrace *trace)
{
    Quaternion expected = expected_rotation(motion, subject, position);
    unsigned largest = code_largest(motion, coder, &expected, *rotation & 3), shift = motion->coarse;
    int64_t sign = expected.v[largest] < 0 ? -1 : 1, base_sign = subject->rotation.v[largest] < 0 ? -1 : 1;
    Vector turned = quarter_tangent(&motion->carrier_turned);
    uint64_t apart = 0;
    for (int k = 0; k < 3 && subject->rigidity < UINT32_MAX; k++) {
        apart += (uint64_t)magnitude(turned.v[k] * motion->lead / motion->old_age - subject->slow_spin.v[k]);
    }
    uint32_t packed = largest, missed = 0;
    for (unsigned k = 0, place = 0; k < 4; k++) {
        if (k == largest) {
            continue;
        }
        int32_t guess = (to_steps(sign * expected.v[k]) + (int32_t)shift) >> shift;
        int64_t change = sign * expected.v[k] - base_sign * subject->rotation.v[k];
        int32_t logarithms[9] = { 16,
                                  logarithm(subject->unsteadiness >> 6),
                                  logarithm((uint64_t)magnitude(change) >> 6),
                                  logarithm(apart >> 5),
                                  logarithm(missed),
                                  logarithm((uint32_t)trace->position_error),
                                  logarithm(subject->rotation_error),
                                  logarithm(subject->distance),
                                  subject->rigidity < UINT32_MAX ? logarithm(subject->rigidity) : 0 };
        unsigned floor, cell = cell_of(motion_rotation_scale[subject->class], logarithms, 9, &floor);
        int32_t residual = code_residual(coder, &motion->rotation, cell, floor,
                                         (component(*rotation, place) >> shift) - guess);

        int64_t value = (int64_t)guess + residual;
        range_require(coder, value >= 0 && value <= COMPONENT_MAX >> shift, STATUS_OUT_OF_RANGE);
        packed |= (uint32_t)(value & COMPONENT_MAX >> shift) << shift << (2 + 10 * place++);
        missed = sum_with(missed, residual);
    }
    *rotation = packed;
    trace->rotation_error = (int32_t)missed;
}

/* ---- entities ---- */

/* The carrier is now known to be at `entity`. */
static void begin_carrying(Motion *motion, const EntityState *entity)
{
    const EntityState *base = &motion->baseline->entities[motion->carrier];
    const EntityState *old = motion_find(motion->old, motion->carrier, entity->handle);
    if (!old) {
        return;
    }
    Quaternion now = unpack(entity->rotation), was = unpack(base->rotation), before = unpack(old->rotation);
    motion->carrier_turn = turn_between(&now, &was);
    motion->carrier_turned = turn_between(&was, &before);
    Vector step = displacement(entity, base);
    position_of(base, motion->carrier_at);
    position_of(old, motion->carrier_was);
    for (int k = 0; k < 3; k++) {
        motion->carrier_step[k] = (int32_t)step.v[k];
    }
    motion->carrying = true;
}

void motion_code(Motion *motion, RangeCoder *coder, uint32_t index, EntityState *entity)
{
    const EntityState *base = &motion->baseline->entities[index];
    unsigned recent = motion_recent(motion, index);
    int32_t position[3], was[3];
    position_of(entity, position);
    position_of(base, was);
    bool moved = memcmp(position, was, sizeof was) != 0;
    moved = range_bit(coder, &motion->moved[recent], moved);
    bool turned = range_bit(coder, &motion->turned[recent][moved], entity->rotation != base->rotation);
    memcpy(position, moved ? position : was, sizeof was);
    entity->rotation = turned ? entity->rotation : base->rotation;
    if (moved || turned) {
        Subject subject = look(motion, index);
        MotionTrace trace = { .position = { was[0], was[1], was[2] } };
        if (moved) {
            code_position(motion, coder, &subject, position, &trace);
        }
        if (turned) {
            code_rotation(motion, coder, &subject, position, &entity->rotation, &trace);
        }
        motion->traces[motion->trace_count++ % MOTION_NEIGHBOURS] = trace;
    }
    entity->x_mm = position[0];
    entity->y_mm = position[1];
    entity->z_mm = position[2];
    if (index == motion->carrier) {
        begin_carrying(motion, entity);
    }
}

/* ---- the whole ---- */

/* By how the entity moved lately; and by whether it moves now. */
static const uint16_t first_moved[4] = { 20000, 36000, 50000, 65200 };
static const uint16_t first_turned[4][2] = {
    { 4000, 32768 }, { 3000, 46000 }, { 60000, 46000 }, { 62000, 64600 }
};

static void init_residuals(ResidualModel *model, const uint8_t longer[MOTION_CELLS][MOTION_STEPS])
{
    for (unsigned cell = 0; cell < MOTION_CELLS; cell++) {
        for (unsigned step = 0; step < MOTION_STEPS; step++) {
            model->longer[cell][step] = range_bit_init((uint16_t)(longer[cell][step] << 8 | 128));
            model->second[cell][step] = range_bit_init(28000);
        }
    }
}

void motion_init(Motion *motion, uint32_t sequence, const Snapshot *baseline, const Snapshot *recent,
                 const Snapshot *old)
{
    uint32_t lead = sequence - baseline->sequence;
    *motion = (Motion){ .baseline = baseline,
                        .recent = recent,
                        .old = old,
                        .lead = lead < LEAD_MAX ? lead : LEAD_MAX,
                        .recent_age = recent ? (int32_t)(baseline->sequence - recent->sequence) : 1,
                        .old_age = old ? (int32_t)(baseline->sequence - old->sequence) : 1,
                        .carrier = MOTION_NO_CARRIER };
    init_residuals(&motion->position, motion_position_longer);
    init_residuals(&motion->rotation, motion_rotation_longer);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned gap = 0; gap < 16; gap++) {
            motion->largest[i][gap] = range_bit_init((uint16_t)(motion_largest[i][gap] << 8 | 128));
        }
    }
    for (unsigned way = 0; way < 4; way++) {
        motion->moved[way] = range_bit_init(first_moved[way]);
        motion->turned[way][0] = range_bit_init(first_turned[way][0]);
        motion->turned[way][1] = range_bit_init(first_turned[way][1]);
    }
}

uint32_t motion_find_carrier(const Motion *motion)
{
    enum { CANDIDATES = 4, FOLLOWERS = 16, RIGID_ENOUGH = 10 * 16 };
    uint32_t moving[FOLLOWERS * 4], count = 0, best = MOTION_NO_CARRIER, most = RIGID_ENOUGH / 2;
    if (!motion->recent || !motion->old) {
        return MOTION_NO_CARRIER;
    }
    for (uint32_t i = 0; i < motion->baseline->entity_count && count < ARRAY_COUNT(moving); i++) {
        if (motion_recent(motion, i) == 3) {
            moving[count++] = i;
        }
    }
    for (uint32_t c = 0; c < count && c < CANDIDATES; c++) {
        Motion trial = { .baseline = motion->baseline, .old = motion->old, .carrier = moving[c] };
        const EntityState *entity = &motion->baseline->entities[moving[c]];
        begin_carrying(&trial, entity);
        uint32_t score = 0;
        uint32_t step = count / FOLLOWERS + 1;
        for (uint32_t f = c + 1; f < count; f += step) {
            Subject subject = { .base = &motion->baseline->entities[moving[f]], .rigidity = UINT32_MAX };
            position_of(subject.base, subject.at);
            look_at_carrier(&trial, moving[f], &subject);
            int32_t gain = RIGID_ENOUGH - logarithm(subject.rigidity);
            score += gain > 0 ? (uint32_t)gain : 0;
        }
        if (score > most) {
            most = score;
            best = moving[c];
        }
    }
    return best;
}
