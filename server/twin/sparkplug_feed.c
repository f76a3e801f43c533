#include "server/twin/sparkplug_feed.h"

#include "server/twin/live_samples.h"
#include "server/twin/sparkplug_nodes.h"
#include "server/twin/sparkplug_value.h"

#include <stdio.h>
#include <stdlib.h>

#define MESSAGES_A_POLL 65536
#define LEVELS          5

/* What was delivered last, to be repeated as stale when its device dies. */
typedef struct Last {
    int64_t code;
    TimeNs time;
    bool good;  /* the last was good, and not said to be stale since */
    bool dying; /* is to be */
} Last;

typedef struct SparkplugFeed {
    Arena arena;
    MqttLink link;
    const SparkplugMapping *mapping;
    const World *world;
    TextTable *texts;
    TimeNs since;
    LiveSamples live;
    SparkplugNodes *nodes;
    Last *last;      /* per property */
    uint32_t dying;  /* of them, still to be delivered */
    bool entered;    /* the oldest message has done all but deliver its metrics */
    uint32_t device; /* that it is about */
    bool birth;      /* it is one */
    uint32_t done;   /* metrics of it that have been delivered */
    uint32_t connections;
    char state_topic[MQTT_TOPIC_SIZE_MAX + 1];
    bool says_state; /* still to be published on this connection */
} SparkplugFeed;

typedef enum MessageKind { OTHER, NBIRTH, DBIRTH, NDATA, DDATA, NDEATH, DDEATH } MessageKind;

/* spBv1.0/{group}/{kind}/{edge}[/{device}] */
typedef struct Topic {
    MessageKind kind;
    Bytes group, edge, device;
} Topic;

static bool is(Bytes level, const char *text)
{
    return level.size == strlen(text) && memcmp(level.data, text, level.size) == 0;
}

static bool read_topic(const MqttMessage *message, Topic *out_topic)
{
    static const char *const kinds[] = { "", "NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH" };
    Bytes levels[LEVELS];
    size_t count = 0;
    const char *at = message->topic;
    for (bool more = true; more; count++) {
        size_t size = strcspn(at, "/");
        if (count == LEVELS) {
            return false;
        }
        levels[count] = bytes_of(at, size);
        more = at[size] == '/';
        at += size + more;
    }
    Topic topic = { 0 };
    for (int kind = NBIRTH; kind <= DDEATH && count >= 4; kind++) {
        topic.kind = is(levels[2], kinds[kind]) ? (MessageKind)kind : topic.kind;
    }
    bool of_device = topic.kind == DBIRTH || topic.kind == DDATA || topic.kind == DDEATH;
    if (count < 4 || !is(levels[0], "spBv1.0") || (topic.kind != OTHER && (count == 5) != of_device) ||
        (of_device && levels[4].size == 0)) {
        return false;
    }
    topic.group = levels[1];
    topic.edge = levels[3];
    topic.device = count == 5 ? levels[4] : (Bytes){ 0 };
    *out_topic = topic;
    return true;
}

static TimeNs now_of(const SparkplugFeed *feed)
{
    return feed->link.ops->clock(feed->link.context);
}

static uint64_t now_ms(const SparkplugFeed *feed)
{
    TimeNs now = now_of(feed);
    return now > 0 ? (uint64_t)(now / TIME_MS) : 0;
}

/* ---- what a host says ---- */

size_t sparkplug_state(bool online, TimeNs since, char *out)
{
    return (size_t)snprintf(out, SPARKPLUG_STATE_SIZE, "{\"online\": %s, \"timestamp\": %lld}",
                            online ? "true" : "false", (long long)(since / TIME_MS));
}

static void say_state(SparkplugFeed *feed)
{
    char state[SPARKPLUG_STATE_SIZE];
    size_t size = sparkplug_state(true, feed->since, state);
    MqttPublish message = {
        .topic = feed->state_topic, .payload = bytes_of(state, size), .qos = 1, .retain = true
    };
    feed->says_state = feed->link.ops->publish(feed->link.context, &message) != STATUS_OK;
}

