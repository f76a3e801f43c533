/* Camera matrices, projection to the screen, frustum, draw lists and the fit of the shadow map: all pure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include <cglm/cglm.h>

#include "client/render/draw_list.h"
#include "client/render/shadow_fit.h"

static void assert_near(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance)) {
        print_error("%.6f is not %.6f within %.6f\n", got, expected, tolerance);
        fail();
    }
}

static void test_yaw_and_pitch_point_where_the_header_says(void **state)
{
    (void)state;
    static const struct {
        float yaw, pitch;
        vec3 ahead;
    } cases[] = {
        { 0.0F, 0.0F, { 0, 0, -1 } },
        { (float)GLM_PI_2, 0.0F, { -1, 0, 0 } },
        { (float)GLM_PI, 0.0F, { 0, 0, 1 } },
        { 0.0F, 0.5F, { 0, 0.479426F, -0.877583F } },
        { (float)GLM_PI_2, -0.5F, { -0.877583F, -0.479426F, 0 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        RenderCamera camera = { .position = { 3, 2, 1 }, .yaw = cases[i].yaw, .pitch = cases[i].pitch };
        vec3 point;
        for (int k = 0; k < 3; k++) {
            point[k] = camera.position[k] + 10.0F * cases[i].ahead[k];
        }
        float x = 0;
        float y = 0;
        float depth = 0;
        assert_true(render_camera_project(&camera, 800, 600, point, &x, &y, &depth));
        assert_near(x, 400, 0.01);
        assert_near(y, 300, 0.01);
        assert_near(depth, 10, 1e-4);
    }
}

static void test_view_is_rigid_and_inverts_the_camera(void **state)
{
    (void)state;
    RenderCamera camera = { .position = { -7, 1.7F, 4 }, .yaw = 2.2F, .pitch = -0.4F };
    mat4 view;
    mat4 projection;
    render_camera_matrices(&camera, 1.5F, view, projection);
    vec4 eye = { -7, 1.7F, 4, 1 };
    vec4 seen;
    glm_mat4_mulv(view, eye, seen);
    for (int i = 0; i < 3; i++) {
        assert_near(seen[i], 0, 1e-5);
    }
    assert_near(glm_mat4_det(view), 1, 1e-5);
}

static void test_project_edges_and_refusals(void **state)
{
    (void)state;
    RenderCamera camera = { .fov_y = (float)GLM_PI_2, .near_plane = 1, .far_plane = 100 };
    float x = -1;
    float y = -1;
    float depth = -1;
    /* At 90 degrees the top edge is as high as it is far; right and up are positive x and y. */
    assert_true(render_camera_project(&camera, 200, 100, (vec3){ 0, 9.99F, -10 }, &x, &y, &depth));
    assert_near(x, 100, 0.01);
    assert_near(y, 0.05, 0.01);
    assert_true(render_camera_project(&camera, 200, 100, (vec3){ 19.9F, 0, -10 }, &x, &y, &depth));
    assert_near(x, 199.5, 0.01);
    assert_near(y, 50, 0.01);
    x = 77;
    assert_false(render_camera_project(&camera, 200, 100, (vec3){ 0, 10.1F, -10 }, &x, &y, &depth));
    assert_false(render_camera_project(&camera, 200, 100, (vec3){ 0, 0, 10 }, &x, &y, &depth));
    assert_false(render_camera_project(&camera, 200, 100, (vec3){ 0, 0, -0.5F }, &x, &y, &depth));
    assert_false(render_camera_project(&camera, 200, 100, (vec3){ 0, 0, -101 }, &x, &y, &depth));
    assert_false(render_camera_project(&camera, 200, 100, (vec3){ NAN, 0, -10 }, &x, &y, &depth));
    assert_false(render_camera_project(&camera, 0, 100, (vec3){ 0, 0, -10 }, &x, &y, &depth));
    assert_near(x, 77, 0);
}

static void make_frustum(Frustum *out_frustum)
{
    RenderCamera camera = { .position = { 0, 1, 0 } };
    mat4 view;
    mat4 projection;
    mat4 both;
    render_camera_matrices(&camera, 1.0F, view, projection);
    glm_mat4_mul(projection, view, both);
    frustum_from_matrix(both, out_frustum);
}

