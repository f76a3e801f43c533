/* What actions drive: the dtmv: terms of a Thing Description, right and wrong, and what they say about
 * inputs, wishes and reported values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "shared/model/thing.h"
#include "tests/unit/shared/arena_fixture.h"

/* Line 3 holds the actions. */
#define HEAD                                                                                            \
    "{\"@context\": \"https://www.w3.org/2022/wot/td/v1.1\", \"title\": \"Pump\", \"security\": \"n\"," \
    "\"securityDefinitions\": {\"n\": {\"scheme\": \"nosec\"}},\n"                                      \
    "\"properties\": {\"speed\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 1500},"           \
    "\"level\": {\"type\": \"number\"},"                                                                \
    "\"open\": {\"type\": \"boolean\"},"                                                                \
    "\"state\": {\"type\": \"string\", \"enum\": [\"STOPPED\", \"RUNNING\", \"LOCKED\"]},"              \
    "\"note\": {\"type\": \"string\"},"                                                                 \
    "\"position\": {\"type\": \"number\", \"minimum\": 0, \"maximum\": 100, \"multipleOf\": 0.1}},\n"

enum { SPEED, LEVEL, OPEN, STATE, NOTE, POSITION, PROPERTIES };

static ThingModel model;

static Status load(const char *actions)
{
    static char json[8192];
    int size = snprintf(json, sizeof json, HEAD "\"actions\": {%s}}", actions);
    assert_true(size > 0 && size < (int)sizeof json);
    diag = (Diag){ 0 };
    return thing_model_load(bytes_of(json, (size_t)size), "a.td.json", &arena, &model, &diag);
}

static const Action *action_of(const char *terms)
{
    char actions[4096];
    snprintf(actions, sizeof actions, "\"other\": {}, \"act\": {%s}", terms);
    assert_int_equal(load(actions), STATUS_OK);
    assert_int_equal(thing_action_index(&model, "act"), 1);
    return &model.actions[1];
}

static Value number(double value)
{
    return (Value){ .type = VALUE_NUMBER, .number = value };
}

static Reported good(int64_t code)
{
    return (Reported){ .code = code, .source_time = 1, .quality = QUALITY_GOOD };
}

static int64_t exact(double value)
{
    int64_t code;
    memcpy(&code, &value, sizeof code);
    return code;
}

/* ---- terms ---- */

static void an_action_without_terms_drives_nothing(void **state)
{
    (void)state;
    const Action *action = action_of("\"title\": \"Act\"");
    assert_int_equal(action->target, NO_PROPERTY);
    assert_false(action->has_target_code || action->emergency || action->has_input);
    assert_true(action->timeout == 10 * TIME_SECOND);
    assert_int_equal(action->interlock_count, 0);
    assert_int_equal(thing_action_index(&model, "acting"), -1);
    int64_t code = 77;
    Reported reported = good(0);
    assert_int_equal(action_desired(&model, action, NULL, NULL, &code), STATUS_UNSUPPORTED);
    assert_int_equal(code, 77);
    assert_false(action_confirmed(&model, action, 0, &reported));
    assert_null(action_blocked(&model, action, &reported));
}

static void reads_every_term(void **state)
{
    (void)state;
    const Action *action = action_of(
        "\"input\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 1500, \"unit\": \"1/min\"},"
        "\"dtmv:target\": \"speed\", \"dtmv:tolerance\": 15, \"dtmv:timeout\": 90.5, \"dtmv:emergency\": "
        "true,"
        "\"dtmv:interlocks\": ["
        "{\"property\": \"state\", \"not\": [\"LOCKED\", \"STOPPED\"], \"text\": \"Locked out.\"},"
        "{\"property\": \"position\", \"minimum\": 5, \"maximum\": 95, \"text\": \"Nearly shut.\"},"
        "{\"property\": \"open\", \"not\": [true], \"text\": \"Open.\"}]");
    assert_int_equal(action->target, SPEED);
    assert_false(action->has_target_code);
    assert_true(action->tolerance == 15 && action->emergency);
    assert_true(action->timeout == time_from_seconds(90.5));
    assert_int_equal(action->interlock_count, 3);
    const Interlock *locks = action->interlocks;
    assert_int_equal(locks[0].property, STATE);
    assert_int_equal(locks[0].not_count, 2);
    assert_int_equal(locks[0].not_codes[0], 2);
    assert_int_equal(locks[0].not_codes[1], 0);
    assert_true(isinf(locks[0].minimum) && isinf(locks[0].maximum));
    assert_string_equal(locks[0].text, "Locked out.");
    assert_int_equal(locks[1].property, POSITION);
    assert_true(locks[1].minimum == 5 && locks[1].maximum == 95 && locks[1].not_count == 0);
    assert_int_equal(locks[2].not_codes[0], 1);
}

