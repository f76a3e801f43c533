/* Renders small hand-made scenes without a display and looks at the pixels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <GL/glew.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cglm/cglm.h>

#include "client/platform/platform.h"
#include "client/render/renderer.h"
#include "shared/base/log.h"

enum { WIDTH = 160, HEIGHT = 120 };

static Platform *platform;
static unsigned warnings;

static void count_warning(void *context, LogLevel level, const char *module, const char *text)
{
    (void)context;
    if (level <= LOG_WARNING) {
        warnings++;
        print_error("%s: %s\n", module, text);
    }
}

/* ---- a box as a model ---- */

typedef struct BoxModel {
    ModelVertex vertices[24];
    uint32_t indices[36];
    ModelPrimitive primitive;
    ModelMesh mesh;
    ModelMaterial material;
    ModelImage image;
    uint8_t pixels[4 * 4 * 4];
    ModelNode nodes[2];
    Model model;
} BoxModel;

/* A box of half size 1 around the origin, its two nodes both drawing it. */
static void make_box(BoxModel *box)
{
    *box = (BoxModel){ 0 };
    uint32_t at = 0;
    for (int axis = 0; axis < 3; axis++) {
        for (int side = -1; side <= 1; side += 2) {
            for (int corner = 0; corner < 4; corner++) {
                ModelVertex *vertex = &box->vertices[at * 4 + (uint32_t)corner];
                float u = corner == 1 || corner == 2 ? 1.0F : -1.0F;
                float v = corner >= 2 ? 1.0F : -1.0F;
                vertex->position[axis] = (float)side;
                vertex->position[(axis + 1) % 3] = u * (float)side; /* keeps the turn when the side flips */
                vertex->position[(axis + 2) % 3] = v;
                vertex->normal[axis] = (float)side;
                vertex->tangent[(axis + 1) % 3] = (float)side;
                vertex->tangent[3] = 1.0F;
                vertex->uv[0] = 0.5F + 0.5F * u;
                vertex->uv[1] = 0.5F - 0.5F * v;
                memset(vertex->color, 255, 4);
            }
            static const uint32_t order[6] = { 0, 1, 2, 0, 2, 3 };
            for (uint32_t i = 0; i < 6; i++) {
                box->indices[at * 6 + i] = at * 4 + order[i];
            }
            at++;
        }
    }
    box->primitive = (ModelPrimitive){ .vertices = box->vertices,
                                       .vertex_count = 24,
                                       .indices = box->indices,
                                       .index_count = 36,
                                       .bounds_min = { -1, -1, -1 },
                                       .bounds_max = { 1, 1, 1 } };
    box->mesh = (ModelMesh){ .primitives = &box->primitive, .primitive_count = 1 };
    box->material = (ModelMaterial){ .name = "paint",
                                     .base_color = { 0.6F, 0.6F, 0.6F, 1 },
                                     .roughness = 0.9F,
                                     .normal_scale = 1,
                                     .occlusion_strength = 1,
                                     .alpha_cutoff = 0.5F,
                                     .base_color_image = MODEL_NONE,
                                     .metallic_roughness_image = MODEL_NONE,
                                     .normal_image = MODEL_NONE,
                                     .emissive_image = MODEL_NONE,
                                     .occlusion_image = MODEL_NONE };
    box->image = (ModelImage){ .pixels = box->pixels, .width = 4, .height = 4, .srgb = true };
    for (int i = 0; i < 2; i++) {
        box->nodes[i] = (ModelNode){ .name = "", .parent = MODEL_NONE, .rotation = { 0, 0, 0, 1 } };
    }
    box->model = (Model){ .path = "box",
                          .meshes = &box->mesh,
                          .mesh_count = 1,
                          .materials = &box->material,
                          .material_count = 1,
                          .images = &box->image,
                          .nodes = box->nodes,
                          .node_count = 2,
                          .triangle_count = 24 };
}

/* ---- a scene: two boxes (the nodes of one instance) on the ground ---- */

