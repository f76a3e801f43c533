/* Sealed transports over the simulated network: connecting, packets under loss and disorder, keys that
 * change, refusals, and peers that mean harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/wire/messages.h"
#include "tests/unit/shared/secure_rig.h"

static void connect_or_fail(Rig *rig)
{
    TransportEvent server, client;
    rig_start(rig);
    client = rig_meet(rig, 10 * TIME_SECOND, &server);
    assert_int_equal(client.type, TRANSPORT_CONNECTED);
    assert_int_equal(client.peer, rig->at_client);
    assert_int_equal(server.type, TRANSPORT_CONNECTED);
    assert_int_equal(server.data, RIG_DATA);
}

static void both_learn_the_others_key(void **state)
{
    (void)state;
    Rig rig;
    uint8_t key[NOISE_KEY_SIZE], wanted[NOISE_KEY_SIZE];
    rig_init(&rig, 1, rig_clean);
    connect_or_fail(&rig);
    /* Four one-way trips after the three of the layer below, and a millisecond or so of polling for each. */
    assert_true(rig.now - RIG_START <= 8 * 25 * TIME_MS);
    assert_int_equal(transport_secure_peer_key(rig.server, rig.at_server, key), STATUS_OK);
    noise_public_key(rig_client_secret, wanted);
    assert_memory_equal(key, wanted, sizeof key);
    assert_int_equal(transport_secure_peer_key(rig.client, rig.at_client, key), STATUS_OK);
    noise_public_key(rig_server_secret, wanted);
    assert_memory_equal(key, wanted, sizeof key);
    assert_int_equal(transport_secure_peer_key(rig.client, rig.at_client + 1, key), STATUS_DISCONNECTED);
    SecureCounters counters = transport_secure_counters(rig.server);
    assert_int_equal(counters.handshakes, 1);
    assert_int_equal(counters.opened, 1);
    assert_int_equal(counters.half_open, 0);
    rig_finish(&rig);
}

/* ---- packets ---- */

#define MESSAGES 3000

/* Numbered packets in both directions, on every channel, both ways of delivery. */
typedef struct Stream {
    uint8_t seen[MESSAGES];
    uint32_t count, doubled, backward, newest;
} Stream;

typedef struct Traffic {
    Stream streams[2][TRANSPORT_CHANNELS][2]; /* receiver is the server or the client; channel; delivery */
    uint32_t wrong;
} Traffic;

static void send_number(Transport from, PeerId peer, uint8_t channel, Delivery delivery, uint32_t number)
{
    uint8_t bytes[40];
    memset(bytes, (int)(number & 0xFF), sizeof bytes);
    bytes[0] = (uint8_t)delivery;
    bytes[1] = channel;
    bytes_store_u32(bytes + 2, number);
    size_t size = 6 + number % (sizeof bytes - 6);
    assert_int_equal(transport_send(from, peer, channel, delivery, bytes_of(bytes, size)), STATUS_OK);
}

static void take_numbers(Transport transport, PeerId peer, TimeNs now, Stream streams[TRANSPORT_CHANNELS][2],
                         uint32_t *wrong)
{
    TransportEvent event;
    while (transport_poll(transport, now, &event) == STATUS_OK) {
        assert_int_equal(event.type, TRANSPORT_RECEIVED);
        assert_int_equal(event.peer, peer);
        assert_true(event.bytes.size >= 6 && event.bytes.data[0] < 2);
        uint32_t number = bytes_load_u32(event.bytes.data + 2);
        assert_true(number < MESSAGES);
        Stream *stream = &streams[event.channel][event.bytes.data[0]];
        *wrong += event.bytes.data[1] != event.channel || event.bytes.size != 6 + number % 34 ||
                  (event.bytes.size > 6 && event.bytes.data[event.bytes.size - 1] != (number & 0xFF));
        stream->count++;
        stream->doubled += stream->seen[number];
        stream->seen[number] = 1;
        stream->backward += number < stream->newest;
        stream->newest = number > stream->newest ? number : stream->newest;
    }
}

