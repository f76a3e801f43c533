/* state.h - the inside of the metaverse system: what its files share. Included by server/metaverse only. */
#ifndef SERVER_METAVERSE_STATE_H
#define SERVER_METAVERSE_STATE_H
#include "server/metaverse/input_queue.h"
#include "server/metaverse/integration.h"
#include "server/metaverse/metaverse.h"
#include "server/metaverse/name_set.h"
#include "server/metaverse/peer_map.h"
#include "server/metaverse/replication.h"
#include "shared/wire/messages.h"

#define LOG_MODULE          "metaverse"
#define FILE_REQUESTS_MAX   512 /* asked for by one client and not sent yet */
#define QUEUED_MAX          512 /* reliable packets on their way to one client; more waits here */
#define PUMP_MAX            256 /* reliable messages queued to one client at once */
#define ADDRESS_SIZE        64
#define AVATARS_PER_SESSION 64   /* entity indices: a slot retires after 4,095 uses */
#define MESSAGE_RATE        1000 /* messages a second one client may send, and as many at once */
#define JOIN_SILENCE        (60 * TIME_SECOND)
#define NO_SESSION          UINT16_MAX
#define BODY_MAX            (MESSAGE_SIZE_MAX - 1024) /* room for the message around it and for the seal */
#define RESUME_SPARE        64    /* connections beyond the people, among them who comes back */
#define EVENTS_MAX          65536 /* taken in by one receive, so that a flood cannot hold the tick up */
#define SWEEP_INTERVAL      (100 * TIME_MS)
#define ROSTER_INTERVAL     (250 * TIME_MS) /* news of who is here are gathered for so long */
#define NUMBERS             65536           /* of sessions */

/* What a session is resumed by. */
typedef struct Resume {
    uint8_t ticket[TICKET_SIZE]; /* the one given last */
    uint8_t before[TICKET_SIZE]; /* good until the client speaks: who knows whether it got the last one */
    bool ticket_valid, before_valid;
    bool has_key;
    uint8_t key[NOISE_KEY_SIZE]; /* the client's public one */
} Resume;

/* One person or connection. A slot is free when `state` is 0. In LIVE it may be away: without a connection,
 * its avatar standing where it was. */
typedef struct Session {
    /* What every message and step touches stays together. */
    PeerId peer;      /* 0: away */
    uint32_t state;   /* STATE_HELLO, STATE_JOIN or STATE_LIVE */
    Role role;        /* what it may do */
    uint16_t number;  /* from WELCOME on; not reused while 65,534 others come */
    bool broken;      /* could not take a reliable message; closed by the sweep */
    bool listed;      /* LIVE: has been told who is here; from then on gets the news */
    bool resting;     /* its avatar stands, and has no step to make */
    TimeNs heard;     /* last valid message */
    TimeNs connected; /* when this state's time limit began */
    double allowance; /* messages it may still send now */
    TimeNs allowance_at;
    Outbox *outbox; /* LIVE: what it is told of the world */
    EntityHandle avatar;
    uint32_t cell;         /* that its avatar is in, or NO_CELL */
    uint16_t next_in_cell; /* slot, or NO_SESSION */
    uint16_t pump_place;   /* in Metaverse.pumped, plus one; 0: it has all that there is to get */
    AvatarState body;
    AvatarState told; /* `body` when its cell was looked at last */
    InputQueue inputs;

    Resume resume;
    char name[NAME_SIZE];
    char address[ADDRESS_SIZE];

    /* JOIN */
    uint32_t manifest_sent;
    uint32_t request_first, request_count; /* in the ring at the end */
    uint64_t chunks_asked;                 /* so far, all requests together */
    bool ready;                            /* READY was right; goes live once it has all texts */

    /* Texts go out in order, at first all there are, then as they are added. */
    uint32_t texts_sent;

    /* LIVE */
    Access access[LINKS_MAX]; /* to operate, by twin system */
    uint16_t commands;        /* of its own under way */
    bool asks_systems;        /* waits for an answer to SYSTEMS */
    TimeNs systems_told;      /* when it had the last one; 0: never */

    FileRequestMessage requests[FILE_REQUESTS_MAX]; /* last: large, and of no use once the world is there */
} Session;

/* One file of the world, as clients get it. */
typedef struct WorldFile {
    const char *name;
    Bytes bytes;
    uint8_t hash[HASH_SIZE];
} WorldFile;

typedef struct Due Due; /* outbox.c */

