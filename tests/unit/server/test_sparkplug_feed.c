#include "server/twin/sparkplug.h"
#include "server/twin/sparkplug_feed.h"
#include "shared/mqtt/mqtt_link_memory.h"
#include "tests/unit/server/small_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW_MS     INT64_C(1700000000000)
#define NOW        (NOW_MS * TIME_MS)
#define SECONDS(s) ((TimeNs)((s)*1000000000.0))

typedef struct Fixture {
    SmallWorld small;
    Action actions[3];
    SparkplugMapping *mapping;
    MqttMemory *memory;
    Feed feed;
    TraceSample samples[64];
    size_t count;
    FeedStatus status;
    uint8_t seq;
} Fixture;

static Status load(Fixture *fixture, const char *json, Diag *diag)
{
    memset(fixture, 0, sizeof *fixture);
    assert_true(small_world_init(&fixture->small, 3));
    fixture->actions[0] = (Action){
        .name = "heat", .has_input = true, .input_type = PROPERTY_NUMBER, .target = SMALL_TEMPERATURE
    };
    fixture->actions[1] =
        (Action){ .name = "start", .target = SMALL_STATE, .has_target_code = true, .target_code = 1 };
    fixture->actions[2] = (Action){ .name = "Control/Reset", .target = NO_PROPERTY };
    fixture->small.model.actions = fixture->actions;
    fixture->small.model.action_count = 3;
    return sparkplug_mapping_load(bytes_of(json, strlen(json)), "test.sparkplug.json", &fixture->small.world,
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
    SparkplugFeedConfig config = { .link = link,
                                   .mapping = fixture->mapping,
                                   .world = &fixture->small.world,
                                   .texts = &fixture->small.texts,
                                   .since = NOW };
    assert_int_equal(sparkplug_feed_create(&config, &fixture->feed, &diag), STATUS_OK);
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

static const TraceCounters *counters(Fixture *fixture)
{
    return fixture->feed.ops->counters(fixture->feed.context);
}

static SparkplugMetric named(const char *name, uint64_t alias, uint32_t type)
{
    return (SparkplugMetric){
        .name = bytes_of(name, strlen(name)), .has_alias = alias != 0, .alias = alias, .type = type
    };
}

static SparkplugMetric real(const char *name, uint64_t alias, double number)
{
    SparkplugMetric metric = named(name, alias, SPARKPLUG_DOUBLE);
    metric.field = SPARKPLUG_VALUE_DOUBLE;
    metric.number = number;
    return metric;
}

static SparkplugMetric word(const char *name, uint64_t alias, const char *text)
{
    SparkplugMetric metric = named(name, alias, SPARKPLUG_STRING);
    metric.field = SPARKPLUG_VALUE_STRING;
    metric.text = bytes_of(text, strlen(text));
    return metric;
}

static SparkplugMetric whole(const char *name, uint64_t alias, uint32_t type, uint64_t bits)
{
    SparkplugMetric metric = named(name, alias, type);
    metric.field = type == SPARKPLUG_BOOLEAN ? SPARKPLUG_VALUE_BOOLEAN : SPARKPLUG_VALUE_LONG;
    metric.integer = bits;
    return metric;
}

/* `seq` -1: none. */
static void send(Fixture *fixture, const char *topic, int seq, TimeNs ms, const SparkplugMetric *metrics,
                 size_t count)
{
    uint8_t bytes[2048];
    SparkplugPayload head = { .has_timestamp = true, .timestamp = (uint64_t)ms };
    head.has_seq = seq >= 0;
    head.seq = seq >= 0 ? (uint64_t)seq : 0;
    size_t size = sparkplug_write(&head, metrics, count, bytes, sizeof bytes);
    assert_true(size > 0);
    assert_true(mqtt_memory_deliver(fixture->memory, topic, bytes_of(bytes, size), false));
}

static void node_birth(Fixture *fixture, uint64_t bd_seq, TimeNs ms)
{
    const SparkplugMetric metrics[] = { whole("bdSeq", 0, SPARKPLUG_UINT64, bd_seq),
                                        whole("Node Control/Rebirth", 0, SPARKPLUG_BOOLEAN, 0) };
    send(fixture, "spBv1.0/works/NBIRTH/edge", 0, ms, metrics, ARRAY_COUNT(metrics));
    fixture->seq = 1;
}

static void device_birth(Fixture *fixture, const char *device, uint64_t alias, TimeNs ms)
{
    char topic[128];
    const SparkplugMetric metrics[] = { real("temperature", alias, 20), word("state", alias + 1, "off") };
    snprintf(topic, sizeof topic, "spBv1.0/works/DBIRTH/edge/%s", device);
    send(fixture, topic, fixture->seq++, ms, metrics, ARRAY_COUNT(metrics));
}

static void data(Fixture *fixture, const char *device, TimeNs ms, const SparkplugMetric *metrics,
                 size_t count)
{
    char topic[128];
    snprintf(topic, sizeof topic, "spBv1.0/works/DDATA/edge/%s", device);
    send(fixture, topic, fixture->seq++, ms, metrics, count);
}

static bool is_rebirth(const MqttSent *sent)
{
    SparkplugPayload payload;
    SparkplugMetric metric;
    return sent != NULL && strcmp(sent->topic, "spBv1.0/works/NCMD/edge") == 0 &&
           sparkplug_open(bytes_of(sent->payload, sent->payload_size), &payload) == STATUS_OK &&
           sparkplug_next(&payload, &metric) && metric.name.size == 20 &&
           memcmp(metric.name.data, "Node Control/Rebirth", 20) == 0 &&
           metric.field == SPARKPLUG_VALUE_BOOLEAN && metric.integer == 1;
}

static void born_devices_tell_by_alias(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, "");
    poll_all(&fixture);
    assert_int_equal(mqtt_memory_sent_count(fixture.memory), 1);
    assert_string_equal(mqtt_memory_sent(fixture.memory, 0)->topic, "spBv1.0/STATE/dtmv-small");
    assert_string_equal(mqtt_memory_sent(fixture.memory, 0)->payload,
                        "{\"online\": true, \"timestamp\": 1700000000000}");
    assert_true(mqtt_memory_sent(fixture.memory, 0)->retain);
    node_birth(&fixture, 3, NOW_MS);
    device_birth(&fixture, "machine-1", 1, NOW_MS);
    device_birth(&fixture, "machine-2", 11, NOW_MS);
    poll_all(&fixture);
    assert_int_equal(fixture.count, 4);
    assert_int_equal(fixture.samples[0].thing, 1);
    assert_int_equal(fixture.samples[0].code, 200);
    assert_int_equal(fixture.samples[0].source_time, NOW);
    assert_int_equal(fixture.samples[1].property, SMALL_STATE);
    assert_int_equal(counters(&fixture)->unmapped, 2); /* what a node has for itself */
    SparkplugMetric news[] = { real("", 11, 21.26), word("state", 0, "fault"), real("", 1, 5) };
    news[0].has_timestamp = true;
    news[0].timestamp = NOW_MS - 3;
    data(&fixture, "machine-2", NOW_MS + 5, news, 2);
    poll_all(&fixture);
    assert_int_equal(fixture.count, 2);
    assert_int_equal(fixture.samples[0].thing, 2);
    assert_int_equal(fixture.samples[0].code, 213);
    assert_int_equal(fixture.samples[0].source_time, NOW - 3 * TIME_MS);
    assert_int_equal(fixture.samples[1].code, 2);
    assert_int_equal(fixture.samples[1].source_time, NOW + 5 * TIME_MS);
    data(&fixture, "machine-2", NOW_MS + 6, &news[2], 1); /* an alias of another device */
    poll_all(&fixture);
    assert_int_equal(fixture.count, 0);
    assert_int_equal(counters(&fixture)->refused, 1);
    finish(&fixture);
}

static void nulls_and_impossible_values_are_bad(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, "");
    node_birth(&fixture, 0, NOW_MS);
    device_birth(&fixture, "machine-0", 1, NOW_MS);
    poll_all(&fixture);
    SparkplugMetric metrics[] = { named("", 1, 0),
                                  real("", 1, (double)NAN),
                                  word("", 2, "melting"),
                                  whole("", 1, SPARKPLUG_INT32, 3),
                                  whole("", 1, SPARKPLUG_DOUBLE, 3),
                                  named("", 1, 0) };
    metrics[0].null = true;
    data(&fixture, "machine-0", NOW_MS + 1, metrics, ARRAY_COUNT(metrics));
    poll_all(&fixture);
    assert_int_equal(fixture.count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(fixture.samples[i].quality, i == 3 ? QUALITY_GOOD : QUALITY_BAD);
        assert_int_equal(fixture.samples[i].code, i == 3 ? 30 : 0);
    }
    assert_int_equal(counters(&fixture)->bad, 5);
    assert_int_equal(counters(&fixture)->refused, 4); /* null is said, not wrong */
    finish(&fixture);
}

