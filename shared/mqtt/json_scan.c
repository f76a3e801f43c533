#include "shared/mqtt/json_scan.h"

#include "shared/trace/number.h"

#include <stdio.h>

typedef struct Scanner {
    const char *at, *end;
    const ScanPath *paths;
    ScanField *fields;
    size_t path_count;
} Scanner;

/* Paths that lead into the value being read, one bit each. */
typedef uint32_t PathSet;

static bool scan_value(Scanner *scanner, PathSet into, uint32_t depth);

/* ---- paths ---- */

static Status read_index(const char **at, ScanStep *out_step, const char **out_reason)
{
    uint32_t index = 0;
    const char *digit = ++*at;
    for (; *digit >= '0' && *digit <= '9' && digit - *at < 6; digit++) {
        index = index * 10 + (uint32_t)(*digit - '0');
    }
    if (digit == *at || *digit != ']') {
        *out_reason = "has brackets without a number of up to 6 digits";
        return STATUS_MALFORMED;
    }
    *at = digit + 1;
    *out_step = (ScanStep){ .index = index };
    return STATUS_OK;
}

Status scan_path_compile(const char *text, Arena *arena, ScanPath *out_path, const char **out_reason)
{
    ScanPath path = { 0 };
    const char *at = text;
    while (*at != '\0') {
        if (path.count == SCAN_STEPS_MAX) {
            *out_reason = "has too many steps";
            return STATUS_MALFORMED;
        }
        ScanStep *step = &path.steps[path.count];
        if (*at == '[') {
            Status status = read_index(&at, step, out_reason);
            if (status != STATUS_OK) {
                return status;
            }
        } else {
            at += path.count > 0 && *at == '.';
            size_t size = strcspn(at, ".[]");
            if (size == 0 || size > SCAN_KEY_MAX) {
                *out_reason = "has an empty or too long name";
                return STATUS_MALFORMED;
            }
            *step = (ScanStep){ .key = arena_copy_text(arena, at, size), .size = (uint32_t)size };
            if (step->key == NULL) {
                return STATUS_OUT_OF_MEMORY;
            }
            at += size;
        }
        if (*at != '\0' && *at != '.' && *at != '[') {
            *out_reason = "has a bracket out of place";
            return STATUS_MALFORMED;
        }
        path.count++;
    }
    *out_path = path;
    return STATUS_OK;
}

/* ---- characters ---- */

static void skip_space(Scanner *scanner)
{
    const char *at = scanner->at;
    while (at < scanner->end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) {
        at++;
    }
    scanner->at = at;
}

static bool take(Scanner *scanner, char c)
{
    if (scanner->at < scanner->end && *scanner->at == c) {
        scanner->at++;
        return true;
    }
    return false;
}

static bool take_word(Scanner *scanner, const char *word, size_t size)
{
    if ((size_t)(scanner->end - scanner->at) < size || memcmp(scanner->at, word, size) != 0) {
        return false;
    }
    scanner->at += size;
    return true;
}

/* Bytes of the UTF-8 character at `at`, 0 when it is none: RFC 3629, shortest forms, no surrogates. */
static size_t character_size(const unsigned char *at, size_t left)
{
    size_t size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || left < size) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool wrong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
                 (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f);
    return wrong ? 0 : size;
}

