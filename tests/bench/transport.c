/* transport: what a packet costs over real sockets on the loopback interface, one server with --clients peers
 * in one process; a line for each size of packet. us_sent is the CPU time of sending one unreliable packet to
 * every peer, flush included; us_received that of taking in one from every peer, ARRIVE_TOGETHER of them at a
 * time. us_system_call is a bare sendto of as many bytes in the same run, so that the rest is ours and
 * ENet's. Least time of all rounds: machines are shared. */
#include "shared/base/clock_file.h"
#include "shared/wire/messages.h"
#include "shared/wire/transport_enet.h"
#include "shared/wire/transport_secure.h"
#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_PER_SOCKET 32
#define ARRIVE_TOGETHER  160 /* 4,000 clients at 20 Hz, every 2 ms */
#define ROUNDS           40
#define JOIN_ROUNDS      20000
#define SIZE_MAX_BYTES   1200

typedef struct Rig {
    Transport server, *clients;
    uint32_t client_sockets, peer_count, connected;
    PeerId *at_server, *at_clients; /* by peer; at_clients in groups of PEERS_PER_SOCKET */
    uint16_t port;
    TimeNs now;
} Rig;

typedef struct Costs {
    TimeNs sent, received, system_call; /* of a round */
    TimeNs poll, flush;                 /* with nothing to do */
    uint32_t lost;                      /* packets that did not arrive */
} Costs;

static Status seal(Transport *transport)
{
    uint8_t secret[NOISE_KEY_SIZE];
    randombytes_buf(secret, sizeof secret);
    const SecureConfig config = { .secret = secret,
                                  .handshake_timeout = TIME_MINUTE,
                                  .limits = { .handshakes_per_second = 100000,
                                              .half_open = ADMISSION_UNLIMITED,
                                              .half_open_per_address = ADMISSION_UNLIMITED,
                                              .handshakes_per_second_per_address = ADMISSION_UNLIMITED } };
    return transport_secure_create(*transport, &config, transport);
}

static Status open_end(Transport *transport, uint32_t peers, bool server, bool plaintext, uint16_t *out_port,
                       Diag *diag)
{
    const EnetConfig config = { .peers = peers, .server = server, .patience = TIME_MINUTE };
    Status status = transport_enet_create(&config, transport, out_port, diag);
    if (status == STATUS_OK && !plaintext) {
        status = seal(transport);
    }
    return status;
}

/* Packets that arrived; CONNECTED events are noted. */
static uint32_t drain(Rig *rig, Transport transport, bool server)
{
    TransportEvent event;
    uint32_t packets = 0;
    while (transport_poll(transport, rig->now, &event) == STATUS_OK) {
        packets += event.type == TRANSPORT_RECEIVED;
        if (server && event.type == TRANSPORT_CONNECTED && rig->connected < rig->peer_count) {
            rig->at_server[rig->connected++] = event.peer;
        }
    }
    return packets;
}

static uint32_t drain_clients(Rig *rig)
{
    uint32_t packets = 0;
    for (uint32_t i = 0; i < rig->client_sockets; i++) {
        packets += drain(rig, rig->clients[i], false);
        transport_flush(rig->clients[i], rig->now);
    }
    return packets;
}

static Status connect_all(Rig *rig, Diag *diag)
{
    uint32_t started = 0;
    for (int round = 0; round < JOIN_ROUNDS && rig->connected < rig->peer_count; round++) {
        for (; started < rig->peer_count && started < rig->connected + 64; started++) {
            Status status = transport_connect(rig->clients[started / PEERS_PER_SOCKET], "127.0.0.1",
                                              rig->port, PROTOCOL_MAGIC, &rig->at_clients[started], diag);
            if (status != STATUS_OK) {
                return status;
            }
        }
        rig->now = clock_monotonic();
        drain(rig, rig->server, true);
        transport_flush(rig->server, rig->now);
        drain_clients(rig);
    }
    return rig->connected == rig->peer_count
               ? STATUS_OK
               : diag_set(diag, STATUS_DISCONNECTED, "", 0, "only %u of %u peers connected",
                          (unsigned)rig->connected, (unsigned)rig->peer_count);
}

static Status rig_open(Rig *rig, uint32_t peers, bool plaintext, Arena *arena, Diag *diag)
{
    uint32_t sockets = (peers + PEERS_PER_SOCKET - 1) / PEERS_PER_SOCKET;
    *rig = (Rig){ .peer_count = peers,
                  .clients = arena_new_array(arena, Transport, sockets),
                  .at_server = arena_new_array(arena, PeerId, peers),
                  .at_clients = arena_new_array(arena, PeerId, peers) };
    if (rig->clients == NULL || rig->at_server == NULL || rig->at_clients == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for %u peers", (unsigned)peers);
    }
    Status status = open_end(&rig->server, peers, true, plaintext, &rig->port, diag);
    for (; status == STATUS_OK && rig->client_sockets < sockets; rig->client_sockets++) {
        status = open_end(&rig->clients[rig->client_sockets], PEERS_PER_SOCKET, false, plaintext, NULL, diag);
    }
    return status == STATUS_OK ? connect_all(rig, diag) : status;
}

static void rig_close(Rig *rig)
{
    for (uint32_t i = 0; i < rig->client_sockets; i++) {
        transport_destroy(rig->clients[i]);
    }
    transport_destroy(rig->server);
}

/* ---- rounds ---- */

