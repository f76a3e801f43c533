/* Three uses of the input, told apart by its first byte modulo 3.
 * 0: one packet of the bus. What is taken is written again as the same bytes.
 * 1: a stranger's packets to a hub. What comes out is only what the table lets the kind of its greeting send,
 *    under the name of its greeting; and an honest endpoint beside it is not disturbed.
 * 2: a hub's packets to an endpoint. What comes out is only what an enabler may send to that kind. */
#include "shared/systems/bus_net.h"
#include "shared/wire/transport_sim.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/unit/shared/sync_fixture.h"

#include <stdlib.h>

#define PORT 7000

static void fuzz_packet(Bytes input)
{
    BusFrame frame = { .reason = "untouched" };
    uint8_t channel = take_byte(&input) & 3, again[BUS_FRAME_HEADER_MAX];
    if (bus_frame_parse(input, channel, &frame) != STATUS_OK) {
        require(strcmp(frame.reason, "untouched") == 0);
        return;
    }
    if ((frame.type == BUS_FRAME_HELLO || frame.type == BUS_FRAME_WELCOME) &&
        frame.version != BUS_NET_VERSION) {
        return;
    }
    size_t head = bus_frame_write(&frame, again);
    require(head + frame.rest.size == input.size && memcmp(again, input.data, head) == 0);
    require(frame.rest.size == 0 || frame.rest.data == input.data + head);
}

/* Sends the rest of the input as packets: a byte of channel and greeting, a byte of length, the packet. */
static void send_packets(Bytes *input, Transport transport, PeerId peer)
{
    uint8_t channel = take_byte(input) & 1;
    size_t size = take_byte(input);
    size = size < input->size ? size : input->size;
    (void)!transport_send(transport, peer, channel, DELIVERY_RELIABLE, bytes_of(input->data, size));
    *input = bytes_of(input->data + size, input->size - size);
}

static void fuzz_hub(Bytes input)
{
    SimNetwork *network;
    Transport listening, honest, raw;
    Bus hub, plant;
    BusEvent event;
    PeerId peer;
    SyncFixture things;
    TimeNs now = TIME_SECOND;
    require(sync_fixture_init(&things, 64));
    require(sim_network_create(1, (SimLink){ 0 }, &network) == STATUS_OK);
    require(transport_sim_create(network, PORT, &listening) == STATUS_OK);
    require(transport_sim_create(network, 0, &honest) == STATUS_OK);
    require(transport_sim_create(network, 0, &raw) == STATUS_OK);
    require(bus_net_hub_create(&(BusNetHubConfig){ 0 }, listening, &hub) == STATUS_OK);
    BusNetEndpointConfig config = { .kind = SYSTEM_TWIN, .name = "plant", .host = "sim", .port = PORT };
    require(bus_net_endpoint_create(&config, honest, &plant) == STATUS_OK);
    require(bus_set_schema(hub, "a", &things.schema) == STATUS_OK);
    require(transport_connect(raw, "sim", PORT, 1, &peer, NULL) == STATUS_OK);
    SystemKind kind = SYSTEM_NONE;
    char name[SYSTEM_NAME_SIZE] = "";
    for (int round = 0; round < 300 && (input.size > 0 || round < 8); round++) {
        TransportEvent ignored;
        now += TIME_MS;
        while (bus_poll(plant, now, &event) == STATUS_OK) {
        }
        while (transport_poll(raw, now, &ignored) == STATUS_OK) {
        }
        while (bus_poll(hub, now, &event) == STATUS_OK) {
            require(event.who != NULL && event.reason != NULL);
            if (event.type == BUS_UP && strcmp(event.message.from, "plant") != 0) {
                require(system_name_valid(event.message.from) && kind == SYSTEM_NONE);
                kind = event.kind;
                memcpy(name, event.message.from, sizeof name);
            } else if (event.type == BUS_MESSAGE) {
                require(event.kind == kind && strcmp(event.message.from, name) == 0);
                require(family_rule((uint8_t)event.message.id)->sender == kind);
                require((event.message.sync != NULL) != (event.message.body.size > 0));
                require(kind != SYSTEM_TWIN || strcmp(event.message.subject, name) == 0);
            }
        }
        if (round > 2 && input.size > 0) {
            send_packets(&input, raw, peer);
        }
    }
    BusMessage alive = { .id = DII_HEARTBEAT, .body = bytes_of("{}", 2) };
    require(strcmp(name, "plant") == 0 || kind == SYSTEM_NONE || bus_send(plant, &alive) == STATUS_OK);
    bus_destroy(plant);
    bus_destroy(hub);
    transport_destroy(raw);
    sim_network_destroy(network);
    sync_fixture_finish(&things);
}

static void fuzz_endpoint(Bytes input)
{
    SimNetwork *network;
    Transport raw, dialling;
    Bus world;
    BusEvent event;
    SyncFixture things;
    TimeNs now = TIME_SECOND;
    PeerId peer = 0;
    bool up = false;
    require(sync_fixture_init(&things, 64));
    require(sim_network_create(1, (SimLink){ 0 }, &network) == STATUS_OK);
    require(transport_sim_create(network, PORT, &raw) == STATUS_OK);
    require(transport_sim_create(network, 0, &dialling) == STATUS_OK);
    BusNetEndpointConfig config = { .kind = SYSTEM_METAVERSE, .name = "world", .host = "sim", .port = PORT };
    require(bus_net_endpoint_create(&config, dialling, &world) == STATUS_OK);
    require(bus_set_schema(world, "a", &things.schema) == STATUS_OK);
    for (int round = 0; round < 300 && (input.size > 0 || round < 8); round++) {
        TransportEvent heard;
        now += 10 * TIME_MS;
        while (bus_poll(world, now, &event) == STATUS_OK) {
            require(event.kind == SYSTEM_ENABLER && event.who != NULL && event.reason != NULL);
            require(event.type != BUS_REFUSED);
            require(event.type == BUS_UP ? !up : up);
            up = event.type != BUS_DOWN;
            if (event.type == BUS_MESSAGE) {
                const FamilyRule *rule = family_rule((uint8_t)event.message.id);
                require(rule->sender == SYSTEM_ENABLER && rule->receiver == SYSTEM_METAVERSE);
                require((event.message.sync != NULL) != (event.message.body.size > 0));
            }
        }
        while (transport_poll(raw, now, &heard) == STATUS_OK) {
            peer = heard.type == TRANSPORT_CONNECTED ? heard.peer : peer;
        }
        if (peer != 0 && input.size > 0) {
            send_packets(&input, raw, peer);
        }
    }
    bus_destroy(world);
    transport_destroy(raw);
    sim_network_destroy(network);
    sync_fixture_finish(&things);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Bytes input = bytes_of(data, size);
    switch (take_byte(&input) % 3) {
    case 0:
        fuzz_packet(input);
        break;
    case 1:
        fuzz_hub(input);
        break;
    default:
        fuzz_endpoint(input);
        break;
    }
    return 0;
}
