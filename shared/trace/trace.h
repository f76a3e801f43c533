/* trace.h - sensor traces as a stream of samples, whatever file they come from.
 * Pure: bytes come through TraceInput. Memory is bounded by the buffer, not by the file. */
#ifndef SHARED_TRACE_TRACE_H
#define SHARED_TRACE_TRACE_H
#include "shared/base/bytes.h"
#include "shared/base/diag.h"
#include "shared/model/world.h"

/* Where the bytes of a trace come from. `context` is owned by whoever made the input. */
typedef struct TraceInputOps {
    /* Fills up to `size` bytes; *out_count 0 with STATUS_OK is the end. STATUS_IO_ERROR. */
    Status (*read)(void *context, uint8_t *data, size_t size, size_t *out_count);
    /* Back to the first byte. STATUS_IO_ERROR, STATUS_UNSUPPORTED for a pipe. */
    Status (*rewind)(void *context);
} TraceInputOps;

typedef struct TraceInput {
    const TraceInputOps *ops;
    void *context;
} TraceInput;

/* One value of one property at one time, already in the thing's own terms. */
typedef struct TraceSample {
    TimeNs source_time;
    uint32_t thing;   /* index in World.things */
    uint8_t property; /* index in the thing's model */
    uint8_t quality;  /* QUALITY_GOOD, or QUALITY_BAD with code 0 when the row was marked or could not be
                         understood, or (live feeds) QUALITY_STALE: known not to be current */
    int64_t code;
} TraceSample;

/* Everything a reader met, for status lines and `dtmv-trace info`. MAPPING.md defines each word. A *step* is
 * the positive difference between the times of two samples of one property that follow each other. */
typedef struct TraceCounters {
    uint64_t bytes, rows, samples;
    uint64_t bad;            /* of the samples: quality BAD */
    uint64_t equal_times;    /* row time equal to the row before */
    uint64_t backward_times; /* row time before the row before: delivered as it stands, the thing drops and
                                counts it */
    uint64_t gaps;           /* steps longer than 2 x the property's period */
    uint64_t jittered;       /* steps more than 1 % off the period that are no gaps */
    uint64_t clock_resets;   /* series whose time was set back for good, see steps.h */
    TimeNs largest_gap;      /* 0: none */
    TimeNs first_time, last_time, latest_time; /* TIME_NONE before the first row; latest is the maximum */
    uint64_t missing;                          /* fields marked as missing: no sample */
    uint64_t unmapped;                         /* rows or columns that the mapping does not use */
    uint64_t refused; /* rows not understood, and fields not understood in rows that were; first one kept in
                         Diag */
} TraceCounters;

/* What the samples of one property looked like in time. */
typedef struct TraceSeries {
    uint64_t samples, bad;
    uint64_t steps, gaps, jittered;
    uint64_t clock_resets;
    TimeNs first_time, last_time; /* in file order; TIME_NONE before the first */
    TimeNs latest_time;           /* the maximum since the clock was last set back */
    TimeNs back_time;             /* of the last sample that may follow a clock reset */
    uint32_t back_count;          /* such samples in a row, each later than the one before */
    TimeNs period;                /* declared by the Thing Description, else learned; 0: not known yet */
    TimeNs shortest_step, longest_step, largest_gap; /* 0: none; longest_step counts gaps too */
} TraceSeries;

#endif
