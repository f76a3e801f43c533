#include "shared/wire/known_hosts.h"

#include "shared/wire/key_text.h"

Status known_hosts_find(Bytes text, const char *path, const char *host, uint8_t out_key[NOISE_KEY_SIZE],
                        unsigned *out_line, Diag *diag)
{
    Bytes line;
    for (unsigned number = 1; key_text_next_line(&text, &line); number++) {
        char name[KNOWN_HOST_SIZE], key_text[KEY_TEXT_SIZE];
        uint8_t key[NOISE_KEY_SIZE];
        if (line.size == 0 || line.data[0] == '#') {
            continue;
        }
        if (!key_text_next_word(&line, name, sizeof name) ||
            !key_text_next_word(&line, key_text, sizeof key_text) || line.size != 0 ||
            key_text_parse(key_text, key) != STATUS_OK) {
            return diag_set(diag, STATUS_MALFORMED, path, number, "not \"HOST:PORT KEY\"");
        }
        if (strcmp(name, host) == 0) {
            memcpy(out_key, key, sizeof key);
            *out_line = number;
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}
