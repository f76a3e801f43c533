#include "server/metaverse/input_queue.h"

#include <string.h>

void input_queue_init(InputQueue *queue)
{
    memset(queue, 0, sizeof *queue);
    queue->waiting = true;
    queue->depth_low = INT32_MAX;
    queue->credit = INPUT_CREDIT;
}

/* Steps from b to a, negative when a is older; sequences wrap. */
static int32_t steps_between(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static uint64_t slot_bit(uint32_t sequence)
{
    return UINT64_C(1) << (sequence % INPUT_QUEUE_SIZE);
}

/* Takes everything up to `sequence` as done, without doing it. */
static void give_up(InputQueue *queue, uint32_t sequence)
{
    int32_t steps = steps_between(sequence, queue->taken);
    if (steps >= INPUT_QUEUE_SIZE) {
        queue->present = 0;
        steps = INPUT_QUEUE_SIZE; /* a jump of millions is one loss of a full queue, whatever was meant */
    } else {
        for (uint32_t next = queue->taken + 1; next != sequence + 1; next++) {
            queue->present &= ~slot_bit(next);
        }
    }
    queue->lost += (uint64_t)steps;
    queue->taken = sequence;
    queue->filled = 0;
}

static void note_late(InputQueue *queue, uint32_t age)
{
    if (age < INPUT_QUEUE_SIZE && (queue->filled >> age & 1) != 0) {
        queue->filled &= ~(UINT64_C(1) << age);
        queue->late = true;
    }
}

static bool push_one(InputQueue *queue, uint32_t sequence, const AvatarInput *input)
{
    int32_t ahead = steps_between(sequence, queue->taken);
    if (ahead <= 0) {
        note_late(queue, queue->taken - sequence);
        return false;
    }
    if (ahead <= INPUT_QUEUE_SIZE && (queue->present & slot_bit(sequence)) != 0) {
        return false;
    }
    if (ahead > INPUT_QUEUE_SIZE) {
        give_up(queue, sequence - INPUT_MARGIN);
    }
    queue->inputs[sequence % INPUT_QUEUE_SIZE] = *input;
    queue->present |= slot_bit(sequence);
    if (steps_between(sequence, queue->newest) > 0) {
        queue->newest = sequence;
    }
    return true;
}

uint32_t input_queue_push(InputQueue *queue, uint32_t first_sequence, const AvatarInput *inputs,
                          uint32_t count)
{
    if (count == 0) {
        return 0;
    }
    if (!queue->started) {
        queue->started = true;
        queue->taken = first_sequence - 1;
        queue->newest = queue->taken;
    }
    uint32_t fresh = 0;
    for (uint32_t i = 0; i < count; i++) {
        fresh += push_one(queue, first_sequence + i, &inputs[i]);
    }
    return fresh;
}

static AvatarInput standing(const AvatarInput *last)
{
    return (AvatarInput){ .yaw = last->yaw, .pitch = last->pitch };
}

/* The input of the next step: as sent, or repeated, or, after too many missing, standing still without moving
 * on in the sequence, so that what is merely late is still taken. */
static AvatarInput take_next(InputQueue *queue)
{
    uint32_t sequence = queue->taken + 1;
    uint64_t bit = slot_bit(sequence);
    if ((queue->present & bit) != 0) {
        queue->present &= ~bit;
        queue->taken = sequence;
        queue->filled <<= 1;
        queue->repeated = 0;
        queue->last = queue->inputs[sequence % INPUT_QUEUE_SIZE];
        return queue->last;
    }
    if (queue->repeated == INPUT_REPEAT_MAX) {
        queue->waiting = true;
        queue->waited = 0;
        return standing(&queue->last);
    }
    queue->repeated++;
    queue->lost++;
    queue->taken = sequence;
    queue->filled = queue->filled << 1 | 1;
    return queue->last;
}

/* Whether the margin is there. One that does not come is not waited for longer than it is long. */
static bool margin_ready(InputQueue *queue, int32_t depth)
{
    return depth >= INPUT_MARGIN || (depth > 0 && ++queue->waited > INPUT_MARGIN);
}

/* The least depth of a window beyond the margin is delay that nobody needs: it is caught up. Where steps came
 * too late, the margin is too small: true then, and the avatar waits one step. */
static bool watch_depth(InputQueue *queue, int32_t depth)
{
    if (depth < queue->depth_low) {
        queue->depth_low = depth;
    }
    if (++queue->window < INPUT_DEPTH_WINDOW) {
        return false;
    }
    int32_t surplus = queue->depth_low - INPUT_MARGIN;
    bool wait = queue->late;
    queue->catch_up = surplus > 0 ? (uint32_t)surplus : 0;
    queue->depth_low = INT32_MAX;
    queue->window = 0;
    queue->late = false;
    return wait;
}

static uint32_t take_while_fed(InputQueue *queue, int32_t depth, AvatarInput out_inputs[INPUT_STEPS_MAX])
{
    if (depth > INPUT_DEPTH_MAX) {
        give_up(queue, queue->newest - INPUT_MARGIN);
    }
    if (watch_depth(queue, depth)) {
        return 0;
    }
    uint32_t count = 1;
    out_inputs[0] = take_next(queue);
    queue->credit -= INPUT_CREDIT;
    if (queue->catch_up > 0 && queue->credit >= INPUT_CREDIT && !queue->waiting) {
        queue->catch_up--;
        queue->credit -= INPUT_CREDIT;
        out_inputs[count++] = take_next(queue);
    }
    return count;
}

uint32_t input_queue_take(InputQueue *queue, AvatarInput out_inputs[INPUT_STEPS_MAX])
{
    int32_t depth = steps_between(queue->newest, queue->taken);
    queue->credit += INPUT_CREDIT_GAIN;
    if (queue->credit > INPUT_BURST * INPUT_CREDIT) {
        queue->credit = INPUT_BURST * INPUT_CREDIT;
    }
    if (queue->waiting) {
        if (!margin_ready(queue, depth)) {
            out_inputs[0] = standing(&queue->last);
            return 1;
        }
        queue->waiting = false;
        queue->repeated = 0;
    }
    return take_while_fed(queue, depth, out_inputs);
}

bool input_queue_rests(const InputQueue *queue)
{
    return queue->last.forward == 0 && queue->last.right == 0 &&
           steps_between(queue->newest, queue->taken) <= 0;
}

void input_queue_rest(InputQueue *queue)
{
    queue->waiting = true;
    queue->waited = queue->repeated = 0;
}

uint32_t input_queue_included(const InputQueue *queue)
{
    bool ahead = steps_between(queue->taken, queue->newest) > 0;
    return ahead && queue->waiting ? queue->newest : queue->taken;
}
