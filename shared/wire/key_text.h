/* key_text.h - keys as people see them: 32 bytes in base64, 44 characters. Pure. */
#ifndef SHARED_WIRE_KEY_TEXT_H
#define SHARED_WIRE_KEY_TEXT_H
#include "shared/wire/noise.h"

#define KEY_TEXT_SIZE 45u /* with the terminator */

/* Returns `out`. */
const char *key_text_format(const uint8_t key[NOISE_KEY_SIZE], char out[KEY_TEXT_SIZE]);

/* STATUS_MALFORMED unless `text` is exactly one key (standard alphabet, padded). */
NODISCARD Status key_text_parse(const char *text, uint8_t out_key[NOISE_KEY_SIZE]);

/* The next line of *text with blanks trimmed from both ends, without "\n" or "\r\n"; *text moves behind it.
 * False at the end. */
bool key_text_next_line(Bytes *text, Bytes *out_line);

/* The next word of *line, up to a blank, into `out`, terminated; *line moves behind it. False when there is
 * none, when it does not fit or when it has a byte that is not printable ASCII. */
bool key_text_next_word(Bytes *line, char *out, size_t size);

#endif
