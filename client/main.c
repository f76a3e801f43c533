/* main.c - dtmv-client: command line, clock, files; app.c does the rest. */
#include "client/app.h"
#include "client/main_console.h"
#include "shared/base/cli_file.h"
#include "shared/base/clock_file.h"
#include "shared/base/disk_file.h"
#include "shared/base/host_port.h"
#include "shared/base/log_file.h"
#include "shared/base/profile_file.h"
#include "shared/base/version.h"
#include "shared/wire/key_file.h"
#include "shared/wire/messages.h"
#include "shared/wire/transport_enet.h"
#include "shared/wire/trust_file.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICE_STEP (4 * TIME_MS) /* network is served this often while waiting for the next frame */
#define JOIN_STEP    (2 * TIME_MS)
#define BUSY_STEP    TIME_MS
#define HEADLESS_FPS 30.0
#define LINGER       2.0
#define ACT_TIMEOUT  130.0
#define CONNECTIONS  16 /* the session's and, where it is lost, attempts at another one */

typedef struct Options {
    const char *identity, *known_hosts, *server_key;
    const char *connect, *name, *size, *camera, *walk, *shot, *dump, *log_level, *quality, *profile;
    const char *role_key, *overlay;
    CliList acts;
    double seconds, fps_limit, scale, linger, act_timeout;
    int64_t frames;
    bool plaintext, headless, orbit, log_json, gl_debug, no_ui, list_things, list_systems;
    const char *keys[CONTROL_COUNT];
} Options;

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static void install_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int usage(const Diag *diag)
{
    char text[800];
    fprintf(stderr, "dtmv-client: %s\n", diag_format(diag, text, sizeof text));
    return EXIT_CODE_USAGE;
}

/* "HOST:PORT", "HOST" or "[IPv6]:PORT". */
static Status parse_address(const char *text, HostPort *address, Diag *diag)
{
    if (host_port_read(text, address) != STATUS_OK || address->host[0] == '\0' || address->port == 0) {
        return diag_set(diag, STATUS_MALFORMED, "", 0, "--connect: \"%s\" is not HOST:PORT", text);
    }
    return STATUS_OK;
}

static Status parse_size(const char *text, AppConfig *out_config, Diag *diag)
{
    unsigned width = 0, height = 0;
    int used = 0;
    if (sscanf(text, "%5ux%5u%n", &width, &height, &used) != 2 || text[used] != '\0' || width < 64 ||
        height < 64 || width > 8192 || height > 8192) {
        return diag_set(diag, STATUS_MALFORMED, "", 0, "--size: \"%s\" is not WxH (64 to 8192 pixels)", text);
    }
    out_config->width = width;
    out_config->height = height;
    return STATUS_OK;
}

static Status parse_quality(const char *text, AppConfig *out_config, Diag *diag)
{
    static const struct {
        const char *name;
        uint32_t samples, shadow_size;
    } qualities[] = {
        { "auto", 0, 0 }, { "low", 1, 1024 }, { "medium", 2, 2048 }, { "high", 4, 2048 }, { "ultra", 8, 4096 }
    };
    for (size_t i = 0; i < ARRAY_COUNT(qualities); i++) {
        if (strcmp(text, qualities[i].name) == 0) {
            out_config->samples = qualities[i].samples;
            out_config->shadow_size = qualities[i].shadow_size;
            return STATUS_OK;
        }
    }
    return diag_set(diag, STATUS_MALFORMED, "", 0,
                    "--quality: \"%s\" is not auto, low, medium, high or ultra", text);
}

typedef struct Parsed {
    HostPort address;
    char operate[64]; /* thing of --overlay */
    Act acts[CLI_LIST_MAX];
    ViewFixed camera;
    Walk walk;
    AppConfig app;
} Parsed;

/* Nothing of what was asked for needs a picture. */
static bool is_console(const Options *options)
{
    bool work = options->acts.count > 0 || options->list_things || options->list_systems;
    return work && options->shot == NULL && options->walk == NULL && options->camera == NULL &&
           !options->orbit && options->overlay == NULL && options->seconds <= 0.0 && options->frames == 0;
}

