/* dtmv-trace - what is in a sensor trace, and whether every row of it is understood. */
#include "shared/base/cli_file.h"
#include "shared/base/clock_file.h"
#include "shared/base/disk_file.h"
#include "shared/trace/csv_reader.h"
#include "shared/trace/input_file.h"
#include "shared/trace/time_format.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#define MAPPING_SIZE_MAX ((size_t)16 << 20)
#define TEXTS_MAX        65536

typedef struct Options {
    const char *world, *data, *mapping;
    bool json;
    CliList arguments; /* command and, maybe, file */
} Options;

typedef struct Report {
    const World *world;
    const CsvReader *reader;
    const char *path;
    double seconds; /* that reading took */
} Report;

static int fail(const Diag *diag)
{
    char text[sizeof diag->path + sizeof diag->text + 32];
    fprintf(stderr, "dtmv-trace: %s\n", diag_format(diag, text, sizeof text));
    return EXIT_CODE_INPUT;
}

/* ---- JSON ---- */

static json_t *json_time(TimeNs time)
{
    char text[40];
    return time == TIME_NONE ? json_null() : json_string(time_format_iso8601(time, text, sizeof text));
}

static void set_count(json_t *object, const char *key, uint64_t count)
{
    json_object_set_new(object, key, json_integer((json_int_t)count));
}

static void set_seconds(json_t *object, const char *key, TimeNs time)
{
    json_object_set_new(object, key, json_real(time_to_seconds(time)));
}

static json_t *json_series(const Thing *thing, const Property *property, const TraceSeries *series)
{
    json_t *object = json_object();
    json_object_set_new(object, "thing", json_string(thing->id));
    json_object_set_new(object, "property", json_string(property->name));
    json_object_set_new(object, "unit", json_string(property->unit));
    set_count(object, "samples", series->samples);
    set_count(object, "bad", series->bad);
    json_object_set_new(object, "first_time", json_time(series->first_time));
    json_object_set_new(object, "last_time", json_time(series->last_time));
    set_seconds(object, "period_s", series->period);
    set_count(object, "steps", series->steps);
    set_count(object, "gaps", series->gaps);
    set_count(object, "jittered", series->jittered);
    set_count(object, "clock_resets", series->clock_resets);
    set_seconds(object, "shortest_step_s", series->shortest_step);
    set_seconds(object, "longest_step_s", series->longest_step);
    set_seconds(object, "largest_gap_s", series->largest_gap);
    return object;
}

static void print_json(const Report *report)
{
    const TraceCounters *counters = csv_reader_counters(report->reader);
    const Diag *error = csv_reader_first_error(report->reader);
    char text[1024];
    json_t *root = json_object();
    json_object_set_new(root, "file", json_string(report->path));
    set_count(root, "bytes", counters->bytes);
    set_count(root, "rows", counters->rows);
    set_count(root, "samples", counters->samples);
    set_count(root, "bad", counters->bad);
    set_count(root, "missing", counters->missing);
    set_count(root, "unmapped", counters->unmapped);
    set_count(root, "refused", counters->refused);
    set_count(root, "equal_times", counters->equal_times);
    set_count(root, "backward_times", counters->backward_times);
    set_count(root, "gaps", counters->gaps);
    set_seconds(root, "largest_gap_s", counters->largest_gap);
    set_count(root, "jittered", counters->jittered);
    set_count(root, "clock_resets", counters->clock_resets);
    json_object_set_new(root, "first_time", json_time(counters->first_time));
    json_object_set_new(root, "last_time", json_time(counters->last_time));
    json_object_set_new(root, "latest_time", json_time(counters->latest_time));
    json_object_set_new(root, "first_error",
                        error ? json_string(diag_format(error, text, sizeof text)) : json_null());
    json_object_set_new(root, "read_s", json_real(report->seconds));
    json_t *list = json_array();
    for (uint32_t i = 0; i < report->world->thing_count; i++) {
        const Thing *thing = &report->world->things[i];
        for (uint32_t j = 0; j < thing->model->property_count; j++) {
            const TraceSeries *series = csv_reader_series(report->reader, i, (uint8_t)j);
            json_array_append_new(list, json_series(thing, &thing->model->properties[j], series));
        }
    }
    json_object_set_new(root, "properties", list);
    json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    putchar('\n');
    json_decref(root);
}

/* ---- text ---- */

/* "5 min", "7 h", "7.25 d", "0.001 s" */
static const char *duration_text(TimeNs time, char *out, size_t size)
{
    double seconds = time_to_seconds(time);
    if (time == 0) {
        snprintf(out, size, "-");
    } else if (seconds < 120) {
        snprintf(out, size, "%.6g s", seconds);
    } else if (seconds < 7200) {
        snprintf(out, size, "%.6g min", seconds / 60);
    } else if (seconds < 172800) {
        snprintf(out, size, "%.6g h", seconds / 3600);
    } else {
        snprintf(out, size, "%.6g d", seconds / 86400);
    }
    return out;
}

