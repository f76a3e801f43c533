/* script_enabler.h - an integration enabler that does what a test tells it, over bus_local: what a metaverse
 * system hears of twin systems, services and commands, without any of them. */
#ifndef TESTS_UNIT_SERVER_SCRIPT_ENABLER_H
#define TESTS_UNIT_SERVER_SCRIPT_ENABLER_H
#include "shared/systems/body.h"
#include "shared/systems/bus_local.h"
#include "shared/systems/consumer.h"
#include "tests/unit/server/small_world.h"

#include <jansson.h>
#include <stdlib.h>

#define SCRIPT_SYSTEMS 3u
#define SCRIPT_INVOKES 32u
#define SCRIPT_WALL    (INT64_C(1700000000) * TIME_SECOND)

/* As small_world.h has it. `%s` is the unit. */
#define SCRIPT_MODEL                                                                                       \
    "{\"@context\": [\"https://www.w3.org/2022/wot/td/v1.1\", {\"dtmv\": \"https://dtmv.example/ns#\"}],"  \
    "\"title\": \"Machine\", \"securityDefinitions\": {\"none\": {\"scheme\": \"nosec\"}}, "               \
    "\"security\": [\"none\"], \"properties\": {%s"                                                        \
    "\"temperature\": {\"type\": \"number\", \"unit\": \"%s\", \"multipleOf\": 0.1, \"dtmv:period\": 10, " \
    "\"forms\": [{\"href\": \"t\"}]}, "                                                                    \
    "\"state\": {\"type\": \"string\", \"enum\": [\"off\", \"on\", \"fault\"], \"forms\": [{\"href\": "    \
    "\"s\"}]}, "                                                                                           \
    "\"note\": {\"type\": \"string\", \"forms\": [{\"href\": \"n\"}]}}, \"actions\": {"                    \
    "\"heat\": {\"input\": {\"type\": \"number\", \"minimum\": 0, \"maximum\": 100, \"unit\": \"degC\"}, " \
    "\"dtmv:target\": \"temperature\", \"dtmv:tolerance\": 0.5, \"forms\": [{\"href\": \"h\"}]}, "         \
    "\"stop\": {\"dtmv:target\": \"state\", \"dtmv:value\": \"off\", \"dtmv:emergency\": true, "           \
    "\"forms\": [{\"href\": \"x\"}]}}}"
#define SCRIPT_EXTRA "\"extra\": {\"type\": \"boolean\", \"forms\": [{\"href\": \"e\"}]}, "

typedef struct ScriptSystem {
    const char *name, *domain, *model; /* model: JSON text */
    SystemKind kind;
    bool up;
    uint32_t first, count; /* things machine-first … of the small world, in this order */
    bool backwards;        /* published from the last to the first */
} ScriptSystem;

typedef struct ScriptInvoke {
    char command[COMMAND_ID_SIZE], thing[64], action[64], user[64], system[SYSTEM_NAME_SIZE];
    uint64_t correlation;
    double value;
} ScriptInvoke;

typedef struct ScriptEnabler {
    Bus hub;
    ScriptSystem systems[SCRIPT_SYSTEMS];
    uint32_t system_count;
    bool silent;       /* answers nothing */
    bool holds_grants; /* lets access requests wait until script_grant */
    bool holds_models; /* does not answer DESCRIBE */
    char steps[16]; /* the first ones asked for: a letter each, of DISCOVER, inspect (DISCOVER of a system),
                     * ACCESS to read, MODELS (DESCRIBE), SUBSCRIBE */
    double grant_s; /* life of grants; 0: an hour */
    uint32_t registrations, discoveries, inspections, describes, reads, actuates, subscribes, refusals;
    uint32_t grants;                   /* given, ever: their ids count */
    bool read_granted[SCRIPT_SYSTEMS]; /* who may not read is told no models */
    char metaverse[SYSTEM_NAME_SIZE];
    char last_grant[GRANT_ID_SIZE];
    ScriptInvoke invokes[SCRIPT_INVOKES];
    uint32_t invoke_count;
    uint64_t held_correlation;
    char held_system[SYSTEM_NAME_SIZE], held_user[64];
    TimeNs wall;
} ScriptEnabler;

