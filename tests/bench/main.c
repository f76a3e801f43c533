/* dtmv-bench - every benchmark by name; prints one JSON object a line. */
#include "shared/base/cli_file.h"
#include "shared/base/disk_file.h"
#include "shared/base/version.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <zstd.h>

static const struct {
    const char *name, *summary;
    BenchRun run;
} benches[] = {
    { "cubes", "901 cubes at 60 Hz over the snapshot codec (--data cubes.bin.zst)", bench_cubes },
    { "asteroids", "250 bodies at 30 Hz on the wire (--data asteroids.bin.zst)", bench_asteroids },
    { "snapshot", "channels of twins (30 to 1000, or --count), encode and decode", bench_snapshot },
    { "secure", "sealing packets (--count 200000) and handshakes", bench_secure },
    { "transport", "sending and receiving a packet, one server with --clients (200) peers", bench_transport },
    { "ingest", "samples a second into things, in process (--seconds 2), by --mqtt or --sparkplug",
      bench_ingest },
    { "fanout", "a real server and --clients (200) that see --twins (1000) change (--seconds 10)",
      bench_fanout },
    { "latency", "from sample to client, in process or by --mqtt (--seconds 10, --tickless, --processes)",
      bench_latency },
    { "anomaly", "the service's detectors over labelled traces (--data DIR with combined_windows.json)",
      bench_anomaly },
    { "profile", "what a scope of --profile costs while it is off and on", bench_profile },
};

void bench_open(const char *name)
{
    printf("{\"bench\": \"%s\"", name);
}

void bench_number(const char *key, double value)
{
    printf(", \"%s\": %.6g", key, value);
}

void bench_integer(const char *key, int64_t value)
{
    printf(", \"%s\": %lld", key, (long long)value);
}

void bench_text(const char *key, const char *plain)
{
    printf(", \"%s\": \"%s\"", key, plain);
}

void bench_flag(const char *key, bool value)
{
    printf(", \"%s\": %s", key, value ? "true" : "false");
}

static void print_cpu(void)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (colon && strncmp(line, "model name", 10) == 0) {
            colon[1 + strcspn(colon + 1, "\n\"\\")] = '\0';
            printf("%s", colon + 1 + strspn(colon + 1, " "));
            break;
        }
    }
    if (file) {
        fclose(file);
    }
}

void bench_close(void)
{
    printf(", \"commit\": \"%s\", \"compiler\": \"%s\", \"cpu\": \"", version_commit(), __VERSION__);
    print_cpu();
    printf("\"}\n");
    fflush(stdout);
}

Status bench_read(const char *path, size_t max_size, Arena *arena, Bytes *out_bytes, Diag *diag)
{
    Bytes raw;
    Status status = disk_read(path, max_size, arena, &raw, diag);
    size_t length = strlen(path);
    if (status != STATUS_OK || length < 4 || strcmp(path + length - 4, ".zst") != 0) {
        *out_bytes = raw;
        return status;
    }
    unsigned long long size = ZSTD_getFrameContentSize(raw.data, raw.size);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > max_size) {
        return diag_set(diag, STATUS_MALFORMED, path, 0, "not a zstd file of known size up to %zu bytes",
                        max_size);
    }
    uint8_t *data = arena_alloc(arena, (size_t)size, 16);
    if (!data) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "no memory for %llu bytes", size);
    }
    size_t got = ZSTD_decompress(data, (size_t)size, raw.data, raw.size);
    if (ZSTD_isError(got)) {
        return diag_set(diag, STATUS_MALFORMED, path, 0, "zstd: %s", ZSTD_getErrorName(got));
    }
    *out_bytes = bytes_of(data, got);
    return STATUS_OK;
}

/* The benchmarks by name, for --help. */
static const char *list_benches(char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "Benchmarks:\n");
    for (size_t i = 0; i < ARRAY_COUNT(benches) && used < size; i++) {
        used +=
            (size_t)snprintf(out + used, size - used, "  %-10s %s\n", benches[i].name, benches[i].summary);
    }
    return out;
}

static int run(const char *name, const BenchOptions *options)
{
    for (size_t i = 0; i < ARRAY_COUNT(benches); i++) {
        if (strcmp(name, benches[i].name) != 0) {
            continue;
        }
        Diag diag = { 0 };
        Status status = benches[i].run(options, &diag);
        if (status != STATUS_OK) {
            char text[1024];
            fprintf(stderr, "dtmv-bench: %s\n",
                    diag.text[0] ? diag_format(&diag, text, sizeof text) : status_text(status));
            return EXIT_CODE_FAILURE;
        }
        return EXIT_CODE_OK;
    }
    fprintf(stderr, "dtmv-bench: no benchmark called '%s'; --help lists them\n", name);
    return EXIT_CODE_USAGE;
}

