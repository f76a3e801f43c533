/* physical_integration.c - physical integration function of Y.4239 clause 7: over MII the digital twin
 * systems are discovered, read access is asked for, their models are taken and bound, and what they report
 * becomes the values of the world. The steps of one system follow each other in SystemLink.stage; whatever
 * fails is begun again. */
#include "server/metaverse/state.h"

#include "shared/base/log.h"
#include "shared/base/profile.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define POLL_MAX        4096 /* events taken in a tick, so that a flood on the bus cannot hold it up */
#define PERIODS         3    /* missed: stale (R12) */
#define SOURCE_SPAN_MAX (INT64_C(1) << 61)

_Static_assert(WIRE_SYSTEM_TWIN == (int)SYSTEM_TWIN && WIRE_SYSTEM_ENABLER == (int)SYSTEM_ENABLER &&
                   WIRE_SYSTEM_METAVERSE == (int)SYSTEM_METAVERSE &&
                   WIRE_SYSTEM_SERVICE == (int)SYSTEM_SERVICE,
               "the wire numbers systems as the interfaces do");
_Static_assert(WIRE_RIGHT_READ == RIGHT_READ && WIRE_RIGHT_ACTUATE == RIGHT_ACTUATE,
               "the wire numbers rights as the interfaces do");

const char *integration_name(const Metaverse *metaverse)
{
    return metaverse->config.system_name != NULL ? metaverse->config.system_name : "metaverse";
}

Status integration_create(Metaverse *metaverse, TextTable *texts, Diag *diag)
{
    Integration *integration = &metaverse->integration;
    const MetaverseConfig *config = &metaverse->config;
    integration->wall = integration->lost_at = integration->aged_at = integration->second = TIME_NONE;
    integration->doubt_until = TIME_NONE;
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        integration->links[i].source_clock = TIME_NONE;
    }
    integration->texts = texts;
    if (config->endpoint.ops == NULL) {
        return STATUS_OK;
    }
    if (binding_create(metaverse) != STATUS_OK || actuation_create(metaverse) != STATUS_OK ||
        system_list_create(metaverse) != STATUS_OK) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory to integrate %u things",
                        (unsigned)metaverse->world->thing_count);
    }
    /* Tells the enabler a new process from one that was only not heard for a while. */
    uint8_t random[8];
    char session[2 * sizeof random + 1];
    resume_random(metaverse, random, sizeof random);
    sodium_bin2hex(session, sizeof session, random, sizeof random);
    const ConsumerConfig consumer = { .kind = SYSTEM_METAVERSE,
                                      .name = integration_name(metaverse),
                                      .title = metaverse->world->title,
                                      .version = "1",
                                      .domain = config->domain,
                                      .session = session };
    Status status = consumer_create(&consumer, config->endpoint, texts, &integration->consumer);
    return status == STATUS_OK
               ? STATUS_OK
               : diag_set(diag, status, "", 0, "the metaverse system '%s' cannot take part in the bus: %s",
                          consumer.name, status_text(status));
}

void integration_destroy(Metaverse *metaverse)
{
    Integration *integration = &metaverse->integration;
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        free(integration->links[i].to_world);
        free(integration->links[i].properties);
    }
    consumer_destroy(integration->consumer);
    integration->consumer = NULL;
}

SystemLink *integration_link(Metaverse *metaverse, const char *system)
{
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        SystemLink *link = &metaverse->integration.links[i];
        if (link->entry.name[0] != '\0' && strcmp(link->entry.name, system) == 0) {
            return link;
        }
    }
    return NULL;
}

/* ---- values ---- */

static void forget_values(Metaverse *metaverse, const SystemLink *link)
{
    for (uint32_t i = 0; i < link->thing_count; i++) {
        if (link->to_world[i] != WORLD_NO_THING) {
            replication_forget(metaverse, link->to_world[i]);
        }
    }
    metaverse->integration.changed = true;
}

static void make_stale(Metaverse *metaverse, const SystemLink *link)
{
    for (uint32_t i = 0; i < link->thing_count; i++) {
        if (link->to_world[i] != WORLD_NO_THING) {
            replication_stale(metaverse, link->to_world[i], NULL, NULL);
        }
    }
    metaverse->integration.changed = true;
}

