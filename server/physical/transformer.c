/* Transformer: top oil and hot spot as first-order systems. The steady rises and the exponents are those of
 * IEC 60076-7 (loading guide for oil-immersed power transformers), clause 8.2, with its values for
 * distribution transformers with natural oil and air flow; fans and the water-cooled heat recovery behind
 * valve 3 lower the rise. */
#include "server/physical/plant.h"

#include <math.h>

#define LOSS_RATIO   5.0  /* R: load loss to no-load loss at rated load */
#define OIL_RISE     62.0 /* K at rated load */
#define OIL_EXPONENT 0.8  /* x */
#define WINDING_RISE 16.0 /* K, hot spot above top oil at rated load: H x g_r */
#define WINDING_EXP  1.6  /* y */
#define OIL_TAU      (180 * 60.0)
#define WINDING_TAU  (4 * 60.0)
#define FAN_RISE     0.72 /* of the rise is left with fans … */
#define FAN_TAU      0.8  /* … and of the time constant */
#define RECOVERY     0.22 /* of the rise is taken by the heat recovery at full flow */
#define BAY          20.0 /* K: the bay beside the hall is roofed and warmer than the air */
#define FANS_ON      65.0
#define FANS_OFF     60.0
#define ALARM_ON     95.0
#define ALARM_OFF    90.0
#define RATING       1000.0 /* kVA, taken as kW */
#define SITE_LOAD    500.0  /* kW besides pumps and burner */
#define BURNER_SHARE 0.012  /* kW of fans and fuel pumps a kW of heat */

double transformer_oil_rise(double load, bool fans, double cooling)
{
    double share = (1 + LOSS_RATIO * load * load) / (1 + LOSS_RATIO);
    return OIL_RISE * pow(share, OIL_EXPONENT) * (fans ? FAN_RISE : 1) * (1 - RECOVERY * cooling);
}

double transformer_winding_rise(double load)
{
    return WINDING_RISE * pow(load, WINDING_EXP);
}

double transformer_oil_seconds(bool fans)
{
    return OIL_TAU * (fans ? FAN_TAU : 1);
}

double transformer_winding_seconds(void)
{
    return WINDING_TAU;
}

static double load_of(const Plant *plant)
{
    double kw = SITE_LOAD + plant->load_drift.value + BURNER_SHARE * plant->boiler;
    for (size_t i = 0; i < PUMP_COUNT; i++) {
        kw += plant->pumps[i].power;
    }
    return fmin(fmax(kw / RATING, 0), 1.5);
}

void transformer_step(Plant *plant)
{
    Transformer *transformer = &plant->transformer;
    transformer->load = load_of(plant);
    double cooling = plant->valves[2].position / 100;
    double rise = transformer_oil_rise(transformer->load, transformer->fans, cooling);
    double oil = plant->outdoor + BAY + rise;
    transformer->oil += (oil - transformer->oil) * PLANT_DT / transformer_oil_seconds(transformer->fans);
    transformer->winding +=
        (transformer_winding_rise(transformer->load) - transformer->winding) * PLANT_DT / WINDING_TAU;
    bool thermostat = transformer->fans ? transformer->oil > FANS_OFF : transformer->oil > FANS_ON;
    transformer->fans = thermostat || transformer->fans_by_hand;
    alarm_update(&transformer->alarm, transformer->oil > ALARM_ON, transformer->oil < ALARM_OFF);
}
