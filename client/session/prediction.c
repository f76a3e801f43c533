#include "client/session/prediction.h"

#include <math.h>
#include <string.h>

#define ROUNDING_METRES  0.0015f /* three half-millimetres: the wire's rounding and the floats' */
#define TELEPORT_METRES  3.0f    /* not smoothed: the server has put us elsewhere */
#define ERROR_KEEP       0.85f /* of the error left after a step: 5 % after 18 steps (0.3 s), half after 70 ms */
#define ERROR_METRES_END 0.0005f

void prediction_init(Prediction *prediction)
{
    memset(prediction, 0, sizeof *prediction);
}

static PredictionStep *step_of(Prediction *prediction, uint32_t sequence)
{
    return &prediction->steps[sequence % PREDICTION_HISTORY];
}

static float distance(const float a[3], const float b[3])
{
    float x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
    return sqrtf(x * x + y * y + z * z);
}

static void appear(Prediction *prediction, const float position[3], float yaw, float pitch)
{
    prediction->known = true;
    memcpy(prediction->state.position, position, sizeof prediction->state.position);
    prediction->state.yaw = avatar_yaw_from_radians(yaw);
    prediction->state.pitch = (int16_t)avatar_yaw_from_radians(pitch);
}

/* Sets the state after `sequence` right and makes the steps since again. */
static void compare(Prediction *prediction, uint32_t sequence, const float position[3], const World *world)
{
    bool remembered = sequence > 0 && prediction->sequence - sequence < PREDICTION_HISTORY;
    AvatarState state = remembered ? step_of(prediction, sequence)->after : prediction->state;
    if (remembered && distance(state.position, position) < ROUNDING_METRES) {
        return;
    }
    if (!remembered) {
        memset(state.velocity, 0, sizeof state.velocity);
    }
    AvatarState shown;
    prediction_shown(prediction, &shown);
    memcpy(state.position, position, sizeof state.position);
    if (remembered) {
        step_of(prediction, sequence)->after = state;
    }
    uint32_t first = remembered || prediction->sequence < PREDICTION_HISTORY
                         ? sequence + 1
                         : prediction->sequence - PREDICTION_HISTORY + 1;
    for (uint32_t at = first; at <= prediction->sequence; at++) {
        avatar_step(&state, &step_of(prediction, at)->input, world);
        step_of(prediction, at)->after = state;
    }
    prediction->correction = distance(state.position, prediction->state.position);
    prediction->state = state;
    bool jump = distance(shown.position, state.position) > TELEPORT_METRES;
    for (int i = 0; i < 3; i++) {
        prediction->error[i] = jump ? 0.0f : shown.position[i] - state.position[i];
    }
}

/* The step was of standing as the one before it did, and has changed nothing. */
static bool stands_still(Prediction *prediction, const AvatarInput *input, const AvatarState *before)
{
    const AvatarInput *last = &step_of(prediction, prediction->sequence)->input;
    const AvatarState *now = &prediction->state;
    return prediction->sequence > 0 && input->forward == 0 && input->right == 0 && last->forward == 0 &&
           last->right == 0 && input->yaw == last->yaw && input->pitch == last->pitch &&
           now->velocity[0] == 0.0f && now->velocity[1] == 0.0f &&
           memcmp(before->position, now->position, sizeof now->position) == 0;
}

static void fade_error(Prediction *prediction)
{
    float left = 0.0f;
    for (int i = 0; i < 3; i++) {
        prediction->error[i] *= ERROR_KEEP;
        left = fmaxf(left, fabsf(prediction->error[i]));
    }
    if (left < ERROR_METRES_END) {
        memset(prediction->error, 0, sizeof prediction->error);
    }
}

