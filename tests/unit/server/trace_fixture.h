/* trace_fixture.h - a CSV text in memory ("seconds,thing,property,value" rows) behind a replay feed, over a
 * small world. */
#ifndef TESTS_UNIT_SERVER_TRACE_FIXTURE_H
#define TESTS_UNIT_SERVER_TRACE_FIXTURE_H
#include "server/twin/replay_feed.h"
#include "shared/trace/input_file.h"
#include "tests/unit/server/small_world.h"

#define SECONDS(s) ((TimeNs)((s)*1000000000.0))

typedef struct TraceFixture {
    SmallWorld small;
    TraceMemory memory;
    CsvReader *reader;
    Feed feed;
} TraceFixture;

/* A reader over `csv` (borrowed), or NULL. */
static inline CsvReader *trace_fixture_reader(SmallWorld *small, TraceMemory *memory, const char *csv)
{
    static const char json[] =
        "{\"dtmv_mapping\": 1, \"form\": \"long\", \"header\": false,"
        "\"column_names\": [\"t\", \"thing\", \"property\", \"value\"],"
        "\"time\": {\"column\": \"t\", \"format\": \"epoch_s\"}, \"value\": {\"column\": \"value\"},"
        "\"rows\": [{\"where\": {\"thing\": \"{t}\", \"property\": \"{p}\"},"
        "\"thing\": \"{t}\", \"property\": \"{p}\"}]}";
    TraceMapping *mapping;
    CsvReader *reader;
    Diag diag = { 0 };
    *memory = (TraceMemory){ .bytes = bytes_of(csv, strlen(csv)) };
    if (trace_mapping_load(bytes_of(json, sizeof json - 1), "test.mapping.json", &small->world, &small->arena,
                           &mapping, &diag) != STATUS_OK ||
        csv_reader_create(trace_input_memory(memory), "test.csv", mapping, &small->texts, &small->arena,
                          &reader) != STATUS_OK) {
        fprintf(stderr, "trace fixture: %s:%u: %s\n", diag.path, diag.line, diag.text);
        return NULL;
    }
    return reader;
}

static inline Status trace_fixture_init(TraceFixture *fixture, const char *csv, const ReplayConfig *config,
                                        Diag *diag)
{
    memset(fixture, 0, sizeof *fixture);
    if (!small_world_init(&fixture->small, 3)) {
        return STATUS_OUT_OF_MEMORY;
    }
    fixture->reader = trace_fixture_reader(&fixture->small, &fixture->memory, csv);
    return fixture->reader == NULL ? STATUS_INVALID_ARGUMENT
                                   : replay_feed_create(config, fixture->reader, &fixture->feed, diag);
}

/* The feed goes first when it is still ours. */
static inline void trace_fixture_finish(TraceFixture *fixture)
{
    if (fixture->feed.ops != NULL) {
        fixture->feed.ops->destroy(fixture->feed.context);
    }
    small_world_finish(&fixture->small);
}

#endif