static void exchange(Rig *rig, Traffic *traffic)
{
    for (uint32_t i = 0; i < MESSAGES + 5000; i++, rig->now += TIME_MS) {
        for (uint8_t j = 0; i < MESSAGES && j < TRANSPORT_CHANNELS * 2; j++) {
            uint8_t channel = j / 2;
            Delivery delivery = (Delivery)(j % 2);
            if (delivery == DELIVERY_RELIABLE && i % 10 != 0) {
                continue;
            }
            send_number(rig->client, rig->at_client, channel, delivery, i);
            send_number(rig->server, rig->at_server, channel, delivery, i);
        }
        transport_flush(rig->client, rig->now);
        transport_flush(rig->server, rig->now);
        take_numbers(rig->server, rig->at_server, rig->now, traffic->streams[0], &traffic->wrong);
        take_numbers(rig->client, rig->at_client, rig->now, traffic->streams[1], &traffic->wrong);
    }
}

static void check_traffic(const Traffic *traffic, double loss)
{
    assert_int_equal(traffic->wrong, 0);
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < TRANSPORT_CHANNELS; j++) {
            const Stream *reliable = &traffic->streams[i][j][DELIVERY_RELIABLE];
            const Stream *unreliable = &traffic->streams[i][j][DELIVERY_UNRELIABLE];
            assert_int_equal(reliable->count, MESSAGES / 10);
            assert_int_equal(reliable->doubled + reliable->backward, 0);
            assert_int_equal(unreliable->doubled, 0);
            assert_true(unreliable->count >= (uint32_t)(MESSAGES * (1 - loss) * 0.95));
            assert_true(unreliable->count <= MESSAGES);
        }
    }
}

static uint64_t run_traffic(uint64_t seed, SimLink link, RekeyRules rekey)
{
    static Traffic traffic;
    Rig rig;
    rig_init(&rig, seed, link);
    rig.server_config.rekey = rig.client_config.rekey = rekey;
    connect_or_fail(&rig);
    memset(&traffic, 0, sizeof traffic);
    exchange(&rig, &traffic);
    check_traffic(&traffic, link.loss);
    SecureCounters server = transport_secure_counters(rig.server);
    assert_int_equal(server.forged + server.late + server.broken, 0);
    if (link.duplication > 0) {
        assert_true(server.replayed > 0);
    }
    rig_finish(&rig);
    return server.rekeys;
}

static void packets_pass_once(void **state)
{
    (void)state;
    assert_int_equal(run_traffic(2, rig_clean, (RekeyRules){ 0 }), 0);
}

static void packets_pass_once_under_loss(void **state)
{
    (void)state;
    assert_int_equal(run_traffic(3, rig_bad, (RekeyRules){ 0 }), 0);
}

static void keys_change_under_loss(void **state)
{
    (void)state;
    /* 3 s of traffic on 3 channels: unreliable keys live a second, reliable ones 100 packets. */
    assert_in_range(run_traffic(4, rig_bad, (RekeyRules){ .packets = 100, .grace = 500 * TIME_MS }), 9, 18);
    assert_in_range(run_traffic(5, rig_bad, (RekeyRules){ .age = TIME_SECOND, .grace = 500 * TIME_MS }), 6,
                    12);
}

/* Packets of other channels may overtake the server's last handshake message: they still come, after
 * CONNECTED.
 */
