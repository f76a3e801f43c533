/* csv_scan.h - bytes of a text table as rows of fields (RFC 4180). Knows nothing of columns and values.
 * Reads LF and CRLF, an optional UTF-8 byte order mark, quoted fields with doubled quotes and newlines, and a
 * last row without newline; passes over blank lines. A quote inside an unquoted field stands for itself.
 * Memory: one buffer of CSV_BUFFER_SIZE, however long the file or a line is. Pure. */
#ifndef SHARED_TRACE_CSV_SCAN_H
#define SHARED_TRACE_CSV_SCAN_H
#include "shared/trace/trace.h"

#define CSV_LINE_MAX    ((size_t)64 * 1024)  /* a longer row is refused, counted and skipped */
#define CSV_BUFFER_SIZE ((size_t)256 * 1024) /* at least two rows */
#define CSV_COLUMNS_MAX 8192                 /* a row of more fields is refused */

/* One field, quotes taken away. Borrowed from the scanner's buffer until the next row. */
typedef struct CsvField {
    char *text; /* terminated */
    size_t size;
} CsvField;

typedef struct CsvScan {
    TraceInput input; /* borrowed */
    char *buffer;
    size_t begin, end; /* unread bytes in the buffer */
    bool ended;        /* the input has no more */
    char delimiter;
    CsvField *fields; /* of the last row */
    uint32_t field_count;
    uint64_t line;      /* number of the next line, from 1 */
    uint64_t row_line;  /* where the last row began */
    uint64_t bytes;     /* taken from the buffer so far, over all passes */
    const char *reason; /* why the last row was refused; static storage */
} CsvScan;

/* Buffers come from `arena`. Reads nothing yet. STATUS_OUT_OF_MEMORY. */
NODISCARD Status csv_scan_init(CsvScan *scan, TraceInput input, char delimiter, Arena *arena);

/* Reads the first bytes and passes over a byte order mark. STATUS_IO_ERROR; STATUS_UNSUPPORTED with `reason`
 * for UTF-16 and UTF-32, with or without a mark. Call before the first row, also after csv_scan_rewind. */
NODISCARD Status csv_scan_start(CsvScan *scan);

/* Passes over one line, whatever is in it and however long it is. STATUS_END when there is none,
 * STATUS_IO_ERROR. */
NODISCARD Status csv_scan_skip_line(CsvScan *scan);

/* The next row that is not blank. STATUS_END, STATUS_IO_ERROR; STATUS_MALFORMED with `reason` for a row that
 * is refused: the next call goes on at the line after the one where that row began. */
NODISCARD Status csv_scan_row(CsvScan *scan);

/* Back to the first byte. STATUS_IO_ERROR, STATUS_UNSUPPORTED. */
NODISCARD Status csv_scan_rewind(CsvScan *scan);

#endif