typedef struct Scene {
    Renderer renderer;
    BoxModel box;
    RenderModel handle;
    mat4 world[2];
    vec4 tint[2], emissive[2];
    RenderInstance instance;
    RenderLamp lamp;
    RenderFrame frame;
    uint8_t pixels[WIDTH * HEIGHT * 4];
} Scene;

static void open_scene_with(Scene *scene, uint32_t samples, bool no_occlusion)
{
    *scene = (Scene){ 0 };
    RendererConfig config = { .width = WIDTH,
                              .height = HEIGHT,
                              .samples = samples,
                              .shadow_size = 512,
                              .no_occlusion = no_occlusion,
                              .debug = true };
    Diag diag = { 0 };
    if (renderer_gl_create(&config, false, &scene->renderer, &diag) != STATUS_OK) {
        print_error("%s: %s\n", diag.path, diag.text);
        fail();
    }
    make_box(&scene->box);
    for (int i = 0; i < 2; i++) {
        glm_vec4_one(scene->tint[i]);
    }
    glm_translate_make(scene->world[0], (vec3){ -2, 1, 0 });
    glm_translate_make(scene->world[1], (vec3){ 2, 1, 0 });
    scene->instance = (RenderInstance){ .node_world = (const mat4 *)scene->world,
                                        .node_tint = (const vec4 *)scene->tint,
                                        .node_emissive = (const vec4 *)scene->emissive,
                                        .casts_shadow = true,
                                        .bounds = { 0, 1, 0, 4.5F } };
    scene->frame = (RenderFrame){
        .camera = { .position = { 0, 5, 8 }, .pitch = -0.4F },
        .environment = { .sun_direction = { 0.8F, 0.6F, 0.3F },
                         .sun_color = { 1, 0.9F, 0.8F },
                         .sun_strength = 3,
                         .sky_zenith = { 0.1F, 0.25F, 0.6F },
                         .sky_horizon = { 0.5F, 0.6F, 0.75F },
                         .ground_bounce = { 0.15F, 0.14F, 0.12F },
                         .ground_color = { 0.3F, 0.3F, 0.3F },
                         .ground_half = 60,
                         .shadow_radius = 10 },
        .instances = &scene->instance,
        .instance_count = 1,
    };
}

static void open_scene(Scene *scene, uint32_t samples)
{
    open_scene_with(scene, samples, false);
}

static void add_box(Scene *scene)
{
    Diag diag = { 0 };
    if (renderer_add_model(scene->renderer, &scene->box.model, &scene->handle, &diag) != STATUS_OK) {
        print_error("%s: %s\n", diag.path, diag.text);
        fail();
    }
    scene->instance.model = scene->handle;
}

static void shoot(Scene *scene)
{
    renderer_draw(scene->renderer, &scene->frame);
    assert_int_equal(renderer_read_pixels(scene->renderer, scene->pixels, sizeof scene->pixels), STATUS_OK);
}

/* Mean of a channel (0..2), or of all (3), over the 3 × 3 pixels around where a point of the scene lands. */
static double seen_at(Scene *scene, float x, float y, float z, int channel)
{
    float px = 0;
    float py = 0;
    float depth = 0;
    assert_true(
        render_camera_project(&scene->frame.camera, WIDTH, HEIGHT, (vec3){ x, y, z }, &px, &py, &depth));
    double sum = 0;
    for (int dy = -1; dy <= 1; dy++) {
        for (int dx = -1; dx <= 1; dx++) {
            size_t column = (size_t)fmaxf(0, fminf(px + (float)dx, WIDTH - 1));
            size_t row = (size_t)fmaxf(0, fminf(py + (float)dy, HEIGHT - 1));
            const uint8_t *pixel = scene->pixels + (row * WIDTH + column) * 4;
            sum += channel < 3 ? pixel[channel] : (pixel[0] + pixel[1] + pixel[2]) / 3.0;
        }
    }
    return sum / 9;
}

#define WITH_PLATFORM()  \
    do {                 \
        (void)state;     \
        if (!platform) { \
            skip();      \
        }                \
    } while (0)

