/* thing.h - a thing as its W3C Thing Description 1.1 declares it: properties, actions, events.
 * Pure. Everything a ThingModel points to lives in the Arena given to the loader. Several things of a world
 * may share one ThingModel. Terms beyond the W3C vocabulary use the prefix "dtmv:" (context
 * https://dtmv.example/ns#), in properties:
 *   dtmv:period   expected seconds between samples (0 or absent: event-driven, never stale)
 *   dtmv:label    short name for a label, used instead of `title`
 * and in actions:
 *   dtmv:target     the property that the action drives: its reported value confirms the action
 *   dtmv:value      what the target is to become, for an action without input (else: the input)
 *   dtmv:tolerance  how close is confirmed, in the target's unit; its resolution when absent
 *   dtmv:timeout    seconds until it counts as failed; 10 when absent
 *   dtmv:emergency  true: supersedes whatever is under way on the thing
 *   dtmv:interlocks array of {"property", "minimum", "maximum", "not" (array of texts), "text"}: what must
 * hold of the thing's own reported values for the action to be allowed, and what to say when it does not */
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

#define ACTION_INTERLOCKS_MAX 8
#define NO_PROPERTY           UINT8_MAX

/* Holds when the reported number is within minimum..maximum, and the reported name is not among `not_codes`.
 * A property that has no good value lets nothing pass. */
typedef struct Interlock {
    uint8_t property;
    double minimum, maximum;  /* -INFINITY and INFINITY when not declared */
    const int64_t *not_codes; /* of an ENUM or BOOLEAN property */
    uint32_t not_count;
    const char *text; /* why not, for people */
} Interlock;

typedef struct Action {
    const char *name, *title;
    bool has_input;
    PropertyType input_type;
    double input_minimum, input_maximum;
    const char *input_unit;
    uint8_t target;       /* index of the property it drives; NO_PROPERTY: acceptance by the device is all */
    bool has_target_code; /* without input: what the target is to become */
    int64_t target_code;
    double tolerance; /* in the target's unit */
    TimeNs timeout;
    bool emergency;
    const Interlock *interlocks;
    uint32_t interlock_count; /* <= ACTION_INTERLOCKS_MAX */
} Action;

typedef struct Event {
    const char *name, *title;
} Event;

typedef struct ThingModel {
    const char *path;  /* asset name it was loaded from */
    const char *title; /* of the kind of thing */
    Bytes json;        /* the text it was loaded from: what is published of it */
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

/* The index of the action called `name`, or -1. */
int thing_action_index(const ThingModel *model, const char *name);

/* Whether `value` (NULL: none given) is an input that `action` takes: STATUS_OK, STATUS_INVALID_ARGUMENT
 * (missing, not wanted, of another type), STATUS_OUT_OF_RANGE (outside its limits, not finite). */
NODISCARD Status action_check_input(const Action *action, const Value *value);

/* What `action` makes of its target: *out_code is the code wished. STATUS_UNSUPPORTED when it has no target
 * or nothing says what becomes of it; statuses of property_encode. */
NODISCARD Status action_desired(const ThingModel *model, const Action *action, const Value *value,
                                TextTable *texts, int64_t *out_code);

/* Whether a reported value confirms the wished one. */
bool action_confirmed(const ThingModel *model, const Action *action, int64_t desired,
                      const Reported *reported);

/* The first interlock that does not hold, by the reported values (one a property, in order); NULL: all hold.
 */
const Interlock *action_blocked(const ThingModel *model, const Action *action, const Reported *reported);

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
