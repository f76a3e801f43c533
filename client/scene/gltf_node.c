#include "client/scene/gltf_document.h"

#include <cglm/affine.h>
#include <cglm/mat4.h>
#include <cglm/quat.h>
#include <math.h>

static bool finite_matrix(const mat4 matrix)
{
    for (int i = 0; i < 16; i++) {
        if (!isfinite(matrix[i / 4][i % 4])) {
            return false;
        }
    }
    return true;
}

static float column_length(const float *column)
{
    return sqrtf(column[0] * column[0] + column[1] * column[1] + column[2] * column[2]);
}

/* Splits an affine matrix (16 numbers, column-major) into translation, rotation and scale. A shear cannot be
 * kept and is dropped. */
static void decompose(Document *doc, const float *numbers, ModelNode *out)
{
    mat4 rotation = GLM_MAT4_IDENTITY_INIT;
    memcpy(out->translation, numbers + 12, sizeof out->translation);
    for (int axis = 0; axis < 3; axis++) {
        const float *column = numbers + 4 * axis;
        out->scale[axis] = column_length(column);
        for (int i = 0; i < 3 && out->scale[axis] > 0; i++) {
            rotation[axis][i] = column[i] / out->scale[axis];
        }
    }
    vec3 cross;
    glm_vec3_cross(rotation[0], rotation[1], cross);
    if (glm_vec3_dot(cross, rotation[2]) < 0) { /* mirrored */
        out->scale[0] = -out->scale[0];
        glm_vec3_negate(rotation[0]);
    }
    if (fabsf(glm_vec3_dot(rotation[0], rotation[1])) > 1e-3f ||
        fabsf(glm_vec3_dot(rotation[1], rotation[2])) > 1e-3f ||
        fabsf(glm_vec3_dot(rotation[0], rotation[2])) > 1e-3f) {
        document_note(doc, NOTE_SHEAR, "a node's matrix has a shear, which is dropped");
    }
    versor quaternion;
    glm_mat4_quat(rotation, quaternion);
    glm_quat_normalize(quaternion);
    memcpy(out->rotation, quaternion, sizeof out->rotation);
}

