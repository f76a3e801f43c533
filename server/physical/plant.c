/* The plant as a whole: where it begins, and in which order a step moves its parts. */
#include "server/physical/plant.h"

#include "server/physical/physical.h"

#include <string.h>

#define STEPS_A_SECOND 20
_Static_assert(PHYSICAL_STEP *STEPS_A_SECOND == TIME_SECOND, "the parts reckon with PLANT_DT");

#define MAIN_WATER      12.0    /* m3, each main */
#define EXCHANGER_WATER 0.8     /* m3, secondary side, with the plates' metal */
#define PRIMARY_HEAT    36000.0 /* kJ/K: boiler water and steel */

static Tank tank_with(double level, double top, double middle, double bottom)
{
    return (Tank){ .volume = level / 100 * TANK_VOLUME, .temperature = { top, middle, bottom } };
}

void plant_init(Plant *plant, uint64_t seed, TimeNs time)
{
    *plant = (Plant){ .random = random_seeded(seed), .time = time };
    for (size_t i = 0; i < PUMP_COUNT; i++) {
        plant->pumps[i] = (Pump){ .speed = 1180, .wish = 1180, .bearing = 50, .wear = i == 0 ? 0.05 : 0.25 };
    }
    const double positions[VALVE_COUNT] = { 70, 70, 40 };
    for (size_t i = 0; i < VALVE_COUNT; i++) {
        plant->valves[i] = (Valve){ .position = positions[i], .wish = positions[i] };
    }
    plant->tanks[TANK_HOT] = tank_with(62, 80, 79, 68);
    plant->tanks[TANK_COLD] = tank_with(46, 56, 50, 46);
    plant->primary = (Node){ PRIMARY_HEAT, 100 };
    plant->exchanger = (Node){ EXCHANGER_WATER * WATER_HEAT, 79 };
    plant->supply = (Node){ MAIN_WATER * WATER_HEAT, 79 };
    plant->back = (Node){ MAIN_WATER * WATER_HEAT, 47.5 };
    plant->boiler = 5500;
    plant->boiler_wish = 100;
    plant->secondary_inlet = 47.5;
    plant->solved[0] = -1;
    plant->usual_flow = 0.042;
    weather_second(plant);
    double rise = transformer_oil_rise(0.62, false, plant->valves[2].position / 100);
    plant->transformer = (Transformer){ .load = 0.62,
                                        .oil = plant->outdoor + 20 + rise,
                                        .winding = transformer_winding_rise(0.62) };
}

void plant_step(Plant *plant)
{
    plant->time += PHYSICAL_STEP;
    if (++plant->steps == STEPS_A_SECOND) {
        plant->steps = 0;
        weather_second(plant);
        drift_second(&plant->load_drift, &plant->random, 40, 9);
        for (size_t i = 0; i < PUMP_COUNT; i++) {
            drift_second(&plant->pumps[i].shake, &plant->random, 4, 0.10);
        }
        controller_second(plant);
    }
    actuators_step(plant);
    hydraulics_step(plant);
    thermal_step(plant);
    transformer_step(plant);
}
