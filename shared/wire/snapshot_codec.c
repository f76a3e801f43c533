/* The inside of snapshot_encode, snapshot_decode and snapshot_measure: one set of code_… functions walks the
 * stream in all three modes. Where a function needs the value that the writer has and the reader does not, it
 * asks is_writing() and the stream carries it across. All of it is range coded:
 *
 *   distance to the baseline (0: none), ages of recent, old and older ones, carrier
 *   entities: a walk along the baseline
 *     while baseline entities are left   SAME | CHANGED body | REMOVED | ADDED identity body
 *     when none are left                 END | ADDED identity body */
#include "shared/wire/bits.h"
#include "shared/wire/channel_codec.h"
#include "shared/wire/motion.h"
#include "shared/wire/quantise.h"
#include "shared/wire/range_coder.h"
#include "shared/wire/snapshot.h"

#include <assert.h>

#define GENERATION_MAX ((1u << (32 - ENTITY_INDEX_BITS)) - 1)

typedef struct Models {
    RangeBit same[4][3];                 /* by how it moved lately, and by how many of those before changed */
    RangeBit same_aged[CHANNEL_AGES][3]; /* of those with channels that rest: by their age */
    RangeBit same_still[2][MOTION_STIRS][3]; /* of all others that rest: lively, by what moves nearby */
    RangeBit further, usual, other, added, more;
    RangeBit rotation_same;
    RangeNumber distance, age, carrier, index, generation, place;
} Models;

typedef struct Codec {
    RangeCoder *stream;
    Models models;
    Motion motion;
    ChannelCodec *channels;
    EntityState added;        /* the last one */
    uint32_t changes;         /* entities changed of late */
    const Snapshot *baseline; /* an empty one where there is none */
    const Snapshot *source;   /* writing and measuring: what is encoded */
    Snapshot *target;         /* reading: what is filled */
    SnapshotLimits limits;    /* reading */
    uint32_t cursor;          /* next entity of the baseline */
    uint32_t next;            /* writing: next entity of the source */
    uint32_t floor;           /* smallest index the next entity may have */
} Codec;

/* The base of everything that is new. */
static const Snapshot no_snapshot = { .source_time = TIME_NONE };

/* First probabilities that an entity stays as it is. */
static const uint16_t first_same[4][3] = {
    { 65000, 40000, 20000 }, { 65300, 64200, 63000 }, { 48000, 48000, 48000 }, { 600, 300, 300 }
};

/* And of those that rest and have channels: not due, due, older, unknown. */
static const uint16_t first_same_aged[4][3] = {
    { 65000, 64200, 63000 }, { 30000, 20000, 10000 }, { 60000, 50000, 40000 }, { 65000, 40000, 20000 }
};

/* Of the others that rest: lively or not, by what moves nearby. */
static const uint16_t first_same_still[2][MOTION_STIRS][3] = { { { 21000, 10000, 20000 },
                                                                 { 37000, 32000, 35000 },
                                                                 { 60000, 54700, 55300 },
                                                                 { 63000, 61000, 62200 },
                                                                 { 64100, 62900, 61700 },
                                                                 { 64700, 63200, 63600 },
                                                                 { 65000, 63100, 63300 },
                                                                 { 65520, 65300, 64800 } },
                                                               { { 36000, 13000, 38900 },
                                                                 { 42300, 27400, 42700 },
                                                                 { 52800, 54600, 53700 },
                                                                 { 62000, 61800, 60000 },
                                                                 { 63200, 63900, 61800 },
                                                                 { 62800, 63200, 59700 },
                                                                 { 61800, 63000, 63200 },
                                                                 { 61300, 60000, 61000 } } };

static bool is_writing(const Codec *codec)
{
    return codec->source != NULL;
}

static bool ok(const Codec *codec)
{
    return codec->stream->status == STATUS_OK;
}

/* ---- values ---- */

static void init_bit(RangeBit *bit, uint16_t probability)
{
    *bit = range_bit_init(probability);
}

