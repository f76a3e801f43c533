/* latency: from the instant of a sample to a client that has applied it. PERFORMANCE.md, "latency": 1,000
 * samples a second, one each millisecond, over 1,000 things in turn. Without a broker the feed is in the
 * server's process, and a sample's instant is the one it is for. With --mqtt a process of its own publishes
 * to a Mosquitto, and a sample's instant is that of publishing; a bare subscriber beside the server tells how
 * much of it is the broker's. The server runs in a child process with dtmv-server's own loop, the client in
 * this one; all read the same monotonic clock. */
#include "server/embedded.h"
#include "server/live_feed_mqtt.h"
#include "shared/base/clock_file.h"
#include "shared/wire/transport_enet.h"
#include "shared/wire/transport_secure.h"
#include "tests/bench/bench.h"
#include "tests/bench/broker.h"
#include "tests/bench/load.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THINGS          1000
#define SAMPLE_INTERVAL TIME_MS
#define TICK_RATE       60
#define IDLE            (100 * TIME_US)
#define WARM_UP         TIME_SECOND
#define SAMPLES_MAX     1000000
#define JOIN_PATIENCE   (20 * TIME_SECOND)
#define STRAGGLERS      (TIME_SECOND / 2) /* after the last sample */
#define FILTER          "dtmv/latency/+/value"

/* ---- the world, in memory ---- */

typedef struct SmallWorld {
    ThingModel model;
    Thing *things;
    SpawnPoint spawn;
    World world;
} SmallWorld;

