#include "tests/bench/latency_server.h"

#include "server/embedded.h"
#include "server/enabler/store_memory.h"
#include "server/live_feed_mqtt.h"
#include "shared/base/clock_file.h"
#include "shared/systems/bus_net.h"
#include "shared/wire/transport_enet.h"
#include "shared/wire/transport_secure.h"

#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

/* ---- the world, in memory ---- */

Status latency_world_make(LatencyWorld *out, Arena *arena)
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
    out->things = arena_new_array(arena, Thing, LATENCY_THINGS);
    if (out->things == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (int i = 0; i < LATENCY_THINGS; i++) {
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
                          .thing_count = LATENCY_THINGS,
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
    for (; feed->next <= present && count < capacity; feed->next += LATENCY_INTERVAL) {
        out_samples[count++] = (TraceSample){ .source_time = feed->next,
                                              .thing = (uint16_t)(feed->number % LATENCY_THINGS),
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

/* What the processes are made of. */
typedef struct Site {
    LatencyWorld *world;
    const BenchOptions *options;
    const Broker *broker;
    TimeNs duration;
    uint16_t bus_port; /* of the process with the enabler */
    TextTable texts;
    Arena arena;
} Site;

/* The feed of the default mapping (server/twin/MQTT.md) at the broker, or one of this process. */
static Status open_feed(Site *site, Feed *out_feed, Diag *diag)
{
    static const FeedOps ops = {
        .poll = clock_poll, .next_due = clock_next_due, .counters = clock_counters, .destroy = clock_destroy
    };
    static ClockFeed feed;
    char url[64];
    if (site->broker->port == 0) {
        feed = (ClockFeed){ .next = clock_monotonic() };
        *out_feed = (Feed){ .ops = &ops, .context = &feed };
        return STATUS_OK;
    }
    snprintf(url, sizeof url, "mqtt://127.0.0.1:%u", site->broker->port);
    const LiveFeedConfig config = {
        .type = "mqtt", .url = url, .world = &site->world->world, .texts = &site->texts, .arena = &site->arena
    };
    return live_feed_open(&config, out_feed, diag);
}

static Status make_twin(Site *site, TwinSystem **out_twin, Diag *diag)
{
    Feed feed = { 0 };
    Status status = twin_create(&site->world->world, 0, out_twin);
    if (status == STATUS_OK) {
        status = open_feed(site, &feed, diag);
    }
    return status == STATUS_OK ? twin_add_feed(*out_twin, feed) : status;
}

/* Sealed unless the bench is without. */
static Status open_transport(const Site *site, const EnetConfig *enet, Transport *out_transport,
                             uint16_t *out_port, Diag *diag)
{
    uint8_t secret[NOISE_KEY_SIZE];
    randombytes_buf(secret, sizeof secret);
    const SecureConfig secure = { .secret = secret };
    Status status = transport_enet_create(enet, out_transport, out_port, diag);
    return status == STATUS_OK && !site->options->plaintext
               ? transport_secure_create(*out_transport, &secure, out_transport)
               : status;
}

static ServerConfig server_config(const Site *site)
{
    return (ServerConfig){ .tick_rate_hz = LATENCY_TICK_RATE,
                           .snapshot_rate_hz = LATENCY_TICK_RATE,
                           .tickless = site->options->tickless,
                           .deadline = time_from_seconds(site->options->deadline_ms * 1e-3),
                           .wall_offset = clock_wall() - clock_monotonic() };
}

/* ---- what one process runs; whatever is made lives until the process ends ---- */

/* Makes a server, and the port by which others reach it. */
typedef Status (*MakeServer)(Site *site, Server **out_server, uint16_t *out_port, Diag *diag);

static const AssetTable no_files;
static const EnetConfig for_clients = { .server = true, .peers = 8, .patience = TIME_MINUTE };
static const MetaverseConfig few_people = { .sessions = 4 };

static Status make_all(Site *site, Server **out_server, uint16_t *out_port, Diag *diag)
{
    TwinSystem *twin = NULL;
    Transport transport = { 0 };
    const EmbeddedConfig config = { .metaverse = few_people, .server = server_config(site) };
    Status status = make_twin(site, &twin, diag);
    if (status == STATUS_OK) {
        status = open_transport(site, &for_clients, &transport, out_port, diag);
    }
    return status == STATUS_OK
               ? server_create_embedded(&config, &site->world->world, &site->texts,
                                        asset_source_memory(&no_files), twin, transport, out_server, diag)
               : status;
}

static Status make_enabler(Site *site, Server **out_server, uint16_t *out_port, Diag *diag)
{
    const EnetConfig enet = { .bind_address = "127.0.0.1", .server = true };
    const BusNetHubConfig config = { .peer_key =
                                         site->options->plaintext ? NULL : transport_secure_peer_key };
    const ServerConfig server = server_config(site);
    ServerParts parts = { 0 };
    Transport transport = { 0 };
    Store store = { 0 };
    Bus hub = { 0 };
    Status status = open_transport(site, &enet, &transport, out_port, diag);
    if (status == STATUS_OK) {
        status = bus_net_hub_create(&config, transport, &hub);
    }
    if (status == STATUS_OK) {
        status = store_memory_create(&store);
    }
    if (status == STATUS_OK) {
        status = enabler_create(&(EnablerConfig){ .texts = &site->texts }, &hub, 1, store, &parts.enabler);
    }
    if (status != STATUS_OK) {
        return status;
    }
    server_parts_wake(&parts, bus_wake_fd(hub));
    return server_create(&server, &parts, out_server);
}

static Status open_endpoint(const Site *site, SystemKind kind, const char *name, ServerParts *parts,
                            Bus *out_endpoint, Diag *diag)
{
    const EnetConfig enet = { .peers = 4 };
    const BusNetEndpointConfig config = {
        .kind = kind, .name = name, .host = "127.0.0.1", .port = site->bus_port, .seed = kind
    };
    Transport transport = { 0 };
    Status status = open_transport(site, &enet, &transport, NULL, diag);
    if (status == STATUS_OK) {
        status = bus_net_endpoint_create(&config, transport, out_endpoint);
    }
    if (status == STATUS_OK) {
        server_parts_wake(parts, bus_wake_fd(*out_endpoint));
    }
    return status;
}

static Status make_twin_process(Site *site, Server **out_server, uint16_t *out_port, Diag *diag)
{
    const World *world = &site->world->world;
    const TwinLinkConfig link = { .name = world->name, .title = world->title, .texts = &site->texts };
    const ServerConfig server = server_config(site);
    ServerParts parts = { 0 };
    Bus endpoint = { 0 };
    *out_port = 0;
    Status status = make_twin(site, &parts.twin, diag);
    if (status == STATUS_OK) {
        status = open_endpoint(site, SYSTEM_TWIN, world->name, &parts, &endpoint, diag);
    }
    if (status == STATUS_OK) {
        status = twin_attach(parts.twin, &link, endpoint);
    }
    return status == STATUS_OK ? server_create(&server, &parts, out_server) : status;
}

static Status make_metaverse_process(Site *site, Server **out_server, uint16_t *out_port, Diag *diag)
{
    const ServerConfig server = server_config(site);
    MetaverseConfig config = few_people;
    ServerParts parts = { 0 };
    Transport transport = { 0 };
    config.tick_rate_hz = config.snapshot_rate_hz = LATENCY_TICK_RATE;
    Status status = open_transport(site, &for_clients, &transport, out_port, diag);
    if (status == STATUS_OK) {
        status = open_endpoint(site, SYSTEM_METAVERSE, "metaverse", &parts, &config.endpoint, diag);
    }
    if (status == STATUS_OK) {
        status = metaverse_create(&config, &site->world->world, &site->texts, asset_source_memory(&no_files),
                                  transport, &parts.metaverse, diag);
    }
    if (status != STATUS_OK) {
        return status;
    }
    server_parts_wake(&parts, metaverse_wake_fd(parts.metaverse));
    return server_create(&server, &parts, out_server);
}

/* ---- processes ---- */

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

static int run_process(Site *site, MakeServer make, int told)
{
    uint16_t port = 0;
    Server *server = NULL;
    Diag diag = { 0 };
    arena_init(&site->arena, 0);
    Status status = text_table_init(&site->texts, 16, &site->arena);
    if (status == STATUS_OK) {
        status = make(site, &server, &port, &diag);
    }
    if (status != STATUS_OK) {
        fprintf(stderr, "dtmv-bench: a server cannot be made: %s\n",
                diag.text[0] != '\0' ? diag.text : status_text(status));
        return 1;
    }
    if (write(told, &port, sizeof port) != (ssize_t)sizeof port) {
        return 1;
    }
    serve(server, clock_monotonic() + site->duration);
    return 0;
}

/* The child says its port through a pipe. */
static Status start_process(Site *site, MakeServer make, pid_t *out_pid, uint16_t *out_port, Diag *diag)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return diag_set(diag, STATUS_IO_ERROR, "", 0, "no pipe");
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        _exit(run_process(site, make, ends[1]));
    }
    close(ends[1]);
    bool told = pid > 0 && read(ends[0], out_port, sizeof *out_port) == (ssize_t)sizeof *out_port;
    close(ends[0]);
    *out_pid = pid > 0 ? pid : 0;
    return told ? STATUS_OK : diag_set(diag, STATUS_IO_ERROR, "", 0, "a server's process did not start");
}

Status latency_server_start(LatencyWorld *world, const BenchOptions *options, const Broker *broker,
                            TimeNs duration, LatencyServer *out, Diag *diag)
{
    static Site site;
    uint16_t none;
    site = (Site){ .world = world, .options = options, .broker = broker, .duration = duration };
    *out = (LatencyServer){ 0 };
    if (!options->processes) {
        return start_process(&site, make_all, &out->pids[0], &out->port, diag);
    }
    Status status = start_process(&site, make_enabler, &out->pids[0], &site.bus_port, diag);
    if (status == STATUS_OK) {
        status = start_process(&site, make_twin_process, &out->pids[1], &none, diag);
    }
    return status == STATUS_OK ? start_process(&site, make_metaverse_process, &out->pids[2], &out->port, diag)
                               : status;
}

void latency_server_end(LatencyServer *server)
{
    for (int i = 0; i < LATENCY_PROCESSES; i++) {
        broker_end(server->pids[i]); /* a child of our own, with nothing to save */
    }
    *server = (LatencyServer){ 0 };
}
