/* Flows: pump curves against the resistance of the loop. Water does not squeeze, so flows follow heads at
 * once. */
#include "server/physical/plant.h"

#include <math.h>

#define RATED_SPEED    1480.0  /* 1/min */
#define HEAD_SHUT      46.0    /* m at rated speed */
#define HEAD_SLOPE     0.00042 /* m/(m3/h)^2 */
#define VALVE_KVS      1000.0  /* m3/h at 1 bar when open, DN 250 */
#define VALVE_RANGE    50.0    /* equal percentage: flow share = RANGE^(x-1) */
#define METRES_A_BAR   10.45   /* warm water */
#define DROP_SLOPE     0.0018  /* kPa/(m3/h)^2, exchanger, clean */
#define KPA_A_METRE    9.565
#define PIPE_SLOPE     0.00020 /* m/(m3/h)^2, mains inside the fence, by the flow of the pumps */
#define DISTRICT_SLOPE 0.00040 /* by the flow of the district */
#define BLOCKED_DROP   9.0     /* a blocked exchanger has (1 + this) times the drop */
#define TO_HOUR        SECONDS_AN_HOUR
#define CHARGE_RAMP    (4.0 / TO_HOUR) /* m3/s a second */
#define CHARGE_SHARE   0.6 /* of the pumps' flow, at most: the mains' pressure drives the tanks too */

/* Affinity laws: flow ~ n, head ~ n^2. */
double pump_head_shut(double speed)
{
    double n = speed / RATED_SPEED;
    return HEAD_SHUT * n * n;
}

/* The check valve lets nothing back. */
double pump_flow(double speed, double head)
{
    double spare = pump_head_shut(speed) - head;
    return spare <= 0 ? 0 : sqrt(spare / HEAD_SLOPE) / TO_HOUR;
}

/* Equal percentage (IEC 60534-2-4), moved so that shut is shut. */
double valve_share(double position)
{
    double x = fmin(fmax(position / 100, 0), 1);
    double least = 1 / VALVE_RANGE;
    return (pow(VALVE_RANGE, x - 1) - least) / (1 - least);
}

/* m/(m3/s)^2; INFINITY when it is shut. */
static double valve_resistance(double position)
{
    double kv = VALVE_KVS * valve_share(position);
    return kv <= 0.01 ? INFINITY : METRES_A_BAR / (kv * kv) * TO_HOUR * TO_HOUR;
}

static double lifted(const Plant *plant, double head)
{
    double flow = 0;
    for (size_t i = 0; i < PUMP_COUNT; i++) {
        flow += pump_flow(plant->pumps[i].speed, head);
    }
    return flow;
}

/* The head at which the pumps lift what the loop lets through: one falls with it, the other grows. */
static void solve(Plant *plant, double resistance)
{
    double low = 0, high = 0;
    for (size_t i = 0; i < PUMP_COUNT; i++) {
        high = fmax(high, pump_head_shut(plant->pumps[i].speed));
    }
    if (isinf(resistance) || high <= 0) {
        plant->head = high;
        plant->flow = 0;
        return;
    }
    for (int i = 0; i < 48; i++) {
        double head = (low + high) / 2;
        if (lifted(plant, head) > sqrt(head / resistance)) {
            low = head;
        } else {
            high = head;
        }
    }
    plant->head = (low + high) / 2;
    plant->flow = lifted(plant, plant->head);
}

static double resistance_of(const Plant *plant, double share)
{
    double exchanger = DROP_SLOPE * (1 + BLOCKED_DROP * plant->blocked) / KPA_A_METRE;
    double pipes = (PIPE_SLOPE + DISTRICT_SLOPE * share * share + exchanger) * TO_HOUR * TO_HOUR;
    return pipes + valve_resistance(plant->valves[0].position) + valve_resistance(plant->valves[1].position);
}

/* Only where something has changed since the last step is there anything to solve. */
static void find_flow(Plant *plant)
{
    double share = plant->flow > 0 ? plant->meter_flow / plant->flow : 1;
    share = floor(share * 100 + 0.5) / 100; /* it moves all the time, and little comes of it */
    const double now[6] = { plant->pumps[0].speed,     plant->pumps[1].speed, plant->valves[0].position,
                            plant->valves[1].position, plant->blocked,        share };
    bool same = true;
    for (size_t i = 0; i < 6; i++) {
        same = same && now[i] == plant->solved[i];
        plant->solved[i] = now[i];
    }
    if (!same) {
        solve(plant, resistance_of(plant, share));
    }
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* What the tanks can still take or give within the next half minute. */
static double tank_bounds(const Plant *plant, double charge)
{
    const double most = 0.92 * TANK_VOLUME, least = 0.13 * TANK_VOLUME, soon = 30;
    const Tank *hot = &plant->tanks[TANK_HOT], *cold = &plant->tanks[TANK_COLD];
    double up = fmin(most - hot->volume, cold->volume - least) / soon;
    double down = fmin(hot->volume - least, most - cold->volume) / soon;
    return clamp(charge, -fmax(down, 0), fmax(up, 0));
}

void hydraulics_step(Plant *plant)
{
    find_flow(plant);
    double step = CHARGE_RAMP * PLANT_DT;
    double charge = plant->charge + clamp(plant->charge_wish - plant->charge, -step, step);
    double share = CHARGE_SHARE * plant->flow;
    plant->charge = tank_bounds(plant, clamp(charge, -share, share));
    plant->meter_flow = plant->flow - plant->charge;
    double hourly = plant->flow * TO_HOUR;
    plant->drop = DROP_SLOPE * (1 + BLOCKED_DROP * plant->blocked) * hourly * hourly;
    for (size_t i = 0; i < PUMP_COUNT; i++) {
        plant->pumps[i].flow = plant->flow > 0 ? pump_flow(plant->pumps[i].speed, plant->head) : 0;
    }
}
