#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/view.h"

#include <math.h>

static const World world = { .bounds_min = { -10, -10 }, .bounds_max = { 10, 10 } };
static const AvatarState own = { .position = { 1, 0, 2 }, .yaw = 16384 };

static void test_parse(void **state)
{
    (void)state;
    ViewFixed fixed = { .yaw = 9 };
    Diag diag = { 0 };
    assert_int_equal(view_parse_camera("1, 2.5,-3,90,-30", &fixed, &diag), STATUS_OK);
    assert_true(fixed.position[1] == 2.5f && fixed.position[2] == -3.0f);
    assert_true(fabsf(fixed.yaw - 1.5707963f) < 1e-5f && fabsf(fixed.pitch + 0.5235988f) < 1e-5f);
    const char *const bad[] = { "", "1,2,3,4", "1,2,3,4,5,6", "1,2,3,4,x", "1 2 3 4 5" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(view_parse_camera(bad[i], &fixed, &diag), STATUS_MALFORMED);
    }
    assert_int_equal(view_parse_camera("1,2,3,4,1e9", &fixed, &diag), STATUS_OUT_OF_RANGE);
    assert_int_equal(view_parse_camera("nan,2,3,4,5", &fixed, &diag), STATUS_OUT_OF_RANGE);
}

static void test_first_person(void **state)
{
    (void)state;
    View view;
    RenderCamera camera;
    AvatarInput avatar;
    PlatformInput input = { .look_x = 100, .look_y = -50 };
    view_init(&view, NULL);
    view_update(&view, &(PlatformInput){ 0 }, &own, 0.016f);
    view_camera(&view, &own, &world, &camera);
    assert_true(fabsf(camera.yaw - 1.5707963f) < 1e-3f); /* looks where the avatar did when it came */
    assert_true(fabsf(camera.position[1] - AVATAR_EYE_HEIGHT) < 1e-5f);
    view_update(&view, &input, &own, 0.016f);
    view_camera(&view, &own, &world, &camera);
    assert_true(camera.yaw < 1.5f && camera.pitch > 0.1f); /* the mouse to the right and up */
    input = (PlatformInput){ 0 };
    input.held[CONTROL_FORWARD] = input.held[CONTROL_RIGHT] = input.held[CONTROL_RUN] = true;
    view_avatar_input(&view, &input, &avatar);
    assert_int_equal(avatar.forward, 127);
    assert_int_equal(avatar.right, 127);
    assert_true(avatar.run);
    assert_true(fabsf(remainderf(avatar_yaw_radians(avatar.yaw) - camera.yaw, 6.2831853f)) < 1e-3f);
    input.held[CONTROL_BACK] = true;
    view_avatar_input(&view, &input, &avatar);
    assert_int_equal(avatar.forward, 0);
    for (int i = 0; i < 200; i++) { /* never over the top */
        view_update(&view, &(PlatformInput){ .look_y = -100 }, &own, 0.016f);
    }
    assert_true(view.pitch < 1.5707963f);
}

static void test_orbit(void **state)
{
    (void)state;
    View view;
    RenderCamera camera;
    PlatformInput key = { 0 };
    key.pressed[CONTROL_CAMERA] = true;
    view_init(&view, NULL);
    view_update(&view, &key, &own, 0.016f);
    assert_int_equal(view.mode, VIEW_ORBIT);
    view_update(&view, &(PlatformInput){ .zoom = 3 }, &own, 2.0f);
    view_camera(&view, &own, &world, &camera);
    float x = camera.position[0] - own.position[0], z = camera.position[2] - own.position[2];
    float distance = sqrtf(x * x + z * z);
    assert_true(distance < 5.0f && distance > 3.0f); /* nearer than the 6 m it began with */
    assert_true(x > 3.0f);                           /* behind an avatar that looks along -X */
    view_update(&view, &(PlatformInput){ .zoom = -1000 }, &own, 2.0f);
    assert_true(view.distance <= 150.0f);
    view_update(&view, &key, &own, 0.016f);
    assert_int_equal(view.mode, VIEW_FIRST_PERSON); /* no fixed camera was given */
}

static void test_fixed(void **state)
{
    (void)state;
    const ViewFixed fixed = { .position = { 4, 5, 6 }, .yaw = 0.5f, .pitch = -0.25f };
    View view;
    RenderCamera camera;
    view_init(&view, &fixed);
    view_update(&view, &(PlatformInput){ .look_x = 50, .look_y = 50 }, &own, 0.016f);
    view_camera(&view, &own, &world, &camera);
    assert_true(camera.position[0] == 4.0f && camera.yaw == 0.5f && camera.pitch == -0.25f);
    view_init(&view, NULL);
    view_camera(&view, NULL, &world, &camera); /* nobody yet: over the world */
    assert_true(camera.position[1] > 5.0f && camera.pitch < 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_first_person),
        cmocka_unit_test(test_orbit),
        cmocka_unit_test(test_fixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
