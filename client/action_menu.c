#include "client/action_menu.h"

#include "client/act.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const ThingModel *model_of(const ActionMenu *menu, const World *world)
{
    return world->things[menu->thing].model;
}

static const Action *action_of(const ActionMenu *menu, const World *world)
{
    return &model_of(menu, world)->actions[menu->selected];
}

void action_menu_open(ActionMenu *menu, const World *world, uint32_t thing)
{
    *menu = (ActionMenu){ .thing = thing };
    if (thing < world->thing_count && model_of(menu, world)->action_count > 0) {
        menu->step = MENU_LIST;
    }
}

/* Begins with what the property has now. */
static void propose(ActionMenu *menu, const World *world, const Reported *reported, const TextTable *texts)
{
    const ThingModel *model = model_of(menu, world);
    const Action *action = action_of(menu, world);
    menu->value[0] = menu->complaint[0] = '\0';
    menu->touched = false;
    if (action->target < model->property_count && reported[action->target].quality != QUALITY_NONE) {
        property_format(&model->properties[action->target], reported[action->target].code, texts, menu->value,
                        sizeof menu->value);
    } else if (action->input_type == PROPERTY_BOOLEAN) {
        snprintf(menu->value, sizeof menu->value, "false");
    } else if (action->input_type != PROPERTY_TEXT) {
        snprintf(menu->value, sizeof menu->value, "0");
    }
}

static void choose(ActionMenu *menu, const World *world, const Reported *reported, const TextTable *texts)
{
    if (action_of(menu, world)->has_input) {
        propose(menu, world, reported, texts);
        menu->step = MENU_VALUE;
    } else {
        menu->step = MENU_CONFIRM;
    }
}

static void update_list(ActionMenu *menu, const World *world, const Reported *reported,
                        const TextTable *texts, const ActionMenuKeys *keys)
{
    uint32_t count = model_of(menu, world)->action_count;
    if (keys->cancel) {
        menu->step = MENU_CLOSED;
        return;
    }
    if (keys->clicked >= 0 && (uint32_t)keys->clicked < count) {
        menu->selected = (uint32_t)keys->clicked;
        choose(menu, world, reported, texts);
        return;
    }
    menu->selected = (menu->selected + keys->down + (keys->up ? count - 1 : 0)) % count;
    if (keys->enter) {
        choose(menu, world, reported, texts);
    }
}

/* Whole text of UTF-8 typed, as far as there is room. */
static void type_text(ActionMenu *menu, const char *typed)
{
    if (!menu->touched) {
        menu->value[0] = '\0';
        menu->touched = true;
    }
    size_t used = strlen(menu->value);
    message_clean_text(typed, menu->value + used, sizeof menu->value - used);
}

static void erase(ActionMenu *menu)
{
    size_t size = strlen(menu->value);
    while (size > 0 && ((unsigned char)menu->value[size - 1] & 0xC0) == 0x80) {
        size--;
    }
    menu->value[size > 0 ? size - 1 : 0] = '\0';
    menu->touched = true;
}

/* A twentieth of the range, rounded to a power of ten times 1, 2 or 5; at least the resolution of what it
 * drives. */
static double step_of(const ActionMenu *menu, const World *world)
{
    const ThingModel *model = model_of(menu, world);
    const Action *action = action_of(menu, world);
    double least = action->input_type == PROPERTY_INTEGER ? 1 : 0;
    if (action->target < model->property_count) {
        least = fmax(least, model->properties[action->target].resolution);
    }
    double span = action->input_maximum - action->input_minimum;
    if (!isfinite(span) || span <= 0) {
        return fmax(least, 1);
    }
    double unit = pow(10, floor(log10(span / 20))), ratio = span / 20 / unit;
    return fmax(least, unit * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10));
}

static void nudge(ActionMenu *menu, const World *world, int direction)
{
    const Action *action = action_of(menu, world);
    InvokeMessage now = { 0 };
    menu->touched = true;
    if (action->input_type == PROPERTY_BOOLEAN) {
        snprintf(menu->value, sizeof menu->value, "%s", strcmp(menu->value, "true") == 0 ? "false" : "true");
        return;
    }
    if (action->input_type == PROPERTY_TEXT || act_value(action, menu->value, &now) != STATUS_OK) {
        return;
    }
    double step = step_of(menu, world);
    double number = (round(now.number / step) + direction) * step;
    number = fmin(fmax(number, action->input_minimum), action->input_maximum);
    snprintf(menu->value, sizeof menu->value, "%.10g", number);
}

