/* Commands at the enabler: who may, what is possible and safe, who wins, once only, and who is told (R15 to
 * R18, R20, R24, R33, R35, R36, R38). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/server/enabler_rig.h"

static const char *grant, *others_grant;

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccc"

/* Ada of "world" may actuate everything, so may Bob of "other"; both have subscribed, pressure is known. */
static int set_up_operators(void **state)
{
    set_up_all(state);
    grant = get_grant(&world, "ada", "operator", BOTH, BOTH, "");
    others_grant = get_grant(&other, "bob", "operator", BOTH, BOTH, "");
    subscribe(&world, grant);
    subscribe(&other, others_grant);
    sync_values(&plant, 0, 3, PRESSURE, 50, true);
    forget_all();
    return 0;
}

/* `value`: JSON with a leading comma and member name, or "". */
static void invoke_as(Peer *peer, const char *id, const char *with, const char *thing, const char *action,
                      const char *value, const char *user, TimeNs issued)
{
    say(peer, as_of(peer, MII_INVOKE), 500,
        "{'schema':'%s','command':'%s','grant':'%s','system':'plant','thing':'%s','action':'%s'%s,'user':'%s'"
        ","
        "'issued':%lld}",
        SCHEMA(peer, MII_INVOKE), id, with, thing, action, value, user, (long long)issued);
    tick();
}

static void invoke(const char *id, const char *thing, const char *action, const char *value)
{
    invoke_as(&world, id, grant, thing, action, value, "ada", wall);
}

static void invoke_other(const char *id, const char *thing, const char *action, const char *value)
{
    invoke_as(&other, id, others_grant, thing, action, value, "bob", wall);
}

static void report(Peer *twin, const char *id, const char *command_state, const char *reason)
{
    say(twin, DII_COMMAND_STATE, 0,
        "{'schema':'dii.command_state/"
        "1','command':'%s','state':'%s','system':'%s','thing':'v0','action':'set',"
        "'user':'ada','reason':'%s','time':1}",
        id, command_state, twin->name, reason);
    tick();
}

static void assert_state(const Peer *peer, const char *id, const char *command_state)
{
    const Received *told = last(peer, as_of(peer, MII_COMMAND_STATE));
    assert_non_null(told);
    assert_string_equal(text_of(told, "command"), id);
    assert_string_equal(text_of(told, "state"), command_state);
}

static void assert_refused_command(const char *id, const char *reason)
{
    assert_state(&world, id, "refused");
    const Received *told = last(&world, MII_COMMAND_STATE);
    assert_int_equal(told->correlation, 500);
    if (!strstr(text_of(told, "reason"), reason)) {
        fail_msg("refused with \"%s\"", text_of(told, "reason"));
    }
    assert_null(last(&plant, DII_COMMAND));
    assert_null(last(&other, MII_COMMAND_STATE)); /* nobody operates anything */
    AuditEntry entry;
    assert_int_equal(enabler_audit_tail(enabler, &entry, 1), 1);
    assert_string_equal(entry.what, "invoke");
    assert_string_equal(entry.result, "refused");
    assert_string_equal(entry.system, "world");
    assert_non_null(strstr(entry.reason, reason));
    forget_all();
}

static void test_the_way_of_a_command(void **state)
{
    (void)state;
    invoke(ID_A, "v0", "set", ",'value':42.5");
    const Received *command = last(&plant, DII_COMMAND);
    assert_non_null(command);
    assert_string_equal(text_of(command, "command"), ID_A);
    assert_string_equal(text_of(command, "thing"), "v0");
    assert_string_equal(text_of(command, "action"), "set");
    assert_string_equal(text_of(command, "user"), "ada");
    assert_string_equal(text_of(command, "grant"), grant);
    assert_true(json_number_value(json_object_get(command->body, "value")) == 42.5);
    assert_int_equal(integer_of(command, "expires"), wall + 3 * TIME_SECOND);
    assert_state(&world, ID_A, "authorised");
    const Received *told = last(&world, MII_COMMAND_STATE);
    assert_int_equal(told->correlation, 500);
    assert_string_equal(text_of(told, "property"), "position");
    assert_true(json_number_value(json_object_get(told->body, "desired")) == 42.5);
    assert_state(&other, ID_A, "authorised"); /* all see who operates what */
    assert_string_equal(text_of(last(&other, MII_COMMAND_STATE), "user"), "ada");
    assert_int_equal(last(&other, MII_COMMAND_STATE)->correlation, 0);
    assert_audited("world", "invoke", "authorised", "");
    report(&plant, ID_A, "accepted", "");
    assert_state(&world, ID_A, "accepted");
    assert_true(json_number_value(json_object_get(last(&world, MII_COMMAND_STATE)->body, "desired")) == 42.5);
    report(&plant, ID_A, "confirmed", "");
    assert_state(&world, ID_A, "confirmed");
    assert_state(&other, ID_A, "confirmed");
    assert_int_equal(last(&world, MII_COMMAND_STATE)->correlation, 500);
    assert_null(json_object_get(last(&world, MII_COMMAND_STATE)->body, "desired"));
    assert_audited("world", "invoke", "confirmed", "");
    AuditEntry entry;
    assert_int_equal(enabler_audit_tail(enabler, &entry, 1), 1);
    assert_string_equal(entry.user, "ada");
    assert_string_equal(entry.key, "K");
    assert_string_equal(entry.subject, "plant/v0/set position=42.5");
    assert_string_equal(entry.grant, grant);
    assert_int_equal(count_of(&world, MII_COMMAND_STATE), 3);
    assert_int_equal(enabler_commands_under_way(enabler), 0);
}

