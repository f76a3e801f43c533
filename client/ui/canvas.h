/* canvas.h - shapes and text over the picture, in pixels from the top left: the C face of Dear ImGui's draw
 * list and font atlas (canvas_gl.cpp is the one C++ file of the project). Colours are sRGB with straight
 * alpha. One owner, on the GL thread. */
#ifndef CLIENT_UI_CANVAS_H
#define CLIENT_UI_CANVAS_H
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#include "shared/base/diag.h"

typedef struct Canvas Canvas; /* opaque */

typedef struct CanvasColor {
    uint8_t r, g, b, a;
} CanvasColor;

typedef struct CanvasRect {
    float x0, y0, x1, y1;
} CanvasRect;

typedef enum CanvasFont {
    CANVAS_SMALL,        /* 12 px at scale 1 */
    CANVAS_SMALL_STRONG, /* 12 px semi-bold */
    CANVAS_BODY,         /* 14 px */
    CANVAS_STRONG,       /* 14 px semi-bold */
    CANVAS_HEADING,      /* 20 px semi-bold */
    CANVAS_FONT_COUNT
} CanvasFont;

/* `sdl_window` for mouse and keyboard, or NULL. `scale` multiplies every font size. Needs a current OpenGL
 * context. Fonts are looked for in the places where systems keep Inter; without it ImGui's own is used and
 * the log says so. STATUS_DEVICE_ERROR, STATUS_OUT_OF_MEMORY with `diag`. */
NODISCARD Status canvas_create(void *sdl_window, float scale, Canvas **out_canvas, Diag *diag);
void canvas_destroy(Canvas *canvas); /* NULL is allowed */

/* Tells ImGui of an SDL_Event; true when a widget wants it for itself. */
bool canvas_handle_event(Canvas *canvas, const void *sdl_event);

/* Begins a frame of width × height pixels, `seconds` after the last; render draws it into the bound
 * framebuffer, whose colours are taken as sRGB-encoded. */
void canvas_begin(Canvas *canvas, uint32_t width, uint32_t height, float seconds);
void canvas_render(Canvas *canvas);

/* True while the device still draws what canvas_render and all before it asked for; never waits. */
bool canvas_busy(Canvas *canvas);

float canvas_scale(const Canvas *canvas);

typedef enum CanvasLayer {
    CANVAS_SCENE, /* what belongs to things in the scene */
    CANVAS_PANEL  /* over all of it; where a frame begins */
} CanvasLayer;

/* Where the shapes that follow go. */
void canvas_layer(Canvas *canvas, CanvasLayer layer);

/* Text in UTF-8; x, y is the top left of the line and is rounded to whole pixels. */
void canvas_text(Canvas *canvas, CanvasFont font, float x, float y, CanvasColor color, const char *text);
float canvas_text_width(const Canvas *canvas, CanvasFont font, const char *text);
float canvas_line_height(const Canvas *canvas, CanvasFont font);

/* The same with every digit as wide as the widest: figures that change do not dance. */
void canvas_figures(Canvas *canvas, CanvasFont font, float x, float y, CanvasColor color, const char *text);
float canvas_figures_width(const Canvas *canvas, CanvasFont font, const char *text);

/* Text broken into lines of at most `width` pixels. `color` NULL only measures. Returns the height. */
float canvas_paragraph(Canvas *canvas, CanvasFont font, float x, float y, float width,
                       const CanvasColor *color, const char *text);

void canvas_fill(Canvas *canvas, CanvasRect rect, float radius, CanvasColor color);
/* Rounded on the left side only. */
void canvas_fill_left(Canvas *canvas, CanvasRect rect, float radius, CanvasColor color);
void canvas_outline(Canvas *canvas, CanvasRect rect, float radius, CanvasColor color, float thickness);
/* A soft shadow around and a little below `rect`. */
void canvas_shadow(Canvas *canvas, CanvasRect rect, float radius, float reach, float strength);
void canvas_line(Canvas *canvas, float x0, float y0, float x1, float y1, CanvasColor color, float thickness);
void canvas_disc(Canvas *canvas, float x, float y, float radius, CanvasColor color);
void canvas_ring(Canvas *canvas, float x, float y, float radius, CanvasColor color, float thickness);
void canvas_triangle(Canvas *canvas, const float corners[6], CanvasColor color);

#ifdef __cplusplus
}
#endif
#endif
