/* session_state.h - what a Session is made of, shared by session.c (what the client does) and inbox.c (what
 * the server says). Not for anyone else. */
#ifndef CLIENT_SESSION_SESSION_STATE_H
#define CLIENT_SESSION_SESSION_STATE_H
#include "client/session/join.h"
#include "client/session/operations.h"
#include "client/session/playout.h"
#include "client/session/prediction.h"
#include "client/session/session.h"
#include "shared/wire/clock_sync.h"
#include "shared/wire/replica.h"

#define SESSION_MEMORY_MAX ((size_t)704 << 20) /* of replica, texts and lists */

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

#define ATTEMPTS_MOST 3u

typedef struct Attempt {
    PeerId peer;
    TimeNs begun;
} Attempt;

struct Session {
    SessionState state;
    Transport transport;
    PeerId peer;
    char host[256];
    uint16_t port;
    char address[300]; /* "HOST:PORT" as given */
    char wished_name[NAME_SIZE], name[NAME_SIZE], world_name[64];
    char reason[400];
    uint8_t wished_hash[HASH_SIZE], world_hash[HASH_SIZE];
    bool hash_wished;
    uint32_t message_state; /* STATE_* of messages.h */
    bool secured;           /* the handshake of the first connection is done */
    TimeNs connect_timeout, lost_timeout, started, heard;
    uint16_t number;

    /* Coming back (reconnect.c): what the server has given for it, and the attempts while AWAY. */
    struct {
        bool possible; /* there is a ticket */
        uint8_t ticket[TICKET_SIZE];
        TimeNs patience;                 /* how long the server keeps our place */
        Attempt attempts[ATTEMPTS_MOST]; /* connections that are being made, the oldest first */
        uint32_t attempt_count;
        TimeNs asked, answer_time; /* when HELLO was said, and how long nothing may follow */
        TimeNs next;               /* when the next attempt begins */
        uint32_t tries;            /* since the connection was lost */
        uint32_t manifest_left;    /* of a server that has us join anew; we have the files */
        uint32_t lost_joining;     /* connections that ended without a word since there last was a ticket */
    } resume;
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
    bool roster_anew;       /* the next ROSTER takes the place of all that was known */
    uint16_t *person_slots; /* by session number: place in people + 1; 0: nobody */
    SessionAvatar *avatars;
    uint32_t avatar_capacity;
    EntityHandle own;
    Operations operations;
    bool settled; /* the server has shown that it is in LIVE too: before, it takes no INVOKE */

    uint32_t newest;       /* sequence of the newest frame; 0: none */
    uint32_t acknowledged; /* packet told to the server */
    TimeNs acknowledged_at;
    uint32_t first_packet, last_packet, arrived; /* on this connection */
    uint64_t lost_before;                        /* on earlier ones */
    bool whole;          /* something of every cell has come, so that the world can be shown */
    uint32_t whole_from; /* the first frame of which that is so since all is told anew; 0: none yet */
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

/* ---- reconnect.c: the way back into a session whose connection is lost ---- */

/* The connection is gone, `why`. False where there is no way back: the session is to be ended. */
bool reconnect_begin(Session *session, TimeNs now, const char *why);

/* The same before there is a ticket: joining begins anew, with what has been loaded. False where that has
 * happened too often. */
bool reconnect_joining(Session *session, TimeNs now);

/* The server had no room for one more handshake: the first connection is tried again in a moment, for as long
 * as connecting may take. */
void reconnect_first(Session *session, TimeNs now);

/* Wipes the ticket. */
void reconnect_forget(Session *session);

/* Notices silence, makes attempts. */
void reconnect_update(Session *session, TimeNs now);

/* An event of a connection being attempted; false, and nothing happens, when it is of another. */
bool reconnect_event(Session *session, const TransportEvent *event, TimeNs now);

/* The server's answer: back in the session; to be let in as someone new; refused for now. */
void reconnect_ticket(Session *session, const TicketMessage *ticket);
void reconnect_welcome(Session *session, const WelcomeMessage *welcome);
void reconnect_manifest_entry(Session *session);
void reconnect_failed(Session *session, TimeNs now);

/* The connection given up as silent speaks after all. */
void reconnect_needless(Session *session);

/* How long nothing may be heard before the session ends. */
TimeNs reconnect_patience(const Session *session);

/* Someone new in the session: forgets all that an earlier one has told, makes memory of the size that the
 * server says is needed, in session->arena. STATUS_CAPACITY, STATUS_OUT_OF_MEMORY, both with `diag`. */
Status session_enter(Session *session, const WelcomeMessage *welcome, Diag *diag);

void session_say_hello(Session *session);

/* The server takes INVOKE (again): what is under way here is asked for, under its id. */
void session_ask_again(Session *session);

/* Takes everything the transport has, at most a few thousand events. */
void inbox_receive(Session *session, TimeNs now);

/* The name of a person, or "" when the roster does not say. */
const char *inbox_person_name(const Session *session, uint16_t number);

/* The server's clock when ours says `now`, kept where sums cannot overflow. */
TimeNs session_server_now(Session *session, TimeNs now);

#endif
