#include "server/enabler/tokens.h"

#include "shared/wire/key_text.h"

#include <sodium.h>

#define EXPIRES_DIGITS_MAX 10 /* seconds, until the year 2286 */

static Status parse_hash(const char *text, uint8_t *out)
{
    size_t size = 0;
    return sodium_hex2bin(out, TOKEN_HASH_SIZE, text, strlen(text), NULL, &size, NULL) == 0 &&
                   size == TOKEN_HASH_SIZE
               ? STATUS_OK
               : STATUS_MALFORMED;
}

static Status parse_expiry(const char *text, TimeNs *out)
{
    int64_t seconds = 0;
    size_t size = strlen(text);
    if (size == 0 || size > EXPIRES_DIGITS_MAX || strspn(text, "0123456789") != size) {
        return STATUS_MALFORMED;
    }
    for (const char *c = text; *c != '\0'; c++) {
        seconds = seconds * 10 + (*c - '0');
    }
    if (seconds > INT64_MAX / TIME_SECOND) {
        return STATUS_MALFORMED;
    }
    *out = seconds * TIME_SECOND;
    return STATUS_OK;
}

static Status parse_line(Bytes line, const char *path, unsigned number, ServiceToken *out, Diag *diag)
{
    char hash[2 * TOKEN_HASH_SIZE + 1], expires[EXPIRES_DIGITS_MAX + 1];
    *out = (ServiceToken){ .expires = TIME_FOREVER };
    if (!key_text_next_word(&line, out->name, sizeof out->name) || !system_name_valid(out->name)) {
        return diag_set(diag, STATUS_MALFORMED, path, number, "a line begins with the name of a service");
    }
    if (!key_text_next_word(&line, hash, sizeof hash) || parse_hash(hash, out->hash) != STATUS_OK) {
        return diag_set(diag, STATUS_MALFORMED, path, number,
                        "after the name comes the hash of its token: 64 hex digits (b2sum -l 256)");
    }
    if (line.size == 0) {
        return STATUS_OK;
    }
    if (!key_text_next_word(&line, expires, sizeof expires) || line.size > 0 ||
        parse_expiry(expires, &out->expires) != STATUS_OK) {
        return diag_set(diag, STATUS_MALFORMED, path, number,
                        "after the hash comes nothing, or when it expires, in seconds since 1970");
    }
    return STATUS_OK;
}

static bool has_entry(Bytes line)
{
    return line.size > 0 && line.data[0] != '#';
}

Status tokens_parse(Bytes text, const char *path, Arena *arena, ServiceTokens *out_tokens, Diag *diag)
{
    Bytes rest = text, line;
    uint32_t count = 0;
    while (count <= TOKENS_MAX && key_text_next_line(&rest, &line)) {
        count += has_entry(line);
    }
    if (count > TOKENS_MAX) {
        return diag_set(diag, STATUS_CAPACITY, path, 0, "more than %u tokens", TOKENS_MAX);
    }
    ServiceToken *tokens = arena_new_array(arena, ServiceToken, count);
    if (!tokens) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, path, 0, "no memory for %u tokens", count);
    }
    uint32_t used = 0;
    for (unsigned number = 1; key_text_next_line(&text, &line); number++) {
        if (has_entry(line)) {
            Status status = parse_line(line, path, number, &tokens[used++], diag);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    *out_tokens = (ServiceTokens){ .tokens = tokens, .count = used };
    return STATUS_OK;
}

bool tokens_name_listed(const ServiceTokens *tokens, const char *name)
{
    for (uint32_t i = 0; i < tokens->count; i++) {
        if (strcmp(tokens->tokens[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

Status tokens_check(const ServiceTokens *tokens, const char *name, const char *token, TimeNs wall)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    crypto_generichash(hash, sizeof hash, (const uint8_t *)token, strlen(token), NULL, 0);
    Status status = STATUS_NOT_FOUND;
    for (uint32_t i = 0; i < tokens->count; i++) {
        const ServiceToken *known = &tokens->tokens[i];
        bool same = sodium_memcmp(hash, known->hash, sizeof hash) == 0;
        if (same && strcmp(known->name, name) == 0 && status != STATUS_OK) {
            status = wall < known->expires ? STATUS_OK : STATUS_TIMED_OUT;
        }
    }
    sodium_memzero(hash, sizeof hash);
    return status;
}
