#include "client/session/session_state.h"
#include "shared/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SERVER_TIME_MAX (INT64_C(1) << 62)
#define ACK_LATEST      (100 * TIME_MS) /* after the one before, where no step takes it along */
#define ACK_PACKETS     4u              /* or when so many have come */

void session_end(Session *session, const char *format, ...)
{
    if (session->state == SESSION_ENDED) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(session->reason, sizeof session->reason, format, arguments);
    va_end(arguments);
    session->state = SESSION_ENDED;
    log_info("session", "ended: %s", session->reason);
}

Status session_create(const SessionConfig *config, Transport transport, TimeNs now, Session **out_session,
                      Diag *diag)
{
    Session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for a session");
    }
    Status status = transport_connect(transport, config->host, config->port,
                                      PROTOCOL_MAGIC | PROTOCOL_VERSION, &session->peer, diag);
    if (status != STATUS_OK) {
        free(session);
        return status;
    }
    session->transport = transport;
    session->state = SESSION_CONNECTING;
    session->message_state = STATE_HELLO;
    session->connect_timeout = config->connect_timeout > 0 ? config->connect_timeout : 5 * TIME_SECOND;
    session->lost_timeout = config->lost_timeout > 0 ? config->lost_timeout : 5 * TIME_SECOND;
    session->started = session->heard = now;
    snprintf(session->host, sizeof session->host, "%s", config->host);
    session->port = config->port;
    snprintf(session->address, sizeof session->address, "%s:%u", config->host, config->port);
    /* Whatever somebody calls himself: what a message cannot carry is replaced, what is too long is cut. */
    message_clean_text(config->name ? config->name : "", session->wished_name, sizeof session->wished_name);
    if (config->world_hash != NULL) {
        memcpy(session->wished_hash, config->world_hash, HASH_SIZE);
        session->hash_wished = true;
    }
    session->scratch =
        (ByteBuffer){ .data = session->scratch_bytes, .capacity = sizeof session->scratch_bytes };
    arena_init(&session->arena, SESSION_MEMORY_MAX);
    clock_sync_init(&session->clock);
    prediction_init(&session->prediction);
    *out_session = session;
    return STATUS_OK;
}

void session_destroy(Session *session)
{
    if (session == NULL) {
        return;
    }
    join_finish(&session->join);
    arena_finish(&session->arena);
    transport_destroy(session->transport);
    reconnect_forget(session);
    free(session);
}

void session_send_message(Session *session, const Message *message)
{
    Status status = message_send(session->transport, session->peer, message, &session->scratch);
    if (status != STATUS_OK) { /* a full queue drains or times out; a dead peer is told by an event */
        log_debug("session", "%s not sent: %s", message_rule((uint8_t)message->id)->name,
                  status_text(status));
    }
}

TimeNs session_server_now(Session *session, TimeNs now)
{
    TimeNs time = clock_sync_server_time(&session->clock, now);
    return time > SERVER_TIME_MAX ? SERVER_TIME_MAX : time < -SERVER_TIME_MAX ? -SERVER_TIME_MAX : time;
}

static void check_silence(Session *session, TimeNs now)
{
    if (session->state == SESSION_CONNECTING && now - session->started >= session->connect_timeout) {
        session_end(session, "cannot reach %s: no answer within %.0f s", session->address,
                    time_to_seconds(session->connect_timeout));
    } else if (session->state != SESSION_ENDED && now - session->heard >= reconnect_patience(session)) {
        session_end(session, "the server at %s has not been heard for %.0f s", session->address,
                    time_to_seconds(reconnect_patience(session)));
    }
}

static void measure_rate(Session *session, TimeNs now)
{
    const RateSample *last = &session->rate[(session->rate_count + RATE_STEPS - 1) % RATE_STEPS];
    TransportStats stats = { 0 };
    if (session->peer == 0 || (session->rate_count > 0 && now - last->at < RATE_STEP) ||
        transport_stats(session->transport, session->peer, &stats) != STATUS_OK) {
        return;
    }
    session->rate[session->rate_count++ % RATE_STEPS] =
        (RateSample){ .at = now, .bytes = stats.bytes_received };
    uint32_t first = session->rate_count > RATE_STEPS ? session->rate_count - RATE_STEPS : 0;
    while (first + 2 < session->rate_count && now - session->rate[first % RATE_STEPS].at > RATE_WINDOW) {
        first++; /* frames were slow: the ring holds more than a second */
    }
    const RateSample *oldest = &session->rate[first % RATE_STEPS];
    if (now > oldest->at && stats.bytes_received >= oldest->bytes) {
        session->stats.bytes_per_s =
            (double)(stats.bytes_received - oldest->bytes) / time_to_seconds(now - oldest->at);
    }
}

