/* broker.h - a Mosquitto of our own and a publisher that gives it as much as it takes, for benchmarks. */
#ifndef TESTS_BENCH_BROKER_H
#define TESTS_BENCH_BROKER_H
#include "shared/base/bytes.h"
#include "shared/base/diag.h"
#include "shared/base/time.h"

#include <stdint.h>
#include <sys/types.h>

typedef struct Broker {
    pid_t pid;
    uint16_t port;
    char folder[64]; /* of its configuration */
} Broker;

/* Starts it on a free loopback port. STATUS_UNSUPPORTED where no mosquitto is installed, STATUS_IO_ERROR. The
 * caller calls broker_stop. */
NODISCARD Status broker_start(Broker *broker, Diag *diag);
void broker_stop(Broker *broker); /* safe on a zeroed one */

/* Writes message `n` as topic (terminated) and payload; sizes in bytes. */
typedef struct BrokerMessage {
    char topic[128];
    uint8_t payload[512];
    size_t payload_size;
} BrokerMessage;
typedef void (*BrokerWrite)(uint64_t n, BrokerMessage *out_message);

/* Starts a child that publishes messages first..first+count-1 with QoS 0, as fast as the broker takes them;
 * -1 on failure. `will_wait_ns`: it begins so long after. */
pid_t broker_publish(const Broker *broker, BrokerWrite write, uint64_t first, uint64_t count);

/* Waits for it; the seconds it took from first to last byte, 0 when it failed. */
double broker_publish_end(pid_t publisher);

/* What the processes of a paced run know of each message, in memory that they share. Monotonic instants; 0:
 * not yet. */
typedef struct BrokerTimes {
    TimeNs published, arrived; /* arrived: at the bare subscriber */
} BrokerTimes;

/* For `count` messages; NULL without memory. broker_times_free gives it back. */
BrokerTimes *broker_times(size_t count);
void broker_times_free(BrokerTimes *times, size_t count);

/* Starts a child that publishes messages 0..count-1 with QoS 0, one each `interval`, and notes when; -1 on
 * failure. */
pid_t broker_publish_paced(const Broker *broker, BrokerWrite write, size_t count, TimeNs interval,
                           BrokerTimes *times);

/* Starts a child with a libmosquitto subscriber that does nothing but note when messages come, which it tells
 * apart by `number` of the payload; it goes on until it is killed. -1 on failure, else it is subscribed. */
pid_t broker_watch(const Broker *broker, const char *filter, uint64_t (*number)(Bytes payload), size_t count,
                   BrokerTimes *times);

/* Ends a child of these. Safe on 0 and -1. */
void broker_end(pid_t child);

/* Messages a second that a bare libmosquitto subscriber counts of `count` published ones, from the first to
 * the last, the CPU time of this process for each, and how many did not come. */
NODISCARD Status broker_bare_rate(const Broker *broker, const char *filter, BrokerWrite write, uint64_t first,
                                  uint64_t count, double *out_rate, double *out_cpu_us, uint64_t *out_lost,
                                  double *out_offered, Diag *diag);

#endif
