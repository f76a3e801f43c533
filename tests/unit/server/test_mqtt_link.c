#include "shared/base/random.h"
#include "shared/mqtt/message_ring.h"
#include "shared/mqtt/mqtt_link_memory.h"
#include "shared/mqtt/mqtt_url.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void urls_are_read(void **state)
{
    (void)state;
    MqttUrl url;
    Diag diag = { 0 };
    char text[512];
    assert_int_equal(mqtt_url_parse("mqtt://127.0.0.1", &url, &diag), STATUS_OK);
    assert_false(url.tls);
    assert_string_equal(url.host, "127.0.0.1");
    assert_int_equal(url.port, MQTT_PORT);
    assert_string_equal(url.user, "");
    assert_string_equal(url.prefix, "");
    assert_int_equal(mqtt_url_parse("mqtts://ann:p%40ss%3a@broker.example:8884/site/7/", &url, &diag),
                     STATUS_OK);
    assert_true(url.tls);
    assert_string_equal(url.host, "broker.example");
    assert_int_equal(url.port, 8884);
    assert_string_equal(url.user, "ann");
    assert_string_equal(url.password, "p@ss:");
    assert_string_equal(url.prefix, "site/7");
    assert_string_equal(mqtt_url_format(&url, text, sizeof text), "mqtts://broker.example:8884/site/7");
    assert_int_equal(mqtt_url_parse("mqtts://[::1]", &url, &diag), STATUS_OK);
    assert_string_equal(url.host, "::1");
    assert_int_equal(url.port, MQTT_TLS_PORT);
    assert_string_equal(mqtt_url_format(&url, text, sizeof text), "mqtts://[::1]:8883");
}

static void wrong_urls_are_refused_without_the_password(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "localhost",
        "http://a",
        "mqtt:/a",
        "mqtt://",
        "mqtt://a:0",
        "mqtt://a:70000",
        "mqtt://a:",
        "mqtt://a:1x",
        "mqtt://a b",
        "mqtt://u:s3cret%zz@a",
        "mqtt://u:s3cret%2@a",
        "mqtt://:s3cret@a",
        "mqtt://[::1",
        "mqtt://[::1]x",
        "mqtt://a/p?q",
        "mqtt://a/#",
        "mqtt://u:s3cret@a/+",
        "mqtt://a/%00",
        "mqtt://u:s3cret%00@a",
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        MqttUrl url = { .port = 4711 };
        Diag diag = { 0 };
        if (mqtt_url_parse(wrong[i], &url, &diag) == STATUS_OK || url.port != 4711) {
            fail_msg("accepted: '%s'", wrong[i]);
        }
        assert_true(diag.text[0] != '\0');
        assert_null(strstr(diag.text, "s3cret"));
    }
}

static void filters_match_as_the_standard_says(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *topic;
        bool matches;
    } cases[] = {
        { "a/b", "a/b", true },    { "a/b", "a/bc", false },   { "a/+", "a/b", true },
        { "a/+", "a", false },     { "a/+", "a/b/c", false },  { "a/#", "a/b/c", true },
        { "a/#", "a", true },      { "a/#", "ab", false },     { "#", "a/b", true },
        { "+/+", "/a", true },     { "/+", "/a", true },       { "+", "/a", false },
        { "#", "$SYS/x", false },  { "+/x", "$SYS/x", false }, { "$SYS/#", "$SYS/x", true },
        { "a/+/c", "a//c", true }, { "a/b/", "a/b", false },   { "a/+/#", "a/b", true },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        if (mqtt_filter_matches(cases[i].filter, cases[i].topic) != cases[i].matches) {
            fail_msg("%s on %s", cases[i].filter, cases[i].topic);
        }
    }
    assert_true(mqtt_filter_valid("a/+/#"));
    assert_false(mqtt_filter_valid("a/b+"));
    assert_false(mqtt_filter_valid("a/#/b"));
    assert_false(mqtt_filter_valid("a#"));
    assert_false(mqtt_filter_valid(""));
    assert_true(mqtt_topic_valid("a/b"));
    assert_false(mqtt_topic_valid("a/+"));
    assert_false(mqtt_topic_valid("a\nb"));
}