static void a_gap_asks_for_a_rebirth(void **state)
{
    (void)state;
    Fixture fixture;
    SparkplugMetric news[] = { real("", 1, 30) };
    begin(&fixture, "");
    node_birth(&fixture, 0, NOW_MS);
    device_birth(&fixture, "machine-0", 1, NOW_MS);
    poll_all(&fixture);
    mqtt_memory_clear_sent(fixture.memory);
    fixture.seq++; /* one message is lost */
    for (int i = 0; i < 3; i++) {
        data(&fixture, "machine-0", NOW_MS + 1, news, 1);
        poll_all(&fixture);
        assert_int_equal(fixture.count, 0); /* its aliases may be others by now */
    }
    assert_int_equal(mqtt_memory_sent_count(fixture.memory), 1); /* asked once, not for every message */
    assert_true(is_rebirth(mqtt_memory_sent(fixture.memory, 0)));
    mqtt_memory_set_clock(fixture.memory, NOW + SPARKPLUG_REBIRTH_INTERVAL);
    data(&fixture, "machine-0", NOW_MS + 1, news, 1);
    poll_all(&fixture);
    assert_int_equal(mqtt_memory_sent_count(fixture.memory), 2);
    node_birth(&fixture, 0, NOW_MS + 6000);
    device_birth(&fixture, "machine-0", 7, NOW_MS + 6000);
    news[0] = real("", 7, 31);
    data(&fixture, "machine-0", NOW_MS + 6001, news, 1);
    news[0] = real("", 1, 32); /* the alias of before is void */
    data(&fixture, "machine-0", NOW_MS + 6002, news, 1);
    poll_all(&fixture);
    assert_int_equal(fixture.count, 3);
    assert_int_equal(fixture.samples[2].code, 310);
    finish(&fixture);
}

