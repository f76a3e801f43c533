/* What the OpenGL context offers, and what it complains about. */
#include "client/render/renderer_gl.h"
#include "shared/base/log.h"

#include <string.h>

enum { SEEN_MESSAGES = 64 };

/* Drivers repeat themselves every frame: each message is logged once. One GL context a process, so static. */
static struct {
    GLuint ids[SEEN_MESSAGES];
    GLenum types[SEEN_MESSAGES];
    unsigned count;
} seen;

static bool seen_before(GLuint id, GLenum type)
{
    for (unsigned i = 0; i < seen.count; i++) {
        if (seen.ids[i] == id && seen.types[i] == type) {
            return true;
        }
    }
    if (seen.count == SEEN_MESSAGES) {
        return true; /* enough said */
    }
    seen.ids[seen.count] = id;
    seen.types[seen.count] = type;
    seen.count++;
    return false;
}

static void GLAPIENTRY on_message(GLenum source, GLenum type, GLuint id, GLenum severity, GLsizei length,
                                  const GLchar *text, const void *context)
{
    (void)source;
    (void)context;
    if (severity == GL_DEBUG_SEVERITY_NOTIFICATION || seen_before(id, type)) {
        return;
    }
    int size = length > 0 ? (int)length : (int)strlen(text);
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r')) {
        size--;
    }
    log_warning("gl", "%.*s", size, text);
}

static Status require(bool there, const char *what, const char *renderer, Diag *diag)
{
    if (there) {
        return STATUS_OK;
    }
    return diag_set(diag, STATUS_UNSUPPORTED, NULL, 0, "the graphics driver (%s) lacks %s", renderer, what);
}

Status device_open(Device *device, bool debug, Diag *diag)
{
    const char *renderer = (const char *)glGetString(GL_RENDERER);
    if (!renderer) {
        return diag_set(diag, STATUS_DEVICE_ERROR, NULL, 0, "there is no current OpenGL context");
    }
    GLint major = 0;
    GLint minor = 0;
    GLint blocks = 0;
    glGetIntegerv(GL_MAJOR_VERSION, &major);
    glGetIntegerv(GL_MINOR_VERSION, &minor);
    glGetIntegerv(GL_MAX_VERTEX_SHADER_STORAGE_BLOCKS, &blocks);
    glGetIntegerv(GL_MAX_TEXTURE_SIZE, &device->max_texture_size);
    glGetIntegerv(GL_UNIFORM_BUFFER_OFFSET_ALIGNMENT, &device->uniform_alignment);
    GLint color_samples = 1;
    GLint depth_samples = 1;
    glGetIntegerv(GL_MAX_COLOR_TEXTURE_SAMPLES, &color_samples);
    glGetIntegerv(GL_MAX_DEPTH_TEXTURE_SAMPLES, &depth_samples);
    device->max_samples = color_samples < depth_samples ? color_samples : depth_samples;
    (void)glGetError();
    Status status = require(major * 10 + minor >= 45, "OpenGL 4.5", renderer, diag);
    if (status == STATUS_OK) {
        status = require(blocks >= 1, "storage buffers in vertex shaders", renderer, diag);
    }
    if (status != STATUS_OK) {
        return status;
    }
    device->software =
        strstr(renderer, "llvmpipe") || strstr(renderer, "softpipe") || strstr(renderer, "SWR");
    device->anisotropy = 1.0F; /* in software even 2 makes a textured scene seven times slower */
    if (GLEW_EXT_texture_filter_anisotropic || GLEW_ARB_texture_filter_anisotropic) {
        GLfloat most = 1.0F;
        glGetFloatv(GL_MAX_TEXTURE_MAX_ANISOTROPY_EXT, &most);
        device->anisotropy = device->software ? 1.0F : most < 8.0F ? most : 8.0F;
    }
    seen.count = 0;
    glDebugMessageCallback(on_message, NULL);
    glEnable(GL_DEBUG_OUTPUT);
    if (debug) {
        glEnable(GL_DEBUG_OUTPUT_SYNCHRONOUS);
    }
    log_info("render", "OpenGL %d.%d on %s", major, minor, renderer);
    return STATUS_OK;
}

void device_close(void)
{
    glDebugMessageCallback(NULL, NULL);
    glDisable(GL_DEBUG_OUTPUT);
}

GLenum device_check(const char *where)
{
    GLenum first = GL_NO_ERROR;
    for (int i = 0; i < 16; i++) { /* a lost context reports for ever */
        GLenum error = glGetError();
        if (error == GL_NO_ERROR) {
            break;
        }
        first = first == GL_NO_ERROR ? error : first;
        if (!seen_before(error, GL_NO_ERROR)) {
            log_warning("gl", "error 0x%04x in %s", error, where);
        }
    }
    return first;
}

Status device_status(const char *path, const char *what, Diag *diag)
{
    GLenum error = device_check(what);
    if (error == GL_NO_ERROR) {
        return STATUS_OK;
    }
    if (error == GL_OUT_OF_MEMORY) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "no graphics memory for %s", what);
    }
    return diag_set(diag, STATUS_DEVICE_ERROR, path, 0, "OpenGL error 0x%04x while creating %s", error, what);
}

void stream_write(StreamBuffer *stream, const void *data, size_t size)
{
    if (stream->buffer == 0) {
        glCreateBuffers(1, &stream->buffer);
    }
    if (size > stream->capacity) {
        stream->capacity = size + size / 2;
        glNamedBufferData(stream->buffer, (GLsizeiptr)stream->capacity, NULL, GL_STREAM_DRAW);
    } else {
        glInvalidateBufferData(stream->buffer);
    }
    if (size > 0) {
        glNamedBufferSubData(stream->buffer, 0, (GLsizeiptr)size, data);
    }
}

void stream_finish(StreamBuffer *stream)
{
    glDeleteBuffers(1, &stream->buffer);
    *stream = (StreamBuffer){ 0 };
}
