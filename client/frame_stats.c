#include "client/frame_stats.h"

#include <stdlib.h>
#include <string.h>

#define SMOOTHING 0.1

void frame_stats_init(FrameStats *stats)
{
    memset(stats, 0, sizeof *stats);
}

void frame_stats_add(FrameStats *stats, TimeNs now, TimeNs cpu)
{
    if (stats->count > 0) {
        double seconds = time_to_seconds(now - stats->last);
        stats->frame_seconds = stats->frame_seconds > 0.0
                                   ? stats->frame_seconds + (seconds - stats->frame_seconds) * SMOOTHING
                                   : seconds;
    }
    stats->last = now;
    stats->cpu_ms[stats->count++ % FRAME_STATS_WINDOW] = (float)(time_to_seconds(cpu) * 1e3);
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void frame_stats_renew(FrameStats *stats)
{
    float sorted[FRAME_STATS_WINDOW];
    size_t count = stats->count < FRAME_STATS_WINDOW ? (size_t)stats->count : FRAME_STATS_WINDOW;
    if (count == 0) {
        return;
    }
    memcpy(sorted, stats->cpu_ms, count * sizeof sorted[0]);
    qsort(sorted, count, sizeof sorted[0], compare_floats);
    stats->p50 = (double)sorted[(count - 1) / 2];
    stats->p99 = (double)sorted[(count - 1) * 99 / 100];
}
