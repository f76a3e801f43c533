/* status.h - what an operation that can fail returns.
 * One table gives code, name and text; a Status is never ignored (NODISCARD). */
#ifndef SHARED_BASE_STATUS_H
#define SHARED_BASE_STATUS_H

#define NODISCARD __attribute__((warn_unused_result))

/* X(NAME, text a person can read) */
#define STATUS_TABLE(X)                                    \
    X(OK, "ok")                                            \
    X(EMPTY, "nothing available right now")                \
    X(END, "end of input")                                 \
    X(INVALID_ARGUMENT, "invalid argument")                \
    X(OUT_OF_MEMORY, "out of memory")                      \
    X(CAPACITY, "a configured capacity is exhausted")      \
    X(TRUNCATED, "input ends too early")                   \
    X(MALFORMED, "malformed input")                        \
    X(OUT_OF_RANGE, "value out of range")                  \
    X(UNSUPPORTED, "unsupported feature")                  \
    X(NOT_FOUND, "not found")                              \
    X(DUPLICATE, "duplicate")                              \
    X(NO_BASELINE, "the baseline it refers to is unknown") \
    X(VERSION_MISMATCH, "protocol versions differ")        \
    X(HASH_MISMATCH, "content hash differs")               \
    X(NOT_ALLOWED, "not allowed in this state or role")    \
    X(TIMED_OUT, "timed out")                              \
    X(DISCONNECTED, "connection lost")                     \
    X(ADDRESS_IN_USE, "address already in use")            \
    X(IO_ERROR, "input/output error")                      \
    X(DEVICE_ERROR, "graphics or window system error")

typedef enum Status {
#define STATUS_ENUM(name, text) STATUS_##name,
    STATUS_TABLE(STATUS_ENUM)
#undef STATUS_ENUM
        STATUS_COUNT
} Status;

/* The text of `status` ("malformed input"); never NULL, static storage. */
const char *status_text(Status status);

/* The name of `status` ("MALFORMED") for logs and JSON; never NULL, static storage. */
const char *status_name(Status status);

#endif
