#include "server/metaverse/state.h"

#include "shared/base/profile.h"
#include "shared/wire/quantise.h"

#include <string.h>

#define ENCODING_BYTES ((size_t)16 << 20) /* of codes of all cells, at most */
#define VERSION_BYTES \
    ((size_t)192 << 20) /* of all versions remembered, where every cell changes at every tick */
#define HISTORY_MIN  16u
#define INTERVAL_MIN TIME_MS
#define INTERVAL_MAX (250 * TIME_MS)
#define KBPS_DEFAULT 8000u
#define LAG_HISTORY  64u               /* frames and packets that both ends can tell apart */
#define SILENCE      (2 * TIME_SECOND) /* after which nobody waits for a client */

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

/* As many versions as memory allows, so that far-away clients find their baseline. */
static uint32_t history_for(uint32_t entities, uint32_t channels)
{
    size_t version = entities * sizeof(EntityState) + channels * sizeof(ChannelState) + 1;
    size_t most = VERSION_BYTES / version;
    return most < HISTORY_MIN            ? HISTORY_MIN
           : most > CELL_HISTORY_DEFAULT ? CELL_HISTORY_DEFAULT
                                         : (uint32_t)most;
}

/* Room for what a tick is likely to need; beyond, codes are made again. */
static Status create_encodings(Metaverse *metaverse)
{
    Replication *replication = &metaverse->replication;
    size_t bytes = (size_t)replication->first_channel[metaverse->world->thing_count] * sizeof(ChannelState) *
                   2 * CELL_CODES;
    return encodings_create(&replication->encodings, replication->cells.capacity,
                            bytes < ENCODING_BYTES ? bytes : ENCODING_BYTES, &metaverse->arena);
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
    replication->frame.source_time = TIME_NONE;
    replication->source_time = TIME_NONE;
    uint32_t channels = replication->first_channel[things];
    if (channels > CHANNEL_LIMIT_MAX) {
        return diag_set(diag, STATUS_CAPACITY, "", 0, "the world has %u properties, more than %u",
                        (unsigned)channels, (unsigned)CHANNEL_LIMIT_MAX);
    }
    uint32_t kbps = metaverse->config.client_kbps ? metaverse->config.client_kbps : KBPS_DEFAULT;
    replication->bytes_per_s = kbps * 125;
    replication->interval = TIME_SECOND / metaverse->config.snapshot_rate_hz;
    replication->history = history_for(things + metaverse->config.sessions, channels);
    if (cells_create(metaverse) != STATUS_OK || outbox_create(metaverse) != STATUS_OK ||
        create_encodings(metaverse) != STATUS_OK) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for snapshots of %u things",
                        (unsigned)things);
    }
    return STATUS_OK;
}

static bool same_channel(const ChannelState *a, const ChannelState *b)
{
    return a->code == b->code && a->source_time == b->source_time && a->quality == b->quality;
}

void replication_set(Metaverse *metaverse, const SyncSample *sample)
{
    Replication *replication = &metaverse->replication;
    if (sample->thing >= metaverse->world->thing_count ||
        sample->property >= replication->twins[sample->thing].channel_count) {
        return;
    }
    ChannelState *channel =
        &replication->channels[replication->first_channel[sample->thing] + sample->property];
    const ChannelState now = { .code = sample->code,
                               .source_time =
                                   sample->quality == QUALITY_NONE ? TIME_NONE : sample->source_time,
                               .quality = sample->quality };
    if (!same_channel(channel, &now)) {
        *channel = now;
        cells_changed(metaverse, sample->thing);
    }
}

void replication_apply(Metaverse *metaverse, const SyncBatch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        replication_set(metaverse, &batch->samples[i]);
    }
}

void replication_forget(Metaverse *metaverse, uint32_t thing)
{
    Replication *replication = &metaverse->replication;
    for (uint32_t i = replication->first_channel[thing]; i < replication->first_channel[thing + 1]; i++) {
        replication->channels[i] = (ChannelState){ .source_time = TIME_NONE };
    }
    cells_changed(metaverse, thing);
}

