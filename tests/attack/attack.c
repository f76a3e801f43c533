/* attack.c - clients that misbehave against a real server on loopback, and one that behaves and measures.
 *
 *   attack PORT watch                  joins and stands; each line on standard input makes it print what it
 * has seen since the line before, as a JSON object; the end of input makes it leave attack PORT join joins
 * once; prints how long that took attack PORT knock COUNT RATE       connection requests from COUNT addresses
 * of 127.0.0.0/8, RATE a second, none of which ever says more attack PORT stall COUNT RATE       the same,
 * but each completes ENet's own handshake and then says nothing attack PORT flood COUNT            COUNT
 * clients in turn send valid messages as fast as they can until they are closed attack PORT rules one client
 * for each rule that can be broken, each closed with a reason attack PORT replay SECONDS         joins and
 * sends every sealed datagram three times, out of order
 *
 * All but the first print a JSON object of what became of them. */
#include "shared/base/clock_file.h"
#include "shared/wire/messages.h"
#include "shared/wire/snapshot_packet.h"
#include "shared/wire/transport_enet.h"
#include "shared/wire/transport_secure.h"

#include <arpa/inet.h>
#include <enet/enet.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SAMPLES_MAX 200000u
#define STEP        TIME_MS
#define JOIN_LIMIT  (20 * TIME_SECOND)

typedef struct Samples {
    double values[SAMPLES_MAX];
    uint32_t count;
} Samples;

typedef struct Client {
    Transport transport;
    PeerId peer;
    uint32_t state; /* STATE_* of messages.h; 0: not connected */
    uint32_t newest, manifest_left, step;
    bool ended;
    uint32_t reason; /* of the disconnect */
    uint8_t reject;  /* RejectCode of a REJECT, 0: none came */
    uint8_t hash[HASH_SIZE];
    TimeNs last_snapshot, next_input, next_time;
    Samples *gaps, *trips;
} Client;

static uint16_t port;
static uint8_t scratch[1 << 12];

static void die(const char *what)
{
    fprintf(stderr, "attack: %s\n", what);
    exit(1);
}

static void must(Status status, const char *what)
{
    if (status != STATUS_OK) {
        die(what);
    }
}

static uint64_t number_of(const char *text)
{
    char *end = NULL;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        die("a number is wanted");
    }
    return number;
}

/* ---- a client that speaks the protocol ---- */

static void client_send(Client *client, const Message *message)
{
    ByteBuffer buffer = { .data = scratch, .capacity = sizeof scratch };
    (void)!message_send(client->transport, client->peer, message, &buffer);
}

static void client_start(Client *client)
{
    Diag diag = { 0 };
    uint8_t secret[NOISE_KEY_SIZE];
    randombytes_buf(secret, sizeof secret);
    const SecureConfig config = { .secret = secret, .handshake_timeout = JOIN_LIMIT };
    Samples *gaps = client->gaps, *trips = client->trips;
    *client = (Client){ .gaps = gaps, .trips = trips };
    must(transport_enet_create(&(EnetConfig){ .patience = TIME_MINUTE }, &client->transport, NULL, &diag),
         "no transport");
    must(transport_secure_create(client->transport, &config, &client->transport), "no secure channel");
    must(transport_connect(client->transport, "127.0.0.1", port, PROTOCOL_MAGIC | PROTOCOL_VERSION,
                           &client->peer, &diag),
         "cannot connect");
}

static void client_finish(Client *client)
{
    transport_destroy(client->transport);
    client->transport = (Transport){ 0 };
}

/* Good-bye, delivered before the connection ends. */
static void client_leave(Client *client)
{
    client_send(client, &(Message){ .id = MESSAGE_BYE });
    transport_disconnect(client->transport, client->peer, 0);
    client_finish(client);
}

static void say_hello(Client *client)
{
    Message hello = { .id = MESSAGE_HELLO,
                      .hello = { .version = PROTOCOL_VERSION, .name = "attack", .build = "attack" } };
    client->state = STATE_HELLO;
    client_send(client, &hello);
}

static void say_ready(Client *client)
{
    Message ready = { .id = MESSAGE_READY };
    memcpy(ready.ready.world_hash, client->hash, HASH_SIZE);
    client_send(client, &ready);
    client->state = STATE_LIVE;
}

static void note(Samples *samples, TimeNs value)
{
    if (samples != NULL && samples->count < SAMPLES_MAX) {
        samples->values[samples->count++] = (double)value / 1e6;
    }
}

