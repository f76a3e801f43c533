/* The simulated plant as its field shows it: normal work, commands, protections, faults, link and time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "tests/unit/server/plant_rig.h"

#define HOUR 3600.0

static PlantRig rig;

static int end_rig(void **state)
{
    (void)state;
    plant_rig_finish(&rig);
    return 0;
}

/* ---- normal work ---- */

/* The recorded trace's means, and how far a whole day's mean may lie from them: same orders of magnitude. */
static const struct {
    const char *thing, *property;
    double recorded, within;
} recorded_means[] = {
    { "pump-1", "speed", 1161, 0.25 },
    { "pump-1", "power", 14, 0.6 },
    { "pump-1", "vibration", 1.2, 0.5 },
    { "pump-1", "bearingTemperature", 46.5, 0.2 },
    { "tank-hot", "level", 66, 0.2 },
    { "tank-hot", "temperatureTop", 81.8, 0.1 },
    { "tank-hot", "temperatureBottom", 62, 0.25 },
    { "tank-cold", "level", 43, 0.3 },
    { "tank-cold", "temperatureBottom", 45.6, 0.15 },
    { "valve-1", "position", 69.8, 0.15 },
    { "heat-exchanger", "primaryInlet", 107.9, 0.1 },
    { "heat-exchanger", "primaryOutlet", 59.4, 0.2 },
    { "heat-exchanger", "secondaryInlet", 47.9, 0.05 },
    { "heat-exchanger", "secondaryOutlet", 79.9, 0.05 },
    { "heat-exchanger", "pressureDrop", 73.7, 0.6 },
    { "heat-exchanger", "duty", 7271, 0.35 },
    { "transformer", "oilTemperature", 61.8, 0.15 },
    { "transformer", "windingTemperature", 69.1, 0.15 },
    { "transformer", "load", 62.8, 0.2 },
    { "heat-meter", "heat", 6225, 0.3 },
    { "heat-meter", "flow", 173, 0.3 },
    { "heat-meter", "supplyTemperature", 79.3, 0.05 },
    { "heat-meter", "returnTemperature", 48.2, 0.05 },
    { "weather", "windSpeed", 3.6, 0.5 },
};

static void a_day_looks_like_the_recorded_trace(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 3, .speed = 200 });
    rig_run(&rig, 24 * HOUR / 200);
    assert_int_equal(rig.bad, 0);
    for (size_t i = 0; i < sizeof recorded_means / sizeof recorded_means[0]; i++) {
        double mean = rig_mean(&rig, recorded_means[i].thing, recorded_means[i].property);
        double off = fabs(mean / recorded_means[i].recorded - 1);
        if (off > recorded_means[i].within) {
            fail_msg("%s.%s: %.2f in a day, %.2f recorded", recorded_means[i].thing,
                     recorded_means[i].property, mean, recorded_means[i].recorded);
        }
    }
}

/* Whatever the season: nothing leaves its range (rig_take looks), and nothing is alarmed or tripped. */
static void winter_and_summer_are_quiet(void **state)
{
    (void)state;
    const TimeNs days[] = { 15, 196 }; /* the coldest and the warmest */
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        PhysicalConfig config = { .seed = 100 + i,
                                  .speed = 1000,
                                  .start = (INT64_C(1767225600) + days[i] * 86400) * TIME_SECOND };
        plant_rig_init(&rig, config);
        rig_run(&rig, 24 * HOUR / 1000);
        assert_int_equal(rig.bad, 0);
        for (uint32_t thing = 0; thing < rig.world.thing_count; thing++) {
            int alarm = thing_property_index(rig.world.things[thing].model, "alarm");
            if (alarm >= 0 && rig.last[thing][alarm].source_time != config.start) {
                fail_msg("season %zu: %s is alarmed", i, rig.world.things[thing].id);
            }
        }
        assert_string_equal(rig_text(&rig, "pump-1", "state"), "RUNNING");
        assert_string_equal(rig_text(&rig, "pump-2", "state"), "RUNNING");
        plant_rig_finish(&rig);
    }
    plant_rig_world(&rig);
}

