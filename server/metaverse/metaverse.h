/* metaverse.h - the metaverse system: the shared world, its sessions and avatars, and their replication.
 * Pure but for the Transport it is given; one owner. A tick: metaverse_receive, metaverse_integrate (physical
 * integration function of Y.4239), metaverse_step, metaverse_replicate. */
#ifndef SERVER_METAVERSE_METAVERSE_H
#define SERVER_METAVERSE_METAVERSE_H
#include "shared/base/asset_source.h"
#include "shared/model/world.h"
#include "shared/systems/sync.h"
#include "shared/wire/transport.h"

typedef struct Metaverse Metaverse; /* opaque */

typedef struct MetaverseConfig {
    uint32_t sessions;         /* most people at once; 0: 64 */
    uint16_t tick_rate_hz;     /* 0: 60 */
    uint16_t snapshot_rate_hz; /* 0: 30; ≤ tick rate */
    TimeNs session_timeout;    /* 0: 10 s without a valid message */
} MetaverseConfig;

typedef struct MetaverseCounters {
    uint32_t sessions; /* live now */
    uint64_t joined, left;
    uint64_t malformed, not_allowed;    /* messages dropped; the session is closed with a reason */
    uint64_t refused;                   /* connections: version, world, full */
    uint64_t snapshots, snapshot_bytes; /* encoded, before fan-out */
    uint64_t sent_bytes;                /* snapshots after fan-out */
    uint64_t inputs;
    uint64_t inputs_lost; /* steps filled in because no input came */
} MetaverseCounters;

/* `world`, `texts` and the files in `assets` are borrowed; `transport` becomes owned on success. The world's
 * files are read once, to be handed to clients. STATUS_OUT_OF_MEMORY, STATUS_CAPACITY (more things than
 * entity indices), asset_read's. */
NODISCARD Status metaverse_create(const MetaverseConfig *config, const World *world, const TextTable *texts,
                                  AssetSource assets, Transport transport, Metaverse **out_metaverse,
                                  Diag *diag);
void metaverse_destroy(Metaverse *metaverse);

void metaverse_receive(Metaverse *metaverse, TimeNs now);
void metaverse_integrate(Metaverse *metaverse, const SyncBatch *batch);
void metaverse_step(Metaverse *metaverse, TimeNs now);
void metaverse_replicate(Metaverse *metaverse, TimeNs now);

/* Tells every client that the server stops, and flushes. */
void metaverse_shutdown(Metaverse *metaverse, TimeNs now);

const MetaverseCounters *metaverse_counters(const Metaverse *metaverse);

#endif
