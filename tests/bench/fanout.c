/* fanout: what a real dtmv-server spends, and what a client receives, when --clients look at --twins that all
 * change ten times a second. PERFORMANCE.md, "fanout".
 *
 * The server is a child process; its CPU time is its own. kB_s_client is what reaches a client, 28 bytes of
 * UDP and IP a datagram included. us_per_packet is the server's CPU time, all of it, over the datagrams it
 * sent; ns_per_visible_object the same over snapshots × twins that a verified client saw on average. With
 * --interest the server is told a view distance whose circle holds some 200 twins, people stand all over the
 * plane, and visible_* say what the verified clients saw. tick_ms are the server's own figures of its
 * last 1,024 ticks, of which only those at the snapshot rate send anything. */
#include "shared/base/clock_file.h"
#include "shared/base/disk_file.h"
#include "shared/wire/entity.h"
#include "tests/bench/bench.h"
#include "tests/bench/load.h"
#include "tests/bench/server_process.h"
#include "tests/bench/twins.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define HEADERS        28 /* UDP and IPv4, a datagram */
#define SNAPSHOT_RATE  20
#define TICKS_REPORTED 1024
#define VERIFIED       16
#define JOIN_PATIENCE  (20 * TIME_SECOND)
#define JOINS_EXPECTED 80 /* a second; slower ones do not join in time */
#define VISIBLE_WISHED 200
#define IDLE           (300 * TIME_US)
#define SPACING_M      10.0
#define SETTLE         (2 * TIME_SECOND)

/* What verified clients have seen, against what was generated. */
typedef struct Check {
    const Twins *twins;
    uint8_t channels[TWIN_CHANNELS]; /* by property */
    uint64_t values, wrong;
    uint64_t snapshots, visible; /* twins in those snapshots, together */
    uint32_t visible_min, visible_max;
} Check;

typedef struct Fanout {
    const BenchOptions *options;
    uint32_t clients, tick_rate;
    double seconds;
    char folder[64];
    Arena arena;
    Twins twins;
    Check check;
    ServerProcess server;
    Load *load;
    LoadConfig load_config;
    TimeNs joined;     /* how long it took until all were live */
    TimeNs replay_end; /* when the twins will have nothing to report any more, or later */
    double change_rate;
} Fanout;

/* One moment of the measurement. */
typedef struct Mark {
    TimeNs at, load_cpu;
    ProcessUsage usage;
    LoadCounters counters;
} Mark;

static bool is_right(const Check *check, uint32_t twin, uint32_t property, const ChannelState *channel)
{
    TimeNs since = channel->source_time - TWINS_EPOCH; /* one that rests keeps the time it last reported at */
    if (channel->quality == 0) {
        return channel->source_time == TIME_NONE; /* nothing reported yet */
    }
    if (since < 0 || since % TWINS_PERIOD != 0 || since / TWINS_PERIOD >= check->twins->steps) {
        return false;
    }
    return channel->code ==
           twins_code(check->twins, (uint32_t)(since / TWINS_PERIOD), twin, check->channels[property]);
}

/* Every value must be one that the twin had at the time it names. */
static void check_snapshot(void *context, uint32_t client, const Snapshot *snapshot)
{
    Check *check = context;
    uint32_t visible = 0;
    (void)client;
    for (uint32_t i = 0; i < snapshot->entity_count; i++) {
        const EntityState *entity = &snapshot->entities[i];
        if (entity->kind != ENTITY_TWIN || entity_thing(entity) >= check->twins->count) {
            continue;
        }
        visible++;
        for (uint32_t k = 0; k < entity->channel_count && k < TWIN_CHANNELS; k++) {
            check->values++;
            check->wrong +=
                !is_right(check, entity_thing(entity), k, &snapshot->channels[entity->first_channel + k]);
        }
    }
    check->visible_min = check->snapshots == 0 || visible < check->visible_min ? visible : check->visible_min;
    check->visible_max = visible > check->visible_max ? visible : check->visible_max;
    check->visible += visible;
    check->snapshots++;
}

/* ---- getting ready ---- */

/* The server's tick times are of its last TICKS_REPORTED: none of them shall be from the joining. */
static double settle_seconds(const Fanout *fanout)
{
    double warm_up = (double)TICKS_REPORTED / fanout->tick_rate + 1 - fanout->seconds;
    return warm_up > time_to_seconds(SETTLE) ? warm_up : time_to_seconds(SETTLE);
}