static void on_message(Client *client, const Message *message, TimeNs now)
{
    uint32_t sequence = 0;
    switch (message->id) {
    case MESSAGE_WELCOME:
        memcpy(client->hash, message->welcome.world_hash, HASH_SIZE);
        client->manifest_left = message->welcome.manifest_count;
        client->state = STATE_JOIN;
        break;
    case MESSAGE_MANIFEST_ENTRY: /* all that is needed to say READY is known */
        if (--client->manifest_left == 0) {
            say_ready(client);
        }
        break;
    case MESSAGE_REJECT:
        client->reject = message->reject.code;
        break;
    case MESSAGE_TIME_RESPONSE:
        note(client->trips, now - message->time_response.t0);
        break;
    case MESSAGE_SNAPSHOT:
        if (packet_peek(message->snapshot.body, &client->newest, &sequence) == STATUS_OK) {
            if (client->last_snapshot != 0) {
                note(client->gaps, now - client->last_snapshot);
            }
            client->last_snapshot = now;
        }
        break;
    default:
        break;
    }
}

/* Takes in what has come. */
static void client_receive(Client *client, TimeNs now)
{
    TransportEvent event;
    Message message;
    while (transport_poll(client->transport, now, &event) == STATUS_OK) {
        if (event.type == TRANSPORT_CONNECTED) {
            say_hello(client);
        } else if (event.type == TRANSPORT_DISCONNECTED) {
            client->ended = true;
            client->reason = event.data;
        } else if (message_decode(event.bytes, SENDER_SERVER, event.channel, client->state, ROLE_NONE,
                                  &message) == STATUS_OK) {
            on_message(client, &message, now);
        }
    }
}

/* What a client says by itself; it stands, and acknowledges nothing: the world told from nothing every time.
 */
static void client_speak(Client *client, TimeNs now)
{
    if (client->state == STATE_LIVE && now >= client->next_input) {
        client->next_input = now + 50 * TIME_MS;
        client->step += 3;
        Message input = { .id = MESSAGE_INPUT, .input = { .first_sequence = client->step - 2, .count = 3 } };
        client_send(client, &input);
    }
    if (client->state == STATE_LIVE && now >= client->next_time) {
        client->next_time = now + 10 * TIME_MS;
        Message ask = { .id = MESSAGE_TIME_REQUEST, .time_request = { .t0 = now } };
        client_send(client, &ask);
    }
    transport_flush(client->transport, now);
}

/* True once it is live and has seen a snapshot. */
static bool client_join(Client *client, TimeNs limit)
{
    TimeNs start = clock_monotonic();
    client_start(client);
    for (TimeNs now = start; now - start < limit && !client->ended; now = clock_monotonic()) {
        client_receive(client, now);
        client_speak(client, now);
        if (client->last_snapshot != 0) {
            return true;
        }
        clock_sleep_until(now + STEP);
    }
    return false;
}

/* Waits until the server has closed it, `each` doing what it does meanwhile. */
static void until_closed(Client *client, TimeNs limit, void (*each)(Client *client, TimeNs now))
{
    TimeNs start = clock_monotonic();
    for (TimeNs now = start; now - start < limit && !client->ended; now = clock_monotonic()) {
        client_receive(client, now);
        if (each != NULL) {
            each(client, now);
        }
        transport_flush(client->transport, now);
        clock_sleep_until(now + STEP);
    }
}

/* ---- watch, join ---- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(Samples *samples, double share)
{
    if (samples->count == 0) {
        return -1;
    }
    qsort(samples->values, samples->count, sizeof(double), compare_doubles);
    return samples->values[(uint32_t)((samples->count - 1) * share)];
}

static void print_seen(Client *client)
{
    printf("{\"ended\": %s, \"snapshots\": %u, \"gap_ms_p50\": %.2f, \"gap_ms_p99\": %.2f, \"gap_ms_max\": "
           "%.2f, "
           "\"exchanges\": %u, \"trip_ms_p50\": %.2f, \"trip_ms_p99\": %.2f}\n",
           client->ended ? "true" : "false", client->gaps->count, quantile(client->gaps, 0.5),
           quantile(client->gaps, 0.99), quantile(client->gaps, 1), client->trips->count,
           quantile(client->trips, 0.5), quantile(client->trips, 0.99));
    fflush(stdout);
    client->gaps->count = client->trips->count = 0;
}

static int watch(void)
{
    static Samples gaps, trips;
    Client client = { .gaps = &gaps, .trips = &trips };
    if (!client_join(&client, JOIN_LIMIT)) {
        die("the watcher does not come in");
    }
    printf("{\"live\": true}\n");
    fflush(stdout);
    for (;;) {
        TimeNs now = clock_monotonic();
        client_receive(&client, now);
        client_speak(&client, now);
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
        char bytes[64];
        if (poll(&input, 1, 0) > 0) {
            if (read(STDIN_FILENO, bytes, sizeof bytes) <= 0) {
                break;
            }
            print_seen(&client);
        }
        clock_sleep_until(now + STEP);
    }
    client_leave(&client);
    return client.ended ? 1 : 0;
}

static int join(void)
{
    Client client = { 0 };
    TimeNs start = clock_monotonic();
    bool joined = client_join(&client, JOIN_LIMIT);
    printf("{\"joined\": %s, \"ms\": %.1f, \"reason\": %u}\n", joined ? "true" : "false",
           (double)(clock_monotonic() - start) / 1e6, (unsigned)client.reason);
    client_leave(&client);
    return 0;
}

/* ---- half-open connections ---- */

