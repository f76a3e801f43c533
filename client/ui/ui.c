#include "client/ui/ui_state.h"

#include "shared/base/log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

Status ui_create(const UiConfig *config, Ui **out_ui, Diag *diag)
{
    Ui *ui = calloc(1, sizeof *ui);
    if (ui == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the user interface");
    }
    arena_init(&ui->arena, (size_t)16 << 20);
    ui->layout = label_layout_create();
    Status status = ui->layout != NULL
                        ? canvas_create(config->sdl_window, config->scale, &ui->canvas, diag)
                        : diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the user interface");
    if (status != STATUS_OK) {
        ui_destroy(ui);
        return status;
    }
    *out_ui = ui;
    return STATUS_OK;
}

void ui_destroy(Ui *ui)
{
    if (ui == NULL) {
        return;
    }
    canvas_destroy(ui->canvas);
    label_layout_destroy(ui->layout);
    arena_finish(&ui->arena);
    free(ui);
}

bool ui_handle_event(void *ui, const void *sdl_event)
{
    return canvas_handle_event(((Ui *)ui)->canvas, sdl_event);
}

void ui_begin(Ui *ui, uint32_t width, uint32_t height, float seconds)
{
    arena_reset(&ui->arena);
    ui->width = (float)width;
    ui->height = (float)height;
    ui->seconds = seconds;
    ui->time += (double)seconds;
    ui->labels = NULL;
    ui->label_count = ui->tag_count = ui->blocked_count = 0;
    ui->top = 0.0f;
    ui->bottom = ui->height;
    canvas_begin(ui->canvas, width, height, seconds);
}

static const char *copy_text(Ui *ui, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    const char *copy = arena_copy_text(&ui->arena, text, strlen(text));
    return copy != NULL ? copy : "";
}

static bool copy_label(Ui *ui, const UiLabel *label, UiLabel *out_copy)
{
    UiLabelLine *lines = arena_new_array(&ui->arena, UiLabelLine, label->line_count);
    if (lines == NULL) {
        return false;
    }
    *out_copy = *label;
    out_copy->id = copy_text(ui, label->id);
    out_copy->title = copy_text(ui, label->title != NULL ? label->title : "");
    out_copy->badge = copy_text(ui, label->badge);
    out_copy->lines = lines;
    for (uint32_t i = 0; i < label->line_count; i++) {
        lines[i] = label->lines[i];
        lines[i].name = copy_text(ui, label->lines[i].name);
        lines[i].value = copy_text(ui, label->lines[i].value);
        lines[i].unit = copy_text(ui, label->lines[i].unit);
        lines[i].age = copy_text(ui, label->lines[i].age);
    }
    return true;
}

void ui_labels(Ui *ui, const UiLabel *labels, uint32_t count)
{
    UiLabel *copies = arena_new_array(&ui->arena, UiLabel, count);
    if (copies == NULL) {
        log_warning("ui", "no memory for %u labels: none is drawn", count);
        return;
    }
    ui->labels = copies;
    ui->label_count = 0;
    while (ui->label_count < count && copy_label(ui, &labels[ui->label_count], &copies[ui->label_count])) {
        ui->label_count++;
    }
}

void ui_name_tag(Ui *ui, float x, float y, float depth, const char *name, const float color[3])
{
    if (ui->tag_count == UI_TAGS_MAX || name == NULL || name[0] == '\0') {
        return;
    }
    ui->tags[ui->tag_count++] = (NameTag){
        .x = x, .y = y, .depth = depth, .name = copy_text(ui, name), .color = { color[0], color[1], color[2] }
    };
}

void ui_block(Ui *ui, CanvasRect rect)
{
    if (ui->blocked_count < UI_BLOCKS_MAX) {
        ui->blocked[ui->blocked_count++] = rect;
    }
}

static void glass(Ui *ui, CanvasRect rect, float radius, CanvasColor color)
{
    float scale = canvas_scale(ui->canvas);
    canvas_shadow(ui->canvas, rect, radius, 9.0f * scale, 0.30f);
    canvas_fill(ui->canvas, rect, radius, color);
    canvas_outline(ui->canvas, rect, radius, UI_EDGE, 1.0f);
}

