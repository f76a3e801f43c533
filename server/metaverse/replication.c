#include "server/metaverse/state.h"

#include "shared/base/log.h"
#include "shared/base/profile.h"
#include "shared/model/avatar.h"
#include "shared/wire/quantise.h"

#include <string.h>

#define SENT_WINDOW     64 /* bits of Session.sent_mask */
#define FIRST_SENT_SPAN (1u << 30)
#define RECENT_SPAN     4                         /* how much older than the baseline the recent one may be */
#define ENTITY_BYTES    48                        /* more than one encoded entity takes, with room to spare */
#define CHANNEL_BYTES   32                        /* and one channel */
#define BODY_MAX        (MESSAGE_SIZE_MAX - 1024) /* room for the message around it and for the seal */
#define BODIES_MAX      ((size_t)16 << 20) /* for all the baselines of a tick; beyond, bytes are encoded again */
#define PITCH_RADIANS   (6.2831853f / 65536.0f)

static Status create_twins(Metaverse *metaverse)
{
    Replication *replication = &metaverse->replication;
    const World *world = metaverse->world;
    replication->twins = arena_new_array(&metaverse->arena, EntityState, world->thing_count);
    replication->first_channel = arena_new_array(&metaverse->arena, uint32_t, (size_t)world->thing_count + 1);
    if (replication->twins == NULL || replication->first_channel == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    uint32_t channels = 0;
    for (uint32_t i = 0; i < world->thing_count; i++) {
        uint8_t count = (uint8_t)world->things[i].model->property_count;
        replication->first_channel[i] = channels;
        replication->twins[i] = (EntityState){ .handle = { .value = 1u << ENTITY_INDEX_BITS | i },
                                               .kind = ENTITY_TWIN,
                                               .subject = (uint16_t)i,
                                               .rotation = quat_pack((const float[4]){ 0, 0, 0, 1 }),
                                               .channel_count = count,
                                               .first_channel = channels };
        channels += count;
    }
    replication->first_channel[world->thing_count] = channels;
    replication->channels = arena_new_array(&metaverse->arena, ChannelState, channels);
    return replication->channels == NULL ? STATUS_OUT_OF_MEMORY : STATUS_OK;
}

/* A twin stands where the first object bound to its thing stands. */
static void place_twins(Metaverse *metaverse)
{
    const World *world = metaverse->world;
    for (uint32_t i = world->object_count; i-- > 0;) {
        const Object *object = &world->objects[i];
        if (object->thing >= world->thing_count) {
            continue;
        }
        EntityState *twin = &metaverse->replication.twins[object->thing];
        twin->x_mm = quantise_mm(object->position[0]);
        twin->y_mm = quantise_mm(object->position[1]);
        twin->z_mm = quantise_mm(object->position[2]);
        twin->rotation = quat_pack(object->rotation);
    }
}

static void forget_values(Replication *replication, uint32_t thing_count)
{
    for (uint32_t i = 0; i < replication->first_channel[thing_count]; i++) {
        replication->channels[i] = (ChannelState){ .source_time = TIME_NONE };
    }
}

Status replication_create(Metaverse *metaverse, Diag *diag)
{
    Replication *replication = &metaverse->replication;
    uint32_t things = metaverse->world->thing_count;
    if (create_twins(metaverse) != STATUS_OK) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for %u things", (unsigned)things);
    }
    place_twins(metaverse);
    forget_values(replication, things);
    replication->source_time = TIME_NONE;

    SnapshotLimits limits = { .entities = things + metaverse->config.sessions,
                              .channels = replication->first_channel[things] };
    if (limits.channels > CHANNEL_LIMIT_MAX) {
        return diag_set(diag, STATUS_CAPACITY, "", 0, "the world has %u properties, more than %u",
                        (unsigned)limits.channels, (unsigned)CHANNEL_LIMIT_MAX);
    }
    size_t whole = 256 + (size_t)limits.entities * ENTITY_BYTES + (size_t)limits.channels * CHANNEL_BYTES;
    whole = whole < BODY_MAX ? whole : BODY_MAX;
    replication->cache_capacity = SENT_WINDOW + 1;
    size_t bodies = whole * replication->cache_capacity;
    replication->bodies.capacity = bodies < BODIES_MAX ? bodies : BODIES_MAX;
    replication->bodies.data = arena_alloc(&metaverse->arena, replication->bodies.capacity, 1);
    replication->cache = arena_new_array(&metaverse->arena, CachedBody, replication->cache_capacity);
    if (replication->bodies.data == NULL || replication->cache == NULL ||
        snapshot_ring_create(limits, &metaverse->arena, &replication->ring) != STATUS_OK) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for snapshots of %u things",
                        (unsigned)things);
    }
    return STATUS_OK;
}

