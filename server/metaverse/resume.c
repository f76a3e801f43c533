/* resume.c - sessions that outlive their connection: who loses it in LIVE waits without one, and comes back
 * with the ticket it was given. */
#include "server/metaverse/state.h"

#include "shared/base/log.h"

#include <sodium.h>
#include <stdio.h>

void resume_random(const Metaverse *metaverse, uint8_t *out, size_t size)
{
    const SecureEntropy *entropy = &metaverse->config.entropy;
    if (entropy->fill != NULL) {
        entropy->fill(entropy->context, out, size);
    } else {
        randombytes_buf(out, size);
    }
}

static void send_ticket(Metaverse *metaverse, Session *session)
{
    const Resume *resume = &session->resume;
    Message message = { .id = MESSAGE_TICKET,
                        .ticket = { .session = session->number,
                                    .seconds = (uint16_t)(metaverse->config.resume_time / TIME_SECOND) } };
    memcpy(message.ticket.ticket, resume->ticket, sizeof message.ticket.ticket);
    session_send(metaverse, session, &message);
    sodium_memzero(&message.ticket, sizeof message.ticket);
    sodium_memzero(metaverse->scratch.data, sizeof message.ticket + 1);
}

void resume_offer(Metaverse *metaverse, Session *session)
{
    Resume *resume = &session->resume;
    if (metaverse->config.resume_time == 0) {
        return;
    }
    memcpy(resume->before, resume->ticket, sizeof resume->before);
    resume->before_valid = resume->ticket_valid;
    resume_random(metaverse, resume->ticket, sizeof resume->ticket);
    resume->ticket_valid = true;
    send_ticket(metaverse, session);
}

void resume_confirm(Session *session)
{
    Resume *resume = &session->resume;
    if (resume->before_valid) {
        sodium_memzero(resume->before, sizeof resume->before);
        resume->before_valid = false;
    }
}

void resume_forget(Session *session)
{
    sodium_memzero(&session->resume, sizeof session->resume);
}

void resume_note_key(Metaverse *metaverse, Session *session)
{
    const KeySource *keys = &metaverse->config.keys;
    session->resume.has_key =
        keys->of != NULL && keys->of(keys->context, session->peer, session->resume.key) == STATUS_OK;
}

/* ---- going away ---- */

bool resume_keep(Metaverse *metaverse, Session *session, const char *why)
{
    TimeNs wait = metaverse->config.resume_time;
    if (wait == 0 || session->state != STATE_LIVE || metaverse->stopping || session->broken ||
        metaverse->now - session->heard >= wait) {
        return false;
    }
    if (session->peer != 0) {
        log_info(LOG_MODULE, "%s (%s): %s; its place is kept for %.1f s", session->address, session->name,
                 why, time_to_seconds(session->heard + wait - metaverse->now));
        peer_map_remove(&metaverse->peers, session->peer);
        session->peer = 0;
        metaverse->counters.away++;
    }
    return true;
}

bool resume_over(const Metaverse *metaverse, const Session *session)
{
    return metaverse->now - session->heard >= metaverse->config.resume_time;
}

/* ---- coming back ---- */

static bool is_newest(const Session *session, const uint8_t ticket[TICKET_SIZE])
{
    const Resume *resume = &session->resume;
    return sodium_memcmp(resume->ticket, ticket, TICKET_SIZE) == 0 && resume->ticket_valid;
}

/* Every ticket of `session` is compared, in the same time whatever it is. */
static bool ticket_fits(const Session *session, const uint8_t ticket[TICKET_SIZE])
{
    const Resume *resume = &session->resume;
    bool newest = is_newest(session, ticket);
    bool before = sodium_memcmp(resume->before, ticket, TICKET_SIZE) == 0 && resume->before_valid;
    return newest || before;
}

static bool same_key(const Metaverse *metaverse, const Session *a, const Session *b)
{
    if (metaverse->config.keys.of == NULL) {
        return true; /* nobody has a key */
    }
    return a->resume.has_key && b->resume.has_key &&
           sodium_memcmp(a->resume.key, b->resume.key, sizeof a->resume.key) == 0;
}

static Session *find_number(Metaverse *metaverse, uint16_t number)
{
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        Session *session = &metaverse->sessions[metaverse->live[i]];
        if (session->number == number) {
            return session;
        }
    }
    return NULL;
}

/* The session that `hello` may resume over the connection of `comer`, or NULL and why not. Which of ticket
 * and key is wrong is for the log only. */
static Session *find_session(Metaverse *metaverse, const Session *comer, const HelloMessage *hello,
                             const char **out_reason)
{
    Session *session = find_number(metaverse, hello->session);
    if (session == NULL) {
        *out_reason = "there is no such session any more";
    } else if (!ticket_fits(session, hello->ticket)) {
        *out_reason = "the ticket is not valid";
    } else if (!same_key(metaverse, session, comer)) {
        *out_reason = "the ticket was given to the owner of another key";
    } else if (hello->texts > metaverse->texts->count) {
        *out_reason = "it says that it has texts which do not exist";
    } else {
        return session;
    }
    return NULL;
}

/* `session` goes on over the connection that `comer` came by; `comer` is no more. */
static void take_over(Metaverse *metaverse, Session *session, Session *comer)
{
    PeerId old = session->peer, peer = comer->peer;
    Role role = comer->role; /* looked up when it connected */
    peer_map_remove(&metaverse->peers, peer);
    if (old != 0) { /* it has another address now, or lost its end of the connection */
        peer_map_remove(&metaverse->peers, old);
        transport_disconnect(metaverse->transport, old, 0);
    } else {
        metaverse->counters.away--;
    }
    memcpy(session->address, comer->address, sizeof session->address);
    session_free(metaverse, comer);
    session->peer = peer;
    session->role = role;
    actuation_forget(session);
    session->heard = metaverse->now;
    session->broken = false;
    peer_map_add(&metaverse->peers, peer, (uint16_t)(session - metaverse->sessions));
}

bool resume_take(Metaverse *metaverse, Session *comer, const HelloMessage *hello)
{
    const char *reason = NULL;
    if (hello->session == 0) {
        return false;
    }
    Session *session = find_session(metaverse, comer, hello, &reason);
    if (session == NULL) {
        char text[REASON_SIZE];
        snprintf(text, sizeof text, "cannot resume session %u: %s", (unsigned)hello->session, reason);
        metaverse->counters.tickets_refused++;
        session_warn(metaverse, comer->address, text);
        return false;
    }
    bool alive = session->peer != 0;
    take_over(metaverse, session, comer);
    session->texts_sent = hello->texts;
    outbox_restart(metaverse, session);
    metaverse->counters.resumed++;
    log_info(LOG_MODULE, "%s (%s): is back as number %u%s", session->address, session->name,
             (unsigned)session->number, alive ? ", from another connection" : "");
    if (is_newest(session, hello->ticket)) {
        resume_offer(metaverse, session);
    } else { /* the answer was lost, and may be once more: the client has this one or the next, never more */
        send_ticket(metaverse, session);
    }
    roster_list_again(metaverse, session);
    actuation_welcome(metaverse, session);
    services_welcome(metaverse, session);
    join_wake(metaverse, session); /* texts */
    return true;
}
