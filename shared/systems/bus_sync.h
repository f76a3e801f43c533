/* bus_sync.h - SYNC messages on their way between processes: which schema a system has, batches cut into
 * packets, packets put together again. Included by the bus between processes only. Pure. */
#ifndef SHARED_SYSTEMS_BUS_SYNC_H
#define SHARED_SYSTEMS_BUS_SYNC_H
#include "shared/systems/bus_frame.h"
#include "shared/systems/sync_codec.h"
#include "shared/wire/transport.h"

typedef struct KnownSchema {
    char system[SYSTEM_NAME_SIZE];
    SyncSchema schema;
    uint32_t fingerprint; /* both sides must mean the same things by the same numbers */
} KnownSchema;

typedef struct SchemaTable {
    KnownSchema *known;
    uint32_t count, capacity;
} SchemaTable;

void schema_table_finish(SchemaTable *table);
const KnownSchema *schema_table_find(const SchemaTable *table, const char *system);
/* NULL forgets. STATUS_CAPACITY. */
NODISCARD Status schema_table_set(SchemaTable *table, const char *system, const SyncSchema *schema);

/* Sends a SYNC as packets to `peer`; *out_size is what they have together. `scratch` has
 * BUS_SYNC_PACKET_MAX bytes. STATUS_NO_BASELINE (no schema), STATUS_OUT_OF_RANGE (not by the schema), those
 * of transport_send: part of it may be on its way then, and is dropped when the next batch comes. */
NODISCARD Status bus_sync_send(Transport transport, PeerId peer, const KnownSchema *schema,
                               const BusMessage *message, uint8_t *scratch, size_t *out_size);

#define BUS_SYNC_PACKET_MAX ((size_t)48 << 10)

/* A batch that comes in packets. */
typedef struct SyncAssembly {
    char system[SYSTEM_NAME_SIZE];
    SyncSample *samples; /* owned */
    size_t count, capacity;
    size_t size; /* bytes of its packets */
    bool open;   /* more of it is to come */
    SyncBatch batch;
} SyncAssembly;

void sync_assembly_finish(SyncAssembly *assembly);

/* Adds a packet. STATUS_OK: `batch` is complete, and good until the next call. STATUS_EMPTY: more is to come.
 * Else nothing is kept: STATUS_NO_BASELINE (no schema, or another one than the sender's), those of
 * sync_decode, STATUS_CAPACITY (too many samples), STATUS_MALFORMED (a part of nothing). */
NODISCARD Status sync_assembly_add(SyncAssembly *assembly, const KnownSchema *schema, const BusFrame *frame);

#endif
