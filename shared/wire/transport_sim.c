#include "shared/wire/transport_sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS_MAX      4095u
#define QUEUE_MAX      65536u /* reliable packets a peer may have on the way */
#define TIMEOUT        (5 * TIME_SECOND)
#define RETRANSMIT_MIN (50 * TIME_MS)
#define RETRIES_MAX    32
#define PACKET_MAX     ((size_t)1 << 20)

typedef enum PacketKind { PACKET_CONNECT, PACKET_ACCEPT, PACKET_DATA, PACKET_DISCONNECT } PacketKind;

/* Where a packet comes from and goes to. Hosts are numbered and never reused, so a packet on the way may
 * outlive both its ends. */
typedef struct Route {
    uint32_t from_host, to_host;
    PeerId from_peer, to_peer; /* each side's own name for the connection; to_peer 0: none yet (CONNECT) */
} Route;

typedef struct Packet Packet;
struct Packet {
    Packet *previous, *next;
    PacketKind kind;
    Delivery delivery;
    uint8_t channel;
    uint32_t data;
    Route route;
    TimeNs deliver_at;
    size_t size;
    uint8_t bytes[];
};

typedef struct PacketList {
    Packet *first, *last;
} PacketList;

typedef enum SlotState { SLOT_FREE, SLOT_CONNECTING, SLOT_CONNECTED, SLOT_LEAVING } SlotState;

/* One connection, seen from one end. */
typedef struct Slot {
    SlotState state;
    bool severed; /* nothing passes */
    uint16_t generation;
    uint32_t remote_host;
    PeerId remote_peer;
    TimeNs heard;                              /* TIME_NONE until the first poll */
    TimeNs reliable_until[TRANSPORT_CHANNELS]; /* newest delivery so far, for order */
    TimeNs until;                              /* newest delivery of anything */
    uint64_t lost;
    TransportStats stats;
} Slot;

typedef struct SimHost {
    SimNetwork *network;
    uint32_t index;
    uint16_t port; /* 0: does not listen */
    Slot *slots;
    uint32_t slot_count;
    PacketList outbox; /* in the order sent; goes on its way at the next poll or flush */
    PacketList inbox;  /* by deliver_at, then in the order sent */
    Packet *current;   /* its bytes are in the last event */
    TimeNs polled;     /* last poll or flush */
    TransportStats totals;
} SimHost;

struct SimNetwork {
    Random random;
    SimLink link;
    bool cut;
    TimeNs patience;
    SimHost **hosts; /* NULL where one was destroyed */
    uint32_t host_count;
};

/* ---- lists of packets ---- */

static void list_insert_after(PacketList *list, Packet *place, Packet *packet)
{
    packet->previous = place;
    packet->next = place ? place->next : list->first;
    *(packet->next ? &packet->next->previous : &list->last) = packet;
    *(place ? &place->next : &list->first) = packet;
}

static void list_remove(PacketList *list, Packet *packet)
{
    *(packet->previous ? &packet->previous->next : &list->first) = packet->next;
    *(packet->next ? &packet->next->previous : &list->last) = packet->previous;
    packet->previous = packet->next = NULL;
}

/* The list's first packet, out of it, or NULL. */
static Packet *list_pop(PacketList *list)
{
    Packet *packet = list->first;
    if (packet) {
        list->first = packet->next;
        *(list->first ? &list->first->previous : &list->last) = NULL;
        packet->next = NULL;
    }
    return packet;
}

static void list_free(PacketList *list)
{
    for (Packet *packet = list_pop(list); packet; packet = list_pop(list)) {
        free(packet);
    }
}

static void inbox_add(SimHost *host, Packet *packet)
{
    Packet *place = host->inbox.last;
    while (place && place->deliver_at > packet->deliver_at) {
        place = place->previous;
    }
    list_insert_after(&host->inbox, place, packet);
}

/* ---- slots ---- */

static PeerId peer_id(const SimHost *host, const Slot *slot)
{
    return (PeerId)slot->generation << 16 | ((uint32_t)(slot - host->slots) + 1);
}

