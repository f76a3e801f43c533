/* scene_binding.c - from reported values to nodes, tints and lamps. */
#include "client/scene/scene_state.h"

#include <cglm/mat4.h>
#include <cglm/quat.h>
#include <cglm/vec3.h>
#include <math.h>

#define TWO_PI         6.28318531f
#define SMOOTH_SECONDS 0.12f  /* time constant of visuals */
#define LEVEL_LEAST    0.001f /* a level of 0 keeps an invertible matrix */
#define LAMP_RADIUS    0.12f

float scene_pulse(double seconds)
{
    double phase = seconds * SCENE_BLINK_HZ;
    return 0.5f + 0.5f * cosf(TWO_PI * (float)(phase - floor(phase)));
}

static Reported reported_value(const Scene *scene, const ObjectState *object, uint16_t property)
{
    Reported none = { .source_time = TIME_NONE, .quality = QUALITY_NONE };
    const EntityState *entity =
        object->object->thing == WORLD_NO_THING ? NULL : scene->thing_entities[object->object->thing];
    if (!entity || property >= entity->channel_count ||
        (uint64_t)entity->first_channel + property >= scene->snapshot->channel_count) {
        return none;
    }
    const ChannelState *channel = &scene->snapshot->channels[entity->first_channel + property];
    if (channel->quality == QUALITY_NONE || channel->quality >= QUALITY_COUNT) {
        return none;
    }
    return (
        Reported){ .code = channel->code, .source_time = channel->source_time, .quality = channel->quality };
}

static Quality worst(const ObjectState *object)
{
    bool any = false;
    Quality result = QUALITY_GOOD;
    for (uint32_t i = 0; i < object->bound_count; i++) {
        Quality quality = (Quality)object->bound[i].reported.quality;
        any = any || quality != QUALITY_NONE;
        result = quality > result ? quality : result;
    }
    return any ? result : QUALITY_NONE;
}

/* What of the object a change of this binding touches. */
static void touch(ObjectState *object, BindingKind kind)
{
    if (kind == BINDING_SPIN || kind == BINDING_TRANSLATE || kind == BINDING_LEVEL) {
        object->moved = true;
    } else {
        object->recolored = true;
    }
}

void object_take_values(Scene *scene, ObjectState *object, const TextTable *texts)
{
    for (uint32_t i = 0; i < object->bound_count; i++) {
        BoundState *bound = &object->bound[i];
        Reported reported = reported_value(scene, object, bound->binding->property);
        bool same = bound->reported.code == reported.code && bound->reported.quality == reported.quality;
        bound->reported = reported;
        object->reworded = object->reworded || !same;
        if (bound->binding->kind == BINDING_LABEL || (same && bound->started)) {
            continue;
        }
        MapResult target = value_map_apply(&bound->binding->map, bound->property, &reported, texts);
        for (int k = 0; k < 4; k++) {
            target.out[k] = isfinite(target.out[k]) ? target.out[k] : 0;
        }
        bound->target = target;
        bound->settled = false;
        if (!bound->started) {
            memcpy(bound->shown, target.out, sizeof bound->shown);
            bound->started = reported.quality != QUALITY_NONE;
        }
        touch(object, bound->binding->kind);
    }
    Quality quality = worst(object);
    object->recolored = object->recolored || quality != object->quality;
    object->quality = quality;
}

static void advance_shown(BoundState *bound, float dt)
{
    float part = 1 - expf(-dt / SMOOTH_SECONDS);
    float rest = 0, size = 0;
    for (int k = 0; k < 4; k++) {
        bound->shown[k] += (bound->target.out[k] - bound->shown[k]) * part;
        rest = fmaxf(rest, fabsf(bound->target.out[k] - bound->shown[k]));
        size = fmaxf(size, fabsf(bound->target.out[k]));
    }
    if (rest <= 1e-4f * (size + 1)) {
        memcpy(bound->shown, bound->target.out, sizeof bound->shown);
        bound->settled = true;
    }
}