static inline void script_must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "script_enabler: %s\n", what);
        abort();
    }
}

static inline const char *script_model(const char *extra, const char *unit)
{
    static char texts[4][2048];
    static unsigned next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof texts[0], SCRIPT_MODEL, extra, unit);
    return text;
}

static inline void script_init(ScriptEnabler *enabler, const char *metaverse, Bus *out_endpoint)
{
    *enabler = (ScriptEnabler){ .wall = SCRIPT_WALL };
    snprintf(enabler->metaverse, sizeof enabler->metaverse, "%s", metaverse);
    script_must(bus_local_create(&(BusLocalConfig){ 0 }, &enabler->hub) == STATUS_OK &&
                    bus_local_attach(enabler->hub, SYSTEM_METAVERSE, metaverse, out_endpoint) == STATUS_OK,
                "no bus");
}

static inline void script_send(ScriptEnabler *enabler, BodyWriter *writer, const char *subject,
                               uint64_t correlation)
{
    Status status = body_send(writer, enabler->hub, enabler->metaverse, subject, correlation);
    script_must(status == STATUS_OK || status == STATUS_DISCONNECTED, status_text(status));
}

static inline const ScriptSystem *script_system(const ScriptEnabler *enabler, const char *name)
{
    for (uint32_t i = 0; i < enabler->system_count; i++) {
        if (strcmp(enabler->systems[i].name, name) == 0) {
            return &enabler->systems[i];
        }
    }
    return NULL;
}

static inline void script_refuse(ScriptEnabler *enabler, uint64_t correlation, const char *reason)
{
    BodyWriter writer = body_begin(MII_REFUSED);
    body_text(&writer, "reason", reason);
    body_text(&writer, "code", "NOT_ALLOWED");
    script_send(enabler, &writer, NULL, correlation);
    enabler->refusals++;
}

static inline void script_systems(ScriptEnabler *enabler, const char *domain, uint64_t correlation)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < enabler->system_count; i++) {
        const ScriptSystem *system = &enabler->systems[i];
        if (domain[0] == '\0' || strcmp(domain, system->domain) == 0) {
            json_array_append_new(
                list, json_pack("{s:s,s:s,s:s,s:s,s:s,s:i,s:[]}", "name", system->name, "title", system->name,
                                "kind", system_kind_name(system->kind), "domain", system->domain, "state",
                                system->up ? "up" : "down", "things", (int)system->count, "provides"));
        }
    }
    BodyWriter writer = body_begin(MII_SYSTEMS);
    body_set(&writer, "systems", list);
    script_send(enabler, &writer, NULL, correlation);
}

static inline bool script_may_read(const ScriptEnabler *enabler, const char *name)
{
    const ScriptSystem *system = script_system(enabler, name);
    return system != NULL && enabler->read_granted[system - enabler->systems];
}

/* The second stage: one system, and what models it has. */
static inline void script_inspect(ScriptEnabler *enabler, const char *name, uint64_t correlation)
{
    const ScriptSystem *system = script_system(enabler, name);
    if (system == NULL) {
        script_refuse(enabler, correlation, "no such system");
        return;
    }
    BodyWriter writer = body_begin(MII_SYSTEMS);
    body_set(&writer, "systems",
             json_pack("[{s:s,s:s,s:s,s:s,s:s,s:i,s:[],s:[{s:s,s:i,s:i}]}]", "name", system->name, "title",
                       system->name, "kind", system_kind_name(system->kind), "domain", system->domain,
                       "state", system->up ? "up" : "down", "things", (int)system->count, "provides",
                       "models", "title", "Machine", "properties", 3, "actions", 2));
    script_send(enabler, &writer, NULL, correlation);
}

