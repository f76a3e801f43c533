#include "server/physical/mqtt_edge.h"
#include "server/twin/mqtt_feed.h"
#include "shared/mqtt/mqtt_link_memory.h"
#include "tests/unit/server/small_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW        INT64_C(1700000000000000000)
#define SECONDS(s) ((TimeNs)((s)*1000000000.0))
#define COMMAND_ID "00112233445566778899aabbccddeeff"

/* A field that says what the test tells it to, and remembers what it was told. */
typedef struct ScriptField {
    FieldSample samples[16];
    size_t count;
    FieldCommand command;
    char text[64];
    unsigned commands, heard;
    bool accepts;
} ScriptField;

typedef struct Fixture {
    SmallWorld small;
    Action actions[1];
    ScriptField field;
    MqttMemory *memory;
    MqttEdge *edge;
} Fixture;

static Status field_poll(void *context, TimeNs now, FieldSample *out_samples, size_t capacity,
                         size_t *out_count)
{
    ScriptField *field = context;
    (void)now;
    assert_true(capacity >= field->count);
    memcpy(out_samples, field->samples, field->count * sizeof *out_samples);
    *out_count = field->count;
    field->count = 0;
    return STATUS_OK;
}

static void field_command(void *context, TimeNs now, const FieldCommand *command, FieldAnswer *out_answer)
{
    ScriptField *field = context;
    (void)now;
    field->commands++;
    field->command = *command;
    snprintf(field->text, sizeof field->text, "%s", command->value.text == NULL ? "" : command->value.text);
    *out_answer = (FieldAnswer){ .accepted = field->accepts };
    snprintf(out_answer->reason, sizeof out_answer->reason, "%s", field->accepts ? "" : "the \"key\" is out");
}

static void field_heard(void *context, TimeNs now)
{
    ScriptField *field = context;
    (void)now;
    field->heard++;
}

static const FieldOps field_ops = { .poll = field_poll, .command = field_command, .heard = field_heard };

static void begin(Fixture *fixture)
{
    Diag diag = { 0 };
    MqttLink link;
    memset(fixture, 0, sizeof *fixture);
    assert_true(small_world_init(&fixture->small, 2));
    fixture->actions[0] = (Action){ .name = "set", .has_input = true, .input_type = PROPERTY_NUMBER };
    fixture->small.model.actions = fixture->actions;
    fixture->small.model.action_count = 1;
    fixture->field.accepts = true;
    assert_int_equal(mqtt_memory_create(&link, &fixture->memory), STATUS_OK);
    mqtt_memory_set_clock(fixture->memory, NOW);
    MqttEdgeConfig config = { .link = link,
                              .world = &fixture->small.world,
                              .texts = &fixture->small.texts,
                              .field = { .ops = &field_ops, .context = &fixture->field } };
    assert_int_equal(mqtt_edge_create(&config, &fixture->edge, &diag), STATUS_OK);
}

static void finish(Fixture *fixture)
{
    mqtt_edge_destroy(fixture->edge);
    small_world_finish(&fixture->small);
}

static void measure(Fixture *fixture, uint32_t thing, uint8_t property, int64_t code, Quality quality)
{
    fixture->field.samples[fixture->field.count++] = (FieldSample){ .thing = thing,
                                                                    .property = property,
                                                                    .quality = (uint8_t)quality,
                                                                    .code = code,
                                                                    .source_time = NOW - 5 };
}

static void tick(Fixture *fixture)
{
    assert_int_equal(mqtt_edge_tick(fixture->edge, 1), STATUS_OK);
}

