#include "shared/wire/transport_enet.h"

#include "shared/wire/direct_enet.h"

#include <assert.h>
#include <enet/enet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PACKET_MAX           ((size_t)1 << 20)
#define QUEUE_PACKETS_MAX    16384u
#define QUEUE_BYTES_MAX      ((size_t)32 << 20)
#define WAITING_BYTES_MAX    ((size_t)8 << 20)   /* received from one peer, not yet complete or polled */
#define WAITING_BYTES_SERVER ((size_t)256 << 10) /* strangers may connect by the thousand */
#define TIMEOUT_LIMIT        32u                 /* retransmissions, as ENet counts them */
#define TIMEOUT_MIN_MS       3000u
#define TIMEOUT_MAX_MS       4500u /* plus the ping interval: a peer that is gone is noticed within 5 s */
#define PING_MIN_MS          500u
#define PING_MAX_MS          5000u
#define LINGER_MS            250u
#define SOCKET_BUFFER        (4 * 1024 * 1024)
#define COMMAND_OVERHEAD     12u  /* header bytes of one packet, for per-peer figures */
#define RECEIVED_AT_ONCE     256u /* datagrams that ENet reads from the socket in one go */

typedef enum SlotState { SLOT_FREE, SLOT_CONNECTING, SLOT_CONNECTED, SLOT_LEAVING } SlotState;

/* What is kept beside ENetHost.peers[i]. */
typedef struct Slot {
    SlotState state;
    uint16_t generation;
    size_t queued_bytes;
    TransportStats stats; /* queued: reliable packets that ENet has not freed yet */
} Slot;

/* What ENet answered. */
typedef struct Reported {
    bool any;
    int result;
    ENetEvent event;
} Reported;

typedef struct EnetTransport {
    ENetHost *host;
    Slot *slots;         /* host->peerCount of them */
    ENetPacket *current; /* its bytes are in the last event */
    DirectEnet *direct;
    Reported held;                       /* to be told once all that came before it is */
    uint32_t looked_at;                  /* datagrams since ENet was last asked to read */
    uint32_t sent_blindly, most_blindly; /* packets sent since then, and before it is asked again */
    bool drained;                        /* the socket was empty after that */
    bool server;
    enet_uint32 patience_ms;
    size_t next_victim;   /* of who may have to give way */
    char found_name[256]; /* the host looked up last, and its address */
    ENetAddress found;
    TransportStats totals;
} EnetTransport;

/* ---- peers ---- */

static PeerId peer_id(const EnetTransport *transport, const ENetPeer *peer)
{
    size_t index = (size_t)(peer - transport->host->peers);
    return (PeerId)transport->slots[index].generation << 16 | (PeerId)(index + 1);
}

static Slot *slot_of(const EnetTransport *transport, const ENetPeer *peer)
{
    return &transport->slots[peer - transport->host->peers];
}

/* The connection that `id` names, or NULL. */
static ENetPeer *find_peer(const EnetTransport *transport, PeerId id)
{
    size_t index = (size_t)(id & 0xFFFF) - 1;
    if (index >= transport->host->peerCount) {
        return NULL;
    }
    const Slot *slot = &transport->slots[index];
    return slot->state != SLOT_FREE && slot->generation == id >> 16 ? &transport->host->peers[index] : NULL;
}

static void take_slot(Slot *slot, SlotState state)
{
    *slot = (Slot){ .state = state, .generation = (uint16_t)(slot->generation + 1) };
}

/* For who is only knocking, or leaving: what ENet gives at every disconnect is longer. */
static void give_little_time(ENetPeer *peer)
{
    enet_peer_timeout(peer, TIMEOUT_LIMIT, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS);
}

static void give_patience(const EnetTransport *transport, ENetPeer *peer)
{
    enet_uint32 most = transport->patience_ms;
    enet_uint32 ping = most / 9; /* ENet's own half second for the usual patience */
    enet_peer_timeout(peer, TIMEOUT_LIMIT, most - most / 3, most);
    enet_peer_ping_interval(peer, ping < PING_MIN_MS ? PING_MIN_MS : ping < PING_MAX_MS ? ping : PING_MAX_MS);
}

/* ---- datagrams that belong to no connection ---- */

static bool is_connect_request(const ENetHost *host)
{
    const size_t header = 4;
    return host->receivedDataLength >= header + sizeof(ENetProtocolConnect) &&
           (host->receivedData[header] & ENET_PROTOCOL_COMMAND_MASK) == ENET_PROTOCOL_COMMAND_CONNECT;
}

