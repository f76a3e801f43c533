#include "shared/mqtt/mqtt_link_mqtt.h"

#include "shared/base/clock_file.h"
#include "shared/base/log.h"
#include "shared/base/random.h"
#include "shared/mqtt/doorbell_file.h"
#include "shared/mqtt/message_ring.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_RING_BYTES ((size_t)1 << 20)
#define BURST          256 /* packets read before looking at anything else */
#define FLAG_RETAIN    1U  /* flags of a record; QoS is stored above it */
#define QOS_SHIFT      1
#define GOODBYE_NS     (200 * TIME_MS)

/* Why there is no connection, in one word that both threads may touch: kind << 16 | code. */
enum { REASON_NONE, REASON_LIBRARY, REASON_SYSTEM, REASON_REFUSED_3, REASON_REFUSED_5, REASON_TIMEOUT };

typedef struct Filter {
    char text[MQTT_TOPIC_SIZE_MAX + 1];
    int qos;
} Filter;

typedef struct Broker {
    /* Set before the thread starts, then only read. */
    MqttUrl url;
    struct mosquitto *client; /* only the thread touches it once it runs */
    bool keep_session, drop_when_full;
    int protocol;
    uint16_t keep_alive_s;
    uint32_t session_expiry_s;
    TimeNs backoff_min, backoff_max;
    pthread_t thread;

    MessageRing in, out;     /* towards the owner, towards the broker */
    Doorbell owner, courier; /* who sleeps: whoever owns the link; the thread */

    Filter *filters; /* written by the owner below filter_count, then published by it */
    _Atomic uint32_t filter_count;

    _Atomic bool connected, stop, wants_room;
    _Atomic uint32_t connections, reason;
    _Atomic uint64_t received, dropped, too_large, published, discarded;

    /* The thread's own. */
    Random random;
    TimeNs backoff;
    bool linked;         /* CONNACK has come */
    bool broken;         /* the connection of now is over */
    uint32_t subscribed; /* filters that this connection has asked for */
    uint64_t heard;      /* messages; tells whether a read brought one */

    /* The owner's own: what the log has been told. */
    uint32_t told_connections;
    bool told_away;
} Broker;

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void set_reason(Broker *broker, unsigned kind, int code)
{
    atomic_store(&broker->reason, kind << 16 | ((unsigned)code & 0xffff));
}

/* What libmosquitto says of a call; where it blames the system, which error that was. */
static void set_library_reason(Broker *broker, int result)
{
    if (result == MOSQ_ERR_ERRNO) {
        set_reason(broker, REASON_SYSTEM, errno);
    } else {
        set_reason(broker, REASON_LIBRARY, result);
    }
}

static const char *reason_text(unsigned reason)
{
    int code = (int)(reason & 0xffff);
    switch (reason >> 16) {
    case REASON_LIBRARY:
        return mosquitto_strerror(code);
    case REASON_SYSTEM:
        return strerror(code);
    case REASON_REFUSED_3:
        return mosquitto_connack_string(code);
    case REASON_REFUSED_5:
        return mosquitto_reason_string(code);
    case REASON_TIMEOUT:
        return "no answer";
    default:
        return "not connected yet";
    }
}

/* ---- callbacks of libmosquitto, in the thread ---- */

static void on_connect(struct mosquitto *client, void *context, int code)
{
    Broker *broker = context;
    (void)client;
    if (code != 0) {
        set_reason(broker, broker->protocol == 5 ? REASON_REFUSED_5 : REASON_REFUSED_3, code);
        broker->broken = true;
        return;
    }
    broker->linked = true;
    broker->subscribed = 0;
    broker->backoff = broker->backoff_min;
    atomic_fetch_add(&broker->connections, 1);
    atomic_store(&broker->connected, true);
    doorbell_ring(&broker->owner);
}

static void on_disconnect(struct mosquitto *client, void *context, int code)
{
    Broker *broker = context;
    (void)client;
    broker->broken = true;
    if (broker->linked) { /* else why it was refused is known already */
        set_reason(broker, REASON_LIBRARY, code);
    }
}

