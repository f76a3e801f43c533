/* sparkplug_oracle - payloads at random, written by protobuf-c and read by us, and the other way round. */
#include "server/twin/sparkplug.h"
#include "shared/base/random.h"

#include <sparkplug_b.pb-c.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS      20000
#define METRICS_MAX 6

static void fail(const char *what, int round)
{
    fprintf(stderr, "sparkplug_oracle: %s differs in round %d\n", what, round);
    exit(1);
}

static uint64_t some_number(Random *random)
{
    return random_u64(random) >> random_below(random, 64);
}

static bool maybe(Random *random)
{
    return random_below(random, 2) == 0;
}

/* Texts as both sides see them: terminated. */
static char texts[METRICS_MAX][2][40];

static char *some_text(Random *random, char *out)
{
    size_t size = random_below(random, 39);
    for (size_t i = 0; i < size; i++) {
        out[i] = (char)('!' + random_below(random, 90));
    }
    out[size] = '\0';
    return out;
}

static void fill_value(Random *random, SparkplugOracle__Metric *metric, char *text)
{
    switch (random_below(random, 8)) {
    case 0:
        metric->value_case = SPARKPLUG_ORACLE__METRIC__VALUE_INT_VALUE;
        metric->int_value = (uint32_t)some_number(random);
        break;
    case 1:
        metric->value_case = SPARKPLUG_ORACLE__METRIC__VALUE_LONG_VALUE;
        metric->long_value = some_number(random);
        break;
    case 2:
        metric->value_case = SPARKPLUG_ORACLE__METRIC__VALUE_FLOAT_VALUE;
        metric->float_value = (float)random_between(random, -1e6, 1e6);
        break;
    case 3:
        metric->value_case = SPARKPLUG_ORACLE__METRIC__VALUE_DOUBLE_VALUE;
        metric->double_value = random_between(random, -1e6, 1e6);
        break;
    case 4:
        metric->value_case = SPARKPLUG_ORACLE__METRIC__VALUE_BOOLEAN_VALUE;
        metric->boolean_value = maybe(random);
        break;
    case 5:
        metric->value_case = SPARKPLUG_ORACLE__METRIC__VALUE_STRING_VALUE;
        metric->string_value = some_text(random, text);
        break;
    case 6:
        metric->value_case = SPARKPLUG_ORACLE__METRIC__VALUE_BYTES_VALUE;
        metric->bytes_value.data = (uint8_t *)some_text(random, text);
        metric->bytes_value.len = strlen(text);
        break;
    default:
        break;
    }
}

static void fill_metric(Random *random, SparkplugOracle__Metric *metric, int index)
{
    sparkplug_oracle__metric__init(metric);
    if (maybe(random)) {
        metric->name = some_text(random, texts[index][0]);
    }
    metric->has_alias = maybe(random);
    metric->alias = some_number(random);
    metric->has_timestamp = maybe(random);
    metric->timestamp = some_number(random);
    metric->has_datatype = maybe(random);
    metric->datatype = (uint32_t)random_below(random, 20);
    metric->has_is_historical = maybe(random);
    metric->is_historical = maybe(random);
    metric->has_is_transient = maybe(random);
    metric->has_is_null = maybe(random);
    metric->is_null = maybe(random);
    if (maybe(random)) {
        static uint8_t nested[] = { 0x08, 0x01 };
        metric->has_metadata = metric->has_properties = 1;
        metric->metadata = metric->properties = (ProtobufCBinaryData){ .len = sizeof nested, .data = nested };
    }
    fill_value(random, metric, texts[index][1]);
}

static bool same_text(Bytes ours, const char *theirs)
{
    return ours.size == (theirs == NULL ? 0 : strlen(theirs)) &&
           (ours.size == 0 || memcmp(ours.data, theirs, ours.size) == 0);
}

static bool same_value(const SparkplugMetric *ours, const SparkplugOracle__Metric *theirs)
{
    switch (theirs->value_case) {
    case SPARKPLUG_ORACLE__METRIC__VALUE_INT_VALUE:
        return ours->field == SPARKPLUG_VALUE_INT && ours->integer == theirs->int_value;
    case SPARKPLUG_ORACLE__METRIC__VALUE_LONG_VALUE:
        return ours->field == SPARKPLUG_VALUE_LONG && ours->integer == theirs->long_value;
    case SPARKPLUG_ORACLE__METRIC__VALUE_FLOAT_VALUE:
        return ours->field == SPARKPLUG_VALUE_FLOAT && ours->number == (double)theirs->float_value;
    case SPARKPLUG_ORACLE__METRIC__VALUE_DOUBLE_VALUE:
        return ours->field == SPARKPLUG_VALUE_DOUBLE && ours->number == theirs->double_value;
    case SPARKPLUG_ORACLE__METRIC__VALUE_BOOLEAN_VALUE:
        return ours->field == SPARKPLUG_VALUE_BOOLEAN && (ours->integer != 0) == (theirs->boolean_value != 0);
    case SPARKPLUG_ORACLE__METRIC__VALUE_STRING_VALUE:
        return ours->field == SPARKPLUG_VALUE_STRING && same_text(ours->text, theirs->string_value);
    case SPARKPLUG_ORACLE__METRIC__VALUE_BYTES_VALUE:
        return ours->field == SPARKPLUG_VALUE_OTHER;
    default:
        return ours->field == SPARKPLUG_VALUE_NONE;
    }
}

