/* labels.c - cards over things and names over heads. */
#include "client/ui/ui_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Qualities of shared/model/value.h, as UiLabelLine.quality carries them. */
enum { LINE_NONE, LINE_GOOD, LINE_STALE, LINE_BAD };

/* Pixels at scale 1. */
#define PAD          9.0f
#define STRIP        4.0f
#define LINE_HEIGHT  18.0f
#define TITLE_HEIGHT 25.0f
#define GAP          8.0f
#define ICON         5.0f
#define BADGE_PAD    6.0f
#define SWATCH       10.0f
#define CARD_LEAST   150.0f

typedef struct CardColumns {
    float name, value, unit, age;
} CardColumns;

static const char *line_note(const UiLabelLine *line)
{
    switch (line->quality) {
    case LINE_STALE:
        return "stale";
    case LINE_BAD:
        return "bad";
    default:
        return "";
    }
}

static float note_width(const Ui *ui, const UiLabelLine *line)
{
    const char *note = line_note(line);
    float s = canvas_scale(ui->canvas);
    return note[0] == '\0' ? 0.0f : canvas_text_width(ui->canvas, CANVAS_SMALL, note) + (2 * ICON + 8.0f) * s;
}

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* Hourglass and outline of a wish. */
static float wish_width(const Ui *ui, const UiLabelLine *line)
{
    return line->kind == UI_LINE_WISH ? (2 * ICON + 5.0f) * canvas_scale(ui->canvas) : 0.0f;
}

static float alarm_line_width(const Ui *ui, const UiLabelLine *line)
{
    return canvas_text_width(ui->canvas, CANVAS_SMALL_STRONG, or_empty(line->name)) +
           (2 * ICON + 6.0f) * canvas_scale(ui->canvas);
}

static CardColumns measure_columns(const Ui *ui, const UiLabel *label)
{
    CardColumns columns = { 0 };
    for (uint32_t i = 0; i < label->line_count; i++) {
        const UiLabelLine *line = &label->lines[i];
        if (line->kind == UI_LINE_ALARM) {
            continue; /* over all columns */
        }
        columns.name = fmaxf(columns.name, canvas_text_width(ui->canvas, CANVAS_SMALL, or_empty(line->name)));
        columns.value =
            fmaxf(columns.value, canvas_figures_width(ui->canvas, CANVAS_STRONG, or_empty(line->value)));
        columns.unit = fmaxf(columns.unit, canvas_text_width(ui->canvas, CANVAS_SMALL, or_empty(line->unit)));
        float age = canvas_figures_width(ui->canvas, CANVAS_SMALL, or_empty(line->age)) +
                    note_width(ui, line) + wish_width(ui, line);
        columns.age = fmaxf(columns.age, age);
    }
    return columns;
}

static float badge_width(const Ui *ui, const UiLabel *label)
{
    if (label->badge == NULL) {
        return 0.0f;
    }
    float s = canvas_scale(ui->canvas);
    return canvas_text_width(ui->canvas, CANVAS_SMALL_STRONG, label->badge) +
           (2 * BADGE_PAD + 2 * ICON + 5.0f) * s;
}

static float title_width(const Ui *ui, const UiLabel *label)
{
    float s = canvas_scale(ui->canvas), badge = badge_width(ui, label);
    return canvas_text_width(ui->canvas, CANVAS_STRONG, label->title) + (STRIP + 2 * PAD) * s +
           (badge > 0.0f ? badge + GAP * s : 0.0f) + (label->pending ? (2 * ICON + GAP) * s : 0.0f);
}

static float card_width(const Ui *ui, const UiLabel *label)
{
    float s = canvas_scale(ui->canvas);
    CardColumns columns = measure_columns(ui, label);
    float lines =
        columns.name + columns.value + columns.unit + columns.age + (3 * GAP + SWATCH + STRIP + 2 * PAD) * s;
    for (uint32_t i = 0; i < label->line_count; i++) {
        if (label->lines[i].kind == UI_LINE_ALARM) {
            lines = fmaxf(lines, alarm_line_width(ui, &label->lines[i]) + (STRIP + 2 * PAD) * s);
        }
    }
    return fmaxf(fmaxf(title_width(ui, label), lines), CARD_LEAST * s);
}

