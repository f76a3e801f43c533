/* pattern.h - globs with captures, and the templates that captures fill: "Mixer_{n}_*" and "Mixer_{n}".
 * Syntax and meaning: MAPPING.md. Matching is linear in the text for a given pattern: each wildcard ends at
 * the first place where the literal after it occurs, and is never reconsidered. Pure. */
#ifndef SHARED_TRACE_PATTERN_H
#define SHARED_TRACE_PATTERN_H
#include "shared/base/arena.h"
#include "shared/base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define PATTERN_PARTS_MAX     17  /* literals and wildcards together */
#define PATTERN_CAPTURES_MAX  8   /* names captured by all patterns of one rule */
#define PATTERN_SIZE_MAX      255 /* bytes of a pattern */
#define PATTERN_WILD_TEXT_MAX 255 /* a longer text matches no pattern that has a wildcard */

/* A piece of a pattern or template: a literal, or a wildcard or reference. */
typedef struct PatternPart {
    const char *literal; /* NULL: a wildcard or reference */
    uint16_t size;       /* of the literal, bytes */
    uint16_t shortest;   /* characters a wildcard takes at least: 0 or 1 */
    int16_t capture;     /* index in PatternNames; -1: not captured */
} PatternPart;

typedef struct Pattern {
    PatternPart parts[PATTERN_PARTS_MAX];
    uint32_t part_count;
    bool has_wildcard;
} Pattern;

/* The names that the patterns of a rule capture. */
typedef struct PatternNames {
    const char *names[PATTERN_CAPTURES_MAX];
    uint32_t count;
} PatternNames;

/* What the names stood for in one match; borrowed from the texts matched. */
typedef struct PatternCaptures {
    const char *text[PATTERN_CAPTURES_MAX];
    uint16_t size[PATTERN_CAPTURES_MAX];
} PatternCaptures;

/* Reads a pattern, adding what it captures to `names`. Literals and names live in `arena`.
 * STATUS_OUT_OF_MEMORY; STATUS_MALFORMED with *out_reason (static storage). On failure *out_pattern is
 * unchanged. */
NODISCARD Status pattern_compile(const char *text, PatternNames *names, Arena *arena, Pattern *out_pattern,
                                 const char **out_reason);

/* Reads a template whose references must be among `names`. The result is a Pattern too, so that
 * pattern_match tells which texts the template can become. Statuses as pattern_compile. */
NODISCARD Status pattern_compile_template(const char *text, const PatternNames *names, Arena *arena,
                                          Pattern *out_template, const char **out_reason);

/* Whether all of text[0..size) matches; fills the entries of `captures` (NULL: not wanted) that the pattern
 * captures. Any bytes are safe. */
bool pattern_match(const Pattern *pattern, const char *text, size_t size, PatternCaptures *captures);

/* Writes `pattern`, a template, with `captures` filled in, terminated. False, and `out` undefined, when it
 * does not fit. */
bool pattern_expand(const Pattern *pattern, const PatternCaptures *captures, char *out, size_t size);

#endif
