#include "client/scene/gltf_document.h"

#include <stdio.h>

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 section 4, padding required or left out whole. False when a character does not belong. */
static bool base64_decode(const char *text, size_t size, uint8_t *out, size_t *out_size)
{
    bool padded = size % 4 == 0;
    for (int i = 0; i < 2 && padded && size > 0 && text[size - 1] == '='; i++) {
        size--;
    }
    if (size % 4 == 1) {
        return false;
    }
    size_t used = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < size; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 == 1) {
            out[used++] = (uint8_t)(bits >> 4);
        } else if (i % 4 == 2) {
            out[used++] = (uint8_t)(bits >> 2);
        } else if (i % 4 == 3) {
            out[used++] = (uint8_t)bits;
        }
    }
    *out_size = used;
    return true;
}

static void read_data_uri(Document *doc, const Field *at, const char *uri, Bytes *out_bytes)
{
    const char *comma = strchr(uri, ',');
    static const char marker[] = ";base64";
    size_t marker_size = sizeof marker - 1;
    if (!comma || (size_t)(comma - uri) < marker_size ||
        memcmp(comma - marker_size, marker, marker_size) != 0) {
        document_fail(doc, STATUS_UNSUPPORTED, at, "a data: URI must be base64");
        return;
    }
    const char *text = comma + 1;
    size_t size = strlen(text);
    uint8_t *data = document_array(doc, &doc->scratch, uint8_t, size / 4 * 3 + 3);
    size_t decoded = 0;
    if (!data) {
        return;
    }
    if (!base64_decode(text, size, data, &decoded)) {
        document_fail(doc, STATUS_MALFORMED, at, "the base64 of the data: URI is broken");
        return;
    }
    *out_bytes = bytes_of(data, decoded);
}

/* RFC 3986 section 2.1. False when an escape is broken, hides a NUL, or the result does not fit. */
static bool percent_decode(const char *uri, char *out, size_t size)
{
    size_t used = 0;
    for (; *uri; uri++) {
        char c = *uri;
        if (c == '%') {
            int high = bytes_hex_digit(uri[1]);
            int low = high < 0 ? -1 : bytes_hex_digit(uri[2]);
            if (low < 0 || (high | low) == 0) {
                return false;
            }
            c = (char)(high << 4 | low);
            uri += 2;
        }
        if (used + 1 >= size) {
            return false;
        }
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

/* Takes "." and ".." out of `path` in place; false when it climbs above the top. */
static bool flatten(char *path)
{
    size_t used = 0;
    for (const char *part = path; part;) {
        const char *slash = strchr(part, '/');
        size_t length = slash ? (size_t)(slash - part) : strlen(part);
        if (length == 2 && part[0] == '.' && part[1] == '.') {
            if (used == 0) {
                return false;
            }
            while (used > 0 && path[--used] != '/') {
            }
        } else if (!(length == 1 && part[0] == '.')) {
            if (used > 0) {
                path[used++] = '/';
            }
            memmove(path + used, part, length);
            used += length;
        }
        part = slash ? slash + 1 : NULL;
    }
    path[used] = '\0';
    return true;
}

static void read_file(Document *doc, const Field *at, const char *uri, Bytes *out_bytes)
{
    char decoded[ASSET_NAME_SIZE];
    if (!percent_decode(uri, decoded, sizeof decoded)) {
        document_fail(doc, STATUS_INVALID_ARGUMENT, at, "the URI is too long or has a broken %% escape");
        return;
    }
    const char *slash = strrchr(doc->name, '/');
    int folder = slash ? (int)(slash - doc->name) + 1 : 0;
    char name[2 * ASSET_NAME_SIZE];
    snprintf(name, sizeof name, "%.*s%s", folder, doc->name, decoded);
    if (decoded[0] == '/' || !flatten(name) || !asset_name_valid(name)) {
        document_fail(doc, STATUS_INVALID_ARGUMENT, at, "the URI \"%.100s\" leaves the world's folder",
                      decoded);
        return;
    }
    Diag reason = { 0 };
    Status status = asset_read(doc->source, name, GLTF_FILE_MAX, &doc->scratch, out_bytes, &reason);
    if (status != STATUS_OK) {
        document_fail(doc, status, at, "cannot read \"%.100s\": %.150s", name, reason.text);
    }
}

void document_read_uri(Document *doc, const Field *at, const char *uri, Bytes *out_bytes)
{
    if (strncmp(uri, "data:", 5) == 0) {
        read_data_uri(doc, at, uri, out_bytes);
    } else {
        read_file(doc, at, uri, out_bytes);
    }
}
