/* operate.h - what a person, or a script, does to things, and what the window shows of what is being done:
 * wishes beside values, marks, alarms of services, the panel of actions, the systems at work. Part of the
 * app, for app.c and overlay.c only. */
#ifndef CLIENT_OPERATE_H
#define CLIENT_OPERATE_H
#include "client/act.h"
#include "client/action_menu.h"
#include "client/scene/scene.h"
#include "client/ui/ui.h"

struct App;

typedef struct Operate {
    ActionMenu menu;
    uint32_t picked; /* object that is looked at, or PICK_NONE */
    int under;       /* row of the menu under the mouse, as last drawn */
    bool show_model;
    bool opened; /* --overlay operate=THING was done */
    ActRunner runner;
    TimeNs acts_done_at, asked_at; /* TIME_NONE: not yet */
    Arena arena;                   /* of the frame: words and lines */
    RenderLamp *lamps;             /* the scene's and those of alarms */
    uint32_t lamp_capacity;
} Operate;

void operate_init(struct App *app);
void operate_finish(struct App *app);

/* Before the frame's input is used: keys of the menu are taken out of it. */
void operate_input(struct App *app, TimeNs now);

/* Once the world is shown: goes on with the script, asks for systems, opens what --overlay names. */
void operate_update(struct App *app, TimeNs now);

/* The app ends: what is left of the script has failed. */
void operate_give_up(struct App *app, const char *reason, TimeNs now);

/* True when the script has come to its end and what it did is shown. */
bool operate_script_done(const struct App *app, TimeNs now);

/* The lamps to draw: beacons of service alarms beside the scene's. */
void operate_lamps(struct App *app, const SceneView *scene, RenderFrame *frame);

/* A new frame of words. */
void operate_begin(struct App *app);

/* Adds what is wished and found to a label; `label` has the scene's lines. */
void operate_label(struct App *app, const SceneLabel *scene, UiLabel *label);

/* Describes panels to the UI, after the figures. */
void operate_describe(struct App *app);

/* Words for this frame; never NULL. */
const char *operate_say(struct App *app, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Of a command: how long it has been under way, "you" or a name, its action, and what it wishes ("20.0 %", or
 * ""). */
double operate_seconds(const struct App *app, const SessionCommand *command);
const char *operate_who(const SessionCommand *command);
const char *operate_action_title(const struct App *app, const SessionCommand *command);
const char *operate_wish_text(struct App *app, const SessionCommand *command);

/* Commands under way. */
uint32_t operate_pending_count(const struct App *app);

#endif
