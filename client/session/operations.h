/* operations.h - what is done to things and found in them, as the server tells it: commands under way and how
 * they ended, alarms of services, systems of the reference model. Kept with bounds; pure; time is passed in.
 */
#ifndef CLIENT_SESSION_OPERATIONS_H
#define CLIENT_SESSION_OPERATIONS_H
#include "shared/model/world.h"
#include "shared/wire/messages.h"

#define OPERATIONS_COMMANDS_MAX 128u /* beyond, what ended is forgotten, then what is of others */
#define OPERATIONS_ALARMS_MAX   256u
#define OPERATIONS_UNBOUND_MAX  1024u
#define OPERATIONS_KEPT         (20 * TIME_SECOND) /* how long a command is listed after its end */

typedef struct SessionCommand {
    InvokeMessage asked; /* id, thing, action; of an own command also its value */
    uint8_t state;       /* WireCommandState; NONE: asked, nothing heard yet */
    uint8_t property;    /* that it drives, or NO_WIRE_PROPERTY */
    int64_t desired;     /* code of it */
    uint16_t who;        /* session; 0: of another platform or a service */
    TimeNs since;        /* server time; TIME_NONE: nothing heard yet */
    TimeNs began;        /* client's clock: when it was asked for here or first heard of */
    TimeNs changed;      /* client's clock: when the state became what it is */
    bool own;            /* asked for here */
    char name[NAME_SIZE], reason[REASON_SIZE];
} SessionCommand;

/* One whole answer to SYSTEMS. */
typedef struct SessionSystems {
    SystemMessage systems[WIRE_SYSTEMS_MAX];
    uint32_t system_count;
    UnboundEntry unbound[OPERATIONS_UNBOUND_MAX];
    uint32_t unbound_count;
} SessionSystems;

typedef struct Operations {
    SessionCommand commands[OPERATIONS_COMMANDS_MAX]; /* in the order they began */
    uint32_t command_count;
    AlarmMessage alarms[OPERATIONS_ALARMS_MAX]; /* active ones */
    uint32_t alarm_count;
    SessionSystems incoming, systems;
    uint32_t answers; /* whole ones so far */
} Operations;

/* An own command begins. STATUS_DUPLICATE (the id is known), STATUS_CAPACITY (too many of one's own). */
NODISCARD Status operations_ask(Operations *operations, const InvokeMessage *invoke, TimeNs now);

/* What the server says. False when it speaks of what `world` does not have; nothing is taken then. */
bool operations_command(Operations *operations, const World *world, const CommandMessage *message,
                        TimeNs now);
bool operations_alarm(Operations *operations, const World *world, const AlarmMessage *message);
bool operations_system(Operations *operations, const SystemMessage *message);
bool operations_unbound(Operations *operations, const World *world, const UnboundMessage *message);

/* The connection is a new one: what was under way of others, and the alarms, are told anew. */
void operations_renew(Operations *operations);

/* Forgets what ended long ago. */
void operations_update(Operations *operations, TimeNs now);

/* The command with that id, or NULL. */
const SessionCommand *operations_find(const Operations *operations, const uint8_t id[COMMAND_SIZE]);

/* Why a thing is not bound, as the newest answer says; NULL: it is, or nothing is known. */
const char *operations_unbound_reason(const Operations *operations, uint32_t thing);

/* The newest command under way that drives `property` of `thing` (NO_WIRE_PROPERTY: any of it), or NULL. */
const SessionCommand *operations_pending(const Operations *operations, uint32_t thing, uint8_t property);

#endif