static void print_series(const Thing *thing, const Property *property, const TraceSeries *series)
{
    char name[160], period[24], shortest[24], longest[24];
    snprintf(name, sizeof name, "%s/%s", thing->id, property->name);
    printf("%-32s %10" PRIu64 " %6" PRIu64 "  %-10s %8" PRIu64 " %8" PRIu64 "  %s .. %s\n", name,
           series->samples, series->bad, duration_text(series->period, period, sizeof period), series->gaps,
           series->jittered, duration_text(series->shortest_step, shortest, sizeof shortest),
           duration_text(series->longest_step, longest, sizeof longest));
}

static void print_all_series(const Report *report)
{
    uint32_t silent = 0;
    printf("\n%-32s %10s %6s  %-10s %8s %8s  %s\n", "property", "samples", "bad", "period", "gaps",
           "jittered", "steps");
    for (uint32_t i = 0; i < report->world->thing_count; i++) {
        const Thing *thing = &report->world->things[i];
        for (uint32_t j = 0; j < thing->model->property_count; j++) {
            const TraceSeries *series = csv_reader_series(report->reader, i, (uint8_t)j);
            if (series->samples > 0) {
                print_series(thing, &thing->model->properties[j], series);
            } else {
                silent++;
            }
        }
    }
    if (silent > 0) {
        printf("%u properties of the world have no sample in this file\n", silent);
    }
}

static void print_text(const Report *report)
{
    const TraceCounters *counters = csv_reader_counters(report->reader);
    char first[40], last[40], latest[40], gap[24];
    printf("%s\n", report->path);
    printf("  rows            %" PRIu64 " (%" PRIu64 " bytes)\n", counters->rows, counters->bytes);
    printf("  samples         %" PRIu64 ", %" PRIu64 " of them bad\n", counters->samples, counters->bad);
    printf("  missing         %" PRIu64 "\n", counters->missing);
    printf("  unmapped        %" PRIu64 "\n", counters->unmapped);
    printf("  refused         %" PRIu64 "\n", counters->refused);
    printf("  time            %s to %s", time_format_iso8601(counters->first_time, first, sizeof first),
           time_format_iso8601(counters->last_time, last, sizeof last));
    if (counters->latest_time != counters->last_time) {
        printf(", latest %s", time_format_iso8601(counters->latest_time, latest, sizeof latest));
    }
    printf("\n  equal times     %" PRIu64 "\n", counters->equal_times);
    printf("  backward times  %" PRIu64 "\n", counters->backward_times);
    printf("  gaps            %" PRIu64 ", largest %s\n", counters->gaps,
           duration_text(counters->largest_gap, gap, sizeof gap));
    printf("  jittered        %" PRIu64 "\n", counters->jittered);
    printf("  clock resets    %" PRIu64 "\n", counters->clock_resets);
    if (report->seconds > 0) {
        printf("  read in         %.3f s (%.2f million rows/s, %.0f MB/s)\n", report->seconds,
               (double)counters->rows / report->seconds / 1e6,
               (double)counters->bytes / report->seconds / 1e6);
    }
    print_all_series(report);
    const Diag *error = csv_reader_first_error(report->reader);
    if (error) {
        char text[1024];
        printf("\nfirst refused: %s\n", diag_format(error, text, sizeof text));
    }
}

/* ---- the job ---- */

static Status read_to_end(CsvReader *reader, Diag *diag)
{
    TraceSample sample;
    Status status = STATUS_OK;
    while (status == STATUS_OK) {
        status = csv_reader_next(reader, &sample, diag);
    }
    return status == STATUS_END ? STATUS_OK : status;
}

/* The trace given, or the one the world's feed names, which lies in the world's folder or the data folder. */
/* The first recording among the world's feeds; NULL when there is none. */
static const WorldFeed *recording_of(const World *world)
{
    for (uint32_t i = 0; i < world->feed_count; i++) {
        if (strcmp(world->feeds[i].type, "replay") == 0) {
            return &world->feeds[i];
        }
    }
    return NULL;
}

static Status open_trace(const Options *options, const World *world, Arena *arena, TraceInput *out_input,
                         const char **out_path, Diag *diag)
{
    if (options->arguments.count > 1) {
        *out_path = options->arguments.items[1];
        return trace_input_open(*out_path, out_input, diag);
    }
    const WorldFeed *feed = recording_of(world);
    if (feed == NULL) {
        return diag_set(diag, STATUS_NOT_FOUND, options->world, 0, "has no recording; name a trace file");
    }
    const char *const folders[] = { options->world, options->data };
    Status status = STATUS_NOT_FOUND;
    for (size_t i = 0; i < ARRAY_COUNT(folders) && status == STATUS_NOT_FOUND; i++) {
        if (!folders[i]) {
            continue;
        }
        size_t size = strlen(folders[i]) + strlen(feed->trace) + 2;
        char *path = arena_alloc(arena, size, 1);
        if (!path) {
            return STATUS_OUT_OF_MEMORY;
        }
        snprintf(path, size, "%s/%s", folders[i], feed->trace);
        *out_path = path;
        status = trace_input_open(path, out_input, diag);
    }
    return status;
}

