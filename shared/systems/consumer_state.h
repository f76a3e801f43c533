/* consumer_state.h - what consumer.c (keeping the lease, asking) and consumer_read.c (understanding answers)
 * share. Included by these two only. */
#ifndef SHARED_SYSTEMS_CONSUMER_STATE_H
#define SHARED_SYSTEMS_CONSUMER_STATE_H
#include "shared/systems/body.h"
#include "shared/systems/consumer.h"
#include "shared/systems/sync_codec.h"

#define CONSUMER_REQUESTS_MAX 64
#define CONSUMER_INVOKES_MAX  256
#define CONSUMER_SYSTEMS_MAX  64      /* whose models are kept */
#define CONSUMER_THINGS_MAX   1000000 /* of one system */
#define CONSUMER_KINDS_MAX    4096    /* Thing Descriptions of one system */
#define CONSUMER_MODELS_LIMIT ((size_t)512 << 20)
#define CONSUMER_EVENT_LIMIT  ((size_t)64 << 20)

/* A publication while its pages come, and afterwards. */
typedef struct Publication {
    Arena arena;
    char system[SYSTEM_NAME_SIZE];
    ThingModel **kinds;
    uint32_t kind_count, kind_capacity;
    Thing *things;
    uint32_t thing_count, thing_capacity;
    SystemModels models;
} Publication;

/* A request that waits for its answer. */
typedef struct Request {
    uint64_t number; /* 0: free */
    FamilyId id;     /* as of MII */
    char system[SYSTEM_NAME_SIZE];
    TimeNs sent;
    bool refused; /* its owner is to be told so, and why */
    char reason[REASON_TEXT_SIZE];
    Publication *publication; /* of DESCRIBE */
} Request;

/* A command that has no final state yet. */
typedef struct Invoke {
    uint64_t number; /* 0: free */
    char command[COMMAND_ID_SIZE];
    char system[SYSTEM_NAME_SIZE], thing[64], action[64], user[128];
    char *body; /* owned; sent again as it is */
    size_t body_size;
    TimeNs issued; /* wall */
    TimeNs sent;
    bool answered; /* some state has come since it was last sent */
    bool unsent;   /* to be sent as soon as there is a registration */
} Invoke;

struct Consumer {
    SystemKind kind;
    char name[SYSTEM_NAME_SIZE];
    char *registration; /* body, owned */
    size_t registration_size;
    Bus bus;
    TextTable *texts;
    TimeNs now, wall;

    bool up;            /* the bus says that the enabler is there */
    bool registered;    /* … and it has taken us */
    bool ever;          /* … at some time */
    bool lost;          /* the owner is to be told that it is gone */
    TimeNs register_at; /* when to ask (again) */
    TimeNs retry;       /* how long to wait then */
    TimeNs heartbeat, heartbeat_at;

    uint64_t numbers; /* given to requests so far */
    Request requests[CONSUMER_REQUESTS_MAX];
    Invoke invokes[CONSUMER_INVOKES_MAX];
    Publication *publications[CONSUMER_SYSTEMS_MAX];
    Publication *retired; /* replaced by the event before this one */
    Arena arena;          /* of the event */
    char reason[REASON_TEXT_SIZE];
};

/* The id that this kind of system uses for what MII calls `mii`. */
FamilyId consumer_family(const Consumer *consumer, FamilyId mii);

Request *consumer_request(Consumer *consumer, uint64_t number);
void consumer_request_free(Request *request);
void consumer_request_refuse(Request *request, const char *format, ...) __attribute__((format(printf, 2, 3)));
Invoke *consumer_invoke_find(Consumer *consumer, const char *command, uint64_t number);
void consumer_invoke_free(Invoke *invoke);
void consumer_publication_free(Publication *publication);
const Publication *consumer_publication(const Consumer *consumer, const char *system);

/* Asks for the next page of a DESCRIBE. */
NODISCARD Status consumer_ask_page(Consumer *consumer, Request *request);

/* The registration is gone: tells the owner, and whoever waits for an answer. */
void consumer_lose(Consumer *consumer, const char *why);

/* Takes a message. True when *out_event is to be told. */
bool consumer_read(Consumer *consumer, const BusMessage *message, ConsumerEvent *out_event);

#endif