static void the_tolerance_is_the_resolution_unless_told(void **state)
{
    (void)state;
    const char input[] = "\"input\": {\"type\": \"number\"}, \"dtmv:target\": \"";
    char terms[200];
    snprintf(terms, sizeof terms, "%sposition\"", input);
    assert_true(action_of(terms)->tolerance == 0.1);
    snprintf(terms, sizeof terms, "%sspeed\"", input);
    assert_true(action_of(terms)->tolerance == 1);
    snprintf(terms, sizeof terms, "%sspeed\", \"dtmv:tolerance\": 0", input);
    assert_true(action_of(terms)->tolerance == 0);
}

/* What is wrong with the terms of an action, where it is said to be, and how. All stand on line 3. */
static void refuses_bad_terms(void **state)
{
    (void)state;
    static const struct {
        const char *terms;
        Status status;
        const char *text;
    } cases[] = {
        { "\"dtmv:traget\": \"speed\"", STATUS_MALFORMED,
          "/actions/act/dtmv:traget: unknown term \"dtmv:traget\"" },
        { "\"dtmv:target\": \"rpm\", \"dtmv:value\": 1", STATUS_NOT_FOUND,
          "/actions/act/dtmv:target: there is no property \"rpm\"" },
        { "\"dtmv:target\": 3, \"dtmv:value\": 1", STATUS_MALFORMED, "/actions/act/dtmv:target: " },
        { "\"dtmv:target\": \"speed\"", STATUS_MALFORMED,
          "/actions/act/dtmv:target: an action without input needs a dtmv:value beside it" },
        { "\"dtmv:value\": 3", STATUS_MALFORMED, "/actions/act/dtmv:value: needs a dtmv:target" },
        { "\"dtmv:tolerance\": 3", STATUS_MALFORMED, "/actions/act/dtmv:tolerance: needs a dtmv:target" },
        { "\"input\": {\"type\": \"integer\"}, \"dtmv:target\": \"speed\", \"dtmv:value\": 3",
          STATUS_MALFORMED, "/actions/act/dtmv:value: is for an action without input" },
        { "\"dtmv:target\": \"speed\", \"dtmv:value\": 1501", STATUS_OUT_OF_RANGE,
          "/actions/act/dtmv:value: is no value that \"speed\" can have" },
        { "\"dtmv:target\": \"speed\", \"dtmv:value\": \"fast\"", STATUS_OUT_OF_RANGE,
          "/actions/act/dtmv:value: is no value that \"speed\" can have" },
        { "\"dtmv:target\": \"state\", \"dtmv:value\": \"FLYING\"", STATUS_OUT_OF_RANGE,
          "/actions/act/dtmv:value: is no value that \"state\" can have" },
        { "\"dtmv:target\": \"note\", \"dtmv:value\": \"x\"", STATUS_OUT_OF_RANGE,
          "/actions/act/dtmv:value: is no value that \"note\" can have" },
        { "\"dtmv:target\": \"speed\", \"dtmv:value\": [1]", STATUS_MALFORMED,
          "/actions/act/dtmv:value: must be a number, a boolean or a text" },
        { "\"dtmv:target\": \"speed\", \"dtmv:value\": 1, \"dtmv:tolerance\": -1", STATUS_OUT_OF_RANGE,
          "/actions/act/dtmv:tolerance: " },
        { "\"dtmv:timeout\": 0", STATUS_OUT_OF_RANGE, "/actions/act/dtmv:timeout: " },
        { "\"dtmv:timeout\": 86401", STATUS_OUT_OF_RANGE, "/actions/act/dtmv:timeout: " },
        { "\"dtmv:timeout\": \"soon\"", STATUS_MALFORMED, "/actions/act/dtmv:timeout: " },
        { "\"dtmv:emergency\": 1", STATUS_MALFORMED, "/actions/act/dtmv:emergency: " },
        { "\"dtmv:interlocks\": {}", STATUS_MALFORMED, "/actions/act/dtmv:interlocks: " },
        { "\"dtmv:interlocks\": []", STATUS_OUT_OF_RANGE, "/actions/act/dtmv:interlocks: " },
        { "\"dtmv:interlocks\": [{}]", STATUS_MALFORMED,
          "/actions/act/dtmv:interlocks/0: needs \"property\"" },
        { "\"dtmv:interlocks\": [{\"property\": \"state\", \"not\": [\"LOCKED\"]}]", STATUS_MALFORMED,
          "/actions/act/dtmv:interlocks/0: needs \"text\"" },
        { "\"dtmv:interlocks\": [{\"property\": \"rpm\", \"minimum\": 1, \"text\": \"x\"}]", STATUS_NOT_FOUND,
          "/actions/act/dtmv:interlocks/0/property: there is no property \"rpm\"" },
        { "\"dtmv:interlocks\": [{\"property\": \"speed\", \"min\": 1, \"text\": \"x\"}]", STATUS_MALFORMED,
          "/actions/act/dtmv:interlocks/0/min: unknown key \"min\"" },
        { "\"dtmv:interlocks\": [{\"property\": \"state\", \"minimum\": 1, \"text\": \"x\"}]",
          STATUS_MALFORMED, "/actions/act/dtmv:interlocks/0: \"state\" is no number and has no limits" },
        { "\"dtmv:interlocks\": [{\"property\": \"speed\", \"not\": [3], \"text\": \"x\"}]", STATUS_MALFORMED,
          "/actions/act/dtmv:interlocks/0/not: is for properties with an enum, and booleans" },
        { "\"dtmv:interlocks\": [{\"property\": \"note\", \"not\": [\"x\"], \"text\": \"x\"}]",
          STATUS_MALFORMED,
          "/actions/act/dtmv:interlocks/0/not: is for properties with an enum, and booleans" },
        { "\"dtmv:interlocks\": [{\"property\": \"state\", \"not\": [], \"text\": \"x\"}]",
          STATUS_OUT_OF_RANGE, "/actions/act/dtmv:interlocks/0/not: " },
        { "\"dtmv:interlocks\": [{\"property\": \"state\", \"not\": [\"ON\"], \"text\": \"x\"}]",
          STATUS_OUT_OF_RANGE, "/actions/act/dtmv:interlocks/0/not/0: is no value that \"state\" can have" },
        { "\"dtmv:interlocks\": [{\"property\": \"state\", \"not\": [\"LOCKED\", null], \"text\": \"x\"}]",
          STATUS_MALFORMED, "/actions/act/dtmv:interlocks/0/not/1: must be a number, a boolean or a text" },
        { "\"dtmv:interlocks\": [{\"property\": \"speed\", \"minimum\": 1, \"text\": \"\"}]",
          STATUS_OUT_OF_RANGE, "/actions/act/dtmv:interlocks/0/text: " },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char actions[1024], text[800], wanted[256];
        ThingModel before;
        memset(&model, 0x5a, sizeof model);
        before = model;
        snprintf(actions, sizeof actions, "\"act\": {%s}", cases[i].terms);
        Status status = load(actions);
        snprintf(wanted, sizeof wanted, "a.td.json:3: %s", cases[i].text);
        diag_format(&diag, text, sizeof text);
        if (status != cases[i].status || strncmp(text, wanted, strlen(wanted)) != 0) {
            fail_msg("%s\n  gives %s, \"%s\"", cases[i].terms, status_name(status), text);
        }
        assert_memory_equal(&before, &model, sizeof model);
    }
}

