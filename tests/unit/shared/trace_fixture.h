/* trace_fixture.h - a small world of hand-built things for the tests of shared/trace, and short ways to load
 * a mapping and read a text through it. Include after cmocka.h. */
#ifndef TESTS_UNIT_SHARED_TRACE_FIXTURE_H
#define TESTS_UNIT_SHARED_TRACE_FIXTURE_H
#include "shared/trace/csv_reader.h"
#include "shared/trace/input_file.h"

#include <math.h>
#include <stdio.h>

/* pump: speed (number), running (boolean), state (enumeration), note (text), steps (resolution 0.5) */
enum { PUMP_SPEED, PUMP_RUNNING, PUMP_STATE, PUMP_NOTE, PUMP_STEPS, PUMP_PROPERTIES };
enum { THING_PUMP_1, THING_PUMP_2, THING_TANK, THING_COUNT };

static const char *const fixture_states[] = { "off", "on", "fault" };

static Property fixture_pump[PUMP_PROPERTIES] = {
    { .name = "speed",
      .unit = "1/min",
      .type = PROPERTY_NUMBER,
      .encoding = CHANNEL_EXACT,
      .minimum = -1000,
      .maximum = 1e6 },
    { .name = "running", .unit = "", .type = PROPERTY_BOOLEAN, .encoding = CHANNEL_BOOLEAN },
    { .name = "state",
      .unit = "",
      .type = PROPERTY_TEXT,
      .encoding = CHANNEL_ENUM,
      .enum_names = fixture_states,
      .enum_count = 3 },
    { .name = "note", .unit = "", .type = PROPERTY_TEXT, .encoding = CHANNEL_TEXT },
    { .name = "steps",
      .unit = "",
      .type = PROPERTY_NUMBER,
      .encoding = CHANNEL_STEPS,
      .minimum = -INFINITY,
      .maximum = INFINITY,
      .resolution = 0.5 },
};

static Property fixture_tank[] = {
    { .name = "temperature",
      .unit = "degC",
      .type = PROPERTY_NUMBER,
      .encoding = CHANNEL_EXACT,
      .minimum = -INFINITY,
      .maximum = INFINITY,
      .period = 10 * TIME_SECOND },
    { .name = "power",
      .unit = "kW",
      .type = PROPERTY_NUMBER,
      .encoding = CHANNEL_EXACT,
      .minimum = -INFINITY,
      .maximum = INFINITY },
};

static const ThingModel fixture_pump_model = { .properties = fixture_pump,
                                               .property_count = PUMP_PROPERTIES };
static const ThingModel fixture_tank_model = { .properties = fixture_tank, .property_count = 2 };
static Thing fixture_things[THING_COUNT] = { { .id = "pump-1", .model = &fixture_pump_model },
                                             { .id = "pump-2", .model = &fixture_pump_model },
                                             { .id = "tank", .model = &fixture_tank_model } };
static const World fixture_world = { .things = fixture_things, .thing_count = THING_COUNT };

/* Mappings that fit the world: entities P1, P2 with the properties' own names, T… with temp; columns T, P. */
#define LONG_HEAD                                                   \
    "{\"dtmv_mapping\": 1, \"form\": \"long\", \"header\": false, " \
    "\"column_names\": [\"t\", \"e\", \"p\", \"v\"], "              \
    "\"time\": {\"column\": \"t\", \"format\": \"epoch_s\"}, \"value\": {\"column\": \"v\"}, "
#define LONG                                                                                                \
    LONG_HEAD "\"rows\": [{\"where\": {\"e\": \"P{n}\", \"p\": \"{q}\"}, \"thing\": \"pump-{n}\", "         \
              "\"property\": \"{q}\"}, {\"where\": {\"e\": \"T*\", \"p\": \"temp\"}, \"thing\": \"tank\", " \
              "\"property\": \"temperature\", \"unit\": \"degF\"}]}"

#define WIDE_COLUMNS                                                                          \
    "\"columns\": [{\"column\": \"T\", \"thing\": \"tank\", \"property\": \"temperature\"}, " \
    "{\"column\": \"P\", \"thing\": \"tank\", \"property\": \"power\", \"unit\": \"W\"}]}"