/* Sends one metric to a node (`device` empty) or device. */
static Status send_metric(const SparkplugFeed *feed, const SparkplugNode *node, const char *device,
                          const SparkplugMetric *metric)
{
    char topic[3 * SPARKPLUG_NAME_MAX];
    uint8_t payload[1400];
    const SparkplugPayload head = { .has_timestamp = true, .timestamp = now_ms(feed) };
    size_t size = sparkplug_write(&head, metric, 1, payload, sizeof payload);
    int length =
        snprintf(topic, sizeof topic, "spBv1.0/%s/%s/%s%s%s", node->group,
                 device[0] == '\0' ? "NCMD" : "DCMD", node->edge, device[0] == '\0' ? "" : "/", device);
    if (size == 0 || length >= (int)sizeof topic) {
        return STATUS_OUT_OF_RANGE;
    }
    return feed->link.ops->publish(feed->link.context,
                                   &(MqttPublish){ .topic = topic, .payload = bytes_of(payload, size) });
}

/* A node of which we missed something is asked to say all again. */
static void ask_rebirth(SparkplugFeed *feed, SparkplugNode *node)
{
    static const char name[] = "Node Control/Rebirth";
    TimeNs now = now_of(feed);
    node->in_step = false;
    if (node->asked != TIME_NONE && now - node->asked < SPARKPLUG_REBIRTH_INTERVAL && now >= node->asked) {
        return;
    }
    SparkplugMetric rebirth = { .name = bytes_of(name, sizeof name - 1),
                                .type = SPARKPLUG_BOOLEAN,
                                .field = SPARKPLUG_VALUE_BOOLEAN,
                                .integer = 1 };
    if (send_metric(feed, node, "", &rebirth) == STATUS_OK) {
        node->asked = now;
    }
}

/* ---- births, deaths, steps ---- */

/* The number of a metric called bdSeq; false when there is none. */
static bool find_bd_seq(SparkplugPayload payload, uint64_t *out_number)
{
    SparkplugMetric metric;
    while (sparkplug_next(&payload, &metric)) {
        if (is(metric.name, "bdSeq") && !metric.null &&
            (metric.field == SPARKPLUG_VALUE_LONG || metric.field == SPARKPLUG_VALUE_INT)) {
            *out_number = metric.integer;
            return true;
        }
    }
    return false;
}

/* Everything that came by a device, or by all devices of a node, is to be delivered as stale. */
static void die(SparkplugFeed *feed, uint32_t node, uint32_t device)
{
    for (uint32_t t = 0; t < feed->world->thing_count; t++) {
        for (uint8_t p = 0; p < feed->world->things[t].model->property_count; p++) {
            const char *name;
            Last *last = &feed->last[feed->live.index.first_slot[t] + p];
            const SparkplugKnown *known = last->good ? sparkplug_route(feed->nodes, t, p, &name) : NULL;
            if (known != NULL && !last->dying &&
                (device == SPARKPLUG_NONE ? sparkplug_device(feed->nodes, known->device)->node == node
                                          : known->device == device)) {
                last->dying = true;
                feed->dying++;
            }
        }
    }
}

/* False when not all of them fitted. */
static bool deliver_dying(SparkplugFeed *feed, TimeNs arrival)
{
    for (uint32_t t = 0; t < feed->world->thing_count && feed->dying > 0; t++) {
        for (uint8_t p = 0; p < feed->world->things[t].model->property_count && feed->dying > 0; p++) {
            Last *last = &feed->last[feed->live.index.first_slot[t] + p];
            if (!last->dying) {
                continue;
            }
            if (!live_samples_room(&feed->live)) {
                return false;
            }
            TraceSample sample = { .source_time = last->time,
                                   .thing = t,
                                   .property = p,
                                   .quality = QUALITY_GOOD,
                                   .code = last->code };
            last->dying = last->good = false;
            feed->dying--;
            (void)live_samples_add(&feed->live, &sample, LIVE_PAST, arrival);
        }
    }
    return true;
}

static void node_dies(SparkplugFeed *feed, const MqttMessage *message, uint32_t number,
                      const SparkplugPayload *payload)
{
    SparkplugNode *node = sparkplug_node(feed->nodes, number);
    uint64_t bd_seq = 0;
    bool told = find_bd_seq(*payload, &bd_seq);
    if (node->has_bd_seq && (!told || bd_seq != node->bd_seq)) {
        /* The will of a connection before the one that was born since. */
        live_samples_refuse(&feed->live, message->topic, "is the death of another birth");
        return;
    }
    node->in_step = false;
    node->asked = TIME_NONE;
    die(feed, number, SPARKPLUG_NONE);
}

