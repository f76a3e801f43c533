/* enabler_rig.h - an enabler on a bus of one process with a twin system "plant", a metaverse system "world"
 * and a service "monitor" whose every message is written by the test, so that they can lie. Time is the
 * test's. Include it after cmocka.h. */
#ifndef TESTS_UNIT_SERVER_ENABLER_RIG_H
#define TESTS_UNIT_SERVER_ENABLER_RIG_H
#include "server/enabler/enabler.h"
#include "server/enabler/store_memory.h"
#include "shared/model/json.h"
#include "shared/systems/bus_local.h"

#include <stdio.h>
#include <stdlib.h>

#define WALL         (1700000000 * TIME_SECOND)
#define RECEIVED_MAX 4096

typedef struct Received {
    FamilyId id;
    uint64_t correlation;
    char subject[SYSTEM_NAME_SIZE];
    json_t *body;           /* NULL for SYNC */
    const SyncBatch *batch; /* of SYNC: as it came, good until the next tick */
    size_t samples;
    bool snapshot;
    uint32_t first_thing; /* of the first sample */
} Received;

typedef struct Peer {
    Bus bus;
    SystemKind kind;
    char name[SYSTEM_NAME_SIZE];
    Received *received;
    size_t count;
    int ups, downs;
} Peer;

static Bus hub;
static Enabler *enabler;
static Store kept_store; /* lives on when the enabler goes */
static StoreOps kept_ops;
static TimeNs now, wall;
static Peer plant, world, other, monitor;
static Peer *const peers[] = { &plant, &world, &other, &monitor };
static uint8_t next_random;

__attribute__((unused)) static const char plant_model[] =
    "{\"@context\":\"https://www.w3.org/2022/wot/td/v1.1\",\"title\":\"Valve\",\"security\":\"none\","
    "\"securityDefinitions\":{\"none\":{\"scheme\":\"nosec\"}},\"properties\":{"
    "\"position\":{\"type\":\"number\",\"multipleOf\":0.5,\"minimum\":0,\"maximum\":80},"
    "\"running\":{\"type\":\"boolean\"},"
    "\"pressure\":{\"type\":\"number\",\"multipleOf\":0.1,\"dtmv:period\":1},"
    "\"mode\":{\"type\":\"string\",\"enum\":[\"AUTO\",\"HAND\"]}},"
    "\"actions\":{"
    "\"set\":{\"input\":{\"type\":\"number\",\"minimum\":0,\"maximum\":100,\"unit\":\"%\"},\"dtmv:target\":"
    "\"position\","
    "\"dtmv:timeout\":3},"
    "\"start\":{\"dtmv:target\":\"running\",\"dtmv:value\":true,\"dtmv:interlocks\":[{\"property\":"
    "\"pressure\","
    "\"maximum\":6,\"text\":\"the pressure is too high\"}]},"
    "\"stop\":{\"dtmv:target\":\"running\",\"dtmv:value\":false,\"dtmv:emergency\":true},"
    "\"select\":{\"input\":{\"type\":\"string\"},\"dtmv:target\":\"mode\"},"
    "\"step\":{\"input\":{\"type\":\"integer\",\"minimum\":1}},"
    "\"note\":{\"input\":{\"type\":\"string\"}}}}";

enum { POSITION, RUNNING, PRESSURE, MODE };

static void count_up(void *context, void *out, size_t size)
{
    (void)context;
    memset(out, ++next_random, size);
}

static void keep_alive(void *context)
{
    (void)context;
}

static void start_enabler_as(EnablerConfig config)
{
    assert_int_equal(bus_local_create(&(BusLocalConfig){ .capacity = RECEIVED_MAX }, &hub), STATUS_OK);
    kept_ops = *kept_store.ops;
    kept_ops.destroy = keep_alive;
    config.random = count_up;
    Store store = { .ops = &kept_ops, .context = kept_store.context };
    assert_int_equal(enabler_create(&config, &hub, 1, store, &enabler), STATUS_OK);
}

__attribute__((unused)) static void start_enabler(void)
{
    start_enabler_as((EnablerConfig){ 0 });
}

static void forget(Peer *peer)
{
    for (size_t i = 0; i < peer->count; i++) {
        json_decref(peer->received[i].body);
    }
    peer->count = 0;
}

__attribute__((unused)) static void forget_all(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(peers); i++) {
        forget(peers[i]);
    }
}