static bool is_stray(const EnetTransport *transport)
{
    const ENetHost *host = transport->host;
    /* No answer can be sent there, and ENet would stop serving everyone when sending fails. */
    if (host->receivedAddress.port == 0 || host->receivedAddress.host == ENET_HOST_ANY ||
        host->receivedAddress.host == ENET_HOST_BROADCAST || host->receivedDataLength < 4) {
        return true;
    }
    unsigned id =
        (unsigned)(host->receivedData[0] << 8 | host->receivedData[1]) & ENET_PROTOCOL_MAXIMUM_PEER_ID;
    if (id == ENET_PROTOCOL_MAXIMUM_PEER_ID) {
        return !transport->server || !is_connect_request(host);
    }
    if (id >= host->peerCount) {
        return true;
    }
    const ENetPeer *peer = &host->peers[id];
    return peer->state == ENET_PEER_STATE_DISCONNECTED || peer->state == ENET_PEER_STATE_ZOMBIE ||
           peer->address.host != host->receivedAddress.host ||
           peer->address.port != host->receivedAddress.port;
}

/* Neither connected nor of use to anyone any more: half-open in ENet's own handshake, or ending. */
static bool may_give_way(const EnetTransport *transport, size_t index)
{
    return transport->host->peers[index].state == ENET_PEER_STATE_ACKNOWLEDGING_CONNECT ||
           transport->slots[index].state == SLOT_LEAVING;
}

/* Someone knocks. Whoever gets the slot must not hold it half-open for ENet's default of 30 s; and where all
 * are taken, one that may gives way, in turn, so that the oldest goes: however many knock without ever coming
 * in, who answers within the time that it takes to go round does. */
static void make_room(EnetTransport *transport)
{
    ENetHost *host = transport->host;
    bool room = false;
    for (size_t i = 0; i < host->peerCount; i++) {
        if (host->peers[i].state == ENET_PEER_STATE_DISCONNECTED) {
            give_little_time(&host->peers[i]);
            room = true;
        }
    }
    for (size_t tried = 0; !room && tried < host->peerCount; tried++) {
        size_t index = transport->next_victim;
        transport->next_victim = (index + 1) % host->peerCount;
        if (may_give_way(transport, index)) {
            enet_peer_reset(&host->peers[index]);
            give_little_time(&host->peers[index]);
            transport->slots[index].state = SLOT_FREE;
            transport->totals.displaced++;
            room = true;
        }
    }
}

/* Sees every datagram before ENet does. Returns 1 to drop it. */
static int ENET_CALLBACK intercept(ENetHost *host, ENetEvent *event)
{
    (void)event;
    EnetTransport *transport = host->peers[0].data; /* the host itself has no place for a context */
    transport->looked_at++;
    if (is_stray(transport)) {
        transport->totals.strays++;
        return 1;
    }
    unsigned id =
        (unsigned)(host->receivedData[0] << 8 | host->receivedData[1]) & ENET_PROTOCOL_MAXIMUM_PEER_ID;
    if (id == ENET_PROTOCOL_MAXIMUM_PEER_ID) {
        make_room(transport);
        return 0;
    }
    Slot *slot = &transport->slots[id];
    ENetPeer *peer = &host->peers[id];
    slot->stats.bytes_received += host->receivedDataLength;
    /* Only where the layer above knows of the connection: what comes before CONNECTED waits in ENet's queue.
     */
    bool open = slot->state == SLOT_CONNECTED && peer->state == ENET_PEER_STATE_CONNECTED;
    return open && direct_enet_take(transport->direct, peer, peer_id(transport, peer)) ? 1 : 0;
}

/* A send failed: most likely a forged address that nothing can be sent to. Those who have not completed the
 * handshake go, so that they cannot hold up everyone else. */
static void drop_half_open(EnetTransport *transport)
{
    for (size_t i = 0; i < transport->host->peerCount; i++) {
        ENetPeer *peer = &transport->host->peers[i];
        if (peer->state == ENET_PEER_STATE_ACKNOWLEDGING_CONNECT) {
            enet_peer_reset(peer);
        }
    }
}

/* ---- operations ---- */

/* Looks `name` up, once: who connects again does so because the network is out, and then a resolver may hold
 * us up for many seconds. */
