#include "client/operate.h"

#include "client/app_state.h"
#include "client/scene/pick.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE       (TIME_SECOND / 2) /* after the last action of the script */
#define ASK_INTERVAL (3 * TIME_SECOND / 2)
#define ALARM_LAMP   0.14f /* metres */

void operate_init(App *app)
{
    Operate *operate = &app->operate;
    operate->picked = PICK_NONE;
    operate->under = -1;
    operate->acts_done_at = operate->asked_at = TIME_NONE;
    operate->show_model = app->config.overlay_model;
    operate->runner = (ActRunner){ .acts = app->config.acts,
                                   .count = app->config.act_count,
                                   .timeout = app->config.act_timeout,
                                   .fill = app->config.fill,
                                   .context = app->config.context };
    arena_init(&operate->arena, (size_t)8 << 20);
}

void operate_finish(App *app)
{
    arena_finish(&app->operate.arena);
    free(app->operate.lamps);
}

/* ---- input ---- */

static void close_or_open(App *app)
{
    platform_set_menu(app->platform, app->operate.menu.step != MENU_CLOSED);
    app->operate.under = -1;
}

static void run_menu(App *app, TimeNs now)
{
    Operate *operate = &app->operate;
    const World *world = &app->loading.world;
    const PlatformMenuKeys *keys = &app->input.menu;
    const ActionMenuKeys taken = { .up = keys->up,
                                   .down = keys->down,
                                   .left = keys->left,
                                   .right = keys->right,
                                   .enter = keys->enter,
                                   .cancel = keys->cancel,
                                   .erase = keys->erase,
                                   .typed = keys->typed,
                                   .clicked = keys->clicked ? operate->under : -1 };
    InvokeMessage invoke;
    world_values_fill(&app->values, app->shown.snapshot);
    if (action_menu_update(&operate->menu, world, world_value(&app->values, operate->menu.thing, 0),
                           session_texts(app->session), &taken, &invoke)) {
        app->config.fill(app->config.context, invoke.command, sizeof invoke.command);
        Status status = session_invoke(app->session, &invoke, now);
        (void)status; /* too many of one's own are under way: they are all in sight */
    }
    close_or_open(app);
    bool screenshot = app->input.pressed[CONTROL_SCREENSHOT];
    memset(app->input.held, 0, sizeof app->input.held);
    memset(app->input.pressed, 0, sizeof app->input.pressed);
    app->input.pressed[CONTROL_SCREENSHOT] = screenshot;
    app->input.look_x = app->input.look_y = app->input.zoom = 0.0f;
}

void operate_input(App *app, TimeNs now)
{
    Operate *operate = &app->operate;
    const World *world = &app->loading.world;
    if (app->phase != APP_LIVE) {
        return;
    }
    operate->show_model ^= app->input.pressed[CONTROL_MODEL];
    if (operate->menu.step != MENU_CLOSED) {
        run_menu(app, now);
    } else if (app->input.pressed[CONTROL_OPERATE] && operate->picked < world->object_count) {
        action_menu_open(&operate->menu, world, world->objects[operate->picked].thing);
        close_or_open(app);
    }
}

static void run_script(App *app, TimeNs now)
{
    Operate *operate = &app->operate;
    for (int i = 0; i < CLI_LIST_MAX; i++) {
        const char *line = act_runner_update(&operate->runner, app->session, &app->loading.world, now);
        if (line == NULL) {
            break;
        }
        app->config.print(app->config.context, line);
    }
    if (operate->acts_done_at == TIME_NONE && act_runner_done(&operate->runner)) {
        operate->acts_done_at = now;
    }
}

void operate_update(App *app, TimeNs now)
{
    Operate *operate = &app->operate;
    run_script(app, now);
    bool wanted = operate->show_model || app->config.want_dump;
    if (wanted && (operate->asked_at == TIME_NONE || now - operate->asked_at >= ASK_INTERVAL)) {
        operate->asked_at = now;
        session_ask_systems(app->session);
    }
    if (!operate->opened && app->config.overlay_operate != NULL) {
        int thing = world_thing_index(&app->loading.world, app->config.overlay_operate);
        operate->opened = true;
        if (thing >= 0) {
            action_menu_open(&operate->menu, &app->loading.world, (uint32_t)thing);
            close_or_open(app);
        }
    }
}

