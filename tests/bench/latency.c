/* latency: from the instant of a sample to a client that has applied it. PERFORMANCE.md, "latency": 1,000
 * samples a second, one each millisecond, over 1,000 things in turn. Without a broker the feed is in the
 * server's process, and a sample's instant is the one it is for. With --mqtt a process of its own publishes
 * to a Mosquitto, and a sample's instant is that of publishing; a bare subscriber beside the server tells how
 * much of it is the broker's. The server runs in a child process with dtmv-server's own loop, with
 * --processes in three (twin system, enabler, metaverse system), the client in this one; all read the same
 * monotonic clock. */
#include "shared/base/clock_file.h"
#include "tests/bench/bench.h"
#include "tests/bench/latency_server.h"
#include "tests/bench/load.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THINGS          LATENCY_THINGS
#define SAMPLE_INTERVAL LATENCY_INTERVAL
#define TICK_RATE       LATENCY_TICK_RATE
#define IDLE            (100 * TIME_US)
#define WARM_UP         TIME_SECOND
#define SAMPLES_MAX     1000000
#define JOIN_PATIENCE   (20 * TIME_SECOND)
#define STRAGGLERS      (TIME_SECOND / 2) /* after the last sample */
#define FILTER          "dtmv/latency/+/value"

/* ---- the client ---- */

typedef struct Arrivals {
    TimeNs last[THINGS];      /* instant of the newest sample seen of each thing */
    TimeNs counted_from;      /* samples before are warm-up */
    const BrokerTimes *times; /* by number; NULL: a sample's time is its instant */
    size_t offered;           /* elements of it */
    float *ms;
    size_t count;
    uint64_t wrong, snapshots;
} Arrivals;

static void note_snapshot(void *context, uint32_t client, const Snapshot *snapshot)
{
    Arrivals *arrivals = context;
    TimeNs now = clock_monotonic();
    (void)client;
    arrivals->snapshots += now >= arrivals->counted_from;
    for (uint32_t i = 0; i < snapshot->entity_count && i < THINGS; i++) {
        const ChannelState *channel = &snapshot->channels[snapshot->entities[i].first_channel];
        if (channel->source_time == TIME_NONE || channel->source_time <= arrivals->last[i]) {
            continue;
        }
        arrivals->last[i] = channel->source_time;
        bool wrong = channel->code % THINGS != (int64_t)i;
        TimeNs instant = channel->source_time;
        if (arrivals->times != NULL) {
            wrong |= channel->code < 0 || (uint64_t)channel->code >= arrivals->offered;
            instant = wrong ? TIME_NONE : arrivals->times[channel->code].published;
        }
        arrivals->wrong += wrong;
        if (instant >= arrivals->counted_from && arrivals->count < SAMPLES_MAX) {
            arrivals->ms[arrivals->count++] = (float)((double)(now - instant) / 1e6);
        }
    }
}

static int compare_floats(const void *a, const void *b)
{
    float first = *(const float *)a;
    float second = *(const float *)b;
    return (first > second) - (first < second);
}

static Status listen_for(Load *load, TimeNs duration, Diag *diag)
{
    TimeNs end = clock_monotonic() + duration;
    for (TimeNs now = clock_monotonic(); now < end; now = clock_monotonic()) {
        if (load_counters(load).ended > 0) {
            return diag_set(diag, STATUS_DISCONNECTED, "", 0, "%s", load_failure(load));
        }
        if (!load_step(load, now)) {
            clock_sleep_until(now + IDLE);
        }
    }
    return STATUS_OK;
}

static Status join(Load *load, Diag *diag)
{
    TimeNs began = clock_monotonic();
    Status status = STATUS_OK;
    while (status == STATUS_OK && load_counters(load).live == 0) {
        status = clock_monotonic() - began < JOIN_PATIENCE
                     ? listen_for(load, 10 * TIME_MS, diag)
                     : diag_set(diag, STATUS_DISCONNECTED, "", 0, "the client does not get into the world");
    }
    return status;
}

