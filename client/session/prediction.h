/* prediction.h - the own avatar, moved at once by what the person does and set right by what the server says.
 * Both ends run avatar_step, so they agree unless a packet came late. Pure; one owner. */
#ifndef CLIENT_SESSION_PREDICTION_H
#define CLIENT_SESSION_PREDICTION_H
#include "shared/model/avatar.h"
#include "shared/wire/messages.h"

#define PREDICTION_HISTORY 256u /* steps remembered: 4.3 s at 60 Hz */

typedef struct PredictionStep {
    AvatarInput input;
    AvatarState after; /* predicted state after the step */
} PredictionStep;

typedef struct Prediction {
    bool known;            /* the server has told where the avatar stands */
    AvatarState state;     /* after the newest step */
    uint32_t sequence;     /* of the newest step; 0: none yet */
    uint32_t sent;         /* newest step that was sent */
    uint32_t acknowledged; /* newest step that a place told by the server includes */
    uint32_t taken;        /* newest step that the server says it has made */
    uint32_t still;        /* steps in a row that changed nothing */
    float error[3];        /* shown − predicted, metres; fades with the steps */
    float correction;      /* size of the last correction, metres */
    uint32_t early;        /* step that the server took before it was made here; 0: none */
    float early_position[3];
    PredictionStep steps[PREDICTION_HISTORY];
} Prediction;

void prediction_init(Prediction *prediction);

/* One step. Nothing happens before the avatar is known. Who stands still for more steps than a message holds
 * makes no further ones: they would change nothing, and the server does not wait for them. */
void prediction_step(Prediction *prediction, const AvatarInput *input, const World *world);

/* The server's word: after input `sequence` the avatar stood at `position`, looking to `yaw` and `pitch`
 * (used the first time only: afterwards the person's own look is ahead of the server's). Positions are
 * millimetres on the wire: a difference of the rounding is no correction. Velocity is not on the wire and is
 * taken from the step remembered. */
void prediction_correct(Prediction *prediction, uint32_t sequence, const float position[3], float yaw,
                        float pitch, const World *world);

/* The server says that it has made the steps up to `sequence`. */
void prediction_taken(Prediction *prediction, uint32_t sequence);

/* The server has lost sight of the steps since it was heard last: they are forgotten, and its next word says
 * where the avatar stands. Steps are numbered on. */
void prediction_restart(Prediction *prediction);

/* The state to show: predicted, plus what is left of the last corrections. */
void prediction_shown(const Prediction *prediction, AvatarState *out_state);

/* The next INPUT message to send: new steps first come with up to INPUTS_MAX − 1 older ones that the server
 * may have missed. False when all steps were sent. Call until false. */
bool prediction_next_message(Prediction *prediction, InputMessage *out_message);

/* For a message that is sent anyway though there is no new step: the newest steps once more, as long as the
 * server has not said that it made them; else none. */
void prediction_repeat(const Prediction *prediction, InputMessage *out_message);

#endif