static void sensors_keep_their_periods(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    rig_run(&rig, 600);
    for (uint32_t thing = 0; thing < rig.world.thing_count; thing++) {
        const ThingModel *model = rig.world.things[thing].model;
        for (uint32_t i = 0; i < model->property_count; i++) {
            TimeNs period = model->properties[i].period;
            assert_true(rig.last[thing][i].quality == QUALITY_GOOD); /* everything has told something */
            if (period > 0) {
                TimeNs expected = 600 * TIME_SECOND / period;
                assert_in_range(rig.count[thing][i], (uint64_t)expected - 1, (uint64_t)expected + 1);
            }
        }
    }
}

static void two_of_one_seed_are_equal(void **state)
{
    (void)state;
    uint64_t digests[3];
    for (size_t i = 0; i < 3; i++) {
        plant_rig_init(&rig, (PhysicalConfig){ .seed = i == 2 ? 8 : 7, .speed = 10 });
        rig_run(&rig, 10);
        rig_set(&rig, "valve-1", "setPosition", 40);
        rig_run(&rig, 20);
        digests[i] = rig.digest;
        assert_true(rig.samples > 3000);
        plant_rig_finish(&rig);
    }
    plant_rig_world(&rig);
    assert_true(digests[0] == digests[1]);
    assert_true(digests[0] != digests[2]);
}

/* However rarely it is polled, and into however small a buffer, the samples are the same. */
static void polling_does_not_change_the_plant(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 5, .speed = 20 });
    rig_run(&rig, 30);
    uint64_t often = rig.digest, samples = rig.samples;
    TimeNs end = rig.now;
    plant_rig_finish(&rig);
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 5, .speed = 20, .link_patience = TIME_FOREVER });
    rig.silent = true;
    rig_poll(&rig);
    rig.now = end;
    size_t count;
    TimeNs clock = TIME_NONE; /* all that was measured up to then has been polled */
    do {
        FieldSample sample[3];
        assert_int_equal(rig.field.ops->poll(rig.field.context, rig.now, sample, 3, &count), STATUS_OK);
        for (size_t i = 0; i < count; i++) {
            assert_true(sample[i].source_time <= RIG_START + 600 * TIME_SECOND);
            assert_true(sample[i].source_time > clock);
            rig_take(&rig, &sample[i]);
        }
        clock = rig.field.ops->clock(rig.field.context);
        assert_true(count < 3 || clock >= sample[2].source_time - 1);
    } while (count == 3);
    assert_true(rig.field.ops->clock(rig.field.context) == RIG_START + 600 * TIME_SECOND);
    assert_int_equal(rig.samples, samples);
    assert_true(rig.digest == often);
}

static void says_when_something_is_due(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 5, .speed = 3 });
    FieldSample samples[64];
    size_t count;
    rig_poll(&rig);
    for (size_t i = 0; i < 200; i++) {
        TimeNs due = rig.field.ops->next_due(rig.field.context);
        assert_true(due > rig.now && due < rig.now + TIME_SECOND);
        rig.now = due;
        assert_int_equal(rig.field.ops->poll(rig.field.context, rig.now, samples, 64, &count), STATUS_OK);
        assert_true(count > 0);
    }
}

/* ---- commands ---- */

static void a_pump_ramps_to_its_wish(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    rig_run(&rig, 5);
    double before = rig_number(&rig, "pump-1", "speed");
    const Value wish = { .type = VALUE_NUMBER, .number = 1400 };
    assert_true(rig_act(&rig, "pump-1", "setSpeed", &wish).accepted);
    rig_run(&rig, 3);
    double after = rig_number(&rig, "pump-1", "speed");
    assert_true(after > before + 40 && after < before + 80); /* 25 a second, sampled once a second */
    assert_false(rig_confirmed(&rig, "pump-1", "setSpeed", &wish));
    rig_run(&rig, 30);
    assert_true(rig_confirmed(&rig, "pump-1", "setSpeed", &wish));
    rig_run(&rig, 300); /* by hand: the controller leaves it there */
    assert_true(rig_confirmed(&rig, "pump-1", "setSpeed", &wish));
    double both = rig_number(&rig, "heat-meter", "flow");
    assert_true(rig_set(&rig, "pump-1", "setSpeed", 0).accepted);
    assert_true(rig_set(&rig, "pump-2", "setSpeed", 0).accepted);
    rig_run(&rig, 90);
    assert_string_equal(rig_text(&rig, "pump-1", "state"), "STOPPED");
    assert_true(rig_number(&rig, "pump-1", "power") == 0);
    assert_true(both > 50 && rig_number(&rig, "heat-meter", "flow") < 1);
}

