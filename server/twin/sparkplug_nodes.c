#include "server/twin/sparkplug_nodes.h"

#include "shared/trace/unit.h"

#define KNOWN_MIN  4096
#define KNOWN_MAX  (1U << 19)
#define NAME_BYTES 48 /* of a metric's name on average */

typedef struct Alias {
    uint64_t alias;
    uint32_t node; /* + 1; 0: free */
    uint32_t births;
    uint32_t known;
} Alias;

struct SparkplugNodes {
    const SparkplugMapping *mapping;
    const ThingIndex *index;
    SparkplugNode *nodes;
    uint32_t node_count;
    SparkplugDevice *devices;
    uint32_t device_count, device_limit;
    uint32_t *node_slots, *device_slots; /* index + 1; 0: free */
    uint32_t node_mask, device_mask;
    SparkplugKnown *known;
    Alias *aliases;
    uint32_t mask, known_count, alias_count, limit; /* of both */
    char *names;
    size_t name_bytes, name_limit;
    uint32_t *routes; /* per property: index in known + 1 */
};

static uint32_t power_of_two(uint32_t least, uint32_t most, uint32_t wanted)
{
    while (least < most && least < wanted) {
        least *= 2;
    }
    return least;
}

Status sparkplug_nodes_create(const SparkplugMapping *mapping, const ThingIndex *index, Arena *arena,
                              SparkplugNodes **out_nodes)
{
    SparkplugNodes *nodes = arena_new(arena, SparkplugNodes);
    uint32_t limit = power_of_two(KNOWN_MIN, KNOWN_MAX, 2 * thing_index_slots(index));
    uint32_t devices = power_of_two(2 * SPARKPLUG_NODES_MAX, 1U << 16, 2 * index->world->thing_count);
    if (nodes == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    *nodes =
        (SparkplugNodes){ .mapping = mapping,
                          .index = index,
                          .nodes = arena_new_array(arena, SparkplugNode, SPARKPLUG_NODES_MAX),
                          .devices = arena_new_array(arena, SparkplugDevice, devices),
                          .device_limit = devices,
                          .node_slots = arena_new_array(arena, uint32_t, 2 * SPARKPLUG_NODES_MAX),
                          .device_slots = arena_new_array(arena, uint32_t, 2 * (size_t)devices),
                          .node_mask = 2 * SPARKPLUG_NODES_MAX - 1,
                          .device_mask = 2 * devices - 1,
                          .known = arena_new_array(arena, SparkplugKnown, 2 * (size_t)limit),
                          .aliases = arena_new_array(arena, Alias, 2 * (size_t)limit),
                          .mask = 2 * limit - 1,
                          .limit = limit,
                          .names = arena_alloc(arena, (size_t)limit * NAME_BYTES, 1),
                          .name_limit = (size_t)limit * NAME_BYTES,
                          .routes = arena_new_array(arena, uint32_t, (size_t)thing_index_slots(index) + 1) };
    if (nodes->nodes == NULL || nodes->devices == NULL || nodes->node_slots == NULL ||
        nodes->device_slots == NULL || nodes->known == NULL || nodes->aliases == NULL ||
        nodes->names == NULL || nodes->routes == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    *out_nodes = nodes;
    return STATUS_OK;
}

static uint64_t hash_of(Bytes name, uint64_t salt)
{
    return text_hash(name.size == 0 ? "" : (const char *)name.data, name.size) ^
           salt * UINT64_C(0x9E3779B97F4A7C15);
}

static bool same(const char *text, Bytes name)
{
    return strlen(text) == name.size && (name.size == 0 || memcmp(text, name.data, name.size) == 0);
}

static void copy_name(char *out, Bytes name)
{
    if (name.size > 0) {
        memcpy(out, name.data, name.size);
    }
    out[name.size] = '\0';
}

static bool name_fits(Bytes name)
{
    return name.size <= SPARKPLUG_NAME_MAX &&
           (name.size == 0 || scan_is_clean((const char *)name.data, name.size));
}

/* ---- nodes and devices ---- */

uint32_t sparkplug_nodes_find(SparkplugNodes *nodes, Bytes group, Bytes edge, bool make)
{
    uint64_t slot = hash_of(group, hash_of(edge, 1));
    for (; nodes->node_slots[slot & nodes->node_mask] != 0; slot++) {
        uint32_t found = nodes->node_slots[slot & nodes->node_mask] - 1;
        if (same(nodes->nodes[found].edge, edge) && same(nodes->nodes[found].group, group)) {
            return found;
        }
    }
    if (!make || nodes->node_count == SPARKPLUG_NODES_MAX || !name_fits(group) || !name_fits(edge) ||
        edge.size == 0) {
        return SPARKPLUG_NONE;
    }
    SparkplugNode *node = &nodes->nodes[nodes->node_count];
    copy_name(node->group, group);
    copy_name(node->edge, edge);
    node->asked = TIME_NONE;
    nodes->node_slots[slot & nodes->node_mask] = ++nodes->node_count;
    return nodes->node_count - 1;
}

SparkplugNode *sparkplug_node(SparkplugNodes *nodes, uint32_t node)
{
    return &nodes->nodes[node];
}

uint32_t sparkplug_nodes_count(const SparkplugNodes *nodes)
{
    return nodes->node_count;
}

uint32_t sparkplug_device_find(SparkplugNodes *nodes, uint32_t node, Bytes name, bool make)
{
    uint64_t slot = hash_of(name, (uint64_t)node + 2);
    for (; nodes->device_slots[slot & nodes->device_mask] != 0; slot++) {
        uint32_t found = nodes->device_slots[slot & nodes->device_mask] - 1;
        if (nodes->devices[found].node == node && same(nodes->devices[found].name, name)) {
            return found;
        }
    }
    if (!make || nodes->device_count == nodes->device_limit || !name_fits(name)) {
        return SPARKPLUG_NONE;
    }
    nodes->devices[nodes->device_count].node = node;
    copy_name(nodes->devices[nodes->device_count].name, name);
    nodes->device_slots[slot & nodes->device_mask] = ++nodes->device_count;
    return nodes->device_count - 1;
}

SparkplugDevice *sparkplug_device(SparkplugNodes *nodes, uint32_t device)
{
    return &nodes->devices[device];
}

void sparkplug_born(SparkplugNodes *nodes, uint32_t device)
{
    SparkplugDevice *born = &nodes->devices[device];
    if (born->name[0] == '\0') {
        nodes->nodes[born->node].births++;
        for (uint32_t i = 0; i < nodes->device_count; i++) {
            if (nodes->devices[i].node == born->node) {
                nodes->devices[i].online = false;
                nodes->devices[i].births++;
            }
        }
    }
    born->births++;
    born->online = true;
}

/* ---- metrics ---- */

static void forget_all(SparkplugNodes *nodes)
{
    memset(nodes->known, 0, ((size_t)nodes->mask + 1) * sizeof *nodes->known);
    memset(nodes->aliases, 0, ((size_t)nodes->mask + 1) * sizeof *nodes->aliases);
    memset(nodes->routes, 0, (size_t)thing_index_slots(nodes->index) * sizeof *nodes->routes);
    nodes->known_count = nodes->alias_count = 0;
    nodes->name_bytes = 0;
    for (uint32_t i = 0; i < nodes->node_count; i++) {
        nodes->nodes[i].in_step = false;
    }
}

/* The first rule that leads to a property of the world. */
static void bind(const SparkplugNodes *nodes, uint32_t device, Bytes name, SparkplugTarget *out_target)
{
    const SparkplugDevice *from = &nodes->devices[device];
    const SparkplugNode *node = &nodes->nodes[from->node];
    *out_target = (SparkplugTarget){ 0 };
    for (uint32_t i = 0; i < nodes->mapping->rule_count; i++) {
        const SparkplugRule *rule = &nodes->mapping->rules[i];
        PatternCaptures captures = { 0 };
        char id[256], property[256];
        if (!pattern_match(&rule->group, node->group, strlen(node->group), &captures) ||
            !pattern_match(&rule->edge, node->edge, strlen(node->edge), &captures) ||
            !pattern_match(&rule->device, from->name, strlen(from->name), &captures) ||
            !pattern_match(&rule->metric, (const char *)name.data, name.size, &captures) ||
            !pattern_expand(&rule->thing, &captures, id, sizeof id) ||
            !pattern_expand(&rule->property, &captures, property, sizeof property)) {
            continue;
        }
        int t = thing_index_find(nodes->index, id, strlen(id));
        const ThingModel *model = t < 0 ? NULL : nodes->index->world->things[t].model;
        int p = model == NULL ? -1 : thing_property_index(model, property);
        UnitConversion conversion = { .scale = rule->conversion.scale, .offset = rule->conversion.offset };
        if (p < 0 || (rule->conversion.unit != NULL &&
                      !unit_conversion(rule->conversion.unit, model->properties[p].unit, &conversion))) {
            continue;
        }
        *out_target = (SparkplugTarget){ .rule = rule,
                                         .declared = &model->properties[p],
                                         .thing = (uint32_t)t,
                                         .property = (uint8_t)p,
                                         .converts = conversion.scale != 1 || conversion.offset != 0,
                                         .scale = conversion.scale,
                                         .offset = conversion.offset };
        return;
    }
}

static uint64_t metric_hash(uint32_t device, Bytes name)
{
    uint64_t hash = hash_of(name, (uint64_t)device + 3);
    return hash == 0 ? 1 : hash;
}

/* The slot where the metric is or would be. */
static SparkplugKnown *find_known(const SparkplugNodes *nodes, uint32_t device, Bytes name, uint64_t hash)
{
    for (uint64_t slot = hash;; slot++) {
        SparkplugKnown *known = &nodes->known[slot & nodes->mask];
        if (known->hash == 0 ||
            (known->hash == hash && known->device == device && known->name_size == name.size &&
             memcmp(nodes->names + known->name, name.data, name.size) == 0)) {
            return known;
        }
    }
}

static Alias *find_alias(const SparkplugNodes *nodes, uint32_t node, uint64_t alias)
{
    for (uint64_t slot = (alias + 1) * UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)node * 0x85ebca6b;; slot++) {
        Alias *found = &nodes->aliases[(slot ^ slot >> 32) & nodes->mask];
        if (found->node == 0 || (found->node == node + 1 && found->alias == alias)) {
            return found;
        }
    }
}

const SparkplugKnown *sparkplug_declare(SparkplugNodes *nodes, uint32_t device, const SparkplugMetric *metric)
{
    Bytes name = metric->name;
    const SparkplugDevice *from = &nodes->devices[device];
    if (name.size == 0 || !name_fits(name)) {
        return NULL;
    }
    uint64_t hash = metric_hash(device, name);
    SparkplugKnown *known = find_known(nodes, device, name, hash);
    Alias *alias = metric->has_alias ? find_alias(nodes, from->node, metric->alias) : NULL;
    if ((known->hash == 0 &&
         (nodes->known_count == nodes->limit || name.size + 1 > nodes->name_limit - nodes->name_bytes)) ||
        (alias != NULL && alias->node == 0 && nodes->alias_count == nodes->limit)) {
        forget_all(nodes);
        return NULL;
    }
    if (known->hash == 0) {
        *known = (SparkplugKnown){ .hash = hash,
                                   .device = device,
                                   .name = (uint32_t)nodes->name_bytes,
                                   .name_size = (uint32_t)name.size };
        memcpy(nodes->names + nodes->name_bytes, name.data, name.size);
        nodes->names[nodes->name_bytes + name.size] = '\0';
        nodes->name_bytes += name.size + 1;
        nodes->known_count++;
        bind(nodes, device, name, &known->target);
    }
    known->births = from->births;
    known->type = metric->type;
    if (known->target.rule != NULL) {
        nodes->routes[nodes->index->first_slot[known->target.thing] + known->target.property] =
            (uint32_t)(known - nodes->known) + 1;
    }
    if (alias != NULL) {
        nodes->alias_count += alias->node == 0;
        *alias = (Alias){ .alias = metric->alias,
                          .node = from->node + 1,
                          .births = nodes->nodes[from->node].births,
                          .known = (uint32_t)(known - nodes->known) };
    }
    return known;
}

const SparkplugKnown *sparkplug_known(const SparkplugNodes *nodes, uint32_t device,
                                      const SparkplugMetric *metric)
{
    const SparkplugKnown *known = NULL;
    const SparkplugDevice *from = &nodes->devices[device];
    if (metric->name.size > 0) {
        known = find_known(nodes, device, metric->name, metric_hash(device, metric->name));
        known = known->hash == 0 ? NULL : known;
    } else if (metric->has_alias) {
        const Alias *alias = find_alias(nodes, from->node, metric->alias);
        bool valid = alias->node != 0 && alias->births == nodes->nodes[from->node].births;
        known = valid && nodes->known[alias->known].device == device ? &nodes->known[alias->known] : NULL;
    }
    return known != NULL && known->births == from->births ? known : NULL;
}

const SparkplugKnown *sparkplug_route(const SparkplugNodes *nodes, uint32_t thing, uint8_t property,
                                      const char **out_name)
{
    uint32_t route = nodes->routes[nodes->index->first_slot[thing] + property];
    if (route == 0) {
        return NULL;
    }
    *out_name = nodes->names + nodes->known[route - 1].name;
    return &nodes->known[route - 1];
}
