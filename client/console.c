#include "client/console.h"

#include "client/dump.h"
#include "client/listing.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_LIMIT  ((size_t)1 << 30) /* of the world and its values */
#define SETTLE       (TIME_SECOND / 2) /* after the last action, so that what confirmed it is shown */
#define ASK_INTERVAL (3 * TIME_SECOND / 2)
#define ASK_PATIENCE (5 * TIME_SECOND) /* for the list of systems; things are listed without it then */
#define STEPS_MAX    30
#define LINES_MAX    64 /* actions that may end in one update */

struct Console {
    ConsoleConfig config;
    ConsolePhase phase;
    Session *session;
    Arena arena;
    World world;
    WorldValues values;
    ActRunner runner;
    SessionView shown;
    TimeNs next_step, settled_at, asked_at; /* TIME_NONE before */
    char failure[800];
    int exit_code;
    char *dump;
    size_t dump_size;
};

Status console_create(const ConsoleConfig *config, Transport transport, TimeNs now, Console **out_console,
                      Diag *diag)
{
    Console *console = calloc(1, sizeof *console);
    if (console == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the client");
    }
    const SessionConfig session = { .host = config->host, .port = config->port, .name = config->name };
    Status status = session_create(&session, transport, now, &console->session, diag);
    if (status != STATUS_OK) {
        free(console);
        return status;
    }
    console->config = *config;
    console->next_step = console->settled_at = console->asked_at = TIME_NONE;
    console->runner = (ActRunner){ .acts = config->acts,
                                   .count = config->act_count,
                                   .timeout = config->act_timeout,
                                   .fill = config->fill,
                                   .context = config->context };
    arena_init(&console->arena, ARENA_LIMIT);
    *out_console = console;
    return STATUS_OK;
}

void console_destroy(Console *console)
{
    if (console == NULL) {
        return;
    }
    session_destroy(console->session);
    arena_finish(&console->arena);
    free(console->dump);
    free(console);
}

static void give_up(Console *console, const char *reason, TimeNs now)
{
    const char *line;
    while ((line = act_runner_give_up(&console->runner, reason, now)) != NULL) {
        console->config.print(console->config.context, line);
    }
}

static void fail(Console *console, int exit_code, const char *text, TimeNs now)
{
    console->phase = CONSOLE_FAILED;
    console->exit_code = exit_code;
    snprintf(console->failure, sizeof console->failure, "%s", text);
    give_up(console, console->failure, now);
}

/* The world's files are here: what is in them, but for models, which nobody will see. */
static void load(Console *console, TimeNs now)
{
    Diag diag = { 0 };
    char text[800];
    const AssetSource *assets = session_assets(console->session);
    Status status = world_load(*assets, &console->arena, &console->world, &diag);
    if (status == STATUS_OK) {
        status = world_values_create(&console->world, &console->arena, &console->values);
    }
    if (status != STATUS_OK) {
        fail(console, EXIT_CODE_INPUT, diag_format(&diag, text, sizeof text), now);
        return;
    }
    session_ready(console->session, &console->world);
}

/* Others see somebody who stands. */
static void stand(Console *console, TimeNs now)
{
    AvatarState own;
    if (!session_own_avatar(console->session, &own)) {
        return;
    }
    console->next_step = console->next_step == TIME_NONE ? now : console->next_step;
    for (int steps = 0; console->next_step <= now && steps < STEPS_MAX; steps++) {
        const AvatarInput standing = { .yaw = own.yaw, .pitch = own.pitch };
        session_input(console->session, &standing, console->next_step);
        console->next_step += AVATAR_STEP_NS;
    }
    console->next_step = console->next_step <= now ? now + AVATAR_STEP_NS : console->next_step;
}

void console_linger(Console *console, TimeNs now)
{
    session_update(console->session, now);
    stand(console, now);
    session_flush(console->session, now);
}