static void models_init(Models *models)
{
    for (unsigned recent = 0; recent < 4; recent++) {
        for (unsigned changes = 0; changes < 3; changes++) {
            init_bit(&models->same[recent][changes], first_same[recent][changes]);
        }
    }
    for (unsigned age = 0; age < CHANNEL_AGES; age++) {
        unsigned stage = age < 16 ? 0 : age < CHANNEL_AGES - 2 ? 1 : age < CHANNEL_AGES - 1 ? 2 : 3;
        for (unsigned changes = 0; changes < 3; changes++) {
            init_bit(&models->same_aged[age][changes], first_same_aged[stage][changes]);
        }
    }
    for (unsigned i = 0; i < 2 * MOTION_STIRS * 3; i++) {
        unsigned lively = i / (MOTION_STIRS * 3), stir = i / 3 % MOTION_STIRS;
        init_bit(&models->same_still[lively][stir][i % 3], first_same_still[lively][stir][i % 3]);
    }
    init_bit(&models->further, 1u << 15);
    init_bit(&models->usual, 60000);
    init_bit(&models->other, 1000);
    init_bit(&models->added, 1u << 15);
    init_bit(&models->more, 1000);
    init_bit(&models->rotation_same, 1u << 15);
    RangeNumber *const numbers[] = { &models->distance, &models->age,        &models->carrier,
                                     &models->index,    &models->generation, &models->place };
    static const uint16_t longer[] = { 50000, 50000, 8000, 6000, 6000, 60000 };
    for (unsigned i = 0; i < ARRAY_COUNT(numbers); i++) {
        range_number_init(numbers[i], longer[i]);
    }
}

/* Motion begins on its own; clearing that too would be most of the work in a small cell. */
static void codec_init(Codec *codec, RangeCoder *stream, ChannelCodec *channels, TimeNs source_time)
{
    codec->stream = stream;
    codec->channels = channels;
    codec->added = (EntityState){ 0 };
    codec->changes = codec->cursor = codec->next = codec->floor = 0;
    codec->baseline = codec->source = NULL;
    codec->target = NULL;
    codec->limits = (SnapshotLimits){ 0 };
    models_init(&codec->models);
    channel_codec_init(channels, source_time);
}

static void code_place(Codec *codec, int32_t *value, int32_t base)
{
    uint64_t difference = bits_zigzag((int32_t)((uint32_t)*value - (uint32_t)base));
    difference = range_number(codec->stream, &codec->models.place, difference);
    range_require(codec->stream, difference <= UINT32_MAX, STATUS_OUT_OF_RANGE);
    *value = (int32_t)((uint32_t)base + (uint32_t)bits_unzigzag(difference));
}

static uint64_t code_new_rotation(Codec *codec, uint64_t rotation)
{
    uint32_t steps = codec->motion.steps;
    unsigned width = 32 - (unsigned)__builtin_clz(steps);
    unsigned largest = (unsigned)range_bits(codec->stream, quat_largest(rotation), 2);
    uint64_t codes[3];
    for (unsigned i = 0; i < 3; i++) {
        codes[i] = range_bits(codec->stream, (uint32_t)quat_component(rotation, i), width);
        range_require(codec->stream, codes[i] <= steps, STATUS_OUT_OF_RANGE);
    }
    return quat_join(largest, codes[0], codes[1], codes[2]);
}

/* The transform of a new entity, against the one that was added before it. */
static void code_new_transform(Codec *codec, EntityState *entity)
{
    const EntityState *before = &codec->added;
    code_place(codec, &entity->x_mm, before->x_mm);
    code_place(codec, &entity->y_mm, before->y_mm);
    code_place(codec, &entity->z_mm, before->z_mm);
    if (range_bit(codec->stream, &codec->models.rotation_same, entity->rotation == before->rotation)) {
        entity->rotation = before->rotation;
    } else {
        entity->rotation = code_new_rotation(codec, entity->rotation);
    }
    codec->added = *entity;
}

/* ---- entities ---- */

