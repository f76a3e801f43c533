#include "server/server.h"

#include "shared/base/log.h"
#include "shared/base/profile.h"

#include <stdio.h>
#include <stdlib.h>

#define DURATIONS_MAX 1024 /* ticks remembered for the status line */
#define LINE_PART     160

/* Totals at one moment; two of them give rates. */
typedef struct Totals {
    TimeNs at;
    uint64_t samples, bytes_sent, bytes_received;
} Totals;

struct Server {
    TwinSystem *twin;
    Metaverse *metaverse;
    const World *world;
    Totals before, last;             /* the last full second lies between them */
    TimeNs durations[DURATIONS_MAX]; /* a ring */
    uint32_t duration_count;
    Schedule schedule;
    bool scheduled;  /* server_run has been called */
    bool feed_empty; /* tickless: a feed said that it had something and had nothing */
    ScheduleConfig schedule_config;
    bool end_told;
    uint64_t restarts_told, clock_resets_told;
};

Status server_create(const ServerConfig *config, const World *world, TextTable *texts, AssetSource assets,
                     TwinSystem *twin, Transport transport, Server **out_server, Diag *diag)
{
    Server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for a server");
    }
    Status status =
        metaverse_create(&config->metaverse, world, texts, assets, transport, &server->metaverse, diag);
    if (status != STATUS_OK) {
        free(server);
        return status;
    }
    server->twin = twin;
    server->world = world;
    server->before.at = server->last.at = TIME_NONE;
    server->schedule_config = (ScheduleConfig){ .tick_rate_hz = config->metaverse.tick_rate_hz,
                                                .snapshot_rate_hz = config->metaverse.snapshot_rate_hz,
                                                .tickless = config->tickless,
                                                .deadline = config->deadline };
    *out_server = server;
    return STATUS_OK;
}

void server_destroy(Server *server)
{
    if (server == NULL) {
        return;
    }
    metaverse_destroy(server->metaverse);
    twin_destroy(server->twin);
    free(server);
}

/* What the feeds have read so far, said when a trace begins again or ends: a trace with errors is used, not
 * hidden. */
static void tell_trace(const Server *server, const char *what)
{
    for (uint32_t i = 0; i < TWIN_FEEDS_MAX; i++) {
        const TraceCounters *counters = twin_feed_counters(server->twin, i);
        if (counters != NULL) {
            log_info("twin",
                     "%s: feed %u has read %llu rows, %llu samples, %llu refused, %llu backward, %llu gaps",
                     what, (unsigned)i, (unsigned long long)counters->rows,
                     (unsigned long long)counters->samples, (unsigned long long)counters->refused,
                     (unsigned long long)counters->backward_times, (unsigned long long)counters->gaps);
        }
    }
}

static void tell_feeds(Server *server, Status status)
{
    const TwinCounters *counters = twin_counters(server->twin);
    if (status != STATUS_OK) {
        log_error("twin", "a feed failed and is left out from now on: %s", status_text(status));
    }
    if (counters->restarts != server->restarts_told) {
        if (server->restarts_told == 0) { /* at high speed a loop is short: once is enough */
            tell_trace(server, "the trace begins again");
        }
        server->restarts_told = counters->restarts;
    }
    if (counters->clock_resets != server->clock_resets_told) {
        if (server->clock_resets_told == 0) {
            log_warning("twin", "the clock of a trace was set back: goes on from the earlier time");
        }
        server->clock_resets_told = counters->clock_resets;
    }
    if (!server->end_told && twin_feed_counters(server->twin, 0) != NULL && twin_ended(server->twin)) {
        server->end_told = true;
        tell_trace(server, "the trace has ended");
    }
}

static void sense(Server *server, TimeNs now, SyncBatch *out_batch)
{
    ProfileScope scope = profile_begin("sense");
    Status status = twin_tick(server->twin, now, out_batch);
    tell_feeds(server, status);
    profile_end(scope);
}

static Totals totals_at(const Server *server, TimeNs now)
{
    TransportStats stats = metaverse_transport_stats(server->metaverse);
    return (Totals){ .at = now,
                     .samples = twin_counters(server->twin)->samples,
                     .bytes_sent = stats.bytes_sent,
                     .bytes_received = stats.bytes_received };
}

static void account(Server *server, TimeNs now)
{
    if (server->last.at == TIME_NONE || now - server->last.at >= TIME_SECOND) {
        server->before = server->last;
        server->last = totals_at(server, now);
    }
}

/* A feed that is wrong about its next sample must not keep the server busy: it is asked again with the next
 * step. */
static TimeNs feed_due(const Server *server)
{
    return server->feed_empty ? TIME_FOREVER : twin_next_due(server->twin);
}

/* True when values changed. */
static bool run_sense(Server *server, const ScheduleDue *due)
{
    SyncBatch batch;
    sense(server, due->at, &batch);
    metaverse_integrate(server->metaverse, &batch);
    server->feed_empty = !due->step && batch.count == 0;
    return batch.count > 0 || batch.restarted;
}

/* True when there is something that the clients were told, or a step. */
static bool do_due(Server *server, TimeNs now, const ScheduleDue *due)
{
    ScheduleNews news = { 0 };
    if (due->receive) {
        metaverse_receive(server->metaverse, now);
    }
    if (due->sense) {
        news.values = run_sense(server, due);
    }
    if (due->step) {
        metaverse_step(server->metaverse, due->at);
    }
    MetaverseNews heard = metaverse_news(server->metaverse);
    news.motion = heard.motion;
    news.waiting = heard.waiting;
    news.lag = heard.lag;
    bool snapshot = schedule_snapshot(&server->schedule, now, &news);
    if (due->step || snapshot) {
        metaverse_replicate_when(server->metaverse, due->at, snapshot);
        account(server, now);
    }
    return due->step || snapshot;
}

