/* text.h - the world's table of free texts: a text property's code is an id here, so a snapshot carries only
 * integers. Ids start at 0 and are never reused within a session of the server; the server tells clients each
 * text once, reliably, before they can show a snapshot that refers to it. Pure. */
#ifndef SHARED_MODEL_TEXT_H
#define SHARED_MODEL_TEXT_H
#include "shared/base/arena.h"
#include "shared/base/status.h"

#include <stdint.h>

#define TEXT_SIZE_MAX 255 /* bytes of one text; longer ones are cut at a character */

typedef struct TextTable {
    Arena *arena; /* borrowed; owns the strings */
    const char **texts;
    uint32_t count, capacity;
    uint32_t *slots; /* hash table of ids + 1, 0 when free; at least twice as many as capacity */
    uint32_t slot_mask;
} TextTable;

/* `capacity` texts at most, up to 2^30 (STATUS_INVALID_ARGUMENT). STATUS_OUT_OF_MEMORY. */
NODISCARD Status text_table_init(TextTable *table, uint32_t capacity, Arena *arena);

/* The id of `text` (cut to TEXT_SIZE_MAX), adding it if new. STATUS_CAPACITY when full, STATUS_OUT_OF_MEMORY;
 * *out_id is then unchanged. */
NODISCARD Status text_intern(TextTable *table, const char *text, uint32_t *out_id);

/* The text with `id`, or "?" when there is none. */
const char *text_get(const TextTable *table, uint32_t id);

#endif
