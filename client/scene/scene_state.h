/* scene_state.h - inside of the scene. Private to client/scene/scene*.c. */
#ifndef CLIENT_SCENE_SCENE_STATE_H
#define CLIENT_SCENE_SCENE_STATE_H
#include "client/scene/pose.h"
#include "client/scene/scene.h"

#define SCENE_VALUE_SIZE 64
#define SCENE_AGE_SIZE   32

/* A model and what culling needs of it; objects with the same model share one. */
typedef struct ModelShape {
    const Model *model;
    vec4 *node_spheres; /* of each node's mesh, in the node's space; radius < 0: no mesh */
} ModelShape;

/* A binding at work. */
typedef struct BoundState {
    const Binding *binding;
    const Property *property;
    uint32_t node;     /* MODEL_NONE: the whole object */
    Reported reported; /* the value behind `target` */
    bool started;      /* a first value came: before, visuals jump instead of moving */
    bool settled;      /* `shown` has reached `target` */
    MapResult target;
    float shown[4];
    float angle;   /* SPIN: radians, 0 … 2π */
    uint32_t slot; /* BEACON: in the lamps; LABEL: line of its label */
} BoundState;

typedef struct ObjectState {
    const Object *object;
    const ModelShape *shape; /* NULL: nothing drawn */
    BoundState *bound;
    uint32_t bound_count;
    NodeTransform *local;
    mat4 *world;
    vec4 *tint, *emissive; /* NULL: none */
    mat4 root;             /* of the object, bindings not applied */
    uint32_t instance;     /* in the instances, or MODEL_NONE */
    uint32_t label;        /* in the labels, or MODEL_NONE */
    Quality quality;       /* the worst of its values: GOOD, STALE or BAD; NONE when there is none at all */
    bool restless;         /* has a clip that plays */
    bool moved;            /* nodes must be placed again */
    bool recolored;        /* tints, light and lamps must be computed again */
    bool reworded;         /* the card's words, but for ages, must be written again */
    bool alarm;            /* its beacon shows one */
} ObjectState;

typedef struct LineText {
    char value[SCENE_VALUE_SIZE], age[SCENE_AGE_SIZE];
    int64_t age_shown; /* what `age` says, to write it only when it changes */
} LineText;

typedef struct AvatarSlot {
    uint16_t session;
    bool used, seen;
    float position[3];
    float walk_time; /* seconds into the walk clip */
    float weight;    /* 0 idle … 1 walking */
    mat4 *world;
    vec4 *tint;
} AvatarSlot;

struct Scene {
    const World *world;
    ObjectState *objects;
    ModelShape *shapes;
    uint32_t shape_count;
    bool *subtree; /* scratch, as large as the largest model */

    const EntityState **thing_entities; /* by thing; of `snapshot` */
    const Snapshot *snapshot;           /* last seen */
    uint32_t snapshot_sequence, text_count;

    RenderInstance *instances;
    uint32_t object_instances, instance_count;
    RenderLamp *lamps;
    uint32_t lamp_count;
    SceneLabel *labels;
    uint32_t label_count;
    UiLabelLine *lines;
    uint8_t *line_properties;
    LineText *texts;
    uint32_t line_count;

    SceneModel avatar_model;
    ModelShape avatar_shape;
    AvatarSlot *avatars;
    uint32_t avatars_max;
    uint32_t idle_clip, walk_clip, head_node; /* or MODEL_NONE */
    bool *shirt;                              /* per node of the avatar */
    NodeTransform *avatar_local, *avatar_walk;
    SceneName *names;
    uint32_t name_count;

    uint32_t things_stale, things_bad, alarms;
    TimeNs newest_source_time;
};

/* ---- scene_shape.c ---- */
NODISCARD Status shape_init(ModelShape *shape, const Model *model, Arena *arena);
/* The sphere around every mesh of the posed model. */
void shape_bounds(const ModelShape *shape, const mat4 *world, vec4 out_sphere);

/* ---- scene_binding.c ---- */
/* Takes the object's values from the snapshot. */
void object_take_values(Scene *scene, ObjectState *object, const TextTable *texts);
/* Moves what is shown towards the values. */
void object_advance(ObjectState *object, float dt);
/* Applies bindings to nodes, tints and lamps; poses the model where that changed. */
void object_show(Scene *scene, ObjectState *object, double seconds);
/* 0 … 1 … 0 once every 1 / SCENE_BLINK_HZ. */
float scene_pulse(double seconds);

/* ---- scene_label.c ---- */
void label_show(Scene *scene, ObjectState *object, const SceneInput *input);
void color_to_srgb(const float linear[3], float out_srgb[3]);

/* ---- scene_avatar.c ---- */
NODISCARD Status avatars_init(Scene *scene, const SceneConfig *config, Arena *arena);
void avatars_update(Scene *scene, const SceneInput *input);

#endif
