/* ui.h - text and panels over the scene, drawn on a canvas.h (Dear ImGui and FreeType behind it).
 * Immediate: begin a frame, describe it, render it. One owner, on the GL thread. */
#ifndef CLIENT_UI_UI_H
#define CLIENT_UI_UI_H
#include "shared/base/diag.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Ui Ui; /* opaque */

typedef struct UiConfig {
    void *sdl_window; /* for mouse and keyboard; NULL when headless */
    float scale;      /* 0: 1 */
} UiConfig;

/* Fonts: Inter from the system; falls back to ImGui's own with a warning in the log. STATUS_DEVICE_ERROR. */
NODISCARD Status ui_create(const UiConfig *config, Ui **out_ui, Diag *diag);
void ui_destroy(Ui *ui);

bool ui_handle_event(void *ui, const void *sdl_event); /* a PlatformEventHook */

void ui_begin(Ui *ui, uint32_t width, uint32_t height, float seconds);

/* What a line of a label is. A WISH stands under the value it is to replace, drawn as a ghost in an outline
 * with an hourglass: "→ Ada", "20.0", "%", "12 s". Of an ALARM only `name` is drawn, over the whole width. */
typedef enum UiLineKind { UI_LINE_VALUE, UI_LINE_WISH, UI_LINE_ALARM } UiLineKind;

/* One line of a label: "Temperature", "99.13", "degF", "2.1 s". Strings are copied. */
typedef struct UiLabelLine {
    UiLineKind kind;
    const char *name, *value, *unit, *age;
    uint8_t quality; /* Quality: STALE and BAD are shown by text and mark, not by colour alone */
    float color[3];  /* sRGB accent; all 0: default */
} UiLabelLine;

/* A card anchored above a point of the scene. `depth` in metres: near ones are drawn over far ones, far ones
 * shrink to their title, then to a dot; cards that would overlap are moved or reduced. */
typedef struct UiLabel {
    const char *id; /* the same in every frame, so that the label keeps its place; NULL: its title */
    const char *title;
    float x, y; /* pixels: the anchor */
    float depth;
    float accent[3];   /* sRGB of the state strip; all 0: default */
    const char *badge; /* "ACTIVE", "ACKNOWLEDGED", "WARNING" or NULL */
    bool blink;
    bool pending; /* something is being done to it: an hourglass, also where only a dot is drawn */
    const UiLabelLine *lines;
    uint32_t line_count;
} UiLabel;

void ui_labels(Ui *ui, const UiLabel *labels, uint32_t count);

/* A name above a head. */
void ui_name_tag(Ui *ui, float x, float y, float depth, const char *name, const float color[3]);

typedef struct UiHud {
    const char *world, *server, *camera_mode;
    double fps, frame_ms, cpu_ms_p50, cpu_ms_p99;
    double round_trip_ms, bytes_per_s, delay_ms; /* delay: interpolation */
    uint32_t people, things, things_stale, things_bad, alarms;
    uint32_t service_alarms, commands; /* commands: under way */
    const char *source_time;           /* "2021-11-05 00:03:20.5 UTC" */
    double source_speed;               /* source seconds a second, measured */
    double newest_age_s;               /* age of the newest sample, source clock */
    const char *state;                 /* "connected", "loading world 43 %", … */
    bool connected;
    const char *
        model_element; /* part of the reference model at work: "Y.4239 7.2 physical integration · MII sync" */
} UiHud;

void ui_hud(Ui *ui, const UiHud *hud);

/* One line of the key list. */
typedef struct UiKey {
    const char *keys, *action; /* "W, Up", "walk forward" */
} UiKey;

void ui_help(Ui *ui, const UiKey *keys, uint32_t count);

/* A message over everything: connecting, progress (0..1, negative: none), errors. */
void ui_notice(Ui *ui, const char *title, const char *text, float progress, bool error);

/* What has been found and is being done, under the figures: as many as there is room for. */
typedef enum UiNewsKind { UI_NEWS_CRITICAL, UI_NEWS_WARNING, UI_NEWS_WISH } UiNewsKind;
typedef struct UiNews {
    UiNewsKind kind;
    const char *title, *text; /* "Pump 2", "vibration rises (monitor)" */
} UiNews;
void ui_news(Ui *ui, const UiNews *news, uint32_t count);

/* How something that this person asked for goes on (R44), at the bottom; the first is the newest. */
typedef enum UiToastKind { UI_TOAST_WAITING, UI_TOAST_DONE, UI_TOAST_NOT_DONE } UiToastKind;
typedef struct UiToast {
    UiToastKind kind;
    const char *title, *text; /* "Valve: position 20 %", "confirmed after 3.1 s" */
} UiToast;
void ui_toasts(Ui *ui, const UiToast *toasts, uint32_t count);

/* One short line with a key's cap before it, at the bottom: "E", "operate Valve 1". */
void ui_hint(Ui *ui, const char *key, const char *text);

/* Which systems and interfaces are at work, over the strip at the bottom (R48). */
void ui_model_line(Ui *ui, const char *text);

typedef struct UiMenuRow {
    const char *text, *note; /* "Set speed", "0 to 1500 1/min" */
} UiMenuRow;

/* A list to choose from, or a value to give, or a question to answer. */
typedef struct UiMenu {
    const char *title, *heading; /* "Pump 1", "What is to be done?" */
    const UiMenuRow *rows;       /* 0: no list */
    uint32_t row_count, selected;
    const char *value, *unit, *note, *complaint; /* value NULL: none to give */
    const char *question;                        /* NULL: none */
    const char *button, *keys;                   /* "Do it"; what the keys do */
    float mouse_x, mouse_y;
} UiMenu;

/* Returns the row under the mouse, or 0 for the button where there is no list; -1: neither. */
int ui_menu(Ui *ui, const UiMenu *menu);

/* Draws all of it into the bound framebuffer. */
void ui_render(Ui *ui);

/* True while the device still works on the frame that ui_render ended; never waits. */
bool ui_busy(Ui *ui);

#endif
