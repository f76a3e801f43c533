/* The OpenGL 4.5 renderer: shadow map → scene (opaque, ground, sky, lamps, blended) in linear light with MSAA
 * → resolve, tone mapping and dither into the final framebuffer. */
#include "client/render/renderer_gl.h"
#include "shared/base/log.h"

#include <cglm/cglm.h>
#include <stdlib.h>
#include <string.h>

typedef struct GlRenderer {
    RendererConfig config;
    bool framebuffer_0;
    Device device;
    Programs programs;
    ModelTable models;
    Targets targets;
    ShadowMap shadow;
    DrawList list;
    BlendList blend;
    StreamBuffer frame_buffer, entries, lamps;
    RenderStats stats;
} GlRenderer;

static Status add_model(void *context, const Model *model, RenderModel *out_model, Diag *diag)
{
    GlRenderer *gl = context;
    gl->shadow.drawn = false; /* a slot may be used again: what the map shows is no longer certain */
    return model_table_add(&gl->models, &gl->device, &gl->programs, model, out_model, diag);
}

static void remove_model(void *context, RenderModel model)
{
    GlRenderer *gl = context;
    if (model_table_remove(&gl->models, model)) {
        gl->shadow.drawn = false;
    }
}

static Status set_size(GlRenderer *gl, uint32_t width, uint32_t height, Diag *diag)
{
    uint32_t most = (uint32_t)gl->device.max_texture_size;
    width = width < 1 ? 1 : width > most ? most : width;
    height = height < 1 ? 1 : height > most ? most : height;
    TargetsConfig config = { .width = width,
                             .height = height,
                             .samples = gl->config.samples,
                             .offscreen = !gl->framebuffer_0,
                             .occlusion = !gl->config.no_occlusion };
    return targets_resize(&gl->targets, &config, diag);
}

static void resize(void *context, uint32_t width, uint32_t height)
{
    GlRenderer *gl = context;
    Diag diag;
    if (set_size(gl, width, height, &diag) != STATUS_OK) {
        log_error("render", "cannot draw at %u x %u: %s", width, height, diag.text);
    }
}

static void draw_scene(GlRenderer *gl, const RenderFrame *frame)
{
    static const float far_depth = 1.0F;
    const Targets *targets = &gl->targets;
    glBindFramebuffer(GL_FRAMEBUFFER, targets->scene);
    glViewport(0, 0, (GLsizei)targets->width, (GLsizei)targets->height);
    /* The sky covers whatever else does not: only depth needs clearing. */
    glClearNamedFramebufferfv(targets->scene, GL_DEPTH, 0, &far_depth);
    glBindBufferBase(GL_SHADER_STORAGE_BUFFER, STORAGE_ENTRIES, gl->entries.buffer);
    glBindTextureUnit(UNIT_SHADOW, gl->shadow.depth);
    scene_draw_list(&gl->list, &gl->models, &gl->programs, PASS_OPAQUE, &gl->stats);
    if (frame->lamp_count > 0) {
        scene_draw_lamps(frame, &gl->models, &gl->programs, &gl->lamps, false, &gl->stats);
    }
    if (frame->environment.ground_half > 0.0F) {
        scene_draw_ground(&gl->models, &gl->programs, &gl->stats);
    }
    scene_draw_sky(&gl->models, &gl->programs, &gl->stats);
    glBindBufferBase(GL_SHADER_STORAGE_BUFFER, STORAGE_ENTRIES, gl->entries.buffer);
    scene_draw_blended(&gl->list, &gl->models, &gl->programs, frame->camera.position, &gl->blend, &gl->stats);
    if (frame->lamp_count > 0) {
        scene_draw_lamps(frame, &gl->models, &gl->programs, &gl->lamps, true, &gl->stats);
    }
}

/* Everything the renderer relies on, whatever was drawn before it. */
static void set_state(void)
{
    glDisable(GL_SCISSOR_TEST);
    glDisable(GL_STENCIL_TEST);
    glDisable(GL_BLEND);
    glDisable(GL_FRAMEBUFFER_SRGB);
    glEnable(GL_MULTISAMPLE);
    glEnable(GL_DEPTH_TEST);
    glDepthFunc(GL_LEQUAL);
    glDepthMask(GL_TRUE);
    glColorMask(GL_TRUE, GL_TRUE, GL_TRUE, GL_TRUE);
    glCullFace(GL_BACK);
    glFrontFace(GL_CCW);
    glPolygonMode(GL_FRONT_AND_BACK, GL_FILL);
    for (GLuint unit = 0; unit < UNIT_COUNT; unit++) {
        glBindSampler(unit, 0);
    }
}

static void release_state(void)
{
    glUseProgram(0);
    glBindVertexArray(0);
    glActiveTexture(GL_TEXTURE0);
    glBindTexture(GL_TEXTURE_2D, 0);
}

