/* A window with an OpenGL 4.5 core context, and its keyboard and mouse. */
#include "client/platform/keymap_sdl.h"
#include "client/platform/platform_ops.h"
#include "shared/base/log.h"

#include <SDL2/SDL.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct SdlPlatform {
    SDL_Window *window;
    SDL_GLContext context;
    Keymap keymap;
    PlatformEventHook hook;
    void *hook_context;
    PlatformInput input; /* what is held; the rest is cleared by each poll */
    bool captured;       /* by a click, until CONTROL_QUIT */
    bool looking;        /* relative mouse mode is on */
    bool menu;           /* one is open */
    bool polled;
} SdlPlatform;

static void set_looking(SdlPlatform *sdl)
{
    bool wanted = sdl->captured || sdl->input.mouse_right;
    if (wanted != sdl->looking && SDL_SetRelativeMouseMode(wanted ? SDL_TRUE : SDL_FALSE) == 0) {
        sdl->looking = wanted;
    }
}

static void release_all(SdlPlatform *sdl)
{
    memset(sdl->input.held, 0, sizeof sdl->input.held);
    sdl->input.mouse_left = false;
    sdl->input.mouse_right = false;
    sdl->captured = false;
}

static void key_down(SdlPlatform *sdl, SDL_Scancode code)
{
    unsigned control = (unsigned)code < SDL_NUM_SCANCODES ? sdl->keymap.control[code] : CONTROL_COUNT;
    if (control == CONTROL_COUNT) {
        return;
    }
    if (control == CONTROL_QUIT && sdl->captured) {
        sdl->captured = false;
        return;
    }
    sdl->input.held[control] = true;
    sdl->input.pressed[control] = true;
}

/* A key let go is let go even when the UI took the event: nobody should walk on for ever. */
static void key_up(SdlPlatform *sdl, SDL_Scancode code)
{
    if ((unsigned)code < SDL_NUM_SCANCODES && sdl->keymap.control[code] < CONTROL_COUNT) {
        sdl->input.held[sdl->keymap.control[code]] = false;
    }
}

static bool is_control(const SdlPlatform *sdl, SDL_Scancode code, Control control)
{
    return (unsigned)code < SDL_NUM_SCANCODES && sdl->keymap.control[code] == (uint8_t)control;
}

/* Repeats count: a value goes up for as long as the key is held. */
static void menu_key(PlatformMenuKeys *keys, SDL_Keycode key)
{
    keys->up |= key == SDLK_UP;
    keys->down |= key == SDLK_DOWN;
    keys->left |= key == SDLK_LEFT;
    keys->right |= key == SDLK_RIGHT;
    keys->enter |= key == SDLK_RETURN || key == SDLK_KP_ENTER;
    keys->cancel |= key == SDLK_ESCAPE;
    keys->erase |= key == SDLK_BACKSPACE;
}

static void type_text(PlatformMenuKeys *keys, const char *text)
{
    size_t used = strlen(keys->typed);
    if (strlen(text) < sizeof keys->typed - used) {
        memcpy(keys->typed + used, text, strlen(text) + 1);
    }
}

static void mouse_button(SdlPlatform *sdl, const SDL_MouseButtonEvent *event, bool taken)
{
    bool down = event->type == SDL_MOUSEBUTTONDOWN;
    if (sdl->menu && down) {
        sdl->input.menu.clicked |= event->button == SDL_BUTTON_LEFT;
        return;
    }
    if (taken && down) {
        return;
    }
    if (event->button == SDL_BUTTON_LEFT) {
        sdl->input.mouse_left = down;
        sdl->captured = sdl->captured || down;
    } else if (event->button == SDL_BUTTON_RIGHT) {
        sdl->input.mouse_right = down;
    }
}

static void handle(SdlPlatform *sdl, const SDL_Event *event)
{
    bool taken = sdl->hook && sdl->hook(sdl->hook_context, event);
    switch (event->type) {
    case SDL_QUIT:
        sdl->input.quit = true;
        break;
    case SDL_WINDOWEVENT:
        if (event->window.event == SDL_WINDOWEVENT_FOCUS_LOST) {
            release_all(sdl);
        }
        break;
    case SDL_TEXTINPUT:
        if (sdl->menu) {
            type_text(&sdl->input.menu, event->text.text);
        }
        break;
    case SDL_KEYDOWN:
        if (sdl->menu) {
            menu_key(&sdl->input.menu, event->key.keysym.sym);
            sdl->input.pressed[CONTROL_SCREENSHOT] |=
                is_control(sdl, event->key.keysym.scancode, CONTROL_SCREENSHOT);
        } else if (!taken && !event->key.repeat) {
            key_down(sdl, event->key.keysym.scancode);
        }
        break;
    case SDL_KEYUP:
        key_up(sdl, event->key.keysym.scancode);
        break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
        mouse_button(sdl, &event->button, taken);
        break;
    case SDL_MOUSEMOTION:
        if (sdl->looking) {
            sdl->input.look_x += (float)event->motion.xrel;
            sdl->input.look_y += (float)event->motion.yrel;
        }
        break;
    case SDL_MOUSEWHEEL:
        if (!taken) {
            sdl->input.zoom += event->wheel.preciseY;
        }
        break;
    default:
        break;
    }
}

