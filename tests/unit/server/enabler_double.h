/* enabler_double.h - plays the integration enabler, with one twin system "plant", for the systems that stand
 * on SII: answers what they ask as INTERFACES.md says, notes what they tell. Knobs make it refuse. */
#ifndef TESTS_UNIT_SERVER_ENABLER_DOUBLE_H
#define TESTS_UNIT_SERVER_ENABLER_DOUBLE_H
#include "shared/systems/body.h"
#include "shared/systems/bus_local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOUBLE_GRANT "0123456789abcdef0123456789abcdef"

static const char double_td[] =
    "{\"@context\":[\"https://www.w3.org/2022/wot/td/v1.1\",{\"dtmv\":\"https://dtmv.example/ns#\"}],"
    "\"id\":\"urn:dtmv:double:pump\",\"title\":\"Pump\",\"securityDefinitions\":{\"none\":{\"scheme\":"
    "\"nosec\"}},\"security\":\"none\",\"properties\":{"
    "\"temperature\":{\"title\":\"Temperature\",\"type\":\"number\",\"unit\":\"degC\",\"minimum\":-50,"
    "\"maximum\":200,\"multipleOf\":0.1,\"readOnly\":true,\"observable\":true,\"dtmv:period\":1,"
    "\"forms\":[{\"href\":\"properties/temperature\"}]},"
    "\"speed\":{\"title\":\"Speed\",\"type\":\"number\",\"unit\":\"1/min\",\"minimum\":0,\"maximum\":3000,"
    "\"multipleOf\":1,\"readOnly\":true,\"observable\":true,\"dtmv:period\":1,"
    "\"forms\":[{\"href\":\"properties/speed\"}]}},"
    "\"actions\":{\"setSpeed\":{\"title\":\"Set speed\",\"input\":{\"type\":\"number\",\"minimum\":0,"
    "\"maximum\":3000,\"unit\":\"1/min\"},\"dtmv:target\":\"speed\",\"forms\":[{\"href\":"
    "\"actions/setSpeed\"}]}}}";

typedef struct EnablerDouble {
    Bus hub;
    const char *token;             /* that a registration must bring; NULL: none is looked at */
    bool silent;                   /* answers nothing */
    bool refuse_access;            /* no grants */
    bool other_things;             /* publishes a second pump */
    bool twin_down;                /* the plant is not there */
    int64_t grant_until;           /* Unix ns */
    char reader[SYSTEM_NAME_SIZE]; /* who has been granted to read last */
    char subscriber[SYSTEM_NAME_SIZE];
    bool snapshot_due;
    int64_t speed;
    unsigned registered, refused, discovered, described, accesses, subscribed, invoked, alarms;
    char last_alarm[1024], last_name[SYSTEM_NAME_SIZE], last_reason[128];
    SyncSample samples[64];
    SyncBatch batch;
} EnablerDouble;

static void double_send(EnablerDouble *self, BodyWriter *writer, const char *to, uint64_t correlation)
{
    if (body_send(writer, self->hub, to, "plant", correlation) != STATUS_OK) {
        snprintf(self->last_reason, sizeof self->last_reason, "could not send");
    }
}

static void double_refuse(EnablerDouble *self, const BusMessage *message, const char *reason)
{
    BodyWriter writer = body_begin(SII_REFUSED);
    body_text(&writer, "reason", reason);
    body_text(&writer, "code", "NOT_ALLOWED");
    snprintf(self->last_reason, sizeof self->last_reason, "%s", reason);
    self->refused++;
    double_send(self, &writer, message->from, message->correlation);
}

static void double_register(EnablerDouble *self, const BusMessage *message, json_t *body)
{
    const char *token = json_string_value(json_object_get(body, "token"));
    const char *name = json_string_value(json_object_get(body, "name"));
    snprintf(self->last_name, sizeof self->last_name, "%s", name ? name : "?");
    if (self->token && (!token || strcmp(token, self->token) != 0)) {
        double_refuse(self, message, "the token is not good for that name");
        return;
    }
    BodyWriter writer = body_begin(SII_REGISTERED);
    body_integer(&writer, "lease_s", 10);
    body_integer(&writer, "heartbeat_s", 3);
    self->registered++;
    double_send(self, &writer, message->from, message->correlation);
}

static void double_systems(EnablerDouble *self, const BusMessage *message)
{
    BodyWriter writer = body_begin(SII_SYSTEMS);
    body_set(&writer, "systems",
             json_pack("[{s:s,s:s,s:s,s:s,s:s,s:i,s:[]}]", "name", "plant", "title", "Plant", "kind", "twin",
                       "domain", "water", "state", self->twin_down ? "down" : "up", "things",
                       self->other_things ? 2 : 1, "provides"));
    self->discovered++;
    double_send(self, &writer, message->from, message->correlation);
}

static void double_models(EnablerDouble *self, const BusMessage *message)
{
    if (strcmp(self->reader, message->from) != 0) {
        double_refuse(self, message, "its models are for those who may read");
        return;
    }
    BodyWriter writer = body_begin(SII_MODELS);
    json_t *things = json_pack("[{s:s,s:s,s:i}]", "id", "pump-1", "title", "Pump 1", "model", 0);
    if (self->other_things) {
        json_array_append_new(things,
                              json_pack("{s:s,s:s,s:i}", "id", "pump-2", "title", "Pump 2", "model", 0));
    }
    body_text(&writer, "system", "plant");
    body_integer(&writer, "first_model", 0);
    body_set(&writer, "models", json_pack("[o]", json_loads(double_td, 0, NULL)));
    body_integer(&writer, "first_thing", 0);
    body_set(&writer, "things", things);
    body_boolean(&writer, "last", true);
    self->described++;
    double_send(self, &writer, message->from, message->correlation);
}

