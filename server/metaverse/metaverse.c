#include "server/metaverse/state.h"

#include "shared/base/log.h"
#include "shared/base/profile.h"

#include <stdlib.h>

#define SESSIONS_MAX 4095 /* ENet's peers a host */

static TimeNs or_default(TimeNs value, TimeNs fallback)
{
    return value > 0 ? value : fallback;
}

static Status check_config(const MetaverseConfig *given, MetaverseConfig *out_config, Diag *diag)
{
    MetaverseConfig config = *given;
    config.sessions = config.sessions == 0 ? 64 : config.sessions;
    config.tick_rate_hz = config.tick_rate_hz == 0 ? 60 : config.tick_rate_hz;
    config.snapshot_rate_hz = config.snapshot_rate_hz == 0 ? 30 : config.snapshot_rate_hz;
    config.session_timeout = or_default(config.session_timeout, 10 * TIME_SECOND);
    config.hello_timeout = or_default(config.hello_timeout, 5 * TIME_SECOND);
    config.join_timeout = or_default(config.join_timeout, 5 * TIME_MINUTE);
    if (config.resume_time != 0 &&
        (config.resume_time < TIME_SECOND || config.resume_time > (TimeNs)RESUME_SECONDS_MAX * TIME_SECOND)) {
        return diag_set(diag, STATUS_OUT_OF_RANGE, "", 0,
                        "sessions wait %.3f s for their clients: not at all, or for 1 to %u s",
                        time_to_seconds(config.resume_time), RESUME_SECONDS_MAX);
    }
    if (config.sessions > SESSIONS_MAX) {
        return diag_set(diag, STATUS_CAPACITY, "", 0, "%u sessions are more than %d",
                        (unsigned)config.sessions, SESSIONS_MAX);
    }
    if (config.tick_rate_hz > TICK_RATE_MAX || config.snapshot_rate_hz > config.tick_rate_hz) {
        return diag_set(
            diag, STATUS_OUT_OF_RANGE, "", 0,
            "a tick rate of %u Hz with %u snapshots a second: at most %u ticks, and no more snapshots "
            "than ticks",
            config.tick_rate_hz, config.snapshot_rate_hz, TICK_RATE_MAX);
    }
    *out_config = config;
    return STATUS_OK;
}

static Status create_parts(Metaverse *metaverse, AssetSource assets, Diag *diag)
{
    metaverse->scratch.capacity = MESSAGE_SIZE_MAX;
    metaverse->scratch.data = arena_alloc(&metaverse->arena, MESSAGE_SIZE_MAX, 1);
    if (metaverse->scratch.data == NULL || sessions_create(metaverse) != STATUS_OK ||
        roster_create(metaverse) != STATUS_OK) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for %u sessions",
                        (unsigned)metaverse->config.sessions);
    }
    Status status = avatars_create(metaverse, diag);
    if (status == STATUS_OK) {
        status = replication_create(metaverse, diag);
    }
    return status == STATUS_OK ? join_create(metaverse, assets, diag) : status;
}

Status metaverse_create(const MetaverseConfig *config, const World *world, TextTable *texts,
                        AssetSource assets, Transport transport, Metaverse **out_metaverse, Diag *diag)
{
    MetaverseConfig checked = { 0 };
    Status status = check_config(config, &checked, diag);
    if (status != STATUS_OK) {
        return status;
    }
    Metaverse *metaverse = calloc(1, sizeof *metaverse);
    if (metaverse == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for a metaverse system");
    }
    arena_init(&metaverse->arena, checked.memory_limit);
    metaverse->config = checked;
    metaverse->world = world;
    metaverse->texts = texts;
    metaverse->stepped_until = metaverse->swept = TIME_NONE;
    status = create_parts(metaverse, assets, diag);
    if (status == STATUS_OK) {
        status = integration_create(metaverse, texts, diag);
    }
    if (status != STATUS_OK) {
        metaverse_destroy(metaverse);
        return status;
    }
    metaverse->transport = transport;
    *out_metaverse = metaverse;
    return STATUS_OK;
}

void metaverse_destroy(Metaverse *metaverse)
{
    if (metaverse == NULL) {
        return;
    }
    integration_destroy(metaverse);
    transport_destroy(metaverse->transport);
    arena_finish(&metaverse->arena);
    free(metaverse);
}

static void handle_event(Metaverse *metaverse, const TransportEvent *event)
{
    switch (event->type) {
    case TRANSPORT_CONNECTED:
        session_open(metaverse, event);
        break;
    case TRANSPORT_DISCONNECTED:
        session_lost(metaverse, event->peer);
        break;
    case TRANSPORT_RECEIVED:
        session_receive(metaverse, event);
        break;
    }
}

/* Puts on the wire what the transport holds. */
static void flush(Metaverse *metaverse)
{
    ProfileScope scope = profile_begin("send");
    transport_flush(metaverse->transport, metaverse->now);
    profile_end(scope);
}

void metaverse_receive(Metaverse *metaverse, TimeNs now)
{
    ProfileScope scope = profile_begin("receive");
    metaverse->now = now;
    TransportEvent event;
    for (uint32_t i = 0; i < EVENTS_MAX && transport_poll(metaverse->transport, now, &event) == STATUS_OK;
         i++) {
        handle_event(metaverse, &event);
    }
    join_pump(metaverse);
    flush(metaverse);
    profile_end(scope);
}

void metaverse_integrate(Metaverse *metaverse, const SyncBatch *batch)
{
    ProfileScope scope = profile_begin("integrate");
    replication_integrate(metaverse, batch);
    profile_end(scope);
}

void metaverse_step(Metaverse *metaverse, TimeNs now)
{
    ProfileScope scope = profile_begin("step");
    metaverse->now = now;
    sessions_sweep(metaverse);
    avatars_step(metaverse);
    profile_end(scope);
}

void metaverse_replicate(Metaverse *metaverse, TimeNs now)
{
    metaverse_replicate_when(metaverse, now, replication_due(metaverse));
}

void metaverse_replicate_when(Metaverse *metaverse, TimeNs now, bool snapshot)
{
    ProfileScope scope = profile_begin("replicate");
    metaverse->now = now;
    join_pump(metaverse);
    roster_tell(metaverse);
    system_list_tell(metaverse);
    if (snapshot) {
        replication_send(metaverse);
    }
    flush(metaverse);
    profile_end(scope);
}

MetaverseNews metaverse_news(Metaverse *metaverse)
{
    MetaverseNews news = { .motion = metaverse->moved };
    metaverse->moved = false;
    replication_news(metaverse, &news);
    return news;
}

int metaverse_wake_fd(const Metaverse *metaverse)
{
    return transport_wake_fd(metaverse->transport);
}

void metaverse_shutdown(Metaverse *metaverse, TimeNs now)
{
    metaverse->now = now;
    metaverse->stopping = true;
    for (uint32_t i = 0; i < metaverse->slot_count; i++) {
        if (metaverse->sessions[i].state != 0) {
            session_close(metaverse, &metaverse->sessions[i], REJECT_SHUTDOWN, "the server is stopping");
        }
    }
    transport_flush(metaverse->transport, now);
}

TransportStats metaverse_transport_stats(const Metaverse *metaverse)
{
    TransportStats stats = { 0 };
    Status status = transport_stats(metaverse->transport, 0, &stats);
    return status == STATUS_OK ? stats : (TransportStats){ 0 };
}

bool metaverse_drained(const Metaverse *metaverse)
{
    return metaverse_transport_stats(metaverse).queued == 0;
}

const MetaverseCounters *metaverse_counters(const Metaverse *metaverse)
{
    return &metaverse->counters;
}