static void test_light_shadow_and_sky(void **state)
{
    WITH_PLATFORM();
    Scene scene;
    open_scene(&scene, 0);
    add_box(&scene);
    shoot(&scene);
    double top = seen_at(&scene, -2, 2, 0.5F, 3);
    double front = seen_at(&scene, -2, 1, 1, 3);
    assert_true(top > front + 25); /* the sun stands high and to the right */
    /* The sun comes from +x: behind the left box lies its shadow, in front of it is open ground. */
    double shaded = seen_at(&scene, -3.5F, 0, 0, 3);
    double open = seen_at(&scene, -2, 0, 4, 3);
    assert_true(open > shaded + 25);
    /* Shadows are cool, sunlight is warm. */
    double shaded_blue = seen_at(&scene, -3.5F, 0, 0, 2) / seen_at(&scene, -3.5F, 0, 0, 0);
    double open_blue = seen_at(&scene, -2, 0, 4, 2) / seen_at(&scene, -2, 0, 4, 0);
    assert_true(shaded_blue > 1.1);
    assert_true(open_blue < 0.85 * shaded_blue);
    /* Row 0 is on top: sky, blue; the last row is ground, grey. */
    const uint8_t *sky = scene.pixels + WIDTH / 2 * 4;
    assert_true(sky[2] > sky[0] + 20);
    const uint8_t *ground = scene.pixels + ((HEIGHT - 1) * WIDTH + WIDTH / 2) * 4;
    assert_true(abs(ground[2] - ground[0]) < 20);
    assert_int_equal(sky[3], 255);
    scene.instance.casts_shadow = false;
    shoot(&scene);
    assert_true(seen_at(&scene, -3.5F, 0, 0, 3) > shaded + 25);
    renderer_destroy(scene.renderer);
}

static void test_no_acne_on_lit_faces(void **state)
{
    WITH_PLATFORM();
    Scene scene;
    open_scene(&scene, 1);
    add_box(&scene);
    scene.instance.casts_shadow = true;
    shoot(&scene);
    uint8_t with[sizeof scene.pixels];
    memcpy(with, scene.pixels, sizeof with);
    scene.instance.casts_shadow = false;
    shoot(&scene);
    /* A box must not shade its own lit top: over its middle the two pictures are the same within dither. */
    float x = 0;
    float y = 0;
    float depth = 0;
    unsigned checked = 0;
    for (float at = -2.6F; at <= -1.4F; at += 0.05F) {
        assert_true(
            render_camera_project(&scene.frame.camera, WIDTH, HEIGHT, (vec3){ at, 2, 0 }, &x, &y, &depth));
        size_t pixel = ((size_t)y * WIDTH + (size_t)x) * 4;
        assert_true(abs(with[pixel] - scene.pixels[pixel]) <= 2);
        checked++;
    }
    assert_true(checked > 10);
    renderer_destroy(scene.renderer);
}

static void test_occlusion_darkens_where_things_meet(void **state)
{
    WITH_PLATFORM();
    double foot[2];
    double away[2];
    for (int without = 0; without < 2; without++) {
        Scene scene;
        open_scene_with(&scene, 4, without != 0);
        add_box(&scene);
        scene.instance.casts_shadow = false;
        scene.frame.camera = (RenderCamera){ .position = { -2, 3, 5 }, .pitch = -0.5F };
        shoot(&scene);
        foot[without] = seen_at(&scene, -2, 0, 1.15F, 3);
        away[without] = seen_at(&scene, -2, 0, 2.4F, 3);
        renderer_destroy(scene.renderer);
    }
    assert_true(foot[0] < foot[1] - 6);
    assert_true(fabs(away[0] - away[1]) < 2);
}

