#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/session/playout.h"
#include "shared/base/random.h"

#include <math.h>

#define INTERVAL (TIME_SECOND / 30)

static SnapshotFrame frame_at(uint32_t sequence)
{
    return (SnapshotFrame){ .sequence = sequence, .server_time = (TimeNs)sequence * INTERVAL };
}

/* Snapshots that take `latency` and up to `jitter` more, of which every `lost`-th never comes; the delay
 * settles. */
static Playout play(TimeNs latency, TimeNs jitter, uint32_t lost)
{
    Playout playout;
    Random random = random_seeded(1);
    playout_init(&playout, INTERVAL);
    TimeNs last = TIME_NONE;
    for (uint32_t i = 1; i < 900; i++) {
        SnapshotFrame frame = frame_at(i);
        TimeNs arrival =
            frame.server_time + latency + (jitter > 0 ? (TimeNs)random_below(&random, (uint64_t)jitter) : 0);
        if (lost == 0 || i % lost != 0) {
            assert_true(playout_arrival(&playout, &frame, true, arrival));
        }
        for (int half = 0; half < 2; half++) {
            TimeNs time =
                playout_advance(&playout, frame.server_time + latency + jitter + half * INTERVAL / 2);
            assert_true(time == TIME_NONE || last == TIME_NONE || time >= last); /* never back */
            last = time;
        }
    }
    return playout;
}

static void test_delay_follows_the_network(void **state)
{
    (void)state;
    TimeNs calm = play(0, 0, 0).delay, far = play(75 * TIME_MS, 0, 0).delay;
    TimeNs jittery = play(75 * TIME_MS, 40 * TIME_MS, 0).delay,
           lossy = play(75 * TIME_MS, 40 * TIME_MS, 10).delay;
    assert_true(calm >= INTERVAL * 3 / 2 && calm <= INTERVAL * 2);
    assert_true(far >= calm + 74 * TIME_MS && far <= calm + 76 * TIME_MS);
    assert_true(jittery >= far + 10 * TIME_MS);
    assert_true(lossy >= jittery + 20 * TIME_MS);
    assert_true(lossy <= 75 * TIME_MS + 6 * INTERVAL);
}

static void test_delay_is_bounded(void **state)
{
    (void)state;
    assert_true(play(0, 2 * TIME_SECOND, 0).delay <= 40 * TIME_MS + 6 * INTERVAL);
}

static void test_time_goes_on_without_snapshots(void **state)
{
    (void)state;
    Playout playout = play(20 * TIME_MS, 0, 0);
    TimeNs now = 900 * INTERVAL + 20 * TIME_MS, first = playout_advance(&playout, now);
    assert_true(playout_advance(&playout, now + TIME_SECOND) == first + TIME_SECOND);
    assert_true(playout_advance(&playout, now) == first + TIME_SECOND); /* a clock that slips back is held */
}

static void test_order(void **state)
{
    (void)state;
    Playout playout;
    playout_init(&playout, INTERVAL);
    const uint32_t order[] = { 5, 3, 9, 4 };
    for (size_t i = 0; i < 4; i++) {
        SnapshotFrame frame = frame_at(order[i]);
        assert_true(playout_arrival(&playout, &frame, true, 10 * INTERVAL));
        assert_false(playout_arrival(&playout, &frame, true, 10 * INTERVAL)); /* twice */
    }
    assert_true(playout_has(&playout, 3, false) && playout_has(&playout, 9, false) &&
                !playout_has(&playout, 6, false));
    assert_false(playout_has(&playout, 2, false) || playout_has(&playout, 10, false));
    const uint32_t sorted[] = { 3, 4, 5, 9 };
    assert_int_equal(playout.entry_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(playout.entries[i].sequence, sorted[i]);
    }
    SnapshotFrame liar = frame_at(10);
    liar.server_time = 0; /* newer in sequence, older in time */
    assert_false(playout_arrival(&playout, &liar, true, 10 * INTERVAL));
    assert_int_equal(playout_find(&playout, 4 * INTERVAL), 1);
    assert_int_equal(playout_find(&playout, 9 * INTERVAL - 1), 2);
    assert_int_equal(playout_find(&playout, 2 * INTERVAL), -1);
}

