/* Every kind of binding seen in what the scene gives to the renderer and the UI, and the people in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "client/scene/gltf.h"
#include "client/scene/scene.h"
#include "shared/base/disk_file.h"

enum { TEMPERATURE, SPEED, LEVEL, ALARM, OPEN, PROPERTY_COUNT };

static const char *const alarm_names[] = { "NORMAL", "ACTIVE", "ACKNOWLEDGED" };
static Property properties[PROPERTY_COUNT] = {
    { .name = "temperature",
      .title = "Temperature",
      .unit = "degC",
      .encoding = CHANNEL_STEPS,
      .resolution = 0.1 },
    { .name = "speed", .title = "Speed", .unit = "1/min", .encoding = CHANNEL_STEPS, .resolution = 1 },
    { .name = "level", .title = "Level", .unit = "%", .encoding = CHANNEL_STEPS, .resolution = 1 },
    { .name = "alarm",
      .title = "Alarm",
      .unit = "",
      .type = PROPERTY_TEXT,
      .encoding = CHANNEL_ENUM,
      .enum_names = alarm_names,
      .enum_count = 3 },
    { .name = "open", .title = "Open", .unit = "", .type = PROPERTY_BOOLEAN, .encoding = CHANNEL_BOOLEAN },
};
static const ThingModel thing_model = {
    .path = "t.json", .title = "Pump", .properties = properties, .property_count = PROPERTY_COUNT
};

/* base ─ wheel ─ tip, base ─ float; each with the mesh of a unit cube about its origin but base. */
static ModelPrimitive cube = { .index_count = 36,
                               .bounds_min = { -0.5f, -0.5f, -0.5f },
                               .bounds_max = { 0.5f, 0.5f, 0.5f } };
static ModelMesh mesh = { .primitives = &cube, .primitive_count = 1 };
#define STILL .rotation = { 0, 0, 0, 1 }, .scale = { 1, 1, 1 }
static ModelNode nodes[] = {
    { .name = "base", .parent = MODEL_NONE, .mesh = MODEL_NONE, STILL },
    { .name = "wheel", .parent = 0, .mesh = 0, .translation = { 0, 1, 0 }, STILL },
    { .name = "tip", .parent = 1, .mesh = 0, .translation = { 1, 0, 0 }, STILL },
    { .name = "float", .parent = 0, .mesh = 0, STILL },
};
static const Model pump = {
    .path = "pump.glb", .meshes = &mesh, .mesh_count = 1, .nodes = nodes, .node_count = 4
};

static MapStop heat_stops[] = { { 20, { 1, 1, 1, 1 } }, { 60, { 1, 0, 0, 1 } } };
static MapCase alarm_cases[] = {
    { .in = "NORMAL", .code = 0, .out = { 0, 1, 0, 0.5f } },
    { .in = "ACTIVE", .code = 1, .out = { 1, 0, 0, 4 }, .blink = true },
    { .in = "ACKNOWLEDGED", .code = 2, .out = { 1, 0.5f, 0, 2 } },
};
static MapStop level_stops[] = { { 0, { 0 } }, { 100, { 1 } } };
static MapCase open_cases[] = { { .in = "false", .code = 0, .out = { 0 } },
                                { .in = "true", .code = 1, .out = { 1 } } };

