/* arena_fixture.h - what a test of a loader stands on: a fresh arena for each test, and a place for the
 * error. Include it after cmocka.h. */
#ifndef TESTS_UNIT_SHARED_ARENA_FIXTURE_H
#define TESTS_UNIT_SHARED_ARENA_FIXTURE_H
#include "shared/base/arena.h"
#include "shared/base/diag.h"

static Arena arena;
static Diag diag;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_finish(&arena);
    return 0;
}

#endif
