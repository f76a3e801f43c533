/* Models on the GPU: one vertex buffer, one index buffer and one material buffer a model. */
#include "client/render/mesh_lod.h"
#include "client/render/renderer_gl.h"

#include <stdlib.h>
#include <string.h>

/* std140 image of `Material` in mesh_fragment.glsl. */
typedef struct MaterialUniforms {
    float base_color[4];
    float emissive[4];   /* w: normal scale */
    float parameters[4]; /* metallic, roughness, occlusion strength, alpha cutoff */
} MaterialUniforms;

static void describe_vertices(GLuint array)
{
    static const struct {
        GLint size;
        GLenum type;
        GLboolean normalized;
        GLuint offset;
    } attributes[] = {
        { 3, GL_FLOAT, GL_FALSE, offsetof(ModelVertex, position) },
        { 3, GL_FLOAT, GL_FALSE, offsetof(ModelVertex, normal) },
        { 4, GL_FLOAT, GL_FALSE, offsetof(ModelVertex, tangent) },
        { 2, GL_FLOAT, GL_FALSE, offsetof(ModelVertex, uv) },
        { 4, GL_UNSIGNED_BYTE, GL_TRUE, offsetof(ModelVertex, color) },
    };
    for (GLuint i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        glEnableVertexArrayAttrib(array, i);
        glVertexArrayAttribFormat(array, i, attributes[i].size, attributes[i].type, attributes[i].normalized,
                                  attributes[i].offset);
        glVertexArrayAttribBinding(array, i, 0);
    }
}

Status model_table_create(ModelTable *table, Diag *diag)
{
    table->models = calloc(GL_MODELS, sizeof *table->models);
    if (!table->models) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, NULL, 0, "no memory for the table of models");
    }
    glCreateVertexArrays(1, &table->vertex_array);
    glCreateVertexArrays(1, &table->empty_array);
    describe_vertices(table->vertex_array);
    return STATUS_OK;
}

static void free_model(GlModel *model)
{
    glDeleteTextures((GLsizei)model->texture_count, model->textures);
    const GLuint buffers[] = { model->vertices, model->indices, model->material_buffer };
    glDeleteBuffers(3, buffers);
    free(model->node_mesh);
    free(model->draw_meshes);
    free(model->meshes);
    free(model->primitives);
    free(model->materials);
    free(model->textures);
    uint16_t generation = model->generation;
    *model = (GlModel){ .generation = generation };
}

void model_table_destroy(ModelTable *table)
{
    for (uint32_t i = 0; table->models && i < GL_MODELS; i++) {
        if (table->models[i].used) {
            free_model(&table->models[i]);
        }
    }
    free(table->models);
    glDeleteVertexArrays(1, &table->vertex_array);
    glDeleteVertexArrays(1, &table->empty_array);
    *table = (ModelTable){ 0 };
}

static bool allocate(GlModel *model, const Model *source, uint32_t primitive_count)
{
    /* One more than needed: an empty model has arrays as well. */
    model->node_mesh = calloc((size_t)source->node_count + 1, sizeof *model->node_mesh);
    model->draw_meshes = calloc((size_t)source->mesh_count + 1, sizeof *model->draw_meshes);
    model->meshes = calloc((size_t)source->mesh_count + 1, sizeof *model->meshes);
    model->primitives = calloc((size_t)primitive_count + 1, sizeof *model->primitives);
    model->materials = calloc((size_t)source->material_count + 1, sizeof *model->materials);
    model->textures = calloc((size_t)source->image_count + 1, sizeof *model->textures);
    return model->node_mesh && model->draw_meshes && model->meshes && model->primitives && model->materials &&
           model->textures;
}

static Status create_textures(GlModel *model, const Device *device, const Model *source, Diag *diag)
{
    for (uint32_t i = 0; i < source->image_count; i++) {
        Status status = texture_create(device, &source->images[i], source->path, &model->textures[i], diag);
        if (status != STATUS_OK) {
            return status;
        }
        model->texture_count = i + 1;
    }
    return STATUS_OK;
}

