/* ENet on loopback: sockets, ports in use, big packets, disconnects, strays, lost peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/clock_file.h"
#include "shared/base/random.h"
#include "shared/wire/transport_enet.h"

typedef struct Pair {
    Transport server, client;
    uint16_t port;
    PeerId at_server, at_client;
} Pair;

/* Polls both until one has an event; 's', 'c', or 0 when `most` has passed. */
static char next_event(const Pair *pair, TimeNs most, TransportEvent *event)
{
    TimeNs end = clock_monotonic() + most;
    for (TimeNs now = clock_monotonic(); now < end; now = clock_monotonic()) {
        if (pair->server.ops && transport_poll(pair->server, now, event) == STATUS_OK) {
            return 's';
        }
        if (pair->client.ops && transport_poll(pair->client, now, event) == STATUS_OK) {
            return 'c';
        }
        clock_sleep_until(now + TIME_MS / 5);
    }
    return 0;
}

static Transport new_server(uint16_t *port)
{
    Transport server;
    Diag diag;
    assert_int_equal(transport_enet_create(&(EnetConfig){ .server = true, .peers = 8 }, &server, port, &diag),
                     STATUS_OK);
    assert_int_not_equal(*port, 0);
    return server;
}

static Pair connected_pair(void)
{
    Pair pair = { 0 };
    Diag diag;
    TransportEvent event;
    pair.server = new_server(&pair.port);
    assert_int_equal(transport_enet_create(&(EnetConfig){ .server = false }, &pair.client, NULL, &diag),
                     STATUS_OK);
    assert_int_equal(
        transport_connect(pair.client, "127.0.0.1", pair.port, 0x44540001, &pair.at_client, &diag),
        STATUS_OK);
    for (int i = 0; i < 2; i++) {
        char who = next_event(&pair, 2 * TIME_SECOND, &event);
        assert_int_not_equal(who, 0);
        assert_int_equal(event.type, TRANSPORT_CONNECTED);
        if (who == 's') {
            assert_int_equal(event.data, 0x44540001);
            pair.at_server = event.peer;
        } else {
            assert_int_equal(event.peer, pair.at_client);
        }
    }
    return pair;
}

static void finish(Pair *pair)
{
    transport_destroy(pair->client);
    transport_destroy(pair->server);
}

static void test_packets_of_every_size(void **state)
{
    (void)state;
    Pair pair = connected_pair();
    Random random = random_seeded(1);
    static uint8_t bytes[1 << 20];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)random_u64(&random);
    }
    const size_t sizes[] = { 1, 1300, 1400, 5000, 60000, sizeof bytes };
    TransportEvent event;
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        Delivery delivery = sizes[i] > 60000 ? DELIVERY_RELIABLE : DELIVERY_UNRELIABLE;
        uint8_t channel = (uint8_t)(i % TRANSPORT_CHANNELS);
        assert_int_equal(
            transport_send(pair.client, pair.at_client, channel, delivery, bytes_of(bytes, sizes[i])),
            STATUS_OK);
        assert_int_equal(next_event(&pair, 2 * TIME_SECOND, &event), 's');
        assert_int_equal(event.type, TRANSPORT_RECEIVED);
        assert_int_equal(event.channel, channel);
        assert_int_equal(event.peer, pair.at_server);
        assert_true(bytes_equal(event.bytes, bytes_of(bytes, sizes[i])));
    }
    TransportStats stats;
    assert_int_equal(next_event(&pair, 100 * TIME_MS, &event), 0);
    assert_int_equal(transport_stats(pair.client, pair.at_client, &stats), STATUS_OK);
    assert_int_equal(stats.queued, 0);
    assert_int_equal(stats.packets_sent, ARRAY_COUNT(sizes));
    assert_int_equal(transport_stats(pair.client, 0, &stats), STATUS_OK);
    assert_true(stats.bytes_sent > sizeof bytes);
    char address[32];
    assert_int_equal(transport_address(pair.server, pair.at_server, address, sizeof address), STATUS_OK);
    assert_memory_equal(address, "127.0.0.1:", 10);
    finish(&pair);
}

static void test_reliable_keeps_order_and_is_bounded(void **state)
{
    (void)state;
    Pair pair = connected_pair();
    TransportEvent event;
    uint8_t number[4];
    uint32_t sent = 0, received = 0;
    Status status = STATUS_OK;
    while (status == STATUS_OK && sent < 100000) {
        bytes_store_u32(number, sent);
        status = transport_send(pair.client, pair.at_client, 0, DELIVERY_RELIABLE, bytes_of(number, 4));
        sent += status == STATUS_OK;
    }
    assert_int_equal(status, STATUS_CAPACITY);
    while (received < sent && next_event(&pair, TIME_SECOND, &event) == 's') {
        assert_int_equal(bytes_load_u32(event.bytes.data), received);
        received++;
    }
    assert_int_equal(received, sent);
    finish(&pair);
}

