#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/dump.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const alarm_names[] = { "NORMAL", "ACTIVE" };
static Property properties[] = {
    { .name = "temperature", .unit = "degC", .encoding = CHANNEL_EXACT, .type = PROPERTY_NUMBER },
    { .name = "level", .unit = "", .encoding = CHANNEL_STEPS, .type = PROPERTY_NUMBER, .resolution = 0.1 },
    { .name = "count", .unit = "1", .encoding = CHANNEL_STEPS, .type = PROPERTY_INTEGER, .resolution = 1 },
    { .name = "open", .unit = "", .encoding = CHANNEL_BOOLEAN, .type = PROPERTY_BOOLEAN },
    { .name = "alarm",
      .unit = "",
      .encoding = CHANNEL_ENUM,
      .type = PROPERTY_TEXT,
      .enum_names = alarm_names,
      .enum_count = 2 },
    { .name = "note", .unit = "", .encoding = CHANNEL_TEXT, .type = PROPERTY_TEXT },
};
static ThingModel model = { .properties = properties, .property_count = 6 };
static Thing things[] = { { .id = "pump-1", .model = &model }, { .id = "pump-2", .model = &model } };
static const World world = { .name = "small", .things = things, .thing_count = 2 };

static int64_t exact(double value)
{
    int64_t code;
    memcpy(&code, &value, sizeof code);
    return code;
}

static Operations operations;

static json_t *dump(const DumpFrame *frame)
{
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(dump_format(frame, &text, &size), STATUS_OK);
    assert_int_equal(size, strlen(text));
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    free(text);
    return json;
}

static json_t *property_of(json_t *json, size_t thing, const char *name)
{
    return json_object_get(
        json_object_get(json_array_get(json_object_get(json, "things"), thing), "properties"), name);
}

static void test_values(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    TextTable texts;
    uint32_t id;
    WorldValues values;
    assert_int_equal(text_table_init(&texts, 8, &arena), STATUS_OK);
    assert_int_equal(text_intern(&texts, "by \"hand\"", &id), STATUS_OK);
    assert_int_equal(world_values_create(&world, &arena, &values), STATUS_OK);
    const int64_t codes[] = { exact(0.1 + 0.2), 7, -3, 1, 1, id };
    for (uint32_t i = 0; i < 6; i++) {
        values.reported[i] =
            (Reported){ .code = codes[i], .source_time = 1600000000000000001, .quality = QUALITY_GOOD };
    }
    values.reported[1].quality = QUALITY_STALE;
    SessionAvatar other = { .name = "Bob", .position = { 1.5f, 0, -2 }, .yaw = 0.25f };
    AvatarState own = { .position = { 3, 0, 4 }, .yaw = 16384 };
    DumpFrame frame = { .world = &world,
                        .operations = &operations,
                        .values = &values,
                        .texts = &texts,
                        .server_time = 123456789012345,
                        .source_time = 1600000000500000003,
                        .avatars = &other,
                        .avatar_count = 1,
                        .own_name = "Ada",
                        .own = &own,
                        .net = { .round_trip_ms = 0.3, .snapshots = 77, .lost = 1 },
                        .frame_count = 60,
                        .cpu_ms_p50 = NAN };
    json_t *json = dump(&frame);
    assert_true(json_real_value(json_object_get(property_of(json, 0, "temperature"), "value")) == 0.1 + 0.2);
    assert_string_equal(json_string_value(json_object_get(property_of(json, 0, "temperature"), "unit")),
                        "degC");
    assert_true(json_integer_value(json_object_get(property_of(json, 0, "temperature"), "source_time_ns")) ==
                1600000000000000001);
    assert_true(json_real_value(json_object_get(property_of(json, 0, "level"), "value")) == 0.7);
    assert_string_equal(json_string_value(json_object_get(property_of(json, 0, "level"), "quality")),
                        "stale");
    assert_true(json_is_integer(json_object_get(property_of(json, 0, "count"), "value")));
    assert_int_equal(json_integer_value(json_object_get(property_of(json, 0, "count"), "value")), -3);
    assert_true(json_is_true(json_object_get(property_of(json, 0, "open"), "value")));
    assert_string_equal(json_string_value(json_object_get(property_of(json, 0, "alarm"), "value")), "ACTIVE");
    assert_string_equal(json_string_value(json_object_get(property_of(json, 0, "note"), "value")),
                        "by \"hand\"");
    assert_true(json_integer_value(json_object_get(json, "server_time_ns")) == 123456789012345);
    assert_true(json_integer_value(json_object_get(json, "source_time_ns")) == 1600000000500000003);
    json_t *avatars = json_object_get(json, "avatars");
    assert_int_equal(json_array_size(avatars), 2);
    assert_true(json_is_true(json_object_get(json_array_get(avatars, 0), "self")));
    assert_true(fabs(json_real_value(json_object_get(json_array_get(avatars, 0), "yaw")) - 1.5707963) < 1e-4);
    assert_true(json_is_false(json_object_get(json_array_get(avatars, 1), "self")));
    assert_true(json_real_value(json_array_get(json_object_get(json_array_get(avatars, 1), "position"), 2)) ==
                -2.0);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "net"), "snapshots")), 77);
    assert_true(json_is_null(json_object_get(json_object_get(json, "frame"), "cpu_ms_p50")));
    json_decref(json);
    arena_finish(&arena);
}