void prediction_step(Prediction *prediction, const AvatarInput *input, const World *world)
{
    if (!prediction->known) {
        return;
    }
    AvatarState before = prediction->state;
    avatar_step(&prediction->state, input, world);
    prediction->still = stands_still(prediction, input, &before) ? prediction->still + 1 : 0;
    if (prediction->still <= INPUTS_MAX || prediction->early != 0) {
        prediction->sequence++;
        *step_of(prediction, prediction->sequence) =
            (PredictionStep){ .input = *input, .after = prediction->state };
    }
    if (prediction->early != 0 && prediction->early == prediction->sequence) {
        prediction->early = 0;
        prediction->acknowledged = prediction->sequence;
        compare(prediction, prediction->sequence, prediction->early_position, world);
    }
    fade_error(prediction);
}

void prediction_taken(Prediction *prediction, uint32_t sequence)
{
    prediction->taken = sequence > prediction->taken ? sequence : prediction->taken;
}

void prediction_correct(Prediction *prediction, uint32_t sequence, const float position[3], float yaw,
                        float pitch, const World *world)
{
    if (!prediction->known) {
        appear(prediction, position, yaw, pitch);
        return;
    }
    if (sequence < prediction->acknowledged) {
        return; /* an old packet */
    }
    if (sequence > prediction->sequence) {
        prediction->early = sequence;
        memcpy(prediction->early_position, position, sizeof prediction->early_position);
        return;
    }
    prediction->early = 0;
    prediction->acknowledged = sequence;
    compare(prediction, sequence, position, world);
}

void prediction_restart(Prediction *prediction)
{
    prediction->known = false;
    prediction->sent = prediction->acknowledged = prediction->sequence;
    prediction->early = prediction->taken = prediction->still = 0;
    memset(prediction->error, 0, sizeof prediction->error);
    memset(prediction->state.velocity, 0, sizeof prediction->state.velocity);
}

void prediction_shown(const Prediction *prediction, AvatarState *out_state)
{
    *out_state = prediction->state;
    for (int i = 0; i < 3; i++) {
        out_state->position[i] += prediction->error[i];
    }
}

static void write_steps(const Prediction *prediction, uint32_t first, uint32_t last,
                        InputMessage *out_message)
{
    *out_message = (InputMessage){ .first_sequence = first, .count = (uint8_t)(last - first + 1) };
    for (uint32_t at = first; at <= last; at++) {
        const AvatarInput *input = &prediction->steps[at % PREDICTION_HISTORY].input;
        out_message->inputs[at - first] = (InputSample){ .forward = input->forward,
                                                         .right = input->right,
                                                         .flags = input->run ? 1 : 0,
                                                         .yaw = input->yaw,
                                                         .pitch = input->pitch };
    }
}

bool prediction_next_message(Prediction *prediction, InputMessage *out_message)
{
    if (prediction->sent >= prediction->sequence) {
        return false;
    }
    uint32_t fresh = prediction->sequence - prediction->sent;
    if (fresh > PREDICTION_HISTORY) { /* the caller did not send for seconds: those steps are lost */
        prediction->sent = prediction->sequence - PREDICTION_HISTORY;
        fresh = PREDICTION_HISTORY;
    }
    uint32_t last = fresh > INPUTS_MAX ? prediction->sent + INPUTS_MAX : prediction->sequence;
    uint32_t first = last > INPUTS_MAX ? last - INPUTS_MAX + 1 : 1;
    if (first <= prediction->acknowledged) {
        first = prediction->acknowledged + 1;
    }
    if (first > last) {
        first = last; /* the server is ahead of what we believe to have sent: repeat one, harmless */
    }
    write_steps(prediction, first, last, out_message);
    prediction->sent = last;
    return true;
}

void prediction_repeat(const Prediction *prediction, InputMessage *out_message)
{
    uint32_t last = prediction->sequence;
    if (last == 0 || prediction->taken >= last) {
        *out_message = (InputMessage){ .first_sequence = last + 1 };
        return;
    }
    write_steps(prediction, last > INPUTS_MAX ? last - INPUTS_MAX + 1 : 1, last, out_message);
}