/* The slot that `peer` names, in any state but free, or NULL. */
static Slot *find_slot(const SimHost *host, PeerId peer)
{
    uint32_t index = (peer & 0xFFFF) - 1;
    if (index >= host->slot_count) {
        return NULL;
    }
    Slot *slot = &host->slots[index];
    return slot->state != SLOT_FREE && slot->generation == peer >> 16 ? slot : NULL;
}

static void free_slot(Slot *slot)
{
    *slot = (Slot){ .generation = (uint16_t)(slot->generation + 1) };
}

static Slot *take_slot(SimHost *host)
{
    for (uint32_t i = 0; i < host->slot_count; i++) {
        if (host->slots[i].state == SLOT_FREE) {
            host->slots[i].heard = TIME_NONE;
            return &host->slots[i];
        }
    }
    uint32_t count = host->slot_count ? host->slot_count * 2 : 4;
    count = count > SLOTS_MAX ? SLOTS_MAX : count;
    Slot *slots = count > host->slot_count ? realloc(host->slots, count * sizeof *slots) : NULL;
    if (!slots) {
        return NULL;
    }
    for (uint32_t i = host->slot_count; i < count; i++) {
        slots[i] = (Slot){ .generation = 1 };
    }
    Slot *taken = &slots[host->slot_count];
    host->slots = slots;
    host->slot_count = count;
    taken->heard = TIME_NONE;
    return taken;
}

static SimHost *host_at(const SimNetwork *network, uint32_t index)
{
    return index < network->host_count ? network->hosts[index] : NULL;
}

/* ---- sending ---- */

static Status queue_packet(SimHost *host, PacketKind kind, Route route, Packet shape, Bytes bytes)
{
    Packet *packet = malloc(sizeof *packet + bytes.size);
    if (!packet) {
        return STATUS_OUT_OF_MEMORY;
    }
    *packet = shape;
    packet->kind = kind;
    packet->route = route;
    packet->size = bytes.size;
    if (bytes.size > 0) {
        memcpy(packet->bytes, bytes.data, bytes.size);
    }
    list_insert_after(&host->outbox, host->outbox.last, packet);
    return STATUS_OK;
}

static TimeNs one_way_delay(SimNetwork *network)
{
    const SimLink *link = &network->link;
    TimeNs delay = link->latency + (TimeNs)((double)link->jitter * random_unit(&network->random));
    return random_unit(&network->random) < link->reorder ? delay + link->latency : delay;
}

/* A reliable packet: every loss costs one time-out; order is kept by never overtaking. */
static TimeNs reliable_arrival(SimNetwork *network, Slot *slot, const Packet *packet, TimeNs now)
{
    TimeNs retransmit = 2 * network->link.latency + 2 * network->link.jitter;
    retransmit = retransmit < RETRANSMIT_MIN ? RETRANSMIT_MIN : retransmit;
    TimeNs at = now + one_way_delay(network);
    for (int i = 0; i < RETRIES_MAX && random_unit(&network->random) < network->link.loss; i++) {
        at += retransmit;
    }
    if (!slot) {
        return at;
    }
    bool all = packet->kind != PACKET_DATA; /* CONNECT and ACCEPT precede, DISCONNECT follows everything */
    TimeNs floor = all ? slot->until : slot->reliable_until[packet->channel];
    at = at < floor ? floor : at;
    for (unsigned i = 0; i < TRANSPORT_CHANNELS; i++) {
        if (all || i == packet->channel) {
            slot->reliable_until[i] = at;
        }
    }
    return at;
}

/* Whether packets of `route` are lost for good: one of its ends has another address by now. */
static bool is_severed(const SimNetwork *network, const Route *route)
{
    const SimHost *from = host_at(network, route->from_host), *to = host_at(network, route->to_host);
    const Slot *sender = from ? find_slot(from, route->from_peer) : NULL;
    const Slot *receiver = to ? find_slot(to, route->to_peer) : NULL;
    return (sender && sender->severed) || (receiver && receiver->severed);
}