/* "model", "operate=THING", or both separated by ','. */
static Status parse_overlay(const char *text, Parsed *out, Diag *diag)
{
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        if (size == 5 && strncmp(text, "model", size) == 0) {
            out->app.overlay_model = true;
        } else if (size > 8 && size - 8 < sizeof out->operate && strncmp(text, "operate=", 8) == 0) {
            memcpy(out->operate, text + 8, size - 8);
            out->operate[size - 8] = '\0';
            out->app.overlay_operate = out->operate;
        } else {
            return diag_set(diag, STATUS_MALFORMED, "", 0,
                            "--overlay: \"%.*s\" is not model or operate=THING", (int)(size < 80 ? size : 80),
                            text);
        }
        text += size + (text[size] == ',');
    }
    return STATUS_OK;
}

static Status parse_work(const Options *options, Parsed *out, Diag *diag)
{
    for (uint32_t i = 0; i < options->acts.count; i++) {
        Status status = act_parse(options->acts.items[i], &out->acts[i], diag);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if ((options->list_things || options->list_systems) && !is_console(options)) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0,
                        "--list-things and --list-systems draw nothing: leave --shot and the like out");
    }
    if (options->role_key != NULL && options->identity != NULL) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0,
                        "--role-key and --identity are the same thing: give one of them");
    }
    return STATUS_OK;
}

static Status parse_options(const Options *options, Parsed *out, Diag *diag)
{
    AppConfig *app = &out->app;
    out->address = (HostPort){ .port = PROTOCOL_PORT };
    *app = (AppConfig){ .host = out->address.host,
                        .name = options->name,
                        .headless = options->headless,
                        .vsync = options->fps_limit <= 0.0,
                        .debug = options->gl_debug,
                        .ui_scale = (float)options->scale,
                        .orbit = options->orbit,
                        .duration = time_from_seconds(options->seconds),
                        .frames = (uint64_t)options->frames,
                        .want_picture = options->shot != NULL,
                        .want_dump = options->dump != NULL,
                        .hide_ui = options->no_ui,
                        .acts = out->acts,
                        .act_count = options->acts.count,
                        .act_timeout = time_from_seconds(options->act_timeout),
                        .fill = console_random,
                        .print = console_print,
                        .keys = options->keys };
    Status status = options->connect == NULL /* the table requires it; told here for who reads only this */
                        ? diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0, "--connect is missing")
                        : parse_address(options->connect, &out->address, diag);
    if (status == STATUS_OK) {
        app->port = out->address.port;
        status = parse_size(options->size, app, diag);
    }
    if (status == STATUS_OK) {
        status = parse_quality(options->quality, app, diag);
    }
    if (status == STATUS_OK) {
        status = parse_work(options, out, diag);
    }
    if (status == STATUS_OK && options->overlay != NULL) {
        status = parse_overlay(options->overlay, out, diag);
    }
    if (status == STATUS_OK && options->camera != NULL) {
        status = view_parse_camera(options->camera, &out->camera, diag);
        app->camera = &out->camera;
    }
    if (status == STATUS_OK && options->walk != NULL) {
        status = walk_parse(options->walk, &out->walk, diag);
        app->walk = &out->walk;
    }
    return status;
}

static Status start_log(const Options *options, Diag *diag)
{
    LogLevel level;
    if (log_level_parse(options->log_level, &level) != STATUS_OK) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0,
                        "--log-level: \"%s\" is not error, warning, info or debug", options->log_level);
    }
    log_set_level(level);
    log_set_sink(options->log_json ? log_file_json(stderr) : log_file_text(stderr));
    return STATUS_OK;
}

/* The screenshot key: dtmv-0001.png and so on, in the folder it was started from. */
static void save_screenshot(App *app)
{
    uint32_t width, height;
    uint8_t *pixels = app_take_screenshot(app, &width, &height);
    if (pixels == NULL) {
        return;
    }
    char path[32] = "";
    for (int i = 1; i < 10000; i++) {
        snprintf(path, sizeof path, "dtmv-%04d.png", i);
        if (access(path, F_OK) != 0) {
            break;
        }
    }
    Diag diag = { 0 };
    char text[800];
    if (capture_png(path, pixels, width, height, &diag) == STATUS_OK) {
        log_info("client", "saved %s", path);
    } else {
        log_error("client", "%s", diag_format(&diag, text, sizeof text));
    }
    free(pixels);
}

static void wait_until(App *app, TimeNs deadline)
{
    for (TimeNs now = clock_monotonic(); now < deadline; now = clock_monotonic()) {
        app_service(app, now);
        TimeNs next = now + SERVICE_STEP;
        clock_sleep_until(next < deadline ? next : deadline);
    }
}

