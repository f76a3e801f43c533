#include "server/metaverse/state.h"

#include "shared/base/log.h"

#include <sodium.h>
#include <stdio.h>

#define ASK_AGAIN_MAX 2 /* times a client may ask for the whole world */

static uint32_t chunks_of(const WorldFile *file)
{
    return (uint32_t)((file->bytes.size + FILE_CHUNK_MAX - 1) / FILE_CHUNK_MAX);
}

Status join_create(Metaverse *metaverse, AssetSource assets, Diag *diag)
{
    const World *world = metaverse->world;
    if (world->file_count > MANIFEST_COUNT_MAX) {
        return diag_set(diag, STATUS_CAPACITY, "", 0, "the world has %u files, more than %u",
                        (unsigned)world->file_count, (unsigned)MANIFEST_COUNT_MAX);
    }
    WorldFile *files = arena_new_array(&metaverse->arena, WorldFile, world->file_count);
    if (files == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the list of world files");
    }
    for (uint32_t i = 0; i < world->file_count; i++) {
        WorldFile *file = &files[i];
        file->name = world->files[i];
        Status status = asset_read(assets, file->name, FILE_SIZE_MAX, &metaverse->arena, &file->bytes, diag);
        if (status != STATUS_OK) {
            return status;
        }
        crypto_generichash(file->hash, sizeof file->hash, file->bytes.data, file->bytes.size, NULL, 0);
        metaverse->chunk_count += chunks_of(file);
    }
    metaverse->files = files;
    metaverse->file_count = world->file_count;
    return STATUS_OK;
}

/* ---- what the client says ---- */

static bool is_zero(const uint8_t hash[HASH_SIZE])
{
    uint8_t any = 0;
    for (size_t i = 0; i < HASH_SIZE; i++) {
        any |= hash[i];
    }
    return any == 0;
}

static void welcome(Metaverse *metaverse, Session *session)
{
    const World *world = metaverse->world;
    const Replication *replication = &metaverse->replication;
    Message message = { .id = MESSAGE_WELCOME,
                        .welcome = { .session = session->number,
                                     .tick_rate_hz = metaverse->config.tick_rate_hz,
                                     .snapshot_rate_hz = metaverse->config.snapshot_rate_hz,
                                     .manifest_count = metaverse->file_count,
                                     .entity_limit = world->thing_count + metaverse->config.sessions,
                                     .channel_limit = replication->first_channel[world->thing_count],
                                     .cell_limit = replication->cells.capacity,
                                     .history = (uint16_t)replication->history } };
    memcpy(message.welcome.world_hash, world->hash, HASH_SIZE);
    message_clean_text(world->name, message.welcome.world_name, sizeof message.welcome.world_name);
    memcpy(message.welcome.name, session->name, NAME_SIZE);
    session_send(metaverse, session, &message);
}

void join_hello(Metaverse *metaverse, Session *session, const HelloMessage *hello)
{
    if (hello->version != PROTOCOL_VERSION) {
        session_close(metaverse, session, REJECT_VERSION,
                      "this server speaks protocol version %u, your client version %u",
                      (unsigned)PROTOCOL_VERSION, (unsigned)hello->version);
        return;
    }
    if (!is_zero(hello->world_hash) && memcmp(hello->world_hash, metaverse->world->hash, HASH_SIZE) != 0) {
        session_close(metaverse, session, REJECT_WORLD,
                      "this server runs the world '%s', not the one that you asked for",
                      metaverse->world->name);
        return;
    }
    if (resume_take(metaverse, session, hello)) {
        return;
    }
    if (metaverse->people_count >= metaverse->config.sessions) {
        session_close(metaverse, session, REJECT_FULL, "the server is full: %u people at most",
                      (unsigned)metaverse->config.sessions);
        return;
    }
    roster_enter(metaverse, session, hello->name);
    session->state = STATE_JOIN;
    metaverse->people_count++;
    session->connected = metaverse->now;
    log_debug(LOG_MODULE, "%s (%s): joins with client %s", session->address, session->name, hello->build);
    welcome(metaverse, session);
    join_wake(metaverse, session);
}

void join_file_request(Metaverse *metaverse, Session *session, const FileRequestMessage *request)
{
    uint32_t chunks =
        request->index < metaverse->file_count ? chunks_of(&metaverse->files[request->index]) : 0;
    if (request->first_chunk >= chunks || request->chunk_count > chunks - request->first_chunk) {
        session_close(metaverse, session, REJECT_NOT_ALLOWED,
                      "FILE_REQUEST for chunks %u + %u of file %u, which has %u",
                      (unsigned)request->first_chunk, (unsigned)request->chunk_count,
                      (unsigned)request->index, (unsigned)chunks);
        return;
    }
    session->chunks_asked += request->chunk_count;
    if (session->request_count == FILE_REQUESTS_MAX ||
        session->chunks_asked > metaverse->chunk_count * ASK_AGAIN_MAX) {
        session_close(metaverse, session, REJECT_FLOOD, "it asks for the world's files again and again");
        return;
    }
    uint32_t slot = (session->request_first + session->request_count++) % FILE_REQUESTS_MAX;
    session->requests[slot] = *request;
    session->connected = metaverse->now; /* it gets on, however slow the way is */
    join_wake(metaverse, session);
}

void join_ready(Metaverse *metaverse, Session *session, const ReadyMessage *ready)
{
    if (memcmp(ready->world_hash, metaverse->world->hash, HASH_SIZE) != 0) {
        session_close(metaverse, session, REJECT_WORLD,
                      "this server runs the world '%s'; what you have loaded is not the same",
                      metaverse->world->name);
        return;
    }
    session->ready = true;
    join_wake(metaverse, session);
}

