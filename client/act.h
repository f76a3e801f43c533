/* act.h - actions asked for by a script (--act): one after the other, each until it has ended. Pure; time and
 * random bytes are passed in. */
#ifndef CLIENT_ACT_H
#define CLIENT_ACT_H
#include "client/session/session.h"

typedef struct Act {
    char thing[64], action[64]; /* names as in the world */
    bool has_value;
    char value[256]; /* as written; what it means is the action's to say */
} Act;

/* Reads "THING.ACTION" or "THING.ACTION=VALUE": the last '.' before the first '=' divides. STATUS_MALFORMED
 * with `diag`. */
NODISCARD Status act_parse(const char *text, Act *out_act, Diag *diag);

/* Fills in what `act` asks of `world`; the id is left as it is. STATUS_NOT_FOUND (thing, action),
 * STATUS_INVALID_ARGUMENT (a value is missing, not wanted or of another type), with `diag`. Limits are the
 * enabler's to judge. */
NODISCARD Status act_resolve(const Act *act, const World *world, InvokeMessage *invoke, Diag *diag);

/* `text` as a value of the action's input. */
NODISCARD Status act_value(const Action *action, const char *text, InvokeMessage *invoke);

#define ACT_LINE_MAX 1600

typedef struct ActRunner {
    const Act *acts; /* borrowed */
    uint32_t count, at;
    TimeNs timeout;                                         /* for each */
    void (*fill)(void *context, uint8_t *out, size_t size); /* random bytes */
    void *context;
    InvokeMessage invoke; /* of acts[at], once asked */
    bool asked;
    TimeNs asked_at;
    uint32_t confirmed;
    char line[ACT_LINE_MAX];
} ActRunner;

/* Goes on. Returns the JSON line of an action that has just ended, valid until the next call, or NULL; call
 * again after a line. */
const char *act_runner_update(ActRunner *runner, Session *session, const World *world, TimeNs now);

/* Nothing more will be heard, `reason`: the line of the act at hand, which has failed; NULL when none is
 * left. */
const char *act_runner_give_up(ActRunner *runner, const char *reason, TimeNs now);

static inline bool act_runner_done(const ActRunner *runner)
{
    return runner->at == runner->count;
}

static inline bool act_runner_all_confirmed(const ActRunner *runner)
{
    return runner->confirmed == runner->count;
}

#endif