static void connected_comes_first(void **state)
{
    (void)state;
    enum { PACKETS = 20 };
    const SimLink uneven = { .latency = 20 * TIME_MS, .jitter = 100 * TIME_MS };
    for (uint64_t seed = 0; seed < 200; seed++) {
        Rig rig;
        TransportEvent event;
        uint32_t sent = 0, received = 0;
        bool connected = false;
        rig_init(&rig, seed, uneven);
        rig_start(&rig);
        for (int i = 0; i < 2000; i++, rig.now += TIME_MS) {
            if (transport_poll(rig.server, rig.now, &event) == STATUS_OK) {
                assert_int_equal(event.type, TRANSPORT_CONNECTED);
                rig.at_server = event.peer;
            }
            for (; rig.at_server != 0 && sent < PACKETS; sent++) {
                send_number(rig.server, rig.at_server, 2, (Delivery)(sent % 2), sent);
            }
            transport_flush(rig.server, rig.now);
            if (transport_poll(rig.client, rig.now, &event) == STATUS_OK) {
                assert_int_equal(event.type, connected ? TRANSPORT_RECEIVED : TRANSPORT_CONNECTED);
                received += connected;
                connected = true;
            }
        }
        assert_int_equal(received, PACKETS);
        rig_finish(&rig);
    }
}

static void large_packets_pass(void **state)
{
    (void)state;
    Rig rig;
    TransportEvent event = { 0 };
    size_t most = ((size_t)1 << 20) - SEALED_UNRELIABLE_OVERHEAD;
    uint8_t *bytes = calloc(1, most + 1);
    assert_non_null(bytes);
    rig_init(&rig, 6, rig_clean);
    connect_or_fail(&rig);
    bytes[most - 1] = 42;
    assert_int_equal(
        transport_send(rig.client, rig.at_client, 0, DELIVERY_RELIABLE, bytes_of(bytes, most + 1)),
        STATUS_CAPACITY);
    assert_int_equal(transport_send(rig.client, rig.at_client, 0, DELIVERY_RELIABLE, bytes_of(bytes, most)),
                     STATUS_OK);
    transport_flush(rig.client, rig.now);
    rig.now += TIME_SECOND;
    assert_int_equal(transport_poll(rig.server, rig.now, &event), STATUS_OK);
    assert_int_equal(event.bytes.size, most);
    assert_int_equal(event.bytes.data[most - 1], 42);
    free(bytes);
    rig_finish(&rig);
}

/* ---- refusals ---- */

typedef struct Decision {
    Status status;
    bool incoming;
    char name[64];
    uint8_t key[NOISE_KEY_SIZE];
    int asked;
} Decision;

static Status decide(void *context, bool incoming, const char *name, const uint8_t key[NOISE_KEY_SIZE])
{
    Decision *decision = context;
    decision->asked++;
    decision->incoming = incoming;
    strncpy(decision->name, name, sizeof decision->name - 1);
    memcpy(decision->key, key, NOISE_KEY_SIZE);
    return decision->status;
}

static void untrusted_servers_learn_nothing(void **state)
{
    (void)state;
    Rig rig;
    Decision decision = { .status = STATUS_NOT_ALLOWED }, other = { .status = STATUS_OK };
    uint8_t wanted[NOISE_KEY_SIZE];
    rig_init(&rig, 7, rig_clean);
    rig.client_config.trust = (SecureTrust){ .decide = decide, .context = &decision };
    rig.server_config.trust = (SecureTrust){ .decide = decide, .context = &other };
    rig_start(&rig);
    TransportEvent server, client = rig_meet(&rig, 10 * TIME_SECOND, &server);
    assert_int_equal(client.type, TRANSPORT_DISCONNECTED);
    assert_int_equal(client.data, REJECT_IDENTITY);
    assert_int_equal(decision.asked, 1);
    assert_false(decision.incoming);
    assert_string_equal(decision.name, "sim:7000");
    noise_public_key(rig_server_secret, wanted);
    assert_memory_equal(decision.key, wanted, sizeof wanted);
    for (int i = 0; i < 1000; i++, rig.now += TIME_MS) {
        assert_int_equal(transport_poll(rig.server, rig.now, &server), STATUS_EMPTY);
        assert_int_equal(transport_poll(rig.client, rig.now, &client), STATUS_EMPTY);
    }
    assert_int_equal(other.asked, 0);
    assert_int_equal(transport_secure_counters(rig.server).half_open, 0);
    rig_finish(&rig);
}

