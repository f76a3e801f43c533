#include "server/twin/live_clock.h"
#include "server/twin/live_samples.h"
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

typedef struct Fixture {
    SmallWorld small;
    Action actions[2];
    MqttMapping *mapping;
    MqttMemory *memory;
    Feed feed;
    TraceSample samples[64];
    size_t count;
    FeedStatus status;
} Fixture;

static Status load(Fixture *fixture, const char *json, Diag *diag)
{
    memset(fixture, 0, sizeof *fixture);
    assert_true(small_world_init(&fixture->small, 3));
    fixture->actions[0] = (Action){ .name = "set", .has_input = true, .input_type = PROPERTY_NUMBER };
    fixture->actions[1] = (Action){ .name = "stop" };
    fixture->small.model.actions = fixture->actions;
    fixture->small.model.action_count = 2;
    return mqtt_mapping_load(bytes_of(json, strlen(json)), "test.mqtt.json", &fixture->small.world, NULL,
                             &fixture->small.arena, &fixture->mapping, diag);
}

static void begin(Fixture *fixture, const char *json)
{
    Diag diag = { 0 };
    MqttLink link;
    if (load(fixture, json, &diag) != STATUS_OK) {
        fail_msg("%s:%u: %s", diag.path, diag.line, diag.text);
    }
    assert_int_equal(mqtt_memory_create(&link, &fixture->memory), STATUS_OK);
    MqttFeedConfig config = { .link = link,
                              .mapping = fixture->mapping,
                              .world = &fixture->small.world,
                              .texts = &fixture->small.texts };
    assert_int_equal(mqtt_feed_create(&config, &fixture->feed, &diag), STATUS_OK);
    mqtt_memory_connect(fixture->memory, true);
    mqtt_memory_set_clock(fixture->memory, NOW);
}

static void finish(Fixture *fixture)
{
    fixture->feed.ops->destroy(fixture->feed.context);
    small_world_finish(&fixture->small);
}

static void poll_up_to(Fixture *fixture, size_t capacity)
{
    assert_int_equal(fixture->feed.ops->poll(fixture->feed.context, 0, fixture->samples, capacity,
                                             &fixture->count, &fixture->status),
                     STATUS_OK);
}

static void poll_all(Fixture *fixture)
{
    poll_up_to(fixture, ARRAY_COUNT(fixture->samples));
}

static bool deliver(Fixture *fixture, const char *topic, const char *payload)
{
    return mqtt_memory_deliver(fixture->memory, topic, bytes_of(payload, strlen(payload)), false);
}

static const TraceCounters *counters(Fixture *fixture)
{
    return fixture->feed.ops->counters(fixture->feed.context);
}

static void the_projects_own_topics_need_no_mapping(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, "");
    assert_true(deliver(&fixture, "dtmv/small/machine-1/temperature",
                        "{\"value\": 21.5, \"time\": 1699999999500000000, \"quality\": \"good\"}"));
    assert_true(deliver(&fixture, "dtmv/small/machine-2/state",
                        "{\"value\": \"on\", \"time\": 1699999999600000000}"));
    assert_true(deliver(&fixture, "dtmv/small/machine-2/note",
                        "{\"value\": \"caf\\u00e9\", \"time\": 1699999999700000000}"));
    poll_all(&fixture);
    assert_int_equal(fixture.count, 3);
    assert_int_equal(fixture.samples[0].thing, 1);
    assert_int_equal(fixture.samples[0].property, SMALL_TEMPERATURE);
    assert_int_equal(fixture.samples[0].code, 215);
    assert_int_equal(fixture.samples[0].quality, QUALITY_GOOD);
    assert_int_equal(fixture.samples[0].source_time, NOW - SECONDS(0.5));
    assert_int_equal(fixture.samples[1].code, 1);
    assert_string_equal(text_get(&fixture.small.texts, (uint32_t)fixture.samples[2].code), "caf\xc3\xa9");
    assert_int_equal(fixture.status.source_clock, NOW - SECONDS(0.3)); /* of the newest, just arrived */
    assert_false(fixture.status.lost);
    mqtt_memory_set_clock(fixture.memory,
                          NOW + SECONDS(40)); /* silence: time goes on, so it can be noticed */
    poll_all(&fixture);
    assert_int_equal(fixture.count, 0);
    assert_int_equal(fixture.status.source_clock, NOW + SECONDS(39.7));
    finish(&fixture);
}

