/* consumer.h - a system's side of MII or SII, the same for the metaverse system, a third-party service and
 * the gateway that speaks for services outside: registers, keeps the lease, comes back after the enabler was
 * away, discovers, describes, asks for access, subscribes, invokes. Its owner sees typed events, never JSON.
 * Pure; one owner. INTERFACES.md has the bodies. */
#ifndef SHARED_SYSTEMS_CONSUMER_H
#define SHARED_SYSTEMS_CONSUMER_H
#include "shared/model/world.h"
#include "shared/systems/bus.h"

typedef struct Consumer Consumer; /* opaque */

#define GRANT_ID_SIZE    33
#define REASON_TEXT_SIZE 256

typedef struct ConsumerConfig {
    SystemKind kind;                                     /* SYSTEM_METAVERSE or SYSTEM_SERVICE */
    const char *name, *title, *version, *domain, *token; /* borrowed; domain and token may be NULL */
    const char *const *provides;                         /* names of what a service offers */
    uint32_t provide_count;
    const char *session; /* changes when the system restarts; NULL: not told */
} ConsumerConfig;

/* Whoever asks for something. All texts are borrowed for the call. */
typedef struct SystemUser {
    const char *name, *key, *role; /* key "" when there is none; role "viewer", "operator" or "admin" */
} SystemUser;

typedef struct SystemEntry { /* of a discovery */
    char name[SYSTEM_NAME_SIZE], title[128], domain[SYSTEM_NAME_SIZE];
    SystemKind kind;
    bool up;
    uint32_t things;
    uint32_t models; /* kinds of things, as far as they are listed; 0 unless inspected */
} SystemEntry;

/* What a twin system has published, kept by the consumer while it lives; replaced by a later CONSUMER_MODELS.
 */
typedef struct SystemModels {
    const char *system;
    const Thing *things; /* in the order that SYNC counts them */
    uint32_t thing_count;
} SystemModels;

/* X(NAME): what can have happened. */
#define CONSUMER_EVENT_TABLE(X)                                                                 \
    X(REGISTERED) /* also after the enabler or the bus was away: subscribe again */             \
    X(LOST)       /* the enabler is away; values are as they were */                            \
    X(SYSTEMS)    /* answer of consumer_discover and consumer_inspect */                        \
    X(MODELS)     /* answer of consumer_describe, all pages */                                  \
    X(GRANT)      /* answer of consumer_access */                                               \
    X(REFUSED)    /* answer of any of them, with reason */                                      \
    X(SYNC)       /* of `system`, by its own numbering of things; `snapshot`: all its values */ \
    X(SYSTEM_STATE)                                                                             \
    X(COMMAND_STATE)                                                                            \
    X(REVOKED)                                                                                  \
    X(ALARM)

typedef enum ConsumerEventType {
    CONSUMER_NONE,
#define CONSUMER_ENUM(name) CONSUMER_##name,
    CONSUMER_EVENT_TABLE(CONSUMER_ENUM)
#undef CONSUMER_ENUM
} ConsumerEventType;

/* Views and texts are valid until the next call of consumer_poll. */
typedef struct ConsumerEvent {
    ConsumerEventType type;
    uint64_t request;   /* of the call that this answers; 0: none */
    const char *system; /* the twin system it is about; "" when none */
    const char *reason;
    const SystemEntry *systems; /* SYSTEMS */
    uint32_t system_count;
    const SystemModels *models; /* MODELS */
    const SyncBatch *sync;      /* SYNC */
    bool up;                    /* SYSTEM_STATE */
    struct {
        const char *grant, *user;
        uint32_t rights; /* RIGHT_* */
        TimeNs expires;  /* Unix ns */
    } grant;             /* GRANT; REVOKED has grant.grant */
    struct {
        const char *command, *thing, *action, *user, *property; /* property "" when none */
        CommandState state;
        bool has_desired;
        Value desired; /* text is borrowed as all else */
    } command;         /* COMMAND_STATE; a reason is in `reason` */
    struct {
        const char *service, *thing, *property, *name, *text;
        bool critical, active;
        double score;
        TimeNs source_time;
    } alarm; /* ALARM */
} ConsumerEvent;

/* On success owns `bus`. `texts` takes texts that come with SYNC from another process; borrowed.
 * STATUS_OUT_OF_MEMORY, STATUS_INVALID_ARGUMENT (kind or name). */
NODISCARD Status consumer_create(const ConsumerConfig *config, Bus bus, TextTable *texts,
                                 Consumer **out_consumer);
void consumer_destroy(Consumer *consumer);

/* The next event, never waiting; registers, repeats and keeps the lease by itself. `wall`: Unix ns.
 * STATUS_EMPTY when there is none. Call until EMPTY each tick. */
NODISCARD Status consumer_poll(Consumer *consumer, TimeNs now, TimeNs wall, ConsumerEvent *out_event);
void consumer_flush(Consumer *consumer, TimeNs now);
bool consumer_registered(const Consumer *consumer);

/* Requests. Each gives the number that its answer will carry. What is not answered within 5 s, or is asked
 * while the enabler is away, is answered REFUSED. STATUS_NOT_ALLOWED before the first registration,
 * STATUS_CAPACITY (too many unanswered). */
NODISCARD Status consumer_discover(Consumer *consumer, const char *domain, SystemKind kind,
                                   uint64_t *out_request);
/* The second stage: what models `system` has. The answer is SYSTEMS with that one, and no other. Also
 * STATUS_INVALID_ARGUMENT (no name of a system). */
NODISCARD Status consumer_inspect(Consumer *consumer, const char *system, uint64_t *out_request);
/* Delivers the models, to those who have been granted to read. */
NODISCARD Status consumer_describe(Consumer *consumer, const char *system, uint64_t *out_request);
NODISCARD Status consumer_access(Consumer *consumer, const char *system, uint32_t rights,
                                 const SystemUser *user, uint64_t *out_request);
NODISCARD Status consumer_subscribe(Consumer *consumer, const char *system, const char *grant,
                                    uint64_t *out_request);

typedef struct ConsumerInvoke {
    const char *command; /* COMMAND_ID_SIZE - 1 hex digits, made by who asks */
    const char *grant, *system, *thing, *action, *user;
    bool has_value;
    Value value;
} ConsumerInvoke;

/* COMMAND_STATE events follow, the last of them final. What gets no answer in 5 s, or is lost with the bus,
 * is sent again under its id until 30 s after it was issued, then told as FAILED. */
NODISCARD Status consumer_invoke(Consumer *consumer, const ConsumerInvoke *invoke, uint64_t *out_request);

typedef struct ConsumerAlarm {
    const char *system, *thing, *property, *name, *text;
    bool critical, active;
    double score;
    TimeNs source_time;
} ConsumerAlarm;

/* Services only. What the enabler refuses of it comes as REFUSED with a request that nobody knows. */
NODISCARD Status consumer_alarm(Consumer *consumer, const ConsumerAlarm *alarm);

#endif
