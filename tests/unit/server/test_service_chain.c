/* Services and the real systems around them: twin system, enabler, and a metaverse system that hears of
 * alarms. The condition monitoring service of this project, and one from outside over the gateway. */
#include "server/admin/admin.h"
#include "server/enabler/enabler.h"
#include "server/enabler/store_memory.h"
#include "server/service/service.h"
#include "server/twin/twin.h"
#include "tests/unit/server/enabler_double.h"
#include "tests/unit/server/http_double.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WALL (TimeNs)(INT64_C(1700000000) * TIME_SECOND)
#define STEP (100 * TIME_MS)

/* A pump that reports once a second and takes a speed. */
typedef struct Pump {
    int64_t temperature, speed;
    TimeNs next;
    FieldAnswer answer;
    bool answer_due;
} Pump;

typedef struct Chain {
    Pump pump;
    Arena arena;
    ThingModel model;
    Thing thing;
    World world;
    TextTable texts;
    MonitorRules rules;
    Bus hub;
    Enabler *enabler;
    TwinSystem *twin;
    Service *service;
    Consumer *metaverse;
    Admin *admin;
    HttpDouble http;
    ServiceToken tokens[2];
    TimeNs now;
    uint64_t exchange;
    char key[65];
    /* what the metaverse system heard last */
    unsigned alarms;
    char alarm_service[SYSTEM_NAME_SIZE], alarm_name[64], alarm_text[256];
    bool alarm_active;
} Chain;

static Status pump_poll(void *context, TimeNs now, TraceSample *out, size_t capacity, size_t *out_count,
                        FeedStatus *out_status)
{
    Pump *pump = context;
    *out_count = 0;
    if (now >= pump->next && capacity >= 2) {
        pump->next = now + TIME_SECOND;
        out[(*out_count)++] = (TraceSample){
            .property = 0, .quality = QUALITY_GOOD, .code = pump->temperature, .source_time = WALL + now
        };
        out[(*out_count)++] = (TraceSample){
            .property = 1, .quality = QUALITY_GOOD, .code = pump->speed, .source_time = WALL + now
        };
    }
    *out_status = (FeedStatus){ .source_clock = WALL + now };
    return STATUS_OK;
}

static Status pump_command(void *context, TimeNs now, const FieldCommand *command)
{
    Pump *pump = context;
    (void)now;
    pump->speed = (int64_t)command->value.number;
    pump->answer = (FieldAnswer){ .accepted = true };
    memcpy(pump->answer.command, command->command, sizeof pump->answer.command);
    pump->answer_due = true;
    return STATUS_OK;
}

static Status pump_answer(void *context, FieldAnswer *out_answer)
{
    Pump *pump = context;
    if (!pump->answer_due) {
        return STATUS_EMPTY;
    }
    pump->answer_due = false;
    *out_answer = pump->answer;
    return STATUS_OK;
}

static void pump_destroy(void *context)
{
    (void)context;
}

static const FeedOps pump_ops = {
    .poll = pump_poll, .command = pump_command, .answer = pump_answer, .destroy = pump_destroy
};

static Status attach_service(void *context, const char *name, Bus *out_bus)
{
    Chain *chain = context;
    return bus_local_attach(chain->hub, SYSTEM_SERVICE, name, out_bus);
}

static Bus endpoint(Chain *chain, SystemKind kind, const char *name)
{
    Bus bus;
    assert_int_equal(bus_local_attach(chain->hub, kind, name, &bus), STATUS_OK);
    return bus;
}

static ServiceToken token_of(const char *name, const char *token, TimeNs expires)
{
    ServiceToken out = { .expires = expires };
    snprintf(out.name, sizeof out.name, "%s", name);
    crypto_generichash(out.hash, sizeof out.hash, (const uint8_t *)token, strlen(token), NULL, 0);
    return out;
}

