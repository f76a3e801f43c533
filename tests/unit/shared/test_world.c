/* world_load: what a good world becomes, and one bad document for each rule with its exact message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/base/disk_file.h"
#include "shared/model/world.h"
#include "tests/unit/shared/arena_fixture.h"

static const char pump_td[] =
    "{\"@context\": \"https://www.w3.org/2022/wot/td/v1.1\", \"title\": \"Pump\",\n"
    "\"securityDefinitions\": {\"n\": {\"scheme\": \"nosec\"}}, \"security\": \"n\",\n"
    "\"properties\": {\"speed\": {\"type\": \"number\", \"unit\": \"1/min\"},\n"
    "\"open\": {\"type\": \"boolean\"},\n"
    "\"alarm\": {\"type\": \"string\", \"enum\": [\"NORMAL\", \"ACTIVE\"]},\n"
    "\"note\": {\"type\": \"string\"}}}";
static const char bad_td[] = "{\n\"title\": 7}";
static const char model[] = "{\"asset\": {\"version\": \"2.0\"}, \"nodes\": [{\"name\": \"shaft\"}],\n"
                            "\"buffers\": [{\"uri\": \"pump.bin\"}]}";
static const char lost_model[] =
    "{\"asset\": {\"version\": \"2.0\"}, \"buffers\": [{\"uri\": \"gone.bin\"}]}";
static const char wild_model[] = "{\"asset\": {\"version\": \"2.0\"},\n\"images\": [{\"uri\": \"../../x\"}]}";

static const char world_json[] =
    "{\n"                                                                         /* 1 */
    "  \"dtmv\": 1, \"name\": \"test\", \"title\": \"A test\",\n"                 /* 2 */
    "  \"environment\": { \"sun_direction\": [0, 2, 0], \"grid\": false },\n"     /* 3 */
    "  \"bounds\": { \"min\": [-5, -6], \"max\": [5, 6] },\n"                     /* 4 */
    "  \"spawn_points\": [ { \"position\": [1, 0, 2], \"yaw_deg\": 90 } ],\n"     /* 5 */
    "  \"things\": [\n"                                                           /* 6 */
    "    { \"id\": \"p1\", \"description\": \"things/pump.td.json\" },\n"         /* 7 */
    "    { \"id\": \"p2\", \"description\": \"things/pump.td.json\",\n"           /* 8 */
    "      \"title\": \"Second\" }\n"                                             /* 9 */
    "  ],\n"                                                                      /* 10 */
    "  \"kinds\": { \"pump\": {\n"                                                /* 11 */
    "    \"model\": \"models/pump.gltf\", \"solid\": { \"half\": [1, 0.5] },\n"   /* 12 */
    "    \"bindings\": [\n"                                                       /* 13 */
    "      { \"kind\": \"spin\", \"property\": \"speed\", \"unit\": \"1/min\",\n" /* 14 */
    "        \"node\": \"shaft\", \"axis\": [0, 0, 5] },\n"                       /* 15 */
    "      { \"kind\": \"color\", \"property\": \"speed\",\n"                     /* 16 */
    "        \"map\": { \"stops\": [[0, \"#ffffff\"], [10, \"#ff0000\"]] } }\n"   /* 17 */
    "    ] } },\n"                                                                /* 18 */
    "  \"objects\": [\n"                                                          /* 19 */
    "    { \"id\": \"o1\", \"kind\": \"pump\", \"thing\": \"p1\",\n"              /* 20 */
    "      \"position\": [1, 2, 3], \"rotation_deg\": [0, 90, 0],\n"              /* 21 */
    "      \"scale\": [2, 1, 4], \"bindings\": [\n"                               /* 22 */
    "      { \"kind\": \"beacon\", \"property\": \"alarm\", \"map\": {\n"         /* 23 */
    "        \"cases\": { \"ACTIVE\": { \"color\": \"#ff2200\", \"strength\": 4, \"blink\": true },\n" /* 24
                                                                                                        */
    "                   \"NORMAL\": \"#00ff00\" } } },\n"                                     /* 25 */
    "      { \"kind\": \"label\", \"property\": \"note\", \"caption\": \"Note\",\n"           /* 26 */
    "        \"offset\": [0, 3, 0] },\n"                                                      /* 27 */
    "      { \"kind\": \"visibility\", \"property\": \"open\" }\n"                            /* 28 */
    "    ] },\n"                                                                              /* 29 */
    "    { \"id\": \"o2\", \"kind\": \"pump\", \"thing\": \"p2\", \"position\": [0, 0, 0],\n" /* 30 */
    "      \"casts_shadow\": false, \"animate\": true, \"solid\": { \"half\": [0, 0] } },\n"  /* 31 */
    "    { \"id\": \"hall\", \"position\": [0, 0, 0], \"rotation_rad\": [0.1, 0.2, 0.3] }\n"  /* 32 */
    "  ],\n"                                                                                  /* 33 */
    "  \"feeds\": [ { \"type\": \"replay\", \"trace\": \"t.csv\",\n"                          /* 34 */
    "    \"mapping\": \"t.mapping.json\" } ]\n"                                               /* 35 */
    "}\n";

