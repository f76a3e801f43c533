/* mapping_rules.h - a mapping as its reader uses it; private to shared/trace. What each field means is said
 * in MAPPING.md. Pure. */
#ifndef SHARED_TRACE_MAPPING_RULES_H
#define SHARED_TRACE_MAPPING_RULES_H
#include "shared/trace/csv_scan.h"
#include "shared/trace/mapping.h"
#include "shared/trace/pattern.h"
#include "shared/trace/time_format.h"

#define MAPPING_RULES_MAX       1024
#define MAPPING_KEYS_MAX        8 /* columns that the rules of a long form look at */
#define MAPPING_MISSING_MAX     32
#define MAPPING_VALUES_MAX      256
#define MAPPING_NAME_MAX        255 /* bytes of a column name, missing mark or value */
#define MAPPING_SKIP_LINES_MAX  1000
#define MAPPING_KEY_FIELDS_SIZE 4096 /* bytes of one row's key fields together */

typedef struct MappingValue {
    const char *text; /* in the file */
    size_t size;
    Value value;
} MappingValue;

typedef struct MappingCondition {
    uint32_t key; /* index in TraceMapping.keys */
    Pattern pattern;
} MappingCondition;

typedef struct MappingRule {
    MappingCondition *conditions; /* long form */
    uint32_t condition_count;
    Pattern column; /* wide form */
    Pattern thing, property;
    const char *unit; /* NULL: the property's own, or scale and offset */
    double scale, offset;
    MappingValue *values;
    uint32_t value_count;
} MappingRule;

/* Where a field's value goes. `rule` NULL: nowhere. */
typedef struct MappingTarget {
    const MappingRule *rule;
    const Property *declared;
    uint32_t thing;
    uint8_t property;
    bool converts; /* scale and offset are not 1 and 0 */
    double scale, offset;
} MappingTarget;

struct TraceMapping {
    bool wide, header, index_column, strict;
    char delimiter, decimal_mark;
    uint32_t skip_lines;
    const char **column_names; /* NULL: from the header */
    uint32_t column_count;
    CsvField missing[MAPPING_MISSING_MAX];
    uint32_t missing_count;
    size_t missing_longest;
    TimeFormat time;
    const char *time_column, *value_column; /* value_column NULL in wide form */
    const char *keys[MAPPING_KEYS_MAX];     /* columns named by conditions */
    uint32_t key_count;
    MappingRule *rules;
    uint32_t rule_count;
    const char *path;
    const World *world; /* borrowed */
    uint32_t *index;    /* hash table of things by id, index + 1; 0 free */
    uint32_t index_mask;
};

/* The index of the thing called `id`, or -1; in constant time, unlike world_thing_index. */
int mapping_thing_index(const TraceMapping *mapping, const char *id);

/* Builds the table that mapping_thing_index looks in. STATUS_OUT_OF_MEMORY. */
NODISCARD Status mapping_index_things(TraceMapping *mapping, Arena *arena);

/* Where the long-form row with these fields (one for each of `keys`) goes; out_target->rule is NULL when
 * nowhere. */
void mapping_bind_row(const TraceMapping *mapping, const CsvField *keys, MappingTarget *out_target);

/* The same for a wide-form column. *out_rule is the rule that matched, or NULL. */
void mapping_bind_column(const TraceMapping *mapping, const char *name, const MappingRule **out_rule,
                         MappingTarget *out_target);

/* Fills `out_target` for a property, unless no unit conversion leads to it: then false. */
bool mapping_bind_property(const MappingRule *rule, const World *world, uint32_t thing, uint8_t property,
                           MappingTarget *out_target);

/* Whether field[0..size), without spaces around it, is a missing mark. */
bool mapping_is_missing(const TraceMapping *mapping, const char *field, size_t size);

#endif
