/* operation_panels.c - what is being done to things, and the panel to do it with. */
#include "client/ui/ui_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Pixels at scale 1. */
#define MARGIN      12.0f
#define PAD         12.0f
#define NEWS_WIDTH  330.0f
#define NEWS_HEIGHT 36.0f
#define TOAST_WIDTH 420.0f
#define TOAST_TALL  46.0f
#define LINE_TALL   26.0f
#define MENU_WIDTH  400.0f
#define MENU_ROW    34.0f
#define RADIUS      10.0f
#define ELLIPSIS    "\xE2\x80\xA6"

const char *ui_fit(const Ui *ui, CanvasFont font, const char *text, float width, char *out, size_t size)
{
    snprintf(out, size, "%s", text);
    size_t length = strlen(out);
    while (length > 0 && canvas_text_width(ui->canvas, font, out) > width) {
        length -= length > 3 && strcmp(out + length - 3, ELLIPSIS) == 0 ? 3 : 0;
        do {
            length--;
        } while (length > 0 && ((unsigned char)out[length] & 0xC0) == 0x80);
        snprintf(out + length, size - length, ELLIPSIS);
        length = strlen(out);
        if (length <= 3) {
            break;
        }
    }
    return out;
}

static void text_at(Ui *ui, CanvasFont font, float x, float middle, CanvasColor color, const char *text)
{
    canvas_text(ui->canvas, font, x, middle - canvas_line_height(ui->canvas, font) * 0.5f, color, text);
}

/* ---- found and under way ---- */

void ui_news(Ui *ui, const UiNews *news, uint32_t count)
{
    float s = canvas_scale(ui->canvas);
    float top = (ui->top > 0.0f ? ui->top : 0.0f) + MARGIN * s;
    float room = (ui->bottom - 48.0f * s - top - 2 * 8.0f * s) / (NEWS_HEIGHT * s);
    uint32_t shown = room < 1.0f ? 0 : (uint32_t)room;
    shown = shown < count ? shown : count;
    if (shown == 0) {
        return;
    }
    float width = fminf(NEWS_WIDTH * s, ui->width - 2 * MARGIN * s), inner = width - (2 * PAD + 22.0f) * s;
    CanvasRect panel = { MARGIN * s, top, MARGIN * s + width, 0.0f };
    panel.y1 = top + ((float)shown * NEWS_HEIGHT + 2 * 8.0f) * s;
    ui_glass(ui, panel, RADIUS * s);
    ui_block(ui, panel);
    for (uint32_t i = 0; i < shown; i++) {
        char text[200];
        bool wish = news[i].kind == UI_NEWS_WISH;
        CanvasColor color = wish ? UI_ACCENT : news[i].kind == UI_NEWS_CRITICAL ? UI_BAD : UI_WARN;
        float y = top + (8.0f + (float)i * NEWS_HEIGHT) * s, x = panel.x0 + PAD * s;
        ui_icon(ui, wish ? UI_ICON_WAIT : UI_ICON_ALARM, x + 6.0f * s, y + 10.0f * s, 6.0f * s, color);
        text_at(ui, CANVAS_SMALL_STRONG, x + 22.0f * s, y + 9.0f * s, UI_TEXT,
                ui_fit(ui, CANVAS_SMALL_STRONG, news[i].title, inner, text, sizeof text));
        text_at(ui, CANVAS_SMALL, x + 22.0f * s, y + 25.0f * s, UI_TEXT_2,
                ui_fit(ui, CANVAS_SMALL, news[i].text, inner, text, sizeof text));
    }
    ui->top = panel.y1;
}

void ui_toasts(Ui *ui, const UiToast *toasts, uint32_t count)
{
    float s = canvas_scale(ui->canvas), width = fminf(TOAST_WIDTH * s, ui->width - 2 * MARGIN * s);
    for (uint32_t i = 0; i < count; i++) {
        char text[300];
        CanvasRect panel = { (ui->width - width) * 0.5f, ui->bottom - (TOAST_TALL + 8.0f) * s,
                             (ui->width + width) * 0.5f, ui->bottom - 8.0f * s };
        UiToastKind kind = toasts[i].kind;
        CanvasColor color = kind == UI_TOAST_WAITING ? UI_ACCENT : kind == UI_TOAST_DONE ? UI_GOOD : UI_BAD;
        UiIcon icon = kind == UI_TOAST_WAITING ? UI_ICON_WAIT
                      : kind == UI_TOAST_DONE  ? UI_ICON_SEEN
                                               : UI_ICON_BAD;
        float x = panel.x0 + 46.0f * s, inner = panel.x1 - PAD * s - x;
        ui_solid_glass(ui, panel, RADIUS * s);
        ui_block(ui, panel);
        ui_icon(ui, icon, panel.x0 + 23.0f * s, (panel.y0 + panel.y1) * 0.5f, 9.0f * s, color);
        text_at(ui, CANVAS_STRONG, x, panel.y0 + 15.0f * s, UI_TEXT,
                ui_fit(ui, CANVAS_STRONG, toasts[i].title, inner, text, sizeof text));
        text_at(ui, CANVAS_SMALL, x, panel.y0 + 32.0f * s, color,
                ui_fit(ui, CANVAS_SMALL, toasts[i].text, inner, text, sizeof text));
        ui->bottom = panel.y0;
    }
}

