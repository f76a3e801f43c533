/* The DII side of the twin system against a scripted enabler: the test itself answers at the hub of a local
 * bus, and plays the device behind a feed. Long, as the rules of registration, synchronisation and commands
 * are proved with one script. */
#define _GNU_SOURCE /* memmem */
#include "server/twin/twin.h"
#include "shared/systems/body.h"
#include "shared/systems/bus_local.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WALL  (INT64_C(1700000000) * TIME_SECOND) /* at monotonic 0 */
#define GRANT "0123456789abcdef0123456789abcdef"

enum { POSITION, MODE };
enum { MANUAL, AUTOMATIC };

static const char valve[] =
    "{\"@context\":\"https://www.w3.org/2022/wot/td/v1.1\",\"title\":\"Valve\",\"security\":\"s\","
    "\"securityDefinitions\":{\"s\":{\"scheme\":\"nosec\"}},"
    "\"properties\":{\"position\":{\"type\":\"number\",\"minimum\":0,\"maximum\":100,\"multipleOf\":0.1,"
    "\"dtmv:period\":10,\"forms\":[{\"href\":\"p\"}]},"
    "\"mode\":{\"type\":\"string\",\"enum\":[\"manual\",\"automatic\"],\"forms\":[{\"href\":\"m\"}]}},"
    "\"actions\":{"
    "\"set\":{\"title\":\"Set\",\"input\":{\"type\":\"number\",\"minimum\":0,\"maximum\":90},"
    "\"dtmv:target\":\"position\",\"dtmv:tolerance\":1,\"dtmv:timeout\":5,\"dtmv:interlocks\":[{\"property\":"
    "\"mode\","
    "\"not\":[\"manual\"],\"text\":\"the valve is in manual mode\"}],\"forms\":[{\"href\":\"s\"}]},"
    "\"stop\":{\"title\":\"Stop\",\"dtmv:target\":\"position\",\"dtmv:value\":0,\"dtmv:emergency\":true,"
    "\"forms\":[{\"href\":\"t\"}]},"
    "\"mode\":{\"title\":\"Mode\",\"input\":{\"type\":\"string\"},\"dtmv:target\":\"mode\",\"forms\":[{"
    "\"href\":\"m\"}]},"
    "\"reset\":{\"title\":\"Reset\",\"forms\":[{\"href\":\"r\"}]}}}";

/* A feed that the test fills, and a device that says what the test tells it to. */
typedef struct Device {
    TraceSample samples[64];
    size_t count, next;
    FeedStatus status;
    Status poll, command;
    FieldCommand commands[16];
    unsigned command_count;
    FieldAnswer answers[16];
    unsigned answer_count, answered;
    uint32_t only; /* the thing that it has, UINT32_MAX: all */
} Device;

static Status device_poll(void *context, TimeNs now, TraceSample *out, size_t capacity, size_t *out_count,
                          FeedStatus *out_status)
{
    Device *device = context;
    (void)now;
    if (device->poll != STATUS_OK) {
        return device->poll;
    }
    size_t count = 0;
    while (count < capacity && device->next < device->count) {
        out[count++] = device->samples[device->next++];
    }
    *out_count = count;
    *out_status = device->status;
    return STATUS_OK;
}

static Status device_command(void *context, TimeNs now, const FieldCommand *command)
{
    Device *device = context;
    (void)now;
    if (device->only != UINT32_MAX && device->only != command->thing) {
        return STATUS_NOT_FOUND;
    }
    if (device->command == STATUS_OK) {
        device->commands[device->command_count++] = *command;
    }
    return device->command;
}

static Status device_answer(void *context, FieldAnswer *out_answer)
{
    Device *device = context;
    if (device->answered == device->answer_count) {
        return STATUS_EMPTY;
    }
    *out_answer = device->answers[device->answered++];
    return STATUS_OK;
}

static void device_destroy(void *context)
{
    (void)context;
}

static const FeedOps device_ops = {
    .poll = device_poll, .command = device_command, .answer = device_answer, .destroy = device_destroy
};

static const FeedOps listening_ops = { .poll = device_poll, .destroy = device_destroy };

typedef struct Fixture {
    Arena arena;
    ThingModel model;
    Thing things[3];
    World world;
    TextTable texts;
    Device deaf, device; /* the first feed only listens */
    TwinSystem *twin;
    Bus hub, endpoint; /* the endpoint belongs to the twin system */
    BusEvent heard;
    TimeNs now;
} Fixture;

