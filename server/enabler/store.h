/* store.h - what the integration enabler keeps over a restart: systems, what they published, grants, commands
 * and the audit log. An edge behind a table: store_memory.c and store_sqlite.c pass the same tests. Writes
 * are grouped in one transaction a tick by the enabler, so that a slow disk is not touched per message. Not
 * thread-safe; one owner. */
#ifndef SERVER_ENABLER_STORE_H
#define SERVER_ENABLER_STORE_H
#include "shared/base/bytes.h"
#include "shared/base/time.h"
#include "shared/model/text.h"
#include "shared/model/value.h"
#include "shared/systems/consumer.h"

#define USER_NAME_SIZE   64
#define USER_KEY_SIZE    64 /* base64 of a public key; "" when there is none */
#define SYSTEM_TEXT_SIZE 128
#define THING_ID_SIZE    64
#define ACTION_NAME_SIZE 64

typedef struct StoredSystem {
    char name[SYSTEM_NAME_SIZE], title[SYSTEM_TEXT_SIZE], version[SYSTEM_TEXT_SIZE], domain[SYSTEM_NAME_SIZE];
    SystemKind kind;
    const char *provides; /* JSON array; borrowed */
} StoredSystem;

typedef struct StoredGrant {
    char id[GRANT_ID_SIZE];
    char consumer[SYSTEM_NAME_SIZE], system[SYSTEM_NAME_SIZE];
    char user[USER_NAME_SIZE], key[USER_KEY_SIZE], role[16];
    uint32_t rights;        /* RIGHT_* */
    const char *things;     /* ids, each ended by a newline; NULL: all. Borrowed */
    TimeNs issued, expires; /* Unix ns */
    bool ended;             /* revoked, before its time */
} StoredGrant;

/* A value that someone wished. */
typedef struct WishedValue {
    bool given;
    ValueType type;
    bool boolean;
    double number;
    char text[TEXT_SIZE_MAX + 1];
} WishedValue;

typedef struct StoredCommand {
    char id[COMMAND_ID_SIZE];
    char consumer[SYSTEM_NAME_SIZE], system[SYSTEM_NAME_SIZE];
    char thing[THING_ID_SIZE], action[ACTION_NAME_SIZE], property[ACTION_NAME_SIZE];
    char user[USER_NAME_SIZE], grant[GRANT_ID_SIZE];
    CommandState state;
    TimeNs taken, expires; /* Unix ns: when the enabler saw it first; when it counts as failed */
    char reason[REASON_TEXT_SIZE];
    WishedValue desired;
} StoredCommand;

/* One line of the audit log: who did what, to what, by which grant, what came of it, and why (R38). Never a
 * token, never a secret. */
typedef struct AuditEntry {
    TimeNs time; /* Unix ns */
    char system[SYSTEM_NAME_SIZE], user[USER_NAME_SIZE], key[USER_KEY_SIZE];
    char what[32];     /* "register", "access", "invoke", … */
    char subject[200]; /* "plant/valve-1/setPosition position=60" */
    char grant[GRANT_ID_SIZE];
    char result[24]; /* "allowed", "refused", the final state of a command */
    char reason[REASON_TEXT_SIZE];
} AuditEntry;

/* Texts of what is shown are borrowed for the call. What they return stops the reading when it is not OK. */
typedef Status (*StoreShowSystem)(void *context, const StoredSystem *system, Bytes publication);
typedef Status (*StoreShowGrant)(void *context, const StoredGrant *grant);
typedef Status (*StoreShowCommand)(void *context, const StoredCommand *command);
typedef Status (*StoreShowAudit)(void *context, const AuditEntry *entry);

/* Statuses of all: STATUS_TIMED_OUT (locked by another program), STATUS_CAPACITY (disk full),
 * STATUS_IO_ERROR, STATUS_MALFORMED (corrupt), STATUS_OUT_OF_MEMORY. */
typedef struct StoreOps {
    /* Writing: begin, any number of puts, then commit, all or nothing; rollback after a failure of any. */
    Status (*begin)(void *context);
    Status (*commit)(void *context);
    void (*rollback)(void *context);
    Status (*put_system)(void *context, const StoredSystem *system); /* new, or in place of the old */
    Status (*put_publication)(void *context, const char *system, Bytes json);
    Status (*remove_system)(void *context, const char *name); /* with its publication; fine when not there */
    Status (*put_grant)(void *context, const StoredGrant *grant);
    Status (*put_command)(void *context, const StoredCommand *command);
    Status (*append_audit)(void *context, const AuditEntry *entry);
    /* Forgets commands taken, and grants expired, before that time. The audit log is never shortened. */
    Status (*prune)(void *context, TimeNs before);

    /* Reading, outside of a transaction. */
    Status (*each_system)(void *context, StoreShowSystem show, void *show_context); /* by name */
    /* Those not ended, the longest lived first. */
    Status (*each_grant)(void *context, StoreShowGrant show, void *show_context);
    /* Those without a final state. */
    Status (*each_open_command)(void *context, StoreShowCommand show, void *show_context);
    Status (*find_command)(void *context, const char *id, StoredCommand *out_command); /* or NOT_FOUND */
    /* The newest `count`, oldest of them first. */
    Status (*audit_tail)(void *context, size_t count, StoreShowAudit show, void *show_context);
    void (*destroy)(void *context);
} StoreOps;

typedef struct Store {
    const StoreOps *ops;
    void *context; /* owned; store_destroy gives it back */
} Store;

static inline void store_destroy(Store *store)
{
    if (store->ops) {
        store->ops->destroy(store->context);
    }
    *store = (Store){ 0 };
}

#endif
