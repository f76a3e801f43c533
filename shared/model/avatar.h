/* avatar.h - how a person's avatar moves: one function, run by the server as authority and by the client to
 * predict. Pure and deterministic on both ends (no -ffast-math, fixed step, floats only, no libm but sqrtf
 * and the shared sine table of avatar.c). */
#ifndef SHARED_MODEL_AVATAR_H
#define SHARED_MODEL_AVATAR_H
#include "shared/model/world.h"

#define AVATAR_STEP_NS    (TIME_SECOND / 60) /* one input is one step */
#define AVATAR_WALK_SPEED 1.5f               /* m/s */
#define AVATAR_RUN_SPEED  4.0f               /* m/s */
#define AVATAR_RADIUS     0.3f               /* m */
#define AVATAR_EYE_HEIGHT 1.65f              /* m above the feet */

typedef struct AvatarInput {
    int8_t forward, right; /* -127..127, fraction of full speed, in the avatar's frame */
    bool run;
    uint16_t yaw;  /* 1/65536 turns */
    int16_t pitch; /* 1/65536 turns, up positive, within ±1/4 turn */
} AvatarInput;

typedef struct AvatarState {
    float position[3]; /* feet, metres */
    float velocity[2]; /* x and z, m/s */
    uint16_t yaw;      /* as in the input */
    int16_t pitch;
} AvatarState;

/* One fixed step of AVATAR_STEP_NS: accelerates towards the wished velocity, moves, slides along the solid
 * boxes of `world`'s objects, stays inside its bounds. Any input is safe. */
void avatar_step(AvatarState *state, const AvatarInput *input, const World *world);

/* Yaw and pitch in turns/65536 to radians and back (wraps). */
float avatar_yaw_radians(uint16_t yaw);
uint16_t avatar_yaw_from_radians(float radians);

#endif
