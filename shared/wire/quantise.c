#include "shared/wire/quantise.h"

#include <math.h>

#define MM_LIMIT   1e9f /* 1,000 km */
#define SQRT_HALF  0.70710678f
#define SQRT_TWO   1.41421356f
#define SCALE      511 /* a component in ±√½ becomes -511..511, stored plus 511; 0 stays exactly 0 */
#define FIELD_BITS 10
#define FIELD_MASK ((1u << FIELD_BITS) - 1)

int32_t quantise_mm(float metres)
{
    double mm = (double)metres * 1000.0;
    if (mm != mm) {
        return 0;
    }
    mm = mm > (double)MM_LIMIT ? (double)MM_LIMIT : mm < -(double)MM_LIMIT ? -(double)MM_LIMIT : mm;
    return (int32_t)(mm < 0 ? mm - 0.5 : mm + 0.5);
}

/* Scales `rotation` to length 1; what has no direction becomes the identity. */
static void normalise(float rotation[4])
{
    float square = 0;
    for (int i = 0; i < 4; i++) {
        square += rotation[i] * rotation[i];
    }
    if (!(square > 1e-12f) || !(square < 1e12f)) {
        rotation[0] = rotation[1] = rotation[2] = 0;
        rotation[3] = 1;
        return;
    }
    float scale = 1.0f / sqrtf(square);
    for (int i = 0; i < 4; i++) {
        rotation[i] *= scale;
    }
}

uint32_t quat_pack(const float rotation[4])
{
    float unit[4] = { rotation[0], rotation[1], rotation[2], rotation[3] };
    normalise(unit);
    unsigned largest = 0;
    for (unsigned i = 1; i < 4; i++) {
        if (fabsf(unit[i]) > fabsf(unit[largest])) {
            largest = i;
        }
    }
    float sign = unit[largest] < 0 ? -1.0f : 1.0f; /* q and -q are the same rotation */
    uint32_t packed = largest;
    unsigned shift = 2;
    for (unsigned i = 0; i < 4; i++) {
        if (i == largest) {
            continue;
        }
        float scaled = sign * unit[i] * SQRT_TWO * (float)SCALE;
        int rounded = (int)(scaled < 0 ? scaled - 0.5f : scaled + 0.5f);
        rounded = rounded > SCALE ? SCALE : rounded < -SCALE ? -SCALE : rounded;
        packed |= (uint32_t)(rounded + SCALE) << shift;
        shift += FIELD_BITS;
    }
    return packed;
}

void quat_unpack(uint32_t packed, float out_rotation[4])
{
    unsigned largest = packed & 3;
    unsigned shift = 2;
    float square = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (i == largest) {
            continue;
        }
        int code = (int)(packed >> shift & FIELD_MASK) - SCALE;
        float value = (float)code / (float)SCALE * SQRT_HALF;
        out_rotation[i] = value;
        square += value * value;
        shift += FIELD_BITS;
    }
    out_rotation[largest] = square < 1 ? sqrtf(1 - square) : 0;
    normalise(out_rotation);
}

void quat_from_yaw_pitch(float yaw, float pitch, float out_rotation[4])
{
    float sin_yaw = sinf(yaw / 2), cos_yaw = cosf(yaw / 2);
    float sin_pitch = sinf(pitch / 2), cos_pitch = cosf(pitch / 2);
    out_rotation[0] = cos_yaw * sin_pitch;
    out_rotation[1] = sin_yaw * cos_pitch;
    out_rotation[2] = -sin_yaw * sin_pitch;
    out_rotation[3] = cos_yaw * cos_pitch;
}

void quat_to_yaw_pitch(const float rotation[4], float *out_yaw, float *out_pitch)
{
    float x = rotation[0], y = rotation[1], z = rotation[2], w = rotation[3];
    /* Yaw from where the right hand points: without roll it stays level, so it is defined even when the
     * person looks straight up. */
    *out_yaw = atan2f(2 * (w * y - x * z), 1 - 2 * (y * y + z * z));
    float up = 2 * (w * x - y * z); /* height of the look direction */
    *out_pitch = asinf(up > 1 ? 1 : up < -1 ? -1 : up);
}
