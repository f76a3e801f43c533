#include "shared/base/config.h"

#include <ini.h>
#include <math.h>
#include <stdlib.h>

/* What inih's callbacks share. inih counts lines but does not tell the handler, so the reader counts. */
typedef struct Parse {
    Bytes rest;
    const char *path;
    Arena *arena;
    ConfigEntry *entries;
    uint32_t count;
    unsigned line;
    Status status;
    Diag *diag;
} Parse;

/* One line for inih, as fgets: at most size - 1 bytes. A line that does not fit would be cut in two and each
 * half read as a line of its own, so it ends the parse instead. */
static char *read_line(char *out, int size, void *context)
{
    Parse *parse = context;
    if (parse->status != STATUS_OK || parse->rest.size == 0) {
        return NULL;
    }
    parse->line++;
    const uint8_t *newline = memchr(parse->rest.data, '\n', parse->rest.size);
    size_t length = newline ? (size_t)(newline - parse->rest.data) + 1 : parse->rest.size;
    if (length + 1 > (size_t)size || length > CONFIG_LINE_MAX + 2) {
        parse->status = diag_set(parse->diag, STATUS_OUT_OF_RANGE, parse->path, parse->line,
                                 "the line has %zu bytes, the limit is %d", length, CONFIG_LINE_MAX);
        return NULL;
    }
    if (memchr(parse->rest.data, '\0', length)) {
        parse->status = diag_set(parse->diag, STATUS_MALFORMED, parse->path, parse->line, "a NUL byte");
        return NULL;
    }
    memcpy(out, parse->rest.data, length);
    out[length] = '\0';
    parse->rest = bytes_slice(parse->rest, length, parse->rest.size - length);
    return out;
}

static int take_entry(void *context, const char *section, const char *key, const char *value)
{
    Parse *parse = context;
    if (parse->status != STATUS_OK) {
        return 0;
    }
    if (parse->count == CONFIG_ENTRIES_MAX) {
        parse->status = diag_set(parse->diag, STATUS_CAPACITY, parse->path, parse->line,
                                 "more than %d entries", CONFIG_ENTRIES_MAX);
        return 0;
    }
    ConfigEntry entry = { .line = parse->line };
    entry.section = arena_copy_text(parse->arena, section, strlen(section));
    entry.key = arena_copy_text(parse->arena, key, strlen(key));
    entry.value = arena_copy_text(parse->arena, value, strlen(value));
    if (!entry.section || !entry.key || !entry.value) {
        parse->status =
            diag_set(parse->diag, STATUS_OUT_OF_MEMORY, parse->path, parse->line, "out of memory");
        return 0;
    }
    parse->entries[parse->count++] = entry;
    return 1;
}

Status config_parse(Bytes text, const char *path, Arena *arena, Config *out_config, Diag *diag)
{
    Parse parse = { .rest = text, .path = path, .arena = arena, .diag = diag };
    parse.entries = arena_new_array(arena, ConfigEntry, CONFIG_ENTRIES_MAX);
    const char *kept_path = arena_copy_text(arena, path, strlen(path));
    if (!parse.entries || !kept_path) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "out of memory");
    }
    int bad_line = ini_parse_stream(read_line, &parse, take_entry, &parse);
    if (parse.status != STATUS_OK) {
        return parse.status;
    }
    if (bad_line != 0) {
        return diag_set(diag, STATUS_MALFORMED, path, bad_line > 0 ? (unsigned)bad_line : 0,
                        "expected 'key = value' or '[section]'");
    }
    *out_config = (Config){ .path = kept_path, .entries = parse.entries, .count = parse.count };
    return STATUS_OK;
}

const ConfigEntry *config_next(Config *config, const char *section, const char *key, const ConfigEntry *after)
{
    for (uint32_t i = after ? (uint32_t)(after - config->entries) + 1 : 0; i < config->count; i++) {
        ConfigEntry *entry = &config->entries[i];
        if (strcmp(entry->section, section) == 0 && strcmp(entry->key, key) == 0) {
            entry->used = true;
            return entry;
        }
    }
    return NULL;
}

/* The only entry with this key; *out_entry is NULL when there is none. */
static Status single(Config *config, const char *section, const char *key, const ConfigEntry **out_entry,
                     Diag *diag)
{
    *out_entry = config_next(config, section, key, NULL);
    const ConfigEntry *second = *out_entry ? config_next(config, section, key, *out_entry) : NULL;
    if (second) {
        return diag_set(diag, STATUS_DUPLICATE, config->path, second->line,
                        "'%s' is given a second time (first in line %u)", key, (*out_entry)->line);
    }
    return STATUS_OK;
}

