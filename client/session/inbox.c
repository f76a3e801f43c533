/* inbox.c - what the server says to a session. Everything is untrusted. */
#include "client/session/session_state.h"
#include "shared/base/version.h"
#include "shared/wire/quantise.h"

#include <sodium.h>
#include <stdio.h>

#define EVENTS_MAX        4096u /* taken in one update: a flood cannot hold the frame */
#define PEOPLE_MAX        4096u /* more than a transport can carry */
#define TEXTS_MAX         65536u
#define WORLD_BYTES_MAX   ((uint64_t)256 << 20)
#define VERSION_BYTES     ((size_t)384 << 20)
#define BASELINES_MISSING 15u  /* packets in a row, then the server is asked to begin again */
#define REFUSED_IN_A_ROW  200u /* messages not understood, none good between: the other side is no server */
#define TIME_SANE         (INT64_C(1) << 61) /* server times beyond this (73 years) are refused */

static void end_with(Session *session, const Diag *diag)
{
    char text[800];
    session_end(session, "%s", diag_format(diag, text, sizeof text));
}

void session_say_hello(Session *session)
{
    Message message = { .id = MESSAGE_HELLO, .hello = { .version = PROTOCOL_VERSION } };
    memcpy(message.hello.name, session->wished_name, sizeof message.hello.name);
    snprintf(message.hello.build, sizeof message.hello.build, "%s %s", version_number(), version_commit());
    memcpy(message.hello.world_hash, session->join.begun ? session->world_hash : session->wished_hash,
           HASH_SIZE);
    if (session->resume.possible) {
        message.hello.session = session->number;
        message.hello.texts = session->texts.count;
        memcpy(message.hello.ticket, session->resume.ticket, TICKET_SIZE);
    }
    session_send_message(session, &message);
    sodium_memzero(&message.hello, sizeof message.hello);
    sodium_memzero(session->scratch_bytes, sizeof session->scratch_bytes);
}

static Status allocate(Session *session, const WelcomeMessage *welcome, Diag *diag)
{
    const ReplicaLimits limits = { .entities = welcome->entity_limit,
                                   .channels = welcome->channel_limit,
                                   .cells = welcome->cell_limit,
                                   .history = welcome->history };
    uint64_t bytes = 5 * ((uint64_t)limits.entities * sizeof(EntityState) +
                          (uint64_t)limits.channels * sizeof(ChannelState)) +
                     (uint64_t)limits.cells * 128;
    if (bytes > WORLD_BYTES_MAX) {
        return diag_set(diag, STATUS_CAPACITY, "", 0,
                        "the server's world is too large for this client (%u entities, %u channels)",
                        welcome->entity_limit, welcome->channel_limit);
    }
    session->people = arena_new_array(&session->arena, Person, PEOPLE_MAX);
    session->person_slots = arena_new_array(&session->arena, uint16_t, (size_t)UINT16_MAX + 1);
    session->avatars = arena_new_array(&session->arena, SessionAvatar, welcome->entity_limit);
    session->avatar_capacity = welcome->entity_limit;
    if (session->people == NULL || session->person_slots == NULL || session->avatars == NULL ||
        text_table_init(&session->texts, TEXTS_MAX, &session->arena) != STATUS_OK ||
        replica_create(limits, VERSION_BYTES, &session->arena, &session->replica) != STATUS_OK) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the server's world");
    }
    return STATUS_OK;
}

Status session_enter(Session *session, const WelcomeMessage *welcome, Diag *diag)
{
    arena_finish(&session->arena);
    arena_init(&session->arena, SESSION_MEMORY_MAX);
    session->replica = NULL;
    session->whole = session->settled = false;
    operations_renew(&session->operations);
    session->person_count = 0;
    session->own = (EntityHandle){ 0 };
    Status status = allocate(session, welcome, diag);
    if (status != STATUS_OK) {
        return status;
    }
    uint16_t rate = welcome->snapshot_rate_hz > 0 ? welcome->snapshot_rate_hz : 30;
    playout_init(&session->playout, TIME_SECOND / rate);
    clock_sync_init(&session->clock); /* it may be another process, whose clock began anew */
    session->number = welcome->session;
    memcpy(session->name, welcome->name, sizeof session->name);
    session->message_state = STATE_JOIN;
    return STATUS_OK;
}

