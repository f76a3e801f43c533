/* The inside of snapshot_encode, snapshot_decode and snapshot_measure: one set of code_… functions walks the
 * stream in all three modes. Where a function needs the value that the writer has and the reader does not, it
 * asks is_writing() and the stream carries it across.
 *
 *   sequence:32  distance:golomb2 (0: no baseline)
 *   server_time:golomb16(zigzag Δ)  changed:1 [source_time:golomb16(zigzag Δ)]  text_count:golomb0(zigzag Δ)
 *   entities: a walk along the baseline
 *     while baseline entities are left   run:golomb0 unchanged ones, then
 *       if some are left still           0 CHANGED body | 10 REMOVED | 11 ADDED identity body
 *     when none are left                 0 END | 1 ADDED identity body
 *   zero bits to the next byte */
#include "shared/wire/bits.h"
#include "shared/wire/snapshot.h"

#include <assert.h>

#define K_DISTANCE   2
#define K_CLOCK      16
#define K_RUN        0
#define K_INDEX      1
#define K_GENERATION 1
#define K_POSITION   5
#define K_CODE       3
#define K_TIME       4

#define GENERATION_MAX ((1u << (32 - ENTITY_INDEX_BITS)) - 1)

typedef struct Codec {
    BitStream *stream;
    const Snapshot *baseline; /* an empty one where there is none */
    const Snapshot *source;   /* writing and measuring: what is encoded */
    Snapshot *target;         /* reading: what is filled */
    SnapshotLimits limits;    /* reading */
    uint32_t cursor;          /* next entity of the baseline */
    uint32_t next;            /* writing: next entity of the source */
    uint32_t floor;           /* smallest index the next entity may have */
    TimeNs recent;            /* last source time that was coded */
} Codec;

/* A channel nobody has reported yet, and the base of everything that is new. */
static const ChannelState no_channel = { .source_time = TIME_NONE };
static const Snapshot no_snapshot = { .source_time = TIME_NONE };

static bool is_writing(const Codec *codec)
{
    return codec->source != NULL;
}

static bool ok(const Codec *codec)
{
    return codec->stream->status == STATUS_OK;
}

/* ---- values ---- */

/* `value` as its wrapped difference to `base`. */
static void code_difference(Codec *codec, int64_t *value, int64_t base, unsigned k)
{
    uint64_t difference = bits_zigzag((int64_t)((uint64_t)*value - (uint64_t)base));
    bits_golomb(codec->stream, &difference, k);
    *value = (int64_t)((uint64_t)base + (uint64_t)bits_unzigzag(difference));
}

static void code_field_int32_t(Codec *codec, int32_t *value, int32_t base)
{
    bool changed = *value != base;
    bits_bool(codec->stream, &changed);
    if (!changed) {
        *value = base;
        return;
    }
    uint64_t difference = bits_zigzag((int32_t)((uint32_t)*value - (uint32_t)base));
    bits_golomb(codec->stream, &difference, K_POSITION);
    bits_check(codec->stream, difference <= UINT32_MAX, STATUS_OUT_OF_RANGE);
    *value = (int32_t)((uint32_t)base + (uint32_t)bits_unzigzag(difference));
}

/* A packed rotation: neighbours in space are not neighbours as numbers. */
static void code_field_uint32_t(Codec *codec, uint32_t *value, uint32_t base)
{
    bool changed = *value != base;
    bits_bool(codec->stream, &changed);
    if (changed) {
        bits_u32(codec->stream, value, 32);
    } else {
        *value = base;
    }
}

static bool same_transform(const EntityState *a, const EntityState *b)
{
#define SAME_FIELD(field, type, bits) a->field == b->field &&
    return ENTITY_FIELDS(SAME_FIELD) true;
#undef SAME_FIELD
}

static void code_transform(Codec *codec, EntityState *entity, const EntityState *base)
{
    bool changed = !same_transform(entity, base);
    bits_bool(codec->stream, &changed);
    if (changed) {
#define CODE_FIELD(field, type, bits) code_field_##type(codec, &entity->field, base->field);
        ENTITY_FIELDS(CODE_FIELD)
#undef CODE_FIELD
    } else {
#define KEEP_FIELD(field, type, bits) entity->field = base->field;
        ENTITY_FIELDS(KEEP_FIELD)
#undef KEEP_FIELD
    }
}

