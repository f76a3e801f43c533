/* Draw calls of the scene: lists of mesh copies, sky, ground and lamps. */
#include "client/render/renderer_gl.h"

#include <stdlib.h>

/* What is bound now, so that it is not bound again. */
typedef struct Bound {
    const GlModel *model;
    const GlMaterial *material;
    GLuint program;
} Bound;

static void bind_model(Bound *bound, const ModelTable *table, const GlModel *model)
{
    if (bound->model == model) {
        return;
    }
    glVertexArrayVertexBuffer(table->vertex_array, 0, model->vertices, 0, sizeof(ModelVertex));
    glVertexArrayElementBuffer(table->vertex_array, model->indices);
    bound->model = model;
    bound->material = NULL;
}

static void bind_material(Bound *bound, const Programs *programs, ScenePass pass, uint32_t index)
{
    const GlModel *model = bound->model;
    const GlMaterial *material = &model->materials[index];
    if (bound->material == material) {
        return;
    }
    bool masked = material->alpha == MODEL_MASK && material->textures[UNIT_BASE];
    GLuint program = pass != PASS_DEPTH ? programs->mesh[material->variant]
                     : masked           ? programs->depth_mask
                                        : programs->depth;
    if (bound->program != program) {
        glUseProgram(program);
        bound->program = program;
    }
    if (pass != PASS_DEPTH || masked) {
        glBindBufferRange(GL_UNIFORM_BUFFER, UNIFORM_MATERIAL, model->material_buffer,
                          (GLintptr)(index * model->material_stride), 3 * 4 * sizeof(float));
        for (GLuint unit = 0; unit < UNIT_SHADOW; unit++) {
            if (material->textures[unit]) {
                glBindTextureUnit(unit, material->textures[unit]);
            }
        }
    }
    (material->double_sided ? glDisable : glEnable)(GL_CULL_FACE);
    bound->material = material;
}

static void draw_primitive(const GlPrimitive *primitive, uint32_t lod, uint32_t first, uint32_t count,
                           RenderStats *stats)
{
    uint32_t indices = primitive->index_count[lod];
    if (indices == 0 || count == 0) {
        return;
    }
    glUniform1ui(0, first);
    glDrawElementsInstancedBaseVertex(GL_TRIANGLES, (GLsizei)indices, GL_UNSIGNED_INT,
                                      (const void *)(primitive->first_index[lod] * sizeof(uint32_t)),
                                      (GLsizei)count, primitive->base_vertex[lod]);
    stats->draw_calls++;
    stats->triangles += indices / 3 * count;
}

/* `count` copies of a batch from entry `first` on: its blended primitives in PASS_BLEND, all others else. */
static void draw_batch(Bound *bound, const ModelTable *table, const Programs *programs, ScenePass pass,
                       const DrawBatch *batch, uint32_t first, uint32_t count, RenderStats *stats)
{
    const GlModel *model = &table->models[batch->slot];
    const GlMesh *mesh = &model->meshes[batch->mesh];
    glFrontFace(batch->mirrored ? GL_CW : GL_CCW);
    bind_model(bound, table, model);
    for (uint32_t p = 0; p < mesh->primitive_count; p++) {
        const GlPrimitive *primitive = &model->primitives[mesh->first_primitive + p];
        bool blended = model->materials[primitive->material].alpha == MODEL_BLEND;
        if (blended == (pass == PASS_BLEND)) {
            bind_material(bound, programs, pass, primitive->material);
            draw_primitive(primitive, batch->lod, first, count, stats);
        }
    }
}

void scene_draw_list(const DrawList *list, const ModelTable *table, const Programs *programs, ScenePass pass,
                     RenderStats *stats)
{
    Bound bound = { 0 };
    glBindVertexArray(table->vertex_array);
    for (uint32_t i = 0; i < list->batch_count; i++) {
        const DrawBatch *batch = &list->batches[i];
        draw_batch(&bound, table, programs, pass, batch, batch->first, batch->count, stats);
    }
    glFrontFace(GL_CCW);
}

static int compare_far_first(const void *left, const void *right)
{
    const BlendItem *a = left;
    const BlendItem *b = right;
    if (a->distance > b->distance || a->distance < b->distance) {
        return a->distance > b->distance ? -1 : 1;
    }
    return a->entry < b->entry ? -1 : a->entry > b->entry;
}

