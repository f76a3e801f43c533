#include "shared/systems/bus_net_state.h"
#include "shared/wire/key_text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define PEERS_DEFAULT    64
#define GREETING_DEFAULT (5 * TIME_SECOND)
#define WHO_SIZE         128
#define PENDING_MAX      8 /* one packet makes three at most, and none is read while there are any */

typedef struct HubPeer {
    PeerId id; /* 0: free */
    bool greeted;
    TimeNs greet_by;
    SystemKind kind;
    char name[SYSTEM_NAME_SIZE];
    bool has_key;
    uint8_t key[NOISE_KEY_SIZE];
    char who[WHO_SIZE];
    SyncAssembly sync;
} HubPeer;

/* Something to tell that is no message. */
typedef struct Pending {
    BusEventType type;
    SystemKind kind;
    FamilyId id;
    char name[SYSTEM_NAME_SIZE];
    char who[WHO_SIZE];
    const char *reason;
} Pending;

typedef struct NetHub {
    BusNetHubConfig config;
    char name[SYSTEM_NAME_SIZE];
    BusNet net;
    HubPeer *peers; /* config.peers of them */
    Pending pending[PENDING_MAX];
    uint32_t pending_first, pending_count;
    char who[WHO_SIZE]; /* of the event told */
    BusTap tap;
    TimeNs next_check;
} NetHub;

static HubPeer *peer_by_id(NetHub *hub, PeerId id)
{
    for (uint32_t i = 0; i < hub->config.peers; i++) {
        if (hub->peers[i].id == id) {
            return &hub->peers[i];
        }
    }
    return NULL;
}

static HubPeer *peer_by_name(NetHub *hub, const char *name)
{
    for (uint32_t i = 0; i < hub->config.peers; i++) {
        if (hub->peers[i].id != 0 && hub->peers[i].greeted && strcmp(hub->peers[i].name, name) == 0) {
            return &hub->peers[i];
        }
    }
    return NULL;
}

static void tell(NetHub *hub, const HubPeer *peer, BusEventType type, FamilyId id, const char *reason)
{
    assert(hub->pending_count < PENDING_MAX);
    Pending *pending = &hub->pending[(hub->pending_first + hub->pending_count++) % PENDING_MAX];
    *pending = (Pending){ .type = type, .kind = peer->kind, .id = id, .reason = reason };
    memcpy(pending->name, peer->name, sizeof pending->name);
    memcpy(pending->who, peer->who, sizeof pending->who);
}

static void free_peer(HubPeer *peer)
{
    sync_assembly_finish(&peer->sync);
    *peer = (HubPeer){ 0 };
}

/* Ends a connection for a reason that both sides hear. */
static void end_peer(NetHub *hub, HubPeer *peer, const char *reason)
{
    BusFrame frame = { .type = BUS_FRAME_REFUSED };
    uint8_t packet[BUS_FRAME_HEADER_MAX];
    snprintf(frame.reason, sizeof frame.reason, "%s", reason);
    size_t size = bus_frame_write(&frame, packet);
    (void)!transport_send(hub->net.transport, peer->id, BUS_CHANNEL_CONTROL, DELIVERY_RELIABLE,
                          bytes_of(packet, size));
    transport_disconnect(hub->net.transport, peer->id, 0);
    if (peer->greeted) {
        tell(hub, peer, BUS_DOWN, FAMILY_NONE, reason);
    }
    free_peer(peer);
}

static void refuse(NetHub *hub, HubPeer *peer, const char *reason)
{
    hub->net.counters.refused++;
    tell(hub, peer, BUS_REFUSED, FAMILY_NONE, reason);
    end_peer(hub, peer, reason);
}

/* ---- coming ---- */

