/* entity.h - a world entity as it is replicated: one table declares its fields, the codec is generated from
 * it. */
#ifndef SHARED_WIRE_ENTITY_H
#define SHARED_WIRE_ENTITY_H
#include "shared/base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTITY_CHANNELS_MAX 16

/* Index and generation: a handle of an entity that is gone never names another one. 0 is no entity. */
typedef struct EntityHandle {
    uint32_t value; /* generation << 20 | index; generation from 1 to 4095, then the slot retires */
} EntityHandle;

#define ENTITY_INDEX_BITS 20
#define ENTITY_INDEX_MAX  ((1u << ENTITY_INDEX_BITS) - 1)

static inline uint32_t entity_index(EntityHandle handle)
{
    return handle.value & ENTITY_INDEX_MAX;
}

typedef enum EntityKind {
    ENTITY_TWIN,
    ENTITY_AVATAR,
    ENTITY_PROP,
    ENTITY_MARKER,
    ENTITY_KIND_COUNT
} EntityKind;

/* X(field, type): the transform of an entity, quantised. position in mm (±1,048 km would overflow at 31 bits:
 * worlds are bounded to ±1,000 km); rotation is smallest-three (quat_pack in quantise.h). */
#define ENTITY_FIELDS(X) \
    X(x_mm, int32_t)     \
    X(y_mm, int32_t)     \
    X(z_mm, int32_t)     \
    X(rotation, uint64_t)

/* One channel: a property's code (value.h), when it was measured, and its quality. */
typedef struct ChannelState {
    int64_t code;
    TimeNs source_time; /* TIME_NONE while quality is NONE (0) */
    uint8_t quality;    /* Quality of shared/model/value.h, 0..3 */
} ChannelState;

typedef struct EntityState {
    EntityHandle handle;
    uint8_t kind;           /* EntityKind */
    uint8_t channel_count;  /* ≤ ENTITY_CHANNELS_MAX, fixed for the life of the handle */
    uint16_t subject;       /* ENTITY_AVATAR: session number; others: 0 */
    uint32_t first_channel; /* in Snapshot.channels */
#define ENTITY_STRUCT_FIELD(field, type) type field;
    ENTITY_FIELDS(ENTITY_STRUCT_FIELD)
#undef ENTITY_STRUCT_FIELD
} EntityState;

/* Of a twin: the index of its thing in World.things, which is that of the entity. */
static inline uint32_t entity_thing(const EntityState *twin)
{
    return entity_index(twin->handle);
}

#endif
