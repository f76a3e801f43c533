/* families.h - the messages of the three interfaces of Y.4240, declared once: DII between digital twin
 * systems and the integration enabler, MII between the metaverse system and the enabler, SII between
 * third-party service systems and the enabler. Everything passes the enabler (R6): no row joins two other
 * systems. The table generates enum, names, the check of who may send what, and the rows of
 * shared/systems/INTERFACES.md. Bodies are JSON texts {"schema": "dii.register/1", ...} whose members
 * INTERFACES.md lists; SYNC is binary (sync_codec.h), inside one process a SyncBatch. Pure. */
#ifndef SHARED_SYSTEMS_FAMILIES_H
#define SHARED_SYSTEMS_FAMILIES_H
#include "shared/base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define SYSTEM_NAME_SIZE 64 /* "plant", with the terminator: letters, digits, '-', '_', '.', '/' */

/* X(NAME, text) */
#define SYSTEM_KIND_TABLE(X) \
    X(TWIN, "twin") X(ENABLER, "enabler") X(METAVERSE, "metaverse") X(SERVICE, "service")

typedef enum SystemKind {
    SYSTEM_NONE,
#define SYSTEM_KIND_ENUM(name, text) SYSTEM_##name,
    SYSTEM_KIND_TABLE(SYSTEM_KIND_ENUM)
#undef SYSTEM_KIND_ENUM
        SYSTEM_KIND_COUNT
} SystemKind;

typedef enum Interface {
    INTERFACE_NONE,
    INTERFACE_DII,
    INTERFACE_MII,
    INTERFACE_SII,
    INTERFACE_COUNT
} Interface;

/* X(wire id, NAME, schema, interface, sender, receiver). Wire ids are never reused.
 * The numbers in the comments are the steps of the integration procedure (REFERENCE_MODEL). */
#define FAMILY_TABLE(X)                                                                                      \
    /* 1: a twin system registers and publishes its models */                                                \
    X(1, DII_REGISTER, "dii.register/1", DII, TWIN, ENABLER)                                                 \
    X(2, DII_REGISTERED, "dii.registered/1", DII, ENABLER, TWIN)                                             \
    X(3, DII_PUBLISH, "dii.publish/1", DII, TWIN, ENABLER)     /* a page of models and things */             \
    X(4, DII_PUBLISHED, "dii.published/1", DII, ENABLER, TWIN) /* the last page was taken */                 \
    X(5, DII_REFUSED, "dii.refused/1", DII, ENABLER, TWIN)     /* any request; carries its correlation */    \
    X(6, DII_HEARTBEAT, "dii.heartbeat/1", DII, TWIN, ENABLER)                                               \
    /* 4: user authentication */                                                                             \
    X(7, DII_AUTHENTICATE, "dii.authenticate/1", DII, ENABLER, TWIN)                                         \
    X(8, DII_AUTHENTICATED, "dii.authenticated/1", DII, TWIN, ENABLER)                                       \
    /* 6: synchronisation */                                                                                 \
    X(9, DII_SNAPSHOT, "dii.snapshot/1", DII, ENABLER, TWIN) /* send all values with the next SYNC */        \
    X(10, DII_SYNC, "dii.sync/1", DII, TWIN, ENABLER)                                                        \
    /* 7: actuation */                                                                                       \
    X(11, DII_COMMAND, "dii.command/1", DII, ENABLER, TWIN)                                                  \
    X(12, DII_COMMAND_STATE, "dii.command_state/1", DII, TWIN, ENABLER)                                      \
                                                                                                             \
    X(32, MII_REGISTER, "mii.register/1", MII, METAVERSE, ENABLER)                                           \
    X(33, MII_REGISTERED, "mii.registered/1", MII, ENABLER, METAVERSE)                                       \
    X(34, MII_REFUSED, "mii.refused/1", MII, ENABLER, METAVERSE)                                             \
    X(35, MII_HEARTBEAT, "mii.heartbeat/1", MII, METAVERSE, ENABLER)                                         \
    X(36, MII_DISCOVER, "mii.discover/1", MII, METAVERSE, ENABLER) /* 3, two stages: a domain's, then one */ \
    X(37, MII_SYSTEMS, "mii.systems/1", MII, ENABLER, METAVERSE)                                             \
    X(38, MII_DESCRIBE, "mii.describe/1", MII, METAVERSE, ENABLER) /* 5: asks for the models of one */       \
    X(39, MII_MODELS, "mii.models/1", MII, ENABLER, METAVERSE)     /* 5 */                                   \
    X(40, MII_ACCESS, "mii.access/1", MII, METAVERSE, ENABLER)     /* 4, for a user */                       \
    X(41, MII_GRANT, "mii.grant/1", MII, ENABLER, METAVERSE)                                                 \
    X(42, MII_SUBSCRIBE, "mii.subscribe/1", MII, METAVERSE, ENABLER)                                         \
    X(43, MII_SYNC, "mii.sync/1", MII, ENABLER, METAVERSE)                                                   \
    X(44, MII_INVOKE, "mii.invoke/1", MII, METAVERSE, ENABLER)                                               \
    X(45, MII_COMMAND_STATE, "mii.command_state/1", MII, ENABLER, METAVERSE)                                 \
    X(46, MII_SYSTEM_STATE, "mii.system_state/1", MII, ENABLER, METAVERSE) /* up, down, gone */              \
    X(47, MII_REVOKED, "mii.revoked/1", MII, ENABLER, METAVERSE)           /* a grant ended early */         \
    X(48, MII_ALARM, "mii.alarm/1", MII, ENABLER, METAVERSE)               /* of a service, R25 */           \
                                                                                                             \
    /* 2: a service registers; then as above */                                                              \
    X(64, SII_REGISTER, "sii.register/1", SII, SERVICE, ENABLER)                                             \
    X(65, SII_REGISTERED, "sii.registered/1", SII, ENABLER, SERVICE)                                         \
    X(66, SII_REFUSED, "sii.refused/1", SII, ENABLER, SERVICE)                                               \
    X(67, SII_HEARTBEAT, "sii.heartbeat/1", SII, SERVICE, ENABLER)                                           \
    X(68, SII_DISCOVER, "sii.discover/1", SII, SERVICE, ENABLER)                                             \
    X(69, SII_SYSTEMS, "sii.systems/1", SII, ENABLER, SERVICE)                                               \
    X(70, SII_DESCRIBE, "sii.describe/1", SII, SERVICE, ENABLER)                                             \
    X(71, SII_MODELS, "sii.models/1", SII, ENABLER, SERVICE)                                                 \
    X(72, SII_ACCESS, "sii.access/1", SII, SERVICE, ENABLER)                                                 \
    X(73, SII_GRANT, "sii.grant/1", SII, ENABLER, SERVICE)                                                   \
    X(74, SII_SUBSCRIBE, "sii.subscribe/1", SII, SERVICE, ENABLER)                                           \
    X(75, SII_SYNC, "sii.sync/1", SII, ENABLER, SERVICE)                                                     \
    X(76, SII_INVOKE, "sii.invoke/1", SII, SERVICE, ENABLER)                                                 \
    X(77, SII_COMMAND_STATE, "sii.command_state/1", SII, ENABLER, SERVICE)                                   \
    X(78, SII_SYSTEM_STATE, "sii.system_state/1", SII, ENABLER, SERVICE)                                     \
    X(79, SII_REVOKED, "sii.revoked/1", SII, ENABLER, SERVICE)                                               \
    X(80, SII_ALARM, "sii.alarm/1", SII, SERVICE, ENABLER)