static void poll_peer(Peer *peer)
{
    BusEvent event;
    while (peer->bus.ops && bus_poll(peer->bus, now, &event) == STATUS_OK) {
        peer->ups += event.type == BUS_UP;
        peer->downs += event.type == BUS_DOWN;
        if (event.type != BUS_MESSAGE) {
            continue;
        }
        assert_true(peer->count < RECEIVED_MAX);
        Received *received = &peer->received[peer->count++];
        *received = (Received){ .id = event.message.id, .correlation = event.message.correlation };
        memcpy(received->subject, event.message.subject, sizeof received->subject);
        if (event.message.sync) {
            received->batch = event.message.sync;
            received->samples = event.message.sync->count;
            received->snapshot = event.message.sync->snapshot;
            received->first_thing = received->samples ? event.message.sync->samples[0].thing : UINT32_MAX;
        } else {
            received->body =
                json_loadb((const char *)event.message.body.data, event.message.body.size, 0, NULL);
            assert_non_null(received->body);
            assert_string_equal(json_string_value(json_object_get(received->body, "schema")),
                                family_rule((uint8_t)received->id)->schema);
        }
    }
}

static void tick_after(TimeNs step)
{
    now += step;
    wall += step;
    enabler_tick(enabler, now, wall);
    for (size_t i = 0; i < ARRAY_COUNT(peers); i++) {
        poll_peer(peers[i]);
    }
}

static void tick(void)
{
    tick_after(TIME_MS);
}

static void attach(Peer *peer, SystemKind kind, const char *name)
{
    peer->kind = kind;
    snprintf(peer->name, sizeof peer->name, "%s", name);
    if (!peer->received) {
        peer->received = calloc(RECEIVED_MAX, sizeof *peer->received);
        assert_non_null(peer->received);
    }
    assert_int_equal(bus_local_attach(hub, kind, name, &peer->bus), STATUS_OK);
}

static void detach(Peer *peer)
{
    bus_destroy(peer->bus);
    peer->bus = (Bus){ 0 };
}

__attribute__((format(printf, 4, 5))) static void say(Peer *peer, FamilyId id, uint64_t correlation,
                                                      const char *format, ...)
{
    static char body[256 << 10];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(body, sizeof body, format, arguments);
    va_end(arguments);
    assert_true(size > 0 && (size_t)size < sizeof body);
    for (char *c = body; *c != '\0'; c++) { /* so that tests stay readable */
        *c = *c == '\'' ? '"' : *c;
    }
    BusMessage message = { .id = id, .correlation = correlation, .body = bytes_of(body, (size_t)size) };
    assert_int_equal(bus_send(peer->bus, &message), STATUS_OK);
}

/* The newest message of that kind; NULL. */
__attribute__((unused)) static const Received *last(const Peer *peer, FamilyId id)
{
    for (size_t i = peer->count; i-- > 0;) {
        if (peer->received[i].id == id) {
            return &peer->received[i];
        }
    }
    return NULL;
}

__attribute__((unused)) static size_t count_of(const Peer *peer, FamilyId id)
{
    size_t count = 0;
    for (size_t i = 0; i < peer->count; i++) {
        count += peer->received[i].id == id;
    }
    return count;
}

__attribute__((unused)) static const char *text_of(const Received *received, const char *key)
{
    const char *text = received ? json_string_value(json_object_get(received->body, key)) : NULL;
    return text ? text : "(none)";
}

__attribute__((unused)) static int64_t integer_of(const Received *received, const char *key)
{
    return received ? json_integer_value(json_object_get(received->body, key)) : INT64_MIN;
}

__attribute__((unused)) static void assert_refused(const Peer *peer, FamilyId id, uint64_t correlation,
                                                   const char *reason)
{
    const Received *refused = last(peer, id);
    assert_non_null(refused);
    assert_int_equal(refused->correlation, correlation);
    if (!strstr(text_of(refused, "reason"), reason)) {
        fail_msg("refused with \"%s\"", text_of(refused, "reason"));
    }
}

/* The newest audit entry says this. */
__attribute__((unused)) static void assert_audited(const char *system, const char *what, const char *result,
                                                   const char *reason)
{
    AuditEntry entry;
    assert_int_equal(enabler_audit_tail(enabler, &entry, 1), 1);
    assert_string_equal(entry.system, system);
    assert_string_equal(entry.what, what);
    assert_string_equal(entry.result, result);
    if (!strstr(entry.reason, reason)) {
        fail_msg("audited with \"%s\"", entry.reason);
    }
    assert_int_equal(entry.time, wall);
}

/* ---- the usual way in ---- */

static void say_register(Peer *peer)
{
    FamilyId id = peer->kind == SYSTEM_TWIN        ? DII_REGISTER
                  : peer->kind == SYSTEM_METAVERSE ? MII_REGISTER
                                                   : SII_REGISTER;
    say(peer, id, 1,
        "{'schema':'%s','name':'%s','title':'T','version':'1','domain':'energy/heat','session':'s1'}",
        family_rule((uint8_t)id)->schema, peer->name);
}