static bool find_host(EnetTransport *transport, const char *name)
{
    if (transport->found_name[0] != '\0' && strcmp(transport->found_name, name) == 0) {
        return true;
    }
    transport->found_name[0] = '\0';
    if (enet_address_set_host(&transport->found, name) != 0) {
        return false;
    }
    snprintf(transport->found_name, sizeof transport->found_name, "%s", name);
    return true;
}

static Status enet_connect_to(void *context, const char *host_name, uint16_t port, uint32_t data,
                              PeerId *out_peer, Diag *diag)
{
    EnetTransport *transport = context;
    if (!find_host(transport, host_name)) {
        return diag_set(diag, STATUS_NOT_FOUND, host_name, 0, "no such host");
    }
    ENetAddress address = { .host = transport->found.host, .port = port };
    ENetPeer *peer = enet_host_connect(transport->host, &address, TRANSPORT_CHANNELS, data);
    if (!peer) {
        return diag_set(diag, STATUS_CAPACITY, host_name, 0, "no free connection");
    }
    give_little_time(peer);
    take_slot(slot_of(transport, peer), SLOT_CONNECTING);
    *out_peer = peer_id(transport, peer);
    return STATUS_OK;
}

/* Lets ENet send what is due and read from the socket. With `event` NULL what it has to say waits in it. */
static int service(EnetTransport *transport, ENetEvent *event)
{
    transport->looked_at = transport->sent_blindly = 0;
    direct_enet_flush(transport->direct);
    int result = enet_host_service(transport->host, event, 0);
    transport->drained = result == 0 && transport->looked_at < RECEIVED_AT_ONCE;
    return result;
}

/* ENet has delivered a reliable packet, or given it up. */
static void ENET_CALLBACK packet_done(ENetPacket *packet)
{
    Slot *slot = packet->userData;
    slot->stats.queued -= slot->stats.queued > 0;
    slot->queued_bytes -= packet->dataLength < slot->queued_bytes ? packet->dataLength : slot->queued_bytes;
}

/* While thousands are sent to, thousands answer: what has come in is taken from the socket now and then. */
static void note_sent(EnetTransport *transport, Slot *slot, size_t size)
{
    slot->stats.packets_sent++;
    slot->stats.bytes_sent += size + COMMAND_OVERHEAD;
    if (++transport->sent_blindly >= transport->most_blindly && !transport->held.any) {
        service(transport, NULL);
        transport->drained = false; /* ENet may have something to say */
    }
}

static Status enet_send(void *context, PeerId id, uint8_t channel, Delivery delivery, Bytes bytes)
{
    EnetTransport *transport = context;
    assert(channel < TRANSPORT_CHANNELS && bytes.size <= PACKET_MAX);
    ENetPeer *peer = find_peer(transport, id);
    Slot *slot = peer ? slot_of(transport, peer) : NULL;
    if (!slot || slot->state != SLOT_CONNECTED || peer->state != ENET_PEER_STATE_CONNECTED) {
        return STATUS_DISCONNECTED;
    }
    bool reliable = delivery == DELIVERY_RELIABLE;
    bool full = reliable && (slot->stats.queued >= QUEUE_PACKETS_MAX ||
                             bytes.size > QUEUE_BYTES_MAX - slot->queued_bytes);
    if (full || bytes.size > PACKET_MAX || channel >= TRANSPORT_CHANNELS) {
        return STATUS_CAPACITY;
    }
    if (!reliable && direct_enet_send(transport->direct, peer, channel, bytes)) {
        note_sent(transport, slot, bytes.size);
        return STATUS_OK;
    }
    /* Unreliable: no order either (the layers above sort by sequence), and a packet above the datagram size
     * goes as unreliable fragments instead of ENet's default of reliable ones. */
    enet_uint32 flags = reliable ? ENET_PACKET_FLAG_RELIABLE
                                 : (enet_uint32)ENET_PACKET_FLAG_UNSEQUENCED |
                                       (enet_uint32)ENET_PACKET_FLAG_UNRELIABLE_FRAGMENT;
    ENetPacket *packet = enet_packet_create(bytes.data, bytes.size, flags);
    if (!packet) {
        return STATUS_OUT_OF_MEMORY;
    }
    if (enet_peer_send(peer, channel, packet) != 0) {
        enet_packet_destroy(packet);
        return STATUS_OUT_OF_MEMORY;
    }
    if (reliable) {
        packet->userData = slot;
        packet->freeCallback = packet_done;
        slot->stats.queued++;
        slot->queued_bytes += bytes.size;
    }
    note_sent(transport, slot, bytes.size);
    return STATUS_OK;
}