static void what_cannot_be_is_refused_or_bad(void **state)
{
    (void)state;
    static const struct {
        const char *topic, *payload;
        bool sample; /* of quality BAD */
    } cases[] = {
        { "dtmv/small/machine-0/temperature", "{\"value\": NaN, \"time\": 1}", false },
        { "dtmv/small/machine-0/temperature", "{\"value\": 1, \"time\": 1", false },
        { "dtmv/small/machine-0/temperature", "", false },
        { "dtmv/small/machine-0/temperature", "{\"value\": 1, \"time\": \"noon\"}", false },
        { "dtmv/small/machine-0/temperature", "{\"value\": 1}", false },
        { "dtmv/small/machine-9/temperature", "{\"value\": 1, \"time\": 1}", false },
        { "dtmv/small/machine-0/pressure", "{\"value\": 1, \"time\": 1}", false },
        { "dtmv/small/status", "maybe", false },
        { "dtmv/small/machine-0/!/set/answer", "{\"command\": \"x\", \"accepted\": true}", false },
        { "dtmv/small/machine-0/!/set/answer", "{\"command\": \"abc\", \"accepted\": true}", false },
        { "dtmv/small/machine-0/temperature", "{\"value\": \"hot\", \"time\": 2}", true },
        { "dtmv/small/machine-0/temperature", "{\"value\": 1e999, \"time\": 3}", true },
        { "dtmv/small/machine-0/temperature", "{\"value\": {}, \"time\": 4}", true },
        { "dtmv/small/machine-0/state", "{\"value\": \"melting\", \"time\": 5}", true },
    };
    Fixture fixture;
    begin(&fixture, "");
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t refused = counters(&fixture)->refused;
        assert_true(deliver(&fixture, cases[i].topic, cases[i].payload));
        poll_all(&fixture);
        if (counters(&fixture)->refused != refused + 1 || fixture.count != cases[i].sample) {
            fail_msg("%s %s: %u samples", cases[i].topic, cases[i].payload, (unsigned)fixture.count);
        }
        if (cases[i].sample) {
            assert_int_equal(fixture.samples[0].quality, QUALITY_BAD);
            assert_int_equal(fixture.samples[0].code, 0);
        }
    }
    assert_int_equal(counters(&fixture)->bad, 4);
    assert_string_equal(mqtt_feed_first_error(&fixture.feed)->path, cases[0].topic);
    /* Said by the device: bad, and nobody's fault. */
    assert_true(deliver(&fixture, "dtmv/small/machine-0/temperature", "{\"value\": null, \"time\": 6}"));
    assert_true(deliver(&fixture, "dtmv/small/machine-0/temperature",
                        "{\"value\": 1, \"time\": 7, \"quality\": \"bad\"}"));
    poll_all(&fixture);
    assert_int_equal(fixture.count, 2);
    assert_int_equal(fixture.samples[0].quality, QUALITY_BAD);
    assert_int_equal(fixture.samples[1].quality, QUALITY_BAD);
    assert_int_equal(counters(&fixture)->refused, ARRAY_COUNT(cases));
    finish(&fixture);
}

