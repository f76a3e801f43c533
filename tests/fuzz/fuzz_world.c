/* Any bytes are a world.json beside a fixed description and model, or refused with a reason; in a world that
 * loads every index is inside its array and every number that reaches the screen is finite. */
#include "shared/model/avatar.h"
#include "tests/fuzz/fuzz_input.h"

#include <math.h>
#include <stdlib.h>

static const char description[] =
    "{\"@context\": \"x\", \"title\": \"Pump\", \"security\": \"n\", \"securityDefinitions\": {},"
    "\"properties\": {\"speed\": {\"type\": \"number\", \"unit\": \"1/min\"},"
    "\"flow\": {\"type\": \"number\", \"multipleOf\": 0.1}, \"open\": {\"type\": \"boolean\"},"
    "\"alarm\": {\"type\": \"string\", \"enum\": [\"NORMAL\", \"ACTIVE\"]}, \"note\": {\"type\": "
    "\"string\"}}}";
static const char model[] = "{\"asset\": {\"version\": \"2.0\"}, \"nodes\": [{\"name\": \"shaft\"}],"
                            "\"buffers\": [{\"uri\": \"pump.bin\"}]}";

static void check_unit(const float *vector, int count)
{
    double squared = 0;
    for (int i = 0; i < count; i++) {
        squared += (double)vector[i] * vector[i];
    }
    require(fabs(squared - 1) < 1e-4);
}

static void check_binding(const World *world, const Object *object, const Binding *binding)
{
    static const double numbers[] = { 0, 1, -1, 50, 1e308, -1e308, INFINITY, NAN };
    require(object->thing < world->thing_count);
    const ThingModel *thing = world->things[object->thing].model;
    require((unsigned)binding->kind < BINDING_KIND_COUNT && binding->property < thing->property_count);
    check_unit(binding->axis, 3);
    for (size_t i = 0; i < ARRAY_COUNT(numbers) * QUALITY_COUNT; i++) {
        Reported reported = { .quality = (uint8_t)(i % QUALITY_COUNT) };
        memcpy(&reported.code, &numbers[i / QUALITY_COUNT], sizeof reported.code);
        MapResult result =
            value_map_apply(&binding->map, &thing->properties[binding->property], &reported, NULL);
        for (int k = 0; k < 4; k++) {
            require(isfinite(result.out[k]));
        }
    }
}

static void check_world(const World *world)
{
    require(world->name[0] != '\0' && world->spawn_point_count > 0 && world->file_count > 0);
    check_unit(world->environment.sun_direction, 3);
    for (uint32_t i = 0; i < world->thing_count; i++) {
        require(world->things[i].model != NULL);
        require(world_thing_index(world, world->things[i].id) == (int)i);
    }
    for (uint32_t i = 0; i < world->object_count; i++) {
        const Object *object = &world->objects[i];
        check_unit(object->rotation, 4);
        require(object->thing == WORLD_NO_THING || object->thing < world->thing_count);
        for (int k = 0; k < 3; k++) {
            require(isfinite(object->position[k]) && object->scale[k] > 0);
        }
        for (uint32_t k = 0; k < object->binding_count; k++) {
            check_binding(world, object, &object->bindings[k]);
        }
    }
}

static void walk(const World *world)
{
    AvatarState avatar = { .position = { world->spawn_points[0].position[0], 0,
                                         world->spawn_points[0].position[2] } };
    for (uint16_t i = 0; i < 20; i++) {
        AvatarInput input = { .forward = 127, .run = true, .yaw = (uint16_t)(i * 7919) };
        avatar_step(&avatar, &input, world);
        require(avatar.position[0] >= world->bounds_min[0] && avatar.position[0] <= world->bounds_max[0]);
        require(avatar.position[2] >= world->bounds_min[1] && avatar.position[2] <= world->bounds_max[1]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const AssetEntry entries[] = {
        { "world.json", { data, size } },
        { "things/pump.td.json", { (const uint8_t *)description, sizeof description - 1 } },
        { "models/pump.gltf", { (const uint8_t *)model, sizeof model - 1 } },
        { "models/pump.bin", { (const uint8_t *)"x", 1 } },
    };
    const AssetTable table = { entries, ARRAY_COUNT(entries) };
    Arena arena;
    arena_init(&arena, (size_t)256 << 20);
    World world = { .name = "untouched" };
    Diag diag = { 0 };
    Status status = world_load(asset_source_memory(&table), &arena, &world, &diag);
    if (status == STATUS_OK) {
        check_world(&world);
        walk(&world);
    } else {
        require(strcmp(world.name, "untouched") == 0);
        require(diag.text[0] != '\0' && diag.path[0] != '\0');
    }
    arena_finish(&arena);
    return 0;
}
