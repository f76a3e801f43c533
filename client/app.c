#include "client/app.h"

#include "client/app_state.h"
#include "client/dump.h"
#include "shared/base/log.h"
#include "shared/base/profile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX         30                 /* avatar steps caught up in one go: half a second */
#define LOST_SHOWN        (15 * TIME_SECOND) /* a window shows for this long that the server is lost */
#define WAITING_INTERVAL  (125 * TIME_MS)    /* between pictures while joining */
#define FRAME_SECONDS_MAX 0.25f

static void fail(App *app, int exit_code, const char *text)
{
    if (app->phase == APP_FAILED) {
        return;
    }
    snprintf(app->failure, sizeof app->failure, "%s", text);
    app->exit_code = exit_code;
    app->phase = APP_FAILED;
    operate_give_up(app, text, app->last_frame);
}

static Status create_devices(App *app, Diag *diag)
{
    const AppConfig *config = &app->config;
    PlatformConfig platform = { .title = "dtmv",
                                .width = config->width,
                                .height = config->height,
                                .headless = config->headless,
                                .vsync = config->vsync,
                                .debug = config->debug,
                                .keys = config->keys };
    Status status = platform_create(&platform, &app->platform, diag);
    if (status != STATUS_OK) {
        return status;
    }
    platform_poll(app->platform, &app->input);
    RendererConfig renderer = { .width = app->input.width,
                                .height = app->input.height,
                                .samples = config->samples,
                                .shadow_size = config->shadow_size,
                                .debug = config->debug };
    status = renderer_gl_create(&renderer, !config->headless, &app->renderer, diag);
    if (status != STATUS_OK) {
        return status;
    }
    UiConfig ui = { .sdl_window = platform_window(app->platform),
                    .scale = config->ui_scale > 0.0f ? config->ui_scale : app->input.scale };
    status = ui_create(&ui, &app->ui, diag);
    if (status == STATUS_OK) {
        platform_set_event_hook(app->platform, ui_handle_event, app->ui);
    }
    return status;
}

Status app_create(const AppConfig *config, Transport transport, TimeNs now, App **out_app, int *out_exit,
                  Diag *diag)
{
    App *app = calloc(1, sizeof *app);
    if (app == NULL) {
        *out_exit = EXIT_CODE_FAILURE;
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the client");
    }
    app->config = *config;
    app->live_since = app->next_step = app->last_frame = app->last_waiting = app->ended_at = TIME_NONE;
    app->started = now;
    app->source_speed.source_time = TIME_NONE;
    app->show_hud = app->show_labels = !config->hide_ui;
    view_init(&app->view, config->camera);
    if (config->orbit) {
        app->view.mode = VIEW_ORBIT;
    }
    if (config->walk != NULL) {
        app->walk = *config->walk;
        app->walks = true;
    }
    frame_stats_init(&app->stats);
    operate_init(app);
    *out_exit = EXIT_CODE_FAILURE;
    Status status = create_devices(app, diag);
    if (status == STATUS_OK) {
        SessionConfig session = { .host = config->host, .port = config->port, .name = config->name };
        *out_exit = EXIT_CODE_CONNECTION;
        status = session_create(&session, transport, now, &app->session, diag);
    }
    if (status != STATUS_OK) {
        app_destroy(app);
        return status;
    }
    *out_app = app;
    return STATUS_OK;
}

void app_destroy(App *app)
{
    if (app == NULL) {
        return;
    }
    session_destroy(app->session);
    if (app->loading_begun) {
        loading_finish(&app->loading);
    }
    operate_finish(app);
    ui_destroy(app->ui);
    renderer_destroy(app->renderer);
    platform_destroy(app->platform);
    free(app->picture);
    free(app->screenshot);
    free(app->dump);
    free(app->people);
    free(app->labels);
    free(app);
}

/* ---- joining ---- */

static void world_loaded(App *app, TimeNs now)
{
    const World *world = &app->loading.world;
    if (world_values_create(world, &app->loading.arena, &app->values) != STATUS_OK) {
        fail(app, EXIT_CODE_FAILURE, "no memory for the world's values");
        return;
    }
    log_info("client", "world '%s' loaded in %.2f s: %u things, %u objects, %u models", world->name,
             time_to_seconds(now - app->started), world->thing_count, world->object_count,
             app->loading.model_count);
    session_ready(app->session, world);
}

