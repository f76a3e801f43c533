#include "server/service/monitor.h"

#include <math.h>
#include <stdio.h>

#define CLEAR_BELOW   0.5 /* of the limit */
#define CLEAR_PERIODS 12  /* calm for so long ends an alarm */
#define CLEAR_MIN_NS  (2.0 * (double)TIME_SECOND)
#define CRITICAL_AT   2.0   /* an anomaly twice as far as the limit is critical */
#define FLOOR_SHARE   0.001 /* of the declared range: no change */
#define DAY_NS        (86400.0 * (double)TIME_SECOND)
#define NO_WATCH      UINT32_MAX
#define SCORE_MAX     1e6 /* what is told; more says nothing more */

static const MonitorRule anomaly_rule = { .kind = RULE_ANOMALY, .name = "anomaly" };

/* One rule at one property. */
typedef struct Watch {
    uint32_t property; /* index in Monitor.properties */
    const MonitorRule *rule;
    Latch latch;
    RateDetector rate;        /* RULE_RATE */
    AnomalyDetector *anomaly; /* RULE_ANOMALY */
    bool told, queued;        /* what the outside believes; there is a change to tell */
    double score, value;      /* at the last raise or clear */
    TimeNs changed;
} Watch;

typedef struct Watched {
    uint32_t thing;
    uint8_t index;     /* of the property in the thing's model */
    Property property; /* a copy; its texts are in the monitor's arena, names of values are left out */
    const char *thing_id;
    SampleClock clock;
    uint32_t first_watch, watch_count;
} Watched;

struct Monitor {
    Arena arena; /* all that follows, and this */
    const MonitorRules *rules;
    uint32_t thing_count;
    uint64_t layout;
    uint32_t *first; /* of each thing, where its properties start in `index`; one more for the end */
    uint32_t *index; /* property of a thing → index in `properties`, or NO_WATCH */
    Watched *properties;
    Watch *watches;
    AnomalyDetector *anomalies;
    uint32_t anomaly_count;
    uint32_t *queue; /* ring of watches with a change to tell */
    uint32_t queue_head, queue_count;
    uint32_t last_told; /* watch of the last monitor_next */
    MonitorCounters counters;
    char text[256];
};

static bool name_matches(const char *pattern, const char *name)
{
    size_t length = strlen(pattern);
    if (length > 0 && pattern[length - 1] == '*') {
        return strncmp(pattern, name, length - 1) == 0;
    }
    return strcmp(pattern, name) == 0;
}

static bool rule_names(const MonitorRule *rule, const Thing *thing, const Property *property)
{
    return name_matches(rule->thing, thing->id) && name_matches(rule->property, property->name);
}

static bool is_number(const Property *property)
{
    return property->type == PROPERTY_NUMBER || property->type == PROPERTY_INTEGER;
}

static bool watches_anomalies(const MonitorRules *rules, const Thing *thing, const Property *property)
{
    bool wanted = rules->anomaly;
    for (uint32_t i = 0; i < rules->rule_count && wanted; i++) {
        wanted = rules->rules[i].kind != RULE_IGNORE || !rule_names(&rules->rules[i], thing, property);
    }
    return wanted;
}

/* ---- set-up ---- */

/* FNV-1a over what numbers the samples and gives them meaning. */
static void hash_text(uint64_t *hash, const char *text)
{
    do {
        *hash = (*hash ^ (uint8_t)*text) * UINT64_C(0x100000001B3);
    } while (*text++);
}

static uint64_t layout_of(const Thing *things, uint32_t thing_count)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (uint32_t i = 0; i < thing_count; i++) {
        hash_text(&hash, things[i].id);
        for (uint32_t j = 0; j < things[i].model->property_count; j++) {
            const Property *property = &things[i].model->properties[j];
            char line[160];
            snprintf(line, sizeof line, "%s %d %d %a %lld", property->name, (int)property->type,
                     (int)property->encoding, property->resolution, (long long)property->period);
            hash_text(&hash, line);
        }
    }
    return hash;
}

