/* renderer_gl.h - the parts of the OpenGL renderer, one file each. Private to renderer_gl.c and its *_gl.c.
 */
#ifndef CLIENT_RENDER_RENDERER_GL_H
#define CLIENT_RENDER_RENDERER_GL_H
#include "client/render/draw_list.h"
#include "client/render/shadow_fit.h"

#include <GL/glew.h>

/* Bindings the shaders share with this side. */
enum { UNIFORM_FRAME = 0, UNIFORM_MATERIAL = 1 };
enum { STORAGE_ENTRIES = 0 };
enum { UNIT_BASE, UNIT_ROUGHNESS, UNIT_NORMAL, UNIT_EMISSIVE, UNIT_OCCLUSION, UNIT_SHADOW, UNIT_COUNT };

/* ---- device_gl.c: what the context can do ---- */

typedef struct Device {
    GLint max_texture_size, max_samples;
    GLint uniform_alignment;
    bool software;    /* a rasteriser on the CPU: cheaper defaults */
    float anisotropy; /* 1: none */
} Device;

/* Reads the limits and turns on debug output. STATUS_UNSUPPORTED with `diag` naming what is missing. */
NODISCARD Status device_open(Device *device, bool debug, Diag *diag);
/* Stops the debug output (its callback refers to this program). */
void device_close(void);
/* Logs the GL errors since the last call, each kind once; returns the first, or GL_NO_ERROR. */
GLenum device_check(const char *where);
/* device_check as a status: OUT_OF_MEMORY or DEVICE_ERROR with `diag`. */
NODISCARD Status device_status(const char *path, const char *what, Diag *diag);

/* A buffer whose content is replaced each frame. */
typedef struct StreamBuffer {
    GLuint buffer;
    size_t capacity;
} StreamBuffer;

void stream_write(StreamBuffer *stream, const void *data, size_t size);
void stream_finish(StreamBuffer *stream);

/* ---- shader_gl.c: programs ---- */

/* What a mesh's program is compiled for; bits. */
enum {
    VARIANT_BASE_TEXTURE = 1,
    VARIANT_ROUGHNESS_TEXTURE = 2,
    VARIANT_NORMAL_TEXTURE = 4,
    VARIANT_EMISSIVE_TEXTURE = 8,
    VARIANT_OCCLUSION_TEXTURE = 16,
    VARIANT_ALPHA_MASK = 32,
    VARIANT_ALPHA_BLEND = 64,
    VARIANT_UNLIT = 128,
    VARIANT_DOUBLE_SIDED = 256,
    VARIANT_COUNT = 512
};

typedef struct Programs {
    GLuint mesh[VARIANT_COUNT]; /* 0: not compiled yet */
    GLuint depth, depth_mask;
    GLuint sky, ground, lamp, halo, occlusion, smooth, resolve;
} Programs;

/* Compiles all but the mesh variants. STATUS_DEVICE_ERROR with `diag` holding the compiler's words. */
NODISCARD Status programs_create(Programs *programs, uint32_t samples, bool occlusion, Diag *diag);
/* Makes sure that the variant exists. */
NODISCARD Status programs_need_mesh(Programs *programs, uint32_t variant, Diag *diag);
void programs_destroy(Programs *programs);

/* ---- texture_gl.c ---- */

/* Uploads `image` with mipmaps. STATUS_CAPACITY (larger than the device takes), OUT_OF_MEMORY, DEVICE_ERROR.
 */
NODISCARD Status texture_create(const Device *device, const ModelImage *image, const char *path,
                                GLuint *out_texture, Diag *diag);

/* ---- mesh_gl.c: models on the GPU ---- */

typedef struct GlPrimitive {
    size_t first_index[DRAW_LODS];
    uint32_t index_count[DRAW_LODS];
    int32_t base_vertex[DRAW_LODS];
    uint32_t material;
} GlPrimitive;

typedef struct GlMesh {
    uint32_t first_primitive, primitive_count;
} GlMesh;

typedef struct GlMaterial {
    uint32_t variant;
    ModelAlpha alpha;
    bool double_sided;
    GLuint textures[UNIT_SHADOW]; /* 0: none; owned by the model */
} GlMaterial;

typedef struct GlModel {
    uint16_t generation; /* of the model that is or was here */
    bool used;
    bool blends; /* some material does */
    DrawShape shape;
    uint32_t *node_mesh;
    DrawMesh *draw_meshes;
    GlMesh *meshes;
    GlPrimitive *primitives;
    GlMaterial *materials;
    GLuint *textures;
    uint32_t texture_count;
    GLuint vertices, indices, material_buffer;
    size_t material_stride;
} GlModel;

