/* avatar: speed, sliding along boxes, bounds, and the same bits every time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "shared/base/bytes.h"
#include "shared/base/random.h"
#include "shared/model/avatar.h"

#define TURN 6.283185307f

static SpawnPoint spawn = { .position = { 1, 0.5f, 2 } };

static World world_of(Object *objects, uint32_t count)
{
    return (World){ .bounds_min = { -50, -50 },
                    .bounds_max = { 50, 50 },
                    .spawn_points = &spawn,
                    .spawn_point_count = 1,
                    .objects = objects,
                    .object_count = count };
}

static Object box_at(float x, float z, float half_x, float half_z, float yaw)
{
    return (Object){ .position = { x, 0, z },
                     .rotation = { 0, sinf(yaw / 2), 0, cosf(yaw / 2) },
                     .scale = { 1, 1, 1 },
                     .solid_half = { half_x, half_z } };
}

static AvatarInput walk(int forward, int right, float yaw, bool run)
{
    return (AvatarInput){
        .forward = (int8_t)forward, .right = (int8_t)right, .run = run, .yaw = avatar_yaw_from_radians(yaw)
    };
}

static void steps(AvatarState *state, const AvatarInput *input, const World *world, int count)
{
    for (int i = 0; i < count; i++) {
        avatar_step(state, input, world);
    }
}

static float speed_of(const AvatarState *state)
{
    return hypotf(state->velocity[0], state->velocity[1]);
}

static void assert_near(float a, float b, float tolerance)
{
    if (!(fabsf(a - b) <= tolerance)) {
        print_error("%g is not %g ± %g\n", (double)a, (double)b, (double)tolerance);
    }
    assert_true(fabsf(a - b) <= tolerance);
}

static void test_angles(void **state)
{
    (void)state;
    for (unsigned yaw = 0; yaw < 65536; yaw += 7) {
        assert_int_equal(avatar_yaw_from_radians(avatar_yaw_radians((uint16_t)yaw)), yaw);
    }
    assert_int_equal(avatar_yaw_from_radians(-TURN / 4), 0xC000);
    assert_int_equal(avatar_yaw_from_radians(TURN * 2 + TURN / 4), 0x4000);
    assert_int_equal(avatar_yaw_from_radians(NAN), 0);
    assert_int_equal(avatar_yaw_from_radians(-INFINITY), 0);
}

static void test_direction_and_speed(void **state)
{
    (void)state;
    World world = world_of(NULL, 0);
    static const struct {
        int forward, right;
        float yaw, x, z; /* direction */
    } cases[] = {
        { 127, 0, 0, 0, -1 },
        { 127, 0, TURN / 4, -1, 0 },
        { 127, 0, TURN / 2, 0, 1 },
        { 0, 127, 0, 1, 0 },
        { 0, 127, TURN / 4, 0, -1 },
        { -127, 0, 0, 0, 1 },
        { 127, 127, 0, 0.70711f, -0.70711f },
        { -128, -128, 0, -0.70711f, 0.70711f },
        { 127, 0, TURN / 8, -0.70711f, -0.70711f },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        for (int run = 0; run < 2; run++) {
            AvatarState avatar = { 0 };
            AvatarInput input = walk(cases[i].forward, cases[i].right, cases[i].yaw, run);
            float speed = run ? AVATAR_RUN_SPEED : AVATAR_WALK_SPEED;
            steps(&avatar, &input, &world, 60);
            assert_near(avatar.velocity[0], cases[i].x * speed, 1e-3f);
            assert_near(avatar.velocity[1], cases[i].z * speed, 1e-3f);
            float x = avatar.position[0], z = avatar.position[2];
            steps(&avatar, &input, &world, 60);
            assert_near(hypotf(avatar.position[0] - x, avatar.position[2] - z), speed, 0.01f);
            input = walk(0, 0, 0, run);
            steps(&avatar, &input, &world, 30);
            assert_true(speed_of(&avatar) == 0);
        }
    }
    AvatarState avatar = { 0 };
    AvatarInput half = walk(64, 0, 0, false);
    steps(&avatar, &half, &world, 60);
    assert_near(speed_of(&avatar), AVATAR_WALK_SPEED * 64 / 127, 1e-3f);
}

