/* log.h - one line an event, as text or as JSON.
 * The record is built here; where it goes is a sink that the main installs (log_file.h), so this file does no
 * I/O. One log for the process; called from the owning thread. */
#ifndef SHARED_BASE_LOG_H
#define SHARED_BASE_LOG_H
#include "shared/base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum LogLevel { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_LEVEL_COUNT } LogLevel;

typedef struct LogSink {
    void (*write)(void *context, LogLevel level, const char *module, const char *text);
    void *context;
} LogSink;

/* Replaces the sink; a zeroed sink drops everything (the default, so that tests are quiet). */
void log_set_sink(LogSink sink);

/* Messages above `level` are dropped before they are formatted. Default LOG_INFO. */
void log_set_level(LogLevel level);
bool log_enabled(LogLevel level);

/* "error", "warning", "info" or "debug". */
const char *log_level_name(LogLevel level);
/* The level called `name`; STATUS_INVALID_ARGUMENT and *out_level unchanged when there is none. */
NODISCARD Status log_level_parse(const char *name, LogLevel *out_level);

/* One line, no newline in `format`; longer than 1023 characters is cut. `module` names the part of the
 * program. */
void log_write(LogLevel level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(module, ...)   log_write(LOG_ERROR, module, __VA_ARGS__)
#define log_warning(module, ...) log_write(LOG_WARNING, module, __VA_ARGS__)
#define log_info(module, ...)    log_write(LOG_INFO, module, __VA_ARGS__)
#define log_debug(module, ...)   log_write(LOG_DEBUG, module, __VA_ARGS__)

/* Writes `text` as the inside of a JSON string (quotes not included) into `out`: control characters and bytes
 * that are not UTF-8 are escaped, so a peer cannot forge log lines. Always terminated, cut on a whole escape.
 * Returns `out`. */
const char *log_escape(const char *text, char *out, size_t size);

#endif
