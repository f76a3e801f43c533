/* Access (step 4): a user's system asks, the twin system authenticates the user, a grant says what may be
 * read and what may be actuated, separately (R5, R35), for how long and for which things. */
#include "server/enabler/state.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define SECONDS_MAX 86400.0

static void fill_random(const Enabler *enabler, void *out, size_t size)
{
    if (enabler->config.random) {
        enabler->config.random(enabler->config.random_context, out, size);
    } else {
        randombytes_buf(out, size);
    }
}

/* ---- asking ---- */

typedef struct Wish {
    char system[SYSTEM_NAME_SIZE], user[USER_NAME_SIZE], key[USER_KEY_SIZE], role[16];
    char user_system[SYSTEM_NAME_SIZE];
    uint32_t rights;
    const char *things; /* in the message's arena; NULL: all */
    TimeNs lifetime;    /* 0: not said */
} Wish;

static void read_wish(const JsonNode *root, Wish *out)
{
    static const char *const keys[] = { "schema", "system", "rights", "user", "things", "seconds", NULL };
    static const char *const user_keys[] = { "name", "key", "role", "system", NULL };
    json_known_keys(root, keys);
    read_required(root, "system", 1, out->system, sizeof out->system);
    JsonNode rights = json_required(root, "rights");
    out->rights = body_read_rights(&rights);
    JsonNode user = json_required(root, "user");
    json_known_keys(&user, user_keys);
    read_required(&user, "name", 1, out->user, sizeof out->user);
    read_required(&user, "key", 0, out->key, sizeof out->key);
    read_required(&user, "role", 1, out->role, sizeof out->role);
    read_required(&user, "system", 1, out->user_system, sizeof out->user_system);
    out->things = read_things(root);
    JsonNode seconds = json_member(root, "seconds");
    out->lifetime = time_from_seconds(json_read_number(&seconds, 1, SECONDS_MAX, 0));
}

static PendingAccess *free_question(Enabler *enabler)
{
    for (uint32_t i = 0; i < PENDING_MAX; i++) {
        if (!enabler->pending[i].used) {
            return &enabler->pending[i];
        }
    }
    return NULL;
}

static void release_question(Enabler *enabler, PendingAccess *pending)
{
    free(pending->things);
    *pending = (PendingAccess){ 0 };
    enabler->pending_count--;
}

static void ask_twin(Enabler *enabler, const System *twin, const PendingAccess *pending)
{
    const StoredGrant *wanted = &pending->wanted;
    BodyWriter body = body_begin(DII_AUTHENTICATE);
    json_t *user = json_pack("{s:s,s:s,s:s,s:s}", "name", wanted->user, "key", wanted->key, "role",
                             wanted->role, "system", wanted->consumer);
    body_set(&body, "user", user);
    body_rights(&body, "rights", wanted->rights);
    set_things(&body, pending->things);
    (void)send_body(enabler, twin, pending->question, twin->stored.name, &body);
}

/* Refuses an access request and writes down whose it was. */
static void refuse_wish(Enabler *enabler, const Request *request, const Wish *wish, Status status,
                        const char *reason)
{
    enabler->counters.grants_refused++;
    answer_refused(enabler, request, status, reason);
    enabler->counters.refused++;
    audit_refused(enabler, request->from,
                  &(AuditLine){ .system = request->message->from,
                                .user = wish->user,
                                .key = wish->key,
                                .what = "access",
                                .subject = wish->system,
                                .result = "refused",
                                .reason = reason });
}