/* False while the answer is still to come. */
static bool know_systems(Console *console, TimeNs now)
{
    const ConsoleConfig *config = &console->config;
    if (!config->list_things && !config->list_systems && !config->want_dump) {
        return true;
    }
    if (session_operations(console->session)->answers > 0 || now - console->settled_at >= ASK_PATIENCE) {
        return true;
    }
    if (console->asked_at == TIME_NONE || now - console->asked_at >= ASK_INTERVAL) {
        console->asked_at = now;
        session_ask_systems(console->session);
    }
    return false;
}

static void print_line(Console *console, json_t *json)
{
    char *line = listing_line(json);
    if (line != NULL) {
        console->config.print(console->config.context, line);
    }
    free(line);
}

static void list(Console *console)
{
    const Operations *operations = session_operations(console->session);
    const ListingSource source = { .world = &console->world,
                                   .values = &console->values,
                                   .texts = session_texts(console->session),
                                   .operations = operations,
                                   .server_time = console->shown.server_time,
                                   .source_time = console->shown.source_time };
    for (uint32_t i = 0; console->config.list_things && i < console->world.thing_count; i++) {
        print_line(console, listing_thing(&source, i));
    }
    for (uint32_t i = 0; console->config.list_systems && i < operations->systems.system_count; i++) {
        print_line(console, listing_system(&operations->systems.systems[i]));
    }
}

static Status make_dump(Console *console)
{
    AvatarState own;
    bool known = session_own_avatar(console->session, &own);
    const SessionView *shown = &console->shown;
    const DumpFrame frame = { .world = &console->world,
                              .values = &console->values,
                              .texts = session_texts(console->session),
                              .operations = session_operations(console->session),
                              .server_time = shown->server_time,
                              .source_time = shown->source_time,
                              .avatars = shown->avatars,
                              .avatar_count = shown->avatar_count,
                              .own_name = session_own_name(console->session),
                              .session = session_number(console->session),
                              .own = known ? &own : NULL,
                              .net = session_stats(console->session) };
    return dump_format(&frame, &console->dump, &console->dump_size);
}

static void finish(Console *console, TimeNs now)
{
    list(console);
    if (console->config.want_dump && make_dump(console) != STATUS_OK) {
        fail(console, EXIT_CODE_FAILURE, "no memory for the dump", now);
        return;
    }
    if (console->config.list_systems && session_operations(console->session)->answers == 0) {
        fail(console, EXIT_CODE_FAILURE, "the server did not say which systems there are", now);
        return;
    }
    console->phase = CONSOLE_DONE;
    console->exit_code = act_runner_all_confirmed(&console->runner) ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static void go_on(Console *console, TimeNs now)
{
    for (int i = 0; i < LINES_MAX; i++) {
        const char *line = act_runner_update(&console->runner, console->session, &console->world, now);
        if (line == NULL) {
            break;
        }
        console->config.print(console->config.context, line);
    }
    if (!act_runner_done(&console->runner)) {
        return;
    }
    console->settled_at = console->settled_at == TIME_NONE ? now : console->settled_at;
    TimeNs settle = console->config.act_count > 0 ? SETTLE : 0;
    if (now - console->settled_at >= settle && know_systems(console, now)) {
        world_values_fill(&console->values, console->shown.snapshot);
        finish(console, now);
    }
}

ConsolePhase console_update(Console *console, TimeNs now)
{
    if (console->phase != CONSOLE_RUNNING) {
        return console->phase;
    }
    console_linger(console, now);
    if (session_state(console->session) == SESSION_ENDED) {
        fail(console, EXIT_CODE_CONNECTION, session_reason(console->session), now);
        return console->phase;
    }
    if (session_state(console->session) == SESSION_LOADING && session_assets(console->session) != NULL) {
        load(console, now);
    }
    session_view(console->session, now, &console->shown);
    if (console->phase == CONSOLE_RUNNING && console->shown.valid) {
        go_on(console, now);
    }
    return console->phase;
}

void console_leave(Console *console, TimeNs now)
{
    give_up(console, "the client left before it ended", now);
    session_leave(console->session, now);
}

const char *console_failure(const Console *console)
{
    return console->failure;
}

int console_exit_code(const Console *console)
{
    return console->exit_code;
}

const char *console_dump(const Console *console, size_t *out_size)
{
    *out_size = console->dump_size;
    return console->dump;
}
