/* pick.h - which object somebody means who looks somewhere. Pure. */
#ifndef CLIENT_SCENE_PICK_H
#define CLIENT_SCENE_PICK_H
#include "shared/model/world.h"

#define PICK_NONE  UINT32_MAX
#define PICK_REACH 8.0f /* metres */

/* Where somebody stands and looks. */
typedef struct PickRay {
    float eye[3];       /* metres */
    float direction[3]; /* unit vector */
    float stand[2];     /* x and z from where the reach counts */
} PickRay;

/* The object with a thing that has actions, within PICK_REACH, that is nearest to the line of sight;
 * PICK_NONE when none is within 25 degrees of it. */
uint32_t pick_object(const World *world, const PickRay *ray);

#endif