static void untrusted_clients_are_turned_away(void **state)
{
    (void)state;
    Rig rig;
    Decision decision = { .status = STATUS_NOT_ALLOWED };
    rig_init(&rig, 8, rig_clean);
    rig.server_config.trust = (SecureTrust){ .decide = decide, .context = &decision };
    rig_start(&rig);
    TransportEvent server, client = rig_meet(&rig, 10 * TIME_SECOND, &server);
    assert_int_equal(client.type, TRANSPORT_DISCONNECTED);
    assert_int_equal(client.data, REJECT_IDENTITY);
    assert_int_equal(server.type, TRANSPORT_RECEIVED); /* nothing: the server above never heard of it */
    assert_true(decision.incoming);
    assert_int_equal(transport_secure_counters(rig.server).untrusted, 1);
    rig_finish(&rig);
}

static void plain_servers_time_out(void **state)
{
    (void)state;
    Rig rig;
    Transport plain;
    rig_init(&rig, 9, rig_clean);
    assert_int_equal(transport_sim_create(rig.network, RIG_PORT, &plain), STATUS_OK);
    rig.server = plain;
    rig.client = rig_sealed(&rig, 0, &rig.client_config);
    assert_int_equal(transport_connect(rig.client, "sim", RIG_PORT, RIG_DATA, &rig.at_client, NULL),
                     STATUS_OK);
    TransportEvent client = rig_meet(&rig, 10 * TIME_SECOND, NULL);
    assert_int_equal(client.type, TRANSPORT_DISCONNECTED);
    assert_int_equal(client.data, REJECT_TIMEOUT);
    rig_finish(&rig);
}

/* The number that ENet carries unprotected is bound by the handshake. */
static void changed_connect_data_is_noticed(void **state)
{
    (void)state;
    SecureChannel channels[2];
    uint8_t first[SECURE_HANDSHAKE_MAX], second[SECURE_HANDSHAKE_MAX], cookie[SECURE_COOKIE_SIZE] = { 1 };
    const uint8_t ephemerals[2][NOISE_KEY_SIZE] = { { 1 }, { 2 } };
    ByteBuffer a = { .data = first, .capacity = sizeof first },
               b = { .data = second, .capacity = sizeof second };
    SecureSetup initiator = { .secret = rig_client_secret, .ephemeral = ephemerals[0], .connect_data = 1 };
    SecureSetup responder = { .secret = rig_server_secret, .ephemeral = ephemerals[1], .connect_data = 2 };
    secure_challenge_write(cookie, &a);
    assert_int_equal(secure_channel_initiate(&channels[0], &initiator, bytes_of(first, a.size), &b),
                     STATUS_OK);
    assert_int_equal(secure_channel_respond(&channels[1], &responder, bytes_of(second, b.size), &a),
                     STATUS_OK);
    assert_int_equal(secure_channel_read_response(&channels[0], bytes_of(first, a.size)), STATUS_MALFORMED);
    first[0] = SECURE_CHALLENGE;
    first[1] = SECURE_VERSION + 1;
    assert_int_equal(secure_channel_initiate(&channels[0], &initiator, bytes_of(first, a.size), &b),
                     STATUS_VERSION_MISMATCH);
}

/* ---- peers that mean harm ---- */