/* Calls `add` for each rule that watches the property, and returns how many there are. */
static uint32_t each_rule(const MonitorRules *rules, const Thing *thing, const Property *property,
                          void (*add)(Monitor *monitor, const MonitorRule *rule), Monitor *monitor)
{
    uint32_t count = 0;
    if (!is_number(property)) {
        return 0;
    }
    if (watches_anomalies(rules, thing, property)) {
        count++;
        add(monitor, &anomaly_rule);
    }
    for (uint32_t i = 0; i < rules->rule_count; i++) {
        if (rules->rules[i].kind != RULE_IGNORE && rule_names(&rules->rules[i], thing, property)) {
            count++;
            add(monitor, &rules->rules[i]);
        }
    }
    return count;
}

static void count_watch(Monitor *monitor, const MonitorRule *rule)
{
    monitor->counters.watches++;
    monitor->anomaly_count += rule->kind == RULE_ANOMALY;
}

/* At the property that is being added, which is not counted yet. */
static void add_watch(Monitor *monitor, const MonitorRule *rule)
{
    Watch *watch = &monitor->watches[monitor->counters.watches];
    *watch = (Watch){ .property = monitor->counters.properties, .rule = rule };
    if (rule->kind == RULE_ANOMALY) {
        watch->anomaly = &monitor->anomalies[monitor->anomaly_count];
        anomaly_detector_init(watch->anomaly);
    }
    count_watch(monitor, rule);
}

static const char *copy(Monitor *monitor, const char *text)
{
    return arena_copy_text(&monitor->arena, text, strlen(text));
}

static Status add_property(Monitor *monitor, const Thing *things, uint32_t thing, uint8_t index)
{
    const Property *property = &things[thing].model->properties[index];
    Watched *watched = &monitor->properties[monitor->counters.properties];
    uint32_t first = monitor->counters.watches;
    uint32_t count = each_rule(monitor->rules, &things[thing], property, add_watch, monitor);
    if (count == 0) {
        return STATUS_OK;
    }
    *watched = (Watched){ .thing = thing,
                          .index = index,
                          .property = *property,
                          .thing_id = copy(monitor, things[thing].id),
                          .first_watch = first,
                          .watch_count = count };
    watched->property.name = copy(monitor, property->name);
    watched->property.title = copy(monitor, property->title);
    watched->property.unit = copy(monitor, property->unit);
    watched->property.enum_names = NULL;
    watched->property.enum_count = 0;
    sample_clock_init(&watched->clock, property->period);
    monitor->index[monitor->first[thing] + index] = monitor->counters.properties++;
    return watched->thing_id && watched->property.name && watched->property.title && watched->property.unit
               ? STATUS_OK
               : STATUS_OUT_OF_MEMORY;
}

/* Counts, then takes memory. */
static Status allocate(Monitor *monitor, const Thing *things)
{
    uint32_t all = 0, watched = 0;
    Arena *arena = &monitor->arena;
    monitor->first = arena_new_array(arena, uint32_t, (size_t)monitor->thing_count + 1);
    if (!monitor->first) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < monitor->thing_count; i++) {
        monitor->first[i] = all;
        all += things[i].model->property_count;
        for (uint32_t j = 0; j < things[i].model->property_count; j++) {
            const Property *property = &things[i].model->properties[j];
            watched += each_rule(monitor->rules, &things[i], property, count_watch, monitor) > 0;
        }
    }
    monitor->first[monitor->thing_count] = all;
    monitor->index = arena_new_array(arena, uint32_t, all);
    monitor->properties = arena_new_array(arena, Watched, watched);
    monitor->watches = arena_new_array(arena, Watch, monitor->counters.watches);
    monitor->anomalies = arena_new_array(arena, AnomalyDetector, monitor->anomaly_count);
    monitor->queue = arena_new_array(arena, uint32_t, monitor->counters.watches);
    if (!monitor->index || !monitor->properties || !monitor->watches || !monitor->anomalies ||
        !monitor->queue) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < all; i++) {
        monitor->index[i] = NO_WATCH;
    }
    monitor->counters.watches = monitor->anomaly_count = 0;
    return STATUS_OK;
}

static Status set_up(Monitor *monitor, const Thing *things)
{
    Status status = allocate(monitor, things);
    for (uint32_t i = 0; i < monitor->thing_count && status == STATUS_OK; i++) {
        for (uint32_t j = 0; j < things[i].model->property_count && status == STATUS_OK; j++) {
            status = add_property(monitor, things, i, (uint8_t)j);
        }
    }
    return status;
}