static void test_nothing_reported(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    WorldValues values;
    TextTable texts;
    assert_int_equal(text_table_init(&texts, 8, &arena), STATUS_OK);
    assert_int_equal(world_values_create(&world, &arena, &values), STATUS_OK);
    json_t *json = dump(&(DumpFrame){ .world = &world,
                                      .operations = &operations,
                                      .values = &values,
                                      .texts = &texts,
                                      .server_time = TIME_NONE,
                                      .source_time = TIME_NONE,
                                      .own_name = "" });
    assert_int_equal(json_array_size(json_object_get(json, "things")), 2);
    for (uint32_t i = 0; i < 6; i++) {
        json_t *property = property_of(json, 1, properties[i].name);
        assert_int_equal(json_object_size(property), 5);
        assert_true(json_is_null(json_object_get(property, "value")));
        assert_true(json_is_null(json_object_get(property, "source_time_ns")));
        assert_string_equal(json_string_value(json_object_get(property, "quality")), "none");
    }
    assert_true(json_is_null(json_object_get(json, "server_time_ns")));
    assert_int_equal(json_array_size(json_object_get(json, "avatars")), 0);
    json_decref(json);
    arena_finish(&arena);
}

/* What a snapshot says of things that the world does not have, or has otherwise, is not shown. */
static void test_values_of_a_strange_snapshot(void **state)
{
    (void)state;
    Arena arena;
    WorldValues values;
    ChannelState channels[6] = { { .code = 5, .source_time = 7, .quality = QUALITY_GOOD } };
    EntityState entities[] = {
        { .kind = ENTITY_TWIN, .handle = { 1u << ENTITY_INDEX_BITS }, .channel_count = 5 }, /* five of six */
        { .kind = ENTITY_TWIN,
          .handle = { 1u << ENTITY_INDEX_BITS | 1 },
          .channel_count = 6,
          .first_channel = 1 }, /* beyond the end */
        { .kind = ENTITY_TWIN,
          .handle = { 1u << ENTITY_INDEX_BITS | 9 },
          .channel_count = 6 }, /* no such thing */
        { .kind = ENTITY_AVATAR, .subject = 0, .channel_count = 6 },
    };
    Snapshot snapshot = { .entities = entities, .entity_count = 4, .channels = channels, .channel_count = 6 };
    arena_init(&arena, 0);
    assert_int_equal(world_values_create(&world, &arena, &values), STATUS_OK);
    world_values_fill(&values, &snapshot);
    for (uint32_t i = 0; i < 12; i++) {
        assert_int_equal(values.reported[i].quality, QUALITY_NONE);
    }
    entities[1].first_channel = 0;
    world_values_fill(&values, &snapshot);
    assert_true(world_value(&values, 1, 0)->code == 5);
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_nothing_reported),
        cmocka_unit_test(test_values_of_a_strange_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
