/* world_objects.c - "kinds" and "objects" of a world file. */
#include <math.h>

#include "shared/model/gltf_files.h"
#include "shared/model/world_load.h"

#define SCALE_MIN   1e-4
#define SCALE_MAX   1e4
#define SOLID_MAX   1e4  /* metres */
#define DEGREES_MAX 3600 /* ten turns; more is a mistake */

bool world_normalise(float vector[3])
{
    double length =
        sqrt((double)vector[0] * vector[0] + (double)vector[1] * vector[1] + (double)vector[2] * vector[2]);
    if (!(length > 1e-6)) {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        vector[i] = (float)(vector[i] / length);
    }
    return true;
}

/* An object and the kind it takes its defaults from; `kind.value` is NULL when it has none. */
typedef struct Source {
    JsonNode object, kind;
} Source;

static JsonNode own_or_kind(const Source *source, const char *key)
{
    JsonNode own = json_member(&source->object, key);
    return own.value || !source->kind.value ? own : json_member(&source->kind, key);
}

/* Checks the files that the model `name` refers to and adds them to the package. */
static void check_dependencies(WorldLoader *loader, const JsonNode *node, const char *name, Bytes content)
{
    const char **names = NULL;
    uint32_t count = 0;
    Status status = gltf_files(content, name, &loader->working, &names, &count, loader->diag);
    if (status != STATUS_OK) {
        loader->document.status = status; /* diag names the model */
        return;
    }
    for (uint32_t i = 0; i < count && loader->document.status == STATUS_OK; i++) {
        Bytes ignored;
        bool fresh = false;
        world_intern(&loader->files, node, names[i], &fresh);
        if (fresh) {
            world_read_file(loader, node, names[i], WORLD_MODEL_SIZE_MAX, &ignored);
        }
    }
}

/* The model file called `name`, read and checked when it is named for the first time. */
static const ModelFile *load_model_file(WorldLoader *loader, const JsonNode *node, const char *name)
{
    bool fresh = false;
    uint32_t index = world_intern(&loader->model_names, node, name, &fresh);
    if (loader->document.status != STATUS_OK) {
        return NULL;
    }
    ModelFile *file = &loader->model_files[index];
    if (!fresh) {
        return file;
    }
    Bytes content;
    if (!world_read_file(loader, node, name, WORLD_MODEL_SIZE_MAX, &content)) {
        return NULL;
    }
    Status status =
        gltf_node_names(content, name, &loader->working, &file->node_names, &file->node_count, loader->diag);
    if (status != STATUS_OK) {
        loader->document.status = status; /* diag names the model */
        return NULL;
    }
    world_intern(&loader->files, node, name, NULL);
    check_dependencies(loader, node, name, content);
    return file;
}

/* R = Rx·Ry·Rz as a quaternion: qx·qy·qz. */
static void quaternion_from_euler(const double angles[3], float out[4])
{
    double s[3], c[3];
    for (int i = 0; i < 3; i++) {
        s[i] = sin(angles[i] / 2);
        c[i] = cos(angles[i] / 2);
    }
    out[0] = (float)(s[0] * c[1] * c[2] + c[0] * s[1] * s[2]);
    out[1] = (float)(c[0] * s[1] * c[2] - s[0] * c[1] * s[2]);
    out[2] = (float)(c[0] * c[1] * s[2] + s[0] * s[1] * c[2]);
    out[3] = (float)(c[0] * c[1] * c[2] - s[0] * s[1] * s[2]);
}

static void read_rotation(const JsonNode *object, float out[4])
{
    JsonNode degrees = json_member(object, "rotation_deg");
    JsonNode radians = json_member(object, "rotation_rad");
    float angles[3] = { 0 };
    double factor = 1;
    if (degrees.value && radians.value) {
        json_fail(&radians, STATUS_MALFORMED, "give either rotation_deg or rotation_rad");
    }
    if (degrees.value) {
        factor = acos(-1) / 180;
    }
    json_read_vector(&degrees, 3, DEGREES_MAX, angles);
    json_read_vector(&radians, 3, DEGREES_MAX * acos(-1) / 180, angles);
    const double exact[3] = { angles[0] * factor, angles[1] * factor, angles[2] * factor };
    quaternion_from_euler(exact, out);
}

static void read_scale(const JsonNode *node, float out[3])
{
    out[0] = out[1] = out[2] = 1;
    if (json_is_number(node->value)) {
        out[0] = out[1] = out[2] = (float)json_read_number(node, SCALE_MIN, SCALE_MAX, 1);
        return;
    }
    json_read_vector(node, 3, SCALE_MAX, out);
    for (int i = 0; i < 3; i++) {
        if (!(out[i] >= (float)SCALE_MIN)) {
            json_fail(node, STATUS_OUT_OF_RANGE, "must be %g to %g", SCALE_MIN, SCALE_MAX);
        }
    }
}

static void read_solid(const JsonNode *node, Object *object)
{
    static const char *const keys[] = { "half", "center", NULL };
    if (!node->value) {
        return;
    }
    json_known_keys(node, keys);
    JsonNode half = json_required(node, "half");
    JsonNode center = json_member(node, "center");
    json_read_vector(&half, 2, SOLID_MAX, object->solid_half);
    json_read_vector(&center, 2, SOLID_MAX, object->solid_center);
    for (int i = 0; i < 2; i++) {
        if (object->solid_half[i] < 0) {
            json_fail(&half, STATUS_OUT_OF_RANGE, "must not be negative");
        }
        object->solid_half[i] *= object->scale[2 * i];
        object->solid_center[i] *= object->scale[2 * i];
    }
}

