/* mesh_lod.h - a mesh made ready for drawing, and coarser versions of it for views that cannot show its
 * detail. Vertex clustering (Rossignac and Borrel, 1993): vertices in one cell of a grid move to one place;
 * triangles that collapse are dropped. Normals and texture coordinates stay apart where they differ much.
 * Pure. */
#ifndef CLIENT_RENDER_MESH_LOD_H
#define CLIENT_RENDER_MESH_LOD_H
#include "client/scene/model.h"
#include "shared/base/status.h"

typedef struct MeshPart { /* of one primitive */
    uint32_t first_index, index_count;
    bool textured;
} MeshPart;

typedef struct MeshLevel {
    ModelVertex *vertices;
    uint32_t *indices; /* into vertices */
    MeshPart *parts;   /* one per primitive, in order */
    uint32_t vertex_count, index_count, part_count;
} MeshLevel;

/* Joins the primitives of `mesh`, leaving out vertices that no triangle uses. `materials` says which
 * primitives have textures. STATUS_OUT_OF_MEMORY, or STATUS_CAPACITY beyond 2³¹ vertices; *out_level is then
 * unchanged. */
NODISCARD Status mesh_level_join(const ModelMesh *mesh, const ModelMaterial *materials, MeshLevel *out_level);

/* Clusters `level` in cells of `cell` model units (> 0): no vertex moves farther than the cell's diagonal,
 * few more than half its side. STATUS_OUT_OF_MEMORY; *out_level is then unchanged. */
NODISCARD Status mesh_level_cluster(const MeshLevel *level, float cell, MeshLevel *out_level);

/* Centre and radius of a sphere around the vertices; zeros when there are none. */
void mesh_level_bounds(const MeshLevel *level, float out_centre[3], float *out_radius);

/* Gives the memory back. Safe on a zeroed level. */
void mesh_level_finish(MeshLevel *level);

#endif
