#include "client/render/draw_list.h"

#include <cglm/cglm.h>
#include <stdlib.h>
#include <string.h>

void frustum_from_matrix(mat4 view_projection, Frustum *out_frustum)
{
    for (int i = 0; i < 6; i++) {
        float *plane = out_frustum->planes[i];
        float sign = i % 2 == 0 ? 1.0F : -1.0F;
        for (int k = 0; k < 4; k++) {
            plane[k] = view_projection[k][3] + sign * view_projection[k][i / 2];
        }
        float length = glm_vec3_norm(plane);
        glm_vec4_scale(plane, length > 0.0F ? 1.0F / length : 0.0F, plane);
    }
}

bool frustum_sees_sphere(const Frustum *frustum, const vec4 sphere)
{
    if (!(sphere[3] > 0.0F)) {
        return true;
    }
    for (int i = 0; i < 6; i++) {
        const float *plane = frustum->planes[i];
        float distance = plane[0] * sphere[0] + plane[1] * sphere[1] + plane[2] * sphere[2] + plane[3];
        if (distance < -sphere[3]) {
            return false;
        }
    }
    return true;
}

/* Makes room for `needed` elements of `size` bytes; false when there is no memory. */
static bool reserve(void **array, uint32_t *capacity, uint32_t needed, size_t size)
{
    if (needed <= *capacity) {
        return true;
    }
    uint32_t grown = needed > UINT32_MAX / 2 ? needed : needed + needed / 2;
    void *memory = realloc(*array, (size_t)grown * size);
    if (!memory) {
        return false;
    }
    *array = memory;
    *capacity = grown;
    return true;
}

static bool comes_before(const DrawOrder *a, const DrawOrder *b)
{
    if (a->slot != b->slot) {
        return a->slot < b->slot;
    }
    if (a->distance < b->distance || a->distance > b->distance) {
        return a->distance < b->distance;
    }
    return a->instance < b->instance;
}

/* Shell sort with Ciura's gaps: qsort of the C library takes heap memory, a frame must not. */
static void sort_order(DrawOrder *order, uint32_t count)
{
    static const uint32_t gaps[] = { 87996, 39109, 17382, 7725, 3433, 1526, 701, 301, 132, 57, 23, 10, 4, 1 };
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        for (uint32_t i = gaps[g]; i < count; i++) {
            DrawOrder moved = order[i];
            uint32_t at = i;
            for (; at >= gaps[g] && comes_before(&moved, &order[at - gaps[g]]); at -= gaps[g]) {
                order[at] = order[at - gaps[g]];
            }
            order[at] = moved;
        }
    }
}

static bool collect(DrawList *list, const RenderFrame *frame, const DrawView *view, DrawShapeLookup lookup,
                    const void *lookup_context)
{
    if (!reserve((void **)&list->order, &list->order_capacity, frame->instance_count, sizeof *list->order)) {
        return false;
    }
    for (uint32_t i = 0; i < frame->instance_count; i++) {
        const RenderInstance *instance = &frame->instances[i];
        const DrawShape *shape = lookup(lookup_context, instance->model);
        if (!shape || !instance->node_world || (view->casters_only && !instance->casts_shadow)) {
            continue;
        }
        if (!frustum_sees_sphere(&view->frustum, instance->bounds)) {
            list->culled++;
            continue;
        }
        float dx = instance->bounds[0] - view->eye[0];
        float dy = instance->bounds[1] - view->eye[1];
        float dz = instance->bounds[2] - view->eye[2];
        float distance = dx * dx + dy * dy + dz * dz;
        list->order[list->order_count++] =
            (DrawOrder){ .slot = shape->slot, .instance = i, .distance = distance >= 0.0F ? distance : 0.0F };
    }
    sort_order(list->order, list->order_count);
    return true;
}

static bool node_shown(const RenderInstance *instance, const DrawShape *shape, uint32_t node)
{
    return shape->node_mesh[node] != MODEL_NONE &&
           (!instance->node_tint || instance->node_tint[node][3] >= 0.5F);
}

