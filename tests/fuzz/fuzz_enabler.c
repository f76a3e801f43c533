/* Any sequence of messages from two twin systems, two metaverse systems and a service, with time, lost
 * connections, revocations and restarts between them, in a few shapes that get far and as raw bodies that
 * need not be JSON. Whatever comes: a command has one final state and is passed on once, by a grant to
 * actuate; nobody gets a sample that a grant to read, good at that moment, does not cover, nor the models of
 * a system without such a grant; and no values are asked for before somebody may read or actuate. */
#include "server/enabler/enabler.h"
#include "server/enabler/store_memory.h"
#include "shared/model/json.h"
#include "shared/systems/bus_local.h"
#include "tests/fuzz/fuzz_input.h"

#include <stdio.h>
#include <stdlib.h>

#define STEPS_MAX    400
#define GRANTS_MAX   256
#define COMMANDS_MAX 256
#define PEERS        5
#define DAY          (20 * 60 * TIME_MINUTE) /* less than commands are remembered for */

/* ---- what was seen ---- */

typedef struct SeenGrant {
    char id[GRANT_ID_SIZE], consumer[SYSTEM_NAME_SIZE], system[SYSTEM_NAME_SIZE];
    uint32_t rights;
    TimeNs expires;
    uint32_t things; /* a bit per v0..v2; all of them when not restricted */
    bool revoked;
} SeenGrant;

typedef struct SeenCommand {
    char id[COMMAND_ID_SIZE];
    CommandState final;
    unsigned passed_on;
} SeenCommand;

typedef struct Peer {
    Bus bus;
    uint64_t question; /* of the last DII_AUTHENTICATE */
    bool asked;        /* for all values, since the last poll_all */
} Peer;

typedef struct Model {
    Bus hub;
    Store store;
    Enabler *enabler;
    TimeNs now, wall;
    Peer peers[PEERS];
    SeenGrant grants[GRANTS_MAX];
    size_t grant_count;
    SeenCommand commands[COMMANDS_MAX];
    size_t command_count;
    uint8_t random;
    SyncSample samples[4];
    SyncBatch batches[PEERS];
} Model;

static const struct {
    SystemKind kind;
    const char *name;
} roles[PEERS] = { { SYSTEM_TWIN, "plant" },
                   { SYSTEM_TWIN, "mill" },
                   { SYSTEM_METAVERSE, "world" },
                   { SYSTEM_METAVERSE, "other" },
                   { SYSTEM_SERVICE, "monitor" } };

static const char model_text[] =
    "{\"@context\":\"c\",\"title\":\"V\",\"security\":\"n\",\"securityDefinitions\":{},\"properties\":{"
    "\"p\":{\"type\":\"number\",\"multipleOf\":1,\"dtmv:period\":1},\"b\":{\"type\":\"boolean\"}},"
    "\"actions\":{"
    "\"set\":{\"input\":{\"type\":\"number\",\"maximum\":50},\"dtmv:target\":\"p\"},"
    "\"go\":{\"dtmv:target\":\"b\",\"dtmv:value\":true,\"dtmv:interlocks\":[{\"property\":\"p\",\"maximum\":"
    "9,"
    "\"text\":\"no\"}]},\"stop\":{\"dtmv:target\":\"b\",\"dtmv:value\":false,\"dtmv:emergency\":true}}}";

static const char *text_of(const json_t *body, const char *key)
{
    const char *text = json_string_value(json_object_get(body, key));
    return text ? text : "";
}

static uint32_t rights_of(const json_t *body)
{
    uint32_t rights = 0;
    const json_t *list = json_object_get(body, "rights");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *right = json_string_value(json_array_get(list, i));
        rights |= strcmp(right, "read") == 0 ? RIGHT_READ : RIGHT_ACTUATE;
    }
    return rights;
}

static uint32_t things_of(const json_t *body)
{
    const json_t *list = json_object_get(body, "things");
    uint32_t bits = list ? 0 : UINT32_MAX;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *id = json_string_value(json_array_get(list, i));
        bits |= 1u << (id[1] - '0');
    }
    return bits;
}

static bool good(const Model *model, const SeenGrant *grant, uint32_t right)
{
    return !grant->revoked && grant->expires > model->wall && grant->rights & right;
}

