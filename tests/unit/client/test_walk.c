#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/walk.h"

#include <math.h>

static void test_parse(void **state)
{
    (void)state;
    Walk walk = { .count = 9 };
    Diag diag = { 0 };
    assert_int_equal(walk_parse("1,2; -3.5 , 4e0 ;5,6;", &walk, &diag), STATUS_OK);
    assert_int_equal(walk.count, 3);
    assert_true(walk.points[1][0] == -3.5f && walk.points[1][1] == 4.0f);
    const char *const bad[] = { "1", "1,2;3", "a,b", "1,2 3,4", "1,nan", "1,2e7", ",", ";" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        walk.count = 9;
        assert_int_equal(walk_parse(bad[i], &walk, &diag), STATUS_MALFORMED);
        assert_int_equal(walk.count, 9);
    }
    char many[WALK_POINTS_MAX * 4 + 8];
    size_t size = 0;
    for (uint32_t i = 0; i <= WALK_POINTS_MAX; i++, size += 4) {
        for (int k = 0; k < 4; k++) {
            many[size + (size_t)k] = "1,2;"[k];
        }
    }
    many[size] = '\0';
    assert_int_equal(walk_parse(many, &walk, &diag), STATUS_CAPACITY);
}

static uint32_t walk_until_arrived(Walk *walk, AvatarState *avatar, const World *world, uint32_t limit)
{
    uint32_t steps = 0;
    while (!walk_arrived(walk) && steps < limit) {
        AvatarInput input;
        walk_step(walk, avatar, &input);
        int16_t turn = (int16_t)(input.yaw - avatar->yaw);
        assert_true(turn <= 1092 && turn >= -1092); /* no snapping round */
        avatar_step(avatar, &input, world);
        steps++;
    }
    return steps;
}

static void test_arrives_and_stands(void **state)
{
    (void)state;
    const World world = { .bounds_min = { -50, -50 }, .bounds_max = { 50, 50 } };
    Walk walk;
    AvatarState avatar = { 0 };
    assert_int_equal(walk_parse("0,5;5,5;-2,-3", &walk, NULL), STATUS_OK);
    uint32_t steps = walk_until_arrived(&walk, &avatar, &world, 3000);
    float metres = 5.0f + 5.0f + sqrtf(49.0f + 64.0f);
    assert_true((float)steps / 60.0f < metres / AVATAR_WALK_SPEED + 6.0f);
    for (int i = 0; i < 60; i++) {
        AvatarInput input;
        walk_step(&walk, &avatar, &input);
        assert_int_equal(input.forward, 0);
        avatar_step(&avatar, &input, &world);
    }
    assert_true(fabsf(avatar.position[0] + 2.0f) < 0.05f && fabsf(avatar.position[2] + 3.0f) < 0.05f);
    assert_true(avatar.velocity[0] == 0.0f && avatar.velocity[1] == 0.0f);
}

static void test_walks_around_a_box(void **state)
{
    (void)state;
    Object box = {
        .position = { 0, 0, 4 }, .rotation = { 0, 0, 0, 1 }, .scale = { 1, 1, 1 }, .solid_half = { 1, 1 }
    };
    const World world = {
        .bounds_min = { -50, -50 }, .bounds_max = { 50, 50 }, .objects = &box, .object_count = 1
    };
    Walk walk;
    AvatarState avatar = { 0 };
    assert_int_equal(walk_parse("0,8", &walk, NULL), STATUS_OK);
    walk_until_arrived(&walk, &avatar, &world, 3000);
    assert_true(fabsf(avatar.position[0]) < 0.1f && fabsf(avatar.position[2] - 8.0f) < 0.1f);
}

static void test_gives_up_what_it_cannot_reach(void **state)
{
    (void)state;
    const World world = { .bounds_min = { -2, -2 }, .bounds_max = { 2, 2 } };
    Walk walk;
    AvatarState avatar = { 0 };
    assert_int_equal(walk_parse("0,30;1,1", &walk, NULL), STATUS_OK);
    uint32_t steps = walk_until_arrived(&walk, &avatar, &world, 6000);
    assert_true(steps < 6000);
    assert_true(fabsf(avatar.position[0] - 1.0f) < 0.1f && fabsf(avatar.position[2] - 1.0f) < 0.1f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_arrives_and_stands),
        cmocka_unit_test(test_walks_around_a_box),
        cmocka_unit_test(test_gives_up_what_it_cannot_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
