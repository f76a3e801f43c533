/* small_world.h - a world built in memory for tests: `thing_count` things of one kind, in a row, and its
 * files. */
#ifndef TESTS_UNIT_SERVER_SMALL_WORLD_H
#define TESTS_UNIT_SERVER_SMALL_WORLD_H
#include "shared/model/world.h"

#include <math.h>
#include <stdio.h>

enum { SMALL_HEAT, SMALL_STOP, SMALL_ACTIONS };
enum { SMALL_TEMPERATURE, SMALL_STATE, SMALL_NOTE, SMALL_PROPERTIES };

typedef struct SmallWorld {
    Arena arena;
    World world;
    TextTable texts;
    ThingModel model;
    SpawnPoint spawn;
    const char *names[3];
    AssetEntry entries[3];
    AssetTable table;
    AssetSource assets;
    uint8_t big[200001]; /* 196 chunks, the last one short */
} SmallWorld;

static const char small_description[] =
    "{\"@context\": \"https://www.w3.org/2022/wot/td/v1.1\", \"title\": \"Machine\",\n"
    "\"securityDefinitions\": {\"none\": {\"scheme\": \"nosec\"}}, \"security\": [\"none\"],\n"
    "\"properties\": {\n"
    "  \"temperature\": {\"title\": \"Temperature\", \"type\": \"number\", \"unit\": \"degC\", "
    "\"multipleOf\": 0.1,\n"
    "                  \"dtmv:period\": 10},\n"
    "  \"state\": {\"title\": \"State\", \"type\": \"string\", \"enum\": [\"off\", \"on\", \"fault\"]},\n"
    "  \"note\": {\"title\": \"Note\", \"type\": \"string\"}},\n"
    "\"actions\": {\n"
    "  \"heat\": {\"title\": \"Heat\", \"dtmv:target\": \"temperature\", \"dtmv:tolerance\": 0.5,\n"
    "           \"input\": {\"type\": \"number\", \"unit\": \"degC\", \"minimum\": 0, \"maximum\": 100}},\n"
    "  \"stop\": {\"title\": \"Stop\", \"dtmv:target\": \"state\", \"dtmv:value\": \"off\", "
    "\"dtmv:emergency\": true}}}";

static inline void small_world_files(SmallWorld *small)
{
    static const char json[] = "{\"dtmv\": 1}";
    for (size_t i = 0; i < sizeof small->big; i++) {
        small->big[i] = (uint8_t)(i * 31 + i / 257);
    }
    small->entries[0] = (AssetEntry){ "empty.td.json", { 0 } };
    small->entries[1] = (AssetEntry){ "models/big.glb", bytes_of(small->big, sizeof small->big) };
    small->entries[2] = (AssetEntry){ "world.json", bytes_of(json, sizeof json - 1) };
    for (size_t i = 0; i < ARRAY_COUNT(small->entries); i++) {
        small->names[i] = small->entries[i].name;
    }
    small->table = (AssetTable){ .entries = small->entries, .count = ARRAY_COUNT(small->entries) };
    small->assets = asset_source_memory(&small->table);
    small->world.files = small->names;
    small->world.file_count = ARRAY_COUNT(small->names);
    for (size_t i = 0; i < WORLD_HASH_SIZE; i++) {
        small->world.hash[i] = (uint8_t)(i + 1);
    }
}

/* False when memory ran out. */
static inline bool small_world_init(SmallWorld *small, uint32_t thing_count)
{
    memset(small, 0, sizeof *small);
    arena_init(&small->arena, 0);
    if (thing_model_load(bytes_of(small_description, sizeof small_description - 1), "empty.td.json",
                         &small->arena, &small->model, NULL) != STATUS_OK) {
        return false;
    }
    small->world = (World){ .name = "small",
                            .title = "Small world",
                            .bounds_min = { -50, -50 },
                            .bounds_max = { 50, 50 },
                            .spawn_points = &small->spawn,
                            .spawn_point_count = 1,
                            .thing_count = thing_count,
                            .object_count = thing_count };
    small->world.things = arena_new_array(&small->arena, Thing, thing_count);
    small->world.objects = arena_new_array(&small->arena, Object, thing_count);
    if (small->world.things == NULL || small->world.objects == NULL ||
        text_table_init(&small->texts, 1024, &small->arena) != STATUS_OK) {
        return false;
    }
    for (uint32_t i = 0; i < thing_count; i++) {
        char id[32];
        int size = snprintf(id, sizeof id, "machine-%u", i);
        const char *copy = arena_copy_text(&small->arena, id, (size_t)size);
        small->world.things[i] = (Thing){ .id = copy, .title = copy, .model = &small->model };
        small->world.objects[i] = (Object){ .id = copy,
                                            .thing = i,
                                            .position = { (float)i * 2, 0.5f, -10 },
                                            .rotation = { 0, 0, 0, 1 },
                                            .scale = { 1, 1, 1 } };
    }
    small_world_files(small);
    return true;
}

static inline void small_world_finish(SmallWorld *small)
{
    arena_finish(&small->arena);
}

#endif
