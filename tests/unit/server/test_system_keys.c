/* Who may be which system on the bus between processes. */
#include "server/system_keys.h"
#include "shared/wire/key_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct Keys {
    uint8_t own[NOISE_KEY_SIZE], a[NOISE_KEY_SIZE], b[NOISE_KEY_SIZE];
    char text_a[KEY_TEXT_SIZE], text_b[KEY_TEXT_SIZE];
    Arena arena;
} Keys;

static void make_keys(Keys *keys)
{
    memset(keys->own, 1, NOISE_KEY_SIZE);
    memset(keys->a, 2, NOISE_KEY_SIZE);
    memset(keys->b, 3, NOISE_KEY_SIZE);
    key_text_format(keys->a, keys->text_a);
    key_text_format(keys->b, keys->text_b);
    arena_init(&keys->arena, 0);
}

static void knows_who_is_who(void **state)
{
    (void)state;
    Keys k;
    char text[512];
    SystemKeys keys = { 0 };
    make_keys(&k);
    /* without a file: one user's systems, whatever they are called */
    assert_null(system_keys_refuse(&keys, k.own, SYSTEM_TWIN, "plant", k.own));
    assert_non_null(system_keys_refuse(&keys, k.own, SYSTEM_TWIN, "plant", k.a));
    int size = snprintf(text, sizeof text, "# systems\n\ntwin %s plant\r\nservice %s *", k.text_a, k.text_b);
    assert_int_equal(system_keys_parse(bytes_of(text, (size_t)size), "systems", &k.arena, &keys, NULL),
                     STATUS_OK);
    assert_int_equal(keys.count, 2);
    assert_null(system_keys_refuse(&keys, k.own, SYSTEM_TWIN, "plant", k.a));
    assert_string_equal(system_keys_refuse(&keys, k.own, SYSTEM_TWIN, "plant", k.own),
                        "this name belongs to another key");
    assert_string_equal(system_keys_refuse(&keys, k.own, SYSTEM_TWIN, "plant", k.b),
                        "this key is listed for a system of another kind");
    assert_string_equal(system_keys_refuse(&keys, k.own, SYSTEM_SERVICE, "plant", k.a),
                        "this key is listed for a system of another kind");
    assert_string_equal(system_keys_refuse(&keys, k.own, SYSTEM_TWIN, "mill", k.a), "this key is not listed");
    assert_null(system_keys_refuse(&keys, k.own, SYSTEM_SERVICE, "anything", k.b));
    assert_null(system_keys_refuse(&keys, k.own, SYSTEM_TWIN, "mill", k.own));
    arena_finish(&k.arena);
}

static void names_the_line_that_is_wrong(void **state)
{
    (void)state;
    static const char *const lines[] = { "operator K plant", "enabler K plant", "twin plant",
                                         "twin K",           "twin K pl%ant",   "twin K plant mill" };
    Keys k;
    make_keys(&k);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[256] = "# one\n";
        for (const char *c = lines[i]; *c != '\0'; c++) {
            strncat(text, *c == 'K' ? k.text_a : (char[]){ *c, '\0' }, sizeof text - strlen(text) - 1);
        }
        SystemKeys keys = { .count = 7 };
        Diag diag = { 0 };
        assert_int_equal(system_keys_parse(bytes_of(text, strlen(text)), "systems", &k.arena, &keys, &diag),
                         STATUS_MALFORMED);
        assert_int_equal(diag.line, 2);
        assert_string_equal(diag.path, "systems");
        assert_int_equal(keys.count, 7);
    }
    arena_finish(&k.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(knows_who_is_who),
                                        cmocka_unit_test(names_the_line_that_is_wrong) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
