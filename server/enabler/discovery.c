/* Discovery in two stages (step 3): the systems of a domain, then what models one of them has. The models
 * themselves are delivered to those who may read (step 5). */
#include "server/enabler/state.h"

#include <stdio.h>

#define MODELS_LISTED_MAX 256u /* of one system: what surely goes into one body */

#define PAGE_SIZE ((size_t)512 << 10) /* with the largest model still below BUS_BODY_MAX */

_Static_assert(PAGE_SIZE + PUBLICATION_MODEL_SIZE + 4096 < BUS_BODY_MAX, "a page must fit a message");

/* "energy" is the domain "energy" and all below it, "energy/heat"; "" is all. */
static bool in_domain(const char *domain, const char *wanted)
{
    size_t size = strlen(wanted);
    return size == 0 || (strncmp(domain, wanted, size) == 0 && (domain[size] == '\0' || domain[size] == '/'));
}

static json_t *entry_of(const System *system)
{
    json_t *provides = json_loads(system->provides, 0, NULL);
    json_t *entry =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:I}", "name", system->stored.name, "title", system->stored.title,
                  "kind", system_kind_name(system->stored.kind), "domain", system->stored.domain, "state",
                  system->up ? "up" : "down", "things", (json_int_t)system->live.thing_count);
    (void)json_object_set_new(entry, "provides", provides ? provides : json_array());
    return entry;
}

/* What kinds of things a twin system has: metadata, for those who have no grant yet. */
static json_t *models_of(const System *system)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < system->live.model_count && i < MODELS_LISTED_MAX; i++) {
        const ThingModel *model = &system->live.models[i];
        (void)json_array_append_new(list, json_pack("{s:s,s:I,s:I}", "title", model->title, "properties",
                                                    (json_int_t)model->property_count, "actions",
                                                    (json_int_t)model->action_count));
    }
    return list;
}

static void answer_systems(Enabler *enabler, Request *request, json_t *list)
{
    BodyWriter body = body_begin(consumer_message(request->rule->sender, MII_SYSTEMS));
    body_set(&body, "systems", list);
    answer(enabler, request, &body);
}

/* The second stage. */
static void inspect(Enabler *enabler, Request *request, const char *name)
{
    const System *system = system_find(enabler, name);
    if (!system || system->stored.kind == SYSTEM_METAVERSE) {
        refuse(enabler, request, STATUS_NOT_FOUND, name, "there is no system \"%s\"", name);
        return;
    }
    json_t *entry = entry_of(system);
    (void)json_object_set_new(entry, "models", models_of(system));
    json_t *list = json_array();
    (void)json_array_append_new(list, entry);
    answer_systems(enabler, request, list);
}

void handle_discover(Enabler *enabler, Request *request)
{
    static const char *const keys[] = { "schema", "domain", "kind", "system", NULL };
    char one[SYSTEM_NAME_SIZE];
    char domain[SYSTEM_NAME_SIZE], kind_text[16];
    json_known_keys(&request->root, keys);
    read_optional(&request->root, "domain", domain, sizeof domain);
    read_optional(&request->root, "kind", kind_text, sizeof kind_text);
    read_optional(&request->root, "system", one, sizeof one);
    SystemKind kind = system_kind_parse(kind_text);
    if (kind_text[0] != '\0' && kind != SYSTEM_TWIN && kind != SYSTEM_SERVICE) {
        JsonNode node = json_member(&request->root, "kind");
        json_fail(&node, STATUS_MALFORMED, "is neither \"twin\" nor \"service\"");
    }
    if (refused_document(enabler, request)) {
        return;
    }
    if (one[0] != '\0') {
        inspect(enabler, request, one);
        return;
    }
    json_t *list = json_array();
    for (uint32_t i = 0; i < enabler->config.systems_max; i++) {
        const System *system = &enabler->systems[i];
        bool wanted =
            kind == SYSTEM_NONE ? system->stored.kind != SYSTEM_METAVERSE : system->stored.kind == kind;
        if (system->used && wanted && in_domain(system->stored.domain, domain)) {
            (void)json_array_append_new(list, entry_of(system));
        }
    }
    answer_systems(enabler, request, list);
}

void handle_describe(Enabler *enabler, Request *request)
{
    static const char *const keys[] = { "schema", "system", "first_model", "first_thing", NULL };
    char name[SYSTEM_NAME_SIZE];
    json_known_keys(&request->root, keys);
    read_required(&request->root, "system", 1, name, sizeof name);
    JsonNode first_model = json_required(&request->root, "first_model");
    JsonNode first_thing = json_required(&request->root, "first_thing");
    int64_t model = body_read_integer(&first_model, 0, UINT32_MAX, 0);
    int64_t thing = body_read_integer(&first_thing, 0, UINT32_MAX, 0);
    if (refused_document(enabler, request)) {
        return;
    }
    System *twin = system_find(enabler, name);
    if (!twin || twin->stored.kind != SYSTEM_TWIN) {
        refuse(enabler, request, STATUS_NOT_FOUND, name, "there is no digital twin system \"%s\"", name);
        return;
    }
    if (!grants_any(enabler, request->from->stored.name, name, RIGHT_READ)) {
        refuse(enabler, request, STATUS_NOT_ALLOWED, name,
               "its models are for those who may read: ask for access first");
        return;
    }
    if (!twin->live.slots) {
        refuse(enabler, request, STATUS_NOT_FOUND, name, "\"%s\" has not published any model yet", name);
        return;
    }
    if (model > twin->live.model_count || thing > twin->live.thing_count) {
        refuse(enabler, request, STATUS_OUT_OF_RANGE, name, "\"%s\" has %u models and %u things", name,
               twin->live.model_count, twin->live.thing_count);
        return;
    }
    FamilyId id = consumer_message(request->rule->sender, MII_MODELS);
    char head[160];
    /* A system's name needs no escapes. */
    snprintf(head, sizeof head, "{\"schema\":\"%s\",\"system\":\"%s\",", family_rule((uint8_t)id)->schema,
             name);
    Bytes page;
    bool last;
    if (publication_write_page(&twin->live, (uint32_t)model, (uint32_t)thing, PAGE_SIZE, head,
                               &enabler->request, &page, &last) != STATUS_OK) {
        refuse(enabler, request, STATUS_OUT_OF_MEMORY, name, "out of memory");
        return;
    }
    answer_bytes(enabler, request, id, page);
}
