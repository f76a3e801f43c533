/* gltf_skin.c - draws skinned meshes in the rest pose of their joints: the skin is applied once at load, so
 * that a figure stands as its skeleton says although nothing bends later. */
#include "client/scene/geometry.h"
#include "client/scene/gltf_document.h"

#include <cglm/mat4.h>
#include <math.h>

#define JOINTS_MAX 4096

/* The matrices of the joints (world at rest × inverse bind), or NULL; in the work arena. */
static mat4 *joint_matrices(Document *doc, const Field *skin, uint32_t *out_count)
{
    Field joints = field_require(doc, skin, "joints", JSON_ARRAY);
    size_t count = field_count(&joints);
    uint32_t inverse = field_index(doc, skin, "inverseBindMatrices", doc->accessor_count);
    if (doc->status != STATUS_OK) {
        return NULL;
    }
    if (count == 0 || count > JOINTS_MAX) {
        document_fail(doc, STATUS_OUT_OF_RANGE, &joints, "%zu joints, 1 to %d are read", count, JOINTS_MAX);
        return NULL;
    }
    if (inverse != MODEL_NONE) {
        const Accessor *accessor = &doc->accessors[inverse];
        if (accessor->width != 16 || accessor->component != 5126 || accessor->count < count) {
            document_fail(doc, STATUS_MALFORMED, skin, "inverseBindMatrices must be a float MAT4 a joint");
            return NULL;
        }
        if (!accessor_open(doc, skin, inverse)) {
            return NULL;
        }
    }
    mat4 *matrices = document_array(doc, &doc->work, mat4, count);
    for (size_t i = 0; matrices && i < count; i++) {
        uint32_t joint = field_item_index(doc, &joints, i, doc->node_count);
        mat4 bind = GLM_MAT4_IDENTITY_INIT;
        if (joint == MODEL_NONE) {
            return NULL;
        }
        if (inverse != MODEL_NONE && !accessor_floats(&doc->accessors[inverse], (uint32_t)i, 16, bind[0])) {
            document_fail(doc, STATUS_OUT_OF_RANGE, skin, "inverse bind matrix %zu is not finite", i);
            return NULL;
        }
        glm_mat4_mul(doc->node_world[joint], bind, matrices[i]);
    }
    *out_count = (uint32_t)count;
    return matrices;
}

/* The blend of the joints' matrices for one vertex of the file; false when its weights say nothing. */
static bool blend(Document *doc, const Field *at, const PrimitiveSource *source, uint32_t vertex,
                  mat4 *matrices, uint32_t joint_count, mat4 out)
{
    float weights[4] = { 0 }, sum = 0;
    accessor_floats(&doc->accessors[source->weights], vertex, 4, weights);
    memset(out, 0, sizeof(mat4));
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t joint = accessor_uint(&doc->accessors[source->joints], vertex, i);
        if (!(weights[i] > 0) || !isfinite(weights[i])) {
            continue;
        }
        if (joint >= joint_count) {
            document_fail(doc, STATUS_OUT_OF_RANGE, at, "joint %u, but there are only %u", joint,
                          joint_count);
            return false;
        }
        for (int cell = 0; cell < 16; cell++) {
            out[cell / 4][cell % 4] += weights[i] * matrices[joint][cell / 4][cell % 4];
        }
        sum += weights[i];
    }
    if (!(sum > 1e-6f)) {
        return false;
    }
    glm_mat4_scale(out, 1 / sum);
    return true;
}

static void bake_vertex(mat4 matrix, ModelVertex *vertex)
{
    vec3 position, normal, tangent;
    glm_mat4_mulv3(matrix, vertex->position, 1, position);
    glm_mat4_mulv3(matrix, vertex->normal, 0, normal);
    glm_mat4_mulv3(matrix, vertex->tangent, 0, tangent);
    geometry_unit(normal, vertex->normal);
    geometry_unit(tangent, vertex->tangent);
    memcpy(vertex->position, position, sizeof vertex->position);
    memcpy(vertex->normal, normal, sizeof vertex->normal);
    memcpy(vertex->tangent, tangent, 3 * sizeof *vertex->tangent);
}

