/* script_client.h - the least client that speaks the protocol, and a metaverse with several of them over the
 * simulated network in virtual time. A test may hold it back at any point of the handshake, and send what it
 * likes. */
#ifndef TESTS_UNIT_SERVER_SCRIPT_CLIENT_H
#define TESTS_UNIT_SERVER_SCRIPT_CLIENT_H
#include "server/metaverse/metaverse.h"
#include "shared/wire/messages.h"
#include "shared/wire/replica.h"
#include "shared/wire/transport_sim.h"
#include "tests/unit/server/small_world.h"

#define CLIENTS_MAX   16
#define ROSTER_MAX    64
#define SERVER_PORT   4238
#define TICK          (TIME_SECOND / 60)
#define SECONDS_START (1000 * TIME_SECOND)
#define CLIENT_STATES (STATE_HELLO | STATE_JOIN | STATE_LIVE)

/* How far a client goes by itself. */
typedef enum ClientGoal { GOAL_CONNECT, GOAL_HELLO, GOAL_LOAD, GOAL_LIVE } ClientGoal;

typedef struct ScriptClient {
    Transport transport;
    PeerId peer;
    uint32_t version; /* connect data */
    ClientGoal goal;
    HelloMessage hello;
    Arena arena;
    Replica *replica;
    bool connected, disconnected, rejected, welcomed, ready;
    bool mute;       /* once live says nothing by itself */
    bool still;      /* once live acknowledges only */
    uint32_t reason; /* of the disconnect */
    RejectMessage reject;
    WelcomeMessage welcome;
    TicketMessage ticket, ticket_before; /* the last two */
    uint32_t tickets;
    uint32_t manifest_count, file_index, chunk_next; /* chunk_next: chunks received of file_index */
    uint32_t requested;                              /* of file_index */
    uint32_t sizes[16];
    uint8_t *file; /* content of file 1 */
    bool file_wrong;
    RosterEntry roster[ROSTER_MAX];
    uint32_t roster_count, rosters; /* people now, messages so far */
    char texts[64][256];
    uint32_t text_count, texts_at_first; /* when the first snapshot came */
    uint64_t snapshots, snapshots_refused, time_responses, undecoded;
    TimeResponseMessage time_response;
    const Snapshot *newest;
    bool complete;           /* as told with the newest packet */
    uint32_t input_sequence; /* as told by the server */
    uint32_t sequence;       /* own newest step */
    InputSample inputs[INPUTS_MAX];
    InputSample input;           /* the next step */
    CommandMessage commands[32]; /* as told, a ring; those below command_count */
    AlarmMessage alarms[8];
    SystemMessage systems[8]; /* of the newest answer */
    UnboundEntry unbound[8];
    uint32_t command_count, alarm_count, system_count, unbound_count, lists; /* lists: answers complete */
} ScriptClient;

static uint8_t script_scratch[1 << 16];

static inline Status client_send(ScriptClient *client, const Message *message)
{
    ByteBuffer buffer = { .data = script_scratch, .capacity = sizeof script_scratch };
    return message_send(client->transport, client->peer, message, &buffer);
}

static inline Status client_send_bytes(ScriptClient *client, uint8_t channel, const void *data, size_t size)
{
    return transport_send(client->transport, client->peer, channel, DELIVERY_RELIABLE, bytes_of(data, size));
}

static inline bool client_start(ScriptClient *client, SimNetwork *network, ClientGoal goal, const char *name)
{
    *client = (ScriptClient){ .version = PROTOCOL_MAGIC | PROTOCOL_VERSION,
                              .goal = goal,
                              .hello = { .version = PROTOCOL_VERSION, .build = "test" } };
    snprintf(client->hello.name, sizeof client->hello.name, "%s", name);
    arena_init(&client->arena, 0);
    return transport_sim_create(network, 0, &client->transport) == STATUS_OK;
}

/* After client_start, and after changing what it will say. */
static inline bool client_connect(ScriptClient *client)
{
    return transport_connect(client->transport, "sim", SERVER_PORT, client->version, &client->peer, NULL) ==
           STATUS_OK;
}

