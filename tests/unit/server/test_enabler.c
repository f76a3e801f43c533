/* The enabler's registry: registration, publication, leases, discovery in two stages (R1 to R4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/server/enabler_rig.h"

#include <sodium.h>

static uint32_t system_count(void)
{
    uint32_t cursor = 0, count = 0;
    EnablerSystem system;
    while (enabler_next_system(enabler, &cursor, &system)) {
        count++;
    }
    return count;
}

static EnablerSystem system_called(const char *name)
{
    uint32_t cursor = 0;
    EnablerSystem system;
    while (enabler_next_system(enabler, &cursor, &system)) {
        if (strcmp(system.name, name) == 0) {
            return system;
        }
    }
    fail_msg("there is no system %s", name);
    return (EnablerSystem){ 0 };
}

static void test_registers_and_says_the_lease(void **state)
{
    (void)state;
    attach(&plant, SYSTEM_TWIN, "plant");
    say_register(&plant);
    tick();
    const Received *answer = last(&plant, DII_REGISTERED);
    assert_non_null(answer);
    assert_int_equal(answer->correlation, 1);
    assert_true(json_number_value(json_object_get(answer->body, "lease_s")) == 5);
    assert_true(json_number_value(json_object_get(answer->body, "heartbeat_s")) == 1);
    assert_int_equal(integer_of(answer, "things"), 0);
    EnablerSystem system = system_called("plant");
    assert_string_equal(system.domain, "energy/heat");
    assert_string_equal(system.title, "T");
    assert_false(system.up); /* not before it has published */
    assert_audited("plant", "register", "allowed", "twin");
    publish(&plant);
    tick();
    answer = last(&plant, DII_PUBLISHED);
    assert_int_equal(integer_of(answer, "things"), 3);
    assert_int_equal(integer_of(answer, "models"), 1);
    assert_true(system_called("plant").up);
}

static void test_a_name_that_is_not_its_own(void **state)
{
    (void)state;
    attach(&plant, SYSTEM_TWIN, "plant");
    say(&plant, DII_REGISTER, 9, "{'schema':'dii.register/1','name':'other-plant','title':'','version':''}");
    tick();
    assert_refused(&plant, DII_REFUSED, 9, "not the one that the connection has proven");
    assert_string_equal(text_of(last(&plant, DII_REFUSED), "code"), "NOT_ALLOWED");
    assert_audited("plant", "dii.register/1", "refused", "proven");
    assert_int_equal(system_count(), 0);
}

static void test_malformed_bodies(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{",
        "[]",
        "{'schema':'dii.register/2','name':'plant','title':'','version':''}",
        "{'schema':'dii.register/1','title':'','version':''}",
        "{'schema':'dii.register/1','name':7,'title':'','version':''}",
        "{'schema':'dii.register/1','name':'plant','title':'','version':'','more':1}",
        "{'schema':'dii.register/1','name':'plant','title':'','version':'','provides':[{'name':'a'}]}",
        "{'schema':'dii.register/1','name':'plant','title':'\\u0007','version':''}",
    };
    attach(&plant, SYSTEM_TWIN, "plant");
    for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
        say(&plant, DII_REGISTER, i + 1, "%s", bodies[i]);
        tick();
        assert_refused(&plant, DII_REFUSED, i + 1, "");
    }
    assert_int_equal(system_count(), 0);
    assert_int_equal(enabler_counters(enabler)->refused, ARRAY_COUNT(bodies));
}

static void test_nothing_without_registration(void **state)
{
    (void)state;
    attach(&world, SYSTEM_METAVERSE, "world");
    say(&world, MII_DISCOVER, 5, "{'schema':'mii.discover/1'}");
    tick();
    assert_refused(&world, MII_REFUSED, 5, "register first");
    say(&world, MII_HEARTBEAT, 0, "{'schema':'mii.heartbeat/1'}");
    tick();
    assert_refused(&world, MII_REFUSED, 0, "register first");
}

