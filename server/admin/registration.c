/* registration.c - sessions of services from outside: how they begin, are found, and end. */
#include "server/admin/state.h"

#include "shared/base/log.h"

#include <sodium.h>
#include <stdio.h>

#define REGISTER_RATE    1.0 /* registrations a second, of everybody together: tokens cannot be guessed */
#define REGISTER_BURST   10.0
#define REGISTER_TIMEOUT (5 * TIME_SECOND)
#define TOKEN_MAX        255
#define PROVIDES_MAX     16

void admin_random(Admin *admin, uint8_t *out, size_t size)
{
    if (admin->config.random) {
        admin->config.random(admin->config.random_context, out, size);
    } else {
        randombytes_buf(out, size);
    }
}

static void hash_text(const char *text, uint8_t *out_hash)
{
    crypto_generichash(out_hash, SESSION_HASH_SIZE, (const uint8_t *)text, strlen(text), NULL, 0);
}

Session *outside_find(Admin *admin, const char *key)
{
    uint8_t hash[SESSION_HASH_SIZE];
    Session *found = NULL;
    hash_text(key, hash);
    for (size_t i = 0; i < ADMIN_SESSIONS_MAX; i++) {
        Session *session = &admin->sessions[i];
        bool equal = sodium_memcmp(session->key_hash, hash, sizeof hash) == 0;
        found = equal && session->consumer && session->registered ? session : found;
    }
    return found;
}

void outside_end(Admin *admin, Session *session, const char *why)
{
    for (size_t i = 0; i < SESSION_SOCKETS_MAX; i++) {
        uint64_t socket = session->sockets[i];
        session->sockets[i] = 0;
        if (socket != 0) {
            admin->http.ops->close(admin->http.context, socket, why);
        }
    }
    for (size_t i = 0; i < EXCHANGES_MAX; i++) {
        Exchange exchange = admin->exchanges[i];
        if (exchange.kind != EXCHANGE_FREE && exchange.session == session) {
            admin->exchanges[i] = (Exchange){ 0 };
            admin_reply_error(admin, exchange.exchange, 503, "%s", why);
        }
    }
    log_info("gateway", "%s: %s", session->name, why);
    consumer_destroy(session->consumer);
    sodium_memzero(session, sizeof *session);
}

/* ---- registration ---- */

typedef struct Registration {
    const char *name, *title, *version, *domain, *token;
    const char *provides[PROVIDES_MAX];
    uint32_t provide_count;
} Registration;

static bool read_registration(Admin *admin, const HttpRequest *request, Registration *out)
{
    static const char *const keys[] = { "name", "title", "version", "domain", "token", "provides", NULL };
    JsonDocument document;
    Diag diag;
    if (!admin_body(admin, request, keys, &document, &diag)) {
        return false;
    }
    JsonNode root = json_document_root(&document);
    JsonNode name = json_required(&root, "name"), title = json_member(&root, "title");
    JsonNode version = json_member(&root, "version"), domain = json_member(&root, "domain");
    JsonNode token = json_member(&root, "token"), provides = json_member(&root, "provides");
    out->name = json_read_text(&name, 1, SYSTEM_NAME_SIZE - sizeof ADMIN_NAME_PREFIX, "");
    out->title = json_read_text(&title, 1, 127, out->name);
    out->version = json_read_text(&version, 1, 63, "1");
    out->domain = json_read_text(&domain, 0, SYSTEM_NAME_SIZE - 1, "");
    out->token = json_read_text(&token, 1, TOKEN_MAX, request->bearer);
    size_t count = provides.value ? json_array_size_in(&provides, 0, PROVIDES_MAX) : 0;
    for (size_t i = 0; i < count; i++) {
        JsonNode one = json_element(&provides, i);
        out->provides[out->provide_count++] = json_read_text(&one, 1, 127, "");
    }
    if (document.status == STATUS_OK && !system_name_valid(out->name)) {
        json_fail(&name, STATUS_MALFORMED, "a name has letters, digits, '-', '_', '.' and '/'");
    }
    return admin_body_finish(admin, request, &document, &diag);
}

void outside_refuse(Admin *admin, uint64_t exchange, int status, const char *name, const char *reason)
{
    admin->counters.refused++;
    log_warning("gateway", "registration of '%s' refused: %s", name, reason);
    admin_reply_error(admin, exchange, status, "%s", reason);
}

