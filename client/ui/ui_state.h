/* ui_state.h - what a Ui is made of, shared by ui.c, labels.c and panels.c. Not for anyone else. */
#ifndef CLIENT_UI_UI_STATE_H
#define CLIENT_UI_UI_STATE_H
#include "client/ui/canvas.h"
#include "client/ui/label_layout.h"
#include "client/ui/ui.h"
#include "shared/base/arena.h"

#define UI_TAGS_MAX   256u
#define UI_BLOCKS_MAX (2 * UI_TAGS_MAX + 16u)

typedef struct NameTag {
    float x, y, depth;
    const char *name;
    float color[3];
} NameTag;

struct Ui {
    Canvas *canvas;
    LabelLayout *layout;
    Arena arena; /* of the frame: copies of labels and tags */
    float width, height, seconds;
    double time; /* seconds since the first frame, for blinking */
    UiLabel *labels;
    uint32_t label_count;
    NameTag tags[UI_TAGS_MAX];
    uint32_t tag_count;
    CanvasRect blocked[UI_BLOCKS_MAX]; /* panels of this frame, then name tags */
    uint32_t blocked_count;
    float top, bottom; /* of what is left of the left column, and of the height */
};

/* The palette: light text on dark glass. Every text colour keeps a contrast above 4.5:1 on UI_GLASS over
 * white. */
#define UI_GLASS    ((CanvasColor){ 13, 18, 26, 228 })
#define UI_EDGE     ((CanvasColor){ 255, 255, 255, 34 })
#define UI_RULE     ((CanvasColor){ 255, 255, 255, 26 })
#define UI_TEXT     ((CanvasColor){ 244, 247, 250, 255 })
#define UI_TEXT_2   ((CanvasColor){ 186, 197, 209, 255 })
#define UI_GOOD     ((CanvasColor){ 94, 213, 178, 255 })
#define UI_WARN     ((CanvasColor){ 255, 196, 92, 255 })
#define UI_BAD      ((CanvasColor){ 255, 128, 120, 255 })
#define UI_ACCENT   ((CanvasColor){ 118, 189, 255, 255 })
#define UI_ON_LIGHT ((CanvasColor){ 18, 20, 24, 255 })

/* Dark glass with a shadow and a fine edge. */
void ui_glass(Ui *ui, CanvasRect rect, float radius);

/* The same, nearly opaque, for what stands over everything. */
void ui_solid_glass(Ui *ui, CanvasRect rect, float radius);

/* A key's name on a cap, centred at `middle`. Returns its width. */
float ui_key_cap(Ui *ui, float x, float middle, const char *key);

/* Copies `text` into `out`, cut with an ellipsis to `width` pixels. Returns `out`. */
const char *ui_fit(const Ui *ui, CanvasFont font, const char *text, float width, char *out, size_t size);

/* Keeps labels out of `rect` this frame. */
void ui_block(Ui *ui, CanvasRect rect);

/* Marks that carry meaning by shape, centred at x, y and about 2 × r large. */
typedef enum UiIcon {
    UI_ICON_OK,
    UI_ICON_ALARM,
    UI_ICON_SEEN,
    UI_ICON_STALE,
    UI_ICON_BAD,
    UI_ICON_WAIT
} UiIcon;
void ui_icon(Ui *ui, UiIcon icon, float x, float y, float r, CanvasColor color);

/* sRGB 0..1 to a colour; all 0 gives `otherwise`. */
CanvasColor ui_color(const float rgb[3], CanvasColor otherwise);

/* Places and draws what ui_labels and ui_name_tag collected. */
void ui_draw_labels(Ui *ui);

#endif
