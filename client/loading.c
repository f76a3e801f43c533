#include "client/loading.h"

#include "client/builtin.h"
#include "client/scene/gltf.h"
#include "shared/base/log.h"

#include <string.h>

#define ARENA_LIMIT ((size_t)3 << 30)
#define AVATAR_NAME "avatar.glb"
#define AVATARS_MAX 256u

void loading_begin(Loading *loading, AssetSource assets, Renderer renderer)
{
    *loading = (Loading){ .assets = assets, .renderer = renderer };
    arena_init(&loading->arena, ARENA_LIMIT);
}

void loading_finish(Loading *loading)
{
    for (uint32_t i = 0; i < loading->loaded; i++) {
        renderer_remove_model(loading->renderer, loading->models[i].handle);
    }
    if (loading->avatar.model != NULL) {
        renderer_remove_model(loading->renderer, loading->avatar.handle);
    }
    arena_finish(&loading->arena);
    *loading = (Loading){ 0 };
}

static LoadedModel *find_model(Loading *loading, const char *name)
{
    for (uint32_t i = 0; i < loading->model_count; i++) {
        if (strcmp(loading->models[i].name, name) == 0) {
            return &loading->models[i];
        }
    }
    return NULL;
}

static Status load_world(Loading *loading, Diag *diag)
{
    Status status = world_load(loading->assets, &loading->arena, &loading->world, diag);
    if (status != STATUS_OK) {
        return status;
    }
    loading->models = arena_new_array(&loading->arena, LoadedModel, loading->world.object_count);
    if (loading->models == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "world.json", 0, "no memory for the world's models");
    }
    for (uint32_t i = 0; i < loading->world.object_count; i++) {
        const char *name = loading->world.objects[i].model;
        if (name != NULL && find_model(loading, name) == NULL) {
            loading->models[loading->model_count++].name = name;
        }
    }
    loading->world_ready = true;
    return STATUS_OK;
}

static Status load_model(Loading *loading, AssetSource source, const char *name, Model *out_model,
                         RenderModel *out_handle, Diag *diag)
{
    Status status = gltf_load(source, name, &loading->arena, out_model, diag);
    if (status == STATUS_OK) {
        status = renderer_add_model(loading->renderer, out_model, out_handle, diag);
        if (status == STATUS_OK) {
            log_debug("client", "loaded %s: %u triangles", name, out_model->triangle_count);
        }
    }
    return status;
}

static Status load_avatar(Loading *loading, Diag *diag)
{
    const AssetEntry entry = { AVATAR_NAME, bytes_of(builtin_avatar_bytes, builtin_avatar_size) };
    const AssetTable table = { .entries = &entry, .count = 1 };
    RenderModel handle;
    Status status =
        load_model(loading, asset_source_memory(&table), AVATAR_NAME, &loading->avatar_model, &handle, diag);
    if (status == STATUS_OK) {
        loading->avatar = (SceneModel){ .model = &loading->avatar_model, .handle = handle };
    }
    return status;
}

static Status make_scene(Loading *loading, Diag *diag)
{
    const World *world = &loading->world;
    SceneModel *models = arena_new_array(&loading->arena, SceneModel, world->object_count);
    if (models == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "world.json", 0, "no memory for the scene");
    }
    for (uint32_t i = 0; i < world->object_count; i++) {
        if (world->objects[i].model != NULL) {
            const LoadedModel *loaded = find_model(loading, world->objects[i].model);
            models[i] = (SceneModel){ .model = &loaded->model, .handle = loaded->handle };
        }
    }
    SceneConfig config = {
        .world = world, .models = models, .avatar = loading->avatar, .avatars_max = AVATARS_MAX
    };
    Status status = scene_create(&config, &loading->arena, &loading->scene, diag);
    loading->complete = status == STATUS_OK;
    return status;
}

Status loading_step(Loading *loading, Diag *diag)
{
    if (!loading->world_ready) {
        return load_world(loading, diag);
    }
    if (loading->loaded < loading->model_count) {
        LoadedModel *next = &loading->models[loading->loaded];
        Status status = load_model(loading, loading->assets, next->name, &next->model, &next->handle, diag);
        loading->loaded += status == STATUS_OK;
        return status;
    }
    if (loading->avatar.model == NULL) {
        return load_avatar(loading, diag);
    }
    return loading->complete ? STATUS_OK : make_scene(loading, diag);
}

float loading_progress(const Loading *loading)
{
    if (loading->complete) {
        return 1.0f;
    }
    return loading->world_ready ? 0.1f + 0.9f * (float)loading->loaded / (float)(loading->model_count + 2)
                                : 0.0f;
}
