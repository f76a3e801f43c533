#include "server/twin/mqtt_feed.h"

#include "server/twin/live_samples.h"
#include "server/twin/mqtt_command.h"
#include "server/twin/mqtt_topics.h"
#include "server/twin/mqtt_value.h"

#include <stdlib.h>

#define MESSAGES_A_POLL 65536 /* a flood of what leads nowhere must not hold up a tick for long */
#define ANSWERS_MAX     64

typedef struct MqttFeed {
    Arena arena;
    MqttLink link;
    const MqttMapping *mapping;
    const World *world;
    TextTable *texts;
    LiveSamples live;
    MqttTopics *topics;
    uint32_t done; /* bindings of the oldest message that have been delivered already */
    bool offline;  /* by the status topic */
    uint32_t connections;
    bool *reached; /* per thing: the mapping can lead there */
    FieldAnswer answers[ANSWERS_MAX];
    uint32_t answer_first, answer_count;
} MqttFeed;

/* ---- messages ---- */

static void take_status(MqttFeed *feed, const MqttMessage *message)
{
    const MqttStatusTopic *status = &feed->mapping->status;
    if (bytes_equal(message->payload, bytes_of(status->offline, strlen(status->offline)))) {
        feed->offline = true;
    } else if (bytes_equal(message->payload, bytes_of(status->online, strlen(status->online)))) {
        feed->offline = false;
    } else {
        live_samples_refuse(&feed->live, message->topic, "is neither '%s' nor '%s'", status->online,
                            status->offline);
    }
}

static void take_answer(MqttFeed *feed, const MqttMessage *message)
{
    FieldAnswer answer;
    if (mqtt_answer_read(feed->mapping, message->payload, &answer) != STATUS_OK) {
        live_samples_refuse(&feed->live, message->topic, "is no answer to a command");
    } else if (feed->answer_count == ANSWERS_MAX) {
        live_samples_refuse(&feed->live, message->topic, "is one answer more than anybody asks for");
    } else {
        feed->answers[(feed->answer_first + feed->answer_count++) % ANSWERS_MAX] = answer;
    }
}

/* Takes what one rule finds in a message. False when there is no room for the sample. */
static bool take_reading(MqttFeed *feed, const MqttMessage *message, const MqttBinding *binding)
{
    ScanField fields[MQTT_FIELDS];
    MqttBinding named;
    MqttReading reading;
    const char *reason;
    if (mqtt_payload_scan(binding->rule, message->payload, fields) != STATUS_OK) {
        live_samples_refuse(&feed->live, message->topic, "the payload is no JSON");
        return true;
    }
    if (binding->named_by_payload) {
        if (!mqtt_bind_payload(feed->topics, binding, message->topic, message->topic_size,
                               &fields[MQTT_FIELD_THING], &fields[MQTT_FIELD_PROPERTY], &named)) {
            live_samples_refuse(&feed->live, message->topic, "the payload names no property of the world");
            return true;
        }
        binding = &named;
    }
    Status status = mqtt_value_read(binding, message->payload, fields, feed->texts, &reading, &reason);
    if (status == STATUS_EMPTY) {
        feed->live.counters.missing++;
        return true;
    }
    if (reason != NULL) {
        live_samples_refuse(&feed->live, message->topic, "the payload %s%s",
                            status == STATUS_OK ? "has a value that " : "", reason);
    }
    if (status != STATUS_OK) {
        return true;
    }
    LiveOrigin origin = !message->retained ? LIVE_NOW : reading.time == TIME_NONE ? LIVE_PAST : LIVE_RETAINED;
    TraceSample sample = { .source_time = reading.time == TIME_NONE ? message->received : reading.time,
                           .thing = binding->thing,
                           .property = binding->property,
                           .quality = reading.quality,
                           .code = reading.code };
    return live_samples_add(&feed->live, &sample, origin, message->received);
}

