/* The messages that an enabler sends to a consumer, checked and turned into events. */
#include "shared/systems/consumer_state.h"

#include <stdio.h>
#include <stdlib.h>

#define SYSTEMS_MAX     65536 /* bounded by the body before that */
#define LEASE_MAX       86400 /* seconds */
#define USER_NAME_MAX   127
#define THING_ID_MAX    63
#define MODELS_MAX      65536
#define TITLE_MAX       255
#define PAGE_MODELS_MAX 1024
#define PAGE_THINGS_MAX 65536

static const char *text_of(const JsonNode *object, const char *key, size_t minimum, size_t maximum)
{
    JsonNode node = json_required(object, key);
    return json_read_text(&node, minimum, maximum, "");
}

static const char *optional_text(const JsonNode *object, const char *key, size_t maximum)
{
    JsonNode node = json_member(object, key);
    return json_read_text(&node, 0, maximum, "");
}

/* A reason may be longer than what is kept of it. */
static const char *reason_of(const JsonNode *object)
{
    return optional_text(object, "reason", 4096);
}

static const char *name_of(const JsonNode *object, const char *key)
{
    JsonNode node = json_required(object, key);
    return body_read_name(&node);
}

/* ---- registration ---- */

static bool read_registered(Consumer *consumer, const JsonNode *root, ConsumerEvent *event)
{
    static const char *const keys[] = { "schema", "lease_s", "heartbeat_s", NULL };
    json_known_keys(root, keys);
    JsonNode lease = json_required(root, "lease_s");
    JsonNode heartbeat = json_required(root, "heartbeat_s");
    double lease_s = json_read_number(&lease, 0.01, LEASE_MAX, 0);
    double heartbeat_s = json_read_number(&heartbeat, 0.01, LEASE_MAX, 0);
    if (root->document->status != STATUS_OK || consumer->registered) {
        return false;
    }
    consumer->heartbeat = time_from_seconds(heartbeat_s < lease_s / 2 ? heartbeat_s : lease_s / 2);
    consumer->heartbeat_at = consumer->now + consumer->heartbeat;
    consumer->registered = consumer->ever = true;
    event->type = CONSUMER_REGISTERED;
    return true;
}

static bool read_refused(Consumer *consumer, const BusMessage *message, const JsonNode *root,
                         ConsumerEvent *event)
{
    static const char *const keys[] = { "schema", "reason", "code", NULL };
    json_known_keys(root, keys);
    const char *reason = reason_of(root);
    text_of(root, "code", 1, 63);
    if (root->document->status != STATUS_OK) {
        return false;
    }
    event->reason = reason;
    Request *request = consumer_request(consumer, message->correlation);
    if (request != NULL) {
        consumer_request_refuse(request, "%s", reason);
        return false;
    }
    Invoke *invoke =
        message->correlation == 0 ? NULL : consumer_invoke_find(consumer, NULL, message->correlation);
    if (invoke != NULL) {
        Arena *arena = &consumer->arena;
        event->type = CONSUMER_COMMAND_STATE;
        event->request = invoke->number;
        event->system = arena_copy_text(arena, invoke->system, strlen(invoke->system));
        event->command.command = arena_copy_text(arena, invoke->command, strlen(invoke->command));
        event->command.thing = arena_copy_text(arena, invoke->thing, strlen(invoke->thing));
        event->command.action = arena_copy_text(arena, invoke->action, strlen(invoke->action));
        event->command.user = arena_copy_text(arena, invoke->user, strlen(invoke->user));
        event->command.property = "";
        event->command.state = COMMAND_REFUSED;
        consumer_invoke_free(invoke);
        return true;
    }
    if (consumer->registered && message->correlation == 0) {
        consumer_lose(consumer, reason); /* a heartbeat of somebody whom the enabler does not know */
        return false;
    }
    /* The registration, which is asked for again; else what has no answer but this one: an alarm. */
    event->type = CONSUMER_REFUSED;
    event->request = consumer->registered ? message->correlation : 0;
    event->system = arena_copy_text(&consumer->arena, message->subject, strlen(message->subject));
    return event->system != NULL;
}

