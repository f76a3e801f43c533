/* main.c - dtmv-server: command line, signals and the fixed-step loop. */
#include "server/hosted_world_file.h"
#include "server/server.h"
#include "shared/base/cli_file.h"
#include "shared/base/clock_file.h"
#include "shared/base/log_file.h"
#include "shared/base/profile_file.h"
#include "shared/base/version.h"
#include "shared/wire/key_file.h"
#include "shared/wire/key_text.h"
#include "shared/wire/messages.h"
#include "shared/wire/transport_enet.h"
#include "shared/wire/trust_file.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>

#define DRAIN_TIME      (500 * TIME_MS) /* for clients to hear that the server stops */
#define DRAIN_INTERVAL  (2 * TIME_MS)
#define SPARE_PEERS     128 /* connections beyond twice the people: those who knock and may never come in */
#define HALF_OPEN_LEAST 64
#define PEERS_MAX       4095

typedef struct Options {
    const char *world, *data, *bind, *log_level, *log_format, *log_file, *profile;
    const char *identity, *authorized_keys, *default_role, *mqtt;
    int64_t port, tick_rate, snapshot_rate, max_clients, view_distance, client_kbps, resume_seconds;
    double speed, start_offset, seconds, deadline_ms;
    bool loop, paused, plaintext, tickless;
} Options;

static volatile sig_atomic_t stop_signal;

static void on_signal(int signal_number)
{
    stop_signal = signal_number;
}

static void install_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigaction(SIGPIPE, &ignore, NULL); /* whoever read our output may go; the server stays */
}