void object_advance(ObjectState *object, float dt)
{
    for (uint32_t i = 0; i < object->bound_count; i++) {
        BoundState *bound = &object->bound[i];
        if (!bound->settled) {
            advance_shown(bound, dt);
            touch(object, bound->binding->kind);
        }
        bool glows = bound->binding->kind == BINDING_BEACON || bound->binding->kind == BINDING_EMISSIVE;
        if (glows && bound->target.blink) {
            object->recolored = true;
        }
        if (bound->binding->kind == BINDING_SPIN && bound->shown[0] != 0) {
            /* The angle only ever grows by what this frame turned, so a new speed never makes it jump. */
            float turned = bound->angle + fmodf(bound->shown[0] / 60 * dt, 1) * TWO_PI;
            bound->angle = turned - floorf(turned / TWO_PI) * TWO_PI;
            object->moved = true;
        }
    }
}

/* Marks `node` and what hangs below it; MODEL_NONE marks all. */
static void mark_subtree(Scene *scene, const Model *model, uint32_t node)
{
    for (uint32_t i = 0; i < model->node_count; i++) {
        uint32_t parent = model->nodes[i].parent;
        scene->subtree[i] =
            node == MODEL_NONE || i == node || (parent != MODEL_NONE && scene->subtree[parent]);
    }
}

/* A value nobody vouches for any more loses most of its colour. */
static void fade(Quality quality, float color[3])
{
    if (quality != QUALITY_STALE && quality != QUALITY_BAD) {
        return;
    }
    float grey = 0.2126f * color[0] + 0.7152f * color[1] + 0.0722f * color[2];
    for (int i = 0; i < 3; i++) {
        color[i] = 0.6f * (color[i] + (grey - color[i]) * 0.75f);
    }
}

static void show_color(Scene *scene, ObjectState *object, const BoundState *bound)
{
    mark_subtree(scene, object->shape->model, bound->node);
    for (uint32_t i = 0; i < object->shape->model->node_count; i++) {
        for (int k = 0; k < 3 && scene->subtree[i]; k++) {
            object->tint[i][k] *= bound->shown[k];
        }
    }
}

static void show_visibility(Scene *scene, ObjectState *object, const BoundState *bound)
{
    if (bound->target.out[0] >= 0.5f) {
        return;
    }
    mark_subtree(scene, object->shape->model, bound->node);
    for (uint32_t i = 0; i < object->shape->model->node_count; i++) {
        object->tint[i][3] = scene->subtree[i] ? 0 : object->tint[i][3];
    }
}

static void show_emissive(Scene *scene, ObjectState *object, const BoundState *bound, double seconds)
{
    float strength = bound->shown[3] * (bound->target.blink ? 0.15f + 0.85f * scene_pulse(seconds) : 1);
    mark_subtree(scene, object->shape->model, bound->node);
    for (uint32_t i = 0; i < object->shape->model->node_count; i++) {
        for (int k = 0; k < 3 && scene->subtree[i]; k++) {
            object->emissive[i][k] += bound->shown[k] * strength;
        }
    }
}

static void rotate_vector(const float rotation[4], const float vector[3], vec3 out)
{
    versor q = { rotation[0], rotation[1], rotation[2], rotation[3] };
    vec3 copy = { vector[0], vector[1], vector[2] };
    glm_quat_rotatev(q, copy, out);
}

static void show_motion(const BoundState *bound, NodeTransform *local)
{
    const float *axis = bound->binding->axis;
    if (bound->binding->kind == BINDING_SPIN) {
        versor turn,
            base = { local->rotation[0], local->rotation[1], local->rotation[2], local->rotation[3] };
        vec3 about = { axis[0], axis[1], axis[2] };
        glm_quatv(turn, bound->angle, about);
        glm_quat_mul(base, turn, base);
        memcpy(local->rotation, base, sizeof local->rotation);
    } else if (bound->binding->kind == BINDING_TRANSLATE) {
        vec3 along;
        rotate_vector(local->rotation, axis, along);
        for (int i = 0; i < 3; i++) {
            local->translation[i] += along[i] * bound->shown[0];
        }
    } else {
        float level = fminf(fmaxf(bound->shown[0], LEVEL_LEAST), 1);
        for (int i = 0; i < 3; i++) {
            local->scale[i] *= 1 + (level - 1) * fabsf(axis[i]);
        }
    }
}

