/* The headless platform, the table of keys, PNG capture and what a person is told without a display. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <GL/glew.h>
#include <cmocka.h>
#include <stb/stb_image.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/platform/keymap_sdl.h"
#include "client/platform/platform.h"

static void test_headless_context(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) { /* a second one after the first is destroyed works as well */
        Platform *platform = NULL;
        Diag diag = { 0 };
        PlatformConfig config = { .headless = true, .width = 320, .height = 200 };
        if (platform_create(&config, &platform, &diag) != STATUS_OK) {
            assert_null(platform);
            print_message("no EGL here: %s\n", diag.text);
            skip();
        }
        GLint major = 0;
        GLint minor = 0;
        glGetIntegerv(GL_MAJOR_VERSION, &major);
        glGetIntegerv(GL_MINOR_VERSION, &minor);
        assert_true(major * 10 + minor >= 45);
        assert_non_null((void *)(uintptr_t)glCreateTextures);
        assert_null(platform_window(platform));
        PlatformInput input;
        platform_poll(platform, &input);
        assert_int_equal(input.width, 320);
        assert_int_equal(input.height, 200);
        assert_true(input.resized);
        assert_true(input.scale == 1.0F);
        platform_present(platform);
        platform_set_event_hook(platform, NULL, NULL);
        platform_poll(platform, &input);
        assert_false(input.resized || input.quit || input.held[CONTROL_FORWARD]);
        platform_destroy(platform);
    }
    platform_destroy(NULL);
}

static void test_no_display_says_what_to_do(void **state)
{
    (void)state;
    unsetenv("DISPLAY");
    unsetenv("WAYLAND_DISPLAY");
    unsetenv("SDL_VIDEODRIVER");
    Platform *platform = NULL;
    Diag diag = { 0 };
    assert_int_equal(platform_create(&(PlatformConfig){ 0 }, &platform, &diag), STATUS_DEVICE_ERROR);
    assert_string_equal(diag.text, "no display: set DISPLAY or run with --headless");
    setenv("DISPLAY", ":4093", 1);
    assert_int_equal(platform_create(&(PlatformConfig){ 0 }, &platform, &diag), STATUS_DEVICE_ERROR);
    assert_non_null(strstr(diag.text, ":4093"));
    assert_non_null(strstr(diag.text, "--headless"));
    assert_null(platform);
    unsetenv("DISPLAY");
}

static void test_default_keys(void **state)
{
    (void)state;
    Keymap keymap;
    assert_int_equal(keymap_build(NULL, &keymap, NULL), STATUS_OK);
    assert_int_equal(keymap.control[SDL_SCANCODE_W], CONTROL_FORWARD);
    assert_int_equal(keymap.control[SDL_SCANCODE_UP], CONTROL_FORWARD);
    assert_int_equal(keymap.control[SDL_SCANCODE_A], CONTROL_LEFT);
    assert_int_equal(keymap.control[SDL_SCANCODE_LEFT], CONTROL_TURN_LEFT);
    assert_int_equal(keymap.control[SDL_SCANCODE_LSHIFT], CONTROL_RUN);
    assert_int_equal(keymap.control[SDL_SCANCODE_F12], CONTROL_SCREENSHOT);
    assert_int_equal(keymap.control[SDL_SCANCODE_ESCAPE], CONTROL_QUIT);
    assert_int_equal(keymap.control[SDL_SCANCODE_Z], CONTROL_COUNT);
    for (int control = 0; control < CONTROL_COUNT; control++) { /* every control has a key and a text */
        bool found = false;
        for (int code = 0; code < SDL_NUM_SCANCODES; code++) {
            found = found || keymap.control[code] == control;
        }
        assert_true(found);
        assert_true(strlen(control_text((Control)control)) > 0);
    }
}

static void test_remapped_keys(void **state)
{
    (void)state;
    const char *keys[CONTROL_COUNT] = {
        [CONTROL_FORWARD] = " Z ,Keypad 8", [CONTROL_BACK] = "H", [CONTROL_HELP] = ""
    };
    Keymap keymap;
    assert_int_equal(keymap_build(keys, &keymap, NULL), STATUS_OK);
    assert_int_equal(keymap.control[SDL_SCANCODE_Z], CONTROL_FORWARD);
    assert_int_equal(keymap.control[SDL_SCANCODE_KP_8], CONTROL_FORWARD);
    assert_int_equal(keymap.control[SDL_SCANCODE_W], CONTROL_COUNT);
    assert_int_equal(keymap.control[SDL_SCANCODE_H], CONTROL_BACK); /* a choice beats a default */
    assert_int_equal(keymap.control[SDL_SCANCODE_F1], CONTROL_COUNT);
    assert_int_equal(keymap.control[SDL_SCANCODE_D], CONTROL_RIGHT);

    keys[CONTROL_RUN] = "Left Shift, Any Key";
    Diag diag = { 0 };
    Keymap before = keymap;
    assert_int_equal(keymap_build(keys, &keymap, &diag), STATUS_INVALID_ARGUMENT);
    assert_string_equal(diag.text, "control 'run': there is no key 'Any Key'");
    assert_memory_equal(&before, &keymap, sizeof keymap);
}

static void test_capture_png_round_trip(void **state)
{
    (void)state;
    enum { WIDTH = 37, HEIGHT = 21 };
    uint8_t pixels[WIDTH * HEIGHT * 4];
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 7 + i / 128);
    }
    char path[] = "capture_XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(capture_png(path, pixels, WIDTH, HEIGHT, NULL), STATUS_OK);
    int width = 0;
    int height = 0;
    int channels = 0;
    uint8_t *read = stbi_load(path, &width, &height, &channels, 4);
    unlink(path);
    assert_non_null(read);
    assert_int_equal(width, WIDTH);
    assert_int_equal(height, HEIGHT);
    assert_memory_equal(read, pixels, sizeof pixels);
    stbi_image_free(read);
    Diag diag = { 0 };
    assert_int_equal(capture_png("no/such/folder/x.png", pixels, WIDTH, HEIGHT, &diag), STATUS_IO_ERROR);
    assert_string_equal(diag.path, "no/such/folder/x.png");
    assert_int_equal(capture_png(path, pixels, 0, HEIGHT, &diag), STATUS_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headless_context),       cmocka_unit_test(test_no_display_says_what_to_do),
        cmocka_unit_test(test_default_keys),           cmocka_unit_test(test_remapped_keys),
        cmocka_unit_test(test_capture_png_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
