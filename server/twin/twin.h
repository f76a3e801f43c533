/* twin.h - the digital twin system: things with reported values, fed by feeds, published as DII sync batches.
 * Pure; one owner. */
#ifndef SERVER_TWIN_TWIN_H
#define SERVER_TWIN_TWIN_H
#include "server/twin/feed.h"
#include "shared/model/world.h"
#include "shared/systems/sync.h"

#define TWIN_FEEDS_MAX 8

typedef struct TwinSystem TwinSystem; /* opaque */

typedef struct TwinCounters {
    uint64_t samples;      /* accepted */
    uint64_t duplicates;   /* same property, same source time, same code: dropped */
    uint64_t old;          /* source time before the property's newest: dropped */
    uint64_t bad;          /* accepted with quality BAD */
    uint64_t stale;        /* properties that went stale so far */
    uint64_t unknown;      /* thing or property not in the world: dropped */
    uint64_t restarts;     /* times a feed began again */
    uint64_t clock_resets; /* times a feed's clock was set back */
    uint64_t late_ticks;   /* ticks whose batch was full with more samples due */
    uint32_t stale_now;    /* properties that are stale at this moment */
    TimeNs behind;         /* source time due but not delivered, the worst feed's; 0 when keeping up */
} TwinCounters;

/* `world` is borrowed. `batch_capacity` samples a tick at most (0: 65,536); what is due beyond it comes next
 * tick. STATUS_OUT_OF_MEMORY. */
NODISCARD Status twin_create(const World *world, size_t batch_capacity, TwinSystem **out_twin);
void twin_destroy(TwinSystem *twin);

/* Adds a feed; on success `twin` owns it. STATUS_CAPACITY beyond TWIN_FEEDS_MAX. */
NODISCARD Status twin_add_feed(TwinSystem *twin, Feed feed);

/* Polls the feeds, drops duplicates and old samples, marks what has gone stale (more than 3 declared periods
 * without a sample, in the source time of the feed it came from) and returns the tick's batch, valid until
 * the next call. The batch's source_clock is the earliest of the running feeds' clocks. When the only feed
 * begins again, `restarted` is set; with several feeds, the values of that feed are reported once with
 * QUALITY_NONE instead. When a feed's clock was set back, those of its values that are stamped later than
 * that are reported once with QUALITY_NONE, and older times count as new again. STATUS_IO_ERROR and the like
 * when a feed failed: the twin goes on without it and the batch is still good. */
NODISCARD Status twin_tick(TwinSystem *twin, TimeNs now, SyncBatch *out_batch);

/* When a feed that still runs will have something, in monotonic time: in the past when it has it already,
 * TIME_FOREVER when none does or none can tell. What goes stale is not told before the next twin_tick. */
TimeNs twin_next_due(const TwinSystem *twin);

/* True when every feed has ended. */
bool twin_ended(const TwinSystem *twin);

/* For live feeds nothing happens. Speed outside 0.1..1000 is clamped. */
void twin_set_speed(TwinSystem *twin, TimeNs now, double speed);
void twin_set_paused(TwinSystem *twin, TimeNs now, bool paused);

/* NULL when the world has no such thing or property. */
const Reported *twin_reported(const TwinSystem *twin, uint32_t thing, uint8_t property);
/* The source clock of the last tick; TIME_NONE before the first. */
TimeNs twin_source_clock(const TwinSystem *twin);
/* The counters of feed `index` (0..), or NULL when there is none. */
const TraceCounters *twin_feed_counters(const TwinSystem *twin, uint32_t index);
const TwinCounters *twin_counters(const TwinSystem *twin);

#endif
