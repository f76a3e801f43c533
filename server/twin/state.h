/* state.h - what the files of the digital twin system share: things and their values (twin.c), the DII side
 * (dii.c) and commands (dii_command.c). Included by these only. */
#ifndef SERVER_TWIN_STATE_H
#define SERVER_TWIN_STATE_H
#include "server/twin/twin.h"
#include "shared/systems/body.h"
#include "shared/systems/sync_codec.h"

#define NO_FEED        UINT8_MAX
#define POLL_CHUNK     1024 /* samples asked of a feed at once */
#define COMMANDS_KEPT  1024 /* ids remembered, with what became of them */
#define COMMANDS_MAX   256  /* of these under way */
#define USER_NAME_SIZE 128

typedef struct TwinLink TwinLink;

/* One property of one thing. */
typedef struct Slot {
    Reported reported;
    TimeNs stale_after; /* 3 declared periods; 0: never stale */
    uint8_t feed;       /* whose sample it holds, NO_FEED when none */
} Slot;

typedef struct TwinFeed {
    Feed feed;
    TimeNs clock;
    TimeNs behind;
    bool ended;
    bool lost; /* as it said last */
} TwinFeed;

struct TwinSystem {
    Arena arena;
    const World *world;
    TwinFeed feeds[TWIN_FEEDS_MAX];
    uint8_t feed_count;
    uint8_t first_feed; /* polled first this tick; turns, so that a full batch starves nobody */

    Slot *slots;          /* all properties, in thing order */
    uint32_t *first_slot; /* per thing, plus one past the end */
    uint32_t *sequences;  /* per thing */
    TimeNs clock;         /* of the last batch */

    /* When no feed's clock has passed this, nothing can have gone stale. */
    TimeNs stale_check;

    TraceSample incoming[POLL_CHUNK];
    SyncSample *batch;     /* batch_capacity samples, and room for every property to change quality thrice */
    size_t batch_capacity; /* samples taken from feeds a tick */
    size_t batch_size;     /* elements of `batch` */
    size_t batch_count;
    bool restarted;
    TwinCounters counters;
    TwinLink *link; /* NULL: not attached to an enabler */
};

/* NULL when there is no such thing or property. */
Slot *twin_slot(const TwinSystem *twin, uint32_t thing, uint8_t property);

/* ---- the DII side ---- */

/* A command that was taken, under way or remembered. */
typedef struct Command {
    char id[COMMAND_ID_SIZE]; /* "": free */
    CommandState state;
    char reason[128];
    char user[USER_NAME_SIZE];
    uint32_t thing;
    uint8_t action, feed;
    bool has_desired;
    bool accepted;        /* the device said so */
    int64_t desired;      /* code of the action's target */
    TimeNs seen;          /* source time of the target's value when it was asked; TIME_NONE: none */
    bool untold;          /* the enabler may not have heard of the state */
    TimeNs deadline;      /* monotonic */
    uint64_t correlation; /* of the DII_COMMAND */
    uint64_t number;      /* in the order they came */
} Command;

struct TwinLink {
    TwinLinkConfig config; /* texts and lists are copies in the arena */
    Arena arena;           /* as long as the link */
    Arena scratch;         /* for the message at hand */
    Bus bus;
    TimeNs now, wall_offset;
    bool has_wall;

    bool up, registered, published;
    TimeNs register_at, retry;
    TimeNs heartbeat, heartbeat_at;
    uint64_t correlations;
    uint64_t register_correlation, publish_correlation;
    const ThingModel **models; /* each once, in the order of the things */
    uint32_t *model_of;        /* by thing: index there */
    uint32_t model_count;
    bool publishing;
    uint32_t next_model, next_thing; /* of the page to be sent next */
    TimeNs publish_deadline;

    bool snapshot_wanted;
    bool asked;           /* since the publication: what is new is sent from then on */
    SyncSample *snapshot; /* room for every property */
    SyncBatch sent;       /* what a local bus points to until the next tick */
    TimeNs clock_sent;

    Command commands[COMMANDS_KEPT];
    uint32_t under_way, untold;
    uint64_t command_count;
    TwinLinkCounters counters;
};

void twin_link_destroy(TwinLink *link);
void twin_link_tick(TwinSystem *twin, TimeNs now, const SyncBatch *batch);
TimeNs twin_link_due(const TwinLink *link);
TimeNs twin_link_wall(const TwinLink *link);

/* Takes a DII_COMMAND. */
void twin_command_take(TwinSystem *twin, const BusMessage *message, const JsonNode *root);
/* Answers of devices, confirmations, time-outs, feeds that are lost. */
void twin_commands_tick(TwinSystem *twin);
/* The enabler was away: it is told once more what it may have missed. */
void twin_commands_recall(TwinLink *link);

#endif
