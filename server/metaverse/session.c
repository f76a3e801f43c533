#include "server/metaverse/state.h"

#include "shared/base/log.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOG_LINES_MAX 20 /* warnings about peers a second; beyond, they are only counted */

Status sessions_create(Metaverse *metaverse)
{
    /* Who comes back needs a connection while its place is still its own. */
    uint32_t count = metaverse->config.sessions + (metaverse->config.resume_time > 0 ? RESUME_SPARE : 0);
    metaverse->slot_count = (uint16_t)count;
    metaverse->sessions = arena_new_array(&metaverse->arena, Session, count);
    metaverse->live = arena_new_array(&metaverse->arena, uint16_t, count);
    metaverse->pumped = arena_new_array(&metaverse->arena, uint16_t, count);
    metaverse->free_slots = arena_new_array(&metaverse->arena, uint16_t, count);
    if (metaverse->sessions == NULL || metaverse->live == NULL || metaverse->pumped == NULL ||
        metaverse->free_slots == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t slot = count; slot-- > 0;) {
        metaverse->free_slots[metaverse->free_count++] = (uint16_t)slot;
    }
    return peer_map_create(&metaverse->peers, count, &metaverse->arena);
}

void session_warn(Metaverse *metaverse, const char *who, const char *what)
{
    LogBudget *budget = &metaverse->log;
    if (metaverse->now - budget->second >= TIME_SECOND) {
        if (budget->suppressed > 0) {
            log_warning(LOG_MODULE, "%u more like these were not logged", budget->suppressed);
        }
        *budget = (LogBudget){ .second = metaverse->now };
    }
    if (budget->used >= LOG_LINES_MAX) {
        budget->suppressed++;
        return;
    }
    budget->used++;
    log_warning(LOG_MODULE, "%s: %s", who, what);
}

static void send_reject(Metaverse *metaverse, PeerId peer, RejectCode code, const char *text)
{
    Message message = { .id = MESSAGE_REJECT, .reject = { .code = (uint8_t)code } };
    message_clean_text(text, message.reject.text, sizeof message.reject.text);
    Status status = message_send(metaverse->transport, peer, &message, &metaverse->scratch);
    if (status != STATUS_OK) {
        log_debug(LOG_MODULE, "a reason could not be sent: %s", status_text(status));
    }
    transport_disconnect(metaverse->transport, peer, (uint32_t)code);
}

static void count_close(MetaverseCounters *counters, RejectCode code)
{
    switch (code) {
    case REJECT_VERSION:
    case REJECT_WORLD:
    case REJECT_FULL:
        counters->refused++;
        break;
    case REJECT_MALFORMED:
        counters->malformed++;
        break;
    case REJECT_NOT_ALLOWED:
        counters->not_allowed++;
        break;
    case REJECT_FLOOD:
        counters->flooded++;
        break;
    case REJECT_TIMEOUT:
        counters->timed_out++;
        break;
    default:
        break;
    }
}

