#include "server/server.h"

#include "shared/base/log.h"
#include "shared/base/profile.h"

#include <stdio.h>
#include <stdlib.h>

#define DURATIONS_MAX 1024 /* ticks remembered for the status line */
#define LINE_PART     160
#define SETTLE_ROUNDS 32

/* Totals at one moment; two of them give rates. */
typedef struct Totals {
    TimeNs at;
    uint64_t samples, bytes_sent, bytes_received;
} Totals;

struct Server {
    ServerParts parts;
    TimeNs wall_offset;
    Totals before, last;             /* the last full second lies between them */
    TimeNs durations[DURATIONS_MAX]; /* a ring */
    uint32_t duration_count;
    Schedule schedule;
    bool scheduled;  /* server_run has been called */
    bool feed_empty; /* between ticks: a feed says that it has something and has nothing */
    bool settled;    /* the systems have met */
    bool edge_failed;
    ScheduleConfig schedule_config;
    bool end_told;
    uint64_t restarts_told, clock_resets_told;
};

Status server_create(const ServerConfig *config, const ServerParts *parts, Server **out_server)
{
    Server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    server->parts = *parts;
    server->wall_offset = config->wall_offset;
    server->before.at = server->last.at = TIME_NONE;
    server->schedule_config = (ScheduleConfig){ .tick_rate_hz = config->tick_rate_hz,
                                                .snapshot_rate_hz = config->snapshot_rate_hz,
                                                .tickless = config->tickless && parts->metaverse != NULL,
                                                .relays = parts->metaverse == NULL,
                                                .deadline = config->deadline };
    *out_server = server;
    return STATUS_OK;
}

void server_parts_destroy(ServerParts *parts)
{
    admin_destroy(parts->admin);
    service_destroy(parts->service);
    metaverse_destroy(parts->metaverse);
    twin_destroy(parts->twin);
    mqtt_edge_destroy(parts->edge);
    enabler_destroy(parts->enabler);
    *parts = (ServerParts){ 0 };
}

void server_parts_wake(ServerParts *parts, int fd)
{
    if (fd >= 0 && parts->wake_fd_count < SERVER_WAKE_FDS_MAX) {
        parts->wake_fds[parts->wake_fd_count++] = fd;
    }
}

void server_destroy(Server *server)
{
    if (server != NULL) {
        server_parts_destroy(&server->parts);
        free(server);
    }
}

void server_set_wall(Server *server, TimeNs offset)
{
    server->wall_offset = offset;
}

static TimeNs wall_of(const Server *server, TimeNs now)
{
    return now + server->wall_offset;
}

/* What the feeds have read so far, said when a trace begins again or ends: a trace with errors is used, not
 * hidden. */
