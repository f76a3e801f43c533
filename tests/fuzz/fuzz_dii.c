/* An enabler that says anything to a digital twin system. The input is a row of messages: a byte with the
 * kind, a byte of time passing, two with the size, the members of the body. Whatever comes: a command id
 * reaches the device once, every command that does has one final state in the end, and what is wished never
 * shows in what is reported. */
#include "server/twin/twin.h"
#include "shared/systems/body.h"
#include "shared/systems/bus_local.h"
#include "tests/fuzz/fuzz_input.h"

#include <stdio.h>
#include <stdlib.h>

#define BODY_MAX 65536
#define DEEDS    64

static const char description[] =
    "{\"@context\":\"https://www.w3.org/2022/wot/td/v1.1\",\"title\":\"Valve\",\"security\":\"s\","
    "\"securityDefinitions\":{\"s\":{\"scheme\":\"nosec\"}},\"properties\":{"
    "\"position\":{\"type\":\"number\",\"minimum\":0,\"maximum\":100,\"multipleOf\":0.1,\"forms\":[{\"href\":"
    "\"p\"}]},"
    "\"note\":{\"type\":\"string\",\"forms\":[{\"href\":\"n\"}]}},\"actions\":{"
    "\"set\":{\"title\":\"Set\",\"input\":{\"type\":\"number\"},\"dtmv:target\":\"position\",\"forms\":[{"
    "\"href\":\"s\"}]},"
    "\"stop\":{\"title\":\"Stop\",\"dtmv:target\":\"position\",\"dtmv:value\":0,\"dtmv:emergency\":true,"
    "\"forms\":[{\"href\":\"t\"}]},"
    "\"say\":{\"title\":\"Say\",\"input\":{\"type\":\"string\"},\"dtmv:target\":\"note\",\"forms\":[{"
    "\"href\":\"y\"}]},"
    "\"reset\":{\"title\":\"Reset\",\"forms\":[{\"href\":\"r\"}]}}}";

typedef struct Device {
    char deeds[DEEDS][COMMAND_ID_SIZE];
    unsigned deed_count, answered;
    bool sampled;
} Device;

static Status device_poll(void *context, TimeNs now, TraceSample *out, size_t capacity, size_t *out_count,
                          FeedStatus *out_status)
{
    Device *device = context;
    *out_count = 0;
    if (!device->sampled && capacity > 0) {
        out[(*out_count)++] = (TraceSample){ .quality = QUALITY_GOOD, .code = 123, .source_time = 5 };
        device->sampled = true;
    }
    *out_status = (FeedStatus){ .source_clock = now };
    return STATUS_OK;
}

static Status device_command(void *context, TimeNs now, const FieldCommand *command)
{
    Device *device = context;
    (void)now;
    for (unsigned i = 0; i < device->deed_count; i++) {
        require(strcmp(device->deeds[i], command->command) != 0); /* each id once */
    }
    if (device->deed_count == DEEDS) {
        return STATUS_CAPACITY;
    }
    memcpy(device->deeds[device->deed_count++], command->command, COMMAND_ID_SIZE);
    return STATUS_OK;
}

/* Accepts every second one and says nothing of the others. */
static Status device_answer(void *context, FieldAnswer *out_answer)
{
    Device *device = context;
    if (device->answered >= device->deed_count) {
        return STATUS_EMPTY;
    }
    *out_answer = (FieldAnswer){ .accepted = device->answered % 3 != 0 };
    memcpy(out_answer->command, device->deeds[device->answered], COMMAND_ID_SIZE);
    device->answered += 2;
    return STATUS_OK;
}

static void device_destroy(void *context)
{
    (void)context;
}

typedef struct Fixture {
    Bus hub;
    TwinSystem *twin;
    Device device;
    TimeNs now;
    unsigned snapshots_asked;
} Fixture;

/* A final state that is told stays. */
static void hear_state(Fixture *f, Bytes body)
{
    Arena arena;
    JsonDocument document;
    arena_init(&arena, 0);
    require(body_parse(&document, DII_COMMAND_STATE, body, &arena, NULL) == STATUS_OK);
    JsonNode root = json_document_root(&document);
    JsonNode id = json_required(&root, "command"), state = json_required(&root, "state");
    const char *text = body_read_id(&id);
    CommandState told = command_state_parse(json_read_text(&state, 1, 32, ""));
    require(document.status == STATUS_OK && told != COMMAND_NONE && told != COMMAND_AUTHORISED);
    for (unsigned i = 0; i < f->device.deed_count; i++) {
        if (command_state_final(told) && strcmp(f->device.deeds[i], text) == 0) {
            require(twin_command_state(f->twin, text) == told);
        }
    }
    json_document_finish(&document);
    arena_finish(&arena);
}

