#include "shared/systems/bus_join.h"

#include <stdlib.h>

typedef struct Join {
    Bus hubs[2];
    unsigned turn; /* polled first: neither starves the other */
} Join;

static Status join_send(void *context, const BusMessage *message)
{
    Join *join = context;
    Status status = bus_send(join->hubs[0], message);
    return status == STATUS_DISCONNECTED ? bus_send(join->hubs[1], message) : status;
}

static Status join_poll(void *context, TimeNs now, BusEvent *out_event)
{
    Join *join = context;
    Status status = STATUS_EMPTY;
    for (unsigned i = 0; i < 2; i++) {
        join->turn ^= 1;
        Status polled = bus_poll(join->hubs[join->turn], now, out_event);
        if (polled == STATUS_OK) {
            return STATUS_OK;
        }
        status = polled == STATUS_EMPTY ? status : polled;
    }
    return status;
}

static void join_flush(void *context, TimeNs now)
{
    Join *join = context;
    bus_flush(join->hubs[0], now);
    bus_flush(join->hubs[1], now);
}

/* One of the two is inside of this process, and has nothing to wait for. */
static int join_wake_fd(const void *context)
{
    const Join *join = context;
    int first = bus_wake_fd(join->hubs[0]);
    return first >= 0 ? first : bus_wake_fd(join->hubs[1]);
}

static void join_set_tap(void *context, BusTap tap)
{
    Join *join = context;
    bus_set_tap(join->hubs[0], tap);
    bus_set_tap(join->hubs[1], tap);
}

static Status join_set_schema(void *context, const char *system, const SyncSchema *schema)
{
    Join *join = context;
    Status status = bus_set_schema(join->hubs[0], system, schema);
    return status == STATUS_OK ? bus_set_schema(join->hubs[1], system, schema) : status;
}

static void join_destroy(void *context)
{
    Join *join = context;
    bus_destroy(join->hubs[0]);
    bus_destroy(join->hubs[1]);
    free(join);
}

static const BusOps join_ops = { .send = join_send,
                                 .poll = join_poll,
                                 .flush = join_flush,
                                 .wake_fd = join_wake_fd,
                                 .set_tap = join_set_tap,
                                 .set_schema = join_set_schema,
                                 .destroy = join_destroy };

Status bus_join_create(Bus first, Bus second, Bus *out_hub)
{
    Join *join = malloc(sizeof *join);
    if (join == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    *join = (Join){ .hubs = { first, second } };
    *out_hub = (Bus){ .ops = &join_ops, .context = join };
    return STATUS_OK;
}