/* ---- channels ---- */

static unsigned leading_zero_bytes(uint64_t value)
{
    unsigned count = 0;
    while (count < 7 && value >> (56 - 8 * count) == 0) {
        count++;
    }
    return count;
}

static unsigned trailing_zero_bytes(uint64_t value)
{
    unsigned count = 0;
    while (count < 7 && (value >> (8 * count) & 0xFF) == 0) {
        count++;
    }
    return count;
}

/* The bits in which a floating-point number differs: a byte range of the exclusive or. */
static void code_xor(Codec *codec, int64_t *code, int64_t base)
{
    uint64_t difference = (uint64_t)*code ^ (uint64_t)base;
    uint64_t leading = leading_zero_bytes(difference), trailing = trailing_zero_bytes(difference);
    bits_u64(codec->stream, &leading, 3);
    bits_u64(codec->stream, &trailing, 3);
    bits_require(codec->stream, leading + trailing < 8, STATUS_MALFORMED);
    if (ok(codec)) {
        unsigned shift = 8 * (unsigned)trailing;
        uint64_t middle = difference >> shift;
        bits_u64(codec->stream, &middle, 64 - 8 * (unsigned)leading - shift);
        *code = (int64_t)((uint64_t)base ^ middle << shift);
    }
}

/* Steps and small integers change by little; IEEE doubles by a few low bytes. The writer takes the shorter.
 */
static void code_code(Codec *codec, int64_t *code, int64_t base)
{
    bool by_xor = false;
    if (is_writing(codec)) {
        uint64_t step = bits_zigzag((int64_t)((uint64_t)*code - (uint64_t)base));
        uint64_t difference = (uint64_t)*code ^ (uint64_t)base;
        unsigned zero_bytes = leading_zero_bytes(difference) + trailing_zero_bytes(difference);
        by_xor = zero_bytes < 8 && 6 + 64 - 8 * zero_bytes < bits_golomb_size(step, K_CODE);
    }
    bits_bool(codec->stream, &by_xor);
    if (by_xor) {
        code_xor(codec, code, base);
    } else {
        code_difference(codec, code, base, K_CODE);
    }
}

static const int64_t time_units[4] = { 1, TIME_US, TIME_MS, TIME_SECOND };

static unsigned best_unit(int64_t difference)
{
    unsigned unit = 3;
    while (difference % time_units[unit] != 0) {
        unit--;
    }
    return unit;
}

static unsigned time_size(TimeNs time, TimeNs reference)
{
    int64_t difference = (int64_t)((uint64_t)time - (uint64_t)reference);
    return bits_golomb_size(bits_zigzag(difference / time_units[best_unit(difference)]), K_TIME);
}

/* A time as a count of the coarsest unit that is exact, from the channel's own last time or the last one
 * coded, whichever is nearer. */
static void code_time_difference(Codec *codec, TimeNs *time, TimeNs base)
{
    bool from_recent = is_writing(codec) && time_size(*time, codec->recent) < time_size(*time, base);
    bits_bool(codec->stream, &from_recent);
    uint64_t reference = (uint64_t)(from_recent ? codec->recent : base);
    int64_t difference = (int64_t)((uint64_t)*time - reference);
    uint64_t unit = is_writing(codec) ? best_unit(difference) : 0;
    bits_u64(codec->stream, &unit, 2);
    uint64_t count = bits_zigzag(difference / time_units[unit]);
    bits_golomb(codec->stream, &count, K_TIME);
    /* Unsigned: a hostile count may wrap, which yields some other time and no more. */
    *time = (TimeNs)(reference + (uint64_t)bits_unzigzag(count) * (uint64_t)time_units[unit]);
}

/* Most samples of a tick share one source time. */
static void code_source_time(Codec *codec, TimeNs *time, TimeNs base)
{
    bool differs = *time != codec->recent;
    bits_bool(codec->stream, &differs);
    if (!differs) {
        *time = codec->recent;
        return;
    }
    bool changed = *time != base;
    bits_bool(codec->stream, &changed);
    if (!changed) {
        *time = base;
        return;
    }
    code_time_difference(codec, time, base);
    codec->recent = *time;
}

static bool same_channel(const ChannelState *a, const ChannelState *b)
{
    return a->code == b->code && a->source_time == b->source_time && a->quality == b->quality;
}