/* FNV-1a over the label's id and its ordinal among equals. */
static uint64_t label_key(const Ui *ui, uint32_t index)
{
    const UiLabel *label = &ui->labels[index];
    const char *text = label->id != NULL ? label->id : label->title;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = text; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * UINT64_C(1099511628211);
    }
    uint64_t ordinal = 0;
    for (uint32_t i = 0; label->id == NULL && i < index; i++) {
        ordinal += ui->labels[i].id == NULL && strcmp(ui->labels[i].title, text) == 0;
    }
    return hash + ordinal;
}

static bool is_alarm(const UiLabel *label)
{
    return label->badge != NULL;
}

static void draw_badge(Ui *ui, const UiLabel *label, float right, float middle)
{
    float s = canvas_scale(ui->canvas), width = badge_width(ui, label);
    bool seen = strcmp(label->badge, "ACKNOWLEDGED") == 0;
    CanvasColor fill = seen || strcmp(label->badge, "WARNING") == 0 ? UI_WARN : UI_BAD;
    CanvasRect pill = { right - width, middle - 8.5f * s, right, middle + 8.5f * s };
    canvas_fill(ui->canvas, pill, 8.5f * s, fill);
    if (label->blink) { /* a ring that swells and fades: the text stays readable at all times */
        float phase = (float)fmod(ui->time, 1.0);
        float grow = (1.0f + 4.0f * phase) * s;
        CanvasColor ring = fill;
        ring.a = (uint8_t)(220.0f * (1.0f - phase));
        CanvasRect around = { pill.x0 - grow, pill.y0 - grow, pill.x1 + grow, pill.y1 + grow };
        canvas_outline(ui->canvas, around, 8.5f * s + grow, ring, 1.5f * s);
    }
    float icon_x = pill.x0 + (BADGE_PAD + ICON) * s;
    if (seen) {
        ui_icon(ui, UI_ICON_SEEN, icon_x, middle, ICON * s, UI_ON_LIGHT);
    } else { /* dark triangle on the light pill */
        const float r = ICON * s;
        const float corners[6] = {
            icon_x, middle - r, icon_x + r * 1.05f, middle + r * 0.8f, icon_x - r * 1.05f, middle + r * 0.8f
        };
        canvas_triangle(ui->canvas, corners, UI_ON_LIGHT);
        canvas_line(ui->canvas, icon_x, middle - r * 0.35f, icon_x, middle + r * 0.15f, fill, 1.4f * s);
        canvas_disc(ui->canvas, icon_x, middle + r * 0.5f, 0.8f * s, fill);
    }
    canvas_text(ui->canvas, CANVAS_SMALL_STRONG, icon_x + (ICON + 5.0f) * s,
                middle - canvas_line_height(ui->canvas, CANVAS_SMALL_STRONG) * 0.5f, UI_ON_LIGHT,
                label->badge);
}

static void draw_title(Ui *ui, const UiLabel *label, CanvasRect box)
{
    float s = canvas_scale(ui->canvas);
    float middle = box.y0 + TITLE_HEIGHT * s * 0.5f;
    canvas_text(ui->canvas, CANVAS_STRONG, box.x0 + (STRIP + PAD) * s,
                middle - canvas_line_height(ui->canvas, CANVAS_STRONG) * 0.5f, UI_TEXT, label->title);
    float right = box.x1 - (PAD - 3.0f) * s;
    if (label->badge != NULL) {
        draw_badge(ui, label, right, middle);
        right -= badge_width(ui, label) + GAP * s;
    }
    if (label->pending) {
        ui_icon(ui, UI_ICON_WAIT, right - (ICON + 2.0f) * s, middle, ICON * s, UI_ACCENT);
    }
}

static void draw_age(Ui *ui, const UiLabelLine *line, float right, float middle)
{
    Canvas *canvas = ui->canvas;
    float s = canvas_scale(canvas), height = canvas_line_height(canvas, CANVAS_SMALL);
    const char *age = or_empty(line->age), *note = line_note(line);
    float x = right - canvas_figures_width(canvas, CANVAS_SMALL, age);
    CanvasColor color = line->quality == LINE_STALE ? UI_WARN
                        : line->quality == LINE_BAD ? UI_BAD
                                                    : UI_TEXT_2;
    canvas_figures(canvas, CANVAS_SMALL, x, middle - height * 0.5f, color, age);
    if (note[0] != '\0') {
        x -= canvas_text_width(canvas, CANVAS_SMALL, note) + 4.0f * s;
        canvas_text(canvas, CANVAS_SMALL, x, middle - height * 0.5f, color, note);
        ui_icon(ui, line->quality == LINE_STALE ? UI_ICON_STALE : UI_ICON_BAD, x - (ICON + 3.0f) * s, middle,
                ICON * s, color);
    }
}

