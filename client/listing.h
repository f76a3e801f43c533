/* listing.h - things and systems as JSON lines (--list-things, --list-systems). Pure. */
#ifndef CLIENT_LISTING_H
#define CLIENT_LISTING_H
#include "client/session/operations.h"
#include "client/session/values.h"

#include <jansson.h>

/* What listings and dumps are made from. */
typedef struct ListingSource {
    const World *world;
    const WorldValues *values;
    const TextTable *texts;
    const Operations *operations;
    TimeNs server_time, source_time; /* shown; TIME_NONE: none */
} ListingSource;

/* Each gives a new reference, or NULL without memory. */
json_t *listing_thing(const ListingSource *source, uint32_t thing);
json_t *listing_system(const SystemMessage *system);
json_t *listing_command(const ListingSource *source, const SessionCommand *command);
json_t *listing_alarm(const ListingSource *source, const AlarmMessage *alarm);

/* A code as people see it: number, boolean or text. */
json_t *listing_value(const Property *property, int64_t code, const TextTable *texts);

/* One line, to be freed by the caller; takes the reference. NULL without memory. */
char *listing_line(json_t *json);

#endif