/* ---- discovery ---- */

static void read_provides(const JsonNode *node)
{
    static const char *const keys[] = { "name", "title", NULL };
    size_t count = json_array_size_in(node, 0, SYSTEMS_MAX);
    for (size_t i = 0; i < count; i++) {
        JsonNode one = json_element(node, i);
        json_known_keys(&one, keys);
        text_of(&one, "name", 1, TITLE_MAX);
        optional_text(&one, "title", TITLE_MAX);
    }
}

/* Keeps what fits, without cutting a character of UTF-8. */
static void copy_title(char *out, size_t size, const char *title)
{
    size_t length = strlen(title);
    if (length >= size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)title[length] & 0xC0) == 0x80) {
            length--;
        }
    }
    memcpy(out, title, length);
    out[length] = '\0';
}

static uint32_t read_models_list(const JsonNode *node)
{
    static const char *const keys[] = { "title", "properties", "actions", NULL };
    size_t count = json_array_size_in(node, 0, MODELS_MAX);
    for (size_t i = 0; i < count; i++) {
        JsonNode one = json_element(node, i);
        json_known_keys(&one, keys);
        text_of(&one, "title", 0, TITLE_MAX);
        JsonNode properties = json_required(&one, "properties"), actions = json_required(&one, "actions");
        body_read_integer(&properties, 0, UINT32_MAX, 0);
        body_read_integer(&actions, 0, UINT32_MAX, 0);
    }
    return (uint32_t)count;
}

static void read_entry(const JsonNode *node, SystemEntry *out)
{
    static const char *const keys[] = { "name",   "title",    "kind",   "domain", "state",
                                        "things", "provides", "models", NULL };
    json_known_keys(node, keys);
    const char *name = name_of(node, "name");
    const char *title = text_of(node, "title", 0, TITLE_MAX);
    const char *domain = optional_text(node, "domain", SYSTEM_NAME_SIZE - 1);
    const char *kind = text_of(node, "kind", 1, 32);
    const char *state = text_of(node, "state", 1, 32);
    JsonNode things = json_member(node, "things");
    JsonNode provides = json_member(node, "provides");
    *out = (SystemEntry){ .kind = system_kind_parse(kind),
                          .up = strcmp(state, "up") == 0,
                          .things = (uint32_t)body_read_integer(&things, 0, UINT32_MAX, 0) };
    snprintf(out->name, sizeof out->name, "%s", name);
    copy_title(out->title, sizeof out->title, title);
    snprintf(out->domain, sizeof out->domain, "%s", domain);
    if (provides.value != NULL) {
        read_provides(&provides);
    }
    JsonNode models = json_member(node, "models");
    if (models.value != NULL) {
        out->models = read_models_list(&models);
    }
    if (out->kind == SYSTEM_NONE || (!out->up && strcmp(state, "down") != 0)) {
        json_fail(node, STATUS_MALFORMED, "has no kind or state that is known");
    }
}

static bool read_systems(Consumer *consumer, const JsonNode *root, Request *request, ConsumerEvent *event)
{
    static const char *const keys[] = { "schema", "systems", NULL };
    json_known_keys(root, keys);
    JsonNode systems = json_required(root, "systems");
    size_t count = json_array_size_in(&systems, 0, SYSTEMS_MAX);
    SystemEntry *entries = arena_new_array(&consumer->arena, SystemEntry, count);
    if (entries == NULL) {
        json_fail(root, STATUS_OUT_OF_MEMORY, "out of memory");
        return false;
    }
    for (size_t i = 0; i < count && root->document->status == STATUS_OK; i++) {
        JsonNode element = json_element(&systems, i);
        read_entry(&element, &entries[i]);
    }
    bool inspected = request->system[0] != '\0';
    if (inspected && (count != 1 || strcmp(entries[0].name, request->system) != 0)) {
        json_fail(root, STATUS_MALFORMED, "an answer about another system");
    }
    event->type = CONSUMER_SYSTEMS;
    event->request = request->number;
    event->systems = entries;
    event->system_count = (uint32_t)count;
    return root->document->status == STATUS_OK;
}

