/* The bus between processes over real sockets on the loopback interface, sealed: what a simulated network
 * does not show, such as packets of 900 KiB, and a hub that comes back on its port. */
#include "shared/base/clock_file.h"
#include "shared/systems/bus_net.h"
#include "shared/wire/transport_enet.h"
#include "shared/wire/transport_secure.h"
#include "tests/unit/shared/sync_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PATIENCE (20 * TIME_SECOND) /* of a loaded machine; nothing takes so long */

static Transport sealed(bool server, uint16_t port, uint8_t secret, uint16_t *out_port)
{
    Transport inner, transport;
    Diag diag = { 0 };
    const uint8_t key[NOISE_KEY_SIZE] = { secret, 1 };
    EnetConfig config = { .server = server, .port = port };
    if (transport_enet_create(&config, &inner, out_port, &diag) != STATUS_OK) {
        fail_msg("%s", diag.text);
    }
    assert_int_equal(transport_secure_create(inner, &(SecureConfig){ .secret = key }, &transport), STATUS_OK);
    return transport;
}

static Bus make_hub(uint16_t port, uint16_t *out_port)
{
    Bus hub;
    BusNetHubConfig config = { .peer_key = transport_secure_peer_key };
    assert_int_equal(bus_net_hub_create(&config, sealed(true, port, 1, out_port), &hub), STATUS_OK);
    return hub;
}

static Bus make_end(SystemKind kind, const char *name, uint16_t port, uint8_t secret)
{
    Bus end;
    BusNetEndpointConfig config = {
        .kind = kind, .name = name, .host = "127.0.0.1", .port = port, .seed = secret
    };
    assert_int_equal(bus_net_endpoint_create(&config, sealed(false, 0, secret, NULL), &end), STATUS_OK);
    return end;
}

/* Runs both sides until `side` (0 hub, 1 end) hears an event of this type; the rest is dropped. */
static BusEvent wait_for(Bus hub, Bus end, int side, BusEventType type)
{
    Bus buses[2] = { hub, end };
    TimeNs begun = clock_monotonic();
    for (;;) {
        TimeNs now = clock_monotonic();
        if (now - begun > PATIENCE) {
            fail_msg("nothing of type %d was heard", (int)type);
        }
        for (int i = 0; i < 2; i++) {
            BusEvent event;
            while (buses[i].ops != NULL && bus_poll(buses[i], now, &event) == STATUS_OK) {
                if (i == side && event.type == type) {
                    return event;
                }
            }
            if (buses[i].ops != NULL) {
                bus_flush(buses[i], now);
            }
        }
        clock_sleep_until(now + TIME_MS / 4);
    }
}

static void large_bodies_and_batches_pass(void **state)
{
    (void)state;
    enum { SAMPLES = 60000 };
    static SyncSample samples[SAMPLES];
    static char body[BUS_BODY_MAX];
    uint16_t port = 0;
    SyncFixture things;
    Bus hub = make_hub(0, &port), twin = make_end(SYSTEM_TWIN, "plant", port, 2);
    assert_true(sync_fixture_init(&things, 4));
    assert_string_equal(wait_for(hub, twin, 0, BUS_UP).message.from, "plant");
    (void)wait_for(hub, twin, 1, BUS_UP);

    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (char)('a' + i % 23);
    }
    BusMessage message = { .id = DII_PUBLISH, .body = bytes_of(body, sizeof body) };
    for (uint64_t page = 1; page <= 3; page++) {
        message.correlation = page;
        assert_int_equal(bus_send(twin, &message), STATUS_OK);
    }
    for (uint64_t page = 1; page <= 3; page++) {
        BusEvent event = wait_for(hub, twin, 0, BUS_MESSAGE);
        assert_int_equal(event.message.correlation, page);
        assert_true(bytes_equal(event.message.body, bytes_of(body, sizeof body)));
    }

    for (uint32_t i = 0; i < SAMPLES; i++) {
        samples[i] = (SyncSample){
            .thing = i % 3, .quality = QUALITY_GOOD, .sequence = i, .code = i % 1000, .source_time = i
        };
    }
    SyncBatch batch = { .samples = samples, .count = SAMPLES, .snapshot = true, .source_clock = 5 };
    assert_int_equal(bus_set_schema(twin, "plant", &things.schema), STATUS_OK);
    assert_int_equal(bus_set_schema(hub, "plant", &things.other), STATUS_OK);
    assert_int_equal(bus_send(twin, &(BusMessage){ .id = DII_SYNC, .sync = &batch }), STATUS_OK);
    const SyncBatch *got = wait_for(hub, twin, 0, BUS_MESSAGE).message.sync;
    assert_true(got->count == SAMPLES && got->snapshot && got->source_clock == 5);
    assert_true(got->samples[SAMPLES - 1].sequence == SAMPLES - 1 &&
                got->samples[SAMPLES - 1].code == (SAMPLES - 1) % 1000);
    sync_fixture_finish(&things);
    bus_destroy(twin);
    bus_destroy(hub);
}

static void a_hub_comes_back_on_its_port(void **state)
{
    (void)state;
    uint16_t port = 0;
    Bus hub = make_hub(0, &port), world = make_end(SYSTEM_METAVERSE, "world", port, 3);
    (void)wait_for(hub, world, 1, BUS_UP);
    bus_destroy(hub);
    (void)wait_for((Bus){ 0 }, world, 1, BUS_DOWN);
    hub = make_hub(port, NULL);
    (void)wait_for(hub, world, 1, BUS_UP);
    BusMessage message = { .id = MII_HEARTBEAT, .body = bytes_of("{}", 2) };
    assert_int_equal(bus_send(world, &message), STATUS_OK);
    assert_string_equal(wait_for(hub, world, 0, BUS_MESSAGE).message.from, "world");
    assert_true(bus_wake_fd(hub) >= 0 && bus_wake_fd(world) >= 0 && bus_wake_fd(hub) != bus_wake_fd(world));
    bus_destroy(world);
    bus_destroy(hub);
}

/* The process was killed and started again while the hub still has its old connection. */
static void an_endpoint_takes_the_place_of_its_former_self(void **state)
{
    (void)state;
    uint16_t port = 0;
    Bus hub = make_hub(0, &port), old = make_end(SYSTEM_SERVICE, "monitor", port, 4);
    (void)wait_for(hub, old, 1, BUS_UP);
    Bus fresh = make_end(SYSTEM_SERVICE, "monitor", port, 4);
    TimeNs begun = clock_monotonic();
    assert_string_equal(wait_for(hub, fresh, 0, BUS_DOWN).message.from, "monitor"); /* `old` is silent */
    (void)wait_for(hub, fresh, 1, BUS_UP);
    assert_true(clock_monotonic() - begun < 4 * TIME_SECOND); /* before its time-out */
    bus_destroy(fresh);
    bus_destroy(old);
    bus_destroy(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_bodies_and_batches_pass),
        cmocka_unit_test(a_hub_comes_back_on_its_port),
        cmocka_unit_test(an_endpoint_takes_the_place_of_its_former_self),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