static void test_tint_emissive_and_visibility_per_node(void **state)
{
    WITH_PLATFORM();
    Scene scene;
    open_scene(&scene, 1);
    add_box(&scene);
    glm_vec4_copy((vec4){ 1, 0.1F, 0.1F, 1 }, scene.tint[0]);
    shoot(&scene);
    assert_true(seen_at(&scene, -2, 1, 1, 0) > 2 * seen_at(&scene, -2, 1, 1, 2));
    assert_true(fabs(seen_at(&scene, 2, 1, 1, 0) - seen_at(&scene, 2, 1, 1, 2)) < 40);
    double plain = seen_at(&scene, 2, 1, 1, 1);
    glm_vec4_copy((vec4){ 0, 2, 0, 0 }, scene.emissive[1]);
    scene.tint[0][3] = 0.0F; /* hidden */
    shoot(&scene);
    assert_true(seen_at(&scene, 2, 1, 1, 1) > plain + 40);
    double where_it_was = seen_at(&scene, -2, 1, 1, 3);
    glm_vec4_copy((vec4){ 1, 1, 1, 1 }, scene.tint[0]);
    shoot(&scene);
    assert_true(fabs(seen_at(&scene, -2, 1, 1, 3) - where_it_was) > 8);
    renderer_destroy(scene.renderer);
}

static void test_stats_and_stale_handles(void **state)
{
    WITH_PLATFORM();
    Scene scene;
    open_scene(&scene, 1);
    add_box(&scene);
    RenderInstance instances[3] = { scene.instance, scene.instance, scene.instance };
    glm_vec4_copy((vec4){ 0, 1, 40, 3 }, instances[1].bounds); /* behind the camera */
    instances[2].model.value = 0;
    scene.frame.instances = instances;
    scene.frame.instance_count = 3;
    shoot(&scene);
    RenderStats stats = renderer_stats(scene.renderer);
    assert_int_equal(stats.instances, 1);
    assert_int_equal(stats.culled, 1);
    assert_true(stats.draw_calls >= 4); /* shadow, boxes, ground, sky, resolve */
    uint32_t with_shadow = stats.triangles;
    shoot(&scene);
    stats = renderer_stats(scene.renderer);
    assert_true(stats.triangles < with_shadow); /* nothing moved: the shadow map is kept */

    renderer_remove_model(scene.renderer, scene.handle);
    renderer_remove_model(scene.renderer, scene.handle); /* a stale handle is ignored */
    shoot(&scene);
    assert_int_equal(renderer_stats(scene.renderer).instances, 0);
    RenderModel old = scene.handle;
    add_box(&scene);
    assert_int_not_equal(old.value, scene.handle.value);
    instances[0].model = old;
    shoot(&scene);
    assert_int_equal(renderer_stats(scene.renderer).instances, 0);
    instances[0].model = scene.handle;
    shoot(&scene);
    assert_int_equal(renderer_stats(scene.renderer).instances, 1);
    renderer_destroy(scene.renderer);
}

static void test_instances_share_draw_calls(void **state)
{
    WITH_PLATFORM();
    Scene scene;
    open_scene(&scene, 1);
    add_box(&scene);
    enum { COPIES = 50 };
    static mat4 world[COPIES][2];
    static RenderInstance instances[COPIES];
    for (int i = 0; i < COPIES; i++) {
        for (int node = 0; node < 2; node++) {
            glm_translate_make(world[i][node],
                               (vec3){ (float)(i % 10) - 5, 0.2F + (float)node, (float)(-i / 10) });
            glm_scale_uni(world[i][node], 0.2F);
        }
        instances[i] = (RenderInstance){ .model = scene.handle, .node_world = (const mat4 *)world[i] };
    }
    scene.frame.instances = instances;
    scene.frame.instance_count = 1;
    shoot(&scene);
    uint32_t calls = renderer_stats(scene.renderer).draw_calls;
    scene.frame.instance_count = COPIES;
    shoot(&scene);
    assert_int_equal(renderer_stats(scene.renderer).instances, COPIES);
    assert_int_equal(renderer_stats(scene.renderer).draw_calls, calls);
    assert_true(seen_at(&scene, -5, 0.2F, -3.8F, 3) > 1);
    renderer_destroy(scene.renderer);
}

