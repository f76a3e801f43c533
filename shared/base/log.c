#include "shared/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct {
    LogSink sink;
    LogLevel level;
} the_log = { .level = LOG_INFO };

static const char *const level_names[LOG_LEVEL_COUNT] = { "error", "warning", "info", "debug" };

void log_set_sink(LogSink sink)
{
    the_log.sink = sink;
}

void log_set_level(LogLevel level)
{
    the_log.level = level;
}

bool log_enabled(LogLevel level)
{
    return the_log.sink.write && level <= the_log.level;
}

const char *log_level_name(LogLevel level)
{
    return (unsigned)level < LOG_LEVEL_COUNT ? level_names[level] : "unknown";
}

Status log_level_parse(const char *name, LogLevel *out_level)
{
    for (int i = 0; i < LOG_LEVEL_COUNT; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out_level = (LogLevel)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID_ARGUMENT;
}

void log_write(LogLevel level, const char *module, const char *format, ...)
{
    if (!log_enabled(level)) {
        return;
    }
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    the_log.sink.write(the_log.sink.context, level, module, text);
}

/* Length of the well-formed UTF-8 sequence at `text`, 0 when there is none (RFC 3629, table 3-7 of Unicode).
 */
static size_t utf8_length(const unsigned char *text)
{
    unsigned char lead = text[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                    : lead >= 0xE0 && lead <= 0xEF ? 3
                    : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                   : 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (lead == 0xE0 && text[1] < 0xA0) || (lead == 0xF0 && text[1] < 0x90);
    bool beyond = (lead == 0xED && text[1] > 0x9F) || (lead == 0xF4 && text[1] > 0x8F);
    return length && !overlong && !beyond ? length : 0;
}

const char *log_escape(const char *text, char *out, size_t size)
{
    size_t used = 0;
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        char piece[8];
        size_t consumed = 1;
        size_t length = utf8_length(at);
        if (*at == '"' || *at == '\\') {
            snprintf(piece, sizeof piece, "\\%c", *at);
        } else if (*at < 0x20 || *at == 0x7F || length == 0) {
            snprintf(piece, sizeof piece, "\\u%04x", *at);
        } else {
            consumed = length;
            memcpy(piece, at, length);
            piece[length] = '\0';
        }
        size_t piece_size = strlen(piece);
        if (used + piece_size + 1 > size) {
            break;
        }
        memcpy(out + used, piece, piece_size);
        used += piece_size;
        at += consumed;
    }
    if (size > 0) {
        out[used] = '\0';
    }
    return out;
}