static uint32_t steps_needed(const Fanout *fanout)
{
    double joining = (double)fanout->clients / JOINS_EXPECTED + time_to_seconds(JOIN_PATIENCE);
    return (uint32_t)((joining + settle_seconds(fanout) + fanout->seconds + 10) /
                      time_to_seconds(TWINS_PERIOD));
}

/* How far one has to see so that VISIBLE_WISHED twins are in the circle. */
static unsigned view_distance(void)
{
    return (unsigned)lround(sqrt(VISIBLE_WISHED * SPACING_M * SPACING_M / 3.14159265));
}

static Status make_world(Fanout *fanout, uint32_t twin_count, Diag *diag)
{
    const char *base = getenv("TMPDIR");
    snprintf(fanout->folder, sizeof fanout->folder, "%.30s/dtmv-fanout-XXXXXX", base != NULL ? base : "/tmp");
    if (twins_generate(twin_count, steps_needed(fanout), SPACING_M, fanout->change_rate, &fanout->arena,
                       &fanout->twins) != STATUS_OK) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for %u twins", (unsigned)twin_count);
    }
    if (mkdtemp(fanout->folder) == NULL) {
        Status status =
            diag_set(diag, STATUS_IO_ERROR, fanout->folder, 0, "cannot make a folder: %s", strerror(errno));
        fanout->folder[0] = '\0';
        return status;
    }
    return twins_write_world(&fanout->twins, SPACING_M, fanout->folder, diag);
}

/* The load has the world by loading it once, as a client that comes back. */
static Status know_world(Fanout *fanout, Diag *diag)
{
    DiskFolders folders = { .folders = { fanout->folder } };
    World world;
    Status status = world_load(asset_source_folders(&folders), &fanout->arena, &world, diag);
    if (status != STATUS_OK) {
        return status;
    }
    fanout->check.twins = &fanout->twins;
    if (!twins_match_world(&world, &fanout->twins, fanout->check.channels)) {
        return diag_set(diag, STATUS_MALFORMED, fanout->folder, 0, "the world is not that of the twins");
    }
    memcpy(fanout->load_config.world_hash, world.hash, HASH_SIZE);
    return STATUS_OK;
}

static Status start_server(Fanout *fanout, Diag *diag)
{
    char clients[16], tick_rate[16], snapshot_rate[16], seconds[32], distance[16];
    snprintf(clients, sizeof clients, "%u", (unsigned)fanout->clients);
    snprintf(tick_rate, sizeof tick_rate, "%u", (unsigned)fanout->tick_rate);
    snprintf(snapshot_rate, sizeof snapshot_rate, "%d", SNAPSHOT_RATE);
    snprintf(seconds, sizeof seconds, "%.0f",
             steps_needed(fanout) * 0.1); /* it ends even if this program dies */
    const char *arguments[SERVER_ARGUMENTS_MAX] = { "--world",    fanout->folder, "--max-clients",
                                                    clients,      "--tick-rate",  tick_rate,
                                                    "--seconds",  seconds,        "--snapshot-rate",
                                                    snapshot_rate };
    size_t count = 10;
    if (fanout->options->plaintext) {
        arguments[count++] = "--plaintext";
    }
    if (fanout->options->profile != NULL) {
        arguments[count++] = "--profile";
        arguments[count++] = fanout->options->profile;
    }
    if (fanout->options->interest) {
        snprintf(distance, sizeof distance, "%u", view_distance());
        arguments[count++] = "--view-distance";
        arguments[count++] = distance;
    }
    arguments[count] = NULL;
    fanout->replay_end = clock_monotonic() + (TimeNs)fanout->twins.steps * TWINS_PERIOD;
    return server_process_start(fanout->folder, arguments, &fanout->server, diag);
}

static void run_until(Fanout *fanout, TimeNs end)
{
    for (TimeNs now = clock_monotonic(); now < end; now = clock_monotonic()) {
        if (!load_step(fanout->load, now)) {
            clock_sleep_until(now + IDLE);
        }
    }
}