/* The node's own sequence: 0 to 255 and again, over births and data of it and its devices. */
static bool in_step(SparkplugFeed *feed, const MqttMessage *message, SparkplugNode *node,
                    const SparkplugPayload *payload)
{
    if (!payload->has_seq || payload->seq > UINT8_MAX) {
        live_samples_refuse(&feed->live, message->topic, "has no sequence number within 0..255");
        return false;
    }
    if (!node->in_step || node->next_seq != payload->seq) {
        if (node->in_step) {
            live_samples_refuse(&feed->live, message->topic, "has sequence number %u instead of %u",
                                (unsigned)payload->seq, node->next_seq);
        } else {
            live_samples_refuse(&feed->live, message->topic, "comes from a node whose birth was not seen");
        }
        ask_rebirth(feed, node);
        return false;
    }
    node->next_seq = (uint8_t)(payload->seq + 1);
    return true;
}

static void declare_all(SparkplugFeed *feed, const MqttMessage *message, uint32_t device,
                        SparkplugPayload payload)
{
    SparkplugMetric metric;
    while (sparkplug_next(&payload, &metric)) {
        if (sparkplug_declare(feed->nodes, device, &metric) == NULL) {
            live_samples_refuse(&feed->live, message->topic, "declares a metric that cannot be kept");
        }
    }
}

static bool node_is_born(SparkplugFeed *feed, const MqttMessage *message, uint32_t number,
                         const SparkplugPayload *payload)
{
    SparkplugNode *node = sparkplug_node(feed->nodes, number);
    if (!payload->has_seq || payload->seq > UINT8_MAX) {
        live_samples_refuse(&feed->live, message->topic, "has no sequence number within 0..255");
        return false;
    }
    node->has_bd_seq = find_bd_seq(*payload, &node->bd_seq);
    node->next_seq = (uint8_t)(payload->seq + 1);
    node->in_step = true;
    node->asked = TIME_NONE;
    return true;
}

/* Does all but deliver the metrics of a message. False when none are to be delivered. */
static bool enter(SparkplugFeed *feed, const MqttMessage *message, const Topic *topic,
                  const SparkplugPayload *payload)
{
    bool birth = topic->kind == NBIRTH || topic->kind == DBIRTH;
    uint32_t number = sparkplug_nodes_find(feed->nodes, topic->group, topic->edge, topic->kind != NDEATH);
    if (number == SPARKPLUG_NONE) {
        live_samples_refuse(&feed->live, message->topic,
                            "comes from a node that is not known or cannot be kept");
        return false;
    }
    if (topic->kind == NDEATH) {
        node_dies(feed, message, number, payload);
        return false;
    }
    SparkplugNode *node = sparkplug_node(feed->nodes, number);
    bool valid = topic->kind == NBIRTH ? node_is_born(feed, message, number, payload)
                                       : in_step(feed, message, node, payload);
    if (!valid) {
        return false;
    }
    feed->device = sparkplug_device_find(feed->nodes, number, topic->device, birth);
    if (feed->device == SPARKPLUG_NONE) {
        live_samples_refuse(&feed->live, message->topic, "comes from a device whose birth was not seen");
        ask_rebirth(feed, node);
        return false;
    }
    if (birth) {
        sparkplug_born(feed->nodes, feed->device);
        declare_all(feed, message, feed->device, *payload);
    } else if (topic->kind == DDEATH) {
        sparkplug_device(feed->nodes, feed->device)->online = false;
        die(feed, number, feed->device);
        return false;
    } else if (!sparkplug_device(feed->nodes, feed->device)->online) {
        live_samples_refuse(&feed->live, message->topic, "comes from a device that is not born");
        ask_rebirth(feed, node);
        return false;
    }
    feed->birth = birth;
    return true;
}

/* ---- metrics ---- */

/* A birth says how things are now; data says when it was so. */
static bool time_of(const SparkplugFeed *feed, const SparkplugPayload *payload, const SparkplugMetric *metric,
                    TimeNs arrival, TimeNs *out_time)
{
    bool own = metric->has_timestamp && (!feed->birth || metric->historical || !payload->has_timestamp);
    if (!own && !payload->has_timestamp) {
        *out_time = arrival;
        return true;
    }
    return sparkplug_time(own ? metric->timestamp : payload->timestamp, out_time);
}

