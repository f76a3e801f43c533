#ifdef __linux__
#define _GNU_SOURCE /* sendmmsg */
#endif
#include "shared/wire/direct_enet.h"

#include <stdlib.h>
#ifdef __linux__
#include <netinet/in.h>
#include <sys/socket.h>
#endif

#define BATCH         64u
#define DATAGRAM_MAX  1400u /* ENet's own default for a datagram */
#define HEADER        2u    /* ENetProtocolHeader without a time */
#define COMMAND       8u    /* ENetProtocolSendUnsequenced */
#define TAKEN_MIN     256u  /* what ENet reads from the socket at once */
#define TAKEN_MAX     8192u
#define TAKEN_AVERAGE 512u /* bytes of room for each; when there are none left ENet takes over */
#define ROOM_MIN      256u
#define ROOM_EACH     1024u /* what a small datagram takes of a socket's buffer, its book-keeping included */

typedef struct Taken {
    PeerId peer;
    uint8_t channel;
    uint16_t size;
    uint32_t offset;
} Taken;

struct DirectEnet {
    ENetHost *host;

    uint8_t (*datagrams)[DATAGRAM_MAX]; /* BATCH of them */
    size_t sizes[BATCH];
    ENetAddress to[BATCH];
    unsigned count;

    Taken *taken;
    uint8_t *bytes;
    uint32_t taken_count, taken_capacity, read;
    uint32_t used, capacity; /* of bytes */
};

Status direct_enet_create(ENetHost *host, DirectEnet **out_direct)
{
    size_t taken = 2 * host->peerCount;
    taken = taken < TAKEN_MIN ? TAKEN_MIN : taken < TAKEN_MAX ? taken : TAKEN_MAX;
    DirectEnet *direct = calloc(1, sizeof *direct);
    if (direct == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    *direct = (DirectEnet){ .host = host,
                            .datagrams = calloc(BATCH, sizeof *direct->datagrams),
                            .taken = calloc(taken, sizeof *direct->taken),
                            .taken_capacity = (uint32_t)taken,
                            .bytes = calloc(taken, TAKEN_AVERAGE),
                            .capacity = (uint32_t)taken * TAKEN_AVERAGE };
    if (direct->datagrams == NULL || direct->taken == NULL || direct->bytes == NULL) {
        direct_enet_destroy(direct);
        return STATUS_OUT_OF_MEMORY;
    }
    *out_direct = direct;
    return STATUS_OK;
}

void direct_enet_destroy(DirectEnet *direct)
{
    if (direct != NULL) {
        free(direct->datagrams);
        free(direct->taken);
        free(direct->bytes);
        free(direct);
    }
}

uint32_t direct_enet_room(const ENetHost *host)
{
    uint32_t room = ROOM_MIN;
#ifdef __linux__
    int bytes = 0;
    socklen_t size = sizeof bytes;
    if (getsockopt(host->socket, SOL_SOCKET, SO_RCVBUF, &bytes, &size) == 0 && bytes > 0) {
        room = (uint32_t)bytes / ROOM_EACH;
    }
#endif
    (void)host;
    return room > ROOM_MIN ? room : ROOM_MIN;
}

/* ---- out ---- */

static void store_u16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8); /* ENet speaks big-endian */
    at[1] = (uint8_t)value;
}

static unsigned load_u16(const uint8_t *at)
{
    return (unsigned)(at[0] << 8 | at[1]);
}

bool direct_enet_send(DirectEnet *direct, ENetPeer *peer, uint8_t channel, Bytes bytes)
{
    size_t most = peer->mtu < DATAGRAM_MAX ? peer->mtu : DATAGRAM_MAX;
    if (bytes.size > most - HEADER - COMMAND || peer->outgoingPeerID >= ENET_PROTOCOL_MAXIMUM_PEER_ID) {
        return false;
    }
    uint8_t *at = direct->datagrams[direct->count];
    store_u16(at, (unsigned)peer->outgoingPeerID | (unsigned)peer->outgoingSessionID
                                                       << ENET_PROTOCOL_HEADER_SESSION_SHIFT);
    at[2] = ENET_PROTOCOL_COMMAND_SEND_UNSEQUENCED | ENET_PROTOCOL_COMMAND_FLAG_UNSEQUENCED;
    at[3] = channel;
    store_u16(at + 4, 0); /* no reliable sequence */
    store_u16(at + 6, ++peer->outgoingUnsequencedGroup);
    store_u16(at + 8, (unsigned)bytes.size);
    if (bytes.size > 0) {
        memcpy(at + HEADER + COMMAND, bytes.data, bytes.size);
    }
    direct->sizes[direct->count] = HEADER + COMMAND + bytes.size;
    direct->to[direct->count] = peer->address;
    if (++direct->count == BATCH) {
        direct_enet_flush(direct);
    }
    return true;
}

#ifdef __linux__
/* Sends the datagrams from `first` on with one call; the number that the system took, 0 when not even the
 * first.
 */
