#include "client/render/mesh_lod.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An open-addressing map from keys to 0, 1, 2, … in order of appearance. */
typedef struct Key {
    int32_t words[4];
} Key;

typedef struct KeyMap {
    Key *keys;
    uint32_t *slots; /* index + 1 into keys; 0 is free */
    uint32_t count, mask;
} KeyMap;

static bool key_map_init(KeyMap *map, uint32_t most)
{
    uint32_t size = 16;
    while (size / 2 < most && size < 1U << 31) {
        size *= 2;
    }
    map->keys = malloc(((size_t)most + 1) * sizeof *map->keys);
    map->slots = calloc(size, sizeof *map->slots);
    map->count = 0;
    map->mask = size - 1;
    return map->keys && map->slots;
}

static void key_map_finish(KeyMap *map)
{
    free(map->keys);
    free(map->slots);
}

static uint32_t key_map_number(KeyMap *map, const Key *key)
{
    uint32_t hash = 2166136261U;
    for (int i = 0; i < 4; i++) {
        hash = (hash ^ (uint32_t)key->words[i]) * 2654435769U;
        hash ^= hash >> 15;
    }
    uint32_t slot = hash & map->mask;
    while (map->slots[slot] != 0) {
        uint32_t number = map->slots[slot] - 1;
        if (memcmp(&map->keys[number], key, sizeof *key) == 0) {
            return number;
        }
        slot = (slot + 1) & map->mask;
    }
    map->keys[map->count] = *key;
    map->slots[slot] = ++map->count;
    return map->count - 1;
}

void mesh_level_finish(MeshLevel *level)
{
    free(level->vertices);
    free(level->indices);
    free(level->parts);
    *level = (MeshLevel){ 0 };
}

static bool allocate(MeshLevel *level, size_t vertices, size_t indices, size_t parts)
{
    level->vertices = calloc(vertices + 1, sizeof *level->vertices);
    level->indices = malloc((indices + 1) * sizeof *level->indices);
    level->parts = calloc(parts + 1, sizeof *level->parts);
    level->part_count = (uint32_t)parts;
    return level->vertices && level->indices && level->parts;
}

static bool is_textured(const ModelMaterial *material)
{
    return material->base_color_image != MODEL_NONE || material->metallic_roughness_image != MODEL_NONE ||
           material->normal_image != MODEL_NONE || material->emissive_image != MODEL_NONE ||
           material->occlusion_image != MODEL_NONE;
}

/* Appends the triangles of one primitive; `remap` has vertex_count entries. */
static void append(MeshLevel *level, const ModelPrimitive *primitive, uint32_t *remap)
{
    memset(remap, 0xFF, (size_t)primitive->vertex_count * sizeof *remap);
    for (uint32_t i = 0; i < primitive->index_count; i++) {
        uint32_t vertex = primitive->indices[i];
        if (remap[vertex] == MODEL_NONE) {
            remap[vertex] = level->vertex_count;
            level->vertices[level->vertex_count++] = primitive->vertices[vertex];
        }
        level->indices[level->index_count++] = remap[vertex];
    }
}

Status mesh_level_join(const ModelMesh *mesh, const ModelMaterial *materials, MeshLevel *out_level)
{
    size_t vertices = 0;
    size_t indices = 0;
    uint32_t largest = 0;
    for (uint32_t i = 0; i < mesh->primitive_count; i++) {
        const ModelPrimitive *primitive = &mesh->primitives[i];
        vertices += primitive->vertex_count < primitive->index_count ? primitive->vertex_count
                                                                     : primitive->index_count;
        indices += primitive->index_count;
        largest = primitive->vertex_count > largest ? primitive->vertex_count : largest;
    }
    if (vertices > INT32_MAX || indices > UINT32_MAX) {
        return STATUS_CAPACITY;
    }
    MeshLevel level = { 0 };
    uint32_t *remap = malloc(((size_t)largest + 1) * sizeof *remap);
    if (!remap || !allocate(&level, vertices, indices, mesh->primitive_count)) {
        free(remap);
        mesh_level_finish(&level);
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < mesh->primitive_count; i++) {
        level.parts[i].first_index = level.index_count;
        level.parts[i].index_count = mesh->primitives[i].index_count;
        level.parts[i].textured = is_textured(&materials[mesh->primitives[i].material]);
        append(&level, &mesh->primitives[i], remap);
    }
    free(remap);
    *out_level = level;
    return STATUS_OK;
}

