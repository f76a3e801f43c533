/* fuzz_sparkplug.c - any bytes as a Sparkplug B payload: what is accepted is read to its end, lies inside the
 * input, and reads the same after it was written again. */
#include "server/twin/sparkplug.h"
#include "tests/fuzz/fuzz_input.h"

#include <stdlib.h>

static bool inside(Bytes part, const uint8_t *data, size_t size)
{
    return part.size == 0 ||
           (part.data >= data && part.size <= size && (size_t)(part.data - data) <= size - part.size);
}

static bool same(const SparkplugMetric *a, const SparkplugMetric *b)
{
    bool value =
        a->null ||
        (a->field == b->field && a->integer == b->integer && bytes_equal(a->text, b->text) &&
         (a->field == SPARKPLUG_VALUE_FLOAT || memcmp(&a->number, &b->number, sizeof a->number) == 0));
    bool other = a->field == SPARKPLUG_VALUE_OTHER; /* is not written */
    return bytes_equal(a->name, b->name) && a->has_alias == b->has_alias && a->alias == b->alias &&
           a->has_timestamp == b->has_timestamp && a->timestamp == b->timestamp &&
           a->historical == b->historical && a->null == b->null && a->type == b->type && (value || other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SparkplugPayload payload, again;
    SparkplugMetric metrics[32], metric;
    uint8_t bytes[8192];
    uint32_t count = 0;
    if (sparkplug_open(bytes_of(data, size), &payload) != STATUS_OK) {
        return 0;
    }
    SparkplugPayload head = payload;
    while (sparkplug_next(&payload, &metric)) {
        int64_t integer;
        bool beyond;
        if (!inside(metric.name, data, size) || !inside(metric.text, data, size)) {
            abort();
        }
        for (uint32_t type = 0; type < 20; type++) {
            (void)sparkplug_integer(&metric, type, &integer, &beyond);
        }
        if (count < 32) {
            metrics[count] = metric;
        }
        count++;
    }
    if (count != head.metric_count) {
        abort();
    }
    count = count < 32 ? count : 32;
    size_t written = sparkplug_write(&head, metrics, count, bytes, sizeof bytes);
    if (written == 0) {
        return 0;
    }
    if (sparkplug_open(bytes_of(bytes, written), &again) != STATUS_OK || again.metric_count != count ||
        again.has_seq != head.has_seq || again.seq != head.seq || again.timestamp != head.timestamp) {
        abort();
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!sparkplug_next(&again, &metric) || !same(&metrics[i], &metric)) {
            abort();
        }
    }
    return 0;
}
