#include "shared/base/random.h"
#include "shared/systems/bus_local.h"
#include "shared/systems/message_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct Fixture {
    Bus hub, twin, metaverse;
    BusEvent event;
} Fixture;

static bool next(Bus bus, BusEvent *out_event)
{
    return bus_poll(bus, 0, out_event) == STATUS_OK;
}

static void begin(Fixture *f, BusLocalConfig config)
{
    *f = (Fixture){ 0 };
    assert_int_equal(bus_local_create(&config, &f->hub), STATUS_OK);
    assert_int_equal(bus_local_attach(f->hub, SYSTEM_TWIN, "plant", &f->twin), STATUS_OK);
    assert_int_equal(bus_local_attach(f->hub, SYSTEM_METAVERSE, "world", &f->metaverse), STATUS_OK);
    while (next(f->hub, &f->event) || next(f->twin, &f->event) || next(f->metaverse, &f->event)) {
        assert_int_equal(f->event.type, BUS_UP);
    }
}

static void end(Fixture *f)
{
    bus_destroy(f->twin);
    bus_destroy(f->metaverse);
    bus_destroy(f->hub);
}

static BusMessage text(FamilyId id, const char *to, const char *body)
{
    BusMessage message = { .id = id, .correlation = 7, .body = bytes_of(body, strlen(body)) };
    snprintf(message.to, sizeof message.to, "%s", to);
    return message;
}

static void both_sides_hear_of_each_other(void **state)
{
    (void)state;
    Bus hub, twin;
    BusEvent event;
    assert_int_equal(bus_local_create(&(BusLocalConfig){ 0 }, &hub), STATUS_OK);
    assert_int_equal(bus_poll(hub, 0, &event), STATUS_EMPTY);
    assert_int_equal(bus_local_attach(hub, SYSTEM_TWIN, "plant", &twin), STATUS_OK);
    assert_true(next(hub, &event));
    assert_int_equal(event.type, BUS_UP);
    assert_int_equal(event.kind, SYSTEM_TWIN);
    assert_string_equal(event.message.from, "plant");
    assert_non_null(event.who);
    assert_true(next(twin, &event));
    assert_int_equal(event.type, BUS_UP);
    assert_int_equal(event.kind, SYSTEM_ENABLER);
    assert_string_equal(event.message.from, "enabler");
    assert_false(next(hub, &event) || next(twin, &event));

    bus_destroy(twin);
    assert_true(next(hub, &event));
    assert_int_equal(event.type, BUS_DOWN);
    assert_string_equal(event.message.from, "plant");
    assert_false(next(hub, &event));

    assert_int_equal(bus_local_attach(hub, SYSTEM_TWIN, "plant", &twin), STATUS_OK);
    assert_true(next(hub, &event));
    assert_int_equal(event.type, BUS_UP);

    /* Away and back between two polls: the hub hears of both. */
    bus_destroy(twin);
    assert_int_equal(bus_local_attach(hub, SYSTEM_TWIN, "plant", &twin), STATUS_OK);
    assert_true(next(hub, &event));
    assert_int_equal(event.type, BUS_DOWN);
    assert_true(next(hub, &event));
    assert_int_equal(event.type, BUS_UP);
    assert_false(next(hub, &event));

    /* The hub goes first. */
    assert_true(next(twin, &event));
    bus_destroy(hub);
    BusMessage heartbeat = text(DII_HEARTBEAT, "", "{}");
    assert_int_equal(bus_send(twin, &heartbeat), STATUS_DISCONNECTED);
    assert_true(next(twin, &event));
    assert_int_equal(event.type, BUS_DOWN);
    assert_false(next(twin, &event));
    bus_destroy(twin);
}

static void names_are_checked(void **state)
{
    (void)state;
    Fixture f;
    Bus other;
    begin(&f, (BusLocalConfig){ 0 });
    assert_int_equal(bus_local_attach(f.hub, SYSTEM_SERVICE, "plant", &other), STATUS_DUPLICATE);
    assert_int_equal(bus_local_attach(f.hub, SYSTEM_SERVICE, "a b", &other), STATUS_INVALID_ARGUMENT);
    assert_int_equal(bus_local_attach(f.hub, SYSTEM_SERVICE, "enabler", &other), STATUS_INVALID_ARGUMENT);
    assert_int_equal(bus_local_attach(f.hub, SYSTEM_ENABLER, "second", &other), STATUS_INVALID_ARGUMENT);
    end(&f);
}

