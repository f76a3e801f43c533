#include "server/service/service.h"

#include "shared/base/log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ALARMS_PER_S   5.0
#define ALARM_BURST    20.0
#define RETRY_FIRST    TIME_SECOND
#define RETRY_LONGEST  (30 * TIME_SECOND)
#define DISCOVER_EVERY (30 * TIME_SECOND) /* a missed SYSTEM_STATE is made good for so soon */
#define RENEW_BEFORE   (60 * TIME_SECOND)

/* How far a twin system has come on its way to being watched: it is there, it may be read, its models are
 * known; each but WATCHED is left by asking for the next thing, and by its answer. RENEWING: watched, while
 * another grant is asked for. */
typedef enum Stage { STAGE_SEEN, STAGE_GRANTED, STAGE_DESCRIBED, STAGE_WATCHED, STAGE_RENEWING } Stage;

typedef struct TwinSeen {
    char name[SYSTEM_NAME_SIZE];
    bool up;
    Stage stage;
    uint64_t request; /* under way; 0: none */
    TimeNs retry_at, retry_delay;
    char grant[GRANT_ID_SIZE];
    TimeNs expires; /* Unix ns */
    Monitor *monitor;
} TwinSeen;

struct Service {
    Consumer *consumer;
    char name[SYSTEM_NAME_SIZE];
    const char *domain;
    MonitorRules default_rules;
    const MonitorRules *rules;
    TwinSeen systems[SERVICE_SYSTEMS_MAX];
    uint32_t system_count, alarm_turn;
    bool full_told;
    uint64_t discovery;
    TimeNs discover_at;
    double alarms_per_s, burst, tokens;
    TimeNs tokens_at;
    ServiceCounters counters;
};

Status service_create(const ServiceConfig *config, Bus bus, TextTable *texts, Service **out_service)
{
    static const char *const provides[] = { "condition-monitoring" };
    Service *service = calloc(1, sizeof *service);
    if (!service) {
        return STATUS_OUT_OF_MEMORY;
    }
    const char *name = config->name ? config->name : SERVICE_NAME;
    snprintf(service->name, sizeof service->name, "%s", name);
    monitor_rules_default(&service->default_rules);
    service->domain = config->domain ? config->domain : "";
    service->rules = config->rules ? config->rules : &service->default_rules;
    service->alarms_per_s = config->alarms_per_s > 0 ? config->alarms_per_s : ALARMS_PER_S;
    service->tokens = service->burst = config->alarm_burst >= 1 ? config->alarm_burst : ALARM_BURST;
    service->tokens_at = TIME_NONE;
    const ConsumerConfig consumer = { .kind = SYSTEM_SERVICE,
                                      .name = name,
                                      .title = "Condition monitoring",
                                      .version = "1",
                                      .token = config->token,
                                      .provides = provides,
                                      .provide_count = 1 };
    Status status = consumer_create(&consumer, bus, texts, &service->consumer);
    if (status != STATUS_OK) {
        free(service);
        return status;
    }
    *out_service = service;
    return STATUS_OK;
}

void service_destroy(Service *service)
{
    if (service) {
        for (uint32_t i = 0; i < service->system_count; i++) {
            monitor_destroy(service->systems[i].monitor);
        }
        consumer_destroy(service->consumer);
        free(service);
    }
}

static TwinSeen *find(Service *service, const char *name)
{
    for (uint32_t i = 0; i < service->system_count; i++) {
        if (strcmp(service->systems[i].name, name) == 0) {
            return &service->systems[i];
        }
    }
    return NULL;
}

static TwinSeen *find_request(Service *service, uint64_t request)
{
    for (uint32_t i = 0; i < service->system_count && request != 0; i++) {
        if (service->systems[i].request == request) {
            return &service->systems[i];
        }
    }
    return NULL;
}

/* ---- events ---- */

/* To `stage`, which is left at `at` at the earliest. */
static void begin_at(TwinSeen *system, Stage stage, TimeNs at)
{
    system->stage = stage;
    system->request = 0;
    system->retry_at = at;
}

static void note_system(Service *service, const char *name, bool up, TimeNs now)
{
    TwinSeen *system = find(service, name);
    if (!system) {
        if (!up) {
            return;
        }
        if (service->system_count == SERVICE_SYSTEMS_MAX) {
            if (!service->full_told) {
                log_warning("service", "watches no more than %d systems", SERVICE_SYSTEMS_MAX);
            }
            service->full_told = true;
            return;
        }
        system = &service->systems[service->system_count++];
        *system = (TwinSeen){ 0 };
        snprintf(system->name, sizeof system->name, "%s", name);
    }
    if (up && !system->up) {
        system->retry_delay = RETRY_FIRST;
        begin_at(system, STAGE_SEEN, now);
    }
    system->up = up;
}

static void on_registered(Service *service, TimeNs now)
{
    service->discover_at = now;
    service->discovery = 0;
    for (uint32_t i = 0; i < service->system_count; i++) {
        TwinSeen *system = &service->systems[i];
        begin_at(system, STAGE_SEEN, now);
        system->up = false; /* until discovered again */
        if (system->monitor) {
            monitor_tell_again(system->monitor);
        }
    }
}

