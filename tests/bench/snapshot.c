/* snapshot: twins that all change at every step, three channels each, against the step before. */
#include "shared/wire/snapshot.h"
#include "shared/base/clock_file.h"
#include "shared/base/random.h"
#include "tests/bench/bench.h"

#define CHANNELS 3
#define STEPS    200

static void step(Snapshot *snapshot, const Snapshot *before, uint32_t count, Random *random)
{
    snapshot->server_time = (TimeNs)snapshot->sequence * 100 * TIME_MS;
    snapshot->source_time = snapshot->server_time;
    snapshot->entity_count = count;
    snapshot->channel_count = count * CHANNELS;
    for (uint32_t i = 0; i < count; i++) {
        EntityState *entity = &snapshot->entities[i];
        *entity = (EntityState){ .handle = { 1u << ENTITY_INDEX_BITS | i },
                                 .kind = ENTITY_TWIN,
                                 .channel_count = CHANNELS,
                                 .first_channel = i * CHANNELS };
        for (uint32_t k = 0; k < CHANNELS; k++) {
            int64_t last = before ? before->channels[i * CHANNELS + k].code : 1000;
            int64_t change = k == 2 ? random_below(random, 600) == 0 : (int64_t)random_below(random, 5) - 2;
            snapshot->channels[i * CHANNELS + k] =
                (ChannelState){ .code = last + change, .source_time = snapshot->source_time, .quality = 1 };
        }
    }
}

Status bench_snapshot(const BenchOptions *options, Diag *diag)
{
    uint32_t count = options->count ? (uint32_t)options->count : 1000;
    size_t capacity = (size_t)count * 256 + 4096;
    Arena arena;
    arena_init(&arena, 0);
    SnapshotLimits limits = { .entities = count, .channels = count * CHANNELS, .depth = 4 };
    SnapshotRing *sender, *receiver;
    Status status = snapshot_ring_create(limits, &arena, &sender);
    if (status == STATUS_OK) {
        status = snapshot_ring_create(limits, &arena, &receiver);
    }
    uint8_t *packet = arena_alloc(&arena, capacity, 16);
    if (status != STATUS_OK || !packet) {
        status = diag_set(diag, STATUS_OUT_OF_MEMORY, NULL, 0, "no memory for %u twins", count);
        goto finish;
    }
    Random random = random_seeded(1);
    const Snapshot *before = NULL;
    uint64_t payload = 0;
    TimeNs encoding = 0, decoding = 0;
    for (uint32_t n = 1; n <= STEPS; n++) {
        Snapshot *snapshot = snapshot_ring_begin(sender, n);
        step(snapshot, before, count, &random);
        snapshot_ring_commit(sender, snapshot);
        ByteBuffer out = { .data = packet, .capacity = capacity };
        const Snapshot *decoded = NULL;
        TimeNs began = clock_monotonic();
        status = snapshot_encode_with(
            snapshot, &(SnapshotBase){ .baseline = before, .source_time = snapshot->source_time }, &out);
        TimeNs encoded = clock_monotonic();
        if (status == STATUS_OK) {
            status = snapshot_ring_decode(receiver, snapshot->sequence, snapshot->source_time,
                                          bytes_of(out.data, out.size), &decoded);
        }
        TimeNs done = clock_monotonic();
        if (status != STATUS_OK) {
            diag_set(diag, status, NULL, 0, "step %u: %s", n, status_text(status));
            goto finish;
        }
        if (before) {
            payload += out.size;
            encoding += encoded - began;
            decoding += done - encoded;
        }
        before = snapshot;
    }
    double counted = STEPS - 1;
    bench_open("snapshot");
    bench_integer("twins", count);
    bench_number("bytes", (double)payload / counted);
    bench_number("bits_per_twin", (double)payload * 8 / counted / count);
    bench_number("encode_us", (double)encoding / counted / 1e3);
    bench_number("decode_us", (double)decoding / counted / 1e3);
    bench_close();
finish:
    arena_finish(&arena);
    return status;
}
