/* Synchronisation (step 6): the samples of a twin system go to those who have subscribed with a grant to
 * read. The route of a twin system is its list of subscriptions, made when someone subscribes and shortened
 * when a grant ends, so that a tick looks nothing up. A grant for all things passes the very same batch on.
 */
#include "server/enabler/state.h"

#include <stdio.h>
#include <stdlib.h>

#define SNAPSHOT_RETRY (2 * TIME_SECOND)
#define BITS           64u

/* ---- routes ---- */

static void remove_route(System *twin, uint32_t index)
{
    free(twin->subscriptions[index].covered);
    twin->subscription_count--;
    twin->subscriptions[index] = twin->subscriptions[twin->subscription_count];
}

static void drop_where(Enabler *enabler, bool by_grant, uint32_t index)
{
    for (uint32_t i = 0; i < enabler->config.systems_max; i++) {
        System *twin = &enabler->systems[i];
        for (uint32_t k = twin->subscription_count; k-- > 0;) {
            const Subscription *route = &twin->subscriptions[k];
            if ((by_grant ? route->grant : route->consumer) == index) {
                remove_route(twin, k);
            }
        }
    }
}

void routes_drop_grant(Enabler *enabler, uint32_t grant)
{
    drop_where(enabler, true, grant);
}

void routes_drop_consumer(Enabler *enabler, uint32_t consumer)
{
    drop_where(enabler, false, consumer);
}

void routes_drop_twin(System *twin)
{
    while (twin->subscription_count > 0) {
        remove_route(twin, twin->subscription_count - 1);
    }
}

void routes_wait(Enabler *enabler, System *twin)
{
    for (uint32_t i = 0; i < twin->subscription_count; i++) {
        twin->subscriptions[i].waiting = true;
    }
    twin->values_known = false;
    twin->values_wanted = grants_any(enabler, NULL, twin->stored.name, RIGHT_ACTUATE);
    twin->snapshot_asked = TIME_NONE;
}

const Subscription *route_of(const System *twin, uint32_t consumer)
{
    for (uint32_t i = 0; i < twin->subscription_count; i++) {
        if (twin->subscriptions[i].consumer == consumer) {
            return &twin->subscriptions[i];
        }
    }
    return NULL;
}

/* A bit for each thing that a restricted grant covers; NULL without memory. */
static uint64_t *cover(const System *twin, const Grant *grant)
{
    uint64_t *bits = calloc(twin->live.thing_count / BITS + 1, sizeof *bits);
    const char *things = grant->things;
    for (const char *end; bits && (end = strchr(things, '\n')) != NULL; things = end + 1) {
        char id[THING_ID_SIZE];
        snprintf(id, sizeof id, "%.*s", (int)(end - things), things);
        int64_t thing = publication_thing(&twin->live, id);
        if (thing >= 0) {
            bits[(uint64_t)thing / BITS] |= UINT64_C(1) << ((uint64_t)thing % BITS);
        }
    }
    return bits;
}