/* Puts `packet` on its way, or frees it. */
static void deliver(SimNetwork *network, Slot *slot, Packet *packet, TimeNs at)
{
    SimHost *target = host_at(network, packet->route.to_host);
    if (slot && slot->until < at) {
        slot->until = at;
    }
    if (!target) {
        free(packet);
        return;
    }
    packet->deliver_at = at;
    inbox_add(target, packet);
}

static void count_sent(SimHost *host, Slot *slot, const Packet *packet)
{
    host->totals.packets_sent++;
    host->totals.bytes_sent += packet->size;
    if (slot && packet->kind == PACKET_DATA) {
        slot->stats.packets_sent++;
        slot->stats.bytes_sent += packet->size;
    }
}

static void send_unreliable(SimHost *host, Slot *slot, Packet *packet, TimeNs now)
{
    SimNetwork *network = host->network;
    bool lost = random_unit(&network->random) < network->link.loss;
    bool twice = random_unit(&network->random) < network->link.duplication;
    Packet *copy = twice ? malloc(sizeof *copy + packet->size) : NULL;
    if (copy) {
        memcpy(copy, packet, sizeof *copy + packet->size);
        copy->previous = copy->next = NULL;
        deliver(network, slot, copy, now + one_way_delay(network));
    }
    if (!lost) {
        deliver(network, slot, packet, now + one_way_delay(network));
        return;
    }
    if (slot) {
        slot->lost++;
    }
    free(packet);
}

/* Everything sent since the last poll or flush goes on its way at `now`. While the cable is out, reliable
 * packets wait for it. */
static void send_outbox(SimHost *host, TimeNs now)
{
    Packet *next = NULL;
    for (Packet *packet = host->outbox.first; packet; packet = next) {
        next = packet->next;
        Slot *slot = find_slot(host, packet->route.from_peer);
        if (host->network->cut && packet->delivery == DELIVERY_RELIABLE) {
            continue;
        }
        list_remove(&host->outbox, packet);
        count_sent(host, slot, packet);
        if (host->network->cut || is_severed(host->network, &packet->route)) {
            if (packet->kind == PACKET_DISCONNECT && slot) {
                free_slot(slot);
            }
            free(packet);
        } else if (packet->delivery == DELIVERY_UNRELIABLE) {
            send_unreliable(host, slot, packet, now);
        } else {
            bool last = packet->kind == PACKET_DISCONNECT;
            deliver(host->network, slot, packet, reliable_arrival(host->network, slot, packet, now));
            if (last && slot) {
                free_slot(slot);
            }
        }
    }
    host->polled = now;
}

/* ---- receiving ---- */

/* True when the other end of `slot` still knows it and is being served; its pings are then heard. */
static bool hears(const SimHost *host, const Slot *slot, TimeNs *out_when)
{
    const SimHost *remote = host_at(host->network, slot->remote_host);
    const Slot *other = remote ? find_slot(remote, slot->remote_peer) : NULL;
    if (host->network->cut || host->network->link.loss >= 1 || !other ||
        other->remote_peer != peer_id(host, slot) || slot->severed || other->severed) {
        return false;
    }
    *out_when = remote->polled;
    return true;
}

/* The next connection that has heard nothing for too long, as an event. */
static bool poll_timeouts(SimHost *host, TimeNs now, TransportEvent *out_event)
{
    for (uint32_t i = 0; i < host->slot_count; i++) {
        Slot *slot = &host->slots[i];
        TimeNs when = 0;
        if (slot->state == SLOT_FREE) {
            continue;
        }
        if (slot->heard == TIME_NONE) {
            slot->heard = now;
        }
        if (slot->state == SLOT_CONNECTED && hears(host, slot, &when) && when > slot->heard) {
            slot->heard = when;
        }
        if (now - slot->heard <= host->network->patience) {
            continue;
        }
        bool silent = slot->state == SLOT_LEAVING;
        PeerId peer = peer_id(host, slot);
        free_slot(slot);
        if (!silent) {
            *out_event = (TransportEvent){ .type = TRANSPORT_DISCONNECTED, .peer = peer, .received = now };
            return true;
        }
    }
    return false;
}

