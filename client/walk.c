#include "client/walk.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define REACHED_ON_THE_WAY 0.25f /* metres from a point that is not the last */
#define REACHED            0.03f
#define BRAKE_METRES       0.6f /* slower from here to the last point */
#define TURN_STEP          1092 /* 6 degrees in 1/65536 turns */
#define AHEAD              8192 /* 45 degrees: walks only when it looks about there */
#define NEARER             0.02f
#define STALL_STEPS        30u /* half a second */
#define DETOUR_STEPS       45u
#define DETOURS_MAX        4u
#define SIDEWAYS           14563 /* 80 degrees */

static const char *read_number(const char *text, float *out_number)
{
    double number = 0.0;
    int used = 0;
    if (sscanf(text, " %32lf %n", &number, &used) != 1 || !(fabs(number) <= 1e6)) {
        return NULL;
    }
    *out_number = (float)number;
    return text + used;
}

Status walk_parse(const char *text, Walk *out_walk, Diag *diag)
{
    Walk walk = { 0 };
    const char *at = text;
    while (*at != '\0') {
        if (walk.count == WALK_POINTS_MAX) {
            return diag_set(diag, STATUS_CAPACITY, "", 0, "--walk: more than %u points", WALK_POINTS_MAX);
        }
        float *point = walk.points[walk.count++];
        at = read_number(at, &point[0]);
        at = at != NULL && *at == ',' ? read_number(at + 1, &point[1]) : NULL;
        if (at == NULL || (*at != ';' && *at != '\0')) {
            return diag_set(
                diag, STATUS_MALFORMED, "", 0,
                "--walk: point %u of \"%s\" is not \"x,z\" in metres (points are separated by ';')",
                walk.count, text);
        }
        at += *at == ';';
    }
    walk.nearest = INFINITY;
    *out_walk = walk;
    return STATUS_OK;
}

static void go_on(Walk *walk)
{
    walk->next++;
    walk->nearest = INFINITY;
    walk->stalled = walk->detour = walk->detours = 0;
}

/* Notices that something is in the way: then a while to one side, next time to the other. */
static void watch_progress(Walk *walk, float distance)
{
    if (walk->detour > 0) {
        walk->detour--;
        walk->nearest = walk->detour == 0 ? distance : walk->nearest;
        return;
    }
    if (distance < walk->nearest - NEARER) {
        walk->nearest = distance;
        walk->stalled = 0;
    } else if (++walk->stalled >= STALL_STEPS) {
        walk->stalled = 0;
        if (++walk->detours > DETOURS_MAX) {
            go_on(walk);
        } else {
            walk->detour = DETOUR_STEPS * walk->detours;
        }
    }
}

static uint16_t turn_towards(uint16_t yaw, uint16_t wanted, int16_t *out_left)
{
    int16_t difference = (int16_t)(wanted - yaw);
    int16_t turn = difference > TURN_STEP ? TURN_STEP : difference < -TURN_STEP ? -TURN_STEP : difference;
    *out_left = (int16_t)(difference - turn);
    return (uint16_t)(yaw + (uint16_t)turn);
}

void walk_step(Walk *walk, const AvatarState *state, AvatarInput *out_input)
{
    *out_input = (AvatarInput){ .yaw = state->yaw };
    if (walk->next == walk->count) {
        return;
    }
    bool last = walk->next + 1 == walk->count;
    float x = walk->points[walk->next][0] - state->position[0];
    float z = walk->points[walk->next][1] - state->position[2];
    float distance = sqrtf(x * x + z * z);
    if (distance < (last ? REACHED : REACHED_ON_THE_WAY)) {
        go_on(walk);
        return;
    }
    uint16_t wanted = avatar_yaw_from_radians(atan2f(-x, -z));
    if (walk->detour > 0) {
        wanted = (uint16_t)(walk->detours % 2 == 1 ? wanted + SIDEWAYS : wanted - SIDEWAYS);
    }
    int16_t left = 0;
    out_input->yaw = turn_towards(state->yaw, wanted, &left);
    if (left > -AHEAD && left < AHEAD) {
        float speed = last ? fminf(1.0f, fmaxf(distance / BRAKE_METRES, 0.08f)) : 1.0f;
        out_input->forward = (int8_t)lroundf(speed * 127.0f);
        watch_progress(walk, distance);
    }
}

bool walk_arrived(const Walk *walk)
{
    return walk->next == walk->count;
}
