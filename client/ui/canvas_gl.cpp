// canvas_gl.cpp - canvas.h on Dear ImGui 1.86: the one C++ file of the project, kept to what needs ImGui.
#include "client/ui/canvas.h"

extern "C" {
#include "shared/base/log.h"
}

#include <GL/glew.h>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <imgui.h>
#include <imgui_freetype.h>
#include <new>

#include <backends/imgui_impl_opengl3.h>
#include <backends/imgui_impl_sdl.h>

namespace {

const char *const font_folders[] = {
    "/usr/share/fonts/opentype/inter",
    "/usr/share/fonts/inter",
    "/usr/share/fonts/truetype/inter",
    "/usr/local/share/fonts/inter",
};

struct FontChoice {
    const char *file;
    float pixels; // at scale 1
};

const FontChoice font_choices[CANVAS_FONT_COUNT] = {
    { "Inter-Medium.otf", 12.0f },   { "Inter-SemiBold.otf", 12.0f }, { "Inter-Regular.otf", 14.0f },
    { "Inter-SemiBold.otf", 14.0f }, { "Inter-SemiBold.otf", 20.0f },
};

// Latin, Greek, Cyrillic, punctuation, superscripts, currency, arrows, mathematics, shapes.
const ImWchar glyph_ranges[] = {
    0x0020, 0x00FF, 0x0100, 0x017F, 0x0370, 0x03FF, 0x0400, 0x045F, 0x2010, 0x205F, 0x2070, 0x209F,
    0x20A0, 0x20BF, 0x2100, 0x214F, 0x2190, 0x21FF, 0x2200, 0x22FF, 0x25A0, 0x25FF, 0,
};

ImU32 packed(CanvasColor color)
{
    return IM_COL32(color.r, color.g, color.b, color.a);
}

bool readable(const char *path)
{
    FILE *file = std::fopen(path, "rb");
    if (file == nullptr) {
        return false;
    }
    std::fclose(file);
    return true;
}

ImFont *load_font(ImFontAtlas *atlas, const FontChoice &choice, float scale)
{
    char path[256];
    ImFontConfig config;
    config.OversampleH = config.OversampleV = 1;
    config.PixelSnapH = true;
    config.FontBuilderFlags = ImGuiFreeTypeBuilderFlags_LightHinting;
    for (const char *folder : font_folders) {
        std::snprintf(path, sizeof path, "%s/%s", folder, choice.file);
        if (readable(path)) {
            return atlas->AddFontFromFileTTF(path, std::round(choice.pixels * scale), &config, glyph_ranges);
        }
    }
    return nullptr;
}

// Characters of one figure cell: ASCII digits share the widest one's advance.
bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

size_t character_size(const char *text)
{
    size_t size = 1;
    while ((static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) {
        size++;
    }
    return size;
}

} // namespace

struct Canvas {
    ImGuiContext *context;
    ImFont *fonts[CANVAS_FONT_COUNT];
    float digit_width[CANVAS_FONT_COUNT];
    float scale;
    void *window;
    ImDrawList *list; // of the layer chosen, while a frame is open
    GLsync drawn;     // signalled when the device has done the last frame; nullptr: it has
    bool gl_ready, sdl_ready;
};

static void load_fonts(Canvas *canvas)
{
    ImFontAtlas *atlas = ImGui::GetIO().Fonts;
    atlas->FontBuilderIO = ImGuiFreeType::GetBuilderForFreeType();
    bool missing = false;
    for (int i = 0; i < CANVAS_FONT_COUNT; i++) {
        canvas->fonts[i] = load_font(atlas, font_choices[i], canvas->scale);
        if (canvas->fonts[i] == nullptr) {
            ImFontConfig config;
            config.SizePixels = std::round(font_choices[i].pixels * canvas->scale);
            canvas->fonts[i] = atlas->AddFontDefault(&config);
            missing = true;
        }
    }
    if (missing) {
        log_warning("ui", "the font Inter is not installed (package fonts-inter): a built-in font is used");
    }
}

static void measure_digits(Canvas *canvas)
{
    for (int i = 0; i < CANVAS_FONT_COUNT; i++) {
        for (ImWchar digit = '0'; digit <= '9'; digit++) {
            float width = canvas->fonts[i]->GetCharAdvance(digit);
            canvas->digit_width[i] = width > canvas->digit_width[i] ? width : canvas->digit_width[i];
        }
    }
}

Status canvas_create(void *sdl_window, float scale, Canvas **out_canvas, Diag *diag)
{
    Canvas *canvas = new (std::nothrow) Canvas();
    if (canvas == nullptr) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the user interface");
    }
    canvas->scale = scale > 0.0f ? scale : 1.0f;
    canvas->window = sdl_window;
    canvas->context = ImGui::CreateContext();
    ImGui::SetCurrentContext(canvas->context);
    ImGuiIO &io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.LogFilename = nullptr;
    io.ConfigFlags |= ImGuiConfigFlags_NoMouseCursorChange;
    load_fonts(canvas);
    if (!io.Fonts->Build()) {
        canvas_destroy(canvas);
        return diag_set(diag, STATUS_DEVICE_ERROR, "", 0, "the fonts could not be drawn");
    }
    measure_digits(canvas);
    canvas->sdl_ready =
        sdl_window != nullptr && ImGui_ImplSDL2_InitForOpenGL(static_cast<SDL_Window *>(sdl_window), nullptr);
    canvas->gl_ready = ImGui_ImplOpenGL3_Init("#version 450 core");
    if (!canvas->gl_ready) {
        canvas_destroy(canvas);
        return diag_set(diag, STATUS_DEVICE_ERROR, "", 0, "the user interface cannot draw with this OpenGL");
    }
    *out_canvas = canvas;
    return STATUS_OK;
}