static bool parse_options(int argc, char *argv[], Options *options, Arena *arena, int *out_exit_code)
{
    const CliOption table[] = {
        { .name = "world",
          .kind = CLI_TEXT,
          .text = &options->world,
          .value = "DIR",
          .help = "folder of the world to host, or the name of a shipped world" },
        { .name = "data",
          .kind = CLI_TEXT,
          .text = &options->data,
          .value = "DIR",
          .help = "folder in which traces and models are looked for after the world's own" },
        { .name = "mqtt",
          .kind = CLI_TEXT,
          .text = &options->mqtt,
          .value = "URL",
          .help = "broker with live devices: mqtt[s]://user:password@host:port/prefix" },
        { .name = "bind",
          .kind = CLI_TEXT,
          .text = &options->bind,
          .value = "ADDRESS",
          .help = "address to listen on; 0.0.0.0 is every one this machine has" },
        { .name = "port",
          .kind = CLI_INTEGER,
          .integer = &options->port,
          .maximum = 65535,
          .value = "N",
          .help = "UDP port; 0 takes any free one" },
        { .name = "speed",
          .kind = CLI_REAL,
          .real = &options->speed,
          .minimum = REPLAY_SPEED_MIN,
          .maximum = REPLAY_SPEED_MAX,
          .value = "X",
          .help = "seconds of the trace in one second" },
        { .name = "loop",
          .kind = CLI_FLAG,
          .flag = &options->loop,
          .help = "begin the trace again after its end" },
        { .name = "paused",
          .kind = CLI_FLAG,
          .flag = &options->paused,
          .help = "start with the trace standing still" },
        { .name = "start-offset",
          .kind = CLI_REAL,
          .real = &options->start_offset,
          .maximum = 3e9,
          .value = "S",
          .help = "seconds of the trace to skip at the start" },
        { .name = "seconds",
          .kind = CLI_REAL,
          .real = &options->seconds,
          .maximum = 1e9,
          .value = "S",
          .help = "stop after this time; 0 runs until SIGTERM or SIGINT" },
        { .name = "tick-rate",
          .kind = CLI_INTEGER,
          .integer = &options->tick_rate,
          .minimum = 1,
          .maximum = TICK_RATE_MAX,
          .value = "HZ",
          .help = "steps a second" },
        { .name = "snapshot-rate",
          .kind = CLI_INTEGER,
          .integer = &options->snapshot_rate,
          .minimum = 1,
          .maximum = TICK_RATE_MAX,
          .value = "HZ",
          .help = "snapshots a second, not more than steps" },
        { .name = "tickless",
          .kind = CLI_FLAG,
          .flag = &options->tickless,
          .help = "tell clients what is sensed as it comes, not at the snapshot rate; steps go on" },
        { .name = "deadline",
          .kind = CLI_REAL,
          .real = &options->deadline_ms,
          .minimum = 0.1,
          .maximum = 1000,
          .value = "MS",
          .help = "with --tickless: how long what is sensed may wait to be told together" },
        { .name = "max-clients",
          .kind = CLI_INTEGER,
          .integer = &options->max_clients,
          .minimum = 1,
          .maximum = PEERS_MAX,
          .value = "N",
          .help = "most people at once" },
        { .name = "view-distance",
          .kind = CLI_INTEGER,
          .integer = &options->view_distance,
          .maximum = UINT16_MAX,
          .value = "M",
          .help = "how far each client is told the world, in metres; 0 is all of it" },
        { .name = "client-kbps",
          .kind = CLI_INTEGER,
          .integer = &options->client_kbps,
          .minimum = 32,
          .maximum = 1000000,
          .value = "N",
          .help = "most that one client is sent, in kbit/s" },
        { .name = "resume-seconds",
          .kind = CLI_INTEGER,
          .integer = &options->resume_seconds,
          .minimum = 0,
          .maximum = RESUME_SECONDS_MAX,
          .value = "S",
          .help = "keep the avatar of a client that is lost for this long after it was heard last; 0: not" },
        { .name = "identity",
          .kind = CLI_TEXT,
          .text = &options->identity,
          .value = "FILE",
          .help = "this server's secret key, made where there is none; by default in the user's folder" },
        { .name = "authorized-keys",
          .kind = CLI_TEXT,
          .text = &options->authorized_keys,
          .value = "FILE",
          .help = "lines of ROLE KEY NAME: what the owners of these public keys may do" },
        { .name = "default-role",
          .kind = CLI_TEXT,
          .text = &options->default_role,
          .value = "ROLE",
          .help = "of everyone else: viewer, operator, admin, or none to refuse them" },
        { .name = "plaintext",
          .kind = CLI_FLAG,
          .flag = &options->plaintext,
          .help = "for debugging: neither encrypt nor authenticate anything" },
        { .name = "log-level",
          .kind = CLI_TEXT,
          .text = &options->log_level,
          .value = "LEVEL",
          .help = "error, warning, info or debug" },
        { .name = "log-format",
          .kind = CLI_TEXT,
          .text = &options->log_format,
          .value = "FORMAT",
          .help = "text, or json for one object a line" },
        { .name = "log-file",
          .kind = CLI_TEXT,
          .text = &options->log_file,
          .value = "FILE",
          .help = "append the log to a file instead of standard error" },
        { .name = "profile",
          .kind = CLI_TEXT,
          .text = &options->profile,
          .value = "FILE",
          .help = "write at the end how long the parts of each tick took, for ui.perfetto.dev" },
    };
    const CliProgram program = {
        .name = "dtmv-server",
        .purpose = "Hosts a world of digital twins that several people walk through.",
        .options = table,
        .option_count = ARRAY_COUNT(table),
        .config_section = "server",
        .epilogue =
            "Prints \"listening on ADDRESS:PORT\" on standard output once it is ready; the log goes to\n"
            "standard error. SIGTERM and SIGINT stop it after telling the clients.\n",
    };
    return cli_start(&program, argc, argv, arena, out_exit_code);
}

static int fail(int exit_code, Status status, const Diag *diag)
{
    char text[sizeof diag->path + sizeof diag->text + 32];
    diag_format(diag, text, sizeof text);
    fprintf(stderr, "dtmv-server: %s\n", diag->text[0] != '\0' ? text : status_text(status));
    return exit_code;
}