static void start_with(Fixture *f, TwinPolicy policy)
{
    *f = (Fixture){ .now = TIME_SECOND };
    arena_init(&f->arena, 0);
    Diag diag = { 0 };
    if (thing_model_load(bytes_of(valve, sizeof valve - 1), "valve.td.json", &f->arena, &f->model, &diag) !=
        STATUS_OK) {
        fail_msg("%s", diag.text);
    }
    assert_int_equal(text_table_init(&f->texts, 16, &f->arena), STATUS_OK);
    f->things[0] = (Thing){ .id = "v-1", .title = "Valve 1", .model = &f->model };
    f->things[1] = (Thing){ .id = "v-2", .title = "Valve 2", .model = &f->model };
    f->things[2] = (Thing){ .id = "v-3", .title = "Valve 3", .model = &f->model };
    f->world = (World){ .things = f->things, .thing_count = 3 };
    f->device.only = UINT32_MAX;
    f->deaf.status.source_clock = f->device.status.source_clock = TIME_NONE;
    assert_int_equal(twin_create(&f->world, 0, &f->twin), STATUS_OK);
    assert_int_equal(twin_add_feed(f->twin, (Feed){ .ops = &listening_ops, .context = &f->deaf }), STATUS_OK);
    assert_int_equal(twin_add_feed(f->twin, (Feed){ .ops = &device_ops, .context = &f->device }), STATUS_OK);
    assert_int_equal(bus_local_create(&(BusLocalConfig){ 0 }, &f->hub), STATUS_OK);
    assert_int_equal(bus_local_attach(f->hub, SYSTEM_TWIN, "plant", &f->endpoint), STATUS_OK);
    TwinLinkConfig config = {
        .name = "plant", .title = "The plant", .domain = "energy", .policy = policy, .texts = &f->texts
    };
    assert_int_equal(twin_attach(f->twin, &config, f->endpoint), STATUS_OK);
    twin_set_wall(f->twin, 0, WALL);
}

static void finish(Fixture *f)
{
    twin_destroy(f->twin);
    bus_destroy(f->hub);
    arena_finish(&f->arena);
}

static void tick(Fixture *f, TimeNs later)
{
    SyncBatch batch;
    f->now += later;
    assert_int_equal(twin_tick(f->twin, f->now, &batch), STATUS_OK);
}

/* The next message at the enabler that is of this kind; others (heartbeats, SYNC) are passed over. */
static uint64_t hear(Fixture *f, FamilyId id)
{
    do {
        if (bus_poll(f->hub, f->now, &f->heard) != STATUS_OK) {
            fail_msg("no %s was heard", family_rule((uint8_t)id)->name);
        }
    } while (f->heard.type != BUS_MESSAGE || f->heard.message.id != id);
    return f->heard.message.correlation;
}

static unsigned count(Fixture *f, FamilyId id)
{
    unsigned heard = 0;
    BusEvent event;
    while (bus_poll(f->hub, f->now, &event) == STATUS_OK) {
        heard += event.type == BUS_MESSAGE && event.message.id == id;
    }
    return heard;
}

static bool said(const Fixture *f, const char *part)
{
    return memmem(f->heard.message.body.data, f->heard.message.body.size, part, strlen(part)) != NULL;
}

static void say(Fixture *f, FamilyId id, uint64_t correlation, const char *members)
{
    char body[4096];
    snprintf(body, sizeof body, "{\"schema\":\"%s\"%s%s}", family_rule((uint8_t)id)->schema,
             members[0] == '\0' ? "" : ",", members);
    BusMessage message = {
        .id = id, .to = "plant", .correlation = correlation, .body = bytes_of(body, strlen(body))
    };
    assert_int_equal(bus_send(f->hub, &message), STATUS_OK);
}

static void sample(Fixture *f, uint32_t thing, uint8_t property, int64_t code, TimeNs time)
{
    f->device.samples[f->device.count++] = (TraceSample){ .thing = (uint16_t)thing,
                                                          .property = property,
                                                          .quality = QUALITY_GOOD,
                                                          .code = code,
                                                          .source_time = time };
    f->device.status.source_clock = time;
}

static void published(Fixture *f)
{
    tick(f, 0);
    say(f, DII_REGISTERED, hear(f, DII_REGISTER), "\"lease_s\":10,\"heartbeat_s\":2,\"things\":0");
    tick(f, 0);
    say(f, DII_PUBLISHED, hear(f, DII_PUBLISH), "\"things\":3,\"models\":1");
    tick(f, 0);
    assert_true(twin_published(f->twin));
    say(f, DII_SNAPSHOT, 0, "");
    tick(f, 0);
    hear(f, DII_SYNC);
}

static void begin(Fixture *f)
{
    start_with(f, (TwinPolicy){ 0 });
    sample(f, 0, POSITION, 500, 1);
    sample(f, 0, MODE, AUTOMATIC, 1);
    sample(f, 1, POSITION, 100, 1);
    sample(f, 1, MODE, MANUAL, 1);
    published(f);
}

/* ---- registration and synchronisation ---- */