static SeenCommand *command_called(Model *model, const char *id)
{
    for (size_t i = 0; i < model->command_count; i++) {
        if (strcmp(model->commands[i].id, id) == 0) {
            return &model->commands[i];
        }
    }
    require(model->command_count < COMMANDS_MAX);
    SeenCommand *command = &model->commands[model->command_count++];
    *command = (SeenCommand){ .final = COMMAND_NONE };
    snprintf(command->id, sizeof command->id, "%s", id);
    return command;
}

static void see_state(Model *model, const json_t *body)
{
    CommandState state = command_state_parse(text_of(body, "state"));
    require(state != COMMAND_NONE);
    SeenCommand *command = command_called(model, text_of(body, "command"));
    if (command->final != COMMAND_NONE) {
        require(state == command->final); /* told again, never another */
    } else if (command_state_final(state)) {
        command->final = state;
    }
}

static void see_command(Model *model, const json_t *body, size_t peer)
{
    SeenCommand *command = command_called(model, text_of(body, "command"));
    require(++command->passed_on == 1);
    bool allowed = false;
    const char *thing = text_of(body, "thing");
    for (size_t i = 0; i < model->grant_count; i++) {
        const SeenGrant *grant = &model->grants[i];
        allowed |= strcmp(grant->id, text_of(body, "grant")) == 0 && good(model, grant, RIGHT_ACTUATE) &&
                   strcmp(grant->system, roles[peer].name) == 0 && grant->things >> (thing[1] - '0') & 1;
    }
    require(allowed);
}

static void see_grant(Model *model, const json_t *body, size_t peer)
{
    if (model->grant_count == GRANTS_MAX) {
        return;
    }
    SeenGrant *grant = &model->grants[model->grant_count++];
    *grant = (SeenGrant){ .rights = rights_of(body),
                          .expires = json_integer_value(json_object_get(body, "expires")),
                          .things = things_of(body) };
    require(grant->expires > model->wall && grant->rights != 0);
    snprintf(grant->id, sizeof grant->id, "%s", text_of(body, "grant"));
    snprintf(grant->consumer, sizeof grant->consumer, "%s", roles[peer].name);
    snprintf(grant->system, sizeof grant->system, "%s", text_of(body, "system"));
}

static void see_sync(const Model *model, const BusMessage *message, size_t peer)
{
    uint32_t covered = 0;
    bool any = model->grant_count == GRANTS_MAX;
    for (size_t i = 0; i < model->grant_count; i++) {
        const SeenGrant *grant = &model->grants[i];
        if (good(model, grant, RIGHT_READ) && strcmp(grant->consumer, roles[peer].name) == 0 &&
            strcmp(grant->system, message->subject) == 0) {
            covered |= grant->things;
            any = true;
        }
    }
    require(any);
    for (size_t i = 0; i < message->sync->count && model->grant_count < GRANTS_MAX; i++) {
        const SyncSample *sample = &message->sync->samples[i];
        require(sample->thing < 3 && sample->property < 2 && covered >> sample->thing & 1);
    }
}

/* Somebody has a good grant with one of `rights` for `system`; `consumer` NULL: whoever. */
static bool may(const Model *model, const char *consumer, const char *system, uint32_t rights)
{
    bool any = model->grant_count == GRANTS_MAX;
    for (size_t i = 0; i < model->grant_count && !any; i++) {
        const SeenGrant *grant = &model->grants[i];
        any = good(model, grant, rights) && strcmp(grant->system, system) == 0 &&
              (!consumer || strcmp(grant->consumer, consumer) == 0);
    }
    return any;
}

static void see(Model *model, const BusMessage *message, size_t peer)
{
    if (message->sync) {
        see_sync(model, message, peer);
        return;
    }
    json_t *body =
        json_loadb((const char *)message->body.data, message->body.size, JSON_REJECT_DUPLICATES, NULL);
    require(body && strcmp(text_of(body, "schema"), family_rule((uint8_t)message->id)->schema) == 0);
    switch (message->id) {
    case DII_AUTHENTICATE:
        model->peers[peer].question = message->correlation;
        break;
    case DII_SNAPSHOT:
        model->peers[peer].asked = true;
        break;
    case MII_MODELS:
    case SII_MODELS:
        require(may(model, roles[peer].name, text_of(body, "system"), RIGHT_READ));
        break;
    case DII_COMMAND:
        see_command(model, body, peer);
        break;
    case MII_COMMAND_STATE:
    case SII_COMMAND_STATE:
        see_state(model, body);
        break;
    case MII_GRANT:
    case SII_GRANT:
        see_grant(model, body, peer);
        break;
    default:
        break;
    }
    json_decref(body);
}