/* 127.1.0.1, 127.1.0.2, …: all of 127.0.0.0/8 is this machine. */
static struct sockaddr_in address_of(uint64_t index)
{
    uint32_t host = 0x7F010000u + (uint32_t)(index / 250) * 256u + 1 + (uint32_t)(index % 250);
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(host) } };
}

static int socket_from(uint64_t index)
{
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in own = address_of(index);
    struct sockaddr_in server = { .sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = { htonl(INADDR_LOOPBACK) } };
    if (file < 0 || bind(file, (const struct sockaddr *)&own, sizeof own) != 0 ||
        connect(file, (const struct sockaddr *)&server, sizeof server) != 0) {
        die("no socket");
    }
    return file;
}

/* ENet's CONNECT, as it is on the wire. */
static size_t write_connect(uint8_t *out, uint32_t id)
{
    static const uint8_t start[] = { 0x8F, 0xFF, 0,    0,    /* no peer yet, sent time */
                                     0x82, 0xFF, 0,    1,    /* CONNECT, to be acknowledged, sequence 1 */
                                     0,    0,    0,    0xFF, /* peer 0, any session */
                                     0,    0,    5,    0x78, /* mtu */
                                     0,    1,    0,    0,    /* window */
                                     0,    0,    0,    3,    /* channels */
                                     0,    0,    0,    0,    0, 0, 0, 0, /* bandwidths */
                                     0,    0,    0x13, 0x88, 0, 0, 0, 2, 0, 0, 0, 2 /* throttle */ };
    const uint32_t data = PROTOCOL_MAGIC | PROTOCOL_VERSION;
    memcpy(out, start, sizeof start);
    const uint32_t words[2] = { htonl(id), htonl(data) };
    memcpy(out + sizeof start, words, sizeof words);
    out[10] = 0xFF; /* both session ids: any */
    return sizeof start + sizeof words;
}

/* The answer to VERIFY_CONNECT: acknowledged, so that the server takes it as connected. */
static bool acknowledge(int file)
{
    uint8_t bytes[2048], out[12];
    ssize_t size = recv(file, bytes, sizeof bytes, 0);
    if (size < 12 || (bytes[4] & 15) != 3) {
        return false;
    }
    unsigned peer = (unsigned)(bytes[8] << 8 | bytes[9]), session = bytes[11];
    unsigned head = 0x8000u | session << 12 | peer;
    const uint8_t answer[] = { (uint8_t)(head >> 8),
                               (uint8_t)head,
                               0,
                               0,
                               1,
                               0xFF,
                               bytes[6],
                               bytes[7],
                               bytes[6],
                               bytes[7],
                               bytes[2],
                               bytes[3] };
    memcpy(out, answer, sizeof out);
    return send(file, out, sizeof out, 0) == (ssize_t)sizeof out;
}

#define OPEN_MAX_SOCKETS 512u

static int half_open(uint64_t count, uint64_t rate, bool complete)
{
    static int files[OPEN_MAX_SOCKETS];
    uint8_t bytes[128];
    uint64_t sent = 0, answered = 0;
    TimeNs start = clock_monotonic();
    for (uint64_t i = 0; i < count + OPEN_MAX_SOCKETS; i++) {
        int *file = &files[i % OPEN_MAX_SOCKETS];
        if (*file > 0) {
            close(*file);
            *file = 0;
        }
        if (i < count) {
            *file = socket_from(i);
            sent += send(*file, bytes, write_connect(bytes, (uint32_t)i * 2654435761u), 0) > 0;
            TimeNs due = start + (TimeNs)(i + 1) * TIME_SECOND / (TimeNs)rate;
            if (due - clock_monotonic() > TIME_MS) {
                clock_sleep_until(due);
            }
        }
        for (uint64_t k = 0; complete && k < 16 && k <= i;
             k++) { /* of the newest, whoever has an answer by now */
            int other = files[(i - k) % OPEN_MAX_SOCKETS];
            answered += other > 0 && acknowledge(other);
        }
    }
    printf("{\"knocks\": %llu, \"answered\": %llu, \"seconds\": %.2f}\n", (unsigned long long)sent,
           (unsigned long long)answered, time_to_seconds(clock_monotonic() - start));
    return 0;
}

