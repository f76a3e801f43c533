#include "shared/wire/snapshot_packet.h"

#include "shared/wire/bits.h"

#include <assert.h>

#define K_DISTANCE    2 /* Golomb orders */
#define K_SERVER_TIME 22
#define K_SOURCE_TIME 8
#define K_TEXTS       0
#define CELL_MAX      (1u << 30)

/* ---- frames ---- */

void frame_ring_put(FrameRing *ring, const SnapshotFrame *frame)
{
    ring->frames[frame->sequence % FRAMES_KNOWN] = *frame;
}

const SnapshotFrame *frame_ring_find(const FrameRing *ring, uint32_t sequence)
{
    const SnapshotFrame *frame = &ring->frames[sequence % FRAMES_KNOWN];
    return sequence != 0 && frame->sequence == sequence ? frame : NULL;
}

/* ---- heads ---- */

static void code_difference(BitStream *stream, int64_t *value, uint64_t base, unsigned k)
{
    uint64_t difference = bits_zigzag((int64_t)((uint64_t)*value - base));
    bits_golomb(stream, &difference, k);
    *value = (int64_t)(base + (uint64_t)bits_unzigzag(difference));
}

static void code_whole_clocks(BitStream *stream, SnapshotFrame *frame)
{
    bits_i64(stream, &frame->server_time);
    bits_i64(stream, &frame->source_time);
    bits_u32(stream, &frame->text_count, 32);
}

/* The source's clock goes mostly like the server's, or stands still. */
static void code_clocks(BitStream *stream, SnapshotFrame *frame, const SnapshotFrame *base)
{
    code_difference(stream, &frame->server_time, (uint64_t)base->server_time, K_SERVER_TIME);
    bool moved = frame->source_time != base->source_time;
    bits_bool(stream, &moved);
    if (moved) {
        uint64_t passed = (uint64_t)frame->server_time - (uint64_t)base->server_time;
        code_difference(stream, &frame->source_time, (uint64_t)base->source_time + passed, K_SOURCE_TIME);
    } else {
        frame->source_time = base->source_time;
    }
    int64_t texts = frame->text_count;
    code_difference(stream, &texts, base->text_count, K_TEXTS);
    bits_require(stream, texts >= 0 && texts <= UINT32_MAX, STATUS_OUT_OF_RANGE);
    frame->text_count = (uint32_t)texts;
}

static void code_numbers(BitStream *stream, PacketHead *head)
{
    bits_u32(stream, &head->number, 32);
    bits_u32(stream, &head->frame.sequence, 32);
    bits_require(stream, head->number != 0 && head->frame.sequence != 0, STATUS_OUT_OF_RANGE);
}

Status packet_head_encode(const PacketHead *head, const SnapshotFrame *base, ByteBuffer *out)
{
    BitStream stream = bits_writer(out->data, out->capacity);
    PacketHead copy = *head; /* the codec takes a mutable one and does not change what it writes */
    code_numbers(&stream, &copy);
    bits_u32(&stream, &copy.input_sequence, 32);
    bits_bool(&stream, &copy.complete);
    uint64_t distance = base ? head->frame.sequence - base->sequence : 0;
    assert(distance <= FRAMES_KNOWN / 2 && (base == NULL || distance > 0));
    bits_golomb(&stream, &distance, K_DISTANCE);
    if (base) {
        code_clocks(&stream, &copy.frame, base);
    } else {
        code_whole_clocks(&stream, &copy.frame);
    }
    bits_align(&stream);
    Status status = bits_finish(&stream);
    out->size = status == STATUS_OK ? bits_size(&stream) : 0;
    return status;
}

