/* json_scan.h - a few values out of a JSON text that is untrusted and comes a hundred thousand times a
 * second: one pass, no memory but the caller's. The whole text is checked against RFC 8259, so what is
 * accepted is what a full parser accepts. Pure. */
#ifndef SHARED_MQTT_JSON_SCAN_H
#define SHARED_MQTT_JSON_SCAN_H
#include "shared/base/arena.h"
#include "shared/base/bytes.h"
#include "shared/base/status.h"

#define SCAN_DEPTH_MAX 32
#define SCAN_PATHS_MAX 16
#define SCAN_STEPS_MAX 8
#define SCAN_KEY_MAX   255 /* bytes of a member's name that a path can name */

typedef struct ScanStep {
    const char *key; /* NULL: an element of an array */
    uint32_t size;   /* of the key */
    uint32_t index;
} ScanStep;

/* Where a value is: "value", "sensor.value", "readings[0].v"; "" is the whole text. */
typedef struct ScanPath {
    ScanStep steps[SCAN_STEPS_MAX];
    uint32_t count;
} ScanPath;

typedef enum ScanKind {
    SCAN_ABSENT,
    SCAN_NULL,
    SCAN_BOOLEAN,
    SCAN_NUMBER,
    SCAN_TEXT,
    SCAN_COMPOUND /* an object or array */
} ScanKind;

/* What was found. `text` is borrowed from the input: the digits of a number, a text without its quotes. */
typedef struct ScanField {
    ScanKind kind;
    bool boolean;
    bool escaped; /* the text has escapes: scan_text resolves them */
    const char *text;
    size_t size;
} ScanField;

/* Reads a path; keys hold no '.', '[' or ']' and live in `arena`. STATUS_MALFORMED with *out_reason (static
 * storage), STATUS_OUT_OF_MEMORY; *out_path is then unchanged. */
NODISCARD Status scan_path_compile(const char *text, Arena *arena, ScanPath *out_path,
                                   const char **out_reason);

/* Fills out_fields[i] from paths[i]. STATUS_MALFORMED for anything that is no JSON text (NUL, bad UTF-8, a
 * lone surrogate, more than SCAN_DEPTH_MAX levels), and where a path leads to two values because a name comes
 * twice. On failure `out_fields` is undefined. `path_count` ≤ SCAN_PATHS_MAX. */
NODISCARD Status json_scan(Bytes text, const ScanPath *paths, size_t path_count, ScanField *out_fields);

/* The text of a SCAN_TEXT field with its escapes resolved, terminated. False when it does not fit or holds a
 * control character; `out` is then undefined. *out_size is without the terminator; NULL: not wanted. */
bool scan_text(const ScanField *field, char *out, size_t size, size_t *out_size);

/* The number of a SCAN_NUMBER field. STATUS_OUT_OF_RANGE when binary64 cannot hold it. */
NODISCARD Status scan_number(const ScanField *field, double *out_number);

/* Whether text[0..size) is UTF-8 (shortest forms, no surrogates) without control characters. */
bool scan_is_clean(const char *text, size_t size);

/* Writes text[0..size) as the inside of a JSON string (escapes for quotes, backslash, control characters),
 * without quotes, terminated. The number of bytes, or SIZE_MAX when it does not fit. */
size_t json_escape(const char *text, size_t size, char *out, size_t out_size);

/* Writes `number` (finite) as a JSON number that reads back as the same binary64, terminated. The number of
 * bytes. `out` holds 32 bytes. */
size_t json_put_number(double number, char *out);

#endif