/* One step towards a world that can be shown. */
static void join(App *app, TimeNs now)
{
    const AssetSource *assets = session_assets(app->session);
    if (session_state(app->session) != SESSION_LOADING || assets == NULL) {
        return;
    }
    if (!app->loading_begun) {
        loading_begin(&app->loading, *assets, app->renderer);
        app->loading_begun = true;
    }
    Diag diag = { 0 };
    if (loading_step(&app->loading, &diag) != STATUS_OK) {
        char text[800];
        fail(app, EXIT_CODE_INPUT, diag_format(&diag, text, sizeof text));
    } else if (app->loading.complete) {
        world_loaded(app, now);
    }
}

static void check_session(App *app, TimeNs now)
{
    if (session_state(app->session) != SESSION_ENDED) {
        return;
    }
    bool was_live = app->phase == APP_LIVE;
    if (app->ended_at == TIME_NONE) {
        app->ended_at = now;
        log_error("client", "%s", session_reason(app->session));
    }
    /* Somebody may be looking at a window: the reason stays there for a while. */
    bool shown_long = app->stop || now - app->ended_at >= LOST_SHOWN;
    if (app->config.headless || !was_live || shown_long) {
        fail(app, EXIT_CODE_CONNECTION, session_reason(app->session));
    }
}

/* ---- the avatar ---- */

static void step_avatar(App *app, TimeNs now)
{
    AvatarInput input = { 0 };
    if (app->walks) {
        walk_step(&app->walk, &app->own, &input);
    } else {
        view_avatar_input(&app->view, &app->input, &input);
    }
    session_input(app->session, &input, now);
    app->own_before = app->own;
    if (session_own_avatar(app->session, &app->own) && app->walks) {
        view_follow(&app->view, &app->own);
    }
}

/* As many steps as are due. After a long pause the rest is let go: the server has filled it in. */
static void step_avatar_until(App *app, TimeNs now)
{
    if (!session_own_avatar(app->session, &app->own)) {
        return;
    }
    if (!app->own_known) {
        app->own_known = true;
        app->own_before = app->own;
        app->next_step = now;
        view_update(&app->view, &(PlatformInput){ 0 }, &app->own, 0.0f);
    }
    for (int steps = 0; app->next_step <= now && steps < STEPS_MAX; steps++) {
        step_avatar(app, app->next_step);
        app->next_step += AVATAR_STEP_NS;
    }
    if (app->next_step <= now) {
        app->next_step = now + AVATAR_STEP_NS;
    }
}

void app_service(App *app, TimeNs now)
{
    ProfileScope scope = profile_begin("update");
    session_update(app->session, now);
    if (app->phase == APP_LIVE) {
        step_avatar_until(app, now);
        session_flush(app->session, now);
    }
    profile_end(scope);
}

void app_linger(App *app, TimeNs now)
{
    session_update(app->session, now);
    for (int steps = 0; app->own_known && app->next_step <= now && steps < STEPS_MAX; steps++) {
        AvatarInput standing = { .yaw = app->own.yaw, .pitch = app->own.pitch };
        session_input(app->session, &standing, app->next_step);
        app->next_step += AVATAR_STEP_NS;
    }
    session_flush(app->session, now);
}

void app_leave(App *app, TimeNs now)
{
    session_leave(app->session, now);
}

/* The own avatar between its last two steps: as smooth as the display is fast. */
static void blend_own(App *app, TimeNs now)
{
    if (!app->own_known) {
        return;
    }
    float t = 1.0f - (float)time_to_seconds(app->next_step - now) * 60.0f;
    t = fminf(fmaxf(t, 0.0f), 1.0f);
    app->shown_own = app->own;
    for (int i = 0; i < 3; i++) {
        float before = app->own_before.position[i], after = app->own.position[i];
        app->shown_own.position[i] = fabsf(after - before) > 1.0f ? after : before + (after - before) * t;
    }
}

/* ---- drawing ---- */

static void *grow(void *array, uint32_t *capacity, uint32_t wanted, size_t size)
{
    if (wanted <= *capacity) {
        return array;
    }
    uint32_t larger = wanted < 64 ? 64 : wanted * 2;
    void *memory = realloc(array, larger * size);
    if (memory != NULL) {
        *capacity = larger;
    }
    return memory;
}

