/* Real client sessions and a real metaverse system over the simulated network, a scripted enabler behind it:
 * from what somebody asks to what everybody sees of it, also when the connection is lost in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/session/session_state.h"
#include "server/metaverse/metaverse.h"
#include "shared/wire/transport_sim.h"
#include "tests/unit/server/script_enabler.h"

#include <stdlib.h>

#define THINGS  2u
#define PEOPLE  4u
#define PORT    4000
#define TICK    (TIME_SECOND / 60)
#define STARTED (INT64_C(5000) * TIME_SECOND)

static const SimLink clean = { 0 };
static const SimLink rough = {
    .latency = 75 * TIME_MS, .jitter = 20 * TIME_MS, .loss = 0.05, .duplication = 0.02, .reorder = 0.02
};

typedef struct Somebody {
    Session *session;
    Transport transport; /* borrowed */
    TimeNs next_step;
    SessionView view;
} Somebody;

static SmallWorld small;
static ScriptEnabler enabler;
static SimNetwork *network;
static Metaverse *metaverse;
static Somebody people[PEOPLE];
static TimeNs now;
static Role next_role;

static Role role_of(void *context, PeerId peer)
{
    (void)context, (void)peer;
    return next_role;
}

static void begin(SimLink link)
{
    Bus endpoint;
    Transport transport;
    Diag diag = { 0 };
    script_init(&enabler, "metaverse", &endpoint);
    enabler.systems[0] = (ScriptSystem){ .name = "plant",
                                         .domain = "",
                                         .model = script_model("", "degC"),
                                         .kind = SYSTEM_TWIN,
                                         .up = true,
                                         .count = THINGS };
    enabler.system_count = 1;
    memset(people, 0, sizeof people);
    now = STARTED;
    const MetaverseConfig config = {
        .sessions = 8, .roles = { .of = role_of }, .resume_time = 30 * TIME_SECOND, .endpoint = endpoint
    };
    assert_true(small_world_init(&small, THINGS));
    small.entries[1].bytes.size = 100;
    assert_int_equal(sim_network_create(9, link, &network), STATUS_OK);
    assert_int_equal(transport_sim_create(network, PORT, &transport), STATUS_OK);
    assert_int_equal(
        metaverse_create(&config, &small.world, &small.texts, small.assets, transport, &metaverse, &diag),
        STATUS_OK);
}

static void finish(void)
{
    for (uint32_t i = 0; i < PEOPLE; i++) {
        session_destroy(people[i].session);
    }
    metaverse_destroy(metaverse);
    bus_destroy(enabler.hub);
    sim_network_destroy(network);
    small_world_finish(&small);
}

static void frame(Somebody *somebody)
{
    Session *session = somebody->session;
    AvatarState own;
    session_update(session, now);
    if (session_assets(session) != NULL && session_state(session) == SESSION_LOADING) {
        session_ready(session, &small.world);
    }
    if (session_own_avatar(session, &own)) {
        somebody->next_step = somebody->next_step == 0 ? now : somebody->next_step;
        for (; somebody->next_step <= now; somebody->next_step += AVATAR_STEP_NS) {
            session_input(session, &(AvatarInput){ .yaw = own.yaw }, now);
        }
    }
    session_flush(session, now);
    session_view(session, now, &somebody->view);
}

static void tick(void)
{
    now += TICK;
    enabler.wall += TICK;
    script_poll(&enabler, now);
    metaverse_receive(metaverse, now);
    metaverse_systems(metaverse, now, enabler.wall);
    script_poll(&enabler, now);
    metaverse_step(metaverse, now);
    metaverse_replicate(metaverse, now);
    for (uint32_t i = 0; i < PEOPLE; i++) {
        if (people[i].session != NULL) {
            frame(&people[i]);
        }
    }
}

static void run(double seconds)
{
    for (int ticks = (int)(seconds * 60 + 0.5); ticks > 0; ticks--) {
        tick();
    }
}

