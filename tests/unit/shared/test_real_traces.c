/* The real traces of ../shared/data, through the worlds in tests/real. The expected figures were counted with
 * Python's csv module, the sums added up in file order. Skipped where the data is absent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "shared/base/disk_file.h"
#include "shared/trace/csv_reader.h"
#include "shared/trace/input_file.h"

typedef struct RealTrace {
    Arena arena;
    World world;
    TextTable texts;
    TraceInput input;
    CsvReader *reader;
} RealTrace;

static bool file_exists(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file) {
        fclose(file);
    }
    return file != NULL;
}

/* Opens the trace that the feed of tests/real/`world` names, from the data folder `data`. */
static void open_real(RealTrace *real, const char *world, const char *data)
{
    static char world_folder[512], data_folder[512];
    snprintf(world_folder, sizeof world_folder, "%s/tests/real/%s", DTMV_SOURCE_DIR, world);
    snprintf(data_folder, sizeof data_folder, "%s/%s", DTMV_DATA_DIR, data);
    const DiskFolders folders = { .folders = { world_folder, data_folder } };
    AssetSource source = asset_source_folders(&folders);
    Diag diag = { 0 };
    char path[1024];
    snprintf(path, sizeof path, "%s/MANIFEST.tsv", DTMV_DATA_DIR);
    if (!file_exists(path)) {
        print_message("skipped: there is no real data at %s\n", DTMV_DATA_DIR);
        skip();
    }
    *real = (RealTrace){ 0 };
    arena_init(&real->arena, 0);
    Bytes text = { 0 };
    TraceMapping *mapping = NULL;
    if (world_load(source, &real->arena, &real->world, &diag) ||
        asset_read(source, real->world.feeds[0].mapping, 1 << 20, &real->arena, &text, &diag) ||
        trace_mapping_load(text, real->world.feeds[0].mapping, &real->world, &real->arena, &mapping, &diag)) {
        fail_msg("%s:%u: %s", diag.path, diag.line, diag.text);
    }
    snprintf(path, sizeof path, "%s/%s", data_folder, real->world.feeds[0].trace);
    if (trace_input_open(path, &real->input, &diag)) {
        fail_msg("%s: %s", diag.path, diag.text);
    }
    assert_int_equal(text_table_init(&real->texts, 64, &real->arena), STATUS_OK);
    assert_int_equal(csv_reader_create(real->input, path, mapping, &real->texts, &real->arena, &real->reader),
                     STATUS_OK);
}

static void close_real(RealTrace *real)
{
    trace_input_close(&real->input);
    arena_finish(&real->arena);
}

/* Reads to the end. Nothing may be refused. Returns the sum of the numbers of properties called `name`, and
 * their count. */
static double read_sum(RealTrace *real, const char *name, uint64_t *out_count)
{
    TraceSample sample;
    Diag diag = { 0 };
    double sum = 0;
    *out_count = 0;
    Status status;
    while ((status = csv_reader_next(real->reader, &sample, &diag)) == STATUS_OK) {
        const Property *property = &real->world.things[sample.thing].model->properties[sample.property];
        assert_int_equal(sample.quality, QUALITY_GOOD);
        if (strcmp(property->name, name) == 0) {
            Value value = property_decode(property, sample.code, &real->texts);
            sum += value.type == VALUE_BOOLEAN ? value.boolean : value.number;
            ++*out_count;
        }
    }
    if (status != STATUS_END) {
        fail_msg("%s: %s", diag.path, diag.text);
    }
    assert_null(csv_reader_first_error(real->reader));
    return sum;
}

static void expect_sum(RealTrace *real, const char *name, double sum, uint64_t count)
{
    uint64_t counted = 0;
    assert_int_equal(csv_reader_rewind(real->reader), STATUS_OK);
    double got = read_sum(real, name, &counted);
    if (got != sum || counted != count) {
        fail_msg("%s: sum %.17g of %llu, not %.17g", name, got, (unsigned long long)counted, sum);
    }
}

typedef struct Expected {
    uint64_t rows, samples, equal_times, backward_times, gaps, jittered, clock_resets;
    int64_t largest_gap_s, first_s, last_s, latest_s;
} Expected;

static void expect_counters(RealTrace *real, Expected expected)
{
    uint64_t count = 0;
    (void)read_sum(real, "", &count);
    const TraceCounters *counters = csv_reader_counters(real->reader);
    assert_int_equal(counters->rows, expected.rows);
    assert_int_equal(counters->samples, expected.samples);
    assert_int_equal(counters->equal_times, expected.equal_times);
    assert_int_equal(counters->backward_times, expected.backward_times);
    assert_int_equal(counters->gaps, expected.gaps);
    assert_int_equal(counters->jittered, expected.jittered);
    assert_int_equal(counters->clock_resets, expected.clock_resets);
    assert_int_equal(counters->largest_gap, expected.largest_gap_s * TIME_SECOND);
    assert_int_equal(counters->first_time, expected.first_s * TIME_SECOND);
    assert_int_equal(counters->last_time, expected.last_s * TIME_SECOND);
    assert_int_equal(counters->latest_time, expected.latest_s * TIME_SECOND);
    assert_int_equal(counters->refused + counters->missing + counters->unmapped + counters->bad, 0);
}

static void test_machine_temperature(void **state)
{
    (void)state;
    RealTrace real;
    open_real(&real, "traces/machine_temperature", "traces");
    expect_counters(&real, (Expected){ .rows = 22695,
                                       .samples = 22695,
                                       .backward_times = 1,
                                       .first_s = 1386018900,
                                       .last_s = 1392823500,
                                       .latest_s = 1392823500 });
    expect_sum(&real, "temperature", 1950101.8768913809, 22695);
    close_real(&real);
}

