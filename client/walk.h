/* walk.h - walks the own avatar along waypoints by the same inputs a person gives. Pure. */
#ifndef CLIENT_WALK_H
#define CLIENT_WALK_H
#include "shared/base/diag.h"
#include "shared/model/avatar.h"

#define WALK_POINTS_MAX 64u

typedef struct Walk {
    float points[WALK_POINTS_MAX][2]; /* x, z in metres */
    uint32_t count, next;             /* next == count: arrived, stands */
    float nearest;                    /* least distance to the next point so far */
    uint32_t stalled;                 /* steps without coming nearer */
    uint32_t detour;                  /* steps left of walking around something */
    uint32_t detours;                 /* tried for this point */
} Walk;

/* Reads "x,z;x,z;…" (metres). STATUS_MALFORMED, STATUS_CAPACITY (more than WALK_POINTS_MAX),
 * STATUS_OUT_OF_RANGE (beyond ±1,000 km), with `diag`; *out_walk is then unchanged. */
NODISCARD Status walk_parse(const char *text, Walk *out_walk, Diag *diag);

/* The input of the next step for an avatar at `state`: turns towards the next point by at most 6 degrees a
 * step, walks when it looks there, slows down before the last one. A point that cannot be reached (something
 * solid, four detours tried) is given up. */
void walk_step(Walk *walk, const AvatarState *state, AvatarInput *out_input);

bool walk_arrived(const Walk *walk);

#endif