static bool has_room(Broker *broker)
{
    return message_ring_has_room(&broker->in, MQTT_TOPIC_SIZE_MAX + MQTT_PAYLOAD_SIZE_MAX);
}

/* Whether the largest message fits; if not, the owner rings once it has made room. The wish is told before
 * the ring is looked at again, and the owner looks for the wish after it has taken: one of us sees the other.
 */
static bool room_or_wanted(Broker *broker)
{
    if (has_room(broker)) {
        return true;
    }
    atomic_store(&broker->wants_room, true);
    atomic_thread_fence(memory_order_seq_cst);
    return has_room(broker);
}

/* Sleeps until the owner has taken something, without asking libmosquitto for anything. */
static void wait_for_room(Broker *broker, int timeout_ms)
{
    doorbell_arm(&broker->courier);
    if (!room_or_wanted(broker) && !atomic_load(&broker->stop)) {
        struct pollfd bell = { .fd = broker->courier.fd, .events = POLLIN };
        (void)poll(&bell, 1, timeout_ms);
    }
}

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message)
{
    Broker *broker = context;
    (void)client;
    broker->heard++;
    MessageRecord record = { .topic = message->topic,
                             .topic_size = strlen(message->topic),
                             .payload = bytes_of(message->payload, (size_t)message->payloadlen),
                             .flags = message->retain ? FLAG_RETAIN : 0,
                             .time = clock_wall() };
    if (record.topic_size > MQTT_TOPIC_SIZE_MAX || record.payload.size > MQTT_PAYLOAD_SIZE_MAX) {
        count(&broker->too_large);
        return;
    }
    while (!message_ring_push(&broker->in, &record)) {
        if (broker->drop_when_full || atomic_load(&broker->stop)) {
            count(&broker->dropped);
            return;
        }
        wait_for_room(broker, 50);
    }
    count(&broker->received);
    doorbell_ring(&broker->owner);
}

/* ---- the thread ---- */

static void ask_for_topics(Broker *broker)
{
    uint32_t known = atomic_load_explicit(&broker->filter_count, memory_order_acquire);
    while (broker->linked && broker->subscribed < known && !broker->broken) {
        const Filter *filter = &broker->filters[broker->subscribed++];
        if (mosquitto_subscribe(broker->client, NULL, filter->text, filter->qos) != MOSQ_ERR_SUCCESS) {
            broker->broken = true;
        }
    }
}

static void send_messages(Broker *broker)
{
    MessageRecord record;
    while (message_ring_peek(&broker->out, &record)) {
        int qos = (int)(record.flags >> QOS_SHIFT);
        bool sent = broker->linked && !broker->broken &&
                    mosquitto_publish(broker->client, NULL, record.topic, (int)record.payload.size,
                                      record.payload.data, qos,
                                      (record.flags & FLAG_RETAIN) != 0) == MOSQ_ERR_SUCCESS;
        count(sent ? &broker->published : &broker->discarded);
        message_ring_pop(&broker->out);
    }
}

static bool start_connecting(Broker *broker)
{
    mosquitto_property *properties = NULL;
    int result;
    broker->linked = broker->broken = false;
    if (broker->protocol == 5 && broker->keep_session && broker->session_expiry_s > 0) {
        result = mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                              broker->session_expiry_s);
        if (result == MOSQ_ERR_SUCCESS) {
            result = mosquitto_connect_bind_v5(broker->client, broker->url.host, broker->url.port,
                                               broker->keep_alive_s, NULL, properties);
        }
        mosquitto_property_free_all(&properties);
    } else {
        result =
            mosquitto_connect_async(broker->client, broker->url.host, broker->url.port, broker->keep_alive_s);
    }
    if (result != MOSQ_ERR_SUCCESS) {
        set_library_reason(broker, result);
    }
    return result == MOSQ_ERR_SUCCESS;
}

