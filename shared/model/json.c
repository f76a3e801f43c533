#include "shared/model/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- finding the line of a node in a text that jansson has accepted ---- */

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) {
        at++;
    }
    return at;
}

/* From an opening quote to behind the closing one. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\') {
            at++;
        }
    }
    return at < end ? at + 1 : end;
}

/* Behind the value that begins at `at`. */
static const char *skip_value(const char *at, const char *end)
{
    int depth = 0;
    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            if (depth == 0) {
                return at; /* a number or word ended by its container */
            }
            depth--;
            at++;
        } else if (depth == 0 && strchr(", \t\r\n", *at)) {
            return at;
        } else {
            at++;
            continue;
        }
        if (depth == 0) {
            return at;
        }
    }
    return end;
}

/* The value of child number `ordinal` of the container at `at`. */
static const char *find_child(const char *at, const char *end, size_t ordinal)
{
    bool object = at < end && *at == '{';
    at = skip_space(at + 1, end);
    for (size_t i = 0; at < end; i++) {
        if (object) {
            at = skip_space(skip_string(at, end), end);
            at = skip_space(at < end ? at + 1 : end, end); /* the colon */
        }
        if (i == ordinal) {
            return at;
        }
        at = skip_space(skip_value(at, end), end);
        at = skip_space(at < end ? at + 1 : end, end); /* the comma */
    }
    return end;
}

/* jansson keeps members in the order of the text and duplicates are refused, so the position among the
 * members finds a key without decoding its escapes. */
static size_t ordinal_of(const JsonNode *node)
{
    if (!node->key) {
        return node->index;
    }
    size_t ordinal = 0;
    for (void *i = json_object_iter(node->parent->value);
         i && strcmp(json_object_iter_key(i), node->key) != 0;
         i = json_object_iter_next(node->parent->value, i)) {
        ordinal++;
    }
    return ordinal;
}

static const char *find_node(const JsonNode *node, const char *end)
{
    const char *text = (const char *)node->document->text.data;
    if (!node->parent) {
        return skip_space(text, end);
    }
    const char *parent = find_node(node->parent, end);
    return node->value ? find_child(parent, end, ordinal_of(node)) : parent;
}

static unsigned line_of(const JsonNode *node)
{
    const char *text = (const char *)node->document->text.data;
    const char *at = find_node(node, text + node->document->text.size);
    unsigned line = 1;
    for (const char *c = text; c < at; c++) {
        line += *c == '\n';
    }
    return line;
}

/* Appends the JSON pointer (RFC 6901) of `node`. */
static size_t write_pointer(const JsonNode *node, char *out, size_t size)
{
    if (!node->parent) {
        return 0;
    }
    size_t used = write_pointer(node->parent, out, size);
    if (!node->key) {
        int count = snprintf(out + used, size - used, "/%zu", node->index);
        return used + (size_t)count < size ? used + (size_t)count : size - 1;
    }
    if (used + 1 < size) {
        out[used++] = '/';
    }
    for (const char *c = node->key; *c; c++) {
        bool escaped = *c == '~' || *c == '/';
        if (used + 3 >= size) {
            break;
        }
        if (escaped) {
            out[used++] = '~';
        }
        out[used++] = (char)(*c == '~' ? '0' : *c == '/' ? '1' : *c);
    }
    out[used] = '\0';
    return used;
}

Status json_fail(const JsonNode *node, Status status, const char *format, ...)
{
    JsonDocument *document = node->document;
    if (document->status != STATUS_OK) {
        return document->status;
    }
    document->status = status;
    if (!document->diag) {
        return status;
    }
    char pointer[192] = "";
    write_pointer(node, pointer, sizeof pointer);
    char text[320];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return diag_set(document->diag, status, document->path, line_of(node), "%s%s%s", pointer,
                    pointer[0] ? ": " : "", text);
}

/* ---- the document ---- */

/* What jansson would recurse into or allocate for, bounded before it sees the text. Works on any bytes. */
static Status check_size(Bytes text, const char *path, Diag *diag)
{
    const char *begin = (const char *)text.data, *end = begin + text.size;
    unsigned depth = 0, line = 1;
    size_t values = 1;
    for (const char *at = begin; at < end;) {
        if (*at == '"') {
            at = skip_string(at, end);
            continue;
        }
        line += *at == '\n';
        values += *at == ',' || *at == '{' || *at == '[';
        depth += *at == '{' || *at == '[';
        if ((*at == '}' || *at == ']') && depth > 0) {
            depth--;
        }
        if (depth > JSON_DEPTH_MAX) {
            return diag_set(diag, STATUS_MALFORMED, path, line, "nested deeper than %d levels",
                            JSON_DEPTH_MAX);
        }
        if (values > JSON_VALUES_MAX) {
            return diag_set(diag, STATUS_MALFORMED, path, line, "more than %d values", JSON_VALUES_MAX);
        }
        at++;
    }
    return STATUS_OK;
}

Status json_document_parse(JsonDocument *document, Bytes text, const char *path, Arena *arena, Diag *diag)
{
    *document = (JsonDocument){ .path = path, .text = text, .arena = arena, .diag = diag };
    document->status = check_size(text, path, diag);
    if (document->status != STATUS_OK) {
        return document->status;
    }
    json_error_t error;
    document->root = json_loadb(text.size > 0 ? (const char *)text.data : "", text.size,
                                JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!document->root) {
        bool memory = json_error_code(&error) == json_error_out_of_memory;
        document->status =
            diag_set(diag, memory ? STATUS_OUT_OF_MEMORY : STATUS_MALFORMED, path,
                     error.line > 0 ? (unsigned)error.line : 1, "not valid JSON: %s", error.text);
        if (diag && !memory && error.column > 0) {
            diag->column = (unsigned)error.column;
        }
    }
    return document->status;
}