static Status load_mapping(const Options *options, AssetSource source, const World *world, Arena *arena,
                           TraceMapping **out_mapping, Diag *diag)
{
    Bytes text = { 0 };
    const char *name = options->mapping;
    Status status = STATUS_OK;
    if (name) {
        status = disk_read(name, MAPPING_SIZE_MAX, arena, &text, diag);
    } else if (recording_of(world) != NULL) {
        name = recording_of(world)->mapping;
        status = asset_read(source, name, MAPPING_SIZE_MAX, arena, &text, diag);
    } else {
        return diag_set(diag, STATUS_NOT_FOUND, options->world, 0, "has no recording; name a --mapping");
    }
    return status ? status : trace_mapping_load(text, name, world, arena, out_mapping, diag);
}

static int run(const Options *options, bool validate, Arena *arena)
{
    Diag diag = { 0 };
    const DiskFolders folders = { .folders = { options->world, options->data } };
    AssetSource source = asset_source_folders(&folders);
    World world = { 0 };
    TraceMapping *mapping = NULL;
    TextTable texts = { 0 };
    TraceInput input = { 0 };
    CsvReader *reader = NULL;
    const char *path = "";
    if (world_load(source, arena, &world, &diag) ||
        load_mapping(options, source, &world, arena, &mapping, &diag) ||
        open_trace(options, &world, arena, &input, &path, &diag)) {
        return fail(&diag);
    }
    if (text_table_init(&texts, TEXTS_MAX, arena) ||
        csv_reader_create(input, path, mapping, &texts, arena, &reader)) {
        trace_input_close(&input);
        (void)diag_set(&diag, STATUS_OUT_OF_MEMORY, path, 0, "out of memory");
        fail(&diag);
        return EXIT_CODE_FAILURE;
    }
    TimeNs start = clock_monotonic();
    Status status = read_to_end(reader, &diag);
    TimeNs stop = clock_monotonic();
    trace_input_close(&input);
    if (status) {
        return fail(&diag);
    }
    const Report report = { &world, reader, path, time_to_seconds(stop - start) };
    (options->json ? print_json : print_text)(&report);
    const TraceCounters *counters = csv_reader_counters(reader);
    if (validate && counters->samples == 0) {
        (void)diag_set(&diag, STATUS_MALFORMED, path, 0, "holds no sample");
        return fail(&diag);
    }
    if (validate && counters->refused > 0) {
        fprintf(stderr, "dtmv-trace: %s: %" PRIu64 " rows or fields refused\n", path, counters->refused);
        return EXIT_CODE_INPUT;
    }
    return EXIT_CODE_OK;
}

int main(int argc, char **argv)
{
    Options options = { 0 };
    const CliOption table[] = {
        { .name = "world",
          .kind = CLI_TEXT,
          .text = &options.world,
          .value = "DIR",
          .help = "Folder of the world whose things the trace is about",
          .required = true },
        { .name = "data",
          .kind = CLI_TEXT,
          .text = &options.data,
          .value = "DIR",
          .help = "Folder for the world's files that are not in its own" },
        { .name = "mapping",
          .kind = CLI_TEXT,
          .text = &options.mapping,
          .value = "FILE",
          .help = "How columns and rows become samples (default: what the world's first feed names)" },
        { .name = "json", .kind = CLI_FLAG, .flag = &options.json, .help = "Print one JSON object" },
    };
    const CliProgram program = {
        .name = "dtmv-trace",
        .purpose = "Says what is in a sensor trace, and whether every row of it is understood.",
        .options = table,
        .option_count = ARRAY_COUNT(table),
        .arguments = &options.arguments,
        .arguments_name = "info|validate [FILE]",
        .epilogue = "info reads FILE (default: the trace of the world's first feed) and prints what it met.\n"
                    "validate does the same and ends with 3 when a row or field was refused or no sample was "
                    "found.\n",
    };
    Arena arena;
    arena_init(&arena, 0);
    int code = EXIT_CODE_OK;
    if (cli_start(&program, argc, argv, &arena, &code)) {
        const char *command = options.arguments.count > 0 ? options.arguments.items[0] : "";
        bool validate = strcmp(command, "validate") == 0;
        if ((validate || strcmp(command, "info") == 0) && options.arguments.count <= 2) {
            code = run(&options, validate, &arena);
        } else {
            fprintf(stderr, "dtmv-trace: expected 'info' or 'validate' and at most one file\n"
                            "Try 'dtmv-trace --help'.\n");
            code = EXIT_CODE_USAGE;
        }
    }
    arena_finish(&arena);
    return code;
}
