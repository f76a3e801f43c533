/* session_state.h - what a Session is made of, shared by session.c (what the client does) and inbox.c (what
 * the server says). Not for anyone else. */
#ifndef CLIENT_SESSION_SESSION_STATE_H
#define CLIENT_SESSION_SESSION_STATE_H
#include "client/session/join.h"
#include "client/session/playout.h"
#include "client/session/prediction.h"
#include "client/session/session.h"
#include "shared/wire/clock_sync.h"
#include "shared/wire/replica.h"

#define RATE_STEP   (100 * TIME_MS)
#define RATE_WINDOW (1100 * TIME_MS)
#define RATE_STEPS  11u /* 10 whole steps: one second */

typedef struct Person {
    uint16_t session;
    char name[NAME_SIZE];
} Person;

typedef struct RateSample {
    TimeNs at;
    uint64_t bytes;
} RateSample;

struct Session {
    SessionState state;
    Transport transport;
    PeerId peer;
    char address[300]; /* "HOST:PORT" as given */
    char wished_name[NAME_SIZE], name[NAME_SIZE], world_name[64];
    char reason[400];
    uint8_t wished_hash[HASH_SIZE], world_hash[HASH_SIZE];
    bool hash_wished;
    uint32_t message_state; /* STATE_* of messages.h */
    TimeNs connect_timeout, lost_timeout, started, heard;
    uint16_t number;
    const World *world; /* borrowed, from session_ready on */

    Arena arena; /* replica, texts, lists: sized once, at WELCOME */
    Join join;
    ClockSync clock;
    Replica *replica;
    Playout playout;
    Prediction prediction;
    TextTable texts;
    Person *people;
    uint32_t person_count;
    uint16_t *person_slots; /* by session number: place in people + 1; 0: nobody */
    SessionAvatar *avatars;
    uint32_t avatar_capacity;
    EntityHandle own;

    uint32_t newest;       /* sequence of the newest frame; 0: none */
    uint32_t acknowledged; /* packet told to the server */
    uint32_t first_packet, last_packet, arrived;
    bool whole; /* something of every cell has come, so that the world can be shown */
    uint32_t baselines_missing, refused_in_a_row;
    RateSample rate[RATE_STEPS];
    uint32_t rate_count;
    SessionStats stats;
    uint8_t scratch_bytes[4096];
    ByteBuffer scratch;
};

/* Ends the session for a reason that people can read; the first reason stays. */
void session_end(Session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));

void session_send_message(Session *session, const Message *message);

/* Takes everything the transport has, at most a few thousand events. */
void inbox_receive(Session *session, TimeNs now);

/* The name of a person, or "" when the roster does not say. */
const char *inbox_person_name(const Session *session, uint16_t number);

/* The server's clock when ours says `now`, kept where sums cannot overflow. */
TimeNs session_server_now(Session *session, TimeNs now);

#endif
