#include "client/scene/gltf.h"
#include "client/scene/gltf_document.h"

#include <stdlib.h>

#define CHUNK_JSON    0x4E4F534Au
#define CHUNK_BINARY  0x004E4942u
#define HEADER_SIZE   12
#define SCRATCH_LIMIT ((size_t)1 << 30)

/* What a file may require; anything else it can only use. */
static const char *const supported_extensions[] = {
    "KHR_materials_emissive_strength",     "KHR_materials_unlit",   "KHR_texture_transform",
    "KHR_materials_pbrSpecularGlossiness", "KHR_mesh_quantization",
};

/* Splits a GLB into its JSON and its binary chunk (glTF 2.0, section 4.4). */
static void split_glb(Document *doc, Bytes file, Bytes *out_json)
{
    if (file.size < HEADER_SIZE + 8) {
        document_fail(doc, STATUS_TRUNCATED, NULL, "a GLB of %zu bytes is too short", file.size);
        return;
    }
    uint32_t version = bytes_load_u32(file.data + 4);
    uint32_t length = bytes_load_u32(file.data + 8);
    if (version != 2) {
        document_fail(doc, STATUS_UNSUPPORTED, NULL, "GLB version %u; only 2 is read", version);
        return;
    }
    if (length != file.size) {
        document_fail(doc, length > file.size ? STATUS_TRUNCATED : STATUS_MALFORMED, NULL,
                      "the GLB header says %u bytes, the file has %zu", length, file.size);
        return;
    }
    size_t offset = HEADER_SIZE;
    for (unsigned chunk = 0; offset < file.size; chunk++) {
        if (file.size - offset < 8) {
            document_fail(doc, STATUS_TRUNCATED, NULL, "the header of GLB chunk %u is cut", chunk);
            return;
        }
        uint32_t size = bytes_load_u32(file.data + offset);
        uint32_t type = bytes_load_u32(file.data + offset + 4);
        offset += 8;
        if (size > file.size - offset || size % 4 != 0) {
            document_fail(doc, size % 4 ? STATUS_MALFORMED : STATUS_TRUNCATED, NULL,
                          "GLB chunk %u has %u bytes: more than the file, or not a multiple of 4", chunk,
                          size);
            return;
        }
        if ((chunk == 0) != (type == CHUNK_JSON)) {
            document_fail(doc, STATUS_MALFORMED, NULL, "the JSON chunk must be the first, and the only one");
            return;
        }
        if (chunk == 0) {
            *out_json = bytes_slice(file, offset, size);
        } else if (chunk == 1 && type == CHUNK_BINARY) {
            doc->binary = bytes_slice(file, offset, size);
            doc->has_binary = true;
        }
        offset += size;
    }
}

static void parse_json(Document *doc, Bytes text)
{
    json_error_t error;
    if (text.size == 0 || !memchr("{ \t\r\n", text.data[0], 5)) {
        document_fail(doc, STATUS_MALFORMED, NULL, "is neither a GLB nor a glTF file");
        return;
    }
    doc->json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (!doc->json) {
        document_fail(doc, STATUS_MALFORMED, NULL, "JSON: %s", error.text);
        if (doc->diag && doc->status == STATUS_MALFORMED && !doc->has_binary && error.line > 0) {
            doc->diag->line = (unsigned)error.line;
            doc->diag->column = error.column > 0 ? (unsigned)error.column : 0;
        }
        return;
    }
    doc->root = (Field){ .json = doc->json }; /* an object: it began with a brace */
}

static void check_version(Document *doc)
{
    Field asset = field_require(doc, &doc->root, "asset", JSON_OBJECT);
    Field version = field_require(doc, &asset, "version", JSON_STRING);
    const char *minimum = field_text(doc, &asset, "minVersion");
    if (doc->status != STATUS_OK) {
        return;
    }
    const char *text = json_string_value(version.json);
    if (strncmp(text, "2.", 2) != 0 || (minimum && strcmp(minimum, "2.0") != 0)) {
        document_fail(doc, STATUS_UNSUPPORTED, &version, "glTF %.16s; only 2.0 is read",
                      minimum ? minimum : text);
    }
}