static void takes_as_many_interlocks_as_said(void **state)
{
    (void)state;
    char terms[2048];
    for (int count = ACTION_INTERLOCKS_MAX; count <= ACTION_INTERLOCKS_MAX + 1; count++) {
        size_t size = (size_t)snprintf(terms, sizeof terms, "\"act\": {\"dtmv:interlocks\": [");
        for (int i = 0; i < count; i++) {
            size += (size_t)snprintf(terms + size, sizeof terms - size,
                                     "%s{\"property\": \"speed\", \"text\": \"x\"}", i == 0 ? "" : ",");
        }
        snprintf(terms + size, sizeof terms - size, "]}");
        assert_int_equal(load(terms), count == ACTION_INTERLOCKS_MAX ? STATUS_OK : STATUS_OUT_OF_RANGE);
    }
}

/* ---- inputs and wishes ---- */

static void checks_inputs(void **state)
{
    (void)state;
    const Value yes = { .type = VALUE_BOOLEAN, .boolean = true }, text = { .type = VALUE_TEXT, .text = "x" };
    const Value nothing = { .type = VALUE_TEXT };
    Value value = number(3);
    const Action *action = action_of("\"title\": \"t\"");
    assert_int_equal(action_check_input(action, NULL), STATUS_OK);
    assert_int_equal(action_check_input(action, &value), STATUS_INVALID_ARGUMENT);
    action = action_of("\"input\": {\"type\": \"integer\", \"minimum\": -5, \"maximum\": 5}");
    assert_int_equal(action_check_input(action, NULL), STATUS_INVALID_ARGUMENT);
    assert_int_equal(action_check_input(action, &yes), STATUS_INVALID_ARGUMENT);
    assert_int_equal(action_check_input(action, &text), STATUS_INVALID_ARGUMENT);
    const struct {
        double value;
        Status status;
    } integers[] = { { -5, STATUS_OK },
                     { 5, STATUS_OK },
                     { -0.0, STATUS_OK },
                     { 5.5, STATUS_OUT_OF_RANGE },
                     { 0.5, STATUS_OUT_OF_RANGE },
                     { -6, STATUS_OUT_OF_RANGE },
                     { NAN, STATUS_OUT_OF_RANGE },
                     { INFINITY, STATUS_OUT_OF_RANGE } };
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        value = number(integers[i].value);
        assert_int_equal(action_check_input(action, &value), integers[i].status);
    }
    action = action_of("\"input\": {\"type\": \"number\"}");
    value = number(-DBL_MAX);
    assert_int_equal(action_check_input(action, &value), STATUS_OK);
    value = number(-INFINITY);
    assert_int_equal(action_check_input(action, &value), STATUS_OUT_OF_RANGE);
    action = action_of("\"input\": {\"type\": \"boolean\"}");
    assert_int_equal(action_check_input(action, &yes), STATUS_OK);
    assert_int_equal(action_check_input(action, &value), STATUS_INVALID_ARGUMENT);
    action = action_of("\"input\": {\"type\": \"string\"}");
    assert_int_equal(action_check_input(action, &text), STATUS_OK);
    assert_int_equal(action_check_input(action, &nothing), STATUS_INVALID_ARGUMENT);
    assert_int_equal(action_check_input(action, &yes), STATUS_INVALID_ARGUMENT);
}