static void a_valve_takes_20_s(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    rig_run(&rig, 2);
    assert_true(rig_set(&rig, "valve-3", "setPosition", 0).accepted);
    rig_run(&rig, 25);
    assert_true(rig_number(&rig, "valve-3", "position") == 0);
    const Value open = { .type = VALUE_NUMBER, .number = 100 };
    assert_true(rig_act(&rig, "valve-3", "setPosition", &open).accepted);
    rig_run(&rig, 1.2);
    assert_true(rig_number(&rig, "valve-3", "setpoint") == 100);
    rig_run(&rig, 9);
    double half = rig_number(&rig, "valve-3", "position");
    assert_true(half > 43 && half < 52);
    assert_true(rig_number(&rig, "valve-3", "actuatorSpeed") == 28);
    rig_run(&rig, 8.5);
    assert_false(rig_confirmed(&rig, "valve-3", "setPosition", &open));
    rig_run(&rig, 3);
    assert_true(rig_confirmed(&rig, "valve-3", "setPosition", &open));
    assert_true(rig_number(&rig, "valve-3", "actuatorSpeed") == 0);
}

static void says_why_not(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    rig_run(&rig, 2);
    assert_string_equal(rig_set(&rig, "pump-1", "setSpeed", 1501).reason,
                        "\"setSpeed\" takes 0 to 1500 1/min");
    assert_false(rig_set(&rig, "pump-1", "setSpeed", NAN).accepted);
    assert_string_equal(rig_act(&rig, "pump-1", "setSpeed", NULL).reason,
                        "\"setSpeed\" needs another kind of value");
    assert_string_equal(rig_set(&rig, "pump-1", "start", 1).reason, "\"start\" takes no value");
    assert_string_equal(rig_act(&rig, "pump-1", "acknowledge", NULL).reason,
                        "there is no alarm to acknowledge");
    FieldCommand order = rig_order(&rig, "pump-1", "start", NULL);
    FieldAnswer answer;
    order.thing = 1000;
    rig.field.ops->command(rig.field.context, rig.now, &order, &answer);
    assert_string_equal(answer.reason, "the plant has no such thing");
}

static void commands_of_things_without_actions(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    FieldCommand order = rig_order(&rig, "pump-1", "start", NULL);
    FieldAnswer answer;
    order.thing = rig_thing(&rig, "weather"); /* has no actions at all */
    rig.field.ops->command(rig.field.context, rig.now, &order, &answer);
    assert_string_equal(answer.reason, "the thing has no such action");
    order = rig_order(&rig, "pump-1", "start", NULL);
    order.command[0] = '\0';
    rig.field.ops->command(rig.field.context, rig.now, &order, &answer);
    assert_false(answer.accepted);
}

static void a_command_twice_acts_once(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    rig_run(&rig, 2);
    FieldCommand order =
        rig_order(&rig, "valve-3", "setPosition", &(Value){ .type = VALUE_NUMBER, .number = 10 });
    FieldAnswer first, second;
    rig.field.ops->command(rig.field.context, rig.now, &order, &first);
    rig_run(&rig, 30);
    assert_true(rig_number(&rig, "valve-3", "position") == 10);
    assert_true(rig_set(&rig, "valve-3", "setPosition", 50).accepted);
    rig_run(&rig, 30);
    rig.field.ops->command(rig.field.context, rig.now, &order, &second); /* late, from whoever repeats */
    assert_true(second.accepted);
    assert_string_equal(second.command, first.command);
    rig_run(&rig, 30);
    assert_true(rig_number(&rig, "valve-3", "position") == 50);
    order = rig_order(&rig, "pump-1", "setSpeed", &(Value){ .type = VALUE_NUMBER, .number = 9000 });
    rig.field.ops->command(rig.field.context, rig.now, &order, &first);
    order.value.number = 900;
    rig.field.ops->command(rig.field.context, rig.now, &order, &second); /* the same id is the same command */
    assert_false(second.accepted);
    assert_string_equal(second.reason, first.reason);
}