static void test_what_a_kind_may_not_send(void **state)
{
    (void)state;
    attach(&world, SYSTEM_METAVERSE, "world");
    say_register(&world);
    tick();
    BusMessage forged = { .id = DII_COMMAND_STATE, .body = bytes_of("{}", 2) };
    assert_int_equal(bus_send(world.bus, &forged), STATUS_NOT_ALLOWED);
    tick();
    assert_audited("world", "message", "refused", "may not send");
}

static void test_another_kind_under_a_known_name(void **state)
{
    (void)state;
    attach(&plant, SYSTEM_TWIN, "plant");
    say_register(&plant);
    tick();
    detach(&plant);
    tick();
    attach(&plant, SYSTEM_SERVICE, "plant");
    say_register(&plant);
    tick();
    assert_refused(&plant, SII_REFUSED, 1, "another kind");
}

static void test_room_for_systems(void **state)
{
    (void)state;
    stop_enabler();
    start_enabler_as((EnablerConfig){ .systems_max = 2 });
    attach(&plant, SYSTEM_TWIN, "plant");
    attach(&world, SYSTEM_METAVERSE, "world");
    attach(&other, SYSTEM_METAVERSE, "other");
    say_register(&plant);
    say_register(&world);
    tick();
    say_register(&other);
    tick();
    assert_refused(&other, MII_REFUSED, 1, "room for 2");
    say_register(&world); /* who is in may come again */
    tick();
    assert_int_equal(count_of(&world, MII_REGISTERED), 2);
}

static void test_tokens(void **state)
{
    (void)state;
    static const char register_with[] =
        "{'schema':'sii.register/1','name':'monitor','title':'','version':''%s}";
    ServiceToken list[2] = { { .name = "monitor", .expires = TIME_FOREVER },
                             { .name = "monitor", .expires = WALL + 10 * TIME_SECOND } };
    crypto_generichash(list[0].hash, TOKEN_HASH_SIZE, (const uint8_t *)"secret", 6, NULL, 0);
    crypto_generichash(list[1].hash, TOKEN_HASH_SIZE, (const uint8_t *)"short", 5, NULL, 0);
    stop_enabler();
    start_enabler_as((EnablerConfig){ .tokens = { .tokens = list, .count = 2 } });
    attach(&monitor, SYSTEM_SERVICE, "monitor");
    say(&monitor, SII_REGISTER, 1, register_with, "");
    tick();
    assert_refused(&monitor, SII_REFUSED, 1, "a token is needed");
    say(&monitor, SII_REGISTER, 2, register_with, ",'token':'guess'");
    tick();
    assert_refused(&monitor, SII_REFUSED, 2, "not good for that name");
    say(&monitor, SII_REGISTER, 3, register_with, ",'token':'short'");
    tick();
    assert_non_null(last(&monitor, SII_REGISTERED));
    tick_after(11 * TIME_SECOND);
    say(&monitor, SII_REGISTER, 4, register_with, ",'token':'short'");
    tick();
    assert_refused(&monitor, SII_REFUSED, 4, "expired");
    say(&monitor, SII_REGISTER, 5, register_with, ",'token':'secret'");
    tick();
    assert_int_equal(last(&monitor, SII_REGISTERED)->correlation, 5);
    attach(&plant, SYSTEM_SERVICE,
           "unlisted"); /* the bus has proven who it is; but a token given must be good */
    say(&plant, SII_REGISTER, 6,
        "{'schema':'sii.register/1','name':'unlisted','title':'','version':'','token':''}");
    tick();
    assert_refused(&plant, SII_REFUSED, 6, "not good for that name");
    AuditEntry entries[64];
    size_t count = enabler_audit_tail(enabler, entries, ARRAY_COUNT(entries));
    for (size_t i = 0; i < count; i++) { /* tokens are nowhere */
        assert_null(strstr(entries[i].reason, "secret"));
        assert_null(strstr(entries[i].subject, "secret"));
        assert_null(strstr(entries[i].key, "secret"));
    }
}