/* Tells the other side that there is no such connection here. */
static void refuse(SimHost *host, const Packet *packet)
{
    Route route = { host->index, packet->route.from_host, packet->route.to_peer, packet->route.from_peer };
    /* Out of memory: the other side then times out instead. */
    (void)!queue_packet(host, PACKET_DISCONNECT, route, (Packet){ 0 }, (Bytes){ 0 });
}

static bool take_connect(SimHost *host, const Packet *packet, TransportEvent *out_event)
{
    Slot *slot = take_slot(host);
    if (!slot) {
        refuse(host, packet);
        return false;
    }
    slot->state = SLOT_CONNECTED;
    slot->remote_host = packet->route.from_host;
    slot->remote_peer = packet->route.from_peer;
    slot->heard = packet->deliver_at;
    PeerId peer = peer_id(host, slot);
    Route route = { host->index, packet->route.from_host, peer, packet->route.from_peer };
    if (queue_packet(host, PACKET_ACCEPT, route, (Packet){ 0 }, (Bytes){ 0 }) != STATUS_OK) {
        free_slot(slot);
        return false;
    }
    *out_event = (TransportEvent){
        .type = TRANSPORT_CONNECTED, .peer = peer, .data = packet->data, .received = packet->deliver_at
    };
    return true;
}

static bool take_accept(SimHost *host, const Packet *packet, TransportEvent *out_event)
{
    Slot *slot = find_slot(host, packet->route.to_peer);
    if (!slot || slot->state != SLOT_CONNECTING) {
        refuse(host, packet);
        return false;
    }
    slot->state = SLOT_CONNECTED;
    slot->remote_peer = packet->route.from_peer;
    slot->heard = packet->deliver_at;
    *out_event = (TransportEvent){ .type = TRANSPORT_CONNECTED,
                                   .peer = packet->route.to_peer,
                                   .received = packet->deliver_at };
    return true;
}

/* A reliable packet has arrived: it no longer counts as queued where it came from. */
static void acknowledge(SimHost *host, const Packet *packet)
{
    SimHost *sender = host_at(host->network, packet->route.from_host);
    Slot *slot = sender ? find_slot(sender, packet->route.from_peer) : NULL;
    if (slot && slot->stats.queued > 0) {
        slot->stats.queued--;
    }
}

static bool take_data(SimHost *host, const Packet *packet, TransportEvent *out_event)
{
    if (packet->delivery == DELIVERY_RELIABLE) {
        acknowledge(host, packet);
    }
    Slot *slot = find_slot(host, packet->route.to_peer);
    if (!slot || slot->state != SLOT_CONNECTED || slot->remote_peer != packet->route.from_peer) {
        return false;
    }
    host->totals.packets_received++;
    host->totals.bytes_received += packet->size;
    slot->stats.packets_received++;
    slot->stats.bytes_received += packet->size;
    *out_event = (TransportEvent){ .type = TRANSPORT_RECEIVED,
                                   .peer = packet->route.to_peer,
                                   .channel = packet->channel,
                                   .bytes = bytes_of(packet->bytes, packet->size),
                                   .received = packet->deliver_at };
    return true;
}

static bool take_disconnect(SimHost *host, const Packet *packet, TransportEvent *out_event)
{
    Slot *slot = find_slot(host, packet->route.to_peer);
    bool current = slot && (slot->state == SLOT_CONNECTING || slot->remote_peer == packet->route.from_peer);
    if (!current) {
        return false;
    }
    bool silent = slot->state == SLOT_LEAVING;
    free_slot(slot);
    *out_event = (TransportEvent){ .type = TRANSPORT_DISCONNECTED,
                                   .peer = packet->route.to_peer,
                                   .data = packet->data,
                                   .received = packet->deliver_at };
    return !silent;
}

