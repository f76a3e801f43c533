#include "shared/systems/bus_net_state.h"

#include "shared/base/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define DIAL_FIRST   (200 * TIME_MS)
#define DIAL_MAX     (5 * TIME_SECOND)
#define DIAL_TIMEOUT (8 * TIME_SECOND)  /* until WELCOME */
#define DISPLACED    (30 * TIME_SECOND) /* else two processes of one name drive each other out for ever */
#define SETTLED      (5 * TIME_SECOND)  /* a connection that lasted so long makes the next dial quick again */
#define HOST_SIZE    256

/* ---- both sides ---- */

bool bus_net_init(BusNet *net, Transport transport)
{
    *net = (BusNet){ .packet = malloc(BUS_SYNC_PACKET_MAX), .packet_capacity = BUS_SYNC_PACKET_MAX };
    if (net->packet == NULL) {
        return false;
    }
    net->transport = transport;
    return true;
}

void bus_net_finish(BusNet *net)
{
    transport_destroy(net->transport);
    schema_table_finish(&net->schemas);
    free(net->body);
    free(net->packet);
    *net = (BusNet){ 0 };
}

/* Buffers grow to the largest body there has been. */
static bool reserve(uint8_t **buffer, size_t *capacity, size_t size)
{
    if (size <= *capacity) {
        return true;
    }
    uint8_t *larger = realloc(*buffer, size);
    if (larger == NULL) {
        return false;
    }
    *buffer = larger;
    *capacity = size;
    return true;
}

bool bus_net_keep(BusNet *net, Bytes body, Bytes *out_body)
{
    if (!reserve(&net->body, &net->body_capacity, body.size)) {
        return false;
    }
    memcpy(net->body, body.data, body.size);
    *out_body = bytes_of(net->body, body.size);
    return true;
}

Status bus_net_send(BusNet *net, PeerId peer, const BusMessage *message, size_t *out_size)
{
    Status status;
    if (message->sync != NULL) {
        status = bus_sync_send(net->transport, peer, schema_table_find(&net->schemas, message->subject),
                               message, net->packet, out_size);
    } else {
        if (!reserve(&net->packet, &net->packet_capacity, BUS_FRAME_HEADER_MAX + message->body.size)) {
            return STATUS_CAPACITY;
        }
        BusFrame frame = { .type = BUS_FRAME_MESSAGE,
                           .id = message->id,
                           .correlation = message->correlation };
        memcpy(frame.name, message->subject, sizeof frame.name);
        size_t head = bus_frame_write(&frame, net->packet);
        memcpy(net->packet + head, message->body.data, message->body.size);
        *out_size = message->body.size;
        status = transport_send(net->transport, peer, BUS_CHANNEL_CONTROL, DELIVERY_RELIABLE,
                                bytes_of(net->packet, head + message->body.size));
    }
    net->counters.messages += status == STATUS_OK;
    return status;
}

/* ---- the endpoint ---- */

typedef enum EndpointState { ENDPOINT_IDLE, ENDPOINT_DIALLING, ENDPOINT_GREETING, ENDPOINT_UP } EndpointState;

typedef struct NetEndpoint {
    BusNet net;
    SystemKind kind;
    char name[SYSTEM_NAME_SIZE], hub[SYSTEM_NAME_SIZE];
    char host[HOST_SIZE];
    uint16_t port;
    Random random;
    EndpointState state;
    PeerId peer;
    TimeNs dial_at, pause; /* when IDLE; how long to wait after the next failure */
    TimeNs give_up_at;     /* when DIALLING or GREETING */
    TimeNs up_since;
    SyncAssembly sync;
    char trouble[BUS_REASON_SIZE], told[BUS_REASON_SIZE]; /* the one in the log, "" when up or not yet */
} NetEndpoint;

/* Who started the processes in another order, or with a typing error, sees what is missing; once for each
 * reason, however often is dialled. */
static void tell_trouble(NetEndpoint *endpoint)
{
    if (strcmp(endpoint->told, endpoint->trouble) == 0) {
        return;
    }
    snprintf(endpoint->told, sizeof endpoint->told, "%s", endpoint->trouble);
    log_warning("bus",
                "the system '%s' has no integration enabler at %s:%u: %s; it is tried until there is one",
                endpoint->name, endpoint->host, (unsigned)endpoint->port, endpoint->trouble);
}

/* The connection is gone, or never came: dial again after a while. */
static void fall(NetEndpoint *endpoint, TimeNs now)
{
    tell_trouble(endpoint);
    if (endpoint->state == ENDPOINT_UP && now - endpoint->up_since >= SETTLED) {
        endpoint->pause = DIAL_FIRST;
    }
    double jitter = random_between(&endpoint->random, 0.75, 1.25);
    endpoint->dial_at = now + (TimeNs)((double)endpoint->pause * jitter);
    endpoint->pause = endpoint->pause * 2 > DIAL_MAX ? DIAL_MAX : endpoint->pause * 2;
    endpoint->state = ENDPOINT_IDLE;
    endpoint->peer = 0;
    endpoint->sync.open = false;
}