/* Records of random sizes through a small ring, so that every way of wrapping comes up. */
static void a_ring_keeps_order_and_content(void **state)
{
    (void)state;
    MessageRing ring;
    Random writer = random_seeded(1);
    assert_int_equal(message_ring_init(&ring, 4096), STATUS_OK);
    uint8_t payload[1200];
    int64_t pushed = 0, popped = 0;
    for (int round = 0; round < 200000; round++) {
        if (random_below(&writer, 2) == 0 || pushed == popped) {
            Random content = random_seeded((uint64_t)pushed);
            size_t size = random_below(&content, sizeof payload);
            memset(payload, (int)(pushed & 0xff), size);
            char topic[32];
            snprintf(topic, sizeof topic, "topic/%lld", (long long)pushed);
            MessageRecord record = { .topic = topic,
                                     .topic_size = strlen(topic),
                                     .payload = bytes_of(payload, size),
                                     .flags = (uint32_t)(pushed & 3),
                                     .time = pushed };
            bool room = message_ring_has_room(&ring, record.topic_size + size);
            assert_int_equal(message_ring_push(&ring, &record), room);
            assert_true(room || pushed > popped); /* an empty ring of twice the size takes every record */
            pushed += room;
        } else {
            MessageRecord record;
            assert_true(message_ring_peek(&ring, &record));
            Random content = random_seeded((uint64_t)popped);
            assert_int_equal(record.time, popped);
            assert_int_equal(record.payload.size, random_below(&content, sizeof payload));
            assert_int_equal(record.flags, popped & 3);
            assert_int_equal(strlen(record.topic), record.topic_size);
            for (size_t i = 0; i < record.payload.size; i++) {
                assert_int_equal(record.payload.data[i], popped & 0xff);
            }
            message_ring_pop(&ring);
            popped++;
        }
    }
    assert_true(popped > 1000);
    message_ring_finish(&ring);
}

#define CROSSINGS 30000

static void *cross(void *context)
{
    MessageRing *ring = context;
    for (int64_t i = 0; i < CROSSINGS;) {
        uint8_t payload[64];
        memset(payload, (int)(i & 0xff), sizeof payload);
        MessageRecord record = {
            .topic = "t", .topic_size = 1, .payload = bytes_of(payload, (size_t)(i % 64)), .time = i
        };
        if (message_ring_push(ring, &record)) {
            i++;
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static void a_ring_joins_two_threads(void **state)
{
    (void)state;
    MessageRing ring;
    pthread_t thread;
    assert_int_equal(message_ring_init(&ring, 4096), STATUS_OK);
    assert_int_equal(pthread_create(&thread, NULL, cross, &ring), 0);
    for (int64_t i = 0; i < CROSSINGS;) {
        MessageRecord record;
        if (!message_ring_peek(&ring, &record)) {
            sched_yield();
            continue;
        }
        if (record.time != i || record.payload.size != (size_t)(i % 64) ||
            (record.payload.size > 0 && record.payload.data[record.payload.size - 1] != (i & 0xff))) {
            fail_msg("record %lld is wrong", (long long)i);
        }
        message_ring_pop(&ring);
        i++;
    }
    pthread_join(thread, NULL);
    assert_int_equal(message_ring_used(&ring), 0);
    message_ring_finish(&ring);
}

static void the_memory_link_keeps_the_contract(void **state)
{
    (void)state;
    MqttLink link;
    MqttMemory *memory;
    MqttMessage message;
    MqttLinkStatus status;
    assert_int_equal(mqtt_memory_create(&link, &memory), STATUS_OK);
    assert_int_equal(link.ops->subscribe(link.context, "a/+", 0), STATUS_OK);
    assert_int_equal(link.ops->subscribe(link.context, "a/#/b", 0), STATUS_INVALID_ARGUMENT);
    MqttPublish hello = { .topic = "x", .payload = bytes_of("hi", 2), .qos = 1, .retain = true };
    assert_int_equal(link.ops->publish(link.context, &hello), STATUS_DISCONNECTED);
    mqtt_memory_connect(memory, true);
    assert_int_equal(link.ops->publish(link.context, &hello), STATUS_OK);
    hello.topic = "x/#";
    assert_int_equal(link.ops->publish(link.context, &hello), STATUS_OUT_OF_RANGE);
    assert_int_equal(mqtt_memory_sent_count(memory), 1);
    assert_string_equal(mqtt_memory_sent(memory, 0)->payload, "hi");
    mqtt_memory_set_clock(memory, 5);
    assert_true(mqtt_memory_deliver(memory, "a/b", bytes_of("1", 1), true));
    assert_false(mqtt_memory_deliver(memory, "b/b", bytes_of("1", 1), true));
    assert_true(link.ops->peek(link.context, &message));
    assert_string_equal(message.topic, "a/b");
    assert_true(message.retained);
    assert_int_equal(message.received, 5);
    link.ops->pop(link.context);
    assert_false(link.ops->peek(link.context, &message));
    link.ops->status(link.context, &status);
    assert_true(status.connected);
    assert_int_equal(status.received, 1);
    link.ops->destroy(link.context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_read),
        cmocka_unit_test(wrong_urls_are_refused_without_the_password),
        cmocka_unit_test(filters_match_as_the_standard_says),
        cmocka_unit_test(a_ring_keeps_order_and_content),
        cmocka_unit_test(a_ring_joins_two_threads),
        cmocka_unit_test(the_memory_link_keeps_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