static void on_welcome(Session *session, const WelcomeMessage *welcome)
{
    Diag diag = { 0 };
    const uint8_t *wanted = session->join.begun    ? session->world_hash
                            : session->hash_wished ? session->wished_hash
                                                   : NULL;
    if (wanted != NULL && memcmp(welcome->world_hash, wanted, HASH_SIZE) != 0) {
        session_end(session, "the server at %s runs another world: %s", session->address,
                    welcome->world_name);
        return;
    }
    if (session->world != NULL) {
        reconnect_welcome(session, welcome);
        return;
    }
    if (session->join.begun && welcome->manifest_count != session->join.count) {
        session_end(session, "the server at %s has another number of files now", session->address);
        return;
    }
    if (session_enter(session, welcome, &diag) != STATUS_OK ||
        (!session->join.begun && join_begin(&session->join, welcome->manifest_count, &diag) != STATUS_OK)) {
        end_with(session, &diag);
        return;
    }
    memcpy(session->world_name, welcome->world_name, sizeof session->world_name);
    memcpy(session->world_hash, welcome->world_hash, HASH_SIZE);
    session->state = SESSION_LOADING;
}

static void on_reject(Session *session, const RejectMessage *reject, TimeNs now)
{
    bool silent = reject->code == REJECT_TIMEOUT && session->message_state == STATE_LIVE;
    bool passing = reject->code == REJECT_FULL || reject->code == REJECT_TIMEOUT;
    if (passing && session->state == SESSION_AWAY) {
        reconnect_failed(session, now); /* in a moment it may be otherwise */
        return;
    }
    if (silent && reconnect_begin(session, now, "the server has not heard us")) {
        return;
    }
    const char *said = reject->text[0] != '\0' ? reject->text : reject_text((RejectCode)reject->code);
    session_end(session, "the server at %s %s: %s", session->address,
                session->state == SESSION_LIVE ? "ended the session" : "refused", said);
}

static void on_manifest_entry(Session *session, const ManifestEntryMessage *entry)
{
    Diag diag = { 0 };
    if (session->state == SESSION_AWAY) {
        reconnect_manifest_entry(session);
        return;
    }
    if (join_manifest_entry(&session->join, entry, &diag) != STATUS_OK) {
        end_with(session, &diag);
    }
}

static void on_file_chunk(Session *session, const FileChunkMessage *chunk)
{
    Diag diag = { 0 };
    if (join_chunk(&session->join, chunk, &diag) != STATUS_OK) {
        end_with(session, &diag);
    }
}

static bool time_sane(TimeNs time)
{
    return time > -TIME_SANE && time < TIME_SANE;
}

static void on_time_response(Session *session, const TimeResponseMessage *response, TimeNs received)
{
    if (!time_sane(response->t0) || !time_sane(response->t1) || !time_sane(response->t2) ||
        clock_sync_sample(&session->clock, response->t0, response->t1, response->t2, received) != STATUS_OK) {
        session->stats.refused++;
    }
}

static void add_person(Session *session, const RosterEntry *joined)
{
    uint16_t *slot = &session->person_slots[joined->session];
    if (*slot == 0) {
        if (session->person_count == PEOPLE_MAX) {
            session_end(session, "the server at %s lists more people than it can have", session->address);
            return;
        }
        *slot = (uint16_t)++session->person_count;
    }
    Person *person = &session->people[*slot - 1];
    *person = (Person){ .session = joined->session };
    memcpy(person->name, joined->name, sizeof person->name);
}

static void remove_person(Session *session, uint16_t number)
{
    uint16_t *slot = &session->person_slots[number];
    if (*slot == 0) {
        return;
    }
    const Person *last = &session->people[--session->person_count];
    session->people[*slot - 1] = *last;
    session->person_slots[last->session] = *slot;
    *slot = 0;
}

static void on_roster(Session *session, const RosterMessage *roster)
{
    Bytes entries = roster->entries;
    RosterEntry entry;
    if (session->roster_anew) {
        session->roster_anew = false;
        session->person_count = 0;
        memset(session->person_slots, 0, ((size_t)UINT16_MAX + 1) * sizeof *session->person_slots);
    }
    while (session->state != SESSION_ENDED && roster_entry_read(&entries, &entry)) {
        if (entry.name[0] != '\0') {
            add_person(session, &entry);
        } else {
            remove_person(session, entry.session);
        }
    }
}

const char *inbox_person_name(const Session *session, uint16_t number)
{
    uint16_t slot = session->person_slots[number];
    return slot != 0 ? session->people[slot - 1].name : "";
}

static void on_text_define(Session *session, const TextDefineMessage *define)
{
    uint32_t id = 0;
    if (define->id != session->texts.count || text_intern(&session->texts, define->text, &id) != STATUS_OK ||
        id != define->id) {
        session_end(session, "the server at %s sent its texts out of order", session->address);
    }
}

