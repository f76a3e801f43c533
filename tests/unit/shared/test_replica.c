/* A client's replica, packet by packet: what it shows, what it acknowledges, and what lost, late, doubled,
 * reordered and hostile packets do to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/wire/replica.h"
#include "tests/unit/shared/random_world.h"

#define CELLS 4u
#define STEP  (50 * TIME_MS)

static Arena arena;
static Replica *replica;
static CellHistory cells[CELLS]; /* the server's */
static FrameRing frames;
static uint8_t storage[1 << 16];

static int begin(void **state)
{
    (void)state;
    const ReplicaLimits limits = { .entities = 64, .channels = 64, .cells = CELLS, .history = 8 };
    SnapshotStore *store;
    arena_init(&arena, 0);
    frames = (FrameRing){ 0 };
    bool ok = replica_create(limits, (size_t)1 << 20, &arena, &replica) == STATUS_OK &&
              snapshot_store_create((size_t)1 << 20, &arena, &store) == STATUS_OK;
    for (uint32_t i = 0; ok && i < CELLS; i++) {
        ok = cell_history_init(&cells[i], 32, store, &arena) == STATUS_OK;
    }
    return ok ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    arena_finish(&arena);
    return 0;
}

static SnapshotFrame frame_of(uint32_t sequence)
{
    return (SnapshotFrame){ .sequence = sequence,
                            .server_time = TIME_SECOND + sequence * STEP,
                            .source_time = 9 * TIME_SECOND + sequence * STEP,
                            .text_count = sequence / 10 };
}

/* Version `sequence` of a cell: entities at `indices` (ending with 0), all at x = 1000 × sequence. */
static void change(uint32_t cell, uint32_t sequence, const uint32_t *indices)
{
    static EntityState entities[16];
    Snapshot version = { .entities = entities };
    snapshot_clear(&version, sequence);
    for (; *indices != 0; indices++) {
        entities[version.entity_count++] = (EntityState){ .handle = { 1u << ENTITY_INDEX_BITS | *indices },
                                                          .kind = ENTITY_AVATAR,
                                                          .subject = (uint16_t)*indices,
                                                          .x_mm = (int32_t)(1000 * sequence) };
    }
    assert_int_equal(cell_history_add(&cells[cell], &version), STATUS_OK);
}

typedef struct Packet {
    uint8_t bytes[2048];
    size_t size;
} Packet;

/* Packet `number` at `sequence`, told from the frame `known` (0: none), without records yet. */
static Packet packet_at(uint32_t number, uint32_t sequence, uint32_t known)
{
    Packet packet = { 0 };
    ByteBuffer out = { .data = packet.bytes, .capacity = sizeof packet.bytes };
    SnapshotFrame base = frame_of(known);
    const PacketHead head = {
        .number = number, .input_sequence = 7, .complete = true, .frame = frame_of(sequence)
    };
    assert_int_equal(packet_head_encode(&head, known ? &base : NULL, &out), STATUS_OK);
    packet.size = out.size;
    return packet;
}

static void put_record(Packet *packet, uint32_t sequence, const PacketRecord *record)
{
    ByteBuffer out = { .data = packet->bytes, .size = packet->size, .capacity = sizeof packet->bytes };
    assert_int_equal(packet_record_encode(record, sequence, &out), STATUS_OK);
    packet->size = out.size;
}

/* Adds the newest version of a cell, told from its version `baseline` (0: from nothing). */
static void tell(Packet *packet, uint32_t sequence, uint32_t cell, uint32_t baseline)
{
    const Snapshot *version = cell_history_newest(&cells[cell]);
    const SnapshotFrame frame = frame_of(sequence);
    const SnapshotBase base = { .baseline = cell_history_find(&cells[cell], baseline),
                                .source_time = packet_source_time(&frame, version->sequence) };
    ByteBuffer code = { .data = storage, .capacity = sizeof storage };
    assert_true((base.baseline != NULL) == (baseline != 0));
    assert_int_equal(snapshot_encode_with(version, &base, &code), STATUS_OK);
    const PacketRecord record = { .cell = cell,
                                  .version = version->sequence,
                                  .code = bytes_of(code.data, code.size) };
    put_record(packet, sequence, &record);
}