static void it_registers_publishes_and_sends_what_there_is(void **state)
{
    (void)state;
    Fixture f;
    start_with(&f, (TwinPolicy){ 0 });
    sample(&f, 0, POSITION, 500, 1);
    tick(&f, 0);
    uint64_t correlation = hear(&f, DII_REGISTER);
    assert_true(said(&f, "\"name\":\"plant\"") && said(&f, "\"title\":\"The plant\"") &&
                said(&f, "\"domain\":\"energy\""));
    sample(&f, 0, POSITION, 510, 2);
    tick(&f, 0);
    assert_int_equal(count(&f, DII_SYNC), 0); /* nobody knows yet what it would mean */
    say(&f, DII_REGISTERED, correlation, "\"lease_s\":10,\"heartbeat_s\":2,\"things\":0");
    tick(&f, 0);
    correlation = hear(&f, DII_PUBLISH);
    assert_true(said(&f, "\"first_model\":0,\"models\":[{\"@context\"") && said(&f, "\"last\":true"));
    assert_true(said(&f, "{\"id\":\"v-1\",\"title\":\"Valve 1\",\"model\":0},{\"id\":\"v-2\""));
    assert_true(said(&f, "dtmv:interlocks"));
    assert_false(twin_published(f.twin));
    say(&f, DII_PUBLISHED, correlation, "\"things\":3,\"models\":1");
    tick(&f, 0);
    assert_true(twin_published(f.twin));
    sample(&f, 0, POSITION, 515, 3);
    tick(&f, TIME_MS);
    assert_int_equal(count(&f, DII_SYNC), 0); /* nobody has asked for it */
    say(&f, DII_SNAPSHOT, 0, "");
    tick(&f, TIME_MS);
    hear(&f, DII_SYNC);
    const SyncBatch *batch = f.heard.message.sync;
    assert_true(batch->snapshot && batch->count == 1 && batch->samples[0].code == 515 &&
                batch->source_clock == 3);

    tick(&f, TIME_MS);
    assert_int_equal(count(&f, DII_SYNC), 0); /* nothing is new */
    sample(&f, 0, POSITION, 520, 4);
    tick(&f, TIME_MS);
    hear(&f, DII_SYNC);
    batch = f.heard.message.sync;
    assert_true(!batch->snapshot && batch->count == 1 && batch->samples[0].code == 520 &&
                batch->samples[0].sequence == 4);

    say(&f, DII_SNAPSHOT, 0, "");
    tick(&f, TIME_MS);
    hear(&f, DII_SYNC);
    batch = f.heard.message.sync;
    assert_true(batch->snapshot && batch->count == 1 && batch->samples[0].code == 520 &&
                batch->samples[0].sequence == 4);

    assert_int_equal(count(&f, DII_HEARTBEAT), 0);
    tick(&f, 2 * TIME_SECOND);
    tick(&f, TIME_SECOND);
    assert_int_equal(count(&f, DII_HEARTBEAT), 1);
    finish(&f);
}

/* Each publication is asked about anew: what was asked before it, or of the one before, does not count. */
static void nothing_is_sent_before_it_is_asked_for(void **state)
{
    (void)state;
    Fixture f;
    begin(&f);
    bus_local_cut(f.endpoint, true);
    tick(&f, TIME_SECOND);
    bus_local_cut(f.endpoint, false);
    tick(&f, TIME_SECOND);
    say(&f, DII_REGISTERED, hear(&f, DII_REGISTER), "\"lease_s\":10,\"heartbeat_s\":2");
    tick(&f, 0);
    uint64_t publication = hear(&f, DII_PUBLISH);
    say(&f, DII_SNAPSHOT, 0, "");
    tick(&f, 0);
    say(&f, DII_PUBLISHED, publication, "\"things\":3,\"models\":1");
    tick(&f, 0);
    assert_true(twin_published(f.twin));
    sample(&f, 0, POSITION, 510, 2);
    tick(&f, TIME_SECOND);
    assert_int_equal(count(&f, DII_SYNC), 0);
    say(&f, DII_SNAPSHOT, 0, "");
    tick(&f, TIME_MS);
    hear(&f, DII_SYNC);
    assert_true(f.heard.message.sync->snapshot && f.heard.message.sync->count == 4);
    finish(&f);
}

