/* world.h - a world file: environment, spawn points, things, objects and the bindings from property to
 * visual. Pure: files come through an AssetSource. Server and client load the same world; world_hash proves
 * it. Format: shared/model/WORLD.md. Axes: right-handed, +Y up, -Z forward (as glTF); metres; yaw turns about
 * +Y, counter-clockwise seen from above, 0 looks along -Z. */
#ifndef SHARED_MODEL_WORLD_H
#define SHARED_MODEL_WORLD_H
#include "shared/base/asset_source.h"
#include "shared/model/thing.h"

#define WORLD_HASH_SIZE 32

/* X(NAME, json name): what a binding drives. */
#define BINDING_TABLE(X)                                                                                \
    X(COLOR, "color")           /* multiplies the base colour of `node` (or the whole model) */         \
    X(EMISSIVE, "emissive")     /* adds light of a colour; `out` is RGB and strength */                 \
    X(SPIN, "spin")             /* turns `node` about `axis`; mapped value is revolutions per minute */ \
    X(TRANSLATE, "translate")   /* moves `node` along `axis`; mapped value in metres */                 \
    X(LEVEL, "level")           /* scales `node` along `axis` from its origin; mapped value 0..1 */     \
    X(BEACON, "beacon")         /* a lamp above the object: colour and strength; strength 0 is off */   \
    X(LABEL, "label")           /* a line of text with name, value, unit and age */                     \
    X(VISIBILITY, "visibility") /* shows `node` when the mapped value is ≥ 0.5 */

typedef enum BindingKind {
#define BINDING_ENUM(name, text) BINDING_##name,
    BINDING_TABLE(BINDING_ENUM)
#undef BINDING_ENUM
        BINDING_KIND_COUNT
} BindingKind;

/* A value map: property value → up to four numbers (a scalar in out[0], or linear RGB in 0..2 and strength in
 * 3). Numbers go through `stops` (ascending `in`; clamped outside; linear between, or the stop at or below
 * when `stepped`). Enum, boolean and text values go through `cases` (boolean as "true"/"false"). Nothing
 * matches, or quality NONE or BAD: `otherwise`. With neither stops nor cases a number maps to itself. */
typedef struct MapStop {
    double in;
    float out[4];
} MapStop;

typedef struct MapCase {
    const char *in;
    int64_t code; /* resolved for enum and boolean; -1 for text, matched by string */
    float out[4];
    bool blink; /* beacon and emissive: pulse, for alarms that nobody has acknowledged */
} MapCase;

typedef struct ValueMap {
    MapStop *stops;
    uint32_t stop_count;
    bool stepped;
    MapCase *cases;
    uint32_t case_count;
    float otherwise[4];
} ValueMap;

typedef struct MapResult {
    float out[4];
    bool blink;
} MapResult;

/* Applies `map` to the reported value. Pure and total: any code gives a result. */
MapResult value_map_apply(const ValueMap *map, const Property *property, const Reported *reported,
                          const TextTable *texts);

typedef struct Binding {
    BindingKind kind;
    uint16_t property;   /* index in the object's thing's model */
    const char *node;    /* node name in the model; NULL: whole object */
    float axis[3];       /* unit vector in the node's frame, for SPIN, TRANSLATE, LEVEL */
    float offset[3];     /* for LABEL and BEACON: from the object's origin, metres */
    const char *caption; /* for LABEL: replaces the property's title; NULL: title */
    ValueMap map;
} Binding;

typedef struct Thing {
    const char *id; /* unique in the world, at most 63 bytes */
    const char *title;
    const ThingModel *model;
} Thing;

#define WORLD_NO_THING UINT32_MAX

typedef struct Object {
    const char *id;
    uint32_t thing;    /* index in World.things, or WORLD_NO_THING for scenery */
    const char *model; /* asset name of a glTF/GLB file; NULL: nothing drawn but labels and beacon */
    float position[3];
    float rotation[4]; /* unit quaternion x, y, z, w; from "rotation_deg" Euler XYZ: R = Rx·Ry·Rz (three.js
                          order XYZ) */
    float scale[3];
    bool casts_shadow;
    bool animate;          /* plays the model's first animation clip, looping */
    float solid_half[2];   /* half extents in x and z of the box people cannot walk through, scale applied;
                              0: none. The box turns with the object's yaw. */
    float solid_center[2]; /* of the box, from the object's origin in its own frame, scale applied */
    Binding *bindings;
    uint32_t binding_count;
} Object;

typedef struct SpawnPoint {
    float position[3];
    float yaw; /* radians */
} SpawnPoint;

/* Colours are linear RGB. Zero-initialised fields get the defaults that WORLD.md lists. */
typedef struct Environment {
    float sun_direction[3]; /* unit, towards the sun */
    float sun_color[3];
    float sun_strength;
    float sky_zenith[3], sky_horizon[3], ground_bounce[3];
    float ground_color[3];
    float ground_half; /* half the side of the square ground, metres */
    bool grid;
    float fog_density; /* per metre, exponential-squared */
} Environment;

typedef struct WorldFeed {
    const char *type;    /* "replay", "sim", "mqtt" or "sparkplug" */
    const char *trace;   /* replay: file name, found in the world's folder or the data folder; else NULL */
    const char *mapping; /* file name of the mapping; NULL (not with replay): the default of the type */
    const char *url; /* of the broker; NULL where there is none, and when it is told on the command line */
} WorldFeed;

typedef struct SolidIndex SolidIndex; /* solids.h */

typedef struct World {
    const char *name, *title;
    Environment environment;
    float bounds_min[2], bounds_max[2]; /* x and z where people can walk, metres */
    SpawnPoint *spawn_points;
    uint32_t spawn_point_count; /* ≥ 1 */
    Thing *things;
    uint32_t thing_count;
    Object *objects;
    uint32_t object_count;
    const SolidIndex *solids; /* of the objects; NULL: none was built, and every one is looked at */
    WorldFeed *feeds;         /* used by the server only */
    uint32_t feed_count;
    const char **
        files; /* every asset a client needs: world.json, Thing Descriptions, models and what they refer to */
    uint32_t file_count;
    uint8_t hash[WORLD_HASH_SIZE]; /* BLAKE2b-256 over name and content of `files`, in order of name */
} World;

/* Loads and validates "world.json" from `source`: every thing's description, every binding against its
 * thing's properties and units, every model file's presence, unique ids. Everything lives in `arena`. On
 * failure *out_world is unchanged and `diag` names file, line and field. Statuses as thing_model_load, plus
 * NOT_FOUND (missing file), DUPLICATE (id). */
NODISCARD Status world_load(AssetSource source, Arena *arena, World *out_world, Diag *diag);

/* The index of the thing called `id`, or -1. */
int world_thing_index(const World *world, const char *id);

#endif