/* Everybody to draw: the others, and oneself unless one looks through one's own eyes. */
static void gather_people(App *app)
{
    uint32_t wanted = app->shown.avatar_count + 1;
    SessionAvatar *people = grow(app->people, &app->people_capacity, wanted, sizeof *people);
    app->people_count = 0;
    if (people == NULL) {
        return;
    }
    app->people = people;
    for (uint32_t i = 0; i < app->shown.avatar_count; i++) {
        people[app->people_count++] = app->shown.avatars[i];
    }
    if (app->own_known && app->view.mode != VIEW_FIRST_PERSON) {
        const AvatarState *own = &app->shown_own;
        people[app->people_count++] =
            (SessionAvatar){ .session = session_number(app->session),
                             .name = session_own_name(app->session),
                             .position = { own->position[0], own->position[1], own->position[2] },
                             .yaw = avatar_yaw_radians(own->yaw),
                             .pitch = (float)own->pitch * (6.2831853f / 65536.0f),
                             .speed = hypotf(own->velocity[0], own->velocity[1]) };
    }
}

/* Where shadows must be sharp: what is looked at, on the ground not far ahead. */
static void focus_shadow(const RenderCamera *camera, RenderEnvironment *environment)
{
    float slope = -sinf(camera->pitch), height = fmaxf(camera->position[1], 0.0f);
    float ahead = slope > 0.05f ? height / slope : 60.0f;
    ahead = fminf(fmaxf(ahead * cosf(camera->pitch), 6.0f), 60.0f);
    environment->shadow_focus[0] = camera->position[0] - sinf(camera->yaw) * ahead * 0.7f;
    environment->shadow_focus[1] = 0.0f;
    environment->shadow_focus[2] = camera->position[2] - cosf(camera->yaw) * ahead * 0.7f;
    environment->shadow_radius = fminf(fmaxf(ahead + height, 22.0f), 90.0f);
}

static void describe_environment(const Environment *world, RenderEnvironment *out)
{
    memcpy(out->sun_direction, world->sun_direction, sizeof out->sun_direction);
    memcpy(out->sun_color, world->sun_color, sizeof out->sun_color);
    memcpy(out->sky_zenith, world->sky_zenith, sizeof out->sky_zenith);
    memcpy(out->sky_horizon, world->sky_horizon, sizeof out->sky_horizon);
    memcpy(out->ground_bounce, world->ground_bounce, sizeof out->ground_bounce);
    memcpy(out->ground_color, world->ground_color, sizeof out->ground_color);
    out->sun_strength = world->sun_strength;
    out->ground_half = world->ground_half;
    out->grid = world->grid;
    out->fog_density = world->fog_density;
}

static void draw_scene(App *app, TimeNs now, float seconds)
{
    SceneInput input = { .snapshot = app->shown.snapshot,
                         .texts = session_texts(app->session),
                         .source_time = app->shown.source_time,
                         .seconds = time_to_seconds(now - app->started),
                         .dt = seconds,
                         .avatars = app->people,
                         .avatar_count = app->people_count };
    SceneView scene;
    ProfileScope scope = profile_begin("scene");
    scene_update(app->loading.scene, &input);
    scene_view(app->loading.scene, &scene);
    profile_end(scope);
    const AvatarState *own = app->own_known ? &app->shown_own : NULL;
    view_camera(&app->view, own, &app->loading.world, &app->camera);
    RenderFrame frame = { .camera = app->camera,
                          .instances = scene.instances,
                          .instance_count = scene.instance_count,
                          .lamps = scene.lamps,
                          .lamp_count = scene.lamp_count };
    operate_lamps(app, &scene, &frame);
    describe_environment(&app->loading.world.environment, &frame.environment);
    focus_shadow(&app->camera, &frame.environment);
    scope = profile_begin("draw");
    renderer_draw(app->renderer, &frame);
    profile_end(scope);
}

