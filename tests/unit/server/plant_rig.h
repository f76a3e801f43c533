/* plant_rig.h - the shipped plant, simulated, and what a test asks of it: commands by name, the last value
 * that each sensor told. Monotonic time starts at RIG_ORIGIN. */
#ifndef TESTS_UNIT_SERVER_PLANT_RIG_H
#define TESTS_UNIT_SERVER_PLANT_RIG_H
#include "server/physical/physical.h"
#include "shared/base/disk_file.h"

#include <stdio.h>
#include <string.h>

#define RIG_ORIGIN (777 * TIME_SECOND)
#define RIG_START \
    (INT64_C(1791994800) * TIME_SECOND) /* 2026-10-14 16:20 UTC, when the recorded trace begins */
#define RIG_SAMPLES 1024

typedef struct PlantRig {
    Arena arena;
    World world;
    Physical *physical;
    Field field;
    TimeNs now;
    bool silent; /* does not tell that the link is alive */
    uint64_t samples, bad;
    uint32_t commands;
    Reported last[16][THING_PROPERTIES_MAX];
    double sum[16][THING_PROPERTIES_MAX]; /* of good numbers */
    uint64_t count[16][THING_PROPERTIES_MAX];
    uint64_t digest; /* of all samples, in order */
} PlantRig;

static inline void plant_rig_world(PlantRig *rig)
{
    static const DiskFolders folders = { .folders = { DTMV_SOURCE_DIR "/assets/worlds/plant" } };
    Diag diag = { 0 };
    memset(rig, 0, sizeof *rig);
    arena_init(&rig->arena, 0);
    assert_int_equal(world_load(asset_source_folders(&folders), &rig->arena, &rig->world, &diag), STATUS_OK);
}

static inline void plant_rig_init(PlantRig *rig, PhysicalConfig config)
{
    Diag diag = { 0 };
    plant_rig_world(rig);
    config.world = &rig->world;
    config.start = config.start == 0 ? RIG_START : config.start;
    assert_int_equal(physical_create(&config, &rig->physical, &diag), STATUS_OK);
    rig->field = physical_field(rig->physical);
    rig->now = RIG_ORIGIN;
}

static inline void plant_rig_finish(PlantRig *rig)
{
    physical_destroy(rig->physical);
    arena_finish(&rig->arena);
}

static inline uint32_t rig_thing(const PlantRig *rig, const char *id)
{
    int thing = world_thing_index(&rig->world, id);
    assert_true(thing >= 0);
    return (uint32_t)thing;
}

static inline uint8_t rig_property(const PlantRig *rig, uint32_t thing, const char *name)
{
    int property = thing_property_index(rig->world.things[thing].model, name);
    assert_true(property >= 0);
    return (uint8_t)property;
}

static inline void rig_take(PlantRig *rig, const FieldSample *sample)
{
    const Property *property = &rig->world.things[sample->thing].model->properties[sample->property];
    rig->samples++;
    rig->bad += sample->quality == QUALITY_BAD;
    rig->digest = (rig->digest ^ (uint64_t)sample->code ^ ((uint64_t)sample->thing << 40) ^
                   ((uint64_t)sample->property << 48) ^ (uint64_t)sample->source_time) *
                  UINT64_C(0x100000001b3);
    rig->last[sample->thing][sample->property] =
        (Reported){ .code = sample->code, .source_time = sample->source_time, .quality = sample->quality };
    if (sample->quality == QUALITY_GOOD && property->encoding == CHANNEL_STEPS) {
        double value = property_decode(property, sample->code, NULL).number;
        assert_true(value >= property->minimum && value <= property->maximum);
        rig->sum[sample->thing][sample->property] += value;
        rig->count[sample->thing][sample->property]++;
    }
}

/* One poll at rig->now. */
static inline void rig_poll(PlantRig *rig)
{
    FieldSample samples[RIG_SAMPLES];
    size_t count;
    if (!rig->silent) {
        rig->field.ops->heard(rig->field.context, rig->now);
    }
    do {
        assert_int_equal(rig->field.ops->poll(rig->field.context, rig->now, samples, RIG_SAMPLES, &count),
                         STATUS_OK);
        for (size_t i = 0; i < count; i++) {
            rig_take(rig, &samples[i]);
        }
    } while (count == RIG_SAMPLES);
}