#define ENTRY(name, text)                         \
    {                                             \
        name,                                     \
        {                                         \
            (const uint8_t *)(text), strlen(text) \
        }                                         \
    }

static Status load_into(Arena *target, const char *json, World *world)
{
    const AssetEntry entries[] = {
        ENTRY("world.json", json),
        ENTRY("things/pump.td.json", pump_td),
        ENTRY("things/bad.td.json", bad_td),
        ENTRY("models/pump.gltf", model),
        ENTRY("models/pump.bin", "binary"),
        ENTRY("models/lost.gltf", lost_model),
        ENTRY("models/wild.gltf", wild_model),
        ENTRY("models/photo.png", "\x89PNG"),
        ENTRY("unused", "x"),
    };
    const AssetTable table = { entries, ARRAY_COUNT(entries) };
    diag = (Diag){ 0 };
    return world_load(asset_source_memory(&table), target, world, &diag);
}

static Status load(const char *json, World *world)
{
    return load_into(&arena, json, world);
}

static const char *message(void)
{
    static char text[800];
    return diag_format(&diag, text, sizeof text);
}

static void assert_near(float a, float b)
{
    if (fabsf(a - b) > 1e-5f) {
        print_error("%g is not %g\n", (double)a, (double)b);
    }
    assert_true(fabsf(a - b) <= 1e-5f);
}

static void assert_objects(const World *world)
{
    const Object *first = &world->objects[0];
    assert_int_equal(first->thing, 0);
    assert_string_equal(first->model, "models/pump.gltf");
    assert_near(first->rotation[1], sqrtf(0.5f));
    assert_near(first->rotation[3], sqrtf(0.5f));
    assert_true(first->scale[0] == 2 && first->scale[2] == 4);
    assert_true(first->solid_half[0] == 2 && first->solid_half[1] == 2);
    assert_true(first->casts_shadow && !first->animate);
    const Object *second = &world->objects[1];
    assert_int_equal(second->thing, 1);
    assert_int_equal(second->binding_count, 2);
    assert_true(second->solid_half[0] == 0 && !second->casts_shadow && second->animate);
    const Object *hall = &world->objects[2];
    assert_int_equal(hall->thing, WORLD_NO_THING);
    assert_null(hall->model);
    assert_int_equal(hall->binding_count, 0);
    /* Rx(0.1)·Ry(0.2)·Rz(0.3), from the product of the three matrices. */
    assert_near(hall->rotation[0], 0.0640713f);
    assert_near(hall->rotation[1], 0.0911575f);
    assert_near(hall->rotation[2], 0.1534393f);
    assert_near(hall->rotation[3], 0.9818562f);
}