static inline void client_finish(ScriptClient *client)
{
    transport_destroy(client->transport);
    client->transport = (Transport){ 0 };
    arena_finish(&client->arena);
}

static inline void client_welcome(ScriptClient *client, const WelcomeMessage *welcome)
{
    client->welcome = *welcome;
    client->welcomed = true;
    const ReplicaLimits limits = { .entities = welcome->entity_limit,
                                   .channels = welcome->channel_limit,
                                   .cells = welcome->cell_limit,
                                   .history = welcome->history };
    if (replica_create(limits, (size_t)256 << 20, &client->arena, &client->replica) != STATUS_OK) {
        client->undecoded++;
    }
    client->file = arena_alloc(&client->arena, sizeof((SmallWorld *)0)->big, 1);
}

static inline void client_chunk(ScriptClient *client, const FileChunkMessage *chunk)
{
    size_t left = client->sizes[client->file_index] - (size_t)client->chunk_next * FILE_CHUNK_MAX;
    size_t expected = left < FILE_CHUNK_MAX ? left : FILE_CHUNK_MAX;
    if (chunk->index != client->file_index || chunk->chunk != client->chunk_next ||
        chunk->bytes.size != expected) {
        client->file_wrong = true;
        return;
    }
    if (chunk->index == 1) {
        memcpy(client->file + (size_t)chunk->chunk * FILE_CHUNK_MAX, chunk->bytes.data, expected);
    }
    client->chunk_next++;
}

/* Goes through the files, one request at a time, and says READY after the last. */
static inline void client_load(ScriptClient *client, const uint8_t *hash)
{
    if (!client->welcomed || client->ready || client->manifest_count < client->welcome.manifest_count) {
        return;
    }
    while (client->file_index < client->manifest_count &&
           (size_t)client->chunk_next * FILE_CHUNK_MAX >= client->sizes[client->file_index]) {
        client->file_index++;
        client->chunk_next = client->requested = 0;
    }
    if (client->file_index == client->manifest_count) {
        Message message = { .id = MESSAGE_READY };
        memcpy(message.ready.world_hash, hash == NULL ? client->welcome.world_hash : hash, HASH_SIZE);
        client->ready = client_send(client, &message) == STATUS_OK;
        return;
    }
    if (client->chunk_next == client->requested) {
        uint32_t chunks = (client->sizes[client->file_index] + FILE_CHUNK_MAX - 1) / FILE_CHUNK_MAX;
        uint32_t count = chunks - client->requested < 64 ? chunks - client->requested : 64;
        Message message = { .id = MESSAGE_FILE_REQUEST,
                            .file_request = { .index = client->file_index,
                                              .first_chunk = client->requested,
                                              .chunk_count = (uint8_t)count } };
        client->requested += count;
        client->undecoded += client_send(client, &message) != STATUS_OK;
    }
}

static inline void client_snapshot(ScriptClient *client, const SnapshotMessage *message)
{
    ReplicaNews news;
    if (client->replica == NULL || replica_receive(client->replica, message->body, &news) != STATUS_OK) {
        client->snapshots_refused++;
        return;
    }
    client->texts_at_first = client->snapshots++ == 0 ? client->text_count : client->texts_at_first;
    if (!news.late) {
        client->newest = replica_compose(client->replica, news.head.frame.sequence);
        client->input_sequence = news.head.input_sequence;
        client->complete = news.head.complete;
    }
}

static inline void client_roster(ScriptClient *client, const RosterMessage *message)
{
    Bytes entries = message->entries;
    RosterEntry entry;
    client->rosters++;
    while (roster_entry_read(&entries, &entry)) {
        uint32_t at = 0;
        while (at < client->roster_count && client->roster[at].session != entry.session) {
            at++;
        }
        if (entry.name[0] != '\0' && at < ROSTER_MAX) {
            client->roster[at] = entry;
            client->roster_count += at == client->roster_count;
        } else if (at < client->roster_count) {
            client->roster[at] = client->roster[--client->roster_count];
        }
    }
}