static GLuint texture_of(const GlModel *model, uint32_t image)
{
    return image < model->texture_count ? model->textures[image] : 0;
}

static void read_material(GlModel *model, const ModelMaterial *source, GlMaterial *out,
                          MaterialUniforms *uniforms)
{
    out->textures[UNIT_BASE] = texture_of(model, source->base_color_image);
    out->textures[UNIT_ROUGHNESS] = texture_of(model, source->metallic_roughness_image);
    out->textures[UNIT_NORMAL] = texture_of(model, source->normal_image);
    out->textures[UNIT_EMISSIVE] = texture_of(model, source->emissive_image);
    out->textures[UNIT_OCCLUSION] = texture_of(model, source->occlusion_image);
    for (uint32_t unit = 0; unit < UNIT_SHADOW; unit++) {
        bool wanted = out->textures[unit] && (!source->unlit || unit == UNIT_BASE || unit == UNIT_EMISSIVE);
        out->variant |= wanted ? 1U << unit : 0;
    }
    out->variant |= source->unlit ? VARIANT_UNLIT : 0;
    out->variant |= source->double_sided ? VARIANT_DOUBLE_SIDED : 0;
    out->variant |= source->alpha == MODEL_MASK ? VARIANT_ALPHA_MASK : 0;
    out->variant |= source->alpha == MODEL_BLEND ? VARIANT_ALPHA_BLEND : 0;
    out->alpha = source->alpha;
    out->double_sided = source->double_sided;
    model->blends = model->blends || source->alpha == MODEL_BLEND;

    memcpy(uniforms->base_color, source->base_color, sizeof uniforms->base_color);
    memcpy(uniforms->emissive, source->emissive, sizeof source->emissive);
    uniforms->emissive[3] = source->normal_scale;
    uniforms->parameters[0] = source->metallic;
    uniforms->parameters[1] = source->roughness;
    uniforms->parameters[2] = source->occlusion_strength;
    uniforms->parameters[3] = source->alpha_cutoff;
}

static Status create_materials(GlModel *model, const Device *device, Programs *programs, const Model *source,
                               Diag *diag)
{
    size_t alignment = device->uniform_alignment > 0 ? (size_t)device->uniform_alignment : 256;
    model->material_stride = (sizeof(MaterialUniforms) + alignment - 1) / alignment * alignment;
    size_t size = model->material_stride * source->material_count;
    uint8_t *bytes = calloc(1, size + 1);
    if (!bytes) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, source->path, 0, "no memory for the materials");
    }
    Status status = STATUS_OK;
    for (uint32_t i = 0; status == STATUS_OK && i < source->material_count; i++) {
        MaterialUniforms uniforms;
        read_material(model, &source->materials[i], &model->materials[i], &uniforms);
        memcpy(bytes + i * model->material_stride, &uniforms, sizeof uniforms);
        status = programs_need_mesh(programs, model->materials[i].variant, diag);
    }
    if (status == STATUS_OK && size > 0) {
        glCreateBuffers(1, &model->material_buffer);
        glNamedBufferStorage(model->material_buffer, (GLsizeiptr)size, bytes, 0);
        status = device_status(source->path, "materials", diag);
    }
    free(bytes);
    return status;
}

/* Cells of the coarser levels, as parts of a mesh's radius, and the largest of a level's triangle count, as
 * part of the level before, at which the level is worth its memory. */
static const float LOD_CELLS[DRAW_LODS] = { 0.0F,         1.0F / 160.0F, 1.0F / 96.0F,
                                            1.0F / 56.0F, 1.0F / 32.0F,  1.0F / 16.0F };
static const float LOD_WORTH = 0.75F;
enum { LOD_SMALLEST = 3 * 256 }; /* indices below which a mesh stays as it is */

typedef struct MeshLevels {
    MeshLevel levels[DRAW_LODS];
    uint32_t
        used[DRAW_LODS]; /* which level is drawn for a level: itself, or the last one that was worth it */
} MeshLevels;

