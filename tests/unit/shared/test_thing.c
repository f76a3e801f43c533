/* thing, property, text: what a Thing Description may say, and that codes keep values exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/base/random.h"
#include "shared/model/thing.h"
#include "tests/unit/shared/arena_fixture.h"

static Status load(const char *json, ThingModel *model)
{
    diag = (Diag){ 0 };
    return thing_model_load(bytes_of(json, strlen(json)), "things/pump.td.json", &arena, model, &diag);
}

static const char *message(void)
{
    static char text[800];
    return diag_format(&diag, text, sizeof text);
}

#define HEAD                                                                                              \
    "{\"@context\": [\"https://www.w3.org/2022/wot/td/v1.1\", {\"dtmv\": \"https://dtmv.example/ns#\"}]," \
    "\"title\": \"Pump\", \"securityDefinitions\": {\"n\": {\"scheme\": \"nosec\"}}, \"security\": \"n\",\n"

static void test_loads_everything(void **state)
{
    (void)state;
    static const char json[] =
        HEAD "\"properties\": {\n"
             "\"speed\": {\"type\": \"number\", \"unit\": \"1/min\", \"minimum\": 0, \"maximum\": 3000,\n"
             "  \"multipleOf\": 0.1, \"readOnly\": true, \"observable\": true, \"dtmv:period\": 0.5,\n"
             "  \"title\": \"Speed of the shaft\", \"dtmv:label\": \"Speed\", \"forms\": []},\n"
             "\"raw\": {\"type\": \"number\"},\n"
             "\"count\": {\"type\": \"integer\", \"title\": \"Starts\"},\n"
             "\"open\": {\"type\": \"boolean\"},\n"
             "\"state\": {\"type\": \"string\", \"enum\": [\"OFF\", \"ON\"]},\n"
             "\"note\": {\"type\": \"string\", \"ex:other\": {\"any\": 1}}},\n"
             "\"actions\": {\"stop\": {}, \"setSpeed\": {\"title\": \"Set speed\", \"input\":\n"
             "  {\"type\": \"number\", \"minimum\": 0, \"maximum\": 100, \"unit\": \"%\"}}},\n"
             "\"events\": {\"overheated\": {\"title\": \"Too hot\"}}}";
    ThingModel model;
    assert_int_equal(load(json, &model), STATUS_OK);
    assert_string_equal(model.title, "Pump");
    assert_string_equal(model.path, "things/pump.td.json");
    assert_int_equal(model.property_count, 6);
    const Property *speed = &model.properties[0];
    assert_string_equal(speed->name, "speed");
    assert_string_equal(speed->title, "Speed");
    assert_string_equal(speed->unit, "1/min");
    assert_int_equal(speed->encoding, CHANNEL_STEPS);
    assert_true(speed->minimum == 0 && speed->maximum == 3000 && speed->resolution == 0.1);
    assert_true(speed->period == TIME_SECOND / 2);
    assert_true(speed->read_only && speed->observable);
    const Property *raw = &model.properties[1];
    assert_int_equal(raw->encoding, CHANNEL_EXACT);
    assert_true(isinf(raw->minimum) && isinf(raw->maximum) && raw->period == 0 && raw->resolution == 0);
    assert_string_equal(raw->title, "raw");
    assert_string_equal(raw->unit, "");
    assert_false(raw->read_only || raw->observable);
    assert_int_equal(model.properties[2].encoding, CHANNEL_STEPS);
    assert_true(model.properties[2].resolution == 1);
    assert_string_equal(model.properties[2].title, "Starts");
    assert_int_equal(model.properties[3].encoding, CHANNEL_BOOLEAN);
    assert_int_equal(model.properties[4].encoding, CHANNEL_ENUM);
    assert_int_equal(model.properties[4].enum_count, 2);
    assert_string_equal(model.properties[4].enum_names[1], "ON");
    assert_int_equal(model.properties[5].encoding, CHANNEL_TEXT);
    assert_int_equal(model.action_count, 2);
    assert_false(model.actions[0].has_input);
    assert_true(model.actions[1].has_input && model.actions[1].input_maximum == 100);
    assert_string_equal(model.actions[1].input_unit, "%");
    assert_string_equal(model.events[0].title, "Too hot");
    assert_int_equal(thing_property_index(&model, "open"), 3);
    assert_int_equal(thing_property_index(&model, "opened"), -1);
}

/* One wrong property at line 3 of an otherwise good description. */
static void test_refuses_bad_properties(void **state)
{
    (void)state;
    static const struct {
        const char *property;
        Status status;
        const char *message; /* after the path */
    } cases[] = {
        { "{}", STATUS_MALFORMED, ":3: /properties/p: needs \"type\"" },
        { "7", STATUS_MALFORMED, ":3: /properties/p: must be an object" },
        { "{\"type\": \"object\"}", STATUS_UNSUPPORTED,
          ":3: /properties/p/type: values of type object are not supported; give each part a property of its "
          "own" },
        { "{\"type\": \"array\"}", STATUS_UNSUPPORTED,
          ":3: /properties/p/type: values of type array are not supported; give each part a property of its "
          "own" },
        { "{\"type\": \"float\"}", STATUS_MALFORMED,
          ":3: /properties/p/type: \"float\" is not number, integer, boolean or string" },
        { "{\"type\": [\"number\"]}", STATUS_MALFORMED,
          ":3: /properties/p/type: must be a text, not an array" },
        { "{\"type\": \"number\",\n\"minimum\": 2, \"maximum\": 1}", STATUS_OUT_OF_RANGE,
          ":4: /properties/p/minimum: 2 is above the maximum, 1" },
        { "{\"type\": \"number\", \"minimum\": \"0\"}", STATUS_MALFORMED,
          ":3: /properties/p/minimum: must be a number, not a text" },
        { "{\"type\": \"number\", \"multipleOf\": 0}", STATUS_OUT_OF_RANGE,
          ":3: /properties/p/multipleOf: 0 is outside 1e-12 to 1e+12" },
        { "{\"type\": \"number\", \"multipleOf\":\n -0.5}", STATUS_OUT_OF_RANGE,
          ":4: /properties/p/multipleOf: -0.5 is outside 1e-12 to 1e+12" },
        { "{\"type\": \"integer\", \"multipleOf\": 0.5}", STATUS_OUT_OF_RANGE,
          ":3: /properties/p/multipleOf: must be a whole number for an integer" },
        { "{\"type\": \"number\", \"exclusiveMinimum\": 0}", STATUS_UNSUPPORTED,
          ":3: /properties/p/exclusiveMinimum: is not supported; use minimum" },
        { "{\"type\": \"number\", \"enum\": [1]}", STATUS_UNSUPPORTED,
          ":3: /properties/p/enum: an enum is supported for type string only" },
        { "{\"type\": \"string\", \"enum\": []}", STATUS_OUT_OF_RANGE,
          ":3: /properties/p/enum: has 0 elements, must have 1 to 256" },
        { "{\"type\": \"string\", \"enum\": [\"A\",\n\"B\",\n\"A\"]}", STATUS_DUPLICATE,
          ":5: /properties/p/enum/2: \"A\" is listed twice" },
        { "{\"type\": \"string\", \"enum\": [\"A\", 2]}", STATUS_MALFORMED,
          ":3: /properties/p/enum/1: must be a text, not a number" },
        { "{\"type\": \"number\", \"dtmv:period\": -1}", STATUS_OUT_OF_RANGE,
          ":3: /properties/p/dtmv:period: -1 is outside 0 to 1e+09" },
        { "{\"type\": \"number\", \"dtmv:perid\": 1}", STATUS_MALFORMED,
          ":3: /properties/p/dtmv:perid: unknown term \"dtmv:perid\"" },
        { "{\"type\": \"number\", \"readOnly\": \"yes\"}", STATUS_MALFORMED,
          ":3: /properties/p/readOnly: must be true or false, not a text" },
        { "{\"type\": \"number\", \"unit\": 3}", STATUS_MALFORMED,
          ":3: /properties/p/unit: must be a text, not a number" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char json[1024], expected[512];
        snprintf(json, sizeof json, HEAD "\"properties\": {\n\"p\": %s}}", cases[i].property);
        snprintf(expected, sizeof expected, "things/pump.td.json%s", cases[i].message);
        ThingModel model = { .title = "untouched" };
        Status status = load(json, &model);
        assert_string_equal(message(), expected);
        assert_int_equal(status, cases[i].status);
        assert_string_equal(model.title, "untouched");
    }
}

static void test_refuses_bad_frames(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        Status status;
        const char *message;
    } cases[] = {
        { "[]", STATUS_MALFORMED, ":1: must be an object, not an array" },
        { "\n{}", STATUS_MALFORMED, ":2: needs \"title\"" },
        { "{\"title\": \"x\"}", STATUS_MALFORMED, ":1: needs \"@context\"" },
        { "{\"title\": \"x\", \"@context\": \"y\"}", STATUS_MALFORMED, ":1: needs \"security\"" },
        { "{\"title\": \"x\", \"@context\": \"y\", \"security\": \"z\"}", STATUS_MALFORMED,
          ":1: needs \"securityDefinitions\"" },
        { "{\"title\": \"x\",\n\"@context\": 7, \"security\": \"z\", \"securityDefinitions\": {}}",
          STATUS_MALFORMED, ":2: /@context: must be a text or an array" },
        { HEAD "\"properties\": []}", STATUS_MALFORMED, ":2: /properties: must be an object" },
        { HEAD "\"actions\": {\"a\":\n{\"input\": {\"type\": \"object\"}}}}", STATUS_UNSUPPORTED,
          ":3: /actions/a/input/type: values of type object are not supported; give each part a property of "
          "its own" },
        { HEAD "\"events\": {\"e\":\n1}}", STATUS_MALFORMED, ":3: /events/e: must be an object" },
        { HEAD "\"properties\": {\"\": {\"type\": \"number\"}}}", STATUS_OUT_OF_RANGE,
          ":2: /properties/: the name has 0 bytes, must have 1 to 63" },
        { "{\"title\": ", STATUS_MALFORMED, NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        ThingModel model;
        Status status = load(cases[i].json, &model);
        if (cases[i].message) {
            char expected[512];
            snprintf(expected, sizeof expected, "things/pump.td.json%s", cases[i].message);
            assert_string_equal(message(), expected);
        }
        assert_int_equal(status, cases[i].status);
    }
}

static void test_refuses_a_17th_property(void **state)
{
    (void)state;
    for (int count = 16; count <= 17; count++) {
        char json[4096];
        int used = snprintf(json, sizeof json, HEAD "\"properties\": {");
        for (int i = 0; i < count; i++) {
            used += snprintf(json + used, sizeof json - (size_t)used, "%s\n\"p%d\": {\"type\": \"number\"}",
                             i ? "," : "", i);
        }
        snprintf(json + used, sizeof json - (size_t)used, "}}");
        ThingModel model;
        Status status = load(json, &model);
        assert_int_equal(status, count == 16 ? STATUS_OK : STATUS_OUT_OF_RANGE);
        if (count == 17) {
            assert_string_equal(message(), "things/pump.td.json:19: /properties/p16: is one more than the 16 "
                                           "that a thing may have");
        }
    }
}

static const Property tenths = { .name = "t",
                                 .type = PROPERTY_NUMBER,
                                 .encoding = CHANNEL_STEPS,
                                 .minimum = -100,
                                 .maximum = 100,
                                 .resolution = 0.1 };
static const Property exact = {
    .name = "x", .type = PROPERTY_NUMBER, .encoding = CHANNEL_EXACT, .minimum = -INFINITY, .maximum = INFINITY
};
static const Property boolean = { .name = "b", .type = PROPERTY_BOOLEAN, .encoding = CHANNEL_BOOLEAN };
static const char *const names[] = { "OFF", "ON" };
static const Property enumerated = {
    .name = "e", .type = PROPERTY_TEXT, .encoding = CHANNEL_ENUM, .enum_names = names, .enum_count = 2
};
static const Property text = { .name = "s", .type = PROPERTY_TEXT, .encoding = CHANNEL_TEXT };

static Value number(double value)
{
    return (Value){ .type = VALUE_NUMBER, .number = value };
}

static Value words(const char *value)
{
    return (Value){ .type = VALUE_TEXT, .text = value };
}

static Property steps_of(double resolution)
{
    Property property = exact;
    property.encoding = CHANNEL_STEPS;
    property.resolution = resolution;
    return property;
}

/* A code decodes to the very double that its decimal reads as, so it prints with no tail. */
static void test_steps_are_decimals(void **state)
{
    (void)state;
    static const struct {
        double resolution;
        int decimals;
    } cases[] = { { 0.1, 1 }, { 0.01, 2 }, { 0.001, 3 }, { 0.05, 2 }, { 0.15, 2 },
                  { 2.5, 1 }, { 5, 0 },    { 0.125, 3 }, { 1e-9, 9 }, { 1000, 0 } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        Property property = steps_of(cases[i].resolution);
        Random random = random_seeded(i);
        for (int k = 0; k < 2000; k++) {
            int64_t code = (int64_t)random_below(&random, 2000001) - 1000000, again = 0;
            double value = property_decode(&property, code, NULL).number;
            char decimal[64], formatted[64];
            snprintf(decimal, sizeof decimal, "%.*f", cases[i].decimals, value);
            assert_true(strtod(decimal, NULL) == value);
            assert_int_equal(property_encode(&property, number(value), NULL, &again), STATUS_OK);
            assert_true(again == code);
            assert_string_equal(property_format(&property, code, NULL, formatted, sizeof formatted),
                                code == 0 && value == 0
                                    ? property_format(&property, 0, NULL, decimal, sizeof decimal)
                                    : decimal);
        }
    }
    char printed[64];
    snprintf(printed, sizeof printed, "%.17g", property_decode(&tenths, 596, NULL).number);
    assert_string_equal(printed, "59.600000000000001"); /* the double nearest to 59.6, no other */
    assert_string_equal(property_format(&tenths, 596, NULL, printed, sizeof printed), "59.6");
    assert_string_equal(property_format(&tenths, -5, NULL, printed, sizeof printed), "-0.5");

    Property thirds = steps_of(1.0 / 3);
    int64_t code = 0;
    assert_int_equal(property_encode(&thirds, number(2), NULL, &code), STATUS_OK);
    assert_true(code == 6 && property_decode(&thirds, 6, NULL).number == 2);
    assert_string_equal(property_format(&thirds, 1, NULL, printed, sizeof printed), "0.333333");
}

static void test_encodes_numbers(void **state)
{
    (void)state;
    int64_t code = 77;
    assert_int_equal(property_encode(&tenths, number(21.46), NULL, &code), STATUS_OK);
    assert_true(code == 215);
    assert_int_equal(property_encode(&tenths, number(-0.05), NULL, &code), STATUS_OK);
    assert_true(code == -1); /* half away from zero */
    code = 77;
    assert_int_equal(property_encode(&tenths, number(100.01), NULL, &code), STATUS_OUT_OF_RANGE);
    assert_int_equal(property_encode(&tenths, number(NAN), NULL, &code), STATUS_OUT_OF_RANGE);
    assert_int_equal(property_encode(&tenths, number(-INFINITY), NULL, &code), STATUS_OUT_OF_RANGE);
    assert_int_equal(property_encode(&tenths, words("1"), NULL, &code), STATUS_INVALID_ARGUMENT);
    assert_int_equal(property_encode(&exact, number(NAN), NULL, &code), STATUS_OUT_OF_RANGE);
    assert_int_equal(property_encode(&exact, (Value){ .type = VALUE_BOOLEAN }, NULL, &code),
                     STATUS_INVALID_ARGUMENT);
    Property small = steps_of(1e-9);
    assert_int_equal(property_encode(&small, number(1e8), NULL, &code), STATUS_OUT_OF_RANGE);
    assert_int_equal(property_encode(&small, number(DBL_MAX), NULL, &code), STATUS_OUT_OF_RANGE);
    assert_true(code == 77);
    assert_int_equal(property_encode(&small, number(9e6), NULL, &code), STATUS_OK);
    assert_true(code == INT64_C(9000000000000000));

    static const double values[] = { 0.0, -0.0, 98.0328063964844, 1e-310, DBL_MAX, -1.0 / 3 };
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        assert_int_equal(property_encode(&exact, number(values[i]), NULL, &code), STATUS_OK);
        double back = property_decode(&exact, code, NULL).number;
        assert_memory_equal(&back, &values[i], sizeof back);
    }
    char printed[32];
    assert_int_equal(property_encode(&exact, number(98.0328063964844), NULL, &code), STATUS_OK);
    assert_string_equal(property_format(&exact, code, NULL, printed, sizeof printed), "98.0328");
}

