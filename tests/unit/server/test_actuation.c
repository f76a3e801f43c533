/* What people ask of things, against a scripted integration enabler; and alarms of services. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/metaverse/state.h"
#include "tests/unit/server/script_client.h"
#include "tests/unit/server/script_enabler.h"

#define THINGS 3u

static Stage stage;
static ScriptEnabler enabler;
static Bus endpoint;
static Role next_role;
static ScriptClient *ada, *bob;

static Role role_of(void *context, PeerId peer)
{
    (void)context, (void)peer;
    return next_role;
}

static void tick(void)
{
    stage.now += TICK;
    enabler.wall += TICK;
    script_poll(&enabler, stage.now);
    metaverse_receive(stage.metaverse, stage.now);
    metaverse_systems(stage.metaverse, stage.now, enabler.wall);
    script_poll(&enabler, stage.now);
    metaverse_step(stage.metaverse, stage.now);
    metaverse_replicate(stage.metaverse, stage.now);
    for (uint32_t i = 0; i < stage.client_count; i++) {
        client_tick(&stage.clients[i], stage.now);
    }
}

static void run(double seconds)
{
    for (int ticks = (int)(seconds * 60 + 0.5); ticks > 0; ticks--) {
        tick();
    }
}

static ScriptClient *join(const char *name, Role role)
{
    next_role = role;
    ScriptClient *client = stage_add(&stage, GOAL_LIVE, name);
    run(0.4);
    return client;
}

/* Ada operates, Bob looks on; both are live and the plant is bound. */
static void begin_with(bool bus)
{
    script_init(&enabler, "metaverse", &endpoint);
    enabler.systems[0] = (ScriptSystem){ .name = "plant",
                                         .domain = "",
                                         .model = script_model("", "degC"),
                                         .kind = SYSTEM_TWIN,
                                         .up = true,
                                         .count = THINGS - 1 }; /* the last one is nobody's */
    enabler.systems[1] =
        (ScriptSystem){ .name = "monitor", .domain = "", .kind = SYSTEM_SERVICE, .up = true };
    enabler.system_count = 2;
    const MetaverseConfig config = { .sessions = 8,
                                     .roles = { .of = role_of },
                                     .resume_time = 10 * TIME_SECOND,
                                     .endpoint = bus ? endpoint : (Bus){ 0 } };
    assert_true(stage_init_sized(&stage, THINGS, &config, (SimLink){ 0 }, 100));
    ada = join("Ada", ROLE_OPERATOR);
    bob = join("Bob", ROLE_VIEWER);
}

static void begin(void)
{
    begin_with(true);
}

static void finish(void)
{
    stage_finish(&stage);
    bus_destroy(enabler.hub);
}

static Message invocation(uint8_t id, uint32_t thing, double value)
{
    Message message = { .id = MESSAGE_INVOKE,
                        .invoke = { .command = { 0xC0, id },
                                    .thing = thing,
                                    .action = SMALL_HEAT,
                                    .kind = WIRE_VALUE_NUMBER,
                                    .number = value } };
    return message;
}

static void invoke(ScriptClient *client, uint8_t id, uint32_t thing, double value)
{
    Message message = invocation(id, thing, value);
    assert_int_equal(client_send(client, &message), STATUS_OK);
    run(0.1);
}

static const CommandMessage *last(const ScriptClient *client)
{
    assert_true(client->command_count > 0);
    return &client->commands[(client->command_count - 1) % 32];
}

