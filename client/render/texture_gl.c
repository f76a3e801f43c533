#include "client/render/renderer_gl.h"

Status texture_create(const Device *device, const ModelImage *image, const char *path, GLuint *out_texture,
                      Diag *diag)
{
    uint32_t largest = image->width > image->height ? image->width : image->height;
    if (largest == 0 || !image->pixels) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, path, 0, "an image without pixels");
    }
    if (largest > (uint32_t)device->max_texture_size) {
        return diag_set(diag, STATUS_CAPACITY, path, 0, "an image is %u x %u pixels, this device takes %d",
                        image->width, image->height, device->max_texture_size);
    }
    GLsizei levels = 1;
    while (largest >> levels) {
        levels++;
    }
    GLuint texture = 0;
    GLsizei width = (GLsizei)image->width;
    GLsizei height = (GLsizei)image->height;
    glCreateTextures(GL_TEXTURE_2D, 1, &texture);
    glTextureStorage2D(texture, levels, image->srgb ? GL_SRGB8_ALPHA8 : GL_RGBA8, width, height);
    glPixelStorei(GL_UNPACK_ALIGNMENT, 4);
    glTextureSubImage2D(texture, 0, 0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE, image->pixels);
    glGenerateTextureMipmap(texture);
    GLint wrap = image->repeat ? GL_REPEAT : GL_CLAMP_TO_EDGE;
    glTextureParameteri(texture, GL_TEXTURE_WRAP_S, wrap);
    glTextureParameteri(texture, GL_TEXTURE_WRAP_T, wrap);
    glTextureParameteri(texture, GL_TEXTURE_MIN_FILTER, GL_LINEAR_MIPMAP_LINEAR);
    glTextureParameteri(texture, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
    if (device->anisotropy > 1.0F) {
        glTextureParameterf(texture, GL_TEXTURE_MAX_ANISOTROPY_EXT, device->anisotropy);
    }
    Status status = device_status(path, "a texture", diag);
    if (status != STATUS_OK) {
        glDeleteTextures(1, &texture);
        return status;
    }
    *out_texture = texture;
    return STATUS_OK;
}