/* NULL, or why this is refused before the twin system is asked. */
static const char *wish_refused(const Request *request, const Wish *wish, const System *twin,
                                Status *out_status)
{
    *out_status = STATUS_NOT_ALLOWED;
    if (strcmp(wish->user_system, request->message->from) != 0) {
        return "the user is said to be of another system";
    }
    if (strcmp(wish->role, "viewer") != 0 && strcmp(wish->role, "operator") != 0 &&
        strcmp(wish->role, "admin") != 0) {
        return "the role is none of viewer, operator and admin";
    }
    if (wish->rights == 0) {
        return "no right is asked for";
    }
    if (wish->rights == RIGHT_ACTUATE && strcmp(wish->role, "viewer") == 0) {
        return "a viewer may not actuate";
    }
    *out_status = STATUS_NOT_FOUND;
    if (!twin || twin->stored.kind != SYSTEM_TWIN) {
        return "there is no such digital twin system";
    }
    *out_status = STATUS_DISCONNECTED;
    return twin->up ? NULL : "the digital twin system is down";
}

/* The id of a thing that the twin system has not; NULL when it has all. In the request's arena. */
static bool things_exist(const System *twin, const char *things)
{
    for (const char *end; things && (end = strchr(things, '\n')) != NULL; things = end + 1) {
        char id[THING_ID_SIZE];
        snprintf(id, sizeof id, "%.*s", (int)(end - things), things);
        if (publication_thing(&twin->live, id) < 0) {
            return false;
        }
    }
    return true;
}

void handle_access(Enabler *enabler, Request *request)
{
    Wish wish = { 0 };
    read_wish(&request->root, &wish);
    if (refused_document(enabler, request)) {
        enabler->counters.grants_refused++;
        return;
    }
    System *twin = system_find(enabler, wish.system);
    Status status;
    const char *why = wish_refused(request, &wish, twin, &status);
    if (!why && !things_exist(twin, wish.things)) {
        status = STATUS_NOT_FOUND;
        why = "the digital twin system has no such thing";
    }
    PendingAccess *pending = why ? NULL : free_question(enabler);
    if (!pending) {
        refuse_wish(enabler, request, &wish, why ? status : STATUS_CAPACITY,
                    why ? why : "too many requests are waiting for an answer");
        return;
    }
    if (strcmp(wish.role, "viewer") == 0 && wish.rights & RIGHT_ACTUATE) {
        wish.rights &= RIGHT_READ;
        audit_refused(enabler, request->from,
                      &(AuditLine){ .system = request->message->from,
                                    .user = wish.user,
                                    .key = wish.key,
                                    .what = "access",
                                    .subject = wish.system,
                                    .result = "refused",
                                    .reason = "a viewer may not actuate; it may read" });
    }
    TimeNs lifetime = wish.lifetime ? wish.lifetime : enabler->config.grant_lifetime;
    *pending = (PendingAccess){ .used = true,
                                .question = ++enabler->questions,
                                .request = request->message->correlation,
                                .consumer = system_index(enabler, request->from),
                                .system = system_index(enabler, twin),
                                .deadline = enabler->now + enabler->config.answer_timeout,
                                .lifetime = lifetime < enabler->config.grant_lifetime_max
                                                ? lifetime
                                                : enabler->config.grant_lifetime_max,
                                .wanted.rights = wish.rights,
                                .things = copy_text(wish.things) };
    enabler->pending_count++;
    StoredGrant *wanted = &pending->wanted;
    memcpy(wanted->consumer, request->from->stored.name, sizeof wanted->consumer);
    memcpy(wanted->system, twin->stored.name, sizeof wanted->system);
    memcpy(wanted->user, wish.user, sizeof wanted->user);
    memcpy(wanted->key, wish.key, sizeof wanted->key);
    memcpy(wanted->role, wish.role, sizeof wanted->role);
    if (wish.things && !pending->things) {
        release_question(enabler, pending);
        refuse_wish(enabler, request, &wish, STATUS_OUT_OF_MEMORY, "out of memory");
        return;
    }
    ask_twin(enabler, twin, pending);
}

/* ---- the answer ---- */