void canvas_destroy(Canvas *canvas)
{
    if (canvas == nullptr) {
        return;
    }
    ImGui::SetCurrentContext(canvas->context);
    if (canvas->gl_ready) {
        glDeleteSync(canvas->drawn);
        ImGui_ImplOpenGL3_Shutdown();
    }
    if (canvas->sdl_ready) {
        ImGui_ImplSDL2_Shutdown();
    }
    ImGui::DestroyContext(canvas->context);
    delete canvas;
}

bool canvas_handle_event(Canvas *canvas, const void *sdl_event)
{
    if (!canvas->sdl_ready) {
        return false;
    }
    ImGui_ImplSDL2_ProcessEvent(static_cast<const SDL_Event *>(sdl_event));
    const ImGuiIO &io = ImGui::GetIO();
    return io.WantCaptureMouse || io.WantTextInput;
}

void canvas_begin(Canvas *canvas, uint32_t width, uint32_t height, float seconds)
{
    ImGui::SetCurrentContext(canvas->context);
    ImGui_ImplOpenGL3_NewFrame();
    if (canvas->sdl_ready) {
        ImGui_ImplSDL2_NewFrame();
    }
    // Pixels all through: on a high-density display the window's own units would blur the text.
    ImGuiIO &io = ImGui::GetIO();
    io.DisplaySize = ImVec2(static_cast<float>(width), static_cast<float>(height));
    io.DisplayFramebufferScale = ImVec2(1.0f, 1.0f);
    io.DeltaTime = seconds > 0.0f ? seconds : 1.0f / 60.0f;
    ImGui::NewFrame();
    canvas_layer(canvas, CANVAS_PANEL);
}

void canvas_render(Canvas *canvas)
{
    canvas->list = nullptr;
    ImGui::Render();
    // The framebuffer holds encoded colours and ours are encoded: blending stays in that space.
    GLboolean encode = glIsEnabled(GL_FRAMEBUFFER_SRGB);
    glDisable(GL_FRAMEBUFFER_SRGB);
    ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
    if (encode) {
        glEnable(GL_FRAMEBUFFER_SRGB);
    }
    glDeleteSync(canvas->drawn); // a null one is allowed
    canvas->drawn = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
    glFlush();
}

bool canvas_busy(Canvas *canvas)
{
    if (canvas->drawn == nullptr) {
        return false;
    }
    if (glClientWaitSync(canvas->drawn, 0, 0) == GL_TIMEOUT_EXPIRED) {
        return true;
    }
    glDeleteSync(canvas->drawn);
    canvas->drawn = nullptr;
    return false;
}

float canvas_scale(const Canvas *canvas)
{
    return canvas->scale;
}

void canvas_layer(Canvas *canvas, CanvasLayer layer)
{
    canvas->list = layer == CANVAS_SCENE ? ImGui::GetBackgroundDrawList() : ImGui::GetForegroundDrawList();
}

void canvas_text(Canvas *canvas, CanvasFont font, float x, float y, CanvasColor color, const char *text)
{
    ImFont *chosen = canvas->fonts[font];
    canvas->list->AddText(chosen, chosen->FontSize, ImVec2(std::round(x), std::round(y)), packed(color),
                          text);
}

