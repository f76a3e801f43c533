/* The handshake, the transfer of the world, names, the roster, and the end of a session. */
#include "shared/model/avatar.h"
#include "tests/unit/server/script_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static Stage stage;
static const SimLink perfect = { 0 };
static const MetaverseConfig small_config = { .sessions = 8 };

static int set_up(void **state)
{
    (void)state;
    return stage_init(&stage, 3, &small_config, perfect) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    stage_finish(&stage);
    return 0;
}

static void a_client_gets_the_world_and_goes_live(void **state)
{
    (void)state;
    ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
    stage_run(&stage, 1);
    assert_true(client->welcomed && client->ready);
    assert_false(client->rejected || client->disconnected || client->file_wrong);
    assert_int_equal(client->undecoded, 0);
    assert_string_equal(client->welcome.name, "Ada");
    assert_string_equal(client->welcome.world_name, "small");
    assert_memory_equal(client->welcome.world_hash, stage.small.world.hash, HASH_SIZE);
    assert_int_equal(client->welcome.manifest_count, 3);
    assert_int_equal(client->welcome.entity_limit, 3 + 8);
    assert_int_equal(client->welcome.channel_limit, 3 * SMALL_PROPERTIES);
    assert_int_equal(client->welcome.tick_rate_hz, 60);
    assert_int_equal(client->welcome.snapshot_rate_hz, 30);
    assert_memory_equal(client->file, stage.small.big, sizeof stage.small.big);
    assert_true(client->snapshots > 10);
    assert_int_equal(client->snapshots_refused, 0);
    assert_int_equal(client->roster_count, 1); /* itself */
    assert_non_null(client_avatar(client, client->welcome.session));
    assert_int_equal(metaverse_counters(stage.metaverse)->sessions, 1);
    assert_int_equal(metaverse_counters(stage.metaverse)->joined, 1);
}

static void two_see_each_other_and_one_leaves(void **state)
{
    (void)state;
    ScriptClient *ada = stage_add(&stage, GOAL_LIVE, "Ada");
    ScriptClient *bob = stage_add(&stage, GOAL_LIVE, "Bob");
    stage_run(&stage, 1);
    assert_int_not_equal(ada->welcome.session, bob->welcome.session);
    assert_int_equal(ada->roster_count, 2);
    assert_int_equal(bob->roster_count, 2);
    const EntityState *seen = client_avatar(ada, bob->welcome.session);
    const EntityState *own = client_avatar(bob, bob->welcome.session);
    assert_non_null(seen);
    assert_non_null(own);
    assert_int_equal(seen->handle.value, own->handle.value);
    Message bye = { .id = MESSAGE_BYE };
    assert_int_equal(client_send(bob, &bye), STATUS_OK);
    bob->mute = true;
    stage_run(&stage, 0.5);
    assert_int_equal(ada->roster_count, 1);
    assert_string_equal(ada->roster[0].name, "Ada");
    assert_null(client_avatar(ada, bob->welcome.session));
    assert_true(bob->disconnected);
    assert_int_equal(metaverse_counters(stage.metaverse)->left, 1);
}

static const RosterEntry *listed(const ScriptClient *client, uint16_t session)
{
    for (uint32_t i = 0; i < client->roster_count; i++) {
        if (client->roster[i].session == session) {
            return &client->roster[i];
        }
    }
    return NULL;
}

/* A crowd costs everyone a few messages, not one a person; newcomers get one list. */
static void news_of_a_crowd_come_together(void **state)
{
    (void)state;
    ScriptClient *first = stage_add(&stage, GOAL_LIVE, "First");
    stage_run(&stage, 1);
    assert_int_equal(first->rosters, 1); /* at once, and nothing since */
    for (int i = 0; i < 6; i++) {
        assert_non_null(stage_add(&stage, GOAL_LIVE, "Crowd"));
    }
    stage_run(&stage, 1);
    ScriptClient *late = stage_add(&stage, GOAL_LIVE, "Late");
    stage_run(&stage, 1);
    assert_true(first->rosters <= 4);
    assert_int_equal(late->rosters, 1);
    for (uint32_t a = 0; a < stage.client_count; a++) {
        assert_int_equal(stage.clients[a].roster_count, 8);
        for (uint32_t b = 0; b < stage.client_count; b++) {
            const RosterEntry *entry = listed(&stage.clients[a], stage.clients[b].welcome.session);
            assert_non_null(entry);
            assert_string_equal(entry->name, stage.clients[b].welcome.name);
        }
    }
}