void operate_give_up(App *app, const char *reason, TimeNs now)
{
    const char *line;
    while ((line = act_runner_give_up(&app->operate.runner, reason, now)) != NULL) {
        app->config.print(app->config.context, line);
    }
}

bool operate_script_done(const App *app, TimeNs now)
{
    return app->config.act_count > 0 && app->operate.acts_done_at != TIME_NONE &&
           now - app->operate.acts_done_at >= SETTLE;
}

/* ---- the scene ---- */

static const Operations *operations_of(const App *app)
{
    return session_operations(app->session);
}

/* The worst alarm of a thing, or NULL. */
static const AlarmMessage *worst_alarm(const App *app, uint32_t thing)
{
    const Operations *operations = operations_of(app);
    const AlarmMessage *worst = NULL;
    for (uint32_t i = 0; i < operations->alarm_count; i++) {
        const AlarmMessage *alarm = &operations->alarms[i];
        if (alarm->thing == thing && (worst == NULL || alarm->severity > worst->severity)) {
            worst = alarm;
        }
    }
    return worst;
}

void operate_lamps(App *app, const SceneView *scene, RenderFrame *frame)
{
    Operate *operate = &app->operate;
    uint32_t wanted = scene->lamp_count + scene->label_count;
    if (operations_of(app)->alarm_count == 0) {
        return;
    }
    if (wanted > operate->lamp_capacity) {
        RenderLamp *lamps = realloc(operate->lamps, wanted * sizeof *lamps);
        if (lamps == NULL) {
            return;
        }
        operate->lamps = lamps;
        operate->lamp_capacity = wanted;
    }
    uint32_t count = scene->lamp_count;
    memcpy(operate->lamps, scene->lamps, count * sizeof *scene->lamps);
    float pulse = 0.5f + 0.5f * sinf((float)fmod(time_to_seconds(app->last_frame), 1.0) * 6.2831853f);
    for (uint32_t i = 0; i < scene->label_count; i++) {
        const SceneLabel *label = &scene->labels[i];
        const AlarmMessage *alarm = worst_alarm(app, label->thing);
        if (alarm != NULL) {
            bool critical = alarm->severity == WIRE_CRITICAL;
            operate->lamps[count++] =
                (RenderLamp){ .position = { label->anchor[0], label->anchor[1] - 0.25f, label->anchor[2] },
                              .radius = ALARM_LAMP,
                              .color = { 1.0f, critical ? 0.12f : 0.55f, 0.05f,
                                         critical ? 0.3f + 0.7f * pulse : 0.8f } };
        }
    }
    frame->lamps = operate->lamps;
    frame->lamp_count = count;
}

/* ---- words ---- */

void operate_begin(App *app)
{
    arena_reset(&app->operate.arena);
}

const char *operate_say(App *app, const char *format, ...)
{
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *copy = arena_copy_text(&app->operate.arena, text, strlen(text));
    return copy != NULL ? copy : "";
}

double operate_seconds(const App *app, const SessionCommand *command)
{
    bool dated = command->since != TIME_NONE && app->shown.valid;
    double seconds = dated ? ((double)app->shown.server_time - (double)command->since) / 1e9
                           : time_to_seconds(app->last_frame - command->began);
    return fmin(fmax(seconds, 0), 99999);
}

const char *operate_who(const SessionCommand *command)
{
    return command->own ? "you" : command->name[0] != '\0' ? command->name : "somebody";
}

const char *operate_action_title(const App *app, const SessionCommand *command)
{
    const ThingModel *model = app->loading.world.things[command->asked.thing].model;
    return command->asked.action < model->action_count ? model->actions[command->asked.action].title
                                                       : "an action";
}

/* "20.0 %" of the property it drives, or what was given, or "". */
const char *operate_wish_text(App *app, const SessionCommand *command)
{
    const ThingModel *model = app->loading.world.things[command->asked.thing].model;
    char value[128] = "";
    const char *unit = "";
    if (command->property < model->property_count) {
        const Property *property = &model->properties[command->property];
        property_format(property, command->desired, session_texts(app->session), value, sizeof value);
        unit = scene_unit(property->unit);
    } else if (command->asked.kind == WIRE_VALUE_NUMBER) {
        snprintf(value, sizeof value, "%.10g", command->asked.number);
        unit = command->asked.action < model->action_count
                   ? scene_unit(model->actions[command->asked.action].input_unit)
                   : "";
    } else if (command->asked.kind == WIRE_VALUE_BOOLEAN) {
        snprintf(value, sizeof value, "%s", command->asked.boolean ? "on" : "off");
    } else if (command->asked.kind == WIRE_VALUE_TEXT) {
        snprintf(value, sizeof value, "%.100s", command->asked.text);
    }
    return operate_say(app, "%s%s%s", value, unit[0] != '\0' ? " " : "", unit);
}

