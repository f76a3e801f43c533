/* world_binding.c - one binding of a world file: which property drives which visual, through which map. */
#include <math.h>

#include "shared/model/world_load.h"

#define STRENGTH_MAX 100
#define NUMBER_MAX   1e6
#define OFFSET_MAX   1000.0 /* metres */

enum { USES_NODE = 1, USES_AXIS = 2, USES_OFFSET = 4, USES_CAPTION = 8, USES_NUMBERS = 16, USES_COLORS = 32 };

/* The table of WORLD.md. */
static const struct {
    const char *name;
    unsigned uses;
    float offset_y;   /* default */
    float without[4]; /* result without data */
} kinds[BINDING_KIND_COUNT] = {
    [BINDING_COLOR] = { "color", USES_NODE | USES_COLORS, 0, { 1, 1, 1, 1 } },
    [BINDING_EMISSIVE] = { "emissive", USES_NODE | USES_COLORS, 0, { 0, 0, 0, 0 } },
    [BINDING_SPIN] = { "spin", USES_NODE | USES_AXIS | USES_NUMBERS, 0, { 0, 0, 0, 0 } },
    [BINDING_TRANSLATE] = { "translate", USES_NODE | USES_AXIS | USES_NUMBERS, 0, { 0, 0, 0, 0 } },
    [BINDING_LEVEL] = { "level", USES_NODE | USES_AXIS | USES_NUMBERS, 0, { 0, 0, 0, 0 } },
    [BINDING_BEACON] = { "beacon", USES_OFFSET | USES_COLORS, 2.0f, { 0, 0, 0, 0 } },
    [BINDING_LABEL] = { "label", USES_OFFSET | USES_CAPTION, 2.2f, { 0, 0, 0, 0 } },
    [BINDING_VISIBILITY] = { "visibility", USES_NODE | USES_NUMBERS, 0, { 1, 0, 0, 0 } },
};

static bool is_numeric(const Property *property)
{
    return property->type == PROPERTY_NUMBER || property->type == PROPERTY_INTEGER;
}

/* ---- colours ---- */

static int hex_pair(const char *at)
{
    int value = 0;
    for (int i = 0; i < 2; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* IEC 61966-2-1. */
static float linear_from_srgb(int value)
{
    double s = value / 255.0;
    return (float)(s <= 0.04045 ? s / 12.92 : pow((s + 0.055) / 1.055, 2.4));
}

void world_read_color(const JsonNode *node, float out_rgb[3])
{
    const char *text = json_read_text(node, 0, WORLD_TITLE_MAX, NULL);
    if (!text) {
        return;
    }
    float rgb[3];
    bool good = strlen(text) == 7 && text[0] == '#';
    for (int i = 0; i < 3 && good; i++) {
        int value = hex_pair(text + 1 + 2 * i);
        good = value >= 0;
        rgb[i] = linear_from_srgb(value);
    }
    if (!good) {
        json_fail(node, STATUS_MALFORMED, "\"%s\" is not a colour; write \"#rrggbb\"", text);
        return;
    }
    memcpy(out_rgb, rgb, sizeof rgb);
}

/* ---- value maps ---- */

/* What a map's results may be. */
typedef struct MapRule {
    BindingKind kind;
    bool numbers; /* else colours */
    const Property *property;
} MapRule;

static void read_out_object(const JsonNode *node, const MapRule *rule, bool blink_allowed, float out[4],
                            bool *out_blink)
{
    const char *keys[4] = { "color" };
    int count = 1;
    if (rule->kind != BINDING_COLOR) {
        keys[count++] = "strength";
    }
    if (blink_allowed && rule->kind != BINDING_COLOR) {
        keys[count++] = "blink";
    }
    json_known_keys(node, keys);
    JsonNode color = json_required(node, "color");
    JsonNode strength = json_member(node, "strength");
    JsonNode blink = json_member(node, "blink");
    world_read_color(&color, out);
    out[3] = (float)json_read_number(&strength, 0, STRENGTH_MAX, 1);
    if (out_blink) {
        *out_blink = json_read_boolean(&blink, false);
    }
}

/* One `out` of a map. `out_blink` is NULL where blinking makes no sense. */
static void read_out(const JsonNode *node, const MapRule *rule, float out[4], bool *out_blink)
{
    if (rule->numbers) {
        bool level = rule->kind == BINDING_LEVEL;
        out[0] = (float)json_read_number(node, level ? 0 : -NUMBER_MAX, level ? 1 : NUMBER_MAX, 0);
    } else if (json_is_object(node->value)) {
        read_out_object(node, rule, out_blink != NULL, out, out_blink);
    } else {
        out[3] = 1;
        world_read_color(node, out);
    }
}

static void read_stops(WorldLoader *loader, const JsonNode *list, const MapRule *rule, ValueMap *map)
{
    size_t count = json_array_size_in(list, 1, WORLD_STOPS_MAX);
    map->stops = world_new_array(loader, list, MapStop, count);
    for (size_t i = 0; i < count && loader->document.status == STATUS_OK; i++) {
        JsonNode stop = json_element(list, i);
        if (json_array_size_in(&stop, 2, 2) == 0) {
            return;
        }
        JsonNode in = json_element(&stop, 0);
        JsonNode out = json_element(&stop, 1);
        map->stops[i].in = json_read_number(&in, -1e300, 1e300, 0);
        if (i > 0 && map->stops[i].in <= map->stops[i - 1].in) {
            json_fail(&in, STATUS_OUT_OF_RANGE, "%g does not come after %g", map->stops[i].in,
                      map->stops[i - 1].in);
        }
        read_out(&out, rule, map->stops[i].out, NULL);
        map->stop_count++;
    }
}

/* The code of the case called `name`; -1 for free text. */
static int64_t case_code(const JsonNode *node, const Property *property)
{
    if (property->encoding == CHANNEL_TEXT) {
        return -1;
    }
    static const char *const booleans[] = { "false", "true" };
    bool boolean = property->encoding == CHANNEL_BOOLEAN;
    const char *const *names = boolean ? booleans : property->enum_names;
    uint32_t count = boolean ? 2 : property->enum_count;
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(names[i], node->key) == 0) {
            return i;
        }
    }
    json_fail(node, STATUS_NOT_FOUND, "property \"%s\" has no value \"%s\"", property->name, node->key);
    return -1;
}