/* ---- emergency stop, protections ---- */

static void an_emergency_stop_latches(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    rig_run(&rig, 2);
    assert_true(rig_act(&rig, "pump-1", "emergencyStop", NULL).accepted);
    rig_run(&rig, 0.2);
    assert_true(rig_confirmed(&rig, "pump-1", "emergencyStop", NULL));
    rig_run(&rig, 20);
    assert_true(rig_number(&rig, "pump-1", "speed") == 0);
    assert_string_equal(rig_text(&rig, "pump-1", "alarm"), "NORMAL"); /* nothing is broken */
    assert_string_equal(rig_set(&rig, "pump-1", "setSpeed", 1000).reason,
                        "the pump has stopped because somebody pressed its emergency stop: start it first");
    assert_string_equal(rig_blocked(&rig, "pump-1", "setSpeed")->text,
                        "The pump has tripped and must be started first.");
    rig_run(&rig, 20);
    assert_true(rig_number(&rig, "pump-1", "speed") == 0);
    assert_null(rig_blocked(&rig, "pump-1", "start"));
    assert_true(rig_act(&rig, "pump-1", "start", NULL).accepted);
    rig_run(&rig, 40);
    assert_true(rig_confirmed(&rig, "pump-1", "start", NULL));
    assert_true(rig_number(&rig, "pump-1", "speed") > 500);
    assert_null(rig_blocked(&rig, "pump-1", "setSpeed"));
}

static void a_valve_stops_where_it_is(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    assert_true(rig_set(&rig, "valve-2", "setPosition", 0).accepted);
    rig_run(&rig, 4);
    assert_true(rig_act(&rig, "valve-2", "emergencyStop", NULL).accepted);
    rig_run(&rig, 5);
    double position = rig_number(&rig, "valve-2", "position");
    assert_true(position > 30 && position < 70);
    assert_true(fabs(rig_number(&rig, "valve-2", "setpoint") - position) < 0.1);
    assert_string_equal(rig_set(&rig, "valve-2", "setPosition", 10).reason,
                        "the valve is in emergency stop: release it first");
    rig_run(&rig, 20);
    assert_true(rig_number(&rig, "valve-2", "position") == position);
    assert_string_equal(rig_text(&rig, "valve-2", "alarm"), "NORMAL");
    assert_true(rig_act(&rig, "valve-2", "release", NULL).accepted);
    assert_true(rig_set(&rig, "valve-2", "setPosition", 10).accepted);
    rig_run(&rig, 20);
    assert_true(rig_number(&rig, "valve-2", "position") == 10);
}

static void a_shut_supply_valve_stops_flow_and_pumps(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    rig_run(&rig, 6);
    assert_true(rig_number(&rig, "heat-meter", "flow") > 100);
    assert_true(rig_set(&rig, "valve-1", "setPosition", 0).accepted);
    rig_run(&rig, 19);
    assert_true(rig_number(&rig, "heat-meter", "flow") < 1.1); /* noise of a flow of 0 */
    assert_true(rig_number(&rig, "pump-1", "speed") > 800);
    rig_run(&rig, 9);
    for (int i = 1; i <= 2; i++) {
        const char *pump = i == 1 ? "pump-1" : "pump-2";
        assert_string_equal(rig_text(&rig, pump, "state"), "TRIPPED");
        assert_string_equal(rig_text(&rig, pump, "alarm"), "ACTIVE");
        assert_string_equal(rig_set(&rig, pump, "setSpeed", 1000).reason,
                            "the pump has stopped because it ran against shut valves: start it first");
    }
    assert_null(rig_blocked(&rig, "pump-1", "acknowledge"));
    assert_true(rig_act(&rig, "pump-1", "acknowledge", NULL).accepted);
    rig_run(&rig, 1);
    assert_true(rig_confirmed(&rig, "pump-1", "acknowledge", NULL));
    assert_string_equal(rig_blocked(&rig, "pump-1", "acknowledge")->text,
                        "There is no alarm that waits for an acknowledgement.");
    assert_string_equal(rig_act(&rig, "pump-1", "acknowledge", NULL).reason,
                        "the alarm is acknowledged already");
    /* opened and started again all is as before */
    assert_true(rig_set(&rig, "valve-1", "setPosition", 70).accepted);
    assert_true(rig_act(&rig, "pump-1", "start", NULL).accepted);
    assert_true(rig_act(&rig, "pump-2", "start", NULL).accepted);
    rig_run(&rig, 120);
    assert_string_equal(rig_text(&rig, "pump-1", "alarm"), "NORMAL");
    assert_true(rig_number(&rig, "heat-meter", "flow") > 60);
}

