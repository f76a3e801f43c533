#include "server/metaverse/input_queue.h"

#include "shared/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static AvatarInput numbered(uint32_t sequence)
{
    return (AvatarInput){ .forward = 127, .yaw = (uint16_t)sequence };
}

static uint32_t push(InputQueue *queue, uint32_t first, uint32_t count)
{
    AvatarInput inputs[16];
    for (uint32_t i = 0; i < count; i++) {
        inputs[i] = numbered(first + i);
    }
    return input_queue_push(queue, first, inputs, count);
}

/* One due step that must give exactly one input. */
static AvatarInput take(InputQueue *queue)
{
    AvatarInput inputs[INPUT_STEPS_MAX];
    assert_int_equal(input_queue_take(queue, inputs), 1);
    return inputs[0];
}

static void stands_until_the_margin_is_there(void **state)
{
    (void)state;
    InputQueue queue;
    input_queue_init(&queue);
    assert_int_equal(take(&queue).forward, 0);
    assert_int_equal(push(&queue, 1, 1), 1);
    assert_int_equal(take(&queue).forward, 0);
    assert_int_equal(push(&queue, 2, 1), 1);
    assert_int_equal(take(&queue).yaw, 1);
    assert_int_equal(queue.taken, 1);
    assert_int_equal(input_queue_included(&queue), 1);
}

static void a_lone_step_is_not_held_back_for_ever(void **state)
{
    (void)state;
    InputQueue queue;
    input_queue_init(&queue);
    push(&queue, 1, 1);
    for (int i = 0; i < INPUT_MARGIN; i++) {
        assert_int_equal(take(&queue).forward, 0);
    }
    assert_int_equal(take(&queue).yaw, 1);
}

static void repeats_and_order_do_not_matter(void **state)
{
    (void)state;
    InputQueue queue;
    input_queue_init(&queue);
    assert_int_equal(push(&queue, 1, 4), 4);
    assert_int_equal(push(&queue, 1, 4), 0);
    assert_int_equal(push(&queue, 6, 2), 2);
    assert_int_equal(push(&queue, 3, 5), 1); /* 5 */
    for (uint32_t i = 1; i <= 7; i++) {
        assert_int_equal(take(&queue).yaw, i);
    }
    assert_int_equal(push(&queue, 1, 7), 0); /* late */
    assert_int_equal(queue.lost, 0);
}

static void a_hole_repeats_the_last_step(void **state)
{
    (void)state;
    InputQueue queue;
    input_queue_init(&queue);
    push(&queue, 1, 2);
    push(&queue, 4, 2); /* 3 is lost */
    assert_int_equal(take(&queue).yaw, 1);
    assert_int_equal(take(&queue).yaw, 2);
    AvatarInput filled = take(&queue);
    assert_int_equal(filled.yaw, 2);
    assert_int_equal(filled.forward, 127);
    assert_int_equal(take(&queue).yaw, 4);
    assert_int_equal(queue.lost, 1);
}

static void silence_repeats_for_a_while_then_stands(void **state)
{
    (void)state;
    InputQueue queue;
    input_queue_init(&queue);
    push(&queue, 1, 2);
    take(&queue);
    take(&queue);
    for (int i = 0; i < INPUT_REPEAT_MAX; i++) {
        assert_int_equal(take(&queue).forward, 127);
    }
    assert_int_equal(input_queue_included(&queue), 2 + INPUT_REPEAT_MAX);
    for (int i = 0; i < 100; i++) {
        AvatarInput input = take(&queue);
        assert_int_equal(input.forward, 0);
        assert_int_equal(input.yaw, 2); /* still looks there */
    }
    assert_int_equal(input_queue_included(&queue), 2); /* what the client really sent */
    assert_int_equal(queue.taken, 2 + INPUT_REPEAT_MAX);
    push(&queue, 3 + INPUT_REPEAT_MAX, 2);
    assert_int_equal(take(&queue).yaw, 3 + INPUT_REPEAT_MAX);
}

