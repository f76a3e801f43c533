/* property.c - a property's values as codes, and back; declared in thing.h. */
#include "shared/model/thing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define STEPS_MAX    0x1p53 /* beyond it a double does not hold every integer */
#define DECIMALS_MAX 12

/* A resolution as numerator / denominator, so that code × numerator / denominator is rounded once and gives
 * the double nearest to the decimal: 596 × 0.1 is 59.6, not 59.6000000000000014. `decimals` is -1 when the
 * resolution has no short decimal form. */
typedef struct Step {
    double numerator, denominator;
    int decimals;
} Step;

/* As round, for what is positive and not far from the numbers of a resolution: this is asked for every value.
 */
static double nearest(double positive)
{
    return positive < 0x1p52 ? (double)(int64_t)(positive + 0.5) : positive;
}

static Step step_of(double resolution)
{
    double power = 1;
    for (int decimals = 0; decimals <= DECIMALS_MAX; decimals++, power *= 10) {
        double scaled = resolution * power;
        double whole = nearest(scaled);
        if (whole >= 1 && fabs(scaled - whole) <= whole * 1e-15) {
            return (Step){ whole, power, decimals };
        }
    }
    double inverse = 1 / resolution;
    if (isfinite(inverse) && fabs(inverse - round(inverse)) <= inverse * 1e-15) {
        return (Step){ 1, round(inverse), -1 };
    }
    return (Step){ resolution, 1, -1 };
}

static Status encode_number(const Property *property, double number, int64_t *out_code)
{
    if (!isfinite(number) || number < property->minimum || number > property->maximum) {
        return STATUS_OUT_OF_RANGE;
    }
    if (property->encoding == CHANNEL_EXACT) {
        memcpy(out_code, &number, sizeof number);
        return STATUS_OK;
    }
    Step step = step_of(property->resolution);
    double steps = round(number * step.denominator / step.numerator);
    if (!(fabs(steps) <= STEPS_MAX)) {
        return STATUS_OUT_OF_RANGE;
    }
    *out_code = (int64_t)steps;
    return STATUS_OK;
}

static Status encode_boolean(Value value, int64_t *out_code)
{
    if (value.type == VALUE_BOOLEAN) {
        *out_code = value.boolean;
        return STATUS_OK;
    }
    if (value.type != VALUE_NUMBER) {
        return STATUS_INVALID_ARGUMENT;
    }
    if (!isfinite(value.number)) {
        return STATUS_OUT_OF_RANGE;
    }
    if (value.number != 0 && value.number != 1) {
        return STATUS_INVALID_ARGUMENT;
    }
    *out_code = value.number != 0;
    return STATUS_OK;
}

static Status encode_text(const Property *property, const char *text, TextTable *texts, int64_t *out_code)
{
    if (property->encoding == CHANNEL_ENUM) {
        for (uint32_t i = 0; i < property->enum_count; i++) {
            if (strcmp(property->enum_names[i], text) == 0) {
                *out_code = i;
                return STATUS_OK;
            }
        }
        return STATUS_OUT_OF_RANGE;
    }
    uint32_t id;
    Status status = texts ? text_intern(texts, text, &id) : STATUS_CAPACITY;
    if (status == STATUS_OK) {
        *out_code = id;
    }
    return status;
}

Status property_encode(const Property *property, Value value, TextTable *texts, int64_t *out_code)
{
    switch (property->encoding) {
    case CHANNEL_STEPS:
    case CHANNEL_EXACT:
        return value.type == VALUE_NUMBER ? encode_number(property, value.number, out_code)
                                          : STATUS_INVALID_ARGUMENT;
    case CHANNEL_BOOLEAN:
        return encode_boolean(value, out_code);
    case CHANNEL_ENUM:
    case CHANNEL_TEXT:
        return value.type == VALUE_TEXT && value.text ? encode_text(property, value.text, texts, out_code)
                                                      : STATUS_INVALID_ARGUMENT;
    }
    return STATUS_INVALID_ARGUMENT;
}

Value property_decode(const Property *property, int64_t code, const TextTable *texts)
{
    Value value = { .type = VALUE_NUMBER };
    switch (property->encoding) {
    case CHANNEL_STEPS: {
        Step step = step_of(property->resolution);
        value.number = (double)code * step.numerator / step.denominator;
        break;
    }
    case CHANNEL_EXACT:
        memcpy(&value.number, &code, sizeof value.number);
        break;
    case CHANNEL_BOOLEAN:
        value.type = VALUE_BOOLEAN;
        value.boolean = code != 0;
        break;
    case CHANNEL_ENUM:
        value.type = VALUE_TEXT;
        value.text = code >= 0 && code < property->enum_count ? property->enum_names[code] : "?";
        break;
    case CHANNEL_TEXT:
        value.type = VALUE_TEXT;
        value.text = texts && code >= 0 && code <= UINT32_MAX ? text_get(texts, (uint32_t)code) : "?";
        break;
    }
    return value;
}

const char *property_format(const Property *property, int64_t code, const TextTable *texts, char *out,
                            size_t size)
{
    Value value = property_decode(property, code, texts);
    if (size == 0) {
        return out;
    }
    if (value.type == VALUE_BOOLEAN) {
        snprintf(out, size, "%s", value.boolean ? "true" : "false");
    } else if (value.type == VALUE_TEXT) {
        snprintf(out, size, "%s", value.text);
    } else {
        double number = value.number == 0 ? 0 : value.number; /* no "-0" */
        int decimals = property->encoding == CHANNEL_STEPS ? step_of(property->resolution).decimals : -1;
        if (decimals >= 0) {
            snprintf(out, size, "%.*f", decimals, number);
        } else {
            snprintf(out, size, "%.6g", number);
        }
    }
    return out;
}
