#include "server/twin/mqtt_topics.h"

#include "shared/trace/unit.h"

#define TOPICS_MIN   1024
#define TOPICS_MAX   (1U << 19)
#define KEY_BYTES    48 /* a topic on average */
#define BINDINGS_MAX 16 /* rules that take one topic */

typedef struct Entry {
    uint64_t hash; /* 0: free */
    uint32_t key, key_size;
    uint32_t first, count; /* in bindings */
    MqttTopicKind kind;
} Entry;

struct MqttTopics {
    const MqttMapping *mapping;
    const ThingIndex *index;
    Entry *entries;
    uint32_t mask, entry_count, entry_limit;
    char *keys;
    size_t key_bytes, key_limit;
    MqttBinding *bindings;
    uint32_t binding_count, binding_limit;
};

Status mqtt_topics_create(const MqttMapping *mapping, const ThingIndex *index, Arena *arena,
                          MqttTopics **out_topics)
{
    MqttTopics *topics = arena_new(arena, MqttTopics);
    uint32_t wanted = TOPICS_MIN;
    while (wanted < TOPICS_MAX && wanted < 2 * thing_index_slots(index)) {
        wanted *= 2;
    }
    if (topics == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    *topics = (MqttTopics){ .mapping = mapping,
                            .index = index,
                            .entries = arena_new_array(arena, Entry, (size_t)wanted * 2),
                            .mask = wanted * 2 - 1,
                            .entry_limit = wanted,
                            .keys = arena_alloc(arena, (size_t)wanted * KEY_BYTES, 1),
                            .key_limit = (size_t)wanted * KEY_BYTES,
                            .bindings = arena_new_array(arena, MqttBinding, (size_t)wanted + BINDINGS_MAX),
                            .binding_limit = wanted + BINDINGS_MAX };
    if (topics->entries == NULL || topics->keys == NULL || topics->bindings == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    *out_topics = topics;
    return STATUS_OK;
}

/* Names to places. False when there is no such property or its unit does not convert. */
static bool bind(const MqttTopics *topics, const MqttRule *rule, const char *thing, size_t thing_size,
                 const char *property, MqttBinding *out_binding)
{
    int t = thing_index_find(topics->index, thing, thing_size);
    const ThingModel *model = t < 0 ? NULL : topics->index->world->things[t].model;
    int p = model == NULL ? -1 : thing_property_index(model, property);
    if (p < 0) {
        return false;
    }
    UnitConversion conversion = { .scale = rule->conversion.scale, .offset = rule->conversion.offset };
    if (rule->conversion.unit != NULL &&
        !unit_conversion(rule->conversion.unit, model->properties[p].unit, &conversion)) {
        return false;
    }
    *out_binding = (MqttBinding){ .rule = rule,
                                  .declared = &model->properties[p],
                                  .thing = (uint32_t)t,
                                  .property = (uint8_t)p,
                                  .converts = conversion.scale != 1 || conversion.offset != 0,
                                  .scale = conversion.scale,
                                  .offset = conversion.offset };
    return true;
}

static bool name_of(const MqttName *name, const PatternCaptures *captures, const ScanField *field, char *out,
                    size_t size)
{
    if (!name->from_json) {
        return pattern_expand(&name->template, captures, out, size);
    }
    return field->kind == SCAN_TEXT && scan_text(field, out, size, NULL);
}

bool mqtt_bind_payload(const MqttTopics *topics, const MqttBinding *binding, const char *topic, size_t size,
                       const ScanField *thing, const ScanField *property, MqttBinding *out_binding)
{
    PatternCaptures captures = { 0 };
    char id[256], name[256];
    const MqttRule *rule = binding->rule;
    return mqtt_topic_match(&rule->topic, topic, size, &captures) &&
           name_of(&rule->thing, &captures, thing, id, sizeof id) &&
           name_of(&rule->property, &captures, property, name, sizeof name) &&
           bind(topics, rule, id, strlen(id), name, out_binding);
}

/* Asks every rule. */
static uint32_t bind_topic(const MqttTopics *topics, const char *topic, size_t size,
                           MqttBinding *out_bindings)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < topics->mapping->rule_count && count < BINDINGS_MAX; i++) {
        const MqttRule *rule = &topics->mapping->rules[i];
        PatternCaptures captures = { 0 };
        char id[256], name[256];
        if (!mqtt_topic_match(&rule->topic, topic, size, &captures)) {
            continue;
        }
        if (rule->thing.from_json || rule->property.from_json) {
            out_bindings[count++] = (MqttBinding){ .rule = rule, .named_by_payload = true };
        } else if (pattern_expand(&rule->thing.template, &captures, id, sizeof id) &&
                   pattern_expand(&rule->property.template, &captures, name, sizeof name)) {
            count += bind(topics, rule, id, strlen(id), name, &out_bindings[count]);
        }
    }
    return count;
}

static void find_target(MqttTopics *topics, const char *topic, size_t size, Entry *out_entry)
{
    const MqttMapping *mapping = topics->mapping;
    out_entry->first = topics->binding_count;
    out_entry->count = 0;
    if (mapping->status.topic != NULL && strlen(mapping->status.topic) == size &&
        memcmp(mapping->status.topic, topic, size) == 0) {
        out_entry->kind = MQTT_TOPIC_STATUS;
    } else if (mapping->commands.answer.filter != NULL &&
               mqtt_topic_match(&mapping->commands.answer, topic, size, NULL)) {
        out_entry->kind = MQTT_TOPIC_ANSWER;
    } else {
        out_entry->count = bind_topic(topics, topic, size, &topics->bindings[topics->binding_count]);
        out_entry->kind = out_entry->count > 0 ? MQTT_TOPIC_SAMPLES : MQTT_TOPIC_NOWHERE;
    }
}

static void forget_all(MqttTopics *topics)
{
    memset(topics->entries, 0, ((size_t)topics->mask + 1) * sizeof *topics->entries);
    topics->entry_count = topics->binding_count = 0;
    topics->key_bytes = 0;
}

static MqttTarget target_of(const MqttTopics *topics, const Entry *entry)
{
    return (MqttTarget){ .kind = entry->kind,
                         .count = entry->count,
                         .bindings = &topics->bindings[entry->first] };
}

MqttTarget mqtt_topics_find(MqttTopics *topics, const char *topic, size_t size)
{
    uint64_t hash = text_hash(topic, size);
    uint64_t at = hash;
    for (;; at++) {
        const Entry *entry = &topics->entries[at & topics->mask];
        if (entry->hash == 0) {
            break;
        }
        if (entry->hash == hash && entry->key_size == size &&
            memcmp(topics->keys + entry->key, topic, size) == 0) {
            return target_of(topics, entry);
        }
    }
    if (topics->entry_count == topics->entry_limit || size > topics->key_limit - topics->key_bytes ||
        topics->binding_count + BINDINGS_MAX > topics->binding_limit) {
        forget_all(topics);
        at = hash;
    }
    Entry *entry = &topics->entries[at & topics->mask];
    *entry = (Entry){ .hash = hash, .key = (uint32_t)topics->key_bytes, .key_size = (uint32_t)size };
    memcpy(topics->keys + topics->key_bytes, topic, size);
    find_target(topics, topic, size, entry);
    topics->key_bytes += size;
    topics->binding_count += entry->count;
    topics->entry_count++;
    return target_of(topics, entry);
}