static void a_pump_in_maintenance_is_locked_out(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    rig_run(&rig, 2);
    rig_break(&rig, "pump-2", "maintenance", 1);
    rig_run(&rig, 20);
    assert_string_equal(rig_text(&rig, "pump-2", "state"), "MAINTENANCE");
    assert_true(rig_number(&rig, "pump-2", "speed") == 0);
    assert_string_equal(rig_set(&rig, "pump-2", "setSpeed", 1000).reason,
                        "the pump is locked out for maintenance");
    assert_false(rig_act(&rig, "pump-2", "start", NULL).accepted);
    assert_string_equal(rig_blocked(&rig, "pump-2", "start")->text,
                        "The pump is locked out for maintenance.");
    rig_run(&rig, 600); /* the other one carries on, alone and faster */
    assert_true(rig_number(&rig, "heat-meter", "flow") > 100);
    rig_break(&rig, "pump-2", "maintenance", 0);
    assert_true(rig_act(&rig, "pump-2", "start", NULL).accepted);
    rig_run(&rig, 60);
    assert_string_equal(rig_text(&rig, "pump-2", "state"), "RUNNING");
}

static void fans_obey_hand_and_thermostat(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1, .speed = 20 });
    rig_run(&rig, 1);
    const Value on = { .type = VALUE_BOOLEAN, .boolean = true }, off = { .type = VALUE_BOOLEAN };
    assert_true(rig_number(&rig, "transformer", "fans") == 0);
    assert_true(rig_act(&rig, "transformer", "setFans", &on).accepted);
    rig_run(&rig, 1);
    assert_true(rig_confirmed(&rig, "transformer", "setFans", &on));
    double warm = rig_number(&rig, "transformer", "oilTemperature");
    rig_run(&rig, 60);
    assert_true(rig_number(&rig, "transformer", "oilTemperature") < warm - 0.8);
    assert_true(rig_act(&rig, "transformer", "setFans", &off).accepted);
    rig_run(&rig, 1);
    assert_true(rig_confirmed(&rig, "transformer", "setFans", &off));
}

/* ---- faults ---- */

static void a_leak_empties_the_tank(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1, .speed = 100 });
    rig_run(&rig, 1);
    double hot = rig_number(&rig, "tank-hot", "level"), cold = rig_number(&rig, "tank-cold", "level");
    rig_break(&rig, "tank-hot", "leak", 1);
    rig_run(&rig, 36);
    double lost = hot + cold - rig_number(&rig, "tank-hot", "level") - rig_number(&rig, "tank-cold", "level");
    assert_true(lost > 10 && lost < 21); /* up to 40 m3 an hour of 195 */
    rig_run(&rig, 400);
    assert_string_equal(rig_text(&rig, "tank-hot", "alarm"), "ACTIVE");
    assert_int_equal(rig.bad, 0);
    rig_run(&rig, 600); /* until nothing is left that could run out */
    assert_int_equal(rig.bad, 0);
}

