/* Sensors: what each property of the plant's Thing Descriptions measures, how noisy it is, and when it tells.
 */
#include "server/physical/device.h"

#include <math.h>
#include <string.h>

/* X(NAME, device, property, value, sigma): `p` is the plant. Noise is about one resolution step or less, as
 * in the recorded trace; 0 for what is known exactly. The first row of a device is its leading sensor, the
 * one that sensor-drift moves. */
#define PUMP_READINGS(X, N, i)                                                          \
    X(PUMP_##N##_BEARING, PUMP_##N, "bearingTemperature", p->pumps[i].bearing, 0.06)    \
    X(PUMP_##N##_SPEED, PUMP_##N, "speed", p->pumps[i].speed, 0.6)                      \
    X(PUMP_##N##_FLOW, PUMP_##N, "flow", p->pumps[i].flow *SECONDS_AN_HOUR, 0.5)        \
    X(PUMP_##N##_POWER, PUMP_##N, "power", p->pumps[i].power, 0.1)                      \
    X(PUMP_##N##_VIBRATION, PUMP_##N, "vibration", pump_vibration(&p->pumps[i]), 0.035) \
    X(PUMP_##N##_STATE, PUMP_##N, "state", pump_state(&p->pumps[i]), 0)                 \
    X(PUMP_##N##_ALARM, PUMP_##N, "alarm", p->pumps[i].alarm, 0)

#define TANK_READINGS(X, N)                                                 \
    X(N##_LEVEL, N, "level", p->tanks[N].volume / TANK_VOLUME * 100, 0.05)  \
    X(N##_TOP, N, "temperatureTop", p->tanks[N].temperature[0], 0.05)       \
    X(N##_MIDDLE, N, "temperatureMiddle", p->tanks[N].temperature[1], 0.05) \
    X(N##_BOTTOM, N, "temperatureBottom", p->tanks[N].temperature[2], 0.05) \
    X(N##_ALARM, N, "alarm", p->tanks[N].alarm, 0)

#define VALVE_READINGS(X, N, i)                                              \
    X(VALVE_##N##_POSITION, VALVE_##N, "position", p->valves[i].position, 0) \
    X(VALVE_##N##_SETPOINT, VALVE_##N, "setpoint", p->valves[i].wish, 0)     \
    X(VALVE_##N##_RPM, VALVE_##N, "actuatorSpeed", p->valves[i].rpm, 0)      \
    X(VALVE_##N##_ALARM, VALVE_##N, "alarm", p->valves[i].alarm, 0)

#define READING_TABLE(X)                                                                            \
    PUMP_READINGS(X, 1, 0)                                                                          \
    PUMP_READINGS(X, 2, 1)                                                                          \
    TANK_READINGS(X, TANK_HOT)                                                                      \
    TANK_READINGS(X, TANK_COLD)                                                                     \
    VALVE_READINGS(X, 1, 0)                                                                         \
    VALVE_READINGS(X, 2, 1)                                                                         \
    VALVE_READINGS(X, 3, 2)                                                                         \
    X(SECONDARY_OUTLET, EXCHANGER, "secondaryOutlet", p->exchanger.temperature, 0.08)               \
    X(PRIMARY_INLET, EXCHANGER, "primaryInlet", p->primary.temperature, 0.08)                       \
    X(PRIMARY_OUTLET, EXCHANGER, "primaryOutlet", p->primary_outlet, 0.08)                          \
    X(SECONDARY_INLET, EXCHANGER, "secondaryInlet", p->secondary_inlet, 0.06)                       \
    X(PRESSURE_DROP, EXCHANGER, "pressureDrop", p->drop, 0.15)                                      \
    X(DUTY, EXCHANGER, "duty", p->duty, 3)                                                          \
    X(EXCHANGER_ALARM, EXCHANGER, "alarm", p->exchanger_alarm, 0)                                   \
    X(OIL, TRANSFORMER, "oilTemperature", p->transformer.oil, 0.05)                                 \
    X(WINDING, TRANSFORMER, "windingTemperature", p->transformer.oil + p->transformer.winding, 0.1) \
    X(LOAD, TRANSFORMER, "load", p->transformer.load * 100, 0.1)                                    \
    X(FANS, TRANSFORMER, "fans", p->transformer.fans, 0)                                            \
    X(TRANSFORMER_ALARM, TRANSFORMER, "alarm", p->transformer.alarm, 0)                             \
    X(METER_FLOW, METER, "flow", p->meter_flow *SECONDS_AN_HOUR, 0.5)                               \
    X(METER_HEAT, METER, "heat", p->heat, 4)                                                        \
    X(METER_SUPPLY, METER, "supplyTemperature", p->supply.temperature, 0.05)                        \
    X(METER_RETURN, METER, "returnTemperature", p->back.temperature, 0.05)                          \
    X(OUTDOOR, WEATHER, "outdoorTemperature", p->outdoor, 0.04)                                     \
    X(WIND, WEATHER, "windSpeed", p->wind, 0.15)

typedef enum Reading {
#define READING_ENUM(name, device, property, value, sigma) READING_##name,
    READING_TABLE(READING_ENUM)
#undef READING_ENUM
        READING_COUNT
} Reading;
_Static_assert((int)READING_COUNT <= SENSORS_MAX, "a sensor each");

static const struct {
    uint8_t device;
    const char *property;
    double sigma;
} readings[READING_COUNT] = {
#define READING_ROW(name, device, property, value, sigma) { DEVICE_##device, property, sigma },
    READING_TABLE(READING_ROW)
#undef READING_ROW
};

static const char *const device_things[DEVICE_COUNT] = {
#define DEVICE_THING(name, thing) thing,
    DEVICE_TABLE(DEVICE_THING)
#undef DEVICE_THING
};

static const char *const alarm_names[] = { "NORMAL", "ACTIVE", "ACKNOWLEDGED" };
static const char *const state_names[] = { "STOPPED",  "STARTING",    "RUNNING",
                                           "STOPPING", "MAINTENANCE", "TRIPPED" };

#define BIAS_STEP  0.02        /* of a resolution step, a measurement */
#define BIAS_MOST  0.7         /* resolution steps */
#define DRIFT_RATE (0.02 / 60) /* of the range a second at severity 1 */

static double read_value(const Plant *p, Reading reading)
{
    switch (reading) {
#define READING_CASE(name, device, property, value, sigma) \
    case READING_##name:                                   \
        return value;
        READING_TABLE(READING_CASE)
#undef READING_CASE
    case READING_COUNT:
        break;
    }
    return 0;
}

/* ---- binding ---- */

static bool is_names(const Property *schema, const char *const *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int64_t code;
        Value value = { .type = VALUE_TEXT, .text = names[i] };
        if (schema->encoding != CHANNEL_ENUM || property_encode(schema, value, NULL, &code) != STATUS_OK) {
            return false;
        }
    }
    return true;
}

/* The declaration must be one that the simulator can keep. */
static bool fits(const Property *schema)
{
    if (strcmp(schema->name, "alarm") == 0) {
        return is_names(schema, alarm_names, ARRAY_COUNT(alarm_names));
    }
    if (strcmp(schema->name, "state") == 0) {
        return is_names(schema, state_names, ARRAY_COUNT(state_names));
    }
    if (strcmp(schema->name, "fans") == 0) {
        return schema->encoding == CHANNEL_BOOLEAN;
    }
    return schema->encoding == CHANNEL_STEPS && isfinite(schema->minimum) && isfinite(schema->maximum);
}

static Status bind_thing(Devices *devices, DeviceId device, TimeNs start, Diag *diag)
{
    const World *world = devices->world;
    const char *id = device_things[device];
    int thing = world_thing_index(world, id);
    if (thing < 0) {
        return diag_set(diag, STATUS_UNSUPPORTED, "world.json", 0,
                        "no simulation for the world '%s': it has no thing '%s'", world->name, id);
    }
    devices->thing_of[device] = thing;
    const ThingModel *model = world->things[thing].model;
    uint32_t bound = 0;
    for (uint32_t i = 0; i < READING_COUNT; i++) {
        if (readings[i].device != device) {
            continue;
        }
        int property = thing_property_index(model, readings[i].property);
        if (property < 0 || !fits(&model->properties[property])) {
            return diag_set(diag, STATUS_UNSUPPORTED, model->path, 0,
                            "no simulation for '%s': its property '%s' is %s", id, readings[i].property,
                            property < 0 ? "missing"
                                         : "declared otherwise than the simulated plant can keep");
        }
        const Property *schema = &model->properties[property];
        /* spread over their period, so that not everything measures at once once it has begun */
        TimeNs spread = schema->period > 0 ? (7 * i * PHYSICAL_STEP) % schema->period : 0;
        devices->sensors[devices->sensor_count++] = (Sensor){ .thing = (uint32_t)thing,
                                                              .property = (uint8_t)property,
                                                              .device = (uint8_t)device,
                                                              .reading = (uint8_t)i,
                                                              .schema = schema,
                                                              .sigma = readings[i].sigma,
                                                              .next = start + spread };
        bound++;
    }
    if (bound != model->property_count) {
        return diag_set(diag, STATUS_UNSUPPORTED, model->path, 0,
                        "no simulation for '%s': it has properties that the simulated plant does not have",
                        id);
    }
    return STATUS_OK;
}

Status devices_bind(Devices *devices, const World *world, uint64_t seed, TimeNs start, Diag *diag)
{
    *devices = (Devices){ .world = world, .random = random_seeded(seed ^ UINT64_C(0x5e4501)) };
    for (uint32_t device = 0; device < DEVICE_COUNT; device++) {
        Status status = bind_thing(devices, (DeviceId)device, start, diag);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

DeviceId devices_at(const Devices *devices, uint32_t thing)
{
    for (uint32_t device = 0; device < DEVICE_COUNT; device++) {
        if (devices->thing_of[device] == (int64_t)thing) {
            return (DeviceId)device;
        }
    }
    return DEVICE_COUNT;
}

/* ---- measuring ---- */

/* A shaft that stands gives no signal but zero. */
static bool stands(const Plant *plant, const Sensor *sensor)
{
    bool pump = sensor->device == DEVICE_PUMP_1 || sensor->device == DEVICE_PUMP_2;
    return pump && plant->pumps[sensor->device == DEVICE_PUMP_2].speed <= 0 &&
           strcmp(sensor->schema->name, "bearingTemperature") != 0;
}

static double spoilt(Devices *devices, const Plant *plant, Sensor *sensor, double value)
{
    const Property *schema = sensor->schema;
    double step = schema->resolution;
    double wander = sensor->bias + BIAS_STEP * step * drift_normal(&devices->random);
    sensor->bias = fmin(fmax(wander, -BIAS_MOST * step), BIAS_MOST * step);
    bool leading = sensor->reading == 0 || readings[sensor->reading - 1].device != sensor->device;
    double severity = leading ? devices->drifting[sensor->device] : 0;
    double seconds = time_to_seconds(schema->period > 0 ? schema->period : TIME_SECOND);
    sensor->drift =
        severity > 0 ? sensor->drift + severity * DRIFT_RATE * seconds * (schema->maximum - schema->minimum)
                     : 0;
    if (!stands(plant, sensor) && sensor->sigma > 0) {
        value += sensor->bias + sensor->sigma * drift_normal(&devices->random);
    }
    /* a healthy sensor stops at the end of its scale; one that has drifted shows that it is broken */
    return sensor->drift > 0 ? value + sensor->drift : fmin(fmax(value, schema->minimum), schema->maximum);
}

static Value value_of(const Sensor *sensor, double value)
{
    switch (sensor->schema->encoding) {
    case CHANNEL_BOOLEAN:
        return (Value){ .type = VALUE_BOOLEAN, .boolean = value > 0.5 };
    case CHANNEL_ENUM: {
        const char *const *names = strcmp(sensor->schema->name, "state") == 0 ? state_names : alarm_names;
        return (Value){ .type = VALUE_TEXT, .text = names[(size_t)value] };
    }
    default:
        return (Value){ .type = VALUE_NUMBER, .number = value };
    }
}

static FieldSample sample_of(const Sensor *sensor, double value, TimeNs time)
{
    FieldSample sample = {
        .thing = sensor->thing, .property = sensor->property, .quality = QUALITY_GOOD, .source_time = time
    };
    if (property_encode(sensor->schema, value_of(sensor, value), NULL, &sample.code) != STATUS_OK) {
        sample.code = 0;
        sample.quality = QUALITY_BAD;
    }
    return sample;
}

size_t devices_measure(Devices *devices, const Plant *plant, FieldSample *out_samples)
{
    size_t count = 0;
    for (uint32_t i = 0; i < devices->sensor_count; i++) {
        Sensor *sensor = &devices->sensors[i];
        bool periodic = sensor->schema->period > 0;
        bool due = plant->time >= sensor->next;
        if (periodic && sensor->told && !due) { /* at the start everything is told once */
            continue;
        }
        double value = read_value(plant, (Reading)sensor->reading);
        if (!periodic && sensor->told && value == sensor->last) {
            continue;
        }
        sensor->last = value;
        sensor->told = true;
        if (periodic) {
            sensor->next += due ? sensor->schema->period : 0;
            value = spoilt(devices, plant, sensor, value);
        }
        out_samples[count++] = sample_of(sensor, value, plant->time);
    }
    return count;
}

TimeNs devices_next_due(const Devices *devices)
{
    TimeNs next = TIME_FOREVER;
    for (uint32_t i = 0; i < devices->sensor_count; i++) {
        const Sensor *sensor = &devices->sensors[i];
        if (sensor->schema->period > 0 && sensor->next < next) {
            next = sensor->next;
        }
    }
    return next;
}