static void read_cases(WorldLoader *loader, const JsonNode *object, const MapRule *rule, ValueMap *map)
{
    size_t count = json_is_object(object->value) ? json_object_size(object->value) : 0;
    if (count == 0 || count > WORLD_STOPS_MAX) {
        json_fail(object, STATUS_MALFORMED, "must be an object of 1 to %d cases", WORLD_STOPS_MAX);
        return;
    }
    map->cases = world_new_array(loader, object, MapCase, count);
    JsonNode node;
    for (void *i = json_members(object); json_next(object, &i, &node);) {
        MapCase *entry = &map->cases[map->case_count];
        entry->in = arena_copy_text(loader->arena, node.key, strlen(node.key));
        if (!entry->in) {
            json_fail(&node, STATUS_OUT_OF_MEMORY, "out of memory");
            return;
        }
        entry->code = case_code(&node, rule->property);
        read_out(&node, rule, entry->out, &entry->blink);
        map->case_count++;
    }
}

static void read_map(WorldLoader *loader, const JsonNode *binding, const MapRule *rule, ValueMap *map)
{
    static const char *const number_keys[] = { "stops", "stepped", "otherwise", NULL };
    static const char *const case_keys[] = { "cases", "otherwise", NULL };
    bool numeric = is_numeric(rule->property);
    bool needed = !rule->numbers || rule->property->type == PROPERTY_TEXT;
    memcpy(map->otherwise, kinds[rule->kind].without, sizeof map->otherwise);
    JsonNode node = needed ? json_required(binding, "map") : json_member(binding, "map");
    if (!node.value) {
        return;
    }
    json_known_keys(&node, numeric ? number_keys : case_keys);
    JsonNode stops = json_member(&node, "stops");
    JsonNode cases = json_member(&node, "cases");
    JsonNode stepped = json_member(&node, "stepped");
    JsonNode otherwise = json_member(&node, "otherwise");
    map->stepped = json_read_boolean(&stepped, false);
    if (stops.value) {
        read_stops(loader, &stops, rule, map);
    } else if (cases.value) {
        read_cases(loader, &cases, rule, map);
    } else if (needed) {
        json_fail(&node, STATUS_MALFORMED, "needs \"%s\"", numeric ? "stops" : "cases");
    }
    if (otherwise.value) {
        read_out(&otherwise, rule, map->otherwise, NULL);
    }
}

/* ---- the binding ---- */