/* The colour that the value gives its object: beside the figure, so that the figure stays readable. White is
 * what nothing special looks like. */
static void draw_swatch(Ui *ui, const UiLabelLine *line, float x, float middle)
{
    float s = canvas_scale(ui->canvas), r = 3.0f * s;
    CanvasColor color = ui_color(line->color, (CanvasColor){ 255, 255, 255, 255 });
    if (color.r > 245 && color.g > 245 && color.b > 245) {
        return;
    }
    canvas_fill(ui->canvas, (CanvasRect){ x - r, middle - r, x + r, middle + r }, 1.5f * s, color);
    canvas_outline(ui->canvas, (CanvasRect){ x - r, middle - r, x + r, middle + r }, 1.5f * s, UI_EDGE, 1.0f);
}

static void draw_alarm_line(Ui *ui, const UiLabelLine *line, CanvasRect box, float middle)
{
    float s = canvas_scale(ui->canvas), x = box.x0 + (STRIP + PAD) * s;
    CanvasColor color = line->quality == LINE_BAD ? UI_BAD : UI_WARN;
    ui_icon(ui, UI_ICON_ALARM, x + ICON * s, middle, ICON * s, color);
    canvas_text(ui->canvas, CANVAS_SMALL_STRONG, x + (2 * ICON + 6.0f) * s,
                middle - canvas_line_height(ui->canvas, CANVAS_SMALL_STRONG) * 0.5f, color,
                or_empty(line->name));
}

/* What somebody wishes is no value: a ghost of one, in an outline. */
static void draw_wish(Ui *ui, const UiLabelLine *line, const CardColumns *columns, CanvasRect box,
                      float middle)
{
    Canvas *canvas = ui->canvas;
    float s = canvas_scale(canvas), small = canvas_line_height(canvas, CANVAS_SMALL);
    float right = box.x1 - PAD * s, left = box.x0 + (STRIP + PAD) * s;
    float unit_x = right - columns->age - GAP * s - columns->unit;
    const char *value = or_empty(line->value), *age = or_empty(line->age);
    CanvasColor ghost = UI_ACCENT;
    CanvasRect outline = { left - 4.0f * s, middle - (LINE_HEIGHT * 0.5f - 1.0f) * s, right + 4.0f * s,
                           middle + (LINE_HEIGHT * 0.5f - 1.0f) * s };
    canvas_outline(canvas, outline, 4.0f * s, (CanvasColor){ ghost.r, ghost.g, ghost.b, 110 }, 1.0f);
    ghost.a = 215;
    canvas_text(canvas, CANVAS_SMALL, left, middle - small * 0.5f, ghost, or_empty(line->name));
    canvas_figures(canvas, CANVAS_BODY, unit_x - 4.0f * s - canvas_figures_width(canvas, CANVAS_BODY, value),
                   middle - canvas_line_height(canvas, CANVAS_BODY) * 0.5f, ghost, value);
    canvas_text(canvas, CANVAS_SMALL, unit_x, middle - small * 0.5f, ghost, or_empty(line->unit));
    float age_x = right - canvas_figures_width(canvas, CANVAS_SMALL, age);
    canvas_figures(canvas, CANVAS_SMALL, age_x, middle - small * 0.5f, ghost, age);
    ui_icon(ui, UI_ICON_WAIT, age_x - (ICON + 3.0f) * s, middle, (ICON - 1.0f) * s, ghost);
}

static void draw_line(Ui *ui, const UiLabelLine *line, const CardColumns *columns, CanvasRect box,
                      float middle)
{
    if (line->kind == UI_LINE_WISH) {
        draw_wish(ui, line, columns, box, middle);
        return;
    }
    if (line->kind == UI_LINE_ALARM) {
        draw_alarm_line(ui, line, box, middle);
        return;
    }
    Canvas *canvas = ui->canvas;
    float s = canvas_scale(canvas), small = canvas_line_height(canvas, CANVAS_SMALL);
    float strong = canvas_line_height(canvas, CANVAS_STRONG);
    float right = box.x1 - PAD * s;
    float unit_x = right - columns->age - GAP * s - columns->unit;
    const char *value = or_empty(line->value);
    float value_x = unit_x - 4.0f * s - canvas_figures_width(canvas, CANVAS_STRONG, value);
    canvas_text(canvas, CANVAS_SMALL, box.x0 + (STRIP + PAD) * s, middle - small * 0.5f, UI_TEXT_2,
                or_empty(line->name));
    canvas_figures(canvas, CANVAS_STRONG, value_x, middle - strong * 0.5f, UI_TEXT, value);
    draw_swatch(ui, line, value_x - 9.0f * s, middle);
    canvas_text(canvas, CANVAS_SMALL, unit_x, middle - small * 0.5f, UI_TEXT_2, or_empty(line->unit));
    draw_age(ui, line, right, middle);
}

