/* playout.h - when to show what: how far behind the server's clock the picture runs, and where the people in
 * it stand between two snapshots. Pure; one owner. */
#ifndef CLIENT_SESSION_PLAYOUT_H
#define CLIENT_SESSION_PLAYOUT_H
#include "client/session/playout_delay.h"
#include "shared/wire/snapshot.h"
#include "shared/wire/snapshot_packet.h"

#define PLAYOUT_HISTORY 64u /* snapshots that can be shown */

/* A snapshot that was decoded and may be shown. */
typedef struct PlayoutEntry {
    uint32_t sequence, text_count;
    TimeNs server_time;
    bool moved; /* it showed somebody where they were not before */
} PlayoutEntry;

typedef struct Playout {
    PlayoutDelay measured;
    TimeNs delay, target;                  /* behind the server's clock: now, and where it goes */
    TimeNs clock;                          /* server clock of the last advance; TIME_NONE before */
    TimeNs shown;                          /* render time of the last advance; TIME_NONE before */
    PlayoutEntry entries[PLAYOUT_HISTORY]; /* ascending in sequence and in time */
    uint32_t entry_count;
} Playout;

void playout_init(Playout *playout, TimeNs interval);

/* Takes the frame of a packet that came when the server's clock was `server_now`; `moved`: it showed somebody
 * where they were not before. False, and nothing changes,
 * when its time does not fit between its neighbours' (a faulty server). */
bool playout_arrival(Playout *playout, const SnapshotFrame *frame, bool moved, TimeNs server_now);

/* The frame with `sequence` can be shown. `moved`: another packet of it shows motion, too. */
bool playout_has(Playout *playout, uint32_t sequence, bool moved);

/* The server time to show when the server's clock is `server_now`: never before the one returned last. The
 * delay moves towards its target by at most a tenth (down) or a quarter (up) of the time passed, so people
 * walk a little faster or slower and never jump. TIME_NONE before the first arrival. */
TimeNs playout_advance(Playout *playout, TimeNs server_now);

/* Index in `entries` of the newest one at or before `time`, or -1. */
int playout_find(const Playout *playout, TimeNs time);

/* The three entries (indices; negative: none) between which people stand at a time when `at` is the newest
 * one not after it: the one before, the one after, and the one at an earlier step than the one before. Left
 * out are those that say nothing of people who moved shortly before and after: that packet was lost. */
typedef struct PlayoutKeys {
    int earlier, before, after;
} PlayoutKeys;
PlayoutKeys playout_keys(const Playout *playout, int at);

/* Where an avatar is. */
typedef struct PlayoutPose {
    float position[3];
    float yaw, pitch; /* radians */
    float speed;      /* m/s over the ground */
} PlayoutPose;

/* The pose of `handle` at `time`, between the snapshots `before` (not NULL, has it) and `after` (NULL: not
 * come yet; then it walks on for 100 ms and stops); `earlier` (may be NULL) is the one before `before`. Cubic
 * Hermite with the slopes of the segment just finished at both ends: continuous in velocity, and a later
 * snapshot never changes what was shown. */
void playout_pose(const Snapshot *earlier, const Snapshot *before, const Snapshot *after, EntityHandle handle,
                  TimeNs time, PlayoutPose *out_pose);

#endif
