/* The physics of the simulated plant against closed formulas and balances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "server/physical/device.h"
#include "tests/unit/server/plant_rig.h"

static Plant plant;

static void steps(double seconds)
{
    for (int i = 0; i < (int)(seconds / PLANT_DT + 0.5); i++) {
        plant_step(&plant);
    }
}

static int set_up(void **state)
{
    (void)state;
    plant_init(&plant, 11, RIG_START);
    steps(1800);
    return 0;
}

static void is_near(double value, double expected, double within)
{
    if (!(fabs(value - expected) <= within)) {
        fail_msg("%.9g is not within %.3g of %.9g", value, within, expected);
    }
}

/* ---- balances ---- */

static void water_and_heat_are_kept(void **state)
{
    (void)state;
    static PlantRig rig;
    const PhysicalFault leak = { .thing = "tank-cold", .fault = "leak", .severity = 0.5 };
    for (size_t faults = 0; faults < 2; faults++) {
        plant_rig_init(&rig,
                       (PhysicalConfig){ .seed = 2, .speed = 100, .faults = &leak, .fault_count = faults });
        PhysicalBalance before = physical_balance(rig.physical);
        rig_run(&rig, 12);
        assert_true(rig_set(&rig, "valve-1", "setPosition", 90).accepted); /* something happens */
        assert_true(rig_set(&rig, "pump-1", "setSpeed", 1400).accepted);
        rig_run(&rig, 24);
        PhysicalBalance after = physical_balance(rig.physical);
        is_near(after.water_m3 - before.water_m3 + after.leaked_m3, 0, 1e-9);
        double gained = after.boiler_kj - after.consumed_kj - after.lost_kj - after.leaked_kj;
        is_near(after.heat_kj - before.heat_kj, gained, 1e-9 * after.heat_kj);
        assert_true(after.boiler_kj > 4000 * 3600 &&
                    after.consumed_kj > 4000 * 3600); /* an hour at 4 MW and more */
        assert_true(after.lost_kj > 0 && after.lost_kj < 0.05 * after.boiler_kj);
        assert_true(faults == 0 ? after.leaked_m3 == 0 && after.leaked_kj == 0 : after.leaked_m3 > 5);
        plant_rig_finish(&rig);
    }
}

/* Over the plates goes what the water takes up, and the consumers get what the meter reckons. */
static void heat_is_flow_times_spread(void **state)
{
    (void)state;
    double over = 0, up = 0, meter = 0, taken = 0;
    for (int i = 0; i < 1800 * 20; i++) {
        plant_step(&plant);
        over += plant.duty;
        up += plant.flow * WATER_HEAT * (plant.exchanger.temperature - plant.secondary_inlet);
        taken += plant.heat;
        meter += plant.meter_flow * WATER_HEAT * (plant.supply.temperature - plant.back.temperature);
        is_near(plant.primary.temperature - plant.primary_outlet, plant.duty / 150, 0.1);
    }
    is_near(up / over, 1, 0.002);
    is_near(meter / taken, 1, 0.02); /* the mains lie between */
}

/* ---- hydraulics ---- */

static void pumps_follow_the_affinity_laws(void **state)
{
    (void)state;
    is_near(pump_head_shut(740), pump_head_shut(1480) / 4, 1e-9);
    for (double head = 5; head < 40; head += 5) {
        is_near(pump_flow(740, head / 4), pump_flow(1480, head) / 2, 1e-12);
    }
    assert_true(pump_flow(1000, 60) == 0); /* nothing comes back through the check valve */
    assert_true(pump_flow(0, 0) == 0);
}

static void the_loop_has_one_head(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        steps(7);
        double lifted =
            pump_flow(plant.pumps[0].speed, plant.head) + pump_flow(plant.pumps[1].speed, plant.head);
        is_near(plant.flow, lifted, 1e-12);
        is_near(plant.pumps[0].flow + plant.pumps[1].flow, plant.flow, 1e-12);
        is_near(plant.meter_flow + plant.charge, plant.flow, 1e-12);
        /* what pumps give equals what exchanger, mains and valves take, in metres */
        double q = plant.flow * 3600, meter = plant.meter_flow * 3600;
        double taken = 0.0018 / 9.565 * q * q + 0.0002 * q * q + 0.0004 * meter * meter;
        for (size_t valve = 0; valve < 2; valve++) {
            double kv = 1000 * valve_share(plant.valves[valve].position);
            taken += 10.45 * q * q / (kv * kv);
        }
        is_near(taken, plant.head, 0.03 * plant.head); /* the district's share is rounded there */
    }
}

static void less_opening_is_less_flow(void **state)
{
    (void)state;
    plant.valves[0].by_hand = true;
    double before = INFINITY;
    for (double position = 100; position >= 0; position -= 10) {
        plant.valves[0].position = plant.valves[0].wish = position;
        hydraulics_step(&plant);
        assert_true(plant.flow < before && plant.flow >= 0);
        before = plant.flow;
    }
    assert_true(plant.flow == 0 && plant.meter_flow == 0);
    assert_true(plant.pumps[0].flow == 0 && plant.pumps[1].flow == 0);
}

