/* load.h - many protocol-complete clients in one thread: real sockets, real handshakes, sealed unless told
 * otherwise. Each joins, says that it has the world, exchanges clocks, stands still and acknowledges
 * snapshots as the client's session does (client/session/session.c), or sends numbered input steps all the
 * time. Decoding for all of them would cost far more than the server's own work, so only the first `verified`
 * clients decode every snapshot; the others read its header and acknowledge it. Clients share sockets: each
 * connection has its own handshake, keys and packets, the identity key is one a socket.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H
#include "shared/base/diag.h"
#include "shared/base/time.h"
#include "shared/wire/messages.h"
#include "shared/wire/snapshot.h"

#define LOAD_CLIENTS_MAX 4095

typedef struct Load Load; /* opaque */

typedef struct LoadConfig {
    const char *host;
    uint16_t port;
    uint8_t world_hash[HASH_SIZE]; /* of the world that the clients have; the server must run it */
    uint32_t clients;              /* 1..LOAD_CLIENTS_MAX */
    uint32_t verified;             /* of them decode every snapshot */
    uint32_t joins_per_s;          /* 0: 200 */
    uint32_t input_rate_hz;        /* INPUT messages a second with steps; 0: as who stands still */
    TimeNs
        ack_delay_max; /* client i acknowledges i / clients of this late, as over links of different length */
    bool plaintext;
    /* Called with each snapshot that a verified client has decoded; may be NULL. */
    void (*check)(void *context, uint32_t client, const Snapshot *snapshot);
    void *context;
} LoadConfig;

typedef struct LoadCounters {
    uint32_t live, ended;      /* clients */
    uint64_t snapshots;        /* received by all clients */
    uint64_t decoded;          /* of them by verified clients, in full */
    uint64_t missing;          /* snapshots that a live client never got, as their numbers tell */
    uint64_t without_baseline; /* not decodable: the baseline was lost; the client asks anew */
    uint64_t refused;          /* messages or snapshots that could not be understood */
    uint64_t datagrams_in, datagrams_out;
    uint64_t bytes_in, bytes_out; /* UDP payload of those */
} LoadCounters;

/* STATUS_OUT_OF_MEMORY, STATUS_OUT_OF_RANGE and those of transport_enet_create, with `diag`. */
NODISCARD Status load_create(const LoadConfig *config, TimeNs now, Load **out_load, Diag *diag);
void load_destroy(Load *load); /* ends the connections; NULL is safe */

/* Starts clients that are due, takes in and answers what has arrived, sends what is due. True when there was
 * something to take in: call again soon. */
bool load_step(Load *load, TimeNs now);

LoadCounters load_counters(const Load *load);

/* Why the first client that ended did; "" while none has. */
const char *load_failure(const Load *load);

#endif