void ui_glass(Ui *ui, CanvasRect rect, float radius)
{
    glass(ui, rect, radius, UI_GLASS);
}

void ui_solid_glass(Ui *ui, CanvasRect rect, float radius)
{
    CanvasColor color = UI_GLASS;
    color.a = 250;
    glass(ui, rect, radius, color);
}

static uint8_t channel(float value)
{
    return (uint8_t)lroundf(fminf(fmaxf(value, 0.0f), 1.0f) * 255.0f);
}

CanvasColor ui_color(const float rgb[3], CanvasColor otherwise)
{
    if (rgb[0] <= 0.0f && rgb[1] <= 0.0f && rgb[2] <= 0.0f) {
        return otherwise;
    }
    return (CanvasColor){ channel(rgb[0]), channel(rgb[1]), channel(rgb[2]), 255 };
}

void ui_icon(Ui *ui, UiIcon icon, float x, float y, float r, CanvasColor color)
{
    Canvas *canvas = ui->canvas;
    float thin = fmaxf(1.0f, r * 0.3f);
    switch (icon) {
    case UI_ICON_OK:
        canvas_disc(canvas, x, y, r * 0.7f, color);
        break;
    case UI_ICON_ALARM: { /* a triangle with its mark */
        const float corners[6] = { x, y - r, x + r * 1.1f, y + r * 0.85f, x - r * 1.1f, y + r * 0.85f };
        CanvasColor mark = UI_ON_LIGHT;
        canvas_triangle(canvas, corners, color);
        canvas_line(canvas, x, y - r * 0.4f, x, y + r * 0.2f, mark, thin);
        canvas_disc(canvas, x, y + r * 0.55f, thin * 0.55f, mark);
        break;
    }
    case UI_ICON_SEEN: /* a tick */
        canvas_line(canvas, x - r * 0.8f, y, x - r * 0.2f, y + r * 0.6f, color, thin);
        canvas_line(canvas, x - r * 0.2f, y + r * 0.6f, x + r * 0.9f, y - r * 0.6f, color, thin);
        break;
    case UI_ICON_STALE: /* a clock */
        canvas_ring(canvas, x, y, r * 0.85f, color, fmaxf(1.0f, r * 0.22f));
        canvas_line(canvas, x, y, x, y - r * 0.55f, color, fmaxf(1.0f, r * 0.22f));
        canvas_line(canvas, x, y, x + r * 0.4f, y, color, fmaxf(1.0f, r * 0.22f));
        break;
    case UI_ICON_WAIT: { /* an hourglass */
        const float upper[6] = { x - r * 0.75f, y - r, x + r * 0.75f, y - r, x, y };
        const float lower[6] = { x, y, x + r * 0.75f, y + r, x - r * 0.75f, y + r };
        canvas_triangle(canvas, upper, color);
        canvas_triangle(canvas, lower, color);
        canvas_line(canvas, x - r * 0.85f, y - r, x + r * 0.85f, y - r, color, fmaxf(1.0f, r * 0.25f));
        canvas_line(canvas, x - r * 0.85f, y + r, x + r * 0.85f, y + r, color, fmaxf(1.0f, r * 0.25f));
        break;
    }
    case UI_ICON_BAD: /* a cross */
        canvas_line(canvas, x - r * 0.7f, y - r * 0.7f, x + r * 0.7f, y + r * 0.7f, color, thin);
        canvas_line(canvas, x - r * 0.7f, y + r * 0.7f, x + r * 0.7f, y - r * 0.7f, color, thin);
        break;
    }
}

bool ui_busy(Ui *ui)
{
    return canvas_busy(ui->canvas);
}

void ui_render(Ui *ui)
{
    canvas_layer(ui->canvas, CANVAS_SCENE);
    ui_draw_labels(ui);
    canvas_render(ui->canvas);
}
