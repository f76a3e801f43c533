/* The audit log: who did what, to what, by which grant, with what result (R38). Entries wait in a ring until
 * the store has them; what it could not take for so long that the ring is full is counted and said. */
#include "server/enabler/state.h"

#include <stdio.h>

#define REFUSALS_PER_SECOND 10

static void put_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
    trim_text(out);
}

static void fill(AuditEntry *entry, TimeNs time, const AuditLine *line)
{
    *entry = (AuditEntry){ .time = time };
    put_text(entry->system, sizeof entry->system, line->system);
    put_text(entry->user, sizeof entry->user, line->user);
    put_text(entry->key, sizeof entry->key, line->key);
    put_text(entry->what, sizeof entry->what, line->what);
    put_text(entry->subject, sizeof entry->subject, line->subject);
    put_text(entry->grant, sizeof entry->grant, line->grant);
    put_text(entry->result, sizeof entry->result, line->result);
    put_text(entry->reason, sizeof entry->reason, line->reason);
}

/* False when the ring is full of what the store has not taken. */
static bool append(Enabler *enabler, const AuditLine *line)
{
    uint64_t capacity = enabler->config.audit_kept;
    if (enabler->audit_count - enabler->audit_stored >= capacity) {
        return false;
    }
    fill(&enabler->audit[enabler->audit_count++ % capacity], enabler->wall, line);
    enabler->counters.audit_entries++;
    return true;
}

/* That something is missing is itself written down, as soon as there is room. */
static void say_what_was_lost(Enabler *enabler)
{
    char reason[64];
    uint64_t lost = enabler->counters.audit_lost - enabler->audit_lost_said;
    snprintf(reason, sizeof reason, "%llu entries were lost: the store was away", (unsigned long long)lost);
    if (lost > 0 &&
        append(enabler,
               &(AuditLine){ .system = "enabler", .what = "audit", .result = "lost", .reason = reason })) {
        enabler->audit_lost_said = enabler->counters.audit_lost;
    }
}

void audit_write(Enabler *enabler, const AuditLine *line)
{
    enabler->changed = true;
    say_what_was_lost(enabler);
    enabler->counters.audit_lost += !append(enabler, line);
}

void audit_refused(Enabler *enabler, System *from, const AuditLine *line)
{
    Allowance *allowance = from ? &from->refusals : &enabler->nameless_refusals;
    if (allowance_take(allowance, REFUSALS_PER_SECOND, enabler->now)) {
        audit_write(enabler, line);
    } else {
        enabler->counters.audit_suppressed++;
        enabler->changed = true;
    }
}

void audit_grant(Enabler *enabler, const StoredGrant *grant, const char *what, const char *result,
                 const char *reason)
{
    char subject[SYSTEM_NAME_SIZE + 32];
    snprintf(subject, sizeof subject, "%s%s%s", grant->system, grant->rights & RIGHT_READ ? " read" : "",
             grant->rights & RIGHT_ACTUATE ? " actuate" : "");
    audit_write(enabler, &(AuditLine){ .system = grant->consumer,
                                       .user = grant->user,
                                       .key = grant->key,
                                       .what = what,
                                       .subject = subject,
                                       .grant = grant->id,
                                       .result = result,
                                       .reason = reason });
}

size_t enabler_audit_tail(const Enabler *enabler, AuditEntry *out_entries, size_t capacity)
{
    uint64_t kept =
        enabler->audit_count < enabler->config.audit_kept ? enabler->audit_count : enabler->config.audit_kept;
    uint64_t count = kept < capacity ? kept : capacity;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = enabler->audit_count - count + i;
        out_entries[i] = enabler->audit[at % enabler->config.audit_kept];
    }
    return (size_t)count;
}
