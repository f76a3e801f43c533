#include "shared/model/gltf_files.h"

#include <string.h>
#include <strings.h>

#include "shared/base/asset_source.h"
#include "shared/model/json.h"

/* GLB 2.0 (Khronos glTF 2.0 specification, section 4.4): a header of 12 bytes (magic, version, length), then
 * chunks of length, type, data; the first is the JSON. */
#define GLB_MAGIC       0x46546C67u
#define GLB_CHUNK_JSON  0x4E4F534Au
#define GLB_HEADER_SIZE 12
#define CHUNK_HEADER    8
#define LIST_MAX        ((size_t)1 << 20) /* buffers, images, nodes of one file */

/* The JSON text of a GLB or of a .gltf. */
static Status json_text(Bytes file, const char *name, Bytes *out_json, Diag *diag)
{
    if (file.size < 4 || bytes_load_u32(file.data) != GLB_MAGIC) {
        if (file.size == 0 || !memchr("{ \t\r\n", file.data[0], 5)) {
            return diag_set(diag, STATUS_MALFORMED, name, 0, "is neither a GLB nor a glTF file");
        }
        *out_json = file;
        return STATUS_OK;
    }
    if (file.size < GLB_HEADER_SIZE + CHUNK_HEADER) {
        return diag_set(diag, STATUS_TRUNCATED, name, 0, "the GLB header ends too early");
    }
    uint32_t version = bytes_load_u32(file.data + 4);
    uint32_t length = bytes_load_u32(file.data + 8);
    uint32_t chunk = bytes_load_u32(file.data + GLB_HEADER_SIZE);
    uint32_t type = bytes_load_u32(file.data + GLB_HEADER_SIZE + 4);
    if (version != 2) {
        return diag_set(diag, STATUS_MALFORMED, name, 0, "GLB version %u; only 2 is supported", version);
    }
    if (length > file.size) {
        return diag_set(diag, STATUS_TRUNCATED, name, 0, "the GLB has %zu bytes, its header says %u",
                        file.size, length);
    }
    if (type != GLB_CHUNK_JSON || length < GLB_HEADER_SIZE + CHUNK_HEADER) {
        return diag_set(diag, STATUS_MALFORMED, name, 0, "the GLB does not begin with a JSON chunk");
    }
    if (chunk > length - GLB_HEADER_SIZE - CHUNK_HEADER) {
        return diag_set(diag, STATUS_TRUNCATED, name, 0, "the GLB's JSON chunk ends too early");
    }
    *out_json = bytes_slice(file, GLB_HEADER_SIZE + CHUNK_HEADER, chunk);
    return STATUS_OK;
}

static Status open_gltf(JsonDocument *document, Bytes file, const char *name, Arena *arena, Diag *diag)
{
    Bytes text = { 0 };
    Status status = json_text(file, name, &text, diag);
    if (status == STATUS_OK) {
        status = json_document_parse(document, text, name, arena, diag);
    }
    if (status != STATUS_OK) {
        return status;
    }
    JsonNode root = json_document_root(document);
    JsonNode asset = json_required(&root, "asset");
    json_required(&asset, "version");
    if (document->status != STATUS_OK) {
        json_document_finish(document);
    }
    return document->status;
}

/* Percent-decodes `uri` (RFC 3986) into `out`; false when it does not fit or has a bad or zero escape. */
static bool decode_uri(const char *uri, char *out, size_t size)
{
    size_t used = 0;
    for (; *uri; uri++) {
        int value = (unsigned char)*uri;
        if (*uri == '%') {
            int high = bytes_hex_digit(uri[1]);
            int low = high < 0 ? -1 : bytes_hex_digit(uri[2]);
            value = low < 0 ? 0 : high * 16 + low;
            uri += low < 0 ? 0 : 2;
        }
        if (value == 0 || used + 1 >= size) {
            return false;
        }
        out[used++] = (char)value;
    }
    out[used] = '\0';
    return true;
}

/* Joins the folder of `name` with `relative` and takes out "." and ".."; false when it leaves the world's
 * folder or is no valid asset name. */
