/* Weather and what the district wants of heat: by season, hour and chance. */
#include "server/physical/plant.h"

#include <math.h>

#define DAY    86400.0
#define YEAR   (365.25 * DAY)
#define TWO_PI 6.283185307179586

/* Share of the heat that does not depend on the weather (tap water, laundries, a dairy), by the hour in UTC.
 */
static const double profile[24] = { .62,  .58, .56, .56, .62,  .85,  1.15, 1.3,  1.2, 1.05, 1.0, 1.0,
                                    1.02, .98, .95, 1.0, 1.12, 1.25, 1.3,  1.22, 1.1, .98,  .85, .7 };

#define PROCESS_HEAT  3600.0 /* kW at profile 1 */
#define HEATING_LIMIT 17.0   /* degC outdoors: nobody heats above */
#define HEATING_SLOPE 210.0  /* kW/K */

double drift_normal(Random *random)
{
    double u = random_unit(random) + 0x1p-54; /* not 0 */
    double v = random_unit(random);
    return sqrt(-2 * log(u)) * cos(TWO_PI * v);
}

void drift_second(Drift *drift, Random *random, double tau_s, double sigma)
{
    double keep = exp(-1 / tau_s);
    drift->value = keep * drift->value + sqrt(1 - keep * keep) * sigma * drift_normal(random);
}

static double profile_at(double hour)
{
    int at = (int)hour;
    double within = hour - at;
    return profile[at % 24] * (1 - within) + profile[(at + 1) % 24] * within;
}

void weather_second(Plant *plant)
{
    Random *random = &plant->random;
    double unix_s = time_to_seconds(plant->time);
    double second_of_day = fmod(fmod(unix_s, DAY) + DAY, DAY);
    double hour = second_of_day / SECONDS_AN_HOUR;
    drift_second(&plant->weather_slow, random, 6 * SECONDS_AN_HOUR, 1.2);
    drift_second(&plant->weather_fast, random, 200, 0.15);
    drift_second(&plant->wind_slow, random, SECONDS_AN_HOUR, 0.8);
    drift_second(&plant->wind_fast, random, 25, 0.9);
    drift_second(&plant->demand_drift, random, 90, 90);
    /* coldest on 20 January, warmest at half past two in the afternoon */
    double season = -7.5 * cos(TWO_PI * (unix_s - 19 * DAY) / YEAR);
    double day = 2.5 * cos(TWO_PI * (hour - 14.5) / 24);
    plant->outdoor = 6.5 + season + day + plant->weather_slow.value + plant->weather_fast.value;
    plant->wind = fmax(0, 3.6 + 0.6 * day / 2.5 + plant->wind_slow.value + plant->wind_fast.value);
    double heating = HEATING_SLOPE * fmax(0, HEATING_LIMIT - plant->outdoor);
    plant->demand = fmax(200, PROCESS_HEAT * profile_at(hour) + heating + plant->demand_drift.value);
}
