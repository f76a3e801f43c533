/* scene_avatar.c - people: an idle and a walk clip blended by speed, the walk driven by the distance walked
 * so that feet do not slide. */
#include "client/scene/scene_state.h"

#include <cglm/mat4.h>
#include <cglm/quat.h>
#include <cglm/vec3.h>
#include <math.h>

#define AVATARS_DEFAULT 64
#define STRIDE_METRES   1.5f /* ground that one turn of the walk clip covers (assets/generator) */
#define WALKING_SPEED   0.7f /* m/s from which on the walk clip is shown alone */
#define BLEND_SECONDS   0.12f
#define JUMP_METRES     2.0f /* further in one frame is a jump, not a step */
#define NAME_HEIGHT     1.98f
#define HEAD_SHARE      0.5f /* of the look up or down that the head shows */

void scene_session_color(uint16_t session, float out_linear[3])
{
    /* Hues a golden section apart: neighbours in number are far apart in colour. */
    float hue = fmodf((float)session * 0.61803399f + 0.55f, 1) * 6;
    static const float offsets[3] = { 5, 3, 1 };
    for (int i = 0; i < 3; i++) {
        float k = fmodf(offsets[i] + hue, 6);
        float pure = 1 - fminf(fmaxf(fminf(k, 4 - k), 0), 1);
        out_linear[i] = 0.06f + 0.7f * pure;
    }
}

static uint32_t clip_index(const Model *model, const char *name)
{
    for (uint32_t i = 0; i < model->animation_count; i++) {
        if (strcmp(model->animations[i].name, name) == 0) {
            return i;
        }
    }
    return MODEL_NONE;
}

Status avatars_init(Scene *scene, const SceneConfig *config, Arena *arena)
{
    const Model *model = config->avatar.model;
    scene->avatar_model = config->avatar;
    scene->avatars_max = config->avatars_max ? config->avatars_max : AVATARS_DEFAULT;
    scene->avatars = arena_new_array(arena, AvatarSlot, scene->avatars_max);
    scene->names = arena_new_array(arena, SceneName, scene->avatars_max);
    if (!scene->avatars || !scene->names) {
        return STATUS_OUT_OF_MEMORY;
    }
    if (!model) {
        return STATUS_OK;
    }
    scene->idle_clip = clip_index(model, "idle");
    scene->walk_clip = clip_index(model, "walk");
    scene->head_node = model_node_index(model, "head");
    scene->shirt = arena_new_array(arena, bool, model->node_count);
    scene->avatar_local = arena_new_array(arena, NodeTransform, model->node_count);
    scene->avatar_walk = arena_new_array(arena, NodeTransform, model->node_count);
    Status status = shape_init(&scene->avatar_shape, model, arena);
    if (status != STATUS_OK || !scene->shirt || !scene->avatar_local || !scene->avatar_walk) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < model->node_count; i++) {
        scene->shirt[i] = strncmp(model->nodes[i].name, "Shirt", 5) == 0;
    }
    for (uint32_t i = 0; i < scene->avatars_max; i++) {
        scene->avatars[i].world = arena_new_array(arena, mat4, model->node_count);
        scene->avatars[i].tint = arena_new_array(arena, vec4, model->node_count);
        if (!scene->avatars[i].world || !scene->avatars[i].tint) {
            return STATUS_OUT_OF_MEMORY;
        }
    }
    return STATUS_OK;
}

static void dress(const Scene *scene, AvatarSlot *slot)
{
    vec4 color = { 0, 0, 0, 1 };
    scene_session_color(slot->session, color);
    for (uint32_t i = 0; i < scene->avatar_model.model->node_count; i++) {
        if (scene->shirt[i]) {
            glm_vec4_copy(color, slot->tint[i]);
        } else {
            glm_vec4_one(slot->tint[i]);
        }
    }
}

/* The slot that session `session` had before, else a free one, else NULL. */
static AvatarSlot *find_slot(Scene *scene, const SessionAvatar *avatar)
{
    AvatarSlot *unused = NULL;
    for (uint32_t i = 0; i < scene->avatars_max; i++) {
        AvatarSlot *slot = &scene->avatars[i];
        if (slot->used && slot->session == avatar->session) {
            return slot;
        }
        if (!slot->used && !unused) {
            unused = slot;
        }
    }
    if (unused) {
        *unused = (AvatarSlot){
            .session = avatar->session, .used = true, .world = unused->world, .tint = unused->tint
        };
        memcpy(unused->position, avatar->position, sizeof unused->position);
        if (scene->avatar_model.model) {
            dress(scene, unused);
        }
    }
    return unused;
}

