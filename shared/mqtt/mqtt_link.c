#include "shared/mqtt/mqtt_link.h"

bool mqtt_filter_valid(const char *filter)
{
    size_t size = strnlen(filter, MQTT_TOPIC_SIZE_MAX + 1);
    if (size == 0 || size > MQTT_TOPIC_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)filter[i] < 0x20) {
            return false;
        }
        if (filter[i] != '+' && filter[i] != '#') {
            continue;
        }
        bool alone = (i == 0 || filter[i - 1] == '/') && (filter[i + 1] == '/' || filter[i + 1] == '\0');
        if (!alone || (filter[i] == '#' && filter[i + 1] != '\0')) {
            return false;
        }
    }
    return true;
}

bool mqtt_topic_valid(const char *topic)
{
    size_t size = strnlen(topic, MQTT_TOPIC_SIZE_MAX + 1);
    if (size == 0 || size > MQTT_TOPIC_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)topic[i] < 0x20 || topic[i] == '+' || topic[i] == '#') {
            return false;
        }
    }
    return true;
}

bool mqtt_filter_matches(const char *filter, const char *topic)
{
    if (topic[0] == '$' && filter[0] != '$') {
        return false;
    }
    for (;;) {
        if (filter[0] == '#') {
            return true;
        }
        size_t level = strcspn(topic, "/");
        size_t wanted = strcspn(filter, "/");
        if (!(wanted == 1 && filter[0] == '+') && (level != wanted || memcmp(topic, filter, level) != 0)) {
            return false;
        }
        topic += level;
        filter += wanted;
        if (*topic == '\0') { /* "a/#" takes "a" too */
            return *filter == '\0' || strcmp(filter, "/#") == 0;
        }
        if (*filter == '\0') {
            return false;
        }
        topic++;
        filter++;
    }
}