/* Turns what ENet reports into an event of ours; false when the caller need not know. */
static bool translate(EnetTransport *transport, ENetEvent *event, TimeNs now, TransportEvent *out_event)
{
    if (event->type == ENET_EVENT_TYPE_NONE) {
        return false; /* such an event names no peer */
    }
    ENetPeer *peer = event->peer;
    Slot *slot = slot_of(transport, peer);
    bool incoming = slot->state == SLOT_FREE;
    PeerId id = 0;
    switch (event->type) {
    case ENET_EVENT_TYPE_CONNECT:
        if (incoming && (!transport->server || peer->channelCount < TRANSPORT_CHANNELS)) {
            transport->totals.strays++;
            enet_peer_reset(peer); /* not one of ours: it could not receive what we send */
            return false;
        }
        if (incoming) {
            take_slot(slot, SLOT_CONNECTED);
        }
        slot->state = SLOT_CONNECTED;
        give_patience(transport, peer);
        /* Never drop unreliable packets because the round trip varies: how much to send is decided above. */
        enet_peer_throttle_configure(peer, ENET_PEER_PACKET_THROTTLE_INTERVAL,
                                     ENET_PEER_PACKET_THROTTLE_SCALE, 0);
        *out_event = (TransportEvent){ .type = TRANSPORT_CONNECTED, .data = incoming ? event->data : 0 };
        break;
    case ENET_EVENT_TYPE_DISCONNECT:
        id = peer_id(transport, peer);
        bool silent = slot->state == SLOT_LEAVING || slot->state == SLOT_FREE;
        slot->state = SLOT_FREE;
        if (silent) {
            return false;
        }
        *out_event = (TransportEvent){ .type = TRANSPORT_DISCONNECTED, .data = event->data };
        break;
    case ENET_EVENT_TYPE_RECEIVE:
        transport->current = event->packet;
        if (slot->state != SLOT_CONNECTED) {
            return false;
        }
        slot->stats.packets_received++;
        *out_event = (TransportEvent){ .type = TRANSPORT_RECEIVED,
                                       .channel = event->channelID,
                                       .bytes = bytes_of(event->packet->data, event->packet->dataLength) };
        break;
    case ENET_EVENT_TYPE_NONE:
        return false;
    }
    out_event->peer = id ? id : peer_id(transport, peer);
    out_event->received = now;
    return true;
}

static void release_current(EnetTransport *transport)
{
    if (transport->current) {
        enet_packet_destroy(transport->current);
        transport->current = NULL;
    }
}

/* ENet's counters are 32 bits wide and may be reset. */
static void collect_totals(EnetTransport *transport)
{
    ENetHost *host = transport->host;
    transport->totals.bytes_sent += host->totalSentData;
    transport->totals.bytes_received += host->totalReceivedData;
    transport->totals.packets_sent += host->totalSentPackets;
    transport->totals.packets_received += host->totalReceivedPackets;
    host->totalSentData = host->totalReceivedData = host->totalSentPackets = host->totalReceivedPackets = 0;
}

/* The next packet that came the short way, of a connection that still is. */
static bool next_direct(EnetTransport *transport, TimeNs now, TransportEvent *out_event)
{
    DirectPacket packet;
    while (direct_enet_next(transport->direct, &packet)) {
        const ENetPeer *peer = find_peer(transport, packet.peer);
        Slot *slot = peer != NULL ? slot_of(transport, peer) : NULL;
        if (slot != NULL && slot->state == SLOT_CONNECTED) {
            slot->stats.packets_received++;
            *out_event = (TransportEvent){ .type = TRANSPORT_RECEIVED,
                                           .peer = packet.peer,
                                           .channel = packet.channel,
                                           .bytes = packet.bytes,
                                           .received = now };
            return true;
        }
    }
    return false;
}

static Status enet_poll(void *context, TimeNs now, TransportEvent *out_event)
{
    EnetTransport *transport = context;
    for (;;) {
        release_current(transport);
        if (next_direct(transport, now, out_event)) {
            return STATUS_OK;
        }
        Reported *held = &transport->held;
        if (!held->any) {
            bool drained = transport->drained;
            transport->drained = false;
            if (drained) {
                return STATUS_EMPTY;
            }
            held->any = true;
            held->event = (ENetEvent){ .type = ENET_EVENT_TYPE_NONE };
            held->result = service(transport, &held->event);
            collect_totals(transport);
            continue; /* first what came the short way before that */
        }
        held->any = false;
        if (held->result < 0) {
            drop_half_open(transport);
            return STATUS_IO_ERROR;
        }
        if (held->result > 0 && translate(transport, &held->event, now, out_event)) {
            return STATUS_OK;
        }
    }
}

