/* The DII side of the digital twin system: registration, publication, synchronisation, authentication of
 * users. Commands are in dii_command.c. */
#include "server/twin/state.h"

#include "shared/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define RETRY_FIRST       TIME_SECOND
#define RETRY_MAX         (5 * TIME_SECOND)
#define HEARTBEAT_DEFAULT TIME_SECOND
#define PUBLISH_TIMEOUT   (10 * TIME_SECOND)
#define PAGE_SIZE         ((size_t)256 << 10) /* a page that has so many bytes is full */
#define PAGE_THINGS       1000
#define SCRATCH_LIMIT     ((size_t)64 << 20)
#define THINGS_ASKED_MAX  65536
#define SECONDS_MAX       86400.0

/* ---- attaching ---- */

static const char *keep(Arena *arena, const char *text)
{
    return text == NULL ? "" : arena_copy_text(arena, text, strlen(text));
}

static bool keep_config(TwinLink *link, const TwinLinkConfig *config)
{
    link->config = *config;
    link->config.name = keep(&link->arena, config->name);
    link->config.title = keep(&link->arena, config->title == NULL ? config->name : config->title);
    link->config.version = keep(&link->arena, config->version);
    link->config.domain = keep(&link->arena, config->domain);
    link->config.session = keep(&link->arena, config->session);
    TwinPolicy *policy = &link->config.policy;
    if (policy->viewer_rights == 0 && policy->operator_rights == 0 && policy->admin_rights == 0) {
        policy->viewer_rights = RIGHT_READ;
        policy->operator_rights = policy->admin_rights = RIGHT_READ | RIGHT_ACTUATE;
    }
    const char **keys = arena_new_array(&link->arena, const char *, policy->actuator_key_count);
    for (uint32_t i = 0; keys != NULL && i < policy->actuator_key_count; i++) {
        keys[i] = keep(&link->arena, policy->actuator_keys[i]);
    }
    policy->actuator_keys = keys;
    return keys != NULL && link->config.name != NULL && link->config.title != NULL;
}

/* Things of one kind share a model, which is published once. */
static bool list_models(TwinLink *link, const World *world)
{
    link->models = arena_new_array(&link->arena, const ThingModel *, world->thing_count);
    link->model_of = arena_new_array(&link->arena, uint32_t, world->thing_count);
    if (link->models == NULL || link->model_of == NULL) {
        return false;
    }
    for (uint32_t thing = 0; thing < world->thing_count; thing++) {
        uint32_t index = 0;
        while (index < link->model_count && link->models[index] != world->things[thing].model) {
            index++;
        }
        if (index == link->model_count) {
            link->models[link->model_count++] = world->things[thing].model;
        }
        link->model_of[thing] = index;
    }
    return true;
}

Status twin_attach(TwinSystem *twin, const TwinLinkConfig *config, Bus endpoint)
{
    if (!system_name_valid(config->name)) {
        return STATUS_INVALID_ARGUMENT;
    }
    if (twin->link != NULL) {
        return STATUS_DUPLICATE;
    }
    TwinLink *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return STATUS_OUT_OF_MEMORY;
    }
    arena_init(&link->arena, 0);
    arena_init(&link->scratch, SCRATCH_LIMIT);
    link->snapshot = arena_new_array(&link->arena, SyncSample, twin->first_slot[twin->world->thing_count]);
    SyncSchema schema = { .things = twin->world->things,
                          .thing_count = twin->world->thing_count,
                          .texts = config->texts };
    if (link->snapshot == NULL || !keep_config(link, config) || !list_models(link, twin->world) ||
        bus_set_schema(endpoint, config->name, &schema) != STATUS_OK) {
        twin_link_destroy(link);
        return STATUS_OUT_OF_MEMORY;
    }
    link->bus = endpoint;
    link->retry = RETRY_FIRST;
    link->heartbeat = HEARTBEAT_DEFAULT;
    link->clock_sent = TIME_NONE;
    twin->link = link;
    return STATUS_OK;
}

