/* gltf.h - reads glTF 2.0 and GLB (Khronos glTF 2.0 specification). The input is untrusted: every index,
 * offset, length and number is checked before it is used. Pure: external buffers and images come through the
 * AssetSource. */
#ifndef CLIENT_SCENE_GLTF_H
#define CLIENT_SCENE_GLTF_H
#include "client/scene/model.h"
#include "shared/base/asset_source.h"

/* Loads `name` (GLB by its magic, else JSON) with all it refers to, from its default scene. Triangles, strips
 * and fans; node animation; skins are drawn in their rest pose and points, lines and morph targets left out
 * (each with one warning in the log). Normals are computed flat where missing, tangents where a normal map
 * needs them. A vertex has one pair of texture coordinates: the set and the KHR_texture_transform of its
 * material's first texture are in it. Other extensions that are honoured: KHR_mesh_quantization,
 * KHR_materials_unlit, KHR_materials_emissive_strength, KHR_materials_pbrSpecularGlossiness (its diffuse
 * part). What a file may use but does not require is ignored; another one in extensionsRequired (Draco,
 * meshopt) is STATUS_UNSUPPORTED naming it. Other failures: MALFORMED, TRUNCATED, OUT_OF_RANGE (index,
 * non-finite number, more than 16 Mi vertices, 96 Mi indices or 64 Mi pixels), INVALID_ARGUMENT (a URI that
 * leaves the world's folder), NOT_FOUND, OUT_OF_MEMORY; `diag` names file and JSON pointer, and the line of a
 * JSON syntax error. *out_model is unchanged on failure. */
NODISCARD Status gltf_load(AssetSource source, const char *name, Arena *arena, Model *out_model, Diag *diag);

#endif