/* The four digits of \uXXXX at `at`; -1 when they are none. */
static int read_hex(const char *at, const char *end)
{
    int unit = 0;
    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = bytes_hex_digit(at[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

/* The character after the 'u' of an escape, with the second half of a surrogate pair; *at moves past it. 0
 * when malformed or NUL, which no text of ours can hold. */
static uint32_t read_unicode(const char **at, const char *end)
{
    int unit = read_hex(*at, end);
    if (unit <= 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
        return 0;
    }
    *at += 4;
    if (unit < 0xd800 || unit > 0xdbff) {
        return (uint32_t)unit;
    }
    if (end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u') {
        return 0;
    }
    int low = read_hex(*at + 2, end);
    if (low < 0xdc00 || low > 0xdfff) {
        return 0;
    }
    *at += 6;
    return 0x10000 + (((uint32_t)unit & 0x3ff) << 10 | ((uint32_t)low & 0x3ff));
}

/* A string, without its quotes. */
static bool scan_string(Scanner *scanner, const char **out_text, size_t *out_size, bool *out_escaped)
{
    if (!take(scanner, '"')) {
        return false;
    }
    const char *at = scanner->at;
    *out_text = at;
    *out_escaped = false;
    while (at < scanner->end) {
        unsigned char c = (unsigned char)*at;
        if (c == '"') {
            *out_size = (size_t)(at - *out_text);
            scanner->at = at + 1;
            return true;
        }
        if (c < 0x20) {
            return false;
        }
        if (c == '\\') {
            *out_escaped = true;
            if (++at == scanner->end) {
                return false;
            }
            char kind = *at++;
            if (kind == 'u' ? read_unicode(&at, scanner->end) == 0
                            : kind == '\0' || strchr("\"\\/bfnrt", kind) == NULL) {
                return false;
            }
        } else if (c < 0x80) {
            at++;
        } else {
            size_t size = character_size((const unsigned char *)at, (size_t)(scanner->end - at));
            if (size == 0) {
                return false;
            }
            at += size;
        }
    }
    return false;
}

static size_t digits(const char *at, const char *end)
{
    const char *begin = at;
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return (size_t)(at - begin);
}

static bool scan_number_text(Scanner *scanner)
{
    const char *at = scanner->at, *end = scanner->end;
    at += at < end && *at == '-';
    size_t whole = digits(at, end);
    if (whole == 0 || (whole > 1 && *at == '0')) {
        return false;
    }
    at += whole;
    if (at < end && *at == '.') {
        size_t fraction = digits(++at, end);
        if (fraction == 0) {
            return false;
        }
        at += fraction;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        size_t exponent = digits(at, end);
        if (exponent == 0) {
            return false;
        }
        at += exponent;
    }
    scanner->at = at;
    return true;
}

/* ---- values ---- */

/* The paths of `into` whose step at `depth` is this member. */
static PathSet paths_to_member(const Scanner *scanner, PathSet into, uint32_t depth, const ScanField *name)
{
    char resolved[SCAN_KEY_MAX + 1];
    const char *key = name->text;
    size_t size = name->size;
    if (name->escaped) {
        if (!scan_text(name, resolved, sizeof resolved, &size)) {
            return 0;
        }
        key = resolved;
    }
    PathSet result = 0;
    for (size_t i = 0; i < scanner->path_count; i++) {
        const ScanPath *path = &scanner->paths[i];
        if ((into & 1U << i) != 0 && path->count > depth && path->steps[depth].key != NULL &&
            path->steps[depth].size == size && memcmp(path->steps[depth].key, key, size) == 0) {
            result |= 1U << i;
        }
    }
    return result;
}

static PathSet paths_to_element(const Scanner *scanner, PathSet into, uint32_t depth, uint32_t index)
{
    PathSet result = 0;
    for (size_t i = 0; i < scanner->path_count; i++) {
        const ScanPath *path = &scanner->paths[i];
        if ((into & 1U << i) != 0 && path->count > depth && path->steps[depth].key == NULL &&
            path->steps[depth].index == index) {
            result |= 1U << i;
        }
    }
    return result;
}

static bool scan_object(Scanner *scanner, PathSet into, uint32_t depth)
{
    scanner->at++;
    skip_space(scanner);
    if (take(scanner, '}')) {
        return true;
    }
    do {
        ScanField name = { .kind = SCAN_TEXT };
        skip_space(scanner);
        if (!scan_string(scanner, &name.text, &name.size, &name.escaped)) {
            return false;
        }
        skip_space(scanner);
        if (!take(scanner, ':')) {
            return false;
        }
        PathSet next = into == 0 ? 0 : paths_to_member(scanner, into, depth, &name);
        if (!scan_value(scanner, next, depth + 1)) {
            return false;
        }
    } while (take(scanner, ','));
    return take(scanner, '}');
}

static bool scan_array(Scanner *scanner, PathSet into, uint32_t depth)
{
    uint32_t index = 0;
    scanner->at++;
    skip_space(scanner);
    if (take(scanner, ']')) {
        return true;
    }
    do {
        PathSet next = into == 0 ? 0 : paths_to_element(scanner, into, depth, index++);
        if (!scan_value(scanner, next, depth + 1)) {
            return false;
        }
    } while (take(scanner, ','));
    return take(scanner, ']');
}

/* Notes `found` for each path of `into` that ends here. False when it has a value already. */
static bool store(const Scanner *scanner, PathSet into, uint32_t depth, const ScanField *found)
{
    for (size_t i = 0; i < scanner->path_count; i++) {
        if ((into & 1U << i) == 0 || scanner->paths[i].count != depth) {
            continue;
        }
        if (scanner->fields[i].kind != SCAN_ABSENT) {
            return false;
        }
        scanner->fields[i] = *found;
    }
    return true;
}

/* A value with the space around it. `depth` counts the steps that led here. */
static bool scan_value(Scanner *scanner, PathSet into, uint32_t depth)
{
    ScanField found = { 0 };
    bool good = false;
    if (depth > SCAN_DEPTH_MAX) {
        return false;
    }
    skip_space(scanner);
    found.text = scanner->at;
    switch (scanner->at < scanner->end ? *scanner->at : '\0') {
    case '{':
        found.kind = SCAN_COMPOUND;
        good = scan_object(scanner, into, depth);
        break;
    case '[':
        found.kind = SCAN_COMPOUND;
        good = scan_array(scanner, into, depth);
        break;
    case '"':
        found.kind = SCAN_TEXT;
        good = scan_string(scanner, &found.text, &found.size, &found.escaped);
        break;
    case 't':
        found.kind = SCAN_BOOLEAN;
        found.boolean = true;
        good = take_word(scanner, "true", 4);
        break;
    case 'f':
        found.kind = SCAN_BOOLEAN;
        good = take_word(scanner, "false", 5);
        break;
    case 'n':
        found.kind = SCAN_NULL;
        good = take_word(scanner, "null", 4);
        break;
    default:
        found.kind = SCAN_NUMBER;
        good = scan_number_text(scanner);
        break;
    }
    if (!good) {
        return false;
    }
    if (found.kind != SCAN_TEXT) {
        found.size = (size_t)(scanner->at - found.text);
    }
    skip_space(scanner);
    return into == 0 || store(scanner, into, depth, &found);
}

Status json_scan(Bytes text, const ScanPath *paths, size_t path_count, ScanField *out_fields)
{
    if (path_count > SCAN_PATHS_MAX) {
        return STATUS_INVALID_ARGUMENT;
    }
    const char *begin = text.size == 0 ? "" : (const char *)text.data;
    Scanner scanner = {
        .at = begin, .end = begin + text.size, .paths = paths, .fields = out_fields, .path_count = path_count
    };
    for (size_t i = 0; i < path_count; i++) {
        out_fields[i] = (ScanField){ .kind = SCAN_ABSENT };
    }
    PathSet all = (PathSet)((UINT64_C(1) << path_count) - 1);
    return scan_value(&scanner, all, 0) && scanner.at == scanner.end ? STATUS_OK : STATUS_MALFORMED;
}

/* ---- what was found ---- */

static size_t put_utf8(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = size - 1; i > 0; i--, c >>= 6) {
        out[i] = (char)(0x80 | (c & 0x3f));
    }
    out[0] = (char)(lead[size] | c);
    return size;
}

bool scan_text(const ScanField *field, char *out, size_t size, size_t *out_size)
{
    const char *at = field->text, *end = field->text + field->size;
    size_t used = 0;
    while (at < end) {
        char bytes[4] = { *at };
        size_t count = 1;
        if (*at++ == '\\') {
            static const char kinds[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
            char kind = *at++;
            count = kind == 'u' ? put_utf8(read_unicode(&at, end), bytes) : 1;
            if (kind != 'u') {
                bytes[0] = means[strchr(kinds, kind) - kinds];
            }
        }
        if (used + count >= size || (unsigned char)bytes[0] < 0x20 || bytes[0] == 0x7f) {
            return false;
        }
        memcpy(out + used, bytes, count);
        used += count;
    }
    if (size == 0) {
        return false;
    }
    out[used] = '\0';
    if (out_size != NULL) {
        *out_size = used;
    }
    return true;
}

bool scan_is_clean(const char *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        unsigned char c = (unsigned char)text[i];
        size_t count = c < 0x80 ? 1 : character_size((const unsigned char *)text + i, size - i);
        if (count == 0 || c < 0x20 || c == 0x7f) {
            return false;
        }
        i += count;
    }
    return true;
}

Status scan_number(const ScanField *field, double *out_number)
{
    return number_parse(field->text, field->size, '.', out_number);
}

/* ---- writing ---- */

size_t json_escape(const char *text, size_t size, char *out, size_t out_size)
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape[8];
        size_t count = 1;
        escape[0] = (char)c;
        if (c == '"' || c == '\\') {
            escape[0] = '\\';
            escape[1] = (char)c;
            count = 2;
        } else if (c < 0x20) {
            count = (size_t)snprintf(escape, sizeof escape, "\\u%04x", c);
        }
        if (used + count >= out_size) {
            return SIZE_MAX;
        }
        memcpy(out + used, escape, count);
        used += count;
    }
    if (out_size == 0) {
        return SIZE_MAX;
    }
    out[used] = '\0';
    return used;
}

size_t json_put_number(double number, char *out)
{
    /* 15 digits are enough for every decimal people write; 17 are enough for every binary64. */
    double back = 0;
    int size = snprintf(out, 32, "%.15g", number);
    if (number_parse(out, (size_t)size, '.', &back) != STATUS_OK || back != number) {
        size = snprintf(out, 32, "%.17g", number);
    }
    return (size_t)size;
}