/* Reads what has come: libmosquitto takes one packet a call. */
static int read_packets(Broker *broker)
{
    int result = mosquitto_loop(broker->client, 0, 1);
    for (int i = 0; i < BURST && result == MOSQ_ERR_SUCCESS && !broker->broken; i++) {
        uint64_t before = broker->heard;
        if (!broker->drop_when_full && !has_room(broker)) {
            break;
        }
        result = mosquitto_loop_read(broker->client, 1);
        if (broker->heard == before) {
            break;
        }
    }
    return result;
}

/* Sleeps until there is something to do, then does it. False when the connection is over. */
static bool serve_once(Broker *broker, int timeout_ms)
{
    ask_for_topics(broker);
    send_messages(broker);
    doorbell_arm(&broker->courier);
    bool room = broker->drop_when_full || room_or_wanted(broker);
    bool more = atomic_load(&broker->stop) || message_ring_used(&broker->out) > 0 ||
                (broker->linked && broker->subscribed < atomic_load(&broker->filter_count));
    short events = (short)((room ? POLLIN : 0) | (mosquitto_want_write(broker->client) ? POLLOUT : 0));
    struct pollfd files[] = { { .fd = mosquitto_socket(broker->client), .events = events },
                              { .fd = broker->courier.fd, .events = POLLIN } };
    if (files[0].fd < 0) {
        return false;
    }
    (void)poll(files, 2, more ? 0 : timeout_ms);
    int result = MOSQ_ERR_SUCCESS;
    if (room && (files[0].revents & ~POLLOUT) != 0) {
        result = read_packets(broker);
    } else if (files[0].revents != 0) {
        result = mosquitto_loop_write(broker->client, 1);
    }
    if (result == MOSQ_ERR_SUCCESS && !broker->broken) {
        result = mosquitto_loop_misc(broker->client);
    }
    if (result != MOSQ_ERR_SUCCESS && !broker->broken) {
        set_library_reason(broker, result);
    }
    return result == MOSQ_ERR_SUCCESS && !broker->broken;
}

static void serve(Broker *broker)
{
    TimeNs began = clock_monotonic();
    while (!atomic_load(&broker->stop) && serve_once(broker, broker->linked ? 500 : 50)) {
        if (!broker->linked && clock_monotonic() - began > MQTT_CONNECT_TIMEOUT) {
            set_reason(broker, REASON_TIMEOUT, 0);
            break;
        }
    }
    if (broker->linked && atomic_load(&broker->stop)) {
        TimeNs enough = clock_monotonic() + GOODBYE_NS;
        send_messages(broker);
        while (mosquitto_want_write(broker->client) && clock_monotonic() < enough && !broker->broken &&
               mosquitto_loop_write(broker->client, 1) == MOSQ_ERR_SUCCESS) {
            (void)poll(NULL, 0, 1);
        }
        mosquitto_disconnect(broker->client);
    }
}

/* Half of the time is certain, the other half chance, so that many clients do not come back as one. */
static void wait_before_retry(Broker *broker)
{
    TimeNs wait =
        broker->backoff / 2 + (TimeNs)random_below(&broker->random, (uint64_t)broker->backoff / 2 + 1);
    TimeNs until = clock_monotonic() + wait;
    broker->backoff = broker->backoff > broker->backoff_max / 2 ? broker->backoff_max : broker->backoff * 2;
    for (TimeNs now = clock_monotonic(); now < until && !atomic_load(&broker->stop);
         now = clock_monotonic()) {
        send_messages(broker); /* discards what came in while nobody is there */
        doorbell_arm(&broker->courier);
        struct pollfd bell = { .fd = broker->courier.fd, .events = POLLIN };
        if (!atomic_load(&broker->stop)) {
            (void)poll(&bell, 1, (int)((until - now) / TIME_MS) + 1);
        }
    }
}