/* ---- what the client still has to get ---- */

static void send_manifest_entry(Metaverse *metaverse, Session *session)
{
    uint32_t index = session->manifest_sent++;
    const WorldFile *file = &metaverse->files[index];
    Message message = { .id = MESSAGE_MANIFEST_ENTRY,
                        .manifest_entry = { .index = index, .size = (uint32_t)file->bytes.size } };
    memcpy(message.manifest_entry.hash, file->hash, HASH_SIZE);
    snprintf(message.manifest_entry.name, sizeof message.manifest_entry.name, "%s", file->name);
    session_send(metaverse, session, &message);
}

static void send_chunk(Metaverse *metaverse, Session *session)
{
    FileRequestMessage *request = &session->requests[session->request_first];
    const WorldFile *file = &metaverse->files[request->index];
    size_t offset = (size_t)request->first_chunk * FILE_CHUNK_MAX;
    size_t left = file->bytes.size - offset;
    Message message = { .id = MESSAGE_FILE_CHUNK,
                        .file_chunk = { .index = request->index,
                                        .chunk = request->first_chunk,
                                        .bytes =
                                            bytes_slice(file->bytes, offset,
                                                        left < FILE_CHUNK_MAX ? left : FILE_CHUNK_MAX) } };
    request->first_chunk++;
    if (--request->chunk_count == 0) {
        session->request_first = (session->request_first + 1) % FILE_REQUESTS_MAX;
        session->request_count--;
    }
    session_send(metaverse, session, &message);
}

/* Texts must arrive as they are and differ from each other. One that a message cannot carry is cleaned, and
 * made different by its id. */
static void send_text(Metaverse *metaverse, Session *session)
{
    uint32_t id = session->texts_sent++;
    const char *text = text_get(metaverse->texts, id);
    Message message = { .id = MESSAGE_TEXT_DEFINE, .text_define = { .id = id } };
    char *out = message.text_define.text;
    message_clean_text(text, out, sizeof message.text_define.text);
    if (strcmp(text, out) != 0) {
        char mark[16];
        int size = snprintf(mark, sizeof mark, " #%u", (unsigned)id);
        message_clean_text(text, out, sizeof message.text_define.text - (size_t)size);
        memcpy(out + strlen(out), mark, (size_t)size + 1);
    }
    session_send(metaverse, session, &message);
}

static bool has_more(const Metaverse *metaverse, const Session *session)
{
    if ((session->state & (STATE_JOIN | STATE_LIVE)) == 0 || session->broken || session->peer == 0) {
        return false;
    }
    if (session->state == STATE_JOIN &&
        (session->manifest_sent < metaverse->file_count || session->request_count > 0)) {
        return true;
    }
    return (session->state == STATE_LIVE || session->ready) && session->texts_sent < metaverse->texts->count;
}

static void send_more(Metaverse *metaverse, Session *session)
{
    if (session->manifest_sent < metaverse->file_count) {
        send_manifest_entry(metaverse, session);
    } else if (session->request_count > 0) {
        send_chunk(metaverse, session);
    } else {
        send_text(metaverse, session);
    }
}

static void go_live(Metaverse *metaverse, Session *session)
{
    if (avatar_spawn(metaverse, session) != STATUS_OK) {
        session_close(metaverse, session, REJECT_FULL, "the server has no avatar left");
        return;
    }
    session->state = STATE_LIVE;
    session->heard = metaverse->now;
    metaverse->counters.joined++;
    log_info(LOG_MODULE, "%s (%s): joined as number %u", session->address, session->name,
             (unsigned)session->number);
    roster_join(metaverse, session);
    resume_offer(metaverse, session);
    actuation_welcome(metaverse, session);
    services_welcome(metaverse, session);
}

static void pump(Metaverse *metaverse, Session *session)
{
    TransportStats stats = { 0 };
    if (has_more(metaverse, session) &&
        transport_stats(metaverse->transport, session->peer, &stats) == STATUS_OK) {
        uint32_t room = stats.queued < QUEUED_MAX ? QUEUED_MAX - stats.queued : 0;
        room = room < PUMP_MAX ? room : PUMP_MAX;
        for (; room > 0 && has_more(metaverse, session); room--) {
            send_more(metaverse, session);
        }
    }
    if (session->state == STATE_JOIN && session->ready && !session->broken && !has_more(metaverse, session)) {
        go_live(metaverse, session);
    }
    if (!has_more(metaverse, session)) {
        join_rest(metaverse, session);
    }
}

/* Backwards: pumping one may end it, and then the last one takes its place. */
void join_pump(Metaverse *metaverse)
{
    if (metaverse->texts_known != metaverse->texts->count) {
        metaverse->texts_known = metaverse->texts->count;
        for (uint16_t i = 0; i < metaverse->live_count; i++) {
            join_wake(metaverse, &metaverse->sessions[metaverse->live[i]]);
        }
    }
    for (uint16_t i = metaverse->pumped_count; i-- > 0;) {
        pump(metaverse, &metaverse->sessions[metaverse->pumped[i]]);
    }
}

void join_wake(Metaverse *metaverse, Session *session)
{
    if (session->pump_place == 0) {
        metaverse->pumped[metaverse->pumped_count] = (uint16_t)(session - metaverse->sessions);
        session->pump_place = ++metaverse->pumped_count;
    }
}

void join_rest(Metaverse *metaverse, Session *session)
{
    if (session->pump_place != 0) {
        uint16_t last = metaverse->pumped[--metaverse->pumped_count];
        metaverse->pumped[session->pump_place - 1] = last;
        metaverse->sessions[last].pump_place = session->pump_place;
        session->pump_place = 0;
    }
}