static int start_log(const Options *options, FILE **out_file)
{
    LogLevel level;
    if (log_level_parse(options->log_level, &level) != STATUS_OK) {
        fprintf(stderr, "dtmv-server: --log-level is error, warning, info or debug, not '%s'\n",
                options->log_level);
        return EXIT_CODE_USAGE;
    }
    bool json = strcmp(options->log_format, "json") == 0;
    if (!json && strcmp(options->log_format, "text") != 0) {
        fprintf(stderr, "dtmv-server: --log-format is text or json, not '%s'\n", options->log_format);
        return EXIT_CODE_USAGE;
    }
    FILE *stream = stderr;
    if (options->log_file != NULL) {
        stream = *out_file = fopen(options->log_file, "a");
        if (stream == NULL) {
            fprintf(stderr, "dtmv-server: cannot write the log to '%s'\n", options->log_file);
            return EXIT_CODE_USAGE;
        }
    }
    log_set_level(level);
    log_set_sink(json ? log_file_json(stream) : log_file_text(stream));
    return EXIT_CODE_OK;
}

/* Until the server has something to do: at the time it said, or when something comes in. */
static void wait_for_work(const Server *server)
{
    TimeNs wake = server_wake(server), from = server_receive_from(server);
    clock_sleep_until(from < wake ? from : wake);
    TimeNs left = wake - clock_monotonic();
    if (from < wake && left > 0 && stop_signal == 0) {
        server_wait(server, left);
    }
}

static void run(Server *server, const Options *options)
{
    TimeNs start = clock_monotonic();
    TimeNs end = options->seconds > 0 ? start + time_from_seconds(options->seconds) : TIME_FOREVER;
    TimeNs status_due = start + TIME_SECOND;
    for (TimeNs now = start; now < end && stop_signal == 0; now = clock_monotonic()) {
        bool told = server_run(server, now);
        TimeNs took = clock_monotonic() - now;
        if (told) {
            server_note_tick(server, took);
        } else {
            server_note_look(server, took);
        }
        if (now >= status_due) {
            char line[512];
            log_info("server", "%s", server_status_line(server, now, line, sizeof line));
            status_due += TIME_SECOND * ((now - status_due) / TIME_SECOND + 1);
        }
        wait_for_work(server);
    }
}

static void stop(Server *server)
{
    log_info("server", "stopping: %s",
             stop_signal == SIGTERM  ? "SIGTERM"
             : stop_signal == SIGINT ? "SIGINT"
                                     : "the time asked for is over");
    TimeNs now = clock_monotonic();
    TimeNs end = now + DRAIN_TIME;
    server_shutdown(server, now);
    while (!server_drained(server) && now < end) {
        clock_sleep_until(now + DRAIN_INTERVAL);
        now = clock_monotonic();
        server_receive(server, now);
    }
}

/* A connection that has ended keeps its place until the other side has confirmed it, for seconds when that
 * side is gone; so that everybody may come back at once there are twice as many places as people. */
static uint32_t peer_count(uint32_t max_clients)
{
    uint32_t wished = 2 * max_clients + SPARE_PEERS;
    return wished < PEERS_MAX ? wished : PEERS_MAX;
}

/* What the secure channel needs for as long as the server runs. */
typedef struct Security {
    Transport transport; /* the sealed one; not owned here */
    ClientRoles roles;
} Security;

static Role role_of(void *context, PeerId peer)
{
    const Security *security = context;
    uint8_t key[NOISE_KEY_SIZE];
    if (transport_secure_peer_key(security->transport, peer, key) != STATUS_OK) {
        return ROLE_NONE;
    }
    return client_roles_of(&security->roles, key);
}

static Status key_of(void *context, PeerId peer, uint8_t out_key[NOISE_KEY_SIZE])
{
    const Security *security = context;
    return transport_secure_peer_key(security->transport, peer, out_key);
}

