/* steps.h - how regularly the samples of one property follow each other: gaps and jitter against the declared
 * period or, where there is none, against the running median step. Pure; constant memory and time. */
#ifndef SHARED_TRACE_STEPS_H
#define SHARED_TRACE_STEPS_H
#include "shared/trace/trace.h"

#define STEPS_WINDOW 31 /* the median is taken over so many steps */
#define STEPS_WARMUP 8  /* fewer steps give no median yet */

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

/* Enters a sample at `time` into `series` and into the sums of `counters` (gaps, largest_gap, jittered).
 * `window` is where the period is learned; NULL: it is declared, or nobody learns it. */
void series_add(TraceSeries *series, StepWindow *window, TimeNs time, TraceCounters *counters);

/* The stream begins again: the next sample follows none. Sums are kept. */
void series_restart(TraceSeries *series);

/* `later` − `earlier` for later ≥ earlier, at most INT64_MAX. */
TimeNs step_between(TimeNs earlier, TimeNs later);

#endif
