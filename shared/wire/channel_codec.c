/* channel_codec.c - longer than most: prediction, times and values of a channel are one model, in the order
 * of PROTOCOL.md, "Channels". Its constants are channel_table.h, decimals decimal.c. */
#include "shared/wire/channel_codec.h"
#include "shared/wire/bits.h"
#include "shared/wire/channel_table.h"
#include "shared/wire/decimal.h"

#include <assert.h>
#include <string.h>

#define WIDE_BITS      52 /* codes beyond are taken for IEEE doubles */
#define STEP_BITS      36 /* more than that between two samples counts as that */
#define FIT_BITS       19 /* what goes into a fit is scaled down to */
#define SOLVE_BITS     30
#define ONE            256 /* of ratios, weights and fractions */
#define RATIO_MAX      (16 * ONE)
#define WEIGHT_MAX     (3 * ONE)
#define MEAN_BITS      16 /* after the point of a mean error */
#define STEP_MAX       (INT64_C(1) << STEP_BITS)
#define BINARY_MAX     (INT64_C(1) << 46) /* and more than that between two doubles */
#define MEAN_HUGE      (INT64_C(1) << 58)
#define COUNT_MAX      ((INT64_C(1) << DECIMAL_BITS) - 1)
#define MOOD_ALONE     0 /* one sample is known */
#define MOOD_CALM      1 /* it has gone on as expected; those that follow: not */
#define MOOD_NEW       8 /* none is */
#define MOOD_STEPS     6
#define PRIOR_WEIGHT_0 160
#define PRIOR_WEIGHT_1 32
#define RIDGE          (INT64_C(1) << 17)
#define REFIT          16
#define FIT_ALL        48 /* entities that the filter learns from, and then one of FIT_SOME */
#define FIT_SOME       4
#define JUMP_LEAST     32
#define LEARN_SHIFT    6
#define K_TIME         4

static const ChannelState no_channel = { .source_time = TIME_NONE };

/* What is expected to be missed, by mood. */
static const uint32_t first_mean[CHANNEL_MOODS] = { 40000,  6000,   30000,  50000, 80000,
                                                    140000, 260000, 600000, 400000 };

/* Distinct samples of one channel, newest first. */
typedef struct Samples {
    unsigned count;
    const ChannelState *at[CHANNEL_SAMPLES];
} Samples;

/* What is known of one channel before it is coded. */
typedef struct Expectation {
    int64_t base;      /* the code that it is told against */
    int64_t inputs[2]; /* of the filter, in 1/256 */
    int64_t whole;     /* added to base */
    int32_t fraction;  /* and what was rounded away, in 1/256 */
    unsigned mood;
    bool moving; /* its samples differ */
} Expectation;

static bool is_writing(const RangeCoder *coder)
{
    return coder->mode != RANGE_READ;
}

static bool is_wide(int64_t code)
{
    return (uint64_t)(code >> (WIDE_BITS - 1)) + 1 > 1;
}

/* Of values below 2^63. */
static unsigned bit_length(uint64_t value)
{
    return 63 - (unsigned)__builtin_clzll(value << 1 | 1);
}

static int64_t clamp(int64_t value, int64_t most)
{
    return value > most ? most : value < -most ? -most : value;
}

static int64_t magnitude(int64_t value)
{
    return value < 0 ? -value : value;
}

static int64_t opposite(int64_t value)
{
    return (int64_t)(0 - (uint64_t)value);
}

static bool same_channel(const ChannelState *a, const ChannelState *b)
{
    return a->code == b->code && a->source_time == b->source_time && a->quality == b->quality;
}

/* ---- beginning ---- */

/* By setting, and by whether the entity before had some; 2: there was none. */
static const uint16_t first_some[CHANNEL_SETTINGS][3] = { { 8000, 60000, 60000 }, { 63500, 64500, 64500 },
                                                          { 2000, 6000, 3000 },   { 65300, 65450, 65450 },
                                                          { 8000, 40000, 20000 }, { 300, 3000, 600 } };

