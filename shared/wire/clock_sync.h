/* clock_sync.h - the client's estimate of the server's monotonic clock: offset and drift.
 * NTP's four-timestamp exchange (RFC 5905, section 8) filtered by lowest round trip over a window, then a
 * line through the kept samples gives drift; the estimate is slewed, never stepped, once it is settled. Pure.
 */
#ifndef SHARED_WIRE_CLOCK_SYNC_H
#define SHARED_WIRE_CLOCK_SYNC_H
#include "shared/base/status.h"
#include "shared/base/time.h"

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_SYNC_WINDOW 32

typedef struct ClockSyncSample {
    TimeNs local;      /* client clock at the middle of the exchange */
    TimeNs offset;     /* server − client */
    TimeNs round_trip; /* without the server's holding time */
} ClockSyncSample;

typedef struct ClockSync {
    ClockSyncSample samples[CLOCK_SYNC_WINDOW];
    uint32_t count;    /* samples ever taken */
    TimeNs base_local; /* estimate: server = local + offset + drift × (local − base_local) */
    double offset_ns;
    double drift;        /* seconds per second */
    TimeNs next_request; /* when clock_sync_due says yes next */
    TimeNs round_trip;   /* smoothed, for the HUD */
    TimeNs jitter;       /* smoothed |round trip − smoothed| */
} ClockSync;

void clock_sync_init(ClockSync *sync);

/* True when a time request should go out: every 100 ms for the first ten, then once a second. Marks it as
 * sent. */
bool clock_sync_due(ClockSync *sync, TimeNs now);

/* Takes one exchange: client sent at t0 and received at t3 (client clock), server received t1 and replied t2.
 * STATUS_OUT_OF_RANGE when t3 < t0, t2 < t1 or the round trip exceeds 5 s: the sample is dropped. */
NODISCARD Status clock_sync_sample(ClockSync *sync, TimeNs t0, TimeNs t1, TimeNs t2, TimeNs t3);

/* True once an estimate exists (after the first sample). */
bool clock_sync_ready(const ClockSync *sync);

/* The server's monotonic time at client time `local`; non-decreasing for non-decreasing `local`. */
TimeNs clock_sync_server_time(ClockSync *sync, TimeNs local);

#endif
