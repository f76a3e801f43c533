#include "tests/bench/load.h"

#include "shared/base/arena.h"
#include "shared/base/random.h"
#include "shared/wire/clock_sync.h"
#include "shared/wire/replica.h"
#include "shared/wire/transport_enet.h"
#include "shared/wire/transport_secure.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CLIENTS_PER_SOCKET 64                /* a burst for all of them fits the socket's buffer */
#define EVENTS_MAX         512               /* from one socket before the next has its turn */
#define HEARD_SIZE         64                /* packets that may still be acknowledged */
#define VERSION_BYTES      ((size_t)1 << 30) /* of one verified client */
#define STEP_RATE          60                /* avatar steps a second, as every client makes */
#define JOINS_PER_S        200
#define JOINING_MAX        48              /* clients on their way in at once: a slow server is not hurried */
#define ACK_LATEST         (100 * TIME_MS) /* these two as in client/session/session.c */
#define ACK_PACKETS        4u
#define STILL_STEPS        INPUTS_MAX  /* that who stands still makes; then there are none */
#define REPEATED           TIME_SECOND /* and repeats: by then the server has them */
#define SERVE_INTERVAL     TIME_MS

typedef struct Heard {
    TimeNs at;
    uint32_t number, sequence;
} Heard;

typedef struct Client {
    PeerId peer;    /* 0: not started, or ended */
    uint32_t state; /* STATE_* of messages.h */
    uint32_t index;
    uint32_t manifest_left;
    ClockSync clock;
    uint32_t newest;         /* number of the newest packet received; 0: none */
    uint32_t sequence;       /* and the newest frame */
    Heard heard[HEARD_SIZE]; /* by number */
    TimeNs ack_delay, next_input;
    uint32_t told;       /* packet acknowledged last */
    TimeNs told_at;      /* and when */
    TimeNs stands_since; /* when the first step was made */
    uint32_t steps;      /* input steps made so far */
    Replica *replica;    /* of verified clients, from WELCOME on */
    bool verified, lost; /* lost: a baseline is missing, ask for a whole snapshot */
} Client;

typedef struct Socket {
    Transport transport;
    Client *clients;
    uint32_t count;
    PeerId peers[CLIENTS_PER_SOCKET]; /* of the clients, close together: looked through for every event */
    TimeNs served;                    /* when it was looked at, and its clients asked what is due, last */
    bool busy;                        /* something had come then */
} Socket;

struct Load {
    LoadConfig config;
    Arena arena;
    Socket *sockets;
    uint32_t socket_count;
    Client *clients;
    uint32_t started;
    TimeNs began;
    LoadCounters counters;
    uint8_t scratch_bytes[4096];
    ByteBuffer scratch;
    char failure[320];
};

/* ---- sockets ---- */

/* The one place that decides what the clients speak through. */
static Status open_transport(const LoadConfig *config, uint32_t clients, Transport *out_transport, Diag *diag)
{
    const EnetConfig enet = { .peers = clients, .patience = TIME_MINUTE };
    Status status = transport_enet_create(&enet, out_transport, NULL, diag);
    if (status != STATUS_OK || config->plaintext) {
        return status;
    }
    uint8_t secret[NOISE_KEY_SIZE];
    randombytes_buf(secret, sizeof secret);
    const SecureConfig secure = { .secret = secret, .handshake_timeout = 30 * TIME_SECOND };
    status = transport_secure_create(*out_transport, &secure, out_transport);
    if (status != STATUS_OK) {
        transport_destroy(*out_transport);
        return diag_set(diag, status, "", 0, "cannot seal the clients' transport");
    }
    return STATUS_OK;
}