static void test_encodes_words(void **state)
{
    (void)state;
    int64_t code = 77;
    char printed[32];
    assert_int_equal(
        property_encode(&boolean, (Value){ .type = VALUE_BOOLEAN, .boolean = true }, NULL, &code), STATUS_OK);
    assert_true(code == 1);
    assert_int_equal(property_encode(&boolean, number(0), NULL, &code), STATUS_OK);
    assert_true(code == 0);
    assert_int_equal(property_encode(&boolean, number(2), NULL, &code), STATUS_INVALID_ARGUMENT);
    assert_int_equal(property_encode(&boolean, number(NAN), NULL, &code), STATUS_OUT_OF_RANGE);
    assert_string_equal(property_format(&boolean, 1, NULL, printed, sizeof printed), "true");
    assert_true(property_decode(&boolean, -3, NULL).boolean);

    assert_int_equal(property_encode(&enumerated, words("ON"), NULL, &code), STATUS_OK);
    assert_true(code == 1);
    assert_int_equal(property_encode(&enumerated, words("on"), NULL, &code), STATUS_OUT_OF_RANGE);
    assert_int_equal(property_encode(&enumerated, number(1), NULL, &code), STATUS_INVALID_ARGUMENT);
    static const int64_t wild[] = { 2, -1, INT64_MAX, INT64_MIN };
    for (size_t i = 0; i < ARRAY_COUNT(wild); i++) {
        assert_string_equal(property_decode(&enumerated, wild[i], NULL).text, "?");
        assert_string_equal(property_format(&text, wild[i], NULL, printed, sizeof printed), "?");
        property_format(&exact, wild[i], NULL, printed, sizeof printed);
        property_format(&tenths, wild[i], NULL, printed, sizeof printed);
    }
    assert_string_equal(property_format(&enumerated, 0, NULL, printed, 3), "OF");
    property_format(&enumerated, 0, NULL, NULL, 0);

    TextTable texts;
    assert_int_equal(text_table_init(&texts, 2, &arena), STATUS_OK);
    assert_int_equal(property_encode(&text, words("first"), &texts, &code), STATUS_OK);
    assert_int_equal(property_encode(&text, words("second"), &texts, &code), STATUS_OK);
    assert_true(code == 1);
    assert_int_equal(property_encode(&text, words("third"), &texts, &code), STATUS_CAPACITY);
    assert_int_equal(property_encode(&text, words("first"), NULL, &code), STATUS_CAPACITY);
    assert_true(code == 1);
    assert_int_equal(property_encode(&text, words("first"), &texts, &code), STATUS_OK);
    assert_true(code == 0);
    assert_string_equal(property_decode(&text, 1, &texts).text, "second");
    assert_string_equal(property_decode(&text, 2, &texts).text, "?");
}

