/* replica.h - a client's copy of the replicated world: takes packets in whatever order they come, keeps the
 * versions of the cells, says what it has, and puts the world of any recent tick together.
 * What it shows of an entity is always a state that the server had; a cell whose news is lost or late stays
 * at its last version. Pure; one owner. */
#ifndef SHARED_WIRE_REPLICA_H
#define SHARED_WIRE_REPLICA_H
#include "shared/wire/cell_history.h"
#include "shared/wire/snapshot_packet.h"

typedef struct Replica Replica; /* opaque */

/* From WELCOME. */
typedef struct ReplicaLimits {
    uint32_t entities, channels; /* in the whole world that one client sees */
    uint32_t cells;              /* ids are below */
    uint32_t history;            /* versions remembered of each cell, 2..CELL_HISTORY_MAX */
} ReplicaLimits;

/* `arena` owns everything; versions take at most `memory` bytes of it, the rest is in proportion to the
 * limits. STATUS_OUT_OF_MEMORY. */
NODISCARD Status replica_create(ReplicaLimits limits, size_t memory, Arena *arena, Replica **out_replica);

/* What a packet said. */
typedef struct ReplicaNews {
    PacketHead head;
    bool late;  /* a packet with a greater number came before */
    bool moved; /* something is not where the newest version before had it, or has come or gone */
} ReplicaNews;

/* Takes the body of a SNAPSHOT message (untrusted). On STATUS_OK the packet will be acknowledged. Otherwise
 * what is said of it is: DUPLICATE (has been here, or is more than 32 older than the newest), NO_BASELINE (it
 * is told against something that is not here), OUT_OF_MEMORY, or TRUNCATED, MALFORMED, OUT_OF_RANGE; records
 * before the one that cannot be taken count. *out_news is set on STATUS_OK. */
NODISCARD Status replica_receive(Replica *replica, Bytes body, ReplicaNews *out_news);

/* What to acknowledge: the newest packet taken (0: none), and in bit i whether the one i + 1 before it was.
 */
void replica_acknowledgement(const Replica *replica, uint32_t *out_newest, uint32_t *out_mask);

/* Forgets everything but what can be shown already; the server is to begin again from nothing (the
 * acknowledgement is 0 until the next packet is taken). */
void replica_restart(Replica *replica);

/* The frame of a tick that a packet came of, or NULL. */
const SnapshotFrame *replica_frame(const Replica *replica, uint32_t sequence);

/* The world as it was at the frame `sequence`, as far as it is known here: of each cell the version of then.
 * An entity that has left its cell and is in no other one yet stays for REPLICA_LIMBO. NULL when there is no
 * such frame. Valid until the next replica_receive, or the fourth other sequence asked for. */
#define REPLICA_LIMBO (300 * TIME_MS)
const Snapshot *replica_compose(Replica *replica, uint32_t sequence);

/* The newest state of the entity with `handle`, or NULL. Valid until the next replica_receive. */
const EntityState *replica_entity(const Replica *replica, EntityHandle handle);

/* The state that replica_entity gives is as of the frame of the packet with `head`, the one taken last: that
 * packet told it, or every packet since the one that did has been taken, or what was in those that were not
 * would have come again by now (a second). */
bool replica_current(const Replica *replica, EntityHandle handle, const PacketHead *head);

/* The newest state of the first entity with `kind` and `subject`, or NULL; as replica_entity. */
const EntityState *replica_find(const Replica *replica, EntityKind kind, uint16_t subject);

typedef struct ReplicaCounters {
    uint32_t cells;     /* told now */
    uint64_t records;   /* taken */
    uint64_t duplicate; /* records of a version that was there already */
} ReplicaCounters;

ReplicaCounters replica_counters(const Replica *replica);

#endif
