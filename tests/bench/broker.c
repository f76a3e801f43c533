#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "tests/bench/broker.h"

#include "shared/base/bytes.h"
#include "shared/base/clock_file.h"

#include <arpa/inet.h>
#include <mosquitto.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUFFER  65536
#define SILENCE (5 * TIME_SECOND) /* nothing more will come */

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static uint16_t free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                 getsockname(fd, (struct sockaddr *)&address, &size) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return bound ? ntohs(address.sin_port) : 0;
}

static const char *program(void)
{
    static const char *const paths[] = { "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto",
                                         "/usr/bin/mosquitto", "/usr/local/bin/mosquitto" };
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        if (access(paths[i], X_OK) == 0) {
            return paths[i];
        }
    }
    return NULL;
}

static bool write_config(Broker *broker, char *path, size_t size)
{
    snprintf(broker->folder, sizeof broker->folder, "/tmp/dtmv-bench-XXXXXX");
    if (mkdtemp(broker->folder) == NULL) {
        broker->folder[0] = '\0';
        return false;
    }
    snprintf(path, size, "%s/mosquitto.conf", broker->folder);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return false;
    }
    fprintf(file,
            "listener %u 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type error\n"
            "max_queued_messages 0\nmax_queued_bytes 0\nset_tcp_nodelay true\n",
            broker->port);
    return fclose(file) == 0;
}