static void what_the_link_keeps_back_is_counted(void **state)
{
    (void)state;
    static uint8_t large[MQTT_PAYLOAD_SIZE_MAX + 1];
    Fixture fixture;
    begin(&fixture, "");
    for (int i = 0; i < 3; i++) {
        assert_false(mqtt_memory_deliver(fixture.memory, "dtmv/small/machine-0/note",
                                         bytes_of(large, sizeof large), false));
    }
    poll_all(&fixture);
    poll_all(&fixture);
    assert_int_equal(counters(&fixture)->refused, 3);
    assert_true(deliver(&fixture, "dtmv/small/machine-0/note", "{\"value\": \"x\", \"time\": 1}"));
    poll_all(&fixture);
    assert_int_equal(fixture.count, 1); /* nothing else suffers */
    finish(&fixture);
}

static const char factory[] =
    "{ \"dtmv_mqtt\": 1, \"topics\": [\n"
    "  { \"topic\": \"plant/+/m_{n}_*/temp\", \"payload\": \"number\", \"thing\": \"machine-{n}\",\n"
    "    \"property\": \"temperature\", \"unit\": \"degF\" },\n"
    "  { \"topic\": \"gate/{g}/#\", \"thing\": { \"json\": \"dev.id\" }, \"property\": { \"json\": \"k\" },\n"
    "    \"value\": \"v[1]\", \"time\": { \"json\": \"at\", \"format\": \"iso8601\" } },\n"
    "  { \"topic\": \"both/{t}\", \"thing\": \"{t}\", \"property\": \"temperature\", \"value\": \"temp\" },\n"
    "  { \"topic\": \"both/{t}\", \"thing\": \"{t}\", \"property\": \"state\", \"value\": \"st\",\n"
    "    \"values\": { \"1\": \"on\", \"0\": \"off\" } },\n"
    "  { \"topic\": \"note/{t}\", \"payload\": \"text\", \"thing\": \"{t}\", \"property\": \"note\" } ],\n"
    "  \"commands\": { \"topic\": \"do/{thing}/{action}\", \"payload\": \"{\\\"v\\\": [{value}], \\\"i\\\": "
    "\\\"{command}\\\"}\", \"qos\": 1 } }\n";

static void mappings_name_things_in_many_ways(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, factory);
    assert_true(deliver(&fixture, "plant/x/m_2_ab/temp", " 212 \n"));
    assert_true(deliver(&fixture, "gate/7/a/b",
                        "{\"dev\": {\"id\": \"machine-0\"}, \"k\": \"temperature\", \"v\": [0, -4.25], "
                        "\"at\": \"2023-11-14T22:13:19Z\"}"));
    assert_true(deliver(&fixture, "both/machine-1", "{\"temp\": 3, \"st\": 1}"));
    assert_true(deliver(&fixture, "both/machine-1", "{\"st\": 0}"));
    assert_true(deliver(&fixture, "note/machine-2", "open \\ shut"));
    assert_true(deliver(&fixture, "note/machine-8", "nobody"));
    assert_true(deliver(&fixture, "gate/7/a/b",
                        "{\"dev\": {\"id\": \"machine-5\"}, \"k\": \"temperature\", \"v\": [0, 1],"
                        "\"at\": \"2023-11-14T22:13:20Z\"}"));
    poll_all(&fixture);
    assert_int_equal(fixture.count, 6);
    assert_int_equal(fixture.samples[0].thing, 2);
    assert_int_equal(fixture.samples[0].code, 1000); /* 100 degC */
    assert_int_equal(fixture.samples[0].source_time, NOW);
    assert_int_equal(fixture.samples[1].thing, 0);
    assert_int_equal(fixture.samples[1].code, -43);
    assert_int_equal(fixture.samples[1].source_time, NOW - SECONDS(1));
    assert_int_equal(fixture.samples[2].property, SMALL_TEMPERATURE);
    assert_int_equal(fixture.samples[3].property, SMALL_STATE);
    assert_int_equal(fixture.samples[3].code, 1);
    assert_int_equal(fixture.samples[4].code, 0);
    assert_string_equal(text_get(&fixture.small.texts, (uint32_t)fixture.samples[5].code), "open \\ shut");
    assert_int_equal(counters(&fixture)->missing, 1);
    assert_int_equal(counters(&fixture)->unmapped, 1);
    assert_int_equal(counters(&fixture)->refused, 1);
    finish(&fixture);
}

