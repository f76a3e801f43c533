/* app.h - the client as a whole: joins a world, then frame after frame takes input, steps the avatar, shows
 * the scene and the panels. Pure but for the platform, renderer and transport behind their interfaces; time
 * is passed in. One owner, on the main thread. */
#ifndef CLIENT_APP_H
#define CLIENT_APP_H
#include "client/act.h"
#include "client/platform/platform.h"
#include "client/view.h"
#include "client/walk.h"
#include "shared/base/cli.h"
#include "shared/wire/transport.h"

typedef struct App App; /* opaque */

typedef struct AppConfig {
    const char *host;
    uint16_t port;
    const char *name; /* wished user name */
    bool headless, vsync, debug;
    uint32_t width, height;  /* 0: 1280 × 720 */
    uint32_t samples;        /* MSAA; 0: the renderer's default */
    uint32_t shadow_size;    /* 0: the renderer's default */
    float ui_scale;          /* 0: the display's */
    const ViewFixed *camera; /* NULL: first person */
    const Walk *walk;        /* NULL: the keys walk */
    bool orbit;              /* begin in orbit */
    TimeNs duration;         /* of the live world; 0: until quit */
    uint64_t frames;         /* live frames; 0: until quit */
    bool want_picture;       /* of the last frame: app_picture */
    bool want_dump;          /* of the last frame: app_dump */
    bool hide_ui;            /* begin without figures and labels */
    const Act *acts;         /* to be done, one after the other, once live; the app ends after them */
    uint32_t act_count;
    TimeNs act_timeout;
    void (*fill)(void *context, uint8_t *out, size_t size); /* random bytes, for ids of commands */
    void (*print)(void *context, const char *line);         /* a JSON line about an act */
    void *context;                                          /* of both */
    bool overlay_model;                                     /* begin with the systems at work in sight */
    const char *overlay_operate; /* thing whose panel of actions is open at the beginning; NULL: none */
    const char *const *keys;     /* CONTROL_COUNT lists or NULL, as PlatformConfig.keys */
} AppConfig;

typedef enum AppPhase {
    APP_JOINING, /* connecting, fetching and loading the world */
    APP_LIVE,
    APP_DONE,  /* the last frame was shown: duration or frames reached, or quit */
    APP_FAILED /* see app_failure */
} AppPhase;

/* On success `transport` is owned; on failure the caller still does. Strings of `config` are borrowed for the
 * life of the app. Statuses of platform_create, renderer_gl_create, ui_create and session_create, with
 * `diag`; *out_exit (an ExitCode) says what the program should then exit with. */
NODISCARD Status app_create(const AppConfig *config, Transport transport, TimeNs now, App **out_app,
                            int *out_exit, Diag *diag);
void app_destroy(App *app);

/* One whole frame. */
AppPhase app_frame(App *app, TimeNs now);

/* Between frames, as often as there is time: network and avatar steps, nothing is drawn. */
void app_service(App *app, TimeNs now);

/* True while the device still draws the last frame. In software that takes its time, and app_service can use
 * it. */
bool app_busy(App *app);

/* Processor time that the last frame took, as its owner measured it. */
void app_note_cpu(App *app, TimeNs now, TimeNs cpu);

/* From outside (a signal): the next frame is the last. */
void app_stop(App *app);

/* Why it FAILED, for people, and the ExitCode that says it; "" and EXIT_CODE_OK before. */
const char *app_failure(const App *app);
int app_exit_code(const App *app);

/* After DONE: whether all acts were confirmed; true when there were none. */
bool app_acts_confirmed(const App *app);

/* After DONE: the last frame as RGBA8, row 0 on top, and what it showed as JSON; NULL when not wanted or not
 * to be had. Owned by the app. */
const uint8_t *app_picture(App *app, uint32_t *out_width, uint32_t *out_height);
const char *app_dump(const App *app, size_t *out_size);

/* A picture that the screenshot key asked for, or NULL; taken once. The caller frees it. */
uint8_t *app_take_screenshot(App *app, uint32_t *out_width, uint32_t *out_height);

/* Stays in the world without drawing, standing, so that others still see this avatar. */
void app_linger(App *app, TimeNs now);

/* Says good-bye to the server. */
void app_leave(App *app, TimeNs now);

#endif
