/* reconnect.c - a session whose connection is lost comes back by itself: a new connection, the whole
 * handshake, then HELLO with the ticket that the server gave. What was there stays until it knows more. */
#include "client/session/session_state.h"
#include "shared/base/log.h"

#include <sodium.h>

#define QUIET_LEAST   TIME_SECOND /* silence after which another connection is tried beside the old one … */
#define QUIET_MISSED  3           /* … or so many snapshots missing */
#define ATTEMPT_FIRST (2 * TIME_SECOND) /* for the first attempt; each later one has more */
#define ATTEMPT_MORE  TIME_SECOND
#define ATTEMPT_MOST  (6 * TIME_SECOND)
#define PAUSE_FIRST   (100 * TIME_MS) /* before the second attempt; doubled for each later one */
#define PAUSE_MOST    (2 * TIME_SECOND)
#define LOST_MOST     8u /* connections lost before there is a ticket: then it ends */

TimeNs reconnect_patience(const Session *session)
{
    TimeNs patience = session->resume.patience; /* 0 when there never was a ticket */
    return patience > session->lost_timeout ? patience : session->lost_timeout;
}

void reconnect_forget(Session *session)
{
    sodium_memzero(&session->resume, sizeof session->resume);
}

static TimeNs pause_after(uint32_t attempts)
{
    TimeNs pause = PAUSE_FIRST << (attempts < 6 ? attempts : 6);
    return pause < PAUSE_MOST ? pause : PAUSE_MOST;
}

static TimeNs time_for(uint32_t attempts)
{
    TimeNs time = ATTEMPT_FIRST + (TimeNs)(attempts < 6 ? attempts : 6) * ATTEMPT_MORE;
    return time < ATTEMPT_MOST ? time : ATTEMPT_MOST;
}

bool reconnect_begin(Session *session, TimeNs now, const char *why)
{
    if (!session->resume.possible || session->state != SESSION_LIVE) {
        return session->state == SESSION_AWAY;
    }
    log_warning("session", "%s; trying to come back to %s", why, session->address);
    session->state = SESSION_AWAY;
    session->resume.next = now;
    session->resume.attempts = 0;
    session->resume.attempt = 0;
    return true;
}

bool reconnect_joining(Session *session, TimeNs now)
{
    bool joining = session->state == SESSION_CONNECTING ? session->secured : !session->resume.possible;
    if (!joining || session->resume.lost_joining == LOST_MOST) {
        return false;
    }
    log_warning("session", "the connection was closed; joining %s anew", session->address);
    session->resume.next = now + pause_after(session->resume.lost_joining++);
    session->resume.attempts = 0;
    session->message_state = STATE_HELLO;
    if (session->state != SESSION_CONNECTING) {
        session->state = SESSION_AWAY;
        join_again(&session->join);
    }
    session->secured = false;
    return true;
}

static void drop(Session *session, PeerId *peer)
{
    if (*peer != 0) {
        transport_disconnect(session->transport, *peer, 0);
        *peer = 0;
    }
}

void reconnect_failed(Session *session, TimeNs now)
{
    drop(session, &session->resume.attempt);
    if (session->message_state != STATE_LIVE) {
        drop(session, &session->peer);
    }
    session->resume.next = now + pause_after(session->resume.attempts);
    session->resume.attempts++;
}

static void attempt(Session *session, TimeNs now)
{
    Diag diag = { 0 };
    session->resume.deadline = now + time_for(session->resume.attempts);
    if (transport_connect(session->transport, session->host, session->port, PROTOCOL_MAGIC | PROTOCOL_VERSION,
                          &session->resume.attempt, &diag) != STATUS_OK) {
        session->resume.attempt = 0;
        reconnect_failed(session, now);
    }
}

/* An attempt is under way, or what follows its HELLO is being waited for. */
static bool is_trying(const Session *session)
{
    return session->resume.attempt != 0 || (session->peer != 0 && session->message_state != STATE_LIVE);
}

void reconnect_first(Session *session, TimeNs now)
{
    session->resume.next = now + pause_after(session->resume.attempts);
    session->resume.attempts++;
}