Status broker_start(Broker *broker, Diag *diag)
{
    char path[128];
    const char *mosquitto = program();
    *broker = (Broker){ 0 };
    if (mosquitto == NULL) {
        return diag_set(diag, STATUS_UNSUPPORTED, "", 0, "mosquitto is not installed: nothing was measured");
    }
    broker->port = free_port();
    if (broker->port == 0 || !write_config(broker, path, sizeof path)) {
        return diag_set(diag, STATUS_IO_ERROR, "", 0, "no port or no folder for mosquitto");
    }
    broker->pid = fork();
    if (broker->pid == 0) {
        execl(mosquitto, mosquitto, "-c", path, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 500 && broker->pid > 0; i++) {
        int fd = connect_to(broker->port);
        if (fd >= 0) {
            close(fd);
            return STATUS_OK;
        }
        (void)poll(NULL, 0, 10);
    }
    broker_stop(broker);
    return diag_set(diag, STATUS_IO_ERROR, mosquitto, 0, "does not listen");
}

void broker_stop(Broker *broker)
{
    if (broker->pid > 0) {
        kill(broker->pid, SIGTERM);
        waitpid(broker->pid, NULL, 0);
    }
    if (broker->folder[0] != '\0') {
        char path[128];
        snprintf(path, sizeof path, "%s/mosquitto.conf", broker->folder);
        unlink(path);
        rmdir(broker->folder);
    }
    *broker = (Broker){ 0 };
}

/* ---- the publisher ---- */

static bool send_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* One PUBLISH packet of QoS 0 (MQTT 3.1.1, 3.3); its size. */
static size_t put_packet(uint8_t *out, const BrokerMessage *message)
{
    size_t topic = strlen(message->topic), rest = 2 + topic + message->payload_size, at = 0;
    out[at++] = 0x30;
    do {
        out[at++] = (uint8_t)((rest & 127) | (rest > 127 ? 128 : 0));
    } while ((rest >>= 7) != 0);
    out[at++] = (uint8_t)(topic >> 8);
    out[at++] = (uint8_t)topic;
    memcpy(out + at, message->topic, topic);
    memcpy(out + at + topic, message->payload, message->payload_size);
    return at + topic + message->payload_size;
}

/* A socket to a broker that has taken us; -1 on failure. */
static int greet(uint16_t port)
{
    static const uint8_t hello[] = {
        0x10, 16, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 4, 'p', 'u', 'b', '1'
    };
    uint8_t reply[4];
    int fd = connect_to(port);
    if (fd >= 0 && (!send_all(fd, hello, sizeof hello) || recv(fd, reply, sizeof reply, MSG_WAITALL) != 4 ||
                    reply[3] != 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool publish_all(uint16_t port, BrokerWrite write_message, uint64_t first, uint64_t count,
                        double *out_seconds)
{
    static uint8_t buffer[BUFFER + 1024];
    uint8_t reply[2];
    int fd = greet(port);
    if (fd < 0) {
        return false;
    }
    TimeNs began = clock_monotonic();
    size_t used = 0;
    for (uint64_t n = first; n < first + count; n++) {
        BrokerMessage message;
        write_message(n, &message);
        used += put_packet(buffer + used, &message);
        if (used >= BUFFER || n + 1 == first + count) {
            if (!send_all(fd, buffer, used)) {
                return false;
            }
            used = 0;
        }
    }
    /* An answered PING: the broker has read everything. */
    static const uint8_t ping[] = { 0xc0, 0 }, bye[] = { 0xe0, 0 };
    if (!send_all(fd, ping, sizeof ping) || recv(fd, reply, 2, MSG_WAITALL) != 2) {
        return false;
    }
    *out_seconds = time_to_seconds(clock_monotonic() - began);
    (void)send_all(fd, bye, sizeof bye);
    close(fd);
    return true;
}

static int seconds_pipe[2] = { -1, -1 }; /* by which the child says how long it took */

pid_t broker_publish(const Broker *broker, BrokerWrite write_message, uint64_t first, uint64_t count)
{
    if (pipe(seconds_pipe) != 0) {
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        double seconds = 0;
        bool done = publish_all(broker->port, write_message, first, count, &seconds) &&
                    write(seconds_pipe[1], &seconds, sizeof seconds) == (ssize_t)sizeof seconds;
        _exit(done ? 0 : 1);
    }
    close(seconds_pipe[1]);
    return child;
}

double broker_publish_end(pid_t publisher)
{
    double seconds = 0;
    if (read(seconds_pipe[0], &seconds, sizeof seconds) != (ssize_t)sizeof seconds) {
        seconds = 0;
    }
    close(seconds_pipe[0]);
    waitpid(publisher, NULL, 0);
    return seconds;
}

/* ---- paced, and watched ---- */

BrokerTimes *broker_times(size_t count)
{
    void *memory =
        mmap(NULL, count * sizeof(BrokerTimes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void broker_times_free(BrokerTimes *times, size_t count)
{
    if (times != NULL) {
        munmap(times, count * sizeof *times);
    }
}

static bool publish_paced(uint16_t port, BrokerWrite write_message, size_t count, TimeNs interval,
                          BrokerTimes *times)
{
    static uint8_t packet[1024];
    int on = 1, fd = greet(port);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        return false;
    }
    TimeNs due = clock_monotonic();
    for (size_t n = 0; n < count; n++, due += interval) {
        BrokerMessage message;
        clock_sleep_until(due);
        write_message(n, &message);
        size_t size = put_packet(packet, &message);
        times[n].published = clock_monotonic();
        if (!send_all(fd, packet, size)) {
            return false;
        }
    }
    return true;
}

pid_t broker_publish_paced(const Broker *broker, BrokerWrite write_message, size_t count, TimeNs interval,
                           BrokerTimes *times)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(publish_paced(broker->port, write_message, count, interval, times) ? 0 : 1);
    }
    return child;
}

typedef struct Watch {
    uint64_t (*number)(Bytes payload);
    size_t count;
    BrokerTimes *times;
    int ready; /* told through this pipe */
} Watch;

static void on_watched(struct mosquitto *client, void *context, const struct mosquitto_message *message)
{
    TimeNs now = clock_monotonic();
    Watch *watch = context;
    (void)client;
    uint64_t number = watch->number(bytes_of(message->payload, (size_t)message->payloadlen));
    if (number < watch->count) {
        watch->times[number].arrived = now;
    }
}

static void on_watching(struct mosquitto *client, void *context, int id, int count, const int *qos)
{
    Watch *watch = context;
    (void)client;
    (void)id;
    (void)count;
    (void)qos;
    if (write(watch->ready, "", 1) != 1) {
        _exit(1);
    }
}

static void watch_forever(const Broker *broker, const char *filter, Watch *watch)
{
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new("watch", true, watch);
    if (client == NULL) {
        return;
    }
    mosquitto_message_callback_set(client, on_watched);
    mosquitto_subscribe_callback_set(client, on_watching);
    (void)mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    if (mosquitto_connect(client, "127.0.0.1", broker->port, 60) == MOSQ_ERR_SUCCESS &&
        mosquitto_subscribe(client, NULL, filter, 0) == MOSQ_ERR_SUCCESS) {
        while (mosquitto_loop(client, 1000, 1) == MOSQ_ERR_SUCCESS) {
        }
    }
}

pid_t broker_watch(const Broker *broker, const char *filter, uint64_t (*number)(Bytes payload), size_t count,
                   BrokerTimes *times)
{
    int ends[2];
    char byte;
    if (pipe(ends) != 0) {
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        watch_forever(broker, filter,
                      &(Watch){ .number = number, .count = count, .times = times, .ready = ends[1] });
        _exit(1);
    }
    close(ends[1]);
    bool ready = child > 0 && read(ends[0], &byte, 1) == 1;
    close(ends[0]);
    if (!ready) {
        broker_end(child);
        return -1;
    }
    return child;
}

void broker_end(pid_t child)
{
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
}

/* ---- a subscriber that does nothing but count ---- */

typedef struct Counting {
    uint64_t count;
    TimeNs first, last;
    bool subscribed;
} Counting;

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message)
{
    Counting *counting = context;
    (void)client;
    (void)message;
    if (counting->count++ == 0) {
        counting->first = clock_monotonic();
    }
    if (counting->count % 64 == 0) { /* the clock is not what is measured */
        counting->last = clock_monotonic();
    }
}

static void on_subscribe(struct mosquitto *client, void *context, int id, int count, const int *qos)
{
    Counting *counting = context;
    (void)client;
    (void)id;
    (void)count;
    (void)qos;
    counting->subscribed = true;
}

static Status count_messages(struct mosquitto *client, const Broker *broker, const char *filter,
                             BrokerWrite write, uint64_t first, uint64_t count, Counting *counting,
                             double *out_offered)
{
    if (mosquitto_connect(client, "127.0.0.1", broker->port, 60) != MOSQ_ERR_SUCCESS ||
        mosquitto_subscribe(client, NULL, filter, 0) != MOSQ_ERR_SUCCESS) {
        return STATUS_DISCONNECTED;
    }
    while (!counting->subscribed) {
        if (mosquitto_loop(client, 100, 1) != MOSQ_ERR_SUCCESS) {
            return STATUS_DISCONNECTED;
        }
    }
    pid_t publisher = broker_publish(broker, write, first, count);
    TimeNs heard = clock_monotonic();
    uint64_t before = 0;
    while (publisher > 0 && counting->count < count && clock_monotonic() - heard < SILENCE) {
        if (mosquitto_loop(client, 100, 1) != MOSQ_ERR_SUCCESS) {
            break;
        }
        heard = counting->count != before ? clock_monotonic() : heard;
        before = counting->count;
    }
    double seconds = publisher > 0 ? broker_publish_end(publisher) : 0;
    *out_offered = seconds > 0 ? (double)count / seconds : 0;
    return seconds > 0 ? STATUS_OK : STATUS_IO_ERROR;
}

Status broker_bare_rate(const Broker *broker, const char *filter, BrokerWrite write, uint64_t first,
                        uint64_t count, double *out_rate, double *out_cpu_us, uint64_t *out_lost,
                        double *out_offered, Diag *diag)
{
    Counting counting = { 0 };
    TimeNs cpu = clock_process_cpu();
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new("bare", true, &counting);
    if (client == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for a subscriber");
    }
    mosquitto_message_callback_set(client, on_message);
    mosquitto_subscribe_callback_set(client, on_subscribe);
    Status status = count_messages(client, broker, filter, write, first, count, &counting, out_offered);
    mosquitto_disconnect(client);
    mosquitto_destroy(client);
    if (status != STATUS_OK || counting.last <= counting.first) {
        return diag_set(diag, STATUS_IO_ERROR, "", 0, "the bare subscriber or the publisher failed");
    }
    *out_rate = (double)(counting.count / 64 * 64) / time_to_seconds(counting.last - counting.first);
    *out_cpu_us = time_to_seconds(clock_process_cpu() - cpu) * 1e6 / (double)counting.count;
    *out_lost = count - counting.count;
    return STATUS_OK;
}
