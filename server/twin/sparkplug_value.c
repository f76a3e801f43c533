#include "server/twin/sparkplug_value.h"

#include "shared/trace/number.h"

#include <math.h>
#include <stdio.h>

bool sparkplug_time(uint64_t ms, TimeNs *out_time)
{
    if (ms > (uint64_t)(INT64_MAX / TIME_MS) - 1) {
        return false;
    }
    *out_time = (TimeNs)ms * TIME_MS;
    return true;
}

static const Value *listed_value(const SparkplugTarget *target, const char *text, size_t size)
{
    const MqttConversion *conversion = &target->rule->conversion;
    for (uint32_t i = 0; i < conversion->value_count; i++) {
        if (conversion->values[i].size == size && memcmp(conversion->values[i].text, text, size) == 0) {
            return &conversion->values[i].value;
        }
    }
    return NULL;
}

static double convert(const SparkplugTarget *target, double number)
{
    return target->converts ? number * target->scale + target->offset : number;
}

static const char *read_integer(const SparkplugMetric *metric, uint32_t type, const SparkplugTarget *target,
                                Value *out_value)
{
    int64_t integer;
    bool beyond;
    char text[24];
    if (!sparkplug_integer(metric, type, &integer, &beyond)) {
        return "does not fit its type";
    }
    double number = beyond ? (double)metric->integer : (double)integer;
    int size = beyond ? snprintf(text, sizeof text, "%llu", (unsigned long long)metric->integer)
                      : snprintf(text, sizeof text, "%lld", (long long)integer);
    const Value *listed = listed_value(target, text, (size_t)size);
    *out_value =
        listed != NULL ? *listed : (Value){ .type = VALUE_NUMBER, .number = convert(target, number) };
    return NULL;
}

static const char *read_string(const SparkplugMetric *metric, const SparkplugTarget *target, char *text,
                               size_t size, Value *out_value)
{
    const Value *listed = listed_value(target, (const char *)metric->text.data, metric->text.size);
    if (listed != NULL) {
        *out_value = *listed;
        return NULL;
    }
    if (metric->text.size >= size || !scan_is_clean((const char *)metric->text.data, metric->text.size)) {
        return "is too long, or no UTF-8 text without control characters";
    }
    if (metric->text.size > 0) {
        memcpy(text, metric->text.data, metric->text.size);
    }
    text[metric->text.size] = '\0';
    *out_value = (Value){ .type = VALUE_TEXT, .text = text };
    return NULL;
}

/* The value by the field that holds it, which the type must allow. */
static const char *read_value(const SparkplugMetric *metric, uint32_t type, const SparkplugTarget *target,
                              char *text, size_t size, Value *out_value)
{
    switch (metric->field) {
    case SPARKPLUG_VALUE_INT:
    case SPARKPLUG_VALUE_LONG:
        if ((type >= SPARKPLUG_INT8 && type <= SPARKPLUG_UINT64) || type == SPARKPLUG_DATETIME) {
            return read_integer(metric, type, target, out_value);
        }
        break;
    case SPARKPLUG_VALUE_FLOAT:
    case SPARKPLUG_VALUE_DOUBLE:
        if (type == SPARKPLUG_FLOAT || type == SPARKPLUG_DOUBLE) {
            *out_value = (Value){ .type = VALUE_NUMBER, .number = convert(target, metric->number) };
            return NULL;
        }
        break;
    case SPARKPLUG_VALUE_BOOLEAN:
        if (type == SPARKPLUG_BOOLEAN) {
            bool on = metric->integer != 0;
            const Value *listed = listed_value(target, on ? "true" : "false", on ? 4 : 5);
            *out_value = listed != NULL ? *listed : (Value){ .type = VALUE_BOOLEAN, .boolean = on };
            return NULL;
        }
        break;
    case SPARKPLUG_VALUE_STRING:
        if (type == SPARKPLUG_STRING || type == SPARKPLUG_TEXT || type == SPARKPLUG_UUID) {
            return read_string(metric, target, text, size, out_value);
        }
        break;
    case SPARKPLUG_VALUE_NONE:
        return "is missing";
    case SPARKPLUG_VALUE_OTHER:
        return "is of a type that no property has";
    }
    return "is not of the type that the metric declares";
}

const char *sparkplug_encode(const SparkplugMetric *metric, uint32_t type, const SparkplugTarget *target,
                             TextTable *texts, int64_t *out_code)
{
    char text[1024];
    Value value;
    const char *reason = read_value(metric, type, target, text, sizeof text, &value);
    if (reason != NULL) {
        return reason;
    }
    switch (property_encode(target->declared, value, texts, out_code)) {
    case STATUS_OK:
        return NULL;
    case STATUS_OUT_OF_RANGE:
        return "is outside what the Thing Description allows";
    case STATUS_CAPACITY:
    case STATUS_OUT_OF_MEMORY:
        return "is one text more than the table of texts holds";
    default:
        return "is of another type than the Thing Description declares";
    }
}