static Binding bindings[] = {
    { .kind = BINDING_COLOR,
      .property = TEMPERATURE,
      .node = "wheel",
      .map = { .stops = heat_stops, .stop_count = 2, .otherwise = { 1, 1, 1, 1 } } },
    { .kind = BINDING_SPIN, .property = SPEED, .node = "wheel", .axis = { 0, 0, 1 } },
    { .kind = BINDING_LEVEL,
      .property = LEVEL,
      .node = "float",
      .axis = { 0, 1, 0 },
      .map = { .stops = level_stops, .stop_count = 2 } },
    { .kind = BINDING_BEACON,
      .property = ALARM,
      .offset = { 0, 2, 1 },
      .map = { .cases = alarm_cases, .case_count = 3 } },
    { .kind = BINDING_LABEL, .property = TEMPERATURE, .offset = { 1, 3, 0 } },
    { .kind = BINDING_LABEL, .property = ALARM, .offset = { 9, 9, 9 }, .caption = "State" },
    { .kind = BINDING_VISIBILITY,
      .property = OPEN,
      .node = "tip",
      .map = { .cases = open_cases, .case_count = 2, .otherwise = { 1 } } },
    { .kind = BINDING_TRANSLATE,
      .property = LEVEL,
      .node = "float",
      .axis = { 0, 1, 0 },
      .map = { .stops = level_stops, .stop_count = 2 } },
    { .kind = BINDING_EMISSIVE,
      .property = ALARM,
      .node = "float",
      .map = { .cases = alarm_cases, .case_count = 3 } },
};

static Thing things[] = { { .id = "pump-1", .title = "Pump 1", .model = &thing_model } };
static Object objects[] = {
    { .id = "hall",
      .thing = WORLD_NO_THING,
      .position = { 5, 0, 0 },
      .rotation = { 0, 0, 0, 1 },
      .scale = { 2, 2, 2 } },
    /* A quarter turn about +Y: +Z of the object is +X of the world. */
    { .id = "pump",
      .thing = 0,
      .position = { 10, 0, 0 },
      .rotation = { 0, 0.70710678f, 0, 0.70710678f },
      .scale = { 1, 1, 1 },
      .casts_shadow = true,
      .bindings = bindings,
      .binding_count = ARRAY_COUNT(bindings) },
};
static World world = {
    .name = "test", .things = things, .thing_count = 1, .objects = objects, .object_count = 2
};

typedef struct Fixture {
    Arena arena;
    Scene *scene;
    SceneView view;
    ChannelState channels[PROPERTY_COUNT];
    EntityState entity;
    Snapshot snapshot;
    SceneInput input;
    size_t used; /* arena bytes after creation */
} Fixture;

#define NOW (INT64_C(1600000000) * TIME_SECOND)

static void finish(Fixture *f)
{
    assert_int_equal(f->arena.used, f->used); /* nothing was allocated after creation */
    arena_finish(&f->arena);
}

static void start(Fixture *f, SceneModel avatar)
{
    const SceneModel models[] = { { .model = &pump, .handle = { 7 } }, { .model = &pump, .handle = { 7 } } };
    const SceneConfig config = { .world = &world, .models = models, .avatar = avatar, .avatars_max = 3 };
    Diag diag = { 0 };
    memset(f, 0, sizeof *f);
    arena_init(&f->arena, 0);
    assert_int_equal(scene_create(&config, &f->arena, &f->scene, &diag), STATUS_OK);
    f->used = f->arena.used;
    f->entity = (EntityState){ .handle = { 1 << ENTITY_INDEX_BITS },
                               .kind = ENTITY_TWIN,
                               .channel_count = PROPERTY_COUNT };
    f->snapshot = (Snapshot){
        .entities = &f->entity, .entity_count = 1, .channels = f->channels, .channel_count = PROPERTY_COUNT
    };
    for (int i = 0; i < PROPERTY_COUNT; i++) {
        f->channels[i].source_time = TIME_NONE;
    }
    f->input = (SceneInput){ .snapshot = &f->snapshot, .source_time = NOW };
}

static void put(Fixture *f, int property, int64_t code, Quality quality)
{
    f->channels[property] = (ChannelState){ .code = code, .source_time = NOW, .quality = (uint8_t)quality };
}

/* One frame with a new snapshot. */
static void frame(Fixture *f, float dt)
{
    f->snapshot.sequence++;
    f->input.dt = dt;
    f->input.seconds += (double)dt;
    scene_update(f->scene, &f->input);
    scene_view(f->scene, &f->view);
}

/* Long enough for every smoothing to end. */
static void settle(Fixture *f)
{
    for (int i = 0; i < 40; i++) {
        frame(f, 0.1f);
    }
}

static bool near(float a, float b)
{
    return fabsf(a - b) < 1e-3f;
}

