/* Any bytes are a GLB or a .gltf, or refused; what loads keeps every promise of model.h. */
#include "client/scene/gltf.h"
#include "client/scene/pose.h"
#include "tests/fuzz/fuzz_input.h"

#include <math.h>
#include <stdlib.h>

static void check_mesh(const Model *model, const ModelMesh *mesh)
{
    for (uint32_t p = 0; p < mesh->primitive_count; p++) {
        const ModelPrimitive *primitive = &mesh->primitives[p];
        require(primitive->index_count % 3 == 0 && primitive->material < model->material_count);
        for (uint32_t i = 0; i < primitive->index_count; i++) {
            require(primitive->indices[i] < primitive->vertex_count);
        }
        for (uint32_t i = 0; i < primitive->vertex_count; i++) {
            const ModelVertex *vertex = &primitive->vertices[i];
            for (int axis = 0; axis < 3; axis++) {
                require(vertex->position[axis] >= primitive->bounds_min[axis] &&
                        vertex->position[axis] <= primitive->bounds_max[axis]);
            }
            float square = vertex->normal[0] * vertex->normal[0] + vertex->normal[1] * vertex->normal[1] +
                           vertex->normal[2] * vertex->normal[2];
            require(fabsf(square - 1) < 1e-3f && isfinite(vertex->tangent[0]) && isfinite(vertex->uv[0]));
        }
    }
}

static void check_model(const Model *model, Arena *arena)
{
    static const mat4 identity = { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 }, { 0, 0, 0, 1 } };
    for (uint32_t i = 0; i < model->mesh_count; i++) {
        check_mesh(model, &model->meshes[i]);
    }
    for (uint32_t i = 0; i < model->node_count; i++) {
        require(model->nodes[i].parent == MODEL_NONE || model->nodes[i].parent < i);
        require(model->nodes[i].mesh == MODEL_NONE || model->nodes[i].mesh < model->mesh_count);
    }
    for (uint32_t i = 0; i < model->material_count; i++) {
        uint32_t image = model->materials[i].base_color_image;
        require(image == MODEL_NONE || (image < model->image_count && model->images[image].pixels));
    }
    NodeTransform *local = arena_new_array(arena, NodeTransform, model->node_count);
    mat4 *world = arena_new_array(arena, mat4, model->node_count);
    if (!local || !world) {
        return;
    }
    pose_rest(model, local);
    for (uint32_t i = 0; i < model->animation_count; i++) {
        require(isfinite(model->animations[i].duration));
        pose_animate(model, &model->animations[i], model->animations[i].duration * 0.37f, local);
    }
    pose_world(model, local, identity, world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const AssetEntry entries[] = { { "m/fuzz.glb", { data, size } } };
    const AssetTable table = { entries, 1 };
    Arena arena;
    Model model = { 0 };
    Diag diag = { 0 };
    arena_init(&arena, (size_t)64 << 20);
    Status status = gltf_load(asset_source_memory(&table), "m/fuzz.glb", &arena, &model, &diag);
    if (status == STATUS_OK) {
        check_model(&model, &arena);
    } else {
        require(diag.text[0] != '\0' && model.node_count == 0);
    }
    arena_finish(&arena);
    return 0;
}