void channel_codec_init(ChannelCodec *codec, TimeNs source_time)
{
    codec->clock = codec->recent = source_time;
    codec->gap = 0;
    codec->together_last = 2;
    codec->pace = (ChannelPace){ .next = 0 };
    codec->some_last = 2;
    for (unsigned i = 0; i < 3; i++) {
        codec->together[i] = range_bit_init(i == 0 ? 8000 : 60000);
        for (unsigned setting = 0; setting < CHANNEL_SETTINGS; setting++) {
            codec->some[setting][i] = range_bit_init(first_some[setting][i]);
        }
    }
    codec->time_differs[0] = range_bit_init(4000);
    codec->time_differs[1] = range_bit_init(62000);
    codec->time_by_gap = codec->time_by_rhythm = range_bit_init(1u << 15);
    codec->time_changed[0] = range_bit_init(50000);
    codec->time_changed[1] = range_bit_init(1500);
    codec->time_from_recent = range_bit_init(1u << 15);
    for (unsigned i = 0; i < 3; i++) {
        codec->time_unit[i] = range_bit_init(1u << 15);
    }
    range_number_init(&codec->count, 55000);
    range_number_init(&codec->escape, 50000);
    codec->begun = 0;
}

static void begin_slot(ChannelSlot *slot)
{
    memset(slot, 0, sizeof *slot);
    slot->last = no_channel;
    slot->jump = STEP_MAX;
    slot->weights[0] = PRIOR_WEIGHT_0;
    slot->weights[1] = PRIOR_WEIGHT_1;
    for (unsigned age = 0; age < CHANNEL_AGES; age++) {
        slot->changed[age][0] = range_bit_init(age < 16 ? 4000 : 1u << 15);
        slot->changed[age][1] = range_bit_init(age < 16 ? 8000 : 50000);
    }
    slot->quality_changed = range_bit_init(1000);
    slot->more_digits = range_bit_init(8000);
    slot->binary_changed = range_bit_init(60000);
    slot->binary_coarse = range_bit_init(60000);
    slot->zeros = 64;
    for (unsigned i = 0; i < CHANNEL_MOODS; i++) {
        slot->errors[i].mean = first_mean[i];
    }
}

/* ---- the filter ---- */

static uint64_t between(TimeNs newer, TimeNs older)
{
    return (uint64_t)newer - (uint64_t)older;
}

/* `over` / `by` in 1/256, limited. */
static int64_t ratio_of(uint64_t over, uint64_t by)
{
    unsigned shift = over >> 50 ? bit_length(over >> 50) : 0;
    uint64_t value = by >> shift ? (over >> shift) * ONE / (by >> shift) : RATIO_MAX;
    return value < RATIO_MAX ? (int64_t)value : RATIO_MAX;
}

/* `count` (2 or 3) samples are known, each older than the one before it. */
static void keep_pace(ChannelPace *pace, TimeNs time, const Samples *samples)
{
    uint64_t over = time > samples->at[0]->source_time ? between(time, samples->at[0]->source_time) : 0;
    uint64_t by = between(samples->at[0]->source_time, samples->at[1]->source_time);
    *pace = (ChannelPace){ .time = time, .next = ratio_of(over, by) };
    for (unsigned i = 0; i < CHANNEL_SAMPLES; i++) {
        pace->at[i] = samples->at[i]->source_time;
    }
    if (samples->count > 2) {
        uint64_t before = between(samples->at[1]->source_time, samples->at[2]->source_time);
        pace->next_longer = ratio_of(over, before);
        pace->last = ratio_of(by, before);
    }
}

static bool is_pace(const ChannelPace *pace, TimeNs time, const Samples *samples)
{
    return pace->time == time && pace->at[0] == samples->at[0]->source_time &&
           pace->at[1] == samples->at[1]->source_time && pace->at[2] == samples->at[2]->source_time;
}

/* Distinct samples, newest first; none where the channel has never been reported. Doubles and others do not
 * mix. */
static inline void gather(const ChannelHistory *history, unsigned channel, Samples *samples)
{
    samples->count = 0;
    if (!history->at[0] || history->at[0][channel].quality == 0) {
        return;
    }
    const ChannelState *newest = &history->at[0][channel];
    bool wide = is_wide(newest->code);
    samples->at[samples->count++] = newest;
    for (unsigned i = 1; i < CHANNEL_HISTORY && history->at[i]; i++) {
        const ChannelState *older = &history->at[i][channel];
        if (older->source_time < newest->source_time && older->quality != 0 && is_wide(older->code) == wide) {
            samples->at[samples->count++] = newest = older;
            if (samples->count == CHANNEL_SAMPLES) {
                return;
            }
        }
    }
}

static inline bool is_beyond(int64_t value, int64_t most)
{
    return (uint64_t)value + (uint64_t)most > 2 * (uint64_t)most;
}

