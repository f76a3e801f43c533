/* Any server: whatever it sends, a session neither crashes nor hangs, and what it shows keeps its promises.
 * The input is a list of events: a control byte, a 16-bit size, that many bytes. The corpus was recorded from
 * a real server with record_client_session.c. */
#include "client/session/session_state.h"
#include "client/session/values.h"
#include "tests/fuzz/fuzz_input.h"

#include <math.h>
#include <stdlib.h>

#define CONTROL_CHANNEL    3u  /* of a message */
#define CONTROL_LATER      4u  /* a frame (17 ms) passes before it, else 1 ms */
#define CONTROL_DISCONNECT 8u  /* not a message but the end of the connection; the size is the reason */
#define CONTROL_FRAME      16u /* a frame is drawn after it */
#define CONTROL_OLD        32u /* of the connection before the newest */
#define CONTROL_SILENCE    64u /* 1.5 s pass before it */

#define START         \
    (INT64_C(86400) * \
     TIME_SECOND) /* as when the corpus was recorded: times in it must not be in the future */

typedef struct Script {
    Bytes rest;
    PeerId connects, announced; /* connections begun, and told to be there */
    bool more;
    uint8_t control;
    Bytes message;
    uint32_t reason;
} Script;

static Status script_connect(void *context, const char *host, uint16_t port, uint32_t data, PeerId *out_peer,
                             Diag *diag)
{
    (void)host, (void)port, (void)data, (void)diag;
    *out_peer = ++((Script *)context)->connects;
    return STATUS_OK;
}

static Status script_send(void *context, PeerId peer, uint8_t channel, Delivery delivery, Bytes bytes)
{
    (void)delivery;
    require(peer <= ((Script *)context)->connects && channel < TRANSPORT_CHANNELS && bytes.size > 0);
    return STATUS_OK;
}

static Status script_poll(void *context, TimeNs now, TransportEvent *out_event)
{
    Script *script = context;
    *out_event = (TransportEvent){ .received = now };
    if (script->announced < script->connects) {
        out_event->peer = ++script->announced;
        out_event->type = TRANSPORT_CONNECTED;
        return STATUS_OK;
    }
    bool old = (script->control & CONTROL_OLD) != 0 && script->connects > 1;
    out_event->peer = old ? script->connects - 1 : script->connects;
    if (!script->more) {
        return STATUS_EMPTY;
    }
    script->more = false;
    out_event->type =
        (script->control & CONTROL_DISCONNECT) != 0 ? TRANSPORT_DISCONNECTED : TRANSPORT_RECEIVED;
    out_event->channel = script->control & CONTROL_CHANNEL;
    out_event->bytes = script->message;
    out_event->data = script->reason;
    return STATUS_OK;
}

static void script_flush(void *context, TimeNs now)
{
    (void)context, (void)now;
}

static void script_disconnect(void *context, PeerId peer, uint32_t reason)
{
    (void)context, (void)peer, (void)reason;
}

static Status script_stats(const void *context, PeerId peer, TransportStats *out_stats)
{
    (void)context, (void)peer;
    *out_stats = (TransportStats){ 0 };
    return STATUS_OK;
}

static Status script_address(const void *context, PeerId peer, char *out, size_t size)
{
    (void)context, (void)peer, (void)out, (void)size;
    return STATUS_DISCONNECTED;
}

static void script_destroy(void *context)
{
    (void)context;
}

/* The next event of the input into the script; false at its end. */
static bool next_event(Script *script)
{
    if (script->rest.size < 3) {
        return false;
    }
    const uint8_t *at = script->rest.data;
    size_t size = bytes_load_u16(at + 1), left = script->rest.size - 3;
    script->control = at[0];
    script->reason = (uint32_t)size;
    size = (at[0] & CONTROL_DISCONNECT) != 0 ? 0 : size < left ? size : left;
    script->message = bytes_of(at + 3, size);
    script->rest = bytes_of(at + 3 + size, left - size);
    script->more = true;
    return true;
}

static void check_view(const Session *session, const SessionView *view, TimeNs *last_shown)
{
    if (!view->valid) {
        return;
    }
    require(view->snapshot != NULL && view->server_time >= *last_shown);
    *last_shown = view->server_time;
    require(view->snapshot->text_count <= session_texts(session)->count);
    for (uint32_t i = 0; i < view->avatar_count; i++) {
        require(view->avatars[i].name != NULL && isfinite(view->avatars[i].yaw));
        require(isfinite(view->avatars[i].position[0]) && isfinite(view->avatars[i].speed));
    }
}

static void frame(Session *session, World *world, TimeNs now, TimeNs *last_shown)
{
    SessionView view;
    AvatarState own;
    if (session_assets(session) != NULL && session_state(session) == SESSION_LOADING) {
        memcpy(world->hash, session_world_hash(session), WORLD_HASH_SIZE);
        session_ready(session, world);
    }
    session_input(session, &(AvatarInput){ .forward = 127, .yaw = 1000 }, now);
    session_flush(session, now);
    session_view(session, now, &view);
    check_view(session, &view, last_shown);
    require(!session_own_avatar(session, &own) || isfinite(own.position[0]));
    float progress = session_progress(session);
    require(progress >= 0.0f && progress <= 1.0f);
    SessionStats stats = session_stats(session);
    require(isfinite(stats.delay_ms) && isfinite(stats.bytes_per_s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const TransportOps ops = { .connect = script_connect,
                                      .send = script_send,
                                      .poll = script_poll,
                                      .flush = script_flush,
                                      .disconnect = script_disconnect,
                                      .stats = script_stats,
                                      .address = script_address,
                                      .destroy = script_destroy };
    Script script = { .rest = bytes_of(data, size) };
    SessionConfig config = { .host = "fuzz", .port = 1, .name = "Ada" };
    World world = { .bounds_min = { -50, -50 }, .bounds_max = { 50, 50 } };
    TimeNs now = START, last_shown = INT64_MIN;
    Session *session = NULL;
    Diag diag;
    require(session_create(&config, (Transport){ .ops = &ops, .context = &script }, now, &session, &diag) ==
            STATUS_OK);
    while (session_state(session) != SESSION_ENDED && next_event(&script)) {
        now += (script.control & CONTROL_LATER) != 0 ? 17 * TIME_MS : TIME_MS;
        if ((script.control & CONTROL_SILENCE) != 0) { /* noticed before the message comes */
            now += 1500 * TIME_MS;
            script.more = false;
            session_update(session, now);
            script.more = true;
        }
        session_update(session, now);
        if ((script.control & CONTROL_FRAME) != 0) {
            frame(session, &world, now, &last_shown);
        }
    }
    require((session_state(session) == SESSION_ENDED) == (session_reason(session)[0] != '\0'));
    session_leave(session, now);
    session_destroy(session);
    return 0;
}
