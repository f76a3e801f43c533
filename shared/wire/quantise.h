/* quantise.h - transforms as integers. Pure; the same on every host (no -ffast-math, rounding half away from
 * zero). */
#ifndef SHARED_WIRE_QUANTISE_H
#define SHARED_WIRE_QUANTISE_H
#include <stdint.h>

/* Metres to millimetres, clamped to ±1,000 km; a NaN becomes 0. */
int32_t quantise_mm(float metres);

/* A rotation is packed as smallest-three: bits 0 and 1 say which component is largest, and from bit 2 on, 16
 * bits each, stand the others, in `steps` steps (2..65535) from -√½ to √½. */
#define QUAT_STEPS 1022 /* 10 bits, with an exact 0; largest error 0.24° */
#define QUAT_MASK  0xFFFFu

static inline unsigned quat_largest(uint64_t packed)
{
    return packed & 3;
}

/* One of the three, 0..steps; `place` from 0 in the order x, y, z, w. */
static inline int32_t quat_component(uint64_t packed, unsigned place)
{
    return (int32_t)(packed >> (2 + 16 * place) & QUAT_MASK);
}

static inline uint64_t quat_join(unsigned largest, uint64_t first, uint64_t second, uint64_t third)
{
    return largest | first << 2 | second << 18 | third << 34;
}

/* Packs a unit quaternion (x, y, z, w) in QUAT_STEPS, or in `steps`. Each of the three is rounded to the
 * nearest, unless that would leave the largest off by more than ten thirteenths of a step and another
 * rounding leaves all four within that. */
uint64_t quat_pack(const float rotation[4]);
uint64_t quat_pack_steps(const float rotation[4], uint32_t steps);

/* A unit quaternion from anything that is packed; what is beyond `steps` counts as `steps`. */
void quat_unpack(uint64_t packed, float out_rotation[4]);
void quat_unpack_steps(uint64_t packed, uint32_t steps, float out_rotation[4]);

/* The rotation of a person who looks to `yaw` (radians about +Y) and `pitch` (about +X, up positive), and
 * back. */
void quat_from_yaw_pitch(float yaw, float pitch, float out_rotation[4]);
void quat_to_yaw_pitch(const float rotation[4], float *out_yaw, float *out_pitch);

#endif
