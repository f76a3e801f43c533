#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/session/prediction.h"

#include <math.h>
#include <string.h>

static const World world = { .bounds_min = { -50, -50 }, .bounds_max = { 50, 50 } };
static const AvatarInput ahead = { .forward = 127 };

static void appear(Prediction *prediction)
{
    const float start[3] = { 1.0f, 0.0f, 2.0f };
    prediction_init(prediction);
    prediction_step(prediction, &ahead, &world);
    assert_int_equal(prediction->sequence, 0); /* nothing before the server has spoken */
    prediction_correct(prediction, 0, start, 0.5f, 0.0f, &world);
    assert_true(prediction->known);
}

/* The authority: the same steps with the same inputs. */
static AvatarState authority(uint32_t steps)
{
    AvatarState state = { .position = { 1.0f, 0.0f, 2.0f } };
    for (uint32_t i = 0; i < steps; i++) {
        avatar_step(&state, &ahead, &world);
    }
    return state;
}

static void test_agreement_needs_no_correction(void **state)
{
    (void)state;
    Prediction prediction;
    appear(&prediction);
    for (uint32_t i = 1; i <= 60; i++) {
        prediction_step(&prediction, &ahead, &world);
        if (i > 10) {
            AvatarState told = authority(i - 10);
            for (int k = 0; k < 3; k++) { /* as on the wire */
                told.position[k] = roundf(told.position[k] * 1000.0f) / 1000.0f;
            }
            prediction_correct(&prediction, i - 10, told.position, 0.0f, 0.0f, &world);
        }
    }
    AvatarState expected = authority(60), shown;
    prediction_shown(&prediction, &shown);
    assert_memory_equal(shown.position, expected.position, sizeof shown.position);
    assert_true(prediction.correction == 0.0f);
}

static void test_correction_is_replayed_and_smoothed(void **state)
{
    (void)state;
    Prediction prediction;
    appear(&prediction);
    for (uint32_t i = 0; i < 30; i++) {
        prediction_step(&prediction, &ahead, &world);
    }
    AvatarState before, after;
    prediction_shown(&prediction, &before);
    AvatarState told = authority(20);
    told.position[0] += 0.5f; /* the server pushed it aside */
    prediction_correct(&prediction, 20, told.position, 0.0f, 0.0f, &world);
    prediction_shown(&prediction, &after);
    assert_true(fabsf(after.position[0] - before.position[0]) < 1e-4f); /* no jump on the screen */
    AvatarState expected = authority(30);
    assert_true(fabsf(prediction.state.position[0] - (expected.position[0] + 0.5f)) < 1e-4f);
    assert_true(fabsf(prediction.state.position[2] - expected.position[2]) < 1e-4f);
    assert_true(fabsf(prediction.correction - 0.5f) < 1e-3f);
    float last = 0.5f;
    for (uint32_t i = 0; i < 60; i++) {
        prediction_step(&prediction, &ahead, &world);
        prediction_shown(&prediction, &after);
        float left = fabsf(after.position[0] - prediction.state.position[0]);
        assert_true(left <= last);
        last = left;
    }
    assert_true(last == 0.0f);
}

static void test_far_correction_jumps(void **state)
{
    (void)state;
    Prediction prediction;
    appear(&prediction);
    prediction_step(&prediction, &ahead, &world);
    const float elsewhere[3] = { 20.0f, 0.0f, 20.0f };
    prediction_correct(&prediction, 1, elsewhere, 0.0f, 0.0f, &world);
    AvatarState shown;
    prediction_shown(&prediction, &shown);
    assert_true(fabsf(shown.position[0] - 20.0f) < 1e-3f);
}

static void test_steps_the_server_took_first(void **state)
{
    (void)state;
    Prediction prediction;
    appear(&prediction);
    for (uint32_t i = 0; i < 5; i++) {
        prediction_step(&prediction, &ahead, &world);
    }
    AvatarState told = authority(8);
    told.position[2] -= 0.2f;
    prediction_correct(&prediction, 8, told.position, 0.0f, 0.0f, &world);
    assert_true(prediction.correction == 0.0f);
    for (uint32_t i = 0; i < 3; i++) {
        prediction_step(&prediction, &ahead, &world);
    }
    assert_true(fabsf(prediction.state.position[2] - told.position[2]) < 1e-4f);
    assert_int_equal(prediction.acknowledged, 8);
}

static void test_old_word_is_ignored(void **state)
{
    (void)state;
    Prediction prediction;
    appear(&prediction);
    for (uint32_t i = 0; i < 10; i++) {
        prediction_step(&prediction, &ahead, &world);
    }
    AvatarState told = authority(9);
    prediction_correct(&prediction, 9, told.position, 0.0f, 0.0f, &world);
    AvatarState state9 = prediction.state;
    const float wrong[3] = { 9.0f, 0.0f, 9.0f };
    prediction_correct(&prediction, 4, wrong, 0.0f, 0.0f, &world);
    assert_memory_equal(&prediction.state, &state9, sizeof state9);
}

