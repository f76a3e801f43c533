/* Poses against values worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "client/scene/pose.h"

#define HALF_SQRT2 0.70710678f

static bool near(float a, float b)
{
    return fabsf(a - b) < 1e-5f;
}

static const mat4 identity = { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 }, { 0, 0, 0, 1 } };

static ModelNode nodes[2] = {
    { .name = "a",
      .parent = MODEL_NONE,
      .mesh = MODEL_NONE,
      .translation = { 1, 0, 0 },
      .scale = { 2, 2, 2 } },
    { .name = "b",
      .parent = 0,
      .mesh = MODEL_NONE,
      .translation = { 0, 3, 0 },
      .rotation = { 0, 0, 0, 1 },
      .scale = { 1, 1, 1 } },
};
static const Model model = { .nodes = nodes, .node_count = 2 };

static void test_world(void **state)
{
    (void)state;
    NodeTransform local[2];
    mat4 world[2];
    /* a: a quarter turn about +Z takes +Y to -X. */
    nodes[0].rotation[2] = HALF_SQRT2;
    nodes[0].rotation[3] = HALF_SQRT2;
    pose_rest(&model, local);
    pose_world(&model, local, identity, world);
    assert_true(near(world[0][3][0], 1) && near(world[0][3][1], 0));
    assert_true(near(world[1][3][0], 1 - 6) && near(world[1][3][1], 0) && near(world[1][3][2], 0));
    assert_true(near(world[1][0][1], 2)); /* +X of b points to +Y, twice as long */
    mat4 root = {
        { 0, 0, -1, 0 }, { 0, 1, 0, 0 }, { 1, 0, 0, 0 }, { 0, 0, 10, 1 }
    }; /* quarter turn about +Y */
    pose_world(&model, local, (const vec4 *)root, world);
    assert_true(near(world[1][3][0], 0) && near(world[1][3][2], 10 + 5));
}

static void run(ModelPath path, ModelInterpolation interpolation, const float *times, const float *values,
                uint32_t keys, float time, NodeTransform *local)
{
    ModelChannel channel = { .node = 1,
                             .path = path,
                             .interpolation = interpolation,
                             .times = times,
                             .values = values,
                             .key_count = keys };
    ModelAnimation animation = { .channels = &channel, .channel_count = 1, .duration = times[keys - 1] };
    pose_rest(&model, local);
    pose_animate(&model, &animation, time, local);
}

static void test_linear_step_and_wrap(void **state)
{
    (void)state;
    static const float times[] = { 1, 2, 4 };
    static const float values[] = { 0, 0, 0, 10, 0, 0, 20, 4, 0 };
    static const struct {
        float time, linear, step;
    } cases[] = { { 0, 0, 0 },   { 1, 0, 0 },    { 1.25f, 2.5f, 0 }, { 2, 10, 10 }, { 3, 15, 10 },
                  { 4, 20, 20 }, { 5.5f, 5, 0 }, { -1, 15, 10 },     { NAN, 0, 0 } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        NodeTransform local[2];
        run(MODEL_TRANSLATION, MODEL_LINEAR, times, values, 3, cases[i].time, local);
        assert_true(near(local[1].translation[0], cases[i].linear));
        assert_true(near(local[0].translation[0], 1)); /* the other node keeps its rest pose */
        run(MODEL_SCALE, MODEL_STEP, times, values, 3, cases[i].time, local);
        assert_true(near(local[1].scale[0], cases[i].step));
    }
}

static void test_rotation(void **state)
{
    (void)state;
    static const float times[] = { 0, 1 };
    NodeTransform local[2];
    /* From none to a half turn about +Y; after a third of the time 60°. */
    static const float half_turn[] = { 0, 0, 0, 1, 0, 1, 0, 0 };
    run(MODEL_ROTATION, MODEL_LINEAR, times, half_turn, 2, 1.0f / 3, local);
    assert_true(near(local[1].rotation[1], 0.5f) && near(local[1].rotation[3], 0.8660254f));
    /* The same rotation with the sign turned round: the short way, that is no motion. */
    static const float negated[] = { 0, 0.6f, 0, 0.8f, 0, -0.6f, 0, -0.8f };
    run(MODEL_ROTATION, MODEL_LINEAR, times, negated, 2, 0.5f, local);
    assert_true(near(local[1].rotation[1], 0.6f) && near(local[1].rotation[3], 0.8f));
    /* Lengths other than 1 are made 1. */
    static const float longer[] = { 0, 0, 0, 5, 0, 0, 0, 3 };
    run(MODEL_ROTATION, MODEL_STEP, times, longer, 2, 0.5f, local);
    assert_true(near(local[1].rotation[3], 1));
    static const float nothing[] = { 0, 0, 0, 0, 0, 0, 0, 0 };
    run(MODEL_ROTATION, MODEL_LINEAR, times, nothing, 2, 0.5f, local);
    assert_true(near(local[1].rotation[3], 1));
}

static void test_cubic(void **state)
{
    (void)state;
    static const float times[] = { 0, 2 };
    /* In-tangent, value, out-tangent a key. With tangents 0: smoothstep; with out 1 over 2 s: + 2 ×
     * (t³-2t²+t). */
    static const float values[] = { 9, 9, 9, 0, 0, 0, 0, 1, 0, 0, 0, 0, 8, 8, 8, 9, 9, 9 };
    NodeTransform local[2];
    run(MODEL_TRANSLATION, MODEL_CUBIC, times, values, 2, 0.5f, local); /* t = 0.25 */
    assert_true(near(local[1].translation[0], 8 * 0.15625f));
    assert_true(near(local[1].translation[1], 8 * 0.15625f + 2 * 0.140625f));
    run(MODEL_TRANSLATION, MODEL_CUBIC, times, values, 2, 2, local);
    assert_true(near(local[1].translation[2], 8));
}

static void test_equal_times_are_safe(void **state)
{
    (void)state;
    static const float times[] = { 0, 1, 1, 1, 2 };
    static const float values[] = { 0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0 };
    NodeTransform local[2];
    run(MODEL_TRANSLATION, MODEL_LINEAR, times, values, 5, 1, local);
    assert_true(near(local[1].translation[0], 3));
    run(MODEL_TRANSLATION, MODEL_LINEAR, times, values, 5, 0.999f, local);
    assert_true(local[1].translation[0] < 1);
    run(MODEL_TRANSLATION, MODEL_LINEAR, times, values, 1, 7, local); /* one key, no duration */
    assert_true(near(local[1].translation[0], 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_world),
        cmocka_unit_test(test_linear_step_and_wrap),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_cubic),
        cmocka_unit_test(test_equal_times_are_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
