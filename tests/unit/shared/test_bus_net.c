/* Hub and endpoints over sealed, simulated networks in virtual time. */
#include "shared/systems/bus_join.h"
#include "shared/systems/bus_local.h"
#include "shared/systems/bus_net.h"
#include "tests/unit/shared/secure_rig.h"
#include "tests/unit/shared/sync_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define HEARD_MAX 64
#define STEP      (5 * TIME_MS)

enum { PLANT, WORLD, SIDES };

/* What one side was told, in order; bodies as texts. */
typedef struct Heard {
    BusEvent events[HEARD_MAX];
    char bodies[HEARD_MAX][32], whos[HEARD_MAX][128];
    unsigned count;
} Heard;

typedef struct Fixture {
    Rig rig;
    Bus hub, ends[SIDES];
    Heard at_hub, at_ends[SIDES];
    bool polled[SIDES + 1]; /* the last is the hub */
    uint8_t forbidden[NOISE_KEY_SIZE];
    bool forbids;
    SyncSample *samples; /* of the last SYNC at the hub */
    SyncBatch batch;
    unsigned seen;
    size_t seen_bytes;
} Fixture;

static const uint8_t secrets[SIDES][NOISE_KEY_SIZE] = { { 1, 2, 3 }, { 4, 5, 6 } };

static Status decide(void *context, SystemKind kind, const char *name, const uint8_t *key,
                     const char **out_reason)
{
    Fixture *f = context;
    (void)kind;
    assert_non_null(key);
    *out_reason = "this key is not on the list";
    return strcmp(name, "stranger") == 0 || (f->forbids && memcmp(key, f->forbidden, NOISE_KEY_SIZE) == 0)
               ? STATUS_NOT_ALLOWED
               : STATUS_OK;
}

static bool taken(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "local") == 0;
}

static Bus make_hub(Fixture *f)
{
    Bus hub;
    BusNetHubConfig config = { .trust = { decide, f },
                               .peer_key = transport_secure_peer_key,
                               .taken = taken };
    assert_int_equal(bus_net_hub_create(&config, rig_sealed(&f->rig, RIG_PORT, &f->rig.server_config), &hub),
                     STATUS_OK);
    return hub;
}

static Bus make_end(Fixture *f, SystemKind kind, const char *name, const uint8_t *secret)
{
    Bus end;
    SecureConfig sealed = f->rig.client_config;
    sealed.secret = secret;
    BusNetEndpointConfig config = { .kind = kind, .name = name, .host = "sim", .port = RIG_PORT, .seed = 9 };
    assert_int_equal(bus_net_endpoint_create(&config, rig_sealed(&f->rig, 0, &sealed), &end), STATUS_OK);
    return end;
}

static void listen(Heard *heard, const BusEvent *event)
{
    assert_true(heard->count < HEARD_MAX);
    heard->events[heard->count] = *event;
    Bytes body = event->message.body;
    snprintf(heard->bodies[heard->count], sizeof heard->bodies[0], "%.*s",
             (int)(body.size < 31 ? body.size : 31), body.size > 0 ? (const char *)body.data : "");
    snprintf(heard->whos[heard->count++], sizeof heard->whos[0], "%s", event->who);
}

static void run(Fixture *f, TimeNs span)
{
    for (TimeNs end = f->rig.now + span; f->rig.now < end; f->rig.now += STEP) {
        BusEvent event;
        while (f->polled[SIDES] && bus_poll(f->hub, f->rig.now, &event) == STATUS_OK) {
            listen(&f->at_hub, &event);
            if (event.message.sync != NULL) {
                free(f->samples);
                f->batch = *event.message.sync;
                f->samples = malloc(f->batch.count * sizeof *f->samples + 1);
                memcpy(f->samples, f->batch.samples, f->batch.count * sizeof *f->samples);
            }
        }
        if (f->polled[SIDES]) {
            bus_flush(f->hub, f->rig.now);
        }
        for (int i = 0; i < SIDES; i++) {
            while (f->polled[i] && bus_poll(f->ends[i], f->rig.now, &event) == STATUS_OK) {
                listen(&f->at_ends[i], &event);
            }
            if (f->polled[i]) {
                bus_flush(f->ends[i], f->rig.now);
            }
        }
    }
}