/* Room for one more entity with `channel_count` channels in the target; NULL fails the stream. */
static EntityState *append(Codec *codec, const EntityState *entity)
{
    Snapshot *target = codec->target;
    range_require(codec->stream,
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

/* The channels of the baseline's entity at `index` in older snapshots. */
static void look_back(const Codec *codec, uint32_t index, ChannelHistory *history)
{
    const Snapshot *const older[] = { codec->motion.past[0], codec->motion.past[1] };
    const EntityState *base = &codec->baseline->entities[index];
    for (unsigned i = 0, count = 1; i < ARRAY_COUNT(older); i++) {
        const EntityState *entity = motion_find(older[i], index, base->handle);
        if (entity && entity->channel_count == base->channel_count) {
            history->at[count++] = older[i]->channels + entity->first_channel;
        }
    }
}

static inline bool same_channel(const ChannelState *a, const ChannelState *b)
{
    return ((uint64_t)(a->code ^ b->code) | (uint64_t)(a->source_time ^ b->source_time) |
            (uint64_t)(a->quality ^ b->quality)) == 0;
}

/* What the baseline's entity at `index` does, now that its transform is known. */
static unsigned setting_of(const Codec *codec, uint32_t index, const EntityState *entity)
{
    const EntityState *base = &codec->baseline->entities[index];
    unsigned recent = motion_recent(&codec->motion, index);
    if (recent == 0) {
        return 0;
    }
    if (motion_same_place(base, entity)) {
        return CHANNEL_SETTING_RESTS;
    }
    unsigned lively = motion_lively(&codec->motion, base);
    return lively + (recent == 1 ? CHANNEL_SETTING_WAKES : CHANNEL_SETTING_MOVES);
}

/* Transform and channels of `entity` (identity already known) against the baseline's entity at `index`, or
 * against nothing when `base_channels` is NULL. Reading: appended to the target. */
static void code_body(Codec *codec, EntityState *entity, uint32_t index, const ChannelState *base_channels)
{
    const ChannelState *from = is_writing(codec) ? codec->source->channels + entity->first_channel : NULL;
    if (base_channels) {
        motion_code(&codec->motion, codec->stream, index, entity);
    } else {
        code_new_transform(codec, entity);
    }
    ChannelState channels[ENTITY_CHANNELS_MAX], *into = NULL;
    if (!is_writing(codec)) {
        EntityState *added = ok(codec) ? append(codec, entity) : NULL;
        into = added ? codec->target->channels + added->first_channel : NULL;
    }
    if (ok(codec)) {
        ChannelHistory history = { .at = { base_channels } };
        if (base_channels) {
            look_back(codec, index, &history);
            history.setting = setting_of(codec, index, entity);
        }
        if (from && entity->channel_count > 0) {
            memcpy(channels, from, entity->channel_count * sizeof *channels);
        }
        channel_codec_code(codec->channels, codec->stream, entity->channel_count, &history,
                           into ? into : channels);
    }
}

static bool same_identity(const EntityState *a, const EntityState *b)
{
    return a->handle.value == b->handle.value && a->kind == b->kind && a->subject == b->subject &&
           a->channel_count == b->channel_count;
}

static inline bool same_channels(const ChannelState *a, const ChannelState *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!same_channel(&a[i], &b[i])) {
            return false;
        }
    }
    return true;
}

typedef enum EntityOp { OP_CHANGED, OP_REMOVED, OP_ADDED, OP_END } EntityOp;

/* Writing: what happens next to the baseline's entity at the cursor, which does not stay as it is. */
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
    if (!same_identity(entity, base)) {
        return OP_REMOVED;
    }
    return OP_CHANGED;
}

/* Which model says that the baseline's entity `base`, which has `channels`, stays as it is; `recent` is what
 * motion_recent says. */
static inline RangeBit *same_model(Codec *codec, const EntityState *base, const ChannelState *channels,
                                   unsigned recent, uint32_t changes)
{
    Models *models = &codec->models;
    changes = changes < 2 ? changes : 2;
    if (recent >= 2) {
        return &models->same[recent & 3][changes];
    }
    unsigned age = CHANNEL_AGES - 1;
    if (base->channel_count > 0) {
        age = channel_codec_age(codec->channels, base->channel_count, channels);
    }
    if (recent == 1 && age == CHANNEL_AGES - 1) {
        bool lively = base->channel_count > 0 && channels->code != 0;
        return &models->same_still[lively][motion_stir(&codec->motion, base)][changes];
    }
    return base->channel_count == 0 ? &models->same[recent][changes] : &models->same_aged[age][changes];
}

