/* model.h - a 3D model in memory, whatever file it came from: what the renderer uploads and animation poses.
 * Pure data; everything lives in the Arena of the loader. Right-handed, +Y up, metres, counter-clockwise
 * front faces. */
#ifndef CLIENT_SCENE_MODEL_H
#define CLIENT_SCENE_MODEL_H
#include "shared/base/bytes.h"

typedef struct ModelVertex {
    float position[3];
    float normal[3];  /* unit; computed when the file has none */
    float tangent[4]; /* xyz unit, w handedness; computed (or any orthogonal) when the file has none */
    float uv[2];
    uint8_t color[4]; /* linear RGBA; white when the file has none */
} ModelVertex;

#define MODEL_NONE UINT32_MAX /* "no such index" in every uint32 index below */

typedef enum ModelAlpha { MODEL_OPAQUE, MODEL_MASK, MODEL_BLEND } ModelAlpha;

typedef struct ModelMaterial {
    const char *name;
    float base_color[4]; /* linear */
    float metallic, roughness;
    float emissive[3]; /* linear, times KHR_materials_emissive_strength */
    float normal_scale, occlusion_strength, alpha_cutoff;
    uint32_t base_color_image, metallic_roughness_image, normal_image, emissive_image, occlusion_image;
    ModelAlpha alpha;
    bool double_sided, unlit;
} ModelMaterial;

typedef struct ModelImage {
    uint8_t *pixels; /* RGBA8, width × height × 4, row 0 on top */
    uint32_t width, height;
    bool srgb;   /* color data (base colour, emissive); else linear */
    bool repeat; /* else clamp */
} ModelImage;

typedef struct ModelPrimitive { /* triangles */
    ModelVertex *vertices;
    uint32_t vertex_count;
    uint32_t *indices; /* every one < vertex_count; count divisible by 3 */
    uint32_t index_count;
    uint32_t material; /* index; always valid: a default is added when the file has none */
    float bounds_min[3], bounds_max[3];
} ModelPrimitive;

typedef struct ModelMesh {
    ModelPrimitive *primitives;
    uint32_t primitive_count;
} ModelMesh;

typedef struct ModelNode {
    const char *name; /* "" when none */
    uint32_t parent;  /* index lower than this node's own (nodes are sorted so), or MODEL_NONE */
    uint32_t mesh;    /* or MODEL_NONE */
    float translation[3], rotation[4] /* x, y, z, w */, scale[3];
} ModelNode;

typedef enum ModelPath { MODEL_TRANSLATION, MODEL_ROTATION, MODEL_SCALE } ModelPath;
typedef enum ModelInterpolation { MODEL_LINEAR, MODEL_STEP, MODEL_CUBIC } ModelInterpolation;

typedef struct ModelChannel {
    uint32_t node;
    ModelPath path;
    ModelInterpolation interpolation;
    const float *times;  /* ascending, seconds */
    const float *values; /* key_count × (3 or 4), × 3 for CUBIC (in-tangent, value, out-tangent) */
    uint32_t key_count;  /* ≥ 1 */
} ModelChannel;

typedef struct ModelAnimation {
    const char *name;
    ModelChannel *channels;
    uint32_t channel_count;
    float duration; /* seconds */
} ModelAnimation;

typedef struct Model {
    const char *path;
    ModelMesh *meshes;
    uint32_t mesh_count;
    ModelMaterial *materials;
    uint32_t material_count; /* ≥ 1 */
    ModelImage *images;
    uint32_t image_count;
    ModelNode *nodes;
    uint32_t node_count;
    ModelAnimation *animations;
    uint32_t animation_count;
    float bounds_min[3], bounds_max[3]; /* of the rest pose, model space */
    uint32_t triangle_count;            /* drawn: a mesh counts once for each node that has it */
} Model;

/* The index of the node called `name`, or MODEL_NONE. */
uint32_t model_node_index(const Model *model, const char *name);

#endif