int main(int argc, char **argv)
{
    static BenchOptions options;
    static CliList names;
    const CliOption table[] = {
        { .name = "data",
          .kind = CLI_TEXT,
          .text = &options.data,
          .value = "FILE",
          .help = "recorded input" },
        { .name = "seconds",
          .kind = CLI_REAL,
          .real = &options.seconds,
          .maximum = 86400,
          .value = "S",
          .help = "how long to measure; 0: the benchmark's own length" },
        { .name = "count",
          .kind = CLI_INTEGER,
          .integer = &options.count,
          .maximum = 1e9,
          .value = "N",
          .help = "size of the work; 0: the benchmark's own" },
        { .name = "clients",
          .kind = CLI_INTEGER,
          .integer = &options.clients,
          .maximum = 4095,
          .value = "K",
          .help = "clients of the server; 0: 200" },
        { .name = "twins",
          .kind = CLI_INTEGER,
          .integer = &options.twins,
          .maximum = 65534,
          .value = "N",
          .help = "twins of the world; 0: 1000" },
        { .name = "tick-rate",
          .kind = CLI_INTEGER,
          .integer = &options.tick_rate,
          .maximum = 1000,
          .value = "HZ",
          .help = "of the server; 0: 60" },
        { .name = "input-rate",
          .kind = CLI_INTEGER,
          .integer = &options.input_rate,
          .maximum = 60,
          .value = "HZ",
          .help = "INPUT messages a second with steps, of each client; 0: as who stands still" },
        { .name = "change-rate",
          .kind = CLI_REAL,
          .real = &options.change_rate,
          .maximum = 1,
          .value = "F",
          .help = "part of the twins that change at each update; 0: all" },
        { .name = "interest",
          .kind = CLI_FLAG,
          .flag = &options.interest,
          .help = "clients see some 200 twins around them instead of all" },
        { .name = "ack-delay",
          .kind = CLI_REAL,
          .real = &options.ack_delay_ms,
          .maximum = 1000,
          .value = "MS",
          .help = "clients acknowledge snapshots evenly spread up to this late" },
        { .name = "plaintext",
          .kind = CLI_FLAG,
          .flag = &options.plaintext,
          .help = "without the secure channel" },
        { .name = "tickless",
          .kind = CLI_FLAG,
          .flag = &options.tickless,
          .help = "the server tells samples as they come, not at ticks" },
        { .name = "deadline",
          .kind = CLI_REAL,
          .real = &options.deadline_ms,
          .maximum = 1000,
          .value = "MS",
          .help = "with --tickless: how long a sample may wait for others; 0: 2" },
        { .name = "mqtt", .kind = CLI_FLAG, .flag = &options.mqtt, .help = "through a Mosquitto, as JSON" },
        { .name = "sparkplug",
          .kind = CLI_FLAG,
          .flag = &options.sparkplug,
          .help = "through a Mosquitto, as Sparkplug B" },
        { .name = "processes",
          .kind = CLI_FLAG,
          .flag = &options.processes,
          .help = "twin system, enabler and metaverse system in a process each" },
        { .name = "profile",
          .kind = CLI_TEXT,
          .text = &options.profile,
          .value = "FILE",
          .help = "write a profile of the server, for ui.perfetto.dev" },
    };
    char epilogue[2048];
    const CliProgram program = { .name = "dtmv-bench",
                                 .purpose = "Measures; prints one JSON object a line.",
                                 .options = table,
                                 .option_count = ARRAY_COUNT(table),
                                 .arguments = &names,
                                 .arguments_name = "NAME",
                                 .epilogue = list_benches(epilogue, sizeof epilogue) };
    Arena arena;
    int exit_code = EXIT_CODE_OK;
    arena_init(&arena, 0);
    if (cli_start(&program, argc, argv, &arena, &exit_code)) {
        if (names.count == 1) {
            exit_code = run(names.items[0], &options);
        } else {
            fprintf(stderr, "dtmv-bench: name one benchmark; --help lists them\n");
            exit_code = EXIT_CODE_USAGE;
        }
    }
    arena_finish(&arena);
    return exit_code;
}
