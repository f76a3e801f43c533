#include "server/service/monitor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define START (TimeNs)(INT64_C(1400000000) * TIME_SECOND)

static Property properties[] = {
    { .name = "temperature",
      .title = "Temperature",
      .unit = "degC",
      .type = PROPERTY_NUMBER,
      .encoding = CHANNEL_STEPS,
      .resolution = 0.1,
      .minimum = -50,
      .maximum = 200,
      .period = TIME_SECOND },
    { .name = "mode", .title = "Mode", .unit = "", .type = PROPERTY_TEXT, .encoding = CHANNEL_TEXT },
    { .name = "flow",
      .title = "Flow",
      .unit = "l/s",
      .type = PROPERTY_NUMBER,
      .encoding = CHANNEL_STEPS,
      .resolution = 0.1,
      .minimum = -INFINITY,
      .maximum = INFINITY },
};
static const ThingModel model = { .properties = properties, .property_count = 3 };
static const Thing things[] = { { "pump-1", "Pump 1", &model }, { "pump-2", "Pump 2", &model } };

static Status read_rules(const char *text, MonitorRules *rules, Arena *arena, Diag *diag)
{
    Config config;
    Status status = config_parse(bytes_of(text, strlen(text)), "test.ini", arena, &config, diag);
    return status ? status : monitor_rules_read(&config, "service", NULL, arena, rules, diag);
}

static void refused(const char *text, Status expected, unsigned line)
{
    Arena arena;
    Diag diag = { 0 };
    MonitorRules rules;
    monitor_rules_default(&rules);
    arena_init(&arena, 0);
    assert_int_equal(read_rules(text, &rules, &arena, &diag), expected);
    assert_int_equal(diag.line, line);
    assert_int_equal(rules.rule_count, 0);
    arena_finish(&arena);
}

static void rules_are_read_and_bad_ones_named(void **state)
{
    (void)state;
    Arena arena;
    Diag diag = { 0 };
    MonitorRules rules;
    arena_init(&arena, 0);
    assert_int_equal(read_rules("[service]\nanomaly = no\nfalse_alarm_days = 7\n"
                                "threshold = hot pump-* temperature - 80 2 10 critical\n"
                                "rate = surge * flow 0.5 3\nignore = pump-2 *\n",
                                &rules, &arena, &diag),
                     STATUS_OK);
    assert_false(rules.anomaly);
    assert_int_equal(rules.rule_count, 3);
    assert_true(rules.rules[0].critical && isinf(rules.rules[0].limits.low));
    assert_true(rules.rules[0].limits.high == 80 && rules.rules[0].hold_s == 10);
    assert_true(rules.rules[1].per_second == 0.5);
    arena_finish(&arena);
    refused("[service]\nthreshold = hot * temperature - - 2 10\n", STATUS_MALFORMED, 2);
    refused("[service]\nthreshold = hot * temperature 90 80 2 10\n", STATUS_OUT_OF_RANGE, 2);
    refused("[service]\n\nthreshold = hot * temperature 1 80 -2 10\n", STATUS_OUT_OF_RANGE, 3);
    refused("[service]\nthreshold = hot * temperature 1 x 2 10\n", STATUS_MALFORMED, 2);
    refused("[service]\nrate = fast * flow 0 1\n", STATUS_OUT_OF_RANGE, 2);
    refused("[service]\nrate = fast * flow - 1\n", STATUS_MALFORMED, 2);
    refused("[service]\nrate = fast * flow 1 1 urgent\n", STATUS_MALFORMED, 2);
    refused("[service]\nignore = a\n", STATUS_MALFORMED, 2);
    refused("[service]\nanomalies = no\n", STATUS_NOT_FOUND, 2);
}

static Monitor *monitor_of(const char *text, Arena *arena)
{
    MonitorRules *rules;
    Monitor *monitor;
    arena_init(arena, 0);
    rules = arena_new(arena, MonitorRules);
    assert_int_equal(read_rules(text, rules, arena, NULL), STATUS_OK);
    assert_int_equal(monitor_create(rules, things, 2, &monitor), STATUS_OK);
    return monitor;
}

static void offer(Monitor *monitor, uint32_t thing, uint8_t property, double seconds, double value)
{
    monitor_sample(monitor, thing, property, QUALITY_GOOD, (int64_t)lround(value * 10),
                   START + time_from_seconds(seconds));
}

static void a_threshold_is_raised_told_once_and_cleared(void **state)
{
    (void)state;
    Arena arena;
    MonitorAlarm alarm;
    Monitor *monitor =
        monitor_of("[service]\nanomaly = no\nthreshold = hot pump-1 temperature - 80 2 3 critical\n", &arena);
    assert_int_equal(monitor_counters(monitor).properties, 1);
    for (int i = 0; i < 4; i++) {
        assert_false(monitor_next(monitor, &alarm));
        offer(monitor, 0, 0, i, 81);
        offer(monitor, 1, 0, i, 200); /* no rule names it */
    }
    assert_true(monitor_next(monitor, &alarm));
    assert_true(alarm.active && alarm.critical && alarm.thing == 0 && alarm.property == 0);
    assert_string_equal(alarm.name, "hot");
    assert_non_null(strstr(alarm.text, "Temperature 81 degC: not below 80"));
    assert_int_equal(alarm.source_time, START + 3 * TIME_SECOND);
    assert_false(monitor_next(monitor, &alarm));
    monitor_put_back(monitor); /* nothing could be sent: it comes again */
    assert_true(monitor_next(monitor, &alarm));
    for (int i = 4; i < 20; i++) {
        offer(monitor, 0, 0, i, i % 2 ? 79 : 80.5); /* within the hysteresis */
        assert_false(monitor_next(monitor, &alarm));
    }
    for (int i = 20; i < 24; i++) {
        offer(monitor, 0, 0, i, 77);
    }
    assert_true(monitor_next(monitor, &alarm));
    assert_false(alarm.active);
    assert_int_equal(monitor_counters(monitor).active, 0);
    assert_int_equal(monitor_counters(monitor).raised, 1);
    for (int i = 24; i < 30; i++) {
        offer(monitor, 0, 0, i, 90);
    }
    assert_true(monitor_next(monitor, &alarm));
    monitor_clear_all(monitor); /* nobody watches any more: what was told is taken back */
    assert_true(monitor_next(monitor, &alarm));
    assert_false(alarm.active);
    assert_string_equal(alarm.thing_id, "pump-1");
    assert_string_equal(alarm.property_name, "temperature");
    assert_false(monitor_next(monitor, &alarm));
    monitor_destroy(monitor);
    arena_finish(&arena);
}