/* Whether it is time to say that packets up to `newest` have come. Those of even frames are acknowledged at
 * once: so that all who stand still come to the same versions to be told from, and at half the cost. */
static bool acknowledgement_due(const Session *session, uint32_t newest, uint32_t mask, TimeNs now)
{
    uint32_t fresh = newest - session->acknowledged;
    if (fresh == 0) {
        return false;
    }
    if (session->newest % 2 == 0 || !session->whole || newest == 0 || fresh >= ACK_PACKETS ||
        now - session->acknowledged_at >= ACK_LATEST) {
        return true;
    }
    uint32_t between = (1u << (fresh - 1)) - 1;
    return (mask & between) != between; /* one is missing: the sooner that is known the better */
}

static void send_input(Session *session, Message *message, TimeNs now)
{
    replica_acknowledgement(session->replica, &message->input.acknowledged, &message->input.mask);
    session_send_message(session, message);
    session->acknowledged = message->input.acknowledged;
    session->acknowledged_at = now;
}

/* Says what has arrived, when there is something new to say. */
static void acknowledge(Session *session, TimeNs now)
{
    Message message = { .id = MESSAGE_INPUT };
    uint32_t newest, mask;
    replica_acknowledgement(session->replica, &newest, &mask);
    if (acknowledgement_due(session, newest, mask, now)) {
        prediction_repeat(&session->prediction, &message.input);
        send_input(session, &message, now);
    }
}

void session_update(Session *session, TimeNs now)
{
    if (session->state == SESSION_ENDED) {
        return;
    }
    inbox_receive(session, now);
    operations_update(&session->operations, now);
    reconnect_update(session, now);
    check_silence(session, now);
    if (session->state == SESSION_ENDED) {
        return;
    }
    Message request = { .id = MESSAGE_FILE_REQUEST };
    while (join_next_request(&session->join, &request.file_request)) {
        session_send_message(session, &request);
    }
    if (session->message_state != STATE_HELLO && session->peer != 0 && clock_sync_due(&session->clock, now)) {
        Message ask = { .id = MESSAGE_TIME_REQUEST, .time_request = { .t0 = now } };
        session_send_message(session, &ask);
    }
    if (session->state == SESSION_LIVE && !session->whole) {
        acknowledge(session, now); /* nobody walks yet, and so nobody flushes */
    }
    transport_flush(session->transport, now);
    measure_rate(session, now);
}

/* ---- what the client asks and says ---- */

SessionState session_state(const Session *session)
{
    return session->state;
}

float session_progress(const Session *session)
{
    return join_progress(&session->join);
}

const char *session_reason(const Session *session)
{
    return session->reason;
}

const AssetSource *session_assets(const Session *session)
{
    return session->join.complete ? &session->join.source : NULL;
}

const uint8_t *session_world_hash(const Session *session)
{
    return session->world_hash;
}

const char *session_world_name(const Session *session)
{
    return session->world_name;
}

void session_ready(Session *session, const World *world)
{
    if (session->state != SESSION_LOADING || !session->join.complete) {
        return;
    }
    if (memcmp(world->hash, session->world_hash, HASH_SIZE) != 0) {
        session_end(session, "the world received from %s is not the one it announced", session->address);
        return;
    }
    session->world = world;
    Message message = { .id = MESSAGE_READY };
    memcpy(message.ready.world_hash, world->hash, HASH_SIZE);
    session_send_message(session, &message);
    session->message_state = STATE_LIVE;
    session->state = SESSION_LIVE;
}

static void send_invoke(Session *session, const InvokeMessage *invoke)
{
    const Message message = { .id = MESSAGE_INVOKE, .invoke = *invoke };
    session_send_message(session, &message);
}

Status session_invoke(Session *session, const InvokeMessage *invoke, TimeNs now)
{
    if (session->state != SESSION_LIVE && session->state != SESSION_AWAY) {
        return STATUS_NOT_ALLOWED;
    }
    Status status = operations_ask(&session->operations, invoke, now);
    if (status == STATUS_OK && session->state == SESSION_LIVE && session->settled) {
        send_invoke(session, invoke);
    }
    return status;
}

void session_ask_again(Session *session)
{
    for (uint32_t i = 0; i < session->operations.command_count; i++) {
        const SessionCommand *command = &session->operations.commands[i];
        if (command->own && !wire_command_final(command->state)) {
            send_invoke(session, &command->asked);
        }
    }
}

void session_ask_systems(Session *session)
{
    if (session->state == SESSION_LIVE && session->settled) {
        const Message message = { .id = MESSAGE_SYSTEMS };
        session_send_message(session, &message);
    }
}

const Operations *session_operations(const Session *session)
{
    return &session->operations;
}