static void test_publication_in_pages(void **state)
{
    (void)state;
    attach(&plant, SYSTEM_TWIN, "plant");
    say_register(&plant);
    say(&plant, DII_PUBLISH, 2,
        "{'schema':'dii.publish/1','first_model':0,'models':[%s],'first_thing':0,'things':[],'last':false}",
        plant_model);
    say(&plant, DII_PUBLISH, 3,
        "{'schema':'dii.publish/1','first_model':1,'models':[],'first_thing':0,"
        "'things':[{'id':'v0','title':'','model':0}],'last':true}");
    tick();
    assert_int_equal(count_of(&plant, DII_PUBLISHED), 1);
    assert_int_equal(last(&plant, DII_PUBLISHED)->correlation, 3);
    assert_int_equal(system_called("plant").things, 1);
    say(&plant, DII_PUBLISH, 4,
        "{'schema':'dii.publish/1','first_model':1,'models':[],'first_thing':7,'things':[],'last':true}");
    tick();
    assert_refused(&plant, DII_REFUSED, 4, "a page is missing");
    assert_int_equal(system_called("plant").things, 1); /* what was there stays */
}

static void test_wrong_publications(void **state)
{
    (void)state;
    static const struct {
        const char *model, *things, *reason;
    } wrong[] = {
        { "{'title':'x'}", "", "needs" },
        { "7", "", "must be an object" },
        { plant_model, "{'id':'a','title':'','model':1}", "no such model" },
        { plant_model, "{'id':'a','title':'','model':0.5}", "no such model" },
        { plant_model, "{'id':'a','title':'','model':-1}", "outside" },
        { plant_model, "{'id':'','title':'','model':0}", "bytes" },
        { plant_model, "{'id':'a','title':'','model':0},{'id':'a','title':'','model':0}", "two things" },
        { plant_model, "{'id':'a','title':'','model':0,'rights':'all'}", "unknown key" },
    };
    attach(&plant, SYSTEM_TWIN, "plant");
    say_register(&plant);
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        say(&plant, DII_PUBLISH, i + 1,
            "{'schema':'dii.publish/"
            "1','first_model':0,'models':[%s],'first_thing':0,'things':[%s],'last':true}",
            wrong[i].model, wrong[i].things);
        tick();
        assert_refused(&plant, DII_REFUSED, i + 1, wrong[i].reason);
    }
    assert_null(last(&plant, DII_PUBLISHED));
    assert_false(system_called("plant").up);
}

static void test_lease(void **state)
{
    (void)state;
    attach(&plant, SYSTEM_TWIN, "plant");
    attach(&world, SYSTEM_METAVERSE, "world");
    say_register(&plant);
    publish(&plant);
    say_register(&world);
    tick();
    forget(&world);
    for (int i = 0; i < 10; i++) { /* a heartbeat is enough */
        say(&plant, DII_HEARTBEAT, 0, "{'schema':'dii.heartbeat/1'}");
        say(&world, MII_HEARTBEAT, 0, "{'schema':'mii.heartbeat/1'}");
        tick_after(4 * TIME_SECOND);
    }
    assert_true(system_called("plant").up);
    assert_null(last(&world, MII_SYSTEM_STATE));
    say(&world, MII_HEARTBEAT, 0, "{'schema':'mii.heartbeat/1'}");
    tick_after(5 * TIME_SECOND + TIME_MS);
    assert_false(system_called("plant").up);
    assert_string_equal(text_of(last(&world, MII_SYSTEM_STATE), "system"), "plant");
    assert_string_equal(text_of(last(&world, MII_SYSTEM_STATE), "state"), "down");
    assert_int_equal(enabler_counters(enabler)->leases_lapsed, 1);
    say(&plant, DII_HEARTBEAT, 0, "{'schema':'dii.heartbeat/1'}");
    tick();
    assert_true(system_called("plant").up);
    assert_string_equal(text_of(last(&world, MII_SYSTEM_STATE), "state"), "up");
    assert_int_equal(count_of(&world, MII_SYSTEM_STATE), 2);
}

static void test_connection_lost_and_gone_for_good(void **state)
{
    (void)state;
    detach(&plant);
    tick();
    assert_string_equal(text_of(last(&world, MII_SYSTEM_STATE), "state"), "down");
    assert_string_equal(text_of(last(&monitor, SII_SYSTEM_STATE), "state"), "down");
    assert_int_equal(system_count(), 4);
    tick_after(59 * TIME_MINUTE);
    assert_int_equal(system_count(), 4);
    tick_after(2 * TIME_MINUTE);
    assert_int_equal(system_count(), 3); /* the others are silent since then only */
}

