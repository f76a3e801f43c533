/* An enabler that answers anything. The input is a row of messages: a byte with the kind, a byte with the
 * request answered, two with the size, the members of the body. Whatever comes, the consumer goes on, tells
 * only whole events, and answers each request once. */
#include "shared/systems/bus_local.h"
#include "shared/systems/consumer.h"
#include "tests/fuzz/fuzz_input.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define COMMAND  "00112233445566778899aabbccddeeff"
#define BODY_MAX 65536

static void check_models(const SystemModels *models)
{
    for (uint32_t i = 0; i < models->thing_count; i++) {
        require(models->things[i].id[0] != '\0' && models->things[i].title != NULL);
        require(models->things[i].model->property_count <= THING_PROPERTIES_MAX);
    }
}

static void check_event(const ConsumerEvent *event)
{
    require(event->type != CONSUMER_NONE && event->system != NULL && event->reason != NULL);
    switch (event->type) {
    case CONSUMER_MODELS:
        check_models(event->models);
        break;
    case CONSUMER_SYSTEMS:
        for (uint32_t i = 0; i < event->system_count; i++) {
            require(system_name_valid(event->systems[i].name) && event->systems[i].kind != SYSTEM_NONE);
        }
        break;
    case CONSUMER_GRANT:
        require(strlen(event->grant.grant) == GRANT_ID_SIZE - 1 && event->grant.user != NULL &&
                event->request != 0);
        break;
    case CONSUMER_COMMAND_STATE:
        require(strlen(event->command.command) == COMMAND_ID_SIZE - 1 && event->command.thing != NULL);
        require(event->command.action != NULL && event->command.user != NULL &&
                event->command.property != NULL);
        require(event->command.state > COMMAND_NONE && event->command.state < COMMAND_STATE_COUNT);
        break;
    case CONSUMER_ALARM:
        require(event->alarm.service != NULL && isfinite(event->alarm.score));
        break;
    default:
        break;
    }
}

typedef struct Fixture {
    Bus hub;
    Consumer *consumer;
    TimeNs now;
    unsigned answers[64]; /* by request */
} Fixture;

static void drain(Fixture *f)
{
    ConsumerEvent event;
    BusEvent heard;
    while (consumer_poll(f->consumer, f->now, f->now, &event) == STATUS_OK) {
        check_event(&event);
        if (event.request != 0 && event.request < 64 && event.type != CONSUMER_COMMAND_STATE) {
            require(++f->answers[event.request] == 1);
        }
    }
    while (bus_poll(f->hub, f->now, &heard) == STATUS_OK) {
    }
}

static void ask(Fixture *f)
{
    uint64_t request;
    ConsumerInvoke invoke = {
        .command = COMMAND, .grant = COMMAND, .system = "a", .thing = "t", .action = "x", .user = "u"
    };
    (void)!consumer_discover(f->consumer, "", SYSTEM_NONE, &request);
    (void)!consumer_describe(f->consumer, "a", &request);
    (void)!consumer_access(f->consumer, "a", RIGHT_READ, &(SystemUser){ "u", "", "viewer" }, &request);
    (void)!consumer_subscribe(f->consumer, "a", COMMAND, &request);
    (void)!consumer_invoke(f->consumer, &invoke, &request);
    (void)!consumer_inspect(f->consumer, "a", &request);
}

static void say(Fixture *f, FamilyId id, uint64_t correlation, Bytes members)
{
    static char body[BODY_MAX + 64];
    int head = snprintf(body, sizeof body, "{\"schema\":\"%s\"%s", family_rule((uint8_t)id)->schema,
                        members.size > 0 ? "," : "");
    memcpy(body + head, members.data, members.size);
    body[(size_t)head + members.size] = '}';
    BusMessage message = { .id = id,
                           .to = "world",
                           .subject = "a",
                           .correlation = correlation,
                           .body = bytes_of(body, (size_t)head + members.size + 1) };
    (void)!bus_send(f->hub, &message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const FamilyId kinds[] = { MII_REGISTERED,    MII_REFUSED,      MII_SYSTEMS, MII_MODELS, MII_GRANT,
                                      MII_COMMAND_STATE, MII_SYSTEM_STATE, MII_REVOKED, MII_ALARM };
    Fixture f = { .now = 1000 * TIME_SECOND };
    Bus endpoint;
    ConsumerConfig config = { .kind = SYSTEM_METAVERSE, .name = "world" };
    require(bus_local_create(&(BusLocalConfig){ 0 }, &f.hub) == STATUS_OK);
    require(bus_local_attach(f.hub, SYSTEM_METAVERSE, "world", &endpoint) == STATUS_OK);
    require(consumer_create(&config, endpoint, NULL, &f.consumer) == STATUS_OK);
    drain(&f);
    static const char registered[] = "\"lease_s\":10,\"heartbeat_s\":2";
    say(&f, MII_REGISTERED, 1, bytes_of(registered, sizeof registered - 1));
    drain(&f);
    ask(&f);
    while (size >= 4) {
        FamilyId id = kinds[data[0] % ARRAY_COUNT(kinds)];
        uint64_t correlation = data[1] & 15;
        f.now += (TimeNs)(data[1] >> 4) * 100 * TIME_MS;
        size_t length = bytes_load_u16(data + 2);
        data += 4;
        size -= 4;
        length = length < size ? length : size;
        say(&f, id, correlation, bytes_of(data, length));
        data += length;
        size -= length;
        drain(&f);
    }
    f.now += 40 * TIME_SECOND;
    drain(&f);
    consumer_destroy(f.consumer);
    bus_destroy(f.hub);
    return 0;
}
