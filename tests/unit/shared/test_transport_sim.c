/* The simulated network: what it promises for reliable and unreliable packets, connections, cuts, seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "shared/wire/transport_sim.h"

#define PORT     7000
#define MESSAGES 2000
#define START    (1000 * TIME_SECOND) /* no clock starts at 0 */

static const SimLink clean = { .latency = 20 * TIME_MS };
static const SimLink bad = {
    .latency = 75 * TIME_MS, .jitter = 30 * TIME_MS, .loss = 0.2, .duplication = 0.1, .reorder = 0.1
};

typedef struct Pair {
    SimNetwork *network;
    Transport server, client;
    PeerId at_server, at_client;
    TimeNs now;
} Pair;

static Pair connected_pair(uint64_t seed, SimLink link)
{
    Pair pair = { .now = START };
    TransportEvent event;
    assert_int_equal(sim_network_create(seed, link, &pair.network), STATUS_OK);
    assert_int_equal(transport_sim_create(pair.network, PORT, &pair.server), STATUS_OK);
    assert_int_equal(transport_sim_create(pair.network, 0, &pair.client), STATUS_OK);
    assert_int_equal(transport_connect(pair.client, "sim", PORT, 42, &pair.at_client, NULL), STATUS_OK);
    bool accepted = false;
    for (int i = 0; i < 2000 && !(accepted && pair.at_server); i++) {
        if (transport_poll(pair.server, pair.now, &event) == STATUS_OK) {
            assert_int_equal(event.type, TRANSPORT_CONNECTED);
            assert_int_equal(event.data, 42);
            pair.at_server = event.peer;
        }
        if (transport_poll(pair.client, pair.now, &event) == STATUS_OK) {
            assert_int_equal(event.type, TRANSPORT_CONNECTED);
            assert_int_equal(event.peer, pair.at_client);
            accepted = true;
        }
        pair.now += TIME_MS;
    }
    assert_true(accepted && pair.at_server != 0);
    return pair;
}

static void finish(Pair *pair)
{
    transport_destroy(pair->client);
    transport_destroy(pair->server);
    sim_network_destroy(pair->network);
}

/* Sends MESSAGES numbered packets a millisecond apart; counts how often and in which order they arrive. */
typedef struct Arrivals {
    uint32_t count, distinct, backward;
    uint8_t seen[MESSAGES];
    uint64_t digest;
    TimeNs slowest;
} Arrivals;

static void take_arrivals(Pair *pair, Arrivals *arrivals, uint32_t *newest)
{
    TransportEvent event;
    while (transport_poll(pair->server, pair->now, &event) == STATUS_OK) {
        assert_int_equal(event.type, TRANSPORT_RECEIVED);
        assert_int_equal(event.peer, pair->at_server);
        assert_int_equal(event.bytes.size, 12);
        uint32_t number = bytes_load_u32(event.bytes.data);
        TimeNs sent = (TimeNs)bytes_load_u64(event.bytes.data + 4);
        assert_true(number < MESSAGES);
        arrivals->count++;
        arrivals->distinct += !arrivals->seen[number];
        arrivals->seen[number] = 1;
        arrivals->backward += number < *newest;
        *newest = number > *newest ? number : *newest;
        arrivals->digest = arrivals->digest * 31 + number;
        TimeNs took = event.received - sent;
        arrivals->slowest = took > arrivals->slowest ? took : arrivals->slowest;
    }
}

static Arrivals run_stream(uint64_t seed, SimLink link, Delivery delivery)
{
    Pair pair = connected_pair(seed, link);
    Arrivals arrivals = { 0 };
    uint32_t newest = 0;
    TransportEvent event;
    for (uint32_t i = 0; i < MESSAGES + 6000; i++) {
        uint8_t bytes[12];
        bytes_store_u32(bytes, i);
        bytes_store_u64(bytes + 4, (uint64_t)pair.now);
        if (i < MESSAGES) {
            assert_int_equal(transport_send(pair.client, pair.at_client, 1, delivery, bytes_of(bytes, 12)),
                             STATUS_OK);
        }
        transport_flush(pair.client, pair.now);
        take_arrivals(&pair, &arrivals, &newest);
        assert_int_equal(transport_poll(pair.client, pair.now, &event), STATUS_EMPTY);
        pair.now += TIME_MS;
    }
    TransportStats stats;
    assert_int_equal(transport_stats(pair.client, pair.at_client, &stats), STATUS_OK);
    assert_int_equal(stats.queued, 0);
    assert_int_equal(stats.packets_sent, MESSAGES);
    finish(&pair);
    return arrivals;
}

