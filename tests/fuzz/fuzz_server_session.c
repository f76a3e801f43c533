/* A connected peer that sends anything, against a live metaverse over the simulated network.
 * The first byte says how far the peer goes by the rules (connected, welcomed, loaded, live); then come
 * records of channel, size and that many bytes; size 0 lets a tick pass. A first byte of 128 and more is
 * something to do instead: lose the connection, come again, say HELLO with the newest or an older ticket,
 * bent or not. Behind the metaverse is an enabler, which does with commands what their ids say. Whatever
 * it is, nothing breaks, nothing is left behind, and another, well-behaved session lives on. */
#include "tests/unit/server/script_client.h"
#include "tests/unit/server/script_enabler.h"

#include <stdlib.h>

#define RECORDS_MAX 200

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "fuzz_server_session: %s\n", what);
        abort();
    }
}

/* `argument` is the second byte of the record. */
static void do_something(Stage *stage, ScriptClient *evil, uint8_t what, uint8_t argument)
{
    Message hello = { .id = MESSAGE_HELLO, .hello = evil->hello };
    const TicketMessage *ticket = (what & 0x08) != 0 ? &evil->ticket_before : &evil->ticket;
    switch (what & 3) {
    case 0:
        sim_transport_sever(evil->transport);
        break;
    case 1: /* the old connection goes on until it is noticed */
        evil->goal = GOAL_CONNECT;
        (void)client_connect(evil);
        stage_tick(stage);
        stage_tick(stage);
        evil->disconnected = evil->rejected = false;
        break;
    case 2:
        hello.hello.session = (what & 0x10) != 0 ? argument : ticket->session;
        hello.hello.texts = (what & 0x20) != 0 ? argument : 0;
        memcpy(hello.hello.ticket, ticket->ticket, sizeof hello.hello.ticket);
        hello.hello.ticket[argument % TICKET_SIZE] ^= (uint8_t)(what & 0x40);
        (void)!client_send(evil, &hello);
        stage_tick(stage);
        break;
    default:
        transport_disconnect(evil->transport, evil->peer, 0);
        stage_tick(stage);
        break;
    }
}

static void send_records(Stage *stage, ScriptClient *evil, const uint8_t *data, size_t size)
{
    size_t at = 0;
    for (int i = 0; i < RECORDS_MAX && at + 2 <= size && !evil->disconnected; i++) {
        uint8_t channel = data[at] % TRANSPORT_CHANNELS;
        size_t length = data[at + 1];
        if (data[at] >= 128) {
            do_something(stage, evil, data[at], data[at + 1]);
            at += 2;
            continue;
        }
        at += 2;
        length = length < size - at ? length : size - at;
        if (length == 0) {
            stage_tick(stage);
        } else if (client_send_bytes(evil, channel, data + at, length) != STATUS_OK) {
            return;
        }
        at += length;
    }
}

static void fill(void *context, uint8_t *out, size_t size)
{
    static uint8_t next;
    (void)context;
    for (size_t i = 0; i < size; i++) {
        out[i] = ++next;
    }
}

static ScriptEnabler enabler;

/* Commands are confirmed, refused, or never heard of again. */
static void tick_systems(Stage *stage)
{
    enabler.wall += TICK;
    script_poll(&enabler, stage->now);
    for (uint32_t i = 0; i < enabler.invoke_count; i++) {
        char id = enabler.invokes[i].command[0];
        script_command(&enabler, i, COMMAND_AUTHORISED, 20, "");
        if (id < '6') {
            script_command(&enabler, i, id < '3' ? COMMAND_CONFIRMED : COMMAND_REFUSED, NAN, "no");
        }
    }
    enabler.invoke_count = 0;
    metaverse_systems(stage->metaverse, stage->now, enabler.wall);
    script_poll(&enabler, stage->now);
}

static Role operator_of(void *context, PeerId peer)
{
    (void)context, (void)peer;
    return ROLE_OPERATOR;
}

static void check_commands(const MetaverseCounters *counters)
{
    uint64_t ended = counters->commands_confirmed + counters->commands_refused + counters->commands_failed;
    require(counters->commands_confirmed <= counters->commands && ended <= counters->commands + RECORDS_MAX,
            "more commands ended than there were");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Stage stage;
    MetaverseConfig config = {
        .sessions = 3, .roles = { .of = operator_of }, .resume_time = TIME_SECOND, .entropy = { .fill = fill }
    };
    if (size < 2) {
        return 0;
    }
    script_init(&enabler, "metaverse", &config.endpoint);
    enabler.systems[0] = (ScriptSystem){ .name = "plant",
                                         .domain = "",
                                         .model = script_model("", "degC"),
                                         .kind = SYSTEM_TWIN,
                                         .up = true,
                                         .count = 2 };
    enabler.system_count = 1;
    require(stage_init_sized(&stage, 2, &config, (SimLink){ 0 }, 3000), "no memory for the stage");
    stage.systems = tick_systems;
    ScriptClient *good = stage_add(&stage, GOAL_LIVE, "Good");
    stage_run(&stage, 0.3);
    require(good->snapshots > 0, "the good client did not come in");
    ScriptClient *evil = stage_add(&stage, (ClientGoal)(data[0] % 4), "Evil");
    stage_run(&stage, 0.3);
    evil->mute = true;
    send_records(&stage, evil, data + 1, size - 1);
    stage_run(&stage, 0.1);
    uint64_t snapshots = good->snapshots;
    stage_run(&stage, 0.3);
    require(!good->rejected && !good->disconnected && good->undecoded == 0, "the good client was harmed");
    require(good->snapshots > snapshots, "the good client gets nothing any more");
    const MetaverseCounters *counters = metaverse_counters(stage.metaverse);
    require(counters->sessions <= 2 && counters->joined - counters->left == counters->sessions,
            "sessions do not add up");
    require(counters->away < counters->sessions && counters->resumed <= evil->tickets + RECORDS_MAX, "away");
    check_commands(counters);
    if (counters->away > 0) { /* nobody is waited for for ever */
        stage_run(&stage, 1.1);
        require(counters->away == 0 && counters->sessions == 1, "someone stays away");
    }
    stage_finish(&stage);
    bus_destroy(enabler.hub);
    return 0;
}