void twin_link_destroy(TwinLink *link)
{
    if (link != NULL) {
        bus_destroy(link->bus);
        arena_finish(&link->arena);
        arena_finish(&link->scratch);
        free(link);
    }
}

void twin_set_wall(TwinSystem *twin, TimeNs now, TimeNs wall)
{
    if (twin->link != NULL) {
        twin->link->wall_offset = wall - now;
        twin->link->has_wall = true;
    }
}

TimeNs twin_link_wall(const TwinLink *link)
{
    return link->has_wall ? link->now + link->wall_offset : 0;
}

/* ---- registration ---- */

static void lose(TwinLink *link)
{
    link->registered = link->published = link->publishing = false;
    link->asked = link->snapshot_wanted = false;
    link->register_at = link->now;
    link->retry = RETRY_FIRST;
}

static void register_again(TwinLink *link)
{
    BodyWriter body = body_begin(DII_REGISTER);
    body_text(&body, "name", link->config.name);
    body_text(&body, "title", link->config.title);
    body_text(&body, "version", link->config.version);
    body_text(&body, "domain", link->config.domain);
    if (link->config.session[0] != '\0') {
        body_text(&body, "session", link->config.session);
    }
    uint64_t correlation = ++link->correlations;
    if (body_send(&body, link->bus, NULL, link->config.name, correlation) == STATUS_OK) {
        link->register_correlation = correlation;
        link->register_at = link->now + link->retry;
        link->retry = link->retry * 2 > RETRY_MAX ? RETRY_MAX : link->retry * 2;
    }
}

static void begin_publication(TwinLink *link)
{
    link->publishing = true;
    link->next_model = link->next_thing = 0;
    link->publish_correlation = ++link->correlations;
    link->publish_deadline = link->now + PUBLISH_TIMEOUT;
}

static void take_registered(TwinLink *link, const BusMessage *message, const JsonNode *root)
{
    static const char *const keys[] = { "schema", "lease_s", "heartbeat_s", "things", NULL };
    json_known_keys(root, keys);
    JsonNode lease = json_required(root, "lease_s"), heartbeat = json_required(root, "heartbeat_s");
    double lease_s = json_read_number(&lease, 0.01, SECONDS_MAX, 0);
    double heartbeat_s = json_read_number(&heartbeat, 0.01, SECONDS_MAX, 0);
    if (root->document->status != STATUS_OK || link->registered ||
        message->correlation != link->register_correlation) {
        return;
    }
    link->heartbeat = time_from_seconds(heartbeat_s < lease_s / 2 ? heartbeat_s : lease_s / 2);
    link->heartbeat_at = link->now + link->heartbeat;
    link->registered = true;
    link->counters.registrations++;
    twin_commands_recall(link);
    begin_publication(link);
}

static void take_refused(TwinLink *link, const BusMessage *message, const JsonNode *root)
{
    static const char *const keys[] = { "schema", "reason", "code", NULL };
    json_known_keys(root, keys);
    JsonNode reason = json_required(root, "reason");
    const char *text = json_read_text(&reason, 0, 4096, "");
    if (root->document->status != STATUS_OK) {
        return;
    }
    if (link->registered && message->correlation == 0) {
        lose(link); /* the heartbeat of somebody whom the enabler does not know */
    } else if (link->registered && message->correlation == link->publish_correlation && !link->published) {
        log_error("twin", "the enabler does not take the models: %.200s", text);
        link->publishing = false;
        link->publish_deadline = link->now + PUBLISH_TIMEOUT;
    } else if (!link->registered && message->correlation == link->register_correlation) {
        log_error("twin", "the enabler does not take the registration: %.200s", text);
    }
}

/* ---- publication ---- */