/* ---- models ---- */

/* A place more in an array that lives in `arena`; NULL without memory. */
static void *grown(Arena *arena, void *array, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity) {
        return array;
    }
    uint32_t wanted = *capacity == 0 ? 64 : *capacity * 2;
    void *larger = arena_array(arena, wanted, size, 16);
    if (larger != NULL) {
        if (count > 0) {
            memcpy(larger, array, count * size);
        }
        *capacity = wanted;
    }
    return larger;
}

static void read_kind(Publication *publication, const JsonNode *node)
{
    if (publication->kind_count == CONSUMER_KINDS_MAX) {
        json_fail(node, STATUS_CAPACITY, "more than %d models", CONSUMER_KINDS_MAX);
        return;
    }
    ThingModel **kinds = grown(&publication->arena, publication->kinds, publication->kind_count,
                               &publication->kind_capacity, sizeof *kinds);
    ThingModel *model = arena_new(&publication->arena, ThingModel);
    char *text = json_dumps(node->value, JSON_COMPACT);
    if (kinds == NULL || model == NULL || text == NULL) {
        json_fail(node, STATUS_OUT_OF_MEMORY, "out of memory");
    } else {
        char path[SYSTEM_NAME_SIZE + 16];
        Diag diag = { 0 };
        snprintf(path, sizeof path, "%s/%u", publication->system, publication->kind_count);
        publication->kinds = kinds;
        Status status =
            thing_model_load(bytes_of(text, strlen(text)), path, &publication->arena, model, &diag);
        if (status != STATUS_OK) {
            json_fail(node, status, "%s", diag.text);
        } else {
            publication->kinds[publication->kind_count++] = model;
        }
    }
    free(text);
}

static void read_thing(Publication *publication, const JsonNode *node)
{
    static const char *const keys[] = { "id", "title", "model", NULL };
    json_known_keys(node, keys);
    JsonNode model = json_required(node, "model");
    const char *id = text_of(node, "id", 1, THING_ID_MAX);
    const char *title = text_of(node, "title", 0, TITLE_MAX);
    int64_t index = body_read_integer(&model, 0, (int64_t)publication->kind_count - 1, -1);
    Thing *things = grown(&publication->arena, publication->things, publication->thing_count,
                          &publication->thing_capacity, sizeof *things);
    if (things == NULL || publication->thing_count == CONSUMER_THINGS_MAX) {
        json_fail(node, STATUS_CAPACITY, "more things than there is room for");
    }
    if (node->document->status != STATUS_OK) {
        return;
    }
    publication->things = things;
    /* The texts are in the arena of the event. */
    Thing thing = { .id = arena_copy_text(&publication->arena, id, strlen(id)),
                    .title = arena_copy_text(&publication->arena, title, strlen(title)),
                    .model = publication->kinds[index] };
    if (thing.id == NULL || thing.title == NULL) {
        json_fail(node, STATUS_OUT_OF_MEMORY, "out of memory");
        return;
    }
    publication->things[publication->thing_count++] = thing;
}

/* Puts a complete publication in the place of the one before. */
static bool keep_publication(Consumer *consumer, Request *request, ConsumerEvent *event)
{
    Publication *publication = request->publication, **place = NULL;
    for (size_t i = 0; i < CONSUMER_SYSTEMS_MAX; i++) {
        Publication **one = &consumer->publications[i];
        if (*one != NULL && strcmp((*one)->system, publication->system) == 0) {
            place = one;
        }
    }
    for (size_t i = 0; i < CONSUMER_SYSTEMS_MAX && place == NULL; i++) {
        place = consumer->publications[i] == NULL ? &consumer->publications[i] : NULL;
    }
    SyncSchema schema = { .things = publication->things,
                          .thing_count = publication->thing_count,
                          .texts = consumer->texts };
    if (place == NULL || bus_set_schema(consumer->bus, publication->system, &schema) != STATUS_OK) {
        consumer_request_refuse(request, "the models of more than %d systems", CONSUMER_SYSTEMS_MAX);
        return false;
    }
    publication->models = (SystemModels){ .system = publication->system,
                                          .things = publication->things,
                                          .thing_count = publication->thing_count };
    consumer->retired = *place;
    *place = publication;
    request->publication = NULL;
    event->type = CONSUMER_MODELS;
    event->request = request->number;
    event->system = publication->system;
    event->models = &publication->models;
    return true;
}

