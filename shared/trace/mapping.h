/* mapping.h - how the columns and rows of a text file become samples of things. Format:
 * shared/trace/MAPPING.md. Pure. Everything lives in the Arena given to the loader. */
#ifndef SHARED_TRACE_MAPPING_H
#define SHARED_TRACE_MAPPING_H
#include "shared/trace/trace.h"

typedef struct TraceMapping TraceMapping; /* opaque */

/* Reads and validates a mapping (JSON, untrusted) against `world`: entities, properties and units it names
 * must exist. `path` names it in messages. On failure *out_mapping is unchanged and `diag` names path, line
 * and field. */
NODISCARD Status trace_mapping_load(Bytes json, const char *path, const World *world, Arena *arena,
                                    TraceMapping **out_mapping, Diag *diag);

#endif