/* A quiet sky while there is no world. */
static void draw_waiting(App *app)
{
    RenderFrame frame = { .camera = { .position = { 0, 2, 0 } },
                          .environment = { .sun_direction = { 0.4f, 0.8f, 0.45f },
                                           .sun_color = { 1, 0.95f, 0.85f },
                                           .sun_strength = 1,
                                           .sky_zenith = { 0.03f, 0.07f, 0.16f },
                                           .sky_horizon = { 0.16f, 0.22f, 0.30f },
                                           .ground_bounce = { 0.05f, 0.05f, 0.05f },
                                           .ground_color = { 0.06f, 0.07f, 0.09f },
                                           .ground_half = 400,
                                           .fog_density = 0.012f } };
    renderer_draw(app->renderer, &frame);
}

static uint8_t *read_picture(App *app, uint32_t *out_width, uint32_t *out_height)
{
    size_t size = (size_t)app->input.width * app->input.height * 4;
    uint8_t *pixels = malloc(size);
    if (pixels == NULL || renderer_read_pixels(app->renderer, pixels, size) != STATUS_OK) {
        log_error("client", "the picture could not be read back");
        free(pixels);
        return NULL;
    }
    *out_width = app->input.width;
    *out_height = app->input.height;
    return pixels;
}

static void make_dump(App *app)
{
    SessionView *shown = &app->shown;
    frame_stats_renew(&app->stats);
    world_values_fill(&app->values, shown->snapshot);
    DumpFrame frame = { .world = &app->loading.world,
                        .values = &app->values,
                        .texts = session_texts(app->session),
                        .operations = session_operations(app->session),
                        .server_time = shown->server_time,
                        .source_time = shown->source_time,
                        .avatars = shown->avatars,
                        .avatar_count = shown->avatar_count,
                        .own_name = session_own_name(app->session),
                        .session = session_number(app->session),
                        .own = app->own_known ? &app->own : NULL,
                        .net = session_stats(app->session),
                        .frame_count = app->live_frames,
                        .cpu_ms_p50 = app->stats.p50,
                        .cpu_ms_p99 = app->stats.p99 };
    if (dump_format(&frame, &app->dump, &app->dump_size) != STATUS_OK) {
        log_error("client", "no memory for the dump");
    }
}

static void take_keys(App *app)
{
    const bool *pressed = app->input.pressed;
    app->show_hud ^= pressed[CONTROL_HUD];
    app->show_labels ^= pressed[CONTROL_LABELS];
    app->show_help ^= pressed[CONTROL_HELP];
    app->stop = app->stop || app->input.quit || pressed[CONTROL_QUIT];
    if (app->input.resized) {
        renderer_resize(app->renderer, app->input.width, app->input.height);
    }
}

static void enter_world(App *app, TimeNs now)
{
    char title[200];
    snprintf(title, sizeof title, "%s - dtmv", app->loading.world.title);
    platform_set_title(app->platform, title);
    app->phase = APP_LIVE;
    app->live_since = now;
    step_avatar_until(app, now); /* the first frame shows where one stands, too */
    log_info("client", "live after %.2f s as '%s'", time_to_seconds(now - app->started),
             session_own_name(app->session));
}

/* What is to be shown now, or false while there is nothing. */
static bool look_at_session(App *app, TimeNs now)
{
    if (!app->loading.complete) {
        return false;
    }
    SessionView view;
    ProfileScope scope = profile_begin("view");
    session_view(app->session, now, &view);
    profile_end(scope);
    app->shown = view;
    if (view.valid && app->phase == APP_JOINING) {
        enter_world(app, now);
    }
    return app->shown.valid;
}

static bool is_last_frame(const App *app, TimeNs now)
{
    if (app->stop) {
        return true;
    }
    if (app->phase != APP_LIVE) {
        return false;
    }
    if (app->config.duration <= 0 && app->config.frames == 0 && operate_script_done(app, now)) {
        return true;
    }
    return (app->config.duration > 0 && now - app->live_since >= app->config.duration) ||
           (app->config.frames > 0 && app->live_frames >= app->config.frames);
}

/* While joining, the picture only tells how far it is: it must not hold up what is loaded, and nobody looks
 * at it without a window. */
static bool may_draw(App *app, TimeNs now, bool world)
{
    if (world) {
        return true;
    }
    if (app->config.headless && !app->stop) {
        return false;
    }
    if (app->last_waiting != TIME_NONE && now - app->last_waiting < WAITING_INTERVAL && !app->stop) {
        return false;
    }
    app->last_waiting = now;
    return true;
}