/* From the box to its anchor, under all boxes. */
static void draw_leader(Ui *ui, const UiLabel *label, CanvasRect box)
{
    Canvas *canvas = ui->canvas;
    CanvasColor accent = ui_color(label->accent, UI_ACCENT);
    float s = canvas_scale(canvas);
    float x = fmaxf(box.x0 + 10.0f * s, fminf(label->x, box.x1 - 10.0f * s));
    if (label->y > box.y1) {
        CanvasColor dark = { 0, 0, 0, 150 }, light = { 255, 255, 255, 210 };
        canvas_line(canvas, x, box.y1, label->x, label->y, dark, 3.0f * s);
        canvas_line(canvas, x, box.y1, label->x, label->y, light, 1.2f * s);
    }
    canvas_disc(canvas, label->x, label->y, 4.2f * s, (CanvasColor){ 13, 18, 26, 230 });
    canvas_disc(canvas, label->x, label->y, 2.8f * s, accent);
    if (label->pending) {
        canvas_ring(canvas, label->x, label->y, 7.5f * s, UI_ACCENT, 1.6f * s);
    }
}

static void draw_box(Ui *ui, const UiLabel *label, const LabelPlace *place)
{
    Canvas *canvas = ui->canvas;
    float s = canvas_scale(canvas);
    CanvasRect box = place->box;
    CanvasColor accent = ui_color(label->accent, UI_ACCENT);
    ui_glass(ui, box, 7.0f * s);
    CanvasRect strip = { box.x0 + 1.0f, box.y0 + 1.0f, box.x0 + STRIP * s + 1.0f, box.y1 - 1.0f };
    canvas_fill_left(canvas, strip, 6.0f * s, accent);
    draw_title(ui, label, box);
    if (place->level != LABEL_CARD || label->line_count == 0) {
        return;
    }
    CardColumns columns = measure_columns(ui, label);
    float y = box.y0 + TITLE_HEIGHT * s;
    canvas_line(canvas, box.x0 + (STRIP + PAD) * s, y, box.x1 - PAD * s, y, UI_RULE, 1.0f);
    for (uint32_t i = 0; i < label->line_count; i++) {
        draw_line(ui, &label->lines[i], &columns, box, y + (3.0f + ((float)i + 0.5f) * LINE_HEIGHT) * s);
    }
}

static void draw_dot(Ui *ui, const UiLabel *label)
{
    float s = canvas_scale(ui->canvas);
    for (uint32_t i = 0; i < ui->blocked_count; i++) {
        const CanvasRect *block = &ui->blocked[i];
        if (label->x > block->x0 && label->x < block->x1 && label->y > block->y0 && label->y < block->y1) {
            return;
        }
    }
    CanvasColor accent = ui_color(label->accent, UI_ACCENT);
    if (is_alarm(label)) {
        ui_icon(ui, UI_ICON_ALARM, label->x, label->y, 7.0f * s, UI_BAD);
        return;
    }
    canvas_disc(ui->canvas, label->x, label->y, 4.0f * s, (CanvasColor){ 13, 18, 26, 210 });
    canvas_disc(ui->canvas, label->x, label->y, 2.6f * s, accent);
    if (label->pending) {
        ui_icon(ui, UI_ICON_WAIT, label->x + 10.0f * s, label->y, 5.0f * s, UI_ACCENT);
    }
}

static int compare_tags(const void *a, const void *b)
{
    const NameTag *x = a, *y = b;
    return (x->depth > y->depth) - (x->depth < y->depth);
}

static bool hits(CanvasRect a, CanvasRect b)
{
    return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
}

/* Keeps labels off the person under the name: about 2 m tall, seen with the usual lens. */
static void block_person(Ui *ui, const NameTag *tag)
{
    float pixels = ui->height * 0.87f / fmaxf(tag->depth, 1.0f); /* a metre at that depth */
    float half = fminf(0.35f * pixels, 90.0f * canvas_scale(ui->canvas));
    ui_block(ui, (CanvasRect){ tag->x - half, tag->y, tag->x + half, tag->y + 2.0f * pixels });
}

