#include "client/scene/gltf_document.h"

#include <math.h>

enum { BYTE = 5120, UNSIGNED_BYTE, SHORT, UNSIGNED_SHORT, UNSIGNED_INT = 5125, FLOAT = 5126 };

static void load_buffer(Document *doc, const Field *buffer, uint32_t index)
{
    uint64_t length = field_uint(doc, buffer, "byteLength", 0, GLTF_FILE_MAX);
    const char *uri = field_text(doc, buffer, "uri");
    if (doc->status != STATUS_OK) {
        return;
    }
    if (length == 0) {
        document_fail(doc, STATUS_MALFORMED, buffer, "\"byteLength\" must be at least 1");
        return;
    }
    Bytes bytes = { 0 };
    if (uri) {
        document_read_uri(doc, buffer, uri, &bytes);
    } else if (index == 0 && doc->has_binary) {
        bytes = doc->binary;
    } else {
        return; /* without data: an error only for who uses it */
    }
    if (doc->status == STATUS_OK && bytes.size < length) {
        document_fail(doc, STATUS_TRUNCATED, buffer, "has %zu bytes, \"byteLength\" says %llu", bytes.size,
                      (unsigned long long)length);
        return;
    }
    doc->buffers[index] = bytes_slice(bytes, 0, (size_t)length);
}

static void load_view(Document *doc, const Field *field, BufferView *out)
{
    uint32_t buffer = field_index(doc, field, "buffer", doc->buffer_count);
    uint64_t offset = field_uint(doc, field, "byteOffset", 0, GLTF_FILE_MAX);
    uint64_t length = field_uint(doc, field, "byteLength", 0, GLTF_FILE_MAX);
    uint64_t stride = field_uint(doc, field, "byteStride", 0, 252);
    Field extensions;
    Field meshopt = field_extension(doc, field, "EXT_meshopt_compression", &extensions);
    if (doc->status != STATUS_OK) {
        return;
    }
    if (buffer == MODEL_NONE || length == 0) {
        document_fail(doc, STATUS_MALFORMED, field, "needs \"buffer\" and a \"byteLength\" of at least 1");
        return;
    }
    if (stride % 4 != 0) {
        document_fail(doc, STATUS_MALFORMED, field, "\"byteStride\" %u is not a multiple of 4",
                      (unsigned)stride);
        return;
    }
    Bytes whole = doc->buffers[buffer];
    *out = (BufferView){ .stride = (uint32_t)stride, .missing = whole.size == 0 };
    if (meshopt.json) {
        out->compression = "EXT_meshopt_compression";
    }
    if (out->missing) {
        return;
    }
    if (offset > whole.size || length > whole.size - offset) {
        document_fail(doc, STATUS_OUT_OF_RANGE, field, "bytes %llu+%llu are outside the buffer of %zu",
                      (unsigned long long)offset, (unsigned long long)length, whole.size);
        return;
    }
    out->data = bytes_slice(whole, (size_t)offset, (size_t)length);
}

void document_load_buffers(Document *doc)
{
    Field buffers = field_list(doc, "buffers", 1u << 16, &doc->buffer_count);
    doc->buffers = document_array(doc, &doc->scratch, Bytes, doc->buffer_count);
    for (uint32_t i = 0; i < doc->buffer_count && doc->status == STATUS_OK; i++) {
        Field item = field_item(doc, &buffers, i, JSON_OBJECT);
        load_buffer(doc, &item, i);
    }
    Field views = field_list(doc, "bufferViews", 1u << 20, &doc->view_count);
    doc->views = document_array(doc, &doc->scratch, BufferView, doc->view_count);
    for (uint32_t i = 0; i < doc->view_count && doc->status == STATUS_OK; i++) {
        Field item = field_item(doc, &views, i, JSON_OBJECT);
        load_view(doc, &item, &doc->views[i]);
    }
}

static uint32_t component_size(uint32_t component)
{
    switch (component) {
    case BYTE:
    case UNSIGNED_BYTE:
        return 1;
    case SHORT:
    case UNSIGNED_SHORT:
        return 2;
    case UNSIGNED_INT:
    case FLOAT:
        return 4;
    default:
        return 0;
    }
}

/* Components and bytes of an element; columns of matrices start on multiples of four bytes. */
static bool element_layout(const char *type, uint32_t component_bytes, uint32_t *out_width,
                           uint32_t *out_size)
{
    static const struct {
        const char *name;
        uint32_t rows, columns;
    } layouts[] = { { "SCALAR", 1, 1 }, { "VEC2", 2, 1 }, { "VEC3", 3, 1 }, { "VEC4", 4, 1 },
                    { "MAT2", 2, 2 },   { "MAT3", 3, 3 }, { "MAT4", 4, 4 } };
    for (size_t i = 0; i < ARRAY_COUNT(layouts); i++) {
        if (strcmp(type, layouts[i].name) == 0) {
            uint32_t column = layouts[i].rows * component_bytes;
            if (layouts[i].columns > 1) {
                column = (column + 3) & ~3u;
            }
            *out_width = layouts[i].rows * layouts[i].columns;
            *out_size = column * layouts[i].columns;
            return true;
        }
    }
    return false;
}

