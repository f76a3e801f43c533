#include "server/metaverse/input_queue.h"

#include "shared/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

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

/* ---- a client 150 ms away ---- */

#define STEP     (TIME_SECOND / 60)
#define ONE_WAY  (75 * TIME_MS)
#define WAY_MAX  64u
#define LAGS_MAX 8000u

typedef struct OnWay {
    TimeNs arrives;
    uint32_t first, count;
} OnWay;

/* Steps are numbered and all of one length: a step's number is the time at which the person made it. */
typedef struct Journey {
    Random random;
    InputQueue queue;
    OnWay packets[WAY_MAX];
    uint32_t packet_count, step;
    TimeNs now, jitter;
    double loss;
    TimeNs lags[LAGS_MAX]; /* of steps taken as they were made, since counting began */
    uint32_t lag_count, filled;
} Journey;

static void journey_client(Journey *journey)
{
    uint32_t count = ++journey->step < 8 ? journey->step : 8;
    if (random_unit(&journey->random) >= journey->loss && journey->packet_count < WAY_MAX) {
        TimeNs late =
            journey->jitter > 0 ? (TimeNs)random_below(&journey->random, (uint64_t)journey->jitter) : 0;
        journey->packets[journey->packet_count++] = (OnWay){ .arrives = journey->now + ONE_WAY + late,
                                                             .first = journey->step - count + 1,
                                                             .count = count };
    }
}

static void journey_server(Journey *journey)
{
    for (uint32_t i = 0; i < journey->packet_count;) {
        OnWay packet = journey->packets[i];
        if (packet.arrives > journey->now) {
            i++;
            continue;
        }
        push(&journey->queue, packet.first, packet.count);
        journey->packets[i] = journey->packets[--journey->packet_count];
    }
    AvatarInput inputs[INPUT_STEPS_MAX];
    uint64_t lost = journey->queue.lost;
    uint32_t count = input_queue_take(&journey->queue, inputs);
    journey->filled += (uint32_t)(journey->queue.lost - lost);
    if (count > 0 && journey->queue.lost == lost && journey->lag_count < LAGS_MAX) {
        journey->lags[journey->lag_count++] = journey->now - (TimeNs)journey->queue.taken * STEP;
    }
}

/* The server's ticks lie somewhere between the client's. */
static void travel(Journey *journey, int seconds)
{
    for (int i = 0; i < seconds * 60; i++) {
        journey->now += STEP / 2;
        journey_server(journey);
        journey->now += STEP - STEP / 2;
        journey_client(journey);
    }
}

static int compare_times(const void *a, const void *b)
{
    TimeNs x = *(const TimeNs *)a, y = *(const TimeNs *)b;
    return (x > y) - (x < y);
}

static double lag_ms(Journey *journey, uint32_t percent)
{
    qsort(journey->lags, journey->lag_count, sizeof journey->lags[0], compare_times);
    return (double)journey->lags[(journey->lag_count - 1) * percent / 100] / 1e6;
}

static void count_lags_from_now(Journey *journey)
{
    journey->lag_count = journey->filled = 0;
}

/* The wait on top of the network is what its jitter and a margin of two steps need; hardly a step is made up.
 */
static void a_far_client_is_served_smoothly(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        Journey journey = { .random = random_seeded(seed), .jitter = 30 * TIME_MS, .loss = 0.05 };
        input_queue_init(&journey.queue);
        travel(&journey, 5);
        count_lags_from_now(&journey);
        travel(&journey, 120);
        print_message("30 ms jitter, 5 %% loss: lag p50 %.0f ms, p99 %.0f ms, %u of 7200 steps made up\n",
                      lag_ms(&journey, 50), lag_ms(&journey, 99), journey.filled);
        assert_true(lag_ms(&journey, 50) <= 75 + 30 + 2 * 16.7);
        assert_true(lag_ms(&journey, 99) <= 75 + 30 + 4 * 16.7);
        assert_true(journey.filled <= 40);
        journey.jitter = 0; /* the network recovers, and the delay goes */
        journey.loss = 0;
        travel(&journey, 10);
        count_lags_from_now(&journey);
        travel(&journey, 10);
        assert_true(lag_ms(&journey, 50) <= 75 + 3 * 16.7);
        assert_int_equal(journey.filled, 0);
    }
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

static void who_stands_still_is_not_waited_for(void **state)
{
    (void)state;
    InputQueue queue;
    const AvatarInput still[4] = { 0 };
    input_queue_init(&queue);
    push(&queue, 1, 4);
    take(&queue);
    assert_false(input_queue_rests(&queue)); /* there is more */
    for (uint32_t i = 2; i <= 4; i++) {
        take(&queue);
    }
    assert_false(input_queue_rests(&queue)); /* it was walking: something is missing */
    input_queue_push(&queue, 5, still, 4);
    for (uint32_t i = 5; i <= 8; i++) {
        assert_int_equal(take(&queue).forward, 0);
    }
    assert_true(input_queue_rests(&queue));
    for (uint32_t i = 0; i < 1000; i++) {
        input_queue_rest(&queue);
    }
    assert_int_equal(input_queue_included(&queue), 8);
    assert_int_equal(queue.lost, 0);
    push(&queue, 9, 1); /* it goes on where it was, with the margin of the beginning */
    assert_false(input_queue_rests(&queue));
    assert_int_equal(take(&queue).forward, 0);
    push(&queue, 9, 2);
    assert_int_equal(take(&queue).yaw, 9);
    assert_int_equal(take(&queue).yaw, 10);
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
        cmocka_unit_test(a_far_client_is_served_smoothly),
        cmocka_unit_test(a_long_backlog_is_given_up),
        cmocka_unit_test(hostile_sequences_are_harmless),
        cmocka_unit_test(sequences_wrap),
        cmocka_unit_test(who_stands_still_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