static void *run(void *context)
{
    Broker *broker = context;
    while (!atomic_load(&broker->stop)) {
        if (start_connecting(broker)) {
            serve(broker);
        }
        if (broker->linked) {
            broker->linked = false;
            atomic_store(&broker->connected, false);
            doorbell_ring(&broker->owner);
        }
        if (!atomic_load(&broker->stop)) {
            wait_before_retry(broker);
        }
    }
    return NULL;
}

/* ---- the owner's side ---- */

static Status subscribe(void *context, const char *filter, int qos)
{
    Broker *broker = context;
    uint32_t known = atomic_load_explicit(&broker->filter_count, memory_order_relaxed);
    if (!mqtt_filter_valid(filter) || qos < 0 || qos > 2) {
        return STATUS_INVALID_ARGUMENT;
    }
    if (known == MQTT_LINK_FILTERS_MAX) {
        return STATUS_CAPACITY;
    }
    memcpy(broker->filters[known].text, filter, strlen(filter) + 1);
    broker->filters[known].qos = qos;
    atomic_store_explicit(&broker->filter_count, known + 1, memory_order_release);
    doorbell_ring(&broker->courier);
    return STATUS_OK;
}

static Status publish(void *context, const MqttPublish *message)
{
    Broker *broker = context;
    if (!mqtt_topic_valid(message->topic) || message->payload.size > MQTT_PAYLOAD_SIZE_MAX) {
        return STATUS_OUT_OF_RANGE;
    }
    if (!atomic_load_explicit(&broker->connected, memory_order_relaxed)) {
        return STATUS_DISCONNECTED;
    }
    MessageRecord record = { .topic = message->topic,
                             .topic_size = strlen(message->topic),
                             .payload = message->payload,
                             .flags =
                                 (uint32_t)message->qos << QOS_SHIFT | (message->retain ? FLAG_RETAIN : 0) };
    if (!message_ring_push(&broker->out, &record)) {
        return STATUS_CAPACITY;
    }
    doorbell_ring(&broker->courier);
    return STATUS_OK;
}

static bool peek(void *context, MqttMessage *out_message)
{
    Broker *broker = context;
    MessageRecord record;
    if (!message_ring_peek(&broker->in, &record)) {
        doorbell_arm(&broker->owner);
        if (!message_ring_peek(&broker->in, &record)) {
            return false;
        }
    }
    *out_message = (MqttMessage){ .topic = record.topic,
                                  .topic_size = record.topic_size,
                                  .payload = record.payload,
                                  .retained = (record.flags & FLAG_RETAIN) != 0,
                                  .received = record.time };
    return true;
}

static void pop(void *context)
{
    Broker *broker = context;
    message_ring_pop(&broker->in);
    atomic_thread_fence(memory_order_seq_cst); /* room_or_wanted */
    if (atomic_load_explicit(&broker->wants_room, memory_order_relaxed) &&
        message_ring_used(&broker->in) <= broker->in.capacity / 2 &&
        atomic_exchange(&broker->wants_room, false)) {
        doorbell_ring(&broker->courier);
    }
}

/* Once for each time that the broker comes or goes, however often it is tried. */
static void tell(Broker *broker, const MqttLinkStatus *now)
{
    char url[512];
    if (now->connected && now->connections != broker->told_connections) {
        log_info("mqtt", "connected with the broker %s", mqtt_url_format(&broker->url, url, sizeof url));
        broker->told_connections = now->connections;
        broker->told_away = false;
    } else if (!now->connected && !broker->told_away && atomic_load(&broker->reason) != REASON_NONE) {
        log_warning("mqtt", "no connection with the broker %s: %s; it is tried until there is one",
                    mqtt_url_format(&broker->url, url, sizeof url), now->reason);
        broker->told_away = true;
    }
}

static void status(void *context, MqttLinkStatus *out_status)
{
    Broker *broker = context;
    *out_status = (MqttLinkStatus){ .connected = atomic_load(&broker->connected),
                                    .connections = atomic_load(&broker->connections),
                                    .received = atomic_load(&broker->received),
                                    .dropped = atomic_load(&broker->dropped),
                                    .too_large = atomic_load(&broker->too_large),
                                    .published = atomic_load(&broker->published),
                                    .discarded = atomic_load(&broker->discarded) };
    if (!out_status->connected) {
        snprintf(out_status->reason, sizeof out_status->reason, "%s",
                 reason_text(atomic_load(&broker->reason)));
    }
    tell(broker, out_status);
}

