/* bus_local.h - the bus of one process: a hub and its endpoints over bounded queues. Bodies are copied into
 * rings. A SyncBatch of a twin system of this process is passed on as a pointer, any other one is copied.
 * Messages of one endpoint come in order; between endpoints
 * there is none. Pure; all of it has one owner. */
#ifndef SHARED_SYSTEMS_BUS_LOCAL_H
#define SHARED_SYSTEMS_BUS_LOCAL_H
#include "shared/systems/bus.h"

#define BUS_LOCAL_NAME "enabler" /* the hub's, unless told */

/* Zeros mean defaults. */
typedef struct BusLocalConfig {
    const char *name;     /* of the hub; copied */
    uint32_t capacity;    /* messages waiting, of each endpoint and each way; default 1,024 */
    size_t byte_limit;    /* bytes of their bodies; default 64 MiB */
    uint32_t attachments; /* endpoints at a time; default 256 */
} BusLocalConfig;

typedef struct BusLocalCounters {
    uint64_t messages; /* taken over, both ways */
    uint64_t full;     /* refused with STATUS_CAPACITY */
    uint64_t refused;  /* not allowed by the table */
} BusLocalCounters;

/* STATUS_OUT_OF_MEMORY, STATUS_INVALID_ARGUMENT (name). When the hub is destroyed before its endpoints, they
 * see BUS_DOWN and can only be destroyed. */
NODISCARD Status bus_local_create(const BusLocalConfig *config, Bus *out_hub);

/* A new endpoint: BUS_UP follows on both sides; destroying it is BUS_DOWN at the hub, and what was waiting is
 * dropped. The name may be attached again then. STATUS_INVALID_ARGUMENT (name; a kind that has no endpoint),
 * STATUS_DUPLICATE (the name is attached), STATUS_CAPACITY, STATUS_OUT_OF_MEMORY. */
NODISCARD Status bus_local_attach(Bus hub, SystemKind kind, const char *name, Bus *out_endpoint);

/* Pulls the cable of an endpoint, or puts it back: BUS_DOWN or BUS_UP on both sides, what was waiting is
 * dropped. For tests of what comes back by itself. */
void bus_local_cut(Bus endpoint, bool cut);

bool bus_local_attached(Bus hub, const char *name);

const BusLocalCounters *bus_local_counters(Bus hub);

#endif
