#include "shared/trace/unit.h"

#include <stddef.h>
#include <string.h>

/* Value in the first unit of its kind = value × scale + offset. `scale` is a quotient, so that a factor whose
 * reciprocal binary64 holds exactly converts both ways with one rounding. */
typedef struct Unit {
    const char *name;
    int kind;
    double multiply, divide;
    double offset;
} Unit;

enum Kind {
    TEMPERATURE,
    POWER,
    ENERGY,
    APPARENT_POWER,
    REACTIVE_POWER,
    VOLTAGE,
    CURRENT,
    RATE,
    PRESSURE,
    LENGTH,
    SPEED,
    MASS,
    VOLUME,
    FLOW,
    DURATION,
    RATIO,
    ANGLE
};

/* Definitions: SI brochure, 9th edition, chapters 2 to 4; inch, foot and mile from the international yard of
 * 0.9144 m; psi from the avoirdupois pound and standard gravity. */
static const Unit UNITS[] = {
    { "degC", TEMPERATURE, 1, 1, 0 },
    { "K", TEMPERATURE, 1, 1, -273.15 },
    { "degF", TEMPERATURE, 5, 9, -160.0 / 9.0 },
    { "W", POWER, 1, 1, 0 },
    { "kW", POWER, 1e3, 1, 0 },
    { "MW", POWER, 1e6, 1, 0 },
    { "J", ENERGY, 1, 1, 0 },
    { "kJ", ENERGY, 1e3, 1, 0 },
    { "MJ", ENERGY, 1e6, 1, 0 },
    { "Wh", ENERGY, 3600, 1, 0 },
    { "kWh", ENERGY, 3.6e6, 1, 0 },
    { "MWh", ENERGY, 3.6e9, 1, 0 },
    { "VA", APPARENT_POWER, 1, 1, 0 },
    { "kVA", APPARENT_POWER, 1e3, 1, 0 },
    { "MVA", APPARENT_POWER, 1e6, 1, 0 },
    { "var", REACTIVE_POWER, 1, 1, 0 },
    { "kvar", REACTIVE_POWER, 1e3, 1, 0 },
    { "Mvar", REACTIVE_POWER, 1e6, 1, 0 },
    { "V", VOLTAGE, 1, 1, 0 },
    { "mV", VOLTAGE, 1, 1e3, 0 },
    { "kV", VOLTAGE, 1e3, 1, 0 },
    { "A", CURRENT, 1, 1, 0 },
    { "mA", CURRENT, 1, 1e3, 0 },
    { "kA", CURRENT, 1e3, 1, 0 },
    { "Hz", RATE, 1, 1, 0 },
    { "1/s", RATE, 1, 1, 0 },
    { "kHz", RATE, 1e3, 1, 0 },
    { "1/min", RATE, 1, 60, 0 },
    { "rpm", RATE, 1, 60, 0 },
    { "Pa", PRESSURE, 1, 1, 0 },
    { "hPa", PRESSURE, 1e2, 1, 0 },
    { "mbar", PRESSURE, 1e2, 1, 0 },
    { "kPa", PRESSURE, 1e3, 1, 0 },
    { "bar", PRESSURE, 1e5, 1, 0 },
    { "MPa", PRESSURE, 1e6, 1, 0 },
    { "psi", PRESSURE, 6894.757293168361, 1, 0 },
    { "m", LENGTH, 1, 1, 0 },
    { "cm", LENGTH, 1, 1e2, 0 },
    { "mm", LENGTH, 1, 1e3, 0 },
    { "km", LENGTH, 1e3, 1, 0 },
    { "in", LENGTH, 254, 1e4, 0 },
    { "ft", LENGTH, 3048, 1e4, 0 },
    { "m/s", SPEED, 1, 1, 0 },
    { "km/h", SPEED, 10, 36, 0 },
    { "mph", SPEED, 44704, 1e5, 0 },
    { "kg", MASS, 1, 1, 0 },
    { "g", MASS, 1, 1e3, 0 },
    { "t", MASS, 1e3, 1, 0 },
    { "l", VOLUME, 1, 1, 0 },
    { "ml", VOLUME, 1, 1e3, 0 },
    { "m3", VOLUME, 1e3, 1, 0 },
    { "l/s", FLOW, 1, 1, 0 },
    { "l/min", FLOW, 1, 60, 0 },
    { "m3/h", FLOW, 10, 36, 0 },
    { "m3/s", FLOW, 1e3, 1, 0 },
    { "s", DURATION, 1, 1, 0 },
    { "ms", DURATION, 1, 1e3, 0 },
    { "min", DURATION, 60, 1, 0 },
    { "h", DURATION, 3600, 1, 0 },
    { "1", RATIO, 1, 1, 0 },
    { "%", RATIO, 1, 1e2, 0 },
    { "ppm", RATIO, 1, 1e6, 0 },
    { "rad", ANGLE, 1, 1, 0 },
    { "deg", ANGLE, 3.14159265358979323846, 180, 0 },
};

static const Unit *find_unit(const char *name)
{
    for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
        if (strcmp(UNITS[i].name, name) == 0) {
            return &UNITS[i];
        }
    }
    return NULL;
}

bool unit_conversion(const char *from, const char *to, UnitConversion *out_conversion)
{
    if (strcmp(from, to) == 0) {
        *out_conversion = (UnitConversion){ .scale = 1 };
        return true;
    }
    const Unit *source = find_unit(from), *target = find_unit(to);
    if (!source || !target || source->kind != target->kind) {
        return false;
    }
    out_conversion->scale = (source->multiply * target->divide) / (source->divide * target->multiply);
    out_conversion->offset = (source->offset - target->offset) * target->divide / target->multiply;
    return true;
}