static void what_changed_back_unheard_is_not_told(void **state)
{
    (void)state;
    Arena arena;
    MonitorAlarm alarm;
    Monitor *monitor =
        monitor_of("[service]\nanomaly = no\nthreshold = hot * temperature - 80 0 0\n", &arena);
    offer(monitor, 0, 0, 0, 90);
    offer(monitor, 0, 0, 1, 70);
    offer(monitor, 1, 0, 1, 90);
    assert_true(monitor_next(monitor, &alarm));
    assert_int_equal(alarm.thing, 1);
    assert_false(monitor_next(monitor, &alarm));
    monitor_tell_again(monitor); /* the enabler came back: only what is active */
    assert_true(monitor_next(monitor, &alarm));
    assert_int_equal(alarm.thing, 1);
    assert_false(monitor_next(monitor, &alarm));
    monitor_destroy(monitor);
    arena_finish(&arena);
}

static void a_rate_rule_raises_on_a_fall(void **state)
{
    (void)state;
    Arena arena;
    MonitorAlarm alarm;
    Monitor *monitor = monitor_of("[service]\nanomaly = no\nrate = fall * flow 2 2\n", &arena);
    for (int i = 0; i < 30; i++) {
        offer(monitor, 0, 2, i, 100 + i % 2);
    }
    assert_false(monitor_next(monitor, &alarm));
    for (int i = 0; i < 8; i++) {
        offer(monitor, 0, 2, 30 + i, 100 - 5 * i);
    }
    assert_true(monitor_next(monitor, &alarm));
    assert_true(alarm.active);
    assert_non_null(strstr(alarm.text, "changes 5 l/s/s, more than 2"));
    monitor_destroy(monitor);
    arena_finish(&arena);
}

static void defaults_watch_every_number_for_anomalies(void **state)
{
    (void)state;
    Arena arena;
    MonitorAlarm alarm;
    Monitor *monitor = monitor_of("[service]\nignore = pump-2 temperature\n", &arena);
    assert_int_equal(monitor_counters(monitor).properties, 3);
    for (int i = 0; i < 2000; i++) {
        offer(monitor, 0, 0, i, 20 + 0.1 * (i * 7 % 13));
        offer(monitor, 1, 2, i, 5);
    }
    assert_false(monitor_next(monitor, &alarm));
    monitor_sample(monitor, 0, 0, QUALITY_BAD, 2000, START + 2001 * TIME_SECOND);
    monitor_sample(monitor, 7, 0, QUALITY_GOOD, 2000, START + 2001 * TIME_SECOND);
    monitor_sample(monitor, 0, 99, QUALITY_GOOD, 2000, START + 2001 * TIME_SECOND);
    monitor_sample(monitor, 0, 0, QUALITY_GOOD, 2000, TIME_NONE);
    monitor_sample(monitor, 0, 1, QUALITY_GOOD, 2000, START);
    assert_false(monitor_next(monitor, &alarm));
    assert_int_equal(monitor_counters(monitor).dropped, 5);
    offer(monitor, 0, 0, 2001, 60);
    assert_true(monitor_next(monitor, &alarm));
    assert_string_equal(alarm.name, "anomaly");
    assert_true(alarm.active && alarm.score >= 1);
    monitor_destroy(monitor);
    arena_finish(&arena);
}

static void learning_outlives_a_new_publication_of_the_same(void **state)
{
    (void)state;
    Arena arena;
    const Thing again[] = { things[0], things[1] };
    const Thing other[] = { things[0], { "pump-3", "Pump 3", &model } };
    Monitor *monitor = monitor_of("[service]\n", &arena);
    assert_true(monitor_fits(monitor, again, 2));
    assert_false(monitor_fits(monitor, again, 1));
    assert_false(monitor_fits(monitor, other, 2));
    offer(monitor, 0, 0, 100, 20);
    offer(monitor, 0, 0, 50, 20);
    assert_int_equal(monitor_counters(monitor).dropped, 1);
    monitor_restarted(monitor);
    offer(monitor, 0, 0, 50, 20);
    assert_int_equal(monitor_counters(monitor).dropped, 1);
    monitor_destroy(monitor);
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_read_and_bad_ones_named),
        cmocka_unit_test(a_threshold_is_raised_told_once_and_cleared),
        cmocka_unit_test(what_changed_back_unheard_is_not_told),
        cmocka_unit_test(a_rate_rule_raises_on_a_fall),
        cmocka_unit_test(defaults_watch_every_number_for_anomalies),
        cmocka_unit_test(learning_outlives_a_new_publication_of_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
