/* Positions and rotations as integers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "shared/base/random.h"
#include "shared/wire/quantise.h"

#define TURN 6.28318531f

static void test_millimetres(void **state)
{
    (void)state;
    assert_int_equal(quantise_mm(1.2345f), 1235); /* the float nearest to it lies above the half */
    assert_int_equal(quantise_mm(0.0005f), 1);
    assert_int_equal(quantise_mm(-0.0005f), -1);
    assert_int_equal(quantise_mm(-0.0004f), 0);
    assert_int_equal(quantise_mm(1e30f), 1000000000);
    assert_int_equal(quantise_mm(-INFINITY), -1000000000);
    assert_int_equal(quantise_mm(NAN), 0);
}

static float length_of(const float q[4])
{
    return sqrtf(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
}

static void test_rotation_error_is_small(void **state)
{
    (void)state;
    Random random = random_seeded(1);
    float worst = 0;
    for (int i = 0; i < 20000; i++) {
        float q[4], back[4];
        for (int c = 0; c < 4; c++) {
            q[c] = (float)random_between(&random, -1, 1);
        }
        float size = length_of(q);
        if (size < 0.1f) {
            continue;
        }
        quat_unpack(quat_pack(q), back);
        /* The chord between the two, sign-free: the cosine would lose small angles to rounding. */
        float sign = q[0] * back[0] + q[1] * back[1] + q[2] * back[2] + q[3] * back[3] < 0 ? -1.0f : 1.0f;
        float gap[4];
        for (int c = 0; c < 4; c++) {
            gap[c] = q[c] / size - sign * back[c];
        }
        float degrees = 4 * asinf(length_of(gap) / 2) * 360 / TURN;
        worst = degrees > worst ? degrees : worst;
    }
    print_message("largest error %.3f degrees\n", (double)worst);
    assert_true(worst < 0.25f);
}

static void test_any_bits_are_a_unit_quaternion(void **state)
{
    (void)state;
    Random random = random_seeded(2);
    for (int i = 0; i < 20000; i++) {
        float q[4];
        quat_unpack(i < 4 ? UINT64_MAX - (uint64_t)i : random_u64(&random), q);
        assert_true(fabsf(length_of(q) - 1) < 1e-5f);
    }
    const float broken[3][4] = { { 0, 0, 0, 0 }, { NAN, 0, 0, 1 }, { INFINITY, 0, 0, 0 } };
    const float identity[4] = { 0, 0, 0, 1 };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(quat_pack(broken[i]), quat_pack(identity));
    }
    float back[4];
    quat_unpack(quat_pack(identity), back);
    assert_memory_equal(back, identity, sizeof back);
}

/* The bound of quat_pack, for coarse and fine steps: ten thirteenths of a step, whatever the rotation. */
static void test_no_component_is_far_off(void **state)
{
    (void)state;
    const uint32_t steps[] = { 511, QUAT_STEPS, 1090, 4000 };
    Random random = random_seeded(3);
    for (int i = 0; i < 100000; i++) {
        uint32_t count = steps[i % 4];
        float q[4], back[4], product = 0, worst = 0;
        for (int c = 0; c < 4; c++) {
            q[c] = (float)random_between(&random, -1, 1) * (i % 3 == 0 ? 0.02f : 1) + (i % 3 == 0 ? 0.5f : 0);
        }
        float size = length_of(q);
        if (size < 0.1f) {
            continue;
        }
        quat_unpack_steps(quat_pack_steps(q, count), count, back);
        for (int c = 0; c < 4; c++) {
            product += q[c] * back[c];
        }
        for (int c = 0; c < 4; c++) {
            float error = fabsf((product < 0 ? -back[c] : back[c]) - q[c] / size);
            worst = error > worst ? error : worst;
        }
        assert_true(worst * (float)count * sqrtf(0.5f) < 10.0f / 13 + 0.002f);
    }
}

static void test_yaw_and_pitch(void **state)
{
    (void)state;
    for (float yaw = -3.1f; yaw < 3.15f; yaw += 0.1f) {
        for (float pitch = -1.5707f; pitch < 1.5708f; pitch += 0.1f) {
            float q[4], yaw_back = 0, pitch_back = 0;
            quat_from_yaw_pitch(yaw, pitch, q);
            quat_to_yaw_pitch(q, &yaw_back, &pitch_back);
            assert_true(fabsf(yaw_back - yaw) < 1e-3f);
            assert_true(fabsf(pitch_back - pitch) < 2e-3f);
        }
    }
    /* A quarter turn left (counter-clockwise from above) looks along -X: q rotates (0,0,-1) there. */
    float q[4];
    quat_from_yaw_pitch(TURN / 4, 0, q);
    float x = -2 * (q[0] * q[2] + q[3] * q[1]), z = -(1 - 2 * (q[0] * q[0] + q[1] * q[1]));
    assert_true(fabsf(x + 1) < 1e-6f && fabsf(z) < 1e-6f);
    /* Up is positive. */
    quat_from_yaw_pitch(0, 0.5f, q);
    assert_true(2 * (q[3] * q[0] - q[1] * q[2]) > 0.4f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_millimetres),
        cmocka_unit_test(test_rotation_error_is_small),
        cmocka_unit_test(test_any_bits_are_a_unit_quaternion),
        cmocka_unit_test(test_no_component_is_far_off),
        cmocka_unit_test(test_yaw_and_pitch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
