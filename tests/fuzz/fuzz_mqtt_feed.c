/* fuzz_mqtt_feed.c - any sequence of topics and payloads into an MQTT feed. The first byte picks the mapping;
 * then records: topic (picked, or given by length), flags, payload by length. Samples that come out exist in
 * the world and hold codes that their properties can have; counters add up. */
#include "server/twin/mqtt_feed.h"
#include "shared/mqtt/mqtt_link_memory.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/small_things.h"

#define TEXTS 8 /* ids that texts of the devices may take */

static const ThingModel model = { .properties = properties, .property_count = 4 };
static Thing things[] = { { .id = "a-1", .model = &model }, { .id = "a-2", .model = &model } };
static const World world = { .name = "w", .things = things, .thing_count = 2 };

static const char mapping[] =
    "{\"dtmv_mqtt\": 1, \"topics\": ["
    "{\"topic\": \"n/{t}/#\", \"payload\": \"number\", \"thing\": \"a-{t}\", \"property\": \"speed\", "
    "\"unit\": \"degF\"},"
    "{\"topic\": \"t/{t}/{p}\", \"payload\": \"text\", \"thing\": \"{t}\", \"property\": \"{p}\"},"
    "{\"topic\": \"j/+\", \"thing\": {\"json\": \"d.t\"}, \"property\": {\"json\": \"p\"}, \"value\": "
    "\"v[1]\", "
    "\"time\": {\"json\": \"at\", \"format\": \"iso8601\"}, \"quality\": \"q\"}]}";

static const char *const topics[] = { "dtmv/w/a-1/speed",
                                      "dtmv/w/a-2/state",
                                      "dtmv/w/a-1/note",
                                      "dtmv/w/a-2/on",
                                      "dtmv/w/a-1/!/x/answer",
                                      "dtmv/w/status",
                                      "n/1/x",
                                      "t/a-1/state",
                                      "j/x" };

static void poll_feed(const Feed *feed)
{
    TraceSample samples[3];
    size_t count;
    FeedStatus status;
    FieldAnswer answer;
    do {
        if (feed->ops->poll(feed->context, 0, samples, 3, &count, &status) != STATUS_OK) {
            abort();
        }
        for (size_t i = 0; i < count; i++) {
            require(sample_is_possible(&samples[i], TEXTS));
        }
    } while (count == 3);
    while (feed->ops->answer(feed->context, &answer) == STATUS_OK) {
        if (strlen(answer.command) != COMMAND_ID_SIZE - 1 ||
            strnlen(answer.reason, sizeof answer.reason) == sizeof answer.reason) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena;
    TextTable texts;
    MqttMapping *read = NULL;
    MqttLink link;
    MqttMemory *memory;
    Feed feed;
    TimeNs now = INT64_C(1700000000000000000);
    Bytes input = bytes_of(data, size);
    bool own = take_byte(&input) % 2 == 0;
    arena_init(&arena, (size_t)64 << 20);
    if (text_table_init(&texts, TEXTS, &arena) != STATUS_OK ||
        mqtt_mapping_load(own ? (Bytes){ 0 } : bytes_of(mapping, sizeof mapping - 1), "m.json", &world, NULL,
                          &arena, &read, NULL) != STATUS_OK ||
        mqtt_memory_create(&link, &memory) != STATUS_OK) {
        abort();
    }
    MqttFeedConfig config = { .link = link, .mapping = read, .world = &world, .texts = &texts };
    if (mqtt_feed_create(&config, &feed, NULL) != STATUS_OK) {
        abort();
    }
    for (int i = 0; i < 200 && input.size > 0; i++) {
        char topic[64];
        uint8_t pick = take_byte(&input), flags = take_byte(&input);
        if (pick < 0xf0) {
            memcpy(topic, topics[pick % ARRAY_COUNT(topics)], strlen(topics[pick % ARRAY_COUNT(topics)]) + 1);
        } else {
            Bytes name = take(&input, (size_t)(pick & 0xf) * 2);
            if (name.size > 0) {
                memcpy(topic, name.data, name.size);
            }
            topic[name.size] = '\0';
        }
        mqtt_memory_connect(memory, (flags & 2) == 0);
        now += (TimeNs)(flags >> 3) * TIME_SECOND;
        mqtt_memory_set_clock(memory, now);
        (void)mqtt_memory_deliver(memory, topic, take(&input, take_byte(&input)), (flags & 1) != 0);
        if ((flags & 4) != 0) {
            poll_feed(&feed);
        }
    }
    poll_feed(&feed);
    const TraceCounters *counters = feed.ops->counters(feed.context);
    if (counters->bad > counters->samples || (own && counters->unmapped != 0)) {
        abort();
    }
    feed.ops->destroy(feed.context);
    arena_finish(&arena);
    return 0;
}
