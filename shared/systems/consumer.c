#include "shared/systems/consumer_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_TIMEOUT    (5 * TIME_SECOND)
#define RETRY_FIRST       TIME_SECOND
#define RETRY_MAX         (5 * TIME_SECOND)
#define HEARTBEAT_DEFAULT (5 * TIME_SECOND)
#define INVOKE_LIFE       (30 * TIME_SECOND)

FamilyId consumer_family(const Consumer *consumer, FamilyId mii)
{
    return consumer->kind == SYSTEM_METAVERSE ? mii : (FamilyId)(mii + (SII_REGISTER - MII_REGISTER));
}

/* ---- life ---- */

static char *write_registration(const ConsumerConfig *config, FamilyId id, size_t *out_size)
{
    BodyWriter writer = body_begin(id);
    body_text(&writer, "name", config->name);
    body_text(&writer, "title", config->title == NULL ? config->name : config->title);
    body_text(&writer, "version", config->version == NULL ? "" : config->version);
    body_text(&writer, "domain", config->domain == NULL ? "" : config->domain);
    if (config->token != NULL) {
        body_text(&writer, "token", config->token);
    }
    if (config->session != NULL) {
        body_text(&writer, "session", config->session);
    }
    json_t *provides = json_array();
    for (uint32_t i = 0; i < config->provide_count; i++) {
        json_t *one = json_pack("{s:s,s:s}", "name", config->provides[i], "title", config->provides[i]);
        if (json_array_append_new(provides, one) != 0) {
            json_decref(provides);
            provides = NULL;
        }
    }
    body_set(&writer, "provides", provides);
    return body_finish(&writer, out_size);
}