/* ---- floods and broken rules ---- */

static void send_many(Client *client, TimeNs now)
{
    for (int i = 0; i < 100; i++) {
        Message ask = { .id = MESSAGE_TIME_REQUEST, .time_request = { .t0 = now } };
        client_send(client, &ask);
    }
}

static int flood(uint64_t count)
{
    uint64_t joined = 0, closed = 0;
    for (uint64_t i = 0; i < count; i++) {
        Client client = { 0 };
        joined += client_join(&client, JOIN_LIMIT);
        until_closed(&client, 5 * TIME_SECOND, send_many);
        closed += client.reject == REJECT_FLOOD;
        client_finish(&client);
    }
    printf("{\"joined\": %llu, \"closed_for_flood\": %llu}\n", (unsigned long long)joined,
           (unsigned long long)closed);
    return 0;
}

typedef struct Rule {
    const char *name;
    uint8_t channel;
    Delivery delivery;
    RejectCode code;
    size_t size;
    uint8_t bytes[64];
} Rule;

#define R DELIVERY_RELIABLE
static const Rule broken_rules[] = {
    { "empty", 0, R, REJECT_MALFORMED, 0, { 0 } },
    { "unknown", 0, R, REJECT_MALFORMED, 2, { 222, 1 } },
    { "too short", 1, R, REJECT_MALFORMED, 5, { MESSAGE_INPUT, 0, 0, 0, 0 } },
    { "too long", 2, R, REJECT_MALFORMED, 11, { MESSAGE_TIME_REQUEST } },
    { "count beyond",
      1,
      R,
      REJECT_MALFORMED,
      14,
      { MESSAGE_INPUT, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 255 } },
    { "count without", 1, R, REJECT_MALFORMED, 14, { MESSAGE_INPUT, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 8 } },
    { "the future",
      1,
      R,
      REJECT_NOT_ALLOWED,
      14,
      { MESSAGE_INPUT, 0xFF, 0xFF, 0xFF, 0x3F, 0, 0, 0, 0, 1, 0, 0, 0, 0 } },
    { "never sent", 1, R, REJECT_NOT_ALLOWED, 14, { MESSAGE_INPUT, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0 } },
    { "the server's", 1, R, REJECT_NOT_ALLOWED, 6, { MESSAGE_SNAPSHOT } },
    { "wrong channel", 0, R, REJECT_NOT_ALLOWED, 10, { MESSAGE_INPUT } },
    { "twice", 0, R, REJECT_NOT_ALLOWED, 60, { MESSAGE_HELLO, 1 } },
    { "files when live", 0, R, REJECT_NOT_ALLOWED, 10, { MESSAGE_FILE_REQUEST, 0, 0, 0, 0, 0, 0, 0, 0, 1 } },
};

static int break_rules(void)
{
    uint32_t wrong = 0;
    for (size_t i = 0; i < ARRAY_COUNT(broken_rules); i++) {
        const Rule *rule = &broken_rules[i];
        Client client = { 0 };
        if (!client_join(&client, JOIN_LIMIT)) {
            die("cannot join to break a rule");
        }
        (void)!transport_send(client.transport, client.peer, rule->channel, rule->delivery,
                              bytes_of(rule->bytes, rule->size));
        until_closed(&client, 3 * TIME_SECOND, NULL);
        if (client.reject != rule->code || client.reason != (uint32_t)rule->code || !client.ended) {
            fprintf(stderr, "%s: reject %u, reason %u, ended %d; wanted %u\n", rule->name, client.reject,
                    (unsigned)client.reason, client.ended, (unsigned)rule->code);
            wrong++;
        }
        client_finish(&client);
    }
    printf("{\"rules\": %zu, \"wrong\": %u}\n", ARRAY_COUNT(broken_rules), wrong);
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc < 3 || sodium_init() < 0) {
        die("usage: attack PORT MODE [NUMBER [NUMBER]], see the source");
    }
    port = (uint16_t)number_of(argv[1]);
    const char *mode = argv[2];
    uint64_t first = argc > 3 ? number_of(argv[3]) : 0, second = argc > 4 ? number_of(argv[4]) : 0;
    if (strcmp(mode, "watch") == 0) {
        return watch();
    }
    if (strcmp(mode, "join") == 0) {
        return join();
    }
    if ((strcmp(mode, "knock") == 0 || strcmp(mode, "stall") == 0) && first > 0 && second > 0) {
        return half_open(first, second, mode[0] == 's');
    }
    if (strcmp(mode, "flood") == 0) {
        return flood(first);
    }
    if (strcmp(mode, "rules") == 0) {
        return break_rules();
    }
    die("no such mode");
}
