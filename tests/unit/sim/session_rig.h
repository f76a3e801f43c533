/* session_rig.h - a real server and real client sessions in one process, over the simulated network, in
 * virtual time, with a scripted trace whose values are known at every source time. */
#ifndef TESTS_UNIT_SIM_SESSION_RIG_H
#define TESTS_UNIT_SIM_SESSION_RIG_H
#include "client/session/session_state.h"
#include "client/session/values.h"
#include "server/embedded.h"
#include "shared/wire/transport_secure.h"
#include "shared/wire/transport_sim.h"
#include "tests/unit/server/small_world.h"

#include <stdlib.h>

#define RIG_THINGS       27u
#define RIG_PORT         4000
#define RIG_CLIENTS      4u
#define RIG_SAMPLES      20000u
#define RIG_SPEED        10
#define RIG_EPOCH        (INT64_C(1636070400) * TIME_SECOND)
#define RIG_TICK         (TIME_SECOND / 60)
#define RIG_SERVER_START (INT64_C(86400) * TIME_SECOND)

typedef struct RigTrace { /* the scripted feed, and the truth that clients are compared with */
    TraceSample samples[RIG_SAMPLES];
    uint32_t count, next;
    TimeNs start; /* monotonic time of the first poll; TIME_NONE before */
    TextTable *texts;
} RigTrace;

typedef struct RigClient {
    Session *session;
    Transport inner; /* under the sealed one; borrowed */
    WorldValues values;
    SessionView view;
    TimeNs connected, live, next_frame, frame; /* live: first valid view */
    uint32_t steps;
    TimeNs next_step;
    uint32_t checked; /* values compared with the trace */
    AvatarInput (*steer)(uint32_t step, const AvatarState *own);
} RigClient;

typedef struct Rig {
    SmallWorld small;
    RigTrace trace;
    Random entropy; /* of the secure channel */
    SimNetwork *network;
    Transport server_inner, server_sealed; /* borrowed */
    Server *server;
    RigClient clients[RIG_CLIENTS];
    Arena arena;
    TimeNs now, next_tick;
    bool tickless;
} Rig;

static inline int64_t rig_intern(TextTable *texts, int64_t number)
{
    char text[32];
    uint32_t id = 0;
    snprintf(text, sizeof text, "note %d", (int)number);
    if (text_intern(texts, text, &id) != STATUS_OK) {
        abort();
    }
    return id;
}

static inline Status rig_poll(void *context, TimeNs now, TraceSample *out_samples, size_t capacity,
                              size_t *out_count, FeedStatus *out_status)
{
    RigTrace *trace = context;
    trace->start = trace->start == TIME_NONE ? now : trace->start;
    TimeNs clock = RIG_EPOCH + (now - trace->start) * RIG_SPEED;
    size_t count = 0;
    while (count < capacity && trace->next < trace->count &&
           trace->samples[trace->next].source_time <= clock) {
        TraceSample *sample = &trace->samples[trace->next++];
        if (sample->property == SMALL_NOTE) { /* as a reader does: the text becomes known with its sample */
            sample->code = rig_intern(trace->texts, sample->code);
        }
        out_samples[count++] = *sample;
    }
    *out_count = count;
    *out_status = (FeedStatus){ .source_clock = clock };
    return STATUS_OK;
}

static inline TimeNs rig_next_due(const void *context)
{
    const RigTrace *trace = context;
    if (trace->start == TIME_NONE || trace->next == trace->count) {
        return trace->start == TIME_NONE ? TIME_NONE : TIME_FOREVER;
    }
    TimeNs ahead = trace->samples[trace->next].source_time - RIG_EPOCH;
    return trace->start + (ahead + RIG_SPEED - 1) / RIG_SPEED;
}

static inline const TraceCounters *rig_counters(const void *context)
{
    (void)context;
    static const TraceCounters counters;
    return &counters;
}

static inline void rig_feed_destroy(void *context)
{
    (void)context;
}