static void forget(Fixture *f)
{
    f->at_hub.count = f->at_ends[PLANT].count = f->at_ends[WORLD].count = 0;
}

static void begin(Fixture *f, SimLink link)
{
    memset(f, 0, sizeof *f);
    rig_init(&f->rig, 5, link);
    f->hub = make_hub(f);
    f->ends[PLANT] = make_end(f, SYSTEM_TWIN, "plant", secrets[PLANT]);
    f->ends[WORLD] = make_end(f, SYSTEM_METAVERSE, "world", secrets[WORLD]);
    f->polled[PLANT] = f->polled[WORLD] = f->polled[SIDES] = true;
}

static void met(Fixture *f)
{
    begin(f, rig_clean);
    run(f, TIME_SECOND);
    assert_int_equal(f->at_hub.count, 2);
    assert_int_equal(f->at_ends[PLANT].count, 1);
    assert_int_equal(f->at_ends[WORLD].count, 1);
    forget(f);
}

static void end(Fixture *f)
{
    bus_destroy(f->ends[PLANT]);
    bus_destroy(f->ends[WORLD]);
    bus_destroy(f->hub);
    sim_network_destroy(f->rig.network);
    free(f->samples);
}

static Status send(Bus bus, FamilyId id, const char *to, const char *body)
{
    BusMessage message = { .id = id,
                           .correlation = UINT64_C(0xFEDCBA9876543210),
                           .body = bytes_of(body, strlen(body)) };
    snprintf(message.to, sizeof message.to, "%s", to);
    snprintf(message.subject, sizeof message.subject, "another");
    return bus_send(bus, &message);
}

static void expect(const Heard *heard, unsigned index, BusEventType type, const char *from)
{
    assert_true(heard->count > index);
    assert_int_equal(heard->events[index].type, type);
    assert_string_equal(heard->events[index].message.from, from);
}

static void they_meet_and_talk(void **state)
{
    (void)state;
    Fixture f;
    begin(&f, rig_bad);
    assert_int_equal(send(f.ends[PLANT], DII_REGISTER, "", "{}"), STATUS_DISCONNECTED);
    assert_int_equal(send(f.hub, DII_REGISTERED, "plant", "{}"), STATUS_DISCONNECTED);
    run(&f, 20 * TIME_SECOND);
    expect(&f.at_ends[PLANT], 0, BUS_UP, "enabler");
    assert_int_equal(f.at_ends[PLANT].events[0].kind, SYSTEM_ENABLER);
    assert_int_equal(f.at_hub.count, 2);
    assert_int_equal(f.at_hub.events[0].type, BUS_UP);
    unsigned plant = f.at_hub.events[0].kind == SYSTEM_TWIN ? 0 : 1;
    expect(&f.at_hub, plant, BUS_UP, "plant");
    assert_non_null(strchr(f.at_hub.whos[plant], '=')); /* address and key */
    expect(&f.at_hub, 1 - plant, BUS_UP, "world");
    forget(&f);

    assert_int_equal(send(f.ends[PLANT], DII_REGISTER, "", "{\"first\":1}"), STATUS_OK);
    assert_int_equal(send(f.ends[PLANT], DII_HEARTBEAT, "", "{\"second\":2}"), STATUS_OK);
    assert_int_equal(send(f.hub, MII_SYSTEMS, "world", "{\"third\":3}"), STATUS_OK);
    run(&f, 5 * TIME_SECOND);
    assert_int_equal(f.at_hub.count, 2);
    expect(&f.at_hub, 0, BUS_MESSAGE, "plant");
    assert_int_equal(f.at_hub.events[0].message.id, DII_REGISTER);
    assert_string_equal(f.at_hub.events[0].message.subject, "plant"); /* it speaks of itself only */
    assert_string_equal(f.at_hub.bodies[0], "{\"first\":1}");
    assert_true(f.at_hub.events[0].message.correlation == UINT64_C(0xFEDCBA9876543210));
    assert_int_equal(f.at_hub.events[1].message.id, DII_HEARTBEAT);
    assert_int_equal(f.at_ends[WORLD].count, 1);
    expect(&f.at_ends[WORLD], 0, BUS_MESSAGE, "enabler");
    assert_string_equal(f.at_ends[WORLD].events[0].message.subject, "another");
    assert_string_equal(f.at_ends[WORLD].bodies[0], "{\"third\":3}");
    assert_int_equal(f.at_ends[PLANT].count, 0);

    assert_int_equal(send(f.ends[WORLD], DII_COMMAND, "", "{}"), STATUS_NOT_ALLOWED);
    assert_int_equal(send(f.hub, MII_SYSTEMS, "plant", "{}"), STATUS_NOT_ALLOWED);
    assert_int_equal(send(f.hub, DII_REGISTER, "plant", "{}"), STATUS_NOT_ALLOWED);
    end(&f);
}