/* False when a sample did not fit: the message stays, and the next poll goes on after that sample. */
static bool take_message(MqttFeed *feed, const MqttMessage *message)
{
    MqttTarget target = mqtt_topics_find(feed->topics, message->topic, message->topic_size);
    switch (target.kind) {
    case MQTT_TOPIC_STATUS:
        take_status(feed, message);
        return true;
    case MQTT_TOPIC_ANSWER:
        take_answer(feed, message);
        return true;
    case MQTT_TOPIC_NOWHERE:
        if (feed->mapping->strict) {
            live_samples_refuse(&feed->live, message->topic, "the topic leads to no property of the world");
        } else {
            feed->live.counters.unmapped++;
        }
        return true;
    case MQTT_TOPIC_SAMPLES:
        break;
    }
    while (feed->done < target.count) {
        if (!live_samples_room(&feed->live)) {
            return false;
        }
        (void)take_reading(feed, message, &target.bindings[feed->done++]);
    }
    return true;
}

/* ---- the feed's table ---- */

static Status poll(void *context, TimeNs now, TraceSample *out_samples, size_t capacity, size_t *out_count,
                   FeedStatus *out_status)
{
    MqttFeed *feed = context;
    const MqttLinkOps *link = feed->link.ops;
    MqttMessage message = { 0 };
    MqttLinkStatus connection;
    link->status(feed->link.context, &connection);
    if (connection.connections != feed->connections) { /* what another connection said of them is void */
        feed->connections = connection.connections;
        feed->offline = false;
    }
    live_samples_link(&feed->live, &connection);
    bool set_back = live_samples_begin(&feed->live, out_samples, capacity);
    bool waiting = link->peek(feed->link.context, &message);
    (void)now;
    for (int i = 0; i < MESSAGES_A_POLL && waiting && live_samples_room(&feed->live); i++) {
        if (!take_message(feed, &message)) {
            break;
        }
        feed->live.counters.rows++;
        feed->live.counters.bytes += message.topic_size + message.payload.size;
        feed->done = 0;
        link->pop(feed->link.context);
        waiting = link->peek(feed->link.context, &message);
    }
    live_samples_end(&feed->live, link->clock(feed->link.context), waiting ? message.received : TIME_NONE,
                     set_back, feed->offline || (!connection.connected && !waiting), out_count, out_status);
    return STATUS_OK;
}

/* What has come says so by the doorbell; asking arms it. */
static TimeNs next_due(const void *context)
{
    const MqttFeed *feed = context;
    MqttMessage message;
    bool waits = feed->live.has_held || feed->link.ops->peek(feed->link.context, &message);
    return waits ? TIME_NONE : TIME_FOREVER;
}

static const TraceCounters *counters(const void *context)
{
    const MqttFeed *feed = context;
    return &feed->live.counters;
}

static Status command(void *context, TimeNs now, const FieldCommand *asked)
{
    MqttFeed *feed = context;
    const MqttLinkOps *link = feed->link.ops;
    MqttLinkStatus connection;
    MqttCommandText text;
    (void)now;
    if (asked->thing >= feed->world->thing_count || !feed->reached[asked->thing]) {
        return STATUS_NOT_FOUND;
    }
    if (asked->action >= feed->world->things[asked->thing].model->action_count) {
        return STATUS_UNSUPPORTED;
    }
    Status status =
        mqtt_command_write(feed->mapping, feed->world, asked, link->clock(feed->link.context), &text);
    if (status != STATUS_OK) {
        return STATUS_UNSUPPORTED;
    }
    link->status(feed->link.context, &connection);
    if (!connection.connected || feed->offline) {
        return STATUS_DISCONNECTED;
    }
    return link->publish(feed->link.context,
                         &(MqttPublish){ .topic = text.topic,
                                         .payload = bytes_of(text.payload, text.payload_size),
                                         .qos = feed->mapping->commands.qos });
}

static Status answer(void *context, FieldAnswer *out_answer)
{
    MqttFeed *feed = context;
    if (feed->answer_count == 0) {
        return STATUS_EMPTY;
    }
    *out_answer = feed->answers[feed->answer_first];
    feed->answer_first = (feed->answer_first + 1) % ANSWERS_MAX;
    feed->answer_count--;
    return STATUS_OK;
}