static inline void filter(ChannelCodec *codec, const ChannelSlot *slot, TimeNs time, Samples *samples,
                          Expectation *expected)
{
    ChannelPace *pace = &codec->pace;
    if (samples->count == 2) {
        samples->at[2] = samples->at[1];
    }
    int64_t newer = samples->at[0]->code - samples->at[1]->code, miss = clamp(newer, STEP_MAX);
    int64_t older = samples->at[1]->code - samples->at[2]->code;
    expected->moving = (newer | older) != 0;
    if (!expected->moving) {
        expected->mood = MOOD_CALM;
        return;
    }
    if (!is_pace(pace, time, samples)) {
        keep_pace(pace, time, samples);
    }
    if (!is_beyond(newer, slot->jump)) {
        expected->inputs[0] = newer * pace->next;
        if (!is_beyond(older, slot->jump)) {
            expected->inputs[1] = older * pace->next_longer;
            miss -= (slot->weights[0] + slot->weights[1]) * (older * pace->last) >> 16;
        }
    }
    int64_t guess = (slot->weights[0] * expected->inputs[0] + slot->weights[1] * expected->inputs[1]) >> 8;
    expected->whole = (guess + ONE / 2) >> 8;
    expected->fraction = (int32_t)(guess - expected->whole * ONE);
    unsigned length = bit_length((uint64_t)magnitude(miss));
    expected->mood = MOOD_CALM + (length < MOOD_STEPS ? length : MOOD_STEPS);
}

/* `base` is the newest sample's code or, where there is none, that of the new entity before. */
static inline void expect(ChannelCodec *codec, const ChannelSlot *slot, TimeNs time, int64_t base,
                          Samples *samples, Expectation *expected)
{
    *expected = (Expectation){ .base = base, .mood = samples->count > 0 ? MOOD_ALONE : MOOD_NEW };
    if (samples->count > 1) {
        filter(codec, slot, time, samples, expected);
    }
}

/* Weights that would have missed least so far; drawn towards the first ones. */
static void fit(ChannelSlot *slot)
{
    int64_t a00 = slot->a00 + RIDGE, a11 = slot->a11 + RIDGE, a01 = slot->a01;
    int64_t b0 = slot->b0 + RIDGE * PRIOR_WEIGHT_0 / ONE, b1 = slot->b1 + RIDGE * PRIOR_WEIGHT_1 / ONE;
    unsigned length = bit_length((uint64_t)(a00 > a11 ? a00 : a11));
    unsigned shift = length > SOLVE_BITS ? length - SOLVE_BITS : 0;
    a00 >>= shift;
    a11 >>= shift;
    a01 >>= shift;
    a00 += (a00 >> 14) + 1;
    a11 += (a11 >> 14) + 1;
    b0 = clamp(b0 >> shift, INT64_C(1) << 31);
    b1 = clamp(b1 >> shift, INT64_C(1) << 31);
    int64_t part = (a00 * a11 - a01 * a01) / ONE;
    if (part > 0) {
        slot->weights[0] = (int32_t)clamp((b0 * a11 - b1 * a01) / part, WEIGHT_MAX);
        slot->weights[1] = (int32_t)clamp((b1 * a00 - b0 * a01) / part, WEIGHT_MAX);
    }
}

static void learn_weights(ChannelSlot *slot, const Expectation *expected, int64_t change)
{
    unsigned pace = bit_length(slot->fitted + 1);
    int64_t size = magnitude(change) * 16;
    pace = pace < LEARN_SHIFT ? pace : LEARN_SHIFT;
    slot->stride = slot->fitted == 0 ? size : slot->stride + ((size - slot->stride) >> pace);
    slot->jump = slot->fitted < 3 ? STEP_MAX : slot->stride + JUMP_LEAST;
    slot->jump = slot->jump < STEP_MAX ? slot->jump : STEP_MAX;
    int64_t x = expected->inputs[0], y = expected->inputs[1], z = change * ONE;
    unsigned length = bit_length((uint64_t)magnitude(x) | (uint64_t)magnitude(y) | (uint64_t)magnitude(z));
    unsigned shift = length > FIT_BITS ? length - FIT_BITS : 0;
    x >>= shift;
    y >>= shift;
    z >>= shift;
    slot->a00 += x * x;
    slot->a01 += x * y;
    slot->a11 += y * y;
    slot->b0 += x * z;
    slot->b1 += y * z;
    slot->fitted++;
    if ((slot->fitted & (slot->fitted - 1)) == 0 || slot->fitted % REFIT == 0) {
        fit(slot);
    }
}

