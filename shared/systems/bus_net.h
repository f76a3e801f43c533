/* bus_net.h - the bus between processes, over a Transport: the hub listens, endpoints dial, and dial again.
 * Who a peer is, is its proven key; which names that key may carry is the owner's to say. Over a transport
 * without keys everyone is trusted who knows a name: for tests only. Pure; one owner. The packets are those
 * of bus_frame.h; BUS.md. */
#ifndef SHARED_SYSTEMS_BUS_NET_H
#define SHARED_SYSTEMS_BUS_NET_H
#include "shared/systems/bus.h"
#include "shared/systems/bus_frame.h"
#include "shared/wire/noise.h"
#include "shared/wire/transport.h"

typedef struct BusTrust {
    /* Whether the owner of `key` (NULL: the transport has none) may be `name`. Anything but STATUS_OK
     * refuses, with *out_reason (static) for both sides. NULL: whoever has the transport's trust. */
    Status (*decide)(void *context, SystemKind kind, const char *name, const uint8_t *key,
                     const char **out_reason);
    void *context;
} BusTrust;

/* Zeros mean defaults. */
typedef struct BusNetHubConfig {
    const char *name; /* "enabler"; copied */
    BusTrust trust;
    /* transport_secure_peer_key, or NULL where the transport has no keys. */
    Status (*peer_key)(Transport transport, PeerId peer, uint8_t out_key[NOISE_KEY_SIZE]);
    /* Names that are in use elsewhere, as by the endpoints of this process. NULL: none. */
    bool (*taken)(void *context, const char *name);
    void *taken_context;
    uint32_t peers;          /* at a time; default 64 */
    TimeNs greeting_timeout; /* for HELLO; default 5 s */
} BusNetHubConfig;

typedef struct BusNetEndpointConfig {
    SystemKind kind;
    const char *name; /* copied, as `host` is */
    const char *host;
    uint16_t port;
    uint64_t seed; /* of the jitter of redialling */
} BusNetEndpointConfig;

typedef struct BusNetCounters {
    uint64_t messages;     /* both ways */
    uint64_t refused;      /* messages and greetings not let in */
    uint64_t malformed;    /* packets; the connection ends */
    uint64_t sync_dropped; /* SYNC without a schema, or by another one, or not by it */
    uint64_t connections;  /* greeted */
    uint64_t dials;        /* of an endpoint */
} BusNetCounters;

/* A hub on a listening transport. On success it owns `transport`; else the caller still does. A peer whose
 * name is carried by one with another key is refused; with the same key it takes the place of the old one,
 * which is down then. STATUS_INVALID_ARGUMENT (name), STATUS_OUT_OF_MEMORY. */
NODISCARD Status bus_net_hub_create(const BusNetHubConfig *config, Transport transport, Bus *out_hub);

/* An endpoint. Dials at the first poll and again after 0.2 s to 5 s, with jitter, whenever the connection is
 * gone or not let in. As above for ownership and statuses. */
NODISCARD Status bus_net_endpoint_create(const BusNetEndpointConfig *config, Transport transport,
                                         Bus *out_endpoint);

/* Of either. */
const BusNetCounters *bus_net_counters(Bus bus);

/* At an endpoint: why the hub did not let it in the last time, or why dialling failed; "" when it did. */
const char *bus_net_trouble(Bus endpoint);

#endif
