/* metaverse.h - the metaverse system: the shared world, its sessions and avatars, and their replication.
 * Pure but for the Transport it is given; one owner. A tick: metaverse_receive, metaverse_integrate (physical
 * integration function of Y.4239), metaverse_step, metaverse_replicate. */
#ifndef SERVER_METAVERSE_METAVERSE_H
#define SERVER_METAVERSE_METAVERSE_H
#include "shared/base/asset_source.h"
#include "shared/model/world.h"
#include "shared/systems/bus.h"
#include "shared/systems/sync.h"
#include "shared/wire/messages.h"
#include "shared/wire/transport_secure.h"

typedef struct Metaverse Metaverse; /* opaque */

/* What a peer may do, asked once when it connects. NULL: everyone is a viewer. */
typedef struct RoleSource {
    Role (*of)(void *context, PeerId peer);
    void *context;
} RoleSource;

/* The proven public key of a connected peer. NULL: peers have none, and a ticket is all that a session is
 * resumed by. */
typedef struct KeySource {
    Status (*of)(void *context, PeerId peer, uint8_t out_key[NOISE_KEY_SIZE]);
    void *context;
} KeySource;

typedef struct MetaverseConfig {
    RoleSource roles;
    KeySource keys;
    SecureEntropy entropy;     /* of tickets; a NULL function means libsodium's */
    uint32_t sessions;         /* most people at once; 0: 64 */
    uint16_t tick_rate_hz;     /* 0: 60 */
    uint16_t snapshot_rate_hz; /* 0: 30; ≤ tick rate */
    uint16_t view_distance_m;  /* how far a client sees, in metres over the ground; 0: everything */
    uint32_t client_kbps;      /* most that one client is sent, in kbit/s; 0: 8,000 */
    TimeNs session_timeout;    /* 0: 10 s without a valid message */
    TimeNs hello_timeout;      /* 0: 5 s from connection to HELLO */
    TimeNs join_timeout; /* 0: 5 min from HELLO or the last FILE_REQUEST to READY, silent for at most 60 s of
                            it (a client that loads a large world may not speak) */
    TimeNs resume_time;  /* a live session whose connection is lost waits so long after its client was heard
                            last, for it to come back with its ticket; 0: not at all; else 1 s to 1 h */
    size_t memory_limit; /* bytes, world files included; 0: 1 GiB */
    Bus endpoint; /* to the integration enabler, owned on success; zeroed: there is none, values come by
                     metaverse_integrate and nobody can operate anything */
    const char *system_name; /* as the enabler knows this system; NULL: "metaverse". Borrowed */
    const char *domain;      /* of the twin systems and services to look for; NULL: all. Borrowed */
} MetaverseConfig;

typedef struct MetaverseCounters {
    uint32_t sessions; /* live now */
    uint64_t joined, left;
    uint64_t malformed, not_allowed;   /* messages dropped; the session is closed with a reason */
    uint64_t flooded;                  /* sessions closed because they sent too much or asked for too much */
    uint64_t timed_out;                /* sessions closed because they said nothing, or never became ready */
    uint64_t refused;                  /* connections: version, world, full */
    uint32_t away;                     /* live now, without a connection */
    uint64_t resumed;                  /* came back with their ticket */
    uint64_t tickets_refused;          /* wrong, expired or of somebody else: joined as new people */
    uint64_t early;                    /* INPUT that overtook READY: dropped without consequence */
    uint64_t encodings, encoded_bytes; /* of cells, before fan-out; one a baseline in use */
    uint64_t packets, records;         /* after fan-out: SNAPSHOT messages, and cells in them */
    uint64_t sent_bytes;               /* of those packets */
    uint64_t unsent;                   /* packets that the transport had no room for */
    uint64_t deferred;                 /* cells that had to wait for another tick, client by client */
    uint64_t held_back;                /* ticks at which a client was sent nothing: its rate was used up */
    uint64_t starved;                  /* new versions of cells for which there was no memory */
    uint64_t unseen;                   /* cells that somebody should have seen and had no place for */
    uint64_t inputs;                   /* steps received, without repeats */
    uint64_t inputs_lost;              /* steps filled in because no input came */
    uint64_t commands;                 /* INVOKEs taken, repeats left out */
    uint64_t commands_confirmed, commands_refused, commands_failed; /* failed: timed out and superseded too */
    uint32_t things_bound;                                          /* to twin systems, now */
    uint32_t service_alarms;                                        /* active now */
} MetaverseCounters;

/* `world`, `texts` and the files in `assets` are borrowed; `transport` becomes owned on success. The world's
 * files are read once, to be handed to clients. STATUS_OUT_OF_MEMORY, STATUS_CAPACITY (more sessions than
 * 4,095, more things than entity indices), STATUS_OUT_OF_RANGE (rates), asset_read's, each with `diag`. */
NODISCARD Status metaverse_create(const MetaverseConfig *config, const World *world, TextTable *texts,
                                  AssetSource assets, Transport transport, Metaverse **out_metaverse,
                                  Diag *diag);
void metaverse_destroy(Metaverse *metaverse);

/* Takes in what has arrived and answers it; puts on the wire what that leaves to send. May be called more
 * often than once a tick, which makes clock estimates and world transfers better. */
void metaverse_receive(Metaverse *metaverse, TimeNs now);

/* Applies the reported values of a tick to the entities: for owners without an integration enabler. */
void metaverse_integrate(Metaverse *metaverse, const SyncBatch *batch);

/* Takes what the integration enabler has for this system: registers, discovers, binds the things of the world
 * to those of twin systems, integrates what they report, passes commands and alarms on. `wall`: Unix ns. Once
 * a tick, where there is an endpoint. True when values have changed. */
bool metaverse_systems(Metaverse *metaverse, TimeNs now, TimeNs wall);

/* Moves the avatars by the steps due, closes sessions that have timed out. */
void metaverse_step(Metaverse *metaverse, TimeNs now);

/* Sends new texts and, at the snapshot rate, the world at this tick. */
void metaverse_replicate(Metaverse *metaverse, TimeNs now);

/* As metaverse_replicate, but the caller says whether a snapshot is due. */
void metaverse_replicate_when(Metaverse *metaverse, TimeNs now, bool snapshot);

/* What an owner needs to know to decide that. */
typedef struct MetaverseNews {
    bool motion;  /* somebody has moved, come or gone since the last time this was asked */
    bool waiting; /* a client is not known to have the newest state */
    uint32_t lag; /* snapshots sent and not acknowledged, of the client most behind; those who are beyond help
                     (stalled, or not heard of yet) left out */
} MetaverseNews;
MetaverseNews metaverse_news(Metaverse *metaverse);

/* Readable when something may have come in; -1: there is no such descriptor. */
int metaverse_wake_fd(const Metaverse *metaverse);

/* Tells every client that the server stops, and flushes. From then on nobody is let in. */
void metaverse_shutdown(Metaverse *metaverse, TimeNs now);

/* True when nothing waits to be acknowledged any more; poll with metaverse_receive after a shutdown. */
bool metaverse_drained(const Metaverse *metaverse);

/* Of the whole transport: what is on the wire. */
TransportStats metaverse_transport_stats(const Metaverse *metaverse);

const MetaverseCounters *metaverse_counters(const Metaverse *metaverse);

/* Properties of the world by quality, counted now: for metrics, not for every tick. */
void metaverse_count_qualities(const Metaverse *metaverse, uint32_t out_counts[QUALITY_COUNT]);

#endif
