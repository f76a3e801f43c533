/* motion_math.h - the integer arithmetic of motion.c: vectors, quaternions, logarithms. The wire depends on
 * every bit of it: shared/PROTOCOL.md, "Motion". Pure; for motion*.c only. */
#ifndef SHARED_WIRE_MOTION_MATH_H
#define SHARED_WIRE_MOTION_MATH_H
#include "shared/wire/four.h"
#include "shared/wire/motion.h"
#include "shared/wire/quantise.h"

#include <string.h>

#define ONE_BITS  16
#define ONE       (1 << ONE_BITS)
#define FINE_BITS 6     /* positions within a prediction are in 1/64 */
#define HALF_SQRT 46341 /* √½ in 1/65536 */

static inline int64_t clamp(int64_t value, int64_t most)
{
    return value > most ? most : value < -most ? -most : value;
}

static inline int64_t magnitude(int64_t value)
{
    return value < 0 ? -value : value;
}

static inline int64_t between(int32_t to, int32_t from)
{
    return (int32_t)((uint32_t)to - (uint32_t)from);
}

/* log2(value + 1) in 1/16, straight between the powers of two. */
static inline int32_t logarithm(uint64_t value)
{
    uint64_t x = (value < UINT32_MAX ? value : UINT32_MAX) + 1;
    int32_t whole = 63 - __builtin_clzll(x);
    return whole * 16 + (int32_t)((x << 4 >> whole) & 15);
}

#define LOG_MOST ((1 << 24) - 2) /* larger ones count as this */

/* The same of four at once, none negative nor above LOG_MOST: a float's exponent and first bits are just
 * that, and to turn such a number into one is exact. */
static inline Four logarithms(Four values)
{
    typedef float Floats __attribute__((vector_size(16)));
    Floats floats = __builtin_convertvector(values + 1, Floats);
    Four bits;
    memcpy(&bits, &floats, sizeof bits);
    return (bits >> 19) - (127 << 4);
}

static inline Four four_of(const int16_t *numbers)
{
    typedef int16_t Half __attribute__((vector_size(8)));
    Half half;
    memcpy(&half, numbers, sizeof half);
    return __builtin_convertvector(half, Four);
}

/* `logs`, each less than 2^15 and not negative, times `weights`, of 16 bits. One instruction where there is
 * one. */
static inline Four times(Four logs, Four weights)
{
#ifdef __SSE2__
    typedef int16_t Eight __attribute__((vector_size(16)));
    return (Four)__builtin_ia32_pmaddwd128((Eight)logs, (Eight)weights);
#else
    return logs * weights;
#endif
}

/* A magnitude for it. */
static inline int32_t size_for_log(int64_t value)
{
    int64_t size = value < 0 ? -value : value;
    return size < LOG_MOST ? (int32_t)size : LOG_MOST;
}

/* Square roots of the middles of 2^24 i to 2^24 (i + 1), for i from 64. */
static const uint16_t roots[192] = {
    32895, 33149, 33401, 33652, 33900, 34146, 34391, 34634, 34876, 35115, 35353, 35590, 35825, 36058, 36290,
    36521, 36750, 36977, 37203, 37428, 37652, 37874, 38095, 38314, 38532, 38749, 38965, 39180, 39394, 39606,
    39817, 40027, 40236, 40444, 40651, 40857, 41062, 41266, 41468, 41670, 41871, 42071, 42270, 42468, 42665,
    42861, 43056, 43251, 43444, 43637, 43829, 44020, 44210, 44399, 44588, 44775, 44962, 45148, 45334, 45519,
    45702, 45886, 46068, 46250, 46431, 46611, 46791, 46970, 47148, 47326, 47503, 47679, 47854, 48029, 48204,
    48377, 48550, 48723, 48895, 49066, 49237, 49407, 49576, 49745, 49914, 50081, 50249, 50415, 50581, 50747,
    50912, 51076, 51240, 51404, 51567, 51729, 51891, 52053, 52213, 52374, 52534, 52693, 52852, 53011, 53169,
    53326, 53483, 53640, 53796, 53952, 54107, 54262, 54416, 54570, 54724, 54877, 55029, 55182, 55333, 55485,
    55636, 55786, 55937, 56086, 56236, 56385, 56533, 56681, 56829, 56977, 57124, 57270, 57417, 57563, 57708,
    57853, 57998, 58143, 58287, 58430, 58574, 58717, 58859, 59002, 59144, 59285, 59427, 59568, 59708, 59849,
    59989, 60128, 60268, 60407, 60546, 60684, 60822, 60960, 61097, 61234, 61371, 61508, 61644, 61780, 61916,
    62051, 62186, 62321, 62455, 62589, 62723, 62857, 62990, 63123, 63256, 63388, 63521, 63652, 63784, 63915,
    64047, 64177, 64308, 64438, 64568, 64698, 64828, 64957, 65086, 65215, 65343, 65471
};

