/* scene.h - what there is to draw: the world's objects with the visuals that bindings drive from property
 * values, and the people in it. Pure: values in, arrays for the renderer and the UI out; time is passed in.
 * One owner. Nothing is allocated after scene_create.
 *
 * Visuals follow values with a short smoothing (about a fifth of a second); label values never do. Where a
 * binding names a node, its colour, light and visibility also hold for the nodes below it. */
#ifndef CLIENT_SCENE_SCENE_H
#define CLIENT_SCENE_SCENE_H
#include "client/render/renderer.h"
#include "client/scene/model.h"
#include "client/session/session.h"
#include "client/ui/ui.h"
#include "shared/model/world.h"
#include "shared/wire/snapshot.h"

#define SCENE_BLINK_HZ 1.0 /* far below the 3 Hz that photosensitive people can stand */

typedef struct Scene Scene; /* opaque */

typedef struct SceneModel {
    const Model *model; /* NULL: none */
    RenderModel handle; /* of the renderer, copied into the instances */
} SceneModel;

/* Everything is borrowed and outlives the scene. */
typedef struct SceneConfig {
    const World *world;
    const SceneModel *models; /* world->object_count entries, in the order of the objects */
    SceneModel
        avatar; /* clips "idle" and "walk", facing -Z, feet at the origin; none: people are not drawn */
    uint32_t avatars_max; /* 0: 64; more people than that are not drawn */
} SceneConfig;

/* `arena` owns the scene; there is no destroy. STATUS_NOT_FOUND when a binding names a node that its model
 * does not have, STATUS_OUT_OF_MEMORY; `diag` says which and *out_scene is unchanged. */
NODISCARD Status scene_create(const SceneConfig *config, Arena *arena, Scene **out_scene, Diag *diag);

typedef struct SceneInput {
    const Snapshot *snapshot; /* whose values are shown; NULL: none yet */
    const TextTable *texts;
    TimeNs source_time;           /* source clock at this frame, for ages; TIME_NONE: no feed */
    double seconds;               /* since any fixed moment: clips and blinking */
    float dt;                     /* seconds since the last update, taken as 0 … 0.25 */
    const SessionAvatar *avatars; /* everybody to draw */
    uint32_t avatar_count;
} SceneInput;

/* Any snapshot is safe, whatever its subjects and channels say. */
void scene_update(Scene *scene, const SceneInput *input);

/* The card of one object. Strings are valid until the next scene_update. */
typedef struct SceneLabel {
    const char *id; /* of the object */
    const char *title;
    uint32_t thing;    /* index in the world */
    vec3 anchor;       /* world space */
    float accent[3];   /* sRGB of an alarm or of what colours the object; all 0: default */
    const char *badge; /* the alarm's state in capitals, or NULL */
    bool blink;        /* an alarm that nobody has acknowledged */
    uint8_t quality;   /* Quality: the worst of its lines */
    const UiLabelLine *lines;
    const uint8_t *line_properties; /* what each line shows, in the thing's model */
    uint32_t line_count;
} SceneLabel;

typedef struct SceneName { /* above a head */
    uint16_t session;
    const char *name;
    vec3 anchor;
    float color[3]; /* sRGB, as the shirt */
} SceneName;

typedef struct SceneView {
    const RenderInstance *instances;
    uint32_t instance_count;
    const RenderLamp *lamps;
    uint32_t lamp_count;
    const SceneLabel *labels;
    uint32_t label_count;
    const SceneName *names;
    uint32_t name_count;
    uint32_t things, things_stale, things_bad; /* a thing counts once, as bad before stale */
    uint32_t alarms;                           /* objects whose beacon shows one */
    TimeNs newest_source_time;                 /* of all values; TIME_NONE: there is none */
} SceneView;

/* What the last update made; valid until the next. */
void scene_view(const Scene *scene, SceneView *out_view);

/* A unit as people write it: "°C" for "degC". */
const char *scene_unit(const char *unit);

/* The colour that tells session `session` from others: linear, for the shirt. */
void scene_session_color(uint16_t session, float out_linear[3]);

#endif
