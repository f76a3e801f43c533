#include "shared/trace/time_format.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Whole seconds for which any nanoseconds within the second still fit TimeNs. */
#define SECONDS_MAX INT64_C(9223372035)

typedef struct Cursor {
    const char *at, *end;
} Cursor;

typedef struct CivilTime {
    int64_t year, month, day, hour, minute, second;
    int64_t nanoseconds;
    int64_t zone_seconds;
} CivilTime;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_char(Cursor *cursor, char c)
{
    if (cursor->at == cursor->end || *cursor->at != c) {
        return false;
    }
    cursor->at++;
    return true;
}

/* Between `shortest` and `longest` (≤ 9) digits; takes as many as there are. */
static bool take_digits(Cursor *cursor, size_t shortest, size_t longest, int64_t *out_value)
{
    int64_t value = 0;
    size_t count = 0;
    while (count < longest && cursor->at < cursor->end && is_digit(*cursor->at)) {
        value = value * 10 + (*cursor->at++ - '0');
        count++;
    }
    *out_value = value;
    return count >= shortest;
}

/* One digit or more of a fraction of a second; those past the nanosecond are dropped. */
static bool take_fraction(Cursor *cursor, int64_t *out_nanoseconds)
{
    int64_t value = 0;
    size_t count = 0;
    for (; cursor->at < cursor->end && is_digit(*cursor->at); cursor->at++, count++) {
        value = count < 9 ? value * 10 + (*cursor->at - '0') : value;
    }
    for (size_t i = count; i < 9; i++) {
        value *= 10;
    }
    *out_nanoseconds = value;
    return count > 0;
}

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar. Years are counted from March, so that
 * the leap day is a year's last and month lengths follow one line, (153 m + 2) / 5. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    int64_t shifted = month > 2 ? year : year - 1;
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t month_from_march = (month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

static Status civil_to_time(const CivilTime *civil, TimeNs *out_time)
{
    if (civil->month < 1 || civil->month > 12 || civil->day < 1 ||
        civil->day > days_in_month(civil->year, civil->month) || civil->hour > 23 || civil->minute > 59 ||
        civil->second > 59) {
        return STATUS_OUT_OF_RANGE;
    }
    int64_t seconds = days_from_date(civil->year, civil->month, civil->day) * 86400 + civil->hour * 3600 +
                      civil->minute * 60 + civil->second - civil->zone_seconds;
    if (seconds < -SECONDS_MAX || seconds > SECONDS_MAX) {
        return STATUS_OUT_OF_RANGE;
    }
    *out_time = seconds * TIME_SECOND + civil->nanoseconds;
    return STATUS_OK;
}

/* "Z", "±hh:mm", "±hhmm" or "±hh". */
static Status take_zone(Cursor *cursor, int64_t *out_seconds)
{
    if (take_char(cursor, 'Z')) {
        *out_seconds = 0;
        return STATUS_OK;
    }
    bool west = take_char(cursor, '-');
    int64_t hours = 0, minutes = 0;
    if ((!west && !take_char(cursor, '+')) || !take_digits(cursor, 2, 2, &hours)) {
        return STATUS_MALFORMED;
    }
    bool colon = take_char(cursor, ':');
    if ((colon || cursor->at < cursor->end) && !take_digits(cursor, 2, 2, &minutes)) {
        return STATUS_MALFORMED;
    }
    if (hours > 23 || minutes > 59) {
        return STATUS_OUT_OF_RANGE;
    }
    int64_t seconds = hours * 3600 + minutes * 60;
    *out_seconds = west ? -seconds : seconds;
    return STATUS_OK;
}

/* hh:mm[:ss[(.|,)fraction]] */
static bool take_clock(Cursor *cursor, CivilTime *civil)
{
    if (!take_digits(cursor, 2, 2, &civil->hour) || !take_char(cursor, ':') ||
        !take_digits(cursor, 2, 2, &civil->minute)) {
        return false;
    }
    if (!take_char(cursor, ':')) {
        return true;
    }
    if (!take_digits(cursor, 2, 2, &civil->second)) {
        return false;
    }
    if (take_char(cursor, '.') || take_char(cursor, ',')) {
        return take_fraction(cursor, &civil->nanoseconds);
    }
    return true;
}

static Status parse_iso8601(const TimeFormat *format, Cursor cursor, TimeNs *out_time)
{
    CivilTime civil = { .zone_seconds = format->zone_seconds };
    if (!take_digits(&cursor, 4, 4, &civil.year) || !take_char(&cursor, '-') ||
        !take_digits(&cursor, 2, 2, &civil.month) || !take_char(&cursor, '-') ||
        !take_digits(&cursor, 2, 2, &civil.day)) {
        return STATUS_MALFORMED;
    }
    if (take_char(&cursor, 'T') || take_char(&cursor, ' ')) {
        if (!take_clock(&cursor, &civil)) {
            return STATUS_MALFORMED;
        }
        if (cursor.at < cursor.end) {
            Status status = take_zone(&cursor, &civil.zone_seconds);
            if (status) {
                return status;
            }
        }
    }
    return cursor.at == cursor.end ? civil_to_time(&civil, out_time) : STATUS_MALFORMED;
}

static int64_t *civil_field(CivilTime *civil, char field)
{
    switch (field) {
    case 'Y':
        return &civil->year;
    case 'M':
        return &civil->month;
    case 'D':
        return &civil->day;
    case 'h':
        return &civil->hour;
    case 'm':
        return &civil->minute;
    case 's':
        return &civil->second;
    default:
        return &civil->nanoseconds;
    }
}

static Status parse_pattern(const TimeFormat *format, Cursor cursor, TimeNs *out_time)
{
    CivilTime civil = { .zone_seconds = format->zone_seconds };
    for (size_t i = 0; i < format->item_count; i++) {
        const TimeFormatItem *item = &format->items[i];
        if (!item->field) {
            if (!take_char(&cursor, item->literal)) {
                return STATUS_MALFORMED;
            }
            continue;
        }
        int64_t *value = civil_field(&civil, item->field);
        if (!take_digits(&cursor, item->shortest, item->longest, value)) {
            return STATUS_MALFORMED;
        }
        for (int digit = item->longest; item->field == 'f' && digit < 9; digit++) {
            *value *= 10;
        }
    }
    return cursor.at == cursor.end ? civil_to_time(&civil, out_time) : STATUS_MALFORMED;
}

static const int64_t POWERS[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000 };

static Status parse_epoch(const TimeFormat *format, Cursor cursor, TimeNs *out_time)
{
    bool negative = take_char(&cursor, '-');
    const int64_t unit_ns = POWERS[9 - format->epoch_decimals];
    const int64_t largest = SECONDS_MAX * POWERS[format->epoch_decimals];
    int64_t whole = 0;
    const char *first = cursor.at;
    for (; cursor.at < cursor.end && is_digit(*cursor.at); cursor.at++) {
        /* One past the largest stays one past it, whatever follows. */
        int64_t digit = *cursor.at - '0';
        whole = whole > (largest - digit) / 10 ? largest + 1 : whole * 10 + digit;
    }
    if (cursor.at == first) {
        return STATUS_MALFORMED;
    }
    int64_t fraction = 0;
    if (take_char(&cursor, '.') && !take_fraction(&cursor, &fraction)) {
        return STATUS_MALFORMED;
    }
    if (cursor.at != cursor.end) {
        return STATUS_MALFORMED;
    }
    if (whole > largest) {
        return STATUS_OUT_OF_RANGE;
    }
    int64_t time = whole * unit_ns + fraction / POWERS[format->epoch_decimals];
    *out_time = negative ? -time : time;
    return STATUS_OK;
}

Status time_format_parse(const TimeFormat *format, const char *text, size_t size, TimeNs *out_time)
{
    Cursor cursor = { text, text + size };
    switch (format->kind) {
    case TIME_FORMAT_EPOCH:
        return parse_epoch(format, cursor, out_time);
    case TIME_FORMAT_ISO8601:
        return parse_iso8601(format, cursor, out_time);
    default:
        return parse_pattern(format, cursor, out_time);
    }
}

/* The widths each field may have in a pattern: 4 for a year, 1 (one digit or two) or 2 for the others, 1 to 9
 * for a fraction. */
static bool width_allowed(char field, size_t width)
{
    switch (field) {
    case 'Y':
        return width == 4;
    case 'M':
    case 'D':
    case 'h':
        return width == 1 || width == 2;
    case 'f':
        return width <= 9;
    default:
        return width == 2;
    }
}

static const char *compile_pattern(const char *text, TimeFormat *format)
{
    static const char fields[] = "YMDhmsf";
    bool seen[sizeof fields] = { false };
    for (const char *at = text; *at;) {
        if (format->item_count == TIME_FORMAT_ITEMS_MAX) {
            return "is too long";
        }
        TimeFormatItem *item = &format->items[format->item_count++];
        const char *field = strchr(fields, *at);
        if (!field) {
            item->literal = *at++;
            continue;
        }
        size_t width = 1;
        while (at[width] == *at) {
            width++;
        }
        if (!width_allowed(*at, width)) {
            return "has a field of a width that does not exist (use YYYY MM DD hh mm ss f..fffffffff M D h)";
        }
        if (seen[field - fields]) {
            return "has a field twice";
        }
        seen[field - fields] = true;
        bool one_or_two = width == 1 && *at != 'f';
        item->field = *at;
        item->shortest = (uint8_t)width;
        item->longest = one_or_two ? 2 : (uint8_t)width;
        at += width;
    }
    return seen[0] && seen[1] && seen[2] ? NULL : "lacks year, month or day";
}

Status time_format_compile(const char *text, int zone_minutes, TimeFormat *out_format,
                           const char **out_reason)
{
    static const struct {
        const char *name;
        int decimals;
    } epochs[] = { { "epoch_s", 0 }, { "epoch_ms", 3 }, { "epoch_us", 6 }, { "epoch_ns", 9 } };
    if (zone_minutes < -TIME_FORMAT_ZONE_MINUTES || zone_minutes > TIME_FORMAT_ZONE_MINUTES) {
        *out_reason = "has an offset of a day or more";
        return STATUS_OUT_OF_RANGE;
    }
    TimeFormat format = { .kind = TIME_FORMAT_PATTERN, .zone_seconds = (int64_t)zone_minutes * 60 };
    for (size_t i = 0; i < sizeof epochs / sizeof epochs[0]; i++) {
        if (strcmp(text, epochs[i].name) == 0) {
            format.kind = TIME_FORMAT_EPOCH;
            format.epoch_decimals = epochs[i].decimals;
        }
    }
    if (strcmp(text, "iso8601") == 0) {
        format.kind = TIME_FORMAT_ISO8601;
    }
    const char *reason = format.kind == TIME_FORMAT_PATTERN ? compile_pattern(text, &format) : NULL;
    if (reason) {
        *out_reason = reason;
        return STATUS_MALFORMED;
    }
    *out_format = format;
    return STATUS_OK;
}

const char *time_format_iso8601(TimeNs time, char *out, size_t size)
{
    if (time == TIME_NONE) {
        snprintf(out, size, "-");
        return out;
    }
    int64_t second_ns = time % TIME_SECOND, seconds = time / TIME_SECOND;
    if (second_ns < 0) {
        second_ns += TIME_SECOND;
        seconds--;
    }
    int64_t days = seconds / 86400, clock = seconds % 86400;
    if (clock < 0) {
        clock += 86400;
        days--;
    }
    int64_t year = 1970 + days / 366; /* at or before the year sought for days ≥ 0; corrected below */
    year -= days < 0 ? 1 : 0;
    while (days_from_date(year, 1, 1) > days) {
        year--;
    }
    while (days_from_date(year + 1, 1, 1) <= days) {
        year++;
    }
    int64_t month = 1;
    while (month < 12 && days_from_date(year, month + 1, 1) <= days) {
        month++;
    }
    int written = snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, (int)month,
                           (int)(days - days_from_date(year, month, 1) + 1), (int)(clock / 3600),
                           (int)(clock / 60 % 60), (int)(clock % 60));
    size_t used = written > 0 && (size_t)written < size ? (size_t)written : 0;
    if (second_ns == 0) {
        snprintf(out + used, size - used, "Z");
    } else if (second_ns % TIME_MS == 0) {
        snprintf(out + used, size - used, ".%03dZ", (int)(second_ns / TIME_MS));
    } else if (second_ns % TIME_US == 0) {
        snprintf(out + used, size - used, ".%06dZ", (int)(second_ns / TIME_US));
    } else {
        snprintf(out + used, size - used, ".%09dZ", (int)second_ns);
    }
    return out;
}
