/* live_samples.h - what the feeds of live devices have in common: samples on their way out of a poll, their
 * counters, and clocks that are set back. Pure. */
#ifndef SERVER_TWIN_LIVE_SAMPLES_H
#define SERVER_TWIN_LIVE_SAMPLES_H
#include "server/twin/feed.h"
#include "server/twin/live_clock.h"
#include "shared/mqtt/mqtt_link.h"
#include "shared/mqtt/thing_index.h"

/* A stamp further ahead than this, of its arrival and of all else that was heard, is a stray: taken, it would
 * hide what the thing really says until that time. The third in a row of one property, each later than the
 * one before, is believed: the device's clock is like that. */
#define LIVE_STRAY_AHEAD TIME_MINUTE
#define LIVE_STRAY_COUNT 3

typedef struct LiveStray {
    TimeNs time;
    uint8_t count;
} LiveStray;

typedef struct LiveSamples {
    const char *name; /* of the feed, for the log; static */
    const World *world;
    ThingIndex index;
    LiveClock clock;
    TraceSeries *series; /* one a property, in the order of `index` */
    LiveStray *strays;   /* as many */
    TraceCounters counters;
    Diag first_error;
    bool has_error;
    TimeNs latest;    /* source time delivered; TIME_NONE: nothing */
    TraceSample held; /* it comes after the clock was set back: first of the next poll */
    bool has_held;
    uint64_t kept_back; /* messages that the link did not hand over, as counted already */

    /* The poll that is under way. */
    TraceSample *out;
    size_t capacity, count;
} LiveSamples;

/* Where a sample comes from in time. */
typedef enum LiveOrigin {
    LIVE_NOW,      /* it just happened: moves the clock */
    LIVE_RETAINED, /* it is as current as its time says */
    LIVE_PAST      /* it is known not to be current: delivered as stale */
} LiveOrigin;

/* STATUS_OUT_OF_MEMORY. */
NODISCARD Status live_samples_init(LiveSamples *live, const char *name, const World *world, Arena *arena);

/* Begins a poll. True when a sample that was held back is the first of it: the clock was set back to its
 * time.
 */
bool live_samples_begin(LiveSamples *live, TraceSample *out_samples, size_t capacity);

/* Whether there is room for one more. */
bool live_samples_room(const LiveSamples *live);

/* Adds a sample that arrived at Unix time `arrival`; there is room. Strays (above) are refused. False when
 * the clock was set back: the sample is kept for the next poll, and nothing more fits into this one. */
bool live_samples_add(LiveSamples *live, const TraceSample *sample, LiveOrigin origin, TimeNs arrival);

/* Counts a message as refused. The first one is kept and logged; `who` is a topic. */
void live_samples_refuse(LiveSamples *live, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Counts as refused what the link did not hand over: too large, or nobody took it in time. */
void live_samples_link(LiveSamples *live, const MqttLinkStatus *status);

/* Ends a poll at Unix time `now`. `waiting`: when what waits came; TIME_NONE: nothing waits. */
void live_samples_end(LiveSamples *live, TimeNs now, TimeNs waiting, bool set_back, bool lost,
                      size_t *out_count, FeedStatus *out_status);

#endif