static Status open_sockets(Load *load, Diag *diag)
{
    const LoadConfig *config = &load->config;
    for (uint32_t first = 0; first < config->clients; first += CLIENTS_PER_SOCKET) {
        uint32_t left = config->clients - first;
        Socket *socket = &load->sockets[load->socket_count];
        socket->clients = &load->clients[first];
        socket->count = left < CLIENTS_PER_SOCKET ? left : CLIENTS_PER_SOCKET;
        Status status = open_transport(config, socket->count, &socket->transport, diag);
        if (status != STATUS_OK) {
            socket->transport = (Transport){ 0 };
            return status;
        }
        load->socket_count++;
    }
    return STATUS_OK;
}

/* Between two INPUT messages, or, of who stands still, between two frames of the client's. */
static TimeNs input_interval(const LoadConfig *config)
{
    return TIME_SECOND / (config->input_rate_hz > 0 ? config->input_rate_hz : STEP_RATE);
}

static void init_client(const LoadConfig *config, Client *client, uint32_t index, TimeNs now)
{
    client->index = index;
    client->verified = index < config->verified;
    client->ack_delay = (TimeNs)((double)config->ack_delay_max * index / config->clients);
    /* Everyone has a phase of its own, so that inputs do not come all at once. */
    TimeNs interval = input_interval(config);
    client->next_input = now + (TimeNs)((uint64_t)index * 7919 % 1000) * interval / 1000;
    clock_sync_init(&client->clock);
}

Status load_create(const LoadConfig *config, TimeNs now, Load **out_load, Diag *diag)
{
    if (config->clients < 1 || config->clients > LOAD_CLIENTS_MAX || sodium_init() < 0) {
        return diag_set(diag, STATUS_OUT_OF_RANGE, "", 0, "1 to %d clients", LOAD_CLIENTS_MAX);
    }
    Load *load = calloc(1, sizeof *load);
    if (load == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the load");
    }
    load->config = *config;
    load->config.joins_per_s = config->joins_per_s > 0 ? config->joins_per_s : JOINS_PER_S;
    load->began = now;
    load->scratch = (ByteBuffer){ .data = load->scratch_bytes, .capacity = sizeof load->scratch_bytes };
    arena_init(&load->arena, (size_t)8 << 30);
    uint32_t sockets = (config->clients + CLIENTS_PER_SOCKET - 1) / CLIENTS_PER_SOCKET;
    load->clients = arena_new_array(&load->arena, Client, config->clients);
    load->sockets = arena_new_array(&load->arena, Socket, sockets);
    Status status = load->clients == NULL || load->sockets == NULL
                        ? diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the clients")
                        : open_sockets(load, diag);
    if (status != STATUS_OK) {
        load_destroy(load);
        return status;
    }
    for (uint32_t i = 0; i < config->clients; i++) {
        init_client(&load->config, &load->clients[i], i, now);
    }
    *out_load = load;
    return STATUS_OK;
}

void load_destroy(Load *load)
{
    if (load == NULL) {
        return;
    }
    for (uint32_t i = 0; i < load->socket_count; i++) {
        transport_destroy(load->sockets[i].transport);
    }
    arena_finish(&load->arena);
    free(load);
}

/* ---- one client ---- */

static void end_client(Load *load, Client *client, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void end_client(Load *load, Client *client, const char *format, ...)
{
    if (load->counters.ended++ == 0) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(load->failure, sizeof load->failure, format, arguments);
        va_end(arguments);
    }
    load->counters.live -= client->state == STATE_LIVE;
    client->peer = 0;
    client->state = 0;
}

static void send_message(Load *load, Socket *socket, Client *client, const Message *message)
{
    Status status = message_send(socket->transport, client->peer, message, &load->scratch);
    if (status != STATUS_OK && message_rule((uint8_t)message->id)->delivery == DELIVERY_RELIABLE) {
        end_client(load, client, "client %u cannot send: %s", (unsigned)client->index, status_text(status));
    }
}

static void say_hello(Load *load, Socket *socket, Client *client)
{
    Message message = { .id = MESSAGE_HELLO,
                        .hello = { .version = PROTOCOL_VERSION, .build = "dtmv-bench" } };
    snprintf(message.hello.name, sizeof message.hello.name, "load-%u", (unsigned)client->index);
    memcpy(message.hello.world_hash, load->config.world_hash, HASH_SIZE);
    client->state = STATE_HELLO;
    send_message(load, socket, client, &message);
}