static void check_value(ActionMenu *menu, const World *world)
{
    const Action *action = action_of(menu, world);
    InvokeMessage invoke = { 0 };
    char range[64];
    action_menu_range(menu, world, range, sizeof range);
    bool valid = act_value(action, menu->value, &invoke) == STATUS_OK;
    bool number = invoke.kind == WIRE_VALUE_NUMBER;
    if (valid && number && (invoke.number < action->input_minimum || invoke.number > action->input_maximum)) {
        valid = false;
    }
    menu->complaint[0] = '\0';
    if (valid) {
        menu->step = MENU_CONFIRM;
    } else {
        snprintf(menu->complaint, sizeof menu->complaint, "It takes %s",
                 range[0] != '\0' ? range : "a value");
    }
}

static void update_value(ActionMenu *menu, const World *world, const ActionMenuKeys *keys)
{
    bool text = action_of(menu, world)->input_type == PROPERTY_TEXT;
    const char *typed = keys->typed != NULL ? keys->typed : "";
    bool plus = !text && strcmp(typed, "+") == 0;
    if (keys->cancel) {
        menu->step = MENU_LIST;
        menu->complaint[0] = '\0';
        return;
    }
    if (keys->up || keys->right || plus) {
        nudge(menu, world, 1);
    } else if (keys->down || keys->left) {
        nudge(menu, world, -1);
    } else if (typed[0] != '\0') {
        type_text(menu, strcmp(typed, ",") == 0 && !text ? "." : typed);
    }
    if (keys->erase) {
        erase(menu);
    }
    if (keys->enter || keys->clicked == 0) {
        check_value(menu, world);
    }
}

static bool update_confirm(ActionMenu *menu, const World *world, const ActionMenuKeys *keys,
                           InvokeMessage *out_invoke)
{
    const Action *action = action_of(menu, world);
    if (keys->cancel) {
        menu->step = action->has_input ? MENU_VALUE : MENU_LIST;
        return false;
    }
    if (!keys->enter && keys->clicked != 0) {
        return false;
    }
    *out_invoke = (InvokeMessage){ .thing = menu->thing, .action = (uint8_t)menu->selected };
    bool ready = !action->has_input || act_value(action, menu->value, out_invoke) == STATUS_OK;
    menu->step = MENU_CLOSED;
    return ready;
}

bool action_menu_update(ActionMenu *menu, const World *world, const Reported *reported,
                        const TextTable *texts, const ActionMenuKeys *keys, InvokeMessage *out_invoke)
{
    switch (menu->step) {
    case MENU_LIST:
        update_list(menu, world, reported, texts, keys);
        break;
    case MENU_VALUE:
        update_value(menu, world, keys);
        break;
    case MENU_CONFIRM:
        return update_confirm(menu, world, keys, out_invoke);
    case MENU_CLOSED:
        break;
    }
    return false;
}

const char *action_menu_sentence(const ActionMenu *menu, const World *world, char *out, size_t size)
{
    const Action *action = action_of(menu, world);
    if (action->has_input) {
        snprintf(out, size, "%s: %s%s%s", action->title, menu->value,
                 action->input_unit[0] != '\0' ? " " : "", action->input_unit);
    } else {
        snprintf(out, size, "%s", action->title);
    }
    return out;
}

const char *action_menu_range(const ActionMenu *menu, const World *world, char *out, size_t size)
{
    const Action *action = action_of(menu, world);
    const char *unit = action->input_unit, *gap = unit[0] != '\0' ? " " : "";
    const char *whole = action->input_type == PROPERTY_INTEGER ? "whole numbers, " : "";
    double low = action->input_minimum, high = action->input_maximum;
    if (!action->has_input || action->input_type == PROPERTY_TEXT) {
        snprintf(out, size, "%s", "");
    } else if (action->input_type == PROPERTY_BOOLEAN) {
        snprintf(out, size, "true or false");
    } else if (isfinite(low) && isfinite(high)) {
        snprintf(out, size, "%s%.10g to %.10g%s%s", whole, low, high, gap, unit);
    } else if (isfinite(low)) {
        snprintf(out, size, "%sat least %.10g%s%s", whole, low, gap, unit);
    } else if (isfinite(high)) {
        snprintf(out, size, "%sat most %.10g%s%s", whole, high, gap, unit);
    } else {
        snprintf(out, size, "%sa number%s%s", whole, unit[0] != '\0' ? " of " : "", unit);
    }
    return out;
}