static void many_things_are_published_in_pages(void **state)
{
    (void)state;
    Fixture f;
    Bus endpoint;
    enum { THINGS = 2500 };
    start_with(&f, (TwinPolicy){ 0 });
    twin_destroy(f.twin);
    assert_int_equal(count(&f, DII_REGISTER), 0);
    Thing *things = arena_new_array(&f.arena, Thing, THINGS);
    for (uint32_t i = 0; i < THINGS; i++) {
        char *id = arena_alloc(&f.arena, 16, 1);
        snprintf(id, 16, "v-%u", i);
        things[i] = (Thing){ .id = id, .title = "", .model = &f.model };
    }
    f.world.things = things;
    f.world.thing_count = THINGS;
    assert_int_equal(twin_create(&f.world, 0, &f.twin), STATUS_OK);
    assert_int_equal(bus_local_attach(f.hub, SYSTEM_TWIN, "plant", &endpoint), STATUS_OK);
    assert_int_equal(twin_attach(f.twin, &(TwinLinkConfig){ .name = "plant" }, endpoint), STATUS_OK);
    assert_int_equal(twin_attach(f.twin, &(TwinLinkConfig){ .name = "plant" }, endpoint), STATUS_DUPLICATE);
    tick(&f, 0);
    say(&f, DII_REGISTERED, hear(&f, DII_REGISTER), "\"lease_s\":10,\"heartbeat_s\":2");
    tick(&f, 0);
    uint64_t correlation = hear(&f, DII_PUBLISH);
    assert_true(said(&f, "\"first_thing\":0") && said(&f, "\"last\":false"));
    assert_int_equal(hear(&f, DII_PUBLISH), correlation);
    assert_true(said(&f, "\"first_model\":1,\"models\":[],\"first_thing\":1000") &&
                said(&f, "\"last\":false"));
    assert_int_equal(hear(&f, DII_PUBLISH), correlation);
    assert_true(said(&f, "\"first_thing\":2000") && said(&f, "\"last\":true") && said(&f, "\"v-2499\""));
    finish(&f);
}

static void it_registers_again_after_the_enabler_was_away(void **state)
{
    (void)state;
    Fixture f;
    begin(&f);
    bus_local_cut(f.endpoint, true);
    tick(&f, TIME_SECOND);
    assert_false(twin_published(f.twin));
    sample(&f, 0, POSITION, 700, 2);
    tick(&f, TIME_SECOND);
    bus_local_cut(f.endpoint, false);
    published(&f);
    assert_true(f.heard.message.sync->snapshot && f.heard.message.sync->count == 4);

    /* It forgot us, though its bus did not. */
    say(&f, DII_REFUSED, 0, "\"reason\":\"not registered\",\"code\":\"NOT_FOUND\"");
    tick(&f, 0);
    assert_false(twin_published(f.twin));
    published(&f);
    assert_int_equal(twin_link_counters(f.twin)->registrations, 3);
    finish(&f);
}

static void what_is_not_answered_is_asked_again(void **state)
{
    (void)state;
    Fixture f;
    start_with(&f, (TwinPolicy){ 0 });
    unsigned asked = 0;
    uint64_t correlation = 0;
    for (int i = 0; i < 300; i++) {
        tick(&f, TIME_SECOND / 10);
        BusEvent event;
        while (bus_poll(f.hub, f.now, &event) == STATUS_OK) {
            asked += event.message.id == DII_REGISTER;
            correlation = event.message.id == DII_REGISTER ? event.message.correlation : correlation;
        }
    }
    assert_in_range(asked, 6, 9); /* 1, 2, 4, 5, 5 … s apart */
    say(&f, DII_REGISTERED, correlation, "\"lease_s\":10,\"heartbeat_s\":2");
    tick(&f, 0);
    correlation = hear(&f, DII_PUBLISH);
    say(&f, DII_REFUSED, correlation, "\"reason\":\"a Thing Description is wrong\",\"code\":\"MALFORMED\"");
    tick(&f, TIME_SECOND);
    assert_int_equal(count(&f, DII_PUBLISH), 0);
    tick(&f, 10 * TIME_SECOND);
    assert_true(hear(&f, DII_PUBLISH) != correlation);
    say(&f, DII_PUBLISHED, correlation, "\"things\":3,\"models\":1"); /* of the one before */
    tick(&f, 0);
    assert_false(twin_published(f.twin));
    tick(&f, 10 * TIME_SECOND);
    hear(&f, DII_PUBLISH);
    finish(&f);
}

static void what_is_malformed_is_counted_and_changes_nothing(void **state)
{
    (void)state;
    Fixture f;
    begin(&f);
    say(&f, DII_SNAPSHOT, 0, "\"x\":1");
    say(&f, DII_COMMAND, 0, "\"command\":\"x\"");
    say(&f, DII_REFUSED, 0, "\"why\":1");
    BusMessage message = { .id = DII_COMMAND, .to = "plant", .body = bytes_of("{", 1) };
    assert_int_equal(bus_send(f.hub, &message), STATUS_OK);
    tick(&f, TIME_MS);
    assert_int_equal(twin_link_counters(f.twin)->malformed, 4);
    assert_true(twin_published(f.twin));
    assert_int_equal(count(&f, DII_SYNC), 0);
    assert_int_equal(f.device.command_count, 0);
    finish(&f);
}