static void assert_vec3(const float *value, float x, float y, float z)
{
    if (!near(value[0], x) || !near(value[1], y) || !near(value[2], z)) {
        fail_msg("%g %g %g instead of %g %g %g", (double)value[0], (double)value[1], (double)value[2],
                 (double)x, (double)y, (double)z);
    }
}

static const RenderInstance *pump_instance(const Fixture *f)
{
    return &f->view.instances[1];
}

static void test_before_any_value(void **state)
{
    (void)state;
    Fixture f;
    start(&f, (SceneModel){ 0 });
    f.input.snapshot = NULL;
    frame(&f, 0.1f);
    assert_int_equal(f.view.instance_count, 2);
    assert_int_equal(f.view.instances[0].model.value, 7);
    assert_null(f.view.instances[0].node_tint);
    assert_false(f.view.instances[0].casts_shadow);
    assert_true(pump_instance(&f)->casts_shadow);
    assert_vec3(f.view.instances[0].node_world[1][3], 5, 2, 0); /* scaled by 2 */
    assert_vec3(pump_instance(&f)->node_tint[1], 1, 1, 1);
    assert_true(pump_instance(&f)->node_tint[2][3] == 1);
    assert_int_equal(f.view.lamp_count, 1);
    assert_true(f.view.lamps[0].color[3] == 0);
    assert_vec3(f.view.lamps[0].position, 11, 2, 0);
    assert_int_equal(f.view.label_count, 1);
    const SceneLabel *label = &f.view.labels[0];
    assert_string_equal(label->id, "pump");
    assert_string_equal(label->title, "Pump 1");
    assert_vec3(label->anchor, 10, 3, -1);
    assert_int_equal(label->line_count, 2);
    assert_string_equal(label->lines[0].value, "\xe2\x80\x93");
    assert_string_equal(label->lines[0].age, "");
    assert_null(label->badge);
    assert_true(f.view.newest_source_time == TIME_NONE);
    finish(&f);
}

static void test_color(void **state)
{
    (void)state;
    Fixture f;
    start(&f, (SceneModel){ 0 });
    put(&f, TEMPERATURE, 400, QUALITY_GOOD); /* 40 °C: half way */
    frame(&f, 0.01f);
    assert_vec3(pump_instance(&f)->node_tint[1], 1, 0.5f, 0.5f); /* the first value is shown at once */
    assert_vec3(pump_instance(&f)->node_tint[2], 1, 0.5f, 0.5f); /* below the wheel */
    assert_vec3(pump_instance(&f)->node_tint[3], 1, 1, 1);
    put(&f, TEMPERATURE, 600, QUALITY_GOOD);
    frame(&f, 0.05f);
    assert_true(pump_instance(&f)->node_tint[1][1] < 0.49f && pump_instance(&f)->node_tint[1][1] > 0.05f);
    settle(&f);
    assert_vec3(pump_instance(&f)->node_tint[1], 1, 0, 0);
    /* The line of the value that colours carries the colour, and so does the card. */
    assert_vec3(f.view.labels[0].lines[0].color, 1, 0, 0);
    assert_vec3(f.view.labels[0].lines[1].color, 0, 0, 0);
    assert_vec3(f.view.labels[0].accent, 1, 0, 0);
    finish(&f);
}

static float wheel_angle(const Fixture *f)
{
    /* The object's quarter turn about Y takes the wheel's X to -Z: look at it in the object's frame. */
    const vec4 *matrix = pump_instance(f)->node_world[1];
    return atan2f(matrix[0][1], -matrix[0][2]);
}