static void test_frustum(void **state)
{
    (void)state;
    Frustum frustum;
    make_frustum(&frustum);
    assert_true(frustum_sees_sphere(&frustum, (vec4){ 0, 1, -10, 1 }));
    assert_false(frustum_sees_sphere(&frustum, (vec4){ 0, 1, 10, 1 }));
    assert_true(frustum_sees_sphere(&frustum, (vec4){ 0, 1, 0.5F, 1 }));   /* reaches into view */
    assert_false(frustum_sees_sphere(&frustum, (vec4){ 20, 1, -10, 1 }));  /* right of it */
    assert_true(frustum_sees_sphere(&frustum, (vec4){ 20, 1, -10, 15 }));  /* but large */
    assert_false(frustum_sees_sphere(&frustum, (vec4){ 0, 1, -2010, 5 })); /* beyond the far plane */
    assert_true(frustum_sees_sphere(&frustum, (vec4){ 0, 1, 10, 0 }));     /* no radius: never culled */
    assert_true(frustum_sees_sphere(&frustum, (vec4){ NAN, NAN, NAN, NAN }));
}

/* Two models: handle 1 has two nodes (meshes 0 and none), handle 2 two nodes of one mesh with levels of
 * detail. */
static const DrawShape *find_shape(const void *context, RenderModel model)
{
    static const uint32_t nodes_a[] = { 0, MODEL_NONE };
    static const uint32_t nodes_b[] = { 0, 0 };
    static const DrawMesh meshes[] = { { .lod_error = { 0, 0.01F, 0.1F, 1.0F, 1e9F, 1e9F } } };
    static const DrawShape shapes[] = {
        { .slot = 0, .node_count = 2, .mesh_count = 1, .node_mesh = nodes_a, .meshes = meshes },
        { .slot = 1, .node_count = 2, .mesh_count = 1, .node_mesh = nodes_b, .meshes = meshes },
    };
    (void)context;
    return model.value == 1 || model.value == 2 ? &shapes[model.value - 1] : NULL;
}

static void place(mat4 *matrices, float x, float z, float scale_x)
{
    for (int i = 0; i < 2; i++) {
        glm_translate_make(matrices[i], (vec3){ x, (float)i, z });
        glm_scale(matrices[i], (vec3){ scale_x, 1, 1 });
    }
}

static void test_draw_list_groups_and_culls(void **state)
{
    (void)state;
    mat4 matrices[6][2];
    vec4 hidden[2] = { { 1, 1, 1, 1 }, { 0.5F, 0.25F, 0.125F, 0 } };
    place(matrices[0], 0, -30, 1);
    place(matrices[1], 0, -10, 1);
    place(matrices[2], 0, -20, 1);
    place(matrices[3], 0, 50, 1);
    place(matrices[4], 1, -10, -1); /* mirrored */
    place(matrices[5], 0, -10, 1);
    RenderInstance instances[6] = {
        { .model = { 2 }, .node_world = (const mat4 *)matrices[0], .bounds = { 0, 0, -30, 1 } },
        { .model = { 2 },
          .node_world = (const mat4 *)matrices[1],
          .bounds = { 0, 0, -10, 1 },
          .casts_shadow = true },
        { .model = { 1 }, .node_world = (const mat4 *)matrices[2], .bounds = { 0, 0, -20, 1 } },
        { .model = { 2 }, .node_world = (const mat4 *)matrices[3], .bounds = { 0, 0, 50, 1 } }, /* behind */
        { .model = { 2 },
          .node_world = (const mat4 *)matrices[4],
          .bounds = { 1, 0, -10, 1 },
          .node_tint = (const vec4 *)hidden },
        { .model = { 9 }, .node_world = (const mat4 *)matrices[5], .bounds = { 0, 0, -10, 1 } }, /* stale */
    };
    RenderFrame frame = { .instances = instances, .instance_count = 6 };
    DrawView view = { .eye = { 0, 1, 0 } };
    make_frustum(&view.frustum);
    DrawList list = { 0 };
    assert_int_equal(draw_list_build(&list, &frame, &view, find_shape, NULL), STATUS_OK);
    assert_int_equal(list.culled, 1);
    assert_int_equal(list.order_count, 4);
    assert_int_equal(list.batch_count, 3);
    assert_int_equal(list.entry_count, 1 + 4 + 1);
    const DrawBatch *two = &list.batches[0]; /* nearest batch first */
    assert_int_equal(two->slot, 1);
    assert_int_equal(two->count, 4);
    assert_false(two->mirrored);
    assert_near(list.entries[two->first].row[2][3], -10, 0); /* nearest first */
    assert_near(list.entries[two->first + 2].row[2][3], -30, 0);
    const DrawBatch *mirrored = &list.batches[1];
    assert_int_equal(list.batches[2].slot, 0);
    assert_true(mirrored->mirrored);
    assert_int_equal(mirrored->count, 1); /* the second node is hidden */
    /* A mirrored +x normal still points away from the surface. */
    assert_near(list.entries[mirrored->first].normal[1][1], 1, 0);
    assert_near(list.entries[mirrored->first].normal[0][3], 1, 0); /* tint */
    view.casters_only = true;
    assert_int_equal(draw_list_build(&list, &frame, &view, find_shape, NULL), STATUS_OK);
    assert_int_equal(list.entry_count, 2);
    draw_list_finish(&list);
}