static void say_ready(Load *load, Socket *socket, Client *client)
{
    Message message = { .id = MESSAGE_READY };
    memcpy(message.ready.world_hash, load->config.world_hash, HASH_SIZE);
    send_message(load, socket, client, &message);
    if (client->peer != 0) {
        client->state = STATE_LIVE;
        load->counters.live++;
    }
}

static void on_welcome(Load *load, Socket *socket, Client *client, const WelcomeMessage *welcome)
{
    const ReplicaLimits limits = { .entities = welcome->entity_limit,
                                   .channels = welcome->channel_limit,
                                   .cells = welcome->cell_limit,
                                   .history = welcome->history };
    if (memcmp(welcome->world_hash, load->config.world_hash, HASH_SIZE) != 0) {
        end_client(load, client, "the server runs another world");
        return;
    }
    if (client->verified &&
        replica_create(limits, VERSION_BYTES, &load->arena, &client->replica) != STATUS_OK) {
        end_client(load, client, "no memory to verify client %u", (unsigned)client->index);
        return;
    }
    client->state = STATE_JOIN;
    client->manifest_left = welcome->manifest_count;
    if (client->manifest_left == 0) {
        say_ready(load, socket, client);
    }
}

/* Packets by their numbers: those between the first and the newest that never came are missing. */
static void note_packet(Load *load, Client *client, uint32_t number, uint32_t sequence, TimeNs now)
{
    if (client->newest == 0) {
        client->newest = number;
    } else if (snapshot_newer(number, client->newest)) {
        load->counters.missing += number - client->newest - 1;
        client->newest = number;
    } else {
        load->counters.missing -= load->counters.missing > 0; /* late, but here */
    }
    if (client->sequence == 0 || snapshot_newer(sequence, client->sequence)) {
        client->sequence = sequence;
        load->counters.snapshots++; /* however many packets it came in */
    }
    client->heard[number % HEARD_SIZE] = (Heard){ .at = now, .number = number, .sequence = sequence };
}

static bool decode_snapshot(Load *load, Client *client, Bytes body)
{
    ReplicaNews news;
    Status status = replica_receive(client->replica, body, &news);
    if (status == STATUS_NO_BASELINE) {
        load->counters.without_baseline++;
        client->lost = true;
    } else if (status != STATUS_OK) {
        load->counters.refused += status != STATUS_DUPLICATE;
    } else {
        client->lost = false;
        load->counters.decoded++;
        if (load->config.check != NULL && news.head.complete) {
            load->config.check(load->config.context, client->index,
                               replica_compose(client->replica, news.head.frame.sequence));
        }
    }
    return status == STATUS_OK;
}

static void on_snapshot(Load *load, Client *client, Bytes body, TimeNs now)
{
    uint32_t number = 0, sequence = 0;
    if (packet_peek(body, &number, &sequence) != STATUS_OK) {
        load->counters.refused++;
        return;
    }
    if (!client->verified || decode_snapshot(load, client, body)) {
        note_packet(load, client, number, sequence, now);
    }
}

static void on_time_response(Client *client, const TimeResponseMessage *response, TimeNs now)
{
    Status status = clock_sync_sample(&client->clock, response->t0, response->t1, response->t2, now);
    (void)status; /* one that is out of range is dropped; another follows */
}

static void handle(Load *load, Socket *socket, Client *client, const Message *message, TimeNs now)
{
    switch (message->id) {
    case MESSAGE_WELCOME:
        on_welcome(load, socket, client, &message->welcome);
        break;
    case MESSAGE_MANIFEST_ENTRY:
        if (client->manifest_left > 0 && --client->manifest_left == 0) {
            say_ready(load, socket, client);
        }
        break;
    case MESSAGE_REJECT:
        end_client(load, client, "client %u was refused: %s", (unsigned)client->index, message->reject.text);
        break;
    case MESSAGE_TIME_RESPONSE:
        on_time_response(client, &message->time_response, now);
        break;
    case MESSAGE_SNAPSHOT:
        on_snapshot(load, client, message->snapshot.body, now);
        break;
    default: /* people and texts: received, of no use here */
        break;
    }
}