void mesh_level_bounds(const MeshLevel *level, float out_centre[3], float *out_radius)
{
    float low[3] = { INFINITY, INFINITY, INFINITY };
    float high[3] = { -INFINITY, -INFINITY, -INFINITY };
    for (uint32_t i = 0; i < level->vertex_count; i++) {
        for (int k = 0; k < 3; k++) {
            low[k] = fminf(low[k], level->vertices[i].position[k]);
            high[k] = fmaxf(high[k], level->vertices[i].position[k]);
        }
    }
    float squared = 0.0F;
    for (int k = 0; k < 3; k++) {
        bool some = low[k] <= high[k];
        out_centre[k] = some ? 0.5F * (low[k] + high[k]) : 0.0F;
        squared += some ? (high[k] - low[k]) * (high[k] - low[k]) : 0.0F;
    }
    *out_radius = 0.5F * sqrtf(squared);
}

static int32_t grid_cell(float value, float cell)
{
    float at = floorf(value / cell);
    return at > -1e9F && at < 1e9F ? (int32_t)at : 0;
}

/* Which of the 26 directions to a cube's faces, edges and corners a normal is near to: a bevel stays apart
 * from the faces it joins, which would otherwise be shaded with its normals. */
static int32_t facing(const float normal[3])
{
    int32_t direction = 0;
    for (int k = 0; k < 3; k++) {
        direction = direction * 3 + (normal[k] > 0.38F ? 2 : normal[k] < -0.38F ? 0 : 1);
    }
    return direction;
}

typedef struct Cell {
    double sum[3];
    uint32_t count;
    float nearest; /* squared distance of `position` from the mean */
    float position[3];
} Cell;

/* Numbers the cells, and finds for each the vertex nearest to the mean of its vertices. */
static bool place_cells(const MeshLevel *level, float cell_size, uint32_t *cell_of, Cell **out_cells)
{
    KeyMap map = { 0 };
    if (!key_map_init(&map, level->vertex_count)) {
        key_map_finish(&map);
        return false;
    }
    for (uint32_t i = 0; i < level->vertex_count; i++) {
        const float *position = level->vertices[i].position;
        Key key = { { grid_cell(position[0], cell_size), grid_cell(position[1], cell_size),
                      grid_cell(position[2], cell_size), 0 } };
        cell_of[i] = key_map_number(&map, &key);
    }
    Cell *cells = calloc((size_t)map.count + 1, sizeof *cells);
    key_map_finish(&map);
    if (!cells) {
        return false;
    }
    for (uint32_t i = 0; i < level->vertex_count; i++) {
        Cell *cell = &cells[cell_of[i]];
        cell->count++;
        cell->nearest = INFINITY;
        for (int k = 0; k < 3; k++) {
            cell->sum[k] += (double)level->vertices[i].position[k];
        }
    }
    for (uint32_t i = 0; i < level->vertex_count; i++) {
        Cell *cell = &cells[cell_of[i]];
        float squared = 0.0F;
        for (int k = 0; k < 3; k++) {
            float offset = level->vertices[i].position[k] - (float)(cell->sum[k] / cell->count);
            squared += offset * offset;
        }
        if (squared < cell->nearest) {
            cell->nearest = squared;
            memcpy(cell->position, level->vertices[i].position, sizeof cell->position);
        }
    }
    *out_cells = cells;
    return true;
}

/* The new vertex that stands for `vertex`: same cell, similar normal, and on textures the same neighbourhood.
 */
