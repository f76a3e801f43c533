#include "server/twin/sparkplug.h"
#include "shared/base/disk_file.h"
#include "shared/base/random.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* {"low", "high", "unsigned"} as the vectors write 64-bit numbers. */
static uint64_t long_of(const json_t *value)
{
    uint64_t low = (uint32_t)json_integer_value(json_object_get(value, "low"));
    uint64_t high = (uint32_t)json_integer_value(json_object_get(value, "high"));
    return high << 32 | low;
}

static uint32_t type_of(const char *name)
{
    static const char *const names[] = { "",       "Int8",     "Int16",  "Int32", "Int64",  "UInt8",
                                         "UInt16", "UInt32",   "UInt64", "Float", "Double", "Boolean",
                                         "String", "DateTime", "Text",   "UUID" };
    for (uint32_t i = 1; i < ARRAY_COUNT(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return 0;
}

static void compare_value(const SparkplugMetric *metric, const json_t *value)
{
    int64_t integer = 0;
    bool beyond;
    switch (metric->type) {
    case SPARKPLUG_FLOAT:
    case SPARKPLUG_DOUBLE:
        assert_true(metric->number == json_number_value(value));
        break;
    case SPARKPLUG_BOOLEAN:
        assert_int_equal(metric->field, SPARKPLUG_VALUE_BOOLEAN);
        assert_int_equal(metric->integer, json_is_true(value));
        break;
    case SPARKPLUG_STRING:
        assert_int_equal(metric->text.size, json_string_length(value));
        assert_memory_equal(metric->text.data, json_string_value(value), metric->text.size);
        break;
    default:
        assert_true(sparkplug_integer(metric, metric->type, &integer, &beyond));
        assert_false(beyond);
        assert_int_equal(integer,
                         json_is_object(value) ? (int64_t)long_of(value) : json_integer_value(value));
        break;
    }
}

static void compare_metric(const SparkplugMetric *metric, const json_t *expected)
{
    const char *name = json_string_value(json_object_get(expected, "name"));
    const json_t *alias = json_object_get(expected, "alias"), *time = json_object_get(expected, "timestamp");
    assert_int_equal(metric->name.size, name == NULL ? 0 : strlen(name));
    if (name != NULL) {
        assert_memory_equal(metric->name.data, name, metric->name.size);
    }
    assert_int_equal(metric->has_alias, alias != NULL);
    assert_int_equal(metric->alias, long_of(alias));
    assert_int_equal(metric->has_timestamp, time != NULL);
    assert_int_equal(metric->timestamp, long_of(time));
    assert_int_equal(metric->type, type_of(json_string_value(json_object_get(expected, "type"))));
    compare_value(metric, json_object_get(expected, "value"));
}

static void the_vectors_decode_as_written_beside_them(void **state)
{
    (void)state;
    static const char *const names[] = { "NBIRTH", "DBIRTH", "DDATA_alias", "NDEATH" };
    Arena arena;
    unsigned read = 0, metrics = 0;
    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char path[1024];
        Bytes bytes;
        SparkplugPayload payload;
        SparkplugMetric metric;
        snprintf(path, sizeof path, "%s/sparkplug/%s.bin", DTMV_DATA_DIR, names[i]);
        if (access(path, R_OK) != 0) {
            continue;
        }
        assert_int_equal(disk_read(path, 1 << 20, &arena, &bytes, NULL), STATUS_OK);
        snprintf(path, sizeof path, "%s/sparkplug/%s.json", DTMV_DATA_DIR, names[i]);
        json_t *expected = json_load_file(path, 0, NULL);
        assert_non_null(expected);
        assert_int_equal(sparkplug_open(bytes, &payload), STATUS_OK);
        const json_t *seq = json_object_get(expected, "seq"), *list = json_object_get(expected, "metrics");
        assert_int_equal(payload.has_seq, seq != NULL);
        assert_int_equal(payload.seq, long_of(seq));
        assert_true(payload.has_timestamp);
        assert_int_equal(payload.timestamp, long_of(json_object_get(expected, "timestamp")));
        assert_int_equal(payload.metric_count, json_array_size(list));
        for (size_t m = 0; m < json_array_size(list); m++, metrics++) {
            assert_true(sparkplug_next(&payload, &metric));
            compare_metric(&metric, json_array_get(list, m));
        }
        assert_false(sparkplug_next(&payload, &metric));
        json_decref(expected);
        read++;
    }
    arena_finish(&arena);
    if (read == 0) {
        print_message("no vectors in %s/sparkplug: not compared\n", DTMV_DATA_DIR);
        skip();
    }
    assert_int_equal(read, ARRAY_COUNT(names));
    assert_int_equal(metrics, 12);
}

static SparkplugMetric random_metric(Random *random)
{
    static const char text[] = "Furnace 7/Temperature, a name of some length";
    SparkplugMetric metric = { .type = 1 + (uint32_t)random_below(random, 15),
                               .has_alias = random_below(random, 2) == 0,
                               .has_timestamp = random_below(random, 2) == 0,
                               .historical = random_below(random, 4) == 0,
                               .null = random_below(random, 8) == 0 };
    metric.name = bytes_of(text, random_below(random, sizeof text));
    metric.alias = metric.has_alias ? random_u64(random) >> random_below(random, 64) : 0;
    metric.timestamp = metric.has_timestamp ? random_u64(random) >> random_below(random, 64) : 0;
    if (metric.null) {
        return metric;
    }
    metric.field = (SparkplugField)(1 + random_below(random, 6));
    switch (metric.field) {
    case SPARKPLUG_VALUE_INT:
        metric.integer = (uint32_t)random_u64(random);
        break;
    case SPARKPLUG_VALUE_LONG:
        metric.integer = random_u64(random);
        break;
    case SPARKPLUG_VALUE_BOOLEAN:
        metric.integer = random_below(random, 2);
        break;
    case SPARKPLUG_VALUE_FLOAT:
        metric.number = (double)(float)random_between(random, -1e9, 1e9);
        break;
    case SPARKPLUG_VALUE_DOUBLE:
        metric.number = random_between(random, -1e9, 1e9);
        break;
    default:
        metric.text = bytes_of(text, random_below(random, sizeof text));
        break;
    }
    return metric;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    Random random = random_seeded(5);
    for (int round = 0; round < 2000; round++) {
        SparkplugMetric metrics[8], metric;
        uint8_t bytes[2048];
        size_t count = random_below(&random, ARRAY_COUNT(metrics) + 1);
        for (size_t i = 0; i < count; i++) {
            metrics[i] = random_metric(&random);
        }
        SparkplugPayload head = { .has_timestamp = true, .timestamp = random_u64(&random), .has_seq = true },
                         payload;
        head.seq = random_below(&random, 256);
        size_t size = sparkplug_write(&head, metrics, count, bytes, sizeof bytes);
        assert_true(size > 0);
        assert_int_equal(sparkplug_write(&head, metrics, count, bytes, size - 1), 0); /* too small says so */
        assert_int_equal(sparkplug_write(&head, metrics, count, bytes, size), size);
        assert_int_equal(sparkplug_open(bytes_of(bytes, size), &payload), STATUS_OK);
        assert_int_equal(payload.timestamp, head.timestamp);
        assert_int_equal(payload.seq, head.seq);
        assert_int_equal(payload.metric_count, count);
        for (size_t i = 0; i < count; i++) {
            assert_true(sparkplug_next(&payload, &metric));
            assert_true(bytes_equal(metric.name, metrics[i].name));
            assert_true(bytes_equal(metric.text, metrics[i].text));
            assert_int_equal(metric.alias, metrics[i].alias);
            assert_int_equal(metric.timestamp, metrics[i].timestamp);
            assert_int_equal(metric.type, metrics[i].type);
            assert_int_equal(metric.field, metrics[i].field);
            assert_int_equal(metric.historical, metrics[i].historical);
            assert_int_equal(metric.null, metrics[i].null);
            assert_int_equal(metric.integer, metrics[i].integer);
            assert_true(metric.number == metrics[i].number);
        }
        assert_false(sparkplug_next(&payload, &metric));
        for (size_t cut = 0; cut < size; cut++) { /* never read beyond, and never a half metric */
            if (sparkplug_open(bytes_of(bytes, cut), &payload) == STATUS_OK) {
                assert_true(payload.metric_count <= count);
            }
        }
    }
}

static void malformed_payloads_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        Status status;
    } cases[] = {
        { "\x08", 1, STATUS_TRUNCATED },                                          /* a key without a value */
        { "\x08\x80", 2, STATUS_TRUNCATED },                                      /* half a varint */
        { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, STATUS_MALFORMED }, /* 65 bits */
        { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, STATUS_MALFORMED },
        { "\x12\x05\x0a", 3, STATUS_TRUNCATED },         /* a metric longer than the payload */
        { "\x12\x02\x0a\x05", 4, STATUS_TRUNCATED },     /* a name longer than its metric */
        { "\x00\x01", 2, STATUS_MALFORMED },             /* field 0 */
        { "\x0b", 1, STATUS_MALFORMED },                 /* a group */
        { "\x0d\x01\x02\x03\x04", 5, STATUS_MALFORMED }, /* the timestamp as 32 bits */
        { "\x12\x03\x65\x01\x02", 5, STATUS_TRUNCATED }, /* half a float */
        { "\x12\x02\x08\x01", 4, STATUS_MALFORMED },     /* a name that is a number */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        SparkplugPayload payload = { .seq = 77 };
        assert_int_equal(sparkplug_open(bytes_of(cases[i].bytes, cases[i].size), &payload), cases[i].status);
        assert_int_equal(payload.seq, 77);
    }
    SparkplugPayload payload;
    assert_int_equal(sparkplug_open((Bytes){ 0 }, &payload), STATUS_OK);
    assert_int_equal(sparkplug_open(bytes_of("\xa2\x06\x02hi\x18\x07", 7), &payload),
                     STATUS_OK); /* a later field */
    assert_int_equal(payload.seq, 7);
}

