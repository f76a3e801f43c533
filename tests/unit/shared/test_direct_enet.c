/* The short way past ENet's queues, against ENet itself: what is written must be what ENet understands, and
 * what ENet writes must be taken; anything else is left to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/clock_file.h"
#include "shared/wire/direct_enet.h"
#include "shared/wire/transport_enet.h"

#define ROUNDS      1100
#define BURST       64 /* together more packets than group numbers */
#define LARGEST     1390
#define PATIENCE_MS 5000

typedef struct Pair {
    Transport server; /* ours */
    ENetHost *client; /* bare ENet */
    ENetPeer *to_server;
    PeerId at_server;
} Pair;

static void connect_pair(Pair *pair)
{
    uint16_t port;
    Diag diag;
    *pair = (Pair){ 0 };
    assert_int_equal(
        transport_enet_create(&(EnetConfig){ .server = true, .peers = 3 }, &pair->server, &port, &diag),
        STATUS_OK);
    pair->client = enet_host_create(NULL, 1, TRANSPORT_CHANNELS, 0, 0);
    assert_non_null(pair->client);
    ENetAddress address = { .port = port };
    enet_address_set_host(&address, "127.0.0.1");
    pair->to_server = enet_host_connect(pair->client, &address, TRANSPORT_CHANNELS, 7);
    assert_non_null(pair->to_server);
    ENetEvent event;
    TransportEvent ours;
    bool connected = false;
    for (int i = 0; i < PATIENCE_MS && (!connected || pair->at_server == 0); i++) {
        connected |= enet_host_service(pair->client, &event, 1) > 0 && event.type == ENET_EVENT_TYPE_CONNECT;
        if (transport_poll(pair->server, clock_monotonic(), &ours) == STATUS_OK) {
            pair->at_server = ours.peer;
        }
    }
    assert_true(connected && pair->at_server != 0);
    enet_peer_throttle_configure(pair->to_server, ENET_PEER_PACKET_THROTTLE_INTERVAL,
                                 ENET_PEER_PACKET_THROTTLE_SCALE, 0);
}

static void finish_pair(Pair *pair)
{
    transport_destroy(pair->server);
    enet_host_destroy(pair->client);
}

/* Sizes go round, contents tell the number. */
static Bytes make_packet(uint32_t number, uint8_t *storage)
{
    size_t size = 4 + number * 7 % (LARGEST - 3);
    memset(storage, (int)(number & 0xFF), size);
    bytes_store_u32(storage, number);
    return bytes_of(storage, size);
}

/* Packets may be lost, but what comes is whole, comes once, and nearly all of it comes. */
typedef struct Seen {
    uint8_t marks[ROUNDS * BURST];
    uint32_t count;
} Seen;

static void check_packet(Seen *seen, Bytes bytes)
{
    uint8_t expected[LARGEST + 4];
    assert_true(bytes.size >= 4);
    uint32_t number = bytes_load_u32(bytes.data);
    assert_true(number < ROUNDS * BURST);
    assert_true(bytes_equal(bytes, make_packet(number, expected)));
    assert_int_equal(seen->marks[number]++, 0);
    seen->count++;
}

static void what_we_write_enet_reads(void **state)
{
    (void)state;
    static Seen seen;
    Pair pair;
    connect_pair(&pair);
    for (uint32_t number = 0; number < ROUNDS * BURST; number++) {
        uint8_t storage[LARGEST + 4];
        assert_int_equal(
            transport_send(pair.server, pair.at_server, 1, DELIVERY_UNRELIABLE, make_packet(number, storage)),
            STATUS_OK);
        ENetEvent event;
        while (number % BURST == BURST - 1 && enet_host_service(pair.client, &event, 0) > 0) {
            assert_int_equal(event.type, ENET_EVENT_TYPE_RECEIVE);
            assert_int_equal(event.channelID, 1);
            assert_true((event.packet->flags & ENET_PACKET_FLAG_UNSEQUENCED) != 0);
            check_packet(&seen, bytes_of(event.packet->data, event.packet->dataLength));
            enet_packet_destroy(event.packet);
        }
    }
    assert_true(seen.count > ROUNDS * BURST * 99 / 100);
    TransportStats stats;
    transport_flush(pair.server, clock_monotonic());
    assert_int_equal(transport_stats(pair.server, 0, &stats), STATUS_OK);
    assert_true(stats.packets_sent >= ROUNDS * BURST);
    assert_true(stats.bytes_sent > (uint64_t)ROUNDS * BURST * LARGEST / 2);
    finish_pair(&pair);
}

static void what_enet_writes_we_read(void **state)
{
    (void)state;
    static Seen seen;
    Pair pair;
    connect_pair(&pair);
    for (uint32_t number = 0; number < ROUNDS * BURST; number++) {
        uint8_t storage[LARGEST + 4];
        Bytes bytes = make_packet(number, storage);
        ENetPacket *packet = enet_packet_create(bytes.data, bytes.size, ENET_PACKET_FLAG_UNSEQUENCED);
        assert_int_equal(enet_peer_send(pair.to_server, 2, packet), 0);
        if (number % 3 == 0) { /* else several share a datagram: ENet's affair */
            enet_host_flush(pair.client);
        }
        TransportEvent event;
        while (number % BURST == BURST - 1 &&
               transport_poll(pair.server, clock_monotonic(), &event) == STATUS_OK) {
            assert_int_equal(event.type, TRANSPORT_RECEIVED);
            assert_int_equal(event.channel, 2);
            assert_int_equal(event.peer, pair.at_server);
            check_packet(&seen, event.bytes);
        }
        if (number % BURST == BURST - 1) {
            assert_true(enet_host_service(pair.client, NULL, 0) >= 0);
        }
    }
    assert_true(seen.count > ROUNDS * BURST * 99 / 100);
    finish_pair(&pair);
}