static void tick(Fixture *f)
{
    SyncBatch batch;
    BusEvent event;
    require(twin_tick(f->twin, f->now, &batch) == STATUS_OK);
    while (bus_poll(f->hub, f->now, &event) == STATUS_OK) {
        if (event.type == BUS_MESSAGE && event.message.id == DII_COMMAND_STATE) {
            hear_state(f, event.message.body);
        }
        require(event.type != BUS_REFUSED);
        /* Nothing is sent that nobody has asked for. */
        require(event.type != BUS_MESSAGE || event.message.id != DII_SYNC || f->snapshots_asked > 0);
    }
    require(twin_reported(f->twin, 0, 0)->code == 123);
}

static void say(Fixture *f, FamilyId id, uint64_t correlation, Bytes members)
{
    static char body[BODY_MAX + 64];
    int head = snprintf(body, sizeof body, "{\"schema\":\"%s\"%s", family_rule((uint8_t)id)->schema,
                        members.size > 0 ? "," : "");
    memcpy(body + head, members.data, members.size);
    body[(size_t)head + members.size] = '}';
    BusMessage message = { .id = id,
                           .to = "plant",
                           .correlation = correlation,
                           .body = bytes_of(body, (size_t)head + members.size + 1) };
    f->snapshots_asked += id == DII_SNAPSHOT;
    (void)!bus_send(f->hub, &message);
}

static void feed_input(Fixture *f, const uint8_t *data, size_t size)
{
    static const FamilyId kinds[] = { DII_REGISTERED,   DII_PUBLISHED, DII_REFUSED,
                                      DII_AUTHENTICATE, DII_SNAPSHOT,  DII_COMMAND };
    while (size >= 4) {
        FamilyId id = kinds[data[0] % ARRAY_COUNT(kinds)];
        f->now += (TimeNs)(data[1] >> 4) * 200 * TIME_MS;
        size_t length = bytes_load_u16(data + 2);
        uint64_t correlation = data[1] & 15;
        data += 4;
        size -= 4;
        length = length < size ? length : size;
        say(f, id, correlation, bytes_of(data, length));
        data += length;
        size -= length;
        tick(f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const FeedOps ops = {
        .poll = device_poll, .command = device_command, .answer = device_answer, .destroy = device_destroy
    };
    static const char registered[] = "\"lease_s\":10,\"heartbeat_s\":2";
    Fixture f = { .now = 1000 * TIME_SECOND };
    if (size > BODY_MAX) {
        return 0; /* fewer commands than are remembered */
    }
    Arena arena;
    ThingModel model;
    TextTable texts;
    Bus endpoint;
    arena_init(&arena, 0);
    require(thing_model_load(bytes_of(description, sizeof description - 1), "v", &arena, &model, NULL) ==
            STATUS_OK);
    require(text_table_init(&texts, 64, &arena) == STATUS_OK);
    Thing thing = { .id = "v", .title = "", .model = &model };
    World world = { .things = &thing, .thing_count = 1 };
    require(bus_local_create(&(BusLocalConfig){ 0 }, &f.hub) == STATUS_OK);
    require(bus_local_attach(f.hub, SYSTEM_TWIN, "plant", &endpoint) == STATUS_OK);
    require(twin_create(&world, 0, &f.twin) == STATUS_OK);
    require(twin_add_feed(f.twin, (Feed){ .ops = &ops, .context = &f.device }) == STATUS_OK);
    require(twin_attach(f.twin, &(TwinLinkConfig){ .name = "plant", .texts = &texts }, endpoint) ==
            STATUS_OK);
    twin_set_wall(f.twin, 0, 0);
    tick(&f);
    say(&f, DII_REGISTERED, 1, bytes_of(registered, sizeof registered - 1));
    tick(&f);
    feed_input(&f, data, size);
    for (int i = 0; i < 5; i++) { /* whatever is under way ends */
        f.now += 10 * TIME_SECOND;
        tick(&f);
    }
    int64_t desired;
    require(!twin_desired(f.twin, 0, 0, &desired) && !twin_desired(f.twin, 0, 1, &desired));
    for (unsigned i = 0; i < f.device.deed_count; i++) {
        require(command_state_final(twin_command_state(f.twin, f.device.deeds[i])));
    }
    twin_destroy(f.twin);
    bus_destroy(f.hub);
    arena_finish(&arena);
    return 0;
}