static void bake_primitive(Document *doc, const Field *at, const PrimitiveSource *source, mat4 *matrices,
                           uint32_t joint_count, mat4 to_node, ModelPrimitive *primitive)
{
    if (source->joints == MODEL_NONE || source->weights == MODEL_NONE) {
        return;
    }
    if (doc->accessors[source->joints].component != 5121 &&
        doc->accessors[source->joints].component != 5123) {
        document_fail(doc, STATUS_MALFORMED, at, "JOINTS_0 must be unsigned bytes or shorts");
        return;
    }
    for (uint32_t i = 0; i < primitive->vertex_count && doc->status == STATUS_OK; i++) {
        mat4 matrix;
        if (!blend(doc, at, source, source->vertices[i], matrices, joint_count, matrix)) {
            continue;
        }
        glm_mat4_mul(to_node, matrix, matrix);
        bake_vertex(matrix, &primitive->vertices[i]);
        for (int axis = 0; axis < 3; axis++) {
            if (!(fabsf(primitive->vertices[i].position[axis]) <= GLTF_LENGTH_MAX)) {
                document_fail(doc, STATUS_OUT_OF_RANGE, at, "the skin moves a vertex too far");
                return;
            }
        }
    }
    geometry_measure(primitive);
}

/* A copy of mesh `mesh` with vertices of its own; the model's mesh array has room for one more a skinned
 * node. */
static uint32_t copy_mesh(Document *doc, uint32_t mesh)
{
    const ModelMesh *original = &doc->model.meshes[mesh];
    ModelMesh copy = { .primitive_count = original->primitive_count };
    copy.primitives = document_array(doc, doc->arena, ModelPrimitive, copy.primitive_count);
    for (uint32_t i = 0; copy.primitives && i < copy.primitive_count && doc->status == STATUS_OK; i++) {
        ModelPrimitive *primitive = &copy.primitives[i];
        *primitive = original->primitives[i];
        doc->vertex_total += primitive->vertex_count;
        if (doc->vertex_total > GLTF_VERTEX_MAX) {
            document_fail(doc, STATUS_OUT_OF_RANGE, NULL, "skins make more than %u Mi vertices",
                          (unsigned)(GLTF_VERTEX_MAX >> 20));
            break;
        }
        primitive->vertices = document_array(doc, doc->arena, ModelVertex, primitive->vertex_count);
        if (primitive->vertices) {
            memcpy(primitive->vertices, original->primitives[i].vertices,
                   (size_t)primitive->vertex_count * sizeof *primitive->vertices);
        }
    }
    if (doc->status != STATUS_OK) {
        return mesh;
    }
    doc->model.meshes[doc->model.mesh_count] = copy;
    return doc->model.mesh_count++;
}

static void bake_node(Document *doc, const Field *skin, uint32_t index)
{
    SourceNode *node = &doc->nodes[index];
    uint32_t joint_count = 0;
    mat4 *matrices = joint_matrices(doc, skin, &joint_count);
    mat4 to_node;
    float determinant = glm_mat4_det(doc->node_world[index]);
    if (!matrices || !isfinite(1 / determinant)) {
        return; /* refused, or a node that is scaled to nothing */
    }
    glm_mat4_inv(doc->node_world[index], to_node);
    const PrimitiveSource *sources = doc->primitive_sources[node->node.mesh];
    node->node.mesh = copy_mesh(doc, node->node.mesh);
    ModelMesh *mesh = &doc->model.meshes[node->node.mesh];
    for (uint32_t i = 0; i < mesh->primitive_count && doc->status == STATUS_OK; i++) {
        bake_primitive(doc, skin, &sources[i], matrices, joint_count, to_node, &mesh->primitives[i]);
    }
}

void document_bake_skins(Document *doc)
{
    Field skins = field_get(doc, &doc->root, "skins", JSON_ARRAY);
    uint32_t skinned = 0;
    for (uint32_t i = 0; i < doc->node_count; i++) {
        skinned += doc->nodes[i].skin != MODEL_NONE && doc->nodes[i].node.mesh != MODEL_NONE;
    }
    if (skinned == 0 || doc->status != STATUS_OK) {
        return;
    }
    document_note(doc, NOTE_SKIN, "skins are drawn in their rest pose");
    ModelMesh *meshes = document_array(doc, doc->arena, ModelMesh, (size_t)doc->model.mesh_count + skinned);
    if (!meshes) {
        return;
    }
    memcpy(meshes, doc->model.meshes, doc->model.mesh_count * sizeof *meshes);
    doc->model.meshes = meshes;
    for (uint32_t i = 0; i < doc->node_count && doc->status == STATUS_OK; i++) {
        if (doc->nodes[i].skin != MODEL_NONE && doc->nodes[i].node.mesh != MODEL_NONE) {
            Field skin = field_item(doc, &skins, doc->nodes[i].skin, JSON_OBJECT);
            bake_node(doc, &skin, i);
            arena_reset(&doc->work);
        }
    }
}
