#define _GNU_SOURCE /* memmem */
/* A consumer against a scripted enabler: the test itself answers at the hub of a local bus. Long, as every
 * event of the header has its case. */
#include "shared/systems/body.h"
#include "shared/systems/bus_local.h"
#include "shared/systems/consumer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COMMAND "00112233445566778899aabbccddeeff"
#define OTHER   "ffeeddccbbaa99887766554433221100"
#define GRANT   "0123456789abcdef0123456789abcdef"
#define WALL    (INT64_C(1700000000) * TIME_SECOND)

#define VALVE                                                                                             \
    "{\"@context\":\"https://www.w3.org/2022/wot/td/v1.1\",\"title\":\"Valve\",\"security\":\"s\","       \
    "\"securityDefinitions\":{\"s\":{\"scheme\":\"nosec\"}},\"properties\":{\"position\":{"               \
    "\"type\":\"number\",\"minimum\":0,\"maximum\":100,\"multipleOf\":0.1,\"forms\":[{\"href\":\"p\"}]}," \
    "\"note\":{\"type\":\"string\",\"forms\":[{\"href\":\"n\"}]}}}"

typedef struct Fixture {
    Arena arena;
    TextTable texts;
    Bus hub, endpoint; /* the endpoint belongs to the consumer */
    Consumer *consumer;
    ConsumerEvent event;
    BusEvent heard;
    TimeNs now;
    SystemKind kind;
} Fixture;

static void start(Fixture *f, SystemKind kind)
{
    static const char *const provides[] = { "anomaly" };
    *f = (Fixture){ .now = TIME_SECOND, .kind = kind };
    arena_init(&f->arena, 0);
    assert_int_equal(text_table_init(&f->texts, 16, &f->arena), STATUS_OK);
    assert_int_equal(bus_local_create(&(BusLocalConfig){ 0 }, &f->hub), STATUS_OK);
    assert_int_equal(bus_local_attach(f->hub, kind, "world", &f->endpoint), STATUS_OK);
    ConsumerConfig config = { .kind = kind,
                              .name = "world",
                              .title = "The world",
                              .version = "1",
                              .domain = "energy",
                              .token = "secret",
                              .provides = provides,
                              .provide_count = 1 };
    assert_int_equal(consumer_create(&config, f->endpoint, &f->texts, &f->consumer), STATUS_OK);
}

static void finish(Fixture *f)
{
    consumer_destroy(f->consumer);
    bus_destroy(f->hub);
    arena_finish(&f->arena);
}

static FamilyId own(const Fixture *f, FamilyId mii)
{
    return f->kind == SYSTEM_METAVERSE ? mii : (FamilyId)(mii + 32);
}

static ConsumerEventType poll_at(Fixture *f, TimeNs later)
{
    f->now += later;
    Status status = consumer_poll(f->consumer, f->now, WALL + f->now, &f->event);
    return status == STATUS_OK ? f->event.type : CONSUMER_NONE;
}

/* The next message at the enabler but for heartbeats, of the kind expected; its correlation. */
static uint64_t hear(Fixture *f, FamilyId mii)
{
    do {
        assert_int_equal(bus_poll(f->hub, f->now, &f->heard), STATUS_OK);
    } while (f->heard.type != BUS_MESSAGE ||
             (f->heard.message.id == own(f, MII_HEARTBEAT) && mii != MII_HEARTBEAT));
    assert_int_equal(f->heard.message.id, own(f, mii));
    return f->heard.message.correlation;
}

static bool silence(Fixture *f)
{
    BusEvent event;
    Status status;
    while ((status = bus_poll(f->hub, f->now, &event)) == STATUS_OK && event.type != BUS_MESSAGE) {
    }
    return status == STATUS_EMPTY;
}

static bool said(const Fixture *f, const char *part)
{
    return memmem(f->heard.message.body.data, f->heard.message.body.size, part, strlen(part)) != NULL;
}

/* An answer with the schema of its row and `members` ("\"a\":1"). */
static void say(Fixture *f, FamilyId mii, uint64_t correlation, const char *members)
{
    static char body[16384];
    snprintf(body, sizeof body, "{\"schema\":\"%s\"%s%s}", family_rule((uint8_t)own(f, mii))->schema,
             members[0] == '\0' ? "" : ",", members);
    BusMessage message = { .id = own(f, mii),
                           .to = "world",
                           .subject = "plant",
                           .correlation = correlation,
                           .body = bytes_of(body, strlen(body)) };
    assert_int_equal(bus_send(f->hub, &message), STATUS_OK);
}

static void registered(Fixture *f)
{
    assert_int_equal(poll_at(f, 0), CONSUMER_NONE);
    say(f, MII_REGISTERED, hear(f, MII_REGISTER), "\"lease_s\":10,\"heartbeat_s\":2");
    assert_int_equal(poll_at(f, 0), CONSUMER_REGISTERED);
}

