#include "shared/model/world.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>

#include "shared/model/avatar.h"
#include "shared/model/solids.h"
#include "shared/model/world_load.h"

#define WORLD_FILE      "world.json"
#define SPAWN_MAX       256
#define FEEDS_MAX       16
#define YAW_DEG_MAX     36000.0
#define GROUND_HALF_MAX 10000.0

void *world_allocate(WorldLoader *loader, const JsonNode *node, size_t count, size_t size, size_t align)
{
    void *memory = arena_array(loader->arena, count, size, align);
    if (!memory) {
        json_fail(node, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    return memory;
}

uint32_t world_intern(TextTable *table, const JsonNode *node, const char *text, bool *out_new)
{
    uint32_t id = 0, count = table->count;
    Status status = text_intern(table, text, &id);
    if (status != STATUS_OK) {
        json_fail(node, status, "there is no room for \"%s\": %u is the most", text, table->capacity);
    }
    if (out_new) {
        *out_new = table->count > count;
    }
    return id;
}

const char *world_read_file_name(const JsonNode *node)
{
    const char *name = json_read_text(node, 1, ASSET_NAME_SIZE - 1, "");
    if (name[0] && !asset_name_valid(name)) {
        json_fail(node, STATUS_INVALID_ARGUMENT,
                  "\"%.200s\" is not a file name: use a relative path with '/' and without '..'", name);
    }
    return name;
}

bool world_read_file(WorldLoader *loader, const JsonNode *node, const char *name, size_t max_size,
                     Bytes *out_content)
{
    if (loader->document.status != STATUS_OK) {
        return false;
    }
    Diag why = { 0 };
    arena_reset(&loader->content);
    Status status = asset_read(loader->source, name, max_size, &loader->content, out_content, &why);
    if (status != STATUS_OK) {
        json_fail(node, status, "file \"%.200s\": %.200s", name,
                  why.text[0] ? why.text : status_text(status));
        return false;
    }
    return true;
}

static const char *read_name(const JsonNode *parent, const char *key)
{
    JsonNode node = json_required(parent, key);
    return json_read_text(&node, 1, WORLD_NAME_MAX, "");
}

static const char *read_title(const JsonNode *parent, const char *fallback)
{
    JsonNode node = json_member(parent, "title");
    return json_read_text(&node, 1, WORLD_TITLE_MAX, fallback);
}

static void read_color_member(const JsonNode *parent, const char *key, float out_rgb[3])
{
    JsonNode node = json_member(parent, key);
    world_read_color(&node, out_rgb);
}

/* The defaults that WORLD.md lists; colours are the sRGB of that page in linear light. */
static const Environment default_environment = {
    .sun_direction = { 0.4f, 0.8f, 0.45f },
    .sun_color = { 1.0f, 0.879622f, 0.715694f },
    .sun_strength = 3,
    .sky_zenith = { 0.046665f, 0.158961f, 0.434154f },
    .sky_horizon = { 0.552011f, 0.651406f, 0.745404f },
    .ground_bounce = { 0.144128f, 0.130136f, 0.107023f },
    .ground_color = { 0.238398f, 0.238398f, 0.223228f },
    .ground_half = 100,
    .grid = true,
    .fog_density = 0.003f,
};

static void read_environment(const JsonNode *root, Environment *environment)
{
    static const char *const keys[] = { "sun_direction", "sun_color",   "sun_strength",
                                        "sky_zenith",    "sky_horizon", "ground_bounce",
                                        "ground_color",  "ground_half", "grid",
                                        "fog_density",   NULL };
    *environment = default_environment;
    JsonNode node = json_member(root, "environment");
    JsonNode direction = json_member(&node, "sun_direction");
    JsonNode strength = json_member(&node, "sun_strength");
    JsonNode half = json_member(&node, "ground_half");
    JsonNode grid = json_member(&node, "grid");
    JsonNode fog = json_member(&node, "fog_density");
    json_known_keys(&node, keys);
    json_read_vector(&direction, 3, WORLD_COORDINATE_MAX, environment->sun_direction);
    if (!world_normalise(environment->sun_direction)) {
        json_fail(&direction, STATUS_OUT_OF_RANGE, "has no direction");
    }
    read_color_member(&node, "sun_color", environment->sun_color);
    read_color_member(&node, "sky_zenith", environment->sky_zenith);
    read_color_member(&node, "sky_horizon", environment->sky_horizon);
    read_color_member(&node, "ground_bounce", environment->ground_bounce);
    read_color_member(&node, "ground_color", environment->ground_color);
    environment->sun_strength = (float)json_read_number(&strength, 0, 1000, environment->sun_strength);
    environment->ground_half = (float)json_read_number(&half, 0, GROUND_HALF_MAX, environment->ground_half);
    environment->grid = json_read_boolean(&grid, environment->grid);
    environment->fog_density = (float)json_read_number(&fog, 0, 1, environment->fog_density);
}

static void read_bounds(const JsonNode *root, World *world)
{
    static const char *const keys[] = { "min", "max", NULL };
    JsonNode bounds = json_required(root, "bounds");
    json_known_keys(&bounds, keys);
    JsonNode minimum = json_required(&bounds, "min");
    JsonNode maximum = json_required(&bounds, "max");
    json_read_vector(&minimum, 2, WORLD_COORDINATE_MAX, world->bounds_min);
    json_read_vector(&maximum, 2, WORLD_COORDINATE_MAX, world->bounds_max);
    for (int i = 0; i < 2; i++) {
        if (world->bounds_min[i] >= world->bounds_max[i]) {
            json_fail(&minimum, STATUS_OUT_OF_RANGE, "%c: %g is not below the maximum, %g", i ? 'z' : 'x',
                      (double)world->bounds_min[i], (double)world->bounds_max[i]);
        }
    }
}

static void read_spawn_points(WorldLoader *loader, const JsonNode *root)
{
    static const char *const keys[] = { "position", "yaw_deg", NULL };
    World *world = &loader->world;
    JsonNode list = json_required(root, "spawn_points");
    size_t count = json_array_size_in(&list, 1, SPAWN_MAX);
    world->spawn_points = world_new_array(loader, &list, SpawnPoint, count);
    for (size_t i = 0; i < count && loader->document.status == STATUS_OK; i++) {
        SpawnPoint *point = &world->spawn_points[i];
        JsonNode node = json_element(&list, i);
        json_known_keys(&node, keys);
        JsonNode position = json_required(&node, "position");
        JsonNode yaw = json_member(&node, "yaw_deg");
        json_read_vector(&position, 3, WORLD_COORDINATE_MAX, point->position);
        point->yaw = (float)(json_read_number(&yaw, -YAW_DEG_MAX, YAW_DEG_MAX, 0) * (acos(-1) / 180));
        const float on_ground[2] = { point->position[0], point->position[2] };
        for (int axis = 0; axis < 2; axis++) {
            if (on_ground[axis] < world->bounds_min[axis] || on_ground[axis] > world->bounds_max[axis]) {
                json_fail(&position, STATUS_OUT_OF_RANGE, "is outside the world's bounds");
            }
        }
    }
    world->spawn_point_count = (uint32_t)count;
}

/* ---- things ---- */

static const ThingModel *load_thing_model(WorldLoader *loader, const JsonNode *node)
{
    const char *path = world_read_file_name(node);
    bool fresh = false;
    uint32_t index = world_intern(&loader->model_paths, node, path, &fresh);
    if (!fresh) {
        return loader->document.status == STATUS_OK ? loader->thing_models[index] : NULL;
    }
    Bytes json;
    ThingModel *model = world_new_array(loader, node, ThingModel, 1);
    if (!model || !world_read_file(loader, node, path, WORLD_THING_SIZE_MAX, &json)) {
        return NULL;
    }
    Status status = thing_model_load(json, path, loader->arena, model, loader->diag);
    if (status != STATUS_OK) {
        loader->document.status = status; /* diag names the Thing Description */
        return NULL;
    }
    world_intern(&loader->files, node, path, NULL);
    loader->thing_models[index] = model;
    return model;
}

static void read_things(WorldLoader *loader, const JsonNode *root)
{
    static const char *const keys[] = { "id", "description", "title", NULL };
    World *world = &loader->world;
    JsonNode list = json_member(root, "things");
    size_t count = json_array_size_in(&list, 0, WORLD_THINGS_MAX);
    world->things = world_new_array(loader, &list, Thing, count);
    loader->thing_models = arena_new_array(&loader->working, ThingModel *, count);
    if (!loader->thing_models ||
        text_table_init(&loader->thing_ids, (uint32_t)count, &loader->working) != STATUS_OK ||
        text_table_init(&loader->model_paths, (uint32_t)count, &loader->working) != STATUS_OK) {
        json_fail(root, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < count && loader->document.status == STATUS_OK; i++) {
        Thing *thing = &world->things[i];
        JsonNode node = json_element(&list, i);
        json_known_keys(&node, keys);
        JsonNode id = json_required(&node, "id");
        JsonNode description = json_required(&node, "description");
        thing->id = json_read_text(&id, 1, WORLD_NAME_MAX, "");
        thing->title = read_title(&node, thing->id);
        bool fresh = true;
        world_intern(&loader->thing_ids, &id, thing->id, &fresh);
        if (!fresh) {
            json_fail(&id, STATUS_DUPLICATE, "there is already a thing \"%s\"", thing->id);
        }
        if (loader->document.status == STATUS_OK) {
            thing->model = load_thing_model(loader, &description);
        }
    }
    world->thing_count = (uint32_t)count;
}

static void read_feed(const JsonNode *node, WorldFeed *out_feed)
{
    static const char *const replay_keys[] = { "type", "trace", "mapping", NULL };
    static const char *const live_keys[] = { "type", "url", "mapping", NULL };
    static const char *const sim_keys[] = { "type", NULL };
    JsonNode type = json_required(node, "type");
    JsonNode mapping = json_member(node, "mapping");
    out_feed->type = json_read_text(&type, 1, WORLD_NAME_MAX, "replay");
    if (strcmp(out_feed->type, "replay") == 0) {
        json_known_keys(node, replay_keys);
        JsonNode trace = json_required(node, "trace");
        mapping = json_required(node, "mapping");
        out_feed->trace = world_read_file_name(&trace);
        out_feed->mapping = world_read_file_name(&mapping);
    } else if (strcmp(out_feed->type, "sim") == 0) {
        json_known_keys(node, sim_keys);
    } else if (strcmp(out_feed->type, "mqtt") == 0 || strcmp(out_feed->type, "sparkplug") == 0) {
        json_known_keys(node, live_keys);
        JsonNode url = json_member(node, "url");
        out_feed->url = json_read_text(&url, 1, 1023, NULL);
        out_feed->mapping = mapping.value == NULL ? NULL : world_read_file_name(&mapping);
    } else {
        json_fail(&type, STATUS_UNSUPPORTED,
                  "\"%s\" is not a feed type; there are \"replay\", \"sim\", \"mqtt\" and \"sparkplug\"",
                  out_feed->type);
    }
}

static void read_feeds(WorldLoader *loader, const JsonNode *root)
{
    JsonNode list = json_member(root, "feeds");
    size_t count = json_array_size_in(&list, 0, FEEDS_MAX);
    loader->world.feeds = world_new_array(loader, &list, WorldFeed, count);
    for (size_t i = 0; i < count && loader->document.status == STATUS_OK; i++) {
        JsonNode node = json_element(&list, i);
        read_feed(&node, &loader->world.feeds[i]);
    }
    loader->world.feed_count = (uint32_t)count;
}

/* ---- the package ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void hash_size(crypto_generichash_state *state, uint64_t value, size_t bytes)
{
    uint8_t data[8];
    bytes_store_u64(data, value);
    crypto_generichash_update(state, data, bytes);
}

/* WORLD.md, "Package and hash". */
static void hash_files(WorldLoader *loader, const JsonNode *root)
{
    World *world = &loader->world;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, WORLD_HASH_SIZE);
    for (uint32_t i = 0; i < world->file_count; i++) {
        const char *name = world->files[i];
        Bytes content;
        if (!world_read_file(loader, root, name, WORLD_MODEL_SIZE_MAX, &content)) {
            return;
        }
        hash_size(&state, strlen(name), 4);
        crypto_generichash_update(&state, (const uint8_t *)name, strlen(name));
        hash_size(&state, content.size, 8);
        crypto_generichash_update(&state, content.data, content.size);
    }
    crypto_generichash_final(&state, world->hash, WORLD_HASH_SIZE);
}

static void list_files(WorldLoader *loader, const JsonNode *root)
{
    uint32_t count = loader->files.count;
    loader->world.files = world_new_array(loader, root, const char *, count);
    if (loader->document.status != STATUS_OK) {
        return;
    }
    memcpy(loader->world.files, loader->files.texts, count * sizeof loader->files.texts[0]);
    qsort(loader->world.files, count, sizeof loader->world.files[0], compare_names);
    loader->world.file_count = count;
}

static void read_root(WorldLoader *loader, const JsonNode *root)
{
    static const char *const keys[] = { "dtmv",   "name",  "title",   "environment", "bounds", "spawn_points",
                                        "things", "kinds", "objects", "feeds",       NULL };
    json_known_keys(root, keys);
    JsonNode version = json_required(root, "dtmv");
    if (json_read_number(&version, -1e9, 1e9, 1) != 1) {
        json_fail(&version, STATUS_UNSUPPORTED, "this program reads version 1 of the format");
    }
    loader->world.name = read_name(root, "name");
    loader->world.title = read_title(root, loader->world.name);
    read_environment(root, &loader->world.environment);
    read_bounds(root, &loader->world);
    read_spawn_points(loader, root);
    read_things(loader, root);
    world_read_objects(loader, root);
    read_feeds(loader, root);
    if (loader->document.status == STATUS_OK) {
        list_files(loader, root);
    }
    if (loader->document.status == STATUS_OK) {
        hash_files(loader, root);
    }
}

/* Texts of `files` go into the world, those of the other tables are for the load only. */
static Status load(WorldLoader *loader)
{
    Bytes text;
    Status status =
        asset_read(loader->source, WORLD_FILE, WORLD_JSON_SIZE_MAX, &loader->working, &text, loader->diag);
    if (status != STATUS_OK) {
        return status;
    }
    status = json_document_parse(&loader->document, text, WORLD_FILE, loader->arena, loader->diag);
    if (status != STATUS_OK) {
        return status;
    }
    JsonNode root = json_document_root(&loader->document);
    if (text_table_init(&loader->files, WORLD_FILES_MAX, &loader->working) != STATUS_OK) {
        json_fail(&root, STATUS_OUT_OF_MEMORY, "out of memory");
    } else {
        loader->files.arena = loader->arena;
        world_intern(&loader->files, &root, WORLD_FILE, NULL);
        read_root(loader, &root);
    }
    json_document_finish(&loader->document);
    return loader->document.status;
}

Status world_load(AssetSource source, Arena *arena, World *out_world, Diag *diag)
{
    WorldLoader loader = { .source = source, .arena = arena, .diag = diag };
    arena_init(&loader.working, 0);
    arena_init(&loader.content, 0);
    Status status = load(&loader);
    arena_finish(&loader.content);
    arena_finish(&loader.working);
    if (status == STATUS_OK) {
        loader.world.solids = solids_build(&loader.world, AVATAR_RADIUS, arena);
        status = loader.world.solids != NULL
                     ? STATUS_OK
                     : diag_set(diag, STATUS_OUT_OF_MEMORY, WORLD_FILE, 0, "out of memory");
    }
    if (status == STATUS_OK) {
        *out_world = loader.world;
    }
    return status;
}

int world_thing_index(const World *world, const char *id)
{
    for (uint32_t i = 0; i < world->thing_count; i++) {
        if (strcmp(world->things[i].id, id) == 0) {
            return (int)i;
        }
    }
    return -1;
}