static void the_sequence_begins_again_after_255(void **state)
{
    (void)state;
    Fixture fixture;
    begin(&fixture, "");
    node_birth(&fixture, 0, NOW_MS);
    device_birth(&fixture, "machine-0", 1, NOW_MS);
    for (int i = 0; i < 600; i++) {
        SparkplugMetric news = real("", 1, i);
        data(&fixture, "machine-0", NOW_MS + i, &news, 1);
        poll_all(&fixture);
        assert_int_equal(fixture.samples[fixture.count - 1].code, 10 * i);
    }
    assert_int_equal(counters(&fixture)->refused, 0);
    finish(&fixture);
}

static void deaths_make_stale(void **state)
{
    (void)state;
    Fixture fixture;
    SparkplugMetric bd = whole("bdSeq", 0, SPARKPLUG_UINT64, 4), news = real("", 1, 30);
    begin(&fixture, "");
    node_birth(&fixture, 5, NOW_MS);
    device_birth(&fixture, "machine-0", 1, NOW_MS);
    device_birth(&fixture, "machine-1", 11, NOW_MS);
    poll_all(&fixture);
    send(&fixture, "spBv1.0/works/DDEATH/edge/machine-0", fixture.seq++, NOW_MS + 1, NULL, 0);
    poll_all(&fixture);
    assert_int_equal(fixture.count, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fixture.samples[i].thing, 0);
        assert_int_equal(fixture.samples[i].quality, QUALITY_STALE);
        assert_int_equal(fixture.samples[i].source_time, NOW);
    }
    assert_int_equal(fixture.samples[0].code, 200);    /* it keeps what it had */
    data(&fixture, "machine-0", NOW_MS + 2, &news, 1); /* from the dead: nothing */
    poll_all(&fixture);
    assert_int_equal(fixture.count, 0);
    node_birth(&fixture, 5, NOW_MS + 3); /* as asked */
    device_birth(&fixture, "machine-0", 1, NOW_MS + 3);
    device_birth(&fixture, "machine-1", 11, NOW_MS + 3);
    send(&fixture, "spBv1.0/works/NDEATH/edge", -1, NOW_MS + 4, &bd, 1); /* of a connection before */
    poll_all(&fixture);
    assert_int_equal(fixture.count, 4);
    bd = whole("bdSeq", 0, SPARKPLUG_UINT64, 5);
    send(&fixture, "spBv1.0/works/NDEATH/edge", -1, NOW_MS + 5, &bd, 1);
    for (int i = 0; i < 4; i++) { /* one at a time: all the same */
        poll_up_to(&fixture, 1);
        assert_int_equal(fixture.count, 1);
        assert_int_equal(fixture.samples[0].quality, QUALITY_STALE);
        assert_int_equal(fixture.samples[0].thing, i / 2);
    }
    poll_up_to(&fixture, 1);
    assert_int_equal(fixture.count, 0);
    FieldCommand command = { .thing = 0, .action = 2 };
    assert_int_equal(fixture.feed.ops->command(fixture.feed.context, 0, &command), STATUS_DISCONNECTED);
    finish(&fixture);
}

