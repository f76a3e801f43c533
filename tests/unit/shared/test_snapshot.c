/* The snapshot ring and codec: exact for every world, total for every input, small for quiet ones; two peers
 * over a bad network converge and never show a state that was not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/clock_file.h"
#include "shared/wire/transport_sim.h"
#include "tests/unit/shared/random_world.h"

static const SnapshotLimits limits = { .entities = 60, .channels = 500, .depth = 64 };
static uint8_t bytes[1 << 18];

static ByteBuffer buffer(void)
{
    return (ByteBuffer){ .data = bytes, .capacity = sizeof bytes };
}

static SnapshotRing *new_ring(Arena *arena, SnapshotLimits sizes)
{
    SnapshotRing *ring = NULL;
    assert_int_equal(snapshot_ring_create(sizes, arena, &ring), STATUS_OK);
    return ring;
}

/* Sample times are told from 0 throughout. */
static Status decode(SnapshotRing *ring, uint32_t sequence, Bytes encoded, const Snapshot **out_snapshot)
{
    return snapshot_ring_decode(ring, sequence, 0, encoded, out_snapshot);
}

static uint32_t after(uint32_t sequence)
{
    return sequence == UINT32_MAX ? 1 : sequence + 1; /* 0 is no snapshot */
}

/* The next state of the world, committed to `ring`. */
static const Snapshot *advance(SnapshotRing *ring, Random *random, uint32_t sequence, const Snapshot *old,
                               double change)
{
    Snapshot *next = snapshot_ring_begin(ring, sequence);
    random_step(random, old, next, snapshot_ring_limits(ring), change);
    snapshot_ring_commit(ring, next);
    return next;
}

static void test_any_world_any_baseline(void **state)
{
    (void)state;
    const double changes[] = { 0, 0.01, 0.2, 0.9 };
    for (uint64_t seed = 0; seed < 160; seed++) {
        Arena arena;
        arena_init(&arena, 0);
        Random random = random_seeded(seed);
        SnapshotRing *sent = new_ring(&arena, limits), *received = new_ring(&arena, limits);
        uint32_t sequence = UINT32_MAX - (uint32_t)random_below(&random, 40), first = sequence;
        const Snapshot *world = NULL;
        for (uint32_t step = 0; step < 30; step++) {
            world = advance(sent, &random, sequence, world, changes[seed % 4]);
            uint32_t older = step ? first + (uint32_t)random_below(&random, step) : 0;
            const Snapshot *baseline = random_below(&random, 5) ? snapshot_ring_find(sent, older) : NULL;
            ByteBuffer out = buffer();
            assert_int_equal(snapshot_encode(world, baseline, &out), STATUS_OK);
            assert_int_equal(out.size, snapshot_measure(world, baseline));
            const Snapshot *decoded = NULL;
            assert_int_equal(decode(received, sequence, bytes_of(out.data, out.size), &decoded), STATUS_OK);
            assert_true(same_snapshot(decoded, world));
            assert_int_equal(decode(received, sequence, bytes_of(out.data, out.size), &decoded),
                             STATUS_DUPLICATE);
            sequence = after(sequence);
        }
        assert_true(snapshot_newer(sequence, first));
        arena_finish(&arena);
    }
}

static void test_ring_forgets_and_refuses_old(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    Random random = random_seeded(1);
    SnapshotRing *sent = new_ring(&arena, limits), *received = new_ring(&arena, limits);
    SnapshotRing *small = new_ring(&arena, (SnapshotLimits){ .entities = 60, .channels = 500, .depth = 4 });
    const Snapshot *first = advance(sent, &random, 1, NULL, 0.5), *world = first, *decoded = NULL;
    ByteBuffer out = buffer();
    assert_int_equal(snapshot_encode(first, NULL, &out), STATUS_OK);
    assert_int_equal(decode(received, 1, bytes_of(out.data, out.size), &decoded), STATUS_OK);
    assert_int_equal(decode(small, 1, bytes_of(out.data, out.size), &decoded), STATUS_OK);
    static uint8_t kept[1 << 16];
    size_t kept_size = out.size;
    memcpy(kept, out.data, kept_size);
    for (uint32_t sequence = 2; sequence <= 6; sequence++) {
        world = advance(sent, &random, sequence, world, 0.5);
        out = buffer();
        assert_int_equal(snapshot_encode(world, first, &out), STATUS_OK);
        /* Depth 4: sequence 5 still decodes against 1, in whose slot it goes; 6 finds it gone. */
        assert_int_equal(decode(small, sequence, bytes_of(out.data, out.size), &decoded),
                         sequence < 6 ? STATUS_OK : STATUS_NO_BASELINE);
        assert_int_equal(decode(received, sequence, bytes_of(out.data, out.size), &decoded), STATUS_OK);
        assert_true(same_snapshot(decoded, world));
    }
    assert_null(snapshot_ring_find(small, 1));
    assert_null(snapshot_ring_find(small, 0));
    assert_non_null(snapshot_ring_find(small, 5));
    assert_int_equal(decode(small, 1, bytes_of(kept, kept_size), &decoded), STATUS_DUPLICATE);
    arena_finish(&arena);
}

