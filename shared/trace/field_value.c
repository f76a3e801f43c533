#include "shared/trace/field_value.h"

#include "shared/trace/number.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

CsvField field_trim(CsvField field)
{
    while (field.size > 0 && is_space(field.text[0])) {
        field.text++;
        field.size--;
    }
    while (field.size > 0 && is_space(field.text[field.size - 1])) {
        field.size--;
    }
    return field;
}

/* Bytes of the UTF-8 character at `at`, 0 when it is none (RFC 3629: shortest form, no surrogates, up to
 * U+10FFFF). */
static size_t utf8_size(const unsigned char *at, size_t left)
{
    unsigned char first = at[0];
    if (first < 0x80) {
        return 1;
    }
    size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < size) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (first == 0xe0 && at[1] < 0xa0) || (first == 0xf0 && at[1] < 0x90);
    bool beyond = (first == 0xed && at[1] > 0x9f) || (first == 0xf4 && at[1] > 0x8f);
    return overlong || beyond ? 0 : size;
}

static bool is_plain_text(CsvField field)
{
    const unsigned char *at = (const unsigned char *)field.text;
    for (size_t i = 0; i < field.size;) {
        size_t size = utf8_size(at + i, field.size - i);
        if (size == 0 || (size == 1 && (at[i] < 0x20 || at[i] == 0x7f))) {
            return false;
        }
        i += size;
    }
    return true;
}

/* Whether `field` is `word` (in lower case), in any letter case. */
static bool equals_word(CsvField field, const char *word)
{
    size_t i = 0;
    for (; i < field.size && word[i]; i++) {
        char c = field.text[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c) != word[i]) {
            return false;
        }
    }
    return i == field.size && !word[i];
}

static Status read_number(const TraceMapping *mapping, const MappingTarget *target, CsvField field,
                          Value *out_value, const char **out_reason)
{
    double number = 0;
    CsvField trimmed = field_trim(field);
    Status status = number_parse(trimmed.text, trimmed.size, mapping->decimal_mark, &number);
    if (status) {
        *out_reason = status == STATUS_OUT_OF_RANGE ? "is too large a number" : "is not a decimal number";
        return status;
    }
    if (target->converts) {
        number = number * target->scale + target->offset;
    }
    *out_value = (Value){ .type = VALUE_NUMBER, .number = number };
    return STATUS_OK;
}

static Status read_boolean(CsvField field, Value *out_value, const char **out_reason)
{
    CsvField trimmed = field_trim(field);
    bool is_true = equals_word(trimmed, "true") || equals_word(trimmed, "1");
    if (!is_true && !equals_word(trimmed, "false") && !equals_word(trimmed, "0")) {
        *out_reason = "is none of true, false, 1 and 0";
        return STATUS_MALFORMED;
    }
    *out_value = (Value){ .type = VALUE_BOOLEAN, .boolean = is_true };
    return STATUS_OK;
}

static Status read_text(CsvField field, Value *out_value, const char **out_reason)
{
    if (!is_plain_text(field)) {
        *out_reason = "is not UTF-8 text, or has control characters";
        return STATUS_MALFORMED;
    }
    *out_value = (Value){ .type = VALUE_TEXT, .text = field.text };
    return STATUS_OK;
}

static const Value *listed_value(const MappingRule *rule, CsvField field)
{
    for (uint32_t i = 0; i < rule->value_count; i++) {
        const MappingValue *value = &rule->values[i];
        if (value->size == field.size && memcmp(value->text, field.text, field.size) == 0) {
            return &value->value;
        }
    }
    return NULL;
}

static Status read_value(const TraceMapping *mapping, const MappingTarget *target, CsvField field,
                         Value *out_value, const char **out_reason)
{
    const Value *listed = listed_value(target->rule, field);
    if (listed) {
        *out_value = *listed;
        return STATUS_OK;
    }
    switch (target->declared->encoding) {
    case CHANNEL_STEPS:
    case CHANNEL_EXACT:
        return read_number(mapping, target, field, out_value, out_reason);
    case CHANNEL_BOOLEAN:
        return read_boolean(field, out_value, out_reason);
    default:
        return read_text(field, out_value, out_reason);
    }
}

Status field_encode(const TraceMapping *mapping, const MappingTarget *target, CsvField field,
                    TextTable *texts, int64_t *out_code, const char **out_reason)
{
    Value value = { 0 };
    Status status = read_value(mapping, target, field, &value, out_reason);
    if (status) {
        return status;
    }
    status = property_encode(target->declared, value, texts, out_code);
    if (status == STATUS_CAPACITY) {
        *out_reason = "is one text more than the table of texts holds";
    } else if (status == STATUS_OUT_OF_RANGE) {
        *out_reason = "is outside what the Thing Description allows";
    } else if (status) {
        *out_reason = "is of another type than the Thing Description declares";
    }
    return status;
}
