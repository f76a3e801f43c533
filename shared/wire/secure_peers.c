#include "shared/wire/secure_state.h"

#include <stdlib.h>

/* ---- lists ---- */

static PeerLink *link_of(SecureTransport *transport, const PeerList *list, SecurePeer *peer)
{
    return list == &transport->half_open ? &peer->half_open : &peer->waiting;
}

void secure_list_append(SecureTransport *transport, PeerList *list, SecurePeer *peer)
{
    *link_of(transport, list, peer) = (PeerLink){ .previous = list->last };
    *(list->last ? &link_of(transport, list, list->last)->next : &list->first) = peer;
    list->last = peer;
}

void secure_list_remove(SecureTransport *transport, PeerList *list, SecurePeer *peer)
{
    PeerLink *link = link_of(transport, list, peer);
    if (!link->previous && list->first != peer) {
        return; /* not in it */
    }
    *(link->previous ? &link_of(transport, list, link->previous)->next : &list->first) = link->next;
    *(link->next ? &link_of(transport, list, link->next)->previous : &list->last) = link->previous;
    *link = (PeerLink){ 0 };
}

/* ---- peers ---- */

SecurePeer *secure_peer_find(const SecureTransport *transport, PeerId id)
{
    size_t slot = id & 0xFFFF;
    SecurePeer *peer = slot < transport->peer_slots ? transport->peers[slot] : NULL;
    return peer && peer->id == id ? peer : NULL;
}

void secure_peer_forget(SecureTransport *transport, SecurePeer *peer)
{
    secure_list_remove(transport, &transport->half_open, peer);
    secure_list_remove(transport, &transport->waiting, peer);
    if (peer->phase == PEER_WAITING) {
        transport->counters.waiting--;
    }
    if (peer->incoming) {
        admission_leave(transport->admission, peer->bucket, peer->phase != PEER_OPEN);
    }
    if (peer->channel) {
        secure_channel_finish(peer->channel);
        free(peer->channel);
    }
    if (transport->held.peer == peer->id) {
        transport->held.peer = 0;
    }
    transport->peers[peer->id & 0xFFFF] = NULL;
    free(peer->name);
    free(peer);
}

SecurePeer *secure_peer_remember(SecureTransport *transport, PeerId id)
{
    size_t slot = id & 0xFFFF;
    if (slot >= transport->peer_slots) {
        size_t count = transport->peer_slots ? transport->peer_slots : 4;
        while (count <= slot) {
            count *= 2;
        }
        SecurePeer **peers = realloc(transport->peers, count * sizeof *peers);
        if (!peers) {
            return NULL;
        }
        memset(peers + transport->peer_slots, 0, (count - transport->peer_slots) * sizeof *peers);
        transport->peers = peers;
        transport->peer_slots = count;
    }
    if (transport->peers[slot]) {
        secure_peer_forget(transport, transport->peers[slot]); /* its end was not reported */
    }
    SecurePeer *peer = calloc(1, sizeof *peer);
    if (peer) {
        peer->id = id;
        transport->peers[slot] = peer;
    }
    return peer;
}

/* Ends the connection. Fills the event and returns true when the layer above knows the peer. */
bool secure_peer_give_up(SecureTransport *transport, SecurePeer *peer, RejectCode reason,
                         TransportEvent *out_event)
{
    bool known = !peer->incoming || peer->phase == PEER_OPEN;
    PeerId id = peer->id;
    secure_peer_forget(transport, peer);
    transport_disconnect(transport->inner, id, (uint32_t)reason);
    if (known) {
        *out_event = (TransportEvent){
            .type = TRANSPORT_DISCONNECTED, .peer = id, .data = (uint32_t)reason, .received = transport->now
        };
    }
    return known;
}