/* The coarsest level whose error stays below what the view can show. */
static uint32_t choose_lod(const DrawView *view, const DrawMesh *mesh, const mat4 world)
{
    if (!(view->error_pixels > 0.0F)) {
        return 0;
    }
    float scale_squared = 0.0F;
    for (int i = 0; i < 3; i++) {
        scale_squared = fmaxf(scale_squared, glm_vec3_norm2((float *)world[i]));
    }
    float metres_a_pixel = view->pixel_size;
    if (view->pixel_scale > 0.0F) {
        vec3 offset;
        for (int i = 0; i < 3; i++) {
            offset[i] = world[0][i] * mesh->centre[0] + world[1][i] * mesh->centre[1] +
                        world[2][i] * mesh->centre[2] + world[3][i] - view->eye[i];
        }
        metres_a_pixel = glm_vec3_norm(offset) / view->pixel_scale;
    }
    float allowed = view->error_pixels * metres_a_pixel / sqrtf(fmaxf(scale_squared, 1e-12F));
    uint32_t lod = 0;
    while (lod + 1 < DRAW_LODS && mesh->lod_error[lod + 1] <= allowed) {
        lod++;
    }
    return lod;
}

static bool is_mirrored(const mat4 world)
{
    vec3 cross;
    glm_vec3_cross((float *)world[0], (float *)world[1], cross);
    return glm_vec3_dot(cross, (float *)world[2]) < 0.0F;
}

static uint32_t bucket_of(const DrawView *view, const DrawShape *shape, const RenderInstance *instance,
                          uint32_t node)
{
    uint32_t mesh = shape->node_mesh[node];
    const vec4 *world = instance->node_world[node];
    uint32_t lod = choose_lod(view, &shape->meshes[mesh], world);
    return (mesh * DRAW_LODS + lod) * 2 + (is_mirrored(world) ? 1 : 0);
}

static void fill_entry(DrawEntry *entry, const RenderInstance *instance, uint32_t node)
{
    const vec4 *world = instance->node_world[node];
    for (int row = 0; row < 3; row++) {
        for (int column = 0; column < 4; column++) {
            entry->row[row][column] = world[column][row];
        }
    }
    /* The cofactor matrix is the inverse transpose times the determinant: the shader normalises, and the sign
     * is put right here. */
    float sign = is_mirrored(world) ? -1.0F : 1.0F;
    for (int i = 0; i < 3; i++) {
        vec3 cofactor;
        glm_vec3_cross((float *)world[(i + 1) % 3], (float *)world[(i + 2) % 3], cofactor);
        glm_vec3_scale(cofactor, sign, entry->normal[i]);
        entry->normal[i][3] = instance->node_tint ? instance->node_tint[node][i] : 1.0F;
        entry->emissive[i] = instance->node_emissive ? instance->node_emissive[node][i] : 0.0F;
    }
    entry->emissive[3] = 0.0F;
}

/* Turns counts per bucket into batches and leaves the first entry of each in the bucket. */
static bool open_batches(DrawList *list, const DrawShape *shape, uint32_t bucket_count)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < bucket_count; i++) {
        used += list->buckets[i] > 0;
    }
    if (!reserve((void **)&list->batches, &list->batch_capacity, list->batch_count + used,
                 sizeof *list->batches)) {
        return false;
    }
    for (uint32_t i = 0; i < bucket_count; i++) {
        uint32_t count = list->buckets[i];
        if (count == 0) {
            continue;
        }
        list->batches[list->batch_count++] = (DrawBatch){ .slot = shape->slot,
                                                          .mesh = i / (2 * DRAW_LODS),
                                                          .lod = i / 2 % DRAW_LODS,
                                                          .mirrored = i % 2 != 0,
                                                          .first = list->entry_count,
                                                          .count = count };
        list->buckets[i] = list->entry_count;
        list->entry_count += count;
    }
    return reserve((void **)&list->entries, &list->entry_capacity, list->entry_count, sizeof *list->entries);
}

/* Squared distance from the eye to the centre of the batch's first copy. */
static float batch_distance(const DrawList *list, const DrawBatch *batch, const DrawView *view,
                            const float *centre)
{
    const DrawEntry *entry = &list->entries[batch->first];
    float squared = 0.0F;
    for (int i = 0; i < 3; i++) {
        const float *row = entry->row[i];
        float offset = row[0] * centre[0] + row[1] * centre[1] + row[2] * centre[2] + row[3] - view->eye[i];
        squared += offset * offset;
    }
    return squared >= 0.0F ? squared : 0.0F;
}

