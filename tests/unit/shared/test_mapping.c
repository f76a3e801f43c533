/* Patterns, units and the mapping file: what is accepted, and what each refusal says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/trace/pattern.h"
#include "shared/trace/unit.h"
#include "tests/unit/shared/trace_fixture.h"

static Arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_finish(&arena);
    return 0;
}

/* Matches `text` and gives the template's expansion, or NULL. */
static const char *expand(const char *pattern_text, const char *text, const char *template_text)
{
    static char out[300];
    PatternNames names = { 0 };
    Pattern pattern, template;
    PatternCaptures captures = { 0 };
    const char *reason = "";
    assert_int_equal(pattern_compile(pattern_text, &names, &arena, &pattern, &reason), STATUS_OK);
    assert_int_equal(pattern_compile_template(template_text, &names, &arena, &template, &reason), STATUS_OK);
    if (!pattern_match(&pattern, text, strlen(text), &captures)) {
        return NULL;
    }
    assert_true(pattern_expand(&template, &captures, out, sizeof out));
    return out;
}

static void test_pattern_captures(void **state)
{
    (void)state;
    assert_string_equal(expand("Mixer_{n}_*", "Mixer_7_ca6b_9", "Mixer_{n}"), "Mixer_7");
    assert_string_equal(expand("Mixer_{n}_*", "Mixer_25_", "Mixer_{n}"), "Mixer_25");
    assert_string_equal(expand("{a}-{b}.{c}", "x-y-z.q.r", "{c}{b}{a}{a}"), "q.ry-zxx");
    assert_string_equal(expand("{all}", "anything at all", "<{all}>"), "<anything at all>");
    assert_string_equal(expand("a*z", "az", "hit"), "hit");
    assert_string_equal(expand("*.temp", "a.temp.temp", "hit"), "hit");
    assert_string_equal(expand("*", "", "hit"), "hit");
    assert_string_equal(expand("", "", "hit"), "hit");
    assert_string_equal(expand("a\\*b\\{c\\\\", "a*b{c\\", "\\{x\\}"), "{x}");
    assert_null(expand("Mixer_{n}_*", "Mixer__x", "{n}")); /* a capture takes one character or more */
    assert_null(expand("Mixer_{n}_*", "Mixer_7", "{n}"));
    assert_null(expand("Mixer_{n}_*", "xMixer_7_", "{n}"));
    assert_null(expand("a*z", "a", "hit"));
    assert_null(expand("ab*ba", "aba", "hit")); /* the ends must not overlap */
    assert_null(expand("abc", "abcd", "hit"));
    assert_null(expand("{n}", "", "{n}"));
}

/* The wildcard's end is never reconsidered, yet `*` must find every match that exists. */
static bool matches_slowly(const char *pattern, const char *text)
{
    if (*pattern == 0) {
        return *text == 0;
    }
    if (*pattern == '*') {
        return matches_slowly(pattern + 1, text) || (*text && matches_slowly(pattern, text + 1));
    }
    return *pattern == *text && matches_slowly(pattern + 1, text + 1);
}

static void test_pattern_against_backtracking(void **state)
{
    (void)state;
    unsigned hits = 0;
    for (unsigned p = 0; p < 729; p++) {
        char pattern_text[8] = "";
        for (unsigned i = 0, rest = p; i < 6; i++, rest /= 3) {
            pattern_text[i] = "ab*"[rest % 3];
        }
        if (strstr(pattern_text, "**")) {
            continue;
        }
        PatternNames names = { 0 };
        Pattern pattern;
        const char *reason = "";
        assert_int_equal(pattern_compile(pattern_text, &names, &arena, &pattern, &reason), STATUS_OK);
        for (unsigned t = 0; t < 256; t++) {
            char text[9] = "";
            for (unsigned i = 0; i < 8 && (t >> i) > 1; i++) {
                text[i] = (char)('a' + ((t >> i) & 1));
            }
            bool hit = pattern_match(&pattern, text, strlen(text), NULL);
            assert_int_equal(hit, matches_slowly(pattern_text, text));
            hits += hit;
        }
        arena_reset(&arena);
    }
    assert_true(hits > 1000);
}

