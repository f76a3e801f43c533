/* overlay.c - what the panels and labels say in this frame. */
#include "client/app_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEED_WINDOW (2 * TIME_SECOND) /* that the source's speed is measured over */
#define TEXT_SIZE    256

/* Days since 1970-01-01 to a date of the Gregorian calendar, by eras of 400 years. */
static void civil_date(int64_t days, int *out_year, int *out_month, int *out_day)
{
    days += 719468; /* to 0000-03-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    *out_day = (int)(of_year - (153 * month + 2) / 5 + 1);
    *out_month = (int)(month < 10 ? month + 3 : month - 9);
    *out_year = (int)(year + era * 400 + (*out_month <= 2));
}

static void source_time_text(TimeNs time, char *out, size_t size)
{
    if (time == TIME_NONE) {
        snprintf(out, size, "none yet");
        return;
    }
    const int64_t day_ns = 24 * 60 * TIME_MINUTE;
    int64_t days = time / day_ns - (time % day_ns < 0);
    int64_t rest = time - days * day_ns;
    int year, month, day;
    civil_date(days, &year, &month, &day);
    snprintf(out, size, "%04d-%02d-%02d %02d:%02d:%02d.%d", year, month, day,
             (int)(rest / (60 * TIME_MINUTE)), (int)(rest / TIME_MINUTE % 60), (int)(rest / TIME_SECOND % 60),
             (int)(rest / (100 * TIME_MS) % 10));
}

static void measure_speed(SourceSpeed *speed, const SessionView *shown)
{
    if (shown->source_time == TIME_NONE) {
        speed->source_time = TIME_NONE;
        return;
    }
    TimeNs server = shown->server_time - speed->server_time;
    bool again = speed->source_time == TIME_NONE || shown->source_time < speed->source_time || server < 0;
    if (!again && server >= TIME_SECOND / 2) {
        speed->speed = (double)(shown->source_time - speed->source_time) / (double)server;
    }
    if (again || server >= SPEED_WINDOW) {
        speed->server_time = shown->server_time;
        speed->source_time = shown->source_time;
    }
}

static const char *model_element(const App *app, const SceneView *scene)
{
    if (app->phase == APP_JOINING) {
        return session_assets(app->session) == NULL
                   ? "Y.4239 \xC2\xA7"
                     "7 metaverse system \xE2\x86\x90 model delivery (MII model exchange)"
                   : "Y.4239 \xC2\xA7"
                     "7 metaverse system: binding models to virtual objects";
    }
    if (app->shown.source_time == TIME_NONE) {
        return "Y.4239 \xC2\xA7"
               "7 physical integration: waiting for the first MII synchronisation";
    }
    return scene->things_stale + scene->things_bad > 0
               ? "Y.4239 \xC2\xA7"
                 "7 physical integration \xE2\x86\x90 MII synchronisation \xC2\xB7 some things have fallen "
                 "silent"
               : "Y.4239 \xC2\xA7"
                 "7 physical integration \xE2\x86\x90 MII synchronisation";
}

static const char *state_text(SessionState state)
{
    return state == SESSION_ENDED ? "disconnected" : state == SESSION_AWAY ? "reconnecting" : "connected";
}

static void describe_hud(App *app, const SceneView *scene)
{
    SessionStats net = session_stats(app->session);
    double frame = app->stats.frame_seconds;
    char server[TEXT_SIZE], source[TEXT_SIZE];
    snprintf(server, sizeof server, "%s:%u", app->config.host, app->config.port);
    source_time_text(app->shown.source_time, source, sizeof source);
    measure_speed(&app->source_speed, &app->shown);
    bool dated = scene->newest_source_time != TIME_NONE && app->shown.source_time != TIME_NONE;
    UiHud hud = { .world = app->loading.world.title,
                  .server = server,
                  .camera_mode = view_mode_text(app->view.mode),
                  .fps = frame > 0.0 ? 1.0 / frame : 0.0,
                  .frame_ms = frame * 1e3,
                  .cpu_ms_p50 = app->stats.p50,
                  .cpu_ms_p99 = app->stats.p99,
                  .round_trip_ms = net.round_trip_ms,
                  .bytes_per_s = net.bytes_per_s,
                  .delay_ms = net.delay_ms,
                  .people = app->shown.avatar_count + (app->own_known ? 1 : 0),
                  .things = scene->things,
                  .things_stale = scene->things_stale,
                  .things_bad = scene->things_bad,
                  .alarms = scene->alarms,
                  .service_alarms = session_operations(app->session)->alarm_count,
                  .commands = operate_pending_count(app),
                  .source_time = source,
                  .source_speed = app->source_speed.speed,
                  .newest_age_s =
                      dated ? time_to_seconds(app->shown.source_time - scene->newest_source_time) : INFINITY,
                  .state = state_text(session_state(app->session)),
                  .connected = session_state(app->session) == SESSION_LIVE,
                  .model_element = model_element(app, scene) };
    ui_hud(app->ui, &hud);
}

static bool grow_labels(App *app, uint32_t wanted)
{
    if (wanted > app->label_capacity) {
        UiLabel *labels = realloc(app->labels, wanted * sizeof *labels);
        if (labels == NULL) {
            return false;
        }
        app->labels = labels;
        app->label_capacity = wanted;
    }
    return true;
}

static void describe_labels(App *app, const SceneView *scene)
{
    uint32_t count = 0;
    if (scene->label_count == 0 || !grow_labels(app, scene->label_count)) {
        return;
    }
    for (uint32_t i = 0; i < scene->label_count; i++) {
        const SceneLabel *label = &scene->labels[i];
        UiLabel *out = &app->labels[count];
        *out = (UiLabel){ .id = label->id,
                          .title = label->title,
                          .badge = label->badge,
                          .blink = label->blink,
                          .lines = label->lines,
                          .line_count = label->line_count };
        memcpy(out->accent, label->accent, sizeof out->accent);
        operate_label(app, label, out);
        count += render_camera_project(&app->camera, app->input.width, app->input.height, label->anchor,
                                       &out->x, &out->y, &out->depth);
    }
    ui_labels(app->ui, app->labels, count);
}

static void describe_names(App *app, const SceneView *scene)
{
    for (uint32_t i = 0; i < scene->name_count; i++) {
        const SceneName *name = &scene->names[i];
        float x, y, depth;
        if (render_camera_project(&app->camera, app->input.width, app->input.height, name->anchor, &x, &y,
                                  &depth)) {
            ui_name_tag(app->ui, x, y, depth, name->name, name->color);
        }
    }
}

static void describe_help(App *app)
{
    UiKey keys[CONTROL_COUNT];
    uint32_t count = 0;
    for (int i = 0; i < CONTROL_COUNT; i++) {
        const char *own = app->config.keys != NULL ? app->config.keys[i] : NULL;
        const char *text = own != NULL ? own : control_default_keys((Control)i);
        if (text[0] != '\0') {
            keys[count++] = (UiKey){ text, control_text((Control)i) };
        }
    }
    ui_help(app->ui, keys, count);
}

static void describe_joining(App *app)
{
    char text[TEXT_SIZE];
    const char *world = session_world_name(app->session);
    if (session_state(app->session) == SESSION_CONNECTING) {
        snprintf(text, sizeof text, "%s:%u", app->config.host, app->config.port);
        ui_notice(app->ui, "Connecting", text, -1.0f, false);
    } else if (session_assets(app->session) == NULL) {
        snprintf(text, sizeof text, "Receiving the world '%s'", world);
        ui_notice(app->ui, "Joining", text, session_progress(app->session), false);
    } else {
        snprintf(text, sizeof text, "Preparing the models of '%s'", world);
        ui_notice(app->ui, "Joining", text, loading_progress(&app->loading), false);
    }
}

void overlay_describe(App *app)
{
    SceneView scene = { 0 };
    operate_begin(app);
    if (app->phase == APP_LIVE) {
        scene_view(app->loading.scene, &scene);
        if (app->show_labels) {
            describe_labels(app, &scene);
            describe_names(app, &scene);
        }
        if (app->show_hud) {
            describe_hud(app, &scene);
        }
        operate_describe(app);
    } else {
        describe_joining(app);
    }
    if (app->show_help) {
        describe_help(app);
    }
    if (session_state(app->session) == SESSION_AWAY && app->phase == APP_LIVE) {
        ui_notice(app->ui, "Connection lost, reconnecting", "What is shown is the last that was heard.",
                  -1.0f, false);
    }
    if (app->ended_at != TIME_NONE) {
        ui_notice(app->ui, "The connection is gone", session_reason(app->session), -1.0f, true);
    }
}