static void a_stuck_valve_does_not_follow(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    rig_run(&rig, 2);
    double before = rig_number(&rig, "valve-1", "position");
    rig_break(&rig, "valve-1", "stuck-valve", 1);
    assert_true(rig_set(&rig, "valve-1", "setPosition", 20).accepted); /* it does not know */
    rig_run(&rig, 7);
    assert_true(rig_number(&rig, "valve-1", "position") == before);
    assert_true(rig_number(&rig, "valve-1", "setpoint") == 20);
    assert_string_equal(rig_text(&rig, "valve-1", "alarm"), "ACTIVE");
    rig_break(&rig, "valve-1", "stuck-valve", 0);
    rig_run(&rig, 15);
    assert_true(rig_number(&rig, "valve-1", "position") == 20);
    assert_string_equal(rig_text(&rig, "valve-1", "alarm"), "NORMAL");
    rig_break(&rig, "valve-1", "stuck-valve", 0.4); /* slow, but it comes: no alarm */
    assert_true(rig_set(&rig, "valve-1", "setPosition", 70).accepted);
    rig_run(&rig, 11);
    double slow = rig_number(&rig, "valve-1", "position");
    assert_true(slow > 45 && slow < 56);
    assert_string_equal(rig_text(&rig, "valve-1", "alarm"), "NORMAL");
}

static void a_drifting_sensor_leaves_the_truth(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1, .speed = 20 });
    rig_run(&rig, 3);
    double level = rig_number(&rig, "tank-cold", "level");
    rig_break(&rig, "tank-cold", "sensor-drift", 1);
    rig_run(&rig, 30);
    assert_true(rig_number(&rig, "tank-cold", "level") > level + 12);
    rig_run(&rig, 200); /* 2 % a minute: beyond its range it is seen to be broken */
    assert_int_equal(rig.last[rig_thing(&rig, "tank-cold")][0].quality, QUALITY_BAD);
    rig_break(&rig, "tank-cold", "sensor-drift", 0);
    rig_run(&rig, 3);
    assert_true(fabs(rig_number(&rig, "tank-cold", "level") - level) < 25);
}

static void a_worn_bearing_is_felt_and_stops_the_pump(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1, .speed = 10 });
    rig_run(&rig, 1);
    double shake = rig_number(&rig, "pump-2", "vibration"),
           heat = rig_number(&rig, "pump-2", "bearingTemperature");
    assert_true(rig_set(&rig, "pump-2", "setSpeed", 1300).accepted);
    rig_break(&rig, "pump-2", "bearing-wear", 1);
    rig_run(&rig, 48);
    assert_true(rig_number(&rig, "pump-2", "vibration") > shake + 4);
    assert_true(rig_number(&rig, "pump-2", "bearingTemperature") > heat + 15);
    assert_string_equal(rig_text(&rig, "pump-2", "alarm"), "ACTIVE");
    assert_string_equal(rig_text(&rig, "pump-1", "alarm"), "NORMAL");
    rig_run(&rig, 120);
    assert_string_equal(rig_text(&rig, "pump-2", "state"), "TRIPPED");
    assert_string_equal(rig_set(&rig, "pump-2", "setSpeed", 1000).reason,
                        "the pump has stopped because its bearing was too hot: start it first");
    rig_break(&rig, "pump-2", "bearing-wear", 0);
    assert_true(rig_act(&rig, "pump-2", "start", NULL).accepted);
    rig_run(&rig, 60);
    assert_string_equal(rig_text(&rig, "pump-2", "alarm"), "NORMAL");
    assert_string_equal(rig_text(&rig, "pump-2", "state"), "RUNNING");
}

static void a_blocked_exchanger_moves_less_heat_for_more_pressure(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1, .speed = 10 });
    rig_run(&rig, 2);
    double flow = rig_number(&rig, "pump-1", "flow"),
           drop = rig_number(&rig, "heat-exchanger", "pressureDrop");
    double supply = rig_number(&rig, "heat-exchanger", "secondaryOutlet");
    rig_break(&rig, "heat-exchanger", "blocked-exchanger", 0.7);
    rig_run(&rig, 6);
    assert_true(rig_number(&rig, "pump-1", "flow") < flow - 5); /* the tank makes up for it at the meter */
    assert_true(rig_number(&rig, "heat-exchanger", "pressureDrop") > drop * 1.5);
    assert_true(rig_number(&rig, "heat-exchanger", "secondaryOutlet") < supply - 2);
    assert_string_equal(rig_text(&rig, "heat-exchanger", "alarm"), "ACTIVE");
    rig_break(&rig, "heat-exchanger", "blocked-exchanger", 0);
    rig_run(&rig, 60);
    assert_string_equal(rig_text(&rig, "heat-exchanger", "alarm"), "NORMAL");
}

