/* json: what is refused, and that an error names the line and the pointer of its value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/model/json.h"
#include "tests/unit/shared/arena_fixture.h"

static Status parse(JsonDocument *document, const char *text)
{
    diag = (Diag){ 0 };
    return json_document_parse(document, bytes_of(text, strlen(text)), "a.json", &arena, &diag);
}

static const char *message(void)
{
    static char text[800];
    return diag_format(&diag, text, sizeof text);
}

static void test_refuses_bad_texts(void **state)
{
    (void)state;
    static const char with_nul[] = "{\"a\": \"x\0y\"}";
    const struct {
        const char *text;
        size_t size;
        unsigned line;
    } cases[] = {
        { "", 0, 1 },
        { "{", 1, 1 },
        { "{\n\"a\": 1,\n\"a\": 2}", 18, 3 },
        { "[1,\n 1e999]", 11, 2 },
        { "[NaN]", 5, 1 },
        { "[\"\\u0000\"]", 10, 1 },
        { "[\"\xff\"]", 5, 1 },
        { "[\"\xc3\"]", 5, 1 },
        { "{} x", 4, 1 },
        { "// no\n{}", 8, 1 },
        { with_nul, sizeof with_nul - 1, 1 },
        { "\xef\xbb\xbf{}", 5, 1 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        JsonDocument document;
        diag = (Diag){ 0 };
        Status status =
            json_document_parse(&document, bytes_of(cases[i].text, cases[i].size), "a.json", &arena, &diag);
        if (status != STATUS_MALFORMED || diag.line != cases[i].line) {
            print_error("case %zu: %s\n", i, message());
        }
        assert_int_equal(status, STATUS_MALFORMED);
        assert_int_equal(diag.line, cases[i].line);
        json_document_finish(&document);
    }
}

static void test_refuses_depth_and_volume(void **state)
{
    (void)state;
    JsonDocument document;
    char deep[2 * (JSON_DEPTH_MAX + 1) + 1];
    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(parse(&document, deep), STATUS_MALFORMED);
    assert_non_null(strstr(message(), "nested deeper"));

    deep[2 * JSON_DEPTH_MAX + 1] = '\0';
    assert_int_equal(parse(&document, deep + 1), STATUS_OK); /* one level less */
    json_document_finish(&document);

    size_t size = 2 * (size_t)JSON_VALUES_MAX + 10;
    char *many = malloc(size);
    assert_non_null(many);
    many[0] = '[';
    for (size_t i = 1; i + 1 < size; i++) {
        many[i] = i % 2 ? '1' : ',';
    }
    many[size - 1] = '\0';
    assert_int_equal(parse(&document, many), STATUS_MALFORMED);
    assert_non_null(strstr(message(), "values"));
    free(many);
}