static void begin(Fixture *f)
{
    start(f, SYSTEM_METAVERSE);
    registered(f);
}

static void described(Fixture *f)
{
    uint64_t request;
    assert_int_equal(consumer_describe(f->consumer, "plant", &request), STATUS_OK);
    say(f, MII_MODELS, hear(f, MII_DESCRIBE),
        "\"system\":\"plant\",\"first_model\":0,\"models\":[" VALVE "],\"first_thing\":0,\"things\":["
        "{\"id\":\"v-1\",\"title\":\"Valve "
        "1\",\"model\":0},{\"id\":\"v-2\",\"title\":\"\",\"model\":0}],\"last\":true");
    assert_int_equal(poll_at(f, 0), CONSUMER_MODELS);
    assert_int_equal(f->event.request, request);
}

static void it_registers_and_keeps_the_lease(void **state)
{
    (void)state;
    Fixture f;
    uint64_t request;
    start(&f, SYSTEM_SERVICE);
    assert_int_equal(consumer_discover(f.consumer, "", SYSTEM_NONE, &request), STATUS_NOT_ALLOWED);
    assert_int_equal(poll_at(&f, 0), CONSUMER_NONE);
    uint64_t correlation = hear(&f, MII_REGISTER);
    assert_true(said(&f, "\"schema\":\"sii.register/1\"") && said(&f, "\"name\":\"world\"") &&
                said(&f, "\"title\":\"The world\"") && said(&f, "\"domain\":\"energy\"") &&
                said(&f, "\"token\":\"secret\"") &&
                said(&f, "\"provides\":[{\"name\":\"anomaly\",\"title\":\"anomaly\"}]"));
    assert_false(consumer_registered(f.consumer));
    say(&f, MII_REGISTERED, correlation, "\"lease_s\":10,\"heartbeat_s\":2");
    assert_int_equal(poll_at(&f, 0), CONSUMER_REGISTERED);
    assert_true(consumer_registered(f.consumer));
    assert_true(silence(&f));
    assert_int_equal(poll_at(&f, 2 * TIME_SECOND - 1), CONSUMER_NONE);
    assert_true(silence(&f));
    assert_int_equal(poll_at(&f, 1), CONSUMER_NONE);
    hear(&f, MII_HEARTBEAT);
    assert_int_equal(poll_at(&f, TIME_SECOND), CONSUMER_NONE);
    assert_true(silence(&f));
    assert_int_equal(poll_at(&f, TIME_SECOND), CONSUMER_NONE);
    hear(&f, MII_HEARTBEAT);
    finish(&f);
}

static void a_registration_is_asked_for_again(void **state)
{
    (void)state;
    Fixture f;
    start(&f, SYSTEM_METAVERSE);
    assert_int_equal(poll_at(&f, 0), CONSUMER_NONE);
    uint64_t first = hear(&f, MII_REGISTER);
    say(&f, MII_REFUSED, first, "\"reason\":\"the token has expired\",\"code\":\"NOT_ALLOWED\"");
    assert_int_equal(poll_at(&f, 0), CONSUMER_REFUSED);
    assert_string_equal(f.event.reason, "the token has expired");
    assert_int_equal(f.event.request, 0);
    assert_int_equal(poll_at(&f, TIME_SECOND / 2), CONSUMER_NONE);
    assert_true(silence(&f));
    assert_int_equal(poll_at(&f, TIME_SECOND / 2), CONSUMER_NONE);
    assert_true(hear(&f, MII_REGISTER) != first);
    /* Unanswered: again, ever slower, never slower than 5 s. */
    unsigned asked = 0;
    for (int i = 0; i < 600; i++) {
        assert_int_equal(poll_at(&f, TIME_SECOND / 10), CONSUMER_NONE);
        asked += !silence(&f);
    }
    assert_in_range(asked, 11, 14);
    finish(&f);
}

static void it_comes_back_after_the_enabler_was_away(void **state)
{
    (void)state;
    Fixture f;
    uint64_t request;
    begin(&f);
    assert_int_equal(consumer_discover(f.consumer, "", SYSTEM_NONE, &request), STATUS_OK);
    bus_local_cut(f.endpoint, true);
    assert_int_equal(poll_at(&f, 0), CONSUMER_LOST);
    assert_false(consumer_registered(f.consumer));
    assert_int_equal(poll_at(&f, 0), CONSUMER_REFUSED);
    assert_int_equal(f.event.request, request);
    assert_int_equal(poll_at(&f, 0), CONSUMER_NONE);
    /* Asked while it is away: answered at once. */
    assert_int_equal(
        consumer_access(f.consumer, "plant", RIGHT_READ, &(SystemUser){ "ann", "", "viewer" }, &request),
        STATUS_OK);
    assert_int_equal(poll_at(&f, 0), CONSUMER_REFUSED);
    assert_int_equal(f.event.request, request);
    assert_string_equal(f.event.system, "plant");
    bus_local_cut(f.endpoint, false);
    registered(&f);
    finish(&f);
}