static void test_spin(void **state)
{
    (void)state;
    Fixture f;
    start(&f, (SceneModel){ 0 });
    put(&f, SPEED, 60, QUALITY_GOOD); /* a turn a second */
    frame(&f, 0.25f);
    assert_true(near(wheel_angle(&f), 1.5707963f));
    assert_vec3(pump_instance(&f)->node_world[2][3], 10, 2, 0); /* the tip is above the wheel */
    put(&f, SPEED, -600, QUALITY_GOOD);
    float before = wheel_angle(&f);
    frame(&f, 0.001f);
    assert_true(fabsf(wheel_angle(&f) - before) < 0.02f); /* a new speed does not jump */
    put(&f, SPEED, 0, QUALITY_GOOD);
    settle(&f);
    before = wheel_angle(&f);
    frame(&f, 0.1f);
    assert_true(wheel_angle(&f) == before);
    put(&f, SPEED, INT64_C(1) << 50, QUALITY_GOOD);
    frame(&f, 0.1f);
    assert_true(isfinite(wheel_angle(&f)));
    finish(&f);
}

static void test_level_and_translate(void **state)
{
    (void)state;
    Fixture f;
    start(&f, (SceneModel){ 0 });
    put(&f, LEVEL, 25, QUALITY_GOOD);
    frame(&f, 0.1f);
    const vec4 *matrix = pump_instance(&f)->node_world[3];
    assert_vec3(matrix[1], 0, 0.25f, 0);
    assert_vec3(matrix[3], 10, 0.25f, 0); /* moved by 0.25 m */
    assert_true(near(matrix[0][2], -1) && near(matrix[2][0], 1));
    put(&f, LEVEL, 0, QUALITY_GOOD);
    settle(&f);
    assert_true(pump_instance(&f)->node_world[3][1][1] > 0); /* never quite flat: matrices stay invertible */
    assert_true(pump_instance(&f)->node_world[3][1][1] < 0.01f);
    finish(&f);
}

static void test_visibility(void **state)
{
    (void)state;
    Fixture f;
    start(&f, (SceneModel){ 0 });
    put(&f, OPEN, 0, QUALITY_GOOD);
    frame(&f, 0.1f);
    assert_true(pump_instance(&f)->node_tint[2][3] == 0 && pump_instance(&f)->node_tint[1][3] == 1);
    put(&f, OPEN, 1, QUALITY_GOOD);
    frame(&f, 0.1f);
    assert_true(pump_instance(&f)->node_tint[2][3] == 1);
    finish(&f);
}

static void test_beacon_and_badge(void **state)
{
    (void)state;
    Fixture f;
    start(&f, (SceneModel){ 0 });
    put(&f, ALARM, 0, QUALITY_GOOD);
    settle(&f);
    assert_null(f.view.labels[0].badge);
    assert_true(near(f.view.lamps[0].color[1], 1) && near(f.view.lamps[0].color[3], 0.5f));
    assert_vec3(pump_instance(&f)->node_emissive[3], 0, 0.5f, 0);
    assert_vec3(pump_instance(&f)->node_emissive[1], 0, 0, 0);
    assert_int_equal(f.view.alarms, 0);
    put(&f, ALARM, 1, QUALITY_GOOD);
    settle(&f);
    assert_string_equal(f.view.labels[0].badge, "ACTIVE");
    assert_true(f.view.labels[0].blink);
    assert_vec3(f.view.labels[0].accent, 1, 0, 0);
    assert_int_equal(f.view.alarms, 1);
    /* Two seconds: two bright and two dark moments, at most 3 a second is safe. */
    int rises = 0;
    float low = 99, high = 0, last = f.view.lamps[0].color[3];
    bool rising = false;
    for (int i = 0; i < 120; i++) {
        frame(&f, 1.0f / 60);
        float now = f.view.lamps[0].color[3];
        rises += now > last && !rising;
        rising = now > last;
        low = fminf(low, now);
        high = fmaxf(high, now);
        last = now;
    }
    assert_in_range(rises, 2, 3);
    assert_true(low < 0.5f && low > 0 && high > 3.9f);
    put(&f, ALARM, 2, QUALITY_GOOD);
    settle(&f);
    assert_string_equal(f.view.labels[0].badge, "ACKNOWLEDGED");
    assert_false(f.view.labels[0].blink);
    assert_true(near(f.view.lamps[0].color[3], 2));
    put(&f, ALARM, 77, QUALITY_GOOD); /* no such name */
    settle(&f);
    assert_null(f.view.labels[0].badge);
    finish(&f);
}