static void valves_are_equal_percentage(void **state)
{
    (void)state;
    assert_true(valve_share(0) == 0);
    is_near(valve_share(100), 1, 1e-12);
    assert_true(valve_share(-5) == 0 && valve_share(105) == valve_share(100));
    for (double position = 30; position <= 90;
         position += 10) {      /* each tenth opens by the same factor, 50^0.1 */
        double shut = 1.0 / 50; /* shifted so that shut is shut */
        double factor =
            (valve_share(position + 10) * (1 - shut) + shut) / (valve_share(position) * (1 - shut) + shut);
        is_near(factor, pow(50, 0.1), 1e-9);
    }
}

/* ---- heat ---- */

static void the_exchanger_is_counter_flow(void **state)
{
    (void)state;
    for (double units = 0.1; units < 6; units *= 1.7) {
        is_near(exchanger_effectiveness(0, units), 1 - exp(-units), 1e-12); /* one side boils */
        is_near(exchanger_effectiveness(1, units), units / (1 + units), 1e-12);
        is_near(exchanger_effectiveness(1 - 1e-7, units), exchanger_effectiveness(1, units), 1e-6);
        double half = exchanger_effectiveness(0.5, units);
        assert_true(half > units / (1 + units) && half < 1 - exp(-units));
    }
}

static void the_hot_tank_stays_layered(void **state)
{
    (void)state;
    Tank *hot = &plant.tanks[TANK_HOT];
    for (int hour = 0; hour < 24; hour++) {
        steps(3600);
        assert_true(hot->temperature[0] > hot->temperature[1] - 0.2 &&
                    hot->temperature[1] > hot->temperature[2] - 0.2);
        assert_true(hot->temperature[0] - hot->temperature[2] > 1);
    }
    hot->temperature[0] = 50; /* what is heavy on top sinks */
    hot->temperature[2] = 80;
    steps(3600);
    assert_true(hot->temperature[0] > hot->temperature[2] - 0.5);
}

static void scalding_supply_is_shut_off(void **state)
{
    (void)state;
    static PlantRig rig;
    static Devices devices;
    Diag diag = { 0 };
    plant_rig_world(&rig);
    assert_int_equal(devices_bind(&devices, &rig.world, 1, RIG_START, &diag), STATUS_OK);
    plant.supply.temperature = 99;
    plant.exchanger.temperature = 99;
    plant.boiler_wish = 122;
    plant.pumps[0].wish = plant.pumps[1].wish = 1480;
    for (int i = 0; i < 200 && !plant.hot_shut; i++) {
        plant.supply.temperature = 99; /* held there: the plates would cool it */
        plant_step(&plant);
    }
    assert_true(plant.hot_shut);
    steps(20);
    assert_true(plant.valves[0].position == 0);
    assert_int_equal(plant.exchanger_alarm, ALARM_ACTIVE);
    FieldAnswer answer;
    FieldCommand order =
        rig_order(&rig, "valve-1", "setPosition", &(Value){ .type = VALUE_NUMBER, .number = 50 });
    device_command(&devices, &plant, &order, &answer);
    assert_false(answer.accepted);
    assert_non_null(strstr(answer.reason, "too hot"));
    order = rig_order(&rig, "valve-1", "release", NULL); /* not around it either */
    device_command(&devices, &plant, &order, &answer);
    steps(120);
    assert_true(plant.valves[0].position == 0);
    plant.supply.temperature = 87;
    steps(1);
    order = rig_order(&rig, "valve-1", "setPosition", &(Value){ .type = VALUE_NUMBER, .number = 50 });
    device_command(&devices, &plant, &order, &answer);
    assert_true(answer.accepted);
    steps(15);
    assert_true(plant.valves[0].position == 50);
    arena_finish(&rig.arena);
}

/* ---- transformer ---- */

static void transformer_for(double seconds)
{
    for (int i = 0; i < (int)(seconds / PLANT_DT + 0.5); i++) {
        transformer_step(&plant);
    }
}