void replication_integrate(Metaverse *metaverse, const SyncBatch *batch)
{
    Replication *replication = &metaverse->replication;
    const World *world = metaverse->world;
    if (batch->restarted) {
        forget_values(replication, world->thing_count);
    }
    for (size_t i = 0; i < batch->count; i++) {
        const SyncSample *sample = &batch->samples[i];
        if (sample->thing >= world->thing_count ||
            sample->property >= replication->twins[sample->thing].channel_count) {
            continue;
        }
        replication->channels[replication->first_channel[sample->thing] + sample->property] =
            (ChannelState){ .code = sample->code,
                            .source_time = sample->quality == QUALITY_NONE ? TIME_NONE : sample->source_time,
                            .quality = sample->quality };
    }
    replication->source_time = batch->source_clock;
}

/* ---- acknowledgements ---- */

bool replication_acknowledge(Session *session, uint32_t sequence)
{
    if (sequence == 0) { /* "I have nothing any more": whole snapshots until it acknowledges again */
        session->acknowledged = 0;
        session->decoded_mask = 0;
        return true;
    }
    if (session->last_sent == 0 || snapshot_newer(sequence, session->last_sent) ||
        snapshot_newer(session->first_sent, sequence)) {
        return false;
    }
    uint32_t age = session->last_sent - sequence;
    if (age >= SENT_WINDOW) {
        return true; /* too old to be of use; the packet was long on its way */
    }
    if ((session->sent_mask >> age & 1) == 0) {
        return false;
    }
    session->decoded_mask |= UINT64_C(1) << age;
    if (session->acknowledged == 0 || snapshot_newer(sequence, session->acknowledged)) {
        session->acknowledged = sequence;
    }
    return true;
}

static void note_sent(Session *session, uint32_t sequence)
{
    uint32_t steps = session->last_sent == 0 ? SENT_WINDOW : sequence - session->last_sent;
    session->sent_mask = steps < SENT_WINDOW ? session->sent_mask << steps | 1 : 1;
    session->decoded_mask = steps < SENT_WINDOW ? session->decoded_mask << steps : 0;
    session->first_sent = session->first_sent == 0 ? sequence : session->first_sent;
    session->last_sent = sequence;
    if (sequence - session->first_sent > FIRST_SENT_SPAN) { /* keeps the order of the two when both wrap */
        session->first_sent = sequence - FIRST_SENT_SPAN;
    }
}

/* ---- the snapshot of a tick ---- */

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

/* Things in their order, then avatars by index. */
static const Snapshot *take_snapshot(Metaverse *metaverse)
{
    ProfileScope scope = profile_begin("snapshot");
    Replication *replication = &metaverse->replication;
    uint32_t things = metaverse->world->thing_count;
    uint32_t channels = replication->first_channel[things];
    replication->sequence += replication->sequence == UINT32_MAX ? 2 : 1; /* 0 means none */
    Snapshot *snapshot = snapshot_ring_begin(replication->ring, replication->sequence);
    snapshot->server_time = metaverse->now;
    snapshot->source_time = replication->source_time;
    snapshot->text_count = metaverse->texts->count;
    memcpy(snapshot->channels, replication->channels, channels * sizeof *snapshot->channels);
    snapshot->channel_count = channels;
    memcpy(snapshot->entities, replication->twins, things * sizeof *snapshot->entities);
    snapshot->entity_count = things;
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        EntityState *entity = &snapshot->entities[snapshot->entity_count++];
        fill_avatar(&metaverse->sessions[metaverse->live[i]], entity);
        entity->first_channel = channels;
    }
    snapshot_ring_commit(replication->ring, snapshot);
    profile_end(scope);
    return snapshot;
}

/* ---- encoding once a baseline ---- */

static Status encode_body(Replication *replication, const Snapshot *snapshot, const BodyKey *key,
                          Bytes *out_body)
{
    size_t left = replication->bodies.capacity - replication->bodies.size;
    ByteBuffer room = { .data = replication->bodies.data + replication->bodies.size,
                        .capacity = left < BODY_MAX ? left : BODY_MAX };
    ProfileScope scope = profile_begin("encode");
    const SnapshotBase base = { .baseline = snapshot_ring_find(replication->ring, key->baseline),
                                .recent = snapshot_ring_find(replication->ring, key->recent),
                                .old = snapshot_ring_find(replication->ring, key->old) };
    Status status = snapshot_encode_with(snapshot, &base, &room);
    profile_end(scope);
    if (status == STATUS_OK) {
        replication->bodies.size += room.size;
        *out_body = bytes_of(room.data, room.size);
    }
    return status;
}

