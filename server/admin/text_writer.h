/* text_writer.h - text that grows: Prometheus exposition and JSON lines. Its memory is kept between uses, so
 * that a steady loop takes none. Pure. */
#ifndef SERVER_ADMIN_TEXT_WRITER_H
#define SERVER_ADMIN_TEXT_WRITER_H
#include "shared/base/bytes.h"

typedef struct TextWriter {
    char *data; /* owned */
    size_t size, capacity, limit;
    bool failed; /* no memory, or beyond `limit`: what is there is cut at a whole call */
} TextWriter;

/* `limit` in bytes; 0: 16 MiB. */
void text_writer_init(TextWriter *writer, size_t limit);
void text_writer_finish(TextWriter *writer);
void text_writer_reset(TextWriter *writer); /* empty, memory kept */
void text_writer_put(TextWriter *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_writer_json(TextWriter *writer, const char *text); /* as a JSON string, quoted; cut at 4 KiB */
Bytes text_writer_bytes(const TextWriter *writer);

/* ---- Prometheus text exposition format, version 0.0.4 ---- */

/* Begins a metric: HELP and TYPE ("counter", "gauge") lines. Its samples follow at once. `name` is
 * [a-zA-Z_:][a-zA-Z0-9_:]*, of a counter it ends in _total (asserted). `help`: one line. */
void metric_begin(TextWriter *writer, const char *name, const char *type, const char *help);

/* One sample of the metric begun last under `name`, with up to two labels (label NULL: none). A value that is
 * not finite is written as the format wants it. */
void metric_value(TextWriter *writer, const char *name, const char *label, const char *label_value,
                  const char *label2, const char *label2_value, double value);

/* Both, for a metric without labels. */
void metric_single(TextWriter *writer, const char *name, const char *type, const char *help, double value);

#endif