static void test_label_texts(void **state)
{
    (void)state;
    Fixture f;
    static const struct {
        int64_t age_ms;
        const char *text;
    } ages[] = { { 0, "0.0 s" },           { 2140, "2.1 s" },         { 59960, "59.9 s" },
                 { 60000, "1 min 00 s" },  { 754000, "12 min 34 s" }, { 3 * 3600000 + 60000, "3 h 01 min" },
                 { 200 * 3600000, "8 d" }, { -500, "0.0 s" } };
    start(&f, (SceneModel){ 0 });
    put(&f, TEMPERATURE, 215, QUALITY_GOOD);
    for (size_t i = 0; i < ARRAY_COUNT(ages); i++) {
        f.input.source_time = NOW + ages[i].age_ms * TIME_MS;
        frame(&f, 0.01f);
        assert_string_equal(f.view.labels[0].lines[0].age, ages[i].text);
    }
    const UiLabelLine *line = &f.view.labels[0].lines[0];
    assert_string_equal(line->name, "Temperature");
    assert_string_equal(line->value, "21.5");
    assert_string_equal(line->unit, "\xc2\xb0"
                                    "C");
    assert_string_equal(f.view.labels[0].lines[1].name, "State");
    put(&f, TEMPERATURE, -999, QUALITY_GOOD);
    frame(&f, 0.001f); /* a number is never smoothed */
    assert_string_equal(line->value, "-99.9");
    f.channels[TEMPERATURE].source_time = INT64_MIN + 1;
    f.input.source_time = INT64_MAX;
    frame(&f, 0.001f);
    f.input.source_time = TIME_NONE;
    frame(&f, 0.001f);
    assert_string_equal(line->age, "");
    finish(&f);
}

static void test_stale_and_bad(void **state)
{
    (void)state;
    Fixture f;
    start(&f, (SceneModel){ 0 });
    put(&f, TEMPERATURE, 600, QUALITY_GOOD);
    put(&f, ALARM, 1, QUALITY_GOOD);
    settle(&f);
    assert_int_equal(f.view.labels[0].quality, QUALITY_GOOD);
    put(&f, TEMPERATURE, 600, QUALITY_STALE);
    settle(&f);
    const float *tint = pump_instance(&f)->node_tint[1];
    assert_true(tint[0] < 0.5f && tint[1] > 0.05f); /* paler */
    assert_true(pump_instance(&f)->node_tint[3][0] < 0.7f);
    assert_int_equal(f.view.labels[0].quality, QUALITY_STALE);
    assert_int_equal(f.view.labels[0].lines[0].quality, QUALITY_STALE);
    assert_int_equal(f.view.labels[0].lines[1].quality, QUALITY_GOOD);
    assert_string_equal(f.view.labels[0].lines[0].value, "60.0");
    assert_int_equal(f.view.things_stale, 1);
    assert_int_equal(f.view.things_bad, 0);
    put(&f, ALARM, 1, QUALITY_BAD);
    settle(&f);
    assert_int_equal(f.view.things_stale, 0);
    assert_int_equal(f.view.things_bad, 1);
    assert_int_equal(f.view.labels[0].quality, QUALITY_BAD);
    assert_null(f.view.labels[0].badge); /* nobody knows */
    assert_true(f.view.newest_source_time == NOW);
    finish(&f);
}

