#include "server/metaverse/state.h"

#include "shared/model/avatar.h"
#include "shared/wire/quantise.h"

#include <math.h>

#define PITCH_RADIANS (6.2831853f / 65536.0f)
#define REFRESH_AGE \
    (1u << 29) /* sequences after which a quiet cell gets a version all the same: order needs it */
#define SQUARE_MAX ((1 << 30) - 1)

Square cells_square(const Cells *cells, double x, double z)
{
    if (cells->side_m <= 0) {
        return (Square){ 0 };
    }
    double column = floor(x / cells->side_m), row = floor(z / cells->side_m);
    return (Square){ (int32_t)fmax(-SQUARE_MAX, fmin(SQUARE_MAX, column)),
                     (int32_t)fmax(-SQUARE_MAX, fmin(SQUARE_MAX, row)) };
}

static uint32_t *bucket_of(const Cells *cells, Square square)
{
    uint64_t key = (uint64_t)(uint32_t)square.x << 32 | (uint32_t)square.z;
    uint64_t hash = key * UINT64_C(0x9E3779B97F4A7C15);
    return &cells->buckets[(hash ^ hash >> 29) >> 32 & (cells->bucket_count - 1)];
}

static bool same_square(Square a, Square b)
{
    return a.x == b.x && a.z == b.z;
}

uint32_t cells_first(const Cells *cells, Square square)
{
    uint32_t id = *bucket_of(cells, square);
    while (id != NO_CELL && !same_square(cells->cells[id].square, square)) {
        id = cells->cells[id].next;
    }
    return id;
}

uint32_t cells_next(const Cells *cells, uint32_t id)
{
    Square square = cells->cells[id].square;
    do {
        id = cells->cells[id].next;
    } while (id != NO_CELL && !same_square(cells->cells[id].square, square));
    return id;
}

/* A cell of `square` with room for one more, or NO_CELL. */
static uint32_t cell_with_room(const Cells *cells, Square square, bool avatars)
{
    uint32_t most = avatars ? AVATARS_PER_CELL : TWINS_PER_CELL;
    uint32_t id = cells_first(cells, square);
    while (id != NO_CELL && (cells->cells[id].avatars != avatars || cells->cells[id].count >= most)) {
        id = cells_next(cells, id);
    }
    return id;
}

/* A new cell, or NO_CELL when there are no more. A freed one keeps its list of versions for the next use. */
static uint32_t open_cell(Metaverse *metaverse, Square square, bool avatars)
{
    Cells *cells = &metaverse->replication.cells;
    uint32_t id = cells->free;
    if (id != NO_CELL) {
        cells->free = cells->cells[id].next;
    } else if (cells->used < cells->capacity &&
               cell_history_init(&cells->cells[cells->used].history, metaverse->replication.history,
                                 cells->store, &metaverse->arena) == STATUS_OK) {
        id = cells->used++;
    } else {
        return NO_CELL;
    }
    Cell *cell = &cells->cells[id];
    uint32_t *bucket = bucket_of(cells, square);
    *cell = (Cell){ .square = square,
                    .used = true,
                    .avatars = avatars,
                    .dirty = true,
                    .next = *bucket,
                    .head = NO_SESSION,
                    .history = cell->history };
    *bucket = id;
    return id;
}

static void close_cell(Cells *cells, uint32_t id)
{
    Cell *cell = &cells->cells[id];
    uint32_t *link = bucket_of(cells, cell->square);
    while (*link != id) {
        link = &cells->cells[*link].next;
    }
    *link = cell->next;
    cell_history_clear(&cell->history);
    cells->newest[id] = 0;
    cell->used = false;
    cell->next = cells->free;
    cells->free = id;
}

/* ---- twins ---- */

/* Things in their order, so that those in one cell ascend. */
static Status cut_things(Metaverse *metaverse)
{
    Replication *replication = &metaverse->replication;
    Cells *cells = &replication->cells;
    uint32_t things = metaverse->world->thing_count;
    for (uint32_t i = 0; i < things; i++) {
        const EntityState *twin = &replication->twins[i];
        Square square = cells_square(cells, twin->x_mm / 1e3, twin->z_mm / 1e3);
        uint32_t id = cell_with_room(cells, square, false);
        id = id != NO_CELL ? id : open_cell(metaverse, square, false);
        if (id == NO_CELL) {
            return STATUS_OUT_OF_MEMORY;
        }
        cells->cell_of_thing[i] = id;
        cells->cells[id].count++;
    }
    uint32_t first = 0;
    for (uint32_t id = 0; id < cells->used; id++) {
        cells->cells[id].first = first;
        first += cells->cells[id].count;
        cells->cells[id].count = 0;
    }
    for (uint32_t i = 0; i < things; i++) {
        Cell *cell = &cells->cells[cells->cell_of_thing[i]];
        cells->things[cell->first + cell->count++] = i;
    }
    return STATUS_OK;
}

