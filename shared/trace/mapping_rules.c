#include "shared/trace/mapping_rules.h"

#include "shared/trace/target_cache.h"
#include "shared/trace/unit.h"

Status mapping_index_things(TraceMapping *mapping, Arena *arena)
{
    const World *world = mapping->world;
    uint32_t size = 16;
    while (size < world->thing_count * 2) {
        size *= 2;
    }
    mapping->index = arena_new_array(arena, uint32_t, size);
    if (!mapping->index) {
        return STATUS_OUT_OF_MEMORY;
    }
    mapping->index_mask = size - 1;
    for (uint32_t i = 0; i < world->thing_count; i++) {
        const char *id = world->things[i].id;
        uint32_t slot = (uint32_t)target_cache_hash(id, strlen(id));
        while (mapping->index[slot & mapping->index_mask] != 0) {
            slot++;
        }
        mapping->index[slot & mapping->index_mask] = i + 1;
    }
    return STATUS_OK;
}

int mapping_thing_index(const TraceMapping *mapping, const char *id)
{
    for (uint32_t slot = (uint32_t)target_cache_hash(id, strlen(id));; slot++) {
        uint32_t entry = mapping->index[slot & mapping->index_mask];
        if (entry == 0) {
            return -1;
        }
        if (strcmp(mapping->world->things[entry - 1].id, id) == 0) {
            return (int)(entry - 1);
        }
    }
}

bool mapping_bind_property(const MappingRule *rule, const World *world, uint32_t thing, uint8_t property,
                           MappingTarget *out_target)
{
    const Property *declared = &world->things[thing].model->properties[property];
    UnitConversion conversion = { .scale = rule->scale, .offset = rule->offset };
    if (rule->unit && !unit_conversion(rule->unit, declared->unit, &conversion)) {
        return false;
    }
    *out_target = (MappingTarget){
        .rule = rule,
        .declared = declared,
        .thing = thing,
        .property = property,
        .converts = conversion.scale != 1 || conversion.offset != 0,
        .scale = conversion.scale,
        .offset = conversion.offset,
    };
    return true;
}

/* Follows a rule's templates. No thing or property of that name: nowhere. */
static void bind(const TraceMapping *mapping, const MappingRule *rule, const PatternCaptures *captures,
                 MappingTarget *out_target)
{
    char id[MAPPING_NAME_MAX + 1], name[MAPPING_NAME_MAX + 1];
    *out_target = (MappingTarget){ 0 };
    if (!pattern_expand(&rule->thing, captures, id, sizeof id) ||
        !pattern_expand(&rule->property, captures, name, sizeof name)) {
        return;
    }
    int thing = mapping_thing_index(mapping, id);
    int property = thing < 0 ? -1 : thing_property_index(mapping->world->things[thing].model, name);
    if (property >= 0) {
        /* The units of every pair a rule can lead to were checked at load. */
        (void)mapping_bind_property(rule, mapping->world, (uint32_t)thing, (uint8_t)property, out_target);
    }
}

void mapping_bind_row(const TraceMapping *mapping, const CsvField *keys, MappingTarget *out_target)
{
    for (uint32_t i = 0; i < mapping->rule_count; i++) {
        const MappingRule *rule = &mapping->rules[i];
        PatternCaptures captures = { 0 };
        uint32_t matched = 0;
        while (matched < rule->condition_count) {
            const MappingCondition *condition = &rule->conditions[matched];
            const CsvField *field = &keys[condition->key];
            if (!pattern_match(&condition->pattern, field->text, field->size, &captures)) {
                break;
            }
            matched++;
        }
        if (matched == rule->condition_count) {
            bind(mapping, rule, &captures, out_target);
            return;
        }
    }
    *out_target = (MappingTarget){ 0 };
}

void mapping_bind_column(const TraceMapping *mapping, const char *name, const MappingRule **out_rule,
                         MappingTarget *out_target)
{
    *out_rule = NULL;
    *out_target = (MappingTarget){ 0 };
    for (uint32_t i = 0; i < mapping->rule_count; i++) {
        PatternCaptures captures = { 0 };
        if (pattern_match(&mapping->rules[i].column, name, strlen(name), &captures)) {
            *out_rule = &mapping->rules[i];
            bind(mapping, *out_rule, &captures, out_target);
            return;
        }
    }
}

bool mapping_is_missing(const TraceMapping *mapping, const char *field, size_t size)
{
    if (size > mapping->missing_longest) {
        return false;
    }
    for (uint32_t i = 0; i < mapping->missing_count; i++) {
        if (mapping->missing[i].size == size && memcmp(mapping->missing[i].text, field, size) == 0) {
            return true;
        }
    }
    return false;
}
