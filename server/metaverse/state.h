/* state.h - the inside of the metaverse system: what its files share. Included by server/metaverse only. */
#ifndef SERVER_METAVERSE_STATE_H
#define SERVER_METAVERSE_STATE_H
#include "server/metaverse/input_queue.h"
#include "server/metaverse/metaverse.h"
#include "server/metaverse/peer_map.h"
#include "shared/wire/messages.h"
#include "shared/wire/snapshot.h"

#define LOG_MODULE          "metaverse"
#define FILE_REQUESTS_MAX   512 /* asked for by one client and not sent yet */
#define QUEUED_MAX          512 /* reliable packets on their way to one client; more waits here */
#define PUMP_MAX            256 /* reliable messages queued to one client at once */
#define ADDRESS_SIZE        64
#define AVATARS_PER_SESSION 64   /* entity indices: a slot retires after 4,095 uses */
#define MESSAGE_RATE        1000 /* messages a second one client may send, and as many at once */
#define JOIN_SILENCE        (60 * TIME_SECOND)
#define EVENTS_MAX          65536 /* taken in by one receive, so that a flood cannot hold the tick up */

/* One connection. A slot is free when `state` is 0. */
typedef struct Session {
    PeerId peer;
    uint32_t state;  /* STATE_HELLO, STATE_JOIN or STATE_LIVE */
    Role role;       /* what it may do */
    uint16_t number; /* from WELCOME on; not reused while 65,534 others come */
    char name[NAME_SIZE];
    char address[ADDRESS_SIZE];
    TimeNs connected; /* when this state's time limit began */
    TimeNs heard;     /* last valid message */
    double allowance; /* messages it may still send now */
    TimeNs allowance_at;

    /* JOIN */
    uint32_t manifest_sent;
    FileRequestMessage requests[FILE_REQUESTS_MAX]; /* a ring */
    uint32_t request_first, request_count;
    uint64_t chunks_asked; /* so far, all requests together */
    bool ready;            /* READY was right; goes live once it has all texts */
    bool broken;           /* could not take a reliable message; closed by the sweep */

    /* Texts go out in order, at first all there are, then as they are added. */
    uint32_t texts_sent;

    /* LIVE */
    EntityHandle avatar;
    AvatarState body;
    InputQueue inputs;
    uint32_t acknowledged;          /* newest snapshot it has decoded; 0: none */
    uint32_t first_sent, last_sent; /* snapshot sequences; 0: none yet */
    uint64_t sent_mask;             /* bit i: last_sent - i was sent */
    uint64_t decoded_mask;          /* bit i: last_sent - i was acknowledged */
    bool too_large; /* not even a whole snapshot could be sent, so there is nothing to see; for the sweep */
} Session;

/* One file of the world, as clients get it. */
typedef struct WorldFile {
    const char *name;
    Bytes bytes;
    uint8_t hash[HASH_SIZE];
} WorldFile;

/* What a snapshot is told against, as sequences; 0: none. */
typedef struct BodyKey {
    uint32_t baseline, recent, old;
} BodyKey;

/* The bytes of this tick's snapshot against one base. */
typedef struct CachedBody {
    BodyKey key;
    Bytes bytes;
} CachedBody;

typedef struct Replication {
    SnapshotRing *ring;
    uint32_t sequence;  /* of the newest snapshot; 0: none yet */
    uint32_t rate_left; /* carries the fraction of snapshots a tick */

    EntityState *twins;      /* one a thing, in order: index i is thing i */
    uint32_t *first_channel; /* per thing, plus one past the end */
    ChannelState *channels;
    TimeNs source_time;

    CachedBody *cache;
    uint32_t cache_count, cache_capacity;
    ByteBuffer bodies; /* the cached bytes, one after the other */
} Replication;

/* Entity indices for avatars follow those of the things. */
typedef struct AvatarSlots {
    uint16_t *generations; /* last one used, up to 4,095: the index is then retired */
    uint32_t *free;        /* a ring of offsets, oldest first, so that indices are reused late */
    uint32_t free_first, free_count, count;
} AvatarSlots;

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
    uint16_t used_count; /* slots that are not free */
    PeerMap peers;
    uint16_t last_number;
    bool stopping;
    TimeNs stepped_until; /* avatars have made all steps due by then; TIME_NONE: none yet */

    const WorldFile *files; /* in the order of World.files */
    uint32_t file_count;
    uint64_t chunk_count; /* of all files */
    AvatarSlots avatars;
    Replication replication;
    ByteBuffer scratch; /* one encoded message */
    LogBudget log;
    MetaverseCounters counters;
};

/* ---- session.c: connections from accept to close ---- */

NODISCARD Status sessions_create(Metaverse *metaverse);
void session_open(Metaverse *metaverse, const TransportEvent *event);
void session_receive(Metaverse *metaverse, const TransportEvent *event);
void session_lost(Metaverse *metaverse, PeerId peer);

/* Ends a session and frees its slot: tells it why (unless `code` is REJECT_NONE) with a text for people,
 * tells the others that it left, logs once. */
void session_close(Metaverse *metaverse, Session *session, RejectCode code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Sends on the channel of the table. A session that cannot take a reliable message is marked broken; the
 * sweep closes it, so that nobody disappears while somebody walks over the sessions. */
void session_send(Metaverse *metaverse, Session *session, const Message *message);

/* Closes what is broken or has been silent for too long. */
void sessions_sweep(Metaverse *metaverse);

/* ---- join.c: the handshake and the transfer of the world ---- */

NODISCARD Status join_create(Metaverse *metaverse, AssetSource assets, Diag *diag);
void join_hello(Metaverse *metaverse, Session *session, const HelloMessage *hello);
void join_file_request(Metaverse *metaverse, Session *session, const FileRequestMessage *request);
void join_ready(Metaverse *metaverse, Session *session, const ReadyMessage *ready);

/* Sends what a session still has to get reliably (manifest, file chunks, texts), as far as there is room, and
 * lets it go live once it is ready and has everything. */
void join_pump(Metaverse *metaverse, Session *session);

/* ---- roster.c: who is here ---- */

/* Makes the wished name printable and unique among the sessions; `out` holds NAME_SIZE bytes. */
void roster_grant_name(const Metaverse *metaverse, const char *wished, char *out);

/* Tells everybody of `joined`, and `joined` of everybody, itself included. */
void roster_join(Metaverse *metaverse, Session *joined);
void roster_leave(Metaverse *metaverse, uint16_t number);

/* ---- avatars.c: where people stand and how they move ---- */

NODISCARD Status avatars_create(Metaverse *metaverse, Diag *diag);

/* Gives `session` an avatar at a free place and puts it among the live. STATUS_CAPACITY when entity indices
 * are used up. */
NODISCARD Status avatar_spawn(Metaverse *metaverse, Session *session);
void avatar_remove(Metaverse *metaverse, Session *session);
void avatar_input(Metaverse *metaverse, Session *session, const InputMessage *input);
void avatars_step(Metaverse *metaverse);

/* ---- replication.c: snapshots ---- */

NODISCARD Status replication_create(Metaverse *metaverse, Diag *diag);
void replication_integrate(Metaverse *metaverse, const SyncBatch *batch);

/* False when the client acknowledges what it was never sent. */
bool replication_acknowledge(Session *session, uint32_t sequence);
void replication_send(Metaverse *metaverse);

#endif
