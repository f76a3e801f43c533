/* image_decode.h - PNG and JPEG from memory (stb_image). Pure. The bytes are untrusted. */
#ifndef CLIENT_SCENE_IMAGE_DECODE_H
#define CLIENT_SCENE_IMAGE_DECODE_H
#include "shared/base/arena.h"
#include "shared/base/bytes.h"
#include "shared/base/status.h"

/* The size in pixels that the header claims. STATUS_MALFORMED when it is neither PNG nor JPEG. */
NODISCARD Status image_measure(Bytes bytes, uint32_t *out_width, uint32_t *out_height);

/* RGBA8 pixels in `arena`, row 0 on top, width × height × 4 bytes as measured. `*out_reason` says what is
 * wrong on STATUS_MALFORMED; STATUS_OUT_OF_MEMORY. Measure first: it takes up to 24 bytes for each pixel that
 * the header claims. */
NODISCARD Status image_decode(Bytes bytes, Arena *arena, uint8_t **out_pixels, const char **out_reason);

#endif