static void code_channel(Codec *codec, ChannelState *channel, const ChannelState *base)
{
    bool changed = !same_channel(channel, base);
    bits_bool(codec->stream, &changed);
    if (!changed) {
        *channel = *base;
        return;
    }
    bool code_changed = channel->code != base->code;
    bits_bool(codec->stream, &code_changed);
    if (code_changed) {
        code_code(codec, &channel->code, base->code);
    } else {
        channel->code = base->code;
    }
    bool quality_changed = channel->quality != base->quality;
    bits_bool(codec->stream, &quality_changed);
    if (quality_changed) {
        bits_u8(codec->stream, &channel->quality, 2);
    } else {
        channel->quality = base->quality;
    }
    code_source_time(codec, &channel->source_time, base->source_time);
}

/* ---- entities ---- */

/* Room for one more entity with `channel_count` channels in the target; NULL fails the stream. */
static EntityState *append(Codec *codec, const EntityState *entity)
{
    Snapshot *target = codec->target;
    bits_require(codec->stream,
                 target->entity_count < codec->limits.entities &&
                     entity->channel_count <= codec->limits.channels - target->channel_count,
                 STATUS_OUT_OF_RANGE);
    if (!ok(codec)) {
        return NULL;
    }
    EntityState *added = &target->entities[target->entity_count++];
    *added = *entity;
    added->first_channel = target->channel_count;
    target->channel_count += entity->channel_count;
    return added;
}

/* Transform and channels of `entity` (identity already known) against `base`, whose channels are
 * `base_channels` (NULL: none yet). Reading: appended to the target. */
static void code_body(Codec *codec, EntityState *entity, const EntityState *base,
                      const ChannelState *base_channels)
{
    const ChannelState *from = is_writing(codec) ? codec->source->channels + entity->first_channel : NULL;
    code_transform(codec, entity, base);
    ChannelState *into = NULL;
    if (!is_writing(codec)) {
        EntityState *added = append(codec, entity);
        into = added ? codec->target->channels + added->first_channel : NULL;
    }
    for (unsigned i = 0; ok(codec) && i < entity->channel_count; i++) {
        ChannelState channel = from ? from[i] : no_channel;
        code_channel(codec, &channel, base_channels ? &base_channels[i] : &no_channel);
        if (into) {
            into[i] = channel;
        }
    }
}

static bool same_identity(const EntityState *a, const EntityState *b)
{
    return a->handle.value == b->handle.value && a->kind == b->kind && a->subject == b->subject &&
           a->channel_count == b->channel_count;
}

static bool same_entity(const Codec *codec, const EntityState *a, const EntityState *b)
{
    if (!same_identity(a, b) || !same_transform(a, b)) {
        return false;
    }
    const ChannelState *channels = codec->source->channels + a->first_channel;
    const ChannelState *base = codec->baseline->channels + b->first_channel;
    for (unsigned i = 0; i < a->channel_count; i++) {
        if (!same_channel(&channels[i], &base[i])) {
            return false;
        }
    }
    return true;
}

/* Writing: how many entities from the two cursors on are the same. */
static uint64_t count_unchanged(const Codec *codec)
{
    uint32_t count = 0;
    while (codec->cursor + count < codec->baseline->entity_count &&
           codec->next + count < codec->source->entity_count &&
           same_entity(codec, &codec->source->entities[codec->next + count],
                       &codec->baseline->entities[codec->cursor + count])) {
        count++;
    }
    return count;
}

static void code_run(Codec *codec)
{
    uint64_t run = is_writing(codec) ? count_unchanged(codec) : 0;
    bits_golomb(codec->stream, &run, K_RUN);
    bits_require(codec->stream, run <= codec->baseline->entity_count - codec->cursor, STATUS_OUT_OF_RANGE);
    if (!ok(codec)) {
        return;
    }
    for (uint64_t i = 0; !is_writing(codec) && i < run; i++) {
        const EntityState *base = &codec->baseline->entities[codec->cursor + i];
        const EntityState *kept = append(codec, base);
        if (!kept) {
            return;
        }
        if (kept->channel_count > 0) {
            memcpy(codec->target->channels + kept->first_channel,
                   codec->baseline->channels + base->first_channel,
                   kept->channel_count * sizeof(ChannelState));
        }
    }
    codec->next += (uint32_t)run;
    codec->cursor += (uint32_t)run;
    if (run > 0) {
        codec->floor = entity_index(codec->baseline->entities[codec->cursor - 1].handle) + 1;
    }
}

