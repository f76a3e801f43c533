#include "shared/wire/quantise.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define MM_LIMIT  1e9f /* 1,000 km */
#define SQRT_HALF 0.70710678f

/* No component of a packed rotation need be off by more than this many steps. Rounding to the nearest keeps
 * three within a half; the largest takes the sum of their errors, each weighed by at most 1. One of them
 * that is off by more than 3/13 may be rounded the other way and stays within 10/13, and if none is, the sum
 * is within 9/13. */
#define ERROR_ENOUGH (10.0f / 13)

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

/* The code of component `value` in steps, down or up. */
static int32_t code_of(float value, float steps, bool up)
{
    int32_t code = (int32_t)((value * SQRT_HALF + 0.5f) * steps) + up;
    return code < 0 ? 0 : (float)code > steps ? (int32_t)steps : code;
}

static float value_of(int32_t code, float steps)
{
    return ((float)code / steps * 2 - 1) * SQRT_HALF;
}

/* The worst error, in steps, of rounding `three` as the bits of `way` say. */
static float error_of(const float three[3], float largest, float steps, unsigned way, int32_t out_codes[3])
{
    float square = 0, worst = 0;
    for (unsigned i = 0; i < 3; i++) {
        out_codes[i] = code_of(three[i], steps, way >> i & 1);
        float value = value_of(out_codes[i], steps), error = fabsf(value - three[i]);
        square += value * value;
        worst = error > worst ? error : worst;
    }
    float error = fabsf((square < 1 ? sqrtf(1 - square) : 0) - largest);
    return (error > worst ? error : worst) * steps * SQRT_HALF;
}

uint64_t quat_pack_steps(const float rotation[4], uint32_t steps)
{
    float unit[4] = { rotation[0], rotation[1], rotation[2], rotation[3] }, three[3];
    normalise(unit);
    unsigned largest = 0, place = 0, nearest = 0;
    for (unsigned i = 1; i < 4; i++) {
        if (fabsf(unit[i]) > fabsf(unit[largest])) {
            largest = i;
        }
    }
    float sign = unit[largest] < 0 ? -1.0f : 1.0f; /* q and -q are the same rotation */
    for (unsigned i = 0; i < 4; i++) {
        if (i != largest) {
            three[place] = sign * unit[i];
            float exact = (three[place] * SQRT_HALF + 0.5f) * (float)steps;
            nearest |= (unsigned)(exact - floorf(exact) >= 0.5f) << place;
            place++;
        }
    }
    int32_t codes[3], best[3];
    float least = error_of(three, fabsf(unit[largest]), (float)steps, nearest, best);
    for (unsigned way = 0; way < 8 && least > ERROR_ENOUGH; way++) {
        float error = error_of(three, fabsf(unit[largest]), (float)steps, way, codes);
        if (error < least) {
            least = error;
            memcpy(best, codes, sizeof best);
        }
    }
    return quat_join(largest, (uint64_t)best[0], (uint64_t)best[1], (uint64_t)best[2]);
}

uint64_t quat_pack(const float rotation[4])
{
    return quat_pack_steps(rotation, QUAT_STEPS);
}

void quat_unpack_steps(uint64_t packed, uint32_t steps, float out_rotation[4])
{
    unsigned largest = quat_largest(packed), place = 0;
    float square = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (i != largest) {
            int32_t code = quat_component(packed, place++);
            float value = value_of(code < (int32_t)steps ? code : (int32_t)steps, (float)steps);
            out_rotation[i] = value;
            square += value * value;
        }
    }
    out_rotation[largest] = square < 1 ? sqrtf(1 - square) : 0;
    normalise(out_rotation);
}

void quat_unpack(uint64_t packed, float out_rotation[4])
{
    quat_unpack_steps(packed, QUAT_STEPS, out_rotation);
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