static void a_body_may_be_large(void **state)
{
    (void)state;
    Fixture f;
    met(&f);
    char *body = malloc(BUS_BODY_MAX + 1);
    memset(body, 'a', BUS_BODY_MAX);
    body[BUS_BODY_MAX] = '\0';
    assert_int_equal(send(f.ends[PLANT], DII_PUBLISH, "", body), STATUS_OK);
    run(&f, TIME_SECOND);
    expect(&f.at_hub, 0, BUS_MESSAGE, "plant");
    assert_int_equal(f.at_hub.events[0].message.body.size, BUS_BODY_MAX);
    free(body);
    end(&f);
}

static void who_is_not_trusted_stays_out(void **state)
{
    (void)state;
    Fixture f;
    begin(&f, rig_clean);
    bus_destroy(f.ends[WORLD]);
    f.ends[WORLD] = make_end(&f, SYSTEM_METAVERSE, "stranger", secrets[WORLD]);
    run(&f, 60 * TIME_SECOND);
    assert_int_equal(f.at_ends[WORLD].count, 0);
    assert_string_equal(bus_net_trouble(f.ends[WORLD]), "this key is not on the list");
    assert_int_equal(send(f.ends[WORLD], MII_REGISTER, "", "{}"), STATUS_DISCONNECTED);
    assert_string_equal(bus_net_trouble(f.ends[PLANT]), "");
    unsigned refused = 0;
    for (unsigned i = 0; i < f.at_hub.count; i++) {
        if (f.at_hub.events[i].type == BUS_REFUSED) {
            refused++;
            expect(&f.at_hub, i, BUS_REFUSED, "stranger");
            assert_string_equal(f.at_hub.events[i].reason, "this key is not on the list");
            assert_non_null(strchr(f.at_hub.whos[i], '='));
        }
    }
    assert_in_range(refused, 9, 17); /* about every 5 s */
    end(&f);
}

static void a_name_belongs_to_its_key(void **state)
{
    (void)state;
    Fixture f;
    met(&f);
    /* Another key under the same name. */
    Bus old = f.ends[WORLD];
    f.ends[WORLD] = make_end(&f, SYSTEM_TWIN, "plant", (const uint8_t[NOISE_KEY_SIZE]){ 7, 8, 9 });
    run(&f, TIME_SECOND);
    expect(&f.at_hub, 0, BUS_REFUSED, "plant");
    assert_string_equal(bus_net_trouble(f.ends[WORLD]), "this name is in use by somebody else");
    bus_destroy(f.ends[WORLD]);
    f.ends[WORLD] = old;
    run(&f, TIME_SECOND);
    forget(&f);

    /* The same key: the process was restarted. The old connection is not polled any more. */
    old = f.ends[PLANT];
    f.ends[PLANT] = make_end(&f, SYSTEM_TWIN, "plant", secrets[PLANT]);
    run(&f, TIME_SECOND);
    assert_int_equal(f.at_hub.count, 2);
    expect(&f.at_hub, 0, BUS_DOWN, "plant");
    expect(&f.at_hub, 1, BUS_UP, "plant");
    expect(&f.at_ends[PLANT], 0, BUS_UP, "enabler");
    assert_int_equal(send(f.hub, DII_SNAPSHOT, "plant", "{}"), STATUS_OK);
    run(&f, TIME_SECOND);
    expect(&f.at_ends[PLANT], 1, BUS_MESSAGE, "enabler");
    bus_destroy(old);
    end(&f);
}

