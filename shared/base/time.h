/* time.h - time as a parameter.
 * Nothing below a main() reads a clock: every function that needs the time takes a TimeNs. The two kinds of
 * time are both int64 nanoseconds and never mixed: monotonic time (origin arbitrary, per machine) drives
 * loops and networking; source time (Unix epoch) is what a sensor stamped on its sample. */
#ifndef SHARED_BASE_TIME_H
#define SHARED_BASE_TIME_H
#include <stdint.h>

typedef int64_t TimeNs;

#define TIME_US      INT64_C(1000)
#define TIME_MS      INT64_C(1000000)
#define TIME_SECOND  INT64_C(1000000000)
#define TIME_MINUTE  (60 * TIME_SECOND)
#define TIME_NONE    INT64_MIN /* "no time yet" */
#define TIME_FOREVER INT64_MAX

static inline double time_to_seconds(TimeNs time)
{
    return (double)time / 1e9;
}

/* Seconds to nanoseconds, rounded; the caller keeps |seconds| < 9.2e9. */
static inline TimeNs time_from_seconds(double seconds)
{
    return (TimeNs)(seconds * 1e9 + (seconds < 0 ? -0.5 : 0.5));
}

#endif
