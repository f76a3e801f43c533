#include "server/admin/admin.h"
#include "tests/unit/server/enabler_double.h"
#include "tests/unit/server/http_double.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WALL (TimeNs)(INT64_C(1700000000) * TIME_SECOND)

typedef struct Rig {
    EnablerDouble enabler;
    HttpDouble http;
    Admin *admin;
    Arena arena;
    TextTable texts;
    TimeNs now;
    uint64_t exchange;
    bool twin_up;
    char key[65];
} Rig;

static Status attach(void *context, const char *name, Bus *out_bus)
{
    Rig *rig = context;
    return bus_local_attach(rig->enabler.hub, SYSTEM_SERVICE, name, out_bus);
}

static void metrics(void *context, TextWriter *writer)
{
    (void)context;
    metric_begin(writer, "dtmv_test_total", "counter", "A test.");
    metric_value(writer, "dtmv_test_total", "name", "a \"b\"\\\n", "kind", "x", 1.5);
    metric_single(writer, "dtmv_test_infinite", "gauge", "No number.", INFINITY);
}

static size_t health(void *context, AdminHealth *out, size_t capacity)
{
    const Rig *rig = context;
    assert_true(capacity >= 2);
    out[0] = (AdminHealth){ .name = "enabler", .kind = "enabler", .up = true, .detail = "" };
    out[1] = (AdminHealth){ .name = "plant", .kind = "twin", .up = rig->twin_up, .detail = "no \"feed\"" };
    return 2;
}

static void trace(void *context, uint32_t count, TextWriter *writer)
{
    (void)context;
    text_writer_put(writer, "{\"asked\":%u}", count);
}

static void rig_begin(Rig *rig)
{
    *rig = (Rig){ .enabler = { .token = "secret", .grant_until = WALL + 3600 * TIME_SECOND },
                  .twin_up = true,
                  .now = TIME_SECOND };
    arena_init(&rig->arena, 0);
    assert_int_equal(text_table_init(&rig->texts, 64, &rig->arena), STATUS_OK);
    assert_int_equal(bus_local_create(&(BusLocalConfig){ 0 }, &rig->enabler.hub), STATUS_OK);
    const AdminConfig config = {
        .host = { .attach = attach, .metrics = metrics, .health = health, .trace = trace, .context = rig },
        .texts = &rig->texts
    };
    assert_int_equal(admin_create(&config, http_double_server(&rig->http), &rig->admin), STATUS_OK);
}

static void rig_finish(Rig *rig)
{
    admin_destroy(rig->admin);
    bus_destroy(rig->enabler.hub);
    arena_finish(&rig->arena);
}

static void run(Rig *rig, int ticks)
{
    for (int i = 0; i < ticks; i++) {
        rig->now += TIME_SECOND / 10;
        admin_tick(rig->admin, rig->now, WALL + rig->now);
        double_poll(&rig->enabler, rig->now);
    }
}

/* A request and its answer, which is the status. */
static int ask_with(Rig *rig, const char *method, const char *path, const char *query, const char *bearer,
                    const char *body)
{
    rig->http.answered = 0;
    http_double_put(&rig->http, HTTP_INPUT_REQUEST, ++rig->exchange, method, path, query, bearer,
                    bytes_of(body, strlen(body)));
    for (int i = 0; i < 100 && rig->http.answered != rig->exchange; i++) {
        run(rig, 1);
    }
    assert_int_equal(rig->http.answered, rig->exchange);
    return rig->http.status;
}

static int ask(Rig *rig, const char *method, const char *path, const char *body)
{
    return ask_with(rig, method, path, "", rig->key, body);
}

/* The member `name` of the last answer; decref'ed with *out_root. */
static const char *answer_text(Rig *rig, json_t **out_root, const char *name)
{
    *out_root = json_loads(rig->http.body, 0, NULL);
    assert_non_null(*out_root);
    return json_string_value(json_object_get(*out_root, name));
}

