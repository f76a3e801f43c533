#include "shared/base/clock_file.h"

#include <time.h>

static TimeNs read_clock(clockid_t clock)
{
    struct timespec now = { 0 };
    clock_gettime(clock, &now);
    return (TimeNs)now.tv_sec * TIME_SECOND + now.tv_nsec;
}

TimeNs clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

TimeNs clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

TimeNs clock_process_cpu(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void clock_sleep_until(TimeNs deadline)
{
    struct timespec until = { .tv_sec = deadline / TIME_SECOND, .tv_nsec = deadline % TIME_SECOND };
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}
