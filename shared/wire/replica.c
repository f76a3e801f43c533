#include "shared/wire/replica.h"

#include <assert.h>

#define COMPOSITES 4

#define REPEAT_TIME TIME_SECOND /* after which a server has told again what was lost */

typedef struct ReplicaCell {
    CellHistory history; /* versions NULL: nothing has come yet */
    uint32_t closed;     /* number of the packet that closed it; 0: never */
    uint32_t told_in;    /* newest packet with a version of it that was taken; 0: none */
} ReplicaCell;

/* A world that was put together. */
typedef struct Composite {
    Snapshot world;
    uint32_t age; /* of the last use */
    bool valid;
} Composite;

/* One sorted list of entities that goes into a composite. */
typedef struct Source {
    const Snapshot *version;
    uint32_t next;
    bool limbo; /* only what is nowhere else */
} Source;

struct Replica {
    ReplicaLimits limits;
    Arena *arena;
    SnapshotStore *store;
    ReplicaCell *cells;
    uint32_t *told; /* cells that have versions, in no order */
    uint32_t told_count;
    Snapshot scratch;
    FrameRing frames;
    uint32_t newest;   /* packet taken; 0: none */
    uint32_t mask;     /* bit i: newest - 1 - i was taken */
    uint32_t unbroken; /* packets from this one on have all been taken */
    TimeNs broken_at;  /* server time when that began */
    bool moved;        /* what a record of the packet at hand says is elsewhere than before */
    Composite composites[COMPOSITES];
    uint32_t uses;
    Source *sources; /* two a cell */
    uint32_t *heap;
    ReplicaCounters counters;
};

static bool make_room(Snapshot *snapshot, const ReplicaLimits *limits, Arena *arena)
{
    snapshot->entities = arena_new_array(arena, EntityState, limits->entities);
    snapshot->channels = arena_new_array(arena, ChannelState, limits->channels);
    return snapshot->entities != NULL && snapshot->channels != NULL;
}

