#include "server/metaverse/name_set.h"
#include "shared/base/bytes.h"
#include "shared/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#define NAMES 100

/* Against a plain list, at full load; names are asked for in other case than they were added in. */
static void agrees_with_a_plain_list(void **state)
{
    (void)state;
    Arena arena;
    NameSet set;
    arena_init(&arena, 0);
    assert_int_equal(name_set_create(&set, NAMES, &arena), STATUS_OK);
    char names[NAMES][16], shouted[NAMES][16];
    bool present[NAMES] = { false };
    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof names[i], "Guest %u", i);
        snprintf(shouted[i], sizeof shouted[i], "gUEST %u", i);
    }
    Random random = random_seeded(1);
    for (int step = 0; step < 20000; step++) {
        size_t at = (size_t)random_below(&random, NAMES), asked = (size_t)random_below(&random, NAMES);
        if (present[at]) {
            name_set_remove(&set, shouted[at]);
        } else {
            name_set_add(&set, names[at]);
        }
        present[at] = !present[at];
        assert_int_equal(name_set_has(&set, shouted[asked]), present[asked]);
    }
    for (size_t i = 0; i < NAMES; i++) {
        assert_int_equal(name_set_has(&set, names[i]), present[i]);
        name_set_remove(&set, names[i]);
    }
    for (uint32_t i = 0; i <= set.mask; i++) {
        assert_null(set.slots[i].name);
    }
    arena_finish(&arena);
}

static void other_names_are_not_there(void **state)
{
    (void)state;
    Arena arena;
    NameSet set;
    arena_init(&arena, 0);
    assert_int_equal(name_set_create(&set, 2, &arena), STATUS_OK);
    name_set_add(&set, "\xC3\x84rztin"); /* only ASCII letters have two cases here */
    assert_true(name_set_has(&set, "\xC3\x84RZTIN"));
    assert_false(name_set_has(&set, "\xC3\xA4rztin"));
    assert_false(name_set_has(&set, ""));
    assert_false(name_set_has(&set, "\xC3\x84rzti"));
    name_set_remove(&set, "somebody else");
    assert_true(name_set_has(&set, "\xC3\x84rztin"));
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_plain_list),
        cmocka_unit_test(other_names_are_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