static void begin_systems(Chain *chain)
{
    Store store;
    chain->tokens[0] = token_of("http/mean", "secret", TIME_FOREVER);
    chain->tokens[1] = token_of("http/old", "old", WALL - TIME_SECOND);
    assert_int_equal(bus_local_create(&(BusLocalConfig){ 0 }, &chain->hub), STATUS_OK);
    assert_int_equal(store_memory_create(&store), STATUS_OK);
    const EnablerConfig enabler = { .tokens = { .tokens = chain->tokens, .count = 2 },
                                    .texts = &chain->texts };
    assert_int_equal(enabler_create(&enabler, &chain->hub, 1, store, &chain->enabler), STATUS_OK);
    assert_int_equal(twin_create(&chain->world, 0, &chain->twin), STATUS_OK);
    assert_int_equal(twin_add_feed(chain->twin, (Feed){ .ops = &pump_ops, .context = &chain->pump }),
                     STATUS_OK);
    const TwinLinkConfig link = { .name = "plant", .domain = "water", .texts = &chain->texts };
    assert_int_equal(twin_attach(chain->twin, &link, endpoint(chain, SYSTEM_TWIN, "plant")), STATUS_OK);
    const ConsumerConfig world = { .kind = SYSTEM_METAVERSE, .name = "world" };
    assert_int_equal(
        consumer_create(&world, endpoint(chain, SYSTEM_METAVERSE, "world"), &chain->texts, &chain->metaverse),
        STATUS_OK);
}

static void begin(Chain *chain)
{
    *chain = (Chain){ .pump = { .temperature = 200 } };
    arena_init(&chain->arena, 0);
    assert_int_equal(text_table_init(&chain->texts, 64, &chain->arena), STATUS_OK);
    assert_int_equal(thing_model_load(bytes_of(double_td, sizeof double_td - 1), "pump", &chain->arena,
                                      &chain->model, NULL),
                     STATUS_OK);
    chain->thing = (Thing){ .id = "pump-1", .title = "Pump 1", .model = &chain->model };
    chain->world = (World){ .things = &chain->thing, .thing_count = 1 };
    monitor_rules_default(&chain->rules);
    chain->rules.rules[chain->rules.rule_count++] = (MonitorRule){ .kind = RULE_THRESHOLD,
                                                                   .name = "hot",
                                                                   .thing = "*",
                                                                   .property = "temperature",
                                                                   .limits = { -1e9, 80, 2 },
                                                                   .hold_s = 2,
                                                                   .critical = true };
    begin_systems(chain);
    assert_int_equal(service_create(&(ServiceConfig){ .rules = &chain->rules },
                                    endpoint(chain, SYSTEM_SERVICE, SERVICE_NAME), &chain->texts,
                                    &chain->service),
                     STATUS_OK);
    const AdminConfig admin = { .host = { .attach = attach_service, .context = chain },
                                .texts = &chain->texts };
    assert_int_equal(admin_create(&admin, http_double_server(&chain->http), &chain->admin), STATUS_OK);
}

static void end(Chain *chain)
{
    admin_destroy(chain->admin);
    service_destroy(chain->service);
    consumer_destroy(chain->metaverse);
    twin_destroy(chain->twin);
    enabler_destroy(chain->enabler);
    arena_finish(&chain->arena);
}

static void hear(Chain *chain)
{
    ConsumerEvent event;
    while (consumer_poll(chain->metaverse, chain->now, WALL + chain->now, &event) == STATUS_OK) {
        const SystemUser user = { .name = "somebody", .key = "", .role = "viewer" };
        uint64_t request;
        if (event.type == CONSUMER_REGISTERED) { /* whoever follows a system hears of its alarms */
            assert_int_equal(consumer_access(chain->metaverse, "plant", RIGHT_READ, &user, &request),
                             STATUS_OK);
        } else if (event.type == CONSUMER_GRANT) {
            assert_int_equal(consumer_subscribe(chain->metaverse, "plant", event.grant.grant, &request),
                             STATUS_OK);
        } else if (event.type == CONSUMER_ALARM) {
            chain->alarms++;
            chain->alarm_active = event.alarm.active;
            snprintf(chain->alarm_service, sizeof chain->alarm_service, "%s", event.alarm.service);
            snprintf(chain->alarm_name, sizeof chain->alarm_name, "%s", event.alarm.name);
            snprintf(chain->alarm_text, sizeof chain->alarm_text, "%s", event.alarm.text);
        }
    }
    consumer_flush(chain->metaverse, chain->now);
}