static void test_texts(void **state)
{
    (void)state;
    TextTable texts;
    assert_int_equal(text_table_init(&texts, UINT32_MAX, &arena), STATUS_INVALID_ARGUMENT);
    assert_int_equal(text_table_init(&texts, 1000, &arena), STATUS_OK);
    uint32_t id = 0;
    char name[32];
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 1000; i++) {
            snprintf(name, sizeof name, "text %u", i);
            assert_int_equal(text_intern(&texts, name, &id), STATUS_OK);
            assert_int_equal(id, i);
        }
    }
    assert_int_equal(text_intern(&texts, "one more", &id), STATUS_CAPACITY);
    assert_int_equal(id, 999);
    assert_string_equal(text_get(&texts, 7), "text 7");
    assert_string_equal(text_get(&texts, 1000), "?");

    /* 254 letters and a two-byte character: cut before it, not through it. */
    TextTable small;
    assert_int_equal(text_table_init(&small, 4, &arena), STATUS_OK);
    char longer[300];
    memset(longer, 'a', sizeof longer);
    memcpy(longer + 254, "\xc3\xa9zz", 5);
    assert_int_equal(text_intern(&small, longer, &id), STATUS_OK);
    assert_int_equal(strlen(text_get(&small, id)), 254);
    longer[253] = '\0';
    assert_int_equal(text_intern(&small, longer, &id), STATUS_OK);
    assert_int_equal(id, 1); /* a shorter text is another one */
    assert_int_equal(text_intern(&small, "", &id), STATUS_OK);
    assert_string_equal(text_get(&small, id), "");

    /* Beginnings of one another in a table so small that their probes meet. */
    TextTable crowded;
    assert_int_equal(text_table_init(&crowded, 64, &arena), STATUS_OK);
    for (uint32_t i = 0; i < 64; i++) {
        memset(longer, 'b', sizeof longer);
        longer[64 - i] = '\0';
        assert_int_equal(text_intern(&crowded, longer, &id), STATUS_OK);
        assert_int_equal(id, i);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    static const char json[] = HEAD "\"properties\": {\"p\": {\"type\": \"string\", \"enum\": [\"a\"]}}}";
    for (size_t limit = 64; limit < 4096; limit += 64) {
        Arena small;
        arena_init(&small, limit);
        ThingModel model;
        Status status = thing_model_load(bytes_of(json, sizeof json - 1), "x", &small, &model, &diag);
        assert_true(status == STATUS_OK || status == STATUS_OUT_OF_MEMORY);
        arena_finish(&small);
    }
}

static void test_quality_names(void **state)
{
    (void)state;
    assert_string_equal(quality_name(QUALITY_STALE), "stale");
    assert_string_equal(quality_name((Quality)99), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loads_everything),   cmocka_unit_test(test_refuses_bad_properties),
        cmocka_unit_test(test_refuses_bad_frames), cmocka_unit_test(test_refuses_a_17th_property),
        cmocka_unit_test(test_steps_are_decimals), cmocka_unit_test(test_encodes_numbers),
        cmocka_unit_test(test_encodes_words),      cmocka_unit_test(test_texts),
        cmocka_unit_test(test_out_of_memory),      cmocka_unit_test(test_quality_names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
