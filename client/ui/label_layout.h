/* label_layout.h - which labels are shown how large and where, so that none covers another. Pure: sizes in,
 * places out; the same frames give the same places. Remembers what it showed, so that labels do not flicker
 * when the camera moves a little. */
#ifndef CLIENT_UI_LABEL_LAYOUT_H
#define CLIENT_UI_LABEL_LAYOUT_H
#include "client/ui/canvas.h"

typedef enum LabelLevel {
    LABEL_HIDDEN,
    LABEL_DOT,
    LABEL_TITLE, /* one line */
    LABEL_CARD   /* everything */
} LabelLevel;

typedef struct LabelItem {
    uint64_t key; /* the same label in every frame; unique among the items */
    float x, y;   /* anchor, pixels */
    float depth;  /* metres */
    float title_width, title_height, card_width, card_height;
    bool urgent; /* an alarm: placed before the others and never less than its title while near enough to read
                  */
} LabelItem;

typedef struct LabelPlace {
    LabelLevel level;
    CanvasRect box; /* the title or card, moved smoothly; empty for dots */
} LabelPlace;

typedef struct LabelArea {
    float width, height;       /* pixels */
    float scale;               /* of gaps, and of the depths at which detail is dropped */
    const CanvasRect *blocked; /* panels: nothing is placed over them */
    uint32_t blocked_count;
} LabelArea;

#define LABEL_LAYOUT_MAX 1024u /* items beyond this are hidden */

typedef struct LabelLayout LabelLayout; /* opaque */

/* NULL when out of memory. */
LabelLayout *label_layout_create(void);
void label_layout_destroy(LabelLayout *layout);

/* Places `count` items for a frame `seconds` after the last. `out_places` has an entry for each item. No two
 * boxes it would settle on overlap each other or a blocked rectangle; while they move (a tenth of a second)
 * they may. */
void label_layout_run(LabelLayout *layout, const LabelArea *area, const LabelItem *items, uint32_t count,
                      float seconds, LabelPlace *out_places);

#endif