Status replica_create(ReplicaLimits limits, size_t memory, Arena *arena, Replica **out_replica)
{
    assert(limits.history >= 2 && limits.history <= CELL_HISTORY_MAX);
    Replica *replica = arena_new(arena, Replica);
    if (replica == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    replica->limits = limits;
    replica->arena = arena;
    replica->cells = arena_new_array(arena, ReplicaCell, limits.cells);
    replica->told = arena_new_array(arena, uint32_t, limits.cells);
    replica->sources = arena_new_array(arena, Source, (size_t)limits.cells * 2);
    replica->heap = arena_new_array(arena, uint32_t, (size_t)limits.cells * 2);
    bool room = make_room(&replica->scratch, &limits, arena);
    for (unsigned i = 0; i < COMPOSITES; i++) {
        room = make_room(&replica->composites[i].world, &limits, arena) && room;
    }
    if (!room || replica->cells == NULL || replica->told == NULL || replica->sources == NULL ||
        replica->heap == NULL || snapshot_store_create(memory, arena, &replica->store) != STATUS_OK) {
        return STATUS_OUT_OF_MEMORY;
    }
    *out_replica = replica;
    return STATUS_OK;
}

/* ---- taking packets ---- */

static bool taken(const Replica *replica, uint32_t number)
{
    if (replica->newest == 0 || snapshot_newer(number, replica->newest)) {
        return false;
    }
    uint32_t age = replica->newest - number;
    return age == 0 || age > 32 || (replica->mask >> (age - 1) & 1) != 0;
}

static void note_taken(Replica *replica, const PacketHead *head)
{
    uint32_t number = head->number, age = replica->newest - number; /* late: 1..32, the others were refused */
    if (replica->newest != 0 && !snapshot_newer(number, replica->newest)) {
        replica->mask |= 1u << ((age - 1) & 31);
    } else {
        uint32_t steps = replica->newest == 0 ? 33 : number - replica->newest;
        if (steps > 1) {
            replica->unbroken = number;
            replica->broken_at = head->frame.server_time;
        }
        replica->mask = steps > 32 ? 0 : (steps == 32 ? 0 : replica->mask << steps) | 1u << (steps - 1);
        replica->newest = number;
    }
    while (replica->newest - replica->unbroken < 32 &&
           (replica->mask >> (replica->newest - replica->unbroken) & 1) != 0) {
        replica->unbroken--;
    }
}

static void invalidate_from(Replica *replica, uint32_t sequence)
{
    for (unsigned i = 0; i < COMPOSITES; i++) {
        Composite *composite = &replica->composites[i];
        if (!snapshot_newer(sequence, composite->world.sequence)) {
            composite->valid = false;
        }
    }
}

static void stop_telling(Replica *replica, uint32_t id)
{
    ReplicaCell *cell = &replica->cells[id];
    cell_history_clear(&cell->history);
    for (uint32_t i = 0; i < replica->told_count; i++) {
        if (replica->told[i] == id) {
            replica->told[i] = replica->told[--replica->told_count];
            return;
        }
    }
}

static Status close_cell(Replica *replica, uint32_t id, uint32_t number)
{
    ReplicaCell *cell = &replica->cells[id];
    bool old = cell->closed != 0 && !snapshot_newer(number, cell->closed);
    if (old || (cell->told_in != 0 && !snapshot_newer(number, cell->told_in))) {
        return STATUS_OK; /* overtaken: by the same news, or by the cell being told anew */
    }
    cell->closed = number;
    if (cell->history.count > 0) {
        stop_telling(replica, id);
        for (unsigned i = 0; i < COMPOSITES; i++) {
            replica->composites[i].valid = false;
        }
    }
    return STATUS_OK;
}

static bool has_moved(const Snapshot *before, const Snapshot *now)
{
    if (before == NULL || before->entity_count != now->entity_count) {
        return true;
    }
    for (uint32_t i = 0; i < now->entity_count; i++) {
        const EntityState *a = &before->entities[i], *b = &now->entities[i];
        if (a->handle.value != b->handle.value || a->x_mm != b->x_mm || a->y_mm != b->y_mm ||
            a->z_mm != b->z_mm || a->rotation != b->rotation) {
            return true;
        }
    }
    return false;
}

/* Keeps what was decoded into the scratch. */
static Status keep_version(Replica *replica, uint32_t id)
{
    ReplicaCell *cell = &replica->cells[id];
    if (cell->history.versions == NULL && cell_history_init(&cell->history, replica->limits.history,
                                                            replica->store, replica->arena) != STATUS_OK) {
        return STATUS_OUT_OF_MEMORY;
    }
    bool first = cell->history.count == 0;
    bool moved = has_moved(first ? NULL : cell_history_newest(&cell->history), &replica->scratch);
    Status status = cell_history_add(&cell->history, &replica->scratch);
    if (status == STATUS_OK) {
        replica->counters.records++;
        replica->moved |= moved;
        invalidate_from(replica, replica->scratch.sequence);
        if (first) {
            replica->told[replica->told_count++] = id;
        }
    } else if (status == STATUS_OUT_OF_MEMORY && !first && cell->history.count == 0) {
        stop_telling(replica, id);
    }
    return status == STATUS_DUPLICATE ? STATUS_OK : status;
}

static void note_told(ReplicaCell *cell, uint32_t number)
{
    if (cell->told_in == 0 || snapshot_newer(number, cell->told_in)) {
        cell->told_in = number;
    }
}

static Status take_record(Replica *replica, const PacketHead *head, const PacketRecord *record)
{
    if (record->cell >= replica->limits.cells) {
        return STATUS_OUT_OF_RANGE;
    }
    ReplicaCell *cell = &replica->cells[record->cell];
    if (record->closed) {
        return close_cell(replica, record->cell, head->number);
    }
    if (cell->closed != 0 && !snapshot_newer(head->number, cell->closed)) {
        return STATUS_OK; /* overtaken by the news that the cell is not told any more */
    }
    if (cell_history_find(&cell->history, record->version) != NULL) {
        replica->counters.duplicate++;
        note_told(cell, head->number);
        return STATUS_OK;
    }
    SnapshotLimits limits = { .entities = replica->limits.entities, .channels = replica->limits.channels };
    Status status = snapshot_decode(cell_history_source(&cell->history), record->version,
                                    packet_source_time(&head->frame, record->version), record->code, limits,
                                    &replica->scratch);
    status = status == STATUS_OK ? keep_version(replica, record->cell) : status;
    if (status == STATUS_OK) {
        note_told(cell, head->number);
    }
    return status;
}

Status replica_receive(Replica *replica, Bytes body, ReplicaNews *out_news)
{
    ReplicaNews news = { 0 };
    Bytes records = { 0 };
    Status status = packet_head_decode(body, &replica->frames, &news.head, &records);
    if (status != STATUS_OK) {
        return status;
    }
    if (taken(replica, news.head.number)) {
        return STATUS_DUPLICATE;
    }
    replica->moved = false;
    while (status == STATUS_OK) {
        PacketRecord record;
        status = packet_record_next(&records, news.head.frame.sequence, &record);
        if (status == STATUS_OK) {
            status = take_record(replica, &news.head, &record);
        }
    }
    if (status != STATUS_EMPTY) {
        return status;
    }
    news.late = replica->newest != 0 && snapshot_newer(replica->newest, news.head.number);
    news.moved = replica->moved;
    note_taken(replica, &news.head);
    const SnapshotFrame *place = &replica->frames.frames[news.head.frame.sequence % FRAMES_KNOWN];
    if (place->sequence == 0 || snapshot_newer(news.head.frame.sequence, place->sequence)) {
        frame_ring_put(&replica->frames, &news.head.frame);
    }
    *out_news = news;
    return STATUS_OK;
}

void replica_acknowledgement(const Replica *replica, uint32_t *out_newest, uint32_t *out_mask)
{
    *out_newest = replica->newest;
    *out_mask = replica->mask;
}

void replica_restart(Replica *replica)
{
    replica->newest = replica->mask = 0;
    for (uint32_t i = 0; i < replica->limits.cells; i++) {
        replica->cells[i].closed = replica->cells[i].told_in = 0; /* the numbers may begin again */
    }
}

const SnapshotFrame *replica_frame(const Replica *replica, uint32_t sequence)
{
    return frame_ring_find(&replica->frames, sequence);
}

/* ---- the world of a tick ---- */

static const EntityState *head_of(const Source *source)
{
    return &source->version->entities[source->next];
}

/* Ascending by entity; of the same place the newest version first, what is in limbo last. */
static bool comes_before(const Replica *replica, uint32_t a, uint32_t b)
{
    const Source *first = &replica->sources[a], *second = &replica->sources[b];
    uint32_t i = entity_index(head_of(first)->handle), j = entity_index(head_of(second)->handle);
    if (i != j) {
        return i < j;
    }
    if (first->limbo != second->limbo) {
        return second->limbo;
    }
    return snapshot_newer(first->version->sequence, second->version->sequence);
}

static void sink(Replica *replica, uint32_t count, uint32_t at)
{
    uint32_t *heap = replica->heap;
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            least = comes_before(replica, heap[child], heap[least]) ? child : least;
        }
        if (least == at) {
            return;
        }
        uint32_t swap = heap[at];
        heap[at] = heap[least];
        heap[least] = swap;
        at = least;
    }
}