static void the_wish_is_the_input_or_the_value(void **state)
{
    (void)state;
    int64_t code = -1;
    Value value = number(33.34);
    const Action *action = action_of("\"input\": {\"type\": \"number\"}, \"dtmv:target\": \"position\"");
    assert_int_equal(action_desired(&model, action, &value, NULL, &code), STATUS_OK);
    assert_int_equal(code, 333);
    code = -1;
    assert_int_equal(action_desired(&model, action, NULL, NULL, &code), STATUS_UNSUPPORTED);
    value = number(100.2);
    assert_int_equal(action_desired(&model, action, &value, NULL, &code), STATUS_OUT_OF_RANGE);
    value = number(NAN);
    assert_int_equal(action_desired(&model, action, &value, NULL, &code), STATUS_OUT_OF_RANGE);
    value = (Value){ .type = VALUE_TEXT, .text = "shut" };
    assert_int_equal(action_desired(&model, action, &value, NULL, &code), STATUS_INVALID_ARGUMENT);
    assert_int_equal(code, -1);
    action = action_of("\"dtmv:target\": \"state\", \"dtmv:value\": \"RUNNING\"");
    assert_int_equal(action_desired(&model, action, NULL, NULL, &code), STATUS_OK);
    assert_int_equal(code, 1);
    action = action_of("\"dtmv:target\": \"open\", \"dtmv:value\": false");
    assert_int_equal(action_desired(&model, action, NULL, NULL, &code), STATUS_OK);
    assert_int_equal(code, 0);
    action = action_of("\"dtmv:target\": \"speed\", \"dtmv:value\": 0");
    assert_int_equal(action_desired(&model, action, NULL, NULL, &code), STATUS_OK);
    assert_int_equal(code, 0);
}

/* ---- reported values ---- */