static bool take_packet(SimHost *host, const Packet *packet, TransportEvent *out_event)
{
    switch (packet->kind) {
    case PACKET_CONNECT:
        return take_connect(host, packet, out_event);
    case PACKET_ACCEPT:
        return take_accept(host, packet, out_event);
    case PACKET_DATA:
        return take_data(host, packet, out_event);
    case PACKET_DISCONNECT:
        return take_disconnect(host, packet, out_event);
    }
    return false;
}

/* ---- operations ---- */

static Status sim_connect(void *context, const char *host_name, uint16_t port, uint32_t data,
                          PeerId *out_peer, Diag *diag)
{
    SimHost *host = context;
    if (strcmp(host_name, "sim") != 0) {
        return diag_set(diag, STATUS_NOT_FOUND, host_name, 0, "no such host in the simulated network");
    }
    Slot *slot = take_slot(host);
    if (!slot) {
        return diag_set(diag, STATUS_CAPACITY, host_name, 0, "no free connection");
    }
    uint32_t target = UINT32_MAX; /* nobody listens: the connection times out */
    for (uint32_t i = 0; i < host->network->host_count; i++) {
        const SimHost *other = host->network->hosts[i];
        if (other && other->port != 0 && other->port == port) {
            target = i;
        }
    }
    PeerId peer = peer_id(host, slot);
    Route route = { host->index, target, peer, 0 };
    Status status = queue_packet(host, PACKET_CONNECT, route, (Packet){ .data = data }, (Bytes){ 0 });
    if (status == STATUS_OK) {
        slot->state = SLOT_CONNECTING;
        slot->remote_host = target;
        *out_peer = peer;
    }
    return status;
}

static Status sim_send(void *context, PeerId peer, uint8_t channel, Delivery delivery, Bytes bytes)
{
    SimHost *host = context;
    Slot *slot = find_slot(host, peer);
    assert(channel < TRANSPORT_CHANNELS && bytes.size <= PACKET_MAX);
    if (!slot || slot->state != SLOT_CONNECTED) {
        return STATUS_DISCONNECTED;
    }
    if (slot->stats.queued >= QUEUE_MAX || bytes.size > PACKET_MAX || channel >= TRANSPORT_CHANNELS) {
        return STATUS_CAPACITY;
    }
    Route route = { host->index, slot->remote_host, peer, slot->remote_peer };
    Packet shape = { .delivery = delivery, .channel = channel };
    Status status = queue_packet(host, PACKET_DATA, route, shape, bytes);
    if (status == STATUS_OK && delivery == DELIVERY_RELIABLE) {
        slot->stats.queued++;
    }
    return status;
}

static Status sim_poll(void *context, TimeNs now, TransportEvent *out_event)
{
    SimHost *host = context;
    free(host->current);
    host->current = NULL;
    send_outbox(host, now);
    if (poll_timeouts(host, now, out_event)) {
        return STATUS_OK;
    }
    while (host->inbox.first && host->inbox.first->deliver_at <= now) {
        Packet *packet = list_pop(&host->inbox);
        if (!is_severed(host->network, &packet->route) && take_packet(host, packet, out_event)) {
            host->current = packet;
            return STATUS_OK;
        }
        free(packet);
    }
    send_outbox(host, now);
    return STATUS_EMPTY;
}

static void sim_flush(void *context, TimeNs now)
{
    send_outbox(context, now);
}

static void sim_disconnect(void *context, PeerId peer, uint32_t reason)
{
    SimHost *host = context;
    Slot *slot = find_slot(host, peer);
    if (!slot || slot->state == SLOT_LEAVING) {
        return;
    }
    if (slot->state == SLOT_CONNECTING) {
        free_slot(slot); /* should the other side accept, it is told that nobody is here */
        return;
    }
    Route route = { host->index, slot->remote_host, peer, slot->remote_peer };
    if (queue_packet(host, PACKET_DISCONNECT, route, (Packet){ .data = reason }, (Bytes){ 0 }) == STATUS_OK) {
        slot->state = SLOT_LEAVING;
    } else {
        free_slot(slot);
    }
}

