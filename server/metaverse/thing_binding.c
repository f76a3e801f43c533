/* thing_binding.c - which published thing stands behind which thing of the world: by id, and only when both
 * models mean the same by the same codes. */
#include "server/metaverse/state.h"

#include "shared/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define NOWHERE "no twin system that can be reached has published it"

static bool names_agree(const Property *a, const Property *b)
{
    if (a->enum_count != b->enum_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->enum_count; i++) {
        if (strcmp(a->enum_names[i], b->enum_names[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* What differs, or NULL. */
static const char *difference(const Property *world, const Property *published)
{
    if (world->encoding != published->encoding || world->type != published->type) {
        return "type";
    }
    if (strcmp(world->unit, published->unit) != 0) {
        return "unit";
    }
    bool same_steps =
        world->resolution >= published->resolution && world->resolution <= published->resolution;
    if (world->encoding == CHANNEL_STEPS && !same_steps) {
        return "resolution";
    }
    return world->encoding == CHANNEL_ENUM && !names_agree(world, published) ? "list of names" : NULL;
}

bool thing_models_agree(const ThingModel *world, const ThingModel *published,
                        uint8_t out_map[THING_PROPERTIES_MAX], char *reason, size_t size)
{
    memset(out_map, NO_PROPERTY, THING_PROPERTIES_MAX);
    for (uint32_t i = 0; i < world->property_count; i++) {
        const Property *property = &world->properties[i];
        int other = thing_property_index(published, property->name);
        if (other < 0 || other >= (int)THING_PROPERTIES_MAX) {
            snprintf(reason, size, "the published model has no property '%.60s'", property->name);
            return false;
        }
        const char *differs = difference(property, &published->properties[other]);
        if (differs != NULL) {
            snprintf(reason, size, "property '%.60s' is published with another %s", property->name, differs);
            return false;
        }
        out_map[other] = (uint8_t)i;
    }
    return true;
}

Status binding_create(Metaverse *metaverse)
{
    Integration *integration = &metaverse->integration;
    uint32_t things = metaverse->world->thing_count;
    integration->link_of = arena_new_array(&metaverse->arena, uint8_t, things);
    integration->place_of = arena_new_array(&metaverse->arena, uint32_t, things);
    integration->unbound = arena_alloc(&metaverse->arena, (size_t)things * REASON_SHORT, 1);
    if (integration->link_of == NULL || integration->place_of == NULL || integration->unbound == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < things; i++) {
        integration->link_of[i] = NO_LINK;
        snprintf(integration->unbound[i], REASON_SHORT, NOWHERE);
    }
    return STATUS_OK;
}

void binding_drop(Metaverse *metaverse, SystemLink *link)
{
    Integration *integration = &metaverse->integration;
    uint8_t index = (uint8_t)(link - integration->links);
    for (uint32_t i = 0; i < metaverse->world->thing_count; i++) {
        if (integration->link_of[i] == index) {
            integration->link_of[i] = NO_LINK;
            snprintf(integration->unbound[i], REASON_SHORT, NOWHERE);
        }
    }
    integration->bound -= link->bound;
    free(link->to_world);
    free(link->properties);
    link->to_world = NULL;
    link->properties = NULL;
    link->thing_count = link->bound = 0;
    link->identity = false;
}

/* Usually things are published in the world's order; else finding one walks over all. */
static uint32_t find_thing(const World *world, const char *id, uint32_t place)
{
    if (place < world->thing_count && strcmp(world->things[place].id, id) == 0) {
        return place;
    }
    int at = world_thing_index(world, id);
    return at < 0 ? WORLD_NO_THING : (uint32_t)at;
}

static void bind_thing(Metaverse *metaverse, SystemLink *link, uint32_t place, const Thing *published)
{
    Integration *integration = &metaverse->integration;
    link->to_world[place] = WORLD_NO_THING;
    uint32_t thing = find_thing(metaverse->world, published->id, place);
    if (thing == WORLD_NO_THING) {
        return;
    }
    char *reason = integration->unbound[thing];
    if (integration->link_of[thing] != NO_LINK) {
        log_warning(LOG_MODULE, "thing '%s' of system '%s' is already bound to system '%s'", published->id,
                    link->entry.name, integration->links[integration->link_of[thing]].entry.name);
        return;
    }
    if (!thing_models_agree(metaverse->world->things[thing].model, published->model, link->properties[place],
                            reason, REASON_SHORT)) {
        log_warning(LOG_MODULE, "thing '%s' of system '%s' stays unbound: %s", published->id,
                    link->entry.name, reason);
        return;
    }
    reason[0] = '\0';
    integration->link_of[thing] = (uint8_t)(link - integration->links);
    integration->place_of[thing] = place;
    link->to_world[place] = thing;
    link->bound++;
    integration->bound++;
}

static bool is_identity(const World *world, const SystemLink *link)
{
    if (link->thing_count != world->thing_count || link->bound != link->thing_count) {
        return false;
    }
    for (uint32_t i = 0; i < link->thing_count; i++) {
        if (link->to_world[i] != i) {
            return false;
        }
        for (uint32_t p = 0; p < world->things[i].model->property_count; p++) {
            if (link->properties[i][p] != p) {
                return false;
            }
        }
    }
    return true;
}

/* Things that were bound and are not any more have no values; the others keep theirs until new ones come, so
 * that a system that comes back does not make everything blink. */
static void forget_lost(Metaverse *metaverse, uint32_t *before, uint32_t count)
{
    for (uint32_t i = 0; i < count && before != NULL; i++) {
        if (before[i] != WORLD_NO_THING && metaverse->integration.link_of[before[i]] == NO_LINK) {
            replication_forget(metaverse, before[i]);
        }
    }
    free(before);
}

Status binding_take(Metaverse *metaverse, SystemLink *link, const SystemModels *models)
{
    const World *world = metaverse->world;
    uint32_t *before = link->to_world, count = models->thing_count, count_before = link->thing_count;
    link->to_world = NULL;
    binding_drop(metaverse, link);
    link->to_world = calloc(count + 1u, sizeof *link->to_world);
    link->properties = calloc(count + 1u, sizeof *link->properties);
    if (link->to_world == NULL || link->properties == NULL) {
        binding_drop(metaverse, link);
        forget_lost(metaverse, before, count_before);
        return STATUS_OUT_OF_MEMORY;
    }
    link->thing_count = count;
    for (uint32_t i = 0; i < count; i++) {
        bind_thing(metaverse, link, i, &models->things[i]);
    }
    link->identity = is_identity(world, link);
    forget_lost(metaverse, before, count_before);
    log_info(LOG_MODULE, "system '%s': %u of its %u things bound to the %u of the world%s", link->entry.name,
             (unsigned)link->bound, (unsigned)count, (unsigned)world->thing_count,
             link->identity ? ", one to one" : "");
    return STATUS_OK;
}
