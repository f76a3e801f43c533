#include "server/enabler/publication.h"

#include <stdio.h>
#include <stdlib.h>

#define ID_SIZE_MAX    63
#define TITLE_SIZE_MAX 255
#define ARENA_SIZE_MAX ((size_t)128 << 20)
#define FNV_BASIS      UINT64_C(14695981039346656037)
#define FNV_PRIME      UINT64_C(1099511628211)
/* 17 digits bring every number back as it was. */
#define COMPACT (JSON_COMPACT | JSON_REAL_PRECISION(17))

void publication_finish(Publication *publication)
{
    arena_finish(&publication->arena);
    *publication = (Publication){ 0 };
}

static uint64_t fingerprint_add(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * FNV_PRIME;
    }
    return hash;
}

static uint64_t fingerprint_text(uint64_t hash, const char *text)
{
    return fingerprint_add(hash, text, strlen(text) + 1);
}

/* A larger copy of an array of the arena, at least `needed` long; NULL when out of memory. */
static void *grow_array(Arena *arena, const void *old, uint32_t count, uint32_t *capacity, uint32_t needed,
                        size_t size, size_t align)
{
    uint32_t larger = *capacity * 2 > needed ? *capacity * 2 : needed;
    void *array = arena_array(arena, larger, size, align);
    if (array) {
        if (count > 0) {
            memcpy(array, old, count * size);
        }
        *capacity = larger;
    }
    return array;
}

static bool reserve(Publication *publication, const JsonNode *root, size_t models, size_t things)
{
    uint32_t needed = publication->model_count + (uint32_t)models;
    if (needed > publication->model_capacity) {
        ThingModel *grown =
            grow_array(&publication->arena, publication->models, publication->model_count,
                       &publication->model_capacity, needed, sizeof *grown, _Alignof(ThingModel));
        if (!grown) {
            json_fail(root, STATUS_OUT_OF_MEMORY, "out of memory");
            return false;
        }
        publication->models = grown;
    }
    needed = publication->thing_count + (uint32_t)things;
    if (needed > publication->thing_capacity) {
        PublishedThing *grown =
            grow_array(&publication->arena, publication->things, publication->thing_count,
                       &publication->thing_capacity, needed, sizeof *grown, _Alignof(PublishedThing));
        if (!grown) {
            json_fail(root, STATUS_OUT_OF_MEMORY, "out of memory");
            return false;
        }
        publication->things = grown;
    }
    return true;
}

static void add_model(Publication *publication, const JsonNode *node, const char *name)
{
    JsonDocument *document = node->document;
    if (document->status != STATUS_OK) {
        return;
    }
    char path[128];
    snprintf(path, sizeof path, "%s/models/%u", name, publication->model_count);
    char *text = json_is_object(node->value) ? json_dumps(node->value, COMPACT) : NULL;
    size_t size = text ? strlen(text) : 0;
    if (size == 0 || size > PUBLICATION_MODEL_SIZE) {
        json_fail(node, STATUS_OUT_OF_RANGE, "must be an object of at most %zu bytes",
                  PUBLICATION_MODEL_SIZE);
        free(text);
        return;
    }
    ThingModel model;
    Diag diag = { 0 };
    Status status = thing_model_load(bytes_of(text, size), path, &publication->arena, &model, &diag);
    free(text);
    if (status != STATUS_OK) {
        json_fail(node, status, "%s", diag.text);
        return;
    }
    publication->models[publication->model_count++] = model;
    publication->fingerprint = fingerprint_add(publication->fingerprint, model.json.data, model.json.size);
}

/* A copy in the publication's arena: the document's goes with the message. */
static const char *keep(Publication *publication, const JsonNode *node, const char *text)
{
    const char *copy = arena_copy_text(&publication->arena, text, strlen(text));
    if (!copy) {
        json_fail(node, STATUS_OUT_OF_MEMORY, "out of memory");
        return "";
    }
    return copy;
}

