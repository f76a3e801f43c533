/* The plant's own controller: moves what nobody holds by hand so that the district gets its heat and the
 * tanks stay in their middle. It acts in steps, as such controllers do, and keeps out of the way of people: a
 * command takes an actuator from it until that is started or released again. */
#include "server/physical/plant.h"

#include <math.h>

#define DESIGN_RETURN 47.5 /* degC that the consumers' stations aim at */
#define SUPPLY_WISH   79.5 /* degC */
#define PRIMARY_LEAST 60.0
#define PRIMARY_MOST  122.0
#define PRIMARY_GAIN  0.004  /* K a second for each K that the supply lacks */
#define LEVEL_WISH    62.0   /* percent of the hot tank */
#define LEVEL_GAIN    0.9    /* m3/h for each percent */
#define USUAL_TAU     7200.0 /* s */
#define FLOW_GAIN     2.2    /* 1/min for each m3/h */
#define PUMP_PERIOD   30     /* s between two moves */
#define VALVE_PERIOD  60
#define LIFTS_NOTHING (6.0 / SECONDS_AN_HOUR)
#define RESERVE_LACKS 25.0 /* m3/h: then the pump in reserve starts */
#define PUMP_LEAST    750.0
#define PUMP_MOST     1450.0

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* m3/s that carry the demand at the temperatures as they are. */
static double wanted_flow(const Plant *plant)
{
    double spread = fmax(12, plant->supply.temperature - DESIGN_RETURN);
    return clamp(plant->demand / (WATER_HEAT * spread), 0.005, 0.1);
}

/* The pumps deliver what was usual; the tanks carry the peaks. */
static void move_pumps(Plant *plant)
{
    double level = plant->tanks[TANK_HOT].volume / TANK_VOLUME * 100;
    double target = plant->usual_flow * SECONDS_AN_HOUR + clamp(LEVEL_GAIN * (LEVEL_WISH - level), -40, 40);
    double lacking = target - plant->flow * SECONDS_AN_HOUR;
    for (size_t i = 0; i < PUMP_COUNT; i++) {
        Pump *pump = &plant->pumps[i];
        const Pump *other = &plant->pumps[1 - i];
        if (pump->by_hand || pump->latched || pump->locked_out) {
            continue;
        }
        double wish = pump->wish + clamp(FLOW_GAIN * lacking, -90, 90);
        if (pump->wish <= 0) { /* in reserve */
            wish = lacking > RESERVE_LACKS ? fmax(other->speed, PUMP_LEAST) : 0;
        } else if (pump->speed >= pump->wish && pump->flow < LIFTS_NOTHING && plant->flow > LIFTS_NOTHING) {
            wish = 0; /* the other one has the higher head: this one only churns */
        }
        pump->wish = wish <= 0 ? 0 : floor(clamp(wish, PUMP_LEAST, PUMP_MOST) / 5 + 0.5) * 5;
    }
}

static void move_valve(Valve *valve, double wish)
{
    wish = floor(clamp(wish, 15, 95) + 0.5);
    if (!valve->by_hand && !valve->latched && fabs(wish - valve->wish) >= 2) {
        valve->wish = wish;
    }
}

/* Supply valve by the flow wanted, so that the pumps work where they are good; the return valve lets a little
 * more through; cooling by the oil. */
static void move_valves(Plant *plant, double wanted)
{
    double hourly = wanted * SECONDS_AN_HOUR;
    move_valve(&plant->valves[0], 48 + 0.14 * hourly);
    move_valve(&plant->valves[1], 54 + 0.10 * hourly);
    move_valve(&plant->valves[2], 22 + 6 * (plant->transformer.oil - 58));
}

void controller_second(Plant *plant)
{
    double wanted = wanted_flow(plant);
    int64_t second = plant->time / TIME_SECOND;
    plant->charge_wish = plant->flow - wanted;
    plant->usual_flow += (wanted - plant->usual_flow) / USUAL_TAU;
    double lacking = SUPPLY_WISH - plant->exchanger.temperature;
    if (plant->flow > 0.003) { /* standing water says nothing about the supply */
        plant->boiler_wish =
            clamp(plant->boiler_wish + PRIMARY_GAIN * clamp(lacking, -20, 20), PRIMARY_LEAST, PRIMARY_MOST);
    }
    if (second % PUMP_PERIOD == 0) {
        move_pumps(plant);
    }
    if (second % VALVE_PERIOD == VALVE_PERIOD / 2) {
        move_valves(plant, wanted);
    }
}