static void history_never_looks_current(void **state)
{
    (void)state;
    Fixture fixture;
    SparkplugMetric old = real("", 1, 30);
    begin(&fixture, "");
    node_birth(&fixture, 5, NOW_MS);
    device_birth(&fixture, "machine-0", 1, NOW_MS);
    poll_all(&fixture);
    old.historical = true;
    old.has_timestamp = true;
    old.timestamp = NOW_MS + 400; /* sent later than what came before */
    mqtt_memory_set_clock(fixture.memory, NOW + SECONDS(60));
    data(&fixture, "machine-0", NOW_MS + 60000, &old, 1);
    poll_all(&fixture);
    assert_int_equal(fixture.count, 1);
    assert_int_equal(fixture.samples[0].quality, QUALITY_STALE);
    assert_int_equal(fixture.samples[0].source_time, NOW + 400 * TIME_MS);
    assert_int_equal(fixture.status.source_clock, NOW + SECONDS(60)); /* as the birth set it going */
    finish(&fixture);
}

static void commands_become_metrics(void **state)
{
    (void)state;
    Fixture fixture;
    SparkplugPayload payload;
    SparkplugMetric metric;
    FieldCommand command = {
        .thing = 1, .action = 0, .has_value = true, .value = { .type = VALUE_NUMBER, .number = 40 }
    };
    begin(&fixture,
          "{\"dtmv_sparkplug\": 1, \"host\": \"h\", \"primary\": false, \"metrics\": ["
          "{\"device\": \"m{n}\", \"metric\": \"Temp/Actual\", \"thing\": \"machine-{n}\", \"property\": "
          "\"temperature\", \"unit\": \"degF\"},"
          "{\"device\": \"m{n}\", \"metric\": \"Mode\", \"thing\": \"machine-{n}\", \"property\": \"state\", "
          "\"values\": {\"7\": \"on\", \"8\": \"off\"}}]}");
    poll_all(&fixture);
    assert_int_equal(mqtt_memory_sent_count(fixture.memory), 0); /* no primary host */
    assert_int_equal(fixture.feed.ops->command(fixture.feed.context, 0, &command), STATUS_DISCONNECTED);
    const SparkplugMetric birth[] = { real("Temp/Actual", 1, 212), whole("Mode", 2, SPARKPLUG_INT16, 8) };
    node_birth(&fixture, 0, NOW_MS);
    send(&fixture, "spBv1.0/works/DBIRTH/edge/m1", fixture.seq++, NOW_MS, birth, 2);
    poll_all(&fixture);
    assert_int_equal(fixture.samples[0].code, 1000);
    assert_int_equal(fixture.samples[1].code, 0);
    assert_int_equal(fixture.feed.ops->command(fixture.feed.context, 0, &command), STATUS_OK);
    const MqttSent *sent = mqtt_memory_sent(fixture.memory, 0);
    assert_string_equal(sent->topic, "spBv1.0/works/DCMD/edge/m1");
    assert_int_equal(sparkplug_open(bytes_of(sent->payload, sent->payload_size), &payload), STATUS_OK);
    assert_false(payload.has_seq);
    assert_true(sparkplug_next(&payload, &metric));
    assert_int_equal(metric.name.size, 11);
    assert_int_equal(metric.type, SPARKPLUG_DOUBLE);
    assert_true(fabs(metric.number - 104) < 1e-9); /* 40 degC */
    assert_int_equal(metric.timestamp, NOW_MS);
    command = (FieldCommand){ .thing = 1, .action = 1 };
    assert_int_equal(fixture.feed.ops->command(fixture.feed.context, 0, &command), STATUS_OK);
    sent = mqtt_memory_sent(fixture.memory, 1);
    assert_int_equal(sparkplug_open(bytes_of(sent->payload, sent->payload_size), &payload), STATUS_OK);
    assert_true(sparkplug_next(&payload, &metric));
    assert_int_equal(metric.type, SPARKPLUG_INT16);
    assert_int_equal(metric.integer, 7);
    command = (FieldCommand){ .thing = 1, .action = 2 };
    assert_int_equal(fixture.feed.ops->command(fixture.feed.context, 0, &command), STATUS_OK);
    sent = mqtt_memory_sent(fixture.memory, 2);
    assert_int_equal(sparkplug_open(bytes_of(sent->payload, sent->payload_size), &payload), STATUS_OK);
    assert_true(sparkplug_next(&payload, &metric));
    assert_memory_equal(metric.name.data, "Control/Reset", 13);
    assert_int_equal(metric.type, SPARKPLUG_BOOLEAN);
    assert_int_equal(metric.integer, 1);
    command.thing = 9;
    assert_int_equal(fixture.feed.ops->command(fixture.feed.context, 0, &command), STATUS_NOT_FOUND);
    finish(&fixture);
}

