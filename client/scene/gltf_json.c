#include "client/scene/gltf_document.h"
#include "shared/base/log.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* Writes the JSON pointer of `field` (RFC 6901, without its escapes) and returns its length. */
static size_t write_pointer(const Field *field, char *out, size_t size)
{
    size_t used = 0;
    if (!field || !field->parent) {
        out[0] = '\0';
        return 0;
    }
    used = write_pointer(field->parent, out, size);
    int written = field->key ? snprintf(out + used, size - used, "/%.48s", field->key)
                             : snprintf(out + used, size - used, "/%zu", field->index);
    if (written < 0) {
        return used;
    }
    used += (size_t)written;
    return used < size ? used : size - 1;
}

void document_fail(Document *doc, Status status, const Field *at, const char *format, ...)
{
    if (doc->status != STATUS_OK) {
        return;
    }
    doc->status = status;
    char text[320];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char pointer[160];
    if (write_pointer(at, pointer, sizeof pointer) > 0) {
        diag_set(doc->diag, status, doc->name, 0, "%s (at %s)", text, pointer);
    } else {
        diag_set(doc->diag, status, doc->name, 0, "%s", text);
    }
}

void document_note(Document *doc, GltfNote note, const char *text)
{
    if (doc->notes & 1u << note) {
        return;
    }
    doc->notes |= 1u << note;
    log_warning("gltf", "%s: %s", doc->name, text);
}

void document_refuse_extension(Document *doc, const Field *at, const char *extension)
{
    document_fail(doc, STATUS_UNSUPPORTED, at, "needs extension %.64s, which is not supported", extension);
}

void *document_alloc(Document *doc, Arena *arena, size_t count, size_t size, size_t align)
{
    void *memory = doc->status == STATUS_OK ? arena_array(arena, count, size, align) : NULL;
    if (!memory) {
        document_fail(doc, STATUS_OUT_OF_MEMORY, NULL, "the model needs more memory than it may have");
    }
    return memory;
}

const char *document_copy_text(Document *doc, const char *text)
{
    if (!text || doc->status != STATUS_OK) {
        return "";
    }
    const char *copy = arena_copy_text(doc->arena, text, strlen(text));
    if (!copy) {
        document_fail(doc, STATUS_OUT_OF_MEMORY, NULL, "the model needs more memory than it may have");
        return "";
    }
    return copy;
}

static const char *type_name(json_type type)
{
    switch (type) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    default:
        return "null";
    }
}

/* JSON_REAL stands for any number and JSON_TRUE for either boolean. */
static bool type_matches(const json_t *json, json_type type)
{
    if (type == JSON_REAL) {
        return json_is_number(json);
    }
    return type == JSON_TRUE ? json_is_boolean(json) : json_typeof(json) == type;
}

static void check_type(Document *doc, Field *field, json_type type)
{
    if (field->json && !type_matches(field->json, type)) {
        document_fail(doc, STATUS_MALFORMED, field, "must be %s, is %s", type_name(type),
                      type_name(json_typeof(field->json)));
        field->json = NULL;
    }
}

Field field_get(Document *doc, const Field *object, const char *key, json_type type)
{
    Field field = { .json = json_object_get(object->json, key), .parent = object, .key = key };
    check_type(doc, &field, type);
    return field;
}

Field field_require(Document *doc, const Field *object, const char *key, json_type type)
{
    Field field = field_get(doc, object, key, type);
    if (!field.json) {
        document_fail(doc, STATUS_MALFORMED, object, "has no \"%s\"", key);
    }
    return field;
}

Field field_item(Document *doc, const Field *array, size_t index, json_type type)
{
    Field field = { .json = json_array_get(array->json, index), .parent = array, .index = index };
    check_type(doc, &field, type);
    return field;
}

size_t field_count(const Field *array)
{
    return json_array_size(array->json);
}

Field field_list(Document *doc, const char *key, uint32_t limit, uint32_t *out_count)
{
    Field list = field_get(doc, &doc->root, key, JSON_ARRAY);
    size_t count = field_count(&list);
    if (count > limit) {
        document_fail(doc, STATUS_OUT_OF_RANGE, &list, "has %zu entries, at most %u are read", count, limit);
        count = 0;
    }
    *out_count = (uint32_t)count;
    return list;
}

static uint64_t whole_number(Document *doc, const Field *field, uint64_t fallback, uint64_t max)
{
    double value = json_number_value(field->json);
    if (!(value >= 0) || value != floor(value)) {
        document_fail(doc, STATUS_OUT_OF_RANGE, field, "must be a whole number from 0, is %g", value);
        return fallback;
    }
    if (value > (double)max) {
        document_fail(doc, STATUS_OUT_OF_RANGE, field, "is %.0f, at most %llu is allowed", value,
                      (unsigned long long)max);
        return fallback;
    }
    return (uint64_t)value;
}