static void take_metric(SparkplugFeed *feed, const MqttMessage *message, const SparkplugPayload *payload,
                        const SparkplugMetric *metric)
{
    const SparkplugKnown *known = sparkplug_known(feed->nodes, feed->device, metric);
    TraceSample sample = { .quality = QUALITY_BAD };
    if (known == NULL) {
        live_samples_refuse(&feed->live, message->topic, "has a metric that no birth declared");
        ask_rebirth(feed, sparkplug_node(feed->nodes, sparkplug_device(feed->nodes, feed->device)->node));
        return;
    }
    if (known->target.rule == NULL) {
        feed->live.counters.unmapped++;
        return;
    }
    if (!time_of(feed, payload, metric, message->received, &sample.source_time)) {
        live_samples_refuse(&feed->live, message->topic, "has a time beyond all calendars");
        return;
    }
    sample.thing = known->target.thing;
    sample.property = known->target.property;
    if (!metric->null) {
        uint32_t type = metric->type != 0 ? metric->type : known->type;
        const char *reason = sparkplug_encode(metric, type, &known->target, feed->texts, &sample.code);
        if (reason != NULL) {
            live_samples_refuse(&feed->live, message->topic, "has a value that %s", reason);
        }
        sample.quality = reason == NULL ? QUALITY_GOOD : QUALITY_BAD;
    }
    Last *last = &feed->last[feed->live.index.first_slot[sample.thing] + sample.property];
    if (!metric->historical) {
        feed->dying -= last->dying;
        *last =
            (Last){ .code = sample.code, .time = sample.source_time, .good = sample.quality == QUALITY_GOOD };
    }
    (void)live_samples_add(&feed->live, &sample, metric->historical ? LIVE_PAST : LIVE_NOW,
                           message->received);
}

/* False when metrics are left that did not fit. */
static bool take_metrics(SparkplugFeed *feed, const MqttMessage *message, SparkplugPayload payload)
{
    SparkplugMetric metric;
    for (uint32_t i = 0; sparkplug_next(&payload, &metric); i++) {
        if (i < feed->done) {
            continue;
        }
        if (!live_samples_room(&feed->live)) {
            return false;
        }
        take_metric(feed, message, &payload, &metric);
        feed->done++;
    }
    return true;
}

/* Somebody, or a will of ours that comes late, says that we are away: we say again that we are not. */
static void take_state(SparkplugFeed *feed, const MqttMessage *message)
{
    static const ScanStep key = { .key = "online", .size = 6 };
    const ScanPath path = { .steps = { key }, .count = 1 };
    ScanField online;
    if (json_scan(message->payload, &path, 1, &online) == STATUS_OK && online.kind == SCAN_BOOLEAN &&
        !online.boolean) {
        feed->says_state = true;
    }
}

/* False when it is not done with. */
static bool take_message(SparkplugFeed *feed, const MqttMessage *message)
{
    Topic topic;
    SparkplugPayload payload;
    if (strcmp(message->topic, feed->state_topic) == 0) {
        take_state(feed, message);
        return true;
    }
    if (!read_topic(message, &topic)) {
        live_samples_refuse(&feed->live, message->topic, "is no topic of Sparkplug B");
        return true;
    }
    if (topic.kind == OTHER) {
        feed->live.counters.unmapped++;
        return true;
    }
    if (message->retained || sparkplug_open(message->payload, &payload) != STATUS_OK) {
        live_samples_refuse(&feed->live, message->topic,
                            message->retained ? "was retained, which nothing of Sparkplug is"
                                              : "is no Sparkplug B payload");
        return true;
    }
    if (!feed->entered) {
        if (!enter(feed, message, &topic, &payload)) {
            return true;
        }
        feed->entered = true;
        feed->done = 0;
    }
    return take_metrics(feed, message, payload);
}

/* ---- the feed's table ---- */

/* What happened while we were away is not known: nobody is in step any more. */
static void follow_connection(SparkplugFeed *feed, const MqttLinkStatus *status)
{
    if (status->connections != feed->connections) {
        feed->connections = status->connections;
        feed->says_state = feed->mapping->primary;
        for (uint32_t i = 0; i < sparkplug_nodes_count(feed->nodes); i++) {
            sparkplug_node(feed->nodes, i)->asked = TIME_NONE;
            ask_rebirth(feed, sparkplug_node(feed->nodes, i));
        }
    }
    if (feed->says_state && status->connected) {
        say_state(feed);
    }
}