static void connected(NetHub *hub, PeerId id, TimeNs now)
{
    HubPeer *peer = peer_by_id(hub, 0);
    if (peer == NULL) {
        transport_disconnect(hub->net.transport, id, 0);
        hub->net.counters.refused++;
        return;
    }
    *peer = (HubPeer){ .id = id, .greet_by = now + hub->config.greeting_timeout };
    char address[64] = "?", text[KEY_TEXT_SIZE] = "no key";
    (void)!transport_address(hub->net.transport, id, address, sizeof address);
    if (hub->config.peer_key != NULL &&
        hub->config.peer_key(hub->net.transport, id, peer->key) == STATUS_OK) {
        peer->has_key = true;
        key_text_format(peer->key, text);
    }
    snprintf(peer->who, sizeof peer->who, "%s %s", address, text);
}

static bool same_owner(const HubPeer *a, const HubPeer *b)
{
    return a->has_key == b->has_key && memcmp(a->key, b->key, sizeof a->key) == 0;
}

/* NULL: `peer` may be what `hello` says. */
static const char *why_not(NetHub *hub, const HubPeer *peer, const BusFrame *hello)
{
    const char *reason = "the owner of this key may not be this system";
    if (hello->version != BUS_NET_VERSION) {
        return "another version of the bus is spoken here";
    }
    if (hello->kind == SYSTEM_ENABLER || strcmp(hello->name, hub->name) == 0) {
        return "there is one enabler on this bus";
    }
    if (hub->config.peer_key != NULL && !peer->has_key) {
        return "the key of the peer is not known";
    }
    if (hub->config.trust.decide != NULL &&
        hub->config.trust.decide(hub->config.trust.context, hello->kind, hello->name,
                                 peer->has_key ? peer->key : NULL, &reason) != STATUS_OK) {
        return reason;
    }
    const HubPeer *other = peer_by_name(hub, hello->name);
    if ((other != NULL && !same_owner(other, peer)) ||
        (hub->config.taken != NULL && hub->config.taken(hub->config.taken_context, hello->name))) {
        return "this name is in use by somebody else";
    }
    return NULL;
}

static void greet(NetHub *hub, HubPeer *peer, const BusFrame *hello)
{
    const char *reason = why_not(hub, peer, hello);
    memcpy(peer->name, hello->name, sizeof peer->name);
    peer->kind = hello->kind;
    if (reason != NULL) {
        refuse(hub, peer, reason);
        return;
    }
    HubPeer *other = peer_by_name(hub, hello->name);
    if (other != NULL) {
        end_peer(hub, other, "another process has come as this system");
    }
    BusFrame frame = { .type = BUS_FRAME_WELCOME, .version = BUS_NET_VERSION };
    uint8_t packet[BUS_FRAME_HEADER_MAX];
    memcpy(frame.name, hub->name, sizeof frame.name);
    size_t size = bus_frame_write(&frame, packet);
    if (transport_send(hub->net.transport, peer->id, BUS_CHANNEL_CONTROL, DELIVERY_RELIABLE,
                       bytes_of(packet, size)) != STATUS_OK) {
        end_peer(hub, peer, "the greeting cannot be answered");
        return;
    }
    peer->greeted = true;
    hub->net.counters.connections++;
    tell(hub, peer, BUS_UP, FAMILY_NONE, "");
}

static void check_greetings(NetHub *hub, TimeNs now)
{
    hub->next_check = TIME_FOREVER;
    for (uint32_t i = 0; i < hub->config.peers && hub->pending_count == 0; i++) {
        HubPeer *peer = &hub->peers[i];
        if (peer->id == 0 || peer->greeted) {
            continue;
        }
        if (now >= peer->greet_by) {
            refuse(hub, peer, "no greeting in time");
            hub->next_check = now;
        } else if (peer->greet_by < hub->next_check) {
            hub->next_check = peer->greet_by;
        }
    }
}

/* ---- messages in ---- */

static void fill_event(NetHub *hub, const HubPeer *peer, const BusFrame *frame, BusEvent *out_event)
{
    memcpy(hub->who, peer->who, sizeof hub->who);
    *out_event = (BusEvent){ .type = BUS_MESSAGE, .kind = peer->kind, .who = hub->who, .reason = "" };
    BusMessage *message = &out_event->message;
    message->id = frame->id;
    message->correlation = frame->correlation;
    memcpy(message->from, peer->name, sizeof message->from);
    memcpy(message->to, hub->name, sizeof message->to);
    memcpy(message->subject, peer->kind == SYSTEM_TWIN ? peer->name : frame->name, sizeof message->subject);
}