/* ---- residuals ---- */

static inline void learn_mean(ChannelError *error, int64_t missed)
{
    unsigned shift = bit_length(error->count + 1);
    shift = shift < LEARN_SHIFT ? shift : LEARN_SHIFT;
    error->mean += (missed - error->mean) >> shift;
    error->count++;
}

/* The same, but for outliers. */
static inline void learn_error(ChannelError *error, int64_t missed)
{
    int64_t most = error->mean * 8 + (INT64_C(8) << MEAN_BITS);
    learn_mean(error, missed < most ? missed : most);
}

/* Which of the tables; and how many low bits are not in it. */
static inline unsigned row_of(int64_t mean, int32_t fraction, unsigned *out_low_bits)
{
    unsigned length = bit_length((uint64_t)mean),
             half = length < 2 ? 0 : (unsigned)(mean >> (length - 2) & 1);
    if (length > MEAN_BITS + 1) {
        *out_low_bits = length - MEAN_BITS - 1;
        return 3 * CHANNEL_SIZES + half;
    }
    *out_low_bits = 0;
    unsigned size = length > 5 ? 2 * (length - 6) + half : 0;
    unsigned away = (unsigned)(fraction < 0 ? -fraction : fraction);
    return 3 * size + (away >= ONE / 8) + (away >= ONE * 3 / 8);
}

static inline int64_t code_residual(ChannelCodec *codec, RangeCoder *coder, const ChannelError *error,
                                    int32_t fraction, int64_t residual)
{
    unsigned low_bits, row = row_of(error->mean, fraction, &low_bits);
    bool flipped = fraction < 0;
    int64_t half = low_bits ? INT64_C(1) << (low_bits - 1) : 0, one = INT64_C(1) << low_bits;
    int64_t lowest = -CHANNEL_REACH * one - half, turned = flipped ? opposite(residual) : residual;
    uint64_t place_from_lowest = (uint64_t)turned - (uint64_t)lowest;
    unsigned symbol = CHANNEL_REACH; /* reading: where to look first */
    if (is_writing(coder)) {
        uint64_t quotient = place_from_lowest >> low_bits;
        symbol = quotient < CHANNEL_SYMBOLS - 1 ? (unsigned)quotient : CHANNEL_SYMBOLS - 1;
    }
    symbol = range_symbol(coder, channel_starts[row], CHANNEL_SYMBOLS, symbol);
    if (symbol == CHANNEL_SYMBOLS - 1) {
        turned = bits_unzigzag(range_number(coder, &codec->escape, bits_zigzag(turned)));
    } else {
        turned = lowest + (int64_t)symbol * one;
        if (low_bits) {
            turned += (int64_t)range_bits(coder, place_from_lowest, low_bits);
        }
    }
    return flipped ? opposite(turned) : turned;
}

/* ---- codes ---- */

static inline void learn_code(ChannelSlot *slot, const Expectation *expected, int64_t code)
{
    int64_t change = clamp((int64_t)((uint64_t)code - (uint64_t)expected->base), STEP_MAX);
    int64_t residual = clamp(change - expected->whole, STEP_MAX);
    int64_t missed = magnitude(residual * ONE - expected->fraction) << (MEAN_BITS - 8);
    learn_error(&slot->errors[expected->mood], missed);
    bool taught = expected->moving && (slot->seen < FIT_ALL || slot->seen % FIT_SOME == 0);
    slot->seen += expected->moving;
    if (taught && !is_beyond(change, slot->jump)) {
        learn_weights(slot, expected, change);
    }
}

static inline void code_step(ChannelCodec *codec, RangeCoder *coder, ChannelSlot *slot, TimeNs time,
                             int64_t base, Samples *samples, int64_t *code)
{
    Expectation expected;
    expect(codec, slot, time, base, samples, &expected);
    uint64_t guess = (uint64_t)expected.base + (uint64_t)expected.whole;
    int64_t residual = (int64_t)((uint64_t)*code - guess);
    residual = code_residual(codec, coder, &slot->errors[expected.mood], expected.fraction, residual);
    *code = (int64_t)(guess + (uint64_t)residual);
    learn_code(slot, &expected, *code);
}

/* ---- doubles ---- */

