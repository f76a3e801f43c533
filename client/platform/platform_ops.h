/* platform_ops.h - what each kind of platform implements; platform.c picks one. Private to this folder. */
#ifndef CLIENT_PLATFORM_PLATFORM_OPS_H
#define CLIENT_PLATFORM_PLATFORM_OPS_H
#include "client/platform/platform.h"

typedef struct PlatformOps {
    void (*poll)(void *context, PlatformInput *out_input);
    void (*present)(void *context);
    void *(*window)(void *context);
    void (*set_menu)(void *context, bool open); /* NULL: there is neither key nor mouse */
    void (*set_title)(void *context, const char *title);
    void (*set_event_hook)(void *context, PlatformEventHook hook, void *hook_context);
    void (*destroy)(void *context);
} PlatformOps;

struct Platform {
    const PlatformOps *ops;
    void *context; /* owned */
};

/* Fill *out_platform and leave a current OpenGL 4.5 core context with functions loaded. Statuses as
 * platform_create; on failure *out_platform is unchanged. `config` has its defaults filled in. */
NODISCARD Status platform_sdl_create(const PlatformConfig *config, Platform *out_platform, Diag *diag);
NODISCARD Status platform_egl_create(const PlatformConfig *config, Platform *out_platform, Diag *diag);

/* Loads the functions of the current context. `without_glx`: the context does not come from GLX, so GLEW's
 * complaint that it has no GLX display is expected. STATUS_DEVICE_ERROR when OpenGL is older than 4.5. */
NODISCARD Status platform_load_gl(bool without_glx, Diag *diag);

#endif
