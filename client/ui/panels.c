/* panels.c - figures, the strip that names the reference model, the key list, notices. */
#include "client/ui/ui_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Pixels at scale 1. */
#define MARGIN       12.0f
#define PAD          12.0f
#define ROW          18.0f
#define HUD_WIDTH    248.0f
#define STRIP_HEIGHT 30.0f
#define RADIUS       10.0f

typedef struct Cursor {
    float left, right, y;
} Cursor;

static void row(Ui *ui, Cursor *cursor, const char *name, const char *value, CanvasColor color)
{
    Canvas *canvas = ui->canvas;
    float s = canvas_scale(canvas);
    float y = cursor->y + (ROW * s - canvas_line_height(canvas, CANVAS_SMALL)) * 0.5f;
    canvas_text(canvas, CANVAS_SMALL, cursor->left, y, UI_TEXT_2, name);
    canvas_figures(canvas, CANVAS_SMALL, cursor->right - canvas_figures_width(canvas, CANVAS_SMALL, value), y,
                   color, value);
    cursor->y += ROW * s;
}

static void rule(Ui *ui, Cursor *cursor)
{
    float s = canvas_scale(ui->canvas);
    canvas_line(ui->canvas, cursor->left, cursor->y + 4.0f * s, cursor->right, cursor->y + 4.0f * s, UI_RULE,
                1.0f);
    cursor->y += 9.0f * s;
}

static void hud_header(Ui *ui, Cursor *cursor, const UiHud *hud)
{
    Canvas *canvas = ui->canvas;
    float s = canvas_scale(canvas);
    char text[400];
    canvas_text(canvas, CANVAS_STRONG, cursor->left, cursor->y, UI_TEXT, hud->world);
    cursor->y += 20.0f * s;
    ui_icon(ui, hud->connected ? UI_ICON_OK : UI_ICON_STALE, cursor->left + 4.0f * s, cursor->y + 7.0f * s,
            5.0f * s, hud->connected ? UI_GOOD : UI_WARN);
    snprintf(text, sizeof text, "%s \xC2\xB7 %s", hud->state, hud->server);
    canvas_text(canvas, CANVAS_SMALL, cursor->left + 14.0f * s, cursor->y, UI_TEXT_2, text);
    cursor->y += 18.0f * s;
}

static void hud_machine(Ui *ui, Cursor *cursor, const UiHud *hud)
{
    char text[64];
    snprintf(text, sizeof text, "%.*f fps  \xC2\xB7  %.1f ms", hud->fps < 10.0 ? 1 : 0, hud->fps,
             hud->frame_ms);
    row(ui, cursor, "Frames", text, UI_TEXT);
    snprintf(text, sizeof text, "%.1f ms  \xC2\xB7  p99 %.1f ms", hud->cpu_ms_p50, hud->cpu_ms_p99);
    row(ui, cursor, "CPU a frame", text, UI_TEXT);
    snprintf(text, sizeof text, "%.1f ms", hud->round_trip_ms);
    row(ui, cursor, "Round trip", text, UI_TEXT);
    snprintf(text, sizeof text, "%.1f kB/s", hud->bytes_per_s / 1000.0);
    row(ui, cursor, "Received", text, UI_TEXT);
    snprintf(text, sizeof text, "%.0f ms", hud->delay_ms);
    row(ui, cursor, "Shown behind server", text, UI_TEXT);
}

static void hud_source(Ui *ui, Cursor *cursor, const UiHud *hud)
{
    char text[64];
    row(ui, cursor, "Source", hud->source_time, UI_TEXT);
    snprintf(text, sizeof text, "\xC3\x97 %.1f", hud->source_speed);
    row(ui, cursor, "Source speed", text, UI_TEXT);
    if (isfinite(hud->newest_age_s)) {
        snprintf(text, sizeof text, "%.1f s old", hud->newest_age_s);
    } else {
        snprintf(text, sizeof text, "none yet");
    }
    row(ui, cursor, "Newest sample", text, UI_TEXT);
}

