/* Status, bytes, arena, diag, log, asset names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "shared/base/arena.h"
#include "shared/base/asset_source.h"
#include "shared/base/diag.h"
#include "shared/base/log.h"
#include "shared/base/random.h"

static void test_status_names(void **state)
{
    (void)state;
    assert_string_equal(status_text(STATUS_OK), "ok");
    assert_string_equal(status_name(STATUS_NO_BASELINE), "NO_BASELINE");
    assert_string_equal(status_name((Status)9999), "UNKNOWN");
}

static void test_arena_limit_and_reuse(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 1 << 20);
    uint8_t *first = arena_alloc(&arena, 100, 64);
    assert_non_null(first);
    assert_int_equal((uintptr_t)first % 64, 0);
    assert_int_equal(first[99], 0);
    assert_null(arena_alloc(&arena, (1 << 20) + 1, 1));
    assert_null(arena_array(&arena, SIZE_MAX / 2, 4, 1));
    assert_non_null(arena_alloc(&arena, 900 * 1000, 1));
    assert_true(arena.reserved <= arena.limit);
    arena_reset(&arena);
    size_t reserved = arena.reserved;
    for (int round = 0; round < 100; round++) {
        uint8_t *again = arena_alloc(&arena, 1000, 8);
        assert_non_null(again);
        assert_int_equal(again[999], 0);
        again[999] = 7;
        arena_reset(&arena);
    }
    assert_int_equal(arena.reserved, reserved);
    arena_finish(&arena);
    assert_int_equal(arena.reserved, 0);
}

static void test_diag_names_place(void **state)
{
    (void)state;
    Diag diag;
    char text[256];
    assert_int_equal(diag_set(&diag, STATUS_MALFORMED, "plant/world.json", 42, "thing '%s' is odd", "pump-1"),
                     STATUS_MALFORMED);
    assert_string_equal(diag_format(&diag, text, sizeof text), "plant/world.json:42: thing 'pump-1' is odd");
    assert_int_equal(diag_set(NULL, STATUS_IO_ERROR, "x", 1, "y"), STATUS_IO_ERROR);
    assert_int_equal(diag_set(&diag, STATUS_MALFORMED, "a\x1b", 0, "two\nlines, %s", "\x1b[2Jblank"),
                     STATUS_MALFORMED);
    assert_string_equal(diag_format(&diag, text, sizeof text), "a?: two?lines, ?[2Jblank");
}

static void test_asset_names(void **state)
{
    (void)state;
    assert_true(asset_name_valid("models/pump.glb"));
    const char *const refused[] = { "",     "/etc/passwd", "../x", "a/../../x", "a//b",  "a/./b",
                                    "a\\b", "C:/x",        "a/",   "..",        "a/b/.." };
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        assert_false(asset_name_valid(refused[i]));
    }
}

static void test_memory_assets(void **state)
{
    (void)state;
    const AssetEntry entries[] = { { "a", { (const uint8_t *)"xyz", 3 } } };
    const AssetTable table = { entries, 1 };
    AssetSource source = asset_source_memory(&table);
    Bytes bytes = { 0 };
    Diag diag;
    assert_int_equal(asset_read(source, "a", 3, NULL, &bytes, &diag), STATUS_OK);
    assert_int_equal(bytes.size, 3);
    assert_int_equal(asset_read(source, "a", 2, NULL, &bytes, &diag), STATUS_OUT_OF_RANGE);
    assert_int_equal(asset_read(source, "b", 9, NULL, &bytes, &diag), STATUS_NOT_FOUND);
    assert_int_equal(asset_read(source, "../a", 9, NULL, &bytes, &diag), STATUS_INVALID_ARGUMENT);
}

static char captured[2048];

static void capture(void *context, LogLevel level, const char *module, const char *text)
{
    (void)context;
    snprintf(captured, sizeof captured, "%s %s %s", log_level_name(level), module, text);
}

static void test_log_levels_and_escape(void **state)
{
    (void)state;
    log_set_sink((LogSink){ .write = capture });
    log_set_level(LOG_INFO);
    log_info("test", "value %d", 7);
    assert_string_equal(captured, "info test value 7");
    log_debug("test", "hidden");
    assert_string_equal(captured, "info test value 7");
    log_set_sink((LogSink){ 0 });

    char out[64];
    assert_string_equal(log_escape("a\"b\n\x1b", out, sizeof out), "a\\\"b\\u000a\\u001b");
    assert_string_equal(log_escape("\xc3\xa9\xff", out, sizeof out), "\xc3\xa9\\u00ff");
    assert_string_equal(log_escape("abcdef", out, 4), "abc");
}

static void test_random_is_fixed(void **state)
{
    (void)state;
    Random random = random_seeded(1234567);
    /* First outputs of SplitMix64 for this seed, from the algorithm's published reference. */
    assert_true(random_u64(&random) == UINT64_C(6457827717110365317));
    assert_true(random_u64(&random) == UINT64_C(3203168211198807973));
    for (int i = 0; i < 1000; i++) {
        double unit = random_unit(&random);
        assert_true(unit >= 0 && unit < 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_names),     cmocka_unit_test(test_arena_limit_and_reuse),
        cmocka_unit_test(test_diag_names_place), cmocka_unit_test(test_asset_names),
        cmocka_unit_test(test_memory_assets),    cmocka_unit_test(test_log_levels_and_escape),
        cmocka_unit_test(test_random_is_fixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