typedef enum EntityOp { OP_CHANGED, OP_REMOVED, OP_ADDED, OP_END } EntityOp;

/* Writing: what happens next to the baseline's entity at the cursor, which is not unchanged. */
static EntityOp next_op(const Codec *codec)
{
    bool more = codec->next < codec->source->entity_count;
    if (codec->cursor == codec->baseline->entity_count) {
        return more ? OP_ADDED : OP_END;
    }
    if (!more) {
        return OP_REMOVED;
    }
    const EntityState *entity = &codec->source->entities[codec->next];
    const EntityState *base = &codec->baseline->entities[codec->cursor];
    if (entity_index(entity->handle) < entity_index(base->handle)) {
        return OP_ADDED;
    }
    return same_identity(entity, base) ? OP_CHANGED : OP_REMOVED;
}

static EntityOp code_op(Codec *codec)
{
    EntityOp op = is_writing(codec) ? next_op(codec) : OP_END;
    bool first, second;
    if (codec->cursor == codec->baseline->entity_count) {
        first = op == OP_ADDED;
        bits_bool(codec->stream, &first);
        return first ? OP_ADDED : OP_END;
    }
    first = op != OP_CHANGED;
    bits_bool(codec->stream, &first);
    if (!first) {
        return OP_CHANGED;
    }
    second = op == OP_ADDED;
    bits_bool(codec->stream, &second);
    return second ? OP_ADDED : OP_REMOVED;
}

static void code_changed(Codec *codec)
{
    const EntityState *base = &codec->baseline->entities[codec->cursor++];
    EntityState entity = is_writing(codec) ? codec->source->entities[codec->next++] : *base;
    code_body(codec, &entity, base, codec->baseline->channels + base->first_channel);
    codec->floor = entity_index(base->handle) + 1;
}

static void code_identity(Codec *codec, EntityState *entity)
{
    uint64_t skipped = entity_index(entity->handle) - codec->floor;
    uint64_t generation = (entity->handle.value >> ENTITY_INDEX_BITS) - 1;
    bits_golomb(codec->stream, &skipped, K_INDEX);
    bits_golomb(codec->stream, &generation, K_GENERATION);
    bits_u8(codec->stream, &entity->kind, 2);
    bits_u16(codec->stream, &entity->subject, 16);
    bits_u8(codec->stream, &entity->channel_count, 5);
    bits_require(codec->stream, skipped <= ENTITY_INDEX_MAX && codec->floor + skipped <= ENTITY_INDEX_MAX,
                 STATUS_OUT_OF_RANGE);
    bits_require(codec->stream, generation < GENERATION_MAX, STATUS_OUT_OF_RANGE);
    bits_require(codec->stream, entity->channel_count <= ENTITY_CHANNELS_MAX, STATUS_OUT_OF_RANGE);
    if (!ok(codec)) {
        return;
    }
    uint32_t index = codec->floor + (uint32_t)skipped;
    bool before_next = codec->cursor == codec->baseline->entity_count ||
                       index < entity_index(codec->baseline->entities[codec->cursor].handle);
    bits_require(codec->stream, before_next, STATUS_OUT_OF_RANGE);
    entity->handle.value = (uint32_t)(generation + 1) << ENTITY_INDEX_BITS | index;
}

static void code_added(Codec *codec)
{
    static const EntityState nothing = { 0 };
    EntityState entity = is_writing(codec) ? codec->source->entities[codec->next++] : nothing;
    assert(!is_writing(codec) ||
           (entity_index(entity.handle) >= codec->floor && entity.kind < ENTITY_KIND_COUNT));
    code_identity(codec, &entity);
    if (ok(codec)) {
        code_body(codec, &entity, &nothing, NULL);
        codec->floor = entity_index(entity.handle) + 1;
    }
}

static void code_entities(Codec *codec)
{
    while (ok(codec)) {
        if (codec->cursor < codec->baseline->entity_count) {
            code_run(codec);
        }
        if (!ok(codec)) {
            return;
        }
        switch (code_op(codec)) {
        case OP_CHANGED:
            code_changed(codec);
            break;
        case OP_REMOVED:
            codec->floor = entity_index(codec->baseline->entities[codec->cursor++].handle);
            break;
        case OP_ADDED:
            code_added(codec);
            break;
        case OP_END:
            return;
        }
    }
}