static void poll_all(Model *model)
{
    for (size_t i = 0; i < PEERS; i++) {
        BusEvent event;
        while (model->peers[i].bus.ops && bus_poll(model->peers[i].bus, model->now, &event) == STATUS_OK) {
            if (event.type == BUS_MESSAGE) {
                see(model, &event.message, i);
            }
        }
    }
    for (size_t i = 0; i < PEERS; i++) { /* the grant may have been told after the question, to another */
        require(!model->peers[i].asked || may(model, NULL, roles[i].name, RIGHT_READ | RIGHT_ACTUATE));
        model->peers[i].asked = false;
    }
}

/* ---- what is done ---- */

static void count_up(void *context, void *out, size_t size)
{
    memset(out, ++((Model *)context)->random, size);
}

static void attach(Model *model, size_t peer)
{
    (void)!bus_local_attach(model->hub, roles[peer].kind, roles[peer].name, &model->peers[peer].bus);
}

static StoreOps kept_ops;

static void keep(void *context)
{
    (void)context;
}

static void start(Model *model)
{
    EnablerConfig config = {
        .random = count_up, .random_context = model, .grants_max = 32, .audit_kept = 64, .commands_max = 64
    };
    Store store = { .ops = &kept_ops, .context = model->store.context };
    kept_ops = *model->store.ops;
    kept_ops.destroy = keep;
    require(bus_local_create(&(BusLocalConfig){ .capacity = 64 }, &model->hub) == STATUS_OK);
    require(enabler_create(&config, &model->hub, 1, store, &model->enabler) == STATUS_OK);
    for (size_t i = 0; i < PEERS; i++) {
        attach(model, i);
    }
}

static void stop(Model *model)
{
    enabler_destroy(model->enabler);
    for (size_t i = 0; i < PEERS; i++) {
        bus_destroy(model->peers[i].bus);
        model->peers[i].bus = (Bus){ 0 };
    }
}

static void say(Model *model, size_t peer, FamilyId id, uint64_t correlation, Bytes body)
{
    BusMessage message = { .id = id, .correlation = correlation, .body = body };
    if (model->peers[peer].bus.ops) {
        (void)!bus_send(model->peers[peer].bus, &message);
    }
}

static FamilyId as_of(size_t peer, FamilyId mii)
{
    return roles[peer].kind == SYSTEM_SERVICE ? (FamilyId)((int)mii + SII_REGISTER - MII_REGISTER) : mii;
}

