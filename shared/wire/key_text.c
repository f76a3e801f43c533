#include "shared/wire/key_text.h"

#include <sodium.h>

const char *key_text_format(const uint8_t key[NOISE_KEY_SIZE], char out[KEY_TEXT_SIZE])
{
    return sodium_bin2base64(out, KEY_TEXT_SIZE, key, NOISE_KEY_SIZE, sodium_base64_VARIANT_ORIGINAL);
}

Status key_text_parse(const char *text, uint8_t out_key[NOISE_KEY_SIZE])
{
    uint8_t key[NOISE_KEY_SIZE];
    size_t size = 0;
    if (strlen(text) != KEY_TEXT_SIZE - 1 ||
        sodium_base642bin(key, sizeof key, text, KEY_TEXT_SIZE - 1, NULL, &size, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        size != sizeof key) {
        return STATUS_MALFORMED;
    }
    memcpy(out_key, key, sizeof key);
    sodium_memzero(key, sizeof key);
    return STATUS_OK;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static Bytes skip_blanks(Bytes bytes)
{
    while (bytes.size > 0 && is_blank(bytes.data[0])) {
        bytes = bytes_of(bytes.data + 1, bytes.size - 1);
    }
    return bytes;
}

bool key_text_next_line(Bytes *text, Bytes *out_line)
{
    if (text->size == 0) {
        return false;
    }
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t length = end ? (size_t)(end - text->data) : text->size;
    size_t step = end ? length + 1 : length;
    Bytes line = skip_blanks(bytes_of(text->data, length));
    while (line.size > 0 && is_blank(line.data[line.size - 1])) {
        line.size--;
    }
    *text = bytes_of(text->data + step, text->size - step);
    *out_line = line;
    return true;
}

bool key_text_next_word(Bytes *line, char *out, size_t size)
{
    Bytes rest = skip_blanks(*line);
    size_t length = 0;
    while (length < rest.size && !is_blank(rest.data[length])) {
        if (length + 1 >= size || rest.data[length] <= ' ' || rest.data[length] > '~') {
            return false;
        }
        out[length] = (char)rest.data[length];
        length++;
    }
    if (length == 0) {
        return false;
    }
    out[length] = '\0';
    *line = skip_blanks(bytes_of(rest.data + length, rest.size - length));
    return true;
}
