/* Access and synchronisation: grants with separate rights that expire and are revoked (R5, R35), routes that
 * follow them, snapshots for those who come late (R10). Long: what a grant allows shows only in what is
 * routed by it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/server/enabler_rig.h"

static uint32_t grant_count(void)
{
    uint32_t cursor = 0, count = 0;
    EnablerGrant grant;
    while (enabler_next_grant(enabler, &cursor, &grant)) {
        count++;
    }
    return count;
}

/* ---- access ---- */

static void test_the_twin_system_is_asked(void **state)
{
    (void)state;
    say(&world, MII_ACCESS, 31,
        "{'schema':'mii.access/"
        "1','system':'plant','rights':['read','actuate'],'things':['v1','v2'],'seconds':30,"
        "'user':{'name':'ada','key':'KEY','role':'operator','system':'world'}}");
    tick();
    assert_null(last(&world, MII_GRANT)); /* not before the answer */
    const Received *question = last(&plant, DII_AUTHENTICATE);
    assert_non_null(question);
    const json_t *user = json_object_get(question->body, "user");
    assert_string_equal(json_string_value(json_object_get(user, "name")), "ada");
    assert_string_equal(json_string_value(json_object_get(user, "key")), "KEY");
    assert_string_equal(json_string_value(json_object_get(user, "role")), "operator");
    assert_string_equal(json_string_value(json_object_get(user, "system")), "world");
    assert_int_equal(json_array_size(json_object_get(question->body, "rights")), 2);
    assert_int_equal(json_array_size(json_object_get(question->body, "things")), 2);
    say(&plant, DII_AUTHENTICATED, question->correlation,
        "{'schema':'dii.authenticated/1','rights':['read'],'reason':'not on Sundays'}");
    tick();
    const Received *grant = last(&world, MII_GRANT);
    assert_non_null(grant);
    assert_int_equal(grant->correlation, 31);
    assert_int_equal(strlen(text_of(grant, "grant")), 32);
    assert_string_equal(text_of(grant, "user"), "ada");
    assert_string_equal(text_of(grant, "system"), "plant");
    json_t *read = json_pack("[s]", "read"), *things = json_pack("[s,s]", "v1", "v2");
    assert_true(json_equal(json_object_get(grant->body, "rights"), read)); /* what was granted, not asked */
    assert_true(json_equal(json_object_get(grant->body, "things"), things));
    json_decref(read);
    json_decref(things);
    assert_int_equal(integer_of(grant, "expires"), wall + 30 * TIME_SECOND);
    assert_audited("world", "access", "allowed", "not on Sundays");
}

static void test_lifetimes(void **state)
{
    (void)state;
    assert_non_null(get_grant(&world, "ada", "operator", BOTH, BOTH, ""));
    assert_int_equal(integer_of(last(&world, MII_GRANT), "expires"), wall + 600 * TIME_SECOND);
    assert_non_null(get_grant(&world, "ada", "operator", BOTH, BOTH, ",'seconds':80000"));
    assert_int_equal(integer_of(last(&world, MII_GRANT), "expires"), wall + 3600 * TIME_SECOND);
}

static void test_the_twin_system_may_say_no(void **state)
{
    (void)state;
    assert_null(get_grant(&world, "eve", "operator", BOTH, "[]", ""));
    assert_refused(&world, MII_REFUSED, 77, "grants none");
    assert_audited("world", "access", "refused", "grants none");
    assert_int_equal(grant_count(), 0);
    AuditEntry entry;
    assert_int_equal(enabler_audit_tail(enabler, &entry, 1), 1);
    assert_string_equal(entry.user, "eve");
    assert_string_equal(entry.key, "K");
}

static void test_never_more_than_was_asked(void **state)
{
    (void)state;
    const char *id = get_grant(&world, "ada", "operator", "['read']", BOTH, "");
    assert_non_null(id);
    assert_int_equal(json_array_size(json_object_get(last(&world, MII_GRANT)->body, "rights")), 1);
}

