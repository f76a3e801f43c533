#include "shared/trace/csv_reader.h"

#include "shared/base/log.h"
#include "shared/trace/field_value.h"
#include "shared/trace/mapping_rules.h"
#include "shared/trace/steps.h"
#include "shared/trace/target_cache.h"

#include <limits.h>
#include <stdio.h>

#define ROWS_BEFORE_GIVING_UP 100
#define LEARNERS_MAX          1024 /* properties whose period is learned; those beyond have none */
#define TIME_TEXT_SIZE        64   /* a longer time stamp is read each time */
#define NO_FIELD              UINT32_MAX

typedef struct WideColumn {
    uint32_t field;
    MappingTarget target;
} WideColumn;

typedef struct SeriesSlot {
    TraceSeries series;
    StepWindow *window; /* NULL: the period is declared */
} SeriesSlot;

struct CsvReader {
    const TraceMapping *mapping;
    TextTable *texts;
    const char *path;
    CsvScan scan;
    bool started;  /* this pass: the header has been read */
    bool resolved; /* ever: columns are known */
    Status failed; /* the stream has ended for good, as `failure` says */
    Diag failure;
    uint32_t fields_expected;
    uint32_t time_field, value_field;
    uint32_t key_fields[MAPPING_KEYS_MAX];
    WideColumn *columns; /* wide form: those with a target */
    uint32_t column_count, next_column;
    TargetCache cache;
    char key[MAPPING_KEY_FIELDS_SIZE];
    MappingTarget row_target;       /* of the last row that was not in the cache */
    char time_text[TIME_TEXT_SIZE]; /* of the last time stamp read, for files that repeat it row after row */
    size_t time_size;
    TimeNs row_time, previous_time;
    SeriesSlot *series;
    uint32_t *series_of; /* by thing: its first series */
    uint32_t series_count;
    uint64_t pass_rows;
    bool pass_understood; /* a row of this pass was understood */
    TraceCounters counters;
    Diag first_error;
    bool has_error;
};

/* ---- set-up ---- */

static Status create_series(CsvReader *reader, Arena *arena)
{
    const World *world = reader->mapping->world;
    reader->series_of = arena_new_array(arena, uint32_t, (size_t)world->thing_count + 1);
    if (!reader->series_of) {
        return STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < world->thing_count; i++) {
        reader->series_of[i] = reader->series_count;
        reader->series_count += world->things[i].model->property_count;
    }
    reader->series = arena_new_array(arena, SeriesSlot, reader->series_count);
    if (!reader->series) {
        return STATUS_OUT_OF_MEMORY;
    }
    uint32_t learners = 0;
    for (uint32_t i = 0; i < world->thing_count; i++) {
        const ThingModel *model = world->things[i].model;
        for (uint32_t j = 0; j < model->property_count; j++) {
            SeriesSlot *slot = &reader->series[reader->series_of[i] + j];
            series_init(&slot->series, model->properties[j].period);
            if (model->properties[j].period == 0 && learners < LEARNERS_MAX) {
                slot->window = arena_new(arena, StepWindow);
                if (!slot->window) {
                    return STATUS_OUT_OF_MEMORY;
                }
                learners++;
            }
        }
    }
    return STATUS_OK;
}

Status csv_reader_create(TraceInput input, const char *path, const TraceMapping *mapping, TextTable *texts,
                         Arena *arena, CsvReader **out_reader)
{
    CsvReader *reader = arena_new(arena, CsvReader);
    if (!reader) {
        return STATUS_OUT_OF_MEMORY;
    }
    reader->mapping = mapping;
    reader->texts = texts;
    reader->path = arena_copy_text(arena, path, strlen(path));
    reader->counters =
        (TraceCounters){ .first_time = TIME_NONE, .last_time = TIME_NONE, .latest_time = TIME_NONE };
    reader->previous_time = TIME_NONE;
    reader->time_size = SIZE_MAX;
    Status status = csv_scan_init(&reader->scan, input, mapping->delimiter, arena);
    if (!status && mapping->wide) {
        reader->columns = arena_new_array(arena, WideColumn, CSV_COLUMNS_MAX);
        status = reader->columns ? STATUS_OK : STATUS_OUT_OF_MEMORY;
    } else if (!status) {
        status = target_cache_init(&reader->cache, arena);
    }
    if (!status) {
        status = create_series(reader, arena);
    }
    if (status || !reader->path) {
        return STATUS_OUT_OF_MEMORY;
    }
    *out_reader = reader;
    return STATUS_OK;
}