static bool take_sync(NetHub *hub, HubPeer *peer, const BusFrame *frame, BusEvent *out_event)
{
    Status status = sync_assembly_add(&peer->sync, schema_table_find(&hub->net.schemas, peer->name), frame);
    if (status == STATUS_EMPTY) {
        return false;
    }
    if (status != STATUS_OK) {
        hub->net.counters.sync_dropped++;
        tell(hub, peer, BUS_REFUSED, frame->id,
             status == STATUS_NO_BASELINE ? "a SYNC by another schema than the one that is known"
                                          : "a SYNC that cannot be read");
        return false;
    }
    fill_event(hub, peer, frame, out_event);
    out_event->message.sync = &peer->sync.batch;
    return true;
}

/* True when *out_event is a message. */
static bool take_message(NetHub *hub, HubPeer *peer, const BusFrame *frame, BusEvent *out_event)
{
    if (family_rule((uint8_t)frame->id)->sender != peer->kind) {
        hub->net.counters.refused++;
        tell(hub, peer, BUS_REFUSED, frame->id, "a system of this kind may not send this message");
        return false;
    }
    if (frame->type == BUS_FRAME_SYNC) {
        if (!take_sync(hub, peer, frame, out_event)) {
            return false;
        }
    } else {
        fill_event(hub, peer, frame, out_event);
        if (!bus_net_keep(&hub->net, frame->rest, &out_event->message.body)) {
            end_peer(hub, peer, "out of memory");
            return false;
        }
    }
    hub->net.counters.messages++;
    if (hub->tap.seen != NULL) {
        hub->tap.seen(hub->tap.context, &out_event->message,
                      frame->type == BUS_FRAME_SYNC ? peer->sync.size : out_event->message.body.size);
    }
    return true;
}

static bool received(NetHub *hub, const TransportEvent *event, BusEvent *out_event)
{
    HubPeer *peer = peer_by_id(hub, event->peer);
    BusFrame frame;
    if (peer == NULL) {
        return false;
    }
    Status status = bus_frame_parse(event->bytes, event->channel, &frame);
    bool expected = status == STATUS_OK &&
                    (peer->greeted ? frame.type == BUS_FRAME_MESSAGE || frame.type == BUS_FRAME_SYNC
                                   : frame.type == BUS_FRAME_HELLO);
    if (!expected) {
        hub->net.counters.malformed++;
        refuse(hub, peer, peer->greeted ? "a packet that is none of this bus" : "no greeting of this bus");
        return false;
    }
    if (!peer->greeted) {
        greet(hub, peer, &frame);
        return false;
    }
    return take_message(hub, peer, &frame, out_event);
}

static void disconnected(NetHub *hub, PeerId id)
{
    HubPeer *peer = peer_by_id(hub, id);
    if (peer != NULL) {
        if (peer->greeted) {
            tell(hub, peer, BUS_DOWN, FAMILY_NONE, "the connection is gone");
        }
        free_peer(peer);
    }
}

static bool next_pending(NetHub *hub, BusEvent *out_event)
{
    if (hub->pending_count == 0) {
        return false;
    }
    Pending *pending = &hub->pending[hub->pending_first];
    hub->pending_first = (hub->pending_first + 1) % PENDING_MAX;
    hub->pending_count--;
    memcpy(hub->who, pending->who, sizeof hub->who);
    *out_event = (BusEvent){
        .type = pending->type, .kind = pending->kind, .who = hub->who, .reason = pending->reason
    };
    out_event->message.id = pending->id;
    memcpy(out_event->message.from, pending->name, sizeof out_event->message.from);
    memcpy(out_event->message.to, hub->name, sizeof out_event->message.to);
    return true;
}