static void test_draw_list_levels_of_detail(void **state)
{
    (void)state;
    mat4 matrices[2];
    RenderInstance instance = { .model = { 1 }, .node_world = (const mat4 *)matrices };
    RenderFrame frame = { .instances = &instance, .instance_count = 1 };
    DrawView view = { .error_pixels = 1.0F, .pixel_scale = 100.0F };
    make_frustum(&view.frustum);
    DrawList list = { 0 };
    static const struct {
        float z, scale;
        uint32_t lod;
    } cases[] = { { -0.5F, 1, 0 }, { -2, 1, 1 }, { -50, 1, 2 }, { -500, 1, 3 }, { -50, 20, 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        place(matrices, 0, cases[i].z, cases[i].scale);
        assert_int_equal(draw_list_build(&list, &frame, &view, find_shape, NULL), STATUS_OK);
        assert_int_equal(list.batch_count, 1);
        assert_int_equal(list.batches[0].lod, cases[i].lod);
    }
    view.pixel_scale = 0;
    view.pixel_size = 0.05F;
    place(matrices, 0, -500, 1);
    assert_int_equal(draw_list_build(&list, &frame, &view, find_shape, NULL), STATUS_OK);
    assert_int_equal(list.batches[0].lod, 1);
    draw_list_finish(&list);
}

static void test_draw_list_hash_follows_positions(void **state)
{
    (void)state;
    mat4 matrices[2];
    vec4 tints[2] = { { 1, 1, 1, 1 }, { 1, 1, 1, 1 } };
    RenderInstance instance = { .model = { 2 },
                                .node_world = (const mat4 *)matrices,
                                .node_tint = (const vec4 *)tints };
    RenderFrame frame = { .instances = &instance, .instance_count = 1 };
    DrawView view = { 0 };
    make_frustum(&view.frustum);
    DrawList list = { 0 };
    uint64_t hashes[4];
    for (int i = 0; i < 4; i++) {
        place(matrices, i == 1 ? 1e-4F : 0.0F, -10, 1);
        tints[0][0] = i == 2 ? 0.5F : 1.0F;
        tints[1][3] = i == 3 ? 0.0F : 1.0F;
        assert_int_equal(draw_list_build(&list, &frame, &view, find_shape, NULL), STATUS_OK);
        hashes[i] = draw_list_hash(&list);
    }
    assert_true(hashes[0] != hashes[1]); /* moved */
    assert_true(hashes[0] == hashes[2]); /* colour does not change the shadow */
    assert_true(hashes[0] != hashes[3]); /* hidden */
    draw_list_finish(&list);
}

static void test_shadow_fit_is_stable(void **state)
{
    (void)state;
    RenderEnvironment environment = { .sun_direction = { 0.4F, 0.8F, 0.3F }, .shadow_radius = 40 };
    ShadowFit first;
    shadow_fit(&environment, 2048, &first);
    environment.shadow_focus[0] = 0.5F;
    ShadowFit near;
    shadow_fit(&environment, 2048, &near);
    for (int i = 0; i < 16; i++) { /* within a step nothing moves */
        assert_near(near.view_projection[i / 4][i % 4], first.view_projection[i / 4][i % 4], 0);
    }
    for (int i = 1; i < 20; i++) {
        environment.shadow_focus[0] = 7.3F * (float)i;
        environment.shadow_focus[2] = -3.1F * (float)i;
        ShadowFit fit;
        shadow_fit(&environment, 2048, &fit);
        vec4 focus = { environment.shadow_focus[0], 0, environment.shadow_focus[2], 1 };
        vec4 clip;
        glm_mat4_mulv(fit.view_projection, focus, clip);
        /* The asked-for radius is inside the map. */
        assert_true(fabsf(clip[0]) * fit.half + 40 <= fit.half + 0.01F);
        assert_true(fabsf(clip[1]) * fit.half + 40 <= fit.half + 0.01F);
        /* A fixed point falls on the same place within its texel: the map moved by whole texels. */
        for (int axis = 0; axis < 2; axis++) {
            double texels = (fit.view_projection[3][axis] - first.view_projection[3][axis]) * 1024.0;
            assert_near(texels, round(texels), 0.02);
        }
    }
}

static void test_shadow_fit_looks_along_the_sun(void **state)
{
    (void)state;
    static const vec3 suns[] = { { 0, 1, 0 }, { 0, 0, 0 }, { 1, 0.1F, 0 }, { NAN, 1, 0 }, { -3, 4, 1 } };
    for (size_t i = 0; i < sizeof suns / sizeof suns[0]; i++) {
        RenderEnvironment environment = { .shadow_focus = { 5, 0, -9 } };
        glm_vec3_copy((float *)suns[i], environment.sun_direction);
        ShadowFit fit;
        shadow_fit(&environment, 1024, &fit);
        vec3 sun;
        shadow_sun_direction(&environment, sun);
        assert_near(glm_vec3_norm(sun), 1, 1e-5);
        vec4 low = { 5, 0, -9, 1 };
        vec4 high = { 5 + 3 * sun[0], 3 * sun[1], -9 + 3 * sun[2], 1 };
        vec4 low_clip;
        vec4 high_clip;
        glm_mat4_mulv(fit.view_projection, low, low_clip);
        glm_mat4_mulv(fit.view_projection, high, high_clip);
        assert_near(low_clip[0], high_clip[0], 1e-4); /* one above the other along the sun */
        assert_near(low_clip[1], high_clip[1], 1e-4);
        assert_true(high_clip[2] < low_clip[2]); /* nearer to the sun is nearer to the map's eye */
    }
}

static void test_null_renderer_counts(void **state)
{
    (void)state;
    Renderer renderer = { 0 };
    renderer_destroy(renderer);
    assert_int_equal(renderer_null_create(&(RendererConfig){ .width = 64, .height = 64 }, &renderer),
                     STATUS_OK);
    Model model = { .path = "box", .triangle_count = 12 };
    RenderModel box = { 0 };
    assert_int_equal(renderer_add_model(renderer, &model, &box, NULL), STATUS_OK);
    assert_int_not_equal(box.value, 0);
    RenderInstance instances[3] = { { .model = box, .bounds = { 0, 0, -5, 1 } },
                                    { .model = box, .bounds = { 0, 0, 5, 1 } },
                                    { .model = { 77 }, .bounds = { 0, 0, -5, 1 } } };
    RenderFrame frame = { .instances = instances, .instance_count = 3 };
    renderer_draw(renderer, &frame);
    RenderStats stats = renderer_stats(renderer);
    assert_int_equal(stats.instances, 1);
    assert_int_equal(stats.culled, 1);
    assert_int_equal(stats.triangles, 12);
    renderer_remove_model(renderer, box);
    renderer_draw(renderer, &frame);
    assert_int_equal(renderer_stats(renderer).instances, 0);
    uint8_t pixels[64 * 64 * 4];
    assert_int_equal(renderer_read_pixels(renderer, pixels, sizeof pixels), STATUS_OK);
    assert_int_equal(renderer_read_pixels(renderer, pixels, sizeof pixels - 1), STATUS_OUT_OF_RANGE);
    renderer_destroy(renderer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaw_and_pitch_point_where_the_header_says),
        cmocka_unit_test(test_view_is_rigid_and_inverts_the_camera),
        cmocka_unit_test(test_project_edges_and_refusals),
        cmocka_unit_test(test_frustum),
        cmocka_unit_test(test_draw_list_groups_and_culls),
        cmocka_unit_test(test_draw_list_levels_of_detail),
        cmocka_unit_test(test_draw_list_hash_follows_positions),
        cmocka_unit_test(test_shadow_fit_is_stable),
        cmocka_unit_test(test_shadow_fit_looks_along_the_sun),
        cmocka_unit_test(test_null_renderer_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