__attribute__((format(printf, 5, 6))) static void say_text(Model *model, size_t peer, FamilyId id,
                                                           uint64_t correlation, const char *format, ...)
{
    char members[2048], body[2200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(members, sizeof members, format, arguments);
    va_end(arguments);
    int size =
        snprintf(body, sizeof body, "{\"schema\":\"%s\"%s}", family_rule((uint8_t)id)->schema, members);
    say(model, peer, id, correlation, bytes_of(body, (size_t)size));
}

static const char *const right_lists[] = { "[\"read\"]", "[\"actuate\"]", "[\"read\",\"actuate\"]", "[]" };
static const char *const thing_lists[] = { "", ",\"things\":[\"v1\"]", ",\"things\":[\"v0\",\"v2\"]",
                                           ",\"things\":[\"v9\"]" };
static const char *const role_names[] = { "viewer", "operator", "admin", "king" };
static const char *const actions[] = { "set", "go", "stop", "none" };
static const char *const values[] = { "", ",\"value\":5", ",\"value\":70", ",\"value\":true" };

static void say_register(Model *model, size_t peer, uint8_t choice)
{
    FamilyId id = roles[peer].kind == SYSTEM_TWIN ? DII_REGISTER : as_of(peer, MII_REGISTER);
    say_text(model, peer, id, 1, ",\"name\":\"%s\",\"title\":\"t\",\"version\":\"\",\"session\":\"%c\"",
             choice == 255 ? "liar" : roles[peer].name, 'a' + choice % 2);
}

static void say_publish(Model *model, size_t peer, uint8_t choice)
{
    say_text(model, peer, DII_PUBLISH, 2,
             ",\"first_model\":0,\"models\":[%s],\"first_thing\":0,\"things\":[{\"id\":\"v0\",\"title\":\"\","
             "\"model\":0},{\"id\":\"v1\",\"title\":\"\",\"model\":0}%s],\"last\":%s",
             model_text, choice & 1 ? "" : ",{\"id\":\"v2\",\"title\":\"\",\"model\":0}",
             choice & 2 ? "false" : "true");
}

static void say_access(Model *model, size_t peer, uint8_t choice, uint8_t more)
{
    say_text(model, peer, as_of(peer, MII_ACCESS), 3,
             ",\"system\":\"%s\",\"rights\":%s,\"user\":{\"name\":\"u%d\",\"key\":\"\",\"role\":\"%s\","
             "\"system\":\"%s\"}%s,\"seconds\":%d",
             roles[choice & 1].name, right_lists[choice >> 1 & 3], more & 1, role_names[choice >> 3 & 3],
             roles[peer].name, thing_lists[choice >> 5 & 3], 1 + more);
}

static const char *any_grant(const Model *model, uint8_t choice)
{
    return model->grant_count ? model->grants[choice % model->grant_count].id
                              : "00000000000000000000000000000000";
}

static void say_invoke(Model *model, size_t peer, uint8_t choice, uint8_t more, uint8_t third)
{
    say_text(
        model, peer, as_of(peer, MII_INVOKE), 4,
        ",\"command\":\"%032x\",\"grant\":\"%s\",\"system\":\"%s\",\"thing\":\"v%d\",\"action\":\"%s\"%s,"
        "\"user\":\"u%d\",\"issued\":%lld",
        (unsigned)(third & 15), any_grant(model, choice), roles[third >> 4 & 1].name, third >> 5 & 3,
        actions[more & 3], values[more >> 2 & 3], more >> 4 & 1,
        (long long)(model->wall - (more >> 5) * 6 * TIME_SECOND));
}

static void say_state(Model *model, size_t peer, uint8_t choice, uint8_t more)
{
    say_text(model, peer, DII_COMMAND_STATE, 0,
             ",\"command\":\"%032x\",\"state\":\"%s\",\"system\":\"%s\",\"thing\":\"v0\",\"action\":\"set\","
             "\"user\":\"u\",\"time\":1",
             (unsigned)(choice & 15), command_state_name((CommandState)(more % COMMAND_STATE_COUNT)),
             roles[choice >> 4 & 1].name);
}

static void say_sync(Model *model, size_t peer, uint8_t choice, uint8_t more)
{
    for (size_t i = 0; i < ARRAY_COUNT(model->samples); i++) {
        model->samples[i] = (SyncSample){ .thing = (uint32_t)i,
                                          .property = more & 3,
                                          .quality = more >> 2 & 7,
                                          .code = more >> 5,
                                          .source_time = model->wall };
    }
    SyncBatch *batch = &model->batches[peer];
    *batch = (SyncBatch){ .samples = model->samples,
                          .count = choice % (ARRAY_COUNT(model->samples) + 1),
                          .source_clock = model->wall,
                          .restarted = choice >> 6 & 1,
                          .snapshot = choice >> 7 };
    BusMessage message = { .id = DII_SYNC, .sync = batch };
    if (model->peers[peer].bus.ops) {
        (void)!bus_send(model->peers[peer].bus, &message);
    }
}

static void say_alarm(Model *model, size_t peer, uint8_t choice)
{
    say_text(
        model, peer, SII_ALARM, 5,
        ",\"system\":\"plant\",\"thing\":\"v%d\",\"property\":\"p\",\"name\":\"n\",\"severity\":\"warning\","
        "\"active\":%s,\"score\":1,\"text\":\"\",\"source_time\":1",
        choice & 3, choice & 4 ? "true" : "false");
}

/* Either stage of what is known of a system: what models it has, and the models. */
static void say_question(Model *model, size_t peer, uint8_t choice)
{
    const char *system = roles[choice & 3].name;
    if (choice & 4) {
        say_text(model, peer, as_of(peer, MII_DISCOVER), 8, ",\"system\":\"%s\"", system);
    } else {
        say_text(model, peer, as_of(peer, MII_DESCRIBE), 9,
                 ",\"system\":\"%s\",\"first_model\":0,\"first_thing\":0", system);
    }
}

/* A message of any family, with bytes of the input for a body, or members for an object that is otherwise
 * right. */
static void say_raw(Model *model, size_t peer, Bytes *input)
{
    FamilyId id = (FamilyId)(take_byte(input) % FAMILY_ID_COUNT);
    Bytes raw = take(input, take_byte(input));
    if (!family_rule((uint8_t)id) || id == DII_SYNC || id == MII_SYNC || id == SII_SYNC) {
        return;
    }
    if (raw.size > 0 && raw.data[0] == ',') {
        say_text(model, peer, id, 6, "%.*s", (int)raw.size, (const char *)raw.data);
    } else {
        say(model, peer, id, 6, raw);
    }
}

static void advance(Model *model, TimeNs step)
{
    if (model->wall + step < DAY + 1700000000 * TIME_SECOND) {
        model->now += step;
        model->wall += step;
    }
    enabler_tick(model->enabler, model->now, model->wall);
    poll_all(model);
}

static void revoke(Model *model, uint8_t choice)
{
    if (model->grant_count > 0) {
        SeenGrant *grant = &model->grants[choice % model->grant_count];
        Status status = enabler_revoke(model->enabler, grant->id, "admin", "fuzz");
        grant->revoked |= status == STATUS_OK;
    }
}

static void step(Model *model, Bytes *input)
{
    static const TimeNs steps[] = { TIME_MS, TIME_SECOND, 6 * TIME_SECOND, 70 * TIME_MINUTE };
    uint8_t what = take_byte(input), choice = take_byte(input);
    size_t peer = (what >> 4) % PEERS, twin = peer % 2, consumer = 2 + peer % 3;
    switch (what & 15) {
    case 0:
        say_register(model, peer, choice);
        break;
    case 1:
        say_publish(model, twin, choice);
        break;
    case 2:
        say_access(model, consumer, choice, take_byte(input));
        break;
    case 3:
        say_text(model, twin, DII_AUTHENTICATED, model->peers[twin].question,
                 ",\"rights\":%s,\"reason\":\"\"", right_lists[choice & 3]);
        break;
    case 4:
        say_text(model, consumer, as_of(consumer, MII_SUBSCRIBE), 7, ",\"system\":\"%s\",\"grant\":\"%s\"",
                 roles[choice & 1].name, any_grant(model, choice >> 1));
        break;
    case 5:
        say_sync(model, twin, choice, take_byte(input));
        advance(model, TIME_MS); /* its memory is good until the next one */
        break;
    case 6: {
        uint8_t more = take_byte(input);
        say_invoke(model, consumer, choice, more, take_byte(input));
        break;
    }
    case 7:
        say_state(model, twin, choice, take_byte(input));
        break;
    case 8:
        if (choice & 8) {
            say_question(model, consumer, choice);
        } else {
            say_alarm(model, 4, choice);
        }
        break;
    case 9:
        say_raw(model, peer, input);
        break;
    case 10:
        revoke(model, choice);
        break;
    case 11:
        bus_destroy(model->peers[peer].bus);
        model->peers[peer].bus = (Bus){ 0 };
        break;
    case 12:
        if (!model->peers[peer].bus.ops) {
            attach(model, peer);
        }
        break;
    case 13:
        stop(model);
        start(model);
        break;
    case 14:
        store_memory_set_failure(model->store, choice & 1 ? STATUS_IO_ERROR : STATUS_OK);
        break;
    default:
        advance(model, steps[choice & 3]);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Model model;
    model = (Model){ .now = TIME_SECOND, .wall = 1700000000 * TIME_SECOND };
    require(store_memory_create(&model.store) == STATUS_OK);
    start(&model);
    Bytes input = bytes_of(data, size);
    for (int i = 0; i < STEPS_MAX && input.size > 0; i++) {
        step(&model, &input);
    }
    store_memory_set_failure(model.store, STATUS_OK);
    advance(&model, TIME_MS);
    stop(&model);
    store_destroy(&model.store);
    return 0;
}
