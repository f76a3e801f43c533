#include "shared/trace/csv_scan.h"

#define SNIFF_SIZE ((size_t)1024) /* bytes in which UTF-16 without a mark is recognised */

Status csv_scan_init(CsvScan *scan, TraceInput input, char delimiter, Arena *arena)
{
    char *buffer =
        arena_alloc(arena, CSV_BUFFER_SIZE + 1, 64); /* + 1: the last field is terminated in place */
    CsvField *fields = arena_new_array(arena, CsvField, CSV_COLUMNS_MAX);
    if (!buffer || !fields) {
        return STATUS_OUT_OF_MEMORY;
    }
    *scan =
        (CsvScan){ .input = input, .buffer = buffer, .fields = fields, .delimiter = delimiter, .line = 1 };
    return STATUS_OK;
}

/* Fills the buffer when less than a whole row of the longest kind is left in it. So a row never straddles
 * the buffer's end, and no state is carried from one read to the next. */
static Status fill(CsvScan *scan)
{
    if (scan->ended || scan->end - scan->begin > CSV_LINE_MAX + 2) {
        return STATUS_OK;
    }
    memmove(scan->buffer, scan->buffer + scan->begin, scan->end - scan->begin);
    scan->end -= scan->begin;
    scan->begin = 0;
    while (scan->end < CSV_BUFFER_SIZE) {
        size_t count = 0;
        Status status = scan->input.ops->read(scan->input.context, (uint8_t *)scan->buffer + scan->end,
                                              CSV_BUFFER_SIZE - scan->end, &count);
        if (status) {
            return status;
        }
        if (count == 0) {
            scan->ended = true;
            break;
        }
        scan->end += count;
    }
    return STATUS_OK;
}

static void take(CsvScan *scan, size_t count)
{
    scan->begin += count;
    scan->bytes += count;
}

static bool starts_with(const CsvScan *scan, const char *bytes, size_t size)
{
    return scan->end - scan->begin >= size && memcmp(scan->buffer + scan->begin, bytes, size) == 0;
}

/* Text in UTF-16 or UTF-32 is at least a quarter NUL bytes where it is mostly ASCII, as a table is. */
static bool looks_wide(const CsvScan *scan)
{
    size_t size = scan->end - scan->begin;
    size = size < SNIFF_SIZE ? size : SNIFF_SIZE;
    size_t nul_count = 0;
    for (size_t i = 0; i < size; i++) {
        nul_count += scan->buffer[scan->begin + i] == 0;
    }
    return size >= 4 && nul_count >= size / 4;
}

Status csv_scan_start(CsvScan *scan)
{
    Status status = fill(scan);
    if (status) {
        return status;
    }
    if (starts_with(scan, "\xff\xfe", 2) || starts_with(scan, "\xfe\xff", 2) ||
        starts_with(scan, "\0\0\xfe\xff", 4)) {
        scan->reason = "is UTF-16 or UTF-32 text; convert it to UTF-8";
        return STATUS_UNSUPPORTED;
    }
    if (starts_with(scan, "\xef\xbb\xbf", 3)) {
        take(scan, 3);
    }
    if (looks_wide(scan)) {
        scan->reason = "is not text in UTF-8: a quarter of its first bytes is NUL (UTF-16?)";
        return STATUS_UNSUPPORTED;
    }
    return STATUS_OK;
}

Status csv_scan_skip_line(CsvScan *scan)
{
    bool any = false;
    for (;;) {
        Status status = fill(scan);
        if (status) {
            return status;
        }
        const char *at = scan->buffer + scan->begin;
        size_t left = scan->end - scan->begin;
        const char *newline = memchr(at, '\n', left);
        any = any || left > 0;
        take(scan, newline ? (size_t)(newline - at) + 1 : left);
        if (newline) {
            scan->line++;
            return STATUS_OK;
        }
        if (scan->ended) {
            scan->line += any ? 1 : 0;
            return any ? STATUS_OK : STATUS_END;
        }
    }
}

static Status refuse(CsvScan *scan, const char *reason)
{
    scan->reason = reason;
    Status status = csv_scan_skip_line(scan);
    return status && status != STATUS_END ? status : STATUS_MALFORMED;
}

/* Adds a field and terminates it. */
static bool add_field(CsvScan *scan, char *text, char *end)
{
    if (scan->field_count == CSV_COLUMNS_MAX) {
        return false;
    }
    *end = 0;
    scan->fields[scan->field_count++] = (CsvField){ text, (size_t)(end - text) };
    return true;
}