/* ---- authentication ---- */

static void ask_rights(Fixture *f, const char *role, const char *key, const char *rights, const char *more)
{
    char members[512];
    snprintf(
        members, sizeof members,
        "\"user\":{\"name\":\"ann\",\"key\":\"%s\",\"role\":\"%s\",\"system\":\"world\"},\"rights\":[%s]%s",
        key, role, rights, more);
    say(f, DII_AUTHENTICATE, 5, members);
    tick(f, 0);
    assert_int_equal(hear(f, DII_AUTHENTICATED), 5);
}

static void users_have_the_rights_of_their_roles(void **state)
{
    (void)state;
    Fixture f;
    begin(&f);
    ask_rights(&f, "viewer", "", "\"read\"", "");
    assert_true(said(&f, "\"rights\":[\"read\"],\"reason\":\"\""));
    ask_rights(&f, "viewer", "", "\"read\",\"actuate\"", "");
    assert_true(said(&f, "\"rights\":[\"read\"]") && said(&f, "the role of this user has no such right"));
    ask_rights(&f, "viewer", "", "\"actuate\"", "");
    assert_true(said(&f, "\"rights\":[]"));
    ask_rights(&f, "operator", "", "\"actuate\"", ",\"things\":[\"v-2\"]");
    assert_true(said(&f, "\"rights\":[\"actuate\"],\"reason\":\"\""));
    ask_rights(&f, "admin", "", "\"read\",\"actuate\"", "");
    assert_true(said(&f, "\"rights\":[\"read\",\"actuate\"]"));
    ask_rights(&f, "emperor", "", "\"read\"", "");
    assert_true(said(&f, "\"rights\":[]"));
    ask_rights(&f, "admin", "", "\"read\"", ",\"things\":[\"v-9\"]");
    assert_true(said(&f, "\"rights\":[]") && said(&f, "no such thing"));
    ask_rights(&f, "admin", "", "\"read\",\"write\"", "");
    assert_true(said(&f, "\"rights\":[]") && said(&f, "cannot be read"));
    finish(&f);
}

static void a_policy_may_list_keys(void **state)
{
    (void)state;
    Fixture f;
    const char *keys[] = { "a2V5" };
    start_with(&f, (TwinPolicy){ .operator_rights = RIGHT_READ | RIGHT_ACTUATE,
                                 .actuator_keys = keys,
                                 .actuator_key_count = 1 });
    keys[0] = "changed"; /* it was copied */
    published(&f);
    ask_rights(&f, "operator", "a2V5", "\"read\",\"actuate\"", "");
    assert_true(said(&f, "\"rights\":[\"read\",\"actuate\"],\"reason\":\"\""));
    ask_rights(&f, "operator", "b3Ro", "\"read\",\"actuate\"", "");
    assert_true(said(&f, "\"rights\":[\"read\"]") && said(&f, "not on the list"));
    ask_rights(&f, "operator", "", "\"actuate\"", "");
    assert_true(said(&f, "\"rights\":[]"));
    ask_rights(&f, "viewer", "a2V5", "\"read\"", ""); /* roles without rights have none */
    assert_true(said(&f, "\"rights\":[]"));
    finish(&f);
}

/* ---- commands ---- */

/* Number `n` as a command id. */
static const char *id_of(unsigned n)
{
    static char ids[4][COMMAND_ID_SIZE];
    static unsigned turn;
    char *id = ids[turn++ % 4];
    snprintf(id, COMMAND_ID_SIZE, "%032x", n);
    return id;
}

static void command_of(Fixture *f, unsigned n, const char *thing, const char *action, const char *value,
                       const char *user)
{
    char members[512];
    snprintf(members, sizeof members,
             "\"command\":\"%s\",\"thing\":\"%s\",\"action\":\"%s\"%s%s,\"user\":\"%s\",\"grant\":\"" GRANT
             "\",\"issued\":%lld,\"expires\":%lld",
             id_of(n), thing, action, value[0] == '\0' ? "" : ",\"value\":", value, user,
             (long long)(WALL + f->now), (long long)(WALL + f->now + 5 * TIME_SECOND));
    say(f, DII_COMMAND, 100 + n, members);
    tick(f, 0);
}

static void answer(Fixture *f, unsigned n, bool accepted, const char *reason)
{
    FieldAnswer *one = &f->device.answers[f->device.answer_count++];
    *one = (FieldAnswer){ .accepted = accepted };
    snprintf(one->command, sizeof one->command, "%s", id_of(n));
    snprintf(one->reason, sizeof one->reason, "%s", reason);
    tick(f, 0);
}

