#include "client/platform/platform_ops.h"

#include <GL/glew.h>

Status platform_load_gl(bool without_glx, Diag *diag)
{
    glewExperimental = GL_TRUE;
    GLenum error = glewInit();
    if (error != GLEW_OK && !(without_glx && error == GLEW_ERROR_NO_GLX_DISPLAY)) {
        return diag_set(diag, STATUS_DEVICE_ERROR, NULL, 0, "cannot load OpenGL functions: %s",
                        (const char *)glewGetErrorString(error));
    }
    GLint major = 0;
    GLint minor = 0;
    glGetIntegerv(GL_MAJOR_VERSION, &major);
    glGetIntegerv(GL_MINOR_VERSION, &minor);
    (void)glGetError(); /* a context older than 3.0 knows neither */
    if (major * 10 + minor < 45) {
        const GLubyte *version = glGetString(GL_VERSION);
        return diag_set(diag, STATUS_DEVICE_ERROR, NULL, 0, "OpenGL 4.5 is needed, this display offers %s",
                        version ? (const char *)version : "none");
    }
    return STATUS_OK;
}