/* The enabler was restarted, but its bus was not: it does not know whose heartbeat that is. */
static void a_heartbeat_that_is_refused_registers_again(void **state)
{
    (void)state;
    Fixture f;
    begin(&f);
    say(&f, MII_REFUSED, 0, "\"reason\":\"not registered\",\"code\":\"NOT_FOUND\"");
    assert_int_equal(poll_at(&f, 0), CONSUMER_LOST);
    registered(&f);
    finish(&f);
}

static void discovery(void **state)
{
    (void)state;
    Fixture f;
    uint64_t request;
    begin(&f);
    assert_int_equal(consumer_discover(f.consumer, "energy", SYSTEM_TWIN, &request), STATUS_OK);
    uint64_t correlation = hear(&f, MII_DISCOVER);
    assert_true(said(&f, "\"domain\":\"energy\"") && said(&f, "\"kind\":\"twin\""));
    say(&f, MII_SYSTEMS, correlation + 1, "\"systems\":[]"); /* of nobody's request */
    assert_int_equal(poll_at(&f, 0), CONSUMER_NONE);
    say(&f, MII_SYSTEMS, correlation,
        "\"systems\":[{\"name\":\"plant\",\"title\":\"P\",\"kind\":\"twin\",\"domain\":\"energy\",\"state\":"
        "\"up\","
        "\"things\":7,\"provides\":[]},{\"name\":\"mon\",\"title\":\"M\",\"kind\":\"service\",\"domain\":"
        "\"\","
        "\"state\":\"down\",\"things\":0,\"provides\":[{\"name\":\"a\",\"title\":\"b\"}]}]");
    assert_int_equal(poll_at(&f, 0), CONSUMER_SYSTEMS);
    assert_int_equal(f.event.request, request);
    assert_int_equal(f.event.system_count, 2);
    assert_string_equal(f.event.systems[0].name, "plant");
    assert_int_equal(f.event.systems[0].kind, SYSTEM_TWIN);
    assert_int_equal(f.event.systems[0].things, 7);
    assert_true(f.event.systems[0].up && !f.event.systems[1].up);
    say(&f, MII_SYSTEMS, correlation, "\"systems\":[]"); /* twice */
    assert_int_equal(poll_at(&f, 0), CONSUMER_NONE);
    finish(&f);
}

/* The second stage: what models one system has; an answer about anything else is none. */
static void one_system_is_inspected(void **state)
{
    (void)state;
#define ENTRY(name, models)                                                               \
    "{\"name\":\"" name                                                                   \
    "\",\"title\":\"P\",\"kind\":\"twin\",\"domain\":\"\",\"state\":\"up\",\"things\":7," \
    "\"provides\":[]" models "}"
#define VALVES                                                           \
    ",\"models\":[{\"title\":\"Valve\",\"properties\":4,\"actions\":2}," \
    "{\"title\":\"\",\"properties\":0,\"actions\":0}]"
    static const char *const wrong[] = {
        "\"systems\":[]",
        "\"systems\":[" ENTRY("annex", VALVES) "]",
        "\"systems\":[" ENTRY("plant", VALVES) "," ENTRY("annex", VALVES) "]",
        "\"systems\":[" ENTRY("plant", ",\"models\":7") "]",
        "\"systems\":[" ENTRY("plant", ",\"models\":[{\"title\":\"Valve\",\"properties\":4}]") "]",
        "\"systems\":[" ENTRY("plant", ",\"models\":[{\"title\":\"V\",\"properties\":-1,\"actions\":2}]") "]",
    };
    Fixture f;
    uint64_t request;
    begin(&f);
    assert_int_equal(consumer_inspect(f.consumer, "", &request), STATUS_INVALID_ARGUMENT);
    assert_int_equal(consumer_inspect(f.consumer, "plant", &request), STATUS_OK);
    uint64_t correlation = hear(&f, MII_DISCOVER);
    assert_true(said(&f, "\"system\":\"plant\"") && !said(&f, "domain"));
    assert_string_equal(f.heard.message.subject, "plant");
    say(&f, MII_SYSTEMS, correlation, "\"systems\":[" ENTRY("plant", VALVES) "]");
    assert_int_equal(poll_at(&f, 0), CONSUMER_SYSTEMS);
    assert_int_equal(f.event.request, request);
    assert_int_equal(f.event.system_count, 1);
    assert_int_equal(f.event.systems[0].models, 2);
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_int_equal(consumer_inspect(f.consumer, "plant", &request), STATUS_OK);
        say(&f, MII_SYSTEMS, hear(&f, MII_DISCOVER), wrong[i]);
        assert_int_equal(poll_at(&f, 0), CONSUMER_REFUSED);
        assert_int_equal(f.event.request, request);
        assert_string_equal(f.event.system, "plant");
    }
    finish(&f);
}