/* The samples as counts at so many digits; those before one that is none are left out. */
static unsigned to_counts(const Samples *samples, unsigned digits, ChannelState out_counts[CHANNEL_SAMPLES])
{
    unsigned count = 0;
    for (; count < samples->count; count++) {
        out_counts[count] = *samples->at[count];
        if (!decimal_count(samples->at[count]->code, digits, &out_counts[count].code)) {
            break;
        }
    }
    return count;
}

/* How many digits the code has: no fewer than what it is told against, as few as will do. DECIMAL_DIGITS_MAX
 * + 1: it is no short decimal, or what it is told against is none. */
static unsigned code_digits(RangeCoder *coder, ChannelSlot *slot, int64_t base, const Samples *samples,
                            int64_t code)
{
    unsigned digits = decimal_digits(base);
    for (unsigned i = 1; i < samples->count && digits <= DECIMAL_DIGITS_MAX; i++) {
        unsigned other = decimal_digits(samples->at[i]->code);
        digits = other > digits && other <= DECIMAL_DIGITS_MAX ? other : digits;
    }
    int64_t count;
    while (digits <= DECIMAL_DIGITS_MAX) {
        bool more = is_writing(coder) && !decimal_count(code, digits, &count);
        if (!range_bit(coder, &slot->more_digits, more)) {
            break;
        }
        digits++;
    }
    return digits;
}

/* The bits of a double, all of them, in the order of their values. */
static uint64_t ordered(int64_t bits)
{
    return bits < 0 ? ~((uint64_t)bits & INT64_MAX) : (uint64_t)bits;
}

static int64_t unordered(uint64_t place)
{
    return (int64_t)(place >> 63 ? ~place | UINT64_C(1) << 63 : place);
}

static unsigned zeros_of(int64_t bits)
{
    return bits ? (unsigned)__builtin_ctzll((uint64_t)bits) : 64;
}

/* A finer step than any before makes what was learnt of the coarser ones worthless. */
static void learn_zeros(ChannelSlot *slot, int64_t bits)
{
    unsigned zeros = zeros_of(bits);
    if (zeros < slot->zeros) {
        slot->zeros = zeros;
        slot->binary.count = 0;
    }
}

/* By how many of the finest steps that were seen so far it differs. */
static void code_binary(ChannelCodec *codec, RangeCoder *coder, ChannelSlot *slot, int64_t *code,
                        int64_t base)
{
    if (!range_bit(coder, &slot->binary_changed, *code != base)) {
        *code = base;
        return;
    }
    learn_zeros(slot, base);
    uint64_t difference = ordered(*code) - ordered(base), low = (UINT64_C(1) << slot->zeros) - 1;
    unsigned shift = range_bit(coder, &slot->binary_coarse, (difference & low) == 0) ? slot->zeros : 0;
    int64_t steps = code_residual(codec, coder, &slot->binary, 0, (int64_t)difference >> shift);
    difference = (uint64_t)steps << shift;
    *code = unordered(ordered(base) + difference);
    learn_zeros(slot, *code);
    int64_t missed = magnitude(clamp((int64_t)difference >> slot->zeros, BINARY_MAX)) << MEAN_BITS;
    slot->binary.mean = slot->binary.count == 0 ? missed : slot->binary.mean;
    if (slot->binary.mean < MEAN_HUGE) {
        learn_error(&slot->binary, missed);
    } else {
        learn_mean(&slot->binary, missed);
    }
}

static void code_double(ChannelCodec *codec, RangeCoder *coder, ChannelSlot *slot, TimeNs time, int64_t base,
                        const Samples *samples, int64_t *code)
{
    unsigned digits = code_digits(coder, slot, base, samples, *code);
    ChannelState counts[CHANNEL_SAMPLES];
    int64_t count = 0, base_count = 0;
    if (digits > DECIMAL_DIGITS_MAX || !decimal_count(base, digits, &base_count)) {
        code_binary(codec, coder, slot, code, base);
        return;
    }
    Samples decimal = { .count = to_counts(samples, digits, counts) };
    for (unsigned i = 0; i < decimal.count; i++) {
        decimal.at[i] = &counts[i];
    }
    if (is_writing(coder)) {
        bool known = decimal_count(*code, digits, &count);
        assert(known);
        (void)known;
    }
    code_step(codec, coder, slot, time, base_count, &decimal, &count);
    range_require(coder, !is_beyond(count, COUNT_MAX), STATUS_MALFORMED);
    *code = coder->status == STATUS_OK ? decimal_double(count, digits) : base;
}