/* Where the server says the own avatar is, to correct the prediction by. */
static void correct_own(Session *session, const PacketHead *head)
{
    const EntityState *entity = replica_entity(session->replica, session->own);
    if (entity == NULL || entity->kind != ENTITY_AVATAR || entity->subject != session->number) {
        entity = replica_find(session->replica, ENTITY_AVATAR, session->number);
    }
    if (entity == NULL) {
        session->own = (EntityHandle){ 0 };
        return;
    }
    session->own = entity->handle;
    if (session->prediction.known && !replica_current(session->replica, entity->handle, head)) {
        return; /* it may be older than the steps that the packet says are in it */
    }
    float rotation[4], yaw, pitch;
    float position[3] = { (float)entity->x_mm * 0.001f, (float)entity->y_mm * 0.001f,
                          (float)entity->z_mm * 0.001f };
    quat_unpack(entity->rotation, rotation);
    quat_to_yaw_pitch(rotation, &yaw, &pitch);
    prediction_correct(&session->prediction, head->input_sequence, position, yaw, pitch, session->world);
    session->stats.correction_m = (double)session->prediction.correction;
}

static void count_arrival(Session *session, uint32_t number)
{
    if (session->arrived == 0) {
        session->first_packet = session->last_packet = number;
    } else if (snapshot_newer(number, session->last_packet)) {
        session->last_packet = number;
    } else if (snapshot_newer(session->first_packet, number)) {
        session->first_packet = number;
    }
    session->arrived++;
    uint32_t expected = session->last_packet - session->first_packet + 1;
    session->stats.lost =
        session->lost_before + (expected > session->arrived ? expected - session->arrived : 0);
}

/* Packets of one tick share its frame; the first of them counts for the playout. A frame before something of
 * every cell has come is not shown: beside what is new there would be what was before, or nothing. */
static void on_frame(Session *session, const SnapshotFrame *frame, bool moved, TimeNs now)
{
    if (session->newest == 0 || snapshot_newer(frame->sequence, session->newest)) {
        session->newest = frame->sequence;
    }
    if (session->whole_from == 0 || snapshot_newer(session->whole_from, frame->sequence) ||
        playout_has(&session->playout, frame->sequence, moved)) {
        return;
    }
    TimeNs server_now =
        clock_sync_ready(&session->clock) ? session_server_now(session, now) : frame->server_time;
    if (!playout_arrival(&session->playout, frame, moved, server_now)) {
        session->stats.refused++;
        return;
    }
    session->stats.snapshots++;
}

static void on_snapshot(Session *session, const SnapshotMessage *message, TimeNs now)
{
    ReplicaNews news;
    uint32_t number = 0, sequence = 0;
    Status status = replica_receive(session->replica, message->body, &news);
    if (status == STATUS_DUPLICATE) {
        return; /* the network's doing, and common */
    }
    if (packet_peek(message->body, &number, &sequence) == STATUS_OK) {
        count_arrival(session, number);
    }
    if (status == STATUS_NO_BASELINE || status == STATUS_OUT_OF_MEMORY) {
        if (++session->baselines_missing >= BASELINES_MISSING) {
            session->baselines_missing = 0;
            session->whole_from = 0;
            replica_restart(session->replica);
        }
        return;
    }
    if (status != STATUS_OK || !time_sane(news.head.frame.server_time)) {
        session->stats.refused++;
        return;
    }
    session->baselines_missing = 0;
    if (news.head.complete && session->whole_from == 0) {
        session->whole_from = news.head.frame.sequence;
        session->whole = true;
    }
    on_frame(session, &news.head.frame, news.moved, now);
    prediction_taken(&session->prediction, news.head.input_sequence);
    if (!news.late) {
        correct_own(session, &news.head);
    }
}

/* What is done to things and found in them. */
static void handle_operations(Session *session, const Message *message, TimeNs received)
{
    Operations *operations = &session->operations;
    const World *world = session->world;
    bool taken = true;
    switch (message->id) {
    case MESSAGE_COMMAND:
        taken = operations_command(operations, world, &message->command, received);
        break;
    case MESSAGE_ALARM:
        taken = operations_alarm(operations, world, &message->alarm);
        break;
    case MESSAGE_SYSTEM:
        taken = operations_system(operations, &message->system);
        break;
    case MESSAGE_UNBOUND:
        taken = operations_unbound(operations, world, &message->unbound);
        break;
    default:
        break;
    }
    if (!taken) {
        session_end(session, "the server at %s spoke of things that its world does not have",
                    session->address);
    }
}