static void assert_bindings(const Object *object)
{
    assert_int_equal(object->binding_count, 5);
    const Binding *spin = &object->bindings[0];
    assert_int_equal(spin->kind, BINDING_SPIN);
    assert_string_equal(spin->node, "shaft");
    assert_true(spin->axis[2] == 1 && spin->axis[1] == 0);
    assert_int_equal(spin->map.stop_count + spin->map.case_count, 0);
    const Binding *color = &object->bindings[1];
    assert_null(color->node);
    assert_int_equal(color->map.stop_count, 2);
    assert_true(color->map.stops[1].in == 10 && color->map.stops[1].out[0] == 1);
    assert_true(color->map.stops[1].out[1] == 0 && color->map.otherwise[1] == 1);
    const Binding *beacon = &object->bindings[2];
    assert_int_equal(beacon->property, 2);
    assert_int_equal(beacon->map.case_count, 2);
    assert_int_equal(beacon->map.cases[0].code, 1);
    assert_true(beacon->map.cases[0].out[3] == 4 && beacon->map.cases[0].blink);
    assert_near(beacon->map.cases[0].out[1], 0.0159963f); /* 0x22 of sRGB in linear light */
    assert_true(beacon->map.cases[1].out[3] == 1 && !beacon->map.cases[1].blink);
    assert_true(beacon->map.otherwise[3] == 0 && beacon->offset[1] == 2);
    const Binding *label = &object->bindings[3];
    assert_string_equal(label->caption, "Note");
    assert_true(label->offset[1] == 3);
    assert_true(object->bindings[4].map.otherwise[0] == 1);
}

static void test_loads_everything(void **state)
{
    (void)state;
    World world;
    Status status = load(world_json, &world);
    assert_string_equal(message(), "");
    assert_int_equal(status, STATUS_OK);
    assert_string_equal(world.name, "test");
    assert_string_equal(world.title, "A test");
    assert_true(world.environment.sun_direction[1] == 1 && !world.environment.grid);
    assert_true(world.environment.sun_strength == 3 && world.environment.ground_half == 100);
    assert_true(world.bounds_min[1] == -6 && world.bounds_max[0] == 5);
    assert_int_equal(world.spawn_point_count, 1);
    assert_near(world.spawn_points[0].yaw, 1.5707963f);
    assert_int_equal(world.thing_count, 2);
    assert_string_equal(world.things[0].title, "p1");
    assert_string_equal(world.things[1].title, "Second");
    assert_ptr_equal(world.things[0].model, world.things[1].model);
    assert_int_equal(world_thing_index(&world, "p2"), 1);
    assert_int_equal(world_thing_index(&world, "p3"), -1);
    assert_int_equal(world.object_count, 3);
    assert_objects(&world);
    assert_bindings(&world.objects[0]);
    assert_int_equal(world.feed_count, 1);
    assert_string_equal(world.feeds[0].mapping, "t.mapping.json");
}

/* The hash of WORLD.md, put together independently of the loader. */
static void test_files_and_hash(void **state)
{
    (void)state;
    World world;
    assert_int_equal(load(world_json, &world), STATUS_OK);
    const AssetEntry files[] = { ENTRY("models/pump.bin", "binary"), ENTRY("models/pump.gltf", model),
                                 ENTRY("things/pump.td.json", pump_td), ENTRY("world.json", world_json) };
    assert_int_equal(world.file_count, ARRAY_COUNT(files));
    uint8_t all[8192], hash[WORLD_HASH_SIZE];
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        assert_string_equal(world.files[i], files[i].name);
        size_t length = strlen(files[i].name);
        bytes_store_u32(all + used, (uint32_t)length);
        memcpy(all + used + 4, files[i].name, length);
        bytes_store_u64(all + used + 4 + length, files[i].bytes.size);
        memcpy(all + used + 12 + length, files[i].bytes.data, files[i].bytes.size);
        used += 12 + length + files[i].bytes.size;
    }
    crypto_generichash(hash, sizeof hash, all, used, NULL, 0);
    assert_memory_equal(world.hash, hash, sizeof hash);
}

