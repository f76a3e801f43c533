#include "shared/wire/snapshot.h"
#include "shared/wire/quantise.h"

#include <assert.h>

#define DEPTH_DEFAULT 64u

/* depth slots, found by sequence modulo depth, and one spare that is being filled: a snapshot that turns out
 * to be malformed has then overwritten nothing, and the baseline may be the very slot that is replaced. */
struct SnapshotRing {
    SnapshotLimits limits;
    Snapshot **slots; /* sequence 0: never committed */
    Snapshot *spare;
};

static Snapshot *new_snapshot(const SnapshotLimits *limits, Arena *arena)
{
    Snapshot *snapshot = arena_new(arena, Snapshot);
    if (!snapshot) {
        return NULL;
    }
    snapshot->entities = arena_new_array(arena, EntityState, limits->entities);
    snapshot->channels = arena_new_array(arena, ChannelState, limits->channels);
    return snapshot->entities && snapshot->channels ? snapshot : NULL;
}

Status snapshot_ring_create(SnapshotLimits limits, Arena *arena, SnapshotRing **out_ring)
{
    limits.depth = limits.depth ? limits.depth : DEPTH_DEFAULT;
    limits.format.rotation_steps = limits.format.rotation_steps ? limits.format.rotation_steps : QUAT_STEPS;
    assert((limits.depth & (limits.depth - 1)) == 0);
    SnapshotRing *ring = arena_new(arena, SnapshotRing);
    Snapshot **slots = arena_new_array(arena, Snapshot *, limits.depth);
    Snapshot *spare = new_snapshot(&limits, arena);
    if (!ring || !slots || !spare) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < limits.depth; i++) {
        slots[i] = new_snapshot(&limits, arena);
        if (!slots[i]) {
            return STATUS_OUT_OF_MEMORY;
        }
    }
    *ring = (SnapshotRing){ .limits = limits, .slots = slots, .spare = spare };
    *out_ring = ring;
    return STATUS_OK;
}

SnapshotLimits snapshot_ring_limits(const SnapshotRing *ring)
{
    return ring->limits;
}

static Snapshot **slot_of(const SnapshotRing *ring, uint32_t sequence)
{
    return &ring->slots[sequence & (ring->limits.depth - 1)];
}

Snapshot *snapshot_ring_begin(SnapshotRing *ring, uint32_t sequence)
{
    snapshot_clear(ring->spare, sequence);
    ring->spare->format = ring->limits.format;
    return ring->spare;
}

void snapshot_ring_commit(SnapshotRing *ring, Snapshot *snapshot)
{
    assert(snapshot == ring->spare && snapshot->sequence != 0);
    assert(snapshot->entity_count <= ring->limits.entities &&
           snapshot->channel_count <= ring->limits.channels);
    Snapshot **slot = slot_of(ring, snapshot->sequence);
    ring->spare = *slot;
    *slot = snapshot;
}

const Snapshot *snapshot_ring_find(const SnapshotRing *ring, uint32_t sequence)
{
    const Snapshot *snapshot = *slot_of(ring, sequence);
    return sequence != 0 && snapshot->sequence == sequence ? snapshot : NULL;
}

bool snapshot_ring_accepts(const SnapshotRing *ring, uint32_t sequence)
{
    const Snapshot *present = *slot_of(ring, sequence);
    return sequence != 0 && (present->sequence == 0 || snapshot_newer(sequence, present->sequence));
}

static const Snapshot *find_in_ring(const void *ring, uint32_t sequence)
{
    return snapshot_ring_find(ring, sequence);
}

SnapshotSource snapshot_ring_source(const SnapshotRing *ring)
{
    return (SnapshotSource){ .find = find_in_ring, .context = ring };
}

Status snapshot_ring_decode(SnapshotRing *ring, uint32_t sequence, TimeNs source_time, Bytes bytes,
                            const Snapshot **out_snapshot)
{
    if (sequence == 0) {
        return STATUS_OUT_OF_RANGE;
    }
    if (!snapshot_ring_accepts(ring, sequence)) {
        return STATUS_DUPLICATE;
    }
    Snapshot *target = snapshot_ring_begin(ring, sequence);
    Status status =
        snapshot_decode(snapshot_ring_source(ring), sequence, source_time, bytes, ring->limits, target);
    if (status == STATUS_OK) {
        snapshot_ring_commit(ring, target);
        *out_snapshot = target;
    }
    return status;
}

const EntityState *snapshot_entity(const Snapshot *snapshot, EntityHandle handle)
{
    uint32_t low = 0, high = snapshot->entity_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const EntityState *entity = &snapshot->entities[middle];
        if (entity->handle.value == handle.value) {
            return entity;
        }
        if (entity_index(entity->handle) < entity_index(handle)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}
