/* operate_panels.c - the words in the panels about what is done to things. */
#include "client/app_state.h"
#include "client/scene/pick.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TOASTS_MAX  3u
#define TOAST_SHOWN (7 * TIME_SECOND) /* after the end of a command */
#define NEWS_MAX    8u
#define ROWS_MAX    64u

static const Operations *operations_of(const App *app)
{
    return session_operations(app->session);
}

static const char *thing_title(const App *app, uint32_t thing)
{
    return app->loading.world.things[thing].title;
}

static void describe_news(App *app)
{
    const Operations *operations = operations_of(app);
    UiNews news[NEWS_MAX];
    uint32_t count = 0;
    for (int severity = WIRE_CRITICAL; severity >= WIRE_WARNING; severity--) {
        for (uint32_t i = 0; i < operations->alarm_count && count < NEWS_MAX; i++) {
            const AlarmMessage *alarm = &operations->alarms[i];
            if (alarm->severity == severity) {
                news[count++] =
                    (UiNews){ .kind = severity == WIRE_CRITICAL ? UI_NEWS_CRITICAL : UI_NEWS_WARNING,
                              .title =
                                  operate_say(app, "%s: %s", thing_title(app, alarm->thing), alarm->rule),
                              .text = operate_say(app, "%s (%s)", alarm->text, alarm->service) };
            }
        }
    }
    for (uint32_t i = operations->command_count; i-- > 0 && count < NEWS_MAX;) {
        const SessionCommand *command = &operations->commands[i];
        if (!command->own && !wire_command_final(command->state)) {
            const char *wish = operate_wish_text(app, command);
            news[count++] = (UiNews){
                .kind = UI_NEWS_WISH,
                .title = operate_say(app, "%s operates %s", operate_who(command),
                                     thing_title(app, command->asked.thing)),
                .text = operate_say(app, "%s%s%s, %s for %.0f s", operate_action_title(app, command),
                                    wish[0] != '\0' ? " \xE2\x86\x92 " : "", wish,
                                    wire_command_text(command->state), floor(operate_seconds(app, command)))
            };
        }
    }
    ui_news(app->ui, news, count);
}

/* ---- feedback to who asked ---- */

static const char *progress_text(App *app, const SessionCommand *command)
{
    double seconds = floor(operate_seconds(app, command));
    switch (command->state) {
    case WIRE_COMMAND_NONE:
        return session_state(app->session) == SESSION_AWAY
                   ? operate_say(app, "waits for the connection, %.0f s", seconds)
                   : operate_say(app, "asked, waiting for the answer, %.0f s", seconds);
    case WIRE_COMMAND_AUTHORISED:
        return operate_say(app, "authorised, waiting for the device, %.0f s", seconds);
    case WIRE_COMMAND_ACCEPTED:
        return operate_say(app, "taken by the device, waiting for a reported value, %.0f s", seconds);
    default:
        break;
    }
    double took = time_to_seconds(command->changed - command->began);
    const char *reason = command->reason[0] != '\0' ? ": " : "";
    return operate_say(app, "%s after %.1f s%s%s", wire_command_text(command->state), took, reason,
                       command->reason);
}

static void describe_toasts(App *app)
{
    const Operations *operations = operations_of(app);
    UiToast toasts[TOASTS_MAX];
    uint32_t count = 0;
    for (uint32_t i = operations->command_count; i-- > 0 && count < TOASTS_MAX;) {
        const SessionCommand *command = &operations->commands[i];
        bool final = wire_command_final(command->state);
        if (!command->own || (final && app->last_frame - command->changed >= TOAST_SHOWN)) {
            continue;
        }
        const char *wish = operate_wish_text(app, command);
        toasts[count++] =
            (UiToast){ .kind = !final                                     ? UI_TOAST_WAITING
                               : command->state == WIRE_COMMAND_CONFIRMED ? UI_TOAST_DONE
                                                                          : UI_TOAST_NOT_DONE,
                       .title = operate_say(app, "%s: %s%s%s", thing_title(app, command->asked.thing),
                                            operate_action_title(app, command),
                                            wish[0] != '\0' ? " \xE2\x86\x92 " : "", wish),
                       .text = progress_text(app, command) };
    }
    ui_toasts(app->ui, toasts, count);
}

/* ---- the panel of actions ---- */

static const char *row_note(App *app, const ActionMenu *menu, uint32_t action)
{
    ActionMenu of = *menu;
    char range[96];
    of.selected = action;
    action_menu_range(&of, &app->loading.world, range, sizeof range);
    return operate_say(app, "%s", range);
}

