#include "server/twin/sparkplug.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* Field numbers of Payload and Metric. */
enum { PAYLOAD_TIMESTAMP = 1, PAYLOAD_METRICS = 2, PAYLOAD_SEQ = 3, PAYLOAD_UUID = 4, PAYLOAD_BODY = 5 };
enum {
    METRIC_NAME = 1,
    METRIC_ALIAS = 2,
    METRIC_TIMESTAMP = 3,
    METRIC_TYPE = 4,
    METRIC_HISTORICAL = 5,
    METRIC_TRANSIENT = 6,
    METRIC_NULL = 7,
    METRIC_METADATA = 8,
    METRIC_PROPERTIES = 9,
    METRIC_INT = 10,
    METRIC_LONG = 11,
    METRIC_FLOAT = 12,
    METRIC_DOUBLE = 13,
    METRIC_BOOLEAN = 14,
    METRIC_STRING = 15,
    METRIC_BYTES = 16,
    METRIC_DATASET = 17,
    METRIC_TEMPLATE = 18,
    METRIC_EXTENSION = 19
};

/* ---- protobuf ---- */

typedef struct Item {
    uint32_t field, wire;
    uint64_t number; /* of VARINT, 64 and 32 */
    Bytes bytes;
} Item;

static Status read_varint(Bytes in, size_t *at, uint64_t *out_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (*at >= in.size) {
            return STATUS_TRUNCATED;
        }
        uint8_t byte = in.data[(*at)++];
        if (shift == 63 && byte > 1) {
            return STATUS_MALFORMED;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *out_value = value;
            return STATUS_OK;
        }
    }
    return STATUS_MALFORMED;
}

/* The next field; STATUS_END after the last. */
static Status read_item(Bytes in, size_t *at, Item *out_item)
{
    uint64_t key;
    if (*at == in.size) {
        return STATUS_END;
    }
    Status status = read_varint(in, at, &key);
    if (status != STATUS_OK) {
        return status;
    }
    if (key >> 3 == 0 || key >> 3 >= 1U << 29) {
        return STATUS_MALFORMED;
    }
    Item item = { .field = (uint32_t)(key >> 3), .wire = (uint32_t)(key & 7) };
    switch (item.wire) {
    case WIRE_VARINT:
        status = read_varint(in, at, &item.number);
        break;
    case WIRE_64:
    case WIRE_32: {
        size_t size = item.wire == WIRE_64 ? 8 : 4;
        if (in.size - *at < size) {
            return STATUS_TRUNCATED;
        }
        item.number = size == 8 ? bytes_load_u64(in.data + *at) : bytes_load_u32(in.data + *at);
        *at += size;
        break;
    }
    case WIRE_BYTES: {
        uint64_t size;
        status = read_varint(in, at, &size);
        if (status == STATUS_OK && size > in.size - *at) {
            status = STATUS_TRUNCATED;
        }
        if (status == STATUS_OK) {
            item.bytes = bytes_of(in.data + *at, (size_t)size);
            *at += (size_t)size;
        }
        break;
    }
    default:
        return STATUS_MALFORMED;
    }
    if (status == STATUS_OK) {
        *out_item = item;
    }
    return status;
}

/* ---- reading ---- */

static uint32_t metric_wire(uint32_t field)
{
    switch (field) {
    case METRIC_NAME:
    case METRIC_METADATA:
    case METRIC_PROPERTIES:
    case METRIC_STRING:
    case METRIC_BYTES:
    case METRIC_DATASET:
    case METRIC_TEMPLATE:
    case METRIC_EXTENSION:
        return WIRE_BYTES;
    case METRIC_FLOAT:
        return WIRE_32;
    case METRIC_DOUBLE:
        return WIRE_64;
    default:
        return WIRE_VARINT;
    }
}

static void set_value(SparkplugMetric *metric, const Item *item)
{
    switch (item->field) {
    case METRIC_INT:
        metric->field = SPARKPLUG_VALUE_INT;
        metric->integer = (uint32_t)item->number; /* a sign extended to 64 bits is cut, as protobuf says */
        break;
    case METRIC_LONG:
        metric->field = SPARKPLUG_VALUE_LONG;
        metric->integer = item->number;
        break;
    case METRIC_FLOAT: {
        uint32_t bits = (uint32_t)item->number;
        float value;
        memcpy(&value, &bits, sizeof value);
        metric->field = SPARKPLUG_VALUE_FLOAT;
        metric->number = (double)value;
        break;
    }
    case METRIC_DOUBLE:
        metric->field = SPARKPLUG_VALUE_DOUBLE;
        memcpy(&metric->number, &item->number, sizeof metric->number);
        break;
    case METRIC_BOOLEAN:
        metric->field = SPARKPLUG_VALUE_BOOLEAN;
        metric->integer = item->number != 0;
        break;
    case METRIC_STRING:
        metric->field = SPARKPLUG_VALUE_STRING;
        metric->text = item->bytes;
        break;
    default:
        metric->field = SPARKPLUG_VALUE_OTHER;
        break;
    }
}