static uint32_t collect_blended(const DrawList *list, const ModelTable *table, const vec3 eye,
                                BlendList *blend)
{
    if (list->entry_count > blend->capacity) {
        BlendItem *grown = realloc(blend->items, list->entry_count * 2 * sizeof *grown);
        if (!grown) {
            return 0;
        }
        blend->items = grown;
        blend->capacity = list->entry_count * 2;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->batch_count; i++) {
        const DrawBatch *batch = &list->batches[i];
        if (!table->models[batch->slot].blends) {
            continue;
        }
        const float *centre = table->models[batch->slot].draw_meshes[batch->mesh].centre;
        for (uint32_t k = 0; k < batch->count; k++) {
            const DrawEntry *entry = &list->entries[batch->first + k];
            float distance = 0.0F;
            for (int axis = 0; axis < 3; axis++) {
                const float *row = entry->row[axis];
                float offset =
                    row[0] * centre[0] + row[1] * centre[1] + row[2] * centre[2] + row[3] - eye[axis];
                distance += offset * offset;
            }
            blend->items[count++] =
                (BlendItem){ .distance = distance, .batch = i, .entry = batch->first + k };
        }
    }
    if (count > 1) {
        qsort(blend->items, count, sizeof *blend->items, compare_far_first);
    }
    return count;
}

void scene_draw_blended(const DrawList *list, const ModelTable *table, const Programs *programs,
                        const vec3 eye, BlendList *blend, RenderStats *stats)
{
    uint32_t count = collect_blended(list, table, eye, blend);
    if (count == 0) {
        return;
    }
    Bound bound = { 0 };
    glBindVertexArray(table->vertex_array);
    glEnable(GL_BLEND);
    glBlendFunc(GL_ONE, GL_ONE_MINUS_SRC_ALPHA);
    glDepthMask(GL_FALSE);
    for (uint32_t i = 0; i < count; i++) {
        const DrawBatch *batch = &list->batches[blend->items[i].batch];
        draw_batch(&bound, table, programs, PASS_BLEND, batch, blend->items[i].entry, 1, stats);
    }
    glFrontFace(GL_CCW);
    glDepthMask(GL_TRUE);
    glDisable(GL_BLEND);
}

void scene_draw_sky(const ModelTable *table, const Programs *programs, RenderStats *stats)
{
    glBindVertexArray(table->empty_array);
    glUseProgram(programs->sky);
    glDisable(GL_CULL_FACE);
    glDepthMask(GL_FALSE);
    glDrawArrays(GL_TRIANGLES, 0, 3);
    glDepthMask(GL_TRUE);
    stats->draw_calls++;
}

/* Pushed back a little, so that floors modelled at height 0 lie on it without flicker. */
void scene_draw_ground(const ModelTable *table, const Programs *programs, RenderStats *stats)
{
    glBindVertexArray(table->empty_array);
    glUseProgram(programs->ground);
    glDisable(GL_CULL_FACE);
    glEnable(GL_POLYGON_OFFSET_FILL);
    glPolygonOffset(1.0F, 8.0F);
    glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
    glDisable(GL_POLYGON_OFFSET_FILL);
    stats->draw_calls++;
}

typedef struct LampEntry {
    float place[4], light[4];
} LampEntry;

enum { LAMP_SPHERE_VERTICES = 16 * 8 * 6, LAMP_CHUNK = 256 };

void scene_draw_lamps(const RenderFrame *frame, const ModelTable *table, const Programs *programs,
                      StreamBuffer *buffer, bool halos, RenderStats *stats)
{
    glBindVertexArray(table->empty_array);
    glUseProgram(halos ? programs->halo : programs->lamp);
    glDisable(GL_CULL_FACE);
    if (halos) {
        glEnable(GL_BLEND);
        glBlendFunc(GL_ONE, GL_ONE);
        glDepthMask(GL_FALSE);
    }
    for (uint32_t begin = 0; begin < frame->lamp_count; begin += LAMP_CHUNK) {
        LampEntry entries[LAMP_CHUNK];
        uint32_t count = 0;
        for (uint32_t i = begin; i < frame->lamp_count && i < begin + LAMP_CHUNK; i++) {
            const RenderLamp *lamp = &frame->lamps[i];
            if (!(lamp->radius > 0.0F) || (halos && !(lamp->color[3] > 0.0F))) {
                continue;
            }
            entries[count++] =
                (LampEntry){ { lamp->position[0], lamp->position[1], lamp->position[2], lamp->radius },
                             { lamp->color[0], lamp->color[1], lamp->color[2],
                               lamp->color[3] > 0.0F ? lamp->color[3] : 0.0F } };
        }
        if (count == 0) {
            continue;
        }
        stream_write(buffer, entries, count * sizeof entries[0]);
        glBindBufferBase(GL_SHADER_STORAGE_BUFFER, STORAGE_ENTRIES, buffer->buffer);
        if (halos) {
            glDrawArraysInstanced(GL_TRIANGLE_STRIP, 0, 4, (GLsizei)count);
        } else {
            glDrawArraysInstanced(GL_TRIANGLES, 0, LAMP_SPHERE_VERTICES, (GLsizei)count);
        }
        stats->draw_calls++;
        stats->triangles += count * (halos ? 2 : LAMP_SPHERE_VERTICES / 3);
    }
    if (halos) {
        glDepthMask(GL_TRUE);
        glDisable(GL_BLEND);
    }
}