/* As above, and ends what there is of a connection. */
static void hang_up(NetEndpoint *endpoint, TimeNs now, const char *why)
{
    snprintf(endpoint->trouble, sizeof endpoint->trouble, "%s", why);
    transport_disconnect(endpoint->net.transport, endpoint->peer, 0);
    fall(endpoint, now);
}

static void dial(NetEndpoint *endpoint, TimeNs now)
{
    Diag diag = { 0 };
    endpoint->net.counters.dials++;
    Status status = transport_connect(endpoint->net.transport, endpoint->host, endpoint->port,
                                      BUS_NET_VERSION, &endpoint->peer, &diag);
    if (status != STATUS_OK) {
        snprintf(endpoint->trouble, sizeof endpoint->trouble, "%.200s",
                 diag.text[0] == '\0' ? status_text(status) : diag.text);
        fall(endpoint, now);
        return;
    }
    endpoint->state = ENDPOINT_DIALLING;
    endpoint->give_up_at = now + DIAL_TIMEOUT;
}

static void say_hello(NetEndpoint *endpoint, TimeNs now)
{
    BusFrame frame = { .type = BUS_FRAME_HELLO, .version = BUS_NET_VERSION, .kind = endpoint->kind };
    uint8_t packet[BUS_FRAME_HEADER_MAX];
    memcpy(frame.name, endpoint->name, sizeof frame.name);
    size_t size = bus_frame_write(&frame, packet);
    if (transport_send(endpoint->net.transport, endpoint->peer, BUS_CHANNEL_CONTROL, DELIVERY_RELIABLE,
                       bytes_of(packet, size)) != STATUS_OK) {
        hang_up(endpoint, now, "the greeting cannot be sent");
        return;
    }
    endpoint->state = ENDPOINT_GREETING;
}

static void begin_event(const NetEndpoint *endpoint, BusEventType type, BusEvent *out_event)
{
    *out_event = (BusEvent){ .type = type, .kind = SYSTEM_ENABLER, .who = endpoint->host, .reason = "" };
    memcpy(out_event->message.from, endpoint->hub, sizeof out_event->message.from);
    memcpy(out_event->message.to, endpoint->name, sizeof out_event->message.to);
}

static bool take_message(NetEndpoint *endpoint, const BusFrame *frame, BusEvent *out_event)
{
    const FamilyRule *rule = family_rule((uint8_t)frame->id);
    if (rule->sender != SYSTEM_ENABLER || rule->receiver != endpoint->kind) {
        endpoint->net.counters.refused++;
        return false;
    }
    begin_event(endpoint, BUS_MESSAGE, out_event);
    BusMessage *message = &out_event->message;
    message->id = frame->id;
    message->correlation = frame->correlation;
    memcpy(message->subject, frame->name, sizeof message->subject);
    if (frame->type == BUS_FRAME_SYNC) {
        Status status =
            sync_assembly_add(&endpoint->sync, schema_table_find(&endpoint->net.schemas, frame->name), frame);
        endpoint->net.counters.sync_dropped += status != STATUS_OK && status != STATUS_EMPTY;
        message->sync = &endpoint->sync.batch;
        if (status != STATUS_OK) {
            return false;
        }
    } else if (!bus_net_keep(&endpoint->net, frame->rest, &message->body)) {
        return false;
    }
    endpoint->net.counters.messages++;
    return true;
}

/* True when *out_event is to be told. */
static bool received(NetEndpoint *endpoint, const TransportEvent *event, TimeNs now, BusEvent *out_event)
{
    BusFrame frame = { 0 };
    if (endpoint->state != ENDPOINT_GREETING && endpoint->state != ENDPOINT_UP) {
        return false;
    }
    bool was_up = endpoint->state == ENDPOINT_UP;
    Status status = bus_frame_parse(event->bytes, event->channel, &frame);
    if (status == STATUS_OK && frame.type == BUS_FRAME_REFUSED) {
        begin_event(endpoint, BUS_DOWN, out_event);
        endpoint->up_since = now;                        /* not settled: fall() keeps the pause */
        endpoint->pause = was_up ? DISPLACED : DIAL_MAX; /* asking more often helps nobody */
        hang_up(endpoint, now, frame.reason);
        return was_up;
    }
    if (status == STATUS_OK && !was_up && frame.type == BUS_FRAME_WELCOME &&
        frame.version == BUS_NET_VERSION) {
        memcpy(endpoint->hub, frame.name, sizeof endpoint->hub);
        endpoint->state = ENDPOINT_UP;
        endpoint->up_since = now;
        endpoint->trouble[0] = endpoint->told[0] = '\0';
        log_info("bus", "the system '%s' is connected with the integration enabler at %s:%u", endpoint->name,
                 endpoint->host, (unsigned)endpoint->port);
        endpoint->net.counters.connections++;
        begin_event(endpoint, BUS_UP, out_event);
        return true;
    }
    if (status != STATUS_OK || !was_up || (frame.type != BUS_FRAME_MESSAGE && frame.type != BUS_FRAME_SYNC)) {
        endpoint->net.counters.malformed++;
        begin_event(endpoint, BUS_DOWN, out_event);
        hang_up(endpoint, now, "the other side speaks no bus of this version");
        return was_up;
    }
    return take_message(endpoint, &frame, out_event);
}