/* ---- errors ---- */

static unsigned line_number(uint64_t line)
{
    return line < UINT_MAX ? (unsigned)line : UINT_MAX;
}

/* Ends the stream for good. */
static Status give_up(CsvReader *reader, uint64_t line, const char *text, const char *detail)
{
    reader->failed =
        diag_set(&reader->failure, STATUS_MALFORMED, reader->path, line_number(line), "%s%s", text, detail);
    return reader->failed;
}

/* Counts a row or field that was not understood, and keeps the first. `field` may be NULL. */
static void refuse(CsvReader *reader, const CsvField *field, const char *reason)
{
    reader->counters.refused++;
    if (reader->has_error) {
        return;
    }
    reader->has_error = true;
    char shown[128] = "", start[41] = "";
    if (field) {
        memcpy(start, field->text, field->size < sizeof start ? field->size : sizeof start - 1);
        log_escape(start, shown, sizeof shown);
    }
    (void)diag_set(&reader->first_error, STATUS_MALFORMED, reader->path, line_number(reader->scan.row_line),
                   field ? "'%s' %s" : "row%s %s", shown, reason);
}

/* A row of which nothing can be used. */
static Status refuse_row(CsvReader *reader, const CsvField *field, const char *reason)
{
    refuse(reader, field, reason);
    if (reader->pass_understood || reader->pass_rows < ROWS_BEFORE_GIVING_UP) {
        return STATUS_OK;
    }
    char first[sizeof reader->first_error.text];
    memcpy(first, reader->first_error.text, sizeof first);
    return give_up(reader, reader->first_error.line,
                   "not one of the first 100 rows was understood; the first refused: ", first);
}

/* ---- columns ---- */

static const char *column_name(const CsvReader *reader, uint32_t index)
{
    const TraceMapping *mapping = reader->mapping;
    return mapping->column_names ? mapping->column_names[index] : reader->scan.fields[index].text;
}

static Status find_column(CsvReader *reader, const char *name, uint32_t count, uint32_t *out_index)
{
    uint32_t found = NO_FIELD;
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(column_name(reader, i), name) != 0) {
            continue;
        }
        if (found != NO_FIELD) {
            return give_up(reader, reader->scan.row_line, "the header has two columns called ", name);
        }
        found = i;
    }
    if (found == NO_FIELD) {
        return give_up(reader, reader->scan.row_line, "the header has no column called ", name);
    }
    *out_index = found + (reader->mapping->index_column ? 1 : 0);
    return STATUS_OK;
}

static Status resolve_long(CsvReader *reader, uint32_t count)
{
    const TraceMapping *mapping = reader->mapping;
    Status status = find_column(reader, mapping->value_column, count, &reader->value_field);
    for (uint32_t i = 0; i < mapping->key_count && !status; i++) {
        status = find_column(reader, mapping->keys[i], count, &reader->key_fields[i]);
    }
    return status;
}

static bool column_taken(const CsvReader *reader, const MappingTarget *target)
{
    for (uint32_t i = 0; i < reader->column_count; i++) {
        const MappingTarget *other = &reader->columns[i].target;
        if (other->thing == target->thing && other->property == target->property) {
            return true;
        }
    }
    return false;
}

static Status resolve_wide(CsvReader *reader, uint32_t count)
{
    const TraceMapping *mapping = reader->mapping;
    bool used[MAPPING_RULES_MAX] = { false };
    for (uint32_t i = 0; i < count; i++) {
        const MappingRule *rule = NULL;
        WideColumn column = { .field = i + (mapping->index_column ? 1 : 0) };
        if (column.field == reader->time_field) {
            continue;
        }
        mapping_bind_column(mapping, column_name(reader, i), &rule, &column.target);
        if (rule) {
            used[rule - mapping->rules] = true;
        }
        if (column.target.rule) {
            if (column_taken(reader, &column.target)) {
                return give_up(reader, reader->scan.row_line, "the property has two columns, one of them ",
                               column_name(reader, i));
            }
            reader->columns[reader->column_count++] = column;
            continue;
        }
        reader->counters.unmapped++;
        if (mapping->strict) {
            return give_up(reader, reader->scan.row_line, "the mapping says nothing of column ",
                           column_name(reader, i));
        }
    }
    for (uint32_t i = 0; i < mapping->rule_count; i++) {
        if (!used[i]) {
            char entry[32];
            snprintf(entry, sizeof entry, "columns[%u]", i);
            return give_up(reader, reader->scan.row_line, "no column is the one of the mapping's ", entry);
        }
    }
    return STATUS_OK;
}

