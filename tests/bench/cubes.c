/* cubes: the public motion trace of 901 cubes through the product's snapshot codec. Frame n is coded knowing
 * frame n - 6, what is acknowledged at 100 ms round trip and 60 Hz. Lossless is checked on every frame. */
#include "shared/base/clock_file.h"
#include "shared/wire/quantise.h"
#include "shared/wire/snapshot.h"
#include "tests/bench/bench.h"

#define CUBES       901
#define FIELDS      8
#define FRAME_SIZE  ((size_t)CUBES * FIELDS * 4)
#define LAG         6
#define CHANNELS    1 /* interacting */
#define PACKET_SIZE ((size_t)1 << 18)

/* Field numbers of the file: which quaternion component is largest, the other three in 9 bits, position,
 * interacting. */
enum { LARGEST, A, B, C, X, Y, Z, INTERACTING };

static void fill(Snapshot *snapshot, const uint8_t *frame, uint32_t sequence)
{
    snapshot->sequence = sequence;
    snapshot->server_time = (TimeNs)sequence * TIME_SECOND / 60;
    snapshot->source_time = snapshot->server_time;
    snapshot->text_count = 0;
    snapshot->entity_count = CUBES;
    snapshot->channel_count = CUBES * CHANNELS;
    for (uint32_t i = 0; i < CUBES; i++) {
        int32_t v[FIELDS];
        for (int k = 0; k < FIELDS; k++) {
            v[k] = (int32_t)bytes_load_u32(frame + ((size_t)i * FIELDS + (size_t)k) * 4);
        }
        uint64_t rotation = quat_join((unsigned)v[LARGEST], (uint64_t)v[A], (uint64_t)v[B], (uint64_t)v[C]);
        snapshot->entities[i] = (EntityState){ .handle = { 1u << ENTITY_INDEX_BITS | i },
                                               .kind = ENTITY_PROP,
                                               .x_mm = v[X],
                                               .y_mm = v[Y],
                                               .z_mm = v[Z],
                                               .rotation = rotation,
                                               .channel_count = CHANNELS,
                                               .first_channel = i };
        snapshot->channels[i] = (ChannelState){ .code = v[INTERACTING], .source_time = 0, .quality = 1 };
    }
}

static bool same(const Snapshot *a, const Snapshot *b)
{
    if (a->entity_count != b->entity_count || a->channel_count != b->channel_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->entity_count; i++) {
        const EntityState *p = &a->entities[i], *q = &b->entities[i];
        if (p->handle.value != q->handle.value || p->x_mm != q->x_mm || p->y_mm != q->y_mm ||
            p->z_mm != q->z_mm || p->rotation != q->rotation || a->channels[i].code != b->channels[i].code) {
            return false;
        }
    }
    return true;
}

Status bench_cubes(const BenchOptions *options, Diag *diag)
{
    if (!options->data) {
        return diag_set(diag, STATUS_INVALID_ARGUMENT, NULL, 0, "cubes needs --data cubes.bin.zst");
    }
    Arena arena;
    arena_init(&arena, 0);
    Bytes file;
    SnapshotRing *sender, *receiver;
    SnapshotLimits limits = {
        .entities = CUBES, .channels = CUBES * CHANNELS, .depth = 64, .format = { .rotation_steps = 511 }
    };
    Status status = bench_read(options->data, (size_t)512 << 20, &arena, &file, diag);
    if (status != STATUS_OK) {
        goto finish;
    }
    size_t frames = file.size / FRAME_SIZE;
    uint8_t *packet = arena_alloc(&arena, PACKET_SIZE, 16);
    status = snapshot_ring_create(limits, &arena, &sender);
    if (status == STATUS_OK) {
        status = snapshot_ring_create(limits, &arena, &receiver);
    }
    if (status != STATUS_OK || !packet) {
        status = diag_set(diag, STATUS_OUT_OF_MEMORY, NULL, 0, "no memory for the rings");
        goto finish;
    }
    if (frames <= LAG || file.size % FRAME_SIZE != 0) {
        status = diag_set(diag, STATUS_MALFORMED, options->data, 0,
                          "%zu bytes is not a whole number of frames", file.size);
        goto finish;
    }
    uint64_t payload = 0;
    TimeNs encoding = 0, decoding = 0;
    bool lossless = true;
    for (size_t n = 0; n < frames; n++) {
        Snapshot *snapshot = snapshot_ring_begin(sender, (uint32_t)n + 1);
        fill(snapshot, file.data + n * FRAME_SIZE, (uint32_t)n + 1);
        snapshot_ring_commit(sender, snapshot);
        SnapshotBase base = { .source_time = snapshot->source_time };
        if (n >= LAG) {
            uint32_t known = (uint32_t)(n - LAG) + 1; /* the newest acknowledged, and all before it */
            base.baseline = snapshot_ring_find(sender, known);
            base.recent = snapshot_ring_find(sender, known - 1);
            base.old = known > LAG ? snapshot_ring_find(sender, known - LAG) : NULL;
            for (uint32_t i = 0, age = 2 * LAG; i < SNAPSHOT_OLDER; i++, age *= 2) {
                base.older[i] = known > age ? snapshot_ring_find(sender, known - age) : NULL;
            }
        }
        ByteBuffer out = { .data = packet, .capacity = PACKET_SIZE };
        TimeNs began = clock_monotonic();
        status = snapshot_encode_with(snapshot, &base, &out);
        TimeNs encoded = clock_monotonic();
        const Snapshot *decoded = NULL;
        if (status == STATUS_OK) {
            status = snapshot_ring_decode(receiver, snapshot->sequence, snapshot->source_time,
                                          bytes_of(out.data, out.size), &decoded);
        }
        TimeNs done = clock_monotonic();
        if (status != STATUS_OK) {
            diag_set(diag, status, options->data, 0, "frame %zu: %s", n, status_text(status));
            goto finish;
        }
        lossless = lossless && same(snapshot, decoded);
        if (n >= LAG) { /* the first frames have no baseline and are not part of the task */
            payload += out.size;
            encoding += encoded - began;
            decoding += done - encoded;
        }
    }
    double counted = (double)(frames - LAG);
    bench_open("cubes");
    bench_number("kbps", (double)payload * 8 / counted * 60 / 1000);
    bench_number("encode_us", (double)encoding / counted / 1e3);
    bench_number("decode_us", (double)decoding / counted / 1e3);
    bench_flag("lossless", lossless);
    bench_integer("frames", (int64_t)(frames - LAG));
    bench_close();
finish:
    arena_finish(&arena);
    return status;
}
