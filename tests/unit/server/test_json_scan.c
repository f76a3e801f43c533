#include "shared/base/random.h"
#include "shared/mqtt/json_scan.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static ScanPath path_of(const char *text, Arena *arena)
{
    ScanPath path;
    const char *reason = NULL;
    assert_int_equal(scan_path_compile(text, arena, &path, &reason), STATUS_OK);
    return path;
}

static Status scan(const char *text, const ScanPath *paths, size_t count, ScanField *out_fields)
{
    return json_scan(bytes_of(text, strlen(text)), paths, count, out_fields);
}

static void paths_lead_to_values(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    const char *names[] = { "value", "a.b[1].c", "list[2]", "nothing", "a.b[1]", "t", "n", "f", "" };
    ScanPath paths[9];
    ScanField fields[9];
    for (size_t i = 0; i < 9; i++) {
        paths[i] = path_of(names[i], &arena);
    }
    assert_int_equal(
        scan(" {\"x\": {\"value\": 1}, \"value\": -12.50e+1, \"a\": {\"b\": [0, {\"c\": \"hi\"}]},"
             "\"list\": [[1, 2], {}, true], \"t\": \"\\u00e9\\\"\\ud83d\\ude00\", \"n\": null, "
             "\"f\": false} \n",
             paths, 9, fields),
        STATUS_OK);
    double number;
    char text[32];
    assert_int_equal(fields[0].kind, SCAN_NUMBER);
    assert_int_equal(scan_number(&fields[0], &number), STATUS_OK);
    assert_true(number == -125);
    assert_int_equal(fields[1].kind, SCAN_TEXT);
    assert_memory_equal(fields[1].text, "hi", 2);
    assert_int_equal(fields[1].size, 2);
    assert_int_equal(fields[2].kind, SCAN_BOOLEAN);
    assert_true(fields[2].boolean);
    assert_int_equal(fields[3].kind, SCAN_ABSENT);
    assert_int_equal(fields[4].kind, SCAN_COMPOUND);
    assert_true(fields[5].escaped);
    assert_true(scan_text(&fields[5], text, sizeof text, NULL));
    assert_string_equal(text, "\xc3\xa9\"\xf0\x9f\x98\x80");
    assert_false(scan_text(&fields[5], text, 7, NULL)); /* 7 bytes and a terminator */
    assert_int_equal(fields[6].kind, SCAN_NULL);
    assert_int_equal(fields[7].kind, SCAN_BOOLEAN);
    assert_false(fields[7].boolean);
    assert_int_equal(fields[8].kind, SCAN_COMPOUND);
    arena_finish(&arena);
}

static void a_bare_value_is_a_text_too(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    ScanPath whole = path_of("", &arena);
    ScanField field;
    assert_int_equal(scan("21.5", &whole, 1, &field), STATUS_OK);
    assert_int_equal(field.kind, SCAN_NUMBER);
    assert_int_equal(field.size, 4);
    assert_int_equal(scan("", &whole, 1, &field), STATUS_MALFORMED);
    arena_finish(&arena);
}

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "[1,]",
        "[1 2]",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "-",
        "NaN",
        "Infinity",
        "nul",
        "truee",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\u0000\"",
        "\"\x01\"",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "{a:1}",
        "1 1",
        "// x\n1",
        "{\"a\":1,\"a\":2}",
    };
    Arena arena;
    arena_init(&arena, 0);
    ScanPath path = path_of("a", &arena);
    ScanField field;
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        if (scan(wrong[i], &path, 1, &field) != STATUS_MALFORMED) {
            fail_msg("accepted: %s", wrong[i]);
        }
    }
    char deep[2 * SCAN_DEPTH_MAX + 8] = { 0 };
    memset(deep, '[', SCAN_DEPTH_MAX);
    memset(deep + SCAN_DEPTH_MAX, ']', SCAN_DEPTH_MAX);
    assert_int_equal(scan(deep, &path, 1, &field), STATUS_OK);
    memset(deep, '[', SCAN_DEPTH_MAX + 2);
    memset(deep + SCAN_DEPTH_MAX + 2, ']', SCAN_DEPTH_MAX + 2);
    assert_int_equal(scan(deep, &path, 1, &field), STATUS_MALFORMED);
    arena_finish(&arena);
}

