/* Bodies of messages: reading what came, writing what goes. */
#include "server/enabler/state.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define THINGS_MAX 1024 /* of one grant's restriction */

_Static_assert(SII_REGISTER - MII_REGISTER == SII_SYNC - MII_SYNC &&
                   SII_REVOKED - MII_REVOKED == SII_REGISTER - MII_REGISTER,
               "MII and SII number what serves the same alike");

FamilyId consumer_message(SystemKind kind, FamilyId mii)
{
    return kind == SYSTEM_SERVICE ? (FamilyId)((int)mii + SII_REGISTER - MII_REGISTER) : mii;
}

/* ---- writing ---- */

void set_things(BodyWriter *body, const char *things)
{
    if (!things) {
        return;
    }
    json_t *array = json_array();
    for (const char *end; (end = strchr(things, '\n')) != NULL; things = end + 1) {
        (void)json_array_append_new(array, json_stringn(things, (size_t)(end - things)));
    }
    body_set(body, "things", array);
}

void set_wished(BodyWriter *body, const char *key, const WishedValue *value)
{
    if (value->given) {
        body_value(body, key,
                   (Value){ .type = value->type,
                            .number = value->number,
                            .boolean = value->boolean,
                            .text = value->text });
    }
}

static bool send_bytes(Enabler *enabler, uint32_t hub, const char *to, FamilyId id, uint64_t correlation,
                       const char *subject, Bytes body)
{
    BusMessage message = { .id = id, .correlation = correlation, .body = body };
    snprintf(message.to, sizeof message.to, "%s", to);
    snprintf(message.subject, sizeof message.subject, "%s", subject);
    bool sent = body.size > 0 && bus_send(enabler->hubs[hub], &message) == STATUS_OK;
    enabler->counters.sends_failed += !sent;
    return sent;
}

static bool send_to(Enabler *enabler, uint32_t hub, const char *to, uint64_t correlation, const char *subject,
                    BodyWriter *body)
{
    size_t size;
    char *text = body_finish(body, &size);
    bool sent = send_bytes(enabler, hub, to, body->id, correlation, subject, bytes_of(text, size));
    free(text);
    return sent;
}

bool send_body(Enabler *enabler, const System *to, uint64_t correlation, const char *subject,
               BodyWriter *body)
{
    if (to->registered) {
        return send_to(enabler, to->hub, to->stored.name, correlation, subject, body);
    }
    json_decref(body->root);
    return false;
}

void answer_bytes(Enabler *enabler, const Request *request, FamilyId id, Bytes body)
{
    (void)send_bytes(enabler, request->hub, request->message->from, id, request->message->correlation,
                     request->message->subject, body);
}

void answer(Enabler *enabler, const Request *request, BodyWriter *body)
{
    (void)send_to(enabler, request->hub, request->message->from, request->message->correlation,
                  request->message->subject, body);
}

static FamilyId refusal_of(Interface interface)
{
    return interface == INTERFACE_DII ? DII_REFUSED : interface == INTERFACE_MII ? MII_REFUSED : SII_REFUSED;
}

/* Answers and tellings expect none: a refusal without a correlation would mean that its sender is unknown. */
static bool expects_answer(const Request *request)
{
    FamilyId id = request->rule->id;
    return request->message->correlation != 0 && id != DII_AUTHENTICATED && id != DII_COMMAND_STATE;
}

void answer_refused(Enabler *enabler, const Request *request, Status status, const char *reason)
{
    BodyWriter body = body_begin(refusal_of(request->rule->interface));
    body_text(&body, "reason", reason);
    body_text(&body, "code", status_name(status));
    answer(enabler, request, &body);
}

void refuse(Enabler *enabler, const Request *request, Status status, const char *subject, const char *format,
            ...)
{
    char reason[REASON_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    trim_text(reason);
    if (expects_answer(request)) {
        answer_refused(enabler, request, status, reason);
    }
    enabler->counters.refused++;
    audit_refused(enabler, request->from,
                  &(AuditLine){ .system = request->message->from,
                                .key = request->who,
                                .what = request->rule->schema,
                                .subject = subject,
                                .result = "refused",
                                .reason = reason });
}

bool refused_document(Enabler *enabler, const Request *request)
{
    if (request->document.status == STATUS_OK) {
        return false;
    }
    refuse(enabler, request, request->document.status, request->message->subject, "%s",
           request->document.diag->text);
    return true;
}

/* ---- reading ---- */

static void take_text(const JsonNode *node, size_t minimum, char *out, size_t size)
{
    const char *text = json_read_text(node, minimum, size - 1, "");
    snprintf(out, size, "%s", text);
}

void read_required(const JsonNode *root, const char *key, size_t minimum, char *out, size_t size)
{
    JsonNode node = json_required(root, key);
    take_text(&node, minimum, out, size);
}

void read_optional(const JsonNode *root, const char *key, char *out, size_t size)
{
    JsonNode node = json_member(root, key);
    take_text(&node, 0, out, size);
}

char *read_things(const JsonNode *root)
{
    JsonNode array = json_member(root, "things");
    if (!array.value) {
        return NULL;
    }
    size_t count = json_array_size_in(&array, 1, THINGS_MAX);
    char *things = arena_alloc(root->document->arena, count * THING_ID_SIZE + 1, 1);
    if (!things) {
        json_fail(&array, STATUS_OUT_OF_MEMORY, "out of memory");
        return NULL;
    }
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        JsonNode node = json_element(&array, i);
        const char *id = json_read_text(&node, 1, THING_ID_SIZE - 1, "");
        used += (size_t)snprintf(things + used, THING_ID_SIZE + 1, "%s\n", id);
    }
    return things;
}

/* ---- small helpers ---- */

bool allowance_take(Allowance *allowance, uint32_t rate, TimeNs now)
{
    double most = 2.0 * rate;
    double gained = allowance->filled == 0 ? most : time_to_seconds(now - allowance->filled) * rate;
    allowance->tokens = fmin(most, allowance->tokens + fmax(gained, 0));
    allowance->filled = now == 0 ? 1 : now;
    if (allowance->tokens < 1) {
        return false;
    }
    allowance->tokens -= 1;
    return true;
}

void trim_text(char *text)
{
    size_t size = strlen(text), at = size;
    while (at > 0 && size - at < 4 && ((unsigned char)text[at - 1] & 0xC0) == 0x80) {
        at--;
    }
    unsigned char lead = at > 0 ? (unsigned char)text[at - 1] : 0;
    size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 0;
    if (wanted > size - at + 1) {
        text[at - 1] = '\0';
    }
}

char *copy_text(const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    char *copy = text ? malloc(size) : NULL;
    if (copy) {
        memcpy(copy, text, size);
    }
    return copy;
}