static void test_reliable_is_once_and_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        Arrivals arrivals = run_stream(seed, bad, DELIVERY_RELIABLE);
        assert_int_equal(arrivals.count, MESSAGES);
        assert_int_equal(arrivals.distinct, MESSAGES);
        assert_int_equal(arrivals.backward, 0);
        assert_true(arrivals.slowest > 200 * TIME_MS); /* a loss costs a retransmission */
    }
}

static void test_unreliable_suffers_the_link(void **state)
{
    (void)state;
    Arrivals arrivals = run_stream(5, bad, DELIVERY_UNRELIABLE);
    assert_in_range(arrivals.distinct, MESSAGES * 75 / 100, MESSAGES * 88 / 100); /* lost unless duplicated */
    assert_true(arrivals.count > arrivals.distinct + MESSAGES / 30);
    assert_true(arrivals.backward > MESSAGES / 50);

    arrivals = run_stream(5, clean, DELIVERY_UNRELIABLE);
    assert_int_equal(arrivals.count, MESSAGES);
    assert_int_equal(arrivals.backward, 0);
    assert_true(arrivals.slowest == clean.latency);
}

static void test_same_seed_same_run(void **state)
{
    (void)state;
    Arrivals a = run_stream(9, bad, DELIVERY_UNRELIABLE);
    Arrivals b = run_stream(9, bad, DELIVERY_UNRELIABLE);
    Arrivals c = run_stream(10, bad, DELIVERY_UNRELIABLE);
    assert_true(a.digest == b.digest && a.count == b.count);
    assert_true(a.digest != c.digest);
}

/* Polls both ends until one reports something; returns 's' or 'c' for who, 0 after `most`. */
static char next_event(Pair *pair, TimeNs most, TransportEvent *event)
{
    for (TimeNs end = pair->now + most; pair->now < end; pair->now += TIME_MS) {
        if (transport_poll(pair->server, pair->now, event) == STATUS_OK) {
            return 's';
        }
        if (transport_poll(pair->client, pair->now, event) == STATUS_OK) {
            return 'c';
        }
    }
    return 0;
}

static void test_disconnect_follows_the_data(void **state)
{
    (void)state;
    Pair pair = connected_pair(3, bad);
    TransportEvent event;
    uint8_t byte = 7;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(
            transport_send(pair.server, pair.at_server, 0, DELIVERY_RELIABLE, bytes_of(&byte, 1)), STATUS_OK);
    }
    transport_disconnect(pair.server, pair.at_server, 5);
    assert_int_equal(transport_send(pair.server, pair.at_server, 0, DELIVERY_RELIABLE, bytes_of(&byte, 1)),
                     STATUS_DISCONNECTED);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(next_event(&pair, 10 * TIME_SECOND, &event), 'c');
        assert_int_equal(event.type, TRANSPORT_RECEIVED);
    }
    assert_int_equal(next_event(&pair, 10 * TIME_SECOND, &event), 'c');
    assert_int_equal(event.type, TRANSPORT_DISCONNECTED);
    assert_int_equal(event.data, 5);
    assert_int_equal(next_event(&pair, 10 * TIME_SECOND, &event), 0);

    /* The old name of the connection means nothing to the next one in its slot. */
    PeerId old = pair.at_client;
    assert_int_equal(transport_connect(pair.client, "sim", PORT, 1, &pair.at_client, NULL), STATUS_OK);
    assert_int_not_equal(old, pair.at_client);
    assert_int_equal(next_event(&pair, TIME_SECOND, &event), 's');
    assert_int_not_equal(event.peer, pair.at_server);
    assert_int_equal(transport_send(pair.client, old, 0, DELIVERY_RELIABLE, bytes_of(&byte, 1)),
                     STATUS_DISCONNECTED);
    finish(&pair);
}

static void test_cut_and_timeout(void **state)
{
    (void)state;
    Pair pair = connected_pair(4, clean);
    TransportEvent event;
    uint8_t byte = 1;
    assert_int_equal(next_event(&pair, 20 * TIME_SECOND, &event), 0); /* silence alone is no loss */

    sim_network_cut(pair.network, true);
    assert_int_equal(transport_send(pair.client, pair.at_client, 0, DELIVERY_RELIABLE, bytes_of(&byte, 1)),
                     STATUS_OK);
    assert_int_equal(transport_send(pair.client, pair.at_client, 1, DELIVERY_UNRELIABLE, bytes_of(&byte, 1)),
                     STATUS_OK);
    assert_int_equal(next_event(&pair, 2 * TIME_SECOND, &event), 0);
    sim_network_cut(pair.network, false);
    assert_int_equal(next_event(&pair, TIME_SECOND, &event), 's');
    assert_int_equal(event.channel, 0);
    assert_int_equal(next_event(&pair, TIME_SECOND, &event), 0);

    sim_network_cut(pair.network, true);
    TimeNs cut_at = pair.now;
    char who = next_event(&pair, 20 * TIME_SECOND, &event);
    assert_int_equal(event.type, TRANSPORT_DISCONNECTED);
    assert_true(pair.now - cut_at > 4900 * TIME_MS && pair.now - cut_at < 5200 * TIME_MS);
    assert_int_not_equal(next_event(&pair, TIME_SECOND, &event), who);
    assert_int_equal(event.type, TRANSPORT_DISCONNECTED);
    finish(&pair);
}

