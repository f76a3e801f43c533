/* value.h - what a property of a thing can hold, and its exact integer code on the wire.
 * A code is an int64 whose meaning the Thing Description fixes, the same on server and client:
 *   STEPS    number or integer with multipleOf: value = code × resolution
 *   EXACT    number without multipleOf: the IEEE 754 binary64 bits; nothing is rounded
 *   BOOLEAN  0 or 1
 *   ENUM     index into the property's list of names
 *   TEXT     id in the world's TextTable (text.h) */
#ifndef SHARED_MODEL_VALUE_H
#define SHARED_MODEL_VALUE_H
#include "shared/base/status.h"
#include "shared/base/time.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum ChannelEncoding {
    CHANNEL_STEPS,
    CHANNEL_EXACT,
    CHANNEL_BOOLEAN,
    CHANNEL_ENUM,
    CHANNEL_TEXT
} ChannelEncoding;

/* NONE: never reported since start or since the replay looped. GOOD. STALE: three declared periods without a
 * sample. BAD: the source said so, or the value was outside what the Thing Description allows. */
#define QUALITY_TABLE(X) X(NONE, "none") X(GOOD, "good") X(STALE, "stale") X(BAD, "bad")

typedef enum Quality {
#define QUALITY_ENUM(name, text) QUALITY_##name,
    QUALITY_TABLE(QUALITY_ENUM)
#undef QUALITY_ENUM
        QUALITY_COUNT
} Quality;

/* "none", "good", "stale" or "bad". */
const char *quality_name(Quality quality);

/* A value as people and files see it, before it becomes a code. `text` is borrowed. */
typedef enum ValueType { VALUE_NUMBER, VALUE_BOOLEAN, VALUE_TEXT } ValueType;
typedef struct Value {
    ValueType type;
    double number;
    bool boolean;
    const char *text;
} Value;

/* The last reported value of one property. */
typedef struct Reported {
    int64_t code;
    TimeNs source_time; /* Unix epoch; TIME_NONE while quality is NONE */
    uint8_t quality;    /* Quality */
} Reported;

#endif