/* Finds the columns by their names: the header's, which is the scanner's last row, or the mapping's. */
static Status resolve_columns(CsvReader *reader)
{
    const TraceMapping *mapping = reader->mapping;
    uint32_t count = mapping->column_names ? mapping->column_count : reader->scan.field_count;
    for (uint32_t i = 0; i < count && !mapping->column_names; i++) {
        CsvField *field = &reader->scan.fields[i];
        *field = field_trim(*field);
        field->text[field->size] = 0;
    }
    reader->fields_expected = count + (mapping->index_column ? 1 : 0);
    Status status = find_column(reader, mapping->time_column, count, &reader->time_field);
    if (!status) {
        status = mapping->wide ? resolve_wide(reader, count) : resolve_long(reader, count);
    }
    reader->resolved = status == STATUS_OK;
    return status;
}

/* Reads what comes before the first row. */
static Status start_pass(CsvReader *reader)
{
    Status status = csv_scan_start(&reader->scan);
    if (status == STATUS_UNSUPPORTED) {
        return give_up(reader, 0, reader->scan.reason, "");
    }
    for (uint32_t i = 0; i < reader->mapping->skip_lines && !status; i++) {
        status = csv_scan_skip_line(&reader->scan);
    }
    if (!status && reader->mapping->header) {
        status = csv_scan_row(&reader->scan);
    }
    if (status == STATUS_END && reader->mapping->header) {
        return give_up(reader, 0, "ends before its header", "");
    }
    if (status == STATUS_MALFORMED) {
        return give_up(reader, reader->scan.row_line, "the header ", reader->scan.reason);
    }
    if (!status && !reader->resolved) {
        status = resolve_columns(reader);
    }
    reader->started = status == STATUS_OK;
    return status;
}

/* ---- rows ---- */

static void count_row_time(CsvReader *reader, TimeNs time)
{
    TraceCounters *counters = &reader->counters;
    if (counters->first_time == TIME_NONE) {
        counters->first_time = time;
    }
    if (reader->previous_time != TIME_NONE) {
        counters->equal_times += time == reader->previous_time;
        counters->backward_times += time < reader->previous_time;
    }
    if (time > counters->latest_time) { /* TIME_NONE is before every time */
        counters->latest_time = time;
    }
    counters->last_time = time;
    reader->previous_time = time;
}

/* The row's time, into reader->row_time. */
static bool read_time(CsvReader *reader)
{
    CsvField field = field_trim(reader->scan.fields[reader->time_field]);
    if (field.size == reader->time_size && memcmp(field.text, reader->time_text, field.size) == 0) {
        return true;
    }
    reader->time_size = SIZE_MAX;
    if (time_format_parse(&reader->mapping->time, field.text, field.size, &reader->row_time)) {
        return false;
    }
    if (field.size <= sizeof reader->time_text) {
        memcpy(reader->time_text, field.text, field.size);
        reader->time_size = field.size;
    }
    return true;
}

/* Reads one row up to its time. *out_usable is false when there is nothing to take from it. */
static Status read_row(CsvReader *reader, bool *out_usable)
{
    *out_usable = false;
    Status status = csv_scan_row(&reader->scan);
    reader->counters.bytes = reader->scan.bytes;
    if (status && status != STATUS_MALFORMED) {
        return status;
    }
    reader->counters.rows++;
    reader->pass_rows++;
    if (status) {
        return refuse_row(reader, NULL, reader->scan.reason);
    }
    if (reader->scan.field_count != reader->fields_expected) {
        return refuse_row(reader, NULL, "does not have as many fields as there are columns");
    }
    if (!read_time(reader)) {
        return refuse_row(reader, &reader->scan.fields[reader->time_field],
                          "is not a time in the mapping's format");
    }
    count_row_time(reader, reader->row_time);
    reader->pass_understood = true;
    reader->next_column = 0;
    *out_usable = true;
    return STATUS_OK;
}