static Status poll(void *context, TimeNs now, TraceSample *out_samples, size_t capacity, size_t *out_count,
                   FeedStatus *out_status)
{
    SparkplugFeed *feed = context;
    const MqttLinkOps *link = feed->link.ops;
    MqttMessage message = { 0 };
    MqttLinkStatus connection;
    (void)now;
    link->status(feed->link.context, &connection);
    follow_connection(feed, &connection);
    live_samples_link(&feed->live, &connection);
    bool set_back = live_samples_begin(&feed->live, out_samples, capacity);
    bool clear = deliver_dying(feed, now_of(feed));
    bool waiting = link->peek(feed->link.context, &message);
    for (int i = 0; i < MESSAGES_A_POLL && clear && waiting && live_samples_room(&feed->live); i++) {
        if (!take_message(feed, &message)) {
            break;
        }
        feed->entered = false;
        feed->live.counters.rows++;
        feed->live.counters.bytes += message.topic_size + message.payload.size;
        clear = deliver_dying(feed, message.received);
        link->pop(feed->link.context);
        waiting = link->peek(feed->link.context, &message);
    }
    live_samples_end(&feed->live, now_of(feed), waiting ? message.received : TIME_NONE, set_back,
                     !connection.connected && !waiting, out_count, out_status);
    return STATUS_OK;
}

/* What has come says so by the doorbell; asking arms it. */
static TimeNs next_due(const void *context)
{
    const SparkplugFeed *feed = context;
    MqttMessage message;
    bool waits = feed->live.has_held || feed->link.ops->peek(feed->link.context, &message);
    return waits ? TIME_NONE : TIME_FOREVER;
}

static const TraceCounters *counters(const void *context)
{
    const SparkplugFeed *feed = context;
    return &feed->live.counters;
}

/* The metric that an action sets: that of its target, else one of its own name on the thing's device. */
static Status write_command(const SparkplugFeed *feed, const FieldCommand *asked, SparkplugMetric *out_metric,
                            uint32_t *out_device)
{
    const ThingModel *model = feed->world->things[asked->thing].model;
    const Action *action = &model->actions[asked->action];
    const char *name = NULL;
    const SparkplugKnown *known = NULL;
    Value value = asked->has_value ? asked->value : (Value){ .type = VALUE_BOOLEAN, .boolean = true };
    if (action->target < model->property_count) {
        known = sparkplug_route(feed->nodes, asked->thing, action->target, &name);
        if (known == NULL || (!asked->has_value && !action->has_target_code)) {
            return known == NULL ? STATUS_DISCONNECTED : STATUS_UNSUPPORTED;
        }
        if (!asked->has_value) {
            value = property_decode(&model->properties[action->target], action->target_code, feed->texts);
        }
        *out_device = known->device;
        *out_metric = (SparkplugMetric){ .name = bytes_of(name, strlen(name)) };
        return sparkplug_decode(&value, known->type, &known->target, out_metric);
    }
    for (uint8_t p = 0; p < model->property_count && known == NULL; p++) {
        known = sparkplug_route(feed->nodes, asked->thing, p, &name);
    }
    if (known == NULL) {
        return STATUS_DISCONNECTED;
    }
    *out_device = known->device;
    *out_metric = (SparkplugMetric){ .name = bytes_of(action->name, strlen(action->name)) };
    return sparkplug_decode(&value,
                            value.type == VALUE_BOOLEAN ? SPARKPLUG_BOOLEAN
                            : value.type == VALUE_TEXT  ? SPARKPLUG_STRING
                                                        : SPARKPLUG_DOUBLE,
                            NULL, out_metric);
}

static bool is_reached(const SparkplugFeed *feed, uint32_t thing)
{
    const char *id = feed->world->things[thing].id;
    for (uint32_t i = 0; i < feed->mapping->rule_count; i++) {
        if (pattern_match(&feed->mapping->rules[i].thing, id, strlen(id), NULL)) {
            return true;
        }
    }
    return false;
}

static Status command(void *context, TimeNs now, const FieldCommand *asked)
{
    SparkplugFeed *feed = context;
    SparkplugMetric metric;
    MqttLinkStatus connection;
    uint32_t number = SPARKPLUG_NONE;
    (void)now;
    if (asked->thing >= feed->world->thing_count || !is_reached(feed, asked->thing)) {
        return STATUS_NOT_FOUND;
    }
    if (asked->action >= feed->world->things[asked->thing].model->action_count) {
        return STATUS_UNSUPPORTED;
    }
    Status status = write_command(feed, asked, &metric, &number);
    if (status != STATUS_OK) {
        return status == STATUS_DISCONNECTED ? status : STATUS_UNSUPPORTED;
    }
    const SparkplugDevice *device = sparkplug_device(feed->nodes, number);
    const SparkplugNode *node = sparkplug_node(feed->nodes, device->node);
    feed->link.ops->status(feed->link.context, &connection);
    if (!connection.connected || !node->in_step || !device->online) {
        return STATUS_DISCONNECTED;
    }
    metric.has_timestamp = true;
    metric.timestamp = now_ms(feed);
    status = send_metric(feed, node, device->name, &metric);
    return status == STATUS_OUT_OF_RANGE ? STATUS_UNSUPPORTED : status;
}