static void test_one_final_state_only(void **state)
{
    (void)state;
    invoke(ID_A, "v0", "set", ",'value':1");
    report(&plant, ID_A, "confirmed", "");
    size_t before = count_of(&world, MII_COMMAND_STATE);
    report(&plant, ID_A, "timed out", "");
    report(&plant, ID_A, "accepted", "");
    report(&plant, ID_A, "confirmed", "");
    report(&plant, ID_B, "confirmed", ""); /* of no command at all */
    assert_int_equal(count_of(&world, MII_COMMAND_STATE), before);
    assert_int_equal(enabler_counters(enabler)->late_states, 4);
}

static void test_a_repeat_is_no_second_deed(void **state)
{
    (void)state;
    invoke(ID_A, "v0", "set", ",'value':1");
    invoke(ID_A, "v0", "set", ",'value':1");
    assert_int_equal(count_of(&plant, DII_COMMAND), 1);
    assert_state(&world, ID_A, "authorised");
    report(&plant, ID_A, "confirmed", "");
    forget_all();
    tick_after(20 * TIME_SECOND);
    invoke(ID_A, "v0", "set", ",'value':99"); /* whatever it says now */
    assert_null(last(&plant, DII_COMMAND));
    assert_state(&world, ID_A, "confirmed");
    assert_null(last(&other, MII_COMMAND_STATE));
    tick_after(60 * TIME_MINUTE / 10); /* gone from memory, not from the store */
    forget_all();
    for (int i = 0; i < 3; i++) {
        say_register(peers[i]);
    }
    publish(&plant);
    tick();
    invoke(ID_A, "v0", "set", ",'value':99");
    assert_null(last(&plant, DII_COMMAND));
    assert_state(&world, ID_A, "confirmed");
    assert_int_equal(enabler_counters(enabler)->commands_repeated, 3);
    /* A refusal stays one as well. */
    invoke(ID_B, "v0", "set", ",'value':1000");
    assert_state(&world, ID_B, "refused");
    invoke(ID_B, "v0", "set", ",'value':10");
    assert_state(&world, ID_B, "refused");
    assert_null(last(&plant, DII_COMMAND));
    /* Another's id. */
    invoke_other(ID_A, "v0", "set", ",'value':10");
    assert_refused(&other, MII_REFUSED, 500, "has been used");
    assert_null(last(&plant, DII_COMMAND));
}

static void test_too_old_and_too_new(void **state)
{
    (void)state;
    invoke_as(&world, ID_A, grant, "v0", "set", ",'value':1", "ada", wall - 31 * TIME_SECOND);
    assert_refused_command(ID_A, "too long ago");
    invoke_as(&world, ID_B, grant, "v0", "set", ",'value':1", "ada", wall + 6 * TIME_SECOND);
    assert_refused_command(ID_B, "future");
    invoke_as(&world, ID_C, grant, "v0", "set", ",'value':1", "ada", wall - 29 * TIME_SECOND);
    assert_state(&world, ID_C, "authorised");
}