static Status endpoint_poll(void *context, TimeNs now, BusEvent *out_event)
{
    NetEndpoint *endpoint = context;
    if (endpoint->state == ENDPOINT_IDLE && now >= endpoint->dial_at) {
        dial(endpoint, now);
    } else if ((endpoint->state == ENDPOINT_DIALLING || endpoint->state == ENDPOINT_GREETING) &&
               now >= endpoint->give_up_at) {
        hang_up(endpoint, now, "no answer in time");
    }
    TransportEvent event;
    Status status;
    while ((status = transport_poll(endpoint->net.transport, now, &event)) == STATUS_OK) {
        if (event.peer != endpoint->peer || endpoint->peer == 0) {
            continue; /* of a connection given up before */
        }
        if (event.type == TRANSPORT_CONNECTED && endpoint->state == ENDPOINT_DIALLING) {
            say_hello(endpoint, now);
        } else if (event.type == TRANSPORT_DISCONNECTED) {
            bool was_up = endpoint->state == ENDPOINT_UP;
            snprintf(endpoint->trouble, sizeof endpoint->trouble, "%s",
                     was_up ? "the connection is gone" : "nobody answers, or the key is not trusted");
            begin_event(endpoint, BUS_DOWN, out_event);
            fall(endpoint, now);
            if (was_up) {
                return STATUS_OK;
            }
        } else if (event.type == TRANSPORT_RECEIVED && received(endpoint, &event, now, out_event)) {
            return STATUS_OK;
        }
    }
    return status;
}

static Status endpoint_send(void *context, const BusMessage *message)
{
    NetEndpoint *endpoint = context;
    if (family_rule((uint8_t)message->id)->sender != endpoint->kind) {
        return STATUS_NOT_ALLOWED;
    }
    if (endpoint->state != ENDPOINT_UP) {
        return STATUS_DISCONNECTED;
    }
    BusMessage copy = *message;
    if (endpoint->kind == SYSTEM_TWIN) {
        memcpy(copy.subject, endpoint->name, sizeof copy.subject);
    }
    size_t size;
    return bus_net_send(&endpoint->net, endpoint->peer, &copy, &size);
}

static void endpoint_flush(void *context, TimeNs now)
{
    transport_flush(((NetEndpoint *)context)->net.transport, now);
}

static int endpoint_wake_fd(const void *context)
{
    return transport_wake_fd(((const NetEndpoint *)context)->net.transport);
}

static Status endpoint_set_schema(void *context, const char *system, const SyncSchema *schema)
{
    return schema_table_set(&((NetEndpoint *)context)->net.schemas, system, schema);
}

static void endpoint_destroy(void *context)
{
    NetEndpoint *endpoint = context;
    if (endpoint->peer != 0) {
        transport_disconnect(endpoint->net.transport, endpoint->peer, 0);
    }
    sync_assembly_finish(&endpoint->sync);
    bus_net_finish(&endpoint->net);
    free(endpoint);
}

static const BusOps endpoint_ops = { .send = endpoint_send,
                                     .poll = endpoint_poll,
                                     .flush = endpoint_flush,
                                     .wake_fd = endpoint_wake_fd,
                                     .set_schema = endpoint_set_schema,
                                     .destroy = endpoint_destroy };

Status bus_net_endpoint_create(const BusNetEndpointConfig *config, Transport transport, Bus *out_endpoint)
{
    if (!system_name_valid(config->name) || strlen(config->host) >= HOST_SIZE ||
        (config->kind != SYSTEM_TWIN && config->kind != SYSTEM_METAVERSE && config->kind != SYSTEM_SERVICE)) {
        return STATUS_INVALID_ARGUMENT;
    }
    NetEndpoint *endpoint = calloc(1, sizeof *endpoint);
    if (endpoint == NULL || !bus_net_init(&endpoint->net, transport)) {
        free(endpoint);
        return STATUS_OUT_OF_MEMORY;
    }
    endpoint->kind = config->kind;
    endpoint->port = config->port;
    endpoint->random = random_seeded(config->seed);
    endpoint->pause = DIAL_FIRST;
    endpoint->dial_at = INT64_MIN;
    snprintf(endpoint->name, sizeof endpoint->name, "%s", config->name);
    snprintf(endpoint->hub, sizeof endpoint->hub, "enabler");
    snprintf(endpoint->host, sizeof endpoint->host, "%s", config->host);
    *out_endpoint = (Bus){ .ops = &endpoint_ops, .context = endpoint };
    return STATUS_OK;
}

const BusNetCounters *bus_net_endpoint_counters(Bus endpoint)
{
    assert(endpoint.ops == &endpoint_ops);
    return &((const NetEndpoint *)endpoint.context)->net.counters;
}

const char *bus_net_trouble(Bus endpoint)
{
    assert(endpoint.ops == &endpoint_ops);
    return ((const NetEndpoint *)endpoint.context)->trouble;
}