static void measurements_are_published_and_kept(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture);
    measure(&fixture, 0, SMALL_TEMPERATURE, 210, QUALITY_GOOD);
    tick(&fixture); /* nobody there: the newest waits */
    measure(&fixture, 0, SMALL_TEMPERATURE, 215, QUALITY_GOOD);
    tick(&fixture);
    assert_int_equal(mqtt_memory_sent_count(fixture.memory), 0);
    assert_int_equal(fixture.field.heard, 0); /* silence: the safe state is near */
    mqtt_memory_connect(fixture.memory, true);
    measure(&fixture, 1, SMALL_STATE, 2, QUALITY_GOOD);
    measure(&fixture, 1, SMALL_TEMPERATURE, 0, QUALITY_BAD);
    tick(&fixture);
    assert_int_equal(fixture.field.heard, 1);
    assert_int_equal(mqtt_memory_sent_count(fixture.memory), 4);
    assert_string_equal(mqtt_memory_sent(fixture.memory, 0)->topic, "dtmv/small/status");
    assert_string_equal(mqtt_memory_sent(fixture.memory, 0)->payload, "online");
    assert_string_equal(mqtt_memory_sent(fixture.memory, 1)->topic, "dtmv/small/machine-0/temperature");
    assert_string_equal(mqtt_memory_sent(fixture.memory, 1)->payload,
                        "{\"value\": 21.5, \"time\": 1699999999999999995, \"quality\": \"good\"}");
    assert_true(mqtt_memory_sent(fixture.memory, 1)->retain);
    assert_string_equal(mqtt_memory_sent(fixture.memory, 2)->payload,
                        "{\"value\": \"fault\", \"time\": 1699999999999999995, \"quality\": \"good\"}");
    assert_string_equal(mqtt_memory_sent(fixture.memory, 3)->payload,
                        "{\"value\": null, \"time\": 1699999999999999995, \"quality\": \"bad\"}");
    assert_int_equal(mqtt_edge_counters(fixture.edge)->merged, 1);
    mqtt_memory_clear_sent(fixture.memory);
    mqtt_memory_connect(fixture.memory, false);
    tick(&fixture);
    mqtt_memory_connect(fixture.memory, true);
    tick(&fixture); /* a broker that began anew knows nothing: all is said again */
    assert_int_equal(mqtt_memory_sent_count(fixture.memory), 4);
    finish(&fixture);
}

static void command(Fixture *fixture, const char *topic, const char *payload, bool retained)
{
    assert_true(mqtt_memory_deliver(fixture->memory, topic, bytes_of(payload, strlen(payload)), retained));
    tick(fixture);
}

static void commands_reach_the_field(void **state)
{
    (void)state;
    static const char topic[] = "dtmv/small/machine-1/!/set";
    Fixture fixture;
    begin(&fixture);
    mqtt_memory_connect(fixture.memory, true);
    tick(&fixture);
    mqtt_memory_clear_sent(fixture.memory);
    command(&fixture, topic,
            "{\"command\": \"" COMMAND_ID
            "\", \"value\": 40.5, \"issued\": 1699999999000000000, \"seen\": 77}",
            false);
    assert_int_equal(fixture.field.commands, 1);
    assert_string_equal(fixture.field.command.command, COMMAND_ID);
    assert_int_equal(fixture.field.command.thing, 1);
    assert_true(fixture.field.command.has_value);
    assert_true(fixture.field.command.value.number == 40.5);
    assert_int_equal(fixture.field.command.source_time, 77);
    assert_string_equal(mqtt_memory_sent(fixture.memory, 0)->topic, "dtmv/small/machine-1/!/set/answer");
    assert_string_equal(mqtt_memory_sent(fixture.memory, 0)->payload,
                        "{\"command\": \"" COMMAND_ID "\", \"accepted\": true, \"reason\": \"\"}");
    assert_false(mqtt_memory_sent(fixture.memory, 0)->retain);
    fixture.field.accepts = false;
    command(&fixture, topic,
            "{\"command\": \"" COMMAND_ID "\", \"value\": \"caf\\u00e9\", \"issued\": 1700000000000000000}",
            false);
    assert_string_equal(fixture.field.text, "caf\xc3\xa9");
    assert_string_equal(mqtt_memory_sent(fixture.memory, 1)->payload,
                        "{\"command\": \"" COMMAND_ID
                        "\", \"accepted\": false, \"reason\": \"the \\\"key\\\" is out\"}");
    finish(&fixture);
}

static void old_and_malformed_commands_do_nothing(void **state)
{
    (void)state;
    static const char topic[] = "dtmv/small/machine-1/!/set";
    static const char good[] = "{\"command\": \"" COMMAND_ID "\", \"issued\": 1700000000000000000}";
    static const struct {
        const char *topic, *payload;
    } wrong[] = {
        { topic, "{\"command\": \"xyz\", \"issued\": 1700000000000000000}" },
        { topic, "{\"command\": \"" COMMAND_ID "\", \"issued\": 17e17}" },
        { topic, "{\"command\": \"" COMMAND_ID "\", \"issued\": 99999999999999999999}" },
        { topic, "{\"command\": \"" COMMAND_ID "\", \"value\": [1], \"issued\": 1700000000000000000}" },
        { topic, "{\"command\": \"" COMMAND_ID "\", \"value\": 1e999, \"issued\": 1700000000000000000}" },
        { topic, "close" },
        { "dtmv/small/machine-7/!/set", good },
        { "dtmv/small/machine-1/!/fly", good },
    };
    Fixture fixture;
    begin(&fixture);
    mqtt_memory_connect(fixture.memory, true);
    tick(&fixture);
    mqtt_memory_clear_sent(fixture.memory);
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        command(&fixture, wrong[i].topic, wrong[i].payload, false);
        assert_int_equal(mqtt_edge_counters(fixture.edge)->malformed, i + 1);
    }
    assert_int_equal(mqtt_memory_sent_count(fixture.memory), 0);
    command(&fixture, topic, good, true);
    command(&fixture, topic, "{\"command\": \"" COMMAND_ID "\", \"issued\": 1699999969999999999}", false);
    command(&fixture, topic, "{\"command\": \"" COMMAND_ID "\", \"issued\": 1700000005000000001}", false);
    command(&fixture, topic, "{\"command\": \"" COMMAND_ID "\"}", false);
    assert_int_equal(fixture.field.commands, 0);
    assert_int_equal(mqtt_memory_sent_count(fixture.memory), 4); /* but whoever asked is told */
    assert_int_equal(mqtt_edge_counters(fixture.edge)->refused, 4);
    command(&fixture, topic, good, false);
    assert_int_equal(fixture.field.commands, 1);
    finish(&fixture);
}