/* However many steps a client sends, its avatar makes one a step and a small burst. */
static void sending_faster_does_not_walk_faster(void **state)
{
    (void)state;
    InputQueue queue;
    input_queue_init(&queue);
    uint32_t sent = 0, steps = 0;
    const uint32_t due = 6000;
    for (uint32_t i = 0; i < due; i++) {
        AvatarInput inputs[INPUT_STEPS_MAX];
        push(&queue, sent + 1, 2); /* twice as fast as time goes */
        sent += 2;
        steps += input_queue_take(&queue, inputs);
    }
    assert_true(steps <= due + due / 100 + INPUT_BURST);
    assert_true(steps >= due);
}

/* A client whose clock runs 0.5 % fast is followed, with a small delay, and loses nothing. */
static void a_slightly_fast_clock_is_followed(void **state)
{
    (void)state;
    InputQueue queue;
    input_queue_init(&queue);
    uint32_t sent = 0;
    for (uint32_t i = 0; i < 60000; i++) {
        AvatarInput inputs[INPUT_STEPS_MAX];
        uint32_t count = i % 200 == 199 ? 2 : 1;
        push(&queue, sent + 1, count);
        sent += count;
        input_queue_take(&queue, inputs);
        assert_true(queue.newest - queue.taken <= 8);
    }
    assert_int_equal(queue.lost, 0);
}

/* Jitter of a few steps with repeats in every message: nothing is lost and the delay stays small. */
static void jitter_is_absorbed(void **state)
{
    (void)state;
    InputQueue queue;
    input_queue_init(&queue);
    Random random = random_seeded(7);
    uint32_t arrived_until = 0;
    uint64_t lost_early = 0;
    for (uint32_t i = 1; i <= 6000; i++) {
        AvatarInput inputs[INPUT_STEPS_MAX];
        uint32_t delay = (uint32_t)random_below(&random, 3);
        uint32_t newest = i > delay ? i - delay : 0;
        if (newest > arrived_until) {
            uint32_t first = newest > 7 ? newest - 7 : 1;
            push(&queue, first, newest - first + 1);
            arrived_until = newest;
        }
        input_queue_take(&queue, inputs);
        if (i == 600) {
            lost_early = queue.lost;
        }
    }
    assert_true(queue.lost - lost_early < 60); /* 1 % */
    assert_true(queue.newest - queue.taken <= INPUT_DEPTH_MAX);
}

static void a_long_backlog_is_given_up(void **state)
{
    (void)state;
    InputQueue queue;
    input_queue_init(&queue);
    push(&queue, 1, 2);
    take(&queue);
    push(&queue, 3, 16);
    push(&queue, 19, 16);
    take(&queue);
    assert_true(queue.newest - queue.taken <= INPUT_MARGIN);
    assert_true(queue.lost > 0);
}

static void hostile_sequences_are_harmless(void **state)
{
    (void)state;
    InputQueue queue;
    input_queue_init(&queue);
    Random random = random_seeded(3);
    for (uint32_t i = 0; i < 20000; i++) {
        AvatarInput inputs[INPUT_STEPS_MAX];
        push(&queue, (uint32_t)random_u64(&random), (uint32_t)random_below(&random, 9));
        uint32_t count = input_queue_take(&queue, inputs);
        assert_in_range(count, 0, INPUT_STEPS_MAX);
        assert_in_range(queue.credit, 0, INPUT_BURST * INPUT_CREDIT);
    }
}

static void sequences_wrap(void **state)
{
    (void)state;
    InputQueue queue;
    input_queue_init(&queue);
    push(&queue, UINT32_MAX - 1, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(take(&queue).yaw, (uint16_t)(UINT32_MAX - 1 + i));
    }
    assert_int_equal(queue.lost, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stands_until_the_margin_is_there),
        cmocka_unit_test(a_lone_step_is_not_held_back_for_ever),
        cmocka_unit_test(repeats_and_order_do_not_matter),
        cmocka_unit_test(a_hole_repeats_the_last_step),
        cmocka_unit_test(silence_repeats_for_a_while_then_stands),
        cmocka_unit_test(sending_faster_does_not_walk_faster),
        cmocka_unit_test(a_slightly_fast_clock_is_followed),
        cmocka_unit_test(jitter_is_absorbed),
        cmocka_unit_test(a_long_backlog_is_given_up),
        cmocka_unit_test(hostile_sequences_are_harmless),
        cmocka_unit_test(sequences_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