Status packet_head_decode(Bytes body, const FrameRing *known, PacketHead *out_head, Bytes *out_records)
{
    BitStream stream = bits_reader(body);
    PacketHead head = { 0 };
    code_numbers(&stream, &head);
    bits_u32(&stream, &head.input_sequence, 32);
    bits_bool(&stream, &head.complete);
    uint64_t distance = 0;
    bits_golomb(&stream, &distance, K_DISTANCE);
    bits_require(&stream, distance <= FRAMES_KNOWN / 2, STATUS_OUT_OF_RANGE);
    if (stream.status != STATUS_OK) {
        return stream.status;
    }
    if (distance > 0) {
        const SnapshotFrame *base = frame_ring_find(known, head.frame.sequence - (uint32_t)distance);
        if (base == NULL) {
            return STATUS_NO_BASELINE;
        }
        code_clocks(&stream, &head.frame, base);
    } else {
        code_whole_clocks(&stream, &head.frame);
    }
    bits_align(&stream);
    if (stream.status != STATUS_OK) {
        return stream.status;
    }
    *out_head = head;
    *out_records = bytes_slice(body, bits_size(&stream), body.size - bits_size(&stream));
    return STATUS_OK;
}

Status packet_peek(Bytes body, uint32_t *out_number, uint32_t *out_sequence)
{
    BitStream stream = bits_reader(body);
    PacketHead head = { 0 };
    code_numbers(&stream, &head);
    if (stream.status == STATUS_OK) {
        *out_number = head.number;
        *out_sequence = head.frame.sequence;
    }
    return stream.status;
}

/* ---- records ---- */

/* Seven bits a byte, the least significant first; the top bit says that more follow. */
static size_t put_number(uint8_t *out, uint32_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7) {
        out[size++] = (uint8_t)(value | 0x80);
    }
    out[size++] = (uint8_t)value;
    return size;
}

static Status take_number(Bytes *bytes, uint32_t *out_value)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 5; i++) {
        if (i == bytes->size) {
            return STATUS_TRUNCATED;
        }
        uint8_t byte = bytes->data[i];
        if (i == 4 && byte > 0x0F) {
            return STATUS_OUT_OF_RANGE;
        }
        value |= (uint32_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            *bytes = bytes_slice(*bytes, i + 1, bytes->size - i - 1);
            *out_value = value;
            return STATUS_OK;
        }
    }
    return STATUS_OUT_OF_RANGE;
}

Status packet_record_encode(const PacketRecord *record, uint32_t sequence, ByteBuffer *out)
{
    assert(record->cell < CELL_MAX && record->code.size <= UINT32_MAX);
    uint8_t head[PACKET_RECORD_HEAD_MAX];
    size_t size = put_number(head, record->cell << 1 | record->closed);
    if (!record->closed) {
        size += put_number(head + size, sequence - record->version);
        size += put_number(head + size, (uint32_t)record->code.size);
    }
    size_t code = record->closed ? 0 : record->code.size;
    if (size + code > out->capacity - out->size) {
        return STATUS_CAPACITY;
    }
    memcpy(out->data + out->size, head, size);
    if (code > 0) {
        memcpy(out->data + out->size + size, record->code.data, code);
    }
    out->size += size + code;
    return STATUS_OK;
}

Status packet_record_next(Bytes *records, uint32_t sequence, PacketRecord *out_record)
{
    if (records->size == 0) {
        return STATUS_EMPTY;
    }
    Bytes rest = *records;
    PacketRecord record = { 0 };
    uint32_t cell = 0, age = 0, size = 0;
    Status status = take_number(&rest, &cell);
    record.cell = cell >> 1;
    record.closed = (cell & 1) != 0;
    if (status == STATUS_OK && !record.closed) {
        status = take_number(&rest, &age);
        if (status == STATUS_OK) {
            status = take_number(&rest, &size);
        }
        if (status == STATUS_OK && size > rest.size) {
            status = STATUS_TRUNCATED;
        }
        record.version = sequence - age;
        if (status == STATUS_OK && (age > INT32_MAX || record.version == 0)) {
            status = STATUS_OUT_OF_RANGE;
        }
    }
    if (status != STATUS_OK) {
        return status;
    }
    record.code = bytes_slice(rest, 0, size);
    *records = bytes_slice(rest, size, rest.size - size);
    *out_record = record;
    return STATUS_OK;
}