/* ---- labels ---- */

static UiLabelLine wish_line(App *app, const SessionCommand *command)
{
    const ThingModel *model = app->loading.world.things[command->asked.thing].model;
    UiLabelLine line = { .kind = UI_LINE_WISH,
                         .age = operate_say(app, "%.0f s", floor(operate_seconds(app, command))),
                         .quality = QUALITY_GOOD };
    if (command->property < model->property_count) {
        const Property *property = &model->properties[command->property];
        char value[128];
        line.name = operate_say(app, "\xE2\x86\x92 %s", operate_who(command));
        line.value = operate_say(
            app, "%s",
            property_format(property, command->desired, session_texts(app->session), value, sizeof value));
        line.unit = scene_unit(property->unit);
    } else {
        line.name =
            operate_say(app, "\xE2\x86\x92 %s: %s", operate_who(command), operate_action_title(app, command));
        bool number = command->asked.kind == WIRE_VALUE_NUMBER && command->asked.action < model->action_count;
        line.value =
            number ? operate_say(app, "%.10g", command->asked.number) : operate_wish_text(app, command);
        line.unit = number ? scene_unit(model->actions[command->asked.action].input_unit) : "";
    }
    return line;
}

static bool is_shown(const SceneLabel *scene, const SessionCommand *command)
{
    for (uint32_t i = 0; i < scene->line_count; i++) {
        if (scene->line_properties[i] == command->property) {
            return true;
        }
    }
    return false;
}

static void add_alarm_lines(App *app, uint32_t thing, UiLabelLine *lines, uint32_t *count)
{
    const Operations *operations = operations_of(app);
    for (uint32_t i = 0; i < operations->alarm_count; i++) {
        const AlarmMessage *alarm = &operations->alarms[i];
        if (alarm->thing == thing) {
            lines[(*count)++] =
                (UiLabelLine){ .kind = UI_LINE_ALARM,
                               .name = operate_say(app, "%.80s (%s)", alarm->text, alarm->service),
                               .quality = alarm->severity == WIRE_CRITICAL ? QUALITY_BAD : QUALITY_STALE };
        }
    }
}

void operate_label(App *app, const SceneLabel *scene, UiLabel *label)
{
    const Operations *operations = operations_of(app);
    const AlarmMessage *alarm = worst_alarm(app, scene->thing);
    const SessionCommand *any = operations_pending(operations, scene->thing, NO_WIRE_PROPERTY);
    if (alarm == NULL && any == NULL) {
        return;
    }
    uint32_t most = label->line_count + operations->command_count + operations->alarm_count, count = 0;
    UiLabelLine *lines = arena_new_array(&app->operate.arena, UiLabelLine, most);
    if (lines == NULL) {
        return;
    }
    add_alarm_lines(app, scene->thing, lines, &count);
    for (uint32_t i = 0; i < scene->line_count; i++) {
        lines[count++] = scene->lines[i];
        const SessionCommand *command =
            operations_pending(operations, scene->thing, scene->line_properties[i]);
        if (command != NULL) {
            lines[count++] = wish_line(app, command);
        }
    }
    for (uint32_t i = 0; i < operations->command_count; i++) { /* of what the card does not show */
        const SessionCommand *command = &operations->commands[i];
        if (command->asked.thing == scene->thing && !wire_command_final(command->state) && count < most &&
            !is_shown(scene, command)) {
            lines[count++] = wish_line(app, command);
        }
    }
    label->lines = lines;
    label->line_count = count;
    label->pending = any != NULL;
    if (label->badge == NULL && alarm != NULL) {
        label->badge = alarm->severity == WIRE_CRITICAL ? "CRITICAL" : "WARNING";
        label->blink = alarm->severity == WIRE_CRITICAL;
    }
}

uint32_t operate_pending_count(const App *app)
{
    const Operations *operations = operations_of(app);
    uint32_t count = 0;
    for (uint32_t i = 0; i < operations->command_count; i++) {
        count += !wire_command_final(operations->commands[i].state);
    }
    return count;
}