static void test_rights(void **state)
{
    (void)state;
    const char *read = get_grant(&world, "ada", "operator", "['read']", BOTH, "");
    const char *some = get_grant(&world, "ada", "operator", BOTH, BOTH, ",'things':['v1']");
    const char *viewer = get_grant(&world, "vic", "viewer", BOTH, BOTH, "");
    forget_all();
    invoke_as(&world, ID_A, read, "v0", "set", ",'value':1", "ada", wall);
    assert_refused_command(ID_A, "right to actuate");
    invoke_as(&world, ID_B, some, "v0", "set", ",'value':1", "ada", wall);
    assert_refused_command(ID_B, "does not cover");
    invoke_as(&world, ID_C, viewer, "v0", "set", ",'value':1", "vic", wall);
    assert_refused_command(ID_C, "right to actuate");
    invoke_as(&world, "0123456789abcdef0123456789abcde1", grant, "v0", "set", ",'value':1", "eve", wall);
    assert_refused_command("0123456789abcdef0123456789abcde1", "another user's");
    invoke_as(&world, "0123456789abcdef0123456789abcde2", others_grant, "v0", "set", ",'value':1", "bob",
              wall);
    assert_refused_command("0123456789abcdef0123456789abcde2", "no such grant");
    assert_int_equal(enabler_revoke(enabler, grant, "admin", "test"), STATUS_OK);
    forget_all();
    invoke_as(&world, "0123456789abcdef0123456789abcde3", grant, "v0", "set", ",'value':1", "ada", wall);
    assert_refused_command("0123456789abcdef0123456789abcde3", "was revoked");
    invoke_as(&world, "0123456789abcdef0123456789abcde4", some, "v1", "set", ",'value':1", "ada", wall);
    assert_state(&world, "0123456789abcdef0123456789abcde4", "authorised");
}

static void test_an_expired_grant(void **state)
{
    (void)state;
    const char *shortly = get_grant(&world, "ada", "operator", BOTH, BOTH, ",'seconds':2");
    forget_all();
    now += 2 * TIME_SECOND;
    wall += 2 * TIME_SECOND;
    invoke_as(&world, ID_A, shortly, "v0", "set", ",'value':1", "ada", wall);
    assert_string_equal(text_of(last(&world, MII_COMMAND_STATE), "reason"), "the grant has expired");
    assert_state(&world, ID_A, "refused");
    assert_null(last(&plant, DII_COMMAND));
}

static void test_what_does_not_exist(void **state)
{
    (void)state;
    invoke(ID_A, "v9", "set", ",'value':1");
    assert_refused_command(ID_A, "no such thing");
    invoke(ID_B, "v0", "explode", ",'value':1");
    assert_refused_command(ID_B, "no such action");
    say(&world, MII_INVOKE, 500,
        "{'schema':'mii.invoke/1','command':'" ID_C
        "','grant':'%s','system':'nowhere','thing':'v0','action':'set',"
        "'value':1,'user':'ada','issued':%lld}",
        grant, (long long)wall);
    tick();
    assert_refused_command(ID_C, "another system");
}

static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *action, *value, *reason;
    } wrong[] = {
        { "set", ",'value':100.5", "100.5 % is outside 0..100 %" },
        { "set", ",'value':-1", "-1 % is outside 0..100 %" },
        { "set", ",'value':1e308", "1e+308 % is outside 0..100 %" },
        { "step", ",'value':-2", "-2 is below 1" },
        { "step", ",'value':2.5", "2.5 is no whole number" },
        { "set", ",'value':'1'", "of its type" },
        { "set", ",'value':true", "of its type" },
        { "set", "", "of its type" },
        { "start", ",'value':true", "takes no value" },
        { "select", ",'value':'OTHER'", "can have" },
        { "set", ",'value':90", "can have" }, /* within what the action takes, not what the property can be */
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        char id[COMMAND_ID_SIZE];
        snprintf(id, sizeof id, "0123456789abcdef0123456789abcd%02zx", i);
        invoke(id, "v0", wrong[i].action, wrong[i].value);
        assert_refused_command(id, wrong[i].reason);
    }
    invoke(ID_A, "v0", "select", ",'value':'HAND'");
    assert_state(&world, ID_A, "authorised");
    assert_string_equal(text_of(last(&world, MII_COMMAND_STATE), "desired"), "HAND");
    invoke(ID_B, "v0", "note", ",'value':'hello'"); /* drives nothing */
    assert_state(&world, ID_B, "authorised");
    assert_null(json_object_get(last(&world, MII_COMMAND_STATE)->body, "property"));
    assert_null(json_object_get(last(&world, MII_COMMAND_STATE)->body, "desired"));
}

