#include "client/scene/geometry.h"
#include "client/scene/gltf_document.h"

#include <math.h>
#include <stdio.h>

enum { MODE_TRIANGLES = 4, MODE_STRIP = 5, MODE_FAN = 6 };
enum { UNSIGNED_INT = 5125, FLOAT = 5126 };

typedef struct PrimitivePlan {
    const Field *field;
    uint32_t position, normal, tangent, uv, color; /* accessors, or MODEL_NONE */
    PrimitiveSource source;
    uint32_t indices, mode, material;
    uint32_t file_vertices;
    uint32_t *corners; /* of triangles, as vertices of the file */
    uint32_t corner_count;
} PrimitivePlan;

/* The accessor of attribute `key`, checked for shape; MODEL_NONE when absent. */
static uint32_t attribute(Document *doc, const Field *attributes, const char *key, uint32_t width_min,
                          uint32_t width_max)
{
    uint32_t index = field_index(doc, attributes, key, doc->accessor_count);
    if (index == MODEL_NONE || doc->status != STATUS_OK) {
        return MODEL_NONE;
    }
    const Accessor *accessor = &doc->accessors[index];
    if (accessor->width < width_min || accessor->width > width_max || accessor->component == UNSIGNED_INT) {
        document_fail(doc, STATUS_MALFORMED, attributes, "%s uses accessor %u of another type", key, index);
        return MODEL_NONE;
    }
    return accessor_open(doc, attributes, index) ? index : MODEL_NONE;
}

static void read_plan(Document *doc, const Field *primitive, PrimitivePlan *out)
{
    Field attributes = field_require(doc, primitive, "attributes", JSON_OBJECT);
    *out = (PrimitivePlan){ .field = primitive };
    out->mode = (uint32_t)field_uint(doc, primitive, "mode", MODE_TRIANGLES, MODE_FAN);
    out->material = field_index(doc, primitive, "material", doc->model.material_count);
    out->indices = field_index(doc, primitive, "indices", doc->accessor_count);
    const UvMapping *uv = &doc->uv[out->material == MODEL_NONE ? doc->model.material_count : out->material];
    char uv_key[16];
    snprintf(uv_key, sizeof uv_key, "TEXCOORD_%u", uv->set);
    out->position = attribute(doc, &attributes, "POSITION", 3, 3);
    out->normal = attribute(doc, &attributes, "NORMAL", 3, 3);
    out->tangent = attribute(doc, &attributes, "TANGENT", 4, 4);
    out->uv = attribute(doc, &attributes, uv_key, 2, 2);
    out->color = attribute(doc, &attributes, "COLOR_0", 3, 4);
    out->source.joints = attribute(doc, &attributes, "JOINTS_0", 4, 4);
    out->source.weights = attribute(doc, &attributes, "WEIGHTS_0", 4, 4);
    Field targets = field_get(doc, primitive, "targets", JSON_ARRAY);
    if (targets.json) {
        document_note(doc, NOTE_MORPH, "morph targets are left out: the base shape is drawn");
    }
    if (doc->status != STATUS_OK || out->position == MODEL_NONE) {
        return;
    }
    out->file_vertices = doc->accessors[out->position].count;
    const uint32_t all[] = { out->normal, out->tangent,       out->uv,
                             out->color,  out->source.joints, out->source.weights };
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        if (all[i] != MODEL_NONE && doc->accessors[all[i]].count != out->file_vertices) {
            document_fail(doc, STATUS_MALFORMED, &attributes, "accessor %u has %u elements, POSITION has %u",
                          all[i], doc->accessors[all[i]].count, out->file_vertices);
        }
    }
}

/* Checked indices as they stand in the file, or 0, 1, 2, … without; in the work arena. */
static uint32_t *read_indices(Document *doc, const PrimitivePlan *plan, uint32_t *out_count)
{
    const Accessor *accessor = NULL;
    uint32_t count = plan->file_vertices;
    if (plan->indices != MODEL_NONE) {
        accessor = &doc->accessors[plan->indices];
        count = accessor->count;
        if (accessor->width != 1 || accessor->normalized ||
            (accessor->component != 5121 && accessor->component != 5123 && accessor->component != 5125)) {
            document_fail(doc, STATUS_MALFORMED, plan->field, "indices must be unsigned integer scalars");
            return NULL;
        }
        if (!accessor_open(doc, plan->field, plan->indices)) {
            return NULL;
        }
    }
    doc->corner_total += count; /* strips grow later; counted again there */
    if (doc->corner_total > GLTF_CORNER_MAX) {
        document_fail(doc, STATUS_OUT_OF_RANGE, plan->field, "more than %u Mi indices in all",
                      (unsigned)(GLTF_CORNER_MAX >> 20));
        return NULL;
    }
    uint32_t *indices = document_array(doc, &doc->work, uint32_t, count);
    for (uint32_t i = 0; indices && i < count; i++) {
        indices[i] = accessor ? accessor_uint(accessor, i, 0) : i;
        if (indices[i] >= plan->file_vertices) {
            document_fail(doc, STATUS_OUT_OF_RANGE, plan->field, "index %u, but there are only %u vertices",
                          indices[i], plan->file_vertices);
            return NULL;
        }
    }
    *out_count = count;
    return indices;
}