Status monitor_create(const MonitorRules *rules, const Thing *things, uint32_t thing_count,
                      Monitor **out_monitor)
{
    Arena arena;
    arena_init(&arena, 0);
    Monitor *monitor = arena_new(&arena, Monitor);
    if (!monitor) {
        return STATUS_OUT_OF_MEMORY;
    }
    *monitor = (Monitor){ .arena = arena,
                          .rules = rules,
                          .thing_count = thing_count,
                          .layout = layout_of(things, thing_count),
                          .last_told = NO_WATCH };
    Status status = set_up(monitor, things);
    if (status != STATUS_OK) {
        monitor_destroy(monitor);
        return status;
    }
    *out_monitor = monitor;
    return STATUS_OK;
}

void monitor_destroy(Monitor *monitor)
{
    if (monitor) {
        Arena arena = monitor->arena; /* which lies in itself */
        arena_finish(&arena);
    }
}

bool monitor_fits(const Monitor *monitor, const Thing *things, uint32_t thing_count)
{
    return thing_count == monitor->thing_count && layout_of(things, thing_count) == monitor->layout;
}

/* ---- samples ---- */

static double change_floor(const Property *property)
{
    double range = property->maximum - property->minimum;
    double floor = property->resolution;
    return isfinite(range) ? fmax(floor, FLOOR_SHARE * range) : floor;
}

static double watch_score(const Monitor *monitor, Watch *watch, const Watched *watched, SampleStep step,
                          double step_ns, TimeNs time, double value)
{
    switch (watch->rule->kind) {
    case RULE_RATE:
        return rate_detector_score(&watch->rate, step, step_ns, value, watch->rule->per_second);
    case RULE_THRESHOLD:
        return threshold_score(&watch->rule->limits, value);
    case RULE_ANOMALY: {
        const AnomalyParams params = { .false_alarm_ns = monitor->rules->false_alarm_days * DAY_NS,
                                       .floor = change_floor(&watched->property) };
        return anomaly_detector_score(watch->anomaly, &params, step, watched->clock.period_ns, time, value);
    }
    case RULE_IGNORE:
        break;
    }
    return 0;
}

static void enqueue(Monitor *monitor, uint32_t index)
{
    if (!monitor->watches[index].queued) {
        monitor->watches[index].queued = true;
        monitor->queue[(monitor->queue_head + monitor->queue_count++) % monitor->counters.watches] = index;
    }
}

static void watch_sample(Monitor *monitor, uint32_t index, const Watched *watched, SampleStep step,
                         double step_ns, TimeNs time, double value)
{
    Watch *watch = &monitor->watches[index];
    double score = watch_score(monitor, watch, watched, step, step_ns, time, value);
    /* The hysteresis of a threshold is in its score, which falls to 0 at the far end of it. */
    const LatchRule rule = { .raise_ns = watch->rule->hold_s * (double)TIME_SECOND,
                             .clear_below = watch->rule->kind == RULE_THRESHOLD
                                                ? (watch->rule->limits.hysteresis > 0 ? 1e-9 : 1)
                                                : CLEAR_BELOW,
                             .clear_ns = watch->rule->kind == RULE_THRESHOLD
                                             ? watch->rule->hold_s * (double)TIME_SECOND
                                             : fmax(CLEAR_MIN_NS, CLEAR_PERIODS * watched->clock.period_ns) };
    LatchChange change = latch_update(&watch->latch, &rule, time, score);
    if (change == LATCH_SAME) {
        return;
    }
    watch->score = fmin(score, SCORE_MAX);
    watch->value = value;
    watch->changed = time;
    monitor->counters.raised += change == LATCH_RAISED;
    monitor->counters.cleared += change == LATCH_CLEARED;
    monitor->counters.active += change == LATCH_RAISED ? 1 : UINT32_MAX; /* one up or one down */
    enqueue(monitor, index);
}

