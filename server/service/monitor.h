/* monitor.h - condition monitoring of the things of one twin system: which detectors watch which property,
 * and what alarms they hold. Samples in, changes of alarms out; service.c carries them over SII, and
 * `dtmv-bench anomaly` runs the same over recorded traces. Pure; one owner. */
#ifndef SERVER_SERVICE_MONITOR_H
#define SERVER_SERVICE_MONITOR_H
#include "server/service/detectors.h"
#include "shared/base/config.h"
#include "shared/model/world.h"

#define MONITOR_RULES_MAX 64

typedef enum RuleKind { RULE_ANOMALY, RULE_RATE, RULE_THRESHOLD, RULE_IGNORE } RuleKind;

/* One line of the configuration. `thing` and `property` are names, "*" for all, or end in '*'. */
typedef struct MonitorRule {
    RuleKind kind;
    const char *name; /* of the alarm; "" for RULE_IGNORE */
    const char *thing, *property;
    ThresholdLimits limits; /* RULE_THRESHOLD */
    double per_second;      /* RULE_RATE: units a second, > 0 */
    double hold_s;          /* for so long before the alarm is raised; ≥ 0 */
    bool critical;
} MonitorRule;

typedef struct MonitorRules {
    bool anomaly;            /* watch every number for anomalies */
    double false_alarm_days; /* of a feature of a property: mean time between chance alarms; > 0 */
    MonitorRule rules[MONITOR_RULES_MAX];
    uint32_t rule_count;
} MonitorRules;

/* What holds without configuration: anomalies, of each feature of a property a chance alarm in 30 days. */
void monitor_rules_default(MonitorRules *out_rules);

/* Reads `section` of an INI file over the defaults. Texts live where the configuration does. Keys:
 *   anomaly = yes | no
 *   false_alarm_days = 0.01..3650
 *   threshold = NAME THING PROPERTY LOW HIGH HYSTERESIS SECONDS [critical]     ("-": no such limit)
 *   rate = NAME THING PROPERTY UNITS_PER_SECOND SECONDS [critical]
 *   ignore = THING PROPERTY                                                  (no anomalies there)
 * The last three may be repeated. STATUS_MALFORMED, STATUS_OUT_OF_RANGE, STATUS_CAPACITY (beyond
 * MONITOR_RULES_MAX), STATUS_NOT_FOUND (a key that is none of these and not in `other_keys`, NULL ended, may
 * be NULL), STATUS_OUT_OF_MEMORY, each with `diag`; *out_rules is then unchanged. */
NODISCARD Status monitor_rules_read(Config *config, const char *section, const char *const *other_keys,
                                    Arena *arena, MonitorRules *out_rules, Diag *diag);

typedef struct Monitor Monitor; /* opaque */

/* An alarm that was raised, or cleared (`active` false). Texts are valid until the next call. */
typedef struct MonitorAlarm {
    uint32_t thing;
    uint8_t property;
    const char *thing_id, *property_name;
    const char *name, *text; /* of the rule; for people */
    bool critical, active;
    double score;
    TimeNs source_time;
} MonitorAlarm;

typedef struct MonitorCounters {
    uint64_t samples, dropped; /* scored; old, duplicate, not good, not finite, of no watched property */
    uint64_t raised, cleared;
    uint32_t properties, watches, active; /* watched; detectors with a latch; alarms right now */
} MonitorCounters;

/* Watches `things` by `rules`: every NUMBER or INTEGER property that some rule names, or all of them for
 * anomalies. `rules` with its texts is borrowed while the monitor lives; of `things` all that is needed is
 * copied. About 1 KiB a property. STATUS_OUT_OF_MEMORY. */
NODISCARD Status monitor_create(const MonitorRules *rules, const Thing *things, uint32_t thing_count,
                                Monitor **out_monitor);
void monitor_destroy(Monitor *monitor); /* safe on NULL */

/* Whether `things` are those that are watched: number, order, ids, names and types of properties. If they
 * are, the monitor goes on with all that it has learned. */
bool monitor_fits(const Monitor *monitor, const Thing *things, uint32_t thing_count);

/* Takes a reported value; anything is safe. */
void monitor_sample(Monitor *monitor, uint32_t thing, uint8_t property, uint8_t quality, int64_t code,
                    TimeNs source_time);

/* The source began again: its times start anew, what was learned stays. */
void monitor_restarted(Monitor *monitor);

/* The next change that was not told yet, at most one a watch however often it changed. False: none. The
 * change counts as told. */
bool monitor_next(Monitor *monitor, MonitorAlarm *out_alarm);

/* Takes the last change of monitor_next back: it could not be told and comes again. */
void monitor_put_back(Monitor *monitor);

/* All active alarms are to be told anew: whoever heard of them has forgotten. */
void monitor_tell_again(Monitor *monitor);

/* Ends all alarms: who watches no more does not leave them standing. */
void monitor_clear_all(Monitor *monitor);

/* Changes that monitor_next would look at. */
uint32_t monitor_waiting(const Monitor *monitor);

MonitorCounters monitor_counters(const Monitor *monitor);

#endif
