/* reconnect.c - a session whose connection is lost comes back by itself: a new connection, the whole
 * handshake, then HELLO with the ticket that the server gave. What was there stays until it knows more. */
#include "client/session/session_state.h"
#include "shared/base/log.h"

#include <sodium.h>

/* Silence after which another connection is tried beside the old one: so long, and so many snapshots. */
#define QUIET_LEAST  TIME_SECOND
#define QUIET_MISSED 3

/* An attempt may be lost without a word, as the connection was. So the next one begins beside it: after so
 * long at first and at most, but not before so many round trips, where one is known. */
#define NEXT_FIRST   TIME_SECOND
#define NEXT_MORE    (TIME_SECOND / 4)
#define NEXT_MOST    (2 * TIME_SECOND)
#define NEXT_TRIPS   6
#define ATTEMPT_TIME (6 * TIME_SECOND)

#define ANSWER_LEAST TIME_SECOND     /* for the answer to HELLO, or as long as the handshake took */
#define PAUSE_FIRST  (100 * TIME_MS) /* after an attempt that failed; doubled for each later one */
#define PAUSE_MOST   (2 * TIME_SECOND)
#define LOST_MOST    8u /* connections lost before there is a ticket: then it ends */

TimeNs reconnect_patience(const Session *session)
{
    TimeNs patience = session->resume.patience; /* 0 when there never was a ticket */
    return patience > session->lost_timeout ? patience : session->lost_timeout;
}

void reconnect_forget(Session *session)
{
    sodium_memzero(&session->resume, sizeof session->resume);
}

static TimeNs pause_after(uint32_t tries)
{
    TimeNs pause = PAUSE_FIRST << (tries < 6 ? tries : 6);
    return pause < PAUSE_MOST ? pause : PAUSE_MOST;
}

static void wait_a_while(Session *session, TimeNs now)
{
    session->resume.next = now + pause_after(session->resume.tries);
    session->resume.tries++;
}

/* From the begin of an attempt to that of the next one. */
static TimeNs next_after(const Session *session)
{
    TimeNs next = NEXT_FIRST + (TimeNs)(session->resume.tries < 8 ? session->resume.tries : 8) * NEXT_MORE;
    next = next < NEXT_MOST ? next : NEXT_MOST;
    TimeNs trip = clock_sync_ready(&session->clock) ? session->clock.round_trip : 0;
    if (trip <= next / NEXT_TRIPS) {
        return next;
    }
    return trip < ATTEMPT_TIME / NEXT_TRIPS ? trip * NEXT_TRIPS : ATTEMPT_TIME;
}

bool reconnect_begin(Session *session, TimeNs now, const char *why)
{
    if (!session->resume.possible || session->state != SESSION_LIVE) {
        return session->state == SESSION_AWAY;
    }
    log_warning("session", "%s; trying to come back to %s", why, session->address);
    session->state = SESSION_AWAY;
    session->resume.next = now;
    session->resume.tries = 0;
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
    session->resume.tries = 0;
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

static void drop_attempt(Session *session, uint32_t at)
{
    Attempt *attempts = session->resume.attempts;
    drop(session, &attempts[at].peer);
    session->resume.attempt_count--;
    memmove(attempts + at, attempts + at + 1, (session->resume.attempt_count - at) * sizeof *attempts);
}

static void drop_attempts(Session *session)
{
    while (session->resume.attempt_count > 0) {
        drop_attempt(session, 0);
    }
}

void reconnect_failed(Session *session, TimeNs now)
{
    if (session->message_state != STATE_LIVE) {
        drop(session, &session->peer);
    }
    wait_a_while(session, now);
}

static void attempt(Session *session, TimeNs now)
{
    Diag diag = { 0 };
    if (session->resume.attempt_count == ATTEMPTS_MOST) {
        drop_attempt(session, 0);
    }
    Attempt *begun = &session->resume.attempts[session->resume.attempt_count];
    *begun = (Attempt){ .begun = now };
    if (transport_connect(session->transport, session->host, session->port, PROTOCOL_MAGIC | PROTOCOL_VERSION,
                          &begun->peer, &diag) == STATUS_OK) {
        session->resume.attempt_count++;
        session->resume.next = now + next_after(session);
        session->resume.tries++;
    } else {
        reconnect_failed(session, now);
    }
}

/* What follows the HELLO of the newest connection is being waited for. */
static bool is_asking(const Session *session)
{
    return session->peer != 0 && session->message_state != STATE_LIVE;
}

static bool is_overdue(const Session *session, TimeNs now)
{
    TimeNs since = session->heard > session->resume.asked ? session->heard : session->resume.asked;
    return now - since >= session->resume.answer_time;
}

void reconnect_first(Session *session, TimeNs now)
{
    wait_a_while(session, now);
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
    while (session->resume.attempt_count > 0 && now - session->resume.attempts[0].begun >= ATTEMPT_TIME) {
        drop_attempt(session, 0);
    }
    if (is_asking(session)) {
        if (is_overdue(session, now)) {
            reconnect_failed(session, now);
        }
    } else if (now >= session->resume.next) {
        attempt(session, now);
    }
}

/* The first one to be there is taken. */
static void take(Session *session, Attempt taken, TimeNs now)
{
    drop_attempts(session);
    drop(session, &session->peer);
    session->peer = taken.peer;
    session->message_state = STATE_HELLO;
    session->resume.asked = now;
    TimeNs passed = now - taken.begun;
    session->resume.answer_time = passed > ANSWER_LEAST ? passed : ANSWER_LEAST;
    session_say_hello(session);
}

bool reconnect_event(Session *session, const TransportEvent *event, TimeNs now)
{
    Attempt *attempts = session->resume.attempts;
    uint32_t at = 0;
    while (at < session->resume.attempt_count && attempts[at].peer != event->peer) {
        at++;
    }
    if (at == session->resume.attempt_count) {
        return false;
    }
    if (event->type == TRANSPORT_RECEIVED) {
        return true;
    }
    const Attempt taken = attempts[at];
    attempts[at].peer = 0; /* gone, or another's now */
    drop_attempt(session, at);
    if (event->type == TRANSPORT_CONNECTED) {
        take(session, taken, now);
    } else if (session->resume.attempt_count == 0) {
        reconnect_failed(session, now);
    }
    return true;
}

void reconnect_needless(Session *session)
{
    log_info("session", "the server at %s is heard again", session->address);
    drop_attempts(session);
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