static Session *join(uint32_t who, const char *name, Role role)
{
    const SessionConfig config = { .host = "sim", .port = PORT, .name = name };
    Diag diag = { 0 };
    next_role = role;
    assert_int_equal(transport_sim_create(network, 0, &people[who].transport), STATUS_OK);
    assert_int_equal(session_create(&config, people[who].transport, now, &people[who].session, &diag),
                     STATUS_OK);
    run(2);
    assert_true(people[who].view.valid);
    return people[who].session;
}

static InvokeMessage heat(uint8_t id, uint32_t thing, double value)
{
    return (InvokeMessage){ .command = { 0xAB, id },
                            .thing = thing,
                            .action = SMALL_HEAT,
                            .kind = WIRE_VALUE_NUMBER,
                            .number = value };
}

static const SessionCommand *seen_by(const Session *session, uint8_t id)
{
    const InvokeMessage asked = heat(id, 0, 0);
    return operations_find(session_operations(session), asked.command);
}

static void check_state(const Session *session, uint8_t id, uint8_t wire_state)
{
    const SessionCommand *command = seen_by(session, id);
    assert_non_null(command);
    assert_int_equal(command->state, wire_state);
}

static void ask(Session *session, uint8_t id, uint32_t thing, double value)
{
    const InvokeMessage asked = heat(id, thing, value);
    assert_int_equal(session_invoke(session, &asked, now), STATUS_OK);
    run(1);
}

static void confirmed_over(SimLink link)
{
    begin(link);
    Session *ada = join(0, "Ada", ROLE_OPERATOR), *bob = join(1, "Bob", ROLE_VIEWER);
    ask(ada, 1, 1, 42.5);
    check_state(ada, 1, WIRE_COMMAND_NONE);
    assert_null(seen_by(bob, 1));
    script_command(&enabler, 0, COMMAND_AUTHORISED, 42.5, "");
    script_command(&enabler, 0, COMMAND_ACCEPTED, 42.5, "");
    run(1);
    check_state(ada, 1, WIRE_COMMAND_ACCEPTED);
    check_state(bob, 1, WIRE_COMMAND_ACCEPTED);
    assert_true(seen_by(ada, 1)->own);
    assert_false(seen_by(bob, 1)->own);
    assert_string_equal(seen_by(bob, 1)->name, "Ada");
    assert_int_equal(seen_by(bob, 1)->who, session_number(ada));
    assert_int_equal(seen_by(bob, 1)->desired, 425);
    assert_ptr_equal(operations_pending(session_operations(bob), 1, SMALL_TEMPERATURE), seen_by(bob, 1));
    const Session *carl = join(2, "Carl", ROLE_VIEWER); /* comes later */
    check_state(carl, 1, WIRE_COMMAND_ACCEPTED);
    assert_true(people[2].view.server_time - seen_by(carl, 1)->since > TIME_SECOND);
    script_command(&enabler, 0, COMMAND_CONFIRMED, NAN, "");
    run(1);
    check_state(ada, 1, WIRE_COMMAND_CONFIRMED);
    check_state(bob, 1, WIRE_COMMAND_CONFIRMED);
    check_state(carl, 1, WIRE_COMMAND_CONFIRMED);
    assert_null(operations_pending(session_operations(bob), 1, NO_WIRE_PROPERTY));
    finish();
}

static void test_from_a_wish_to_its_confirmation(void **state)
{
    (void)state;
    confirmed_over(clean);
}

static void test_the_same_over_a_rough_network(void **state)
{
    (void)state;
    confirmed_over(rough);
}

static void test_a_viewer_is_refused(void **state)
{
    (void)state;
    begin(clean);
    Session *bob = join(0, "Bob", ROLE_VIEWER);
    ask(bob, 1, 0, 20);
    check_state(bob, 1, WIRE_COMMAND_REFUSED);
    assert_string_equal(seen_by(bob, 1)->reason, "viewers may not operate");
    assert_int_equal(session_state(bob), SESSION_LIVE);
    finish();
}

