/* What can be broken from outside, by name. */
#include "server/physical/device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum FaultId {
#define FAULT_ENUM(name, text) FAULT_##name,
    PHYSICAL_FAULT_TABLE(FAULT_ENUM)
#undef FAULT_ENUM
        FAULT_COUNT
} FaultId;

static const char *const fault_names[FAULT_COUNT] = {
#define FAULT_NAME(name, text) text,
    PHYSICAL_FAULT_TABLE(FAULT_NAME)
#undef FAULT_NAME
};

#define NEW_BEARING 0.05

static FaultId fault_parse(const char *text)
{
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        if (strcmp(fault_names[i], text) == 0) {
            return (FaultId)i;
        }
    }
    return FAULT_COUNT;
}

static bool within(DeviceId device, DeviceId first, DeviceId last)
{
    return device >= first && device <= last;
}

static void wear_bearing(Pump *pump, double severity)
{
    pump->wear_rate = severity;
    if (severity <= 0) {
        pump->wear = NEW_BEARING;
    }
}

Status device_inject(Devices *devices, Plant *plant, const char *thing, const char *fault, double severity)
{
    int index = world_thing_index(devices->world, thing);
    DeviceId device = index < 0 ? DEVICE_COUNT : devices_at(devices, (uint32_t)index);
    FaultId id = fault_parse(fault);
    if (device == DEVICE_COUNT || id == FAULT_COUNT) {
        return STATUS_NOT_FOUND;
    }
    if (!(severity >= 0 && severity <= 1)) {
        return STATUS_OUT_OF_RANGE;
    }
    bool tank = within(device, DEVICE_TANK_HOT, DEVICE_TANK_COLD);
    bool pump = within(device, DEVICE_PUMP_1, DEVICE_PUMP_2);
    bool valve = within(device, DEVICE_VALVE_1, DEVICE_VALVE_3);
    if (id == FAULT_LEAK && tank) {
        plant->tanks[device - DEVICE_TANK_HOT].leak = severity;
    } else if (id == FAULT_STUCK_VALVE && valve) {
        plant->valves[device - DEVICE_VALVE_1].jam = severity;
    } else if (id == FAULT_BEARING_WEAR && pump) {
        wear_bearing(&plant->pumps[device - DEVICE_PUMP_1], severity);
    } else if (id == FAULT_MAINTENANCE && pump) {
        plant->pumps[device - DEVICE_PUMP_1].locked_out = severity > 0;
    } else if (id == FAULT_BLOCKED_EXCHANGER && device == DEVICE_EXCHANGER) {
        plant->blocked = severity;
    } else if (id == FAULT_SENSOR_DRIFT) {
        devices->drifting[device] = severity;
    } else {
        return STATUS_UNSUPPORTED;
    }
    return STATUS_OK;
}

Status physical_fault_parse(char *text, PhysicalFault *out_fault)
{
    char *fault = strchr(text, ':');
    char *severity = fault == NULL ? NULL : strchr(fault + 1, ':');
    double number = 1;
    if (fault == NULL || fault == text || fault[1] == '\0' || fault[1] == ':') {
        return STATUS_MALFORMED;
    }
    if (severity != NULL) {
        char *end;
        number = strtod(severity + 1, &end);
        if (end == severity + 1 || *end != '\0' || !isfinite(number)) {
            return STATUS_MALFORMED;
        }
        *severity = '\0';
    }
    *fault = '\0';
    *out_fault = (PhysicalFault){ .thing = text, .fault = fault + 1, .severity = number };
    return STATUS_OK;
}