/* From one steady state to the next as 1 - exp(-t/tau), for oil and for the winding above it. */
static void the_transformer_warms_as_its_formula(void **state)
{
    (void)state;
    Transformer *transformer = &plant.transformer;
    for (int fans = 0; fans < 2; fans++) {
        plant.valves[2].position = 30;
        plant.boiler = 4000;
        plant.load_drift.value = 0;
        plant.pumps[0].power = plant.pumps[1].power = 10;
        transformer->fans_by_hand = fans;
        transformer->oil = 40;
        transformer->fans = fans;
        transformer->winding = 0;
        double load = 0.5 + 0.012 * 4000 / 1000 + 0.02;
        double rise = 62 * pow((1 + 5 * load * load) / 6, 0.8) * (1 - 0.22 * 0.3) * (fans ? 0.72 : 1);
        double steady = plant.outdoor + 20 + rise, winding = 16 * pow(load, 1.6);
        double tau = transformer_oil_seconds(fans), fast = transformer_winding_seconds();
        transformer_for(fast);
        is_near(transformer->load, load, 1e-9);
        is_near(transformer->winding, winding * (1 - exp(-1)), 0.005);
        transformer_for(tau - fast);
        is_near(transformer->oil, steady - (steady - 40) * exp(-1), 0.02);
        transformer_for(9 * tau);
        is_near(transformer->oil, steady, 0.01);
        is_near(transformer->winding, winding, 0.01);
        assert_true(transformer->oil < 65);
    }
    is_near(transformer_oil_rise(1, false, 0), 62, 1e-9); /* rated load, rated rise */
    is_near(transformer_winding_rise(1), 16, 1e-9);
    is_near(transformer_oil_seconds(false), 180 * 60, 1e-9);
    is_near(transformer_oil_seconds(true), 0.8 * 180 * 60, 1e-9);
    is_near(transformer_winding_seconds(), 4 * 60, 1e-9);
}

static void thermostat_and_alarm_have_hysteresis(void **state)
{
    (void)state;
    Transformer *transformer = &plant.transformer;
    transformer->fans = false;
    transformer->oil = 64.9;
    transformer_step(&plant);
    assert_false(transformer->fans);
    transformer->oil = 65.1;
    transformer_step(&plant);
    assert_true(transformer->fans);
    transformer->oil = 60.1;
    transformer_step(&plant);
    assert_true(transformer->fans);
    transformer->oil = 59.9;
    transformer_step(&plant);
    assert_false(transformer->fans);
    transformer->oil = 96;
    transformer_step(&plant);
    assert_int_equal(transformer->alarm, ALARM_ACTIVE);
    transformer->alarm = ALARM_ACKNOWLEDGED;
    transformer->oil = 91;
    transformer_step(&plant);
    assert_int_equal(transformer->alarm, ALARM_ACKNOWLEDGED);
    transformer->oil = 89;
    transformer_step(&plant);
    assert_int_equal(transformer->alarm, ALARM_NORMAL);
    transformer->oil = 96;
    transformer_step(&plant);
    assert_int_equal(transformer->alarm, ALARM_ACTIVE); /* a new one, to be seen again */
}

/* ---- actuators ---- */

static void two_pumps_do_not_work_against_each_other_for_long(void **state)
{
    (void)state;
    plant.pumps[0].by_hand = plant.pumps[1].by_hand = true;
    plant.pumps[0].wish = 1450;
    plant.pumps[1].wish = 500;
    steps(100);
    assert_true(plant.pumps[1].flow == 0 && plant.pumps[0].flow > 0);
    assert_int_equal(pump_state(&plant.pumps[1]), PUMP_RUNNING);
    steps(120);
    assert_int_equal(pump_state(&plant.pumps[1]), PUMP_TRIPPED);
    assert_int_equal(pump_state(&plant.pumps[0]), PUMP_RUNNING);
}

static void the_controller_keeps_one_in_reserve(void **state)
{
    (void)state;
    plant.pumps[0].by_hand = true;
    plant.pumps[0].wish = 1480;
    steps(1200);
    assert_int_equal(pump_state(&plant.pumps[1]), PUMP_STOPPED); /* it had nothing to lift */
    pump_stop_at_once(&plant.pumps[0], "of a test");
    steps(180);
    assert_int_equal(pump_state(&plant.pumps[1]), PUMP_RUNNING); /* and takes over */
    assert_true(plant.flow * 3600 > 60);
}

static void noise_is_normal(void **state)
{
    (void)state;
    Random random = random_seeded(4);
    double sum = 0, squares = 0;
    int beyond = 0, count = 200000;
    for (int i = 0; i < count; i++) {
        double value = drift_normal(&random);
        assert_true(isfinite(value));
        sum += value;
        squares += value * value;
        beyond += fabs(value) > 2;
    }
    is_near(sum / count, 0, 0.01);
    is_near(squares / count, 1, 0.015);
    is_near((double)beyond / count, 0.0455, 0.002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, set_up)
        TEST(water_and_heat_are_kept),
        TEST(heat_is_flow_times_spread),
        TEST(pumps_follow_the_affinity_laws),
        TEST(the_loop_has_one_head),
        TEST(less_opening_is_less_flow),
        TEST(valves_are_equal_percentage),
        TEST(the_exchanger_is_counter_flow),
        TEST(the_hot_tank_stays_layered),
        TEST(scalding_supply_is_shut_off),
        TEST(the_transformer_warms_as_its_formula),
        TEST(thermostat_and_alarm_have_hysteresis),
        TEST(two_pumps_do_not_work_against_each_other_for_long),
        TEST(the_controller_keeps_one_in_reserve),
        TEST(noise_is_normal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