void json_document_finish(JsonDocument *document)
{
    json_decref(document->root);
    document->root = NULL;
}

JsonNode json_document_root(JsonDocument *document)
{
    return (JsonNode){ .document = document, .value = document->root };
}

/* ---- structure ---- */

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    default:
        return "null";
    }
}

/* True when there is a value to read: present, and no error so far. */
static bool readable(const JsonNode *node)
{
    return node->value && node->document->status == STATUS_OK;
}

static void fail_type(const JsonNode *node, const char *expected)
{
    json_fail(node, STATUS_MALFORMED, "must be %s, not %s", expected, type_name(node->value));
}

JsonNode json_member(const JsonNode *object, const char *key)
{
    json_t *value = readable(object) ? json_object_get(object->value, key) : NULL;
    return (JsonNode){ .document = object->document, .value = value, .parent = object, .key = key };
}

JsonNode json_required(const JsonNode *object, const char *key)
{
    JsonNode member = json_member(object, key);
    if (readable(object) && !member.value) {
        if (!json_is_object(object->value)) {
            fail_type(object, "an object");
        } else {
            json_fail(object, STATUS_MALFORMED, "needs \"%s\"", key);
        }
    }
    return member;
}

void json_known_keys(const JsonNode *object, const char *const *keys)
{
    if (!readable(object)) {
        return;
    }
    if (!json_is_object(object->value)) {
        fail_type(object, "an object");
        return;
    }
    JsonNode member;
    for (void *i = json_members(object); json_next(object, &i, &member);) {
        const char *const *key = keys;
        while (*key && strcmp(*key, member.key) != 0) {
            key++;
        }
        if (!*key) {
            json_fail(&member, STATUS_MALFORMED, "unknown key \"%s\"", member.key);
            return;
        }
    }
}

size_t json_array_size_in(const JsonNode *array, size_t minimum, size_t maximum)
{
    if (!readable(array)) {
        return 0;
    }
    if (!json_is_array(array->value)) {
        fail_type(array, "an array");
        return 0;
    }
    size_t count = json_array_size(array->value);
    if (count < minimum || count > maximum) {
        if (minimum == maximum) {
            json_fail(array, STATUS_OUT_OF_RANGE, "has %zu elements, must have %zu", count, minimum);
        } else {
            json_fail(array, STATUS_OUT_OF_RANGE, "has %zu elements, must have %zu to %zu", count, minimum,
                      maximum);
        }
        return 0;
    }
    return count;
}

JsonNode json_element(const JsonNode *array, size_t index)
{
    json_t *value = readable(array) ? json_array_get(array->value, index) : NULL;
    return (JsonNode){ .document = array->document, .value = value, .parent = array, .index = index };
}

void *json_members(const JsonNode *object)
{
    return readable(object) ? json_object_iter(object->value) : NULL;
}

bool json_next(const JsonNode *object, void **iterator, JsonNode *out_member)
{
    if (!*iterator || object->document->status != STATUS_OK) {
        return false;
    }
    *out_member = (JsonNode){ .document = object->document,
                              .value = json_object_iter_value(*iterator),
                              .parent = object,
                              .key = json_object_iter_key(*iterator) };
    *iterator = json_object_iter_next(object->value, *iterator);
    return true;
}

/* ---- values ---- */

double json_read_number(const JsonNode *node, double minimum, double maximum, double fallback)
{
    if (!readable(node)) {
        return fallback;
    }
    if (!json_is_number(node->value)) {
        fail_type(node, "a number");
        return fallback;
    }
    double number = json_number_value(node->value);
    if (!isfinite(number) || number < minimum || number > maximum) {
        json_fail(node, STATUS_OUT_OF_RANGE, "%g is outside %g to %g", number, minimum, maximum);
        return fallback;
    }
    return number;
}

bool json_read_boolean(const JsonNode *node, bool fallback)
{
    if (!readable(node)) {
        return fallback;
    }
    if (!json_is_boolean(node->value)) {
        fail_type(node, "true or false");
        return fallback;
    }
    return json_is_true(node->value);
}

static bool has_control_character(const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return true;
        }
    }
    return false;
}

const char *json_read_text(const JsonNode *node, size_t minimum, size_t maximum, const char *fallback)
{
    if (!readable(node)) {
        return fallback;
    }
    if (!json_is_string(node->value)) {
        fail_type(node, "a text");
        return fallback;
    }
    const char *text = json_string_value(node->value);
    size_t size = json_string_length(node->value);
    if (size < minimum || size > maximum) {
        json_fail(node, STATUS_OUT_OF_RANGE, "has %zu bytes, must have %zu to %zu", size, minimum, maximum);
        return fallback;
    }
    if (has_control_character(text)) {
        json_fail(node, STATUS_MALFORMED, "has a control character");
        return fallback;
    }
    const char *copy = arena_copy_text(node->document->arena, text, size);
    if (!copy) {
        json_fail(node, STATUS_OUT_OF_MEMORY, "out of memory");
        return fallback;
    }
    return copy;
}

void json_read_vector(const JsonNode *node, size_t count, double limit, float *out)
{
    if (!readable(node)) {
        return;
    }
    float values[4] = { 0 };
    if (count > ARRAY_COUNT(values) || json_array_size_in(node, count, count) == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        JsonNode element = json_element(node, i);
        values[i] = (float)json_read_number(&element, -limit, limit, 0);
    }
    if (node->document->status == STATUS_OK) {
        memcpy(out, values, count * sizeof values[0]);
    }
}