/* Commands, alarms and systems. */
static inline void client_news(ScriptClient *client, const Message *message)
{
    Bytes entries = message->unbound.entries;
    UnboundEntry entry;
    switch (message->id) {
    case MESSAGE_COMMAND:
        client->commands[client->command_count++ % 32] = message->command;
        break;
    case MESSAGE_ALARM:
        client->alarms[client->alarm_count++ % 8] = message->alarm;
        break;
    case MESSAGE_SYSTEM:
        client->unbound_count = message->system.index == 0 ? 0 : client->unbound_count;
        client->systems[message->system.index % 8] = message->system;
        client->system_count = message->system.count;
        break;
    case MESSAGE_UNBOUND:
        while (unbound_entry_read(&entries, &entry)) {
            client->unbound[client->unbound_count++ % 8] = entry;
        }
        client->lists += message->unbound.last;
        break;
    default:
        break;
    }
}

static inline void client_message(ScriptClient *client, const Message *message)
{
    switch (message->id) {
    case MESSAGE_WELCOME:
        client_welcome(client, &message->welcome);
        break;
    case MESSAGE_REJECT:
        client->rejected = true;
        client->reject = message->reject;
        break;
    case MESSAGE_MANIFEST_ENTRY:
        if (message->manifest_entry.index == client->manifest_count && client->manifest_count < 16) {
            client->sizes[client->manifest_count++] = message->manifest_entry.size;
        }
        break;
    case MESSAGE_FILE_CHUNK:
        client_chunk(client, &message->file_chunk);
        break;
    case MESSAGE_TICKET:
        client->ticket_before = client->ticket;
        client->ticket = message->ticket;
        client->tickets++;
        break;
    case MESSAGE_TIME_RESPONSE:
        client->time_responses++;
        client->time_response = message->time_response;
        break;
    case MESSAGE_SNAPSHOT:
        client_snapshot(client, &message->snapshot);
        break;
    case MESSAGE_TEXT_DEFINE:
        if (message->text_define.id == client->text_count) {
            memcpy(client->texts[client->text_count++ % 64], message->text_define.text, 256);
        }
        break;
    case MESSAGE_ROSTER:
        client_roster(client, &message->roster);
        break;
    default:
        client_news(client, message);
        break;
    }
}

static inline void client_event(ScriptClient *client, const TransportEvent *event)
{
    static Message message;
    switch (event->type) {
    case TRANSPORT_CONNECTED:
        client->connected = true;
        if (client->goal >= GOAL_HELLO) {
            Message hello = { .id = MESSAGE_HELLO, .hello = client->hello };
            client->undecoded += client_send(client, &hello) != STATUS_OK;
        }
        break;
    case TRANSPORT_DISCONNECTED:
        client->disconnected = true;
        client->reason = event->data;
        break;
    case TRANSPORT_RECEIVED:
        if (message_decode(event->bytes, SENDER_SERVER, event->channel, CLIENT_STATES, ROLE_NONE, &message) ==
            STATUS_OK) {
            client_message(client, &message);
        } else {
            client->undecoded++;
        }
        break;
    }
}

/* One step: `input` goes out with the seven before it and the acknowledgement. */
static inline void client_step(ScriptClient *client)
{
    Message message = { .id = MESSAGE_INPUT };
    if (client->replica != NULL) {
        replica_acknowledgement(client->replica, &message.input.acknowledged, &message.input.mask);
    }
    if (!client->still) {
        memmove(client->inputs, client->inputs + 1, sizeof client->inputs - sizeof client->inputs[0]);
        client->inputs[INPUTS_MAX - 1] = client->input;
        client->sequence++;
        uint32_t count = client->sequence < INPUTS_MAX ? client->sequence : INPUTS_MAX;
        message.input.count = (uint8_t)count;
        message.input.first_sequence = client->sequence - count + 1;
        memcpy(message.input.inputs, client->inputs + INPUTS_MAX - count, count * sizeof client->inputs[0]);
    }
    client->undecoded += client_send(client, &message) != STATUS_OK;
}