/* Every value of a document with all kinds of layout, each failed once: line and pointer must be right. */
static void test_lines_and_pointers(void **state)
{
    (void)state;
    static const char text[] = "\n"
                               "{ \"first\": [1, 2,\n"
                               "    {\"x\":true,\n"
                               "\"y\\\"}\": [\"br]ace{\",\n"
                               " null ] }],\n"
                               "  \"se/c~ond\":{\n"
                               "    \"empty\": {}, \"none\": [], \"n\"\n"
                               "  :\n"
                               "  -1.5e3\n"
                               "}}\n";
    JsonDocument document;
    assert_int_equal(parse(&document, text), STATUS_OK);
    JsonNode root = json_document_root(&document);
    JsonNode first = json_member(&root, "first");
    JsonNode one = json_element(&first, 1);
    JsonNode two = json_element(&first, 2);
    JsonNode odd = json_member(&two, "y\"}");
    JsonNode odd0 = json_element(&odd, 0);
    JsonNode odd1 = json_element(&odd, 1);
    JsonNode second = json_member(&root, "se/c~ond");
    JsonNode none = json_member(&second, "none");
    JsonNode number = json_member(&second, "n");
    JsonNode absent = json_member(&second, "absent");
    const struct {
        const JsonNode *node;
        const char *message;
    } cases[] = {
        { &root, "a.json:2: bad" },
        { &first, "a.json:2: /first: bad" },
        { &one, "a.json:2: /first/1: bad" },
        { &two, "a.json:3: /first/2: bad" },
        { &odd, "a.json:4: /first/2/y\"}: bad" },
        { &odd0, "a.json:4: /first/2/y\"}/0: bad" },
        { &odd1, "a.json:5: /first/2/y\"}/1: bad" },
        { &second, "a.json:6: /se~1c~0ond: bad" },
        { &none, "a.json:7: /se~1c~0ond/none: bad" },
        { &number, "a.json:9: /se~1c~0ond/n: bad" },
        { &absent, "a.json:6: /se~1c~0ond/absent: bad" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        document.status = STATUS_OK;
        assert_int_equal(json_fail(cases[i].node, STATUS_OUT_OF_RANGE, "%s", "bad"), STATUS_OUT_OF_RANGE);
        assert_string_equal(message(), cases[i].message);
    }
    json_document_finish(&document);
}

static void test_reads_values(void **state)
{
    (void)state;
    JsonDocument document;
    assert_int_equal(
        parse(&document, "{\"n\": 2.5, \"i\": 7, \"b\": true, \"t\": \"a\\u00e9\", \"v\": [1,2,3]}"),
        STATUS_OK);
    JsonNode root = json_document_root(&document);
    JsonNode n = json_required(&root, "n"), i = json_member(&root, "i"), b = json_member(&root, "b");
    JsonNode t = json_member(&root, "t"), v = json_member(&root, "v"), none = json_member(&root, "none");
    assert_true(json_read_number(&n, 0, 10, 0) == 2.5);
    assert_true(json_read_number(&i, 0, 10, 0) == 7);
    assert_true(json_read_boolean(&b, false));
    assert_string_equal(json_read_text(&t, 1, 8, NULL), "a\xc3\xa9");
    float vector[3] = { 0 };
    json_read_vector(&v, 3, 100, vector);
    assert_true(vector[0] == 1 && vector[2] == 3);
    assert_true(json_read_number(&none, 0, 1, 0.25) == 0.25);
    assert_true(json_read_boolean(&none, true));
    assert_null(json_read_text(&none, 1, 8, NULL));
    json_read_vector(&none, 3, 100, vector);
    assert_true(vector[1] == 2);
    assert_int_equal(json_array_size_in(&none, 1, 2), 0);
    assert_int_equal(document.status, STATUS_OK);
    json_document_finish(&document);
}

static void test_reports_first_error_only(void **state)
{
    (void)state;
    JsonDocument document;
    assert_int_equal(parse(&document, "{\"n\": \"x\",\n\"b\": 1,\n\"t\": \"a\\nb\", \"v\": [1,\n\"x\",3]}"),
                     STATUS_OK);
    JsonNode root = json_document_root(&document);
    JsonNode n = json_member(&root, "n"), b = json_member(&root, "b"), t = json_member(&root, "t");
    JsonNode v = json_member(&root, "v");
    float vector[3] = { 9, 9, 9 };

    assert_true(json_read_number(&n, 0, 1, 0.5) == 0.5);
    assert_true(json_read_boolean(&b, true));
    assert_string_equal(message(), "a.json:1: /n: must be a number, not a text");
    assert_null(json_required(&root, "missing").value);
    assert_null(json_member(&root, "b").value); /* nothing can be read after an error */
    assert_string_equal(message(), "a.json:1: /n: must be a number, not a text");

    document.status = STATUS_OK;
    json_read_boolean(&b, true);
    assert_string_equal(message(), "a.json:2: /b: must be true or false, not a number");
    document.status = STATUS_OK;
    assert_string_equal(json_read_text(&t, 1, 9, "f"), "f");
    assert_string_equal(message(), "a.json:3: /t: has a control character");
    document.status = STATUS_OK;
    json_read_vector(&v, 3, 100, vector);
    assert_string_equal(message(), "a.json:4: /v/1: must be a number, not a text");
    assert_true(vector[0] == 9);
    document.status = STATUS_OK;
    json_read_vector(&v, 2, 100, vector);
    assert_string_equal(message(), "a.json:3: /v: has 3 elements, must have 2");
    document.status = STATUS_OK;
    json_required(&root, "missing");
    assert_string_equal(message(), "a.json:1: needs \"missing\"");
    document.status = STATUS_OK;
    json_known_keys(&root, (const char *const[]){ "n", "b", "v", NULL });
    assert_string_equal(message(), "a.json:3: /t: unknown key \"t\"");
    document.status = STATUS_OK;
    json_read_number(&b, 2, 3, 0);
    assert_int_equal(document.status, STATUS_OUT_OF_RANGE);
    json_document_finish(&document);
}

/* A pointer longer than its buffer is cut, not written past it. */
static void test_long_keys(void **state)
{
    (void)state;
    char text[1200];
    char key[500];
    memset(key, '/', sizeof key);
    key[sizeof key - 1] = '\0';
    snprintf(text, sizeof text, "{\"%s\": {\"%s\": 1}}", key, key);
    JsonDocument document;
    assert_int_equal(parse(&document, text), STATUS_OK);
    JsonNode root = json_document_root(&document);
    JsonNode a = json_member(&root, key), b = json_member(&a, key);
    json_fail(&b, STATUS_MALFORMED, "%s", "the reason");
    assert_non_null(strstr(diag.text, "the reason"));
    json_document_finish(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_bad_texts),        cmocka_unit_test(test_refuses_depth_and_volume),
        cmocka_unit_test(test_lines_and_pointers),       cmocka_unit_test(test_reads_values),
        cmocka_unit_test(test_reports_first_error_only), cmocka_unit_test(test_long_keys),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