static void show_beacon(Scene *scene, const ObjectState *object, const BoundState *bound, double seconds)
{
    RenderLamp *lamp = &scene->lamps[bound->slot];
    vec3 offset;
    rotate_vector(object->object->rotation, bound->binding->offset, offset);
    glm_vec3_add(offset, (float *)(uintptr_t)object->object->position, lamp->position);
    lamp->radius = LAMP_RADIUS;
    glm_vec3_copy((float *)(uintptr_t)bound->shown, lamp->color);
    fade((Quality)bound->reported.quality, lamp->color);
    lamp->color[3] = bound->shown[3] * (bound->target.blink ? 0.1f + 0.9f * scene_pulse(seconds) : 1);
}

/* root × what bindings do to the whole object. */
static void place_root(const ObjectState *object, const NodeTransform *whole, mat4 out)
{
    mat4 own;
    versor rotation = { whole->rotation[0], whole->rotation[1], whole->rotation[2], whole->rotation[3] };
    glm_quat_mat4(rotation, own);
    for (int i = 0; i < 3; i++) {
        glm_vec3_scale(own[i], whole->scale[i], own[i]);
        own[3][i] = whole->translation[i];
    }
    glm_mat4_mul((vec4 *)(uintptr_t)object->root, own, out);
}

/* Places the nodes: rest or clip, then what bindings move. */
static void show_pose(Scene *scene, ObjectState *object, double seconds)
{
    const Model *model = object->shape->model;
    NodeTransform whole = { .rotation = { 0, 0, 0, 1 }, .scale = { 1, 1, 1 } };
    mat4 root;
    pose_rest(model, object->local);
    if (object->restless) {
        const ModelAnimation *clip = &model->animations[0];
        double length = clip->duration > 0 ? (double)clip->duration : 1;
        pose_animate(model, clip, (float)fmod(seconds, length), object->local);
    }
    for (uint32_t i = 0; i < object->bound_count; i++) {
        const BoundState *bound = &object->bound[i];
        BindingKind kind = bound->binding->kind;
        if (kind == BINDING_SPIN || kind == BINDING_TRANSLATE || kind == BINDING_LEVEL) {
            show_motion(bound, bound->node == MODEL_NONE ? &whole : &object->local[bound->node]);
        }
    }
    place_root(object, &whole, root);
    pose_world(model, object->local, (const vec4 *)root, object->world);
    shape_bounds(object->shape, (const mat4 *)object->world, scene->instances[object->instance].bounds);
}

static void show_surface(Scene *scene, ObjectState *object, double seconds)
{
    uint32_t nodes = object->shape->model->node_count;
    for (uint32_t i = 0; i < nodes; i++) {
        glm_vec4_one(object->tint[i]);
        glm_vec4_zero(object->emissive[i]);
    }
    for (uint32_t i = 0; i < object->bound_count; i++) {
        const BoundState *bound = &object->bound[i];
        if (bound->binding->kind == BINDING_COLOR) {
            show_color(scene, object, bound);
        } else if (bound->binding->kind == BINDING_VISIBILITY) {
            show_visibility(scene, object, bound);
        } else if (bound->binding->kind == BINDING_EMISSIVE) {
            show_emissive(scene, object, bound, seconds);
        }
    }
    for (uint32_t i = 0; i < nodes; i++) {
        fade(object->quality, object->tint[i]);
    }
}

void object_show(Scene *scene, ObjectState *object, double seconds)
{
    if (object->recolored) {
        for (uint32_t i = 0; i < object->bound_count; i++) {
            if (object->bound[i].binding->kind == BINDING_BEACON) {
                show_beacon(scene, object, &object->bound[i], seconds);
            }
        }
        if (object->shape && object->tint) {
            show_surface(scene, object, seconds);
        }
    }
    if (object->shape && (object->moved || object->restless)) {
        show_pose(scene, object, seconds);
    }
    object->recolored = object->moved = false;
}