void ui_hint(Ui *ui, const char *key, const char *text)
{
    float s = canvas_scale(ui->canvas);
    float cap = fmaxf(canvas_text_width(ui->canvas, CANVAS_SMALL_STRONG, key) + 14.0f * s, 24.0f * s);
    float width = cap + canvas_text_width(ui->canvas, CANVAS_BODY, text) + (2 * PAD + 8.0f) * s;
    CanvasRect pill = { (ui->width - width) * 0.5f, ui->bottom - 40.0f * s, (ui->width + width) * 0.5f,
                        ui->bottom - 8.0f * s };
    float middle = (pill.y0 + pill.y1) * 0.5f;
    ui_glass(ui, pill, 16.0f * s);
    ui_block(ui, pill);
    ui_key_cap(ui, pill.x0 + PAD * s, middle, key);
    text_at(ui, CANVAS_BODY, pill.x0 + PAD * s + cap + 8.0f * s, middle, UI_TEXT, text);
    ui->bottom = pill.y0;
}

void ui_model_line(Ui *ui, const char *text)
{
    float s = canvas_scale(ui->canvas);
    char fitted[400];
    CanvasRect bar = { 0.0f, ui->bottom - LINE_TALL * s, ui->width, ui->bottom };
    float middle = (bar.y0 + bar.y1) * 0.5f, x = MARGIN * s;
    const char *caption = "Systems at work";
    canvas_fill(ui->canvas, bar, 0.0f, UI_GLASS);
    canvas_line(ui->canvas, 0.0f, bar.y0, ui->width, bar.y0, UI_EDGE, 1.0f);
    text_at(ui, CANVAS_SMALL_STRONG, x, middle, UI_ACCENT, caption);
    x += canvas_text_width(ui->canvas, CANVAS_SMALL_STRONG, caption) + 12.0f * s;
    text_at(ui, CANVAS_SMALL, x, middle, UI_TEXT,
            ui_fit(ui, CANVAS_SMALL, text, ui->width - x - MARGIN * s, fitted, sizeof fitted));
    ui_block(ui, bar);
    ui->bottom = bar.y0;
}

/* ---- the panel ---- */

typedef struct MenuPen {
    CanvasRect panel;
    float x, right, y;
    int under; /* the mouse */
    const UiMenu *menu;
} MenuPen;

static bool has_mouse(const UiMenu *menu, CanvasRect rect)
{
    return menu->mouse_x >= rect.x0 && menu->mouse_x < rect.x1 && menu->mouse_y >= rect.y0 &&
           menu->mouse_y < rect.y1;
}

static void menu_rows(Ui *ui, MenuPen *pen)
{
    const UiMenu *menu = pen->menu;
    float s = canvas_scale(ui->canvas);
    for (uint32_t i = 0; i < menu->row_count; i++) {
        char text[160];
        CanvasRect row = { pen->x - 8.0f * s, pen->y, pen->right + 8.0f * s, pen->y + (MENU_ROW - 4.0f) * s };
        float middle = (row.y0 + row.y1) * 0.5f;
        float note = canvas_text_width(ui->canvas, CANVAS_SMALL, menu->rows[i].note);
        bool chosen = i == menu->selected;
        if (has_mouse(menu, row)) {
            pen->under = (int)i;
            canvas_fill(ui->canvas, row, 6.0f * s, (CanvasColor){ 255, 255, 255, 22 });
        }
        if (chosen) { /* by an outline and an arrow, not by colour alone */
            canvas_fill(ui->canvas, row, 6.0f * s, (CanvasColor){ 118, 189, 255, 48 });
            canvas_outline(ui->canvas, row, 6.0f * s, UI_ACCENT, 1.4f * s);
        }
        text_at(ui, CANVAS_STRONG, pen->x, middle, chosen ? UI_ACCENT : UI_TEXT_2,
                chosen ? "\xE2\x80\xBA" : " ");
        text_at(ui, CANVAS_BODY, pen->x + 16.0f * s, middle, UI_TEXT,
                ui_fit(ui, CANVAS_BODY, menu->rows[i].text, pen->right - pen->x - note - 28.0f * s, text,
                       sizeof text));
        text_at(ui, CANVAS_SMALL, pen->right - note, middle, UI_TEXT_2, menu->rows[i].note);
        pen->y += MENU_ROW * s;
    }
}