/* Who comes and goes between two rounds of news is in no list afterwards. */
static void a_short_visit_leaves_nothing(void **state)
{
    (void)state;
    ScriptClient *ada = stage_add(&stage, GOAL_LIVE, "Ada");
    stage_run(&stage, 1);
    ScriptClient *bob = stage_add(&stage, GOAL_LIVE, "Bob");
    while (metaverse_counters(stage.metaverse)->sessions < 2) {
        stage_tick(&stage);
    }
    ScriptClient *eve = stage_add(&stage, GOAL_LIVE, "Eve");
    while (metaverse_counters(stage.metaverse)->sessions < 3) {
        stage_tick(&stage);
    }
    Message bye = { .id = MESSAGE_BYE };
    assert_int_equal(client_send(eve, &bye), STATUS_OK);
    eve->mute = true;
    stage_run(&stage, 1);
    assert_int_equal(ada->roster_count, 2);
    assert_int_equal(bob->roster_count, 2);
    assert_null(listed(ada, eve->welcome.session));
    assert_null(listed(bob, eve->welcome.session));
}

static void people_do_not_stand_in_each_other(void **state)
{
    (void)state;
    ScriptClient *last = NULL;
    for (int i = 0; i < 8; i++) {
        last = stage_add(&stage, GOAL_LIVE, "Ada");
        assert_non_null(last);
    }
    stage_run(&stage, 2);
    assert_int_equal(metaverse_counters(stage.metaverse)->sessions, 8);
    const Snapshot *snapshot = last->newest;
    for (uint32_t a = 3; a < snapshot->entity_count; a++) {
        for (uint32_t b = 3; b < a; b++) {
            double x = snapshot->entities[a].x_mm - snapshot->entities[b].x_mm;
            double z = snapshot->entities[a].z_mm - snapshot->entities[b].z_mm;
            assert_true(sqrt(x * x + z * z) > 2000 * (double)AVATAR_RADIUS);
        }
    }
}

