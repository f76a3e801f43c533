#include "server/service/service.h"
#include "tests/unit/server/enabler_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WALL (TimeNs)(INT64_C(1700000000) * TIME_SECOND)

typedef struct Rig {
    EnablerDouble enabler;
    Bus endpoint; /* the service owns it */
    Service *service;
    Arena arena;
    TextTable texts;
    MonitorRules rules;
    TimeNs now;
    int64_t temperature;
} Rig;

static void rig_begin(Rig *rig, const char *rules)
{
    *rig = (Rig){ .enabler = { .grant_until = WALL + 3600 * TIME_SECOND }, .temperature = 200 };
    arena_init(&rig->arena, 0);
    assert_int_equal(text_table_init(&rig->texts, 64, &rig->arena), STATUS_OK);
    monitor_rules_default(&rig->rules);
    if (rules) {
        Config config;
        assert_int_equal(config_parse(bytes_of(rules, strlen(rules)), "t", &rig->arena, &config, NULL),
                         STATUS_OK);
        assert_int_equal(monitor_rules_read(&config, "service", NULL, &rig->arena, &rig->rules, NULL),
                         STATUS_OK);
    }
    assert_int_equal(bus_local_create(&(BusLocalConfig){ 0 }, &rig->enabler.hub), STATUS_OK);
    assert_int_equal(bus_local_attach(rig->enabler.hub, SYSTEM_SERVICE, SERVICE_NAME, &rig->endpoint),
                     STATUS_OK);
    assert_int_equal(
        service_create(&(ServiceConfig){ .rules = &rig->rules, .alarms_per_s = 1, .alarm_burst = 1 },
                       rig->endpoint, &rig->texts, &rig->service),
        STATUS_OK);
}

static void rig_finish(Rig *rig)
{
    service_destroy(rig->service);
    bus_destroy(rig->enabler.hub);
    arena_finish(&rig->arena);
}

/* So many seconds of ticks, one sample of each property in each. */
static void run(Rig *rig, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        rig->now += TIME_SECOND;
        double_poll(&rig->enabler, rig->now);
        double_sync(&rig->enabler, WALL + rig->now, rig->temperature, false);
        service_tick(rig->service, rig->now, WALL + rig->now);
    }
}

static void registers_discovers_and_watches(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig, NULL);
    run(&rig, 20);
    ServiceCounters counters = service_counters(rig.service);
    assert_true(counters.registered);
    assert_int_equal(counters.systems, 1);
    assert_int_equal(counters.properties, 2);
    assert_true(counters.samples >= 20);
    assert_int_equal(rig.enabler.described, 1);
    assert_int_equal(rig.enabler.subscribed, 1);
    assert_string_equal(rig.enabler.last_name, SERVICE_NAME);
    rig_finish(&rig);
}

static void an_alarm_reaches_the_enabler_and_ends(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig, "[service]\nanomaly = no\nthreshold = hot pump-* temperature - 80 2 3 critical\n");
    run(&rig, 10);
    assert_int_equal(rig.enabler.alarms, 0);
    rig.temperature = 850;
    run(&rig, 10);
    assert_int_equal(rig.enabler.alarms, 1);
    json_t *alarm = json_loads(rig.enabler.last_alarm, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(alarm, "system")), "plant");
    assert_string_equal(json_string_value(json_object_get(alarm, "thing")), "pump-1");
    assert_string_equal(json_string_value(json_object_get(alarm, "name")), "hot");
    assert_string_equal(json_string_value(json_object_get(alarm, "severity")), "critical");
    assert_true(json_is_true(json_object_get(alarm, "active")));
    json_decref(alarm);
    rig.temperature = 200;
    run(&rig, 10);
    assert_int_equal(rig.enabler.alarms, 2);
    assert_non_null(strstr(rig.enabler.last_alarm, "\"active\":false"));
    assert_int_equal(service_counters(rig.service).cleared, 1);
    rig_finish(&rig);
}

static void an_anomaly_is_found_without_configuration(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig, NULL);
    for (int i = 0; i < 600; i++) {
        rig.temperature = 200 + i * 7 % 13;
        run(&rig, 1);
    }
    assert_int_equal(rig.enabler.alarms, 0);
    rig.temperature = 600;
    run(&rig, 3);
    assert_int_equal(rig.enabler.alarms, 1);
    assert_non_null(strstr(rig.enabler.last_alarm, "\"anomaly\""));
    rig_finish(&rig);
}

