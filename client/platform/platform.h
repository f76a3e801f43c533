/* platform.h - a place to draw and where input comes from: a window (SDL2) or nothing (EGL surfaceless).
 * One owner, on the main thread. */
#ifndef CLIENT_PLATFORM_PLATFORM_H
#define CLIENT_PLATFORM_PLATFORM_H
#include "shared/base/diag.h"
#include "shared/base/time.h"

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, config name, default keys, text): what the person wants, named by meaning. Keys are SDL scancode
 * names (the place on the keyboard, whatever is printed on it), several separated by ','. */
#define CONTROL_TABLE(X)                                       \
    X(FORWARD, "forward", "W, Up", "walk forward")             \
    X(BACK, "back", "S, Down", "walk back")                    \
    X(LEFT, "left", "A", "walk left")                          \
    X(RIGHT, "right", "D", "walk right")                       \
    X(RUN, "run", "Left Shift, Right Shift", "run")            \
    X(TURN_LEFT, "turn-left", "Left", "turn left")             \
    X(TURN_RIGHT, "turn-right", "Right", "turn right")         \
    X(LOOK_UP, "look-up", "PageUp", "look up")                 \
    X(LOOK_DOWN, "look-down", "PageDown", "look down")         \
    X(CAMERA, "camera", "C", "switch first person / orbit")    \
    X(OPERATE, "operate", "E", "operate what is looked at")    \
    X(MODEL, "model", "M", "show or hide the systems at work") \
    X(HUD, "hud", "H", "show or hide figures")                 \
    X(LABELS, "labels", "L", "show or hide labels")            \
    X(HELP, "help", "F1", "show or hide the key list")         \
    X(SCREENSHOT, "screenshot", "F12", "save a picture")       \
    X(QUIT, "quit", "Escape", "release the mouse, then quit")

typedef enum Control {
#define CONTROL_ENUM(name, config, keys, text) CONTROL_##name,
    CONTROL_TABLE(CONTROL_ENUM)
#undef CONTROL_ENUM
        CONTROL_COUNT
} Control;

/* "forward": the control's name in dtmv.ini; "W, Up": its default keys; "walk forward": what it does. Never
 * NULL, static storage. */
const char *control_name(Control control);
const char *control_default_keys(Control control);
const char *control_text(Control control);

/* While a menu is open: keys by what they are in every menu, repeats included, and text as it is typed. */
typedef struct PlatformMenuKeys {
    bool up, down, left, right, enter, cancel, erase;
    bool clicked;   /* the left button went down */
    char typed[32]; /* UTF-8 */
} PlatformMenuKeys;

typedef struct PlatformInput {
    bool held[CONTROL_COUNT];    /* down now */
    bool pressed[CONTROL_COUNT]; /* went down since the last poll */
    float look_x, look_y;        /* mouse motion while looking, pixels, right and down positive */
    float zoom;                  /* wheel steps, away from the user positive */
    float mouse_x, mouse_y;      /* pixels */
    bool mouse_left, mouse_right;
    PlatformMenuKeys menu; /* since the last poll; nothing while no menu is open */
    bool quit;             /* window closed or signal */
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
    /* CONTROL_COUNT lists of keys as in CONTROL_TABLE, or NULL: the defaults. A NULL entry keeps that
     * control's default, "" leaves it without a key. Borrowed for platform_create. */
    const char *const *keys;
} PlatformConfig;

/* A current OpenGL 4.5 core context with functions loaded. STATUS_DEVICE_ERROR (no display, no such GL) with
 * a `diag` that says what to do ("no display: set DISPLAY or run with --headless"); STATUS_INVALID_ARGUMENT
 * for a key that does not exist. On failure *out_platform is unchanged. */
NODISCARD Status platform_create(const PlatformConfig *config, Platform **out_platform, Diag *diag);
void platform_destroy(Platform *platform);

/* Processes pending events. Headless: nothing is ever pressed. The mouse looks around while it is captured:
 * from a left click in the scene until CONTROL_QUIT releases it, and as long as the right button is held. */
void platform_poll(Platform *platform, PlatformInput *out_input);

/* Shows the frame (no effect headless). */
void platform_present(Platform *platform);

/* While a menu is open, keys and clicks are for it: no control is held or pressed, and the mouse stays free.
 */
void platform_set_menu(Platform *platform, bool open);

/* The words on the window's frame (no effect headless). */
void platform_set_title(Platform *platform, const char *title);

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