static void models_come_in_pages(void **state)
{
    (void)state;
    Fixture f;
    uint64_t request;
    begin(&f);
    assert_int_equal(consumer_describe(f.consumer, "plant", &request), STATUS_OK);
    uint64_t correlation = hear(&f, MII_DESCRIBE);
    assert_true(said(&f, "\"first_model\":0") && said(&f, "\"first_thing\":0"));
    say(&f, MII_MODELS, correlation,
        "\"system\":\"plant\",\"first_model\":0,\"models\":[" VALVE "],\"first_thing\":0,\"things\":["
        "{\"id\":\"v-1\",\"title\":\"Valve 1\",\"model\":0}],\"last\":false");
    assert_int_equal(poll_at(&f, 0), CONSUMER_NONE);
    correlation = hear(&f, MII_DESCRIBE);
    assert_true(said(&f, "\"first_model\":1") && said(&f, "\"first_thing\":1"));
    assert_int_equal(poll_at(&f, 4 * TIME_SECOND), CONSUMER_NONE); /* each page has its own 5 s */
    say(&f, MII_MODELS, correlation,
        "\"system\":\"plant\",\"first_model\":1,\"models\":[],\"first_thing\":1,\"things\":["
        "{\"id\":\"v-2\",\"title\":\"Valve 2\",\"model\":0}],\"last\":true");
    assert_int_equal(poll_at(&f, 0), CONSUMER_MODELS);
    assert_int_equal(f.event.request, request);
    assert_string_equal(f.event.models->system, "plant");
    assert_int_equal(f.event.models->thing_count, 2);
    assert_string_equal(f.event.models->things[0].id, "v-1");
    assert_string_equal(f.event.models->things[1].title, "Valve 2");
    assert_ptr_equal(f.event.models->things[0].model, f.event.models->things[1].model);
    assert_string_equal(f.event.models->things[0].model->properties[0].name, "position");

    /* Described again: the owner may still look at the old ones while it hears of the new. */
    const SystemModels *old = f.event.models;
    described(&f);
    assert_ptr_not_equal(f.event.models, old);
    assert_string_equal(old->things[1].title, "Valve 2");
    finish(&f);
}

