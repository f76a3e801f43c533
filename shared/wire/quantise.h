/* quantise.h - transforms as integers. Pure; the same on every host (no -ffast-math, rounding half away from
 * zero). */
#ifndef SHARED_WIRE_QUANTISE_H
#define SHARED_WIRE_QUANTISE_H
#include <stdint.h>

/* Metres to millimetres, clamped to ±1,000 km; a NaN becomes 0. */
int32_t quantise_mm(float metres);

/* Unit quaternion (x, y, z, w) as smallest-three: 2 bits which component is largest, 3 × 10 bits the others
 * scaled by √2. Largest error 0.24°. */
uint32_t quat_pack(const float rotation[4]);

/* Any 32 bits give a unit quaternion. */
void quat_unpack(uint32_t packed, float out_rotation[4]);

/* The rotation of a person who looks to `yaw` (radians about +Y) and `pitch` (about +X, up positive), and
 * back. */
void quat_from_yaw_pitch(float yaw, float pitch, float out_rotation[4]);
void quat_to_yaw_pitch(const float rotation[4], float *out_yaw, float *out_pitch);

#endif
