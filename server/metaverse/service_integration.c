/* service_integration.c - third-party service integration function of Y.4239 clause 7: what services have
 * found in what they watch reaches the world as alarms of its things. */
#include "server/metaverse/state.h"

#include "shared/base/log.h"

#include <math.h>
#include <stdio.h>

#define SILENT " (the service is down)"

Status services_create(Metaverse *metaverse)
{
    Integration *integration = &metaverse->integration;
    integration->alarms = arena_new_array(&metaverse->arena, ServiceAlarm, SERVICE_ALARMS_MAX);
    integration->services = arena_new_array(&metaverse->arena, SystemEntry, WIRE_SYSTEMS_MAX);
    return integration->alarms == NULL || integration->services == NULL ? STATUS_OUT_OF_MEMORY : STATUS_OK;
}

/* As it is told: of a service that is down, with a word about that. */
static Message message_of(const ServiceAlarm *alarm)
{
    Message message = { .id = MESSAGE_ALARM, .alarm = alarm->message };
    if (alarm->silent) {
        char text[REASON_SIZE + sizeof SILENT];
        snprintf(text, sizeof text, "%s%s", alarm->message.text, SILENT);
        message_clean_text(text, message.alarm.text, sizeof message.alarm.text);
    }
    return message;
}

static void tell(Metaverse *metaverse, const ServiceAlarm *alarm)
{
    const Message message = message_of(alarm);
    if (message_encode(&message, &metaverse->scratch) != STATUS_OK) {
        return; /* cannot be: everything in it was checked or cleaned */
    }
    Bytes bytes = bytes_of(metaverse->scratch.data, metaverse->scratch.size);
    for (uint16_t i = 0; i < metaverse->live_count; i++) {
        session_send_bytes(metaverse, &metaverse->sessions[metaverse->live[i]], MESSAGE_ALARM, bytes);
    }
}

static bool same_alarm(const AlarmMessage *a, const AlarmMessage *b)
{
    return a->thing == b->thing && a->property == b->property && strcmp(a->service, b->service) == 0 &&
           strcmp(a->rule, b->rule) == 0;
}

/* Its place, or a free one; NULL: there is none. */
static ServiceAlarm *find_place(Metaverse *metaverse, const AlarmMessage *alarm)
{
    ServiceAlarm *place = NULL;
    for (uint32_t i = 0; i < SERVICE_ALARMS_MAX; i++) {
        ServiceAlarm *kept = &metaverse->integration.alarms[i];
        bool used = kept->message.service[0] != '\0';
        if (used && same_alarm(&kept->message, alarm)) {
            return kept;
        }
        place = place == NULL && !used ? kept : place;
    }
    return place;
}

static void keep(Metaverse *metaverse, const AlarmMessage *alarm)
{
    ServiceAlarm *place = find_place(metaverse, alarm);
    if (place == NULL) {
        session_warn(metaverse, alarm->service, "its alarm is not shown: there are too many");
        return;
    }
    bool was = place->message.service[0] != '\0';
    if (!was && !alarm->active) {
        return; /* nobody knew of it */
    }
    metaverse->counters.service_alarms += alarm->active != 0 && !was;
    metaverse->counters.service_alarms -= alarm->active == 0 && was;
    *place = (ServiceAlarm){ .message = *alarm };
    tell(metaverse, place);
    if (!alarm->active) {
        *place = (ServiceAlarm){ 0 };
    }
}

void services_alarm(Metaverse *metaverse, const ConsumerEvent *event)
{
    const World *world = metaverse->world;
    const SystemLink *link = integration_link(metaverse, event->system);
    int thing = world_thing_index(world, event->alarm.thing);
    if (metaverse->integration.alarms == NULL || event->alarm.service[0] == '\0' || link == NULL ||
        thing < 0 ||
        metaverse->integration.link_of[thing] != (uint8_t)(link - metaverse->integration.links)) {
        return; /* of no thing of this world */
    }
    int property = thing_property_index(world->things[thing].model, event->alarm.property);
    AlarmMessage alarm = { .thing = (uint32_t)thing,
                           .property = property < 0 ? NO_WIRE_PROPERTY : (uint8_t)property,
                           .severity = event->alarm.critical ? WIRE_CRITICAL : WIRE_WARNING,
                           .active = event->alarm.active,
                           .score = isfinite(event->alarm.score) ? event->alarm.score : 0,
                           .source_time = event->alarm.source_time };
    message_clean_text(event->alarm.service, alarm.service, sizeof alarm.service);
    message_clean_text(event->alarm.name, alarm.rule, sizeof alarm.rule);
    message_clean_text(event->alarm.text, alarm.text, sizeof alarm.text);
    log_info(LOG_MODULE, "alarm of service '%s': %s, %s: %s", alarm.service, world->things[thing].id,
             alarm.active ? "active" : "over", alarm.text);
    keep(metaverse, &alarm);
}

/* What a service has found stays so while it is down: the enabler ends it when it gives the service up. */
void services_state(Metaverse *metaverse, const char *service, bool up)
{
    for (uint32_t i = 0; i < SERVICE_ALARMS_MAX; i++) {
        ServiceAlarm *alarm = &metaverse->integration.alarms[i];
        if (strcmp(alarm->message.service, service) == 0 && alarm->silent == up) {
            alarm->silent = !up;
            tell(metaverse, alarm);
        }
    }
}

void services_doubt(Metaverse *metaverse)
{
    metaverse->integration.doubt_until = metaverse->now + ALARM_DOUBT;
    for (uint32_t i = 0; i < SERVICE_ALARMS_MAX; i++) {
        metaverse->integration.alarms[i].doubtful = true;
    }
}

void services_sweep(Metaverse *metaverse)
{
    Integration *integration = &metaverse->integration;
    if (integration->doubt_until == TIME_NONE || metaverse->now < integration->doubt_until ||
        !integration->registered) {
        return;
    }
    integration->doubt_until = TIME_NONE;
    for (uint32_t i = 0; i < SERVICE_ALARMS_MAX; i++) {
        AlarmMessage alarm = integration->alarms[i].message;
        if (alarm.service[0] != '\0' && integration->alarms[i].doubtful) {
            alarm.active = 0;
            keep(metaverse, &alarm);
        }
    }
}

void services_welcome(Metaverse *metaverse, Session *session)
{
    for (uint32_t i = 0; i < SERVICE_ALARMS_MAX && metaverse->integration.alarms != NULL; i++) {
        const ServiceAlarm *alarm = &metaverse->integration.alarms[i];
        if (alarm->message.service[0] != '\0') {
            const Message message = message_of(alarm);
            session_send(metaverse, session, &message);
        }
    }
}
