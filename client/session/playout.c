#include "client/session/playout.h"

#include "shared/wire/quantise.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define EXTRAPOLATION_MAX (100 * TIME_MS)
#define SAME_STEP         TIME_MS         /* snapshots closer than this show people at the same step */
#define SOON              (100 * TIME_MS) /* nobody stops and goes on in so little time */
#define TELEPORT_METRES   3.0f /* farther than anyone walks between two snapshots: shown as a jump */

void playout_init(Playout *playout, TimeNs interval)
{
    *playout = (Playout){ .clock = TIME_NONE, .shown = TIME_NONE };
    playout_delay_init(&playout->measured, interval);
}

bool playout_has(Playout *playout, uint32_t sequence, bool moved)
{
    for (uint32_t at = playout->entry_count; at-- > 0;) {
        if (playout->entries[at].sequence == sequence) {
            playout->entries[at].moved |= moved;
            return true;
        }
        if (snapshot_newer(sequence, playout->entries[at].sequence)) {
            return false;
        }
    }
    return false;
}

bool playout_arrival(Playout *playout, const SnapshotFrame *frame, bool moved, TimeNs server_now)
{
    uint32_t at = playout->entry_count;
    while (at > 0 && snapshot_newer(playout->entries[at - 1].sequence, frame->sequence)) {
        at--;
    }
    if ((at > 0 && (playout->entries[at - 1].sequence == frame->sequence ||
                    playout->entries[at - 1].server_time >= frame->server_time)) ||
        (at < playout->entry_count && playout->entries[at].server_time <= frame->server_time)) {
        return false;
    }
    if (at == playout->entry_count) { /* newest so far: what was waited for */
        const PlayoutEntry *last = at > 0 ? &playout->entries[at - 1] : NULL;
        TimeNs before = last != NULL ? last->server_time : frame->server_time - playout->measured.nominal;
        const PlayoutArrival arrival = { .before = before,
                                         .server_time = frame->server_time,
                                         .server_now = server_now,
                                         .lost = last != NULL && frame->sequence - last->sequence > 1,
                                         .moved = moved };
        playout->target = playout_delay_arrival(&playout->measured, &arrival);
    }
    if (playout->entry_count == PLAYOUT_HISTORY) {
        if (at == 0) {
            return true; /* older than all that is kept */
        }
        memmove(playout->entries, playout->entries + 1, (PLAYOUT_HISTORY - 1) * sizeof playout->entries[0]);
        playout->entry_count--;
        at--;
    }
    memmove(playout->entries + at + 1, playout->entries + at,
            (playout->entry_count - at) * sizeof playout->entries[0]);
    playout->entries[at] = (PlayoutEntry){ .sequence = frame->sequence,
                                           .text_count = frame->text_count,
                                           .server_time = frame->server_time,
                                           .moved = moved };
    playout->entry_count++;
    return true;
}

TimeNs playout_advance(Playout *playout, TimeNs server_now)
{
    if (playout->entry_count == 0) {
        return TIME_NONE;
    }
    if (playout->clock == TIME_NONE) {
        playout->delay = playout->target;
    } else {
        TimeNs passed = server_now > playout->clock ? server_now - playout->clock : 0;
        TimeNs difference = playout->target - playout->delay;
        TimeNs up = passed / 4, down = passed / 10;
        playout->delay += difference > up ? up : difference < -down ? -down : difference;
    }
    playout->clock = server_now;
    TimeNs time = server_now - playout->delay;
    if (playout->shown == TIME_NONE && time < playout->entries[0].server_time) {
        time = playout->entries[0].server_time; /* the very first picture at once */
    }
    playout->shown = time > playout->shown ? time : playout->shown;
    return playout->shown;
}

int playout_find(const Playout *playout, TimeNs time)
{
    int at = (int)playout->entry_count - 1;
    while (at >= 0 && playout->entries[at].server_time > time) {
        at--;
    }
    return at;
}

static bool same_step(const Playout *playout, int a, int b)
{
    TimeNs apart = playout->entries[b].server_time - playout->entries[a].server_time;
    return apart < SAME_STEP && apart > -SAME_STEP;
}

/* From `at` on in the direction of `step`, past the entries of its own step: whether somebody moves soon. */
static bool moves_soon(const Playout *playout, int at, int step)
{
    int from = at;
    for (at += step; at >= 0 && at < (int)playout->entry_count; at += step) {
        TimeNs apart = playout->entries[at].server_time - playout->entries[from].server_time;
        if (apart > SOON || apart < -SOON) {
            return false;
        }
        if (playout->entries[at].moved && !same_step(playout, from, at)) {
            return true;
        }
    }
    return false;
}

static bool says_nothing(const Playout *playout, int at)
{
    for (int i = at; i >= 0 && same_step(playout, i, at); i--) {
        if (playout->entries[i].moved) {
            return false;
        }
    }
    for (int i = at; i < (int)playout->entry_count && same_step(playout, i, at); i++) {
        if (playout->entries[i].moved) {
            return false;
        }
    }
    return moves_soon(playout, at, -1) && moves_soon(playout, at, 1);
}

