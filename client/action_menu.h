/* action_menu.h - the panel that operates a thing: choose an action, give it a value, confirm (R44). By keys
 * alone or by mouse. Pure: keys in, what to show and what to ask for out. */
#ifndef CLIENT_ACTION_MENU_H
#define CLIENT_ACTION_MENU_H
#include "shared/model/world.h"
#include "shared/wire/messages.h"

#define ACTION_MENU_TEXT 64

typedef enum ActionMenuStep { MENU_CLOSED, MENU_LIST, MENU_VALUE, MENU_CONFIRM } ActionMenuStep;

typedef struct ActionMenu {
    ActionMenuStep step;
    uint32_t thing;
    uint32_t selected;            /* action; in CONFIRM and VALUE the one chosen */
    char value[ACTION_MENU_TEXT]; /* as typed */
    bool touched;                 /* the value proposed was typed over */
    char complaint[96];           /* what is wrong with the value; "" */
} ActionMenu;

/* What was pressed since the last time. */
typedef struct ActionMenuKeys {
    bool up, down, left, right, enter, cancel, erase;
    const char *typed; /* UTF-8; NULL: nothing */
    int clicked;       /* row of the list, or 0 for the button that goes on; -1: nothing */
} ActionMenuKeys;

void action_menu_open(ActionMenu *menu, const World *world, uint32_t thing);

/* Takes the keys. True when something is to be asked for now: thing, action and value are in *out_invoke, the
 * id is not. `reported`: the thing's values, one a property, to begin from. */
bool action_menu_update(ActionMenu *menu, const World *world, const Reported *reported,
                        const TextTable *texts, const ActionMenuKeys *keys, InvokeMessage *out_invoke);

/* "Set speed to 1200 1/min", "Emergency stop": what CONFIRM asks. Returns `out`. */
const char *action_menu_sentence(const ActionMenu *menu, const World *world, char *out, size_t size);

/* "0 to 1500 1/min", "true or false", "": what VALUE takes. Returns `out`. */
const char *action_menu_range(const ActionMenu *menu, const World *world, char *out, size_t size);

#endif