/* Bytes that arrive in a live connection and were never sealed by the peer. */
static void forged_packets_are_dropped(void **state)
{
    (void)state;
    Rig rig;
    Transport below;
    TransportEvent event;
    Random random = random_seeded(13);
    uint32_t received = 0;
    rig_init(&rig, 13, rig_clean);
    connect_or_fail(&rig);
    below = *(const Transport *)rig.client.context; /* the decorator's first member is what it decorates */
    for (int i = 0; i < 3000; i++, rig.now += TIME_MS) {
        uint8_t bytes[64];
        for (size_t j = 0; j < sizeof bytes; j++) {
            bytes[j] = (uint8_t)random_u64(&random);
        }
        Delivery delivery = i % 500 == 0 ? DELIVERY_RELIABLE : DELIVERY_UNRELIABLE;
        bytes[0] = (uint8_t)(bytes[0] & 0x7F); /* a reliable one on another channel would go on for ever */
        uint8_t channel = (uint8_t)random_below(&random, 3);
        Bytes forged = bytes_of(bytes, (size_t)random_below(&random, sizeof bytes));
        assert_int_equal(transport_send(below, rig.at_client, channel, delivery, forged), STATUS_OK);
        if (i % 10 == 0) {
            send_number(rig.client, rig.at_client, 0, DELIVERY_RELIABLE, 1);
        }
        transport_flush(rig.client, rig.now);
        while (transport_poll(rig.server, rig.now, &event) == STATUS_OK) {
            assert_int_equal(event.type, TRANSPORT_RECEIVED);
            received++;
        }
    }
    assert_in_range(received, 290, 300);
    assert_in_range(transport_secure_counters(rig.server).forged, 2900, 3000);
    uint8_t reliable[20] = { 0x80 };
    for (int i = 0; i < 8; i++) {
        assert_int_equal(transport_send(below, rig.at_client, 1, DELIVERY_RELIABLE, bytes_of(reliable, 20)),
                         STATUS_OK);
    }
    transport_flush(rig.client, rig.now);
    rig.now += TIME_SECOND;
    do {
        assert_int_equal(transport_poll(rig.server, rig.now, &event), STATUS_OK);
    } while (event.type == TRANSPORT_RECEIVED);
    assert_int_equal(event.type, TRANSPORT_DISCONNECTED);
    assert_int_equal(event.data, REJECT_HANDSHAKE);
    assert_int_equal(transport_secure_counters(rig.server).broken, 1);
    rig_finish(&rig);
}

/* A peer that speaks the layer below by hand. */
static PeerId raw_connect(Transport raw)
{
    PeerId peer = 0;
    assert_int_equal(transport_connect(raw, "sim", RIG_PORT, RIG_DATA, &peer, NULL), STATUS_OK);
    return peer;
}

/* Connects, waits for the CHALLENGE and answers with `size` bytes of `answer`, the cookie put in at 1 when
 * `cookie`. Returns the reason of the server's disconnect, or 0. */
static uint32_t raw_answer(const uint8_t *answer, size_t size, bool cookie, SecureCounters *out_counters)
{
    Rig rig;
    Transport raw;
    TransportEvent event;
    uint32_t reason = 0;
    uint8_t bytes[64] = { 0 };
    memcpy(bytes, answer, size);
    rig_init(&rig, 10, rig_clean);
    rig.server = rig_sealed(&rig, RIG_PORT, &rig.server_config);
    assert_int_equal(transport_sim_create(rig.network, 0, &raw), STATUS_OK);
    PeerId peer = raw_connect(raw);
    for (int i = 0; i < 2000 && reason == 0; i++, rig.now += TIME_MS) {
        assert_int_equal(transport_poll(rig.server, rig.now, &event), STATUS_EMPTY);
        if (transport_poll(raw, rig.now, &event) != STATUS_OK) {
            continue;
        }
        if (event.type == TRANSPORT_RECEIVED && event.bytes.data[0] == SECURE_CHALLENGE) {
            assert_int_equal(event.bytes.size, SECURE_CHALLENGE_SIZE);
            if (cookie) {
                memcpy(bytes + 1, event.bytes.data + 2, SECURE_COOKIE_SIZE);
            }
            assert_int_equal(transport_send(raw, peer, 0, DELIVERY_RELIABLE, bytes_of(bytes, size)),
                             STATUS_OK);
        }
        reason = event.type == TRANSPORT_DISCONNECTED ? event.data : reason;
    }
    *out_counters = transport_secure_counters(rig.server);
    assert_int_equal(out_counters->opened, 0);
    transport_destroy(raw);
    transport_destroy(rig.server);
    sim_network_destroy(rig.network);
    return reason;
}