static void test_malformed_invocations(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{'schema':'mii.invoke/1'}",
        "{'schema':'mii.invoke/1','command':'" ID_A "','grant':'" ID_A "','system':'plant','thing':'v0',"
        "'action':'set','value':{'value':1,'unit':'bar'},'user':'ada','issued':1}",
        "{'schema':'mii.invoke/1','command':'" ID_A "','grant':'" ID_A "','system':'plant','thing':'v0',"
        "'action':'set','value':1,'user':'ada','issued':1.5}",
        "{'schema':'mii.invoke/1','command':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA','grant':'" ID_A
        "','system':'plant','thing':'v0','action':'set','value':1,'user':'ada','issued':1}",
        "{'schema':'mii.invoke/1','command':'" ID_A "','grant':'" ID_A "','system':'plant','thing':'v0',"
        "'action':'set','value':NaN,'user':'ada','issued':1}",
        "{'schema':'mii.invoke/1','command':'" ID_A "','grant':'" ID_A "','system':'plant','thing':'v0',"
        "'action':'set','value':1,'user':'ada','issued':1,'role':'admin'}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        say(&world, MII_INVOKE, i + 1, "%s", wrong[i]);
        tick();
        assert_refused(&world, MII_REFUSED, i + 1, "");
    }
    assert_null(last(&world, MII_COMMAND_STATE));
    assert_null(last(&plant, DII_COMMAND));
}

static void test_interlocks_by_the_last_values_seen(void **state)
{
    (void)state;
    invoke(ID_A, "v0", "start", "");
    assert_state(&world, ID_A, "authorised"); /* 5 bar */
    report(&plant, ID_A, "confirmed", "");
    forget_all();
    sync_values(&plant, 0, 1, PRESSURE, 61, false); /* 6.1 bar */
    forget_all();
    invoke(ID_B, "v0", "start", "");
    assert_refused_command(ID_B, "the pressure is too high");
    sync_values(&plant, 0, 1, PRESSURE, 60, false);
    invoke(ID_C, "v0", "start", "");
    assert_state(&world, ID_C, "authorised");
    report(&plant, ID_C, "confirmed", "");
    /* v1's value is three periods old by now, in the time of the sources. */
    wall += 4 * TIME_SECOND;
    now += 4 * TIME_SECOND;
    sync_values(&plant, 0, 1, PRESSURE, 50, false);
    forget_all();
    invoke("0123456789abcdef0123456789abcde1", "v1", "start", "");
    assert_refused_command("0123456789abcdef0123456789abcde1", "the pressure is too high");
    invoke("0123456789abcdef0123456789abcde2", "v1", "stop",
           ""); /* nothing stands before an emergency stop */
    assert_state(&world, "0123456789abcdef0123456789abcde2", "authorised");
}

static void test_values_forgotten_when_the_source_begins_again(void **state)
{
    (void)state;
    sync_samples[0] =
        (SyncSample){ .thing = 2, .property = POSITION, .quality = QUALITY_GOOD, .source_time = wall };
    sync_batch = (SyncBatch){ .samples = sync_samples, .count = 1, .source_clock = wall, .restarted = true };
    BusMessage message = { .id = DII_SYNC, .sync = &sync_batch };
    assert_int_equal(bus_send(plant.bus, &message), STATUS_OK);
    tick();
    forget_all();
    invoke(ID_A, "v0", "start", "");
    assert_refused_command(ID_A, "the pressure is too high");
}

/* ---- who wins ---- */

static void test_another_user_holds_it(void **state)
{
    (void)state;
    invoke(ID_A, "v0", "set", ",'value':10");
    forget_all();
    invoke_other(ID_B, "v0", "set", ",'value':20");
    assert_state(&other, ID_B, "refused");
    assert_non_null(strstr(text_of(last(&other, MII_COMMAND_STATE), "reason"), "operated by ada"));
    assert_null(last(&plant, DII_COMMAND));
    assert_null(last(&world, MII_COMMAND_STATE));   /* the first goes on */
    invoke_other(ID_C, "v1", "set", ",'value':20"); /* another thing, and another property, are free */
    assert_state(&other, ID_C, "authorised");
    invoke_other("0123456789abcdef0123456789abcde1", "v0", "select", ",'value':'AUTO'");
    assert_state(&other, "0123456789abcdef0123456789abcde1", "authorised");
    report(&plant, ID_A, "confirmed", "");
    invoke_other("0123456789abcdef0123456789abcde2", "v0", "set", ",'value':20");
    assert_state(&other, "0123456789abcdef0123456789abcde2", "authorised");
}