/* Turns strips and fans into single triangles, as the glTF specification numbers them. */
static void plan_corners(Document *doc, PrimitivePlan *plan)
{
    uint32_t count = 0;
    uint32_t *indices = read_indices(doc, plan, &count);
    if (!indices || count < 3) {
        return;
    }
    if (plan->mode == MODE_TRIANGLES) {
        plan->corners = indices;
        plan->corner_count = count - count % 3;
        return;
    }
    doc->corner_total += 2 * (uint64_t)count;
    uint32_t *corners = document_array(doc, &doc->work, uint32_t, ((size_t)count - 2) * 3);
    uint32_t used = 0;
    for (uint32_t i = 0; corners && i + 2 < count; i++) {
        uint32_t a = plan->mode == MODE_FAN ? indices[i + 1] : indices[i];
        uint32_t b = plan->mode == MODE_FAN ? indices[i + 2] : indices[i + 1 + i % 2];
        uint32_t c = plan->mode == MODE_FAN ? indices[0] : indices[i + 2 - i % 2];
        if (a != b && b != c && a != c) { /* strips are stitched with triangles that have no area */
            corners[used++] = a;
            corners[used++] = b;
            corners[used++] = c;
        }
    }
    plan->corners = corners;
    plan->corner_count = used;
}

static bool grow_remap(Document *doc, uint32_t count)
{
    if (count <= doc->remap_count) {
        return true;
    }
    uint32_t capacity = count > doc->remap_count * 2 ? count : doc->remap_count * 2;
    uint64_t *remap = document_array(doc, &doc->scratch, uint64_t, capacity);
    if (remap) {
        doc->remap = remap;
        doc->remap_count = capacity;
    }
    return remap != NULL;
}

/* Numbers the vertices that the triangles use: several primitives often share one large vertex buffer.
 * Without normals every corner becomes a vertex of its own, for flat shading. `out_vertices` gets the file's
 * vertex of each. */
static uint32_t assign_vertices(Document *doc, const PrimitivePlan *plan, uint32_t *indices,
                                uint32_t *out_vertices)
{
    uint64_t stamp = (uint64_t)++doc->remap_stamp << 32;
    uint32_t used = 0;
    for (uint32_t i = 0; i < plan->corner_count; i++) {
        uint32_t vertex = plan->corners[i];
        if (plan->normal == MODEL_NONE) {
            out_vertices[used] = vertex;
            indices[i] = used++;
        } else if (doc->remap[vertex] >> 32 == doc->remap_stamp) {
            indices[i] = (uint32_t)doc->remap[vertex];
        } else {
            out_vertices[used] = vertex;
            doc->remap[vertex] = stamp | used;
            indices[i] = used++;
        }
    }
    return used;
}

static uint8_t color_byte(float value)
{
    return (uint8_t)(fminf(fmaxf(value, 0), 1) * 255 + 0.5f);
}

static bool transform_uv(const UvMapping *mapping, float uv[2])
{
    if (mapping->transformed) {
        float u = uv[0] * mapping->scale[0], v = uv[1] * mapping->scale[1];
        float c = cosf(mapping->rotation), s = sinf(mapping->rotation);
        uv[0] = c * u + s * v + mapping->offset[0];
        uv[1] = c * v - s * u + mapping->offset[1];
    }
    return isfinite(uv[0]) && isfinite(uv[1]);
}

static bool read_vertex(const Document *doc, const PrimitivePlan *plan, const UvMapping *mapping,
                        uint32_t index, ModelVertex *out)
{
    static const float up[3] = { 0, 1, 0 }, along[3] = { 1, 0, 0 };
    bool fine = accessor_floats(&doc->accessors[plan->position], index, 3, out->position);
    for (int i = 0; i < 3; i++) {
        fine = fine && fabsf(out->position[i]) <= GLTF_LENGTH_MAX;
    }
    if (plan->normal != MODEL_NONE) {
        fine = accessor_floats(&doc->accessors[plan->normal], index, 3, out->normal) && fine;
        geometry_unit(out->normal, up);
    }
    if (plan->tangent != MODEL_NONE) {
        fine = accessor_floats(&doc->accessors[plan->tangent], index, 4, out->tangent) && fine;
        geometry_unit(out->tangent, along);
        out->tangent[3] = out->tangent[3] < 0 ? -1.0f : 1.0f;
    }
    if (plan->uv != MODEL_NONE) {
        fine = accessor_floats(&doc->accessors[plan->uv], index, 2, out->uv) && fine;
        fine = transform_uv(mapping, out->uv) && fine;
    }
    float color[4] = { 1, 1, 1, 1 };
    if (plan->color != MODEL_NONE) {
        fine = accessor_floats(&doc->accessors[plan->color], index, 4, color) && fine;
    }
    for (int i = 0; i < 4; i++) {
        out->color[i] = color_byte(color[i]);
    }
    return fine;
}