static void only_the_right_cookie_costs_anything(void **state)
{
    (void)state;
    SecureCounters counters;
    uint8_t initiate[SECURE_INITIATE_SIZE] = { SECURE_INITIATE };
    initiate[SECURE_INITIATE_SIZE - 1] = 9;
    assert_int_equal(raw_answer(initiate, sizeof initiate, false, &counters), REJECT_HANDSHAKE);
    assert_int_equal(counters.bad_cookies, 1);
    assert_int_equal(counters.handshakes, 0);
    assert_int_equal(raw_answer(initiate, sizeof initiate - 1, true, &counters), REJECT_HANDSHAKE);
    assert_int_equal(counters.malformed, 1);
    assert_int_equal(counters.handshakes, 0);
    assert_int_equal(raw_answer((const uint8_t *)"\1hello", 6, false, &counters),
                     REJECT_HANDSHAKE); /* plain */
    assert_int_equal(counters.handshakes, 0);
    assert_int_equal(raw_answer(initiate, sizeof initiate, true, &counters), 0);
    assert_int_equal(counters.handshakes, 1);
    assert_int_equal(counters.half_open, 1);
}

/* One attacker's transport: connects, and answers as the kind says. */
typedef enum Attack { ATTACK_SILENT, ATTACK_GARBAGE, ATTACK_COOKIE, ATTACK_KINDS } Attack;

static void attack(Rig *rig, Transport raw, Random *random)
{
    TransportEvent event;
    while (transport_poll(raw, rig->now, &event) == STATUS_OK) {
        Attack kind = (Attack)(event.peer % ATTACK_KINDS);
        uint8_t bytes[SECURE_INITIATE_SIZE];
        if (event.type != TRANSPORT_RECEIVED || kind == ATTACK_SILENT) {
            continue;
        }
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)random_u64(random);
        }
        if (kind == ATTACK_COOKIE || event.peer % 2 == 0) {
            bytes[0] = SECURE_INITIATE;
        }
        if (kind == ATTACK_COOKIE && event.bytes.data[0] == SECURE_CHALLENGE) {
            memcpy(bytes + 1, event.bytes.data + 2, SECURE_COOKIE_SIZE);
        }
        uint8_t channel = (uint8_t)random_below(random, 3);
        size_t size = (size_t)random_below(random, sizeof bytes);
        (void)!transport_send(raw, event.peer, channel, DELIVERY_UNRELIABLE, bytes_of(bytes, size));
        (void)!transport_send(raw, event.peer, 0, DELIVERY_RELIABLE, bytes_of(bytes, sizeof bytes));
    }
}

/* 10,000 handshakes that are begun and never finished, garbage among them, while one client is served: it
 * gets every packet, on time. */