static inline void code_code(ChannelCodec *codec, RangeCoder *coder, ChannelSlot *slot,
                             const ChannelHistory *history, unsigned channel, ChannelState *state)
{
    Samples samples;
    gather(history, channel, &samples);
    int64_t base = samples.count > 0 ? samples.at[0]->code : slot->last.code;
    if (is_wide(base)) {
        code_double(codec, coder, slot, state->source_time, base, &samples, &state->code);
    } else {
        code_step(codec, coder, slot, state->source_time, base, &samples, &state->code);
    }
}

/* ---- source times ---- */

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

static unsigned code_unit(ChannelCodec *codec, RangeCoder *coder, unsigned unit)
{
    unsigned high = range_bit(coder, &codec->time_unit[0], unit >> 1);
    return high << 1 | range_bit(coder, &codec->time_unit[1 + high], unit & 1);
}

/* A time as a count of the coarsest unit that is exact, from the one expected or the last one coded,
 * whichever is nearer. */
static void code_time_difference(ChannelCodec *codec, RangeCoder *coder, TimeNs *time, TimeNs expected)
{
    bool from_recent = is_writing(coder) && time_size(*time, codec->recent) < time_size(*time, expected);
    from_recent = range_bit(coder, &codec->time_from_recent, from_recent);
    uint64_t reference = (uint64_t)(from_recent ? codec->recent : expected);
    int64_t difference = (int64_t)((uint64_t)*time - reference);
    unsigned unit = code_unit(codec, coder, is_writing(coder) ? best_unit(difference) : 0);
    uint64_t count = bits_zigzag(difference / time_units[unit]);
    count = range_number(coder, &codec->count, count);
    /* Unsigned: a hostile count may wrap, which yields some other time and no more. */
    *time = (TimeNs)(reference + (uint64_t)bits_unzigzag(count) * (uint64_t)time_units[unit]);
}

/* Most samples of a tick share one source time; others come as long after the last as those of the entity
 * before did, or as the last came after the one before. */
static void code_time(ChannelCodec *codec, RangeCoder *coder, const ChannelHistory *history, unsigned channel,
                      uint64_t gap, TimeNs *time, TimeNs base)
{
    if (!range_bit(coder, &codec->time_differs[base == 0], *time != codec->recent)) {
        *time = codec->recent;
        return;
    }
    TimeNs expected = base;
    if (gap != 0 && base != TIME_NONE) {
        expected = (TimeNs)((uint64_t)base + gap);
        if (range_bit(coder, &codec->time_by_gap, *time == expected)) {
            *time = codec->recent = expected;
            return;
        }
    }
    Samples samples;
    gather(history, channel, &samples);
    if (samples.count > 1) {
        TimeNs next = (TimeNs)((uint64_t)base + between(base, samples.at[1]->source_time));
        if (next != expected && range_bit(coder, &codec->time_by_rhythm, *time == next)) {
            *time = codec->recent = next;
            return;
        }
    }
    if (!range_bit(coder, &codec->time_changed[base == 0], *time != base)) {
        *time = base;
        return;
    }
    code_time_difference(codec, coder, time, expected);
    codec->recent = *time;
}

/* ---- channels one by one ---- */

static unsigned age_of(const ChannelCodec *codec, TimeNs newest, uint64_t gap)
{
    if (newest == TIME_NONE || gap == 0) {
        return CHANNEL_AGES - 1;
    }
    int64_t age = codec->clock > newest ? ratio_of(between(codec->clock, newest), gap) / (ONE / 16) : 0;
    return age < CHANNEL_AGES - 2 ? (unsigned)age : CHANNEL_AGES - 2;
}

static TimeNs newest_of(unsigned count, const ChannelState *channels)
{
    TimeNs newest = TIME_NONE;
    for (unsigned i = 0; i < count; i++) {
        newest = channels[i].source_time > newest ? channels[i].source_time : newest;
    }
    return newest;
}

unsigned channel_codec_age_known(const ChannelCodec *codec, unsigned count, const ChannelState *base)
{
    return age_of(codec, newest_of(count, base), codec->gap);
}

static void learn_gap(uint64_t *gap, TimeNs newest, TimeNs before)
{
    if (before != TIME_NONE && newest > before) {
        *gap = between(newest, before);
    }
}