static void clear_cache(Replication *replication)
{
    replication->cache_count = 0;
    replication->bodies.size = 0;
}

/* The newest snapshot among those that are `from` to `to` older than the newest sent and acknowledged, or 0.
 */
static uint32_t newest_decoded(const Session *session, uint32_t from, uint32_t to)
{
    for (uint32_t age = from; age <= to && age < SENT_WINDOW; age++) {
        if (session->decoded_mask >> age & 1) {
            return session->last_sent - age;
        }
    }
    return 0;
}

/* Which snapshots the session provably has. Clients that acknowledge everything and are equally far away
 * come to the same ones. */
static BodyKey key_for(const Replication *replication, const Session *session, uint32_t sequence)
{
    BodyKey key = { .baseline = session->acknowledged };
    if (key.baseline == 0 || snapshot_ring_find(replication->ring, key.baseline) == NULL) {
        return (BodyKey){ 0 };
    }
    uint32_t age = session->last_sent - key.baseline, distance = sequence - key.baseline;
    key.recent = newest_decoded(session, age + 1, age + RECENT_SPAN);
    key.old = newest_decoded(session, age + distance, age + 2 * distance + RECENT_SPAN);
    return key;
}

/* The bytes of `snapshot` against what a client has acknowledged. Clients that have acknowledged the same
 * share them; a full buffer forgets them all, which costs time but never correctness. */
static Status body_for(Metaverse *metaverse, const Snapshot *snapshot, const Session *session,
                       Bytes *out_body)
{
    Replication *replication = &metaverse->replication;
    BodyKey key = key_for(replication, session, snapshot->sequence);
    for (uint32_t i = 0; i < replication->cache_count; i++) {
        if (memcmp(&replication->cache[i].key, &key, sizeof key) == 0) {
            *out_body = replication->cache[i].bytes;
            return STATUS_OK;
        }
    }
    if (replication->cache_count == replication->cache_capacity) {
        clear_cache(replication);
    }
    Bytes body;
    Status status = encode_body(replication, snapshot, &key, &body);
    if (status == STATUS_CAPACITY && replication->cache_count > 0) {
        clear_cache(replication);
        status = encode_body(replication, snapshot, &key, &body);
    }
    if (status != STATUS_OK) {
        return status;
    }
    replication->cache[replication->cache_count++] = (CachedBody){ .key = key, .bytes = body };
    metaverse->counters.snapshots++;
    metaverse->counters.snapshot_bytes += body.size;
    *out_body = body;
    return STATUS_OK;
}

static void send_to(Metaverse *metaverse, Session *session, const Snapshot *snapshot)
{
    Message message = { .id = MESSAGE_SNAPSHOT,
                        .snapshot = { .input_sequence = input_queue_included(&session->inputs) } };
    Status status = body_for(metaverse, snapshot, session, &message.snapshot.body);
    session->too_large = status == STATUS_CAPACITY && session->acknowledged == 0;
    if (status == STATUS_OK) {
        status = message_send(metaverse->transport, session->peer, &message, &metaverse->scratch);
    }
    if (status != STATUS_OK) {
        if (metaverse->counters.unsent++ == 0) {
            log_warning(LOG_MODULE, "%s (%s): a snapshot could not be sent: %s", session->address,
                        session->name, status_text(status));
        }
        return;
    }
    note_sent(session, snapshot->sequence);
    metaverse->counters.sent_bytes += metaverse->scratch.size;
}

/* Carries the remainder, so that any snapshot rate up to the tick rate comes out right on average. */
static bool is_snapshot_tick(Metaverse *metaverse)
{
    Replication *replication = &metaverse->replication;
    replication->rate_left += metaverse->config.snapshot_rate_hz;
    if (replication->rate_left < metaverse->config.tick_rate_hz) {
        return false;
    }
    replication->rate_left -= metaverse->config.tick_rate_hz;
    return true;
}

void replication_send(Metaverse *metaverse)
{
    if (!is_snapshot_tick(metaverse) || metaverse->live_count == 0) {
        return;
    }
    clear_cache(&metaverse->replication);
    const Snapshot *snapshot = take_snapshot(metaverse);
    ProfileScope scope = profile_begin("fan_out");
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        send_to(metaverse, &metaverse->sessions[metaverse->live[i]], snapshot);
    }
    profile_end(scope);
}