static void finish_levels(MeshLevels *levels, uint32_t count)
{
    for (uint32_t m = 0; m < count; m++) {
        for (int lod = 0; lod < DRAW_LODS; lod++) {
            mesh_level_finish(&levels[m].levels[lod]);
        }
    }
    free(levels);
}

static Status make_levels(const ModelMesh *mesh, const ModelMaterial *materials, MeshLevels *out,
                          DrawMesh *draw)
{
    float radius = 0.0F;
    Status status = mesh_level_join(mesh, materials, &out->levels[0]);
    if (status == STATUS_OK) {
        mesh_level_bounds(&out->levels[0], draw->centre, &radius);
    }
    for (uint32_t lod = 1; status == STATUS_OK && lod < DRAW_LODS; lod++) {
        const MeshLevel *finer = &out->levels[out->used[lod - 1]];
        out->used[lod] = out->used[lod - 1];
        draw->lod_error[lod] = draw->lod_error[lod - 1];
        float cell = LOD_CELLS[lod] * radius;
        if (finer->index_count < LOD_SMALLEST || !(cell > 0.0F)) {
            continue;
        }
        MeshLevel *coarse = &out->levels[lod];
        status = mesh_level_cluster(finer, cell, coarse);
        if (status == STATUS_OK && (float)coarse->index_count < LOD_WORTH * (float)finer->index_count) {
            out->used[lod] = lod;
            draw->lod_error[lod] = 0.5F * cell;
        } else {
            mesh_level_finish(coarse);
        }
    }
    return status;
}

/* Where each level of each mesh lies in the model's two buffers. */
static Status lay_out(GlModel *model, const Model *source, const MeshLevels *levels, size_t *out_vertices,
                      size_t *out_indices, Diag *diag)
{
    size_t vertices = 0;
    size_t indices = 0;
    uint32_t first = 0;
    for (uint32_t m = 0; m < source->mesh_count; m++) {
        uint32_t count = source->meshes[m].primitive_count;
        model->meshes[m] = (GlMesh){ .first_primitive = first, .primitive_count = count };
        for (uint32_t lod = 0; lod < DRAW_LODS; lod++) {
            uint32_t used = levels[m].used[lod];
            const MeshLevel *level = &levels[m].levels[used];
            for (uint32_t p = 0; p < count; p++) {
                GlPrimitive *out = &model->primitives[first + p];
                out->material = source->meshes[m].primitives[p].material;
                out->first_index[lod] =
                    used == lod ? indices + level->parts[p].first_index : out->first_index[used];
                out->base_vertex[lod] = used == lod ? (int32_t)vertices : out->base_vertex[used];
                out->index_count[lod] = level->parts[p].index_count;
            }
            vertices += used == lod ? level->vertex_count : 0;
            indices += used == lod ? level->index_count : 0;
            if (vertices > INT32_MAX) {
                return diag_set(diag, STATUS_CAPACITY, source->path, 0, "%zu vertices in one model",
                                vertices);
            }
        }
        first += count;
    }
    *out_vertices = vertices;
    *out_indices = indices;
    return STATUS_OK;
}

static Status upload_levels(GlModel *model, const Model *source, const MeshLevels *levels, Diag *diag)
{
    size_t vertices = 0;
    size_t indices = 0;
    Status status = lay_out(model, source, levels, &vertices, &indices, diag);
    if (status != STATUS_OK || vertices == 0 || indices == 0) {
        return status;
    }
    glCreateBuffers(1, &model->vertices);
    glCreateBuffers(1, &model->indices);
    glNamedBufferStorage(model->vertices, (GLsizeiptr)(vertices * sizeof(ModelVertex)), NULL,
                         GL_DYNAMIC_STORAGE_BIT);
    glNamedBufferStorage(model->indices, (GLsizeiptr)(indices * sizeof(uint32_t)), NULL,
                         GL_DYNAMIC_STORAGE_BIT);
    status = device_status(source->path, "a mesh", diag);
    if (status != STATUS_OK) {
        return status;
    }
    GLintptr vertex_at = 0;
    GLintptr index_at = 0;
    for (uint32_t m = 0; m < source->mesh_count; m++) {
        for (uint32_t lod = 0; lod < DRAW_LODS; lod++) {
            const MeshLevel *level = &levels[m].levels[lod]; /* empty unless used */
            GLsizeiptr vertex_size = (GLsizeiptr)(level->vertex_count * sizeof(ModelVertex));
            GLsizeiptr index_size = (GLsizeiptr)(level->index_count * sizeof(uint32_t));
            if (vertex_size > 0 && index_size > 0) {
                glNamedBufferSubData(model->vertices, vertex_at, vertex_size, level->vertices);
                glNamedBufferSubData(model->indices, index_at, index_size, level->indices);
            }
            vertex_at += vertex_size;
            index_at += index_size;
        }
    }
    return device_status(source->path, "a mesh", diag);
}