static void comes_back_with_its_alarms_when_the_enabler_does(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig, "[service]\nanomaly = no\nthreshold = hot pump-* temperature - 80 2 3\n");
    rig.temperature = 850;
    run(&rig, 10);
    assert_int_equal(rig.enabler.alarms, 1);
    bus_local_cut(rig.endpoint, true);
    run(&rig, 5);
    assert_false(service_counters(rig.service).registered);
    bus_local_cut(rig.endpoint, false);
    run(&rig, 15);
    assert_int_equal(rig.enabler.registered, 2);
    assert_int_equal(rig.enabler.alarms, 2); /* told again */
    assert_int_equal(service_counters(rig.service).systems, 1);
    run(&rig, 30);
    assert_int_equal(rig.enabler.alarms, 2);
    rig_finish(&rig);
}

static void system_state(Rig *rig, const char *text)
{
    BodyWriter writer = body_begin(SII_SYSTEM_STATE);
    body_text(&writer, "system", "plant");
    body_text(&writer, "state", text);
    body_text(&writer, "reason", "test");
    assert_int_equal(body_send(&writer, rig->enabler.hub, SERVICE_NAME, "plant", 0), STATUS_OK);
}

static void other_things_are_watched_anew_and_old_alarms_end(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig, "[service]\nanomaly = no\nthreshold = hot pump-1 temperature - 80 2 3\n");
    rig.temperature = 850;
    run(&rig, 10);
    assert_int_equal(rig.enabler.alarms, 1);
    system_state(&rig, "down");
    rig.enabler.subscriber[0] = '\0';
    run(&rig, 3);
    rig.enabler.other_things = true;
    rig.temperature = 200;
    system_state(&rig, "up");
    run(&rig, 8);
    assert_int_equal(rig.enabler.described, 2);
    assert_int_equal(rig.enabler.alarms, 2);
    assert_non_null(strstr(rig.enabler.last_alarm, "\"active\":false"));
    assert_int_equal(service_counters(rig.service).systems, 1);
    rig_finish(&rig);
}

static void refusals_are_borne_with_patience(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig, NULL);
    rig.enabler.refuse_access = true;
    run(&rig, 300);
    assert_in_range(rig.enabler.accesses, 5, 25);
    rig.enabler.refuse_access = false;
    run(&rig, 60);
    assert_int_equal(service_counters(rig.service).systems, 1);
    rig_finish(&rig);
}

static void a_grant_is_renewed_before_it_ends(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig, NULL);
    rig.enabler.grant_until = WALL + 120 * TIME_SECOND;
    run(&rig, 30);
    assert_int_equal(rig.enabler.accesses, 1);
    rig.enabler.grant_until = WALL + 3600 * TIME_SECOND;
    run(&rig, 60);
    assert_int_equal(rig.enabler.accesses, 2);
    assert_int_equal(rig.enabler.subscribed, 2);
    BodyWriter writer = body_begin(SII_REVOKED);
    body_text(&writer, "grant", DOUBLE_GRANT);
    body_text(&writer, "reason", "test");
    assert_int_equal(body_send(&writer, rig.enabler.hub, SERVICE_NAME, "plant", 0), STATUS_OK);
    run(&rig, 10);
    assert_int_equal(rig.enabler.accesses, 3);
    rig_finish(&rig);
}

static void many_alarms_are_told_slowly(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig,
              "[service]\nanomaly = no\nthreshold = hot * temperature - 80 2 0\n"
              "threshold = hotter * temperature - 81 2 0\nthreshold = hottest * temperature - 82 2 0\n");
    run(&rig, 10);
    rig.temperature = 900;
    run(&rig, 1);
    double_poll(&rig.enabler, rig.now);
    assert_int_equal(rig.enabler.alarms, 1); /* a burst of one */
    assert_int_equal(service_counters(rig.service).held, 1);
    run(&rig, 5);
    assert_int_equal(rig.enabler.alarms, 3); /* nothing is lost */
    rig_finish(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_discovers_and_watches),
        cmocka_unit_test(an_alarm_reaches_the_enabler_and_ends),
        cmocka_unit_test(an_anomaly_is_found_without_configuration),
        cmocka_unit_test(comes_back_with_its_alarms_when_the_enabler_does),
        cmocka_unit_test(other_things_are_watched_anew_and_old_alarms_end),
        cmocka_unit_test(refusals_are_borne_with_patience),
        cmocka_unit_test(a_grant_is_renewed_before_it_ends),
        cmocka_unit_test(many_alarms_are_told_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