/* ---- datagrams made by hand ---- */

typedef struct Bench {
    ENetHost *host;
    ENetPeer *peer;
    DirectEnet *direct;
    uint8_t datagram[64];
} Bench;

static void open_bench(Bench *bench)
{
    *bench = (Bench){ .host = enet_host_create(NULL, 2, TRANSPORT_CHANNELS, 0, 0) };
    assert_non_null(bench->host);
    bench->peer = &bench->host->peers[1];
    bench->peer->incomingSessionID = 2;
    bench->peer->channelCount = TRANSPORT_CHANNELS;
    assert_int_equal(direct_enet_create(bench->host, &bench->direct), STATUS_OK);
}

static void close_bench(Bench *bench)
{
    direct_enet_destroy(bench->direct);
    enet_host_destroy(bench->host);
}

/* A right one, three bytes long. */
static void make_datagram(Bench *bench, unsigned group)
{
    const uint8_t right[] = { 0x20,           1, 0x49, 1,   0,   0,  (uint8_t)(group >> 8),
                              (uint8_t)group, 0, 3,    'a', 'b', 'c' };
    memcpy(bench->datagram, right, sizeof right);
    bench->host->receivedData = bench->datagram;
    bench->host->receivedDataLength = sizeof right;
}

static bool take_group(Bench *bench, unsigned group)
{
    make_datagram(bench, group);
    return direct_enet_take(bench->direct, bench->peer, 77);
}

static void only_single_packets_are_taken(void **state)
{
    (void)state;
    Bench bench;
    open_bench(&bench);
    DirectPacket packet;
    assert_true(take_group(&bench, 5));
    assert_true(direct_enet_next(bench.direct, &packet));
    assert_int_equal(packet.peer, 77);
    assert_int_equal(packet.channel, 1);
    assert_true(bytes_equal(packet.bytes, bytes_of("abc", 3)));
    assert_false(direct_enet_next(bench.direct, &packet));
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {
        { 0, 0x10 }, /* another session */
        { 0, 0xA0 }, /* with a time */
        { 0, 0x60 }, /* compressed */
        { 2, 0x09 }, /* not marked as unsequenced */
        { 2, 0x47 }, /* another command */
        { 3, 3 },    /* a channel that is not there */
        { 9, 2 },    /* shorter than the datagram: something follows */
        { 9, 4 },    /* longer than it */
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        make_datagram(&bench, 6);
        bench.datagram[wrong[i].at] = wrong[i].value;
        assert_false(direct_enet_take(bench.direct, bench.peer, 77));
    }
    for (size_t size = 2; size < 13; size++) {
        make_datagram(&bench, 6);
        bench.host->receivedDataLength = size;
        assert_false(direct_enet_take(bench.direct, bench.peer, 77));
    }
    assert_false(direct_enet_next(bench.direct, &packet));
    assert_true(take_group(&bench, 6)); /* none of these used it up */
    assert_true(direct_enet_next(bench.direct, &packet));
    close_bench(&bench);
}

/* What ENet would drop is taken, so that it does not see it again, and dropped. */
static void repeated_and_old_packets_are_dropped(void **state)
{
    (void)state;
    static const struct {
        uint16_t group;
        bool is_new;
    } cases[] = { { 5, true },     { 5, false },   { 4, true },     { 1023, true },   { 1024, true },
                  { 1024, false }, { 5, false },   { 30000, true }, { 29000, false }, { 62000, true },
                  { 200, true },   { 200, false }, { 199, true },   { 62000, false } };
    Bench bench;
    open_bench(&bench);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        DirectPacket packet;
        assert_true(take_group(&bench, cases[i].group));
        assert_int_equal(direct_enet_next(bench.direct, &packet), cases[i].is_new);
    }
    close_bench(&bench);
}

static void what_has_no_room_is_left_to_enet(void **state)
{
    (void)state;
    Bench bench;
    open_bench(&bench);
    DirectPacket packet;
    unsigned taken = 0;
    while (taken < 10000 && take_group(&bench, taken + 1)) {
        taken++;
    }
    assert_in_range(taken, 256, 9999);
    for (unsigned i = 0; i < taken; i++) {
        assert_true(direct_enet_next(bench.direct, &packet));
    }
    assert_false(direct_enet_next(bench.direct, &packet));
    assert_true(take_group(&bench, taken + 1));
    assert_true(direct_enet_next(bench.direct, &packet));
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_write_enet_reads),
        cmocka_unit_test(what_enet_writes_we_read),
        cmocka_unit_test(only_single_packets_are_taken),
        cmocka_unit_test(repeated_and_old_packets_are_dropped),
        cmocka_unit_test(what_has_no_room_is_left_to_enet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