static void sign_in(Rig *rig, const char *name)
{
    char body[256];
    json_t *root;
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"token\":\"secret\",\"provides\":[\"mean\"]}", name);
    assert_int_equal(ask_with(rig, "POST", "/api/register", "", "", body), 201);
    const char *key = answer_text(rig, &root, "session");
    assert_int_equal(strlen(key), 64);
    snprintf(rig->key, sizeof rig->key, "%s", key);
    json_decref(root);
}

static void open_socket(Rig *rig, uint64_t id, const char *key)
{
    static char query[128];
    snprintf(query, sizeof query, "x=1&session=%s", key);
    http_double_put(&rig->http, HTTP_INPUT_OPEN, id, "GET", "/api/stream", query, "", (Bytes){ 0 });
    run(rig, 1);
}

static void say(Rig *rig, uint64_t socket, const char *text)
{
    http_double_put(&rig->http, HTTP_INPUT_MESSAGE, socket, "", "", "", "", bytes_of(text, strlen(text)));
    run(rig, 3);
}

static bool sent(const Rig *rig, const char *text)
{
    return strstr(rig->http.sent, text) != NULL;
}

/* ---- */

static void health_and_metrics_need_no_key(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig);
    assert_int_equal(ask(&rig, "GET", "/healthz", ""), 200);
    assert_non_null(strstr(rig.http.body, "\"detail\":\"no \\\"feed\\\"\""));
    rig.twin_up = false;
    assert_int_equal(ask(&rig, "GET", "/healthz", ""), 503);
    json_t *root;
    assert_string_equal(answer_text(&rig, &root, "status"), "down");
    json_decref(root);
    assert_int_equal(ask(&rig, "GET", "/metrics", ""), 200);
    assert_string_equal(rig.http.type, "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(rig.http.body, "dtmv_gateway_requests_total{outcome=\"server_error\"} 1\n"));
    assert_non_null(strstr(rig.http.body, "dtmv_test_total{name=\"a \\\"b\\\"\\\\\\n\",kind=\"x\"} 1.5\n"));
    assert_non_null(strstr(rig.http.body, "dtmv_test_infinite +Inf\n"));
    rig_finish(&rig);
}

static void everything_else_needs_one(void **state)
{
    (void)state;
    static const char *const gets[] = { "/api/trace", "/api/systems", "/api/systems/plant/models",
                                        "/api/commands/x" };
    static const char *const posts[] = { "/api/access", "/api/invoke", "/api/alarm", "/api/leave" };
    Rig rig;
    rig_begin(&rig);
    for (size_t i = 0; i < ARRAY_COUNT(gets); i++) {
        assert_int_equal(ask(&rig, "GET", gets[i], ""), 401);
        assert_int_equal(ask_with(&rig, "GET", gets[i], "", "0000", ""), 401);
        assert_int_equal(ask(&rig, "POST", gets[i], "{}"), 405);
    }
    for (size_t i = 0; i < ARRAY_COUNT(posts); i++) {
        assert_int_equal(ask(&rig, "POST", posts[i], "{}"), 401);
        assert_int_equal(ask(&rig, "GET", posts[i], ""), 405);
    }
    assert_int_equal(ask(&rig, "GET", "/", ""), 404);
    assert_int_equal(ask(&rig, "GET", "/api/../healthz", ""), 404);
    assert_int_equal(ask(&rig, "GET", "/api/systems//models", ""), 404);
    rig_finish(&rig);
}