/* The bytes of `count` elements in view `view` from `offset`, checked; `status` tells of a failure. */
static Bytes view_elements(Document *doc, const Field *at, uint32_t view, uint64_t offset, uint32_t count,
                           uint32_t stride, uint32_t element_size)
{
    const BufferView *source = &doc->views[view];
    if (source->missing) {
        if (source->compression) {
            document_refuse_extension(doc, at, source->compression);
        } else {
            document_fail(doc, STATUS_MALFORMED, at, "buffer view %u has no data", view);
        }
        return (Bytes){ 0 };
    }
    uint64_t needed = (uint64_t)stride * (count - 1) + element_size;
    if (offset > source->data.size || needed > source->data.size - offset) {
        document_fail(doc, STATUS_OUT_OF_RANGE, at, "needs %llu bytes at %llu, buffer view %u has %zu",
                      (unsigned long long)needed, (unsigned long long)offset, view, source->data.size);
        return (Bytes){ 0 };
    }
    return bytes_slice(source->data, (size_t)offset, (size_t)needed);
}

static void load_accessor(Document *doc, const Field *field, Accessor *out)
{
    const char *type = field_text(doc, field, "type");
    uint32_t component = (uint32_t)field_uint(doc, field, "componentType", 0, UINT16_MAX);
    uint32_t bytes = component_size(component);
    uint32_t count = (uint32_t)field_uint(doc, field, "count", 0, GLTF_CORNER_MAX);
    uint64_t offset = field_uint(doc, field, "byteOffset", 0, GLTF_FILE_MAX);
    *out = (Accessor){ .view = field_index(doc, field, "bufferView", doc->view_count),
                       .count = count,
                       .component = component,
                       .normalized = field_bool(doc, field, "normalized", false) };
    Field sparse = field_get(doc, field, "sparse", JSON_OBJECT);
    out->sparse = sparse.json != NULL;
    if (doc->status != STATUS_OK) {
        return;
    }
    if (count == 0 || bytes == 0 || !type || !element_layout(type, bytes, &out->width, &out->element_size)) {
        document_fail(doc, STATUS_MALFORMED, field,
                      "needs a known \"type\", \"componentType\" and a \"count\"");
        return;
    }
    if (out->normalized && (component == FLOAT || component == UNSIGNED_INT)) {
        document_fail(doc, STATUS_MALFORMED, field, "floats and 32-bit integers cannot be normalized");
        return;
    }
    out->stride = out->element_size;
    if (out->view == MODEL_NONE) {
        return;
    }
    if (doc->views[out->view].stride) {
        out->stride = doc->views[out->view].stride;
    }
    if (out->stride < out->element_size || out->stride % bytes != 0 || offset % bytes != 0) {
        document_fail(doc, STATUS_MALFORMED, field,
                      "stride %u or offset %llu does not suit elements of %u bytes", out->stride,
                      (unsigned long long)offset, out->element_size);
        return;
    }
    if (!doc->views[out->view].missing) {
        out->data = view_elements(doc, field, out->view, offset, count, out->stride, out->element_size);
    }
}

void document_load_accessors(Document *doc)
{
    Field accessors = field_list(doc, "accessors", 1u << 20, &doc->accessor_count);
    doc->accessors = document_array(doc, &doc->scratch, Accessor, doc->accessor_count);
    for (uint32_t i = 0; i < doc->accessor_count && doc->status == STATUS_OK; i++) {
        Field item = field_item(doc, &accessors, i, JSON_OBJECT);
        load_accessor(doc, &item, &doc->accessors[i]);
    }
}

static uint32_t load_component(const uint8_t *data, uint32_t component)
{
    switch (component_size(component)) {
    case 1:
        return data[0];
    case 2:
        return bytes_load_u16(data);
    default:
        return bytes_load_u32(data);
    }
}

/* Writes the sparse elements over `dense`, packed copies of the base. */
static void apply_sparse(Document *doc, const Field *sparse, const Accessor *accessor, uint8_t *dense)
{
    Field indices = field_require(doc, sparse, "indices", JSON_OBJECT);
    Field values = field_require(doc, sparse, "values", JSON_OBJECT);
    uint32_t count = (uint32_t)field_uint(doc, sparse, "count", 0, accessor->count);
    uint32_t component = (uint32_t)field_uint(doc, &indices, "componentType", 0, UINT16_MAX);
    uint32_t index_view = field_index(doc, &indices, "bufferView", doc->view_count);
    uint32_t value_view = field_index(doc, &values, "bufferView", doc->view_count);
    uint64_t index_offset = field_uint(doc, &indices, "byteOffset", 0, GLTF_FILE_MAX);
    uint64_t value_offset = field_uint(doc, &values, "byteOffset", 0, GLTF_FILE_MAX);
    if (doc->status != STATUS_OK) {
        return;
    }
    bool known = component == UNSIGNED_BYTE || component == UNSIGNED_SHORT || component == UNSIGNED_INT;
    if (count == 0 || !known || index_view == MODEL_NONE || value_view == MODEL_NONE) {
        document_fail(doc, STATUS_MALFORMED, sparse,
                      "needs \"count\", unsigned indices and both buffer views");
        return;
    }
    uint32_t bytes = component_size(component);
    Bytes where = view_elements(doc, &indices, index_view, index_offset, count, bytes, bytes);
    Bytes what = view_elements(doc, &values, value_view, value_offset, count, accessor->element_size,
                               accessor->element_size);
    uint64_t next = 0;
    if (!where.data || !what.data) {
        return; /* refused just now */
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = load_component(where.data + (size_t)i * bytes, component);
        if (index < next || index >= accessor->count) {
            document_fail(doc, STATUS_OUT_OF_RANGE, &indices, "index %u is not ascending or not below %u",
                          index, accessor->count);
            return;
        }
        next = (uint64_t)index + 1;
        memcpy(dense + (size_t)index * accessor->element_size, what.data + (size_t)i * accessor->element_size,
               accessor->element_size);
    }
}