static void dial_again(Session *session, TimeNs now)
{
    Diag diag = { 0 };
    if (now >= session->resume.next &&
        transport_connect(session->transport, session->host, session->port, PROTOCOL_MAGIC | PROTOCOL_VERSION,
                          &session->peer, &diag) != STATUS_OK) {
        session->peer = 0;
        reconnect_first(session, now);
    }
}

void reconnect_update(Session *session, TimeNs now)
{
    if (session->state == SESSION_CONNECTING && session->peer == 0) {
        dial_again(session, now);
    }
    const PlayoutDelay *measured = &session->playout.measured;
    TimeNs interval = measured->interval > measured->nominal ? measured->interval : measured->nominal;
    TimeNs missed = QUIET_MISSED * interval;
    TimeNs quiet = missed > QUIET_LEAST ? missed : QUIET_LEAST;
    if (session->state == SESSION_LIVE && now - session->heard >= quiet) {
        reconnect_begin(session, now, "the server has fallen silent");
    }
    if (session->state != SESSION_AWAY) {
        return;
    }
    if (is_trying(session)) {
        if (now >= session->resume.deadline) {
            reconnect_failed(session, now);
        }
    } else if (now >= session->resume.next) {
        attempt(session, now);
    }
}

void reconnect_event(Session *session, const TransportEvent *event, TimeNs now)
{
    if (event->type == TRANSPORT_DISCONNECTED) {
        session->resume.attempt = 0;
        reconnect_failed(session, now);
    } else if (event->type == TRANSPORT_CONNECTED) {
        PeerId taken = session->resume.attempt;
        session->resume.attempt = 0;
        drop(session, &session->peer);
        session->peer = taken;
        session->message_state = STATE_HELLO;
        session->resume.deadline = now + time_for(session->resume.attempts);
        session_say_hello(session);
    }
}

void reconnect_needless(Session *session)
{
    log_info("session", "the server at %s is heard again", session->address);
    drop(session, &session->resume.attempt);
    session->state = SESSION_LIVE;
}

static void restart(Session *session)
{
    session->newest = session->acknowledged = session->whole_from = 0;
    session->baselines_missing = session->refused_in_a_row = 0;
    session->lost_before = session->stats.lost;
    session->first_packet = session->last_packet = session->arrived = 0;
    session->rate_count = 0;
    prediction_restart(&session->prediction);
}

void reconnect_ticket(Session *session, const TicketMessage *ticket)
{
    if (session->state == SESSION_AWAY && !session->resume.possible) {
        session_end(session, "the server at %s gives a session back that we never had", session->address);
        return;
    }
    memcpy(session->resume.ticket, ticket->ticket, sizeof session->resume.ticket);
    session->resume.patience = ticket->seconds * TIME_SECOND;
    session->resume.possible = true;
    session->resume.lost_joining = 0;
    if (session->state != SESSION_AWAY || session->message_state != STATE_HELLO) {
        return; /* the first one, or one more */
    }
    restart(session);
    replica_restart(session->replica);
    session->roster_anew = true; /* some may have come and gone */
    session->message_state = STATE_LIVE;
    session->state = SESSION_LIVE;
    session->stats.reconnects++;
    operations_renew(&session->operations);
    session_ask_again(session);
    log_info("session", "back in the session at %s", session->address);
}

void reconnect_manifest_entry(Session *session)
{
    if (--session->resume.manifest_left == 0) {
        Message message = { .id = MESSAGE_READY };
        memcpy(message.ready.world_hash, session->world_hash, HASH_SIZE);
        session_send_message(session, &message);
        session->message_state = STATE_LIVE;
        session->state = SESSION_LIVE;
    }
}

/* The server does not know us any more, but runs the world that is loaded here. */
void reconnect_welcome(Session *session, const WelcomeMessage *welcome)
{
    Diag diag = { 0 };
    if (welcome->manifest_count == 0) {
        session_end(session, "the server at %s announces a world of no files", session->address);
        return;
    }
    if (session_enter(session, welcome, &diag) != STATUS_OK) {
        session_end(session, "%s", diag.text);
        return;
    }
    restart(session);
    sodium_memzero(session->resume.ticket, sizeof session->resume.ticket);
    session->resume.possible = false;
    session->resume.manifest_left = welcome->manifest_count; /* the files, which are here, go by */
    session->stats.rejoins++;
    log_warning("session", "the server at %s has given our place away: joining anew", session->address);
}