static void tell_closed(Packet *packet, uint32_t sequence, uint32_t cell)
{
    put_record(packet, sequence, &(PacketRecord){ .cell = cell, .closed = true });
}

static Status take(const Packet *packet)
{
    ReplicaNews news = { 0 };
    return replica_receive(replica, bytes_of(packet->bytes, packet->size), &news);
}

static void expect_acknowledged(uint32_t newest, uint32_t mask)
{
    uint32_t said = 77, said_mask = 77;
    replica_acknowledgement(replica, &said, &said_mask);
    assert_int_equal(said, newest);
    assert_int_equal(said_mask, mask);
}

/* The world at `sequence` has the entities at `indices`, at x = 1000 × those in `versions`. */
static void expect_world(uint32_t sequence, const uint32_t *indices, const uint32_t *versions)
{
    const Snapshot *world = replica_compose(replica, sequence);
    assert_non_null(world);
    assert_int_equal(world->sequence, sequence);
    assert_int_equal(world->server_time, frame_of(sequence).server_time);
    assert_int_equal(world->source_time, frame_of(sequence).source_time);
    assert_int_equal(world->text_count, frame_of(sequence).text_count);
    uint32_t count = 0;
    for (; indices[count] != 0; count++) {
        assert_true(count < world->entity_count);
        assert_int_equal(entity_index(world->entities[count].handle), indices[count]);
        assert_int_equal(world->entities[count].x_mm, 1000 * versions[count]);
    }
    assert_int_equal(world->entity_count, count);
}

#define LIST(...) ((const uint32_t[]){ __VA_ARGS__, 0 })

static void test_puts_cells_together(void **state)
{
    (void)state;
    assert_null(replica_compose(replica, 1));
    expect_acknowledged(0, 0);
    change(0, 1, LIST(2, 5, 9));
    change(1, 1, LIST(1, 6));
    Packet first = packet_at(1, 1, 0);
    tell(&first, 1, 0, 0);
    tell(&first, 1, 1, 0);
    assert_int_equal(take(&first), STATUS_OK);
    assert_int_equal(take(&first), STATUS_DUPLICATE);
    expect_world(1, LIST(1, 2, 5, 6, 9), LIST(1, 1, 1, 1, 1));
    change(0, 2, LIST(2, 5, 9));
    Packet second = packet_at(2, 2, 1);
    tell(&second, 2, 0, 1);
    assert_int_equal(take(&second), STATUS_OK);
    expect_world(2, LIST(1, 2, 5, 6, 9), LIST(1, 2, 2, 1, 2));
    expect_world(1, LIST(1, 2, 5, 6, 9), LIST(1, 1, 1, 1, 1)); /* still there, as it was */
    expect_acknowledged(2, 1);
    assert_int_equal(replica_counters(replica).cells, 2);
    assert_int_equal(replica_entity(replica, (EntityHandle){ 1u << ENTITY_INDEX_BITS | 5 })->x_mm, 2000);
    assert_int_equal(replica_find(replica, ENTITY_AVATAR, 6)->x_mm, 1000);
    assert_null(replica_find(replica, ENTITY_TWIN, 6));
}

static PacketHead head; /* of the packet that moves() took last */

static bool moves(const Packet *packet)
{
    ReplicaNews news = { 0 };
    assert_int_equal(replica_receive(replica, bytes_of(packet->bytes, packet->size), &news), STATUS_OK);
    head = news.head;
    return news.moved;
}

static bool is_current(uint32_t index)
{
    return replica_current(replica, (EntityHandle){ 1u << ENTITY_INDEX_BITS | index }, &head);
}

