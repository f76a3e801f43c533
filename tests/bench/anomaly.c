/* anomaly: the detectors of the condition monitoring service over recorded traces, against labelled windows.
 * The same rules for every series, those that hold without configuration. */
#include "server/service/monitor.h"
#include "shared/base/clock_file.h"
#include "shared/base/disk_file.h"
#include "shared/model/json.h"
#include "shared/trace/csv_reader.h"
#include "shared/trace/input_file.h"
#include "shared/trace/time_format.h"
#include "tests/bench/bench.h"

#include <stdio.h>

#define WINDOWS_MAX 16
#define ALARMS_MAX  4096
#define FILE_MAX    ((size_t)4 << 20)

/* Folders of tests/real/traces; each has a world with one feed. */
static const char *const series_names[] = { "machine_temperature", "ambient_temperature", "speed",
                                            "occupancy" };

typedef struct Window {
    TimeNs from, to;
    TimeNs detected; /* of the first alarm raised within; TIME_NONE */
} Window;

typedef struct Totals {
    int64_t windows, detected, false_alarms;
    double property_days;
} Totals;

/* What happened at one property. */
typedef struct Series {
    Window windows[WINDOWS_MAX];
    uint32_t window_count;
    TimeNs alarms[ALARMS_MAX]; /* raised */
    uint32_t alarm_count;
} Series;

static Status read_time(const JsonNode *node, TimeNs *out_time)
{
    TimeFormat format;
    const char *reason;
    const char *text = json_read_text(node, 1, 64, NULL);
    Status status = time_format_compile("iso8601", 0, &format, &reason);
    if (status == STATUS_OK && text) {
        status = time_format_parse(&format, text, strlen(text), out_time);
    }
    return text ? status : STATUS_MALFORMED;
}

/* The windows that the label file has for the trace called `file`, under whatever folder. */
static Status read_windows(JsonDocument *labels, const char *file, Series *series)
{
    JsonNode root = json_document_root(labels), member;
    for (void *i = json_members(&root); json_next(&root, &i, &member);) {
        const char *slash = strrchr(member.key, '/');
        if (strcmp(slash ? slash + 1 : member.key, file) != 0) {
            continue;
        }
        size_t count = json_array_size_in(&member, 0, WINDOWS_MAX);
        for (size_t j = 0; j < count; j++) {
            JsonNode window = json_element(&member, j);
            JsonNode from = json_element(&window, 0), to = json_element(&window, 1);
            Window *out = &series->windows[series->window_count++];
            *out = (Window){ .detected = TIME_NONE };
            Status status = read_time(&from, &out->from);
            status = status ? status : read_time(&to, &out->to);
            if (status != STATUS_OK) {
                return json_fail(&window, status, "no window of two times");
            }
        }
    }
    return labels->status;
}

/* ---- running the service's monitor ---- */

typedef struct Run {
    World world;
    CsvReader *reader;
    Monitor *monitor;
    Series *series; /* one a property of thing 0 */
    double seconds; /* that the monitor took */
} Run;

static Status run_trace(Run *run, Diag *diag)
{
    TraceSample sample;
    MonitorAlarm alarm;
    Status status;
    TimeNs spent = 0;
    while ((status = csv_reader_next(run->reader, &sample, diag)) == STATUS_OK) {
        TimeNs began = clock_monotonic();
        monitor_sample(run->monitor, sample.thing, sample.property, sample.quality, sample.code,
                       sample.source_time);
        spent += clock_monotonic() - began;
        while (monitor_next(run->monitor, &alarm)) {
            Series *series = &run->series[alarm.property];
            if (alarm.active && series->alarm_count < ALARMS_MAX) {
                series->alarms[series->alarm_count++] = alarm.source_time;
            }
        }
    }
    run->seconds = time_to_seconds(spent);
    return status == STATUS_END ? STATUS_OK : status;
}

static void print_series(const Run *run, const char *name, uint8_t index, Totals *totals)
{
    Series *series = &run->series[index];
    const TraceSeries *seen = csv_reader_series(run->reader, 0, index);
    const char *property = run->world.things[0].model->properties[index].name;
    double days = time_to_seconds(seen->latest_time - seen->first_time) / 86400;
    int64_t detected = 0, outside = 0;
    for (uint32_t i = 0; i < series->alarm_count; i++) {
        bool within = false;
        for (uint32_t j = 0; j < series->window_count; j++) {
            Window *window = &series->windows[j];
            if (series->alarms[i] >= window->from && series->alarms[i] <= window->to) {
                within = true;
                detected += window->detected == TIME_NONE;
                window->detected = window->detected == TIME_NONE ? series->alarms[i] : window->detected;
            }
        }
        outside += !within;
    }
    bench_open("anomaly");
    bench_text("series", name);
    bench_text("property", property);
    bench_integer("samples", (int64_t)seen->samples);
    bench_number("days", days);
    bench_number("ns_per_sample", run->seconds * 1e9 / (double)csv_reader_counters(run->reader)->samples);
    bench_integer("windows", series->window_count);
    bench_integer("detected", detected);
    bench_integer("false_alarms", outside);
    bench_integer("alarms", series->alarm_count);
    bench_number("alarms_per_day", days > 0 ? series->alarm_count / days : 0);
    for (uint32_t j = 0; j < series->window_count; j++) {
        char key[32];
        const Window *window = &series->windows[j];
        snprintf(key, sizeof key, "delay_%u_h", j + 1);
        if (window->detected == TIME_NONE) {
            bench_text(key, "missed");
        } else {
            bench_number(key, time_to_seconds(window->detected - window->from) / 3600);
        }
    }
    bench_close();
    totals->windows += series->window_count;
    totals->detected += detected;
    totals->false_alarms += outside;
    totals->property_days += days;
}