static void make_dense(Document *doc, const Field *accessor_field, Accessor *accessor)
{
    Field sparse = field_require(doc, accessor_field, "sparse", JSON_OBJECT);
    uint8_t *dense = document_alloc(doc, &doc->scratch, accessor->count, accessor->element_size, 4);
    if (!dense) {
        return;
    }
    for (uint32_t i = 0; i < accessor->count && accessor->data.size > 0; i++) {
        memcpy(dense + (size_t)i * accessor->element_size, accessor->data.data + (size_t)i * accessor->stride,
               accessor->element_size);
    }
    apply_sparse(doc, &sparse, accessor, dense);
    if (doc->status == STATUS_OK) {
        accessor->stride = accessor->element_size;
        accessor->data = bytes_of(dense, (size_t)accessor->count * accessor->element_size);
    }
}

bool accessor_open(Document *doc, const Field *at, uint32_t index)
{
    if (doc->status != STATUS_OK || index >= doc->accessor_count) {
        return false;
    }
    Accessor *accessor = &doc->accessors[index];
    if (accessor->resolved) {
        return true;
    }
    if (accessor->view != MODEL_NONE && doc->views[accessor->view].missing) {
        view_elements(doc, at, accessor->view, 0, 1, 1, 1); /* tells why */
        return false;
    }
    if (accessor->sparse) {
        Field list = field_get(doc, &doc->root, "accessors", JSON_ARRAY);
        Field item = field_item(doc, &list, index, JSON_OBJECT);
        make_dense(doc, &item, accessor);
    }
    accessor->resolved = doc->status == STATUS_OK;
    return accessor->resolved;
}

static float component_float(const uint8_t *data, uint32_t component, bool normalized)
{
    float value = 0;
    switch (component) {
    case BYTE:
        value = (float)(int8_t)data[0];
        return normalized ? fmaxf(value / 127, -1) : value;
    case UNSIGNED_BYTE:
        return normalized ? (float)data[0] / 255 : (float)data[0];
    case SHORT:
        value = (float)(int16_t)bytes_load_u16(data);
        return normalized ? fmaxf(value / 32767, -1) : value;
    case UNSIGNED_SHORT:
        value = (float)bytes_load_u16(data);
        return normalized ? value / 65535 : value;
    case UNSIGNED_INT:
        return (float)bytes_load_u32(data);
    default: {
        uint32_t bits = bytes_load_u32(data);
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    }
}

bool accessor_floats(const Accessor *accessor, uint32_t index, uint32_t width, float *out)
{
    uint32_t bytes = component_size(accessor->component);
    bool finite = true;
    for (uint32_t i = 0; i < width && i < accessor->width; i++) {
        out[i] = 0;
        if (accessor->data.size > 0) {
            const uint8_t *data = accessor->data.data + (size_t)index * accessor->stride + (size_t)i * bytes;
            out[i] = component_float(data, accessor->component, accessor->normalized);
        }
        finite = finite && isfinite(out[i]);
    }
    return finite;
}

uint32_t accessor_uint(const Accessor *accessor, uint32_t index, uint32_t component)
{
    if (accessor->data.size == 0) {
        return 0;
    }
    size_t bytes = component_size(accessor->component);
    return load_component(accessor->data.data + (size_t)index * accessor->stride + component * bytes,
                          accessor->component);
}

const float *accessor_all_floats(Document *doc, const Field *at, uint32_t index)
{
    if (!accessor_open(doc, at, index)) {
        return NULL;
    }
    Accessor *accessor = &doc->accessors[index];
    if (accessor->floats) {
        return accessor->floats;
    }
    float *floats = document_array(doc, doc->arena, float, (size_t)accessor->count * accessor->width);
    for (uint32_t i = 0; floats && i < accessor->count; i++) {
        if (!accessor_floats(accessor, i, accessor->width, floats + (size_t)i * accessor->width)) {
            document_fail(doc, STATUS_OUT_OF_RANGE, at, "element %u of accessor %u is not finite", i, index);
            return NULL;
        }
    }
    accessor->floats = floats;
    return floats;
}
