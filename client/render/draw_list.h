/* draw_list.h - which copies of which meshes a view shows, grouped so that one draw call shows all copies of
 * a mesh. Pure; keeps its memory from frame to frame. */
#ifndef CLIENT_RENDER_DRAW_LIST_H
#define CLIENT_RENDER_DRAW_LIST_H
#include "client/render/renderer.h"

enum { DRAW_LODS = 6 }; /* levels of detail of a mesh, 0 the finest */

/* Six planes, xyz unit normal inwards; a point p is inside when dot(xyz, p) + w ≥ 0 for all. */
typedef struct Frustum {
    vec4 planes[6];
} Frustum;

void frustum_from_matrix(mat4 view_projection, Frustum *out_frustum);
/* True unless the sphere (centre, radius) is outside for certain. A radius ≤ 0 or NaN means "unknown": true.
 */
bool frustum_sees_sphere(const Frustum *frustum, const vec4 sphere);

/* What the list has to know of a model. */
typedef struct DrawMesh {
    float lod_error[DRAW_LODS]; /* model units by which the level's surface may be off; [0] is 0 */
    vec3 centre;                /* of the mesh, model units */
} DrawMesh;

typedef struct DrawShape {
    uint32_t slot;
    uint32_t node_count, mesh_count;
    const uint32_t *node_mesh; /* per node: mesh or MODEL_NONE */
    const DrawMesh *meshes;
} DrawShape;

/* The shape behind a handle, or NULL when the handle is stale. Valid for the call. */
typedef const DrawShape *(*DrawShapeLookup)(const void *context, RenderModel model);

/* One copy of a mesh, as the vertex shader reads it (std430). */
typedef struct DrawEntry {
    vec4 row[3];    /* affine model → world, by rows */
    vec4 normal[3]; /* columns of the normal matrix; w of them: tint red, green, blue */
    vec4 emissive;  /* rgb */
} DrawEntry;

typedef struct DrawBatch {
    uint32_t slot, mesh, lod;
    bool mirrored;         /* the transform turns front faces clockwise */
    uint32_t first, count; /* entries */
    float nearest;         /* squared distance of the nearest copy's centre */
} DrawBatch;

typedef struct DrawView {
    Frustum frustum;
    vec3 eye;
    bool casters_only;
    float error_pixels; /* pixels by which a level of detail may be off; 0: always level 0 */
    float pixel_scale;  /* perspective: pixels that one metre at one metre covers */
    float pixel_size;   /* orthographic: metres a pixel; used when pixel_scale is 0 */
} DrawView;

typedef struct DrawOrder {
    uint32_t slot, instance;
    float distance;
} DrawOrder;

typedef struct DrawList {
    DrawEntry *entries;
    DrawBatch *batches;
    DrawOrder *order;
    uint32_t *buckets;
    uint32_t entry_count, entry_capacity;
    uint32_t batch_count, batch_capacity;
    uint32_t order_count, order_capacity;
    uint32_t bucket_capacity;
    uint32_t culled; /* instances outside the frustum */
} DrawList;

/* Rebuilds `list` for the instances of `frame` that `view` sees; near ones come first in each batch, and so
 * do the batches: what is hidden behind them is then cheap. Stale handles and hidden nodes are left out.
 * STATUS_OUT_OF_MEMORY: the list is then empty. */
NODISCARD Status draw_list_build(DrawList *list, const RenderFrame *frame, const DrawView *view,
                                 DrawShapeLookup lookup, const void *lookup_context);

/* A number that differs when the positions or the kind of what is drawn differ. */
uint64_t draw_list_hash(const DrawList *list);

/* Gives the memory back. Safe on a zeroed list. */
void draw_list_finish(DrawList *list);

#endif