static Client *find_client(const Socket *socket, PeerId peer)
{
    for (uint32_t i = 0; i < socket->count; i++) {
        if (socket->peers[i] == peer) {
            return socket->clients[i].peer == peer ? &socket->clients[i] : NULL; /* else it has ended */
        }
    }
    return NULL;
}

static void on_event(Load *load, Socket *socket, const TransportEvent *event, TimeNs now)
{
    Client *client = find_client(socket, event->peer);
    Message message;
    if (client == NULL || event->peer == 0) {
        return;
    }
    switch (event->type) {
    case TRANSPORT_CONNECTED:
        say_hello(load, socket, client);
        break;
    case TRANSPORT_DISCONNECTED:
        end_client(load, client, "client %u was disconnected (%u: %s)", (unsigned)client->index,
                   (unsigned)event->data,
                   event->data < REJECT_COUNT ? reject_text((RejectCode)event->data) : "?");
        break;
    case TRANSPORT_RECEIVED:
        if (message_decode(event->bytes, SENDER_SERVER, event->channel, client->state, ROLE_NONE, &message) ==
            STATUS_OK) {
            handle(load, socket, client, &message, now);
        } else {
            load->counters.refused++;
        }
        break;
    }
}

/* ---- what is due ---- */

static bool may_acknowledge(const Client *client, uint32_t number, TimeNs now)
{
    const Heard *heard = &client->heard[number % HEARD_SIZE];
    return number != 0 && heard->number == number && now - heard->at >= client->ack_delay;
}

/* What this client's link would have let through by now. */
static void acknowledge(const Client *client, TimeNs now, InputMessage *input)
{
    if (client->lost || client->newest == 0) {
        return;
    }
    for (uint32_t age = 0; age < HEARD_SIZE && input->acknowledged == 0; age++) {
        if (may_acknowledge(client, client->newest - age, now)) {
            input->acknowledged = client->newest - age;
        }
    }
    for (uint32_t i = 0; input->acknowledged != 0 && i < 32; i++) {
        input->mask |= (uint32_t)may_acknowledge(client, input->acknowledged - 1 - i, now) << i;
    }
}

/* The new steps, of one who looks ahead, and older ones again as every client repeats them. */
static void send_input(Load *load, Socket *socket, Client *client, TimeNs now, bool with_steps)
{
    uint32_t count = !with_steps ? 0 : client->steps < INPUTS_MAX ? client->steps : INPUTS_MAX;
    Message message = { .id = MESSAGE_INPUT,
                        .input = { .first_sequence = client->steps - count + 1, .count = (uint8_t)count } };
    acknowledge(client, now, &message.input);
    send_message(load, socket, client, &message);
    client->told = message.input.acknowledged;
    client->told_at = now;
}

static void send_steps(Load *load, Socket *socket, Client *client, TimeNs now)
{
    uint32_t fresh = STEP_RATE / load->config.input_rate_hz;
    client->steps += fresh > 0 ? fresh : 1;
    send_input(load, socket, client, now, true);
}

/* What the client's session does for who stands still: a few steps that say so, then acknowledgements, of
 * packets of even frames at once. */