static void handle(Session *session, const Message *message, TimeNs received)
{
    if (!session->settled && session->state == SESSION_LIVE &&
        (message->id == MESSAGE_ROSTER || message->id == MESSAGE_SNAPSHOT)) {
        session->settled = true;
        session_ask_again(session);
    }
    switch (message->id) {
    case MESSAGE_WELCOME:
        on_welcome(session, &message->welcome);
        break;
    case MESSAGE_REJECT:
        on_reject(session, &message->reject, received);
        break;
    case MESSAGE_MANIFEST_ENTRY:
        on_manifest_entry(session, &message->manifest_entry);
        break;
    case MESSAGE_FILE_CHUNK:
        on_file_chunk(session, &message->file_chunk);
        break;
    case MESSAGE_TIME_RESPONSE:
        on_time_response(session, &message->time_response, received);
        break;
    case MESSAGE_ROSTER:
        on_roster(session, &message->roster);
        break;
    case MESSAGE_TEXT_DEFINE:
        on_text_define(session, &message->text_define);
        break;
    case MESSAGE_SNAPSHOT:
        on_snapshot(session, &message->snapshot, received);
        break;
    case MESSAGE_TICKET:
        reconnect_ticket(session, &message->ticket);
        break;
    default: /* message_decode lets nothing else through */
        handle_operations(session, message, received);
        break;
    }
}

/* A message that cannot be understood ends the session where order is guaranteed (the server is at fault);
 * elsewhere it may be an old or forged packet, and only many in a row do. */
static void on_received(Session *session, const TransportEvent *event, TimeNs now)
{
    Message message;
    if (session->state == SESSION_AWAY && session->message_state != STATE_LIVE && event->channel != 0) {
        return; /* it has overtaken the answer to our HELLO */
    }
    session->heard = now;
    if (session->state == SESSION_AWAY && session->message_state == STATE_LIVE) {
        reconnect_needless(session);
    }
    Status status = message_decode(event->bytes, SENDER_SERVER, event->channel, session->message_state,
                                   ROLE_NONE, &message);
    if (status == STATUS_OK) {
        session->refused_in_a_row = 0;
        handle(session, &message, now);
        return;
    }
    session->stats.refused++;
    session->refused_in_a_row++;
    if (event->channel == 0 || session->refused_in_a_row > REFUSED_IN_A_ROW) {
        session_end(session, "the server at %s sent a message that could not be understood: %s",
                    session->address, status_text(status));
    }
}

static void on_disconnected(Session *session, uint32_t reason, TimeNs now)
{
    TimeNs silence = now - session->heard;
    session->peer = 0;
    if (session->state == SESSION_AWAY) {
        if (session->message_state != STATE_LIVE) {
            reconnect_failed(session, now);
        }
        return;
    }
    /* The server says why it ends a session, sealed. What ends a connection without a word may be anyone. */
    if (reconnect_begin(session, now, "the connection was closed") || reconnect_joining(session, now)) {
        return;
    }
    if (session->state == SESSION_CONNECTING && !session->secured && reason == REJECT_FULL) {
        reconnect_first(session, now);
    } else if (reason > REJECT_NONE && reason < REJECT_COUNT) {
        session_end(session, "the server at %s %s: %s", session->address,
                    session->state == SESSION_LIVE ? "ended the session" : "refused",
                    reject_text((RejectCode)reason));
    } else if (session->state == SESSION_CONNECTING) {
        session_end(session, "cannot reach %s: no server answers there", session->address);
    } else if (silence < TIME_SECOND) {
        session_end(session, "the server at %s closed the connection", session->address);
    }
    /* Else the transport gave up on a silent server; session_update says so when the limit is reached. */
}

void inbox_receive(Session *session, TimeNs now)
{
    TransportEvent event;
    for (uint32_t i = 0; i < EVENTS_MAX && session->state != SESSION_ENDED; i++) {
        if (transport_poll(session->transport, now, &event) != STATUS_OK) {
            return;
        }
        if (reconnect_event(session, &event, now) || event.peer != session->peer) {
            continue;
        }
        switch (event.type) {
        case TRANSPORT_CONNECTED:
            session->heard = now;
            session->secured = true;
            session_say_hello(session);
            break;
        case TRANSPORT_DISCONNECTED:
            on_disconnected(session, event.data, now);
            break;
        case TRANSPORT_RECEIVED:
            on_received(session, &event, now);
            break;
        }
    }
}
