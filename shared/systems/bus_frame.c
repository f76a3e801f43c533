#include "shared/systems/bus_frame.h"

#include "shared/wire/bits.h"

#include <assert.h>

static bool is_sync(FamilyId id)
{
    return id == DII_SYNC || id == MII_SYNC || id == SII_SYNC;
}

/* ---- writing ---- */

static size_t write_text(uint8_t *out, const char *text, size_t size)
{
    out[0] = (uint8_t)size;
    memcpy(out + 1, text, size);
    return 1 + size;
}

static size_t write_reason(uint8_t *out, const char *reason)
{
    size_t size = strnlen(reason, BUS_REASON_SIZE - 1);
    while (size > 0 && !bits_text_valid(reason, size)) {
        size--;
    }
    return write_text(out, reason, size);
}

size_t bus_frame_write(const BusFrame *frame, uint8_t out[BUS_FRAME_HEADER_MAX])
{
    size_t size = 1;
    out[0] = (uint8_t)frame->type;
    switch (frame->type) {
    case BUS_FRAME_HELLO:
    case BUS_FRAME_WELCOME:
        out[size++] = (uint8_t)frame->version;
        out[size++] = (uint8_t)(frame->version >> 8);
        if (frame->type == BUS_FRAME_HELLO) {
            out[size++] = (uint8_t)frame->kind;
        }
        break;
    case BUS_FRAME_REFUSED:
        return size + write_reason(out + size, frame->reason);
    case BUS_FRAME_MESSAGE:
        out[size++] = (uint8_t)frame->id;
        bytes_store_u64(out + size, frame->correlation);
        size += 8;
        break;
    case BUS_FRAME_SYNC:
        out[size++] = (uint8_t)frame->id;
        bytes_store_u32(out + size, frame->schema);
        size += 4;
        break;
    }
    return size + write_text(out + size, frame->name, strnlen(frame->name, SYSTEM_NAME_SIZE - 1));
}

/* ---- reading ---- */

/* Takes `count` bytes off the front; NULL when there are fewer. */
static const uint8_t *take(Bytes *bytes, size_t count)
{
    const uint8_t *data = bytes->data;
    if (bytes->size < count) {
        return NULL;
    }
    *bytes = bytes_of(data + count, bytes->size - count);
    return data;
}

/* A name, or nothing where that is allowed. */
static Status take_name(Bytes *bytes, bool may_be_empty, char out[SYSTEM_NAME_SIZE])
{
    const uint8_t *size = take(bytes, 1);
    const uint8_t *text = size == NULL ? NULL : take(bytes, *size);
    if (text == NULL) {
        return STATUS_TRUNCATED;
    }
    if (*size >= SYSTEM_NAME_SIZE || memchr(text, 0, *size) != NULL) {
        return STATUS_MALFORMED;
    }
    memcpy(out, text, *size);
    out[*size] = '\0';
    return *size == 0 ? (may_be_empty ? STATUS_OK : STATUS_MALFORMED)
                      : (system_name_valid(out) ? STATUS_OK : STATUS_MALFORMED);
}

static Status parse_greeting(Bytes *bytes, BusFrame *frame)
{
    const uint8_t *version = take(bytes, 2);
    if (version == NULL) {
        return STATUS_TRUNCATED;
    }
    frame->version = bytes_load_u16(version);
    if (frame->version != BUS_NET_VERSION) {
        *bytes = (Bytes){ 0 };
        return STATUS_OK; /* what follows may look otherwise */
    }
    if (frame->type == BUS_FRAME_HELLO) {
        const uint8_t *kind = take(bytes, 1);
        if (kind == NULL) {
            return STATUS_TRUNCATED;
        }
        if (*kind == SYSTEM_NONE || *kind >= SYSTEM_KIND_COUNT) {
            return STATUS_MALFORMED;
        }
        frame->kind = (SystemKind)*kind;
    }
    return take_name(bytes, false, frame->name);
}

static Status parse_reason(Bytes *bytes, BusFrame *frame)
{
    const uint8_t *size = take(bytes, 1);
    const uint8_t *text = size == NULL ? NULL : take(bytes, *size);
    if (text == NULL) {
        return STATUS_TRUNCATED;
    }
    if (!bits_text_valid((const char *)text, *size)) {
        return STATUS_MALFORMED;
    }
    memcpy(frame->reason, text, *size);
    frame->reason[*size] = '\0';
    return STATUS_OK;
}

static Status parse_message(Bytes *bytes, BusFrame *frame)
{
    bool sync = frame->type == BUS_FRAME_SYNC;
    const uint8_t *head = take(bytes, sync ? 5 : 9);
    if (head == NULL) {
        return STATUS_TRUNCATED;
    }
    if (family_rule(head[0]) == NULL || is_sync((FamilyId)head[0]) != sync) {
        return STATUS_MALFORMED;
    }
    frame->id = (FamilyId)head[0];
    frame->correlation = sync ? 0 : bytes_load_u64(head + 1);
    frame->schema = sync ? bytes_load_u32(head + 1) : 0;
    Status status = take_name(bytes, !sync, frame->name);
    if (status == STATUS_OK && (bytes->size == 0 || bytes->size > BUS_BODY_MAX)) {
        status = STATUS_OUT_OF_RANGE;
    }
    frame->rest = *bytes;
    *bytes = (Bytes){ 0 };
    return status;
}

Status bus_frame_parse(Bytes bytes, uint8_t channel, BusFrame *out)
{
    BusFrame frame = { 0 };
    const uint8_t *type = take(&bytes, 1);
    if (type == NULL) {
        return STATUS_TRUNCATED;
    }
    if (*type < BUS_FRAME_HELLO || *type > BUS_FRAME_SYNC ||
        channel != (*type == BUS_FRAME_SYNC ? BUS_CHANNEL_SYNC : BUS_CHANNEL_CONTROL)) {
        return STATUS_MALFORMED;
    }
    frame.type = (BusFrameType)*type;
    Status status = STATUS_MALFORMED;
    switch (frame.type) {
    case BUS_FRAME_HELLO:
    case BUS_FRAME_WELCOME:
        status = parse_greeting(&bytes, &frame);
        break;
    case BUS_FRAME_REFUSED:
        status = parse_reason(&bytes, &frame);
        break;
    case BUS_FRAME_MESSAGE:
    case BUS_FRAME_SYNC:
        status = parse_message(&bytes, &frame);
        break;
    }
    if (status == STATUS_OK && bytes.size > 0) {
        status = STATUS_MALFORMED;
    }
    if (status == STATUS_OK) {
        *out = frame;
    }
    return status;
}