static void read_thing_reference(WorldLoader *loader, const JsonNode *object_node, Object *object)
{
    JsonNode node = json_member(object_node, "thing");
    const char *id = json_read_text(&node, 1, WORLD_NAME_MAX, NULL);
    object->thing = WORLD_NO_THING;
    if (!id) {
        return;
    }
    uint32_t index = 0;
    /* The table is full with the world's things: what is not among them is refused. */
    if (text_intern(&loader->thing_ids, id, &index) != STATUS_OK) {
        json_fail(&node, STATUS_NOT_FOUND, "there is no thing \"%s\"", id);
        return;
    }
    object->thing = (uint32_t)index;
}

static void read_bindings(WorldLoader *loader, const Source *source, const ModelFile *model, Object *object)
{
    JsonNode lists[2] = { json_member(&source->kind, "bindings"), json_member(&source->object, "bindings") };
    size_t counts[2];
    for (int i = 0; i < 2; i++) {
        counts[i] = json_array_size_in(&lists[i], 0, WORLD_BINDINGS_MAX);
    }
    const JsonNode *last = lists[1].value ? &lists[1] : &lists[0];
    size_t count = counts[0] + counts[1];
    if (count > WORLD_BINDINGS_MAX) {
        json_fail(last, STATUS_OUT_OF_RANGE, "object \"%s\" has %zu bindings, %d is the most", object->id,
                  count, WORLD_BINDINGS_MAX);
    }
    if (count > 0 && object->thing == WORLD_NO_THING) {
        json_fail(last, STATUS_MALFORMED, "object \"%s\" has bindings but no \"thing\"", object->id);
    }
    object->bindings = world_new_array(loader, last, Binding, count);
    for (int i = 0; i < 2; i++) {
        for (size_t k = 0; k < counts[i] && loader->document.status == STATUS_OK; k++) {
            JsonNode node = json_element(&lists[i], k);
            world_read_binding(loader, &node, object, model, &object->bindings[object->binding_count++]);
        }
    }
}

static void read_object(WorldLoader *loader, const Source *source, Object *object)
{
    JsonNode id = json_required(&source->object, "id");
    JsonNode position = json_required(&source->object, "position");
    JsonNode model = own_or_kind(source, "model");
    JsonNode scale = own_or_kind(source, "scale");
    JsonNode casts_shadow = own_or_kind(source, "casts_shadow");
    JsonNode animate = own_or_kind(source, "animate");
    JsonNode box = own_or_kind(source, "solid");
    bool fresh = true;
    object->id = json_read_text(&id, 1, WORLD_NAME_MAX, "");
    world_intern(&loader->object_ids, &id, object->id, &fresh);
    if (!fresh) {
        json_fail(&id, STATUS_DUPLICATE, "there is already an object \"%s\"", object->id);
    }
    read_thing_reference(loader, &source->object, object);
    json_read_vector(&position, 3, WORLD_COORDINATE_MAX, object->position);
    read_rotation(&source->object, object->rotation);
    read_scale(&scale, object->scale);
    object->casts_shadow = json_read_boolean(&casts_shadow, true);
    object->animate = json_read_boolean(&animate, false);
    read_solid(&box, object);
    const ModelFile *file = NULL;
    if (model.value) {
        object->model = world_read_file_name(&model);
        file = load_model_file(loader, &model, object->model);
    }
    read_bindings(loader, source, file, object);
}

static void check_kinds(const JsonNode *kinds)
{
    static const char *const keys[] = {
        "scale", "model", "casts_shadow", "animate", "solid", "bindings", NULL
    };
    if (!kinds->value) {
        return;
    }
    if (!json_is_object(kinds->value)) {
        json_fail(kinds, STATUS_MALFORMED, "must be an object");
    }
    JsonNode kind;
    for (void *i = json_members(kinds); json_next(kinds, &i, &kind);) {
        json_known_keys(&kind, keys);
    }
}

void world_read_objects(WorldLoader *loader, const JsonNode *root)
{
    static const char *const keys[] = { "id",           "kind",     "thing", "position",     "rotation_deg",
                                        "rotation_rad", "scale",    "model", "casts_shadow", "animate",
                                        "solid",        "bindings", NULL };
    JsonNode kinds = json_member(root, "kinds");
    JsonNode list = json_member(root, "objects");
    check_kinds(&kinds);
    size_t count = json_array_size_in(&list, 0, WORLD_OBJECTS_MAX);
    uint32_t models = (uint32_t)(count < WORLD_MODEL_FILES_MAX ? count : WORLD_MODEL_FILES_MAX);
    loader->world.objects = world_new_array(loader, &list, Object, count);
    loader->model_files = arena_new_array(&loader->working, ModelFile, models);
    if (!loader->model_files ||
        text_table_init(&loader->object_ids, (uint32_t)count, &loader->working) != STATUS_OK ||
        text_table_init(&loader->model_names, models, &loader->working) != STATUS_OK) {
        json_fail(&list, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < count && loader->document.status == STATUS_OK; i++) {
        Source source = { .object = json_element(&list, i) };
        json_known_keys(&source.object, keys);
        JsonNode name = json_member(&source.object, "kind");
        const char *kind = json_read_text(&name, 1, WORLD_NAME_MAX, NULL);
        source.kind = json_member(&kinds, kind ? kind : "");
        if (kind && !source.kind.value) {
            json_fail(&name, STATUS_NOT_FOUND, "there is no kind \"%s\"", kind);
        }
        if (!kind) {
            source.kind.value = NULL;
        }
        read_object(loader, &source, &loader->world.objects[i]);
    }
    loader->world.object_count = (uint32_t)count;
}
