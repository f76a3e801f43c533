/* sparkplug_value.h - metrics as codes of properties, and commands as metrics. Pure. */
#ifndef SERVER_TWIN_SPARKPLUG_VALUE_H
#define SERVER_TWIN_SPARKPLUG_VALUE_H
#include "server/twin/sparkplug.h"
#include "server/twin/sparkplug_mapping.h"

/* Why the value of `metric` (of `type`, told by itself or at its birth) is no value of the target's property
 * (static storage); NULL: it is, and *out_code is it. The metric is not null. */
const char *sparkplug_encode(const SparkplugMetric *metric, uint32_t type, const SparkplugTarget *target,
                             TextTable *texts, int64_t *out_code);

/* `value` of the target's property as a metric of `type`: fills type, field and value of *out_metric, whose
 * text is borrowed from `value` or the mapping. `target` NULL: no conversion. STATUS_OUT_OF_RANGE when the
 * type cannot hold it, STATUS_UNSUPPORTED for a type or value that does not fit together. */
NODISCARD Status sparkplug_decode(const Value *value, uint32_t type, const SparkplugTarget *target,
                                  SparkplugMetric *out_metric);

/* Milliseconds of Sparkplug as Unix ns. False when 64 bits cannot hold it. */
bool sparkplug_time(uint64_t ms, TimeNs *out_time);

#endif