static void names_are_unique_and_printable(void **state)
{
    (void)state;
    static const struct {
        const char *wished, *granted;
    } cases[] = {
        { "Ada", "Ada" },
        { "Ada", "Ada 2" },
        { "  aDA  ", "aDA 3" },
        { "", "Guest" },
        { "\xE2\x80\x8B \xE2\x80\xAE", "Guest 2" }, /* zero width space, right-to-left override */
        { "J\xC3\xBCrgen \xE2\x80\xAE  M\xC3\xBCller", "J\xC3\xBCrgen M\xC3\xBCller" },
        { "\xEC\xB6\x98\xED\x96\xA5", "\xEC\xB6\x98\xED\x96\xA5" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        ScriptClient *client = stage_add(&stage, GOAL_LIVE, cases[i].wished);
        stage_run(&stage, 0.3);
        assert_string_equal(client->welcome.name, cases[i].granted);
    }
}

static void long_names_keep_room_for_the_number(void **state)
{
    (void)state;
    char name[NAME_SIZE];
    memset(name, 'x', NAME_SIZE - 3);
    memcpy(name + NAME_SIZE - 3, "\xC3\xA9", 3); /* the last character takes two bytes */
    ScriptClient *first = stage_add(&stage, GOAL_HELLO, name);
    ScriptClient *second = stage_add(&stage, GOAL_HELLO, name);
    stage_run(&stage, 0.3);
    assert_string_equal(first->welcome.name, name);
    assert_int_equal(strlen(second->welcome.name), NAME_SIZE - 1);
    assert_string_equal(second->welcome.name + NAME_SIZE - 3, " 2");
}

static void another_version_is_told_so(void **state)
{
    (void)state;
    ScriptClient *old = &stage.clients[stage.client_count++];
    assert_true(client_start(old, stage.network, GOAL_LIVE, "Old"));
    old->version = PROTOCOL_MAGIC | 777;
    assert_true(client_connect(old));
    ScriptClient *alien = &stage.clients[stage.client_count++];
    assert_true(client_start(alien, stage.network, GOAL_CONNECT, "Alien"));
    alien->version = 12345;
    assert_true(client_connect(alien));
    ScriptClient *liar = &stage.clients[stage.client_count++];
    assert_true(client_start(liar, stage.network, GOAL_LIVE, "Liar"));
    liar->hello.version = 778;
    assert_true(client_connect(liar));
    ScriptClient *good = stage_add(&stage, GOAL_LIVE, "Good");
    stage_run(&stage, 0.5);
    assert_int_equal(old->reject.code, REJECT_VERSION);
    assert_non_null(strstr(old->reject.text, "777"));
    assert_non_null(strstr(old->reject.text, "version 3"));
    assert_int_equal(old->reason, REJECT_VERSION);
    assert_int_equal(alien->reject.code, REJECT_VERSION);
    assert_int_equal(liar->reject.code, REJECT_VERSION);
    assert_non_null(strstr(liar->reject.text, "778"));
    assert_true(old->disconnected && alien->disconnected && liar->disconnected);
    assert_true(good->snapshots > 0);
    assert_int_equal(metaverse_counters(stage.metaverse)->refused, 3);
}

static void another_world_is_told_so(void **state)
{
    (void)state;
    ScriptClient *client = &stage.clients[stage.client_count++];
    assert_true(client_start(client, stage.network, GOAL_LIVE, "Ada"));
    client->hello.world_hash[3] = 1;
    assert_true(client_connect(client));
    ScriptClient *same = &stage.clients[stage.client_count++];
    assert_true(client_start(same, stage.network, GOAL_LIVE, "Bob"));
    memcpy(same->hello.world_hash, stage.small.world.hash, HASH_SIZE);
    assert_true(client_connect(same));
    ScriptClient *forger = stage_add(&stage, GOAL_HELLO, "Eve");
    stage_run(&stage, 0.3);
    assert_int_equal(client->reject.code, REJECT_WORLD);
    assert_non_null(strstr(client->reject.text, "'small'"));
    assert_true(same->snapshots > 0);
    Message ready = { .id = MESSAGE_READY };
    assert_int_equal(client_send(forger, &ready), STATUS_OK);
    stage_run(&stage, 0.3);
    assert_int_equal(forger->reject.code, REJECT_WORLD);
    assert_int_equal(metaverse_counters(stage.metaverse)->refused, 2);
}

static void a_full_server_says_so_and_a_place_comes_free(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        stage_add(&stage, GOAL_LIVE, "Ada");
    }
    stage_run(&stage, 2);
    ScriptClient *late = stage_add(&stage, GOAL_LIVE, "Late");
    stage_run(&stage, 0.3);
    assert_int_equal(late->reject.code, REJECT_FULL);
    assert_non_null(strstr(late->reject.text, "8 people"));
    transport_disconnect(stage.clients[2].transport, stage.clients[2].peer, 0);
    stage.clients[2].mute = true;
    stage_run(&stage, 0.3);
    ScriptClient *next = stage_add(&stage, GOAL_LIVE, "Next");
    stage_run(&stage, 1);
    assert_true(next->snapshots > 0);
    assert_int_equal(metaverse_counters(stage.metaverse)->sessions, 8);
}

static void a_client_that_vanishes_is_forgotten(void **state)
{
    (void)state;
    ScriptClient *ada = stage_add(&stage, GOAL_LIVE, "Ada");
    ScriptClient *bob = stage_add(&stage, GOAL_LIVE, "Bob");
    stage_run(&stage, 1);
    uint16_t gone = bob->welcome.session;
    client_finish(bob); /* no good-bye */
    stage_run(&stage, 11);
    assert_int_equal(metaverse_counters(stage.metaverse)->sessions, 1);
    assert_null(client_avatar(ada, gone));
    assert_int_equal(ada->roster_count, 1);
    ScriptClient *again = stage_add(&stage, GOAL_LIVE, "Bob");
    stage_run(&stage, 1);
    assert_string_equal(again->welcome.name, "Bob");
    assert_int_not_equal(again->welcome.session, gone);
    assert_int_equal(ada->roster_count, 2);
}