static void places_are_limited_and_used_again(void **state)
{
    (void)state;
    Fixture f;
    Bus other;
    begin(&f, (BusLocalConfig){ .attachments = 2 });
    assert_int_equal(bus_local_attach(f.hub, SYSTEM_SERVICE, "monitor", &other), STATUS_CAPACITY);
    bus_destroy(f.twin);
    assert_int_equal(bus_local_attach(f.hub, SYSTEM_SERVICE, "monitor", &other), STATUS_CAPACITY);
    assert_true(next(f.hub, &f.event)); /* BUS_DOWN of plant */
    assert_int_equal(bus_local_attach(f.hub, SYSTEM_SERVICE, "monitor", &f.twin), STATUS_OK);
    assert_true(next(f.hub, &f.event));
    assert_int_equal(f.event.type, BUS_UP);
    assert_int_equal(f.event.kind, SYSTEM_SERVICE);
    assert_string_equal(f.event.message.from, "monitor");
    end(&f);
}

static void messages_pass_both_ways(void **state)
{
    (void)state;
    Fixture f;
    begin(&f, (BusLocalConfig){ 0 });
    char body[] = "{\"a\":1}";
    BusMessage message = text(DII_REGISTER, "somebody", body);
    snprintf(message.from, sizeof message.from, "forged");
    snprintf(message.subject, sizeof message.subject, "another");
    assert_int_equal(bus_send(f.twin, &message), STATUS_OK);
    memset(body, 'x', sizeof body); /* it was copied */
    assert_true(next(f.hub, &f.event));
    assert_int_equal(f.event.type, BUS_MESSAGE);
    assert_int_equal(f.event.kind, SYSTEM_TWIN);
    assert_int_equal(f.event.message.id, DII_REGISTER);
    assert_string_equal(f.event.message.from, "plant");
    assert_string_equal(f.event.message.to, "enabler");
    assert_string_equal(f.event.message.subject, "plant");
    assert_int_equal(f.event.message.correlation, 7);
    assert_int_equal(f.event.message.body.size, 7);
    assert_memory_equal(f.event.message.body.data, "{\"a\":1}", 7);

    message = text(MII_SYSTEMS, "world", "{}");
    assert_int_equal(bus_send(f.hub, &message), STATUS_OK);
    assert_false(next(f.twin, &f.event));
    assert_true(next(f.metaverse, &f.event));
    assert_int_equal(f.event.message.id, MII_SYSTEMS);
    assert_string_equal(f.event.message.from, "enabler");

    message = text(MII_SYSTEMS, "nobody", "{}");
    assert_int_equal(bus_send(f.hub, &message), STATUS_DISCONNECTED);
    end(&f);
}

static void the_table_is_kept(void **state)
{
    (void)state;
    Fixture f;
    begin(&f, (BusLocalConfig){ 0 });
    /* A metaverse system that commands a device past the enabler. */
    BusMessage message = text(DII_COMMAND, "", "{}");
    assert_int_equal(bus_send(f.metaverse, &message), STATUS_NOT_ALLOWED);
    assert_true(next(f.hub, &f.event));
    assert_int_equal(f.event.type, BUS_REFUSED);
    assert_string_equal(f.event.message.from, "world");
    assert_int_equal(f.event.message.id, DII_COMMAND);
    assert_true(strlen(f.event.reason) > 0);
    assert_int_equal(bus_local_counters(f.hub)->refused, 1);

    message = text(MII_SYSTEMS, "plant", "{}");
    assert_int_equal(bus_send(f.hub, &message), STATUS_NOT_ALLOWED); /* not for a twin system */
    message = text(DII_REGISTER, "plant", "{}");
    assert_int_equal(bus_send(f.hub, &message), STATUS_NOT_ALLOWED); /* not of an enabler */
    message = text((FamilyId)200, "plant", "{}");
    assert_int_equal(bus_send(f.hub, &message), STATUS_NOT_ALLOWED);
    assert_false(next(f.twin, &f.event));

    SyncBatch batch = { .source_clock = TIME_NONE };
    message = text(DII_SYNC, "", "");
    assert_int_equal(bus_send(f.twin, &message), STATUS_INVALID_ARGUMENT);
    message = text(DII_SYNC, "", "{}");
    message.sync = &batch;
    assert_int_equal(bus_send(f.twin, &message), STATUS_INVALID_ARGUMENT);
    message = text(DII_HEARTBEAT, "", "{}");
    message.sync = &batch;
    assert_int_equal(bus_send(f.twin, &message), STATUS_INVALID_ARGUMENT);
    message = text(DII_HEARTBEAT, "", "{}");
    message.body.size = BUS_BODY_MAX + 1;
    assert_int_equal(bus_send(f.twin, &message), STATUS_OUT_OF_RANGE);
    end(&f);
}

