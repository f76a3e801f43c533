#include "shared/systems/bus.h"

static bool is_sync(FamilyId id)
{
    return id == DII_SYNC || id == MII_SYNC || id == SII_SYNC;
}

Status bus_send(Bus bus, const BusMessage *message)
{
    if (family_rule((uint8_t)message->id) == NULL) {
        return STATUS_NOT_ALLOWED;
    }
    if (message->body.size > BUS_BODY_MAX) {
        return STATUS_OUT_OF_RANGE;
    }
    if (is_sync(message->id) != (message->sync != NULL) || is_sync(message->id) == (message->body.size > 0)) {
        return STATUS_INVALID_ARGUMENT;
    }
    return bus.ops->send(bus.context, message);
}

Status bus_poll(Bus bus, TimeNs now, BusEvent *out_event)
{
    return bus.ops->poll(bus.context, now, out_event);
}

void bus_flush(Bus bus, TimeNs now)
{
    bus.ops->flush(bus.context, now);
}

int bus_wake_fd(Bus bus)
{
    return bus.ops->wake_fd == NULL ? -1 : bus.ops->wake_fd(bus.context);
}

void bus_set_tap(Bus hub, BusTap tap)
{
    if (hub.ops->set_tap != NULL) {
        hub.ops->set_tap(hub.context, tap);
    }
}

Status bus_set_schema(Bus bus, const char *system, const SyncSchema *schema)
{
    if (!system_name_valid(system)) {
        return STATUS_INVALID_ARGUMENT;
    }
    return bus.ops->set_schema == NULL ? STATUS_OK : bus.ops->set_schema(bus.context, system, schema);
}

void bus_destroy(Bus bus)
{
    if (bus.ops != NULL) {
        bus.ops->destroy(bus.context);
    }
}