Status consumer_create(const ConsumerConfig *config, Bus bus, TextTable *texts, Consumer **out_consumer)
{
    if ((config->kind != SYSTEM_METAVERSE && config->kind != SYSTEM_SERVICE) ||
        !system_name_valid(config->name)) {
        return STATUS_INVALID_ARGUMENT;
    }
    Consumer *consumer = calloc(1, sizeof *consumer);
    if (consumer == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    consumer->kind = config->kind;
    consumer->registration =
        write_registration(config, consumer_family(consumer, MII_REGISTER), &consumer->registration_size);
    if (consumer->registration == NULL) {
        free(consumer);
        return STATUS_INVALID_ARGUMENT;
    }
    snprintf(consumer->name, sizeof consumer->name, "%s", config->name);
    arena_init(&consumer->arena, CONSUMER_EVENT_LIMIT);
    consumer->bus = bus;
    consumer->texts = texts;
    consumer->retry = RETRY_FIRST;
    consumer->heartbeat = HEARTBEAT_DEFAULT;
    *out_consumer = consumer;
    return STATUS_OK;
}

void consumer_publication_free(Publication *publication)
{
    if (publication != NULL) {
        arena_finish(&publication->arena);
        free(publication);
    }
}

void consumer_request_free(Request *request)
{
    consumer_publication_free(request->publication);
    *request = (Request){ 0 };
}

void consumer_invoke_free(Invoke *invoke)
{
    free(invoke->body);
    *invoke = (Invoke){ 0 };
}

void consumer_destroy(Consumer *consumer)
{
    if (consumer == NULL) {
        return;
    }
    bus_destroy(consumer->bus);
    for (size_t i = 0; i < CONSUMER_REQUESTS_MAX; i++) {
        consumer_request_free(&consumer->requests[i]);
    }
    for (size_t i = 0; i < CONSUMER_INVOKES_MAX; i++) {
        consumer_invoke_free(&consumer->invokes[i]);
    }
    for (size_t i = 0; i < CONSUMER_SYSTEMS_MAX; i++) {
        consumer_publication_free(consumer->publications[i]);
    }
    consumer_publication_free(consumer->retired);
    arena_finish(&consumer->arena);
    free(consumer->registration);
    free(consumer);
}

/* ---- requests ---- */

Request *consumer_request(Consumer *consumer, uint64_t number)
{
    for (size_t i = 0; i < CONSUMER_REQUESTS_MAX; i++) {
        if (number != 0 && consumer->requests[i].number == number && !consumer->requests[i].refused) {
            return &consumer->requests[i];
        }
    }
    return NULL;
}

void consumer_request_refuse(Request *request, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(request->reason, sizeof request->reason, format, arguments);
    va_end(arguments);
    request->refused = true;
}

const Publication *consumer_publication(const Consumer *consumer, const char *system)
{
    for (size_t i = 0; i < CONSUMER_SYSTEMS_MAX; i++) {
        if (consumer->publications[i] != NULL && strcmp(consumer->publications[i]->system, system) == 0) {
            return consumer->publications[i];
        }
    }
    return NULL;
}

static Status new_request(Consumer *consumer, FamilyId id, const char *system, Request **out_request)
{
    if (!consumer->ever) {
        return STATUS_NOT_ALLOWED;
    }
    for (size_t i = 0; i < CONSUMER_REQUESTS_MAX; i++) {
        Request *request = &consumer->requests[i];
        if (request->number == 0) {
            *request = (Request){ .number = ++consumer->numbers, .id = id, .sent = consumer->now };
            snprintf(request->system, sizeof request->system, "%s", system);
            *out_request = request;
            return STATUS_OK;
        }
    }
    return STATUS_CAPACITY;
}

/* Sends the body of a request. One that cannot be asked now is answered REFUSED by the next poll. */
static Status ask(Consumer *consumer, Request *request, BodyWriter *writer)
{
    if (!consumer->registered) {
        json_decref(writer->root);
        consumer_request_refuse(request, "the enabler is away");
        return STATUS_OK;
    }
    Status status = body_send(writer, consumer->bus, NULL, request->system, request->number);
    if (status == STATUS_DISCONNECTED) {
        consumer_request_refuse(request, "the enabler is away");
        return STATUS_OK;
    }
    return status;
}

static Status finish_asking(Request *request, Status status, uint64_t *out_request)
{
    if (status == STATUS_OK) {
        *out_request = request->number;
    } else {
        consumer_request_free(request);
    }
    return status;
}

Status consumer_discover(Consumer *consumer, const char *domain, SystemKind kind, uint64_t *out_request)
{
    Request *request;
    Status status = new_request(consumer, MII_DISCOVER, "", &request);
    if (status != STATUS_OK) {
        return status;
    }
    BodyWriter writer = body_begin(consumer_family(consumer, MII_DISCOVER));
    body_text(&writer, "domain", domain == NULL ? "" : domain);
    if (kind != SYSTEM_NONE) {
        body_text(&writer, "kind", system_kind_name(kind));
    }
    return finish_asking(request, ask(consumer, request, &writer), out_request);
}

Status consumer_inspect(Consumer *consumer, const char *system, uint64_t *out_request)
{
    Request *request;
    if (!system_name_valid(system)) {
        return STATUS_INVALID_ARGUMENT;
    }
    Status status = new_request(consumer, MII_DISCOVER, system, &request);
    if (status != STATUS_OK) {
        return status;
    }
    BodyWriter writer = body_begin(consumer_family(consumer, MII_DISCOVER));
    body_text(&writer, "system", system);
    return finish_asking(request, ask(consumer, request, &writer), out_request);
}

Status consumer_ask_page(Consumer *consumer, Request *request)
{
    BodyWriter writer = body_begin(consumer_family(consumer, MII_DESCRIBE));
    body_text(&writer, "system", request->system);
    body_integer(&writer, "first_model", request->publication->kind_count);
    body_integer(&writer, "first_thing", request->publication->thing_count);
    request->sent = consumer->now;
    return ask(consumer, request, &writer);
}

Status consumer_describe(Consumer *consumer, const char *system, uint64_t *out_request)
{
    if (!system_name_valid(system)) {
        return STATUS_INVALID_ARGUMENT;
    }
    Request *request;
    Status status = new_request(consumer, MII_DESCRIBE, system, &request);
    if (status != STATUS_OK) {
        return status;
    }
    request->publication = calloc(1, sizeof *request->publication);
    if (request->publication == NULL) {
        consumer_request_free(request);
        return STATUS_OUT_OF_MEMORY;
    }
    arena_init(&request->publication->arena, CONSUMER_MODELS_LIMIT);
    snprintf(request->publication->system, sizeof request->publication->system, "%s", system);
    return finish_asking(request, consumer_ask_page(consumer, request), out_request);
}

Status consumer_access(Consumer *consumer, const char *system, uint32_t rights, const SystemUser *user,
                       uint64_t *out_request)
{
    if (!system_name_valid(system)) {
        return STATUS_INVALID_ARGUMENT;
    }
    Request *request;
    Status status = new_request(consumer, MII_ACCESS, system, &request);
    if (status != STATUS_OK) {
        return status;
    }
    BodyWriter writer = body_begin(consumer_family(consumer, MII_ACCESS));
    body_text(&writer, "system", system);
    body_rights(&writer, "rights", rights);
    body_set(&writer, "user",
             json_pack("{s:s,s:s,s:s,s:s}", "name", user->name, "key", user->key, "role", user->role,
                       "system", consumer->name));
    return finish_asking(request, ask(consumer, request, &writer), out_request);
}

Status consumer_subscribe(Consumer *consumer, const char *system, const char *grant, uint64_t *out_request)
{
    if (!system_name_valid(system)) {
        return STATUS_INVALID_ARGUMENT;
    }
    Request *request;
    Status status = new_request(consumer, MII_SUBSCRIBE, system, &request);
    if (status != STATUS_OK) {
        return status;
    }
    BodyWriter writer = body_begin(consumer_family(consumer, MII_SUBSCRIBE));
    body_text(&writer, "system", system);
    body_text(&writer, "grant", grant);
    return finish_asking(request, ask(consumer, request, &writer), out_request);
}

Status consumer_alarm(Consumer *consumer, const ConsumerAlarm *alarm)
{
    if (consumer->kind != SYSTEM_SERVICE) {
        return STATUS_NOT_ALLOWED;
    }
    if (!consumer->registered) {
        return consumer->ever ? STATUS_DISCONNECTED : STATUS_NOT_ALLOWED;
    }
    BodyWriter writer = body_begin(SII_ALARM);
    body_text(&writer, "system", alarm->system);
    body_text(&writer, "thing", alarm->thing);
    body_text(&writer, "property", alarm->property);
    body_text(&writer, "name", alarm->name);
    body_text(&writer, "severity", alarm->critical ? "critical" : "warning");
    body_boolean(&writer, "active", alarm->active);
    body_number(&writer, "score", alarm->score);
    body_text(&writer, "text", alarm->text);
    body_integer(&writer, "source_time", alarm->source_time);
    /* A number, though no answer is awaited: a refusal without one would be that of a heartbeat, which says
     * that the enabler has forgotten us. */
    return body_send(&writer, consumer->bus, NULL, alarm->system, ++consumer->numbers);
}

/* ---- commands ---- */

Invoke *consumer_invoke_find(Consumer *consumer, const char *command, uint64_t number)
{
    for (size_t i = 0; i < CONSUMER_INVOKES_MAX; i++) {
        Invoke *invoke = &consumer->invokes[i];
        if (invoke->number != 0 &&
            (command == NULL ? invoke->number == number : strcmp(invoke->command, command) == 0)) {
            return invoke;
        }
    }
    return NULL;
}

/* What does not go out now goes out later. */
static void send_invoke(Consumer *consumer, Invoke *invoke)
{
    BusMessage message = { .id = consumer_family(consumer, MII_INVOKE),
                           .correlation = invoke->number,
                           .body = bytes_of(invoke->body, invoke->body_size) };
    memcpy(message.subject, invoke->system, sizeof message.subject);
    invoke->sent = consumer->now;
    invoke->unsent = !consumer->registered || bus_send(consumer->bus, &message) != STATUS_OK;
}

Status consumer_invoke(Consumer *consumer, const ConsumerInvoke *asked, uint64_t *out_request)
{
    if (!consumer->ever) {
        return STATUS_NOT_ALLOWED;
    }
    if (!system_name_valid(asked->system) || !body_id_valid(asked->command)) {
        return STATUS_INVALID_ARGUMENT;
    }
    if (consumer_invoke_find(consumer, asked->command, 0) != NULL) {
        return STATUS_DUPLICATE;
    }
    Invoke *invoke = NULL;
    for (size_t i = 0; i < CONSUMER_INVOKES_MAX && invoke == NULL; i++) {
        invoke = consumer->invokes[i].number == 0 ? &consumer->invokes[i] : NULL;
    }
    if (invoke == NULL) {
        return STATUS_CAPACITY;
    }
    BodyWriter writer = body_begin(consumer_family(consumer, MII_INVOKE));
    body_text(&writer, "command", asked->command);
    body_text(&writer, "grant", asked->grant);
    body_text(&writer, "system", asked->system);
    body_text(&writer, "thing", asked->thing);
    body_text(&writer, "action", asked->action);
    if (asked->has_value) {
        body_value(&writer, "value", asked->value);
    }
    body_text(&writer, "user", asked->user);
    body_integer(&writer, "issued", consumer->wall);
    size_t size;
    char *body = body_finish(&writer, &size);
    if (body == NULL) {
        return STATUS_INVALID_ARGUMENT;
    }
    *invoke =
        (Invoke){ .number = ++consumer->numbers, .body = body, .body_size = size, .issued = consumer->wall };
    snprintf(invoke->command, sizeof invoke->command, "%s", asked->command);
    snprintf(invoke->system, sizeof invoke->system, "%s", asked->system);
    snprintf(invoke->thing, sizeof invoke->thing, "%s", asked->thing);
    snprintf(invoke->action, sizeof invoke->action, "%s", asked->action);
    snprintf(invoke->user, sizeof invoke->user, "%s", asked->user);
    send_invoke(consumer, invoke);
    *out_request = invoke->number;
    return STATUS_OK;
}

/* Sends again what is unanswered; one that nobody has answered for too long is told as failed. */
static bool keep_invokes(Consumer *consumer, ConsumerEvent *out_event)
{
    for (size_t i = 0; i < CONSUMER_INVOKES_MAX; i++) {
        Invoke *invoke = &consumer->invokes[i];
        if (invoke->number == 0 || invoke->answered) {
            continue;
        }
        if (consumer->wall - invoke->issued >= INVOKE_LIFE) {
            static const char *const reason = "the enabler did not answer";
            Arena *arena = &consumer->arena;
            *out_event =
                (ConsumerEvent){ .type = CONSUMER_COMMAND_STATE,
                                 .request = invoke->number,
                                 .reason = reason,
                                 .system = arena_copy_text(arena, invoke->system, strlen(invoke->system)) };
            out_event->command.command = arena_copy_text(arena, invoke->command, strlen(invoke->command));
            out_event->command.thing = arena_copy_text(arena, invoke->thing, strlen(invoke->thing));
            out_event->command.action = arena_copy_text(arena, invoke->action, strlen(invoke->action));
            out_event->command.user = arena_copy_text(arena, invoke->user, strlen(invoke->user));
            out_event->command.property = "";
            out_event->command.state = COMMAND_FAILED;
            consumer_invoke_free(invoke);
            return true;
        }
        if (consumer->registered && (invoke->unsent || consumer->now - invoke->sent >= ANSWER_TIMEOUT)) {
            send_invoke(consumer, invoke);
        }
    }
    return false;
}

/* ---- the lease ---- */

void consumer_lose(Consumer *consumer, const char *why)
{
    consumer->lost |= consumer->registered;
    consumer->registered = false;
    consumer->register_at = consumer->now;
    consumer->retry = RETRY_FIRST;
    for (size_t i = 0; i < CONSUMER_REQUESTS_MAX; i++) {
        Request *request = &consumer->requests[i];
        if (request->number != 0 && !request->refused) {
            consumer_request_refuse(request, "%s", why);
        }
    }
    for (size_t i = 0; i < CONSUMER_INVOKES_MAX; i++) {
        consumer->invokes[i].answered = false; /* what comes of it may have been lost */
        consumer->invokes[i].unsent = true;
    }
}

static void keep_lease(Consumer *consumer)
{
    if (!consumer->up) {
        return;
    }
    if (consumer->registered && consumer->now >= consumer->heartbeat_at) {
        BodyWriter writer = body_begin(consumer_family(consumer, MII_HEARTBEAT));
        if (body_send(&writer, consumer->bus, NULL, NULL, 0) == STATUS_OK) {
            consumer->heartbeat_at = consumer->now + consumer->heartbeat;
        }
    } else if (!consumer->registered && consumer->now >= consumer->register_at) {
        BusMessage message = { .id = consumer_family(consumer, MII_REGISTER),
                               .correlation = ++consumer->numbers,
                               .body = bytes_of(consumer->registration, consumer->registration_size) };
        if (bus_send(consumer->bus, &message) == STATUS_OK) {
            consumer->register_at = consumer->now + consumer->retry;
            consumer->retry = consumer->retry * 2 > RETRY_MAX ? RETRY_MAX : consumer->retry * 2;
        }
    }
}

bool consumer_registered(const Consumer *consumer)
{
    return consumer->registered;
}

/* ---- events ---- */

/* What is to be told without anything having come. */
static bool own_event(Consumer *consumer, ConsumerEvent *out_event)
{
    if (consumer->lost) {
        consumer->lost = false;
        *out_event = (ConsumerEvent){ .type = CONSUMER_LOST, .system = "", .reason = "the enabler is away" };
        return true;
    }
    for (size_t i = 0; i < CONSUMER_REQUESTS_MAX; i++) {
        Request *request = &consumer->requests[i];
        if (request->number != 0 && !request->refused && consumer->now - request->sent >= ANSWER_TIMEOUT) {
            consumer_request_refuse(request, "no answer within 5 s");
        }
        if (request->number != 0 && request->refused) {
            *out_event = (ConsumerEvent){
                .type = CONSUMER_REFUSED,
                .request = request->number,
                .system = arena_copy_text(&consumer->arena, request->system, strlen(request->system)),
                .reason = arena_copy_text(&consumer->arena, request->reason, strlen(request->reason)),
            };
            consumer_request_free(request);
            return true;
        }
    }
    return keep_invokes(consumer, out_event);
}

static bool take_event(Consumer *consumer, const BusEvent *event, ConsumerEvent *out_event)
{
    switch (event->type) {
    case BUS_UP:
        consumer->up = true;
        consumer->register_at = consumer->now;
        consumer->retry = RETRY_FIRST;
        return false;
    case BUS_DOWN:
        consumer->up = false;
        consumer_lose(consumer, "the enabler is away");
        return false;
    case BUS_MESSAGE:
        return consumer_read(consumer, &event->message, out_event);
    case BUS_REFUSED:
        break;
    }
    return false;
}

Status consumer_poll(Consumer *consumer, TimeNs now, TimeNs wall, ConsumerEvent *out_event)
{
    consumer->now = now;
    consumer->wall = wall;
    arena_reset(&consumer->arena);
    consumer_publication_free(consumer->retired);
    consumer->retired = NULL;
    for (;;) {
        if (own_event(consumer, out_event)) {
            return STATUS_OK;
        }
        BusEvent event;
        Status status = bus_poll(consumer->bus, now, &event);
        if (status != STATUS_OK) {
            keep_lease(consumer);
            return status;
        }
        if (take_event(consumer, &event, out_event)) {
            return STATUS_OK;
        }
    }
}

void consumer_flush(Consumer *consumer, TimeNs now)
{
    bus_flush(consumer->bus, now);
}
