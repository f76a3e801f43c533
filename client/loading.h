/* loading.h - from the files of a world to what can be drawn: world, models on the GPU, scene. In steps, so
 * that the network is served in between. Pure but for the renderer. */
#ifndef CLIENT_LOADING_H
#define CLIENT_LOADING_H
#include "client/scene/scene.h"

typedef struct LoadedModel {
    const char *name; /* asset name; borrowed from the world */
    Model model;
    RenderModel handle;
} LoadedModel;

typedef struct Loading {
    AssetSource assets;
    Renderer renderer;
    Arena arena; /* world, models, scene */
    World world;
    LoadedModel *models; /* one a distinct file */
    uint32_t model_count, loaded;
    Model avatar_model;
    SceneModel avatar;
    Scene *scene;
    bool world_ready, complete;
} Loading;

/* Remembers where to load from; borrowed. */
void loading_begin(Loading *loading, AssetSource assets, Renderer renderer);
void loading_finish(Loading *loading); /* safe on a zeroed Loading */

/* One step: the world, then a model at a time, then the scene. `complete` says when there is no more. A
 * failure is final: statuses of world_load, gltf_load, renderer_add_model, scene_create, with `diag` naming
 * the file. */
NODISCARD Status loading_step(Loading *loading, Diag *diag);

/* 0..1 */
float loading_progress(const Loading *loading);

#endif