/* Three valves: v0, v1, v2. */
__attribute__((unused)) static void publish(Peer *peer)
{
    say(peer, DII_PUBLISH, 2,
        "{'schema':'dii.publish/1','first_model':0,'models':[%s],'first_thing':0,'things':["
        "{'id':'v0','title':'A','model':0},{'id':'v1','title':'B','model':0},{'id':'v2','title':'C','model':"
        "0}],"
        "'last':true}",
        plant_model);
}

__attribute__((unused)) static void register_all(void)
{
    attach(&plant, SYSTEM_TWIN, "plant");
    attach(&world, SYSTEM_METAVERSE, "world");
    attach(&other, SYSTEM_METAVERSE, "other");
    attach(&monitor, SYSTEM_SERVICE, "monitor");
    for (size_t i = 0; i < ARRAY_COUNT(peers); i++) {
        say_register(peers[i]);
    }
    publish(&plant);
    tick();
    assert_non_null(last(&plant, DII_PUBLISHED));
    assert_non_null(last(&world, MII_REGISTERED));
    assert_non_null(last(&monitor, SII_REGISTERED));
}

static FamilyId as_of(const Peer *peer, FamilyId mii)
{
    return peer->kind == SYSTEM_SERVICE ? (FamilyId)((int)mii + SII_REGISTER - MII_REGISTER) : mii;
}

#define SCHEMA(peer, mii) family_rule((uint8_t)as_of((peer), (mii)))->schema

/* Asks for access and has the twin system grant `granted`; gives the id, or NULL. `more`: members that begin
 * with a comma. */
__attribute__((unused)) static const char *get_grant(Peer *peer, const char *user, const char *role,
                                                     const char *rights, const char *granted,
                                                     const char *more)
{
    static char ids[16][GRANT_ID_SIZE];
    static unsigned turn;
    forget(peer);
    forget(&plant);
    say(peer, as_of(peer, MII_ACCESS), 77,
        "{'schema':'%s','system':'plant','rights':%s,'user':{'name':'%s','key':'K','role':'%s','system':'%s'}"
        "%s}",
        SCHEMA(peer, MII_ACCESS), rights, user, role, peer->name, more);
    tick();
    const Received *question = last(&plant, DII_AUTHENTICATE);
    if (!question) {
        return NULL;
    }
    say(&plant, DII_AUTHENTICATED, question->correlation,
        "{'schema':'dii.authenticated/1','rights':%s,'reason':''}", granted);
    tick();
    const Received *grant = last(peer, as_of(peer, MII_GRANT));
    if (!grant) {
        return NULL;
    }
    assert_int_equal(grant->correlation, 77);
    char *id = ids[turn++ % ARRAY_COUNT(ids)];
    snprintf(id, GRANT_ID_SIZE, "%s", text_of(grant, "grant"));
    return id;
}

#define BOTH "['read','actuate']"

__attribute__((unused)) static void subscribe(Peer *peer, const char *grant)
{
    say(peer, as_of(peer, MII_SUBSCRIBE), 88, "{'schema':'%s','system':'plant','grant':'%s'}",
        SCHEMA(peer, MII_SUBSCRIBE), grant);
    tick();
}

/* Sends samples of `property`, one of each thing from `first` on. */
static SyncBatch sync_batch;
static SyncSample sync_samples[8];

__attribute__((unused)) static void sync_values(Peer *peer, uint32_t first, size_t count, uint8_t property,
                                                int64_t code, bool snapshot)
{
    for (size_t i = 0; i < count; i++) {
        sync_samples[i] = (SyncSample){ .thing = first + (uint32_t)i,
                                        .property = property,
                                        .quality = QUALITY_GOOD,
                                        .sequence = 1,
                                        .code = code,
                                        .source_time = wall };
    }
    sync_batch =
        (SyncBatch){ .samples = sync_samples, .count = count, .source_clock = wall, .snapshot = snapshot };
    BusMessage message = { .id = DII_SYNC, .sync = &sync_batch };
    assert_int_equal(bus_send(peer->bus, &message), STATUS_OK);
    tick();
}

/* ---- set-up ---- */

__attribute__((unused)) static int set_up(void **state)
{
    (void)state;
    now = 300 * TIME_MINUTE;
    wall = WALL;
    next_random = 0;
    assert_int_equal(store_memory_create(&kept_store), STATUS_OK);
    start_enabler();
    return 0;
}

__attribute__((unused)) static int set_up_all(void **state)
{
    set_up(state);
    register_all();
    forget_all();
    return 0;
}

static void stop_enabler(void)
{
    enabler_destroy(enabler);
    enabler = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(peers); i++) {
        detach(peers[i]);
    }
}

static int tear_down(void **state)
{
    (void)state;
    stop_enabler();
    store_destroy(&kept_store);
    for (size_t i = 0; i < ARRAY_COUNT(peers); i++) {
        forget(peers[i]);
        free(peers[i]->received);
        *peers[i] = (Peer){ 0 };
    }
    return 0;
}

#endif
