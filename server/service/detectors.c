#include "server/service/detectors.h"

#include <math.h>

/* later - earlier, for any two times: int64 would overflow on hostile stamps. */
static double time_between(TimeNs earlier, TimeNs later)
{
    return (double)((uint64_t)later - (uint64_t)earlier);
}

/* ---- spacing of samples ---- */

void sample_clock_init(SampleClock *clock, TimeNs period)
{
    *clock = (SampleClock){ .last = TIME_NONE,
                            .period_ns = period > 0 ? (double)period : 0,
                            .declared = period > 0 };
}

void sample_clock_restart(SampleClock *clock)
{
    clock->last = TIME_NONE;
    clock->back = 0;
}

/* A running median by signed steps, wide at first and finer with every step seen. */
static void learn_period(SampleClock *clock, double step_ns)
{
    if (clock->period_ns <= 0) {
        clock->period_ns = step_ns;
    } else {
        double gain = fmax(0.2 / (1 + (double)clock->steps / 50), 0.002);
        clock->period_ns *= step_ns > clock->period_ns ? 1 + gain : 1 - gain;
    }
    if (clock->steps < UINT32_MAX) {
        clock->steps++;
    }
}

SampleStep sample_clock_step(SampleClock *clock, TimeNs time, double *out_step_ns)
{
    *out_step_ns = 0;
    if (clock->last == TIME_NONE || (time <= clock->last && ++clock->back >= SAMPLE_BACK_MAX)) {
        clock->last = time;
        clock->back = 0;
        return SAMPLE_FIRST;
    }
    if (time <= clock->last) {
        return SAMPLE_DROPPED;
    }
    double step = time_between(clock->last, time);
    clock->last = time;
    clock->back = 0;
    *out_step_ns = step;
    bool gap = clock->period_ns > 0 && step > SAMPLE_GAP_PERIODS * clock->period_ns;
    if (!clock->declared) {
        learn_period(clock, step);
    }
    return gap ? SAMPLE_GAP : SAMPLE_NEXT;
}

/* ---- rate of change ---- */

static double median_of_three(const double *values)
{
    double low = fmin(values[0], values[1]), high = fmax(values[0], values[1]);
    return fmax(low, fmin(high, values[2]));
}

double rate_detector_score(RateDetector *detector, SampleStep step, double step_ns, double value,
                           double limit)
{
    if (step == SAMPLE_DROPPED || !isfinite(value)) {
        return 0;
    }
    if (step != SAMPLE_NEXT) {
        *detector = (RateDetector){ .last = value };
        return 0;
    }
    detector->slopes[detector->next] = (value - detector->last) / (step_ns / 1e9);
    detector->last = value;
    detector->next = (uint8_t)((detector->next + 1) % 3);
    detector->count = (uint8_t)(detector->count < 3 ? detector->count + 1 : 3);
    double median = median_of_three(detector->slopes);
    return detector->count >= 3 && isfinite(median) ? fabs(median) / limit : 0;
}

/* ---- threshold ---- */

double threshold_score(const ThresholdLimits *limits, double value)
{
    if (!isfinite(value)) {
        return 0;
    }
    double outside = fmax(value - limits->high, limits->low - value); /* < 0 inside */
    if (outside >= 0) {
        return limits->hysteresis > 0 ? 1 + outside / limits->hysteresis : 1;
    }
    return limits->hysteresis > 0 ? fmax(0, 1 + outside / limits->hysteresis) : 0;
}

/* ---- anomaly ---- */

#define CLIP_DEVIATIONS 4.0 /* a residual moves the location no further than this many deviations would */
#define CLIP_SAMPLES    10  /* and only once the deviation is worth something */
#define FEATURE_WARM_UP 30
#define TAIL_START      2.0   /* deviations from which on the tail is counted */
#define TAIL_SHARE      0.135 /* P(|x| > 2 E|x|) and mean excess of a Laplace law: where the tail starts */
#define TAIL_EXCESS     1.0
#define TAIL_SHARE_MIN  0.01
#define TAIL_PRIOR      20.0 /* weight of that start, in samples, and in exceedances */
#define EXCESS_PRIOR    8.0
#define RARITY_MAX      1e-3 /* most probable thing that can be an alarm, however slow the signal */
#define SEASON_AFTER_NS ((double)(48 * 60) * (double)TIME_MINUTE)

static double weight(uint32_t count, uint32_t memory)
{
    return 1.0 / (double)(count < memory ? count : memory);
}

static double clipped(double value, double limit)
{
    return fmax(-limit, fmin(limit, value));
}

static void spread_add(Spread *spread, double value, uint32_t memory)
{
    if (spread->count < UINT32_MAX) {
        spread->count++;
    }
    if (spread->count == 1) {
        spread->location = value;
        return;
    }
    double gain = weight(spread->count, memory);
    double residual = value - spread->location;
    double limit = spread->count > CLIP_SAMPLES ? CLIP_DEVIATIONS * spread->deviation : fabs(residual);
    spread->location += gain * clipped(residual, limit);
    /* The deviation may take larger residuals than the location, and something always, so that a signal that
     * stood still learns to move again. */
    double largest = 1.5 * limit + 1e-12 * (1 + fabs(spread->location));
    spread->deviation += gain * (fmin(fabs(residual), largest) - spread->deviation);
}

/* The z that is passed with probability `rarity`. */
static double tail_limit(const Tail *tail, double rarity)
{
    return tail->share > rarity ? TAIL_START + tail->excess * log(tail->share / rarity) : TAIL_START;
}