/* Ends a question without a grant. */
static void refuse_question(Enabler *enabler, PendingAccess *pending, Status status, const char *reason)
{
    const System *consumer = &enabler->systems[pending->consumer];
    FamilyId id = consumer_message(consumer->stored.kind, MII_REFUSED);
    BodyWriter body = body_begin(id);
    body_text(&body, "reason", reason);
    body_text(&body, "code", status_name(status));
    (void)send_body(enabler, consumer, pending->request, pending->wanted.system, &body);
    enabler->counters.grants_refused++;
    enabler->counters.refused++;
    audit_grant(enabler, &pending->wanted, "access", "refused", reason);
    release_question(enabler, pending);
}

/* A free place, or that of a grant that is over. One whose end the store has not taken yet would come back
 * with a restart, so it keeps its place until it has expired. */
static Grant *free_grant(Enabler *enabler)
{
    Grant *place = NULL;
    for (uint32_t i = 0; i < enabler->config.grants_max; i++) {
        Grant *grant = &enabler->grants[i];
        if (!grant->used) {
            place = grant;
            break;
        }
        bool over = grant->ended && (!grant->dirty || grant->stored.expires <= enabler->wall);
        if (over && (!place || grant->stored.expires < place->stored.expires)) {
            place = grant;
        }
    }
    if (place) {
        free(place->things);
        *place = (Grant){ 0 };
    }
    return place;
}

static void answer_grant(Enabler *enabler, const System *consumer, uint64_t correlation, const Grant *grant)
{
    FamilyId id = consumer_message(consumer->stored.kind, MII_GRANT);
    BodyWriter body = body_begin(id);
    body_text(&body, "grant", grant->stored.id);
    body_text(&body, "system", grant->stored.system);
    body_rights(&body, "rights", grant->stored.rights);
    set_things(&body, grant->things);
    body_integer(&body, "expires", grant->stored.expires);
    body_text(&body, "user", grant->stored.user);
    (void)send_body(enabler, consumer, correlation, grant->stored.system, &body);
}

static void give_grant(Enabler *enabler, PendingAccess *pending, uint32_t rights, const char *reason)
{
    Grant *grant = free_grant(enabler);
    if (!grant) {
        refuse_question(enabler, pending, STATUS_CAPACITY, "there is no room for another grant");
        return;
    }
    *grant = (Grant){ .used = true, .dirty = true, .stored = pending->wanted, .things = pending->things };
    enabler->grants_changed = true;
    pending->things = NULL;
    uint8_t id[(GRANT_ID_SIZE - 1) / 2];
    fill_random(enabler, id, sizeof id);
    sodium_bin2hex(grant->stored.id, sizeof grant->stored.id, id, sizeof id);
    grant->stored.rights = rights;
    grant->stored.issued = enabler->wall;
    grant->stored.expires = enabler->wall + pending->lifetime;
    if (grant->stored.expires < enabler->next_expiry) {
        enabler->next_expiry = grant->stored.expires;
    }
    enabler->counters.grants_given++;
    System *twin = &enabler->systems[pending->system];
    twin->values_wanted = twin->values_wanted || ((rights & RIGHT_ACTUATE) != 0 && !twin->values_known);
    audit_grant(enabler, &grant->stored, "access", "allowed", reason);
    answer_grant(enabler, &enabler->systems[pending->consumer], pending->request, grant);
    release_question(enabler, pending);
}

void handle_authenticated(Enabler *enabler, Request *request)
{
    static const char *const keys[] = { "schema", "rights", "reason", NULL };
    char reason[REASON_TEXT_SIZE];
    json_known_keys(&request->root, keys);
    JsonNode granted = json_required(&request->root, "rights");
    uint32_t rights = body_read_rights(&granted);
    read_optional(&request->root, "reason", reason, sizeof reason);
    if (refused_document(enabler, request)) {
        return;
    }
    for (uint32_t i = 0; i < PENDING_MAX; i++) {
        PendingAccess *pending = &enabler->pending[i];
        if (!pending->used || pending->question != request->message->correlation ||
            pending->system != system_index(enabler, request->from)) {
            continue;
        }
        rights &= pending->wanted.rights; /* never more than was asked */
        if (rights == 0) {
            refuse_question(enabler, pending, STATUS_NOT_ALLOWED,
                            reason[0] ? reason : "the digital twin system grants none of it");
        } else {
            give_grant(enabler, pending, rights, reason);
        }
        return;
    }
    refuse(enabler, request, STATUS_NOT_FOUND, request->from->stored.name,
           "nobody was asked about, or too late");
}

