/* thing.h - a thing as its W3C Thing Description 1.1 declares it: properties, actions, events.
 * Pure. Everything a ThingModel points to lives in the Arena given to the loader. Several things of a world
 * may share one ThingModel. Terms beyond the W3C vocabulary use the prefix "dtmv:" (context
 * https://dtmv.example/ns#), in properties:
 *   dtmv:period   expected seconds between samples (0 or absent: event-driven, never stale)
 *   dtmv:label    short name for a label, used instead of `title` */
#ifndef SHARED_MODEL_THING_H
#define SHARED_MODEL_THING_H
#include "shared/base/arena.h"
#include "shared/base/bytes.h"
#include "shared/base/diag.h"
#include "shared/model/text.h"
#include "shared/model/value.h"

#define THING_PROPERTIES_MAX 16 /* the channels of a world entity */

typedef enum PropertyType { PROPERTY_NUMBER, PROPERTY_INTEGER, PROPERTY_BOOLEAN, PROPERTY_TEXT } PropertyType;

typedef struct Property {
    const char *name;  /* key in the Thing Description; at most 63 bytes */
    const char *title; /* for people: dtmv:label, else title, else name */
    const char *unit;  /* "degC", "1/min", "" when none */
    PropertyType type;
    ChannelEncoding encoding;
    double minimum, maximum; /* -INFINITY and INFINITY when not declared */
    double resolution;       /* multipleOf; 1 for an integer, 0 for a number when not declared */
    TimeNs period;           /* dtmv:period; 0 when not declared */
    bool read_only, observable;
    const char *const *enum_names; /* for CHANNEL_ENUM */
    uint32_t enum_count;
} Property;

typedef struct Action {
    const char *name, *title;
    bool has_input;
    PropertyType input_type;
    double input_minimum, input_maximum;
    const char *input_unit;
} Action;

typedef struct Event {
    const char *name, *title;
} Event;

typedef struct ThingModel {
    const char *path;  /* asset name it was loaded from */
    const char *title; /* of the kind of thing */
    Property *properties;
    uint32_t property_count; /* ≤ THING_PROPERTIES_MAX */
    Action *actions;
    uint32_t action_count;
    Event *events;
    uint32_t event_count;
} ThingModel;

/* Reads one Thing Description (JSON, untrusted). `path` names it in messages. On failure *out_model is
 * unchanged and `diag` names path, line and field: STATUS_MALFORMED (JSON or structure), STATUS_OUT_OF_RANGE
 * (min > max, multipleOf ≤ 0, too many properties), STATUS_UNSUPPORTED (a property of type object or array,
 * an enum of numbers, an exclusive limit), STATUS_DUPLICATE (a name twice in an enum), STATUS_OUT_OF_MEMORY.
 */
NODISCARD Status thing_model_load(Bytes json, const char *path, Arena *arena, ThingModel *out_model,
                                  Diag *diag);

/* The index of the property called `name`, or -1. */
int thing_property_index(const ThingModel *model, const char *name);

/* Turns `value` into the code of `property`. A number is accepted for BOOLEAN when 0 or 1; text for ENUM must
 * be one of its names; TEXT is added to `texts` (NULL allowed for properties that are not TEXT). Returns
 * STATUS_INVALID_ARGUMENT for a wrong type, STATUS_OUT_OF_RANGE for a non-finite number, one outside
 * minimum..maximum or beyond ±2^53 steps, or an unknown enum name, STATUS_CAPACITY when the text table is
 * full. On failure *out_code is unchanged. */
NODISCARD Status property_encode(const Property *property, Value value, TextTable *texts, int64_t *out_code);

/* The value behind `code`. Any code is safe: an enum index or text id out of range gives the text "?". Text
 * is borrowed from the property or from `texts`. Numbers in steps are code × resolution, computed so that 0.1
 * steps print as such. An EXACT number is whatever bits came, so it may not be finite: check before using it
 * in arithmetic. */
Value property_decode(const Property *property, int64_t code, const TextTable *texts);

/* "21.5", "ACTIVE", "true": with as many decimals as the resolution has (EXACT: 6 significant digits), no
 * unit. Returns `out`. */
const char *property_format(const Property *property, int64_t code, const TextTable *texts, char *out,
                            size_t size);

#endif