/* 2^31 over those. */
static const uint16_t parts_of_roots[192] = {
    65283, 64783, 64294, 63814, 63348, 62891, 62443, 62005, 61575, 61156, 60744, 60340, 59944, 59556, 59176,
    58801, 58435, 58076, 57723, 57376, 57035, 56701, 56372, 56050, 55732, 55420, 55113, 54811, 54513, 54221,
    53934, 53651, 53372, 53098, 52827, 52561, 52299, 52040, 51787, 51535, 51288, 51044, 50804, 50567, 50334,
    50103, 49877, 49652, 49431, 49212, 48997, 48784, 48575, 48368, 48163, 47962, 47762, 47565, 47370, 47178,
    46989, 46800, 46616, 46432, 46251, 46072, 45895, 45720, 45548, 45376, 45207, 45040, 44876, 44712, 44550,
    44391, 44232, 44075, 43920, 43767, 43615, 43465, 43317, 43170, 43024, 42880, 42737, 42596, 42456, 42317,
    42180, 42045, 41910, 41777, 41645, 41514, 41385, 41256, 41129, 41003, 40878, 40755, 40632, 40510, 40390,
    40271, 40153, 40035, 39919, 39804, 39690, 39576, 39464, 39353, 39242, 39133, 39025, 38916, 38810, 38704,
    38599, 38495, 38391, 38289, 38187, 38086, 37986, 37887, 37789, 37690, 37593, 37498, 37402, 37307, 37213,
    37120, 37027, 36935, 36843, 36753, 36663, 36573, 36485, 36397, 36309, 36223, 36136, 36051, 35966, 35882,
    35798, 35715, 35632, 35550, 35469, 35388, 35308, 35228, 35149, 35070, 34992, 34914, 34837, 34760, 34684,
    34608, 34533, 34458, 34384, 34311, 34238, 34165, 34092, 34021, 33949, 33878, 33807, 33738, 33668, 33599,
    33530, 33462, 33394, 33326, 33259, 33192, 33126, 33060, 32995, 32929, 32865, 32801
};

/* Largest integer whose square is not above `value`, from 1 to 2^32. */
static inline int64_t square_root(uint64_t value)
{
    if (value >> 32) {
        return ONE;
    }
    unsigned half = (unsigned)__builtin_clz((uint32_t)value) / 2;
    uint32_t scaled = (uint32_t)value << (2 * half); /* at least 2^30: a quarter of a percent is known */
    uint32_t near = roots[(scaled >> 24) - 64];
    int64_t off = (int64_t)scaled - (int64_t)near * near;                        /* less than 2^24 */
    near = (uint32_t)(near + (off * parts_of_roots[(scaled >> 24) - 64] >> 32)); /* off by one at most */
    near -= (uint64_t)near * near > scaled;
    near += (uint64_t)(near + 1) * (near + 1) <= scaled;
    return near >> half;
}

static inline Quaternion unpack(const Motion *motion, uint64_t packed)
{
    int64_t rest = INT64_C(1) << (2 * ONE_BITS), v[3];
    for (unsigned i = 0; i < 3; i++) {
        int64_t twice = 2 * (int64_t)quat_component(packed, i) - (int64_t)motion->steps;
        v[i] = (twice * motion->step_size + ONE / 2) >> ONE_BITS;
        rest -= v[i] * v[i];
    }
    int64_t most = rest > 0 ? square_root((uint64_t)rest) : 0;
    const unsigned largest = quat_largest(packed);
    Quaternion rotation;
    rotation.v[0 + (largest <= 0)] = v[0]; /* without a jump: it is as likely one as another */
    rotation.v[1 + (largest <= 1)] = v[1];
    rotation.v[2 + (largest <= 2)] = v[2];
    rotation.v[largest] = most;
    return rotation;
}

static inline Quaternion multiply(const Quaternion *p, const Quaternion *q)
{
    const int64_t *a = p->v, *b = q->v;
    const int64_t half = 1 << (ONE_BITS - 1);
    return (Quaternion){ {
        (a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + half) >> ONE_BITS,
        (a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0] + half) >> ONE_BITS,
        (a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3] + half) >> ONE_BITS,
        (a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2] + half) >> ONE_BITS,
    } };
}

/* The rotation that leads from `from` to `to`, the short way. */
static inline Quaternion turn_between(const Quaternion *to, const Quaternion *from)
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