void session_input(Session *session, const AvatarInput *input, TimeNs now)
{
    (void)now;
    if (session->state == SESSION_LIVE) {
        prediction_step(&session->prediction, input, session->world);
    }
}

void session_flush(Session *session, TimeNs now)
{
    if (session->state != SESSION_LIVE) {
        return;
    }
    Message message = { .id = MESSAGE_INPUT };
    bool said = false;
    while (prediction_next_message(&session->prediction, &message.input)) {
        send_input(session, &message, now);
        said = true;
    }
    if (!said) {
        acknowledge(session, now);
    }
    transport_flush(session->transport, now);
}

bool session_own_avatar(const Session *session, AvatarState *out_state)
{
    if (!session->prediction.known) {
        return false;
    }
    prediction_shown(&session->prediction, out_state);
    return true;
}

static const Snapshot *entry_snapshot(Session *session, int at)
{
    if (at < 0 || at >= (int)session->playout.entry_count) {
        return NULL;
    }
    return replica_compose(session->replica, session->playout.entries[at].sequence);
}

static const Snapshot *readable_entry(Session *session, int at)
{
    bool readable = session->playout.entries[at].text_count <= session->texts.count;
    return readable ? entry_snapshot(session, at) : NULL;
}

/* The newest snapshot at or before entry `at` whose texts have all come; where all of those are forgotten
 * (the clock was far off), the next one after it. */
static const Snapshot *readable_snapshot(Session *session, int at)
{
    const Snapshot *snapshot = NULL;
    for (int i = at; i >= 0 && snapshot == NULL; i--) {
        snapshot = readable_entry(session, i);
    }
    for (int i = at + 1; i < (int)session->playout.entry_count && snapshot == NULL; i++) {
        snapshot = readable_entry(session, i);
    }
    return snapshot;
}

static uint32_t list_avatars(Session *session, int at, TimeNs time)
{
    PlayoutKeys keys = playout_keys(&session->playout, at);
    const Snapshot *before = entry_snapshot(session, keys.before);
    const Snapshot *earlier = entry_snapshot(session, keys.earlier),
                   *after = entry_snapshot(session, keys.after);
    uint32_t count = 0;
    for (uint32_t i = 0; before != NULL && i < before->entity_count; i++) {
        const EntityState *entity = &before->entities[i];
        if (entity->kind != ENTITY_AVATAR || entity->subject == session->number ||
            count == session->avatar_capacity) {
            continue;
        }
        PlayoutPose pose;
        playout_pose(earlier, before, after, entity->handle, time, &pose);
        session->avatars[count++] =
            (SessionAvatar){ .session = entity->subject,
                             .name = inbox_person_name(session, entity->subject),
                             .position = { pose.position[0], pose.position[1], pose.position[2] },
                             .yaw = pose.yaw,
                             .pitch = pose.pitch,
                             .speed = pose.speed };
    }
    return count;
}

void session_view(Session *session, TimeNs now, SessionView *out_view)
{
    *out_view = (SessionView){ .server_time = TIME_NONE, .source_time = TIME_NONE };
    if (session->replica == NULL || !session->whole || !clock_sync_ready(&session->clock)) {
        return;
    }
    TimeNs time = playout_advance(&session->playout, session_server_now(session, now));
    int at = time == TIME_NONE ? -1 : playout_find(&session->playout, time);
    const Snapshot *snapshot = readable_snapshot(session, at);
    if (snapshot == NULL) {
        return;
    }
    *out_view = (SessionView){ .valid = true,
                               .server_time = time,
                               .source_time = snapshot->source_time,
                               .snapshot = snapshot,
                               .avatars = session->avatars,
                               .avatar_count = list_avatars(session, at, time) };
}

const TextTable *session_texts(const Session *session)
{
    return &session->texts;
}

const char *session_own_name(const Session *session)
{
    return session->name;
}

uint16_t session_number(const Session *session)
{
    return session->number;
}

SessionStats session_stats(const Session *session)
{
    SessionStats stats = session->stats;
    stats.round_trip_ms = time_to_seconds(session->clock.round_trip) * 1e3;
    stats.jitter_ms = time_to_seconds(session->clock.jitter) * 1e3;
    stats.delay_ms = time_to_seconds(session->playout.delay) * 1e3;
    return stats;
}

void session_leave(Session *session, TimeNs now)
{
    if (session->state == SESSION_ENDED) {
        return;
    }
    if (session->message_state != STATE_HELLO && session->peer != 0) {
        Message bye = { .id = MESSAGE_BYE };
        session_send_message(session, &bye);
    }
    transport_disconnect(session->transport, session->peer, 0);
    transport_flush(session->transport, now);
    session_end(session, "left");
}