static void code_changed(Codec *codec)
{
    const EntityState *base = &codec->baseline->entities[codec->cursor++];
    EntityState entity = is_writing(codec) ? codec->source->entities[codec->next++] : *base;
    code_body(codec, &entity, codec->cursor - 1, codec->baseline->channels + base->first_channel);
    codec->floor = entity_index(base->handle) + 1;
}

static void code_identity(Codec *codec, EntityState *entity)
{
    RangeCoder *stream = codec->stream;
    uint64_t skipped =
        range_number(stream, &codec->models.index, entity_index(entity->handle) - codec->floor);
    uint64_t generation =
        range_number(stream, &codec->models.generation, (entity->handle.value >> ENTITY_INDEX_BITS) - 1);
    entity->kind = (uint8_t)range_bits(stream, entity->kind, 2);
    entity->subject = (uint16_t)range_bits(stream, entity->subject, 16);
    entity->channel_count = (uint8_t)range_bits(stream, entity->channel_count, 5);
    range_require(codec->stream, skipped <= ENTITY_INDEX_MAX && codec->floor + skipped <= ENTITY_INDEX_MAX,
                  STATUS_OUT_OF_RANGE);
    range_require(codec->stream, generation < GENERATION_MAX, STATUS_OUT_OF_RANGE);
    range_require(codec->stream, entity->channel_count <= ENTITY_CHANNELS_MAX, STATUS_OUT_OF_RANGE);
    if (!ok(codec)) {
        return;
    }
    uint32_t index = codec->floor + (uint32_t)skipped;
    bool before_next = codec->cursor == codec->baseline->entity_count ||
                       index < entity_index(codec->baseline->entities[codec->cursor].handle);
    range_require(codec->stream, before_next, STATUS_OUT_OF_RANGE);
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
        code_body(codec, &entity, 0, NULL);
        codec->floor = entity_index(entity.handle) + 1;
    }
}

/* Which of the baseline's entities stay as they are, from the cursor on up to the first that does not: most
 * of them do. Reading, they are copied. */
static inline void keep_run(Codec *codec, const bool writing)
{
    RangeCoder *stream = codec->stream;
    Snapshot *target = codec->target;
    const EntityState *const entities = codec->baseline->entities;
    const ChannelState *const base_channels = codec->baseline->channels;
    const uint32_t count = codec->baseline->entity_count,
                   source_count = writing ? codec->source->entity_count : 0;
    const EntityState *const source = writing ? codec->source->entities : NULL;
    const ChannelState *const source_channels = writing ? codec->source->channels : NULL;
    EntityState *const kept = writing ? NULL : target->entities;
    ChannelState *const kept_channels = writing ? NULL : target->channels;
    const uint32_t most = writing ? 0 : codec->limits.entities,
                   most_channels = writing ? 0 : codec->limits.channels;
    uint64_t low = stream->low, range = stream->range;
    uint32_t cursor = codec->cursor, next = codec->next, changes = codec->changes;
    uint32_t entity_count = writing ? 0 : target->entity_count,
             channel_count = writing ? 0 : target->channel_count;
    bool stays = true;
    while (cursor < count) {
        const EntityState *base = &entities[cursor];
        const ChannelState *channels = base_channels + base->first_channel;
        RangeBit *same = same_model(codec, base, channels, motion_recent(&codec->motion, cursor), changes);
        uint64_t share = range_share(range, same);
        if (writing) {
            const EntityState *entity = &source[next];
            stays = next < source_count && are_zero(entity_difference(entity, base)) &&
                    same_channels(source_channels + entity->first_channel, channels, base->channel_count);
        } else {
            stays = low < share;
        }
        if (!stays) {
            range -= share;
            low += writing ? share : 0 - share;
            if (writing && low < share) {
                range_carry(stream);
            }
            range_learn(same, false);
            changes++;
        } else {
            range = share;
            range_learn(same, true);
            changes /= 2;
        }
        if (range >> 32 == 0) {
            stream->low = low;
            stream->range = range;
            range_refill(stream);
            low = stream->low;
            range = stream->range;
        }
        if (!stays) {
            break;
        }
        cursor++;
        next++;
        if (!writing) {
            bool room = entity_count < most && base->channel_count <= most_channels - channel_count;
            range_require(stream, room, STATUS_OUT_OF_RANGE);
            if (!room) {
                break;
            }
            kept[entity_count] = *base;
            kept[entity_count++].first_channel = channel_count;
            for (unsigned i = 0; i < base->channel_count; i++) {
                kept_channels[channel_count++] = channels[i];
            }
        }
    }
    if (cursor > codec->cursor) {
        codec->floor = entity_index(entities[cursor - 1].handle) + 1;
    }
    stream->low = low;
    stream->range = range;
    codec->cursor = cursor;
    codec->next = next;
    codec->changes = changes;
    if (!writing) {
        target->entity_count = entity_count;
        target->channel_count = channel_count;
    }
}