static Status make_world(SmallWorld *out, Arena *arena)
{
    static const char description[] = "{\"@context\": \"https://www.w3.org/2022/wot/td/v1.1\", \"title\": "
                                      "\"Memory\", \"security\": [\"none\"], "
                                      "\"securityDefinitions\": {\"none\": {\"scheme\": \"nosec\"}}, "
                                      "\"properties\": {\"value\": {\"type\": "
                                      "\"number\", \"minimum\": -1e9, \"maximum\": 1e9, \"multipleOf\": 1, "
                                      "\"forms\": [{\"href\": \"value\"}]}}}";
    Diag diag = { 0 };
    Status status =
        thing_model_load(bytes_of(description, sizeof description - 1), "memory", arena, &out->model, &diag);
    if (status != STATUS_OK) {
        return status;
    }
    out->things = arena_new_array(arena, Thing, THINGS);
    if (out->things == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (int i = 0; i < THINGS; i++) {
        char id[16];
        int size = snprintf(id, sizeof id, "thing-%d", i);
        const char *name = arena_copy_text(arena, id, (size_t)size);
        if (name == NULL) {
            return STATUS_OUT_OF_MEMORY;
        }
        out->things[i] = (Thing){ .id = name, .title = name, .model = &out->model };
    }
    out->world = (World){ .name = "latency",
                          .title = "latency",
                          .things = out->things,
                          .thing_count = THINGS,
                          .spawn_points = &out->spawn,
                          .spawn_point_count = 1 };
    memset(out->world.hash, 0x5A, sizeof out->world.hash);
    return STATUS_OK;
}

/* ---- the server's process ---- */

typedef struct ClockFeed {
    TimeNs next; /* instant of the next sample */
    int64_t number;
} ClockFeed;

static Status clock_poll(void *context, TimeNs now, TraceSample *out_samples, size_t capacity,
                         size_t *out_count, FeedStatus *out_status)
{
    ClockFeed *feed = context;
    size_t count = 0;
    (void)now; /* when the tick was due; what is there is what has been measured by now */
    TimeNs present = clock_monotonic();
    for (; feed->next <= present && count < capacity; feed->next += SAMPLE_INTERVAL) {
        out_samples[count++] = (TraceSample){ .source_time = feed->next,
                                              .thing = (uint16_t)(feed->number % THINGS),
                                              .quality = QUALITY_GOOD,
                                              .code = feed->number };
        feed->number++;
    }
    *out_count = count;
    *out_status = (FeedStatus){ .source_clock = present };
    return STATUS_OK;
}

static TimeNs clock_next_due(const void *context)
{
    const ClockFeed *feed = context;
    return feed->next;
}

static const TraceCounters *clock_counters(const void *context)
{
    static const TraceCounters none;
    (void)context;
    return &none;
}

static void clock_destroy(void *context)
{
    (void)context; /* lives on the caller's stack */
}

/* The feed of the default mapping (server/twin/MQTT.md) at `broker`, or one of this process. */
static Status open_feed(SmallWorld *small, const Broker *broker, TextTable *texts, Arena *arena,
                        Feed *out_feed, Diag *diag)
{
    static const FeedOps ops = {
        .poll = clock_poll, .next_due = clock_next_due, .counters = clock_counters, .destroy = clock_destroy
    };
    static ClockFeed feed;
    char url[64];
    if (broker->port == 0) {
        feed = (ClockFeed){ .next = clock_monotonic() };
        *out_feed = (Feed){ .ops = &ops, .context = &feed };
        return STATUS_OK;
    }
    snprintf(url, sizeof url, "mqtt://127.0.0.1:%u", broker->port);
    const LiveFeedConfig config = {
        .type = "mqtt", .url = url, .world = &small->world, .texts = texts, .arena = arena
    };
    return live_feed_open(&config, out_feed, diag);
}

/* As dtmv-server's main does. */
static void serve(Server *server, TimeNs end)
{
    for (TimeNs now = clock_monotonic(); now < end; now = clock_monotonic()) {
        server_run(server, now);
        TimeNs wake = server_wake(server), from = server_receive_from(server);
        clock_sleep_until(from < wake ? from : wake);
        TimeNs left = wake - clock_monotonic();
        if (from < wake && left > 0) {
            int fds[SERVER_WAKE_FDS_MAX];
            clock_wait_readable(fds, server_wake_fds(server, fds), left);
        }
    }
}

static int run_server(SmallWorld *small, Transport transport, const BenchOptions *options,
                      const Broker *broker, TimeNs duration)
{
    static const AssetTable no_files;
    Arena arena;
    TextTable texts;
    TwinSystem *twin = NULL;
    Server *server = NULL;
    Diag diag = { 0 };
    Feed feed = { 0 };
    arena_init(&arena, 0);
    const EmbeddedConfig config = { .metaverse = { .sessions = 4 },
                                    .server = { .tick_rate_hz = TICK_RATE,
                                                .snapshot_rate_hz = TICK_RATE,
                                                .tickless = options->tickless,
                                                .deadline = time_from_seconds(options->deadline_ms * 1e-3),
                                                .wall_offset = clock_wall() - clock_monotonic() } };
    if (text_table_init(&texts, 16, &arena) != STATUS_OK ||
        twin_create(&small->world, 0, &twin) != STATUS_OK ||
        open_feed(small, broker, &texts, &arena, &feed, &diag) != STATUS_OK ||
        twin_add_feed(twin, feed) != STATUS_OK ||
        server_create_embedded(&config, &small->world, &texts, asset_source_memory(&no_files), twin,
                               transport, &server, &diag) != STATUS_OK) {
        fprintf(stderr, "dtmv-bench: the server cannot be made: %s\n", diag.text);
        return 1;
    }
    serve(server, clock_monotonic() + duration);
    server_destroy(server);
    arena_finish(&arena);
    return 0;
}

/* The child says its port through a pipe. */
static Status start_server(SmallWorld *small, const BenchOptions *options, const Broker *broker,
                           TimeNs duration, pid_t *out_pid, uint16_t *out_port, Diag *diag)
{
    int ends[2];
    uint16_t port = 0;
    if (pipe(ends) != 0) {
        return diag_set(diag, STATUS_IO_ERROR, "", 0, "no pipe");
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        const EnetConfig enet = { .server = true, .peers = 8, .patience = TIME_MINUTE };
        uint8_t secret[NOISE_KEY_SIZE];
        Transport transport;
        randombytes_buf(secret, sizeof secret);
        const SecureConfig secure = { .secret = secret };
        if (transport_enet_create(&enet, &transport, &port, diag) != STATUS_OK ||
            (!options->plaintext && transport_secure_create(transport, &secure, &transport) != STATUS_OK) ||
            write(ends[1], &port, sizeof port) != (ssize_t)sizeof port) {
            _exit(1);
        }
        close(ends[1]);
        _exit(run_server(small, transport, options, broker, duration));
    }
    close(ends[1]);
    bool told = pid > 0 && read(ends[0], &port, sizeof port) == (ssize_t)sizeof port;
    close(ends[0]);
    *out_pid = pid > 0 ? pid : 0;
    *out_port = port;
    return told ? STATUS_OK : diag_set(diag, STATUS_IO_ERROR, "", 0, "the server's process did not start");
}

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
    SmallWorld small;
    Broker broker;      /* zero: none */
    BrokerTimes *times; /* of what goes through it */
    size_t offered;
    Arrivals arrivals;
    pid_t server, watcher, publisher;
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
    bench_close();
}

static Status prepare(Run *run, Arena *arena, Diag *diag)
{
    run->arrivals.ms = arena_new_array(arena, float, SAMPLES_MAX);
    Status status =
        run->arrivals.ms == NULL || sodium_init() < 0 ? STATUS_OUT_OF_MEMORY : make_world(&run->small, arena);
    return status == STATUS_OK && run->options->mqtt ? start_broker(run, diag) : status;
}

static void finish(Run *run)
{
    broker_end(run->publisher); /* children of our own, with nothing to save */
    broker_end(run->watcher);
    broker_end(run->server);
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
        memcpy(config.world_hash, run.small.world.hash, HASH_SIZE);
        /* It ends by itself if this process cannot end it. */
        status =
            start_server(&run.small, options, &run.broker, JOIN_PATIENCE + time_from_seconds(run.seconds + 5),
                         &run.server, &config.port, diag);
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
