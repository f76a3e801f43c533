/* Actions of a script: what is written, what it asks for, and the lines about how they ended. The session is
 * a double: it takes what is asked and says what the test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/act.h"
#include "client/session/session_state.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static Property properties[] = {
    { .name = "opening", .unit = "%", .encoding = CHANNEL_STEPS, .resolution = 1 }
};
static Action actions[] = {
    { .name = "open", .has_input = true, .input_type = PROPERTY_NUMBER, .input_unit = "%" },
    { .name = "steps", .has_input = true, .input_type = PROPERTY_INTEGER },
    { .name = "enable", .has_input = true, .input_type = PROPERTY_BOOLEAN },
    { .name = "say", .has_input = true, .input_type = PROPERTY_TEXT },
    { .name = "stop" },
};
static const ThingModel model = {
    .properties = properties, .property_count = 1, .actions = actions, .action_count = ARRAY_COUNT(actions)
};
static Thing things[] = { { .id = "valve-1", .model = &model }, { .id = "hall.valve", .model = &model } };
static const World world = { .things = things, .thing_count = ARRAY_COUNT(things) };

static void test_words(void **state)
{
    (void)state;
    Act act;
    Diag diag = { 0 };
    assert_int_equal(act_parse("valve-1.open=20.5", &act, &diag), STATUS_OK);
    assert_string_equal(act.thing, "valve-1");
    assert_string_equal(act.action, "open");
    assert_true(act.has_value);
    assert_string_equal(act.value, "20.5");
    assert_int_equal(act_parse("hall.valve.stop", &act, &diag), STATUS_OK);
    assert_string_equal(act.thing, "hall.valve");
    assert_string_equal(act.action, "stop");
    assert_false(act.has_value);
    assert_int_equal(act_parse("a.say=x=y.z", &act, &diag), STATUS_OK);
    assert_string_equal(act.thing, "a");
    assert_string_equal(act.value, "x=y.z");
    assert_int_equal(act_parse("a.say=", &act, &diag), STATUS_OK);
    assert_string_equal(act.value, "");
    char long_name[100], long_value[300] = "a.b=";
    memset(long_name, 'x', sizeof long_name);
    memcpy(long_name + 70, ".go", 4);
    memset(long_value + 4, 'v', sizeof long_value - 5);
    const char *const wrong[] = {
        "", ".", "a", "a.", ".b", "=1", "a=1", "a.=1", ".b=1", long_name, long_value
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        Act before = act;
        if (act_parse(wrong[i], &act, &diag) != STATUS_MALFORMED || memcmp(&before, &act, sizeof act) != 0) {
            fail_msg("\"%s\" is taken", wrong[i]);
        }
    }
}

static Status resolve(const char *text, InvokeMessage *invoke, Diag *diag)
{
    Act act;
    assert_int_equal(act_parse(text, &act, diag), STATUS_OK);
    *invoke = (InvokeMessage){ .command = { 5 } };
    return act_resolve(&act, &world, invoke, diag);
}

static void test_what_they_ask_for(void **state)
{
    (void)state;
    InvokeMessage invoke;
    Diag diag = { 0 };
    assert_int_equal(resolve("hall.valve.open=-2.5e1", &invoke, &diag), STATUS_OK);
    assert_int_equal(invoke.thing, 1);
    assert_int_equal(invoke.action, 0);
    assert_int_equal(invoke.kind, WIRE_VALUE_NUMBER);
    assert_true(fabs(invoke.number + 25) < 1e-12);
    assert_int_equal(invoke.command[0], 5);
    assert_int_equal(resolve("valve-1.enable=true", &invoke, &diag), STATUS_OK);
    assert_int_equal(invoke.kind, WIRE_VALUE_BOOLEAN);
    assert_int_equal(invoke.boolean, 1);
    assert_int_equal(resolve("valve-1.enable=0", &invoke, &diag), STATUS_OK);
    assert_int_equal(invoke.boolean, 0);
    assert_int_equal(resolve("valve-1.say=12", &invoke, &diag), STATUS_OK);
    assert_int_equal(invoke.kind, WIRE_VALUE_TEXT);
    assert_string_equal(invoke.text, "12");
    assert_int_equal(resolve("valve-1.stop", &invoke, &diag), STATUS_OK);
    assert_int_equal(invoke.kind, WIRE_VALUE_NONE);
    assert_int_equal(resolve("valve-2.stop", &invoke, &diag), STATUS_NOT_FOUND);
    assert_non_null(strstr(diag.text, "valve-2"));
    assert_int_equal(resolve("valve-1.go", &invoke, &diag), STATUS_NOT_FOUND);
    static const char *const wrong[] = { "valve-1.stop=1",    "valve-1.open",       "valve-1.open=",
                                         "valve-1.open=12 %", "valve-1.open=nan",   "valve-1.open=inf",
                                         "valve-1.steps=1.5", "valve-1.open=1e999", "valve-1.enable=yes" };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        if (resolve(wrong[i], &invoke, &diag) != STATUS_INVALID_ARGUMENT) {
            fail_msg("\"%s\" is taken", wrong[i]);
        }
    }
}

/* ---- one after the other ---- */

