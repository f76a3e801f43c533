/* frame_stats.h - how long frames take: percentiles over the last few thousand. Pure. */
#ifndef CLIENT_FRAME_STATS_H
#define CLIENT_FRAME_STATS_H
#include "shared/base/time.h"

#define FRAME_STATS_WINDOW 4096u

typedef struct FrameStats {
    uint64_t count;                   /* frames ever */
    float cpu_ms[FRAME_STATS_WINDOW]; /* ring */
    double frame_seconds;             /* smoothed time between frames; 0 before the second */
    TimeNs last;
    double p50, p99; /* of cpu_ms, renewed now and then */
} FrameStats;

void frame_stats_init(FrameStats *stats);

/* A frame that began at `now` and took `cpu` of processor time. */
void frame_stats_add(FrameStats *stats, TimeNs now, TimeNs cpu);

/* Renews p50 and p99 (sorts the window: not for every frame). */
void frame_stats_renew(FrameStats *stats);

#endif