static bool read_models(Consumer *consumer, const JsonNode *root, Request *request, ConsumerEvent *event)
{
    static const char *const keys[] = { "schema",      "system", "first_model", "models",
                                        "first_thing", "things", "last",        NULL };
    Publication *publication = request->publication;
    uint32_t kinds_before = publication->kind_count, things_before = publication->thing_count;
    json_known_keys(root, keys);
    JsonNode models = json_required(root, "models"), things = json_required(root, "things");
    JsonNode first_model = json_required(root, "first_model"),
             first_thing = json_required(root, "first_thing");
    JsonNode last = json_required(root, "last");
    if (strcmp(name_of(root, "system"), publication->system) != 0) {
        json_fail(root, STATUS_MALFORMED, "the models of another system");
    }
    body_read_integer(&first_model, kinds_before, kinds_before, 0);
    body_read_integer(&first_thing, things_before, things_before, 0);
    bool is_last = json_read_boolean(&last, true);
    size_t count = json_array_size_in(&models, 0, PAGE_MODELS_MAX);
    for (size_t i = 0; i < count && root->document->status == STATUS_OK; i++) {
        JsonNode element = json_element(&models, i);
        read_kind(publication, &element);
    }
    count = json_array_size_in(&things, 0, PAGE_THINGS_MAX);
    for (size_t i = 0; i < count && root->document->status == STATUS_OK; i++) {
        JsonNode element = json_element(&things, i);
        read_thing(publication, &element);
    }
    if (!is_last && publication->kind_count == kinds_before && publication->thing_count == things_before) {
        json_fail(root, STATUS_MALFORMED, "an empty page that is not the last");
    }
    if (root->document->status != STATUS_OK) {
        return false;
    }
    if (is_last) {
        return keep_publication(consumer, request, event);
    }
    if (consumer_ask_page(consumer, request) != STATUS_OK) {
        consumer_request_refuse(request, "the way to the enabler is full");
    }
    return false;
}

/* ---- grants ---- */

static bool read_grant(const JsonNode *root, Request *request, ConsumerEvent *event)
{
    static const char *const keys[] = { "schema", "grant",   "system", "rights",
                                        "things", "expires", "user",   NULL };
    json_known_keys(root, keys);
    JsonNode grant = json_required(root, "grant"), rights = json_required(root, "rights");
    JsonNode expires = json_required(root, "expires"), things = json_member(root, "things");
    size_t count = things.value == NULL ? 0 : json_array_size_in(&things, 0, CONSUMER_THINGS_MAX);
    for (size_t i = 0; i < count && root->document->status == STATUS_OK; i++) {
        JsonNode element = json_element(&things, i);
        json_read_text(&element, 1, THING_ID_MAX, "");
    }
    event->type = CONSUMER_GRANT;
    event->request = request->number;
    event->system = name_of(root, "system");
    event->grant.grant = body_read_id(&grant);
    event->grant.rights = body_read_rights(&rights);
    event->grant.expires = body_read_integer(&expires, 0, INT64_MAX, 0);
    event->grant.user = text_of(root, "user", 0, USER_NAME_MAX);
    if (strcmp(event->system, request->system) != 0) {
        json_fail(root, STATUS_MALFORMED, "a grant for another system");
    }
    return root->document->status == STATUS_OK;
}

