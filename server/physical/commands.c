/* Commands at the device: what the Thing Description allows, then what the device itself allows. A refusal is
 * a sentence for the person who asked. */
#include "server/physical/device.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FANS_NEEDED 60.0 /* degC: the thermostat lets nobody stop the fans above */
#define START_SPEED 750.0

typedef struct Order {
    const Devices *devices;
    Plant *plant;
    DeviceId device;
    const Thing *thing;
    const Action *action;
    Value value; /* zeroed when none came */
    FieldAnswer *answer;
} Order;

static void refuse(const Order *order, const char *why)
{
    order->answer->accepted = false;
    snprintf(order->answer->reason, sizeof order->answer->reason, "%s", why);
}

static void refuse_because(const Order *order, const char *before, const char *why, const char *after)
{
    order->answer->accepted = false;
    snprintf(order->answer->reason, sizeof order->answer->reason, "%s%s%s", before, why, after);
}

/* ---- pumps ---- */

static void pump_set_speed(const Order *order, Pump *pump)
{
    if (pump->locked_out) {
        refuse(order, "the pump is locked out for maintenance");
    } else if (pump->latched) {
        refuse_because(order, "the pump has stopped because ", pump->why, ": start it first");
    } else {
        pump->by_hand = true;
        pump->wish = order->value.number;
    }
}

static void pump_start(const Order *order, Pump *pump)
{
    if (pump->locked_out) {
        refuse(order, "the pump is locked out for maintenance");
        return;
    }
    pump->latched = false;
    pump->fault_trip = false;
    pump->by_hand = false;
    pump->why = NULL;
    const Pump *other = &order->plant->pumps[order->device == DEVICE_PUMP_1 ? 1 : 0];
    pump->wish = fmax(fmax(pump->wish, other->speed), START_SPEED); /* slower it would lift nothing */
}

static void command_pump(const Order *order, Pump *pump)
{
    const char *name = order->action->name;
    if (strcmp(name, "setSpeed") == 0) {
        pump_set_speed(order, pump);
    } else if (strcmp(name, "start") == 0) {
        pump_start(order, pump);
    } else if (strcmp(name, "emergencyStop") == 0) {
        pump_stop_at_once(pump, "somebody pressed its emergency stop");
    } else {
        refuse(order, "the pump does not know this action");
    }
}

/* ---- valves ---- */

static void valve_set_position(const Order *order, Valve *valve)
{
    bool opens = order->value.number > valve->position;
    if (valve->latched) {
        refuse(order, "the valve is in emergency stop: release it first");
    } else if (order->device == DEVICE_VALVE_1 && order->plant->hot_shut && opens) {
        refuse(
            order,
            "the supply is too hot for the district: the valve stays shut until it has cooled below 88 degC");
    } else {
        valve->by_hand = true;
        valve->wish = order->value.number;
    }
}

static void command_valve(const Order *order, Valve *valve)
{
    const char *name = order->action->name;
    if (strcmp(name, "setPosition") == 0) {
        valve_set_position(order, valve);
    } else if (strcmp(name, "emergencyStop") == 0) {
        valve->latched = true;
        valve->by_hand = true;
        valve->wish = valve->position;
    } else if (strcmp(name, "release") == 0) {
        valve->latched = false;
        if (order->device == DEVICE_VALVE_1 && order->plant->hot_shut) {
            valve->wish = 0;
        } else {
            valve->by_hand = false;
        }
    } else {
        refuse(order, "the valve does not know this action");
    }
}

/* ---- the others ---- */

static void command_transformer(const Order *order)
{
    Transformer *transformer = &order->plant->transformer;
    if (strcmp(order->action->name, "setFans") != 0) {
        refuse(order, "the transformer does not know this action");
    } else if (!order->value.boolean && transformer->fans && transformer->oil > FANS_NEEDED) {
        refuse(order, "the oil is above 60 degC: the thermostat keeps the fans on");
    } else {
        transformer->fans_by_hand = order->value.boolean;
    }
}

static AlarmState *alarm_of(const Order *order)
{
    Plant *plant = order->plant;
    switch (order->device) {
    case DEVICE_PUMP_1:
    case DEVICE_PUMP_2:
        return &plant->pumps[order->device - DEVICE_PUMP_1].alarm;
    case DEVICE_TANK_HOT:
    case DEVICE_TANK_COLD:
        return &plant->tanks[order->device - DEVICE_TANK_HOT].alarm;
    case DEVICE_VALVE_1:
    case DEVICE_VALVE_2:
    case DEVICE_VALVE_3:
        return &plant->valves[order->device - DEVICE_VALVE_1].alarm;
    case DEVICE_EXCHANGER:
        return &plant->exchanger_alarm;
    case DEVICE_TRANSFORMER:
        return &plant->transformer.alarm;
    default:
        return NULL;
    }
}

static void acknowledge(const Order *order)
{
    AlarmState *alarm = alarm_of(order);
    if (alarm == NULL || *alarm == ALARM_NORMAL) {
        refuse(order, "there is no alarm to acknowledge");
    } else if (*alarm == ALARM_ACKNOWLEDGED) {
        refuse(order, "the alarm is acknowledged already");
    } else {
        *alarm = ALARM_ACKNOWLEDGED;
    }
}

static void carry_out(const Order *order)
{
    Plant *plant = order->plant;
    if (strcmp(order->action->name, "acknowledge") == 0) {
        acknowledge(order);
        return;
    }
    switch (order->device) {
    case DEVICE_PUMP_1:
    case DEVICE_PUMP_2:
        command_pump(order, &plant->pumps[order->device - DEVICE_PUMP_1]);
        break;
    case DEVICE_VALVE_1:
    case DEVICE_VALVE_2:
    case DEVICE_VALVE_3:
        command_valve(order, &plant->valves[order->device - DEVICE_VALVE_1]);
        break;
    case DEVICE_TRANSFORMER:
        command_transformer(order);
        break;
    default:
        refuse(order, "this thing only measures");
        break;
    }
}

static bool input_is_good(const Order *order, const Value *value)
{
    const Action *action = order->action;
    char why[sizeof order->answer->reason];
    switch (action_check_input(action, value)) {
    case STATUS_OK:
        return true;
    case STATUS_OUT_OF_RANGE:
        snprintf(why, sizeof why, "\"%s\" takes %g to %g %s", action->name, action->input_minimum,
                 action->input_maximum, action->input_unit);
        break;
    default:
        snprintf(why, sizeof why,
                 action->has_input ? "\"%s\" needs another kind of value" : "\"%s\" takes no value",
                 action->name);
        break;
    }
    refuse(order, why);
    return false;
}

void device_command(const Devices *devices, Plant *plant, const FieldCommand *command,
                    FieldAnswer *out_answer)
{
    Order order = { .devices = devices,
                    .plant = plant,
                    .device = devices_at(devices, command->thing),
                    .answer = out_answer };
    *out_answer = (FieldAnswer){ .accepted = true };
    memcpy(out_answer->command, command->command, sizeof out_answer->command);
    out_answer->command[sizeof out_answer->command - 1] = '\0';
    if (order.device == DEVICE_COUNT) {
        refuse(&order, "the plant has no such thing");
        return;
    }
    order.thing = &devices->world->things[command->thing];
    if (command->action >= order.thing->model->action_count) {
        refuse(&order, "the thing has no such action");
        return;
    }
    order.action = &order.thing->model->actions[command->action];
    if (command->has_value) {
        order.value = command->value;
    }
    if (input_is_good(&order, command->has_value ? &command->value : NULL)) {
        carry_out(&order);
    }
}
