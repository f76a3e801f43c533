/* channel_codec.h - predicts what the channels of entities read and codes what the prediction missed.
 * Knows the same entity in the snapshots that both ends hold and the channels coded so far in this snapshot;
 * everything is a function of those, nothing is remembered from packet to packet. A code is predicted by a
 * linear filter over the last distinct samples, fitted by least squares to the entities that were coded
 * before: it becomes extrapolation on a path, a mean in noise, holding on what rests. What it misses is coded
 * by a table for the size that was missed lately. Doubles that are short decimals go the same way, as counts
 * of their last digit; others by how many of their last bits they differ. Integers only; the model is written
 * out in shared/PROTOCOL.md, "Channels". Pure. */
#ifndef SHARED_WIRE_CHANNEL_CODEC_H
#define SHARED_WIRE_CHANNEL_CODEC_H
#include "shared/wire/entity.h"
#include "shared/wire/range_coder.h"

#define CHANNEL_HISTORY 4 /* snapshots that are looked at: the baseline and older ones */
#define CHANNEL_SAMPLES 3 /* distinct samples of those that are used */
#define CHANNEL_SLOTS   (ENTITY_CHANNELS_MAX * (ENTITY_CHANNELS_MAX + 1) / 2)
#define CHANNEL_MOODS   9
#define CHANNEL_AGES    33

/* Settings: of an entity that begins to move, stays where it is, goes on moving; of the first and the last
 * the next one if it is lively. */
#define CHANNEL_SETTINGS      6
#define CHANNEL_SETTING_WAKES 1
#define CHANNEL_SETTING_RESTS 3
#define CHANNEL_SETTING_MOVES 4

/* The same channels in snapshots that both ends hold, newest first: [0] the baseline's, or NULL for an entity
 * that is new; of the others those that there are, then NULL. */
typedef struct ChannelHistory {
    const ChannelState *at[CHANNEL_HISTORY];
    unsigned setting; /* what their entity does, 0 (nothing is known of that) to CHANNEL_SETTINGS - 1 */
} ChannelHistory;

/* What was missed lately: a running mean of magnitudes in 1/65536. */
typedef struct ChannelError {
    int64_t mean;
    uint32_t count;
} ChannelError;

/* The n-th channel of entities that have as many channels. */
typedef struct ChannelSlot {
    ChannelState last;     /* of the new entity that was coded last */
    uint32_t seen, fitted; /* entities whose samples differed, and those that the filter has learnt from */
    int32_t weights[2];
    int64_t a00, a01, a11, b0, b1; /* sums of products */
    int64_t stride;                /* running mean of how far samples are apart, in 1/16 */
    int64_t jump;                  /* and how far they may be and still show where things go */
    ChannelError errors[CHANNEL_MOODS];
    uint64_t gap; /* between the last two samples of the entity that changed last; 0: none did */
    RangeBit changed[CHANNEL_AGES][2]; /* by age, and by whether the channel before changed */
    RangeBit quality_changed;
    RangeBit more_digits, binary_changed, binary_coarse; /* of doubles */
    ChannelError binary;                                 /* of those that are no short decimals */
    unsigned zeros;                                      /* low bits that are 0 in all of them */
} ChannelSlot;

/* The times of a channel that is coded and of its last samples, and what follows from them: most repeat. */
typedef struct ChannelPace {
    TimeNs time, at[CHANNEL_SAMPLES];
    int64_t next, next_longer, last; /* ratios of distances, in 1/256 */
} ChannelPace;

typedef struct ChannelCodec {
    TimeNs clock;  /* source time of the snapshot */
    TimeNs recent; /* last source time that was coded */
    uint64_t gap;  /* as in a slot, between the newest of all channels */
    uint8_t some_last, together_last;
    RangeBit some[CHANNEL_SETTINGS][3], together[3];
    RangeBit time_differs[2], time_changed[2]; /* by whether it was 0, as that of channels without times */
    RangeBit time_by_gap, time_by_rhythm, time_from_recent, time_unit[3];
    RangeNumber count, escape;
    ChannelPace pace;
    uint32_t begun; /* bit n: the slots of entities with n channels have been */
    ChannelSlot slots[CHANNEL_SLOTS];
} ChannelCodec;

/* `source_time` is that of the snapshot coded. */
void channel_codec_init(ChannelCodec *codec, TimeNs source_time);

/* How old the newest of an entity's `count` channels in the baseline is, in 1/16 of how long it took the
 * entities before to change; CHANNEL_AGES - 2 for all that is older than that, CHANNEL_AGES - 1: unknown. */
unsigned channel_codec_age_known(const ChannelCodec *codec, unsigned count, const ChannelState *base);

static inline unsigned channel_codec_age(const ChannelCodec *codec, unsigned count, const ChannelState *base)
{
    return codec->gap ? channel_codec_age_known(codec, count, base) : CHANNEL_AGES - 1;
}

/* Codes the `count` channels of one entity. Reading: they are filled. */
void channel_codec_code(ChannelCodec *codec, RangeCoder *coder, unsigned count, const ChannelHistory *history,
                        ChannelState *channels);

#endif