static void check_extensions(Document *doc)
{
    Field used = field_get(doc, &doc->root, "extensionsUsed", JSON_ARRAY);
    for (size_t i = 0; i < field_count(&used); i++) {
        field_item(doc, &used, i, JSON_STRING);
    }
    Field required = field_get(doc, &doc->root, "extensionsRequired", JSON_ARRAY);
    const char *refused = NULL;
    size_t refused_at = 0;
    for (size_t i = 0; i < field_count(&required) && !refused; i++) {
        Field item = field_item(doc, &required, i, JSON_STRING);
        refused = json_string_value(item.json);
        refused_at = i;
        for (size_t known = 0; refused && known < ARRAY_COUNT(supported_extensions); known++) {
            if (strcmp(refused, supported_extensions[known]) == 0) {
                refused = NULL;
            }
        }
    }
    if (refused) {
        Field item = field_item(doc, &required, refused_at, JSON_STRING);
        document_refuse_extension(doc, &item, refused);
    }
}

/* A primitive whose accessors have no data but what Draco packed cannot be drawn, even where the file does
 * not list the extension as required. Looked for before any buffer is read, so that this is what the message
 * says.
 */
static void check_primitive(Document *doc, const Field *primitive)
{
    static const char name[] = "KHR_draco_mesh_compression";
    Field extensions;
    Field draco = field_extension(doc, primitive, name, &extensions);
    Field attributes = field_get(doc, primitive, "attributes", JSON_OBJECT);
    Field accessors = field_get(doc, &doc->root, "accessors", JSON_ARRAY);
    uint32_t position = field_index(doc, &attributes, "POSITION", (uint32_t)field_count(&accessors));
    if (draco.json && position != MODEL_NONE) {
        Field accessor = field_item(doc, &accessors, position, JSON_OBJECT);
        if (!json_object_get(accessor.json, "bufferView")) {
            document_refuse_extension(doc, primitive, name);
        }
    }
}

static void check_compression(Document *doc)
{
    Field meshes = field_get(doc, &doc->root, "meshes", JSON_ARRAY);
    for (size_t m = 0; m < field_count(&meshes) && doc->status == STATUS_OK; m++) {
        Field mesh = field_item(doc, &meshes, m, JSON_OBJECT);
        Field primitives = field_get(doc, &mesh, "primitives", JSON_ARRAY);
        for (size_t p = 0; p < field_count(&primitives) && doc->status == STATUS_OK; p++) {
            Field primitive = field_item(doc, &primitives, p, JSON_OBJECT);
            check_primitive(doc, &primitive);
        }
    }
}

static void load(Document *doc)
{
    Bytes file = { 0 };
    Diag reason = { 0 };
    Status status = asset_read(doc->source, doc->name, GLTF_FILE_MAX, &doc->scratch, &file, &reason);
    if (status != STATUS_OK) {
        document_fail(doc, status, NULL, "%.300s", reason.text);
        return;
    }
    Bytes json = file;
    if (file.size >= 4 && memcmp(file.data, "glTF", 4) == 0) {
        split_glb(doc, file, &json);
    }
    /* In this order, because each step needs the one before; every step does nothing once one has failed. */
    void (*const steps[])(Document *) = {
        check_version,         check_extensions,        document_check_shape,    check_compression,
        document_load_buffers, document_load_accessors, document_load_materials, document_load_meshes,
        document_load_nodes,   document_bake_skins,     document_emit_nodes,     document_load_animations,
    };
    if (doc->status == STATUS_OK) {
        parse_json(doc, json);
    }
    for (size_t i = 0; i < ARRAY_COUNT(steps) && doc->status == STATUS_OK; i++) {
        steps[i](doc);
    }
    doc->model.path = document_copy_text(doc, doc->name);
}

Status gltf_load(AssetSource source, const char *name, Arena *arena, Model *out_model, Diag *diag)
{
    Document doc = { .name = name, .source = source, .arena = arena, .diag = diag };
    arena_init(&doc.scratch, SCRATCH_LIMIT);
    arena_init(&doc.work, SCRATCH_LIMIT);
    load(&doc);
    json_decref(doc.json);
    arena_finish(&doc.scratch);
    arena_finish(&doc.work);
    if (doc.status == STATUS_OK) {
        *out_model = doc.model;
    }
    return doc.status;
}
