#include "shared/base/log_file.h"

#include <time.h>

static void write_time(FILE *stream)
{
    struct timespec now = { 0 };
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char date[32];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(stream, "%s.%03ldZ", date, now.tv_nsec / 1000000);
}

static void write_text(void *context, LogLevel level, const char *module, const char *text)
{
    FILE *stream = context;
    char escaped[2048];
    /* Quotes need no escape in text, but a newline or terminal sequence from a peer does. */
    size_t used = 0;
    for (const char *at = text; *at && used + 7 < sizeof escaped; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F) {
            used += (size_t)snprintf(escaped + used, sizeof escaped - used, "\\x%02x", (unsigned char)*at);
        } else {
            escaped[used++] = *at;
        }
    }
    escaped[used] = '\0';
    write_time(stream);
    fprintf(stream, " %s %s: %s\n", log_level_name(level), module, escaped);
    fflush(stream);
}

static void write_json(void *context, LogLevel level, const char *module, const char *text)
{
    FILE *stream = context;
    char escaped[4096];
    fputs("{\"time\": \"", stream);
    write_time(stream);
    fprintf(stream, "\", \"level\": \"%s\", \"module\": \"%s\", \"text\": \"%s\"}\n", log_level_name(level),
            module, log_escape(text, escaped, sizeof escaped));
    fflush(stream);
}

LogSink log_file_text(FILE *stream)
{
    return (LogSink){ .write = write_text, .context = stream };
}

LogSink log_file_json(FILE *stream)
{
    return (LogSink){ .write = write_json, .context = stream };
}
