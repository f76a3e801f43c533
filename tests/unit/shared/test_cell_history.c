/* Versions of a cell: found by sequence across the wrap, ordered however they come, bounded in number and
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/wire/cell_history.h"
#include "tests/unit/shared/random_world.h"

static Arena arena;
static SnapshotStore *store;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, 0);
    return snapshot_store_create((size_t)1 << 20, &arena, &store) == STATUS_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    arena_finish(&arena);
    return 0;
}

static CellHistory new_history(uint32_t depth)
{
    CellHistory history;
    assert_int_equal(cell_history_init(&history, depth, store, &arena), STATUS_OK);
    return history;
}

/* A version of `count` entities with one channel each, whose code is the sequence. */
static Status add(CellHistory *history, uint32_t sequence, uint32_t count)
{
    static EntityState entities[3000];
    static ChannelState channels[3000];
    Snapshot version = { .entities = entities, .channels = channels };
    snapshot_clear(&version, sequence);
    for (uint32_t i = 0; i < count; i++) {
        entities[i] = (EntityState){ .handle = { 1u << ENTITY_INDEX_BITS | i },
                                     .channel_count = 1,
                                     .first_channel = i };
        channels[i] = (ChannelState){ .code = sequence, .source_time = sequence };
    }
    version.entity_count = version.channel_count = count;
    return cell_history_add(history, &version);
}

static void test_finds_what_it_keeps(void **state)
{
    (void)state;
    CellHistory history = new_history(8);
    assert_null(cell_history_newest(&history));
    assert_null(cell_history_at(&history, 5));
    const uint32_t order[] = { UINT32_MAX - 5, UINT32_MAX, UINT32_MAX - 2, 3,
                               9 }; /* across the wrap, one late */
    for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
        assert_int_equal(add(&history, order[i], 4), STATUS_OK);
        assert_int_equal(add(&history, order[i], 4), STATUS_DUPLICATE);
    }
    for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
        const Snapshot *found = cell_history_find(&history, order[i]);
        assert_non_null(found);
        assert_int_equal(found->sequence, order[i]);
        assert_int_equal(found->channels[3].code, order[i]);
        assert_ptr_equal(cell_history_source(&history).find(&history, order[i]), found);
    }
    assert_null(cell_history_find(&history, 1));
    assert_int_equal(cell_history_newest(&history)->sequence, 9);
    assert_int_equal(cell_history_at(&history, 1)->sequence, UINT32_MAX);
    assert_int_equal(cell_history_at(&history, UINT32_MAX - 1)->sequence, UINT32_MAX - 2);
    assert_null(cell_history_at(&history, UINT32_MAX - 6));
}

static void test_forgets_the_oldest(void **state)
{
    (void)state;
    CellHistory history = new_history(4);
    for (uint32_t sequence = 1; sequence <= 10; sequence++) {
        assert_int_equal(add(&history, sequence * 10, 2), STATUS_OK);
    }
    assert_int_equal(history.count, 4);
    assert_null(cell_history_find(&history, 60));
    assert_non_null(cell_history_find(&history, 70));
    assert_int_equal(add(&history, 65, 2), STATUS_DUPLICATE); /* too old to be kept */
    assert_int_equal(add(&history, 85, 2), STATUS_OK);
    assert_null(cell_history_find(&history, 70));
    cell_history_clear(&history);
    assert_null(cell_history_newest(&history));
    assert_int_equal(add(&history, 1, 2), STATUS_OK);
}

/* Freed storage is used again: many versions later the store is no larger. */
static void test_storage_goes_round(void **state)
{
    (void)state;
    CellHistory a = new_history(8), b = new_history(8);
    for (uint32_t sequence = 1; sequence <= 40; sequence++) {
        assert_int_equal(add(&a, sequence, 20 + sequence % 7), STATUS_OK);
        assert_int_equal(add(&b, sequence, 90 + sequence % 7), STATUS_OK);
    }
    size_t size = snapshot_store_size(store);
    for (uint32_t sequence = 41; sequence <= 4000; sequence++) {
        assert_int_equal(add(&a, sequence, 20 + sequence % 7), STATUS_OK);
        assert_int_equal(add(&b, sequence, 90 + sequence % 7), STATUS_OK);
    }
    assert_int_equal(snapshot_store_size(store), size);
}

/* An exhausted store costs old versions of the cell, and says so when there is nothing left to give. */
static void test_exhaustion(void **state)
{
    (void)state;
    CellHistory history = new_history(64);
    for (uint32_t sequence = 1; sequence <= 64; sequence++) {
        assert_int_equal(add(&history, sequence, 800), STATUS_OK);
        assert_int_equal(cell_history_newest(&history)->sequence, sequence);
        assert_int_equal(cell_history_newest(&history)->channels[799].code, sequence);
    }
    assert_in_range(history.count, 2, 40);
    assert_true(snapshot_store_size(store) <= (size_t)1 << 20);
    CellHistory other = new_history(4);
    assert_int_equal(add(&other, 1, 3000), STATUS_OUT_OF_MEMORY);
    assert_null(cell_history_newest(&other));
    assert_int_equal(cell_history_newest(&history)->sequence, 64); /* others are not robbed */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_finds_what_it_keeps),
        TEST(test_forgets_the_oldest),
        TEST(test_storage_goes_round),
        TEST(test_exhaustion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
