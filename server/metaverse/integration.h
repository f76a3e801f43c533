/* integration.h - the inside of the two functions that Y.4239 clause 7 gives a metaverse system beside its
 * own: physical integration (digital twins, over MII) and third-party service integration. Included by
 * server/metaverse only.
 *
 *   physical_integration.c  register, discover, describe, grant, subscribe; SYNC into the world; silence
 *   thing_binding.c         which published thing stands behind which thing of the world
 *   actuation.c             INVOKE of a client to a command, and what becomes of it to everybody
 *   service_integration.c   alarms of services
 *   system_list.c           the answer to SYSTEMS
 *
 * When the enabler is away, values stay as they are for ENABLER_GRACE, during which everything usually comes
 * back without anybody having noticed. Then each goes stale by its own period, as if its source had fallen
 * silent when the enabler did; what has no period goes stale after EVENT_GRACE, since nobody can know. */
#ifndef SERVER_METAVERSE_INTEGRATION_H
#define SERVER_METAVERSE_INTEGRATION_H
#include "shared/model/world.h"
#include "shared/systems/consumer.h"
#include "shared/wire/messages.h"
#include "shared/wire/noise.h"

#define LINKS_MAX          8u /* twin systems that this one integrates; others are only listed */
#define NO_LINK            UINT8_MAX
#define COMMANDS_MAX       256u /* remembered: under way, or ended and not yet overwritten */
#define SESSION_COMMANDS   16u  /* of one session under way */
#define SERVICE_ALARMS_MAX 256u
#define ENABLER_GRACE      (5 * TIME_SECOND)
#define EVENT_GRACE        (30 * TIME_SECOND)
#define COMMAND_PATIENCE   (35 * TIME_SECOND) /* beyond the action's own time: the way there and back */
#define DISCOVER_INTERVAL  (10 * TIME_SECOND) /* while something is not bound */
#define RETRY_FIRST        (2 * TIME_SECOND)
#define RETRY_MOST         (30 * TIME_SECOND)
#define RENEW_BEFORE       (10 * TIME_SECOND) /* a grant is renewed so long before it ends, or at half its time */

/* How far the integration of a twin system has come. */
typedef enum LinkStage {
    LINK_IDLE, /* down, or to begin at `retry_at` */
    LINK_DESCRIBING,
    LINK_ASKING,      /* for read access */
    LINK_SUBSCRIBING, /* until all its values have come */
    LINK_LIVE
} LinkStage;

typedef struct SystemLink {
    SystemEntry entry; /* as discovered last; name "" : free */
    LinkStage stage;
    uint64_t request; /* whose answer is awaited; 0: none */
    TimeNs retry_at, retry_pause;
    char reason[REASON_SIZE];
    char grant[GRANT_ID_SIZE];
    uint32_t rights;
    TimeNs renew_at; /* Unix; TIME_FOREVER: never */

    /* By the system's numbering of its things; taken at CONSUMER_MODELS. */
    uint32_t *to_world;                          /* WORLD_NO_THING: not of this world */
    uint8_t (*properties)[THING_PROPERTIES_MAX]; /* in the world's model, or NO_PROPERTY */
    uint32_t thing_count, bound;
    bool identity; /* every thing and property has the number that it has in the world */
    TimeNs source_clock;
    uint32_t syncs, syncs_before; /* in this second and the one before */
} SystemLink;

/* A session's right to operate the things of one twin system. */
typedef struct Access {
    uint64_t request; /* under way; 0: none */
    char grant[GRANT_ID_SIZE];
    bool granted;
    TimeNs expires; /* Unix */
} Access;

/* WAITING: for the right to ask. */
typedef enum CommandStage { STAGE_FREE, STAGE_WAITING, STAGE_INVOKED, STAGE_ENDED } CommandStage;

typedef struct Command {
    CommandStage stage;
    uint8_t id[COMMAND_SIZE];
    uint32_t thing;
    uint8_t action; /* ACTION_INDEX_MAX + 1: not known here */
    uint8_t link;
    uint8_t state;  /* WireCommandState; NONE: asked */
    bool everybody; /* has been told to all */
    uint8_t property;
    int64_t desired;
    uint16_t who; /* 0: of another platform or a service */
    bool has_key;
    uint8_t key[NOISE_KEY_SIZE]; /* of who asks: it may come again as somebody new */
    uint64_t request, order;
    TimeNs since, deadline;
    uint8_t value_kind; /* WireValueKind */
    double number;
    uint8_t boolean;
    char text[256];
    char name[NAME_SIZE], reason[REASON_SIZE];
} Command;

typedef struct ServiceAlarm {
    AlarmMessage message; /* service "": free */
} ServiceAlarm;

#define REASON_SHORT 160

/* How the properties of a published model stand for those of the world's: out_map[published] = world's or
 * NO_PROPERTY. False, and `reason` says why, unless every property of the world's is published under its
 * name, and means the same codes: encoding, unit, resolution, names. The published model may have more. */
bool thing_models_agree(const ThingModel *world, const ThingModel *published,
                        uint8_t out_map[THING_PROPERTIES_MAX], char *reason, size_t size);

typedef struct Integration {
    TextTable *texts;   /* of the world */
    Consumer *consumer; /* NULL: this owner has no bus */
    TimeNs wall;        /* Unix, of the call being served; TIME_NONE before the first */
    bool changed;       /* values are not what they were; until metaverse_systems returns */
    bool registered;
    TimeNs lost_at; /* TIME_NONE: registered, or never was */
    TimeNs aged_at; /* last look at what has gone stale */
    uint64_t discovery;
    TimeNs discover_at;
    TimeNs second; /* when counting SYNCs began */
    SystemLink links[LINKS_MAX];
    SystemEntry *services; /* and whatever else is no twin system */
    uint32_t service_count;

    /* By thing of the world, where there is a consumer. */
    uint8_t *link_of;   /* NO_LINK: unbound */
    uint32_t *place_of; /* in its system's numbering */
    char (*unbound)[REASON_SHORT];
    uint32_t bound;

    Command *commands;
    uint64_t command_order;
    uint32_t under_way; /* of the commands */
    ServiceAlarm *alarms;
    uint32_t systems_asked; /* sessions that wait for an answer to SYSTEMS */
    ByteBuffer list;        /* entries of an UNBOUND */
} Integration;

#endif
