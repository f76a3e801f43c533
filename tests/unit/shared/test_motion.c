/* Residuals and motion: exact for any mean and spread, small where the motion is plain, next to nothing for
 * what rests, the same bytes everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/wire/motion_math.h"
#include "shared/wire/motion_table.h"
#include "tests/unit/shared/random_world.h"

static uint8_t storage[1 << 17];

static int32_t any_number(Random *random)
{
    return (int32_t)((uint32_t)random_u64(random) >> random_below(random, 32));
}

/* Any value with any mean, spread and shape, however unlikely. */
static void test_residuals_are_exact(void **state)
{
    (void)state;
    for (int pass = 0; pass < 2; pass++) {
        static RangeCoder writer;
        Random random = random_seeded(3);
        RangeCoder coder =
            pass ? range_reader(bytes_of(storage, writer.position)) : range_writer(storage, sizeof storage);
        for (int i = 0; i < 8000; i++) {
            unsigned spread = (unsigned)random_below(&random, RESIDUAL_SPREAD);
            int64_t mean = random_below(&random, 4)
                               ? any_number(&random) * INT64_C(64) + any_number(&random) % 64
                               : (int64_t)random_u64(&random) >> 24;
            int32_t value =
                random_below(&random, 3) ? (int32_t)(uint32_t)(uint64_t)(mean >> 6) : any_number(&random);
            value = (int32_t)((uint32_t)value + (uint32_t)random_below(&random, 64));
            const ResidualShape *shape = &motion_position_shape[random_below(&random, 4)];
            assert_int_equal(residual_code(&coder, shape, mean, spread, pass ? 0 : value), value);
        }
        assert_int_equal(range_finish(&coder), STATUS_OK);
        writer = coder;
    }
}

/* Every shape is a density: it rises, and from the middle on ever more slowly down to the tail. */
static void test_shapes_rise(void **state)
{
    (void)state;
    for (unsigned row = 0; row < 4; row++) {
        const ResidualShape *const shapes[] = { &motion_position_shape[row], &motion_rotation_shape[row] };
        for (unsigned i = 0; i < ARRAY_COUNT(shapes); i++) {
            assert_int_equal(shapes[i]->above[0], 0);
            for (unsigned knot = 1; knot < RESIDUAL_KNOTS; knot++) {
                assert_true(shapes[i]->above[knot] >= shapes[i]->above[knot - 1]);
            }
            assert_true(shapes[i]->above[RESIDUAL_KNOTS - 1] <= 65278 / 2);
        }
    }
}

/* Four at a time they are as one by one, up to the largest. */
static void test_logarithms_agree(void **state)
{
    (void)state;
    Random random = random_seeded(8);
    for (uint32_t i = 0; i < 200000; i++) {
        Four values;
        for (int k = 0; k < 4; k++) {
            int64_t any =
                i < 100 ? (int64_t)i * 4 + k : (int64_t)(random_u64(&random) >> random_below(&random, 64));
            values[k] = size_for_log(any);
        }
        Four logs = logarithms(values);
        for (int k = 0; k < 4; k++) {
            assert_int_equal(logs[k], logarithm((uint64_t)values[k]));
            assert_true(logs[k] >> 4 < MOTION_BENDS);
        }
        Four weights = { INT16_MIN, INT16_MAX, (int16_t)random_u64(&random), (int16_t)random_u64(&random) };
        Four products = times(logs, weights);
        for (int k = 0; k < 4; k++) {
            assert_int_equal(products[k], logs[k] * weights[k]);
        }
    }
    assert_int_equal(size_for_log(INT64_MIN + 1), LOG_MOST);
    assert_int_equal(size_for_log(-5), 5);
}

static void test_square_roots_are_exact(void **state)
{
    (void)state;
    Random random = random_seeded(9);
    for (uint64_t root = 1; root < ONE; root++) {
        assert_int_equal(square_root(root * root), root);
        assert_int_equal(square_root(root * root + 2 * root), root);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        uint64_t value = (random_u64(&random) >> 32 >> random_below(&random, 32)) + 1;
        uint64_t root = (uint64_t)square_root(value);
        assert_true(root * root <= value && (root + 1) * (root + 1) > value);
    }
}

static SnapshotRing *new_ring(Arena *arena, SnapshotLimits limits)
{
    SnapshotRing *ring = NULL;
    assert_int_equal(snapshot_ring_create(limits, arena, &ring), STATUS_OK);
    return ring;
}

static SnapshotBase base_of(const SnapshotRing *ring, uint32_t step, uint32_t lag)
{
    SnapshotBase base = { 0 };
    if (step > 9 * lag) {
        base = (SnapshotBase){ .baseline = snapshot_ring_find(ring, step - lag),
                               .recent = snapshot_ring_find(ring, step - lag - 1),
                               .old = snapshot_ring_find(ring, step - 2 * lag) };
        for (uint32_t i = 0; i < SNAPSHOT_OLDER; i++) {
            base.older[i] = snapshot_ring_find(ring, step - lag - (2u << i) * lag);
        }
    }
    return base;
}