static unsigned send_some(DirectEnet *direct, unsigned first)
{
    struct sockaddr_in to[BATCH];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    unsigned count = direct->count - first;
    for (unsigned i = 0; i < count; i++) {
        const ENetAddress *address = &direct->to[first + i];
        to[i] = (struct sockaddr_in){ .sin_family = AF_INET,
                                      .sin_port = ENET_HOST_TO_NET_16(address->port),
                                      .sin_addr.s_addr = address->host };
        parts[i] =
            (struct iovec){ .iov_base = direct->datagrams[first + i], .iov_len = direct->sizes[first + i] };
        messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &to[i],
                                                     .msg_namelen = sizeof to[i],
                                                     .msg_iov = &parts[i],
                                                     .msg_iovlen = 1 } };
    }
    int sent = sendmmsg(direct->host->socket, messages, count, MSG_NOSIGNAL);
    return sent > 0 ? (unsigned)sent : 0;
}
#else
static unsigned send_some(DirectEnet *direct, unsigned first)
{
    ENetBuffer buffer = { .data = direct->datagrams[first], .dataLength = direct->sizes[first] };
    return enet_socket_send(direct->host->socket, &direct->to[first], &buffer, 1) > 0 ? 1 : 0;
}
#endif

void direct_enet_flush(DirectEnet *direct)
{
    ENetHost *host = direct->host;
    for (unsigned done = 0; done < direct->count;) {
        unsigned sent = send_some(direct, done);
        for (unsigned i = done; i < done + sent; i++) {
            host->totalSentData += (enet_uint32)direct->sizes[i];
        }
        host->totalSentPackets += sent;
        done += sent > 0 ? sent : 1; /* that one cannot be sent: the others may */
    }
    direct->count = 0;
}

/* ---- in ---- */

/* ENet's rule for packets without sequence: group numbers far back or seen before are dropped. Notes this
 * one. */
static bool is_new_group(ENetPeer *peer, unsigned group)
{
    unsigned index = group % ENET_PEER_UNSEQUENCED_WINDOW_SIZE;
    unsigned window = peer->incomingUnsequencedGroup;
    unsigned ahead = group < window ? group + 0x10000 : group;
    if (ahead >= window + ENET_PEER_FREE_UNSEQUENCED_WINDOWS * ENET_PEER_UNSEQUENCED_WINDOW_SIZE) {
        return false;
    }
    enet_uint32 bit = (enet_uint32)1 << index % 32;
    if (group - index != window) {
        peer->incomingUnsequencedGroup = (enet_uint16)(group - index);
        memset(peer->unsequencedWindow, 0, sizeof peer->unsequencedWindow);
    } else if ((peer->unsequencedWindow[index / 32] & bit) != 0) {
        return false;
    }
    peer->unsequencedWindow[index / 32] |= bit;
    return true;
}

/* The one command of the datagram, whole, without a time, of this connection. */
static bool is_single_packet(const ENetHost *host, const ENetPeer *peer)
{
    const uint8_t *at = host->receivedData;
    unsigned head = load_u16(at);
    unsigned session = (head & ENET_PROTOCOL_HEADER_SESSION_MASK) >> ENET_PROTOCOL_HEADER_SESSION_SHIFT;
    return host->receivedDataLength >= HEADER + COMMAND && (head & ENET_PROTOCOL_HEADER_FLAG_MASK) == 0 &&
           session == peer->incomingSessionID &&
           at[2] == (ENET_PROTOCOL_COMMAND_SEND_UNSEQUENCED | ENET_PROTOCOL_COMMAND_FLAG_UNSEQUENCED) &&
           at[3] < peer->channelCount && load_u16(at + 8) == host->receivedDataLength - HEADER - COMMAND;
}

bool direct_enet_take(DirectEnet *direct, ENetPeer *peer, PeerId id)
{
    const ENetHost *host = direct->host;
    if (!is_single_packet(host, peer)) {
        return false;
    }
    if (direct->read == direct->taken_count) {
        direct->read = direct->taken_count = direct->used = 0;
    }
    uint32_t size = (uint32_t)(host->receivedDataLength - HEADER - COMMAND);
    if (direct->taken_count == direct->taken_capacity || size > direct->capacity - direct->used) {
        return false;
    }
    if (is_new_group(peer, load_u16(host->receivedData + 6))) {
        memcpy(direct->bytes + direct->used, host->receivedData + HEADER + COMMAND, size);
        direct->taken[direct->taken_count++] = (Taken){
            .peer = id, .channel = host->receivedData[3], .size = (uint16_t)size, .offset = direct->used
        };
        direct->used += size;
    }
    return true;
}

bool direct_enet_next(DirectEnet *direct, DirectPacket *out_packet)
{
    if (direct->read == direct->taken_count) {
        return false;
    }
    const Taken *taken = &direct->taken[direct->read++];
    *out_packet = (DirectPacket){ .peer = taken->peer,
                                  .channel = taken->channel,
                                  .bytes = bytes_of(direct->bytes + taken->offset, taken->size) };
    return true;
}