/* Lets `seconds` pass, polling five times a second. */
static inline void rig_run(PlantRig *rig, double seconds)
{
    TimeNs end = rig->now + time_from_seconds(seconds);
    rig_poll(rig);
    while (rig->now < end) {
        rig->now += rig->now + TIME_SECOND / 5 < end ? TIME_SECOND / 5 : end - rig->now;
        rig_poll(rig);
    }
}

static inline double rig_number(const PlantRig *rig, const char *id, const char *name)
{
    uint32_t thing = rig_thing(rig, id);
    uint8_t property = rig_property(rig, thing, name);
    assert_int_equal(rig->last[thing][property].quality, QUALITY_GOOD);
    const Property *schema = &rig->world.things[thing].model->properties[property];
    Value value = property_decode(schema, rig->last[thing][property].code, NULL);
    return value.type == VALUE_BOOLEAN ? (double)value.boolean : value.number;
}

static inline const char *rig_text(const PlantRig *rig, const char *id, const char *name)
{
    uint32_t thing = rig_thing(rig, id);
    uint8_t property = rig_property(rig, thing, name);
    assert_int_equal(rig->last[thing][property].quality, QUALITY_GOOD);
    return property_decode(&rig->world.things[thing].model->properties[property],
                           rig->last[thing][property].code, NULL)
        .text;
}

static inline double rig_mean(const PlantRig *rig, const char *id, const char *name)
{
    uint32_t thing = rig_thing(rig, id);
    uint8_t property = rig_property(rig, thing, name);
    return rig->sum[thing][property] / (double)rig->count[thing][property];
}

static inline FieldCommand rig_order(PlantRig *rig, const char *id, const char *action, const Value *value)
{
    uint32_t thing = rig_thing(rig, id);
    int index = thing_action_index(rig->world.things[thing].model, action);
    assert_true(index >= 0);
    FieldCommand order = {
        .thing = thing, .action = (uint8_t)index, .has_value = value != NULL, .source_time = TIME_NONE
    };
    snprintf(order.command, sizeof order.command, "%032x", ++rig->commands);
    if (value != NULL) {
        order.value = *value;
    }
    return order;
}

static inline FieldAnswer rig_act(PlantRig *rig, const char *id, const char *action, const Value *value)
{
    FieldAnswer answer;
    FieldCommand order = rig_order(rig, id, action, value);
    rig->field.ops->command(rig->field.context, rig->now, &order, &answer);
    assert_string_equal(answer.command, order.command);
    assert_true(answer.accepted == (answer.reason[0] == '\0'));
    return answer;
}

static inline FieldAnswer rig_set(PlantRig *rig, const char *id, const char *action, double number)
{
    return rig_act(rig, id, action, &(Value){ .type = VALUE_NUMBER, .number = number });
}

/* Whether the Thing Description's terms hold for the action now, by what was told: what the enabler looks at.
 */
static inline const Interlock *rig_blocked(const PlantRig *rig, const char *id, const char *action)
{
    uint32_t thing = rig_thing(rig, id);
    const ThingModel *model = rig->world.things[thing].model;
    return action_blocked(model, &model->actions[thing_action_index(model, action)], rig->last[thing]);
}

/* Whether what was told confirms that the action has had its effect. */
static inline bool rig_confirmed(const PlantRig *rig, const char *id, const char *name, const Value *value)
{
    uint32_t thing = rig_thing(rig, id);
    const ThingModel *model = rig->world.things[thing].model;
    const Action *action = &model->actions[thing_action_index(model, name)];
    int64_t desired;
    assert_int_equal(action_desired(model, action, value, NULL, &desired), STATUS_OK);
    return action_confirmed(model, action, desired, &rig->last[thing][action->target]);
}

static inline void rig_break(PlantRig *rig, const char *thing, const char *fault, double severity)
{
    assert_int_equal(physical_inject(rig->physical, thing, fault, severity, rig->now), STATUS_OK);
}

#endif