/* What happens next to the baseline's entity at the cursor, or beyond the last one. */
static EntityOp code_op(Codec *codec)
{
    EntityOp op = is_writing(codec) ? next_op(codec) : OP_END;
    Models *models = &codec->models;
    if (codec->cursor == codec->baseline->entity_count) {
        return range_bit(codec->stream, &models->more, op == OP_ADDED) ? OP_ADDED : OP_END;
    }
    if (!range_bit(codec->stream, &models->other, op != OP_CHANGED)) {
        return OP_CHANGED;
    }
    return range_bit(codec->stream, &models->added, op == OP_ADDED) ? OP_ADDED : OP_REMOVED;
}

static void code_entities(Codec *codec)
{
    while (ok(codec)) {
        if (is_writing(codec)) {
            keep_run(codec, true);
        } else {
            keep_run(codec, false);
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

/* How many sequences the baseline is before the snapshot; 0: there is none. */
static uint32_t code_distance(Codec *codec, uint32_t sequence, uint32_t baseline)
{
    uint64_t distance =
        range_number(codec->stream, &codec->models.distance, baseline ? sequence - baseline : 0);
    range_require(codec->stream, distance <= INT32_MAX, STATUS_OUT_OF_RANGE);
    return ok(codec) ? (uint32_t)distance : 0;
}

static uint64_t code_age(Codec *codec, uint64_t age)
{
    age = range_number(codec->stream, &codec->models.age, age);
    range_require(codec->stream, age <= SNAPSHOT_AGE_MAX, STATUS_OUT_OF_RANGE);
    return ok(codec) ? age : 0;
}

static const Snapshot **past_of(SnapshotBase *base, unsigned j)
{
    return j == 0 ? &base->recent : j == 1 ? &base->old : &base->older[j - 2];
}

static uint32_t steps_of(SnapshotFormat format)
{
    return format.rotation_steps ? format.rotation_steps : QUAT_STEPS;
}

/* How many sequences the past ones are before the baseline; 0: none. Usually one, and as many as the
 * baseline is before the snapshot; and where there are older ones, twice, four and eight times as many. */
static void code_ages(Codec *codec, uint32_t distance, uint32_t ages[MOTION_PAST])
{
    unsigned count = 2;
    uint32_t further = 0;
    for (unsigned j = 2; j < MOTION_PAST; j++) {
        further |= ages[j];
    }
    if (range_bit(codec->stream, &codec->models.further, further != 0)) {
        count = MOTION_PAST;
    }
    for (unsigned j = 0; j < count; j++) {
        uint64_t expected = j == 0 ? 1 : (uint64_t)distance << (j - 1);
        expected = expected <= SNAPSHOT_AGE_MAX ? expected : 0;
        if (range_bit(codec->stream, &codec->models.usual, ages[j] == expected)) {
            ages[j] = (uint32_t)expected;
        } else {
            ages[j] = (uint32_t)code_age(codec, ages[j]);
        }
    }
}

static void code_rest(Codec *codec)
{
    Motion *motion = &codec->motion;
    uint64_t carrier = is_writing(codec) ? motion_find_carrier(motion) : MOTION_NO_CARRIER;
    carrier = range_number(codec->stream, &codec->models.carrier, (uint32_t)(carrier + 1));
    range_require(codec->stream, carrier <= codec->baseline->entity_count, STATUS_OUT_OF_RANGE);
    motion->carrier = (uint32_t)carrier - 1;
    if (ok(codec)) {
        motion_survey(motion);
        code_entities(codec);
    }
}

static Status write_snapshot(RangeCoder *coder, const Snapshot *snapshot, const SnapshotBase *base)
{
    const Snapshot *baseline = base->baseline ? base->baseline : &no_snapshot;
    assert(!base->baseline || snapshot_newer(snapshot->sequence, baseline->sequence));
    ChannelCodec channels; /* the most of it never begins */
    Codec codec;
    codec_init(&codec, coder, &channels, base->source_time);
    codec.source = snapshot;
    codec.baseline = baseline;
    SnapshotBase past = *base;
    uint32_t distance = code_distance(&codec, snapshot->sequence, baseline->sequence);
    if (distance) {
        uint32_t ages[MOTION_PAST];
        for (unsigned j = 0; j < MOTION_PAST; j++) {
            const Snapshot *older = *past_of(&past, j);
            ages[j] = older ? baseline->sequence - older->sequence : 0;
            assert(ages[j] <= SNAPSHOT_AGE_MAX && (!older || ages[j] > 0));
        }
        code_ages(&codec, distance, ages);
    }
    past.baseline = baseline;
    motion_init(&codec.motion, snapshot->sequence, steps_of(snapshot->format), &past);
    code_rest(&codec);
    return range_finish(coder);
}

Status snapshot_encode_with(const Snapshot *snapshot, const SnapshotBase *base, ByteBuffer *out)
{
    RangeCoder coder = range_writer(out->data, out->capacity);
    Status status = write_snapshot(&coder, snapshot, base);
    assert(status == STATUS_OK || status == STATUS_CAPACITY);
    out->size = status == STATUS_OK ? coder.position : 0;
    return status;
}

Status snapshot_encode(const Snapshot *snapshot, const Snapshot *baseline, ByteBuffer *out)
{
    return snapshot_encode_with(snapshot, &(SnapshotBase){ .baseline = baseline }, out);
}

size_t snapshot_measure(const Snapshot *snapshot, const Snapshot *baseline)
{
    RangeCoder coder = range_measurer();
    Status status = write_snapshot(&coder, snapshot, &(SnapshotBase){ .baseline = baseline });
    assert(status == STATUS_OK);
    (void)status;
    return coder.position;
}

/* What the receiver has of `sequence`; where it has nothing the stream fails. */
static const Snapshot *find_known(Codec *codec, SnapshotSource known, uint32_t sequence)
{
    const Snapshot *found = sequence != 0 && ok(codec) ? known.find(known.context, sequence) : NULL;
    range_require(codec->stream, found != NULL, STATUS_NO_BASELINE);
    return found;
}

/* Everything that the code is told against. */
static SnapshotBase code_base(Codec *codec, SnapshotSource known, uint32_t sequence)
{
    SnapshotBase base = { 0 };
    uint32_t distance = code_distance(codec, sequence, 0), ages[MOTION_PAST] = { 0 };
    if (distance == 0) {
        return base;
    }
    base.baseline = find_known(codec, known, sequence - distance);
    code_ages(codec, distance, ages);
    for (unsigned j = 0; j < MOTION_PAST; j++) {
        if (ages[j]) {
            *past_of(&base, j) = find_known(codec, known, sequence - distance - ages[j]);
        }
    }
    return base;
}

Status snapshot_decode(SnapshotSource known, uint32_t sequence, TimeNs source_time, Bytes bytes,
                       SnapshotLimits limits, Snapshot *target)
{
    assert(sequence != 0);
    snapshot_clear(target, sequence);
    RangeCoder coder = range_reader(bytes);
    ChannelCodec channels;
    Codec codec;
    codec_init(&codec, &coder, &channels, source_time);
    codec.target = target;
    codec.limits = limits;
    target->format = limits.format;
    SnapshotBase base = code_base(&codec, known, sequence);
    base.baseline = base.baseline ? base.baseline : &no_snapshot;
    codec.baseline = base.baseline;
    motion_init(&codec.motion, sequence, steps_of(limits.format), &base);
    if (ok(&codec)) {
        code_rest(&codec);
    }
    return range_finish(&coder);
}