static Status read_metric(Bytes in, SparkplugMetric *out_metric)
{
    SparkplugMetric metric = { 0 };
    Item item;
    size_t at = 0;
    Status status;
    while ((status = read_item(in, &at, &item)) == STATUS_OK) {
        if (item.field > METRIC_EXTENSION) {
            continue; /* of a later version */
        }
        if (item.wire != metric_wire(item.field)) {
            return STATUS_MALFORMED;
        }
        switch (item.field) {
        case METRIC_NAME:
            metric.name = item.bytes;
            break;
        case METRIC_ALIAS:
            metric.has_alias = true;
            metric.alias = item.number;
            break;
        case METRIC_TIMESTAMP:
            metric.has_timestamp = true;
            metric.timestamp = item.number;
            break;
        case METRIC_TYPE:
            metric.type = (uint32_t)item.number;
            break;
        case METRIC_HISTORICAL:
            metric.historical = item.number != 0;
            break;
        case METRIC_NULL:
            metric.null = item.number != 0;
            break;
        case METRIC_TRANSIENT:
        case METRIC_METADATA:
        case METRIC_PROPERTIES:
            break;
        default:
            set_value(&metric, &item);
            break;
        }
    }
    if (status == STATUS_END) {
        *out_metric = metric;
        status = STATUS_OK;
    }
    return status;
}

Status sparkplug_open(Bytes bytes, SparkplugPayload *out_payload)
{
    SparkplugPayload payload = { .bytes = bytes };
    SparkplugMetric metric;
    Item item;
    size_t at = 0;
    Status status;
    while ((status = read_item(bytes, &at, &item)) == STATUS_OK) {
        bool number = item.field == PAYLOAD_TIMESTAMP || item.field == PAYLOAD_SEQ;
        if (item.field > PAYLOAD_BODY) {
            continue;
        }
        if (item.wire != (number ? WIRE_VARINT : WIRE_BYTES)) {
            return STATUS_MALFORMED;
        }
        if (item.field == PAYLOAD_TIMESTAMP) {
            payload.has_timestamp = true;
            payload.timestamp = item.number;
        } else if (item.field == PAYLOAD_SEQ) {
            payload.has_seq = true;
            payload.seq = item.number;
        } else if (item.field == PAYLOAD_METRICS) {
            status = read_metric(item.bytes, &metric);
            if (status != STATUS_OK) {
                return status;
            }
            payload.metric_count++;
        }
    }
    if (status != STATUS_END) {
        return status;
    }
    *out_payload = payload;
    return STATUS_OK;
}

bool sparkplug_next(SparkplugPayload *payload, SparkplugMetric *out_metric)
{
    Item item;
    while (read_item(payload->bytes, &payload->at, &item) == STATUS_OK) {
        if (item.field == PAYLOAD_METRICS) {
            return read_metric(item.bytes, out_metric) == STATUS_OK;
        }
    }
    return false;
}

bool sparkplug_integer(const SparkplugMetric *metric, uint32_t type, int64_t *out_integer, bool *out_beyond)
{
    uint64_t bits = metric->integer;
    int64_t value = (int64_t)bits;
    bool narrow = type == SPARKPLUG_INT8 || type == SPARKPLUG_INT16 || type == SPARKPLUG_INT32;
    *out_beyond = false;
    if (metric->field != SPARKPLUG_VALUE_INT && metric->field != SPARKPLUG_VALUE_LONG) {
        return false;
    }
    if (narrow) { /* two's complement of its own width, or of 32 bits: encoders differ */
        unsigned width = type == SPARKPLUG_INT8 ? 8 : type == SPARKPLUG_INT16 ? 16 : 32;
        int64_t limit = INT64_C(1) << (width - 1);
        int64_t wide = (int64_t)(int32_t)(uint32_t)bits;
        value = bits < UINT64_C(1) << width ? (int64_t)bits - ((int64_t)bits >= limit ? 2 * limit : 0) : wide;
        if (metric->field == SPARKPLUG_VALUE_LONG && (int64_t)bits < 0) {
            value = (int64_t)bits;
        }
        *out_integer = value;
        return value >= -limit && value < limit;
    }
    uint64_t most = type == SPARKPLUG_UINT8    ? UINT8_MAX
                    : type == SPARKPLUG_UINT16 ? UINT16_MAX
                    : type == SPARKPLUG_UINT32 ? UINT32_MAX
                                               : UINT64_MAX;
    *out_integer = value;
    *out_beyond = type != SPARKPLUG_INT64 && bits > (uint64_t)INT64_MAX;
    return bits <= most;
}