static void test_port_in_use(void **state)
{
    (void)state;
    uint16_t port = 0;
    Transport server = new_server(&port), second;
    Diag diag = { 0 };
    EnetConfig config = { .server = true, .port = port };
    assert_int_equal(transport_enet_create(&config, &second, NULL, &diag), STATUS_ADDRESS_IN_USE);
    assert_non_null(strstr(diag.text, "in use"));
    config = (EnetConfig){ .server = true, .port = port, .bind_address = "0.0.0.0" };
    assert_int_equal(transport_enet_create(&config, &second, NULL, &diag), STATUS_ADDRESS_IN_USE);
    config = (EnetConfig){ .server = true, .bind_address = "192.0.2.1" }; /* TEST-NET: nobody's */
    assert_int_equal(transport_enet_create(&config, &second, NULL, &diag), STATUS_NOT_FOUND);
    config = (EnetConfig){ .server = true, .peers = 5000 };
    assert_int_equal(transport_enet_create(&config, &second, NULL, &diag), STATUS_CAPACITY);
    transport_destroy(server);
}

static void test_disconnect_delivers_first(void **state)
{
    (void)state;
    Pair pair = connected_pair();
    TransportEvent event;
    static uint8_t bytes[20000];
    for (int i = 0; i < 10; i++) {
        assert_int_equal(
            transport_send(pair.server, pair.at_server, 0, DELIVERY_RELIABLE, bytes_of(bytes, sizeof bytes)),
            STATUS_OK);
    }
    transport_disconnect(pair.server, pair.at_server, 8);
    transport_disconnect(pair.server, pair.at_server, 9);
    assert_int_equal(transport_send(pair.server, pair.at_server, 0, DELIVERY_RELIABLE, bytes_of(bytes, 1)),
                     STATUS_DISCONNECTED);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(next_event(&pair, TIME_SECOND, &event), 'c');
        assert_int_equal(event.type, TRANSPORT_RECEIVED);
    }
    assert_int_equal(next_event(&pair, TIME_SECOND, &event), 'c');
    assert_int_equal(event.type, TRANSPORT_DISCONNECTED);
    assert_int_equal(event.data, 8);
    assert_int_equal(next_event(&pair, 50 * TIME_MS, &event), 0); /* nothing where it was asked for */

    /* The next connection in the same slot has another name. */
    PeerId old = pair.at_client;
    assert_int_equal(transport_connect(pair.client, "localhost", pair.port, 0, &pair.at_client, NULL),
                     STATUS_OK);
    assert_int_not_equal(pair.at_client, old);
    assert_int_equal(transport_send(pair.client, old, 0, DELIVERY_RELIABLE, bytes_of(bytes, 1)),
                     STATUS_DISCONNECTED);
    finish(&pair);
}

static void test_destroy_tells_the_others(void **state)
{
    (void)state;
    Pair pair = connected_pair();
    TransportEvent event;
    transport_destroy(pair.client);
    pair.client = (Transport){ 0 };
    assert_int_equal(next_event(&pair, TIME_SECOND, &event), 's');
    assert_int_equal(event.type, TRANSPORT_DISCONNECTED);
    assert_int_equal(event.peer, pair.at_server);
    finish(&pair);
}

/* Destroying waits for those who are being disconnected, but not for one who says nothing any more. */
static void test_destroy_does_not_wait_for_the_silent(void **state)
{
    (void)state;
    Pair pair = connected_pair();
    TimeNs start = clock_monotonic();
    transport_disconnect(pair.server, pair.at_server, 3);
    transport_flush(pair.server, start);
    transport_destroy(pair.server);
    pair.server = (Transport){ 0 };
    assert_true(clock_monotonic() - start < 2 * TIME_SECOND);
    finish(&pair);
}

static void test_no_such_host(void **state)
{
    (void)state;
    Transport client;
    Diag diag = { 0 };
    PeerId peer = 0;
    assert_int_equal(transport_enet_create(&(EnetConfig){ 0 }, &client, NULL, &diag), STATUS_OK);
    assert_int_equal(transport_connect(client, "no.such.host.invalid", 1, 0, &peer, &diag), STATUS_NOT_FOUND);
    assert_string_equal(diag.path, "no.such.host.invalid");
    assert_int_equal(transport_connect(client, "127.0.0.1", 1, 0, &peer, &diag), STATUS_OK);
    PeerId other;
    assert_int_equal(transport_connect(client, "127.0.0.1", 1, 0, &other, &diag), STATUS_CAPACITY);
    uint8_t byte = 0;
    assert_int_equal(transport_send(client, peer, 0, DELIVERY_RELIABLE, bytes_of(&byte, 1)),
                     STATUS_DISCONNECTED);
    transport_destroy(client);
}

