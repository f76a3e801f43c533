/* state.h - what the files of the enabler share; for server/enabler only. */
#ifndef SERVER_ENABLER_STATE_H
#define SERVER_ENABLER_STATE_H
#include "server/enabler/enabler.h"
#include "server/enabler/publication.h"
#include "shared/systems/body.h"
#include "shared/systems/sync_codec.h"

#define WHO_SIZE 128

/* Takes `rate` a second and twice that at once. */
typedef struct Allowance {
    double tokens;
    TimeNs filled; /* 0: never */
} Allowance;

/* A consumer that gets the synchronisation of a twin system: the route, looked up once. It is taken out when
 * its grant ends. */
typedef struct Subscription {
    uint32_t consumer, grant; /* indices of systems and grants */
    FamilyId sync;            /* MII_SYNC or SII_SYNC */
    bool waiting;             /* for its first snapshot: it gets nothing before */
    uint64_t *covered;        /* a bit per thing of the publication; NULL: all. Owned */
} Subscription;

typedef struct System {
    bool used;
    bool registered;               /* in this life of its connection */
    bool published;                /* … a twin system, and its models are those of `live` */
    bool up;                       /* as told to others */
    bool dirty, publication_dirty; /* not yet stored */
    StoredSystem stored;           /* provides: owned, below */
    char *provides;
    char session[SYSTEM_TEXT_SIZE], who[WHO_SIZE];
    uint32_t hub;
    TimeNs heard;      /* monotonic; TIME_NONE: not in this life */
    TimeNs down_since; /* monotonic */
    Allowance commands, refusals, alarms;

    /* Of a twin system. */
    Publication live, pending;
    Reported *values; /* the last ones seen, by the publication's offsets */
    TimeNs source_clock;
    Subscription *subscriptions;
    uint32_t subscription_count, subscription_capacity;
    bool values_known;  /* `values` are all there are: a snapshot has come, and nothing was missed since */
    bool values_wanted; /* for the interlocks of those who may actuate, whether anybody subscribes or not */
    TimeNs snapshot_asked; /* monotonic; TIME_NONE: none is on its way */
} System;

typedef struct Grant {
    bool used;
    bool ended; /* revoked or expired; kept while there is room, to say so */
    bool dirty;
    StoredGrant stored; /* things: owned, below */
    char *things;
} Grant;

/* An access request that a twin system is asked about. */
typedef struct PendingAccess {
    bool used;
    uint64_t question; /* correlation of DII_AUTHENTICATE */
    uint64_t request;  /* correlation of the consumer's */
    uint32_t consumer, system;
    TimeNs deadline, lifetime;
    StoredGrant wanted;
    char *things; /* owned */
} PendingAccess;

#define NO_INDEX UINT32_MAX

typedef struct Command {
    bool used;
    bool dirty;
    bool emergency;
    StoredCommand stored;
    uint64_t request; /* correlation of the INVOKE */
    uint32_t next;    /* in its bucket; NO_INDEX ends it */
} Command;

typedef struct ActiveAlarm {
    bool used;
    char service[SYSTEM_NAME_SIZE], system[SYSTEM_NAME_SIZE], thing[THING_ID_SIZE];
    char property[ACTION_NAME_SIZE], name[SYSTEM_TEXT_SIZE];
    char text[REASON_TEXT_SIZE];
    bool critical, active;
    double score;
    TimeNs source_time;
} ActiveAlarm;

#define PENDING_MAX 256
#define ALARMS_MAX  1024

struct Enabler {
    EnablerConfig config;
    Bus hubs[ENABLER_HUBS_MAX];
    uint32_t hub_count;
    Store store;
    bool started;     /* some tick has been */
    TimeNs now, wall; /* of this tick */
    EnablerCounters counters;

    System *systems;
    Grant *grants;
    PendingAccess *pending;
    uint32_t pending_count;
    uint64_t questions; /* correlations given so far */
    TimeNs next_expiry; /* of a grant, at the earliest; Unix ns */

    Command *commands;
    uint32_t *buckets; /* first command by hash of its id */
    uint32_t bucket_mask, command_count, under_way;

    ActiveAlarm *alarms;

    AuditEntry *audit; /* ring */
    uint64_t audit_count, audit_stored, audit_lost_said;
    Allowance nameless_refusals;

    char (*removed)[SYSTEM_NAME_SIZE]; /* systems that the store has still to forget */
    uint32_t removed_count;
    /* Something is not yet stored: whatever changes is written down in the audit log as well; and whether a
     * grant or a command is among it, as looking for them takes longer. */
    bool changed, grants_changed, commands_changed;
    bool store_failed;
    TimeNs store_retry; /* monotonic */
    TimeNs pruned;      /* Unix ns */

    Arena request; /* of one message */
    Arena scratch; /* of this tick: batches made here, which the bus copies */
};

/* A message under way through the handlers. */
typedef struct Request {
    const BusMessage *message;
    const FamilyRule *rule;
    uint32_t hub;
    System *from;    /* NULL: not registered */
    const char *who; /* address or key */
    JsonDocument document;
    JsonNode root;
} Request;

/* ---- messages.c: bodies ---- */

/* The message of MII, or of SII for a service, that serves the same: MII_GRANT or SII_GRANT. */
FamilyId consumer_message(SystemKind kind, FamilyId mii);

/* Beyond body.h: newline-ended ids, NULL writes none; a wished value, when there is one. */
void set_things(BodyWriter *body, const char *things);
void set_wished(BodyWriter *body, const char *key, const WishedValue *value);

