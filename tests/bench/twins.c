#include "tests/bench/twins.h"

#include "shared/base/random.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SEED        42
#define TAU         6.283185307179586
#define STEP_S      0.1
#define SPEED_M_S   1.0
#define TURN_MEMORY 0.98 /* of the turning rate from step to step: turns of a few seconds */
#define PATH_SIZE   1200

#define TWIN_ID_SIZE 8

typedef struct Walker {
    double x, z, heading, turn, phase, drift;
    int32_t state;
} Walker;

static double normal(Random *random)
{
    double radius = sqrt(-2 * log(1 - random_unit(random)));
    return radius * cos(TAU * random_unit(random));
}

static void place(Walker *walker, double half, Random *random)
{
    *walker = (Walker){ .x = random_between(random, -half, half),
                        .z = random_between(random, -half, half),
                        .heading = random_between(random, 0, TAU),
                        .phase = random_between(random, 0, TAU),
                        .drift = random_between(random, 1, 6),
                        .state = (int32_t)random_below(random, TWIN_STATES) };
}

/* Who leaves the square comes back towards its middle. */
static void walk(Walker *walker, double half, Random *random)
{
    walker->turn = TURN_MEMORY * walker->turn + 0.06 * normal(random);
    if (fabs(walker->x) > half || fabs(walker->z) > half) {
        double home = atan2(-walker->z, -walker->x);
        walker->turn = 0.1 * remainder(home - walker->heading, TAU) / STEP_S;
    }
    walker->heading = remainder(walker->heading + walker->turn * STEP_S, TAU);
    walker->x += cos(walker->heading) * SPEED_M_S * STEP_S;
    walker->z += sin(walker->heading) * SPEED_M_S * STEP_S;
    walker->drift += 0.001 * normal(random);
    if (random_below(random, 600) == 0) {
        walker->state = (walker->state + 1 + (int32_t)random_below(random, TWIN_STATES - 1)) % TWIN_STATES;
    }
}

static void quantise(const Walker *walker, double seconds, Random *random, int32_t *out)
{
    double degrees = walker->heading * 360 / TAU;
    double sensed = 20 + 5 * sin(TAU * seconds / 60 + walker->phase) + 0.1 * normal(random);
    out[TWIN_x] = (int32_t)lround(walker->x * 100);
    out[TWIN_z] = (int32_t)lround(walker->z * 100);
    out[TWIN_heading] = (int32_t)(lround(degrees + 360) % 360);
    out[TWIN_sensor] = (int32_t)lround(sensed * 10);
    out[TWIN_drift] = (int32_t)lround(walker->drift * 100);
    out[TWIN_state] = walker->state;
}

static double half_side(uint32_t count, double spacing_m)
{
    return sqrt((double)count) * spacing_m / 2;
}

Status twins_generate(uint32_t count, uint32_t steps, double spacing_m, double change_rate, Arena *arena,
                      Twins *out_twins)
{
    Twins twins = { .count = count, .steps = steps };
    Walker *walkers = arena_new_array(arena, Walker, count);
    twins.codes = arena_new_array(arena, int32_t, (size_t)steps * count * TWIN_CHANNELS);
    twins.rests = arena_new_array(arena, bool, (size_t)steps *count);
    if (walkers == NULL || twins.codes == NULL || twins.rests == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    double half = half_side(count, spacing_m);
    Random random = random_seeded(SEED);
    for (uint32_t i = 0; i < count; i++) {
        place(&walkers[i], half, &random);
    }
    int32_t *out = twins.codes;
    bool *rests = twins.rests;
    for (uint32_t step = 0; step < steps; step++) {
        for (uint32_t i = 0; i < count; i++, out += TWIN_CHANNELS, rests++) {
            *rests = step > 0 && change_rate < 1 && random_unit(&random) >= change_rate;
            walk(&walkers[i], half, &random);
            quantise(&walkers[i], step * STEP_S, &random, out);
        }
    }
    *out_twins = twins;
    return STATUS_OK;
}

/* ---- as a world on disk ---- */

static FILE *create(const char *folder, const char *name, Diag *diag)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        diag_set(diag, STATUS_IO_ERROR, path, 0, "cannot write: %s", strerror(errno));
    }
    return file;
}

static Status finish(FILE *file, const char *folder, Diag *diag)
{
    bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed) {
        return diag_set(diag, STATUS_IO_ERROR, folder, 0, "cannot write a world: %s", strerror(errno));
    }
    return STATUS_OK;
}

