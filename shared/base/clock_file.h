/* clock_file.h - the machine's clocks. Included by mains and edge files only (check_layers enforces it). */
#ifndef SHARED_BASE_CLOCK_FILE_H
#define SHARED_BASE_CLOCK_FILE_H
#include "shared/base/time.h"

#include <stddef.h>

/* Monotonic time; never steps back, origin arbitrary. */
TimeNs clock_monotonic(void);

/* Wall-clock time since the Unix epoch. */
TimeNs clock_wall(void);

/* CPU time this process has used, user + system. */
TimeNs clock_process_cpu(void);

/* Sleeps until monotonic time `deadline` (returns at once when it has passed) or until a signal arrives. */
void clock_sleep_until(TimeNs deadline);

/* Returns when one of `fds` is readable, and after `timeout` or a signal at the latest. */
void clock_wait_readable(const int *fds, size_t count, TimeNs timeout);

#endif