static void sync_of_this_process_is_not_copied(void **state)
{
    (void)state;
    Fixture f;
    begin(&f, (BusLocalConfig){ 0 });
    SyncSample sample = { .thing = 1, .code = 5 };
    SyncBatch batch = { .samples = &sample, .count = 1, .source_clock = 9 };
    BusMessage message = { .id = DII_SYNC, .sync = &batch };
    assert_int_equal(bus_send(f.twin, &message), STATUS_OK);
    assert_true(next(f.hub, &f.event));
    assert_ptr_equal(f.event.message.sync, &batch);

    /* On to a consumer: the twin system's memory as it is, the hub's own as a copy. */
    message = (BusMessage){ .id = MII_SYNC, .to = "world", .subject = "plant", .sync = f.event.message.sync };
    assert_int_equal(bus_send(f.hub, &message), STATUS_OK);
    assert_true(next(f.metaverse, &f.event));
    assert_ptr_equal(f.event.message.sync, &batch);
    SyncSample others[500];
    for (uint32_t i = 0; i < 500; i++) {
        others[i] = (SyncSample){ .thing = i };
    }
    SyncBatch own = { .samples = others, .count = 500, .snapshot = true };
    message.sync = &own;
    for (int i = 0; i < 3; i++) { /* the ring grows meanwhile */
        own.source_clock = i;
        assert_int_equal(bus_send(f.hub, &message), STATUS_OK);
    }
    memset(others, 0xFF, sizeof others);
    own = (SyncBatch){ 0 };
    for (int i = 0; i < 3; i++) {
        assert_true(next(f.metaverse, &f.event));
        const SyncBatch *got = f.event.message.sync;
        assert_true(got->count == 500 && got->snapshot && got->source_clock == i);
        assert_true(got->samples[499].thing == 499 && got->samples[0].thing == 0);
    }
    end(&f);
}

static void a_full_queue_says_so_and_loses_nothing(void **state)
{
    (void)state;
    Fixture f;
    begin(&f, (BusLocalConfig){ .capacity = 3, .byte_limit = 64 });
    BusMessage small = text(DII_HEARTBEAT, "", "{}");
    for (int i = 0; i < 3; i++) {
        small.correlation = (uint64_t)i + 1;
        assert_int_equal(bus_send(f.twin, &small), STATUS_OK);
    }
    assert_int_equal(bus_send(f.twin, &small), STATUS_CAPACITY);
    assert_int_equal(bus_local_counters(f.hub)->full, 1);
    for (int i = 0; i < 3; i++) {
        assert_true(next(f.hub, &f.event));
        assert_int_equal(f.event.message.correlation, i + 1);
    }
    assert_false(next(f.hub, &f.event));
    char body[65] = "";
    memset(body, 'a', 64);
    BusMessage large = text(DII_HEARTBEAT, "", body);
    assert_int_equal(bus_send(f.twin, &large), STATUS_OK);
    assert_int_equal(bus_send(f.twin, &small), STATUS_CAPACITY); /* bytes, not places */
    assert_true(next(f.hub, &f.event));
    assert_int_equal(f.event.message.body.size, 64);
    end(&f);
}