static void confirms_within_the_tolerance(void **state)
{
    (void)state;
    const Action *action =
        action_of("\"input\": {\"type\": \"integer\"}, \"dtmv:target\": \"speed\", \"dtmv:tolerance\": 15");
    for (int64_t code = 1000; code <= 1100; code++) {
        Reported reported = good(code);
        assert_true(action_confirmed(&model, action, 1050, &reported) == (code >= 1035 && code <= 1065));
        reported.quality =
            code % 2 ? QUALITY_BAD : QUALITY_STALE; /* what is not known to be true confirms nothing */
        assert_false(action_confirmed(&model, action, 1050, &reported));
        reported.quality = QUALITY_NONE;
        assert_false(action_confirmed(&model, action, 1050, &reported));
    }
    action = action_of("\"input\": {\"type\": \"number\"}, \"dtmv:target\": \"position\"");
    for (int64_t code = 495; code <= 505; code++) { /* by default within one step, however that is rounded */
        Reported reported = good(code);
        assert_true(action_confirmed(&model, action, 500, &reported) == (code >= 499 && code <= 501));
    }
    action = action_of("\"dtmv:target\": \"state\", \"dtmv:value\": \"RUNNING\", \"dtmv:tolerance\": 5");
    for (int64_t code = -1; code <= 3; code++) { /* names are equal or not */
        Reported reported = good(code);
        assert_true(action_confirmed(&model, action, 1, &reported) == (code == 1));
    }
    action =
        action_of("\"input\": {\"type\": \"number\"}, \"dtmv:target\": \"level\", \"dtmv:tolerance\": 0.5");
    Reported reported = good(exact(7.25));
    assert_true(action_confirmed(&model, action, exact(7.0), &reported));
    reported = good(exact(7.75));
    assert_false(action_confirmed(&model, action, exact(7.0), &reported));
    const double odd[] = { NAN, INFINITY, -INFINITY };
    for (size_t i = 0; i < 3; i++) {
        reported = good(exact(odd[i]));
        assert_false(action_confirmed(&model, action, exact(7.0), &reported));
    }
}

static void names_the_first_interlock_that_does_not_hold(void **state)
{
    (void)state;
    const Action *action = action_of("\"dtmv:interlocks\": ["
                                     "{\"property\": \"state\", \"not\": [\"LOCKED\"], \"text\": \"locked\"},"
                                     "{\"property\": \"position\", \"minimum\": 5, \"text\": \"shut\"},"
                                     "{\"property\": \"level\", \"maximum\": 90, \"text\": \"full\"},"
                                     "{\"property\": \"open\", \"not\": [true], \"text\": \"open\"}]");
    const Reported fine[PROPERTIES] = { [SPEED] = { .quality = QUALITY_NONE },
                                        [LEVEL] = good(exact(90)),
                                        [OPEN] = good(0),
                                        [STATE] = good(1),
                                        [POSITION] = good(50) };
    assert_null(action_blocked(&model, action, fine));
    static const struct {
        int property;
        double level;
        int64_t code;
        uint8_t quality;
        const char *text;
    } cases[] = {
        { STATE, 0, 2, QUALITY_GOOD, "locked" },  { STATE, 0, 1, QUALITY_STALE, "locked" },
        { STATE, 0, 1, QUALITY_NONE, "locked" },  { POSITION, 0, 49, QUALITY_GOOD, "shut" },
        { POSITION, 0, 50, QUALITY_BAD, "shut" }, { LEVEL, 90.001, 0, QUALITY_GOOD, "full" },
        { LEVEL, NAN, 0, QUALITY_GOOD, "full" },  { OPEN, 0, 1, QUALITY_GOOD, "open" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Reported reported[PROPERTIES];
        memcpy(reported, fine, sizeof reported);
        int64_t code = cases[i].property == LEVEL ? exact(cases[i].level) : cases[i].code;
        reported[cases[i].property] =
            (Reported){ .code = code, .source_time = 1, .quality = cases[i].quality };
        const Interlock *blocked = action_blocked(&model, action, reported);
        assert_non_null(blocked);
        assert_string_equal(blocked->text, cases[i].text);
    }
    Reported all[PROPERTIES] = { 0 }; /* nothing is known: nothing passes, and the first is named */
    assert_string_equal(action_blocked(&model, action, all)->text, "locked");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(an_action_without_terms_drives_nothing),
        TEST(reads_every_term),
        TEST(the_tolerance_is_the_resolution_unless_told),
        TEST(refuses_bad_terms),
        TEST(takes_as_many_interlocks_as_said),
        TEST(checks_inputs),
        TEST(the_wish_is_the_input_or_the_value),
        TEST(confirms_within_the_tolerance),
        TEST(names_the_first_interlock_that_does_not_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
