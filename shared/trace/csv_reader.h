/* csv_reader.h - a CSV file in long form (entity, property, value rows) or wide form (a column a property) as
 * a stream of samples. RFC 4180 quoting, LF or CRLF, optional byte order mark, missing final newline; UTF-8.
 * Pure. */
#ifndef SHARED_TRACE_CSV_READER_H
#define SHARED_TRACE_CSV_READER_H
#include "shared/trace/csv_scan.h"
#include "shared/trace/mapping.h"

typedef struct CsvReader CsvReader; /* opaque */

/* `input` and `mapping` are borrowed and outlive the reader; buffers come from `arena` (about 0.8 MiB,
 * about 100 bytes more for each property of the world's things, and at most 0.5 MiB to learn periods that are
 * not declared); text values are interned in `texts`. `path` names the file in messages.
 * STATUS_OUT_OF_MEMORY. */
NODISCARD Status csv_reader_create(TraceInput input, const char *path, const TraceMapping *mapping,
                                   TextTable *texts, Arena *arena, CsvReader **out_reader);

/* The next sample in file order. STATUS_END after the last; STATUS_IO_ERROR. A row that cannot be understood
 * does not end the stream: it is counted in `refused`, the first is kept for csv_reader_first_error, and
 * reading goes on. A value that cannot be understood is counted likewise and delivered with quality BAD. A
 * file that cannot be this kind at all ends the stream: STATUS_MALFORMED with `diag` for a header that does
 * not fit the mapping or for UTF-16/32, and for a file in which 100 rows were read and not one was
 * understood. */
NODISCARD Status csv_reader_next(CsvReader *reader, TraceSample *out_sample, Diag *diag);

/* Back to the first row, counters kept; the step from the last row to the first is no step. STATUS_IO_ERROR,
 * STATUS_UNSUPPORTED. */
NODISCARD Status csv_reader_rewind(CsvReader *reader);

const TraceCounters *csv_reader_counters(const CsvReader *reader);

/* What was met of one property; the indexes must be of the mapping's world. */
const TraceSeries *csv_reader_series(const CsvReader *reader, uint32_t thing, uint8_t property);

/* The first refused row's reason, with path and line, or NULL when none was refused. */
const Diag *csv_reader_first_error(const CsvReader *reader);

#endif