static void fill(void *context, uint8_t *out, size_t size)
{
    memset(out, ++*(uint8_t *)context, size);
}

static void tell(Session *session, uint8_t id, uint8_t wire_state, const char *reason, TimeNs now)
{
    CommandMessage message = { .state = wire_state, .property = NO_WIRE_PROPERTY };
    memset(message.command, id, sizeof message.command);
    snprintf(message.reason, sizeof message.reason, "%s", reason);
    assert_true(operations_command(&session->operations, &world, &message, now));
}

static json_t *line_of(const char *line)
{
    assert_non_null(line);
    json_t *json = json_loads(line, 0, NULL);
    assert_non_null(json);
    return json;
}

static const char *text_in(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static void test_one_after_the_other(void **state)
{
    (void)state;
    /* A session without a connection keeps what is asked. */
    Session *session = calloc(1, sizeof *session);
    session->state = SESSION_AWAY;
    Act acts[3];
    Diag diag = { 0 };
    assert_int_equal(act_parse("valve-1.open=20", &acts[0], &diag), STATUS_OK);
    assert_int_equal(act_parse("valve-9.open=20", &acts[1], &diag), STATUS_OK);
    assert_int_equal(act_parse("valve-1.stop", &acts[2], &diag), STATUS_OK);
    uint8_t ids = 0;
    ActRunner runner = {
        .acts = acts, .count = 3, .timeout = 10 * TIME_SECOND, .fill = fill, .context = &ids
    };
    assert_null(act_runner_update(&runner, session, &world, 0));
    assert_null(act_runner_update(&runner, session, &world, TIME_SECOND));
    assert_int_equal(session->operations.command_count, 1);
    tell(session, 1, WIRE_COMMAND_ACCEPTED, "", TIME_SECOND);
    assert_null(act_runner_update(&runner, session, &world, TIME_SECOND));
    tell(session, 1, WIRE_COMMAND_CONFIRMED, "", 2 * TIME_SECOND);
    json_t *line = line_of(act_runner_update(&runner, session, &world, 2 * TIME_SECOND));
    assert_string_equal(text_in(line, "thing"), "valve-1");
    assert_string_equal(text_in(line, "action"), "open");
    assert_string_equal(text_in(line, "state"), "confirmed");
    assert_string_equal(text_in(line, "command"), "01010101010101010101010101010101");
    assert_true(fabs(json_number_value(json_object_get(line, "value")) - 20) < 1e-12);
    assert_true(fabs(json_number_value(json_object_get(line, "seconds")) - 2) < 1e-9);
    json_decref(line);
    line = line_of(act_runner_update(&runner, session, &world, 2 * TIME_SECOND));
    assert_string_equal(text_in(line, "state"), "refused");
    assert_true(json_is_null(json_object_get(line, "command")));
    json_decref(line);
    assert_null(act_runner_update(&runner, session, &world, 2 * TIME_SECOND));
    assert_null(act_runner_update(&runner, session, &world, 11 * TIME_SECOND));
    line = line_of(act_runner_update(&runner, session, &world, 12 * TIME_SECOND));
    assert_string_equal(text_in(line, "state"), "timed out");
    assert_true(json_is_null(json_object_get(line, "value")));
    json_decref(line);
    assert_true(act_runner_done(&runner));
    assert_false(act_runner_all_confirmed(&runner));
    assert_int_equal(runner.confirmed, 1);
    assert_null(act_runner_give_up(&runner, "left", 12 * TIME_SECOND));
    runner = (ActRunner){ .acts = acts, .count = 2, .timeout = TIME_SECOND, .fill = fill, .context = &ids };
    assert_null(act_runner_update(&runner, session, &world, 0));
    for (int i = 0; i < 2; i++) {
        line = line_of(act_runner_give_up(&runner, "left", TIME_SECOND));
        assert_string_equal(text_in(line, "state"), "failed");
        assert_string_equal(text_in(line, "reason"), "left");
        assert_int_equal(json_is_null(json_object_get(line, "command")), i);
        json_decref(line);
    }
    assert_null(act_runner_give_up(&runner, "left", TIME_SECOND));
    free(session);
}

/* ---- what is kept ---- */

static CommandMessage command_of(uint8_t id, uint8_t wire_state)
{
    CommandMessage message = { .state = wire_state, .property = 0, .desired = 7 };
    memset(message.command, id, sizeof message.command);
    return message;
}

static void test_operations_are_bounded_and_checked(void **state)
{
    (void)state;
    Operations *operations = calloc(1, sizeof *operations);
    CommandMessage message = command_of(1, WIRE_COMMAND_AUTHORISED);
    assert_true(operations_command(operations, &world, &message, 0));
    assert_non_null(operations_pending(operations, 0, 0));
    assert_null(operations_pending(operations, 1, 0));
    message.thing = 2; /* there are two */
    assert_false(operations_command(operations, &world, &message, 0));
    message = command_of(2, WIRE_COMMAND_AUTHORISED);
    message.property = 1;
    assert_false(operations_command(operations, &world, &message, 0));
    message = command_of(2, WIRE_COMMAND_AUTHORISED);
    message.action = ARRAY_COUNT(actions);
    assert_false(operations_command(operations, &world, &message, 0));
    message.action = ACTION_INDEX_MAX + 1; /* not known here: allowed */
    assert_true(operations_command(operations, &world, &message, 0));
    const InvokeMessage own = { .command = { 200 } };
    assert_int_equal(operations_ask(operations, &own, 0), STATUS_OK);
    assert_int_equal(operations_ask(operations, &own, 0), STATUS_DUPLICATE);
    for (unsigned i = 3; i < 200; i++) {
        message = command_of((uint8_t)i, WIRE_COMMAND_AUTHORISED);
        assert_true(operations_command(operations, &world, &message, 0));
    }
    assert_int_equal(operations->command_count, OPERATIONS_COMMANDS_MAX);
    assert_non_null(operations_find(operations, own.command)); /* one's own is not pushed out */
    operations_renew(operations);
    assert_int_equal(operations->command_count, 1);
    message =
        (CommandMessage){ .command = { 200 }, .state = WIRE_COMMAND_REFUSED, .property = NO_WIRE_PROPERTY };
    assert_true(operations_command(operations, &world, &message, TIME_SECOND));
    message.state = WIRE_COMMAND_CONFIRMED; /* too late */
    assert_true(operations_command(operations, &world, &message, TIME_SECOND));
    assert_int_equal(operations_find(operations, own.command)->state, WIRE_COMMAND_REFUSED);
    operations_update(operations, TIME_SECOND + OPERATIONS_KEPT - 1);
    assert_int_equal(operations->command_count, 1);
    operations_update(operations, TIME_SECOND + OPERATIONS_KEPT);
    assert_int_equal(operations->command_count, 0);
    free(operations);
}

static void test_alarms_and_systems(void **state)
{
    (void)state;
    Operations *operations = calloc(1, sizeof *operations);
    AlarmMessage alarm = {
        .property = 0, .severity = WIRE_WARNING, .active = 1, .service = "m", .rule = "r"
    };
    assert_true(operations_alarm(operations, &world, &alarm));
    alarm.thing = 1;
    assert_true(operations_alarm(operations, &world, &alarm));
    alarm.severity = WIRE_CRITICAL;
    assert_true(operations_alarm(operations, &world, &alarm));
    assert_int_equal(operations->alarm_count, 2);
    assert_int_equal(operations->alarms[1].severity, WIRE_CRITICAL);
    alarm.thing = 2;
    assert_false(operations_alarm(operations, &world, &alarm));
    alarm.thing = 0;
    alarm.active = 0;
    assert_true(operations_alarm(operations, &world, &alarm));
    assert_int_equal(operations->alarm_count, 1);
    assert_int_equal(operations->alarms[0].thing, 1);

    SystemMessage system = { .index = 1, .count = 2, .kind = WIRE_SYSTEM_TWIN };
    assert_false(operations_system(operations, &system));
    system.index = 0;
    assert_true(operations_system(operations, &system));
    system.index = 1;
    assert_true(operations_system(operations, &system));
    const uint8_t entries[] = { 1, 0, 0, 0, 2, 'n', 'o' }, wrong[] = { 2, 0, 0, 0, 0 };
    UnboundMessage unbound = { .entries = bytes_of(wrong, sizeof wrong) };
    assert_false(operations_unbound(operations, &world, &unbound));
    assert_int_equal(operations->answers, 0);
    unbound = (UnboundMessage){ .last = 1, .entries = bytes_of(entries, sizeof entries) };
    assert_true(operations_unbound(operations, &world, &unbound));
    assert_int_equal(operations->answers, 1);
    assert_int_equal(operations->systems.system_count, 2);
    assert_null(operations_unbound_reason(operations, 0));
    assert_string_equal(operations_unbound_reason(operations, 1), "no");
    free(operations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_what_they_ask_for),
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_operations_are_bounded_and_checked),
        cmocka_unit_test(test_alarms_and_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