void monitor_sample(Monitor *monitor, uint32_t thing, uint8_t property, uint8_t quality, int64_t code,
                    TimeNs source_time)
{
    if (thing >= monitor->thing_count || property >= monitor->first[thing + 1] - monitor->first[thing] ||
        quality != QUALITY_GOOD || source_time == TIME_NONE) {
        monitor->counters.dropped++;
        return;
    }
    uint32_t at = monitor->index[monitor->first[thing] + property];
    if (at == NO_WATCH) {
        monitor->counters.dropped++;
        return;
    }
    Watched *watched = &monitor->properties[at];
    Value value = property_decode(&watched->property, code, NULL);
    double step_ns = 0;
    SampleStep step = value.type == VALUE_NUMBER && isfinite(value.number)
                          ? sample_clock_step(&watched->clock, source_time, &step_ns)
                          : SAMPLE_DROPPED;
    if (step == SAMPLE_DROPPED) {
        monitor->counters.dropped++;
        return;
    }
    monitor->counters.samples++;
    for (uint32_t i = 0; i < watched->watch_count; i++) {
        watch_sample(monitor, watched->first_watch + i, watched, step, step_ns, source_time, value.number);
    }
}

void monitor_restarted(Monitor *monitor)
{
    for (uint32_t i = 0; i < monitor->counters.properties; i++) {
        sample_clock_restart(&monitor->properties[i].clock);
    }
}

/* ---- alarms ---- */

static const char *alarm_text(Monitor *monitor, const Watch *watch, const Property *property)
{
    const char *space = property->unit[0] ? " " : "";
    const MonitorRule *rule = watch->rule;
    char what[96];
    if (!watch->latch.active) {
        snprintf(what, sizeof what, "back to usual");
    } else if (rule->kind == RULE_ANOMALY) {
        snprintf(what, sizeof what, "unusual, %.3g times what chance gives", watch->score);
    } else if (rule->kind == RULE_RATE) {
        snprintf(what, sizeof what, "changes %.3g %s/s, more than %.3g", watch->score * rule->per_second,
                 property->unit, rule->per_second);
    } else if (watch->value >= rule->limits.high) {
        snprintf(what, sizeof what, "not below %.6g", rule->limits.high);
    } else {
        snprintf(what, sizeof what, "not above %.6g", rule->limits.low);
    }
    snprintf(monitor->text, sizeof monitor->text, "%.96s %.6g%s%.16s: %s", property->title, watch->value,
             space, property->unit, what);
    return monitor->text;
}

bool monitor_next(Monitor *monitor, MonitorAlarm *out_alarm)
{
    while (monitor->queue_count > 0) {
        uint32_t index = monitor->queue[monitor->queue_head];
        Watch *watch = &monitor->watches[index];
        monitor->queue_head = (monitor->queue_head + 1) % monitor->counters.watches;
        monitor->queue_count--;
        watch->queued = false;
        if (watch->told == watch->latch.active) {
            continue; /* raised and cleared before anyone was told, or the other way round */
        }
        const Watched *watched = &monitor->properties[watch->property];
        watch->told = watch->latch.active;
        monitor->last_told = index;
        *out_alarm =
            (MonitorAlarm){ .thing = watched->thing,
                            .property = watched->index,
                            .thing_id = watched->thing_id,
                            .property_name = watched->property.name,
                            .name = watch->rule->name,
                            .text = alarm_text(monitor, watch, &watched->property),
                            .critical = watch->rule->critical ||
                                        (watch->rule->kind == RULE_ANOMALY && watch->score >= CRITICAL_AT),
                            .active = watch->latch.active,
                            .score = watch->score,
                            .source_time = watch->changed };
        return true;
    }
    return false;
}

void monitor_put_back(Monitor *monitor)
{
    if (monitor->last_told != NO_WATCH) {
        Watch *watch = &monitor->watches[monitor->last_told];
        watch->told = !watch->told;
        enqueue(monitor, monitor->last_told);
        monitor->last_told = NO_WATCH;
    }
}

void monitor_tell_again(Monitor *monitor)
{
    for (uint32_t i = 0; i < monitor->counters.watches; i++) {
        monitor->watches[i].told = false;
        if (monitor->watches[i].latch.active) {
            enqueue(monitor, i);
        }
    }
}

void monitor_clear_all(Monitor *monitor)
{
    for (uint32_t i = 0; i < monitor->counters.watches; i++) {
        Watch *watch = &monitor->watches[i];
        monitor->counters.cleared += watch->latch.active;
        watch->latch = (Latch){ 0 };
        if (watch->told) {
            enqueue(monitor, i);
        }
    }
    monitor->counters.active = 0;
}

uint32_t monitor_waiting(const Monitor *monitor)
{
    return monitor->queue_count;
}

MonitorCounters monitor_counters(const Monitor *monitor)
{
    return monitor->counters;
}