static void test_from_a_wish_to_its_confirmation(void **state)
{
    (void)state;
    begin();
    invoke(ada, 1, 1, 42.5);
    assert_int_equal(enabler.actuates, 1);
    assert_int_equal(enabler.invoke_count, 1);
    assert_string_equal(enabler.invokes[0].command, "c0010000000000000000000000000000");
    assert_string_equal(enabler.invokes[0].thing, "machine-1");
    assert_string_equal(enabler.invokes[0].action, "heat");
    assert_string_equal(enabler.invokes[0].user, "Ada");
    assert_true(enabler.invokes[0].value > 42.4 && enabler.invokes[0].value < 42.6);
    assert_int_equal(ada->command_count, 0);
    script_command(&enabler, 0, COMMAND_AUTHORISED, 42.5, "");
    run(0.1);
    const ScriptClient *both[] = { ada, bob };
    for (int i = 0; i < 2; i++) {
        const CommandMessage *told = last(both[i]);
        assert_int_equal(both[i]->command_count, 1);
        assert_int_equal(told->state, WIRE_COMMAND_AUTHORISED);
        assert_int_equal(told->thing, 1);
        assert_int_equal(told->action, SMALL_HEAT);
        assert_int_equal(told->property, SMALL_TEMPERATURE);
        assert_int_equal(told->desired, 425);
        assert_int_equal(told->who, ada->welcome.session);
        assert_string_equal(told->name, "Ada");
    }
    /* A wish is not a value. */
    const Replication *replication = &stage.metaverse->replication;
    assert_int_equal(replication->channels[replication->first_channel[1]].quality, QUALITY_NONE);
    script_command(&enabler, 0, COMMAND_ACCEPTED, 42.5, "");
    script_command(&enabler, 0, COMMAND_ACCEPTED, 42.5, "");
    script_command(&enabler, 0, COMMAND_CONFIRMED, NAN, "");
    script_command(&enabler, 0, COMMAND_TIMED_OUT, NAN, "late"); /* only one final state is told */
    run(0.1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(both[i]->command_count, 3);
        assert_int_equal(last(both[i])->state, WIRE_COMMAND_CONFIRMED);
    }
    assert_int_equal(metaverse_counters(stage.metaverse)->commands_confirmed, 1);
    assert_int_equal(stage.metaverse->integration.under_way, 0);
    invoke(ada, 2, 0, 50);
    assert_int_equal(enabler.actuates, 1); /* the grant is kept */
    assert_int_equal(enabler.invoke_count, 2);
    finish();
}

static void test_a_viewer_is_refused_with_a_reason_and_stays(void **state)
{
    (void)state;
    begin();
    invoke(bob, 1, 0, 50);
    assert_int_equal(enabler.actuates, 1); /* the enabler was asked: it has the audit */
    assert_int_equal(enabler.invoke_count, 0);
    assert_int_equal(last(bob)->state, WIRE_COMMAND_REFUSED);
    assert_string_equal(last(bob)->reason, "viewers may not operate");
    assert_int_equal(ada->command_count, 0); /* what was never authorised is nobody else's affair */
    assert_false(bob->rejected);
    invoke(bob, 2, 0, 50);
    assert_int_equal(enabler.actuates, 2);
    assert_int_equal(stage.metaverse->sessions[1].commands, 0);
    finish();
}

static void test_the_same_id_is_one_command(void **state)
{
    (void)state;
    begin();
    invoke(ada, 1, 1, 42.5);
    invoke(ada, 1, 1, 42.5);
    assert_int_equal(enabler.invoke_count, 1);
    assert_int_equal(ada->command_count, 0);
    script_command(&enabler, 0, COMMAND_AUTHORISED, 42.5, "");
    run(0.1);
    invoke(ada, 1, 1, 42.5);
    assert_int_equal(ada->command_count, 2);
    assert_int_equal(bob->command_count, 1);
    script_command(&enabler, 0, COMMAND_REFUSED, NAN, "the interlock holds");
    run(0.1);
    invoke(ada, 1, 1, 42.5);
    assert_int_equal(enabler.invoke_count, 1);
    assert_int_equal(last(ada)->state, WIRE_COMMAND_REFUSED);
    assert_string_equal(last(ada)->reason, "the interlock holds");
    invoke(bob, 1, 1, 42.5); /* somebody else's id */
    assert_int_equal(last(bob)->state, WIRE_COMMAND_REFUSED);
    assert_non_null(strstr(last(bob)->reason, "somebody else"));
    finish();
}