static int wake_fd(const void *context)
{
    const MqttFeed *feed = context;
    return feed->link.ops->wake_fd(feed->link.context);
}

static void destroy(void *context)
{
    MqttFeed *feed = context;
    feed->link.ops->destroy(feed->link.context);
    arena_finish(&feed->arena);
    free(feed);
}

static const FeedOps mqtt_ops = {
    .poll = poll,
    .next_due = next_due,
    .counters = counters,
    .command = command,
    .answer = answer,
    .wake_fd = wake_fd,
    .destroy = destroy,
};

/* ---- creation ---- */

static void find_reached(MqttFeed *feed)
{
    for (uint32_t t = 0; t < feed->world->thing_count; t++) {
        const char *id = feed->world->things[t].id;
        for (uint32_t i = 0; i < feed->mapping->rule_count && !feed->reached[t]; i++) {
            const MqttName *thing = &feed->mapping->rules[i].thing;
            feed->reached[t] = thing->from_json || pattern_match(&thing->template, id, strlen(id), NULL);
        }
    }
}

/* The first rule with a filter subscribes to it. */
static bool is_repeated(const MqttMapping *mapping, uint32_t rule)
{
    for (uint32_t i = 0; i < rule; i++) {
        if (strcmp(mapping->rules[i].topic.filter, mapping->rules[rule].topic.filter) == 0) {
            return true;
        }
    }
    return false;
}

static Status subscribe(const MqttFeed *feed, const char *filter, int qos)
{
    return filter == NULL ? STATUS_OK : feed->link.ops->subscribe(feed->link.context, filter, qos);
}

static Status subscribe_all(const MqttFeed *feed)
{
    const MqttMapping *mapping = feed->mapping;
    /* The state first: retained values of devices that are gone come with the news that they are. */
    Status status = subscribe(feed, mapping->status.topic, mapping->status.qos);
    for (uint32_t i = 0; i < mapping->rule_count && status == STATUS_OK; i++) {
        if (!is_repeated(mapping, i)) {
            status = subscribe(feed, mapping->rules[i].topic.filter, mapping->rules[i].qos);
        }
    }
    return status == STATUS_OK ? subscribe(feed, mapping->commands.answer.filter, mapping->commands.qos)
                               : status;
}

Status mqtt_feed_create(const MqttFeedConfig *config, Feed *out_feed, Diag *diag)
{
    MqttFeed *feed = calloc(1, sizeof *feed);
    if (feed == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for an MQTT feed");
    }
    arena_init(&feed->arena, 0);
    feed->link = config->link;
    feed->mapping = config->mapping;
    feed->world = config->world;
    feed->texts = config->texts;
    Status status = live_samples_init(&feed->live, "mqtt", config->world, &feed->arena);
    if (status == STATUS_OK) {
        status = mqtt_topics_create(config->mapping, &feed->live.index, &feed->arena, &feed->topics);
    }
    feed->reached = arena_new_array(&feed->arena, bool, (size_t)config->world->thing_count + 1);
    if (status != STATUS_OK || feed->reached == NULL) {
        status = diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for an MQTT feed");
    } else {
        find_reached(feed);
        status = subscribe_all(feed);
        if (status != STATUS_OK) {
            (void)diag_set(diag, status, config->mapping->path, 0, "cannot subscribe: more than %d filters?",
                           MQTT_LINK_FILTERS_MAX);
        }
    }
    if (status != STATUS_OK) {
        arena_finish(&feed->arena);
        free(feed);
        return status;
    }
    *out_feed = (Feed){ .ops = &mqtt_ops, .context = feed };
    return STATUS_OK;
}

const Diag *mqtt_feed_first_error(const Feed *feed)
{
    const MqttFeed *mqtt = feed->context;
    return mqtt->live.has_error ? &mqtt->live.first_error : NULL;
}