static void walk(AvatarSlot *slot, const SessionAvatar *avatar, float dt, float clip_seconds)
{
    float dx = avatar->position[0] - slot->position[0], dz = avatar->position[2] - slot->position[2];
    float distance = sqrtf(dx * dx + dz * dz);
    float forward = -dx * sinf(avatar->yaw) - dz * cosf(avatar->yaw); /* yaw 0 looks along -Z */
    memcpy(slot->position, avatar->position, sizeof slot->position);
    float wanted = fminf(fmaxf(avatar->speed / WALKING_SPEED, 0), 1);
    slot->weight += (wanted - slot->weight) * (1 - expf(-dt / BLEND_SECONDS));
    if (!(distance < JUMP_METRES) || !(clip_seconds > 0)) {
        return;
    }
    float turns = distance / STRIDE_METRES * (forward < -0.3f * distance ? -1.0f : 1.0f);
    float time = slot->walk_time + turns * clip_seconds;
    slot->walk_time = time - floorf(time / clip_seconds) * clip_seconds;
}

static void turn_head(const Scene *scene, float pitch)
{
    if (scene->head_node == MODEL_NONE) {
        return;
    }
    NodeTransform *head = &scene->avatar_local[scene->head_node];
    versor turn, base = { head->rotation[0], head->rotation[1], head->rotation[2], head->rotation[3] };
    vec3 right = { 1, 0, 0 };
    glm_quatv(turn, pitch * HEAD_SHARE, right);
    glm_quat_mul(base, turn, base);
    memcpy(head->rotation, base, sizeof head->rotation);
}

static void pose_avatar(Scene *scene, const AvatarSlot *slot, const SessionAvatar *avatar, double seconds)
{
    const Model *model = scene->avatar_model.model;
    pose_rest(model, scene->avatar_local);
    if (scene->idle_clip != MODEL_NONE) {
        const ModelAnimation *idle = &model->animations[scene->idle_clip];
        double length = idle->duration > 0 ? (double)idle->duration : 1;
        /* Started at another moment for everybody, so that a group does not breathe as one. */
        pose_animate(model, idle, (float)fmod(seconds + slot->session * 1.37, length), scene->avatar_local);
    }
    if (scene->walk_clip != MODEL_NONE && slot->weight > 0.001f) {
        pose_rest(model, scene->avatar_walk);
        pose_animate(model, &model->animations[scene->walk_clip], slot->walk_time, scene->avatar_walk);
        pose_blend(model, scene->avatar_walk, slot->weight, scene->avatar_local);
    }
    turn_head(scene, avatar->pitch);
    mat4 root = GLM_MAT4_IDENTITY_INIT;
    versor turn;
    vec3 up = { 0, 1, 0 };
    glm_quatv(turn, avatar->yaw, up);
    glm_quat_mat4(turn, root);
    glm_vec3_copy((float *)(uintptr_t)avatar->position, root[3]);
    pose_world(model, scene->avatar_local, (const vec4 *)root, slot->world);
}

static void add_name(Scene *scene, const SessionAvatar *avatar)
{
    SceneName *name = &scene->names[scene->name_count++];
    float linear[3];
    scene_session_color(avatar->session, linear);
    *name = (SceneName){ .session = avatar->session, .name = avatar->name };
    glm_vec3_copy((float *)(uintptr_t)avatar->position, name->anchor);
    name->anchor[1] += NAME_HEIGHT;
    color_to_srgb(linear, name->color);
}

static void add_avatar(Scene *scene, const SessionAvatar *avatar, float dt, double seconds)
{
    AvatarSlot *slot = find_slot(scene, avatar);
    if (!slot || slot->seen) {
        return;
    }
    slot->seen = true;
    add_name(scene, avatar);
    const Model *model = scene->avatar_model.model;
    if (!model) {
        return;
    }
    walk(slot, avatar, dt, scene->walk_clip == MODEL_NONE ? 0 : model->animations[scene->walk_clip].duration);
    pose_avatar(scene, slot, avatar, seconds);
    RenderInstance *instance = &scene->instances[scene->instance_count++];
    *instance = (RenderInstance){ .model = scene->avatar_model.handle,
                                  .node_world = (const mat4 *)slot->world,
                                  .node_tint = (const vec4 *)slot->tint,
                                  .casts_shadow = true };
    shape_bounds(&scene->avatar_shape, (const mat4 *)slot->world, instance->bounds);
}

static bool is_finite(const SessionAvatar *avatar)
{
    return isfinite(avatar->position[0]) && isfinite(avatar->position[1]) && isfinite(avatar->position[2]) &&
           isfinite(avatar->yaw) && isfinite(avatar->pitch) && isfinite(avatar->speed);
}

static bool is_listed(const SceneInput *input, uint16_t session)
{
    for (uint32_t i = 0; i < input->avatar_count; i++) {
        if (input->avatars[i].session == session) {
            return true;
        }
    }
    return false;
}

void avatars_update(Scene *scene, const SceneInput *input)
{
    scene->instance_count = scene->object_instances;
    scene->name_count = 0;
    for (uint32_t i = 0; i < scene->avatars_max; i++) { /* before new ones look for room */
        AvatarSlot *slot = &scene->avatars[i];
        slot->seen = false;
        slot->used = slot->used && is_listed(input, slot->session);
    }
    for (uint32_t i = 0; i < input->avatar_count; i++) {
        if (is_finite(&input->avatars[i])) {
            add_avatar(scene, &input->avatars[i], input->dt, input->seconds);
        }
    }
}
