/* Heat: boiler, plate heat exchanger, mains, consumers and the two layered tanks. Every flow of heat is taken
 * from one place and given to another in the same step, so that the balance closes to rounding. */
#include "server/physical/plant.h"

#include <math.h>

#define PRIMARY_FLOW    150.0 /* kW/K: 132 m3/h, a fixed pump */
#define EXCHANGER_UA    250.0 /* kW/K, clean */
#define BLOCKED_UA      0.8   /* a blocked exchanger keeps (1 - this) of it */
#define BOILER_MAX      9000.0
#define BOILER_RAMP     60.0  /* kW/s */
#define BOILER_RESPONSE 120.0 /* s in which the burner wants to make good a difference */
#define BOILER_LOSS     0.9   /* kW/K */
#define MAIN_LOSS       0.35  /* kW/K, each main */
#define TANK_LOSS       0.03  /* kW/K, a layer of a full tank */
#define LAYER_EXCHANGE  0.12  /* kW/K, through a full layer: conduction and the tank's wall */
#define OVERTURN        400.0 /* kW/K, where warm water lies under cold */
#define LEAK_MAX        (40.0 / SECONDS_AN_HOUR)
#define EMPTY           0.02 /* of a tank: the hole is above what is left */
#define ROOM            20.0 /* degC: no consumer cools the water below what its radiators can */
#define CONSUMER_MOST   0.62 /* of the way from supply to room */
#define GROUND          9.0

/* Effectiveness of a counter-flow exchanger by its number of transfer units and the ratio of the smaller to
 * the larger capacity flow (VDI Heat Atlas C1; Incropera, table 11.3). */
double exchanger_effectiveness(double ratio, double units)
{
    if (fabs(1 - ratio) < 1e-9) {
        return units / (1 + units);
    }
    double e = exp(-units * (1 - ratio));
    return (1 - e) / (1 - ratio * e);
}

static void give(Node *node, double kw)
{
    node->temperature += kw * PLANT_DT / node->heat_capacity;
}

static void lose(Plant *plant, Node *node, double kw_per_k, double ambient)
{
    double kw = kw_per_k * (node->temperature - ambient);
    give(node, -kw);
    plant->lost += kw * PLANT_DT;
}

static void step_boiler(Plant *plant)
{
    double wish = plant->duty + plant->primary.heat_capacity *
                                    (plant->boiler_wish - plant->primary.temperature) / BOILER_RESPONSE;
    double change = wish - plant->boiler;
    double most = BOILER_RAMP * PLANT_DT;
    change = change > most ? most : change < -most ? -most : change;
    plant->boiler = fmin(fmax(plant->boiler + change, 0), BOILER_MAX);
    give(&plant->primary, plant->boiler);
    plant->boiler_in += plant->boiler * PLANT_DT;
    lose(plant, &plant->primary, BOILER_LOSS, plant->outdoor + 10);
}

static void step_exchanger(Plant *plant, double secondary_flow)
{
    double smaller = fmin(PRIMARY_FLOW, secondary_flow), larger = fmax(PRIMARY_FLOW, secondary_flow);
    plant->duty = 0;
    if (smaller > 1e-6) {
        double units = EXCHANGER_UA * (1 - BLOCKED_UA * plant->blocked) / smaller;
        double share = exchanger_effectiveness(smaller / larger, units);
        plant->duty = share * smaller * (plant->primary.temperature - plant->secondary_inlet);
    }
    plant->primary_outlet = plant->primary.temperature - plant->duty / PRIMARY_FLOW;
    give(&plant->primary, -plant->duty);
    give(&plant->exchanger, plant->duty);
}

/* Moves water of `flow` m3/s through a well-mixed place. `outlet` is what it held when the step began:
 * whoever takes the water out of it reckons with the same. */
static void flush(Node *node, double flow, double inlet, double outlet)
{
    give(node, flow * WATER_HEAT * (inlet - outlet));
}

/* A layered tank with an opening at the top, where `top` m3/s of water of top_inlet come in (negative: go
 * out), one at the bottom, and a leak there. Between layers water moves as the thirds of the volume want it.
 * Returns the heat that left by the leak, kW. */