static void draw_ui(App *app, float seconds)
{
    ProfileScope scope = profile_begin("ui");
    ui_begin(app->ui, app->input.width, app->input.height, seconds);
    overlay_describe(app);
    ui_render(app->ui);
    profile_end(scope);
}

static void draw_frame(App *app, TimeNs now, bool world, float seconds)
{
    if (world) {
        view_update(&app->view, &app->input, app->own_known ? &app->own : NULL, seconds);
        blend_own(app, now);
        gather_people(app);
        draw_scene(app, now, seconds);
        app->live_frames++;
    } else {
        draw_waiting(app);
    }
    draw_ui(app, seconds);
}

static void present(App *app)
{
    ProfileScope scope = profile_begin("present");
    platform_present(app->platform);
    profile_end(scope);
}

/* What the user does, and what the window says. */
static void take_input(App *app, TimeNs now)
{
    ProfileScope scope = profile_begin("input");
    platform_poll(app->platform, &app->input);
    operate_input(app, now);
    take_keys(app);
    profile_end(scope);
}

static AppPhase run_frame(App *app, TimeNs now)
{
    if (app->phase == APP_DONE || app->phase == APP_FAILED) {
        return app->phase;
    }
    float seconds = app->last_frame == TIME_NONE ? 0.0f : (float)time_to_seconds(now - app->last_frame);
    seconds = fminf(seconds, FRAME_SECONDS_MAX);
    app->last_frame = now;
    take_input(app, now);
    app_service(app, now);
    join(app, now);
    check_session(app, now);
    if (app->phase == APP_FAILED) {
        return app->phase;
    }
    bool world = look_at_session(app, now);
    if (world) {
        operate_update(app, now);
    }
    if (!may_draw(app, now, world)) {
        return app->phase;
    }
    draw_frame(app, now, world, seconds);
    bool last = is_last_frame(app, now);
    if (last) {
        operate_give_up(app, "the client left before it ended", now);
    }
    if (last && app->config.want_picture &&
        !app->config.headless) { /* headless, the frame stays: app_picture */
        app->picture = read_picture(app, &app->picture_width, &app->picture_height);
    }
    if (last && app->config.want_dump && world) {
        make_dump(app);
    }
    if (app->input.pressed[CONTROL_SCREENSHOT]) {
        free(app->screenshot);
        app->screenshot = read_picture(app, &app->screenshot_width, &app->screenshot_height);
    }
    present(app);
    app->phase = last ? APP_DONE : app->phase;
    return app->phase;
}

AppPhase app_frame(App *app, TimeNs now)
{
    ProfileScope scope = profile_begin("frame");
    AppPhase phase = run_frame(app, now);
    profile_end(scope);
    return phase;
}

bool app_busy(App *app)
{
    return ui_busy(app->ui);
}

void app_note_cpu(App *app, TimeNs now, TimeNs cpu)
{
    if (app->phase == APP_JOINING) {
        return;
    }
    frame_stats_add(&app->stats, now, cpu);
    double seconds = time_to_seconds(now - app->started);
    if (seconds - app->stats_renewed >= 0.5) {
        frame_stats_renew(&app->stats);
        app->stats_renewed = seconds;
    }
}

void app_stop(App *app)
{
    app->stop = true;
}

bool app_acts_confirmed(const App *app)
{
    return act_runner_all_confirmed(&app->operate.runner);
}

const char *app_failure(const App *app)
{
    return app->failure;
}

int app_exit_code(const App *app)
{
    return app->exit_code;
}

const uint8_t *app_picture(App *app, uint32_t *out_width, uint32_t *out_height)
{
    if (app->config.headless && app->config.want_picture && app->phase == APP_DONE && app->picture == NULL) {
        app->picture = read_picture(app, &app->picture_width, &app->picture_height);
    }
    *out_width = app->picture_width;
    *out_height = app->picture_height;
    return app->picture;
}

const char *app_dump(const App *app, size_t *out_size)
{
    *out_size = app->dump_size;
    return app->dump;
}

uint8_t *app_take_screenshot(App *app, uint32_t *out_width, uint32_t *out_height)
{
    uint8_t *taken = app->screenshot;
    *out_width = app->screenshot_width;
    *out_height = app->screenshot_height;
    app->screenshot = NULL;
    return taken;
}