/* Bound to the loopback interface, everybody comes from one address. */
static AdmissionLimits limits_for(const Options *options)
{
    bool loopback = strncmp(options->bind, "127.", 4) == 0 || strcmp(options->bind, "localhost") == 0;
    uint32_t people = (uint32_t)options->max_clients;
    /* Of the places that people do not need, half for handshakes here, half for those of ENet. */
    uint32_t half_open = (peer_count(people) - people) / 2;
    half_open = half_open > HALF_OPEN_LEAST ? half_open : HALF_OPEN_LEAST;
    return loopback ? (AdmissionLimits){ .half_open = half_open,
                                         .half_open_per_address = ADMISSION_UNLIMITED,
                                         .handshakes_per_second_per_address = ADMISSION_UNLIMITED }
                    : (AdmissionLimits){ .half_open = half_open,
                                         .half_open_per_address = half_open / 2 + 1,
                                         .connections_per_address = people / 2 + 8 };
}

/* Puts the secure channel around *transport. */
static Status seal(const Options *options, Security *security, Transport *transport, Arena *arena, Diag *diag)
{
    uint8_t secret[NOISE_KEY_SIZE], public[NOISE_KEY_SIZE];
    char text[KEY_TEXT_SIZE];
    if (options->plaintext) {
        log_warning("secure",
                    "--plaintext: NOTHING IS ENCRYPTED and anyone can be anyone; for debugging only");
        return STATUS_OK;
    }
    Status status =
        client_roles_init(&security->roles, options->authorized_keys, options->default_role, arena, diag);
    if (status == STATUS_OK) {
        status = key_file_identity(options->identity, secret, diag);
    }
    if (status != STATUS_OK) {
        return status;
    }
    noise_public_key(secret, public);
    const SecureConfig config = { .secret = secret,
                                  .trust = client_roles_trust(&security->roles),
                                  .limits = limits_for(options) };
    status = transport_secure_create(*transport, &config, &security->transport);
    sodium_memzero(secret, sizeof secret);
    if (status == STATUS_OK) {
        *transport = security->transport;
        log_info("secure", "this server's public key is %s", key_text_format(public, text));
    }
    return status;
}

/* What was done against the server, for whoever reads the log afterwards. */
static void tell_defence(const Server *server, const Security *security, bool plaintext)
{
    const MetaverseCounters *closed = metaverse_counters(server_metaverse(server));
    TransportStats stats = metaverse_transport_stats(server_metaverse(server));
    log_info(
        "metaverse",
        "closed: %llu malformed, %llu not allowed, %llu flooded, %llu timed out, %llu refused; came back: "
        "%llu resumed, %llu without a valid ticket; datagrams: %llu of nobody, %llu gave way",
        (unsigned long long)closed->malformed, (unsigned long long)closed->not_allowed,
        (unsigned long long)closed->flooded, (unsigned long long)closed->timed_out,
        (unsigned long long)closed->refused, (unsigned long long)closed->resumed,
        (unsigned long long)closed->tickets_refused, (unsigned long long)stats.strays,
        (unsigned long long)stats.displaced);
    if (!plaintext) {
        SecureCounters secure = transport_secure_counters(security->transport);
        log_info(
            "secure",
            "handshakes: %llu begun, %llu done, %llu limited, %llu gave way, %llu timed out, %llu bad "
            "cookies, %llu "
            "malformed, %llu untrusted; packets: %llu forged, %llu replayed, %llu late; %llu streams broken",
            (unsigned long long)secure.challenged, (unsigned long long)secure.opened,
            (unsigned long long)secure.limited, (unsigned long long)secure.displaced,
            (unsigned long long)secure.timed_out, (unsigned long long)secure.bad_cookies,
            (unsigned long long)secure.malformed, (unsigned long long)secure.untrusted,
            (unsigned long long)secure.forged, (unsigned long long)secure.replayed,
            (unsigned long long)secure.late, (unsigned long long)secure.broken);
    }
}