static void test_pattern_limits(void **state)
{
    (void)state;
    const char *const refused[] = { "a**", "{a}{b}", "*{a}", "{", "{}", "{a", "{a-b}", "a\\", "{a}_{a}" };
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        PatternNames names = { 0 };
        Pattern pattern;
        const char *reason = NULL;
        assert_int_equal(pattern_compile(refused[i], &names, &arena, &pattern, &reason), STATUS_MALFORMED);
        assert_non_null(reason);
    }
    PatternNames names = { 0 };
    Pattern pattern;
    const char *reason = NULL;
    assert_int_equal(pattern_compile_template("{x}", &names, &arena, &pattern, &reason), STATUS_MALFORMED);
    assert_int_equal(pattern_compile("a*b*c*d*e*f*g*h*i*j", &names, &arena, &pattern, &reason),
                     STATUS_MALFORMED);
    assert_int_equal(pattern_compile("*", &names, &arena, &pattern, &reason), STATUS_OK);
    static char text[300];
    memset(text, 'x', sizeof text);
    assert_true(pattern_match(&pattern, text, 255, NULL));
    assert_false(pattern_match(&pattern, text, 256, NULL));

    PatternNames captured = { 0 };
    Pattern template;
    PatternCaptures captures = { 0 };
    char out[4];
    assert_int_equal(pattern_compile("{n}", &captured, &arena, &pattern, &reason), STATUS_OK);
    assert_int_equal(pattern_compile_template("a{n}", &captured, &arena, &template, &reason), STATUS_OK);
    assert_true(pattern_match(&pattern, "123", 3, &captures));
    assert_false(pattern_expand(&template, &captures, out, sizeof out)); /* a123 and its end need 5 */
    assert_true(pattern_match(&pattern, "12", 2, &captures));
    assert_true(pattern_expand(&template, &captures, out, sizeof out));
}

static void expect_conversion(double value, const char *from, const char *to, double expected, double error)
{
    UnitConversion conversion;
    if (!unit_conversion(from, to, &conversion)) {
        fail_msg("no conversion from %s to %s", from, to);
    }
    double result = value * conversion.scale + conversion.offset;
    if (fabs(result - expected) > error) {
        fail_msg("%.17g %s is %.17g %s, not %.17g", value, from, result, to, expected);
    }
}

static void test_units(void **state)
{
    (void)state;
    expect_conversion(212, "degF", "degC", 100, 1e-12);
    expect_conversion(-40, "degF", "degC", -40, 1e-12);
    expect_conversion(-40, "degC", "degF", -40, 1e-12);
    expect_conversion(0, "K", "degC", -273.15, 0);
    expect_conversion(0, "degC", "K", 273.15, 0);
    expect_conversion(32, "degF", "K", 273.15, 1e-12);
    expect_conversion(1.5, "kW", "W", 1500, 0);
    expect_conversion(1, "kWh", "MJ", 3.6, 1e-15);
    expect_conversion(1500, "1/min", "1/s", 25, 1e-12);
    expect_conversion(25, "Hz", "rpm", 1500, 0);
    expect_conversion(1, "bar", "psi", 14.503773773020923, 1e-12);
    expect_conversion(1, "mph", "km/h", 1.609344, 1e-15);
    expect_conversion(36, "m3/h", "l/s", 10, 0);
    expect_conversion(12, "in", "ft", 1, 1e-15);
    expect_conversion(50, "%", "1", 0.5, 0);
    expect_conversion(180, "deg", "rad", 3.14159265358979323846, 1e-15);
    expect_conversion(7, "furlong", "furlong", 7, 0); /* equal names need no table */
    UnitConversion conversion;
    assert_false(unit_conversion("degC", "kW", &conversion));
    assert_false(unit_conversion("degC", "furlong", &conversion));
    assert_false(unit_conversion("degC", "", &conversion));
    assert_false(unit_conversion("W", "VA", &conversion)); /* real and apparent power are two things */
}

#define HEAD_LONG                                                                                   \
    "{\"dtmv_mapping\": 1, \"form\": \"long\", \"header\": false,\n"                                \
    " \"column_names\": [\"t\", \"e\", \"p\", \"v\"],\n \"time\": {\"column\": \"t\", \"format\": " \
    "\"epoch_s\"},\n"                                                                               \
    " \"value\": {\"column\": \"v\"},\n \"rows\": [\n"
#define HEAD_WIDE                                                   \
    "{\"dtmv_mapping\": 1, \"form\": \"wide\", \"header\": true,\n" \
    " \"time\": {\"column\": \"t\", \"format\": \"iso8601\"},\n \"columns\": [\n"

static Status load(const char *text, Diag *diag)
{
    TraceMapping *mapping = NULL;
    *diag = (Diag){ 0 };
    Status status = trace_mapping_load(text_bytes(text), "m.json", &fixture_world, &arena, &mapping, diag);
    assert_int_equal(status == STATUS_OK, mapping != NULL);
    return status;
}

static void expect_accepted(const char *text)
{
    Diag diag;
    Status status = load(text, &diag);
    if (status) {
        fail_msg("%s\n%s: line %u: %s", text, status_name(status), diag.line, diag.text);
    }
}

/* The mapping is refused at `line` with a message that holds `part`. */
static void expect_refused(const char *text, unsigned line, const char *part)
{
    Diag diag;
    Status status = load(text, &diag);
    if (status == STATUS_OK || diag.line != line || !strstr(diag.text, part) ||
        strcmp(diag.path, "m.json") != 0) {
        fail_msg("%s\n%s: line %u: '%s', not line %u: '%s'", text, status_name(status), diag.line, diag.text,
                 line, part);
    }
}