/* Into boxes of any thickness and heading, at a run, from every side: never inside, never through. */
static void test_no_tunnelling(void **state)
{
    (void)state;
    static const float thickness[] = { 0.001f, 0.05f, 1.0f };
    for (size_t t = 0; t < ARRAY_COUNT(thickness); t++) {
        for (int turn = 0; turn < 24; turn++) {
            float yaw = TURN * (float)turn / 24;
            Object wall = box_at(0, 0, 20, thickness[t], yaw);
            World world = world_of(&wall, 1);
            /* The wall's normal is its z axis: start 3 m off on that side and run against it. */
            float normal[2] = { sinf(yaw), cosf(yaw) };
            AvatarState avatar = { .position = { 3 * normal[0], 0, 3 * normal[1] } };
            AvatarInput input = walk(127, 0, yaw, true); /* looks along -normal */
            for (int i = 0; i < 240; i++) {
                avatar_step(&avatar, &input, &world);
                float side = avatar.position[0] * normal[0] + avatar.position[2] * normal[1];
                assert_true(side > thickness[t] + AVATAR_RADIUS - 1e-3f);
            }
            assert_near(avatar.position[0] * normal[0] + avatar.position[2] * normal[1],
                        thickness[t] + AVATAR_RADIUS, 1e-3f);
            assert_near(speed_of(&avatar), 0, 0.34f); /* one step's acceleration against the wall at most */
        }
    }
}

static void test_slides_along_a_turned_wall(void **state)
{
    (void)state;
    for (int turn = 0; turn < 16; turn++) {
        float yaw = TURN * (float)turn / 16;
        Object wall = box_at(0, 0, 40, 0.5f, yaw);
        World world = world_of(&wall, 1);
        float normal[2] = { sinf(yaw), cosf(yaw) }, along[2] = { cosf(yaw), -sinf(yaw) };
        AvatarState avatar = { .position = { normal[0], 0, normal[1] } };
        AvatarInput input = walk(127, 127, yaw, false); /* 45° into the wall */
        steps(&avatar, &input, &world, 120);
        float moved = avatar.position[0] * along[0] + avatar.position[2] * along[1];
        float away = avatar.position[0] * normal[0] + avatar.position[2] * normal[1];
        assert_near(moved, 2 * AVATAR_WALK_SPEED * 0.70711f, 0.1f);
        assert_near(away, 0.5f + AVATAR_RADIUS, 1e-3f);
    }
}

static void test_box_off_centre(void **state)
{
    (void)state;
    /* Turned by a quarter, the box's centre (2, 0) in the object's frame lies at z = -2 of the world. */
    Object box = box_at(5, 5, 0.5f, 0.5f, TURN / 4);
    box.solid_center[0] = 2;
    World world = world_of(&box, 1);
    AvatarState avatar = { .position = { 5, 0, 0 } };
    AvatarInput input = walk(127, 0, TURN / 2, true); /* towards +z */
    steps(&avatar, &input, &world, 120);
    assert_near(avatar.position[2], 3 - 0.5f - AVATAR_RADIUS, 1e-3f);
}

static void test_corner_holds(void **state)
{
    (void)state;
    Object walls[] = { box_at(3, 0, 0.2f, 10, 0), box_at(0, -3, 10, 0.2f, 0.3f) };
    World world = world_of(walls, 2);
    AvatarState avatar = { 0 };
    AvatarInput input = walk(127, 127, 0, true);
    for (int i = 0; i < 600; i++) {
        avatar_step(&avatar, &input, &world);
        assert_true(avatar.position[0] < 3 - 0.2f - AVATAR_RADIUS + 0.01f);
        float z = (avatar.position[2] + 3) * cosf(0.3f) + avatar.position[0] * sinf(0.3f);
        assert_true(z > 0.2f + AVATAR_RADIUS - 0.01f);
    }
}