static int serve(HostedWorld *hosted, const Options *options, Arena *arena)
{
    Security security = { 0 };
    Diag diag = { 0 };
    const EnetConfig enet = { .bind_address = options->bind,
                              .port = (uint16_t)options->port,
                              .peers = peer_count((uint32_t)options->max_clients),
                              .server = true,
                              /* sessions have time-outs of their own, of at most this */
                              .patience = TIME_MINUTE };
    const ServerConfig config = {
        .metaverse = { .sessions = (uint32_t)options->max_clients,
                       .tick_rate_hz = (uint16_t)options->tick_rate,
                       .snapshot_rate_hz = (uint16_t)options->snapshot_rate,
                       .view_distance_m = (uint16_t)options->view_distance,
                       .client_kbps = (uint32_t)options->client_kbps,
                       .roles = { .of = options->plaintext ? NULL : role_of, .context = &security },
                       .keys = { .of = options->plaintext ? NULL : key_of, .context = &security },
                       .resume_time = options->resume_seconds * TIME_SECOND },
        .tickless = options->tickless,
        .deadline = time_from_seconds(options->deadline_ms * 1e-3)
    };
    Transport transport = { 0 };
    Server *server = NULL;
    uint16_t port;
    Status status = transport_enet_create(&enet, &transport, &port, &diag);
    if (status != STATUS_OK) {
        return fail(EXIT_CODE_FAILURE, status, &diag);
    }
    status = seal(options, &security, &transport, arena, &diag);
    if (status != STATUS_OK) {
        transport_destroy(transport);
        return fail(EXIT_CODE_INPUT, status, &diag);
    }
    status = server_create(&config, &hosted->world, &hosted->texts, hosted->assets, hosted->twin, transport,
                           &server, &diag);
    if (status != STATUS_OK) {
        transport_destroy(transport);
        return fail(status == STATUS_OUT_OF_RANGE ? EXIT_CODE_USAGE : EXIT_CODE_INPUT, status, &diag);
    }
    hosted->twin = NULL; /* the server's now */
    log_info("server", "dtmv-server %s (%s) hosts the world '%s': %u things, %u objects, %u feeds",
             version_number(), version_commit(), hosted->world.name, (unsigned)hosted->world.thing_count,
             (unsigned)hosted->world.object_count, (unsigned)hosted->world.feed_count);
    printf("listening on %s:%u\n", options->bind, (unsigned)port);
    fflush(stdout);
    run(server, options);
    stop(server);
    tell_defence(server, &security, options->plaintext);
    server_destroy(server);
    status = profile_file_finish(options->profile, "dtmv-server", &diag);
    return status == STATUS_OK ? EXIT_CODE_OK : fail(EXIT_CODE_FAILURE, status, &diag);
}

int main(int argc, char *argv[])
{
    Options options = { .world = "plant",
                        .bind = "127.0.0.1",
                        .log_level = "info",
                        .default_role = "viewer",
                        .log_format = "text",
                        .port = PROTOCOL_PORT,
                        .tick_rate = 60,
                        .snapshot_rate = 30,
                        .max_clients = 64,
                        .client_kbps = 8000,
                        .resume_seconds = 30,
                        .speed = 1,
                        .deadline_ms = 2 };
    int exit_code;
    Arena arena;
    FILE *log_stream = NULL;
    arena_init(&arena, 0);
    if (!parse_options(argc, argv, &options, &arena, &exit_code)) {
        arena_finish(&arena);
        return exit_code;
    }
    exit_code = start_log(&options, &log_stream);
    if (exit_code == EXIT_CODE_OK) {
        install_signals();
        HostedWorld hosted = { 0 };
        Diag diag = { 0 };
        const HostedWorldConfig config = { .world = options.world,
                                           .data_folder = options.data,
                                           .program = argv[0],
                                           .mqtt = options.mqtt,
                                           .replay = { .speed = options.speed,
                                                       .loop = options.loop,
                                                       .start_offset =
                                                           time_from_seconds(options.start_offset),
                                                       .paused = options.paused } };
        Status status = profile_file_start(options.profile, &diag);
        if (status == STATUS_OK) {
            status = hosted_world_open(&hosted, &config, &diag);
        }
        exit_code =
            status == STATUS_OK ? serve(&hosted, &options, &arena) : fail(EXIT_CODE_INPUT, status, &diag);
        hosted_world_close(&hosted);
    }
    if (log_stream != NULL) {
        log_set_sink((LogSink){ 0 });
        fclose(log_stream);
    }
    arena_finish(&arena);
    return exit_code;
}
