/* interface_trace.h - what passes over the interfaces, seen at the hub: counters by message and direction,
 * how long answers take, the newest messages for a live list, and each as a record for a file. Bodies are not
 * kept. Pure: the clocks are given; one owner. */
#ifndef SHARED_SYSTEMS_INTERFACE_TRACE_H
#define SHARED_SYSTEMS_INTERFACE_TRACE_H
#include "shared/systems/bus.h"

#define INTERFACE_ID_TEXT_SIZE 33
#define INTERFACE_LINE_SIZE    640 /* of interface_trace_format */

typedef struct InterfaceRecord {
    uint64_t number; /* from 1 */
    TimeNs time;     /* Unix ns */
    FamilyId id;
    uint8_t step; /* of the integration procedure, 1..7; 0: of none */
    char from[SYSTEM_NAME_SIZE], to[SYSTEM_NAME_SIZE], subject[SYSTEM_NAME_SIZE];
    uint64_t correlation;
    size_t size;    /* of the body; SYNC as bus.h says */
    size_t samples; /* of SYNC */
    TimeNs latency; /* of the first answer to a request, TIME_NONE else */
    char grant[INTERFACE_ID_TEXT_SIZE], command[INTERFACE_ID_TEXT_SIZE]; /* "": the body has none */
} InterfaceRecord;

typedef struct InterfaceCounters {
    uint64_t messages, bytes;
    uint64_t answers;                /* … that were the first to a request */
    TimeNs latency_sum, latency_max; /* of those */
} InterfaceCounters;

typedef struct InterfaceTraceConfig {
    uint32_t recent; /* records kept; default 1,024 */
    TimeNs (*monotonic)(void);
    TimeNs (*wall)(void);
    void (*record)(void *context, const InterfaceRecord *record); /* each; NULL: nobody */
    void *context;
} InterfaceTraceConfig;

typedef struct InterfaceTrace InterfaceTrace; /* opaque */

/* STATUS_OUT_OF_MEMORY. */
NODISCARD Status interface_trace_create(const InterfaceTraceConfig *config, InterfaceTrace **out_trace);
void interface_trace_destroy(InterfaceTrace *trace);

/* For bus_set_tap; the trace outlives the hub, or the tap is taken off first. */
BusTap interface_trace_tap(InterfaceTrace *trace);

/* Of one kind of message (its direction is in the table). Never NULL. */
const InterfaceCounters *interface_trace_counters(const InterfaceTrace *trace, FamilyId id);

/* Copies up to `capacity` records with numbers above `after`, the oldest kept first; their count. */
size_t interface_trace_recent(const InterfaceTrace *trace, uint64_t after, InterfaceRecord *out,
                              size_t capacity);

/* The step of the integration procedure (REFERENCE_MODEL) that a message belongs to; 0: none. */
uint8_t interface_trace_step(FamilyId id);

/* One JSON object without line end:
 * {"time":…,"interface":"DII","step":1,"message":"DII_REGISTER","from":"plant","to":"enabler","subject":"plant",
 * "correlation":1,"size":120[,"samples":…][,"latency_us":…][,"grant":"…"][,"command":"…"]}. Returns `out`. */
const char *interface_trace_format(const InterfaceRecord *record, char out[INTERFACE_LINE_SIZE]);

#endif