/* Each answer that is wrong in one way is a refusal, and the next request works. */
static void malformed_answers_are_refusals(void **state)
{
    (void)state;
    static const char *const models[] = {
        "\"system\":\"other\",\"first_model\":0,\"models\":[],\"first_thing\":0,\"things\":[],\"last\":true",
        "\"system\":\"plant\",\"first_model\":1,\"models\":[],\"first_thing\":0,\"things\":[],\"last\":true",
        "\"system\":\"plant\",\"first_model\":0,\"models\":[],\"first_thing\":2,\"things\":[],\"last\":true",
        "\"system\":\"plant\",\"first_model\":0,\"models\":[],\"first_thing\":0,\"things\":[],\"last\":false",
        "\"system\":\"plant\",\"first_model\":0,\"models\":[],\"first_thing\":0,\"things\":[],\"last\":1",
        "\"system\":\"plant\",\"first_model\":0,\"models\":[],\"first_thing\":0,\"things\":[]",
        "\"system\":\"plant\",\"first_model\":0,\"models\":[{}],\"first_thing\":0,\"things\":[],\"last\":"
        "true",
        "\"system\":\"plant\",\"first_model\":0,\"models\":[],\"first_thing\":0,\"last\":true,\"things\":[{"
        "\"id\":\"a\","
        "\"title\":\"\",\"model\":0}]",
        "\"system\":\"plant\",\"first_model\":0,\"models\":[" VALVE "],\"first_thing\":0,\"last\":true,"
        "\"things\":[{\"id\":\"a\",\"title\":\"\",\"model\":1}]",
        "\"system\":\"plant\",\"first_model\":0,\"models\":[" VALVE "],\"first_thing\":0,\"last\":true,"
        "\"things\":[{\"id\":\"\",\"title\":\"\",\"model\":0}]",
        "\"system\":\"plant\",\"first_model\":0,\"models\":[" VALVE "],\"first_thing\":0,\"last\":true,"
        "\"things\":[{\"id\":\"a\",\"title\":\"\",\"model\":-1}]",
        "\"system\":\"plant\",\"first_model\":0,\"models\":[],\"first_thing\":0,\"things\":[],\"last\":true,"
        "\"x\":1",
    };
    Fixture f;
    uint64_t request;
    begin(&f);
    for (size_t i = 0; i < ARRAY_COUNT(models); i++) {
        assert_int_equal(consumer_describe(f.consumer, "plant", &request), STATUS_OK);
        say(&f, MII_MODELS, hear(&f, MII_DESCRIBE), models[i]);
        if (poll_at(&f, 0) != CONSUMER_REFUSED) {
            fail_msg("answer %zu was taken", i);
        }
        assert_int_equal(f.event.request, request);
        assert_true(strlen(f.event.reason) > 30);
    }
    static const char *const grants[] = {
        "\"grant\":\"" GRANT "\",\"system\":\"other\",\"rights\":[\"read\"],\"expires\":1,\"user\":\"ann\"",
        "\"grant\":\"0123\",\"system\":\"plant\",\"rights\":[\"read\"],\"expires\":1,\"user\":\"ann\"",
        "\"grant\":\"" GRANT "\",\"system\":\"plant\",\"rights\":[\"write\"],\"expires\":1,\"user\":\"ann\"",
        "\"grant\":\"" GRANT
        "\",\"system\":\"plant\",\"rights\":[\"read\",\"read\"],\"expires\":1,\"user\":\"ann\"",
        "\"grant\":\"" GRANT "\",\"system\":\"plant\",\"rights\":[\"read\"],\"expires\":1.5,\"user\":\"ann\"",
        "\"grant\":\"" GRANT "\",\"system\":\"plant\",\"rights\":[\"read\"],\"expires\":-1,\"user\":\"ann\"",
        "\"grant\":\"" GRANT "\",\"system\":\"plant\",\"rights\":[\"read\"],\"user\":\"ann\"",
    };
    for (size_t i = 0; i < ARRAY_COUNT(grants); i++) {
        assert_int_equal(
            consumer_access(f.consumer, "plant", RIGHT_READ, &(SystemUser){ "ann", "", "viewer" }, &request),
            STATUS_OK);
        say(&f, MII_GRANT, hear(&f, MII_ACCESS), grants[i]);
        if (poll_at(&f, 0) != CONSUMER_REFUSED) {
            fail_msg("grant %zu was taken", i);
        }
    }
    /* No JSON at all, and JSON of another schema. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(consumer_discover(f.consumer, "", SYSTEM_NONE, &request), STATUS_OK);
        const char *body = i == 0 ? "{\"schema\":" : "{\"schema\":\"mii.grant/1\",\"systems\":[]}";
        BusMessage message = { .id = MII_SYSTEMS,
                               .to = "world",
                               .correlation = hear(&f, MII_DISCOVER),
                               .body = bytes_of(body, strlen(body)) };
        assert_int_equal(bus_send(f.hub, &message), STATUS_OK);
        assert_int_equal(poll_at(&f, 0), CONSUMER_REFUSED);
    }
    /* What answers nothing is dropped. */
    static const struct {
        FamilyId id;
        const char *members;
    } others[] = {
        { MII_COMMAND_STATE,
          "\"command\":\"" COMMAND "\",\"state\":\"great\",\"system\":\"plant\",\"thing\":\"v-1\","
          "\"action\":\"open\",\"user\":\"ann\",\"time\":1" },
        { MII_COMMAND_STATE,
          "\"command\":\"" COMMAND "\",\"state\":\"accepted\",\"system\":\"p l\",\"thing\":\"v-1\","
          "\"action\":\"open\",\"user\":\"ann\",\"time\":1" },
        { MII_COMMAND_STATE,
          "\"command\":\"" COMMAND "\",\"state\":\"accepted\",\"system\":\"plant\",\"thing\":\"v-1\","
          "\"action\":\"open\",\"user\":\"ann\"" },
        { MII_SYSTEM_STATE, "\"system\":\"plant\",\"state\":\"sideways\",\"reason\":\"\"" },
        { MII_REVOKED, "\"grant\":\"x\",\"reason\":\"\"" },
        { MII_ALARM, "\"service\":\"mon\",\"system\":\"plant\",\"thing\":\"v-1\",\"property\":\"position\","
                     "\"name\":\"n\","
                     "\"severity\":\"loud\",\"active\":true,\"score\":1,\"text\":\"\",\"source_time\":1" },
        { MII_REFUSED, "\"reason\":\"x\"" },
        { MII_REGISTERED, "\"lease_s\":10,\"heartbeat_s\":2" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        say(&f, others[i].id, 0, others[i].members);
        if (poll_at(&f, 0) != CONSUMER_NONE) {
            fail_msg("message %zu was taken", i);
        }
    }
    assert_true(consumer_registered(f.consumer));
    described(&f);
    finish(&f);
}

static void what_is_not_answered_is_refused(void **state)
{
    (void)state;
    Fixture f;
    uint64_t request, correlation;
    begin(&f);
    assert_int_equal(consumer_discover(f.consumer, "", SYSTEM_NONE, &request), STATUS_OK);
    correlation = hear(&f, MII_DISCOVER);
    assert_int_equal(poll_at(&f, 5 * TIME_SECOND - 1), CONSUMER_NONE);
    assert_int_equal(poll_at(&f, 1), CONSUMER_REFUSED);
    assert_int_equal(f.event.request, request);
    say(&f, MII_SYSTEMS, correlation, "\"systems\":[]"); /* too late */
    assert_int_equal(poll_at(&f, 0), CONSUMER_NONE);

    /* 64 at a time. */
    for (int i = 0; i < 64; i++) {
        assert_int_equal(consumer_discover(f.consumer, "", SYSTEM_NONE, &request), STATUS_OK);
    }
    assert_int_equal(consumer_discover(f.consumer, "", SYSTEM_NONE, &request), STATUS_CAPACITY);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(poll_at(&f, i == 0 ? 5 * TIME_SECOND : 0), CONSUMER_REFUSED);
    }
    assert_int_equal(consumer_discover(f.consumer, "", SYSTEM_NONE, &request), STATUS_OK);
    finish(&f);
}

