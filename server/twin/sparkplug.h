/* sparkplug.h - Sparkplug B payloads (Eclipse Sparkplug 3.0, 6.4): strict decoding of protobuf bytes without
 * memory of its own, and the encoding of what a host sends. Field numbers are those of the specification's
 * schema; what this project does not use (metadata, property sets, data sets, templates) is checked for its
 * framing and passed over. Pure. */
#ifndef SERVER_TWIN_SPARKPLUG_H
#define SERVER_TWIN_SPARKPLUG_H
#include "shared/base/bytes.h"
#include "shared/base/status.h"

/* X(number, NAME) of the metric types that become values. */
#define SPARKPLUG_TYPE_TABLE(X)                                                                             \
    X(1, INT8)                                                                                              \
    X(2, INT16)                                                                                             \
    X(3, INT32)                                                                                             \
    X(4, INT64) X(5, UINT8) X(6, UINT16) X(7, UINT32) X(8, UINT64) X(9, FLOAT) X(10, DOUBLE) X(11, BOOLEAN) \
        X(12, STRING) X(13, DATETIME) X(14, TEXT) X(15, UUID)

typedef enum SparkplugType {
    SPARKPLUG_UNKNOWN,
#define SPARKPLUG_TYPE_ENUM(number, name) SPARKPLUG_##name = (number),
    SPARKPLUG_TYPE_TABLE(SPARKPLUG_TYPE_ENUM)
#undef SPARKPLUG_TYPE_ENUM
} SparkplugType;

typedef enum SparkplugField {
    SPARKPLUG_VALUE_NONE,
    SPARKPLUG_VALUE_INT,  /* `integer`, 32 bits */
    SPARKPLUG_VALUE_LONG, /* `integer` */
    SPARKPLUG_VALUE_FLOAT,
    SPARKPLUG_VALUE_DOUBLE,
    SPARKPLUG_VALUE_BOOLEAN, /* `integer`, 0 or 1 */
    SPARKPLUG_VALUE_STRING,  /* `text`: any bytes, not terminated */
    SPARKPLUG_VALUE_OTHER    /* bytes, data set, template: not read */
} SparkplugField;

/* Texts are borrowed from the payload. */
typedef struct SparkplugMetric {
    Bytes name; /* empty: by alias only */
    bool has_alias, has_timestamp;
    bool historical, null;
    uint64_t alias;
    uint64_t timestamp; /* ms since the Unix epoch */
    uint32_t type;      /* SparkplugType, or a number that is none; 0: not told, known since the birth */
    SparkplugField field;
    uint64_t integer;
    double number;
    Bytes text;
} SparkplugMetric;

typedef struct SparkplugPayload {
    bool has_timestamp, has_seq;
    uint64_t timestamp; /* ms since the Unix epoch */
    uint64_t seq;
    uint32_t metric_count;
    Bytes bytes; /* borrowed */
    size_t at;   /* where the next metric is looked for */
} SparkplugPayload;

/* Checks all of `bytes` (untrusted) and reads what stands outside of metrics. STATUS_TRUNCATED,
 * STATUS_MALFORMED (field number 0, a group, a varint of more than 64 bits, a known field of another wire
 * type); *out_payload is then unchanged. */
NODISCARD Status sparkplug_open(Bytes bytes, SparkplugPayload *out_payload);

/* The next metric, false after the last. */
bool sparkplug_next(SparkplugPayload *payload, SparkplugMetric *out_metric);

/* Writes a payload of these metrics (`metric_count` and `at` of `head` are not looked at). The number of
 * bytes, or 0 when they do not fit. Metrics of SPARKPLUG_VALUE_OTHER are written without value. */
size_t sparkplug_write(const SparkplugPayload *head, const SparkplugMetric *metrics, size_t count,
                       uint8_t *out, size_t size);

/* The value as a signed whole number by its type; false when it is none, or its bits do not fit the type. */
bool sparkplug_integer(const SparkplugMetric *metric, uint32_t type, int64_t *out_integer, bool *out_beyond);

#endif