static void test_accepted(void **state)
{
    (void)state;
    expect_accepted(HEAD_LONG "{\"where\": {\"e\": \"pump-*\", \"p\": \"x\"}, \"thing\": \"pump-1\", "
                              "\"property\": \"speed\"}]}");
    expect_accepted(HEAD_LONG "{\"where\": {\"e\": \"P{n}\", \"p\": \"{q}\"}, \"thing\": \"pump-{n}\", "
                              "\"property\": \"{q}\"}]}");
    expect_accepted(HEAD_LONG "{\"where\": {\"e\": \"x\"}, \"thing\": \"tank\", \"property\": "
                              "\"temperature\", \"unit\": \"degF\", \"comment\": \"why\"}]}");
    expect_accepted(HEAD_LONG "{\"where\": {\"e\": \"x\"}, \"thing\": \"pump-1\", \"property\": \"state\", "
                              "\"values\": {\"0\": \"off\", \"1\": \"on\"}}]}");
    expect_accepted(HEAD_LONG "{\"where\": {\"e\": \"x\"}, \"thing\": \"pump-1\", \"property\": \"note\", "
                              "\"values\": {\"0\": \"nothing\"}}]}");
    expect_accepted(HEAD_LONG "{\"where\": {\"e\": \"x\"}, \"thing\": \"pump-1\", \"property\": \"running\", "
                              "\"values\": {\"J\": true, \"N\": 0}}]}");
    expect_accepted("{\"dtmv_mapping\": 1, \"form\": \"wide\", \"header\": true, \"delimiter\": \"tab\", "
                    "\"decimal_mark\": \",\", \"skip_lines\": 3, \"missing\": [\"\", \"NA\"], "
                    "\"strict\": true, \"index_column\": true, \"comment\": \"c\", "
                    "\"time\": {\"column\": \"t\", \"format\": \"DD.MM.YYYY\", \"zone_minutes\": -300}, "
                    "\"columns\": [{\"column\": \"{t}.P\", \"thing\": \"{t}\", \"property\": \"power\", "
                    "\"scale\": 0.001, \"offset\": 1}]}");
}

static void test_refused_head(void **state)
{
    (void)state;
    expect_refused("", 1, "not valid JSON");
    expect_refused("{", 1, "not valid JSON");
    expect_refused("[1]", 1, "object");
    expect_refused("{\"dtmv_mapping\": 2}", 1, "version 1");
    expect_refused("{\"form\": \"long\"}", 1, "dtmv_mapping");
    expect_refused("{\"dtmv_mapping\": 1,\n \"form\": \"tall\"}", 2, "\"long\" or \"wide\"");
    expect_refused("{\"dtmv_mapping\": 1, \"form\": \"wide\",\n\"rows\": []}", 2, "unknown key \"rows\"");
    expect_refused("{\"dtmv_mapping\": 1, \"form\": \"long\",\n\"headers\": true}", 2, "unknown key");
    expect_refused("{\"dtmv_mapping\": 1, \"form\": \"wide\", \"header\": 1}", 1, "true or false");
    expect_refused("{\"dtmv_mapping\": 1, \"form\": \"wide\", \"header\": false}", 1, "column_names");
    static const char *const members[][2] = {
        { "\"delimiter\": \";;\"", "delimiter" },
        { "\"delimiter\": \"\\\"\"", "delimiter" },
        { "\"delimiter\": \"\"", "delimiter" },
        { "\"decimal_mark\": \"x\"", "decimal_mark" },
        { "\"decimal_mark\": \",\"", "differ from the delimiter" },
        { "\"skip_lines\": -1", "skip_lines" },
        { "\"skip_lines\": 1e9", "skip_lines" },
        { "\"skip_lines\": 1.5", "skip_lines" },
        { "\"missing\": \"NA\"", "missing" },
        { "\"missing\": [1]", "missing" },
        { "\"strict\": \"yes\"", "strict" },
        { "\"column_names\": []", "column_names" },
        { "\"column_names\": [\"a\", \"a\"]", "named twice" },
        { "\"column_names\": [\"\"]", "column_names" },
        { "\"column_names\": [\"x\"], \"time\": {\"column\": \"t\", \"format\": \"iso8601\"}", "no 't'" },
        { "\"time\": {\"column\": \"t\"}", "format" },
        { "\"time\": {\"format\": \"iso8601\"}", "column" },
        { "\"time\": {\"column\": \"t\", \"format\": \"YY\"}", "time format 'YY'" },
        { "\"time\": {\"column\": \"t\", \"format\": \"iso8601\", \"zone\": 1}", "unknown key" },
        { "\"time\": {\"column\": \"t\", \"format\": \"iso8601\", \"zone_minutes\": 1440}", "zone_minutes" },
        { "\"time\": {\"column\": \"t\", \"format\": \"iso8601\", \"zone_minutes\": 0.5}", "whole number" },
        { "\"time\": {\"column\": \"t\", \"format\": \"iso8601\"}", "columns" },
        { "\"time\": {\"column\": \"t\", \"format\": \"iso8601\"}, \"columns\": []", "columns" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"dtmv_mapping\": 1, \"form\": \"wide\", \"header\": true, %s}",
                 members[i][0]);
        expect_refused(text, 1, members[i][1]);
    }
}

