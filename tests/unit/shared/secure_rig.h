/* secure_rig.h - a server and clients over sealed simulated transports, with seeded keys. */
#ifndef TESTS_UNIT_SHARED_SECURE_RIG_H
#define TESTS_UNIT_SHARED_SECURE_RIG_H
#include <stdlib.h>

#include "shared/base/random.h"
#include "shared/wire/transport_secure.h"
#include "shared/wire/transport_sim.h"

#define RIG_PORT  7000
#define RIG_START (1000 * TIME_SECOND)
#define RIG_DATA  0x44540001u

static const SimLink rig_clean = { .latency = 20 * TIME_MS };
static const SimLink rig_bad = {
    .latency = 75 * TIME_MS, .jitter = 30 * TIME_MS, .loss = 0.2, .duplication = 0.1, .reorder = 0.1
};

static const uint8_t rig_server_secret[NOISE_KEY_SIZE] = { 11, 22, 33, 44 };
static const uint8_t rig_client_secret[NOISE_KEY_SIZE] = { 55, 66, 77, 88 };

typedef struct Rig {
    SimNetwork *network;
    Transport server, client;
    PeerId at_server, at_client;
    Random random; /* both ends' entropy */
    TimeNs now;
    SecureConfig server_config, client_config; /* may be changed before rig_connect */
} Rig;

static inline void rig_fill(void *context, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)random_u64(context);
    }
}

static inline void rig_init(Rig *rig, uint64_t seed, SimLink link)
{
    *rig = (Rig){ .now = RIG_START, .random = random_seeded(seed) };
    SecureEntropy entropy = { .fill = rig_fill, .context = &rig->random };
    rig->server_config = (SecureConfig){ .secret = rig_server_secret, .entropy = entropy };
    rig->client_config = (SecureConfig){ .secret = rig_client_secret, .entropy = entropy };
    if (sim_network_create(seed, link, &rig->network) != STATUS_OK) {
        abort();
    }
}

static inline Transport rig_sealed(Rig *rig, uint16_t port, const SecureConfig *config)
{
    Transport inner, transport;
    if (transport_sim_create(rig->network, port, &inner) != STATUS_OK ||
        transport_secure_create(inner, config, &transport) != STATUS_OK) {
        abort();
    }
    return transport;
}

static inline void rig_start(Rig *rig)
{
    rig->server = rig_sealed(rig, RIG_PORT, &rig->server_config);
    rig->client = rig_sealed(rig, 0, &rig->client_config);
    if (transport_connect(rig->client, "sim", RIG_PORT, RIG_DATA, &rig->at_client, NULL) != STATUS_OK) {
        abort();
    }
}

static inline void rig_finish(Rig *rig)
{
    transport_destroy(rig->client);
    transport_destroy(rig->server);
    sim_network_destroy(rig->network);
}

/* Polls both ends each millisecond until both have said CONNECTED or DISCONNECTED, or `limit` is over.
 * Returns the client's event, and the server's by *out_server; type RECEIVED: none. */
static inline TransportEvent rig_meet(Rig *rig, TimeNs limit, TransportEvent *out_server)
{
    TransportEvent client = { .type = TRANSPORT_RECEIVED }, server = client;
    for (TimeNs end = rig->now + limit; rig->now < end; rig->now += TIME_MS) {
        TransportEvent event;
        if (server.type == TRANSPORT_RECEIVED && transport_poll(rig->server, rig->now, &event) == STATUS_OK) {
            server = event;
            rig->at_server = event.peer;
        }
        if (client.type == TRANSPORT_RECEIVED && transport_poll(rig->client, rig->now, &event) == STATUS_OK) {
            client = event;
        }
        bool failed = client.type == TRANSPORT_DISCONNECTED;
        if (failed || (client.type == TRANSPORT_CONNECTED && server.type == TRANSPORT_CONNECTED)) {
            break;
        }
        transport_flush(rig->client, rig->now);
        transport_flush(rig->server, rig->now);
    }
    if (out_server) {
        *out_server = server;
    }
    return client;
}

#endif