static Status join_all(Fanout *fanout, Diag *diag)
{
    fanout->load_config.host = "127.0.0.1";
    fanout->load_config.port = fanout->server.port;
    TimeNs began = clock_monotonic();
    Status status = load_create(&fanout->load_config, began, &fanout->load, diag);
    if (status != STATUS_OK) {
        return status;
    }
    for (;;) {
        TimeNs now = clock_monotonic();
        LoadCounters counters = load_counters(fanout->load);
        if (counters.live == fanout->clients) {
            fanout->joined = now - began;
            return STATUS_OK;
        }
        if (counters.ended > 0 ||
            now - began > JOIN_PATIENCE + fanout->clients * TIME_SECOND / JOINS_EXPECTED) {
            return diag_set(diag, STATUS_DISCONNECTED, "", 0,
                            "%u of %u clients are in the world after %.1f s; %s", counters.live,
                            fanout->clients, time_to_seconds(now - began),
                            counters.ended > 0 ? load_failure(fanout->load) : "the others still wait");
        }
        run_until(fanout, now + 20 * TIME_MS);
    }
}

/* ---- measuring ---- */

static Status take_mark(Fanout *fanout, Mark *out_mark, Diag *diag)
{
    out_mark->at = clock_monotonic();
    out_mark->load_cpu = clock_process_cpu();
    out_mark->counters = load_counters(fanout->load);
    if (server_process_usage(&fanout->server, &out_mark->usage) != STATUS_OK) {
        return diag_set(diag, STATUS_DISCONNECTED, "dtmv-server", 0, "it has ended");
    }
    if (out_mark->counters.ended > 0) {
        return diag_set(diag, STATUS_DISCONNECTED, "", 0, "%s", load_failure(fanout->load));
    }
    return STATUS_OK;
}

static void report_ticks(const Fanout *fanout)
{
    char line[1024];
    double p50 = 0, p99 = 0;
    const char *ticks =
        strstr(server_process_log(&fanout->server, "tick p50", line, sizeof line), "tick p50");
    if (ticks == NULL || sscanf(ticks, "tick p50 %lf ms p99 %lf", &p50, &p99) != 2) {
        fprintf(stderr, "dtmv-bench: the server did not log its tick times\n");
    }
    bench_number("tick_ms_p50", p50);
    bench_number("tick_ms_p99", p99);
}

static void report(const Fanout *fanout, const Mark *from, const Mark *to)
{
    const LoadCounters *a = &from->counters;
    const LoadCounters *b = &to->counters;
    double seconds = time_to_seconds(to->at - from->at), clients = fanout->clients;
    double cpu = (double)(to->usage.cpu - from->usage.cpu);
    double datagrams = (double)(b->datagrams_in - a->datagrams_in);
    double datagrams_up = (double)(b->datagrams_out - a->datagrams_out);
    double snapshots = (double)(b->snapshots - a->snapshots);
    const Check *check = &fanout->check;
    double visible_mean = check->snapshots > 0 ? (double)check->visible / (double)check->snapshots : 0;
    double visible = snapshots * visible_mean;
    bench_open("fanout");
    bench_integer("clients", fanout->clients);
    bench_integer("twins", fanout->twins.count);
    bench_number("kB_s_client",
                 ((double)(b->bytes_in - a->bytes_in) + datagrams * HEADERS) / seconds / clients / 1e3);
    bench_number("server_cpu_pct", cpu / 1e7 / seconds);
    bench_number("us_per_packet", datagrams > 0 ? cpu / 1e3 / datagrams : 0);
    bench_number("ns_per_visible_object", visible > 0 ? cpu / visible : 0);
    bench_flag("interest", fanout->options->interest);
    bench_number("visible_mean", visible_mean);
    bench_integer("visible_min", check->visible_min);
    bench_integer("visible_max", check->visible_max);
    report_ticks(fanout);
    bench_number("rss_mb", to->usage.rss_mb);
    bench_number("rss_growth_mb", to->usage.rss_mb - from->usage.rss_mb);
    bench_number("seconds", seconds);
    bench_flag("sealed", !fanout->options->plaintext);
    bench_number("snapshots_s_client", snapshots / seconds / clients);
    bench_number("datagrams_s_client", datagrams / seconds / clients);
    bench_number("kB_s_client_up",
                 ((double)(b->bytes_out - a->bytes_out) + datagrams_up * HEADERS) / seconds / clients / 1e3);
    bench_number("datagrams_s_client_up", datagrams_up / seconds / clients);
    bench_integer("snapshots_missing", (int64_t)(b->missing - a->missing));
    bench_integer("without_baseline", (int64_t)(b->without_baseline - a->without_baseline));
    bench_integer("refused", (int64_t)b->refused);
    bench_integer("verified_clients", fanout->load_config.verified);
    bench_integer("values_checked", (int64_t)fanout->check.values);
    bench_integer("values_wrong", (int64_t)fanout->check.wrong);
    bench_number("load_cpu_pct", (double)(to->load_cpu - from->load_cpu) / 1e7 / seconds);
    bench_number("join_s", time_to_seconds(fanout->joined));
    bench_integer("tick_rate_hz", fanout->tick_rate);
    bench_integer("input_rate_hz", fanout->load_config.input_rate_hz);
    bench_number("change_rate", fanout->change_rate);
    bench_number("ack_delay_ms", fanout->options->ack_delay_ms);
    bench_close();
}