static void test_refused_rules(void **state)
{
    (void)state;
    static const char *const rules[][2] = {
        { "7", "object" },
        { "{}", "where" },
        { "{\"where\": {}, \"thing\": \"tank\", \"property\": \"power\"}", "where" },
        { "{\"where\": {\"e\": \"x\"}, \"property\": \"power\"}", "thing" },
        { "{\"where\": {\"e\": \"x\"}, \"thing\": \"tank\"}", "property" },
        { "{\"where\": {\"z\": \"x\"}, \"thing\": \"tank\", \"property\": \"power\"}",
          "column_names has no 'z'" },
        { "{\"where\": {\"e\": \"**\"}, \"thing\": \"tank\", \"property\": \"power\"}", "side by side" },
        { "{\"where\": {\"e\": 5}, \"thing\": \"tank\", \"property\": \"power\"}", "a text" },
        { "{\"where\": {\"e\": \"{a}\", \"p\": \"{a}\"}, \"thing\": \"tank\", \"property\": \"power\"}",
          "captured before" },
        { "{\"where\": {\"e\": \"x\"}, \"thing\": \"{n}\", \"property\": \"power\"}",
          "no pattern of the rule" },
        { "{\"where\": {\"e\": \"x\"}, \"thing\": \"tonk\", \"property\": \"power\"}",
          "/rows/0/thing: the world has no thing 'tonk'" },
        { "{\"where\": {\"e\": \"{n}\"}, \"thing\": \"mixer-{n}\", \"property\": \"power\"}",
          "no thing 'mixer-{n}'" },
        { "{\"where\": {\"e\": \"x\"}, \"thing\": \"tank\", \"property\": \"speed\"}",
          "thing 'tank' has no property 'speed'" },
        { "{\"where\": {\"e\": \"x\"}, \"thing\": \"tank\", \"property\": \"power\", \"unit\": \"degF\"}",
          "no conversion from 'degF' to 'kW'" },
        { "{\"where\": {\"e\": \"x\"}, \"thing\": \"tank\", \"property\": \"power\", \"unit\": \"W\", "
          "\"scale\": 2}",
          "converts already" },
        { "{\"where\": {\"e\": \"x\"}, \"thing\": \"pump-1\", \"property\": \"running\", \"scale\": 2}",
          "no number to scale" },
        { "{\"where\": {\"e\": \"x\"}, \"thing\": \"pump-1\", \"property\": \"state\", \"values\": {\"a\": "
          "\"on\", \"b\": \"broken\"}}",
          "/rows/0/values/b: is no value of property 'state'" },
        { "{\"where\": {\"e\": \"x\"}, \"thing\": \"pump-1\", \"property\": \"speed\", \"values\": {\"a\": "
          "1e7}}",
          "is no value" },
        { "{\"where\": {\"e\": \"x\"}, \"thing\": \"pump-1\", \"property\": \"note\", \"values\": {\"a\": "
          "1}}",
          "is no value" },
        { "{\"where\": {\"e\": \"x\"}, \"thing\": \"pump-1\", \"property\": \"note\", \"values\": {}}",
          "values" },
        { "{\"where\": {\"e\": \"x\"}, \"thing\": \"tank\", \"property\": \"power\", \"factor\": 1}",
          "unknown key \"factor\"" },
        { "{\"column\": \"x\", \"thing\": \"tank\", \"property\": \"power\"}", "unknown key \"column\"" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
        char text[1024];
        snprintf(text, sizeof text, HEAD_LONG "%s]}", rules[i][0]);
        expect_refused(text, 6, rules[i][1]);
    }
    expect_refused(HEAD_WIDE "{\"where\": {\"e\": \"x\"}, \"thing\": \"tank\", \"property\": \"power\"}]}", 4,
                   "unknown key \"where\"");
    expect_refused(HEAD_WIDE "{\"thing\": \"tank\",\n\"property\": \"power\"}]}", 4, "column");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pattern_captures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pattern_against_backtracking, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pattern_limits, setup, teardown),
        cmocka_unit_test(test_units),
        cmocka_unit_test_setup_teardown(test_accepted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_head, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_rules, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