/* Sends `body` and ends it; false when the system is not there or the hub did not take it. */
bool send_body(Enabler *enabler, const System *to, uint64_t correlation, const char *subject,
               BodyWriter *body);
/* The answer to a request, also of who is not registered. */
void answer(Enabler *enabler, const Request *request, BodyWriter *body);
void answer_bytes(Enabler *enabler, const Request *request, FamilyId id, Bytes body);

/* Answers the REFUSED of the interface, and no more. */
void answer_refused(Enabler *enabler, const Request *request, Status status, const char *reason);

/* Refuses: answers so where an answer is expected, counts and audits. `document` errors: refuse_document. */
void refuse(Enabler *enabler, const Request *request, Status status, const char *subject, const char *format,
            ...) __attribute__((format(printf, 5, 6)));

/* True, and refused, when the body was not as it must be. */
bool refused_document(Enabler *enabler, const Request *request);

/* Reads a required or an optional text of at most `size` - 1 bytes into `out`; "" when absent. */
void read_required(const JsonNode *root, const char *key, size_t minimum, char *out, size_t size);
void read_optional(const JsonNode *root, const char *key, char *out, size_t size);
/* The ids of member `things`, each ended by a newline, in the request's arena; NULL when absent. */
char *read_things(const JsonNode *root);

bool allowance_take(Allowance *allowance, uint32_t rate, TimeNs now);
void trim_text(char *text);        /* takes away a character of UTF-8 that was cut at the end */
char *copy_text(const char *text); /* on the heap; NULL for NULL and when out of memory */

/* ---- audit.c ---- */

/* `system`, `user`, `key`, `grant`, `reason` may be NULL. */
typedef struct AuditLine {
    const char *system, *user, *key, *what, *subject, *grant, *result, *reason;
} AuditLine;

void audit_write(Enabler *enabler, const AuditLine *line);
/* As above, within what one system may have refused a second. */
void audit_refused(Enabler *enabler, System *from, const AuditLine *line);
void audit_grant(Enabler *enabler, const StoredGrant *grant, const char *what, const char *result,
                 const char *reason);

/* ---- registry.c ---- */

System *system_find(Enabler *enabler, const char *name);
uint32_t system_index(const Enabler *enabler, const System *system);
void handle_register(Enabler *enabler, Request *request);
void handle_publish(Enabler *enabler, Request *request);
void system_lost(Enabler *enabler, System *system, const char *reason);
/* Something was heard of it. */
void system_heard(Enabler *enabler, System *system);
void registry_tick(Enabler *enabler);
/* The first tick: what was loaded is away since now. */
void registry_start(Enabler *enabler, TimeNs now);
NODISCARD Status registry_load(Enabler *enabler);
void system_finish(System *system);

/* ---- discovery.c ---- */

void handle_discover(Enabler *enabler, Request *request);
void handle_describe(Enabler *enabler, Request *request);

/* ---- grants.c ---- */

void handle_access(Enabler *enabler, Request *request);
void handle_authenticated(Enabler *enabler, Request *request);
/* Whether `consumer` (NULL: anybody) has a good grant with `right` for `system`, or for some of its things.
 */
bool grants_any(const Enabler *enabler, const char *consumer, const char *system, uint32_t right);
/* The grant called `id` when `consumer` holds it for `system` with `right`, and it is good now; NULL and why
 * not in *out_reason (static). */
Grant *grant_find(Enabler *enabler, const char *id, const System *consumer, const char *system,
                  uint32_t right, const char **out_reason);
bool grant_covers(const Grant *grant, const char *thing);
void grant_end(Enabler *enabler, Grant *grant, const char *what, const char *reason);
/* All grants of and on a system. */
void grants_end_of(Enabler *enabler, const char *system, const char *reason);
/* Requests that a twin system will not answer any more. */
void grants_forget_questions(Enabler *enabler, uint32_t system);
void grants_tick(Enabler *enabler);
NODISCARD Status grants_load(Enabler *enabler);

/* ---- routing.c ---- */

void handle_subscribe(Enabler *enabler, Request *request);
void route_sync(Enabler *enabler, System *twin, const SyncBatch *given);
void routes_drop_grant(Enabler *enabler, uint32_t grant);
void routes_drop_consumer(Enabler *enabler, uint32_t consumer);
void routes_drop_twin(System *twin);
/* Every subscriber, and the enabler where somebody may actuate, needs all values again. */
void routes_wait(Enabler *enabler, System *twin);
void routing_tick(Enabler *enabler);
/* NULL: not subscribed. */
const Subscription *route_of(const System *twin, uint32_t consumer);

/* ---- commands.c ---- */

void handle_invoke(Enabler *enabler, Request *request);
void handle_command_state(Enabler *enabler, Request *request);
/* Those under way at a twin system end as FAILED. */
void commands_fail(Enabler *enabler, const char *system, const char *reason);
void commands_tick(Enabler *enabler);
NODISCARD Status commands_load(Enabler *enabler);

/* ---- alarms.c ---- */

void handle_alarm(Enabler *enabler, Request *request);
/* Tells a new subscriber what is active. */
void alarms_tell(Enabler *enabler, const System *twin, const Subscription *subscription);
void alarms_forget(Enabler *enabler, const char *system);

/* ---- persistence.c ---- */

void persist(Enabler *enabler);
NODISCARD Status persistence_load(Enabler *enabler);

#endif