static void test_messages_repeat_and_batch(void **state)
{
    (void)state;
    Prediction prediction;
    InputMessage message;
    appear(&prediction);
    assert_false(prediction_next_message(&prediction, &message));
    for (uint32_t i = 1; i <= 20; i++) {
        AvatarInput input = { .forward = (int8_t)i };
        prediction_step(&prediction, &input, &world);
        if (i <= 3) {
            assert_true(prediction_next_message(&prediction, &message));
            assert_int_equal(message.first_sequence, 1);
            assert_int_equal(message.count, i);
        }
    }
    assert_true(prediction_next_message(&prediction, &message)); /* 4..11: 17 new ones are waiting */
    assert_int_equal(message.first_sequence, 4);
    assert_int_equal(message.count, INPUTS_MAX);
    assert_true(prediction_next_message(&prediction, &message));
    assert_int_equal(message.first_sequence, 12);
    assert_true(prediction_next_message(&prediction, &message)); /* 20 and seven it repeats */
    assert_int_equal(message.first_sequence, 13);
    assert_int_equal(message.inputs[7].forward, 20);
    assert_false(prediction_next_message(&prediction, &message));
    AvatarState told = prediction.state;
    prediction_correct(&prediction, 19, told.position, 0.0f, 0.0f, &world);
    prediction_step(&prediction, &ahead, &world);
    assert_true(prediction_next_message(&prediction, &message)); /* nothing the server has is repeated */
    assert_int_equal(message.first_sequence, 20);
    assert_int_equal(message.count, 2);
}

/* Who stands still makes no steps, says once more that it stands until that is known, and walks on at once.
 */
static void test_standing_still_needs_no_steps(void **state)
{
    (void)state;
    Prediction prediction;
    InputMessage message;
    const AvatarInput still = { .yaw = 700 }, aside = { .yaw = 900 };
    appear(&prediction);
    for (uint32_t i = 0; i < 60; i++) {
        prediction_step(&prediction, &ahead, &world);
    }
    for (uint32_t i = 0; i < 120; i++) {
        prediction_step(&prediction, &still, &world);
    }
    uint32_t last = prediction.sequence;
    assert_true(last > 60 + INPUTS_MAX && last < 60 + 40); /* it had to come to a stop first */
    const AvatarState stands = prediction.state;
    prediction_repeat(&prediction, &message);
    assert_int_equal(message.first_sequence, last - INPUTS_MAX + 1);
    assert_int_equal(message.count, INPUTS_MAX);
    for (uint32_t i = 0; i < INPUTS_MAX; i++) {
        assert_int_equal(message.inputs[i].forward, 0);
        assert_int_equal(message.inputs[i].yaw, 700);
    }
    prediction_taken(&prediction, last - 1);
    prediction_repeat(&prediction, &message);
    assert_int_equal(message.count, INPUTS_MAX);
    prediction_taken(&prediction, last);
    prediction_taken(&prediction, last - 5); /* an old packet */
    prediction_repeat(&prediction, &message);
    assert_int_equal(message.count, 0);

    prediction_correct(&prediction, last, stands.position, 0.0f, 0.0f, &world);
    assert_memory_equal(&prediction.state, &stands, sizeof stands);
    prediction_step(&prediction, &aside, &world); /* looking elsewhere is a step */
    assert_int_equal(prediction.sequence, last + 1);
    assert_int_equal(prediction.state.yaw, 900);
    prediction_step(&prediction, &ahead, &world);
    assert_int_equal(prediction.sequence, last + 2);
    assert_true(prediction.state.velocity[1] != 0.0f);
}

/* The server has filled in steps that were never made: they are, until both are at the same one. */
static void test_standing_still_behind_the_server(void **state)
{
    (void)state;
    Prediction prediction;
    const AvatarInput still = { .yaw = 700 };
    appear(&prediction);
    for (uint32_t i = 0; i < 60; i++) {
        prediction_step(&prediction, &still, &world);
    }
    uint32_t last = prediction.sequence;
    const float elsewhere[3] = { 1.5f, 0.0f, 2.0f };
    prediction_correct(&prediction, last + 5, elsewhere, 0.0f, 0.0f, &world);
    for (uint32_t i = 0; i < 20; i++) {
        prediction_step(&prediction, &still, &world);
    }
    assert_int_equal(prediction.early, 0);
    assert_true(prediction.sequence >= last + 5);
    assert_true(fabsf(prediction.state.position[0] - 1.5f) < 0.001f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agreement_needs_no_correction),
        cmocka_unit_test(test_correction_is_replayed_and_smoothed),
        cmocka_unit_test(test_far_correction_jumps),
        cmocka_unit_test(test_steps_the_server_took_first),
        cmocka_unit_test(test_old_word_is_ignored),
        cmocka_unit_test(test_messages_repeat_and_batch),
        cmocka_unit_test(test_standing_still_needs_no_steps),
        cmocka_unit_test(test_standing_still_behind_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