static AppPhase run(App *app, const Options *options)
{
    double fps = options->fps_limit > 0.0 ? options->fps_limit : options->headless ? HEADLESS_FPS : 0.0;
    TimeNs interval = fps > 0.0 ? time_from_seconds(1.0 / fps) : 0;
    AppPhase phase = APP_JOINING;
    while (phase == APP_JOINING || phase == APP_LIVE) {
        TimeNs now = clock_monotonic(), cpu = clock_process_cpu();
        if (stop_asked) {
            app_stop(app);
        }
        phase = app_frame(app, now);
        while (options->headless &&
               app_busy(app)) { /* software draws on other threads: the network goes on */
            app_service(app, clock_monotonic());
            clock_sleep_until(clock_monotonic() + BUSY_STEP);
        }
        app_note_cpu(app, now, clock_process_cpu() - cpu);
        save_screenshot(app);
        if (phase ==
            APP_JOINING) { /* loading goes on at once; a word from the server is waited for a little */
            clock_sleep_until(now + JOIN_STEP);
        } else if (phase == APP_LIVE && interval > 0) {
            wait_until(app, now + interval);
        }
    }
    return phase;
}

/* Others may look at the world a moment later than we did: the avatar stays until they have. */
static void linger(App *app, double seconds)
{
    TimeNs end = clock_monotonic() + time_from_seconds(seconds);
    for (TimeNs now = clock_monotonic(); now < end && !stop_asked; now = clock_monotonic()) {
        app_linger(app, now);
        clock_sleep_until(now + SERVICE_STEP);
    }
}