static unsigned heard_of(const Heard *heard, const char *name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < heard->count; i++) {
        count += strcmp(heard->events[i].message.from, name) == 0;
    }
    return count;
}

/* Two processes of one key and name, both alive: who came last has the name, the other waits for long. */
static void who_was_displaced_waits(void **state)
{
    (void)state;
    Fixture f;
    met(&f);
    bus_destroy(f.ends[WORLD]);
    f.ends[WORLD] = make_end(&f, SYSTEM_TWIN, "plant", secrets[PLANT]);
    run(&f, TIME_SECOND);
    forget(&f);
    run(&f, 20 * TIME_SECOND);
    assert_int_equal(heard_of(&f.at_hub, "plant"), 0);
    assert_string_equal(bus_net_trouble(f.ends[PLANT]), "another process has come as this system");
    run(&f, 30 * TIME_SECOND);
    assert_int_equal(heard_of(&f.at_hub, "plant"), 2); /* one change, and back to where it was */
    end(&f);
}

static void names_of_this_process_are_taken(void **state)
{
    (void)state;
    Fixture f;
    met(&f);
    bus_destroy(f.ends[WORLD]);
    f.ends[WORLD] = make_end(&f, SYSTEM_METAVERSE, "local", secrets[WORLD]);
    run(&f, TIME_SECOND);
    assert_string_equal(bus_net_trouble(f.ends[WORLD]), "this name is in use by somebody else");
    bus_destroy(f.ends[WORLD]);
    f.ends[WORLD] = make_end(&f, SYSTEM_METAVERSE, "enabler", secrets[WORLD]);
    run(&f, TIME_SECOND);
    assert_string_equal(bus_net_trouble(f.ends[WORLD]), "there is one enabler on this bus");
    end(&f);
}

static void it_comes_back_by_itself(void **state)
{
    (void)state;
    Fixture f;
    met(&f);
    sim_network_cut(f.rig.network, true);
    run(&f, 60 * TIME_SECOND);
    expect(&f.at_hub, 0, BUS_DOWN, f.at_hub.events[0].message.from);
    expect(&f.at_hub, 1, BUS_DOWN, f.at_hub.events[1].message.from);
    expect(&f.at_ends[PLANT], 0, BUS_DOWN, "enabler");
    assert_int_equal(f.at_ends[PLANT].count, 1); /* told once, however often it dials */
    assert_in_range(bus_net_counters(f.ends[PLANT])->dials, 5, 25);
    sim_network_cut(f.rig.network, false);
    forget(&f);
    run(&f, 15 * TIME_SECOND);
    expect(&f.at_ends[PLANT], 0, BUS_UP, "enabler");
    expect(&f.at_ends[WORLD], 0, BUS_UP, "enabler");
    unsigned up = 0;
    for (unsigned i = 0; i < f.at_hub.count; i++) {
        up += f.at_hub.events[i].type == BUS_UP;
    }
    assert_int_equal(up, 2);
    end(&f);
}

static void who_is_sent_away_dials_ever_more_slowly(void **state)
{
    (void)state;
    Fixture f;
    begin(&f, rig_clean);
    bus_destroy(f.hub);
    BusNetHubConfig config = { .peers = 1 };
    assert_int_equal(bus_net_hub_create(&config, rig_sealed(&f.rig, RIG_PORT, &f.rig.server_config), &f.hub),
                     STATUS_OK);
    run(&f, 60 * TIME_SECOND);
    uint64_t dials = bus_net_counters(f.ends[PLANT])->dials + bus_net_counters(f.ends[WORLD])->dials;
    assert_in_range(dials, 1 + 10, 1 + 25); /* one got in at once */
    end(&f);
}

