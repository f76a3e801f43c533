#include "client/scene/scene_state.h"

#include <cglm/mat4.h>
#include <cglm/quat.h>
#include <cglm/vec3.h>
#include <math.h>

#define DT_MAX 0.25f

/* ---- creation ---- */

static Status out_of_memory(const SceneConfig *config, Diag *diag)
{
    return diag_set(diag, STATUS_OUT_OF_MEMORY, config->world->name, 0, "no memory for a scene of %u objects",
                    config->world->object_count);
}

static const ModelShape *find_shape(const Scene *scene, const Model *model)
{
    for (uint32_t i = scene->shape_count; i > 0; i--) { /* the newest is often the one */
        if (scene->shapes[i - 1].model == model) {
            return &scene->shapes[i - 1];
        }
    }
    return NULL;
}

/* How much of everything the world needs. */
static void count_parts(const SceneConfig *config, Scene *scene)
{
    const World *world = config->world;
    for (uint32_t i = 0; i < world->object_count; i++) {
        const Object *object = &world->objects[i];
        bool labelled = false;
        for (uint32_t b = 0; b < object->binding_count; b++) {
            scene->lamp_count += object->bindings[b].kind == BINDING_BEACON;
            scene->line_count += object->bindings[b].kind == BINDING_LABEL;
            labelled = labelled || object->bindings[b].kind == BINDING_LABEL;
        }
        scene->label_count += labelled;
        scene->object_instances += config->models[i].model != NULL;
    }
}

static bool allocate(const SceneConfig *config, Scene *scene, Arena *arena)
{
    uint32_t objects = config->world->object_count, nodes = 0;
    uint32_t people = config->avatars_max ? config->avatars_max : 64;
    for (uint32_t i = 0; i < objects; i++) {
        const Model *model = config->models[i].model;
        nodes = model && model->node_count > nodes ? model->node_count : nodes;
    }
    scene->objects = arena_new_array(arena, ObjectState, objects);
    scene->shapes = arena_new_array(arena, ModelShape, objects);
    scene->subtree = arena_new_array(arena, bool, nodes);
    scene->thing_entities = arena_new_array(arena, const EntityState *, config->world->thing_count);
    scene->instances = arena_new_array(arena, RenderInstance, (size_t)scene->object_instances + people);
    scene->lamps = arena_new_array(arena, RenderLamp, scene->lamp_count);
    scene->labels = arena_new_array(arena, SceneLabel, scene->label_count);
    scene->lines = arena_new_array(arena, UiLabelLine, scene->line_count);
    scene->line_properties = arena_new_array(arena, uint8_t, scene->line_count);
    scene->texts = arena_new_array(arena, LineText, scene->line_count);
    return scene->objects && scene->shapes && scene->subtree && scene->thing_entities && scene->instances &&
           scene->lamps && scene->labels && scene->lines && scene->line_properties && scene->texts;
}

static void object_matrix(const Object *object, mat4 out)
{
    versor rotation = { object->rotation[0], object->rotation[1], object->rotation[2], object->rotation[3] };
    glm_quat_mat4(rotation, out);
    for (int i = 0; i < 3; i++) {
        glm_vec3_scale(out[i], object->scale[i], out[i]);
        out[3][i] = object->position[i];
    }
}