static void append(const Replica *replica, Snapshot *world, const Source *source)
{
    const EntityState *entity = head_of(source);
    if (world->entity_count > 0 &&
        entity_index(world->entities[world->entity_count - 1].handle) == entity_index(entity->handle)) {
        return; /* a newer version had it */
    }
    if (world->entity_count == replica->limits.entities ||
        entity->channel_count > replica->limits.channels - world->channel_count) {
        return;
    }
    EntityState *added = &world->entities[world->entity_count++];
    *added = *entity;
    added->first_channel = world->channel_count;
    if (entity->channel_count > 0) {
        memcpy(world->channels + world->channel_count, source->version->channels + entity->first_channel,
               entity->channel_count * sizeof(ChannelState));
        world->channel_count += entity->channel_count;
    }
}

static void merge(Replica *replica, uint32_t count, Snapshot *world)
{
    for (uint32_t i = 0; i < count; i++) {
        replica->heap[i] = i;
    }
    for (uint32_t i = count / 2; i-- > 0;) {
        sink(replica, count, i);
    }
    while (count > 0) {
        Source *source = &replica->sources[replica->heap[0]];
        append(replica, world, source);
        if (++source->next == source->version->entity_count) {
            replica->heap[0] = replica->heap[--count];
        }
        sink(replica, count, 0);
    }
}

static uint32_t list_source(Replica *replica, uint32_t count, const Snapshot *version, bool limbo)
{
    if (version != NULL && version->entity_count > 0) {
        replica->sources[count++] = (Source){ .version = version, .limbo = limbo };
    }
    return count;
}

