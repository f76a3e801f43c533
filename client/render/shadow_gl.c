/* The sun's shadow map; drawn again only when it would come out differently. */
#include "client/render/renderer_gl.h"

#include <string.h>

Status shadow_create(ShadowMap *shadow, uint32_t size, Diag *diag)
{
    shadow->size = size;
    glCreateTextures(GL_TEXTURE_2D, 1, &shadow->depth);
    glTextureStorage2D(shadow->depth, 1, GL_DEPTH_COMPONENT32F, (GLsizei)size, (GLsizei)size);
    glTextureParameteri(shadow->depth, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
    glTextureParameteri(shadow->depth, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
    glTextureParameteri(shadow->depth, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
    glTextureParameteri(shadow->depth, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
    glTextureParameteri(shadow->depth, GL_TEXTURE_COMPARE_MODE, GL_COMPARE_REF_TO_TEXTURE);
    glTextureParameteri(shadow->depth, GL_TEXTURE_COMPARE_FUNC, GL_LEQUAL);
    glCreateFramebuffers(1, &shadow->framebuffer);
    glNamedFramebufferTexture(shadow->framebuffer, GL_DEPTH_ATTACHMENT, shadow->depth, 0);
    glNamedFramebufferDrawBuffer(shadow->framebuffer, GL_NONE);
    glNamedFramebufferReadBuffer(shadow->framebuffer, GL_NONE);
    if (glCheckNamedFramebufferStatus(shadow->framebuffer, GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE) {
        return diag_set(diag, STATUS_DEVICE_ERROR, NULL, 0, "the driver refuses a shadow map of %u x %u",
                        size, size);
    }
    return device_status(NULL, "the shadow map", diag);
}

void shadow_destroy(ShadowMap *shadow)
{
    glDeleteFramebuffers(1, &shadow->framebuffer);
    glDeleteTextures(1, &shadow->depth);
    stream_finish(&shadow->entries);
    draw_list_finish(&shadow->list);
    *shadow = (ShadowMap){ 0 };
}

static uint64_t hash_fit(uint64_t hash, const ShadowFit *fit)
{
    for (int column = 0; column < 4; column++) {
        uint32_t words[4];
        memcpy(words, fit->view_projection[column], sizeof words);
        for (int i = 0; i < 4; i++) {
            hash = (hash ^ words[i]) * 0x100000001B3U;
        }
    }
    return hash;
}

static void draw_casters(const ShadowMap *shadow, const ModelTable *table, const Programs *programs,
                         RenderStats *stats)
{
    static const float far_depth = 1.0F;
    glBindFramebuffer(GL_FRAMEBUFFER, shadow->framebuffer);
    glViewport(0, 0, (GLsizei)shadow->size, (GLsizei)shadow->size);
    glEnable(GL_DEPTH_TEST);
    glDepthFunc(GL_LEQUAL);
    glDepthMask(GL_TRUE);
    glEnable(GL_DEPTH_CLAMP);
    glEnable(GL_POLYGON_OFFSET_FILL);
    glPolygonOffset(1.5F, 2.0F);
    glClearNamedFramebufferfv(shadow->framebuffer, GL_DEPTH, 0, &far_depth);
    glProgramUniformMatrix4fv(programs->depth, 1, 1, GL_FALSE, shadow->fit.view_projection[0]);
    glProgramUniformMatrix4fv(programs->depth_mask, 1, 1, GL_FALSE, shadow->fit.view_projection[0]);
    glBindBufferBase(GL_SHADER_STORAGE_BUFFER, STORAGE_ENTRIES, shadow->entries.buffer);
    scene_draw_list(&shadow->list, table, programs, PASS_DEPTH, stats);
    glDisable(GL_POLYGON_OFFSET_FILL);
    glDisable(GL_DEPTH_CLAMP);
}

void shadow_draw(ShadowMap *shadow, const RenderFrame *frame, const ModelTable *table,
                 const Programs *programs, float lod_error, RenderStats *stats)
{
    shadow_fit(&frame->environment, shadow->size, &shadow->fit);
    DrawView view = { .casters_only = true, .error_pixels = lod_error, .pixel_size = shadow->fit.texel };
    frustum_from_matrix(shadow->fit.view_projection, &view.frustum);
    /* Casters between the map and the sun count however far they are: the near plane is no bound. */
    view.frustum.planes[4][3] = 1e9F;
    if (draw_list_build(&shadow->list, frame, &view, model_table_shape, table) != STATUS_OK) {
        return;
    }
    uint64_t hash = hash_fit(draw_list_hash(&shadow->list), &shadow->fit);
    if (shadow->drawn && hash == shadow->drawn_hash) {
        return;
    }
    stream_write(&shadow->entries, shadow->list.entries, shadow->list.entry_count * sizeof(DrawEntry));
    draw_casters(shadow, table, programs, stats);
    shadow->drawn = true;
    shadow->drawn_hash = hash;
}
