/* detectors.h - what condition monitoring computes over one property: bounded memory and time a sample.
 * Three detectors, each with a score of which 1 is the limit, and a latch that turns scores into an alarm
 * that does not chatter. All take source times (Unix ns) as they come: gaps, jitter, duplicates and steps
 * back are expected, a value that is not finite is no sample. Pure; one owner. */
#ifndef SERVER_SERVICE_DETECTORS_H
#define SERVER_SERVICE_DETECTORS_H
#include "shared/base/time.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- spacing of samples ---- */

/* Source time of the samples of one property: what follows what, and at which period. */
typedef struct SampleClock {
    TimeNs last;
    double period_ns; /* declared, or learned as the running median of steps; 0: not known yet */
    bool declared;
    uint32_t steps, back; /* back: samples in a row that were not newer than the last */
} SampleClock;

/* `period`: declared, 0 when it is not. */
void sample_clock_init(SampleClock *clock, TimeNs period);

typedef enum SampleStep {
    SAMPLE_FIRST,  /* nothing before it */
    SAMPLE_NEXT,   /* *out_step_ns after the one before */
    SAMPLE_GAP,    /* likewise, but so late that the one before says nothing of it */
    SAMPLE_DROPPED /* a duplicate, or out of order */
} SampleStep;

/* SAMPLE_BACK_MAX samples in a row that are not newer than the last mean that the clock was set back: then
 * SAMPLE_FIRST. */
#define SAMPLE_BACK_MAX    16
#define SAMPLE_GAP_PERIODS 10
SampleStep sample_clock_step(SampleClock *clock, TimeNs time, double *out_step_ns);

/* The source began again: the next sample is SAMPLE_FIRST. What was learned stays. */
void sample_clock_restart(SampleClock *clock);

/* ---- rate of change ---- */

/* The median of the last three slopes against a limit: one wild sample makes a slope up and one down, and
 * neither is the median. */
typedef struct RateDetector {
    double last;
    double slopes[3];    /* units a second */
    uint8_t next, count; /* slot of the next slope; slopes known since the start or a gap, up to 3 */
} RateDetector;

/* |median slope| / `limit` (units a second, > 0); 0 until three slopes are known. */
double rate_detector_score(RateDetector *detector, SampleStep step, double step_ns, double value,
                           double limit);

/* ---- threshold ---- */

typedef struct ThresholdLimits {
    double low, high;  /* -INFINITY, INFINITY: none */
    double hysteresis; /* ≥ 0: how far back inside counts as over, in the property's unit */
} ThresholdLimits;

/* 1 or more outside the limits; between 0 and 1 inside by less than the hysteresis; 0 well inside. Without
 * memory: the latch has it. */
double threshold_score(const ThresholdLimits *limits, double value);

/* ---- anomaly ---- */

/* Location and mean absolute deviation by exponentially weighted averages of clipped residuals (Huber's
 * psi): weight 1/n at first, 1/memory later. */
typedef struct Spread {
    double location, deviation;
    uint32_t count;
} Spread;

/* How often and how far a normalised feature z goes beyond TAIL_START, as an exponential tail beyond it
 * (peaks over threshold): what it tells is the z that is passed with a given probability. */
typedef struct Tail {
    double share, excess;
    uint32_t count;
} Tail;

/* A feature of the signal: how far it is from its usual place in its usual spread, as a fraction of what is
 * passed only with the probability allowed. */
typedef struct Feature {
    Spread spread;
    Tail tail;
} Feature;

#define ANOMALY_HOURS        24
#define ANOMALY_MEMORY       8640 /* samples: 30 days at one in five minutes */
#define ANOMALY_HOUR_MEMORY  300  /* samples of one hour of the day */
#define ANOMALY_WARM_UP      150  /* samples without a score */
#define ANOMALY_SHORT_WINDOW 6    /* samples of the evidence window */

typedef struct AnomalyParams {
    double false_alarm_ns; /* of each feature: mean time between its chance alarms on a well-behaved signal; >
                              0 */
    double floor;          /* a deviation that is no change at all, in the property's unit; ≥ 0 */
} AnomalyParams;

/* Scores a sample by the rarest of three features: its step from the median of the three before it, and the
 * mean residual of a short window against two baselines, the level, and level and hour of the day (UTC). In
 * the spirit of anomaly likelihoods over prediction errors (Ahmad, Lavin, Purdy, Agha 2017) and of peaks over
 * threshold on streams (Siffer, Fouque, Termier, Largouet 2017); the parameters above are constants of the
 * method, fitted to no series. */
typedef struct AnomalyDetector {
    Spread level, hours[ANOMALY_HOURS];
    double recent[3]; /* the last samples since the start or a gap, a ring */
    uint8_t recent_next, recent_count;
    Feature step;
    double evidence[2]; /* mean residual of the short window, against level, and level and hour */
    Feature drift[2];   /* likewise; each learns what its own baseline leaves */
    uint32_t samples;
    TimeNs first;
} AnomalyDetector;

void anomaly_detector_init(AnomalyDetector *detector);

/* The score of a sample: 1 is what a feature of a well-behaved signal passes once in false_alarm_ns. 0 while
 * warming up and while no period is known (`period_ns` 0). */
double anomaly_detector_score(AnomalyDetector *detector, const AnomalyParams *params, SampleStep step,
                              double period_ns, TimeNs time, double value);

/* ---- the latch ---- */

typedef struct LatchRule {
    double raise_ns;    /* the score is to stay at 1 or more for so long; 0: at once */
    double clear_below; /* 0..1: the score under which an alarm may end */
    double clear_ns;    /* and for how long it is to stay there */
} LatchRule;

typedef struct Latch {
    bool active;
    bool pending; /* `since` counts: towards raising when not active, towards clearing when active */
    TimeNs since;
} Latch;

typedef enum LatchChange { LATCH_SAME, LATCH_RAISED, LATCH_CLEARED } LatchChange;

/* Scores in order of time; a time before `since` starts the count again. */
LatchChange latch_update(Latch *latch, const LatchRule *rule, TimeNs time, double score);

#endif
