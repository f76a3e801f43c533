/* state.h - what the parts of the gateway share: admin.c (requests), registration.c (sessions),
 * services.c (what they ask), stream.c (WebSocket). Included by these only. */
#ifndef SERVER_ADMIN_STATE_H
#define SERVER_ADMIN_STATE_H
#include "server/admin/admin.h"
#include "shared/model/json.h"

#define SESSION_KEY_BYTES    32
#define SESSION_HASH_SIZE    32
#define SESSION_GRANTS_MAX   16
#define SESSION_COMMANDS_MAX 64
#define SESSION_SYSTEMS_MAX  16
#define SESSION_SOCKETS_MAX  2
#define EXCHANGES_MAX        64
#define EXCHANGE_TIMEOUT     (8 * TIME_SECOND) /* longer than a consumer's own */

/* So many a second, and so many at once. */
typedef struct Bucket {
    double tokens;
    TimeNs at; /* TIME_NONE: full */
} Bucket;

typedef struct SessionGrant {
    char system[SYSTEM_NAME_SIZE], grant[GRANT_ID_SIZE];
    uint32_t rights;
    TimeNs expires;
} SessionGrant;

typedef struct SessionCommand {
    char command[COMMAND_ID_SIZE];
    char system[SYSTEM_NAME_SIZE], thing[64], action[64];
    char reason[REASON_TEXT_SIZE];
    CommandState state; /* NONE: sent, nothing heard */
} SessionCommand;

typedef enum FollowStage { FOLLOW_NONE, FOLLOW_DESCRIBING, FOLLOW_ON } FollowStage;

/* A twin system whose values the sockets of the session get. */
typedef struct SessionSystem {
    char name[SYSTEM_NAME_SIZE];
    FollowStage stage;
    uint64_t request;
    const SystemModels *models; /* the consumer's; replaced with each CONSUMER_MODELS */
} SessionSystem;

typedef struct Session {
    Consumer *consumer; /* NULL: a free slot */
    bool registered;    /* the service has been told its key */
    uint64_t exchange;  /* that waits for the registration */
    TimeNs deadline;    /* of that */
    TimeNs used_at;
    char name[SYSTEM_NAME_SIZE]; /* with the prefix */
    uint8_t key_hash[SESSION_HASH_SIZE], token_hash[SESSION_HASH_SIZE];
    char key[2 * SESSION_KEY_BYTES + 1]; /* until it was told, then wiped */
    Bucket requests;
    SessionGrant grants[SESSION_GRANTS_MAX];
    uint32_t grant_count;
    SessionCommand commands[SESSION_COMMANDS_MAX]; /* a ring */
    uint32_t command_next;
    SessionSystem systems[SESSION_SYSTEMS_MAX];
    uint32_t system_count;
    uint64_t sockets[SESSION_SOCKETS_MAX]; /* 0: none */
} Session;

typedef enum ExchangeKind { EXCHANGE_FREE, EXCHANGE_SYSTEMS, EXCHANGE_MODELS, EXCHANGE_ACCESS } ExchangeKind;

/* A request over HTTP that waits for an answer over SII. */
typedef struct Exchange {
    ExchangeKind kind;
    uint64_t exchange, request;
    Session *session;
    TimeNs deadline;
} Exchange;

struct Admin {
    AdminConfig config;
    HttpServer http;
    TimeNs now, wall;
    Session sessions[ADMIN_SESSIONS_MAX];
    Exchange exchanges[EXCHANGES_MAX];
    Bucket registrations, open_requests;
    Arena arena; /* of one request, message or event */
    TextWriter writer;
    AdminCounters counters;
};

bool bucket_take(Bucket *bucket, TimeNs now, double rate, double burst);

/* ---- replies (admin.c) ---- */

void admin_reply(Admin *admin, uint64_t exchange, int status, const char *type, Bytes body);
void admin_reply_json(Admin *admin, uint64_t exchange, int status, json_t *body); /* takes `body` */
void admin_reply_error(Admin *admin, uint64_t exchange, int status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Parses the body, one JSON object whose members are `keys` (NULL ended); false: it has been answered 400.
 * The caller reads on and calls admin_body_finish. */
bool admin_body(Admin *admin, const HttpRequest *request, const char *const *keys, JsonDocument *document,
                Diag *diag);
/* True when all that was read was good; else it has been answered 400. Ends the document. */
bool admin_body_finish(Admin *admin, const HttpRequest *request, JsonDocument *document, const Diag *diag);

/* ---- sessions (registration.c) ---- */

void admin_random(Admin *admin, uint8_t *out, size_t size);
/* The enabler has taken it, for the first time or again. */
void outside_registered(Admin *admin, Session *session);
void outside_refuse(Admin *admin, uint64_t exchange, int status, const char *name, const char *reason);
void outside_register(Admin *admin, const HttpRequest *request);
/* The session with this key; NULL when there is none. Takes as long for any key. */
Session *outside_find(Admin *admin, const char *key);
void outside_end(Admin *admin, Session *session, const char *why);

/* ---- what they ask (services.c) ---- */

void outside_systems(Admin *admin, Session *session, const HttpRequest *request, const char *name);
void outside_models(Admin *admin, Session *session, const HttpRequest *request, const char *name);
void outside_access(Admin *admin, Session *session, const HttpRequest *request, const char *name);
void outside_invoke(Admin *admin, Session *session, const HttpRequest *request, const char *name);
void outside_command(Admin *admin, Session *session, const HttpRequest *request, const char *name);
void outside_alarm(Admin *admin, Session *session, const HttpRequest *request, const char *name);
void outside_leave(Admin *admin, Session *session, const HttpRequest *request, const char *name);
/* One that has not expired; NULL: none. */
const SessionGrant *outside_grant(const Admin *admin, const Session *session, const char *system,
                                  uint32_t rights);
/* Polls the consumers; answers what waits; ends what is over. */
void sessions_tick(Admin *admin);

/* ---- WebSocket (stream.c) ---- */

int stream_open(Admin *admin, const HttpRequest *request);
void stream_message(Admin *admin, uint64_t socket, Bytes text);
void stream_closed(Admin *admin, uint64_t socket);
/* Tells the sockets of the session what has happened. */
void stream_event(Admin *admin, Session *session, const ConsumerEvent *event);
/* Asks again for what the sockets follow: the enabler was away. */
void stream_resume(Admin *admin, Session *session);

#endif