static void test_a_viewer_may_not_actuate(void **state)
{
    (void)state;
    assert_null(get_grant(&world, "vic", "viewer", "['actuate']", BOTH, ""));
    assert_refused(&world, MII_REFUSED, 77, "a viewer may not actuate");
    assert_audited("world", "access", "refused", "a viewer may not actuate");
    assert_non_null(
        get_grant(&world, "vic", "viewer", BOTH, BOTH, "")); /* reads, whatever the twin system says */
    assert_int_equal(json_array_size(json_object_get(last(&world, MII_GRANT)->body, "rights")), 1);
}

static void test_refused_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *system, *rights, *user, *more, *reason;
    } asked[] = {
        { "none", BOTH, "'name':'a','key':'','role':'admin','system':'world'", "", "no such digital twin" },
        { "monitor", BOTH, "'name':'a','key':'','role':'admin','system':'world'", "",
          "no such digital twin" },
        { "plant", "[]", "'name':'a','key':'','role':'admin','system':'world'", "", "no right" },
        { "plant", BOTH, "'name':'a','key':'','role':'king','system':'world'", "", "role" },
        { "plant", BOTH, "'name':'a','key':'','role':'admin','system':'other'", "", "of another system" },
        { "plant", BOTH, "'name':'a','key':'','role':'admin','system':'world'", ",'things':['v9']",
          "no such thing" },
        { "plant", BOTH, "'name':'a','key':'','role':'admin','system':'world'", ",'things':[]", "elements" },
        { "plant", BOTH, "'name':'a','key':'','role':'admin','system':'world'", ",'seconds':0.5", "outside" },
        { "plant", "['write']", "'name':'a','key':'','role':'admin','system':'world'", "", "read" },
        { "plant", BOTH, "'name':'a','role':'admin','system':'world'", "", "needs" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(asked); i++) {
        say(&world, MII_ACCESS, i + 1, "{'schema':'mii.access/1','system':'%s','rights':%s,'user':{%s}%s}",
            asked[i].system, asked[i].rights, asked[i].user, asked[i].more);
        tick();
        assert_refused(&world, MII_REFUSED, i + 1, asked[i].reason);
    }
    assert_null(last(&plant, DII_AUTHENTICATE));
    assert_int_equal(enabler_counters(enabler)->grants_refused, ARRAY_COUNT(asked));
}

static void ask_access(Peer *peer)
{
    say(peer, MII_ACCESS, 41,
        "{'schema':'mii.access/1','system':'plant','rights':['read'],"
        "'user':{'name':'a','key':'','role':'admin','system':'%s'}}",
        peer->name);
    tick();
}

static void test_no_answer(void **state)
{
    (void)state;
    ask_access(&world);
    uint64_t question = last(&plant, DII_AUTHENTICATE)->correlation;
    tick_after(4 * TIME_SECOND + TIME_MS);
    assert_refused(&world, MII_REFUSED, 41, "did not answer in time");
    say(&plant, DII_AUTHENTICATED, question,
        "{'schema':'dii.authenticated/1','rights':['read'],'reason':''}");
    tick();
    assert_int_equal(grant_count(), 0); /* too late */
    assert_audited("plant", "dii.authenticated/1", "refused", "too late");
    assert_null(last(&plant, DII_REFUSED)); /* an answer has no answer */
}

static void test_the_twin_system_goes_while_it_is_asked(void **state)
{
    (void)state;
    ask_access(&world);
    detach(&plant);
    tick();
    assert_refused(&world, MII_REFUSED, 41, "gone");
    ask_access(&world); /* and nobody is asked while it is away */
    assert_refused(&world, MII_REFUSED, 41, "is down");
}

/* Another twin system cannot answer for the one that was asked. */
static void test_a_forged_authentication(void **state)
{
    (void)state;
    static Peer forger;
    attach(&forger, SYSTEM_TWIN, "forger");
    say_register(&forger);
    publish(&forger);
    ask_access(&world);
    uint64_t question = last(&plant, DII_AUTHENTICATE)->correlation;
    say(&forger, DII_AUTHENTICATED, question,
        "{'schema':'dii.authenticated/1','rights':['read'],'reason':''}");
    tick();
    poll_peer(&forger);
    assert_int_equal(grant_count(), 0);
    assert_audited("forger", "dii.authenticated/1", "refused", "nobody was asked");
    forget(&forger);
    detach(&forger);
    free(forger.received);
}