/* A value somewhere every 31 ms of source time: temperatures, states and texts that are new every time. */
static inline void rig_write_trace(Rig *rig, uint64_t seed)
{
    Random random = random_seeded(seed);
    RigTrace *trace = &rig->trace;
    for (uint32_t i = 0; i < RIG_SAMPLES; i++) {
        uint8_t property = (uint8_t)random_below(&random, SMALL_PROPERTIES);
        int64_t code = property == SMALL_STATE  ? (int64_t)random_below(&random, 3)
                       : property == SMALL_NOTE ? (int64_t)random_below(&random, 900) /* id when it is due */
                                                : (int64_t)random_below(&random, 2000) - 500;
        trace->samples[trace->count++] = (TraceSample){ .source_time = RIG_EPOCH + (TimeNs)i * 31 * TIME_MS,
                                                        .thing = (uint16_t)random_below(&random, RIG_THINGS),
                                                        .property = property,
                                                        .quality = QUALITY_GOOD,
                                                        .code = code };
    }
    trace->start = TIME_NONE;
    trace->texts = &rig->small.texts;
}

/* Everything between server and clients is sealed, as it is in the programs. */
static inline void rig_fill(void *context, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)random_u64(context);
    }
}

/* `who`: whose key, 0 to 255. */
static inline Status rig_transport(Rig *rig, uint16_t port, uint8_t who, Transport *out_inner,
                                   Transport *out_transport)
{
    const uint8_t secret[NOISE_KEY_SIZE] = { 1, (uint8_t)port, who };
    const SecureConfig config = { .secret = secret,
                                  .entropy = { .fill = rig_fill, .context = &rig->entropy },
                                  .rekey = { .packets = 256, .age = TIME_SECOND, .grace = TIME_SECOND / 2 } };
    Status status = transport_sim_create(rig->network, port, out_inner);
    return status == STATUS_OK ? transport_secure_create(*out_inner, &config, out_transport) : status;
}

static inline Status rig_key_of(void *context, PeerId peer, uint8_t out_key[NOISE_KEY_SIZE])
{
    const Rig *rig = context;
    return transport_secure_peer_key(rig->server_sealed, peer, out_key);
}

/* `resume`: how long the server keeps who is lost; 0: not at all. */
static inline void rig_init_with(Rig *rig, SimLink link, uint32_t sessions, uint64_t seed, size_t world_bytes,
                                 bool tickless, TimeNs resume)
{
    static const FeedOps ops = {
        .poll = rig_poll, .next_due = rig_next_due, .counters = rig_counters, .destroy = rig_feed_destroy
    };
    memset(rig, 0, sizeof *rig);
    rig->tickless = tickless;
    rig->entropy = random_seeded(seed);
    arena_init(&rig->arena, 0);
    Transport transport;
    TwinSystem *twin;
    Diag diag = { 0 };
    EmbeddedConfig config = { .metaverse = { .sessions = sessions,
                                             .resume_time = resume,
                                             .keys = { .of = rig_key_of, .context = rig },
                                             .entropy = { .fill = rig_fill, .context = &rig->entropy } },
                              .server = { .tickless = tickless } };
    if (!small_world_init(&rig->small, RIG_THINGS)) {
        abort();
    }
    if (world_bytes > 0) {
        rig->small.entries[1].bytes.size = world_bytes;
    }
    rig_write_trace(rig, seed);
    Feed feed = { .ops = &ops, .context = &rig->trace };
    if (sim_network_create(seed, link, &rig->network) != STATUS_OK ||
        rig_transport(rig, RIG_PORT, 0, &rig->server_inner, &transport) != STATUS_OK ||
        twin_create(&rig->small.world, 0, &twin) != STATUS_OK || twin_add_feed(twin, feed) != STATUS_OK ||
        server_create_embedded(&config, &rig->small.world, &rig->small.texts, rig->small.assets, twin,
                               transport, &rig->server, &diag) != STATUS_OK) {
        abort();
    }
    rig->server_sealed = transport;
    rig->now = rig->next_tick = RIG_SERVER_START;
}

/* `world_bytes`: of the world's large file; 0: as it is. */
static inline void rig_init(Rig *rig, SimLink link, uint32_t sessions, uint64_t seed, size_t world_bytes)
{
    rig_init_with(rig, link, sessions, seed, world_bytes, false, 0);
}

