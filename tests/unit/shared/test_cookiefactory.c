/* The real recording's world: it loads with all its machines, and every row of the recording has a place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "shared/base/disk_file.h"
#include "shared/model/avatar.h"
#include "shared/trace/csv_reader.h"
#include "shared/trace/input_file.h"

#define WORLD_FOLDER DTMV_SOURCE_DIR "/tests/real/cookiefactory"
#define DATA_FOLDER  DTMV_DATA_DIR "/cookiefactory"

static Arena arena;
static World world;
static bool loaded;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 0);
    Bytes scene;
    if (disk_read(DATA_FOLDER "/CookieFactory.json", (size_t)16 << 20, &arena, &scene, NULL) != STATUS_OK) {
        return 0;
    }
    static const DiskFolders folders = { { WORLD_FOLDER, DATA_FOLDER } };
    Diag diag = { 0 };
    loaded = world_load(asset_source_folders(&folders), &arena, &world, &diag) == STATUS_OK;
    if (!loaded) {
        print_error("%s:%u: %s\n", diag.path, diag.line, diag.text);
        return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_finish(&arena);
    return 0;
}

static void need_data(void)
{
    if (!loaded) {
        print_message("skipped: no recording in " DATA_FOLDER "\n");
        skip();
    }
}

static void test_machines(void **state)
{
    (void)state;
    need_data();
    assert_int_equal(world.thing_count, 27);
    assert_int_equal(world.object_count, 27);
    char id[24];
    for (int i = 0; i < 26; i++) {
        snprintf(id, sizeof id, "Mixer_%d", i);
        int index = world_thing_index(&world, id);
        assert_true(index >= 0);
        assert_int_equal(thing_property_index(world.things[index].model, "RPM"), 1);
        assert_int_equal(world.things[index].model->properties[0].encoding, CHANNEL_EXACT);
        assert_int_equal(world.things[index].model->property_count, 3);
        assert_ptr_equal(world.things[index].model, world.things[0].model);
        assert_int_equal(world.objects[index].thing, index);
    }
    int tank = world_thing_index(&world, "WaterTank");
    assert_int_equal(world.things[tank].model->property_count, 5);
    assert_true(fabsf(world.objects[tank].position[0] - 32.627f) < 1e-4f);
    assert_true(fabsf(world.objects[tank].rotation[1] + sqrtf(0.5f)) <
                1e-5f); /* a quarter turn to the right */
    assert_true(fabsf(world.objects[0].rotation[1] + 1) < 1e-5f);
    assert_int_equal(world.file_count, 5); /* the world, two descriptions, two models */
}

/* Nobody appears inside a machine. */
static void test_spawn_points_are_free(void **state)
{
    (void)state;
    need_data();
    for (uint32_t i = 0; i < world.spawn_point_count; i++) {
        const SpawnPoint *point = &world.spawn_points[i];
        AvatarState avatar = { .position = { point->position[0], point->position[1], point->position[2] } };
        AvatarInput still = { 0 };
        avatar_step(&avatar, &still, &world);
        assert_memory_equal(avatar.position, point->position, sizeof avatar.position);
    }
}

static void test_every_row_has_a_place(void **state)
{
    (void)state;
    need_data();
    Bytes json;
    Diag diag = { 0 };
    TraceMapping *mapping = NULL;
    TextTable texts;
    CsvReader *reader = NULL;
    TraceInput input = { 0 };
    assert_int_equal(text_table_init(&texts, 16, &arena), STATUS_OK);
    assert_int_equal(disk_read(WORLD_FOLDER "/telemetry.mapping.json", 1 << 20, &arena, &json, &diag),
                     STATUS_OK);
    Status status = trace_mapping_load(json, "telemetry.mapping.json", &world, &arena, &mapping, &diag);
    assert_string_equal(diag.text, "");
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(trace_input_open(DATA_FOLDER "/telemetry.csv", &input, &diag), STATUS_OK);
    assert_int_equal(csv_reader_create(input, "telemetry.csv", mapping, &texts, &arena, &reader), STATUS_OK);
    unsigned samples[27] = { 0 };
    TraceSample sample;
    while ((status = csv_reader_next(reader, &sample, &diag)) == STATUS_OK) {
        samples[sample.thing]++;
        assert_int_equal(sample.quality, QUALITY_GOOD);
    }
    assert_int_equal(status, STATUS_END);
    const TraceCounters *counters = csv_reader_counters(reader);
    assert_int_equal(counters->rows, 19970);
    assert_int_equal(counters->samples, 19970);
    assert_int_equal(counters->unmapped + counters->refused + counters->missing, 0);
    for (size_t i = 0; i < ARRAY_COUNT(samples); i++) {
        assert_true(samples[i] > 500);
    }
    trace_input_close(&input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machines),
        cmocka_unit_test(test_spawn_points_are_free),
        cmocka_unit_test(test_every_row_has_a_place),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
