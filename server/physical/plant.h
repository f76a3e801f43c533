/* plant.h - state and parts of the simulated plant. Included by server/physical and its tests only.
 *
 *   boiler ─ primary ─ exchanger
 *
 *   ┌─▶ pumps 1, 2 ─▶ exchanger ─▶ valve 1 ─┬─▶ district ─┬─▶ valve 2 ─┐
 *   │                                    hot tank     cold tank        │
 *   └──────────────────────────────────────────────────────────────────┘
 *
 * One loop: what the pumps lift passes exchanger and both valves. Between valve 1 and the district the hot
 * tank takes what the district does not want, or gives what it lacks; the cold tank does the opposite on the
 * return side, so that both together keep their water. Units: m3/s, m (head), degC, kW, kJ, kg, s, 1/min,
 * percent. Heat counts from 0 degC.
 */
#ifndef SERVER_PHYSICAL_PLANT_H
#define SERVER_PHYSICAL_PLANT_H
#include "shared/base/random.h"
#include "shared/base/time.h"

#include <stdbool.h>
#include <stddef.h>

#define PLANT_DT        0.05  /* s, a step */
#define WATER_HEAT      4076. /* kJ/(m3 K) of warm water, 4.18 kJ/(kg K) x 975 kg/m3, all over the plant */
#define SECONDS_AN_HOUR 3600.0
#define TANK_VOLUME     195.0 /* m3 */
#define TANK_LAYERS     3     /* top, middle, bottom; equally thick */
#define PUMP_COUNT      2
#define VALVE_COUNT     3

enum { TANK_HOT, TANK_COLD, TANK_COUNT };

typedef enum AlarmState { ALARM_NORMAL, ALARM_ACTIVE, ALARM_ACKNOWLEDGED } AlarmState;

/* In the order of PUMP_STATE_NAMES in sensors.c. */
typedef enum PumpState {
    PUMP_STOPPED,
    PUMP_STARTING,
    PUMP_RUNNING,
    PUMP_STOPPING,
    PUMP_MAINTENANCE,
    PUMP_TRIPPED
} PumpState;

/* Noise with a memory of `tau` seconds (Ornstein-Uhlenbeck), advanced once a second. */
typedef struct Drift {
    double value;
} Drift;

typedef struct Pump {
    double speed, wish; /* 1/min */
    bool by_hand;       /* the controller leaves it alone */
    bool latched;       /* emergency stop or trip: only a start releases it */
    bool locked_out;    /* maintenance */
    const char *why;    /* of the latch, for people; NULL: none */
    double flow;        /* m3/s */
    double power;       /* kW */
    double bearing;     /* degC */
    double wear;        /* 0 is new, 4 is an alarm */
    double wear_rate;   /* severity of bearing-wear */
    double no_flow;     /* s turning without lifting */
    bool fault_trip;    /* a protection stopped it */
    Drift shake;
    AlarmState alarm;
} Pump;

typedef struct Valve {
    double position, wish; /* percent */
    bool by_hand, latched;
    double jam;     /* severity of stuck-valve */
    double lagging; /* s not following */
    int rpm;        /* of the actuator, positive while opening */
    AlarmState alarm;
} Valve;

typedef struct Tank {
    double volume;                   /* m3 */
    double temperature[TANK_LAYERS]; /* from the top */
    double leak;                     /* severity */
    AlarmState alarm;
} Tank;

/* All water of one place, well mixed. */
typedef struct Node {
    double heat_capacity; /* kJ/K */
    double temperature;
} Node;

typedef struct Transformer {
    double load;    /* 0..1.5 of its rating */
    double oil;     /* degC, top */
    double winding; /* K, hot spot above top oil */
    bool fans, fans_by_hand;
    AlarmState alarm;
} Transformer;

typedef struct Plant {
    Random random;
    TimeNs time;    /* Unix ns of the last step */
    uint32_t steps; /* modulo 20, for what happens once a second */

    double outdoor, wind, demand; /* degC, m/s, kW */
    Drift weather_slow, weather_fast, wind_slow, wind_fast, demand_drift, load_drift;

    Pump pumps[PUMP_COUNT];
    Valve valves[VALVE_COUNT]; /* supply, return, transformer cooling */
    Tank tanks[TANK_COUNT];
    Transformer transformer;

    double flow, meter_flow;    /* m3/s, of the pumps and of the district */
    double charge, charge_wish; /* m3/s into the hot tank */
    double usual_flow;          /* m3/s that the district has wanted over the last hours */
    double head;                /* m, over the pumps */
    double drop;                /* kPa, secondary side of the exchanger */
    double solved[6]; /* what `flow` was solved for: speeds, valves, fouling, share of the district */

    Node primary, exchanger, supply, back; /* boiler circuit; secondary plates; mains */
    double boiler, boiler_wish;            /* kW into the water; degC */
    double duty, heat;                     /* kW: over the plates, to the consumers */
    double secondary_inlet, primary_outlet;
    double blocked;     /* severity */
    double drop_excess; /* s */
    AlarmState exchanger_alarm;
    double too_hot; /* s of supply above the limit */
    bool hot_shut;  /* valve 1 is held shut by it */

    double leaked, boiler_in, consumed, lost, leaked_heat; /* totals: m3, kJ */
} Plant;

/* A plant in the middle of its work at Unix `time`. */
void plant_init(Plant *plant, uint64_t seed, TimeNs time);

/* One step of PLANT_DT. */
void plant_step(Plant *plant);

/* ---- parts, in the order in which a step runs them ---- */

void weather_second(Plant *plant);    /* outdoor temperature, wind and heat demand; once a second */
void controller_second(Plant *plant); /* what nobody holds by hand; charge of the tanks; boiler's set point */
void actuators_step(Plant *plant);    /* ramps, travel, protections, alarms */
void hydraulics_step(Plant *plant);   /* flows */
void thermal_step(Plant *plant);      /* heat */
void transformer_step(Plant *plant);

/* Standard normal. */
double drift_normal(Random *random);
void drift_second(Drift *drift, Random *random, double tau_s, double sigma);

/* Raises at `on`, goes back to normal at `off`; between the two it stays, acknowledged or not. */
void alarm_update(AlarmState *alarm, bool on, bool off);

/* ---- what commands, faults and the link do ---- */

PumpState pump_state(const Pump *pump);
double pump_vibration(const Pump *pump); /* mm/s */
void pump_stop_at_once(Pump *pump, const char *why);
void plant_safe_state(
    Plant *plant); /* pumps to a safe speed, valves hold, cooling opens; by hand from then on */

double valve_share(double position);         /* 0..1 of the flow at full opening, equal percentage */
double pump_head_shut(double speed);         /* m, against shut valves */
double pump_flow(double speed, double head); /* m3/s */
double exchanger_effectiveness(double ratio, double units);
double transformer_oil_rise(double load, bool fans, double cooling); /* K, steady */
double transformer_winding_rise(double load);                        /* K, steady */
double transformer_oil_seconds(bool fans);                           /* time constants */
double transformer_winding_seconds(void);

double plant_water(const Plant *plant); /* m3 */
double plant_heat(const Plant *plant);  /* kJ */

#endif