static bool read_revoked(const JsonNode *root, ConsumerEvent *event)
{
    static const char *const keys[] = { "schema", "grant", "reason", NULL };
    json_known_keys(root, keys);
    JsonNode grant = json_required(root, "grant");
    event->type = CONSUMER_REVOKED;
    event->grant.grant = body_read_id(&grant);
    event->grant.user = "";
    event->reason = reason_of(root);
    return root->document->status == STATUS_OK;
}

/* ---- states ---- */

static bool read_system_state(const JsonNode *root, ConsumerEvent *event)
{
    static const char *const keys[] = { "schema", "system", "state", "reason", NULL };
    json_known_keys(root, keys);
    const char *state = text_of(root, "state", 1, 32);
    event->type = CONSUMER_SYSTEM_STATE;
    event->system = name_of(root, "system");
    event->reason = reason_of(root);
    event->up = strcmp(state, "up") == 0;
    if (!event->up && strcmp(state, "down") != 0) {
        json_fail(root, STATUS_MALFORMED, "has no state that is known");
    }
    return root->document->status == STATUS_OK;
}

static bool read_command_state(Consumer *consumer, const JsonNode *root, ConsumerEvent *event)
{
    static const char *const keys[] = { "schema", "command",  "state",   "system", "thing", "action",
                                        "user",   "property", "desired", "reason", "time",  NULL };
    json_known_keys(root, keys);
    JsonNode command = json_required(root, "command"), desired = json_member(root, "desired");
    JsonNode time = json_required(root, "time");
    event->type = CONSUMER_COMMAND_STATE;
    event->system = name_of(root, "system");
    event->reason = reason_of(root);
    event->command.command = body_read_id(&command);
    event->command.state = command_state_parse(text_of(root, "state", 1, 32));
    event->command.thing = text_of(root, "thing", 1, THING_ID_MAX);
    event->command.action = text_of(root, "action", 1, THING_ID_MAX);
    event->command.user = text_of(root, "user", 0, USER_NAME_MAX);
    event->command.property = optional_text(root, "property", THING_ID_MAX);
    event->command.has_desired = body_read_value(&desired, &event->command.desired);
    body_read_integer(&time, 0, INT64_MAX, 0);
    if (event->command.state == COMMAND_NONE) {
        json_fail(root, STATUS_MALFORMED, "has no state that is known");
    }
    if (root->document->status != STATUS_OK) {
        return false;
    }
    Invoke *invoke = consumer_invoke_find(consumer, event->command.command, 0);
    if (invoke != NULL) {
        event->request = invoke->number;
        invoke->answered = true;
        if (command_state_final(event->command.state)) {
            consumer_invoke_free(invoke);
        }
    }
    return true;
}

static bool read_alarm(const JsonNode *root, ConsumerEvent *event)
{
    static const char *const keys[] = { "schema",   "service", "system", "thing", "property",    "name",
                                        "severity", "active",  "score",  "text",  "source_time", NULL };
    json_known_keys(root, keys);
    JsonNode active = json_required(root, "active"), score = json_required(root, "score");
    JsonNode time = json_required(root, "source_time");
    const char *severity = text_of(root, "severity", 1, 32);
    event->type = CONSUMER_ALARM;
    event->system = name_of(root, "system");
    event->alarm.service = name_of(root, "service");
    event->alarm.thing = text_of(root, "thing", 1, THING_ID_MAX);
    event->alarm.property = optional_text(root, "property", THING_ID_MAX);
    event->alarm.name = text_of(root, "name", 1, TITLE_MAX);
    event->alarm.text = text_of(root, "text", 0, 1024);
    event->alarm.critical = strcmp(severity, "critical") == 0;
    event->alarm.active = json_read_boolean(&active, false);
    event->alarm.score = json_read_number(&score, -1e300, 1e300, 0);
    event->alarm.source_time = body_read_integer(&time, INT64_MIN + 1, INT64_MAX, 0);
    if (!event->alarm.critical && strcmp(severity, "warning") != 0) {
        json_fail(root, STATUS_MALFORMED, "has no severity that is known");
    }
    return root->document->status == STATUS_OK;
}

/* ---- synchronisation ---- */

