/* gltf_document.h - what the parts of the glTF reader share: the document being read, its JSON with the place
 * of every value, buffers and accessors. Private to client/scene/gltf_*.c.
 *
 * Errors are sticky: the first failure is kept in `status` with its text, every reader then gives its
 * fallback and nothing more is stored. A value must not be used before `status` was tested. */
#ifndef CLIENT_SCENE_GLTF_DOCUMENT_H
#define CLIENT_SCENE_GLTF_DOCUMENT_H
#include "client/scene/model.h"
#include "shared/base/arena.h"
#include "shared/base/asset_source.h"

#include <cglm/types.h>
#include <jansson.h>

#define GLTF_FILE_MAX    ((size_t)256 << 20) /* bytes of one file */
#define GLTF_VERTEX_MAX  (UINT32_C(16) << 20)
#define GLTF_CORNER_MAX  (UINT32_C(96) << 20) /* triangle corners, all primitives together */
#define GLTF_PIXEL_MAX   (UINT64_C(64) << 20)
#define GLTF_SIDE_MAX    16384 /* pixels of an image's side */
#define GLTF_NODE_MAX    (UINT32_C(1) << 18)
#define GLTF_DEPTH_MAX   1024 /* of the node tree */
#define GLTF_LENGTH_MAX  1e9f /* metres: beyond, single precision is of no use */
#define GLTF_UV_SETS_MAX 8

/* A JSON value and how it was reached, so that a message can name its JSON pointer. */
typedef struct Field {
    const json_t *json; /* NULL: absent */
    const struct Field *parent;
    const char *key; /* in an object; NULL: in an array */
    size_t index;
} Field;

typedef struct BufferView {
    Bytes data;
    uint32_t stride;         /* 0: packed */
    bool missing;            /* its buffer has no data */
    const char *compression; /* the extension that holds its data instead, or NULL */
} BufferView;

typedef struct Accessor {
    uint32_t view;  /* or MODEL_NONE: all zeros */
    Bytes data;     /* from the first element on; empty: all zeros */
    uint32_t count; /* elements */
    uint32_t stride, element_size;
    uint32_t component; /* 5120 … 5126 */
    uint32_t width;     /* components of an element: 1 … 16 */
    bool normalized;
    bool sparse;   /* data is a dense copy, made on first use */
    bool resolved; /* `data` can be used */
    float *floats; /* decoded by accessor_all_floats, or NULL */
} Accessor;

/* Where a material's texture coordinates come from. */
typedef struct UvMapping {
    uint32_t set; /* TEXCOORD_n */
    float offset[2], scale[2], rotation;
    bool transformed, chosen;
} UvMapping;

typedef struct SourceNode { /* a node of the file, in the file's order */
    ModelNode node;         /* parent and mesh are indices of the file */
    uint32_t skin;          /* or MODEL_NONE */
    uint32_t output;        /* index in the model, or MODEL_NONE when outside the scene */
} SourceNode;

/* For each vertex of a primitive that was kept, the vertex of the file it came from: skins need it. */
typedef struct PrimitiveSource {
    const uint32_t *vertices;
    uint32_t joints, weights; /* accessors, or MODEL_NONE */
} PrimitiveSource;

typedef struct SourceImage { /* an image of the file, decoded once */
    uint8_t *pixels;
    uint32_t width, height;
    bool tried; /* pixels NULL then: a format that is not read */
} SourceImage;

typedef enum GltfNote { /* each is logged once a file */
                        NOTE_LINES,
                        NOTE_SKIN,
                        NOTE_MORPH,
                        NOTE_SHEAR,
                        NOTE_UV,
                        NOTE_IMAGE_FORMAT,
                        NOTE_NO_POSITION
} GltfNote;

typedef struct Document {
    const char *name;
    AssetSource source;
    Arena *arena;  /* the caller's: what the model keeps */
    Arena scratch; /* until the load ends */
    Arena work;    /* until the primitive ends */
    Diag *diag;
    Status status; /* the first failure */
    unsigned notes;
    json_t *json;
    Field root;
    Bytes binary; /* the GLB's second chunk */
    bool has_binary;

    Bytes *buffers;
    uint32_t buffer_count;
    BufferView *views;
    uint32_t view_count;
    Accessor *accessors;
    uint32_t accessor_count;
    UvMapping *uv; /* a material each */
    SourceImage *images;
    uint32_t image_count;
    Field image_list, texture_list, sampler_list;
    uint32_t texture_count, sampler_count;
    SourceNode *nodes;
    uint32_t node_count;
    uint32_t *node_order; /* parents first */
    mat4 *node_world;     /* rest pose, in the file's order */
    PrimitiveSource **primitive_sources;

    uint64_t *remap; /* vertex of the file → stamp << 32 | vertex of the primitive */
    uint32_t remap_count, remap_stamp;
    bool default_material_used;

    uint64_t vertex_total, corner_total, pixel_total;
    Model model;
} Document;