/* Adds models until the page is full; false without memory. */
static bool add_models(TwinLink *link, json_t *models, size_t *size)
{
    while (link->next_model < link->model_count && *size < PAGE_SIZE) {
        Bytes text = link->models[link->next_model]->json;
        json_t *model = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
        if (model == NULL || json_array_append_new(models, model) != 0) {
            return false;
        }
        *size += text.size;
        link->next_model++;
    }
    return true;
}

static bool add_things(TwinSystem *twin, json_t *things, size_t *size)
{
    TwinLink *link = twin->link;
    const World *world = twin->world;
    for (uint32_t i = 0; i < PAGE_THINGS && link->next_thing < world->thing_count && *size < PAGE_SIZE; i++) {
        const Thing *thing = &world->things[link->next_thing];
        json_t *one =
            json_pack("{s:s,s:s,s:I}", "id", thing->id, "title", thing->title == NULL ? "" : thing->title,
                      "model", (json_int_t)link->model_of[link->next_thing]);
        if (json_array_append_new(things, one) != 0) {
            return false;
        }
        *size += strlen(thing->id) + 64;
        link->next_thing++;
    }
    return true;
}

/* Sends the next page. False when it cannot go now: it is tried again at the next tick. */
static bool send_page(TwinSystem *twin)
{
    TwinLink *link = twin->link;
    uint32_t first_model = link->next_model, first_thing = link->next_thing;
    size_t size = 0;
    json_t *models = json_array(), *things = json_array();
    bool made = add_models(link, models, &size);
    if (made && link->next_model == link->model_count) {
        made = add_things(twin, things, &size);
    }
    bool last = link->next_model == link->model_count && link->next_thing == twin->world->thing_count;
    BodyWriter body = body_begin(DII_PUBLISH);
    body_integer(&body, "first_model", first_model);
    body_set(&body, "models", models);
    body_integer(&body, "first_thing", first_thing);
    body_set(&body, "things", things);
    body_boolean(&body, "last", last);
    Status status = made ? body_send(&body, link->bus, NULL, link->config.name, link->publish_correlation)
                         : STATUS_OUT_OF_MEMORY;
    if (!made) {
        json_decref(body.root);
        log_error("twin", "a Thing Description cannot be published: it has no text, or memory is short");
        link->publishing = false;
        link->publish_deadline = link->now + PUBLISH_TIMEOUT;
    }
    if (status != STATUS_OK) {
        link->next_model = first_model;
        link->next_thing = first_thing;
        return false;
    }
    link->publishing = !last;
    link->publish_deadline = link->now + PUBLISH_TIMEOUT;
    return true;
}

static void keep_published(TwinSystem *twin)
{
    TwinLink *link = twin->link;
    if (!link->published && !link->publishing && link->now >= link->publish_deadline) {
        begin_publication(link);
    }
    while (link->publishing && send_page(twin)) {
    }
}

static void take_published(TwinLink *link, const BusMessage *message, const JsonNode *root)
{
    static const char *const keys[] = { "schema", "things", "models", NULL };
    json_known_keys(root, keys);
    if (root->document->status == STATUS_OK && message->correlation == link->publish_correlation &&
        link->registered && !link->publishing) {
        if (!link->published) { /* what was asked before is asked of another publication */
            link->asked = link->snapshot_wanted = false;
            link->counters.publications++;
        }
        link->published = true;
    }
}

/* ---- authentication ---- */

static uint32_t rights_of(const TwinPolicy *policy, const char *role, const char *key,
                          const char **out_reason)
{
    uint32_t rights = strcmp(role, "admin") == 0      ? policy->admin_rights
                      : strcmp(role, "operator") == 0 ? policy->operator_rights
                      : strcmp(role, "viewer") == 0   ? policy->viewer_rights
                                                      : 0;
    *out_reason = "the role of this user has no such right here";
    bool listed = policy->actuator_key_count == 0;
    for (uint32_t i = 0; i < policy->actuator_key_count && !listed; i++) {
        listed = key[0] != '\0' && strcmp(policy->actuator_keys[i], key) == 0;
    }
    if ((rights & RIGHT_ACTUATE) != 0 && !listed) {
        *out_reason = "the key of this user is not on the list of those who may actuate here";
        rights &= ~RIGHT_ACTUATE;
    }
    return rights;
}