static void tell_trace(const Server *server, const char *what)
{
    for (uint32_t i = 0; i < TWIN_FEEDS_MAX; i++) {
        const TraceCounters *counters = twin_feed_counters(server->parts.twin, i);
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
    const TwinCounters *counters = twin_counters(server->parts.twin);
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
    if (!server->end_told && twin_feed_counters(server->parts.twin, 0) != NULL &&
        twin_ended(server->parts.twin)) {
        server->end_told = true;
        tell_trace(server, "the trace has ended");
    }
}

static void tell_edge(Server *server, Status status)
{
    if (status != STATUS_OK && !server->edge_failed) {
        server->edge_failed = true;
        log_error("physical", "the physical world stands still: %s", status_text(status));
    }
}

/* The physical world moves, the twins take what it says, and publish it (DII). True when they had news. */
static bool sense(Server *server, TimeNs now)
{
    if (server->parts.edge != NULL) {
        tell_edge(server, mqtt_edge_tick(server->parts.edge, now));
    }
    if (server->parts.twin == NULL) {
        return false;
    }
    twin_set_wall(server->parts.twin, now, wall_of(server, now));
    SyncBatch batch;
    ProfileScope scope = profile_begin("sense");
    Status status = twin_tick(server->parts.twin, now, &batch);
    tell_feeds(server, status);
    profile_end(scope);
    return batch.count > 0 || batch.restarted;
}

/* What the systems have to say to each other. The enabler comes first, for what the twins have just
 * published, and last, for what the others answer. True when values of the world have changed. */
static bool exchange(Server *server, TimeNs now)
{
    ServerParts *parts = &server->parts;
    TimeNs wall = wall_of(server, now);
    bool changed = false;
    ProfileScope scope = profile_begin("exchange");
    if (parts->enabler != NULL) {
        enabler_tick(parts->enabler, now, wall);
    }
    if (parts->metaverse != NULL) {
        changed = metaverse_systems(parts->metaverse, now, wall);
    }
    if (parts->service != NULL) {
        service_tick(parts->service, now, wall);
    }
    if (parts->admin != NULL) {
        admin_tick(parts->admin, now, wall);
    }
    if (parts->enabler != NULL) {
        enabler_tick(parts->enabler, now, wall);
    }
    profile_end(scope);
    return changed;
}

/* At the start the systems of this process meet before the first client comes: registration, discovery,
 * models, grants and the first values are a few rounds of questions and answers. */
static void settle(Server *server, TimeNs now)
{
    if (server->settled) {
        return;
    }
    for (int round = 0; round < SETTLE_ROUNDS; round++) {
        sense(server, now);
        exchange(server, now);
    }
    server->settled = true;
}

static Totals totals_at(const Server *server, TimeNs now)
{
    Totals totals = { .at = now };
    if (server->parts.metaverse != NULL) {
        TransportStats stats = metaverse_transport_stats(server->parts.metaverse);
        totals.bytes_sent = stats.bytes_sent;
        totals.bytes_received = stats.bytes_received;
    }
    if (server->parts.twin != NULL) {
        totals.samples = twin_counters(server->parts.twin)->samples;
    }
    return totals;
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
    return server->feed_empty || server->parts.twin == NULL ? TIME_FOREVER
                                                            : twin_next_due(server->parts.twin);
}

/* Asked right after nothing has come. Not of what the last look has settled, such as a heartbeat, or a
 * message that holds no sample: what comes next is not to wait for a step because of it. */
static bool claims_more(const Server *server, TimeNs now)
{
    return server->parts.twin != NULL && twin_next_due(server->parts.twin) <= now;
}

static void receive(Server *server, TimeNs now)
{
    if (server->parts.metaverse != NULL) {
        metaverse_receive(server->parts.metaverse, now);
    }
}

static void step(Server *server, TimeNs now)
{
    if (server->parts.metaverse != NULL) {
        metaverse_step(server->parts.metaverse, now);
    }
}

/* With ticks nobody asks for it, and everyone would be looked at. */
static ScheduleNews news_of(Server *server)
{
    if (server->parts.metaverse == NULL || !server->schedule_config.tickless) {
        return (ScheduleNews){ 0 };
    }
    MetaverseNews heard = metaverse_news(server->parts.metaverse);
    return (ScheduleNews){ .motion = heard.motion, .waiting = heard.waiting, .lag = heard.lag };
}

/* True when there is something that the clients were told, or a step. */
static bool do_due(Server *server, TimeNs now, const ScheduleDue *due)
{
    bool values = false;
    if (due->receive) {
        receive(server, now);
    }
    if (due->sense) {
        bool sensed = sense(server, due->at);
        server->feed_empty = !due->step && !sensed && claims_more(server, now);
    }
    if (due->sense || due->receive) {
        values = exchange(server, due->at);
    }
    if (due->step) {
        step(server, due->at);
    }
    ScheduleNews news = news_of(server);
    news.values = values;
    bool snapshot = schedule_snapshot(&server->schedule, now, &news);
    if (due->step || snapshot) {
        if (server->parts.metaverse != NULL) {
            metaverse_replicate_when(server->parts.metaverse, due->at, snapshot);
        }
        account(server, now);
    }
    return due->step || snapshot;
}

bool server_run(Server *server, TimeNs now)
{
    if (!server->scheduled) {
        settle(server, now);
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
    const ScheduleConfig *config = &server->schedule_config;
    size_t count = server->parts.wake_fd_count;
    memcpy(out_fds, server->parts.wake_fds, sizeof server->parts.wake_fds);
    /* With ticks nobody looks at the feeds before the next one. */
    if (server->parts.twin != NULL && (config->tickless || config->relays)) {
        count += twin_wake_fds(server->parts.twin, out_fds + count, SERVER_WAKE_FDS_MAX - count);
    }
    return count;
}

void server_tick(Server *server, TimeNs now)
{
    ProfileScope scope = profile_begin("tick");
    settle(server, now);
    receive(server, now);
    sense(server, now);
    exchange(server, now);
    step(server, now);
    if (server->parts.metaverse != NULL) {
        metaverse_replicate(server->parts.metaverse, now);
    }
    account(server, now);
    profile_end(scope);
}

void server_receive(Server *server, TimeNs now)
{
    receive(server, now);
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

static void format_people(const Metaverse *metaverse, char *out, size_t size)
{
    const MetaverseCounters *counters = metaverse_counters(metaverse);
    snprintf(out, size, "%u people, %u things", (unsigned)counters->sessions,
             (unsigned)counters->things_bound);
}

static void format_samples(const TwinSystem *twin, char *out, size_t size)
{
    const TwinCounters *counters = twin_counters(twin);
    uint64_t dropped = counters->duplicates + counters->old + counters->unknown;
    snprintf(out, size, "%llu samples (%llu dropped, %llu bad), %u stale",
             (unsigned long long)counters->samples, (unsigned long long)dropped,
             (unsigned long long)counters->bad, (unsigned)counters->stale_now);
}

static void format_closed(const Metaverse *metaverse, char *out, size_t size)
{
    const MetaverseCounters *counters = metaverse_counters(metaverse);
    uint64_t closed = counters->malformed + counters->not_allowed + counters->flooded;
    snprintf(out, size, "%llu closed for bad messages", (unsigned long long)closed);
}

const char *server_status_line(const Server *server, TimeNs now, char *out, size_t size)
{
    (void)now;
    const ServerParts *parts = &server->parts;
    char people[LINE_PART] = "", samples[LINE_PART] = "", closed[LINE_PART] = "", delay[LINE_PART] = "";
    char rates[LINE_PART], durations[LINE_PART];
    if (parts->metaverse != NULL) {
        format_people(parts->metaverse, people, sizeof people);
        format_closed(parts->metaverse, closed, sizeof closed);
    }
    if (parts->twin != NULL) {
        format_samples(parts->twin, samples, sizeof samples);
        format_delay(twin_counters(parts->twin), delay, sizeof delay);
    }
    format_rates(server, rates, sizeof rates);
    format_durations(server, durations, sizeof durations);
    if (people[0] == '\0' && samples[0] == '\0') { /* nothing that has rates */
        snprintf(out, size, "running%s", durations);
        return out;
    }
    snprintf(out, size, "%s%s%s%s%s%s%s%s", people, people[0] != '\0' && samples[0] != '\0' ? ", " : "",
             samples, closed[0] != '\0' ? ", " : "", closed, rates, delay, durations);
    return out;
}

void server_shutdown(Server *server, TimeNs now)
{
    if (server->parts.metaverse != NULL) {
        metaverse_shutdown(server->parts.metaverse, now);
    }
}

bool server_drained(const Server *server)
{
    return server->parts.metaverse == NULL || metaverse_drained(server->parts.metaverse);
}

const ServerParts *server_parts(const Server *server)
{
    return &server->parts;
}