static void stand_still(Load *load, Socket *socket, Client *client, TimeNs now)
{
    if (client->steps < STILL_STEPS) {
        client->stands_since = client->steps == 0 ? now : client->stands_since;
        client->steps++;
        send_input(load, socket, client, now, true);
        return;
    }
    InputMessage input = { 0 };
    if (client->newest == client->told && !client->lost) {
        return;
    }
    acknowledge(client, now, &input);
    uint32_t fresh = input.acknowledged - client->told;
    if (fresh == 0) {
        return;
    }
    bool even = client->heard[input.acknowledged % HEARD_SIZE].sequence % 2 == 0;
    bool missing = fresh < ACK_PACKETS && (~input.mask & ((1u << (fresh - 1)) - 1)) != 0;
    if ((even || missing || input.acknowledged == 0 || fresh >= ACK_PACKETS ||
         now - client->told_at >= ACK_LATEST)) {
        send_input(load, socket, client, now, now - client->stands_since < REPEATED);
    }
}

static void serve_client(Load *load, Socket *socket, Client *client, TimeNs now)
{
    if ((client->state & (STATE_JOIN | STATE_LIVE)) != 0 && clock_sync_due(&client->clock, now)) {
        Message ask = { .id = MESSAGE_TIME_REQUEST, .time_request = { .t0 = now } };
        send_message(load, socket, client, &ask);
    }
    if (now < client->next_input) {
        return;
    }
    client->next_input += input_interval(&load->config);
    if (client->next_input < now) { /* this program stood still: no burst */
        client->next_input = now + input_interval(&load->config);
    }
    if (client->state == STATE_LIVE && load->config.input_rate_hz > 0) {
        send_steps(load, socket, client, now);
    } else if (client->state == STATE_LIVE) {
        stand_still(load, socket, client, now);
    }
}

static void start_clients(Load *load, TimeNs now)
{
    double due = time_to_seconds(now - load->began) * load->config.joins_per_s + 1;
    uint32_t wished = due < load->config.clients ? (uint32_t)due : load->config.clients;
    uint32_t settled = load->counters.live + load->counters.ended;
    for (; load->started < wished && load->started - settled < JOINING_MAX; load->started++) {
        Client *client = &load->clients[load->started];
        Socket *socket = &load->sockets[load->started / CLIENTS_PER_SOCKET];
        Diag diag = { 0 };
        PeerId peer = 0;
        if (transport_connect(socket->transport, load->config.host, load->config.port,
                              PROTOCOL_MAGIC | PROTOCOL_VERSION, &peer, &diag) != STATUS_OK) {
            end_client(load, client, "client %u cannot connect: %s", (unsigned)client->index, diag.text);
        }
        client->peer = peer;
        socket->peers[load->started % CLIENTS_PER_SOCKET] = peer;
    }
}

bool load_step(Load *load, TimeNs now)
{
    bool busy = false;
    start_clients(load, now);
    for (uint32_t i = 0; i < load->socket_count; i++) {
        Socket *socket = &load->sockets[i];
        TransportEvent event;
        bool serve = now - socket->served >= SERVE_INTERVAL;
        /* Of many sockets only some are worth a look; of one it would only add to what latency measures. */
        if (!serve && !socket->busy && load->socket_count > 1) {
            continue;
        }
        socket->busy = false;
        for (uint32_t k = 0; k < EVENTS_MAX && transport_poll(socket->transport, now, &event) == STATUS_OK;
             k++) {
            on_event(load, socket, &event, now);
            busy = socket->busy = true;
        }
        for (uint32_t k = 0; k < socket->count && serve; k++) {
            serve_client(load, socket, &socket->clients[k], now);
        }
        socket->served = serve ? now : socket->served;
        transport_flush(socket->transport, now);
    }
    return busy;
}

LoadCounters load_counters(const Load *load)
{
    LoadCounters counters = load->counters;
    for (uint32_t i = 0; i < load->socket_count; i++) {
        TransportStats stats = { 0 };
        if (transport_stats(load->sockets[i].transport, 0, &stats) == STATUS_OK) {
            counters.datagrams_in += stats.packets_received;
            counters.datagrams_out += stats.packets_sent;
            counters.bytes_in += stats.bytes_received;
            counters.bytes_out += stats.bytes_sent;
        }
    }
    return counters;
}

const char *load_failure(const Load *load)
{
    return load->failure;
}