/* ---- the run ---- */

typedef struct Run {
    const BenchOptions *options;
    double seconds;
    LatencyWorld world;
    Broker broker;      /* zero: none */
    BrokerTimes *times; /* of what goes through it */
    size_t offered;
    Arrivals arrivals;
    LatencyServer server;
    pid_t watcher, publisher;
} Run;

static void write_sample(uint64_t n, BrokerMessage *out_message)
{
    snprintf(out_message->topic, sizeof out_message->topic, "dtmv/latency/thing-%u/value",
             (unsigned)(n % THINGS));
    out_message->payload_size = (size_t)snprintf((char *)out_message->payload, sizeof out_message->payload,
                                                 "{\"value\": %llu, \"time\": %lld, \"quality\": \"good\"}",
                                                 (unsigned long long)n, (long long)clock_wall());
}

static uint64_t number_of(Bytes payload)
{
    char text[64];
    unsigned long long number = UINT64_MAX;
    snprintf(text, sizeof text, "%.*s", (int)payload.size, (const char *)payload.data);
    return sscanf(text, "{\"value\": %llu", &number) == 1 ? number : UINT64_MAX;
}

static Status start_broker(Run *run, Diag *diag)
{
    Status status = broker_start(&run->broker, diag);
    if (status != STATUS_OK) {
        return status;
    }
    run->offered = (size_t)((run->seconds + time_to_seconds(WARM_UP)) * TIME_SECOND / SAMPLE_INTERVAL);
    run->times = broker_times(run->offered);
    if (run->times == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the times");
    }
    run->watcher = broker_watch(&run->broker, FILTER, number_of, run->offered, run->times);
    run->arrivals.times = run->times;
    run->arrivals.offered = run->offered;
    return run->watcher > 0 ? STATUS_OK
                            : diag_set(diag, STATUS_IO_ERROR, "", 0, "the bare subscriber did not start");
}

static Status measure(Run *run, LoadConfig *config, Diag *diag)
{
    Load *load = NULL;
    TimeNs length = WARM_UP + time_from_seconds(run->seconds);
    run->arrivals.counted_from = TIME_FOREVER;
    Status status = load_create(config, clock_monotonic(), &load, diag);
    if (status == STATUS_OK) {
        status = join(load, diag);
    }
    if (status == STATUS_OK && run->times != NULL) {
        length += STRAGGLERS;
        run->publisher =
            broker_publish_paced(&run->broker, write_sample, run->offered, SAMPLE_INTERVAL, run->times);
        if (run->publisher < 0) {
            status = diag_set(diag, STATUS_IO_ERROR, "", 0, "the publisher did not start");
        }
    }
    if (status == STATUS_OK) {
        run->arrivals.counted_from = clock_monotonic() + WARM_UP;
        status = listen_for(load, length, diag);
    }
    load_destroy(load);
    return status;
}

/* ---- what came of it ---- */

/* How late a process that sleeps until every millisecond is, at the 99th of a hundred: what the machine and
 * whatever else runs on it add, twice, to the figures of two processes. */
static double sleeper_late_ms(float *late)
{
    size_t count = 0;
    TimeNs next = clock_monotonic() + SAMPLE_INTERVAL, end = next + 2 * TIME_SECOND;
    while (next < end) {
        clock_sleep_until(next);
        for (TimeNs now = clock_monotonic(); next <= now && count < SAMPLES_MAX; next += SAMPLE_INTERVAL) {
            late[count++] = (float)((double)(now - next) / 1e6);
        }
    }
    qsort(late, count, sizeof *late, compare_floats);
    return count > 0 ? (double)late[count * 99 / 100] : 0;
}

static double share(const float *sorted, size_t count, size_t percent)
{
    return count > 0 ? (double)sorted[count * percent / 100] : 0;
}

