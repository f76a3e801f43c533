/* gltf_files.h - what a world needs to know of a glTF without loading it: which other files it refers to, so
 * that it can be packaged, and its nodes' names, so that a binding to a missing one is found. Pure; the input
 * is untrusted. */
#ifndef SHARED_MODEL_GLTF_FILES_H
#define SHARED_MODEL_GLTF_FILES_H
#include "shared/base/arena.h"
#include "shared/base/bytes.h"
#include "shared/base/diag.h"

/* The asset names (relative to the world, percent-decoded, data: URIs left out) of external buffers and
 * images of `file`, a .gltf or a GLB called `name`. STATUS_MALFORMED or STATUS_TRUNCATED when it is neither,
 * STATUS_INVALID_ARGUMENT for a URI that leaves the world's folder, STATUS_OUT_OF_MEMORY, with `diag`. */
NODISCARD Status gltf_files(Bytes file, const char *name, Arena *arena, const char ***out_names,
                            uint32_t *out_count, Diag *diag);

/* The names of the nodes of `file` ("" for a node without one), in the file's order. Statuses as gltf_files,
 * less INVALID_ARGUMENT. */
NODISCARD Status gltf_node_names(Bytes file, const char *name, Arena *arena, const char ***out_names,
                                 uint32_t *out_count, Diag *diag);

#endif