static TimeNs send_down(Rig *rig, Bytes bytes)
{
    TimeNs begin = clock_process_cpu();
    for (uint32_t i = 0; i < rig->peer_count; i++) {
        Status status = transport_send(rig->server, rig->at_server[i], 1, DELIVERY_UNRELIABLE, bytes);
        (void)status; /* what is not sent is missed by drain_clients */
    }
    transport_flush(rig->server, rig->now);
    return clock_process_cpu() - begin;
}

/* A part of the peers at a time, as they would come between two looks at the network. */
static TimeNs receive_up(Rig *rig, Bytes bytes, uint32_t *out_lost)
{
    TimeNs spent = 0;
    uint32_t got = 0;
    for (uint32_t i = 0; i < rig->peer_count; i++) {
        Transport client = rig->clients[i / PEERS_PER_SOCKET];
        Status status = transport_send(client, rig->at_clients[i], 1, DELIVERY_UNRELIABLE, bytes);
        (void)status; /* what is not sent is missed by the server */
        if (i % PEERS_PER_SOCKET == PEERS_PER_SOCKET - 1 || i + 1 == rig->peer_count) {
            transport_flush(client, rig->now);
        }
        if (i % ARRIVE_TOGETHER == ARRIVE_TOGETHER - 1 || i + 1 == rig->peer_count) {
            TimeNs begin = clock_process_cpu();
            got += drain(rig, rig->server, true);
            spent += clock_process_cpu() - begin;
        }
    }
    *out_lost += rig->peer_count - got;
    return spent;
}

/* As many datagrams of the size they have on the wire, to sockets that nobody reads until the end. */
static Status system_calls(uint32_t count, size_t size, TimeNs *out_time, Diag *diag)
{
    static const uint8_t bytes[SIZE_MAX_BYTES + 64];
    int from = socket(AF_INET, SOCK_DGRAM, 0), to = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    union {
        struct sockaddr_in *in;
        struct sockaddr *any;
    } where = { .in = &address };
    bool failed =
        from < 0 || to < 0 || bind(to, where.any, length) != 0 || getsockname(to, where.any, &length) != 0;
    TimeNs begin = clock_process_cpu(), reading = 0;
    for (uint32_t i = 0; i < count && !failed; i++) {
        failed = sendto(from, bytes, size, 0, where.any, length) < 0;
        if (i % 64 == 63) {
            TimeNs pause = clock_process_cpu();
            uint8_t sink[SIZE_MAX_BYTES + 64];
            while (recv(to, sink, sizeof sink, MSG_DONTWAIT) > 0) {
            }
            reading += clock_process_cpu() - pause;
        }
    }
    *out_time = clock_process_cpu() - begin - reading;
    close(from);
    close(to);
    return failed ? diag_set(diag, STATUS_IO_ERROR, "", 0, "cannot send on the loopback interface")
                  : STATUS_OK;
}

static TimeNs least(TimeNs a, TimeNs b)
{
    return a != 0 && a < b ? a : b;
}

static TimeNs idle_poll(Rig *rig)
{
    TimeNs begin = clock_process_cpu();
    uint32_t none = drain(rig, rig->server, true);
    (void)none;
    return clock_process_cpu() - begin;
}

static TimeNs idle_flush(Rig *rig)
{
    TimeNs begin = clock_process_cpu();
    transport_flush(rig->server, rig->now);
    return clock_process_cpu() - begin;
}

static Status measure(Rig *rig, size_t size, Costs *out_costs, Diag *diag)
{
    static uint8_t payload[SIZE_MAX_BYTES];
    Costs costs = { 0 };
    for (int round = 0; round < ROUNDS; round++) {
        rig->now = clock_monotonic();
        TimeNs calls = 0;
        costs.sent = least(costs.sent, send_down(rig, bytes_of(payload, size)));
        costs.lost += rig->peer_count - drain_clients(rig);
        costs.received = least(costs.received, receive_up(rig, bytes_of(payload, size), &costs.lost));
        costs.poll = least(costs.poll, idle_poll(rig));
        costs.flush = least(costs.flush, idle_flush(rig));
        Status status = system_calls(rig->peer_count, size + 28, &calls, diag);
        if (status != STATUS_OK) {
            return status;
        }
        costs.system_call = least(costs.system_call, calls);
    }
    *out_costs = costs;
    return STATUS_OK;
}

Status bench_transport(const BenchOptions *options, Diag *diag)
{
    static const size_t sizes[] = { 60, 100, 400, 1200 };
    uint32_t peers = options->clients > 0 ? (uint32_t)options->clients : 200;
    Rig rig;
    Arena arena;
    arena_init(&arena, (size_t)1 << 30);
    Status status = rig_open(&rig, peers, options->plaintext, &arena, diag);
    for (size_t i = 0; i < ARRAY_COUNT(sizes) && status == STATUS_OK; i++) {
        Costs costs;
        status = measure(&rig, sizes[i], &costs, diag);
        if (status == STATUS_OK) {
            bench_open("transport");
            bench_integer("peers", peers);
            bench_flag("sealed", !options->plaintext);
            bench_integer("bytes", (int64_t)sizes[i]);
            bench_number("us_sent", (double)costs.sent / 1e3 / peers);
            bench_number("us_received", (double)costs.received / 1e3 / peers);
            bench_number("us_system_call", (double)costs.system_call / 1e3 / peers);
            bench_number("us_idle_poll", (double)costs.poll / 1e3);
            bench_number("us_idle_flush", (double)costs.flush / 1e3);
            bench_integer("lost", costs.lost);
            bench_close();
        }
    }
    rig_close(&rig);
    arena_finish(&arena);
    return status;
}
