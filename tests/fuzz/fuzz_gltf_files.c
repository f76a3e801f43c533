/* Any bytes are a glTF whose other files can be listed, or refused; every name listed is a valid asset name.
 */
#include "shared/base/asset_source.h"
#include "shared/model/gltf_files.h"
#include "tests/fuzz/fuzz_input.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena;
    arena_init(&arena, (size_t)64 << 20);
    const char **names = NULL;
    uint32_t count = 0;
    Diag diag = { 0 };
    if (gltf_files(bytes_of(data, size), "models/fuzz.gltf", &arena, &names, &count, &diag) == STATUS_OK) {
        for (uint32_t i = 0; i < count; i++) {
            require(asset_name_valid(names[i]));
        }
    } else {
        require(names == NULL && diag.text[0] != '\0');
    }
    if (gltf_node_names(bytes_of(data, size), "models/fuzz.gltf", &arena, &names, &count, &diag) ==
        STATUS_OK) {
        for (uint32_t i = 0; i < count; i++) {
            require(names[i] != NULL);
        }
    }
    arena_finish(&arena);
    return 0;
}