static Status hub_poll(void *context, TimeNs now, BusEvent *out_event)
{
    NetHub *hub = context;
    for (;;) {
        if (hub->pending_count == 0 && now >= hub->next_check) {
            check_greetings(hub, now);
        }
        if (next_pending(hub, out_event)) {
            return STATUS_OK;
        }
        TransportEvent event;
        Status status = transport_poll(hub->net.transport, now, &event);
        if (status != STATUS_OK) {
            return status;
        }
        switch (event.type) {
        case TRANSPORT_CONNECTED:
            connected(hub, event.peer, now);
            hub->next_check = now;
            break;
        case TRANSPORT_DISCONNECTED:
            disconnected(hub, event.peer);
            break;
        case TRANSPORT_RECEIVED:
            if (received(hub, &event, out_event)) {
                return STATUS_OK;
            }
            break;
        }
    }
}

/* ---- messages out ---- */

static Status hub_send(void *context, const BusMessage *message)
{
    NetHub *hub = context;
    const FamilyRule *rule = family_rule((uint8_t)message->id);
    HubPeer *peer = peer_by_name(hub, message->to);
    if (rule->sender != SYSTEM_ENABLER) {
        return STATUS_NOT_ALLOWED;
    }
    if (peer == NULL) {
        return STATUS_DISCONNECTED;
    }
    if (rule->receiver != peer->kind) {
        return STATUS_NOT_ALLOWED;
    }
    size_t size;
    Status status = bus_net_send(&hub->net, peer->id, message, &size);
    if (status == STATUS_OK && hub->tap.seen != NULL) {
        BusMessage copy = *message;
        memcpy(copy.from, hub->name, sizeof copy.from);
        hub->tap.seen(hub->tap.context, &copy, size);
    }
    return status;
}

static void hub_flush(void *context, TimeNs now)
{
    transport_flush(((NetHub *)context)->net.transport, now);
}

static int hub_wake_fd(const void *context)
{
    return transport_wake_fd(((const NetHub *)context)->net.transport);
}

static void hub_set_tap(void *context, BusTap tap)
{
    ((NetHub *)context)->tap = tap;
}

static Status hub_set_schema(void *context, const char *system, const SyncSchema *schema)
{
    return schema_table_set(&((NetHub *)context)->net.schemas, system, schema);
}

static void hub_destroy(void *context)
{
    NetHub *hub = context;
    for (uint32_t i = 0; i < hub->config.peers; i++) {
        sync_assembly_finish(&hub->peers[i].sync);
    }
    bus_net_finish(&hub->net);
    free(hub->peers);
    free(hub);
}

static const BusOps hub_ops = { .send = hub_send,
                                .poll = hub_poll,
                                .flush = hub_flush,
                                .wake_fd = hub_wake_fd,
                                .set_tap = hub_set_tap,
                                .set_schema = hub_set_schema,
                                .destroy = hub_destroy };

Status bus_net_hub_create(const BusNetHubConfig *config, Transport transport, Bus *out_hub)
{
    const char *name = config->name == NULL ? "enabler" : config->name;
    if (!system_name_valid(name)) {
        return STATUS_INVALID_ARGUMENT;
    }
    NetHub *hub = calloc(1, sizeof *hub);
    if (hub == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    hub->config = *config;
    hub->config.peers = config->peers == 0 ? PEERS_DEFAULT : config->peers;
    hub->config.greeting_timeout =
        config->greeting_timeout == 0 ? GREETING_DEFAULT : config->greeting_timeout;
    hub->next_check = TIME_FOREVER;
    snprintf(hub->name, sizeof hub->name, "%s", name);
    hub->peers = calloc(hub->config.peers, sizeof *hub->peers);
    if (hub->peers == NULL || !bus_net_init(&hub->net, transport)) {
        free(hub->peers);
        free(hub);
        return STATUS_OUT_OF_MEMORY;
    }
    *out_hub = (Bus){ .ops = &hub_ops, .context = hub };
    return STATUS_OK;
}

const BusNetCounters *bus_net_counters(Bus bus)
{
    return bus.ops == &hub_ops ? &((const NetHub *)bus.context)->net.counters
                               : bus_net_endpoint_counters(bus);
}
