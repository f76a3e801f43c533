#include "shared/model/text.h"

#include <string.h>

Status text_table_init(TextTable *table, uint32_t capacity, Arena *arena)
{
    if (capacity > UINT32_C(1) << 30) {
        return STATUS_INVALID_ARGUMENT;
    }
    uint32_t slots = 8;
    while (slots < capacity * 2) {
        slots *= 2;
    }
    TextTable fresh = { .arena = arena,
                        .texts = arena_new_array(arena, const char *, capacity),
                        .capacity = capacity,
                        .slots = arena_new_array(arena, uint32_t, slots),
                        .slot_mask = slots - 1 };
    if (!fresh.texts || !fresh.slots) {
        return STATUS_OUT_OF_MEMORY;
    }
    *table = fresh;
    return STATUS_OK;
}

/* Bytes of `text` that are kept: a character of UTF-8 is never cut in two. */
static size_t kept_size(const char *text)
{
    size_t size = strnlen(text, TEXT_SIZE_MAX + 1);
    if (size <= TEXT_SIZE_MAX) {
        return size;
    }
    size = TEXT_SIZE_MAX;
    for (int i = 0; i < 3 && ((unsigned char)text[size] & 0xC0) == 0x80; i++) {
        size--;
    }
    return size;
}

/* FNV-1a. A trace cannot force long probe chains for long: the table holds `capacity` texts at most. */
static uint32_t hash_text(const char *text, size_t size)
{
    uint32_t hash = UINT32_C(2166136261);
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)text[i]) * UINT32_C(16777619);
    }
    return hash;
}

Status text_intern(TextTable *table, const char *text, uint32_t *out_id)
{
    size_t size = kept_size(text);
    uint32_t slot = hash_text(text, size) & table->slot_mask;
    for (; table->slots[slot]; slot = (slot + 1) & table->slot_mask) {
        const char *known = table->texts[table->slots[slot] - 1];
        if (strncmp(known, text, size) == 0 && known[size] == '\0') {
            *out_id = table->slots[slot] - 1;
            return STATUS_OK;
        }
    }
    if (table->count >= table->capacity) {
        return STATUS_CAPACITY;
    }
    char *copy = arena_copy_text(table->arena, text, size);
    if (!copy) {
        return STATUS_OUT_OF_MEMORY;
    }
    table->texts[table->count++] = copy;
    table->slots[slot] = table->count;
    *out_id = table->count - 1;
    return STATUS_OK;
}

const char *text_get(const TextTable *table, uint32_t id)
{
    return id < table->count ? table->texts[id] : "?";
}
