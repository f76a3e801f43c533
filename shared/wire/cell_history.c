#include "shared/wire/cell_history.h"

#include <assert.h>

#define SMALLEST_BITS 8 /* blocks of 256 bytes and up */
#define CLASSES       48
#define ALIGNMENT     16

/* A free block, in the list of its class. */
typedef struct FreeBlock {
    struct FreeBlock *next;
} FreeBlock;

struct SnapshotStore {
    Arena *arena;
    size_t limit, taken;
    FreeBlock *free[CLASSES];
};

/* A version in one block: the head, its entities, its channels. */
typedef struct Stored {
    Snapshot snapshot;
    unsigned class;
} Stored;

Status snapshot_store_create(size_t limit, Arena *arena, SnapshotStore **out_store)
{
    SnapshotStore *store = arena_new(arena, SnapshotStore);
    if (store == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    store->arena = arena;
    store->limit = limit;
    *out_store = store;
    return STATUS_OK;
}

size_t snapshot_store_size(const SnapshotStore *store)
{
    return store->taken;
}

/* Sizes of blocks: 256, 384, 512, 768, 1024 … */
static size_t class_size(unsigned class)
{
    size_t size = (size_t)1 << (SMALLEST_BITS + class / 2);
    return class % 2 ? size + size / 2 : size;
}

static unsigned class_of(size_t size)
{
    unsigned class = 0;
    while (class_size(class) < size) {
        class ++;
    }
    return class;
}

static size_t round_up(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static Stored *take_block(SnapshotStore *store, size_t size)
{
    unsigned class = class_of(size);
    assert(class < CLASSES);
    Stored *block = NULL;
    if (store->free[class] != NULL) {
        FreeBlock *first = store->free[class];
        store->free[class] = first->next;
        block = (Stored *)(void *)first;
    } else if (class_size(class) <= store->limit - store->taken) {
        block = arena_alloc(store->arena, class_size(class), ALIGNMENT);
        store->taken += block != NULL ? class_size(class) : 0;
    }
    if (block != NULL) {
        block->class = class;
    }
    return block;
}

static void give_block(SnapshotStore *store, Snapshot *snapshot)
{
    unsigned class = ((Stored *)(void *)snapshot)->class;
    FreeBlock *block = (FreeBlock *)(void *)snapshot;
    block->next = store->free[class];
    store->free[class] = block;
}

static Snapshot *copy_of(SnapshotStore *store, const Snapshot *version)
{
    size_t head = round_up(sizeof(Stored));
    size_t entities = round_up(version->entity_count * sizeof(EntityState));
    size_t channels = version->channel_count * sizeof(ChannelState);
    Stored *block = take_block(store, head + entities + channels);
    if (block == NULL) {
        return NULL;
    }
    Snapshot *copy = &block->snapshot;
    *copy = *version;
    copy->entities = (EntityState *)(void *)((uint8_t *)block + head);
    copy->channels = (ChannelState *)(void *)((uint8_t *)block + head + entities);
    if (version->entity_count > 0) {
        memcpy(copy->entities, version->entities, version->entity_count * sizeof(EntityState));
    }
    if (channels > 0) {
        memcpy(copy->channels, version->channels, channels);
    }
    return copy;
}

/* ---- one cell ---- */

Status cell_history_init(CellHistory *history, uint32_t depth, SnapshotStore *store, Arena *arena)
{
    assert(depth >= 2 && depth <= CELL_HISTORY_MAX);
    Snapshot **versions = arena_new_array(arena, Snapshot *, depth);
    if (versions == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    *history = (CellHistory){ .store = store, .versions = versions, .depth = depth };
    return STATUS_OK;
}

void cell_history_clear(CellHistory *history)
{
    for (uint32_t i = 0; i < history->count; i++) {
        give_block(history->store, history->versions[i]);
    }
    history->count = 0;
}

static void forget_oldest(CellHistory *history)
{
    give_block(history->store, history->versions[0]);
    history->count--;
    memmove(history->versions, history->versions + 1, history->count * sizeof *history->versions);
}

/* How many versions are not newer than `sequence`. */
static uint32_t count_until(const CellHistory *history, uint32_t sequence)
{
    uint32_t low = 0, high = history->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (snapshot_newer(history->versions[middle]->sequence, sequence)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

Status cell_history_add(CellHistory *history, const Snapshot *version)
{
    uint32_t at = count_until(history, version->sequence);
    if ((at > 0 && history->versions[at - 1]->sequence == version->sequence) ||
        (at == 0 && history->count == history->depth)) {
        return STATUS_DUPLICATE;
    }
    if (history->count == history->depth) {
        forget_oldest(history);
        at--;
    }
    Snapshot *copy = copy_of(history->store, version);
    while (copy == NULL && at > 0) {
        forget_oldest(history);
        at--;
        copy = copy_of(history->store, version);
    }
    if (copy == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    memmove(history->versions + at + 1, history->versions + at,
            (history->count - at) * sizeof *history->versions);
    history->versions[at] = copy;
    history->count++;
    return STATUS_OK;
}

const Snapshot *cell_history_at(const CellHistory *history, uint32_t sequence)
{
    uint32_t count = count_until(history, sequence);
    return count > 0 ? history->versions[count - 1] : NULL;
}

const Snapshot *cell_history_find(const CellHistory *history, uint32_t sequence)
{
    const Snapshot *version = cell_history_at(history, sequence);
    return version != NULL && version->sequence == sequence ? version : NULL;
}

const Snapshot *cell_history_newest(const CellHistory *history)
{
    return history->count > 0 ? history->versions[history->count - 1] : NULL;
}

static const Snapshot *find_in_history(const void *history, uint32_t sequence)
{
    return cell_history_find(history, sequence);
}

SnapshotSource cell_history_source(const CellHistory *history)
{
    return (SnapshotSource){ .find = find_in_history, .context = history };
}