static void wrong_paths_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "a..b",  "a.",        "[",
                                         "[x]",   "[1",        "a]",
                                         "a[1]b", "[1234567]", "a.b.c.d.e.f.g.h.i" };
    Arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        ScanPath path;
        const char *reason = NULL;
        if (scan_path_compile(wrong[i], &arena, &path, &reason) != STATUS_MALFORMED || reason == NULL) {
            fail_msg("accepted: %s", wrong[i]);
        }
    }
    arena_finish(&arena);
}

/* jansson is the oracle: same texts accepted, same value found, over texts broken at random. */
static void agrees_with_jansson(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "{\"value\": 21.5, \"time\": 1636070400000000000, \"quality\": \"good\"}",
        "{\"value\":\"\\u00e9\\n\\\\ x\",\"b\":[1,2,{\"c\":null}],\"d\":{}}",
        "[-0.5e-3, true, false, null, \"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\", {\"value\": [[]]}]",
    };
    static const char alphabet[] = "{}[]\",:\\ue0123456789-+.truefalsnl \n\xc3\xa9\xff\x01";
    Arena arena;
    arena_init(&arena, 0);
    ScanPath path = path_of("value", &arena);
    Random random = random_seeded(7);
    int accepted = 0;
    for (int round = 0; round < 60000; round++) {
        char text[128];
        const char *seed = seeds[random_below(&random, ARRAY_COUNT(seeds))];
        size_t size = strlen(seed);
        memcpy(text, seed, size);
        for (uint64_t i = random_below(&random, 4); i > 0; i--) {
            size_t at = random_below(&random, size);
            if (random_below(&random, 3) == 0) {
                memmove(text + at, text + at + 1, --size - at);
            } else {
                text[at] = alphabet[random_below(&random, sizeof alphabet - 1)];
            }
        }
        json_error_t error;
        ScanField field;
        json_t *root = json_loadb(text, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
        Status status = json_scan(bytes_of(text, size), &path, 1, &field);
        /* What jansson cannot hold (a number too large) is JSON all the same; duplicates matter to us only
         * where the path leads. */
        bool known = root == NULL && (json_error_code(&error) == json_error_numeric_overflow ||
                                      json_error_code(&error) == json_error_duplicate_key);
        if (!known && (root != NULL) != (status == STATUS_OK)) {
            fail_msg("jansson %s, we %s: %.*s", root != NULL ? "accepts" : error.text, status_name(status),
                     (int)size, text);
        }
        if (root != NULL) {
            json_t *value = json_object_get(root, "value");
            accepted++;
            assert_int_equal(value == NULL, field.kind == SCAN_ABSENT);
            assert_int_equal(json_is_string(value), field.kind == SCAN_TEXT);
            assert_int_equal(json_is_null(value), field.kind == SCAN_NULL);
            if (json_is_number(value)) {
                double number = 0;
                assert_int_equal(field.kind, SCAN_NUMBER);
                assert_int_equal(scan_number(&field, &number), STATUS_OK);
                assert_true(number == json_number_value(value));
            }
            json_decref(root);
        }
    }
    assert_in_range(accepted, 5000, 59000); /* both outcomes were tried */
    arena_finish(&arena);
}

static void numbers_and_texts_are_written_to_read_back(void **state)
{
    (void)state;
    Random random = random_seeded(3);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = random_u64(&random);
        double number, back = 0;
        memcpy(&number, &bits, sizeof number);
        number = i % 2 == 0 ? round(random_between(&random, -1e6, 1e6)) / 10 : number;
        if (!isfinite(number)) {
            continue;
        }
        char text[32];
        ScanField field = { .kind = SCAN_NUMBER, .text = text, .size = json_put_number(number, text) };
        assert_int_equal(scan_number(&field, &back), STATUS_OK);
        assert_true(back == number);
    }
    char text[32];
    json_put_number(59.6, text);
    assert_string_equal(text, "59.6");
    assert_int_equal(json_escape("a\"\\\n", 4, text, sizeof text), 11);
    assert_string_equal(text, "a\\\"\\\\\\u000a");
    assert_int_equal(json_escape("abcd", 4, text, 4), SIZE_MAX);
    assert_true(scan_is_clean("\xc3\xa9 x", 4));
    assert_false(scan_is_clean("\x7f", 1));
    assert_false(scan_is_clean("\xc3", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_values),
        cmocka_unit_test(a_bare_value_is_a_text_too),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(wrong_paths_are_refused),
        cmocka_unit_test(agrees_with_jansson),
        cmocka_unit_test(numbers_and_texts_are_written_to_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
