#include "shared/systems/bus_local.h"

#include "shared/systems/message_queue.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define CAPACITY_DEFAULT    1024
#define BYTE_LIMIT_DEFAULT  ((size_t)64 << 20)
#define ATTACHMENTS_DEFAULT 256

typedef struct Hub Hub;

/* What one side has been told of the other, and what it is to be told next. */
typedef struct Standing {
    bool up;         /* as told */
    bool down_first; /* it went away since; told before anything else */
    bool come;       /* it is there, not told yet */
} Standing;

/* A way between the hub and one endpoint. */
typedef struct Link {
    char name[SYSTEM_NAME_SIZE];
    SystemKind kind;
    struct Endpoint *endpoint; /* NULL: gone, and the link is free once the hub knows */
    bool cut;
    MessageQueue to_hub, to_endpoint;
    const SyncBatch *sync; /* that it sent last */
    Standing at_hub, at_endpoint;
} Link;

typedef struct Endpoint {
    Hub *hub;   /* NULL when it is gone */
    Link *link; /* NULL when the hub is gone */
    bool told_up;
} Endpoint;

struct Hub {
    BusLocalConfig config;
    char name[SYSTEM_NAME_SIZE];
    Link **links; /* config.attachments places, link_count of them used */
    uint32_t link_count;
    uint32_t turn; /* the link that is polled */
    BusTap tap;
    BusLocalCounters counters;
};

static void standing_up(Standing *standing)
{
    standing->come = true;
}

static void standing_down(Standing *standing)
{
    standing->come = false;
    standing->down_first = standing->up;
}

/* The next thing to tell of the other side: BUS_MESSAGE when there is nothing of the kind. */
static BusEventType standing_next(Standing *standing)
{
    if (standing->down_first) {
        standing->down_first = standing->up = false;
        return BUS_DOWN;
    }
    if (standing->come) {
        standing->come = false;
        standing->up = true;
        return BUS_UP;
    }
    return BUS_MESSAGE;
}

static void link_down(Link *link)
{
    link->sync = NULL;
    message_queue_clear(&link->to_hub);
    message_queue_clear(&link->to_endpoint);
    standing_down(&link->at_hub);
    standing_down(&link->at_endpoint);
}

static void link_up(Link *link)
{
    standing_up(&link->at_hub);
    standing_up(&link->at_endpoint);
}

static void link_destroy(Link *link)
{
    if (link != NULL) {
        message_queue_finish(&link->to_hub);
        message_queue_finish(&link->to_endpoint);
        free(link);
    }
}

/* ---- taking messages over ---- */

static Status take_over(Hub *hub, MessageQueue *queue, const BusMessage *message, const char *reason,
                        bool copy_sync)
{
    Status status = message_queue_push(queue, message, reason, copy_sync);
    if (status != STATUS_OK) {
        hub->counters.full++;
        return status;
    }
    if (reason != NULL) {
        hub->counters.refused++;
        return STATUS_NOT_ALLOWED;
    }
    hub->counters.messages++;
    if (hub->tap.seen != NULL) {
        size_t size = message->sync == NULL
                          ? message->body.size
                          : sizeof *message->sync + message->sync->count * sizeof(SyncSample);
        hub->tap.seen(hub->tap.context, message, size);
    }
    return STATUS_OK;
}

static Status endpoint_send(void *context, const BusMessage *message)
{
    Endpoint *endpoint = context;
    Link *link = endpoint->link;
    if (link == NULL || link->cut) {
        return STATUS_DISCONNECTED;
    }
    BusMessage copy = *message;
    memcpy(copy.from, link->name, sizeof copy.from);
    memcpy(copy.to, endpoint->hub->name, sizeof copy.to);
    if (link->kind == SYSTEM_TWIN) {
        memcpy(copy.subject, link->name, sizeof copy.subject); /* a twin system speaks of itself only */
    }
    link->sync = message->sync != NULL ? message->sync : link->sync;
    bool allowed = family_rule((uint8_t)message->id)->sender == link->kind;
    return take_over(endpoint->hub, &link->to_hub, &copy,
                     allowed ? NULL : "a system of this kind may not send this message", false);
}

static Link *find_link(const Hub *hub, const char *name)
{
    for (uint32_t i = 0; i < hub->link_count; i++) {
        if (strncmp(hub->links[i]->name, name, SYSTEM_NAME_SIZE) == 0) {
            return hub->links[i];
        }
    }
    return NULL;
}

/* Whether a batch is the memory of a twin system of this process, which keeps it until its next tick. The
 * hub's own, and one from another process, is gone sooner. */
