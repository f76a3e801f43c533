/* Streams of sealed packets: order, loss, replay, forgery, and keys that change on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/base/random.h"
#include "shared/wire/sealed_stream.h"

#define START (100 * TIME_SECOND)

static const uint8_t key[NOISE_KEY_SIZE] = { 1, 2, 3, 4 };

typedef struct Ends {
    SealStream seal;
    OpenStream open;
    uint8_t plain[64];
} Ends;

typedef struct Sealed {
    uint8_t bytes[64];
    size_t size;
    uint32_t number;
} Sealed;

static void init_ends(Ends *ends, Delivery delivery, const RekeyRules *rules)
{
    seal_stream_init(&ends->seal, key, 1, delivery, rules);
    open_stream_init(&ends->open, key, 1, delivery, rules);
}

static Sealed seal_number(Ends *ends, uint32_t number, TimeNs now)
{
    Sealed sealed = { .number = number };
    uint8_t plain[4];
    ByteBuffer out = { .data = sealed.bytes, .capacity = sizeof sealed.bytes };
    bytes_store_u32(plain, number);
    assert_int_equal(seal_stream_write(&ends->seal, bytes_of(plain, sizeof plain), &out), STATUS_OK);
    seal_stream_sent(&ends->seal, now);
    sealed.size = out.size;
    return sealed;
}

static Status open_one(Ends *ends, const Sealed *sealed, TimeNs now)
{
    ByteBuffer out = { .data = ends->plain, .capacity = sizeof ends->plain };
    Status status = open_stream_read(&ends->open, now, bytes_of(sealed->bytes, sealed->size), &out);
    if (status == STATUS_OK) {
        assert_int_equal(out.size, 4);
        assert_int_equal(bytes_load_u32(ends->plain), sealed->number);
    }
    return status;
}

static void overhead_is_as_declared(void **state)
{
    (void)state;
    Ends ends;
    init_ends(&ends, DELIVERY_RELIABLE, NULL);
    assert_int_equal(seal_number(&ends, 7, START).size, 4 + SEALED_RELIABLE_OVERHEAD);
    init_ends(&ends, DELIVERY_UNRELIABLE, NULL);
    assert_int_equal(seal_number(&ends, 7, START).size, 4 + SEALED_UNRELIABLE_OVERHEAD);
    uint8_t small[SEALED_UNRELIABLE_OVERHEAD + 3];
    ByteBuffer out = { .data = small, .capacity = sizeof small };
    assert_int_equal(seal_stream_write(&ends.seal, bytes_of("four", 4), &out), STATUS_CAPACITY);
}

static void reliable_packets_must_be_in_order(void **state)
{
    (void)state;
    Ends ends;
    init_ends(&ends, DELIVERY_RELIABLE, NULL);
    Sealed first = seal_number(&ends, 1, START), second = seal_number(&ends, 2, START);
    assert_int_equal(open_one(&ends, &second, START), STATUS_MALFORMED);
    assert_int_equal(open_one(&ends, &first, START), STATUS_OK);
    assert_int_equal(open_one(&ends, &first, START), STATUS_MALFORMED);
    assert_int_equal(open_one(&ends, &second, START), STATUS_OK);
}

/* 100,000 packets with 20 % loss, duplicates and delays of up to 500 packets: each is opened at most once,
 * and every one that arrives is opened. */
static void unreliable_packets_survive_disorder(void **state)
{
    (void)state;
    enum { COUNT = 100000, DELAYED = 500 };
    static Sealed delayed[DELAYED];
    static uint8_t opened[COUNT];
    const RekeyRules rules = { .packets = 500, .grace = 3 * TIME_SECOND };
    Ends ends;
    Random random = random_seeded(4);
    init_ends(&ends, DELIVERY_UNRELIABLE, &rules);
    memset(opened, 0, sizeof opened);
    for (uint32_t i = 0; i < COUNT + DELAYED; i++) {
        TimeNs now = START + (TimeNs)i * TIME_MS;
        Sealed *slot = &delayed[random_below(&random, DELAYED)];
        Sealed leaving = *slot;
        *slot = i < COUNT ? seal_number(&ends, i, now) : (Sealed){ 0 };
        if (leaving.size == 0 || random_unit(&random) < 0.2 || leaving.number + 2000 < i) {
            continue; /* lost, or delayed beyond the window */
        }
        assert_int_equal(open_one(&ends, &leaving, now), STATUS_OK);
        assert_int_equal(opened[leaving.number], 0);
        opened[leaving.number] = 1;
        assert_int_equal(open_one(&ends, &leaving, now), STATUS_DUPLICATE);
    }
    assert_true(ends.open.expected > COUNT - 2000);
}

static void old_packets_are_refused_unread(void **state)
{
    (void)state;
    Ends ends;
    init_ends(&ends, DELIVERY_UNRELIABLE, NULL);
    Sealed first = seal_number(&ends, 0, START), second = seal_number(&ends, 1, START), last = { .size = 0 };
    for (uint32_t i = 2; i <= SEALED_REPLAY_WINDOW; i++) {
        last = seal_number(&ends, i, START);
    }
    assert_int_equal(open_one(&ends, &last, START), STATUS_OK);
    assert_int_equal(open_one(&ends, &first, START), STATUS_OUT_OF_RANGE);
    assert_int_equal(open_one(&ends, &second, START), STATUS_OK);
    assert_int_equal(open_one(&ends, &second, START), STATUS_DUPLICATE);
}