static void sort_batches(DrawBatch *batches, uint32_t count)
{
    static const uint32_t gaps[] = { 701, 301, 132, 57, 23, 10, 4, 1 };
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        for (uint32_t i = gaps[g]; i < count; i++) {
            DrawBatch moved = batches[i];
            uint32_t at = i;
            for (; at >= gaps[g] && moved.nearest < batches[at - gaps[g]].nearest; at -= gaps[g]) {
                batches[at] = batches[at - gaps[g]];
            }
            batches[at] = moved;
        }
    }
}

/* All copies of one model: order[begin..end). */
static bool add_model(DrawList *list, const RenderFrame *frame, const DrawView *view, const DrawShape *shape,
                      uint32_t begin, uint32_t end)
{
    uint32_t bucket_count = shape->mesh_count * DRAW_LODS * 2;
    if (!reserve((void **)&list->buckets, &list->bucket_capacity, bucket_count, sizeof *list->buckets)) {
        return false;
    }
    if (bucket_count > 0) {
        memset(list->buckets, 0, bucket_count * sizeof *list->buckets);
    }
    uint32_t first_batch = list->batch_count;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = begin; i < end; i++) {
            const RenderInstance *instance = &frame->instances[list->order[i].instance];
            for (uint32_t node = 0; node < shape->node_count; node++) {
                if (!node_shown(instance, shape, node)) {
                    continue;
                }
                uint32_t *bucket = &list->buckets[bucket_of(view, shape, instance, node)];
                if (pass == 1) {
                    fill_entry(&list->entries[*bucket], instance, node);
                }
                (*bucket)++;
            }
        }
        if (pass == 0 && !open_batches(list, shape, bucket_count)) {
            return false;
        }
    }
    for (uint32_t i = first_batch; i < list->batch_count; i++) {
        DrawBatch *batch = &list->batches[i];
        batch->nearest = batch_distance(list, batch, view, shape->meshes[batch->mesh].centre);
    }
    return true;
}

Status draw_list_build(DrawList *list, const RenderFrame *frame, const DrawView *view, DrawShapeLookup lookup,
                       const void *lookup_context)
{
    list->entry_count = 0;
    list->batch_count = 0;
    list->order_count = 0;
    list->culled = 0;
    bool built = collect(list, frame, view, lookup, lookup_context);
    uint32_t end = 0;
    for (uint32_t begin = 0; built && begin < list->order_count; begin = end) {
        while (end < list->order_count && list->order[end].slot == list->order[begin].slot) {
            end++;
        }
        const DrawShape *shape = lookup(lookup_context, frame->instances[list->order[begin].instance].model);
        built = add_model(list, frame, view, shape, begin, end);
    }
    if (!built) {
        list->entry_count = 0;
        list->batch_count = 0;
        return STATUS_OUT_OF_MEMORY;
    }
    sort_batches(list->batches, list->batch_count);
    return STATUS_OK;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15U;
    return hash ^ (hash >> 29);
}

uint64_t draw_list_hash(const DrawList *list)
{
    uint64_t hash = mix(1, list->entry_count);
    for (uint32_t i = 0; i < list->batch_count; i++) {
        const DrawBatch *batch = &list->batches[i];
        hash = mix(hash, (uint64_t)batch->slot << 32 | batch->mesh);
        hash = mix(hash, (uint64_t)batch->count << 32 | batch->lod << 1 | (batch->mirrored ? 1U : 0U));
    }
    for (uint32_t i = 0; i < list->entry_count; i++) {
        uint64_t words[sizeof list->entries[i].row / sizeof(uint64_t)];
        memcpy(words, list->entries[i].row, sizeof words);
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
            hash = mix(hash, words[k]);
        }
    }
    return hash;
}

void draw_list_finish(DrawList *list)
{
    free(list->entries);
    free(list->batches);
    free(list->order);
    free(list->buckets);
    *list = (DrawList){ 0 };
}