float canvas_text_width(const Canvas *canvas, CanvasFont font, const char *text)
{
    ImFont *chosen = canvas->fonts[font];
    return chosen->CalcTextSizeA(chosen->FontSize, FLT_MAX, 0.0f, text).x;
}

float canvas_line_height(const Canvas *canvas, CanvasFont font)
{
    return canvas->fonts[font]->FontSize;
}

// Draws (or only measures) text with digits in cells of equal width.
static float figures(const Canvas *canvas, CanvasFont font, float x, float y, const CanvasColor *color,
                     const char *text)
{
    ImFont *chosen = canvas->fonts[font];
    float start = x;
    for (const char *at = text; *at != '\0';) {
        size_t size = character_size(at);
        float width = chosen->CalcTextSizeA(chosen->FontSize, FLT_MAX, 0.0f, at, at + size).x;
        float cell = is_digit(*at) ? canvas->digit_width[font] : width;
        if (color != nullptr) {
            ImVec2 place(std::round(x + (cell - width) * 0.5f), std::round(y));
            canvas->list->AddText(chosen, chosen->FontSize, place, packed(*color), at, at + size);
        }
        x += cell;
        at += size;
    }
    return x - start;
}

void canvas_figures(Canvas *canvas, CanvasFont font, float x, float y, CanvasColor color, const char *text)
{
    figures(canvas, font, x, y, &color, text);
}

float canvas_figures_width(const Canvas *canvas, CanvasFont font, const char *text)
{
    return figures(canvas, font, 0.0f, 0.0f, nullptr, text);
}

float canvas_paragraph(Canvas *canvas, CanvasFont font, float x, float y, float width,
                       const CanvasColor *color, const char *text)
{
    ImFont *chosen = canvas->fonts[font];
    if (color != nullptr) {
        canvas->list->AddText(chosen, chosen->FontSize, ImVec2(std::round(x), std::round(y)), packed(*color),
                              text, nullptr, width);
    }
    return chosen->CalcTextSizeA(chosen->FontSize, FLT_MAX, width, text).y;
}

void canvas_fill(Canvas *canvas, CanvasRect rect, float radius, CanvasColor color)
{
    canvas->list->AddRectFilled(ImVec2(rect.x0, rect.y0), ImVec2(rect.x1, rect.y1), packed(color), radius);
}

void canvas_fill_left(Canvas *canvas, CanvasRect rect, float radius, CanvasColor color)
{
    canvas->list->AddRectFilled(ImVec2(rect.x0, rect.y0), ImVec2(rect.x1, rect.y1), packed(color), radius,
                                ImDrawFlags_RoundCornersLeft);
}

void canvas_outline(Canvas *canvas, CanvasRect rect, float radius, CanvasColor color, float thickness)
{
    canvas->list->AddRect(ImVec2(rect.x0, rect.y0), ImVec2(rect.x1, rect.y1), packed(color), radius, 0,
                          thickness);
}

void canvas_shadow(Canvas *canvas, CanvasRect rect, float radius, float reach, float strength)
{
    // Many faint layers, each a little larger: close to a Gaussian, and cheap.
    const int layers = 6;
    for (int i = layers; i >= 1; i--) {
        float grow = reach * static_cast<float>(i) / static_cast<float>(layers);
        int alpha = static_cast<int>(255.0f * strength / static_cast<float>(layers));
        float drop = reach * 0.35f;
        canvas->list->AddRectFilled(ImVec2(rect.x0 - grow, rect.y0 - grow + drop),
                                    ImVec2(rect.x1 + grow, rect.y1 + grow + drop), IM_COL32(0, 0, 0, alpha),
                                    radius + grow);
    }
}

void canvas_line(Canvas *canvas, float x0, float y0, float x1, float y1, CanvasColor color, float thickness)
{
    canvas->list->AddLine(ImVec2(x0, y0), ImVec2(x1, y1), packed(color), thickness);
}

void canvas_disc(Canvas *canvas, float x, float y, float radius, CanvasColor color)
{
    canvas->list->AddCircleFilled(ImVec2(x, y), radius, packed(color));
}

void canvas_ring(Canvas *canvas, float x, float y, float radius, CanvasColor color, float thickness)
{
    canvas->list->AddCircle(ImVec2(x, y), radius, packed(color), 0, thickness);
}

void canvas_triangle(Canvas *canvas, const float corners[6], CanvasColor color)
{
    canvas->list->AddTriangleFilled(ImVec2(corners[0], corners[1]), ImVec2(corners[2], corners[3]),
                                    ImVec2(corners[4], corners[5]), packed(color));
}