static bool lasts(const Hub *hub, const SyncBatch *sync)
{
    for (uint32_t i = 0; i < hub->link_count; i++) {
        if (sync != NULL && hub->links[i]->sync == sync) {
            return true;
        }
    }
    return false;
}

static Status hub_send(void *context, const BusMessage *message)
{
    Hub *hub = context;
    const FamilyRule *rule = family_rule((uint8_t)message->id);
    if (rule->sender != SYSTEM_ENABLER) {
        return STATUS_NOT_ALLOWED;
    }
    Link *link = find_link(hub, message->to);
    if (link == NULL || link->endpoint == NULL || link->cut) {
        return STATUS_DISCONNECTED;
    }
    if (rule->receiver != link->kind) {
        return STATUS_NOT_ALLOWED;
    }
    BusMessage copy = *message;
    memcpy(copy.from, hub->name, sizeof copy.from);
    return take_over(hub, &link->to_endpoint, &copy, NULL, !lasts(hub, message->sync));
}

/* ---- polling ---- */

/* What a link has for one side. */
static Status poll_link(Standing *standing, MessageQueue *queue, BusEvent *out_event)
{
    out_event->type = standing_next(standing);
    if (out_event->type != BUS_MESSAGE) {
        return STATUS_OK;
    }
    const QueuedMessage *entry = message_queue_take(queue);
    if (entry == NULL) {
        return STATUS_EMPTY;
    }
    out_event->message = entry->message;
    if (entry->reason != NULL) {
        out_event->type = BUS_REFUSED;
        out_event->reason = entry->reason;
    }
    return STATUS_OK;
}

static Status endpoint_poll(void *context, TimeNs now, BusEvent *out_event)
{
    (void)now;
    Endpoint *endpoint = context;
    BusEvent event = { .kind = SYSTEM_ENABLER, .who = "local", .reason = "" };
    if (endpoint->link == NULL) {
        event.type = BUS_DOWN;
        Status status = endpoint->told_up ? STATUS_OK : STATUS_EMPTY;
        endpoint->told_up = false;
        if (status == STATUS_OK) {
            *out_event = event;
        }
        return status;
    }
    memcpy(event.message.from, endpoint->hub->name, sizeof event.message.from);
    Status status = poll_link(&endpoint->link->at_endpoint, &endpoint->link->to_endpoint, &event);
    endpoint->told_up = endpoint->link->at_endpoint.up;
    if (status == STATUS_OK) {
        *out_event = event;
    }
    return status;
}

static Status hub_poll(void *context, TimeNs now, BusEvent *out_event)
{
    (void)now;
    Hub *hub = context;
    for (uint32_t looked = 0; looked < hub->link_count; looked++) {
        Link *link = hub->links[hub->turn % hub->link_count];
        BusEvent event = { .kind = link->kind, .who = "local", .reason = "" };
        memcpy(event.message.from, link->name, sizeof event.message.from);
        if (poll_link(&link->at_hub, &link->to_hub, &event) == STATUS_OK) {
            *out_event = event;
            return STATUS_OK;
        }
        hub->turn = (hub->turn + 1) % hub->link_count;
    }
    return STATUS_EMPTY;
}

static void local_flush(void *context, TimeNs now)
{
    (void)context, (void)now;
}

/* ---- coming and going ---- */

static void endpoint_destroy(void *context)
{
    Endpoint *endpoint = context;
    if (endpoint->link != NULL) {
        if (!endpoint->link->cut) {
            link_down(endpoint->link);
        }
        endpoint->link->endpoint = NULL;
    }
    free(endpoint);
}

static void hub_set_tap(void *context, BusTap tap)
{
    ((Hub *)context)->tap = tap;
}

static void hub_destroy(void *context)
{
    Hub *hub = context;
    for (uint32_t i = 0; i < hub->link_count; i++) {
        if (hub->links[i]->endpoint != NULL) {
            hub->links[i]->endpoint->hub = NULL;
            hub->links[i]->endpoint->link = NULL;
        }
        link_destroy(hub->links[i]);
    }
    free(hub->links);
    free(hub);
}

static const BusOps hub_ops = {
    .send = hub_send, .poll = hub_poll, .flush = local_flush, .set_tap = hub_set_tap, .destroy = hub_destroy
};

static const BusOps endpoint_ops = {
    .send = endpoint_send, .poll = endpoint_poll, .flush = local_flush, .destroy = endpoint_destroy
};

