/* The panel that operates a thing, by keys and by mouse; and which object somebody means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/action_menu.h"
#include "client/scene/pick.h"

#include <math.h>
#include <string.h>

static Property properties[] = {
    { .name = "speed", .unit = "1/min", .encoding = CHANNEL_STEPS, .resolution = 10 }
};
static Action actions[] = {
    { .name = "setSpeed",
      .title = "Set speed",
      .has_input = true,
      .input_type = PROPERTY_NUMBER,
      .input_minimum = 0,
      .input_maximum = 1500,
      .input_unit = "1/min",
      .target = 0 },
    { .name = "stop", .title = "Stop", .input_unit = "", .target = NO_PROPERTY },
    { .name = "light",
      .title = "Light",
      .has_input = true,
      .input_type = PROPERTY_BOOLEAN,
      .input_unit = "",
      .target = NO_PROPERTY },
};
static const ThingModel model = {
    .properties = properties, .property_count = 1, .actions = actions, .action_count = 3
};
static const ThingModel idle = { .properties = properties, .property_count = 1 };
static Thing things[] = { { .id = "pump", .title = "Pump", .model = &model },
                          { .id = "meter", .title = "Meter", .model = &idle } };
static Object objects[4];
static const World world = { .things = things, .thing_count = 2, .objects = objects, .object_count = 4 };
static const Reported reported = { .code = 90, .quality = QUALITY_GOOD, .source_time = 1 };

static ActionMenu menu;
static InvokeMessage asked;

static bool press(ActionMenuKeys keys)
{
    if (keys.clicked == 0) {
        keys.clicked = -1;
    }
    return action_menu_update(&menu, &world, &reported, NULL, &keys, &asked);
}

static bool click(int row)
{
    const ActionMenuKeys keys = { .clicked = row };
    return action_menu_update(&menu, &world, &reported, NULL, &keys, &asked);
}

#define KEY(...) press((ActionMenuKeys){ __VA_ARGS__ })

static void test_by_keys(void **state)
{
    (void)state;
    char text[96];
    action_menu_open(&menu, &world, 0);
    assert_int_equal(menu.step, MENU_LIST);
    assert_false(KEY(.up = true));
    assert_int_equal(menu.selected, 2);
    assert_false(KEY(.down = true));
    assert_int_equal(menu.selected, 0);
    assert_false(KEY(.enter = true));
    assert_int_equal(menu.step, MENU_VALUE);
    assert_string_equal(menu.value, "900"); /* what it has now */
    assert_string_equal(action_menu_range(&menu, &world, text, sizeof text), "0 to 1500 1/min");
    assert_false(KEY(.typed = "1"));
    assert_false(KEY(.typed = "20"));
    assert_string_equal(menu.value, "120");
    assert_false(KEY(.erase = true));
    assert_string_equal(menu.value, "12");
    assert_false(KEY(.typed = "x"));
    assert_false(KEY(.enter = true));
    assert_int_equal(menu.step, MENU_VALUE);
    assert_true(menu.complaint[0] != '\0');
    assert_false(KEY(.erase = true));
    assert_false(KEY(.typed = "345"));
    assert_false(KEY(.enter = true)); /* beyond the range */
    assert_int_equal(menu.step, MENU_VALUE);
    for (int i = 0; i < 5; i++) {
        assert_false(KEY(.erase = true));
    }
    assert_false(KEY(.typed = "1e3"));
    assert_false(KEY(.enter = true));
    assert_int_equal(menu.step, MENU_CONFIRM);
    assert_string_equal(action_menu_sentence(&menu, &world, text, sizeof text), "Set speed: 1e3 1/min");
    assert_false(KEY(.cancel = true));
    assert_int_equal(menu.step, MENU_VALUE);
    assert_false(KEY(.enter = true));
    assert_true(KEY(.enter = true));
    assert_int_equal(menu.step, MENU_CLOSED);
    assert_int_equal(asked.thing, 0);
    assert_int_equal(asked.action, 0);
    assert_int_equal(asked.kind, WIRE_VALUE_NUMBER);
    assert_true(fabs(asked.number - 1000) < 1e-9);
    assert_false(KEY(.enter = true)); /* closed: nothing more */
}