static void access_is_granted_refused_and_revoked(void **state)
{
    (void)state;
    Fixture f;
    uint64_t request;
    begin(&f);
    SystemUser ann = { "ann", "a2V5", "operator" };
    assert_int_equal(consumer_access(f.consumer, "plant", RIGHT_READ | RIGHT_ACTUATE, &ann, &request),
                     STATUS_OK);
    uint64_t correlation = hear(&f, MII_ACCESS);
    assert_true(
        said(&f, "\"rights\":[\"read\",\"actuate\"]") &&
        said(&f, "\"user\":{\"name\":\"ann\",\"key\":\"a2V5\",\"role\":\"operator\",\"system\":\"world\"}"));
    say(&f, MII_GRANT, correlation,
        "\"grant\":\"" GRANT "\",\"system\":\"plant\",\"rights\":[\"read\"],\"things\":[\"v-1\"],"
        "\"expires\":1700000600000000001,\"user\":\"ann\"");
    assert_int_equal(poll_at(&f, 0), CONSUMER_GRANT);
    assert_int_equal(f.event.request, request);
    assert_string_equal(f.event.grant.grant, GRANT);
    assert_int_equal(f.event.grant.rights, RIGHT_READ);
    assert_true(f.event.grant.expires == INT64_C(1700000600000000001)); /* exactly */
    assert_int_equal(consumer_access(f.consumer, "plant", RIGHT_ACTUATE, &ann, &request), STATUS_OK);
    say(&f, MII_REFUSED, hear(&f, MII_ACCESS), "\"reason\":\"viewers may not\",\"code\":\"NOT_ALLOWED\"");
    assert_int_equal(poll_at(&f, 0), CONSUMER_REFUSED);
    assert_string_equal(f.event.reason, "viewers may not");
    assert_int_equal(f.event.request, request);
    say(&f, MII_REVOKED, 0, "\"grant\":\"" GRANT "\",\"reason\":\"the user left\"");
    assert_int_equal(poll_at(&f, 0), CONSUMER_REVOKED);
    assert_string_equal(f.event.grant.grant, GRANT);
    assert_string_equal(f.event.reason, "the user left");
    say(&f, MII_SYSTEM_STATE, 0, "\"system\":\"plant\",\"state\":\"down\",\"reason\":\"silent\"");
    assert_int_equal(poll_at(&f, 0), CONSUMER_SYSTEM_STATE);
    assert_false(f.event.up);
    finish(&f);
}

static void sync_of_what_is_described_only(void **state)
{
    (void)state;
    Fixture f;
    uint64_t request, subscribed;
    begin(&f);
    SyncSample samples[2] = { { .thing = 0, .property = 0, .quality = QUALITY_GOOD, .code = 5 },
                              { .thing = 1, .property = 1, .quality = QUALITY_GOOD } };
    SyncBatch batch = { .samples = samples, .count = 2, .source_clock = 9, .snapshot = true };
    BusMessage message = { .id = MII_SYNC, .to = "world", .subject = "plant", .sync = &batch };
    assert_int_equal(bus_send(f.hub, &message), STATUS_OK);
    assert_int_equal(poll_at(&f, 0), CONSUMER_NONE); /* nobody knows what it means */
    described(&f);
    assert_int_equal(consumer_subscribe(f.consumer, "plant", GRANT, &subscribed), STATUS_OK);
    hear(&f, MII_SUBSCRIBE);
    assert_true(said(&f, "\"grant\":\"" GRANT "\""));
    assert_int_equal(bus_send(f.hub, &message), STATUS_OK);
    assert_int_equal(poll_at(&f, 0), CONSUMER_SYNC);
    assert_int_equal(f.event.sync->count, 2); /* a copy: nobody here is the twin system */
    assert_int_equal(f.event.sync->samples[0].code, 5);
    assert_int_equal(f.event.request, subscribed);
    assert_string_equal(f.event.system, "plant");
    assert_int_equal(poll_at(&f, 6 * TIME_SECOND), CONSUMER_NONE); /* the subscription was answered */
    samples[1].thing = 2;
    assert_int_equal(bus_send(f.hub, &message), STATUS_OK);
    assert_int_equal(poll_at(&f, 0), CONSUMER_NONE);
    samples[1] = (SyncSample){ .thing = 1, .property = 2 };
    assert_int_equal(bus_send(f.hub, &message), STATUS_OK);
    assert_int_equal(poll_at(&f, 0), CONSUMER_NONE);

    assert_int_equal(consumer_subscribe(f.consumer, "plant", GRANT, &request), STATUS_OK);
    say(&f, MII_REFUSED, hear(&f, MII_SUBSCRIBE), "\"reason\":\"expired\",\"code\":\"NOT_ALLOWED\"");
    assert_int_equal(poll_at(&f, 0), CONSUMER_REFUSED);
    assert_int_equal(f.event.request, request);
    finish(&f);
}

