/* fuzz_json_scan.c - any bytes as a JSON text. jansson is the oracle: what it accepts we accept, and the
 * other way round (but for numbers it cannot hold, and names that come twice); what is found is the same. */
#include "shared/mqtt/json_scan.h"
#include "tests/fuzz/fuzz_input.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ScanStep key = { .key = "value", .size = 5 };
    const ScanPath paths[] = { { .steps = { key }, .count = 1 }, { .count = 0 } };
    ScanField fields[2];
    json_error_t error;
    Status status = json_scan(bytes_of(data, size), paths, 2, fields);
    if (size > 0 && memchr(data, 0, size) != NULL) { /* jansson takes one behind the value for the end */
        if (status == STATUS_OK) {
            abort();
        }
        return 0;
    }
    json_t *root = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        enum json_error_code code = json_error_code(&error);
        bool ours_too = code == json_error_numeric_overflow || code == json_error_duplicate_key;
        if (status == STATUS_OK && !ours_too) {
            abort();
        }
    } else if (status == STATUS_OK) {
        const json_t *value = json_object_get(root, "value");
        if ((value == NULL) != (fields[0].kind == SCAN_ABSENT) ||
            json_is_string(value) != (fields[0].kind == SCAN_TEXT) ||
            json_is_boolean(value) != (fields[0].kind == SCAN_BOOLEAN)) {
            abort();
        }
        char text[256];
        size_t length;
        if (json_is_string(value) && scan_text(&fields[0], text, sizeof text, &length) &&
            (length != json_string_length(value) || memcmp(text, json_string_value(value), length) != 0)) {
            abort();
        }
        double number;
        if (json_is_number(value) &&
            (scan_number(&fields[0], &number) != STATUS_OK || number != json_number_value(value))) {
            abort();
        }
    } else if (size < 64) { /* longer ones may be nested deeper than we go */
        abort();
    }
    json_decref(root);
    return 0;
}