/* All that has come by every system that is live. */
static void tell_clock(Metaverse *metaverse)
{
    TimeNs clock = TIME_NONE;
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        const SystemLink *link = &metaverse->integration.links[i];
        if (link->stage == LINK_LIVE && link->source_clock != TIME_NONE &&
            (clock == TIME_NONE || link->source_clock < clock)) {
            clock = link->source_clock;
        }
    }
    if (clock != TIME_NONE) {
        metaverse->replication.source_time = clock;
    }
}

static void apply(Metaverse *metaverse, const SystemLink *link, const SyncBatch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        SyncSample sample = batch->samples[i];
        if (sample.thing >= link->thing_count || link->to_world[sample.thing] == WORLD_NO_THING ||
            sample.property >= THING_PROPERTIES_MAX || sample.quality >= QUALITY_COUNT) {
            continue;
        }
        sample.property = link->properties[sample.thing][sample.property];
        sample.thing = link->to_world[sample.thing];
        replication_set(metaverse, &sample);
    }
}

static void on_sync(Metaverse *metaverse, const ConsumerEvent *event)
{
    SystemLink *link = integration_link(metaverse, event->system);
    const SyncBatch *batch = event->sync;
    if (link == NULL || link->stage < LINK_SUBSCRIBING ||
        (link->stage == LINK_SUBSCRIBING && !batch->snapshot)) {
        return; /* what it numbers is not known (any more) */
    }
    if (link->stage == LINK_SUBSCRIBING) {
        link->stage = LINK_LIVE;
        link->request = 0;
        link->retry_pause = 0;
        link->reason[0] = '\0';
        log_info(LOG_MODULE, "system '%s': synchronised, %zu values", link->entry.name, batch->count);
    }
    link->syncs++;
    if (batch->snapshot || batch->restarted) {
        forget_values(metaverse, link);
    }
    if (link->identity) {
        replication_apply(metaverse, batch); /* as it is: no copy and no look-up */
    } else {
        apply(metaverse, link, batch);
    }
    link->source_clock = batch->source_clock;
    tell_clock(metaverse);
    metaverse->integration.changed |= batch->count > 0;
}

/* ---- the steps ---- */

static void step_failed(Metaverse *metaverse, SystemLink *link, const char *reason)
{
    link->retry_pause = link->retry_pause == 0 ? RETRY_FIRST : link->retry_pause * 2;
    link->retry_pause = link->retry_pause > RETRY_MOST ? RETRY_MOST : link->retry_pause;
    link->retry_at = metaverse->now + link->retry_pause;
    link->stage = LINK_IDLE;
    link->request = 0;
    message_clean_text(reason, link->reason, sizeof link->reason);
    log_warning(LOG_MODULE, "system '%s': %s; tried again in %.0f s", link->entry.name, link->reason,
                time_to_seconds(link->retry_pause));
}

static void enter(Metaverse *metaverse, SystemLink *link, LinkStage stage, Status asked)
{
    if (asked == STATUS_OK) {
        link->stage = stage;
    } else {
        step_failed(metaverse, link, status_text(asked));
    }
}

static void inspect(Metaverse *metaverse, SystemLink *link)
{
    enter(metaverse, link, LINK_INSPECTING,
          consumer_inspect(metaverse->integration.consumer, link->entry.name, &link->request));
}

static void describe(Metaverse *metaverse, SystemLink *link)
{
    enter(metaverse, link, LINK_DESCRIBING,
          consumer_describe(metaverse->integration.consumer, link->entry.name, &link->request));
}

/* Read access is the metaverse system's own, whoever looks at the world. */
static Status ask_read(Metaverse *metaverse, SystemLink *link)
{
    const SystemUser user = { .name = integration_name(metaverse), .key = "", .role = "viewer" };
    return consumer_access(metaverse->integration.consumer, link->entry.name, RIGHT_READ, &user,
                           &link->request);
}

static void ask(Metaverse *metaverse, SystemLink *link)
{
    enter(metaverse, link, LINK_ASKING, ask_read(metaverse, link));
}

static void subscribe(Metaverse *metaverse, SystemLink *link)
{
    uint64_t request = 0;
    Status status =
        consumer_subscribe(metaverse->integration.consumer, link->entry.name, link->grant, &request);
    link->request = request;
    if (link->stage == LINK_LIVE && status == STATUS_OK) {
        return; /* a renewed grant: values go on */
    }
    enter(metaverse, link, LINK_SUBSCRIBING, status);
}