static uint32_t merge(MeshLevel *level, KeyMap *map, const ModelVertex *vertex, float weight, uint32_t part,
                      bool textured, uint32_t cell, const Cell *cells)
{
    int32_t chart = textured ? grid_cell(vertex->uv[0], 0.125F) * 4096 + grid_cell(vertex->uv[1], 0.125F) : 0;
    Key key = { { (int32_t)cell, facing(vertex->normal), chart, (int32_t)part } };
    uint32_t number = key_map_number(map, &key);
    if (number == level->vertex_count) {
        level->vertices[number] = *vertex;
        memcpy(level->vertices[number].position, cells[cell].position, sizeof cells[cell].position);
        memset(level->vertices[number].normal, 0, sizeof level->vertices[number].normal);
        level->vertex_count++;
    }
    for (int k = 0; k < 3; k++) {
        level->vertices[number].normal[k] += vertex->normal[k] * weight;
    }
    return number;
}

static float twice_area(const float a[3], const float b[3], const float c[3])
{
    float u[3] = { b[0] - a[0], b[1] - a[1], b[2] - a[2] };
    float v[3] = { c[0] - a[0], c[1] - a[1], c[2] - a[2] };
    float x = u[1] * v[2] - u[2] * v[1];
    float y = u[2] * v[0] - u[0] * v[2];
    float z = u[0] * v[1] - u[1] * v[0];
    return sqrtf(x * x + y * y + z * z);
}

static void cluster_part(const MeshLevel *from, uint32_t part, const uint32_t *cell_of, const Cell *cells,
                         KeyMap *map, MeshLevel *to)
{
    const MeshPart *source = &from->parts[part];
    to->parts[part] = (MeshPart){ .first_index = to->index_count, .textured = source->textured };
    for (uint32_t i = 0; i + 2 < source->index_count; i += 3) {
        const uint32_t *corner = from->indices + source->first_index + i;
        uint32_t a = cell_of[corner[0]];
        uint32_t b = cell_of[corner[1]];
        uint32_t c = cell_of[corner[2]];
        if (a == b || b == c || c == a) {
            continue;
        }
        float weight = twice_area(from->vertices[corner[0]].position, from->vertices[corner[1]].position,
                                  from->vertices[corner[2]].position);
        for (int k = 0; k < 3; k++) {
            to->indices[to->index_count++] = merge(to, map, &from->vertices[corner[k]], fmaxf(weight, 1e-20F),
                                                   part, source->textured, cell_of[corner[k]], cells);
        }
    }
    to->parts[part].index_count = to->index_count - to->parts[part].first_index;
}

/* merge sums normals weighted by area: a cluster shows what its large triangles show, not its bolts and
 * bevels. */
static void normalise(MeshLevel *level)
{
    for (uint32_t i = 0; i < level->vertex_count; i++) {
        float *normal = level->vertices[i].normal;
        float length = sqrtf(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]);
        for (int k = 0; length > 0.0F && k < 3; k++) {
            normal[k] /= length;
        }
    }
}

Status mesh_level_cluster(const MeshLevel *level, float cell, MeshLevel *out_level)
{
    MeshLevel coarse = { 0 };
    KeyMap map = { 0 };
    Cell *cells = NULL;
    uint32_t *cell_of = malloc(((size_t)level->vertex_count + 1) * sizeof *cell_of);
    Status status = STATUS_OUT_OF_MEMORY;
    /* A vertex of two triangles can be merged with either: there are never more than before. */
    if (cell_of && allocate(&coarse, level->vertex_count, level->index_count, level->part_count) &&
        place_cells(level, cell, cell_of, &cells) && key_map_init(&map, level->vertex_count)) {
        for (uint32_t part = 0; part < level->part_count; part++) {
            cluster_part(level, part, cell_of, cells, &map, &coarse);
        }
        normalise(&coarse);
        status = STATUS_OK;
    }
    key_map_finish(&map);
    free(cells);
    free(cell_of);
    if (status != STATUS_OK) {
        mesh_level_finish(&coarse);
        return status;
    }
    *out_level = coarse;
    return STATUS_OK;
}
