/* platform.h - a place to draw and where input comes from: a window (SDL2) or nothing (EGL surfaceless).
 * One owner, on the main thread. */
#ifndef CLIENT_PLATFORM_PLATFORM_H
#define CLIENT_PLATFORM_PLATFORM_H
#include "shared/base/diag.h"
#include "shared/base/time.h"

#include <stdbool.h>
#include <stdint.h>

/* What the person wants, named by meaning: keys are mapped to it in keymap (dtmv.ini). */
typedef enum Control {
    CONTROL_FORWARD,
    CONTROL_BACK,
    CONTROL_LEFT,
    CONTROL_RIGHT,
    CONTROL_RUN,
    CONTROL_TURN_LEFT,
    CONTROL_TURN_RIGHT,
    CONTROL_LOOK_UP,
    CONTROL_LOOK_DOWN,
    CONTROL_CAMERA, /* switch first person / orbit */
    CONTROL_HUD,    /* show or hide figures */
    CONTROL_LABELS, /* show or hide labels */
    CONTROL_HELP,   /* show or hide the key list */
    CONTROL_SCREENSHOT,
    CONTROL_QUIT,
    CONTROL_COUNT
} Control;

typedef struct PlatformInput {
    bool held[CONTROL_COUNT];    /* down now */
    bool pressed[CONTROL_COUNT]; /* went down since the last poll */
    float look_x, look_y;        /* mouse motion while looking, pixels, right and down positive */
    float zoom;                  /* wheel steps, away from the user positive */
    float mouse_x, mouse_y;      /* pixels */
    bool mouse_left, mouse_right;
    bool quit; /* window closed or signal */
    bool resized;
    uint32_t width, height; /* drawable size now, pixels */
    float scale;            /* UI scale of the display; 1 at 96 dpi */
} PlatformInput;

typedef struct Platform Platform; /* opaque */

typedef struct PlatformConfig {
    const char *title;
    uint32_t width, height; /* 0: 1280 × 720 */
    bool headless;
    bool vsync;
    bool debug; /* GL debug context */
} PlatformConfig;

/* A current OpenGL 4.5 core context with functions loaded. STATUS_DEVICE_ERROR (no display, no such GL) with
 * a `diag` that says what to do ("no display: use --headless"). */
NODISCARD Status platform_create(const PlatformConfig *config, Platform **out_platform, Diag *diag);
void platform_destroy(Platform *platform);

/* Processes pending events. Headless: nothing is ever pressed. */
void platform_poll(Platform *platform, PlatformInput *out_input);

/* Shows the frame (no effect headless). */
void platform_present(Platform *platform);

/* The SDL_Window behind it, or NULL headless (for the UI's input). */
void *platform_window(Platform *platform);

/* Called with every SDL_Event before it is interpreted (the UI's hook); returns true to keep it from the
 * controls. */
typedef bool (*PlatformEventHook)(void *context, const void *sdl_event);
void platform_set_event_hook(Platform *platform, PlatformEventHook hook, void *context);

/* Writes RGBA8 pixels, row 0 on top, as PNG (atomically: temporary file and rename). */
NODISCARD Status capture_png(const char *path, const uint8_t *rgba, uint32_t width, uint32_t height,
                             Diag *diag);

#endif
