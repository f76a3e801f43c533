/* clock_sync.h - the client's estimate of the server's monotonic clock: offset and drift.
 * NTP's four-timestamp exchange (RFC 5905, section 8); a line through the samples of a window, each weighted
 * by how close its round trip is to the shortest, gives offset and drift. The estimate is stepped only while
 * it settles; after that it is slewed. Formulas: shared/PROTOCOL.md, "Clock". Pure. */
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
    uint32_t requests; /* requests ever due */
    TimeNs base_local; /* target: server = local + base_offset + offset_ns + drift × (local − base_local) */
    TimeNs base_offset; /* of the first sample, so that the rest stays small */
    double offset_ns;
    double drift;        /* seconds per second */
    double shown_ns;     /* what is given out follows the target: server = local + base_offset + shown_ns */
    TimeNs shown_local;  /* when it was given out last; TIME_NONE: never */
    TimeNs shown_server; /* largest time given out */
    TimeNs next_request; /* when clock_sync_due says yes next */
    TimeNs round_trip;   /* smoothed, for the HUD */
    TimeNs jitter;       /* smoothed |round trip − smoothed| */
} ClockSync;

void clock_sync_init(ClockSync *sync);

/* True when a time request should go out: every 100 ms for the first ten, then once a second. Marks it as
 * sent. */
bool clock_sync_due(ClockSync *sync, TimeNs now);

/* Takes one exchange: client sent at t0 and received at t3 (client clock), server received t1 and replied t2.
 * STATUS_OUT_OF_RANGE when t3 < t0, t2 < t1, the server held it longer than the exchange took, the round trip
 * exceeds 5 s, or the offset is beyond ±2^61 ns: the sample is dropped. t1 and t2 (and t0, which the server
 * echoes) may be any numbers; that t0 was really sent is for the caller to know. */
NODISCARD Status clock_sync_sample(ClockSync *sync, TimeNs t0, TimeNs t1, TimeNs t2, TimeNs t3);

/* True once an estimate exists (after the first sample). */
bool clock_sync_ready(const ClockSync *sync);

/* The server's monotonic time at client time `local`; non-decreasing for non-decreasing `local`. `local`
 * itself before the first sample. */
TimeNs clock_sync_server_time(ClockSync *sync, TimeNs local);

#endif