static void test_values_by_steps(void **state)
{
    (void)state;
    action_menu_open(&menu, &world, 0);
    KEY(.enter = true);
    KEY(.up = true);
    assert_string_equal(menu.value, "1000"); /* a twentieth of 1500, rounded: 100 */
    KEY(.typed = "+");
    assert_string_equal(menu.value, "1100");
    KEY(.left = true);
    assert_string_equal(menu.value, "1000");
    for (int i = 0; i < 30; i++) {
        KEY(.right = true);
    }
    assert_string_equal(menu.value, "1500");
    KEY(.cancel = true);
    assert_int_equal(menu.step, MENU_LIST);
    KEY(.cancel = true);
    assert_int_equal(menu.step, MENU_CLOSED);
}

static void test_without_a_value_it_is_still_confirmed(void **state)
{
    (void)state;
    action_menu_open(&menu, &world, 0);
    KEY(.down = true);
    assert_false(KEY(.enter = true));
    assert_int_equal(menu.step, MENU_CONFIRM);
    assert_false(KEY(.cancel = true));
    assert_int_equal(menu.step, MENU_LIST);
    KEY(.enter = true);
    assert_true(KEY(.enter = true));
    assert_int_equal(asked.action, 1);
    assert_int_equal(asked.kind, WIRE_VALUE_NONE);
    action_menu_open(&menu, &world, 0); /* a boolean */
    KEY(.up = true);
    KEY(.enter = true);
    assert_string_equal(menu.value, "false");
    KEY(.up = true);
    assert_string_equal(menu.value, "true");
    KEY(.enter = true);
    assert_true(KEY(.enter = true));
    assert_int_equal(asked.kind, WIRE_VALUE_BOOLEAN);
    assert_int_equal(asked.boolean, 1);
    action_menu_open(&menu, &world, 1); /* has no actions */
    assert_int_equal(menu.step, MENU_CLOSED);
}

static void test_by_mouse(void **state)
{
    (void)state;
    action_menu_open(&menu, &world, 0);
    assert_false(click(7));
    assert_int_equal(menu.step, MENU_LIST);
    assert_false(click(0));
    assert_int_equal(menu.step, MENU_VALUE);
    assert_false(click(0));
    assert_int_equal(menu.step, MENU_CONFIRM);
    assert_false(click(-1));
    assert_true(click(0));
    assert_true(fabs(asked.number - 900) < 1e-9);
}

static void place(uint32_t object, uint32_t thing, float x, float z)
{
    objects[object] = (Object){ .thing = thing, .position = { x, 0, z } };
}

static void test_what_is_meant(void **state)
{
    (void)state;
    const PickRay ahead = { .eye = { 0, 1.7f, 0 }, .direction = { 0, 0, -1 } };
    place(0, 0, 3, -4);              /* 37 degrees aside */
    place(1, 0, 0.5f, -6);           /* nearly ahead */
    place(2, 1, 0, -3);              /* nearer, but has no actions */
    place(3, WORLD_NO_THING, 0, -2); /* scenery */
    assert_int_equal(pick_object(&world, &ahead), 1);
    place(1, 0, 0.5f, -8.5f);
    assert_int_equal(pick_object(&world, &ahead), PICK_NONE);
    objects[1].solid_half[0] = 1; /* its side is within reach */
    assert_int_equal(pick_object(&world, &ahead), 1);
    place(0, 0, 0.5f, -4); /* both ahead: the nearer */
    assert_int_equal(pick_object(&world, &ahead), 0);
    const PickRay back = { .eye = { 0, 1.7f, 0 }, .direction = { 0, 0, 1 } };
    assert_int_equal(pick_object(&world, &back), PICK_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_keys),
        cmocka_unit_test(test_values_by_steps),
        cmocka_unit_test(test_without_a_value_it_is_still_confirmed),
        cmocka_unit_test(test_by_mouse),
        cmocka_unit_test(test_what_is_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
