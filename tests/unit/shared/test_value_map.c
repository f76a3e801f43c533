/* value map: stops, steps, cases, and a result for any code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "shared/base/bytes.h"
#include "shared/model/world.h"

static const Property number = { .name = "n", .type = PROPERTY_NUMBER, .encoding = CHANNEL_EXACT };
static const Property boolean = { .name = "b", .type = PROPERTY_BOOLEAN, .encoding = CHANNEL_BOOLEAN };
static const char *const names[] = { "OFF", "ON", "FAULT" };
static const Property enumerated = {
    .name = "e", .type = PROPERTY_TEXT, .encoding = CHANNEL_ENUM, .enum_names = names, .enum_count = 3
};
static const Property free_text = { .name = "t", .type = PROPERTY_TEXT, .encoding = CHANNEL_TEXT };

static Reported good(int64_t code)
{
    return (Reported){ .code = code, .quality = QUALITY_GOOD };
}

static Reported good_number(double value)
{
    int64_t code;
    memcpy(&code, &value, sizeof code);
    return good(code);
}

static float apply_number(const ValueMap *map, double value)
{
    Reported reported = good_number(value);
    return value_map_apply(map, &number, &reported, NULL).out[0];
}

static void test_stops(void **state)
{
    (void)state;
    MapStop stops[] = { { -10, { 1, 0, 0, 2 } }, { 0, { 3, 1, 0, 2 } }, { 100, { 4, 0, 1, 4 } } };
    ValueMap map = { .stops = stops, .stop_count = 3, .otherwise = { 9, 9, 9, 9 } };
    static const struct {
        double in;
        float smooth, stepped;
    } cases[] = { { -11, 1, 1 },    { -10, 1, 1 }, { -5, 2, 1 },       { -0.0, 3, 3 },
                  { 50, 3.5f, 3 },  { 100, 4, 4 }, { 101, 4, 4 },      { 1e308, 4, 4 },
                  { -1e308, 1, 1 }, { NAN, 9, 9 }, { INFINITY, 9, 9 }, { -INFINITY, 9, 9 } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        map.stepped = false;
        assert_true(apply_number(&map, cases[i].in) == cases[i].smooth);
        map.stepped = true;
        assert_true(apply_number(&map, cases[i].in) == cases[i].stepped);
    }
    map.stepped = false;
    Reported reported = good_number(50);
    MapResult result = value_map_apply(&map, &number, &reported, NULL);
    assert_true(result.out[1] == 0.5f && result.out[2] == 0.5f && result.out[3] == 3);
    assert_false(result.blink);

    MapStop far[] = { { -1e300, { 0 } }, { 1e300, { 1 } } };
    map = (ValueMap){ .stops = far, .stop_count = 2 };
    assert_true(apply_number(&map, 0) == 0.5f);
    map.stop_count = 1;
    assert_true(apply_number(&map, 7) == 0);
}

static void test_identity(void **state)
{
    (void)state;
    ValueMap map = { .otherwise = { -1, 0, 0, 0 } };
    assert_true(apply_number(&map, 59.5) == 59.5f);
    assert_true(apply_number(&map, 1e308) == 1e30f);
    assert_true(apply_number(&map, NAN) == -1);
    Reported reported = good(1);
    assert_true(value_map_apply(&map, &boolean, &reported, NULL).out[0] == 1);
    assert_true(value_map_apply(&map, &enumerated, &reported, NULL).out[0] == -1);
    Property tenths = { .encoding = CHANNEL_STEPS, .resolution = 0.1 };
    reported.code = 596;
    assert_true(value_map_apply(&map, &tenths, &reported, NULL).out[0] == 59.6f);
}

static void test_quality_decides(void **state)
{
    (void)state;
    ValueMap map = { .otherwise = { 9, 0, 0, 0 } };
    static const float expected[] = {
        [QUALITY_NONE] = 9, [QUALITY_GOOD] = 5, [QUALITY_STALE] = 5, [QUALITY_BAD] = 9, [QUALITY_COUNT] = 9
    };
    for (int quality = 0; quality <= QUALITY_COUNT; quality++) {
        Reported reported = good_number(5);
        reported.quality = (uint8_t)quality;
        assert_true(value_map_apply(&map, &number, &reported, NULL).out[0] == expected[quality]);
    }
}

static void test_cases(void **state)
{
    (void)state;
    MapCase cases[] = { { .in = "OFF", .code = 0, .out = { 1 } },
                        { .in = "FAULT", .code = 2, .out = { 2, 0, 0, 4 }, .blink = true } };
    ValueMap map = { .cases = cases, .case_count = 2, .otherwise = { 9 } };
    static const struct {
        int64_t code;
        float out;
        bool blink;
    } codes[] = { { 0, 1, false }, { 1, 9, false },  { 2, 2, true },
                  { 3, 9, false }, { -1, 9, false }, { INT64_MIN, 9, false } };
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        Reported reported = good(codes[i].code);
        MapResult result = value_map_apply(&map, &enumerated, &reported, NULL);
        assert_true(result.out[0] == codes[i].out);
        assert_true(result.blink == codes[i].blink);
    }

    MapCase booleans[] = { { .in = "true", .code = 1, .out = { 5 } } };
    map = (ValueMap){ .cases = booleans, .case_count = 1, .otherwise = { 9 } };
    Reported reported = good(7); /* any code but 0 is true */
    assert_true(value_map_apply(&map, &boolean, &reported, NULL).out[0] == 5);
    reported.code = 0;
    assert_true(value_map_apply(&map, &boolean, &reported, NULL).out[0] == 9);
}

static void test_text_cases(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    TextTable texts;
    uint32_t id = 0;
    assert_int_equal(text_table_init(&texts, 8, &arena), STATUS_OK);
    assert_int_equal(text_intern(&texts, "other", &id), STATUS_OK);
    assert_int_equal(text_intern(&texts, "maintenance", &id), STATUS_OK);
    MapCase cases[] = { { .in = "maintenance", .code = -1, .out = { 3 } } };
    ValueMap map = { .cases = cases, .case_count = 1, .otherwise = { 9 } };
    static const int64_t codes[] = { 1, 0, 2, -1, INT64_MAX };
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        Reported reported = good(codes[i]);
        assert_true(value_map_apply(&map, &free_text, &reported, &texts).out[0] == (i == 0 ? 3 : 9));
        assert_true(value_map_apply(&map, &free_text, &reported, NULL).out[0] == 9);
    }
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stops),           cmocka_unit_test(test_identity),
        cmocka_unit_test(test_quality_decides), cmocka_unit_test(test_cases),
        cmocka_unit_test(test_text_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
