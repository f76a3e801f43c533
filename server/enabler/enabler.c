/* The enabler's tick: events of the hubs to handlers, then what time brings, then the store. */
#include "server/enabler/enabler.h"

#include "server/enabler/state.h"
#include "shared/base/log.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENTS_MAX    65536 /* of one hub in a tick: a flood waits for the next */
#define REQUEST_LIMIT ((size_t)256 << 20)
#define SCRATCH_LIMIT ((size_t)512 << 20)

/* ---- life ---- */

static void set_default(TimeNs *value, TimeNs fallback)
{
    *value = *value > 0 ? *value : fallback;
}

static void set_default_count(uint32_t *value, uint32_t fallback)
{
    *value = *value > 0 ? *value : fallback;
}

static EnablerConfig with_defaults(const EnablerConfig *given)
{
    EnablerConfig config = *given;
    set_default(&config.lease, 5 * TIME_SECOND);
    set_default(&config.heartbeat, TIME_SECOND);
    set_default(&config.gone_after, 60 * TIME_MINUTE);
    set_default(&config.grant_lifetime, 10 * TIME_MINUTE);
    set_default(&config.grant_lifetime_max, 60 * TIME_MINUTE);
    set_default(&config.answer_timeout, 4 * TIME_SECOND);
    set_default(&config.command_grace, 5 * TIME_SECOND);
    set_default_count(&config.systems_max, 64);
    set_default_count(&config.grants_max, 4096);
    set_default_count(&config.commands_max, 2048);
    set_default_count(&config.things_max, 65536);
    set_default_count(&config.audit_kept, 4096);
    set_default_count(&config.commands_per_second, 20);
    return config;
}