static void expect_state(Fixture *f, unsigned n, const char *name)
{
    char part[96];
    assert_int_equal(hear(f, DII_COMMAND_STATE), 100 + n);
    snprintf(part, sizeof part, "\"command\":\"%s\",\"state\":\"%s\",\"system\":\"plant\"", id_of(n), name);
    if (!said(f, part)) {
        fail_msg("wanted %s, heard %.*s", part, (int)f->heard.message.body.size,
                 (const char *)f->heard.message.body.data);
    }
}

static void a_command_is_confirmed_by_what_is_reported(void **state)
{
    (void)state;
    Fixture f;
    int64_t desired = 0;
    begin(&f);
    command_of(&f, 1, "v-1", "set", "42", "ann");
    assert_int_equal(f.device.command_count, 1);
    const FieldCommand *given = &f.device.commands[0];
    assert_string_equal(given->command, id_of(1));
    assert_true(given->thing == 0 && given->action == 0 && given->has_value && given->value.number == 42 &&
                given->source_time == 1);
    assert_int_equal(count(&f, DII_COMMAND_STATE), 0); /* nothing is known yet */
    assert_true(twin_desired(f.twin, 0, POSITION, &desired));
    assert_int_equal(desired, 420);
    assert_int_equal(twin_reported(f.twin, 0, POSITION)->code, 500); /* what is wished is not what is (R14) */
    assert_false(twin_desired(f.twin, 1, POSITION, &desired) || twin_desired(f.twin, 0, MODE, &desired));

    answer(&f, 1, true, "");
    expect_state(&f, 1, "accepted");
    assert_true(said(&f, "\"thing\":\"v-1\"") && said(&f, "\"action\":\"set\"") &&
                said(&f, "\"user\":\"ann\"") && said(&f, "\"property\":\"position\"") &&
                said(&f, "\"desired\":42.0") && said(&f, "\"time\":1700000001000000000"));
    sample(&f, 0, POSITION, 450, 2); /* on its way */
    tick(&f, TIME_SECOND);
    assert_int_equal(count(&f, DII_COMMAND_STATE), 0);
    sample(&f, 0, POSITION, 412, 3); /* within the tolerance of 1 */
    tick(&f, TIME_SECOND);
    expect_state(&f, 1, "confirmed");
    assert_int_equal(twin_command_state(f.twin, id_of(1)), COMMAND_CONFIRMED);
    assert_false(twin_desired(f.twin, 0, POSITION, &desired));
    finish(&f);
}

static void an_old_value_confirms_nothing_unless_the_device_stands_by_it(void **state)
{
    (void)state;
    Fixture f;
    begin(&f);
    command_of(&f, 1, "v-1", "set", "50", "ann"); /* where it is already */
    tick(&f, TIME_SECOND);
    assert_int_equal(twin_command_state(f.twin, id_of(1)), COMMAND_AUTHORISED);
    sample(&f, 0, POSITION, 500, 2);
    tick(&f, 0);
    expect_state(&f, 1, "confirmed");
    command_of(&f, 2, "v-1", "set", "50", "ann");
    answer(&f, 2, true, "");
    expect_state(&f, 2, "accepted");
    expect_state(&f, 2, "confirmed");
    finish(&f);
}

static void the_device_may_refuse(void **state)
{
    (void)state;
    Fixture f;
    int64_t desired;
    begin(&f);
    command_of(&f, 1, "v-1", "set", "42", "ann");
    answer(&f, 1, false, "the motor is hot");
    expect_state(&f, 1, "refused");
    assert_true(said(&f, "the motor is hot"));
    assert_false(twin_desired(f.twin, 0, POSITION, &desired));
    answer(&f, 1, true, ""); /* too late */
    answer(&f, 7, true, ""); /* of nobody */
    assert_int_equal(count(&f, DII_COMMAND_STATE), 0);
    finish(&f);
}

static void without_confirmation_it_times_out(void **state)
{
    (void)state;
    Fixture f;
    int64_t desired;
    begin(&f);
    command_of(&f, 1, "v-1", "set", "42", "ann");
    answer(&f, 1, true, "");
    expect_state(&f, 1, "accepted");
    assert_true(twin_next_due(f.twin) <= f.now + 5 * TIME_SECOND);
    tick(&f, 5 * TIME_SECOND - 1);
    assert_int_equal(count(&f, DII_COMMAND_STATE), 0);
    tick(&f, 1);
    expect_state(&f, 1, "timed out");
    assert_false(twin_desired(f.twin, 0, POSITION, &desired)); /* withdrawn */
    sample(&f, 0, POSITION, 420, 2);
    tick(&f, TIME_SECOND);
    assert_int_equal(count(&f, DII_COMMAND_STATE), 0); /* exactly one final state */
    finish(&f);
}

