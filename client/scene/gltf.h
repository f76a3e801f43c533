/* gltf.h - reads glTF 2.0 and GLB (Khronos glTF 2.0 specification). The input is untrusted: every index,
 * offset, length and number is checked before it is used. Pure: external buffers and images come through the
 * AssetSource. */
#ifndef CLIENT_SCENE_GLTF_H
#define CLIENT_SCENE_GLTF_H
#include "client/scene/model.h"
#include "shared/base/asset_source.h"

/* Loads `name` (GLB by its magic, else JSON) with all it refers to. Static and node-animated meshes; skins
 * are drawn in their rest pose (a counted warning in the log). Supported extensions:
 * KHR_materials_emissive_strength, KHR_materials_unlit, KHR_texture_transform is ignored when optional. Any
 * other in extensionsRequired (Draco, meshopt) is STATUS_UNSUPPORTED naming it. Other failures: MALFORMED,
 * TRUNCATED, OUT_OF_RANGE (index, non-finite number, more than 16 Mi vertices or 64 Mi pixels), NOT_FOUND,
 * OUT_OF_MEMORY; `diag` names file and JSON pointer. *out_model is unchanged on failure. */
NODISCARD Status gltf_load(AssetSource source, const char *name, Arena *arena, Model *out_model, Diag *diag);

#endif
