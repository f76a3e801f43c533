/* enabler.h - the integration enabler of Y.4239: what stands between digital twin systems, the metaverse
 * system and third-party services. It registers them, lets them be discovered, exchanges models, has users
 * authenticated and gives grants, routes synchronisation along grants, checks and passes on commands, and
 * writes down who did what (steps 1 to 7 of the integration procedure). Nothing passes from one system to
 * another but through here (R6). Bodies of messages: shared/systems/INTERFACES.md.
 * Pure; one owner. Registered systems, what they published, grants, commands and the audit log are durable.
 */
#ifndef SERVER_ENABLER_ENABLER_H
#define SERVER_ENABLER_ENABLER_H
#include "server/enabler/store.h"
#include "server/enabler/tokens.h"
#include "shared/systems/bus.h"

#define ENABLER_HUBS_MAX 4

typedef struct Enabler Enabler; /* opaque */

/* Zero means the default. */
typedef struct EnablerConfig {
    ServiceTokens tokens; /* borrowed: services that are listed need theirs, any token given must be good */

    TimeNs lease;              /* silent for longer: down; 5 s */
    TimeNs heartbeat;          /* asked of systems; 1 s */
    TimeNs gone_after;         /* down for longer: forgotten, grants revoked; 1 h */
    TimeNs grant_lifetime;     /* of a request that names none; 600 s */
    TimeNs grant_lifetime_max; /* 1 h */
    TimeNs answer_timeout; /* of a twin system that authenticates a user; 4 s, less than a consumer waits */
    TimeNs command_grace;  /* waits so much longer than a command may take for word of it; 5 s */

    uint32_t systems_max;         /* 64 */
    uint32_t grants_max;          /* 4,096 */
    uint32_t commands_max;        /* under way, or younger than what is still refused as a repeat; 2,048 */
    uint32_t things_max;          /* of one twin system; 65,536 */
    uint32_t audit_kept;          /* entries in memory, also those that wait for the store; 4,096 */
    uint32_t commands_per_second; /* of one system; twice as many at once; 20 */

    /* Of the process: the codes of texts in SYNC from and to other processes refer to it; borrowed. NULL:
     * such texts are "?". */
    TextTable *texts;

    void (*random)(void *context, void *out, size_t size); /* NULL: libsodium's */
    void *random_context;
} EnablerConfig;

typedef struct EnablerCounters {
    uint64_t messages;            /* taken from hubs */
    uint64_t refused;             /* requests refused, malformed and forged ones included */
    uint64_t syncs, sync_samples; /* taken from twin systems */
    uint64_t syncs_routed;        /* sent to subscribers */
    uint64_t samples_dropped;     /* of a thing, property or value that does not exist */
    uint64_t syncs_dropped;       /* of a system that had not published; or a subscriber's queue
                                     was full: it gets a snapshot */
    uint64_t snapshots_asked;
    uint64_t grants_given, grants_refused, grants_revoked, grants_expired;
    uint64_t commands[COMMAND_STATE_COUNT]; /* states told, by state */
    uint64_t commands_repeated;             /* ids seen before: no second deed */
    uint64_t late_states;                   /* of a command that had its final state, or of none */
    uint64_t alarms;
    uint64_t leases_lapsed;
    uint64_t sends_failed;              /* messages that a hub did not take */
    uint64_t audit_entries, audit_lost; /* lost: the store was away for too long */
    uint64_t audit_suppressed;          /* refusals of one system beyond 20 a second */
    uint64_t store_commits, store_failures;
} EnablerCounters;

/* A registered system, for /metrics, the dashboard and tests. */
typedef struct EnablerSystem {
    const char *name, *title, *version, *domain, *who; /* who: address or key, as the bus tells it */
    SystemKind kind;
    bool up;
    uint32_t things, models;
    uint32_t subscribers; /* of a twin system */
} EnablerSystem;

typedef struct EnablerGrant {
    const char *id, *consumer, *system, *user, *key, *role;
    uint32_t rights;
    bool restricted; /* to some things */
    TimeNs issued, expires;
} EnablerGrant;

/* Takes `config` (copied), `hub_count` hubs and a store, whose contents it reads: systems come back as down
 * until they register, grants are good until they expire, commands under way are waited for. On success it
 * owns hubs and store; on failure the caller still does. STATUS_INVALID_ARGUMENT (hub_count),
 * STATUS_OUT_OF_MEMORY, statuses of the store. */
NODISCARD Status enabler_create(const EnablerConfig *config, Bus *hubs, uint32_t hub_count, Store store,
                                Enabler **out_enabler);

/* Safe with NULL. What waits for the store is written first, if it can be. */
void enabler_destroy(Enabler *enabler);

/* Takes everything from the hubs, answers, routes, ends what has expired, writes to the store at most once
 * and only when there is something, and flushes the hubs. `wall`: Unix ns. A store that fails is counted and
 * logged once; the enabler goes on in memory and tries again every second. */
void enabler_tick(Enabler *enabler, TimeNs now, TimeNs wall);

/* Ends a grant early: the consumer is told, its synchronisation stops at once. `who` (for the audit log)
 * asks for it. STATUS_NOT_FOUND: there is no such grant, or it has ended. */
NODISCARD Status enabler_revoke(Enabler *enabler, const char *grant, const char *who, const char *reason);

const EnablerCounters *enabler_counters(const Enabler *enabler);

/* Walks the registered systems: *cursor begins at 0; false at the end. Texts are valid until the next tick.
 */
bool enabler_next_system(const Enabler *enabler, uint32_t *cursor, EnablerSystem *out_system);

/* Walks the grants that are good, in the same way. */
bool enabler_next_grant(const Enabler *enabler, uint32_t *cursor, EnablerGrant *out_grant);

/* Commands without a final state. */
uint32_t enabler_commands_under_way(const Enabler *enabler);

/* False while the last write to the store failed. */
bool enabler_store_works(const Enabler *enabler);

/* Up to `capacity` of the newest audit entries, oldest first; gives how many. */
size_t enabler_audit_tail(const Enabler *enabler, AuditEntry *out_entries, size_t capacity);

#endif