static void read_transform(Document *doc, const Field *node, ModelNode *out)
{
    static const float identity[4] = { 0, 0, 0, 1 };
    float matrix[16];
    memcpy(out->rotation, identity, sizeof identity);
    out->scale[0] = out->scale[1] = out->scale[2] = 1;
    if (field_numbers(doc, node, "matrix", 16, matrix)) {
        if (fabsf(matrix[3]) + fabsf(matrix[7]) + fabsf(matrix[11]) + fabsf(matrix[15] - 1) > 1e-3f) {
            document_fail(doc, STATUS_MALFORMED, node, "\"matrix\" is not affine");
            return;
        }
        decompose(doc, matrix, out);
        return;
    }
    field_numbers(doc, node, "translation", 3, out->translation);
    field_numbers(doc, node, "scale", 3, out->scale);
    if (field_numbers(doc, node, "rotation", 4, out->rotation)) {
        float *q = out->rotation;
        float length = sqrtf(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
        if (!(length > 1e-6f) || !isfinite(length)) {
            document_fail(doc, STATUS_OUT_OF_RANGE, node, "\"rotation\" is not a quaternion of length 1");
            return;
        }
        for (int i = 0; i < 4; i++) {
            q[i] /= length;
        }
    }
}

static void read_children(Document *doc, const Field *node, uint32_t index)
{
    Field children = field_get(doc, node, "children", JSON_ARRAY);
    for (size_t i = 0; i < field_count(&children) && doc->status == STATUS_OK; i++) {
        uint32_t child = field_item_index(doc, &children, i, doc->node_count);
        if (child == MODEL_NONE) {
            return;
        }
        if (child == index || doc->nodes[child].node.parent != MODEL_NONE) {
            document_fail(doc, STATUS_MALFORMED, &children, "node %u would have two parents or be its own",
                          child);
            return;
        }
        doc->nodes[child].node.parent = index;
    }
}

static void read_node(Document *doc, const Field *node, SourceNode *out, uint32_t skin_count)
{
    out->node.name = document_copy_text(doc, field_text(doc, node, "name"));
    out->node.mesh = field_index(doc, node, "mesh", doc->model.mesh_count);
    out->skin = field_index(doc, node, "skin", skin_count);
    out->output = MODEL_NONE;
    read_transform(doc, node, &out->node);
}

/* Puts parents before children. Every node has one parent at most, so what the roots do not reach is a cycle.
 */
static void order_nodes(Document *doc, const Field *list)
{
    uint32_t *depth = document_array(doc, &doc->scratch, uint32_t, doc->node_count);
    doc->node_order = document_array(doc, &doc->scratch, uint32_t, doc->node_count);
    uint32_t used = 0;
    for (uint32_t i = 0; i < doc->node_count && doc->status == STATUS_OK; i++) {
        if (doc->nodes[i].node.parent == MODEL_NONE) {
            doc->node_order[used++] = i;
        }
    }
    for (uint32_t next = 0; next < used && doc->status == STATUS_OK; next++) {
        uint32_t index = doc->node_order[next];
        Field node = field_item(doc, list, index, JSON_OBJECT);
        Field children = field_get(doc, &node, "children", JSON_ARRAY);
        for (size_t i = 0; i < field_count(&children); i++) {
            uint32_t child = field_item_index(doc, &children, i, doc->node_count);
            if (child == MODEL_NONE) {
                return;
            }
            depth[child] = depth[index] + 1;
            doc->node_order[used++] = child;
        }
        if (depth[index] > GLTF_DEPTH_MAX) {
            document_fail(doc, STATUS_OUT_OF_RANGE, &node, "nested deeper than %u", GLTF_DEPTH_MAX);
        }
    }
    if (doc->status == STATUS_OK && used < doc->node_count) {
        document_fail(doc, STATUS_MALFORMED, list, "the node hierarchy has a cycle");
    }
}

static void local_matrix(const ModelNode *node, mat4 out)
{
    mat4 rotation;
    versor quaternion = { node->rotation[0], node->rotation[1], node->rotation[2], node->rotation[3] };
    vec3 translation = { node->translation[0], node->translation[1], node->translation[2] };
    vec3 scale = { node->scale[0], node->scale[1], node->scale[2] };
    glm_translate_make(out, translation);
    glm_quat_mat4(quaternion, rotation);
    glm_mat4_mul(out, rotation, out);
    glm_scale(out, scale);
}

static void place_nodes(Document *doc)
{
    doc->node_world = document_array(doc, &doc->scratch, mat4, doc->node_count);
    for (uint32_t i = 0; i < doc->node_count && doc->status == STATUS_OK; i++) {
        uint32_t index = doc->node_order[i];
        const ModelNode *node = &doc->nodes[index].node;
        mat4 local;
        local_matrix(node, local);
        if (node->parent == MODEL_NONE) {
            glm_mat4_copy(local, doc->node_world[index]);
        } else {
            glm_mat4_mul(doc->node_world[node->parent], local, doc->node_world[index]);
        }
        if (!finite_matrix((const vec4 *)doc->node_world[index])) {
            document_fail(doc, STATUS_OUT_OF_RANGE, NULL, "node %u is placed beyond what a float can hold",
                          index);
        }
    }
}

/* Marks the roots of the default scene (the file's "scene", else the first) with output 0; without scenes
 * every root is drawn. */
static void choose_roots(Document *doc)
{
    uint32_t scene_count = 0;
    Field scenes = field_list(doc, "scenes", 1u << 16, &scene_count);
    uint32_t chosen = field_index(doc, &doc->root, "scene", scene_count);
    for (uint32_t i = 0; i < scene_count; i++) {
        Field scene = field_item(doc, &scenes, i, JSON_OBJECT);
        Field roots = field_get(doc, &scene, "nodes", JSON_ARRAY);
        for (size_t r = 0; r < field_count(&roots) && doc->status == STATUS_OK; r++) {
            uint32_t root = field_item_index(doc, &roots, r, doc->node_count);
            if (root != MODEL_NONE && doc->nodes[root].node.parent != MODEL_NONE) {
                document_fail(doc, STATUS_MALFORMED, &roots, "node %u is not a root", root);
            } else if (root != MODEL_NONE && i == (chosen == MODEL_NONE ? 0 : chosen)) {
                doc->nodes[root].output = 0;
            }
        }
    }
    for (uint32_t i = 0; i < doc->node_count && scene_count == 0; i++) {
        doc->nodes[i].output = doc->nodes[i].node.parent == MODEL_NONE ? 0 : MODEL_NONE;
    }
}

void document_load_nodes(Document *doc)
{
    Field list = field_list(doc, "nodes", GLTF_NODE_MAX, &doc->node_count);
    Field skins = field_get(doc, &doc->root, "skins", JSON_ARRAY);
    uint32_t skin_count = (uint32_t)field_count(&skins);
    doc->nodes = document_array(doc, &doc->scratch, SourceNode, doc->node_count);
    for (uint32_t i = 0; i < doc->node_count && doc->status == STATUS_OK; i++) {
        doc->nodes[i].node.parent = MODEL_NONE;
    }
    for (uint32_t i = 0; i < doc->node_count && doc->status == STATUS_OK; i++) {
        Field item = field_item(doc, &list, i, JSON_OBJECT);
        read_node(doc, &item, &doc->nodes[i], skin_count);
        read_children(doc, &item, i);
    }
    if (doc->status == STATUS_OK) {
        order_nodes(doc, &list);
        place_nodes(doc);
        choose_roots(doc);
    }
}

static void add_bounds(Model *model, bool *first, const ModelPrimitive *primitive, mat4 world)
{
    for (int corner = 0; corner < 8; corner++) {
        vec3 point, placed;
        for (int axis = 0; axis < 3; axis++) {
            point[axis] = corner >> axis & 1 ? primitive->bounds_max[axis] : primitive->bounds_min[axis];
        }
        glm_mat4_mulv3(world, point, 1, placed);
        for (int axis = 0; axis < 3; axis++) {
            if (*first || placed[axis] < model->bounds_min[axis]) {
                model->bounds_min[axis] = placed[axis];
            }
            if (*first || placed[axis] > model->bounds_max[axis]) {
                model->bounds_max[axis] = placed[axis];
            }
        }
        *first = false;
    }
}

static void measure(Document *doc)
{
    Model *model = &doc->model;
    uint64_t triangles = 0;
    bool first = true;
    for (uint32_t i = 0; i < doc->node_count; i++) {
        const SourceNode *source = &doc->nodes[i];
        if (source->output == MODEL_NONE || source->node.mesh == MODEL_NONE) {
            continue;
        }
        const ModelMesh *mesh = &model->meshes[source->node.mesh];
        for (uint32_t p = 0; p < mesh->primitive_count; p++) {
            triangles += mesh->primitives[p].index_count / 3;
            add_bounds(model, &first, &mesh->primitives[p], doc->node_world[i]);
        }
    }
    for (int axis = 0; axis < 3; axis++) {
        if (!(fabsf(model->bounds_min[axis]) <= GLTF_LENGTH_MAX) ||
            !(fabsf(model->bounds_max[axis]) <= GLTF_LENGTH_MAX)) {
            document_fail(doc, STATUS_OUT_OF_RANGE, NULL, "the model is larger than %g m",
                          (double)GLTF_LENGTH_MAX);
        }
    }
    model->triangle_count = triangles < UINT32_MAX ? (uint32_t)triangles : UINT32_MAX;
}

void document_emit_nodes(Document *doc)
{
    Model *model = &doc->model;
    model->nodes = document_array(doc, doc->arena, ModelNode, doc->node_count);
    for (uint32_t i = 0; i < doc->node_count && doc->status == STATUS_OK; i++) {
        SourceNode *source = &doc->nodes[doc->node_order[i]];
        uint32_t parent = source->node.parent;
        uint32_t output_parent = parent == MODEL_NONE ? MODEL_NONE : doc->nodes[parent].output;
        if (source->output == MODEL_NONE && output_parent == MODEL_NONE) {
            continue; /* outside the scene */
        }
        source->output = model->node_count++;
        model->nodes[source->output] = source->node;
        model->nodes[source->output].parent = output_parent;
    }
    if (doc->status == STATUS_OK) {
        measure(doc);
    }
}