static uint32_t power_of_two_above(uint32_t count)
{
    uint32_t power = 64;
    while (power < count && power < 1u << 20) {
        power *= 2;
    }
    return power;
}

Status cells_create(Metaverse *metaverse)
{
    Replication *replication = &metaverse->replication;
    Cells *cells = &replication->cells;
    Arena *arena = &metaverse->arena;
    uint32_t things = metaverse->world->thing_count, sessions = metaverse->config.sessions;
    cells->side_m = (double)metaverse->config.view_distance_m / 2;
    cells->capacity = things + 2 * sessions + 16;
    cells->free = NO_CELL;
    cells->bucket_count = power_of_two_above(cells->capacity / 2);
    cells->cells = arena_new_array(arena, Cell, cells->capacity);
    cells->buckets = arena_new_array(arena, uint32_t, cells->bucket_count);
    cells->newest = arena_new_array(arena, uint32_t, cells->capacity);
    cells->things = arena_new_array(arena, uint32_t, things);
    cells->cell_of_thing = arena_new_array(arena, uint32_t, things);
    uint32_t entities = TWINS_PER_CELL > AVATARS_PER_CELL ? TWINS_PER_CELL : AVATARS_PER_CELL;
    cells->scratch.entities = arena_new_array(arena, EntityState, entities);
    cells->scratch.channels = arena_new_array(arena, ChannelState, (size_t)entities * ENTITY_CHANNELS_MAX);
    size_t limit = metaverse->config.memory_limit ? metaverse->config.memory_limit : (size_t)1 << 30;
    if (cells->cells == NULL || cells->buckets == NULL || cells->newest == NULL || cells->things == NULL ||
        cells->cell_of_thing == NULL || cells->scratch.entities == NULL || cells->scratch.channels == NULL ||
        snapshot_store_create(limit / 2, arena, &cells->store) != STATUS_OK) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < cells->bucket_count; i++) {
        cells->buckets[i] = NO_CELL;
    }
    return cut_things(metaverse);
}

void cells_changed(Metaverse *metaverse, uint32_t thing)
{
    Cells *cells = &metaverse->replication.cells;
    cells->cells[cells->cell_of_thing[thing]].dirty = true;
}

void cells_all_changed(Metaverse *metaverse)
{
    Cells *cells = &metaverse->replication.cells;
    for (uint32_t id = 0; id < cells->used; id++) {
        cells->cells[id].dirty = true;
    }
}

static void gather_twins(Metaverse *metaverse, const Cell *cell, Snapshot *version)
{
    const Replication *replication = &metaverse->replication;
    for (uint32_t i = 0; i < cell->count; i++) {
        uint32_t thing = replication->cells.things[cell->first + i];
        EntityState *entity = &version->entities[version->entity_count++];
        *entity = replication->twins[thing];
        entity->first_channel = version->channel_count;
        memcpy(version->channels + version->channel_count,
               replication->channels + replication->first_channel[thing],
               entity->channel_count * sizeof(ChannelState));
        version->channel_count += entity->channel_count;
    }
}

/* ---- people ---- */

static bool still_in(const Cells *cells, Square square, const float position[3])
{
    double margin = cells->side_m * SQUARE_MARGIN;
    double x = (double)position[0] - square.x * cells->side_m,
           z = (double)position[2] - square.z * cells->side_m;
    return cells->side_m <= 0 ||
           (x >= -margin && x <= cells->side_m + margin && z >= -margin && z <= cells->side_m + margin);
}

/* Every cell of people holds fewer than all of them could fill, so that this one finds room. */
static uint32_t any_room(const Cells *cells)
{
    for (uint32_t id = 0; id < cells->used; id++) {
        const Cell *cell = &cells->cells[id];
        if (cell->used && cell->avatars && cell->count < AVATARS_PER_CELL) {
            return id;
        }
    }
    return NO_CELL;
}

void cells_leave(Metaverse *metaverse, Session *session)
{
    if (session->cell == NO_CELL) {
        return;
    }
    Cell *cell = &metaverse->replication.cells.cells[session->cell];
    cell->count--;
    cell->dirty = true;
    session->cell = NO_CELL;
}