static void on_models(Metaverse *metaverse, const ConsumerEvent *event)
{
    SystemLink *link = integration_link(metaverse, event->models->system);
    if (link == NULL || link->stage != LINK_DESCRIBING || link->request != event->request) {
        return;
    }
    Status status = binding_take(metaverse, link, event->models);
    if (status == STATUS_OK) {
        subscribe(metaverse, link);
    } else {
        step_failed(metaverse, link, status_text(status));
    }
}

/* The second stage of discovery: what there is to be asked for. */
static void on_inspected(Metaverse *metaverse, SystemLink *link, const SystemEntry *entry)
{
    link->entry.models = entry->models;
    ask(metaverse, link);
}

static void on_grant(Metaverse *metaverse, const ConsumerEvent *event)
{
    SystemLink *link = integration_link(metaverse, event->system);
    if (link == NULL || link->request != event->request || link->request == 0) {
        actuation_granted(metaverse, event);
        return;
    }
    link->request = 0;
    link->rights = event->grant.rights;
    if ((event->grant.rights & RIGHT_READ) == 0) {
        step_failed(metaverse, link, event->reason[0] != '\0' ? event->reason : "read access is not granted");
        return;
    }
    snprintf(link->grant, sizeof link->grant, "%s", event->grant.grant);
    TimeNs left = event->grant.expires - metaverse->integration.wall;
    TimeNs early = left > 2 * RENEW_BEFORE ? RENEW_BEFORE : left / 2;
    link->renew_at = event->grant.expires == TIME_FOREVER || event->grant.expires == TIME_NONE
                         ? TIME_FOREVER
                         : event->grant.expires - early;
    if (link->stage == LINK_LIVE) {
        subscribe(metaverse, link);
    } else {
        describe(metaverse, link);
    }
}

static void on_refused(Metaverse *metaverse, const ConsumerEvent *event)
{
    Integration *integration = &metaverse->integration;
    const char *reason = event->reason[0] != '\0' ? event->reason : "the enabler refuses";
    if (event->request != 0 && event->request == integration->discovery) {
        integration->discovery = 0;
        log_warning(LOG_MODULE, "discovery: %s", reason);
        return;
    }
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        SystemLink *link = &integration->links[i];
        if (event->request != 0 && link->request == event->request) {
            step_failed(metaverse, link, reason);
            return;
        }
    }
    actuation_refused(metaverse, event->request, reason);
}

/* ---- which systems there are ---- */

static void discover(Metaverse *metaverse)
{
    Integration *integration = &metaverse->integration;
    const char *domain = metaverse->config.domain != NULL ? metaverse->config.domain : "";
    if (consumer_discover(integration->consumer, domain, SYSTEM_NONE, &integration->discovery) != STATUS_OK) {
        integration->discovery = 0;
    }
    integration->discover_at = metaverse->now + DISCOVER_INTERVAL;
}

static void go_down(Metaverse *metaverse, SystemLink *link, const char *reason)
{
    bool was_up = link->entry.up;
    link->entry.up = false;
    link->stage = LINK_IDLE;
    link->request = 0;
    message_clean_text(reason, link->reason, sizeof link->reason);
    if (was_up) {
        log_warning(LOG_MODULE, "system '%s' is down: %s", link->entry.name, link->reason);
        make_stale(metaverse, link); /* at once: nobody watches the things any more */
        tell_clock(metaverse);
    }
}

static void come_up(Metaverse *metaverse, SystemLink *link)
{
    link->entry.up = true;
    if (link->stage == LINK_IDLE) {
        link->retry_pause = 0;
        inspect(metaverse, link);
    }
}

static SystemLink *free_link(Metaverse *metaverse)
{
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        if (metaverse->integration.links[i].entry.name[0] == '\0') {
            return &metaverse->integration.links[i];
        }
    }
    return NULL;
}

static void take_twin(Metaverse *metaverse, const SystemEntry *entry)
{
    SystemLink *link = integration_link(metaverse, entry->name);
    if (link == NULL) {
        link = free_link(metaverse);
    }
    if (link == NULL) {
        log_warning(LOG_MODULE, "system '%s' is not integrated: there are %u already", entry->name,
                    LINKS_MAX);
        return;
    }
    bool was_up = link->entry.up;
    link->entry = *entry;
    link->entry.up = was_up;
    if (!entry->up) {
        go_down(metaverse, link, "it is not connected to the enabler");
    } else {
        come_up(metaverse, link);
    }
}

