#include "shared/mqtt/mqtt_url.h"

#include "shared/base/bytes.h"

#include <stdio.h>
#include <string.h>

/* Percent escapes of text[0..size) decoded; false when malformed, a control character, or too long. */
static bool decode(const char *text, size_t size, char *out, size_t out_size)
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < size ? bytes_hex_digit(text[i + 1]) : -1;
            int low = i + 2 < size ? bytes_hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if ((unsigned char)c < 0x20 || c == 0x7f || used + 1 >= out_size) {
            return false;
        }
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

static bool read_port(const char *text, size_t size, uint16_t *out_port)
{
    unsigned port = 0;
    if (size == 0 || size > 5) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    if (port == 0 || port > UINT16_MAX) {
        return false;
    }
    *out_port = (uint16_t)port;
    return true;
}

static bool read_login(const char *text, size_t size, MqttUrl *url)
{
    const char *colon = memchr(text, ':', size);
    size_t user = colon == NULL ? size : (size_t)(colon - text);
    return decode(text, user, url->user, sizeof url->user) && user > 0 &&
           (colon == NULL || decode(colon + 1, size - user - 1, url->password, sizeof url->password));
}

/* A host name or address: what may stand in one, and no more. */
static bool read_host(const char *text, size_t size, bool brackets, char *out, size_t out_size)
{
    if (size == 0 || size >= out_size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.';
        if (!plain && !(brackets ? c == ':' || c == '%' : c == '-' || c == '_')) {
            return false;
        }
    }
    memcpy(out, text, size);
    out[size] = '\0';
    return true;
}

static Status read_place(const char *text, size_t size, MqttUrl *url, Diag *diag)
{
    bool brackets = size > 0 && text[0] == '[';
    const char *end = memchr(text, brackets ? ']' : ':', size);
    size_t host = end == NULL ? size : (size_t)(end - text);
    if (brackets) {
        if (end == NULL || !read_host(text + 1, host - 1, true, url->host, sizeof url->host)) {
            return diag_set(diag, STATUS_MALFORMED, "", 0, "the broker's URL has no address within []");
        }
        host++;
    } else if (!read_host(text, host, false, url->host, sizeof url->host)) {
        return diag_set(diag, STATUS_MALFORMED, "", 0, "the broker's URL names no valid host");
    }
    if (host < size && (text[host] != ':' || !read_port(text + host + 1, size - host - 1, &url->port))) {
        return diag_set(diag, STATUS_OUT_OF_RANGE, "", 0, "the port in the broker's URL is not 1 to 65535");
    }
    return STATUS_OK;
}

Status mqtt_url_parse(const char *text, MqttUrl *out_url, Diag *diag)
{
    MqttUrl url = { .port = MQTT_PORT };
    const char *at = strstr(text, "://");
    size_t scheme = at == NULL ? 0 : (size_t)(at - text);
    if (scheme == 5 && memcmp(text, "mqtts", 5) == 0) {
        url.tls = true;
        url.port = MQTT_TLS_PORT;
    } else if (scheme != 4 || memcmp(text, "mqtt", 4) != 0) {
        return diag_set(
            diag, STATUS_UNSUPPORTED, "", 0,
            "a broker's URL begins with mqtt:// or mqtts:// (mqtt://user:password@host:port/prefix)");
    }
    at += 3;
    size_t authority = strcspn(at, "/?#");
    const char *path = at + authority;
    const char *login = memchr(at, '@', authority);
    if (login != NULL) {
        if (!read_login(at, (size_t)(login - at), &url)) {
            return diag_set(diag, STATUS_MALFORMED, "", 0,
                            "user and password in the broker's URL are not readable or too long");
        }
        authority -= (size_t)(login + 1 - at);
        at = login + 1;
    }
    Status status = read_place(at, authority, &url, diag);
    if (status != STATUS_OK) {
        return status;
    }
    size_t size = strlen(path);
    while (size > 0 && path[0] == '/') {
        path++;
        size--;
    }
    while (size > 0 && path[size - 1] == '/') {
        size--;
    }
    if (memchr(path, '?', size) != NULL || memchr(path, '#', size) != NULL ||
        !decode(path, size, url.prefix, sizeof url.prefix) || strpbrk(url.prefix, "+#") != NULL) {
        return diag_set(diag, STATUS_MALFORMED, "", 0,
                        "what follows the host in the broker's URL is no prefix of topics");
    }
    *out_url = url;
    return STATUS_OK;
}

const char *mqtt_url_format(const MqttUrl *url, char *out, size_t size)
{
    bool brackets = strchr(url->host, ':') != NULL;
    snprintf(out, size, "%s://%s%s%s:%u%s%s", url->tls ? "mqtts" : "mqtt", brackets ? "[" : "", url->host,
             brackets ? "]" : "", url->port, url->prefix[0] == '\0' ? "" : "/", url->prefix);
    return out;
}