static void move_to_cell(Metaverse *metaverse, Session *session)
{
    Cells *cells = &metaverse->replication.cells;
    const float *position = session->body.position;
    if (session->cell != NO_CELL && still_in(cells, cells->cells[session->cell].square, position)) {
        return;
    }
    Square square = cells_square(cells, (double)position[0], (double)position[2]);
    uint32_t id = cell_with_room(cells, square, true);
    id = id != NO_CELL ? id : open_cell(metaverse, square, true);
    if (id == NO_CELL) {
        cells->overflow++;
        id = session->cell != NO_CELL ? session->cell : any_room(cells);
    }
    if (id != session->cell) {
        cells_leave(metaverse, session);
        session->cell = id;
        cells->cells[id].dirty = true;
        if (cells->cells[id].count++ == 0) {
            interest_cell_filled(metaverse, cells->cells[id].square);
        }
    }
}

/* Whether the avatar is no longer as it was when this was asked last. */
static bool has_moved(Session *session)
{
    const AvatarState *body = &session->body;
    AvatarState *told = &session->told;
    if (memcmp(told->position, body->position, sizeof body->position) == 0 && told->yaw == body->yaw &&
        told->pitch == body->pitch) {
        return false;
    }
    *told = *body;
    return true;
}

/* Lists of who is where; live sessions ascend by entity, so that lists built from the end do too. */
static void list_people(Metaverse *metaverse)
{
    Cells *cells = &metaverse->replication.cells;
    for (uint32_t id = 0; id < cells->used; id++) {
        cells->cells[id].head = NO_SESSION;
    }
    for (uint32_t i = metaverse->live_count; i-- > 0;) {
        Session *session = &metaverse->sessions[metaverse->live[i]];
        move_to_cell(metaverse, session);
        if (session->cell != NO_CELL) {
            Cell *cell = &cells->cells[session->cell];
            session->next_in_cell = cell->head;
            cell->head = metaverse->live[i];
            cell->dirty |= has_moved(session);
        }
    }
}

static void fill_avatar(const Session *session, EntityState *out_entity)
{
    float rotation[4];
    const AvatarState *body = &session->body;
    quat_from_yaw_pitch(avatar_yaw_radians(body->yaw), (float)body->pitch * PITCH_RADIANS, rotation);
    *out_entity = (EntityState){ .handle = session->avatar,
                                 .kind = ENTITY_AVATAR,
                                 .subject = session->number,
                                 .x_mm = quantise_mm(body->position[0]),
                                 .y_mm = quantise_mm(body->position[1]),
                                 .z_mm = quantise_mm(body->position[2]),
                                 .rotation = quat_pack(rotation) };
}

static void gather_people(const Metaverse *metaverse, const Cell *cell, Snapshot *version)
{
    for (uint16_t slot = cell->head; slot != NO_SESSION; slot = metaverse->sessions[slot].next_in_cell) {
        fill_avatar(&metaverse->sessions[slot], &version->entities[version->entity_count++]);
    }
}

static bool same_people(const Snapshot *a, const Snapshot *b)
{
    if (a == NULL || a->entity_count != b->entity_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->entity_count; i++) {
        const EntityState *p = &a->entities[i], *q = &b->entities[i];
        if (p->handle.value != q->handle.value || p->subject != q->subject || p->x_mm != q->x_mm ||
            p->y_mm != q->y_mm || p->z_mm != q->z_mm || p->rotation != q->rotation) {
            return false;
        }
    }
    return true;
}

/* ---- a tick ---- */

static void update_cell(Metaverse *metaverse, Cell *cell, uint32_t sequence)
{
    Cells *cells = &metaverse->replication.cells;
    const Snapshot *newest = cell_history_newest(&cell->history);
    bool old = newest == NULL || sequence - newest->sequence > REFRESH_AGE;
    if (!cell->dirty && !old) {
        return;
    }
    snapshot_clear(&cells->scratch, sequence);
    if (cell->avatars) {
        gather_people(metaverse, cell, &cells->scratch);
        if (!old && same_people(newest, &cells->scratch)) {
            cell->dirty = false;
            return;
        }
    } else {
        gather_twins(metaverse, cell, &cells->scratch);
    }
    if (cell_history_add(&cell->history, &cells->scratch) == STATUS_OK) {
        cell->dirty = false;
        cells->newest[cell - cells->cells] = cells->changed = sequence;
    } else { /* what clients have of it stays as it is; the next tick tries again */
        metaverse->counters.starved++;
    }
}

void cells_update(Metaverse *metaverse, uint32_t sequence)
{
    Cells *cells = &metaverse->replication.cells;
    list_people(metaverse);
    for (uint32_t id = 0; id < cells->used; id++) {
        Cell *cell = &cells->cells[id];
        if (!cell->used) {
            continue;
        }
        if (cell->avatars && cell->count == 0 && cell->links == 0) {
            close_cell(cells, id);
        } else {
            update_cell(metaverse, cell, sequence);
        }
    }
}