static double step_tank(Plant *plant, Tank *tank, double top, double top_inlet, double bottom,
                        double bottom_inlet)
{
    double *t = tank->temperature;
    double full = tank->volume / TANK_VOLUME;
    double leak = full > EMPTY ? LEAK_MAX * tank->leak * sqrt(full) : 0;
    double layer = (top + bottom - leak) / TANK_LAYERS; /* growth of each */
    double heat[TANK_LAYERS];
    for (size_t i = 0; i < TANK_LAYERS; i++) {
        heat[i] = tank->volume / TANK_LAYERS * WATER_HEAT * t[i];
    }
    double down = top;
    heat[0] += WATER_HEAT * PLANT_DT * top * (top > 0 ? top_inlet : t[0]);
    for (size_t i = 0; i + 1 < TANK_LAYERS; i++) {
        down -= layer;
        double moved = WATER_HEAT * down * (down > 0 ? t[i] : t[i + 1]);
        double between = (t[i] < t[i + 1] ? OVERTURN : LAYER_EXCHANGE) * (t[i] - t[i + 1]);
        heat[i] -= (moved + between) * PLANT_DT;
        heat[i + 1] += (moved + between) * PLANT_DT;
    }
    double leaked = WATER_HEAT * leak * t[TANK_LAYERS - 1];
    heat[TANK_LAYERS - 1] +=
        (WATER_HEAT * bottom * (bottom > 0 ? bottom_inlet : t[TANK_LAYERS - 1]) - leaked) * PLANT_DT;
    double lost = 0;
    for (size_t i = 0; i < TANK_LAYERS; i++) {
        double kw = TANK_LOSS * full * (t[i] - plant->outdoor);
        heat[i] -= kw * PLANT_DT;
        lost += kw;
    }
    tank->volume += (top + bottom - leak) * PLANT_DT;
    for (size_t i = 0; i < TANK_LAYERS; i++) {
        t[i] = heat[i] / (tank->volume / TANK_LAYERS * WATER_HEAT);
    }
    plant->lost += lost * PLANT_DT;
    plant->leaked += leak * PLANT_DT;
    return leaked;
}

/* What the consumers take, and the temperature at which they give the water back. */
static double consume(Plant *plant, double supply)
{
    double flow = plant->meter_flow * WATER_HEAT;
    double most = CONSUMER_MOST * flow * fmax(0, supply - ROOM);
    plant->heat = fmin(plant->demand, most);
    plant->consumed += plant->heat * PLANT_DT;
    return flow > 1e-9 ? supply - plant->heat / flow : supply;
}

void thermal_step(Plant *plant)
{
    Tank *hot = &plant->tanks[TANK_HOT], *cold = &plant->tanks[TANK_COLD];
    double flow = plant->flow, charge = plant->charge;
    double into = charge > 0 ? charge : 0, out = charge < 0 ? -charge : 0;
    /* what comes together where: return main and cold tank before the pumps, exchanger and hot tank behind
     * valve 1 */
    double supply = plant->supply.temperature, back = plant->back.temperature, hot_top = hot->temperature[0];
    double cold_bottom = cold->temperature[TANK_LAYERS - 1], made = plant->exchanger.temperature;
    plant->secondary_inlet =
        flow > 1e-9 ? (back * (flow - into) + cold_bottom * into) / flow : plant->secondary_inlet;
    double mixed = plant->meter_flow > 1e-9 ? (made * (flow - into) + hot_top * out) / plant->meter_flow : 0;

    step_boiler(plant);
    step_exchanger(plant, flow * WATER_HEAT);
    flush(&plant->exchanger, flow, plant->secondary_inlet, made);
    double given_back = consume(plant, supply);
    flush(&plant->supply, plant->meter_flow, mixed, supply);
    flush(&plant->back, plant->meter_flow, given_back, back);
    double leaked = step_tank(plant, hot, charge, made, 0, 0);
    leaked += step_tank(plant, cold, 0, 0, -charge, back);
    plant->leaked_heat += leaked * PLANT_DT;
    lose(plant, &plant->supply, MAIN_LOSS, GROUND);
    lose(plant, &plant->back, MAIN_LOSS, GROUND);
}

double plant_water(const Plant *plant)
{
    return plant->tanks[TANK_HOT].volume + plant->tanks[TANK_COLD].volume +
           (plant->supply.heat_capacity + plant->back.heat_capacity) / WATER_HEAT;
}

double plant_heat(const Plant *plant)
{
    const Node *nodes[] = { &plant->primary, &plant->exchanger, &plant->supply, &plant->back };
    double heat = 0;
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        heat += nodes[i]->heat_capacity * nodes[i]->temperature;
    }
    for (size_t i = 0; i < TANK_COUNT; i++) {
        for (size_t k = 0; k < TANK_LAYERS; k++) {
            heat += plant->tanks[i].volume / TANK_LAYERS * WATER_HEAT * plant->tanks[i].temperature[k];
        }
    }
    return heat;
}
