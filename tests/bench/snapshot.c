/* snapshot: what the twins of the benches cost in bytes and time when their channels go through the snapshot
 * codec, 20 snapshots and 10 updates a second, by how many there are and by what the client has acknowledged.
 * Every snapshot is decoded and compared. The last lines have one channel of the twins alone, and kinds of
 * values that the twins do not have. */
#include "shared/wire/snapshot.h"
#include "shared/base/clock_file.h"
#include "shared/base/random.h"
#include "tests/bench/bench.h"
#include "tests/bench/twins.h"

#include <math.h>

#define STEPS       120 /* updates; two snapshots each */
#define WARM        16  /* snapshots before measuring, so that all the history there can be is there */
#define REPEATS     3
#define COUNT_MAX   4000
#define SNAPSHOT_NS (TWINS_PERIOD / 2)
#define TAU         6.283185307179586

/* What the client has: how many sequences the baseline is behind, and recent and old before it; 0: none. */
typedef struct Acknowledged {
    uint32_t lag, recent, old;
} Acknowledged;

typedef struct Trial {
    uint32_t count, channels;
    Acknowledged known;
    const int64_t *codes; /* [step][twin][channel] */
} Trial;

typedef struct Outcome {
    double bytes, encode_us, decode_us; /* means over snapshots */
} Outcome;

static void fill(const Trial *trial, Snapshot *snapshot)
{
    uint32_t step = snapshot->sequence / 2 % STEPS;
    snapshot->server_time = snapshot->sequence * SNAPSHOT_NS;
    snapshot->source_time = TWINS_EPOCH + snapshot->server_time;
    snapshot->entity_count = trial->count;
    snapshot->channel_count = trial->count * trial->channels;
    for (uint32_t i = 0; i < trial->count; i++) {
        snapshot->entities[i] = (EntityState){ .handle = { 1u << ENTITY_INDEX_BITS | i },
                                               .kind = ENTITY_TWIN,
                                               .subject = (uint16_t)i,
                                               .channel_count = (uint8_t)trial->channels,
                                               .first_channel = i * trial->channels };
    }
    const int64_t *codes = trial->codes + (size_t)step * trial->count * trial->channels;
    for (uint32_t i = 0; i < snapshot->channel_count; i++) {
        snapshot->channels[i] = (ChannelState){ .code = codes[i],
                                                .source_time = TWINS_EPOCH + step * TWINS_PERIOD,
                                                .quality = 1 };
    }
}

static bool same_channels(const Snapshot *a, const Snapshot *b)
{
    bool same = a->channel_count == b->channel_count;
    for (uint32_t i = 0; same && i < a->channel_count; i++) {
        const ChannelState *x = &a->channels[i], *y = &b->channels[i];
        same = x->code == y->code && x->source_time == y->source_time && x->quality == y->quality;
    }
    return same;
}

static const Snapshot *before(const SnapshotRing *ring, uint32_t sequence, uint32_t age)
{
    return age > 0 && age < sequence ? snapshot_ring_find(ring, sequence - age) : NULL;
}

static Status run(const Trial *trial, Outcome *out_outcome)
{
    size_t capacity = (size_t)trial->count * 256 + 4096;
    Arena arena;
    arena_init(&arena, 0);
    SnapshotLimits limits = { .entities = trial->count, .channels = trial->count * trial->channels };
    SnapshotRing *sender = NULL, *receiver = NULL;
    Status status = snapshot_ring_create(limits, &arena, &sender);
    if (status == STATUS_OK) {
        status = snapshot_ring_create(limits, &arena, &receiver);
    }
    uint8_t *packet = arena_alloc(&arena, capacity, 16);
    if (status != STATUS_OK || packet == NULL) {
        arena_finish(&arena);
        return STATUS_OUT_OF_MEMORY;
    }
    Outcome sum = { 0 };
    uint32_t measured = 0;
    for (uint32_t n = 1; n < 2 * STEPS && status == STATUS_OK; n++) {
        Snapshot *snapshot = snapshot_ring_begin(sender, n);
        fill(trial, snapshot);
        snapshot_ring_commit(sender, snapshot);
        ByteBuffer out = { .data = packet, .capacity = capacity };
        uint32_t baseline = n > trial->known.lag ? n - trial->known.lag : 0;
        SnapshotBase base = { .baseline = snapshot_ring_find(sender, baseline),
                              .recent = before(sender, baseline, trial->known.recent),
                              .old = before(sender, baseline, trial->known.old),
                              .source_time = snapshot->source_time };
        const Snapshot *decoded = NULL;
        TimeNs encoding = INT64_MAX;
        for (int i = 0; i < REPEATS && status == STATUS_OK;
             i++) { /* the shortest: others use the machine too */
            TimeNs began = clock_monotonic();
            status = snapshot_encode_with(snapshot, &base, &out);
            TimeNs took = clock_monotonic() - began;
            encoding = took < encoding ? took : encoding;
        }
        TimeNs encoded = clock_monotonic();
        if (status == STATUS_OK) {
            status = snapshot_ring_decode(receiver, n, snapshot->source_time, bytes_of(out.data, out.size),
                                          &decoded);
        }
        TimeNs done = clock_monotonic();
        if (status == STATUS_OK && !same_channels(snapshot, decoded)) {
            status = STATUS_MALFORMED;
        }
        if (n > WARM) {
            sum.bytes += (double)out.size;
            sum.encode_us += (double)encoding / 1e3;
            sum.decode_us += (double)(done - encoded) / 1e3;
            measured++;
        }
    }
    arena_finish(&arena);
    *out_outcome = (Outcome){ sum.bytes / measured, sum.encode_us / measured, sum.decode_us / measured };
    return status;
}