static void integers_keep_their_sign_and_range(void **state)
{
    (void)state;
    static const struct {
        SparkplugField field;
        uint64_t bits;
        uint32_t type;
        bool fits;
        int64_t value;
    } cases[] = {
        { SPARKPLUG_VALUE_INT, 0xfc, SPARKPLUG_INT8, true, -4 },
        { SPARKPLUG_VALUE_INT, 0xfffffffc, SPARKPLUG_INT8, true, -4 },
        { SPARKPLUG_VALUE_INT, 127, SPARKPLUG_INT8, true, 127 },
        { SPARKPLUG_VALUE_INT, 0x100, SPARKPLUG_INT8, false, 0 },
        { SPARKPLUG_VALUE_INT, 0xffffff00, SPARKPLUG_INT8, false, 0 },
        { SPARKPLUG_VALUE_INT, 0x8000, SPARKPLUG_INT16, true, -32768 },
        { SPARKPLUG_VALUE_INT, 0x80000000, SPARKPLUG_INT32, true, INT32_MIN },
        { SPARKPLUG_VALUE_LONG, 0xffffffffffffffff, SPARKPLUG_INT32, true, -1 },
        { SPARKPLUG_VALUE_LONG, 0x80000000, SPARKPLUG_INT64, true, INT64_C(0x80000000) },
        { SPARKPLUG_VALUE_LONG, 0x8000000000000000, SPARKPLUG_INT64, true, INT64_MIN },
        { SPARKPLUG_VALUE_INT, 256, SPARKPLUG_UINT8, false, 0 },
        { SPARKPLUG_VALUE_INT, 255, SPARKPLUG_UINT8, true, 255 },
        { SPARKPLUG_VALUE_INT, 0xffffffff, SPARKPLUG_UINT32, true, UINT32_MAX },
        { SPARKPLUG_VALUE_BOOLEAN, 1, SPARKPLUG_INT32, false, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        SparkplugMetric metric = { .field = cases[i].field, .integer = cases[i].bits };
        int64_t value = 0;
        bool beyond = false;
        if (sparkplug_integer(&metric, cases[i].type, &value, &beyond) != cases[i].fits ||
            (cases[i].fits && value != cases[i].value)) {
            fail_msg("case %zu: %lld", i, (long long)value);
        }
    }
    SparkplugMetric most = { .field = SPARKPLUG_VALUE_LONG, .integer = UINT64_MAX };
    int64_t value;
    bool beyond;
    assert_true(sparkplug_integer(&most, SPARKPLUG_UINT64, &value, &beyond));
    assert_true(beyond);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_decode_as_written_beside_them),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(malformed_payloads_are_refused),
        cmocka_unit_test(integers_keep_their_sign_and_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