static size_t encode(const Snapshot *snapshot, const SnapshotBase *base)
{
    ByteBuffer out = { .data = storage, .capacity = sizeof storage };
    assert_int_equal(snapshot_encode_with(snapshot, base, &out), STATUS_OK);
    return out.size;
}

/* A world of `count` entities of which the first `moving` fly straight and turn evenly. */
static void fly(Snapshot *next, uint32_t step, uint32_t count, uint32_t moving)
{
    for (uint32_t i = 0; i < count; i++) {
        float when = i < moving ? (float)step : 0, rotation[4];
        quat_from_yaw_pitch(0.01f * when * (float)(i % 7) + (float)i, 0.2f, rotation);
        next->entities[next->entity_count++] =
            (EntityState){ .handle = { 1u << ENTITY_INDEX_BITS | i },
                           .kind = ENTITY_PROP,
                           .x_mm = (int32_t)((float)i * 700 + when * 13.3f),
                           .y_mm = (int32_t)(when * (float)(i % 5) * 1.7f),
                           .z_mm = (int32_t)((float)(i % 90) * 900 - when * 8.1f),
                           .rotation = quat_pack(rotation) };
    }
}

static void test_rest_costs_next_to_nothing(void **state)
{
    (void)state;
    enum { COUNT = 10000, LAG = 3, STEPS = 40 };
    Arena arena;
    arena_init(&arena, 0);
    SnapshotRing *ring = new_ring(&arena, (SnapshotLimits){ .entities = COUNT });
    size_t size = 0;
    for (uint32_t step = 1; step <= STEPS; step++) {
        Snapshot *next = snapshot_ring_begin(ring, step);
        fly(next, step, COUNT, 0);
        snapshot_ring_commit(ring, next);
        SnapshotBase base = base_of(ring, step, LAG);
        if (base.baseline) {
            size = encode(next, &base);
        }
    }
    double bits = (double)size * 8 / COUNT;
    print_message("%.4f bits for one that rests\n", bits);
    assert_true(size > 0 && bits < 0.05);
    arena_finish(&arena);
}

static void test_straight_flight_costs_little(void **state)
{
    (void)state;
    enum { COUNT = 200, LAG = 3, STEPS = 60 };
    Arena arena;
    arena_init(&arena, 0);
    SnapshotRing *ring = new_ring(&arena, (SnapshotLimits){ .entities = COUNT });
    size_t with = 0, without = 0;
    for (uint32_t step = 1; step <= STEPS; step++) {
        Snapshot *next = snapshot_ring_begin(ring, step);
        fly(next, step, COUNT, COUNT);
        snapshot_ring_commit(ring, next);
        SnapshotBase base = base_of(ring, step, LAG);
        if (base.baseline) {
            with += encode(next, &base);
            base.old = NULL;
            memset(base.older, 0, sizeof base.older);
            without += encode(next, &base);
        }
    }
    double updates = (double)(STEPS - 9 * LAG) * COUNT;
    print_message("%.2f bits a body with all that is known, %.2f with recent alone\n",
                  (double)with * 8 / updates, (double)without * 8 / updates);
    assert_true((double)with * 8 / updates < 10);
    assert_true(with * 2 < without);
    arena_finish(&arena);
}

/* What any compiler on any host must write. */
static void test_pinned_bytes(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    SnapshotRing *ring = new_ring(&arena, (SnapshotLimits){ .entities = 100 });
    Random random = random_seeded(1);
    uint64_t hash = UINT64_C(14695981039346656037);
    for (uint32_t step = 1; step <= 60; step++) {
        Snapshot *next = snapshot_ring_begin(ring, step);
        for (uint32_t i = 0; i < 60; i++) { /* in whole numbers only: floats are not what is tested */
            uint32_t turn = 300 + (step * (i + 1) * 3 + i * 50) % 400;
            next->entities[next->entity_count++] =
                (EntityState){ .handle = { 1u << ENTITY_INDEX_BITS | i },
                               .kind = ENTITY_PROP,
                               .x_mm = (int32_t)(i * 100 + step * 25 + random_below(&random, 4)),
                               .y_mm = (int32_t)(i % 7 * 100 + step * step * (i % 3)),
                               .z_mm = (int32_t)(i % 2 ? 0 : random_below(&random, 9)),
                               .rotation = quat_join(i & 3, turn, 511, 600 + i) };
        }
        snapshot_ring_commit(ring, next);
        SnapshotBase base = base_of(ring, step, 2);
        size_t size = encode(next, &base);
        for (size_t i = 0; i < size; i++) {
            hash = (hash ^ storage[i]) * UINT64_C(1099511628211);
        }
    }
    print_message("%016llx\n", (unsigned long long)hash);
    assert_int_equal(hash, UINT64_C(0xc1194042647787b1));
    arena_finish(&arena);
}

