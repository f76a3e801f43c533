#include "client/scene/scene_state.h"

#include <cglm/mat4.h>
#include <cglm/vec3.h>
#include <math.h>

static void mesh_sphere(const ModelMesh *mesh, vec4 out)
{
    vec3 low = { 0 }, high = { 0 };
    for (uint32_t i = 0; i < mesh->primitive_count; i++) {
        for (int axis = 0; axis < 3; axis++) {
            const ModelPrimitive *primitive = &mesh->primitives[i];
            low[axis] = i ? fminf(low[axis], primitive->bounds_min[axis]) : primitive->bounds_min[axis];
            high[axis] = i ? fmaxf(high[axis], primitive->bounds_max[axis]) : primitive->bounds_max[axis];
        }
    }
    glm_vec3_center(low, high, out);
    out[3] = mesh->primitive_count ? glm_vec3_distance(low, high) / 2 : -1;
}

Status shape_init(ModelShape *shape, const Model *model, Arena *arena)
{
    vec4 *spheres = arena_new_array(arena, vec4, model->node_count);
    if (!spheres) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < model->node_count; i++) {
        if (model->nodes[i].mesh == MODEL_NONE) {
            spheres[i][3] = -1;
        } else {
            mesh_sphere(&model->meshes[model->nodes[i].mesh], spheres[i]);
        }
    }
    *shape = (ModelShape){ .model = model, .node_spheres = spheres };
    return STATUS_OK;
}

static void place_sphere(const vec4 sphere, const mat4 matrix, vec3 out_center, float *out_radius)
{
    float stretch = 0; /* squared; Gershgorin's bound, exact where the axes stay perpendicular */
    for (int i = 0; i < 3; i++) {
        float row = 0;
        for (int k = 0; k < 3; k++) {
            row += fabsf(matrix[i][0] * matrix[k][0] + matrix[i][1] * matrix[k][1] +
                         matrix[i][2] * matrix[k][2]);
        }
        stretch = fmaxf(stretch, row);
        out_center[i] =
            matrix[0][i] * sphere[0] + matrix[1][i] * sphere[1] + matrix[2][i] * sphere[2] + matrix[3][i];
    }
    *out_radius = sphere[3] * sqrtf(stretch);
}

void shape_bounds(const ModelShape *shape, const mat4 *world, vec4 out_sphere)
{
    vec3 low = { 0 }, high = { 0 }, center;
    float radius = 0;
    bool first = true;
    for (uint32_t i = 0; i < shape->model->node_count; i++) {
        if (shape->node_spheres[i][3] < 0) {
            continue;
        }
        place_sphere(shape->node_spheres[i], world[i], center, &radius);
        for (int axis = 0; axis < 3; axis++) {
            low[axis] = first ? center[axis] - radius : fminf(low[axis], center[axis] - radius);
            high[axis] = first ? center[axis] + radius : fmaxf(high[axis], center[axis] + radius);
        }
        first = false;
    }
    glm_vec3_center(low, high, out_sphere);
    out_sphere[3] = 0;
    for (uint32_t i = 0; i < shape->model->node_count; i++) {
        if (shape->node_spheres[i][3] >= 0) {
            place_sphere(shape->node_spheres[i], world[i], center, &radius);
            out_sphere[3] = fmaxf(out_sphere[3], glm_vec3_distance(out_sphere, center) + radius);
        }
    }
}
