#include "client/platform/platform.h"
#include "shared/base/disk_file.h"

#include <limits.h>
#include <stb/stb_image_write.h>
#include <stdlib.h>
#include <string.h>

typedef struct Buffer {
    uint8_t *data;
    size_t size, capacity;
    bool failed;
} Buffer;

static void append(void *context, void *data, int size)
{
    Buffer *buffer = context;
    size_t more = size > 0 ? (size_t)size : 0;
    if (buffer->failed || more == 0) {
        return;
    }
    if (more > buffer->capacity - buffer->size) {
        size_t capacity = (buffer->size + more) * 2;
        uint8_t *grown = realloc(buffer->data, capacity);
        if (!grown) {
            buffer->failed = true;
            return;
        }
        buffer->data = grown;
        buffer->capacity = capacity;
    }
    memcpy(buffer->data + buffer->size, data, more);
    buffer->size += more;
}

Status capture_png(const char *path, const uint8_t *rgba, uint32_t width, uint32_t height, Diag *diag)
{
    if (width == 0 || height == 0 || width > 32768 || height > INT_MAX / 4 / width) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, path, 0, "cannot write a picture of %u x %u pixels",
                        width, height);
    }
    Buffer png = { 0 };
    int written = stbi_write_png_to_func(append, &png, (int)width, (int)height, 4, rgba, (int)width * 4);
    Status status;
    if (!written || png.failed) {
        status = diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "no memory to compress the picture");
    } else {
        status = disk_write(path, bytes_of(png.data, png.size), diag);
    }
    free(png.data);
    return status;
}