/* Two samples of one message, one place at a time: nothing lost, nothing twice. */
static void a_full_poll_goes_on_where_it_stood(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, factory);
    assert_true(deliver(&fixture, "both/machine-1", "{\"temp\": 3, \"st\": 1}"));
    assert_true(deliver(&fixture, "both/machine-0", "{\"temp\": 4, \"st\": 1}"));
    TimeNs clock = TIME_NONE;
    for (int i = 0; i < 4; i++) {
        mqtt_memory_set_clock(fixture.memory, NOW + SECONDS(i));
        poll_up_to(&fixture, 1);
        assert_int_equal(fixture.count, 1);
        assert_int_equal(fixture.samples[0].thing, i < 2 ? 1 : 0);
        assert_int_equal(fixture.samples[0].property, i % 2 == 0 ? SMALL_TEMPERATURE : SMALL_STATE);
        if (i < 3) {
            assert_int_equal(fixture.status.source_clock, clock); /* held back: something is due still */
            assert_int_equal(fixture.status.behind, SECONDS(i));
        }
    }
    poll_up_to(&fixture, 1);
    assert_int_equal(fixture.count, 0);
    assert_int_equal(fixture.status.behind, 0);
    finish(&fixture);
}

static void a_lost_broker_and_a_last_will_are_told(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, "");
    poll_all(&fixture);
    assert_false(fixture.status.lost);
    assert_true(deliver(&fixture, "dtmv/small/machine-0/temperature",
                        "{\"value\": 1, \"time\": 1699999999500000000}"));
    mqtt_memory_connect(fixture.memory, false);
    poll_up_to(&fixture, 1);
    assert_int_equal(fixture.count, 1); /* what had come before still counts */
    assert_true(fixture.status.lost);
    FieldCommand command = { .command = COMMAND_ID, .thing = 0, .action = 1 };
    assert_int_equal(fixture.feed.ops->command(fixture.feed.context, 0, &command), STATUS_DISCONNECTED);
    mqtt_memory_connect(fixture.memory, true);
    poll_all(&fixture);
    assert_false(fixture.status.lost);
    assert_true(deliver(&fixture, "dtmv/small/status", "offline"));
    poll_all(&fixture);
    assert_true(fixture.status.lost);
    assert_int_equal(fixture.feed.ops->command(fixture.feed.context, 0, &command), STATUS_DISCONNECTED);
    assert_true(deliver(&fixture, "dtmv/small/status", "online"));
    poll_all(&fixture);
    assert_false(fixture.status.lost);
    /* Of a new connection only what it says itself counts. */
    assert_true(deliver(&fixture, "dtmv/small/status", "offline"));
    poll_all(&fixture);
    mqtt_memory_connect(fixture.memory, false);
    mqtt_memory_connect(fixture.memory, true);
    poll_all(&fixture);
    assert_false(fixture.status.lost);
    mqtt_memory_connect(fixture.memory, false);
    mqtt_memory_connect(fixture.memory, true);
    assert_true(deliver(&fixture, "dtmv/small/status", "offline"));
    poll_all(&fixture);
    assert_true(fixture.status.lost);
    finish(&fixture);
}

static void what_was_retained_is_not_taken_for_new(void **state)
{
    (void)state;
    static const char payload[] = "{\"value\": 1, \"time\": 1600000000000000000}";
    Fixture fixture;
    begin(&fixture, "");
    assert_true(mqtt_memory_deliver(fixture.memory, "dtmv/small/machine-0/temperature",
                                    bytes_of(payload, sizeof payload - 1), true));
    poll_all(&fixture);
    assert_int_equal(fixture.samples[0].quality, QUALITY_GOOD); /* as good as its time */
    assert_int_equal(fixture.status.source_clock, TIME_NONE);
    mqtt_memory_set_clock(fixture.memory, NOW + SECONDS(6)); /* nothing live comes: our own clock */
    poll_all(&fixture);
    assert_int_equal(fixture.status.source_clock, NOW + SECONDS(6));
    finish(&fixture);
    begin(&fixture, factory); /* no time in it: nobody knows how old it is */
    assert_true(mqtt_memory_deliver(fixture.memory, "note/machine-0", bytes_of("x", 1), true));
    poll_all(&fixture);
    assert_int_equal(fixture.count, 1);
    assert_int_equal(fixture.samples[0].quality, QUALITY_STALE);
    finish(&fixture);
}