static void test_the_same_user_supersedes(void **state)
{
    (void)state;
    invoke(ID_A, "v0", "set", ",'value':10");
    forget_all();
    invoke(ID_B, "v0", "set", ",'value':20");
    assert_int_equal(count_of(&world, MII_COMMAND_STATE), 2);
    assert_string_equal(text_of(&world.received[0], "command"), ID_A);
    assert_string_equal(text_of(&world.received[0], "state"), "superseded");
    assert_state(&world, ID_B, "authorised");
    assert_int_equal(count_of(&plant, DII_COMMAND), 1);
    forget_all();
    report(&plant, ID_A, "confirmed", ""); /* too late: it has its final state */
    assert_null(last(&world, MII_COMMAND_STATE));
    assert_int_equal(enabler_commands_under_way(enabler), 1);
}

/* What drives no property holds none, and stands in nobody's way. */
static void test_actions_without_a_target(void **state)
{
    (void)state;
    invoke(ID_A, "v0", "note", ",'value':'a'");
    invoke_other(ID_B, "v0", "note", ",'value':'b'");
    assert_state(&other, ID_B, "authorised");
    invoke(ID_C, "v0", "note", ",'value':'c'");
    assert_state(&world, ID_C, "authorised");
    assert_int_equal(enabler_commands_under_way(enabler), 3);
}

static void test_an_emergency_supersedes_everything_of_the_thing(void **state)
{
    (void)state;
    invoke(ID_A, "v0", "set", ",'value':10");
    invoke("0123456789abcdef0123456789abcde1", "v1", "set", ",'value':10");
    invoke(ID_C, "v0", "start", ""); /* holds the very property that the stop drives */
    forget_all();
    invoke_other(ID_B, "v0", "stop", "");
    assert_state(&other, ID_B, "authorised");
    assert_string_equal(text_of(last(&plant, DII_COMMAND), "action"), "stop");
    int superseded = 0;
    for (size_t i = 0; i < world.count; i++) {
        superseded += strcmp(text_of(&world.received[i], "state"), "superseded") == 0;
        assert_string_not_equal(text_of(&world.received[i], "command"), "0123456789abcdef0123456789abcde1");
    }
    assert_int_equal(superseded, 2);
}

/* ---- ends that nobody reports ---- */

static void test_a_twin_system_that_dies(void **state)
{
    (void)state;
    invoke(ID_A, "v0", "set", ",'value':10");
    report(&plant, ID_A, "accepted", "");
    forget_all();
    detach(&plant);
    tick();
    assert_state(&world, ID_A, "failed");
    assert_state(&other, ID_A, "failed");
    forget_all();
    invoke(ID_B, "v0", "set", ",'value':10");
    assert_refused_command(ID_B, "is down");
}

static void test_a_twin_system_that_starts_anew_unseen(void **state)
{
    (void)state;
    invoke(ID_A, "v0", "set", ",'value':10");
    say_register(&plant); /* the same life: it was only away */
    tick();
    assert_state(&world, ID_A, "authorised");
    say(&plant, DII_REGISTER, 1,
        "{'schema':'dii.register/1','name':'plant','title':'','version':'','session':'s2'}");
    tick();
    assert_state(&world, ID_A, "failed");
}

static void test_a_twin_system_that_says_nothing(void **state)
{
    (void)state;
    invoke(ID_A, "v0", "set", ",'value':10");
    forget_all();
    for (int i = 0; i < 8; i++) {
        say(&plant, DII_HEARTBEAT, 0, "{'schema':'dii.heartbeat/1'}");
        tick_after(TIME_SECOND - TIME_MS);
    }
    assert_null(last(&world, MII_COMMAND_STATE));
    say(&plant, DII_HEARTBEAT, 0, "{'schema':'dii.heartbeat/1'}");
    tick_after(TIME_SECOND);
    assert_state(&world, ID_A, "timed out");
    assert_non_null(strstr(text_of(last(&world, MII_COMMAND_STATE), "reason"), "no word"));
}

