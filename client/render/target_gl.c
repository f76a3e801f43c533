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

/* A texture with one level and a framebuffer around it. */
static Status create_plain(GLuint *out_framebuffer, GLuint *out_texture, GLenum format, uint32_t width,
                           uint32_t height, const char *what, Diag *diag)
{
    glCreateTextures(GL_TEXTURE_2D, 1, out_texture);
    glTextureStorage2D(*out_texture, 1, format, (GLsizei)width, (GLsizei)height);
    glTextureParameteri(*out_texture, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
    glTextureParameteri(*out_texture, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
    glTextureParameteri(*out_texture, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
    glCreateFramebuffers(1, out_framebuffer);
    glNamedFramebufferTexture(*out_framebuffer, GL_COLOR_ATTACHMENT0, *out_texture, 0);
    return check(*out_framebuffer, what, diag);
}

Status targets_resize(Targets *targets, const TargetsConfig *config, Diag *diag)
{
    if (targets->scene && targets->width == config->width && targets->height == config->height &&
        targets->samples == config->samples) {
        return STATUS_OK;
    }
    targets_destroy(targets);
    targets->width = config->width;
    targets->height = config->height;
    targets->samples = config->samples;
    create_texture(&targets->scene_color, GL_RGBA16F, targets);
    create_texture(&targets->scene_depth, GL_DEPTH_COMPONENT32F, targets);
    glCreateFramebuffers(1, &targets->scene);
    glNamedFramebufferTexture(targets->scene, GL_COLOR_ATTACHMENT0, targets->scene_color, 0);
    glNamedFramebufferTexture(targets->scene, GL_DEPTH_ATTACHMENT, targets->scene_depth, 0);
    Status status = check(targets->scene, "the scene's target", diag);
    if (status == STATUS_OK && config->offscreen) {
        status = create_plain(&targets->final, &targets->final_color, GL_RGBA8, config->width, config->height,
                              "the final picture", diag);
    }
    for (int i = 0; status == STATUS_OK && config->occlusion && i < 2; i++) {
        status = create_plain(&targets->occlusion[i], &targets->occlusion_color[i], GL_RG16F,
                              (config->width + 1) / 2, (config->height + 1) / 2, "the occlusion", diag);
    }
    if (status != STATUS_OK) {
        targets_destroy(targets);
    }
    return status;
}

void targets_destroy(Targets *targets)
{
    const GLuint framebuffers[] = { targets->scene, targets->final, targets->occlusion[0],
                                    targets->occlusion[1] };
    const GLuint textures[] = { targets->scene_color, targets->scene_depth, targets->final_color,
                                targets->occlusion_color[0], targets->occlusion_color[1] };
    glDeleteFramebuffers(sizeof framebuffers / sizeof framebuffers[0], framebuffers);
    glDeleteTextures(sizeof textures / sizeof textures[0], textures);
    *targets = (Targets){ 0 };
}