/* ---- values ---- */

static double normal(Random *random)
{
    double radius = sqrt(-2 * log(1 - random_unit(random)));
    return radius * cos(TAU * random_unit(random));
}

static int64_t bits_of(double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

typedef enum Kind {
    KIND_CONSTANT,
    KIND_COUNTER,  /* +1 at every update */
    KIND_RAMP,     /* each at its own slope, in steps of 0.01 */
    KIND_PATH,     /* smooth, quantised */
    KIND_WALK,     /* ±2 */
    KIND_NOISE_03, /* white, sigma in steps */
    KIND_NOISE_1,
    KIND_NOISE_5,
    KIND_FLIPS,   /* a bool that changes in one of 50 updates */
    KIND_DOUBLE,  /* the walk of a double with all its bits */
    KIND_DECIMAL, /* doubles with two decimals */
    KIND_COUNT
} Kind;

static const char *const kind_names[KIND_COUNT] = { "constant", "counter",  "ramp",   "path",
                                                    "walk",     "noise0.3", "noise1", "noise5",
                                                    "flips",    "double",   "decimal" };

typedef struct Source {
    double value, rate;
} Source;

static int64_t draw(Kind kind, Source *source, Random *random)
{
    switch (kind) {
    case KIND_CONSTANT:
        return (int64_t)source->value;
    case KIND_COUNTER:
        return (int64_t)(source->value += 1);
    case KIND_RAMP:
        return (int64_t)floor(source->value += 10 * source->rate);
    case KIND_PATH:
        source->rate = 0.98 * source->rate + 0.2 * normal(random);
        return lround(source->value += 5 * source->rate);
    case KIND_WALK:
        return (int64_t)(source->value += (double)random_below(random, 5) - 2);
    case KIND_NOISE_03:
        return lround(source->value + 0.3 * normal(random));
    case KIND_NOISE_1:
        return lround(source->value + normal(random));
    case KIND_NOISE_5:
        return lround(source->value + 5 * normal(random));
    case KIND_FLIPS:
        source->rate = random_below(random, 50) == 0 ? -source->rate : source->rate;
        return source->rate > 0;
    case KIND_DOUBLE:
        return bits_of(source->value += 0.01 * normal(random));
    case KIND_DECIMAL:
        source->value += 0.3 * normal(random);
        return bits_of((double)lround(source->value * 100) / 100);
    case KIND_COUNT:
        break;
    }
    return 0;
}

static void draw_all(Kind kind, uint32_t count, int64_t *codes)
{
    Random random = random_seeded(7);
    Source sources[COUNT_MAX];
    for (uint32_t i = 0; i < count; i++) {
        sources[i] = (Source){ random_between(&random, 100, 900), random_between(&random, -1, 1) };
    }
    for (uint32_t step = 0; step < STEPS; step++) {
        for (uint32_t i = 0; i < count; i++) {
            codes[(size_t)step * count + i] = draw(kind, &sources[i], &random);
        }
    }
}

static void copy_twins(const Twins *twins, uint32_t first, uint32_t channels, int64_t *codes)
{
    for (uint32_t step = 0; step < STEPS; step++) {
        for (uint32_t i = 0; i < twins->count; i++) {
            for (uint32_t k = 0; k < channels; k++) {
                *codes++ = twins_code(twins, step, i, first + k);
            }
        }
    }
}

/* ---- lines ---- */

static Status line(const char *values, const Trial *trial, Diag *diag)
{
    Outcome outcome;
    Status status = run(trial, &outcome);
    if (status != STATUS_OK) {
        return diag_set(diag, status, NULL, 0, "%u twins, %s: %s", (unsigned)trial->count, values,
                        status_text(status));
    }
    bench_open("snapshot");
    bench_integer("twins", trial->count);
    bench_text("values", values);
    bench_integer("lag", trial->known.lag);
    bench_integer("recent", trial->known.recent);
    bench_integer("old", trial->known.old);
    bench_number("bytes", outcome.bytes);
    bench_number("bits_twin", outcome.bytes * 8 / trial->count);
    bench_number("bits_channel", outcome.bytes * 8 / trial->count / trial->channels);
    bench_number("encode_us", outcome.encode_us);
    bench_number("decode_us", outcome.decode_us);
    bench_close();
    return STATUS_OK;
}

static Status twin_lines(uint32_t count, Arena *arena, Diag *diag)
{
    static const Acknowledged known[] = { { 1, 1, 1 }, { 1, 2, 4 }, { 2, 1, 2 }, { 2, 2, 4 },
                                          { 3, 2, 4 }, { 2, 0, 0 }, { 2, 2, 0 } };
    Twins twins;
    int64_t *codes = arena_new_array(arena, int64_t, (size_t)STEPS * count * TWIN_CHANNELS);
    Status status = twins_generate(count, STEPS, 10, 1, arena, &twins);
    if (status != STATUS_OK || codes == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, NULL, 0, "no memory for %u twins", (unsigned)count);
    }
    copy_twins(&twins, 0, TWIN_CHANNELS, codes);
    Trial trial = { .count = count, .channels = TWIN_CHANNELS, .codes = codes };
    for (size_t i = 0; i < ARRAY_COUNT(known) && status == STATUS_OK; i++) {
        trial.known = known[i];
        status = line("twins", &trial, diag);
    }
    return status;
}