static void test_same_frame_same_bits(void **state)
{
    WITH_PLATFORM();
    Scene scene;
    open_scene(&scene, 4);
    add_box(&scene);
    scene.lamp = (RenderLamp){ .position = { 0, 2, 0 }, .radius = 0.2F, .color = { 1, 0.2F, 0.1F, 3 } };
    scene.frame.lamps = &scene.lamp;
    scene.frame.lamp_count = 1;
    shoot(&scene);
    uint8_t first[sizeof scene.pixels];
    memcpy(first, scene.pixels, sizeof first);
    shoot(&scene);
    assert_memory_equal(first, scene.pixels, sizeof first);
    /* And after an excursion elsewhere. */
    scene.frame.camera.yaw = 1.0F;
    scene.world[0][3][0] += 0.5F;
    shoot(&scene);
    assert_memory_not_equal(first, scene.pixels, sizeof first);
    scene.frame.camera.yaw = 0.0F;
    scene.world[0][3][0] -= 0.5F;
    shoot(&scene);
    assert_memory_equal(first, scene.pixels, sizeof first);
    renderer_destroy(scene.renderer);
}

static void test_lamps_glow(void **state)
{
    WITH_PLATFORM();
    Scene scene;
    open_scene(&scene, 1);
    scene.frame.instance_count = 0;
    shoot(&scene);
    double sky = seen_at(&scene, 0, 5, 0, 0);
    double beside = seen_at(&scene, 0.9F, 5, 0, 0);
    scene.lamp = (RenderLamp){ .position = { 0, 5, 0 }, .radius = 0.4F, .color = { 1, 0.1F, 0.05F, 3 } };
    scene.frame.lamps = &scene.lamp;
    scene.frame.lamp_count = 1;
    shoot(&scene);
    assert_true(seen_at(&scene, 0, 5, 0, 0) > 200);
    assert_true(seen_at(&scene, 0, 5, 0, 0) > sky);
    assert_true(seen_at(&scene, 0.9F, 5, 0, 0) > beside + 10); /* the halo */
    scene.lamp.color[3] = 0.0F;
    shoot(&scene);
    assert_true(seen_at(&scene, 0, 5, 0, 0) < sky - 40); /* dark glass */
    assert_true(fabs(seen_at(&scene, 0.9F, 5, 0, 0) - beside) < 2);
    renderer_destroy(scene.renderer);
}

/* Pixels along a row that are neither the box's colour nor the sky's. */
static unsigned edge_pixels(Scene *scene, uint32_t samples)
{
    open_scene(scene, samples);
    scene->box.material.unlit = true;
    memcpy(scene->box.material.base_color, (float[4]){ 0, 0, 0, 1 }, sizeof(float[4]));
    add_box(scene);
    glm_mat4_identity(scene->world[0]);
    scene->world[0][3][1] = 3;
    glm_rotate_z(scene->world[0], 0.3F, scene->world[0]);
    scene->tint[1][3] = 0;
    scene->frame.camera = (RenderCamera){ .position = { 0, 3, 6 } };
    scene->frame.environment.ground_half = 0;
    shoot(scene);
    unsigned between = 0;
    for (size_t row = HEIGHT / 4; row < HEIGHT / 2; row++) {
        for (size_t column = 0; column < WIDTH; column++) {
            uint8_t blue = scene->pixels[(row * WIDTH + column) * 4 + 2];
            between += blue > 20 && blue < 165;
        }
    }
    renderer_destroy(scene->renderer);
    return between;
}

static void test_msaa_softens_edges(void **state)
{
    WITH_PLATFORM();
    Scene scene;
    assert_true(edge_pixels(&scene, 1) <= 2);
    assert_true(edge_pixels(&scene, 4) >= 20);
}

static void test_resize(void **state)
{
    WITH_PLATFORM();
    Scene scene;
    open_scene(&scene, 4);
    add_box(&scene);
    shoot(&scene);
    renderer_resize(scene.renderer, 64, 200);
    renderer_draw(scene.renderer, &scene.frame);
    assert_int_equal(renderer_read_pixels(scene.renderer, scene.pixels, 64 * 200 * 4 - 1),
                     STATUS_OUT_OF_RANGE);
    assert_int_equal(renderer_read_pixels(scene.renderer, scene.pixels, 64 * 200 * 4), STATUS_OK);
    assert_true(scene.pixels[32 * 4 + 2] > scene.pixels[32 * 4]); /* sky on top */
    renderer_resize(scene.renderer, 0, 0);
    renderer_draw(scene.renderer, &scene.frame);
    uint8_t one[4];
    assert_int_equal(renderer_read_pixels(scene.renderer, one, sizeof one), STATUS_OK);
    renderer_resize(scene.renderer, WIDTH, HEIGHT);
    shoot(&scene);
    assert_true(seen_at(&scene, -2, 2, 0.5F, 3) > seen_at(&scene, -2, 1, 1, 3));
    renderer_destroy(scene.renderer);
}