static void test_ambient_temperature(void **state)
{
    (void)state;
    RealTrace real;
    open_real(&real, "traces/ambient_temperature", "traces");
    expect_counters(&real, (Expected){ .rows = 7267,
                                       .samples = 7267,
                                       .gaps = 9,
                                       .jittered = 1,
                                       .largest_gap_s = 626400, /* 7.25 days */
                                       .first_s = 1372896000,
                                       .last_s = 1401289200,
                                       .latest_s = 1401289200 });
    uint64_t count = 0;
    assert_int_equal(csv_reader_rewind(real.reader), STATUS_OK);
    double celsius = read_sum(&real, "temperature", &count);
    double expected = (517718.75849113043 - 32.0 * 7267) * 5 / 9;
    assert_true(celsius > expected - 1e-6 && celsius < expected + 1e-6);
    close_real(&real);
}

static void test_speed(void **state)
{
    (void)state;
    RealTrace real;
    open_real(&real, "traces/speed", "traces");
    expect_counters(&real, (Expected){ .rows = 1127,
                                       .samples = 1127,
                                       .gaps = 210,
                                       .jittered = 181,
                                       .largest_gap_s = 7 * 3600,
                                       .first_s = 1441712340,
                                       .last_s = 1442498700,
                                       .latest_s = 1442498700 });
    uint64_t count = 0;
    assert_int_equal(csv_reader_rewind(real.reader), STATUS_OK);
    double km_h = read_sum(&real, "speed", &count);
    assert_true(km_h > 72183 * 1.609344 - 1e-6 && km_h < 72183 * 1.609344 + 1e-6);
    close_real(&real);
}

static void test_occupancy(void **state)
{
    (void)state;
    RealTrace real;
    open_real(&real, "traces/occupancy", "traces");
    expect_counters(&real, (Expected){ .rows = 8143,
                                       .samples = 8143 * 6,
                                       .jittered = 3258 * 6, /* 59 and 61 s, once for each column */
                                       .first_s = 1423072260,
                                       .last_s = 1423560780,
                                       .latest_s = 1423560780 });
    for (uint8_t i = 0; i < 6; i++) {
        const TraceSeries *series = csv_reader_series(real.reader, 0, i);
        assert_int_equal(series->shortest_step, 59 * TIME_SECOND);
        assert_int_equal(series->longest_step, 61 * TIME_SECOND);
        assert_int_equal(series->jittered, 3258);
    }
    expect_sum(&real, "temperature", 167901.1980833392, 8143);
    expect_sum(&real, "humidity", 209531.66383333865, 8143);
    expect_sum(&real, "light", 973246.2666666679, 8143);
    expect_sum(&real, "co2", 4939106.058333328, 8143);
    expect_sum(&real, "occupied", 1729, 8143);
    close_real(&real);
}

static void test_load_profile(void **state)
{
    (void)state;
    RealTrace real;
    open_real(&real, "traces/load_profile", "traces");
    expect_counters(&real, (Expected){ .rows = 35040,
                                       .samples = 35040 * 2,
                                       .backward_times = 1,
                                       .clock_resets = 2, /* once for each column */
                                       .first_s = 1514761200,
                                       .last_s = 1483137900,
                                       .latest_s = 1514846700 });
    expect_sum(&real, "active", 13457.265099999966, 35040);
    expect_sum(&real, "reactive", 3359.9584999999624, 35040);
    close_real(&real);
}

static void test_cookie_factory(void **state)
{
    (void)state;
    RealTrace real;
    open_real(&real, "cookiefactory", "cookiefactory");
    TraceSample sample;
    Diag diag = { 0 };
    uint64_t alarms[3] = { 0 };
    Status status;
    while ((status = csv_reader_next(real.reader, &sample, &diag)) == STATUS_OK) {
        const Property *property = &real.world.things[sample.thing].model->properties[sample.property];
        if (strcmp(property->name, "alarm_status") == 0) {
            const char *const names[] = { "NORMAL", "ACTIVE", "ACKNOWLEDGED" };
            Value value = property_decode(property, sample.code, &real.texts);
            for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
                alarms[i] += strcmp(value.text, names[i]) == 0;
            }
        }
    }
    assert_int_equal(status, STATUS_END);
    const TraceCounters *counters = csv_reader_counters(real.reader);
    assert_int_equal(counters->rows, 19970);
    assert_int_equal(counters->samples, 19970);
    assert_int_equal(counters->equal_times, 18529);
    assert_int_equal(counters->backward_times, 0);
    assert_int_equal(counters->first_time, 1636070400000 * TIME_MS);
    assert_int_equal(counters->last_time, 1636072220088 * TIME_MS);
    assert_int_equal(counters->refused + counters->missing + counters->unmapped + counters->bad, 0);
    assert_int_equal(alarms[0], 167);
    assert_int_equal(alarms[1], 147);
    assert_int_equal(alarms[2], 72);
    expect_sum(&real, "Temperature", 919312.5184936523, 9216);
    expect_sum(&real, "RPM", 548648.8220214844, 9216);
    expect_sum(&real, "tankVolume1", 19791.296356201172, 288);
    expect_sum(&real, "flowRate2", 14019.637390136719, 288);
    close_real(&real);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine_temperature),
        cmocka_unit_test(test_ambient_temperature),
        cmocka_unit_test(test_speed),
        cmocka_unit_test(test_occupancy),
        cmocka_unit_test(test_load_profile),
        cmocka_unit_test(test_cookie_factory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