uint64_t field_uint(Document *doc, const Field *object, const char *key, uint64_t fallback, uint64_t max)
{
    Field field = field_get(doc, object, key, JSON_REAL);
    return field.json ? whole_number(doc, &field, fallback, max) : fallback;
}

static uint32_t checked_index(Document *doc, const Field *field, uint32_t count)
{
    uint64_t value = whole_number(doc, field, MODEL_NONE, UINT32_MAX - 1);
    if (doc->status != STATUS_OK) {
        return MODEL_NONE;
    }
    if (value >= count) {
        document_fail(doc, STATUS_OUT_OF_RANGE, field, "index %llu, but there are only %u",
                      (unsigned long long)value, count);
        return MODEL_NONE;
    }
    return (uint32_t)value;
}

uint32_t field_index(Document *doc, const Field *object, const char *key, uint32_t count)
{
    Field field = field_get(doc, object, key, JSON_REAL);
    return field.json ? checked_index(doc, &field, count) : MODEL_NONE;
}

uint32_t field_item_index(Document *doc, const Field *array, size_t index, uint32_t count)
{
    Field field = field_item(doc, array, index, JSON_REAL);
    return field.json ? checked_index(doc, &field, count) : MODEL_NONE;
}

static float checked_float(Document *doc, const Field *field, float fallback)
{
    double value = json_number_value(field->json);
    if (!isfinite(value) || fabs(value) > 3.4e38) {
        document_fail(doc, STATUS_OUT_OF_RANGE, field, "is not a number that a float can hold");
        return fallback;
    }
    return (float)value;
}

float field_number(Document *doc, const Field *object, const char *key, float fallback)
{
    Field field = field_get(doc, object, key, JSON_REAL);
    return field.json ? checked_float(doc, &field, fallback) : fallback;
}

bool field_numbers(Document *doc, const Field *object, const char *key, size_t count, float *out)
{
    Field array = field_get(doc, object, key, JSON_ARRAY);
    float values[16] = { 0 };
    if (!array.json || count > ARRAY_COUNT(values)) {
        return false;
    }
    if (field_count(&array) != count) {
        document_fail(doc, STATUS_MALFORMED, &array, "must have %zu numbers, has %zu", count,
                      field_count(&array));
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        Field item = field_item(doc, &array, i, JSON_REAL);
        values[i] = item.json ? checked_float(doc, &item, 0) : 0;
    }
    if (doc->status != STATUS_OK) {
        return false;
    }
    memcpy(out, values, count * sizeof *out);
    return true;
}

bool field_bool(Document *doc, const Field *object, const char *key, bool fallback)
{
    Field field = field_get(doc, object, key, JSON_TRUE);
    return field.json ? json_is_true(field.json) : fallback;
}

const char *field_text(Document *doc, const Field *object, const char *key)
{
    Field field = field_get(doc, object, key, JSON_STRING);
    return json_string_value(field.json);
}

Field field_extension(Document *doc, const Field *object, const char *name, Field *out_extensions)
{
    *out_extensions = field_get(doc, object, "extensions", JSON_OBJECT);
    return field_get(doc, out_extensions, name, JSON_OBJECT);
}

static void check_extensions(Document *doc, const Field *extensions)
{
    json_t *object = (json_t *)(uintptr_t)extensions->json;
    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
        Field item = { .json = json_object_iter_value(i),
                       .parent = extensions,
                       .key = json_object_iter_key(i) };
        check_type(doc, &item, JSON_OBJECT);
    }
}

/* Depth is bounded by jansson's own limit on nesting (2048). */
static void check_shape(Document *doc, const Field *field)
{
    for (size_t i = 0; i < json_array_size(field->json) && doc->status == STATUS_OK; i++) {
        Field item = { .json = json_array_get(field->json, i), .parent = field, .index = i };
        check_shape(doc, &item);
    }
    json_t *object = (json_t *)(uintptr_t)field->json;
    for (void *i = json_object_iter(object); i && doc->status == STATUS_OK;
         i = json_object_iter_next(object, i)) {
        Field item = { .json = json_object_iter_value(i), .parent = field, .key = json_object_iter_key(i) };
        if (strcmp(item.key, "extras") == 0) {
            continue; /* the application's own, of any shape */
        }
        if (strcmp(item.key, "extensions") == 0) {
            check_type(doc, &item, JSON_OBJECT);
            check_extensions(doc, &item);
        } else if (strcmp(item.key, "name") == 0) {
            check_type(doc, &item, JSON_STRING);
        } else {
            check_shape(doc, &item);
        }
    }
}

void document_check_shape(Document *doc)
{
    check_shape(doc, &doc->root);
}
