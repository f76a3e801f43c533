/* bus.h - how the four systems reach each other: endpoints around the integration enabler.
 * The enabler holds the hub; every other system holds one endpoint, which speaks to the hub only. Behind the
 * same table stand bus_local.c (one process: a batch a tick, no copy on the sync path) and bus_net.c (a
 * Transport, sealed: systems in several processes; a broker such as NATS would be one more file). Who a
 * message is from is proven by the bus, not told by the sender: `from` is the name under which the endpoint
 * was attached, or which the key of the peer may carry. Not thread-safe; one owner. */
#ifndef SHARED_SYSTEMS_BUS_H
#define SHARED_SYSTEMS_BUS_H
#include "shared/base/bytes.h"
#include "shared/base/time.h"
#include "shared/systems/families.h"
#include "shared/systems/sync.h"

#define BUS_BODY_MAX ((size_t)900 << 10) /* bytes of a body: whatever is longer goes in pages */

typedef struct BusMessage {
    FamilyId id;
    char from[SYSTEM_NAME_SIZE];    /* set by the bus; ignored by bus_send */
    char to[SYSTEM_NAME_SIZE];      /* of the hub's messages: the endpoint; ignored from endpoints */
    char subject[SYSTEM_NAME_SIZE]; /* the twin system it is about, "" where none is (MII_SYNC, SII_SYNC:
                                       whose) */
    uint64_t correlation;           /* an answer carries that of its request; 0: none is expected */
    Bytes body;                     /* JSON text; empty with SYNC */
    const SyncBatch *sync; /* with SYNC only, else NULL. Inside one process the producer's own memory, good
                              until its next tick: all endpoints of a local bus are polled each tick */
} BusMessage;

typedef enum BusEventType {
    BUS_UP,   /* at the hub: `message.from` has come; at an endpoint: the hub is there */
    BUS_DOWN, /* … has gone; what was asked and not answered will not be */
    BUS_MESSAGE,
    BUS_REFUSED /* at the hub: something of `message.from` (or of `who`, when nameless) was dropped, to be
                   audited */
} BusEventType;

typedef struct BusEvent {
    BusEventType type;
    SystemKind kind;    /* of the other side; SYSTEM_NONE while it is not known */
    BusMessage message; /* views are valid until the next call on this bus */
    const char *who;    /* address or key of the other side, for audit and log; never NULL */
    const char *reason; /* with REFUSED, for people */
} BusEvent;

/* What passes, seen from outside: trace, live list, counters (interface_trace.h). */
typedef struct BusTap {
    /* Called at the hub for every message, either way, when it is taken over by the bus: from, to, and
     * correlation are set. `size`: bytes of the body; of SYNC: as coded, or as in memory in one process. */
    void (*seen)(void *context, const BusMessage *message, size_t size);
    void *context;
} BusTap;

typedef struct BusOps {
    Status (*send)(void *context, const BusMessage *message);
    Status (*poll)(void *context, TimeNs now, BusEvent *out_event);
    void (*flush)(void *context, TimeNs now);
    int (*wake_fd)(const void *context); /* readable when something may have come in; -1: none. NULL: none */
    void (*set_tap)(void *context, BusTap tap); /* of a hub; NULL at endpoints */
    /* NULL: SYNC is not coded on this bus, and no schema is needed */
    Status (*set_schema)(void *context, const char *system, const SyncSchema *schema);
    void (*destroy)(void *context);
} BusOps;

/* One endpoint, or the hub. */
typedef struct Bus {
    const BusOps *ops;
    void *context; /* owned; bus_destroy gives it back */
} Bus;

/* Queues a message (bodies are copied). STATUS_NOT_ALLOWED: the table does not let this side send it; of an
 * endpoint of a local bus the hub hears as BUS_REFUSED, as it would from a stranger's. STATUS_DISCONNECTED
 * (nobody of that name, or no hub), STATUS_CAPACITY (queue full: nothing was sent), STATUS_OUT_OF_RANGE (body
 * beyond BUS_BODY_MAX), STATUS_INVALID_ARGUMENT (a SYNC without batch or with a body, or the other way
 * round), STATUS_NO_BASELINE (a SYNC whose system has no schema where one is needed). */
NODISCARD Status bus_send(Bus bus, const BusMessage *message);

/* The next event, never waiting: STATUS_EMPTY when there is none. What the other side may not send by the
 * table, and what is no well-formed message, comes as BUS_REFUSED at the hub and is dropped at endpoints. */
NODISCARD Status bus_poll(Bus bus, TimeNs now, BusEvent *out_event);

/* Puts on the wire what is queued. */
void bus_flush(Bus bus, TimeNs now);

int bus_wake_fd(Bus bus);

/* At the hub: `tap` sees what passes. A NULL function ends it. */
void bus_set_tap(Bus hub, BusTap tap);

/* What the SYNC messages of twin system `system` refer to (sync_codec.h); NULL forgets it. Whoever sends or
 * takes SYNC says so first: a twin system at start, the enabler once a publication is complete, a consumer
 * once it has the models. A bus between processes drops SYNC that has none and refuses it at the hub; in one
 * process nothing happens. `schema` is copied, what it points to is borrowed until replaced. STATUS_CAPACITY,
 * STATUS_INVALID_ARGUMENT (name). */
NODISCARD Status bus_set_schema(Bus bus, const char *system, const SyncSchema *schema);

/* Safe on a zeroed Bus. Endpoints go before their hub. */
void bus_destroy(Bus bus);

#endif