static void test_what_cannot_be_is_told(void **state)
{
    (void)state;
    begin();
    invoke(ada, 1, 2, 50);
    assert_int_equal(last(ada)->state, WIRE_COMMAND_REFUSED);
    assert_non_null(strstr(last(ada)->reason, "not bound"));
    script_system_state(&enabler, "plant", false);
    run(0.1);
    invoke(ada, 2, 1, 50);
    assert_non_null(strstr(last(ada)->reason, "down"));
    bus_local_cut(endpoint, true);
    run(0.1);
    invoke(ada, 3, 1, 50);
    assert_non_null(strstr(last(ada)->reason, "cannot be reached"));
    assert_int_equal(enabler.invoke_count, 0);
    Message message = invocation(4, 7, 1); /* no such thing: not a client's to say */
    assert_int_equal(client_send(ada, &message), STATUS_OK);
    message = invocation(5, 1, 1);
    message.invoke.action = SMALL_ACTIONS;
    assert_int_equal(client_send(bob, &message), STATUS_OK);
    run(0.1);
    assert_int_equal(ada->reject.code, REJECT_NOT_ALLOWED);
    assert_int_equal(bob->reject.code, REJECT_NOT_ALLOWED);
    finish();
}

static void test_without_a_bus(void **state)
{
    (void)state;
    begin_with(false);
    invoke(ada, 1, 1, 50);
    assert_int_equal(last(ada)->state, WIRE_COMMAND_REFUSED);
    assert_string_equal(last(ada)->reason, "this server has no integration enabler");
    const Message ask = { .id = MESSAGE_SYSTEMS };
    assert_int_equal(client_send(ada, &ask), STATUS_OK);
    run(0.1);
    assert_int_equal(ada->lists, 1);
    assert_int_equal(ada->system_count, 1);
    assert_int_equal(ada->systems[0].bound, THINGS);
    finish();
    bus_destroy(endpoint);
}

static void test_queues_are_bounded(void **state)
{
    (void)state;
    begin();
    enabler.holds_grants = true;
    for (uint8_t i = 0; i < SESSION_COMMANDS + 3; i++) {
        Message message = invocation(i, 1, 50);
        assert_int_equal(client_send(ada, &message), STATUS_OK);
    }
    run(0.1);
    assert_int_equal(enabler.actuates, 1); /* one question for all of them */
    assert_int_equal(ada->command_count, 3);
    assert_non_null(strstr(last(ada)->reason, "too many"));
    script_grant(&enabler, enabler.held_system, enabler.held_user, RIGHT_ACTUATE, enabler.held_correlation);
    run(0.1);
    assert_int_equal(enabler.invoke_count, SESSION_COMMANDS);
    script_command(&enabler, 0, COMMAND_CONFIRMED, NAN, "");
    run(0.1);
    invoke(ada, 100, 1, 50);
    assert_int_equal(enabler.invoke_count, SESSION_COMMANDS + 1);
    finish();
}

static void test_nothing_waits_for_ever(void **state)
{
    (void)state;
    begin();
    invoke(ada, 1, 1, 50);
    script_command(&enabler, 0, COMMAND_AUTHORISED, 50, "");
    run(46);
    assert_int_equal(last(ada)->state, WIRE_COMMAND_TIMED_OUT);
    assert_int_equal(last(bob)->state, WIRE_COMMAND_TIMED_OUT);
    enabler.silent = true;
    invoke(bob, 2, 1, 50); /* access is never answered */
    run(6);
    assert_int_equal(last(bob)->state, WIRE_COMMAND_REFUSED);
    finish();
}

static void test_who_comes_later_is_told_what_is_under_way(void **state)
{
    (void)state;
    begin();
    invoke(ada, 1, 1, 50);
    invoke(ada, 2, 0, 60);
    script_command(&enabler, 0, COMMAND_AUTHORISED, 50, "");
    script_alarm(&enabler, "plant", "machine-0", true);
    run(0.1);
    const ScriptClient *carl = join("Carl", ROLE_VIEWER);
    assert_int_equal(carl->command_count, 1);
    assert_int_equal(last(carl)->thing, 1);
    assert_string_equal(last(carl)->name, "Ada");
    assert_int_equal(carl->alarm_count, 1);
    script_command(&enabler, 0, COMMAND_CONFIRMED, NAN, "");
    run(0.1);
    assert_int_equal(last(carl)->state, WIRE_COMMAND_CONFIRMED);
    const ScriptClient *dora = join("Dora", ROLE_VIEWER);
    assert_int_equal(dora->command_count, 0);
    finish();
}

