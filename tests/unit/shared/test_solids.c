/* Walking through a world with an index of its boxes is, to the bit, walking through it without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/clock_file.h"
#include "shared/base/random.h"
#include "shared/model/avatar.h"
#include "shared/model/solids.h"

#include <math.h>

/* `count` objects, most of them solid, of all sizes and headings, in a square of `side` metres. */
static World random_world(Random *random, uint32_t count, double side, Arena *arena)
{
    World world = { .objects = arena_new_array(arena, Object, count), .object_count = count };
    assert_non_null(world.objects);
    for (int i = 0; i < 2; i++) {
        world.bounds_min[i] = (float)(-side / 2);
        world.bounds_max[i] = (float)(side / 2);
    }
    for (uint32_t i = 0; i < count; i++) {
        Object *object = &world.objects[i];
        double turn = random_between(random, 0, 6.2831853);
        bool wall = random_below(random, 20) == 0, vast = random_below(random, 200) == 0;
        *object = (Object){ .position = { (float)random_between(random, -side / 2, side / 2), 0,
                                          (float)random_between(random, -side / 2, side / 2) },
                            .rotation = { 0, (float)sin(turn / 2), 0, (float)cos(turn / 2) },
                            .solid_half = { (float)random_between(random, 0.1, wall ? 30 : 1.5),
                                            (float)random_between(random, 0.1, vast ? 90 : 1.5) },
                            .solid_center = { (float)random_between(random, -1, 1), 0.2f } };
        if (random_below(random, 5) == 0) {
            object->solid_half[0] = 0;
        }
    }
    return world;
}

static void test_same_steps(void **state)
{
    (void)state;
    uint64_t pushed = 0;
    for (uint64_t seed = 0; seed < 30; seed++) {
        Arena arena;
        arena_init(&arena, 0);
        Random random = random_seeded(seed);
        World plain = random_world(&random, 3 + (uint32_t)seed * 20, 20 + (double)seed * 3, &arena);
        World indexed = plain;
        indexed.solids = solids_build(&plain, AVATAR_RADIUS, &arena);
        assert_non_null(indexed.solids);
        for (int person = 0; person < 20; person++) {
            AvatarState a = { .position = { (float)random_between(&random, -30, 30), 0,
                                            (float)random_between(&random, -30, 30) } };
            AvatarState b = a;
            AvatarInput input = { .forward = 127, .run = true };
            for (int step = 0; step < 300; step++) {
                input.yaw = (uint16_t)(input.yaw + random_below(&random, 2000));
                AvatarState free = a;
                World empty = { .bounds_min = { -1e6f, -1e6f }, .bounds_max = { 1e6f, 1e6f } };
                avatar_step(&free, &input, &empty);
                avatar_step(&a, &input, &plain);
                avatar_step(&b, &input, &indexed);
                assert_memory_equal(a.position, b.position, sizeof a.position);
                assert_memory_equal(a.velocity, b.velocity, sizeof a.velocity);
                pushed += a.position[0] != free.position[0];
            }
        }
        arena_finish(&arena);
    }
    assert_true(pushed > 10000); /* they did run into things */
}

static void test_empty_and_extreme_worlds(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    World world = { .bounds_min = { -1e9f, -1e9f }, .bounds_max = { 1e9f, 1e9f } };
    world.solids = solids_build(&world, AVATAR_RADIUS, &arena);
    AvatarState state_ = { 0 };
    avatar_step(&state_, &(AvatarInput){ .forward = 127 }, &world);
    assert_true(state_.position[2] < 0);
    Object far[] = {
        { .position = { 1e9f, 0, -1e9f }, .rotation = { 0, 0, 0, 1 }, .solid_half = { 1e8f, 1e8f } },
        { .position = { 0, 0, -1 }, .rotation = { 0, 0, 0, 1 }, .solid_half = { 0.5f, 0.5f } }
    };
    world.objects = far;
    world.object_count = 2;
    world.solids = solids_build(&world, AVATAR_RADIUS, &arena);
    assert_non_null(world.solids);
    state_ = (AvatarState){ 0 };
    for (int i = 0; i < 60; i++) {
        avatar_step(&state_, &(AvatarInput){ .forward = 127 }, &world);
    }
    assert_true(state_.position[2] > -0.25f); /* stopped by the near one */
    arena_finish(&arena);
}

static void test_cost_does_not_grow_with_the_world(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    Random random = random_seeded(1);
    World plain = random_world(&random, 10000, 3000, &arena), indexed = plain;
    indexed.solids = solids_build(&plain, AVATAR_RADIUS, &arena);
    TimeNs took[2] = { 0 };
    for (int way = 0; way < 2; way++) {
        AvatarState person = { 0 };
        TimeNs began = clock_process_cpu();
        for (int step = 0; step < 200; step++) {
            avatar_step(&person, &(AvatarInput){ .forward = 127 }, way ? &indexed : &plain);
        }
        took[way] = clock_process_cpu() - began;
    }
    print_message("10,000 objects: %.1f us a step, %.2f us with the index\n", (double)took[0] / 2e5,
                  (double)took[1] / 2e5);
    assert_true(took[1] * 10 < took[0]);
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_steps),
        cmocka_unit_test(test_empty_and_extreme_worlds),
        cmocka_unit_test(test_cost_does_not_grow_with_the_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