/* Into the point of a wedge of 12 degrees, where pushes from one wall lead into the other: nobody sinks into
 * either. */
static void test_sharp_wedge(void **state)
{
    (void)state;
    static const float turn[] = { 0.1f, -0.1f };
    Object walls[2];
    for (int i = 0; i < 2; i++) { /* long in z, meeting at the origin, open towards +z */
        float side = i == 0 ? 1.0f : -1.0f;
        walls[i] = box_at(10 * sinf(turn[i]) + side * 0.5f * cosf(turn[i]),
                          10 * cosf(turn[i]) - side * 0.5f * sinf(turn[i]), 0.5f, 10, turn[i]);
    }
    World world = world_of(walls, 2);
    for (int aim = -3; aim <= 3; aim++) {
        AvatarState avatar = { .position = { 0, 0, 9 } };
        AvatarInput input = walk(127, 0, (float)aim * 0.1f, true);
        for (int i = 0; i < 600; i++) {
            avatar_step(&avatar, &input, &world);
            for (int w = 0; w < 2; w++) {
                float side = w == 0 ? -1.0f : 1.0f; /* distance from the wall's inner face */
                float gap = side * (avatar.position[0] * cosf(turn[w]) - avatar.position[2] * sinf(turn[w]));
                assert_true(gap > AVATAR_RADIUS - 0.002f);
            }
        }
        assert_true(avatar.position[2] > 2);
    }
}

/* A gap narrower than a person, at a run: nobody is squeezed through. */
static void test_narrow_gap(void **state)
{
    (void)state;
    Object walls[] = { box_at(-5.25f, 0, 5, 0.05f, 0), box_at(5.25f, 0, 5, 0.05f, 0) };
    World world = world_of(walls, 2);
    AvatarState avatar = { .position = { 0.02f, 0, 4 } };
    AvatarInput input = walk(127, 0, 0, true);
    steps(&avatar, &input, &world, 600);
    assert_true(avatar.position[2] > 0);
}

static void test_gets_out_of_a_box(void **state)
{
    (void)state;
    Object box = box_at(0, 0, 2, 1, 0.4f);
    World world = world_of(&box, 1);
    AvatarState avatar = { .position = { 0.1f, 0, 0.1f } };
    AvatarInput still = walk(0, 0, 0, false);
    avatar_step(&avatar, &still, &world);
    float side = avatar.position[0] * sinf(0.4f) + avatar.position[2] * cosf(0.4f);
    assert_true(side > 1 + AVATAR_RADIUS - 1e-3f);
}

static void test_stays_in_bounds(void **state)
{
    (void)state;
    World world = world_of(NULL, 0);
    for (int turn = 0; turn < 8; turn++) {
        AvatarState avatar = { 0 };
        AvatarInput input = walk(127, 0, TURN * (float)turn / 8, true);
        steps(&avatar, &input, &world, 1500);
        assert_true(fabsf(avatar.position[0]) <= 50 && fabsf(avatar.position[2]) <= 50);
        assert_true(fmaxf(fabsf(avatar.position[0]), fabsf(avatar.position[2])) == 50);
    }
}