static void put_entity(Snapshot *snapshot, uint32_t index, uint32_t generation, uint8_t channels)
{
    EntityState entity = { .handle = { generation << ENTITY_INDEX_BITS | index },
                           .channel_count = channels,
                           .first_channel = snapshot->channel_count };
    snapshot->entities[snapshot->entity_count++] = entity;
    for (uint8_t i = 0; i < channels; i++) {
        snapshot->channels[snapshot->channel_count++] = (ChannelState){ .code = i, .source_time = TIME_NONE };
    }
}

static void test_handles_are_reused_safely(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    SnapshotRing *sent = new_ring(&arena, limits), *received = new_ring(&arena, limits);
    const struct {
        uint32_t index, generation;
        uint8_t channels;
    } steps[][3] = {
        { { 0, 1, 2 }, { 7, 1, 2 }, { ENTITY_INDEX_MAX, 4095, 16 } },
        { { 0, 1, 2 }, { 7, 2, 2 }, { ENTITY_INDEX_MAX, 1, 16 } }, /* same index, new generation */
        { { 0, 1, 3 }, { 7, 2, 2 }, { ENTITY_INDEX_MAX, 1, 16 } }, /* same handle, other channels */
        { { 1, 1, 0 }, { 6, 1, 0 }, { 7, 2, 2 } },                 /* moved around the gap */
    };
    const Snapshot *world = NULL, *decoded = NULL;
    for (uint32_t step = 0; step < ARRAY_COUNT(steps); step++) {
        Snapshot *next = snapshot_ring_begin(sent, step + 1);
        for (size_t i = 0; i < 3; i++) {
            put_entity(next, steps[step][i].index, steps[step][i].generation, steps[step][i].channels);
        }
        snapshot_ring_commit(sent, next);
        ByteBuffer out = buffer();
        assert_int_equal(snapshot_encode(next, world, &out), STATUS_OK);
        assert_int_equal(decode(received, step + 1, bytes_of(out.data, out.size), &decoded), STATUS_OK);
        assert_true(same_snapshot(decoded, next));
        world = next;
    }
    assert_non_null(snapshot_entity(decoded, (EntityHandle){ 2u << ENTITY_INDEX_BITS | 7 }));
    assert_null(snapshot_entity(decoded, (EntityHandle){ 1u << ENTITY_INDEX_BITS | 7 }));
    assert_null(snapshot_entity(decoded, (EntityHandle){ 1u << ENTITY_INDEX_BITS | 9 }));
    arena_finish(&arena);
}