static void an_id_acts_once(void **state)
{
    (void)state;
    Fixture f;
    begin(&f);
    command_of(&f, 1, "v-1", "set", "42", "ann");
    command_of(&f, 1, "v-1", "set", "42", "ann");
    assert_int_equal(f.device.command_count, 1);
    sample(&f, 0, POSITION, 420, 2);
    tick(&f, 0);
    expect_state(&f, 1, "confirmed");
    command_of(&f, 1, "v-1", "set", "80", "eve"); /* replayed, even with another value */
    expect_state(&f, 1, "confirmed");
    assert_int_equal(f.device.command_count, 1);
    assert_int_equal(twin_link_counters(f.twin)->repeated, 2);
    finish(&f);
}

static void the_last_1024_ids_are_remembered(void **state)
{
    (void)state;
    Fixture f;
    begin(&f);
    for (unsigned n = 1; n <= 1025; n++) {
        command_of(&f, n, "v-1", "set", "99", "ann"); /* beyond the action's maximum */
        expect_state(&f, n, "refused");
    }
    assert_int_equal(twin_command_state(f.twin, id_of(1)), COMMAND_NONE);
    assert_int_equal(twin_command_state(f.twin, id_of(2)), COMMAND_REFUSED);
    assert_int_equal(twin_command_state(f.twin, id_of(1025)), COMMAND_REFUSED);
    finish(&f);
}

static void what_must_not_be_is_refused_here_too(void **state)
{
    (void)state;
    static const struct {
        const char *thing, *action, *value, *reason;
    } cases[] = {
        { "v-9", "set", "42", "no such thing" },
        { "v-1", "fly", "42", "no such action" },
        { "v-1", "set", "90.1", "none that the action takes" },
        { "v-1", "set", "\"42\"", "none that the action takes" },
        { "v-1", "set", "", "none that the action takes" },
        { "v-1", "stop", "1", "none that the action takes" },
        { "v-1", "mode", "\"party\"", "none that the property can have" },
        { "v-2", "set", "42", "the valve is in manual mode" }, /* by what it reports itself */
        { "v-3", "set", "42", "the valve is in manual mode" }, /* nothing is known of it */
    };
    Fixture f;
    begin(&f);
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        command_of(&f, i + 1, cases[i].thing, cases[i].action, cases[i].value, "ann");
        expect_state(&f, i + 1, "refused");
        if (!said(&f, cases[i].reason)) {
            fail_msg("case %u: %.*s", i, (int)f.heard.message.body.size,
                     (const char *)f.heard.message.body.data);
        }
    }
    char members[512];
    snprintf(members, sizeof members,
             "\"command\":\"%s\",\"thing\":\"v-1\",\"action\":\"set\",\"value\":42,\"user\":\"ann\","
             "\"grant\":\"" GRANT "\",\"issued\":1,\"expires\":%lld",
             id_of(50), (long long)(WALL + f.now - 1));
    say(&f, DII_COMMAND, 150, members);
    tick(&f, 0);
    expect_state(&f, 50, "refused");
    assert_true(said(&f, "expired"));
    assert_int_equal(f.device.command_count, 0);
    finish(&f);
}

static void without_a_wall_clock_nothing_is_done(void **state)
{
    (void)state;
    Fixture f;
    Bus endpoint;
    begin(&f);
    twin_destroy(f.twin);
    count(&f, DII_SYNC);
    f.device.next = 0;
    assert_int_equal(twin_create(&f.world, 0, &f.twin), STATUS_OK);
    assert_int_equal(twin_add_feed(f.twin, (Feed){ .ops = &device_ops, .context = &f.device }), STATUS_OK);
    assert_int_equal(bus_local_attach(f.hub, SYSTEM_TWIN, "plant", &endpoint), STATUS_OK);
    assert_int_equal(twin_attach(f.twin, &(TwinLinkConfig){ .name = "plant" }, endpoint), STATUS_OK);
    published(&f);
    command_of(&f, 1, "v-1", "set", "42", "ann");
    expect_state(&f, 1, "refused");
    finish(&f);
}

static void who_wins(void **state)
{
    (void)state;
    Fixture f;
    int64_t desired = 0;
    begin(&f);
    command_of(&f, 1, "v-1", "set", "42", "ann");
    command_of(&f, 2, "v-1", "set", "10", "bob"); /* another user: the first one holds it */
    expect_state(&f, 2, "refused");
    assert_true(said(&f, "another user"));
    command_of(&f, 3, "v-1", "mode", "\"manual\"", "bob"); /* another property */
    assert_int_equal(f.device.command_count, 2);
    command_of(&f, 4, "v-1", "set", "80", "ann"); /* the same user: the later one counts */
    expect_state(&f, 1, "superseded");
    assert_true(twin_desired(f.twin, 0, POSITION, &desired) && desired == 800);
    sample(&f, 1, MODE, AUTOMATIC, 2);
    tick(&f, 0);
    command_of(&f, 5, "v-2", "set", "33", "bob"); /* another thing */
    command_of(&f, 6, "v-1", "stop", "", "eve");  /* an emergency: whoever holds whatever of that thing */
    expect_state(&f, 3, "superseded");
    expect_state(&f, 4, "superseded");
    assert_true(said(&f, "emergency"));
    assert_true(twin_desired(f.twin, 0, POSITION, &desired) && desired == 0);
    assert_int_equal(twin_command_state(f.twin, id_of(5)), COMMAND_AUTHORISED);
    finish(&f);
}