/* Whether what is known of an entity is as of the packet, and whether it has moved: what is not told may be
 * lost. */
static void test_what_a_packet_tells_of(void **state)
{
    (void)state;
    change(0, 1, LIST(5));
    change(1, 1, LIST(6));
    Packet first = packet_at(1, 1, 0);
    tell(&first, 1, 0, 0);
    tell(&first, 1, 1, 0);
    assert_true(moves(&first));
    assert_true(is_current(5) && is_current(6) && !is_current(7));
    Packet clock = packet_at(2, 2, 1);
    assert_false(moves(&clock));
    assert_true(is_current(5)); /* nothing is missing: it has not changed */
    change(1, 4, LIST(6));
    Packet after_lost = packet_at(4, 4, 2);
    tell(&after_lost, 4, 1, 1);
    assert_true(moves(&after_lost));
    assert_true(!is_current(5) && is_current(6)); /* the third may have told of 5 */
    Packet late = packet_at(3, 3, 2);
    assert_false(moves(&late));
    Packet next = packet_at(5, 5, 4);
    assert_false(moves(&next));
    assert_true(is_current(5) && is_current(6)); /* it did not */
    Packet later = packet_at(7, 7, 5);
    assert_false(moves(&later));
    assert_false(is_current(5) || is_current(6));
    Packet again = packet_at(8, 8, 7); /* the same version once more: it is as of now */
    tell(&again, 8, 1, 1);
    assert_false(moves(&again));
    assert_true(!is_current(5) && is_current(6));
    Packet much_later = packet_at(9, 9 + (uint32_t)(TIME_SECOND / STEP), 0);
    assert_false(moves(&much_later));
    assert_true(is_current(5)); /* it would have been told again */
}

static void test_order_and_loss(void **state)
{
    (void)state;
    change(0, 1, LIST(3));
    Packet packets[5];
    packets[0] = packet_at(UINT32_MAX - 1, 1, 0); /* numbers wrap, without 0 */
    tell(&packets[0], 1, 0, 0);
    for (uint32_t i = 1; i < 5; i++) {
        uint32_t number = i == 1 ? UINT32_MAX : i - 1;
        change(0, i + 1, LIST(3));
        packets[i] = packet_at(number, i + 1, 1);
        tell(&packets[i], i + 1, 0, 1);
    }
    assert_int_equal(take(&packets[1]), STATUS_NO_BASELINE); /* its frame is told from one that never came */
    expect_acknowledged(0, 0);
    assert_int_equal(take(&packets[0]), STATUS_OK);
    assert_int_equal(take(&packets[3]), STATUS_OK);
    expect_acknowledged(2, 1u << 3); /* distances count the 0 that is skipped */
    expect_world(4, LIST(3), LIST(4));
    assert_int_equal(take(&packets[2]), STATUS_OK); /* late */
    expect_acknowledged(2, 1u << 3 | 1);
    expect_world(3, LIST(3), LIST(3));
    expect_world(4, LIST(3), LIST(4));
    assert_int_equal(take(&packets[1]), STATUS_OK);
    assert_int_equal(take(&packets[2]), STATUS_DUPLICATE);
    assert_int_equal(take(&packets[4]), STATUS_OK);
    expect_acknowledged(3, 1 | 1u << 1 | 1u << 3 | 1u << 4);
    Packet again = packet_at(4, 6, 5); /* what was told already, told again: taken */
    tell(&again, 6, 0, 2);
    assert_int_equal(take(&again), STATUS_OK);
    assert_int_equal(replica_counters(replica).duplicate, 1);
    Packet far = packet_at(60, 7, 6);
    assert_int_equal(take(&far), STATUS_OK);
    expect_acknowledged(60, 0);
    Packet old = packet_at(27, 7, 6); /* 33 before: can no longer be acknowledged */
    assert_int_equal(take(&old), STATUS_DUPLICATE);
    Packet oldest = packet_at(28, 7, 6);
    assert_int_equal(take(&oldest), STATUS_OK);
    expect_acknowledged(60, 1u << 31);
}

