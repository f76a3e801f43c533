#include "shared/wire/messages.h"

#include "shared/base/asset_source.h"
#include "shared/wire/bits.h"

#include <assert.h>
#include <math.h>

static const char *const reject_texts[REJECT_COUNT] = { [REJECT_NONE] = "no reason given",
#define REJECT_TEXT(name, text) [REJECT_##name] = text,
                                                        REJECT_TABLE(REJECT_TEXT)
#undef REJECT_TEXT
};

const char *reject_text(RejectCode code)
{
    return (unsigned)code < REJECT_COUNT ? reject_texts[code] : "unknown reason";
}

const char *wire_command_text(uint8_t state)
{
    static const char *const texts[WIRE_COMMAND_COUNT] = { [WIRE_COMMAND_NONE] = "asked",
#define WIRE_COMMAND_TEXT(value, name, text) [value] = text,
                                                           WIRE_COMMAND_TABLE(WIRE_COMMAND_TEXT)
#undef WIRE_COMMAND_TEXT
    };
    return state < WIRE_COMMAND_COUNT ? texts[state] : "?";
}

const char *wire_system_text(uint8_t kind)
{
    static const char *const texts[WIRE_SYSTEM_COUNT] = { [WIRE_SYSTEM_NONE] = "?",
#define WIRE_SYSTEM_TEXT(value, name, text) [value] = text,
                                                          WIRE_SYSTEM_TABLE(WIRE_SYSTEM_TEXT)
#undef WIRE_SYSTEM_TEXT
    };
    return kind < WIRE_SYSTEM_COUNT ? texts[kind] : "?";
}

