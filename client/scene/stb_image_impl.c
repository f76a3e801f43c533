/* The one copy of stb_image in the program, private to this file (static), so that no other library's copy is
 * picked up by the linker. */
#include "client/scene/image_decode.h"

#include <limits.h>

#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-function" /* not popped: reported at the end of the file */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wpedantic"
#endif
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_STDIO
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#include <stb/stb_image.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

Status image_measure(Bytes bytes, uint32_t *out_width, uint32_t *out_height)
{
    int width = 0, height = 0, channels = 0;
    if (bytes.size == 0 || bytes.size > INT_MAX ||
        !stbi_info_from_memory(bytes.data, (int)bytes.size, &width, &height, &channels) || width <= 0 ||
        height <= 0) {
        return STATUS_MALFORMED;
    }
    *out_width = (uint32_t)width;
    *out_height = (uint32_t)height;
    return STATUS_OK;
}

Status image_decode(Bytes bytes, Arena *arena, uint8_t **out_pixels, const char **out_reason)
{
    int width = 0, height = 0, channels = 0;
    if (bytes.size == 0 || bytes.size > INT_MAX) {
        *out_reason = "empty or too large";
        return STATUS_MALFORMED;
    }
    uint8_t *decoded = stbi_load_from_memory(bytes.data, (int)bytes.size, &width, &height, &channels, 4);
    if (!decoded) {
        *out_reason = stbi_failure_reason();
        return STATUS_MALFORMED;
    }
    size_t size = (size_t)width * (size_t)height * 4;
    uint8_t *pixels = arena_alloc(arena, size, 16);
    if (pixels) {
        memcpy(pixels, decoded, size);
    }
    stbi_image_free(decoded);
    *out_pixels = pixels;
    return pixels ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}