static inline void client_tick(ScriptClient *client, TimeNs now)
{
    TransportEvent event;
    while (transport_poll(client->transport, now, &event) == STATUS_OK) {
        client_event(client, &event);
    }
    if (client->goal >= GOAL_LOAD && !client->disconnected && !client->rejected) {
        client_load(client, NULL);
    }
    if (client->ready && !client->mute && !client->disconnected && !client->rejected) {
        client_step(client);
    }
    transport_flush(client->transport, now);
}

/* The entity of the avatar with `session`, or NULL. */
static inline const EntityState *client_avatar(const ScriptClient *client, uint16_t session)
{
    for (uint32_t i = 0; client->newest != NULL && i < client->newest->entity_count; i++) {
        const EntityState *entity = &client->newest->entities[i];
        if (entity->kind == ENTITY_AVATAR && entity->subject == session) {
            return entity;
        }
    }
    return NULL;
}

/* ---- a metaverse and its clients ---- */

typedef struct Stage Stage;

struct Stage {
    SmallWorld small;
    SimNetwork *network;
    Metaverse *metaverse;
    ScriptClient clients[CLIENTS_MAX];
    uint32_t client_count;
    TimeNs now;
    SyncSample samples[256];
    SyncBatch batch;               /* of the next tick */
    void (*systems)(Stage *stage); /* what stands behind the metaverse; NULL: nothing */
};

/* `file_size` bytes of the one large file, at most all of it. */
static inline bool stage_init_sized(Stage *stage, uint32_t things, const MetaverseConfig *config,
                                    SimLink link, size_t file_size)
{
    Transport transport;
    memset(stage, 0, sizeof *stage);
    stage->now = SECONDS_START;
    stage->batch = (SyncBatch){ .samples = stage->samples, .source_clock = TIME_NONE };
    if (!small_world_init(&stage->small, things)) {
        return false;
    }
    stage->small.entries[1].bytes.size = file_size;
    return sim_network_create(42, link, &stage->network) == STATUS_OK &&
           transport_sim_create(stage->network, SERVER_PORT, &transport) == STATUS_OK &&
           metaverse_create(config, &stage->small.world, &stage->small.texts, stage->small.assets, transport,
                            &stage->metaverse, NULL) == STATUS_OK;
}

static inline bool stage_init(Stage *stage, uint32_t things, const MetaverseConfig *config, SimLink link)
{
    return stage_init_sized(stage, things, config, link, sizeof stage->small.big);
}

static inline void stage_finish(Stage *stage)
{
    for (uint32_t i = 0; i < stage->client_count; i++) {
        client_finish(&stage->clients[i]);
    }
    metaverse_destroy(stage->metaverse);
    sim_network_destroy(stage->network);
    small_world_finish(&stage->small);
}

static inline ScriptClient *stage_add(Stage *stage, ClientGoal goal, const char *name)
{
    ScriptClient *client = &stage->clients[stage->client_count++];
    return client_start(client, stage->network, goal, name) && client_connect(client) ? client : NULL;
}

/* A value that arrives with the next tick. */
static inline void stage_sample(Stage *stage, uint32_t thing, uint8_t property, int64_t code,
                                TimeNs source_time)
{
    stage->samples[stage->batch.count++] = (SyncSample){ .thing = thing,
                                                         .property = property,
                                                         .quality = QUALITY_GOOD,
                                                         .code = code,
                                                         .source_time = source_time };
    stage->batch.source_clock = source_time;
}

static inline void stage_tick(Stage *stage)
{
    stage->now += TICK;
    metaverse_receive(stage->metaverse, stage->now);
    if (stage->systems != NULL) {
        stage->systems(stage);
    }
    metaverse_integrate(stage->metaverse, &stage->batch);
    stage->batch.count = 0;
    stage->batch.restarted = false;
    metaverse_step(stage->metaverse, stage->now);
    metaverse_replicate(stage->metaverse, stage->now);
    for (uint32_t i = 0; i < stage->client_count; i++) {
        if (stage->clients[i].transport.ops != NULL) {
            client_tick(&stage->clients[i], stage->now);
        }
    }
}

static inline void stage_run(Stage *stage, double seconds)
{
    for (int ticks = (int)(seconds * 60 + 0.5); ticks > 0; ticks--) {
        stage_tick(stage);
    }
}

#endif