static inline void script_models(ScriptEnabler *enabler, const char *name, uint64_t correlation)
{
    const ScriptSystem *system = script_system(enabler, name);
    if (system == NULL || !system->up || !script_may_read(enabler, name)) {
        script_refuse(enabler, correlation, "no such system, or no grant to read");
        return;
    }
    json_t *things = json_array();
    for (uint32_t i = 0; i < system->count; i++) {
        char id[32];
        uint32_t place = system->backwards ? system->count - 1 - i : i;
        snprintf(id, sizeof id, "machine-%u", system->first + place);
        json_array_append_new(things, json_pack("{s:s,s:s,s:i}", "id", id, "title", id, "model", 0));
    }
    json_t *model = json_loads(system->model, 0, NULL);
    script_must(model != NULL, "the model is no JSON");
    BodyWriter writer = body_begin(MII_MODELS);
    body_text(&writer, "system", name);
    body_integer(&writer, "first_model", 0);
    body_set(&writer, "models", json_pack("[o]", model));
    body_integer(&writer, "first_thing", 0);
    body_set(&writer, "things", things);
    body_boolean(&writer, "last", true);
    script_send(enabler, &writer, name, correlation);
}

static inline void script_grant(ScriptEnabler *enabler, const char *system, const char *user, uint32_t rights,
                                uint64_t correlation)
{
    BodyWriter writer = body_begin(MII_GRANT);
    snprintf(enabler->last_grant, sizeof enabler->last_grant, "%032x", ++enabler->grants);
    body_text(&writer, "grant", enabler->last_grant);
    body_text(&writer, "system", system);
    body_rights(&writer, "rights", rights);
    body_integer(&writer, "expires",
                 enabler->wall + time_from_seconds(enabler->grant_s > 0 ? enabler->grant_s : 3600));
    body_text(&writer, "user", user);
    script_send(enabler, &writer, system, correlation);
}

static inline void script_access(ScriptEnabler *enabler, const json_t *root, uint64_t correlation)
{
    const json_t *user = json_object_get(root, "user"), *rights = json_object_get(root, "rights");
    const char *system = json_string_value(json_object_get(root, "system"));
    const char *role = json_string_value(json_object_get(user, "role"));
    const char *name = json_string_value(json_object_get(user, "name"));
    bool actuate = strcmp(json_string_value(json_array_get(rights, 0)), "actuate") == 0;
    enabler->reads += !actuate;
    enabler->actuates += actuate;
    if (!actuate) {
        const ScriptSystem *asked = script_system(enabler, system);
        if (asked != NULL) {
            enabler->read_granted[asked - enabler->systems] = true;
        }
        script_grant(enabler, system, name, RIGHT_READ, correlation);
    } else if (strcmp(role, "viewer") == 0) {
        script_refuse(enabler, correlation, "viewers may not operate");
    } else if (enabler->holds_grants) {
        enabler->held_correlation = correlation;
        snprintf(enabler->held_system, sizeof enabler->held_system, "%s", system);
        snprintf(enabler->held_user, sizeof enabler->held_user, "%s", name);
    } else {
        script_grant(enabler, system, name, RIGHT_ACTUATE, correlation);
    }
}

static inline void script_note_invoke(ScriptEnabler *enabler, const json_t *root, uint64_t correlation)
{
    script_must(enabler->invoke_count < SCRIPT_INVOKES, "too many commands");
    ScriptInvoke *invoke = &enabler->invokes[enabler->invoke_count++];
    *invoke = (ScriptInvoke){ .correlation = correlation,
                              .value = json_number_value(json_object_get(root, "value")) };
    snprintf(invoke->command, sizeof invoke->command, "%s",
             json_string_value(json_object_get(root, "command")));
    snprintf(invoke->thing, sizeof invoke->thing, "%s", json_string_value(json_object_get(root, "thing")));
    snprintf(invoke->action, sizeof invoke->action, "%s", json_string_value(json_object_get(root, "action")));
    snprintf(invoke->user, sizeof invoke->user, "%s", json_string_value(json_object_get(root, "user")));
    snprintf(invoke->system, sizeof invoke->system, "%s", json_string_value(json_object_get(root, "system")));
}

static inline void script_note_step(ScriptEnabler *enabler, FamilyId id, bool inspects)
{
    char letter = id == MII_DISCOVER    ? (inspects ? 'i' : 'd')
                  : id == MII_ACCESS    ? 'a'
                  : id == MII_DESCRIBE  ? 'm'
                  : id == MII_SUBSCRIBE ? 's'
                                        : '\0';
    size_t length = strlen(enabler->steps);
    if (letter != '\0' && length + 1 < sizeof enabler->steps) {
        enabler->steps[length] = letter;
        enabler->steps[length + 1] = '\0';
    }
}

