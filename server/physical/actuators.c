/* Pumps and valves: ramps and travel, what protects them locally, and their alarms. Nothing here waits for
 * anybody. */
#include "server/physical/plant.h"

#include <math.h>

#define PUMP_RAMP       25.0  /* 1/min a second */
#define PUMP_COAST      150.0 /* the same with the drive cut */
#define PUMP_STARTED    400.0 /* 1/min: it counts as running */
#define RATED_SPEED     1480.0
#define DRY_SPEED       350.0 /* 1/min: slower it may stand against shut valves */
#define DRY_FLOW        (3.0 / SECONDS_AN_HOUR)
#define DRY_SECONDS     8.0   /* nothing flows at all: the water in the casing heats quickly */
#define IDLE_SECONDS    120.0 /* the other pump's head is higher: some churns through */
#define BEARING_TRIP    100.0
#define VIBRATION_ALARM 7.1 /* mm/s */
#define VIBRATION_CLEAR 6.3
#define BEARING_ALARM   85.0
#define BEARING_CLEAR   80.0
#define WEAR_RATE       0.014 /* a second at severity 1 and rated speed */
#define WEAR_MOST       12.0
#define VALVE_RATE      5.0 /* percent a second: 20 s from shut to open */
#define VALVE_RPM       28
#define VALVE_FOLLOWS   1.0 /* percent */
#define VALVE_PATIENCE  4.0 /* s */
#define SAFE_SPEED      900.0
#define SUPPLY_TOO_HOT  95.0
#define SUPPLY_COOL     88.0
#define SUPPLY_PATIENCE 5.0
#define HALL            14.0 /* K above outdoors beside a pump */

void alarm_update(AlarmState *alarm, bool on, bool off)
{
    if (on && *alarm == ALARM_NORMAL) {
        *alarm = ALARM_ACTIVE;
    } else if (off && !on) {
        *alarm = ALARM_NORMAL;
    }
}

static double towards(double value, double wish, double most)
{
    double gap = wish - value;
    return gap > most ? value + most : gap < -most ? value - most : wish;
}

PumpState pump_state(const Pump *pump)
{
    if (pump->latched) {
        return PUMP_TRIPPED;
    }
    if (pump->locked_out) {
        return PUMP_MAINTENANCE;
    }
    if (pump->wish <= 0) {
        return pump->speed > 0 ? PUMP_STOPPING : PUMP_STOPPED;
    }
    return pump->speed < PUMP_STARTED && pump->speed < pump->wish ? PUMP_STARTING : PUMP_RUNNING;
}

void pump_stop_at_once(Pump *pump, const char *why)
{
    pump->latched = true;
    pump->by_hand = true;
    pump->wish = 0;
    pump->no_flow = 0;
    pump->why = why;
}

static void trip(Pump *pump, const char *why)
{
    pump_stop_at_once(pump, why);
    pump->fault_trip = true;
}

static void protect_pump(const Plant *plant, Pump *pump)
{
    bool idle = pump->speed > DRY_SPEED && pump->flow < DRY_FLOW;
    pump->no_flow = idle ? pump->no_flow + PLANT_DT : 0;
    if (pump->latched) {
        return;
    }
    if (plant->flow < DRY_FLOW && pump->no_flow > DRY_SECONDS) {
        trip(pump, "it ran against shut valves");
    } else if (pump->no_flow > IDLE_SECONDS) {
        trip(pump, "it ran without lifting anything against the other pump");
    } else if (pump->bearing > BEARING_TRIP) {
        trip(pump, "its bearing was too hot");
    }
}

/* Heat of a bearing and what turning takes; constants fitted to the recorded trace. */
static void load_pump(const Plant *plant, Pump *pump)
{
    double n = pump->speed / RATED_SPEED;
    double hourly = pump->flow * SECONDS_AN_HOUR;
    double best = fmax(1, 190 * n);
    double off = hourly / best - 1;
    double efficiency = fmax(0.25, 0.81 - 0.35 * off * off);
    double lift = 9.81 * 0.975 * pump->flow * plant->head; /* kW */
    pump->power = lift / efficiency + 1.9 * n * n * n + (pump->speed > 0 ? 0.6 : 0);
    double heat = plant->outdoor + HALL + 34 * n * sqrt(n) + 7 * pump->wear * n * n;
    pump->bearing += (heat - pump->bearing) * PLANT_DT / (pump->speed > 0 ? 65 : 240);
    pump->wear = fmin(WEAR_MOST, pump->wear + WEAR_RATE * pump->wear_rate * n * PLANT_DT);
}

