/* glb_builder.h - hand-made GLBs for tests: a document's text with one part replaced, and its binary chunk.
 */
#ifndef TESTS_UNIT_CLIENT_GLB_BUILDER_H
#define TESTS_UNIT_CLIENT_GLB_BUILDER_H
#include "shared/base/bytes.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Glb {
    uint8_t data[16384];
    size_t size;
} Glb;

/* `from` (must occur) replaced by `to` in `text`; NULL `from` changes nothing. Returns `out`. */
static inline const char *glb_replace(const char *text, const char *from, const char *to, char *out,
                                      size_t size)
{
    const char *at = from ? strstr(text, from) : text;
    if (!at) {
        fprintf(stderr, "the test's document has no \"%s\"\n", from);
        abort();
    }
    snprintf(out, size, "%.*s%s%s", (int)(at - text), text, from ? to : "", at + (from ? strlen(from) : 0));
    return out;
}

static inline void glb_build(Glb *glb, const char *json, const void *binary, size_t binary_size)
{
    size_t json_size = (strlen(json) + 3) & ~(size_t)3;
    size_t padded = (binary_size + 3) & ~(size_t)3;
    glb->size = 20 + json_size + (binary_size ? 8 + padded : 0);
    if (glb->size > sizeof glb->data) {
        abort();
    }
    memset(glb->data, 0, sizeof glb->data);
    memcpy(glb->data, "glTF", 4);
    bytes_store_u32(glb->data + 4, 2);
    bytes_store_u32(glb->data + 8, (uint32_t)glb->size);
    bytes_store_u32(glb->data + 12, (uint32_t)json_size);
    bytes_store_u32(glb->data + 16, 0x4E4F534A);
    memset(glb->data + 20, ' ', json_size);
    memcpy(glb->data + 20, json, strlen(json));
    if (binary_size) {
        uint8_t *chunk = glb->data + 20 + json_size;
        bytes_store_u32(chunk, (uint32_t)padded);
        bytes_store_u32(chunk + 4, 0x004E4942);
        memcpy(chunk + 8, binary, binary_size);
    }
}

#endif