PlayoutKeys playout_keys(const Playout *playout, int at)
{
    PlayoutKeys keys = { .earlier = -1, .before = at, .after = at + 1 };
    while (keys.before >= 0 && says_nothing(playout, keys.before)) {
        keys.before--;
    }
    while (keys.after < (int)playout->entry_count && says_nothing(playout, keys.after)) {
        keys.after++;
    }
    keys.after = keys.after < (int)playout->entry_count ? keys.after : -1;
    if (keys.before >= 0) {
        keys.earlier = keys.before - 1;
        while (keys.earlier >= 0 &&
               (same_step(playout, keys.earlier, keys.before) || says_nothing(playout, keys.earlier))) {
            keys.earlier--;
        }
    }
    return keys;
}

static void entity_position(const EntityState *entity, float out_position[3])
{
    out_position[0] = (float)entity->x_mm * 0.001f;
    out_position[1] = (float)entity->y_mm * 0.001f;
    out_position[2] = (float)entity->z_mm * 0.001f;
}

static float seconds_between(const Snapshot *a, const Snapshot *b)
{
    return (float)time_to_seconds(b->server_time - a->server_time);
}

/* Metres a second between two snapshots; false where there is nothing to compare or it was a jump. */
static bool slope(const Snapshot *a, const Snapshot *b, EntityHandle handle, float out_slope[3])
{
    const EntityState *from = a != NULL ? snapshot_entity(a, handle) : NULL;
    const EntityState *to = b != NULL ? snapshot_entity(b, handle) : NULL;
    if (from == NULL || to == NULL || b->server_time <= a->server_time) {
        return false;
    }
    float p[3], q[3], squared = 0.0f, seconds = seconds_between(a, b);
    entity_position(from, p);
    entity_position(to, q);
    for (int i = 0; i < 3; i++) {
        squared += (q[i] - p[i]) * (q[i] - p[i]);
        out_slope[i] = (q[i] - p[i]) / seconds;
    }
    return squared < TELEPORT_METRES * TELEPORT_METRES;
}

static float ground_speed(const float velocity[3])
{
    return sqrtf(velocity[0] * velocity[0] + velocity[2] * velocity[2]);
}

static void pose_between(const float p[3], const float q[3], const float m0[3], const float m1[3],
                         float seconds, float t, PlayoutPose *out_pose)
{
    float t2 = t * t, t3 = t2 * t;
    float velocity[3];
    for (int i = 0; i < 3; i++) {
        out_pose->position[i] = (2 * t3 - 3 * t2 + 1) * p[i] + (t3 - 2 * t2 + t) * seconds * m0[i] +
                                (-2 * t3 + 3 * t2) * q[i] + (t3 - t2) * seconds * m1[i];
        velocity[i] = (6 * t2 - 6 * t) / seconds * (p[i] - q[i]) + (3 * t2 - 4 * t + 1) * m0[i] +
                      (3 * t2 - 2 * t) * m1[i];
    }
    out_pose->speed = ground_speed(velocity);
}

static float turn_towards(float from, float to, float t)
{
    float turn = remainderf(to - from, 6.28318531f);
    return from + turn * t;
}

void playout_pose(const Snapshot *earlier, const Snapshot *before, const Snapshot *after, EntityHandle handle,
                  TimeNs time, PlayoutPose *out_pose)
{
    const EntityState *entity = snapshot_entity(before, handle);
    assert(entity != NULL);
    float rotation[4], start[3] = { 0 }, end[3] = { 0 };
    quat_unpack(entity->rotation, rotation);
    *out_pose = (PlayoutPose){ 0 };
    quat_to_yaw_pitch(rotation, &out_pose->yaw, &out_pose->pitch);
    entity_position(entity, out_pose->position);

    bool moving = slope(earlier, before, handle, start);
    TimeNs passed = time > before->server_time ? time - before->server_time : 0;
    if (after == NULL) {
        if (moving && passed <= EXTRAPOLATION_MAX) {
            out_pose->speed = ground_speed(start);
        }
        TimeNs ahead = passed < EXTRAPOLATION_MAX ? passed : EXTRAPOLATION_MAX;
        for (int i = 0; moving && i < 3; i++) {
            out_pose->position[i] += start[i] * (float)time_to_seconds(ahead);
        }
        return;
    }
    if (!slope(before, after, handle, end)) {
        return;
    }
    const EntityState *next = snapshot_entity(after, handle);
    float p[3], q[3], yaw, pitch, seconds = seconds_between(before, after);
    float t = fminf((float)time_to_seconds(passed) / seconds, 1.0f);
    memcpy(p, out_pose->position, sizeof p);
    entity_position(next, q);
    pose_between(p, q, moving ? start : end, end, seconds, t, out_pose);
    quat_unpack(next->rotation, rotation);
    quat_to_yaw_pitch(rotation, &yaw, &pitch);
    out_pose->yaw = turn_towards(out_pose->yaw, yaw, t);
    out_pose->pitch += (pitch - out_pose->pitch) * t;
}