/* UI scale: what the desktop says (drawable over window), else what the pixel density asks for, in half steps
 * so that ordinary monitors stay at 1. */
static float display_scale(SdlPlatform *sdl, float pixel_ratio)
{
    if (pixel_ratio > 1.01F) {
        return pixel_ratio;
    }
    float dpi = 0.0F;
    int display = SDL_GetWindowDisplayIndex(sdl->window);
    if (display < 0 || SDL_GetDisplayDPI(display, &dpi, NULL, NULL) != 0) {
        return 1.0F;
    }
    float scale = floorf(dpi / 96.0F * 2.0F) / 2.0F;
    return scale < 1.5F ? 1.0F : fminf(scale, 3.0F);
}

static void read_size(SdlPlatform *sdl)
{
    int width = 0;
    int height = 0;
    int window_width = 0;
    int window_height = 0;
    int mouse_x = 0;
    int mouse_y = 0;
    SDL_GL_GetDrawableSize(sdl->window, &width, &height);
    SDL_GetWindowSize(sdl->window, &window_width, &window_height);
    (void)SDL_GetMouseState(&mouse_x, &mouse_y);
    uint32_t new_width = width > 0 ? (uint32_t)width : 1;
    uint32_t new_height = height > 0 ? (uint32_t)height : 1;
    float ratio = window_width > 0 ? (float)new_width / (float)window_width : 1.0F;
    sdl->input.resized = !sdl->polled || new_width != sdl->input.width || new_height != sdl->input.height;
    sdl->input.width = new_width;
    sdl->input.height = new_height;
    sdl->input.mouse_x = (float)mouse_x * ratio;
    sdl->input.mouse_y = (float)mouse_y * ratio;
    sdl->input.scale = display_scale(sdl, ratio);
}

static void poll(void *context, PlatformInput *out_input)
{
    SdlPlatform *sdl = context;
    memset(sdl->input.pressed, 0, sizeof sdl->input.pressed);
    sdl->input.look_x = 0.0F;
    sdl->input.look_y = 0.0F;
    sdl->input.zoom = 0.0F;
    sdl->input.menu = (PlatformMenuKeys){ .clicked = false };
    SDL_Event event;
    while (SDL_PollEvent(&event)) {
        handle(sdl, &event);
    }
    set_looking(sdl);
    read_size(sdl);
    sdl->polled = true;
    *out_input = sdl->input;
}

static void present(void *context)
{
    SdlPlatform *sdl = context;
    SDL_GL_SwapWindow(sdl->window);
}

static void *window(void *context)
{
    SdlPlatform *sdl = context;
    return sdl->window;
}

static void set_menu(void *context, bool open)
{
    SdlPlatform *sdl = context;
    if (open && !sdl->menu) {
        release_all(sdl);
        memset(sdl->input.pressed, 0, sizeof sdl->input.pressed);
    }
    sdl->menu = open;
}

static void set_title(void *context, const char *title)
{
    SdlPlatform *sdl = context;
    SDL_SetWindowTitle(sdl->window, title);
}

static void set_event_hook(void *context, PlatformEventHook hook, void *hook_context)
{
    SdlPlatform *sdl = context;
    sdl->hook = hook;
    sdl->hook_context = hook_context;
}