static void refuses_faults_that_cannot_be(void **state)
{
    (void)state;
    Diag diag = { 0 };
    char text[64];
    PhysicalFault fault;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    assert_int_equal(physical_inject(rig.physical, "pump-3", "leak", 1, rig.now), STATUS_NOT_FOUND);
    assert_int_equal(physical_inject(rig.physical, "pump-1", "rust", 1, rig.now), STATUS_NOT_FOUND);
    assert_int_equal(physical_inject(rig.physical, "pump-1", "leak", 1, rig.now), STATUS_UNSUPPORTED);
    assert_int_equal(physical_inject(rig.physical, "tank-hot", "leak", 1.1, rig.now), STATUS_OUT_OF_RANGE);
    assert_int_equal(physical_inject(rig.physical, "tank-hot", "leak", NAN, rig.now), STATUS_OUT_OF_RANGE);
    static const struct {
        const char *text;
        Status status;
        double severity;
    } texts[] = {
        { "valve-1:stuck-valve", STATUS_OK, 1 },      { "valve-1:stuck-valve:0.25", STATUS_OK, 0.25 },
        { "valve-1", STATUS_MALFORMED, 0 },           { ":leak", STATUS_MALFORMED, 0 },
        { "valve-1::1", STATUS_MALFORMED, 0 },        { "valve-1:leak:", STATUS_MALFORMED, 0 },
        { "valve-1:leak:much", STATUS_MALFORMED, 0 }, { "valve-1:leak:nan", STATUS_MALFORMED, 0 }
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        snprintf(text, sizeof text, "%s", texts[i].text);
        assert_int_equal(physical_fault_parse(text, &fault), texts[i].status);
        if (texts[i].status == STATUS_OK) {
            assert_string_equal(fault.thing, "valve-1");
            assert_string_equal(fault.fault, "stuck-valve");
            assert_true(fault.severity == texts[i].severity);
        }
    }
    Physical *other = NULL;
    const PhysicalFault bad = { .thing = "pump-1", .fault = "leak", .severity = 1 };
    const PhysicalConfig config = {
        .world = &rig.world, .start = RIG_START, .faults = &bad, .fault_count = 1
    };
    assert_int_equal(physical_create(&config, &other, &diag), STATUS_UNSUPPORTED);
    assert_null(other);
    assert_string_equal(diag.text, "the fault 'leak' of 'pump-1' at severity 1: that thing cannot have it");
}

static void faults_of_the_configuration_are_there(void **state)
{
    (void)state;
    const PhysicalFault stuck = { .thing = "valve-3", .fault = "stuck-valve", .severity = 1 };
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1, .faults = &stuck, .fault_count = 1 });
    assert_true(rig_set(&rig, "valve-3", "setPosition", 90).accepted);
    rig_run(&rig, 8);
    assert_string_equal(rig_text(&rig, "valve-3", "alarm"), "ACTIVE");
}

/* ---- link ---- */

static void silence_brings_the_safe_state(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1 });
    rig_run(&rig, 2);
    assert_true(rig_set(&rig, "pump-1", "setSpeed", 1200).accepted);
    assert_true(rig_set(&rig, "pump-2", "setSpeed", 1200).accepted);
    rig_run(&rig, 30);
    double held = rig_number(&rig, "valve-1", "position");
    rig.silent = true;
    rig_run(&rig, 9);
    assert_false(physical_link_lost(rig.physical));
    assert_true(rig_number(&rig, "pump-1", "speed") > 1190);
    rig_run(&rig, 40);
    assert_true(physical_link_lost(rig.physical));
    assert_true(fabs(rig_number(&rig, "pump-1", "speed") - 900) < 5);
    assert_true(fabs(rig_number(&rig, "pump-2", "speed") - 900) < 5);
    assert_true(rig_number(&rig, "valve-1", "position") == held);
    assert_true(rig_number(&rig, "valve-3", "position") == 100);
    rig.silent = false;
    rig_run(&rig, 120); /* the link is back, and nothing moves by itself */
    assert_false(physical_link_lost(rig.physical));
    assert_true(fabs(rig_number(&rig, "pump-1", "speed") - 900) < 5);
    assert_true(rig_set(&rig, "pump-1", "setSpeed", 1200).accepted);
    rig_run(&rig, 30);
    assert_true(fabs(rig_number(&rig, "pump-1", "speed") - 1200) < 5);
    assert_true(fabs(rig_number(&rig, "pump-2", "speed") - 900) < 5);
}