static const ConsumerInvoke open_valve = { .command = COMMAND,
                                           .grant = GRANT,
                                           .system = "plant",
                                           .thing = "v-1",
                                           .action = "set",
                                           .user = "ann",
                                           .has_value = true,
                                           .value = { .type = VALUE_NUMBER, .number = 42.5 } };

static void say_state(Fixture *f, const char *command, const char *name, const char *more)
{
    char members[512];
    snprintf(members, sizeof members,
             "\"command\":\"%s\",\"state\":\"%s\",\"system\":\"plant\",\"thing\":\"v-1\",\"action\":\"set\","
             "\"user\":\"ann\",\"time\":5%s",
             command, name, more);
    say(f, MII_COMMAND_STATE, 0, members);
}

static void a_command_and_its_states(void **state)
{
    (void)state;
    Fixture f;
    uint64_t request, second;
    begin(&f);
    assert_int_equal(consumer_invoke(f.consumer, &open_valve, &request), STATUS_OK);
    assert_int_equal(consumer_invoke(f.consumer, &open_valve, &second), STATUS_DUPLICATE);
    assert_int_equal(hear(&f, MII_INVOKE), request);
    assert_true(said(&f, "\"command\":\"" COMMAND "\"") && said(&f, "\"value\":42.5") &&
                said(&f, "\"thing\":\"v-1\"") && said(&f, "\"action\":\"set\"") &&
                said(&f, "\"user\":\"ann\"") && said(&f, "\"issued\":1700000001000000000"));
    say_state(&f, COMMAND, "authorised", ",\"property\":\"position\",\"desired\":42.5");
    assert_int_equal(poll_at(&f, 0), CONSUMER_COMMAND_STATE);
    assert_int_equal(f.event.request, request);
    assert_int_equal(f.event.command.state, COMMAND_AUTHORISED);
    assert_string_equal(f.event.command.property, "position");
    assert_true(f.event.command.has_desired);
    assert_true(f.event.command.desired.number == 42.5);
    assert_int_equal(poll_at(&f, 60 * TIME_SECOND), CONSUMER_NONE); /* it is answered: the enabler has it */
    say_state(&f, COMMAND, "confirmed", "");
    assert_int_equal(poll_at(&f, 0), CONSUMER_COMMAND_STATE);
    assert_int_equal(f.event.command.state, COMMAND_CONFIRMED);
    assert_int_equal(f.event.request, request);
    /* Somebody else's is told too, as nobody's request. */
    say_state(&f, OTHER, "refused", ",\"reason\":\"held by bob\"");
    assert_int_equal(poll_at(&f, 0), CONSUMER_COMMAND_STATE);
    assert_int_equal(f.event.request, 0);
    assert_string_equal(f.event.reason, "held by bob");

    assert_int_equal(consumer_invoke(f.consumer, &open_valve, &request), STATUS_OK);
    say(&f, MII_REFUSED, hear(&f, MII_INVOKE), "\"reason\":\"no such grant\",\"code\":\"NOT_ALLOWED\"");
    assert_int_equal(poll_at(&f, 0), CONSUMER_COMMAND_STATE);
    assert_int_equal(f.event.request, request);
    assert_int_equal(f.event.command.state, COMMAND_REFUSED);
    assert_string_equal(f.event.command.command, COMMAND);
    assert_string_equal(f.event.command.user, "ann");
    assert_string_equal(f.event.reason, "no such grant");
    finish(&f);
}

static void an_unanswered_command_is_sent_again_under_its_id(void **state)
{
    (void)state;
    Fixture f;
    uint64_t request;
    begin(&f);
    assert_int_equal(consumer_invoke(f.consumer, &open_valve, &request), STATUS_OK);
    hear(&f, MII_INVOKE);
    unsigned sent = 1;
    ConsumerEventType told = CONSUMER_NONE;
    TimeNs begun = f.now;
    while (told == CONSUMER_NONE) {
        told = poll_at(&f, TIME_SECOND / 4);
        while (bus_poll(f.hub, f.now, &f.heard) == STATUS_OK) {
            if (f.heard.message.id == MII_INVOKE) {
                sent++;
                assert_true(said(&f, "\"command\":\"" COMMAND "\"") &&
                            said(&f, "\"issued\":1700000001000000000"));
            }
        }
    }
    assert_int_equal(told, CONSUMER_COMMAND_STATE);
    assert_int_equal(f.event.command.state, COMMAND_FAILED);
    assert_string_equal(f.event.command.command, COMMAND);
    assert_int_equal(f.event.request, request);
    assert_int_equal(sent, 6);
    assert_true(f.now - begun == 30 * TIME_SECOND);
    assert_int_equal(poll_at(&f, 30 * TIME_SECOND), CONSUMER_NONE); /* told once */
    finish(&f);
}