#ifdef __SANITIZE_ADDRESS__
/* Under a leak checker video stays loaded: drivers lose memory they took once when they are unloaded, and the
 * report could not even name them. D-Bus loses some either way. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libdbus-1";
}

static void quit_video(void) {}
#else
static void quit_video(void)
{
    SDL_Quit();
}
#endif

static void destroy(void *context)
{
    SdlPlatform *sdl = context;
    if (sdl->context) {
        SDL_GL_DeleteContext(sdl->context);
    }
    if (sdl->window) {
        SDL_DestroyWindow(sdl->window);
    }
    quit_video();
    free(sdl);
}

static void set_gl_attributes(const PlatformConfig *config)
{
    SDL_GL_SetAttribute(SDL_GL_CONTEXT_MAJOR_VERSION, 4);
    SDL_GL_SetAttribute(SDL_GL_CONTEXT_MINOR_VERSION, 5);
    SDL_GL_SetAttribute(SDL_GL_CONTEXT_PROFILE_MASK, SDL_GL_CONTEXT_PROFILE_CORE);
    SDL_GL_SetAttribute(SDL_GL_CONTEXT_FLAGS, config->debug ? SDL_GL_CONTEXT_DEBUG_FLAG : 0);
    SDL_GL_SetAttribute(SDL_GL_DOUBLEBUFFER, 1);
    SDL_GL_SetAttribute(SDL_GL_DEPTH_SIZE, 0); /* the scene has targets of its own */
    SDL_GL_SetAttribute(SDL_GL_STENCIL_SIZE, 0);
}

/* After a refused 4.5 context: what would the display have given? */
static Status refuse_version(SdlPlatform *sdl, Diag *diag)
{
    char error[160];
    SDL_strlcpy(error, SDL_GetError(), sizeof error);
    SDL_GL_ResetAttributes();
    sdl->context = SDL_GL_CreateContext(sdl->window);
    if (sdl->context && platform_load_gl(true, diag) == STATUS_DEVICE_ERROR) {
        return STATUS_DEVICE_ERROR;
    }
    return diag_set(diag, STATUS_DEVICE_ERROR, NULL, 0, "this display offers no OpenGL 4.5 core context: %s",
                    error);
}

/* Without a driver by name SDL would, where no display answers, take over a text console or draw to nowhere.
 */
static Status open_display(Diag *diag)
{
    const char *display = getenv("DISPLAY");
    const char *wayland = getenv("WAYLAND_DISPLAY");
    const char *driver = getenv("SDL_VIDEODRIVER");
    bool has_display = display && *display;
    bool has_wayland = wayland && *wayland;
    if (!driver || !*driver) {
        if (!has_display && !has_wayland) {
            return diag_set(diag, STATUS_DEVICE_ERROR, NULL, 0,
                            "no display: set DISPLAY or run with --headless");
        }
        SDL_SetHint(SDL_HINT_VIDEODRIVER, !has_wayland ? "x11" : !has_display ? "wayland" : "x11,wayland");
    }
    if (SDL_Init(SDL_INIT_VIDEO) != 0) {
        return diag_set(diag, STATUS_DEVICE_ERROR, NULL, 0,
                        "no display: cannot open '%s' (%s): set DISPLAY or run with --headless",
                        has_display   ? display
                        : has_wayland ? wayland
                                      : driver,
                        SDL_GetError());
    }
    return STATUS_OK;
}

static Status open_window(SdlPlatform *sdl, const PlatformConfig *config, Diag *diag)
{
    Status status = open_display(diag);
    if (status != STATUS_OK) {
        return status;
    }
    set_gl_attributes(config);
    sdl->window = SDL_CreateWindow(config->title, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
                                   (int)config->width, (int)config->height,
                                   SDL_WINDOW_OPENGL | SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
    if (!sdl->window) {
        return diag_set(diag, STATUS_DEVICE_ERROR, NULL, 0, "cannot open a window with OpenGL: %s",
                        SDL_GetError());
    }
    sdl->context = SDL_GL_CreateContext(sdl->window);
    if (!sdl->context) {
        return refuse_version(sdl, diag);
    }
    const char *in_use = SDL_GetCurrentVideoDriver();
    status = platform_load_gl(in_use && strcmp(in_use, "x11") != 0, diag); /* only X11 has GLX */
    if (status == STATUS_OK && SDL_GL_SetSwapInterval(config->vsync ? 1 : 0) != 0) {
        log_info("platform", "the display does not say when it refreshes: %s", SDL_GetError());
    }
    return status;
}

Status platform_sdl_create(const PlatformConfig *config, Platform *out_platform, Diag *diag)
{
    static const PlatformOps ops = { .poll = poll,
                                     .present = present,
                                     .window = window,
                                     .set_menu = set_menu,
                                     .set_title = set_title,
                                     .set_event_hook = set_event_hook,
                                     .destroy = destroy };
    SdlPlatform *sdl = calloc(1, sizeof *sdl);
    if (!sdl) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, NULL, 0, "no memory for the platform");
    }
    Status status = keymap_build(config->keys, &sdl->keymap, diag);
    if (status == STATUS_OK) {
        status = open_window(sdl, config, diag);
    }
    if (status != STATUS_OK) {
        destroy(sdl);
        return status;
    }
    *out_platform = (Platform){ .ops = &ops, .context = sdl };
    return STATUS_OK;
}