void session_close(Metaverse *metaverse, Session *session, RejectCode code, const char *format, ...)
{
    char text[REASON_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    char who[ADDRESS_SIZE + NAME_SIZE + 4];
    snprintf(who, sizeof who, session->name[0] == '\0' ? "%s" : "%s (%s)", session->address, session->name);
    if (code == REJECT_NONE || code == REJECT_SHUTDOWN) {
        log_info(LOG_MODULE, "%s: %s", who, text);
    } else {
        session_warn(metaverse, who, text);
    }
    count_close(&metaverse->counters, code);
    if (session->peer == 0) {
        metaverse->counters.away--;
    } else if (code == REJECT_NONE) {
        transport_disconnect(metaverse->transport, session->peer, 0);
    } else {
        send_reject(metaverse, session->peer, code, text);
    }
    bool was_live = session->state == STATE_LIVE;
    uint16_t number = session->number;
    if (was_live) {
        avatar_remove(metaverse, session);
    }
    if (session->state != STATE_HELLO) {
        roster_quit(metaverse, session);
    }
    join_rest(metaverse, session);
    peer_map_remove(&metaverse->peers, session->peer);
    session_free(metaverse, session);
    if (was_live) {
        metaverse->counters.left++;
        roster_leave(metaverse, number);
    }
}

void session_free(Metaverse *metaverse, Session *session)
{
    if (session->state != STATE_HELLO) {
        metaverse->people_count--;
    }
    metaverse->free_slots[metaverse->free_count++] = (uint16_t)(session - metaverse->sessions);
    resume_forget(session);
    system_list_forget(metaverse, session);
    *session = (Session){ 0 };
}

void session_send(Metaverse *metaverse, Session *session, const Message *message)
{
    if (session->broken || session->peer == 0) {
        return;
    }
    Status status = message_send(metaverse->transport, session->peer, message, &metaverse->scratch);
    if (status != STATUS_OK && message_rule((uint8_t)message->id)->delivery == DELIVERY_RELIABLE) {
        session->broken = true;
    }
}

void session_send_bytes(Metaverse *metaverse, Session *session, MessageId id, Bytes encoded)
{
    const MessageRule *rule = message_rule((uint8_t)id);
    if (!session->broken && session->peer != 0 &&
        transport_send(metaverse->transport, session->peer, rule->channel, rule->delivery, encoded) !=
            STATUS_OK) {
        session->broken = rule->delivery == DELIVERY_RELIABLE;
    }
}

/* What is wrong with a connection that has said nothing yet; NULL when it may stay. */
static const char *refusal(const Metaverse *metaverse, uint32_t data, RejectCode *out_code, char *out,
                           size_t size)
{
    if (metaverse->stopping) {
        *out_code = REJECT_SHUTDOWN;
        return "the server is stopping";
    }
    if ((data & 0xFFFF0000u) != PROTOCOL_MAGIC) {
        *out_code = REJECT_VERSION;
        return "this is a dtmv server; the other side did not say that it speaks dtmv";
    }
    if ((data & 0xFFFFu) != PROTOCOL_VERSION) {
        *out_code = REJECT_VERSION;
        snprintf(out, size, "this server speaks protocol version %u, your client version %u",
                 (unsigned)PROTOCOL_VERSION, (unsigned)(data & 0xFFFFu));
        return out;
    }
    if (metaverse->free_count == 0) {
        *out_code = REJECT_FULL;
        snprintf(out, size, "the server is full: %u people at most", (unsigned)metaverse->config.sessions);
        return out;
    }
    return NULL;
}

void session_open(Metaverse *metaverse, const TransportEvent *event)
{
    char address[ADDRESS_SIZE];
    if (transport_address(metaverse->transport, event->peer, address, sizeof address) != STATUS_OK) {
        snprintf(address, sizeof address, "peer %u", (unsigned)event->peer);
    }
    session_lost(metaverse, event->peer); /* a transport that forgot to say so must not leave a double */
    RejectCode code = REJECT_NONE;
    char text[REASON_SIZE];
    const char *reason = refusal(metaverse, event->data, &code, text, sizeof text);
    if (reason != NULL) {
        count_close(&metaverse->counters, code);
        session_warn(metaverse, address, reason);
        send_reject(metaverse, event->peer, code, reason);
        return;
    }
    Session *session = &metaverse->sessions[metaverse->free_slots[--metaverse->free_count]];
    const RoleSource *roles = &metaverse->config.roles;
    *session = (Session){ .peer = event->peer,
                          .state = STATE_HELLO,
                          .role = roles->of != NULL ? roles->of(roles->context, event->peer) : ROLE_VIEWER,
                          .connected = metaverse->now,
                          .heard = metaverse->now,
                          .allowance = MESSAGE_RATE,
                          .allowance_at = metaverse->now };
    snprintf(session->address, sizeof session->address, "%s", address);
    resume_note_key(metaverse, session);
    peer_map_add(&metaverse->peers, event->peer, (uint16_t)(session - metaverse->sessions));
    log_debug(LOG_MODULE, "%s: connected", address);
}

static Session *find_session(Metaverse *metaverse, PeerId peer)
{
    uint16_t slot;
    return peer_map_find(&metaverse->peers, peer, &slot) ? &metaverse->sessions[slot] : NULL;
}

void session_lost(Metaverse *metaverse, PeerId peer)
{
    Session *session = find_session(metaverse, peer);
    if (session != NULL && !resume_keep(metaverse, session, "connection lost")) {
        session_close(metaverse, session, REJECT_NONE, "connection lost");
    }
}

/* A token bucket: every message costs one, MESSAGE_RATE a second come back. */
static bool within_rate(Metaverse *metaverse, Session *session)
{
    if (metaverse->now > session->allowance_at) {
        session->allowance += time_to_seconds(metaverse->now - session->allowance_at) * MESSAGE_RATE;
        session->allowance = session->allowance > MESSAGE_RATE ? MESSAGE_RATE : session->allowance;
        session->allowance_at = metaverse->now;
    }
    session->allowance -= 1;
    return session->allowance >= 0;
}

static void answer_time(Metaverse *metaverse, Session *session, const TimeRequestMessage *request,
                        TimeNs received)
{
    TimeNs arrival = received > metaverse->now ? metaverse->now : received;
    Message message = { .id = MESSAGE_TIME_RESPONSE,
                        .time_response = { .t0 = request->t0, .t1 = arrival, .t2 = metaverse->now } };
    session_send(metaverse, session, &message);
}

static void receive_input(Metaverse *metaverse, Session *session, const InputMessage *input)
{
    if (!outbox_acknowledge(metaverse, session, input->acknowledged, input->mask)) {
        session_close(metaverse, session, REJECT_NOT_ALLOWED,
                      "INPUT acknowledges packet %u, which was never sent", (unsigned)input->acknowledged);
        return;
    }
    avatar_input(metaverse, session, input);
}

static void dispatch(Metaverse *metaverse, Session *session, const Message *message, TimeNs received)
{
    switch (message->id) {
    case MESSAGE_HELLO:
        join_hello(metaverse, session, &message->hello);
        break;
    case MESSAGE_FILE_REQUEST:
        join_file_request(metaverse, session, &message->file_request);
        break;
    case MESSAGE_READY:
        join_ready(metaverse, session, &message->ready);
        break;
    case MESSAGE_TIME_REQUEST:
        answer_time(metaverse, session, &message->time_request, received);
        break;
    case MESSAGE_INPUT:
        receive_input(metaverse, session, &message->input);
        break;
    case MESSAGE_INVOKE:
        actuation_invoke(metaverse, session, &message->invoke);
        break;
    case MESSAGE_SYSTEMS:
        system_list_ask(metaverse, session);
        break;
    case MESSAGE_BYE:
        session_close(metaverse, session, REJECT_NONE, "left");
        break;
    default: /* message_decode lets only a client's messages through */
        break;
    }
}

/* INPUT travels unreliably and may overtake the READY that allows it: no one's fault. */
static bool is_early_input(const Session *session, const TransportEvent *event, Message *out_message)
{
    return session->state == STATE_JOIN &&
           message_decode(event->bytes, SENDER_CLIENT, event->channel, STATE_LIVE, session->role,
                          out_message) == STATUS_OK &&
           out_message->id == MESSAGE_INPUT;
}

static void refuse_message(Metaverse *metaverse, Session *session, const TransportEvent *event, Status status)
{
    const MessageRule *rule = event->bytes.size > 0 ? message_rule(event->bytes.data[0]) : NULL;
    const char *name = rule == NULL ? "message" : rule->name;
    if (status == STATUS_NOT_ALLOWED) {
        session_close(metaverse, session, REJECT_NOT_ALLOWED, "%s is not allowed now", name);
    } else {
        session_close(metaverse, session, REJECT_MALFORMED, "%s of %zu bytes cannot be understood: %s", name,
                      event->bytes.size, status_text(status));
    }
}

void session_receive(Metaverse *metaverse, const TransportEvent *event)
{
    Session *session = find_session(metaverse, event->peer);
    if (session == NULL) {
        return; /* still talking after it was closed */
    }
    /* FILE_REQUESTs have a limit of their own: the size of the world. */
    bool asks_file =
        session->state == STATE_JOIN && event->bytes.size > 0 && event->bytes.data[0] == MESSAGE_FILE_REQUEST;
    if (!asks_file && !within_rate(metaverse, session)) {
        session_close(metaverse, session, REJECT_FLOOD, "more than %d messages a second", MESSAGE_RATE);
        return;
    }
    Message message = { 0 };
    Status status =
        message_decode(event->bytes, SENDER_CLIENT, event->channel, session->state, session->role, &message);
    if (status == STATUS_OK) {
        session->heard = metaverse->now;
        if (session->state == STATE_LIVE) {
            resume_confirm(session);
        }
        dispatch(metaverse, session, &message, event->received);
        if (message.id == MESSAGE_HELLO) {
            sodium_memzero(&message.hello, sizeof message.hello); /* a ticket may be in it */
        }
    } else if (status == STATUS_NOT_ALLOWED && is_early_input(session, event, &message)) {
        metaverse->counters.early++;
    } else {
        refuse_message(metaverse, session, event, status);
    }
}

/* It may only have lost its way here: who it was stays known for a while. */
static void fall_silent(Metaverse *metaverse, Session *session)
{
    PeerId peer = session->peer;
    char text[REASON_SIZE];
    snprintf(text, sizeof text, "nothing was heard for %.1f s",
             time_to_seconds(metaverse->config.session_timeout));
    if (resume_keep(metaverse, session, text)) {
        metaverse->counters.timed_out++;
        send_reject(metaverse, peer, REJECT_TIMEOUT, text);
    } else {
        session_close(metaverse, session, REJECT_TIMEOUT, "%s", text);
    }
}

static void sweep(Metaverse *metaverse, Session *session)
{
    const MetaverseConfig *config = &metaverse->config;
    TimeNs silent = metaverse->now - session->heard;
    TimeNs waited = metaverse->now - session->connected;
    if (session->broken) {
        session_close(metaverse, session, REJECT_TIMEOUT, "it does not take in what it is sent");
    } else if (session->state == STATE_HELLO && waited > config->hello_timeout) {
        session_close(metaverse, session, REJECT_TIMEOUT, "no HELLO within %.1f s of connecting",
                      time_to_seconds(config->hello_timeout));
    } else if (session->state == STATE_JOIN && (waited > config->join_timeout || silent > JOIN_SILENCE)) {
        session_close(metaverse, session, REJECT_TIMEOUT, "the world was not loaded in time");
    } else if (session->state == STATE_LIVE && session->peer == 0) {
        if (resume_over(metaverse, session)) {
            session_close(metaverse, session, REJECT_NONE, "did not come back");
        }
    } else if (session->state == STATE_LIVE && silent > config->session_timeout) {
        fall_silent(metaverse, session);
    }
}

void sessions_sweep(Metaverse *metaverse)
{
    if (metaverse->swept != TIME_NONE && metaverse->now - metaverse->swept < SWEEP_INTERVAL) {
        return;
    }
    metaverse->swept = metaverse->now;
    for (uint32_t i = 0; i < metaverse->slot_count; i++) {
        if (metaverse->sessions[i].state != 0) {
            sweep(metaverse, &metaverse->sessions[i]);
        }
    }
}