static void a_pulled_cable(void **state)
{
    (void)state;
    Fixture f;
    begin(&f, (BusLocalConfig){ 0 });
    BusMessage message = text(DII_HEARTBEAT, "", "{}");
    assert_int_equal(bus_send(f.twin, &message), STATUS_OK);
    bus_local_cut(f.twin, true);
    assert_int_equal(bus_send(f.twin, &message), STATUS_DISCONNECTED);
    message = text(DII_SNAPSHOT, "plant", "{}");
    assert_int_equal(bus_send(f.hub, &message), STATUS_DISCONNECTED);
    assert_true(next(f.hub, &f.event));
    assert_int_equal(f.event.type, BUS_DOWN);
    assert_true(next(f.twin, &f.event));
    assert_int_equal(f.event.type, BUS_DOWN);
    assert_false(next(f.hub, &f.event) || next(f.twin, &f.event)); /* the heartbeat went with it */
    bus_local_cut(f.twin, false);
    assert_true(next(f.hub, &f.event));
    assert_int_equal(f.event.type, BUS_UP);
    assert_true(next(f.twin, &f.event));
    assert_int_equal(f.event.type, BUS_UP);
    assert_int_equal(bus_send(f.hub, &message), STATUS_OK);
    assert_true(next(f.twin, &f.event));
    end(&f);
}

typedef struct Seen {
    unsigned count;
    size_t bytes;
    BusMessage last;
} Seen;

static void note(void *context, const BusMessage *message, size_t size)
{
    Seen *seen = context;
    seen->count++;
    seen->bytes += size;
    seen->last = *message;
}

static void the_tap_sees_both_ways(void **state)
{
    (void)state;
    Fixture f;
    Seen seen = { 0 };
    begin(&f, (BusLocalConfig){ 0 });
    bus_set_tap(f.hub, (BusTap){ .seen = note, .context = &seen });
    BusMessage message = text(DII_REGISTER, "", "{...}");
    assert_int_equal(bus_send(f.twin, &message), STATUS_OK);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.bytes, 5);
    assert_string_equal(seen.last.from, "plant");
    assert_string_equal(seen.last.to, "enabler");
    message = text(DII_REGISTERED, "plant", "{}");
    assert_int_equal(bus_send(f.hub, &message), STATUS_OK);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.last.from, "enabler");
    assert_string_equal(seen.last.to, "plant");
    message = text(DII_COMMAND, "", "{}");
    assert_int_equal(bus_send(f.metaverse, &message), STATUS_NOT_ALLOWED);
    assert_int_equal(seen.count, 2); /* that did not pass */
    end(&f);
}

/* The ring against a plain model: what comes out is what went in, in order, however it wraps and grows. */
static void the_ring_keeps_order_and_bytes(void **state)
{
    (void)state;
    MessageQueue queue;
    assert_int_equal(message_queue_init(&queue, 64, 200000), STATUS_OK);
    Random random = random_seeded(11);
    uint64_t pushed = 0, taken = 0;
    static uint8_t body[40000];
    for (int round = 0; round < 20000; round++) {
        size_t size =
            random_below(&random, 4) == 0 ? 0 : (size_t)random_below(&random, round % 7 == 0 ? 40000 : 900);
        if (random_below(&random, 2) == 0) {
            memset(body, (int)(pushed & 0xFF), size);
            BusMessage message = { .id = DII_PUBLISH, .correlation = pushed, .body = bytes_of(body, size) };
            snprintf(message.subject, sizeof message.subject, "%zu", size);
            pushed += message_queue_push(&queue, &message, NULL, false) == STATUS_OK;
        } else {
            const QueuedMessage *entry = message_queue_take(&queue);
            if (entry == NULL) {
                assert_int_equal(taken, pushed);
                continue;
            }
            const BusMessage *message = &entry->message;
            assert_int_equal(message->correlation, taken);
            assert_int_equal(message->body.size, strtoul(message->subject, NULL, 10));
            for (size_t i = 0; i < message->body.size; i++) {
                assert_int_equal(message->body.data[i], taken & 0xFF);
            }
            taken++;
        }
    }
    assert_true(pushed > 5000 && queue.refused > 0);
    message_queue_finish(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_hear_of_each_other),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(places_are_limited_and_used_again),
        cmocka_unit_test(messages_pass_both_ways),
        cmocka_unit_test(the_table_is_kept),
        cmocka_unit_test(sync_of_this_process_is_not_copied),
        cmocka_unit_test(a_full_queue_says_so_and_loses_nothing),
        cmocka_unit_test(a_pulled_cable),
        cmocka_unit_test(the_tap_sees_both_ways),
        cmocka_unit_test(the_ring_keeps_order_and_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
