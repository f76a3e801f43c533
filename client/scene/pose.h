/* pose.h - the transforms of a model's nodes at one moment: rest pose, clip, then overrides from bindings.
 * Pure. */
#ifndef CLIENT_SCENE_POSE_H
#define CLIENT_SCENE_POSE_H
#include "client/scene/model.h"

#include <cglm/types.h>

typedef struct NodeTransform {
    float translation[3], rotation[4], scale[3];
} NodeTransform;

/* `local` has model->node_count entries. */
void pose_rest(const Model *model, NodeTransform *local);

/* Applies `animation` at `time` seconds (wrapped to its duration) over `local`. */
void pose_animate(const Model *model, const ModelAnimation *animation, float time, NodeTransform *local);

/* Moves `local` towards `other` by `weight` 0 … 1, node by node; rotations take the short way. */
void pose_blend(const Model *model, const NodeTransform *other, float weight, NodeTransform *local);

/* World matrices (column-major, root × … × node) from local transforms; `out_world` has node_count entries.
 */
void pose_world(const Model *model, const NodeTransform *local, const mat4 root, mat4 *out_world);

#endif