static Status channel_lines(uint32_t count, Arena *arena, Diag *diag)
{
    static const char *const names[TWIN_CHANNELS] = {
#define TWIN_TEXT(name, resolution, digits, unit) "twins." #name,
        TWIN_CHANNEL_TABLE(TWIN_TEXT)
#undef TWIN_TEXT
            "twins.state"
    };
    Twins twins;
    int64_t *codes = arena_new_array(arena, int64_t, (size_t)STEPS * count);
    Status status = twins_generate(count, STEPS, 10, 1, arena, &twins);
    if (status != STATUS_OK || codes == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, NULL, 0, "no memory for %u twins", (unsigned)count);
    }
    Trial trial = { .count = count, .channels = 1, .known = { 2, 2, 4 }, .codes = codes };
    for (uint32_t k = 0; k < TWIN_CHANNELS && status == STATUS_OK; k++) {
        copy_twins(&twins, k, 1, codes);
        status = line(names[k], &trial, diag);
    }
    for (Kind kind = 0; kind < KIND_COUNT && status == STATUS_OK; kind++) {
        draw_all(kind, count, codes);
        status = line(kind_names[kind], &trial, diag);
    }
    return status;
}

Status bench_snapshot(const BenchOptions *options, Diag *diag)
{
    static const uint32_t counts[] = { 30, 100, 300, 1000 };
    if (options->count > COUNT_MAX) {
        return diag_set(diag, STATUS_OUT_OF_RANGE, NULL, 0, "at most %d twins", COUNT_MAX);
    }
    Arena arena;
    arena_init(&arena, 0);
    Status status = STATUS_OK;
    for (size_t i = 0; i < ARRAY_COUNT(counts) && status == STATUS_OK; i++) {
        uint32_t count = options->count > 0 ? (uint32_t)options->count : counts[i];
        status = twin_lines(count, &arena, diag);
        i = options->count > 0 ? ARRAY_COUNT(counts) : i;
    }
    if (status == STATUS_OK) {
        status = channel_lines(options->count > 0 ? (uint32_t)options->count : 1000, &arena, diag);
    }
    arena_finish(&arena);
    return status;
}
