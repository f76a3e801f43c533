/* twin.h - the digital twin system: things with reported values, fed by feeds, published as DII sync batches.
 * Pure; one owner. */
#ifndef SERVER_TWIN_TWIN_H
#define SERVER_TWIN_TWIN_H
#include "server/twin/feed.h"
#include "shared/model/world.h"
#include "shared/systems/sync.h"

typedef struct TwinSystem TwinSystem; /* opaque */

typedef struct TwinCounters {
    uint64_t samples;    /* accepted */
    uint64_t duplicates; /* same property, same source time, same code: dropped */
    uint64_t old;        /* source time before the property's newest: dropped */
    uint64_t bad;        /* accepted with quality BAD */
    uint64_t stale;      /* properties that went stale so far */
} TwinCounters;

/* `world` is borrowed. `batch_capacity` samples a tick at most (0: 65,536); what is due beyond it comes next
 * tick. STATUS_OUT_OF_MEMORY. */
NODISCARD Status twin_create(const World *world, size_t batch_capacity, TwinSystem **out_twin);
void twin_destroy(TwinSystem *twin);

/* Adds a feed; on success `twin` owns it. STATUS_CAPACITY. */
NODISCARD Status twin_add_feed(TwinSystem *twin, Feed feed);

/* Polls the feeds, drops duplicates and old samples, marks what has gone stale (3 declared periods without a
 * sample, in source time) and returns the tick's batch, valid until the next call. STATUS_IO_ERROR and the
 * like when a feed failed: the twin goes on without it and the batch is still good. */
NODISCARD Status twin_tick(TwinSystem *twin, TimeNs now, SyncBatch *out_batch);

/* True when every feed has ended. */
bool twin_ended(const TwinSystem *twin);

const Reported *twin_reported(const TwinSystem *twin, uint16_t thing, uint8_t property);
const TwinCounters *twin_counters(const TwinSystem *twin);

#endif