/* One more place in the list; the old one of this consumer is free then. */
static Subscription *new_route(System *twin, uint32_t consumer)
{
    for (uint32_t i = twin->subscription_count; i-- > 0;) {
        if (twin->subscriptions[i].consumer == consumer) {
            remove_route(twin, i);
        }
    }
    if (twin->subscription_count == twin->subscription_capacity) {
        uint32_t capacity = twin->subscription_capacity * 2 + 4;
        Subscription *grown = realloc(twin->subscriptions, capacity * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        twin->subscriptions = grown;
        twin->subscription_capacity = capacity;
    }
    return &twin->subscriptions[twin->subscription_count];
}

void handle_subscribe(Enabler *enabler, Request *request)
{
    static const char *const keys[] = { "schema", "system", "grant", NULL };
    char name[SYSTEM_NAME_SIZE];
    json_known_keys(&request->root, keys);
    read_required(&request->root, "system", 1, name, sizeof name);
    JsonNode grant_node = json_required(&request->root, "grant");
    const char *id = body_read_id(&grant_node), *why = "";
    if (refused_document(enabler, request)) {
        return;
    }
    Grant *grant = grant_find(enabler, id, request->from, name, RIGHT_READ, &why);
    System *twin = system_find(enabler, name);
    if (!grant || !twin) {
        refuse(enabler, request, STATUS_NOT_ALLOWED, name, "%s", grant ? "there is no such system" : why);
        return;
    }
    uint64_t *covered = grant->things ? cover(twin, grant) : NULL;
    Subscription *route = new_route(twin, system_index(enabler, request->from));
    if (!route || (grant->things && !covered)) {
        free(covered);
        refuse(enabler, request, STATUS_OUT_OF_MEMORY, name, "out of memory");
        return;
    }
    *route = (Subscription){ .consumer = system_index(enabler, request->from),
                             .grant = (uint32_t)(grant - enabler->grants),
                             .sync = consumer_message(request->from->stored.kind, MII_SYNC),
                             .waiting = true,
                             .covered = covered };
    twin->subscription_count++;
    audit_grant(enabler, &grant->stored, "subscribe", "allowed", "");
    alarms_tell(enabler, twin, route);
}

/* ---- samples ---- */

static bool sample_exists(const System *twin, const SyncSample *sample)
{
    if (sample->thing >= twin->live.thing_count || sample->quality >= QUALITY_COUNT) {
        return false;
    }
    const ThingModel *model = twin->live.schema[sample->thing].model;
    if (sample->property >= model->property_count) {
        return false;
    }
    const Property *property = &model->properties[sample->property];
    bool choice = sample->quality != QUALITY_NONE &&
                  (property->encoding == CHANNEL_ENUM || property->encoding == CHANNEL_BOOLEAN);
    int64_t choices = property->encoding == CHANNEL_ENUM ? property->enum_count : 2;
    return !choice || (sample->code >= 0 && sample->code < choices);
}

/* The samples of `batch` for which `covered` has a bit, or which exist at all, in scratch memory. NULL
 * without memory. */
static const SyncBatch *filter(Enabler *enabler, const System *twin, const SyncBatch *batch,
                               const uint64_t *covered)
{
    SyncBatch *copy = arena_new(&enabler->scratch, SyncBatch);
    SyncSample *samples = arena_new_array(&enabler->scratch, SyncSample, batch->count);
    if (!copy || !samples) {
        return NULL;
    }
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const SyncSample *sample = &batch->samples[i];
        bool kept = covered ? covered[sample->thing / BITS] >> (sample->thing % BITS) & 1
                            : sample_exists(twin, sample);
        if (kept) {
            samples[count++] = *sample;
        }
    }
    *copy = *batch;
    copy->samples = samples;
    copy->count = count;
    return copy;
}

/* The same samples, not said to be all there are: for those who did not ask for a snapshot. */
static const SyncBatch *as_update(Enabler *enabler, const SyncBatch *batch)
{
    SyncBatch *copy = arena_new(&enabler->scratch, SyncBatch);
    if (copy) {
        *copy = *batch;
        copy->snapshot = false;
    }
    return copy;
}

/* Keeps the last values, for interlocks. */
static void keep_values(System *twin, const SyncBatch *batch)
{
    if (batch->restarted || batch->snapshot) {
        for (uint32_t i = 0; i < twin->live.value_count; i++) {
            twin->values[i] = (Reported){ .source_time = TIME_NONE };
        }
    }
    for (size_t i = 0; i < batch->count; i++) {
        const SyncSample *sample = &batch->samples[i];
        twin->values[twin->live.things[sample->thing].values + sample->property] = (Reported){
            .code = sample->code, .source_time = sample->source_time, .quality = sample->quality
        };
    }
    twin->source_clock = batch->source_clock;
}

/* `batch`, or what is left of it when some of its samples are of nothing that was published; NULL without
 * memory. */
