/* fuzz_sparkplug_feed.c - any sequence of topics and payloads into a Sparkplug feed: records of topic
 * (picked, or given by length), flags, payload by length. Samples that come out exist in the world and hold
 * codes that their properties can have; commands do no harm in any state. */
#include "server/twin/sparkplug_feed.h"
#include "shared/mqtt/mqtt_link_memory.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/small_things.h"

#define TEXTS 8 /* ids that texts of the devices may take */

static Action actions[] = {
    { .name = "set", .has_input = true, .input_type = PROPERTY_NUMBER, .target = 0 },
    { .name = "start", .target = 1, .has_target_code = true, .target_code = 1 },
    { .name = "reset", .target = NO_PROPERTY },
};
static const ThingModel model = {
    .properties = properties, .property_count = 4, .actions = actions, .action_count = 3
};
static Thing things[] = { { .id = "a-1", .model = &model }, { .id = "a-2", .model = &model } };
static const World world = { .name = "w", .things = things, .thing_count = 2 };

static const char *const topics[] = {
    "spBv1.0/g/NBIRTH/e",    "spBv1.0/g/DBIRTH/e/a-1", "spBv1.0/g/DBIRTH/e/a-2", "spBv1.0/g/NDATA/e",
    "spBv1.0/g/DDATA/e/a-1", "spBv1.0/g/DDATA/e/a-2",  "spBv1.0/g/NDEATH/e",     "spBv1.0/g/DDEATH/e/a-1",
    "spBv1.0/STATE/dtmv-w",  "spBv1.0/g/NBIRTH/a-2",   "spBv1.0/g/NDATA/a-2"
};

static void poll_feed(const Feed *feed)
{
    TraceSample samples[3];
    size_t count;
    FeedStatus status;
    do {
        if (feed->ops->poll(feed->context, 0, samples, 3, &count, &status) != STATUS_OK) {
            abort();
        }
        for (size_t i = 0; i < count; i++) {
            require(sample_is_possible(&samples[i], TEXTS));
        }
    } while (count == 3);
    for (uint8_t action = 0; action < 4; action++) {
        FieldCommand command = { .thing = action % 3,
                                 .action = action,
                                 .has_value = action % 2 == 0,
                                 .value = { .type = VALUE_NUMBER, .number = 1e9 * action } };
        (void)feed->ops->command(feed->context, 0, &command);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena;
    TextTable texts;
    SparkplugMapping *read = NULL;
    MqttLink link;
    MqttMemory *memory;
    Feed feed;
    TimeNs now = INT64_C(1700000000000000000);
    Bytes input = bytes_of(data, size);
    arena_init(&arena, (size_t)64 << 20);
    if (text_table_init(&texts, TEXTS, &arena) != STATUS_OK ||
        sparkplug_mapping_load((Bytes){ 0 }, "m.json", &world, &arena, &read, NULL) != STATUS_OK ||
        mqtt_memory_create(&link, &memory) != STATUS_OK) {
        abort();
    }
    SparkplugFeedConfig config = { .link = link, .mapping = read, .world = &world, .texts = &texts };
    if (sparkplug_feed_create(&config, &feed, NULL) != STATUS_OK) {
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
    if (counters->bad > counters->samples) {
        abort();
    }
    feed.ops->destroy(feed.context);
    arena_finish(&arena);
    return 0;
}
