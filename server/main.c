/* main.c - dtmv-server: command line, signals and the fixed-step loop. */
#include "server/assembly_file.h"
#include "shared/base/cli_file.h"
#include "shared/base/clock_file.h"
#include "shared/base/log_file.h"
#include "shared/base/profile_file.h"
#include "shared/base/version.h"

#include <signal.h>
#include <stdio.h>

#define DRAIN_TIME     (500 * TIME_MS) /* for clients to hear that the server stops */
#define DRAIN_INTERVAL (2 * TIME_MS)

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
        int fds[SERVER_WAKE_FDS_MAX];
        clock_wait_readable(fds, server_wake_fds(server, fds), left);
    }
}

static void run(Assembly *assembly, const Options *options)
{
    Server *server = assembly->server;
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
            server_set_wall(server, clock_wall() - clock_monotonic());
            interface_trace_file_flush(assembly->interfaces);
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

/* What was done against the server, for whoever reads the log afterwards. */
static void tell_defence(const Assembly *assembly)
{
    const Metaverse *metaverse = server_parts(assembly->server)->metaverse;
    if (metaverse == NULL) {
        return;
    }
    const MetaverseCounters *closed = metaverse_counters(metaverse);
    TransportStats stats = metaverse_transport_stats(metaverse);
    log_info(
        "metaverse",
        "closed: %llu malformed, %llu not allowed, %llu flooded, %llu timed out, %llu refused; came back: "
        "%llu resumed, %llu without a valid ticket; datagrams: %llu of nobody, %llu gave way",
        (unsigned long long)closed->malformed, (unsigned long long)closed->not_allowed,
        (unsigned long long)closed->flooded, (unsigned long long)closed->timed_out,
        (unsigned long long)closed->refused, (unsigned long long)closed->resumed,
        (unsigned long long)closed->tickets_refused, (unsigned long long)stats.strays,
        (unsigned long long)stats.displaced);
    if (!assembly->security.plaintext) {
        SecureCounters secure = transport_secure_counters(assembly->security.transport);
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

/* On standard output, one line each: what whoever started us waits for. */
static void tell_addresses(const Assembly *assembly, const Options *options)
{
    if (assembly->bus_port != 0) {
        printf("bus on port %u\n", (unsigned)assembly->bus_port);
    }
    if (assembly->http_port != 0) {
        printf("http on 127.0.0.1:%u\n", (unsigned)assembly->http_port);
    }
    if (assembly->port != 0) {
        printf("listening on %s:%u\n", options->bind, (unsigned)assembly->port);
    } else {
        printf("running\n");
    }
    fflush(stdout);
}

static int serve(HostedWorld *hosted, const Options *options, Arena *arena)
{
    Assembly assembly = { 0 };
    Diag diag = { 0 };
    char roles[64];
    int exit_code = EXIT_CODE_OK;
    Status status = assembly_create(options, hosted, arena, &assembly, &exit_code, &diag);
    if (status != STATUS_OK) {
        return fail(exit_code, status, &diag);
    }
    log_info("server", "dtmv-server %s (%s) hosts the world '%s': %u things, %u objects; %s",
             version_number(), version_commit(), hosted->world.name, (unsigned)hosted->world.thing_count,
             (unsigned)hosted->world.object_count, roles_format(assembly.roles, roles, sizeof roles));
    tell_addresses(&assembly, options);
    run(&assembly, options);
    stop(assembly.server);
    tell_defence(&assembly);
    assembly_destroy(&assembly);
    status = profile_file_finish(options->profile, "dtmv-server", &diag);
    return status == STATUS_OK ? EXIT_CODE_OK : fail(EXIT_CODE_FAILURE, status, &diag);
}

int main(int argc, char *argv[])
{
    Options options;
    int exit_code;
    Arena arena;
    FILE *log_stream = NULL;
    arena_init(&arena, 0);
    if (!options_parse(argc, argv, &options, &arena, &exit_code)) {
        arena_finish(&arena);
        return exit_code;
    }
    exit_code = start_log(&options, &log_stream);
    if (exit_code == EXIT_CODE_OK) {
        install_signals();
        HostedWorld hosted = { 0 };
        Diag diag = { 0 };
        ServerRoles roles = 0;
        Status status = roles_parse(options.roles, &roles, &diag);
        const HostedWorldConfig config = { .world = options.world,
                                           .data_folder = options.data,
                                           .program = argv[0],
                                           .twin = roles_have(roles, SERVER_ROLE_TWIN),
                                           .physical = roles_have(roles, SERVER_ROLE_PHYSICAL),
                                           .feed = options.feed,
                                           .mqtt = options.mqtt,
                                           .replay = { .speed = options.speed,
                                                       .loop = options.loop,
                                                       .start_offset =
                                                           time_from_seconds(options.start_offset),
                                                       .paused = options.paused } };
        if (status == STATUS_OK) {
            status = profile_file_start(options.profile, &diag);
        }
        if (status == STATUS_OK) {
            status = hosted_world_open(&hosted, &config, &diag);
        }
        exit_code = status == STATUS_OK ? serve(&hosted, &options, &arena)
                                        : fail(roles == 0 ? EXIT_CODE_USAGE : EXIT_CODE_INPUT, status, &diag);
        hosted_world_close(&hosted);
    }
    if (log_stream != NULL) {
        log_set_sink((LogSink){ 0 });
        fclose(log_stream);
    }
    arena_finish(&arena);
    return exit_code;
}
