/* field.h - what lies between the physical world and a digital twin system when both are in one process: a
 * field bus of function calls instead of MQTT. server/physical implements it, server/twin's sim feed uses it;
 * the process that has both joins them. Names and units are those of the Thing Descriptions. Pure; one owner.
 */
#ifndef SHARED_SYSTEMS_FIELD_H
#define SHARED_SYSTEMS_FIELD_H
#include "shared/base/status.h"
#include "shared/base/time.h"
#include "shared/model/value.h"
#include "shared/systems/families.h"

#include <stddef.h>

/* One measurement, as a device tells it. */
typedef struct FieldSample {
    uint32_t thing;     /* index in World.things */
    uint8_t property;   /* index in the thing's model */
    uint8_t quality;    /* QUALITY_GOOD, or QUALITY_BAD: the device knows that its sensor is wrong */
    int64_t code;       /* property_encode's */
    TimeNs source_time; /* Unix ns, of the device's clock */
} FieldSample;

/* What a device is asked to do. */
typedef struct FieldCommand {
    char command[COMMAND_ID_SIZE];
    uint32_t thing;
    uint8_t action; /* index in the thing's model */
    bool has_value;
    Value value;        /* text is borrowed for the call */
    TimeNs source_time; /* of the newest value the sender had seen; TIME_NONE: nothing */
} FieldCommand;

/* What it says to that. Acceptance only: confirmation is a reported value. */
typedef struct FieldAnswer {
    char command[COMMAND_ID_SIZE];
    bool accepted;
    char reason[128]; /* of a refusal */
} FieldAnswer;

typedef struct FieldOps {
    /* Measurements that fell due by monotonic `now`, in order; call again while *out_count == capacity. */
    Status (*poll)(void *context, TimeNs now, FieldSample *out_samples, size_t capacity, size_t *out_count);
    TimeNs (*next_due)(const void *context); /* when poll will have something */
    TimeNs (*clock)(const void *context);    /* everything measured up to this source time has been polled */
    /* Takes a command, once per id: a repeat gets the same answer and no second deed (R20). Interlocks and
     * limits are checked here too (R17). */
    void (*command)(void *context, TimeNs now, const FieldCommand *command, FieldAnswer *out_answer);
    void (*heard)(void *context, TimeNs now); /* the link is alive; silence brings the safe state (R19) */
} FieldOps;

typedef struct Field {
    const FieldOps *ops;
    void *context; /* not owned */
} Field;

#endif