/* The base world with `from` replaced by `to` must be refused with exactly `message`. */
static const struct {
    const char *from, *to;
    Status status;
    const char *message;
} bad_worlds[] = {
    { "\"dtmv\": 1", "\"dtmv\": 2", STATUS_UNSUPPORTED,
      "world.json:2: /dtmv: this program reads version 1 of the format" },
    { "\"dtmv\": 1, ", "", STATUS_MALFORMED, "world.json:1: needs \"dtmv\"" },
    { "\"name\": \"test\"", "\"name\": \"\"", STATUS_OUT_OF_RANGE,
      "world.json:2: /name: has 0 bytes, must have 1 to 63" },
    { "\"grid\"", "\"gird\"", STATUS_MALFORMED, "world.json:3: /environment/gird: unknown key \"gird\"" },
    { "[0, 2, 0]", "[0, 0, 0]", STATUS_OUT_OF_RANGE,
      "world.json:3: /environment/sun_direction: has no direction" },
    { "\"grid\": false", "\"sky_zenith\": \"blue\"", STATUS_MALFORMED,
      "world.json:3: /environment/sky_zenith: \"blue\" is not a colour; write \"#rrggbb\"" },
    { "\"grid\": false", "\"fog_density\": 2", STATUS_OUT_OF_RANGE,
      "world.json:3: /environment/fog_density: 2 is outside 0 to 1" },
    { "[-5, -6]", "[-5, 6]", STATUS_OUT_OF_RANGE,
      "world.json:4: /bounds/min: z: 6 is not below the maximum, 6" },
    { "[-5, -6]", "[-5]", STATUS_OUT_OF_RANGE, "world.json:4: /bounds/min: has 1 elements, must have 2" },
    { "\"bounds\": { \"min\": [-5, -6], \"max\": [5, 6] },", "", STATUS_MALFORMED,
      "world.json:1: needs \"bounds\"" },
    { "{ \"position\": [1, 0, 2], \"yaw_deg\": 90 }", "", STATUS_OUT_OF_RANGE,
      "world.json:5: /spawn_points: has 0 elements, must have 1 to 256" },
    { "[1, 0, 2]", "[1, 0, 7]", STATUS_OUT_OF_RANGE,
      "world.json:5: /spawn_points/0/position: is outside the world's bounds" },
    { "[1, 0, 2]", "[1, 0, 1e999]", STATUS_MALFORMED, NULL },
    { "[1, 0, 2]", "[1, 0, 1e300]", STATUS_OUT_OF_RANGE,
      "world.json:5: /spawn_points/0/position/2: 1e+300 is outside -1e+06 to 1e+06" },
    { "\"p1\", \"description\"", "\"p2\", \"description\"", STATUS_DUPLICATE,
      "world.json:8: /things/1/id: there is already a thing \"p2\"" },
    { "things/pump.td.json\" }", "things/none.td.json\" }", STATUS_NOT_FOUND,
      "world.json:7: /things/0/description: file \"things/none.td.json\": no such file in the package" },
    { "things/pump.td.json\" }", "../pump.td.json\" }", STATUS_INVALID_ARGUMENT,
      "world.json:7: /things/0/description: \"../pump.td.json\" is not a file name: use a relative path with "
      "'/' and without '..'" },
    { "things/pump.td.json\" }", "things/bad.td.json\" }", STATUS_MALFORMED,
      "things/bad.td.json:1: needs \"@context\"" },
    { "models/pump.gltf", "models/none.gltf", STATUS_NOT_FOUND,
      "world.json:12: /kinds/pump/model: file \"models/none.gltf\": no such file in the package" },
    { "models/pump.gltf", "models/photo.png", STATUS_MALFORMED,
      "models/photo.png: is neither a GLB nor a glTF file" },
    { "models/pump.gltf", "models/lost.gltf", STATUS_NOT_FOUND,
      "world.json:12: /kinds/pump/model: file \"models/gone.bin\": no such file in the package" },
    { "models/pump.gltf", "models/wild.gltf", STATUS_INVALID_ARGUMENT,
      "models/wild.gltf:2: /images/0/uri: \"../../x\" is not a file inside the world's folder" },
    { "[1, 0.5]", "[1, -0.5]", STATUS_OUT_OF_RANGE,
      "world.json:12: /kinds/pump/solid/half: must not be negative" },
    { "\"kind\": \"spin\"", "\"kind\": \"rotate\"", STATUS_MALFORMED,
      "world.json:14: /kinds/pump/bindings/0/kind: \"rotate\" is not color, emissive, spin, translate, "
      "level, "
      "beacon, label or visibility" },
    { "\"property\": \"speed\", \"unit\"", "\"property\": \"rpm\", \"unit\"", STATUS_NOT_FOUND,
      "world.json:14: /kinds/pump/bindings/0/property: thing 'p1' has no property 'rpm'" },
    { "\"unit\": \"1/min\"", "\"unit\": \"degC\"", STATUS_MALFORMED,
      "world.json:14: /kinds/pump/bindings/0/unit: \"degC\" is not the unit of 'speed' of thing 'p1', "
      "\"1/min\"" },
    { "\"shaft\"", "\"shoft\"", STATUS_NOT_FOUND,
      "world.json:15: /kinds/pump/bindings/0/node: model \"models/pump.gltf\" has no node \"shoft\"" },
    { "[0, 0, 5]", "[0, 0, 0]", STATUS_OUT_OF_RANGE,
      "world.json:15: /kinds/pump/bindings/0/axis: has no direction" },
    { "[0, 0, 5]", "\"z\"", STATUS_MALFORMED,
      "world.json:15: /kinds/pump/bindings/0/axis: must be an array, not a text" },
    { "[0, 0, 5]", "[0, 0, 5], \"offset\": [0, 0, 0]", STATUS_MALFORMED,
      "world.json:15: /kinds/pump/bindings/0/offset: unknown key \"offset\"" },
    { "[10, \"#ff0000\"]", "[0, \"#ff0000\"]", STATUS_OUT_OF_RANGE,
      "world.json:17: /kinds/pump/bindings/1/map/stops/1/0: 0 does not come after 0" },
    { "[10, \"#ff0000\"]", "[10, \"#ff00\"]", STATUS_MALFORMED,
      "world.json:17: /kinds/pump/bindings/1/map/stops/1/1: \"#ff00\" is not a colour; write \"#rrggbb\"" },
    { "[10, \"#ff0000\"]", "[10, 3]", STATUS_MALFORMED,
      "world.json:17: /kinds/pump/bindings/1/map/stops/1/1: must be a text, not a number" },
    { "[10, \"#ff0000\"]", "[10]", STATUS_OUT_OF_RANGE,
      "world.json:17: /kinds/pump/bindings/1/map/stops/1: has 1 elements, must have 2" },
    { "[10, \"#ff0000\"]", "[10, {\"color\": \"#ff0000\", \"strength\": 2}]", STATUS_MALFORMED,
      "world.json:17: /kinds/pump/bindings/1/map/stops/1/1/strength: unknown key \"strength\"" },
    { "\"stops\": [[0, \"#ffffff\"], [10, \"#ff0000\"]]", "\"cases\": {\"1\": \"#ffffff\"}", STATUS_MALFORMED,
      "world.json:17: /kinds/pump/bindings/1/map/cases: unknown key \"cases\"" },
    { "\"stops\": [[0, \"#ffffff\"], [10, \"#ff0000\"]]", "", STATUS_MALFORMED,
      "world.json:17: /kinds/pump/bindings/1/map: needs \"stops\"" },
    { "\"kind\": \"visibility\", \"property\": \"open\"", "\"kind\": \"color\", \"property\": \"speed\"",
      STATUS_MALFORMED, "world.json:28: /objects/0/bindings/2: needs \"map\"" },
    { "\"property\": \"open\"", "\"property\": \"alarm\"", STATUS_MALFORMED,
      "world.json:28: /objects/0/bindings/2: needs \"map\"" },
    { "\"property\": \"open\"", "\"property\": \"open\", \"map\": {\"cases\": {\"yes\": 1}}",
      STATUS_NOT_FOUND,
      "world.json:28: /objects/0/bindings/2/map/cases/yes: property \"open\" has no value \"yes\"" },
    { "\"property\": \"open\"", "\"property\": \"open\", \"map\": {\"cases\": {}}", STATUS_MALFORMED,
      "world.json:28: /objects/0/bindings/2/map/cases: must be an object of 1 to 64 cases" },
    { "\"kind\": \"visibility\", \"property\": \"open\"",
      "\"kind\": \"level\", \"property\": \"speed\", \"map\": {\"stops\": [[0, 1.5]]}", STATUS_OUT_OF_RANGE,
      "world.json:28: /objects/0/bindings/2/map/stops/0/1: 1.5 is outside 0 to 1" },
    { "\"kind\": \"visibility\", \"property\": \"open\"", "\"kind\": \"label\"", STATUS_MALFORMED,
      "world.json:28: /objects/0/bindings/2: needs \"property\"" },
    { "\"ACTIVE\": {", "\"ALARM\": {", STATUS_NOT_FOUND,
      "world.json:24: /objects/0/bindings/0/map/cases/ALARM: property \"alarm\" has no value \"ALARM\"" },
    { "\"strength\": 4", "\"strength\": -4", STATUS_OUT_OF_RANGE,
      "world.json:24: /objects/0/bindings/0/map/cases/ACTIVE/strength: -4 is outside 0 to 100" },
    { "\"blink\": true", "\"blnk\": true", STATUS_MALFORMED,
      "world.json:24: /objects/0/bindings/0/map/cases/ACTIVE/blnk: unknown key \"blnk\"" },
    { "\"NORMAL\": \"#00ff00\"", "\"ACTIVE\": \"#00ff00\"", STATUS_MALFORMED, NULL },
    { "\"offset\": [0, 3, 0]", "\"map\": {}", STATUS_MALFORMED,
      "world.json:27: /objects/0/bindings/1/map: unknown key \"map\"" },
    { "\"kind\": \"pump\", \"thing\": \"p1\"", "\"kind\": \"pomp\", \"thing\": \"p1\"", STATUS_NOT_FOUND,
      "world.json:20: /objects/0/kind: there is no kind \"pomp\"" },
    { "\"thing\": \"p1\"", "\"thing\": \"p9\"", STATUS_NOT_FOUND,
      "world.json:20: /objects/0/thing: there is no thing \"p9\"" },
    { "\"kind\": \"pump\", \"thing\": \"p2\"", "\"kind\": \"pump\"", STATUS_MALFORMED,
      "world.json:13: /kinds/pump/bindings: object \"o2\" has bindings but no \"thing\"" },
    { "\"position\": [1, 2, 3],", "", STATUS_MALFORMED, "world.json:20: /objects/0: needs \"position\"" },
    { "\"rotation_deg\": [0, 90, 0]", "\"rotation_deg\": [0, 9, 0], \"rotation_rad\": [0, 0, 0]",
      STATUS_MALFORMED, "world.json:21: /objects/0/rotation_rad: give either rotation_deg or rotation_rad" },
    { "[2, 1, 4]", "[2, 0, 4]", STATUS_OUT_OF_RANGE,
      "world.json:22: /objects/0/scale: must be 0.0001 to 10000" },
    { "[2, 1, 4]", "0", STATUS_OUT_OF_RANGE,
      "world.json:22: /objects/0/scale: 0 is outside 0.0001 to 10000" },
    { "\"id\": \"o2\"", "\"id\": \"o1\"", STATUS_DUPLICATE,
      "world.json:30: /objects/1/id: there is already an object \"o1\"" },
    { "\"animate\": true", "\"animte\": true", STATUS_MALFORMED,
      "world.json:31: /objects/1/animte: unknown key \"animte\"" },
    { "\"hall\", ", "\"hall\", \"animate\": \"no\", ", STATUS_MALFORMED,
      "world.json:32: /objects/2/animate: must be true or false, not a text" },
    { "\"type\": \"replay\"", "\"type\": \"modbus\"", STATUS_UNSUPPORTED,
      "world.json:34: /feeds/0/type: \"modbus\" is not a feed type; there are \"replay\", \"sim\", \"mqtt\" "
      "and "
      "\"sparkplug\"" },
    { "\"type\": \"replay\"", "\"type\": \"mqtt\"", STATUS_MALFORMED,
      "world.json:34: /feeds/0/trace: unknown key \"trace\"" },
    { "\"type\": \"replay\"", "\"type\": \"sim\"", STATUS_MALFORMED,
      "world.json:34: /feeds/0/trace: unknown key \"trace\"" },
    { "t.mapping.json", "/t.mapping.json", STATUS_INVALID_ARGUMENT,
      "world.json:35: /feeds/0/mapping: \"/t.mapping.json\" is not a file name: use a relative path with '/' "
      "and without '..'" },
    { "\"feeds\"", "\"feed\"", STATUS_MALFORMED, "world.json:34: /feed: unknown key \"feed\"" },
    { "\"kinds\": { \"pump\": {", "\"kinds\": { \"x\": 3, \"pump\": {", STATUS_MALFORMED,
      "world.json:11: /kinds/x: must be an object, not a number" },
    { "\"kinds\": { \"pump\": {", "\"kinds\": { \"pump\": { \"color\": 1,", STATUS_MALFORMED,
      "world.json:11: /kinds/pump/color: unknown key \"color\"" },
};