void grants_forget_questions(Enabler *enabler, uint32_t system)
{
    for (uint32_t i = 0; i < PENDING_MAX; i++) {
        PendingAccess *pending = &enabler->pending[i];
        if (pending->used && (pending->system == system || pending->consumer == system)) {
            refuse_question(enabler, pending, STATUS_DISCONNECTED,
                            "the digital twin system, or who asked, is gone");
        }
    }
}

/* ---- using and ending ---- */

bool grants_any(const Enabler *enabler, const char *consumer, const char *system, uint32_t right)
{
    for (uint32_t i = 0; i < enabler->config.grants_max; i++) {
        const Grant *grant = &enabler->grants[i];
        if (grant->used && !grant->ended && (grant->stored.rights & right) != 0 &&
            strcmp(grant->stored.system, system) == 0 &&
            (consumer == NULL || strcmp(grant->stored.consumer, consumer) == 0)) {
            return true;
        }
    }
    return false;
}

static Grant *find_by_id(Enabler *enabler, const char *id)
{
    for (uint32_t i = 0; i < enabler->config.grants_max; i++) {
        Grant *grant = &enabler->grants[i];
        if (grant->used && strcmp(grant->stored.id, id) == 0) {
            return grant;
        }
    }
    return NULL;
}

Grant *grant_find(Enabler *enabler, const char *id, const System *consumer, const char *system,
                  uint32_t right, const char **out_reason)
{
    Grant *grant = find_by_id(enabler, id);
    /* Whose grant it is, is not told to those whose it is not. */
    if (!grant || strcmp(grant->stored.consumer, consumer->stored.name) != 0) {
        *out_reason = "there is no such grant";
    } else if (grant->ended) {
        *out_reason =
            grant->stored.expires <= enabler->wall ? "the grant has expired" : "the grant was revoked";
    } else if (strcmp(grant->stored.system, system) != 0) {
        *out_reason = "the grant is for another system";
    } else if (!(grant->stored.rights & right)) {
        *out_reason = right == RIGHT_READ ? "the grant does not give the right to read"
                                          : "the grant does not give the right to actuate";
    } else {
        return grant;
    }
    return NULL;
}

bool grant_covers(const Grant *grant, const char *thing)
{
    size_t size = strlen(thing);
    const char *things = grant->things;
    if (!things) {
        return true;
    }
    for (const char *end; (end = strchr(things, '\n')) != NULL; things = end + 1) {
        if ((size_t)(end - things) == size && memcmp(things, thing, size) == 0) {
            return true;
        }
    }
    return false;
}

void grant_end(Enabler *enabler, Grant *grant, const char *what, const char *reason)
{
    grant->ended = true;
    grant->dirty = enabler->grants_changed = true;
    grant->stored.ended = true;
    routes_drop_grant(enabler, (uint32_t)(grant - enabler->grants));
    System *twin = system_find(enabler, grant->stored.system);
    if (twin && twin->values_wanted) {
        twin->values_wanted = grants_any(enabler, NULL, grant->stored.system, RIGHT_ACTUATE);
    }
    audit_grant(enabler, &grant->stored, what, "done", reason);
    const System *consumer = system_find(enabler, grant->stored.consumer);
    if (!consumer) {
        return;
    }
    FamilyId id = consumer_message(consumer->stored.kind, MII_REVOKED);
    BodyWriter body = body_begin(id);
    body_text(&body, "grant", grant->stored.id);
    body_text(&body, "reason", reason);
    (void)send_body(enabler, consumer, 0, grant->stored.system, &body);
}