static void a_hub_that_was_restarted_finds_everyone(void **state)
{
    (void)state;
    Fixture f;
    met(&f);
    bus_destroy(f.hub);
    f.polled[SIDES] = false;
    run(&f, 8 * TIME_SECOND);
    expect(&f.at_ends[PLANT], 0, BUS_DOWN, "enabler");
    f.hub = make_hub(&f);
    f.polled[SIDES] = true;
    run(&f, 15 * TIME_SECOND);
    expect(&f.at_ends[PLANT], 1, BUS_UP, "enabler");
    expect(&f.at_ends[WORLD], 1, BUS_UP, "enabler");
    assert_int_equal(f.at_hub.count, 2);
    end(&f);
}

/* The enabler and a service in one process, the others in theirs: one hub for all of them. */
static void two_hubs_joined(void **state)
{
    (void)state;
    Fixture f;
    Bus local, monitor;
    BusEvent event;
    SyncFixture things;
    begin(&f, rig_clean);
    assert_true(sync_fixture_init(&things, 16));
    assert_int_equal(bus_local_create(&(BusLocalConfig){ 0 }, &local), STATUS_OK);
    assert_int_equal(bus_local_attach(local, SYSTEM_SERVICE, "monitor", &monitor), STATUS_OK);
    assert_true(bus_local_attached(local, "monitor") && !bus_local_attached(local, "plant"));
    assert_int_equal(bus_join_create(local, f.hub, &f.hub), STATUS_OK);
    run(&f, TIME_SECOND);
    assert_int_equal(f.at_hub.count, 3);
    forget(&f);
    assert_int_equal(send(f.hub, SII_SYSTEMS, "monitor", "{}"), STATUS_OK);
    assert_int_equal(send(f.hub, MII_SYSTEMS, "world", "{}"), STATUS_OK);
    assert_int_equal(send(f.hub, MII_SYSTEMS, "nobody", "{}"), STATUS_DISCONNECTED);
    assert_int_equal(send(monitor, SII_HEARTBEAT, "", "{}"), STATUS_OK);
    run(&f, TIME_SECOND);
    expect(&f.at_hub, 0, BUS_MESSAGE, "monitor");
    expect(&f.at_ends[WORLD], f.at_ends[WORLD].count - 1, BUS_MESSAGE, "enabler");
    assert_int_equal(bus_poll(monitor, f.rig.now, &event), STATUS_OK);
    assert_int_equal(event.type, BUS_UP);
    assert_int_equal(bus_poll(monitor, f.rig.now, &event), STATUS_OK);
    assert_int_equal(event.message.id, SII_SYSTEMS);

    /* A batch from another process, passed on to one of this: it outlives the next packet. */
    assert_int_equal(bus_set_schema(f.hub, "plant", &things.other), STATUS_OK);
    assert_int_equal(bus_set_schema(f.ends[PLANT], "plant", &things.schema), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        SyncSample sample = { .quality = QUALITY_GOOD, .code = 100 + i };
        SyncBatch batch = { .samples = &sample, .count = 1 };
        BusMessage message = { .id = DII_SYNC, .sync = &batch };
        assert_int_equal(bus_send(f.ends[PLANT], &message), STATUS_OK);
    }
    bus_flush(f.ends[PLANT], f.rig.now);
    f.rig.now += TIME_SECOND;
    while (bus_poll(f.hub, f.rig.now, &event) == STATUS_OK) {
        if (event.message.sync != NULL) {
            BusMessage message = {
                .id = SII_SYNC, .to = "monitor", .subject = "plant", .sync = event.message.sync
            };
            assert_int_equal(bus_send(f.hub, &message), STATUS_OK);
        }
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bus_poll(monitor, f.rig.now, &event), STATUS_OK);
        assert_int_equal(event.message.sync->samples[0].code, 100 + i);
    }
    bus_destroy(monitor);
    sync_fixture_finish(&things);
    end(&f);
}

/* ---- SYNC ---- */

static void seen(void *context, const BusMessage *message, size_t size)
{
    Fixture *f = context;
    assert_true(strcmp(message->from, "plant") == 0 || strcmp(message->to, "world") == 0);
    f->seen++;
    f->seen_bytes += size;
}