/* Tells alarms of `system` while `allowed`; false when the bus takes no more. */
static bool tell_alarms(Service *service, TwinSeen *system, double *tokens)
{
    MonitorAlarm alarm;
    while (*tokens >= 1 && monitor_next(system->monitor, &alarm)) {
        const ConsumerAlarm told = { .system = system->name,
                                     .thing = alarm.thing_id,
                                     .property = alarm.property_name,
                                     .name = alarm.name,
                                     .text = alarm.text,
                                     .critical = alarm.critical,
                                     .active = alarm.active,
                                     .score = alarm.score,
                                     .source_time = alarm.source_time };
        if (consumer_alarm(service->consumer, &told) != STATUS_OK) {
            monitor_put_back(system->monitor);
            return false;
        }
        *tokens -= 1;
        service->counters.raised += alarm.active;
        service->counters.cleared += !alarm.active;
        log_info("service", "%s: %s/%s %s: %s", alarm.active ? "alarm" : "alarm over", system->name,
                 alarm.thing_id, alarm.name, alarm.text);
    }
    return true;
}

static void drop_monitor(Service *service, TwinSeen *system)
{
    if (system->monitor) {
        double tokens = INFINITY;
        monitor_clear_all(system->monitor);
        (void)tell_alarms(service, system, &tokens);
        monitor_destroy(system->monitor);
        system->monitor = NULL;
    }
}

static void on_models(Service *service, const ConsumerEvent *event, TimeNs now)
{
    TwinSeen *system = find_request(service, event->request);
    if (!system || system->stage != STAGE_GRANTED) {
        return;
    }
    const SystemModels *models = event->models;
    if (system->monitor && !monitor_fits(system->monitor, models->things, models->thing_count)) {
        drop_monitor(service, system);
    }
    if (!system->monitor &&
        monitor_create(service->rules, models->things, models->thing_count, &system->monitor) != STATUS_OK) {
        log_warning("service", "no memory to watch %s", system->name);
        system->request = 0;
        system->retry_at = now + RETRY_LONGEST;
        return;
    }
    begin_at(system, STAGE_DESCRIBED, now);
}

static void on_grant(Service *service, const ConsumerEvent *event, TimeNs now)
{
    TwinSeen *system = find_request(service, event->request);
    if (!system || (system->stage != STAGE_SEEN && system->stage != STAGE_RENEWING)) {
        return;
    }
    if (!(event->grant.rights & RIGHT_READ)) {
        system->request = 0;
        system->retry_at = now + RETRY_LONGEST;
        return;
    }
    snprintf(system->grant, sizeof system->grant, "%s", event->grant.grant);
    system->expires = event->grant.expires;
    begin_at(system, system->stage == STAGE_RENEWING ? STAGE_DESCRIBED : STAGE_GRANTED, now);
}

static void on_refused(Service *service, const ConsumerEvent *event, TimeNs now)
{
    TwinSeen *system = find_request(service, event->request);
    if (event->request != 0 && event->request == service->discovery) {
        service->discovery = 0;
        service->discover_at = now + 5 * RETRY_FIRST;
    } else if (!system) {
        log_info("service", "an alarm was refused: %s", event->reason);
    } else {
        log_info("service", "%s: %s", system->name, event->reason);
        system->request = 0;
        system->stage = STAGE_SEEN;
        system->retry_at = now + system->retry_delay;
        system->retry_delay =
            system->retry_delay < RETRY_LONGEST / 2 ? 2 * system->retry_delay : RETRY_LONGEST;
    }
}

static void on_revoked(Service *service, const ConsumerEvent *event, TimeNs now)
{
    for (uint32_t i = 0; i < service->system_count; i++) {
        TwinSeen *system = &service->systems[i];
        if (system->stage >= STAGE_GRANTED && strcmp(system->grant, event->grant.grant) == 0) {
            begin_at(system, system->stage >= STAGE_DESCRIBED ? STAGE_RENEWING : STAGE_SEEN,
                     now + RETRY_FIRST);
        }
    }
}

static void on_sync(Service *service, const ConsumerEvent *event)
{
    TwinSeen *system = find(service, event->system);
    if (!system || !system->monitor ||
        system->stage < STAGE_DESCRIBED) { /* its numbers may be others by now */
        return;
    }
    system->retry_delay = RETRY_FIRST; /* it came all the way */
    if (event->sync->restarted) {
        monitor_restarted(system->monitor);
    }
    for (size_t i = 0; i < event->sync->count; i++) {
        const SyncSample *sample = &event->sync->samples[i];
        monitor_sample(system->monitor, sample->thing, sample->property, sample->quality, sample->code,
                       sample->source_time);
    }
}

static void on_systems(Service *service, const ConsumerEvent *event, TimeNs now)
{
    if (event->request == service->discovery) {
        service->discovery = 0;
    }
    for (uint32_t i = 0; i < event->system_count; i++) {
        if (event->systems[i].kind == SYSTEM_TWIN) {
            note_system(service, event->systems[i].name, event->systems[i].up, now);
        }
    }
}

