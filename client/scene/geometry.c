#include "client/scene/geometry.h"

#include <cglm/vec3.h>
#include <math.h>

static const float up[3] = { 0, 1, 0 };

void geometry_unit(float vector[3], const float fallback[3])
{
    /* Scaled first, so that squares of very large or small components neither overflow nor vanish. */
    float largest = fmaxf(fmaxf(fabsf(vector[0]), fabsf(vector[1])), fabsf(vector[2]));
    if (!(largest > 0) || !isfinite(largest)) {
        memcpy(vector, fallback, 3 * sizeof *vector);
        return;
    }
    float scaled[3] = { vector[0] / largest, vector[1] / largest, vector[2] / largest };
    float length = sqrtf(scaled[0] * scaled[0] + scaled[1] * scaled[1] + scaled[2] * scaled[2]);
    for (int i = 0; i < 3; i++) {
        vector[i] = scaled[i] / length;
    }
}

void geometry_flat_normals(ModelVertex *vertices, uint32_t count)
{
    for (uint32_t i = 0; i + 2 < count; i += 3) {
        vec3 a, b, normal;
        glm_vec3_sub(vertices[i + 1].position, vertices[i].position, a);
        glm_vec3_sub(vertices[i + 2].position, vertices[i].position, b);
        glm_vec3_cross(a, b, normal);
        geometry_unit(normal, up);
        for (uint32_t corner = i; corner < i + 3; corner++) {
            glm_vec3_copy(normal, vertices[corner].normal);
        }
    }
}

/* A unit vector orthogonal to the unit vector `normal`: the axis least along it, made orthogonal. */
static void any_orthogonal(const float normal[3], float out[3])
{
    int axis = 0;
    for (int i = 1; i < 3; i++) {
        if (fabsf(normal[i]) < fabsf(normal[axis])) {
            axis = i;
        }
    }
    for (int i = 0; i < 3; i++) {
        out[i] = (i == axis ? 1.0f : 0.0f) - normal[i] * normal[axis];
    }
    geometry_unit(out, up);
}

void geometry_any_tangents(ModelVertex *vertices, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        any_orthogonal(vertices[i].normal, vertices[i].tangent);
        vertices[i].tangent[3] = 1;
    }
}

/* Adds the directions of +U and +V over one triangle (E. Lengyel's construction) to its corners. */
static void add_triangle(const ModelPrimitive *primitive, const uint32_t *corners, float *sums)
{
    const ModelVertex *v0 = &primitive->vertices[corners[0]];
    const ModelVertex *v1 = &primitive->vertices[corners[1]];
    const ModelVertex *v2 = &primitive->vertices[corners[2]];
    float du1 = v1->uv[0] - v0->uv[0], dv1 = v1->uv[1] - v0->uv[1];
    float du2 = v2->uv[0] - v0->uv[0], dv2 = v2->uv[1] - v0->uv[1];
    float area = du1 * dv2 - du2 * dv1;
    if (!isfinite(area) || fabsf(area) < 1e-20f) {
        return;
    }
    for (int i = 0; i < 3; i++) {
        float e1 = v1->position[i] - v0->position[i];
        float e2 = v2->position[i] - v0->position[i];
        float along_u = (e1 * dv2 - e2 * dv1) / area;
        float along_v = (e2 * du1 - e1 * du2) / area;
        for (int corner = 0; corner < 3; corner++) {
            sums[(size_t)corners[corner] * 6 + (size_t)i] += along_u;
            sums[(size_t)corners[corner] * 6 + 3 + (size_t)i] += along_v;
        }
    }
}

void geometry_tangents(const ModelPrimitive *primitive, float *sums)
{
    for (uint32_t i = 0; i + 2 < primitive->index_count; i += 3) {
        add_triangle(primitive, primitive->indices + i, sums);
    }
    for (uint32_t i = 0; i < primitive->vertex_count; i++) {
        ModelVertex *vertex = &primitive->vertices[i];
        float *along_u = sums + (size_t)i * 6;
        vec3 fallback, bitangent;
        any_orthogonal(vertex->normal, fallback);
        geometry_unit(along_u, fallback);
        float along_normal = glm_vec3_dot(vertex->normal, along_u);
        for (int axis = 0; axis < 3; axis++) {
            vertex->tangent[axis] = along_u[axis] - vertex->normal[axis] * along_normal;
        }
        geometry_unit(vertex->tangent, fallback);
        glm_vec3_cross(vertex->normal, vertex->tangent, bitangent);
        vertex->tangent[3] = glm_vec3_dot(bitangent, along_u + 3) < 0 ? -1.0f : 1.0f;
    }
}

void geometry_measure(ModelPrimitive *primitive)
{
    for (uint32_t i = 0; i < primitive->vertex_count; i++) {
        for (int axis = 0; axis < 3; axis++) {
            float value = primitive->vertices[i].position[axis];
            if (i == 0 || value < primitive->bounds_min[axis]) {
                primitive->bounds_min[axis] = value;
            }
            if (i == 0 || value > primitive->bounds_max[axis]) {
                primitive->bounds_max[axis] = value;
            }
        }
    }
}
