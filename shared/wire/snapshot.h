/* snapshot.h - the whole replicated world at one tick, kept in a ring and sent as a delta to an acknowledged
 * baseline. Pure: no I/O, no clock. Not thread-safe; one owner. The codec sits behind snapshot_encode /
 * snapshot_decode; an entropy coder replaces its inside without touching a caller. Packet layout:
 * shared/PROTOCOL.md, "Snapshot". */
#ifndef SHARED_WIRE_SNAPSHOT_H
#define SHARED_WIRE_SNAPSHOT_H
#include "shared/base/arena.h"
#include "shared/base/bytes.h"
#include "shared/base/status.h"
#include "shared/wire/entity.h"

/* Entities ascend by entity_index(handle). Owned by the ring (or by whoever filled it). */
typedef struct Snapshot {
    uint32_t sequence;   /* from 1, wraps; compared with snapshot_newer */
    TimeNs server_time;  /* server's monotonic clock at the tick */
    TimeNs source_time;  /* source clock at the tick (replay cursor or wall clock); TIME_NONE: no feed */
    uint32_t text_count; /* texts of the TextTable that channels may refer to */
    EntityState *entities;
    uint32_t entity_count;
    ChannelState *channels;
    uint32_t channel_count;
} Snapshot;

typedef struct SnapshotLimits {
    uint32_t entities; /* most entities in a snapshot */
    uint32_t channels; /* most channels over all of them */
    uint32_t depth;    /* snapshots remembered, a power of two; 0: 64 */
} SnapshotLimits;

typedef struct SnapshotRing SnapshotRing; /* opaque; storage allocated once at creation */

/* STATUS_OUT_OF_MEMORY; *out_ring is then unchanged. `arena` owns the ring; there is no destroy. */
NODISCARD Status snapshot_ring_create(SnapshotLimits limits, Arena *arena, SnapshotRing **out_ring);

/* The slot to fill for `sequence` (not 0; entities/channels point at storage of full capacity, counts 0). It
 * takes the place of sequence - depth, and is found by snapshot_ring_find, only after snapshot_ring_commit;
 * beginning again before that reuses it. */
Snapshot *snapshot_ring_begin(SnapshotRing *ring, uint32_t sequence);
void snapshot_ring_commit(SnapshotRing *ring, Snapshot *snapshot);

/* The committed snapshot with `sequence`, or NULL when it was never there or has been overwritten. */
const Snapshot *snapshot_ring_find(const SnapshotRing *ring, uint32_t sequence);

/* True when `sequence` is neither committed already nor so old that a newer one has its slot. */
bool snapshot_ring_accepts(const SnapshotRing *ring, uint32_t sequence);

/* The limits it was created with; depth filled in. */
SnapshotLimits snapshot_ring_limits(const SnapshotRing *ring);

/* a newer than b, with 32-bit wrap. */
static inline bool snapshot_newer(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

/* Writes `snapshot` as a delta to `baseline` (NULL: against nothing; else an older one) into `out`; out->size
 * is set. Depends on nothing but the two, so that one encoding serves every client with that baseline. The
 * entities must be valid and ascend (asserted). STATUS_CAPACITY when `out` is too small (nothing usable is
 * then in it). */
NODISCARD Status snapshot_encode(const Snapshot *snapshot, const Snapshot *baseline, ByteBuffer *out);

/* What a snapshot is told against. The receiver must have all of them: an acknowledged baseline, and up to
 * two snapshots before it (at most 255 sequences) that were acknowledged too, from which both ends see how
 * things move: one just before it and one about as far before it as it is before the snapshot coded. */
typedef struct SnapshotBase {
    const Snapshot *baseline, *recent, *old; /* NULL: none; recent and old only with a baseline */
} SnapshotBase;

/* As snapshot_encode, which is this without recent and old. The packet names all three. */
NODISCARD Status snapshot_encode_with(const Snapshot *snapshot, const SnapshotBase *base, ByteBuffer *out);

/* Bytes that snapshot_encode would write. */
size_t snapshot_measure(const Snapshot *snapshot, const Snapshot *baseline);

/* Decodes `bytes` (untrusted) against the baseline it names in `ring`, commits the result and points
 * *out_snapshot at it (valid until the ring overwrites it). On failure *out_snapshot is unchanged and the
 * ring is not advanced: TRUNCATED, MALFORMED, OUT_OF_RANGE (sequence 0, counts beyond the limits, indices not
 * ascending, a field beyond its range), NO_BASELINE, DUPLICATE (that sequence is already committed, or too
 * old). */
NODISCARD Status snapshot_decode(SnapshotRing *ring, Bytes bytes, const Snapshot **out_snapshot);

/* The sequence and baseline named in the header of an encoded snapshot (baseline 0: none). STATUS_TRUNCATED,
 * STATUS_OUT_OF_RANGE. */
NODISCARD Status snapshot_peek(Bytes bytes, uint32_t *out_sequence, uint32_t *out_baseline);

/* The entity at `index`'s handle in `snapshot`, by binary search, or NULL. */
const EntityState *snapshot_entity(const Snapshot *snapshot, EntityHandle handle);

#endif
