#include "shared/base/diag.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

/* Words of a file or peer may be in a message, which may go to a terminal: no escape sequence passes. */
static void replace_controls(char *text)
{
    for (; *text != '\0'; text++) {
        bool control = (unsigned char)*text < 0x20 || *text == 0x7F;
        *text = control ? '?' : *text;
    }
}

Status diag_set(Diag *diag, Status status, const char *path, unsigned line, const char *format, ...)
{
    if (!diag) {
        return status;
    }
    snprintf(diag->path, sizeof diag->path, "%s", path ? path : "");
    diag->line = line;
    diag->column = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(diag->text, sizeof diag->text, format, arguments);
    va_end(arguments);
    replace_controls(diag->path);
    replace_controls(diag->text);
    return status;
}

const char *diag_format(const Diag *diag, char *out, size_t size)
{
    char place[32] = "";
    if (diag->line && diag->column) {
        snprintf(place, sizeof place, ":%u:%u", diag->line, diag->column);
    } else if (diag->line) {
        snprintf(place, sizeof place, ":%u", diag->line);
    }
    snprintf(out, size, "%s%s%s%s", diag->path, place, diag->path[0] ? ": " : "", diag->text);
    return out;
}