static Status allocate(Enabler *enabler)
{
    const EnablerConfig *config = &enabler->config;
    uint32_t buckets = 8;
    while (buckets < config->commands_max) {
        buckets *= 2;
    }
    enabler->bucket_mask = buckets - 1;
    enabler->systems = calloc(config->systems_max, sizeof *enabler->systems);
    enabler->removed = calloc(config->systems_max, sizeof *enabler->removed);
    enabler->grants = calloc(config->grants_max, sizeof *enabler->grants);
    enabler->pending = calloc(PENDING_MAX, sizeof *enabler->pending);
    enabler->commands = calloc(config->commands_max, sizeof *enabler->commands);
    enabler->buckets = calloc(buckets, sizeof *enabler->buckets);
    enabler->alarms = calloc(ALARMS_MAX, sizeof *enabler->alarms);
    enabler->audit = calloc(config->audit_kept, sizeof *enabler->audit);
    bool all = enabler->systems && enabler->removed && enabler->grants && enabler->pending &&
               enabler->commands && enabler->buckets && enabler->alarms && enabler->audit;
    for (uint32_t i = 0; all && i < buckets; i++) {
        enabler->buckets[i] = NO_INDEX;
    }
    return all ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

static void release(Enabler *enabler)
{
    for (uint32_t i = 0; enabler->systems && i < enabler->config.systems_max; i++) {
        system_finish(&enabler->systems[i]);
    }
    for (uint32_t i = 0; enabler->grants && i < enabler->config.grants_max; i++) {
        free(enabler->grants[i].things);
    }
    for (uint32_t i = 0; enabler->pending && i < PENDING_MAX; i++) {
        free(enabler->pending[i].things);
    }
    free(enabler->systems);
    free(enabler->removed);
    free(enabler->grants);
    free(enabler->pending);
    free(enabler->commands);
    free(enabler->buckets);
    free(enabler->alarms);
    free(enabler->audit);
    arena_finish(&enabler->request);
    arena_finish(&enabler->scratch);
    free(enabler);
}

Status enabler_create(const EnablerConfig *config, Bus *hubs, uint32_t hub_count, Store store,
                      Enabler **out_enabler)
{
    if (hub_count == 0 || hub_count > ENABLER_HUBS_MAX) {
        return STATUS_INVALID_ARGUMENT;
    }
    if (sodium_init() < 0) {
        return STATUS_IO_ERROR;
    }
    Enabler *enabler = calloc(1, sizeof *enabler);
    if (!enabler) {
        return STATUS_OUT_OF_MEMORY;
    }
    enabler->config = with_defaults(config);
    enabler->store = store;
    arena_init(&enabler->request, REQUEST_LIMIT);
    arena_init(&enabler->scratch, SCRATCH_LIMIT);
    Status status = allocate(enabler);
    status = status == STATUS_OK ? persistence_load(enabler) : status;
    if (status != STATUS_OK) {
        release(enabler);
        return status;
    }
    memcpy(enabler->hubs, hubs, hub_count * sizeof *hubs);
    enabler->hub_count = hub_count;
    *out_enabler = enabler;
    return STATUS_OK;
}

void enabler_destroy(Enabler *enabler)
{
    if (!enabler) {
        return;
    }
    enabler->store_retry = enabler->now;
    persist(enabler);
    for (uint32_t i = 0; i < enabler->hub_count; i++) {
        bus_destroy(enabler->hubs[i]);
    }
    store_destroy(&enabler->store);
    release(enabler);
}

/* ---- messages ---- */

/* X(MII message, handler): the same of MII and of SII. */
#define CONSUMER_HANDLERS(X)     \
    X(DISCOVER, handle_discover) \
    X(DESCRIBE, handle_describe) \
    X(ACCESS, handle_access) X(SUBSCRIBE, handle_subscribe) X(INVOKE, handle_invoke)

static void handle_heartbeat(Enabler *enabler, Request *request)
{
    static const char *const keys[] = { "schema", NULL };
    json_known_keys(&request->root, keys);
    (void)refused_document(enabler, request);
}

/* Whatever a registered system asks. */
static void dispatch(Enabler *enabler, Request *request)
{
    switch (request->rule->id) {
    case DII_PUBLISH:
        handle_publish(enabler, request);
        break;
    case DII_AUTHENTICATED:
        handle_authenticated(enabler, request);
        break;
    case DII_COMMAND_STATE:
        handle_command_state(enabler, request);
        break;
    case SII_ALARM:
        handle_alarm(enabler, request);
        break;
    case DII_HEARTBEAT:
    case MII_HEARTBEAT:
    case SII_HEARTBEAT:
        handle_heartbeat(enabler, request);
        break;
#define CONSUMER_CASE(name, handler) \
    case MII_##name:                 \
    case SII_##name:                 \
        handler(enabler, request);   \
        break;
        CONSUMER_HANDLERS(CONSUMER_CASE)
#undef CONSUMER_CASE
    default:
        refuse(enabler, request, STATUS_UNSUPPORTED, request->message->subject, "not understood");
        break;
    }
}

static bool is_register(FamilyId id)
{
    return id == DII_REGISTER || id == MII_REGISTER || id == SII_REGISTER;
}

/* The system that has registered by this way under that name, and as that kind. */
static System *registered(Enabler *enabler, const BusMessage *message, const FamilyRule *rule, uint32_t hub)
{
    System *system = system_find(enabler, message->from);
    bool is = system && system->registered && system->hub == hub && system->stored.kind == rule->sender;
    return is ? system : NULL;
}

static void take_body(Enabler *enabler, Request *request)
{
    Diag diag = { 0 };
    arena_reset(&enabler->request);
    Status status =
        body_parse(&request->document, request->rule->id, request->message->body, &enabler->request, &diag);
    if (status != STATUS_OK) {
        refuse(enabler, request, status, request->message->subject, "%s", diag.text);
        return;
    }
    request->root = json_document_root(&request->document);
    if (is_register(request->rule->id)) {
        handle_register(enabler, request);
    } else {
        dispatch(enabler, request);
    }
    json_document_finish(&request->document);
}

/* Who is not registered hears so whatever it sends, also with its next heartbeat, which expects no answer:
 * then it registers. */
static void refuse_stranger(Enabler *enabler, const Request *request)
{
    static const char *const reason = "register first";
    answer_refused(enabler, request, STATUS_NOT_ALLOWED, reason);
    enabler->counters.refused++;
    audit_refused(enabler, NULL,
                  &(AuditLine){ .system = request->message->from,
                                .key = request->who,
                                .what = request->rule->schema,
                                .subject = request->message->subject,
                                .result = "refused",
                                .reason = reason });
}

static void take_message(Enabler *enabler, uint32_t hub, const BusMessage *message, const char *who)
{
    const FamilyRule *rule = family_rule((uint8_t)message->id);
    if (!rule || rule->receiver != SYSTEM_ENABLER) {
        return; /* the bus has refused it */
    }
    enabler->counters.messages++;
    Request request = { .message = message, .rule = rule, .hub = hub, .who = who };
    request.from = registered(enabler, message, rule, hub);
    if (!request.from && !is_register(rule->id)) {
        refuse_stranger(enabler, &request);
        return;
    }
    if (request.from) {
        system_heard(enabler, request.from);
    }
    if (rule->id != DII_SYNC) {
        take_body(enabler, &request);
    } else if (message->sync) {
        route_sync(enabler, request.from, message->sync);
    }
}

static void take_event(Enabler *enabler, uint32_t hub, const BusEvent *event)
{
    char who[WHO_SIZE];
    snprintf(who, sizeof who, "%s", event->who ? event->who : "");
    trim_text(who);
    System *system = system_find(enabler, event->message.from);
    bool ours = system && system->registered && system->hub == hub;
    switch (event->type) {
    case BUS_UP:
        break; /* it registers */
    case BUS_DOWN:
        if (ours) {
            system_lost(enabler, system, "its connection is gone");
        }
        break;
    case BUS_MESSAGE:
        take_message(enabler, hub, &event->message, who);
        break;
    case BUS_REFUSED:
        enabler->counters.refused++;
        audit_refused(enabler, ours ? system : NULL,
                      &(AuditLine){ .system = event->message.from,
                                    .key = who,
                                    .what = "message",
                                    .subject = event->message.subject,
                                    .result = "refused",
                                    .reason = event->reason });
        break;
    }
}

static void poll_hub(Enabler *enabler, uint32_t hub)
{
    BusEvent event;
    for (int i = 0; i < EVENTS_MAX && bus_poll(enabler->hubs[hub], enabler->now, &event) == STATUS_OK; i++) {
        take_event(enabler, hub, &event);
    }
}

void enabler_tick(Enabler *enabler, TimeNs now, TimeNs wall)
{
    if (!enabler->started) {
        enabler->started = true;
        registry_start(enabler, now);
    }
    enabler->now = now;
    enabler->wall = wall;
    arena_reset(&enabler->scratch);
    grants_tick(enabler); /* first: what has expired is not used any more */
    for (uint32_t i = 0; i < enabler->hub_count; i++) {
        poll_hub(enabler, i);
    }
    registry_tick(enabler);
    commands_tick(enabler);
    routing_tick(enabler);
    persist(enabler); /* before anything leaves: no deed that is not written down */
    for (uint32_t i = 0; i < enabler->hub_count; i++) {
        bus_flush(enabler->hubs[i], now);
    }
}

/* ---- looking in ---- */

const EnablerCounters *enabler_counters(const Enabler *enabler)
{
    return &enabler->counters;
}

bool enabler_next_system(const Enabler *enabler, uint32_t *cursor, EnablerSystem *out_system)
{
    while (*cursor < enabler->config.systems_max) {
        const System *system = &enabler->systems[(*cursor)++];
        if (system->used) {
            *out_system = (EnablerSystem){ .name = system->stored.name,
                                           .title = system->stored.title,
                                           .version = system->stored.version,
                                           .domain = system->stored.domain,
                                           .who = system->who,
                                           .kind = system->stored.kind,
                                           .up = system->up,
                                           .things = system->live.thing_count,
                                           .models = system->live.model_count,
                                           .subscribers = system->subscription_count };
            return true;
        }
    }
    return false;
}
