#include "client/scene/pick.h"

#include <math.h>

#define COSINE_MIN 0.906f /* 25 degrees */
#define MIDDLE     1.0f   /* metres above its foot that an object is aimed at */
#define NEAR_BONUS 0.01f  /* of two about as well aimed at, the nearer one: cosine a metre */

/* How far the stand is from the box around the object, over the ground; the box turns with the object, which
 * a circle around it does not notice. */
static float ground_distance(const Object *object, const PickRay *ray)
{
    float x = object->position[0] - ray->stand[0], z = object->position[2] - ray->stand[1];
    float around = fmaxf(object->solid_half[0], object->solid_half[1]);
    return fmaxf(hypotf(x, z) - around, 0.0f);
}

/* Cosine between the line of sight and the middle of the object; 1 where the eye is in it. */
static float aim(const Object *object, const PickRay *ray)
{
    float to[3] = { object->position[0] - ray->eye[0], object->position[1] + MIDDLE - ray->eye[1],
                    object->position[2] - ray->eye[2] };
    float length = sqrtf(to[0] * to[0] + to[1] * to[1] + to[2] * to[2]);
    if (length < 0.3f) {
        return 1.0f;
    }
    return (to[0] * ray->direction[0] + to[1] * ray->direction[1] + to[2] * ray->direction[2]) / length;
}

uint32_t pick_object(const World *world, const PickRay *ray)
{
    uint32_t best = PICK_NONE;
    float best_score = -1e9f;
    for (uint32_t i = 0; i < world->object_count; i++) {
        const Object *object = &world->objects[i];
        if (object->thing >= world->thing_count || world->things[object->thing].model->action_count == 0) {
            continue;
        }
        float distance = ground_distance(object, ray), cosine = aim(object, ray);
        float score = cosine - NEAR_BONUS * distance;
        if (distance <= PICK_REACH && cosine >= COSINE_MIN && score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}