static void a_service_registers_with_its_token_only(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig);
    assert_int_equal(ask(&rig, "POST", "/api/register", "{\"name\":\"mean\",\"token\":\"wrong\"}"), 401);
    assert_non_null(strstr(rig.http.body, "the token is not good for that name")); /* the enabler said so */
    assert_int_equal(rig.enabler.refused, 1);
    assert_int_equal(ask(&rig, "POST", "/api/register", "{\"name\":\"mean\"}"), 401);
    assert_int_equal(ask(&rig, "POST", "/api/register", "{\"name\":\"me an\",\"token\":\"secret\"}"), 400);
    assert_int_equal(ask(&rig, "POST", "/api/register", "{\"name\":\"mean\",\"tokens\":\"secret\"}"), 400);
    assert_int_equal(ask(&rig, "POST", "/api/register", "nonsense"), 400);
    run(&rig, 30);
    sign_in(&rig, "mean");
    assert_string_equal(rig.enabler.last_name, "http/mean");
    assert_int_equal(ask_with(&rig, "POST", "/api/register", "", "secret", "{\"name\":\"other\"}"), 201);
    assert_int_equal(admin_counters(rig.admin).sessions, 2);
    /* the same token takes the name over, another one does not */
    assert_int_equal(ask(&rig, "POST", "/api/register", "{\"name\":\"mean\",\"token\":\"wrong\"}"), 401);
    assert_int_equal(ask(&rig, "GET", "/api/systems", ""), 200);
    char old[65];
    memcpy(old, rig.key, sizeof old);
    sign_in(&rig, "mean");
    assert_int_equal(admin_counters(rig.admin).sessions, 2);
    assert_int_equal(ask_with(&rig, "GET", "/api/systems", "", old, ""), 401);
    assert_int_equal(ask(&rig, "POST", "/api/leave", ""), 200);
    assert_int_equal(ask(&rig, "GET", "/api/systems", ""), 401);
    rig_finish(&rig);
}

static void tokens_cannot_be_guessed_quickly(void **state)
{
    (void)state;
    Rig rig;
    unsigned limited = 0;
    rig_begin(&rig);
    for (int i = 0; i < 100; i++) {
        limited += ask(&rig, "POST", "/api/register", "{\"name\":\"mean\",\"token\":\"guess\"}") == 429;
    }
    assert_true(limited > 60);
    assert_true(rig.enabler.refused <= 40);
    rig_finish(&rig);
}

static void a_silent_enabler_is_a_503(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig);
    rig.enabler.silent = true;
    assert_int_equal(ask(&rig, "POST", "/api/register", "{\"name\":\"mean\",\"token\":\"secret\"}"), 503);
    rig.enabler.silent = false;
    sign_in(&rig, "mean");
    rig.enabler.silent = true;
    assert_int_equal(ask(&rig, "GET", "/api/systems", ""), 403);
    /* whoever goes away meanwhile is forgotten, and so is a registration that nobody waits for */
    http_double_put(&rig.http, HTTP_INPUT_REQUEST, ++rig.exchange, "POST", "/api/register", "", "secret",
                    bytes_of("{\"name\":\"gone\"}", 15));
    run(&rig, 1);
    http_double_put(&rig.http, HTTP_INPUT_GONE, rig.exchange, "", "", "", "", (Bytes){ 0 });
    unsigned answers = rig.http.answers;
    run(&rig, 100);
    assert_int_equal(rig.http.answers, answers);
    rig_finish(&rig);
}