static char *replaced(const char *from, const char *to)
{
    const char *at = strstr(world_json, from);
    assert_non_null(at);
    size_t before = (size_t)(at - world_json);
    char *json = arena_alloc(&arena, sizeof world_json + strlen(to), 1);
    memcpy(json, world_json, before);
    snprintf(json + before, sizeof world_json + strlen(to) - before, "%s%s", to, at + strlen(from));
    return json;
}

static void test_names_every_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad_worlds); i++) {
        World world = { .name = "untouched" };
        Status status = load(replaced(bad_worlds[i].from, bad_worlds[i].to), &world);
        if (status != bad_worlds[i].status) {
            print_error("%s -> %s: %s\n", bad_worlds[i].from, bad_worlds[i].to, message());
        }
        assert_int_equal(status, bad_worlds[i].status);
        if (bad_worlds[i].message) {
            assert_string_equal(message(), bad_worlds[i].message);
        }
        assert_true(diag.line > 0 || strncmp(diag.path, "models/", 7) == 0);
        assert_string_equal(world.name, "untouched");
    }
}

static void test_too_many_bindings(void **state)
{
    (void)state;
    char list[64 * 64] = "";
    size_t used = 0;
    for (int i = 0; i < 63; i++) { /* and two from the kind */
        used += (size_t)snprintf(list + used, sizeof list - used,
                                 "%s{\"kind\":\"label\",\"property\":\"note\"}", i ? "," : "");
    }
    char to[sizeof list + 64];
    snprintf(to, sizeof to, "\"animate\": true, \"bindings\": [%s]", list);
    World world;
    assert_int_equal(load(replaced("\"animate\": true", to), &world), STATUS_OUT_OF_RANGE);
    assert_string_equal(message(),
                        "world.json:31: /objects/1/bindings: object \"o2\" has 65 bindings, 64 is the most");
}

