/* field_value.h - one field of a text table as the code of the property it is bound to. Pure. */
#ifndef SHARED_TRACE_FIELD_VALUE_H
#define SHARED_TRACE_FIELD_VALUE_H
#include "shared/trace/mapping_rules.h"

/* The field without spaces and tabs around it. `text` of the result is not terminated. */
CsvField field_trim(CsvField field);

/* Reads `field` (terminated) as the property of `target` says, with the mapping's decimal mark. Statuses as
 * number_parse and property_encode; *out_reason (static storage) then says what was wrong and *out_code is
 * unchanged. */
NODISCARD Status field_encode(const TraceMapping *mapping, const MappingTarget *target, CsvField field,
                              TextTable *texts, int64_t *out_code, const char **out_reason);

#endif