static Status sim_stats(const void *context, PeerId peer, TransportStats *out_stats)
{
    const SimHost *host = context;
    const Slot *slot = find_slot(host, peer);
    if (peer != 0 && !slot) {
        return STATUS_DISCONNECTED;
    }
    *out_stats = slot ? slot->stats : host->totals;
    const SimLink *link = &host->network->link;
    out_stats->round_trip_ms = (double)(2 * link->latency + link->jitter) / (double)TIME_MS;
    if (slot && slot->stats.packets_sent > 0) {
        out_stats->loss = (double)slot->lost / (double)slot->stats.packets_sent;
    }
    return STATUS_OK;
}

static Status sim_address(const void *context, PeerId peer, char *out, size_t size)
{
    const SimHost *host = context;
    const Slot *slot = find_slot(host, peer);
    if (!slot) {
        return STATUS_DISCONNECTED;
    }
    const SimHost *remote = host_at(host->network, slot->remote_host);
    snprintf(out, size, "sim:%u", remote && remote->port ? remote->port : 49152 + slot->remote_host % 16384);
    return STATUS_OK;
}

static void sim_destroy(void *context)
{
    SimHost *host = context;
    host->network->hosts[host->index] = NULL;
    list_free(&host->outbox);
    list_free(&host->inbox);
    free(host->current);
    free(host->slots);
    free(host);
}

/* ---- network ---- */

Status sim_network_create(uint64_t seed, SimLink link, SimNetwork **out_network)
{
    SimNetwork *network = calloc(1, sizeof *network);
    if (!network) {
        return STATUS_OUT_OF_MEMORY;
    }
    network->random = random_seeded(seed);
    network->link = link;
    network->patience = TIMEOUT;
    *out_network = network;
    return STATUS_OK;
}

void sim_network_destroy(SimNetwork *network)
{
    if (network) {
        free(network->hosts);
        free(network);
    }
}

void sim_network_set_link(SimNetwork *network, SimLink link)
{
    network->link = link;
}

void sim_network_set_patience(SimNetwork *network, TimeNs patience)
{
    network->patience = patience;
}

void sim_network_cut(SimNetwork *network, bool cut)
{
    network->cut = cut;
}

void sim_transport_forge_disconnect(Transport transport, PeerId peer, uint32_t reason)
{
    SimHost *host = transport.context;
    const Slot *slot = find_slot(host, peer);
    Packet *packet = slot ? calloc(1, sizeof *packet) : NULL;
    if (packet) {
        packet->kind = PACKET_DISCONNECT;
        packet->data = reason;
        packet->route = (Route){ UINT32_MAX, host->index, slot->remote_peer, peer };
        packet->deliver_at = host->polled;
        inbox_add(host, packet);
    }
}

void sim_transport_sever(Transport transport)
{
    SimHost *host = transport.context;
    for (uint32_t i = 0; i < host->slot_count; i++) {
        host->slots[i].severed = host->slots[i].state != SLOT_FREE;
    }
}

Status transport_sim_create(SimNetwork *network, uint16_t port, Transport *out_transport)
{
    static const TransportOps ops = { .connect = sim_connect,
                                      .send = sim_send,
                                      .poll = sim_poll,
                                      .flush = sim_flush,
                                      .disconnect = sim_disconnect,
                                      .stats = sim_stats,
                                      .address = sim_address,
                                      .destroy = sim_destroy };
    for (uint32_t i = 0; port != 0 && i < network->host_count; i++) {
        if (network->hosts[i] && network->hosts[i]->port == port) {
            return STATUS_ADDRESS_IN_USE;
        }
    }
    SimHost *host = calloc(1, sizeof *host);
    SimHost **hosts = realloc(network->hosts, (network->host_count + 1) * sizeof(SimHost *));
    network->hosts = hosts ? hosts : network->hosts;
    if (!host || !hosts) {
        free(host);
        return STATUS_OUT_OF_MEMORY;
    }
    *host = (SimHost){ .network = network, .index = network->host_count, .port = port };
    network->hosts[network->host_count++] = host;
    *out_transport = (Transport){ .ops = &ops, .context = host };
    return STATUS_OK;
}