static void half_open_handshakes_disturb_nobody(void **state)
{
    (void)state;
    enum { ATTACKERS = 10000, PER_MS = 5 };
    Rig rig;
    Transport raw;
    Random random = random_seeded(11);
    TransportEvent event;
    TimeNs slowest = 0;
    uint32_t received = 0, attackers = 0;
    rig_init(&rig, 11, rig_clean);
    rig.server_config.limits = (AdmissionLimits){ .half_open = 512, .half_open_per_address = 512 };
    connect_or_fail(&rig);
    assert_int_equal(transport_sim_create(rig.network, 0, &raw), STATUS_OK);
    for (int i = 0; i < 8000; i++, rig.now += TIME_MS) {
        for (int j = 0; j < PER_MS && attackers < ATTACKERS; j++, attackers++) {
            raw_connect(raw);
        }
        attack(&rig, raw, &random);
        if (i % 16 == 0) {
            uint8_t bytes[8];
            bytes_store_u64(bytes, (uint64_t)rig.now);
            assert_int_equal(
                transport_send(rig.server, rig.at_server, 1, DELIVERY_UNRELIABLE, bytes_of(bytes, 8)),
                STATUS_OK);
            transport_flush(rig.server, rig.now);
        }
        while (transport_poll(rig.server, rig.now, &event) == STATUS_OK) {
            fail_msg("the server above noticed: event %d", (int)event.type);
        }
        while (transport_poll(rig.client, rig.now, &event) == STATUS_OK) {
            TimeNs took = rig.now - (TimeNs)bytes_load_u64(event.bytes.data);
            slowest = took > slowest ? took : slowest;
            received++;
        }
    }
    SecureCounters counters = transport_secure_counters(rig.server);
    assert_int_equal(received, (8000 - 20) / 16 + 1);
    assert_true(slowest <= rig_clean.latency + TIME_MS);
    assert_true(counters.challenged + counters.limited >= ATTACKERS);
    assert_true(counters.displaced > 0 && counters.timed_out > 0 && counters.bad_cookies > 0);
    /* 50 a second and a burst of 50 from one address, however many ask. */
    assert_in_range(counters.handshakes, 50, 50 + 50 * 9);
    transport_destroy(raw);
    rig_finish(&rig);
}

/* When the handshakes of one address have to wait, another's does not. */
static void those_who_wait_are_served_in_turn(void **state)
{
    (void)state;
    enum { CLIENTS = 200 };
    Rig rig;
    Transport clients[CLIENTS];
    TransportEvent event;
    uint32_t connected = 0;
    rig_init(&rig, 12, rig_clean);
    rig.server = rig_sealed(&rig, RIG_PORT, &rig.server_config);
    for (int i = 0; i < CLIENTS; i++) {
        PeerId peer;
        clients[i] = rig_sealed(&rig, 0, &rig.client_config);
        assert_int_equal(transport_connect(clients[i], "sim", RIG_PORT, RIG_DATA, &peer, NULL), STATUS_OK);
    }
    TimeNs first = 0, last = 0;
    for (int i = 0; i < 1000 && connected < CLIENTS; i++, rig.now += 5 * TIME_MS) {
        while (transport_poll(rig.server, rig.now, &event) == STATUS_OK) {
        }
        for (int j = 0; j < CLIENTS; j++) {
            while (transport_poll(clients[j], rig.now, &event) == STATUS_OK) {
                assert_int_equal(event.type, TRANSPORT_CONNECTED);
                connected++;
                first = first == 0 ? rig.now : first;
                last = rig.now;
            }
        }
    }
    assert_int_equal(connected, CLIENTS);
    assert_in_range(last - first, 2 * TIME_SECOND, 4 * TIME_SECOND); /* 150 of them at 50 a second */
    for (int i = 0; i < CLIENTS; i++) {
        transport_destroy(clients[i]);
    }
    transport_destroy(rig.server);
    sim_network_destroy(rig.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_learn_the_others_key),
        cmocka_unit_test(packets_pass_once),
        cmocka_unit_test(packets_pass_once_under_loss),
        cmocka_unit_test(keys_change_under_loss),
        cmocka_unit_test(connected_comes_first),
        cmocka_unit_test(large_packets_pass),
        cmocka_unit_test(untrusted_servers_learn_nothing),
        cmocka_unit_test(untrusted_clients_are_turned_away),
        cmocka_unit_test(plain_servers_time_out),
        cmocka_unit_test(changed_connect_data_is_noticed),
        cmocka_unit_test(forged_packets_are_dropped),
        cmocka_unit_test(only_the_right_cookie_costs_anything),
        cmocka_unit_test(half_open_handshakes_disturb_nobody),
        cmocka_unit_test(those_who_wait_are_served_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
