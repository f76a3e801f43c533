#include "server/service/monitor.h"

#include <math.h>
#include <stdio.h>

#define WORDS_MAX        8
#define HOLD_S_MAX       (30.0 * 86400)
#define FALSE_ALARM_DAYS 30.0

void monitor_rules_default(MonitorRules *out_rules)
{
    *out_rules = (MonitorRules){ .anomaly = true, .false_alarm_days = FALSE_ALARM_DAYS };
}

/* Where complaints about a line go. */
typedef struct Line {
    const Config *config;
    const ConfigEntry *entry;
    Diag *diag;
    const char *words[WORDS_MAX];
    size_t count;
} Line;

static Status complain(const Line *line, Status status, const char *text)
{
    return diag_set(line->diag, status, line->config->path, line->entry->line, "%s: %s", line->entry->key,
                    text);
}

static Status split(Line *line, Arena *arena)
{
    const char *text = line->entry->value;
    while (*(text += strspn(text, " \t"))) {
        size_t length = strcspn(text, " \t");
        if (line->count == WORDS_MAX) {
            return complain(line, STATUS_MALFORMED, "too many words");
        }
        line->words[line->count] = arena_copy_text(arena, text, length);
        if (!line->words[line->count++]) {
            return complain(line, STATUS_OUT_OF_MEMORY, "out of memory");
        }
        text += length;
    }
    return STATUS_OK;
}

/* Word `index` as a number of minimum..maximum; "-" gives `absent` where that is a number. */
static Status read_word(const Line *line, size_t index, double minimum, double maximum, double absent,
                        double *out_value)
{
    double value = absent;
    if (index >= line->count || !line->words[index]) {
        return complain(line, STATUS_MALFORMED, "too few words");
    }
    if (strcmp(line->words[index], "-") != 0 || isnan(absent)) {
        Status status = config_read_real(line->words[index], &value);
        if (status != STATUS_OK) {
            return complain(line, status, "a number is expected");
        }
        if (!(value >= minimum && value <= maximum)) {
            return complain(line, STATUS_OUT_OF_RANGE, "number out of range");
        }
    }
    *out_value = value;
    return STATUS_OK;
}

/* The words of a rule beyond its names: `numbers` of them, then perhaps "critical". */
static Status check_words(const Line *line, size_t numbers, MonitorRule *rule)
{
    bool more = line->count == numbers + 1;
    if (line->count != numbers && !(more && strcmp(line->words[numbers], "critical") == 0)) {
        return complain(line, STATUS_MALFORMED,
                        rule->kind == RULE_THRESHOLD
                            ? "expected NAME THING PROPERTY LOW HIGH HYSTERESIS SECONDS [critical]"
                            : "expected NAME THING PROPERTY UNITS_PER_SECOND SECONDS [critical]");
    }
    rule->critical = more;
    rule->name = line->words[0];
    rule->thing = line->words[1];
    rule->property = line->words[2];
    return strlen(rule->name) < 64 ? STATUS_OK
                                   : complain(line, STATUS_OUT_OF_RANGE, "the name of a rule has 63 bytes");
}

static Status read_threshold(const Line *line, MonitorRule *rule)
{
    Status status = check_words(line, 7, rule);
    if (status || (status = read_word(line, 3, -1e300, 1e300, -INFINITY, &rule->limits.low)) ||
        (status = read_word(line, 4, -1e300, 1e300, INFINITY, &rule->limits.high)) ||
        (status = read_word(line, 5, 0, 1e300, NAN, &rule->limits.hysteresis)) ||
        (status = read_word(line, 6, 0, HOLD_S_MAX, NAN, &rule->hold_s))) {
        return status;
    }
    if (isinf(rule->limits.low) && isinf(rule->limits.high)) {
        return complain(line, STATUS_MALFORMED, "a low or a high limit is needed");
    }
    return rule->limits.low < rule->limits.high
               ? STATUS_OK
               : complain(line, STATUS_OUT_OF_RANGE, "the low limit is not below the high one");
}

static Status read_rate(const Line *line, MonitorRule *rule)
{
    Status status = check_words(line, 5, rule);
    return status ? status
           : (status = read_word(line, 3, 1e-300, 1e300, NAN, &rule->per_second))
               ? status
               : read_word(line, 4, 0, HOLD_S_MAX, NAN, &rule->hold_s);
}

static Status read_ignore(const Line *line, MonitorRule *rule)
{
    if (line->count != 2) {
        return complain(line, STATUS_MALFORMED, "expected THING PROPERTY");
    }
    rule->name = "";
    rule->thing = line->words[0];
    rule->property = line->words[1];
    return STATUS_OK;
}

static Status read_rules(Config *config, const char *section, Arena *arena, MonitorRules *rules, Diag *diag)
{
    static const struct {
        const char *key;
        RuleKind kind;
        Status (*read)(const Line *line, MonitorRule *rule);
    } kinds[] = { { "threshold", RULE_THRESHOLD, read_threshold },
                  { "rate", RULE_RATE, read_rate },
                  { "ignore", RULE_IGNORE, read_ignore } };
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        const ConfigEntry *entry = NULL;
        while ((entry = config_next(config, section, kinds[i].key, entry))) {
            Line line = { .config = config, .entry = entry, .diag = diag };
            if (rules->rule_count == MONITOR_RULES_MAX) {
                return complain(&line, STATUS_CAPACITY, "too many rules");
            }
            MonitorRule rule = { .kind = kinds[i].kind };
            Status status = split(&line, arena);
            if (status == STATUS_OK) {
                status = kinds[i].read(&line, &rule);
            }
            if (status != STATUS_OK) {
                return status;
            }
            rules->rules[rules->rule_count++] = rule;
        }
    }
    return STATUS_OK;
}

Status monitor_rules_read(Config *config, const char *section, const char *const *other_keys, Arena *arena,
                          MonitorRules *out_rules, Diag *diag)
{
    MonitorRules rules;
    monitor_rules_default(&rules);
    Status status = config_bool(config, section, "anomaly", &rules.anomaly, diag);
    if (status == STATUS_OK) {
        status = config_real(config, section, "false_alarm_days", 0.01, 3650, &rules.false_alarm_days, diag);
    }
    if (status == STATUS_OK) {
        status = read_rules(config, section, arena, &rules, diag);
    }
    for (const char *const *key = other_keys; key && *key; key++) {
        (void)config_next(config, section, *key, NULL);
    }
    if (status == STATUS_OK) {
        status = config_check_known(config, section, diag);
    }
    if (status == STATUS_OK) {
        *out_rules = rules;
    }
    return status;
}