static void test_vanished_client_times_out(void **state)
{
    (void)state;
    Pair pair = connected_pair(4, clean);
    TransportEvent event = { 0 };
    transport_destroy(pair.client);
    pair.client = (Transport){ 0 };
    Status status = STATUS_EMPTY;
    for (TimeNs end = pair.now + 10 * TIME_SECOND; status == STATUS_EMPTY && pair.now < end;
         pair.now += TIME_MS) {
        status = transport_poll(pair.server, pair.now, &event);
    }
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(event.type, TRANSPORT_DISCONNECTED);
    assert_int_equal(event.peer, pair.at_server);
    finish(&pair);
}

static void test_connecting_to_nobody(void **state)
{
    (void)state;
    Pair pair = connected_pair(4, clean);
    TransportEvent event;
    PeerId peer;
    Diag diag;
    assert_int_equal(transport_connect(pair.client, "elsewhere", PORT, 0, &peer, &diag), STATUS_NOT_FOUND);
    assert_int_equal(transport_connect(pair.client, "sim", PORT + 1, 0, &peer, &diag), STATUS_OK);
    assert_int_equal(next_event(&pair, 10 * TIME_SECOND, &event), 'c');
    assert_int_equal(event.type, TRANSPORT_DISCONNECTED);
    assert_int_equal(event.peer, peer);
    Transport second;
    assert_int_equal(transport_sim_create(pair.network, PORT, &second), STATUS_ADDRESS_IN_USE);
    char text[32];
    assert_int_equal(transport_address(pair.client, pair.at_client, text, sizeof text), STATUS_OK);
    assert_string_equal(text, "sim:7000");
    finish(&pair);
}

static void test_many_clients(void **state)
{
    (void)state;
    enum { CLIENTS = 40 };
    SimNetwork *network;
    Transport server, clients[CLIENTS];
    PeerId peers[CLIENTS], peer = 0;
    TransportEvent event;
    assert_int_equal(sim_network_create(1, bad, &network), STATUS_OK);
    assert_int_equal(transport_sim_create(network, PORT, &server), STATUS_OK);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(transport_sim_create(network, 0, &clients[i]), STATUS_OK);
        assert_int_equal(transport_connect(clients[i], "sim", PORT, i, &peers[i], NULL), STATUS_OK);
    }
    uint32_t echoed = 0, connected = 0;
    for (TimeNs now = START; now < START + 20 * TIME_SECOND && echoed < CLIENTS; now += 5 * TIME_MS) {
        while (transport_poll(server, now, &event) == STATUS_OK) {
            assert_int_equal(event.type, TRANSPORT_CONNECTED);
            uint8_t number = (uint8_t)event.data;
            peer = event.peer;
            connected++;
            assert_int_equal(transport_send(server, peer, 0, DELIVERY_RELIABLE, bytes_of(&number, 1)),
                             STATUS_OK);
        }
        for (uint32_t i = 0; i < CLIENTS; i++) {
            while (transport_poll(clients[i], now, &event) == STATUS_OK) {
                if (event.type == TRANSPORT_RECEIVED) {
                    assert_int_equal(event.bytes.data[0], i);
                    echoed++;
                }
            }
        }
    }
    assert_int_equal(connected, CLIENTS);
    assert_int_equal(echoed, CLIENTS);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        transport_destroy(clients[i]);
    }
    transport_destroy(server);
    transport_destroy((Transport){ 0 });
    sim_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reliable_is_once_and_in_order),
        cmocka_unit_test(test_unreliable_suffers_the_link),
        cmocka_unit_test(test_same_seed_same_run),
        cmocka_unit_test(test_disconnect_follows_the_data),
        cmocka_unit_test(test_cut_and_timeout),
        cmocka_unit_test(test_vanished_client_times_out),
        cmocka_unit_test(test_connecting_to_nobody),
        cmocka_unit_test(test_many_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