static inline void script_answer(ScriptEnabler *enabler, const BusMessage *message)
{
    json_t *root = json_loadb((const char *)message->body.data, message->body.size, 0, NULL);
    const char *system = json_string_value(json_object_get(root, "system"));
    script_note_step(enabler, message->id, system != NULL);
    if (message->id == MII_REGISTER) {
        BodyWriter writer = body_begin(MII_REGISTERED);
        body_number(&writer, "lease_s", 10);
        body_number(&writer, "heartbeat_s", 2);
        enabler->registrations++;
        script_send(enabler, &writer, NULL, message->correlation);
    } else if (message->id == MII_DISCOVER) {
        const char *domain = json_string_value(json_object_get(root, "domain"));
        if (system != NULL) {
            enabler->inspections++;
            script_inspect(enabler, system, message->correlation);
            json_decref(root);
            return;
        }
        enabler->discoveries++;
        script_systems(enabler, domain == NULL ? "" : domain, message->correlation);
    } else if (message->id == MII_DESCRIBE) {
        enabler->describes++;
        if (!enabler->holds_models) {
            script_models(enabler, system, message->correlation);
        }
    } else if (message->id == MII_ACCESS) {
        script_access(enabler, root, message->correlation);
    } else if (message->id == MII_SUBSCRIBE) {
        enabler->subscribes++;
    } else if (message->id == MII_INVOKE) {
        script_note_invoke(enabler, root, message->correlation);
    }
    json_decref(root);
}

static inline void script_poll(ScriptEnabler *enabler, TimeNs now)
{
    BusEvent event;
    while (bus_poll(enabler->hub, now, &event) == STATUS_OK) {
        if (event.type == BUS_MESSAGE && !enabler->silent) {
            script_answer(enabler, &event.message);
        }
    }
}

static inline void script_sync(ScriptEnabler *enabler, const char *system, const SyncBatch *batch)
{
    BusMessage message = { .id = MII_SYNC, .sync = batch };
    snprintf(message.to, sizeof message.to, "%s", enabler->metaverse);
    snprintf(message.subject, sizeof message.subject, "%s", system);
    script_must(bus_send(enabler->hub, &message) == STATUS_OK, "no way for SYNC");
}

static inline void script_system_state(ScriptEnabler *enabler, const char *system, bool up)
{
    BodyWriter writer = body_begin(MII_SYSTEM_STATE);
    body_text(&writer, "system", system);
    body_text(&writer, "state", up ? "up" : "down");
    body_text(&writer, "reason", up ? "" : "it fell silent");
    script_send(enabler, &writer, system, 0);
}

/* What becomes of the command noted `index`-th; `desired` NAN: none is told. */
static inline void script_command(ScriptEnabler *enabler, uint32_t index, CommandState state, double desired,
                                  const char *reason)
{
    const ScriptInvoke *invoke = &enabler->invokes[index];
    BodyWriter writer = body_begin(MII_COMMAND_STATE);
    body_text(&writer, "command", invoke->command);
    body_text(&writer, "state", command_state_name(state));
    body_text(&writer, "system", invoke->system);
    body_text(&writer, "thing", invoke->thing);
    body_text(&writer, "action", invoke->action);
    body_text(&writer, "user", invoke->user);
    if (!isnan(desired)) {
        body_text(&writer, "property", "temperature");
        body_number(&writer, "desired", desired);
    }
    body_text(&writer, "reason", reason);
    body_integer(&writer, "time", enabler->wall);
    script_send(enabler, &writer, invoke->system, invoke->correlation);
}

static inline void script_alarm(ScriptEnabler *enabler, const char *system, const char *thing, bool active)
{
    BodyWriter writer = body_begin(MII_ALARM);
    body_text(&writer, "service", "monitor");
    body_text(&writer, "system", system);
    body_text(&writer, "thing", thing);
    body_text(&writer, "property", "temperature");
    body_text(&writer, "name", "rate");
    body_text(&writer, "severity", "critical");
    body_boolean(&writer, "active", active);
    body_number(&writer, "score", 4.5);
    body_text(&writer, "text", "rises too fast");
    body_integer(&writer, "source_time", 5);
    script_send(enabler, &writer, system, 0);
}

#endif