/* The news that a cell is closed is not undone by packets that it has overtaken. */
static void test_closed_cells(void **state)
{
    (void)state;
    change(0, 1, LIST(3));
    change(1, 1, LIST(4));
    Packet first = packet_at(1, 1, 0), late = packet_at(2, 1, 0), closes = packet_at(3, 2, 1),
           again = packet_at(4, 3, 1);
    tell(&first, 1, 0, 0);
    tell(&late, 1, 1, 0);
    tell_closed(&closes, 2, 1);
    tell_closed(&closes, 2, 0);
    assert_int_equal(take(&first), STATUS_OK);
    expect_world(1, LIST(3), LIST(1));
    assert_int_equal(take(&closes), STATUS_OK);
    expect_world(2, LIST(0), LIST(0));
    assert_int_equal(take(&late), STATUS_OK);
    expect_world(2, LIST(0), LIST(0));
    assert_int_equal(replica_counters(replica).cells, 0);
    change(1, 3, LIST(4));
    tell(&again, 3, 1, 0); /* told anew, from nothing */
    assert_int_equal(take(&again), STATUS_OK);
    expect_world(3, LIST(4), LIST(3));
    assert_int_equal(take(&closes), STATUS_DUPLICATE);
    expect_world(3, LIST(4), LIST(3));
}

/* Nor does it undo what a packet that has overtaken it tells anew. */
static void test_told_anew_before_it_was_closed(void **state)
{
    (void)state;
    change(0, 1, LIST(3));
    Packet first = packet_at(1, 1, 0), closes = packet_at(2, 2, 1), anew = packet_at(3, 3, 1),
           again = packet_at(4, 4, 1);
    tell(&first, 1, 0, 0);
    tell_closed(&closes, 2, 0);
    tell(&anew, 3, 0, 0); /* the same version */
    assert_int_equal(take(&first), STATUS_OK);
    assert_int_equal(take(&anew), STATUS_OK);
    assert_int_equal(take(&closes), STATUS_OK);
    expect_world(3, LIST(3), LIST(1));
    tell_closed(&again, 4, 0);
    assert_int_equal(take(&again), STATUS_OK);
    expect_world(4, LIST(0), LIST(0));
}

/* Somebody goes from one cell to another; the news of the two come apart. */
static void test_between_cells(void **state)
{
    (void)state;
    change(0, 1, LIST(3, 8));
    change(1, 1, LIST(5));
    Packet first = packet_at(1, 1, 0), leaves = packet_at(2, 2, 1), arrives = packet_at(3, 3, 1),
           later = packet_at(4, 9, 3);
    tell(&first, 1, 0, 0);
    tell(&first, 1, 1, 0);
    assert_int_equal(take(&first), STATUS_OK);
    change(0, 2, LIST(3));
    change(1, 2, LIST(5, 8));
    tell(&leaves, 2, 0, 1);
    assert_int_equal(take(&leaves), STATUS_OK);
    expect_world(2, LIST(3, 5, 8), LIST(2, 1, 1)); /* in no cell, and not gone */
    tell(&arrives, 3, 1, 1);
    assert_int_equal(take(&arrives), STATUS_OK);
    expect_world(3, LIST(3, 5, 8), LIST(2, 2, 2));
    change(1, 9, LIST(5)); /* gone for good */
    tell(&later, 9, 1, 1);
    assert_int_equal(take(&later), STATUS_OK);
    expect_world(9, LIST(3, 5, 8), LIST(2, 9, 2));
    Packet end_of_it = packet_at(5, 9 + (uint32_t)(REPLICA_LIMBO / STEP), 9);
    assert_int_equal(take(&end_of_it), STATUS_OK);
    expect_world(9 + (uint32_t)(REPLICA_LIMBO / STEP), LIST(3, 5), LIST(2, 9));
}