enum { GL_MODELS = 1024 };

typedef struct ModelTable {
    GlModel *models; /* GL_MODELS */
    GLuint vertex_array, empty_array;
} ModelTable;

NODISCARD Status model_table_create(ModelTable *table, Diag *diag);
void model_table_destroy(ModelTable *table);
NODISCARD Status model_table_add(ModelTable *table, const Device *device, Programs *programs,
                                 const Model *model, RenderModel *out_model, Diag *diag);
/* False when the handle is stale. */
bool model_table_remove(ModelTable *table, RenderModel handle);
/* A DrawShapeLookup; the context is the table. */
const DrawShape *model_table_shape(const void *table, RenderModel handle);

/* ---- target_gl.c: what is drawn into ---- */

typedef struct Targets {
    uint32_t width, height, samples;
    GLuint scene, scene_color, scene_depth;  /* RGBA16F and depth, multisampled when samples > 1 */
    GLuint final, final_color;               /* 0 when the window's framebuffer is the final one */
    GLuint occlusion[2], occlusion_color[2]; /* half size: raw and smoothed; 0 without occlusion */
} Targets;

typedef struct TargetsConfig {
    uint32_t width, height, samples;
    bool offscreen; /* the final picture is a texture */
    bool occlusion;
} TargetsConfig;

/* (Re)creates the targets; keeps them when nothing changed. */
NODISCARD Status targets_resize(Targets *targets, const TargetsConfig *config, Diag *diag);
void targets_destroy(Targets *targets);

/* ---- shadow_gl.c ---- */

typedef struct ShadowMap {
    GLuint framebuffer, depth;
    uint32_t size;
    ShadowFit fit;
    uint64_t drawn_hash;
    bool drawn;
    DrawList list;
    StreamBuffer entries;
} ShadowMap;

NODISCARD Status shadow_create(ShadowMap *shadow, uint32_t size, Diag *diag);
void shadow_destroy(ShadowMap *shadow);
/* Draws the casters when they, the sun or the focus changed. */
void shadow_draw(ShadowMap *shadow, const RenderFrame *frame, const ModelTable *table,
                 const Programs *programs, float lod_error, RenderStats *stats);

/* ---- scene_gl.c: meshes, sky, ground and lamps ---- */

/* How a batch list is drawn. */
typedef enum ScenePass { PASS_OPAQUE, PASS_BLEND, PASS_DEPTH } ScenePass;

void scene_draw_list(const DrawList *list, const ModelTable *table, const Programs *programs, ScenePass pass,
                     RenderStats *stats);
/* Blended copies, far ones first. */
typedef struct BlendItem {
    float distance;
    uint32_t batch, entry;
} BlendItem;

typedef struct BlendList {
    BlendItem *items;
    uint32_t capacity;
} BlendList;

void scene_draw_blended(const DrawList *list, const ModelTable *table, const Programs *programs,
                        const vec3 eye, BlendList *blend, RenderStats *stats);
void scene_draw_sky(const ModelTable *table, const Programs *programs, RenderStats *stats);
void scene_draw_ground(const ModelTable *table, const Programs *programs, RenderStats *stats);
void scene_draw_lamps(const RenderFrame *frame, const ModelTable *table, const Programs *programs,
                      StreamBuffer *buffer, bool halos, RenderStats *stats);

/* ---- post_gl.c: from the scene's light to the final picture ---- */

void post_draw(const Targets *targets, const ModelTable *table, const Programs *programs, RenderStats *stats);

/* ---- frame_gl.c: the constants of a frame ---- */

/* std140 image of `Frame` in common.glsl. */
typedef struct FrameUniforms {
    mat4 view_projection, shadow_matrix;
    vec4 ray_corner, ray_x, ray_y;
    vec4 eye, sun_direction, sun_light;
    vec4 sky_zenith, sky_horizon;
    vec4 ambient_up, ambient_side, ambient_down;
    vec4 ground_color, ground_radiance;
    vec4 camera_right, camera_up;
    vec4 shadow_bias;
    vec4 lens;
} FrameUniforms;

void frame_uniforms(const RenderFrame *frame, float aspect, const ShadowFit *fit,
                    FrameUniforms *out_uniforms);

#endif
