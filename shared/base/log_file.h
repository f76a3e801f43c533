/* log_file.h - log sinks that write to a stream: text for people, JSON lines for machines. */
#ifndef SHARED_BASE_LOG_FILE_H
#define SHARED_BASE_LOG_FILE_H
#include "shared/base/log.h"

#include <stdio.h>

/* "2026-01-31T12:00:00.123Z info server: text", one line an event, flushed. Control characters are escaped.
 */
LogSink log_file_text(FILE *stream);

/* {"time": "...", "level": "info", "module": "server", "text": "..."} one object a line, flushed. */
LogSink log_file_json(FILE *stream);

#endif