static void double_grant(EnablerDouble *self, const BusMessage *message, json_t *body)
{
    self->accesses++;
    if (self->refuse_access) {
        double_refuse(self, message, "no access for that user");
        return;
    }
    const char *right = json_string_value(json_array_get(json_object_get(body, "rights"), 0));
    if (right && strcmp(right, "read") == 0) {
        snprintf(self->reader, sizeof self->reader, "%s", message->from);
    }
    BodyWriter writer = body_begin(SII_GRANT);
    body_text(&writer, "grant", DOUBLE_GRANT);
    body_text(&writer, "system", "plant");
    body_set(&writer, "rights", json_incref(json_object_get(body, "rights")));
    body_integer(&writer, "expires", self->grant_until);
    body_text(&writer, "user", json_string_value(json_object_get(json_object_get(body, "user"), "name")));
    double_send(self, &writer, message->from, message->correlation);
}

static void double_state(EnablerDouble *self, const BusMessage *message, json_t *invoke, const char *state)
{
    static const char *const copied[] = { "command", "system", "thing", "action", "user" };
    BodyWriter writer = body_begin(SII_COMMAND_STATE);
    for (size_t i = 0; i < ARRAY_COUNT(copied); i++) {
        body_text(&writer, copied[i], json_string_value(json_object_get(invoke, copied[i])));
    }
    body_text(&writer, "state", state);
    body_text(&writer, "property", "speed");
    if (strcmp(state, "authorised") == 0 || strcmp(state, "accepted") == 0) {
        body_set(&writer, "desired", json_incref(json_object_get(invoke, "value")));
    }
    body_integer(&writer, "time", 1);
    double_send(self, &writer, message->from, message->correlation);
}

static void double_invoke(EnablerDouble *self, const BusMessage *message, json_t *body)
{
    self->invoked++;
    double speed = json_number_value(json_object_get(body, "value"));
    if (speed > 3000) {
        double_refuse(self, message, "beyond the limit of the action");
        return;
    }
    double_state(self, message, body, "authorised");
    double_state(self, message, body, "accepted");
    self->speed = (int64_t)speed;
    double_state(self, message, body, "confirmed");
}

static void double_message(EnablerDouble *self, const BusMessage *message)
{
    json_t *body = json_loadb((const char *)message->body.data, message->body.size, 0, NULL);
    switch (message->id) {
    case SII_REGISTER:
        double_register(self, message, body);
        break;
    case SII_DISCOVER:
        double_systems(self, message);
        break;
    case SII_DESCRIBE:
        double_models(self, message);
        break;
    case SII_ACCESS:
        double_grant(self, message, body);
        break;
    case SII_SUBSCRIBE:
        snprintf(self->subscriber, sizeof self->subscriber, "%s", message->from);
        self->subscribed++;
        self->snapshot_due = true;
        break;
    case SII_INVOKE:
        double_invoke(self, message, body);
        break;
    case SII_ALARM:
        self->alarms++;
        snprintf(self->last_alarm, sizeof self->last_alarm, "%.*s", (int)message->body.size,
                 (const char *)message->body.data);
        break;
    default:
        break;
    }
    json_decref(body);
}

/* Takes everything that has come. */
__attribute__((unused)) static void double_poll(EnablerDouble *self, TimeNs now)
{
    BusEvent event;
    while (bus_poll(self->hub, now, &event) == STATUS_OK) {
        if (event.type == BUS_MESSAGE && !self->silent) {
            double_message(self, &event.message);
        }
    }
    bus_flush(self->hub, now);
}

/* Sends the values of all pumps to who has subscribed: temperature in tenths, and the speed. */
__attribute__((unused)) static void double_sync(EnablerDouble *self, TimeNs time, int64_t temperature,
                                                bool restarted)
{
    size_t count = 0;
    for (uint32_t thing = 0; thing < (self->other_things ? 2 : 1); thing++) {
        for (uint8_t property = 0; property < 2; property++) {
            self->samples[count++] = (SyncSample){ .thing = thing,
                                                   .property = property,
                                                   .quality = QUALITY_GOOD,
                                                   .sequence = (uint32_t)(time / TIME_SECOND),
                                                   .code = property == 0 ? temperature : self->speed,
                                                   .source_time = time };
        }
    }
    self->batch = (SyncBatch){ .samples = self->samples,
                               .count = count,
                               .source_clock = time,
                               .restarted = restarted,
                               .snapshot = self->snapshot_due };
    self->snapshot_due = false;
    BusMessage message = { .id = SII_SYNC, .sync = &self->batch };
    snprintf(message.to, sizeof message.to, "%s", self->subscriber);
    snprintf(message.subject, sizeof message.subject, "plant");
    if (self->subscriber[0] && bus_send(self->hub, &message) != STATUS_OK) {
        self->subscriber[0] = '\0';
    }
}

#endif