static void test_any_input_is_safe(void **state)
{
    (void)state;
    Random random = random_seeded(99);
    Object boxes[20];
    for (size_t i = 0; i < ARRAY_COUNT(boxes); i++) {
        boxes[i] = box_at((float)random_between(&random, -10, 10), (float)random_between(&random, -10, 10),
                          (float)random_between(&random, 0, 3), (float)random_between(&random, 0, 3),
                          (float)random_between(&random, -9, 9));
    }
    World world = world_of(boxes, ARRAY_COUNT(boxes));
    static const float wild[] = { NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-42f };
    AvatarState avatar = { 0 };
    for (int i = 0; i < 20000; i++) {
        AvatarInput input = { .forward = (int8_t)random_u64(&random),
                              .right = (int8_t)random_u64(&random),
                              .run = random_u64(&random) & 1,
                              .yaw = (uint16_t)random_u64(&random),
                              .pitch = (int16_t)random_u64(&random) };
        if (i % 50 == 0) {
            avatar.position[random_below(&random, 3)] = wild[random_below(&random, ARRAY_COUNT(wild))];
            avatar.velocity[random_below(&random, 2)] = wild[random_below(&random, ARRAY_COUNT(wild))];
        }
        avatar_step(&avatar, &input, &world);
        for (int k = 0; k < 3; k++) {
            assert_true(isfinite(avatar.position[k]));
        }
        assert_true(fabsf(avatar.position[0]) <= 50 && fabsf(avatar.position[2]) <= 50);
        assert_true(speed_of(&avatar) <= AVATAR_RUN_SPEED * 1.001f);
        assert_true(avatar.pitch >= -16384 && avatar.pitch <= 16384);
    }
    AvatarState lost = { .position = { NAN, INFINITY, 7 }, .velocity = { NAN, 1 } };
    AvatarInput still = { 0 };
    World empty = world_of(NULL, 0);
    avatar_step(&lost, &still, &empty);
    assert_true(lost.position[0] == 1 && lost.position[1] == 0.5f && lost.position[2] == 7);
    assert_true(speed_of(&lost) == 0);
}

static AvatarState wander(uint64_t seed)
{
    Random random = random_seeded(seed);
    Object boxes[8];
    for (size_t i = 0; i < ARRAY_COUNT(boxes); i++) {
        boxes[i] = box_at((float)i * 2 - 8, (float)(i % 3) * 3 - 3, 0.7f, 0.4f, 0);
        boxes[i].rotation[1] = 0.6f;
        boxes[i].rotation[3] = 0.8f;
    }
    World world = world_of(boxes, ARRAY_COUNT(boxes));
    AvatarState avatar = { 0 };
    AvatarInput input = { 0 };
    for (int i = 0; i < 5000; i++) {
        if (i % 20 == 0) {
            input = (AvatarInput){ .forward = (int8_t)random_u64(&random),
                                   .right = (int8_t)random_u64(&random),
                                   .run = random_u64(&random) & 1,
                                   .yaw = (uint16_t)random_u64(&random) };
        }
        avatar_step(&avatar, &input, &world);
    }
    return avatar;
}

/* The same bits in every run and from every build: the values were printed once by the gcc release build. */
static void test_same_bits(void **state)
{
    (void)state;
    AvatarState first = wander(5), second = wander(5);
    assert_memory_equal(first.position, second.position, sizeof first.position);
    assert_memory_equal(first.velocity, second.velocity, sizeof first.velocity);
    uint32_t bits[2];
    memcpy(&bits[0], &first.position[0], 4);
    memcpy(&bits[1], &first.position[2], 4);
    assert_int_equal(bits[0], 0x417ee0a8u);
    assert_int_equal(bits[1], 0x4037aa72u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_angles),
        cmocka_unit_test(test_direction_and_speed),
        cmocka_unit_test(test_no_tunnelling),
        cmocka_unit_test(test_slides_along_a_turned_wall),
        cmocka_unit_test(test_box_off_centre),
        cmocka_unit_test(test_corner_holds),
        cmocka_unit_test(test_sharp_wedge),
        cmocka_unit_test(test_narrow_gap),
        cmocka_unit_test(test_gets_out_of_a_box),
        cmocka_unit_test(test_stays_in_bounds),
        cmocka_unit_test(test_any_input_is_safe),
        cmocka_unit_test(test_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