static void an_action_without_a_target_needs_the_device_only(void **state)
{
    (void)state;
    Fixture f;
    begin(&f);
    command_of(&f, 1, "v-1", "reset", "", "ann");
    tick(&f, TIME_SECOND);
    assert_int_equal(count(&f, DII_COMMAND_STATE), 0);
    answer(&f, 1, true, "");
    expect_state(&f, 1, "confirmed");
    finish(&f);
}

static void a_device_that_cannot_be_reached_fails_it(void **state)
{
    (void)state;
    Fixture f;
    begin(&f);
    f.device.command = STATUS_DISCONNECTED;
    command_of(&f, 1, "v-1", "set", "42", "ann");
    expect_state(&f, 1, "failed");
    f.device.command = STATUS_UNSUPPORTED;
    command_of(&f, 2, "v-1", "set", "42", "ann");
    expect_state(&f, 2, "failed");
    f.device.command = STATUS_OK;
    f.device.only = 1;
    command_of(&f, 3, "v-1", "set", "42", "ann");
    expect_state(&f, 3, "failed");
    assert_true(said(&f, "no way to the device"));
    finish(&f);
}

static void a_feed_that_is_lost_takes_its_commands_along(void **state)
{
    (void)state;
    Fixture f;
    begin(&f);
    command_of(&f, 1, "v-1", "set", "42", "ann");
    f.device.status.lost = true;
    tick(&f, TIME_SECOND);
    hear(&f, DII_COMMAND_STATE);
    assert_true(said(&f, "\"state\":\"failed\"") && said(&f, "cut"));
    hear(&f, DII_SYNC); /* and its values are stale at once (R12) */
    assert_int_equal(f.heard.message.sync->count, 4);
    assert_int_equal(f.heard.message.sync->samples[0].quality, QUALITY_STALE);
    finish(&f);
}

static void what_the_enabler_missed_is_told_again(void **state)
{
    (void)state;
    Fixture f;
    begin(&f);
    command_of(&f, 1, "v-1", "set", "42", "ann");
    bus_local_cut(f.endpoint, true);
    sample(&f, 0, POSITION, 420, 2);
    tick(&f, TIME_SECOND);
    assert_int_equal(twin_command_state(f.twin, id_of(1)),
                     COMMAND_CONFIRMED); /* the deed is done without it */
    bus_local_cut(f.endpoint, false);
    tick(&f, 0);
    say(&f, DII_REGISTERED, hear(&f, DII_REGISTER), "\"lease_s\":10,\"heartbeat_s\":2");
    tick(&f, 0);
    tick(&f, 0);
    expect_state(&f, 1, "confirmed");
    tick(&f, TIME_SECOND);
    assert_int_equal(count(&f, DII_COMMAND_STATE), 0); /* once */
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_registers_publishes_and_sends_what_there_is),
        cmocka_unit_test(nothing_is_sent_before_it_is_asked_for),
        cmocka_unit_test(many_things_are_published_in_pages),
        cmocka_unit_test(it_registers_again_after_the_enabler_was_away),
        cmocka_unit_test(what_is_not_answered_is_asked_again),
        cmocka_unit_test(what_is_malformed_is_counted_and_changes_nothing),
        cmocka_unit_test(users_have_the_rights_of_their_roles),
        cmocka_unit_test(a_policy_may_list_keys),
        cmocka_unit_test(a_command_is_confirmed_by_what_is_reported),
        cmocka_unit_test(an_old_value_confirms_nothing_unless_the_device_stands_by_it),
        cmocka_unit_test(the_device_may_refuse),
        cmocka_unit_test(without_confirmation_it_times_out),
        cmocka_unit_test(an_id_acts_once),
        cmocka_unit_test(the_last_1024_ids_are_remembered),
        cmocka_unit_test(what_must_not_be_is_refused_here_too),
        cmocka_unit_test(without_a_wall_clock_nothing_is_done),
        cmocka_unit_test(who_wins),
        cmocka_unit_test(an_action_without_a_target_needs_the_device_only),
        cmocka_unit_test(a_device_that_cannot_be_reached_fails_it),
        cmocka_unit_test(a_feed_that_is_lost_takes_its_commands_along),
        cmocka_unit_test(what_the_enabler_missed_is_told_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