/* ---- commands ---- */

static bool same_value(const Value *a, const Value *b)
{
    if (a->type != b->type) {
        return false;
    }
    return a->type == VALUE_NUMBER    ? a->number == b->number
           : a->type == VALUE_BOOLEAN ? a->boolean == b->boolean
                                      : strcmp(a->text, b->text) == 0;
}

/* What the device says for `value`; NULL when nothing is listed for it. */
static const MqttValue *listed_for(const SparkplugTarget *target, const Value *value)
{
    const MqttConversion *conversion = target == NULL ? NULL : &target->rule->conversion;
    for (uint32_t i = 0; conversion != NULL && i < conversion->value_count; i++) {
        if (same_value(&conversion->values[i].value, value)) {
            return &conversion->values[i];
        }
    }
    return NULL;
}

static Status put_whole(double number, uint32_t type, SparkplugMetric *metric)
{
    static const struct {
        double least, beyond;
    } ranges[] = { [SPARKPLUG_INT8] = { -0x1p7, 0x1p7 },    [SPARKPLUG_INT16] = { -0x1p15, 0x1p15 },
                   [SPARKPLUG_INT32] = { -0x1p31, 0x1p31 }, [SPARKPLUG_INT64] = { -0x1p63, 0x1p63 },
                   [SPARKPLUG_UINT8] = { 0, 0x1p8 },        [SPARKPLUG_UINT16] = { 0, 0x1p16 },
                   [SPARKPLUG_UINT32] = { 0, 0x1p32 },      [SPARKPLUG_UINT64] = { 0, 0x1p64 } };
    double whole = round(number);
    if (!(whole >= ranges[type].least && whole < ranges[type].beyond)) {
        return STATUS_OUT_OF_RANGE;
    }
    bool wide = type == SPARKPLUG_INT64 || type == SPARKPLUG_UINT64;
    metric->field = wide ? SPARKPLUG_VALUE_LONG : SPARKPLUG_VALUE_INT;
    metric->integer = whole < 0 ? (uint64_t)(int64_t)whole : (uint64_t)whole;
    metric->integer = wide ? metric->integer : (uint32_t)metric->integer;
    return STATUS_OK;
}

static Status put_number(double number, uint32_t type, SparkplugMetric *metric)
{
    if (!isfinite(number)) {
        return STATUS_OUT_OF_RANGE;
    }
    if (type >= SPARKPLUG_INT8 && type <= SPARKPLUG_UINT64) {
        return put_whole(number, type, metric);
    }
    if (type == SPARKPLUG_BOOLEAN && (number == 0 || number == 1)) {
        metric->field = SPARKPLUG_VALUE_BOOLEAN;
        metric->integer = number != 0;
        return STATUS_OK;
    }
    if (type == SPARKPLUG_FLOAT && !(fabs(number) <= 0x1.fffffep127)) {
        return STATUS_OUT_OF_RANGE;
    }
    if (type != SPARKPLUG_FLOAT && type != SPARKPLUG_DOUBLE) {
        return STATUS_UNSUPPORTED;
    }
    metric->field = type == SPARKPLUG_FLOAT ? SPARKPLUG_VALUE_FLOAT : SPARKPLUG_VALUE_DOUBLE;
    metric->number = number;
    return STATUS_OK;
}

static Status put_text(const char *text, size_t size, uint32_t type, SparkplugMetric *metric)
{
    double number;
    if (type == SPARKPLUG_STRING || type == SPARKPLUG_TEXT || type == SPARKPLUG_UUID) {
        metric->field = SPARKPLUG_VALUE_STRING;
        metric->text = bytes_of(text, size);
        return STATUS_OK;
    }
    if (type == SPARKPLUG_BOOLEAN && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
        return put_number(text[0] == 't', type, metric);
    }
    /* A listed number stands as text in the mapping. */
    return number_parse(text, size, '.', &number) == STATUS_OK ? put_number(number, type, metric)
                                                               : STATUS_UNSUPPORTED;
}

Status sparkplug_decode(const Value *value, uint32_t type, const SparkplugTarget *target,
                        SparkplugMetric *out_metric)
{
    SparkplugMetric metric = *out_metric;
    const MqttValue *listed = listed_for(target, value);
    Status status;
    metric.type = type;
    if (listed != NULL) {
        status = put_text(listed->text, listed->size, type, &metric);
    } else if (value->type == VALUE_TEXT) {
        status = put_text(value->text, strlen(value->text), type, &metric);
    } else if (value->type == VALUE_BOOLEAN) {
        status = put_number(value->boolean, type, &metric);
    } else {
        bool converts = target != NULL && target->converts;
        status = put_number(converts ? (value->number - target->offset) / target->scale : value->number, type,
                            &metric);
    }
    if (status == STATUS_OK) {
        *out_metric = metric;
    }
    return status;
}