typedef enum FamilyId {
    FAMILY_NONE,
#define FAMILY_ENUM(id, NAME, schema, interface, sender, receiver) NAME = (id),
    FAMILY_TABLE(FAMILY_ENUM)
#undef FAMILY_ENUM
        FAMILY_ID_COUNT
} FamilyId;

/* What the table says of a message. */
typedef struct FamilyRule {
    FamilyId id;
    const char *name;   /* "DII_REGISTER" */
    const char *schema; /* "dii.register/1" */
    Interface interface;
    SystemKind sender, receiver;
} FamilyRule;

/* NULL for an id that is not in the table. */
const FamilyRule *family_rule(uint8_t id);

const char *interface_name(Interface interface); /* "DII"; "?" for what is none */
const char *system_kind_name(SystemKind kind);   /* "twin"; "?" */
SystemKind system_kind_parse(const char *text);  /* SYSTEM_NONE for what is none */
bool system_name_valid(const char *name);        /* 1..63 of the characters above */

/* ---- commands (step 7) ---- */

#define COMMAND_ID_SIZE 33 /* 128 random bits in lower-case hex, with the terminator */

/* X(NAME, text, final): the life of a command. Exactly one final state is told of every command. */
#define COMMAND_STATE_TABLE(X)                                                                      \
    X(AUTHORISED, "authorised", false) /* the enabler let it pass: `desired` is set */              \
    X(ACCEPTED, "accepted", false)     /* the device has taken it */                                \
    X(CONFIRMED, "confirmed", true)    /* a reported value says so */                               \
    X(REFUSED, "refused", true)        /* by the enabler or the device, with a reason */            \
    X(TIMED_OUT, "timed out", true)    /* no confirmation in time: `desired` is withdrawn */        \
    X(SUPERSEDED, "superseded", true)  /* a later command of the same user, or an emergency stop */ \
    X(FAILED, "failed", true)          /* the device or the way to it is gone */

typedef enum CommandState {
    COMMAND_NONE,
#define COMMAND_STATE_ENUM(name, text, final) COMMAND_##name,
    COMMAND_STATE_TABLE(COMMAND_STATE_ENUM)
#undef COMMAND_STATE_ENUM
        COMMAND_STATE_COUNT
} CommandState;

const char *command_state_name(CommandState state); /* "timed out"; "?" */
CommandState command_state_parse(const char *text); /* COMMAND_NONE for what is none */
bool command_state_final(CommandState state);

/* Rights of a grant, separate (R35). */
#define RIGHT_READ    1u
#define RIGHT_ACTUATE 2u

#endif
