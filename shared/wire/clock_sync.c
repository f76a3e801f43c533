#include "shared/wire/clock_sync.h"

#include <math.h>

#define FAST_REQUESTS   10
#define FAST_PERIOD     (100 * TIME_MS)
#define SLOW_PERIOD     TIME_SECOND
#define ROUND_TRIP_MAX  (5 * TIME_SECOND)
#define OFFSET_MAX      (INT64_C(1) << 61) /* differences of two stay within int64 */
#define SETTLED         5                  /* samples until the estimate is slewed, not stepped */
#define WEIGHT_FLOOR_NS 0.25e6             /* round trips this close to the shortest count nearly the same */
#define DRIFT_SPAN      (4 * TIME_SECOND)  /* a shorter window says nothing about drift */
#define DRIFT_MAX       500e-6
#define SLEW_TIME_NS    0.5e9 /* an error shrinks by this time constant, at most at the rates below */
#define SLEW_RATE       0.05
#define SLEW_RATE_FAR   0.5
#define SLEW_FAR_NS     200e6

void clock_sync_init(ClockSync *sync)
{
    *sync = (ClockSync){ .shown_local = TIME_NONE, .shown_server = TIME_NONE, .next_request = TIME_NONE };
}

bool clock_sync_due(ClockSync *sync, TimeNs now)
{
    if (now < sync->next_request) {
        return false;
    }
    sync->requests++;
    sync->next_request = now + (sync->requests < FAST_REQUESTS ? FAST_PERIOD : SLOW_PERIOD);
    return true;
}

bool clock_sync_ready(const ClockSync *sync)
{
    return sync->count > 0;
}

/* The exchange as a sample; false when the numbers make no sense. */
static bool measure(TimeNs t0, TimeNs t1, TimeNs t2, TimeNs t3, ClockSyncSample *out_sample)
{
    TimeNs total, held, offset;
    if (t3 < t0 || t2 < t1 || __builtin_sub_overflow(t3, t0, &total) ||
        __builtin_sub_overflow(t2, t1, &held) || held > total || total - held > ROUND_TRIP_MAX) {
        return false;
    }
    TimeNs local = t0 + total / 2, server = t1 + held / 2;
    if (__builtin_sub_overflow(server, local, &offset) || offset > OFFSET_MAX || offset < -OFFSET_MAX) {
        return false;
    }
    *out_sample = (ClockSyncSample){ .local = local, .offset = offset, .round_trip = total - held };
    return true;
}

/* Mean round trip and its deviation as TCP keeps them (RFC 6298). */
static void smooth_round_trip(ClockSync *sync, TimeNs round_trip)
{
    if (sync->count == 0) {
        sync->round_trip = round_trip;
        sync->jitter = round_trip / 2;
        return;
    }
    TimeNs deviation =
        round_trip > sync->round_trip ? round_trip - sync->round_trip : sync->round_trip - round_trip;
    sync->jitter += (deviation - sync->jitter) / 4;
    sync->round_trip += (round_trip - sync->round_trip) / 8;
}

typedef struct Sums {
    double weight, x, y, xx, xy;
} Sums;

/* Weighted sums over the window; x in seconds after base_local, y in ns beyond base_offset. A sample that
 * took d longer than the shortest may be wrong by d / 2, so it counts with 1 / (floor + d)². */
static Sums weighted_sums(const ClockSync *sync, uint32_t used, TimeNs shortest)
{
    Sums sums = { 0 };
    for (uint32_t i = 0; i < used; i++) {
        const ClockSyncSample *sample = &sync->samples[i];
        double late = WEIGHT_FLOOR_NS + (double)(sample->round_trip - shortest);
        double weight = WEIGHT_FLOOR_NS * WEIGHT_FLOOR_NS / (late * late);
        double x = (double)(sample->local - sync->base_local) * 1e-9;
        double y = (double)(sample->offset - sync->base_offset);
        sums.weight += weight;
        sums.x += weight * x;
        sums.y += weight * y;
        sums.xx += weight * x * x;
        sums.xy += weight * x * y;
    }
    return sums;
}

/* The line through the window: the target of what is given out. */
static void fit(ClockSync *sync)
{
    uint32_t used = sync->count < CLOCK_SYNC_WINDOW ? sync->count : CLOCK_SYNC_WINDOW;
    TimeNs shortest = ROUND_TRIP_MAX, first = TIME_FOREVER, last = TIME_NONE;
    for (uint32_t i = 0; i < used; i++) {
        const ClockSyncSample *sample = &sync->samples[i];
        shortest = sample->round_trip < shortest ? sample->round_trip : shortest;
        first = sample->local < first ? sample->local : first;
        last = sample->local > last ? sample->local : last;
    }
    sync->base_local = last; /* the near end of the line is what is used next */
    Sums sums = weighted_sums(sync, used, shortest);
    double mean_x = sums.x / sums.weight, mean_y = sums.y / sums.weight;
    double spread = sums.xx - sums.x * mean_x;
    double slope = 0; /* ns per second */
    if (last - first >= DRIFT_SPAN && spread > 1e-3) {
        slope = (sums.xy - sums.x * mean_y) / spread;
        slope = fmax(-DRIFT_MAX * 1e9, fmin(DRIFT_MAX * 1e9, slope));
    }
    sync->drift = slope * 1e-9;
    sync->offset_ns = mean_y - slope * mean_x;
}

Status clock_sync_sample(ClockSync *sync, TimeNs t0, TimeNs t1, TimeNs t2, TimeNs t3)
{
    ClockSyncSample sample;
    if (!measure(t0, t1, t2, t3, &sample)) {
        return STATUS_OUT_OF_RANGE;
    }
    if (sync->count == 0) {
        sync->base_offset = sample.offset;
    }
    smooth_round_trip(sync, sample.round_trip);
    sync->samples[sync->count % CLOCK_SYNC_WINDOW] = sample;
    sync->count++;
    fit(sync);
    return STATUS_OK;
}

static double target_at(const ClockSync *sync, TimeNs local)
{
    return sync->offset_ns + sync->drift * (double)(local - sync->base_local);
}

/* Moves what is given out towards the target, by at most a part of the time that has passed: it never stands
 * still for long and never jumps. */
static void slew(ClockSync *sync, TimeNs local)
{
    double target = target_at(sync, local);
    bool settling = sync->shown_local == TIME_NONE || sync->count <= SETTLED;
    if (settling) {
        sync->shown_ns = target;
    } else {
        double passed = (double)(local - sync->shown_local);
        /* The drift already known is followed as it comes; only the error is slewed. */
        sync->shown_ns += sync->drift * passed;
        double error = target - sync->shown_ns;
        double most = passed * (fabs(error) > SLEW_FAR_NS ? SLEW_RATE_FAR : SLEW_RATE);
        double step = error * (1 - exp(-passed / SLEW_TIME_NS));
        sync->shown_ns += fmax(-most, fmin(most, step));
    }
    sync->shown_local = local;
}

TimeNs clock_sync_server_time(ClockSync *sync, TimeNs local)
{
    if (sync->count == 0) {
        return local;
    }
    bool forward = sync->shown_local == TIME_NONE || local >= sync->shown_local;
    if (forward) {
        slew(sync, local);
    }
    TimeNs server = 0;
    if (__builtin_add_overflow(local, sync->base_offset, &server) ||
        __builtin_add_overflow(server, llround(sync->shown_ns), &server)) {
        server = TIME_NONE;
    }
    if (forward && server > sync->shown_server) {
        sync->shown_server = server;
    }
    return forward || server > sync->shown_server ? sync->shown_server : server;
}