static void a_device_clock_set_back_is_followed(void **state)
{
    (void)state;
    Fixture fixture;
    char payload[64];
    begin(&fixture, "");
    for (int i = 0; i < 6; i++) { /* two years ahead; then right */
        TimeNs time = i < 3 ? NOW + SECONDS(63072000 + i) : NOW + SECONDS(i);
        mqtt_memory_set_clock(fixture.memory, NOW + SECONDS(i));
        snprintf(payload, sizeof payload, "{\"value\": %d, \"time\": %lld}", i, (long long)time);
        assert_true(deliver(&fixture, "dtmv/small/machine-0/temperature", payload));
        poll_all(&fixture);
        assert_int_equal(fixture.count, i < 5);
        assert_false(fixture.status.set_back);
    }
    poll_all(&fixture);
    assert_true(fixture.status.set_back);
    assert_int_equal(fixture.status.source_time_set, NOW + SECONDS(5));
    assert_int_equal(fixture.count, 1);
    assert_int_equal(fixture.samples[0].code, 50);
    assert_int_equal(fixture.status.source_clock, NOW + SECONDS(5));
    assert_int_equal(counters(&fixture)->clock_resets, 1);
    finish(&fixture);
}

/* One wrong stamp must not hide what the device says for as long as it is ahead; a clock that is ahead and
 * stays so is believed. */
static void a_stray_stamp_far_ahead_is_refused(void **state)
{
    (void)state;
    Fixture fixture;
    char text[96];
    begin(&fixture, "");
    assert_true(deliver(&fixture, "dtmv/small/machine-1/temperature",
                        "{\"value\": 20, \"time\": 1700000000000000000}"));
    assert_true(deliver(&fixture, "dtmv/small/machine-1/temperature",
                        "{\"value\": 42, \"time\": 1700003600000000000}"));
    assert_true(deliver(&fixture, "dtmv/small/machine-1/temperature",
                        "{\"value\": 21, \"time\": 1700000001000000000}"));
    poll_all(&fixture);
    assert_int_equal(fixture.count, 2);
    assert_int_equal(fixture.samples[1].code, 210);
    assert_int_equal(counters(&fixture)->refused, 1);
    for (int i = 0; i < LIVE_STRAY_COUNT; i++) {
        snprintf(text, sizeof text, "{\"value\": 43, \"time\": 170000360%d000000000}", i);
        assert_true(deliver(&fixture, "dtmv/small/machine-1/temperature", text));
        poll_all(&fixture);
        assert_int_equal(fixture.count, i == LIVE_STRAY_COUNT - 1);
    }
    finish(&fixture);
}

