#include "server/metaverse/state.h"

#include "shared/base/log.h"

#include <string.h>

#define GENERATION_MAX  4095
#define GENERATION_STEP (1u << ENTITY_INDEX_BITS)
#define STEPS_MAX       8    /* steps made up for after a stall; what is more is let go */
#define SPAWN_DISTANCE  0.9f /* metres between two people at the start */
#define SPAWN_RINGS     5    /* distances tried around every spawn point */
#define SPAWN_WAYS      8    /* directions tried at each distance */
#define SPAWN_TRIES     64   /* places looked at for one person: in a crowd nobody waits for the best one */

Status avatars_create(Metaverse *metaverse, Diag *diag)
{
    AvatarSlots *slots = &metaverse->avatars;
    uint32_t things = metaverse->world->thing_count;
    if (things > ENTITY_INDEX_MAX - metaverse->config.sessions) {
        return diag_set(diag, STATUS_CAPACITY, "", 0, "the world has %u things, more than %u",
                        (unsigned)things, (unsigned)(ENTITY_INDEX_MAX - metaverse->config.sessions));
    }
    uint32_t wished = metaverse->config.sessions * AVATARS_PER_SESSION;
    slots->count = wished < ENTITY_INDEX_MAX - things ? wished : ENTITY_INDEX_MAX - things;
    slots->generations = arena_new_array(&metaverse->arena, uint16_t, slots->count);
    slots->free = arena_new_array(&metaverse->arena, uint32_t, slots->count);
    if (slots->generations == NULL || slots->free == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for avatars");
    }
    for (uint32_t i = 0; i < slots->count; i++) {
        slots->free[i] = i;
    }
    slots->free_count = slots->count;
    return STATUS_OK;
}

static Status take_handle(Metaverse *metaverse, EntityHandle *out_handle)
{
    AvatarSlots *slots = &metaverse->avatars;
    if (slots->free_count == 0) {
        return STATUS_CAPACITY;
    }
    uint32_t offset = slots->free[slots->free_first];
    slots->free_first = (slots->free_first + 1) % slots->count;
    slots->free_count--;
    uint32_t generation = ++slots->generations[offset];
    *out_handle =
        (EntityHandle){ .value = generation * GENERATION_STEP | (metaverse->world->thing_count + offset) };
    return STATUS_OK;
}

static void give_handle(Metaverse *metaverse, EntityHandle handle)
{
    AvatarSlots *slots = &metaverse->avatars;
    uint32_t offset = entity_index(handle) - metaverse->world->thing_count;
    if (slots->generations[offset] < GENERATION_MAX) {
        slots->free[(slots->free_first + slots->free_count++) % slots->count] = offset;
    }
}

/* ---- where to stand ---- */

static bool is_free(const Metaverse *metaverse, const float position[3])
{
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        const float *other = metaverse->sessions[metaverse->live[i]].body.position;
        float x = other[0] - position[0];
        float z = other[2] - position[2];
        if (x * x + z * z < SPAWN_DISTANCE * SPAWN_DISTANCE) {
            return false;
        }
    }
    return true;
}

/* Walks from a spawn point for `steps` steps towards `way` of SPAWN_WAYS: wherever that ends, one can stand.
 */
static AvatarState walk_away(const Metaverse *metaverse, const SpawnPoint *spawn, unsigned way,
                             unsigned steps)
{
    AvatarState body = { .yaw = avatar_yaw_from_radians(spawn->yaw) };
    memcpy(body.position, spawn->position, sizeof body.position);
    AvatarInput input = { .yaw = (uint16_t)(body.yaw + way * (65536u / SPAWN_WAYS)), .forward = 127 };
    for (unsigned i = 0; i < steps; i++) {
        avatar_step(&body, &input, metaverse->world);
    }
    avatar_step(&body, &(AvatarInput){ .yaw = body.yaw }, metaverse->world);
    body.velocity[0] = body.velocity[1] = 0;
    body.yaw = avatar_yaw_from_radians(spawn->yaw);
    return body;
}

/* Takes the spawn points in turn and the places around one by distance; when all of those are taken, those
 * around the next; when too many are, people stand in each other. */
static AvatarState find_place(const Metaverse *metaverse, uint16_t number)
{
    const World *world = metaverse->world;
    const unsigned ring_steps = (unsigned)(SPAWN_DISTANCE * 1.1f / AVATAR_WALK_SPEED * 60.0f);
    const unsigned places = 1 + SPAWN_RINGS * SPAWN_WAYS;
    for (unsigned i = 0; i < SPAWN_TRIES && i < places * world->spawn_point_count; i++) {
        unsigned place = i % places;
        unsigned ring = (place + SPAWN_WAYS - 1) / SPAWN_WAYS;
        const SpawnPoint *spawn = &world->spawn_points[(number + i / places) % world->spawn_point_count];
        AvatarState body = walk_away(metaverse, spawn, place % SPAWN_WAYS, ring * ring_steps);
        if (is_free(metaverse, body.position)) {
            return body;
        }
    }
    return walk_away(metaverse, &world->spawn_points[number % world->spawn_point_count], 0, 0);
}