/* Splits a row in which no field is quoted. */
static bool split_plain(CsvScan *scan, char *at, char *end)
{
    char *first = at;
    for (; at < end; at++) {
        if (*at == scan->delimiter) {
            if (!add_field(scan, first, at)) {
                return false;
            }
            first = at + 1;
        }
    }
    return add_field(scan, first, end);
}

/* The end of the quoted field that begins at `at` (its opening quote): behind the closing quote, or NULL when
 * there is none before `end`. Counts newlines inside. */
static char *quoted_end(char *at, char *end, uint64_t *lines)
{
    for (at++; at < end; at++) {
        if (*at == '\n') {
            ++*lines;
        } else if (*at == '"') {
            if (at + 1 == end || at[1] != '"') {
                return at + 1;
            }
            at++;
        }
    }
    return NULL;
}

/* Finds the newline (or `end`) that ends the row at `at`, minding quotes; NULL when quoting is wrong: a quote
 * is not closed, or something other than a delimiter follows the closing one. */
static char *quoted_row_end(const CsvScan *scan, char *at, char *end, uint64_t *lines)
{
    for (;;) {
        if (at < end && *at == '"') {
            at = quoted_end(at, end, lines);
            if (!at) {
                return NULL;
            }
            bool carriage = at < end && *at == '\r' && (at + 1 == end || at[1] == '\n');
            if (at < end && *at != scan->delimiter && *at != '\n' && !carriage) {
                return NULL;
            }
        }
        while (at < end && *at != scan->delimiter && *at != '\n') {
            at++;
        }
        if (at == end || *at == '\n') {
            return at;
        }
        at++;
    }
}

/* Takes quotes away in place: the text only gets shorter. */
static char *unquote(char *first, const char *end)
{
    char *out = first;
    for (const char *at = first + 1; at < end - 1; at++) {
        *out++ = *at;
        at += *at == '"' ? 1 : 0;
    }
    return out;
}

static bool split_quoted(CsvScan *scan, char *at, char *end)
{
    for (;;) {
        char *first = at;
        bool quoted = at < end && *at == '"';
        if (quoted) {
            uint64_t ignored = 0;
            at = quoted_end(at, end, &ignored);
        } else {
            while (at < end && *at != scan->delimiter) {
                at++;
            }
        }
        bool last = at == end;
        if (!add_field(scan, first, quoted ? unquote(first, at) : at)) {
            return false;
        }
        if (last) {
            return true;
        }
        at++;
    }
}

static Status take_row(CsvScan *scan, char *start, char *stop, bool newline, bool quoted, uint64_t lines)
{
    if (memchr(start, 0, (size_t)(stop - start))) {
        return refuse(scan, "holds a NUL byte");
    }
    take(scan, (size_t)(stop - start) + (newline ? 1 : 0));
    scan->line += lines;
    char *end = stop > start && stop[-1] == '\r' ? stop - 1 : stop;
    scan->field_count = 0;
    if (!(quoted ? split_quoted(scan, start, end) : split_plain(scan, start, end))) {
        scan->reason = "has more than 8,192 fields";
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static bool is_blank(const CsvScan *scan)
{
    return scan->field_count == 1 && scan->fields[0].size == 0;
}

Status csv_scan_row(CsvScan *scan)
{
    for (;;) {
        Status status = fill(scan);
        if (status) {
            return status;
        }
        scan->row_line = scan->line;
        char *start = scan->buffer + scan->begin;
        size_t left = scan->end - scan->begin;
        if (left == 0) {
            return STATUS_END;
        }
        size_t window = left < CSV_LINE_MAX + 1 ? left : CSV_LINE_MAX + 1;
        char *newline = memchr(start, '\n', window);
        char *stop = newline ? newline : start + window;
        uint64_t lines = 1;
        bool quoted = memchr(start, '"', (size_t)(stop - start)) != NULL;
        if (quoted) {
            stop = quoted_row_end(scan, start, start + window, &lines);
            if (!stop) {
                return refuse(scan, "has a quoted field that does not end as it should");
            }
        }
        if ((size_t)(stop - start) > CSV_LINE_MAX) {
            return refuse(scan, "is longer than 65,536 bytes");
        }
        status = take_row(scan, start, stop, stop < scan->buffer + scan->end, quoted, lines);
        if (status || !is_blank(scan)) {
            return status;
        }
    }
}

Status csv_scan_rewind(CsvScan *scan)
{
    Status status = scan->input.ops->rewind(scan->input.context);
    if (status) {
        return status;
    }
    scan->begin = scan->end = 0;
    scan->ended = false;
    scan->line = 1;
    return STATUS_OK;
}