static Status measure(Fanout *fanout, Diag *diag)
{
    run_until(fanout, clock_monotonic() + time_from_seconds(settle_seconds(fanout)));
    fanout->check.snapshots = fanout->check.visible = fanout->check.visible_max = 0;
    Mark from, to;
    Status status = take_mark(fanout, &from, diag);
    if (status == STATUS_OK) {
        run_until(fanout, from.at + time_from_seconds(fanout->seconds));
        status = take_mark(fanout, &to, diag);
    }
    if (status == STATUS_OK && to.at > fanout->replay_end) {
        status =
            diag_set(diag, STATUS_END, "", 0, "it took so long that the twins had nothing more to report");
    }
    if (status == STATUS_OK) {
        report(fanout, &from, &to);
    }
    return status;
}

Status bench_fanout(const BenchOptions *options, Diag *diag)
{
    Fanout fanout = { .options = options,
                      .clients = options->clients > 0 ? (uint32_t)options->clients : 200,
                      .tick_rate = options->tick_rate > 0 ? (uint32_t)options->tick_rate : 60,
                      .change_rate = options->change_rate > 0 ? options->change_rate : 1,
                      .seconds = options->seconds > 0 ? options->seconds : 10 };
    uint32_t twins = options->twins > 0 ? (uint32_t)options->twins : 1000;
    if (fanout.clients > LOAD_CLIENTS_MAX || twins > TWINS_MAX || fanout.seconds > 3600) {
        return diag_set(diag, STATUS_OUT_OF_RANGE, "", 0, "at most %d clients, %d twins and 3600 s",
                        LOAD_CLIENTS_MAX, TWINS_MAX);
    }
    if (options->interest && !server_process_knows("--view-distance")) {
        return diag_set(diag, STATUS_NOT_FOUND, "dtmv-server", 0,
                        "interest is not available: this server has no option --view-distance");
    }
    fanout.load_config = (LoadConfig){ .clients = fanout.clients,
                                       .verified = fanout.clients < VERIFIED ? fanout.clients : VERIFIED,
                                       .input_rate_hz = (uint32_t)options->input_rate,
                                       .ack_delay_max = time_from_seconds(options->ack_delay_ms / 1e3),
                                       .plaintext = options->plaintext,
                                       .check = check_snapshot,
                                       .context = &fanout.check };
    arena_init(&fanout.arena, (size_t)8 << 30);
    Status status = make_world(&fanout, twins, diag);
    if (status == STATUS_OK) {
        status = know_world(&fanout, diag);
    }
    if (status == STATUS_OK) {
        status = start_server(&fanout, diag);
    }
    if (status == STATUS_OK) {
        status = join_all(&fanout, diag);
    }
    if (status == STATUS_OK) {
        status = measure(&fanout, diag);
    }
    char line[1024];
    if (status != STATUS_OK &&
        server_process_log(&fanout.server, " warning ", line, sizeof line)[0] != '\0') {
        fprintf(stderr, "dtmv-bench: the server's last warning: %s\n", line);
    }
    load_destroy(fanout.load);
    server_process_stop(&fanout.server);
    if (fanout.folder[0] != '\0') {
        twins_remove_world(&fanout.twins, fanout.folder);
    }
    arena_finish(&fanout.arena);
    return status;
}
