/* time_format.h - time stamps in text files, as MAPPING.md lists their formats. Pure. */
#ifndef SHARED_TRACE_TIME_FORMAT_H
#define SHARED_TRACE_TIME_FORMAT_H
#include "shared/base/status.h"
#include "shared/base/time.h"

#include <stddef.h>

#define TIME_FORMAT_ITEMS_MAX    32
#define TIME_FORMAT_ZONE_MINUTES 1439 /* largest offset from UTC, either way */

typedef enum TimeFormatKind { TIME_FORMAT_EPOCH, TIME_FORMAT_ISO8601, TIME_FORMAT_PATTERN } TimeFormatKind;

typedef struct TimeFormatItem {
    char field;       /* one of "YMDhmsf", 0 for a literal */
    char literal;     /* the byte that must stand there */
    uint8_t shortest; /* digits at least */
    uint8_t longest;  /* digits at most */
} TimeFormatItem;

typedef struct TimeFormat {
    TimeFormatKind kind;
    int epoch_decimals;   /* of the unit: 0 for s, 3 for ms, 6 for us, 9 for ns */
    int64_t zone_seconds; /* east of UTC, for stamps that carry no offset; not used for epochs */
    TimeFormatItem items[TIME_FORMAT_ITEMS_MAX];
    size_t item_count;
} TimeFormat;

/* Prepares `text` ("epoch_ms", "iso8601", "DD.MM.YYYY hh:mm"); `zone_minutes` within
 * ±TIME_FORMAT_ZONE_MINUTES. STATUS_MALFORMED or STATUS_OUT_OF_RANGE with *out_reason naming what is wrong
 * (static storage); *out_format is then unchanged. */
NODISCARD Status time_format_compile(const char *text, int zone_minutes, TimeFormat *out_format,
                                     const char **out_reason);

/* Reads all of text[0..size) as nanoseconds since the Unix epoch. STATUS_MALFORMED when it does not look like
 * the format, STATUS_OUT_OF_RANGE for a date or time of day that does not exist or that 64-bit nanoseconds
 * cannot hold; *out_time is then unchanged. Never gives TIME_NONE or TIME_FOREVER. */
NODISCARD Status time_format_parse(const TimeFormat *format, const char *text, size_t size, TimeNs *out_time);

/* `time` as ISO 8601 in UTC with as many of 3, 6 or 9 decimals as it needs ("2013-12-02T21:15:00Z"); "-" for
 * TIME_NONE. `out` should hold 31 bytes. Returns `out`. */
const char *time_format_iso8601(TimeNs time, char *out, size_t size);

#endif