/* Paints the image: left half one colour, right half another. */
static void paint(BoxModel *box, const uint8_t left[4], const uint8_t right[4])
{
    for (size_t i = 0; i < 16; i++) {
        memcpy(box->pixels + i * 4, i % 4 < 2 ? left : right, 4);
    }
    box->model.image_count = 1;
}

static void test_textures_and_alpha(void **state)
{
    WITH_PLATFORM();
    Scene scene;
    open_scene(&scene, 1);
    paint(&scene.box, (uint8_t[]){ 255, 0, 0, 255 }, (uint8_t[]){ 0, 0, 255, 255 });
    scene.box.material.base_color_image = 0;
    add_box(&scene);
    shoot(&scene);
    assert_true(seen_at(&scene, -2.6F, 1, 1, 0) > 2 * seen_at(&scene, -2.6F, 1, 1, 2));
    assert_true(seen_at(&scene, -1.4F, 1, 1, 2) > 1.5 * seen_at(&scene, -1.4F, 1, 1, 0));
    double whole = seen_at(&scene, -1.4F, 1, 1, 0);

    /* Masked: the right half is cut out, and the shadow lets light through there. */
    paint(&scene.box, (uint8_t[]){ 255, 0, 0, 255 }, (uint8_t[]){ 255, 0, 0, 0 });
    scene.box.material.alpha = MODEL_MASK;
    renderer_remove_model(scene.renderer, scene.handle);
    add_box(&scene);
    shoot(&scene);
    assert_true(seen_at(&scene, -2.6F, 1, 1, 0) > 2 * seen_at(&scene, -2.6F, 1, 1, 2));
    assert_true(fabs(seen_at(&scene, -1.4F, 1, 1, 0) - whole) > 20);

    /* Blended at half: something between the bare background and full cover. */
    double levels[3];
    for (int i = 0; i < 3; i++) {
        scene.box.material.alpha = MODEL_BLEND;
        scene.box.material.base_color_image = MODEL_NONE;
        scene.box.material.unlit = true;
        memcpy(scene.box.material.base_color, (float[4]){ 0, 0, 0, 0.5F * (float)i }, sizeof(float[4]));
        renderer_remove_model(scene.renderer, scene.handle);
        add_box(&scene);
        shoot(&scene);
        levels[i] = seen_at(&scene, -2, 1, 1, 3);
    }
    assert_true(levels[0] > levels[1] + 20);
    assert_true(levels[1] > levels[2] + 20);
    renderer_destroy(scene.renderer);
}

static void test_all_maps_together(void **state)
{
    WITH_PLATFORM();
    Scene scene;
    open_scene(&scene, 1);
    paint(&scene.box, (uint8_t[]){ 128, 128, 255, 255 }, (uint8_t[]){ 128, 128, 255, 255 });
    scene.box.image.srgb = false;
    scene.box.image.repeat = true;
    ModelMaterial *material = &scene.box.material;
    add_box(&scene);
    shoot(&scene);
    double before = seen_at(&scene, -2, 2, 0, 1);
    material->normal_image = 0; /* flat: changes nothing */
    renderer_remove_model(scene.renderer, scene.handle);
    add_box(&scene);
    shoot(&scene);
    assert_true(fabs(seen_at(&scene, -2, 2, 0, 1) - before) < 4);
    material->base_color_image = material->metallic_roughness_image = material->occlusion_image = 0;
    material->emissive_image = 0;
    material->emissive[2] = 1;
    material->double_sided = true;
    renderer_remove_model(scene.renderer, scene.handle);
    add_box(&scene);
    shoot(&scene);
    assert_true(seen_at(&scene, -2, 1, 1, 2) > seen_at(&scene, -2, 1, 1, 1) + 20); /* glows blue */
    renderer_destroy(scene.renderer);
}