static const SyncBatch *check_samples(Enabler *enabler, System *twin, const SyncBatch *batch)
{
    size_t wrong = 0;
    for (size_t i = 0; i < batch->count; i++) {
        wrong += !sample_exists(twin, &batch->samples[i]);
    }
    if (wrong == 0) {
        return batch;
    }
    enabler->counters.samples_dropped += wrong;
    char reason[96];
    snprintf(reason, sizeof reason, "%zu samples of things, properties or values that it has not published",
             wrong);
    audit_refused(enabler, twin,
                  &(AuditLine){ .system = twin->stored.name,
                                .key = twin->who,
                                .what = "dii.sync/1",
                                .subject = twin->stored.name,
                                .result = "refused",
                                .reason = reason });
    return filter(enabler, twin, batch, NULL);
}

static void send_sync(Enabler *enabler, const System *twin, Subscription *route, const SyncBatch *batch)
{
    const System *consumer = &enabler->systems[route->consumer];
    const SyncBatch *sent = batch && route->covered ? filter(enabler, twin, batch, route->covered) : batch;
    BusMessage message = { .id = route->sync, .sync = sent };
    memcpy(message.to, consumer->stored.name, sizeof message.to);
    memcpy(message.subject, twin->stored.name, sizeof message.subject);
    bool taken = sent && bus_send(enabler->hubs[consumer->hub], &message) == STATUS_OK;
    /* Who has missed something needs all values again. */
    route->waiting = !taken;
    enabler->counters.syncs_routed += taken;
    enabler->counters.syncs_dropped += !taken;
}

/* To everyone on the route: a snapshot to who waits for one, the same as plain values to the others. */
static void send_all(Enabler *enabler, System *twin, const SyncBatch *batch)
{
    const SyncBatch *update = batch->snapshot ? NULL : batch;
    for (uint32_t i = 0; i < twin->subscription_count; i++) {
        Subscription *route = &twin->subscriptions[i];
        if (!enabler->systems[route->consumer].up) {
            route->waiting = true; /* its queue would only fill */
        } else if (route->waiting && batch->snapshot) {
            send_sync(enabler, twin, route, batch);
        } else if (!route->waiting) {
            update = update ? update : as_update(enabler, batch);
            send_sync(enabler, twin, route, update);
        }
    }
}

void route_sync(Enabler *enabler, System *twin, const SyncBatch *given)
{
    if (!twin->published) {
        enabler->counters.syncs_dropped++;
        return;
    }
    enabler->counters.syncs++;
    enabler->counters.sync_samples += given->count;
    const SyncBatch *batch = check_samples(enabler, twin, given);
    if (!batch) {
        enabler->counters.syncs_dropped++;
        routes_wait(enabler, twin);
        return;
    }
    keep_values(twin, batch);
    if (batch->snapshot) {
        twin->values_known = true;
        twin->values_wanted = false;
        twin->snapshot_asked = TIME_NONE;
    }
    send_all(enabler, twin, batch);
}

/* Asks twin systems for all values where someone waits for them, or their interlocks have to be judged. */
void routing_tick(Enabler *enabler)
{
    for (uint32_t i = 0; i < enabler->config.systems_max; i++) {
        System *twin = &enabler->systems[i];
        bool wanted = twin->values_wanted;
        for (uint32_t k = 0; k < twin->subscription_count && !wanted; k++) {
            const Subscription *route = &twin->subscriptions[k];
            wanted = route->waiting && enabler->systems[route->consumer].up;
        }
        bool asked =
            twin->snapshot_asked != TIME_NONE && enabler->now - twin->snapshot_asked < SNAPSHOT_RETRY;
        if (!wanted || asked || !twin->up) {
            continue;
        }
        BodyWriter body = body_begin(DII_SNAPSHOT);
        if (send_body(enabler, twin, 0, twin->stored.name, &body)) {
            twin->snapshot_asked = enabler->now;
            enabler->counters.snapshots_asked++;
        }
    }
}
