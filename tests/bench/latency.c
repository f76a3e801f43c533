/* latency: from the instant of a sample to a client that has applied it. PERFORMANCE.md, "latency", without
 * the broker: the feed is in the server's process and offers 1,000 samples a second, one each millisecond,
 * over 1,000 things in turn, each stamped with the instant it is for. The server runs in a child process with
 * dtmv-server's own loop, the client in this one; both read the same monotonic clock. */
#include "server/embedded.h"
#include "shared/base/clock_file.h"
#include "shared/wire/transport_enet.h"
#include "shared/wire/transport_secure.h"
#include "tests/bench/bench.h"
#include "tests/bench/load.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define THINGS          1000
#define SAMPLE_INTERVAL TIME_MS
#define TICK_RATE       60
#define IDLE            (100 * TIME_US)
#define WARM_UP         TIME_SECOND
#define SAMPLES_MAX     1000000
#define JOIN_PATIENCE   (20 * TIME_SECOND)

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

static int run_server(SmallWorld *small, Transport transport, const BenchOptions *options, TimeNs duration)
{
    static const FeedOps ops = {
        .poll = clock_poll, .next_due = clock_next_due, .counters = clock_counters, .destroy = clock_destroy
    };
    static const AssetTable no_files;
    Arena arena;
    TextTable texts;
    TwinSystem *twin = NULL;
    Server *server = NULL;
    Diag diag = { 0 };
    arena_init(&arena, 0);
    ClockFeed feed = { .next = clock_monotonic() };
    const EmbeddedConfig config = { .metaverse = { .sessions = 4 },
                                    .server = { .tick_rate_hz = TICK_RATE,
                                                .snapshot_rate_hz = TICK_RATE,
                                                .tickless = options->tickless,
                                                .deadline = time_from_seconds(options->deadline_ms * 1e-3),
                                                .wall_offset = clock_wall() - clock_monotonic() } };
    if (text_table_init(&texts, 16, &arena) != STATUS_OK ||
        twin_create(&small->world, 0, &twin) != STATUS_OK ||
        twin_add_feed(twin, (Feed){ .ops = &ops, .context = &feed }) != STATUS_OK ||
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
static Status start_server(SmallWorld *small, const BenchOptions *options, TimeNs duration, pid_t *out_pid,
                           uint16_t *out_port, Diag *diag)
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
        _exit(run_server(small, transport, options, duration));
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
    TimeNs last[THINGS]; /* instant of the newest sample seen of each thing */
    TimeNs counted_from; /* samples before are warm-up */
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
        arrivals->wrong += channel->code % THINGS != (int64_t)i;
        if (channel->source_time >= arrivals->counted_from && arrivals->count < SAMPLES_MAX) {
            arrivals->ms[arrivals->count++] = (float)((double)(now - channel->source_time) / 1e6);
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

static Status measure(LoadConfig *config, double seconds, Arrivals *arrivals, Diag *diag)
{
    Load *load = NULL;
    TimeNs began = clock_monotonic();
    arrivals->counted_from = TIME_FOREVER;
    Status status = load_create(config, began, &load, diag);
    while (status == STATUS_OK && load_counters(load).live == 0) {
        status = clock_monotonic() - began < JOIN_PATIENCE
                     ? listen_for(load, 10 * TIME_MS, diag)
                     : diag_set(diag, STATUS_DISCONNECTED, "", 0, "the client does not get into the world");
    }
    if (status == STATUS_OK) {
        arrivals->counted_from = clock_monotonic() + WARM_UP;
        status = listen_for(load, WARM_UP + time_from_seconds(seconds), diag);
    }
    load_destroy(load);
    return status;
}

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

static void report(const BenchOptions *options, Arrivals *arrivals)
{
    size_t count = arrivals->count;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)arrivals->ms[i];
    }
    qsort(arrivals->ms, count, sizeof *arrivals->ms, compare_floats);
    bench_open("latency");
    bench_number("p50_ms", count > 0 ? (double)arrivals->ms[count / 2] : 0);
    bench_number("p99_ms", count > 0 ? (double)arrivals->ms[count * 99 / 100] : 0);
    bench_integer("samples", (int64_t)count);
    bench_number("max_ms", count > 0 ? (double)arrivals->ms[count - 1] : 0);
    bench_integer("values_wrong", (int64_t)arrivals->wrong);
    bench_integer("tick_rate_hz", TICK_RATE);
    bench_flag("tickless", options->tickless);
    bench_number("mean_ms", sum / (double)(count > 0 ? count : 1));
    bench_integer("snapshots", (int64_t)arrivals->snapshots);
    bench_number("sleeper_late_p99_ms", sleeper_late_ms(arrivals->ms));
    bench_flag("sealed", !options->plaintext);
    bench_flag("broker", false);
    bench_close();
}

Status bench_latency(const BenchOptions *options, Diag *diag)
{
    double seconds = options->seconds > 0 ? options->seconds : 10;
    static SmallWorld small;
    Arena arena;
    arena_init(&arena, 0);
    Arrivals *arrivals = arena_new(&arena, Arrivals);
    pid_t pid = 0;
    Status status = arrivals == NULL || sodium_init() < 0 ? STATUS_OUT_OF_MEMORY : make_world(&small, &arena);
    if (status == STATUS_OK) {
        arrivals->ms = arena_new_array(&arena, float, SAMPLES_MAX);
        status = arrivals->ms == NULL ? STATUS_OUT_OF_MEMORY : STATUS_OK;
    }
    LoadConfig config = { .host = "127.0.0.1",
                          .clients = 1,
                          .verified = 1,
                          .input_rate_hz = TICK_RATE,
                          .plaintext = options->plaintext,
                          .check = note_snapshot,
                          .context = arrivals };
    if (status == STATUS_OK) {
        memcpy(config.world_hash, small.world.hash, HASH_SIZE);
        /* It ends by itself if this process cannot end it. */
        status = start_server(&small, options, JOIN_PATIENCE + time_from_seconds(seconds + 5), &pid,
                              &config.port, diag);
    }
    if (status == STATUS_OK) {
        status = measure(&config, seconds, arrivals, diag);
    }
    if (status == STATUS_OK) {
        report(options, arrivals);
    }
    if (pid > 0) {
        kill(pid, SIGKILL); /* a child of our own, with nothing to save */
        waitpid(pid, NULL, 0);
    }
    arena_finish(&arena);
    return status;
}
