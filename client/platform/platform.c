#include "client/platform/platform.h"

#include "client/platform/platform_ops.h"

#include <stdlib.h>

#define CONTROL_NAME(name, config, keys, text) [CONTROL_##name] = config,
#define CONTROL_KEYS(name, config, keys, text) [CONTROL_##name] = keys,
#define CONTROL_TEXT(name, config, keys, text) [CONTROL_##name] = text,

const char *control_name(Control control)
{
    static const char *const names[CONTROL_COUNT] = { CONTROL_TABLE(CONTROL_NAME) };
    return (unsigned)control < CONTROL_COUNT ? names[control] : "unknown";
}

const char *control_default_keys(Control control)
{
    static const char *const keys[CONTROL_COUNT] = { CONTROL_TABLE(CONTROL_KEYS) };
    return (unsigned)control < CONTROL_COUNT ? keys[control] : "";
}

const char *control_text(Control control)
{
    static const char *const texts[CONTROL_COUNT] = { CONTROL_TABLE(CONTROL_TEXT) };
    return (unsigned)control < CONTROL_COUNT ? texts[control] : "unknown";
}

Status platform_create(const PlatformConfig *config, Platform **out_platform, Diag *diag)
{
    PlatformConfig filled = *config;
    filled.title = config->title ? config->title : "dtmv";
    filled.width = config->width ? config->width : 1280;
    filled.height = config->height ? config->height : 720;
    Platform *platform = calloc(1, sizeof *platform);
    if (!platform) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, NULL, 0, "no memory for the platform");
    }
    Status status = filled.headless ? platform_egl_create(&filled, platform, diag)
                                    : platform_sdl_create(&filled, platform, diag);
    if (status != STATUS_OK) {
        free(platform);
        return status;
    }
    *out_platform = platform;
    return STATUS_OK;
}

void platform_destroy(Platform *platform)
{
    if (!platform) {
        return;
    }
    platform->ops->destroy(platform->context);
    free(platform);
}

void platform_poll(Platform *platform, PlatformInput *out_input)
{
    *out_input = (PlatformInput){ .scale = 1.0F };
    platform->ops->poll(platform->context, out_input);
}

void platform_present(Platform *platform)
{
    platform->ops->present(platform->context);
}

void *platform_window(Platform *platform)
{
    return platform->ops->window(platform->context);
}

void platform_set_menu(Platform *platform, bool open)
{
    if (platform->ops->set_menu != NULL) {
        platform->ops->set_menu(platform->context, open);
    }
}

void platform_set_title(Platform *platform, const char *title)
{
    platform->ops->set_title(platform->context, title);
}

void platform_set_event_hook(Platform *platform, PlatformEventHook hook, void *context)
{
    platform->ops->set_event_hook(platform->context, hook, context);
}
