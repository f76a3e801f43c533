/* world_load.h - what the parts of the world loader share; for world*.c only. */
#ifndef SHARED_MODEL_WORLD_LOAD_H
#define SHARED_MODEL_WORLD_LOAD_H
#include "shared/model/json.h"
#include "shared/model/world.h"

#define WORLD_NAME_MAX        63
#define WORLD_TITLE_MAX       255
#define WORLD_COORDINATE_MAX  1e6 /* metres */
#define WORLD_THINGS_MAX      200000
#define WORLD_OBJECTS_MAX     65536
#define WORLD_BINDINGS_MAX    64
#define WORLD_STOPS_MAX       64
#define WORLD_JSON_SIZE_MAX   ((size_t)8 << 20)
#define WORLD_THING_SIZE_MAX  ((size_t)1 << 20)
#define WORLD_MODEL_SIZE_MAX  ((size_t)256 << 20)
#define WORLD_FILES_MAX       65536
#define WORLD_MODEL_FILES_MAX 16384

/* A model file that an object names. */
typedef struct ModelFile {
    const char **node_names;
    uint32_t node_count;
} ModelFile;

typedef struct WorldLoader {
    AssetSource source;
    Arena *arena;  /* of the world */
    Arena working; /* for the time of the load */
    Arena content; /* of one file at a time */
    Diag *diag;
    JsonDocument document; /* world.json; its status is the load's */
    World world;
    TextTable files;       /* names of the package's files */
    TextTable thing_ids;   /* a thing's id here is its index */
    TextTable object_ids;  /* likewise */
    TextTable model_paths; /* likewise for the Thing Descriptions in thing_models */
    ThingModel **thing_models;
    TextTable model_names; /* likewise for model_files */
    ModelFile *model_files;
} WorldLoader;

/* Zeroed memory for `count` elements of a world; an error at `node` when there is none. */
#define world_new_array(loader, node, Type, count) \
    ((Type *)world_allocate((loader), (node), (count), sizeof(Type), _Alignof(Type)))
void *world_allocate(WorldLoader *loader, const JsonNode *node, size_t count, size_t size, size_t align);

/* Adds `text` to `table` and gives its id; an error at `node` when it does not fit. `out_new` may be NULL. */
uint32_t world_intern(TextTable *table, const JsonNode *node, const char *text, bool *out_new);

/* A file name, checked to be one; "" after an error. */
const char *world_read_file_name(const JsonNode *node);

/* Reads a file of the package for its check; the content is valid until the next call. False after an error
 * at `node`. */
bool world_read_file(WorldLoader *loader, const JsonNode *node, const char *name, size_t max_size,
                     Bytes *out_content);

/* world_objects.c: "kinds" and "objects". */
void world_read_objects(WorldLoader *loader, const JsonNode *root);

/* world_binding.c: one binding of `object`, or the colour at `node` ("#rrggbb" in sRGB) as linear RGB;
 * `out_rgb` is unchanged when it is absent or wrong. */
void world_read_binding(WorldLoader *loader, const JsonNode *node, const Object *object,
                        const ModelFile *model, Binding *binding);
void world_read_color(const JsonNode *node, float out_rgb[3]);

/* world_objects.c: makes `vector` a unit vector; false when it is too short to have a direction. */
bool world_normalise(float vector[3]);

#endif