static const json_t *system_in(const Received *answer, size_t index)
{
    return json_array_get(json_object_get(answer->body, "systems"), index);
}

static const char *member(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void test_discovery(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        size_t wanted;
    } asked[] = { { "", 2 },
                  { ",'domain':''", 2 },
                  { ",'domain':'energy'", 2 },
                  { ",'domain':'energy/heat'", 2 },
                  { ",'domain':'energy/he'", 0 },
                  { ",'domain':'water'", 0 },
                  { ",'kind':'twin'", 1 },
                  { ",'kind':'service','domain':'energy'", 1 } };
    for (size_t i = 0; i < ARRAY_COUNT(asked); i++) {
        say(&world, MII_DISCOVER, i + 1, "{'schema':'mii.discover/1'%s}", asked[i].filter);
        tick();
        const Received *answer = last(&world, MII_SYSTEMS);
        assert_int_equal(answer->correlation, i + 1);
        assert_int_equal(json_array_size(json_object_get(answer->body, "systems")), asked[i].wanted);
    }
    say(&monitor, SII_DISCOVER, 1, "{'schema':'sii.discover/1','kind':'twin'}");
    tick();
    const json_t *found = system_in(last(&monitor, SII_SYSTEMS), 0);
    assert_string_equal(member(found, "name"), "plant");
    assert_string_equal(member(found, "kind"), "twin");
    assert_string_equal(member(found, "state"), "up");
    assert_int_equal(json_integer_value(json_object_get(found, "things")), 3);
    say(&world, MII_DISCOVER, 99, "{'schema':'mii.discover/1','kind':'metaverse'}");
    tick();
    assert_refused(&world, MII_REFUSED, 99, "kind");
}

/* The second stage: what a system has, without any grant. */
static void test_inspecting(void **state)
{
    (void)state;
    say(&world, MII_DISCOVER, 1, "{'schema':'mii.discover/1','system':'plant'}");
    say(&monitor, SII_DISCOVER, 2, "{'schema':'sii.discover/1','system':'plant'}");
    tick();
    const Received *const answers[] = { last(&world, MII_SYSTEMS), last(&monitor, SII_SYSTEMS) };
    for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
        assert_non_null(answers[i]);
        assert_int_equal(answers[i]->correlation, i + 1);
        assert_int_equal(json_array_size(json_object_get(answers[i]->body, "systems")), 1);
        const json_t *entry = system_in(answers[i], 0);
        assert_string_equal(member(entry, "name"), "plant");
        assert_int_equal(json_integer_value(json_object_get(entry, "things")), 3);
        const json_t *models = json_object_get(entry, "models");
        json_t *wanted = json_pack("[{s:s,s:i,s:i}]", "title", "Valve", "properties", 4, "actions", 6);
        assert_true(json_equal(models, wanted)); /* metadata: nothing of the things themselves */
        json_decref(wanted);
    }
    say(&world, MII_DISCOVER, 3, "{'schema':'mii.discover/1','system':'monitor'}"); /* what a service has */
    tick();
    assert_string_equal(member(system_in(last(&world, MII_SYSTEMS), 0), "kind"), "service");
    assert_int_equal(json_array_size(json_object_get(system_in(last(&world, MII_SYSTEMS), 0), "models")), 0);
    say(&world, MII_DISCOVER, 4, "{'schema':'mii.discover/1'}");
    tick();
    assert_null(json_object_get(system_in(last(&world, MII_SYSTEMS), 0), "models")); /* the first stage */
}

static void test_inspecting_what_is_not_listed(void **state)
{
    (void)state;
    static const char *const names[] = { "nobody", "other", "world" }; /* metaverse systems are not listed */
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        say(&world, MII_DISCOVER, i + 1, "{'schema':'mii.discover/1','system':'%s'}", names[i]);
        tick();
        assert_refused(&world, MII_REFUSED, i + 1, "there is no system");
        assert_string_equal(text_of(last(&world, MII_REFUSED), "code"), "NOT_FOUND");
        assert_audited("world", "mii.discover/1", "refused", names[i]);
    }
    say(&world, MII_DISCOVER, 9, "{'schema':'mii.discover/1','system':7}");
    tick();
    assert_refused(&world, MII_REFUSED, 9, "text");
    assert_null(last(&world, MII_SYSTEMS));
}