static Status init_model(Scene *scene, ObjectState *object, const SceneModel *model, uint32_t instance,
                         Arena *arena)
{
    size_t nodes = model->model->node_count;
    object->shape = find_shape(scene, model->model);
    if (!object->shape) {
        ModelShape *shape = &scene->shapes[scene->shape_count++];
        if (shape_init(shape, model->model, arena) != STATUS_OK) {
            return STATUS_OUT_OF_MEMORY;
        }
        object->shape = shape;
    }
    object->local = arena_new_array(arena, NodeTransform, nodes);
    object->world = arena_new_array(arena, mat4, nodes);
    if (object->bound_count > 0) { /* any of them: what is stale is drawn paler */
        object->tint = arena_new_array(arena, vec4, nodes);
        object->emissive = arena_new_array(arena, vec4, nodes);
        if (!object->tint || !object->emissive) {
            return STATUS_OUT_OF_MEMORY;
        }
    }
    object->restless = object->object->animate && model->model->animation_count > 0;
    object->instance = instance;
    scene->instances[instance] = (RenderInstance){ .model = model->handle,
                                                   .node_world = (const mat4 *)object->world,
                                                   .node_tint = (const vec4 *)object->tint,
                                                   .node_emissive = (const vec4 *)object->emissive,
                                                   .casts_shadow = object->object->casts_shadow };
    return object->local && object->world ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

static Status init_bindings(const SceneConfig *config, ObjectState *object, const Model *model, Arena *arena,
                            Diag *diag)
{
    const Object *source = object->object;
    object->bound_count = source->thing == WORLD_NO_THING ? 0 : source->binding_count;
    object->bound = arena_new_array(arena, BoundState, object->bound_count);
    if (!object->bound) {
        return out_of_memory(config, diag);
    }
    for (uint32_t i = 0; i < object->bound_count; i++) {
        BoundState *bound = &object->bound[i];
        const Binding *binding = &source->bindings[i];
        *bound = (BoundState){ .binding = binding,
                               .property =
                                   &config->world->things[source->thing].model->properties[binding->property],
                               .node = MODEL_NONE,
                               .reported = { .source_time = TIME_NONE } };
        bound->target = value_map_apply(&binding->map, bound->property, &bound->reported, NULL);
        memcpy(bound->shown, bound->target.out, sizeof bound->shown);
        if (binding->node && model) {
            bound->node = model_node_index(model, binding->node);
            if (bound->node == MODEL_NONE) {
                return diag_set(diag, STATUS_NOT_FOUND, model->path, 0,
                                "object '%s' binds a value to node '%s', which the model does not have",
                                source->id, binding->node);
            }
        }
    }
    return STATUS_OK;
}

/* Where the next part of each kind goes while the scene is built. */
typedef struct Cursor {
    uint32_t instance, lamp, label, line;
} Cursor;

static void init_label(Scene *scene, ObjectState *object, Cursor *cursor)
{
    const Object *source = object->object;
    object->label = MODEL_NONE;
    for (uint32_t i = 0; i < object->bound_count; i++) {
        BoundState *bound = &object->bound[i];
        if (bound->binding->kind == BINDING_BEACON) {
            bound->slot = cursor->lamp++;
        } else if (bound->binding->kind == BINDING_LABEL) {
            bound->slot = cursor->line++;
            scene->line_properties[bound->slot] = (uint8_t)bound->binding->property;
            if (object->label == MODEL_NONE) {
                object->label = cursor->label++;
                SceneLabel *label = &scene->labels[object->label];
                versor rotation = { source->rotation[0], source->rotation[1], source->rotation[2],
                                    source->rotation[3] };
                vec3 offset = { bound->binding->offset[0], bound->binding->offset[1],
                                bound->binding->offset[2] };
                *label = (SceneLabel){ .id = source->id,
                                       .title = scene->world->things[source->thing].title,
                                       .thing = source->thing,
                                       .lines = &scene->lines[bound->slot],
                                       .line_properties = &scene->line_properties[bound->slot] };
                glm_quat_rotatev(rotation, offset, label->anchor);
                glm_vec3_add(label->anchor, (float *)(uintptr_t)source->position, label->anchor);
            }
            scene->labels[object->label].line_count++;
        }
    }
}

static Status init_objects(const SceneConfig *config, Scene *scene, Arena *arena, Diag *diag)
{
    Cursor cursor = { 0 };
    for (uint32_t i = 0; i < config->world->object_count; i++) {
        ObjectState *object = &scene->objects[i];
        const SceneModel *model = &config->models[i];
        *object = (ObjectState){
            .object = &config->world->objects[i], .instance = MODEL_NONE, .moved = true, .recolored = true
        };
        object_matrix(object->object, object->root);
        Status status = init_bindings(config, object, model->model, arena, diag);
        if (status != STATUS_OK) {
            return status;
        }
        if (model->model && init_model(scene, object, model, cursor.instance++, arena) != STATUS_OK) {
            return out_of_memory(config, diag);
        }
        init_label(scene, object, &cursor);
        object->reworded = object->bound_count > 0;
    }
    return STATUS_OK;
}

Status scene_create(const SceneConfig *config, Arena *arena, Scene **out_scene, Diag *diag)
{
    Scene *scene = arena_new(arena, Scene);
    if (!scene) {
        return out_of_memory(config, diag);
    }
    scene->world = config->world;
    count_parts(config, scene);
    if (!allocate(config, scene, arena)) {
        return out_of_memory(config, diag);
    }
    Status status = init_objects(config, scene, arena, diag);
    if (status != STATUS_OK) {
        return status;
    }
    if (avatars_init(scene, config, arena) != STATUS_OK) {
        return out_of_memory(config, diag);
    }
    scene->newest_source_time = TIME_NONE;
    scene->instance_count = scene->object_instances;
    *out_scene = scene;
    return STATUS_OK;
}

/* ---- frames ---- */

static void survey_entity(Scene *scene, const Snapshot *snapshot, const EntityState *entity)
{
    bool stale = false, bad = false;
    for (uint32_t i = 0; i < entity->channel_count; i++) {
        if ((uint64_t)entity->first_channel + i >= snapshot->channel_count) {
            break;
        }
        const ChannelState *channel = &snapshot->channels[entity->first_channel + i];
        stale = stale || channel->quality == QUALITY_STALE;
        bad = bad || channel->quality == QUALITY_BAD;
        if (channel->quality != QUALITY_NONE && channel->source_time > scene->newest_source_time) {
            scene->newest_source_time = channel->source_time;
        }
    }
    scene->things_bad += bad;
    scene->things_stale += stale && !bad;
}

/* Finds every thing's entity and what holds for all values. */
static void survey_snapshot(Scene *scene, const Snapshot *snapshot)
{
    for (uint32_t i = 0; i < scene->world->thing_count; i++) {
        scene->thing_entities[i] = NULL;
    }
    scene->things_stale = scene->things_bad = 0;
    scene->newest_source_time = TIME_NONE;
    for (uint32_t i = 0; i < snapshot->entity_count; i++) {
        const EntityState *entity = &snapshot->entities[i];
        if (entity->kind == ENTITY_TWIN && entity_thing(entity) < scene->world->thing_count) {
            scene->thing_entities[entity_thing(entity)] = entity;
            survey_entity(scene, snapshot, entity);
        }
    }
}

void scene_update(Scene *scene, const SceneInput *input)
{
    SceneInput checked = *input;
    checked.dt = checked.dt > 0 ? fminf(checked.dt, DT_MAX) : 0;
    const Snapshot *snapshot = checked.snapshot;
    bool fresh = snapshot && (snapshot != scene->snapshot || snapshot->sequence != scene->snapshot_sequence);
    if (fresh) {
        scene->snapshot = snapshot;
        scene->snapshot_sequence = snapshot->sequence;
        survey_snapshot(scene, snapshot);
    }
    /* Texts may have come that cards wait for. */
    bool texts_changed = checked.texts && checked.texts->count != scene->text_count;
    scene->text_count = checked.texts ? checked.texts->count : 0;
    scene->alarms = 0;
    for (uint32_t i = 0; i < scene->world->object_count; i++) {
        ObjectState *object = &scene->objects[i];
        if (fresh && object->bound_count > 0) {
            object_take_values(scene, object, checked.texts);
        }
        object->reworded = object->reworded || (texts_changed && object->bound_count > 0);
        object_advance(object, checked.dt);
        object_show(scene, object, checked.seconds);
        label_show(scene, object, &checked);
    }
    avatars_update(scene, &checked);
}

void scene_view(const Scene *scene, SceneView *out_view)
{
    *out_view = (SceneView){ .instances = scene->instances,
                             .instance_count = scene->instance_count,
                             .lamps = scene->lamps,
                             .lamp_count = scene->lamp_count,
                             .labels = scene->labels,
                             .label_count = scene->label_count,
                             .names = scene->names,
                             .name_count = scene->name_count,
                             .things = scene->world->thing_count,
                             .things_stale = scene->things_stale,
                             .things_bad = scene->things_bad,
                             .alarms = scene->alarms,
                             .newest_source_time = scene->newest_source_time };
}