static void describe_menu(App *app)
{
    ActionMenu *menu = &app->operate.menu;
    const World *world = &app->loading.world;
    const Thing *thing = &world->things[menu->thing];
    const Action *action = &thing->model->actions[menu->selected];
    UiMenuRow rows[ROWS_MAX];
    char range[96], sentence[256];
    UiMenu shown = { .title = thing->title,
                     .unit = "",
                     .note = "",
                     .complaint = "",
                     .mouse_x = app->input.mouse_x,
                     .mouse_y = app->input.mouse_y };
    if (menu->step == MENU_LIST) {
        uint32_t count = thing->model->action_count < ROWS_MAX ? thing->model->action_count : ROWS_MAX;
        for (uint32_t i = 0; i < count; i++) {
            rows[i] = (UiMenuRow){ thing->model->actions[i].title, row_note(app, menu, i) };
        }
        shown.heading = "What is to be done?";
        shown.rows = rows;
        shown.row_count = count;
        shown.selected = menu->selected;
        shown.keys = "Up and Down choose  \xC2\xB7  Enter takes  \xC2\xB7  Esc closes";
    } else if (menu->step == MENU_VALUE) {
        shown.heading = action->title;
        shown.value = menu->value;
        shown.unit = scene_unit(action->input_unit);
        shown.note = action_menu_range(menu, world, range, sizeof range);
        shown.complaint = menu->complaint;
        shown.button = "Go on";
        shown.keys =
            "Type, or arrows and + / \xE2\x88\x92 change  \xC2\xB7  Enter goes on  \xC2\xB7  Esc goes back";
    } else {
        shown.heading = action->emergency ? "This stops whatever is under way on it" : "Is this to be done?";
        shown.question = action_menu_sentence(menu, world, sentence, sizeof sentence);
        shown.button = "Do it";
        shown.keys = "Enter does it  \xC2\xB7  Esc goes back";
    }
    app->operate.under = ui_menu(app->ui, &shown);
}

/* What the person looks at, for the next press of the key. */
static void look_for_object(App *app)
{
    const RenderCamera *camera = &app->camera;
    bool orbit = app->view.mode == VIEW_ORBIT, known = app->own_known;
    float pitch = orbit ? 0.0f : camera->pitch;
    PickRay ray = { .eye = { camera->position[0], camera->position[1], camera->position[2] },
                    .direction = { -sinf(camera->yaw) * cosf(pitch), sinf(pitch),
                                   -cosf(camera->yaw) * cosf(pitch) },
                    .stand = { camera->position[0], camera->position[2] } };
    if (app->view.mode != VIEW_FIXED && known) {
        ray.stand[0] = app->shown_own.position[0];
        ray.stand[1] = app->shown_own.position[2];
    }
    if (orbit && known) {
        memcpy(ray.eye, app->shown_own.position, sizeof ray.eye);
        ray.eye[1] += AVATAR_EYE_HEIGHT;
    }
    app->operate.picked = pick_object(&app->loading.world, &ray);
}

static const char *operate_key(const App *app, char *out, size_t size)
{
    const char *own = app->config.keys != NULL ? app->config.keys[CONTROL_OPERATE] : NULL;
    const char *keys = own != NULL ? own : control_default_keys(CONTROL_OPERATE);
    snprintf(out, size, "%.*s", (int)strcspn(keys, ","), keys);
    return out;
}

/* ---- the systems at work ---- */

static void describe_model(App *app)
{
    const SessionSystems *systems = &operations_of(app)->systems;
    char line[700] = "";
    size_t used = 0;
    for (uint32_t i = 1; i < systems->system_count && used < sizeof line; i++) {
        const SystemMessage *system = &systems->systems[i];
        const char *gap = used > 0 ? "    \xC2\xB7    " : "";
        int size = 0;
        if (system->kind == WIRE_SYSTEM_TWIN) {
            size =
                snprintf(line + used, sizeof line - used,
                         "%sMII  metaverse \xE2\x86\x90 enabler \xE2\x86\x90 DII  %s (twin)  %s  sync %u/s  "
                         "grant %s",
                         gap, system->name, system->up ? "up" : "down", (unsigned)system->syncs,
                         system->rights & WIRE_RIGHT_READ ? "read" : "none");
        } else if (system->kind == WIRE_SYSTEM_SERVICE) {
            size = snprintf(line + used, sizeof line - used,
                            "%sMII \xE2\x86\x90 enabler \xE2\x86\x90 SII  %s (service)  %s", gap,
                            system->name, system->up ? "up" : "down");
        }
        used += size > 0 ? (size_t)size : 0;
    }
    if (systems->system_count == 0) {
        snprintf(line, sizeof line, "asking the server\xE2\x80\xA6");
    } else if (used == 0) {
        snprintf(line, sizeof line, "%s",
                 systems->systems[0].reason[0] != '\0' ? systems->systems[0].reason
                                                       : "no twin system has been found yet");
    }
    ui_model_line(app->ui, line);
}

void operate_describe(App *app)
{
    char key[32];
    if (app->operate.show_model) {
        describe_model(app);
    }
    describe_toasts(app);
    if (app->show_hud) {
        describe_news(app);
    }
    look_for_object(app);
    if (app->operate.menu.step != MENU_CLOSED) {
        describe_menu(app);
    } else if (app->operate.picked < app->loading.world.object_count && app->show_labels &&
               operate_key(app, key, sizeof key)[0] != '\0') {
        const Object *object = &app->loading.world.objects[app->operate.picked];
        ui_hint(app->ui, key, operate_say(app, "operate %s", thing_title(app, object->thing)));
    }
}
