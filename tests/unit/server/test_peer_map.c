#include "server/metaverse/peer_map.h"
#include "shared/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PEERS 100

/* Against a plain list, at full load, with the keys that transports give out and with keys that collide. */
static void agrees_with_a_plain_list(void **state)
{
    (void)state;
    static const uint32_t strides[] = { 1, 1u << 16, (1u << 16) + 1, 1u << 31 };
    for (size_t s = 0; s < sizeof strides / sizeof strides[0]; s++) {
        Arena arena;
        PeerMap map;
        arena_init(&arena, 0);
        assert_int_equal(peer_map_create(&map, PEERS, &arena), STATUS_OK);
        PeerId present[PEERS] = { 0 };
        Random random = random_seeded(s);
        for (int step = 0; step < 20000; step++) {
            uint16_t slot = (uint16_t)random_below(&random, PEERS);
            if (present[slot] != 0) {
                peer_map_remove(&map, present[slot]);
                present[slot] = 0;
            } else {
                present[slot] = ((uint32_t)random_below(&random, 500) * PEERS + slot + 1) * strides[s];
                if (present[slot] != 0) {
                    uint16_t taken;
                    if (peer_map_find(&map, present[slot], &taken)) {
                        present[slot] = 0; /* another slot has this key already */
                    } else {
                        peer_map_add(&map, present[slot], slot);
                    }
                }
            }
            uint16_t probe = (uint16_t)random_below(&random, PEERS), value = UINT16_MAX;
            assert_int_equal(peer_map_find(&map, present[probe], &value), present[probe] != 0);
            assert_int_equal(value, present[probe] != 0 ? probe : UINT16_MAX);
        }
        for (uint16_t i = 0; i < PEERS; i++) {
            uint16_t value = UINT16_MAX;
            assert_int_equal(peer_map_find(&map, present[i], &value), present[i] != 0);
            peer_map_remove(&map, present[i]);
        }
        for (uint32_t i = 0; i <= map.mask; i++) {
            assert_int_equal(map.slots[i].peer, 0);
        }
        arena_finish(&arena);
    }
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    Arena arena;
    PeerMap map;
    uint16_t value = 3;
    arena_init(&arena, 0);
    assert_int_equal(peer_map_create(&map, 1, &arena), STATUS_OK);
    assert_false(peer_map_find(&map, 7, &value));
    assert_false(peer_map_find(&map, 0, &value));
    peer_map_remove(&map, 7);
    peer_map_add(&map, 7, 5);
    assert_true(peer_map_find(&map, 7, &value));
    assert_int_equal(value, 5);
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_plain_list),
        cmocka_unit_test(what_is_not_there_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