static void enet_flush(void *context, TimeNs now)
{
    (void)now;
    EnetTransport *transport = context;
    direct_enet_flush(transport->direct);
    enet_host_flush(transport->host);
    collect_totals(transport);
}

static int enet_wake_fd(const void *context)
{
    const EnetTransport *transport = context;
    return transport->host->socket;
}

static void enet_disconnect(void *context, PeerId id, uint32_t reason)
{
    EnetTransport *transport = context;
    ENetPeer *peer = find_peer(transport, id);
    Slot *slot = peer ? slot_of(transport, peer) : NULL;
    if (!slot || slot->state == SLOT_LEAVING) {
        return;
    }
    if (slot->state == SLOT_CONNECTING) {
        enet_peer_reset(peer);
        slot->state = SLOT_FREE;
        return;
    }
    slot->state = SLOT_LEAVING;
    give_little_time(peer);
    enet_peer_disconnect_later(peer, reason);
}

static Status enet_stats(const void *context, PeerId id, TransportStats *out_stats)
{
    const EnetTransport *transport = context;
    if (id == 0) {
        *out_stats = transport->totals;
        for (size_t i = 0; i < transport->host->peerCount; i++) {
            out_stats->queued += transport->slots[i].stats.queued;
        }
        return STATUS_OK;
    }
    const ENetPeer *peer = find_peer(transport, id);
    if (!peer) {
        return STATUS_DISCONNECTED;
    }
    *out_stats = slot_of(transport, peer)->stats;
    out_stats->round_trip_ms = (double)peer->roundTripTime;
    out_stats->loss = (double)peer->packetLoss / ENET_PEER_PACKET_LOSS_SCALE;
    return STATUS_OK;
}

static Status enet_address(const void *context, PeerId id, char *out, size_t size)
{
    const EnetTransport *transport = context;
    const ENetPeer *peer = find_peer(transport, id);
    char ip[64];
    if (!peer) {
        return STATUS_DISCONNECTED;
    }
    if (enet_address_get_host_ip(&peer->address, ip, sizeof ip) != 0) {
        snprintf(ip, sizeof ip, "?");
    }
    snprintf(out, size, "%s:%u", ip, peer->address.port);
    return STATUS_OK;
}

static bool anyone_leaving(const EnetTransport *transport)
{
    for (size_t i = 0; i < transport->host->peerCount; i++) {
        if (transport->slots[i].state == SLOT_LEAVING) {
            return true;
        }
    }
    return false;
}

/* Gives peers that are being disconnected a moment to get what is queued for them. */
static void linger(EnetTransport *transport)
{
    enet_uint32 start = enet_time_get();
    while (anyone_leaving(transport) && enet_time_get() - start < LINGER_MS) {
        ENetEvent event = { .type = ENET_EVENT_TYPE_NONE };
        TransportEvent unused;
        int result = enet_host_service(transport->host, &event, 10);
        if (result < 0) {
            return;
        }
        if (result > 0) { /* else there is no event, and no peer in it */
            (void)translate(transport, &event, 0, &unused);
            release_current(transport);
        }
    }
}

static void enet_destroy(void *context)
{
    EnetTransport *transport = context;
    release_current(transport);
    if (transport->held.any && transport->held.event.type == ENET_EVENT_TYPE_RECEIVE) {
        enet_packet_destroy(transport->held.event.packet);
    }
    direct_enet_flush(transport->direct);
    enet_host_flush(transport->host);
    linger(transport);
    for (size_t i = 0; i < transport->host->peerCount; i++) {
        if (transport->slots[i].state != SLOT_FREE) {
            enet_peer_disconnect_now(&transport->host->peers[i], 0);
        }
    }
    enet_host_destroy(transport->host);
    direct_enet_destroy(transport->direct);
    free(transport->slots);
    free(transport);
    enet_deinitialize();
}

/* ---- creation ---- */

static Status bind_address(const EnetConfig *config, ENetAddress *out_address, Diag *diag)
{
    const char *name = config->bind_address ? config->bind_address : "127.0.0.1";
    *out_address = (ENetAddress){ .port = config->port };
    if (enet_address_set_host(out_address, name) != 0) {
        return diag_set(diag, STATUS_NOT_FOUND, name, 0, "no such address to listen on");
    }
    return STATUS_OK;
}