/* What the edge says, the feed of the twin system understands, and the other way round. */
static void edge_and_feed_understand_each_other(void **state)
{
    (void)state;
    Fixture fixture;
    MqttLink link;
    MqttMemory *memory;
    MqttMapping *mapping;
    Feed feed;
    Diag diag = { 0 };
    TraceSample samples[16];
    size_t count;
    FeedStatus status;
    FieldAnswer answer;
    begin(&fixture);
    assert_int_equal(mqtt_memory_create(&link, &memory), STATUS_OK);
    assert_int_equal(mqtt_mapping_load((Bytes){ 0 }, "", &fixture.small.world, NULL, &fixture.small.arena,
                                       &mapping, &diag),
                     STATUS_OK);
    MqttFeedConfig config = {
        .link = link, .mapping = mapping, .world = &fixture.small.world, .texts = &fixture.small.texts
    };
    assert_int_equal(mqtt_feed_create(&config, &feed, &diag), STATUS_OK);
    mqtt_memory_connect(memory, true);
    mqtt_memory_set_clock(memory, NOW);
    mqtt_memory_connect(fixture.memory, true);
    measure(&fixture, 1, SMALL_TEMPERATURE, -43, QUALITY_GOOD);
    measure(&fixture, 0, SMALL_STATE, 0, QUALITY_BAD);
    measure(&fixture, 0, SMALL_STATE, 2, QUALITY_GOOD);
    tick(&fixture);
    for (uint32_t i = 0; i < mqtt_memory_sent_count(fixture.memory); i++) {
        const MqttSent *sent = mqtt_memory_sent(fixture.memory, i);
        assert_true(
            mqtt_memory_deliver(memory, sent->topic, bytes_of(sent->payload, sent->payload_size), false));
    }
    mqtt_memory_clear_sent(fixture.memory);
    assert_int_equal(feed.ops->poll(feed.context, 0, samples, 16, &count, &status), STATUS_OK);
    assert_int_equal(count, 3);
    assert_int_equal(samples[0].thing, 1);
    assert_int_equal(samples[0].code, -43);
    assert_int_equal(samples[0].source_time, NOW - 5);
    assert_int_equal(samples[1].quality, QUALITY_BAD);
    assert_int_equal(samples[2].code, 2);
    assert_int_equal(feed.ops->counters(feed.context)->refused, 0);
    FieldCommand asked = { .command = COMMAND_ID,
                           .thing = 1,
                           .has_value = true,
                           .value = { .type = VALUE_NUMBER, .number = 12.25 },
                           .source_time = TIME_NONE };
    assert_int_equal(feed.ops->command(feed.context, 0, &asked), STATUS_OK);
    const MqttSent *sent = mqtt_memory_sent(memory, 0);
    command(&fixture, sent->topic, sent->payload, false);
    assert_true(fixture.field.command.value.number == 12.25);
    assert_int_equal(fixture.field.command.source_time, TIME_NONE);
    sent = mqtt_memory_sent(fixture.memory, 0);
    assert_true(mqtt_memory_deliver(memory, sent->topic, bytes_of(sent->payload, sent->payload_size), false));
    assert_int_equal(feed.ops->poll(feed.context, 0, samples, 16, &count, &status), STATUS_OK);
    assert_int_equal(feed.ops->answer(feed.context, &answer), STATUS_OK);
    assert_true(answer.accepted);
    assert_string_equal(answer.command, COMMAND_ID);
    feed.ops->destroy(feed.context);
    finish(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measurements_are_published_and_kept),
        cmocka_unit_test(commands_reach_the_field),
        cmocka_unit_test(old_and_malformed_commands_do_nothing),
        cmocka_unit_test(edge_and_feed_understand_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