static void on_event(Service *service, const ConsumerEvent *event, TimeNs now)
{
    switch (event->type) {
    case CONSUMER_REGISTERED:
        on_registered(service, now);
        break;
    case CONSUMER_SYSTEMS:
        on_systems(service, event, now);
        break;
    case CONSUMER_MODELS:
        on_models(service, event, now);
        break;
    case CONSUMER_GRANT:
        on_grant(service, event, now);
        break;
    case CONSUMER_REFUSED:
        on_refused(service, event, now);
        break;
    case CONSUMER_SYNC:
        on_sync(service, event);
        break;
    case CONSUMER_SYSTEM_STATE: /* of a system that is not known, discovery says whether it is of the domain
                                 */
        if (find(service, event->system)) {
            find(service, event->system)->up = false; /* up again: it may have published anew */
            note_system(service, event->system, event->up, now);
        } else {
            service->discover_at = now;
        }
        break;
    case CONSUMER_REVOKED:
        on_revoked(service, event, now);
        break;
    case CONSUMER_NONE:
    case CONSUMER_LOST: /* values stay as they were; REGISTERED begins anew */
    case CONSUMER_COMMAND_STATE:
    case CONSUMER_ALARM:
        break;
    }
}

/* ---- asking ---- */

static void ask_next(Service *service, TwinSeen *system, TimeNs now, TimeNs wall)
{
    const SystemUser user = { .name = service->name, .key = "", .role = "viewer" };
    uint64_t request = 0;
    Status status = STATUS_OK;
    switch (system->stage) {
    case STAGE_SEEN:
    case STAGE_RENEWING:
        status = consumer_access(service->consumer, system->name, RIGHT_READ, &user, &request);
        break;
    case STAGE_GRANTED:
        status = consumer_describe(service->consumer, system->name, &request);
        break;
    case STAGE_DESCRIBED:
        status = consumer_subscribe(service->consumer, system->name, system->grant, &request);
        if (status == STATUS_OK) {
            system->stage = STAGE_WATCHED; /* a refusal takes it back */
        }
        break;
    case STAGE_WATCHED:
        if (wall > system->expires - RENEW_BEFORE && now >= system->retry_at) {
            begin_at(system, STAGE_RENEWING, now);
        }
        return;
    }
    system->request = status == STATUS_OK ? request : 0;
    /* A grant so short that it is always about to expire does not make this spin. */
    system->retry_at = now + RETRY_FIRST;
}

static void ask(Service *service, TimeNs now, TimeNs wall)
{
    if (!consumer_registered(service->consumer)) {
        return;
    }
    if (now >= service->discover_at && service->discovery == 0) {
        if (consumer_discover(service->consumer, service->domain, SYSTEM_TWIN, &service->discovery) !=
            STATUS_OK) {
            service->discovery = 0;
        }
        service->discover_at = now + DISCOVER_EVERY;
    }
    for (uint32_t i = 0; i < service->system_count; i++) {
        TwinSeen *system = &service->systems[i];
        bool waiting = system->request != 0 && system->stage != STAGE_WATCHED;
        if (system->up && !waiting && now >= system->retry_at) {
            ask_next(service, system, now, wall);
        }
    }
}

/* ---- the tick ---- */

static void alarms(Service *service, TimeNs now)
{
    if (service->tokens_at != TIME_NONE && now > service->tokens_at) {
        service->tokens += time_to_seconds(now - service->tokens_at) * service->alarms_per_s;
        service->tokens = fmin(service->tokens, service->burst);
    }
    service->tokens_at = now;
    if (!consumer_registered(service->consumer)) {
        return;
    }
    bool held = false;
    uint32_t first = service->alarm_turn++; /* each system is first in turn */
    for (uint32_t i = 0; i < service->system_count && !held; i++) {
        TwinSeen *system = &service->systems[(first + i) % service->system_count];
        if (system->monitor) {
            held = !tell_alarms(service, system, &service->tokens) ||
                   (service->tokens < 1 && monitor_waiting(system->monitor) > 0);
        }
    }
    service->counters.held += held;
}

void service_tick(Service *service, TimeNs now, TimeNs wall)
{
    ConsumerEvent event;
    while (consumer_poll(service->consumer, now, wall, &event) == STATUS_OK) {
        on_event(service, &event, now);
    }
    ask(service, now, wall);
    alarms(service, now);
    consumer_flush(service->consumer, now);
}

ServiceCounters service_counters(const Service *service)
{
    ServiceCounters counters = service->counters;
    counters.registered = consumer_registered(service->consumer);
    for (uint32_t i = 0; i < service->system_count; i++) {
        const TwinSeen *system = &service->systems[i];
        if (system->monitor) {
            MonitorCounters seen = monitor_counters(system->monitor);
            counters.systems += system->up && system->stage == STAGE_WATCHED;
            counters.samples += seen.samples;
            counters.dropped += seen.dropped;
            counters.properties += seen.properties;
            counters.active += seen.active;
        }
    }
    return counters;
}