Status config_text(Config *config, const char *section, const char *key, const char **inout_value, Diag *diag)
{
    const ConfigEntry *entry = NULL;
    Status status = single(config, section, key, &entry, diag);
    if (status == STATUS_OK && entry) {
        *inout_value = entry->value;
    }
    return status;
}

Status config_integer(Config *config, const char *section, const char *key, int64_t minimum, int64_t maximum,
                      int64_t *inout_value, Diag *diag)
{
    const ConfigEntry *entry = NULL;
    Status status = single(config, section, key, &entry, diag);
    if (status != STATUS_OK || !entry) {
        return status;
    }
    int64_t value = 0;
    status = config_read_integer(entry->value, &value);
    if (status == STATUS_MALFORMED) {
        return diag_set(diag, status, config->path, entry->line, "%s: '%s' is not a whole number", key,
                        entry->value);
    }
    if (status != STATUS_OK || value < minimum || value > maximum) {
        return diag_set(diag, STATUS_OUT_OF_RANGE, config->path, entry->line,
                        "%s: %s is not within %lld..%lld", key, entry->value, (long long)minimum,
                        (long long)maximum);
    }
    *inout_value = value;
    return STATUS_OK;
}

Status config_real(Config *config, const char *section, const char *key, double minimum, double maximum,
                   double *inout_value, Diag *diag)
{
    const ConfigEntry *entry = NULL;
    Status status = single(config, section, key, &entry, diag);
    if (status != STATUS_OK || !entry) {
        return status;
    }
    double value = 0;
    status = config_read_real(entry->value, &value);
    if (status == STATUS_MALFORMED) {
        return diag_set(diag, status, config->path, entry->line, "%s: '%s' is not a number", key,
                        entry->value);
    }
    if (status != STATUS_OK || value < minimum || value > maximum) {
        return diag_set(diag, STATUS_OUT_OF_RANGE, config->path, entry->line, "%s: %s is not within %g..%g",
                        key, entry->value, minimum, maximum);
    }
    *inout_value = value;
    return STATUS_OK;
}

Status config_bool(Config *config, const char *section, const char *key, bool *inout_value, Diag *diag)
{
    const ConfigEntry *entry = NULL;
    Status status = single(config, section, key, &entry, diag);
    if (status != STATUS_OK || !entry) {
        return status;
    }
    status = config_read_bool(entry->value, inout_value);
    if (status != STATUS_OK) {
        return diag_set(diag, status, config->path, entry->line, "%s: '%s' is neither true nor false", key,
                        entry->value);
    }
    return STATUS_OK;
}

Status config_check_known(const Config *config, const char *section, Diag *diag)
{
    for (uint32_t i = 0; i < config->count; i++) {
        const ConfigEntry *entry = &config->entries[i];
        if (!entry->used && strcmp(entry->section, section) == 0) {
            return diag_set(diag, STATUS_NOT_FOUND, config->path, entry->line, "[%s] has no setting '%s'",
                            section, entry->key);
        }
    }
    return STATUS_OK;
}

Status config_read_integer(const char *text, int64_t *out_value)
{
    bool negative = *text == '-';
    const char *digits = text + (negative || *text == '+');
    if (!*digits || digits[strspn(digits, "0123456789")] != '\0') {
        return STATUS_MALFORMED;
    }
    int64_t value = 0; /* built on its own side of zero, so that INT64_MIN can be read */
    for (; *digits; digits++) {
        int64_t digit = negative ? -(*digits - '0') : *digits - '0';
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value)) {
            return STATUS_OUT_OF_RANGE;
        }
    }
    *out_value = value;
    return STATUS_OK;
}

Status config_read_real(const char *text, double *out_value)
{
    /* strtod would also take hexadecimal, "inf" and "nan". */
    if (!*text || text[strspn(text, "0123456789+-.eE")] != '\0') {
        return STATUS_MALFORMED;
    }
    char *end = NULL;
    double value = strtod(text, &end);
    if (*end != '\0') {
        return STATUS_MALFORMED;
    }
    if (isinf(value)) {
        return STATUS_OUT_OF_RANGE;
    }
    *out_value = value;
    return STATUS_OK;
}

Status config_read_bool(const char *text, bool *out_value)
{
    static const char *const words[2][4] = { { "false", "no", "off", "0" }, { "true", "yes", "on", "1" } };
    for (size_t value = 0; value < 2; value++) {
        for (size_t i = 0; i < 4; i++) {
            if (strcmp(text, words[value][i]) == 0) {
                *out_value = value == 1;
                return STATUS_OK;
            }
        }
    }
    return STATUS_MALFORMED;
}