static bool same_handles(const Snapshot *a, const Snapshot *b)
{
    bool same = a->entity_count == b->entity_count;
    for (uint32_t i = 0; same && i < a->entity_count; i++) {
        same = a->entities[i].handle.value == b->entities[i].handle.value;
    }
    return same;
}

/* The version that a cell had before `version`, when that came not long before `frame` and somebody left. */
static const Snapshot *just_left(const Replica *replica, const CellHistory *history, const Snapshot *version,
                                 const SnapshotFrame *frame)
{
    const SnapshotFrame *then = frame_ring_find(&replica->frames, version->sequence);
    if (then == NULL || frame->server_time - then->server_time >= REPLICA_LIMBO) {
        return NULL;
    }
    const Snapshot *before = cell_history_at(history, version->sequence - 1);
    return before != NULL && !same_handles(before, version) ? before : NULL;
}

static void compose(Replica *replica, const SnapshotFrame *frame, Snapshot *world)
{
    snapshot_clear(world, frame->sequence);
    world->server_time = frame->server_time;
    world->source_time = frame->source_time;
    world->text_count = frame->text_count;
    uint32_t count = 0;
    for (uint32_t i = 0; i < replica->told_count; i++) {
        const CellHistory *history = &replica->cells[replica->told[i]].history;
        const Snapshot *version = cell_history_at(history, frame->sequence);
        count = list_source(replica, count, version, false);
        if (version != NULL) {
            count = list_source(replica, count, just_left(replica, history, version, frame), true);
        }
    }
    merge(replica, count, world);
}

const Snapshot *replica_compose(Replica *replica, uint32_t sequence)
{
    const SnapshotFrame *frame = frame_ring_find(&replica->frames, sequence);
    if (frame == NULL) {
        return NULL;
    }
    Composite *oldest = &replica->composites[0];
    replica->uses++;
    for (unsigned i = 0; i < COMPOSITES; i++) {
        Composite *composite = &replica->composites[i];
        if (composite->valid && composite->world.sequence == sequence) {
            composite->age = replica->uses;
            return &composite->world;
        }
        if (!composite->valid || (oldest->valid && composite->age < oldest->age)) {
            oldest = composite;
        }
    }
    compose(replica, frame, &oldest->world);
    oldest->valid = true;
    oldest->age = replica->uses;
    return &oldest->world;
}

/* The cell that has the newest state of the entity, or NULL. */
static const ReplicaCell *cell_of(const Replica *replica, EntityHandle handle)
{
    const Snapshot *newest = NULL;
    const ReplicaCell *found = NULL;
    for (uint32_t i = 0; i < replica->told_count; i++) {
        const ReplicaCell *cell = &replica->cells[replica->told[i]];
        const Snapshot *version = cell_history_newest(&cell->history);
        if (snapshot_entity(version, handle) != NULL &&
            (newest == NULL || snapshot_newer(version->sequence, newest->sequence))) {
            newest = version;
            found = cell;
        }
    }
    return found;
}

const EntityState *replica_entity(const Replica *replica, EntityHandle handle)
{
    const ReplicaCell *cell = cell_of(replica, handle);
    return cell == NULL ? NULL : snapshot_entity(cell_history_newest(&cell->history), handle);
}

bool replica_current(const Replica *replica, EntityHandle handle, const PacketHead *head)
{
    const ReplicaCell *cell = cell_of(replica, handle);
    if (cell == NULL) {
        return false;
    }
    return !snapshot_newer(replica->unbroken, cell->told_in + 1) ||
           (uint64_t)head->frame.server_time - (uint64_t)replica->broken_at - REPEAT_TIME < INT64_MAX;
}

const EntityState *replica_find(const Replica *replica, EntityKind kind, uint16_t subject)
{
    for (uint32_t i = 0; i < replica->told_count; i++) {
        const Snapshot *version = cell_history_newest(&replica->cells[replica->told[i]].history);
        for (uint32_t k = 0; k < version->entity_count; k++) {
            if (version->entities[k].kind == kind && version->entities[k].subject == subject) {
                return replica_entity(replica, version->entities[k].handle);
            }
        }
    }
    return NULL;
}

ReplicaCounters replica_counters(const Replica *replica)
{
    ReplicaCounters counters = replica->counters;
    counters.cells = replica->told_count;
    return counters;
}