static bool knows_things(const TwinSystem *twin, const JsonNode *things)
{
    size_t count = things->value == NULL ? 0 : json_array_size_in(things, 0, THINGS_ASKED_MAX);
    for (size_t i = 0; i < count; i++) {
        JsonNode element = json_element(things, i);
        if (world_thing_index(twin->world, json_read_text(&element, 1, 63, "")) < 0) {
            return false;
        }
    }
    return true;
}

static void take_authenticate(TwinSystem *twin, const BusMessage *message, const JsonNode *root)
{
    static const char *const keys[] = { "schema", "user", "rights", "things", NULL };
    static const char *const user_keys[] = { "name", "key", "role", "system", NULL };
    TwinLink *link = twin->link;
    json_known_keys(root, keys);
    JsonNode user = json_required(root, "user"), wanted = json_required(root, "rights");
    JsonNode things = json_member(root, "things");
    json_known_keys(&user, user_keys);
    JsonNode name = json_required(&user, "name"), key = json_required(&user, "key");
    JsonNode role = json_required(&user, "role"), system = json_required(&user, "system");
    (void)json_read_text(&name, 1, USER_NAME_SIZE - 1, "");
    (void)body_read_name(&system);
    uint32_t asked = body_read_rights(&wanted);
    const char *reason, *key_text = json_read_text(&key, 0, 255, ""),
                        *role_text = json_read_text(&role, 1, 32, "");
    uint32_t rights = asked & rights_of(&link->config.policy, role_text, key_text, &reason);
    if (!knows_things(twin, &things)) {
        rights = 0;
        reason = "there is no such thing here";
    }
    if (root->document->status != STATUS_OK) {
        rights = 0;
        reason = "the request cannot be read";
        link->counters.malformed++;
    }
    link->counters.authentications++;
    BodyWriter body = body_begin(DII_AUTHENTICATED);
    body_rights(&body, "rights", rights);
    body_text(&body, "reason", rights == asked && root->document->status == STATUS_OK ? "" : reason);
    if (body_send(&body, link->bus, NULL, link->config.name, message->correlation) != STATUS_OK) {
        log_error("twin", "an answer to the enabler was lost");
    }
}

/* ---- synchronisation ---- */

static size_t fill_snapshot(const TwinSystem *twin)
{
    TwinLink *link = twin->link;
    size_t count = 0;
    for (uint32_t thing = 0; thing < twin->world->thing_count; thing++) {
        for (uint32_t i = twin->first_slot[thing]; i < twin->first_slot[thing + 1]; i++) {
            const Reported *reported = &twin->slots[i].reported;
            if (reported->quality != QUALITY_NONE) {
                link->snapshot[count++] = (SyncSample){ .thing = thing,
                                                        .property = (uint8_t)(i - twin->first_slot[thing]),
                                                        .quality = reported->quality,
                                                        .sequence = twin->sequences[thing],
                                                        .code = reported->code,
                                                        .source_time = reported->source_time };
            }
        }
    }
    return count;
}

/* Sends what is new, or all there is; nothing before somebody has asked for all there is (R5). What could not
 * be sent comes as all there is at the next tick. */
static void send_sync(TwinSystem *twin, const SyncBatch *batch)
{
    TwinLink *link = twin->link;
    bool news = batch->count > 0 || batch->restarted || batch->source_clock != link->clock_sent;
    if (!link->published || !(link->snapshot_wanted || (link->asked && news))) {
        return;
    }
    link->asked = true;
    link->sent = *batch;
    if (link->snapshot_wanted) {
        link->sent.samples = link->snapshot;
        link->sent.count = fill_snapshot(twin);
        link->sent.snapshot = true;
    }
    BusMessage message = { .id = DII_SYNC, .sync = &link->sent };
    if (bus_send(link->bus, &message) != STATUS_OK) {
        link->snapshot_wanted = true;
        link->counters.syncs_failed++;
        return;
    }
    link->counters.syncs++;
    link->counters.snapshots += link->snapshot_wanted;
    link->snapshot_wanted = false;
    link->clock_sent = batch->source_clock;
}