static void it_discovers_and_describes(void **state)
{
    (void)state;
    Rig rig;
    json_t *root;
    rig_begin(&rig);
    sign_in(&rig, "mean");
    assert_int_equal(ask(&rig, "GET", "/api/systems", ""), 200);
    (void)answer_text(&rig, &root, "x");
    json_t *plant = json_array_get(json_object_get(root, "systems"), 0);
    assert_string_equal(json_string_value(json_object_get(plant, "name")), "plant");
    assert_string_equal(json_string_value(json_object_get(plant, "state")), "up");
    json_decref(root);
    assert_int_equal(ask(&rig, "GET", "/api/systems/plant/models", ""), 403);
    assert_non_null(strstr(rig.http.body, "ask for access first (POST /api/access)"));
    assert_int_equal(rig.enabler.described, 0);
    assert_int_equal(ask(&rig, "POST", "/api/access", "{\"system\":\"plant\",\"rights\":[\"read\"]}"), 200);
    assert_int_equal(ask(&rig, "GET", "/api/systems/plant/models", ""), 200);
    (void)answer_text(&rig, &root, "x");
    json_t *model = json_array_get(json_object_get(root, "models"), 0);
    assert_true(json_is_object(json_object_get(json_object_get(model, "properties"), "temperature")));
    json_t *thing = json_array_get(json_object_get(root, "things"), 0);
    assert_string_equal(json_string_value(json_object_get(thing, "id")), "pump-1");
    assert_int_equal(json_integer_value(json_object_get(thing, "model")), 0);
    json_decref(root);
    assert_int_equal(ask(&rig, "GET", "/api/systems/pl ant/models", ""), 400);
    assert_int_equal(ask_with(&rig, "GET", "/api/trace", "count=7", rig.key, ""), 200);
    assert_string_equal(rig.http.body, "{\"messages\":[{\"asked\":7}]}");
    rig_finish(&rig);
}

static void commands_need_a_grant_and_act_once(void **state)
{
    (void)state;
    static const char invoke[] = "{\"system\":\"plant\",\"thing\":\"pump-1\",\"action\":\"setSpeed\","
                                 "\"value\":1200,\"command\":\"00112233445566778899aabbccddeeff\"}";
    Rig rig;
    json_t *root;
    rig_begin(&rig);
    sign_in(&rig, "mean");
    assert_int_equal(ask(&rig, "POST", "/api/invoke", invoke), 403);
    assert_int_equal(ask(&rig, "POST", "/api/access", "{\"system\":\"plant\",\"rights\":[\"read\"]}"), 200);
    assert_int_equal(ask(&rig, "POST", "/api/invoke", invoke), 403);
    assert_int_equal(rig.enabler.invoked, 0);
    assert_int_equal(ask(&rig, "POST", "/api/access", "{\"system\":\"plant\",\"rights\":[\"own\"]}"), 400);
    assert_int_equal(ask(&rig, "POST", "/api/access", "{\"system\":\"plant\",\"rights\":[\"actuate\"]}"),
                     200);
    assert_string_equal(answer_text(&rig, &root, "grant"), DOUBLE_GRANT);
    json_decref(root);
    assert_int_equal(ask(&rig, "POST", "/api/invoke", invoke), 202);
    run(&rig, 3);
    assert_int_equal(ask(&rig, "GET", "/api/commands/00112233445566778899aabbccddeeff", ""), 200);
    assert_string_equal(answer_text(&rig, &root, "state"), "confirmed");
    assert_true(json_is_true(json_object_get(root, "final")));
    json_decref(root);
    assert_int_equal(ask(&rig, "POST", "/api/invoke", invoke), 200); /* again: what became of it */
    assert_int_equal(rig.enabler.invoked, 1);
    assert_int_equal(rig.enabler.speed, 1200);
    assert_int_equal(
        ask(&rig, "POST", "/api/invoke",
            "{\"system\":\"plant\",\"thing\":\"pump-1\",\"action\":\"setSpeed\",\"value\":9000}"),
        202);
    char path[80];
    snprintf(path, sizeof path, "/api/commands/%s", answer_text(&rig, &root, "command"));
    json_decref(root);
    run(&rig, 3);
    assert_int_equal(ask(&rig, "GET", path, ""), 200);
    assert_string_equal(answer_text(&rig, &root, "state"), "refused");
    assert_string_equal(json_string_value(json_object_get(root, "reason")), "beyond the limit of the action");
    json_decref(root);
    assert_int_equal(ask(&rig, "GET", "/api/commands/ffffffffffffffffffffffffffffffff", ""), 404);
    rig.enabler.refuse_access = true;
    assert_int_equal(ask(&rig, "POST", "/api/access", "{\"system\":\"plant\",\"rights\":[\"read\"]}"), 403);
    rig_finish(&rig);
}