static void hud_world(Ui *ui, Cursor *cursor, const UiHud *hud)
{
    float s = canvas_scale(ui->canvas);
    char text[96];
    snprintf(text, sizeof text, "%u", hud->people);
    row(ui, cursor, "People", text, UI_TEXT);
    if (hud->things_stale + hud->things_bad == 0) {
        snprintf(text, sizeof text, "%u, all fresh", hud->things);
    } else {
        snprintf(text, sizeof text, "%u: %u stale, %u bad", hud->things, hud->things_stale, hud->things_bad);
    }
    row(ui, cursor, "Things", text, hud->things_bad > 0 ? UI_BAD : hud->things_stale > 0 ? UI_WARN : UI_TEXT);
    snprintf(text, sizeof text, "%u", hud->alarms);
    if (hud->alarms > 0) {
        float width = canvas_figures_width(ui->canvas, CANVAS_SMALL, text);
        ui_icon(ui, UI_ICON_ALARM, cursor->right - width - 11.0f * s, cursor->y + ROW * s * 0.5f, 5.5f * s,
                UI_BAD);
    }
    row(ui, cursor, "Alarms", text, hud->alarms > 0 ? UI_BAD : UI_TEXT);
    snprintf(text, sizeof text, "%u", hud->service_alarms);
    row(ui, cursor, "Found by services", text, hud->service_alarms > 0 ? UI_BAD : UI_TEXT);
    snprintf(text, sizeof text, "%u", hud->commands);
    row(ui, cursor, "Commands under way", text, hud->commands > 0 ? UI_ACCENT : UI_TEXT);
}

static void model_strip(Ui *ui, const UiHud *hud)
{
    Canvas *canvas = ui->canvas;
    float s = canvas_scale(canvas), small = canvas_line_height(canvas, CANVAS_SMALL);
    CanvasRect bar = { 0.0f, ui->height - STRIP_HEIGHT * s, ui->width, ui->height };
    float y = bar.y0 + (STRIP_HEIGHT * s - small) * 0.5f, x = MARGIN * s;
    const char *caption = "Reference model";
    char hint[160];
    canvas_fill(canvas, bar, 0.0f, UI_GLASS);
    canvas_line(canvas, 0.0f, bar.y0, ui->width, bar.y0, UI_EDGE, 1.0f);
    canvas_text(canvas, CANVAS_SMALL_STRONG, x, y, UI_ACCENT, caption);
    x += canvas_text_width(canvas, CANVAS_SMALL_STRONG, caption) + 12.0f * s;
    canvas_text(canvas, CANVAS_SMALL, x, y, UI_TEXT, hud->model_element);
    x += canvas_text_width(canvas, CANVAS_SMALL, hud->model_element) + 24.0f * s;
    snprintf(hint, sizeof hint, "%s  \xC2\xB7  F1 keys", hud->camera_mode);
    float hint_x = ui->width - MARGIN * s - canvas_text_width(canvas, CANVAS_SMALL, hint);
    if (hint_x > x) {
        canvas_text(canvas, CANVAS_SMALL, hint_x, y, UI_TEXT_2, hint);
    }
    ui_block(ui, bar);
    ui->bottom = bar.y0;
}

void ui_hud(Ui *ui, const UiHud *hud)
{
    float s = canvas_scale(ui->canvas);
    CanvasRect panel = { MARGIN * s, MARGIN * s, (MARGIN + HUD_WIDTH) * s, 0.0f };
    panel.y1 = panel.y0 + (2 * PAD + 20.0f + 18.0f + 3 * 9.0f + 13 * ROW - 2.0f) * s;
    ui->top = panel.y1;
    ui_glass(ui, panel, RADIUS * s);
    ui_block(ui, panel);
    Cursor cursor = { panel.x0 + PAD * s, panel.x1 - PAD * s, panel.y0 + PAD * s };
    hud_header(ui, &cursor, hud);
    rule(ui, &cursor);
    hud_machine(ui, &cursor, hud);
    rule(ui, &cursor);
    hud_source(ui, &cursor, hud);
    rule(ui, &cursor);
    hud_world(ui, &cursor, hud);
    model_strip(ui, hud);
}

float ui_key_cap(Ui *ui, float x, float middle, const char *key)
{
    Canvas *canvas = ui->canvas;
    float s = canvas_scale(canvas);
    float width = fmaxf(canvas_text_width(canvas, CANVAS_SMALL_STRONG, key) + 14.0f * s, 24.0f * s);
    CanvasRect cap = { x, middle - 10.0f * s, x + width, middle + 10.0f * s };
    canvas_fill(canvas, cap, 4.0f * s, (CanvasColor){ 62, 72, 86, 255 });
    canvas_outline(canvas, cap, 4.0f * s, (CanvasColor){ 255, 255, 255, 60 }, 1.0f);
    canvas_text(canvas, CANVAS_SMALL_STRONG,
                x + (width - canvas_text_width(canvas, CANVAS_SMALL_STRONG, key)) * 0.5f,
                middle - canvas_line_height(canvas, CANVAS_SMALL_STRONG) * 0.5f, UI_TEXT, key);
    return width;
}

