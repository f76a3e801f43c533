/* Any service from outside: whatever it asks over HTTP and says over a WebSocket, every request gets one
 * answer, what is told is JSON, and nothing of it reaches past the enabler. The input is lines: a letter,
 * then R, r  a request "METHOD PATH QUERY BODY" without and with the key of a registered service O     a
 * WebSocket wants to be opened with this query, "=" stands for the key M     a message on it V     the twin
 * system reports its values, then what follows as a text of the enabler (JSON, any) X     whoever asked last
 * is gone        W  a while passes        Q  the enabler says nothing from now on */
#include "server/admin/admin.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/unit/server/enabler_double.h"
#include "tests/unit/server/http_double.h"

#define WALL      (TimeNs)(INT64_C(1700000000) * TIME_SECOND)
#define LINES_MAX 64
#define LINE_MAX  4096
#define SOCKET    1000000u

typedef struct Rig {
    EnablerDouble enabler;
    HttpDouble http;
    Admin *admin;
    TimeNs now;
    uint64_t exchanges;
    unsigned gone;
    char key[65];
    char words[4][LINE_MAX];
} Rig;

static Status attach(void *context, const char *name, Bus *out_bus)
{
    Rig *rig = context;
    return bus_local_attach(rig->enabler.hub, SYSTEM_SERVICE, name, out_bus);
}

static void trace(void *context, uint32_t count, TextWriter *writer)
{
    (void)context;
    require(count >= 1 && count <= 1000);
    text_writer_put(writer, "%u", count);
}

/* What was told is what was promised. */
static void check(Rig *rig)
{
    if (rig->http.answers > 0 && strcmp(rig->http.type, "application/json") == 0 &&
        strlen(rig->http.body) < sizeof rig->http.body - 1) {
        json_t *body = json_loads(rig->http.body, 0, NULL);
        require(json_is_object(body));
        json_decref(body);
    }
    require(rig->http.answers == 0 || (rig->http.status >= 200 && rig->http.status < 600));
    char *line = rig->http.sent;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        json_t *message = json_loadb(line, (size_t)(end - line), 0, NULL);
        require(json_is_object(message) && json_is_string(json_object_get(message, "type")));
        json_decref(message);
    }
    rig->http.sent_size = 0;
    rig->http.sent[0] = '\0';
}

static void run(Rig *rig, int ticks)
{
    for (int i = 0; i < ticks; i++) {
        rig->now += TIME_SECOND / 10;
        admin_tick(rig->admin, rig->now, WALL + rig->now);
        double_poll(&rig->enabler, rig->now);
        check(rig);
    }
}

static void put_request(Rig *rig, const char *line, size_t size, const char *bearer)
{
    Bytes body = { 0 };
    for (int i = 0; i < 3; i++) {
        const char *space = memchr(line, ' ', size);
        size_t length = space ? (size_t)(space - line) : size;
        size_t kept = length < LINE_MAX - 1 ? length : LINE_MAX - 1;
        memcpy(rig->words[i], line, kept);
        rig->words[i][kept] = '\0';
        line += length + (space ? 1 : 0);
        size -= length + (space ? 1 : 0);
    }
    size = size < LINE_MAX ? size : LINE_MAX;
    memcpy(rig->words[3], line, size);
    body = bytes_of(rig->words[3], size);
    http_double_put(&rig->http, HTTP_INPUT_REQUEST, ++rig->exchanges, rig->words[0], rig->words[1],
                    rig->words[2], bearer, body);
}

static void sign_in(Rig *rig)
{
    static const char line[] = "POST /api/register - {\"name\":\"fuzz\",\"token\":\"secret\"}";
    put_request(rig, line, sizeof line - 1, "");
    run(rig, 3);
    json_t *body = json_loads(rig->http.body, 0, NULL);
    const char *key = json_string_value(json_object_get(body, "session"));
    require(rig->http.status == 201 && key);
    snprintf(rig->key, sizeof rig->key, "%s", key);
    json_decref(body);
}

static void enabler_says(Rig *rig, const char *line, size_t size)
{
    static const FamilyId said[] = { SII_REFUSED, SII_COMMAND_STATE, SII_SYSTEM_STATE, SII_REVOKED,
                                     SII_MODELS };
    double_sync(&rig->enabler, WALL + rig->now, (int64_t)size, size % 2 == 1);
    if (size > 0) {
        BusMessage message = { .id = said[(unsigned char)line[0] % ARRAY_COUNT(said)],
                               .body = bytes_of(line + 1, size - 1) };
        snprintf(message.to, sizeof message.to, "http/fuzz");
        snprintf(message.subject, sizeof message.subject, "plant");
        Status status = bus_send(rig->enabler.hub, &message);
        (void)status; /* the service may have left */
    }
    run(rig, 1);
}

static void act(Rig *rig, char letter, const char *line, size_t size)
{
    char query[LINE_MAX + 80];
    switch (letter) {
    case 'R':
    case 'r':
        put_request(rig, line, size, letter == 'r' ? rig->key : "");
        run(rig, 1);
        break;
    case 'O':
        snprintf(query, sizeof query, "session=%.*s", (int)(size < LINE_MAX ? size : LINE_MAX),
                 size == 1 && line[0] == '=' ? rig->key : line);
        if (size == 1 && line[0] == '=') {
            snprintf(query, sizeof query, "session=%s", rig->key);
        }
        http_double_put(&rig->http, HTTP_INPUT_OPEN, SOCKET, "GET", "/api/stream", query, "", (Bytes){ 0 });
        run(rig, 1);
        break;
    case 'M':
        http_double_put(&rig->http, HTTP_INPUT_MESSAGE, SOCKET, "", "", "", "", bytes_of(line, size));
        run(rig, 2);
        break;
    case 'V':
        enabler_says(rig, line, size);
        break;
    case 'X': {
        unsigned before = rig->http.answers;
        http_double_put(&rig->http, HTTP_INPUT_GONE, rig->exchanges, "", "", "", "", (Bytes){ 0 });
        run(rig, 1);
        rig->gone += rig->http.answers == before; /* it may have been answered before */
        break;
    }
    case 'W':
        run(rig, 20);
        break;
    case 'Q':
        rig->enabler.silent = true;
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Rig rig;
    Arena arena;
    TextTable texts;
    rig = (Rig){ .enabler = { .token = "secret", .grant_until = WALL + 3600 * TIME_SECOND },
                 .now = TIME_SECOND };
    arena_init(&arena, 0);
    require(text_table_init(&texts, 64, &arena) == STATUS_OK);
    require(bus_local_create(&(BusLocalConfig){ 0 }, &rig.enabler.hub) == STATUS_OK);
    const AdminConfig config = { .host = { .attach = attach, .trace = trace, .context = &rig },
                                 .texts = &texts };
    require(admin_create(&config, http_double_server(&rig.http), &rig.admin) == STATUS_OK);
    sign_in(&rig);
    for (int lines = 0; size > 0 && lines < LINES_MAX; lines++) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end ? (size_t)(end - data) : size;
        if (length > 0) {
            act(&rig, (char)data[0], (const char *)data + 1, length - 1);
        }
        data += length + (end ? 1 : 0);
        size -= length + (end ? 1 : 0);
    }
    run(&rig, 100); /* longer than anything may wait */
    require(rig.http.answers <= rig.exchanges && rig.http.answers + rig.gone >= rig.exchanges);
    require(rig.enabler.speed >= 0 && rig.enabler.speed <= 3000);
    admin_destroy(rig.admin);
    bus_destroy(rig.enabler.hub);
    arena_finish(&arena);
    return 0;
}