/* ---- one trace ---- */

static Status open_run(Run *run, const char *name, const char *data, TraceInput *input, TextTable *texts,
                       Arena *arena, Diag *diag)
{
    char folder[512], path[1024];
    snprintf(folder, sizeof folder, "%s/tests/real/traces/%s", DTMV_SOURCE_DIR, name);
    const DiskFolders folders = { .folders = { folder } };
    AssetSource source = asset_source_folders(&folders);
    Bytes text = { 0 };
    TraceMapping *mapping = NULL;
    Status status = world_load(source, arena, &run->world, diag);
    if (status == STATUS_OK && (run->world.feed_count == 0 || run->world.thing_count != 1)) {
        status = diag_set(diag, STATUS_UNSUPPORTED, folder, 0, "one thing with one feed is expected");
    }
    if (status != STATUS_OK) {
        return status;
    }
    snprintf(path, sizeof path, "%s/%s", data, run->world.feeds[0].trace);
    status = asset_read(source, run->world.feeds[0].mapping, FILE_MAX, arena, &text, diag);
    if (status == STATUS_OK) {
        status = trace_mapping_load(text, run->world.feeds[0].mapping, &run->world, arena, &mapping, diag);
    }
    if (status == STATUS_OK) {
        status = trace_input_open(path, input, diag);
    }
    if (status == STATUS_OK) {
        status = text_table_init(texts, 1024, arena);
    }
    if (status == STATUS_OK) {
        status = csv_reader_create(*input, arena_copy_text(arena, path, strlen(path)), mapping, texts, arena,
                                   &run->reader);
    }
    return status;
}

static Status bench_trace(const char *name, const char *data, JsonDocument *labels, Totals *totals,
                          Diag *diag)
{
    Arena arena;
    Run run = { 0 };
    TraceInput input = { 0 };
    TextTable texts = { 0 };
    MonitorRules rules;
    monitor_rules_default(&rules);
    arena_init(&arena, 0);
    Status status = open_run(&run, name, data, &input, &texts, &arena, diag);
    if (status == STATUS_OK) {
        status = monitor_create(&rules, run.world.things, run.world.thing_count, &run.monitor);
    }
    uint32_t properties = status == STATUS_OK ? run.world.things[0].model->property_count : 0;
    run.series = arena_new_array(&arena, Series, properties);
    for (uint32_t i = 0; i < properties && status == STATUS_OK; i++) {
        status = run.series ? read_windows(labels, run.world.feeds[0].trace, &run.series[i])
                            : STATUS_OUT_OF_MEMORY;
    }
    if (status == STATUS_OK) {
        status = run_trace(&run, diag);
    }
    for (uint32_t i = 0; i < properties && status == STATUS_OK; i++) {
        PropertyType type = run.world.things[0].model->properties[i].type;
        if (type == PROPERTY_NUMBER || type == PROPERTY_INTEGER) {
            print_series(&run, name, (uint8_t)i, totals);
        }
    }
    monitor_destroy(run.monitor);
    trace_input_close(&input);
    arena_finish(&arena);
    return status;
}

Status bench_anomaly(const BenchOptions *options, Diag *diag)
{
    if (!options->data) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, NULL, 0,
                        "--data DIR is needed: the folder with the traces and combined_windows.json");
    }
    char path[1024];
    Arena arena;
    Bytes text = { 0 };
    JsonDocument labels = { 0 };
    Totals totals = { 0 };
    arena_init(&arena, 0);
    snprintf(path, sizeof path, "%s/combined_windows.json", options->data);
    Status status = disk_read(path, FILE_MAX, &arena, &text, diag);
    if (status == STATUS_OK) {
        status = json_document_parse(&labels, text, path, &arena, diag);
    }
    for (size_t i = 0; i < ARRAY_COUNT(series_names) && status == STATUS_OK; i++) {
        status = bench_trace(series_names[i], options->data, &labels, &totals, diag);
    }
    if (status == STATUS_OK) {
        bench_open("anomaly");
        bench_text("series", "all");
        bench_integer("windows", totals.windows);
        bench_integer("detected", totals.detected);
        bench_integer("false_alarms", totals.false_alarms);
        bench_number("days_per_false_alarm", totals.false_alarms > 0
                                                 ? totals.property_days / (double)totals.false_alarms
                                                 : totals.property_days);
        bench_close();
    }
    json_document_finish(&labels);
    arena_finish(&arena);
    return status;
}
