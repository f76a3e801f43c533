#include "server/hosted_world_file.h"

#include "server/live_feed_mqtt.h"
#include "server/twin/sim_feed.h"
#include "shared/base/clock_file.h"
#include "shared/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAPPING_SIZE_MAX ((size_t)16 << 20)

#ifndef DTMV_SOURCE_ASSETS
#define DTMV_SOURCE_ASSETS ""
#endif

/* ---- finding the world's folder ---- */

static bool is_world_folder(const char *folder)
{
    char path[HOSTED_PATH_SIZE + 16];
    struct stat info;
    snprintf(path, sizeof path, "%s/world.json", folder);
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* Where the program lies, so that an installed tree can be moved as a whole. */
static bool program_folder(const char *program, char *out, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", out, size - 1);
    if (length > 0) {
        out[length] = '\0';
    } else {
        snprintf(out, size, "%s", program == NULL ? "" : program);
    }
    char *slash = strrchr(out, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return true;
}

/* Takes `base`/worlds/`name` as the folder when there is a world. */
static bool try_folder(HostedWorld *hosted, const char *base, const char *name)
{
    char folder[HOSTED_PATH_SIZE];
    int size = snprintf(folder, sizeof folder, "%s/worlds/%s", base, name);
    if (base[0] == '\0' || size >= (int)sizeof folder || !is_world_folder(folder)) {
        return false;
    }
    memcpy(hosted->folder, folder, sizeof folder);
    return true;
}

static Status find_folder(HostedWorld *hosted, const HostedWorldConfig *config, Diag *diag)
{
    const char *name = config->world;
    if (is_world_folder(name)) {
        if (strlen(name) >= sizeof hosted->folder) {
            return diag_set(diag, STATUS_OUT_OF_RANGE, "", 0, "the path of the world is too long");
        }
        snprintf(hosted->folder, sizeof hosted->folder, "%s", name);
        return STATUS_OK;
    }
    if (strchr(name, '/') != NULL || name[0] == '.' || name[0] == '\0') {
        return diag_set(diag, STATUS_NOT_FOUND, name, 0, "there is no world.json in this folder");
    }
    const char *given = getenv("DTMV_ASSETS");
    char beside[HOSTED_PATH_SIZE], installed[HOSTED_PATH_SIZE + 32];
    bool known = program_folder(config->program, beside, sizeof beside);
    snprintf(installed, sizeof installed, "%s/../share/dtmv/assets", known ? beside : "");
    if ((given != NULL && try_folder(hosted, given, name)) ||
        (known && try_folder(hosted, installed, name)) || try_folder(hosted, DTMV_SOURCE_ASSETS, name)) {
        return STATUS_OK;
    }
    return diag_set(
        diag, STATUS_NOT_FOUND, name, 0,
        "neither a folder with a world.json nor a shipped world; looked in $DTMV_ASSETS/worlds (%s), "
        "%s/worlds and %s/worlds",
        given == NULL ? "not set" : given, installed, DTMV_SOURCE_ASSETS);
}

/* ---- feeds ---- */

/* A trace is not part of the world that clients get, so it may lie in the data folder. */
static Status open_trace(HostedWorld *hosted, const char *name, char *out_path, size_t size, Diag *diag)
{
    if (!asset_name_valid(name)) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, name, 0,
                        "a trace must lie inside the world or data folder");
    }
    for (size_t i = 0; i < ARRAY_COUNT(hosted->folders.folders); i++) {
        const char *folder = hosted->folders.folders[i];
        if (folder == NULL) {
            continue;
        }
        snprintf(out_path, size, "%s/%s", folder, name);
        Status status = trace_input_open(out_path, &hosted->inputs[hosted->input_count], diag);
        if (status == STATUS_OK) {
            hosted->input_count++;
        }
        if (status != STATUS_NOT_FOUND) {
            return status;
        }
    }
    const char *data = hosted->folders.folders[1];
    return diag_set(diag, STATUS_NOT_FOUND, name, 0,
                    data == NULL
                        ? "the trace is not in the world's folder '%s'; --data DIR names another folder"
                        : "the trace is neither in the world's folder '%s' nor in the data folder '%s'",
                    hosted->folder, data);
}

