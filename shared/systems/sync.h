/* sync.h - synchronisation message of DII and MII: a batch of reported samples, once a tick.
 * Y.4240 names synchronisation in both interface groups; inside one process it is this struct, not bytes: no
 * copies on the sync path. Pure. */
#ifndef SHARED_SYSTEMS_SYNC_H
#define SHARED_SYSTEMS_SYNC_H
#include "shared/model/value.h"

#include <stddef.h>

typedef struct SyncSample {
    uint32_t thing;    /* in the order in which the twin system published its things */
    uint8_t property;  /* index in the thing's model */
    uint8_t quality;   /* Quality */
    uint32_t sequence; /* per thing, from 1, wraps */
    int64_t code;
    TimeNs source_time;
} SyncSample;

/* Samples in the order they were accepted. Borrowed: valid until the producer's next tick. */
typedef struct SyncBatch {
    const SyncSample *samples;
    size_t count;
    TimeNs source_clock; /* every sample with source time ≤ this has been delivered by now; TIME_NONE: no feed
                            yet */
    bool
        restarted; /* the source began again (loop): forget all reported values before applying the samples */
    bool snapshot; /* every value that the sender has is here; what is not here has none */
} SyncBatch;

typedef struct SyncSchema SyncSchema; /* what a batch refers to: sync_codec.h */

#endif