static void test_missing_world(void **state)
{
    (void)state;
    const AssetTable table = { NULL, 0 };
    World world;
    assert_int_equal(world_load(asset_source_memory(&table), &arena, &world, &diag), STATUS_NOT_FOUND);
    assert_string_equal(diag.path, "world.json");
    assert_int_equal(load("", &world), STATUS_MALFORMED);
    assert_int_equal(load("[1]", &world), STATUS_MALFORMED);
    assert_string_equal(message(), "world.json:1: must be an object, not an array");
    assert_int_equal(load("{\"dtmv\": 1, \"name\": \"n\", \"bounds\": {\"min\": [0,0], \"max\": [1,1]},"
                          "\"spawn_points\": [{\"position\": [0,0,0]}]}",
                          &world),
                     STATUS_OK); /* the least there can be */
    assert_int_equal(world.object_count + world.thing_count + world.feed_count, 0);
    assert_true(world.environment.sun_direction[1] > 0.7f && world.environment.grid);
    assert_string_equal(world.title, "n");
}

/* Every prefix of the file, and memory that ends anywhere: an error, no crash, no leak. */
static void test_cut_and_starved(void **state)
{
    (void)state;
    World world;
    char cut[sizeof world_json];
    for (size_t size = 0; size + 2 < sizeof world_json; size += 7) {
        memcpy(cut, world_json, size);
        cut[size] = '\0';
        assert_int_equal(load(cut, &world), STATUS_MALFORMED);
    }
    unsigned good = 0;
    for (size_t limit = 256; limit < 32768; limit += 256) {
        Arena small;
        arena_init(&small, limit);
        Status status = load_into(&small, world_json, &world);
        assert_true(status == STATUS_OK || status == STATUS_OUT_OF_MEMORY);
        good += status == STATUS_OK;
        arena_finish(&small);
    }
    assert_true(good > 0);
}