/* What is beyond `limit` counts as often, but not as far: anomalies do not make themselves usual. */
static void tail_add(Tail *tail, double z, double limit)
{
    if (tail->count < ANOMALY_MEMORY) {
        tail->count++;
    }
    double count = (double)tail->count;
    tail->share += ((z > TAIL_START ? 1 : 0) - tail->share) / (TAIL_PRIOR + count);
    tail->share = fmax(tail->share, TAIL_SHARE_MIN);
    if (z > TAIL_START && z <= limit) {
        tail->excess += (z - TAIL_START - tail->excess) / (EXCESS_PRIOR + count * tail->share);
    }
}

/* How far `value` is from usual, 1: as far as `rarity` allows. Learns from it. */
static double feature_score(Feature *feature, double value, double rarity, double floor)
{
    double score = 0;
    if (feature->spread.count >= FEATURE_WARM_UP) {
        double z = fabs(value - feature->spread.location) / fmax(feature->spread.deviation, floor);
        double limit = tail_limit(&feature->tail, rarity);
        tail_add(&feature->tail, z, limit);
        score = z / limit;
    }
    spread_add(&feature->spread, value, ANOMALY_MEMORY);
    return score;
}

void anomaly_detector_init(AnomalyDetector *detector)
{
    const Tail tail = { .share = TAIL_SHARE, .excess = TAIL_EXCESS };
    *detector = (AnomalyDetector){ .step = { .tail = tail },
                                   .drift = { { .tail = tail }, { .tail = tail } },
                                   .first = TIME_NONE };
}

static uint32_t hour_of_day(TimeNs time)
{
    int64_t hours = time / (60 * TIME_MINUTE) - (time % (60 * TIME_MINUTE) < 0 ? 1 : 0);
    return (uint32_t)((hours % ANOMALY_HOURS + ANOMALY_HOURS) % ANOMALY_HOURS);
}

typedef enum Baseline { BASELINE_LEVEL, BASELINE_HOUR } Baseline;

/* What both baselines leave of `value`. Learns from it. */
static void baseline_residuals(AnomalyDetector *detector, TimeNs time, double value, double *out_residuals)
{
    Spread *hour = &detector->hours[hour_of_day(time)];
    double by_level = detector->level.count > 0 ? value - detector->level.location : 0;
    spread_add(&detector->level, value, ANOMALY_MEMORY);
    double by_hour = by_level - hour->location;
    spread_add(hour, by_level, ANOMALY_HOUR_MEMORY);
    out_residuals[BASELINE_LEVEL] = by_level;
    out_residuals[BASELINE_HOUR] = by_hour;
}

/* How unusual the short window is, against the baseline for which it is more so. That of the hours has no
 * say, and learns no spread, before it has seen each hour. */
static double drift_score(AnomalyDetector *detector, TimeNs time, double value, double rarity, double floor)
{
    double residuals[2], scores[2] = { 0, 0 };
    bool seasonal = time > detector->first && time_between(detector->first, time) > SEASON_AFTER_NS;
    baseline_residuals(detector, time, value, residuals);
    for (int i = BASELINE_LEVEL; i <= BASELINE_HOUR; i++) {
        double *evidence = &detector->evidence[i];
        *evidence += (residuals[i] - *evidence) * weight(detector->samples, ANOMALY_SHORT_WINDOW);
        if (rarity > 0 && (i == BASELINE_LEVEL || seasonal)) {
            scores[i] = feature_score(&detector->drift[i], *evidence, rarity, floor);
        }
    }
    return fmax(scores[BASELINE_LEVEL], scores[BASELINE_HOUR]);
}

double anomaly_detector_score(AnomalyDetector *detector, const AnomalyParams *params, SampleStep step,
                              double period_ns, TimeNs time, double value)
{
    if (step == SAMPLE_DROPPED || !isfinite(value) || fabs(value) > 1e100) { /* squares stay finite */
        return 0;
    }
    if (detector->samples < UINT32_MAX) {
        detector->samples++;
    }
    if (detector->first == TIME_NONE || time < detector->first) {
        detector->first = time;
    }
    if (step != SAMPLE_NEXT) {
        detector->recent_count = detector->recent_next = 0; /* what changed in a gap is no step */
    }
    double rarity =
        period_ns > 0 ? fmin(RARITY_MAX, period_ns / params->false_alarm_ns) : 0; /* 0: not known */
    double floor = fmax(params->floor, 1e-9 * (1 + fabs(value)));
    double score = drift_score(detector, time, value, rarity, floor);
    if (rarity > 0 && detector->recent_count == 3) {
        double step_size = value - median_of_three(detector->recent);
        score = fmax(score, feature_score(&detector->step, step_size, rarity, floor));
    }
    detector->recent[detector->recent_next] = value;
    detector->recent_next = (uint8_t)((detector->recent_next + 1) % 3);
    detector->recent_count = (uint8_t)(detector->recent_count < 3 ? detector->recent_count + 1 : 3);
    return detector->samples < ANOMALY_WARM_UP ? 0 : score;
}

/* ---- the latch ---- */

LatchChange latch_update(Latch *latch, const LatchRule *rule, TimeNs time, double score)
{
    bool towards = latch->active ? score < rule->clear_below : score >= 1;
    if (!towards) {
        latch->pending = false;
        return LATCH_SAME;
    }
    if (!latch->pending || time < latch->since) {
        latch->pending = true;
        latch->since = time;
    }
    if (time_between(latch->since, time) < (latch->active ? rule->clear_ns : rule->raise_ns)) {
        return LATCH_SAME;
    }
    latch->active = !latch->active;
    latch->pending = false;
    return latch->active ? LATCH_RAISED : LATCH_CLEARED;
}