static bool is_listed(const ConsumerEvent *event, const char *name)
{
    for (uint32_t i = 0; i < event->system_count; i++) {
        if (event->systems[i].kind == SYSTEM_TWIN && strcmp(event->systems[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void on_systems(Metaverse *metaverse, const ConsumerEvent *event)
{
    Integration *integration = &metaverse->integration;
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        SystemLink *link = &integration->links[i];
        if (link->stage == LINK_INSPECTING && link->request == event->request && event->system_count == 1) {
            on_inspected(metaverse, link, event->systems);
            return;
        }
    }
    if (event->request != integration->discovery) {
        return; /* an answer that is not waited for any more, about one system maybe: no list of all */
    }
    integration->discovery = 0;
    integration->service_count = 0;
    for (uint32_t i = 0; i < event->system_count; i++) {
        const SystemEntry *entry = &event->systems[i];
        if (entry->kind == SYSTEM_TWIN) {
            take_twin(metaverse, entry);
        } else if (integration->service_count < WIRE_SYSTEMS_MAX) {
            integration->services[integration->service_count++] = *entry;
        }
    }
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        SystemLink *link = &integration->links[i];
        if (link->entry.name[0] != '\0' && !is_listed(event, link->entry.name)) {
            go_down(metaverse, link, "it is not registered any more");
        }
    }
}

static void on_system_state(Metaverse *metaverse, const ConsumerEvent *event)
{
    SystemLink *link = integration_link(metaverse, event->system);
    if (link == NULL) {
        services_state(metaverse, event->system, event->up);
        discover(metaverse);
    } else if (!event->up) {
        go_down(metaverse, link, event->reason[0] != '\0' ? event->reason : "it is gone");
    } else {
        link->stage = LINK_IDLE; /* it may have restarted: everything is asked anew */
        come_up(metaverse, link);
    }
}

static void on_revoked(Metaverse *metaverse, const ConsumerEvent *event)
{
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        SystemLink *link = &metaverse->integration.links[i];
        if (link->stage >= LINK_DESCRIBING && strcmp(link->grant, event->grant.grant) == 0) {
            link->rights = 0;
            make_stale(metaverse, link);
            step_failed(metaverse, link,
                        event->reason[0] != '\0' ? event->reason : "read access was revoked");
            return;
        }
    }
    actuation_revoked(metaverse, event->grant.grant);
}

static void on_registered(Metaverse *metaverse)
{
    Integration *integration = &metaverse->integration;
    log_info(LOG_MODULE, "registered with the integration enabler as '%s'", integration_name(metaverse));
    integration->registered = true;
    integration->lost_at = TIME_NONE;
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        integration->links[i].stage = LINK_IDLE;
        integration->links[i].request = 0;
        integration->links[i].retry_at = metaverse->now + RETRY_FIRST;
    }
    services_doubt(metaverse);
    discover(metaverse);
}

/* Nothing is told to the clients yet: it is usually back before anything is too old. */
static void on_lost(Metaverse *metaverse)
{
    Integration *integration = &metaverse->integration;
    log_warning(LOG_MODULE, "the integration enabler is away");
    integration->registered = false;
    integration->lost_at = metaverse->now;
    integration->discovery = 0;
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        integration->links[i].stage = LINK_IDLE;
        integration->links[i].request = 0;
    }
}

static void on_event(Metaverse *metaverse, const ConsumerEvent *event)
{
    switch (event->type) {
    case CONSUMER_REGISTERED:
        on_registered(metaverse);
        break;
    case CONSUMER_LOST:
        on_lost(metaverse);
        break;
    case CONSUMER_SYSTEMS:
        on_systems(metaverse, event);
        break;
    case CONSUMER_MODELS:
        on_models(metaverse, event);
        break;
    case CONSUMER_GRANT:
        on_grant(metaverse, event);
        break;
    case CONSUMER_REFUSED:
        on_refused(metaverse, event);
        break;
    case CONSUMER_SYNC:
        on_sync(metaverse, event);
        break;
    case CONSUMER_SYSTEM_STATE:
        on_system_state(metaverse, event);
        break;
    case CONSUMER_COMMAND_STATE:
        actuation_state(metaverse, event);
        break;
    case CONSUMER_REVOKED:
        on_revoked(metaverse, event);
        break;
    case CONSUMER_ALARM:
        services_alarm(metaverse, event);
        break;
    case CONSUMER_NONE:
        break;
    }
}