static Status host_error(const EnetConfig *config, int error, Diag *diag)
{
    const char *name = config->bind_address ? config->bind_address : "127.0.0.1";
    if (error == EADDRINUSE) {
        return diag_set(diag, STATUS_ADDRESS_IN_USE, name, 0, "UDP port %u is in use by another program",
                        config->port);
    }
    if (error == EADDRNOTAVAIL) {
        return diag_set(diag, STATUS_NOT_FOUND, name, 0, "not an address of this machine");
    }
    return diag_set(diag, STATUS_IO_ERROR, config->server ? name : "", 0, "cannot open a UDP socket: %s",
                    error ? strerror(error) : "out of memory");
}

/* How many connections one address may have: on the loopback interface all clients share one; from outside no
 * single address can take more than half the places. */
static size_t duplicate_limit(const ENetAddress *bound, size_t peers)
{
    bool loopback = (ENET_NET_TO_HOST_32(bound->host) >> 24) == 127;
    return loopback || peers < 8 ? peers : peers / 2;
}

static Status create_host(const EnetConfig *config, ENetHost **out_host, Diag *diag)
{
    ENetAddress address;
    size_t peers = config->peers ? config->peers : config->server ? 64 : 1;
    if (peers > ENET_PROTOCOL_MAXIMUM_PEER_ID) {
        return diag_set(diag, STATUS_CAPACITY, "", 0, "%zu connections wanted, the limit is %d", peers,
                        ENET_PROTOCOL_MAXIMUM_PEER_ID);
    }
    if (config->server) {
        Status status = bind_address(config, &address, diag);
        if (status != STATUS_OK) {
            return status;
        }
    }
    errno = 0;
    ENetHost *host = enet_host_create(config->server ? &address : NULL, peers, TRANSPORT_CHANNELS, 0, 0);
    if (!host) {
        return host_error(config, errno, diag);
    }
    host->maximumPacketSize = PACKET_MAX;
    host->maximumWaitingData = WAITING_BYTES_MAX;
    if (config->server) {
        host->maximumWaitingData = WAITING_BYTES_SERVER;
        host->duplicatePeers = duplicate_limit(&address, peers);
    }
    if (config->server || peers > 1) {
        /* The kernel may grant less; then bursts are lost as on any network. */
        (void)enet_socket_set_option(host->socket, ENET_SOCKOPT_RCVBUF, SOCKET_BUFFER);
        (void)enet_socket_set_option(host->socket, ENET_SOCKOPT_SNDBUF, SOCKET_BUFFER);
    }
    *out_host = host;
    return STATUS_OK;
}

Status transport_enet_create(const EnetConfig *config, Transport *out_transport, uint16_t *out_port,
                             Diag *diag)
{
    static const TransportOps ops = { .connect = enet_connect_to,
                                      .send = enet_send,
                                      .poll = enet_poll,
                                      .flush = enet_flush,
                                      .wake_fd = enet_wake_fd,
                                      .disconnect = enet_disconnect,
                                      .stats = enet_stats,
                                      .address = enet_address,
                                      .destroy = enet_destroy };
    if (enet_initialize() != 0) {
        return diag_set(diag, STATUS_IO_ERROR, "", 0, "cannot start the network library");
    }
    ENetHost *host = NULL;
    Status status = create_host(config, &host, diag);
    if (host == NULL) {
        goto deinitialize;
    }
    EnetTransport *transport = calloc(1, sizeof *transport);
    Slot *slots = calloc(host->peerCount, sizeof *slots);
    DirectEnet *direct = NULL;
    if (!transport || !slots || direct_enet_create(host, &direct) != STATUS_OK) {
        status = diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "out of memory");
        goto destroy_host;
    }
    TimeNs patience = config->patience > 0 ? config->patience : TIMEOUT_MAX_MS * TIME_MS;
    *transport = (EnetTransport){ .host = host,
                                  .slots = slots,
                                  .direct = direct,
                                  .most_blindly = direct_enet_room(host) / 2,
                                  .server = config->server,
                                  .patience_ms = (enet_uint32)(patience / TIME_MS) };
    host->peers[0].data = transport;
    host->intercept = intercept;
    if (out_port) {
        *out_port = host->address.port;
    }
    *out_transport = (Transport){ .ops = &ops, .context = transport };
    return STATUS_OK;

destroy_host:
    free(slots);
    free(transport);
    enet_host_destroy(host);
deinitialize:
    enet_deinitialize();
    return status;
}