static void test_strays_are_counted_and_harmless(void **state)
{
    (void)state;
    Pair pair = connected_pair();
    Random random = random_seeded(3);
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(udp >= 0);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(pair.port) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    TransportEvent event;
    enum { STRAYS = 3000 };
    for (int i = 0; i < STRAYS; i++) {
        uint8_t bytes[256];
        size_t size = (size_t)random_below(&random, sizeof bytes);
        for (size_t at = 0; at < size; at++) {
            bytes[at] = (uint8_t)random_u64(&random);
        }
        if (i % 4 == 0 && size > 4) { /* looks like a connection request, or like one of the client's own */
            bytes[0] = i % 8 == 0 ? 0x0F : 0x00;
            bytes[1] = i % 8 == 0 ? 0xFF : 0x00;
        }
        assert_int_equal(sendto(udp, bytes, size, 0, (struct sockaddr *)&to, sizeof to), (ssize_t)size);
        if (i % 50 == 0) {
            assert_int_equal(next_event(&pair, TIME_MS, &event), 0);
        }
    }
    close(udp);
    uint8_t byte = 3;
    assert_int_equal(transport_send(pair.client, pair.at_client, 0, DELIVERY_RELIABLE, bytes_of(&byte, 1)),
                     STATUS_OK);
    assert_int_equal(next_event(&pair, TIME_SECOND, &event), 's');
    assert_int_equal(event.type, TRANSPORT_RECEIVED);
    TransportStats stats;
    assert_int_equal(transport_stats(pair.server, 0, &stats), STATUS_OK);
    assert_true(stats.strays > STRAYS * 9 / 10);
    assert_int_equal(transport_stats(pair.server, 12345, &stats), STATUS_DISCONNECTED);
    finish(&pair);
}

/* A peer that is still there but never serviced again, as after a crash or a pulled cable. */
static void test_lost_peer_is_noticed_within_5_s(void **state)
{
    (void)state;
    Pair pair = connected_pair();
    Pair server_only = { .server = pair.server };
    TransportEvent event;
    TimeNs start = clock_monotonic();
    assert_int_equal(next_event(&server_only, 7 * TIME_SECOND, &event), 's');
    TimeNs took = clock_monotonic() - start;
    assert_int_equal(event.type, TRANSPORT_DISCONNECTED);
    assert_true(took < 5500 * TIME_MS);
    print_message("lost peer noticed after %.2f s\n", time_to_seconds(took));
    finish(&pair);
}

/* Many more knock than there are places for, and never say another word: who comes in is let in at once, and
 * who is in stays. */
static void test_knocking_keeps_nobody_out(void **state)
{
    (void)state;
    Pair pair = connected_pair();
    TransportEvent event;
    TransportStats stats;
    Diag diag;
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(pair.port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    uint8_t knock[52] = { 0x8F, 0xFF, 0, 0,    0x82, 0xFF, 0, 1, 0, 0, 0xFF, 0xFF,
                          0,    0,    5, 0x78, 0,    1,    0, 0, 0, 0, 0,    3 };
    for (uint8_t i = 0; i < 100; i++) {
        knock[47] = i; /* of the connection id: each is another one */
        assert_int_equal(sendto(udp, knock, sizeof knock, 0, (struct sockaddr *)&to, sizeof to),
                         sizeof knock);
    }
    assert_int_equal(next_event(&pair, 50 * TIME_MS, &event), 0);
    Pair newcomer = { .server = pair.server };
    TimeNs start = clock_monotonic();
    assert_int_equal(transport_enet_create(&(EnetConfig){ .server = false }, &newcomer.client, NULL, &diag),
                     STATUS_OK);
    assert_int_equal(
        transport_connect(newcomer.client, "127.0.0.1", pair.port, 7, &newcomer.at_client, &diag), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_not_equal(next_event(&newcomer, 2 * TIME_SECOND, &event), 0);
        assert_int_equal(event.type, TRANSPORT_CONNECTED);
    }
    assert_true(clock_monotonic() - start < 2 * TIME_SECOND); /* those who knock have 3 s and more */
    assert_int_equal(transport_stats(pair.server, 0, &stats), STATUS_OK);
    assert_in_range(stats.displaced, 90, 100); /* 7 places for 101 */
    assert_int_equal(transport_stats(pair.server, pair.at_server, &stats), STATUS_OK);
    transport_destroy(newcomer.client);
    close(udp);
    finish(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets_of_every_size),
        cmocka_unit_test(test_reliable_keeps_order_and_is_bounded),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_disconnect_delivers_first),
        cmocka_unit_test(test_destroy_tells_the_others),
        cmocka_unit_test(test_destroy_does_not_wait_for_the_silent),
        cmocka_unit_test(test_no_such_host),
        cmocka_unit_test(test_strays_are_counted_and_harmless),
        cmocka_unit_test(test_knocking_keeps_nobody_out),
        cmocka_unit_test(test_lost_peer_is_noticed_within_5_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