static TimeNs clock_unix(void *context)
{
    (void)context;
    return clock_wall();
}

static int wake_fd(const void *context)
{
    const Broker *broker = context;
    return broker->owner.fd;
}

static void release(Broker *broker)
{
    if (broker->client != NULL) {
        mosquitto_destroy(broker->client);
    }
    message_ring_finish(&broker->in);
    message_ring_finish(&broker->out);
    doorbell_finish(&broker->owner);
    doorbell_finish(&broker->courier);
    free(broker->filters);
    free(broker);
}

static void destroy(void *context)
{
    Broker *broker = context;
    if (broker == NULL) {
        return;
    }
    atomic_store(&broker->stop, true);
    doorbell_ring(&broker->courier);
    pthread_join(broker->thread, NULL);
    release(broker);
}

static const MqttLinkOps broker_ops = {
    .subscribe = subscribe,
    .publish = publish,
    .peek = peek,
    .pop = pop,
    .status = status,
    .clock = clock_unix,
    .wake_fd = wake_fd,
    .destroy = destroy,
};

/* ---- opening ---- */

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_start(void)
{
    mosquitto_lib_init();
}

static Status readable(const char *path, Diag *diag)
{
    FILE *file = path == NULL ? NULL : fopen(path, "rb");
    if (path != NULL && file == NULL) {
        return diag_set(diag, STATUS_NOT_FOUND, path, 0, "this file for TLS cannot be read");
    }
    if (file != NULL) {
        fclose(file);
    }
    return STATUS_OK;
}

static Status set_tls(Broker *broker, const MqttLinkConfig *config, Diag *diag)
{
    const char *files[] = { config->ca_file, config->cert_file, config->key_file };
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        Status status = readable(files[i], diag);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if ((config->cert_file == NULL) != (config->key_file == NULL)) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0,
                        "a certificate for the broker needs its key, and a key its certificate");
    }
    int result = MOSQ_ERR_SUCCESS;
    if (config->ca_file == NULL) {
        result = mosquitto_int_option(broker->client, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    }
    if (result == MOSQ_ERR_SUCCESS && (config->ca_file != NULL || config->cert_file != NULL)) {
        result = mosquitto_tls_set(broker->client, config->ca_file, NULL, config->cert_file, config->key_file,
                                   NULL);
    }
    return result == MOSQ_ERR_SUCCESS
               ? STATUS_OK
               : diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0, "TLS for the broker cannot be set up: %s",
                          mosquitto_strerror(result));
}

static Status set_client(Broker *broker, const MqttLinkConfig *config, Diag *diag)
{
    char chance[32];
    const char *id = config->client_id;
    if (id == NULL) {
        snprintf(chance, sizeof chance, "dtmv-%016llx", (unsigned long long)random_u64(&broker->random));
        id = chance;
    }
    broker->client = mosquitto_new(id, !broker->keep_session, broker);
    if (broker->client == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for a connection to the broker");
    }
    int result = mosquitto_int_option(broker->client, MOSQ_OPT_PROTOCOL_VERSION,
                                      broker->protocol == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    if (result == MOSQ_ERR_SUCCESS) {
        result = mosquitto_int_option(broker->client, MOSQ_OPT_TCP_NODELAY, 1);
    }
    if (result == MOSQ_ERR_SUCCESS && broker->url.user[0] != '\0') {
        result = mosquitto_username_pw_set(broker->client, broker->url.user, broker->url.password);
    }
    if (result == MOSQ_ERR_SUCCESS && config->will.topic != NULL) {
        result = mosquitto_will_set(broker->client, config->will.topic, (int)config->will.payload.size,
                                    config->will.payload.data, config->will.qos, config->will.retain);
    }
    if (result != MOSQ_ERR_SUCCESS) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0, "the connection to the broker: %s",
                        mosquitto_strerror(result));
    }
    mosquitto_connect_callback_set(broker->client, on_connect);
    mosquitto_disconnect_callback_set(broker->client, on_disconnect);
    mosquitto_message_callback_set(broker->client, on_message);
    return broker->url.tls ? set_tls(broker, config, diag) : STATUS_OK;
}