static void commands_go_out_and_answers_come_back(void **state)
{
    (void)state;
    Fixture fixture;
    FieldAnswer answer;
    begin(&fixture, "");
    FieldCommand command = { .command = COMMAND_ID,
                             .thing = 1,
                             .action = 0,
                             .has_value = true,
                             .value = { .type = VALUE_NUMBER, .number = 40.5 },
                             .source_time = 77 };
    assert_int_equal(fixture.feed.ops->command(fixture.feed.context, 0, &command), STATUS_OK);
    const MqttSent *sent = mqtt_memory_sent(fixture.memory, 0);
    assert_string_equal(sent->topic, "dtmv/small/machine-1/!/set");
    assert_string_equal(sent->payload, "{\"command\": \"" COMMAND_ID
                                       "\", \"value\": 40.5, \"issued\": 1700000000000000000, \"seen\": 77}");
    assert_false(sent->retain);
    assert_int_equal(fixture.feed.ops->answer(fixture.feed.context, &answer), STATUS_EMPTY);
    assert_true(deliver(&fixture, "dtmv/small/machine-1/!/set/answer",
                        "{\"command\": \"" COMMAND_ID
                        "\", \"accepted\": false, \"reason\": \"too \\\"hot\\\"\"}"));
    poll_all(&fixture);
    assert_int_equal(fixture.feed.ops->answer(fixture.feed.context, &answer), STATUS_OK);
    assert_string_equal(answer.command, COMMAND_ID);
    assert_false(answer.accepted);
    assert_string_equal(answer.reason, "too \"hot\"");
    assert_int_equal(fixture.feed.ops->answer(fixture.feed.context, &answer), STATUS_EMPTY);
    command.thing = 3;
    assert_int_equal(fixture.feed.ops->command(fixture.feed.context, 0, &command), STATUS_NOT_FOUND);
    command.thing = 1;
    command.action = 2;
    assert_int_equal(fixture.feed.ops->command(fixture.feed.context, 0, &command), STATUS_UNSUPPORTED);
    finish(&fixture);
    begin(&fixture, factory);
    command.action = 1;
    command.value = (Value){ .type = VALUE_TEXT, .text = "a\"b" };
    assert_int_equal(fixture.feed.ops->command(fixture.feed.context, 0, &command), STATUS_OK);
    sent = mqtt_memory_sent(fixture.memory, 0);
    assert_string_equal(sent->topic, "do/machine-1/stop");
    assert_string_equal(sent->payload, "{\"v\": [\"a\\\"b\"], \"i\": \"" COMMAND_ID "\"}");
    assert_int_equal(sent->qos, 1);
    finish(&fixture);
}

static void wrong_mappings_say_where(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{",
        "{}",
        "{\"dtmv_mqtt\": 2, \"topics\": []}",
        "{\"dtmv_mqtt\": 1, \"topics\": []}",
        "{\"dtmv_mqtt\": 1, \"topics\": [{\"topic\": \"a/{t}\", \"thing\": \"{u}\", \"property\": "
        "\"note\"}]}",
        "{\"dtmv_mqtt\": 1, \"topics\": [{\"topic\": \"a/#/b\", \"thing\": \"machine-0\", \"property\": "
        "\"note\"}]}",
        "{\"dtmv_mqtt\": 1, \"topics\": [{\"topic\": \"a\", \"thing\": \"machine-7\", \"property\": "
        "\"note\"}]}",
        "{\"dtmv_mqtt\": 1, \"topics\": [{\"topic\": \"a\", \"thing\": \"machine-0\", \"property\": \"x\"}]}",
        "{\"dtmv_mqtt\": 1, \"topics\": [{\"topic\": \"a\", \"thing\": \"machine-0\", \"property\": "
        "\"temperature\", "
        "\"unit\": \"bar\"}]}",
        "{\"dtmv_mqtt\": 1, \"topics\": [{\"topic\": \"a\", \"thing\": \"machine-0\", \"property\": "
        "\"temperature\", "
        "\"payload\": \"number\", \"value\": \"x\"}]}",
        "{\"dtmv_mqtt\": 1, \"topics\": [{\"topic\": \"a\", \"thing\": \"machine-0\", \"property\": "
        "\"temperature\", "
        "\"value\": \"x[\"}]}",
        "{\"dtmv_mqtt\": 1, \"topics\": [{\"topic\": \"a\", \"thing\": \"machine-0\", \"property\": "
        "\"temperature\", "
        "\"qos\": 3}]}",
        "{\"dtmv_mqtt\": 1, \"topics\": [{\"topic\": \"a\", \"thing\": \"machine-0\", \"property\": "
        "\"note\"}], "
        "\"status\": {\"topic\": \"a/+\"}}",
        "{\"dtmv_mqtt\": 1, \"topics\": [{\"topic\": \"a\", \"thing\": \"machine-0\", \"property\": "
        "\"note\"}], "
        "\"conection\": {}}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        Fixture fixture;
        Diag diag = { 0 };
        if (load(&fixture, wrong[i], &diag) == STATUS_OK || fixture.mapping != NULL) {
            fail_msg("accepted: %s", wrong[i]);
        }
        assert_string_equal(diag.path, "test.mqtt.json");
        assert_true(diag.text[0] != '\0');
        small_world_finish(&fixture.small);
    }
}