static int wake_fd(const void *context)
{
    const SparkplugFeed *feed = context;
    return feed->link.ops->wake_fd(feed->link.context);
}

static void destroy(void *context)
{
    SparkplugFeed *feed = context;
    if (feed->mapping->primary) { /* the will is for when we cannot say it */
        char state[SPARKPLUG_STATE_SIZE];
        size_t size = sparkplug_state(false, feed->since, state);
        MqttPublish away = {
            .topic = feed->state_topic, .payload = bytes_of(state, size), .qos = 1, .retain = true
        };
        Status status = feed->link.ops->publish(feed->link.context, &away);
        (void)status;
    }
    feed->link.ops->destroy(feed->link.context);
    arena_finish(&feed->arena);
    free(feed);
}

static const FeedOps sparkplug_ops = {
    .poll = poll,
    .next_due = next_due,
    .counters = counters,
    .command = command,
    .wake_fd = wake_fd,
    .destroy = destroy,
};

static Status subscribe(SparkplugFeed *feed)
{
    static const char *const kinds[] = { "NBIRTH", "NDEATH", "NDATA" }, *const of_devices[] = { "DBIRTH",
                                                                                                "DDEATH",
                                                                                                "DDATA" };
    const char *group = feed->mapping->group == NULL ? "+" : feed->mapping->group;
    char filter[MQTT_TOPIC_SIZE_MAX];
    Status status = STATUS_OK;
    if (!sparkplug_state_topic(feed->mapping, feed->state_topic, sizeof feed->state_topic)) {
        return STATUS_OUT_OF_RANGE;
    }
    /* One by one, so that commands (ours, or another host's) do not come back to us. */
    for (size_t i = 0; i < ARRAY_COUNT(kinds) && status == STATUS_OK; i++) {
        snprintf(filter, sizeof filter, "spBv1.0/%s/%s/+", group, kinds[i]);
        status = feed->link.ops->subscribe(feed->link.context, filter, 0);
        snprintf(filter, sizeof filter, "spBv1.0/%s/%s/+/+", group, of_devices[i]);
        if (status == STATUS_OK) {
            status = feed->link.ops->subscribe(feed->link.context, filter, 0);
        }
    }
    if (status == STATUS_OK && feed->mapping->primary) {
        status = feed->link.ops->subscribe(feed->link.context, feed->state_topic, 1);
    }
    return status;
}

Status sparkplug_feed_create(const SparkplugFeedConfig *config, Feed *out_feed, Diag *diag)
{
    SparkplugFeed *feed = calloc(1, sizeof *feed);
    if (feed == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for a Sparkplug feed");
    }
    arena_init(&feed->arena, 0);
    feed->link = config->link;
    feed->mapping = config->mapping;
    feed->world = config->world;
    feed->texts = config->texts;
    feed->since = config->since;
    Status status = live_samples_init(&feed->live, "sparkplug", config->world, &feed->arena);
    if (status == STATUS_OK) {
        status = sparkplug_nodes_create(config->mapping, &feed->live.index, &feed->arena, &feed->nodes);
    }
    if (status == STATUS_OK) {
        feed->last = arena_new_array(&feed->arena, Last, (size_t)thing_index_slots(&feed->live.index) + 1);
        status = feed->last == NULL ? STATUS_OUT_OF_MEMORY : subscribe(feed);
    }
    if (status != STATUS_OK) {
        arena_finish(&feed->arena);
        free(feed);
        return diag_set(diag, status, config->mapping->path, 0, "cannot set up a Sparkplug feed: %s",
                        status_text(status));
    }
    *out_feed = (Feed){ .ops = &sparkplug_ops, .context = feed };
    return STATUS_OK;
}

const Diag *sparkplug_feed_first_error(const Feed *feed)
{
    const SparkplugFeed *sparkplug = feed->context;
    return sparkplug->live.has_error ? &sparkplug->live.first_error : NULL;
}