static void run(Chain *chain, double seconds)
{
    for (TimeNs until = chain->now + time_from_seconds(seconds); chain->now < until;) {
        SyncBatch batch;
        chain->now += STEP;
        twin_set_wall(chain->twin, chain->now, WALL + chain->now);
        assert_int_equal(twin_tick(chain->twin, chain->now, &batch), STATUS_OK);
        enabler_tick(chain->enabler, chain->now, WALL + chain->now);
        hear(chain);
        service_tick(chain->service, chain->now, WALL + chain->now);
        admin_tick(chain->admin, chain->now, WALL + chain->now);
        enabler_tick(chain->enabler, chain->now, WALL + chain->now);
    }
}

static int ask(Chain *chain, const char *method, const char *path, const char *body)
{
    http_double_put(&chain->http, HTTP_INPUT_REQUEST, ++chain->exchange, method, path, "", chain->key,
                    bytes_of(body, strlen(body)));
    for (int i = 0; i < 60 && chain->http.answered != chain->exchange; i++) {
        run(chain, 0.1);
    }
    assert_int_equal(chain->http.answered, chain->exchange);
    return chain->http.status;
}

static void sign_in(Chain *chain)
{
    assert_int_equal(ask(chain, "POST", "/api/register", "{\"name\":\"mean\",\"token\":\"secret\"}"), 201);
    json_t *body = json_loads(chain->http.body, 0, NULL);
    snprintf(chain->key, sizeof chain->key, "%s", json_string_value(json_object_get(body, "session")));
    json_decref(body);
}

static void an_alarm_of_the_service_reaches_the_metaverse(void **state)
{
    (void)state;
    static Chain chain;
    begin(&chain);
    run(&chain, 20);
    assert_int_equal(service_counters(chain.service).systems, 1);
    assert_int_equal(chain.alarms, 0);
    chain.pump.temperature = 900;
    run(&chain, 5);
    assert_int_equal(chain.alarms, 1);
    assert_true(chain.alarm_active);
    assert_string_equal(chain.alarm_service, SERVICE_NAME);
    assert_string_equal(chain.alarm_name, "hot");
    assert_string_equal(chain.alarm_text, "Temperature 90 degC: not below 80");
    chain.pump.temperature = 300;
    run(&chain, 5);
    assert_int_equal(chain.alarms, 2);
    assert_false(chain.alarm_active);
    end(&chain);
}

static bool audited(const Chain *chain, const char *who, const char *what)
{
    static AuditEntry entries[256];
    size_t count = enabler_audit_tail(chain->enabler, entries, ARRAY_COUNT(entries));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].system, who) == 0 && strstr(entries[i].reason, what)) {
            return true;
        }
    }
    return false;
}

static void tokens_are_judged_and_audited_by_the_enabler(void **state)
{
    (void)state;
    static Chain chain;
    begin(&chain);
    run(&chain, 1);
    assert_int_equal(ask(&chain, "POST", "/api/register", "{\"name\":\"mean\",\"token\":\"wrong\"}"), 401);
    assert_true(audited(&chain, "http/mean", "not good"));
    assert_int_equal(ask(&chain, "POST", "/api/register", "{\"name\":\"old\",\"token\":\"old\"}"), 401);
    assert_true(audited(&chain, "http/old", "expired"));
    assert_int_equal(ask(&chain, "POST", "/api/register", "{\"name\":\"else\",\"token\":\"secret\"}"), 401);
    sign_in(&chain);
    assert_int_equal(ask(&chain, "GET", "/api/systems", ""), 200);
    assert_non_null(strstr(chain.http.body, "\"condition-monitoring\""));
    assert_null(strstr(chain.http.body, "http/old"));
    end(&chain);
}