/* The other order: in two cells at once, the newer counts. */
static void test_in_two_cells(void **state)
{
    (void)state;
    change(0, 1, LIST(3, 8));
    change(1, 1, LIST(5));
    Packet first = packet_at(1, 1, 0), arrives = packet_at(2, 2, 1);
    tell(&first, 1, 0, 0);
    tell(&first, 1, 1, 0);
    assert_int_equal(take(&first), STATUS_OK);
    change(1, 2, LIST(5, 8));
    tell(&arrives, 2, 1, 1);
    assert_int_equal(take(&arrives), STATUS_OK);
    expect_world(2, LIST(3, 5, 8), LIST(1, 2, 2));
    assert_int_equal(replica_entity(replica, (EntityHandle){ 1u << ENTITY_INDEX_BITS | 8 })->x_mm, 2000);
}

static void test_restart(void **state)
{
    (void)state;
    change(0, 1, LIST(3));
    Packet first = packet_at(9, 1, 0), next = packet_at(10, 2, 0), lost = packet_at(11, 3, 2);
    tell(&first, 1, 0, 0);
    assert_int_equal(take(&first), STATUS_OK);
    replica_restart(replica);
    expect_acknowledged(0, 0);
    expect_world(1, LIST(3), LIST(1)); /* what can be shown stays */
    change(0, 2, LIST(3));
    tell(&next, 2, 0, 0);
    assert_int_equal(take(&next), STATUS_OK);
    expect_acknowledged(10, 0);
    expect_world(2, LIST(3), LIST(2));
    for (uint32_t sequence = 3; sequence < 20; sequence++) {
        change(0, sequence, LIST(3));
    }
    cell_history_clear(&cells[1]);
    change(1, 18, LIST(4));
    change(1, 19, LIST(4));
    tell(&lost, 19, 1, 18); /* a version that never came */
    assert_int_equal(take(&lost), STATUS_NO_BASELINE);
    expect_acknowledged(10, 0);
}

static void test_hostile(void **state)
{
    (void)state;
    change(0, 1, LIST(3, 4));
    Packet good = packet_at(1, 1, 0);
    tell(&good, 1, 0, 0);
    Packet outside = packet_at(2, 1, 0);
    put_record(&outside, 1, &(PacketRecord){ .cell = CELLS, .closed = true });
    assert_int_equal(take(&outside), STATUS_OUT_OF_RANGE);
    for (size_t size = 0; size < good.size; size++) {
        Packet cut = good;
        cut.size = size;
        Status status = take(&cut);
        bool at_an_end = size == packet_at(1, 1, 0).size; /* a packet without records is one */
        assert_true((status == STATUS_OK) == at_an_end);
        if (at_an_end) {
            end(NULL);
            begin(NULL);
            change(0, 1, LIST(3, 4));
        }
    }
    Random random = random_seeded(5);
    for (uint32_t round = 0; round < 20000; round++) {
        Packet bad = good;
        for (uint64_t flips = 1 + random_below(&random, 3); flips > 0; flips--) {
            bad.bytes[random_below(&random, bad.size)] ^= (uint8_t)(1u << random_below(&random, 8));
        }
        Status status = take(&bad);
        (void)status; /* whatever: nothing may break, and the counts stay bounded */
        assert_true(replica_counters(replica).cells <= CELLS);
    }
    for (uint32_t sequence = 1; sequence < 300; sequence++) {
        const Snapshot *world = replica_compose(replica, sequence);
        assert_true(world == NULL || world->entity_count <= 64);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_puts_cells_together),
        TEST(test_what_a_packet_tells_of),
        TEST(test_order_and_loss),
        TEST(test_closed_cells),
        TEST(test_told_anew_before_it_was_closed),
        TEST(test_between_cells),
        TEST(test_in_two_cells),
        TEST(test_restart),
        TEST(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