/* However many kinds of things there are, and however their titles have to be escaped, the answer comes. */
static void test_inspecting_many_models(void **state)
{
    (void)state;
    enum { MODELS = 600, PER_PAGE = 200 };
    static char models[200 << 10], title[2 * 250 + 1];
    for (size_t i = 0; i + 2 < sizeof title; i += 2) {
        memcpy(title + i, "\\'", 2); /* a quotation mark, which JSON escapes */
    }
    for (int page = 0; page < MODELS / PER_PAGE; page++) {
        size_t used = 0;
        for (int i = 0; i < PER_PAGE; i++) {
            used +=
                (size_t)snprintf(models + used, sizeof models - used,
                                 "%s{'@context':'c','title':'%s','security':'n','securityDefinitions':{}}",
                                 i ? "," : "", title);
        }
        say(&plant, DII_PUBLISH, 5,
            "{'schema':'dii.publish/1','first_model':%d,'models':[%s],'first_thing':0,'things':[],'last':%s}",
            page * PER_PAGE, models, page == MODELS / PER_PAGE - 1 ? "true" : "false");
        tick();
    }
    assert_int_equal(integer_of(last(&plant, DII_PUBLISHED), "models"), MODELS);
    say(&world, MII_DISCOVER, 6, "{'schema':'mii.discover/1','system':'plant'}");
    tick();
    assert_non_null(last(&world, MII_SYSTEMS));
    assert_int_equal(json_array_size(json_object_get(system_in(last(&world, MII_SYSTEMS), 0), "models")),
                     256);
}

static void describe_plant(Peer *peer, uint64_t correlation)
{
    say(peer, as_of(peer, MII_DESCRIBE), correlation,
        "{'schema':'%s','system':'plant','first_model':0,'first_thing':0}", SCHEMA(peer, MII_DESCRIBE));
    tick();
}

/* The models are for those who may read, as long as they may. */
static void test_describing_needs_a_grant_to_read(void **state)
{
    (void)state;
    describe_plant(&world, 1);
    assert_refused(&world, MII_REFUSED, 1, "ask for access first");
    assert_string_equal(text_of(last(&world, MII_REFUSED), "code"), "NOT_ALLOWED");
    assert_audited("world", "mii.describe/1", "refused", "ask for access first");
    assert_non_null(get_grant(&world, "ada", "operator", "['actuate']", BOTH, ""));
    describe_plant(&world, 2);
    assert_refused(&world, MII_REFUSED, 2, "ask for access first"); /* another right */
    const char *some = get_grant(&world, "ada", "operator", "['read']", BOTH, ",'things':['v1']");
    describe_plant(&world, 3);
    assert_int_equal(last(&world, MII_MODELS)->correlation, 3);
    assert_int_equal(json_array_size(json_object_get(last(&world, MII_MODELS)->body, "things")), 3);
    forget_all();
    describe_plant(&other, 4);
    assert_refused(&other, MII_REFUSED, 4, "ask for access first"); /* it is the world's */
    assert_int_equal(enabler_revoke(enabler, some, "admin", "test"), STATUS_OK);
    describe_plant(&world, 5);
    assert_refused(&world, MII_REFUSED, 5, "ask for access first");
    assert_non_null(get_grant(&monitor, "m", "viewer", "['read']", BOTH, ",'seconds':1"));
    describe_plant(&monitor, 6);
    assert_non_null(last(&monitor, SII_MODELS));
    tick_after(2 * TIME_SECOND);
    describe_plant(&monitor, 7);
    assert_refused(&monitor, SII_REFUSED, 7, "ask for access first");
}