/* Names, the nearest first: one that would cover another is lifted above it. */
static void draw_tags(Ui *ui)
{
    Canvas *canvas = ui->canvas;
    float s = canvas_scale(canvas), height = 21.0f * s;
    uint32_t first = ui->blocked_count;
    qsort(ui->tags, ui->tag_count, sizeof ui->tags[0], compare_tags);
    for (uint32_t i = 0; i < ui->tag_count; i++) {
        const NameTag *tag = &ui->tags[i];
        float width = canvas_text_width(canvas, CANVAS_SMALL_STRONG, tag->name) + 28.0f * s;
        CanvasRect box = { tag->x - width * 0.5f, tag->y - height, tag->x + width * 0.5f, tag->y };
        for (uint32_t other = first; other < ui->blocked_count; other++) {
            if (hits(box, ui->blocked[other])) {
                box.y1 = ui->blocked[other].y0 - 2.0f * s;
                box.y0 = box.y1 - height;
                other = first - 1; /* look again from the start at the new height: it only ever rises */
            }
        }
        float middle = (box.y0 + box.y1) * 0.5f;
        ui_glass(ui, box, height * 0.5f);
        canvas_disc(canvas, box.x0 + 11.0f * s, middle, 4.0f * s, ui_color(tag->color, UI_ACCENT));
        canvas_text(canvas, CANVAS_SMALL_STRONG, box.x0 + 19.0f * s,
                    middle - canvas_line_height(canvas, CANVAS_SMALL_STRONG) * 0.5f, UI_TEXT, tag->name);
        ui_block(ui, box);
    }
    for (uint32_t i = 0; i < ui->tag_count; i++) {
        block_person(ui, &ui->tags[i]);
    }
}

typedef struct DepthOrder {
    float depth;
    uint32_t index;
} DepthOrder;

static int compare_far_first(const void *a, const void *b)
{
    const DepthOrder *x = a, *y = b;
    if (x->depth != y->depth) {
        return x->depth > y->depth ? -1 : 1;
    }
    return x->index < y->index ? -1 : 1;
}

static void describe_items(const Ui *ui, LabelItem *items, DepthOrder *order)
{
    float s = canvas_scale(ui->canvas);
    for (uint32_t i = 0; i < ui->label_count; i++) {
        const UiLabel *label = &ui->labels[i];
        float lines = label->line_count > 0 ? (float)label->line_count * LINE_HEIGHT + 8.0f : 0.0f;
        items[i] = (LabelItem){ .key = label_key(ui, i),
                                .x = label->x,
                                .y = label->y,
                                .depth = label->depth,
                                .title_width = title_width(ui, label),
                                .title_height = TITLE_HEIGHT * s,
                                .card_width = card_width(ui, label),
                                .card_height = (TITLE_HEIGHT + lines) * s,
                                .urgent = is_alarm(label) || label->pending };
        order[i] = (DepthOrder){ label->depth, i };
    }
}

void ui_draw_labels(Ui *ui)
{
    uint32_t count = ui->label_count;
    LabelItem *items = arena_new_array(&ui->arena, LabelItem, count);
    LabelPlace *places = arena_new_array(&ui->arena, LabelPlace, count);
    DepthOrder *order = arena_new_array(&ui->arena, DepthOrder, count);
    if (items == NULL || places == NULL || order == NULL) {
        return;
    }
    draw_tags(ui);
    describe_items(ui, items, order);
    LabelArea area = { .width = ui->width,
                       .height = ui->height,
                       .scale = canvas_scale(ui->canvas),
                       .blocked = ui->blocked,
                       .blocked_count = ui->blocked_count };
    label_layout_run(ui->layout, &area, items, count, ui->seconds, places);
    qsort(order, count, sizeof order[0], compare_far_first);
    for (uint32_t i = 0; i < count; i++) {
        if (places[order[i].index].level >= LABEL_TITLE) {
            draw_leader(ui, &ui->labels[order[i].index], places[order[i].index].box);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const LabelPlace *place = &places[order[i].index];
        if (place->level == LABEL_DOT) {
            draw_dot(ui, &ui->labels[order[i].index]);
        } else if (place->level != LABEL_HIDDEN) {
            draw_box(ui, &ui->labels[order[i].index], place);
        }
    }
}