/* One clock set far ahead must not make the others look old; when all are, they are right among themselves.
 */
static void the_live_clock_follows_the_sane(void **state)
{
    (void)state;
    LiveClock clock;
    live_clock_init(&clock);
    assert_int_equal(live_clock_read(&clock, NOW, false), TIME_NONE);
    live_clock_heard(&clock, NOW + SECONDS(3600), NOW);
    assert_int_equal(live_clock_read(&clock, NOW + 1, false), NOW + SECONDS(3600) + 1);
    live_clock_init(&clock);
    live_clock_heard(&clock, NOW + SECONDS(3600), NOW);
    live_clock_heard(&clock, NOW - SECONDS(2), NOW);
    live_clock_heard(&clock, NOW - SECONDS(1), NOW);
    assert_int_equal(live_clock_read(&clock, NOW + SECONDS(5), false), NOW + SECONDS(4));
    assert_int_equal(live_clock_read(&clock, NOW + SECONDS(6), true), NOW + SECONDS(4));
    assert_int_equal(live_clock_read(&clock, NOW, false), NOW + SECONDS(4)); /* never back */
    live_clock_heard(&clock, INT64_MIN + 1, NOW);                            /* extremes do no harm */
    live_clock_heard(&clock, INT64_MAX, NOW);
    assert_int_equal(live_clock_read(&clock, NOW + SECONDS(7), false), NOW + SECONDS(6));
}

/* By this a server knows that a message waits, whatever its ticks say. */
static void what_waits_is_due(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, "");
    const FeedOps *ops = fixture.feed.ops;
    assert_true(ops->next_due(fixture.feed.context) == TIME_FOREVER);
    assert_true(deliver(&fixture, "dtmv/small/machine-1/temperature",
                        "{\"value\": 1, \"time\": 1699999999500000000}"));
    assert_true(deliver(&fixture, "dtmv/small/machine-1/temperature",
                        "{\"value\": 2, \"time\": 1699999999600000000}"));
    assert_true(ops->next_due(fixture.feed.context) == TIME_NONE);
    poll_up_to(&fixture, 1);
    assert_int_equal(fixture.count, 1);
    assert_true(ops->next_due(fixture.feed.context) == TIME_NONE); /* the other one */
    poll_all(&fixture);
    assert_int_equal(fixture.count, 1);
    assert_true(ops->next_due(fixture.feed.context) == TIME_FOREVER);
    finish(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_projects_own_topics_need_no_mapping),
        cmocka_unit_test(what_waits_is_due),
        cmocka_unit_test(what_cannot_be_is_refused_or_bad),
        cmocka_unit_test(what_the_link_keeps_back_is_counted),
        cmocka_unit_test(mappings_name_things_in_many_ways),
        cmocka_unit_test(a_full_poll_goes_on_where_it_stood),
        cmocka_unit_test(a_lost_broker_and_a_last_will_are_told),
        cmocka_unit_test(what_was_retained_is_not_taken_for_new),
        cmocka_unit_test(a_device_clock_set_back_is_followed),
        cmocka_unit_test(a_stray_stamp_far_ahead_is_refused),
        cmocka_unit_test(commands_go_out_and_answers_come_back),
        cmocka_unit_test(wrong_mappings_say_where),
        cmocka_unit_test(the_live_clock_follows_the_sane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