static Status write_description(const char *folder, Diag *diag)
{
    FILE *file = create(folder, "twin.td.json", diag);
    if (file == NULL) {
        return STATUS_IO_ERROR;
    }
    fputs("{ \"@context\": [\"https://www.w3.org/2022/wot/td/v1.1\", { \"dtmv\": "
          "\"https://dtmv.example/ns#\" }],\n"
          "  \"title\": \"Twin\", \"securityDefinitions\": { \"none\": { \"scheme\": \"nosec\" } }, "
          "\"security\": "
          "[\"none\"],\n  \"properties\": {\n",
          file);
#define TWIN_PROPERTY(name, resolution, digits, unit)                                                        \
    fputs(                                                                                                   \
        "    \"" #name "\": { \"type\": \"number\", \"unit\": \"" unit "\", \"multipleOf\": " resolution     \
        ", \"minimum\": -100000, \"maximum\": 100000, \"readOnly\": true, \"forms\": [ { \"href\": \"" #name \
        "\" } ] },\n",                                                                                       \
        file);
    TWIN_CHANNEL_TABLE(TWIN_PROPERTY)
#undef TWIN_PROPERTY
    fputs("    \"state\": { \"type\": \"string\", \"enum\": [\"0\", \"1\", \"2\", \"3\"], \"readOnly\": "
          "true, \"forms\": "
          "[ { \"href\": \"state\" } ] }\n  }\n}\n",
          file);
    return finish(file, folder, diag);
}