static void finish_surface(Document *doc, const PrimitivePlan *plan, ModelPrimitive *primitive)
{
    if (plan->normal == MODEL_NONE) {
        geometry_flat_normals(primitive->vertices, primitive->vertex_count);
    }
    if (plan->tangent != MODEL_NONE && plan->normal != MODEL_NONE) {
        return; /* tangents belong to the file's own normals */
    }
    if (doc->model.materials[primitive->material].normal_image == MODEL_NONE) {
        geometry_any_tangents(primitive->vertices, primitive->vertex_count);
        return;
    }
    float *sums = document_array(doc, &doc->work, float, (size_t)primitive->vertex_count * 6);
    if (sums) {
        geometry_tangents(primitive, sums);
    }
}

static void build_primitive(Document *doc, const PrimitivePlan *plan, ModelPrimitive *out,
                            PrimitiveSource *out_source)
{
    uint32_t *vertices = document_array(doc, &doc->work, uint32_t, plan->corner_count);
    out->indices = document_array(doc, doc->arena, uint32_t, plan->corner_count);
    if (!vertices || !out->indices || !grow_remap(doc, plan->file_vertices)) {
        return;
    }
    out->index_count = plan->corner_count;
    out->material = plan->material;
    if (plan->material == MODEL_NONE) {
        out->material = doc->model.material_count;
        doc->default_material_used = true;
    }
    out->vertex_count = assign_vertices(doc, plan, out->indices, vertices);
    doc->vertex_total += out->vertex_count;
    if (doc->vertex_total > GLTF_VERTEX_MAX) {
        document_fail(doc, STATUS_OUT_OF_RANGE, plan->field, "more than %u Mi vertices in all",
                      (unsigned)(GLTF_VERTEX_MAX >> 20));
        return;
    }
    out->vertices = document_array(doc, doc->arena, ModelVertex, out->vertex_count);
    uint32_t *kept = document_array(doc, &doc->scratch, uint32_t, out->vertex_count);
    if (!out->vertices || !kept) {
        return;
    }
    memcpy(kept, vertices, (size_t)out->vertex_count * sizeof *kept);
    *out_source = plan->source;
    out_source->vertices = kept;
    const UvMapping *mapping = &doc->uv[out->material];
    for (uint32_t i = 0; i < out->vertex_count; i++) {
        if (!read_vertex(doc, plan, mapping, vertices[i], &out->vertices[i])) {
            document_fail(doc, STATUS_OUT_OF_RANGE, plan->field,
                          "vertex %u has a number that is not finite or too large", vertices[i]);
            return;
        }
    }
    finish_surface(doc, plan, out);
    geometry_measure(out);
}

/* Reads one primitive; nothing is stored in *out (index_count stays 0) when it draws no triangles. */
static void load_primitive(Document *doc, const Field *primitive, ModelPrimitive *out,
                           PrimitiveSource *out_source)
{
    PrimitivePlan plan;
    read_plan(doc, primitive, &plan);
    if (doc->status != STATUS_OK) {
        return;
    }
    if (plan.position == MODEL_NONE) {
        document_note(doc, NOTE_NO_POSITION, "a primitive without POSITION is left out");
        return;
    }
    if (plan.mode < MODE_TRIANGLES) {
        document_note(doc, NOTE_LINES, "points and lines are left out: only triangles are drawn");
        return;
    }
    plan_corners(doc, &plan);
    if (doc->status == STATUS_OK && plan.corner_count > 0) {
        build_primitive(doc, &plan, out, out_source);
    }
    arena_reset(&doc->work);
}

static void load_mesh(Document *doc, const Field *mesh, ModelMesh *out, PrimitiveSource **out_sources)
{
    Field list = field_require(doc, mesh, "primitives", JSON_ARRAY);
    size_t count = field_count(&list);
    if (count == 0) {
        document_fail(doc, STATUS_MALFORMED, mesh, "has no primitives");
        return;
    }
    out->primitives = document_array(doc, doc->arena, ModelPrimitive, count);
    *out_sources = document_array(doc, &doc->scratch, PrimitiveSource, count);
    for (size_t i = 0; i < count && doc->status == STATUS_OK; i++) {
        Field item = field_item(doc, &list, i, JSON_OBJECT);
        load_primitive(doc, &item, &out->primitives[out->primitive_count],
                       &(*out_sources)[out->primitive_count]);
        if (out->primitives[out->primitive_count].index_count > 0) {
            out->primitive_count++;
        }
    }
}

void document_load_meshes(Document *doc)
{
    uint32_t count = 0;
    Field list = field_list(doc, "meshes", 1u << 16, &count);
    doc->model.meshes = document_array(doc, doc->arena, ModelMesh, count);
    doc->primitive_sources = document_array(doc, &doc->scratch, PrimitiveSource *, count);
    for (uint32_t i = 0; i < count && doc->status == STATUS_OK; i++) {
        Field item = field_item(doc, &list, i, JSON_OBJECT);
        load_mesh(doc, &item, &doc->model.meshes[i], &doc->primitive_sources[i]);
    }
    doc->model.mesh_count = count;
    if (doc->default_material_used || doc->model.material_count == 0) {
        doc->model.material_count++;
    }
}