static void step_pump(const Plant *plant, Pump *pump)
{
    if (pump->locked_out) {
        pump->wish = 0;
    }
    double ramp = pump->latched || pump->locked_out ? PUMP_COAST : PUMP_RAMP;
    pump->speed = towards(pump->speed, pump->wish, ramp * PLANT_DT);
    load_pump(plant, pump);
    protect_pump(plant, pump);
    double vibration = pump_vibration(pump);
    bool on = vibration > VIBRATION_ALARM || pump->bearing > BEARING_ALARM || pump->fault_trip;
    bool off = vibration < VIBRATION_CLEAR && pump->bearing < BEARING_CLEAR && !pump->fault_trip;
    alarm_update(&pump->alarm, on, off);
}

/* mm/s: what an unbalanced shaft has, what a worn bearing adds, and how the two quarrel. */
double pump_vibration(const Pump *pump)
{
    double n = pump->speed / RATED_SPEED;
    return fmax(0, 0.05 + 1.55 * n * n + 1.25 * pump->wear * n * sqrt(n) +
                       (0.4 + 0.6 * pump->wear) * pump->shake.value * n);
}

static void step_valve(Valve *valve, double wish)
{
    double gap = wish - valve->position;
    double rate = VALVE_RATE * (1 - valve->jam);
    double before = valve->position;
    valve->position = valve->latched ? valve->position : towards(before, wish, rate * PLANT_DT);
    bool runs = !valve->latched && fabs(gap) > 1e-9;
    valve->rpm = !runs ? 0 : (gap > 0 ? 1 : -1) * (int)(VALVE_RPM * (1 - valve->jam) + 0.5);
    bool follows = fabs(wish - valve->position) < VALVE_FOLLOWS;
    bool slow = fabs(valve->position - before) < 0.5 * VALVE_RATE * PLANT_DT;
    valve->lagging = follows || !slow || valve->latched ? 0 : valve->lagging + PLANT_DT;
    alarm_update(&valve->alarm, valve->lagging > VALVE_PATIENCE, follows);
}

/* Supply that would scald the district's pipes is held back until it has cooled. */
static void guard_supply(Plant *plant)
{
    double supply = plant->supply.temperature;
    plant->too_hot = supply > SUPPLY_TOO_HOT ? plant->too_hot + PLANT_DT : 0;
    if (plant->too_hot > SUPPLY_PATIENCE && !plant->hot_shut) {
        plant->hot_shut = true;
        plant->valves[0].by_hand = true; /* opening again takes a command */
        plant->valves[0].wish = 0;
    }
    plant->hot_shut = plant->hot_shut && supply > SUPPLY_COOL;
}

/* Twice the drop that belongs to the flow, for some seconds: a moving flow is no sign. */
static void guard_exchanger(Plant *plant)
{
    double hourly = plant->flow * SECONDS_AN_HOUR;
    double clean = 0.0018 * hourly * hourly;
    bool blocked = clean > 5 && plant->drop > 2 * clean;
    plant->drop_excess = blocked ? plant->drop_excess + PLANT_DT : 0;
    bool on = plant->drop_excess > 5 || plant->hot_shut;
    bool off = clean > 5 && plant->drop < 1.6 * clean && !plant->hot_shut;
    alarm_update(&plant->exchanger_alarm, on, off);
}

void actuators_step(Plant *plant)
{
    for (size_t i = 0; i < PUMP_COUNT; i++) {
        step_pump(plant, &plant->pumps[i]);
    }
    guard_supply(plant);
    guard_exchanger(plant);
    for (size_t i = 0; i < VALVE_COUNT; i++) {
        step_valve(&plant->valves[i], plant->valves[i].wish);
    }
    for (size_t i = 0; i < TANK_COUNT; i++) {
        double level = plant->tanks[i].volume / TANK_VOLUME * 100;
        alarm_update(&plant->tanks[i].alarm, level < 10 || level > 95, level > 12 && level < 93);
    }
}

void plant_safe_state(Plant *plant)
{
    for (size_t i = 0; i < PUMP_COUNT; i++) {
        Pump *pump = &plant->pumps[i];
        pump->by_hand = true;
        pump->wish = pump->wish > 0 ? SAFE_SPEED : 0; /* what stood, stands */
    }
    for (size_t i = 0; i < VALVE_COUNT; i++) {
        plant->valves[i].by_hand = true;
        if (!plant->valves[i].latched && !(i == 0 && plant->hot_shut)) {
            plant->valves[i].wish = i == 2 ? 100 : plant->valves[i].position;
        }
    }
}