static void draw(void *context, const RenderFrame *frame)
{
    GlRenderer *gl = context;
    if (!gl->targets.scene) {
        return; /* the last resize failed and said so */
    }
    gl->stats = (RenderStats){ 0 };
    set_state();
    float lod_error = gl->config.lod_error;
    shadow_draw(&gl->shadow, frame, &gl->models, &gl->programs, lod_error, &gl->stats);

    FrameUniforms uniforms;
    float aspect = (float)gl->targets.width / (float)gl->targets.height;
    frame_uniforms(frame, aspect, &gl->shadow.fit, &uniforms);
    stream_write(&gl->frame_buffer, &uniforms, sizeof uniforms);
    glBindBufferBase(GL_UNIFORM_BUFFER, UNIFORM_FRAME, gl->frame_buffer.buffer);

    float tan_y = 0.5F * glm_vec3_norm(uniforms.ray_y);
    DrawView view = { .error_pixels = lod_error, .pixel_scale = 0.5F * (float)gl->targets.height / tan_y };
    frustum_from_matrix(uniforms.view_projection, &view.frustum);
    glm_vec3_copy((float *)frame->camera.position, view.eye);
    if (draw_list_build(&gl->list, frame, &view, model_table_shape, &gl->models) != STATUS_OK) {
        log_error("render", "no memory for the list of %u instances", frame->instance_count);
    }
    stream_write(&gl->entries, gl->list.entries, gl->list.entry_count * sizeof(DrawEntry));
    gl->stats.instances = gl->list.order_count;
    gl->stats.culled = gl->list.culled;
    draw_scene(gl, frame);
    post_draw(&gl->targets, &gl->models, &gl->programs, &gl->stats);
    release_state();
    (void)device_check("a frame");
}

static Status read_pixels(void *context, uint8_t *out_rgba, size_t size)
{
    GlRenderer *gl = context;
    size_t stride = (size_t)gl->targets.width * 4;
    if (!gl->targets.scene || size < stride * gl->targets.height) {
        return STATUS_OUT_OF_RANGE;
    }
    glBindFramebuffer(GL_READ_FRAMEBUFFER, gl->targets.final);
    glPixelStorei(GL_PACK_ALIGNMENT, 4);
    glPixelStorei(GL_PACK_ROW_LENGTH, 0);
    glReadPixels(0, 0, (GLsizei)gl->targets.width, (GLsizei)gl->targets.height, GL_RGBA, GL_UNSIGNED_BYTE,
                 out_rgba);
    if (device_check("reading the picture") != GL_NO_ERROR) {
        return STATUS_DEVICE_ERROR;
    }
    /* OpenGL's first row is the lowest. */
    for (uint32_t low = 0, high = gl->targets.height - 1; low < high; low++, high--) {
        uint8_t *a = out_rgba + low * stride;
        uint8_t *b = out_rgba + high * stride;
        for (size_t i = 0; i < stride; i++) {
            uint8_t kept = a[i];
            a[i] = b[i];
            b[i] = kept;
        }
    }
    return STATUS_OK;
}

static RenderStats stats(const void *context)
{
    const GlRenderer *gl = context;
    return gl->stats;
}

static void destroy(void *context)
{
    GlRenderer *gl = context;
    stream_finish(&gl->frame_buffer);
    stream_finish(&gl->entries);
    stream_finish(&gl->lamps);
    draw_list_finish(&gl->list);
    free(gl->blend.items);
    shadow_destroy(&gl->shadow);
    targets_destroy(&gl->targets);
    model_table_destroy(&gl->models);
    programs_destroy(&gl->programs);
    device_close();
    free(gl);
}

static void fill_config(GlRenderer *gl, const RendererConfig *config)
{
    gl->config = *config;
    /* Someone who looks through a window wants it to move; who takes a picture can wait for it. */
    bool hurry = gl->device.software && gl->framebuffer_0;
    uint32_t samples = config->samples ? config->samples : hurry ? 1 : 4;
    uint32_t most = gl->device.max_samples > 0 ? (uint32_t)gl->device.max_samples : 1;
    gl->config.samples = samples < most ? samples : most;
    uint32_t shadow = config->shadow_size ? config->shadow_size : hurry ? 1024 : 2048;
    uint32_t largest = (uint32_t)gl->device.max_texture_size;
    gl->config.shadow_size = shadow < 16 ? 16 : shadow > largest ? largest : shadow;
    float lod_error = gl->device.software ? 1.25F : 0.75F; /* small triangles are what a CPU is slowest at */
    gl->config.lod_error = config->lod_error < 0.0F   ? 0.0F
                           : config->lod_error > 0.0F ? config->lod_error
                                                      : lod_error;
}

Status renderer_gl_create(const RendererConfig *config, bool framebuffer_0, Renderer *out_renderer,
                          Diag *diag)
{
    static const RendererOps ops = { .add_model = add_model,
                                     .remove_model = remove_model,
                                     .resize = resize,
                                     .draw = draw,
                                     .read_pixels = read_pixels,
                                     .stats = stats,
                                     .destroy = destroy };
    GlRenderer *gl = calloc(1, sizeof *gl);
    if (!gl) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, NULL, 0, "no memory for the renderer");
    }
    gl->framebuffer_0 = framebuffer_0;
    Status status = device_open(&gl->device, config->debug, diag);
    if (status != STATUS_OK) {
        free(gl);
        return status;
    }
    fill_config(gl, config);
    status = programs_create(&gl->programs, gl->config.samples, !config->no_occlusion, diag);
    if (status == STATUS_OK) {
        status = model_table_create(&gl->models, diag);
    }
    if (status == STATUS_OK) {
        status = shadow_create(&gl->shadow, gl->config.shadow_size, diag);
    }
    if (status == STATUS_OK) {
        status =
            set_size(gl, config->width ? config->width : 1280, config->height ? config->height : 720, diag);
    }
    if (status != STATUS_OK) {
        destroy(gl);
        return status;
    }
    *out_renderer = (Renderer){ .ops = &ops, .context = gl };
    return STATUS_OK;
}