/* The stir about one that rests: the nearer the mover is expected, the lower; far away it has its end. */
static void test_stir_follows_the_nearest_mover(void **state)
{
    (void)state;
    const struct {
        int32_t away;
        unsigned stir;
    } cases[] = { { 0, 0 }, { 199, 0 }, { 200, 1 }, { 399, 4 }, { 799, 6 }, { 800, 7 }, { 5000, 7 } };
    Arena arena;
    arena_init(&arena, 0);
    SnapshotRing *ring = new_ring(&arena, (SnapshotLimits){ .entities = 10 });
    for (uint32_t c = 0; c < ARRAY_COUNT(cases); c++) {
        for (uint32_t step = 0; step < 2; step++) {
            Snapshot *next = snapshot_ring_begin(ring, 2 * c + step + 1);
            const int32_t mover = INT32_MAX - 1000 - cases[c].away - 50 + (int32_t)step * 10;
            const int32_t at[] = { mover, INT32_MAX - 1000 };
            for (uint32_t i = 0; i < 2; i++) {
                next->entities[next->entity_count++] = (EntityState){
                    .handle = { 1u << ENTITY_INDEX_BITS | i }, .kind = ENTITY_PROP, .x_mm = at[i]
                };
            }
            snapshot_ring_commit(ring, next);
        }
        const SnapshotBase base = { .baseline = snapshot_ring_find(ring, 2 * c + 2),
                                    .recent = snapshot_ring_find(ring, 2 * c + 1) };
        static Motion motion;
        motion_init(&motion, 2 * c + 6, QUAT_STEPS, &base); /* 4 on: 40 farther */
        motion_survey(&motion);
        assert_int_equal(motion.mover_count, 1);
        assert_int_equal(motion_stir(&motion, &base.baseline->entities[1]), cases[c].stir);
    }
    arena_finish(&arena);
}

/* One by one, as PROTOCOL.md has it. */
static unsigned slow_stir(const Motion *motion, const EntityState *base)
{
    static const int64_t reach[] = { 200, 250, 300, 350, 400, 500, 800 };
    uint64_t nearest = UINT64_MAX;
    for (uint32_t i = 0; i <= motion->mover_count; i++) {
        bool last = i == motion->mover_count; /* the carrier */
        const int32_t *at = last ? motion->carrier_place : motion->movers[i];
        int64_t x = between(base->x_mm, at[0]), y = between(base->y_mm, at[1]),
                z = between(base->z_mm, at[2]);
        uint64_t square = ((uint64_t)(x * x) + (uint64_t)(y * y) + (uint64_t)(z * z)) / (last ? 16 : 1);
        nearest = square < nearest && (!last || motion->carrier_moves) ? square : nearest;
    }
    unsigned stir = 0;
    while (stir < ARRAY_COUNT(reach) && nearest >= (uint64_t)(reach[stir] * reach[stir])) {
        stir++;
    }
    return stir;
}

/* Some rest, some move, some come and go; around the ends of all numbers, too. */
static void scatter(Random *random, Snapshot *next, const Snapshot *before, int32_t width)
{
    for (uint32_t i = 0; i < 300; i++) {
        const EntityState *was =
            before ? snapshot_entity(before, (EntityHandle){ 1u << ENTITY_INDEX_BITS | i }) : NULL;
        EntityState entity = { .handle = { 1u << ENTITY_INDEX_BITS | i }, .kind = ENTITY_PROP };
        const uint32_t far = INT32_MAX - (uint32_t)width / 2;
        uint32_t go = (uint32_t)width / 50 + 1;
        if (was && i % 7 > 1) {
            entity = *was;
        } else {
            entity.x_mm = was ? was->x_mm : (int32_t)(far + (uint32_t)random_below(random, (uint32_t)width));
            entity.y_mm = was ? was->y_mm : (int32_t)(0 - (uint32_t)random_below(random, (uint32_t)width));
            entity.z_mm = was ? was->z_mm : (int32_t)random_below(random, (uint32_t)width);
            entity.x_mm = (int32_t)((uint32_t)entity.x_mm + (uint32_t)random_below(random, go));
            entity.rotation = was ? was->rotation : 0;
            if (!was || i % 7 == 0) { /* the others only slide */
                entity.rotation = quat_join((unsigned)random_below(random, 4), random_below(random, 1023),
                                            random_below(random, 1023), random_below(random, 1023));
            }
        }
        if (random_below(random, 40) > 0) {
            next->entities[next->entity_count++] = entity;
        }
    }
}