/* Every sample is one of the models that the owner has. */
static bool sync_fits(const Publication *publication, const SyncBatch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const SyncSample *sample = &batch->samples[i];
        if (sample->thing >= publication->thing_count ||
            sample->property >= publication->things[sample->thing].model->property_count) {
            return false;
        }
    }
    return true;
}

static bool read_sync(Consumer *consumer, const BusMessage *message, ConsumerEvent *event)
{
    const Publication *publication = consumer_publication(consumer, message->subject);
    if (publication == NULL || !sync_fits(publication, message->sync)) {
        return false;
    }
    for (size_t i = 0; i < CONSUMER_REQUESTS_MAX; i++) {
        Request *request = &consumer->requests[i];
        if (request->number != 0 && !request->refused && request->id == MII_SUBSCRIBE &&
            strcmp(request->system, publication->system) == 0) {
            event->request = request->number;
            consumer_request_free(request);
        }
    }
    event->type = CONSUMER_SYNC;
    event->system = publication->system;
    event->sync = message->sync;
    return true;
}

/* ---- all of them ---- */

/* The request that an answer of this kind is for. */
static FamilyId asked_by(FamilyId mii)
{
    return mii == MII_SYSTEMS ? MII_DISCOVER : mii == MII_MODELS ? MII_DESCRIBE : MII_ACCESS;
}

static bool read_answer(Consumer *consumer, FamilyId mii, const BusMessage *message, JsonDocument *document,
                        ConsumerEvent *event)
{
    Request *request = consumer_request(consumer, message->correlation);
    if (request == NULL || request->id != asked_by(mii)) {
        return false;
    }
    JsonNode root = json_document_root(document);
    bool told = mii == MII_SYSTEMS  ? read_systems(consumer, &root, request, event)
                : mii == MII_MODELS ? read_models(consumer, &root, request, event)
                                    : read_grant(&root, request, event);
    if (document->status != STATUS_OK) {
        consumer_request_refuse(request, "the answer cannot be read: %.200s",
                                document->diag == NULL ? "" : document->diag->text);
        return false;
    }
    if (told) {
        consumer_request_free(request);
    }
    return told;
}

static bool read_body(Consumer *consumer, FamilyId mii, const BusMessage *message, JsonDocument *document,
                      ConsumerEvent *event)
{
    JsonNode root = json_document_root(document);
    switch (mii) {
    case MII_REGISTERED:
        return read_registered(consumer, &root, event);
    case MII_REFUSED:
        return read_refused(consumer, message, &root, event);
    case MII_SYSTEMS:
    case MII_MODELS:
    case MII_GRANT:
        return read_answer(consumer, mii, message, document, event);
    case MII_COMMAND_STATE:
        return read_command_state(consumer, &root, event);
    case MII_SYSTEM_STATE:
        return read_system_state(&root, event);
    case MII_REVOKED:
        return read_revoked(&root, event);
    case MII_ALARM:
        return read_alarm(&root, event);
    default:
        return false;
    }
}

bool consumer_read(Consumer *consumer, const BusMessage *message, ConsumerEvent *out_event)
{
    FamilyId mii = consumer->kind == SYSTEM_METAVERSE
                       ? message->id
                       : (FamilyId)(message->id - (SII_REGISTER - MII_REGISTER));
    ConsumerEvent event = { .system = "", .reason = "" };
    bool told;
    if (mii == MII_SYNC) {
        told = message->sync != NULL && read_sync(consumer, message, &event);
    } else {
        Diag diag = { 0 };
        JsonDocument document;
        if (body_parse(&document, message->id, message->body, &consumer->arena, &diag) != STATUS_OK) {
            Request *request = consumer_request(consumer, message->correlation);
            if (request != NULL) {
                consumer_request_refuse(request, "the answer cannot be read: %.200s", diag.text);
            }
            return false;
        }
        told = read_body(consumer, mii, message, &document, &event) && document.status == STATUS_OK;
        json_document_finish(&document);
    }
    if (told) {
        *out_event = event;
    }
    return told;
}