static void a_command_outlives_an_enabler(void **state)
{
    (void)state;
    Fixture f;
    uint64_t request;
    begin(&f);
    assert_int_equal(consumer_invoke(f.consumer, &open_valve, &request), STATUS_OK);
    hear(&f, MII_INVOKE);
    say_state(&f, COMMAND, "authorised", "");
    assert_int_equal(poll_at(&f, 0), CONSUMER_COMMAND_STATE);
    bus_local_cut(f.endpoint, true);
    assert_int_equal(poll_at(&f, TIME_SECOND), CONSUMER_LOST);
    assert_int_equal(poll_at(&f, TIME_SECOND), CONSUMER_NONE);
    bus_local_cut(f.endpoint, false);
    registered(&f);
    assert_int_equal(poll_at(&f, 0), CONSUMER_NONE);
    assert_int_equal(hear(&f, MII_INVOKE), request); /* what became of it may have been lost */
    say_state(&f, COMMAND, "confirmed", "");
    assert_int_equal(poll_at(&f, 0), CONSUMER_COMMAND_STATE);
    assert_int_equal(f.event.command.state, COMMAND_CONFIRMED);

    /* Away for longer than a command lives. */
    assert_int_equal(consumer_invoke(f.consumer, &open_valve, &request), STATUS_OK);
    bus_local_cut(f.endpoint, true);
    assert_int_equal(poll_at(&f, 0), CONSUMER_LOST);
    assert_int_equal(poll_at(&f, 30 * TIME_SECOND - 1), CONSUMER_NONE);
    assert_int_equal(poll_at(&f, 1), CONSUMER_COMMAND_STATE);
    assert_int_equal(f.event.command.state, COMMAND_FAILED);
    finish(&f);
}

static void alarms(void **state)
{
    (void)state;
    Fixture f;
    ConsumerAlarm alarm = { .system = "plant",
                            .thing = "v-1",
                            .property = "position",
                            .name = "high",
                            .text = "too open",
                            .critical = true,
                            .active = true,
                            .score = 4.5,
                            .source_time = 77 };
    begin(&f);
    assert_int_equal(consumer_alarm(f.consumer, &alarm), STATUS_NOT_ALLOWED); /* services only */
    say(&f, MII_ALARM, 0,
        "\"service\":\"mon\",\"system\":\"plant\",\"thing\":\"v-1\",\"property\":\"position\",\"name\":\"n\","
        "\"severity\":\"critical\",\"active\":true,\"score\":1.5,\"text\":\"t\",\"source_time\":77");
    assert_int_equal(poll_at(&f, 0), CONSUMER_ALARM);
    assert_string_equal(f.event.alarm.service, "mon");
    assert_string_equal(f.event.system, "plant");
    assert_true(f.event.alarm.critical && f.event.alarm.active && f.event.alarm.score == 1.5);
    finish(&f);

    start(&f, SYSTEM_SERVICE);
    assert_int_equal(consumer_alarm(f.consumer, &alarm), STATUS_NOT_ALLOWED); /* not registered */
    registered(&f);
    assert_int_equal(consumer_alarm(f.consumer, &alarm), STATUS_OK);
    hear(&f, MII_ALARM);
    assert_true(said(&f, "\"severity\":\"critical\"") && said(&f, "\"active\":true") &&
                said(&f, "\"score\":4.5") && said(&f, "\"source_time\":77"));
    alarm.text = "\xFF";
    assert_int_equal(consumer_alarm(f.consumer, &alarm), STATUS_INVALID_ARGUMENT);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_registers_and_keeps_the_lease),
        cmocka_unit_test(a_registration_is_asked_for_again),
        cmocka_unit_test(it_comes_back_after_the_enabler_was_away),
        cmocka_unit_test(a_heartbeat_that_is_refused_registers_again),
        cmocka_unit_test(discovery),
        cmocka_unit_test(one_system_is_inspected),
        cmocka_unit_test(models_come_in_pages),
        cmocka_unit_test(malformed_answers_are_refusals),
        cmocka_unit_test(what_is_not_answered_is_refused),
        cmocka_unit_test(access_is_granted_refused_and_revoked),
        cmocka_unit_test(sync_of_what_is_described_only),
        cmocka_unit_test(a_command_and_its_states),
        cmocka_unit_test(an_unanswered_command_is_sent_again_under_its_id),
        cmocka_unit_test(a_command_outlives_an_enabler),
        cmocka_unit_test(alarms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