static void add_thing(Publication *publication, const JsonNode *node)
{
    static const char *const keys[] = { "id", "title", "model", NULL };
    json_known_keys(node, keys);
    JsonNode id = json_required(node, "id");
    JsonNode title = json_required(node, "title");
    JsonNode model = json_required(node, "model");
    double index = json_read_number(&model, 0, PUBLICATION_MODELS_MAX, 0);
    PublishedThing thing = { .id = json_read_text(&id, 1, ID_SIZE_MAX, ""),
                             .title = json_read_text(&title, 0, TITLE_SIZE_MAX, ""),
                             .model = (uint32_t)index,
                             .values = publication->value_count };
    if (node->document->status != STATUS_OK) {
        return;
    }
    if (!json_is_integer(model.value) || thing.model >= publication->model_count) {
        json_fail(&model, STATUS_OUT_OF_RANGE, "there is no such model; %u were published",
                  publication->model_count);
        return;
    }
    thing.id = keep(publication, node, thing.id);
    thing.title = keep(publication, node, thing.title);
    publication->value_count += publication->models[thing.model].property_count;
    publication->things[publication->thing_count++] = thing;
    uint64_t hash = fingerprint_text(publication->fingerprint, thing.id);
    hash = fingerprint_text(hash, thing.title);
    publication->fingerprint = fingerprint_add(hash, &thing.model, sizeof thing.model);
}

void publication_add_page(Publication *publication, const JsonNode *root, const char *name,
                          uint32_t things_max)
{
    JsonNode first_model = json_required(root, "first_model");
    JsonNode models = json_required(root, "models");
    JsonNode first_thing = json_required(root, "first_thing");
    JsonNode things = json_required(root, "things");
    double model = json_read_number(&first_model, 0, UINT32_MAX, 0);
    double thing = json_read_number(&first_thing, 0, UINT32_MAX, 0);
    if (root->document->status != STATUS_OK) {
        return;
    }
    if (model == 0 && thing == 0) {
        publication_finish(publication);
    }
    if (model != publication->model_count || thing != publication->thing_count) {
        json_fail(root, STATUS_OUT_OF_RANGE, "a page is missing: %u models and %u things have come",
                  publication->model_count, publication->thing_count);
        return;
    }
    if (!publication->arena.limit) {
        arena_init(&publication->arena, ARENA_SIZE_MAX);
        publication->fingerprint = FNV_BASIS;
    }
    size_t model_count = json_array_size_in(&models, 0, PUBLICATION_MODELS_MAX - publication->model_count);
    size_t thing_count = json_array_size_in(&things, 0, things_max - publication->thing_count);
    if (root->document->status != STATUS_OK || !reserve(publication, root, model_count, thing_count)) {
        return;
    }
    for (size_t i = 0; i < model_count; i++) {
        JsonNode node = json_element(&models, i);
        add_model(publication, &node, name);
    }
    for (size_t i = 0; i < thing_count; i++) {
        JsonNode node = json_element(&things, i);
        add_thing(publication, &node);
    }
}

static uint32_t hash_id(const char *id)
{
    uint64_t hash = fingerprint_text(FNV_BASIS, id);
    return (uint32_t)(hash ^ hash >> 32);
}

Status publication_seal(Publication *publication, const char **out_id)
{
    uint32_t size = 8;
    while (size < 2 * publication->thing_count) {
        size *= 2;
    }
    publication->slots = arena_new_array(&publication->arena, uint32_t, size);
    publication->schema = arena_new_array(&publication->arena, Thing, publication->thing_count);
    if (!publication->slots || !publication->schema) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < publication->thing_count; i++) {
        const PublishedThing *thing = &publication->things[i];
        publication->schema[i] =
            (Thing){ .id = thing->id, .title = thing->title, .model = &publication->models[thing->model] };
    }
    publication->slot_mask = size - 1;
    for (uint32_t i = 0; i < publication->thing_count; i++) {
        const char *id = publication->things[i].id;
        uint32_t slot = hash_id(id) & publication->slot_mask;
        for (; publication->slots[slot]; slot = (slot + 1) & publication->slot_mask) {
            if (strcmp(publication->things[publication->slots[slot] - 1].id, id) == 0) {
                *out_id = id;
                return STATUS_DUPLICATE;
            }
        }
        publication->slots[slot] = i + 1;
    }
    return STATUS_OK;
}