bool server_run(Server *server, TimeNs now)
{
    if (!server->scheduled) {
        schedule_init(&server->schedule, &server->schedule_config, now);
        server->scheduled = true;
    }
    ScheduleDue due = schedule_due(&server->schedule, now, feed_due(server));
    if (due.missed > 0) {
        log_warning("server", "stood still: %u ticks are left out", (unsigned)due.missed);
    }
    if (!due.step) {
        return do_due(server, now, &due);
    }
    ProfileScope scope = profile_begin("tick");
    do_due(server, now, &due);
    profile_end(scope);
    return true;
}

TimeNs server_wake(const Server *server)
{
    return server->scheduled ? schedule_wake(&server->schedule, feed_due(server)) : TIME_NONE;
}

TimeNs server_receive_from(const Server *server)
{
    return server->scheduled ? schedule_receive_from(&server->schedule) : TIME_NONE;
}

size_t server_wake_fds(const Server *server, int out_fds[SERVER_WAKE_FDS_MAX])
{
    size_t count = 0;
    int fd = metaverse_wake_fd(server->metaverse);
    if (fd >= 0) {
        out_fds[count++] = fd;
    }
    return count;
}

void server_tick(Server *server, TimeNs now)
{
    SyncBatch batch;
    ProfileScope scope = profile_begin("tick");
    metaverse_receive(server->metaverse, now);
    sense(server, now, &batch);
    metaverse_integrate(server->metaverse, &batch);
    metaverse_step(server->metaverse, now);
    metaverse_replicate(server->metaverse, now);
    account(server, now);
    profile_end(scope);
}

void server_receive(Server *server, TimeNs now)
{
    metaverse_receive(server->metaverse, now);
}

void server_note_look(Server *server, TimeNs duration)
{
    schedule_note_receive(&server->schedule, duration);
}

void server_note_tick(Server *server, TimeNs duration)
{
    server->durations[server->duration_count++ % DURATIONS_MAX] = duration;
}

static int compare_times(const void *a, const void *b)
{
    TimeNs first = *(const TimeNs *)a;
    TimeNs second = *(const TimeNs *)b;
    return (first > second) - (first < second);
}

static void format_durations(const Server *server, char *out, size_t size)
{
    TimeNs sorted[DURATIONS_MAX];
    size_t count = server->duration_count < DURATIONS_MAX ? server->duration_count : DURATIONS_MAX;
    if (count == 0) {
        out[0] = '\0';
        return;
    }
    memcpy(sorted, server->durations, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_times);
    TimeNs middle = sorted[count / 2];
    TimeNs slow = sorted[count * 99 / 100];
    snprintf(out, size, ", tick p50 %.3f ms p99 %.3f ms", (double)middle / 1e6, (double)slow / 1e6);
}

static void format_rates(const Server *server, char *out, size_t size)
{
    const Totals *before = &server->before;
    const Totals *last = &server->last;
    double seconds =
        before->at == TIME_NONE || last->at <= before->at ? 0 : time_to_seconds(last->at - before->at);
    if (seconds <= 0) {
        out[0] = '\0';
        return;
    }
    snprintf(out, size, ", %.0f samples/s, %.1f kB/s out, %.1f kB/s in",
             (double)(last->samples - before->samples) / seconds,
             (double)(last->bytes_sent - before->bytes_sent) / seconds / 1e3,
             (double)(last->bytes_received - before->bytes_received) / seconds / 1e3);
}

static void format_delay(const TwinCounters *twin, char *out, size_t size)
{
    if (twin->behind == 0) {
        out[0] = '\0';
        return;
    }
    snprintf(out, size, ", %.1f s of source time behind", time_to_seconds(twin->behind));
}

const char *server_status_line(const Server *server, TimeNs now, char *out, size_t size)
{
    (void)now;
    const TwinCounters *twin = twin_counters(server->twin);
    const MetaverseCounters *metaverse = metaverse_counters(server->metaverse);
    char rates[LINE_PART], durations[LINE_PART], delay[LINE_PART];
    format_rates(server, rates, sizeof rates);
    format_durations(server, durations, sizeof durations);
    format_delay(twin, delay, sizeof delay);
    uint64_t dropped = twin->duplicates + twin->old + twin->unknown;
    uint64_t closed = metaverse->malformed + metaverse->not_allowed + metaverse->flooded;
    snprintf(
        out, size,
        "%u people, %u things, %llu samples (%llu dropped, %llu bad), %u stale, %llu closed for bad messages"
        "%s%s%s",
        (unsigned)metaverse->sessions, (unsigned)server->world->thing_count,
        (unsigned long long)twin->samples, (unsigned long long)dropped, (unsigned long long)twin->bad,
        (unsigned)twin->stale_now, (unsigned long long)closed, rates, delay, durations);
    return out;
}

void server_shutdown(Server *server, TimeNs now)
{
    metaverse_shutdown(server->metaverse, now);
}

bool server_drained(const Server *server)
{
    return metaverse_drained(server->metaverse);
}

const Metaverse *server_metaverse(const Server *server)
{
    return server->metaverse;
}

const TwinSystem *server_twin(const Server *server)
{
    return server->twin;
}
