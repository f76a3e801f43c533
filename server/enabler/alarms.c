/* What services find (R25): an alarm of a service about a thing goes to the metaverse systems that have
 * subscribed to it. What is active is kept for those who subscribe later. */
#include "server/enabler/state.h"

#include <stdio.h>

#define ALARMS_PER_SECOND 100
#define SCORE_MAX         1e300

static void read_alarm(const JsonNode *root, ActiveAlarm *out)
{
    static const char *const keys[] = { "schema", "system", "thing", "property",    "name", "severity",
                                        "active", "score",  "text",  "source_time", NULL };
    char severity[16];
    json_known_keys(root, keys);
    read_required(root, "system", 1, out->system, sizeof out->system);
    read_required(root, "thing", 1, out->thing, sizeof out->thing);
    read_required(root, "property", 0, out->property, sizeof out->property);
    read_required(root, "name", 1, out->name, sizeof out->name);
    read_required(root, "severity", 1, severity, sizeof severity);
    read_required(root, "text", 0, out->text, sizeof out->text);
    JsonNode active = json_required(root, "active"), score = json_required(root, "score");
    JsonNode time = json_required(root, "source_time");
    out->active = json_read_boolean(&active, false);
    out->score = json_read_number(&score, -SCORE_MAX, SCORE_MAX, 0);
    out->source_time = body_read_integer(&time, INT64_MIN + 1, INT64_MAX, 0);
    out->critical = strcmp(severity, "critical") == 0;
    if (root->document->status == STATUS_OK && !out->critical && strcmp(severity, "warning") != 0) {
        JsonNode node = json_member(root, "severity");
        json_fail(&node, STATUS_MALFORMED, "is neither \"warning\" nor \"critical\"");
    }
}

static bool same_alarm(const ActiveAlarm *a, const ActiveAlarm *b)
{
    return strcmp(a->service, b->service) == 0 && strcmp(a->system, b->system) == 0 &&
           strcmp(a->thing, b->thing) == 0 && strcmp(a->property, b->property) == 0 &&
           strcmp(a->name, b->name) == 0;
}

static void send_alarm(Enabler *enabler, const Subscription *route, const ActiveAlarm *alarm)
{
    const System *consumer = &enabler->systems[route->consumer];
    if (consumer->stored.kind != SYSTEM_METAVERSE ||
        !grant_covers(&enabler->grants[route->grant], alarm->thing)) {
        return;
    }
    BodyWriter body = body_begin(MII_ALARM);
    body_text(&body, "service", alarm->service);
    body_text(&body, "system", alarm->system);
    body_text(&body, "thing", alarm->thing);
    body_text(&body, "property", alarm->property);
    body_text(&body, "name", alarm->name);
    body_text(&body, "severity", alarm->critical ? "critical" : "warning");
    body_boolean(&body, "active", alarm->active);
    body_number(&body, "score", alarm->score);
    body_text(&body, "text", alarm->text);
    body_integer(&body, "source_time", alarm->source_time);
    (void)send_body(enabler, consumer, 0, alarm->system, &body);
}

static void tell_all(Enabler *enabler, const System *twin, const ActiveAlarm *alarm)
{
    for (uint32_t i = 0; i < twin->subscription_count; i++) {
        send_alarm(enabler, &twin->subscriptions[i], alarm);
    }
}

/* The place of this alarm when it is known, else a free one; NULL when all are taken. */
static ActiveAlarm *place_of(Enabler *enabler, const ActiveAlarm *alarm)
{
    ActiveAlarm *place = NULL;
    for (uint32_t i = 0; i < ALARMS_MAX; i++) {
        ActiveAlarm *kept = &enabler->alarms[i];
        if (kept->used && same_alarm(kept, alarm)) {
            return kept;
        }
        if (!kept->used && !place) {
            place = kept;
        }
    }
    return place;
}

/* NULL, or why a service may not tell this. It has to be allowed to read what it is about. */
static const char *alarm_refused(Enabler *enabler, const Request *request, const System *twin,
                                 const ActiveAlarm *alarm)
{
    int64_t thing = twin ? publication_thing(&twin->live, alarm->thing) : -1;
    if (thing < 0) {
        return "there is no such thing";
    }
    if (alarm->property[0] && thing_property_index(twin->live.schema[thing].model, alarm->property) < 0) {
        return "the thing has no such property";
    }
    for (uint32_t i = 0; i < enabler->config.grants_max; i++) {
        const Grant *grant = &enabler->grants[i];
        if (grant->used && !grant->ended && grant->stored.expires > enabler->wall &&
            grant->stored.rights & RIGHT_READ && strcmp(grant->stored.system, alarm->system) == 0 &&
            strcmp(grant->stored.consumer, request->from->stored.name) == 0 &&
            grant_covers(grant, alarm->thing)) {
            return NULL;
        }
    }
    return "the service has no grant to read that thing";
}

static void audit_alarm(Enabler *enabler, const Request *request, const ActiveAlarm *alarm)
{
    char subject[sizeof alarm->system + sizeof alarm->thing + sizeof alarm->property + 2];
    snprintf(subject, sizeof subject, "%s/%s/%s", alarm->system, alarm->thing, alarm->property);
    audit_write(enabler, &(AuditLine){ .system = alarm->service,
                                       .key = request->who,
                                       .what = "alarm",
                                       .subject = subject,
                                       .result = alarm->active ? "active" : "over",
                                       .reason = alarm->name });
}

void handle_alarm(Enabler *enabler, Request *request)
{
    ActiveAlarm alarm = { .used = true };
    read_alarm(&request->root, &alarm);
    if (refused_document(enabler, request)) {
        return;
    }
    memcpy(alarm.service, request->from->stored.name, sizeof alarm.service);
    System *twin = system_find(enabler, alarm.system);
    const char *why = alarm_refused(enabler, request, twin, &alarm);
    if (why) {
        refuse(enabler, request, STATUS_NOT_ALLOWED, alarm.system, "%s", why);
        return;
    }
    if (!allowance_take(&request->from->alarms, ALARMS_PER_SECOND, enabler->now)) {
        refuse(enabler, request, STATUS_CAPACITY, alarm.system, "more than %d alarms a second",
               ALARMS_PER_SECOND);
        return;
    }
    ActiveAlarm *place = place_of(enabler, &alarm);
    bool changed = alarm.active != (place && place->used);
    if (place && alarm.active) {
        *place = alarm;
    } else if (place) {
        place->used = false;
    }
    enabler->counters.alarms++;
    if (changed) {
        audit_alarm(enabler, request, &alarm);
    }
    tell_all(enabler, twin, &alarm);
}

void alarms_tell(Enabler *enabler, const System *twin, const Subscription *subscription)
{
    for (uint32_t i = 0; i < ALARMS_MAX; i++) {
        const ActiveAlarm *alarm = &enabler->alarms[i];
        if (alarm->used && strcmp(alarm->system, twin->stored.name) == 0) {
            send_alarm(enabler, subscription, alarm);
        }
    }
}

void alarms_forget(Enabler *enabler, const char *system)
{
    for (uint32_t i = 0; i < ALARMS_MAX; i++) {
        ActiveAlarm *alarm = &enabler->alarms[i];
        if (!alarm->used || (strcmp(alarm->service, system) != 0 && strcmp(alarm->system, system) != 0)) {
            continue;
        }
        alarm->active = false;
        const System *twin = system_find(enabler, alarm->system);
        if (twin) {
            tell_all(enabler, twin, alarm);
        }
        alarm->used = false;
    }
}
