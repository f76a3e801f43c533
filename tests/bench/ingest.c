/* ingest: a feed in memory offers as many samples as a tick takes; counted is what the things accepted. */
#include "server/twin/twin.h"
#include "shared/base/clock_file.h"
#include "tests/bench/bench.h"

#define THINGS     1000
#define PROPERTIES 3

typedef struct MemoryFeed {
    uint64_t next; /* running number of the next sample: its source time and value follow from it */
    uint64_t left; /* samples still to offer in this tick */
} MemoryFeed;

static Status memory_poll(void *context, TimeNs now, TraceSample *out_samples, size_t capacity,
                          size_t *out_count, FeedStatus *out_status)
{
    MemoryFeed *feed = context;
    size_t count = capacity < feed->left ? capacity : (size_t)feed->left;
    (void)now;
    for (size_t i = 0; i < count; i++) {
        uint64_t n = feed->next++;
        out_samples[i] = (TraceSample){ .source_time = (TimeNs)(n / (THINGS * PROPERTIES)) * TIME_MS,
                                        .thing = (uint16_t)(n / PROPERTIES % THINGS),
                                        .property = (uint8_t)(n % PROPERTIES),
                                        .quality = QUALITY_GOOD,
                                        .code = (int64_t)(n % 4096) };
    }
    feed->left -= count;
    *out_count = count;
    *out_status = (FeedStatus){ .source_clock = (TimeNs)(feed->next / (THINGS * PROPERTIES)) * TIME_MS };
    return STATUS_OK;
}

static const TraceCounters *memory_counters(const void *context)
{
    static const TraceCounters none;
    (void)context;
    return &none;
}

static void memory_destroy(void *context)
{
    (void)context; /* lives on the caller's stack */
}

Status bench_ingest(const BenchOptions *options, Diag *diag)
{
    if (options->mqtt || options->sparkplug) {
        return bench_ingest_broker(options, diag);
    }
    static const FeedOps ops = { .poll = memory_poll,
                                 .counters = memory_counters,
                                 .destroy = memory_destroy };
    const size_t batch = 65536;
    Property properties[PROPERTIES];
    for (int i = 0; i < PROPERTIES; i++) {
        properties[i] = (Property){ .name = "value",
                                    .title = "value",
                                    .unit = "",
                                    .encoding = CHANNEL_STEPS,
                                    .resolution = 0.1,
                                    .minimum = -1e6,
                                    .maximum = 1e6 };
    }
    ThingModel model = {
        .path = "memory", .title = "Memory", .properties = properties, .property_count = PROPERTIES
    };
    static Thing things[THINGS];
    for (int i = 0; i < THINGS; i++) {
        things[i] = (Thing){ .id = "thing", .title = "thing", .model = &model };
    }
    World world = { .name = "memory", .title = "memory", .things = things, .thing_count = THINGS };
    MemoryFeed feed = { 0 };
    TwinSystem *twin;
    Status status = twin_create(&world, batch, &twin);
    if (status == STATUS_OK) {
        status = twin_add_feed(twin, (Feed){ .ops = &ops, .context = &feed });
    }
    if (status != STATUS_OK) {
        return diag_set(diag, status, NULL, 0, "cannot create the twin system");
    }
    double seconds = options->seconds > 0 ? options->seconds : 2;
    TimeNs began = clock_monotonic(), now = began;
    uint64_t offered = 0;
    while (now - began < time_from_seconds(seconds) && status == STATUS_OK) {
        SyncBatch out;
        feed.left = batch;
        status = twin_tick(twin, now, &out);
        offered += batch - feed.left;
        now = clock_monotonic();
    }
    const TwinCounters *counters = twin_counters(twin);
    bench_open("ingest");
    bench_number("samples_per_s", (double)counters->samples / time_to_seconds(now - began));
    bench_integer("samples", (int64_t)counters->samples);
    bench_integer("dropped", (int64_t)(offered - counters->samples));
    bench_close();
    twin_destroy(twin);
    return status;
}