/* ---- the whole ---- */

static void code_header(BitStream *stream, uint32_t *sequence, uint32_t *baseline)
{
    uint64_t distance = *baseline ? *sequence - *baseline : 0;
    bits_u32(stream, sequence, 32);
    bits_golomb(stream, &distance, K_DISTANCE);
    bits_require(stream, distance <= INT32_MAX, STATUS_OUT_OF_RANGE);
    *baseline = distance ? *sequence - (uint32_t)distance : 0;
    bits_require(stream, *sequence != 0 && (distance == 0 || *baseline != 0), STATUS_OUT_OF_RANGE);
}

/* `head` holds the scalar members: the source's when writing, the target itself when reading. */
static void code_rest(Codec *codec, Snapshot *head)
{
    const Snapshot *baseline = codec->baseline;
    code_difference(codec, &head->server_time, baseline->server_time, K_CLOCK);
    bool changed = head->source_time != baseline->source_time;
    bits_bool(codec->stream, &changed);
    if (changed) {
        code_difference(codec, &head->source_time, baseline->source_time, K_CLOCK);
    } else {
        head->source_time = baseline->source_time;
    }
    int64_t texts = head->text_count;
    code_difference(codec, &texts, baseline->text_count, 0);
    bits_require(codec->stream, texts >= 0 && texts <= UINT32_MAX, STATUS_OUT_OF_RANGE);
    head->text_count = (uint32_t)texts;
    codec->recent = head->source_time;
    code_entities(codec);
    bits_align(codec->stream);
}

static void write_snapshot(BitStream *stream, const Snapshot *snapshot, const Snapshot *baseline)
{
    assert(!baseline || snapshot_newer(snapshot->sequence, baseline->sequence));
    Codec codec = { .stream = stream, .source = snapshot, .baseline = baseline ? baseline : &no_snapshot };
    uint32_t sequence = snapshot->sequence, older = baseline ? baseline->sequence : 0;
    Snapshot head = *snapshot;
    code_header(stream, &sequence, &older);
    code_rest(&codec, &head);
}

Status snapshot_encode(const Snapshot *snapshot, const Snapshot *baseline, ByteBuffer *out)
{
    BitStream stream = bits_writer(out->data, out->capacity);
    write_snapshot(&stream, snapshot, baseline);
    Status status = bits_finish(&stream);
    assert(status == STATUS_OK || status == STATUS_CAPACITY);
    out->size = status == STATUS_OK ? bits_size(&stream) : 0;
    return status;
}

size_t snapshot_measure(const Snapshot *snapshot, const Snapshot *baseline)
{
    BitStream stream = bits_measurer();
    write_snapshot(&stream, snapshot, baseline);
    return bits_size(&stream);
}

Status snapshot_peek(Bytes bytes, uint32_t *out_sequence, uint32_t *out_baseline)
{
    BitStream stream = bits_reader(bytes);
    uint32_t sequence = 0, baseline = 0;
    code_header(&stream, &sequence, &baseline);
    if (stream.status == STATUS_OK) {
        *out_sequence = sequence;
        *out_baseline = baseline;
    }
    return stream.status;
}

Status snapshot_decode(SnapshotRing *ring, Bytes bytes, const Snapshot **out_snapshot)
{
    BitStream stream = bits_reader(bytes);
    uint32_t sequence = 0, older = 0;
    code_header(&stream, &sequence, &older);
    if (stream.status != STATUS_OK) {
        return stream.status;
    }
    if (!snapshot_ring_accepts(ring, sequence)) {
        return STATUS_DUPLICATE;
    }
    const Snapshot *baseline = older ? snapshot_ring_find(ring, older) : &no_snapshot;
    if (!baseline) {
        return STATUS_NO_BASELINE;
    }
    Snapshot *target = snapshot_ring_begin(ring, sequence);
    Codec codec = {
        .stream = &stream, .baseline = baseline, .target = target, .limits = snapshot_ring_limits(ring)
    };
    code_rest(&codec, target);
    Status status = bits_finish(&stream);
    if (status == STATUS_OK) {
        snapshot_ring_commit(ring, target);
        *out_snapshot = target;
    }
    return status;
}