static void a_service_from_outside_acts_and_is_confirmed(void **state)
{
    (void)state;
    static const char invoke[] =
        "{\"system\":\"plant\",\"thing\":\"pump-1\",\"action\":\"setSpeed\",\"value\":1500,"
        "\"command\":\"00112233445566778899aabbccddeeff\"}";
    static Chain chain;
    begin(&chain);
    run(&chain, 2);
    sign_in(&chain);
    assert_int_equal(ask(&chain, "GET", "/api/systems/plant/models", ""), 403);
    assert_non_null(strstr(chain.http.body, "ask for access first"));
    assert_int_equal(ask(&chain, "POST", "/api/access", "{\"system\":\"nobody\",\"rights\":[\"read\"]}"),
                     403);
    assert_int_equal(ask(&chain, "POST", "/api/access", "{\"system\":\"plant\",\"rights\":[\"read\"]}"), 200);
    assert_int_equal(ask(&chain, "GET", "/api/systems/plant/models", ""), 200);
    assert_non_null(strstr(chain.http.body, "\"setSpeed\""));
    assert_int_equal(ask(&chain, "POST", "/api/invoke", invoke), 403);
    assert_int_equal(ask(&chain, "POST", "/api/access", "{\"system\":\"plant\",\"rights\":[\"actuate\"]}"),
                     200);
    http_double_put(&chain.http, HTTP_INPUT_OPEN, 9000, "GET", "/api/stream", "", chain.key, (Bytes){ 0 });
    run(&chain, 0.1);
    assert_int_equal(chain.http.open_status, 0);
    static const char subscribe[] = "{\"type\":\"subscribe\",\"system\":\"plant\"}";
    http_double_put(&chain.http, HTTP_INPUT_MESSAGE, 9000, "", "", "", "",
                    bytes_of(subscribe, sizeof subscribe - 1));
    run(&chain, 3);
    assert_non_null(strstr(chain.http.sent, "\"snapshot\":true"));
    assert_int_equal(ask(&chain, "POST", "/api/invoke", invoke), 202);
    run(&chain, 3);
    assert_non_null(strstr(chain.http.sent, "\"state\":\"confirmed\""));
    assert_non_null(strstr(chain.http.sent, "\"property\":\"speed\",\"value\":1500,"));
    assert_int_equal(chain.pump.speed, 1500);
    assert_int_equal(ask(&chain, "POST", "/api/invoke", invoke), 200);
    assert_int_equal(
        ask(&chain, "POST", "/api/alarm",
            "{\"system\":\"plant\",\"thing\":\"pump-1\",\"property\":\"speed\",\"name\":\"mean\","
            "\"active\":true,\"text\":\"fast\"}"),
        202);
    run(&chain, 0.3);
    assert_int_equal(chain.alarms, 1);
    assert_string_equal(chain.alarm_service, "http/mean");
    assert_string_equal(chain.alarm_text, "fast");
    /* an alarm about nothing is refused by the enabler, and that is all that comes of it */
    assert_int_equal(ask(&chain, "POST", "/api/alarm",
                         "{\"system\":\"plant\",\"thing\":\"nobody\",\"name\":\"mean\",\"active\":true}"),
                     202);
    run(&chain, 2);
    assert_int_equal(chain.alarms, 1);
    assert_non_null(strstr(chain.http.sent,
                           "{\"type\":\"error\",\"system\":\"plant\",\"error\":\"there is no such thing"));
    assert_null(strstr(chain.http.sent, "\"lost\""));
    assert_int_equal(admin_counters(chain.admin).sockets, 1);
    end(&chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alarm_of_the_service_reaches_the_metaverse),
        cmocka_unit_test(tokens_are_judged_and_audited_by_the_enabler),
        cmocka_unit_test(a_service_from_outside_acts_and_is_confirmed),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