/* ---- synchronisation ---- */

static void test_first_a_snapshot_then_updates(void **state)
{
    (void)state;
    const char *grant = get_grant(&world, "ada", "operator", "['read']", BOTH, "");
    forget_all();
    subscribe(&world, grant);
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 1);
    sync_values(&plant, 0, 1, POSITION, 10, false); /* on its way before the question came */
    assert_int_equal(count_of(&world, MII_SYNC), 0);
    sync_values(&plant, 0, 3, POSITION, 10, true);
    assert_int_equal(count_of(&world, MII_SYNC), 1);
    const Received *sync = last(&world, MII_SYNC);
    assert_true(sync->snapshot);
    assert_int_equal(sync->samples, 3);
    assert_string_equal(sync->subject, "plant");
    assert_ptr_equal(sync->batch, &sync_batch); /* the very same memory */
    sync_values(&plant, 1, 1, POSITION, 11, false);
    assert_int_equal(count_of(&world, MII_SYNC), 2);
    assert_false(last(&world, MII_SYNC)->snapshot);
    assert_int_equal(last(&world, MII_SYNC)->first_thing, 1);
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 1);
}

static void test_who_is_there_gets_a_snapshot_as_plain_values(void **state)
{
    (void)state;
    subscribe(&world, get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    sync_values(&plant, 0, 3, POSITION, 10, true);
    subscribe(&other, get_grant(&other, "bob", "operator", "['read']", BOTH, ""));
    forget_all();
    sync_values(&plant, 0, 3, POSITION, 10, true);
    assert_true(last(&other, MII_SYNC)->snapshot);
    assert_false(last(&world, MII_SYNC)->snapshot);
    assert_int_equal(last(&world, MII_SYNC)->samples, 3);
}

static void test_a_snapshot_that_does_not_come_is_asked_for_again(void **state)
{
    (void)state;
    subscribe(&world, get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    forget_all();
    tick_after(1900 * TIME_MS);
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 0);
    tick_after(200 * TIME_MS);
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 1);
}

static void come_again(void)
{
    forget_all();
    attach(&plant, SYSTEM_TWIN, "plant");
    say_register(&plant);
    publish(&plant);
    tick();
}

/* Interlocks are judged by values, whether anybody subscribes or not: they are asked for, and once. */
static void test_values_are_wanted_by_who_may_actuate(void **state)
{
    (void)state;
    assert_non_null(get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 0); /* a grant to read alone wants nothing */
    const char *first = get_grant(&world, "ada", "operator", "['actuate']", BOTH, "");
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 1);
    tick_after(2100 * TIME_MS);
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 2); /* it did not come */
    sync_values(&plant, 0, 3, POSITION, 10, true);
    assert_int_equal(count_of(&world, MII_SYNC), 0); /* nobody has subscribed */
    forget_all();
    tick_after(2100 * TIME_MS);
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 0);
    const char *second = get_grant(&other, "bob", "operator", "['actuate']", BOTH, ",'things':['v1']");
    tick();
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 0); /* they are known */

    publish(&plant); /* anew, and the same */
    tick();
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 1);
    sync_values(&plant, 0, 3, POSITION, 10, true);
    detach(&plant);
    tick_after(2100 * TIME_MS); /* nothing is asked of who is not there */
    come_again();
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 1);
    forget_all();
    assert_int_equal(enabler_revoke(enabler, first, "admin", "test"), STATUS_OK);
    tick_after(2100 * TIME_MS);
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 1); /* a grant for some things is left */
    assert_int_equal(enabler_revoke(enabler, second, "admin", "test"), STATUS_OK);
    forget_all();
    tick_after(2100 * TIME_MS);
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 0); /* nobody may actuate any more */
    detach(&plant);
    tick();
    come_again();
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 0);
}

/* Other models right after a snapshot was asked for: those values are asked for at once, not with the
 * patience that the first question has. */