static Status open_reader(HostedWorld *hosted, const WorldFeed *feed, CsvReader **out_reader, Diag *diag)
{
    Bytes json = { 0 };
    Status status = asset_read(hosted->assets, feed->mapping, MAPPING_SIZE_MAX, &hosted->arena, &json, diag);
    TraceMapping *mapping = NULL;
    if (status == STATUS_OK) {
        status = trace_mapping_load(json, feed->mapping, &hosted->world, &hosted->arena, &mapping, diag);
    }
    char path[HOSTED_PATH_SIZE + ASSET_NAME_SIZE];
    if (status == STATUS_OK) {
        status = open_trace(hosted, feed->trace, path, sizeof path, diag);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const char *name = arena_copy_text(&hosted->arena, path, strlen(path));
    if (name == NULL || csv_reader_create(hosted->inputs[hosted->input_count - 1], name, mapping,
                                          &hosted->texts, &hosted->arena, out_reader) != STATUS_OK) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "no memory to read the trace");
    }
    return STATUS_OK;
}

static Status open_replay(HostedWorld *hosted, const WorldFeed *feed, const ReplayConfig *replay,
                          Feed *out_feed, Diag *diag)
{
    if (hosted->input_count == TWIN_FEEDS_MAX) {
        return diag_set(diag, STATUS_CAPACITY, "world.json", 0, "more than %d feeds", TWIN_FEEDS_MAX);
    }
    CsvReader *reader = NULL;
    Status status = open_reader(hosted, feed, &reader, diag);
    if (status == STATUS_OK) {
        status = replay_feed_create(replay, reader, out_feed, diag);
        if (status == STATUS_END && diag->path[0] == '\0') { /* the feed does not know the file's name */
            snprintf(diag->path, sizeof diag->path, "%s", feed->trace);
        }
    }
    return status;
}

static Status simulate(HostedWorld *hosted, const HostedWorldConfig *config, Diag *diag)
{
    const PhysicalConfig physical = { .world = &hosted->world,
                                      .seed = config->seed,
                                      .start = clock_wall(),
                                      .speed = config->replay.speed,
                                      .faults = config->faults,
                                      .fault_count = config->fault_count };
    return physical_create(&physical, &hosted->physical, diag);
}

static Status open_sim(HostedWorld *hosted, const HostedWorldConfig *config, Feed *out_feed, Diag *diag)
{
    if (!config->physical) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0,
                        "the physical world is not in this process: --mqtt names the broker to reach it by");
    }
    if (hosted->physical != NULL) {
        return diag_set(diag, STATUS_DUPLICATE, "world.json", 0, "one simulation is enough");
    }
    Status status = simulate(hosted, config, diag);
    if (status == STATUS_OK) {
        status = sim_feed_create(physical_field(hosted->physical), out_feed);
    }
    return status;
}

static Status open_live(HostedWorld *hosted, const WorldFeed *feed, const char *url, Feed *out_feed,
                        Diag *diag)
{
    LiveFeedConfig config = { .type = feed->type,
                              .url = url == NULL ? feed->url : url,
                              .mapping_path = feed->mapping,
                              .world = &hosted->world,
                              .texts = &hosted->texts,
                              .arena = &hosted->arena };
    if (config.url == NULL) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "world.json", 0,
                        "a feed of type '%s' has no \"url\" of a broker; --mqtt URL gives one", feed->type);
    }
    if (feed->mapping != NULL) {
        Status status = asset_read(hosted->assets, feed->mapping, MAPPING_SIZE_MAX, &hosted->arena,
                                   &config.mapping, diag);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return live_feed_open(&config, out_feed, diag);
}

