#include "server/live_feed_mqtt.h"

#include "server/twin/mqtt_feed.h"
#include "server/twin/sparkplug_feed.h"
#include "shared/base/clock_file.h"
#include "shared/base/log.h"

bool live_feed_type_known(const char *type)
{
    return strcmp(type, "mqtt") == 0 || strcmp(type, "sparkplug") == 0;
}

static MqttLinkConfig link_config(const LiveFeedConfig *config, const MqttUrl *url,
                                  const MqttConnection *connection)
{
    return (MqttLinkConfig){ .url = url,
                             .protocol = connection->protocol,
                             .client_id = connection->client_id,
                             .ca_file = connection->ca,
                             .cert_file = connection->cert,
                             .key_file = connection->key,
                             .keep_alive_s = connection->keep_alive_s,
                             .keep_session = connection->keep_session,
                             .session_expiry_s = connection->session_expiry_s,
                             .ring_bytes = config->ring_bytes };
}

static Status open_mqtt(const LiveFeedConfig *config, const MqttUrl *url, Feed *out_feed, Diag *diag)
{
    MqttMapping *mapping = NULL;
    MqttLink link = { 0 };
    const char *path = config->mapping_path == NULL ? "" : config->mapping_path;
    Status status =
        mqtt_mapping_load(config->mapping, path, config->world, url->prefix, config->arena, &mapping, diag);
    if (status == STATUS_OK) {
        MqttLinkConfig options = link_config(config, url, &mapping->connection);
        status = mqtt_link_open(&options, &link, diag);
    }
    if (status != STATUS_OK) {
        return status;
    }
    MqttFeedConfig feed = {
        .link = link, .mapping = mapping, .world = config->world, .texts = config->texts
    };
    status = mqtt_feed_create(&feed, out_feed, diag);
    if (status != STATUS_OK) {
        link.ops->destroy(link.context);
    }
    return status;
}

static Status open_sparkplug(const LiveFeedConfig *config, const MqttUrl *url, Feed *out_feed, Diag *diag)
{
    SparkplugMapping *mapping = NULL;
    MqttLink link = { 0 };
    char topic[MQTT_TOPIC_SIZE_MAX + 1], away[SPARKPLUG_STATE_SIZE];
    TimeNs since = clock_wall();
    const char *path = config->mapping_path == NULL ? "" : config->mapping_path;
    Status status =
        sparkplug_mapping_load(config->mapping, path, config->world, config->arena, &mapping, diag);
    if (status == STATUS_OK && !sparkplug_state_topic(mapping, topic, sizeof topic)) {
        status = diag_set(diag, STATUS_OUT_OF_RANGE, path, 0, "the host's id is too long for a topic");
    }
    if (status == STATUS_OK) {
        MqttLinkConfig options = link_config(config, url, &mapping->connection);
        size_t size = sparkplug_state(false, since, away);
        if (mapping->primary) {
            options.will =
                (MqttWill){ .topic = topic, .payload = bytes_of(away, size), .qos = 1, .retain = true };
        }
        status = mqtt_link_open(&options, &link, diag);
    }
    if (status != STATUS_OK) {
        return status;
    }
    SparkplugFeedConfig feed = {
        .link = link, .mapping = mapping, .world = config->world, .texts = config->texts, .since = since
    };
    status = sparkplug_feed_create(&feed, out_feed, diag);
    if (status != STATUS_OK) {
        link.ops->destroy(link.context);
    }
    return status;
}

Status live_feed_open(const LiveFeedConfig *config, Feed *out_feed, Diag *diag)
{
    MqttUrl url;
    Status status = mqtt_url_parse(config->url, &url, diag);
    if (status != STATUS_OK) {
        return status;
    }
    if (strcmp(config->type, "mqtt") == 0) {
        status = open_mqtt(config, &url, out_feed, diag);
    } else if (strcmp(config->type, "sparkplug") == 0) {
        status = open_sparkplug(config, &url, out_feed, diag);
    } else {
        status = diag_set(diag, STATUS_UNSUPPORTED, "", 0, "feeds of type '%s' are not known", config->type);
    }
    if (status == STATUS_OK) {
        char text[512];
        log_info("twin", "feed '%s' listens to %s", config->type, mqtt_url_format(&url, text, sizeof text));
    }
    return status;
}

Status live_edge_open(const char *url, const World *world, const TextTable *texts, Field field,
                      MqttEdge **out_edge, Diag *diag)
{
    MqttUrl broker;
    MqttLink link = { 0 };
    char topic[MQTT_TOPIC_SIZE_MAX + 1], text[512];
    Status status = mqtt_url_parse(url, &broker, diag);
    if (status != STATUS_OK) {
        return status;
    }
    if (!mqtt_edge_status_topic(world, broker.prefix, topic, sizeof topic)) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, "", 0,
                        "the world's name or the prefix in the broker's URL fits into no topic");
    }
    const MqttLinkConfig options = {
        .url = &broker,
        .will = { .topic = topic, .payload = bytes_of("offline", 7), .qos = 1, .retain = true },
    };
    status = mqtt_link_open(&options, &link, diag);
    if (status != STATUS_OK) {
        return status;
    }
    const MqttEdgeConfig config = {
        .link = link, .world = world, .texts = texts, .field = field, .prefix = broker.prefix
    };
    status = mqtt_edge_create(&config, out_edge, diag);
    if (status != STATUS_OK) {
        link.ops->destroy(link.context);
        return status;
    }
    log_info("physical", "publishes to %s", mqtt_url_format(&broker, text, sizeof text));
    return STATUS_OK;
}