static void test_hostile_snapshots(void **state)
{
    (void)state;
    Fixture f;
    start(&f, (SceneModel){ 0 });
    put(&f, TEMPERATURE, 400, QUALITY_GOOD);
    f.entity.handle.value = 1u << ENTITY_INDEX_BITS | 1;
    frame(&f, 0.1f);
    assert_string_equal(f.view.labels[0].lines[0].value, "\xe2\x80\x93");
    f.entity.handle.value = 1u << ENTITY_INDEX_BITS;
    f.entity.first_channel = UINT32_MAX;
    frame(&f, 0.1f);
    assert_string_equal(f.view.labels[0].lines[0].value, "\xe2\x80\x93");
    f.entity.first_channel = 0;
    f.entity.channel_count = 1; /* fewer than the thing has */
    f.entity.kind = ENTITY_PROP;
    frame(&f, 0.1f);
    f.entity.kind = ENTITY_TWIN;
    f.channels[0].quality = 200;
    frame(&f, NAN);
    f.channels[0].quality = QUALITY_GOOD;
    f.channels[0].code = INT64_MAX;
    frame(&f, -5);
    frame(&f, INFINITY);
    assert_true(isfinite(pump_instance(&f)->node_world[3][3][1]));
    f.snapshot.entity_count = 0;
    frame(&f, 0.1f);
    assert_string_equal(f.view.labels[0].lines[0].value, "\xe2\x80\x93");
    finish(&f);
}

static void test_bounds_hold_the_model(void **state)
{
    (void)state;
    Fixture f;
    start(&f, (SceneModel){ 0 });
    put(&f, SPEED, 7, QUALITY_GOOD);
    for (int i = 0; i < 50; i++) {
        frame(&f, 0.2f);
        const RenderInstance *instance = pump_instance(&f);
        for (uint32_t node = 1; node < 4; node++) {
            for (int corner = 0; corner < 8; corner++) {
                float square = 0;
                for (int axis = 0; axis < 3; axis++) {
                    float at = instance->node_world[node][3][axis] - instance->bounds[axis];
                    for (int k = 0; k < 3; k++) {
                        at += instance->node_world[node][k][axis] * (corner >> k & 1 ? 0.5f : -0.5f);
                    }
                    square += at * at;
                }
                assert_true(sqrtf(square) <= instance->bounds[3] + 1e-3f);
            }
        }
        assert_true(instance->bounds[3] < 3.5f);
    }
    finish(&f);
}

static void test_unknown_node(void **state)
{
    (void)state;
    Fixture f;
    Scene *scene = NULL;
    Diag diag = { 0 };
    const SceneModel models[] = { { .model = &pump }, { .model = &pump } };
    const SceneConfig config = { .world = &world, .models = models };
    const char *name = bindings[0].node;
    memset(&f, 0, sizeof f);
    arena_init(&f.arena, 0);
    bindings[0].node = "wheels";
    Status status = scene_create(&config, &f.arena, &scene, &diag);
    bindings[0].node = name;
    assert_int_equal(status, STATUS_NOT_FOUND);
    assert_non_null(strstr(diag.text, "'pump'"));
    assert_non_null(strstr(diag.text, "'wheels'"));
    assert_null(scene);
    arena_finish(&f.arena);
    arena_init(&f.arena, 4096);
    assert_int_equal(scene_create(&config, &f.arena, &scene, &diag), STATUS_OUT_OF_MEMORY);
    arena_finish(&f.arena);
}

static void test_people_come_and_go(void **state)
{
    (void)state;
    Fixture f;
    SessionAvatar people[5];
    start(&f, (SceneModel){ .model = &pump, .handle = { 9 } }); /* any model will do */
    for (uint16_t i = 0; i < 5; i++) {
        people[i] =
            (SessionAvatar){ .session = (uint16_t)(i + 1), .name = "somebody", .position = { i, 0, 0 } };
    }
    f.input.avatars = people;
    f.input.avatar_count = 5;
    frame(&f, 0.1f);
    assert_int_equal(f.view.name_count, 3); /* as many as configured */
    assert_int_equal(f.view.instance_count, 5);
    assert_int_equal(f.view.instances[4].model.value, 9);
    assert_vec3(f.view.instances[4].node_world[0][3], 2, 0, 0);
    assert_true(f.view.names[1].anchor[1] > 1.75f);
    f.input.avatars = people + 3;
    f.input.avatar_count = 2;
    people[4].position[1] = NAN;
    frame(&f, 0.1f);
    assert_int_equal(f.view.name_count, 1);
    assert_int_equal(f.view.names[0].session, 4);
    people[4] = people[3]; /* the same session twice */
    frame(&f, 0.1f);
    assert_int_equal(f.view.name_count, 1);
    float a[3], b[3];
    scene_session_color(1, a);
    scene_session_color(2, b);
    assert_true(fabsf(a[0] - b[0]) + fabsf(a[1] - b[1]) + fabsf(a[2] - b[2]) > 0.3f);
    finish(&f);
}

