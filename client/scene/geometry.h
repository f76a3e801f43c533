/* geometry.h - normals, tangents and bounds of triangle lists. Pure; any finite input is safe. */
#ifndef CLIENT_SCENE_GEOMETRY_H
#define CLIENT_SCENE_GEOMETRY_H
#include "client/scene/model.h"

/* One normal a triangle, for vertices that no two triangles share (vertex i is corner i). */
void geometry_flat_normals(ModelVertex *vertices, uint32_t count);

/* Tangents along +U, averaged over the triangles of a vertex, orthogonal to its normal. `sums` has
 * vertex_count × 6 zeroed floats. */
void geometry_tangents(const ModelPrimitive *primitive, float *sums);

/* Some unit vector orthogonal to each normal, where nothing samples along it. */
void geometry_any_tangents(ModelVertex *vertices, uint32_t count);

void geometry_measure(ModelPrimitive *primitive);

/* Scales `vector` to length 1, or sets it to `fallback` when it has no direction. */
void geometry_unit(float vector[3], const float fallback[3]);

#endif
