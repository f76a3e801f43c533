/* The one copy of stb_image in the program, private to this file (static), so that no other library's copy is
 * picked up by the linker. */
#include "client/scene/image_decode.h"

#include <limits.h>
#include <stdlib.h>

/* stb_image believes chunk lengths and unpacks zlib streams without end. Its memory is therefore counted:
 * each block carries its size in front, and the picture being decoded has only so much. */
#define BLOCK_HEADER 16
static _Thread_local size_t budget;

static void *budget_realloc(void *block, size_t size)
{
    uint8_t *base = block ? (uint8_t *)block - BLOCK_HEADER : NULL;
    size_t before = 0;
    if (base) {
        memcpy(&before, base, sizeof before);
    }
    if (size > before && size - before > budget) {
        return NULL;
    }
    uint8_t *grown = realloc(base, size + BLOCK_HEADER);
    if (!grown) {
        return NULL;
    }
    budget = budget + before - size;
    memcpy(grown, &size, sizeof size);
    if (size > before) { /* stb_image reads tables that a broken file never filled */
        memset(grown + BLOCK_HEADER + before, 0, size - before);
    }
    return grown + BLOCK_HEADER;
}

static void budget_free(void *block)
{
    if (block) {
        uint8_t *base = (uint8_t *)block - BLOCK_HEADER;
        size_t size;
        memcpy(&size, base, sizeof size);
        budget += size;
        free(base);
    }
}

#define STBI_MALLOC(size)         budget_realloc(NULL, size)
#define STBI_REALLOC(block, size) budget_realloc(block, size)
#define STBI_FREE(block)          budget_free(block)

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
#define STBI_ASSERT(condition) ((void)(condition)) /* of its own state, which hostile files do reach */
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_STDIO
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#include <stb/stb_image.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/* Whether the Huffman tables of a DHT segment hold at most the 256 codes that there is room for:
 * stb_image 2.27 writes beyond its tables otherwise. */
static bool huffman_tables_fit(Bytes segment)
{
    size_t offset = 0;
    while (offset < segment.size) {
        Bytes counts = bytes_slice(segment, offset + 1, 16);
        size_t codes = 0;
        for (size_t i = 0; i < counts.size; i++) {
            codes += counts.data[i];
        }
        if (counts.size == 0 || codes > 256) {
            return false;
        }
        offset += 17 + codes;
    }
    return offset == segment.size;
}

/* Walks the segments of a JPEG (ITU-T T.81, annex B) the way stb_image does and checks its Huffman tables. */
static bool jpeg_is_safe(Bytes bytes)
{
    enum { DHT = 0xC4, EOI = 0xD9, SOS = 0xDA, FILL = 0xFF };
    size_t offset = 2;
    while (offset + 1 < bytes.size) {
        uint8_t marker = bytes.data[offset + 1];
        bool standalone = marker == 0 || marker == FILL || (marker >= 0xD0 && marker < EOI);
        if (bytes.data[offset] != FILL || standalone) {
            offset += marker == FILL || bytes.data[offset] != FILL ? 1 : 2;
            continue;
        }
        if (marker == EOI) {
            return true;
        }
        Bytes length = bytes_slice(bytes, offset + 2, 2);
        size_t size = length.size ? (size_t)(length.data[0] << 8 | length.data[1]) : 0;
        if (size < 2 || offset + 2 + size > bytes.size) {
            return false;
        }
        if (marker == DHT && !huffman_tables_fit(bytes_slice(bytes, offset + 4, size - 2))) {
            return false;
        }
        offset += 2 + size; /* after SOS come coded bytes, which hold no marker but restarts */
    }
    return true;
}

Status image_measure(Bytes bytes, uint32_t *out_width, uint32_t *out_height)
{
    int width = 0, height = 0, channels = 0;
    budget = (size_t)1 << 20;
    if (bytes.size == 0 || bytes.size > INT_MAX || (bytes.data[0] == 0xFF && !jpeg_is_safe(bytes)) ||
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
    uint32_t claimed_width, claimed_height;
    if (image_measure(bytes, &claimed_width, &claimed_height) != STATUS_OK) {
        *out_reason = "not a PNG or JPEG";
        return STATUS_MALFORMED;
    }
    /* 16-bit PNG: 8 bytes a pixel unpacked, 8 decoded, 4 converted; progressive JPEG: 6 of coefficients,
     * 3, 4. */
    budget = (size_t)claimed_width * claimed_height * 24 + 4 * bytes.size + ((size_t)1 << 20);
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
