#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/ui/label_layout.h"
#include "shared/base/random.h"

#include <math.h>
#include <string.h>

#define COUNT 40u
#define STEP  (1.0f / 60.0f)

static const CanvasRect panel = { 12, 12, 260, 296 };
static const LabelArea area = {
    .width = 1280, .height = 720, .scale = 1, .blocked = &panel, .blocked_count = 1
};

static void scatter(LabelItem *items, uint64_t seed)
{
    Random random = random_seeded(seed);
    for (uint32_t i = 0; i < COUNT; i++) {
        items[i] = (LabelItem){ .key = 1000 + i,
                                .x = (float)random_between(&random, 0, 1280),
                                .y = (float)random_between(&random, 0, 720),
                                .depth = (float)random_between(&random, 2, 60),
                                .title_width = 90,
                                .title_height = 25,
                                .card_width = 230,
                                .card_height = 86,
                                .urgent = i % 9 == 0 };
    }
}

static bool overlap(CanvasRect a, CanvasRect b)
{
    return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
}

static void test_nothing_overlaps(void **state)
{
    (void)state;
    LabelItem items[COUNT];
    LabelPlace places[COUNT];
    for (uint64_t seed = 1; seed <= 50; seed++) {
        LabelLayout *layout = label_layout_create();
        scatter(items, seed);
        for (int frame = 0; frame < 120; frame++) {
            label_layout_run(layout, &area, items, COUNT, STEP, places);
        }
        uint32_t boxes = 0;
        for (uint32_t i = 0; i < COUNT; i++) {
            if (places[i].level < LABEL_TITLE) {
                continue;
            }
            boxes++;
            assert_false(overlap(places[i].box, panel));
            assert_true(places[i].box.x0 >= 0 && places[i].box.x1 <= 1280 && places[i].box.y0 >= 0 &&
                        places[i].box.y1 <= 720);
            for (uint32_t k = 0; k < i; k++) {
                assert_false(places[k].level >= LABEL_TITLE && overlap(places[i].box, places[k].box));
            }
        }
        assert_true(boxes >= 8);
        label_layout_destroy(layout);
    }
}

static void test_small_moves_change_nothing(void **state)
{
    (void)state;
    LabelItem items[COUNT];
    LabelPlace places[COUNT], before[COUNT];
    LabelLayout *layout = label_layout_create();
    scatter(items, 7);
    uint32_t changes = 0;
    for (int frame = 0; frame < 300; frame++) {
        for (uint32_t i = 0; i < COUNT; i++) { /* a camera that trembles by a pixel and a few centimetres */
            items[i].x += frame % 2 == 0 ? 1.0f : -1.0f;
            items[i].depth += frame % 2 == 0 ? 0.1f : -0.1f;
        }
        label_layout_run(layout, &area, items, COUNT, STEP, places);
        for (uint32_t i = 0; frame > 100 && i < COUNT; i++) {
            changes += places[i].level != before[i].level;
            assert_true(places[i].level < LABEL_TITLE || fabsf(places[i].box.x0 - before[i].box.x0) < 3.0f);
        }
        memcpy(before, places, sizeof places);
    }
    assert_int_equal(changes, 0);
    label_layout_destroy(layout);
}

/* A place that is free only now and then is not worth a move. */
static void test_no_flicker_beside_a_moving_label(void **state)
{
    (void)state;
    LabelLayout *layout = label_layout_create();
    LabelItem items[2];
    LabelPlace places[2];
    float last = 0;
    uint32_t moves = 0;
    for (int frame = 0; frame < 400; frame++) {
        bool apart = frame > 60 && frame % 20 < 10;
        for (uint32_t i = 0; i < 2; i++) {
            items[i] = (LabelItem){ .key = i,
                                    .x = 600,
                                    .y = 400,
                                    .depth = 5 + (float)i,
                                    .title_width = 90,
                                    .title_height = 25,
                                    .card_width = 230,
                                    .card_height = 86 };
        }
        items[0].x = apart ? 1000 : 600;
        label_layout_run(layout, &area, items, 2, STEP, places);
        moves += frame > 1 && fabsf(places[1].box.y0 - last) > 1.0f;
        last = places[1].box.y0;
    }
    assert_int_equal(moves, 0);
    label_layout_destroy(layout);
}

static void test_same_frames_same_places(void **state)
{
    (void)state;
    LabelItem items[COUNT];
    LabelPlace a[COUNT], b[COUNT];
    LabelLayout *first = label_layout_create(), *second = label_layout_create();
    scatter(items, 11);
    for (int frame = 0; frame < 40; frame++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            items[i].x += 2.0f;
        }
        label_layout_run(first, &area, items, COUNT, STEP, a);
        label_layout_run(second, &area, items, COUNT, STEP, b);
        assert_memory_equal(a, b, sizeof a);
    }
    label_layout_destroy(first);
    label_layout_destroy(second);
}

static void test_detail_follows_depth(void **state)
{
    (void)state;
    LabelLayout *layout = label_layout_create();
    const float depths[] = { 5, 25, 100, 1000 };
    const LabelLevel levels[] = { LABEL_CARD, LABEL_TITLE, LABEL_DOT, LABEL_HIDDEN };
    LabelItem items[4];
    LabelPlace places[4];
    for (uint32_t i = 0; i < 4; i++) {
        items[i] = (LabelItem){ .key = i,
                                .x = 400 + 200 * (float)i,
                                .y = 400,
                                .depth = depths[i],
                                .title_width = 90,
                                .title_height = 25,
                                .card_width = 150,
                                .card_height = 86 };
    }
    label_layout_run(layout, &area, items, 4, STEP, places);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(places[i].level, levels[i]);
    }
    label_layout_destroy(layout);
}

static void test_more_than_it_holds(void **state)
{
    (void)state;
    static LabelItem items[LABEL_LAYOUT_MAX + 10];
    static LabelPlace places[LABEL_LAYOUT_MAX + 10];
    LabelLayout *layout = label_layout_create();
    for (int round = 0; round < 2; round++) { /* the second time with other keys: all memory is taken over */
        for (uint32_t i = 0; i < LABEL_LAYOUT_MAX + 10; i++) {
            items[i] = (LabelItem){ .key = i + 5000u * (uint32_t)round,
                                    .x = 600,
                                    .y = 400,
                                    .depth = 5,
                                    .title_width = 50,
                                    .title_height = 20,
                                    .card_width = 100,
                                    .card_height = 50 };
        }
        label_layout_run(layout, &area, items, LABEL_LAYOUT_MAX + 10, STEP, places);
        assert_int_equal(places[LABEL_LAYOUT_MAX + 5].level, LABEL_HIDDEN);
    }
    label_layout_destroy(layout);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_overlaps),
        cmocka_unit_test(test_small_moves_change_nothing),
        cmocka_unit_test(test_no_flicker_beside_a_moving_label),
        cmocka_unit_test(test_same_frames_same_places),
        cmocka_unit_test(test_detail_follows_depth),
        cmocka_unit_test(test_more_than_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
