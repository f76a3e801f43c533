/* Joining and clustering of meshes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/render/mesh_lod.h"

enum { SEGMENTS = 48, RINGS = 24, VERTICES = (SEGMENTS + 1) * (RINGS + 1), INDICES = SEGMENTS * RINGS * 6 };

static ModelVertex vertices[VERTICES + 100]; /* the last hundred belong to no triangle */
static uint32_t indices[INDICES];
static ModelMaterial material;

static ModelPrimitive make_sphere(void)
{
    for (int ring = 0; ring <= RINGS; ring++) {
        for (int segment = 0; segment <= SEGMENTS; segment++) {
            float theta = 3.14159265F * (float)ring / RINGS;
            float phi = 6.2831853F * (float)segment / SEGMENTS;
            ModelVertex *vertex = &vertices[ring * (SEGMENTS + 1) + segment];
            float normal[3] = { sinf(theta) * cosf(phi), cosf(theta), sinf(theta) * sinf(phi) };
            memcpy(vertex->normal, normal, sizeof normal);
            memcpy(vertex->position, normal, sizeof normal);
        }
    }
    uint32_t at = 0;
    for (uint32_t ring = 0; ring < RINGS; ring++) {
        for (uint32_t segment = 0; segment < SEGMENTS; segment++) {
            uint32_t a = ring * (SEGMENTS + 1) + segment;
            uint32_t b = a + SEGMENTS + 1;
            const uint32_t quad[6] = { a, a + 1, b, a + 1, b + 1, b };
            memcpy(indices + at, quad, sizeof quad);
            at += 6;
        }
    }
    material.base_color_image = material.metallic_roughness_image = material.normal_image = MODEL_NONE;
    material.emissive_image = material.occlusion_image = MODEL_NONE;
    return (ModelPrimitive){
        .vertices = vertices, .vertex_count = VERTICES + 100, .indices = indices, .index_count = INDICES
    };
}

static void test_join_drops_unused_vertices(void **state)
{
    (void)state;
    ModelPrimitive primitives[2] = { make_sphere(), make_sphere() };
    primitives[1].index_count = 6;
    ModelMesh mesh = { .primitives = primitives, .primitive_count = 2 };
    MeshLevel level = { 0 };
    assert_int_equal(mesh_level_join(&mesh, &material, &level), STATUS_OK);
    assert_int_equal(level.vertex_count, VERTICES + 4);
    assert_int_equal(level.index_count, INDICES + 6);
    assert_int_equal(level.parts[1].first_index, INDICES);
    assert_int_equal(level.parts[1].index_count, 6);
    for (uint32_t i = 0; i < level.index_count; i++) {
        const ModelVertex *expected = &vertices[indices[i < INDICES ? i : i - INDICES]];
        assert_memory_equal(&level.vertices[level.indices[i]], expected, sizeof *expected);
    }
    float centre[3];
    float radius = 0;
    mesh_level_bounds(&level, centre, &radius);
    assert_true(fabsf(centre[0]) < 1e-3F && fabsf(radius - sqrtf(3)) < 1e-2F);
    mesh_level_finish(&level);
    mesh_level_finish(&level);
}

static void test_cluster_stays_near_the_surface(void **state)
{
    (void)state;
    ModelPrimitive primitive = make_sphere();
    ModelMesh mesh = { .primitives = &primitive, .primitive_count = 1 };
    MeshLevel level = { 0 };
    assert_int_equal(mesh_level_join(&mesh, &material, &level), STATUS_OK);
    uint32_t before = level.index_count;
    for (int round = 0; round < 3; round++) {
        const float cell = 0.15F * (float)(1 << round);
        MeshLevel coarse = { 0 };
        assert_int_equal(mesh_level_cluster(&level, cell, &coarse), STATUS_OK);
        assert_true(coarse.index_count > 0 && coarse.index_count < before);
        assert_int_equal(coarse.index_count % 3, 0);
        assert_int_equal(coarse.parts[0].index_count, coarse.index_count);
        before = coarse.index_count;
        for (uint32_t i = 0; i < coarse.index_count; i += 3) {
            for (uint32_t k = 0; k < 3; k++) {
                assert_true(coarse.indices[i + k] < coarse.vertex_count);
                const ModelVertex *vertex = &coarse.vertices[coarse.indices[i + k]];
                float radius = 0;
                float length = 0;
                float along = 0;
                for (int axis = 0; axis < 3; axis++) {
                    radius += vertex->position[axis] * vertex->position[axis];
                    length += vertex->normal[axis] * vertex->normal[axis];
                    along += vertex->normal[axis] * vertex->position[axis];
                }
                assert_true(fabsf(sqrtf(radius) - 1) < 1e-4F); /* a vertex of the original */
                assert_true(fabsf(sqrtf(length) - 1) < 1e-4F);
                assert_true(along > 0.75F); /* normals still point outwards */
            }
        }
        mesh_level_finish(&coarse);
    }
    mesh_level_finish(&level);
}

static void test_cluster_keeps_sharp_edges(void **state)
{
    (void)state;
    /* Two quads that meet at a right angle, each with its own normals, and a speck much smaller than a cell.
     */
    static ModelVertex corner[11] = {
        { .position = { 0, 0, 0 }, .normal = { 0, 1, 0 } },
        { .position = { 1, 0, 0 }, .normal = { 0, 1, 0 } },
        { .position = { 1, 0, 1 }, .normal = { 0, 1, 0 } },
        { .position = { 0, 0, 1 }, .normal = { 0, 1, 0 } },
        { .position = { 0, 0, 0 }, .normal = { 1, 0, 0 } },
        { .position = { 0, 0, 1 }, .normal = { 1, 0, 0 } },
        { .position = { 0, 1, 1 }, .normal = { 1, 0, 0 } },
        { .position = { 0, 1, 0 }, .normal = { 1, 0, 0 } },
        { .position = { 0.51F, 0.51F, 0.51F } },
        { .position = { 0.52F, 0.51F, 0.51F } },
        { .position = { 0.51F, 0.51F, 0.52F } },
    };
    static uint32_t faces[15] = { 0, 2, 1, 0, 3, 2, 4, 6, 5, 4, 7, 6, 8, 9, 10 };
    make_sphere();
    ModelPrimitive primitive = {
        .vertices = corner, .vertex_count = 11, .indices = faces, .index_count = 15
    };
    ModelMesh mesh = { .primitives = &primitive, .primitive_count = 1 };
    MeshLevel level = { 0 };
    MeshLevel coarse = { 0 };
    assert_int_equal(mesh_level_join(&mesh, &material, &level), STATUS_OK);
    assert_int_equal(mesh_level_cluster(&level, 0.3F, &coarse), STATUS_OK);
    assert_int_equal(coarse.index_count, 12);
    assert_int_equal(coarse.vertex_count, 8);
    for (uint32_t i = 0; i < 12; i++) {
        const float *normal = coarse.vertices[coarse.indices[i]].normal;
        assert_true(normal[i < 6 ? 1 : 0] > 0.999F);
    }
    mesh_level_finish(&coarse);
    /* Nothing is left of anything smaller than the cell, and odd numbers do no harm. */
    level.vertices[0].position[0] = NAN;
    level.vertices[1].position[0] = INFINITY;
    assert_int_equal(mesh_level_cluster(&level, 1000.0F, &coarse), STATUS_OK);
    assert_int_equal(coarse.index_count % 3, 0);
    mesh_level_finish(&coarse);
    mesh_level_finish(&level);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join_drops_unused_vertices),
        cmocka_unit_test(test_cluster_stays_near_the_surface),
        cmocka_unit_test(test_cluster_keeps_sharp_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