static void silence_ends_a_session(void **state)
{
    (void)state;
    ScriptClient *mute = stage_add(&stage, GOAL_LIVE, "Mute");
    ScriptClient *waiting = stage_add(&stage, GOAL_CONNECT, "Waiting");
    ScriptClient *good = stage_add(&stage, GOAL_LIVE, "Good");
    mute->mute = true;
    stage_run(&stage, 4.9);
    assert_false(waiting->rejected || mute->rejected);
    stage_run(&stage, 0.3);
    assert_int_equal(waiting->reject.code, REJECT_TIMEOUT);
    assert_non_null(strstr(waiting->reject.text, "HELLO"));
    stage_run(&stage, 6);
    assert_int_equal(mute->reject.code, REJECT_TIMEOUT);
    assert_false(good->rejected || good->disconnected);
    assert_int_equal(metaverse_counters(stage.metaverse)->timed_out, 2);
}

static void loading_takes_its_time_but_not_for_ever(void **state)
{
    (void)state;
    ScriptClient *slow = stage_add(&stage, GOAL_HELLO, "Slow");
    stage_run(&stage, 59);
    assert_true(slow->welcomed);
    assert_false(slow->rejected || slow->disconnected);
    stage_run(&stage, 2);
    assert_int_equal(slow->reject.code, REJECT_TIMEOUT);
}

/* A large world over a thin line takes as long as it takes, while it gets on. */
static void a_slow_transfer_is_not_cut_off(void **state)
{
    (void)state;
    ScriptClient *slow = stage_add(&stage, GOAL_HELLO, "Slow");
    Message ask = { .id = MESSAGE_FILE_REQUEST, .file_request = { .index = 1, .chunk_count = 1 } };
    for (int i = 0; i < 7; i++) {
        stage_run(&stage, 55);
        assert_false(slow->rejected || slow->disconnected);
        assert_int_equal(client_send(slow, &ask), STATUS_OK);
    }
}

static void shutdown_is_told_to_all(void **state)
{
    (void)state;
    ScriptClient *live = stage_add(&stage, GOAL_LIVE, "Ada");
    stage_run(&stage, 1);
    ScriptClient *joining = stage_add(&stage, GOAL_HELLO, "Bob");
    stage_run(&stage, 0.2);
    metaverse_shutdown(stage.metaverse, stage.now);
    ScriptClient *late = stage_add(&stage, GOAL_LIVE, "Late");
    stage_run(&stage, 0.2);
    assert_int_equal(live->reject.code, REJECT_SHUTDOWN);
    assert_int_equal(joining->reject.code, REJECT_SHUTDOWN);
    assert_int_equal(late->reject.code, REJECT_SHUTDOWN);
    assert_true(live->disconnected && joining->disconnected && late->disconnected);
    assert_int_equal(metaverse_counters(stage.metaverse)->sessions, 0);
}

static void clocks_are_answered(void **state)
{
    (void)state;
    ScriptClient *client = stage_add(&stage, GOAL_HELLO, "Ada");
    stage_run(&stage, 0.3);
    Message ask = { .id = MESSAGE_TIME_REQUEST, .time_request = { .t0 = 1234 } };
    assert_int_equal(client_send(client, &ask), STATUS_OK);
    stage_run(&stage, 0.2);
    assert_int_equal(client->time_responses, 1);
    assert_int_equal(client->time_response.t0, 1234);
    assert_true(client->time_response.t1 <= client->time_response.t2);
    assert_in_range(client->time_response.t2, stage.now - TIME_SECOND, stage.now);
}

/* READY is reliable and INPUT is not, so INPUT may come first. */
static void input_that_overtakes_ready_is_forgiven(void **state)
{
    (void)state;
    ScriptClient *client = stage_add(&stage, GOAL_HELLO, "Ada");
    stage_run(&stage, 0.3);
    client_step(client);
    stage_run(&stage, 0.1);
    assert_false(client->rejected || client->disconnected);
    assert_int_equal(metaverse_counters(stage.metaverse)->early, 1);
    client->goal = GOAL_LIVE;
    stage_run(&stage, 1);
    assert_true(client->snapshots > 0);
}

static void many_files_and_loss_still_load(void **state)
{
    (void)state;
    stage_finish(&stage);
    SimLink bad = {
        .latency = 75 * TIME_MS, .jitter = 30 * TIME_MS, .loss = 0.2, .duplication = 0.05, .reorder = 0.1
    };
    assert_true(stage_init(&stage, 3, &small_config, bad));
    ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
    for (int i = 0; i < 60 && client->snapshots == 0; i++) {
        stage_run(&stage, 1);
    }
    assert_true(client->snapshots > 0);
    assert_memory_equal(client->file, stage.small.big, sizeof stage.small.big);
}