typedef struct Replication {
    SnapshotFrame frame;  /* of the newest tick told; sequence 0: none yet */
    FrameRing frames;     /* and those before it */
    uint32_t rate_left;   /* carries the fraction of snapshots a tick */
    uint32_t history;     /* versions remembered of a cell, here and by clients */
    uint32_t link_limit;  /* most cells that one client is told */
    uint32_t bytes_per_s; /* that one client may be sent */
    TimeNs interval;      /* between the newest frame and the one before it, as far as that was usual */

    EntityState *twins;      /* one a thing, in order: index i is thing i */
    uint32_t *first_channel; /* per thing, plus one past the end */
    ChannelState *channels;
    TimeNs source_time;

    Cells cells;
    Encodings encodings;
    Outbox *outboxes; /* one a session slot */
    uint32_t *seen;   /* by cell: stamp of the review that has met it */
    uint32_t seen_stamp;
    Due *due;           /* of the client at hand */
    ByteBuffer records; /* of the packet at hand */
    ByteBuffer body;    /* and the whole of it */
} Replication;

/* Entity indices for avatars follow those of the things. */
typedef struct AvatarSlots {
    uint16_t *generations; /* last one used, up to 4,095: the index is then retired */
    uint32_t *free;        /* a ring of offsets, oldest first, so that indices are reused late */
    uint32_t free_first, free_count, count;
} AvatarSlots;

typedef struct Roster {
    NameSet names;                  /* of all sessions from HELLO on */
    uint64_t numbers[NUMBERS / 64]; /* a bit each: in use */
    uint16_t last_number;
    ByteBuffer news;      /* entries of the next ROSTER */
    ByteBuffer list, out; /* entries for newcomers; an encoded ROSTER */
    TimeNs told;          /* when news last went out; TIME_NONE: never */
    bool again;           /* somebody is to be told the list, news or not */
} Roster;

typedef struct LogBudget {
    TimeNs second; /* when the current second began */
    uint32_t used, suppressed;
} LogBudget;

struct Metaverse {
    Arena arena;
    MetaverseConfig config;
    const World *world;
    const TextTable *texts;
    Transport transport;
    TimeNs now; /* of the call being served */

    Session *sessions;
    uint16_t *live; /* slots in LIVE, by ascending entity index of their avatars */
    uint16_t live_count;
    uint16_t slot_count;
    uint16_t people_count; /* sessions that have said HELLO */
    uint16_t *pumped;      /* slots of sessions that have something to get reliably, in no order */
    uint16_t pumped_count;
    uint16_t *free_slots; /* the last one is taken next */
    uint16_t free_count;
    TimeNs swept; /* TIME_NONE: never */
    PeerMap peers;
    Roster roster;
    uint32_t texts_known; /* texts that the live sessions have been woken for */
    bool stopping;
    TimeNs stepped_until; /* avatars have made all steps due by then; TIME_NONE: none yet */
    bool moved;           /* somebody has, or came, or went; until metaverse_news is asked */

    const WorldFile *files; /* in the order of World.files */
    uint32_t file_count;
    uint64_t chunk_count; /* of all files */
    AvatarSlots avatars;
    Replication replication;
    Integration integration;
    ByteBuffer scratch; /* one encoded message */
    LogBudget log;
    MetaverseCounters counters;
};

/* ---- session.c: connections from accept to close ---- */

NODISCARD Status sessions_create(Metaverse *metaverse);
void session_open(Metaverse *metaverse, const TransportEvent *event);
void session_receive(Metaverse *metaverse, const TransportEvent *event);
void session_lost(Metaverse *metaverse, PeerId peer);

/* The slot is free again. Its avatar and its peer are no longer of concern. */
void session_free(Metaverse *metaverse, Session *session);

/* Logs what a peer has done, within a budget: peers decide how often. */
void session_warn(Metaverse *metaverse, const char *who, const char *what);

/* Ends a session and frees its slot: tells it why (unless `code` is REJECT_NONE) with a text for people,
 * tells the others that it left, logs once. */