/* The broker's own part, and what never came; `scratch` holds SAMPLES_MAX. */
static void report_broker(const Run *run, float *scratch)
{
    size_t published = 0, count = 0;
    for (size_t n = 0; n < run->offered && count < SAMPLES_MAX; n++) {
        const BrokerTimes *times = &run->times[n];
        if (times->published < run->arrivals.counted_from) {
            continue;
        }
        published++;
        if (times->arrived > 0) {
            scratch[count++] = (float)((double)(times->arrived - times->published) / 1e6);
        }
    }
    qsort(scratch, count, sizeof *scratch, compare_floats);
    bench_integer("lost", (int64_t)published - (int64_t)run->arrivals.count);
    bench_number("bare_p50_ms", share(scratch, count, 50));
    bench_number("bare_p99_ms", share(scratch, count, 99));
    bench_integer("bare_lost", (int64_t)(published - count));
}

static void report(Run *run)
{
    Arrivals *arrivals = &run->arrivals;
    size_t count = arrivals->count;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)arrivals->ms[i];
    }
    qsort(arrivals->ms, count, sizeof *arrivals->ms, compare_floats);
    bench_open("latency");
    bench_number("p50_ms", share(arrivals->ms, count, 50));
    bench_number("p99_ms", share(arrivals->ms, count, 99));
    bench_integer("samples", (int64_t)count);
    bench_number("max_ms", count > 0 ? (double)arrivals->ms[count - 1] : 0);
    bench_integer("values_wrong", (int64_t)arrivals->wrong);
    bench_integer("tick_rate_hz", TICK_RATE);
    bench_flag("tickless", run->options->tickless);
    bench_number("mean_ms", sum / (double)(count > 0 ? count : 1));
    bench_integer("snapshots", (int64_t)arrivals->snapshots);
    if (run->times != NULL) {
        report_broker(run, arrivals->ms);
    }
    bench_number("sleeper_late_p99_ms", sleeper_late_ms(arrivals->ms));
    bench_flag("sealed", !run->options->plaintext);
    bench_flag("broker", run->times != NULL);
    bench_integer("server_processes", run->options->processes ? LATENCY_PROCESSES : 1);
    bench_close();
}

static Status prepare(Run *run, Arena *arena, Diag *diag)
{
    run->arrivals.ms = arena_new_array(arena, float, SAMPLES_MAX);
    Status status = run->arrivals.ms == NULL || sodium_init() < 0 ? STATUS_OUT_OF_MEMORY
                                                                  : latency_world_make(&run->world, arena);
    return status == STATUS_OK && run->options->mqtt ? start_broker(run, diag) : status;
}

static void finish(Run *run)
{
    broker_end(run->publisher); /* children of our own, with nothing to save */
    broker_end(run->watcher);
    latency_server_end(&run->server);
    broker_stop(&run->broker);
    broker_times_free(run->times, run->offered);
}

Status bench_latency(const BenchOptions *options, Diag *diag)
{
    static Run run;
    Arena arena;
    arena_init(&arena, 0);
    run = (Run){ .options = options, .seconds = options->seconds > 0 ? options->seconds : 10 };
    LoadConfig config = { .host = "127.0.0.1",
                          .clients = 1,
                          .verified = 1,
                          .input_rate_hz = TICK_RATE,
                          .plaintext = options->plaintext,
                          .check = note_snapshot,
                          .context = &run.arrivals };
    Status status = prepare(&run, &arena, diag);
    if (status == STATUS_OK) {
        memcpy(config.world_hash, run.world.world.hash, HASH_SIZE);
        /* It ends by itself if this process cannot end it. */
        status = latency_server_start(&run.world, options, &run.broker,
                                      JOIN_PATIENCE + time_from_seconds(run.seconds + 5), &run.server, diag);
        config.port = run.server.port;
    }
    if (status == STATUS_OK) {
        status = measure(&run, &config, diag);
    }
    if (status == STATUS_OK) {
        report(&run);
    }
    finish(&run);
    arena_finish(&arena);
    return status;
}
