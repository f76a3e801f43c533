/* input_queue.h - the steps a client asked for, between the network and its avatar.
 * Inputs are numbered steps that come in bursts, repeated, late or not at all; the avatar takes one a step. A
 * small margin absorbs jitter; a missing step repeats the last one for a short while, then the avatar stands.
 * Who stands still sends no steps: after one that says so nothing is missing until the next comes.
 * However fast a client sends, its avatar takes one step a step on average, with a small burst to catch up.
 * Pure; one owner. */
#ifndef SERVER_METAVERSE_INPUT_QUEUE_H
#define SERVER_METAVERSE_INPUT_QUEUE_H
#include "shared/model/avatar.h"

#define INPUT_QUEUE_SIZE  64  /* steps ahead that are kept */
#define INPUT_MARGIN      2   /* steps buffered before the first is taken */
#define INPUT_DEPTH_MAX   16  /* more than this waiting: the oldest are given up, the avatar jumps ahead */
#define INPUT_REPEAT_MAX  6   /* missing steps in a row that repeat the last (100 ms) */
#define INPUT_STEPS_MAX   2   /* steps that one due step may take: its own and one to catch up */
#define INPUT_BURST       8   /* steps that may be caught up at once after waiting */
#define INPUT_CREDIT      128 /* credit a step costs */
#define INPUT_CREDIT_GAIN 129 /* credit gained a step: the client's clock may be 0.8 % fast */
#define INPUT_DEPTH_WINDOW                                                          \
    32 /* steps over which the least depth is taken as the margin that jitter needs \
        */

typedef struct InputQueue {
    AvatarInput inputs[INPUT_QUEUE_SIZE]; /* by sequence modulo size */
    uint64_t present;                     /* bit a slot: holds an input that has not been taken */
    uint32_t taken;                       /* newest sequence that the avatar's state includes */
    uint32_t newest;                      /* newest sequence received */
    bool started;                         /* something has been received */
    bool waiting;                         /* building up the margin; the avatar stands */
    uint32_t waited;                      /* steps it has waited with something to take */
    uint32_t repeated;                    /* missing steps in a row */
    int32_t depth_low;                    /* least depth in this window */
    uint32_t window;                      /* steps of this window so far */
    uint32_t catch_up;                    /* steps of surplus margin still to be caught up */
    uint64_t filled;                      /* bit i: step taken - i was repeated because it had not come */
    bool late;                            /* such a step came after all, in this window */
    uint32_t credit;
    AvatarInput last;
    uint64_t lost; /* steps filled in or given up */
} InputQueue;

void input_queue_init(InputQueue *queue);

/* Takes in `count` consecutive steps from `first_sequence`. Repeated and late ones are ignored. Any values
 * are safe. Returns how many were new. */
uint32_t input_queue_push(InputQueue *queue, uint32_t first_sequence, const AvatarInput *inputs,
                          uint32_t count);

/* What the avatar does in one due step: inputs to apply, in order. One as a rule; two to catch up; none to
 * wait, once in a while, when inputs come later than they used to (the avatar keeps its velocity). */
uint32_t input_queue_take(InputQueue *queue, AvatarInput out_inputs[INPUT_STEPS_MAX]);

/* Whether the last step taken was one of standing still and no other has come since: with an avatar at rest,
 * whose next step would change nothing, none need be taken until one comes. */
bool input_queue_rests(const InputQueue *queue);

/* Instead of a step, where it rests: what comes next finds its margin anew. */
void input_queue_rest(InputQueue *queue);

/* The newest sequence that the avatar's state includes, to be told to the client. Steps filled in ahead of
 * what has come count while the client is expected to catch up with them, not once it has fallen silent. */
uint32_t input_queue_included(const InputQueue *queue);

#endif