void session_close(Metaverse *metaverse, Session *session, RejectCode code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Sends on the channel of the table. A session that cannot take a reliable message is marked broken; the
 * sweep closes it, so that nobody disappears while somebody walks over the sessions. */
void session_send(Metaverse *metaverse, Session *session, const Message *message);

/* The same for one that is encoded already, for many. */
void session_send_bytes(Metaverse *metaverse, Session *session, MessageId id, Bytes encoded);

/* Ten times a second closes what is broken or has been silent for too long. */
void sessions_sweep(Metaverse *metaverse);

/* ---- resume.c: sessions that outlive their connection ---- */

/* Random bytes, from where the owner says. */
void resume_random(const Metaverse *metaverse, uint8_t *out, size_t size);

/* Notes whose connection this is. */
void resume_note_key(Metaverse *metaverse, Session *session);

/* Gives a live session a new ticket; nothing where sessions are not kept. */
void resume_offer(Metaverse *metaverse, Session *session);

/* The client has spoken in LIVE, so it has the newest ticket: older ones are void. */
void resume_confirm(Session *session);

/* Wipes what is secret. */
void resume_forget(Session *session);

/* Lets a session whose connection is gone, `why`, wait for its client. False when it may not: then it is to
 * be closed. */
bool resume_keep(Metaverse *metaverse, Session *session, const char *why);

/* Whether a session that is away has waited long enough. */
bool resume_over(const Metaverse *metaverse, const Session *session);

/* HELLO from `comer`: when it holds a ticket of a session of its own, that one goes on over its connection
 * and `comer` is free. False: it joins as someone new. */
bool resume_take(Metaverse *metaverse, Session *comer, const HelloMessage *hello);

/* ---- join.c: the handshake and the transfer of the world ---- */

NODISCARD Status join_create(Metaverse *metaverse, AssetSource assets, Diag *diag);
void join_hello(Metaverse *metaverse, Session *session, const HelloMessage *hello);
void join_file_request(Metaverse *metaverse, Session *session, const FileRequestMessage *request);
void join_ready(Metaverse *metaverse, Session *session, const ReadyMessage *ready);

/* Sends what sessions still have to get reliably (manifest, file chunks, texts), as far as there is room, and
 * lets those go live that are ready and have everything. Looks only at those that were woken. */
void join_pump(Metaverse *metaverse);

/* Puts a session among those that join_pump looks at: there may be something to do for it. */
void join_wake(Metaverse *metaverse, Session *session);

/* Takes it from among them. */
void join_rest(Metaverse *metaverse, Session *session);

/* ---- roster.c: who is here ---- */

NODISCARD Status roster_create(Metaverse *metaverse);

/* Gives the session a number, and a name that is printable and unique among the sessions. */
void roster_enter(Metaverse *metaverse, Session *session, const char *wished_name);

/* Name and number are free again. */
void roster_quit(Metaverse *metaverse, const Session *session);

/* News: told to everybody by roster_tell. */
void roster_join(Metaverse *metaverse, const Session *joined);

/* The session is to be told anew who is here. */
void roster_list_again(Metaverse *metaverse, Session *session);
void roster_leave(Metaverse *metaverse, uint16_t number);

/* When ROSTER_INTERVAL has passed since the last time and there is news, sends them, encoded once, to all who
 * have been told who is here, and the whole list to those who have not. */
void roster_tell(Metaverse *metaverse);

/* ---- avatars.c: where people stand and how they move ---- */

NODISCARD Status avatars_create(Metaverse *metaverse, Diag *diag);

/* Gives `session` an avatar at a free place and puts it among the live. STATUS_CAPACITY when entity indices
 * are used up. */
NODISCARD Status avatar_spawn(Metaverse *metaverse, Session *session);
void avatar_remove(Metaverse *metaverse, Session *session);
void avatar_input(Metaverse *metaverse, Session *session, const InputMessage *input);
void avatars_step(Metaverse *metaverse);

/* The server time at which the avatars stood as they do, after `before`: with ticks the tick's, between ticks
 * that of the last step and a microsecond more each time, so that motion is shown as it was. */
TimeNs avatars_time(const Metaverse *metaverse, TimeNs before);

/* ---- replication.c: the world as clients are told it ---- */

NODISCARD Status replication_create(Metaverse *metaverse, Diag *diag);
void replication_integrate(Metaverse *metaverse, const SyncBatch *batch);

/* One sample, of a thing and property of the world; others are ignored. */
void replication_set(Metaverse *metaverse, const SyncSample *sample);

/* All samples of a batch that numbers as the world does. */
void replication_apply(Metaverse *metaverse, const SyncBatch *batch);

/* A thing has no values any more. */
void replication_forget(Metaverse *metaverse, uint32_t thing);

/* The good values of a thing become stale, those that `is_old` says are (NULL: all). True when one did. */
bool replication_stale(Metaverse *metaverse, uint32_t thing,
                       bool (*is_old)(const void *context, const Property *property,
                                      const ChannelState *channel),
                       const void *context);

/* Whether this tick is one for a snapshot; counts as taken. */
bool replication_due(Metaverse *metaverse);
void replication_send(Metaverse *metaverse);

/* Fills in what replication knows of: waiting and lag. */
void replication_news(const Metaverse *metaverse, MetaverseNews *news);

/* ---- cells.c ---- */

NODISCARD Status cells_create(Metaverse *metaverse);

/* Values of a thing, or of all, are not what they were. */
void cells_changed(Metaverse *metaverse, uint32_t thing);
void cells_all_changed(Metaverse *metaverse);

/* Puts everyone into the cell of the square where they are; gives cells that have changed a version of
 * `sequence`. */
void cells_update(Metaverse *metaverse, uint32_t sequence);

/* The session's avatar is gone. */
void cells_leave(Metaverse *metaverse, Session *session);

/* The square that a place (metres) is in. */
Square cells_square(const Cells *cells, double x, double z);

/* The cells of a square, one after the other; NO_CELL: no more. */
uint32_t cells_first(const Cells *cells, Square square);
uint32_t cells_next(const Cells *cells, uint32_t id);

/* ---- encodings.c ---- */

/* Room for `bytes` of codes of `cells` cells; beyond, codes are made again. */
NODISCARD Status encodings_create(Encodings *encodings, uint32_t cells, size_t bytes, Arena *arena);

/* A tick begins. */
void encodings_begin(Encodings *encodings);

/* The code of the newest version of `link`'s cell for a client that has of it what `link` says: one that was
 * made for others if it can read it, else one of its own. Valid until the next call. STATUS_CAPACITY. */
NODISCARD Status encodings_find(Metaverse *metaverse, const CellLink *link, Bytes *out_code);

/* ---- interest.c ---- */

/* Most cells that one client can be told of. */
uint32_t interest_link_limit(const Metaverse *metaverse);

/* Looks from time to time at which cells the session is to be told. */
void interest_review(Metaverse *metaverse, Session *session);

/* Somebody is in a cell where nobody was: those who can see it are to be told soon. */
void interest_cell_filled(Metaverse *metaverse, Square square);

void interest_drop_link(Metaverse *metaverse, Outbox *outbox, CellLink *link);

/* ---- outbox.c ---- */

NODISCARD Status outbox_create(Metaverse *metaverse);

/* At going live and at the end. STATUS_OUT_OF_MEMORY. */
NODISCARD Status outbox_open(Metaverse *metaverse, Session *session);
void outbox_close(Metaverse *metaverse, Session *session);

/* The client has taken packet `newest` (0: has nothing any more), and of the 32 before it those in `mask`.
 * False when it says so of what it was never sent. */
bool outbox_acknowledge(Metaverse *metaverse, Session *session, uint32_t newest, uint32_t mask);

/* The client comes back over another connection: it is told everything anew. Packets are numbered on. */
void outbox_restart(const Metaverse *metaverse, Session *session);

/* Sends what is due, as far as the client's rate allows; at least the tick's clocks. */
void outbox_send(Metaverse *metaverse, Session *session);

/* ---- physical_integration.c ---- */

/* STATUS_OUT_OF_MEMORY, consumer_create's. On failure the endpoint is still its owner's. */
NODISCARD Status integration_create(Metaverse *metaverse, TextTable *texts, Diag *diag);
void integration_destroy(Metaverse *metaverse);
const char *integration_name(const Metaverse *metaverse);

/* The twin system of that name, or NULL. */
SystemLink *integration_link(Metaverse *metaverse, const char *system);

/* ---- thing_binding.c ---- */

NODISCARD Status binding_create(Metaverse *metaverse);

/* Binds the published things to those of the world, in place of what the system had published before.
 * STATUS_OUT_OF_MEMORY: nothing is bound then. */
NODISCARD Status binding_take(Metaverse *metaverse, SystemLink *link, const SystemModels *models);
void binding_drop(Metaverse *metaverse, SystemLink *link);

/* ---- actuation.c ---- */

NODISCARD Status actuation_create(Metaverse *metaverse);
void actuation_invoke(Metaverse *metaverse, Session *session, const InvokeMessage *invoke);

/* Commands under way, to who has gone live or is back. */
void actuation_welcome(Metaverse *metaverse, Session *session);

/* The session has other rights now, or ends: access is asked for anew. */
void actuation_forget(Session *session);

/* What the consumer has to say of it. */
void actuation_granted(Metaverse *metaverse, const ConsumerEvent *event);
void actuation_refused(Metaverse *metaverse, uint64_t request, const char *reason);
void actuation_state(Metaverse *metaverse, const ConsumerEvent *event);
void actuation_revoked(Metaverse *metaverse, const char *grant);

/* Ends what has waited for too long. */
void actuation_sweep(Metaverse *metaverse);

/* ---- service_integration.c ---- */

NODISCARD Status services_create(Metaverse *metaverse);
void services_alarm(Metaverse *metaverse, const ConsumerEvent *event);
void services_state(Metaverse *metaverse, const char *service, bool up);

/* The enabler is back, and tells again what is active. */
void services_doubt(Metaverse *metaverse);
void services_sweep(Metaverse *metaverse);
void services_welcome(Metaverse *metaverse, Session *session);

/* ---- system_list.c ---- */

NODISCARD Status system_list_create(Metaverse *metaverse);
void system_list_ask(Metaverse *metaverse, Session *session);

/* The session ends. */
void system_list_forget(Metaverse *metaverse, Session *session);
void system_list_tell(Metaverse *metaverse);

#endif
