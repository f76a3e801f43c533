/* fuzz_csv.c - any bytes as a table. The first byte chooses a mapping, the second how many bytes a read
 * gives. However the bytes arrive, and on a second pass, the samples are the same; the counters add up. */
#include "shared/trace/csv_reader.h"
#include "shared/trace/input_file.h"
#include "tests/fuzz/fuzz_input.h"

#include <math.h>
#include <stdlib.h>

static const char *const state_names[] = { "off", "on" };

static Property properties[] = {
    { .name = "speed",
      .unit = "degC",
      .type = PROPERTY_NUMBER,
      .encoding = CHANNEL_EXACT,
      .minimum = -1e9,
      .maximum = 1e9 },
    { .name = "state",
      .unit = "",
      .type = PROPERTY_TEXT,
      .encoding = CHANNEL_ENUM,
      .enum_names = state_names,
      .enum_count = 2 },
    { .name = "note", .unit = "", .type = PROPERTY_TEXT, .encoding = CHANNEL_TEXT },
    { .name = "on",
      .unit = "",
      .type = PROPERTY_BOOLEAN,
      .encoding = CHANNEL_BOOLEAN,
      .period = TIME_SECOND },
};
static const ThingModel model = { .properties = properties, .property_count = 4 };
static Thing things[] = { { .id = "a-1", .model = &model }, { .id = "a-2", .model = &model } };
static const World world = { .things = things, .thing_count = 2 };

#define LONG(time)                                                                                       \
    "{\"dtmv_mapping\":1,\"form\":\"long\",\"header\":false,\"column_names\":[\"t\",\"e\",\"p\",\"v\"]," \
    "\"time\":{\"column\":\"t\",\"format\":\"" time "\"},\"value\":{\"column\":\"v\"},\"rows\":["        \
    "{\"where\":{\"e\":\"{a}_*\",\"p\":\"{p}\"},\"thing\":\"{a}\",\"property\":\"{p}\"},"                \
    "{\"where\":{\"e\":\"*x{b}y*\"},\"thing\":\"a-{b}\",\"property\":\"speed\",\"unit\":\"degF\"}]}"
#define WIDE(more)                                                                               \
    "{\"dtmv_mapping\":1,\"form\":\"wide\",\"header\":true," more                                \
    "\"time\":{\"column\":\"t\",\"format\":\"iso8601\"},\"missing\":[\"\",\"NA\"],\"columns\":[" \
    "{\"column\":\"{a}.{p}\",\"thing\":\"{a}\",\"property\":\"{p}\"}]}"

static const char *const mappings[] = {
    LONG("epoch_ms"),
    LONG("iso8601"),
    LONG("D.M.YYYY h:mm"),
    WIDE(""),
    WIDE("\"index_column\":true,\"strict\":true,"),
    WIDE("\"delimiter\":\";\",\"decimal_mark\":\",\",\"skip_lines\":1,"),
    WIDE("\"column_names\":[\"t\",\"a-1.speed\",\"a-2.note\"],"),
};

typedef struct Pass {
    uint64_t digest, samples;
    Status status;
} Pass;

static uint64_t mix(uint64_t digest, uint64_t value)
{
    digest = (digest ^ value) * UINT64_C(0x9E3779B97F4A7C15);
    return digest ^ (digest >> 31);
}

static Pass read_pass(CsvReader *reader)
{
    Pass pass = { 0 };
    TraceSample sample;
    while ((pass.status = csv_reader_next(reader, &sample, NULL)) == STATUS_OK) {
        if (sample.thing >= world.thing_count || sample.property >= model.property_count ||
            (sample.quality != QUALITY_GOOD && (sample.quality != QUALITY_BAD || sample.code != 0)) ||
            sample.source_time == TIME_NONE || sample.source_time == TIME_FOREVER) {
            abort();
        }
        if (properties[sample.property].encoding == CHANNEL_EXACT) {
            double number;
            memcpy(&number, &sample.code, sizeof number);
            if (!(fabs(number) <= 1e9)) {
                abort();
            }
        }
        pass.samples++;
        pass.digest = mix(pass.digest, (uint64_t)sample.source_time);
        pass.digest = mix(pass.digest, (uint64_t)sample.code);
        pass.digest =
            mix(pass.digest, (uint64_t)sample.thing << 16 | (uint64_t)sample.property << 8 | sample.quality);
    }
    return pass;
}

static void check(const CsvReader *reader, const Pass *pass, size_t size)
{
    const TraceCounters *counters = csv_reader_counters(reader);
    if (counters->samples != pass->samples || counters->bad > counters->samples ||
        counters->bad > counters->refused || counters->bytes > size ||
        (pass->status == STATUS_END && counters->bytes != size) ||
        (counters->refused > 0) != (csv_reader_first_error(reader) != NULL) ||
        (pass->status != STATUS_END && pass->status != STATUS_MALFORMED)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    /* Kept from run to run: fresh buffers of a megabyte would take longer than everything else. */
    static Arena arena;
    if (arena.limit == 0) {
        arena_init(&arena, (size_t)64 << 20);
    }
    const char *text = mappings[data[0] % ARRAY_COUNT(mappings)];
    TraceMapping *mapping = NULL;
    TextTable texts;
    if (trace_mapping_load(bytes_of(text, strlen(text)), "m.json", &world, &arena, &mapping, NULL) ||
        text_table_init(&texts, 1024, &arena)) {
        abort();
    }
    TraceMemory whole = { .bytes = bytes_of(data + 2, size - 2) };
    TraceMemory parts = { .bytes = whole.bytes, .chunk = (size_t)data[1] + 1 };
    CsvReader *first = NULL, *second = NULL;
    if (csv_reader_create(trace_input_memory(&whole), "t.csv", mapping, &texts, &arena, &first) ||
        csv_reader_create(trace_input_memory(&parts), "t.csv", mapping, &texts, &arena, &second)) {
        abort();
    }
    Pass at_once = read_pass(first);
    check(first, &at_once, size - 2);
    Pass in_parts = read_pass(second);
    if (csv_reader_rewind(first) != STATUS_OK) {
        abort();
    }
    Pass again = read_pass(first);
    if (at_once.digest != in_parts.digest || at_once.status != in_parts.status ||
        at_once.digest != again.digest || at_once.status != again.status) {
        abort();
    }
    arena_reset(&arena);
    return 0;
}
