/* ingest --mqtt, --sparkplug: a real Mosquitto between a publisher that gives it what it takes and a twin
 * system that ticks at 60 Hz; beside it, in the same run and by turns, a bare libmosquitto subscriber. */
#include "server/live_feed_mqtt.h"
#include "server/twin/sparkplug.h"
#include "server/twin/twin.h"
#include "shared/base/clock_file.h"
#include "tests/bench/bench.h"
#include "tests/bench/broker.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>

#define THINGS     500
#define PROPERTIES 3
#define ROUNDS     3
#define COUNT      300000 /* messages a round */
#define TICK_MS    16
#define SILENCE    (5 * TIME_SECOND)

typedef struct Round {
    double bare, ours, offered; /* messages a second */
    double bare_cpu_us, cpu_us; /* of a message, in this process: says more than rates on a busy machine */
    uint64_t bare_lost, lost;   /* messages that did not come */
    uint64_t samples, dropped;  /* accepted; offered but not accepted */
} Round;

static Property properties[PROPERTIES];
static ThingModel model = {
    .path = "bench", .title = "Bench", .properties = properties, .property_count = PROPERTIES
};
static Thing things[THINGS];
static char ids[THINGS][24];
static World world = { .name = "bench", .title = "bench", .things = things, .thing_count = THINGS };

static void make_world(void)
{
    static const char *const names[PROPERTIES] = { "temperature", "pressure", "flow" };
    for (int i = 0; i < PROPERTIES; i++) {
        properties[i] = (Property){ .name = names[i],
                                    .title = names[i],
                                    .unit = "",
                                    .type = PROPERTY_NUMBER,
                                    .encoding = CHANNEL_STEPS,
                                    .resolution = 0.1,
                                    .minimum = -1e6,
                                    .maximum = 1e6 };
    }
    for (int i = 0; i < THINGS; i++) {
        snprintf(ids[i], sizeof ids[i], "machine-%d", i);
        things[i] = (Thing){ .id = ids[i], .title = ids[i], .model = &model };
    }
}

/* Every message is a new value at a new time, so that none is dropped as a duplicate or as old. */
static void write_json(uint64_t n, BrokerMessage *out_message)
{
    uint64_t time = UINT64_C(1700000000000000000) + n * 1000;
    snprintf(out_message->topic, sizeof out_message->topic, "dtmv/bench/machine-%u/%s",
             (unsigned)(n / PROPERTIES % THINGS), properties[n % PROPERTIES].name);
    out_message->payload_size =
        (size_t)snprintf((char *)out_message->payload, sizeof out_message->payload,
                         "{\"value\": %u.%u, \"time\": %llu, \"quality\": \"good\"}", (unsigned)(n % 4096),
                         (unsigned)(n % 10), (unsigned long long)time);
}

/* One edge node: its birth, those of its devices, then data by alias, one message a device in turn. The
 * births are messages 0 to THINGS of each round, so that a subscriber that comes anew knows the aliases. */
static uint64_t round_messages; /* of a round; the sequence begins with each */

static void write_sparkplug(uint64_t n, BrokerMessage *out_message)
{
    SparkplugMetric metrics[PROPERTIES];
    uint64_t at = (n - 1) % round_messages, device = (at - 1) % THINGS;
    SparkplugPayload head = {
        .has_timestamp = true, .timestamp = UINT64_C(1700000000000) + n, .has_seq = true, .seq = at % 256
    };
    bool birth = at <= THINGS;
    size_t count = at == 0 ? 0 : PROPERTIES;
    for (size_t i = 0; i < count; i++) {
        metrics[i] = (SparkplugMetric){ .has_alias = true,
                                        .alias = device * PROPERTIES + i + 1,
                                        .type = birth ? SPARKPLUG_FLOAT : 0,
                                        .field = SPARKPLUG_VALUE_FLOAT,
                                        .number = (double)(n % 4096) };
        if (birth) {
            metrics[i].name = bytes_of(properties[i].name, strlen(properties[i].name));
        }
    }
    if (at == 0) {
        snprintf(out_message->topic, sizeof out_message->topic, "spBv1.0/bench/NBIRTH/edge");
    } else {
        snprintf(out_message->topic, sizeof out_message->topic, "spBv1.0/bench/%s/edge/machine-%u",
                 birth ? "DBIRTH" : "DDATA", (unsigned)device);
    }
    out_message->payload_size =
        sparkplug_write(&head, metrics, count, out_message->payload, sizeof out_message->payload);
}

/* Ticks until every message has come or none comes any more. */
static Status take_messages(TwinSystem *twin, const Feed *feed, uint64_t wanted, TimeNs *out_first,
                            TimeNs *out_last)
{
    TimeNs heard = clock_monotonic();
    uint64_t before = feed->ops->counters(feed->context)->rows, began = before;
    *out_first = *out_last = 0;
    while (before - began < wanted && clock_monotonic() - heard < SILENCE) {
        SyncBatch batch;
        TimeNs now = clock_monotonic();
        Status status = twin_tick(twin, now, &batch);
        if (status != STATUS_OK) {
            return status;
        }
        uint64_t rows = feed->ops->counters(feed->context)->rows;
        if (rows != before) {
            *out_first = *out_first == 0 ? now : *out_first;
            *out_last = heard = clock_monotonic();
            before = rows;
        }
        TimeNs left = now + TICK_MS * TIME_MS - clock_monotonic();
        if (left > 0) {
            (void)poll(NULL, 0, (int)(left / TIME_MS));
        }
    }
    return STATUS_OK;
}