static void sync_passes_by_its_schema(void **state)
{
    (void)state;
    Fixture f;
    SyncFixture things;
    enum { SAMPLES = 100000 };
    static SyncSample samples[SAMPLES];
    met(&f);
    assert_true(sync_fixture_init(&things, 16));
    for (uint32_t i = 0; i < SAMPLES; i++) {
        samples[i] = (SyncSample){
            .thing = i % 3, .quality = QUALITY_GOOD, .sequence = i, .code = i % 1000, .source_time = i
        };
    }
    SyncBatch batch = { .samples = samples, .count = SAMPLES, .source_clock = SAMPLES, .snapshot = true };
    BusMessage message = { .id = DII_SYNC, .sync = &batch };
    assert_int_equal(bus_send(f.ends[PLANT], &message), STATUS_NO_BASELINE);
    assert_int_equal(bus_set_schema(f.ends[PLANT], "plant", &things.schema), STATUS_OK);
    assert_int_equal(bus_send(f.ends[PLANT], &message), STATUS_OK);
    run(&f, TIME_SECOND);
    assert_true(f.at_hub.count > 1); /* each packet is refused: the hub has no schema */
    expect(&f.at_hub, 0, BUS_REFUSED, "plant");
    forget(&f);

    bus_set_tap(f.hub, (BusTap){ .seen = seen, .context = &f });
    assert_int_equal(bus_set_schema(f.hub, "plant", &things.other), STATUS_OK);
    assert_int_equal(bus_send(f.ends[PLANT], &message), STATUS_OK);
    run(&f, TIME_SECOND);
    assert_int_equal(f.at_hub.count, 1); /* one batch, however many packets */
    expect(&f.at_hub, 0, BUS_MESSAGE, "plant");
    assert_string_equal(f.at_hub.events[0].message.subject, "plant");
    assert_true(f.batch.count == SAMPLES && f.batch.snapshot && !f.batch.restarted &&
                f.batch.source_clock == SAMPLES);
    for (size_t i = 0; i < SAMPLES; i++) {
        assert_true(f.samples[i].thing == samples[i].thing && f.samples[i].sequence == samples[i].sequence &&
                    f.samples[i].code == samples[i].code &&
                    f.samples[i].source_time == samples[i].source_time);
    }
    assert_int_equal(f.seen, 1);
    assert_in_range(f.seen_bytes, SAMPLES * 4, SAMPLES * 9);

    /* On to a consumer, with the schema by the name of its system. */
    message = (BusMessage){ .id = MII_SYNC, .to = "world", .subject = "plant", .sync = &batch };
    batch.count = 10;
    assert_int_equal(bus_set_schema(f.ends[WORLD], "plant", &things.schema), STATUS_OK);
    assert_int_equal(bus_send(f.hub, &message), STATUS_OK);
    run(&f, TIME_SECOND);
    expect(&f.at_ends[WORLD], 0, BUS_MESSAGE, "enabler");
    assert_string_equal(f.at_ends[WORLD].events[0].message.subject, "plant");

    /* A twin system that was changed and not described anew. */
    things.schema.thing_count = 2;
    batch = (SyncBatch){ .samples = samples, .count = 2 };
    message = (BusMessage){ .id = DII_SYNC, .sync = &batch };
    forget(&f);
    assert_int_equal(bus_set_schema(f.ends[PLANT], "plant", &things.schema), STATUS_OK);
    assert_int_equal(bus_send(f.ends[PLANT], &message), STATUS_OK);
    run(&f, TIME_SECOND);
    expect(&f.at_hub, 0, BUS_REFUSED, "plant");
    assert_int_equal(bus_set_schema(f.ends[PLANT], "plant", NULL), STATUS_OK);
    assert_int_equal(bus_send(f.ends[PLANT], &message), STATUS_NO_BASELINE);
    assert_int_equal(bus_set_schema(f.hub, "pl ant", &things.schema), STATUS_INVALID_ARGUMENT);
    sync_fixture_finish(&things);
    end(&f);
}

/* ---- somebody with a key who speaks his own bus ---- */

typedef struct Raw {
    Transport transport;
    PeerId peer;
    bool gone;
} Raw;

