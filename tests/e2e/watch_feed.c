/* watch_feed - a twin system with one live feed and nothing else, for e2e/mqtt.py and e2e/sparkplug.py.
 * Prints every change of a value ("value THING PROPERTY QUALITY VALUE"), of the way to the devices ("lost" or
 * "found"), answers ("answer ID accepted|refused REASON"), and at the end the counters. Lines on standard
 * input, "ID THING ACTION [NUMBER]", are commands; their status is printed ("command ID STATUS"). */
#include "server/live_feed_mqtt.h"
#include "server/twin/twin.h"
#include "shared/base/clock_file.h"
#include "shared/base/disk_file.h"
#include "shared/base/log_file.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Watch {
    Arena arena;
    World world;
    TextTable texts;
    Feed feed;
    TwinSystem *twin;
    FeedStatus status; /* as the twin system was told last */
    bool lost_told, lost_known;
} Watch;

static Watch watch;

/* Between feed and twin system, so that what the feed says can be printed. */
static Status poll_through(void *context, TimeNs now, TraceSample *out_samples, size_t capacity,
                           size_t *out_count, FeedStatus *out_status)
{
    (void)context;
    Status status =
        watch.feed.ops->poll(watch.feed.context, now, out_samples, capacity, out_count, out_status);
    watch.status = *out_status;
    return status;
}

static void destroy_nothing(void *context)
{
    (void)context;
}

static void print_changes(const SyncBatch *batch)
{
    if (!watch.lost_known || watch.lost_told != watch.status.lost) {
        watch.lost_known = true;
        watch.lost_told = watch.status.lost;
        printf("%s\n", watch.status.lost ? "lost" : "found");
    }
    for (size_t i = 0; i < batch->count; i++) {
        const SyncSample *sample = &batch->samples[i];
        const Thing *thing = &watch.world.things[sample->thing];
        const Property *property = &thing->model->properties[sample->property];
        char text[300];
        printf("value %s %s %s %s\n", thing->id, property->name, quality_name((Quality)sample->quality),
               property_format(property, sample->code, &watch.texts, text, sizeof text));
    }
    FieldAnswer answer;
    while (watch.feed.ops->answer != NULL &&
           watch.feed.ops->answer(watch.feed.context, &answer) == STATUS_OK) {
        printf("answer %s %s %s\n", answer.command, answer.accepted ? "accepted" : "refused", answer.reason);
    }
    fflush(stdout);
}

static void take_command(char *line)
{
    char id[64], thing[64], action[64];
    double number = 0;
    int fields = sscanf(line, "%63s %63s %63s %lf", id, thing, action, &number);
    FieldCommand command = { .has_value = fields == 4, .value = { .type = VALUE_NUMBER, .number = number } };
    int found = fields >= 3 ? world_thing_index(&watch.world, thing) : -1;
    if (found < 0 || strlen(id) != COMMAND_ID_SIZE - 1) {
        printf("command ? BAD_LINE\n");
        return;
    }
    memcpy(command.command, id, sizeof command.command);
    command.thing = (uint32_t)found;
    command.source_time = TIME_NONE;
    int which = thing_action_index(watch.world.things[found].model, action);
    command.action = which < 0 ? UINT8_MAX : (uint8_t)which;
    printf("command %s %s\n", id,
           status_name(watch.feed.ops->command(watch.feed.context, clock_monotonic(), &command)));
}

/* False when standard input has ended. */
static bool wait_and_read(void)
{
    struct pollfd files[] = { { .fd = watch.feed.ops->wake_fd(watch.feed.context), .events = POLLIN },
                              { .fd = STDIN_FILENO, .events = POLLIN } };
    char line[256];
    (void)poll(files, 2, 20);
    if ((files[1].revents & (POLLIN | POLLHUP)) != 0) {
        if (fgets(line, sizeof line, stdin) == NULL) {
            return false;
        }
        take_command(line);
    }
    return true;
}

static Status open_feed(char **arguments, Diag *diag)
{
    static DiskFolders folders;
    folders = (DiskFolders){ .folders = { arguments[1], NULL } };
    LiveFeedConfig config = { .type = arguments[2],
                              .url = arguments[3],
                              .world = &watch.world,
                              .texts = &watch.texts,
                              .arena = &watch.arena };
    Status status = world_load(asset_source_folders(&folders), &watch.arena, &watch.world, diag);
    if (status == STATUS_OK) {
        status = text_table_init(&watch.texts, 1024, &watch.arena);
    }
    if (status == STATUS_OK && arguments[4] != NULL) {
        config.mapping_path = arguments[4];
        status = disk_read(arguments[4], 1 << 20, &watch.arena, &config.mapping, diag);
    }
    return status == STATUS_OK ? live_feed_open(&config, &watch.feed, diag) : status;
}

int main(int argc, char **argv)
{
    Diag diag = { 0 };
    static const FeedOps through = { .poll = poll_through, .destroy = destroy_nothing };
    setvbuf(stdin, NULL, _IONBF, 0); /* so that poll() sees every line */
    if (argc < 4) {
        fprintf(stderr, "usage: watch_feed WORLD_FOLDER mqtt|sparkplug URL [MAPPING]\n");
        return 2;
    }
    arena_init(&watch.arena, 0);
    Status status = open_feed(argv, &diag);
    if (status == STATUS_OK) {
        status = twin_create(&watch.world, 0, &watch.twin);
    }
    if (status == STATUS_OK) {
        status = twin_add_feed(watch.twin, (Feed){ .ops = &through });
    }
    while (status == STATUS_OK) {
        SyncBatch batch;
        status = twin_tick(watch.twin, clock_monotonic(), &batch);
        print_changes(&batch);
        if (!wait_and_read()) {
            break;
        }
    }
    if (status != STATUS_OK) {
        char text[1024];
        fprintf(stderr, "watch_feed: %s\n", diag_format(&diag, text, sizeof text));
    }
    if (watch.feed.ops != NULL) {
        const TraceCounters *counters = watch.feed.ops->counters(watch.feed.context);
        printf("counters rows %llu samples %llu bad %llu refused %llu unmapped %llu\n",
               (unsigned long long)counters->rows, (unsigned long long)counters->samples,
               (unsigned long long)counters->bad, (unsigned long long)counters->refused,
               (unsigned long long)counters->unmapped);
        watch.feed.ops->destroy(watch.feed.context);
    }
    twin_destroy(watch.twin);
    arena_finish(&watch.arena);
    return status == STATUS_OK ? 0 : 1;
}