/* The ones that go on are found one after the other, wherever one begins; the others are passed by. */
static void check_next(const Motion *motion)
{
    const uint32_t count = motion->baseline->entity_count;
    uint32_t next = count;
    for (uint32_t i = count; i-- > 0;) {
        next = motion_look_lately(motion, i) == MOTION_GOES_ON ? i : next;
        assert_int_equal(motion_next(motion, i), next);
    }
    assert_int_equal(motion_next(motion, count), count);
}

/* What is seen at a glance, and what stirs, is what a slow look finds. */
static void test_glances_agree(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    SnapshotRing *ring = new_ring(&arena, (SnapshotLimits){ .entities = 300, .depth = 64 });
    Random random = random_seeded(10);
    static Motion motion;
    unsigned seen[MOTION_STIRS] = { 0 };
    for (uint32_t round = 0, step = 1; round < 40; round++) {
        const Snapshot *versions[3] = { NULL, NULL, NULL };
        for (uint32_t i = 0; i < 3; i++, step++) {
            Snapshot *next = snapshot_ring_begin(ring, step);
            scatter(&random, next, i > 0 ? versions[i - 1] : NULL, INT32_C(3000) << round % 16);
            snapshot_ring_commit(ring, next);
            versions[i] = next;
        }
        const SnapshotBase base = { .baseline = versions[2], .recent = versions[1], .old = versions[0] };
        motion_init(&motion, step, QUAT_STEPS, &base);
        motion.carrier =
            round % 3 ? (uint32_t)random_below(&random, versions[2]->entity_count) : MOTION_NO_CARRIER;
        motion_survey(&motion);
        assert_int_equal(motion.glanced, versions[2]->entity_count);
        check_next(&motion);
        for (uint32_t i = 0; i < versions[2]->entity_count; i++) {
            const EntityState *entity = &versions[2]->entities[i];
            unsigned stir = motion_stir(&motion, entity);
            assert_int_equal(motion_recent(&motion, i), motion_look_lately(&motion, i));
            assert_int_equal(stir, slow_stir(&motion, entity));
            seen[stir]++;
            assert_true(entity->x_mm >= motion.lowest[0] && entity->y_mm >= motion.lowest[1] &&
                        entity->z_mm >= motion.lowest[2]);
        }
        motion.glanced = 104; /* as if there were more than are glanced at */
        check_next(&motion);
    }
    for (unsigned i = 0; i < MOTION_STIRS; i++) {
        assert_true(seen[i] > 0);
    }
    arena_finish(&arena);
}

/* Whatever there is comes back as it was: near, at the ends of all numbers, and long ago. */
static void test_anything_comes_back(void **state)
{
    (void)state;
    Arena arena;
    arena_init(&arena, 0);
    const SnapshotLimits limits = { .entities = 300, .depth = 64 };
    for (uint32_t round = 0; round < 24; round++) {
        SnapshotRing *sender = new_ring(&arena, limits), *receiver = new_ring(&arena, limits);
        Random random = random_seeded(round);
        const uint32_t stride = round % 4 == 3 ? 100000 : 1; /* what is coded may be far from what is known */
        const Snapshot *before = NULL;
        for (uint32_t step = 1; step <= 30; step++) {
            uint32_t sequence = step + (step == 30 ? stride : 0);
            Snapshot *next = snapshot_ring_begin(sender, sequence);
            scatter(&random, next, before, INT32_C(3000) << round % 16);
            if (next->entity_count > 0 && before) { /* a carrier: all go along with it */
                for (uint32_t i = 0; i < next->entity_count / 2; i++) {
                    next->entities[i].y_mm = (int32_t)((uint32_t)next->entities[i].y_mm + 40 + i % 3);
                }
            }
            snapshot_ring_commit(sender, next);
            before = next;
            SnapshotBase base = base_of(sender, step, 1);
            size_t size = encode(next, &base);
            const Snapshot *decoded = NULL;
            assert_int_equal(snapshot_ring_decode(receiver, sequence, 0, bytes_of(storage, size), &decoded),
                             STATUS_OK);
            assert_int_equal(decoded->entity_count, next->entity_count);
            for (uint32_t i = 0; i < next->entity_count; i++) {
                assert_memory_equal(&decoded->entities[i], &next->entities[i], sizeof(EntityState));
            }
        }
    }
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_residuals_are_exact),
        cmocka_unit_test(test_shapes_rise),
        cmocka_unit_test(test_rest_costs_next_to_nothing),
        cmocka_unit_test(test_straight_flight_costs_little),
        cmocka_unit_test(test_stir_follows_the_nearest_mover),
        cmocka_unit_test(test_logarithms_agree),
        cmocka_unit_test(test_square_roots_are_exact),
        cmocka_unit_test(test_glances_agree),
        cmocka_unit_test(test_anything_comes_back),
        cmocka_unit_test(test_pinned_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