bool replication_stale(Metaverse *metaverse, uint32_t thing,
                       bool (*is_old)(const void *context, const Property *property,
                                      const ChannelState *channel),
                       const void *context)
{
    Replication *replication = &metaverse->replication;
    const ThingModel *model = metaverse->world->things[thing].model;
    bool any = false;
    for (uint32_t i = 0; i < model->property_count; i++) {
        ChannelState *channel = &replication->channels[replication->first_channel[thing] + i];
        if (channel->quality == QUALITY_GOOD &&
            (is_old == NULL || is_old(context, &model->properties[i], channel))) {
            channel->quality = QUALITY_STALE;
            any = true;
        }
    }
    if (any) {
        cells_changed(metaverse, thing);
    }
    return any;
}

void metaverse_count_qualities(const Metaverse *metaverse, uint32_t out_counts[QUALITY_COUNT])
{
    const Replication *replication = &metaverse->replication;
    memset(out_counts, 0, QUALITY_COUNT * sizeof *out_counts);
    for (uint32_t i = 0; i < replication->first_channel[metaverse->world->thing_count]; i++) {
        uint8_t quality = replication->channels[i].quality;
        out_counts[quality < QUALITY_COUNT ? quality : QUALITY_BAD]++;
    }
}

void replication_integrate(Metaverse *metaverse, const SyncBatch *batch)
{
    Replication *replication = &metaverse->replication;
    if (batch->restarted) {
        forget_values(replication, metaverse->world->thing_count);
        cells_all_changed(metaverse);
    }
    replication_apply(metaverse, batch);
    replication->source_time = batch->source_clock;
}

/* Carries the remainder, so that any snapshot rate up to the tick rate comes out right on average. */
bool replication_due(Metaverse *metaverse)
{
    Replication *replication = &metaverse->replication;
    replication->rate_left += metaverse->config.snapshot_rate_hz;
    if (replication->rate_left < metaverse->config.tick_rate_hz) {
        return false;
    }
    replication->rate_left -= metaverse->config.tick_rate_hz;
    return true;
}

static void begin_frame(Metaverse *metaverse)
{
    Replication *replication = &metaverse->replication;
    uint32_t sequence = replication->frame.sequence;
    TimeNs before = sequence == 0 ? TIME_NONE : replication->frame.server_time;
    replication->frame = (SnapshotFrame){ .sequence = sequence == UINT32_MAX ? 1 : sequence + 1,
                                          .server_time = avatars_time(metaverse, before),
                                          .source_time = replication->source_time,
                                          .text_count = metaverse->texts->count };
    TimeNs passed = before == TIME_NONE ? 0 : replication->frame.server_time - before;
    replication->interval = passed < INTERVAL_MIN || passed > INTERVAL_MAX ? replication->interval : passed;
    frame_ring_put(&replication->frames, &replication->frame);
    encodings_begin(&replication->encodings);
}

void replication_send(Metaverse *metaverse)
{
    if (metaverse->live_count == 0) {
        return;
    }
    begin_frame(metaverse);
    ProfileScope cut = profile_begin("cells");
    cells_update(metaverse, metaverse->replication.frame.sequence);
    profile_end(cut);
    ProfileScope scope = profile_begin("fan_out");
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        Session *session = &metaverse->sessions[metaverse->live[i]];
        if (session->peer != 0) {
            interest_review(metaverse, session);
            outbox_send(metaverse, session);
        }
    }
    profile_end(scope);
}

/* Packets and frames that a client may be behind, in proportion to a history of LAG_HISTORY. Who is silent or
 * farther behind is beyond help. */
static uint32_t lag_of(const Replication *replication, const Outbox *outbox)
{
    uint32_t frames = outbox->frame != 0 ? replication->frame.sequence - outbox->frame : 0;
    uint32_t packets = outbox->arrived != 0 ? outbox->number - outbox->arrived : 0;
    uint32_t lag = frames > packets ? frames : packets;
    if (lag > LAG_HISTORY) {
        return 0;
    }
    return replication->history < LAG_HISTORY ? lag * LAG_HISTORY / replication->history : lag;
}

void replication_news(const Metaverse *metaverse, MetaverseNews *news)
{
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        const Session *session = &metaverse->sessions[metaverse->live[i]];
        const Outbox *outbox = session->outbox;
        if (session->peer == 0 || metaverse->now - outbox->heard > SILENCE) {
            continue;
        }
        uint32_t lag = lag_of(&metaverse->replication, outbox);
        news->waiting |= outbox->unsettled > 0;
        news->lag = lag > news->lag ? lag : news->lag;
    }
}