/* The shipped avatar walks 1.5 m/s along -Z: it faces where it goes, its feet do not slide, and it stands
 * still when it stands. */
static void test_avatar_walks(void **state)
{
    (void)state;
    static const DiskFolders folders = { .folders = { DTMV_SOURCE_DIR } };
    Fixture f;
    Arena arena;
    Model model;
    Diag diag = { 0 };
    arena_init(&arena, 0);
    if (gltf_load(asset_source_folders(&folders), "assets/models/avatar.glb", &arena, &model, &diag) !=
        STATUS_OK) {
        fail_msg("%s", diag.text);
    }
    start(&f, (SceneModel){ .model = &model, .handle = { 3 } });
    uint32_t left = model_node_index(&model, "leftFoot"), right = model_node_index(&model, "rightFoot");
    uint32_t shirt = model_node_index(&model, "Shirt"), head = model_node_index(&model, "head");
    assert_true(left != MODEL_NONE && right != MODEL_NONE && shirt != MODEL_NONE && head != MODEL_NONE);
    SessionAvatar person = { .session = 4, .name = "walker", .speed = 1.5f };
    f.input.avatars = &person;
    f.input.avatar_count = 1;
    vec3 last[2] = { { 0 } };
    float sliding = 0, swing = 0;
    for (int i = 0; i < 360; i++) {
        person.position[2] -= 1.5f / 60;
        frame(&f, 1.0f / 60);
        const RenderInstance *walker = &f.view.instances[2];
        float speeds[2];
        for (int side = 0; side < 2; side++) {
            const float *foot = walker->node_world[side ? right : left][3];
            speeds[side] = hypotf(foot[0] - last[side][0], foot[2] - last[side][2]) * 60;
            memcpy(last[side], foot, sizeof last[side]);
        }
        if (i > 120) { /* once it is in its stride: the slower foot is the one on the ground */
            sliding += fminf(speeds[0], speeds[1]) / 239;
            swing = fmaxf(swing, fmaxf(speeds[0], speeds[1]));
        }
    }
    const RenderInstance *walker = &f.view.instances[2];
    /* Not nothing, because the ankle turns over the ball of the foot while that stands. */
    print_message("the standing foot moves at %.2f m/s on average, the other at up to %.1f m/s\n",
                  (double)sliding, (double)swing);
    assert_true(sliding < 0.25f && swing > 2);
    assert_true(walker->node_tint[shirt][3] == 1 && walker->node_tint[head][0] == 1);
    float color[3];
    scene_session_color(4, color);
    assert_vec3(walker->node_tint[shirt], color[0], color[1], color[2]);
    person.speed = 0;
    for (int i = 0; i < 120; i++) {
        frame(&f, 1.0f / 60);
    }
    assert_true(fabsf(walker->node_world[left][3][2] - walker->node_world[right][3][2]) < 0.05f);
    assert_true(walker->node_world[left][3][0] <
                walker->node_world[right][3][0]); /* facing -Z: right is +X */
    arena_finish(&arena);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_any_value),
        cmocka_unit_test(test_color),
        cmocka_unit_test(test_spin),
        cmocka_unit_test(test_level_and_translate),
        cmocka_unit_test(test_visibility),
        cmocka_unit_test(test_beacon_and_badge),
        cmocka_unit_test(test_label_texts),
        cmocka_unit_test(test_stale_and_bad),
        cmocka_unit_test(test_hostile_snapshots),
        cmocka_unit_test(test_bounds_hold_the_model),
        cmocka_unit_test(test_unknown_node),
        cmocka_unit_test(test_people_come_and_go),
        cmocka_unit_test(test_avatar_walks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
