#include "server/system_keys.h"

#include "shared/wire/key_text.h"

static Status parse_line(Bytes line, const char *path, unsigned number, SystemKey *out, Diag *diag)
{
    char kind[16], key[KEY_TEXT_SIZE];
    *out = (SystemKey){ 0 };
    if (key_text_next_word(&line, kind, sizeof kind)) {
        out->kind = system_kind_parse(kind);
    }
    if (out->kind == SYSTEM_NONE || out->kind == SYSTEM_ENABLER) {
        return diag_set(diag, STATUS_MALFORMED, path, number,
                        "a line begins with a kind of system: twin, metaverse or service");
    }
    if (!key_text_next_word(&line, key, sizeof key) || key_text_parse(key, out->key) != STATUS_OK) {
        return diag_set(diag, STATUS_MALFORMED, path, number,
                        "after the kind comes a public key: 44 characters of base64");
    }
    if (!key_text_next_word(&line, out->name, sizeof out->name) || line.size > 0 ||
        (strcmp(out->name, "*") != 0 && !system_name_valid(out->name))) {
        return diag_set(diag, STATUS_MALFORMED, path, number, "after the key comes a system's name, or *");
    }
    return STATUS_OK;
}

Status system_keys_parse(Bytes text, const char *path, Arena *arena, SystemKeys *out_keys, Diag *diag)
{
    SystemKeys keys = { 0 };
    Bytes rest = text, line;
    uint32_t count = 0;
    while (count <= SYSTEM_KEYS_MAX && key_text_next_line(&rest, &line)) {
        count += line.size > 0 && line.data[0] != '#';
    }
    if (count > SYSTEM_KEYS_MAX) {
        return diag_set(diag, STATUS_CAPACITY, path, 0, "more than %u keys", SYSTEM_KEYS_MAX);
    }
    keys.keys = arena_new_array(arena, SystemKey, count);
    if (keys.keys == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "no memory for %u keys", (unsigned)count);
    }
    for (unsigned number = 1; key_text_next_line(&text, &line); number++) {
        if (line.size == 0 || line.data[0] == '#') {
            continue;
        }
        Status status = parse_line(line, path, number, &keys.keys[keys.count], diag);
        if (status != STATUS_OK) {
            return status;
        }
        keys.count++;
    }
    *out_keys = keys;
    return STATUS_OK;
}

const char *system_keys_refuse(const SystemKeys *keys, const uint8_t own[NOISE_KEY_SIZE], SystemKind kind,
                               const char *name, const uint8_t key[NOISE_KEY_SIZE])
{
    bool taken = false, any_kind = false;
    for (uint32_t i = 0; i < keys->count; i++) {
        const SystemKey *entry = &keys->keys[i];
        bool same_key = memcmp(entry->key, key, NOISE_KEY_SIZE) == 0;
        bool named = strcmp(entry->name, name) == 0;
        if (same_key && (named || strcmp(entry->name, "*") == 0)) {
            if (entry->kind == kind) {
                return NULL;
            }
            any_kind = true;
        }
        taken |= named;
    }
    if (any_kind) {
        return "this key is listed for a system of another kind";
    }
    if (taken) {
        return "this name belongs to another key";
    }
    return memcmp(own, key, NOISE_KEY_SIZE) == 0 ? NULL : "this key is not listed";
}
