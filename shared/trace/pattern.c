#include "shared/trace/pattern.h"

#include <string.h>

typedef struct Compiler {
    const char *at;
    char literal[PATTERN_SIZE_MAX + 1]; /* being collected */
    size_t literal_size;
    Arena *arena;
    Pattern pattern;
    const char *reason;
} Compiler;

static Status fail(Compiler *compiler, const char *reason)
{
    compiler->reason = reason;
    return STATUS_MALFORMED;
}

static Status add_part(Compiler *compiler, PatternPart part)
{
    if (compiler->pattern.part_count == PATTERN_PARTS_MAX) {
        return fail(compiler, "has too many wildcards");
    }
    compiler->pattern.parts[compiler->pattern.part_count++] = part;
    return STATUS_OK;
}

static Status flush_literal(Compiler *compiler)
{
    if (compiler->literal_size == 0) {
        return STATUS_OK;
    }
    const char *copy = arena_copy_text(compiler->arena, compiler->literal, compiler->literal_size);
    if (!copy) {
        return STATUS_OUT_OF_MEMORY;
    }
    PatternPart part = { .literal = copy, .size = (uint16_t)compiler->literal_size, .capture = -1 };
    compiler->literal_size = 0;
    return add_part(compiler, part);
}

/* Takes "{name}" and gives the name. */
static Status take_name(Compiler *compiler, const char **out_name)
{
    const char *first = ++compiler->at;
    while ((*compiler->at >= 'a' && *compiler->at <= 'z') || (*compiler->at >= 'A' && *compiler->at <= 'Z') ||
           (*compiler->at >= '0' && *compiler->at <= '9') || *compiler->at == '_') {
        compiler->at++;
    }
    if (compiler->at == first || *compiler->at != '}') {
        return fail(compiler, "has a '{' without a name of letters, digits and '_' and a '}'");
    }
    *out_name = arena_copy_text(compiler->arena, first, (size_t)(compiler->at - first));
    compiler->at++;
    return *out_name ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

static int find_name(const PatternNames *names, const char *name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* Takes literal characters up to a wildcard or the end. */
static Status take_literal(Compiler *compiler, bool stars)
{
    while (*compiler->at && *compiler->at != '{' && !(stars && *compiler->at == '*')) {
        if (*compiler->at == '\\' && !*++compiler->at) {
            return fail(compiler, "ends in '\\'");
        }
        if (compiler->literal_size == PATTERN_SIZE_MAX) {
            return fail(compiler, "is longer than 255 bytes");
        }
        compiler->literal[compiler->literal_size++] = *compiler->at++;
    }
    return flush_literal(compiler);
}

static Status take_wildcard(Compiler *compiler, PatternNames *names)
{
    PatternPart part = { .capture = -1 };
    if (*compiler->at == '*') {
        compiler->at++;
    } else {
        const char *name = NULL;
        Status status = take_name(compiler, &name);
        if (status) {
            return status;
        }
        if (find_name(names, name) >= 0) {
            return fail(compiler, "captures a name that the rule has captured before");
        }
        if (names->count == PATTERN_CAPTURES_MAX) {
            return fail(compiler, "captures more than 8 names in one rule");
        }
        part.shortest = 1;
        part.capture = (int16_t)names->count;
        names->names[names->count++] = name;
    }
    compiler->pattern.has_wildcard = true;
    return add_part(compiler, part);
}

Status pattern_compile(const char *text, PatternNames *names, Arena *arena, Pattern *out_pattern,
                       const char **out_reason)
{
    Compiler compiler = { .at = text, .arena = arena };
    bool after_wildcard = false;
    Status status = STATUS_OK;
    while (*compiler.at && !status) {
        bool wildcard = *compiler.at == '*' || *compiler.at == '{';
        if (wildcard && after_wildcard) {
            status = fail(&compiler, "has two wildcards side by side");
        } else {
            status = wildcard ? take_wildcard(&compiler, names) : take_literal(&compiler, true);
        }
        after_wildcard = wildcard;
    }
    if (status) {
        *out_reason = compiler.reason;
        return status;
    }
    *out_pattern = compiler.pattern;
    return STATUS_OK;
}

Status pattern_compile_template(const char *text, const PatternNames *names, Arena *arena,
                                Pattern *out_template, const char **out_reason)
{
    Compiler compiler = { .at = text, .arena = arena };
    Status status = STATUS_OK;
    while (*compiler.at && !status) {
        if (*compiler.at != '{') {
            status = take_literal(&compiler, false);
            continue;
        }
        const char *name = NULL;
        status = take_name(&compiler, &name);
        if (!status) {
            int capture = find_name(names, name);
            PatternPart part = { .shortest = 1, .capture = (int16_t)capture };
            status = capture < 0 ? fail(&compiler, "uses a name that no pattern of the rule captures")
                                 : add_part(&compiler, part);
            compiler.pattern.has_wildcard = true;
        }
    }
    if (status) {
        *out_reason = compiler.reason;
        return status;
    }
    *out_template = compiler.pattern;
    return STATUS_OK;
}

/* The first place at or after `at` where `part`'s literal stands, or NULL. */
static const char *find_literal(const PatternPart *part, const char *at, const char *end)
{
    while ((size_t)(end - at) >= part->size) {
        at = memchr(at, part->literal[0], (size_t)(end - at) - part->size + 1);
        if (!at || memcmp(at, part->literal, part->size) == 0) {
            return at;
        }
        at++;
    }
    return NULL;
}

bool pattern_match(const Pattern *pattern, const char *text, size_t size, PatternCaptures *captures)
{
    if (pattern->has_wildcard && size > PATTERN_WILD_TEXT_MAX) {
        return false;
    }
    const char *at = text, *end = text + size;
    for (uint32_t i = 0; i < pattern->part_count; i++) {
        const PatternPart *part = &pattern->parts[i];
        if (part->literal) {
            if ((size_t)(end - at) < part->size || memcmp(at, part->literal, part->size) != 0) {
                return false;
            }
            at += part->size;
            continue;
        }
        /* Where the wildcard ends: at the next literal, which for the last literal is the end of the text. In
         * a template several references may follow each other; each then takes its one character. */
        const PatternPart *next = i + 1 < pattern->part_count ? part + 1 : NULL;
        if ((size_t)(end - at) < part->shortest) {
            return false;
        }
        const char *stop = end;
        if (next && !next->literal) {
            stop = at + part->shortest;
        } else if (next && i + 2 == pattern->part_count) {
            stop = (size_t)(end - at) >= (size_t)part->shortest + next->size ? end - next->size : NULL;
        } else if (next) {
            stop = find_literal(next, at + part->shortest, end);
        }
        if (!stop) {
            return false;
        }
        if (captures && part->capture >= 0) {
            captures->text[part->capture] = at;
            captures->size[part->capture] = (uint16_t)(stop - at);
        }
        at = stop;
    }
    return at == end;
}

bool pattern_expand(const Pattern *pattern, const PatternCaptures *captures, char *out, size_t size)
{
    size_t used = 0;
    for (uint32_t i = 0; i < pattern->part_count; i++) {
        const PatternPart *part = &pattern->parts[i];
        const char *text = part->literal ? part->literal : captures->text[part->capture];
        size_t count = part->literal ? part->size : captures->size[part->capture];
        if (count >= size - used) {
            return false;
        }
        memcpy(out + used, text, count);
        used += count;
    }
    if (used >= size) {
        return false;
    }
    out[used] = 0;
    return true;
}
