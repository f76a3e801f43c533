/* renderer.h - draws a frame from a description of it; knows nothing of things or networks.
 * Two implementations behind RendererOps: renderer_gl.c (OpenGL 4.5 core) and renderer_null.c (counts, for
 * tests). Descriptors' zero fields mean defaults. Handles: 0 is none. One owner, on the thread that owns the
 * GL context. */
#ifndef CLIENT_RENDER_RENDERER_H
#define CLIENT_RENDER_RENDERER_H
#include "client/scene/model.h"
#include "shared/base/diag.h"

#include <cglm/types.h>

typedef struct RenderModel {
    uint32_t value; /* generation << 16 | index */
} RenderModel;

typedef struct RendererConfig {
    uint32_t width, height; /* pixels */
    uint32_t samples;     /* MSAA; 0: 4, in a window drawn in software 1; 1: off; clamped to what there is */
    uint32_t shadow_size; /* 0: 2048, in a window drawn in software 1024 */
    float lod_error;      /* pixels a coarser mesh may be off; 0: 0.75, in software 1.25; negative: none */
    bool no_occlusion;    /* leaves out the darkening where things meet */
    bool debug;           /* GL debug output, logged */
} RendererConfig;

/* One drawn copy of a model. */
typedef struct RenderInstance {
    RenderModel model;
    const mat4 *node_world; /* model->node_count matrices; borrowed for the call */
    const vec4
        *node_tint; /* per node: RGB factor on base colour, A ≥ 0.5 visible; NULL: all white and visible */
    const vec4 *node_emissive; /* per node: RGB added light, A unused; NULL: none */
    bool casts_shadow;
    vec4 bounds; /* world-space bounding sphere: centre, radius; for culling */
} RenderInstance;

typedef struct RenderLamp { /* a glowing beacon: a small lit sphere with a halo */
    vec3 position;
    float radius;
    vec4 color; /* linear RGB, strength; strength 0 is drawn as a dark glass */
} RenderLamp;

typedef struct RenderCamera {
    vec3 position;
    float yaw, pitch; /* radians; yaw 0 looks along -Z, counter-clockwise about +Y; pitch up positive */
    float fov_y;      /* radians; 0: 60° */
    float near_plane, far_plane; /* 0: 0.1 and 2000 */
} RenderCamera;

/* Linear colours; as shared/model/world.h's Environment. The sun is given as irradiance, sky and bounce as
 * radiance: white paper facing the sun shines at sun_color × sun_strength / π plus the sky's light. A clear
 * day is a strength of 3 to 4 under a sky around 0.5. */
typedef struct RenderEnvironment {
    vec3 sun_direction, sun_color;
    float sun_strength;
    vec3 sky_zenith, sky_horizon, ground_bounce;
    vec3 ground_color;
    float ground_half; /* half the side of the square ground, metres; 0: no ground */
    bool grid;
    float fog_density;
    float exposure;      /* 0: 1 */
    vec3 shadow_focus;   /* the shadow map covers `shadow_radius` metres around this */
    float shadow_radius; /* 0: 40 */
} RenderEnvironment;

typedef struct RenderFrame {
    RenderCamera camera;
    RenderEnvironment environment;
    const RenderInstance *instances;
    uint32_t instance_count;
    const RenderLamp *lamps;
    uint32_t lamp_count;
} RenderFrame;

typedef struct RenderStats {
    uint32_t instances, culled; /* of the last frame */
    uint32_t draw_calls, triangles;
} RenderStats;

typedef struct RendererOps {
    Status (*add_model)(void *context, const Model *model, RenderModel *out_model, Diag *diag);
    void (*remove_model)(void *context, RenderModel model);
    void (*resize)(void *context, uint32_t width, uint32_t height);
    void (*draw)(void *context, const RenderFrame *frame);
    Status (*read_pixels)(void *context, uint8_t *out_rgba, size_t size);
    RenderStats (*stats)(const void *context);
    void (*destroy)(void *context);
} RendererOps;

typedef struct Renderer {
    const RendererOps *ops;
    void *context; /* owned */
} Renderer;

/* Uploads `model` (borrowed only for the call). STATUS_OUT_OF_MEMORY, STATUS_CAPACITY, STATUS_DEVICE_ERROR.
 */
NODISCARD Status renderer_add_model(Renderer renderer, const Model *model, RenderModel *out_model,
                                    Diag *diag);
void renderer_remove_model(Renderer renderer, RenderModel model);
void renderer_resize(Renderer renderer, uint32_t width, uint32_t height);

/* Draws into the final framebuffer (the window's back buffer, or an offscreen one when headless), which stays
 * bound for the UI to draw over. Instances with a stale handle are skipped. */
void renderer_draw(Renderer renderer, const RenderFrame *frame);

/* The final framebuffer as RGBA8, row 0 on top; `size` ≥ width × height × 4. Waits for the GPU. */
NODISCARD Status renderer_read_pixels(Renderer renderer, uint8_t *out_rgba, size_t size);
RenderStats renderer_stats(Renderer renderer);
void renderer_destroy(Renderer renderer); /* safe on a zeroed Renderer */

/* view × projection of a camera at aspect width / height, and where a world point lands on the screen. */
void render_camera_matrices(const RenderCamera *camera, float aspect, mat4 out_view, mat4 out_projection);
/* False when behind the camera or outside. x, y in pixels from the top left; depth in metres along the view.
 */
bool render_camera_project(const RenderCamera *camera, uint32_t width, uint32_t height, const vec3 point,
                           float *out_x, float *out_y, float *out_depth);

/* `framebuffer_0` true: a window's default framebuffer is the final one; false: an offscreen texture of width
 * × height. A current OpenGL 4.5 context is needed. STATUS_DEVICE_ERROR or STATUS_UNSUPPORTED with `diag`
 * naming what is missing. */
NODISCARD Status renderer_gl_create(const RendererConfig *config, bool framebuffer_0, Renderer *out_renderer,
                                    Diag *diag);
NODISCARD Status renderer_null_create(const RendererConfig *config, Renderer *out_renderer);

#endif