static int write_results(App *app, const Options *options)
{
    Diag diag = { 0 };
    char text[800];
    uint32_t width, height;
    size_t size;
    const uint8_t *picture = app_picture(app, &width, &height);
    const char *dump = app_dump(app, &size);
    bool written = true;
    if (options->shot != NULL) {
        written = picture != NULL && capture_png(options->shot, picture, width, height, &diag) == STATUS_OK;
    }
    if (written && options->dump != NULL) {
        written = dump != NULL && disk_write(options->dump, bytes_of(dump, size), &diag) == STATUS_OK;
        if (dump == NULL) {
            snprintf(diag.text, sizeof diag.text, "the world was never shown: nothing to dump");
        }
    }
    if (!written) {
        log_error("client", "%s", diag_format(&diag, text, sizeof text));
    }
    return written ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

/* Puts the secure channel around *transport; `servers` is used by it for as long as it lives. */
static Status seal(const Options *options, KnownServers *servers, Transport *transport, Diag *diag)
{
    uint8_t secret[NOISE_KEY_SIZE];
    if (options->plaintext) {
        log_warning("secure",
                    "--plaintext: NOTHING IS ENCRYPTED and the server can be anyone; for debugging only");
        return STATUS_OK;
    }
    const char *identity = options->identity;
    if (options->role_key != NULL) { /* a role hangs on it: one that is made now would be somebody else's */
        identity = options->role_key;
        if (access(identity, R_OK) != 0) {
            return diag_set(diag, STATUS_NOT_FOUND, identity, 0, "--role-key: this file cannot be read");
        }
    }
    Status status = known_servers_init(servers, options->known_hosts, options->server_key, diag);
    if (status == STATUS_OK) {
        status = key_file_identity(identity, secret, diag);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const SecureConfig config = { .secret = secret, .trust = known_servers_trust(servers) };
    status = transport_secure_create(*transport, &config, transport);
    sodium_memzero(secret, sizeof secret);
    return status;
}

static int start(const Options *options, const Parsed *parsed)
{
    KnownServers servers;
    Diag diag = { 0 };
    char text[800];
    int exit_code = EXIT_CODE_CONNECTION;
    Transport transport;
    App *app = NULL;
    /* The session itself notices a silent server; a device that takes long over a frame must not end it. */
    EnetConfig enet = { .server = false, .patience = TIME_MINUTE, .peers = CONNECTIONS };
    Status status = transport_enet_create(&enet, &transport, NULL, &diag);
    if (status == STATUS_OK) {
        status = seal(options, &servers, &transport, &diag);
        if (status != STATUS_OK) {
            transport_destroy(transport);
            exit_code = EXIT_CODE_INPUT;
        }
    }
    if (status == STATUS_OK && is_console(options)) {
        const ConsoleConfig console = { .host = parsed->address.host,
                                        .port = parsed->app.port,
                                        .name = options->name,
                                        .acts = parsed->acts,
                                        .act_count = options->acts.count,
                                        .act_timeout = time_from_seconds(options->act_timeout),
                                        .list_things = options->list_things,
                                        .list_systems = options->list_systems };
        return console_run(&console, transport, options->dump, options->dump != NULL ? options->linger : 0.0,
                           &stop_asked);
    }
    if (status == STATUS_OK) {
        status = app_create(&parsed->app, transport, clock_monotonic(), &app, &exit_code, &diag);
        if (status != STATUS_OK) {
            transport_destroy(transport);
        }
    }
    if (status != STATUS_OK) {
        fprintf(stderr, "dtmv-client: %s\n", diag_format(&diag, text, sizeof text));
        return exit_code;
    }
    exit_code = EXIT_CODE_OK;
    if (run(app, options) == APP_FAILED) {
        fprintf(stderr, "dtmv-client: %s\n", app_failure(app));
        exit_code = app_exit_code(app);
    } else {
        exit_code = write_results(app, options);
        exit_code = exit_code == EXIT_CODE_OK && !app_acts_confirmed(app) ? EXIT_CODE_FAILURE : exit_code;
        linger(app, options->dump != NULL ? options->linger : 0.0);
    }
    app_leave(app, clock_monotonic());
    app_destroy(app);
    return exit_code;
}

#define KEY_OPTION(NAME, name_text, keys_text, help_text) \
    { .name = "key-" name_text,                           \
      .kind = CLI_TEXT,                                   \
      .text = &options.keys[CONTROL_##NAME],              \
      .value = "KEYS",                                    \
      .help = "keys to " help_text " (" keys_text ")" },

int main(int argc, char *argv[])
{
    static Options options = { .name = "guest",
                               .size = "1280x720",
                               .log_level = "info",
                               .quality = "auto",
                               .linger = LINGER,
                               .act_timeout = ACT_TIMEOUT };
    const CliOption table[] = {
        { .name = "connect",
          .kind = CLI_TEXT,
          .text = &options.connect,
          .value = "HOST:PORT",
          .help = "the server; without :PORT, where it listens by default",
          .required = true },
        { .name = "name",
          .kind = CLI_TEXT,
          .text = &options.name,
          .value = "NAME",
          .help = "how others see you" },
        { .name = "identity",
          .kind = CLI_TEXT,
          .text = &options.identity,
          .value = "FILE",
          .help = "your secret key, made where there is none; by default in your own folder" },
        { .name = "role-key",
          .kind = CLI_TEXT,
          .text = &options.role_key,
          .value = "FILE",
          .help = "as --identity, but it must be there: the key that the server gives a role to" },
        { .name = "act",
          .kind = CLI_LIST,
          .list = &options.acts,
          .value = "THING.ACTION[=VALUE]",
          .help = "do this and wait how it ends, one after the other; a JSON line each, and failure unless "
                  "all were "
                  "confirmed" },
        { .name = "act-timeout",
          .kind = CLI_REAL,
          .real = &options.act_timeout,
          .minimum = 0.1,
          .maximum = 1e6,
          .value = "S",
          .help = "how long to wait for the end of each --act" },
        { .name = "list-things",
          .kind = CLI_FLAG,
          .flag = &options.list_things,
          .help = "print things with their values and actions as JSON lines, and leave" },
        { .name = "list-systems",
          .kind = CLI_FLAG,
          .flag = &options.list_systems,
          .help = "print the systems of the reference model that take part as JSON lines, and leave" },
        { .name = "known-hosts",
          .kind = CLI_TEXT,
          .text = &options.known_hosts,
          .value = "FILE",
          .help = "servers met so far and their public keys; by default in your own folder" },
        { .name = "server-key",
          .kind = CLI_TEXT,
          .text = &options.server_key,
          .value = "KEY",
          .help = "the server's public key (base64): only its owner will do" },
        { .name = "plaintext",
          .kind = CLI_FLAG,
          .flag = &options.plaintext,
          .help = "for debugging, with a server that does the same: neither encrypt nor authenticate" },
        { .name = "headless", .kind = CLI_FLAG, .flag = &options.headless, .help = "draw without a display" },
        { .name = "size",
          .kind = CLI_TEXT,
          .text = &options.size,
          .value = "WxH",
          .help = "pixels of the picture" },
        { .name = "camera",
          .kind = CLI_TEXT,
          .text = &options.camera,
          .value = "x,y,z,yaw,pitch",
          .help = "look from a fixed place: metres and degrees" },
        { .name = "orbit",
          .kind = CLI_FLAG,
          .flag = &options.orbit,
          .help = "begin with the camera behind the avatar" },
        { .name = "walk",
          .kind = CLI_TEXT,
          .text = &options.walk,
          .value = "\"x,z;x,z;…\"",
          .help = "walk along these points, metres, then stand" },
        { .name = "seconds",
          .kind = CLI_REAL,
          .real = &options.seconds,
          .minimum = 0,
          .maximum = 1e6,
          .value = "S",
          .help = "end after this long in the live world; 0: when asked to" },
        { .name = "frames",
          .kind = CLI_INTEGER,
          .integer = &options.frames,
          .minimum = 0,
          .maximum = 1e12,
          .value = "N",
          .help = "end after this many frames of the live world; 0: when asked to" },
        { .name = "shot",
          .kind = CLI_TEXT,
          .text = &options.shot,
          .value = "FILE.png",
          .help = "save the last frame as a picture" },
        { .name = "dump",
          .kind = CLI_TEXT,
          .text = &options.dump,
          .value = "FILE.json",
          .help = "save what the last frame showed" },
        { .name = "linger",
          .kind = CLI_REAL,
          .real = &options.linger,
          .minimum = 0,
          .maximum = 60,
          .value = "S",
          .help = "with --dump: stand in the world this long after the last frame, for others to see" },
        { .name = "profile",
          .kind = CLI_TEXT,
          .text = &options.profile,
          .value = "FILE",
          .help = "write at the end how long the parts of each frame took, for ui.perfetto.dev" },
        { .name = "fps-limit",
          .kind = CLI_REAL,
          .real = &options.fps_limit,
          .minimum = 0,
          .maximum = 1000,
          .value = "N",
          .help = "frames a second; 0: the display's rate, 30 when headless" },
        { .name = "quality",
          .kind = CLI_TEXT,
          .text = &options.quality,
          .value = "NAME",
          .help =
              "low, medium, high or ultra: edges and shadows; auto: high, low in a window without a GPU" },
        { .name = "scale",
          .kind = CLI_REAL,
          .real = &options.scale,
          .minimum = 0,
          .maximum = 4,
          .value = "X",
          .help = "size of text and panels; 0: the display's" },
        { .name = "no-ui",
          .kind = CLI_FLAG,
          .flag = &options.no_ui,
          .help = "begin without figures and labels" },
        { .name = "overlay",
          .kind = CLI_TEXT,
          .text = &options.overlay,
          .value = "NAMES",
          .help =
              "begin with these in sight, separated by ',': model (the systems at work), operate=THING (its "
              "actions)" },
        { .name = "log-level",
          .kind = CLI_TEXT,
          .text = &options.log_level,
          .value = "LEVEL",
          .help = "error, warning, info or debug" },
        { .name = "log-json", .kind = CLI_FLAG, .flag = &options.log_json, .help = "log as JSON lines" },
        { .name = "gl-debug",
          .kind = CLI_FLAG,
          .flag = &options.gl_debug,
          .help = "log what OpenGL has to say" },
        CONTROL_TABLE(KEY_OPTION)
    };
    const CliProgram program = {
        .name = "dtmv-client",
        .purpose = "walk through a shared world of digital twins",
        .options = table,
        .option_count = ARRAY_COUNT(table),
        .config_section = "client",
        .epilogue = "Keys are SDL scancode names, several separated by ','. F1 lists them in the window.",
    };
    Arena arena;
    Parsed parsed;
    Diag diag = { 0 };
    int exit_code = EXIT_CODE_OK;
    arena_init(&arena, 0);
    if (cli_start(&program, argc, argv, &arena, &exit_code)) {
        install_signals();
        bool valid = sodium_init() >= 0 && start_log(&options, &diag) == STATUS_OK &&
                     parse_options(&options, &parsed, &diag) == STATUS_OK;
        if (!valid) {
            exit_code = usage(&diag);
        } else if (profile_file_start(options.profile, &diag) != STATUS_OK) {
            usage(&diag);
            exit_code = EXIT_CODE_FAILURE;
        } else {
            exit_code = start(&options, &parsed);
            if (profile_file_finish(options.profile, "dtmv-client", &diag) != STATUS_OK) {
                usage(&diag);
                exit_code = exit_code == EXIT_CODE_OK ? EXIT_CODE_FAILURE : exit_code;
            }
        }
    }
    arena_finish(&arena);
    return exit_code;
}