/* Makes room for `name`: who has its token may register again, and ends the session that was. */
static bool take_over(Admin *admin, const HttpRequest *request, const char *name, const uint8_t *token_hash)
{
    for (size_t i = 0; i < ADMIN_SESSIONS_MAX; i++) {
        Session *session = &admin->sessions[i];
        if (!session->consumer || strcmp(session->name, name) != 0) {
            continue;
        }
        if (!session->registered || sodium_memcmp(session->token_hash, token_hash, SESSION_HASH_SIZE) != 0) {
            outside_refuse(admin, request->exchange, session->registered ? 401 : 409, name,
                           session->registered ? "the token is not good for that name"
                                               : "this name is being registered");
            return false;
        }
        outside_end(admin, session, "it registers again");
    }
    return true;
}

static Session *free_session(Admin *admin)
{
    for (size_t i = 0; i < ADMIN_SESSIONS_MAX; i++) {
        if (!admin->sessions[i].consumer) {
            return &admin->sessions[i];
        }
    }
    return NULL;
}

static Status attach_service(Admin *admin, const Registration *wanted, const char *name, Consumer **out)
{
    const ConsumerConfig config = { .kind = SYSTEM_SERVICE,
                                    .name = name,
                                    .title = wanted->title,
                                    .version = wanted->version,
                                    .domain = wanted->domain,
                                    .token = wanted->token,
                                    .provides = wanted->provides,
                                    .provide_count = wanted->provide_count };
    Bus bus;
    Status status = admin->config.host.attach(admin->config.host.context, name, &bus);
    if (status != STATUS_OK) {
        return status;
    }
    status = consumer_create(&config, bus, admin->config.texts, out);
    if (status != STATUS_OK) {
        bus_destroy(bus);
    }
    return status;
}

static void begin_session(Admin *admin, Session *session, const char *name, const uint8_t *token_hash,
                          Consumer *consumer, uint64_t exchange)
{
    uint8_t key[SESSION_KEY_BYTES];
    admin_random(admin, key, sizeof key);
    *session = (Session){ .consumer = consumer,
                          .exchange = exchange,
                          .deadline = admin->now + REGISTER_TIMEOUT,
                          .used_at = admin->now,
                          .requests = { .at = TIME_NONE } };
    snprintf(session->name, sizeof session->name, "%s", name);
    memcpy(session->token_hash, token_hash, SESSION_HASH_SIZE);
    sodium_bin2hex(session->key, sizeof session->key, key, sizeof key);
    hash_text(session->key, session->key_hash);
    sodium_memzero(key, sizeof key);
}

void outside_register(Admin *admin, const HttpRequest *request)
{
    Registration wanted = { 0 };
    uint8_t token_hash[SESSION_HASH_SIZE];
    char name[SYSTEM_NAME_SIZE];
    Consumer *consumer;
    if (!bucket_take(&admin->registrations, admin->now, REGISTER_RATE, REGISTER_BURST)) {
        admin_reply_error(admin, request->exchange, 429, "too many registrations");
        return;
    }
    if (!read_registration(admin, request, &wanted)) {
        return;
    }
    snprintf(name, sizeof name, "%s%s", ADMIN_NAME_PREFIX, wanted.name);
    if (wanted.token[0] == '\0') {
        outside_refuse(admin, request->exchange, 401, name, "a token is needed");
        return;
    }
    hash_text(wanted.token, token_hash);
    if (!take_over(admin, request, name, token_hash)) {
        return;
    }
    Session *session = free_session(admin);
    if (!session || !admin->config.host.attach) {
        outside_refuse(admin, request->exchange, 503, name,
                       session ? "this server takes no services from outside" : "too many services");
        return;
    }
    Status status = attach_service(admin, &wanted, name, &consumer);
    if (status != STATUS_OK) {
        outside_refuse(admin, request->exchange, 503, name, status_text(status));
        return;
    }
    begin_session(admin, session, name, token_hash, consumer, request->exchange);
}

void outside_registered(Admin *admin, Session *session)
{
    if (session->registered) {
        stream_resume(admin, session);
        return;
    }
    session->registered = true;
    admin->counters.registered++;
    log_info("gateway", "%s: registered", session->name);
    admin_reply_json(admin, session->exchange, 201,
                     json_pack("{s:s,s:s}", "session", session->key, "system", session->name));
    sodium_memzero(session->key, sizeof session->key);
}