static BindingKind read_kind(const JsonNode *node)
{
    JsonNode member = json_required(node, "kind");
    const char *text = json_read_text(&member, 1, WORLD_NAME_MAX, "color");
    for (int i = 0; i < BINDING_KIND_COUNT; i++) {
        if (strcmp(kinds[i].name, text) == 0) {
            return (BindingKind)i;
        }
    }
    json_fail(&member, STATUS_MALFORMED,
              "\"%s\" is not color, emissive, spin, translate, level, beacon, label or visibility", text);
    return BINDING_COLOR;
}

static void check_keys(const JsonNode *node, BindingKind kind)
{
    const char *keys[9] = { "kind", "property", "unit" };
    int count = 3;
    unsigned uses = kinds[kind].uses;
    static const struct {
        unsigned use;
        const char *key;
    } optional[] = { { USES_NODE, "node" },
                     { USES_AXIS, "axis" },
                     { USES_OFFSET, "offset" },
                     { USES_CAPTION, "caption" },
                     { USES_NUMBERS | USES_COLORS, "map" } };
    for (size_t i = 0; i < ARRAY_COUNT(optional); i++) {
        if (uses & optional[i].use) {
            keys[count++] = optional[i].key;
        }
    }
    json_known_keys(node, keys);
}

static void read_node_name(const JsonNode *node, const Object *object, const ModelFile *model,
                           Binding *binding)
{
    JsonNode member = json_member(node, "node");
    binding->node = json_read_text(&member, 1, WORLD_TITLE_MAX, NULL);
    if (!binding->node) {
        return;
    }
    if (!model) {
        json_fail(&member, STATUS_NOT_FOUND, "object \"%s\" has no model", object->id);
        return;
    }
    for (uint32_t i = 0; i < model->node_count; i++) {
        if (strcmp(model->node_names[i], binding->node) == 0) {
            return;
        }
    }
    json_fail(&member, STATUS_NOT_FOUND, "model \"%s\" has no node \"%s\"", object->model, binding->node);
}

static const Property *read_property(const WorldLoader *loader, const JsonNode *node, const Object *object,
                                     Binding *binding)
{
    JsonNode member = json_required(node, "property");
    JsonNode unit = json_member(node, "unit");
    const char *name = json_read_text(&member, 1, WORLD_NAME_MAX, NULL);
    if (!name) {
        return NULL;
    }
    const Thing *thing = &loader->world.things[object->thing];
    int index = thing_property_index(thing->model, name);
    if (index < 0) {
        json_fail(&member, STATUS_NOT_FOUND, "thing '%s' has no property '%s'", thing->id, name);
        return NULL;
    }
    binding->property = (uint16_t)index;
    const Property *property = &thing->model->properties[index];
    const char *text = json_read_text(&unit, 0, WORLD_NAME_MAX, property->unit);
    if (strcmp(text, property->unit) != 0) {
        json_fail(&unit, STATUS_MALFORMED, "\"%s\" is not the unit of '%s' of thing '%s', \"%s\"", text, name,
                  thing->id, property->unit);
        return NULL;
    }
    return property;
}

void world_read_binding(WorldLoader *loader, const JsonNode *node, const Object *object,
                        const ModelFile *model, Binding *binding)
{
    binding->kind = read_kind(node);
    check_keys(node, binding->kind);
    const Property *property = read_property(loader, node, object, binding);
    if (!property) {
        return;
    }
    read_node_name(node, object, model, binding);
    JsonNode axis = json_member(node, "axis");
    JsonNode offset = json_member(node, "offset");
    JsonNode caption = json_member(node, "caption");
    binding->axis[1] = 1;
    json_read_vector(&axis, 3, WORLD_COORDINATE_MAX, binding->axis);
    if (!world_normalise(binding->axis)) {
        json_fail(&axis, STATUS_OUT_OF_RANGE, "has no direction");
    }
    binding->offset[1] = kinds[binding->kind].offset_y;
    json_read_vector(&offset, 3, OFFSET_MAX, binding->offset);
    binding->caption = json_read_text(&caption, 1, WORLD_TITLE_MAX, NULL);
    if (kinds[binding->kind].uses & (USES_NUMBERS | USES_COLORS)) {
        const MapRule rule = { .kind = binding->kind,
                               .numbers = (kinds[binding->kind].uses & USES_NUMBERS) != 0,
                               .property = property };
        read_map(loader, node, &rule, &binding->map);
    }
}