/* Signals are for the main thread. */
static Status start_thread(Broker *broker, Diag *diag)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&broker->thread, NULL, run, broker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result == 0 ? STATUS_OK
                       : diag_set(diag, STATUS_IO_ERROR, "", 0, "no thread for the connection to the broker");
}

static Status check_config(const MqttLinkConfig *config, Diag *diag)
{
    if (config->protocol != 0 && config->protocol != 4 && config->protocol != 5) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0, "MQTT's protocol is 4 (3.1.1) or 5, not %d",
                        config->protocol);
    }
    if (config->keep_session && config->client_id == NULL) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0, "a session that is kept needs a client id");
    }
    if (config->backoff_min < 0 || config->backoff_max < 0 ||
        (config->keep_alive_s != 0 && config->keep_alive_s < 5) ||
        (config->will.topic != NULL && !mqtt_topic_valid(config->will.topic))) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0,
                        "backoff, keep-alive (5 s at least) or last will of the broker's link");
    }
    return STATUS_OK;
}

Status mqtt_link_open(const MqttLinkConfig *config, MqttLink *out_link, Diag *diag)
{
    Status result = check_config(config, diag);
    if (result != STATUS_OK) {
        return result;
    }
    pthread_once(&library_once, library_start);
    Broker *broker = aligned_alloc(_Alignof(Broker), sizeof *broker);
    if (broker == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for a connection to the broker");
    }
    memset(broker, 0, sizeof *broker);
    broker->url = *config->url;
    broker->protocol = config->protocol == 5 ? 5 : 4;
    broker->keep_session = config->keep_session;
    broker->session_expiry_s = config->session_expiry_s;
    broker->drop_when_full = config->drop_when_full;
    broker->keep_alive_s = config->keep_alive_s == 0 ? MQTT_KEEP_ALIVE_S : config->keep_alive_s;
    broker->backoff_min = config->backoff_min == 0 ? MQTT_BACKOFF_MIN : config->backoff_min;
    broker->backoff_max = config->backoff_max == 0 ? MQTT_BACKOFF_MAX : config->backoff_max;
    broker->backoff = broker->backoff_min;
    broker->random = random_seeded(config->seed == 0 ? (uint64_t)clock_monotonic() ^ (uint64_t)clock_wall()
                                                     : config->seed);
    broker->owner.fd = broker->courier.fd = -1;
    size_t ring = config->ring_bytes == 0 ? MQTT_RING_BYTES : config->ring_bytes;
    broker->filters = calloc(MQTT_LINK_FILTERS_MAX, sizeof *broker->filters);
    if (broker->filters == NULL ||
        message_ring_init(&broker->in, ring < MQTT_RING_BYTES_MIN ? MQTT_RING_BYTES_MIN : ring) !=
            STATUS_OK ||
        message_ring_init(&broker->out, OUT_RING_BYTES) != STATUS_OK) {
        result = diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for a connection to the broker");
    } else if (doorbell_init(&broker->owner) != STATUS_OK || doorbell_init(&broker->courier) != STATUS_OK) {
        result =
            diag_set(diag, STATUS_IO_ERROR, "", 0, "no file descriptor for the connection to the broker");
    }
    if (result == STATUS_OK) {
        result = set_client(broker, config, diag);
    }
    if (result == STATUS_OK) {
        result = start_thread(broker, diag);
    }
    if (result != STATUS_OK) {
        release(broker);
        return result;
    }
    *out_link = (MqttLink){ .ops = &broker_ops, .context = broker };
    return STATUS_OK;
}