static const MessageRule rules[MESSAGE_ID_COUNT] = {
#define MESSAGE_RULE(id, NAME, name, sender, channel, delivery, role, states) \
    [id] = { MESSAGE_##NAME, #NAME, sender, channel, DELIVERY_##delivery, ROLE_##role, states },
    MESSAGE_TABLE(MESSAGE_RULE)
#undef MESSAGE_RULE
};

const MessageRule *message_rule(uint8_t wire_id)
{
    return wire_id < MESSAGE_ID_COUNT && rules[wire_id].id != MESSAGE_NONE ? &rules[wire_id] : NULL;
}

/* ---- one codec a message, for both directions; the id byte is already done ---- */

static void codec_hello(BitStream *stream, HelloMessage *message)
{
    bits_u32(stream, &message->version, 32);
    bits_text(stream, message->name, sizeof message->name);
    bits_text(stream, message->build, sizeof message->build);
    bits_block(stream, message->world_hash, sizeof message->world_hash);
    bits_u16(stream, &message->session, 16);
    bits_block(stream, message->ticket, sizeof message->ticket);
    bits_u32(stream, &message->texts, 32);
}

static void codec_welcome(BitStream *stream, WelcomeMessage *message)
{
    bits_u16(stream, &message->session, 16);
    bits_u16(stream, &message->tick_rate_hz, 16);
    bits_u16(stream, &message->snapshot_rate_hz, 16);
    bits_u32(stream, &message->manifest_count, 32);
    bits_u32(stream, &message->entity_limit, 32);
    bits_u32(stream, &message->channel_limit, 32);
    bits_u32(stream, &message->cell_limit, 32);
    bits_u16(stream, &message->history, 16);
    bits_block(stream, message->world_hash, sizeof message->world_hash);
    bits_text(stream, message->world_name, sizeof message->world_name);
    bits_text(stream, message->name, sizeof message->name);
    bits_check(stream, message->tick_rate_hz >= 1 && message->tick_rate_hz <= TICK_RATE_MAX,
               STATUS_OUT_OF_RANGE);
    bits_check(stream, message->snapshot_rate_hz >= 1 && message->snapshot_rate_hz <= message->tick_rate_hz,
               STATUS_OUT_OF_RANGE);
    bits_check(stream, message->manifest_count <= MANIFEST_COUNT_MAX, STATUS_OUT_OF_RANGE);
    bits_check(stream, message->entity_limit <= ENTITY_LIMIT_MAX, STATUS_OUT_OF_RANGE);
    bits_check(stream, message->channel_limit <= CHANNEL_LIMIT_MAX, STATUS_OUT_OF_RANGE);
    bits_check(stream, message->cell_limit <= CELL_LIMIT_MAX, STATUS_OUT_OF_RANGE);
    bits_check(stream, message->history >= 2 && message->history <= HISTORY_LIMIT_MAX, STATUS_OUT_OF_RANGE);
}

static void codec_reject(BitStream *stream, RejectMessage *message)
{
    bits_u8(stream, &message->code, 8);
    bits_text(stream, message->text, sizeof message->text);
    bits_check(stream, message->code > REJECT_NONE && message->code < REJECT_COUNT, STATUS_OUT_OF_RANGE);
}

static void codec_manifest_entry(BitStream *stream, ManifestEntryMessage *message)
{
    bits_u32(stream, &message->index, 32);
    bits_u32(stream, &message->size, 32);
    bits_block(stream, message->hash, sizeof message->hash);
    bits_text(stream, message->name, sizeof message->name);
    bits_check(stream, message->index < MANIFEST_COUNT_MAX, STATUS_OUT_OF_RANGE);
    bits_check(stream, message->size <= FILE_SIZE_MAX, STATUS_OUT_OF_RANGE);
    if (stream->status == STATUS_OK) {
        bits_check(stream, asset_name_valid(message->name), STATUS_MALFORMED);
    }
}

static void codec_file_request(BitStream *stream, FileRequestMessage *message)
{
    bits_u32(stream, &message->index, 32);
    bits_u32(stream, &message->first_chunk, 32);
    bits_u8(stream, &message->chunk_count, 8);
    bits_check(stream, message->index < MANIFEST_COUNT_MAX, STATUS_OUT_OF_RANGE);
    bits_check(stream, message->first_chunk < FILE_SIZE_MAX / FILE_CHUNK_MAX, STATUS_OUT_OF_RANGE);
    bits_check(stream, message->chunk_count >= 1 && message->chunk_count <= FILE_REQUEST_MAX,
               STATUS_OUT_OF_RANGE);
}

static void codec_file_chunk(BitStream *stream, FileChunkMessage *message)
{
    bits_u32(stream, &message->index, 32);
    bits_u32(stream, &message->chunk, 32);
    bits_rest(stream, &message->bytes, FILE_CHUNK_MAX);
    bits_check(stream, message->index < MANIFEST_COUNT_MAX, STATUS_OUT_OF_RANGE);
    bits_check(stream, message->chunk < FILE_SIZE_MAX / FILE_CHUNK_MAX, STATUS_OUT_OF_RANGE);
}

static void codec_ready(BitStream *stream, ReadyMessage *message)
{
    bits_block(stream, message->world_hash, sizeof message->world_hash);
}

static void codec_time_request(BitStream *stream, TimeRequestMessage *message)
{
    bits_i64(stream, &message->t0);
}

static void codec_time_response(BitStream *stream, TimeResponseMessage *message)
{
    bits_i64(stream, &message->t0);
    bits_i64(stream, &message->t1);
    bits_i64(stream, &message->t2);
}

static void codec_input_sample(BitStream *stream, InputSample *input)
{
    bits_i8(stream, &input->forward);
    bits_i8(stream, &input->right);
    bits_u8(stream, &input->flags, 8);
    bits_u16(stream, &input->yaw, 16);
    bits_i16(stream, &input->pitch);
    bits_check(stream, input->forward != INT8_MIN && input->right != INT8_MIN, STATUS_OUT_OF_RANGE);
    bits_check(stream, input->flags <= 1, STATUS_OUT_OF_RANGE);
    bits_check(stream, input->pitch >= -INPUT_PITCH_MAX && input->pitch <= INPUT_PITCH_MAX,
               STATUS_OUT_OF_RANGE);
}

static void codec_input(BitStream *stream, InputMessage *message)
{
    bits_u32(stream, &message->acknowledged, 32);
    bits_u32(stream, &message->mask, 32);
    bits_u32(stream, &message->first_sequence, 32);
    bits_u8(stream, &message->count, 8);
    bits_require(stream, message->count <= INPUTS_MAX, STATUS_OUT_OF_RANGE);
    for (unsigned i = 0; stream->status == STATUS_OK && i < message->count; i++) {
        codec_input_sample(stream, &message->inputs[i]);
    }
}

static void codec_snapshot(BitStream *stream, SnapshotMessage *message)
{
    bits_rest(stream, &message->body, MESSAGE_SIZE_MAX);
}

static void codec_roster_entry(BitStream *stream, RosterEntry *entry)
{
    bits_u16(stream, &entry->session, 16);
    bits_text(stream, entry->name, sizeof entry->name);
}

/* The entries stay bytes, but are all looked at, so that reading them later cannot fail. */
static void codec_roster(BitStream *stream, RosterMessage *message)
{
    bits_rest(stream, &message->entries, ROSTER_SIZE_MAX);
    bits_require(stream, message->entries.size > 0, STATUS_TRUNCATED);
    BitStream entries = bits_reader(message->entries);
    entries.length_first = stream->length_first;
    while (stream->status == STATUS_OK && bits_size(&entries) < message->entries.size) {
        RosterEntry entry;
        codec_roster_entry(&entries, &entry);
        bits_require(stream, entries.status == STATUS_OK, entries.status);
    }
    bits_check(stream, entries.complaint == STATUS_OK, entries.complaint);
}

static void codec_text_define(BitStream *stream, TextDefineMessage *message)
{
    bits_u32(stream, &message->id, 32);
    bits_text(stream, message->text, sizeof message->text);
}

static void codec_bye(BitStream *stream, ByeMessage *message)
{
    bits_u8(stream, &message->reserved, 8);
    bits_check(stream, message->reserved == 0, STATUS_OUT_OF_RANGE);
}

static void codec_ticket(BitStream *stream, TicketMessage *message)
{
    bits_u16(stream, &message->session, 16);
    bits_u16(stream, &message->seconds, 16);
    bits_block(stream, message->ticket, sizeof message->ticket);
    bits_check(stream, message->seconds >= 1 && message->seconds <= RESUME_SECONDS_MAX, STATUS_OUT_OF_RANGE);
}

/* IEEE 754 binary64, finite. */
static void codec_finite(BitStream *stream, double *number)
{
    uint64_t bits;
    memcpy(&bits, number, sizeof bits);
    bits_u64(stream, &bits, 64);
    memcpy(number, &bits, sizeof bits);
    bits_check(stream, isfinite(*number), STATUS_OUT_OF_RANGE);
}

static void codec_thing(BitStream *stream, uint32_t *thing)
{
    bits_u32(stream, thing, 32);
    bits_check(stream, *thing < ENTITY_LIMIT_MAX, STATUS_OUT_OF_RANGE);
}

static void codec_property(BitStream *stream, uint8_t *property)
{
    bits_u8(stream, property, 8);
    bits_check(stream, *property < 16 || *property == NO_WIRE_PROPERTY, STATUS_OUT_OF_RANGE);
}

static void codec_flag(BitStream *stream, uint8_t *flag)
{
    bits_u8(stream, flag, 8);
    bits_check(stream, *flag <= 1, STATUS_OUT_OF_RANGE);
}

static void codec_invoke(BitStream *stream, InvokeMessage *message)
{
    bits_block(stream, message->command, sizeof message->command);
    codec_thing(stream, &message->thing);
    bits_u8(stream, &message->action, 8);
    bits_check(stream, message->action <= ACTION_INDEX_MAX, STATUS_OUT_OF_RANGE);
    bits_u8(stream, &message->kind, 8);
    bits_require(stream, message->kind <= WIRE_VALUE_TEXT, STATUS_OUT_OF_RANGE);
    if (message->kind == WIRE_VALUE_NUMBER) {
        codec_finite(stream, &message->number);
    } else if (message->kind == WIRE_VALUE_BOOLEAN) {
        codec_flag(stream, &message->boolean);
    } else if (message->kind == WIRE_VALUE_TEXT) {
        bits_text(stream, message->text, sizeof message->text);
    }
}

static void codec_command(BitStream *stream, CommandMessage *message)
{
    bits_block(stream, message->command, sizeof message->command);
    codec_thing(stream, &message->thing);
    bits_u8(stream, &message->action, 8);
    bits_check(stream, message->action <= ACTION_INDEX_MAX + 1, STATUS_OUT_OF_RANGE);
    bits_u8(stream, &message->state, 8);
    bits_check(stream, message->state > WIRE_COMMAND_NONE && message->state < WIRE_COMMAND_COUNT,
               STATUS_OUT_OF_RANGE);
    codec_property(stream, &message->property);
    bits_i64(stream, &message->desired);
    bits_check(stream, message->property != NO_WIRE_PROPERTY || message->desired == 0, STATUS_OUT_OF_RANGE);
    bits_u16(stream, &message->who, 16);
    bits_i64(stream, &message->since);
    bits_text(stream, message->name, sizeof message->name);
    bits_text(stream, message->reason, sizeof message->reason);
}

static void codec_alarm(BitStream *stream, AlarmMessage *message)
{
    codec_thing(stream, &message->thing);
    codec_property(stream, &message->property);
    bits_u8(stream, &message->severity, 8);
    bits_check(stream, message->severity == WIRE_WARNING || message->severity == WIRE_CRITICAL,
               STATUS_OUT_OF_RANGE);
    codec_flag(stream, &message->active);
    codec_finite(stream, &message->score);
    bits_i64(stream, &message->source_time);
    bits_text(stream, message->service, sizeof message->service);
    bits_text(stream, message->rule, sizeof message->rule);
    bits_text(stream, message->text, sizeof message->text);
}

static void codec_systems(BitStream *stream, SystemsMessage *message)
{
    bits_u8(stream, &message->reserved, 8);
    bits_check(stream, message->reserved == 0, STATUS_OUT_OF_RANGE);
}

static void codec_system(BitStream *stream, SystemMessage *message)
{
    bits_u8(stream, &message->index, 8);
    bits_u8(stream, &message->count, 8);
    bits_check(stream, message->count <= WIRE_SYSTEMS_MAX && message->index < message->count,
               STATUS_OUT_OF_RANGE);
    bits_u8(stream, &message->kind, 8);
    bits_check(stream, message->kind > WIRE_SYSTEM_NONE && message->kind < WIRE_SYSTEM_COUNT,
               STATUS_OUT_OF_RANGE);
    codec_flag(stream, &message->up);
    bits_u8(stream, &message->rights, 8);
    bits_check(stream, message->rights <= (WIRE_RIGHT_READ | WIRE_RIGHT_ACTUATE), STATUS_OUT_OF_RANGE);
    bits_u32(stream, &message->things, 32);
    bits_u32(stream, &message->bound, 32);
    bits_u16(stream, &message->syncs, 16);
    bits_text(stream, message->name, sizeof message->name);
    bits_text(stream, message->domain, sizeof message->domain);
    bits_text(stream, message->title, sizeof message->title);
    bits_text(stream, message->reason, sizeof message->reason);
}

static void codec_unbound_entry(BitStream *stream, UnboundEntry *entry)
{
    codec_thing(stream, &entry->thing);
    bits_text(stream, entry->reason, sizeof entry->reason);
}

static void codec_unbound(BitStream *stream, UnboundMessage *message)
{
    codec_flag(stream, &message->last);
    bits_rest(stream, &message->entries, UNBOUND_SIZE_MAX);
    BitStream entries = bits_reader(message->entries);
    entries.length_first = stream->length_first;
    while (stream->status == STATUS_OK && bits_size(&entries) < message->entries.size) {
        UnboundEntry entry;
        codec_unbound_entry(&entries, &entry);
        bits_require(stream, entries.status == STATUS_OK, entries.status);
    }
    bits_check(stream, entries.complaint == STATUS_OK, entries.complaint);
}

static void codec_message(BitStream *stream, Message *message)
{
    switch (message->id) {
#define MESSAGE_CODEC(id, NAME, name, sender, channel, delivery, role, states) \
    case MESSAGE_##NAME:                                                       \
        codec_##name(stream, &message->name);                                  \
        break;
        MESSAGE_TABLE(MESSAGE_CODEC)
#undef MESSAGE_CODEC
    case MESSAGE_NONE:
    case MESSAGE_ID_COUNT:
        bits_require(stream, false, STATUS_MALFORMED);
        break;
    }
}

/* ---- public ---- */

Status message_encode(const Message *message, ByteBuffer *out)
{
    out->size = 0;
    Message copy = *message; /* the codec takes a mutable message; it does not change one that it writes */
    BitStream stream =
        bits_writer(out->data, out->capacity < MESSAGE_SIZE_MAX ? out->capacity : MESSAGE_SIZE_MAX);
    uint8_t id = (uint8_t)message->id;
    bits_u8(&stream, &id, 8);
    codec_message(&stream, &copy);
    Status status = bits_finish(&stream);
    assert(status == STATUS_OK || status == STATUS_CAPACITY);
    if (status != STATUS_OK) {
        return status == STATUS_CAPACITY ? status : STATUS_INVALID_ARGUMENT;
    }
    out->size = bits_size(&stream);
    return STATUS_OK;
}

static Status read_message(Bytes bytes, Message *out_message)
{
    BitStream stream = bits_reader(bytes);
    stream.length_first = true;
    uint8_t id = 0;
    bits_u8(&stream, &id, 8);
    out_message->id = (MessageId)id;
    codec_message(&stream, out_message);
    return bits_finish(&stream);
}

Status message_decode(Bytes bytes, Sender sender, uint8_t channel, uint32_t state, Role role,
                      Message *out_message)
{
    if (bytes.size == 0) {
        return STATUS_TRUNCATED;
    }
    const MessageRule *rule = message_rule(bytes.data[0]);
    if (!rule || bytes.size > MESSAGE_SIZE_MAX) {
        return STATUS_MALFORMED;
    }
    if (rule->sender != sender || rule->channel != channel || !(rule->states & state) ||
        role < rule->min_role) {
        return STATUS_NOT_ALLOWED;
    }
    Message message = { 0 };
    Status status = read_message(bytes, &message);
    if (status == STATUS_OK) {
        *out_message = message;
    }
    return status;
}

Status message_send(Transport transport, PeerId peer, const Message *message, ByteBuffer *scratch)
{
    Status status = message_encode(message, scratch);
    if (status != STATUS_OK) {
        return status;
    }
    const MessageRule *rule = message_rule((uint8_t)message->id);
    return transport_send(transport, peer, rule->channel, rule->delivery,
                          bytes_of(scratch->data, scratch->size));
}

Status roster_entry_write(const RosterEntry *entry, ByteBuffer *entries)
{
    RosterEntry copy = *entry;
    BitStream stream = bits_writer(entries->data + entries->size, entries->capacity - entries->size);
    codec_roster_entry(&stream, &copy);
    Status status = bits_finish(&stream);
    if (status == STATUS_OK) {
        entries->size += bits_size(&stream);
    }
    return status;
}

bool roster_entry_read(Bytes *entries, RosterEntry *out_entry)
{
    BitStream stream = bits_reader(*entries);
    RosterEntry entry = { 0 };
    codec_roster_entry(&stream, &entry);
    if (stream.status != STATUS_OK) {
        return false;
    }
    *entries = bytes_slice(*entries, bits_size(&stream), entries->size - bits_size(&stream));
    *out_entry = entry;
    return true;
}

Status unbound_entry_write(const UnboundEntry *entry, ByteBuffer *entries)
{
    UnboundEntry copy = *entry;
    BitStream stream = bits_writer(entries->data + entries->size, entries->capacity - entries->size);
    codec_unbound_entry(&stream, &copy);
    Status status = bits_finish(&stream);
    if (status == STATUS_OK) {
        entries->size += bits_size(&stream);
    }
    return status;
}

bool unbound_entry_read(Bytes *entries, UnboundEntry *out_entry)
{
    BitStream stream = bits_reader(*entries);
    UnboundEntry entry = { 0 };
    codec_unbound_entry(&stream, &entry);
    if (stream.status != STATUS_OK) {
        return false;
    }
    *entries = bytes_slice(*entries, bits_size(&stream), entries->size - bits_size(&stream));
    *out_entry = entry;
    return true;
}

void message_clean_text(const char *text, char *out, size_t size)
{
    size_t used = 0;
    while (*text && used + 1 < size) {
        size_t length = 1; /* the shortest valid piece is the next character */
        while (length < 4 && text[length] && !bits_text_valid(text, length)) {
            length++;
        }
        bool valid = bits_text_valid(text, length);
        length = valid ? length : 1;
        if (used + length + 1 > size) {
            break;
        }
        if (valid) {
            memcpy(out + used, text, length);
        } else {
            out[used] = '?';
        }
        used += length;
        text += length;
    }
    out[used] = '\0';
}