static void test_two_operators_want_the_same(void **state)
{
    (void)state;
    begin(clean);
    Session *ada = join(0, "Ada", ROLE_OPERATOR), *eve = join(1, "Eve", ROLE_OPERATOR);
    ask(ada, 1, 0, 20);
    ask(eve, 2, 0, 80);
    assert_int_equal(enabler.actuates, 2); /* each has a grant of her own */
    assert_string_equal(enabler.invokes[1].user, "Eve");
    script_command(&enabler, 0, COMMAND_AUTHORISED, 20, "");
    script_command(&enabler, 1, COMMAND_REFUSED, NAN, "Ada operates it");
    run(1);
    check_state(eve, 1, WIRE_COMMAND_AUTHORISED);
    check_state(eve, 2, WIRE_COMMAND_REFUSED);
    assert_string_equal(seen_by(eve, 2)->reason, "Ada operates it");
    assert_null(seen_by(ada, 2));
    finish();
}

/* Ada's connection is cut while her command is under way; its end comes while she is away. */
static void test_a_command_survives_its_connection(void **state)
{
    (void)state;
    begin(clean);
    Session *ada = join(0, "Ada", ROLE_OPERATOR), *bob = join(1, "Bob", ROLE_OPERATOR);
    ask(ada, 1, 1, 42.5);
    ask(bob, 2, 0, 30);
    script_command(&enabler, 0, COMMAND_AUTHORISED, 42.5, "");
    script_command(&enabler, 1, COMMAND_AUTHORISED, 30, "");
    script_alarm(&enabler, "plant", "machine-0", true);
    run(0.5);
    assert_int_equal(session_operations(ada)->alarm_count, 1);
    sim_transport_sever(people[0].transport);
    script_command(&enabler, 0, COMMAND_CONFIRMED, NAN, "");
    script_command(&enabler, 1, COMMAND_CONFIRMED, NAN, "");
    script_alarm(&enabler, "plant", "machine-0", false);
    tick();
    const InvokeMessage meanwhile = heat(3, 1, 50);
    run(0.2);
    Status status = session_invoke(ada, &meanwhile, now); /* waits for the connection */
    assert_int_equal(status, STATUS_OK);
    run(5);
    assert_int_equal(session_state(ada), SESSION_LIVE);
    assert_int_equal(session_stats(ada).reconnects, 1);
    check_state(ada, 1, WIRE_COMMAND_CONFIRMED);
    assert_null(operations_pending(session_operations(ada), 0, NO_WIRE_PROPERTY)); /* Bob's is forgotten */
    assert_int_equal(session_operations(ada)->alarm_count, 0);
    assert_int_equal(enabler.invoke_count, 3); /* and nothing was done twice */
    assert_string_equal(enabler.invokes[2].command, "ab030000000000000000000000000000");
    script_command(&enabler, 2, COMMAND_CONFIRMED, NAN, "");
    run(0.5);
    check_state(ada, 3, WIRE_COMMAND_CONFIRMED);
    finish();
}

static void test_systems_are_listed(void **state)
{
    (void)state;
    begin(clean);
    Session *ada = join(0, "Ada", ROLE_VIEWER);
    session_ask_systems(ada);
    run(1);
    const Operations *operations = session_operations(ada);
    assert_int_equal(operations->answers, 1);
    assert_int_equal(operations->systems.system_count, 2);
    assert_int_equal(operations->systems.systems[0].bound, THINGS);
    assert_string_equal(operations->systems.systems[1].name, "plant");
    assert_int_equal(operations->systems.unbound_count, 0);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_a_wish_to_its_confirmation),
        cmocka_unit_test(test_the_same_over_a_rough_network),
        cmocka_unit_test(test_a_viewer_is_refused),
        cmocka_unit_test(test_two_operators_want_the_same),
        cmocka_unit_test(test_a_command_survives_its_connection),
        cmocka_unit_test(test_systems_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