static bool same_metric(const SparkplugMetric *ours, const SparkplugOracle__Metric *theirs)
{
    return same_text(ours->name, theirs->name) && ours->has_alias == (theirs->has_alias != 0) &&
           (!ours->has_alias || ours->alias == theirs->alias) &&
           ours->has_timestamp == (theirs->has_timestamp != 0) &&
           (!ours->has_timestamp || ours->timestamp == theirs->timestamp) &&
           ours->type == (theirs->has_datatype ? theirs->datatype : 0) &&
           ours->historical == (theirs->has_is_historical && theirs->is_historical) &&
           ours->null == (theirs->has_is_null && theirs->is_null);
}

static void compare(const SparkplugPayload *opened, const SparkplugOracle__Payload *theirs, bool values,
                    int round)
{
    SparkplugPayload payload = *opened;
    SparkplugMetric metric;
    if (payload.has_seq != (theirs->has_seq != 0) || (payload.has_seq && payload.seq != theirs->seq) ||
        payload.has_timestamp != (theirs->has_timestamp != 0) ||
        (payload.has_timestamp && payload.timestamp != theirs->timestamp) ||
        payload.metric_count != theirs->n_metrics) {
        fail("payload", round);
    }
    for (size_t i = 0; i < theirs->n_metrics; i++) {
        if (!sparkplug_next(&payload, &metric) || !same_metric(&metric, theirs->metrics[i])) {
            fail("metric", round);
        }
        /* We write no value beside null, and none that we cannot read. */
        if (values && !same_value(&metric, theirs->metrics[i])) {
            fail("value", round);
        }
    }
}

static void one_round(Random *random, int round)
{
    SparkplugOracle__Payload theirs = SPARKPLUG_ORACLE__PAYLOAD__INIT;
    SparkplugOracle__Metric metrics[METRICS_MAX], *list[METRICS_MAX];
    SparkplugMetric ours[METRICS_MAX];
    SparkplugPayload payload;
    uint8_t bytes[4096], again[4096];
    theirs.has_timestamp = maybe(random);
    theirs.timestamp = some_number(random);
    theirs.has_seq = maybe(random);
    theirs.seq = some_number(random);
    theirs.n_metrics = random_below(random, METRICS_MAX + 1);
    theirs.metrics = list;
    for (size_t i = 0; i < theirs.n_metrics; i++) {
        list[i] = &metrics[i];
        fill_metric(random, &metrics[i], (int)i);
    }
    size_t size = sparkplug_oracle__payload__pack(&theirs, bytes);
    if (sparkplug_open(bytes_of(bytes, size), &payload) != STATUS_OK) {
        fail("acceptance", round);
    }
    compare(&payload, &theirs, true, round);
    SparkplugPayload reading = payload;
    for (size_t i = 0; i < theirs.n_metrics; i++) {
        if (!sparkplug_next(&reading, &ours[i])) {
            fail("count", round);
        }
    }
    size_t written = sparkplug_write(&payload, ours, theirs.n_metrics, again, sizeof again);
    SparkplugOracle__Payload *back = written == 0 && size > 0 && theirs.n_metrics > 0
                                         ? NULL
                                         : sparkplug_oracle__payload__unpack(NULL, written, again);
    if (back == NULL) {
        fail("what we write", round);
    }
    compare(&payload, back, false, round);
    for (size_t i = 0; i < theirs.n_metrics; i++) {
        if (!ours[i].null && ours[i].field != SPARKPLUG_VALUE_OTHER &&
            !same_value(&ours[i], back->metrics[i])) {
            fail("a value that we write", round);
        }
    }
    sparkplug_oracle__payload__free_unpacked(back, NULL);
}

int main(void)
{
    Random random = random_seeded(2026);
    for (int round = 0; round < ROUNDS; round++) {
        one_round(&random, round);
    }
    printf("%d payloads read and written as protobuf-c does\n", ROUNDS);
    return 0;
}