Status bus_local_create(const BusLocalConfig *config, Bus *out_hub)
{
    BusLocalConfig used = *config;
    used.name = used.name == NULL ? BUS_LOCAL_NAME : used.name;
    used.capacity = used.capacity == 0 ? CAPACITY_DEFAULT : used.capacity;
    used.byte_limit = used.byte_limit == 0 ? BYTE_LIMIT_DEFAULT : used.byte_limit;
    used.attachments = used.attachments == 0 ? ATTACHMENTS_DEFAULT : used.attachments;
    if (!system_name_valid(used.name)) {
        return STATUS_INVALID_ARGUMENT;
    }
    Hub *hub = calloc(1, sizeof *hub);
    Link **links = calloc(used.attachments, sizeof(Link *));
    if (hub == NULL || links == NULL) {
        free(hub);
        free(links);
        return STATUS_OUT_OF_MEMORY;
    }
    hub->links = links;
    hub->config = used;
    snprintf(hub->name, sizeof hub->name, "%s", used.name);
    hub->config.name = hub->name;
    *out_hub = (Bus){ .ops = &hub_ops, .context = hub };
    return STATUS_OK;
}

static Status link_create(const Hub *hub, Link **out_link)
{
    Link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    if (message_queue_init(&link->to_hub, hub->config.capacity, hub->config.byte_limit) != STATUS_OK ||
        message_queue_init(&link->to_endpoint, hub->config.capacity, hub->config.byte_limit) != STATUS_OK) {
        link_destroy(link);
        return STATUS_OUT_OF_MEMORY;
    }
    *out_link = link;
    return STATUS_OK;
}

/* A link for `name`: the one it had, a new one, or that of somebody who is gone and forgotten. */
static Status find_place(Hub *hub, const char *name, SystemKind kind, Link **out_link)
{
    Link *link = find_link(hub, name);
    if (link != NULL && link->endpoint != NULL) {
        return STATUS_DUPLICATE;
    }
    if (link != NULL && link->kind != kind && link->at_hub.up) {
        return STATUS_DUPLICATE; /* not before the hub knows that the other is gone */
    }
    for (uint32_t i = 0; i < hub->link_count && link == NULL; i++) {
        Link *old = hub->links[i];
        if (old->endpoint == NULL && !old->at_hub.up && hub->link_count == hub->config.attachments) {
            link = old;
        }
    }
    if (link == NULL && hub->link_count == hub->config.attachments) {
        return STATUS_CAPACITY;
    }
    if (link == NULL) {
        Status status = link_create(hub, &link);
        if (status != STATUS_OK) {
            return status;
        }
        hub->links[hub->link_count++] = link;
    }
    *out_link = link;
    return STATUS_OK;
}

static Status attach(Hub *hub, SystemKind kind, const char *name, Bus *out_endpoint)
{
    if (!system_name_valid(name) || strcmp(name, hub->name) == 0 ||
        (kind != SYSTEM_TWIN && kind != SYSTEM_METAVERSE && kind != SYSTEM_SERVICE)) {
        return STATUS_INVALID_ARGUMENT;
    }
    Endpoint *endpoint = calloc(1, sizeof *endpoint);
    if (endpoint == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    Link *link;
    Status status = find_place(hub, name, kind, &link);
    if (status != STATUS_OK) {
        free(endpoint);
        return status;
    }
    snprintf(link->name, sizeof link->name, "%s", name);
    link->kind = kind;
    link->cut = false;
    link->endpoint = endpoint;
    link->at_endpoint = (Standing){ 0 };
    link_up(link);
    *endpoint = (Endpoint){ .hub = hub, .link = link };
    *out_endpoint = (Bus){ .ops = &endpoint_ops, .context = endpoint };
    return STATUS_OK;
}

Status bus_local_attach(Bus hub, SystemKind kind, const char *name, Bus *out_endpoint)
{
    assert(hub.ops == &hub_ops);
    return attach(hub.context, kind, name, out_endpoint);
}

void bus_local_cut(Bus endpoint, bool cut)
{
    assert(endpoint.ops == &endpoint_ops);
    Link *link = ((Endpoint *)endpoint.context)->link;
    if (link == NULL || link->cut == cut) {
        return;
    }
    link->cut = cut;
    if (cut) {
        link_down(link);
    } else {
        link_up(link);
    }
}

bool bus_local_attached(Bus hub, const char *name)
{
    assert(hub.ops == &hub_ops);
    const Link *link = find_link(hub.context, name);
    return link != NULL && link->endpoint != NULL;
}

const BusLocalCounters *bus_local_counters(Bus hub)
{
    assert(hub.ops == &hub_ops);
    return &((const Hub *)hub.context)->counters;
}
