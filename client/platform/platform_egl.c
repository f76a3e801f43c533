/* Headless: an EGL display that needs no window system. Mesa's surfaceless platform comes first (it works on
 * any machine, in software if need be), then every EGL device (the way in for NVIDIA's driver). */
#include "client/platform/platform_ops.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <stdlib.h>
#include <string.h>

typedef struct EglPlatform {
    EGLDisplay display;
    EGLContext context;
    uint32_t width, height;
    bool polled;
} EglPlatform;

static bool has_extension(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at && (at = strstr(at, name)); at += length) {
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

/* The display stays initialised: the process shares it (eglTerminate would end every other context on it),
 * and drivers do not survive being unloaded and loaded again without losing memory. */
static void close_context(EglPlatform *egl)
{
    if (egl->context != EGL_NO_CONTEXT) {
        eglMakeCurrent(egl->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
        eglDestroyContext(egl->display, egl->context);
    }
    egl->context = EGL_NO_CONTEXT;
    egl->display = EGL_NO_DISPLAY;
}

/* Makes a 4.5 core context on `display` current. On failure *out_why says at what it failed. */
static bool open_context(EglPlatform *egl, EGLDisplay display, bool debug, const char **out_why)
{
    static const EGLint config_attributes[] = { EGL_SURFACE_TYPE, 0, EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT,
                                                EGL_NONE };
    const EGLint context_attributes[] = { EGL_CONTEXT_MAJOR_VERSION,
                                          4,
                                          EGL_CONTEXT_MINOR_VERSION,
                                          5,
                                          EGL_CONTEXT_OPENGL_PROFILE_MASK,
                                          EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT,
                                          EGL_CONTEXT_OPENGL_DEBUG,
                                          debug ? EGL_TRUE : EGL_FALSE,
                                          EGL_NONE };
    EGLConfig config = NULL;
    EGLint count = 0;
    if (display == EGL_NO_DISPLAY || !eglInitialize(display, NULL, NULL)) {
        *out_why = "the EGL display cannot be initialised";
        return false;
    }
    egl->display = display;
    if (!eglBindAPI(EGL_OPENGL_API) || !eglChooseConfig(display, config_attributes, &config, 1, &count) ||
        count < 1) {
        *out_why = "EGL offers no OpenGL configuration";
    } else if ((egl->context = eglCreateContext(display, config, EGL_NO_CONTEXT, context_attributes)) ==
               EGL_NO_CONTEXT) {
        *out_why = "the driver offers no OpenGL 4.5 core context";
    } else if (!eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, egl->context)) {
        *out_why = "the context cannot be used without a surface";
    } else {
        return true;
    }
    close_context(egl);
    return false;
}

static bool open_any(EglPlatform *egl, bool debug, const char **out_why)
{
    const char *extensions = eglQueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS);
    PFNEGLGETPLATFORMDISPLAYEXTPROC get_display =
        (PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");
    *out_why = "EGL knows no platform without a window system";
    if (!get_display || !has_extension(extensions, "EGL_EXT_platform_base")) {
        return false;
    }
    if (has_extension(extensions, "EGL_MESA_platform_surfaceless") &&
        open_context(egl, get_display(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL), debug,
                     out_why)) {
        return true;
    }
    PFNEGLQUERYDEVICESEXTPROC query_devices =
        (PFNEGLQUERYDEVICESEXTPROC)eglGetProcAddress("eglQueryDevicesEXT");
    if (!query_devices || !has_extension(extensions, "EGL_EXT_platform_device")) {
        return false;
    }
    EGLDeviceEXT devices[16];
    EGLint count = 0;
    if (!query_devices(16, devices, &count)) {
        return false;
    }
    for (EGLint i = 0; i < count; i++) {
        if (open_context(egl, get_display(EGL_PLATFORM_DEVICE_EXT, devices[i], NULL), debug, out_why)) {
            return true;
        }
    }
    return false;
}

static void poll(void *context, PlatformInput *out_input)
{
    EglPlatform *egl = context;
    out_input->width = egl->width;
    out_input->height = egl->height;
    out_input->resized = !egl->polled;
    egl->polled = true;
}

static void present(void *context)
{
    (void)context;
}

static void *window(void *context)
{
    (void)context;
    return NULL;
}

static void set_title(void *context, const char *title)
{
    (void)context;
    (void)title;
}

static void set_event_hook(void *context, PlatformEventHook hook, void *hook_context)
{
    (void)context;
    (void)hook;
    (void)hook_context;
}

static void destroy(void *context)
{
    EglPlatform *egl = context;
    close_context(egl);
    eglReleaseThread();
    free(egl);
}

Status platform_egl_create(const PlatformConfig *config, Platform *out_platform, Diag *diag)
{
    static const PlatformOps ops = { .poll = poll,
                                     .present = present,
                                     .window = window,
                                     .set_title = set_title,
                                     .set_event_hook = set_event_hook,
                                     .destroy = destroy };
    EglPlatform *egl = calloc(1, sizeof *egl);
    if (!egl) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, NULL, 0, "no memory for the platform");
    }
    egl->display = EGL_NO_DISPLAY;
    egl->context = EGL_NO_CONTEXT;
    egl->width = config->width;
    egl->height = config->height;
    const char *why = NULL;
    if (!open_any(egl, config->debug, &why)) {
        free(egl);
        return diag_set(diag, STATUS_DEVICE_ERROR, NULL, 0,
                        "cannot draw without a display: %s (is a Mesa or NVIDIA EGL driver installed?)", why);
    }
    Status status = platform_load_gl(true, diag);
    if (status != STATUS_OK) {
        destroy(egl);
        return status;
    }
    *out_platform = (Platform){ .ops = &ops, .context = egl };
    return STATUS_OK;
}