static Snapshot person_at(uint32_t sequence, EntityState *entity, int32_t x_mm)
{
    Snapshot snapshot = { .sequence = sequence, .server_time = frame_at(sequence).server_time };
    *entity = (EntityState){ .handle = { .value = 1u << ENTITY_INDEX_BITS | 7 },
                             .kind = ENTITY_AVATAR,
                             .x_mm = x_mm };
    snapshot.entities = entity;
    snapshot.entity_count = 1;
    return snapshot;
}

static void test_pose(void **state)
{
    (void)state;
    EntityState entities[4];
    Snapshot a = person_at(1, &entities[0], 0), b = person_at(2, &entities[1], 50),
             c = person_at(3, &entities[2], 100);
    Snapshot far = person_at(3, &entities[3], 90000);
    EntityHandle handle = entities[0].handle;
    PlayoutPose pose;
    playout_pose(&a, &b, &c, handle, b.server_time + INTERVAL / 2, &pose); /* steady: halfway */
    assert_true(fabsf(pose.position[0] - 0.075f) < 1e-4f && fabsf(pose.speed - 1.5f) < 1e-2f);
    playout_pose(NULL, &a, &b, handle, a.server_time, &pose);
    assert_true(fabsf(pose.position[0]) < 1e-6f);
    playout_pose(&a, &b, NULL, handle, b.server_time + 40 * TIME_MS, &pose); /* nothing newer: walks on ... */
    assert_true(fabsf(pose.position[0] - 0.110f) < 1e-4f && pose.speed > 1.4f);
    playout_pose(&a, &b, NULL, handle, b.server_time + TIME_SECOND, &pose); /* ... for 100 ms */
    assert_true(fabsf(pose.position[0] - 0.200f) < 1e-4f && pose.speed == 0.0f);
    playout_pose(&a, &b, &far, handle, b.server_time + INTERVAL / 2, &pose); /* a jump is not walked */
    assert_true(fabsf(pose.position[0] - 0.050f) < 1e-6f);
    float last = 0.05f;
    for (int i = 1; i <= 10; i++) { /* a stop does not overshoot */
        Snapshot stop = person_at(3, &entities[2], 50);
        playout_pose(&a, &b, &stop, handle, b.server_time + INTERVAL * i / 10, &pose);
        assert_true(pose.position[0] < 0.06f);
        last = pose.position[0];
    }
    assert_true(fabsf(last - 0.05f) < 1e-5f);
}

/* Steps 16 ms apart, three frames each, a microsecond between; the first says how people moved, if it came.
 */
static void add_step(Playout *playout, uint32_t step, bool moved, bool came)
{
    for (uint32_t i = 0; i < 3; i++) {
        const SnapshotFrame frame = { .sequence = step * 3 + i + 1,
                                      .server_time = step * 16 * TIME_MS + i * TIME_US };
        bool says = i == 0 && moved;
        assert_true((i == 0 && !came) || playout_arrival(playout, &frame, says, frame.server_time));
    }
}

static void test_keys(void **state)
{
    (void)state;
    Playout playout;
    playout_init(&playout, INTERVAL);
    add_step(&playout, 1, true, true);  /* entries 0 1 2 */
    add_step(&playout, 2, true, true);  /* 3 4 5 */
    add_step(&playout, 3, true, false); /* 6 7: what they say of people is as old as step 2 */
    add_step(&playout, 4, true, true);  /* 8 9 10 */
    add_step(&playout, 5, false, true); /* 11 12 13: they stand */
    add_step(&playout, 6, false, true); /* 14 15 16 */
    PlayoutKeys keys = playout_keys(&playout, 5);
    assert_true(keys.earlier == 2 && keys.before == 5 && keys.after == 8);
    keys = playout_keys(&playout, 7);
    assert_true(keys.earlier == 2 && keys.before == 5 && keys.after == 8);
    keys = playout_keys(&playout, 10);
    assert_true(keys.earlier == 5 && keys.before == 10 && keys.after == 11);
    keys = playout_keys(&playout, 16);
    assert_true(keys.earlier == 13 && keys.before == 16 && keys.after < 0);
    keys = playout_keys(&playout, 0);
    assert_true(keys.earlier < 0 && keys.before == 0 && keys.after == 1);
    keys = playout_keys(&playout, -1);
    assert_true(keys.earlier < 0 && keys.before < 0 && keys.after == 0);
    assert_true(playout_has(&playout, 11, true)); /* another packet of that frame came after all */
    assert_true(playout_keys(&playout, 5).after == 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay_follows_the_network),
        cmocka_unit_test(test_delay_is_bounded),
        cmocka_unit_test(test_time_goes_on_without_snapshots),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_pose),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