static void test_other_models_want_their_values_at_once(void **state)
{
    (void)state;
    assert_non_null(get_grant(&world, "ada", "operator", "['actuate']", BOTH, ""));
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 1);
    forget_all();
    say(&plant, DII_PUBLISH, 3,
        "{'schema':'dii.publish/1','first_model':0,'models':[%s],'first_thing':0,"
        "'things':[{'id':'v0','title':'','model':0}],'last':true}",
        plant_model);
    tick();
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 1);
}

static void test_restricted_to_things(void **state)
{
    (void)state;
    subscribe(&monitor, get_grant(&monitor, "m", "operator", "['read']", BOTH, ",'things':['v1']"));
    subscribe(&world, get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    forget_all();
    sync_values(&plant, 0, 3, POSITION, 10, true);
    const Received *sync = last(&monitor, SII_SYNC);
    assert_non_null(sync);
    assert_true(sync->snapshot);
    assert_int_equal(sync->samples, 1);
    assert_int_equal(sync->first_thing, 1);
    assert_int_equal(last(&world, MII_SYNC)->samples, 3);
    sync_values(&plant, 2, 1, POSITION, 11, false); /* nothing of it is v1: still a batch, for its clock */
    assert_int_equal(last(&monitor, SII_SYNC)->samples, 0);
}

static void test_only_with_a_right_to_read(void **state)
{
    (void)state;
    const char *actuate = get_grant(&world, "ada", "operator", "['actuate']", BOTH, "");
    subscribe(&world, actuate);
    assert_refused(&world, MII_REFUSED, 88, "right to read");
    const char *read = get_grant(&world, "ada", "operator", "['read']", BOTH, "");
    forget(&other);
    subscribe(&other, read); /* it is not the other's */
    assert_refused(&other, MII_REFUSED, 88, "no such grant");
    subscribe(&other, "00000000000000000000000000000000");
    assert_refused(&other, MII_REFUSED, 88, "no such grant");
    say(&world, MII_SUBSCRIBE, 5, "{'schema':'mii.subscribe/1','system':'monitor','grant':'%s'}", read);
    tick();
    assert_refused(&world, MII_REFUSED, 5, "another system");
    sync_values(&plant, 0, 3, POSITION, 10, true);
    assert_null(last(&world, MII_SYNC));
    assert_null(last(&other, MII_SYNC));
}

static void test_expiry_ends_it(void **state)
{
    (void)state;
    const char *grant = get_grant(&world, "ada", "operator", "['read']", BOTH, ",'seconds':4");
    subscribe(&world, grant);
    sync_values(&plant, 0, 3, POSITION, 10, true);
    assert_int_equal(count_of(&world, MII_SYNC), 1);
    forget_all();
    now += 4 * TIME_SECOND;
    wall += 4 * TIME_SECOND;
    sync_values(&plant, 0, 3, POSITION, 11, true); /* in the tick in which it expires */
    assert_null(last(&world, MII_SYNC));
    assert_string_equal(text_of(last(&world, MII_REVOKED), "grant"), grant);
    assert_audited("world", "expire", "done", "expired");
    assert_int_equal(grant_count(), 0);
    subscribe(&world, grant);
    assert_refused(&world, MII_REFUSED, 88, "has expired");
}

static void test_revocation_ends_it(void **state)
{
    (void)state;
    const char *grant = get_grant(&world, "ada", "operator", "['read']", BOTH, "");
    subscribe(&world, grant);
    sync_values(&plant, 0, 3, POSITION, 10, true);
    forget_all();
    assert_int_equal(enabler_revoke(enabler, grant, "admin", "she has left"), STATUS_OK);
    assert_int_equal(enabler_revoke(enabler, grant, "admin", "twice"), STATUS_NOT_FOUND);
    sync_values(&plant, 0, 3, POSITION, 11, true);
    assert_null(last(&world, MII_SYNC));
    assert_non_null(strstr(text_of(last(&world, MII_REVOKED), "reason"), "she has left"));
    assert_int_equal(enabler_counters(enabler)->grants_revoked, 1);
    assert_int_equal(grant_count(), 0);
    subscribe(&world, grant);
    assert_refused(&world, MII_REFUSED, 88, "was revoked");
}

static void test_room_for_grants(void **state)
{
    (void)state;
    stop_enabler();
    forget_all();
    start_enabler_as((EnablerConfig){ .grants_max = 2 });
    register_all();
    const char *first = get_grant(&world, "ada", "operator", "['read']", BOTH, ",'seconds':3000");
    assert_non_null(first);
    assert_non_null(get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    assert_null(get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    assert_refused(&world, MII_REFUSED, 77, "no room");
    store_memory_set_failure(kept_store, STATUS_IO_ERROR);
    assert_int_equal(enabler_revoke(enabler, first, "admin", "test"), STATUS_OK);
    tick();
    assert_null(
        get_grant(&world, "ada", "operator", "['read']", BOTH, "")); /* that it is over is not stored yet */
    store_memory_set_failure(kept_store, STATUS_OK);
    tick_after(TIME_SECOND);
    assert_non_null(get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    assert_int_equal(grant_count(), 2);
}

/* Why a grant is not good any more is known while there is room; what would have expired first goes first. */
static void test_what_is_over_is_remembered(void **state)
{
    (void)state;
    stop_enabler();
    forget_all();
    start_enabler_as((EnablerConfig){ .grants_max = 3 });
    register_all();
    const char *first = get_grant(&world, "ada", "operator", "['read']", BOTH, ",'seconds':100");
    const char *second = get_grant(&world, "ada", "operator", "['read']", BOTH, ",'seconds':200");
    assert_non_null(get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    assert_int_equal(enabler_revoke(enabler, second, "admin", "test"), STATUS_OK);
    assert_int_equal(enabler_revoke(enabler, first, "admin", "test"), STATUS_OK);
    tick();
    assert_non_null(get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    subscribe(&world, second);
    assert_refused(&world, MII_REFUSED, 88, "was revoked");
    subscribe(&world, first);
    assert_refused(&world, MII_REFUSED, 88, "no such grant");
}

/* Nothing is sent to who has fallen silent; when it is heard again it gets all values first. */
static void test_a_silent_subscriber(void **state)
{
    (void)state;
    subscribe(&world, get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    sync_values(&plant, 0, 3, POSITION, 10, true);
    tick_after(6 * TIME_SECOND);
    forget_all();
    publish(&plant); /* it is heard, the world is not */
    tick();
    sync_values(&plant, 0, 3, POSITION, 10, true);
    sync_values(&plant, 0, 3, POSITION, 10, false);
    assert_null(last(&world, MII_SYNC));
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 0);
    say(&world, MII_HEARTBEAT, 0, "{'schema':'mii.heartbeat/1'}");
    tick();
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 1);
    sync_values(&plant, 0, 3, POSITION, 10, false);
    assert_null(last(&world, MII_SYNC));
    sync_values(&plant, 0, 3, POSITION, 10, true);
    assert_true(last(&world, MII_SYNC)->snapshot);
}

/* What was made for one subscriber lasts until it has polled, which may be after the next tick of the
 * enabler. */
static void test_filtered_batches_last(void **state)
{
    (void)state;
    subscribe(&monitor, get_grant(&monitor, "m", "operator", "['read']", BOTH, ",'things':['v1']"));
    sync_values(&plant, 0, 3, POSITION, 10, true);
    for (int64_t code = 20; code < 22; code++) {
        sync_samples[0] =
            (SyncSample){ .thing = 1, .quality = QUALITY_GOOD, .code = code, .source_time = wall };
        sync_batch = (SyncBatch){ .samples = sync_samples, .count = 1, .source_clock = wall };
        BusMessage message = { .id = DII_SYNC, .sync = &sync_batch };
        assert_int_equal(bus_send(plant.bus, &message), STATUS_OK);
        enabler_tick(enabler, now, wall);
    }
    BusEvent event;
    for (int64_t code = 20; code < 22; code++) {
        assert_int_equal(bus_poll(monitor.bus, now, &event), STATUS_OK);
        assert_int_equal(event.message.sync->samples[0].code, code);
    }
}

static void test_grants_go_with_a_system_that_is_gone_for_good(void **state)
{
    (void)state;
    assert_non_null(get_grant(&world, "ada", "operator", "['read']", BOTH, ",'seconds':86000"));
    stop_enabler();
    start_enabler_as(
        (EnablerConfig){ .grant_lifetime_max = 10 * 60 * TIME_MINUTE, .gone_after = TIME_MINUTE });
    forget_all();
    register_all();
    assert_non_null(get_grant(&world, "ada", "operator", "['read']", BOTH, ",'seconds':86000"));
    uint32_t before = grant_count();
    detach(&plant);
    tick();
    forget(&world);
    assert_int_equal(grant_count(), before); /* it may come back */
    for (int i = 0; i < 16; i++) {
        say(&world, MII_HEARTBEAT, 0, "{'schema':'mii.heartbeat/1'}");
        tick_after(4 * TIME_SECOND);
    }
    assert_int_equal(grant_count(), 0);
    assert_non_null(strstr(text_of(last(&world, MII_REVOKED), "reason"), "gone for good"));
}

static void test_samples_of_what_does_not_exist(void **state)
{
    (void)state;
    subscribe(&world, get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    sync_values(&plant, 0, 3, POSITION, 10, true);
    forget_all();
    sync_values(&plant, 2, 3, POSITION, 10, false); /* v3 and v4 are none */
    assert_int_equal(last(&world, MII_SYNC)->samples, 1);
    assert_int_equal(last(&world, MII_SYNC)->first_thing, 2);
    assert_int_equal(enabler_counters(enabler)->samples_dropped, 2);
    assert_audited("plant", "dii.sync/1", "refused", "2 samples");
    sync_values(&plant, 0, 1, 200, 10, false); /* no such property */
    sync_values(&plant, 0, 1, MODE, 2, false); /* no such choice */
    sync_values(&plant, 0, 1, RUNNING, -1, false);
    assert_int_equal(enabler_counters(enabler)->samples_dropped, 5);
    assert_int_equal(last(&world, MII_SYNC)->samples, 0);
}

static void test_nothing_from_a_twin_system_that_has_not_published(void **state)
{
    (void)state;
    detach(&plant);
    attach(&plant, SYSTEM_TWIN, "plant");
    say(&plant, DII_REGISTER, 1,
        "{'schema':'dii.register/1','name':'plant','title':'','version':'','session':'s2'}");
    subscribe(&world, get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    sync_values(&plant, 0, 3, POSITION, 10, true);
    assert_null(last(&world, MII_SYNC));
    assert_int_equal(enabler_counters(enabler)->syncs_dropped, 1);
}

static void test_other_models_end_the_routes(void **state)
{
    (void)state;
    const char *grant = get_grant(&world, "ada", "operator", "['read']", BOTH, "");
    subscribe(&world, grant);
    forget_all();
    publish(&plant); /* the same once more: nothing changes, but all values are sent again */
    tick();
    assert_null(last(&world, MII_SYSTEM_STATE));
    sync_values(&plant, 0, 3, POSITION, 10, true);
    assert_true(last(&world, MII_SYNC)->snapshot);
    forget_all();
    say(&plant, DII_PUBLISH, 2,
        "{'schema':'dii.publish/1','first_model':0,'models':[%s],'first_thing':0,'things':["
        "{'id':'v2','title':'C','model':0}],'last':true}",
        plant_model);
    tick();
    assert_int_equal(count_of(&world, MII_SYSTEM_STATE), 2); /* down and up: describe and subscribe again */
    assert_string_equal(text_of(last(&world, MII_SYSTEM_STATE), "state"), "up");
    sync_values(&plant, 0, 1, POSITION, 10, true);
    assert_null(last(&world, MII_SYNC));
    subscribe(&world, grant);
    sync_values(&plant, 0, 1, POSITION, 10, true);
    assert_non_null(last(&world, MII_SYNC));
}

static void test_a_full_queue_is_made_good(void **state)
{
    (void)state;
    stop_enabler();
    forget_all();
    assert_int_equal(bus_local_create(&(BusLocalConfig){ .capacity = 8 }, &hub), STATUS_OK);
    EnablerConfig config = { .random = count_up };
    assert_int_equal(enabler_create(&config, &hub, 1,
                                    (Store){ .ops = &kept_ops, .context = kept_store.context }, &enabler),
                     STATUS_OK);
    register_all();
    subscribe(&world, get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    sync_values(&plant, 0, 3, POSITION, 10, true);
    forget_all();
    Bus away = world.bus;
    world.bus = (Bus){ 0 }; /* it does not poll */
    for (int i = 0; i < 20; i++) {
        sync_values(&plant, 0, 1, POSITION, i, false);
    }
    assert_true(enabler_counters(enabler)->syncs_dropped > 0);
    assert_int_equal(count_of(&plant, DII_SNAPSHOT), 1);
    world.bus = away;
    poll_peer(&world);
    forget_all();
    sync_values(&plant, 0, 1, POSITION, 3, false);
    assert_null(last(&world, MII_SYNC)); /* all values first */
    sync_values(&plant, 0, 3, POSITION, 3, true);
    assert_true(last(&world, MII_SYNC)->snapshot);
}

/* A twin system on one hub, its subscriber on another. */
static void test_across_hubs(void **state)
{
    (void)state;
    stop_enabler();
    forget_all();
    Bus hubs[2];
    assert_int_equal(bus_local_create(&(BusLocalConfig){ 0 }, &hubs[0]), STATUS_OK);
    assert_int_equal(bus_local_create(&(BusLocalConfig){ 0 }, &hubs[1]), STATUS_OK);
    EnablerConfig config = { .random = count_up };
    assert_int_equal(enabler_create(&config, hubs, 2,
                                    (Store){ .ops = &kept_ops, .context = kept_store.context }, &enabler),
                     STATUS_OK);
    hub = hubs[0];
    attach(&plant, SYSTEM_TWIN, "plant");
    attach(&other, SYSTEM_METAVERSE, "other");
    hub = hubs[1];
    attach(&world, SYSTEM_METAVERSE, "world");
    attach(&monitor, SYSTEM_SERVICE, "monitor");
    for (size_t i = 0; i < ARRAY_COUNT(peers); i++) {
        say_register(peers[i]);
    }
    publish(&plant);
    tick();
    subscribe(&world, get_grant(&world, "ada", "operator", "['read']", BOTH, ""));
    subscribe(&other, get_grant(&other, "bob", "operator", "['read']", BOTH, ""));
    sync_values(&plant, 0, 3, POSITION, 10, true);
    const Received *here = last(&other, MII_SYNC), *there = last(&world, MII_SYNC);
    assert_ptr_equal(here->batch, &sync_batch);
    assert_int_equal(there->samples, 3);
    /* The same name from the other side while the first is there. */
    Peer thief = { 0 };
    attach(&thief, SYSTEM_TWIN, "plant");
    say_register(&thief);
    tick();
    poll_peer(&thief);
    assert_refused(&thief, DII_REFUSED, 1, "by another way");
    sync_values(&thief, 0, 3, POSITION, 66, true);
    assert_int_equal(count_of(&other, MII_SYNC), 1); /* nothing of that came through */
    assert_int_equal(count_of(&world, MII_SYNC), 1);
    poll_peer(&thief);
    forget(&thief);
    detach(&thief);
    free(thief.received);
}

/* ---- alarms ---- */

static void say_alarm(Peer *peer, const char *thing, const char *property, const char *active)
{
    say(peer, SII_ALARM, 61,
        "{'schema':'sii.alarm/"
        "1','system':'plant','thing':'%s','property':'%s','name':'limit','severity':'critical',"
        "'active':%s,'score':3.5,'text':'too hot','source_time':12}",
        thing, property, active);
    tick();
}

static void test_alarms_reach_the_world(void **state)
{
    (void)state;
    subscribe(&world, get_grant(&world, "ada", "operator", "['read']", BOTH, ",'things':['v1']"));
    say_alarm(&monitor, "v1", "position", "true");
    assert_refused(&monitor, SII_REFUSED, 61, "no grant to read");
    assert_null(last(&world, MII_ALARM));
    subscribe(&monitor, get_grant(&monitor, "m", "operator", "['read']", BOTH, ""));
    say_alarm(&monitor, "v1", "position", "true");
    assert_int_equal(enabler_counters(enabler)->sends_failed, 0); /* services are told none */
    const Received *alarm = last(&world, MII_ALARM);
    assert_non_null(alarm);
    assert_string_equal(text_of(alarm, "service"), "monitor");
    assert_string_equal(text_of(alarm, "thing"), "v1");
    assert_string_equal(text_of(alarm, "text"), "too hot");
    assert_string_equal(text_of(alarm, "severity"), "critical");
    assert_true(json_is_true(json_object_get(alarm->body, "active")));
    assert_int_equal(integer_of(alarm, "source_time"), 12);
    assert_audited("monitor", "alarm", "active", "limit");
    assert_null(last(&other, MII_ALARM)); /* has not subscribed */
    forget(&world);
    say_alarm(&monitor, "v2", "", "true"); /* the world's grant does not cover v2 */
    assert_null(last(&world, MII_ALARM));
    say_alarm(&monitor, "v9", "", "true");
    assert_refused(&monitor, SII_REFUSED, 61, "no such thing");
    say_alarm(&monitor, "v1", "colour", "true");
    assert_refused(&monitor, SII_REFUSED, 61, "no such property");
    forget(&monitor);
    say(&monitor, SII_ALARM, 0, "{'schema':'sii.alarm/1'}"); /* expects no answer: none would be understood */
    tick();
    assert_null(last(&monitor, SII_REFUSED));
    assert_audited("monitor", "sii.alarm/1", "refused", "needs");
}

static void test_active_alarms_are_told_to_those_who_come_later(void **state)
{
    (void)state;
    assert_non_null(get_grant(&monitor, "m", "operator", "['read']", BOTH, ""));
    say_alarm(&monitor, "v1", "position", "true");
    say_alarm(&monitor, "v2", "position", "true");
    say_alarm(&monitor, "v2", "position", "false");
    const char *grant = get_grant(&world, "ada", "operator", "['read']", BOTH, "");
    subscribe(&world, grant);
    assert_int_equal(count_of(&world, MII_ALARM), 1);
    assert_string_equal(text_of(last(&world, MII_ALARM), "thing"), "v1");
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up_all, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_the_twin_system_is_asked),
        CASE(test_lifetimes),
        CASE(test_the_twin_system_may_say_no),
        CASE(test_never_more_than_was_asked),
        CASE(test_a_viewer_may_not_actuate),
        CASE(test_refused_at_once),
        CASE(test_no_answer),
        CASE(test_the_twin_system_goes_while_it_is_asked),
        CASE(test_a_forged_authentication),
        CASE(test_first_a_snapshot_then_updates),
        CASE(test_who_is_there_gets_a_snapshot_as_plain_values),
        CASE(test_a_snapshot_that_does_not_come_is_asked_for_again),
        CASE(test_values_are_wanted_by_who_may_actuate),
        CASE(test_other_models_want_their_values_at_once),
        CASE(test_restricted_to_things),
        CASE(test_only_with_a_right_to_read),
        CASE(test_expiry_ends_it),
        CASE(test_revocation_ends_it),
        CASE(test_room_for_grants),
        CASE(test_what_is_over_is_remembered),
        CASE(test_a_silent_subscriber),
        CASE(test_filtered_batches_last),
        CASE(test_grants_go_with_a_system_that_is_gone_for_good),
        CASE(test_samples_of_what_does_not_exist),
        CASE(test_nothing_from_a_twin_system_that_has_not_published),
        CASE(test_other_models_end_the_routes),
        CASE(test_a_full_queue_is_made_good),
        CASE(test_across_hubs),
        CASE(test_alarms_reach_the_world),
        CASE(test_active_alarms_are_told_to_those_who_come_later),
    };
    return cmocka_run_group_tests_name("enabler grants", tests, NULL, NULL);
}