#define WIDE_HEAD                                                  \
    "{\"dtmv_mapping\": 1, \"form\": \"wide\", \"header\": true, " \
    "\"time\": {\"column\": \"time\", \"format\": \"epoch_s\"}, "
#define WIDE WIDE_HEAD WIDE_COLUMNS

/* Everything one reading needs; chunk is how many bytes a read gives. */
typedef struct Reading {
    Arena arena;
    TextTable texts;
    TraceMapping *mapping;
    TraceMemory memory;
    CsvReader *reader;
    Diag diag;
} Reading;

static inline Bytes text_bytes(const char *text)
{
    return bytes_of(text, strlen(text));
}

static inline Status reading_open_bytes(Reading *reading, const char *mapping, Bytes table, size_t chunk)
{
    *reading = (Reading){ .memory = { .bytes = table, .chunk = chunk } };
    arena_init(&reading->arena, 0);
    Status status = trace_mapping_load(text_bytes(mapping), "m.json", &fixture_world, &reading->arena,
                                       &reading->mapping, &reading->diag);
    if (status) {
        print_message("%s:%u: %s\n", reading->diag.path, reading->diag.line, reading->diag.text);
        return status;
    }
    assert_int_equal(text_table_init(&reading->texts, 8, &reading->arena), STATUS_OK);
    assert_int_equal(csv_reader_create(trace_input_memory(&reading->memory), "t.csv", reading->mapping,
                                       &reading->texts, &reading->arena, &reading->reader),
                     STATUS_OK);
    return STATUS_OK;
}

static inline void reading_open(Reading *reading, const char *mapping, const char *table)
{
    assert_int_equal(reading_open_bytes(reading, mapping, text_bytes(table), 0), STATUS_OK);
}

static inline void reading_close(Reading *reading)
{
    arena_finish(&reading->arena);
}

/* The next sample, which must be there. */
static inline TraceSample reading_next(Reading *reading)
{
    TraceSample sample = { 0 };
    Status status = csv_reader_next(reading->reader, &sample, &reading->diag);
    if (status) {
        fail_msg("no sample: %s: %s", status_name(status), reading->diag.text);
    }
    return sample;
}

static inline void reading_expect_end(Reading *reading)
{
    TraceSample sample;
    assert_int_equal(csv_reader_next(reading->reader, &sample, &reading->diag), STATUS_END);
}

/* Reads what is left and counts it. */
static inline uint64_t reading_drain(Reading *reading, Status *out_status)
{
    TraceSample sample;
    uint64_t count = 0;
    Status status;
    while ((status = csv_reader_next(reading->reader, &sample, &reading->diag)) == STATUS_OK) {
        count++;
    }
    *out_status = status;
    return count;
}

static inline const TraceCounters *reading_counters(const Reading *reading)
{
    return csv_reader_counters(reading->reader);
}

/* The number behind an EXACT code. */
static inline double exact_number(int64_t code)
{
    double number;
    memcpy(&number, &code, sizeof number);
    return number;
}

static inline void expect_number(Reading *reading, TimeNs seconds, uint32_t thing, uint8_t property,
                                 double value)
{
    TraceSample sample = reading_next(reading);
    assert_true(sample.source_time == seconds * TIME_SECOND);
    assert_int_equal(sample.thing, thing);
    assert_int_equal(sample.property, property);
    assert_int_equal(sample.quality, QUALITY_GOOD);
    if (exact_number(sample.code) != value) {
        fail_msg("%.17g, not %.17g", exact_number(sample.code), value);
    }
}

static inline void expect_first_error(const Reading *reading, unsigned line, const char *part)
{
    const Diag *error = csv_reader_first_error(reading->reader);
    assert_non_null(error);
    if (error->line != line || !strstr(error->text, part) || strcmp(error->path, "t.csv") != 0) {
        fail_msg("line %u: '%s', not line %u: '%s'", error->line, error->text, line, part);
    }
}

#endif