/* ---- the tick ---- */

static void take_body(TwinSystem *twin, const BusMessage *message, const JsonNode *root)
{
    static const char *const no_more[] = { "schema", NULL };
    TwinLink *link = twin->link;
    switch (message->id) {
    case DII_REGISTERED:
        take_registered(link, message, root);
        break;
    case DII_PUBLISHED:
        take_published(link, message, root);
        break;
    case DII_REFUSED:
        take_refused(link, message, root);
        break;
    case DII_AUTHENTICATE:
        take_authenticate(twin, message, root);
        return; /* counted there */
    case DII_SNAPSHOT:
        json_known_keys(root, no_more);
        link->snapshot_wanted |= root->document->status == STATUS_OK;
        break;
    case DII_COMMAND:
        twin_command_take(twin, message, root);
        break;
    default:
        break;
    }
    link->counters.malformed += root->document->status != STATUS_OK;
}

static void take_message(TwinSystem *twin, const BusMessage *message)
{
    TwinLink *link = twin->link;
    JsonDocument document;
    Diag diag = { 0 };
    arena_reset(&link->scratch);
    if (body_parse(&document, message->id, message->body, &link->scratch, &diag) != STATUS_OK) {
        link->counters.malformed++;
        return;
    }
    JsonNode root = json_document_root(&document);
    take_body(twin, message, &root);
    json_document_finish(&document);
}

static void poll_bus(TwinSystem *twin)
{
    TwinLink *link = twin->link;
    BusEvent event;
    while (bus_poll(link->bus, link->now, &event) == STATUS_OK) {
        switch (event.type) {
        case BUS_UP:
            link->up = true;
            lose(link);
            break;
        case BUS_DOWN:
            link->up = false;
            lose(link);
            break;
        case BUS_MESSAGE:
            take_message(twin, &event.message);
            break;
        case BUS_REFUSED:
            break;
        }
    }
}

static void keep_lease(TwinLink *link)
{
    if (link->registered && link->now >= link->heartbeat_at) {
        BodyWriter body = body_begin(DII_HEARTBEAT);
        if (body_send(&body, link->bus, NULL, link->config.name, 0) == STATUS_OK) {
            link->heartbeat_at = link->now + link->heartbeat;
        }
    } else if (link->up && !link->registered && link->now >= link->register_at) {
        register_again(link);
    }
}

void twin_link_tick(TwinSystem *twin, TimeNs now, const SyncBatch *batch)
{
    TwinLink *link = twin->link;
    link->now = now;
    poll_bus(twin);
    twin_commands_tick(twin);
    keep_lease(link);
    if (link->registered) {
        keep_published(twin);
    }
    send_sync(twin, batch);
    bus_flush(link->bus, now);
}

TimeNs twin_link_due(const TwinLink *link)
{
    TimeNs due = link->registered ? link->heartbeat_at : link->up ? link->register_at : TIME_FOREVER;
    for (uint32_t i = 0; i < COMMANDS_KEPT && link->under_way > 0; i++) {
        const Command *command = &link->commands[i];
        if (command->id[0] != '\0' && !command_state_final(command->state) && command->deadline < due) {
            due = command->deadline;
        }
    }
    return due;
}

bool twin_published(const TwinSystem *twin)
{
    return twin->link != NULL && twin->link->published;
}

const TwinLinkCounters *twin_link_counters(const TwinSystem *twin)
{
    return twin->link == NULL ? NULL : &twin->link->counters;
}
