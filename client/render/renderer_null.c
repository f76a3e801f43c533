/* Counts what it would draw: for tests and for clients that only measure. */
#include "client/render/draw_list.h"
#include "client/render/renderer.h"

#include <cglm/cglm.h>
#include <stdlib.h>
#include <string.h>

enum { NULL_MODELS = 1024 };

typedef struct NullModel {
    uint16_t generation; /* of the copy that is or was here */
    bool used;
    uint32_t node_count, triangles;
} NullModel;

typedef struct NullRenderer {
    uint32_t width, height;
    RenderStats stats;
    NullModel models[NULL_MODELS];
} NullRenderer;

static NullModel *find(NullRenderer *null, RenderModel model)
{
    uint32_t index = model.value & 0xFFFFU;
    if (index >= NULL_MODELS || !null->models[index].used ||
        null->models[index].generation != model.value >> 16) {
        return NULL;
    }
    return &null->models[index];
}

static Status add_model(void *context, const Model *model, RenderModel *out_model, Diag *diag)
{
    NullRenderer *null = context;
    for (uint32_t i = 0; i < NULL_MODELS; i++) {
        NullModel *slot = &null->models[i];
        if (slot->used || slot->generation == UINT16_MAX) {
            continue;
        }
        slot->used = true;
        slot->generation++;
        slot->node_count = model->node_count;
        slot->triangles = model->triangle_count;
        out_model->value = (uint32_t)slot->generation << 16 | i;
        return STATUS_OK;
    }
    return diag_set(diag, STATUS_CAPACITY, model->path, 0, "more than %d models", NULL_MODELS);
}

static void remove_model(void *context, RenderModel model)
{
    NullModel *slot = find(context, model);
    if (slot) {
        slot->used = false;
    }
}

static void resize(void *context, uint32_t width, uint32_t height)
{
    NullRenderer *null = context;
    null->width = width ? width : 1;
    null->height = height ? height : 1;
}

static void draw(void *context, const RenderFrame *frame)
{
    NullRenderer *null = context;
    mat4 view;
    mat4 projection;
    mat4 both;
    render_camera_matrices(&frame->camera, (float)null->width / (float)null->height, view, projection);
    glm_mat4_mul(projection, view, both);
    Frustum frustum;
    frustum_from_matrix(both, &frustum);
    null->stats = (RenderStats){ 0 };
    for (uint32_t i = 0; i < frame->instance_count; i++) {
        const NullModel *model = find(null, frame->instances[i].model);
        if (!model) {
            continue;
        }
        if (!frustum_sees_sphere(&frustum, frame->instances[i].bounds)) {
            null->stats.culled++;
            continue;
        }
        null->stats.instances++;
        null->stats.draw_calls++;
        null->stats.triangles += model->triangles;
    }
}

static Status read_pixels(void *context, uint8_t *out_rgba, size_t size)
{
    const NullRenderer *null = context;
    size_t needed = (size_t)null->width * null->height * 4;
    if (size < needed) {
        return STATUS_OUT_OF_RANGE;
    }
    memset(out_rgba, 0, needed);
    return STATUS_OK;
}

static RenderStats stats(const void *context)
{
    const NullRenderer *null = context;
    return null->stats;
}

static void destroy(void *context)
{
    free(context);
}

Status renderer_null_create(const RendererConfig *config, Renderer *out_renderer)
{
    static const RendererOps ops = { .add_model = add_model,
                                     .remove_model = remove_model,
                                     .resize = resize,
                                     .draw = draw,
                                     .read_pixels = read_pixels,
                                     .stats = stats,
                                     .destroy = destroy };
    NullRenderer *null = calloc(1, sizeof *null);
    if (!null) {
        return STATUS_OUT_OF_MEMORY;
    }
    resize(null, config->width, config->height);
    *out_renderer = (Renderer){ .ops = &ops, .context = null };
    return STATUS_OK;
}