static bool resolve(const char *name, const char *relative, char *out, size_t size)
{
    const char *slash = strrchr(name, '/');
    size_t used = slash ? (size_t)(slash - name) : 0; /* without a slash at the end */
    if (relative[0] == '/' || used >= size) {
        return false;
    }
    memcpy(out, name, used);
    for (const char *part = relative; part;) {
        const char *next = strchr(part, '/');
        size_t length = next ? (size_t)(next - part) : strlen(part);
        if (length == 2 && memcmp(part, "..", 2) == 0) {
            if (used == 0) {
                return false;
            }
            while (used > 0 && out[used - 1] != '/') {
                used--;
            }
            used -= used > 0;
        } else if (!(length == 1 && part[0] == '.')) {
            if (used + length + 2 > size) {
                return false;
            }
            if (used > 0) {
                out[used++] = '/';
            }
            memcpy(out + used, part, length);
            used += length;
        }
        part = next ? next + 1 : NULL;
    }
    out[used] = '\0';
    return asset_name_valid(out);
}

/* The members "uri" of the array `list` as asset names, appended to `names`. */
static void collect_uris(const JsonNode *list, const char *name, const char **names, uint32_t *count)
{
    JsonDocument *document = list->document;
    size_t size = json_array_size_in(list, 0, LIST_MAX);
    for (size_t i = 0; i < size && document->status == STATUS_OK; i++) {
        JsonNode element = json_element(list, i);
        JsonNode uri = json_member(&element, "uri");
        if (!uri.value) {
            continue;
        }
        const char *text = json_is_string(uri.value) ? json_string_value(uri.value) : NULL;
        if (!text) {
            json_fail(&uri, STATUS_MALFORMED, "must be a text");
            continue;
        }
        if (strncasecmp(text, "data:", 5) == 0) {
            continue;
        }
        char decoded[ASSET_NAME_SIZE], resolved[ASSET_NAME_SIZE];
        if (!decode_uri(text, decoded, sizeof decoded) ||
            !resolve(name, decoded, resolved, sizeof resolved)) {
            json_fail(&uri, STATUS_INVALID_ARGUMENT, "\"%.100s\" is not a file inside the world's folder",
                      text);
            continue;
        }
        names[*count] = arena_copy_text(document->arena, resolved, strlen(resolved));
        if (!names[(*count)++]) {
            json_fail(&uri, STATUS_OUT_OF_MEMORY, "out of memory");
        }
    }
}

static size_t list_size(const JsonNode *list)
{
    return json_array_size_in(list, 0, LIST_MAX);
}

Status gltf_files(Bytes file, const char *name, Arena *arena, const char ***out_names, uint32_t *out_count,
                  Diag *diag)
{
    JsonDocument document;
    Status status = open_gltf(&document, file, name, arena, diag);
    if (status != STATUS_OK) {
        return status;
    }
    JsonNode root = json_document_root(&document);
    JsonNode buffers = json_member(&root, "buffers");
    JsonNode images = json_member(&root, "images");
    uint32_t count = 0;
    const char **names = arena_new_array(arena, const char *, list_size(&buffers) + list_size(&images));
    if (!names) {
        json_fail(&root, STATUS_OUT_OF_MEMORY, "out of memory");
    } else {
        collect_uris(&buffers, name, names, &count);
        collect_uris(&images, name, names, &count);
    }
    status = document.status;
    json_document_finish(&document);
    if (status == STATUS_OK) {
        *out_names = names;
        *out_count = count;
    }
    return status;
}

Status gltf_node_names(Bytes file, const char *name, Arena *arena, const char ***out_names,
                       uint32_t *out_count, Diag *diag)
{
    JsonDocument document;
    Status status = open_gltf(&document, file, name, arena, diag);
    if (status != STATUS_OK) {
        return status;
    }
    JsonNode root = json_document_root(&document);
    JsonNode nodes = json_member(&root, "nodes");
    size_t count = list_size(&nodes);
    const char **names = arena_new_array(arena, const char *, count);
    if (!names) {
        json_fail(&root, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < count && document.status == STATUS_OK; i++) {
        JsonNode node = json_element(&nodes, i);
        JsonNode member = json_member(&node, "name");
        const char *text = json_is_string(member.value) ? json_string_value(member.value) : "";
        names[i] = arena_copy_text(arena, text, strlen(text));
        if (!names[i]) {
            json_fail(&node, STATUS_OUT_OF_MEMORY, "out of memory");
        }
    }
    status = document.status;
    json_document_finish(&document);
    if (status == STATUS_OK) {
        *out_names = names;
        *out_count = (uint32_t)count;
    }
    return status;
}