Status enabler_revoke(Enabler *enabler, const char *id, const char *who, const char *reason)
{
    Grant *grant = find_by_id(enabler, id);
    if (!grant || grant->ended) {
        return STATUS_NOT_FOUND;
    }
    char text[REASON_TEXT_SIZE];
    snprintf(text, sizeof text, "by %s: %s", who, reason);
    trim_text(text);
    enabler->counters.grants_revoked++;
    grant_end(enabler, grant, "revoke", text);
    return STATUS_OK;
}

void grants_end_of(Enabler *enabler, const char *system, const char *reason)
{
    for (uint32_t i = 0; i < enabler->config.grants_max; i++) {
        Grant *grant = &enabler->grants[i];
        if (grant->used && !grant->ended &&
            (strcmp(grant->stored.system, system) == 0 || strcmp(grant->stored.consumer, system) == 0)) {
            enabler->counters.grants_revoked++;
            grant_end(enabler, grant, "revoke", reason);
        }
    }
}

static void expire_grants(Enabler *enabler)
{
    enabler->next_expiry = TIME_FOREVER;
    for (uint32_t i = 0; i < enabler->config.grants_max; i++) {
        Grant *grant = &enabler->grants[i];
        if (!grant->used || grant->ended) {
            continue;
        }
        if (grant->stored.expires <= enabler->wall) {
            enabler->counters.grants_expired++;
            grant_end(enabler, grant, "expire", "the grant has expired");
        } else if (grant->stored.expires < enabler->next_expiry) {
            enabler->next_expiry = grant->stored.expires;
        }
    }
}

void grants_tick(Enabler *enabler)
{
    if (enabler->wall >= enabler->next_expiry) {
        expire_grants(enabler);
    }
    for (uint32_t i = 0; i < PENDING_MAX && enabler->pending_count > 0; i++) {
        PendingAccess *pending = &enabler->pending[i];
        if (pending->used && enabler->now > pending->deadline) {
            refuse_question(enabler, pending, STATUS_TIMED_OUT,
                            "the digital twin system did not answer in time");
        }
    }
}

static Status load_grant(void *context, const StoredGrant *stored)
{
    Enabler *enabler = context;
    for (uint32_t i = 0; i < enabler->config.grants_max; i++) {
        Grant *grant = &enabler->grants[i];
        if (!grant->used) {
            *grant = (Grant){ .used = true, .stored = *stored, .things = copy_text(stored->things) };
            grant->stored.things = NULL;
            enabler->next_expiry = INT64_MIN; /* looked at in the first tick */
            return stored->things && !grant->things ? STATUS_OUT_OF_MEMORY : STATUS_OK;
        }
    }
    return STATUS_OK; /* more than there is room for now: asked for again */
}

Status grants_load(Enabler *enabler)
{
    enabler->next_expiry = TIME_FOREVER;
    return enabler->store.ops->each_grant(enabler->store.context, load_grant, enabler);
}

bool enabler_next_grant(const Enabler *enabler, uint32_t *cursor, EnablerGrant *out_grant)
{
    while (*cursor < enabler->config.grants_max) {
        const Grant *grant = &enabler->grants[(*cursor)++];
        if (grant->used && !grant->ended) {
            const StoredGrant *stored = &grant->stored;
            *out_grant = (EnablerGrant){ .id = stored->id,
                                         .consumer = stored->consumer,
                                         .system = stored->system,
                                         .user = stored->user,
                                         .key = stored->key,
                                         .role = stored->role,
                                         .rights = stored->rights,
                                         .restricted = grant->things != NULL,
                                         .issued = stored->issued,
                                         .expires = stored->expires };
            return true;
        }
    }
    return false;
}