/* Entity indices come back, each time as another entity. */
static void people_may_come_and_go_for_ever(void **state)
{
    (void)state;
    stage_finish(&stage);
    assert_true(stage_init_sized(&stage, 1, &(MetaverseConfig){ .sessions = 1 }, perfect, 100));
    uint32_t handles[200];
    for (size_t i = 0; i < ARRAY_COUNT(handles); i++) {
        stage.client_count = 0;
        ScriptClient *client = stage_add(&stage, GOAL_LIVE, "Ada");
        stage_run(&stage, 0.3);
        assert_true(client->snapshots > 0);
        handles[i] = client_avatar(client, client->welcome.session)->handle.value;
        assert_true(entity_index((EntityHandle){ handles[i] }) >= 1);
        for (size_t before = 0; before < i; before++) {
            assert_int_not_equal(handles[before], handles[i]);
        }
        transport_disconnect(client->transport, client->peer, 0);
        transport_flush(client->transport, stage.now);
        client_finish(client);
        stage.client_count = 0;
        stage_run(&stage, 0.1);
    }
}

/* Every allocation limit up to the one that suffices: creation fails cleanly or works, never half. */
static void creation_fails_cleanly_at_every_size(void **state)
{
    (void)state;
    Transport transport;
    assert_int_equal(transport_sim_create(stage.network, 99, &transport), STATUS_OK);
    unsigned failed = 0;
    for (size_t limit = 64 * 1024;; limit += 64 * 1024) {
        Metaverse *metaverse = NULL;
        Diag diag = { 0 };
        MetaverseConfig config = { .sessions = 8, .memory_limit = limit };
        Status status = metaverse_create(&config, &stage.small.world, &stage.small.texts, stage.small.assets,
                                         transport, &metaverse, &diag);
        if (status == STATUS_OK) {
            metaverse_destroy(metaverse); /* the transport with it */
            break;
        }
        assert_int_equal(status, STATUS_OUT_OF_MEMORY);
        assert_true(strlen(diag.text) > 0);
        assert_null(metaverse);
        failed++;
    }
    assert_true(failed > 3);
}

static void bad_configurations_are_refused(void **state)
{
    (void)state;
    static const struct {
        MetaverseConfig config;
        Status status;
    } cases[] = {
        { { .sessions = 4096 }, STATUS_CAPACITY },
        { { .tick_rate_hz = 30, .snapshot_rate_hz = 60 }, STATUS_OUT_OF_RANGE },
        { { .tick_rate_hz = 1001 }, STATUS_OUT_OF_RANGE },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        Metaverse *metaverse = NULL;
        Diag diag = { 0 };
        assert_int_equal(metaverse_create(&cases[i].config, &stage.small.world, &stage.small.texts,
                                          stage.small.assets, (Transport){ 0 }, &metaverse, &diag),
                         cases[i].status);
        assert_null(metaverse);
    }
    stage.small.names[1] = "models/missing.glb";
    Metaverse *metaverse = NULL;
    Diag diag = { 0 };
    assert_int_equal(metaverse_create(&small_config, &stage.small.world, &stage.small.texts,
                                      stage.small.assets, (Transport){ 0 }, &metaverse, &diag),
                     STATUS_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_gets_the_world_and_goes_live),
        TEST(two_see_each_other_and_one_leaves),
        TEST(news_of_a_crowd_come_together),
        TEST(a_short_visit_leaves_nothing),
        TEST(people_do_not_stand_in_each_other),
        TEST(names_are_unique_and_printable),
        TEST(long_names_keep_room_for_the_number),
        TEST(another_version_is_told_so),
        TEST(another_world_is_told_so),
        TEST(a_full_server_says_so_and_a_place_comes_free),
        TEST(a_client_that_vanishes_is_forgotten),
        TEST(silence_ends_a_session),
        TEST(loading_takes_its_time_but_not_for_ever),
        TEST(a_slow_transfer_is_not_cut_off),
        TEST(shutdown_is_told_to_all),
        TEST(clocks_are_answered),
        TEST(input_that_overtakes_ready_is_forgiven),
        TEST(many_files_and_loss_still_load),
        TEST(people_may_come_and_go_for_ever),
        TEST(creation_fails_cleanly_at_every_size),
        TEST(bad_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