static void a_long_gap_is_bridged(void **state)
{
    (void)state;
    Ends ends;
    Sealed last = { .size = 0 };
    init_ends(&ends, DELIVERY_UNRELIABLE, NULL);
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < SEALED_GUESS_RANGE; i++) {
            last = seal_number(&ends, i, START);
        }
        assert_int_equal(open_one(&ends, &last, START), STATUS_OK);
    }
}

static void every_byte_is_authenticated(void **state)
{
    (void)state;
    for (int delivery = 0; delivery < 2; delivery++) {
        Ends ends;
        init_ends(&ends, (Delivery)delivery, NULL);
        Sealed sealed = seal_number(&ends, 5, START);
        for (size_t bit = 0; bit < sealed.size * 8; bit++) {
            Sealed bent = sealed;
            bent.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_not_equal(open_one(&ends, &bent, START), STATUS_OK);
        }
        for (size_t size = 0; size < sealed.size; size++) {
            Sealed cut = sealed;
            cut.size = size;
            assert_int_not_equal(open_one(&ends, &cut, START), STATUS_OK);
        }
        ends.open.channel = 2; /* as if it had been moved to another channel */
        assert_int_equal(open_one(&ends, &sealed, START), STATUS_MALFORMED);
        ends.open.channel = 1;
        assert_int_equal(open_one(&ends, &sealed, START), STATUS_OK);
    }
}

/* Keys change by count and by age; what was on the way under the old key is still read, for a while. */
static void keys_change_without_loss(void **state)
{
    (void)state;
    const RekeyRules rules = { .packets = 1000, .age = TIME_MINUTE, .grace = 5 * TIME_SECOND };
    Ends ends;
    init_ends(&ends, DELIVERY_UNRELIABLE, &rules);
    TimeNs now = START;
    uint32_t number = 0;
    Sealed on_the_way = seal_number(&ends, number++, now), too_late = seal_number(&ends, number++, now);
    for (; !ends.seal.phase; now += 20 * TIME_MS) {
        Sealed sealed = seal_number(&ends, number++, now);
        assert_int_equal(open_one(&ends, &sealed, now), STATUS_OK);
    }
    assert_int_equal(number, 1000);
    uint8_t old[NOISE_KEY_SIZE];
    memcpy(old, ends.open.current, sizeof old);
    for (int i = 0; i < 300; i++, now += 20 * TIME_MS) {
        Sealed sealed = seal_number(&ends, number++, now);
        assert_int_equal(open_one(&ends, &sealed, now), STATUS_OK);
        if (i == 200) {
            assert_int_equal(open_one(&ends, &on_the_way, now), STATUS_OK);
            assert_memory_equal(ends.open.previous, old, sizeof old);
        }
    }
    assert_int_equal(open_one(&ends, &too_late, now), STATUS_MALFORMED);
    assert_memory_not_equal(ends.open.previous, old, sizeof old); /* wiped */
    bool phase = ends.seal.phase;
    for (int i = 0; i < 300 && ends.seal.phase == phase; i++, now += TIME_SECOND) {
        Sealed sealed = seal_number(&ends, number++, now);
        assert_int_equal(open_one(&ends, &sealed, now), STATUS_OK);
    }
    assert_int_not_equal(ends.seal.phase, phase); /* by age */
}

static void reliable_keys_change_at_once(void **state)
{
    (void)state;
    const RekeyRules rules = { .packets = 3 };
    Ends ends;
    Sealed sealed[100];
    init_ends(&ends, DELIVERY_RELIABLE, &rules);
    for (uint32_t i = 0; i < 100; i++) {
        sealed[i] = seal_number(&ends, i, START);
    }
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(open_one(&ends, &sealed[i], START + (TimeNs)i * TIME_MINUTE), STATUS_OK);
    }
    assert_memory_equal(ends.open.current, ends.seal.key, NOISE_KEY_SIZE);
    assert_memory_not_equal(ends.seal.key, key, NOISE_KEY_SIZE);
}

/* Bytes nobody sealed: refused, and the stream goes on as if nothing had been. */
static void garbage_changes_nothing(void **state)
{
    (void)state;
    Ends ends;
    Random random = random_seeded(9);
    init_ends(&ends, DELIVERY_UNRELIABLE, NULL);
    for (uint32_t i = 0; i < 20000; i++) {
        Sealed garbage = { .size = (size_t)random_below(&random, sizeof garbage.bytes) };
        for (size_t j = 0; j < garbage.size; j++) {
            garbage.bytes[j] = (uint8_t)random_u64(&random);
        }
        OpenStream before = ends.open;
        assert_int_not_equal(open_one(&ends, &garbage, START), STATUS_OK);
        assert_memory_equal(&before, &ends.open, sizeof before);
        if (i % 100 == 0) {
            Sealed sealed = seal_number(&ends, i, START);
            assert_int_equal(open_one(&ends, &sealed, START), STATUS_OK);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overhead_is_as_declared),
        cmocka_unit_test(reliable_packets_must_be_in_order),
        cmocka_unit_test(unreliable_packets_survive_disorder),
        cmocka_unit_test(old_packets_are_refused_unread),
        cmocka_unit_test(a_long_gap_is_bridged),
        cmocka_unit_test(every_byte_is_authenticated),
        cmocka_unit_test(keys_change_without_loss),
        cmocka_unit_test(reliable_keys_change_at_once),
        cmocka_unit_test(garbage_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