static void test_limits_hold(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    Random random = random_seeded(8);
    SnapshotRing *sent = new_ring(&arena, limits);
    const Snapshot *world = advance(sent, &random, 1, NULL, 0.5), *decoded = NULL;
    assert_true(world->entity_count > 5 && world->channel_count > 20);
    ByteBuffer out = buffer();
    assert_int_equal(snapshot_encode(world, NULL, &out), STATUS_OK);
    Bytes encoded = bytes_of(out.data, out.size);
    const SnapshotLimits tight[] = {
        { .entities = world->entity_count - 1, .channels = 500, .depth = 4 },
        { .entities = 60, .channels = world->channel_count - 1, .depth = 4 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(tight); i++) {
        SnapshotRing *ring = new_ring(&arena, tight[i]);
        assert_int_equal(decode(ring, 1, encoded, &decoded), STATUS_OUT_OF_RANGE);
        assert_null(snapshot_ring_find(ring, 1));
    }
    assert_null(decoded);
    const SnapshotLimits enough = { .entities = world->entity_count,
                                    .channels = world->channel_count,
                                    .depth = 4 };
    SnapshotRing *exact = new_ring(&arena, enough);
    assert_int_equal(decode(exact, 1, encoded, &decoded), STATUS_OK);
    for (size_t size = 0; size < encoded.size; size++) {
        static uint8_t short_bytes[1 << 16];
        ByteBuffer cut = { .data = short_bytes, .capacity = size };
        assert_int_equal(snapshot_encode(world, NULL, &cut), STATUS_CAPACITY);
        SnapshotRing *ring = exact;
        assert_int_not_equal(decode(ring, 1, bytes_of(encoded.data, size), &decoded), STATUS_OK);
    }
    Arena small;
    arena_init(&small, 100000);
    SnapshotRing *none = NULL;
    assert_int_equal(
        snapshot_ring_create((SnapshotLimits){ .entities = 1000, .channels = 3000 }, &small, &none),
        STATUS_OUT_OF_MEMORY);
    assert_null(none);
    arena_finish(&small);
    arena_finish(&arena);
}

/* Damaged and random bytes: whatever comes out, nothing that was there changes. */
static void test_hostile_bytes(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    Random random = random_seeded(77);
    SnapshotRing *sent = new_ring(&arena, limits);
    const Snapshot *first = advance(sent, &random, 1, NULL, 0.5);
    const Snapshot *second = advance(sent, &random, 2, first, 0.3);
    ByteBuffer out = buffer();
    assert_int_equal(snapshot_encode(second, first, &out), STATUS_OK);
    uint32_t accepted = 0;
    for (uint32_t round = 0; round < 6000; round++) {
        static uint8_t damaged[1 << 18];
        size_t size = out.size;
        memcpy(damaged, out.data, size);
        /* Sequence 2 against baseline 1, in a ring that holds only 1: the head stays whole. */
        for (uint64_t flips = 1 + random_below(&random, 4); flips > 0; flips--) {
            damaged[5 + random_below(&random, size - 5)] ^= (uint8_t)(1u << random_below(&random, 8));
        }
        if (round % 3 == 0) {
            size = 5 + (size_t)random_below(&random, size - 5);
        }
        if (round == 0 || accepted > 0) { /* what was accepted now stands in the way: begin again */
            arena_reset(&arena);
            random = random_seeded(round + 1000);
            sent = new_ring(&arena, limits);
            Random same = random_seeded(77);
            first = advance(sent, &same, 1, NULL, 0.5);
            accepted = 0;
        }
        const Snapshot *decoded = NULL;
        Status status = decode(sent, 2, bytes_of(damaged, size), &decoded);
        assert_true((status == STATUS_OK) == (decoded != NULL));
        accepted += status == STATUS_OK;
        if (decoded) {
            assert_true(decoded->entity_count <= limits.entities &&
                        decoded->channel_count <= limits.channels);
        }
        assert_ptr_equal(snapshot_ring_find(sent, 1), first);
        assert_int_equal(first->sequence, 1);
    }
    arena_finish(&arena);
}

/* Bodies in motion against what was acknowledged: exact, and the history pays for itself. */
static void test_motion_from_history(void **state)
{
    (void)state;
    const SnapshotLimits many = { .entities = 100, .channels = 0, .depth = 64 };
    for (uint32_t seed = 0; seed < 20; seed++) {
        Arena arena;
        arena_init(&arena, 0);
        Random random = random_seeded(seed);
        SnapshotRing *sent = new_ring(&arena, many), *received = new_ring(&arena, many);
        size_t plain = 0, known = 0;
        for (uint32_t step = 1; step <= 60; step++) {
            Snapshot *next = snapshot_ring_begin(sent, step);
            flock_step(&random, step, 5 + seed * 5, seed % 2 == 0, next);
            snapshot_ring_commit(sent, next);
            SnapshotBase base = { 0 };
            uint32_t lag = seed % 5 == 4 ? 1 + (uint32_t)random_below(&random, 9) : 3;
            if (step > 20) {
                base = (SnapshotBase){ .baseline = snapshot_ring_find(sent, step - lag),
                                       .recent = snapshot_ring_find(sent, step - lag - 1 - seed % 3 / 2),
                                       .old = snapshot_ring_find(sent, step - 2 * lag) };
                if (seed % 2 == 0 && step > 9 * lag) {
                    base.older[0] = snapshot_ring_find(sent, step - 3 * lag);
                    base.older[1] = seed % 4 ? snapshot_ring_find(sent, step - 5 * lag) : NULL;
                    base.older[2] = snapshot_ring_find(sent, step - 9 * lag);
                }
                plain += snapshot_measure(next, base.baseline);
            }
            ByteBuffer out = buffer();
            const Snapshot *decoded = NULL;
            assert_int_equal(snapshot_encode_with(next, &base, &out), STATUS_OK);
            assert_int_equal(decode(received, step, bytes_of(out.data, out.size), &decoded), STATUS_OK);
            assert_true(same_snapshot(decoded, next));
            known += step > 20 ? out.size : 0;
        }
        assert_true(known * (seed % 5 == 4 ? 10 : 14) < plain * 10);
        arena_finish(&arena);
    }
}

/* A packet that leans on a snapshot which the receiver lost is refused, and the next without it is not. */
static void test_history_that_is_missing(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    Random random = random_seeded(3);
    SnapshotRing *sent = new_ring(&arena, limits), *received = new_ring(&arena, limits);
    const Snapshot *decoded = NULL;
    for (uint32_t step = 1; step <= 8; step++) {
        Snapshot *next = snapshot_ring_begin(sent, step);
        flock_step(&random, step, 30, false, next);
        snapshot_ring_commit(sent, next);
        SnapshotBase base = { 0 };
        ByteBuffer out = buffer();
        assert_int_equal(snapshot_encode_with(next, &base, &out), STATUS_OK);
        if (step != 3) {
            assert_int_equal(decode(received, step, bytes_of(out.data, out.size), &decoded), STATUS_OK);
        }
    }
    const SnapshotBase lost[] = {
        { .baseline = snapshot_ring_find(sent, 5),
          .recent = snapshot_ring_find(sent, 3),
          .old = snapshot_ring_find(sent, 1) },
        { .baseline = snapshot_ring_find(sent, 5),
          .recent = snapshot_ring_find(sent, 4),
          .old = snapshot_ring_find(sent, 3) },
        { .baseline = snapshot_ring_find(sent, 6),
          .recent = snapshot_ring_find(sent, 5),
          .older = { NULL, snapshot_ring_find(sent, 3) } },
    };
    Snapshot *next = snapshot_ring_begin(sent, 9);
    flock_step(&random, 9, 30, false, next);
    snapshot_ring_commit(sent, next);
    for (size_t i = 0; i < ARRAY_COUNT(lost); i++) {
        ByteBuffer out = buffer();
        assert_int_equal(snapshot_encode_with(next, &lost[i], &out), STATUS_OK);
        assert_int_equal(decode(received, 9, bytes_of(out.data, out.size), &decoded), STATUS_NO_BASELINE);
        assert_null(snapshot_ring_find(received, 9));
    }
    SnapshotBase held = lost[0];
    held.recent = snapshot_ring_find(sent, 4);
    ByteBuffer out = buffer();
    assert_int_equal(snapshot_encode_with(next, &held, &out), STATUS_OK);
    assert_int_equal(decode(received, 9, bytes_of(out.data, out.size), &decoded), STATUS_OK);
    assert_true(same_snapshot(decoded, next));
    arena_finish(&arena);
}

/* ---- two peers ---- */

#define PORT  1
#define STEPS 300u

typedef struct Peers {
    SimNetwork *network;
    Transport server, client;
    PeerId to_client, to_server;
    SnapshotRing *sent, *received;
    const Snapshot *world;
    Snapshot **history; /* every state that ever existed, by step */
    uint32_t sequence, acknowledged, newest, decoded;
    Arena arena;
} Peers;

static void keep_history(Peers *peers, uint32_t step)
{
    Snapshot *copy = arena_new(&peers->arena, Snapshot);
    *copy = *peers->world;
    copy->entities = arena_new_array(&peers->arena, EntityState, copy->entity_count);
    copy->channels = arena_new_array(&peers->arena, ChannelState, copy->channel_count);
    memcpy(copy->entities, peers->world->entities, copy->entity_count * sizeof(EntityState));
    memcpy(copy->channels, peers->world->channels, copy->channel_count * sizeof(ChannelState));
    peers->history[step] = copy;
}

static void server_step(Peers *peers, Random *random, uint32_t step, TimeNs now)
{
    TransportEvent event;
    while (transport_poll(peers->server, now, &event) == STATUS_OK) {
        if (event.type == TRANSPORT_CONNECTED) {
            peers->to_client = event.peer;
        } else if (event.type == TRANSPORT_RECEIVED) {
            uint32_t acknowledged = bytes_load_u32(event.bytes.data);
            bool newer = peers->acknowledged == 0 || snapshot_newer(acknowledged, peers->acknowledged);
            peers->acknowledged = newer ? acknowledged : peers->acknowledged;
        }
    }
    double change = step < STEPS * 2 / 3 ? 0.1 : 0; /* then quiet */
    peers->world = advance(peers->sent, random, peers->sequence, peers->world, change);
    keep_history(peers, step);
    if (peers->to_client) {
        const Snapshot *baseline =
            peers->acknowledged ? snapshot_ring_find(peers->sent, peers->acknowledged) : NULL;
        ByteBuffer out = { .data = bytes + 4, .capacity = sizeof bytes - 4 };
        assert_int_equal(snapshot_encode(peers->world, baseline, &out), STATUS_OK);
        bytes_store_u32(bytes, peers->sequence);
        assert_int_equal(transport_send(peers->server, peers->to_client, 1, DELIVERY_UNRELIABLE,
                                        bytes_of(bytes, out.size + 4)),
                         STATUS_OK);
    }
    transport_flush(peers->server, now);
    peers->sequence = after(peers->sequence);
}

static void client_step(Peers *peers, uint32_t first, TimeNs now)
{
    TransportEvent event;
    while (transport_poll(peers->client, now, &event) == STATUS_OK) {
        const Snapshot *decoded = NULL;
        if (event.type != TRANSPORT_RECEIVED) {
            continue;
        }
        Status status = decode(peers->received, bytes_load_u32(event.bytes.data),
                               bytes_slice(event.bytes, 4, event.bytes.size - 4), &decoded);
        if (status != STATUS_OK) {
            assert_true(status == STATUS_DUPLICATE || status == STATUS_NO_BASELINE);
            continue;
        }
        /* Sequences from `first` on, without 0. */
        uint32_t step = decoded->sequence - first - (decoded->sequence < first ? 1 : 0);
        assert_true(step < STEPS && same_snapshot(decoded, peers->history[step]));
        peers->decoded++;
        if (peers->newest == 0 || snapshot_newer(decoded->sequence, peers->newest)) {
            peers->newest = decoded->sequence;
        }
    }
    uint8_t acknowledgement[4];
    bytes_store_u32(acknowledgement, peers->newest);
    if (peers->newest) {
        assert_int_equal(transport_send(peers->client, peers->to_server, 1, DELIVERY_UNRELIABLE,
                                        bytes_of(acknowledgement, 4)),
                         STATUS_OK);
    }
    transport_flush(peers->client, now);
}

static void converge(uint64_t seed, SimLink link, uint32_t least_decoded)
{
    Peers peers = { .sequence = UINT32_MAX - 100 };
    uint32_t first = peers.sequence;
    arena_init(&peers.arena, 0);
    Random random = random_seeded(seed);
    peers.sent = new_ring(&peers.arena, limits);
    peers.received = new_ring(&peers.arena, limits);
    peers.history = arena_new_array(&peers.arena, Snapshot *, STEPS);
    assert_int_equal(sim_network_create(seed, link, &peers.network), STATUS_OK);
    assert_int_equal(transport_sim_create(peers.network, PORT, &peers.server), STATUS_OK);
    assert_int_equal(transport_sim_create(peers.network, 0, &peers.client), STATUS_OK);
    assert_int_equal(transport_connect(peers.client, "sim", PORT, 0, &peers.to_server, NULL), STATUS_OK);
    for (uint32_t step = 0; step < STEPS; step++) {
        TimeNs now = step * 33 * TIME_MS;
        server_step(&peers, &random, step, now);
        client_step(&peers, first, now);
    }
    const Snapshot *shown = snapshot_ring_find(peers.received, peers.newest);
    assert_non_null(shown);
    assert_true(peers.decoded >= least_decoded);
    /* Quiet since long: the newest state shown is the world. */
    Snapshot timeless = *shown;
    timeless.sequence = peers.world->sequence;
    assert_true(same_snapshot(&timeless, peers.world));
    transport_destroy(peers.client);
    transport_destroy(peers.server);
    sim_network_destroy(peers.network);
    arena_finish(&peers.arena);
}

static void test_two_peers_converge(void **state)
{
    (void)state;
    SimLink link = { .latency = 40 * TIME_MS, .jitter = 60 * TIME_MS, .duplication = 0.05, .reorder = 0.05 };
    const double losses[] = { 0, 0.05, 0.2 };
    for (size_t i = 0; i < ARRAY_COUNT(losses); i++) {
        link.loss = losses[i];
        for (uint64_t seed = 1; seed <= 12; seed++) {
            converge(seed, link, i == 0 ? 270 : 190);
        }
    }
}

/* ---- size and speed ---- */

static void fill_plant(Snapshot *snapshot, uint32_t entities, uint32_t step, uint32_t every)
{
    snapshot->server_time = 5 * TIME_MINUTE + step * 33333333;
    snapshot->source_time = INT64_C(1700000000) * TIME_SECOND + step * 333333333;
    for (uint32_t i = 0; i < entities; i++) {
        put_entity(snapshot, i, 1, 3);
        snapshot->entities[i].x_mm = (int32_t)i * 1500;
        for (uint32_t c = 0; c < 3; c++) {
            ChannelState *channel = &snapshot->channels[i * 3 + c];
            uint32_t sample = every ? (step + i) / every : 0;
            channel->code = 2000 + c * 100 + (int64_t)((sample * 7 + i) % 13);
            channel->source_time = INT64_C(1700000000) * TIME_SECOND + sample * 10 * TIME_SECOND;
            channel->quality = 1;
        }
    }
}

static size_t report(const char *what, Arena *arena, uint32_t every)
{
    const SnapshotLimits sizes = { .entities = 1000, .channels = 3000, .depth = 4 };
    SnapshotRing *ring = new_ring(arena, sizes), *received = new_ring(arena, sizes);
    const Snapshot *older = NULL, *decoded = NULL;
    size_t size = 0;
    TimeNs best = TIME_FOREVER, best_read = TIME_FOREVER;
    for (uint32_t step = 1; step <= 20; step++) {
        Snapshot *next = snapshot_ring_begin(ring, step);
        fill_plant(next, 1000, step, every);
        snapshot_ring_commit(ring, next);
        ByteBuffer out = buffer();
        TimeNs start = clock_monotonic();
        assert_int_equal(snapshot_encode(next, older, &out), STATUS_OK);
        TimeNs took = clock_monotonic() - start;
        best = step > 1 && took < best ? took : best;
        start = clock_monotonic();
        assert_int_equal(decode(received, step, bytes_of(out.data, out.size), &decoded), STATUS_OK);
        took = clock_monotonic() - start;
        best_read = step > 1 && took < best_read ? took : best_read;
        size = out.size;
        older = next;
    }
    print_message("1,000 entities x 3 channels, %s: %zu bytes, encode %.1f us, decode %.1f us\n", what, size,
                  (double)best / 1e3, (double)best_read / 1e3);
    return size;
}

static void test_quiet_worlds_are_small(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    assert_true(report("nothing changed", &arena, 0) <= 24);
    assert_true(report("one in ten sampled", &arena, 10) < 1200);
    assert_true(report("all sampled", &arena, 1) < 9000);
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_world_any_baseline),
        cmocka_unit_test(test_ring_forgets_and_refuses_old),
        cmocka_unit_test(test_handles_are_reused_safely),
        cmocka_unit_test(test_limits_hold),
        cmocka_unit_test(test_hostile_bytes),
        cmocka_unit_test(test_motion_from_history),
        cmocka_unit_test(test_history_that_is_missing),
        cmocka_unit_test(test_two_peers_converge),
        cmocka_unit_test(test_quiet_worlds_are_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
