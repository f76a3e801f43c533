/* input_file.h - a trace on disk. */
#ifndef SHARED_TRACE_INPUT_FILE_H
#define SHARED_TRACE_INPUT_FILE_H
#include "shared/trace/trace.h"

/* Opens `path`. The caller closes *out_input with trace_input_close. STATUS_NOT_FOUND or STATUS_IO_ERROR with
 * `diag`. */
NODISCARD Status trace_input_open(const char *path, TraceInput *out_input, Diag *diag);
void trace_input_close(TraceInput *input); /* safe on a zeroed input */

/* The same over memory, for tests. `bytes` is borrowed; no close needed but allowed. */
typedef struct TraceMemory {
    Bytes bytes;
    size_t position;
    size_t chunk; /* most bytes a read gives; 0: no limit. Tests use 1 to hit every boundary. */
} TraceMemory;
TraceInput trace_input_memory(TraceMemory *memory);

#endif