static Status write_mapping(const char *folder, Diag *diag)
{
    FILE *file = create(folder, "twins.mapping.json", diag);
    if (file == NULL) {
        return STATUS_IO_ERROR;
    }
    fputs("{ \"dtmv_mapping\": 1, \"form\": \"wide\", \"header\": true, \"strict\": true,\n"
          "  \"time\": { \"column\": \"time\", \"format\": \"epoch_ms\" }, \"columns\": [\n",
          file);
#define TWIN_COLUMN(name, resolution, digits, unit)                                                     \
    fprintf(file, "    { \"column\": \"{t}.%d\", \"thing\": \"{t}\", \"property\": \"" #name "\" },\n", \
            TWIN_##name);
    TWIN_CHANNEL_TABLE(TWIN_COLUMN)
#undef TWIN_COLUMN
    fprintf(file, "    { \"column\": \"{t}.%d\", \"thing\": \"{t}\", \"property\": \"state\" }\n  ] }\n",
            TWIN_state);
    return finish(file, folder, diag);
}

static uint32_t file_count(const Twins *twins)
{
    return (twins->count + TWINS_PER_FILE - 1) / TWINS_PER_FILE;
}

/* Short, so that many columns have room in a header: "t" and the number to base 36. */
static const char *twin_id(uint32_t twin, char out[TWIN_ID_SIZE])
{
    size_t at = TWIN_ID_SIZE - 1;
    out[at] = '\0';
    do {
        out[--at] = "0123456789abcdefghijklmnopqrstuvwxyz"[twin % 36];
        twin /= 36;
    } while (twin > 0 && at > 1);
    out[--at] = 't';
    return out + at;
}

static void write_things(FILE *file, const Twins *twins)
{
    char id[TWIN_ID_SIZE];
    fputs("  \"things\": [\n", file);
    for (uint32_t i = 0; i < twins->count; i++) {
        fprintf(file, "    %s{ \"id\": \"%s\", \"description\": \"twin.td.json\" }\n", i > 0 ? "," : "",
                twin_id(i, id));
    }
    fputs("  ],\n  \"objects\": [\n", file);
    for (uint32_t i = 0; i < twins->count; i++) {
        const char *name = twin_id(i, id);
        fprintf(file, "    %s{ \"id\": \"%s\", \"thing\": \"%s\", \"position\": [%.2f, 0, %.2f] }\n",
                i > 0 ? "," : "", name, name, twins_code(twins, 0, i, TWIN_x) * 0.01,
                twins_code(twins, 0, i, TWIN_z) * 0.01);
    }
    fputs("  ],\n", file);
}

#define SPAWN_SIDE 16
#define SPAWN_STRIDE \
    101 /* people appear at the points in turn: also the first few are spread over the plane */

static Status write_world(const Twins *twins, double spacing_m, const char *folder, Diag *diag)
{
    FILE *file = create(folder, "world.json", diag);
    if (file == NULL) {
        return STATUS_IO_ERROR;
    }
    double half = half_side(twins->count, spacing_m);
    fprintf(file,
            "{ \"dtmv\": 1, \"name\": \"twins\",\n  \"bounds\": { \"min\": [%.1f, %.1f], \"max\": [%.1f, "
            "%.1f] },\n",
            -half - 20, -half - 20, half + 20, half + 20);
    fputs("  \"spawn_points\": [\n", file);
    for (int i = 0; i < SPAWN_SIDE * SPAWN_SIDE; i++) {
        double step = 2 * half / SPAWN_SIDE;
        int place = i * SPAWN_STRIDE % (SPAWN_SIDE * SPAWN_SIDE);
        fprintf(file, "    %s{ \"position\": [%.1f, 0, %.1f] }\n", i > 0 ? "," : "",
                -half + step * (place % SPAWN_SIDE + 0.5), -half + step * (place / SPAWN_SIDE + 0.5));
    }
    fputs("  ],\n", file);
    write_things(file, twins);
    fputs("  \"feeds\": [\n", file);
    for (uint32_t i = 0; i < file_count(twins); i++) {
        fprintf(
            file,
            "    %s{ \"type\": \"replay\", \"trace\": \"%u.csv\", \"mapping\": \"twins.mapping.json\" }\n",
            i > 0 ? "," : "", (unsigned)i);
    }
    fputs("  ]\n}\n", file);
    return finish(file, folder, diag);
}

/* Tens of millions of them are written: not by printf. */
static void write_fixed(FILE *file, int32_t code, int digits)
{
    char text[24];
    size_t at = sizeof text;
    uint32_t left = code < 0 ? 0u - (uint32_t)code : (uint32_t)code;
    for (int written = 0; written <= digits || left > 0; written++) {
        if (written == digits && digits > 0) {
            text[--at] = '.';
        }
        text[--at] = (char)('0' + left % 10);
        left /= 10;
    }
    if (code < 0) {
        text[--at] = '-';
    }
    text[--at] = ',';
    fwrite(text + at, 1, sizeof text - at, file);
}

static void write_row(FILE *file, const Twins *twins, uint32_t step, uint32_t first, uint32_t end)
{
    fprintf(file, "%lld", (long long)((TWINS_EPOCH + step * TWINS_PERIOD) / TIME_MS));
    for (uint32_t i = first; i < end; i++) {
        if (twins->rests[(size_t)step * twins->count + i]) {
            fputs(",,,,,,", file);
            continue;
        }
#define TWIN_FIELD(name, resolution, digits, unit) \
    write_fixed(file, twins_code(twins, step, i, TWIN_##name), digits);
        TWIN_CHANNEL_TABLE(TWIN_FIELD)
#undef TWIN_FIELD
        write_fixed(file, twins_code(twins, step, i, TWIN_state), 0);
    }
    fputc('\n', file);
}

static Status write_trace(const Twins *twins, uint32_t index, const char *folder, Diag *diag)
{
    char name[32], id[TWIN_ID_SIZE];
    snprintf(name, sizeof name, "%u.csv", (unsigned)index);
    FILE *file = create(folder, name, diag);
    if (file == NULL) {
        return STATUS_IO_ERROR;
    }
    uint32_t first = index * TWINS_PER_FILE;
    uint32_t end = first + TWINS_PER_FILE < twins->count ? first + TWINS_PER_FILE : twins->count;
    fputs("time", file);
    for (uint32_t i = first; i < end; i++) {
        const char *twin = twin_id(i, id);
#define TWIN_NAME(name, resolution, digits, unit) fprintf(file, ",%s.%d", twin, TWIN_##name);
        TWIN_CHANNEL_TABLE(TWIN_NAME)
#undef TWIN_NAME
        fprintf(file, ",%s.%d", twin, TWIN_state);
    }
    fputc('\n', file);
    for (uint32_t step = 0; step < twins->steps; step++) {
        write_row(file, twins, step, first, end);
    }
    return finish(file, folder, diag);
}

Status twins_write_world(const Twins *twins, double spacing_m, const char *folder, Diag *diag)
{
    Status status = write_description(folder, diag);
    if (status == STATUS_OK) {
        status = write_mapping(folder, diag);
    }
    if (status == STATUS_OK) {
        status = write_world(twins, spacing_m, folder, diag);
    }
    for (uint32_t i = 0; i < file_count(twins) && status == STATUS_OK; i++) {
        status = write_trace(twins, i, folder, diag);
    }
    return status;
}

void twins_remove_world(const Twins *twins, const char *folder)
{
    char path[PATH_SIZE];
    static const char *const names[] = { "twin.td.json", "twins.mapping.json", "world.json" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    for (uint32_t i = 0; i < file_count(twins); i++) {
        snprintf(path, sizeof path, "%s/%u.csv", folder, (unsigned)i);
        unlink(path);
    }
    rmdir(folder);
}

bool twins_match_world(const World *world, const Twins *twins, uint8_t out_channels[TWIN_CHANNELS])
{
    static const char *const names[TWIN_CHANNELS] = {
#define TWIN_TEXT(name, resolution, digits, unit) #name,
        TWIN_CHANNEL_TABLE(TWIN_TEXT)
#undef TWIN_TEXT
            "state"
    };
    if (world->thing_count != twins->count || world->things[0].model->property_count != TWIN_CHANNELS) {
        return false;
    }
    for (uint32_t i = 0; i < TWIN_CHANNELS; i++) {
        out_channels[i] = TWIN_CHANNELS;
        for (uint8_t k = 0; k < TWIN_CHANNELS; k++) {
            if (strcmp(world->things[0].model->properties[i].name, names[k]) == 0) {
                out_channels[i] = k;
            }
        }
        if (out_channels[i] == TWIN_CHANNELS) {
            return false;
        }
    }
    return true;
}