static void another_service_has_no_part_in_it(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig);
    sign_in(&rig, "one");
    assert_int_equal(ask(&rig, "POST", "/api/access", "{\"system\":\"plant\",\"rights\":[\"actuate\"]}"),
                     200);
    sign_in(&rig, "two");
    assert_int_equal(ask(&rig, "POST", "/api/invoke",
                         "{\"system\":\"plant\",\"thing\":\"pump-1\",\"action\":\"setSpeed\",\"value\":1}"),
                     403);
    rig_finish(&rig);
}

static void alarms_pass(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig);
    sign_in(&rig, "mean");
    assert_int_equal(
        ask(&rig, "POST", "/api/alarm",
            "{\"system\":\"plant\",\"thing\":\"pump-1\",\"property\":\"temperature\",\"name\":"
            "\"mean\",\"severity\":\"critical\",\"active\":true,\"score\":1.5,\"text\":\"hot\"}"),
        202);
    run(&rig, 1);
    assert_int_equal(rig.enabler.alarms, 1);
    assert_non_null(strstr(rig.enabler.last_alarm, "\"severity\":\"critical\""));
    assert_int_equal(ask(&rig, "POST", "/api/alarm",
                         "{\"system\":\"plant\",\"thing\":\"p\",\"name\":\"m\",\"active\":true,"
                         "\"severity\":\"loud\"}"),
                     400);
    assert_int_equal(ask(&rig, "POST", "/api/alarm", "{\"system\":\"plant\"}"), 400);
    assert_int_equal(rig.enabler.alarms, 1);
    rig_finish(&rig);
}

static void a_socket_gets_samples_and_states(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig);
    sign_in(&rig, "mean");
    open_socket(&rig, 9, "0000");
    assert_int_equal(rig.http.open_status, 401);
    open_socket(&rig, 9, rig.key);
    assert_int_equal(rig.http.open_status, 0);
    assert_true(sent(&rig, "{\"type\":\"open\",\"system\":\"http/mean\"}"));
    say(&rig, 9, "{\"type\":\"subscribe\",\"system\":\"plant\"}");
    assert_true(sent(&rig, "there is no grant to read it: ask for access first"));
    assert_int_equal(rig.enabler.described, 0);
    assert_int_equal(
        ask(&rig, "POST", "/api/access", "{\"system\":\"plant\",\"rights\":[\"read\",\"actuate\"]}"), 200);
    say(&rig, 9, "{\"type\":\"subscribe\",\"system\":\"plant\"}");
    assert_int_equal(rig.enabler.subscribed, 1);
    double_sync(&rig.enabler, WALL, 215, false);
    run(&rig, 1);
    assert_true(sent(
        &rig, "{\"type\":\"sync\",\"system\":\"plant\",\"snapshot\":true,\"restarted\":false,\"samples\":["
              "{\"thing\":\"pump-1\",\"property\":\"temperature\",\"value\":21.5,\"quality\":\"good\","
              "\"time\":1700000000000000000,"));
    assert_int_equal(ask(&rig, "POST", "/api/invoke",
                         "{\"system\":\"plant\",\"thing\":\"pump-1\",\"action\":\"setSpeed\",\"value\":800}"),
                     202);
    run(&rig, 3);
    assert_true(sent(&rig, "\"state\":\"authorised\",\"final\":false,\"desired\":800"));
    assert_true(sent(&rig, "\"state\":\"confirmed\",\"final\":true"));
    say(&rig, 9, "garbage");
    say(&rig, 9, "{\"type\":\"fly\",\"system\":\"plant\"}");
    assert_true(sent(&rig, "is what can be asked"));
    say(&rig, 77, "{\"type\":\"subscribe\",\"system\":\"plant\"}"); /* no such socket */
    rig.http.send_status = STATUS_CAPACITY;
    double_sync(&rig.enabler, WALL + TIME_SECOND, 216, false);
    run(&rig, 1);
    assert_int_equal(rig.http.closed, 9);
    assert_int_equal(admin_counters(rig.admin).slow, 1);
    assert_int_equal(admin_counters(rig.admin).sockets, 0);
    rig_finish(&rig);
}