/* The example of the format's description is a world. */
static void test_documented_example(void **state)
{
    (void)state;
    static const char td[] =
        "{\"@context\": \"x\", \"title\": \"Pump\", \"security\": \"n\", \"securityDefinitions\": {},"
        "\"properties\": {\"speed\": {\"type\": \"number\", \"unit\": \"1/min\"},"
        "\"temperature\": {\"type\": \"number\", \"unit\": \"degC\"},"
        "\"alarm\": {\"type\": \"string\", \"enum\": [\"NORMAL\", \"ACTIVE\"]}}}";
    static const char pump[] = "{\"asset\": {\"version\": \"2.0\"}, \"nodes\": [{\"name\": \"impeller\"},"
                               "{\"name\": \"casing\"}]}";
    Bytes page;
    assert_int_equal(disk_read(DTMV_SOURCE_DIR "/shared/model/WORLD.md", 1 << 20, &arena, &page, &diag),
                     STATUS_OK);
    const char *begin = strstr((const char *)page.data, "```json\n");
    assert_non_null(begin);
    begin += 8;
    const char *end = strstr(begin, "\n```");
    assert_non_null(end);
    const AssetEntry entries[] = {
        { "world.json", { (const uint8_t *)begin, (size_t)(end - begin) } },
        ENTRY("things/pump.td.json", td),
        ENTRY("models/pump.glb", pump),
        ENTRY("models/hall.glb", pump),
    };
    const AssetTable table = { entries, ARRAY_COUNT(entries) };
    World world;
    diag = (Diag){ 0 };
    Status status = world_load(asset_source_memory(&table), &arena, &world, &diag);
    assert_string_equal(message(), "");
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(world.objects[1].binding_count, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loads_everything),   cmocka_unit_test(test_files_and_hash),
        cmocka_unit_test(test_names_every_fault),  cmocka_unit_test(test_too_many_bindings),
        cmocka_unit_test(test_missing_world),      cmocka_unit_test(test_cut_and_starved),
        cmocka_unit_test(test_documented_example),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