/* Where the long-form row goes, from the cache if it was met before. Valid until the next row. */
static const MappingTarget *bind_row(CsvReader *reader)
{
    const TraceMapping *mapping = reader->mapping;
    CsvField fields[MAPPING_KEYS_MAX];
    size_t used = 0;
    bool fits = true;
    for (uint32_t i = 0; i < mapping->key_count; i++) {
        fields[i] = reader->scan.fields[reader->key_fields[i]];
        fits = fits && fields[i].size < sizeof reader->key - used;
        if (fits) {
            memcpy(reader->key + used, fields[i].text,
                   fields[i].size + 1); /* the terminator parts the keys */
            used += fields[i].size + 1;
        }
    }
    uint64_t hash = fits ? target_cache_hash(reader->key, used) : 0;
    const MappingTarget *known = fits ? target_cache_find(&reader->cache, hash, reader->key, used) : NULL;
    if (known) {
        return known;
    }
    mapping_bind_row(mapping, fields, &reader->row_target);
    if (fits) {
        target_cache_store(&reader->cache, hash, reader->key, used, &reader->row_target);
    }
    return &reader->row_target;
}

/* The sample that `field` gives for `target`; false when it is marked as missing. */
static bool read_sample(CsvReader *reader, const MappingTarget *target, CsvField field,
                        TraceSample *out_sample)
{
    CsvField trimmed = field_trim(field);
    if (mapping_is_missing(reader->mapping, trimmed.text, trimmed.size)) {
        reader->counters.missing++;
        return false;
    }
    SeriesSlot *slot = &reader->series[reader->series_of[target->thing] + target->property];
    TraceSample sample = { .source_time = reader->row_time,
                           .thing = target->thing,
                           .property = target->property,
                           .quality = QUALITY_GOOD };
    const char *reason = "";
    if (field_encode(reader->mapping, target, field, reader->texts, &sample.code, &reason)) {
        refuse(reader, &field, reason);
        sample.quality = QUALITY_BAD;
        sample.code = 0;
        reader->counters.bad++;
        slot->series.bad++;
    }
    reader->counters.samples++;
    slot->series.samples++;
    series_add(&slot->series, slot->window, sample.source_time, &reader->counters);
    *out_sample = sample;
    return true;
}

static Status next_long(CsvReader *reader, TraceSample *out_sample)
{
    for (;;) {
        bool usable = false;
        Status status = read_row(reader, &usable);
        if (status) {
            return status;
        }
        if (!usable) {
            continue;
        }
        const MappingTarget *target = bind_row(reader);
        if (!target->rule) {
            reader->counters.unmapped++;
            if (reader->mapping->strict) {
                refuse(reader, NULL, "fits no rule of the mapping");
            }
        } else if (read_sample(reader, target, reader->scan.fields[reader->value_field], out_sample)) {
            return STATUS_OK;
        }
    }
}

static Status next_wide(CsvReader *reader, TraceSample *out_sample)
{
    for (;;) {
        while (reader->next_column < reader->column_count) {
            const WideColumn *column = &reader->columns[reader->next_column++];
            if (read_sample(reader, &column->target, reader->scan.fields[column->field], out_sample)) {
                return STATUS_OK;
            }
        }
        bool usable = false;
        Status status = read_row(reader, &usable);
        if (status) {
            return status;
        }
        if (!usable) {
            reader->next_column = reader->column_count;
        }
    }
}

Status csv_reader_next(CsvReader *reader, TraceSample *out_sample, Diag *diag)
{
    Status status = reader->failed;
    if (!status && !reader->started) {
        status = start_pass(reader);
        reader->next_column = reader->column_count;
    }
    if (!status) {
        status = reader->mapping->wide ? next_wide(reader, out_sample) : next_long(reader, out_sample);
    }
    if (reader->failed) {
        if (diag) {
            *diag = reader->failure;
        }
    } else if (status == STATUS_IO_ERROR) {
        return diag_set(diag, status, reader->path, line_number(reader->scan.line), "cannot be read");
    }
    return status;
}

Status csv_reader_rewind(CsvReader *reader)
{
    Status status = csv_scan_rewind(&reader->scan);
    if (status) {
        return status;
    }
    reader->started = false;
    reader->failed = STATUS_OK;
    reader->previous_time = TIME_NONE;
    reader->pass_rows = 0;
    reader->pass_understood = false;
    for (uint32_t i = 0; i < reader->series_count; i++) {
        series_restart(&reader->series[i].series);
    }
    return STATUS_OK;
}

const TraceCounters *csv_reader_counters(const CsvReader *reader)
{
    return &reader->counters;
}

const TraceSeries *csv_reader_series(const CsvReader *reader, uint32_t thing, uint8_t property)
{
    return &reader->series[reader->series_of[thing] + property].series;
}

const Diag *csv_reader_first_error(const CsvReader *reader)
{
    return reader->has_error ? &reader->first_error : NULL;
}