static void too_many_messages_close_the_socket(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig);
    sign_in(&rig, "mean");
    open_socket(&rig, 9, rig.key);
    for (int i = 0; i < 60 && rig.http.closed == 0; i++) {
        for (int j = 0; j < 40; j++) {
            http_double_put(&rig.http, HTTP_INPUT_MESSAGE, 9, "", "", "", "", bytes_of("{}", 2));
        }
        run(&rig, 1);
    }
    assert_int_equal(rig.http.closed, 9);
    assert_string_equal(rig.http.close_reason, "too many messages");
    rig_finish(&rig);
}

static void what_is_followed_comes_back_with_the_enabler(void **state)
{
    (void)state;
    Rig rig;
    rig_begin(&rig);
    sign_in(&rig, "mean");
    open_socket(&rig, 9, rig.key);
    assert_int_equal(ask(&rig, "POST", "/api/access", "{\"system\":\"plant\",\"rights\":[\"read\"]}"), 200);
    say(&rig, 9, "{\"type\":\"subscribe\",\"system\":\"plant\"}");
    Bus endpoint;
    assert_int_equal(bus_local_attach(rig.enabler.hub, SYSTEM_SERVICE, "http/mean", &endpoint),
                     STATUS_DUPLICATE);
    BodyWriter writer = body_begin(SII_REFUSED); /* the enabler has forgotten who that is */
    body_text(&writer, "reason", "register first");
    body_text(&writer, "code", "NOT_ALLOWED");
    assert_int_equal(body_send(&writer, rig.enabler.hub, "http/mean", "", 0), STATUS_OK);
    run(&rig, 30);
    assert_true(sent(&rig, "{\"type\":\"lost\""));
    assert_true(sent(&rig, "{\"type\":\"registered\"}"));
    assert_int_equal(rig.enabler.registered, 2);
    assert_int_equal(rig.enabler.subscribed, 2);
    rig_finish(&rig);
}

static void idle_sessions_end_and_there_are_not_too_many(void **state)
{
    (void)state;
    Rig rig;
    char name[16];
    rig_begin(&rig);
    for (int i = 0; i < ADMIN_SESSIONS_MAX; i++) {
        snprintf(name, sizeof name, "s%d", i);
        run(&rig, 12);
        sign_in(&rig, name);
    }
    run(&rig, 12);
    assert_int_equal(ask(&rig, "POST", "/api/register", "{\"name\":\"more\",\"token\":\"secret\"}"), 503);
    for (int i = 0; i < 100; i++) {
        rig.now += 7 * TIME_SECOND;
        run(&rig, 1);
    }
    assert_int_equal(admin_counters(rig.admin).sessions, 0);
    assert_int_equal(ask(&rig, "GET", "/api/systems", ""), 401);
    rig_finish(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_and_metrics_need_no_key),
        cmocka_unit_test(everything_else_needs_one),
        cmocka_unit_test(a_service_registers_with_its_token_only),
        cmocka_unit_test(tokens_cannot_be_guessed_quickly),
        cmocka_unit_test(a_silent_enabler_is_a_503),
        cmocka_unit_test(it_discovers_and_describes),
        cmocka_unit_test(commands_need_a_grant_and_act_once),
        cmocka_unit_test(another_service_has_no_part_in_it),
        cmocka_unit_test(alarms_pass),
        cmocka_unit_test(a_socket_gets_samples_and_states),
        cmocka_unit_test(too_many_messages_close_the_socket),
        cmocka_unit_test(what_is_followed_comes_back_with_the_enabler),
        cmocka_unit_test(idle_sessions_end_and_there_are_not_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
