#include "shared/systems/sync_codec.h"

#include "shared/wire/bits.h"

#include <assert.h>
#include <math.h>

#define SAMPLE_SIZE_MAX 300 /* 10 + 1 + 5 + 10 + 1 + 255, and some */
#define FLAGS_ALL \
    (SYNC_FLAG_RESTARTED | SYNC_FLAG_SNAPSHOT | SYNC_FLAG_CLOCK | SYNC_FLAG_MORE | SYNC_FLAG_CONTINUED)

/* What the next sample is told relative to. */
typedef struct Before {
    uint32_t thing, sequence;
    uint64_t time;
} Before;

/* Whether `code` is a value of the property. Rounding to steps may have taken it past a limit by one. */
static bool value_fits(const Property *property, int64_t code)
{
    switch (property->encoding) {
    case CHANNEL_BOOLEAN:
        return code == 0 || code == 1;
    case CHANNEL_ENUM:
        return code >= 0 && code < property->enum_count;
    case CHANNEL_TEXT:
        return true;
    case CHANNEL_STEPS:
    case CHANNEL_EXACT:
        break;
    }
    double number = property_decode(property, code, NULL).number;
    return isfinite(number) && number >= property->minimum - property->resolution &&
           number <= property->maximum + property->resolution;
}

/* ---- writing ---- */

static size_t write_varint(uint8_t *out, uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7) {
        out[size++] = (uint8_t)(value | 0x80);
    }
    out[size++] = (uint8_t)value;
    return size;
}

static size_t write_zigzag(uint8_t *out, uint64_t difference)
{
    return write_varint(out, bits_zigzag((int64_t)difference));
}

static size_t write_text(uint8_t *out, const TextTable *texts, int64_t code)
{
    const char *text =
        texts != NULL && code >= 0 && code <= UINT32_MAX ? text_get(texts, (uint32_t)code) : "?";
    size_t size = strlen(text);
    if (size > TEXT_SIZE_MAX || !bits_text_valid(text, size)) {
        text = "?";
        size = 1;
    }
    out[0] = (uint8_t)size;
    memcpy(out + 1, text, size);
    return 1 + size;
}

static size_t write_value(uint8_t *out, const SyncSchema *schema, const Property *property, int64_t code,
                          bool fits)
{
    switch (property->encoding) {
    case CHANNEL_STEPS:
        return write_zigzag(out, (uint64_t)code);
    case CHANNEL_EXACT:
        bytes_store_u64(out, (uint64_t)code);
        return 8;
    case CHANNEL_BOOLEAN:
        out[0] = fits ? (uint8_t)code : 0;
        return 1;
    case CHANNEL_ENUM:
        return write_varint(out, fits ? (uint64_t)code : 0);
    case CHANNEL_TEXT:
        break;
    }
    return write_text(out, schema->texts, code);
}

/* The size of a sample; 0 when it is none of the schema. */
static size_t write_sample(uint8_t *out, const SyncSchema *schema, const SyncSample *sample, Before *before)
{
    if (sample->thing >= schema->thing_count || sample->quality >= QUALITY_COUNT ||
        sample->property >= schema->things[sample->thing].model->property_count ||
        (sample->quality != QUALITY_NONE && sample->source_time == TIME_NONE)) {
        return 0;
    }
    const Property *property = &schema->things[sample->thing].model->properties[sample->property];
    bool fits = value_fits(property, sample->code);
    unsigned quality = sample->quality == QUALITY_NONE || sample->quality == QUALITY_BAD || fits
                           ? sample->quality
                           : QUALITY_BAD;
    bool same = sample->thing == before->thing;
    uint32_t step = sample->sequence - before->sequence - (same ? 1u : 0u);
    size_t size = write_zigzag(out, (uint64_t)sample->thing - before->thing);
    out[size++] = (uint8_t)(sample->property | quality << 4);
    size += write_zigzag(out + size, (uint64_t)(int64_t)(int32_t)step);
    if (quality != QUALITY_NONE) {
        size += write_zigzag(out + size, (uint64_t)sample->source_time - before->time);
        size += write_value(out + size, schema, property, sample->code, fits);
        before->time = (uint64_t)sample->source_time;
    }
    before->thing = sample->thing;
    before->sequence = sample->sequence;
    return size;
}

Status sync_encode(const SyncSchema *schema, const SyncBatch *batch, size_t *first, uint8_t *out,
                   size_t capacity, size_t *out_size)
{
    assert(capacity >= SYNC_FRAME_SIZE_MIN);
    bool clock = batch->source_clock != TIME_NONE;
    unsigned flags = (batch->restarted ? SYNC_FLAG_RESTARTED : 0) |
                     (batch->snapshot ? SYNC_FLAG_SNAPSHOT : 0) | (clock ? SYNC_FLAG_CLOCK : 0) |
                     (*first > 0 ? SYNC_FLAG_CONTINUED : 0);
    size_t size = 2, next = *first;
    if (clock) {
        size += write_zigzag(out + size, (uint64_t)batch->source_clock);
    }
    Before before = { .time = clock ? (uint64_t)batch->source_clock : 0 };
    for (; next < batch->count && capacity - size >= SAMPLE_SIZE_MAX; next++) {
        size_t written = write_sample(out + size, schema, &batch->samples[next], &before);
        if (written == 0) {
            return STATUS_OUT_OF_RANGE;
        }
        size += written;
    }
    out[0] = SYNC_FORMAT;
    out[1] = (uint8_t)(flags | (next < batch->count ? SYNC_FLAG_MORE : 0));
    *first = next;
    *out_size = size;
    return STATUS_OK;
}

/* ---- reading ---- */

/* Sticky: once `status` is set, everything reads as 0. */
typedef struct Reader {
    const uint8_t *at, *end;
    Status status;
} Reader;

