#include "server/admin/text_writer.h"

#include "shared/base/log.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LIMIT_DEFAULT ((size_t)16 << 20)
#define FIRST_SIZE    ((size_t)4 << 10)

void text_writer_init(TextWriter *writer, size_t limit)
{
    *writer = (TextWriter){ .limit = limit > 0 ? limit : LIMIT_DEFAULT };
}

void text_writer_finish(TextWriter *writer)
{
    free(writer->data);
    *writer = (TextWriter){ 0 };
}

void text_writer_reset(TextWriter *writer)
{
    writer->size = 0;
    writer->failed = false;
}

/* Room for `more` bytes and a terminator. */
static bool reserve(TextWriter *writer, size_t more)
{
    size_t needed = writer->size + more + 1;
    if (needed <= writer->capacity) {
        return true;
    }
    size_t capacity = writer->capacity > 0 ? writer->capacity : FIRST_SIZE;
    while (capacity < needed) {
        capacity *= 2;
    }
    char *data = needed <= writer->limit ? realloc(writer->data, capacity) : NULL;
    if (!data) {
        writer->failed = true;
        return false;
    }
    writer->data = data;
    writer->capacity = capacity;
    return true;
}

void text_writer_put(TextWriter *writer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = writer->failed ? -1 : vsnprintf(NULL, 0, format, arguments);
    if (length >= 0 && reserve(writer, (size_t)length)) {
        vsnprintf(writer->data + writer->size, (size_t)length + 1, format, again);
        writer->size += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

void text_writer_json(TextWriter *writer, const char *text)
{
    char escaped[4096];
    text_writer_put(writer, "\"%s\"", log_escape(text, escaped, sizeof escaped));
}

Bytes text_writer_bytes(const TextWriter *writer)
{
    return bytes_of(writer->data, writer->size);
}

/* ---- Prometheus ---- */

static bool name_valid(const char *name)
{
    size_t letters = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789");
    return name[0] != '\0' && name[letters] == '\0' && !(name[0] >= '0' && name[0] <= '9');
}

void metric_begin(TextWriter *writer, const char *name, const char *type, const char *help)
{
    size_t length = strlen(name);
    bool counter = strcmp(type, "counter") == 0;
    bool valid = name_valid(name) && !strpbrk(help, "\n\\") &&
                 (!counter || (length > 6 && strcmp(name + length - 6, "_total") == 0));
    assert(valid);
    (void)valid;
    text_writer_put(writer, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and newline are escaped, other control characters have no place. */
static void put_label(TextWriter *writer, const char *label, const char *value)
{
    char escaped[512];
    size_t used = 0;
    for (; *value && used + 3 < sizeof escaped; value++) {
        if (*value == '\\' || *value == '"' || *value == '\n') {
            escaped[used++] = '\\';
            escaped[used++] = *value == '\n' ? 'n' : *value;
        } else {
            escaped[used++] = (unsigned char)*value < 0x20 ? '?' : *value;
        }
    }
    escaped[used] = '\0';
    text_writer_put(writer, "%s=\"%s\"", label, escaped);
}

void metric_value(TextWriter *writer, const char *name, const char *label, const char *label_value,
                  const char *label2, const char *label2_value, double value)
{
    text_writer_put(writer, "%s", name);
    if (label) {
        text_writer_put(writer, "{");
        put_label(writer, label, label_value);
        if (label2) {
            text_writer_put(writer, ",");
            put_label(writer, label2, label2_value);
        }
        text_writer_put(writer, "}");
    }
    if (isfinite(value)) {
        text_writer_put(writer, " %.17g\n", value);
    } else {
        text_writer_put(writer, isnan(value) ? " NaN\n" : value > 0 ? " +Inf\n" : " -Inf\n");
    }
}

void metric_single(TextWriter *writer, const char *name, const char *type, const char *help, double value)
{
    metric_begin(writer, name, type, help);
    metric_value(writer, name, NULL, NULL, NULL, NULL, value);
}
