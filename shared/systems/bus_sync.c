#include "shared/systems/bus_sync.h"

#include <stdio.h>
#include <stdlib.h>

#define SCHEMAS_MAX     1024
#define SAMPLES_BASE    ((size_t)1 << 18) /* of a batch, whatever the schema */
#define SAMPLES_A_THING 64

/* ---- schemas ---- */

static uint32_t mix(uint32_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT32_C(16777619); /* FNV-1a */
    }
    return hash;
}

static uint32_t mix_u64(uint32_t hash, uint64_t value)
{
    uint8_t bytes[8];
    bytes_store_u64(bytes, value);
    return mix(hash, bytes, sizeof bytes);
}

static uint32_t mix_double(uint32_t hash, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return mix_u64(hash, bits);
}

static uint32_t model_fingerprint(const ThingModel *model)
{
    uint32_t hash = mix_u64(UINT32_C(2166136261), model->property_count);
    for (uint32_t i = 0; i < model->property_count; i++) {
        const Property *property = &model->properties[i];
        hash = mix(hash, property->name, strlen(property->name));
        hash = mix_u64(hash, (uint64_t)property->encoding << 32 | property->enum_count);
        hash = mix_double(mix_double(hash, property->minimum), property->maximum);
        hash = mix_double(hash, property->resolution);
    }
    return hash;
}

static uint32_t fingerprint(const SyncSchema *schema)
{
    uint32_t hash = mix_u64(UINT32_C(2166136261), schema->thing_count);
    const ThingModel *last = NULL;
    uint32_t of_last = 0;
    for (uint32_t i = 0; i < schema->thing_count; i++) {
        const Thing *thing = &schema->things[i];
        of_last = thing->model == last ? of_last : model_fingerprint(thing->model);
        last = thing->model;
        hash = mix_u64(mix(hash, thing->id, strlen(thing->id)), of_last);
    }
    return hash;
}

void schema_table_finish(SchemaTable *table)
{
    free(table->known);
    *table = (SchemaTable){ 0 };
}

static KnownSchema *find(const SchemaTable *table, const char *system)
{
    for (uint32_t i = 0; i < table->count; i++) {
        if (strcmp(table->known[i].system, system) == 0) {
            return &table->known[i];
        }
    }
    return NULL;
}

const KnownSchema *schema_table_find(const SchemaTable *table, const char *system)
{
    return find(table, system);
}

Status schema_table_set(SchemaTable *table, const char *system, const SyncSchema *schema)
{
    KnownSchema *known = find(table, system);
    if (schema == NULL) {
        if (known != NULL) {
            *known = table->known[--table->count];
        }
        return STATUS_OK;
    }
    if (known == NULL && table->count == table->capacity) {
        uint32_t capacity = table->capacity == 0 ? 8 : table->capacity * 2;
        KnownSchema *larger =
            capacity > SCHEMAS_MAX ? NULL : realloc(table->known, capacity * sizeof *larger);
        if (larger == NULL) {
            return STATUS_CAPACITY;
        }
        table->known = larger;
        table->capacity = capacity;
    }
    if (known == NULL) {
        known = &table->known[table->count++];
        snprintf(known->system, sizeof known->system, "%s", system);
    }
    known->schema = *schema;
    known->fingerprint = fingerprint(schema);
    return STATUS_OK;
}

/* ---- out ---- */

Status bus_sync_send(Transport transport, PeerId peer, const KnownSchema *schema, const BusMessage *message,
                     uint8_t *scratch, size_t *out_size)
{
    if (schema == NULL) {
        return STATUS_NO_BASELINE;
    }
    BusFrame frame = { .type = BUS_FRAME_SYNC, .id = message->id, .schema = schema->fingerprint };
    memcpy(frame.name, schema->system, sizeof frame.name);
    size_t head = bus_frame_write(&frame, scratch), first = 0, total = 0;
    do {
        size_t size = 0;
        Status status = sync_encode(&schema->schema, message->sync, &first, scratch + head,
                                    BUS_SYNC_PACKET_MAX - head, &size);
        if (status == STATUS_OK) {
            status = transport_send(transport, peer, BUS_CHANNEL_SYNC, DELIVERY_RELIABLE,
                                    bytes_of(scratch, head + size));
        }
        if (status != STATUS_OK) {
            return status;
        }
        total += head + size;
    } while (first < message->sync->count);
    *out_size = total;
    return STATUS_OK;
}

/* ---- in ---- */

void sync_assembly_finish(SyncAssembly *assembly)
{
    free(assembly->samples);
    *assembly = (SyncAssembly){ 0 };
}

static Status reserve(SyncAssembly *assembly, const SyncSchema *schema, size_t more)
{
    size_t wanted = assembly->count + more;
    size_t limit = SAMPLES_BASE + (size_t)schema->thing_count * SAMPLES_A_THING;
    if (wanted > limit) {
        return STATUS_CAPACITY;
    }
    if (wanted <= assembly->capacity) {
        return STATUS_OK;
    }
    size_t capacity = assembly->capacity * 2 > wanted ? assembly->capacity * 2 : wanted;
    SyncSample *samples = realloc(assembly->samples, capacity * sizeof *samples);
    if (samples == NULL) {
        return STATUS_CAPACITY;
    }
    assembly->samples = samples;
    assembly->capacity = capacity;
    return STATUS_OK;
}

static Status add(SyncAssembly *assembly, const KnownSchema *schema, const BusFrame *frame)
{
    if (schema == NULL || schema->fingerprint != frame->schema) {
        return STATUS_NO_BASELINE;
    }
    bool continued = frame->rest.size > 1 && (frame->rest.data[1] & SYNC_FLAG_CONTINUED) != 0;
    if (continued && (!assembly->open || strcmp(assembly->system, schema->system) != 0)) {
        return STATUS_MALFORMED;
    }
    if (!continued) {
        assembly->count = assembly->size = 0;
        memcpy(assembly->system, schema->system, sizeof assembly->system);
    }
    Status status = reserve(assembly, &schema->schema, frame->rest.size / SYNC_SAMPLE_SIZE_MIN);
    SyncFrame part;
    if (status == STATUS_OK) {
        status = sync_decode(&schema->schema, frame->rest, assembly->samples, assembly->capacity,
                             &assembly->count, &part);
    }
    if (status != STATUS_OK) {
        return status;
    }
    assembly->size += frame->rest.size;
    assembly->open = part.more;
    assembly->batch = (SyncBatch){ .samples = assembly->samples,
                                   .count = assembly->count,
                                   .source_clock = part.source_clock,
                                   .restarted = part.restarted,
                                   .snapshot = part.snapshot };
    return part.more ? STATUS_EMPTY : STATUS_OK;
}

Status sync_assembly_add(SyncAssembly *assembly, const KnownSchema *schema, const BusFrame *frame)
{
    Status status = add(assembly, schema, frame);
    if (status != STATUS_OK && status != STATUS_EMPTY) {
        assembly->open = false;
        assembly->count = 0;
    }
    return status;
}
