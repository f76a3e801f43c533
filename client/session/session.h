/* session.h - the client's side of a session: connect, fetch the world, receive snapshots, show the world a
 * little in the past, predict the own avatar. Pure but for the Transport it is given; time is passed in. One
 * owner. */
#ifndef CLIENT_SESSION_SESSION_H
#define CLIENT_SESSION_SESSION_H
#include "client/session/operations.h"
#include "shared/base/asset_source.h"
#include "shared/model/avatar.h"
#include "shared/wire/messages.h"
#include "shared/wire/snapshot.h"

typedef struct Session Session; /* opaque */

typedef enum SessionState {
    SESSION_CONNECTING,
    SESSION_LOADING, /* fetching world files */
    SESSION_LIVE,
    SESSION_AWAY, /* the connection is lost; it tries to come back, and what was there is still shown */
    SESSION_ENDED /* refused, lost or left: see session_reason */
} SessionState;

typedef struct SessionConfig {
    const char *host;
    uint16_t port;
    const char *name;       /* wished user name, any bytes; NULL: none */
    TimeNs connect_timeout; /* 0: 5 s */
    TimeNs lost_timeout;    /* 0: 5 s without a packet ends the session, where its server does not keep it */
    const uint8_t *world_hash; /* NULL: any; else HASH_SIZE bytes the server must run */
} SessionConfig;

/* `transport` becomes owned on success. STATUS_NOT_FOUND (host) and the like with `diag`. */
NODISCARD Status session_create(const SessionConfig *config, Transport transport, TimeNs now,
                                Session **out_session, Diag *diag);
void session_destroy(Session *session);

/* Receives, acknowledges, keeps time. Call once a frame, before anything else. */
void session_update(Session *session, TimeNs now);

SessionState session_state(const Session *session);
/* 0..1 of the world's bytes while LOADING. */
float session_progress(const Session *session);
/* Why it ENDED, for people; "" before. */
const char *session_reason(const Session *session);

/* The world's files once all have arrived and their hashes are right (state LIVE or just before): load the
 * world from it, then tell the server with session_ready. NULL before. */
const AssetSource *session_assets(const Session *session);
const uint8_t *session_world_hash(const Session *session); /* HASH_SIZE bytes, after WELCOME */
const char *session_world_name(const Session *session);
void session_ready(Session *session, const World *world);

/* One step of the own avatar: predicted at once, sent by session_flush. Call at the fixed rate of
 * AVATAR_STEP_NS; nothing happens before session_own_avatar says true. */
void session_input(Session *session, const AvatarInput *input, TimeNs now);

/* Sends the inputs given since the last call (each message repeats older ones, so that a lost packet does no
 * harm) and the acknowledgement of snapshots. Call once a frame, after its inputs. */
void session_flush(Session *session, TimeNs now);
/* The predicted own avatar, corrections smoothed out; false until the server has told where it stands. */
bool session_own_avatar(const Session *session, AvatarState *out_state);

/* Another person, as shown now. */
typedef struct SessionAvatar {
    uint16_t session;
    const char *name;
    float position[3];
    float yaw, pitch; /* radians */
    float speed;      /* m/s over the ground, for the walk cycle */
} SessionAvatar;

/* What to show at this frame. Values are of one snapshot (never interpolated: no value that never existed is
 * shown); positions are interpolated between two. Pointers are valid until the next session_update. */
typedef struct SessionView {
    bool valid;                   /* false until a first snapshot can be shown */
    TimeNs server_time;           /* server clock shown */
    TimeNs source_time;           /* source clock of the values shown; TIME_NONE: no feed */
    const Snapshot *snapshot;     /* whose channels are shown */
    const SessionAvatar *avatars; /* without the own one */
    uint32_t avatar_count;
} SessionView;

void session_view(Session *session, TimeNs now, SessionView *out_view);
const TextTable *session_texts(const Session *session);
const char *session_own_name(const Session *session);
uint16_t session_number(const Session *session);

/* Asks for an action; `invoke` has a fresh random id. What becomes of it is in session_operations. While the
 * connection is lost it waits, and after that is asked again with its id for as long as it has not ended.
 * STATUS_NOT_ALLOWED before the session is live and after its end, STATUS_DUPLICATE, STATUS_CAPACITY. */
NODISCARD Status session_invoke(Session *session, const InvokeMessage *invoke, TimeNs now);

/* Asks which systems there are; the answer comes into session_operations. Nothing while not live. */
void session_ask_systems(Session *session);

/* Commands, alarms and systems; valid until the next session_update. */
const Operations *session_operations(const Session *session);

typedef struct SessionStats {
    double round_trip_ms, jitter_ms;
    double bytes_per_s;  /* received, over the last second */
    uint64_t snapshots;  /* decoded */
    uint64_t lost;       /* sequence numbers that never came */
    uint64_t refused;    /* messages that could not be decoded */
    double delay_ms;     /* interpolation delay now */
    double correction_m; /* size of the last prediction correction */
    uint32_t reconnects; /* times it came back into its session after the connection was lost */
    uint32_t rejoins;    /* times it had to join as someone new instead */
} SessionStats;

SessionStats session_stats(const Session *session);

/* Says good-bye and flushes. */
void session_leave(Session *session, TimeNs now);

#endif