int64_t publication_thing(const Publication *publication, const char *id)
{
    if (!publication->slots) {
        return -1;
    }
    uint32_t slot = hash_id(id) & publication->slot_mask;
    for (; publication->slots[slot]; slot = (slot + 1) & publication->slot_mask) {
        uint32_t index = publication->slots[slot] - 1;
        if (strcmp(publication->things[index].id, id) == 0) {
            return index;
        }
    }
    return -1;
}

/* ---- pages ---- */

typedef struct Page {
    Arena *arena;
    uint8_t *data;
    size_t size, capacity;
    Status status;
} Page;

static void page_add(Page *page, const void *data, size_t size)
{
    if (page->status != STATUS_OK || size == 0) {
        return;
    }
    if (size > page->capacity - page->size) {
        size_t capacity = (page->size + size) * 2;
        uint8_t *grown = arena_alloc(page->arena, capacity, 1);
        if (!grown) {
            page->status = STATUS_OUT_OF_MEMORY;
            return;
        }
        if (page->size > 0) {
            memcpy(grown, page->data, page->size);
        }
        page->data = grown;
        page->capacity = capacity;
    }
    memcpy(page->data + page->size, data, size);
    page->size += size;
}

static void page_text(Page *page, const char *text)
{
    page_add(page, text, strlen(text));
}

static void page_number(Page *page, const char *before, uint32_t number)
{
    char text[64];
    snprintf(text, sizeof text, "%s%u", before, number);
    page_text(page, text);
}

/* A text as JSON: ids and titles are valid UTF-8 without control characters. */
static void page_quoted(Page *page, const char *text)
{
    page_text(page, "\"");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            page_text(page, "\\");
        }
        page_add(page, c, 1);
    }
    page_text(page, "\"");
}

static void page_thing(Page *page, const PublishedThing *thing)
{
    page_text(page, "{\"id\":");
    page_quoted(page, thing->id);
    page_text(page, ",\"title\":");
    page_quoted(page, thing->title);
    page_number(page, ",\"model\":", thing->model);
    page_text(page, "}");
}

Status publication_write_page(const Publication *publication, uint32_t first_model, uint32_t first_thing,
                              size_t size_max, const char *head, Arena *arena, Bytes *out, bool *out_last)
{
    Page page = { .arena = arena };
    uint32_t model = first_model, thing = first_thing;
    page_text(&page, head);
    page_number(&page, "\"first_model\":", first_model);
    page_text(&page, ",\"models\":[");
    for (; model < publication->model_count; model++) {
        Bytes text = publication->models[model].json;
        if (model > first_model && page.size + text.size > size_max) {
            break;
        }
        page_text(&page, model > first_model ? "," : "");
        page_add(&page, text.data, text.size);
    }
    page_number(&page, "],\"first_thing\":", first_thing);
    page_text(&page, ",\"things\":[");
    bool models_done = model >= publication->model_count;
    for (; models_done && thing < publication->thing_count; thing++) {
        /* Progress in any case, so that the asker comes to an end. */
        if (page.size > size_max && (thing > first_thing || model > first_model)) {
            break;
        }
        page_text(&page, thing > first_thing ? "," : "");
        page_thing(&page, &publication->things[thing]);
    }
    *out_last = models_done && thing >= publication->thing_count;
    page_text(&page, *out_last ? "],\"last\":true}" : "],\"last\":false}");
    *out = bytes_of(page.data, page.size);
    return page.status;
}