static bool code_channel(ChannelCodec *codec, RangeCoder *coder, ChannelSlot *slot,
                         const ChannelHistory *history, unsigned channel, const ChannelState *base,
                         bool before, ChannelState *state)
{
    RangeBit *changed = &slot->changed[age_of(codec, base->source_time, slot->gap)][before];
    if (!range_bit(coder, changed, !same_channel(state, base))) {
        *state = *base;
        return false;
    }
    if (range_bit(coder, &slot->quality_changed, state->quality != base->quality)) {
        state->quality = (uint8_t)range_bits(coder, state->quality, 2);
    } else {
        state->quality = base->quality;
    }
    code_time(codec, coder, history, channel, slot->gap, &state->source_time, base->source_time);
    code_code(codec, coder, slot, history, channel, state);
    learn_gap(&slot->gap, state->source_time, base->source_time);
    return true;
}

/* ---- channels of an entity ---- */

/* What the channel is told against: its own last state or, for a new entity, that of the one before. */
static const ChannelState *base_of(const ChannelSlot *slot, const ChannelHistory *history, unsigned channel)
{
    return history->at[0] ? &history->at[0][channel] : &slot->last;
}

/* Writing: every channel that was ever reported has a new sample of one same time and the same quality. */
static bool are_together(const ChannelSlot *slots, unsigned count, const ChannelHistory *history,
                         const ChannelState *channels)
{
    const ChannelState *first = NULL;
    for (unsigned i = 0; i < count; i++) {
        const ChannelState *base = base_of(&slots[i], history, i);
        if (base->quality == 0) {
            if (!same_channel(&channels[i], base)) {
                return false;
            }
            continue;
        }
        first = first ? first : &channels[i];
        if (channels[i].quality != base->quality || channels[i].source_time != first->source_time) {
            return false;
        }
    }
    return first != NULL;
}

static void code_together(ChannelCodec *codec, RangeCoder *coder, ChannelSlot *slots, unsigned count,
                          const ChannelHistory *history, ChannelState *channels)
{
    TimeNs time = TIME_NONE;
    bool timed = false;
    for (unsigned i = 0; i < count; i++) {
        const ChannelState *base = base_of(&slots[i], history, i);
        if (base->quality == 0) {
            channels[i] = *base;
            continue;
        }
        if (!timed) {
            time = channels[i].source_time;
            code_time(codec, coder, history, i, codec->gap, &time, base->source_time);
            timed = true;
        }
        channels[i].source_time = time;
        channels[i].quality = base->quality;
        code_code(codec, coder, &slots[i], history, i, &channels[i]);
    }
}

static bool any_changed(const ChannelSlot *slots, unsigned count, const ChannelHistory *history,
                        const ChannelState *channels)
{
    for (unsigned i = 0; i < count; i++) {
        if (!same_channel(&channels[i], base_of(&slots[i], history, i))) {
            return true;
        }
    }
    return false;
}

void channel_codec_code(ChannelCodec *codec, RangeCoder *coder, unsigned count, const ChannelHistory *history,
                        ChannelState *channels)
{
    assert(count <= ENTITY_CHANNELS_MAX);
    if (count == 0) {
        return;
    }
    ChannelSlot *slots = &codec->slots[count * (count - 1) / 2];
    for (unsigned i = 0; i < count && !(codec->begun >> count & 1); i++) {
        begin_slot(&slots[i]);
    }
    codec->begun |= 1u << count;
    bool writing = is_writing(coder);
    bool some = range_bit(coder, &codec->some[history->setting][codec->some_last],
                          writing && any_changed(slots, count, history, channels));
    codec->some_last = some;
    bool together = some && range_bit(coder, &codec->together[codec->together_last],
                                      writing && are_together(slots, count, history, channels));
    bool before = false;
    if (together) {
        code_together(codec, coder, slots, count, history, channels);
    }
    for (unsigned i = 0; i < count && !together; i++) {
        const ChannelState *base = base_of(&slots[i], history, i);
        if (some) {
            before = code_channel(codec, coder, &slots[i], history, i, base, before, &channels[i]);
        } else {
            channels[i] = *base;
        }
    }
    codec->together_last = some ? together : codec->together_last;
    if (history->at[0]) {
        learn_gap(&codec->gap, newest_of(count, channels), newest_of(count, history->at[0]));
    } else {
        for (unsigned i = 0; i < count; i++) {
            slots[i].last = channels[i];
        }
    }
}