static void test_describing(void **state)
{
    (void)state;
    assert_non_null(get_grant(&world, "ada", "viewer", "['read']", "['read']", ""));
    say(&world, MII_DESCRIBE, 4,
        "{'schema':'mii.describe/1','system':'plant','first_model':0,'first_thing':0}");
    tick();
    const Received *answer = last(&world, MII_MODELS);
    assert_int_equal(answer->correlation, 4);
    assert_string_equal(text_of(answer, "system"), "plant");
    assert_true(json_is_true(json_object_get(answer->body, "last")));
    const json_t *model = json_array_get(json_object_get(answer->body, "models"), 0);
    json_t *original = json_loads(plant_model, 0, NULL);
    assert_true(json_equal(model, original)); /* as it was published */
    json_decref(original);
    const json_t *thing = json_array_get(json_object_get(answer->body, "things"), 2);
    assert_string_equal(member(thing, "id"), "v2");
    static const char *const wrong[] = { "'system':'none','first_model':0,'first_thing':0",
                                         "'system':'world','first_model':0,'first_thing':0",
                                         "'system':'plant','first_model':2,'first_thing':0",
                                         "'system':'plant','first_model':0,'first_thing':-1" };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        say(&world, MII_DESCRIBE, 10 + i, "{'schema':'mii.describe/1',%s}", wrong[i]);
        tick();
        assert_refused(&world, MII_REFUSED, 10 + i, "");
    }
}

static void test_describing_what_was_not_published(void **state)
{
    (void)state;
    Peer late = { 0 };
    attach(&late, SYSTEM_TWIN, "late");
    say_register(&late);
    say(&world, MII_DISCOVER, 3, "{'schema':'mii.discover/1','system':'late'}");
    tick();
    assert_string_equal(member(system_in(last(&world, MII_SYSTEMS), 0), "state"), "down");
    assert_int_equal(json_array_size(json_object_get(system_in(last(&world, MII_SYSTEMS), 0), "models")), 0);
    say(&world, MII_ACCESS, 4,
        "{'schema':'mii.access/1','system':'late','rights':['read'],"
        "'user':{'name':'a','key':'','role':'admin','system':'world'}}");
    tick();
    assert_refused(&world, MII_REFUSED, 4, "is down");
    say(&world, MII_DESCRIBE, 5,
        "{'schema':'mii.describe/1','system':'late','first_model':0,'first_thing':0}");
    tick();
    assert_refused(&world, MII_REFUSED, 5, "ask for access first");
    poll_peer(&late);
    forget(&late);
    detach(&late);
    free(late.received);
}

/* Titles are passed on as they came, and models that do not fit one page go in several. */
static void test_large_models_and_odd_titles(void **state)
{
    (void)state;
    enum { MODELS = 5 };
    static char padding[200 << 10];
    memset(padding, 'x', sizeof padding - 1);
    for (int i = 0; i < MODELS; i++) {
        say(&plant, DII_PUBLISH, 5,
            "{'schema':'dii.publish/"
            "1','first_model':%d,'models':[{'@context':'c','title':'M%d','security':'n',"
            "'securityDefinitions':{},'description':'%s'}],'first_thing':0,'things':[],'last':false}",
            i, i, padding);
        tick();
    }
    say(&plant, DII_PUBLISH, 6,
        "{'schema':'dii.publish/1','first_model':%d,'models':[],'first_thing':0,"
        "'things':[{'id':'v0','title':'a \\\"b\\\\c','model':4}],'last':true}",
        MODELS);
    tick();
    assert_non_null(last(&plant, DII_PUBLISHED));
    assert_non_null(get_grant(&world, "ada", "viewer", "['read']", "['read']", ""));
    size_t model = 0, pages = 0;
    const Received *answer;
    do {
        say(&world, MII_DESCRIBE, 4,
            "{'schema':'mii.describe/1','system':'plant','first_model':%zu,'first_thing':0}", model);
        tick();
        answer = last(&world, MII_MODELS);
        assert_non_null(answer);
        const json_t *models = json_object_get(answer->body, "models");
        assert_true(json_array_size(models) > 0);
        model += json_array_size(models);
        pages++;
    } while (json_is_false(json_object_get(answer->body, "last")));
    assert_int_equal(model, MODELS);
    assert_true(pages >= 2);
    const json_t *thing = json_array_get(json_object_get(answer->body, "things"), 0);
    assert_string_equal(member(thing, "title"), "a \"b\\c");
}