static inline void rig_finish(Rig *rig)
{
    for (uint32_t i = 0; i < RIG_CLIENTS; i++) {
        session_destroy(rig->clients[i].session);
    }
    server_destroy(rig->server);
    sim_network_destroy(rig->network);
    arena_finish(&rig->arena);
    small_world_finish(&rig->small);
}

static inline RigClient *rig_connect_over(Rig *rig, uint32_t index, const char *name,
                                          const uint8_t *world_hash, Transport transport)
{
    RigClient *client = &rig->clients[index];
    SessionConfig config = { .host = "sim", .port = RIG_PORT, .name = name, .world_hash = world_hash };
    Diag diag = { 0 };
    *client = (RigClient){ .connected = rig->now,
                           .live = TIME_NONE,
                           .next_frame = rig->now + (index + 1) * 3 * TIME_MS };
    if (session_create(&config, transport, rig->now, &client->session, &diag) != STATUS_OK ||
        world_values_create(&rig->small.world, &rig->arena, &client->values) != STATUS_OK) {
        abort();
    }
    return client;
}

static inline RigClient *rig_connect(Rig *rig, uint32_t index, const char *name, const uint8_t *world_hash)
{
    Transport inner = { 0 }, transport = { 0 };
    if (rig_transport(rig, 0, (uint8_t)index, &inner, &transport) != STATUS_OK) {
        abort();
    }
    RigClient *client = rig_connect_over(rig, index, name, world_hash, transport);
    client->inner = inner;
    return client;
}

/* What an app does in a frame, without the picture. */
static inline void rig_frame(Rig *rig, RigClient *client)
{
    Session *session = client->session;
    AvatarState own;
    session_update(session, rig->now);
    if (session_assets(session) != NULL && session_state(session) == SESSION_LOADING) {
        session_ready(session, &rig->small.world);
    }
    if (session_own_avatar(session, &own)) {
        client->next_step =
            client->next_step == 0 ? rig->now - RIG_TICK / 2 : client->next_step; /* one a frame */
        for (; client->next_step <= rig->now; client->next_step += AVATAR_STEP_NS) {
            session_own_avatar(session, &own);
            AvatarInput input =
                client->steer != NULL ? client->steer(client->steps, &own) : (AvatarInput){ .yaw = own.yaw };
            session_input(session, &input, rig->now);
            client->steps++;
        }
    }
    session_flush(session, rig->now);
    session_view(session, rig->now, &client->view);
    client->frame = rig->now;
    if (client->view.valid && client->live == TIME_NONE) {
        client->live = rig->now;
    }
}

/* Runs the world to `until`, a millisecond at a time; `each` (may be NULL) is called after every frame of a
 * client.
 */
static inline void rig_run(Rig *rig, TimeNs until, void (*each)(Rig *rig, uint32_t client, void *context),
                           void *context)
{
    for (; rig->now < until; rig->now += TIME_MS) {
        if (rig->tickless && rig->now >= server_wake(rig->server)) {
            server_run(rig->server, rig->now);
        } else if (!rig->tickless && rig->now >= rig->next_tick) {
            server_tick(rig->server, rig->now);
            rig->next_tick += RIG_TICK;
        }
        for (uint32_t i = 0; i < RIG_CLIENTS; i++) {
            RigClient *client = &rig->clients[i];
            if (client->session == NULL || rig->now < client->next_frame) {
                continue;
            }
            client->next_frame += RIG_TICK;
            rig_frame(rig, client);
            if (each != NULL) {
                each(rig, i, context);
            }
        }
    }
}

/* The trace's last sample of each property at `source_time`, read afresh. */
static inline void rig_truth(const Rig *rig, TimeNs source_time, Reported out[RIG_THINGS][SMALL_PROPERTIES])
{
    memset(out, 0, sizeof(Reported[RIG_THINGS][SMALL_PROPERTIES]));
    for (uint32_t i = 0; i < rig->trace.count && rig->trace.samples[i].source_time <= source_time; i++) {
        const TraceSample *sample = &rig->trace.samples[i];
        out[sample->thing][sample->property] = (Reported){ .code = sample->code,
                                                           .source_time = sample->source_time,
                                                           .quality = sample->quality };
    }
}

#endif
