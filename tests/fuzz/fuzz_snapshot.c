/* Two uses of the input, told apart by its first byte. Even: the rest is the code of snapshot 9 for a ring
 * that holds a few (sequences 1 to 8); what decodes must survive encoding and decoding again, and nothing
 * else may change. Odd: the rest seeds and shapes a random world, whose encoding must decode to the same. */
#include "tests/fuzz/fuzz_input.h"
#include "tests/unit/shared/random_world.h"

#include <stdlib.h>

static const SnapshotLimits limits = { .entities = 24, .channels = 160, .depth = 16 };
static uint8_t storage[1 << 16];

static SnapshotRing *new_ring(Arena *arena)
{
    SnapshotRing *ring = NULL;
    require(snapshot_ring_create(limits, arena, &ring) == STATUS_OK);
    return ring;
}

static void fill(SnapshotRing *ring, Random *random, uint32_t count, double change)
{
    const Snapshot *old = NULL;
    for (uint32_t sequence = 1; sequence <= count; sequence++) {
        Snapshot *next = snapshot_ring_begin(ring, sequence);
        random_step(random, old, next, limits, change);
        snapshot_ring_commit(ring, next);
        old = next;
    }
}

/* Encodes `snapshot` against `baseline` and decodes it in `ring`, which has the baseline. */
static void round_trip(SnapshotRing *ring, const Snapshot *snapshot, const Snapshot *baseline)
{
    ByteBuffer out = { .data = storage, .capacity = sizeof storage };
    const Snapshot *decoded = NULL;
    require(snapshot_encode(snapshot, baseline, &out) == STATUS_OK);
    require(out.size == snapshot_measure(snapshot, baseline));
    if (baseline) { /* with what else it has: any history will do */
        SnapshotBase base = { .baseline = baseline,
                              .recent = snapshot_ring_find(ring, baseline->sequence - 1),
                              .old = snapshot_ring_find(ring, baseline->sequence - 3),
                              .older = { snapshot_ring_find(ring, baseline->sequence - 4),
                                         snapshot_ring_find(ring, baseline->sequence - 5) } };
        out.capacity = sizeof storage;
        require(snapshot_encode_with(snapshot, &base, &out) == STATUS_OK);
    }
    require(snapshot_ring_decode(ring, snapshot->sequence, 0, bytes_of(out.data, out.size), &decoded) ==
            STATUS_OK);
    require(same_snapshot(decoded, snapshot));
}

/* The ring that hostile bytes meet, and one that stays as it was. Built again once something was accepted. */
static struct {
    Arena arena;
    SnapshotRing *ring, *twin;
} stage;

static void set_stage(void)
{
    if (stage.ring) {
        return;
    }
    if (stage.arena.limit == 0) {
        arena_init(&stage.arena, 0);
    }
    arena_reset(&stage.arena);
    Random random = random_seeded(1), same = random_seeded(1);
    stage.ring = new_ring(&stage.arena);
    stage.twin = new_ring(&stage.arena);
    fill(stage.ring, &random, 8, 0.3);
    fill(stage.twin, &same, 8, 0.3);
}

static void decode_hostile(Bytes bytes)
{
    set_stage();
    const Snapshot *decoded = NULL;
    Status status = snapshot_ring_decode(stage.ring, 9, 0, bytes, &decoded);
    require((status == STATUS_OK) == (decoded != NULL));
    for (uint32_t kept = 1; kept <= 8; kept++) {
        const Snapshot *snapshot = snapshot_ring_find(stage.ring, kept);
        require(snapshot ? same_snapshot(snapshot, snapshot_ring_find(stage.twin, kept)) : decoded != NULL);
    }
    if (!decoded) {
        return;
    }
    require(decoded->sequence == 9);
    require(decoded->entity_count <= limits.entities && decoded->channel_count <= limits.channels);
    for (uint32_t i = 1; i < decoded->entity_count; i++) {
        require(entity_index(decoded->entities[i - 1].handle) < entity_index(decoded->entities[i].handle));
    }
    uint32_t older = (uint32_t)(bytes.size % 9); /* any that it has, or none */
    round_trip(stage.twin, decoded, older ? snapshot_ring_find(stage.twin, older) : NULL);
    stage.ring = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    if (data[0] % 2 == 0) {
        decode_hostile(bytes_of(data + 1, size - 1));
        return 0;
    }
    static Arena arena;
    if (arena.limit == 0) {
        arena_init(&arena, 0);
    }
    arena_reset(&arena);
    uint8_t seed[9] = { 0 };
    memcpy(seed, data + 1, size - 1 < sizeof seed ? size - 1 : sizeof seed);
    Random random = random_seeded(bytes_load_u64(seed));
    SnapshotRing *sent = new_ring(&arena), *received = new_ring(&arena);
    fill(sent, &random, 3, seed[8] / 255.0);
    for (uint32_t sequence = 1; sequence <= 3; sequence++) {
        uint32_t older = (uint32_t)random_below(&random, sequence);
        round_trip(received, snapshot_ring_find(sent, sequence),
                   older ? snapshot_ring_find(sent, older) : NULL);
    }
    return 0;
}
