/* hosted_world_file.h - a world on disk made ready for a server: its folder found, its files checked, its
 * feeds opened. */
#ifndef SERVER_HOSTED_WORLD_FILE_H
#define SERVER_HOSTED_WORLD_FILE_H
#include "server/physical/physical.h"
#include "server/twin/replay_feed.h"
#include "server/twin/twin.h"
#include "shared/base/disk_file.h"
#include "shared/trace/input_file.h"

#define HOSTED_TEXTS_MAX 65536
#define HOSTED_PATH_SIZE 1024

typedef struct HostedWorldConfig {
    const char *world; /* a folder with world.json, or the name of a shipped world */
    const char
        *data_folder;    /* where traces and models are looked for after the world's folder; NULL: nowhere */
    const char *program; /* argv[0]: an installed program finds the shipped worlds beside it; may be NULL */
    bool twin;           /* open the feeds: the twin system is in this process */
    bool physical;       /* so is the physical world: it may be simulated */
    const char *feed;    /* type of the world's feeds to run; NULL: that of its first, or with `mqtt` of its
                            first that    listens to a broker */
    const char *mqtt;    /* URL of the broker for the feeds that listen to one, whatever world.json says; in a
                            world    without such a feed it takes the place of the others, with the default
                            mapping.    NULL: as    world.json says */
    ReplayConfig replay;
    const PhysicalFault *faults; /* of the simulated plant, from the start */
    size_t fault_count;
    uint64_t seed; /* of the simulated plant */
} HostedWorldConfig;

typedef struct HostedWorld {
    Arena arena;
    char folder[HOSTED_PATH_SIZE];
    DiskFolders folders;
    AssetSource assets;
    World world;
    TextTable texts;
    TraceInput inputs[TWIN_FEEDS_MAX];
    uint32_t input_count;
    Physical *physical; /* NULL: nothing is simulated here */
    TwinSystem *twin;   /* set to NULL by whoever takes it over */
} HostedWorld;

/* Opens everything into `hosted` (zeroed by the caller, not moved afterwards). A shipped world is looked for
 * in $DTMV_ASSETS/worlds, in share/dtmv/assets/worlds beside an installed program, and in the source tree the
 * program was built from. On failure `diag` says what is missing where; the caller still calls
 * hosted_world_close. Statuses of world_load, trace_mapping_load, csv_reader_next and replay_feed_create;
 * STATUS_NOT_FOUND for a world, a trace, or a feed of the type asked for; STATUS_INVALID_ARGUMENT for a live
 * feed without a broker; statuses of live_feed_open and physical_create. A broker that is not there is no
 * failure. A simulated plant runs at replay.speed from the wall clock's time. */
NODISCARD Status hosted_world_open(HostedWorld *hosted, const HostedWorldConfig *config, Diag *diag);

/* Closes what hosted_world_open has opened. Safe on a zeroed world. */
void hosted_world_close(HostedWorld *hosted);

#endif