static void test_other_platforms_operate_too(void **state)
{
    (void)state;
    begin();
    enabler.invokes[0] = (ScriptInvoke){ .command = "ffffffffffffffffffffffffffffffff",
                                         .thing = "machine-1",
                                         .action = "heat",
                                         .user = "Eve of elsewhere",
                                         .system = "plant" };
    script_command(&enabler, 0, COMMAND_AUTHORISED, 33, "");
    run(0.1);
    assert_int_equal(last(bob)->who, 0);
    assert_string_equal(last(bob)->name, "Eve of elsewhere");
    assert_int_equal(last(bob)->desired, 330);
    script_command(&enabler, 0, COMMAND_CONFIRMED, NAN, "");
    run(0.1);
    assert_int_equal(last(bob)->state, WIRE_COMMAND_CONFIRMED);
    finish();
}

static void test_a_revoked_grant_is_not_used(void **state)
{
    (void)state;
    begin();
    invoke(ada, 1, 1, 50);
    BodyWriter writer = body_begin(MII_REVOKED);
    body_text(&writer, "grant", enabler.last_grant);
    body_text(&writer, "reason", "not any more");
    script_send(&enabler, &writer, NULL, 0);
    run(0.1);
    invoke(ada, 2, 1, 50);
    assert_int_equal(enabler.actuates, 2);
    finish();
}

static void test_a_grant_ends(void **state)
{
    (void)state;
    begin();
    enabler.grant_s = 5;
    invoke(ada, 1, 1, 50);
    run(2.5);
    invoke(ada, 2, 1, 50);
    assert_int_equal(enabler.actuates, 1);
    run(1);
    invoke(ada, 3, 1, 50);
    assert_int_equal(enabler.actuates, 2);
    assert_int_equal(enabler.invoke_count, 3);
    finish();
}

static void test_alarms_come_and_go(void **state)
{
    (void)state;
    begin();
    script_alarm(&enabler, "plant", "machine-1", true);
    script_alarm(&enabler, "plant", "machine-2", true); /* not bound to the plant */
    script_alarm(&enabler, "plant", "nowhere", true);
    script_alarm(&enabler, "other", "machine-0", true);
    run(0.1);
    assert_int_equal(ada->alarm_count, 1);
    assert_int_equal(ada->alarms[0].thing, 1);
    assert_int_equal(ada->alarms[0].property, SMALL_TEMPERATURE);
    assert_int_equal(ada->alarms[0].severity, WIRE_CRITICAL);
    assert_string_equal(ada->alarms[0].service, "monitor");
    assert_string_equal(ada->alarms[0].text, "rises too fast");
    assert_int_equal(metaverse_counters(stage.metaverse)->service_alarms, 1);
    script_alarm(&enabler, "plant", "machine-1", false);
    script_alarm(&enabler, "plant", "machine-1", false);
    run(0.1);
    assert_int_equal(ada->alarm_count, 2);
    assert_int_equal(ada->alarms[1].active, 0);
    script_alarm(&enabler, "plant", "machine-0", true);
    script_system_state(&enabler, "monitor", false); /* who is gone cannot take it back */
    run(0.1);
    assert_int_equal(ada->alarm_count, 4);
    assert_int_equal(ada->alarms[3].active, 0);
    assert_int_equal(metaverse_counters(stage.metaverse)->service_alarms, 0);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_a_wish_to_its_confirmation),
        cmocka_unit_test(test_a_viewer_is_refused_with_a_reason_and_stays),
        cmocka_unit_test(test_the_same_id_is_one_command),
        cmocka_unit_test(test_what_cannot_be_is_told),
        cmocka_unit_test(test_without_a_bus),
        cmocka_unit_test(test_queues_are_bounded),
        cmocka_unit_test(test_nothing_waits_for_ever),
        cmocka_unit_test(test_who_comes_later_is_told_what_is_under_way),
        cmocka_unit_test(test_other_platforms_operate_too),
        cmocka_unit_test(test_a_revoked_grant_is_not_used),
        cmocka_unit_test(test_a_grant_ends),
        cmocka_unit_test(test_alarms_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