/* ---- what time brings ---- */

typedef struct Ageing {
    TimeNs clock; /* the source's, had it gone on; TIME_NONE: not known */
    bool events;  /* what has no period is too old as well */
} Ageing;

static bool too_old(const void *context, const Property *property, const ChannelState *channel)
{
    const Ageing *ageing = context;
    if (property->period <= 0) {
        return ageing->events;
    }
    return ageing->clock == TIME_NONE || channel->source_time == TIME_NONE ||
           (double)ageing->clock - (double)channel->source_time > (double)property->period * PERIODS;
}

/* While the enabler is away. */
static void age_values(Metaverse *metaverse)
{
    Integration *integration = &metaverse->integration;
    TimeNs away = integration->lost_at == TIME_NONE ? 0 : metaverse->now - integration->lost_at;
    if (away < ENABLER_GRACE ||
        (integration->aged_at != TIME_NONE && metaverse->now - integration->aged_at < SWEEP_INTERVAL)) {
        return;
    }
    integration->aged_at = metaverse->now;
    for (uint32_t l = 0; l < LINKS_MAX; l++) {
        const SystemLink *link = &integration->links[l];
        bool sane = link->source_clock > -SOURCE_SPAN_MAX && link->source_clock < SOURCE_SPAN_MAX;
        const Ageing ageing = { .clock = sane ? link->source_clock + away : TIME_NONE,
                                .events = away >= EVENT_GRACE };
        for (uint32_t i = 0; i < link->thing_count; i++) {
            if (link->to_world[i] != WORLD_NO_THING) {
                integration->changed |= replication_stale(metaverse, link->to_world[i], too_old, &ageing);
            }
        }
    }
}

static void keep_up(Metaverse *metaverse)
{
    Integration *integration = &metaverse->integration;
    if (!integration->registered) {
        return;
    }
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        SystemLink *link = &integration->links[i];
        if (link->entry.name[0] == '\0' || !link->entry.up) {
            continue;
        }
        if (link->stage == LINK_IDLE && metaverse->now >= link->retry_at) {
            inspect(metaverse, link);
        } else if (link->stage == LINK_LIVE && integration->wall >= link->renew_at) {
            link->renew_at = TIME_FOREVER;
            if (ask_read(metaverse, link) != STATUS_OK) {
                link->renew_at = integration->wall + RETRY_FIRST;
            }
        }
    }
    bool all_bound = integration->bound == metaverse->world->thing_count;
    TimeNs due = integration->discover_at + (all_bound ? 5 * DISCOVER_INTERVAL : 0);
    if (integration->discovery == 0 && metaverse->now >= due) {
        discover(metaverse);
    }
}

static void count_syncs(Metaverse *metaverse)
{
    Integration *integration = &metaverse->integration;
    if (integration->second != TIME_NONE && metaverse->now - integration->second < TIME_SECOND) {
        return;
    }
    integration->second = metaverse->now;
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        integration->links[i].syncs_before = integration->links[i].syncs;
        integration->links[i].syncs = 0;
    }
}

bool metaverse_systems(Metaverse *metaverse, TimeNs now, TimeNs wall)
{
    Integration *integration = &metaverse->integration;
    metaverse->now = now;
    integration->wall = wall;
    integration->changed = false;
    if (integration->consumer != NULL) {
        ProfileScope scope = profile_begin("integrate");
        ConsumerEvent event;
        count_syncs(metaverse);
        for (uint32_t i = 0;
             i < POLL_MAX && consumer_poll(integration->consumer, now, wall, &event) == STATUS_OK; i++) {
            on_event(metaverse, &event);
        }
        keep_up(metaverse);
        age_values(metaverse);
        actuation_sweep(metaverse);
        services_sweep(metaverse);
        consumer_flush(integration->consumer, now);
        metaverse->counters.things_bound = integration->bound;
        profile_end(scope);
    }
    return integration->changed;
}