/* ---- writing ---- */

typedef struct Writer {
    uint8_t *out;
    size_t size, used;
    bool full;
} Writer;

static void put_byte(Writer *writer, uint8_t byte)
{
    writer->full |= writer->used >= writer->size;
    if (!writer->full) {
        writer->out[writer->used++] = byte;
    }
}

static void put_varint(Writer *writer, uint64_t value)
{
    for (; value > 0x7f; value >>= 7) {
        put_byte(writer, (uint8_t)(0x80 | (value & 0x7f)));
    }
    put_byte(writer, (uint8_t)value);
}

static void put_number(Writer *writer, uint32_t field, uint64_t value)
{
    put_varint(writer, (uint64_t)field << 3 | WIRE_VARINT);
    put_varint(writer, value);
}

static void put_bytes(Writer *writer, uint32_t field, Bytes bytes)
{
    put_varint(writer, (uint64_t)field << 3 | WIRE_BYTES);
    put_varint(writer, bytes.size);
    for (size_t i = 0; i < bytes.size; i++) {
        put_byte(writer, bytes.data[i]);
    }
}

static void put_fixed(Writer *writer, uint32_t field, uint32_t wire, uint64_t bits)
{
    put_varint(writer, (uint64_t)field << 3 | wire);
    for (int i = 0; i < (wire == WIRE_64 ? 8 : 4); i++) {
        put_byte(writer, (uint8_t)(bits >> (8 * i)));
    }
}

static void put_value(Writer *writer, const SparkplugMetric *metric)
{
    switch (metric->field) {
    case SPARKPLUG_VALUE_INT:
        put_number(writer, METRIC_INT, (uint32_t)metric->integer);
        break;
    case SPARKPLUG_VALUE_LONG:
        put_number(writer, METRIC_LONG, metric->integer);
        break;
    case SPARKPLUG_VALUE_FLOAT: {
        float value = (float)metric->number;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        put_fixed(writer, METRIC_FLOAT, WIRE_32, bits);
        break;
    }
    case SPARKPLUG_VALUE_DOUBLE: {
        uint64_t bits;
        memcpy(&bits, &metric->number, sizeof bits);
        put_fixed(writer, METRIC_DOUBLE, WIRE_64, bits);
        break;
    }
    case SPARKPLUG_VALUE_BOOLEAN:
        put_number(writer, METRIC_BOOLEAN, metric->integer != 0);
        break;
    case SPARKPLUG_VALUE_STRING:
        put_bytes(writer, METRIC_STRING, metric->text);
        break;
    case SPARKPLUG_VALUE_NONE:
    case SPARKPLUG_VALUE_OTHER:
        break;
    }
}

static void put_metric(Writer *writer, const SparkplugMetric *metric)
{
    if (metric->name.size > 0) {
        put_bytes(writer, METRIC_NAME, metric->name);
    }
    if (metric->has_alias) {
        put_number(writer, METRIC_ALIAS, metric->alias);
    }
    if (metric->has_timestamp) {
        put_number(writer, METRIC_TIMESTAMP, metric->timestamp);
    }
    if (metric->type != 0) {
        put_number(writer, METRIC_TYPE, metric->type);
    }
    if (metric->historical) {
        put_number(writer, METRIC_HISTORICAL, 1);
    }
    if (metric->null) {
        put_number(writer, METRIC_NULL, 1);
    } else {
        put_value(writer, metric);
    }
}

size_t sparkplug_write(const SparkplugPayload *head, const SparkplugMetric *metrics, size_t count,
                       uint8_t *out, size_t size)
{
    Writer writer = { .out = out, .size = size };
    if (head->has_timestamp) {
        put_number(&writer, PAYLOAD_TIMESTAMP, head->timestamp);
    }
    for (size_t i = 0; i < count && !writer.full; i++) {
        uint8_t inner[1024]; /* its size stands before it */
        Writer metric = { .out = inner, .size = sizeof inner };
        put_metric(&metric, &metrics[i]);
        writer.full |= metric.full;
        put_bytes(&writer, PAYLOAD_METRICS, bytes_of(inner, metric.used));
    }
    if (head->has_seq) {
        put_number(&writer, PAYLOAD_SEQ, head->seq);
    }
    return writer.full ? 0 : writer.used;
}