/* Silence is noticed by whoever ends it, too, and an emergency stop stays one. */
static void the_safe_state_starts_nothing(void **state)
{
    (void)state;
    plant_rig_init(&rig, (PhysicalConfig){ .seed = 1, .link_patience = 3 * TIME_SECOND });
    rig_run(&rig, 2);
    assert_true(rig_act(&rig, "pump-1", "emergencyStop", NULL).accepted);
    rig_run(&rig, 20);
    rig.now += 4 * TIME_SECOND;
    rig_run(&rig, 60);
    assert_true(rig_number(&rig, "pump-1", "speed") == 0);
    assert_string_equal(rig_text(&rig, "pump-1", "state"), "TRIPPED");
    assert_true(fabs(rig_number(&rig, "pump-2", "speed") - 900) < 5);
}

/* ---- worlds ---- */

static void refuses_another_world(void **state)
{
    (void)state;
    Diag diag = { 0 };
    Physical *physical = NULL;
    plant_rig_world(&rig);
    PhysicalConfig config = { .world = &rig.world, .start = RIG_START };
    rig.world.things[2].id = "tank-3";
    assert_int_equal(physical_create(&config, &physical, &diag), STATUS_UNSUPPORTED);
    assert_string_equal(diag.text, "no simulation for the world 'plant': it has no thing 'tank-hot'");
    rig.world.things[2].id = "tank-hot";
    ThingModel *pump = (ThingModel *)(uintptr_t)rig.world.things[0].model;
    const char *name = pump->properties[1].name;
    pump->properties[1].name = "throughput";
    assert_int_equal(physical_create(&config, &physical, &diag), STATUS_UNSUPPORTED);
    assert_string_equal(diag.text, "no simulation for 'pump-1': its property 'flow' is missing");
    pump->properties[1].name = name;
    Property more[THING_PROPERTIES_MAX], *own = pump->properties;
    memcpy(more, own, pump->property_count * sizeof *own);
    more[pump->property_count] = own[0];
    more[pump->property_count++].name = "torque";
    pump->properties = more;
    assert_int_equal(physical_create(&config, &physical, &diag), STATUS_UNSUPPORTED);
    assert_string_equal(
        diag.text, "no simulation for 'pump-1': it has properties that the simulated plant does not have");
    pump->properties = own;
    pump->property_count--;
    config.speed = 2000;
    assert_int_equal(physical_create(&config, &physical, &diag), STATUS_OUT_OF_RANGE);
    assert_null(physical);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, end_rig)
        TEST(a_day_looks_like_the_recorded_trace),
        TEST(winter_and_summer_are_quiet),
        TEST(sensors_keep_their_periods),
        TEST(two_of_one_seed_are_equal),
        TEST(polling_does_not_change_the_plant),
        TEST(says_when_something_is_due),
        TEST(a_pump_ramps_to_its_wish),
        TEST(a_valve_takes_20_s),
        TEST(says_why_not),
        TEST(commands_of_things_without_actions),
        TEST(a_command_twice_acts_once),
        TEST(an_emergency_stop_latches),
        TEST(a_valve_stops_where_it_is),
        TEST(a_shut_supply_valve_stops_flow_and_pumps),
        TEST(a_pump_in_maintenance_is_locked_out),
        TEST(fans_obey_hand_and_thermostat),
        TEST(a_leak_empties_the_tank),
        TEST(a_stuck_valve_does_not_follow),
        TEST(a_drifting_sensor_leaves_the_truth),
        TEST(a_worn_bearing_is_felt_and_stops_the_pump),
        TEST(a_blocked_exchanger_moves_less_heat_for_more_pressure),
        TEST(refuses_faults_that_cannot_be),
        TEST(faults_of_the_configuration_are_there),
        TEST(silence_brings_the_safe_state),
        TEST(the_safe_state_starts_nothing),
        TEST(refuses_another_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