static void menu_value(Ui *ui, MenuPen *pen)
{
    const UiMenu *menu = pen->menu;
    float s = canvas_scale(ui->canvas);
    char text[160];
    CanvasRect field = { pen->x, pen->y, pen->right, pen->y + 40.0f * s };
    float middle = (field.y0 + field.y1) * 0.5f,
          unit = canvas_text_width(ui->canvas, CANVAS_BODY, menu->unit);
    canvas_fill(ui->canvas, field, 6.0f * s, (CanvasColor){ 0, 0, 0, 120 });
    canvas_outline(ui->canvas, field, 6.0f * s, UI_ACCENT, 1.4f * s);
    ui_fit(ui, CANVAS_HEADING, menu->value, pen->right - pen->x - unit - 40.0f * s, text, sizeof text);
    float width = canvas_text_width(ui->canvas, CANVAS_HEADING, text);
    text_at(ui, CANVAS_HEADING, field.x0 + 12.0f * s, middle, UI_TEXT, text);
    canvas_line(ui->canvas, field.x0 + 14.0f * s + width, middle - 11.0f * s, field.x0 + 14.0f * s + width,
                middle + 11.0f * s, UI_ACCENT, 1.5f * s);
    text_at(ui, CANVAS_BODY, field.x1 - 12.0f * s - unit, middle, UI_TEXT_2, menu->unit);
    pen->y += 48.0f * s;
    bool wrong = menu->complaint[0] != '\0';
    if (wrong) {
        ui_icon(ui, UI_ICON_BAD, pen->x + 5.0f * s, pen->y + 8.0f * s, 5.0f * s, UI_BAD);
    }
    text_at(ui, CANVAS_SMALL, pen->x + (wrong ? 16.0f * s : 0.0f), pen->y + 8.0f * s,
            wrong ? UI_BAD : UI_TEXT_2, wrong ? menu->complaint : menu->note);
    pen->y += 24.0f * s;
}

static void menu_button(Ui *ui, MenuPen *pen)
{
    float s = canvas_scale(ui->canvas);
    float width = canvas_text_width(ui->canvas, CANVAS_STRONG, pen->menu->button) + 36.0f * s;
    CanvasRect button = { pen->x, pen->y, pen->x + width, pen->y + 34.0f * s };
    bool under = has_mouse(pen->menu, button);
    canvas_fill(ui->canvas, button, 6.0f * s, under ? UI_TEXT : UI_ACCENT);
    text_at(ui, CANVAS_STRONG, button.x0 + 18.0f * s, (button.y0 + button.y1) * 0.5f, UI_ON_LIGHT,
            pen->menu->button);
    pen->under = under ? 0 : pen->under;
    pen->y += 42.0f * s;
}

int ui_menu(Ui *ui, const UiMenu *menu)
{
    Canvas *canvas = ui->canvas;
    float s = canvas_scale(canvas), width = fminf(MENU_WIDTH * s, ui->width - 2 * MARGIN * s);
    float question = menu->question != NULL ? canvas_paragraph(canvas, CANVAS_HEADING, 0, 0,
                                                               width - 40.0f * s, NULL, menu->question) +
                                                  14.0f * s
                                            : 0.0f;
    float tall = 66.0f * s + (float)menu->row_count * MENU_ROW * s +
                 (menu->value != NULL ? 72.0f * s : 0.0f) + question +
                 (menu->button != NULL ? 42.0f * s : 0.0f) + 34.0f * s;
    CanvasRect panel = { (ui->width - width) * 0.5f, (ui->height - tall) * 0.42f, (ui->width + width) * 0.5f,
                         0 };
    panel.y1 = panel.y0 + tall;
    MenuPen pen = { panel, panel.x0 + 20.0f * s, panel.x1 - 20.0f * s, panel.y0 + 66.0f * s, -1, menu };
    ui_solid_glass(ui, panel, 12.0f * s);
    ui_block(ui, panel);
    char text[160];
    text_at(ui, CANVAS_HEADING, pen.x, panel.y0 + 26.0f * s, UI_TEXT,
            ui_fit(ui, CANVAS_HEADING, menu->title, pen.right - pen.x, text, sizeof text));
    text_at(ui, CANVAS_SMALL, pen.x, panel.y0 + 49.0f * s, UI_TEXT_2, menu->heading);
    menu_rows(ui, &pen);
    if (menu->value != NULL) {
        menu_value(ui, &pen);
    }
    if (menu->question != NULL) {
        CanvasColor color = UI_TEXT;
        canvas_paragraph(canvas, CANVAS_HEADING, pen.x, pen.y, width - 40.0f * s, &color, menu->question);
        pen.y += question;
    }
    if (menu->button != NULL) {
        menu_button(ui, &pen);
    }
    text_at(ui, CANVAS_SMALL, pen.x, panel.y1 - 18.0f * s, UI_TEXT_2, menu->keys);
    return pen.under;
}
