/* dtmv-bench - every benchmark by name; prints one JSON object a line. */
#include "shared/base/disk_file.h"
#include "shared/base/version.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

static const struct {
    const char *name, *summary;
    BenchRun run;
} benches[] = {
    { "cubes", "901 cubes at 60 Hz over the snapshot codec (--data cubes.bin.zst)", bench_cubes },
    { "snapshot", "--count twins (1000), all changing, encode and decode", bench_snapshot },
    { "secure", "sealing packets (--count 200000) and handshakes", bench_secure },
    { "ingest", "samples a second into things, in process (--seconds 2)", bench_ingest },
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

static int usage(FILE *stream, int code)
{
    fprintf(stream, "usage: dtmv-bench NAME [--data FILE] [--seconds S] [--count N]\n"
                    "Prints one JSON object a line. Exit codes: 0 ok, 1 failed, 2 usage.\n\n");
    for (size_t i = 0; i < ARRAY_COUNT(benches); i++) {
        fprintf(stream, "  %-10s %s\n", benches[i].name, benches[i].summary);
    }
    return code;
}

int main(int argc, char **argv)
{
    BenchOptions options = { 0 };
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        return usage(argc < 2 ? stderr : stdout, argc < 2 ? 2 : 0);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("dtmv-bench %s (%s)\n", version_number(), version_commit());
        return 0;
    }
    for (int i = 2; i < argc; i += 2) {
        char *end = NULL;
        if (i + 1 >= argc) {
            fprintf(stderr, "dtmv-bench: %s needs a value\n", argv[i]);
            return 2;
        }
        if (strcmp(argv[i], "--data") == 0) {
            options.data = argv[i + 1];
            continue;
        }
        if (strcmp(argv[i], "--seconds") == 0) {
            options.seconds = strtod(argv[i + 1], &end);
        } else if (strcmp(argv[i], "--count") == 0) {
            options.count = strtoll(argv[i + 1], &end, 10);
        }
        if (!end || *end != '\0' || options.seconds < 0 || options.count < 0) {
            fprintf(stderr, "dtmv-bench: cannot use '%s %s'\n", argv[i], argv[i + 1]);
            return 2;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(benches); i++) {
        if (strcmp(argv[1], benches[i].name) != 0) {
            continue;
        }
        Diag diag = { 0 };
        Status status = benches[i].run(&options, &diag);
        if (status != STATUS_OK) {
            char text[1024];
            fprintf(stderr, "dtmv-bench: %s\n",
                    diag.text[0] ? diag_format(&diag, text, sizeof text) : status_text(status));
            return 1;
        }
        return 0;
    }
    fprintf(stderr, "dtmv-bench: no benchmark called '%s'\n", argv[1]);
    return usage(stderr, 2);
}