static void raw_run(Fixture *f, Raw *raw, TimeNs span)
{
    for (TimeNs until = f->rig.now + span; f->rig.now < until;) {
        TransportEvent event;
        while (transport_poll(raw->transport, f->rig.now, &event) == STATUS_OK) {
            raw->gone |= event.type == TRANSPORT_DISCONNECTED;
        }
        transport_flush(raw->transport, f->rig.now);
        run(f, STEP);
    }
}

static Raw raw_connect(Fixture *f)
{
    Raw raw = { 0 };
    raw.transport = rig_sealed(&f->rig, 0, &f->rig.client_config);
    assert_int_equal(transport_connect(raw.transport, "sim", RIG_PORT, BUS_NET_VERSION, &raw.peer, NULL),
                     STATUS_OK);
    raw_run(f, &raw, TIME_SECOND);
    return raw;
}

static void raw_send(Fixture *f, Raw *raw, uint8_t channel, const BusFrame *frame, const char *rest)
{
    uint8_t packet[BUS_FRAME_HEADER_MAX + 64];
    size_t size = bus_frame_write(frame, packet);
    memcpy(packet + size, rest, strlen(rest));
    assert_int_equal(transport_send(raw->transport, raw->peer, channel, DELIVERY_RELIABLE,
                                    bytes_of(packet, size + strlen(rest))),
                     STATUS_OK);
    raw_run(f, raw, TIME_SECOND);
}

static const BusFrame hello_service = {
    .type = BUS_FRAME_HELLO, .version = 1, .kind = SYSTEM_SERVICE, .name = "forger"
};

static void a_forged_command_is_refused_and_told(void **state)
{
    (void)state;
    Fixture f;
    met(&f);
    Raw raw = raw_connect(&f);
    raw_send(&f, &raw, 0, &hello_service, "");
    expect(&f.at_hub, 0, BUS_UP, "forger");
    raw_send(&f, &raw, 0, &(BusFrame){ .type = BUS_FRAME_MESSAGE, .id = DII_COMMAND, .name = "plant" },
             "{\"a\":1}");
    expect(&f.at_hub, 1, BUS_REFUSED, "forger");
    assert_int_equal(f.at_hub.events[1].message.id, DII_COMMAND);
    assert_int_equal(f.at_hub.events[1].kind, SYSTEM_SERVICE);
    raw_send(&f, &raw, 1, &(BusFrame){ .type = BUS_FRAME_SYNC, .id = DII_SYNC, .name = "plant" }, "\1\1");
    expect(&f.at_hub, 2, BUS_REFUSED, "forger");
    assert_false(raw.gone);
    assert_int_equal(f.at_ends[PLANT].count, 0);
    assert_int_equal(bus_net_counters(f.hub)->refused, 2);
    transport_destroy(raw.transport);

    /* A twin system that speaks for another one. */
    raw = raw_connect(&f);
    raw_send(&f, &raw, 0,
             &(BusFrame){ .type = BUS_FRAME_HELLO, .version = 1, .kind = SYSTEM_TWIN, .name = "liar" }, "");
    raw_send(&f, &raw, 0, &(BusFrame){ .type = BUS_FRAME_MESSAGE, .id = DII_REGISTER, .name = "plant" },
             "{}");
    const BusMessage *last = &f.at_hub.events[f.at_hub.count - 1].message;
    assert_int_equal(last->id, DII_REGISTER);
    assert_string_equal(last->from, "liar");
    assert_string_equal(last->subject, "liar");
    transport_destroy(raw.transport);
    end(&f);
}

