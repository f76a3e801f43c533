/* system_list.c - the answer to SYSTEMS: which systems of the reference model there are, and which things of
 * the world nobody stands behind. */
#include "server/metaverse/state.h"

#include <stdio.h>

#define ANSWER_INTERVAL TIME_SECOND
#define UNBOUND_MAX     1024u /* things named; the rest is only counted */

Status system_list_create(Metaverse *metaverse)
{
    ByteBuffer *list = &metaverse->integration.list;
    *list = (ByteBuffer){ .data = arena_alloc(&metaverse->arena, UNBOUND_SIZE_MAX, 1),
                          .capacity = UNBOUND_SIZE_MAX };
    return list->data == NULL ? STATUS_OUT_OF_MEMORY : STATUS_OK;
}

void system_list_ask(Metaverse *metaverse, Session *session)
{
    metaverse->integration.systems_asked += !session->asks_systems;
    session->asks_systems = true;
}

void system_list_forget(Metaverse *metaverse, Session *session)
{
    metaverse->integration.systems_asked -= session->asks_systems;
    session->asks_systems = false;
}

static void send_entry(Metaverse *metaverse, Session *session, SystemMessage *system,
                       const SystemEntry *entry, const char *reason)
{
    Message message = { .id = MESSAGE_SYSTEM };
    message_clean_text(entry->name, system->name, sizeof system->name);
    message_clean_text(entry->title, system->title, sizeof system->title);
    message_clean_text(entry->domain, system->domain, sizeof system->domain);
    message_clean_text(reason, system->reason, sizeof system->reason);
    message.system = *system;
    session_send(metaverse, session, &message);
    system->index++;
}

static void describe_self(Metaverse *metaverse, Session *session, SystemMessage *system)
{
    const Integration *integration = &metaverse->integration;
    uint32_t things = metaverse->world->thing_count;
    SystemEntry entry = { .kind = SYSTEM_METAVERSE };
    char reason[REASON_SIZE] = "";
    snprintf(entry.name, sizeof entry.name, "%s", integration_name(metaverse));
    snprintf(entry.title, sizeof entry.title, "%s", metaverse->world->title);
    snprintf(entry.domain, sizeof entry.domain, "%s",
             metaverse->config.domain != NULL ? metaverse->config.domain : "");
    system->kind = WIRE_SYSTEM_METAVERSE;
    system->things = things;
    if (integration->consumer == NULL) { /* values come from within the process */
        snprintf(reason, sizeof reason, "this server has no integration enabler");
        system->bound = things;
        system->up = 1;
    } else {
        system->bound = integration->bound;
        system->up = integration->registered;
        if (!integration->registered) {
            snprintf(reason, sizeof reason, "the integration enabler cannot be reached");
        } else if (integration->bound < things) {
            snprintf(reason, sizeof reason, "%u things are not bound",
                     (unsigned)(things - integration->bound));
        }
    }
    send_entry(metaverse, session, system, &entry, reason);
}

static void send_systems(Metaverse *metaverse, Session *session)
{
    const Integration *integration = &metaverse->integration;
    SystemMessage system = { .count = 1 };
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        system.count = (uint8_t)(system.count + (integration->links[i].entry.name[0] != '\0'));
    }
    uint32_t room = WIRE_SYSTEMS_MAX - system.count;
    uint32_t services = integration->service_count < room ? integration->service_count : room;
    system.count = (uint8_t)(system.count + services);
    describe_self(metaverse, session, &system);
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        const SystemLink *link = &integration->links[i];
        if (link->entry.name[0] != '\0') {
            system.kind = WIRE_SYSTEM_TWIN;
            system.up = link->entry.up && integration->registered;
            system.rights = (uint8_t)(link->rights & (RIGHT_READ | RIGHT_ACTUATE));
            system.things = link->thing_count > 0 ? link->thing_count : link->entry.things;
            system.bound = link->bound;
            system.syncs = (uint16_t)(link->syncs_before < UINT16_MAX ? link->syncs_before : UINT16_MAX);
            send_entry(metaverse, session, &system, &link->entry, link->reason);
        }
    }
    for (uint32_t i = 0; i < services; i++) {
        const SystemEntry *entry = &integration->services[i];
        system = (SystemMessage){ .index = system.index,
                                  .count = system.count,
                                  .kind = (uint8_t)entry->kind,
                                  .up = entry->up && integration->registered,
                                  .things = entry->things };
        send_entry(metaverse, session, &system, entry, "");
    }
}

static void send_unbound(Metaverse *metaverse, Session *session)
{
    Integration *integration = &metaverse->integration;
    Message message = { .id = MESSAGE_UNBOUND };
    uint32_t named = 0;
    integration->list.size = 0;
    for (uint32_t i = 0; integration->consumer != NULL && i < metaverse->world->thing_count; i++) {
        UnboundEntry entry = { .thing = i };
        if (integration->link_of[i] != NO_LINK || named++ >= UNBOUND_MAX) {
            continue;
        }
        message_clean_text(integration->unbound[i], entry.reason, sizeof entry.reason);
        if (unbound_entry_write(&entry, &integration->list) == STATUS_CAPACITY) {
            message.unbound.entries = bytes_of(integration->list.data, integration->list.size);
            session_send(metaverse, session, &message);
            integration->list.size = 0;
            i--, named--; /* again, into the empty list */
        }
    }
    message.unbound.last = 1;
    message.unbound.entries = bytes_of(integration->list.data, integration->list.size);
    session_send(metaverse, session, &message);
}

void system_list_tell(Metaverse *metaverse)
{
    Integration *integration = &metaverse->integration;
    for (uint16_t i = 0; i < metaverse->live_count && integration->systems_asked > 0; i++) {
        Session *session = &metaverse->sessions[metaverse->live[i]];
        if (!session->asks_systems ||
            (session->systems_told != 0 && metaverse->now - session->systems_told < ANSWER_INTERVAL)) {
            continue;
        }
        system_list_forget(metaverse, session);
        session->systems_told = metaverse->now;
        send_systems(metaverse, session);
        send_unbound(metaverse, session);
    }
}