Status avatar_spawn(Metaverse *metaverse, Session *session)
{
    EntityHandle handle;
    Status status = take_handle(metaverse, &handle);
    if (status != STATUS_OK) {
        log_error(LOG_MODULE, "all entity indices for avatars are used up");
        return status;
    }
    if (outbox_open(metaverse, session) != STATUS_OK) {
        give_handle(metaverse, handle);
        return STATUS_OUT_OF_MEMORY;
    }
    session->avatar = handle;
    session->cell = NO_CELL;
    session->body = find_place(metaverse, session->number);
    input_queue_init(&session->inputs);
    uint16_t at = metaverse->live_count++;
    for (; at > 0; at--) {
        uint16_t before = metaverse->live[at - 1];
        if (entity_index(metaverse->sessions[before].avatar) < entity_index(handle)) {
            break;
        }
        metaverse->live[at] = before;
    }
    metaverse->live[at] = (uint16_t)(session - metaverse->sessions);
    metaverse->moved = true;
    metaverse->counters.sessions = metaverse->live_count;
    return STATUS_OK;
}

void avatar_remove(Metaverse *metaverse, Session *session)
{
    uint16_t slot = (uint16_t)(session - metaverse->sessions);
    uint16_t kept = 0;
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        if (metaverse->live[i] != slot) {
            metaverse->live[kept++] = metaverse->live[i];
        }
    }
    metaverse->live_count = kept;
    metaverse->moved = true;
    metaverse->counters.sessions = kept;
    cells_leave(metaverse, session);
    outbox_close(metaverse, session);
    give_handle(metaverse, session->avatar);
}

/* ---- how to move ---- */

void avatar_input(Metaverse *metaverse, Session *session, const InputMessage *input)
{
    AvatarInput steps[INPUTS_MAX];
    for (uint32_t i = 0; i < input->count; i++) {
        const InputSample *sample = &input->inputs[i];
        steps[i] = (AvatarInput){ .forward = sample->forward,
                                  .right = sample->right,
                                  .run = (sample->flags & 1) != 0,
                                  .yaw = sample->yaw,
                                  .pitch = sample->pitch };
    }
    uint32_t fresh = input_queue_push(&session->inputs, input->first_sequence, steps, input->count);
    metaverse->counters.inputs += fresh;
    session->resting = session->resting && fresh == 0;
}

/* Where a step of standing would change nothing. */
static bool is_at_rest(const AvatarState *body, const AvatarInput *last)
{
    return body->velocity[0] == 0 && body->velocity[1] == 0 && body->yaw == last->yaw &&
           body->pitch == last->pitch;
}

static bool is_elsewhere(const AvatarState *before, const AvatarState *now)
{
    return memcmp(before->position, now->position, sizeof now->position) != 0 || before->yaw != now->yaw ||
           before->pitch != now->pitch;
}

static void step_all(Metaverse *metaverse)
{
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        Session *session = &metaverse->sessions[metaverse->live[i]];
        if (session->resting) {
            continue;
        }
        if (input_queue_rests(&session->inputs) && is_at_rest(&session->body, &session->inputs.last)) {
            session->resting = true;
            input_queue_rest(&session->inputs);
            continue;
        }
        AvatarInput inputs[INPUT_STEPS_MAX];
        uint64_t lost = session->inputs.lost;
        uint32_t count = input_queue_take(&session->inputs, inputs);
        AvatarState before = session->body;
        for (uint32_t step = 0; step < count; step++) {
            avatar_step(&session->body, &inputs[step], metaverse->world);
        }
        if (is_elsewhere(&before, &session->body)) {
            metaverse->moved = true;
        }
        metaverse->counters.inputs_lost += session->inputs.lost - lost;
    }
}

void avatars_step(Metaverse *metaverse)
{
    if (metaverse->stepped_until == TIME_NONE) {
        metaverse->stepped_until = metaverse->now - AVATAR_STEP_NS;
    }
    unsigned steps = 0;
    while (metaverse->now - metaverse->stepped_until >= AVATAR_STEP_NS) {
        if (steps++ == STEPS_MAX) {
            metaverse->stepped_until = metaverse->now;
            return;
        }
        metaverse->stepped_until += AVATAR_STEP_NS;
        step_all(metaverse);
    }
}

TimeNs avatars_time(const Metaverse *metaverse, TimeNs before)
{
    TimeNs stood = metaverse->stepped_until == TIME_NONE ? metaverse->now : metaverse->stepped_until;
    return before == TIME_NONE || stood > before ? stood : before + TIME_US;
}