static void fail(Reader *reader, Status status)
{
    reader->status = reader->status == STATUS_OK ? status : reader->status;
    reader->at = reader->end;
}

static uint8_t read_byte(Reader *reader)
{
    if (reader->at == reader->end) {
        fail(reader, STATUS_TRUNCATED);
        return 0;
    }
    return *reader->at++;
}

static uint64_t read_varint(Reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = read_byte(reader);
        if (reader->status != STATUS_OK) {
            return 0;
        }
        if ((shift == 63 && byte > 1) || (byte == 0 && shift > 0)) {
            break; /* more than 64 bits, or longer than need be */
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    fail(reader, STATUS_MALFORMED);
    return 0;
}

static int64_t read_zigzag(Reader *reader)
{
    return bits_unzigzag(read_varint(reader));
}

static int64_t read_text(Reader *reader, TextTable *texts)
{
    char text[TEXT_SIZE_MAX + 1];
    size_t size = read_byte(reader);
    if (size > (size_t)(reader->end - reader->at)) {
        fail(reader, STATUS_TRUNCATED);
        return 0;
    }
    memcpy(text, reader->at, size);
    text[size] = '\0';
    reader->at += size;
    if (!bits_text_valid(text, size)) {
        fail(reader, STATUS_MALFORMED);
        return 0;
    }
    uint32_t id = UINT32_MAX; /* "?" */
    return texts == NULL || text_intern(texts, text, &id) != STATUS_OK ? UINT32_MAX : id;
}

static int64_t read_value(Reader *reader, const SyncSchema *schema, const Property *property)
{
    switch (property->encoding) {
    case CHANNEL_STEPS:
        return read_zigzag(reader);
    case CHANNEL_EXACT:
        if (reader->end - reader->at < 8) {
            fail(reader, STATUS_TRUNCATED);
            return 0;
        }
        reader->at += 8;
        return (int64_t)bytes_load_u64(reader->at - 8);
    case CHANNEL_BOOLEAN:
        return read_byte(reader);
    case CHANNEL_ENUM: {
        uint64_t index = read_varint(reader);
        return index > INT64_MAX ? -1 : (int64_t)index;
    }
    case CHANNEL_TEXT:
        break;
    }
    return read_text(reader, schema->texts);
}

static SyncSample read_sample(Reader *reader, const SyncSchema *schema, Before *before)
{
    int64_t thing_step = read_zigzag(reader);
    uint64_t thing = (uint64_t)before->thing + (uint64_t)thing_step;
    uint8_t what = read_byte(reader);
    uint8_t number = what & 15, quality = what >> 4;
    int64_t step = read_zigzag(reader);
    if (reader->status != STATUS_OK) {
        return (SyncSample){ 0 };
    }
    if (thing >= schema->thing_count || number >= schema->things[thing].model->property_count ||
        quality >= QUALITY_COUNT || step < INT32_MIN || step > INT32_MAX) {
        fail(reader, STATUS_OUT_OF_RANGE);
        return (SyncSample){ 0 };
    }
    const Property *property = &schema->things[thing].model->properties[number];
    bool same = thing == before->thing;
    SyncSample sample = { .thing = (uint32_t)thing,
                          .property = number,
                          .quality = quality,
                          .sequence = before->sequence + (uint32_t)step + (same ? 1u : 0u),
                          .source_time = TIME_NONE };
    before->thing = sample.thing;
    before->sequence = sample.sequence;
    if (quality == QUALITY_NONE) {
        return sample;
    }
    before->time += (uint64_t)read_zigzag(reader);
    sample.source_time = (int64_t)before->time;
    sample.code = read_value(reader, schema, property);
    bool discrete = property->encoding == CHANNEL_ENUM || property->encoding == CHANNEL_BOOLEAN;
    if (reader->status == STATUS_OK &&
        (sample.source_time == TIME_NONE ||
         ((quality != QUALITY_BAD || discrete) && !value_fits(property, sample.code)))) {
        fail(reader, STATUS_OUT_OF_RANGE);
    }
    return sample;
}

Status sync_decode(const SyncSchema *schema, Bytes bytes, SyncSample *samples, size_t capacity, size_t *count,
                   SyncFrame *out_frame)
{
    Reader reader = { .at = bytes.data, .end = bytes.data + bytes.size };
    if (bytes.size < 2) {
        return STATUS_TRUNCATED;
    }
    uint8_t format = read_byte(&reader), flags = read_byte(&reader);
    if (format != SYNC_FORMAT) {
        return STATUS_UNSUPPORTED;
    }
    if ((flags & ~FLAGS_ALL) != 0) {
        return STATUS_MALFORMED;
    }
    SyncFrame frame = { .restarted = (flags & SYNC_FLAG_RESTARTED) != 0,
                        .snapshot = (flags & SYNC_FLAG_SNAPSHOT) != 0,
                        .more = (flags & SYNC_FLAG_MORE) != 0,
                        .continued = (flags & SYNC_FLAG_CONTINUED) != 0,
                        .source_clock = TIME_NONE };
    Before before = { 0 };
    if ((flags & SYNC_FLAG_CLOCK) != 0) {
        frame.source_clock = read_zigzag(&reader);
        if (reader.status == STATUS_OK && frame.source_clock == TIME_NONE) {
            return STATUS_MALFORMED;
        }
        before.time = (uint64_t)frame.source_clock;
    }
    size_t used = *count;
    while (reader.status == STATUS_OK && reader.at < reader.end) {
        if (used == capacity) {
            return STATUS_CAPACITY;
        }
        samples[used++] = read_sample(&reader, schema, &before);
    }
    if (reader.status == STATUS_OK) {
        *count = used;
        *out_frame = frame;
    }
    return reader.status;
}