static void key_caps(Ui *ui, float x, float middle, const char *keys)
{
    float s = canvas_scale(ui->canvas);
    char text[128];
    snprintf(text, sizeof text, "%s", keys);
    char *rest = text;
    for (char *key = strtok_r(text, ",", &rest); key != NULL; key = strtok_r(NULL, ",", &rest)) {
        key += strspn(key, " ");
        x += ui_key_cap(ui, x, middle, key) + 5.0f * s;
    }
}

static void dim(Ui *ui)
{
    CanvasRect all = { 0.0f, 0.0f, ui->width, ui->height };
    canvas_fill(ui->canvas, all, 0.0f, (CanvasColor){ 6, 9, 14, 120 });
}

void ui_help(Ui *ui, const UiKey *keys, uint32_t count)
{
    static const UiKey mouse[] = { { "Drag", "look around, or turn the orbit" },
                                   { "Wheel", "come nearer, go farther" } };
    Canvas *canvas = ui->canvas;
    float s = canvas_scale(canvas);
    uint32_t total = count + 2;
    float height = fminf(27.0f * s, (ui->height - 110.0f * s) / (float)total);
    float width = 470.0f * s, tall = (float)total * height + 66.0f * s;
    CanvasRect panel = { (ui->width - width) * 0.5f, (ui->height - tall) * 0.5f, (ui->width + width) * 0.5f,
                         (ui->height + tall) * 0.5f };
    dim(ui);
    ui_solid_glass(ui, panel, 12.0f * s);
    canvas_text(canvas, CANVAS_HEADING, panel.x0 + 22.0f * s, panel.y0 + 17.0f * s, UI_TEXT, "Keys");
    for (uint32_t i = 0; i < total; i++) {
        const UiKey *key = i < count ? &keys[i] : &mouse[i - count];
        float middle = panel.y0 + 52.0f * s + ((float)i + 0.5f) * height;
        key_caps(ui, panel.x0 + 22.0f * s, middle, key->keys);
        canvas_text(canvas, CANVAS_BODY, panel.x0 + 222.0f * s,
                    middle - canvas_line_height(canvas, CANVAS_BODY) * 0.5f, UI_TEXT, key->action);
    }
}

void ui_notice(Ui *ui, const char *title, const char *text, float progress, bool error)
{
    Canvas *canvas = ui->canvas;
    float s = canvas_scale(canvas), width = fminf(440.0f * s, ui->width - 2 * MARGIN * s);
    float inner = width - 48.0f * s;
    float body = canvas_paragraph(canvas, CANVAS_BODY, 0.0f, 0.0f, inner, NULL, text);
    float tall = 24.0f * s + 30.0f * s + body + (progress >= 0.0f ? 26.0f * s : 0.0f) + 20.0f * s;
    CanvasRect panel = { (ui->width - width) * 0.5f, (ui->height - tall) * 0.45f, (ui->width + width) * 0.5f,
                         0.0f };
    panel.y1 = panel.y0 + tall;
    dim(ui);
    ui_solid_glass(ui, panel, 12.0f * s);
    ui_block(ui, panel);
    float x = panel.x0 + 24.0f * s, y = panel.y0 + 22.0f * s;
    float title_x = x;
    if (error) {
        ui_icon(ui, UI_ICON_ALARM, x + 10.0f * s, y + canvas_line_height(canvas, CANVAS_HEADING) * 0.5f,
                9.0f * s, UI_BAD);
        title_x += 30.0f * s;
    }
    canvas_text(canvas, CANVAS_HEADING, title_x, y, UI_TEXT, title);
    y += 32.0f * s;
    CanvasColor color = UI_TEXT_2;
    canvas_paragraph(canvas, CANVAS_BODY, x, y, inner, &color, text);
    if (progress >= 0.0f) {
        y += body + 14.0f * s;
        CanvasRect track = { x, y, x + inner, y + 6.0f * s };
        canvas_fill(canvas, track, 3.0f * s, (CanvasColor){ 255, 255, 255, 40 });
        track.x1 = x + fmaxf(inner * fminf(progress, 1.0f), 6.0f * s);
        canvas_fill(canvas, track, 3.0f * s, UI_ACCENT);
    }
}