static void what_is_no_bus_ends_the_connection(void **state)
{
    (void)state;
    static const struct {
        bool greeted;
        uint8_t channel;
        BusFrame frame;
        const char *rest;
    } cases[] = {
        { false, 0, { .type = BUS_FRAME_MESSAGE, .id = SII_REGISTER }, "{}" },
        { false, 0, { .type = BUS_FRAME_WELCOME, .version = 1, .name = "a" }, "" },
        { false, 0, { .type = BUS_FRAME_HELLO, .version = 2, .kind = SYSTEM_TWIN, .name = "a" }, "" },
        { false, 0, { .type = BUS_FRAME_HELLO, .version = 1, .kind = SYSTEM_NONE, .name = "a" }, "" },
        { false, 0, { .type = BUS_FRAME_HELLO, .version = 1, .kind = SYSTEM_KIND_COUNT, .name = "a" }, "" },
        { false, 0, { .type = BUS_FRAME_HELLO, .version = 1, .kind = SYSTEM_ENABLER, .name = "a" }, "" },
        { false, 0, { .type = BUS_FRAME_HELLO, .version = 1, .kind = SYSTEM_TWIN, .name = "" }, "" },
        { false, 0, { .type = BUS_FRAME_HELLO, .version = 1, .kind = SYSTEM_TWIN, .name = "a b" }, "" },
        { false, 0, { .type = BUS_FRAME_HELLO, .version = 1, .kind = SYSTEM_TWIN, .name = "a" }, "x" },
        { false, 1, { .type = BUS_FRAME_HELLO, .version = 1, .kind = SYSTEM_TWIN, .name = "a" }, "" },
        { true, 0, { .type = BUS_FRAME_HELLO, .version = 1, .kind = SYSTEM_TWIN, .name = "a" }, "" },
        { true, 0, { .type = BUS_FRAME_MESSAGE, .id = SII_REGISTER }, "" },
        { true, 0, { .type = BUS_FRAME_MESSAGE, .id = (FamilyId)13 }, "{}" },
        { true, 0, { .type = BUS_FRAME_MESSAGE, .id = SII_SYNC }, "{}" },
        { true, 1, { .type = BUS_FRAME_SYNC, .id = SII_REGISTER, .name = "plant" }, "{}" },
        { true, 1, { .type = BUS_FRAME_SYNC, .id = DII_SYNC, .name = "" }, "{}" },
        { true, 1, { .type = BUS_FRAME_MESSAGE, .id = SII_REGISTER }, "{}" },
        { true, 0, { .type = (BusFrameType)6 }, "" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        Fixture f;
        met(&f);
        Raw raw = raw_connect(&f);
        if (cases[i].greeted) {
            raw_send(&f, &raw, 0, &hello_service, "");
        }
        assert_false(raw.gone);
        forget(&f);
        raw_send(&f, &raw, cases[i].channel, &cases[i].frame, cases[i].rest);
        if (!raw.gone || f.at_hub.count != (cases[i].greeted ? 2 : 1) ||
            f.at_hub.events[0].type != BUS_REFUSED) {
            fail_msg("case %zu was let in", i);
        }
        assert_int_equal(send(f.ends[PLANT], DII_HEARTBEAT, "", "{}"), STATUS_OK); /* the others go on */
        transport_destroy(raw.transport);
        end(&f);
    }
}

static void who_says_nothing_is_sent_away(void **state)
{
    (void)state;
    Fixture f;
    met(&f);
    Raw raw = raw_connect(&f);
    raw_run(&f, &raw, 3 * TIME_SECOND);
    assert_false(raw.gone);
    raw_run(&f, &raw, 3 * TIME_SECOND);
    assert_true(raw.gone);
    expect(&f.at_hub, 0, BUS_REFUSED, "");
    assert_true(strlen(f.at_hub.whos[0]) > 40);
    transport_destroy(raw.transport);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_meet_and_talk),
        cmocka_unit_test(a_body_may_be_large),
        cmocka_unit_test(who_is_not_trusted_stays_out),
        cmocka_unit_test(a_name_belongs_to_its_key),
        cmocka_unit_test(who_was_displaced_waits),
        cmocka_unit_test(names_of_this_process_are_taken),
        cmocka_unit_test(it_comes_back_by_itself),
        cmocka_unit_test(who_is_sent_away_dials_ever_more_slowly),
        cmocka_unit_test(a_hub_that_was_restarted_finds_everyone),
        cmocka_unit_test(two_hubs_joined),
        cmocka_unit_test(sync_passes_by_its_schema),
        cmocka_unit_test(a_forged_command_is_refused_and_told),
        cmocka_unit_test(what_is_no_bus_ends_the_connection),
        cmocka_unit_test(who_says_nothing_is_sent_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
