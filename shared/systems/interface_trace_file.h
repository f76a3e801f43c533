/* interface_trace_file.h - the trace of interfaces as a file of JSON lines (`--trace-interfaces`). */
#ifndef SHARED_SYSTEMS_INTERFACE_TRACE_FILE_H
#define SHARED_SYSTEMS_INTERFACE_TRACE_FILE_H
#include "shared/base/diag.h"
#include "shared/systems/interface_trace.h"

typedef struct InterfaceTraceFile InterfaceTraceFile; /* opaque */

/* Opens `path` anew and makes a trace with the machine's clocks whose records go there as lines of
 * interface_trace_format; with `path` NULL one without a file. STATUS_IO_ERROR, STATUS_OUT_OF_MEMORY with
 * `diag`. */
NODISCARD Status interface_trace_file_open(const char *path, InterfaceTraceFile **out_file, Diag *diag);

/* The trace, for its tap, counters and live list; owned by the file. */
InterfaceTrace *interface_trace_file_trace(InterfaceTraceFile *file);

/* Hands what was written to the system, now and then. The first time that something cannot be written goes to
 * the log. */
void interface_trace_file_flush(InterfaceTraceFile *file);

/* Safe on NULL. STATUS_IO_ERROR when something could not be written. */
Status interface_trace_file_close(InterfaceTraceFile *file);

#endif