static Status create_meshes(GlModel *model, const Model *source, Diag *diag)
{
    MeshLevels *levels = calloc((size_t)source->mesh_count + 1, sizeof *levels);
    if (!levels) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, source->path, 0, "no memory for the meshes");
    }
    Status status = STATUS_OK;
    for (uint32_t m = 0; status == STATUS_OK && m < source->mesh_count; m++) {
        status = make_levels(&source->meshes[m], source->materials, &levels[m], &model->draw_meshes[m]);
    }
    if (status != STATUS_OK) {
        (void)diag_set(diag, status, source->path, 0, "mesh: %s", status_text(status));
    } else {
        status = upload_levels(model, source, levels, diag);
    }
    finish_levels(levels, source->mesh_count);
    return status;
}

Status model_table_add(ModelTable *table, const Device *device, Programs *programs, const Model *source,
                       RenderModel *out_model, Diag *diag)
{
    uint32_t slot = 0;
    while (slot < GL_MODELS && (table->models[slot].used || table->models[slot].generation == UINT16_MAX)) {
        slot++;
    }
    if (slot == GL_MODELS) {
        return diag_set(diag, STATUS_CAPACITY, source->path, 0, "more than %d models", GL_MODELS);
    }
    uint32_t primitive_count = 0;
    for (uint32_t m = 0; m < source->mesh_count; m++) {
        primitive_count += source->meshes[m].primitive_count;
    }
    GlModel *model = &table->models[slot];
    Status status = STATUS_OK;
    if (!allocate(model, source, primitive_count)) {
        status = diag_set(diag, STATUS_OUT_OF_MEMORY, source->path, 0, "no memory for the model");
    }
    if (status == STATUS_OK) {
        status = create_textures(model, device, source, diag);
    }
    if (status == STATUS_OK) {
        status = create_materials(model, device, programs, source, diag);
    }
    if (status == STATUS_OK) {
        status = create_meshes(model, source, diag);
    }
    if (status != STATUS_OK) {
        free_model(model);
        return status;
    }
    for (uint32_t i = 0; i < source->node_count; i++) {
        model->node_mesh[i] = source->nodes[i].mesh;
    }
    model->shape = (DrawShape){ .slot = slot,
                                .node_count = source->node_count,
                                .mesh_count = source->mesh_count,
                                .node_mesh = model->node_mesh,
                                .meshes = model->draw_meshes };
    model->used = true;
    model->generation++;
    out_model->value = (uint32_t)model->generation << 16 | slot;
    return STATUS_OK;
}

static GlModel *find_model(const ModelTable *table, RenderModel handle)
{
    uint32_t slot = handle.value & 0xFFFFU;
    if (slot >= GL_MODELS || !table->models[slot].used ||
        table->models[slot].generation != handle.value >> 16) {
        return NULL;
    }
    return &table->models[slot];
}

bool model_table_remove(ModelTable *table, RenderModel handle)
{
    GlModel *model = find_model(table, handle);
    if (model) {
        free_model(model);
    }
    return model != NULL;
}

const DrawShape *model_table_shape(const void *table, RenderModel handle)
{
    const GlModel *model = find_model(table, handle);
    return model ? &model->shape : NULL;
}
