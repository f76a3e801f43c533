/* cell_history.h - the versions of one cell that an end remembers.
 * The replicated world is cut into cells, each a set of entities that is told on its own. A cell gets a new
 * version only when something in it has changed, named by the sequence of that tick; a quiet cell costs
 * nothing to keep or to send. Versions have storage of just their size, from a store that all histories
 * share. Pure; one owner. */
#ifndef SHARED_WIRE_CELL_HISTORY_H
#define SHARED_WIRE_CELL_HISTORY_H
#include "shared/wire/snapshot.h"

#define CELL_HISTORY_DEFAULT 64   /* versions remembered */
#define CELL_HISTORY_MAX     1024 /* at most */

typedef struct SnapshotStore SnapshotStore; /* opaque */

/* A store that holds at most `limit` bytes of versions. It takes them from `arena` as needed and never gives
 * any back to it: what is freed is used again. STATUS_OUT_OF_MEMORY. The arena owns it. */
NODISCARD Status snapshot_store_create(size_t limit, Arena *arena, SnapshotStore **out_store);

/* Bytes taken so far, free ones included. */
size_t snapshot_store_size(const SnapshotStore *store);

typedef struct CellHistory {
    SnapshotStore *store; /* borrowed */
    Snapshot **versions;  /* ascending by sequence */
    uint32_t count, depth;
} CellHistory;

/* `depth` (2..CELL_HISTORY_MAX) versions. STATUS_OUT_OF_MEMORY. `arena` owns the list, `store` the versions;
 * cell_history_clear gives those back. */
NODISCARD Status cell_history_init(CellHistory *history, uint32_t depth, SnapshotStore *store, Arena *arena);

/* Forgets all versions. */
void cell_history_clear(CellHistory *history);

/* Keeps a copy of `version`; the oldest goes when there are `depth` already, and older ones go early where
 * the store is exhausted. DUPLICATE when it is there already, or older than all that are kept while there is
 * no room; OUT_OF_MEMORY when even forgetting all others leaves no room. Nothing changes then but for what
 * was forgotten. */
NODISCARD Status cell_history_add(CellHistory *history, const Snapshot *version);

/* The version of `sequence`, or NULL. */
const Snapshot *cell_history_find(const CellHistory *history, uint32_t sequence);

/* The newest version; that which was the newest at `sequence` (NULL: none yet). */
const Snapshot *cell_history_newest(const CellHistory *history);
const Snapshot *cell_history_at(const CellHistory *history, uint32_t sequence);

SnapshotSource cell_history_source(const CellHistory *history);

#endif