static void test_mirrored_and_empty_models(void **state)
{
    WITH_PLATFORM();
    Scene scene;
    open_scene(&scene, 1);
    add_box(&scene);
    shoot(&scene);
    double top = seen_at(&scene, -2, 2, 0.5F, 3);
    double front = seen_at(&scene, -2, 1, 1, 3);
    glm_scale(scene.world[0], (vec3){ -1, 1, 1 });
    shoot(&scene); /* still seen from outside, still lit from above */
    assert_true(fabs(seen_at(&scene, -2, 2, 0.5F, 3) - top) < 3);
    assert_true(fabs(seen_at(&scene, -2, 1, 1, 3) - front) < 3);

    ModelMaterial material = scene.box.material;
    Model empty = { .path = "empty", .materials = &material, .material_count = 1 };
    RenderModel handle = { 0 };
    assert_int_equal(renderer_add_model(scene.renderer, &empty, &handle, NULL), STATUS_OK);
    scene.instance.model = handle;
    shoot(&scene);
    ModelImage huge = { .pixels = scene.box.pixels, .width = 1U << 24, .height = 1 };
    empty.images = &huge;
    empty.image_count = 1;
    Diag diag = { 0 };
    assert_int_equal(renderer_add_model(scene.renderer, &empty, &handle, &diag), STATUS_CAPACITY);
    assert_string_equal(diag.path, "empty");
    assert_non_null(strstr(diag.text, "16777216"));
    renderer_destroy(scene.renderer);
}

static void test_odd_frames_do_no_harm(void **state)
{
    WITH_PLATFORM();
    Scene scene;
    open_scene(&scene, 4);
    add_box(&scene);
    RenderFrame nothing = { 0 };
    renderer_draw(scene.renderer, &nothing);
    scene.world[0][3][0] = NAN;
    scene.frame.environment.sun_direction[1] = NAN;
    scene.frame.environment.fog_density = 0.5F;
    scene.frame.environment.grid = true;
    scene.frame.environment.exposure = 0.5F;
    scene.lamp = (RenderLamp){ .radius = -1 };
    scene.frame.lamps = &scene.lamp;
    scene.frame.lamp_count = 1;
    shoot(&scene);
    renderer_destroy(scene.renderer);
}

static int open_platform(void **state)
{
    (void)state;
    log_set_sink((LogSink){ .write = count_warning });
    Diag diag = { 0 };
    PlatformConfig config = { .headless = true, .width = WIDTH, .height = HEIGHT, .debug = true };
    if (platform_create(&config, &platform, &diag) != STATUS_OK) {
        print_message("skipping: %s\n", diag.text);
        platform = NULL;
    }
    return 0;
}

/* OpenGL had nothing to complain about in all of the above. */
static void test_no_warnings(void **state)
{
    WITH_PLATFORM();
    assert_int_equal(warnings, 0);
}

static int close_platform(void **state)
{
    (void)state;
    platform_destroy(platform);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_light_shadow_and_sky),
        cmocka_unit_test(test_no_acne_on_lit_faces),
        cmocka_unit_test(test_occlusion_darkens_where_things_meet),
        cmocka_unit_test(test_tint_emissive_and_visibility_per_node),
        cmocka_unit_test(test_stats_and_stale_handles),
        cmocka_unit_test(test_instances_share_draw_calls),
        cmocka_unit_test(test_same_frame_same_bits),
        cmocka_unit_test(test_lamps_glow),
        cmocka_unit_test(test_msaa_softens_edges),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_textures_and_alpha),
        cmocka_unit_test(test_all_maps_together),
        cmocka_unit_test(test_mirrored_and_empty_models),
        cmocka_unit_test(test_odd_frames_do_no_harm),
        cmocka_unit_test(test_no_warnings),
    };
    return cmocka_run_group_tests(tests, open_platform, close_platform);
}
