#include "client/session/values.h"

Status world_values_create(const World *world, Arena *arena, WorldValues *out_values)
{
    WorldValues values = { .thing_count = world->thing_count };
    values.first = arena_new_array(arena, uint32_t, (size_t)world->thing_count + 1);
    if (values.first == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < world->thing_count; i++) {
        values.first[i + 1] = values.first[i] + world->things[i].model->property_count;
    }
    values.reported = arena_new_array(arena, Reported, values.first[world->thing_count]);
    if (values.reported == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    world_values_fill(&values, NULL);
    *out_values = values;
    return STATUS_OK;
}

static void take_twin(WorldValues *values, const Snapshot *snapshot, const EntityState *entity)
{
    uint32_t first = values->first[entity_thing(entity)];
    uint32_t count = values->first[entity_thing(entity) + 1] - first;
    if (entity->channel_count != count || entity->first_channel > snapshot->channel_count ||
        count > snapshot->channel_count - entity->first_channel) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const ChannelState *channel = &snapshot->channels[entity->first_channel + i];
        values->reported[first + i] = (Reported){ .code = channel->code,
                                                  .source_time = channel->source_time,
                                                  .quality = channel->quality };
    }
}

void world_values_fill(WorldValues *values, const Snapshot *snapshot)
{
    for (uint32_t i = 0; i < values->first[values->thing_count]; i++) {
        values->reported[i] = (Reported){ .source_time = TIME_NONE, .quality = QUALITY_NONE };
    }
    for (uint32_t i = 0; snapshot != NULL && i < snapshot->entity_count; i++) {
        const EntityState *entity = &snapshot->entities[i];
        if (entity->kind == ENTITY_TWIN && entity_thing(entity) < values->thing_count) {
            take_twin(values, snapshot, entity);
        }
    }
}