/* Until the feed has its broker: nothing published before would be told to it. */
static bool wait_for_broker(const Feed *feed)
{
    TraceSample samples[1];
    size_t count;
    FeedStatus status = { .lost = true };
    for (int i = 0; i < 500 && status.lost; i++) {
        if (feed->ops->poll(feed->context, clock_monotonic(), samples, 1, &count, &status) != STATUS_OK) {
            return false;
        }
        (void)poll(NULL, 0, 10);
    }
    (void)poll(NULL, 0, 200); /* and the broker its subscription */
    return !status.lost;
}

static Status measure_ours(const Broker *broker, const char *type, BrokerWrite write, uint64_t first,
                           uint64_t count, uint64_t samples_a_message, Round *round, Diag *diag)
{
    Arena arena;
    TextTable texts;
    TwinSystem *twin = NULL;
    Feed feed = { 0 };
    char url[64];
    TimeNs begin, end;
    arena_init(&arena, 0);
    snprintf(url, sizeof url, "mqtt://127.0.0.1:%u", broker->port);
    /* Not a primary host: its own STATE would come back and be counted. */
    static const char sparkplug[] =
        "{\"dtmv_sparkplug\": 1, \"primary\": false, \"metrics\": [ {\"device\": \"{t}\", "
        "\"metric\": \"{p}\", \"thing\": \"{t}\", \"property\": \"{p}\"} ] }";
    LiveFeedConfig config = { .type = type, .url = url, .world = &world, .texts = &texts, .arena = &arena };
    if (strcmp(type, "sparkplug") == 0) {
        config.mapping = bytes_of(sparkplug, sizeof sparkplug - 1);
        config.mapping_path = "bench";
    }
    Status status = text_table_init(&texts, 16, &arena);
    if (status == STATUS_OK) {
        status = live_feed_open(&config, &feed, diag);
    }
    if (status == STATUS_OK) {
        status = twin_create(&world, 0, &twin);
    }
    if (status == STATUS_OK) {
        status = twin_add_feed(twin, feed);
    }
    if (status == STATUS_OK && !wait_for_broker(&feed)) {
        status = diag_set(diag, STATUS_DISCONNECTED, "", 0, "the feed finds no broker");
    }
    if (status == STATUS_OK) {
        TimeNs cpu = clock_process_cpu();
        pid_t publisher = broker_publish(broker, write, first, count);
        status = take_messages(twin, &feed, count, &begin, &end);
        double seconds = publisher > 0 ? broker_publish_end(publisher) : 0;
        const TraceCounters *counters = feed.ops->counters(feed.context);
        round->cpu_us = time_to_seconds(clock_process_cpu() - cpu) * 1e6 / (double)count;
        round->lost = count - counters->rows;
        round->samples = twin_counters(twin)->samples;
        /* A node's birth carries no sample. */
        uint64_t empty = samples_a_message > 1 ? 1 : 0;
        round->dropped = (count - empty) * samples_a_message - round->samples;
        round->ours = end > begin ? (double)counters->rows / time_to_seconds(end - begin) : 0;
        round->offered = seconds > 0 ? (double)count / seconds : 0;
    }
    twin_destroy(twin);
    arena_finish(&arena);
    return status;
}

static Status measure(const char *type, const char *filter, BrokerWrite write, uint64_t samples_a_message,
                      uint64_t count, Diag *diag)
{
    Broker broker;
    Round best = { 0 }, round = { 0 };
    uint64_t first = 1, dropped = 0, lost = 0, samples = 0;
    Status status = broker_start(&broker, diag);
    for (int i = 0; i < ROUNDS && status == STATUS_OK; i++) {
        status = broker_bare_rate(&broker, filter, write, first, count, &round.bare, &round.bare_cpu_us,
                                  &round.bare_lost, &round.offered, diag);
        first += count;
        if (status == STATUS_OK) {
            status = measure_ours(&broker, type, write, first, count, samples_a_message, &round, diag);
            first += count;
        }
        best.bare = fmax(best.bare, round.bare);
        best.ours = fmax(best.ours, round.ours);
        best.offered = fmax(best.offered, round.offered);
        best.bare_cpu_us = i == 0 ? round.bare_cpu_us : fmin(best.bare_cpu_us, round.bare_cpu_us);
        best.cpu_us = i == 0 ? round.cpu_us : fmin(best.cpu_us, round.cpu_us);
        best.bare_lost += round.bare_lost;
        lost += round.lost;
        dropped += round.dropped;
        samples += round.samples;
    }
    broker_stop(&broker);
    if (status != STATUS_OK) {
        return status;
    }
    bench_open("ingest");
    bench_text("by", type);
    bench_number("offered_messages_per_s", best.offered);
    bench_number("messages_per_s", best.ours);
    bench_number("samples_per_s", best.ours * (double)samples_a_message);
    bench_number("bare_messages_per_s", best.bare);
    bench_number("of_bare", best.ours / best.bare);
    bench_number("cpu_us_per_message", best.cpu_us);
    bench_number("bare_cpu_us_per_message", best.bare_cpu_us);
    bench_integer("messages", (int64_t)(count * ROUNDS));
    bench_integer("samples", (int64_t)samples);
    bench_integer("lost_messages", (int64_t)lost);
    bench_integer("bare_lost_messages", (int64_t)best.bare_lost);
    bench_integer("dropped", (int64_t)dropped);
    bench_close();
    return STATUS_OK;
}

Status bench_ingest_broker(const BenchOptions *options, Diag *diag)
{
    uint64_t count = options->count > 0 ? (uint64_t)options->count : COUNT;
    make_world();
    if (options->sparkplug) {
        round_messages = count > 2 * THINGS ? count : 2 * THINGS;
        return measure("sparkplug", "spBv1.0/#", write_sparkplug, PROPERTIES, round_messages, diag);
    }
    return measure("mqtt", "dtmv/bench/+/+", write_json, 1, count, diag);
}
