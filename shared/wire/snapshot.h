/* snapshot.h - a set of entities at one tick, and its code as a delta to versions that both ends hold.
 * What travels is the version of a cell (cell_history.h); what a client shows is all of them put together
 * (replica.h). Pure: no I/O, no clock. Not thread-safe; one owner. Layout: shared/PROTOCOL.md, "Cells". */
#ifndef SHARED_WIRE_SNAPSHOT_H
#define SHARED_WIRE_SNAPSHOT_H
#include "shared/base/arena.h"
#include "shared/base/bytes.h"
#include "shared/base/status.h"
#include "shared/wire/entity.h"

/* What sender and receiver have agreed on about entities: positions are integers of any unit, rotations are
 * packed with so many steps to a component (quantise.h). */
typedef struct SnapshotFormat {
    uint32_t rotation_steps; /* 2..65535; 0: QUAT_STEPS */
} SnapshotFormat;

/* Entities ascend by entity_index(handle). Owned by the ring (or by whoever filled it). The clocks and the
 * number of texts are those of a whole world; a cell's version leaves them at what snapshot_clear sets. */
typedef struct Snapshot {
    uint32_t sequence;   /* from 1, wraps and skips 0; compared with snapshot_newer */
    TimeNs server_time;  /* server's monotonic clock at the tick */
    TimeNs source_time;  /* source clock at the tick (replay cursor or wall clock); TIME_NONE: no feed */
    uint32_t text_count; /* texts of the TextTable that channels may refer to */
    EntityState *entities;
    uint32_t entity_count;
    ChannelState *channels;
    uint32_t channel_count;
    SnapshotFormat format; /* the ring's */
} Snapshot;

typedef struct SnapshotLimits {
    uint32_t entities; /* most entities in a snapshot */
    uint32_t channels; /* most channels over all of them */
    uint32_t depth;    /* of a ring: snapshots remembered, a power of two; 0: 64 */
    SnapshotFormat format;
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

/* Empties `snapshot` for `sequence`; its storage stays. */
static inline void snapshot_clear(Snapshot *snapshot, uint32_t sequence)
{
    *snapshot = (Snapshot){ .sequence = sequence,
                            .source_time = TIME_NONE,
                            .entities = snapshot->entities,
                            .channels = snapshot->channels };
}

#define SNAPSHOT_OLDER   3
#define SNAPSHOT_AGE_MAX 255

/* What a snapshot is told against. The receiver must have all of them: an acknowledged baseline, and up to
 * five snapshots before it (at most 255 sequences) that were acknowledged too, from which both ends see how
 * things move. Any may be missing. Best are: one just before the baseline; one as far before it as it is
 * before the snapshot coded; and those twice, four and eight times as far. */
typedef struct SnapshotBase {
    const Snapshot *baseline, *recent, *old; /* NULL: none; the others only with a baseline */
    const Snapshot *older[SNAPSHOT_OLDER];   /* each older than the one before */
    TimeNs source_time;                      /* that sample times are told from; any that both ends know */
} SnapshotBase;

/* Writes the entities of `snapshot` as a delta to `base` (all older; none: against nothing) into `out`;
 * out->size is set. Depends on nothing but those, so that one encoding serves every client that has them; the
 * code names them by their distance, not the sequence itself. The entities must be valid and ascend
 * (asserted). STATUS_CAPACITY when `out` is too small (nothing usable is then in it). */
NODISCARD Status snapshot_encode_with(const Snapshot *snapshot, const SnapshotBase *base, ByteBuffer *out);

/* As snapshot_encode_with against a baseline (or NULL) alone. */
NODISCARD Status snapshot_encode(const Snapshot *snapshot, const Snapshot *baseline, ByteBuffer *out);

/* Bytes that snapshot_encode would write. */
size_t snapshot_measure(const Snapshot *snapshot, const Snapshot *baseline);

/* Where a decoder finds what it has: NULL for a sequence that it has not. */
typedef struct SnapshotSource {
    const Snapshot *(*find)(const void *context, uint32_t sequence);
    const void *context; /* borrowed */
} SnapshotSource;

SnapshotSource snapshot_ring_source(const SnapshotRing *ring);

/* Decodes `bytes` (untrusted), the code of the entities at `sequence` (not 0) with sample times told from
 * `source_time`, against what they name in `known`, into `target`, which has room for `limits` and is emptied
 * first. Whatever the outcome nothing else changes; on failure what `target` holds is of no use: TRUNCATED,
 * MALFORMED, OUT_OF_RANGE (counts beyond `limits`, indices not ascending, a field beyond its range),
 * NO_BASELINE. */
NODISCARD Status snapshot_decode(SnapshotSource known, uint32_t sequence, TimeNs source_time, Bytes bytes,
                                 SnapshotLimits limits, Snapshot *target);

/* The same against and into `ring`: commits the result and points *out_snapshot at it (valid until the ring
 * overwrites it). On failure *out_snapshot is unchanged and the ring is not advanced; also DUPLICATE (that
 * sequence is already committed, or too old) and OUT_OF_RANGE for sequence 0. */
NODISCARD Status snapshot_ring_decode(SnapshotRing *ring, uint32_t sequence, TimeNs source_time, Bytes bytes,
                                      const Snapshot **out_snapshot);

/* The entity at `index`'s handle in `snapshot`, by binary search, or NULL. */
const EntityState *snapshot_entity(const Snapshot *snapshot, EntityHandle handle);

#endif