static void after_a_lost_broker_all_are_born_again(void **state)
{
    (void)state;
    Fixture fixture;
    SparkplugMetric news = real("", 1, 30);
    begin(&fixture, "");
    node_birth(&fixture, 0, NOW_MS);
    device_birth(&fixture, "machine-0", 1, NOW_MS);
    poll_all(&fixture);
    mqtt_memory_connect(fixture.memory, false);
    poll_all(&fixture);
    assert_true(fixture.status.lost);
    mqtt_memory_clear_sent(fixture.memory);
    mqtt_memory_connect(fixture.memory, true);
    poll_all(&fixture);
    assert_false(fixture.status.lost);
    assert_int_equal(mqtt_memory_sent_count(fixture.memory), 2);
    assert_true(is_rebirth(mqtt_memory_sent(fixture.memory, 0)));
    assert_string_equal(mqtt_memory_sent(fixture.memory, 1)->topic, "spBv1.0/STATE/dtmv-small");
    data(&fixture, "machine-0", NOW_MS + 1, &news, 1); /* in sequence by chance */
    poll_all(&fixture);
    assert_int_equal(fixture.count, 0);
    /* A will of ours that comes late is set right. */
    static const char away[] = "{\"online\": false, \"timestamp\": 1}";
    mqtt_memory_clear_sent(fixture.memory);
    assert_true(mqtt_memory_deliver(fixture.memory, "spBv1.0/STATE/dtmv-small",
                                    bytes_of(away, sizeof away - 1), true));
    poll_all(&fixture);
    poll_all(&fixture);
    assert_int_equal(mqtt_memory_sent_count(fixture.memory), 1);
    finish(&fixture);
}

static void strange_messages_are_refused(void **state)
{
    (void)state;
    static const char *const topics[] = { "spBv1.0/works/NDATA/edge", "spBv1.0/works/DDATA/edge/x",
                                          "spBv1.0/works/NDEATH/other" };
    Fixture fixture;
    begin(&fixture, "");
    for (size_t i = 0; i < ARRAY_COUNT(topics); i++) {
        send(&fixture, topics[i], 5, NOW_MS, NULL, 0);
        poll_all(&fixture);
        assert_int_equal(counters(&fixture)->refused, i + 1);
    }
    assert_true(mqtt_memory_deliver(fixture.memory, topics[0], bytes_of("\x08", 1), false));
    assert_true(mqtt_memory_deliver(fixture.memory, topics[0], (Bytes){ 0 }, true));  /* retained */
    assert_true(mqtt_memory_deliver(fixture.memory, topics[0], (Bytes){ 0 }, false)); /* no sequence number */
    poll_all(&fixture);
    assert_int_equal(counters(&fixture)->refused, 6);
    assert_string_equal(sparkplug_feed_first_error(&fixture.feed)->path, topics[0]);
    finish(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(born_devices_tell_by_alias),
        cmocka_unit_test(nulls_and_impossible_values_are_bad),
        cmocka_unit_test(a_gap_asks_for_a_rebirth),
        cmocka_unit_test(the_sequence_begins_again_after_255),
        cmocka_unit_test(deaths_make_stale),
        cmocka_unit_test(history_never_looks_current),
        cmocka_unit_test(commands_become_metrics),
        cmocka_unit_test(after_a_lost_broker_all_are_born_again),
        cmocka_unit_test(strange_messages_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
