#include "shared/base/clock_file.h"

#include <stdbool.h>
#include <sys/select.h>
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

/* pselect and not poll: a wait is often shorter than a millisecond. */
void clock_wait_readable(const int *fds, size_t count, TimeNs timeout)
{
    fd_set readable;
    int above = 0;
    bool watched = true;
    FD_ZERO(&readable);
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= FD_SETSIZE) {
            watched = false;
        } else if (fds[i] >= 0) {
            FD_SET(fds[i], &readable);
            above = fds[i] >= above ? fds[i] + 1 : above;
        }
    }
    if (!watched && timeout > TIME_MS) { /* what cannot be watched is looked at soon */
        timeout = TIME_MS;
    }
    struct timespec limit = { .tv_sec = timeout / TIME_SECOND, .tv_nsec = timeout % TIME_SECOND };
    if (timeout > 0) {
        (void)pselect(above, &readable, NULL, NULL, &limit, NULL);
    }
}