static void test_a_way_that_is_full(void **state)
{
    (void)state;
    Bus away = plant.bus;
    plant.bus = (Bus){ 0 };
    char id[COMMAND_ID_SIZE];
    stop_enabler();
    bus_destroy(away);
    forget_all();
    assert_int_equal(bus_local_create(&(BusLocalConfig){ .capacity = 8 }, &hub), STATUS_OK);
    EnablerConfig config = { .random = count_up };
    assert_int_equal(enabler_create(&config, &hub, 1,
                                    (Store){ .ops = &kept_ops, .context = kept_store.context }, &enabler),
                     STATUS_OK);
    register_all();
    forget_all();
    away = plant.bus;
    plant.bus = (Bus){ 0 }; /* it does not poll */
    for (int i = 0; i < 12; i++) {
        snprintf(id, sizeof id, "0123456789abcdef0123456789abcd%02x", i);
        invoke(id, "v0", "note", ",'value':'x'");
    }
    assert_state(&world, id, "failed");
    plant.bus = away;
}

/* ---- lies and floods ---- */

static void test_a_twin_system_that_speaks_for_another(void **state)
{
    (void)state;
    static Peer forger;
    attach(&forger, SYSTEM_TWIN, "forger");
    say_register(&forger);
    publish(&forger);
    invoke(ID_A, "v0", "set", ",'value':10");
    forget_all();
    report(&forger, ID_A, "confirmed", "");
    assert_audited("forger", "dii.command_state/1", "refused", "of another system");
    say(&forger, DII_COMMAND_STATE, 0,
        "{'schema':'dii.command_state/1','command':'" ID_A
        "','state':'confirmed','system':'plant','thing':'v0',"
        "'action':'set','user':'ada','time':1}");
    tick();
    assert_audited("forger", "dii.command_state/1", "refused", "its own commands only");
    report(&plant, ID_A, "authorised", "");
    assert_audited("plant", "dii.command_state/1", "refused", "no state that a device can tell");
    assert_null(last(&world, MII_COMMAND_STATE));
    poll_peer(&forger);
    forget(&forger);
    detach(&forger);
    free(forger.received);
}

static void test_too_many_commands(void **state)
{
    (void)state;
    char id[COMMAND_ID_SIZE];
    for (int i = 0; i < 60; i++) {
        snprintf(id, sizeof id, "0123456789abcdef0123456789ab%04x", i);
        invoke(id, "v0", "set", ",'value':10");
    }
    assert_true(count_of(&plant, DII_COMMAND) >= 40 && count_of(&plant, DII_COMMAND) <= 42);
    assert_refused(&world, MII_REFUSED, 500, "20 commands a second");
    assert_string_equal(text_of(last(&world, MII_REFUSED), "code"), "CAPACITY");
    invoke_other(ID_B, "v1", "set", ",'value':10"); /* another's are not counted against it */
    assert_state(&other, ID_B, "authorised");
    tick_after(TIME_SECOND);
    invoke(ID_C, "v0", "set", ",'value':10");
    assert_state(&world, ID_C, "authorised");
}

static void test_services_may_invoke_as_well(void **state)
{
    (void)state;
    const char *id = get_grant(&monitor, "m", "operator", "['actuate']", BOTH, "");
    forget_all();
    invoke_as(&monitor, ID_A, id, "v0", "set", ",'value':10", "m", wall);
    assert_state(&monitor, ID_A, "authorised");
    assert_state(&world, ID_A, "authorised");
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up_operators, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_the_way_of_a_command),
        CASE(test_one_final_state_only),
        CASE(test_a_repeat_is_no_second_deed),
        CASE(test_too_old_and_too_new),
        CASE(test_rights),
        CASE(test_an_expired_grant),
        CASE(test_what_does_not_exist),
        CASE(test_values),
        CASE(test_malformed_invocations),
        CASE(test_interlocks_by_the_last_values_seen),
        CASE(test_values_forgotten_when_the_source_begins_again),
        CASE(test_another_user_holds_it),
        CASE(test_the_same_user_supersedes),
        CASE(test_actions_without_a_target),
        CASE(test_an_emergency_supersedes_everything_of_the_thing),
        CASE(test_a_twin_system_that_dies),
        CASE(test_a_twin_system_that_starts_anew_unseen),
        CASE(test_a_twin_system_that_says_nothing),
        CASE(test_a_way_that_is_full),
        CASE(test_a_twin_system_that_speaks_for_another),
        CASE(test_too_many_commands),
        CASE(test_services_may_invoke_as_well),
    };
    return cmocka_run_group_tests_name("enabler commands", tests, NULL, NULL);
}