static Status open_feed(HostedWorld *hosted, const WorldFeed *feed, const HostedWorldConfig *config,
                        Diag *diag)
{
    Feed opened = { 0 };
    Status status = live_feed_type_known(feed->type) ? open_live(hosted, feed, config->mqtt, &opened, diag)
                    : strcmp(feed->type, "sim") == 0
                        ? open_sim(hosted, config, &opened, diag)
                        : open_replay(hosted, feed, &config->replay, &opened, diag);
    if (status != STATUS_OK) {
        return status;
    }
    status = twin_add_feed(hosted->twin, opened);
    if (status != STATUS_OK) {
        opened.ops->destroy(opened.context);
    }
    return status;
}

static bool has_live_feed(const World *world)
{
    for (uint32_t i = 0; i < world->feed_count; i++) {
        if (live_feed_type_known(world->feeds[i].type)) {
            return true;
        }
    }
    return false;
}

/* Which of the world's feeds run: those of one type, for a world may list a simulation, a recording of it and
 * a broker. */
static const char *feed_type(const World *world, const HostedWorldConfig *config)
{
    if (config->feed != NULL) {
        return config->feed;
    }
    for (uint32_t i = 0; config->mqtt != NULL && i < world->feed_count; i++) {
        if (live_feed_type_known(world->feeds[i].type)) {
            return world->feeds[i].type;
        }
    }
    return world->feed_count > 0 ? world->feeds[0].type : "";
}

static Status open_feeds(HostedWorld *hosted, const HostedWorldConfig *config, Diag *diag)
{
    static const WorldFeed broker = { .type = "mqtt" };
    const World *world = &hosted->world;
    const char *type = feed_type(world, config);
    uint32_t opened = 0;
    if (config->mqtt != NULL && !has_live_feed(world)) {
        return open_feed(hosted, &broker, config, diag);
    }
    for (uint32_t i = 0; i < world->feed_count; i++) {
        if (strcmp(world->feeds[i].type, type) != 0) {
            continue;
        }
        Status status = open_feed(hosted, &world->feeds[i], config, diag);
        if (status != STATUS_OK) {
            return status;
        }
        opened++;
    }
    if (config->feed != NULL && opened == 0) {
        return diag_set(diag, STATUS_NOT_FOUND, "world.json", 0,
                        "the world '%s' has no feed of type '%s'%s%s", world->name, type,
                        world->feed_count > 0 ? "; there is " : "",
                        world->feed_count > 0 ? world->feeds[0].type : "");
    }
    return STATUS_OK;
}

Status hosted_world_open(HostedWorld *hosted, const HostedWorldConfig *config, Diag *diag)
{
    arena_init(&hosted->arena, 0);
    Status status = find_folder(hosted, config, diag);
    if (status != STATUS_OK) {
        return status;
    }
    hosted->folders = (DiskFolders){ .folders = { hosted->folder, config->data_folder } };
    hosted->assets = asset_source_folders(&hosted->folders);
    status = world_load(hosted->assets, &hosted->arena, &hosted->world, diag);
    if (status != STATUS_OK) {
        return status;
    }
    if (text_table_init(&hosted->texts, HOSTED_TEXTS_MAX, &hosted->arena) != STATUS_OK ||
        twin_create(&hosted->world, 0, &hosted->twin) != STATUS_OK) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the things of the world");
    }
    if (config->twin) {
        return open_feeds(hosted, config, diag);
    }
    return config->physical ? simulate(hosted, config, diag) : STATUS_OK;
}

void hosted_world_close(HostedWorld *hosted)
{
    twin_destroy(hosted->twin); /* before the readers, inputs and plant that its feeds use */
    physical_destroy(hosted->physical);
    for (uint32_t i = 0; i < hosted->input_count; i++) {
        trace_input_close(&hosted->inputs[i]);
    }
    arena_finish(&hosted->arena);
    *hosted = (HostedWorld){ 0 };
}