/* Axis × a quarter of the angle: adds up as angles do. From the tangent by the first terms of the series. */
static inline Vector angle_of(const Quaternion *turn)
{
    int64_t reciprocal = (INT64_C(1) << 32) / (ONE + turn->v[3]), square = 0;
    Vector tangent;
    for (int k = 0; k < 3; k++) {
        tangent.v[k] = (turn->v[k] * reciprocal) >> ONE_BITS;
        square += tangent.v[k] * tangent.v[k];
    }
    square >>= ONE_BITS;
    int64_t factor = 9362 - ((square * 7282) >> ONE_BITS);
    factor = 13107 - ((square * factor) >> ONE_BITS);
    factor = 21845 - ((square * factor) >> ONE_BITS);
    factor = ONE - ((square * factor) >> ONE_BITS);
    for (int k = 0; k < 3; k++) {
        tangent.v[k] = (tangent.v[k] * factor) >> ONE_BITS;
    }
    return tangent;
}

static inline Quaternion turn_by(const Vector *angle)
{
    int64_t square = 0, sum = 0;
    for (int k = 0; k < 3; k++) {
        square += angle->v[k] * angle->v[k];
    }
    square >>= ONE_BITS;
    int64_t factor = 3536 + ((square * 1433) >> ONE_BITS);
    factor = 8738 + ((square * factor) >> ONE_BITS);
    factor = 21845 + ((square * factor) >> ONE_BITS);
    factor = ONE + ((square * factor) >> ONE_BITS);
    Quaternion turn;
    for (int k = 0; k < 3; k++) {
        turn.v[k] = (angle->v[k] * factor) >> ONE_BITS;
        sum += turn.v[k] * turn.v[k];
    }
    sum >>= ONE_BITS;
    int64_t reciprocal = (INT64_C(1) << 32) / (ONE + sum);
    for (int k = 0; k < 3; k++) {
        turn.v[k] = (2 * turn.v[k] * reciprocal) >> ONE_BITS;
    }
    turn.v[3] = ((ONE - sum) * reciprocal) >> ONE_BITS;
    return turn;
}

static inline Vector cross(const int64_t *a, const int64_t *b)
{
    return (Vector){ { a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0] } };
}

/* A rotation as a matrix, in 1/65536. */
static inline Matrix matrix_of(const Quaternion *turn)
{
    const int64_t x = turn->v[0], y = turn->v[1], z = turn->v[2], w = turn->v[3];
    const int b = ONE_BITS - 1; /* twice each product */
    return (Matrix){ { { ONE - ((y * y + z * z) >> b), (x * y - z * w) >> b, (x * z + y * w) >> b },
                       { (x * y + z * w) >> b, ONE - ((x * x + z * z) >> b), (y * z - x * w) >> b },
                       { (x * z - y * w) >> b, (y * z + x * w) >> b, ONE - ((x * x + y * y) >> b) } } };
}

static inline Vector transform(const Matrix *matrix, const Vector *v)
{
    Vector to;
    for (int k = 0; k < 3; k++) {
        const int64_t *m = matrix->m[k];
        to.v[k] = (m[0] * v->v[0] + m[1] * v->v[1] + m[2] * v->v[2] + ONE / 2) >> ONE_BITS;
    }
    return to;
}

static inline Vector difference(const Vector *a, const Vector *b)
{
    return (Vector){ { a->v[0] - b->v[0], a->v[1] - b->v[1], a->v[2] - b->v[2] } };
}

#define GONE_MOST (1 << 24) /* in 1/64: nobody goes farther in a moment */

/* Limits all three; hardly ever has anything to do. */
static inline void limit_vector(Vector *vector, int64_t most)
{
    int64_t *v = vector->v;
    uint64_t wide = 2 * (uint64_t)most;
    bool within = ((uint64_t)(v[0] + most) <= wide) & ((uint64_t)(v[1] + most) <= wide) &
                  ((uint64_t)(v[2] + most) <= wide);
    for (int k = 0; k < 3 && !within; k++) {
        v[k] = clamp(v[k], most);
    }
}

static inline Vector displacement(const EntityState *to, const EntityState *from)
{
    Vector way = { { between(to->x_mm, from->x_mm) * (1 << FINE_BITS),
                     between(to->y_mm, from->y_mm) * (1 << FINE_BITS),
                     between(to->z_mm, from->z_mm) * (1 << FINE_BITS) } };
    limit_vector(&way, GONE_MOST);
    return way;
}

static inline Vector place_of(const EntityState *entity)
{
    return (Vector){ { (int64_t)entity->x_mm * (1 << FINE_BITS), (int64_t)entity->y_mm * (1 << FINE_BITS),
                       (int64_t)entity->z_mm * (1 << FINE_BITS) } };
}

static inline int64_t size_of(const Vector *vector)
{
    return magnitude(vector->v[0]) + magnitude(vector->v[1]) + magnitude(vector->v[2]);
}

/* What was gone since the past one at `j`, as far as the lead goes. */
static inline int64_t over_lead(const Motion *motion, int64_t value, unsigned j)
{
    return (value * motion->ratios[j]) >> 16;
}

#endif
