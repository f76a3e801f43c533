/* twin.h - the digital twin system: things with reported values, fed by feeds, published as DII sync batches.
 * Attached to an enabler it also registers there, publishes its models, authenticates users, answers with
 * snapshots and carries out commands (steps 1, 4, 6 and 7 of the integration procedure). Pure; one owner. */
#ifndef SERVER_TWIN_TWIN_H
#define SERVER_TWIN_TWIN_H
#include "server/twin/feed.h"
#include "shared/model/world.h"
#include "shared/systems/bus.h"

#define TWIN_FEEDS_MAX 8

typedef struct TwinSystem TwinSystem; /* opaque */

typedef struct TwinCounters {
    uint64_t samples;      /* accepted */
    uint64_t duplicates;   /* same property, same source time, same code: dropped */
    uint64_t old;          /* source time before the property's newest: dropped */
    uint64_t bad;          /* accepted with quality BAD */
    uint64_t stale;        /* properties that went stale so far */
    uint64_t unknown;      /* thing or property not in the world: dropped */
    uint64_t restarts;     /* times a feed began again */
    uint64_t clock_resets; /* times a feed's clock was set back */
    uint64_t late_ticks;   /* ticks whose batch was full with more samples due */
    uint32_t stale_now;    /* properties that are stale at this moment */
    TimeNs behind;         /* source time due but not delivered, the worst feed's; 0 when keeping up */
} TwinCounters;

/* `world` is borrowed. `batch_capacity` samples a tick at most (0: 65,536); what is due beyond it comes next
 * tick. STATUS_OUT_OF_MEMORY. */
NODISCARD Status twin_create(const World *world, size_t batch_capacity, TwinSystem **out_twin);
void twin_destroy(TwinSystem *twin);

/* Adds a feed; on success `twin` owns it. STATUS_CAPACITY beyond TWIN_FEEDS_MAX. */
NODISCARD Status twin_add_feed(TwinSystem *twin, Feed feed);

/* Polls the feeds, drops duplicates and old samples, marks what has gone stale (more than 3 declared periods
 * without a sample, in the source time of the feed it came from) and returns the tick's batch, valid until
 * the next call. The batch's source_clock is the earliest of the running feeds' clocks. When the only feed
 * begins again, `restarted` is set; with several feeds, the values of that feed are reported once with
 * QUALITY_NONE instead. When a feed's clock was set back, those of its values that are stamped later than
 * that are reported once with QUALITY_NONE, and older times count as new again. STATUS_IO_ERROR and the like
 * when a feed failed: the twin goes on without it and the batch is still good. */
NODISCARD Status twin_tick(TwinSystem *twin, TimeNs now, SyncBatch *out_batch);

/* ---- the DII side ---- */

/* Who may do what with the things (step 4). Rights are RIGHT_*; zeros everywhere mean: viewers read,
 * operators and administrators read and actuate. */
typedef struct TwinPolicy {
    uint32_t viewer_rights, operator_rights, admin_rights;
    /* When there are any: only the owners of these keys (base64) are given RIGHT_ACTUATE. Copied. */
    const char *const *actuator_keys;
    uint32_t actuator_key_count;
} TwinPolicy;

typedef struct TwinLinkConfig {
    const char *name, *title, *version, *domain; /* copied; all but `name` may be NULL */
    const char *session;                         /* changes when the system restarts; NULL: not told */
    TwinPolicy policy;
    TextTable *texts; /* of the codes of TEXT properties; borrowed; NULL: there are none */
} TwinLinkConfig;

typedef struct TwinLinkCounters {
    uint64_t registrations, publications, syncs, snapshots, syncs_failed;
    uint64_t authentications;             /* users asked about */
    uint64_t malformed;                   /* bodies that could not be read */
    uint64_t commands;                    /* taken, refused ones included */
    uint64_t repeated;                    /* ids seen before: answered, not done again */
    uint64_t states[COMMAND_STATE_COUNT]; /* told */
} TwinLinkCounters;

/* Attaches the twin system to an enabler, whatever its bus; on success owns `endpoint`. twin_tick then does
 * all there is to do: registers, again after the enabler was away; publishes models and things; once it has
 * been asked, sends DII_SYNC with all values, then with what is new; heartbeats; authenticates users by the
 * policy; carries out commands. STATUS_INVALID_ARGUMENT (name), STATUS_OUT_OF_MEMORY, STATUS_DUPLICATE
 * (attached already). */
NODISCARD Status twin_attach(TwinSystem *twin, const TwinLinkConfig *config, Bus endpoint);

/* Says that it is `wall` (Unix ns) at monotonic `now`: at least once before the first twin_tick after
 * twin_attach, and again whenever the wall clock may have been set. Until then commands are refused. */
void twin_set_wall(TwinSystem *twin, TimeNs now, TimeNs wall);

/* Whether the enabler has taken registration and models. */
bool twin_published(const TwinSystem *twin);

/* What is wished of a property by the command under way on it, as a code; false when there is none. It says
 * nothing of what is reported, and is gone once the command has its final state. */
bool twin_desired(const TwinSystem *twin, uint32_t thing, uint8_t property, int64_t *out_code);

/* The state of a command that was taken, COMMAND_NONE when it is not remembered (the last 1,024 are). */
CommandState twin_command_state(const TwinSystem *twin, const char *command);

/* NULL when not attached. */
const TwinLinkCounters *twin_link_counters(const TwinSystem *twin);

/* ---- time and queries ---- */

/* When a feed that still runs, or the DII side, will have something, in monotonic time: in the past when it
 * has it already, TIME_FOREVER when none does or none can tell. What goes stale is not told before the next
 * twin_tick. */
TimeNs twin_next_due(const TwinSystem *twin);

/* Descriptors of the feeds that are readable when twin_next_due is due; at most `capacity` of them. */
size_t twin_wake_fds(const TwinSystem *twin, int *out_fds, size_t capacity);

/* True when every feed has ended. */
bool twin_ended(const TwinSystem *twin);

/* For live feeds nothing happens. Speed outside 0.1..1000 is clamped. */
void twin_set_speed(TwinSystem *twin, TimeNs now, double speed);
void twin_set_paused(TwinSystem *twin, TimeNs now, bool paused);

/* NULL when the world has no such thing or property. */
const Reported *twin_reported(const TwinSystem *twin, uint32_t thing, uint8_t property);
/* The source clock of the last tick; TIME_NONE before the first. */
TimeNs twin_source_clock(const TwinSystem *twin);
/* The counters of feed `index` (0..), or NULL when there is none. */
const TraceCounters *twin_feed_counters(const TwinSystem *twin, uint32_t index);
const TwinCounters *twin_counters(const TwinSystem *twin);

#endif
