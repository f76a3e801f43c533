/* steps.h - how regularly the samples of one property follow each other: gaps and jitter against the declared
 * period or, where there is none, against the running median step. Pure; constant memory and time. */
#ifndef SHARED_TRACE_STEPS_H
#define SHARED_TRACE_STEPS_H
#include "shared/trace/trace.h"

#define STEPS_WINDOW 31 /* the median is taken over so many steps */
#define STEPS_WARMUP 8  /* fewer steps give no median yet */

/* A series that steps back by more than CLOCK_RESET_STEP and then goes on from there has had its clock set:
 * what came before was stamped wrongly (or the clock was, once, far in the future), and dropping whatever is
 * older would silence it for as long as the step is. Shorter steps (daylight saving, a wrong time zone,
 * backlogs sent again) silence it for a day at most, and one stray stamp resets nothing. */
#define CLOCK_RESET_STEP (24 * 60 * TIME_MINUTE)
#define CLOCK_RESET_COUNT \
    3 /* samples in a row so far back, each later than the one before; the last resets */

/* The last positive steps of a property whose period is not declared. A zeroed one is empty. */
typedef struct StepWindow {
    TimeNs ring[STEPS_WINDOW];   /* in order of arrival */
    TimeNs sorted[STEPS_WINDOW]; /* the same, ascending */
    uint8_t count, next;
} StepWindow;

void step_window_add(StepWindow *window, TimeNs step);

/* The lower median, or 0 while there are fewer than STEPS_WARMUP steps. */
TimeNs step_window_median(const StepWindow *window);

/* `period` as declared, 0 when it is not. */
void series_init(TraceSeries *series, TimeNs period);

/* Enters a sample at `time` into `series` and into the sums of `counters` (gaps, largest_gap, jittered,
 * clock_resets).
 * `window` is where the period is learned; NULL: it is declared, or nobody learns it. */
void series_add(TraceSeries *series, StepWindow *window, TimeNs time, TraceCounters *counters);

/* The stream begins again: the next sample follows none. Sums are kept. */
void series_restart(TraceSeries *series);

/* Whether `time` is more than CLOCK_RESET_STEP before `latest` (which may be TIME_NONE: no). */
bool steps_far_back(TimeNs latest, TimeNs time);

/* `later` − `earlier` for later ≥ earlier, at most INT64_MAX. */
TimeNs step_between(TimeNs earlier, TimeNs later);

#endif