/* More than fits one page comes whole, page by page. */
static void test_describing_in_pages(void **state)
{
    (void)state;
    enum { PAGES = 20, PER_PAGE = 1000 };
    static char things[200 << 10];
    for (int page = 0; page < PAGES; page++) {
        size_t used = 0;
        for (int i = 0; i < PER_PAGE; i++) {
            used += (size_t)snprintf(things + used, sizeof things - used,
                                     "%s{'id':'t%d','title':'a thing with a rather long title','model':0}",
                                     i ? "," : "", page * PER_PAGE + i);
        }
        say(&plant, DII_PUBLISH, 5,
            "{'schema':'dii.publish/"
            "1','first_model':%d,'models':[%s],'first_thing':%d,'things':[%s],'last':%s}",
            page > 0, page ? "" : plant_model, page * PER_PAGE, things, page == PAGES - 1 ? "true" : "false");
        tick();
    }
    assert_int_equal(integer_of(last(&plant, DII_PUBLISHED), "things"), PAGES * PER_PAGE);
    assert_non_null(get_grant(&world, "ada", "viewer", "['read']", "['read']", ""));
    size_t model = 0, thing = 0, pages = 0;
    for (bool done = false; !done; pages++) {
        say(&world, MII_DESCRIBE, 4,
            "{'schema':'mii.describe/1','system':'plant','first_model':%zu,'first_thing':%zu}", model, thing);
        tick();
        const Received *answer = last(&world, MII_MODELS);
        assert_int_equal(integer_of(answer, "first_thing"), thing);
        const json_t *list = json_object_get(answer->body, "things");
        for (size_t i = 0; i < json_array_size(list); i++) {
            char id[16];
            snprintf(id, sizeof id, "t%zu", thing + i);
            assert_string_equal(member(json_array_get(list, i), "id"), id);
        }
        model += json_array_size(json_object_get(answer->body, "models"));
        thing += json_array_size(list);
        done = json_is_true(json_object_get(answer->body, "last"));
    }
    assert_int_equal(model, 1);
    assert_int_equal(thing, PAGES * PER_PAGE);
    assert_true(pages >= 2);
}

static void test_floods_do_not_fill_the_audit_log(void **state)
{
    (void)state;
    uint64_t before = enabler_counters(enabler)->audit_entries;
    for (int i = 0; i < 1000; i++) {
        say(&world, MII_DISCOVER, 1, "{");
        tick();
    }
    assert_true(enabler_counters(enabler)->audit_entries - before < 40);
    assert_true(enabler_counters(enabler)->audit_suppressed > 900);
    say(&other, MII_DISCOVER, 1, "{"); /* another's are still written down */
    tick();
    assert_audited("other", "mii.discover/1", "refused", "JSON");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_registers_and_says_the_lease, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_name_that_is_not_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_malformed_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_without_registration, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_a_kind_may_not_send, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_kind_under_a_known_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_room_for_systems, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tokens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_publication_in_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_publications, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lease, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_connection_lost_and_gone_for_good, set_up_all, tear_down),
        cmocka_unit_test_setup_teardown(test_discovery, set_up_all, tear_down),
        cmocka_unit_test_setup_teardown(test_inspecting, set_up_all, tear_down),
        cmocka_unit_test_setup_teardown(test_inspecting_what_is_not_listed, set_up_all, tear_down),
        cmocka_unit_test_setup_teardown(test_inspecting_many_models, set_up_all, tear_down),
        cmocka_unit_test_setup_teardown(test_describing_needs_a_grant_to_read, set_up_all, tear_down),
        cmocka_unit_test_setup_teardown(test_describing, set_up_all, tear_down),
        cmocka_unit_test_setup_teardown(test_describing_what_was_not_published, set_up_all, tear_down),
        cmocka_unit_test_setup_teardown(test_large_models_and_odd_titles, set_up_all, tear_down),
        cmocka_unit_test_setup_teardown(test_describing_in_pages, set_up_all, tear_down),
        cmocka_unit_test_setup_teardown(test_floods_do_not_fill_the_audit_log, set_up_all, tear_down),
    };
    return cmocka_run_group_tests_name("enabler", tests, NULL, NULL);
}
