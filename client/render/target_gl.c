/* The scene's high-range target and, without a window, the final picture. */
#include "client/render/renderer_gl.h"

static Status check(GLuint framebuffer, const char *what, Diag *diag)
{
    GLenum state = glCheckNamedFramebufferStatus(framebuffer, GL_FRAMEBUFFER);
    if (state != GL_FRAMEBUFFER_COMPLETE) {
        (void)device_check(what);
        return diag_set(diag, STATUS_DEVICE_ERROR, NULL, 0, "the driver refuses %s (0x%04x)", what, state);
    }
    return device_status(NULL, what, diag);
}

static void create_texture(GLuint *out_texture, GLenum format, const Targets *targets)
{
    GLsizei width = (GLsizei)targets->width;
    GLsizei height = (GLsizei)targets->height;
    if (targets->samples > 1) {
        glCreateTextures(GL_TEXTURE_2D_MULTISAMPLE, 1, out_texture);
        glTextureStorage2DMultisample(*out_texture, (GLsizei)targets->samples, format, width, height,
                                      GL_TRUE);
    } else {
        glCreateTextures(GL_TEXTURE_2D, 1, out_texture);
        glTextureStorage2D(*out_texture, 1, format, width, height);
    }
}

Status targets_resize(Targets *targets, uint32_t width, uint32_t height, uint32_t samples, bool offscreen,
                      Diag *diag)
{
    if (targets->scene && targets->width == width && targets->height == height &&
        targets->samples == samples) {
        return STATUS_OK;
    }
    targets_destroy(targets);
    targets->width = width;
    targets->height = height;
    targets->samples = samples;
    create_texture(&targets->scene_color, GL_RGBA16F, targets);
    create_texture(&targets->scene_depth, GL_DEPTH_COMPONENT32F, targets);
    glCreateFramebuffers(1, &targets->scene);
    glNamedFramebufferTexture(targets->scene, GL_COLOR_ATTACHMENT0, targets->scene_color, 0);
    glNamedFramebufferTexture(targets->scene, GL_DEPTH_ATTACHMENT, targets->scene_depth, 0);
    Status status = check(targets->scene, "the scene's target", diag);
    if (status == STATUS_OK && offscreen) {
        glCreateTextures(GL_TEXTURE_2D, 1, &targets->final_color);
        glTextureStorage2D(targets->final_color, 1, GL_RGBA8, (GLsizei)width, (GLsizei)height);
        glCreateFramebuffers(1, &targets->final);
        glNamedFramebufferTexture(targets->final, GL_COLOR_ATTACHMENT0, targets->final_color, 0);
        status = check(targets->final, "the final picture", diag);
    }
    if (status != STATUS_OK) {
        targets_destroy(targets);
    }
    return status;
}

void targets_destroy(Targets *targets)
{
    const GLuint framebuffers[] = { targets->scene, targets->final };
    const GLuint textures[] = { targets->scene_color, targets->scene_depth, targets->final_color };
    glDeleteFramebuffers(2, framebuffers);
    glDeleteTextures(3, textures);
    *targets = (Targets){ 0 };
}
