/* device.h - the plant seen through its sensors and actuators: which thing is which device, what its sensors
 * say, what it is asked to do. Included by server/physical only. */
#ifndef SERVER_PHYSICAL_DEVICE_H
#define SERVER_PHYSICAL_DEVICE_H
#include "server/physical/physical.h"
#include "server/physical/plant.h"

/* X(NAME, thing id): the things of the plant, in the order of the tables below. */
#define DEVICE_TABLE(X)            \
    X(PUMP_1, "pump-1")            \
    X(PUMP_2, "pump-2")            \
    X(TANK_HOT, "tank-hot")        \
    X(TANK_COLD, "tank-cold")      \
    X(VALVE_1, "valve-1")          \
    X(VALVE_2, "valve-2")          \
    X(VALVE_3, "valve-3")          \
    X(EXCHANGER, "heat-exchanger") \
    X(TRANSFORMER, "transformer")  \
    X(METER, "heat-meter")         \
    X(WEATHER, "weather")

typedef enum DeviceId {
#define DEVICE_ENUM(name, thing) DEVICE_##name,
    DEVICE_TABLE(DEVICE_ENUM)
#undef DEVICE_ENUM
        DEVICE_COUNT
} DeviceId;

#define SENSORS_MAX 96

/* One property of one thing. */
typedef struct Sensor {
    uint32_t thing;
    uint8_t property;
    uint8_t device;  /* DeviceId */
    uint8_t reading; /* what it measures, sensors.c */
    const Property *schema;
    double sigma; /* of its noise, in the property's unit */
    double bias;  /* creeps by itself within about one resolution step */
    double drift; /* of the fault: off by so much */
    TimeNs next;  /* periodic: when it measures next, Unix ns */
    double last;  /* on change: what it told last */
    bool told;    /* it has told something */
} Sensor;

typedef struct Devices {
    const World *world;
    Random random;                  /* of noise; the plant has its own, so that looking does not change it */
    int64_t thing_of[DEVICE_COUNT]; /* index in the world */
    double drifting[DEVICE_COUNT];  /* severity of sensor-drift */
    Sensor sensors[SENSORS_MAX];
    uint32_t sensor_count;
} Devices;

/* Finds the plant's things in the world. Statuses and `diag` as physical_create. */
NODISCARD Status devices_bind(Devices *devices, const World *world, uint64_t seed, TimeNs start, Diag *diag);

/* Measures what is due after a step, into at most SENSORS_MAX samples; returns how many. */
size_t devices_measure(Devices *devices, const Plant *plant, FieldSample *out_samples);

/* When a sensor measures next, Unix ns; those that tell changes are not counted. */
TimeNs devices_next_due(const Devices *devices);

/* DEVICE_COUNT when the thing is none of the plant's. */
DeviceId devices_at(const Devices *devices, uint32_t thing);

/* Does what `command` asks, or says why not: limits of the Thing Description, then the device's own
 * interlocks. */
void device_command(const Devices *devices, Plant *plant, const FieldCommand *command,
                    FieldAnswer *out_answer);

/* physical_inject without the time. */
NODISCARD Status device_inject(Devices *devices, Plant *plant, const char *thing, const char *fault,
                               double severity);

#endif