/* ---- gltf_json.c ---- */

/* Keeps `status` and the text, with the JSON pointer of `at` (may be NULL), unless one is kept already. */
void document_fail(Document *doc, Status status, const Field *at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void document_note(Document *doc, GltfNote note, const char *text);
/* "needs extension NAME, which is not supported". */
void document_refuse_extension(Document *doc, const Field *at, const char *extension);

/* `count` zeroed elements; NULL and OUT_OF_MEMORY kept when there is no room. */
void *document_alloc(Document *doc, Arena *arena, size_t count, size_t size, size_t align);
#define document_array(doc, arena, Type, count) \
    ((Type *)document_alloc((doc), (arena), (count), sizeof(Type), _Alignof(Type)))
const char *document_copy_text(Document *doc, const char *text);

/* The member `key` of `object`, checked to be of `type`; json NULL when absent. `object` may be absent. */
Field field_get(Document *doc, const Field *object, const char *key, json_type type);
Field field_require(Document *doc, const Field *object, const char *key, json_type type);
Field field_item(Document *doc, const Field *array, size_t index, json_type type);
size_t field_count(const Field *array);
/* A top-level array of objects, at most `limit` long. */
Field field_list(Document *doc, const char *key, uint32_t limit, uint32_t *out_count);

uint64_t field_uint(Document *doc, const Field *object, const char *key, uint64_t fallback, uint64_t max);
/* An index below `count`; MODEL_NONE when absent. */
uint32_t field_index(Document *doc, const Field *object, const char *key, uint32_t count);
uint32_t field_item_index(Document *doc, const Field *array, size_t index, uint32_t count);
float field_number(Document *doc, const Field *object, const char *key, float fallback);
/* An array of exactly `count` numbers; false and `out` untouched when absent or wrong. */
bool field_numbers(Document *doc, const Field *object, const char *key, size_t count, float *out);
bool field_bool(Document *doc, const Field *object, const char *key, bool fallback);
const char *field_text(Document *doc, const Field *object, const char *key); /* NULL when absent */
/* The object of extension `name` of `object`; json NULL when absent. */
Field field_extension(Document *doc, const Field *object, const char *name, Field *out_extensions);

/* Every "name" is a string and every "extensions" an object of objects, wherever they stand. */
void document_check_shape(Document *doc);

/* ---- gltf_uri.c ---- */

/* The bytes a buffer's or image's `uri` names: data: URI, or a file next to the document. */
void document_read_uri(Document *doc, const Field *at, const char *uri, Bytes *out_bytes);

/* ---- gltf_buffers.c ---- */

void document_load_buffers(Document *doc);
void document_load_accessors(Document *doc);
/* Makes accessor `index` readable; false when that failed (and `status` says why). */
bool accessor_open(Document *doc, const Field *at, uint32_t index);
/* The first `width` numbers of an element as floats (normalised integers scaled); false when one is not
 * finite. Missing components are left untouched. The accessor is open and `index` below its count. */
bool accessor_floats(const Accessor *accessor, uint32_t index, uint32_t width, float *out);
/* Component `component` of an unsigned integer element. */
uint32_t accessor_uint(const Accessor *accessor, uint32_t index, uint32_t component);
/* All elements decoded once, count × width floats; NULL on failure. */
const float *accessor_all_floats(Document *doc, const Field *at, uint32_t index);

/* ---- the parts of the model, in the order they are read ---- */

void document_load_materials(Document *doc); /* gltf_material.c */
/* Image of texture `texture` for sRGB or linear use, or MODEL_NONE. (gltf_image.c) */
uint32_t document_texture_image(Document *doc, uint32_t texture, bool srgb);
void document_prepare_images(Document *doc);
void document_load_meshes(Document *doc);     /* gltf_mesh.c */
void document_load_nodes(Document *doc);      /* gltf_node.c */
void document_bake_skins(Document *doc);      /* gltf_skin.c */
void document_emit_nodes(Document *doc);      /* gltf_node.c: the scene's nodes, bounds, triangle count */
void document_load_animations(Document *doc); /* gltf_animation.c */

#endif
