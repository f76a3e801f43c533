#include "shared/wire/authorized.h"

#include "shared/wire/key_text.h"

#include <stdlib.h>

static const char *const role_names[] = {
    [ROLE_NONE] = "none", [ROLE_VIEWER] = "viewer", [ROLE_OPERATOR] = "operator", [ROLE_ADMIN] = "admin"
};

const char *role_name(Role role)
{
    return (unsigned)role < ARRAY_COUNT(role_names) ? role_names[role] : "?";
}

Status role_parse(const char *name, Role *out_role)
{
    for (size_t i = 0; i < ARRAY_COUNT(role_names); i++) {
        if (strcmp(name, role_names[i]) == 0) {
            *out_role = (Role)i;
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}

static Status parse_line(Bytes line, const char *path, unsigned number, AuthorizedKey *out, Diag *diag)
{
    char role[16], key[KEY_TEXT_SIZE], name[NAME_SIZE];
    *out = (AuthorizedKey){ .role = ROLE_NONE };
    if (!key_text_next_word(&line, role, sizeof role) || role_parse(role, &out->role) != STATUS_OK) {
        return diag_set(diag, STATUS_NOT_FOUND, path, number,
                        "a line begins with a role: viewer, operator, admin or none");
    }
    if (!key_text_next_word(&line, key, sizeof key) || key_text_parse(key, out->key) != STATUS_OK) {
        return diag_set(diag, STATUS_MALFORMED, path, number,
                        "after the role comes a public key: 44 characters of base64");
    }
    size_t length = line.size < sizeof name - 1 ? line.size : sizeof name - 1;
    if (length > 0) {
        memcpy(name, line.data, length);
    }
    name[length] = '\0';
    message_clean_text(name, out->name, sizeof out->name);
    return STATUS_OK;
}

static int compare_keys(const void *a, const void *b)
{
    return memcmp(((const AuthorizedKey *)a)->key, ((const AuthorizedKey *)b)->key, NOISE_KEY_SIZE);
}

/* Lines that hold a key. */
static uint32_t count_lines(Bytes text)
{
    Bytes line;
    uint32_t count = 0;
    while (count <= AUTHORIZED_MAX && key_text_next_line(&text, &line)) {
        count += line.size > 0 && line.data[0] != '#';
    }
    return count;
}

Status authorized_parse(Bytes text, const char *path, Arena *arena, AuthorizedKeys *out_keys, Diag *diag)
{
    AuthorizedKeys keys = { 0 };
    Bytes line;
    uint32_t count = count_lines(text);
    if (count > AUTHORIZED_MAX) {
        return diag_set(diag, STATUS_CAPACITY, path, 0, "more than %u keys", AUTHORIZED_MAX);
    }
    keys.keys = arena_alloc(arena, (count + 1) * sizeof *keys.keys, _Alignof(AuthorizedKey));
    if (!keys.keys) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "no memory for %u keys", count);
    }
    for (unsigned number = 1; key_text_next_line(&text, &line); number++) {
        if (line.size == 0 || line.data[0] == '#') {
            continue;
        }
        AuthorizedKey *entry = &keys.keys[keys.count];
        Status status = parse_line(line, path, number, entry, diag);
        if (status != STATUS_OK) {
            return status;
        }
        keys.count++;
    }
    qsort(keys.keys, keys.count, sizeof *keys.keys, compare_keys);
    for (uint32_t i = 1; i < keys.count; i++) {
        if (compare_keys(&keys.keys[i - 1], &keys.keys[i]) == 0) {
            char twice[KEY_TEXT_SIZE];
            return diag_set(diag, STATUS_DUPLICATE, path, 0, "the key %s is listed twice",
                            key_text_format(keys.keys[i].key, twice));
        }
    }
    *out_keys = keys;
    return STATUS_OK;
}

const AuthorizedKey *authorized_find(const AuthorizedKeys *keys, const uint8_t key[NOISE_KEY_SIZE])
{
    AuthorizedKey wanted;
    memcpy(wanted.key, key, NOISE_KEY_SIZE);
    return keys->count > 0 ? bsearch(&wanted, keys->keys, keys->count, sizeof wanted, compare_keys) : NULL;
}
