#include "client/scene/pose.h"

#include <cglm/affine.h>
#include <cglm/mat4.h>
#include <cglm/quat.h>
#include <math.h>

void pose_rest(const Model *model, NodeTransform *local)
{
    for (uint32_t i = 0; i < model->node_count; i++) {
        const ModelNode *node = &model->nodes[i];
        memcpy(local[i].translation, node->translation, sizeof local[i].translation);
        memcpy(local[i].rotation, node->rotation, sizeof local[i].rotation);
        memcpy(local[i].scale, node->scale, sizeof local[i].scale);
    }
}

/* The last key at or before `time`; 0 before the first. */
static uint32_t find_key(const ModelChannel *channel, float time)
{
    uint32_t low = 0, high = channel->key_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (channel->times[middle] <= time) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static void unit_quaternion(float q[4])
{
    float length = sqrtf(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    if (!(length > 1e-9f) || !isfinite(length)) {
        q[0] = q[1] = q[2] = 0;
        q[3] = 1;
        return;
    }
    for (int i = 0; i < 4; i++) {
        q[i] /= length;
    }
}

/* Shortest-arc spherical interpolation, as the glTF specification asks of LINEAR rotations. */
static void slerp(const float a[4], const float b[4], float t, float out[4])
{
    float dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
    float sign = dot < 0 ? -1.0f : 1.0f;
    float from = 1 - t, to = t;
    dot = fabsf(dot);
    if (dot < 0.9995f) { /* closer ones are as good linear, without dividing by a small sine */
        float angle = acosf(dot);
        float sine = sinf(angle);
        from = sinf(from * angle) / sine;
        to = sinf(to * angle) / sine;
    }
    for (int i = 0; i < 4; i++) {
        out[i] = from * a[i] + sign * to * b[i];
    }
    unit_quaternion(out);
}

/* Hermite spline, appendix C of the glTF specification; tangents are scaled by the key interval. */
static void cubic(const float *key, const float *next, uint32_t width, float t, float interval, float *out)
{
    float t2 = t * t, t3 = t2 * t;
    for (uint32_t i = 0; i < width; i++) {
        float value = key[width + i], tangent_out = key[2 * width + i];
        float value_next = next[width + i], tangent_in = next[i];
        out[i] = (2 * t3 - 3 * t2 + 1) * value + interval * (t3 - 2 * t2 + t) * tangent_out +
                 (3 * t2 - 2 * t3) * value_next + interval * (t3 - t2) * tangent_in;
    }
}

static void sample(const ModelChannel *channel, float time, float *out)
{
    uint32_t width = channel->path == MODEL_ROTATION ? 4 : 3;
    bool is_cubic = channel->interpolation == MODEL_CUBIC;
    size_t stride = (size_t)width * (is_cubic ? 3 : 1);
    uint32_t key = find_key(channel, time);
    const float *at = channel->values + key * stride;
    const float *value = is_cubic ? at + width : at;
    bool hold = key + 1 >= channel->key_count || time <= channel->times[key];
    if (hold || channel->interpolation == MODEL_STEP) {
        memcpy(out, value, width * sizeof *out);
    } else {
        float interval = channel->times[key + 1] - channel->times[key]; /* > 0: times[key] < time < next */
        float t = (time - channel->times[key]) / interval;
        if (is_cubic) {
            cubic(at, at + stride, width, t, interval, out);
        } else if (width == 4) {
            float a[4], b[4];
            memcpy(a, at, sizeof a);
            memcpy(b, at + stride, sizeof b);
            unit_quaternion(a);
            unit_quaternion(b);
            slerp(a, b, t, out);
        } else {
            for (uint32_t i = 0; i < width; i++) {
                out[i] = at[i] + (at[stride + i] - at[i]) * t;
            }
        }
    }
    if (width == 4) {
        unit_quaternion(out);
    }
}

static float wrap_time(float time, float duration)
{
    if (!(duration > 0) || !isfinite(time)) {
        return 0;
    }
    if (time >= 0 && time <= duration) {
        return time; /* the last key is shown, not taken for the first */
    }
    float wrapped = fmodf(time, duration);
    return wrapped < 0 ? wrapped + duration : wrapped;
}

void pose_animate(const Model *model, const ModelAnimation *animation, float time, NodeTransform *local)
{
    float wrapped = wrap_time(time, animation->duration);
    for (uint32_t i = 0; i < animation->channel_count; i++) {
        const ModelChannel *channel = &animation->channels[i];
        if (channel->node >= model->node_count) {
            continue;
        }
        NodeTransform *node = &local[channel->node];
        float *target = channel->path == MODEL_TRANSLATION ? node->translation
                        : channel->path == MODEL_ROTATION  ? node->rotation
                                                           : node->scale;
        sample(channel, wrapped, target);
    }
}

void pose_blend(const Model *model, const NodeTransform *other, float weight, NodeTransform *local)
{
    for (uint32_t i = 0; i < model->node_count; i++) {
        float from[4];
        memcpy(from, local[i].rotation, sizeof from);
        slerp(from, other[i].rotation, weight, local[i].rotation);
        for (int axis = 0; axis < 3; axis++) {
            local[i].translation[axis] += (other[i].translation[axis] - local[i].translation[axis]) * weight;
            local[i].scale[axis] += (other[i].scale[axis] - local[i].scale[axis]) * weight;
        }
    }
}

static void local_matrix(const NodeTransform *local, mat4 out)
{
    versor rotation = { local->rotation[0], local->rotation[1], local->rotation[2], local->rotation[3] };
    glm_quat_mat4(rotation, out);
    for (int axis = 0; axis < 3; axis++) {
        for (int i = 0; i < 3; i++) {
            out[axis][i] *= local->scale[axis];
        }
        out[3][axis] = local->translation[axis];
    }
}

void pose_world(const Model *model, const NodeTransform *local, const mat4 root, mat4 *out_world)
{
    mat4 base;
    memcpy(base, root, sizeof base);
    for (uint32_t i = 0; i < model->node_count; i++) {
        mat4 matrix;
        uint32_t parent = model->nodes[i].parent;
        local_matrix(&local[i], matrix);
        glm_mat4_mul(parent == MODEL_NONE ? base : out_world[parent], matrix, out_world[i]);
    }
}
