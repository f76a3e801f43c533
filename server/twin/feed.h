/* feed.h - where a digital twin system gets its samples: one table of functions, one implementation a source.
 * Implementations: replay_feed.c, sim_feed.c, mqtt_feed*.c, sparkplug_feed*.c. */
#ifndef SERVER_TWIN_FEED_H
#define SERVER_TWIN_FEED_H
#include "shared/systems/field.h"
#include "shared/trace/trace.h"

typedef struct FeedStatus {
    TimeNs source_clock; /* samples with source time ≤ this have all been delivered; TIME_NONE before the
                            first */
    bool restarted;      /* since the last poll the source began again */
    bool set_back;       /* since the last poll the source's clock was set back: what is stamped after
                            source_time_set is void, and times at or after it are accepted again */
    TimeNs source_time_set;
    bool ended;     /* nothing more will come */
    TimeNs behind;  /* source time that is due but not delivered yet; 0 when keeping up */
    uint32_t loops; /* times it began again */
    bool lost; /* the way to the devices is cut (broker away, last will): what came by it is stale at once,
                  until it is sampled again */
} FeedStatus;

typedef struct FeedOps {
    /* Delivers up to `capacity` samples due at monotonic `now` into `out_samples`, in order; call again while
     * *out_count == capacity. Samples before and after a restart or a clock reset are never in the same poll:
     * `restarted` and `set_back` refer to all that follow; neither comes twice in one tick, because the poll
     * before it leaves room in `out_samples`. While samples that are due are held back by `capacity`,
     * source_clock is held back with them. A failure ends the feed: outputs are unchanged. */
    Status (*poll)(void *context, TimeNs now, TraceSample *out_samples, size_t capacity, size_t *out_count,
                   FeedStatus *out_status);
    void (*set_speed)(void *context, TimeNs now, double speed); /* source seconds a second; NULL when live */
    void (*set_paused)(void *context, TimeNs now, bool paused); /* NULL when live */
    /* The monotonic time at which poll will have something at the earliest, as things are: in the past when
     * it has something already, TIME_FOREVER while it will not. NULL: nobody knows. */
    TimeNs (*next_due)(const void *context);
    const TraceCounters *(*counters)(const void *context);
    /* Sends a command on its way to the device. STATUS_OK: it went out, an answer may follow by `answer`;
     * STATUS_NOT_FOUND: that thing is not this feed's; STATUS_UNSUPPORTED: the action has no way to the
     * device; STATUS_DISCONNECTED, STATUS_CAPACITY. NULL: a feed that only listens. */
    Status (*command)(void *context, TimeNs now, const FieldCommand *command);
    /* The next answer of a device, STATUS_EMPTY when there is none. NULL: this way knows no answers, and a
     * reported value is all that tells. */
    Status (*answer)(void *context, FieldAnswer *out_answer);
    int (*wake_fd)(const void *context); /* readable when poll has something; -1 none. NULL: none */
    void (*destroy)(void *context);
} FeedOps;

typedef struct Feed {
    const FeedOps *ops;
    void *context; /* owned */
} Feed;

#endif
